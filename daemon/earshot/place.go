package main

import (
	"fmt"
	"strconv"
	"strings"

	"earshot/internal/text"
)

// place is a position as people write it: line and column from one, columns in code points.
type place struct{ line, column int }

// parsePlace reads LINE:COL.
func parsePlace(s string) (place, error) {
	line, column, ok := strings.Cut(s, ":")
	l, errLine := strconv.Atoi(line)
	c, errColumn := strconv.Atoi(column)
	if !ok || errLine != nil || errColumn != nil || l < 1 || c < 1 {
		return place{}, fmt.Errorf("%q is not a place: write --at LINE:COL, both from 1, for instance --at 1:1", plain(s))
	}
	return place{l, c}, nil
}

// edit makes the place and a number of characters to delete into an edit of a text. As for editors, a column past the end
// of its line means that end, and a line past the last is an error; and so is deleting more than there is.
func (p place) edit(t *text.Rope, del int, ins string) (text.Edit, error) {
	pos, err := t.Offset(text.Position{Line: p.line - 1, Character: p.column - 1}, text.UTF32, text.Before)
	if err != nil {
		return text.Edit{}, fmt.Errorf("line %d is past the end: the text has %d, so use --at 1:1 to --at %d:1", p.line, t.Lines(), t.Lines())
	}
	if rest := t.Len() - pos; del > rest {
		return text.Edit{}, fmt.Errorf("--delete %d is too much: %d characters follow %d:%d", del, rest, p.line, p.column)
	}
	return text.Edit{Pos: pos, Del: del, Ins: ins}, nil
}
