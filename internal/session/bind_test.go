package session

import (
	"strings"
	"testing"

	"earshot/protocol"
)

// Each test here is one sentence of the contract on didOpen.

// TestReopenKnownReplica: a known replica goes on where its stamp was, and what differs is what it had not reported,
// deletions included.
func TestReopenKnownReplica(t *testing.T) {
	w, host, guest := pair(t, "one two three")
	ed := guest.connect()
	ed.fetch(w.uri("a.txt"))
	h := host.connect()
	h.open(fileURI, "one two three")
	h.types(0, 0, "X") // gives ed a stamp
	ed.drop()
	ed.types(4, 4, "") // "two " goes while nobody hears it
	h.adds("!")
	ed = ed.back()
	ed.reopen()
	want := ed.text()
	if strings.Contains(want, "two") || !strings.HasSuffix(want, "!") {
		t.Errorf("the buffer is %q: want the deletion kept and the end told", want)
	}
	w.want(want, ed, h, host, guest)
}

// TestReopenWithoutStamp: a replica that was lost before it applied any edit is known too.
func TestReopenWithoutStamp(t *testing.T) {
	w, host, _ := pair(t, "abc")
	ed := host.connect()
	ed.open(fileURI, "abc")
	ed.drop()
	ed.types(0, 1, "")
	ed = ed.back()
	ed.reopen()
	w.want("bc", ed, host)
}

// TestReopenTwiceWithOneStamp: the stamp stays the editor's until it applies another edit.
func TestReopenTwiceWithOneStamp(t *testing.T) {
	w, ed, other := hostAndGuest(t, "abc")
	other.types(3, 0, "X")
	ed.applies()
	for _, typed := range []string{"1", "2", "3"} {
		ed.drop()
		ed.adds(typed)
		ed = ed.back()
		ed.reopen()
	}
	w.want("abcX123", ed, other, ed.n)
}

// TestReopenWithTheNewText: an editor that comes back with the text that it was handed out anew has not typed it.
func TestReopenWithTheNewText(t *testing.T) {
	w, host, guest := pair(t, "abc")
	ed := guest.connect()
	ed.fetch(w.uri("a.txt"))
	ed.drop()
	h := host.connect()
	h.open(fileURI, "abc")
	h.adds("X")
	ed = ed.back()
	ed.stamp = ""
	ed.fetch(w.uri("a.txt"))
	w.want("abcX", ed, h, host, guest)
}

// TestReopenTextThatWasHandedOut: else a text that equals one the daemon has loaded, saved, handed out or seen is bound
// there, and the editor is sent what it lacks.
func TestReopenTextThatWasHandedOut(t *testing.T) {
	w, host, guest := pair(t, "abc")
	script := guest.connect(stock("script"))
	got := script.call(&protocol.TextDocumentContentParams{URI: w.uri("a.txt")}).(protocol.TextDocumentContentResult)
	h := host.connect()
	h.open(fileURI, "abc")
	h.types(0, 1, "")
	h.adds("X")
	script.open(w.uri("a.txt"), got.Text)
	w.want("bcX", script, h, host, guest)
}

// TestReopenWhatWasClosed: what an editor had when it closed the document was seen.
func TestReopenWhatWasClosed(t *testing.T) {
	w, ed, other := hostAndGuest(t, "abc", stock("plain"))
	ed.adds("1")
	other.types(0, 1, "")
	ed.answers(false) // it still has "abc1", which no one else ever had
	ed.notify(&protocol.DidCloseTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: fileURI}})
	w.want("bc1", ed.n, other) // didClose never changes the text
	ed.manual = false
	ed.reopen()
	w.want("bc1", ed, ed.n, other)
	if ed.wasTold("put back") {
		t.Error("told of text put back, though nothing was")
	}
}

// TestOpenNearest: else the nearest such text is the base and only insertions are taken; what seemed deleted comes back to
// the buffer and the person is told.
func TestOpenNearest(t *testing.T) {
	w, ed, other := hostAndGuest(t, "one two three")
	second := ed.n.connect(stock("plain"))
	second.open(fileURI, "one NEW three")
	if !second.wasTold("put back") {
		t.Error("the person was not told")
	}
	if got := second.text(); !strings.Contains(got, "two") || !strings.Contains(got, "NEW") {
		t.Errorf("got %q, want both the deleted and the inserted text", got)
	}
	if ed.edit() != nil {
		ed.applies()
	}
	w.want(second.text(), ed, other, ed.n)
}

// TestFirstOpenOfSessionURI: the first didOpen of an earshot: URI with a text that was never handed out is no edit.
func TestFirstOpenOfSessionURI(t *testing.T) {
	for _, first := range []string{"", "loading, please wait"} {
		w, host, guest := pair(t, "abc")
		lost := guest.connect()
		lost.fetch(w.uri("a.txt"))
		lost.drop() // that another editor is missing changes nothing
		ed := guest.connect(stock("Neovim"))
		ed.open(w.uri("a.txt"), first)
		w.want("abc", ed, host, guest)
	}
}

// TestFirstOpenOfHostsFile: what a host's editor has unsaved when it comes first is its own work.
func TestFirstOpenOfHostsFile(t *testing.T) {
	w, host, _ := pair(t, "one two three")
	ed := host.connect()
	ed.open(fileURI, "one three four")
	w.want("one three four", ed, host)
}

