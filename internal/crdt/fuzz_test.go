package crdt

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// rapidChooser lets rapid choose, and cut down what fails.
type rapidChooser struct{ t *rapid.T }

func (c rapidChooser) IntN(n int) int { return rapid.IntRange(0, n-1).Draw(c.t, "") }

// TestLaws: everything a Doc promises, on one small history at a time, so that what fails can be cut down.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, rapidChooser{t}, rapid.IntRange(2, 5).Draw(t, "authors"))
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			w.step()
		}
		w.checkLaws()
	})
}

func (w *world) checkLaws() {
	for range 3 {
		w.checkDiff(w.version(), w.version())
		w.checkSteps(w.version(), w.version())
	}
	d := New(w.doc.Base())
	w.crowd(d)
	w.deliver(d, w.messages())
	sameDoc(w.t, d, w.doc)
	loaded, err := Load(d.Snapshot())
	if err != nil {
		w.t.Fatal(err)
	}
	sameDoc(w.t, loaded, w.doc)
}

// FuzzHistory: the laws again, on histories that the fuzzer thinks of.
func FuzzHistory(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x02\x04abcd\x01\x05\x00\x01\x02\x01\x05\x03\x02\x07\x00\x01\x04\x00\x05\x03\x01\x00\x01\x06\x02"))
	for seed := range uint64(20) {
		b := make([]byte, 200)
		for i, dice := 0, seeded(seed); i < len(b); i++ {
			b[i] = byte(dice.IntN(256))
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 400 {
			t.Skip("the oracle is slow")
		}
		pick := &byteChooser{b}
		w := newWorld(t, pick, 2+pick.IntN(7))
		for len(pick.b) > 0 {
			w.step()
		}
		w.pick = seeded(uint64(len(b)))
		w.checkLaws()
	})
}

// FuzzMerge: whatever arrives, nothing breaks: it is taken whole, and then found again, or changes nothing.
func FuzzMerge(f *testing.F) {
	w := newWorld(f, seeded(3), 4)
	for range 60 {
		w.step()
	}
	all := w.messages()
	for _, m := range all {
		f.Add(m)
	}
	for range 20 {
		f.Add(w.hostile())
	}
	f.Add(w.doc.Since(nil))
	half := New(w.doc.Base())
	for _, m := range all[:len(all)/2] {
		merge(f, half, m)
	}
	snapshot := half.Snapshot()
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Load(snapshot)
		if err != nil {
			t.Fatal(err)
		}
		text := d.Text().Clone()
		before := d.Snapshot()
		p, err := d.Merge(b)
		agents, agentsErr := Agents(b)
		if err == nil && agentsErr != nil || len(agents) > len(b)/5 {
			t.Errorf("merged, but Agents says %v, %v", agents, agentsErr)
		}
		if text.Apply(p); !text.Equal(d.Text()) {
			t.Errorf("the patch gives %q, the text is %q", text, d.Text())
		}
		if err != nil {
			if !slices.Equal(d.Snapshot(), before) {
				t.Errorf("%v, but the document changed", err)
			}
			return
		}
		d.checkTracker(t)
		again, err := Load(d.Snapshot())
		if err != nil {
			t.Fatal(err)
		}
		sameDoc(t, again, d)
	})
}

// FuzzLoad: as FuzzMerge, from nothing; what is loaded can be stored and loaded again.
func FuzzLoad(f *testing.F) {
	for seed := range uint64(10) {
		w := newWorld(f, seeded(seed), 3)
		for range 20 {
			w.step()
		}
		f.Add(w.doc.Snapshot())
		f.Add(w.doc.Summary())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Load(b)
		if err != nil {
			return
		}
		again, err := Load(d.Snapshot())
		if err != nil {
			t.Fatal(err)
		}
		sameDoc(t, again, d)
		if _, err := d.SinceSummary(b); err == nil && len(b) < 2 {
			t.Errorf("%q was taken for a summary", b)
		}
	})
}
