package crdt

import (
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"earshot/internal/text"
)

// Undo is what must be known to take back what one author did to a Doc: whose events are the author's own, and
// which of them only repeat text that others of them had taken away.
//
// Taking back never removes events. It makes new ones, on the head, that lead to the text as if the author's
// events from some number on had not been. The new events are the author's own and come later, so that they drop
// out by themselves when less is taken back: that is redo.
//
//	      from₁      from₂                          of the author's events
//	─ab────┼──cd──────┼──ef──▶ now                  abcdef
//	       │          └──────── TakeBack(from₂) ──▶ abcd     makes r, which deletes ef
//	       └─────────────────── TakeBack(from₁) ──▶ ab       makes s, which deletes cd; ef is gone as it is
//	                            TakeBack(from₂) ──▶ abcd     makes t, which inserts cd; s is as if it had not been
//
// The zero Undo is of no use; see NewUndo.
type Undo struct {
	by    Agent
	own   []Agent // by too
	twins []twin  // by lv
}

// twin says that the insertions [lv, lv+n) repeat the characters that the deletions [of, of+n) took away; backward
// if the first of them repeats what the last deletion took.
type twin struct {
	lv, of   LV
	n        uint32
	backward bool
}

// NewUndo returns an Undo without events. The events that take back are made in the name of by, which no one else
// may use: they are made on the head, which the author's buffer has not seen yet.
func NewUndo(by Agent) *Undo { return &Undo{by: by, own: []Agent{by}} }

// Own says that the agent's events are the author's.
func (u *Undo) Own(a Agent) {
	if !slices.Contains(u.own, a) {
		u.own = append(u.own, a)
	}
}

// Forget says that nothing before the event from will be taken back any more.
func (u *Undo) Forget(from LV) {
	u.twins = slices.DeleteFunc(u.twins, func(t twin) bool { return t.lv < from })
}

// TakeBack makes the events that lead from the head to the text as if the author's events from the given one on had
// not been, and returns what they did to the head; nothing if there is nothing to do. What anyone else inserted
// stays, and what anyone else deleted too stays deleted. Text that comes back is new text to the others, at its
// old place among what is there; an error is one of Edit's.
func (d *Doc) TakeBack(u *Undo, from LV) (head text.Patch, err error) {
	p, back := d.without(u, from)
	if len(p) == 0 {
		return nil, nil
	}
	first := d.log.graph.size()
	if _, head, err = d.Edit(u.by, d.Head(), p); err != nil {
		return nil, err
	}
	u.remember(p, first, back)
	return head, nil
}

// remember notes what the insertions of a patch, whose first event has the number lv, repeat.
func (u *Undo) remember(p text.Patch, lv LV, back []twin) {
	for _, e := range p {
		lv += LV(e.Del)
		for n := uint32(utf8.RuneCountInString(e.Ins)); n > 0; back = back[1:] {
			t := back[0]
			t.lv = lv
			u.twins = append(u.twins, t)
			lv += LV(t.n)
			n -= t.n
		}
	}
}

// without returns the patch that TakeBack makes, and what its insertions repeat, in their order.
func (d *Doc) without(u *Undo, from LV) (text.Patch, []twin) {
	own := d.eventsOf(u.own, from)
	if len(own) == 0 {
		return nil, nil
	}
	t := d.trackerFrom(from)
	t.move(d.Head())
	r := retreat{tracker: t, undo: u, from: from}
	for _, s := range own {
		r.gather(s)
	}
	r.look()
	r.align()
	r.decide()
	r.settle()
	return d.patchOf(&r)
}

// eventsOf returns the agents' events from one on, in order of arrival.
func (d *Doc) eventsOf(agents []Agent, from LV) []stretch {
	names, end := &d.log.names, d.log.graph.size()
	var found []stretch
	if from >= end {
		return nil
	}
	for k := names.find(from); k < len(names.runs); k++ {
		run, to := names.runs[k], end
		if k+1 < len(names.runs) {
			to = names.runs[k+1].lv
		}
		if slices.Contains(agents, names.agents[run.agent].id) {
			found = append(found, stretch{max(run.lv, from), to})
		}
	}
	return found
}

// retreat works out which items are to come and to go. All that the author's events inserted or deleted falls into
// classes: an item, the root, and the author's repetitions of it. Of a class at most one member is to be visible.
type retreat struct {
	*tracker
	undo      *Undo
	from      LV
	deletions []stretch // the author's, from `from` on
	members   []member
	gone      []member // what is to vanish
	stay      []place  // what is to be seen, be it there or not
}

