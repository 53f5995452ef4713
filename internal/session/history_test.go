package session

import (
	"runtime"
	"strings"
	"testing"
	"time"

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
			if got, most := n.doc().text.History().Runs, 60; got > most {
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
	if host.doc().text.History().Runs < 2*host.e.cfg.KeepRuns {
		t.Fatal("the history is not too long: the test shows nothing")
	}
	w.mend(guest)
	w.want(host.head(), h, g, other, guest)
	if !strings.Contains(host.head(), "MINE") {
		t.Errorf("what was typed while away is lost: %q", host.head())
	}
	chat(w, h, g, 20)
	w.want(host.head(), h, g, other, guest)
	if got, most := host.doc().text.History().Runs, 80; got > most {
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

// TestA5FloorsOfStrangers: a guest that answers wrongly how far back it needs the history harms nobody but itself.
func TestA5FloorsOfStrangers(t *testing.T) {
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

// heap is how many bytes are in use.
func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// forgetEffects drops what the harness keeps of a history: only what the engines hold is to be measured.
func (w *world) forgetEffects() {
	for _, n := range w.nodes {
		n.fx, n.trail = nil, nil
		for _, ed := range n.eds {
			ed.notes, ed.asks, ed.told = nil, nil, nil
		}
	}
}

// TestLargePastesEnd: pastes of 10 MiB that are deleted again are few runs and many events. They are forgotten too, so that
// nobody's edit is ever refused, and what is remembered is bounded; however fast they follow one another.
func TestLargePastesEnd(t *testing.T) {
	for pause, rounds := range map[time.Duration]int{floorEvery: 20, floorPressed: 10} {
		w, h, g := shared(t, "one\n")
		paste := strings.Repeat("0123456789abcde\n", 10<<16)
		start := heap()
		most, mostHeap := crdt.Amount{}, 0
		for i := range rounds {
			ed := []*editor{h, g}[i%2]
			ed.types(4, 0, paste)
			w.pass(pause)
			if ed.wasTold("can't grow") {
				t.Fatalf("the %d. paste was refused", i+1)
			}
			ed.types(4, len(paste), "")
			w.pass(pause)
			ed.adds("x")
			w.forgetEffects()
			for _, n := range w.nodes {
				got := n.doc().text.History()
				most = crdt.Amount{Runs: max(most.Runs, got.Runs), Events: max(most.Events, got.Events), Bytes: max(most.Bytes, got.Bytes)}
			}
			mostHeap = max(mostHeap, heap()-start)
		}
		w.want("one\n"+strings.Repeat("x", rounds), h, g, h.n, g.n)
		if limit := (crdt.Amount{Runs: KeepRuns, Events: crdt.MaxEvents / 2, Bytes: crdt.MaxContent / 2}); most.Over(limit) {
			t.Errorf("%+v were remembered, want at most %+v", most, limit)
		}
		if limit := 512 << 20; mostHeap > limit {
			t.Errorf("both daemons and their editors took %d MiB, want at most %d", mostHeap>>20, limit>>20)
		}
		t.Logf("pause %v: at most %+v, %d MiB for two daemons", pause, most, mostHeap>>20)
	}
}

// TestLargestTextIsReplaced: with a text as large as may be in its place, and all that undo and old buffers hold it back for.
func TestLargestTextIsReplaced(t *testing.T) {
	w, host, guest := pair(t, "")
	h, other := host.connect(), host.connect()
	h.open(fileURI, "")
	other.open(fileURI, "")
	g := guest.connect()
	g.fetch(w.uri("a.txt"))
	other.drop()
	text := strings.Repeat("0123456789abcdef", crdt.MaxText>>4)
	for i := range 4 {
		h.call(&protocol.TextDocumentContentParams{URI: fileURI}) // the text is held for whoever asked
		h.types(0, h.buf.Len(), "")
		h.types(0, 0, text)
		w.pass(floorEvery)
		w.forgetEffects()
		if got := host.doc().text.Text().Len(); got != crdt.MaxText || guest.doc().text.Text().Len() != got || g.buf.Len() != got {
			t.Fatalf("the %d. time the text has %d characters, want %d", i+1, got, crdt.MaxText)
		}
	}
	if h.wasTold("can't grow") || g.n.e.healed > 0 {
		t.Error("an edit was refused")
	}
}

// TestOneLongRun: who types on and on in one place, and a program that does so fast, makes a history that has few runs and yet an
// end; and memory follows the text, and not how long it was worked on.
func TestOneLongRun(t *testing.T) {
	w, h, g := shared(t, "")
	line := strings.Repeat("x", 999) + "\n"
	most, first := 0, 0
	for i := range 16_000 { // 16 MB of typing
		h.adds(line)
		if h.buf.Len() >= 100*len(line) {
			h.types(0, 90*len(line), "")
		}
		if i%1000 == 999 {
			w.pass(floorEvery)
			w.forgetEffects()
			for _, n := range w.nodes {
				most = max(most, n.doc().text.History().Bytes)
			}
			if i == 7_999 {
				first = heap()
			}
		}
	}
	w.want(g.text(), h, g, h.n, g.n)
	if limit := 3 * KeepBytes; most > limit {
		t.Errorf("%d bytes were remembered, want at most %d", most, limit)
	}
	if last := heap(); last > first+first/2 {
		t.Errorf("%d MiB are used after twice the time, want no more than the %d MiB before", last>>20, first>>20)
	}
	if h.n.doc().text.First() == 0 || g.n.doc().text.First() == 0 {
		t.Error("nothing was forgotten")
	}
}
