package crdt

// tree is the sequence of spans, deleted and not yet inserted ones included, in the order of the text: a
// B-tree in two slices whose links are indexes, so that the collector has nothing to scan and clearing costs
// nothing. Nothing is ever taken out. Leaf 0 is always the leftmost.
type tree struct {
	leaves []leaf
	nodes  []node
	root   int32
	ids    places // by LV - first
	under  places // characters of the base, by id - underwater
	first  uint32 // the first event's number
}

const (
	leafCap = 32
	nodeCap = 16
	nowhere = int32(-1)
)

const (
	none       = ^uint32(0) // no item: the beginning or the end of the text
	underwater = 1 << 31    // the base's characters are numbered from here
)

// span is a run of items with neighbouring ids that went through the same. It is made of few fields for the reason that op is.
type span struct {
	run
	origins
	state uint16 // in the prepare version: 0 not inserted yet, 1 there, k+1 deleted k times
	dead  bool   // deleted by any event applied so far
}

type run struct{ id, n uint32 }

type origins struct {
	left  uint32 // of the first item; each other one's is the item before it
	right uint32 // of all
}

// width counts items: visible in the prepare version, visible with all events applied, and all.
type width struct{ now, end, all uint32 }

func (w width) plus(o width) width  { return width{w.now + o.now, w.end + o.end, w.all + o.all} }
func (w width) minus(o width) width { return width{w.now - o.now, w.end - o.end, w.all - o.all} }

func (s span) width() width {
	w := width{all: s.n}
	if s.state == 1 {
		w.now = s.n
	}
	if !s.dead {
		w.end = s.n
	}
	return w
}

// skip drops the first n items of s.
func (s span) skip(n uint32) span {
	if n > 0 {
		s.left = s.id + n - 1
		s.id += n
		s.n -= n
	}
	return s
}

type leaf struct {
	spans [leafCap]span
	n     int32
	seat
	next int32
}

type node struct {
	kid [nodeCap]int32
	w   [nodeCap]width
	n   int32
	seat
	bottom bool // the kids are leaves
}

// seat is where a kid is: which one of which node's; nowhere at the root.
type seat struct{ up, at int32 }

// spot is a span, or behind the last one of a leaf the place for one.
type spot struct{ leaf, slot int32 }

// reset makes the tree hold one span of n visible characters, of the base.
func (t *tree) reset(n uint32, first LV) {
	t.leaves = append(t.leaves[:0], leaf{next: nowhere})
	t.nodes = append(t.nodes[:0], node{n: 1, seat: seat{up: nowhere}, bottom: true})
	t.root, t.first = 0, uint32(first)
	t.ids.reset(0)
	t.under.reset(int(n))
	if n > 0 {
		s := span{run: run{underwater, n}, origins: origins{none, none}, state: 1}
		t.leaves[0].spans[0], t.leaves[0].n = s, 1
		t.nodes[0].w[0] = s.width()
	}
}

func (t *tree) at(p spot) *span { return &t.leaves[p.leaf].spans[p.slot] }

func (t *tree) total() (w width) {
	root := &t.nodes[t.root]
	for i := range root.n {
		w = w.plus(root.w[i])
	}
	return w
}

func (t *tree) setPlace(s span, leaf int32) {
	if s.id >= underwater {
		t.under.set(s.id-underwater, s.n, leaf)
	} else {
		t.ids.set(s.id-t.first, s.n, leaf)
	}
}

// find returns the span that holds an item, and the item's place in it.
func (t *tree) find(id uint32) (p spot, off uint32) {
	if id >= underwater {
		p.leaf = t.under.leaf(id - underwater)
	} else {
		p.leaf = t.ids.leaf(id - t.first)
	}
	for l := &t.leaves[p.leaf]; p.slot < l.n; p.slot++ {
		if off := id - l.spans[p.slot].id; off < l.spans[p.slot].n {
			return p, off
		}
	}
	panic("crdt: an item is in no span") // a defect here, whatever came from outside
}

// visible returns the span that holds the pos-th item visible in the prepare version, and its place in it.
// There must be one.
func (t *tree) visible(pos uint32) (p spot, off uint32) {
	k := t.root
	for {
		nd := &t.nodes[k]
		i := int32(0)
		for ; pos >= nd.w[i].now; i++ {
			pos -= nd.w[i].now
		}
		k = nd.kid[i]
		if nd.bottom {
			break
		}
	}
	p.leaf = k
	for l := &t.leaves[k]; ; p.slot++ {
		if s := &l.spans[p.slot]; s.state == 1 {
			if pos < s.n {
				return p, pos
			}
			pos -= s.n
		}
	}
}

// before returns the widths of everything before a spot.
func (t *tree) before(p spot) (w width) {
	l := &t.leaves[p.leaf]
	for i := range p.slot {
		w = w.plus(l.spans[i].width())
	}
	for s := l.seat; s.up != nowhere; {
		nd := &t.nodes[s.up]
		for i := range s.at {
			w = w.plus(nd.w[i])
		}
		s = nd.seat
	}
	return w
}

// order returns a number that grows along the sequence: how many items precede this one.
func (t *tree) order(id uint32) uint32 {
	p, off := t.find(id)
	return t.before(p).all + off
}

