//go:build unix

package workspace

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// withoutUmask lets the process take nothing away of the modes that are asked for, and gives open.
func withoutUmask(t *testing.T) func(dir string) *Folder {
	old := syscall.Umask(0)
	t.Cleanup(func() { syscall.Umask(old) })
	return func(dir string) *Folder { return open(t, dir) }
}

// TestH4FIFOInGitsPlace: to share a folder that has FIFOs where git keeps files waits for none of them.
func TestH4FIFOInGitsPlace(t *testing.T) {
	check := func(t *testing.T, fifo string, prepare func(dir string)) {
		t.Helper()
		dir := t.TempDir()
		prepare(dir)
		path := filepath.Join(dir, fifo)
		if err := syscall.Mkfifo(path, 0o644); err != nil {
			t.Skip(err)
		}
		opened := make(chan error, 1)
		go func() {
			f, err := Open(dir, Options{})
			if err == nil {
				f.Close()
			}
			opened <- err
		}()
		select {
		case err := <-opened:
			if err != nil {
				t.Errorf("%s: %v", fifo, err)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%s: Open waits for somebody to write", fifo)
			if w, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
				w.Close()
			}
			<-opened
		}
	}
	folder := func(name string) func(string) {
		return func(dir string) { os.MkdirAll(filepath.Join(dir, name), 0o755) }
	}
	check(t, ".git", func(string) {})
	check(t, ".gitignore", func(string) {})
	check(t, ".git/info/exclude", folder(".git/info"))
	check(t, "f", func(dir string) { write(t, filepath.Join(dir, ".git"), "gitdir: f\n") })
	check(t, "g/commondir", func(dir string) {
		folder("g")(dir)
		write(t, filepath.Join(dir, ".git"), "gitdir: g\n")
	})
}
