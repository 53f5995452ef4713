// Package screen makes text that came from outside fit for a screen: what people, programs and files are called, and the
// sentences of other daemons. Such text may hold what moves the cursor, writes to the clipboard, turns the writing round,
// hides, or piles up over the lines above. The engine passes all of it through Line as it comes in, so that whoever shows it
// needs no rule of their own; the commands, which may talk to an older daemon, ask Hidden again before they print.
//
// It is not for documents: a shared text is shown by an editor, which has rules of its own.
package screen

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMarks combining marks may stand on one letter. Vietnamese needs two, Hebrew with its points three; more are drawn over
// the neighbouring lines.
const maxMarks = 4

// Hidden tells whether r must not reach a screen: it is a control, a bidirectional control, a line separator, without a
// place in Unicode, or leaves no trace by which two names could be told apart.
func Hidden(r rune) bool {
	const blank = '\u2800' // of Braille: a symbol to Unicode, nothing to the eye
	return r == utf8.RuneError || r == blank || !unicode.IsGraphic(r) ||
		unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// Line gives s as one line of at most so many code points: spaces of every kind joined, what is Hidden left out.
func Line(s string, most int) string {
	var b strings.Builder
	n, marks, space := 0, 0, false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			space = b.Len() > 0
			continue
		case Hidden(r):
			continue
		case !unicode.In(r, unicode.Mn, unicode.Me):
			marks = 0
		case b.Len() == 0 || space || marks == maxMarks:
			continue // it would stand on what the line is shown behind
		default:
			marks++
		}
		if space {
			b.WriteByte(' ')
			n, space = n+1, false
		}
		if n++; n > most {
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}

// Same tells whether people would take two names for one another: capitals and spaces aside they are equal.
func Same(a, b string) bool {
	squeeze := func(s string) string { return strings.Join(strings.Fields(s), "") }
	return strings.EqualFold(squeeze(a), squeeze(b))
}
