package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// library is one that is measured. Ours has no package: it is this program.
type library struct {
	name string // also of its module in node/
	pkg  string // npm's name
	// program, if set, runs a cell in place of Node.
	program func(ctx context.Context, order string) *exec.Cmd
}

// ours is the name of internal/crdt in tables.
const ours = "earshot"

// yjs is what the aim is about.
const yjs = "yjs"

// allLibraries in the order in which each round goes through them.
var allLibraries = []library{
	{name: ours},
	{name: yjs, pkg: "yjs"},
	{name: "json-joy", pkg: "json-joy"},
	{name: "loro", pkg: "loro-crdt"},
	{name: "automerge", pkg: "@automerge/automerge"},
	{name: "diamond-types", pkg: "diamond-types-node"},
}

func names(all []library) []string {
	var out []string
	for _, l := range all {
		out = append(out, l.name)
	}
	return out
}

func pick(all []library, chosen []string) []library {
	return slices.DeleteFunc(slices.Clone(all), func(l library) bool { return !slices.Contains(chosen, l.name) })
}

// nodeFolder holds the cells of all but ours, their package.json and, once installed, node_modules.
func nodeFolder(root string) string { return filepath.Join(root, "internal", "bench", "peers", "node") }

// command is the process of one cell. Node may be asked to collect garbage, so that no pass pays for the one before.
func (l library) command(ctx context.Context, root string, o Order) (*exec.Cmd, error) {
	order, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	switch {
	case l.program != nil:
		return l.program(ctx, string(order)), nil
	case l.pkg != "":
		return exec.CommandContext(ctx, "node", "--expose-gc", filepath.Join(nodeFolder(root), "cell.mjs"), string(order)), nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, self, cellWord, string(order)), nil
}

// install has npm put in place exactly what the lockfile names, unless it is there: npm notes in node_modules what it
// installed, and the note is newer than the lockfile then. No package's scripts are run.
func install(ctx context.Context, root string, stderr io.Writer) error {
	folder := nodeFolder(root)
	lock, err := os.Stat(filepath.Join(folder, "package-lock.json"))
	if err != nil {
		return fmt.Errorf("no lockfile of the peers: run this in the repository's folder, or name it with --root: %w", err)
	}
	note, err := os.Stat(filepath.Join(folder, "node_modules", ".package-lock.json"))
	if err == nil && note.ModTime().After(lock.ModTime()) {
		return nil
	}
	npm := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	npm.Dir, npm.Stdout, npm.Stderr = folder, stderr, stderr
	if err := npm.Run(); err != nil {
		return fmt.Errorf("install the peers by npm ci in %s: %w", folder, err)
	}
	return nil
}

// Peer is a library as the lockfile names it.
type Peer struct {
	Library string `json:"library"`
	Package string `json:"package,omitempty"`
	Version string `json:"version"`
	Licence string `json:"licence"`
}

func peersOf(root string, libraries []library) ([]Peer, error) {
	var lock struct {
		Packages map[string]struct{ Version, License string }
	}
	data, err := os.ReadFile(filepath.Join(nodeFolder(root), "package-lock.json"))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &lock); err != nil {
		return nil, fmt.Errorf("read package-lock.json: %w", err)
	}
	var peers []Peer
	for _, l := range libraries {
		if l.pkg == "" {
			peers = append(peers, Peer{Library: l.name, Version: "this tree", Licence: "Apache-2.0"})
			continue
		}
		p, ok := lock.Packages["node_modules/"+l.pkg]
		if !ok {
			return nil, fmt.Errorf("package-lock.json lacks %s: run npm install in %s", l.pkg, nodeFolder(root))
		}
		peers = append(peers, Peer{l.name, l.pkg, p.Version, p.License})
	}
	return peers, nil
}
