package crdt

import (
	"unicode/utf8"

	"earshot/internal/text"
)

// standsLast reports whether others' events are beside the last one, and the tracker stands behind it.
func (d *Doc) standsLast() bool {
	t := d.tracker
	return t != nil && len(d.heads.many) > 0 && len(t.prepare) == 1 && t.prepare[0] == d.log.graph.size()-1
}

// editBeside is Edit for who made the last event and goes on, where the Doc stands last. It reports whether it did so.
func (d *Doc) editBeside(e *text.Edit) (head text.Patch, ok bool) {
	o := op{pos: uint32(e.Pos)}
	switch size := len(e.Ins); {
	case e.Pos < 0 || e.Pos > MaxText || e.Del < 0 || e.Del > MaxText:
		return nil, false
	case e.Del == 0 && size > 0 && size <= longWide && utf8.ValidString(e.Ins):
		o.n, o.size = uint32(utf8.RuneCountInString(e.Ins)), uint32(size)
	case e.Del > 0 && size == 0:
		o.n, o.kind = uint32(e.Del), remove
	default:
		return nil, false
	}
	d.scratch.inserted = append(d.scratch.inserted[:0], e.Ins...)
	return d.beside(o, d.scratch.inserted)
}

// beside adds an op, whose text is in content, behind the last event, whose author's it is, where the Doc stands last. It
// returns what that does to the head, or has done nothing if the op needs a closer look.
func (d *Doc) beside(o op, content []byte) (head text.Patch, ok bool) {
	if o.size == 1 {
		if e, ok := d.typeOn(o.pos, content[o.off:o.off+1]); ok {
			return d.arena.patch(e), true
		}
	}
	n := int(max(o.n, o.size))
	if o.size > longWide || d.room < n && !d.makeRoom(n) {
		return nil, false
	}
	c, t, l := &d.scratch, d.tracker, &d.log
	c.ops = append(c.ops[:0], o)
	if _, err := checkOps(c.ops, t.total().now, uint32(d.limits.text)); err != nil {
		return nil, false
	}
	d.room -= n
	c.d, c.empty, c.effects = d, false, c.effects[:0]
	o.lv = uint32(l.graph.size())
	off := uint32(len(l.content))
	l.push(o, content, mayJoin)
	l.extend(o.n)
	o.off = off
	t.applyOp(o, &c.effects)
	t.applied(o.end())
	d.advanceLast()
	for i := range c.effects {
		e := c.edit(i)
		d.text.Replace(e.Pos, e.Del, e.Ins)
	}
	return c.patch(), true
}

// typeOn is beside for what comes most: one character of ASCII behind the last one, which was typed too. It returns what it
// did to the head.
func (d *Doc) typeOn(pos uint32, char []byte) (e text.Edit, ok bool) {
	l, t := &d.log, d.tracker
	k := &t.typed
	if d.room < 1 || !k.ok || k.lv != uint32(l.graph.size()) || k.end == none || !l.typedLast(pos) || !d.text.Type(char[0]) {
		return e, false
	}
	e = text.Edit{Pos: int(k.end), Ins: d.arena.text(char)}
	d.room--
	l.content = append(l.content, char[0])
	l.extend(1)
	t.typeOn(1)
	t.applied(l.graph.size())
	d.advanceLast()
	return e, true
}

// advanceLast notes that the newest head, which the last event was made on, is the last event now.
func (d *Doc) advanceLast() {
	heads := d.arena.version(len(d.heads.many))
	copy(heads, d.heads.many)
	heads[len(heads)-1] = d.log.graph.size() - 1
	d.heads.many = heads
}
