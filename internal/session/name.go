package session

import (
	"fmt"
	"slices"

	"earshot/internal/screen"
	"earshot/protocol"
)

// Limits of what others are called and say, in code points: what fits on a status line, and in a message.
const (
	MaxName     = 48
	MaxSentence = 500
)

func (e *Engine) nameFor(c *client, asked string) string {
	for _, name := range []string{screen.Line(asked, MaxName), c.name, screen.Line(e.cfg.Name, MaxName)} {
		if name != "" {
			return name
		}
	}
	return "somebody"
}

// calledApart gives a newcomer a name that nobody here has: names are not verified, and one who takes another's shall not pass
// for them on any screen.
func (s *session) calledApart(name string) string {
	taken := func(name string) bool {
		return slices.ContainsFunc(s.members, func(m *protocol.Member) bool { return screen.Same(m.Name, name) })
	}
	apart := name
	for n := 2; taken(apart); n++ { // ends: there are fewer members than numbers
		apart = fmt.Sprintf("%s (%d)", screen.Line(name, MaxName-len(" (99)")), n)
	}
	return apart
}
