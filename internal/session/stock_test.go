package session

import (
	"strings"
	"testing"
	"time"

	"earshot/internal/text"
	"earshot/protocol"
)

// TestStockIsProbedAtVersionZero: Neovim's own client checks no version while it is 0, so it is first asked to insert
// nothing, and sent nothing else until it has reported a version.
func TestStockIsProbedAtVersionZero(t *testing.T) {
	w, ed, other := hostAndGuest(t, "abc", stock("Neovim"))
	ed.notify(&protocol.DidCloseTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: fileURI}})
	ed.version = 0
	ed.reopen()
	other.types(3, 0, "X")
	p := ed.edit()
	if p == nil || len(p.Edit.DocumentChanges[0].Edits) != 1 || p.Edit.DocumentChanges[0].Edits[0] != (protocol.TextEdit{}) {
		t.Fatalf("got %+v, want an insertion of nothing", p)
	}
	ed.answers(true)
	w.pass(5 * time.Second)
	if ed.edit() != nil {
		t.Fatal("Neovim was sent an edit before it reported a version")
	}
	ed.version = 4
	ed.reports(ed.entry(0, 0, ""))
	if p := ed.edit(); p == nil || p.Edit.DocumentChanges[0].TextDocument.Version != 4 {
		t.Fatalf("got %+v, want the edit, for version 4", p)
	}
	ed.applies()
	w.want("abcX", ed, other, ed.n)
}

// TestStockThatReportsNoEmptyEdit: another client may ignore the insertion of nothing; a second later it is sent the edit.
func TestStockThatReportsNoEmptyEdit(t *testing.T) {
	w, ed, other := hostAndGuest(t, "abc", stock("plain"))
	ed.notify(&protocol.DidCloseTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: fileURI}})
	ed.version = 0
	ed.reopen()
	other.types(3, 0, "X")
	ed.answers(true)
	w.pass(probeWait - time.Millisecond)
	if ed.edit() != nil {
		t.Fatal("sent too early")
	}
	w.pass(time.Millisecond)
	if ed.edit() == nil {
		t.Fatal("not sent")
	}
	ed.applies()
	w.want("abcX", ed, other, ed.n)
}

// TestStockLies: it answers true to what it dropped; its next report shows that, and the edit is sent again.
func TestStockLies(t *testing.T) {
	w, ed, other := hostAndGuest(t, "abc", stock("Neovim"))
	other.types(3, 0, "X")
	lie := ed.buf.Clone()
	ed.make()
	ed.buf = lie
	ed.answers(true)
	if ed.edit() != nil {
		t.Fatal("sent again before the client reported anything")
	}
	ed.types(0, 0, "h")
	if ed.edit() == nil {
		t.Fatal("not sent again")
	}
	ed.applies()
	w.want("habcX", ed, other, ed.n)
}

// TestStockEditByEdit: a stock client is sent one TextEdit at a time.
func TestStockEditByEdit(t *testing.T) {
	w, ed, other := hostAndGuest(t, "one two three", stock("Neovim"))
	other.reportsTwo(t)
	w.want("1 two 3", other, ed.n)
	for rounds := 0; ed.edit() != nil; rounds++ {
		if got := len(ed.edit().Edit.DocumentChanges[0].Edits); got != 1 {
			t.Fatalf("%d edits at a time, want 1", got)
		}
		if rounds > 4 {
			t.Fatal("it never ends")
		}
		ed.applies()
	}
	w.want("1 two 3", ed)
}

// reportsTwo replaces both ends of "one two three" in one didChange.
func (ed *editor) reportsTwo(t *testing.T) {
	t.Helper()
	two := ed.entry(8, 5, "3")
	one := ed.entry(0, 3, "1")
	ed.version++
	ed.reports(two, one)
}

// TestStockEchoAmongOthers: with a debounce the echo comes in one report with what was typed after it.
func TestStockEchoAmongOthers(t *testing.T) {
	w, ed, other := hostAndGuest(t, "abc", stock("Neovim"))
	other.types(3, 0, "X")
	changes := ed.make()
	changes = append(changes, ed.entry(0, 0, "h"))
	ed.version += 2
	ed.reports(changes...)
	ed.answers(true)
	w.want("habcX", ed, other, ed.n)
}

// TestStockMisplacedEcho: the edit was made behind the person's own changes, where it was not meant; it is undone at once.
func TestStockMisplacedEcho(t *testing.T) {
	w, ed, other := hostAndGuest(t, "abc", stock("Neovim"))
	other.types(1, 0, "X")
	typed := ed.entry(0, 0, "hello ")
	echo := ed.make() // at 1, in the middle of "hello"
	ed.version += 2
	ed.reports(append([]protocol.TextDocumentContentChangeEvent{typed}, echo...)...)
	ed.answers(true)
	for ed.edit() != nil {
		ed.applies()
	}
	w.want("hello aXbc", ed, other, ed.n)
}

