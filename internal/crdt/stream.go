package crdt

import (
	"unicode/utf8"

	"earshot/internal/text"
)

// The live encoding, version 1: the events that one end of a link sends as they happen. Both ends remember the agents
// named so far, in order (their slots), which event of each comes next, which event was sent last and where it ended; so
// a keystroke takes two bytes. A message is any number of blocks, each the beginning of a chain of one author's events
// that touch neighbouring characters; numbers are as in the encoding of Since.
//
//	flags     one byte: kind in bits 0 and 1, then, from bit 2 on:
//	          the author is another than the last block's; more than one event; not at the place where the last block
//	          ended; two bits for the parents: 0 the author's previous event, 1 the event sent last, 2 one event, 3 several
//	author    if another: an agent
//	          seq: how far the first event is from the author's next one (signed)
//	parents   if several: their count; then for each an agent, and how far before its next event (signed)
//	n         if more than one: how many events
//	place     if another: place − where the last block ended (signed)
//	text      of an insertion: n code points of UTF-8
//
// An agent is its slot; the first slot not in use yet is followed by a new agent's id (8 bytes, little endian), whose next
// event is its first. An event that is named as a parent and is not before its agent's next one becomes the one before
// it.
const (
	otherAuthor = 1 << (2 + iota)
	severalEvents
	otherPlace
	parentsShift = iota + 2
)

const (
	ownPrevious = iota
	lastSent
	oneParent
	someParents
)

// stream is what both ends of one direction of a link know.
type stream struct {
	agents []slot
	author uint32 // the last block's, a slot
	last   wireID // the event sent last, by slot
	begun  bool   // there is one
	place  uint32 // where it ended
}

type slot struct {
	id    Agent
	next  uint32
	index uint32 // a guess of the agent's index in the Doc
}

// sent notes that n events of an author were sent, and where the last one ended.
func (st *stream) sent(author, seq, n, place uint32) {
	st.agents[author].next = seq + n
	st.author, st.begun, st.place = author, true, place
	st.last.agent, st.last.seq = author, seq+n-1
}

// named notes that an event was a parent.
func (st *stream) named(e wireID) {
	if a := &st.agents[e.agent]; e.seq >= a.next {
		a.next = e.seq + 1
	}
}

// Sender is the sending end of a stream of a document's events to one other replica. The zero value is its beginning.
type Sender struct {
	stream
	slots   []uint32 // 1 + slot, by index in the Doc
	missing []stretch
	spare   []stretch
}

// Send appends to b the events that are not in the history of from. The other end must have all of from, and have read
// all that was sent before.
func (d *Doc) Send(s *Sender, b []byte, from Frontier) []byte {
	s.missing, s.spare = d.log.graph.diffInto(d.Head(), d.since(from), s.missing[:0], s.spare[:0])
	l := &d.log
	for i := len(s.missing) - 1; i >= 0; i-- {
		for lv, to := s.missing[i].from, s.missing[i].to; lv < to; {
			k := l.names.find(lv)
			end := min(to, l.graph.runs[l.graph.find(lv)].to)
			if k+1 < len(l.names.runs) {
				end = min(end, l.names.runs[k+1].lv)
			}
			o := l.op(l.findOp(lv)).cut(l.content, uint32(lv), uint32(end))
			b = s.write(l, b, o.directed(), l.names.runs[k])
			lv += LV(o.n)
		}
	}
	return b
}

// write appends the block of one op, by the author that name tells.
func (s *Sender) write(l *oplog, b []byte, o op, name nameRun) []byte {
	head := len(b)
	flags := byte(o.kind)
	b = append(b, 0)
	before := len(s.agents)
	author := s.slot(l, name.agent)
	seq := name.seq + (o.lv - uint32(name.lv))
	if !s.begun || author != s.author || seq != s.agents[author].next {
		flags |= otherAuthor
		b = s.putAgent(b, author, before)
		b = putInt(b, int32(seq-s.agents[author].next))
	}
	var how byte
	b, how = s.putParents(l, b, LV(o.lv), wireID{author, seq})
	flags |= how << parentsShift
	if o.n > 1 {
		flags |= severalEvents
		b = putUint(b, o.n)
	}
	if o.pos != s.place {
		flags |= otherPlace
		b = putInt(b, int32(o.pos-s.place))
	}
	s.sent(author, seq, o.n, o.endPlace())
	b[head] = flags
	return append(b, l.content[o.off:o.off+o.size]...)
}

