package session

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"earshot/internal/crdt"
	"earshot/internal/text"
	"earshot/protocol"
	"earshot/protocol/wire"
)

// sent gives the frames of a kind that a daemon sent since the test last looked.
func sent[F wire.Frame](n *node) []F {
	n.w.t.Helper()
	var all []F
	for _, f := range effects[SendFrame](n) {
		frame, err := wire.Decode(f.Data)
		if err != nil {
			n.w.t.Fatal(err)
		}
		if x, ok := frame.(F); ok {
			all = append(all, x)
		}
	}
	return all
}

// shared is a host's editor and a guest's with the same text, compared once.
func shared(t testing.TB, content string) (w *world, h, g *editor) {
	t.Helper()
	w, host, guest := pair(t, content)
	h, g = host.connect(), guest.connect()
	h.open(fileURI, content)
	g.fetch(w.uri("a.txt"))
	w.pass(time.Minute)
	host.fx, guest.fx = nil, nil
	return w, h, g
}

// damaged changes a daemon's copy of the text behind its back.
func damaged(n *node, pos, del int, ins string) { n.doc().text.Text().Replace(pos, del, ins) }

func wantHealed(t testing.TB, want int, nodes ...*node) {
	t.Helper()
	for _, n := range nodes {
		if n.e.healed != want {
			t.Errorf("%s counts %d differences, want %d", n.name, n.e.healed, want)
		}
	}
}

// TestCopiesAreCompared: once each time that a text has come to rest, and now and then while it does not.
func TestCopiesAreCompared(t *testing.T) {
	w, h, g := shared(t, "abc")
	checks := func(want int, when string) {
		t.Helper()
		if got := len(sent[*wire.Check](g.n)); got != want {
			t.Errorf("%s: %d checks, want %d", when, got, want)
		}
		for _, answer := range sent[*wire.Checked](h.n) {
			if answer.Verdict != wire.Equal {
				t.Errorf("%s: verdict %d, want equal", when, answer.Verdict)
			}
		}
	}
	w.pass(time.Hour)
	checks(0, "nothing was typed")
	h.adds("x")
	w.pass(checkAfter - 1)
	checks(0, "a moment later")
	w.pass(1)
	checks(1, "at rest")
	w.pass(time.Hour)
	checks(0, "later")
	g.adds("y")
	w.pass(time.Hour)
	checks(1, "the guest's own")
	for range 2 * checkEvery / time.Second {
		g.adds("z")
		w.pass(time.Second)
	}
	checks(2, "without a rest")
	wantHealed(t, 0, w.nodes...)
}

// TestCheckBusy: a large text is not hashed while it is being changed, and not again soon.
func TestCheckBusy(t *testing.T) {
	w, _, g := shared(t, strings.Repeat("0123456\n", checkBusy/8))
	for range 2 * checkEvery / time.Second {
		g.adds("z")
		w.pass(time.Second)
	}
	if got := len(sent[*wire.Check](g.n)); got != 0 {
		t.Errorf("%d checks while it changes, want none", got)
	}
	w.pass(checkAfter)
	if got := len(sent[*wire.Check](g.n)); got != 1 {
		t.Errorf("%d checks at rest, want 1", got)
	}
	d := g.n.doc()
	if got, want := d.check.rest, w.now.Add(afterHash(d.text.Text())).Add(-time.Second); got.Before(want) {
		t.Errorf("may be hashed again at %v, want about %v", got, want)
	}
	if got := afterHash(text.New(strings.Repeat("x", crdt.MaxText))); got != checkCost {
		t.Errorf("the largest text rests %v, want %v", got, checkCost)
	}
}

