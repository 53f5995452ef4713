package text

import "strings"

// LineEnd is how a text's lines end outside; inside they all end with '\n'.
type LineEnd uint8

// The line ends.
const (
	LF   LineEnd = iota // "\n", or anything that isn't throughout the other
	CRLF                // "\r\n", everywhere
)

// DetectLineEnd returns CRLF if every '\n' and every '\r' of s is part of a "\r\n", and there is one; else LF: a text
// with mixed ends is to be kept as it is.
func DetectLineEnd(s string) LineEnd {
	n := strings.Count(s, "\r\n")
	if n > 0 && n == strings.Count(s, "\n") && n == strings.Count(s, "\r") {
		return CRLF
	}
	return LF
}

// ToLF returns s, a text or a part of one with these line ends, with '\n' instead.
func (e LineEnd) ToLF(s string) string {
	if e == CRLF {
		return strings.ReplaceAll(s, "\r\n", "\n")
	}
	return s
}

// FromLF undoes ToLF: DetectLineEnd(s) gives back exactly s.
func (e LineEnd) FromLF(s string) string {
	if e == CRLF {
		return strings.ReplaceAll(s, "\n", "\r\n")
	}
	return s
}

// String returns "lf" or "crlf".
func (e LineEnd) String() string {
	if e == CRLF {
		return "crlf"
	}
	return "lf"
}
