package session

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"earshot/protocol"
)

// hinted gives what was published since the test last looked, as "LINE:FROM-LINE:TO words".
func (ed *editor) hinted() (all [][]string) {
	ed.n.w.pass(2 * hintGap)
	for _, p := range ed.notes {
		d, ok := p.(*protocol.PublishDiagnosticsParams)
		if !ok {
			continue
		}
		list := []string{}
		for _, x := range d.Diagnostics {
			if x.Severity != severityHint || x.Source != "earshot" || d.URI != ed.uri {
				ed.n.w.t.Errorf("not a hint of this text: %v in %s", x, d.URI)
			}
			list = append(list, fmt.Sprintf("%d:%d-%d:%d %s", x.Range.Start.Line, x.Range.Start.Character, x.Range.End.Line, x.Range.End.Character, x.Message))
		}
		all = append(all, list)
	}
	ed.notes = nil
	return all
}

// TestHints: a stock client that shows diagnostics is shown where the others are, until they are gone.
func TestHints(t *testing.T) {
	w, ed, guest, script := sharedByStock(t)
	ed.picks(answerEditor, nil)
	b := guest.connect()
	b.fetch(w.uri("a.txt"))
	ed.hinted()
	want := func(lists ...[]string) {
		t.Helper()
		if got := ed.hinted(); !slices.EqualFunc(got, lists, func(a, b []string) bool { return slices.Equal(a, b) }) {
			t.Errorf("got %q, want %q", got, lists)
		}
	}
	other := w.nodes[0].connect() // another editor of the same person
	other.open(fileURI, "one\ntwo\n")
	other.looks(2, 2)
	want()
	b.looks(1, 1)
	want([]string{"0:1-0:2 Ben is here"})
	b.looks(3, 3) // at the end of the line: the last character is marked
	want([]string{"0:2-0:3 Ben is here"})
	b.looks(6, 4) // a selection, backwards
	want([]string{"1:0-1:2 Ben is here"})
	b.looks(0, 7) // over two lines: where its end is
	want([]string{"1:2-1:3 Ben is here"})
	b.looks(0, 7)
	want() // nothing has moved
	ed.types(0, 0, "X")
	b.looks(0, 7)
	want([]string{"1:2-1:3 Ben is here"}) // the editor has moved them along, who knows how
	w.want("Xone\ntwo\n", b)
	b.looks(0, 0)
	guest.connect().fetch(w.uri("a.txt")) // opened and nowhere: no hint more
	want([]string{"0:0-0:1 Ben is here"})
	ed.reopen() // it has forgotten what it was told
	b.looks(0, 0)
	want([]string{"0:0-0:1 Ben is here"})
	script.call(&protocol.LeaveParams{Session: w.nodes[0].shared()})
	want([]string{})

	// Who is not shown diagnostics: an exact client, one that does not show any, and one that wants none.
	no := false
	for _, choices := range [][]choice{{}, {stock("plain")}, {lsp, func(_ *editor, p *protocol.InitializeParams) {
		p.InitializationOptions.Hints = &no
	}}} {
		if c := w.nodes[0].e.client(w.nodes[0].connect(choices...).conn); c.hints != nil {
			t.Error("it is shown hints")
		}
	}
}

// TestHintsArePaced: however fast the others move, a stock client draws anew twice a second.
func TestHintsArePaced(t *testing.T) {
	w, ed, guest, _ := sharedByStock(t)
	ed.picks(answerEditor, nil)
	b := guest.connect()
	b.fetch(w.uri("a.txt"))
	ed.hinted()
	for i := range 100 {
		b.looks(i%3, i%3)
		w.pass(20 * time.Millisecond)
	}
	if got := ed.hinted(); len(got) < 3 || len(got) > 6 || !slices.Equal(got[len(got)-1], []string{"0:0-0:1 Ben is here"}) {
		t.Errorf("in two seconds: %q", got)
	}
	ed.types(0, 0, "more text ")
	if got := ed.hinted(); len(got) != 0 {
		t.Errorf("when its own person types: %q", got)
	}
}

// TestHintsEndWithTheSession.
func TestHintsEndWithTheSession(t *testing.T) {
	w, ed, guest, _ := sharedByStock(t)
	ed.picks(answerEditor, nil)
	b := guest.connect()
	b.fetch(w.uri("a.txt"))
	b.looks(1, 1)
	ed.hinted()
	ed.runs(commandLeaveSave)
	if got := ed.hinted(); len(got) != 1 || len(got[0]) != 0 {
		t.Errorf("at the end: %q", got)
	}
}

// TestHintsAreBounded: a guest with many cursors fills no list.
func TestHintsAreBounded(t *testing.T) {
	w, ed, guest, _ := sharedByStock(t)
	ed.picks(answerEditor, nil)
	many := make([]protocol.Selection, 100)
	for range 5 {
		b := guest.connect()
		b.fetch(w.uri("a.txt"))
		b.notify(&protocol.PresenceUpdate{TextDocument: &protocol.TextDocumentIdentifier{URI: b.uri}, Selections: many})
	}
	if got := ed.hinted(); len(got) == 0 || len(got[len(got)-1]) != maxHints {
		t.Errorf("got %d hints, want %d", len(got[len(got)-1]), maxHints)
	}
}
