package text

import (
	"bytes"
	"math/bits"
	"strings"
	"unicode/utf8"
)

// measure is the size of a piece of text in each of its dimensions.
type measure struct {
	bytes int
	runes int // code points
	units int // of UTF-16
	lines int // '\n's
}

// dimension is one of the ways to measure a text.
type dimension uint8

const (
	inBytes dimension = iota
	inRunes
	inUnits
	inLines
)

func (m measure) in(d dimension) int {
	switch d {
	case inBytes:
		return m.bytes
	case inRunes:
		return m.runes
	case inUnits:
		return m.units
	}
	return m.lines
}

func (m measure) plus(o measure) measure {
	return measure{m.bytes + o.bytes, m.runes + o.runes, m.units + o.units, m.lines + o.lines}
}

func (m measure) minus(o measure) measure {
	return measure{m.bytes - o.bytes, m.runes - o.runes, m.units - o.units, m.lines - o.lines}
}

// Eight bytes are looked at in one word; each mask has one bit for each of them.
const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
	newlines = lowBits * '\n'
)

// measureOf measures text.
func measureOf(text []byte) measure {
	if len(text) == 1 && text[0] < utf8.RuneSelf {
		return measureKey(text[0])
	}
	follow, long := wideBytes(text)
	runes := len(text) - follow
	return measure{len(text), runes, runes + long, bytes.Count(text, []byte{'\n'})}
}

// measureString measures s.
func measureString(s string) measure {
	if len(s) == 1 && s[0] < utf8.RuneSelf {
		return measureKey(s[0])
	}
	follow, long := wideBytes(s)
	runes := len(s) - follow
	return measure{len(s), runes, runes + long, strings.Count(s, "\n")}
}

// measureKey measures a character of ASCII, which most edits are.
func measureKey(char byte) measure {
	m := measure{bytes: 1, runes: 1, units: 1}
	if char == '\n' {
		m.lines = 1
	}
	return m
}

// runeCount returns the number of code points in s.
func runeCount(s string) int {
	follow, _ := wideBytes(s)
	return len(s) - follow
}

// wideBytes counts the continuation bytes, which make no code point, and the code points of four bytes, for which
// UTF-16 takes two units.
func wideBytes[T string | []byte](s T) (follow, long int) {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		if w := word(s, i); w&highBits != 0 {
			follow += bits.OnesCount64(continuations(w))
			long += bits.OnesCount64(fourByteStarts(w))
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; !utf8.RuneStart(c) {
			follow++
		} else if c >= 0xF0 {
			long++
		}
	}
	return follow, long
}

// advance returns the byte at which n code points of s are over, and n; or its end and how many there were.
func advance(s string, n int) (i, got int) {
	for i+8 <= len(s) {
		here := wordCount(word(s, i), inRunes)
		if got+here > n {
			break
		}
		got += here
		i += 8
	}
	for ; i < len(s); i++ {
		if utf8.RuneStart(s[i]) {
			if got == n {
				break
			}
			got++
		}
	}
	return i, got
}

// reach returns the byte of text where the count n of d is reached: the start of the character that the n-th unit is
// in, the place behind the n-th newline, or the end.
func reach(text []byte, d dimension, n int) int {
	if d == inBytes {
		return runeStart(text, min(n, len(text)))
	}
	i := 0
	for ; i+8 <= len(text); i += 8 {
		here := wordCount(word(text, i), d)
		if here > n || here == n && d == inLines {
			break
		}
		n -= here
	}
	for ; i < len(text); i++ {
		if d == inLines && n == 0 {
			return i
		}
		width := byteCount(text[i], d)
		if width > n {
			return i
		}
		n -= width
	}
	return i
}

// wordCount measures eight bytes in d.
func wordCount(w uint64, d dimension) int {
	switch d {
	case inLines:
		return bits.OnesCount64(zeroBytes(w ^ newlines))
	case inUnits:
		return 8 - bits.OnesCount64(continuations(w)) + bits.OnesCount64(fourByteStarts(w))
	}
	return 8 - bits.OnesCount64(continuations(w))
}

// byteCount measures one byte in d; the first byte of a character counts for all of it.
func byteCount(c byte, d dimension) int {
	switch {
	case d == inLines && c == '\n':
		return 1
	case d == inLines || !utf8.RuneStart(c):
		return 0
	case d == inUnits && c >= 0xF0:
		return 2
	}
	return 1
}

// continuations marks the bytes 10xxxxxx.
func continuations(w uint64) uint64 { return w >> 7 & ^(w >> 6) & lowBits }

// fourByteStarts marks the bytes 1111xxxx, which begin what UTF-16 writes as a surrogate pair.
func fourByteStarts(w uint64) uint64 { return w >> 7 & (w >> 6) & (w >> 5) & (w >> 4) & lowBits }

// zeroBytes marks the bytes that are zero, exactly: no carry crosses from one byte to the next.
func zeroBytes(w uint64) uint64 { return ^((w&^highBits + ^uint64(highBits)) | w) & highBits }

// word reads eight bytes, the first one lowest; the compiler makes one load of it.
func word[T string | []byte](s T, i int) uint64 {
	b := s[i : i+8]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}
