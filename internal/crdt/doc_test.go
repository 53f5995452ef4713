package crdt

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"earshot/internal/text"
)

func mustEdit(t testing.TB, d *Doc, a Agent, at Frontier, p text.Patch) Frontier {
	t.Helper()
	after, _, err := d.Edit(a, at, p)
	if err != nil {
		t.Fatal(err)
	}
	return after
}

// TestVersions: the names of versions, there and back, and what is asked about authors.
func TestVersions(t *testing.T) {
	d := fork(t)
	if got, want := d.Head(), (Frontier{1, 3}); !got.Equal(want) {
		t.Errorf("head: got %v, want %v", got, want)
	}
	v := d.Version(d.Head())
	if want := (Version{{1, 1}, {2, 1}}); !slices.Equal(v, want) {
		t.Errorf("version: got %v, want %v", v, want)
	}
	check := func(v Version, want Frontier, wantErr error) {
		t.Helper()
		got, err := d.Frontier(v)
		if !got.Equal(want) || !errors.Is(err, wantErr) {
			t.Errorf("frontier of %v: got %v, %v, want %v, %v", v, got, err, want, wantErr)
		}
	}
	check(v, d.Head(), nil)
	check(Version{{2, 1}, {1, 1}}, d.Head(), nil)
	check(Version{{1, 0}, {1, 1}, {1, 1}}, Frontier{1}, nil)
	check(nil, nil, nil)
	check(Version{{1, 2}}, nil, ErrUnknown)
	check(Version{{3, 0}}, nil, ErrUnknown)
	for agent, want := range map[Agent]uint32{1: 2, 2: 2, 3: 0} {
		if got := d.NextSeq(agent); got != want {
			t.Errorf("next of %d: got %d, want %d", agent, got, want)
		}
	}
	for agent, want := range map[Agent]Frontier{1: {1}, 2: {3}, 3: nil} {
		if got := d.LastOf(agent); !got.Equal(want) {
			t.Errorf("last of %d: got %v, want %v", agent, got, want)
		}
	}
	if got, want := d.Base(), "0123456789"; got != want {
		t.Errorf("base: got %q, want %q", got, want)
	}
}

// TestGraphAgainstHistories: contains, union and diff are what the sets of events say.
func TestGraphAgainstHistories(t *testing.T) {
	eachWorld(t, 300, 60, func(t *testing.T, w *world) {
		for range 10 {
			f, g := w.version(), w.version()
			inF, inG := w.oracle.historyOf(w.ints(f)), w.oracle.historyOf(w.ints(g))
			all := true
			for e := range inG {
				all = all && inF[e]
			}
			if got := w.doc.Contains(f, g); got != all {
				t.Errorf("%v contains %v: got %t, want %t", f, g, got, all)
			}
			union := w.doc.Union(f, g)
			if inU := w.oracle.historyOf(w.ints(union)); !slices.IsSorted(union) || len(inU) != countOf(inF, inG) {
				t.Errorf("union of %v and %v: got %v", f, g, union)
			}
			for i, head := range union {
				rest := slices.Delete(slices.Clone(union), i, i+1)
				if w.oracle.historyOf(w.ints(rest))[int(head)] {
					t.Errorf("union of %v and %v: got %v, of which %d is no head", f, g, union, head)
				}
			}
		}
	})
}

func countOf(f, g map[int]bool) int {
	n := len(f)
	for e := range g {
		if !f[e] {
			n++
		}
	}
	return n
}

