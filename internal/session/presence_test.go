package session

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"earshot/internal/crdt"
	"earshot/internal/text"
	"earshot/protocol"
	"earshot/protocol/wire"
)

// looks tells that the person's cursor is at a place of the buffer.
func (ed *editor) looks(from, to int) {
	ed.notify(&protocol.PresenceUpdate{TextDocument: &protocol.TextDocumentIdentifier{URI: ed.uri},
		Selections: []protocol.Selection{{Anchor: protocol.Position(ed.buf.Position(from, ed.enc)), Active: protocol.Position(ed.buf.Position(to, ed.enc))}}})
}

// sees gives the places of the others' cursors in the buffer of ed, as anchor and active.
func (ed *editor) sees() [][2]int {
	ed.n.w.pass(2 * presenceGap)
	p := saw[*protocol.PresenceChanged](ed)
	if p == nil {
		return nil
	}
	var all [][2]int
	for _, c := range p.Cursors {
		if c.TextDocument == nil || c.TextDocument.URI != ed.uri {
			continue
		}
		for _, s := range c.Selections {
			all = append(all, [2]int{ed.place(s.Anchor), ed.place(s.Active)})
		}
	}
	return all
}

func wantCursors(t *testing.T, ed *editor, want ...[2]int) {
	t.Helper()
	if got := ed.sees(); !slices.Equal(got, want) {
		t.Errorf("an editor at %s sees %v, want %v", ed.n.name, got, want)
	}
}

// TestPresence: each sees all but itself, in its own encoding, mapped to the text that it has now.
func TestPresence(t *testing.T) {
	w, host, guest := pair(t, "🙂one 🙂two")
	third, _ := w.join("third")
	a := host.connect(encoding(text.UTF16))
	a.open(fileURI, "🙂one 🙂two")
	b := guest.connect(encoding(text.UTF8))
	b.fetch(w.uri("a.txt"))
	c := third.connect(encoding(text.UTF32))
	c.fetch(w.uri("a.txt"))
	a.looks(1, 4)
	wantCursors(t, b, [2]int{1, 4})
	wantCursors(t, c, [2]int{1, 4})
	b.looks(5, 6)
	wantCursors(t, a, [2]int{5, 6})
	wantCursors(t, c, [2]int{1, 4}, [2]int{5, 6})
	c.types(0, 0, "👍👍")
	a.looks(3, 6)
	b.looks(7, 8)
	wantCursors(t, a, [2]int{7, 8})
	wantCursors(t, b, [2]int{3, 6})
	wantCursors(t, c, [2]int{3, 6}, [2]int{7, 8})
	b.notify(&protocol.PresenceUpdate{})
	wantCursors(t, a)
	a.drop()
	wantCursors(t, c)
}

// TestPresenceThroughConcurrentEdits: a cursor is a place in the text that its editor had.
func TestPresenceThroughConcurrentEdits(t *testing.T) {
	w, ed, other := hostAndGuest(t, "one two")
	other.types(0, 0, "X") // ed does not have it yet
	ed.looks(4, 7)
	wantCursors(t, other, [2]int{5, 8})
	other.looks(0, 1)
	wantCursors(t, ed, [2]int{0, 0}) // what it selects is not here yet
	ed.applies()
	wantCursors(t, ed, [2]int{0, 1})
	w.want("Xone two", ed, other)
}

// TestPresenceOfOneLeft: whoever has left is seen no more, whatever was said of it before.
func TestPresenceOfOneLeft(t *testing.T) {
	w, host, guest := pair(t, "one two")
	third, _ := w.join("third")
	b, c := guest.connect(), third.connect()
	b.fetch(w.uri("a.txt"))
	c.fetch(w.uri("a.txt"))
	b.looks(1, 2)
	wantCursors(t, c, [2]int{1, 2})
	host.connect().call(&protocol.RemoveMemberParams{Session: host.shared(), Member: guest.member})
	wantCursors(t, c)
}

// TestPresenceAfterReconnecting: a guest that is back is seen where it was, though all were told that it was gone.
func TestPresenceAfterReconnecting(t *testing.T) {
	w, _, guest := pair(t, "one two")
	third, _ := w.join("third")
	b, c := guest.connect(), third.connect()
	b.fetch(w.uri("a.txt"))
	c.fetch(w.uri("a.txt"))
	b.looks(1, 2)
	c.looks(3, 3)
	w.breakLink(guest)
	wantCursors(t, c)
	w.mend(guest)
	wantCursors(t, c, [2]int{1, 2})
	wantCursors(t, b, [2]int{3, 3})
}

