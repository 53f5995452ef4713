package crdt

import (
	"errors"
	"math/rand/v2"
	"testing"

	"earshot/internal/text"
)

// TestRebuild: whatever became of the text and of what was worked out before, a rebuilt replica shows what its events say,
// at every version, and goes on as one that was never damaged.
func TestRebuild(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 11))
		d, healthy := New("some base\n"), New("some base\n")
		var seen []Frontier
		edit := func() {
			at := d.Head()
			if len(seen) > 3 && rng.IntN(3) == 0 {
				at = seen[rng.IntN(len(seen))]
			}
			n := d.TextAt(at).Len()
			pos := rng.IntN(n + 1)
			p := text.Patch{{Pos: pos, Del: rng.IntN(min(3, n-pos) + 1), Ins: "ab"[:1+rng.IntN(2)]}}
			seen = append(seen, mustEdit(t, d, Agent(rng.Uint64()), at, p))
		}
		agree := func(what string) {
			t.Helper()
			if _, err := healthy.Merge(d.Since(nil)); err != nil {
				t.Fatal(err)
			}
			for _, f := range append(seen, nil, d.Head()) {
				g, err := healthy.Frontier(d.Version(f))
				if err != nil {
					t.Fatal(err)
				}
				if got, want := d.TextAt(f).String(), healthy.TextAt(g).String(); got != want {
					t.Fatalf("seed %d, %s: at %v got %q, want %q", seed, what, f, got, want)
				}
			}
		}
		for range 30 {
			edit()
		}
		if changed, err := d.Rebuild(); changed || err != nil {
			t.Fatalf("a healthy replica: changed %v, %v", changed, err)
		}
		agree("healthy")
		d.text.Replace(rng.IntN(d.text.Len()+1), 0, "?")
		if changed, err := d.Rebuild(); !changed || err != nil {
			t.Fatalf("a damaged replica: changed %v, %v", changed, err)
		}
		agree("rebuilt")
		for range 30 {
			edit()
		}
		agree("later")
	}
}

// TestRebuildOfDamagedEvents: what can't be read leaves everything as it is.
func TestRebuildOfDamagedEvents(t *testing.T) {
	d := New("abc")
	mustEdit(t, d, 1, nil, text.Patch{{Pos: 3, Ins: "def"}})
	d.log.content[0] = 0xff
	if changed, err := d.Rebuild(); changed || !errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v, %v, want %v", changed, err, ErrCorrupt)
	}
	if got := d.Text().String(); got != "abcdef" {
		t.Errorf("got %q", got)
	}
}