// TestDamagedText: whoever's copy it is, whatever became of it: both see it, say it, count it once, and end equal.
func TestDamagedText(t *testing.T) {
	damages := map[string]func(*node){
		"changed": func(n *node) { damaged(n, 1, 1, "?") },
		"longer":  func(n *node) { damaged(n, 2, 0, "??") },
		"shorter": func(n *node) { damaged(n, 0, 2, "") },
		"empty":   func(n *node) { damaged(n, 0, n.doc().text.Text().Len(), "") },
	}
	for name, damage := range damages {
		for i, who := range []string{"host", "guest"} {
			for j, typist := range []string{"host", "guest"} {
				t.Run(fmt.Sprintf("%s, at the %s, the %s types", name, who, typist), func(t *testing.T) {
					w, h, g := shared(t, "one\ntwo\n")
					script := h.n.connect()
					script.call(&protocol.SubscribeParams{})
					damage(w.nodes[i])
					[]*editor{h, g}[j].types(0, 0, "X")
					w.pass(time.Minute)
					w.want("Xone\ntwo\n", h, g, h.n, g.n)
					wantHealed(t, 1, w.nodes...)
					checkTold(t, script, h, g)
					h.adds("H")
					g.adds("G")
					w.pass(time.Minute)
					w.want("Xone\ntwo\nHG", h, g, h.n, g.n)
					wantHealed(t, 1, w.nodes...)
				})
			}
		}
	}
}

// checkTold checks that a difference was told to both people, to the log and to who watches.
func checkTold(t *testing.T, script, h, g *editor) {
	t.Helper()
	if ev := saw[*protocol.Happening](script); ev == nil || ev.Event != "differed" || ev.Member == nil || ev.Member.Name != "guest" {
		t.Errorf("the event is %+v", ev)
	}
	if !h.wasTold("guest's copy of \"a.txt\" was found to differ from yours") || !g.wasTold("found to differ from the host's") {
		t.Error("somebody was not told")
	}
	for _, n := range h.n.w.nodes {
		warned := effects[Warn](n)
		if len(warned) != 1 || strings.Contains(warned[0].What, "one") || strings.Contains(warned[0].What, "a.txt") {
			t.Errorf("%s logs %q, want one line without text and names", n.name, warned)
		}
	}
	if got := script.call(&protocol.StatusParams{}).(protocol.StatusResult).Healed; got != 1 {
		t.Errorf("the status counts %d, want 1", got)
	}
}

// TestDamagedTextOfOthers: a buffer that was given damaged text, one whose editor vanished, one that is being sent an edit,
// and a viewer's are brought back too, and so is the disk.
func TestDamagedTextOfOthers(t *testing.T) {
	w, h, g := shared(t, "one\ntwo\n")
	h.n.eds[0].call(&protocol.SetRoleParams{Session: h.n.shared(), Member: g.n.member, Role: protocol.RoleViewer})
	damaged(g.n, 0, 3, "ONE")
	misled := g.n.connect(stock("plain"))
	misled.fetch(w.uri("a.txt"))
	if misled.text() != "ONE\ntwo\n" {
		t.Fatalf("it was given %q", misled.text())
	}
	gone := g.n.connect()
	gone.fetch(w.uri("a.txt"))
	gone.stamp = ""
	gone.drop()
	slow := g.n.connect(manual)
	slow.fetch(w.uri("a.txt"))
	h.adds("H")
	late := g.n.connect(stock("plain"))
	handed := late.call(&protocol.TextDocumentContentParams{URI: w.uri("a.txt")}).(protocol.TextDocumentContentResult).Text
	w.pass(5 * time.Second)
	gone = gone.back()
	gone.reopen()
	for slow.edit() != nil {
		slow.applies()
	}
	late.open(w.uri("a.txt"), handed)
	w.pass(time.Minute)
	w.want("one\ntwo\nH", h, g, misled, gone, slow, late, h.n, g.n)
	wantHealed(t, 1, w.nodes...)

	slow.manual = false
	damaged(h.n, 0, 3, "ONE")
	h.n.connect().call(save(fileURI))
	if w.disk["a.txt"] != "ONE\ntwo\nH" {
		t.Fatalf("the disk has %q", w.disk["a.txt"])
	}
	h.adds("!")
	h.n.connect().call(save(fileURI))
	w.pass(time.Minute)
	if !h.n.doc().dirty {
		t.Error("the disk has damaged text, and the document is not dirty")
	}
	h.n.connect().call(save(fileURI))
	w.want("one\ntwo\nH!", h, g, misled, gone, slow, late)
	if w.disk["a.txt"] != "one\ntwo\nH!" {
		t.Errorf("the disk has %q", w.disk["a.txt"])
	}
	wantHealed(t, 2, w.nodes...)
}

