// Package crdt holds the shared text of one document as a graph of events, and merges them: it promises that
// replicas with the same events have the same text, whatever the order and the pieces they arrived in, and that
// what one author typed in one go is never interleaved with another's.
//
// The algorithm is the event graph walker (Gentle and Kleppmann, "Collaborative Text Editing with Eg-walker",
// EuroSys 2025) with the order of FugueMax (Weidner and Kleppmann 2023). An event is one code point inserted or
// deleted at a position of the text as its author saw it. Only the events and the text at the head are kept;
// what concurrent events mean to one another is worked out by a tracker, which is kept between messages and
// can be thrown away and built again at any time.
//
//	editor's buffer ──Edit(agent, its frontier, patch)──▶ Doc ──Since──▶ bytes ──Merge──▶ another Doc
//	editor's buffer ◀──Diff(its frontier, Head)────────── Doc
//
// The package is pure: no I/O, no goroutines, no clock, no randomness. One goroutine owns a Doc; even its
// reading methods move the tracker.
package crdt

import (
	"slices"
	"strings"
	"unicode/utf8"

	"earshot/internal/text"
)

// Doc is one replica of a document.
type Doc struct {
	log     oplog
	head    Frontier
	text    *text.Rope // at head
	marks   []*mark    // by upto; the first is the root
	tracker *tracker   // nil until needed
	limits  limits
}

// New returns a Doc without events. The base is the text at the root; every replica of a document has the same
// one. It must be valid UTF-8 of at most MaxText bytes.
func New(base string) *Doc {
	d := &Doc{text: text.New(base), limits: standardLimits()}
	d.marks = []*mark{{text: d.text.Clone()}}
	return d
}

// Base returns the text at the root.
func (d *Doc) Base() string { return d.marks[0].text.String() }

// Text returns the text at the head. Callers must not edit it; they may Clone it.
func (d *Doc) Text() *text.Rope { return d.text }

// Head returns the version with all events that are here.
func (d *Doc) Head() Frontier { return d.head }

// Events returns how many events are here.
func (d *Doc) Events() int { return int(d.log.graph.size()) }

// Version returns f under the names that every replica understands.
func (d *Doc) Version(f Frontier) Version {
	v := make(Version, len(f))
	for i, lv := range f {
		v[i] = d.log.names.id(lv)
	}
	slices.SortFunc(v, ID.compare)
	return v
}

// Frontier returns the local form of v, or ErrUnknown if an event of it is not here. Events of v that others
// of it build on are left out.
func (d *Doc) Frontier(v Version) (Frontier, error) {
	f := make(Frontier, len(v))
	for i, id := range v {
		index, ok := d.log.names.byID[id.Agent]
		if !ok {
			return nil, ErrUnknown
		}
		if f[i], _, ok = d.log.names.lv(index, id.Seq); !ok {
			return nil, ErrUnknown
		}
	}
	return d.log.graph.dominators(f), nil
}

// Contains reports whether every event of g is in the history of f.
func (d *Doc) Contains(f, g Frontier) bool {
	switch len(g) {
	case 0:
		return true
	case 1:
		return d.log.graph.contains(f, g[0])
	}
	_, missing := d.log.graph.diff(f, g)
	return len(missing) == 0
}

// Union returns the version with the histories of both.
func (d *Doc) Union(f, g Frontier) Frontier {
	return d.log.graph.dominators(slices.Concat(f, g))
}

// NextSeq returns the sequence number of an agent's next event.
func (d *Doc) NextSeq(a Agent) uint32 {
	if index, ok := d.log.names.byID[a]; ok {
		return d.log.names.agents[index].next
	}
	return 0
}

// LastOf returns the version of an agent's last event, the root if there is none.
func (d *Doc) LastOf(a Agent) Frontier {
	index, ok := d.log.names.byID[a]
	if !ok {
		return nil
	}
	return d.log.names.last(index)
}

// Edit records what an agent did to the text at a version: p is one patch against that text. The new events'
// parents are that version. It returns the version after them (at itself if p has no effect) and what happened
// to the head text.
//
// The agent's earlier events must be in the history of at (ErrAgent), p must fit the text there (ErrPosition), its
// insertions must be valid UTF-8 (ErrCorrupt), and no limit may be passed (ErrTooLarge; here an insertion may not
// bring the head above MaxText bytes). On an error nothing is changed.
func (d *Doc) Edit(a Agent, at Frontier, p text.Patch) (after Frontier, head text.Patch, err error) {
	ops, content, err := opsOf(p)
	if err != nil || len(ops) == 0 {
		return at, nil, err
	}
	if last := d.LastOf(a); !at.Equal(d.head) && !d.Contains(at, last) {
		return at, nil, ErrAgent
	}
	if len(content) > 0 && d.text.Size()+len(content) > d.limits.text {
		return at, nil, ErrTooLarge
	}
	c := d.begin()
	direct := at.Equal(d.head)
	if err := c.add(d.log.names.index(a), at, ops, content); err != nil {
		c.undo()
		return at, nil, err
	}
	steps := c.apply()
	if direct {
		head = p
	} else {
		head = text.ComposeAll(steps...)
	}
	return Frontier{d.log.graph.size() - 1}, head, nil
}

// opsOf turns a patch, whose positions all mean one text, into ops, each of which means the text after the one
// before.
func opsOf(p text.Patch) (ops []op, content []byte, err error) {
	end, shift := 0, 0
	lv := uint32(0)
	add := func(kind kind, pos, n, size int) {
		o := op{lv: lv, n: uint32(n), pos: uint32(pos), kind: kind}
		o.off, o.size = uint32(len(content)), uint32(size)
		ops = append(ops, o)
		lv += o.n
	}
	for _, e := range p {
		if e.Pos < end || e.Del < 0 || e.Pos > MaxText || e.Del > MaxText {
			return nil, nil, ErrPosition
		}
		if len(e.Ins) > MaxText-len(content) {
			return nil, nil, ErrTooLarge
		}
		if !utf8.ValidString(e.Ins) {
			return nil, nil, ErrCorrupt
		}
		if e.Del > 0 {
			add(remove, e.Pos+shift, e.Del, 0)
		}
		n := utf8.RuneCountInString(e.Ins)
		if n > 0 {
			add(insert, e.Pos+shift, n, len(e.Ins))
			content = append(content, e.Ins...)
		}
		end, shift = e.Pos+e.Del, shift+n-e.Del
	}
	return ops, content, nil
}

// TextAt returns the text at a version, for the caller to keep and edit.
func (d *Doc) TextAt(f Frontier) *text.Rope {
	r := d.text.Clone()
	if !f.Equal(d.head) {
		r.Apply(d.Diff(d.head, f))
	}
	return r
}

// textOf returns the characters of n items with neighbouring ids.
func (d *Doc) textOf(b *strings.Builder, id, n uint32) {
	if id >= underwater {
		from := int(id - underwater)
		b.WriteString(d.tracker.mark.text.Slice(from, from+int(n)))
		return
	}
	d.log.each(LV(id), LV(id+n), func(o op) { b.Write(d.log.content[o.off : o.off+o.size]) })
}
