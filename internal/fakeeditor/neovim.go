package fakeeditor

import (
	"slices"
	"strings"
	"time"

	"earshot/internal/text"
	"earshot/protocol"
)

// lines makes a text one of Neovim's built-in client: lines, each with a line end behind it, the last one too. eol is the
// buffer's 'endofline', which only says whether didOpen shows that end: what the client reports later, and what it is
// asked for, counts it. Seen in 0.10.4 and 0.12.4.
func lines(s string) (buffer string, eol bool) {
	if s == "" || strings.HasSuffix(s, "\n") {
		return strings.TrimSuffix(s, "\n") + "\n", true
	}
	return s + "\n", false
}

func (e *Editor) neovim() bool { return e.Kind == Stock || e.Kind == Delayed }

// editLines makes an edit that leaves the last line end alone, and reports it as the client computes it from what
// Neovim says of lines: only the first and the last of the changed lines are compared, the last only if as many lines
// are there as before; whole lines are put in and taken out by what lies between them, behind the last line too.
func (e *Editor) editLines(pos, del int, ins string, whole wholeness) protocol.TextDocumentContentChangeEvent {
	first, last := e.lineOf(pos), e.lineOf(pos+del)
	start, end := e.lineStart(first), e.lineStart(last+1)-1
	prev := e.buffer.Slice(start, end)
	all := e.buffer.Lines() - 1
	head, tail := e.buffer.Slice(start, pos), e.buffer.Slice(pos+del, end)
	e.buffer.Replace(pos, del, ins)
	curr := head + ins + tail
	report := func(from, to text.Position, s string) protocol.TextDocumentContentChangeEvent {
		return protocol.TextDocumentContentChangeEvent{
			Range: &protocol.Range{Start: protocol.Position(from), End: protocol.Position(to)}, Text: e.End.FromLF(s)}
	}
	if whole == wholeLines {
		switch {
		case del == 0 && head == "" && strings.HasSuffix(ins, "\n"): // O
			if first == 0 {
				return report(text.Position{}, text.Position{}, ins)
			}
			above := e.buffer.Position(start-1, e.Enc)
			return report(above, text.Position{Line: first}, "\n"+ins)
		case del == 0 && tail == "" && strings.HasPrefix(ins, "\n"): // o
			return report(e.column(prev, first, len(prev)), text.Position{Line: first + 1}, ins+"\n")
		case del > 0 && ins == "" && head == "" && tail == "" && e.newer && all == last-first+1: // :%d
			return report(text.Position{}, e.column(prev, first, len(prev)), "")
		case del > 0 && ins == "" && head == "" && tail == prev[len(prev)-len(tail):] && strings.Count(prev, "\n") > 0 &&
			strings.HasSuffix(strings.TrimSuffix(prev, tail), "\n"): // dd
			return report(text.Position{Line: first}, text.Position{Line: last}, "")
		case del > 0 && ins == "" && tail == "" && strings.HasPrefix(prev[len(head):], "\n"): // dd of the last lines
			return report(text.Position{Line: first + 1}, text.Position{Line: last + 1}, "")
		}
	}
	was, is := strings.Split(prev, "\n"), strings.Split(curr, "\n")
	same := 0
	for a, b := []rune(was[0]), []rune(is[0]); same < len(a) && same < len(b) && a[same] == b[same]; same++ {
	}
	from := len(string([]rune(was[0])[:same]))
	untilWas, untilIs := len(prev), len(curr)
	if len(was) == len(is) {
		a, b := []rune(was[len(was)-1]), []rune(is[len(is)-1])
		least := 0
		if len(was) == 1 {
			least = same
		}
		for len(a) > least && len(b) > least && a[len(a)-1] == b[len(b)-1] {
			untilWas -= len(string(a[len(a)-1]))
			untilIs -= len(string(b[len(b)-1]))
			a, b = a[:len(a)-1], b[:len(b)-1]
		}
	}
	return report(e.column(prev, first, from), e.column(prev, first, untilWas), curr[from:untilIs])
}

// wholeness tells whether an edit of whole lines is made and told as such, as o and dd are.
type wholeness bool

const (
	asText     wholeness = false
	wholeLines wholeness = true
)

func (e *Editor) lineOf(pos int) int { return e.buffer.Position(pos, text.UTF32).Line }

// lineStart is where a line begins; behind the last line end for the one after the last.
func (e *Editor) lineStart(line int) int {
	pos, err := e.buffer.Offset(text.Position{Line: line}, text.UTF32, text.Before)
	if err != nil {
		return e.buffer.Len()
	}
	return pos
}

// column is the position of a byte of some lines, the first of which is the given one.
func (e *Editor) column(s string, line, at int) text.Position {
	p := text.New(s).Position(len([]rune(s[:at])), e.Enc)
	p.Line += line
	return p
}

// applyLikeNeovim drops what is older than the buffer and says that it was applied; while the client knows no version, it
// applies everything, wherever that is by now.
func (e *Editor) applyLikeNeovim(now time.Time, call uint64, version int, p *protocol.ApplyWorkspaceEditParams) []Message {
	yes := Message{Call: call, Answer: &protocol.ApplyWorkspaceEditResult{Applied: true}}
	if version > 0 && e.tick > version {
		return []Message{yes}
	}
	var changes []protocol.TextDocumentContentChangeEvent
	pastEnd := false
	for _, edit := range slices.Backward(p.Edit.DocumentChanges[0].Edits) {
		change, past := e.applyOne(edit)
		changes = append(changes, change)
		pastEnd = pastEnd || past
	}
	if n := e.buffer.Len(); pastEnd && n > 1 && e.buffer.RuneAt(n-2) == '\n' && (e.eol || e.newer) {
		changes = append(changes, e.editLines(n-2, 1, "", wholeLines))
	}
	var out []Message
	for _, change := range changes {
		e.tick += 1 + e.rng.IntN(2) // changedtick skips numbers
		if e.Kind == Delayed {
			e.entries = append(e.entries, change)
			e.arm(now)
			continue
		}
		e.known = true
		out = append(out, Message{Change: e.report(change)})
	}
	return append(out, yes)
}

// applyOne is the client's util.apply_text_edits for one edit, and whether it reached past the last line.
func (e *Editor) applyOne(edit protocol.TextEdit) (protocol.TextDocumentContentChangeEvent, bool) {
	start, end := edit.Range.Start, edit.Range.End
	if end.Line < start.Line || end.Line == start.Line && end.Character < start.Character {
		start, end = end, start
	}
	ins := text.CRLF.ToLF(edit.NewText)
	n, last := e.buffer.Lines()-1, e.buffer.Len()-1
	switch {
	case start.Line >= n:
		return e.editLines(last, 0, "\n"+ins, wholeLines), e.newer
	case end.Line >= n:
		from := e.offset(start)
		return e.editLines(from, last-from, ins, asText), true
	}
	from := e.offset(start)
	return e.editLines(from, e.offset(end)-from, ins, asText), false
}