// slot returns an agent's slot, given a new one if it has none.
func (s *Sender) slot(l *oplog, index uint32) uint32 {
	for len(s.slots) <= int(index) {
		s.slots = append(s.slots, 0)
	}
	if s.slots[index] == 0 {
		s.agents = append(s.agents, slot{id: l.names.agents[index].id})
		s.slots[index] = uint32(len(s.agents))
	}
	return s.slots[index] - 1
}

// putAgent writes a slot, and who is in it if it was not in use when there were only the first known slots.
func (s *Sender) putAgent(b []byte, slot uint32, known int) []byte {
	b = putUint(b, slot)
	if int(slot) >= known {
		b = putAgent(b, s.agents[slot].id)
	}
	return b
}

func (s *Sender) putParents(l *oplog, b []byte, lv LV, first wireID) ([]byte, byte) {
	run := &l.graph.runs[l.graph.find(lv)]
	parents := l.graph.runParents(*run)
	var one [1]LV
	if lv > run.from {
		one[0] = lv - 1
		parents = one[:]
	}
	how := byte(someParents)
	if len(parents) == 1 {
		known := len(s.agents)
		e := s.event(l, parents[0])
		switch {
		case e.agent == first.agent && e.seq+1 == first.seq:
			return b, ownPrevious
		case s.begun && e == s.last:
			return b, lastSent
		}
		return s.putEvent(b, e, known), oneParent
	}
	b = putUint(b, uint32(len(parents)))
	for _, p := range parents {
		known := len(s.agents)
		b = s.putEvent(b, s.event(l, p), known)
	}
	return b, how
}

func (s *Sender) event(l *oplog, lv LV) wireID {
	name := l.names.runs[l.names.find(lv)]
	return wireID{s.slot(l, name.agent), name.seq + uint32(lv-name.lv)}
}

func (s *Sender) putEvent(b []byte, e wireID, known int) []byte {
	b = s.putAgent(b, e.agent, known)
	b = putInt(b, int32(s.agents[e.agent].next-1-e.seq))
	s.named(e)
	return b
}

// Receiver is the receiving end of a stream. The zero value is its beginning.
type Receiver struct {
	stream
	message Message
}

// Message is what one message of a stream says, before it is compared with a Doc.
type Message struct {
	stream  *stream
	blocks  []liveBlock
	parents []wireID
	content []byte
}

type liveBlock struct {
	author, seq uint32
	parents     int // so many, behind those of the blocks before
	op          op  // its text is in the message
}

// Authors calls f with the author of each block, until it returns false.
func (m *Message) Authors(f func(Agent) bool) {
	for i := range m.blocks {
		if !f(m.stream.agents[m.blocks[i].author].id) {
			return
		}
	}
}

// Read reads a message: ErrCorrupt or ErrTooLarge if it can't be one, and then the stream is over. The Message is valid
// until the next, and b must not be changed before.
func (r *Receiver) Read(b []byte) (*Message, error) {
	m := &r.message
	m.stream, m.content = &r.stream, b
	if r.readKey(b, m) {
		return m, nil
	}
	m.blocks, m.parents = reuse(m.blocks), reuse(m.parents)
	if len(b) > MaxEncoding {
		return nil, ErrTooLarge
	}
	in := reader{b: b}
	for events := uint32(0); len(in.b) > 0; {
		if len(m.blocks) == MaxRuns {
			return nil, ErrTooLarge
		}
		if err := r.readBlock(&in, m); err != nil {
			return nil, err
		}
		n := m.blocks[len(m.blocks)-1].op.n
		if n > MaxEvents-events {
			return nil, ErrTooLarge
		}
		events += n
	}
	if len(m.blocks) == 0 {
		return nil, ErrCorrupt
	}
	return m, nil
}

