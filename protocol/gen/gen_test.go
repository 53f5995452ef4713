package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOutputsAreFresh fails when a type changed and `go generate ./protocol` was not run.
func TestOutputsAreFresh(t *testing.T) {
	outputs, err := generate("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range sortedKeys(outputs) {
		committed, err := os.ReadFile(filepath.Join("..", path))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(committed, outputs[path]) {
			t.Errorf("%s is stale; run go generate ./protocol", path)
		}
	}
}

// TestDeterministic: maps must not show in the outputs.
func TestDeterministic(t *testing.T) {
	first, err := generate("..")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		again, err := generate("..")
		if err != nil {
			t.Fatal(err)
		}
		for path, text := range first {
			if !bytes.Equal(text, again[path]) {
				t.Errorf("%s differs from run to run", path)
			}
		}
	}
}

// TestOpenRPCRefers: every reference has its schema, every method its unique name.
func TestOpenRPCRefers(t *testing.T) {
	m, err := parseModel("..")
	if err != nil {
		t.Fatal(err)
	}
	text, err := openRPC(m)
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Methods    []struct{ Name string }
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, x := range document.Methods {
		if seen[x.Name] {
			t.Errorf("%s stands there twice", x.Name)
		}
		seen[x.Name] = true
	}
	for _, part := range strings.Split(string(text), `"$ref": "#/components/schemas/`)[1:] {
		if name, _, _ := strings.Cut(part, `"`); document.Components.Schemas[name] == nil {
			t.Errorf("%s is referred to and missing", name)
		}
	}
}

func TestModelRefuses(t *testing.T) {
	check := func(source, want string) {
		t.Helper()
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "p.go"), []byte("package p\n"+source), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := parseModel(dir)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	check("const Version = 1", "interfaces Daemon and Editor")
	check("type P struct { A string `json:\"not_camel\"` }", "not lowerCamel")
	check("type P struct { A string `json:\"a\"`; B int }", "json tag")
	check("type P struct { A map[string]int `json:\"a\"` }", "not for the wire")
	check("type P struct { A time `json:\"a\"` }", "not for the wire")
	check("type P struct{}\ntype Daemon interface {\n// Do it.\nDo(from ConnID, p *P)\n}", "directive")
	check("type P struct{}\ntype Daemon interface {\n//rpc:method do\nDo(from ConnID, p P)\n}", "pointer")
	check("type Daemon interface {\n//rpc:method do\nDo(from ConnID, p *P)\n}", "no struct")
	check("type P struct{}\ntype Daemon interface {\n//rpc:method do\nDo(p *P)\n//rpc:method do\nDo2(p *P)\n}", "twice")
	check("type P struct{}\ntype Daemon interface {\n//rpc:method a\nA(p *P)\n//rpc:method b\nB(p *P)\n}", "params of")
	check("type", "expected")
}

func TestDocs(t *testing.T) {
	check := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	check(methodDoc(Method{Go: "Undo", Doc: "Undo takes it back."}), "Takes it back.")
	check(methodDoc(Method{Go: "Progress", Doc: "Progress of a join."}), "Progress of a join.")
	check(methodDoc(Method{Go: "Shutdown", Doc: "Shutdown is answered."}), "Shutdown is answered.")
	check(paramsDoc(&Struct{Name: "P", Doc: "P is empty."}), "")
	check(paramsDoc(&Struct{Name: "P", Doc: "P of a/b."}), "")
	check(paramsDoc(&Struct{Name: "P", Doc: "P of a/b: the rest."}), "The rest.")
	check(paramsDoc(&Struct{Name: "P", Doc: "P of a/b; a null Member ends it."}), "A null Member ends it.")
	check(wrap("a bb ccc", "// ", "// ", ""), "// a bb ccc")
	check(snake("MaxDocument"), "MAX_DOCUMENT")
}
