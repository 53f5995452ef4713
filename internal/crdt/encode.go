package crdt

import (
	"slices"
	"sort"
)

// The encoding of events, version 1. Numbers are LEB128 varints, at most 32 bits; a signed one is zigzagged.
//
//	version, order      one byte each: formatVersion, orderRule
//	agents              count, then for each: id (8 bytes, little endian), start
//	blocks              count, then for each:
//	    author          index in agents
//	    parents         0: the author's previous event alone; else 1 + count, then for each: agent, back
//	    ops             count, then for each: n<<2 | kind, place − expected place (signed)
//	text                bytes, then the UTF-8 of all insertions in order
//
// A block is a chain of one author's events. Blocks stand in an order in which causes come before effects. An
// agent's events begin at its start and go on without a gap. A parent is the (back+1)-th before the agent's next
// event: the one after its last in the blocks so far, or start. The expected place is where the op before ended.
const (
	formatVersion = 1
	// orderRule says how concurrent insertions at one place are ordered; replicas that differ in it would not
	// end with the same text. 1 is FugueMax with ties broken by agent, then sequence number.
	orderRule = 1
)

// encoder writes one batch of events.
type encoder struct {
	log     *oplog
	table   map[uint32]int // by local agent index
	agents  []tableEntry
	blocks  []byte
	count   uint32 // of blocks
	block   []op
	head    []byte // author and parents of the block
	last    LV     // the block's last event
	author  uint32
	content []byte
	lv      uint32 // numbers events within the batch
	place   uint32 // where the last op ended
}

type tableEntry struct{ index, start, next uint32 }

// piece is a chain of one author's events.
type piece struct {
	lv         LV
	n          uint32
	agent, seq uint32
}

// Since encodes every event that is not in the history of f; nil if there is none.
func (d *Doc) Since(f Frontier) []byte {
	missing, _ := d.log.graph.diff(d.Head(), d.since(f))
	if len(missing) == 0 {
		return nil
	}
	return d.encode(nil, missing)
}

func (d *Doc) encode(b []byte, missing []stretch) []byte {
	slices.Reverse(missing)
	pieces := d.log.pieces(d.log.graph.branches(missing))
	e := encoder{log: &d.log, table: make(map[uint32]int)}
	e.list(pieces)
	for _, p := range pieces {
		e.add(p)
	}
	e.flush()
	return e.finish(b)
}

// branches returns the events branch by branch: what builds on something comes right behind it where that is
// possible. Live typing of two people who did not see one another becomes two long runs.
func (g *graph) branches(ranges []stretch) []stretch {
	var parts []stretch
	for _, s := range ranges {
		for lv := s.from; lv < s.to; {
			end := min(s.to, g.runs[g.find(lv)].to)
			parts = append(parts, stretch{lv, end})
			lv = end
		}
	}
	if len(parts) < 3 {
		return parts
	}
	// The parts that build on part k are listed from kids[k] on, the last first.
	type link struct{ part, next int }
	kids, links := make([]int, len(parts)), []link{{}}
	waiting := make([]int, len(parts))
	for i, part := range parts {
		for _, parent := range g.parentsOf(part.from) {
			k := sort.Search(len(parts), func(i int) bool { return parts[i].from > parent }) - 1
			if k >= 0 && parent < parts[k].to {
				links = append(links, link{i, kids[k]})
				kids[k] = len(links) - 1
				waiting[i]++
			}
		}
	}
	var ready []int
	for i := len(parts) - 1; i >= 0; i-- {
		if waiting[i] == 0 {
			ready = append(ready, i)
		}
	}
	ordered := make([]stretch, 0, len(parts))
	for len(ready) > 0 {
		k := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		ordered = append(ordered, parts[k])
		for l := kids[k]; l != 0; l = links[l].next {
			if waiting[links[l].part]--; waiting[links[l].part] == 0 {
				ready = append(ready, links[l].part)
			}
		}
	}
	return ordered
}

// pieces divides runs of the graph by author.
func (l *oplog) pieces(runs []stretch) []piece {
	var pieces []piece
	for _, s := range runs {
		k := l.names.find(s.from)
		for lv := s.from; lv < s.to; k++ {
			name, end := l.names.runs[k], s.to
			if k+1 < len(l.names.runs) {
				end = min(end, l.names.runs[k+1].lv)
			}
			pieces = append(pieces, piece{lv, uint32(end - lv), name.agent, name.seq + uint32(lv-name.lv)})
			lv = end
		}
	}
	return pieces
}

