package main

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"earshot/internal/crdt"
	"earshot/internal/text"
)

// writing makes up a session. It follows how long the text is at each author's version by what that author has seen.
type writing struct {
	session
	dice   *rand.Rand
	events int
}

func newWriting() *writing { return &writing{dice: rand.New(rand.NewPCG(1, 2))} }

// add appends a transaction and returns the number of its last event.
func (w *writing) add(author uint32, seq int, parents []uint32, edits ...text.Edit) uint32 {
	t := txn{author: author, seq: uint32(seq), parents: parents, edits: edits}
	for _, e := range edits {
		t.events += e.Del + len(e.Ins)
	}
	w.events += t.events
	w.txns = append(w.txns, t)
	return uint32(w.events - 1)
}

// letters to type. ASCII, so that bytes are code points.
func letters(n int) string { return strings.Repeat("and so they wrote on\n", n/21+1)[:n] }

// crowd: everybody types a few letters somewhere, then everybody has seen everything; and so on.
func crowd(people, rounds, each int) *session {
	w := newWriting()
	var seen []uint32
	for round := range rounds {
		length := round * people * each
		var heads []uint32
		for who := range people {
			pos := w.dice.IntN(length + 1)
			heads = append(heads, w.add(uint32(who), round*each, seen, text.Edit{Pos: pos, Ins: letters(each)}))
		}
		seen = heads
	}
	return &w.session
}

// scattered: one author types n letters, none of them beside the last.
func scattered(n int) *session {
	w := newWriting()
	var parents []uint32
	for i := range n {
		pos := (i*7919 + w.dice.IntN(100)) % (i + 1)
		parents = []uint32{w.add(0, i, parents, text.Edit{Pos: pos, Ins: "x"})}
	}
	return &w.session
}

// duet: two authors make n events, keystroke by keystroke, in bursts of which each author has not seen the other's last.
// Of seven keystrokes two take the two before them back.
func duet(n int) *session {
	keys := []text.Edit{
		{Ins: "w"}, {Pos: 1, Ins: "o"}, {Pos: 2, Ins: "x"}, {Pos: 3, Ins: "y"},
		{Pos: 3, Del: 1}, {Pos: 2, Del: 1}, {Pos: 2, Ins: "r"},
	}
	const gained = 3 // letters, by all of them
	w := newWriting()
	var before []uint32
	for round := 0; w.events < n; round++ {
		length := round * 2 * gained
		var heads []uint32
		for who := range uint32(2) {
			pos, seq, at := w.dice.IntN(length+1), round*len(keys), before
			for i, key := range keys {
				key.Pos += pos
				at = []uint32{w.add(who, seq+i, at, key)}
			}
			heads = append(heads, at[0])
		}
		before = heads
	}
	return &w.session
}

// scriptOf takes the text that a bare rope ends with for what the session should.
func scriptOf(t testing.TB, s *session) *script {
	t.Helper()
	out, err := newScript(s)
	if err != nil {
		t.Fatal(err)
	}
	r, err := bare(out)
	if err != nil {
		t.Fatal(err)
	}
	out.end = r.String()
	return out
}

var extremes = []struct {
	name    string
	small   *session // of the same kind, for the test
	large   func() *session
	txns    int // of the large one
	authors int
}{
	{"300 agents", crowd(30, 4, 5), func() *session { return crowd(300, 10, 10) }, 3000, 300},
	{"100,000 one-event runs", scattered(1000), func() *session { return scattered(100_000) }, 100_000, 1},
	{"a million events", duet(3000), func() *session { return duet(1_000_000) }, 1_000_006, 2},
}

// TestExtremes: what the benchmark makes up can be played, and ends alike by every route.
func TestExtremes(t *testing.T) {
	for _, x := range extremes {
		line, err := measure([]*script{scriptOf(t, x.small)}, 1)
		if err != nil || !line.OK || line.Events == 0 {
			t.Errorf("%s: got %+v, %v", x.name, line, err)
		}
	}
}