// TestPresenceOnANewCopy: one whose copy is void, because it may only read from now on, goes on to see the others.
func TestPresenceOnANewCopy(t *testing.T) {
	w, host, guest := pair(t, "one two")
	a, b := host.connect(), guest.connect()
	a.open(fileURI, "one two")
	b.fetch(w.uri("a.txt"))
	a.looks(1, 2)
	wantCursors(t, b, [2]int{1, 2})
	a.call(&protocol.SetRoleParams{Session: host.shared(), Member: guest.member, Role: protocol.RoleViewer})
	wantCursors(t, b, [2]int{1, 2})
}

// TestPresenceIsNotAStream: cursors are told at most every presenceGap, the newest last.
func TestPresenceIsNotAStream(t *testing.T) {
	w, host, guest := pair(t, "0123456789")
	a, b := host.connect(), guest.connect()
	a.open(fileURI, "0123456789")
	b.fetch(w.uri("a.txt"))
	w.pass(time.Second)
	b.notes = nil
	for i := range 10 {
		a.looks(i, i)
		w.pass(time.Millisecond)
	}
	n := 0
	for _, p := range b.notes {
		if _, ok := p.(*protocol.PresenceChanged); ok {
			n++
		}
	}
	if n == 0 || n > 2 {
		t.Errorf("told %d times in 10 ms, want once or twice", n)
	}
	wantCursors(t, b, [2]int{9, 9})
}

// stranger is a guest without an engine: the test writes its frames.
type stranger struct {
	n    *node
	link LinkID
	id   string
}

// admit brings a stranger into a host's session.
func (n *node) admit(link LinkID, name string) *stranger {
	n.w.t.Helper()
	n.fx = nil
	n.step(Knocked{Session: n.shared(), Intro: 0, Name: name, Check: "123456"})
	all := effects[Decide](n)
	if len(all) != 1 || !all[0].Admit {
		n.w.t.Fatalf("not admitted: %+v", all)
	}
	n.step(GuestLinked{Session: n.shared(), Member: all[0].Member, Link: link})
	return &stranger{n: n, link: link, id: all[0].Member}
}

func (s *stranger) sends(f wire.Frame) { s.sendsBytes(wire.Encode(s.summed(f))) }

// summed gives events the sum that is expected of them, if the test has set none.
func (s *stranger) summed(f wire.Frame) wire.Frame {
	if f, ok := f.(*wire.Events); ok && f.Sum == 0 {
		if r := s.n.e.links[s.link]; r != nil && r.docs[f.Doc] != nil {
			f.Sum = wire.SumOf(r.docs[f.Doc].ins+1, f.Data)
		}
	}
	return f
}

func (s *stranger) sendsBytes(b []byte) { s.n.step(FrameArrived{Link: s.link, Data: b}) }

// got gives the frames of a kind that were sent to it since the test last looked.
func got[F wire.Frame](s *stranger) []F {
	var all []F
	for _, f := range effects[SendFrame](s.n) {
		if f.Link != s.link {
			continue
		}
		frame, err := wire.Decode(f.Data)
		if err != nil {
			s.n.w.t.Fatal(err)
		}
		if x, ok := frame.(F); ok {
			all = append(all, x)
		}
	}
	return all
}

// opens asks for a.txt and takes the snapshot.
func (s *stranger) opens() (*crdt.Doc, uint32) {
	s.n.w.t.Helper()
	s.n.fx = nil
	s.sends(&wire.Open{Op: 1, Path: "a.txt"})
	var num uint32
	var b []byte
	for _, f := range effects[SendFrame](s.n) {
		frame, _ := wire.Decode(f.Data)
		switch frame := frame.(type) {
		case *wire.Opened:
			num = frame.Doc
		case *wire.Chunk:
			b = append(b, frame.Data...)
		}
	}
	doc, err := crdt.Load(b)
	if err != nil {
		s.n.w.t.Fatal(err)
	}
	s.sends(&wire.Resync{Doc: num, Summary: doc.Summary()})
	return doc, num
}

// TestA5MaxCursors: a guest may show so many cursors; of those that are gone the place is given to others.
func TestA5MaxCursors(t *testing.T) {
	w, host, _ := pair(t, "abc")
	ed := host.connect()
	ed.open(fileURI, "abc")
	s := host.admit(5000, "eve")
	_, num := s.opens()
	show := func(i int, doc uint32) {
		s.sends(&wire.Presence{Client: fmt.Sprint("c", i), Seq: uint64(2*i) + 2 - min(uint64(doc), 1), Doc: doc, Selections: [][2]int{{1, 1}}})
	}
	for i := range 3 * cursorsEach {
		show(i, num)
	}
	if n := len(host.e.links[5000].cursors); n != cursorsEach {
		t.Errorf("%d cursors are kept, want %d", n, cursorsEach)
	}
	show(0, 0) // gone
	show(9999, num)
	if host.e.links[5000].cursors[s.id+"/c9999"] == nil {
		t.Error("a place that is free is given to nobody")
	}
	if n := len(host.e.links[5000].cursors); n != cursorsEach {
		t.Errorf("%d cursors are kept, want %d", n, cursorsEach)
	}
	w.pass(time.Second)
}

