package crdt

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"testing"

	"earshot/internal/text"
)

// trace is a recorded editing session. Without parents, each transaction follows the one before.
type trace struct {
	name         string
	StartContent string
	Txns         []struct {
		Parents []int
		Agent   int
		Patches []vectorPatch
	}
	Kind string
}

// traces and the SHA-256 of the text they end with.
var traces = map[string]string{
	"automerge-paper": "a489e902",
	"sveltecomponent": "d8bb93b7",
	"friendsforever":  "4720ec33",
	"json-crdt-patch": "9540c169",
}

func readTrace(t testing.TB, name string) *trace {
	t.Helper()
	tr := &trace{name: name}
	readGzip(t, name+".json.gz", tr)
	return tr
}

// play makes the trace's edits and calls f, if given, after each transaction with the head before.
func (tr *trace) play(t testing.TB, d *Doc, f func(before Frontier)) {
	t.Helper()
	after := make([]Frontier, len(tr.Txns))
	for i, txn := range tr.Txns {
		var at Frontier
		if tr.Kind == "concurrent" {
			for _, p := range txn.Parents {
				at = d.Union(at, after[p])
			}
		} else {
			at = d.Head()
		}
		before := d.Head()
		for _, p := range txn.Patches {
			var err error
			at, _, err = d.Edit(Agent(txn.Agent+1), at, text.Patch{{Pos: p.pos, Del: p.del, Ins: p.ins}})
			if err != nil {
				t.Fatal(err)
			}
		}
		if after[i] = at; f != nil {
			f(before)
		}
	}
}

func (tr *trace) check(t testing.TB, d *Doc) {
	t.Helper()
	sum := sha256.Sum256([]byte(d.Text().String()))
	if got, want := hex.EncodeToString(sum[:4]), traces[tr.name]; got != want {
		t.Errorf("%s: got a text with hash %s, want %s", tr.name, got, want)
	}
}

// TestTraces: real sessions end with their text by every route.
func TestTraces(t *testing.T) {
	for name := range traces {
		t.Run(name, func(t *testing.T) {
			tr := readTrace(t, name)
			live := New(tr.StartContent)
			remote, forgetful := New(tr.StartContent), New(tr.StartContent)
			dice := seeded(1)
			var sent Frontier
			var late []*latecomer
			each := 1 // transactions a message
			if len(tr.Txns) > 100_000 {
				each = 16
			}
			tr.play(t, live, func(Frontier) {
				if each == 1 || dice.IntN(each) == 0 {
					merge(t, remote, live.Since(sent))
					sent = live.Head()
				}
				if dice.IntN(len(tr.Txns)/8) == 0 {
					late = append(late, newLatecomer(t, live, len(late)%2 == 0))
				}
				for _, l := range late {
					if dice.IntN(40) == 0 {
						l.follow(t, live)
					}
				}
				if dice.IntN(50) == 0 {
					merge(t, forgetful, sinceDoc(t, live, forgetful))
					forgetful.tracker = nil
				}
			})
			merge(t, remote, live.Since(sent))
			merge(t, forgetful, sinceDoc(t, live, forgetful))
			loaded, err := Load(live.Snapshot())
			if err != nil {
				t.Fatal(err)
			}
			whole := New(tr.StartContent)
			merge(t, whole, loaded.Since(nil))
			docs := []*Doc{live, remote, forgetful, loaded, whole}
			for _, l := range late {
				l.follow(t, live)
				docs = append(docs, l.doc)
			}
			if len(late) < 2 {
				t.Errorf("%d came late, want more", len(late))
			}
			for _, d := range docs {
				tr.check(t, d)
				d.checkTracker(t)
			}
			sameDoc(t, remote, live)
			tr.checkOldVersions(t, dice, live, loaded)
		})
	}
}

// latecomer is a replica that came at some point of a session, and hears of the rest in a stream.
type latecomer struct {
	doc    *Doc
	in     Receiver
	out    Sender // the other end's
	sent   Frontier
	forget bool // what it needs no more
}

func newLatecomer(t *testing.T, live *Doc, forget bool) *latecomer {
	t.Helper()
	d, err := Load(live.Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	return &latecomer{doc: d, sent: live.Head(), forget: forget}
}

func (l *latecomer) follow(t *testing.T, live *Doc) {
	t.Helper()
	b := live.Send(&l.out, nil, l.sent)
	if l.sent = live.Head(); len(b) == 0 {
		return
	}
	m, err := l.in.Read(b)
	if err == nil {
		_, err = l.doc.Receive(m)
	}
	if err != nil {
		t.Fatal(err)
	}
	if l.forget { // what is to come builds on nothing older than the version of which no event remains concurrent to any
		l.doc.Settle(l.doc.Floor(l.doc.Ago(Amount{Runs: 5000, Events: MaxEvents, Bytes: MaxContent})))
	}
}

// checkOldVersions compares the texts and differences of two replicas at random versions.
func (tr *trace) checkOldVersions(t *testing.T, dice *rand.Rand, a, b *Doc) {
	t.Helper()
	for range 10 {
		from, to := Frontier{LV(dice.IntN(a.Events()))}, Frontier{LV(dice.IntN(a.Events()))}
		there, err := b.Frontier(a.Version(from))
		if err != nil {
			t.Fatal(err)
		}
		r := a.TextAt(from)
		if !r.Equal(b.TextAt(there)) {
			t.Errorf("two replicas have different texts at %v", from)
		}
		if r.Apply(a.Diff(from, to)); !r.Equal(a.TextAt(to)) {
			t.Errorf("diff %v → %v does not lead there", from, to)
		}
	}
}

func merge(t tb, d *Doc, b []byte) text.Patch {
	t.Helper()
	p, err := d.Merge(b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func sinceDoc(t tb, from, to *Doc) []byte {
	t.Helper()
	b, err := from.SinceSummary(to.Summary())
	if err != nil {
		t.Fatal(err)
	}
	return b
}
