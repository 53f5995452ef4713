package crdt

import (
	"bytes"
	"slices"

	"earshot/internal/text"
)

// Merge adds the events of an encoding and returns what happened to the text at the head. Known events are
// skipped, also at the beginning of runs; the rest is added whole or, on an error, not at all: ErrCorrupt,
// ErrMissing (an event that others build on is not here), ErrPosition, ErrAgent, ErrForged or ErrTooLarge. All
// but ErrMissing and ErrTooLarge depend on nothing but the events and their histories, so every replica agrees.
func (d *Doc) Merge(b []byte) (head text.Patch, err error) {
	c, err := d.merge(b)
	if err != nil || c == nil {
		return nil, err
	}
	c.apply()
	return c.patch(), nil
}

// merge is Merge up to the point from which nothing can fail. It returns nil if there is nothing to do.
func (d *Doc) merge(b []byte) (*change, error) {
	if len(b) == 0 {
		return nil, nil
	}
	w, err := decode(b)
	if err != nil {
		return nil, err
	}
	c := d.begin()
	for i := range w.blocks {
		if err := c.addBlock(w, &w.blocks[i]); err != nil {
			c.undo()
			return nil, err
		}
	}
	return c, nil
}

// addBlock adds what of a block is not known.
func (c *change) addBlock(w *batch, b *block) error {
	names := &c.d.log.names
	agent := names.index(w.agents[b.agent].id)
	if b.seq < names.agents[agent].base {
		return c.goOn(agent, b.seq, b.n, b.ops, w.content)
	}
	parents, err := c.d.resolve(w, b.parents)
	if err != nil {
		return err
	}
	return c.addChain(agent, b.seq, b.n, parents, b.ops, w.content)
}

// addChain adds what is not known of n events of an agent from seq on, the first of them made on parents.
func (c *change) addChain(agent, seq, n uint32, parents Frontier, ops []op, content []byte) error {
	d, names := c.d, &c.d.log.names
	next := names.agents[agent].next
	if seq > next {
		return ErrMissing
	}
	known := min(n, next-seq)
	if known > 0 && !d.log.same(agent, seq, known, parents, ops, content) {
		return ErrForged
	}
	if known == n {
		return nil
	}
	if known > 0 {
		parents = names.last(agent)
	} else if next > 0 && !d.follows(parents, agent) {
		return ErrAgent
	}
	return c.add(agent, parents, dropOps(ops, known, content), content)
}

// goOn adds what of a chain is not known where its beginning is forgotten, and therefore known: what follows can only have
// been made on the oldest version.
func (c *change) goOn(agent, seq, n uint32, ops []op, content []byte) error {
	names := &c.d.log.names
	forgotten := names.agents[agent].base - seq
	if n <= forgotten {
		return nil
	}
	if lv, _, ok := names.lv(agent, seq+forgotten-1); !ok || lv != c.d.log.first-1 {
		return ErrMissing
	}
	return c.addChain(agent, seq+forgotten, n-forgotten, c.d.Oldest(), dropOps(ops, forgotten, content), content)
}

// follows reports whether an agent's last event is in the history of f.
func (d *Doc) follows(f Frontier, agent uint32) bool {
	lv, _, ok := d.log.names.lv(agent, d.log.names.agents[agent].next-1)
	if !ok {
		return true // forgotten: in the history of all
	}
	f = d.since(f)
	return slices.Contains(f, lv) || d.log.graph.contains(f, lv)
}

// resolve returns the local form of parents.
func (d *Doc) resolve(w *batch, ids []wireID) (Frontier, error) {
	if len(ids) == 0 && d.log.first > 0 {
		return nil, ErrMissing // made on a version that is forgotten
	}
	parents := make(Frontier, len(ids))
	for i, id := range ids {
		agent, ok := d.log.names.byID[w.agents[id.agent].id]
		if !ok {
			return nil, ErrMissing
		}
		if parents[i], _, ok = d.log.names.lv(agent, id.seq); !ok {
			return nil, ErrMissing
		}
	}
	return d.log.graph.heads(parents)
}

// heads returns the events, which must be a version, in order: ErrCorrupt if one is in another's history or there twice. It
// may sort what it is given.
func (g *graph) heads(events Frontier) (Frontier, error) {
	switch len(events) {
	case 0, 1:
		return events, nil
	case 2:
		if events[0] > events[1] {
			events[0], events[1] = events[1], events[0]
		}
		if g.contains(events[1:], events[0]) {
			return nil, ErrCorrupt
		}
		return events, nil
	}
	heads := g.dominators(events)
	if len(heads) < len(events) {
		return nil, ErrCorrupt
	}
	return heads, nil
}

// dropOps returns the ops without their first n events.
func dropOps(ops []op, n uint32, content []byte) []op {
	if n == 0 {
		return ops
	}
	from := ops[0].lv + n
	for ops[0].lv+ops[0].n <= from {
		ops = ops[1:]
	}
	ops = slices.Clone(ops)
	ops[0] = ops[0].cut(content, from, ops[0].lv+ops[0].n)
	return ops
}

// same reports whether n events of a chain, which are here, are here with the same meaning.
func (l *oplog) same(agent, seq, n uint32, parents Frontier, ops []op, content []byte) bool {
	theirs := opReader{ops: ops, content: content}
	for done := uint32(0); done < n; {
		lv, row, _ := l.names.lv(agent, seq+done)
		run := l.graph.runs[l.graph.find(lv)]
		row = min(row, n-done, uint32(run.to-lv))
		if !parents.Equal(l.graph.parentsOf(lv)) || !theirs.same(l, lv, row) {
			return false
		}
		done += row
		parents = Frontier{lv + LV(row) - 1}
	}
	return true
}

// opReader goes through ops in steps of any size.
type opReader struct {
	rest    op // what remains of the op begun; n is 0 if nothing does
	ops     []op
	content []byte
}

// next returns the next events, at most n and of one op.
func (r *opReader) next(n uint32) op {
	if r.rest.n == 0 {
		r.rest, r.ops = r.ops[0], r.ops[1:]
	}
	o := r.rest
	part := o.cut(r.content, o.lv, o.lv+min(n, o.n))
	r.rest = o.after(part.n, part.size)
	return part
}

// same reports whether the next n events do what the log's from lv on do.
func (r *opReader) same(l *oplog, lv LV, n uint32) bool {
	equal := true
	l.each(lv, lv+LV(n), func(mine op) {
		for equal && mine.n > 0 {
			theirs := r.next(mine.n)
			m := theirs.n
			part := mine.cut(l.content, mine.lv, mine.lv+m)
			equal = part.pos == theirs.pos && part.posOf(m-1) == theirs.posOf(m-1) &&
				(part.kind == insert) == (theirs.kind == insert) &&
				bytes.Equal(l.content[part.off:part.off+part.size], r.content[theirs.off:theirs.off+theirs.size])
			mine = mine.after(m, part.size)
		}
	})
	return equal
}

// after returns o without its first n events, whose text takes size bytes.
func (o op) after(n, size uint32) op {
	return op{opEvents{o.lv + n, o.n - n}, opText{o.off + size, o.size - size}, o.posOf(n), o.kind}
}
