package workspace

import (
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/windows"
)

// openFlags: nothing that waits can be opened by name in a folder.
const openFlags = 0

// device is a volume; none is told from another, because one that is mounted in a folder is a reparse point and no folder
// to os.Root.
type device struct{}

func deviceOf(fs.FileInfo) device { return device{} }

// links is how many names the file has.
func links(dir *os.Root, name string, info fs.FileInfo) uint64 {
	if about, ok := handleInfo(dir, name, info); ok {
		return uint64(about.NumberOfLinks)
	}
	return 1
}

// fileNumber tells the file apart from every other on this machine, while it lives.
func fileNumber(dir *os.Root, name string, info fs.FileInfo) string {
	about, ok := handleInfo(dir, name, info)
	if !ok {
		return ""
	}
	index := uint64(about.FileIndexHigh)<<32 | uint64(about.FileIndexLow)
	return strconv.FormatUint(uint64(about.VolumeSerialNumber), 16) + ":" + strconv.FormatUint(index, 16)
}

func handleInfo(dir *os.Root, name string, info fs.FileInfo) (about windows.ByHandleFileInformation, ok bool) {
	file, err := openRegular(dir, name, info)
	if err != nil {
		return about, false
	}
	defer file.Close()
	return about, windows.GetFileInformationByHandle(windows.Handle(file.Fd()), &about) == nil
}

// accessible: that the file is marked read-only its mode says; what access lists say shows when it is written.
func accessible(*os.Root, string) bool { return true }

// giveOwner: a new file has its folder's owner and access list, as the old one had.
func giveOwner(*os.File, fs.FileInfo) bool { return true }

// chmod: a file that was writable stays so.
func chmod(*os.File, fs.FileMode) error { return nil }
