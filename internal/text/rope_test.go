package text

import (
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
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
		typed := []rune(strings.Repeat([]string{"aé😀b€\n", "abc\n"}[rnd.IntN(2)], rnd.IntN(100)))
		for i, c := range typed {
			if i == 0 || c >= utf8.RuneSelf || !r.Type(byte(c)) {
				r.Insert(pos+i, string(c))
			}
		}
		return m.replace(pos, 0, string(typed))
	case 6, 7:
		keys := rnd.IntN(min(300, pos) + 1)
		for i := range keys {
			if i == 0 || !r.Erase(Before) {
				r.Delete(pos-1-i, 1)
			}
		}
		return m.replace(pos-keys, keys, "")
	case 8:
		keys := rnd.IntN(min(300, len(m)-pos) + 1)
		for i := range keys {
			if i == 0 || !r.Erase(After) {
				r.Delete(pos, 1)
			}
		}
		return m.replace(pos, keys, "")
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
	if got, want := hashOf(r), sha256.Sum256([]byte(want)); got != want {
		t.Errorf("SHA256 = %x, want %x", got, want)
	}
	if !r.Equal(New(want)) {
		t.Errorf("Equal says no to the same text")
	}
}

// TestKeysGoOn: Type and Erase find their place in all but a few keys, and where they don't they change nothing.
func TestKeysGoOn(t *testing.T) {
	r := New("")
	keys, failed := 0, 0
	try := func(done bool, otherwise func()) {
		if keys++; !done {
			failed++
			otherwise()
		}
	}
	for i := range 5000 {
		try(r.Type('x'), func() { r.Insert(i, "x") })
	}
	r.Insert(2500, "\n")
	for i := range 2400 {
		try(r.Erase(Before), func() { r.Delete(2500-i, 1) })
	}
	r.Insert(101, "y")
	for range 2500 {
		try(r.Erase(After), func() { r.Delete(102, 1) })
	}
	checkRope(t, r, model(strings.Repeat("x", 101)+"y"))
	if failed == 0 || failed > keys/50 { // a leaf of 1024 bytes is cut and joined now and then
		t.Errorf("%d of %d keys did not go on", failed, keys)
	}

	c := r.Clone()
	for name, r := range map[string]*Rope{"new": New("ab"), "empty": {}, "cloned": r, "clone": c} {
		before := r.String()
		if r.Type('x') || r.Erase(Before) || r.Erase(After) || r.String() != before {
			t.Errorf("%s: a key went on where there was none before", name)
		}
	}
	r = New("aéb")
	r.Insert(2, "\n")
	if r.Erase(After); r.Erase(Before) {
		checkRope(t, r, model("aé"))
	}
	if r.Erase(Before) || r.Erase(After) || r.Type(0x80) || r.Type(0xff) {
		t.Error("a character beyond ASCII was typed or erased as one byte")
	}
	checkRope(t, r, model("aé"))
}

func TestEmptyRope(t *testing.T) {
	var r Rope
	checkRope(t, &r, nil)
	checkRope(t, New(""), nil)
	checkRope(t, r.Clone(), nil)
	if !r.Equal(New("")) || r.Equal(New("a")) || r.Position(0, UTF16) != (Position{}) {
		t.Error("the zero Rope is not the empty text")
	}
	r.Insert(0, "")
	r.Insert(0, "aé\n")
	checkRope(t, &r, model("aé\n"))
	r.Delete(0, 3)
	checkRope(t, &r, nil)
	r.Insert(0, "b")
	checkRope(t, &r, model("b"))
}

func TestOutsideTheTextPanics(t *testing.T) {
	const huge = int(^uint(0) >> 1)
	for name, f := range map[string]func(r *Rope){
		"insert before":     func(r *Rope) { r.Insert(-1, "x") },
		"insert behind":     func(r *Rope) { r.Insert(4, "x") },
		"delete too much":   func(r *Rope) { r.Delete(2, 2) },
		"delete overflow":   func(r *Rope) { r.Delete(1, huge) },
		"delete negative":   func(r *Rope) { r.Delete(1, -1) },
		"slice behind":      func(r *Rope) { r.Slice(0, 4) },
		"slice backwards":   func(r *Rope) { r.Slice(2, 1) },
		"slice before":      func(r *Rope) { r.Slice(-1, 1) },
		"rune at the end":   func(r *Rope) { r.RuneAt(3) },
		"rune before":       func(r *Rope) { r.RuneAt(-1) },
		"position behind":   func(r *Rope) { r.Position(4, UTF8) },
		"position before":   func(r *Rope) { r.Position(-1, UTF8) },
		"byte offset":       func(r *Rope) { r.ByteOffset(4) },
		"byte behind":       func(r *Rope) { r.RuneOffset(4, Before) },
		"byte before":       func(r *Rope) { r.RuneOffset(-1, Before) },
		"huge insert place": func(r *Rope) { r.Insert(huge, "x") },
	} {
		r := New("abc")
		if !panics(func() { f(r) }) {
			t.Errorf("%s: no panic", name)
		}
		checkRope(t, r, model("abc"))
	}
}

