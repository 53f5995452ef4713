//go:build linux || darwin

package workspace

import (
	"bytes"
	"os"

	"golang.org/x/sys/unix"
)

// maxAttributes is how many bytes of names, and of one value, are copied: ext4 keeps 4 KiB in all, XFS and APFS
// allow 64 KiB a value.
const maxAttributes = 64 << 10

// copyAttributes copies access lists, labels and tags, as far as the system lets us.
func copyAttributes(to, from *os.File) {
	names := make([]byte, maxAttributes)
	n, err := unix.Flistxattr(int(from.Fd()), names)
	if err != nil || n <= 0 {
		return
	}
	value := make([]byte, maxAttributes)
	for name := range bytes.SplitSeq(bytes.TrimSuffix(names[:n], []byte{0}), []byte{0}) {
		// A capability is a right that was given to the old text.
		if string(name) == "security.capability" {
			continue
		}
		if size, err := unix.Fgetxattr(int(from.Fd()), string(name), value); err == nil {
			unix.Fsetxattr(int(to.Fd()), string(name), value[:size], 0)
		}
	}
}