// TestStockFullText: full texts are understood, as an edit of what differs.
func TestStockFullText(t *testing.T) {
	w, ed, other := hostAndGuest(t, "one\ntwo\n", stock("plain"))
	ed.version++
	ed.buf = text.New("one\n2\n")
	ed.reports(protocol.TextDocumentContentChangeEvent{Text: "one\n2\n"})
	w.want("one\n2\n", ed, other, ed.n)

	other.types(0, 0, "X")
	ed.make()
	ed.version++
	ed.reports(protocol.TextDocumentContentChangeEvent{Text: ed.buf.String()}) // the echo, as a full text
	ed.answers(true)
	w.want("Xone\n2\n", ed, other, ed.n)
}

// TestStockWithOneVersion: a client that never counts must not be sent its own echo again and again.
func TestStockWithOneVersion(t *testing.T) {
	w, ed, other := hostAndGuest(t, "abc", stock("plain"))
	for range 5 {
		other.adds("X")
		for rounds := 0; ed.edit() != nil; rounds++ {
			if rounds > 3 {
				t.Fatal("the text doubles for ever")
			}
			ed.reports(ed.make()...)
			ed.answers(true)
		}
	}
	w.want("abcXXXXX", ed, other, ed.n)
}

// TestStockRefuses: it is asked again after 50 ms.
func TestStockRefuses(t *testing.T) {
	w, ed, other := hostAndGuest(t, "abc", stock("plain"))
	other.types(3, 0, "X")
	ed.answers(false)
	w.pass(retryFirst)
	if ed.edit() == nil {
		t.Fatal("not asked again")
	}
	ed.applies()
	w.want("abcX", ed, other)
}

// TestStockNeverAnswers: without an answer for 10 s it is told and closed.
func TestStockNeverAnswers(t *testing.T) {
	w, ed, other := hostAndGuest(t, "abc", stock("plain"))
	other.types(3, 0, "X")
	w.pass(AnswerWait)
	if ed.closed == "" || !ed.wasTold("ten seconds") {
		t.Error("not told and closed")
	}
}

// TestStockTypesWhatIsInFlight cannot be decided; all texts are equal all the same.
func TestStockTypesWhatIsInFlight(t *testing.T) {
	for _, applied := range []string{"applied", "dropped"} {
		t.Run(applied, func(t *testing.T) {
			_, ed, other := hostAndGuest(t, "abc", stock("Neovim"))
			other.types(3, 0, "X")
			ed.types(3, 0, "X")
			if applied == "applied" {
				ed.version++
				ed.reports(ed.make()...)
			}
			if ed.edit() != nil {
				ed.answers(true)
			}
			for ed.edit() != nil {
				ed.applies()
			}
			if ed.text() != other.text() || ed.text() != ed.n.head() {
				t.Errorf("texts differ: %q, %q, %q", ed.text(), other.text(), ed.n.head())
			}
			if n := strings.Count(ed.text(), "X"); n == 0 {
				t.Error("both are lost")
			}
		})
	}
}

// TestReopenedBeforeItsAnswer: a stock client that opens a document again with an edit under way is asked for the next when it has
// answered that one.
func TestReopenedBeforeItsAnswer(t *testing.T) {
	for _, closes := range []bool{false, true} {
		w, host, guest := pair(t, "one\n")
		ed := host.connect(stock("plain"))
		ed.manual = true
		ed.open(fileURI, "one\n")
		b := guest.connect()
		b.fetch(w.uri("a.txt"))
		b.adds("two\n")
		first := ed.asks[0]
		if closes {
			ed.notify(&protocol.DidCloseTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: fileURI}})
		}
		for range 2 {
			ed.version++
			ed.reopen()
		}
		w.pass(AnswerWait / 2)
		if n := ed.inFlight(); n != 1 {
			t.Fatalf("%d edits are under way, want 1", n)
		}
		ed.asks = nil
		host.step(ClientAnswered{Conn: ed.conn, Call: first.Call, Result: &protocol.ApplyWorkspaceEditResult{}})
		w.pass(time.Second)
		ed.manual = false
		if ed.edit() == nil {
			t.Fatal("what it lacks is not sent")
		}
		ed.applies()
		w.want("one\ntwo\n", ed, host, guest)
		if len(host.e.calls) > 0 {
			t.Errorf("%d answers are waited for", len(host.e.calls))
		}
	}
}
