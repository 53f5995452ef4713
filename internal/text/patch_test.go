package text

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// checkNormal fails the test unless p is what a Patch promises to be, for a text of n code points.
func checkNormal(t *testing.T, p Patch, n int) {
	t.Helper()
	end := -1
	for _, e := range p {
		if e.isEmpty() || e.Del < 0 || e.Pos <= end || e.end() > n {
			t.Fatalf("not a patch of a text of %d: %v", n, p)
		}
		end = e.end()
	}
}

func TestNewPatch(t *testing.T) {
	check := func(t *testing.T, input []Edit, want Patch, wantOK bool) {
		t.Helper()
		got, ok := NewPatch(input...)
		if !slices.Equal(got, want) || ok != wantOK {
			t.Errorf("NewPatch(%v) = %v, %v, want %v, %v", input, got, ok, want, wantOK)
		}
	}
	check(t, nil, nil, true)
	check(t, []Edit{{3, 0, ""}}, nil, true)
	check(t, []Edit{{5, 1, "b"}, {0, 2, "a"}}, Patch{{0, 2, "a"}, {5, 1, "b"}}, true)
	check(t, []Edit{{0, 2, "a"}, {2, 1, "b"}}, Patch{{0, 3, "ab"}}, true)
	check(t, []Edit{{4, 0, "a"}, {4, 0, "b"}}, Patch{{4, 0, "ab"}}, true)
	check(t, []Edit{{4, 2, "c"}, {4, 0, "a"}, {4, 0, "b"}, {6, 0, "d"}}, Patch{{4, 2, "abcd"}}, true)
	check(t, []Edit{{0, 3, ""}, {2, 1, ""}}, nil, false)
	check(t, []Edit{{0, 3, ""}, {2, 0, "x"}}, nil, false)
	check(t, []Edit{{-1, 0, "x"}}, nil, false)
	check(t, []Edit{{1, -1, "x"}}, nil, false)
}

func TestApply(t *testing.T) {
	check := func(t *testing.T, before string, p Patch, want string) {
		t.Helper()
		r := New(before)
		r.Apply(p)
		if got := r.String(); got != want {
			t.Errorf("%v on %q = %q, want %q", p, before, got, want)
		}
		if got := r.Len() - runeCount(before); got != p.LenDelta() {
			t.Errorf("LenDelta(%v) = %d, want %d", p, p.LenDelta(), got)
		}
	}
	check(t, "", nil, "")
	check(t, "", Patch{{0, 0, "é"}}, "é")
	check(t, "a😀b", Patch{{1, 1, ""}}, "ab")
	check(t, "a😀b", Patch{{0, 1, "😀😀"}, {2, 1, "c\n"}}, "😀😀😀c\n")
	check(t, "abc", Patch{{0, 3, ""}}, "")
}

func TestPatchOutsideTheTextPanicsBeforeItChanges(t *testing.T) {
	for _, p := range []Patch{{{0, 1, "x"}, {3, 1, ""}}, {{4, 0, "x"}}, {{2, 1, "x"}, {1, 0, "y"}}, {{-1, 0, "x"}},
		{{1, -1, "x"}}, {{1, int(^uint(0) >> 1), ""}, {2, 0, "x"}}} {
		r := New("abc")
		if !panics(func() { r.Apply(p) }) || r.String() != "abc" {
			t.Errorf("%v is taken by %q", p, r)
		}
	}
}

func TestCompose(t *testing.T) {
	check := func(t *testing.T, p, q, want Patch) {
		t.Helper()
		if got := Compose(p, q); !slices.Equal(got, want) {
			t.Errorf("Compose(%v, %v) = %v, want %v", p, q, got, want)
		}
	}
	check(t, nil, nil, nil)
	check(t, Patch{{1, 2, "a"}}, nil, Patch{{1, 2, "a"}})
	check(t, nil, Patch{{1, 2, "a"}}, Patch{{1, 2, "a"}})
	// Typing goes on, in front, inside and behind.
	check(t, Patch{{1, 0, "ab"}}, Patch{{3, 0, "c"}}, Patch{{1, 0, "abc"}})
	check(t, Patch{{1, 0, "ab"}}, Patch{{1, 0, "c"}}, Patch{{1, 0, "cab"}})
	check(t, Patch{{1, 0, "éb"}}, Patch{{2, 0, "c"}}, Patch{{1, 0, "écb"}})
	// Backspace over what was typed, then beyond it.
	check(t, Patch{{1, 0, "ab"}}, Patch{{2, 1, ""}}, Patch{{1, 0, "a"}})
	check(t, Patch{{1, 0, "ab"}}, Patch{{1, 2, ""}}, Patch{})
	check(t, Patch{{1, 0, "ab"}}, Patch{{0, 4, ""}}, Patch{{0, 2, ""}})
	// A deletion and an insertion at its place, either way round.
	check(t, Patch{{4, 3, ""}}, Patch{{4, 0, "x"}}, Patch{{4, 3, "x"}})
	check(t, Patch{{4, 0, "x"}}, Patch{{5, 3, ""}}, Patch{{4, 3, "x"}})
	check(t, Patch{{4, 0, "x"}}, Patch{{1, 3, ""}}, Patch{{1, 3, "x"}})
	// One of q over several of p, with text between them that goes.
	check(t, Patch{{1, 1, "ab"}, {4, 0, "cd"}}, Patch{{2, 4, "-"}}, Patch{{1, 3, "a-d"}})
	// Apart they stay apart, in either order.
	check(t, Patch{{1, 0, "ab"}}, Patch{{5, 1, "c"}}, Patch{{1, 0, "ab"}, {3, 1, "c"}})
	check(t, Patch{{5, 1, "c"}}, Patch{{1, 0, "ab"}}, Patch{{1, 0, "ab"}, {5, 1, "c"}})
}

