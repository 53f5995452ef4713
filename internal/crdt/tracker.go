package crdt

import (
	"slices"
	"sort"
)

// tracker is the walker's memory: all characters that exist in any version since its base, in their order,
// each with its state in one movable version, the prepare version. An event's positions mean something there,
// and what it does is then known by the identity of characters.
//
// The base is a version before which no event remains concurrent to any after it, so that the base's text is
// so many nameless characters. The tracker may be behind the log: events made on the whole head need no
// tracker, and are applied in runs once some other event needs it.
type tracker struct {
	tree
	log     *oplog
	mark    *mark    // the base
	begun   int      // runs that were to be applied when the tracker began
	upto    LV       // the first event not applied yet
	prepare Frontier // the version that span.state speaks of; its own
	back    []stretch
	forth   []stretch // scratch of move
	targets []target  // by lv: what each deletion deleted
	typed   typed
}

// typed is where the last event, an insertion, ended, until a span is changed: what is typed on there goes into the same
// span, for no one can have seen its last item yet.
type typed struct {
	ok  bool
	at  spot
	lv  uint32 // the next event's: if another came first, this is void too
	pos uint32 // in the prepare version
	end uint32 // in the text with all events applied; none if nobody asked
}

// target says that the deletions [lv, lv+n) deleted the items [id, id+n); backward if the last event deleted
// the first item.
type target struct {
	lv, n    uint32
	id       uint32
	backward bool
}

// effect is one change of the head text, to be done after the ones before it; of few fields as op is.
type effect struct {
	lv     LV
	pos    uint32
	growth // in characters
	opText // of the insertion
}

type growth struct{ del, ins uint32 }

func insertion(o op, pos uint32) effect {
	return effect{LV(o.lv), pos, growth{ins: o.n}, o.opText}
}

func deletion(o op, pos, n uint32) effect { return effect{LV(o.lv), pos, growth{del: n}, opText{}} }

// newTracker begins at a mark.
func newTracker(log *oplog, m *mark) *tracker {
	t := &tracker{log: log, mark: m, upto: m.upto}
	if m.upto > 0 {
		t.prepare = Frontier{m.upto - 1}
	}
	t.tree.reset(m.length, m.upto)
	return t
}

// catchUp applies the events that came since.
func (t *tracker) catchUp() { t.runTo(t.log.graph.size(), nil) }

// runTo applies the events before end, and adds what they do to the text at the head to effects, if there are any.
func (t *tracker) runTo(end LV, effects *[]effect) {
	for t.upto < end {
		run := t.log.graph.runs[t.log.graph.find(t.upto)]
		var one [1]LV
		parents := Frontier(t.log.graph.runParents(run))
		if t.upto > run.from {
			one[0] = t.upto - 1
			parents = one[:]
		}
		t.move(parents)
		t.apply(min(run.to, end), effects)
	}
}

// apply applies the events up to, not including, to: those of one run of the graph, on whose parents the
// prepare version stands. It adds to effects, if there are any, what they do to the text at the head.
func (t *tracker) apply(to LV, effects *[]effect) {
	t.log.each(t.upto, to, func(part op) { t.applyOp(part, effects) })
	t.applied(to)
}

func (t *tracker) applyOp(o op, effects *[]effect) {
	if o.kind == insert {
		t.insertRun(o, effects)
	} else {
		t.removeRun(o, effects)
	}
}

// applied notes that the prepare version has the event before to as its head.
func (t *tracker) applied(to LV) {
	t.upto = to
	t.prepare = append(t.prepare[:0], to-1)
}

// move makes v the prepare version. The order of retreating and advancing is of no matter: states are counters.
func (t *tracker) move(v Frontier) {
	t.back, t.forth = t.log.graph.diffInto(t.prepare, v, t.back[:0], t.forth[:0])
	for _, s := range t.back {
		t.shift(s, ^uint16(0))
	}
	for _, s := range t.forth {
		t.shift(s, 1)
	}
	t.prepare = append(t.prepare[:0], v...)
}

