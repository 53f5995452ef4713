package workspace

import "golang.org/x/sys/unix"

func renameExclusive(a int, name string, b int, newName string) error {
	return unix.Renameat2(a, name, b, newName, unix.RENAME_NOREPLACE)
}