// BenchmarkExtremes: sessions that nobody has recorded yet, with all that a report says.
func BenchmarkExtremes(b *testing.B) {
	for _, x := range extremes {
		b.Run(x.name, func(b *testing.B) {
			s := x.large()
			if len(s.txns) != x.txns {
				b.Fatalf("got %d transactions, want %d", len(s.txns), x.txns)
			}
			scripts := []*script{scriptOf(b, s)}
			var line report
			for b.Loop() {
				var err error
				if line, err = measure(scripts, 1); err != nil || !line.OK {
					b.Fatalf("got %+v, %v", line, err)
				}
			}
			for unit, figure := range map[string]float64{
				"events": float64(line.Events), "local-ms": line.LocalMs, "rope-ms": line.RopeOnlyMs, "replay-ms": line.ReplayMs,
				"load-ms": line.LoadMs, "live-p50-µs": line.LiveP50Us, "live-p99-µs": line.LiveP99Us,
				"heap-MiB": float64(line.HeapBytes) / (1 << 20), "encoded-KiB": float64(line.EncodedBytes) / (1 << 10),
			} {
				b.ReportMetric(figure, unit)
			}
		})
	}
}

// TestBeyondMaxText: a document may be 32 MiB long; who types on is told, and nothing changes.
func TestBeyondMaxText(t *testing.T) {
	full := &session{start: strings.Repeat("a", crdt.MaxText)}
	full.txns = append(full.txns, txn{seq: 0, events: 1, edits: []text.Edit{{Pos: 0, Del: 1}}})
	if _, err := newScript(full); err != nil {
		t.Errorf("an edit of the largest text: got %v", err)
	}
	full.txns = append(full.txns, txn{seq: 1, events: 2, parents: []uint32{0}, edits: []text.Edit{{Pos: 7, Ins: "bc"}}})
	_, err := newScript(full)
	if !errors.Is(err, crdt.ErrTooLarge) || err.Error() != "txns[1] holds an edit that can't be made, at position 7: "+
		"crdt: the document or its history would grow too large" {
		t.Errorf("a text that is too large: got %v", err)
	}
}

// BenchmarkLargeText: the largest document there may be, and a rope three times as large.
func BenchmarkLargeText(b *testing.B) {
	const edits = 100_000
	anywhere := func(length int) []int {
		dice := rand.New(rand.NewPCG(3, 4))
		places := make([]int, edits)
		for i := range places {
			places[i] = dice.IntN(length)
		}
		return places
	}
	b.Run("rope of 100 MB", func(b *testing.B) {
		content := letters(100_000_000)
		places := anywhere(len(content))
		for b.Loop() {
			before := liveHeap()
			begin := time.Now()
			r := text.New(content)
			b.ReportMetric(in(time.Since(begin), time.Millisecond), "new-ms")
			b.ReportMetric(float64(liveHeap()-before)/(1<<20), "heap-MiB")
			begin = time.Now()
			for _, pos := range places {
				r.Replace(pos, 0, "x")
			}
			b.ReportMetric(in(time.Since(begin), time.Microsecond)/edits, "µs/edit")
			runtime.KeepAlive(r)
		}
	})
	b.Run("document of 32 MiB", func(b *testing.B) {
		content := letters(crdt.MaxText - edits)
		places := anywhere(len(content))
		for b.Loop() {
			before := liveHeap()
			begin := time.Now()
			d := crdt.New(content)
			b.ReportMetric(in(time.Since(begin), time.Millisecond), "new-ms")
			begin = time.Now()
			for _, pos := range places {
				if _, _, err := d.Edit(1, d.Head(), text.Patch{{Pos: pos, Ins: "x"}}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(in(time.Since(begin), time.Microsecond)/edits, "µs/edit")
			b.ReportMetric(float64(liveHeap()-before)/(1<<20), "heap-MiB")
			begin = time.Now()
			snapshot := d.Snapshot()
			b.ReportMetric(in(time.Since(begin), time.Millisecond), "snapshot-ms")
			begin = time.Now()
			if _, err := crdt.Load(snapshot); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(in(time.Since(begin), time.Millisecond), "load-ms")
		}
	})
}
