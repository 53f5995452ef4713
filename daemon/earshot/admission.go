package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"

	"earshot/protocol"
)

// The question whether a guest may come in is two lines that say what to compare, and one that is drawn anew below whatever
// happens meanwhile: it holds the check number too, and fits one line of the terminal, because of a longer one the pieces
// would stay.

func admissionDetails(q *protocol.AdmitQuestion) string {
	return fmt.Sprintf("Ask %s (name not verified), best by voice, to read you their check number.\n"+
		"If it is not %s, say no and make a new code with `earshot invite`.", plain(q.Member.Name), plain(q.Check))
}

// admissionPrompt is the line that is drawn anew. Of the name it shows what there is room for, of the check number all.
func (p *program) admissionPrompt(q *protocol.AdmitQuestion) func(columns int) string {
	m := &q.Member
	name, role, check := plain(m.Name), plain(string(m.Role)), plain(q.Check)
	other := "[v]iewer"
	if m.Role == protocol.RoleViewer {
		other = "[e]ditor"
	}
	strong := func(s string) string { return p.style(p.err, bold, s) }
	return func(columns int) string {
		before, after := "Let ", " in as "+role+" (check "
		rest := fmt.Sprintf(")? [y]es, as %s, [N]o: ", other)
		room := columns - width(before+after+check+rest) - answerRoom
		if room < minShownName {
			before, after, rest = "", " (", ")? [y/"+other[1:2]+"/N] "
			room = columns - width(after+check+rest) - answerRoom
		}
		return before + strong(cut(name, room)) + after + strong(check) + rest
	}
}

const (
	// answerRoom is where the answer is typed: "yes" and the cursor behind it.
	answerRoom = 4
	// minShownName is how much of a name is worth the words around it.
	minShownName = 8
)

// columns is how wide a terminal is, or is likely to be.
func columns(terminal *os.File) int {
	const usual = 80
	if n, _, err := term.GetSize(int(terminal.Fd())); err == nil && n > 0 {
		return n
	}
	return usual
}

// width is how many columns a terminal needs for s at most. Below the first Hangul letter none needs two.
func width(s string) int {
	n := 0
	for _, r := range s {
		n += columnsOf(r)
	}
	return n
}

func columnsOf(r rune) int {
	if r < '\u1100' {
		return 1
	}
	return 2
}

// cut shortens s to so many columns.
func cut(s string, most int) string {
	if width(s) <= most {
		return s
	}
	const end = "…"
	var b strings.Builder
	left := most - width(end)
	for _, r := range s {
		if left -= columnsOf(r); left < 0 {
			break
		}
		b.WriteRune(r)
	}
	return b.String() + end
}

// admission reads the answer; whatever is none of the words asks again, but nothing means no.
func admission(line string) (protocol.AdmitAnswer, bool) {
	switch strings.ToLower(line) {
	case "y", "yes":
		return protocol.AdmitAnswer{Admit: true}, true
	case "v", "viewer":
		return protocol.AdmitAnswer{Admit: true, Role: protocol.RoleViewer}, true
	case "e", "editor":
		return protocol.AdmitAnswer{Admit: true, Role: protocol.RoleEditor}, true
	case "", "n", "no":
		return protocol.AdmitAnswer{}, true
	}
	return protocol.AdmitAnswer{}, false
}
