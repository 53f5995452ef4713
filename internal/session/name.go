package session

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of what others are called and say, in code points: what fits on a status line, and in a message.
const (
	MaxName     = 48
	MaxSentence = 500
)

// clean makes a text from outside fit for a screen: no control, escape, format or bidi characters, spaces joined, and
// not longer than most code points.
func clean(s string, most int) string {
	var b strings.Builder
	n, space := 0, false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			space = b.Len() > 0
			continue
		case r == utf8.RuneError, unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Co, r), unicode.Is(unicode.Cs, r):
			continue
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

func (e *Engine) nameFor(c *client, asked string) string {
	for _, name := range []string{clean(asked, MaxName), c.name, clean(e.cfg.Name, MaxName)} {
		if name != "" {
			return name
		}
	}
	return "somebody"
}