// readKey is Read for what comes most: who sent the last block goes on typing, with one character of ASCII. It reports
// whether that is what b says.
func (r *Receiver) readKey(b []byte, m *Message) bool {
	if len(b) != 2 || b[0] != byte(insert)|ownPrevious<<parentsShift || b[1] >= utf8.RuneSelf || int(r.author) >= len(r.agents) {
		return false
	}
	// This and the place need no look: what was sent before was taken, or is forgotten, and so will this be.
	seq := r.agents[r.author].next
	if len(m.blocks) != 1 || len(m.parents) != 1 {
		m.blocks, m.parents = append(m.blocks[:0], liveBlock{}), append(m.parents[:0], wireID{})
	}
	// Field by field: a copy of what was just written field by field would wait for that.
	blk, parent := &m.blocks[0], &m.parents[0]
	blk.author, blk.seq, blk.parents = r.author, seq, 1
	blk.op.lv, blk.op.n, blk.op.pos, blk.op.off, blk.op.size, blk.op.kind = 0, 1, r.place, 1, 1, insert
	parent.agent, parent.seq = r.author, seq-1
	r.sent(r.author, seq, 1, r.place+1)
	return true
}

func (r *Receiver) readBlock(in *reader, m *Message) error {
	flags := in.byte()
	blk := liveBlock{author: r.author, op: op{opEvents: opEvents{n: 1}, kind: kind(flags & 3)}}
	if flags&otherAuthor != 0 {
		if blk.author = r.readAgent(in); in.failed {
			return ErrCorrupt
		}
		blk.seq = uint32(in.int())
	}
	if flags >= 1<<(parentsShift+2) || blk.op.kind > backspace || int(blk.author) >= len(r.agents) {
		return ErrCorrupt
	}
	blk.seq += r.agents[blk.author].next
	if err := r.readParents(in, m, &blk, flags>>parentsShift); err != nil {
		return err
	}
	if flags&severalEvents != 0 {
		blk.op.n = in.uint()
	}
	pos := int64(r.place)
	if flags&otherPlace != 0 {
		pos += int64(in.int())
	}
	if in.failed || blk.op.n == 0 || pos < 0 || pos > MaxText || blk.op.n > ^uint32(0)-blk.seq {
		return ErrCorrupt
	}
	blk.op.pos = uint32(pos)
	if blk.op.kind == insert && !blk.readText(in, m.content) {
		return ErrCorrupt
	}
	r.sent(blk.author, blk.seq, blk.op.n, blk.op.endPlace())
	m.blocks = append(m.blocks, blk)
	return nil
}

// readText finds the n code points of an insertion.
func (blk *liveBlock) readText(in *reader, content []byte) bool {
	o := &blk.op
	o.off = uint32(len(content) - len(in.b))
	if uint64(o.n) > uint64(len(in.b)) {
		return false
	}
	size := 0
	for range o.n {
		c, n := utf8.DecodeRune(in.b[size:])
		if c == utf8.RuneError && n <= 1 {
			return false
		}
		size += n
	}
	o.size = uint32(size)
	in.b = in.b[size:]
	return true
}

func (r *Receiver) readParents(in *reader, m *Message, blk *liveBlock, how byte) error {
	first := len(m.parents)
	switch how {
	case ownPrevious:
		if blk.seq == 0 {
			return ErrCorrupt
		}
		m.parents = append(m.parents, wireID{blk.author, blk.seq - 1})
	case lastSent:
		if !r.begun {
			return ErrCorrupt
		}
		m.parents = append(m.parents, r.last)
	default:
		n := uint32(1)
		if how == someParents {
			n = in.count(2)
		}
		switch {
		case in.failed:
			return ErrCorrupt
		case n > MaxParents, len(m.parents)+int(n) > MaxEdges:
			return ErrTooLarge
		}
		for range n {
			agent := r.readAgent(in)
			if in.failed {
				return ErrCorrupt
			}
			e := wireID{agent, r.agents[agent].next - 1 - uint32(in.int())}
			r.named(e)
			m.parents = append(m.parents, e)
		}
	}
	blk.parents = len(m.parents) - first
	return nil
}

