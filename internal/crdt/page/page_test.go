package main

import (
	"compress/gzip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// maxGzipped bounds what a page has to fetch, in bytes: a second at 6 Mbit/s. The smallest Go program needs 571,000.
const maxGzipped = 750_000

// build returns the program, built as it is for a page.
func build(t *testing.T) string {
	t.Helper()
	watch(t)
	program := filepath.Join(t.TempDir(), "page.wasm")
	out, err := goFor("js", "build", "-trimpath", "-ldflags=-s -w", "-o", program, ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// watch opens what is tested. A command that a test starts may read what it likes; that this is another result than last
// time's, go test only sees by the files that the test itself has opened.
func watch(t *testing.T) {
	t.Helper()
	for _, pattern := range []string{"*.go", "testdata/*", "../*.go", "../../text/*.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: found %q, %v", pattern, names, err)
		}
		for _, name := range names {
			if _, err := os.ReadFile(name); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// goFor returns a go command for another system.
func goFor(system string, args ...string) *exec.Cmd {
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH=wasm", "CGO_ENABLED=0")
	return cmd
}

// counter counts what is written to it.
type counter int

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

func TestSize(t *testing.T) {
	program, err := os.ReadFile(build(t))
	if err != nil {
		t.Fatal(err)
	}
	var size counter
	z, err := gzip.NewWriterLevel(&size, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(program); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes, %d gzipped, at most %d", len(program), size, maxGzipped)
	if size > maxGzipped {
		t.Errorf("got %d bytes gzipped, want at most %d: what does the core import that it did not?", size, maxGzipped)
	}
}

// imported lists all packages that the program is linked from.
func imported(t *testing.T) []string {
	t.Helper()
	watch(t)
	out, err := goFor("js", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}

// TestImports: what is large in Go programs stays out.
func TestImports(t *testing.T) {
	all := imported(t)
	if !slices.Contains(all, "earshot/internal/crdt") {
		t.Fatalf("got the packages %q, want the core among them", all)
	}
	for _, heavy := range []string{"fmt", "encoding/json", "reflect", "crypto/sha256", "os", "time", "net"} {
		if slices.Contains(all, heavy) {
			t.Errorf("the program is linked with %s, which a page would have to fetch", heavy)
		}
	}
}

// TestPage: two replicas in a JavaScript engine exchange edits and end equal, and mistakes are answered.
func TestPage(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("there is no Node here to run WebAssembly; make test stops without one, so only a bare `go test` leaves this out")
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	glue := filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js")
	out, err := exec.Command(node, filepath.Join("testdata", "drive.js"), glue, build(t)).CombinedOutput()
	if err != nil || string(out) != "the replicas end equal\n" {
		t.Errorf("%v\n%s", err, out)
	}
}
