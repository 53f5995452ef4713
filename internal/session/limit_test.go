package session

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"earshot/internal/crdt"
	"earshot/internal/text"
	"earshot/protocol"
	"earshot/protocol/wire"
)

// Every constant that bounds something is reached here, or in the test of what it bounds.

func TestMaxPins(t *testing.T) {
	w, host, guest := pair(t, "abc")
	ed := host.connect()
	ed.open(fileURI, "abc")
	script := guest.connect()
	for range 2 * MaxPins {
		ed.adds("x")
		script.call(&protocol.TextDocumentContentParams{URI: w.uri("a.txt")})
	}
	d := guest.doc()
	if len(d.pins) != MaxPins {
		t.Fatalf("%d pins, want %d", len(d.pins), MaxPins)
	}
	if got := d.pins[0].text.String(); got != "abcx" {
		t.Errorf("the first is %q, want the text as loaded", got)
	}
	if got := d.pins[MaxPins-1].text.String(); got != ed.text() {
		t.Errorf("the last is %q, want the newest", got)
	}
}

func TestMaxLost(t *testing.T) {
	w, host, _ := pair(t, "abc")
	var last *editor
	for range 2 * MaxLost {
		last = host.connect()
		last.open(fileURI, "abc")
		last.drop()
	}
	if n := len(host.doc().lost); n != MaxLost {
		t.Errorf("%d lost mirrors, want %d", n, MaxLost)
	}
	last.types(0, 1, "")
	last = last.back()
	last.reopen()
	w.want("bc", last, host)
	last.drop()
	w.pass(LostGrace)
	if n := len(host.doc().lost); n != 0 {
		t.Errorf("%d lost mirrors stay after %v", n, LostGrace)
	}
}

func TestA5MaxOpen(t *testing.T) {
	w, host, _ := pair(t, "abc")
	for i := range MaxOpen + 1 {
		w.disk[fmt.Sprint("f", i)] = "x"
	}
	s := host.admit(5000, "eve")
	for i := range MaxOpen + 1 {
		host.fx = nil
		s.sends(&wire.Open{Op: uint32(i + 1), Path: fmt.Sprint("f", i)})
	}
	opened := got[*wire.Opened](s)
	if len(opened) != 1 || opened[0].Failure == nil || opened[0].Failure.Kind != string(protocol.RateLimited) {
		t.Errorf("got %+v, want it refused", opened)
	}
	s.sends(&wire.Close{Doc: 1})
	s.sends(&wire.Open{Op: 9999, Path: "a.txt"})
	if opened := got[*wire.Opened](s); len(opened) != 1 || opened[0].Failure != nil {
		t.Errorf("after one was closed: %+v", opened)
	}
}

// TestA5DiskOneByOne: of a guest's many requests few are at the disk at once, so that what others ask it waits for no more than
// these; all are answered, and one who asks for more than that is shown the door.
func TestA5DiskOneByOne(t *testing.T) {
	w, host, _ := pair(t, "abc")
	for i := range 50 {
		w.disk[fmt.Sprint("f", i)] = "x"
	}
	s := host.admit(5000, "eve")
	host.holding = true
	host.fx = nil
	for i := range uint32(50) {
		s.sends(&wire.List{Op: 2*i + 1})
		s.sends(&wire.Open{Op: 2*i + 2, Path: fmt.Sprint("f", i)})
	}
	asked := 0
	for _, f := range host.fx {
		switch f.(type) {
		case ListFolder, LoadFile:
			asked++
		}
	}
	if asked != atOnce {
		t.Errorf("the disk is asked %d things at once, want %d", asked, atOnce)
	}
	host.fx = nil
	host.release()
	frames := host.fx
	listed := len(got[*wire.Listed](s))
	host.fx = frames
	if opened := len(got[*wire.Opened](s)); listed != 50 || opened != 50 {
		t.Errorf("%d listings and %d texts were answered, want 50 of each", listed, opened)
	}
	host.holding = true
	for i := range MaxOps {
		s.sends(&wire.List{Op: uint32(1000 + i)})
	}
	if host.e.links[5000] == nil {
		t.Error("it was shown the door for as much as a guest of ours asks for")
	}
	s.sends(&wire.List{Op: 9999})
	if host.e.links[5000] != nil {
		t.Error("what it asks for piles up")
	}
	host.release()
}

