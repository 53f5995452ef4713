package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestWasm: the same program, compiled for a JavaScript engine and run by Node, ends with the same texts.
func TestWasm(t *testing.T) {
	t.Parallel()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("there is no Node here to run WebAssembly; make test stops without one, so only a bare `go test` leaves this out")
	}
	program := filepath.Join(t.TempDir(), "replay.wasm")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	start := filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec_node.js")
	run := exec.Command(node, append([]string{start, program}, recordingPaths()...)...)
	run.Env = []string{} // Go's support for Node takes only so much of it
	run.Stderr = os.Stderr
	out, err := run.Output()
	if err != nil {
		t.Errorf("the program ended with %v", err)
	}
	checkRecordings(t, linesOf(t, string(out)))
}