// TestSharedWhileOpen: a document that is open when its folder is shared is attached then, with what was typed meanwhile.
func TestSharedWhileOpen(t *testing.T) {
	w := newWorld(t)
	w.disk["a.txt"] = "abc"
	host := w.node("host")
	ed := host.connect()
	ed.open(fileURI, "abc")
	for range maxQueued + 10 { // more than is kept one by one
		ed.adds("x")
	}
	host.share(nil)
	guest, _ := w.join("guest")
	other := guest.connect()
	other.fetch(w.uri("a.txt"))
	w.want("abc"+strings.Repeat("x", maxQueued+10), ed, other, host)
}

// TestOpenOutsideEveryShare: it stays with the daemon and is never sent anywhere.
func TestOpenOutsideEveryShare(t *testing.T) {
	w, host, guest := pair(t, "abc")
	guest.fx = nil
	host.fx = nil
	ed := host.connect()
	ed.open("file:///elsewhere/b.txt", "private")
	ed.adds("!")
	for _, f := range effects[SendFrame](host) {
		if strings.Contains(string(f.Data), "private") {
			t.Error("a private text was sent")
		}
	}
	wantKind(t, guest.connect().fails(&protocol.TextDocumentContentParams{URI: w.uri("elsewhere/b.txt")}), protocol.NoSuchDocument)
	if ed.wasTold("") && len(ed.told) > 0 {
		t.Errorf("told %q", ed.told)
	}
}

// TestVerify: equal; a difference is healed as the buffer's own edit, counted and told; nothing is said of a busy one.
func TestVerify(t *testing.T) {
	w, ed, other := hostAndGuest(t, "abc")
	verify := func(s string, version int) bool {
		t.Helper()
		p := &protocol.VerifyParams{TextDocument: protocol.VersionedTextDocumentIdentifier{URI: fileURI, Version: version}, SHA256: sumOf(s)}
		return ed.call(p).(protocol.VerifyResult).Equal
	}
	if !verify("abc", 1) {
		t.Error("the same text is not equal")
	}
	if !verify("what?", 7) {
		t.Error("of another version something was said")
	}
	other.types(0, 0, "X")
	if !verify("what?", 1) {
		t.Error("with an edit under way something was said")
	}
	ed.manual = false
	ed.applies()
	ed.stamp = "" // as if it had never kept one
	ed.entry(1, 1, "Z")
	if verify(ed.text(), ed.version) {
		t.Fatal("a difference was not seen")
	}
	if !ed.wasTold("differ") {
		t.Error("the person was not told")
	}
	ed.notify(&protocol.DidCloseTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: fileURI}})
	ed.reopen()
	w.want("XZbc", ed, other, ed.n)
	if got := ed.call(&protocol.StatusParams{}).(protocol.StatusResult).Healed; got != 1 {
		t.Errorf("%d healed, want 1", got)
	}
	wantKind(t, ed.fails(&protocol.VerifyParams{TextDocument: protocol.VersionedTextDocumentIdentifier{URI: "file:///w/x"}}), protocol.NoSuchDocument)
}

// TestA4StampsFromOutside: a stamp is opaque but may be anything; none makes harm.
func TestA4StampsFromOutside(t *testing.T) {
	w, ed, other := hostAndGuest(t, "abc")
	other.types(3, 0, "X")
	good := ed.edit().Earshot.Stamp
	ed.applies()
	for _, stamp := range []string{"?", "AQ", good[:len(good)-1], good + "A", good[:20], strings.Repeat("A", 1000)} {
		again := ed.n.connect()
		again.stamp = stamp
		again.open(fileURI, "abcX")
		w.want("abcX", again, ed.n)
		again.drop()
	}
}

// TestStampOfAnEarlierStay: a guest that left and joined again is another member; what its editor types under the old
// stamp is its own all the same, also if it comes back twice.
func TestStampOfAnEarlierStay(t *testing.T) {
	w, host, guest := pair(t, "abc")
	h := host.connect()
	h.open(fileURI, "abc")
	ed := guest.connect()
	ed.fetch(w.uri("a.txt"))
	h.types(0, 0, "H") // gives ed a stamp
	ed.adds("1")       // and its agent an owner
	guest.connect().call(leave(host, ""))
	guest.connect().call(&protocol.JoinParams{Code: "CODE", Linger: true})
	ed.notify(&protocol.DidCloseTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: ed.uri}})
	ed.reopen()
	for _, typed := range []string{"2", "3"} {
		ed.adds(typed)
		ed.drop()
		ed = ed.back()
		ed.reopen()
	}
	w.want("Habc123", ed, h, host)
	if ed.wasTold("did not take") {
		t.Error("an edit was refused")
	}
}

// TestSharedWhileBeingLookedFor: a session opens while another is being asked whether a document is its.
func TestSharedWhileBeingLookedFor(t *testing.T) {
	_, host, _ := pair(t, "abc")
	ed := host.connect()
	host.holding = true
	ed.open("file:///x/a.txt", "abc")
	if len(host.later) != 1 {
		t.Fatalf("%d questions to the disk, want one", len(host.later))
	}
	located := host.later[0]
	host.later, host.holding = nil, false
	ed.call(&protocol.ShareParams{Folder: "file:///x"})
	host.holding = true
	host.step(located) // not in the first session's folder
	if len(host.later) == 0 {
		t.Fatal("the new session was not asked")
	}
	first := host.later[0].(Located)
	host.later, host.holding = nil, false
	host.step(first)
	locate := effects[Locate](host)
	if got := locate[len(locate)-1].Session; got != host.e.sessions[1].id {
		t.Errorf("asked session %s last, want the new one", got)
	}
}
