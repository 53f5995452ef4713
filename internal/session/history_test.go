package session

import (
	"strings"
	"testing"

	"earshot/internal/crdt"
	"earshot/internal/text"
	"earshot/protocol"
	"earshot/protocol/wire"
)

// forgetful is a host that shares a.txt and a guest, both of which keep little history, each with an editor.
func forgetful(t *testing.T, content string) (w *world, host, guest *node, h, g *editor) {
	w, host, guest = pair(t, content)
	host.e.cfg.KeepRuns, guest.e.cfg.KeepRuns = 8, 8
	h, g = host.connect(), guest.connect()
	h.open(fileURI, content)
	g.fetch(w.uri("a.txt"))
	return w, host, guest, h, g
}

// chat lets both write, here and there, for a while.
func chat(w *world, h, g *editor, times int) {
	for i := range times {
		for _, ed := range []*editor{h, g} {
			if n := ed.buf.Len(); n > 200 {
				ed.types(i*7%100, 60, "")
			}
			ed.types(i*13%(ed.buf.Len()+1), 0, "xy")
		}
		w.pass(floorEvery / 2)
	}
}

// TestHistoryEnds: what everyone has gone beyond is forgotten, at the host, at its guests, and newcomers never hear of it;
// nothing else is different.
func TestHistoryEnds(t *testing.T) {
	w, host, guest, h, g := forgetful(t, "text")
	for range 6 {
		chat(w, h, g, 20)
		w.want(host.head(), h, g, guest)
		for _, n := range []*node{host, guest} {
			if got, most := n.doc().text.History(), 60; got > most {
				t.Errorf("%s remembers %d runs, want at most %d", n.name, got, most)
			}
			if n.doc().text.First() == 0 {
				t.Errorf("%s has forgotten nothing", n.name)
			}
		}
		before := host.head()
		g.adds("mine")
		w.pass(2 * UndoPause)
		if res := g.call(&protocol.UndoParams{TextDocument: protocol.TextDocumentIdentifier{URI: g.uri}}); !res.(protocol.UndoResult).Applied {
			t.Error("what was just typed can't be taken back")
		}
		w.want(before, h, g, host, guest)
	}
	late, ed := w.join("late")
	ed.fetch(w.uri("a.txt"))
	ed.adds("late")
	chat(w, h, g, 20)
	w.want(host.head(), h, g, ed, guest, late)
}

// TestAwayHoldsHistory: a guest whose link broke comes back to all that it builds on, whatever was written meanwhile.
func TestAwayHoldsHistory(t *testing.T) {
	w, host, guest, h, g := forgetful(t, "text")
	_, other := w.join("other")
	other.n.e.cfg.KeepRuns = 8
	other.fetch(w.uri("a.txt"))
	chat(w, h, other, 20)
	w.breakLink(guest)
	g.adds("MINE")
	for range 40 { // less than MemberGrace
		h.types(0, 0, "a")
		other.adds("b")
		h.types(1, 1, "")
		w.pass(floorEvery)
	}
	if host.doc().text.History() < 2*host.e.cfg.KeepRuns {
		t.Fatal("the history is not too long: the test shows nothing")
	}
	w.mend(guest)
	w.want(host.head(), h, g, other, guest)
	if !strings.Contains(host.head(), "MINE") {
		t.Errorf("what was typed while away is lost: %q", host.head())
	}
	chat(w, h, g, 20)
	w.want(host.head(), h, g, other, guest)
	if got, most := host.doc().text.History(), 80; got > most {
		t.Errorf("the host remembers %d runs, want at most %d", got, most)
	}
}

// TestOldDiskChanges: what the disk held is forgotten as a version, and yet another program's change of the file is one line
// changed, and not all taken back that was never saved.
func TestOldDiskChanges(t *testing.T) {
	w, host, guest, h, g := forgetful(t, "one\ntwo\nthree\n")
	chat(w, h, g, 60)
	if host.doc().text.First() == 0 {
		t.Fatal("nothing was forgotten")
	}
	h.adds("unsaved")
	unsaved := strings.Replace(host.head(), "three\n", "", 1)
	w.disk["a.txt"] = "one\ntwo\nthree\nfour\n"
	if err, ok := h.call(save(h.uri)).(*protocol.Error); ok {
		t.Fatal(err)
	}
	w.want(host.head(), h, g, guest)
	if got := w.disk["a.txt"]; got != host.head() || !strings.Contains(got, "four\n") || !strings.Contains(got, "unsaved") || len(got) < len(unsaved) {
		t.Errorf("the disk has %q, the text is %q", got, host.head())
	}
}

// TestOldStamp: an editor that comes back from before what is remembered loses nothing, and deletes nothing.
func TestOldStamp(t *testing.T) {
	w, host, guest, h, g := forgetful(t, "text")
	gone := guest.connect()
	gone.fetch(w.uri("a.txt"))
	h.adds("!")
	if gone.stamp == "" {
		t.Fatal("it has no stamp to hand back")
	}
	gone.drop()
	w.pass(LostGrace)
	chat(w, h, g, 60)
	gone.buf = text.New(gone.text() + "NEW")
	before := host.head()
	again := gone.back()
	again.reopen()
	w.want(host.head(), h, g, again, guest)
	rest := []rune(before)
	for _, c := range host.head() {
		if len(rest) > 0 && c == rest[0] {
			rest = rest[1:]
		}
	}
	if !strings.Contains(host.head(), "NEW") || len(rest) > 0 {
		t.Errorf("got %q, want %q and NEW", host.head(), before)
	}
	chat(w, h, g, 10)
	w.want(host.head(), h, g, again, guest)
}

// TestFloorsOfStrangers: a guest that answers wrongly how far back it needs the history harms nobody but itself.
func TestFloorsOfStrangers(t *testing.T) {
	w, host, guest, h, g := forgetful(t, "text")
	s := host.admit(5000, "eve")
	doc, num := s.opens()
	chat(w, h, g, 30)
	for _, head := range []*wire.Head{nil, {Agent: 1, Seq: 1}, headOf(host.doc(), host.doc().text.Head())} {
		s.sends(&wire.Floor{Doc: num, Head: head})
		s.sends(&wire.Floor{Doc: num + 7, Head: head})
		s.sends(&wire.Floor{Doc: num, Ask: true})
	}
	chat(w, h, g, 60)
	if _, _, err := doc.Edit(77, doc.Head(), text.Patch{{Pos: 0, Ins: "old"}}); err != nil {
		t.Fatal(err)
	}
	s.sends(&wire.Events{Doc: num, CatchUp: true, Data: doc.Since(nil)})
	if resets := got[*wire.Reset](s); len(resets) != 1 {
		t.Errorf("got %d resets, want 1: what it sent builds on what is forgotten", len(resets))
	}
	chat(w, h, g, 10)
	w.want(host.head(), h, g, guest)
	if strings.Contains(host.head(), "old") {
		t.Error("an edit of a forgotten version was taken")
	}
	s.sends(&wire.Resync{Doc: num, Summary: crdt.New("text").Summary()})
	if resets := got[*wire.Reset](s); len(resets) != 1 {
		t.Errorf("got %d resets, want 1: what it lacks is forgotten", len(resets))
	}
}
