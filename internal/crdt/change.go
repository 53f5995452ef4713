package crdt

import (
	"unicode/utf8"

	"earshot/internal/text"
)

// change adds events to a Doc, all of them or none: first to the log and the tracker, which can be put back,
// and to the text only once nothing can fail any more.
type change struct {
	d       *Doc
	events  LV // before the change, like the next three
	content int
	agents  int
	head    Frontier
	marks   []*mark
	length  uint32 // of the head text, with the effects
	empty   bool   // that text was
	effects []effect

	// What Edit's patch or a block of a message says.
	ops      []op
	inserted []byte
	parents  Frontier
}

// begin begins the one change that can be under way.
func (d *Doc) begin() *change {
	c := &d.scratch
	d.room = 0
	*c = change{
		d:       d,
		events:  d.log.graph.size(),
		content: len(d.log.content),
		agents:  len(d.log.names.agents),
		head:    d.Head(),
		marks:   d.marks,
		length:  uint32(d.text.Len()),
		empty:   d.text.Len() == 0,
		effects: reuse(c.effects),

		ops:      reuse(c.ops),
		inserted: reuse(c.inserted),
		parents:  c.parents,
	}
	return c
}

// reuse empties a slice to be filled again, unless it grew for something rare.
func reuse[T any](s []T) []T {
	const most = 4096
	if cap(s) > most {
		return nil
	}
	return s[:0]
}

// read turns a patch, whose positions all mean one text, into ops, each of which means the text after the one before.
func (c *change) read(p text.Patch) error {
	end, shift := 0, 0
	lv := uint32(0)
	add := func(kind kind, pos, n, size int) {
		o := op{opEvents{lv, uint32(n)}, opText{uint32(len(c.inserted)), uint32(size)}, uint32(pos), kind}
		c.ops = append(c.ops, o)
		lv += o.n
	}
	for _, e := range p {
		if e.Pos < end || e.Del < 0 || e.Pos > MaxText || e.Del > MaxText {
			return ErrPosition
		}
		if len(e.Ins) > MaxText-len(c.inserted) {
			return ErrTooLarge
		}
		if !utf8.ValidString(e.Ins) {
			return ErrCorrupt
		}
		if e.Del > 0 {
			add(remove, e.Pos+shift, e.Del, 0)
		}
		n := utf8.RuneCountInString(e.Ins)
		if n > 0 {
			add(insert, e.Pos+shift, n, len(e.Ins))
			c.inserted = append(c.inserted, e.Ins...)
		}
		end, shift = e.Pos+e.Del, shift+n-e.Del
	}
	return nil
}

// add appends one agent's events, each made on the one before, the first on parents. The ops' texts are in
// content.
func (c *change) add(agent uint32, parents Frontier, ops []op, content []byte) error {
	d := c.d
	n, size := measure(ops)
	if err := c.fits(parents, len(ops), n, size); err != nil {
		return err
	}
	d.dropMarks(parents.last())
	length, t := c.length, (*tracker)(nil)
	if !parents.Equal(d.Head()) {
		t = d.trackerFrom(parents.last())
		t.move(parents)
		length = t.total().now
	}
	length, err := checkOps(ops, length, uint32(d.limits.text))
	if err != nil {
		return err
	}
	first := d.log.graph.size()
	c.push(agent, parents, ops, content)
	end := d.log.graph.size()
	before := len(c.effects)
	if t == nil {
		c.direct(first, end)
	} else {
		t.apply(end, &c.effects)
	}
	for _, e := range c.effects[before:] {
		c.length += e.ins - e.del
	}
	d.advance(parents, end-1)
	d.mark(length)
	return nil
}

// measure returns how many events the ops hold and how many bytes they insert.
func measure(ops []op) (events, bytes int) {
	for _, o := range ops {
		events += int(o.n)
		bytes += int(o.size)
	}
	return events, bytes
}

