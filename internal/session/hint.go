package session

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"earshot/internal/text"
	"earshot/protocol"
)

// hints show a stock client where the others are: as diagnostics, which every editor that knows LSP draws somehow. They are on
// unless initializationOptions say hints: false, because a cursor that nobody sees is what people miss first, and there are as many
// as there are others in the text.
type hints struct {
	due   time.Time // when they are to be told, zero if nothing has changed
	old   time.Time // when they were told last
	shown map[protocol.DocumentURI]hinted
}

// hinted is what was told of a document. The editor moves it along with its text: as long as nobody has said anew where they are
// (turns), it is right, and after that it can only be compared if the text is the same.
type hinted struct {
	version int
	turns   []uint64
	list    []protocol.Diagnostic
}

func (h hinted) holds(next hinted) bool {
	return slices.Equal(h.turns, next.turns) || h.version == next.version && slices.Equal(h.list, next.list)
}

const (
	// hintGap: with each, an editor draws its list of diagnostics, its margins and its status line anew.
	hintGap = 500 * time.Millisecond
	// maxHints of one document: 16 people with a few selections each.
	maxHints = 64
	// severityHint is LSP's DiagnosticSeverity.Hint, the faintest.
	severityHint = 4
)

func (h *hints) deadline() time.Time {
	if h == nil {
		return time.Time{}
	}
	return h.due
}

// changed has them told, not too soon after the last time.
func (h *hints) changed(now time.Time) {
	if h == nil || !h.due.IsZero() {
		return
	}
	h.due = now
	if next := h.old.Add(hintGap); now.Before(next) {
		h.due = next
	}
}

// forget takes a document for one of which nothing was told: it was opened anew.
func (h *hints) forget(uri protocol.DocumentURI) {
	if h != nil {
		delete(h.shown, uri)
	}
}

// sendHints tells of each document what is new of it.
func (e *Engine) sendHints(c *client) {
	h := c.hints
	h.due, h.old = time.Time{}, e.now
	now := map[protocol.DocumentURI]hinted{}
	for _, s := range e.sessions {
		if !s.has(c) || s.state == protocol.SessionEnded {
			continue
		}
		t := e.whereOthersAre(c, s)
		for i := range t.cursors {
			t.hint(i, now)
		}
	}
	for _, uri := range slices.Sorted(maps.Keys(h.shown)) {
		if len(now[uri].list) == 0 {
			e.emit(Notify{Conn: c.id, Params: &protocol.PublishDiagnosticsParams{URI: uri}})
		}
	}
	for _, uri := range slices.Sorted(maps.Keys(now)) {
		next := now[uri]
		slices.SortStableFunc(next.list, func(a, b protocol.Diagnostic) int {
			return cmp.Or(cmp.Compare(a.Range.Start.Line, b.Range.Start.Line), cmp.Compare(a.Range.Start.Character, b.Range.Start.Character))
		})
		if was, ok := h.shown[uri]; ok && was.holds(next) {
			now[uri] = was
			continue
		}
		e.emit(Notify{Conn: c.id, Params: &protocol.PublishDiagnosticsParams{URI: uri, Diagnostics: next.list}})
	}
	h.shown = now
}

// hint adds what is told of one cursor of another person.
func (t *telling) hint(i int, into map[protocol.DocumentURI]hinted) {
	cursor := &t.cursors[i]
	who := t.s.member(cursor.Member)
	if who == nil || who.ID == t.s.me || cursor.TextDocument == nil || len(cursor.Selections) == 0 {
		return
	}
	uri := cursor.TextDocument.URI
	m := t.c.mirror(canonical(t.e, uri))
	if m == nil {
		return
	}
	all := into[uri]
	all.version, all.turns = m.version, append(all.turns, t.turns[i])
	for _, sel := range cursor.Selections {
		if len(all.list) < maxHints {
			all.list = append(all.list, protocol.Diagnostic{Range: m.visible(sel), Severity: severityHint, Source: scheme, Message: who.Name + " is here"})
		}
	}
	into[uri] = all
}

// visible is the part of a selection that is marked: what is selected within one line, else one character at the cursor, since
// editors mark nothing where there is nothing.
func (m *mirror) visible(sel protocol.Selection) protocol.Range {
	from, to := sel.Anchor, sel.Active
	if from.Line == to.Line && from != to {
		if to.Character < from.Character {
			from, to = to, from
		}
		return protocol.Range{Start: from, End: to}
	}
	at := sel.Active
	pos, err := m.buffer.Offset(text.Position(at), m.client.enc, text.Before)
	if err != nil {
		return protocol.Range{Start: at, End: at}
	}
	for _, other := range []int{pos + 1, pos - 1} {
		if other < 0 || other > m.buffer.Len() {
			continue
		}
		switch o := protocol.Position(m.buffer.Position(other, m.client.enc)); {
		case o.Line != at.Line:
		case other > pos:
			return protocol.Range{Start: at, End: o}
		default:
			return protocol.Range{Start: o, End: at}
		}
	}
	return protocol.Range{Start: at, End: at}
}
