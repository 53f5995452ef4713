//go:build unix

package workspace

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// All names here are the last parts of paths, in folders that are held open: nothing is followed, and no folder is left.

// renameNew renames without ever taking the place of something: fs.ErrExist then.
func renameNew(from *os.Root, name string, to *os.Root, newName string, isDir bool) error {
	a, err := from.Open(".")
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := to.Open(".")
	if err != nil {
		return err
	}
	defer b.Close()
	err = renameExclusive(int(a.Fd()), name, int(b.Fd()), newName)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		err = renameByHand(int(a.Fd()), name, int(b.Fd()), newName, isDir)
	}
	return err
}

// renameByHand is for systems and disks that know no such renaming. A file gets its second name first, which fails if there
// is one; a folder takes the place of an empty one that was made for it, which fails if that is empty no more.
func renameByHand(a int, name string, b int, newName string, isDir bool) error {
	if !isDir {
		err := unix.Linkat(a, name, b, newName, 0)
		if err == nil {
			return unix.Unlinkat(a, name, 0)
		}
		if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.ENOTSUP) && !errors.Is(err, unix.ENOSYS) {
			return err
		}
		// A disk without links. What comes under the new name between these two calls would be lost.
		var stat unix.Stat_t
		if err := unix.Fstatat(b, newName, &stat, unix.AT_SYMLINK_NOFOLLOW); !errors.Is(err, unix.ENOENT) {
			return fs.ErrExist
		}
		return unix.Renameat(a, name, b, newName)
	}
	if err := unix.Mkdirat(b, newName, 0o700); err != nil {
		return err
	}
	err := unix.Renameat(a, name, b, newName)
	if err == nil {
		return nil
	}
	if bad := unix.Unlinkat(b, newName, unix.AT_REMOVEDIR); bad != nil {
		return fs.ErrExist // somebody put something in it
	}
	return err
}

// removeFile deletes what is no folder.
func removeFile(dir *os.Root, name string) error { return unlink(dir, name, 0) }

// removeDir deletes an empty folder.
func removeDir(dir *os.Root, name string) error { return unlink(dir, name, unix.AT_REMOVEDIR) }

func unlink(dir *os.Root, name string, flags int) error {
	d, err := dir.Open(".")
	if err != nil {
		return err
	}
	defer d.Close()
	return unix.Unlinkat(int(d.Fd()), name, flags)
}

func notEmpty(err error) bool { return errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST) }
