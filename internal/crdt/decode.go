package crdt

import "unicode/utf8"

// batch is what an encoding says, before it is compared with a Doc. See encode.go for the format.
type batch struct {
	agents  []wireAgent
	blocks  []block
	ops     []op // numbered within the batch
	parents []wireID
	content []byte
}

type wireAgent struct {
	id   Agent
	next uint32
	has  bool // events in this batch
}

// wireID is an event by its author's index in batch.agents.
type wireID struct{ agent, seq uint32 }

// block is a chain of one author's events.
type block struct {
	agent, seq, n uint32
	ops           []op
	parents       []wireID
}

// reader takes numbers off a slice of bytes and remembers failing.
type reader struct {
	b      []byte
	failed bool
}

func (r *reader) fail() uint32 {
	r.b, r.failed = nil, true
	return 0
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		return byte(r.fail())
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) bytes(n uint32) []byte {
	if uint64(n) > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) uint() (x uint32) {
	for shift := 0; shift < 35; shift += 7 {
		c := r.byte()
		if shift == 28 && c > 0x0f {
			break
		}
		x |= uint32(c&0x7f) << shift
		if c < 0x80 {
			return x
		}
	}
	return r.fail()
}

func (r *reader) int() int32 {
	x := r.uint()
	return int32(x>>1) ^ -int32(x&1)
}

// count reads how many things follow, each of which takes at least size bytes.
func (r *reader) count(size int) uint32 {
	n := r.uint()
	if uint64(n)*uint64(size) > uint64(len(r.b)) {
		return r.fail()
	}
	return n
}

func (r *reader) agent() (a Agent) {
	for i, c := range r.bytes(8) {
		a |= Agent(c) << (8 * i)
	}
	return a
}

// decode reads an encoding. It allocates at most some 40 times the length of b, and never more than 200 bytes
// for each of MaxRuns and 16 for each of MaxEdges.
func decode(b []byte) (*batch, error) {
	if len(b) > MaxEncoding {
		return nil, ErrTooLarge
	}
	r := &reader{b: b}
	if r.byte() != formatVersion || r.byte() != orderRule {
		return nil, ErrCorrupt
	}
	w := &batch{}
	if err := w.readAgents(r); err != nil {
		return nil, err
	}
	n := r.count(5) // author, parents, ops, and an op of two bytes
	if n > MaxRuns {
		return nil, ErrTooLarge
	}
	w.blocks = make([]block, 0, n)
	events, place := uint32(0), uint32(0)
	for range n {
		if err := w.readBlock(r, &events, &place); err != nil {
			return nil, err
		}
	}
	w.content = r.bytes(r.uint())
	if r.failed || len(r.b) > 0 || n == 0 || !w.cutContent() {
		return nil, ErrCorrupt
	}
	w.shareOps()
	return w, nil
}

func (w *batch) readAgents(r *reader) error {
	n := r.count(9)
	if n > MaxAgents {
		return ErrTooLarge
	}
	w.agents = make([]wireAgent, n)
	seen := make(map[Agent]bool, n)
	for i := range w.agents {
		w.agents[i] = wireAgent{id: r.agent(), next: r.uint()}
		if id := w.agents[i].id; r.failed || seen[id] {
			return ErrCorrupt
		} else {
			seen[id] = true
		}
	}
	return nil
}

func (w *batch) readBlock(r *reader, events, place *uint32) error {
	author := r.uint()
	if author >= uint32(len(w.agents)) {
		return ErrCorrupt
	}
	a := &w.agents[author]
	b := block{agent: author, seq: a.next}
	firstParent := len(w.parents)
	if head := r.uint(); head == 0 {
		if b.seq == 0 {
			return ErrCorrupt
		}
		w.parents = append(w.parents, wireID{author, b.seq - 1})
	} else if err := w.readParents(r, head-1); err != nil {
		return err
	}
	b.parents = w.parents[firstParent:len(w.parents):len(w.parents)]
	n := r.count(2)
	switch {
	case n == 0:
		return ErrCorrupt
	case len(w.ops)+int(n) > MaxRuns:
		return ErrTooLarge
	}
	first := len(w.ops)
	for range n {
		o := op{opEvents: opEvents{lv: *events}}
		if !o.read(r, *place) {
			return ErrCorrupt
		}
		if o.n > MaxEvents-*events || b.n+o.n > ^uint32(0)-b.seq {
			return ErrTooLarge
		}
		o = o.directed()
		*place = o.endPlace()
		*events += o.n
		b.n += o.n
		w.ops = append(w.ops, o)
	}
	b.ops = w.ops[first:]
	a.next, a.has = b.seq+b.n, true
	w.blocks = append(w.blocks, b)
	return nil
}

func (w *batch) readParents(r *reader, n uint32) error {
	switch {
	case uint64(n)*2 > uint64(len(r.b)):
		return ErrCorrupt
	case n > MaxParents, len(w.parents)+int(n) > MaxEdges:
		return ErrTooLarge
	}
	for range n {
		agent, back := r.uint(), r.uint()
		if agent >= uint32(len(w.agents)) || back >= w.agents[agent].next {
			return ErrCorrupt
		}
		w.parents = append(w.parents, wireID{agent, w.agents[agent].next - 1 - back})
	}
	return nil
}

func (o *op) read(r *reader, place uint32) bool {
	x := r.uint()
	pos := int64(place) + int64(r.int())
	o.n, o.kind = x>>2, kind(x&3)
	o.pos = uint32(pos)
	return !r.failed && o.n > 0 && o.kind <= backspace && pos >= 0 && pos <= MaxText
}

// cutContent gives each insertion its part of the content, which must be valid and all used.
func (w *batch) cutContent() bool {
	inserted := 0
	for _, o := range w.ops {
		if o.kind == insert {
			inserted += int(o.n)
		}
	}
	if !utf8.Valid(w.content) || utf8.RuneCount(w.content) != inserted {
		return false
	}
	off, ascii := 0, len(w.content) == inserted
	for i := range w.ops {
		if o := &w.ops[i]; o.kind == insert {
			o.off, o.size = uint32(off), uint32(skip(w.content[off:], int(o.n), ascii))
			off += int(o.size)
		}
	}
	return true
}

// shareOps lets the blocks look at the finished ops, which were moved and completed since.
func (w *batch) shareOps() {
	rest := w.ops
	for i := range w.blocks {
		n := len(w.blocks[i].ops)
		w.blocks[i].ops, rest = rest[:n:n], rest[n:]
	}
}

// Agents returns the agents with events in an encoding, without merging it: the host checks whose they are.
func Agents(b []byte) ([]Agent, error) {
	if len(b) == 0 {
		return nil, nil
	}
	w, err := decode(b)
	if err != nil {
		return nil, err
	}
	var agents []Agent
	for _, a := range w.agents {
		if a.has {
			agents = append(agents, a.id)
		}
	}
	return agents, nil
}
