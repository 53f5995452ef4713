package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWideFolder(t *testing.T) {
	base := t.TempDir()
	home := filepath.Join(base, "people", "ana")
	for _, dir := range []string{filepath.Join(home, "work"), filepath.Join(base, "people", "anabel"), filepath.Join(base, "people", "ana", "..ana")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(base, "link")
	if err := os.Symlink(home, link); err != nil {
		t.Skip("no links here: ", err)
	}
	check := func(folder, home, want string) {
		t.Helper()
		if got := wideFolder(folder, home); got != want {
			t.Errorf("%s with home %s: got %q, want %q", folder, home, got, want)
		}
	}
	root := filepath.VolumeName(base) + string(filepath.Separator)
	check(home, home, "your home folder")
	check(home, link, "your home folder")
	check(link, home, "your home folder")
	check(base, home, "above your home folder")
	check(root, home, "the whole disk")
	check(root, "", "the whole disk")
	check(filepath.Join(home, "work"), home, "")
	check(filepath.Join(home, "..ana"), home, "")
	check(filepath.Join(base, "people", "anabel"), home, "")
	check(filepath.Join(home, "gone"), filepath.Join(home, "gone", ".."), "")
	check(home, "", "")
}
