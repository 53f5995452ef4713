package text

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// checkDiff fails the test unless the patch leads from a to b and is in normal form.
func checkDiff(t *testing.T, a, b string) Patch {
	t.Helper()
	p := Diff(a, b)
	checkNormal(t, p, runeCount(a))
	r := New(a)
	r.Apply(p)
	if got := r.String(); got != b {
		t.Errorf("Diff(%.200q, %.200q) leads to %.200q", a, b, got)
	}
	return p
}

func TestDiff(t *testing.T) {
	check := func(t *testing.T, a, b string, want Patch) {
		t.Helper()
		if got := checkDiff(t, a, b); !slices.Equal(got, want) {
			t.Errorf("Diff(%q, %q) = %v, want %v", a, b, got, want)
		}
	}
	check(t, "", "", nil)
	check(t, "same", "same", nil)
	check(t, "", "é", Patch{{0, 0, "é"}})
	check(t, "é", "", Patch{{0, 1, ""}})
	check(t, "ab", "axb", Patch{{1, 0, "x"}})
	check(t, "aa", "aaa", Patch{{2, 0, "a"}})
	check(t, "one\ntwo\nthree\n", "one\nthree\n", Patch{{5, 4, ""}}) // "wo\nt": the common ends come first
	check(t, "one\nthree\n", "one\n2\nthree\n", Patch{{4, 0, "2\n"}})
	check(t, "a\nf(x)\nb\ng(y)\nc\n", "a\nf(x, 1)\nb\ng(2, y)\nc\n", Patch{{5, 0, ", 1"}, {11, 0, "2, "}})
	check(t, "a\nb\nc", "a\r\nb\r\nc", Patch{{1, 0, "\r"}, {3, 0, "\r"}})
	check(t, "end", "end\n", Patch{{3, 0, "\n"}})
	check(t, "end\n", "end", Patch{{3, 1, ""}})
	// U+1F600 and U+1F601 share three bytes, U+00E9 and U+0129 their last one: a code point is never cut.
	check(t, "a😀b", "a😁b", Patch{{1, 1, "😁"}})
	check(t, "aéb", "aĩb", Patch{{1, 1, "ĩ"}})
	check(t, "😀", "😀😀", Patch{{1, 0, "😀"}})
	check(t, "e", "e\u0301", Patch{{1, 0, "\u0301"}})
}

// TestDiffIsMinimalWhereItIsSmall compares with the longest common subsequence, found the slow way.
func TestDiffIsMinimalWhereItIsSmall(t *testing.T) {
	for seed := range uint64(2000) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		a, b := someLetters(rnd, 24), someLetters(rnd, 24)
		p := checkDiff(t, a, b)
		size := 0
		for _, e := range p {
			size += e.Del + runeCount(e.Ins)
		}
		if want := distance([]rune(a), []rune(b)); size != want {
			t.Fatalf("seed %d: Diff(%q, %q) = %v, of size %d, want %d", seed, a, b, p, size, want)
		}
	}
}

func TestDiffRunesIsMinimalAcrossLines(t *testing.T) {
	a, b := "ab\ncd\nx\nef", "x\nab cd\nef"
	p := DiffRunes(a, b)
	r := New(a)
	r.Apply(p)
	if got := r.String(); got != b {
		t.Fatalf("DiffRunes(%q, %q) makes %q", a, b, got)
	}
	if got, want := patchSize(p), distance([]rune(a), []rune(b)); got != want {
		t.Errorf("DiffRunes(%q, %q) = %v, size %d, want %d", a, b, p, got, want)
	}
	if len(DiffRunes("", "")) != 0 || len(DiffRunes("a", "")) != 1 {
		t.Error("DiffRunes of empty texts")
	}
}

// someLetters is one line: of lines, those that are the same are kept first, which may cost characters.
func someLetters(rnd *rand.Rand, n int) string {
	s := make([]rune, rnd.IntN(n))
	for i := range s {
		s[i] = []rune("abé😀")[rnd.IntN(4)]
	}
	return string(s)
}

// distance is the number of insertions and deletions that it takes at least.
func distance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range b {
			best := min(row[j], row[j+1]) + 1
			if a[i] == b[j] {
				best = diagonal
			}
			diagonal, row[j+1] = row[j+1], best
		}
	}
	return row[len(b)]
}