// shift adds to the state of the items that events inserted or deleted.
func (t *tracker) shift(events stretch, by uint16) {
	t.eachItem(events, func(id, n uint32) { t.shiftItems(id, n, by) })
}

// eachItem calls f for the items that events inserted or deleted. What is no deletion is an insertion.
func (t *tracker) eachItem(events stretch, f func(id, n uint32)) {
	lv, to := uint32(events.from), uint32(events.to)
	for k := t.targetAfter(lv); lv < to; k++ {
		if k == len(t.targets) || t.targets[k].lv >= to {
			f(lv, to-lv)
			return
		}
		g := t.targets[k]
		if lv < g.lv {
			f(lv, g.lv-lv)
			lv = g.lv
		}
		n := min(to, g.lv+g.n) - lv
		f(g.first(lv-g.lv, n), n)
		lv += n
	}
}

// targetAfter returns the index of the first target that is of lv or a later event.
func (t *tracker) targetAfter(lv uint32) int {
	if n := len(t.targets); n == 0 || t.targets[n-1].lv+t.targets[n-1].n <= lv {
		return n
	}
	return sort.Search(len(t.targets), func(i int) bool { return t.targets[i].lv+t.targets[i].n > lv })
}

// first returns the first of the n items that deletions from the i-th on deleted.
func (g *target) first(i, n uint32) uint32 {
	if g.backward {
		return g.id + g.n - i - n
	}
	return g.id + i
}

func (t *tracker) shiftItems(id, n uint32, by uint16) {
	t.typed.ok = false
	for n > 0 {
		p := t.isolate(id, n)
		s := *t.at(p)
		s.state += by
		t.change(p, s)
		id, n = id+s.n, n-s.n
	}
}

// eachTarget calls f for the items that the deletions [lv, lv+n) deleted.
func (t *tracker) eachTarget(lv, n uint32, f func(id, n uint32)) {
	t.eachItem(stretch{LV(lv), LV(lv + n)}, f)
}

// insertRun applies a run of insertions.
func (t *tracker) insertRun(o op, effects *[]effect) {
	if k := &t.typed; !k.ok || o.lv != k.lv || o.pos != k.pos || effects != nil && k.end == none {
		t.insertAnew(o, effects)
		return
	}
	if effects != nil {
		*effects = append(*effects, insertion(o, t.typed.end))
	} else {
		t.typed.end = none
	}
	t.typeOn(o.n)
}

// typeOn adds n items behind the last one that was typed.
func (t *tracker) typeOn(n uint32) {
	k := &t.typed
	t.at(k.at).n += n
	t.setPlace(span{run: run{k.lv, n}}, k.at.leaf)
	t.grow(k.at.leaf, width{n, n, n})
	k.lv += n
	k.pos += n
	if k.end != none {
		k.end += n
	}
}

// insertAnew is insertRun for what doesn't go on from the last insertion.
func (t *tracker) insertAnew(o op, effects *[]effect) {
	p, left := t.gap(o.pos)
	right := none
	concurrent := false
	for q, ok := t.skipEnd(p); ok; q, ok = t.skipEnd(spot{q.leaf, q.slot + 1}) {
		if s := t.at(q); s.state != 0 {
			right = s.id
			break
		}
		concurrent = true
	}
	if concurrent {
		p = t.among(p, o.lv, left, right)
	}
	s := span{run{o.lv, o.n}, origins{left, right}, 1, false}
	p, at := t.place(p, s)
	end := none
	if effects != nil {
		pos := t.before(p).end + at
		*effects = append(*effects, insertion(o, pos))
		end = pos + o.n
	}
	t.typed = typed{true, p, o.lv + o.n, o.pos + o.n, end}
}

