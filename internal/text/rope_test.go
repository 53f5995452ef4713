package text

import (
	"crypto/sha256"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestRopeAgainstModel(t *testing.T) {
	for seed := range uint64(10) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		m := model(randomText(rnd, rnd.IntN(6000)))
		r := New(string(m))
		for step := range 100 {
			m = randomEdit(rnd, r, m)
			if step%20 == 0 {
				checkRope(t, r, m)
			}
			if t.Failed() {
				t.Fatalf("seed %d, step %d", seed, step)
			}
		}
		checkRope(t, r, m)
	}
}

// randomEdit makes the same edit in both: mostly small ones beside each other, as people make them.
func randomEdit(rnd *rand.Rand, r *Rope, m model) model {
	pos, del, ins := rnd.IntN(len(m)+1), 0, ""
	switch rnd.IntN(12) {
	case 0:
		ins = randomText(rnd, rnd.IntN(5000))
	case 1:
		del = rnd.IntN(len(m) - pos + 1)
	case 2:
		del, ins = min(rnd.IntN(3000), len(m)-pos), randomText(rnd, rnd.IntN(30))
	case 3, 4, 5:
		for range rnd.IntN(200) {
			r.Insert(pos, "é")
			m = m.replace(pos, 0, "é")
			pos++
		}
	case 6, 7:
		for ; pos > 0 && rnd.IntN(200) > 0; pos-- {
			r.Delete(pos-1, 1)
			m = m.replace(pos-1, 1, "")
		}
	default:
		del, ins = min(rnd.IntN(4), len(m)-pos), randomText(rnd, rnd.IntN(4))
	}
	r.Replace(pos, del, ins)
	return m.replace(pos, del, ins)
}

func checkRope(t *testing.T, r *Rope, m model) {
	t.Helper()
	checkTree(t, r)
	want := string(m)
	if r.String() != want {
		t.Errorf("text is not the model's")
		return
	}
	if got := slices.Collect(r.Chunks()); strings.Join(got, "") != want {
		t.Errorf("chunks are not the text")
	}
	if got, want := r.root.measure, slowMeasure(want); got != want {
		t.Errorf("rope measures %+v, want %+v", got, want)
	}
	if r.Len() != len(m) || r.Size() != len(want) || r.Lines() != strings.Count(want, "\n")+1 {
		t.Errorf("Len, Size, Lines = %d, %d, %d", r.Len(), r.Size(), r.Lines())
	}
	if got, want := r.SHA256(), sha256.Sum256([]byte(want)); got != want {
		t.Errorf("SHA256 = %x, want %x", got, want)
	}
	if !r.Equal(New(want)) {
		t.Errorf("Equal says no to the same text")
	}
}
