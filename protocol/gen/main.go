// Command gen writes everything that follows from package protocol's Go types and its two interfaces: the
// dispatch code and the JSON rules (zz_*.go), openrpc.json, PROTOCOL.md, and the TypeScript and Lua types of
// the plugins. It runs in the folder protocol, as `go generate ./protocol` does:
//
//	*.go ─ parse → Model ─┬→ zz_dispatch.go, zz_arrays.go
//	                      ├→ openrpc.json, PROTOCOL.md
//	                      └→ plugins/vscode/src/protocol.ts, plugins/nvim/lua/earshot/protocol.lua
//
// The same sources give the same bytes; a test compares them with the committed files.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
)

func main() {
	source := flag.String("source", ".", "folder of package protocol")
	flag.Parse()
	if err := run(*source); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(source string) error {
	outputs, err := generate(source)
	if err != nil {
		return err
	}
	for _, path := range sortedKeys(outputs) {
		full := filepath.Join(source, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(full, outputs[path], 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generate gives the content of every output by its path relative to the source folder.
func generate(source string) (map[string][]byte, error) {
	m, err := parseModel(source)
	if err != nil {
		return nil, err
	}
	writers := map[string]func(*Model) ([]byte, error){
		"zz_dispatch.go":                           dispatchCode,
		"zz_arrays.go":                             arraysCode,
		"zz_types_test.go":                         typesCode,
		"openrpc.json":                             openRPC,
		"PROTOCOL.md":                              markdown,
		"../plugins/vscode/src/protocol.ts":        typeScript,
		"../plugins/nvim/lua/earshot/protocol.lua": luaTypes,
	}
	outputs := make(map[string][]byte, len(writers))
	for path, write := range writers {
		text, err := write(m)
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", path, err)
		}
		outputs[path] = text
	}
	return outputs, nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
