package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"earshot/internal/screen"
)

// maxPlain is where a name or a sentence from outside is cut: three lines of a terminal, more than any honest one has.
const maxPlain = 240

// plain makes text from outside (a member's name, a path, another program's sentence) fit to stand in one line of a
// terminal: no control or escape character, nothing that turns the writing's direction or has no width, and not endless.
// Everything that comes from outside passes here or through [plainText] before it is printed.
func plain(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > maxPlain {
			b.WriteString("…")
			break
		}
		switch {
		case unicode.IsSpace(r): // line ends and U+2028 too
			b.WriteByte(' ')
		case unicode.IsControl(r) || r == utf8.RuneError:
			b.WriteRune(unicode.ReplacementChar)
		case screen.Hidden(r): // bidi controls, zero widths, tags: nothing is lost to the eye
		default:
			b.WriteRune(r)
		}
	}
	return strings.TrimSpace(b.String())
}

// plainText is a whole document made fit for a terminal: lines and tabs stay, and what would steer the terminal is shown.
func plainText(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == '\r':
			return -1
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// jsonLine gives a value as one line of JSON, in which what must not reach a screen is escaped: a terminal is never steered by it
// and a program reads the value as it was.
func jsonLine(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return escapeInvisible(b.Bytes()), nil
}

// escapeInvisible works on the bytes of valid JSON: outside of its strings such characters can't stand.
func escapeInvisible(line []byte) []byte {
	invisible := func(r rune) bool { return r != '\n' && r != utf8.RuneError && screen.Hidden(r) }
	if bytes.IndexFunc(line, invisible) < 0 {
		return line
	}
	var b bytes.Buffer
	for _, r := range string(line) {
		switch {
		case !invisible(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.Bytes()
}
