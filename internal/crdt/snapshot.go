package crdt

import (
	"slices"
	"unicode/utf8"
)

// Snapshot encodes the base and all events after it, for a newcomer:
//
//	version   a byte, snapshotVersion
//	base      its length in bytes, then its UTF-8
//	agents    the count of those with events that are forgotten, then for each: id (8 bytes, little endian), and how many
//	          are. The last event of the first of them is the oldest version
//	events    as of Since, if there are any
//
// Numbers are varints.
func (d *Doc) Snapshot() []byte {
	base := d.Base()
	b := append([]byte{snapshotVersion}, putUint(nil, uint32(len(base)))...)
	b = append(b, base...)
	b = d.log.names.putForgotten(b)
	if d.log.first == d.log.graph.size() {
		return b
	}
	return d.encode(b, []stretch{{d.log.first, d.log.graph.size()}})
}

const snapshotVersion = 2

func (r *roster) putForgotten(b []byte) []byte {
	count, last := 0, uint32(0)
	for i := range r.agents {
		if r.agents[i].base > 0 {
			count++
			if len(r.runs) > 0 && r.runs[0].agent == uint32(i) {
				last = uint32(i)
			}
		}
	}
	b = putUint(b, uint32(count))
	if count == 0 {
		return b
	}
	put := func(i uint32) { b = putUint(putAgent(b, r.agents[i].id), r.agents[i].base) }
	put(last)
	for i := range r.agents {
		if uint32(i) != last && r.agents[i].base > 0 {
			put(uint32(i))
		}
	}
	return b
}

// Load returns the Doc of a Snapshot. The errors are those of Merge.
func Load(b []byte) (*Doc, error) {
	r := &reader{b: b}
	if r.byte() != snapshotVersion {
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
	if err := d.readForgotten(r); err != nil {
		return nil, err
	}
	c, err := d.merge(r.b)
	if err != nil {
		return nil, err
	}
	if c != nil {
		c.apply()
	}
	return d, nil
}

// readForgotten makes the Doc, which has no events, one that has forgotten what a Snapshot says.
func (d *Doc) readForgotten(r *reader) error {
	n := r.count(9)
	if n > MaxAgents {
		return ErrTooLarge
	}
	l := &d.log
	for i := range n {
		id, base := r.agent(), r.uint()
		if r.failed || base == 0 || int(l.names.index(id)) != int(i) {
			return ErrCorrupt
		}
		a := &l.names.agents[i]
		a.base, a.next = base, base
	}
	if r.failed {
		return ErrCorrupt
	}
	if n == 0 {
		return nil
	}
	first := &l.names.agents[0]
	l.first = 1
	l.graph.runs = []graphRun{{from: 0, to: 1}}
	l.names.runs = []nameRun{{lv: 0, agent: 0, seq: first.base - 1}}
	l.names.newest, l.names.author = first.id, 0
	first.runs = []seqRun{{first.base - 1, 0}}
	d.heads.set(d.Oldest())
	d.marks[0].upto = 1
	return nil
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
// replica has and this one has not is of no matter here. ErrForgotten: it lacks what is forgotten here, and must Load a
// Snapshot.
func (d *Doc) SinceSummary(b []byte) ([]byte, error) {
	r := &reader{b: b}
	if r.byte() != formatVersion {
		return nil, ErrCorrupt
	}
	n := r.count(9)
	known, forgotten := slices.Clone(d.Oldest()), 0
	for range n {
		id, count := r.agent(), r.uint()
		index, ok := d.log.names.byID[id]
		if !ok || count == 0 {
			continue
		}
		a := &d.log.names.agents[index]
		if count >= a.base && a.base > 0 {
			forgotten++
		}
		if lv, _, ok := d.log.names.lv(index, min(count, a.next)-1); ok {
			known = append(known, lv)
		}
	}
	if r.failed || len(r.b) > 0 {
		return nil, ErrCorrupt
	}
	if forgotten < d.log.names.forgotten() {
		return nil, ErrForgotten
	}
	return d.Since(d.log.graph.dominators(known)), nil
}

// forgotten returns how many agents have events that are forgotten.
func (r *roster) forgotten() int {
	n := 0
	for i := range r.agents {
		if r.agents[i].base > 0 {
			n++
		}
	}
	return n
}