// forgedBase gives a node another beginning of the text under the same history.
func forgedBase(n *node, was, is string) {
	n.w.t.Helper()
	d := n.doc()
	forged, err := crdt.Load([]byte(strings.Replace(string(d.text.Snapshot()), was, is, 1)))
	if err != nil || !slices.Equal(forged.Head(), d.text.Head()) {
		n.w.t.Fatalf("%v, %v", forged, err)
	}
	d.text = forged
}

// TestDamagedHistory: where a guest's events are damaged it takes the host's, and what is typed meanwhile is kept.
func TestDamagedHistory(t *testing.T) {
	for _, typing := range []bool{false, true} {
		w, h, g := shared(t, "one\ntwo\n")
		h.adds("x")
		w.pass(time.Minute)
		forgedBase(g.n, "one", "ONE")
		h.adds("y")
		want := "one\ntwo\nxy"
		if typing {
			w.busy = true
			w.now = w.now.Add(checkAfter)
			g.n.take(Tick{})
			for len(sent[*wire.Open](g.n)) == 0 {
				do := w.queue[0].do
				w.queue = w.queue[1:]
				do()
			}
			g.adds("G")
			h.types(0, 0, "H")
			w.busy = false
			w.run()
			want = "H" + want + "G"
		}
		w.pass(time.Minute)
		w.want(want, h, g, h.n, g.n)
		wantHealed(t, 1, w.nodes...)
		if g.wasTold("still differs") || g.n.doc().check.stage != untouched {
			t.Error("it was given up")
		}
		g.adds("!")
		w.pass(time.Minute)
		w.want(want+"!", h, g, h.n, g.n)
		wantHealed(t, 1, w.nodes...)
	}
}

// TestDamagedWhileCut: a link that breaks in the midst of it all changes nothing in the end.
func TestDamagedWhileCut(t *testing.T) {
	for steps := range 12 {
		w, h, g := shared(t, "one\ntwo\n")
		h.adds("x")
		w.pass(time.Minute)
		forgedBase(g.n, "one", "ONE")
		h.adds("y")
		w.busy = true
		w.now = w.now.Add(checkAfter)
		g.n.take(Tick{})
		for range steps {
			if len(w.queue) > 0 {
				do := w.queue[0].do
				w.queue = w.queue[1:]
				do()
			}
		}
		w.busy = false
		w.breakLink(g.n)
		g.adds("G")
		w.mend(g.n)
		w.pass(5 * time.Minute)
		h.adds("!")
		w.pass(5 * time.Minute)
		w.want("one\ntwo\nxyG!", h, g, h.n, g.n)
	}
}

// asking is a guest without an engine that has the text and asks about it.
type asking struct {
	*stranger
	copied *document
	num    uint32
	turn   uint32
}

func asks(n *node, link LinkID) *asking {
	s := n.admit(link, fmt.Sprint("eve", link))
	doc, num := s.opens()
	return &asking{stranger: s, copied: &document{text: doc}, num: num}
}

// check asks about the head, with the true text or another, and gives the verdict.
func (a *asking) check(change func(*wire.Check)) wire.Verdict {
	a.n.w.t.Helper()
	a.turn++
	f := &wire.Check{Doc: a.num, Turn: a.turn, Version: a.copied.versionSum(), Text: a.copied.textSum()}
	if change != nil {
		change(f)
	}
	a.n.fx = nil
	a.sends(f)
	answers := got[*wire.Checked](a.stranger)
	if len(answers) != 1 || answers[0].Turn != a.turn || answers[0].Doc != f.Doc {
		a.n.w.t.Fatalf("got %+v, want one answer", answers)
	}
	return answers[0].Verdict
}

