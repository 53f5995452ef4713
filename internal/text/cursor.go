package text

import "unicode/utf8"

// cursor is where the last edit was: a leaf that the rope owns, with all that lies above it. Keystrokes come one
// behind the other, so most edits find their leaf here.
type cursor struct {
	path  []*tree // from the root to the leaf; empty: nowhere
	start int     // code points in front of the leaf
	// The end of the last edit: its position, or -1, and its byte within the leaf. Where the leaf holds more than ASCII,
	// the next keystroke finds its byte by it, and not by counting from the leaf's start.
	pos, at int
}

func (c *cursor) leave() { c.path = c.path[:0] }

func (c *cursor) leaf() *tree { return c.path[len(c.path)-1] }

// byteOf returns the byte of a position within the leaf.
func (c *cursor) byteOf(pos int) int {
	switch leaf := c.leaf(); {
	case pos == c.pos:
		return c.at
	case pos == c.pos-1 && c.at > 0:
		return runeStart(leaf.node.text, c.at-1)
	default:
		return leaf.offset(inRunes, pos-c.start)
	}
}

// covers tells whether the leaf holds all from from to to, its own ends included.
func (c *cursor) covers(from, to int) bool {
	return len(c.path) > 0 && from >= c.start && to <= c.start+c.leaf().runes
}

// moveCursor goes to the leaf that holds all from from to to, and takes what lies on the way into ownership. It fails
// where there is no such leaf.
func (r *Rope) moveCursor(from, to int) bool {
	r.cursor.leave()
	if r.root.node == nil {
		return false
	}
	path, start, t := r.cursor.path, 0, &r.root
	for {
		t.node = r.owner.own(t.node)
		path = append(path, t)
		if t.node.height == 0 {
			r.cursor = cursor{path: path, start: start, pos: -1}
			return true
		}
		kids, i := t.node.kids, 0
		for start+kids[i].runes < to {
			start += kids[i].runes
			i++
		}
		if from < start {
			return false
		}
		t = &kids[i]
	}
}

// replaceInLeaf makes an edit that stays within one leaf and leaves it neither too full nor too empty. It changes
// nothing where it returns false.
func (r *Rope) replaceInLeaf(pos, del int, ins string) bool {
	if len(ins) > maxLeaf || !r.cursor.covers(pos, pos+del) && !r.moveCursor(pos, pos+del) {
		return false
	}
	c := &r.cursor
	from := c.byteOf(pos)
	to := from
	if del > 0 {
		to = c.byteOf(pos + del)
	}
	leaf := c.leaf()
	old := leaf.node.text
	size := len(old) - (to - from) + len(ins)
	if size > maxLeaf || size == 0 || size < minLeaf && len(c.path) > 1 {
		return false
	}
	added := measureString(ins)
	delta := added
	if del > 0 {
		delta = added.minus(measureOf(old[from:to]))
	}
	text := old[:size]
	copy(text[from+len(ins):], old[to:])
	copy(text[from:], ins)
	leaf.node.text = text
	for _, t := range c.path {
		t.measure = t.plus(delta)
	}
	c.pos, c.at = pos+added.runes, from+len(ins)
	return true
}

// Type puts one character of ASCII where the last edit ended and reports whether it did: it is Insert for whoever knows
// from elsewhere that the next key goes on there, and need not have it found out again. Where it returns false nothing
// is changed, and Insert must be used.
func (r *Rope) Type(char byte) bool {
	c := &r.cursor
	if len(c.path) == 0 || char >= utf8.RuneSelf {
		return false
	}
	leaf := c.leaf().node
	size := len(leaf.text)
	if size == maxLeaf {
		return false
	}
	text := leaf.text[:size+1]
	copy(text[c.at+1:], text[c.at:size])
	text[c.at] = char
	leaf.text = text
	key := measureKey(char)
	for _, t := range c.path {
		t.measure = t.plus(key)
	}
	c.pos, c.at = c.pos+1, c.at+1
	return true
}

// Erase deletes one character of ASCII on a side of where the last edit ended, and is to Delete what Type is to Insert.
func (r *Rope) Erase(side Bias) bool {
	c := &r.cursor
	if len(c.path) == 0 {
		return false
	}
	leaf := c.leaf().node
	size, at := len(leaf.text), c.at
	if side == Before {
		at--
	}
	if at < 0 || at >= size || leaf.text[at] >= utf8.RuneSelf || size == 1 || size == minLeaf && len(c.path) > 1 {
		return false
	}
	char := leaf.text[at]
	copy(leaf.text[at:], leaf.text[at+1:])
	leaf.text = leaf.text[:size-1]
	key := measureKey(char)
	for _, t := range c.path {
		t.measure = t.minus(key)
	}
	c.pos, c.at = c.pos+at-c.at, at
	return true
}