func TestDiffOfEditedTexts(t *testing.T) {
	for seed := range uint64(1500) {
		rnd := rand.New(rand.NewPCG(seed, 6))
		a := model(randomText(rnd, rnd.IntN(80)))
		b := a
		for range rnd.IntN(4) {
			b = b.apply(randomPatch(rnd, len(b)))
		}
		checkDiff(t, string(a), string(b))
		checkDiff(t, string(a), randomText(rnd, rnd.IntN(80)))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func TestDiffOfALargeTextFindsItsFewChanges(t *testing.T) {
	var b strings.Builder
	for i := range 60_000 {
		b.WriteString("line " + strings.Repeat("x", i%50) + "\n")
	}
	a := b.String()
	m := New(a)
	want := Patch{{10, 0, "é"}, {400_000, 3, "abc\nd"}, {m.Len() - 30, 0, "\n"}}.Trim(m)
	m.Apply(want)
	if got := checkDiff(t, a, m.String()); len(got) < 3 || len(got) > 8 || patchSize(got) > 14 {
		t.Errorf("Diff has %d edits of size %d: %.300v", len(got), patchSize(got), got)
	}
	// The same in one line.
	oneLine := strings.ReplaceAll(a, "\n", ";")
	changed := New(oneLine)
	changed.Apply(want)
	if got := checkDiff(t, oneLine, changed.String()); len(got) < 3 || len(got) > 8 || patchSize(got) > 14 {
		t.Errorf("in one line Diff has %d edits of size %d: %.300v", len(got), patchSize(got), got)
	}
}

// TestDiffOfLongCommonEnds has its change further from both ends than what is compared at once.
func TestDiffOfLongCommonEnds(t *testing.T) {
	end := strings.Repeat("é and more\n", sameBlock)
	if got, want := checkDiff(t, end+"é"+end, end+"ĩ"+end), (Patch{{runeCount(end), 1, "ĩ"}}); !slices.Equal(got, want) {
		t.Errorf("Diff = %.300v, want %v", got, want)
	}
	for n := sameBlock - 2; n < sameBlock+2; n++ {
		a := strings.Repeat("x", 2*sameBlock+1)
		checkDiff(t, a, a[:n]+"y"+a[n+1:])
		checkDiff(t, a, a[:len(a)-n-1]+"y"+a[len(a)-n:])
	}
}

func patchSize(p Patch) int {
	n := 0
	for _, e := range p {
		n += e.Del + runeCount(e.Ins)
	}
	return n
}

// TestDiffOfEveryLineIndented goes beyond what one search looks ahead: the texts have no line in common.
func TestDiffOfEveryLineIndented(t *testing.T) {
	var a, b strings.Builder
	rnd := rand.New(rand.NewPCG(7, 7))
	lines := 5 * maxCost
	for range lines {
		line := randomWord(rnd) + " = " + randomWord(rnd) + ";\n"
		a.WriteString(line)
		b.WriteString("\t" + line)
	}
	got := checkDiff(t, a.String(), b.String())
	if n := patchSize(got); n > 3*lines {
		t.Errorf("Diff is of size %d for %d inserted tabs", n, lines)
	}
}

func randomWord(rnd *rand.Rand) string {
	b := make([]byte, 3+rnd.IntN(8))
	for i := range b {
		b[i] = 'a' + byte(rnd.IntN(26))
	}
	return string(b)
}

func TestDifferOfTheSame(t *testing.T) {
	for _, s := range []string{"", "same"} {
		d := differ[byte]{a: []byte(s), b: []byte(s), steps: 100}
		if d.walk(box{0, len(s), 0, len(s)}); len(d.hunks) != 0 {
			t.Errorf("%q differs from itself: %v", s, d.hunks)
		}
	}
}

func TestDifferIsBounded(t *testing.T) {
	rnd := rand.New(rand.NewPCG(8, 8))
	a, b := make([]byte, 60_000), make([]byte, 50_000)
	for _, s := range [][]byte{a, b} {
		for i := range s {
			s[i] = byte(rnd.IntN(256))
		}
	}
	for _, steps := range []int{-1, 0, 1, 100, 1 << 20, 1 << 26} {
		d := differ[byte]{a: a, b: b, steps: steps}
		d.walk(box{0, len(a), 0, len(b)})
		checkHunks(t, d)
		// Beyond its steps it may finish one round of each search it is in, and look at each element once more.
		if least := -4*maxCost*trySteps - len(a) - len(b); d.steps < least {
			t.Errorf("with %d steps: %d are left, want at least %d", steps, d.steps, least)
		}
		if steps <= 0 && len(d.hunks) != 1 || steps >= 1<<26 && len(d.hunks) < 100 {
			t.Errorf("with %d steps: %d differences", steps, len(d.hunks))
		}
	}
}

// checkHunks fails the test unless all between the differences is the same, and they are apart.
func checkHunks(t *testing.T, d differ[byte]) {
	t.Helper()
	atA, atB := 0, 0
	for i, h := range append(slices.Clone(d.hunks), box{len(d.a), len(d.a), len(d.b), len(d.b)}) {
		if !slices.Equal(d.a[atA:h.aLo], d.b[atB:h.bLo]) {
			t.Fatalf("before difference %d the sequences are not the same", i)
		}
		if i > 0 && i < len(d.hunks) && atA == h.aLo {
			t.Fatalf("difference %d touches the one before", i)
		}
		atA, atB = h.aHi, h.bHi
	}
}