func lies(f *wire.Check) { f.Text[0]++ }

// TestA5HostileChecks: what a guest makes up is told, and costs what the limits say.
func TestA5HostileChecks(t *testing.T) {
	w, h, g := shared(t, "abc")
	eve := asks(h.n, 5000)
	verdict := func(got, want wire.Verdict, when string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: verdict %d, want %d", when, got, want)
		}
	}
	verdict(eve.check(nil), wire.Equal, "the truth")
	for range 1000 {
		verdict(eve.check(lies), wire.Moving, "at once again")
	}
	w.pass(checkAfter)
	verdict(eve.check(func(f *wire.Check) { f.Version[0]++ }), wire.Moving, "another version")
	w.pass(checkAfter)
	wantHealed(t, 0, h.n)
	verdict(asks(h.n, 5002).check(nil), wire.Equal, "another's truth")
	was := h.n.doc().text.Text()
	verdict(eve.check(lies), wire.Differs, "a lie")
	wantHealed(t, 1, h.n)
	now := h.n.doc().text.Text()
	if was == now {
		t.Error("the text was not made anew")
	}
	for w.pass(checkAfter); w.now.Before(h.n.e.sessions[0].remotes[1].rebuildAt); w.pass(checkAfter) {
		verdict(eve.check(lies), wire.Differs, "a lie again")
		h.adds("x")
		eve.copied.text, _ = eve.opens()
		if h.n.e.healed != 1 || h.n.doc().text.Text() != now {
			t.Fatal("within a minute it was counted or made anew again")
		}
	}
	verdict(eve.check(lies), wire.Differs, "after a minute")
	wantHealed(t, 2, h.n)
	wantHealed(t, 0, g.n)
	w.want(g.text(), h, g, h.n, g.n)
}

// TestRebuildEvery: one guest makes its host rebuild one text a minute, whichever; another guest has its own minute.
func TestRebuildEvery(t *testing.T) {
	w, h, _ := shared(t, "abc")
	w.disk["b.txt"] = "b"
	eve, fay := asks(h.n, 5000), asks(h.n, 5001)
	if got := eve.check(lies); got != wire.Differs {
		t.Fatalf("verdict %d", got)
	}
	h.n.fx = nil
	eve.sends(&wire.Open{Op: 2, Path: "b.txt"})
	other := *eve
	other.num = got[*wire.Opened](eve.stranger)[0].Doc
	other.copied = &document{text: crdt.New("b")}
	other.sends(&wire.Resync{Doc: other.num, Summary: other.copied.text.Summary()})
	if got := other.check(lies); got != wire.Moving {
		t.Errorf("another text at once: verdict %d, want %d", got, wire.Moving)
	}
	if eve.check(nil) != wire.Equal {
		t.Error("what is equal now is not")
	}
	w.pass(checkAfter)
	if got := eve.check(lies); got != wire.Moving {
		t.Errorf("the same text, which was equal meanwhile: verdict %d, want %d", got, wire.Moving)
	}
	if got := fay.check(lies); got != wire.Differs {
		t.Errorf("another guest: verdict %d, want %d", got, wire.Differs)
	}
	w.pass(rebuildEvery)
	if got := other.check(lies); got != wire.Differs {
		t.Errorf("another text later: verdict %d, want %d", got, wire.Differs)
	}
	wantHealed(t, 3, h.n)
}

