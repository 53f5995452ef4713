//go:build unix

package workspace

import (
	"io/fs"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// openFlags keep the opening of a FIFO without a writer from waiting for one, and a terminal that takes a file's place
// from becoming this process's own.
const openFlags = syscall.O_NONBLOCK | syscall.O_NOCTTY

// device is a file system that is mounted.
type device uint64

func deviceOf(info fs.FileInfo) device {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return device(stat.Dev)
	}
	return 0
}

// links is how many names the file has that info stands for.
func links(_ *os.Root, _ string, info fs.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(stat.Nlink)
	}
	return 1
}

// fileNumber tells the file apart from every other on this machine, while it lives.
func fileNumber(_ *os.Root, _ string, info fs.FileInfo) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return strconv.FormatUint(uint64(stat.Dev), 16) + ":" + strconv.FormatUint(uint64(stat.Ino), 16)
}

// accessible asks the system whether this process may write what is called name in dir: access lists and read-only
// mounts count too. To open it for writing would tell as much, but watchers would take that for a change.
func accessible(dir *os.Root, name string) bool {
	f, err := dir.Open(".")
	if err != nil {
		return false
	}
	defer f.Close()
	return unix.Faccessat(int(f.Fd()), name, unix.W_OK, 0) == nil
}

// giveOwner hands the file to the owner and group that info shows; false if its group is another one afterwards.
func giveOwner(file *os.File, info fs.FileInfo) bool {
	want, ok1 := info.Sys().(*syscall.Stat_t)
	now, err := file.Stat()
	if err != nil || !ok1 {
		return false
	}
	have, ok := now.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	if have.Uid == want.Uid && have.Gid == want.Gid || file.Chown(int(want.Uid), int(want.Gid)) == nil {
		return true
	}
	// Only root gives files away, but everybody may choose among his groups.
	return have.Gid == want.Gid || file.Chown(-1, int(want.Gid)) == nil
}

func chmod(file *os.File, mode fs.FileMode) error { return file.Chmod(mode) }
