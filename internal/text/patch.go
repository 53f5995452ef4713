package text

import (
	"slices"
	"strings"
)

// Edit puts Ins in the place of the Del code points that begin at Pos.
type Edit struct {
	Pos, Del int
	Ins      string
}

// end is the position behind what is deleted.
func (e Edit) end() int { return e.Pos + e.Del }

// delta is by how much the edit makes the text longer.
func (e Edit) delta() int { return runeCount(e.Ins) - e.Del }

func (e Edit) isEmpty() bool { return e.Del == 0 && e.Ins == "" }

// Patch is a change of one text: edits whose positions all count in the text before, sorted, neither overlapping nor
// touching each other, each with an effect. Nil changes nothing. Patches are values: no function here writes into one.
type Patch []Edit

// NewPatch makes a patch of edits against one text: it sorts them, joins those that touch and drops those without
// effect. Insertions at one place stay in the order given, and go before a deletion that begins there. ok is false if
// two edits overlap or one is out of range by itself (a negative number).
func NewPatch(edits ...Edit) (p Patch, ok bool) {
	sorted := make([]Edit, 0, len(edits))
	for _, e := range edits {
		if e.Pos < 0 || e.Del < 0 {
			return nil, false
		}
		if !e.isEmpty() {
			sorted = append(sorted, e)
		}
	}
	slices.SortStableFunc(sorted, func(a, b Edit) int {
		if a.Pos != b.Pos {
			return a.Pos - b.Pos
		}
		return min(a.Del, 1) - min(b.Del, 1)
	})
	for _, e := range sorted {
		if n := len(p); n == 0 || p[n-1].end() < e.Pos {
			p = append(p, e)
		} else if last := &p[n-1]; last.end() == e.Pos {
			last.Del += e.Del
			last.Ins += e.Ins
		} else {
			return nil, false
		}
	}
	return p, true
}

// LenDelta returns by how many code points p makes a text longer.
func (p Patch) LenDelta() int {
	sum := 0
	for _, e := range p {
		sum += e.delta()
	}
	return sum
}

// fits tells whether p is in order and within a text of n code points.
func (p Patch) fits(n int) bool {
	end := 0
	for _, e := range p {
		if e.Pos < end || e.Del < 0 || e.Del > n-e.Pos {
			return false
		}
		end = e.end()
	}
	return true
}

// Invert returns the patch that undoes p; before is the text that p applies to.
func (p Patch) Invert(before *Rope) Patch {
	if len(p) == 0 {
		return nil
	}
	inverse, shift := make(Patch, len(p)), 0
	for i, e := range p {
		n := runeCount(e.Ins)
		inverse[i] = Edit{e.Pos + shift, n, before.Slice(e.Pos, e.end())}
		shift += n - e.Del
	}
	return inverse
}

// Trim drops from each edit the prefix and the suffix that its deleted and its inserted text have in common, and
// edits that become empty. before is the text that p applies to.
func (p Patch) Trim(before *Rope) Patch {
	var trimmed Patch
	for _, e := range p {
		if e.Del > 0 && e.Ins != "" {
			old := before.Slice(e.Pos, e.end())
			front := commonPrefix(old, e.Ins)
			back := commonSuffix(old[front:], e.Ins[front:])
			same := runeCount(old[:front])
			e.Pos += same
			e.Del -= same + runeCount(old[len(old)-back:])
			e.Ins = e.Ins[front : len(e.Ins)-back]
		}
		if !e.isEmpty() {
			trimmed = append(trimmed, e)
		}
	}
	return trimmed
}

// MapPos returns where a position of the text before is in the text after. At an insertion Before stays on its left,
// After goes to its right. Within a deletion it goes to where that was, and if text was put there, to its left or
// right by b. The two ends of a text that was replaced stay the ends of what replaced it, whatever b is.
func (p Patch) MapPos(pos int, b Bias) int {
	shift := 0
	for _, e := range p {
		switch {
		case pos < e.Pos || pos == e.Pos && (b == Before || e.Del > 0):
			return pos + shift
		case pos < e.end() && b == Before:
			return e.Pos + shift
		case pos < e.end():
			return e.Pos + shift + runeCount(e.Ins)
		}
		shift += e.delta()
	}
	return pos + shift
}

