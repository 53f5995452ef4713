//go:build js && wasm

package main

import (
	"errors"
	"syscall/js"

	"earshot/internal/crdt"
)

// core is what a page has open.
type core struct {
	docs map[int]*crdt.Doc
	last int // the number given last
}

var (
	errDoc       = errors.New("page: there is no open document of this number")
	errText      = errors.New("page: a text is a string of at most 32 MiB")
	errBytes     = errors.New("page: bytes are a Uint8Array")
	errAgent     = errors.New("page: an agent is a string of 16 hexadecimal digits")
	errVersion   = errors.New("page: a version is an array of numbers that this document gave")
	errEdits     = errors.New("page: edits are an array of [position, deleted, inserted], in order and apart")
	errArguments = errors.New("page: an argument is missing")
)

type function func(args []js.Value) (any, error)

func (c *core) functions() map[string]function {
	return map[string]function{
		"open":     c.open,
		"load":     c.load,
		"close":    c.close,
		"text":     c.with(1, func(d *crdt.Doc, _ []js.Value) (any, error) { return d.Text().String(), nil }),
		"head":     c.with(1, func(d *crdt.Doc, _ []js.Value) (any, error) { return fromVersion(d.Head()), nil }),
		"snapshot": c.with(1, func(d *crdt.Doc, _ []js.Value) (any, error) { return fromBytes(d.Snapshot()), nil }),
		"edit":     c.with(4, edit),
		"since":    c.with(2, since),
		"merge":    c.with(2, merge),
		"diff":     c.with(3, diff),
	}
}

func (c *core) open(args []js.Value) (any, error) {
	if len(args) < 1 {
		return nil, errArguments
	}
	base, ok := toString(args[0])
	if !ok || len(base) > crdt.MaxText {
		return nil, errText
	}
	return c.keep(crdt.New(base)), nil
}

func (c *core) load(args []js.Value) (any, error) {
	if len(args) < 1 {
		return nil, errArguments
	}
	b, err := toBytes(args[0])
	if err != nil {
		return nil, err
	}
	d, err := crdt.Load(b)
	if err != nil {
		return nil, err
	}
	return c.keep(d), nil
}

func (c *core) keep(d *crdt.Doc) int {
	c.last++
	c.docs[c.last] = d
	return c.last
}

func (c *core) close(args []js.Value) (any, error) {
	return c.with(1, func(*crdt.Doc, []js.Value) (any, error) {
		delete(c.docs, args[0].Int())
		return js.Undefined(), nil
	})(args)
}

// with returns a function whose n arguments begin with a document; f gets what follows.
func (c *core) with(n int, f func(d *crdt.Doc, args []js.Value) (any, error)) function {
	return func(args []js.Value) (any, error) {
		if len(args) < n {
			return nil, errArguments
		}
		number, ok := toNumber(args[0])
		d := c.docs[number]
		if !ok || d == nil {
			return nil, errDoc
		}
		return f(d, args[1:])
	}
}

func edit(d *crdt.Doc, args []js.Value) (any, error) {
	agent, err := toAgent(args[0])
	if err != nil {
		return nil, err
	}
	at, err := toVersion(d, args[1])
	if err != nil {
		return nil, err
	}
	p, err := toEdits(args[2])
	if err != nil {
		return nil, err
	}
	after, head, err := d.Edit(agent, at, p)
	if err != nil {
		return nil, err
	}
	return map[string]any{"after": fromVersion(after), "head": fromEdits(head)}, nil
}

func since(d *crdt.Doc, args []js.Value) (any, error) {
	v, err := toVersion(d, args[0])
	if err != nil {
		return nil, err
	}
	return fromBytes(d.Since(v)), nil
}

func merge(d *crdt.Doc, args []js.Value) (any, error) {
	b, err := toBytes(args[0])
	if err != nil {
		return nil, err
	}
	if len(b) == 0 {
		return fromEdits(nil), nil // since has it so where there is nothing
	}
	p, err := d.Merge(b)
	if err != nil {
		return nil, err
	}
	return fromEdits(p), nil
}

func diff(d *crdt.Doc, args []js.Value) (any, error) {
	from, err := toVersion(d, args[0])
	if err != nil {
		return nil, err
	}
	to, err := toVersion(d, args[1])
	if err != nil {
		return nil, err
	}
	return fromEdits(d.Diff(from, to)), nil
}