// skipEnd moves a spot behind the last span of a leaf to the next leaf; ok is false at the end of all.
func (t *tree) skipEnd(p spot) (q spot, ok bool) {
	for p.slot >= t.leaves[p.leaf].n {
		p = spot{t.leaves[p.leaf].next, 0}
		if p.leaf == nowhere {
			return p, false
		}
	}
	return p, true
}

// change replaces a span by one with the same items in another state.
func (t *tree) change(p spot, s span) {
	old := t.at(p)
	before, after := old.width(), s.width()
	*old = s
	if before != after {
		t.grow(p.leaf, after.minus(before))
	}
}

// grow adds to the widths of a leaf; what is below zero wraps around and comes out right.
func (t *tree) grow(leaf int32, by width) {
	for s := t.leaves[leaf].seat; s.up != nowhere; {
		nd := &t.nodes[s.up]
		w := &nd.w[s.at]
		*w = w.plus(by)
		s = nd.seat
	}
}

// split cuts a span in two and returns the place of the second part; off 0 leaves it whole. Every spot the
// caller holds beside p is void.
func (t *tree) split(p spot, off uint32) spot {
	if off == 0 {
		return p
	}
	p = t.makeRoom(p)
	l := &t.leaves[p.leaf]
	copy(l.spans[p.slot+1:l.n+1], l.spans[p.slot:l.n])
	l.n++
	l.spans[p.slot].n = off
	p.slot++
	l.spans[p.slot] = l.spans[p.slot].skip(off)
	return p
}

// isolate cuts the span that holds id so that one begins there and has at most n items.
func (t *tree) isolate(id, n uint32) spot {
	p, off := t.find(id)
	p = t.split(p, off)
	if t.at(p).n > n {
		p = t.split(p, n)
		p.slot-- // the second part is never the first of its leaf
	}
	return p
}

// insert puts a new span before p and returns its place.
func (t *tree) insert(p spot, s span) spot {
	p = t.makeRoom(p)
	l := &t.leaves[p.leaf]
	copy(l.spans[p.slot+1:l.n+1], l.spans[p.slot:l.n])
	l.n++
	l.spans[p.slot] = s
	t.setPlace(s, p.leaf)
	t.grow(p.leaf, s.width())
	return p
}

// makeRoom splits a full leaf and returns where p is then.
func (t *tree) makeRoom(p spot) spot {
	if t.leaves[p.leaf].n < leafCap {
		return p
	}
	const half = leafCap / 2
	right := int32(len(t.leaves))
	t.leaves = append(t.leaves, leaf{n: leafCap - half})
	l, r := &t.leaves[p.leaf], &t.leaves[right]
	copy(r.spans[:], l.spans[half:])
	l.n = half
	r.next, l.next = l.next, right
	var w width
	for _, s := range r.spans[:r.n] {
		t.setPlace(s, right)
		w = w.plus(s.width())
	}
	t.adopt(l.seat, right, w)
	if p.slot >= half {
		return spot{right, p.slot - half}
	}
	return p
}

// adopt puts a new kid, to which the one in a seat gave part of its width, behind that.
func (t *tree) adopt(old seat, kid int32, w width) {
	if t.nodes[old.up].n == nodeCap {
		old = t.splitNode(old)
	}
	nd, i := &t.nodes[old.up], old.at
	nd.w[i] = nd.w[i].minus(w)
	copy(nd.kid[i+2:nd.n+1], nd.kid[i+1:nd.n])
	copy(nd.w[i+2:nd.n+1], nd.w[i+1:nd.n])
	nd.kid[i+1], nd.w[i+1] = kid, w
	nd.n++
	t.seatFrom(old.up, i+1)
}

// seatFrom tells the kids of a node from the i-th on where they are.
func (t *tree) seatFrom(up, i int32) {
	nd := &t.nodes[up]
	for ; i < nd.n; i++ {
		if s := (seat{up, i}); nd.bottom {
			t.leaves[nd.kid[i]].seat = s
		} else {
			t.nodes[nd.kid[i]].seat = s
		}
	}
}

// splitNode splits a full node and returns where the kid in a seat is then.
func (t *tree) splitNode(s seat) seat {
	const half = nodeCap / 2
	k := s.up
	if k == t.root {
		t.nodes = append(t.nodes, node{n: 1, seat: seat{up: nowhere}})
		t.root = int32(len(t.nodes) - 1)
		root := &t.nodes[t.root]
		root.kid[0] = k
		for _, w := range t.nodes[k].w {
			root.w[0] = root.w[0].plus(w)
		}
		t.nodes[k].seat = seat{t.root, 0}
	}
	right := int32(len(t.nodes))
	t.nodes = append(t.nodes, node{n: nodeCap - half, bottom: t.nodes[k].bottom})
	l, r := &t.nodes[k], &t.nodes[right]
	copy(r.kid[:], l.kid[half:])
	copy(r.w[:], l.w[half:])
	l.n = half
	var w width
	for i := range r.n {
		w = w.plus(r.w[i])
	}
	t.seatFrom(right, 0)
	t.adopt(l.seat, right, w)
	if s.at >= half {
		return seat{right, s.at - half}
	}
	return s
}
