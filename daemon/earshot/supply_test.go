//go:build unix

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"earshot/internal/threat"
)

// testSwitches are methods of pion's that switch a defence off, or write keys. What is called is named in the program,
// inlined or not: the runtime needs the names for its stacks.
var testSwitches = []string{"DisableCertificateFingerprintVerification", "SetDTLSKeyLogWriter", "SetDTLSInsecureSkipHelloVerify"}

// calls tells whether a program calls a method of webrtc's SettingEngine.
func calls(t *testing.T, program, method string) bool {
	t.Helper()
	b, err := os.ReadFile(program)
	must(t, err)
	return bytes.Contains(b, []byte("webrtc/v4.(*SettingEngine)."+method))
}

// TestS2Symbols: the program calls none of them; it does call others, and built with a call of one of them it is found.
func TestS2Symbols(t *testing.T) {
	program := needProgram(t)
	for _, method := range testSwitches {
		if calls(t, program, method) {
			t.Errorf("the program calls %s", method)
		}
	}
	if !calls(t, program, "SetICETimeouts") {
		t.Error("the program calls not even SetICETimeouts: calls can no longer be told by their names")
	}
	const before = "e.SetNet(guard)\n"
	source, err := filepath.Abs("../../internal/peer/connection.go")
	must(t, err)
	text := read(t, source)
	if strings.Count(text, before) != 1 {
		t.Fatalf("%s has no longer what this test changes", source)
	}
	if !threat.Whole {
		return
	}
	for _, call := range []string{"DisableCertificateFingerprintVerification(true)", "SetDTLSKeyLogWriter(nil)", "SetDTLSInsecureSkipHelloVerify(true)"} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "connection.go"), strings.Replace(text, before, before+"\te."+call+"\n", 1))
		overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{source: filepath.Join(dir, "connection.go")}})
		must(t, err)
		write(t, filepath.Join(dir, "overlay.json"), string(overlay))
		open := filepath.Join(dir, "earshot")
		must(t, build(open, "-overlay", filepath.Join(dir, "overlay.json")))
		method, _, _ := strings.Cut(call, "(")
		if !calls(t, open, method) {
			t.Errorf("a program that calls %s is not told from ours", method)
		}
	}
}

// TestS1SameProgram: who builds the same source in another folder gets the same program, byte for byte; at full size also
// with nothing that was built before.
func TestS1SameProgram(t *testing.T) {
	program := needProgram(t)
	root, err := filepath.Abs("../..")
	must(t, err)
	list := exec.Command("go", "list", "-deps", "-f", "{{if and .Module .Module.Main}}{{.Dir}}{{end}}", ".")
	dirs, err := list.Output()
	must(t, err)
	elsewhere := t.TempDir()
	copied := func(path string) {
		t.Helper()
		relative, err := filepath.Rel(root, path)
		must(t, err)
		b, err := os.ReadFile(path)
		must(t, err)
		to := filepath.Join(elsewhere, relative)
		must(t, os.MkdirAll(filepath.Dir(to), 0o755))
		must(t, os.WriteFile(to, b, 0o644))
	}
	copied(filepath.Join(root, "go.mod"))
	copied(filepath.Join(root, "go.sum"))
	for _, dir := range strings.Fields(string(dirs)) {
		entries, err := os.ReadDir(dir)
		must(t, err)
		for _, entry := range entries {
			if entry.Type().IsRegular() {
				copied(filepath.Join(dir, entry.Name()))
			}
		}
	}
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", "same", "./daemon/earshot")
	cmd.Dir = elsewhere
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if threat.Whole {
		cmd.Env = append(cmd.Env, "GOCACHE="+t.TempDir())
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build in another folder: %v\n%s", err, out)
	}
	if got, want := sumOf(t, filepath.Join(elsewhere, "same")), sumOf(t, program); got != want {
		t.Errorf("got a program of hash %x, want %x", got, want)
	}
}

func sumOf(t *testing.T, path string) [sha256.Size]byte {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return sha256.Sum256(b)
}
