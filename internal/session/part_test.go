package session

import (
	"testing"

	"earshot/protocol"
)

// TestHostLeavesWhileItsEditorLags: what guests did reaches the host's buffer though the session is over.
func TestHostLeavesWhileItsEditorLags(t *testing.T) {
	w, host, guest := pair(t, "one\n")
	ed := host.connect(manual)
	ed.open("file:///w/a.txt", "one\n")
	script := host.connect()
	far := guest.connect()
	far.fetch(w.uri("a.txt"))
	far.adds("two\n")
	ed.answers(false) // a popup is open
	script.call(leave(host, protocol.UnsavedDiscard))
	if got, want := ed.text(), "one\n"; got != want {
		t.Fatalf("the buffer holds %q before the edit is taken, want %q", got, want)
	}
	ed.adds("mine\n")
	for ed.inFlight() > 0 {
		ed.applies()
	}
	w.pass(retryMost)
	for ed.inFlight() > 0 {
		ed.applies()
	}
	if got := ed.text(); got != "one\ntwo\nmine\n" && got != "one\nmine\ntwo\n" {
		t.Errorf("the buffer holds %q, want both people's lines", got)
	}
	if n := len(host.e.sessions); n != 0 {
		t.Errorf("%d sessions are left, want none", n)
	}
	ed.adds("alone\n") // a document of its own now
	if ed.wasTold("not opened") {
		t.Error("the buffer was forgotten")
	}
}

// TestStopWaitsForLaggingEditor: the daemon stops when the host's buffer holds what guests did.
func TestStopWaitsForLaggingEditor(t *testing.T) {
	w, host, guest := pair(t, "one\n")
	ed := host.connect(manual)
	ed.open("file:///w/a.txt", "one\n")
	far := guest.connect()
	far.fetch(w.uri("a.txt"))
	far.adds("two\n")
	host.step(ShuttingDown{})
	if n := len(effects[StopDaemon](host)); n != 0 {
		t.Fatal("it stopped before the edit was taken")
	}
	ed.applies()
	if n := len(effects[StopDaemon](host)); n != 1 {
		t.Errorf("it stopped %d times, want once", n)
	}
	if got, want := ed.text(), "one\ntwo\n"; got != want {
		t.Errorf("the buffer holds %q, want %q", got, want)
	}
}

// TestLeaveListsScriptsEdits: a text that only a script here changed is unsaved like one that guests changed.
func TestLeaveListsScriptsEdits(t *testing.T) {
	w, host, _ := pair(t, "one\n")
	script := host.connect()
	script.fetch(w.uri("a.txt"))
	script.adds("two\n")
	script.notify(&protocol.DidCloseTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: w.uri("a.txt")}})
	wantKind(t, script.fails(leave(host, "")), protocol.UnsavedTexts)
}