// eyed is a host's editor, a guest's and a stranger, who all have the text "abc".
func eyed(t *testing.T) (w *world, ed, other *editor, s *stranger) {
	t.Helper()
	w, host, guest := pair(t, "abc")
	ed, other = host.connect(), guest.connect()
	ed.open(fileURI, "abc")
	other.fetch(w.uri("a.txt"))
	s = host.admit(5000, "eve")
	return w, ed, other, s
}

// TestA5CursorsAtOldVersions: cursors that name versions of long ago are worked out one by one, each once, and meanwhile those of
// the others are told as ever.
func TestA5CursorsAtOldVersions(t *testing.T) {
	w, ed, other, s := eyed(t)
	host := ed.n
	doc, num := s.opens()
	begin := doc.Head()
	for i := range 500 { // two who always type at the same moment
		before := doc.Head()
		for agent := range crdt.Agent(2) {
			if _, _, err := doc.Edit(777+agent, before, text.Patch{{Pos: i % 3, Ins: "x"}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.sends(&wire.Events{Doc: num, CatchUp: true, Data: doc.Since(begin)})
	w.want(doc.Text().String(), host, other)
	var want [][2]int
	for i := range cursorsEach {
		id := crdt.ID{Agent: 777, Seq: uint32(10 * i)}
		at, err := doc.Frontier(crdt.Version{id})
		if err != nil {
			t.Fatal(err)
		}
		place := doc.Diff(at, doc.Head()).MapPos(i, text.Before)
		want = append(want, [2]int{place, place})
		s.sends(&wire.Presence{Client: fmt.Sprint("c", i), Seq: 1, Doc: num, Version: []wire.Head{{Agent: uint64(id.Agent), Seq: id.Seq}}, Selections: [][2]int{{i, i}}})
	}
	other.looks(1, 2)
	if got := ed.sees(); !slices.Contains(got, [2]int{1, 2}) || len(got) > 3 {
		t.Errorf("at first an editor sees %v, want that of the other and few more", got)
	}
	w.pass(2 * cursorsEach * 1000 * apartEach)
	got := ed.sees()
	for _, place := range append(want, [2]int{1, 2}) {
		if !slices.Contains(got, place) {
			t.Errorf("in the end an editor sees %v, without %v", got, place)
		}
	}
	for _, p := range host.e.links[5000].cursors {
		if from, err := host.doc().text.Frontier(versionOf(p.version)); err != nil || !slices.Equal(from, host.doc().text.Head()) {
			t.Errorf("cursor %s is still at an old version: it costs as much each time", p.client)
		}
	}
	fresh := wire.Presence{Client: "c0", Seq: 2, Doc: num, Selections: [][2]int{{2, 3}}}
	for _, id := range doc.Version(doc.Head()) {
		fresh.Version = append(fresh.Version, wire.Head{Agent: uint64(id.Agent), Seq: id.Seq})
	}
	s.sends(&fresh)
	if got := ed.sees(); !slices.Contains(got, [2]int{2, 3}) {
		t.Errorf("an editor sees %v, without the newest", got)
	}
}

// TestA5ManySelections: a guest with as many selections as there may be, which move all the time, does not keep an editor busy.
func TestA5ManySelections(t *testing.T) {
	w, host, _ := pair(t, "abc")
	ed := host.connect()
	ed.open(fileURI, "abc")
	s := host.admit(5000, "eve")
	_, num := s.opens()
	host.fx = nil
	selections := slices.Repeat([][2]int{{1, 2}}, wire.MaxSelections)
	for seq := range 80 {
		for i := range 2 * cursorsEach {
			s.sends(&wire.Presence{Client: fmt.Sprint("c", i), Seq: uint64(seq + 1), Doc: num, Selections: selections})
		}
		w.pass(presenceGap / 2)
	}
	told := 0
	for _, f := range effects[Notify](host) {
		if p, ok := f.Params.(*protocol.PresenceChanged); ok && f.Conn == ed.conn {
			for _, c := range p.Cursors {
				told += len(c.Selections)
			}
		}
	}
	if most := 45 * selectionsAtOnce; told == 0 || told > most {
		t.Errorf("in a second an editor is told %d selections, want at most %d", told, most)
	}
}

// TestA4PresenceFromOutside: places and versions may be anything.
func TestA4PresenceFromOutside(t *testing.T) {
	_, ed, other, s := eyed(t)
	guest := other.n
	_, num := s.opens()
	other.types(0, 0, "XYZ")
	for i, at := range []int{-1, math.MinInt, math.MaxInt, math.MaxInt - 2, 1 << 40} {
		s.sends(&wire.Presence{Member: guest.member, Client: "c", Seq: uint64(i + 1), Doc: num, Selections: [][2]int{{at, at}}, Visible: &[2]int{at, 0},
			Version: []wire.Head{{Agent: 1, Seq: math.MaxUint32}, {Agent: 1, Seq: 0}}})
		ed.sees()
		other.sees()
		p := saw[*protocol.PresenceChanged](ed)
		if len(p.Cursors) != 1 || p.Cursors[0].Member != s.id {
			t.Errorf("got %+v, want one cursor of the one who sent it", p.Cursors)
		}
	}
	s.sends(&wire.Presence{Client: "c", Seq: 1000, Doc: 77, Selections: [][2]int{{0, 0}}})
	wantCursors(t, ed)
}

// TestManyHeads: a version with more heads than a frame names is not sent, and nobody's link breaks.
func TestManyHeads(t *testing.T) {
	w, ed, other, s := eyed(t)
	host, guest := ed.n, other.n
	doc, num := s.opens()
	for i := range wire.MaxHeads + 50 {
		before := doc.Head()
		if _, _, err := doc.Edit(crdt.Agent(i+1), nil, text.Patch{{Pos: 0, Ins: "x"}}); err != nil {
			t.Fatal(err)
		}
		s.sends(&wire.Events{Doc: num, CatchUp: true, Data: doc.Since(before)})
	}
	ed.looks(0, 0)
	other.looks(0, 0)
	w.pass(time.Second)
	ed.adds("!")
	w.want(ed.text(), other, host, guest)
	if len(guest.e.sessions) != 1 || guest.e.sessions[0].state != protocol.SessionOpen {
		t.Error("an honest guest was thrown out")
	}
}

// TestLatePresence: the presence channel keeps no order; an older place does not replace a newer one.
func TestLatePresence(t *testing.T) {
	_, host, _ := pair(t, "abcdef")
	ed := host.connect()
	ed.open(fileURI, "abcdef")
	s := host.admit(5000, "eve")
	_, num := s.opens()
	for _, seq := range []uint64{5, 4, 5, 1} {
		s.sends(&wire.Presence{Client: "c", Seq: seq, Doc: num, Selections: [][2]int{{int(seq), int(seq)}}})
	}
	wantCursors(t, ed, [2]int{5, 5})
}

// TestPresenceBeforeItsText: the presence channel may be quicker than the one with the text; the place is right once both are here.
func TestPresenceBeforeItsText(t *testing.T) {
	w, host, _ := pair(t, "abc")
	ed := host.connect()
	ed.open(fileURI, "abc")
	s := host.admit(5000, "eve")
	doc, num := s.opens()
	begin := doc.Head()
	if _, _, err := doc.Edit(777, begin, text.Patch{{Pos: 1, Ins: "XYZ"}}); err != nil {
		t.Fatal(err)
	}
	there := wire.Presence{Client: "c", Seq: 1, Doc: num, Selections: [][2]int{{4, 4}}}
	for _, id := range doc.Version(doc.Head()) {
		there.Version = append(there.Version, wire.Head{Agent: uint64(id.Agent), Seq: id.Seq})
	}
	s.sends(&there)
	ed.sees()
	s.sends(&wire.Events{Doc: num, CatchUp: true, Data: doc.Since(begin)})
	w.want("aXYZbc", ed, host)
	wantCursors(t, ed, [2]int{4, 4})
}

// TestPresenceBeforeItsDocument: where a person is in a text that the daemon is still looking for is told once it is found.
func TestPresenceBeforeItsDocument(t *testing.T) {
	w, host, guest := pair(t, "one two")
	far := guest.connect()
	far.fetch(w.uri("a.txt"))
	host.holding = true
	ed := host.connect()
	ed.open(fileURI, "one two")
	ed.looks(4, 7)
	for range 4 {
		host.release()
	}
	wantCursors(t, far, [2]int{4, 7})
}

// TestDelayIsTold: a delay that is another by so much that it says something is told; the rest is not.
func TestDelayIsTold(t *testing.T) {
	w, host, guest := pair(t, "abc")
	ed := host.connect()
	ed.open(fileURI, "abc")
	var link LinkID
	for id, r := range host.e.links {
		if r.member == guest.member {
			link = id
		}
	}
	told := func(rtt float64) bool {
		ed.notes = nil
		host.step(LinkChanged{Link: link, Path: "direct", RTTMs: rtt})
		w.run()
		return saw[*protocol.SessionChanged](ed) != nil
	}
	for _, step := range []struct {
		rtt  float64
		want bool
	}{{10, true}, {12, false}, {14, false}, {16, true}, {120, true}, {100, false}, {30, true}} {
		if got := told(step.rtt); got != step.want {
			t.Errorf("%v ms: told %v, want %v", step.rtt, got, step.want)
		}
	}
}
