package crdt

import (
	"slices"
	"unicode/utf8"
)

// Snapshot encodes the base and all events, for a newcomer: a byte formatVersion, the base's length in bytes
// (varint), the base, and, if there are events, their encoding as of Since.
func (d *Doc) Snapshot() []byte {
	base := d.Base()
	b := append([]byte{formatVersion}, putUint(nil, uint32(len(base)))...)
	b = append(b, base...)
	if d.log.graph.size() == 0 {
		return b
	}
	return d.encode(b, []stretch{{0, d.log.graph.size()}})
}

// Load returns the Doc of a Snapshot. The errors are those of Merge.
func Load(b []byte) (*Doc, error) {
	r := &reader{b: b}
	if r.byte() != formatVersion {
		return nil, ErrCorrupt
	}
	n := r.uint()
	if n > MaxText {
		return nil, ErrTooLarge
	}
	base := r.bytes(n)
	if r.failed || !utf8.Valid(base) {
		return nil, ErrCorrupt
	}
	d := New(string(base))
	c, err := d.merge(r.b)
	if err != nil {
		return nil, err
	}
	if c != nil {
		c.apply()
	}
	return d, nil
}

// Summary encodes which events are here: a byte formatVersion, a count, and for each agent, sorted, its id
// (8 bytes, little endian) and how many of its events are here, which are always its first.
func (d *Doc) Summary() []byte {
	agents := slices.Clone(d.log.names.agents)
	slices.SortFunc(agents, func(a, b agent) int { return ID{Agent: a.id}.compare(ID{Agent: b.id}) })
	b := putUint([]byte{formatVersion}, uint32(len(agents)))
	for _, a := range agents {
		b = putUint(putAgent(b, a.id), a.next)
	}
	return b
}

// SinceSummary encodes the events that a replica with the given Summary lacks; nil if there is none. What that
// replica has and this one has not is of no matter here.
func (d *Doc) SinceSummary(b []byte) ([]byte, error) {
	r := &reader{b: b}
	if r.byte() != formatVersion {
		return nil, ErrCorrupt
	}
	n := r.count(9)
	var known Frontier
	for range n {
		id, count := r.agent(), r.uint()
		if index, ok := d.log.names.byID[id]; ok && count > 0 {
			count = min(count, d.log.names.agents[index].next)
			lv, _, _ := d.log.names.lv(index, count-1)
			known = append(known, lv)
		}
	}
	if r.failed || len(r.b) > 0 {
		return nil, ErrCorrupt
	}
	return d.Since(d.log.graph.dominators(known)), nil
}
