package text

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

const (
	// maxLeaf bytes fit into a leaf: an edit moves half of it on average, 512 B, which is about 10 ns.
	maxLeaf = 1024
	// minLeaf bytes at least are in every leaf but a lone one: a quarter, so that a leaf that was just cut in halves
	// takes at least 256 further one-byte edits before the tree changes again.
	minLeaf = maxLeaf / 4
	// loadLeaf bytes go into a leaf of loaded text: three quarters, so that the first keystroke in it finds room.
	loadLeaf = maxLeaf * 3 / 4
	// maxKids children fit into an inner node: 32 MiB are at most 131072 leaves, which are 4 to 6 levels.
	maxKids = 16
	// minKids children at least are in every inner node but the root, which has two.
	minKids = maxKids / 2
)

// tree is a subtree and what it measures; without a node it is the empty text.
type tree struct {
	measure
	node *node
}

// node is a leaf, with text, or an inner node, with kids that are all of the height below. It may be written by the
// rope whose owner it bears and is immutable for all others.
type node struct {
	owner  *owner // nil: nobody's; so is a leaf whose text is a part of someone else's bytes
	height int    // 0 is a leaf
	text   []byte // cut at code points; where owned, with a capacity of maxLeaf
	kids   []tree
}

// owner is the right to write nodes in place. A clone ends it for both sides; nodes then bear one that nobody has.
// Its methods make the nodes; all but those that say so leave their arguments as they are.
type owner struct{ _ byte } // not empty: pointers to empty structs may be equal

func newOwner() *owner { return new(owner) }

// build returns the tree of s.
func (o *owner) build(s string) tree {
	if s == "" {
		return tree{}
	}
	level := buildLeaves([]byte(s))
	for len(level) > 1 {
		n := (len(level) + maxKids - 1) / maxKids
		above := make([]tree, n)
		for i := range above {
			above[i] = o.group(level[i*len(level)/n : (i+1)*len(level)/n])
		}
		level = above
	}
	return level[0]
}

// buildLeaves cuts text into leaves of about the same size, which share its bytes and hence are nobody's.
func buildLeaves(text []byte) []tree {
	n := 1
	if len(text) > maxLeaf {
		n = (len(text) + loadLeaf - 1) / loadLeaf
	}
	nodes, leaves := make([]node, n), make([]tree, n)
	from := 0
	for i := range leaves {
		to := runeStart(text, (i+1)*len(text)/n)
		nodes[i].text = text[from:to:to]
		leaves[i] = tree{measureOf(nodes[i].text), &nodes[i]}
		from = to
	}
	return leaves
}

// group puts kids, which it copies, under one node; one kid alone needs none.
func (o *owner) group(kids ...[]tree) tree {
	n := 0
	for _, k := range kids {
		n += len(k)
	}
	all := make([]tree, 0, n)
	for _, k := range kids {
		all = append(all, k...)
	}
	return o.above(all)
}

// above puts kids, which it keeps, under one node.
func (o *owner) above(kids []tree) tree {
	switch len(kids) {
	case 0:
		return tree{}
	case 1:
		return kids[0]
	}
	t := tree{node: &node{owner: o, height: kids[0].node.height + 1, kids: kids}}
	for _, k := range kids {
		t.measure = t.plus(k.measure)
	}
	return t
}

// split cuts t at a position into two trees.
func (o *owner) split(t tree, pos int) (left, right tree) {
	switch {
	case pos == 0:
		return tree{}, t
	case pos == t.runes:
		return t, tree{}
	case t.node.height == 0:
		i := t.offset(inRunes, pos)
		left = sharedLeaf(t.node.text[:i:i])
		right = tree{t.minus(left.measure), &node{text: t.node.text[i:]}}
		return left, right
	}
	kids, i := t.node.kids, 0
	for pos > kids[i].runes {
		pos -= kids[i].runes
		i++
	}
	left, right = o.split(kids[i], pos)
	return o.concat(o.group(kids[:i]), left), o.concat(right, o.group(kids[i+1:]))
}

// concat returns a then b as one tree.
func (o *owner) concat(a, b tree) tree {
	switch {
	case a.node == nil:
		return b
	case b.node == nil:
		return a
	}
	x, y := o.join(a, b)
	if y.node == nil {
		return x
	}
	return o.above([]tree{x, y})
}

// join returns a then b as one or two trees of the greater of their heights; where there are two, both are full
// enough to be kids, and where there is one, it is fuller than the higher of a and b was.
func (o *owner) join(a, b tree) (x, y tree) {
	switch ha, hb := a.node.height, b.node.height; {
	case ha > hb:
		last := len(a.node.kids) - 1
		x, y = o.join(a.node.kids[last], b)
		return o.share(a.node.kids[:last], kidsOf(x, y))
	case ha < hb:
		x, y = o.join(a, b.node.kids[0])
		return o.share(kidsOf(x, y), b.node.kids[1:])
	case ha == 0:
		return o.joinLeaves(a, b)
	case len(a.node.kids) >= minKids && len(b.node.kids) >= minKids && len(a.node.kids)+len(b.node.kids) > maxKids:
		return a, b
	}
	return o.share(a.node.kids, b.node.kids)
}

func kidsOf(x, y tree) []tree {
	if y.node == nil {
		return []tree{x}
	}
	return []tree{x, y}
}

// share puts the kids a and b under one node, or in halves under two. There are at least two of them.
func (o *owner) share(a, b []tree) (x, y tree) {
	if len(a)+len(b) <= maxKids {
		return o.group(a, b), tree{}
	}
	half := (len(a) + len(b)) / 2
	if half <= len(a) {
		return o.group(a[:half]), o.group(a[half:], b)
	}
	return o.group(a, b[:half-len(a)]), o.group(b[half-len(a):])
}

