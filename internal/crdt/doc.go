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
	room    int // code points and bytes that may be typed before a limit is looked at again
	spree   spree
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
		return d.heads.one.newest(), p, nil
	}
	if len(p) == 1 && len(at) == 1 && at[0] == d.log.graph.size()-1 && a == d.log.names.newest && d.standsLast() {
		if head, ok := d.editBeside(&p[0]); ok {
			return d.newest(), head, nil
		}
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
	return d.newest(), head, nil
}

// newest returns the version that the author of the last event is at.
func (d *Doc) newest() Frontier {
	d.arena.versions.add(d.log.graph.size() - 1)
	return d.arena.versions.newest()
}

// keystroke is Edit for what happens most: who made the last event goes on, with one edit of the whole head, which
// is one op. It reports whether it did so, and does nothing where the edit needs a closer look.
func (d *Doc) keystroke(a Agent, e *text.Edit) bool {
	if d.room > 0 && d.spree.goesOn(a, e) && d.goOn(e) {
		return true
	}
	l := &d.log
	if l.names.newest != a || len(l.ops) == 0 {
		return false
	}
	if n := e.Del + len(e.Ins); d.room < n && !d.makeRoom(n) || !d.key(e) {
		return false
	}
	d.room -= e.Del + len(e.Ins)
	d.text.Replace(e.Pos, e.Del, e.Ins)
	d.heads.one.add(l.graph.size() - 1)
	d.spree.follow(d, a)
	return true
}

// spree is the last op while its author goes on with it, key after key: one byte of ASCII, or one deletion in the op's
// direction. It is what the log would tell of that.
type spree struct {
	author Agent
	pos    int // where the next key goes on with the op
	typed  int // what a key inserts; below 0 if none goes on
	erased int // and deletes: one of the two is 1
	step   int // from one key's place to the next one's

	graph *LV     // where the last run of the graph ends
	seq   *uint32 // the author's next event
}

// follow makes s follow the last op of d, whose author is a.
func (s *spree) follow(d *Doc, a Agent) {
	l := &d.log
	o := l.op(len(l.ops) - 1)
	s.typed = -1
	switch {
	case o.kind == insert && o.size == o.n:
		s.pos, s.typed, s.erased, s.step = int(o.pos+o.n), 1, 0, 1
	case o.kind == remove && o.n > 1:
		s.pos, s.typed, s.erased, s.step = int(o.pos), 0, 1, 0
	case o.kind == backspace && o.n > 1:
		s.pos, s.typed, s.erased, s.step = int(o.pos)-int(o.n), 0, 1, -1
	default: // it has no direction yet, or places in it are found by counting
		return
	}
	s.author = a
	s.graph, s.seq = &l.graph.runs[len(l.graph.runs)-1].to, &l.names.agents[l.names.author].next
}

// goesOn reports whether an edit of the head by a is the next key.
func (s *spree) goesOn(a Agent, e *text.Edit) bool {
	return e.Pos == s.pos && a == s.author && len(e.Ins) == s.typed && e.Del == s.erased
}

// goOn is keystroke for the next key, which is where the rope was edited last.
func (d *Doc) goOn(e *text.Edit) bool {
	s := &d.spree
	switch {
	case s.typed > 0:
		if !d.text.Type(e.Ins[0]) {
			return false
		}
		d.log.content = append(d.log.content, e.Ins[0])
	case s.step < 0:
		if !d.text.Erase(text.Before) {
			return false
		}
	case !d.text.Erase(text.After):
		return false
	}
	d.room--
	s.pos += s.step
	*s.seq++
	d.heads.one.add(*s.graph)
	*s.graph++
	return true
}

// key adds an edit of the head to the log behind its last op, if it is one op, valid and not long.
func (d *Doc) key(e *text.Edit) bool {
	l, length, size := &d.log, d.text.Len(), len(e.Ins)
	o := op{opEvents: opEvents{lv: uint32(l.graph.size())}, opText: opText{off: uint32(len(l.content))}, pos: uint32(e.Pos)}
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
		max.runs-len(l.ops)-len(l.names.runs)-1, d.untilMark())
	if d.standsLast() {
		d.room = min(d.room, max.text-int(d.tracker.total().now))
	}
	return d.room >= n
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
