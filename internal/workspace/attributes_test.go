//go:build linux || darwin

package workspace

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestAttributesStay(t *testing.T) {
	f, p, path, loaded := file(t, "old\n")
	if err := unix.Setxattr(path, "user.earshot.test", []byte("kept"), 0); err != nil {
		t.Skip(err)
	}
	if _, err := f.Save(p, "new\n", loaded.Form, loaded.Stamp); err != nil {
		t.Fatal(err)
	}
	value := make([]byte, 16)
	if n, err := unix.Getxattr(path, "user.earshot.test", value); err != nil || string(value[:n]) != "kept" {
		t.Errorf("attribute %q, %v", value[:max(0, n)], err)
	}
}