// TestA5CostlyAnswers: who asks again and again for what is made of a long history pays for that, and not for the question alone.
func TestA5CostlyAnswers(t *testing.T) {
	for name, ask := range map[string]func(num uint32) wire.Frame{
		"snapshots": func(uint32) wire.Frame { return &wire.Open{Op: 2, Path: "a.txt"} },
		"histories": func(num uint32) wire.Frame {
			return &wire.Resync{Doc: num, Turn: 2, Summary: crdt.New("abc").Summary()}
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, host, _ := pair(t, "abc")
			s := host.admit(5000, "eve")
			doc, num := s.opens()
			begin := doc.Head()
			for i := range 2000 {
				if _, _, err := doc.Edit(777, doc.Head(), text.Patch{{Pos: 2 * (i % 2), Ins: "x"}}); err != nil {
					t.Fatal(err)
				}
			}
			s.sends(&wire.Events{Doc: num, CatchUp: true, Data: doc.Since(begin)})
			const left = 300
			runs := host.doc().text.History().Runs
			if runs < 1000 {
				t.Fatalf("the history has %d runs: too few to show anything", runs)
			}
			host.e.links[5000].spent.frames = host.w.now.Add((frameBurst - left) * frameEach)
			answers := 0
			for host.e.links[5000] != nil && answers < left {
				s.sends(ask(num))
				answers++
			}
			if least := runs / runsAFrame; answers < 2 || answers > left/least+1 {
				t.Errorf("it was shown the door after %d answers, want at most %d", answers, left/least+1)
			}
		})
	}
}

// TestH3MaxOps: a host that answers nothing does not make requests pile up.
func TestH3MaxOps(t *testing.T) {
	w, _, guest := pair(t, "abc")
	ed := guest.connect()
	w.busy = true
	for range MaxOps + 1 {
		ed.ask(&protocol.ListFilesParams{Session: guest.e.sessions[0].id})
	}
	for len(w.queue) > 0 { // the guest takes all of that before the host anything
		q := w.queue
		w.queue = nil
		for _, x := range q {
			if strings.HasPrefix(x.lane, "from") {
				x.do()
			}
		}
	}
	w.busy = false
	if n := len(guest.e.sessions[0].wireOps); n != MaxOps {
		t.Errorf("%d requests are under way, want %d", n, MaxOps)
	}
	if err, _ := ed.results[protocol.RequestID(fmt.Sprint(MaxOps+2))].(*protocol.Error); err == nil {
		t.Error("the one too many was not refused")
	}
	w.breakLink(guest)
	if err, _ := ed.results["2"].(*protocol.Error); err == nil || len(guest.e.sessions[0].wireOps) != 0 {
		t.Error("requests wait though the link is broken")
	}
}

// TestA6MaxPartial: messages that never end, for one document or for many, are bounded for each link.
func TestA6MaxPartial(t *testing.T) {
	w, host, guest := pair(t, "abc")
	w.disk["b.txt"] = "b"
	ed := guest.connect()
	ed.fetch(w.uri("a.txt"))
	s := host.admit(5000, "eve")
	for i, name := range []string{"a.txt", "b.txt"} {
		s.sends(&wire.Open{Op: uint32(i + 1), Path: name})
		s.sends(&wire.Resync{Doc: uint32(i + 1), Summary: crdt.New("").Summary()})
	}
	piece := bytes.Repeat([]byte{0}, wire.MaxPiece)
	sent := 0
	for host.e.links[5000] != nil && sent < 4*maxPartial {
		s.sends(&wire.Events{Doc: uint32(1 + sent/wire.MaxPiece%2), More: true, Data: piece})
		sent += len(piece)
		host.trail, host.fx = nil, host.fx[len(host.fx):]
	}
	if sent != maxPartial+wire.MaxPiece {
		t.Errorf("its link was closed after %d bytes, want %d", sent, maxPartial+wire.MaxPiece)
	}
	ed.adds("!")
	w.want("abc!", ed, host)
}

// TestPartialIsForgotten: what is closed or reset counts no more.
func TestPartialIsForgotten(t *testing.T) {
	_, host, _ := pair(t, "abc")
	s := host.admit(5000, "eve")
	doc, num := s.opens()
	for range 3 {
		s.sends(&wire.Events{Doc: num, More: true, Data: []byte("xxxx")})
		s.sends(&wire.Resync{Doc: num, Summary: doc.Summary()})
		s.sends(&wire.Events{Doc: num, More: true, Data: []byte("xxxx")})
		s.sends(&wire.Close{Doc: num})
		doc, num = s.opens()
	}
	if n := host.e.links[5000].pending; n != 0 {
		t.Errorf("%d bytes are counted, want 0", n)
	}
}