// member is a run of items, each of a class of its own, that went through the same.
type member struct {
	root, id, n uint32
	of          LV // deletions of the author's that took the items away,
	taken       bool
	backward    bool // the last of which took the first
	made        bool // inserted by the author, not as a repetition
	void        bool // repeats what is to stay deleted
	spared      bool // nobody but the author deleted it
	shown       bool // at the head
	pos         uint32
}

// cut returns n items of m from off on.
func (m member) cut(off, n uint32) member {
	if m.backward {
		m.of += LV(m.n - off - n)
	} else {
		m.of += LV(off)
	}
	m.root, m.id, m.n = m.root+off, m.id+off, n
	return m
}

// gather adds what the author's events inserted and deleted.
func (r *retreat) gather(events stretch) {
	r.log.each(events.from, events.to, func(o op) {
		if o.kind == insert {
			r.addMember(member{id: o.lv, n: o.n})
			return
		}
		r.deletions = append(r.deletions, stretch{LV(o.lv), o.end()})
		r.eachTaken(o.lv, o.n, func(lv, id, n uint32, backward bool) {
			r.addMember(member{id: id, n: n, of: LV(lv), taken: true, backward: backward})
		})
	})
}

// eachTaken calls f for the items that the deletions [lv, lv+n) deleted and says which way they went.
func (r *retreat) eachTaken(lv, n uint32, f func(lv, id, n uint32, backward bool)) {
	r.eachTarget(lv, n, func(id, n uint32) {
		backward := false
		if n > 1 {
			r.eachTarget(lv, 1, func(first, _ uint32) { backward = first != id })
		}
		f(lv, id, n, backward)
		lv += n
	})
}

// addMember adds items to the classes they are of.
func (r *retreat) addMember(m member) {
	r.eachRoot(m.id, m.n, func(off, n, root uint32, void bool) {
		part := m.cut(off, n)
		part.root, part.void = root, void
		part.made = !m.taken && root == part.id && !void
		r.members = append(r.members, part)
	})
}

// eachRoot calls f for runs of the items from id on, by their distance from there, with the items whose text they
// repeat in the end; those that repeat nothing have themselves. So have void ones: they repeat what was deleted
// before r.from, and so is to stay deleted.
func (r *retreat) eachRoot(id, n uint32, f func(off, n, root uint32, void bool)) {
	twins := r.undo.twins
	k := sort.Search(len(twins), func(i int) bool { // what was inserted before from stands for itself
		return twins[i].lv >= r.from && uint32(twins[i].lv)+twins[i].n > id
	})
	for done := uint32(0); done < n; k++ {
		if k == len(twins) || uint32(twins[k].lv) >= id+n {
			f(done, n-done, id+done, false)
			return
		}
		t := twins[k]
		if at := uint32(t.lv); at > id+done {
			f(done, at-id-done, id+done, false)
			done = at - id
		}
		skip := id + done - uint32(t.lv)
		m := member{n: t.n, of: t.of, backward: t.backward}.cut(skip, min(t.n-skip, n-done))
		base := done
		r.eachRepeated(m, func(off, n, root uint32, void bool) {
			if void {
				root = id + base + off
			}
			f(base+off, n, root, void)
		})
		done += m.n
	}
}

// eachRepeated is eachRoot for items that repeat what the deletions m.of took away; void ones are given no root.
func (r *retreat) eachRepeated(m member, f func(off, n, root uint32, void bool)) {
	old := uint32(0)
	if r.from > m.of {
		old = min(m.n, uint32(r.from-m.of))
	}
	first, kept := uint32(0), m.n-old
	if old > 0 && m.backward {
		f(kept, old, 0, true)
	} else if old > 0 {
		f(0, old, 0, true)
		first = old
	}
	if kept == 0 {
		return
	}
	m = m.cut(first, kept)
	before := uint32(0)
	r.eachTarget(uint32(m.of), m.n, func(id, n uint32) {
		at := first + before
		if m.backward {
			at = first + m.n - before - n
		}
		before += n
		r.eachRoot(id, n, func(off, n, root uint32, void bool) { f(at+off, n, root, void) })
	})
}

// look finds out what became of the members, and cuts them where that differs. The tracker stands on the head, before
// and after.
func (r *retreat) look() {
	for _, s := range r.deletions {
		r.shift(s, ^uint16(0))
	}
	r.cutMembers(func(m *member, s span) { m.spared = s.state <= 1 })
	for _, s := range r.deletions {
		r.shift(s, 1)
	}
	r.cutMembers(func(m *member, s span) { m.shown, m.pos = s.state == 1, r.beforeItem(s.id).now })
}

