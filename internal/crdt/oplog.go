package crdt

import (
	"sort"
	"unicode/utf8"
)

// oplog holds every event in order of arrival, as runs in flat slices: what was done (ops, content), on what
// (graph), by whom (roster). Deleted text stays in content, so that any version can be shown again.
type oplog struct {
	graph   graph
	names   roster
	ops     []opRun
	content []byte // UTF-8 of all insertions
	first   LV     // the first event that has an op; see settle.go
}

// op is a run of events that touch neighbouring characters, each made on the text after the one before. An op
// never leaves its graph run.
//
// The compiler keeps a struct in registers if it has four fields at most and so has each of these: hence the nesting, which
// is worth a tenth of a merge.
type op struct {
	opEvents
	opText
	pos  uint32 // where the first event takes place
	kind kind
}

type opEvents struct{ lv, n uint32 }

// opText is in content; its size is 0 for deletions.
type opText struct{ off, size uint32 } // bytes

// opRun is an op as the log keeps it: the rest follows from where the next one begins, or the log ends.
type opRun struct {
	lv, at uint32 // at is the place, and from kindShift on the kind
	off    uint32 // of a deletion too: as many bytes were inserted before
}

// kindShift bits hold a place: it is at most MaxText.
const (
	kindShift = 30
	placeMask = 1<<kindShift - 1
)

func (o op) run() opRun { return opRun{o.lv, o.pos | uint32(o.kind)<<kindShift, o.off} }

// op returns the k-th op.
func (l *oplog) op(k int) op {
	if k+1 < len(l.ops) {
		return l.ops[k].upTo(l.ops[k+1].lv, l.ops[k+1].off)
	}
	return l.ops[k].upTo(uint32(l.graph.size()), uint32(len(l.content)))
}

// upTo returns the op whose events end before lv, and whose text ends at off.
func (r opRun) upTo(lv, off uint32) op {
	o := op{opEvents{r.lv, lv - r.lv}, opText{off: r.off}, r.at & placeMask, kind(r.at >> kindShift)}
	if o.kind == insert {
		o.size = off - r.off
	}
	return o
}

type kind uint8

const (
	insert    kind = iota // each event one place further right
	remove                // each event at the same place
	backspace             // each event one place further left
)

// longWide bounds, in bytes, the insertions that are joined although they hold more than ASCII: a place inside
// one is found by counting.
const longWide = 2048

func (o op) end() LV { return LV(o.lv + o.n) }

// lengthAfter returns the length of a text after all events.
func (o op) lengthAfter(length uint32) uint32 {
	if o.kind == insert {
		return length + o.n
	}
	return length - o.n
}

// posOf returns where the i-th event of o takes place.
func (o op) posOf(i uint32) uint32 {
	switch o.kind {
	case insert:
		return o.pos + i
	case backspace:
		return o.pos - i
	}
	return o.pos
}

// first returns the leftmost of the characters that a deletion of n starting at pos takes away.
func (k kind) first(pos, n uint32) uint32 {
	if k == backspace {
		return pos - (n - 1)
	}
	return pos
}

// findOp returns the index of the op that holds lv.
func (l *oplog) findOp(lv LV) int {
	if k := len(l.ops) - 1; k >= 0 && l.ops[k].lv <= uint32(lv) {
		return k
	}
	return sort.Search(len(l.ops), func(i int) bool { return l.ops[i].lv > uint32(lv) }) - 1
}

// each calls f for the ops of [from, to), cut to that range.
func (l *oplog) each(from, to LV, f func(part op)) {
	if from >= to {
		return
	}
	for k := l.findOp(from); k < len(l.ops) && l.ops[k].lv < uint32(to); k++ {
		f(l.op(k).cut(l.content, uint32(from), uint32(to)))
	}
}

// cut returns the events of o that lie in [from, to) as an op of their own; content holds o's text.
func (o op) cut(content []byte, from, to uint32) op {
	a, b := max(from, o.lv)-o.lv, min(to, o.lv+o.n)-o.lv
	if a == 0 && b == o.n {
		return o
	}
	part := op{opEvents{o.lv + a, b - a}, opText{}, o.posOf(a), o.kind}
	if o.kind != insert {
		return part
	}
	ascii := o.size == o.n
	content = content[o.off : o.off+o.size]
	start := skip(content, int(a), ascii)
	part.off = o.off + uint32(start)
	part.size = uint32(skip(content[start:], int(b-a), ascii))
	return part
}

// skip returns how many bytes the first n characters of b take.
func skip(b []byte, n int, ascii bool) int {
	if ascii {
		return n
	}
	i := 0
	for ; n > 0; n-- {
		_, size := utf8.DecodeRune(b[i:])
		i += size
	}
	return i
}

// text returns what an insertion inserted.
func (l *oplog) text(o op) string { return string(l.content[o.off : o.off+o.size]) }

// extend names n events that go on from the last one and are its author's.
func (l *oplog) extend(n uint32) {
	l.graph.runs[len(l.graph.runs)-1].to += LV(n)
	l.names.agents[l.names.author].next += n
}

// push adds an op at the end, its text moved from content to the log's. Only what was made on the very event
// before may be joined to it.
func (l *oplog) push(o op, content []byte, how joining) {
	content = content[o.off : o.off+o.size]
	o.off = uint32(len(l.content))
	l.content = append(l.content, content...)
	if k := len(l.ops) - 1; how == mayJoin && k >= 0 && l.joinAt(k, o) {
		return
	}
	l.ops = append(l.ops, o.run())
}

// typedLast reports whether the last op is an insertion of ASCII that ends at pos.
func (l *oplog) typedLast(pos uint32) bool {
	last := &l.ops[len(l.ops)-1]
	n := uint32(l.graph.size()) - last.lv
	return last.at+n == pos && uint32(len(l.content))-last.off == n // in at, a deletion is more than any place
}

// joinAt makes o, which comes next, part of the k-th op, the last, if both together are one run.
func (l *oplog) joinAt(k int, o op) bool {
	last := l.ops[k].upTo(o.lv, o.off)
	if !last.join(o) {
		return false
	}
	l.ops[k] = last.run()
	return true
}

// joining says whether an op may be joined to the one before.
type joining uint8

const (
	mayJoin joining = iota
	mustNotJoin
)

// join makes next, whose events follow those of o, part of o, if both together are one run.
func (o *op) join(next op) bool {
	switch {
	case o.kind == insert && next.kind == insert:
		wide := o.size+next.size != o.n+next.n
		if next.pos != o.pos+o.n || next.off != o.off+o.size || wide && o.size+next.size > longWide {
			return false
		}
	case o.kind == insert || next.kind == insert:
		return false
	case next.pos == o.pos && o.may(remove) && next.may(remove):
		o.kind = remove
	case next.pos+o.n == o.pos && o.may(backspace) && next.may(backspace):
		o.kind = backspace
	default:
		return false
	}
	o.n += next.n
	o.size += next.size
	return true
}

// may reports whether a deletion can be read as one of kind k: a single one has no direction.
func (o *op) may(k kind) bool { return o.kind == k || o.n == 1 }

// directed returns o with the direction that runs of its length have: a single deletion is a remove.
func (o op) directed() op {
	if o.n == 1 && o.kind == backspace {
		o.kind = remove
	}
	return o
}

// truncate forgets the events from size on.
func (l *oplog) truncate(size LV, agents int) {
	for k := len(l.ops) - 1; k >= 0 && l.ops[k].lv >= uint32(size); k-- {
		l.ops = l.ops[:k]
	}
	l.graph.truncate(size)
	l.names.truncate(size, agents)
}
