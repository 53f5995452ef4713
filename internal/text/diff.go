package text

import (
	"strings"
	"unicode/utf8"
)

const (
	// runeSteps is the work that the search for code points that stay may always take: 8 million tries (see trySteps),
	// which are about 100 ms, and enough for 4000 edits within one changed line.
	runeSteps = 8 << 20 * trySteps
	// lineSteps is the same for lines, which take longer to compare: 2 million tries, also about 100 ms.
	lineSteps = 2 << 20 * trySteps
	// stepsPerElement comes on top for each line, or byte: a search with D scattered changes halves the text log2(D)
	// times and reads half of it each time. This is what a long text with few changes needs.
	stepsPerElement = 8
)

// Diff returns a small, not necessarily a minimal, patch that makes b of a; both must be valid UTF-8. It sets the
// common ends aside, finds the lines that stay and, within what is left, the code points that stay. Its work is
// bounded: of texts that have little in common it replaces what it has not looked at as a whole.
func Diff(a, b string) Patch {
	front := commonPrefix(a, b)
	back := commonSuffix(a[front:], b[front:])
	pos := runeCount(a[:front])
	a, b = a[front:len(a)-back], b[front:len(b)-back]
	w := diffWriter{steps: runeSteps + stepsPerElement*(len(a)+len(b))}
	if a == "" || b == "" {
		w.add(Edit{pos, runeCount(a), b})
	} else {
		w.lines(pos, a, b)
	}
	return w.patch
}

// DiffRunes is Diff without keeping lines first: where few lines stay it finds more of the characters that do. It is for
// telling what of a text was there before, where a character taken for new would double.
func DiffRunes(a, b string) Patch {
	w := diffWriter{steps: runeSteps + stepsPerElement*(len(a)+len(b))}
	w.runes(0, a, b)
	return w.patch
}

// diffWriter makes a patch of differences, first ones first.
type diffWriter struct {
	patch Patch
	steps int // that the search for code points may still take
}

func (w *diffWriter) add(e Edit) {
	if !e.isEmpty() {
		w.patch = append(w.patch, e)
	}
}

// lines adds what makes b of a, which begins at pos.
func (w *diffWriter) lines(pos int, a, b string) {
	as, bs := splitLines(a), splitLines(b)
	d := differ[string]{a: as, b: bs, steps: lineSteps + stepsPerElement*(len(as)+len(bs))}
	d.walk(box{0, len(as), 0, len(bs)})
	doneA, doneB := 0, 0
	for _, h := range d.hunks {
		pos += runeCount(take(&a, as[doneA:h.aLo]))
		take(&b, bs[doneB:h.bLo])
		old, ins := take(&a, as[h.aLo:h.aHi]), take(&b, bs[h.bLo:h.bHi])
		w.runes(pos, old, ins)
		pos += runeCount(old)
		doneA, doneB = h.aHi, h.bHi
	}
}

// runes adds what makes b of a, which begins at pos, code point by code point.
func (w *diffWriter) runes(pos int, a, b string) {
	front := commonPrefix(a, b)
	back := commonSuffix(a[front:], b[front:])
	pos += runeCount(a[:front])
	a, b = a[front:len(a)-back], b[front:len(b)-back]
	n := runeCount(a)
	switch {
	case a == "" || b == "" || w.steps <= 0:
		w.add(Edit{pos, n, b})
	case n == len(a) && runeCount(b) == len(b):
		addElements(w, pos, []byte(a), []byte(b), func(s []byte) string { return string(s) })
	default:
		addElements(w, pos, []rune(a), []rune(b), func(s []rune) string { return string(s) })
	}
}

// addElements adds what makes b of a; each element is one code point.
func addElements[T comparable](w *diffWriter, pos int, a, b []T, text func([]T) string) {
	d := differ[T]{a: a, b: b, steps: w.steps}
	d.walk(box{0, len(a), 0, len(b)})
	w.steps = d.steps
	for _, h := range d.hunks {
		w.add(Edit{pos + h.aLo, h.aHi - h.aLo, text(b[h.bLo:h.bHi])})
	}
}

// splitLines cuts s behind each '\n'.
func splitLines(s string) []string {
	lines := make([]string, 0, strings.Count(s, "\n")+1)
	for s != "" {
		i := strings.IndexByte(s, '\n') + 1
		if i == 0 {
			i = len(s)
		}
		lines = append(lines, s[:i])
		s = s[i:]
	}
	return lines
}

// take removes lines from the start of s, where they are, and returns them in one piece.
func take(s *string, lines []string) string {
	n := 0
	for _, l := range lines {
		n += len(l)
	}
	part := (*s)[:n]
	*s = (*s)[n:]
	return part
}

// sameBlock bytes are compared at once where texts are long and alike.
const sameBlock = 4096

// commonPrefix returns the length in bytes of what a and b begin with, up to the start of a code point.
func commonPrefix(a, b string) int {
	n, i := min(len(a), len(b)), 0
	for i+sameBlock <= n && a[i:i+sameBlock] == b[i:i+sameBlock] {
		i += sameBlock
	}
	for i < n && a[i] == b[i] {
		i++
	}
	for i > 0 && i < len(a) && !utf8.RuneStart(a[i]) {
		i--
	}
	return i
}

// commonSuffix returns the length in bytes of what a and b end with, from the start of a code point.
func commonSuffix(a, b string) int {
	n, i := min(len(a), len(b)), 0
	for i+sameBlock <= n && a[len(a)-i-sameBlock:len(a)-i] == b[len(b)-i-sameBlock:len(b)-i] {
		i += sameBlock
	}
	for i < n && a[len(a)-1-i] == b[len(b)-1-i] {
		i++
	}
	for i > 0 && !utf8.RuneStart(a[len(a)-i]) {
		i--
	}
	return i
}