func TestClonesAreApart(t *testing.T) {
	for seed := range uint64(8) {
		rnd := rand.New(rand.NewPCG(seed, 9))
		m := model(randomText(rnd, rnd.IntN(8000)))
		ropes, models := []*Rope{New(string(m))}, []model{m}
		for range 40 {
			i := rnd.IntN(len(ropes))
			if len(ropes) < 6 {
				ropes, models = append(ropes, ropes[i].Clone()), append(models, models[i])
			} else {
				j := rnd.IntN(len(ropes))
				ropes[j], models[j] = ropes[i].Clone(), models[i]
			}
			for range 4 {
				i := rnd.IntN(len(ropes))
				models[i] = randomEdit(rnd, ropes[i], models[i])
			}
			checkPair(t, ropes, models, rnd.IntN(len(ropes)), rnd.IntN(len(ropes)))
		}
		for i := range ropes {
			checkRope(t, ropes[i], models[i])
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func checkPair(t *testing.T, ropes []*Rope, models []model, i, j int) {
	t.Helper()
	if got, want := ropes[i].Equal(ropes[j]), slices.Equal(models[i], models[j]); got != want {
		t.Errorf("Equal = %v, want %v", got, want)
	}
}

// TestClonesOnTheirOwnGoroutines is for the race detector: what clones share is only read.
func TestClonesOnTheirOwnGoroutines(t *testing.T) {
	r := New(strings.Repeat("shared text\n", 2000))
	var group sync.WaitGroup
	for seed := range uint64(4) {
		c := r.Clone()
		group.Go(func() { // over after 50 edits
			rnd := rand.New(rand.NewPCG(seed, 10))
			m := model(c.String())
			for range 50 {
				m = randomEdit(rnd, c, m)
			}
			checkRope(t, c, m)
		})
		r.Insert(int(seed), "x")
	}
	group.Wait()
	checkTree(t, r)
}

func TestEqualSeesEveryDifference(t *testing.T) {
	a := New(strings.Repeat("0123456789", 1000))
	for pos := 0; pos < a.Len(); pos += 97 {
		b := a.Clone()
		b.Replace(pos, 1, "x")
		b.Insert(5000, strings.Repeat("y", 3000))
		b.Delete(5000, 3000)
		if a.Equal(b) {
			t.Fatalf("Equal doesn't see position %d", pos)
		}
		b.Replace(pos, 1, string(a.RuneAt(pos)))
		if !a.Equal(b) {
			t.Fatalf("not Equal after %d is as it was", pos)
		}
	}
}

// TestKeystrokesDoNotAllocate: typing and erasing stay within a leaf, but for one in several hundred.
func TestKeystrokesDoNotAllocate(t *testing.T) {
	r := New(strings.Repeat("some text, é\n", 1000))
	pos := r.Len() / 2
	r.Insert(pos, "x")
	if n := testing.AllocsPerRun(500, func() {
		r.Insert(pos, "é")
		pos++
		r.Insert(pos, "x")
		r.Delete(pos, 1)
	}); n > 0 {
		t.Errorf("a keystroke allocates %v times", n)
	}
}

func TestChunksStop(t *testing.T) {
	r := New(strings.Repeat("0123456789", 1000))
	n := 0
	for range r.Chunks() {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("Chunks went on to %d", n)
	}
}

// hashOf returns the SHA-256 of a text by way of WriteTo.
func hashOf(r *Rope) (sum [sha256.Size]byte) {
	h := sha256.New()
	_, _ = r.WriteTo(h) // a hash takes everything
	h.Sum(sum[:0])
	return sum
}

// TestWriteToStops: at the first error, and tells how much was written.
func TestWriteToStops(t *testing.T) {
	reader, writer := io.Pipe()
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := New(source(5000)).WriteTo(writer); n != 0 || !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %d bytes written and error %v, want 0 and %v", n, err, io.ErrClosedPipe)
	}
	if n, err := New("text").WriteTo(io.Discard); n != 4 || err != nil {
		t.Errorf("got %d bytes written and error %v, want 4", n, err)
	}
}

// TestBytesThatAreNotText: they are a fault of the caller, but must not tear the tree.
func TestBytesThatAreNotText(t *testing.T) {
	r := New(strings.Repeat("\x80", 5000) + strings.Repeat("\xff", 5000))
	r.Insert(0, "\xf0\x9f")
	r.Delete(0, r.Len()/2)
	if got := hashOf(r); got != sha256.Sum256([]byte(r.String())) || r.Size() != len(r.String()) {
		t.Errorf("%d bytes are said to be %d", len(r.String()), r.Size())
	}
}