// cutMembers cuts the members where their spans end, and lets see look at each part and its span.
func (r *retreat) cutMembers(see func(m *member, s span)) {
	parts := make([]member, 0, len(r.members))
	for _, m := range r.members {
		r.eachSpan(m.id, m.id+m.n, func(_ spot, s span) {
			part := m.cut(s.id-m.id, s.n)
			see(&part, s)
			parts = append(parts, part)
		})
	}
	r.members = parts
}

// beforeItem returns the widths of everything before an item.
func (r *retreat) beforeItem(id uint32) width {
	p, off := r.find(id)
	w := r.before(p)
	w.all += off
	if r.at(p).state == 1 {
		w.now += off
	}
	return w
}

// align cuts the members so that two which have a root in common have all of them in common.
func (r *retreat) align() {
	cuts := make([]uint32, 0, 2*len(r.members))
	for _, m := range r.members {
		cuts = append(cuts, m.root, m.root+m.n)
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	parts := make([]member, 0, len(r.members))
	for _, m := range r.members {
		k, _ := slices.BinarySearch(cuts, m.root)
		for off := uint32(0); off < m.n; {
			k++
			n := cuts[k] - m.root - off
			part := m.cut(off, n)
			if m.shown {
				part.pos += off
			}
			parts = append(parts, part)
			off += n
		}
	}
	r.members = parts
}

// decide sorts out, class by class, what is to be seen of it. Where a member is there already it stays, also one
// whose root another deleted meanwhile: that is only found to be so when it would have to be inserted again.
func (r *retreat) decide() {
	slices.SortStableFunc(r.members, func(a, b member) int {
		if a.root != b.root {
			return int(int64(a.root) - int64(b.root))
		}
		return int(r.age(a)) - int(r.age(b))
	})
	for len(r.members) > 0 {
		n := 1
		for n < len(r.members) && r.members[n].root == r.members[0].root {
			n++
		}
		r.decideClass(r.members[:n])
		r.members = r.members[n:]
	}
}

// age orders the members of a class, the root first, then as they were made.
func (r *retreat) age(m member) uint32 {
	if m.id == m.root {
		return 0
	}
	return m.id
}

func (r *retreat) decideClass(class []member) {
	wanted, spared, shown := true, true, -1
	for i, m := range class {
		wanted = wanted && !m.made && !m.void
		spared = spared && m.spared
		if m.shown {
			shown = i
		}
	}
	for i, m := range class {
		if m.shown && (i != shown || !wanted) {
			r.gone = append(r.gone, m)
		}
	}
	root, newest := class[0], class[len(class)-1]
	switch {
	case !wanted:
	case shown >= 0:
		r.stay = append(r.stay, place{member: class[shown], order: r.beforeItem(root.root).all})
	case spared:
		root.pos = newest.pos
		r.stay = append(r.stay, place{member: root, order: r.beforeItem(root.root).all, comes: true})
	}
}

// place is where a run of items is in the text at the head, or is to be inserted.
type place struct {
	member
	order uint32 // of the root in the sequence of all items
	comes bool
}

// settle finds the places of what is to come: where its newest repetition was, but in the order of the roots. A
// repetition that is there stands left of the place its root had, for it was inserted behind the character on the left;
// what comes must not get to the wrong side of it. To the right that can't happen: what was done last is taken back
// first, so that whatever comes finds there what it had on its left when it was there.
func (r *retreat) settle() {
	slices.SortFunc(r.stay, func(a, b place) int { return int(int64(a.order) - int64(b.order)) })
	most := ^uint32(0)
	for i := range slices.Backward(r.stay) {
		s := &r.stay[i]
		if s.comes {
			s.pos = min(s.pos, most)
		}
		most = min(most, s.pos)
	}
}

func (d *Doc) itemText(id, n uint32) string {
	var b strings.Builder
	d.writeItems(&b, id, n)
	return b.String()
}

// patchOf makes a patch of what is to come and to go.
func (d *Doc) patchOf(r *retreat) (text.Patch, []twin) {
	var edits []text.Edit
	var back []twin
	for _, g := range r.gone {
		edits = append(edits, text.Edit{Pos: int(g.pos), Del: int(g.n)})
	}
	slices.SortStableFunc(r.stay, func(a, b place) int { return int(int64(a.pos) - int64(b.pos)) })
	for _, s := range r.stay {
		if s.comes {
			edits = append(edits, text.Edit{Pos: int(s.pos), Ins: d.itemText(s.root, s.n)})
			back = append(back, twin{of: s.of, n: s.n, backward: s.backward})
		}
	}
	p, ok := text.NewPatch(edits...)
	if !ok {
		return nil, nil // two members of one place: can't be, and nothing is better than a wrong deletion
	}
	return p, back
}