// UnmapPos returns where a position of the text after was in the text before. Within inserted text it goes to the
// start (Before) or the end (After) of what that replaced. It is MapPos of the inverse.
func (p Patch) UnmapPos(pos int, b Bias) int {
	shift := 0
	for _, e := range p {
		start, n := e.Pos+shift, runeCount(e.Ins)
		switch {
		case pos < start || pos == start && (b == Before || n > 0):
			return pos - shift
		case pos < start+n && b == Before:
			return e.Pos
		case pos < start+n:
			return e.end()
		}
		shift += n - e.Del
	}
	return pos - shift
}

// Compose returns the patch that does p and then q; q's positions count in the text that p makes. It costs
// O(len(p) + len(q)) and as much as the texts of those edits that meet.
//
//	before  ──p──▶  between  ──q──▶  after
//	   └────── Compose(p, q) ─────────▲
func Compose(p, q Patch) Patch {
	switch {
	case len(p) == 0:
		return q
	case len(q) == 0:
		return p
	}
	c := composer{p: p, q: q}
	result := make(Patch, 0, len(p)+len(q))
	for len(c.p) > 0 || len(c.q) > 0 {
		if e := c.next(); !e.isEmpty() {
			result = append(result, e)
		}
	}
	return result
}

// ComposeAll returns the patch that does all of ps, one after the other, each against the text that the ones in front
// of it make. It composes in pairs: for n edits of one code point that is O(n log n), where one by one is O(n²).
func ComposeAll(ps ...Patch) Patch {
	switch len(ps) {
	case 0:
		return nil
	case 1:
		return ps[0]
	}
	half := len(ps) / 2
	return Compose(ComposeAll(ps[:half]...), ComposeAll(ps[half:]...))
}

// composer walks the text between p and q.
type composer struct {
	p, q  Patch // what is not composed yet
	shift int   // from a position before to one between, in front of p
}

// next takes the edits that come next and hang together, all those that overlap or touch in the text between, and
// makes one of them. What they cover of that text is either inserted by p or deleted by q, or both.
func (c *composer) next() Edit {
	ps, qs, shift := c.p, c.q, c.shift
	start := c.start()
	end := start
	for {
		if len(c.p) > 0 && c.p[0].Pos+c.shift <= end {
			c.shift += c.p[0].delta()
			end = max(end, c.p[0].end()+c.shift)
			c.p = c.p[1:]
		} else if len(c.q) > 0 && c.q[0].Pos <= end {
			end = max(end, c.q[0].end())
			c.q = c.q[1:]
		} else {
			break
		}
	}
	ps, qs = ps[:len(ps)-len(c.p)], qs[:len(qs)-len(c.q)]
	e := Edit{Pos: start - shift, Del: end - c.shift - (start - shift)}
	switch {
	case len(qs) == 0:
		e.Ins = ps[0].Ins // alone: two of p never touch
	case len(ps) == 0:
		e.Ins = qs[0].Ins
	default:
		e.Ins = weave(&inserted{p: ps, shift: shift}, qs, start, end)
	}
	return e
}

// start is where the next edit of either begins in the text between.
func (c *composer) start() int {
	switch {
	case len(c.p) == 0:
		return c.q[0].Pos
	case len(c.q) == 0:
		return c.p[0].Pos + c.shift
	}
	return min(c.p[0].Pos+c.shift, c.q[0].Pos)
}

// weave returns the text between from start to end after qs; what they leave of it was inserted.
func weave(between *inserted, qs Patch, start, end int) string {
	var b strings.Builder
	at := start
	for _, e := range qs {
		between.copyTo(&b, at, e.Pos)
		b.WriteString(e.Ins)
		at = e.end()
	}
	between.copyTo(&b, at, end)
	return b.String()
}

// inserted reads what a patch inserts, forwards, by positions in the text that the patch makes.
type inserted struct {
	p     Patch  // what is not begun
	shift int    // from a position before to one after, in front of p
	text  string // the unread rest of what the edit in front of p inserts
	pos   int    // where text begins
}

// copyTo writes what lies in [from, to), all of which was inserted.
func (s *inserted) copyTo(b *strings.Builder, from, to int) {
	for from < to {
		if s.text == "" {
			s.text, s.pos = s.p[0].Ins, s.p[0].Pos+s.shift
			s.shift += s.p[0].delta()
			s.p = s.p[1:]
			continue
		}
		s.read(from - s.pos)
		b.WriteString(s.read(to - s.pos))
		from = max(from, s.pos)
		if s.pos >= to {
			return
		}
	}
}

// read goes n code points on, or to the end of the text at hand, and returns them.
func (s *inserted) read(n int) string {
	if n <= 0 {
		return ""
	}
	i, got := advance(s.text, n)
	part := s.text[:i]
	s.text, s.pos = s.text[i:], s.pos+got
	return part
}