// TestEncoding: the very bytes, which other versions of the program must understand.
func TestEncoding(t *testing.T) {
	d := New("ab")
	first := mustEdit(t, d, 0x0807060504030201, nil, text.Patch{{Pos: 2, Ins: "xé"}})
	mustEdit(t, d, 2, nil, text.Patch{{Pos: 0, Del: 2}})
	check := func(got []byte, want string) {
		t.Helper()
		if string(got) != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	one, two := "\x01\x02\x03\x04\x05\x06\x07\x08", "\x02\x00\x00\x00\x00\x00\x00\x00"
	typing := "\x00\x01\x01" + "\x08\x04"  // agent 0, no parents, 1 op: 2 inserted, 2 further than expected
	erasing := "\x01\x01\x01" + "\x09\x07" // agent 1, no parents, 1 op: 2 removed, 4 before where the typing ended
	check(d.Since(nil), "\x01\x01"+"\x02"+one+"\x00"+two+"\x00"+"\x02"+typing+erasing+"\x03xé")
	check(d.Snapshot(), "\x02\x02ab\x00"+string(d.Since(nil)))
	check(d.Summary(), "\x01\x02"+two+"\x02"+one+"\x02")
	if got := d.Since(d.Head()); got != nil {
		t.Errorf("since the head: got %q, want nothing", got)
	}

	joined := mustEdit(t, d, 2, d.Head(), text.Patch{{Pos: 0, Ins: "."}})
	// Agent 2's third event; its parents are the last named event of each.
	check(d.Since(Frontier{1, 3}), "\x01\x01"+"\x02"+two+"\x02"+one+"\x02"+"\x01"+"\x00\x03\x01\x00\x00\x00"+"\x01\x04\x00"+"\x01.")
	mustEdit(t, d, 2, joined, text.Patch{{Pos: 1, Ins: "."}})
	check(d.Since(joined), "\x01\x01"+"\x01"+two+"\x03"+"\x01"+"\x00\x00"+"\x01\x04\x02"+"\x01.")

	agents, err := Agents(d.Since(first))
	if want := []Agent{2}; err != nil || !slices.Equal(agents, want) {
		t.Errorf("agents: got %v, %v, want %v", agents, err, want)
	}
	if agents, err = Agents(d.Since(joined)[1:]); !errors.Is(err, ErrCorrupt) {
		t.Errorf("agents of nonsense: got %v, %v", agents, err)
	}
	if agents, err = Agents(nil); agents != nil || err != nil {
		t.Errorf("agents of nothing: got %v, %v", agents, err)
	}
}

// TestSummaries: two that each lack something of one author find out what.
func TestSummaries(t *testing.T) {
	a := fork(t)
	b, err := Load(a.Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	mustEdit(t, a, 1, a.Head(), text.Patch{{Pos: 0, Ins: "1"}})
	mustEdit(t, b, 2, b.Head(), text.Patch{{Pos: 0, Ins: "2"}})
	mustEdit(t, b, 2, b.Head(), text.Patch{{Pos: 9, Del: 2}})
	mustEdit(t, b, 3, b.Head(), text.Patch{{Pos: 0, Ins: "3"}})
	toA, toB := sinceDoc(t, b, a), sinceDoc(t, a, b)
	for _, pair := range []struct {
		b    []byte
		want []Agent
	}{{toA, []Agent{2, 3}}, {toB, []Agent{1}}} {
		if got, err := Agents(pair.b); err != nil || !slices.Equal(got, pair.want) {
			t.Errorf("got events of %v, %v, want %v", got, err, pair.want)
		}
	}
	merge(t, a, toA)
	merge(t, b, toB)
	sameDoc(t, a, b)
}

// TestPlaces: what the index says after any moves is what a plain list says.
func TestPlaces(t *testing.T) {
	dice := seeded(1)
	var p places
	p.reset(0)
	plain := make([]int32, 3000)
	for n := uint32(0); n < uint32(len(plain)); {
		from, size := uint32(0), uint32(1+dice.IntN(20))
		switch dice.IntN(4) {
		case 0: // items are added in order
			from = n
		case 1:
			from = uint32(dice.IntN(int(n + 1)))
		case 2:
			from, size = uint32(dice.IntN(int(n+1))), uint32(dice.IntN(1000))
		case 3: // a leaf takes a whole page
			from, size = uint32(dice.IntN(int(n/pageSize+1)))*pageSize, pageSize
		}
		if from+size > n && from != n {
			continue
		}
		size = min(size, uint32(len(plain))-from)
		leaf := int32(dice.IntN(5))
		p.set(from, size, leaf)
		for i := range size {
			plain[from+i] = leaf
		}
		n = max(n, from+size)
		for i := range n {
			if got := p.leaf(i); got != plain[i] {
				t.Fatalf("item %d: got leaf %d, want %d", i, got, plain[i])
			}
		}
	}
	if len(p.lists) > len(p.pages) {
		t.Errorf("got %d lists for %d pages", len(p.lists), len(p.pages))
	}
}

// TestLoadErrors: what can be wrong with a Snapshot or a Summary beside its events.
func TestLoadErrors(t *testing.T) {
	check := func(b []byte, want error) {
		t.Helper()
		if _, err := Load(b); !errors.Is(err, want) {
			t.Errorf("load %q: got %v, want %v", b, err, want)
		}
	}
	check([]byte("\x02\x02ab\x00"), nil)
	check([]byte("\x02\x00\x00"), nil)
	check(nil, ErrCorrupt)
	check([]byte("\x01\x00\x00"), ErrCorrupt)
	check([]byte("\x02\x03ab\x00"), ErrCorrupt)
	check([]byte("\x02\x02\xc3\x28\x00"), ErrCorrupt)
	check([]byte("\x02\x00\x00\x01"), ErrCorrupt)
	check(putUint([]byte{2}, MaxText+1), ErrTooLarge)
	agent := "\x07\x00\x00\x00\x00\x00\x00\x00"
	check([]byte("\x02\x00\x01"+agent+"\x03"), nil)
	check([]byte("\x02\x00\x01"+agent+"\x00"), ErrCorrupt)
	check([]byte("\x02\x00\x02"+agent+"\x03"+agent+"\x03"), ErrCorrupt)
	check([]byte("\x02\x00\x02"+agent+"\x03"), ErrCorrupt)

	d := fork(t)
	for _, b := range []string{"", "\x02\x00", "\x01\x01", "\x01\x00\x00", "\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00"} {
		if _, err := d.SinceSummary([]byte(b)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("summary %q: got %v, want %v", b, err, ErrCorrupt)
		}
	}
}

// TestBranchesAreSentWhole: typing of two who did not see one another, recorded in turns, is sent as two runs.
func TestBranchesAreSentWhole(t *testing.T) {
	d := New("")
	var a, b Frontier
	for i := range 100 {
		a = mustEdit(t, d, 1, a, text.Patch{{Pos: i, Ins: "a"}})
		b = mustEdit(t, d, 2, b, text.Patch{{Pos: i, Ins: "b"}})
	}
	w, err := decode(d.Since(nil))
	if err != nil {
		t.Fatal(err)
	}
	if got := len(w.blocks); got != 2 {
		t.Errorf("got %d blocks, want 2", got)
	}
	if got := len(w.ops); got != 2 {
		t.Errorf("got %d ops, want 2", got)
	}
}

// TestTyping: keystrokes of one author are one op, backspaces too, and no tracker is made for them.
func TestTyping(t *testing.T) {
	d := New("")
	var at Frontier
	for i := range 100 {
		at = mustEdit(t, d, 1, at, text.Patch{{Pos: i, Ins: "é"}})
	}
	for i := range 50 {
		at = mustEdit(t, d, 1, at, text.Patch{{Pos: 99 - i, Del: 1}})
	}
	for range 20 {
		at = mustEdit(t, d, 1, at, text.Patch{{Pos: 10, Del: 1}})
	}
	if got := len(d.log.ops); got != 3 {
		t.Errorf("got %d ops, want 3: %v", got, d.log.ops)
	}
	if d.tracker != nil {
		t.Error("a tracker was made")
	}
	if got, want := d.TextAt(Frontier{99}).String(), strings.Repeat("é", 100); got != want {
		t.Errorf("before the deletions: got %q, want %q", got, want)
	}
}

// TestEditBeforeTheBeginning: a place that is none is refused also where who typed last goes on.
func TestEditBeforeTheBeginning(t *testing.T) {
	d := New("hello ")
	var at Frontier
	for i, s := range []string{"a", "b", "c", "é"} {
		at = mustEdit(t, d, 1, at, text.Patch{{Pos: 6 + i, Ins: s}})
	}
	for _, pos := range []int{-1, -2} {
		for _, p := range []text.Patch{{{Pos: pos, Ins: "x"}}, {{Pos: pos, Del: 1}}, {{Pos: 3, Del: -1}}} {
			if _, _, err := d.Edit(1, at, p); !errors.Is(err, ErrPosition) || d.Text().String() != "hello abcé" {
				t.Errorf("%v: got %v and %q", p, err, d.Text())
			}
		}
	}
}

// TestTypingBehindWideText: also who types on behind a character beyond ASCII makes no run in which places are counted out
// for long.
func TestTypingBehindWideText(t *testing.T) {
	const begin = 300 // so that the rope doesn't begin a leaf just where the op has to end
	d := New(strings.Repeat("-", begin))
	at := mustEdit(t, d, 1, nil, text.Patch{{Pos: begin, Ins: "é"}})
	for i := range 2 * longWide {
		at = mustEdit(t, d, 1, at, text.Patch{{Pos: begin + 1 + i, Ins: "x"}})
	}
	if wide := d.log.op(0); len(d.log.ops) != 2 || wide.size > longWide {
		t.Errorf("got %d ops, the first of %d bytes", len(d.log.ops), wide.size)
	}
}

// TestWideText: a long insertion is kept in parts when a place in it must be counted out, and is whole outside.
func TestWideText(t *testing.T) {
	s := strings.Repeat("aé€🦄\r\x00", 1000)
	d := New("[]")
	at := mustEdit(t, d, 1, nil, text.Patch{{Pos: 1, Ins: s}})
	if len(d.log.ops) < len(s)/longWide {
		t.Errorf("got %d ops", len(d.log.ops))
	}
	mustEdit(t, d, 2, Frontier{2999}, text.Patch{{Pos: 2000, Ins: "X"}})
	if got, want := d.Text().String(), "["+string([]rune(s)[:1999])+"X"+string([]rune(s)[1999:])+"]"; got != want {
		t.Error("wrong text")
	}
	if got, want := d.Diff(nil, at), (text.Patch{{Pos: 1, Ins: s}}); !slices.Equal(got, want) {
		t.Error("wrong difference")
	}
	e := New("[]")
	merge(t, e, d.Since(nil))
	sameDoc(t, e, d)
}

// TestTypingIsNotInterleaved: what two typed at one place at once, one of them backwards, stays together.
func TestTypingIsNotInterleaved(t *testing.T) {
	d := New("")
	var a, b Frontier
	for i, c := range "Alice" {
		a = mustEdit(t, d, 1, a, text.Patch{{Pos: i, Ins: string(c)}})
	}
	for _, c := range "boB" {
		b = mustEdit(t, d, 2, b, text.Patch{{Pos: 0, Ins: string(c)}})
	}
	if got, want := d.Text().String(), "AliceBob"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestMarks: a long history keeps few marks, the newest close together, and gives up trackers it has outgrown.
func TestMarks(t *testing.T) {
	d := New("")
	d.limits.markEvery, d.limits.patience = 1, 50
	typeAt := func(a Agent, at Frontier, i int) Frontier {
		return mustEdit(t, d, a, at, text.Patch{{Pos: i % 7, Ins: string(rune('a' + i%26))}})
	}
	for i := range 7 {
		typeAt(1, d.Head(), i)
	}
	for i := range 5000 {
		before := d.Head()
		typeAt(1, before, i*3)
		if i%10 == 0 {
			typeAt(2, d.Union(before, d.LastOf(2)), i*5)
		}
	}
	if got := len(d.marks); got > 120 {
		t.Errorf("got %d marks", got)
	}
	if got := len(d.log.ops) - d.tracker.mark.runs; got > 100 {
		t.Errorf("the tracker holds %d runs", got)
	}
	// Going back is possible all the same, and what it needs is kept until it has doubled.
	old := d.TextAt(Frontier{6})
	if got, want := old.String(), d.Diff(nil, Frontier{6})[0].Ins; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	far := d.tracker
	typeAt(3, Frontier{6}, 0)
	typeAt(1, d.LastOf(1), 3)
	if d.tracker != far && len(d.marks) > 10 {
		t.Errorf("%d marks are left although an event is beside them", len(d.marks))
	}
	d.checkTracker(t)
}
