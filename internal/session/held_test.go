package session

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"earshot/internal/crdt"
	"earshot/internal/text"
	"earshot/protocol/wire"
)

// holder is a hostile editor: it deletes one text again and again, in messages of twenty bytes each of which says that four million
// characters go, and it never lets go of the history.
type holder struct {
	*stranger
	message []byte // by its last name
	num     uint32
	name    crdt.Agent
}

const heldText = 1 << 22

func newHolder(n *node, link LinkID, first crdt.Agent) *holder {
	s := n.admit(link, "eve")
	doc, num := s.opens()
	if _, _, err := doc.Edit(first, nil, text.Patch{{Pos: 0, Del: heldText}}); err != nil {
		n.w.t.Fatal(err)
	}
	return &holder{s, doc.Since(nil), num, first}
}

func (h *holder) deletes() {
	h.sends(&wire.Events{Doc: h.num, CatchUp: true, Data: h.message})
	h.n.trail = nil
	was := binary.LittleEndian.AppendUint64(nil, uint64(h.name))
	h.name++
	is := binary.LittleEndian.AppendUint64(nil, uint64(h.name))
	h.message = bytes.ReplaceAll(h.message, was, is)
}

// TestA5HeldHistory: a guest that fills a text's history and holds it back leaves the others room to type, and what it holds is let
// go of after a moment, whether it answers how far back it needs it or not. One that would fill it is shown the door.
func TestA5HeldHistory(t *testing.T) {
	for _, how := range []string{"says nothing", "answers", "goes away"} {
		w, h, g := shared(t, strings.Repeat("0123456789abcde\n", heldText/16))
		eve := newHolder(h.n, 5000, 1000)
		for i := range crdt.MaxEvents / heldText * 6 / 10 {
			eve.deletes()
			if how == "answers" {
				eve.sends(&wire.Floor{Doc: eve.num})
				eve.sends(&wire.Floor{Doc: eve.num, Head: &wire.Head{Agent: 1000}})
			}
			if h.n.e.links[5000] == nil {
				t.Fatalf("it was shown the door after %d messages", i)
			}
		}
		d := h.n.doc()
		if !d.text.HalfFull() {
			t.Fatalf("the history is %+v", d.text.History())
		}
		if how == "goes away" {
			h.n.step(LinkDown{Link: 5000})
		}
		h.adds("!")
		g.adds("?")
		if len(h.text()) != 2 || g.text() != h.text() {
			t.Errorf("the others see %q and %q", h.text(), g.text())
		}
		w.pass(2*holdFor + floorEvery)
		h.adds("!")
		if d.text.HalfFull() || h.n.e.sessions[0].member(eve.id) == nil {
			t.Errorf("one who %s: after %v the history is %+v", how, 2*holdFor, d.text.History())
		}
		w.want(h.n.head(), h, g, g.n)
		for _, f := range h.n.fx {
			if f, ok := f.(SendFrame); ok && f.Link != eve.link && frameName(f.Data) == "Reset" {
				t.Errorf("one who %s: an honest guest's copy is void", how)
			}
		}
	}
}

// TestA5FullHistory: one who goes on all the same is shown the door before the history is full.
func TestA5FullHistory(t *testing.T) {
	w, h, g := shared(t, strings.Repeat("0123456789abcde\n", heldText/16))
	eve := newHolder(h.n, 5000, 1000)
	n := 0
	for ; h.n.e.links[5000] != nil && n < 200; n++ {
		h.n.fx = nil
		eve.deletes()
	}
	if bye := got[*wire.Bye](eve.stranger); len(bye) != 1 || n > crdt.MaxEvents/heldText {
		t.Errorf("after %d messages it was told %+v", n, bye)
	}
	h.adds("!")
	g.adds("?")
	w.want(h.n.head(), h, g, g.n)
	if len(h.text()) != 2 {
		t.Errorf("the others see %d bytes, want 2", len(h.text()))
	}
}

// TestA5Names: a guest can't use up the names under which a text may be changed: it is refused with a word, and the others go on.
func TestA5Names(t *testing.T) {
	w, h, g := shared(t, "abc")
	eve := h.n.admit(5000, "eve")
	doc, num := eve.opens()
	before := doc.Head()
	at := before
	for i := range MaxNames {
		next, _, err := doc.Edit(crdt.Agent(1000+i), at, text.Patch{{Pos: 0, Ins: "x"}})
		if err != nil {
			t.Fatal(err)
		}
		at = next
	}
	for b := doc.Since(before); len(b) > 0; {
		piece := b[:min(len(b), wire.MaxPiece)]
		b = b[len(piece):]
		eve.sends(&wire.Events{Doc: num, CatchUp: true, More: len(b) > 0, Data: piece})
	}
	if n := h.n.doc().names[eve.id]; n != MaxNames {
		t.Fatalf("it has %d names, want %d", n, MaxNames)
	}
	was := h.n.head()
	before = doc.Head()
	if _, _, err := doc.Edit(7, before, text.Patch{{Pos: 0, Ins: "y"}}); err != nil {
		t.Fatal(err)
	}
	eve.sends(&wire.Events{Doc: num, CatchUp: true, Data: doc.Since(before)})
	if resets := got[*wire.Reset](eve); len(resets) != 1 || !strings.Contains(resets[0].Reason, "too many names") || h.n.head() != was {
		t.Errorf("got %+v, want it refused", resets)
	}
	h.adds("!")
	g.adds("?")
	w.want(was+"!?", h, g, h.n, g.n)
}