// TestH3ChunksNobodyAskedFor, and more of them than a document may have.
func TestH3ChunksNobodyAskedFor(t *testing.T) {
	w := newWorld(t)
	g, host, ed := visitor(t, w)
	host.sends(&wire.Chunk{Op: 0, Data: make([]byte, 1000)})
	host.sends(&wire.Chunk{Op: 77, Last: true, Data: make([]byte, 1000)})
	if len(g.e.sessions) != 1 {
		t.Fatal("the session ended")
	}
	id := ed.ask(&protocol.TextDocumentContentParams{URI: "earshot://aaaaaaaaaa/a.txt"})
	op := got[*wire.Open](host)[0].Op
	piece := make([]byte, wire.MaxPiece)
	sent := 0
	for len(g.e.sessions) > 0 && sent < 2*maxSnapshot {
		host.sends(&wire.Chunk{Op: op, Data: piece})
		sent += len(piece)
		g.trail = nil
	}
	if sent != maxSnapshot+wire.MaxPiece {
		t.Errorf("the link was closed after %d bytes, want %d", sent, maxSnapshot+wire.MaxPiece)
	}
	if err, _ := ed.results[id].(*protocol.Error); err == nil {
		t.Error("the request was never answered")
	}
}

// visitor is a guest whose host is the test.
func visitor(t testing.TB, w *world) (g *node, host *stranger, ed *editor) {
	t.Helper()
	g = w.node("guest")
	ed = g.connect()
	w.busy = true
	ed.ask(&protocol.JoinParams{Code: "CODE", Linger: true})
	w.queue[0].do()
	w.queue, w.busy = nil, false
	g.step(HostLinked{Join: g.joined, Link: 6000})
	host = &stranger{n: g, link: 6000, id: "hhhhhhhhhh"}
	host.sends(&wire.Welcome{Version: wire.FrameVersion, Session: "aaaaaaaaaa", Member: "mmmmmmmmmm", Host: host.id, Role: "editor",
		Members: []wire.Member{{ID: host.id, Name: "host", Role: "host"}, {ID: "mmmmmmmmmm", Name: "guest", Role: "editor"}}})
	if len(g.e.sessions) != 1 {
		t.Fatal("not welcome")
	}
	return g, host, ed
}

// TestA4Ownership: nobody writes in another's name, and a member that tries is put right while the others go on.
func TestA4Ownership(t *testing.T) {
	w, host, guest := pair(t, "abc")
	ed, h := guest.connect(), host.connect()
	ed.fetch(w.uri("a.txt"))
	h.open(fileURI, "abc")
	ed.adds("G")
	h.adds("H")
	idle := host.connect()
	idle.open(fileURI, h.text())
	s := host.admit(5000, "eve")
	for name, a := range map[string]crdt.Agent{"a guest's": guest.doc().mirrors[0].agent, "the host's": host.doc().mirrors[0].agent,
		"the host's, in which nothing was done": host.doc().mirrors[1].agent} {
		doc, num := s.opens()
		before := doc.Head()
		if _, _, err := doc.Edit(a, before, text.Patch{{Pos: 0, Ins: "evil"}}); err != nil {
			t.Fatal(err)
		}
		s.sends(&wire.Events{Doc: num, CatchUp: true, Data: doc.Since(before)})
		if resets := got[*wire.Reset](s); len(resets) != 1 || !strings.Contains(resets[0].Reason, "name") {
			t.Errorf("%s name: got %+v, want a Reset", name, resets)
		}
	}
	ed.adds("!")
	h.adds("?")
	w.want("abcGH!?", ed, h, host, guest)
}

// TestA4ClaimedAgents: a message that can't be merged claims nothing.
func TestA4ClaimedAgents(t *testing.T) {
	_, host, _ := pair(t, "abc")
	s := host.admit(5000, "eve")
	_, num := s.opens()
	other := crdt.New("another text altogether")
	if _, _, err := other.Edit(1, other.Head(), text.Patch{{Pos: 20, Del: 1}}); err != nil {
		t.Fatal(err)
	}
	s.sends(&wire.Events{Doc: num, CatchUp: true, Data: other.Since(nil)})
	if n := len(host.doc().owners); n != 0 {
		t.Errorf("%d agents are owned, want none", n)
	}
	if resets := got[*wire.Reset](s); len(resets) != 1 {
		t.Errorf("got %+v, want a Reset", resets)
	}
}
