package text

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// model is the obvious text: the oracle for the rope.
type model []rune

func (m model) replace(pos, del int, ins string) model {
	return slices.Concat(m[:pos], model(ins), m[pos+del:])
}

func (m model) apply(p Patch) model {
	var out model
	at := 0
	for _, e := range p {
		out = append(append(out, m[at:e.Pos]...), []rune(e.Ins)...)
		at = e.end()
	}
	return append(out, m[at:]...)
}

// width is the size of one code point in an encoding.
func width(c rune, enc Encoding) int {
	switch enc {
	case UTF8:
		return len(string(c))
	case UTF16:
		return utf16.RuneLen(c)
	}
	return 1
}

func (m model) position(pos int, enc Encoding) Position {
	var p Position
	for _, c := range m[:pos] {
		p.Character += width(c, enc)
		if c == '\n' {
			p = Position{Line: p.Line + 1}
		}
	}
	return p
}

func (m model) offset(p Position, enc Encoding, b Bias) (int, error) {
	if p.Line < 0 || p.Line > strings.Count(string(m), "\n") {
		return 0, ErrLine
	}
	pos := 0
	for line := 0; line < p.Line; pos++ {
		if m[pos] == '\n' {
			line++
		}
	}
	for left := p.Character; left > 0 && pos < len(m) && m[pos] != '\n'; pos++ {
		w := width(m[pos], enc)
		if w > left && b == Before {
			break
		}
		left -= w
	}
	return pos, nil
}

// alphabets give texts of one kind each, so that leaves with nothing but ASCII, with none of it, and mixed ones occur.
var alphabets = [][]rune{
	[]rune("abc\n"),
	[]rune("a\u00e9\u20ac\U0001F600\u010a\n\r"), // U+010A has the byte 8A, a newline but for its top bit
	[]rune("\U0001F600\U0001F469\u200d\u0301"),
	[]rune("x"),
	[]rune("\n"),
}

func randomText(rnd *rand.Rand, n int) string {
	alphabet := alphabets[rnd.IntN(len(alphabets))]
	s := make([]rune, n)
	for i := range s {
		s[i] = alphabet[rnd.IntN(len(alphabet))]
	}
	return string(s)
}

// randomPatch is a patch for a text of n code points.
func randomPatch(rnd *rand.Rand, n int) Patch {
	var edits []Edit
	for pos := rnd.IntN(4); pos <= n && len(edits) < 6; pos += 1 + rnd.IntN(6) {
		e := Edit{Pos: pos, Del: min(rnd.IntN(4), n-pos), Ins: randomText(rnd, rnd.IntN(4))}
		edits = append(edits, e)
		pos += e.Del
	}
	p, ok := NewPatch(edits...)
	if !ok {
		panic("edits overlap")
	}
	return p
}

// checkTree fails the test if the tree breaks one of its promises.
func checkTree(t *testing.T, r *Rope) {
	t.Helper()
	if r.root.node == nil {
		if r.root.measure != (measure{}) {
			t.Fatalf("empty tree measures %+v", r.root.measure)
		}
		return
	}
	checkSubtree(t, r.root, true)
}

func checkSubtree(t *testing.T, s tree, isRoot bool) {
	t.Helper()
	n := s.node
	if n.height == 0 {
		if len(n.text) == 0 || len(n.text) > maxLeaf || len(n.text) < minLeaf && !isRoot || len(n.kids) > 0 {
			t.Fatalf("leaf of %d bytes, %d kids", len(n.text), len(n.kids))
		}
		if n.owner != nil && cap(n.text) != maxLeaf {
			t.Fatalf("owned leaf with room for %d bytes", cap(n.text))
		}
		if got := slowMeasure(string(n.text)); got != s.measure {
			t.Fatalf("leaf measures %+v, is said to be %+v", got, s.measure)
		}
		return
	}
	if len(n.kids) > maxKids || len(n.kids) < minKids && !isRoot || len(n.kids) < 2 {
		t.Fatalf("node of height %d has %d kids", n.height, len(n.kids))
	}
	var sum measure
	for _, k := range n.kids {
		if k.node.height != n.height-1 {
			t.Fatalf("kid of height %d below one of %d", k.node.height, n.height)
		}
		checkSubtree(t, k, false)
		sum = sum.plus(k.measure)
	}
	if sum != s.measure {
		t.Fatalf("kids measure %+v, are said to be %+v", sum, s.measure)
	}
}

func slowMeasure(s string) measure {
	m := measure{bytes: len(s), lines: strings.Count(s, "\n")}
	for _, c := range s {
		m.runes++
		m.units += utf16.RuneLen(c)
	}
	return m
}
