package text

// cursor is where the last edit was: a leaf that the rope owns, with all that lies above it. Keystrokes come one
// behind the other, so most edits find their leaf here.
type cursor struct {
	path  []*tree // from the root to the leaf; empty: nowhere
	start int     // code points in front of the leaf
}

func (c *cursor) leave() { c.path = c.path[:0] }

// covers tells whether the leaf holds all from from to to, its own ends included.
func (c *cursor) covers(from, to int) bool {
	n := len(c.path)
	return n > 0 && from >= c.start && to <= c.start+c.path[n-1].runes
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
			r.cursor.path, r.cursor.start = path, start
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
	path := r.cursor.path
	leaf := path[len(path)-1]
	from := leaf.offset(inRunes, pos-r.cursor.start)
	to := from
	if del > 0 {
		to = leaf.offset(inRunes, pos+del-r.cursor.start)
	}
	old := leaf.node.text
	size := len(old) - (to - from) + len(ins)
	if size > maxLeaf || size == 0 || size < minLeaf && len(path) > 1 {
		return false
	}
	delta := measureOf(ins).minus(measureOf(old[from:to]))
	text := old[:size]
	copy(text[from+len(ins):], old[to:])
	copy(text[from:], ins)
	leaf.node.text = text
	for _, t := range path {
		t.measure = t.plus(delta)
	}
	return true
}
