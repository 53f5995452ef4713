//go:build unix

package workspace

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestA17RenameByHand: where the system has no renaming that replaces nothing, nothing is replaced either.
func TestA17RenameByHand(t *testing.T) {
	dir := t.TempDir()
	d, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	fd := int(d.Fd())
	write(t, filepath.Join(dir, "a"), "a")
	write(t, filepath.Join(dir, "b"), "b")
	write(t, filepath.Join(dir, "d/x"), "x")
	write(t, filepath.Join(dir, "full/y"), "y")
	os.Mkdir(filepath.Join(dir, "empty"), 0o755)
	for _, to := range []string{"b", "d", "empty"} {
		if err := renameByHand(fd, "a", fd, to, false); !errors.Is(err, fs.ErrExist) {
			t.Errorf("a to %s: %v", to, err)
		}
	}
	for _, to := range []string{"b", "full", "empty"} {
		if err := renameByHand(fd, "d", fd, to, true); !errors.Is(err, fs.ErrExist) {
			t.Errorf("d to %s: %v", to, err)
		}
	}
	if err := renameByHand(fd, "none", fd, "none2", true); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("none: %v", err)
	}
	if err := errors.Join(renameByHand(fd, "a", fd, "a2", false), renameByHand(fd, "d", fd, "d2", true)); err != nil {
		t.Error(err)
	}
	if read(t, filepath.Join(dir, "a2")) != "a" || read(t, filepath.Join(dir, "d2/x")) != "x" || read(t, filepath.Join(dir, "b")) != "b" {
		t.Error("texts were lost")
	}
	for _, gone := range []string{"a", "d", "none2"} {
		if _, err := os.Lstat(filepath.Join(dir, gone)); err == nil {
			t.Errorf("%s is there", gone)
		}
	}
}
