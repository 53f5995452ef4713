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
	heads   heads
	text    *text.Rope // at the head
	marks   []*mark    // by upto; the first is the root
	tracker *tracker   // nil until needed
	limits  limits
	room    int    // code points and bytes that may be typed before a limit is looked at again
	scratch change // of the edit or merge under way
	arena   arena
}

// New returns a Doc without events. The base is the text at the root; every replica of a document has the same
// one. It must be valid UTF-8 of at most MaxText bytes.
func New(base string) *Doc {
	d := &Doc{text: text.New(base), limits: standardLimits()}
	d.marks = []*mark{{text: d.text.Clone(), made: true, length: uint32(d.text.Len())}}
	return d
}

// Base returns the text at the root.
func (d *Doc) Base() string { return d.marks[0].text.String() }

// Text returns the text at the head. Callers must not edit it; they may Clone it.
func (d *Doc) Text() *text.Rope { return d.text }

// Head returns the version with all events that are here.
func (d *Doc) Head() Frontier { return d.heads.version() }

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
	switch g = d.since(g); len(g) {
	case 0:
		return true
	case 1:
		return d.log.graph.contains(d.since(f), g[0])
	}
	_, missing := d.log.graph.diff(d.since(f), g)
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
	if len(p) == 1 && d.heads.is(at) && d.keystroke(a, &p[0]) {
		return d.Head(), p, nil
	}
	at = d.since(at)
	direct := at.Equal(d.Head())
	c := d.begin()
	if err := c.read(p); err != nil || len(c.ops) == 0 {
		return at, nil, err
	}
	if index, ok := d.log.names.byID[a]; ok && !direct && !d.follows(at, index) {
		return at, nil, ErrAgent
	}
	if len(c.inserted) > 0 && d.text.Size()+len(c.inserted) > d.limits.text {
		return at, nil, ErrTooLarge
	}
	if err := c.add(d.log.names.index(a), at, c.ops, c.inserted); err != nil {
		c.undo()
		return at, nil, err
	}
	c.apply()
	if head = p; !direct {
		head = c.patch()
	}
	d.arena.versions.add(d.log.graph.size() - 1)
	return d.arena.versions.newest(), head, nil
}

// keystroke is Edit for what happens most: who made the last event goes on, with one edit of the whole head, which
// is one op. It reports whether it did so, and does nothing where the edit needs a closer look.
func (d *Doc) keystroke(a Agent, e *text.Edit) bool {
	l, size := &d.log, len(e.Ins)
	if l.names.newest != a || len(l.ops) == 0 {
		return false
	}
	if d.room -= e.Del + size; d.room < 0 && !d.makeRoom(e.Del+size) {
		return false
	}
	switch {
	case size == 1 && l.typedOn(e):
		l.content = append(l.content, e.Ins[0])
		l.extend(1)
	case size == 0 && l.erasedOn(e, d.text.Len()):
		l.extend(1)
	case !d.key(e):
		return false
	}
	d.text.Replace(e.Pos, e.Del, e.Ins)
	d.heads.one.add(l.graph.size() - 1)
	return true
}

// typedOn reports whether a one-byte insertion is what comes next in the last op, an insertion of ASCII.
func (l *oplog) typedOn(e *text.Edit) bool {
	last := &l.ops[len(l.ops)-1]
	n := uint32(l.graph.size()) - last.lv
	return e.Pos == int(last.at+n) && e.Del == 0 && uint32(len(l.content))-last.off == n && e.Ins[0] < utf8.RuneSelf
}

// erasedOn reports whether the deletion of one character of a text of the given length is what comes next in the last op, a
// deletion that has a direction.
func (l *oplog) erasedOn(e *text.Edit, length int) bool {
	last := &l.ops[len(l.ops)-1]
	n, pos := uint32(l.graph.size())-last.lv, int(last.at&placeMask)
	if e.Del != 1 || n < 2 || e.Pos < 0 || e.Pos >= length {
		return false
	}
	switch kind(last.at >> kindShift) {
	case remove:
		return e.Pos == pos
	case backspace:
		return e.Pos+int(n) == pos
	}
	return false
}

// key adds an edit of the head to the log behind its last op, if it is one op, valid and not long.
func (d *Doc) key(e *text.Edit) bool {
	l, length, size := &d.log, d.text.Len(), len(e.Ins)
	o := op{lv: uint32(l.graph.size()), pos: uint32(e.Pos), off: uint32(len(l.content))}
	switch {
	case e.Pos < 0 || e.Pos > length:
		return false
	case e.Del == 0 && size > 0 && size <= longWide && utf8.ValidString(e.Ins):
		o.n, o.size = uint32(utf8.RuneCountInString(e.Ins)), uint32(size)
	case e.Del > 0 && e.Del <= length-e.Pos && size == 0:
		o.n, o.kind = uint32(e.Del), remove
	default:
		return false
	}
	joined := l.joinAt(len(l.ops)-1, o)
	if !joined && len(l.ops)-d.marks[len(d.marks)-1].runs >= d.limits.markEvery {
		return false // time for a mark
	}
	l.content = append(l.content, e.Ins...)
	l.extend(o.n)
	if !joined {
		l.ops = append(l.ops, o.run())
	}
	return true
}

// makeRoom works out how much may be typed before a limit could be reached, and whether n of it may be typed now.
func (d *Doc) makeRoom(n int) bool {
	l, max := &d.log, &d.limits
	d.room = min(max.events-l.events(), maxLV-int(l.graph.size()), max.content-len(l.content), max.text-d.text.Size(),
		max.runs-len(l.ops)-len(l.names.runs)-1) - n
	return d.room >= 0
}

// TextAt returns the text at a version, for the caller to keep and edit.
func (d *Doc) TextAt(f Frontier) *text.Rope {
	r := d.text.Clone()
	if !f.Equal(d.Head()) {
		r.Apply(d.Diff(d.Head(), f))
	}
	return r
}

// writeItems writes the characters of n items with neighbouring ids.
func (d *Doc) writeItems(b *strings.Builder, id, n uint32) {
	if id >= underwater {
		from := int(id - underwater)
		b.WriteString(d.textOf(d.tracker.mark).Slice(from, from+int(n)))
		return
	}
	d.log.each(LV(id), LV(id+n), func(o op) { b.Write(d.log.content[o.off : o.off+o.size]) })
}