// joinLeaves makes one leaf of two if they fit, and moves text if one of them would be too small.
func (o *owner) joinLeaves(a, b tree) (x, y tree) {
	if a.bytes+b.bytes <= maxLeaf {
		text := append(append(make([]byte, 0, maxLeaf), a.node.text...), b.node.text...)
		return tree{a.plus(b.measure), &node{owner: o, text: text}}, tree{}
	}
	if a.bytes >= minLeaf && b.bytes >= minLeaf {
		return a, b
	}
	text := append(append(make([]byte, 0, a.bytes+b.bytes), a.node.text...), b.node.text...)
	half := runeStart(text, len(text)/2)
	x = sharedLeaf(text[:half:half])
	return x, tree{a.plus(b.measure).minus(x.measure), &node{text: text[half:]}}
}

// sharedLeaf is a leaf over bytes that others read too.
func sharedLeaf(text []byte) tree {
	return tree{measureOf(text), &node{text: text}}
}

// own returns n if o may write it, else a copy that it may.
func (o *owner) own(n *node) *node {
	if n.owner == o {
		return n
	}
	c := &node{owner: o, height: n.height}
	if n.height == 0 {
		c.text = append(make([]byte, 0, maxLeaf), n.text...)
	} else {
		c.kids = append(make([]tree, 0, len(n.kids)), n.kids...)
	}
	return c
}

// find descends to the leaf where the count n of d is reached: the first one whose end is at n or beyond. before is
// what lies in front of that leaf. n is at most what t measures.
func (t tree) find(d dimension, n int) (leaf tree, before measure) {
	for t.node != nil && t.node.height > 0 {
		kids, i := t.node.kids, 0
		for i < len(kids)-1 && before.in(d)+kids[i].in(d) < n {
			before = before.plus(kids[i].measure)
			i++
		}
		t = kids[i]
	}
	return t, before
}

// offset returns the byte of a leaf where the count n of d is reached; see reach.
func (t tree) offset(d dimension, n int) int {
	if t.bytes == t.runes && d != inLines {
		return n
	}
	return reach(t.node.text, d, n)
}

// prefix measures the first i bytes of a leaf.
func (t tree) prefix(i int) measure {
	if i == t.bytes {
		return t.measure
	}
	if t.lines == 0 && t.bytes == t.runes {
		return measure{bytes: i, runes: i, units: i}
	}
	return measureOf(t.node.text[:i])
}

// eachLeaf calls f with each leaf's text in order until it returns false.
func (t tree) eachLeaf(f func(text []byte) bool) bool {
	if t.node == nil {
		return true
	}
	if t.node.height == 0 {
		return f(t.node.text)
	}
	for _, k := range t.node.kids {
		if !k.eachLeaf(f) {
			return false
		}
	}
	return true
}

// writeRange writes the code points of t in [from, to).
func writeRange(b *strings.Builder, t tree, from, to int) {
	if t.node.height == 0 {
		b.Write(t.node.text[t.offset(inRunes, from):t.offset(inRunes, to)])
		return
	}
	for _, k := range t.node.kids {
		if from < k.runes && to > 0 {
			writeRange(b, k, max(from, 0), min(to, k.runes))
		}
		from, to = from-k.runes, to-k.runes
	}
}

// sameText compares two trees of the same number of bytes in step; a node that is in both is skipped.
func sameText(a, b tree) bool {
	var as, bs stack
	as.push(a)
	bs.push(b)
	for len(as.trees) > 0 && len(bs.trees) > 0 {
		x, y := as.top(), bs.top()
		switch {
		case x.node == y.node && as.used == bs.used:
			as.skip(x.bytes - as.used)
			bs.skip(y.bytes - bs.used)
		case x.node.height > 0 && x.node.height >= y.node.height:
			as.open()
		case y.node.height > 0:
			bs.open()
		default:
			p, q := x.node.text[as.used:], y.node.text[bs.used:]
			n := min(len(p), len(q))
			if !bytes.Equal(p[:n], q[:n]) {
				return false
			}
			as.skip(n)
			bs.skip(n)
		}
	}
	return len(as.trees) == len(bs.trees)
}

// stack is what is still to be read of a tree, the next part last; used bytes of the next part are read already,
// which only a leaf can have.
type stack struct {
	trees []tree
	used  int
}

func (s *stack) push(t tree) {
	if t.node != nil {
		s.trees = append(s.trees, t)
	}
}

func (s *stack) top() tree { return s.trees[len(s.trees)-1] }

// open puts the kids of the next part in its place.
func (s *stack) open() {
	kids := s.top().node.kids
	s.trees = s.trees[:len(s.trees)-1]
	for i := len(kids) - 1; i >= 0; i-- {
		s.trees = append(s.trees, kids[i])
	}
}

// skip goes n bytes on, within the next part.
func (s *stack) skip(n int) {
	s.used += n
	if s.used == s.top().bytes {
		s.trees, s.used = s.trees[:len(s.trees)-1], 0
	}
}

// runeStart returns i, or the start of the code point that i is inside.
func runeStart(text []byte, i int) int {
	// Three steps at most: bytes that aren't UTF-8 must not make a cut run away.
	for n := 0; n < utf8.UTFMax-1 && i > 0 && i < len(text) && !utf8.RuneStart(text[i]); n++ {
		i--
	}
	return i
}
