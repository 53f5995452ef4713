package crdt

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"earshot/internal/text"
)

// settle lets a world's Doc forget what none of its authors, and nobody in keep, needs any more.
func (w *world) settle(keep ...Frontier) bool {
	for _, a := range w.authors {
		keep = append(keep, a.at)
	}
	if !w.doc.Settle(keep...) {
		return false
	}
	oldest := w.doc.Oldest()
	w.seen = slices.DeleteFunc(w.seen, func(f Frontier) bool { return f.last() < oldest.last() })
	w.seen = append(w.seen, oldest)
	return true
}

// TestSettle: a history of which the beginning is forgotten now and then goes on as if it were all there: at the one who
// forgets, at a replica that forgets later what it is told it may, at newcomers, and whatever is sent again.
func TestSettle(t *testing.T) {
	settled := 0
	for seed := range uint64(400) {
		w := newWorld(t, seeded(seed), 2+int(seed)%3)
		link := newWire(t, w.doc, New(w.doc.Base()))
		w.crowd(link.ends[1].doc)
		for range 4 + w.pick.IntN(100) {
			w.step()
			if w.pick.IntN(3) == 0 {
				link.send(0)
			}
			if w.pick.IntN(3) == 0 {
				link.take(1)
			}
			if w.pick.IntN(12) == 0 {
				for _, a := range w.authors {
					a.at = w.doc.Head()
				}
			}
			if w.pick.IntN(5) == 0 && w.settle(link.ends[0].sent) {
				settled++
			}
			if w.pick.IntN(5) == 0 {
				link.follow()
			}
			if w.pick.IntN(30) == 0 {
				d, err := Load(w.doc.Snapshot())
				if err != nil {
					t.Fatal(err)
				}
				sameDoc(t, d, w.doc)
				link = newWire(t, w.doc, d)
				w.crowd(d)
			}
			w.doc.checkTracker(t)
			w.checkMarks(w.doc)
			w.checkDiff(w.version(), w.version())
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
		link.send(0)
		link.take(1)
		link.follow()
		other := link.ends[1].doc
		other.checkTracker(t)
		w.checkMarks(other)
		sameDoc(t, other, w.doc)
		if changed, err := w.doc.Rebuild(); changed || err != nil {
			t.Errorf("rebuild: got %v, %v", changed, err)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if settled < 200 {
		t.Errorf("something was forgotten %d times only", settled)
	}
}

// follow lets the receiving end forget what the sending end has forgotten, if it has all that this builds on.
func (w *wire) follow() {
	oldest, err := w.ends[1].doc.Frontier(w.ends[0].doc.Version(w.ends[0].doc.Oldest()))
	if err == nil && len(oldest) > 0 {
		w.ends[1].doc.Settle(oldest)
	}
}

// TestForgottenIsMissed: a replica that lacks what is forgotten is told so; what it sends that was made on that can't be
// taken; and nothing changes.
func TestForgottenIsMissed(t *testing.T) {
	d := New("")
	d.limits.markEvery = 1
	old := New("")
	at := mustEdit(t, d, 1, nil, text.Patch{{Ins: "one"}})
	if _, err := old.Merge(d.Since(nil)); err != nil {
		t.Fatal(err)
	}
	late := old.Head()
	mustEdit(t, d, 1, at, text.Patch{{Pos: 1, Ins: "two"}})
	mustEdit(t, d, 2, d.Head(), text.Patch{{Pos: 0, Del: 3}})
	mustEdit(t, d, 2, d.Head(), text.Patch{{Pos: 0, Ins: "x"}})
	if !d.Settle(d.Head()) {
		t.Fatal("nothing was forgotten")
	}
	if got, want := d.History().Runs, 1; got > want {
		t.Errorf("got %d runs, want at most %d", got, want)
	}
	if _, err := d.SinceSummary(old.Summary()); !errors.Is(err, ErrForgotten) {
		t.Errorf("since: got %v, want %v", err, ErrForgotten)
	}
	mustEdit(t, old, 3, late, text.Patch{{Pos: 0, Ins: "y"}})
	before := d.Text().String()
	if _, err := d.Merge(old.Since(late)); !errors.Is(err, ErrMissing) {
		t.Errorf("merge: got %v, want %v", err, ErrMissing)
	}
	root := New("")
	mustEdit(t, root, 4, nil, text.Patch{{Ins: "z"}})
	if _, err := d.Merge(root.Since(nil)); !errors.Is(err, ErrMissing) {
		t.Errorf("merge of what has no parents: got %v, want %v", err, ErrMissing)
	}
	if m, err := new(Receiver).Read(root.Send(new(Sender), nil, nil)); err != nil {
		t.Error(err)
	} else if _, err := d.Receive(m); !errors.Is(err, ErrMissing) {
		t.Errorf("receive of what has no parents: got %v, want %v", err, ErrMissing)
	}
	if got := d.Text().String(); got != before {
		t.Errorf("got %q, want %q", got, before)
	}
	if _, err := d.Frontier(Version{{Agent: 1, Seq: 0}}); !errors.Is(err, ErrUnknown) {
		t.Errorf("version: got %v, want %v", err, ErrUnknown)
	}
}

// TestHistoryEnds: a long session's memory follows its text and not its age.
func TestHistoryEnds(t *testing.T) {
	d := New("")
	most := 0
	for i := range 200_000 {
		e := text.Edit{Pos: i * 7919 % (d.Text().Len() + 1), Ins: "x"}
		if d.Text().Len() > 1000 {
			e = text.Edit{Pos: i * 7919 % 1000, Del: 1}
		}
		mustEdit(t, d, Agent(i/1000%3), d.Head(), text.Patch{e})
		if d.History().Runs > 5000 {
			d.Settle(d.Head())
		}
		most = max(most, d.History().Runs+len(d.log.graph.runs)+len(d.log.graph.parents)+len(d.log.names.runs)+len(d.marks)+len(d.log.content))
	}
	if most > 20_000 {
		t.Errorf("up to %d things were remembered", most)
	}
}

// TestForgottenEventsAreGivenBack: what is forgotten counts for no limit.
func TestForgottenEventsAreGivenBack(t *testing.T) {
	d := New("")
	d.limits.events, d.limits.markEvery = 100, 1
	for i := range 300 {
		e := text.Edit{Ins: "x"}
		if i%2 == 1 {
			e = text.Edit{Del: 1}
		}
		mustEdit(t, d, 1, d.Head(), text.Patch{e})
		d.Settle(d.Head())
	}
	if d.Events() != 300 {
		t.Errorf("got %d events, want 300", d.Events())
	}
}

// TestFewRunsThatHoldMuch: there is a version to end the history at though all of it is a few runs, and Ago counts what
// they hold.
func TestFewRunsThatHoldMuch(t *testing.T) {
	d := New("")
	line := text.Patch{{Ins: strings.Repeat("x", 1000)}}
	for range 3 * markEvents / 1000 {
		line[0].Pos = d.Text().Len()
		mustEdit(t, d, 1, d.Head(), line)
	}
	for range 3 * markEvents / 1000 { // key by key
		mustEdit(t, d, 1, d.Head(), text.Patch{{Pos: d.Text().Len(), Ins: "y"}})
	}
	if got := d.History().Runs; got > 2 {
		t.Fatalf("%d runs, want at most 2: the test shows nothing", got)
	}
	all := Amount{Runs: MaxRuns, Events: MaxEvents, Bytes: MaxContent}
	for what, ago := range map[string]Amount{
		"events": {all.Runs, 5000, all.Bytes},
		"runs":   {0, all.Events, all.Bytes},
		"bytes":  {all.Runs, all.Events, 5000},
	} {
		if at := d.Ago(ago); len(at) != 1 || d.Events()-1-int(at[0]) > 5000 {
			t.Errorf("%s: %v is too long ago, of %d events", what, at, d.Events())
		}
	}
	if at := d.Ago(all); !at.Equal(d.Oldest()) {
		t.Errorf("got %v, want the oldest version", at)
	}
	before := d.Text().String()
	if !d.Settle(d.Ago(Amount{all.Runs, 5000, all.Bytes})) {
		t.Fatal("nothing was forgotten")
	}
	if got := d.History(); got.Events > 2*markEvents || got.Bytes != got.Events {
		t.Errorf("%+v are left, want at most %d", got, 2*markEvents)
	}
	mustEdit(t, d, 1, d.Head(), text.Patch{{Pos: d.Text().Len() / 2, Del: 3, Ins: "z"}})
	mustEdit(t, d, 2, d.Oldest(), text.Patch{{Ins: "old"}})
	if got := d.Text().String(); len(got) != len(before)+1 || got[:3] != "old" {
		t.Errorf("the text has %d bytes, want %d", len(got), len(before)+1)
	}
}

// TestHalfFull by any measure.
func TestHalfFull(t *testing.T) {
	for _, change := range []func(*limits){
		func(l *limits) { l.events = 20 }, func(l *limits) { l.content = 20 }, func(l *limits) { l.runs = 20 },
	} {
		d := New("")
		change(&d.limits)
		for n := 0; n <= 10; n++ {
			if d.HalfFull() {
				t.Errorf("half full with %d of 20", n)
			}
			mustEdit(t, d, 1, d.Head(), text.Patch{{Pos: 0, Ins: "x"}})
		}
		if !d.HalfFull() {
			t.Error("not half full with 11 of 20")
		}
	}
}