// readAgent reads a slot, and who is in it if that is new.
func (r *Receiver) readAgent(in *reader) uint32 {
	k := in.uint()
	switch {
	case in.failed || int(k) < len(r.agents):
	case int(k) > len(r.agents) || k >= MaxAgents:
		return in.fail()
	default:
		r.agents = append(r.agents, slot{id: in.agent()})
	}
	return k
}

// Receive adds the events of a message as Merge does those of an encoding, with the same errors. After one the stream
// is over.
func (d *Doc) Receive(m *Message) (head text.Patch, err error) {
	if e, ok := d.receiveKey(m); ok {
		return d.arena.patch(e), nil
	}
	if head, ok := d.receiveBeside(m); ok {
		return head, nil
	}
	c := d.begin()
	parents := m.parents
	for i := range m.blocks {
		blk := &m.blocks[i]
		if err := c.receive(m, blk, parents[:blk.parents]); err != nil {
			c.undo()
			return nil, err
		}
		parents = parents[blk.parents:]
	}
	c.apply()
	return c.patch(), nil
}

// receiveKey is Receive for what comes most: who made the last event goes on, on the whole head.
func (d *Doc) receiveKey(m *Message) (e text.Edit, ok bool) {
	if !d.heads.single() || !d.goesOn(m) {
		return e, false
	}
	blk := &m.blocks[0]
	a, o := &m.stream.agents[blk.author], &blk.op
	switch e.Pos = int(o.pos); {
	case o.kind == insert:
		e.Ins = d.arena.text(m.content[o.off : o.off+o.size])
	case o.kind == backspace && o.n > 1: // each event deletes another character than those of a deletion forwards do
		return e, false
	default:
		e.Del = int(o.n)
	}
	return e, d.keystroke(a.id, &e)
}

// goesOn reports whether a message is one op that its author, who made the last event, made behind that.
func (d *Doc) goesOn(m *Message) bool {
	blk, names := &m.blocks[0], &d.log.names
	return len(m.blocks) == 1 && blk.parents == 1 && m.stream.agents[blk.author].id == names.newest && len(d.log.ops) > 0 &&
		blk.seq == names.agents[names.author].next && m.parents[0] == wireID{blk.author, blk.seq - 1}
}

// receiveBeside is Receive for what comes most while two write at a time.
func (d *Doc) receiveBeside(m *Message) (head text.Patch, ok bool) {
	if !d.standsLast() || !d.goesOn(m) {
		return nil, false
	}
	return d.beside(m.blocks[0].op, m.content)
}

func (c *change) receive(m *Message, blk *liveBlock, ids []wireID) error {
	d := c.d
	a := &m.stream.agents[blk.author]
	agent, ok := a.in(&d.log.names)
	if !ok {
		agent = d.log.names.index(a.id)
		a.index = agent
	}
	c.ops = append(c.ops[:0], blk.op)
	if blk.seq < d.log.names.agents[agent].base {
		return c.goOn(agent, blk.seq, blk.op.n, c.ops, m.content)
	}
	if len(ids) == 0 && d.log.first > 0 {
		return ErrMissing // made on a version that is forgotten
	}
	parents := c.parents[:0]
	for _, id := range ids {
		agent, ok := m.stream.agents[id.agent].in(&d.log.names)
		if !ok {
			return ErrMissing
		}
		lv, _, ok := d.log.names.lv(agent, id.seq)
		if !ok {
			return ErrMissing
		}
		parents = append(parents, lv)
	}
	c.parents = parents
	heads, err := d.log.graph.heads(parents)
	if err != nil {
		return err
	}
	return c.addChain(agent, blk.seq, blk.op.n, heads, c.ops, m.content)
}

// in returns the agent's index in a Doc.
func (a *slot) in(names *roster) (uint32, bool) {
	if int(a.index) < len(names.agents) && names.agents[a.index].id == a.id {
		return a.index, true
	}
	index, ok := names.byID[a.id]
	a.index = index
	return index, ok
}