// gap returns the place behind the visible item before pos, and that item.
func (t *tracker) gap(pos uint32) (p spot, left uint32) {
	if pos == 0 {
		return spot{}, none
	}
	p, off := t.visible(pos - 1)
	s := *t.at(p)
	left = s.id + off
	if off+1 < s.n {
		return t.split(p, off+1), left
	}
	return spot{p.leaf, p.slot + 1}, left
}

// place inserts s before p, or joins it to the span before, and returns the span it is in now and how many
// items of that precede it. If the span before is visible, its last item is the left origin of s.
func (t *tracker) place(p spot, s span) (spot, uint32) {
	if p.slot > 0 {
		q := spot{p.leaf, p.slot - 1}
		o := *t.at(q)
		if o.id+o.n == s.id && o.right == s.right && o.state == s.state && o.dead == s.dead {
			at := o.n
			o.n += s.n
			t.change(q, o)
			t.setPlace(s, q.leaf)
			return q, at
		}
	}
	return t.insert(p, s), 0
}

// among finds the place of a new item among the ones between its origins that it does not know of. This is the
// order that FugueMax (Weidner, Kleppmann 2023) and YjsMod give: what one author typed in one go stays together.
func (t *tracker) among(p spot, id, left, right uint32) spot {
	dest, scanning := p, false
	mine, last := none, none // the rank of left, once it is needed; the last item passed
	for q, ok := t.skipEnd(p); ok; q, ok = t.skipEnd(q) {
		other := t.at(q)
		if other.state != 0 {
			break
		}
		switch {
		case other.left == last && last != none: // it was typed behind one that is passed
		case other.left == left && other.right == right:
			if t.log.names.id(LV(id)).compare(t.log.names.id(LV(other.id))) < 0 {
				return dest
			}
			scanning = false
		case other.left == left:
			scanning = t.rank(other.right, none) < t.rank(right, none)
		default:
			if mine == none {
				mine = t.rank(left, 0)
			}
			if t.rank(other.left, 0) < mine {
				return dest
			}
		}
		last = other.id + other.n - 1
		q.slot++
		if !scanning {
			dest = q
		}
	}
	return dest
}

// rank is an item's place in the sequence, counted from 1; that of no item is given.
func (t *tracker) rank(id, ofNone uint32) uint32 {
	if id == none {
		return ofNone
	}
	return t.order(id) + 1
}

// removeRun applies a run of deletions.
func (t *tracker) removeRun(o op, effects *[]effect) {
	first := len(t.targets)
	pos := o.kind.first(o.pos, o.n)
	for left := o.n; left > 0; {
		p, off := t.visible(pos)
		p = t.split(p, off)
		if t.at(p).n > left {
			p = t.split(p, left)
			p.slot--
		}
		s := *t.at(p)
		if !s.dead && effects != nil {
			*effects = append(*effects, deletion(o, t.before(p).end, s.n))
		}
		s.state, s.dead = 2, true
		t.change(p, s)
		lv := o.lv + o.n - left
		if o.kind == backspace {
			lv = o.lv + left - s.n
		}
		t.targets = append(t.targets, target{lv, s.n, s.id, o.kind == backspace})
		left -= s.n
	}
	if o.kind == backspace {
		slices.Reverse(t.targets[first:])
	}
	t.joinTargets(first)
}

// joinTargets joins the targets from first on with each other and with the one before.
func (t *tracker) joinTargets(first int) {
	kept := t.targets[:first]
	for _, g := range t.targets[first:] {
		if k := len(kept) - 1; k < 0 || !kept[k].join(g) {
			kept = append(kept, g)
		}
	}
	t.targets = kept
}

func (g *target) join(next target) bool {
	if g.lv+g.n != next.lv {
		return false
	}
	switch {
	case g.id+g.n == next.id && (g.n == 1 || !g.backward) && (next.n == 1 || !next.backward):
		g.backward = false
	case next.id+next.n == g.id && (g.n == 1 || g.backward) && (next.n == 1 || next.backward):
		g.id, g.backward = next.id, true
	default:
		return false
	}
	g.n += next.n
	return true
}