// list fills the table of agents: authors begin at their first event here, others behind the last one named.
func (e *encoder) list(pieces []piece) {
	for _, p := range pieces {
		if _, ok := e.table[p.agent]; !ok {
			e.table[p.agent] = len(e.agents)
			e.agents = append(e.agents, tableEntry{p.agent, p.seq, p.seq})
		}
	}
	authors := len(e.agents)
	for _, p := range pieces {
		for _, parent := range e.log.graph.parentsOf(p.lv) {
			name := e.log.names.runs[e.log.names.find(parent)]
			seq := name.seq + uint32(parent-name.lv)
			k, ok := e.table[name.agent]
			if !ok {
				k = len(e.agents)
				e.table[name.agent] = k
				e.agents = append(e.agents, tableEntry{index: name.agent})
			}
			if a := &e.agents[k]; k >= authors && seq >= a.start {
				a.start, a.next = seq+1, seq+1
			}
		}
	}
}

func (e *encoder) add(p piece) {
	parents := e.log.graph.parentsOf(p.lv)
	goesOn := len(e.block) > 0 && e.author == p.agent && len(parents) == 1 && parents[0] == e.last
	if !goesOn {
		e.flush()
		e.begin(p, parents)
	}
	e.log.each(p.lv, p.lv+LV(p.n), func(o op) {
		text := e.log.content[o.off : o.off+o.size]
		o.lv, o.off = e.lv, uint32(len(e.content))
		e.content = append(e.content, text...)
		e.lv += o.n
		if k := len(e.block) - 1; k < 0 || !e.block[k].join(o) {
			e.block = append(e.block, o)
		}
	})
	e.last = p.lv + LV(p.n) - 1
	e.agents[e.table[p.agent]].next += p.n
}

// begin starts a block with the events of p.
func (e *encoder) begin(p piece, parents Frontier) {
	e.author = p.agent
	e.head = putUint(e.head[:0], uint32(e.table[p.agent]))
	names := &e.log.names
	if len(parents) == 1 && p.seq > 0 {
		if lv, _, ok := names.lv(p.agent, p.seq-1); ok && lv == parents[0] {
			e.head = putUint(e.head, 0)
			return
		}
	}
	e.head = putUint(e.head, 1+uint32(len(parents)))
	for _, parent := range parents {
		name := names.runs[names.find(parent)]
		k := e.table[name.agent]
		e.head = putUint(e.head, uint32(k))
		e.head = putUint(e.head, e.agents[k].next-1-(name.seq+uint32(parent-name.lv)))
	}
}

func (e *encoder) flush() {
	if len(e.block) == 0 {
		return
	}
	e.count++
	e.blocks = append(e.blocks, e.head...)
	e.blocks = putUint(e.blocks, uint32(len(e.block)))
	for _, o := range e.block {
		o = o.directed()
		e.blocks = putUint(e.blocks, o.n<<2|uint32(o.kind))
		e.blocks = putInt(e.blocks, int32(o.pos-e.place))
		e.place = o.endPlace()
	}
	e.block = e.block[:0]
}

// endPlace returns where the next event is expected.
func (o op) endPlace() uint32 {
	switch o.kind {
	case insert:
		return o.pos + o.n
	case backspace:
		return o.pos - min(o.n, o.pos) // what is out of range is refused later
	}
	return o.pos
}

func (e *encoder) finish(b []byte) []byte {
	b = append(b, formatVersion, orderRule)
	b = putUint(b, uint32(len(e.agents)))
	for _, a := range e.agents {
		b = putAgent(b, e.log.names.agents[a.index].id)
		b = putUint(b, a.start)
	}
	b = putUint(b, e.count)
	b = append(b, e.blocks...)
	b = putUint(b, uint32(len(e.content)))
	return append(b, e.content...)
}

func putAgent(b []byte, a Agent) []byte {
	for range 8 {
		b = append(b, byte(a))
		a >>= 8
	}
	return b
}

func putUint(b []byte, x uint32) []byte {
	for x >= 0x80 {
		b = append(b, byte(x)|0x80)
		x >>= 7
	}
	return append(b, byte(x))
}

func putInt(b []byte, x int32) []byte { return putUint(b, uint32(x)<<1^uint32(x>>31)) }