// fits checks the limits of the log. A block may begin a run of its author's beside the runs of its ops.
func (c *change) fits(parents Frontier, ops, events, bytes int) error {
	l, max := &c.d.log, c.d.limits
	edges := len(parents)
	if edges == 1 && parents.last() == l.graph.size() {
		edges = 0
	}
	switch {
	case l.events()+events > max.events,
		int(l.graph.size())+events > maxLV,
		len(l.content)+bytes > max.content,
		len(l.ops)+len(l.names.runs)+ops+1 > max.runs,
		len(l.graph.parents)+edges > max.edges,
		len(l.names.agents) > max.agents:
		return ErrTooLarge
	}
	return nil
}

// checkOps checks that every event lies in the text it was made on, which is a matter of its ancestors alone:
// a refused event is refused everywhere. It returns the length after them.
func checkOps(ops []op, length, limit uint32) (after uint32, err error) {
	for _, o := range ops {
		switch {
		case o.kind == insert && o.pos > length,
			o.kind != insert && o.pos >= length,
			o.kind == remove && o.n > length-o.pos,
			o.kind == backspace && o.n > o.pos+1:
			return 0, ErrPosition
		case o.kind == insert && length+o.n > limit:
			return 0, ErrTooLarge
		}
		length = o.lengthAfter(length)
	}
	return length, nil
}

func (c *change) push(agent uint32, parents Frontier, ops []op, content []byte) {
	l := &c.d.log
	lv := l.graph.size()
	n, _ := measure(ops)
	how := mayJoin
	if l.graph.push(parents, LV(n)) {
		how = mustNotJoin
	}
	l.names.push(agent, lv, uint32(n))
	for _, o := range ops {
		for rest := o; rest.n > 0; {
			o, rest = rest.chunk(content)
			o.lv = uint32(lv)
			l.push(o, content, how)
			lv, how = lv+LV(o.n), mayJoin
		}
	}
}

// chunk cuts as much off o as one op of the log may hold.
func (o op) chunk(content []byte) (chunk, rest op) {
	if o.size == o.n || o.size <= longWide {
		return o, op{}
	}
	chunk = o.cut(content, o.lv, o.lv+longWide/utf8.UTFMax)
	return chunk, o.after(chunk.n, chunk.size)
}

// direct adds what events made on the whole head do to it: just what they say.
func (c *change) direct(from, to LV) {
	c.d.log.each(from, to, func(o op) {
		if o.kind == insert {
			c.effects = append(c.effects, insertion(o, o.pos))
		} else {
			c.effects = append(c.effects, deletion(o, o.kind.first(o.pos, o.n), o.n))
		}
	})
}

// undo puts the Doc back as it was.
func (c *change) undo() {
	d := c.d
	d.log.truncate(c.events, c.agents)
	d.log.content = d.log.content[:c.content]
	d.heads.set(c.head)
	d.marks = c.marks
	if d.tracker != nil && d.tracker.upto > c.events {
		d.tracker = nil
	}
}

// apply changes the text.
func (c *change) apply() {
	d := c.d
	pending := d.pendingMarks()
	added := len(pending) > 0
	for i := range c.effects {
		for len(pending) > 0 && pending[0].upto <= c.effects[i].lv {
			pending[0].apply(d.text)
			pending = pending[1:]
		}
		edit := c.edit(i)
		d.text.Replace(edit.Pos, edit.Del, edit.Ins)
	}
	for _, m := range pending {
		m.apply(d.text)
	}
	if added {
		d.thinMarks()
	}
}

// edit is what one effect does to the text after the ones before it.
func (c *change) edit(i int) text.Edit {
	e := &c.effects[i]
	return text.Edit{Pos: int(e.pos), Del: int(e.del), Ins: c.d.arena.text(c.d.log.content[e.off : e.off+e.size])}
}

// patch returns what all effects together do to the text.
func (c *change) patch() text.Patch {
	switch {
	case len(c.effects) == 1:
		return c.d.arena.patch(c.edit(0))
	case c.empty && c.d.text.Len() > 0:
		return text.Patch{{Ins: c.d.text.String()}}
	}
	edits := make([]text.Edit, len(c.effects))
	steps := make([]text.Patch, len(c.effects))
	for i := range edits {
		edits[i] = c.edit(i)
		steps[i] = edits[i : i+1 : i+1]
	}
	return text.ComposeAll(steps...)
}
