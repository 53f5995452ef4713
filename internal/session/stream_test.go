package session

import (
	"flag"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"earshot/internal/crdt"
	"earshot/internal/text"
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

// TestStreamsOutOfStep: events that a defect loses on the way, that come twice, or that nobody sent, are seen for what they are
// with the next ones; both sides say so and go on, and nothing that was typed is lost.
func TestStreamsOutOfStep(t *testing.T) {
	spoil := map[string]func(w *world, lane string, num uint32){
		"lost": func(w *world, lane string, _ uint32) {
			w.queue = slices.DeleteFunc(w.queue, func(x item) bool { return x.lane == lane })
		},
		"twice": func(w *world, lane string, _ uint32) {
			i := slices.IndexFunc(w.queue, func(x item) bool { return x.lane == lane })
			w.queue = slices.Insert(w.queue, i, w.queue[i])
		},
		"nonsense": func(w *world, lane string, num uint32) {
			var id LinkID
			if _, err := fmt.Sscanf(lane, "link %d", &id); err != nil {
				w.t.Fatal(err)
			}
			there := w.links[w.links[id].other]
			w.put(lane, func() {
				there.n.take(FrameArrived{Link: w.links[id].other, Data: wire.Encode(&wire.Events{Doc: num, Sum: 77, Data: []byte("\x00x")})})
			})
		},
	}
	for name, spoils := range spoil {
		for _, from := range []string{"host", "guest"} {
			t.Run(name+" from the "+from, func(t *testing.T) {
				w, h, g := shared(t, "one\n")
				h.adds("h")
				g.adds("g")
				typist, other := h, g
				if from == "guest" {
					typist, other = g, h
				}
				w.busy = true
				typist.types(0, 0, "1")
				w.deliver(laneFrom(typist.conn), all)
				spoils(w, typist.n.lane(Live), h.n.doc().num)
				other.adds("o")
				typist.types(1, 0, "2")
				typist.types(2, 0, "3")
				w.busy = false
				w.run()
				other.adds("p")
				typist.adds("t")
				w.pass(time.Minute)
				w.want("123one\nhgopt", h, g, h.n, g.n)
				if n := len(h.n.e.sessions[0].members); n != 2 {
					t.Errorf("%d members are left, want 2", n)
				}
				if !g.wasTold("got out of step") || g.n.e.healed == 0 {
					t.Errorf("the guest was not told, or counts %d", g.n.e.healed)
				}
			})
		}
	}
}

// TestEveryLossIsSeen: whatever a lost frame held, and whatever comes next.
func TestEveryLossIsSeen(t *testing.T) {
	for _, from := range []string{"host", "guest"} {
		w, h, g := shared(t, "one\n")
		typist := map[string]*editor{"host": h, "guest": g}[from]
		want := "one\n"
		for k := range 300 {
			typed := fmt.Sprint(k * k)
			typist.adds(".") // who has been named in a stream is not again: the next can be read, also where one is missing
			w.busy = true
			typist.adds(typed)
			w.deliver(laneFrom(typist.conn), all)
			lane := typist.n.lane(Live)
			w.queue = slices.DeleteFunc(w.queue, func(x item) bool { return x.lane == lane })
			w.busy = false
			typist.adds("!")
			want += "." + typed + "!"
			w.want(want, h, g, h.n, g.n)
			if n := g.n.e.healed; n != k+1 {
				t.Fatalf("%d losses from the %s were seen, want %d", n, from, k+1)
			}
			w.pass(mendEvery)
		}
	}
}

// TestA5NonsenseWithoutEnd: who sends nothing else is shown the door, or left, once it is too much; the others go on.
func TestA5NonsenseWithoutEnd(t *testing.T) {
	t.Run("a guest", func(t *testing.T) {
		w, h, g := shared(t, "abc")
		eve := h.n.admit(5000, "eve")
		times := 0
		for ; h.n.e.links[eve.link] != nil && times < 100; times++ {
			_, num := eve.opens()
			eve.sends(&wire.Events{Doc: num, Data: []byte{0xff}})
			if resets := got[*wire.Reset](eve); times < maxMends && (len(resets) != 1 || !resets[0].Mend) {
				t.Fatalf("got %+v the %d. time, want a Reset to mend", resets, times)
			}
		}
		if times != maxMends+1 {
			t.Errorf("it was shown the door after %d times, want %d", times, maxMends+1)
		}
		h.adds("!")
		w.want("abc!", h, g, h.n, g.n)
	})
	t.Run("a guest, now and then", func(t *testing.T) {
		w, h, _ := shared(t, "abc")
		eve := h.n.admit(5000, "eve")
		for range 3 * maxMends {
			_, num := eve.opens()
			eve.sends(&wire.Events{Doc: num, Data: []byte{0xff}})
			w.pass(mendEvery / (maxMends - 1))
		}
		if h.n.e.links[eve.link] == nil {
			t.Error("it was shown the door")
		}
	})
	t.Run("a host", func(t *testing.T) {
		w := newWorld(t)
		g, host, _ := visitor(t, w)
		doc := crdt.New("theirs\n")
		ed := g.connect()
		ed.ask(&protocol.TextDocumentContentParams{URI: "earshot://aaaaaaaaaa/a.txt"})
		times := 0
		for ; len(g.e.sessions) > 0 && times < 100; times++ {
			host.sendsCopy(got[*wire.Open](host)[0].Op, doc.Snapshot())
			host.syncs(doc)
			g.fx = nil
			host.sends(&wire.Events{Doc: 1, Data: []byte{0xff}})
		}
		if times != maxMends+1 {
			t.Errorf("it was left after %d times, want %d", times, maxMends+1)
		}
	})
}

// TestMendThatDoesNotFit: what was typed here and does not fit the host's copy is given up, and its person is told so.
func TestMendThatDoesNotFit(t *testing.T) {
	for name, answer := range map[string]func(host *stranger, op uint32){
		"unfitting":  func(s *stranger, op uint32) { s.sendsCopy(op, crdt.New("").Snapshot()) },
		"unreadable": func(s *stranger, op uint32) { s.sendsCopy(op, []byte("?")) },
		"refused": func(s *stranger, op uint32) {
			s.sends(&wire.Opened{Op: op, Failure: &wire.Failure{Kind: "rate_limited"}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			g, host, _ := visitor(t, w)
			doc := crdt.New("theirs\n")
			ed := g.connect()
			id := ed.ask(&protocol.TextDocumentContentParams{URI: "earshot://aaaaaaaaaa/a.txt"})
			host.sendsCopy(got[*wire.Open](host)[0].Op, doc.Snapshot())
			host.syncs(doc)
			ed.open("earshot://aaaaaaaaaa/a.txt", ed.results[id].(protocol.TextDocumentContentResult).Text)
			ed.adds("mine")
			host.sends(&wire.Reset{Doc: 1, Turn: g.doc().turn, Mend: true})
			w.want("theirs\nmine", ed, g)
			answer(host, g.doc().asked)
			if !ed.wasTold("did not fit the host's text") {
				t.Error("the person was not told")
			}
			host.sendsCopy(g.doc().asked, doc.Snapshot())
			host.syncs(doc)
			w.want("theirs\n", ed, g)
			ed.adds("!")
			host.sends(&wire.Reset{Doc: 1, Turn: g.doc().turn, Mend: true}) // twice within a minute: it is the copy
			if d := g.e.sessions[0].docs[0]; !d.void {
				t.Error("the copy is kept though the host can't take what it holds")
			}
		})
	}
}

// loseFrame types one key at the host, of which the guest never hears, and one more, at which it sees that.
func loseFrame(w *world, h *editor) {
	w.busy = true
	h.types(0, 0, "1")
	w.deliver(laneFrom(h.conn), all)
	lane := h.n.lane(Live)
	w.queue = slices.DeleteFunc(w.queue, func(x item) bool { return x.lane == lane })
	w.busy = false
	h.types(1, 0, "2")
	w.run()
}

// TestMendWhileAnEditorIsGone: what was typed in an editor whose connection was down while its daemon's copy was mended
// is taken when it is back, once.
func TestMendWhileAnEditorIsGone(t *testing.T) {
	for name, before := range map[string]func(h, g *editor){
		"with no stamp": func(h, g *editor) {},
		"with a stamp":  func(h, g *editor) { h.adds("s") },
		"having typed":  func(h, g *editor) { g.adds("g") },
	} {
		t.Run(name, func(t *testing.T) {
			w, h, g := shared(t, "one\ntwo\n")
			g.n.connect().fetch(w.uri("a.txt")) // keeps the document open at the guest
			before(h, g)
			w.pass(time.Second)
			g.drop()
			loseFrame(w, h)
			w.pass(2 * time.Second)
			g.buf = text.New(g.text() + "NEW")
			again := g.back()
			again.reopen()
			w.pass(10 * time.Second)
			if got := strings.Count(h.n.head(), "NEW"); got != 1 || again.text() != h.n.head() {
				t.Errorf("what was typed is there %d times: the host has %q, the editor %q", got, h.n.head(), again.text())
			}
		})
	}
}

// TestUndoAfterMend: what was done in a copy that is no more can't be taken back, and who asks is told.
func TestUndoAfterMend(t *testing.T) {
	w, h, g := shared(t, "one\n")
	g.adds("mine")
	w.pass(time.Minute)
	loseFrame(w, h)
	w.pass(time.Minute)
	was := len(g.told)
	if got := g.call(&protocol.UndoParams{TextDocument: docID(g.uri)}); got != (protocol.UndoResult{}) || len(g.told) == was {
		t.Errorf("got %+v, and was told %q", got, g.told[was:])
	}
	g.adds("new")
	g.call(&protocol.UndoParams{TextDocument: docID(g.uri)})
	w.want("12one\nmine", h, g)
}

// TestDroppedWhileRenewing: a guest that lets go of a document while it fetches it anew does not come back to it with the
// answer, for it would never let go again.
func TestDroppedWhileRenewing(t *testing.T) {
	w, h, g := shared(t, "one\n")
	g.adds("g")
	host, guest := h.n, g.n
	g.notify(&protocol.DidCloseTextDocumentParams{TextDocument: docID(g.uri)})
	w.pass(time.Second)
	d := guest.doc()
	w.pass(d.idle.Add(DocumentGrace).Sub(w.now) - time.Second)
	bulk, up := host.lane(Bulk), guest.lane(Live)
	w.busy = true
	d.check.stage, d.check.asked = rebuilt, true
	guest.take(FrameArrived{Link: guest.e.sessions[0].up.id, Data: wire.Encode(&wire.Checked{Doc: d.num, Turn: d.check.turn, Verdict: wire.Differs})})
	w.deliver(up, all)
	w.deliver(bulk, all) // the text overtakes the answer
	w.now = w.now.Add(2 * time.Second)
	guest.take(Tick{})
	if guest.doc() != nil {
		t.Fatal("the guest still has the document")
	}
	w.busy = false
	w.run()
	w.pass(time.Minute)
	if host.e.sessions[0].remotes[0].has(host.doc()) {
		t.Error("the host believes that the guest has the document")
	}
}

var lossy = flag.Uint64("session.lossy", 200, "histories to live through in which frames are lost")

// TestLossyWorlds: whole histories in which now and then a frame of events is lost on a link, which no link of ours does. All
// end equal and together, and nothing that was typed is missing or there twice, also where an editor's connection breaks at the
// same time.
func TestLossyWorlds(t *testing.T) {
	for seed := range *lossy {
		livesWithLosses(t, seed)
	}
}

func livesWithLosses(t *testing.T, seed uint64) {
	h := newHistory(t, seed, false)
	w, lost := h.w, time.Time{}
	loaded := text.CRLF.ToLF(w.disk["a.txt"])
	for k := range 160 {
		if k > 10 && (lost.IsZero() || w.now.Sub(lost) > mendEvery) && w.rng.IntN(6) == 0 && w.loseEvents() {
			lost = w.now
		}
		h.act()
	}
	h.gather()
	w.pass(mendEvery)
	for _, ed := range slices.Repeat(h.eds, 2) { // a loss shows with what comes next
		ed.adds(h.next(1))
		w.pass(time.Second)
	}
	w.pass(5 * time.Minute)
	want := w.nodes[0].head()
	for _, n := range w.nodes {
		if s := n.e.sessions; len(s) != 1 || s[0].state != protocol.SessionOpen {
			t.Errorf("seed %d: the session is over at %s", seed, n.name)
		}
	}
	for _, ed := range h.eds {
		if ed.text() != want || ed.n.head() != want {
			t.Errorf("seed %d: an editor at %s shows %q, its daemon %q, the host %q", seed, ed.n.name, ed.text(), ed.n.head(), want)
		}
	}
	for _, c := range loaded + string(markers(h)) {
		was := max(1, strings.Count(loaded, string(c)))
		if n := strings.Count(want, string(c)); n > was || n < was && !h.deleted[c] {
			t.Errorf("seed %d: %q is there %d times, was %d times", seed, c, n, was)
		}
	}
}

// markers are all characters that were typed.
func markers(h *history) (all []rune) {
	for c := rune(0x20000); c < h.marker; c++ {
		all = append(all, c)
	}
	return all
}

// loseEvents takes a frame of events off its way, if it finds one and the dice say so.
func (w *world) loseEvents() bool {
	for i, x := range w.queue {
		if x.frame == nil {
			continue
		}
		if f, err := wire.Decode(x.frame); err == nil {
			if _, ok := f.(*wire.Events); ok && w.rng.IntN(3) == 0 {
				w.queue = slices.Delete(w.queue, i, i+1)
				return true
			}
		}
	}
	return false
}

// TestMendWhileAnEditorIsBehind: the copy of an editor that is behind is mended, and its connection breaks with an edit under way,
// which it has made or has not. It goes on where it was: what it had not reported is its person's, and nothing else is.
func TestMendWhileAnEditorIsBehind(t *testing.T) {
	unheard := func(g *editor) {
		g.make()
		g.version++
	}
	for name, then := range map[string]func(g *editor){
		"the edit from before is not made": func(g *editor) { g.types(5, 0, "X") },
		"the edit from before is made":     unheard,
		"the next one is not made": func(g *editor) {
			g.types(5, 0, "X")
			g.answers(false)
		},
		"the next one is made": func(g *editor) {
			g.types(5, 0, "X")
			g.answers(false)
			unheard(g)
		},
		"the next one is made behind the one from before": func(g *editor) {
			g.applies()
			g.types(1, 0, "X")
			g.answers(false)
			unheard(g)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, h, g := shared(t, "abcdefgh\n")
			g.manual = true
			h.types(0, 4, "")
			h.types(1, 0, "m")
			loseFrame(w, h)
			then(g)
			g.drop()
			typed := strings.Contains(g.text(), "X")
			g.types(strings.Index(g.text(), "g"), 2, "Y") // nobody hears it
			again := g.back()
			again.reopen()
			w.pass(time.Minute)
			want := strings.NewReplacer("gh", "Y").Replace("12emfgh\n")
			if typed {
				want = strings.Replace(want, "m", "mX", 1)
			}
			w.want(want, again, h, h.n, g.n)
		})
	}
}

// TestMendWhileClosed: an editor that closed a document with an edit under way, and opened it again, answers that after the copy
// was mended.
func TestMendWhileClosed(t *testing.T) {
	for _, applied := range []bool{true, false} {
		w, h, g := shared(t, "abcdefgh\n")
		g.manual = true
		h.types(0, 4, "")
		h.types(1, 0, "m")
		g.notify(&protocol.DidCloseTextDocumentParams{TextDocument: docID(g.uri)})
		g.reopen()
		loseFrame(w, h)
		g.manual = false
		if applied {
			g.applies()
		} else {
			g.answers(false)
		}
		g.adds("t")
		w.pass(time.Minute)
		w.want("12emfgh\nt", g, h, h.n, g.n)
	}
}