// TestChecksThatMeanNothing: of a document that the guest has not, or not any more, nothing is said.
func TestChecksThatMeanNothing(t *testing.T) {
	_, h, _ := shared(t, "abc")
	s := h.n.admit(5000, "eve")
	_, num := s.opens()
	h.n.fx = nil
	s.sends(&wire.Close{Doc: num})
	s.sends(&wire.Check{Doc: num})
	s.sends(&wire.Open{Op: 2, Path: "a.txt"}) // and the Resync is still to come
	for _, f := range []*wire.Check{{Doc: num}, {Doc: 0}, {Doc: 77}} {
		s.sends(f)
	}
	if answers := got[*wire.Checked](s); len(answers) != 0 {
		t.Errorf("got %+v, want no answer", answers)
	}
	s.sends(&wire.Checked{Doc: num})
	if h.n.e.links[s.link] != nil {
		t.Error("a guest that gives verdicts is still here")
	}
}

// lyingHost is a host that says of every copy what the test wants.
func lyingHost(t *testing.T, say func() wire.Verdict) (w *world, ed *editor, checks *int, run func(time.Duration)) {
	w = newWorld(t)
	g, host, _ := visitor(t, w)
	doc, in := crdt.New("theirs\n"), crdt.Receiver{}
	ed = g.connect()
	asked := ed.ask(&protocol.TextDocumentContentParams{URI: "earshot://aaaaaaaaaa/a.txt"})
	checks = new(int)
	answer := func() {
		for _, f := range effects[SendFrame](g) {
			frame, _ := wire.Decode(f.Data)
			switch f := frame.(type) {
			case *wire.Open:
				host.sends(&wire.Opened{Op: f.Op, Doc: 1, Instance: "i", State: &wire.State{Doc: 1}})
				host.sends(&wire.Chunk{Op: f.Op, Last: true, Data: doc.Snapshot()})
			case *wire.Resync:
				in = crdt.Receiver{}
				host.sends(&wire.Resync{Doc: 1, Turn: f.Turn, Summary: doc.Summary()})
			case *wire.Events:
				m, err := in.Read(f.Data)
				if err == nil {
					_, err = doc.Receive(m)
				}
				if err != nil {
					t.Fatal(err)
				}
				host.sends(&wire.Ack{Doc: 1, Count: g.doc().sent})
			case *wire.Check:
				*checks++
				host.sends(&wire.Checked{Doc: 1, Turn: f.Turn + 1, Verdict: wire.Differs}) // to no question
				host.sends(&wire.Checked{Doc: 1, Turn: f.Turn, Verdict: say()})
			}
		}
	}
	run = func(d time.Duration) {
		for until := w.now.Add(d); w.now.Before(until); w.pass(100 * time.Millisecond) {
			answer()
		}
	}
	run(time.Second)
	ed.open("earshot://aaaaaaaaaa/a.txt", ed.results[asked].(protocol.TextDocumentContentResult).Text)
	return w, ed, checks, run
}

// TestH3HostThatAlwaysDiffers: a guest tries what it can, says that it could not, and leaves it at that for a while.
func TestH3HostThatAlwaysDiffers(t *testing.T) {
	w, ed, checks, run := lyingHost(t, func() wire.Verdict { return wire.Differs })
	run(time.Minute)
	if *checks != 3 || ed.n.e.healed != 1 || !ed.wasTold("still differs from the host's; copy what you need") {
		t.Errorf("%d checks, %d counted, want 3 and 1", *checks, ed.n.e.healed)
	}
	run(10 * time.Minute)
	for range 5 { // the copy that was taken anew takes part in everything
		ed.adds("x")
		run(time.Minute / 10)
	}
	if *checks != 6 || ed.n.e.healed != 2 {
		t.Errorf("%d checks, %d counted within a minute, want 3 and 1 more", *checks, ed.n.e.healed)
	}
	if got := ed.n.head(); got != ed.text() || got != "theirs\nxxxxx" {
		t.Errorf("the copy is %q, the buffer %q", got, ed.text())
	}
	_ = w
}

// TestHostThatIsAlwaysMoving: it is asked less and less often.
func TestHostThatIsAlwaysMoving(t *testing.T) {
	_, ed, checks, run := lyingHost(t, func() wire.Verdict { return wire.Moving })
	run(10 * time.Minute)
	if least, most := 15, 10*int(time.Minute/checkEvery)+5; *checks < least || *checks > most {
		t.Errorf("%d checks in ten minutes, want %d to %d", *checks, least, most)
	}
	wantHealed(t, 0, ed.n)
}

