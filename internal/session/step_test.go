package session

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"earshot/protocol"
	"earshot/protocol/wire"
)

// renewing is a world in which a guest's copy is fetched anew again and again while edits of that guest are refused: Reset,
// Open, Opened, Resync and events cross in any order that channels allow.
type renewing struct {
	*history
	guest *node
}

func newRenewing(t *testing.T, seed uint64) *renewing {
	h := newHistory(t, seed, true)
	return &renewing{history: h, guest: h.w.nodes[1]}
}

func (r *renewing) act() {
	w := r.w
	guest := r.guest
	switch n := w.rng.IntN(100); {
	case n < 12: // the host says that the copy differs still, after it was made anew of its events
		if d := guest.doc(); d != nil && d.checkable() {
			d.check.stage, d.check.asked = rebuilt, true
			guest.step(FrameArrived{Link: guest.e.sessions[0].up.id, Data: wire.Encode(&wire.Checked{Doc: d.num, Turn: d.check.turn, Verdict: wire.Differs})})
		}
	case n < 30:
		role := []protocol.Role{protocol.RoleEditor, protocol.RoleViewer}[w.rng.IntN(2)]
		w.nodes[0].eds[0].ask(roleOf(w.nodes[0], guest, role))
	case n < 33:
		w.breakLink(guest)
	default:
		r.history.act()
	}
}

// TestRefusedWhileRenewing: whatever crosses, nobody takes a frame for what it is not: no session ends, no guest is shown the
// door, nothing is healed, and at rest all texts are equal.
func TestRefusedWhileRenewing(t *testing.T) {
	for seed := range 2 * *seeds {
		r := newRenewing(t, seed)
		for range 120 {
			r.act()
		}
		w := r.w
		w.rng = nil
		w.run()
		for _, n := range w.nodes {
			for _, f := range effects[Warn](n) {
				t.Errorf("seed %d: %s warns: %s", seed, n.name, f.What)
			}
			if s := n.e.sessions; len(s) != 1 || s[0].state == protocol.SessionEnded {
				t.Errorf("seed %d: the session of %s is over", seed, n.name)
			}
		}
		if len(w.nodes[0].e.sessions[0].members) != len(w.nodes) {
			t.Errorf("seed %d: somebody was shown the door", seed)
		}
		if t.Failed() {
			return
		}
		w.nodes[0].eds[0].ask(roleOf(w.nodes[0], r.guest, protocol.RoleEditor))
		w.run()
		r.rest(seed)
		w.pass(time.Minute)
		r.eds[2].adds("?")
		r.eds[0].adds("!")
		w.pass(time.Minute)
		if slices.ContainsFunc(r.eds, func(ed *editor) bool { return ed.text() != w.nodes[0].head() }) {
			t.Fatalf("seed %d: an editor is not kept up to date afterwards", seed)
		}
	}
}

// deliver lets what is under way in a lane arrive, in order, at most n of it, and nothing that follows from it.
func (w *world) deliver(lane string, n int) {
	held := w.queue
	w.queue = nil
	var rest []item
	for _, x := range held {
		if x.lane == lane && n > 0 {
			n--
			x.do()
		} else {
			rest = append(rest, x)
		}
	}
	w.queue = append(rest, w.queue...)
}

const all = math.MaxInt

// lane names a channel from one end of a guest's only link to the other.
func (n *node) lane(ch Channel) string {
	for id, l := range n.w.links {
		if l.n == n && !l.down {
			return fmt.Sprint("link ", id, ch)
		}
	}
	n.w.t.Fatalf("%s has no link", n.name)
	return ""
}

// TestResetCrossesRenewal: the guest's copy, fetched anew, goes on in streams that the host has just given up for another
// reason, of which the guest hears too late; and then it is fetched anew once more.
//
//	guest ──Open──▶ ──E──▶            E will be refused
//	guest ◀──Opened── ◀──Reset──      host
//	guest ──Resync──▶ ──Open──▶       the one for the copy that Reset has made void
//	guest ◀──Resync── ◀──Events── ◀──Opened── ◀──Events──
//	guest ──Resync──▶                 and the events are of the stream that began with the first one
func TestResetCrossesRenewal(t *testing.T) {
	w, h, g := shared(t, "one\n")
	host, guest := h.n, g.n
	g.adds("g")
	h.adds("h") // who has been named in a stream once is not again
	up, down, bulk := guest.lane(Live), host.lane(Live), host.lane(Bulk)
	w.busy = true
	d := guest.doc()
	host.take(ClientCalled{Conn: host.eds[0].conn, ID: "role", Params: roleOf(host, guest, protocol.RoleViewer)})
	d.check.stage, d.check.asked = rebuilt, true
	guest.take(FrameArrived{Link: guest.e.sessions[0].up.id, Data: wire.Encode(&wire.Checked{Doc: d.num, Turn: d.check.turn, Verdict: wire.Differs})})
	g.adds("E")
	w.deliver(laneFrom(g.conn), all)
	w.deliver(up, all)
	w.deliver(bulk, all)
	w.deliver(down, all)
	w.deliver(up, 1) // the first Resync
	h.adds("1")
	w.deliver(laneFrom(h.conn), all)
	w.deliver(up, all) // and Open
	h.adds("23")
	w.deliver(laneFrom(h.conn), all)
	w.deliver(bulk, all)
	w.deliver(down, all)
	w.busy = false
	w.run()
	for _, n := range w.nodes {
		if warned := effects[Warn](n); len(warned) > 0 {
			t.Errorf("%s warns %q", n.name, warned)
		}
		if s := n.e.sessions; len(s) != 1 || s[0].state != protocol.SessionOpen {
			t.Fatalf("the session of %s is over", n.name)
		}
	}
	w.want("one\ngh123", h, g, host, guest)
}
