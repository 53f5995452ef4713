package session

import (
	"testing"

	"earshot/protocol/wire"
)

// TestKeystrokeIsSmall: what a keystroke puts on the link, the frame included, once both sides know each other: at most ten
// bytes, also where two type in turns.
func TestKeystrokeIsSmall(t *testing.T) {
	const most = 10
	w, host, guest := pair(t, "abc")
	h, g := host.connect(), guest.connect()
	h.open(fileURI, "abc")
	g.fetch(w.uri("a.txt"))
	both := []*node{host, guest}
	turn := func() {
		h.adds("x")
		h.adds("x")
		g.adds("y")
	}
	turn()
	turn() // now each has been named to the other
	for _, n := range both {
		effects[SendFrame](n)
	}
	for range 20 {
		turn()
	}
	for _, n := range both {
		messages := 0
		for _, f := range effects[SendFrame](n) {
			if frame, err := wire.Decode(f.Data); err != nil {
				t.Fatal(err)
			} else if _, ok := frame.(*wire.Events); !ok {
				continue
			}
			if messages++; len(f.Data) > most {
				t.Errorf("%s: got a message of %d bytes, want at most %d: %x", n.name, len(f.Data), most, f.Data)
			}
		}
		if messages < 20 {
			t.Errorf("%s: got %d messages, want 20 or more", n.name, messages)
		}
	}
}
