package workspace

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"earshot/internal/docpath"
)

// TestL9TempFiles: what a killed daemon left in the middle of a save goes with the next listing, in every folder that is
// looked at; what is being written now stays, and so does what only looks alike.
func TestL9TempFiles(t *testing.T) {
	dir := t.TempDir()
	const name = tempPrefix + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	old := time.Now().Add(-tempAge - time.Minute)
	put := func(path string, at time.Time) {
		t.Helper()
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("half a te"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	stays := []string{"sub/" + name, tempPrefix + "notes", name + "x", "text.txt"}
	goes := []string{name, "sub/deep/" + name}
	put(stays[0], time.Now())
	for _, path := range append(stays[1:], goes...) {
		put(path, old)
	}
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "sub", tempPrefix+"ABCDEFGHIJKLMNOPQRSTUVWXY7")); err != nil {
		t.Skipf("this user may make no links here: %v", err)
	}
	f, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.List(docpath.Path{}, Query{Recursive: true}); err != nil {
		t.Fatal(err)
	}
	for _, path := range goes {
		if _, err := os.Lstat(filepath.Join(dir, path)); err == nil {
			t.Errorf("%s is still there", path)
		}
	}
	for _, path := range append(stays, "sub/"+tempPrefix+"ABCDEFGHIJKLMNOPQRSTUVWXY7") {
		if _, err := os.Lstat(filepath.Join(dir, path)); err != nil {
			t.Errorf("%s is gone", path)
		}
	}
	if text, err := os.ReadFile(outside); err != nil || string(text) != "precious" {
		t.Errorf("outside: got %q, %v", text, err)
	}
}