// TestUnreadableCopy: a host's copy that can't be read, or had, takes nothing away.
func TestUnreadableCopy(t *testing.T) {
	for name, answer := range map[string]func(*stranger, uint32){
		"refused": func(s *stranger, op uint32) {
			s.sends(&wire.Opened{Op: op, Failure: &wire.Failure{Kind: "rate_limited"}})
		},
		"unreadable": func(s *stranger, op uint32) { s.sendsCopy(op, []byte("?")) },
		"another": func(s *stranger, op uint32) {
			s.sends(&wire.Opened{Op: op, Doc: 2, Instance: "i", State: &wire.State{Doc: 2}})
		},
		"unfitting": func(s *stranger, op uint32) { s.sendsCopy(op, crdt.New("").Snapshot()) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			g, host, _ := visitor(t, w)
			doc := crdt.New("theirs\n")
			ed := g.connect(stock("plain"))
			ed.open("earshot://aaaaaaaaaa/a.txt", "")
			open := got[*wire.Open](host)[0].Op
			host.sendsCopy(open, doc.Snapshot())
			host.syncs(doc)
			d := g.doc()
			for range 2 {
				w.pass(checkAfter)
				host.sends(&wire.Checked{Doc: 1, Turn: d.check.turn, Verdict: wire.Differs})
			}
			ed.adds("mine")
			open = d.asked
			if open == 0 {
				t.Fatal("the host was not asked for its copy")
			}
			answer(host, open)
			if g.e.sessions[0].state != protocol.SessionOpen || d.asked != 0 {
				t.Errorf("the session is %s, the request %d", g.e.sessions[0].state, d.asked)
			}
			w.want("theirs\nmine", ed, g)
		})
	}
}

// sendsCopy sends a document as a host does.
func (s *stranger) sendsCopy(op uint32, b []byte) {
	s.sends(&wire.Opened{Op: op, Doc: 1, Instance: "i", State: &wire.State{Doc: 1}})
	s.sends(&wire.Chunk{Op: op, Last: true, Data: b})
}

// syncs answers the guest's last Resync.
func (s *stranger) syncs(doc *crdt.Doc) {
	s.sends(&wire.Resync{Doc: 1, Turn: s.n.e.sessions[0].doc(1).turn, Summary: doc.Summary()})
}

// TestRenewedButNotTaken: what the host's copy lacks is typed text that nobody else has, until the host says otherwise; and a
// copy of which the host lacks something is not compared.
func TestRenewedButNotTaken(t *testing.T) {
	w := newWorld(t)
	g, host, _ := visitor(t, w)
	doc := crdt.New("theirs\n")
	ed := g.connect(stock("plain"))
	ed.open("earshot://aaaaaaaaaa/a.txt", "")
	host.sendsCopy(got[*wire.Open](host)[0].Op, doc.Snapshot())
	host.syncs(doc)
	d := g.doc()
	for range 2 {
		w.pass(checkAfter)
		host.sends(&wire.Checked{Doc: 1, Turn: d.check.turn, Verdict: wire.Differs})
	}
	ed.adds("mine")
	host.sendsCopy(d.asked, doc.Snapshot())
	w.want("theirs\nmine", ed, g)
	if d.synced || !d.unacked() {
		t.Error("what was typed is thought to be at the host")
	}
	host.syncs(doc)
	g.fx = nil
	w.pass(time.Minute)
	if n := len(sent[*wire.Check](g)); n != 0 {
		t.Errorf("%d checks while the host has not taken everything, want none", n)
	}
	host.sends(&wire.Ack{Doc: 1, Count: d.sent})
	w.pass(time.Minute)
	if n := len(sent[*wire.Check](g)); n != 1 {
		t.Errorf("%d checks once it has, want 1", n)
	}
}