func TestPatchAlgebra(t *testing.T) {
	for seed := range uint64(4000) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		a := model(randomText(rnd, rnd.IntN(20)))
		p := randomPatch(rnd, len(a))
		b := a.apply(p)
		q := randomPatch(rnd, len(b))
		c := b.apply(q)
		r := randomPatch(rnd, len(c))
		d := c.apply(r)
		checkAlgebra(t, []model{a, b, c, d}, p, q, r)
		if t.Failed() {
			t.Fatalf("seed %d: %q, %v, %v, %v", seed, string(a), p, q, r)
		}
	}
}

// checkAlgebra checks the laws on three patches that lead from each text to the next one.
func checkAlgebra(t *testing.T, texts []model, p, q, r Patch) {
	t.Helper()
	a, b, c, d := texts[0], texts[1], texts[2], texts[3]
	before := New(string(a))
	leads := func(name string, from model, p Patch, to model) {
		t.Helper()
		checkNormal(t, p, len(from))
		if got := from.apply(p); !slices.Equal(got, to) {
			t.Errorf("%s: %v leads to %q, want %q", name, p, string(got), string(to))
		}
		if p.LenDelta() != len(to)-len(from) {
			t.Errorf("%s: LenDelta is %d, want %d", name, p.LenDelta(), len(to)-len(from))
		}
	}
	originals := []Patch{slices.Clone(p), slices.Clone(q), slices.Clone(r)}
	leads("p", a, p, b)
	leads("p, q", a, Compose(p, q), c)
	leads("(p, q), r", a, Compose(Compose(p, q), r), d)
	leads("p, (q, r)", a, Compose(p, Compose(q, r)), d)
	leads("all", a, ComposeAll(p, q, r), d)
	leads("p back", b, p.Invert(before), a)
	if got := before.Clone(); true {
		got.Apply(p)
		leads("p back and forth", a, p.Invert(before).Invert(got), b)
	}
	leads("there and back", a, Compose(p, p.Invert(before)), a)
	if got := Compose(p, p.Invert(before)).Trim(before); len(got) != 0 {
		t.Errorf("there and back is not nothing: %v", got)
	}
	leads("trimmed", a, Compose(p, q).Trim(before), c)
	checkMapping(t, a, p, p.Invert(before))
	for i, got := range []Patch{p, q, r} {
		if !slices.Equal(got, originals[i]) {
			t.Errorf("patch %v was written into: %v", originals[i], got)
		}
	}
}

// checkMapping checks MapPos and UnmapPos of p, a patch of a, against what each code point does.
func checkMapping(t *testing.T, a model, p, inverse Patch) {
	t.Helper()
	n := len(a) + p.LenDelta()
	for _, b := range []Bias{Before, After} {
		last := 0
		for pos := range len(a) + 1 {
			got := p.MapPos(pos, b)
			if got < last || got > n {
				t.Errorf("%v.MapPos(%d, %d) = %d, of %d, after %d", p, pos, b, got, n, last)
			}
			last = got
			if want := inverse.UnmapPos(pos, b); got != want {
				t.Errorf("%v.MapPos(%d, %d) = %d, the inverse unmaps to %d", p, pos, b, got, want)
			}
			if inside := deletes(p, pos-1) || deletes(p, pos); !inside && p.UnmapPos(got, b) != pos {
				t.Errorf("%v: %d goes to %d and comes back to %d", p, pos, got, p.UnmapPos(got, b))
			}
		}
		for pos := range n + 1 {
			if got, want := p.UnmapPos(pos, b), inverse.MapPos(pos, b); got != want {
				t.Errorf("%v.UnmapPos(%d, %d) = %d, the inverse maps to %d", p, pos, b, got, want)
			}
		}
	}
	// A code point that stays lies between the same places before and after.
	for pos := range a {
		if from, to := p.MapPos(pos, After), p.MapPos(pos+1, Before); !deletes(p, pos) && to != from+1 {
			t.Errorf("%v: code point %d goes to [%d, %d)", p, pos, from, to)
		}
	}
}

