//go:build unix

package daemon

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestClipboard: the first program that is there for the kind of screen that there is gets the text by standard input and in no other
// way; one that fails is followed by the next.
func TestClipboard(t *testing.T) {
	check := func(programs map[string]string, screens map[string]string, want bool, from string) {
		t.Helper()
		dir := t.TempDir()
		for name, script := range programs {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range []string{"WAYLAND_DISPLAY", "DISPLAY"} {
			t.Setenv(name, screens[name])
		}
		t.Setenv("PATH", dir)
		t.Setenv("OUT", filepath.Join(dir, "out"))
		if got := toClipboard(t.Context(), "secret"); got != want {
			t.Errorf("%v with %v: got %v, want %v", programs, screens, got, want)
		}
		if got, _ := os.ReadFile(filepath.Join(dir, "out")); string(got) != from { // none is right too
			t.Errorf("%v with %v: got %q, want %q", programs, screens, got, from)
		}
	}
	takes := func(name string) string { return `read text; echo "` + name + ` $text $*" >"$OUT"` + "\n" }
	wayland, x := map[string]string{"WAYLAND_DISPLAY": "w"}, map[string]string{"DISPLAY": ":0"}
	all := map[string]string{"wl-copy": takes("wl-copy"), "xclip": takes("xclip"), "xsel": takes("xsel")}
	check(nil, wayland, false, "")
	check(all, nil, false, "")
	check(all, wayland, true, "wl-copy secret \n")
	check(all, x, true, "xclip secret -selection clipboard\n")
	check(map[string]string{"xclip": "exit 1\n", "xsel": takes("xsel")}, x, true, "xsel secret --clipboard --input\n")
	check(map[string]string{"pbcopy": takes("pbcopy")}, nil, true, "pbcopy secret \n")
	check(map[string]string{"clip.exe": "exit 1\n"}, nil, false, "")
}

// TestClipboardThatHangs is given up.
func TestClipboardThatHangs(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pbcopy"), []byte("#!/bin/sh\necho >\"$RUNS\"\nexec /bin/sleep 600\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	runs := filepath.Join(dir, "runs")
	if err := unix.Mkfifo(runs, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	t.Setenv("RUNS", runs)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan bool)
	go func() { done <- toClipboard(ctx, "secret") }() // ends with ctx
	if _, err := os.ReadFile(runs); err != nil {       // waits until it runs
		t.Fatal(err)
	}
	cancel()
	if <-done {
		t.Error("it is said to have the text")
	}
}

// TestInvitationOrNot: only what can be joined by is offered to be joined by.
func TestInvitationOrNot(t *testing.T) {
	check := func(text, server string, want bool) {
		t.Helper()
		if got, ok := isInvitation(text); ok != want || got != server {
			t.Errorf("%q: got %q, %v, want %q, %v", text, got, ok, server, want)
		}
	}
	check("K7QM-3F9TXQ", "", true)
	check("#k7qm 3f9txq", "", true)
	check("K7QM-3F9TXR", "", false)
	check("http://192.168.1.5:47300/j#4F3A-CM6BBKXM00Z4H2MAAWPA31QF6C.XDKGXNG17AF10408DQVX8SD792", "ws://192.168.1.5:47300", true)
	check("http://192.168.1.5:47300/j#4F3A", "", false)
	check("https://example.org/", "", false)
	check("", "", false)
}
