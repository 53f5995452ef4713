//go:build js && wasm

package main

import (
	"slices"
	"strings"
	"syscall/js"

	"earshot/internal/crdt"
	"earshot/internal/text"
)

// What follows turns values of JavaScript into those of the core, or says what is wrong with them, and back.

// toNumber takes whole numbers from 0 to the greatest that a position or a count of events can be.
func toNumber(v js.Value) (int, bool) {
	if !js.Global().Get("Number").Call("isSafeInteger", v).Bool() {
		return 0, false
	}
	n := v.Int()
	return n, n >= 0 && n <= crdt.MaxEvents
}

// toString asks JavaScript first what v is: Value.Type panics where that is a BigInt.
func toString(v js.Value) (string, bool) {
	kind := js.Global().Get("Object").Get("prototype").Get("toString").Call("call", v).String()
	if kind != "[object String]" || v.Type() != js.TypeString {
		return "", false
	}
	return v.String(), true
}

// toAgent does without strconv, which would make the page's program a hundredth larger.
func toAgent(v js.Value) (crdt.Agent, error) {
	s, ok := toString(v)
	if !ok || len(s) != 16 {
		return 0, errAgent
	}
	var a crdt.Agent
	for _, digit := range []byte(s) {
		n := strings.IndexByte("0123456789abcdef", digit)
		if n < 0 {
			return 0, errAgent
		}
		a = a<<4 | crdt.Agent(n)
	}
	return a, nil
}

func toBytes(v js.Value) ([]byte, error) {
	if !v.InstanceOf(js.Global().Get("Uint8Array")) {
		return nil, errBytes
	}
	if v.Length() > crdt.MaxEncoding {
		return nil, crdt.ErrTooLarge
	}
	b := make([]byte, v.Length())
	js.CopyBytesToGo(b, v)
	return b, nil
}

func fromBytes(b []byte) js.Value {
	v := js.Global().Get("Uint8Array").New(len(b))
	js.CopyBytesToJS(v, b)
	return v
}

func isArray(v js.Value) bool { return js.Global().Get("Array").Call("isArray", v).Bool() }

func toVersion(d *crdt.Doc, v js.Value) (crdt.Frontier, error) {
	if !isArray(v) {
		return nil, errVersion
	}
	f := make(crdt.Frontier, v.Length())
	for i := range f {
		n, ok := toNumber(v.Index(i))
		if !ok || n >= d.Events() {
			return nil, errVersion
		}
		f[i] = crdt.LV(n)
	}
	if len(f) < 2 {
		return f, nil
	}
	slices.Sort(f)
	return d.Union(slices.Compact(f), nil), nil
}

func fromVersion(f crdt.Frontier) []any {
	v := make([]any, len(f))
	for i, lv := range f {
		v[i] = int(lv)
	}
	return v
}

func toEdits(v js.Value) (text.Patch, error) {
	if !isArray(v) {
		return nil, errEdits
	}
	edits := make([]text.Edit, v.Length())
	for i := range edits {
		e := v.Index(i)
		if !isArray(e) || e.Length() != 3 {
			return nil, errEdits
		}
		var ok [3]bool
		edits[i].Pos, ok[0] = toNumber(e.Index(0))
		edits[i].Del, ok[1] = toNumber(e.Index(1))
		edits[i].Ins, ok[2] = toString(e.Index(2))
		if ok != [3]bool{true, true, true} {
			return nil, errEdits
		}
	}
	p, ok := text.NewPatch(edits...)
	if !ok {
		return nil, errEdits
	}
	return p, nil
}

func fromEdits(p text.Patch) []any {
	v := make([]any, len(p))
	for i, e := range p {
		v[i] = []any{e.Pos, e.Del, e.Ins}
	}
	return v
}
