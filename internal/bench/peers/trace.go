package main

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"earshot/internal/crdt"
	"earshot/internal/text"
)

// trace is a recorded session, as internal/crdt/testdata/README.md tells. Positions are code points; none of these has
// a character beyond U+FFFF, so that libraries which count UTF-16 units read the same.
type trace struct {
	Kind                     string
	StartContent, EndContent string
	Txns                     []transaction
}

type transaction struct {
	Parents []int
	Agent   int
	Patches []patch
}

// patch is [position, deleted, "inserted"].
type patch struct {
	pos, del int
	ins      string
}

func (p *patch) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&p.pos, &p.del, &p.ins})
}

// traceNames are the sequential ones, then the concurrent one.
var traceNames = []string{"automerge-paper", "sveltecomponent", "json-crdt-patch", friendsforever}

// friendsforever is what the aim is about: two people who type at the same time.
const friendsforever = "friendsforever"

func tracePath(root, name string) string {
	return filepath.Join(root, "internal", "crdt", "testdata", name+".json.gz")
}

// readTrace reads the first edits of a file, 0 for all: transactions if it is concurrent, else patches, each a
// transaction then.
func readTrace(path string, edits int) (*trace, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	t := &trace{}
	if err := json.NewDecoder(unpacked).Decode(t); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if t.StartContent != "" {
		return nil, errors.New("traces that begin with a text are not measured")
	}
	if !t.concurrent() {
		t.flatten()
	}
	if edits > 0 && edits < len(t.Txns) {
		t.Txns, t.EndContent = t.Txns[:edits], ""
	}
	return t, nil
}

func (t *trace) concurrent() bool { return t.Kind == "concurrent" }

func (t *trace) flatten() {
	var flat []transaction
	for _, txn := range t.Txns {
		for i := range txn.Patches {
			flat = append(flat, transaction{Patches: txn.Patches[i : i+1]})
		}
	}
	t.Txns = flat
}

// textAfter is the text that the first n transactions make: the recorded one after all of them.
func (t *trace) textAfter(n int) (string, error) {
	switch {
	case n == len(t.Txns) && t.EndContent != "":
		return t.EndContent, nil
	case t.concurrent():
		return t.mergedAfter(n)
	}
	r := text.New("")
	for _, txn := range t.Txns[:n] {
		r.Apply(txn.patch())
	}
	return r.String(), nil
}

// mergedAfter merges in one replica what each author did to what they saw. The whole of it is known to end with the
// recorded text.
func (t *trace) mergedAfter(n int) (string, error) {
	d, after := crdt.New(""), make([]crdt.Frontier, n)
	for i, txn := range t.Txns[:n] {
		var at crdt.Frontier
		for _, p := range txn.Parents {
			at = d.Union(at, after[p])
		}
		var err error
		if after[i], _, err = d.Edit(agent(txn.Agent), at, txn.patch()); err != nil {
			return "", err
		}
	}
	return d.Text().String(), nil
}

func (t transaction) patch() text.Patch {
	p := t.Patches[0]
	return text.Patch{{Pos: p.pos, Del: p.del, Ins: p.ins}}
}

// unseen marks in seen, and returns in their order, the transactions that a replica lacks at the parents.
func (t *trace) unseen(seen []bool, parents []int) []int {
	var found []int
	stack := slices.Clone(parents)
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		if stack = stack[:len(stack)-1]; seen[i] {
			continue
		}
		seen[i] = true
		found = append(found, i)
		stack = append(stack, t.Txns[i].Parents...)
	}
	slices.Sort(found)
	return found
}
