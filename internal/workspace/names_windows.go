package workspace

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// renameNew renames within one folder that is held open; into another one it can't be done by names alone that are
// followed nowhere. Between the look at the new name and the renaming something could come there.
func renameNew(from *os.Root, name string, to *os.Root, newName string, _ bool) error {
	a, err := from.Stat(".")
	if err != nil {
		return err
	}
	b, err := to.Stat(".")
	if err != nil {
		return err
	}
	if !os.SameFile(a, b) {
		return errors.ErrUnsupported
	}
	if _, err := to.Lstat(newName); !errors.Is(err, fs.ErrNotExist) {
		return fs.ErrExist
	}
	return from.Rename(name, newName)
}

func removeFile(dir *os.Root, name string) error { return dir.Remove(name) }

func removeDir(dir *os.Root, name string) error { return dir.Remove(name) }

func notEmpty(err error) bool { return errors.Is(err, windows.ERROR_DIR_NOT_EMPTY) }