func deletes(p Patch, pos int) bool {
	return slices.ContainsFunc(p, func(e Edit) bool { return e.Pos <= pos && pos < e.end() })
}

func TestMapPos(t *testing.T) {
	check := func(t *testing.T, p Patch, pos, wantBefore, wantAfter int) {
		t.Helper()
		if got := p.MapPos(pos, Before); got != wantBefore {
			t.Errorf("%v.MapPos(%d, Before) = %d, want %d", p, pos, got, wantBefore)
		}
		if got := p.MapPos(pos, After); got != wantAfter {
			t.Errorf("%v.MapPos(%d, After) = %d, want %d", p, pos, got, wantAfter)
		}
	}
	check(t, nil, 3, 3, 3)
	insertion := Patch{{2, 0, "😀b"}}
	check(t, insertion, 1, 1, 1)
	check(t, insertion, 2, 2, 4)
	check(t, insertion, 3, 5, 5)
	deletion := Patch{{2, 3, ""}}
	check(t, deletion, 2, 2, 2)
	check(t, deletion, 3, 2, 2)
	check(t, deletion, 5, 2, 2)
	check(t, deletion, 6, 3, 3)
	replacement := Patch{{2, 3, "abcd"}}
	check(t, replacement, 2, 2, 2)
	check(t, replacement, 3, 2, 6)
	check(t, replacement, 5, 6, 6)
	two := Patch{{0, 0, "ab"}, {1, 0, "c"}}
	check(t, two, 0, 0, 2)
	check(t, two, 1, 3, 4)
}

func TestUnmapPos(t *testing.T) {
	check := func(t *testing.T, p Patch, pos, wantBefore, wantAfter int) {
		t.Helper()
		if got := p.UnmapPos(pos, Before); got != wantBefore {
			t.Errorf("%v.UnmapPos(%d, Before) = %d, want %d", p, pos, got, wantBefore)
		}
		if got := p.UnmapPos(pos, After); got != wantAfter {
			t.Errorf("%v.UnmapPos(%d, After) = %d, want %d", p, pos, got, wantAfter)
		}
	}
	check(t, nil, 3, 3, 3)
	insertion := Patch{{2, 0, "😀b"}}
	check(t, insertion, 2, 2, 2)
	check(t, insertion, 3, 2, 2)
	check(t, insertion, 4, 2, 2)
	check(t, insertion, 5, 3, 3)
	deletion := Patch{{2, 3, ""}}
	check(t, deletion, 2, 2, 5)
	check(t, deletion, 3, 6, 6)
	replacement := Patch{{2, 3, "abcd"}}
	check(t, replacement, 2, 2, 2)
	check(t, replacement, 3, 2, 5)
	check(t, replacement, 6, 5, 5)
}

func TestTrim(t *testing.T) {
	check := func(t *testing.T, before string, p, want Patch) {
		t.Helper()
		if got := p.Trim(New(before)); !slices.Equal(got, want) {
			t.Errorf("%v.Trim(%q) = %v, want %v", p, before, got, want)
		}
	}
	check(t, "abc", nil, nil)
	check(t, "abc", Patch{{0, 3, "abc"}}, nil)
	check(t, "abc", Patch{{0, 3, "axc"}}, Patch{{1, 1, "x"}})
	check(t, "aaa", Patch{{0, 3, "aa"}}, Patch{{2, 1, ""}})
	check(t, "aa", Patch{{0, 2, "aaa"}}, Patch{{2, 0, "a"}})
	check(t, "ab", Patch{{0, 1, "a"}, {2, 0, "c"}}, Patch{{2, 0, "c"}})
	// U+1F600 and U+1F601 differ in their last byte, U+00E9 and U+0129 in their first.
	check(t, "😀", Patch{{0, 1, "😁"}}, Patch{{0, 1, "😁"}})
	check(t, "é", Patch{{0, 1, "ĩ"}}, Patch{{0, 1, "ĩ"}})
	check(t, "x😀y", Patch{{0, 3, "x😀😁y"}}, Patch{{2, 0, "😁"}})
}

func TestComposeAllOfTyping(t *testing.T) {
	word := strings.Repeat("tippen, ", 100)
	var ps []Patch
	for i := range word {
		ps = append(ps, Patch{{3 + i, 0, word[i : i+1]}})
	}
	if got := ComposeAll(ps...); !slices.Equal(got, Patch{{3, 0, word}}) {
		t.Errorf("ComposeAll = %v", got)
	}
	if got := ComposeAll(); got != nil {
		t.Errorf("ComposeAll() = %v, want nil", got)
	}
}

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}
