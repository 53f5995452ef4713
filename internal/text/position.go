package text

import "errors"

// Encoding is the unit in which an editor counts characters within a line (LSP 3.17, PositionEncodingKind).
type Encoding uint8

// The encodings; LSP's default is UTF16.
const (
	UTF8  Encoding = iota // bytes
	UTF16                 // UTF-16 code units
	UTF32                 // code points
)

// ParseEncoding reads LSP's name of an encoding; ok is false for an unknown one.
func ParseEncoding(s string) (enc Encoding, ok bool) {
	switch s {
	case "utf-8":
		return UTF8, true
	case "utf-16":
		return UTF16, true
	case "utf-32":
		return UTF32, true
	}
	return 0, false
}

// String returns LSP's name.
func (e Encoding) String() string {
	switch e {
	case UTF8:
		return "utf-8"
	case UTF16:
		return "utf-16"
	case UTF32:
		return "utf-32"
	}
	return "unknown encoding"
}

func (e Encoding) dimension() dimension {
	switch e {
	case UTF8:
		return inBytes
	case UTF16:
		return inUnits
	}
	return inRunes
}

// Position is a place as LSP counts: both zero-based, Character in the units of an Encoding.
type Position struct{ Line, Character int }

// Bias says to which side a place goes that has to choose one.
type Bias uint8

// The sides: towards the start of the text, and towards its end.
const (
	Before Bias = iota
	After
)

// ErrLine is a line that the text doesn't have.
var ErrLine = errors.New("line outside the text")

// Offset returns the position in code points of p. A Character past the end of its line (or below zero) goes to the
// line's end, before its '\n' (or to its start), as LSP has it; one inside a surrogate pair or a UTF-8 sequence goes
// to the start (Before) or the end (After) of that character. A Line that isn't there is ErrLine.
func (r *Rope) Offset(p Position, enc Encoding, b Bias) (int, error) {
	if p.Line < 0 || p.Line > r.root.lines {
		return 0, ErrLine
	}
	start, end := r.lineStart(p.Line), r.root.measure
	if p.Line < r.root.lines {
		end = r.lineStart(p.Line + 1).minus(measure{bytes: 1, runes: 1, units: 1, lines: 1})
	}
	d := enc.dimension()
	switch width := end.in(d) - start.in(d); {
	case p.Character <= 0:
		return start.runes, nil
	case p.Character >= width:
		return end.runes, nil
	}
	return r.at(d, start.in(d)+p.Character, b), nil
}

// Position returns the place of the code point at pos, or of the text's end where pos is Len.
func (r *Rope) Position(pos int, enc Encoding) Position {
	here, d := r.measureTo(pos), enc.dimension()
	return Position{here.lines, here.in(d) - r.lineStart(here.lines).in(d)}
}

// ByteOffset returns the number of bytes in front of pos.
func (r *Rope) ByteOffset(pos int) int { return r.measureTo(pos).bytes }

// RuneOffset returns the number of code points in front of a byte; one inside a UTF-8 sequence goes to a side.
func (r *Rope) RuneOffset(byteOffset int, b Bias) int {
	if byteOffset < 0 || byteOffset > r.root.bytes {
		panic("text: byte outside the text")
	}
	return r.at(inBytes, byteOffset, b)
}

// measureTo measures the text in front of pos.
func (r *Rope) measureTo(pos int) measure {
	if pos < 0 || pos > r.root.runes {
		panic("text: position outside the text")
	}
	if pos == r.root.runes {
		return r.root.measure
	}
	leaf, before := r.root.find(inRunes, pos)
	return before.plus(leaf.prefix(leaf.offset(inRunes, pos-before.runes)))
}

// lineStart measures the text in front of a line.
func (r *Rope) lineStart(line int) measure {
	if line == 0 {
		return measure{}
	}
	leaf, before := r.root.find(inLines, line)
	return before.plus(leaf.prefix(leaf.offset(inLines, line-before.lines)))
}

// at returns the position where the count n of d is reached.
func (r *Rope) at(d dimension, n int, b Bias) int {
	if n == r.root.in(d) {
		return r.root.runes
	}
	leaf, before := r.root.find(d, n)
	here := before.plus(leaf.prefix(leaf.offset(d, n-before.in(d))))
	if b == After && here.in(d) < n {
		return here.runes + 1
	}
	return here.runes
}
