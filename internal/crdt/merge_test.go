package crdt

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"earshot/internal/text"
)

// wireBatch is an encoding in the making, right or wrong.
type wireBatch struct {
	agents [][2]uint64 // id, start
	blocks []wireBlock
	text   string
}

type wireBlock struct {
	author  uint32
	parents [][2]uint32 // agent, back; nil: the author's previous event
	ops     []wireOp
}

type wireOp struct {
	n     uint32
	kind  kind
	place int32 // against the expected one
}

var atRoot = [][2]uint32{}

func (w wireBatch) bytes() []byte {
	b := putUint([]byte{formatVersion, orderRule}, uint32(len(w.agents)))
	for _, a := range w.agents {
		b = putUint(putAgent(b, Agent(a[0])), uint32(a[1]))
	}
	b = putUint(b, uint32(len(w.blocks)))
	for _, k := range w.blocks {
		b = putUint(b, k.author)
		if k.parents == nil {
			b = putUint(b, 0)
		} else {
			b = putUint(b, 1+uint32(len(k.parents)))
		}
		for _, p := range k.parents {
			b = putUint(putUint(b, p[0]), p[1])
		}
		b = putUint(b, uint32(len(k.ops)))
		for _, o := range k.ops {
			b = putInt(putUint(b, o.n<<2|uint32(o.kind)), o.place)
		}
	}
	return append(putUint(b, uint32(len(w.text))), w.text...)
}

// one is an encoding of one block by agent 9, whose earlier events are there up to start.
func one(start uint64, parents [][2]uint32, text string, ops ...wireOp) wireBatch {
	return wireBatch{[][2]uint64{{9, start}, {1, 2}, {2, 2}}, []wireBlock{{0, parents, ops}}, text}
}

// fork is a Doc "0123456789" with two events of agent 1 and, beside them, two of agent 2.
func fork(t testing.TB) *Doc {
	t.Helper()
	d := New("0123456789")
	for agent := range Agent(2) {
		at := Frontier(nil)
		for range 2 {
			var err error
			if at, _, err = d.Edit(agent+1, at, text.Patch{{Pos: 3, Ins: "é"}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return d
}

// TestMergeErrors: what can be wrong with an encoding, and that nothing is changed then.
func TestMergeErrors(t *testing.T) {
	bothHeads := [][2]uint32{{1, 0}, {2, 0}}
	ins := func(n uint32, place int32) wireOp { return wireOp{n, insert, place} }
	del := func(n uint32, place int32) wireOp { return wireOp{n, remove, place} }
	back := func(n uint32, place int32) wireOp { return wireOp{n, backspace, place} }
	whole := one(0, bothHeads, "ab", ins(2, 0)).bytes()
	check := func(name string, b []byte, want error) {
		t.Run(name, func(t *testing.T) {
			d := fork(t)
			before := d.Snapshot()
			_, err := d.Merge(b)
			if !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
			if err != nil && !slices.Equal(d.Snapshot(), before) {
				t.Error("the document changed")
			}
			d.checkTracker(t)
			if _, err := d.Merge(whole); err != nil && want != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
	check("good", whole, nil)
	check("nothing", nil, nil)
	check("other version", append([]byte{2}, whole[1:]...), ErrCorrupt)
	check("other order", append([]byte{1, 2}, whole[2:]...), ErrCorrupt)
	for n := 1; n < len(whole); n++ {
		check("cut off", whole[:n], ErrCorrupt)
	}
	check("more behind", append(slices.Clone(whole), 0), ErrCorrupt)
	check("no block", wireBatch{}.bytes(), ErrCorrupt)
	check("no op", one(0, atRoot, "").bytes(), ErrCorrupt)
	check("empty op", one(0, atRoot, "", ins(0, 0)).bytes(), ErrCorrupt)
	check("unknown kind", one(0, atRoot, "", wireOp{1, 3, 0}).bytes(), ErrCorrupt)
	check("unknown author", wireBatch{blocks: []wireBlock{{0, atRoot, []wireOp{ins(1, 0)}}}, text: "a"}.bytes(), ErrCorrupt)
	check("agent twice", wireBatch{[][2]uint64{{9, 0}, {9, 0}}, []wireBlock{{0, atRoot, []wireOp{ins(1, 0)}}}, "a"}.bytes(), ErrCorrupt)
	check("too little text", one(0, atRoot, "a", ins(2, 0)).bytes(), ErrCorrupt)
	check("too much text", one(0, atRoot, "abc", ins(2, 0)).bytes(), ErrCorrupt)
	check("text of a deletion", one(0, atRoot, "a", del(1, 0)).bytes(), ErrCorrupt)
	check("not UTF-8", one(0, atRoot, "\xc3", ins(1, 0)).bytes(), ErrCorrupt)
	check("half a pair", one(0, atRoot, "\xed\xa0\xbd", ins(3, 0)).bytes(), ErrCorrupt)
	check("follows nothing", one(0, nil, "a", ins(1, 0)).bytes(), ErrCorrupt)
	check("parent before the first", one(0, [][2]uint32{{1, 2}}, "a", ins(1, 0)).bytes(), ErrCorrupt)
	check("parent of nobody", one(0, [][2]uint32{{3, 0}}, "a", ins(1, 0)).bytes(), ErrCorrupt)
	check("parent twice", one(0, [][2]uint32{{1, 0}, {1, 0}}, "a", ins(1, 0)).bytes(), ErrCorrupt)
	check("parent of a parent", one(0, [][2]uint32{{1, 0}, {1, 1}}, "a", ins(1, 0)).bytes(), ErrCorrupt)
	check("place below 0", one(0, atRoot, "a", ins(1, -1)).bytes(), ErrCorrupt)
	check("number too long", []byte{1, 1, 0x80, 0x80, 0x80, 0x80, 0x10}, ErrCorrupt)
	check("number without end", []byte{1, 1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80}, ErrCorrupt)

	check("gap before", one(1, atRoot, "a", ins(1, 0)).bytes(), ErrMissing)
	check("follows what is missing", one(1, nil, "a", ins(1, 0)).bytes(), ErrMissing)
	check("parent not here", wireBatch{[][2]uint64{{9, 0}, {1, 3}}, []wireBlock{{0, [][2]uint32{{1, 0}}, []wireOp{ins(1, 0)}}}, "a"}.bytes(), ErrMissing)
	check("parent's author not here", wireBatch{[][2]uint64{{9, 0}, {7, 3}}, []wireBlock{{0, [][2]uint32{{1, 0}}, []wireOp{ins(1, 0)}}}, "a"}.bytes(), ErrMissing)

	check("insert at the end", one(0, bothHeads, "a", ins(1, 14)).bytes(), nil)
	check("insert behind the end", one(0, bothHeads, "a", ins(1, 15)).bytes(), ErrPosition)
	check("insert behind the end of a branch", one(0, bothHeads[:1], "a", ins(1, 13)).bytes(), ErrPosition)
	check("insert behind the base", one(0, atRoot, "a", ins(1, 11)).bytes(), ErrPosition)
	check("delete to the end", one(0, bothHeads, "", del(14, 0)).bytes(), nil)
	check("delete past the end", one(0, bothHeads, "", del(14, 1)).bytes(), ErrPosition)
	check("delete behind the end", one(0, atRoot, "", del(1, 10)).bytes(), ErrPosition)
	check("backspace to the start", one(0, bothHeads, "", back(14, 13)).bytes(), nil)
	check("backspace past the start", one(0, bothHeads, "", back(14, 12)).bytes(), ErrPosition)
	check("backspace behind the end", one(0, bothHeads, "", back(2, 14)).bytes(), ErrPosition)
	check("good, then bad", one(0, bothHeads, "abc", ins(3, 0), del(18, 0)).bytes(), ErrPosition)
	check("a good block, then a bad one", wireBatch{[][2]uint64{{9, 0}, {8, 0}}, []wireBlock{
		{0, atRoot, []wireOp{ins(1, 0)}}, {1, [][2]uint32{{0, 0}}, []wireOp{ins(1, 11)}}}, "ab"}.bytes(), ErrPosition)

	// Agent 1's third event, which does not know of its second.
	check("author forgets", wireBatch{[][2]uint64{{1, 2}, {2, 2}}, []wireBlock{{0, [][2]uint32{{1, 0}}, []wireOp{ins(1, 0)}}}, "a"}.bytes(), ErrAgent)
	check("author goes on", wireBatch{[][2]uint64{{1, 2}}, []wireBlock{{0, nil, []wireOp{ins(1, 0)}}}, "a"}.bytes(), nil)

	// Agent 1's events once more: as they are, one of them and a new one, and with something changed.
	known := func(text string, op wireOp, start uint64, parents [][2]uint32) []byte {
		return wireBatch{[][2]uint64{{1, start}, {2, 2}}, []wireBlock{{0, parents, []wireOp{op}}}, text}.bytes()
	}
	check("known", known("éé", wireOp{2, insert, 3}, 0, atRoot), ErrForged) // they were typed at one place, not in a row
	check("known again", wireBatch{[][2]uint64{{1, 0}}, []wireBlock{{0, atRoot, []wireOp{ins(1, 3), ins(1, -1)}}}, "éé"}.bytes(), nil)
	check("half known", wireBatch{[][2]uint64{{1, 1}}, []wireBlock{{0, nil, []wireOp{ins(1, 3), ins(2, 0)}}}, "éxy"}.bytes(), nil)
	check("other text", known("e", wireOp{1, insert, 3}, 1, nil), ErrForged)
	check("other place", known("é", wireOp{1, insert, 2}, 1, nil), ErrForged)
	check("other deed", known("", wireOp{1, remove, 3}, 1, nil), ErrForged)
	check("other parents", known("é", wireOp{1, insert, 3}, 1, [][2]uint32{{1, 0}}), ErrForged)
}

// TestUndoMarks: a merge that fails puts back the marks that it dropped, and forgets its own.
func TestUndoMarks(t *testing.T) {
	d := New("0123456789")
	d.limits.markEvery = 0
	for i := range 5 {
		mustEdit(t, d, 1, d.Head(), text.Patch{{Pos: 2 * i, Ins: "x"}})
	}
	before := slices.Clone(d.marks)
	x := []wireOp{{1, insert, 0}}
	for _, blocks := range [][]wireBlock{
		{{0, atRoot, x}}, // beside all marks
		{{0, atRoot, x}, {0, [][2]uint32{{0, 0}, {1, 0}}, x}}, // then a new head, a mark
		{{0, [][2]uint32{{1, 0}}, x}},                         // a mark more
	} {
		b := wireBatch{[][2]uint64{{9, 0}, {1, 5}}, blocks, strings.Repeat("x", len(blocks)+1)}
		b.blocks = append(b.blocks, wireBlock{0, nil, []wireOp{{1, insert, 100}}})
		if _, err := d.Merge(b.bytes()); !errors.Is(err, ErrPosition) {
			t.Errorf("got %v, want %v", err, ErrPosition)
		}
		if !slices.Equal(d.marks, before) {
			t.Errorf("got marks %v, want %v", d.marks, before)
		}
	}
}

// TestHalfKnown: of a run of which the beginning is here, the rest is added.
func TestHalfKnown(t *testing.T) {
	a := New("")
	for _, s := range []string{"ab", "cä€", "🦄d"} {
		before := a.Since(nil)
		at, _, err := a.Edit(1, a.Head(), text.Patch{{Pos: a.Text().Len(), Ins: s}})
		if err != nil {
			t.Fatal(err)
		}
		b := New("")
		merge(t, b, before)
		if got, want := merge(t, b, a.Since(nil)), a.Diff(b.Head(), at); len(got) != 1 || got[0].Ins != s {
			t.Errorf("got %v, want %q inserted (%v)", got, s, want)
		}
		sameDoc(t, b, a)
	}
}

// TestLimits: each limit, met and passed by one.
func TestLimits(t *testing.T) {
	check := func(name string, lower func(l *limits), fill, over wireBatch) {
		t.Run(name, func(t *testing.T) {
			d := New("0123456789")
			lower(&d.limits)
			merge(t, d, fill.bytes())
			before := d.Snapshot()
			if _, err := d.Merge(over.bytes()); !errors.Is(err, ErrTooLarge) {
				t.Errorf("got %v, want %v", err, ErrTooLarge)
			}
			if !slices.Equal(d.Snapshot(), before) {
				t.Error("the document changed")
			}
		})
	}
	next := wireBatch{[][2]uint64{{9, 5}}, []wireBlock{{0, nil, []wireOp{{1, insert, 0}}}}, "x"}
	five := one(0, atRoot, "abcde", wireOp{5, insert, 0})
	check("text", func(l *limits) { l.text = 15 }, five, next)
	check("events", func(l *limits) { l.events = 5 }, five, next)
	check("content", func(l *limits) { l.content = 5 }, five, next)
	check("runs", func(l *limits) { l.runs = 2 }, five, next)
	check("agents", func(l *limits) { l.agents = 1 }, five, wireBatch{[][2]uint64{{8, 0}}, []wireBlock{{0, atRoot, []wireOp{{1, insert, 0}}}}, "x"})
	check("edges", func(l *limits) { l.edges = 0 }, five,
		wireBatch{[][2]uint64{{8, 0}, {9, 5}}, []wireBlock{{0, [][2]uint32{{1, 1}}, []wireOp{{1, insert, 0}}}}, "x"})
}

// TestWireLimits: what is refused before anything is allocated for it.
func TestWireLimits(t *testing.T) {
	check := func(name string, b []byte, want error) {
		t.Helper()
		if _, err := decode(b); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
	}
	check("length", make([]byte, MaxEncoding+1), ErrTooLarge)
	check("agents", append(putUint([]byte{1, 1}, MaxAgents+1), make([]byte, 9*(MaxAgents+1))...), ErrTooLarge)
	check("agents that are not there", putUint([]byte{1, 1}, MaxAgents), ErrCorrupt)
	check("blocks", append(putUint([]byte{1, 1, 0}, MaxRuns+1), make([]byte, 5*(MaxRuns+1))...), ErrTooLarge)
	check("blocks that are not there", putUint([]byte{1, 1, 0}, MaxRuns), ErrCorrupt)
	head := one(0, atRoot, "").bytes()
	head = head[:len(head)-4] // without author, parents, ops and text
	head = append(head, 1)
	many := func(block []byte, n uint32, size int) []byte {
		return append(putUint(append(slices.Clone(head[:len(head)-1]), block...), n), make([]byte, size)...)
	}
	check("parents", many([]byte{0}, 1+MaxParents+1, 2*MaxParents+2), ErrTooLarge)
	check("parents that are not there", many([]byte{0}, 1+MaxParents, 9), ErrCorrupt)
	check("ops", many([]byte{0, 1}, MaxRuns+1, 2*MaxRuns+2), ErrTooLarge)
	check("ops that are not there", many([]byte{0, 1}, MaxRuns, 9), ErrCorrupt)
	check("events", one(0, atRoot, "", wireOp{MaxEvents, remove, 0}, wireOp{1, remove, 0}).bytes(), ErrTooLarge)
	check("numbers of events", one(1<<32-1, atRoot, "", wireOp{1, remove, 0}).bytes(), ErrTooLarge)
	check("place", one(0, atRoot, "", wireOp{1, remove, MaxText + 1}).bytes(), ErrCorrupt)
}

// TestEditErrors: what a local edit can be refused for, and that nothing is changed then.
func TestEditErrors(t *testing.T) {
	check := func(name string, agent Agent, at Frontier, p text.Patch, want error) {
		t.Run(name, func(t *testing.T) {
			d := fork(t)
			d.limits.text = 40
			before := d.Snapshot()
			after, head, err := d.Edit(agent, at, p)
			if !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
			if err != nil && (head != nil || !after.Equal(at) || !slices.Equal(d.Snapshot(), before) || d.NextSeq(9) != 0) {
				t.Error("something changed")
			}
		})
	}
	head := Frontier{1, 3}
	check("good", 9, head, text.Patch{{Pos: 14, Ins: "x"}}, nil)
	check("without effect", 9, head, nil, nil)
	check("behind the end", 9, head, text.Patch{{Pos: 15, Ins: "x"}}, ErrPosition)
	check("behind the end of a branch", 9, Frontier{1}, text.Patch{{Pos: 13, Ins: "x"}}, ErrPosition)
	check("deletes past the end", 9, nil, text.Patch{{Pos: 9, Del: 2}}, ErrPosition)
	check("below 0", 9, head, text.Patch{{Pos: -1, Ins: "x"}}, ErrPosition)
	check("deletes less than nothing", 9, head, text.Patch{{Pos: 1, Del: -1}}, ErrPosition)
	check("very far", 9, head, text.Patch{{Pos: 1 << 40, Ins: "x"}}, ErrPosition)
	check("deletes very much", 9, head, text.Patch{{Pos: 1, Del: 1 << 40}}, ErrPosition)
	check("out of order", 9, head, text.Patch{{Pos: 5, Ins: "x"}, {Pos: 1, Ins: "y"}}, ErrPosition)
	check("overlapping", 9, head, text.Patch{{Pos: 1, Del: 3}, {Pos: 2, Ins: "y"}}, ErrPosition)
	check("not UTF-8", 9, head, text.Patch{{Pos: 1, Ins: "\xff"}}, ErrCorrupt)
	check("author forgets", 1, Frontier{3}, text.Patch{{Pos: 1, Ins: "x"}}, ErrAgent)
	check("author forgets one", 1, Frontier{0}, text.Patch{{Pos: 1, Ins: "x"}}, ErrAgent)
	check("author goes on", 1, Frontier{1}, text.Patch{{Pos: 1, Ins: "x"}}, nil)
	check("deletion", 9, head, text.Patch{{Pos: 1, Del: 3}}, nil)
	check("full", 9, head, text.Patch{{Pos: 1, Ins: strings.Repeat("x", 22)}}, nil)
	check("more than full", 9, head, text.Patch{{Pos: 1, Ins: strings.Repeat("x", 23)}}, ErrTooLarge)
	check("much too large", 9, head, text.Patch{{Pos: 1, Ins: strings.Repeat("x", MaxText+1)}}, ErrTooLarge)
}

// TestHostile: replicas agree on whatever another sends, right or wrong, however far each has come.
func TestHostile(t *testing.T) {
	eachWorld(t, 800, 25, func(t *testing.T, w *world) {
		for range 8 {
			b := w.hostile()
			other, err := Load(w.doc.Snapshot())
			if err != nil {
				t.Fatal(err)
			}
			before := w.doc.Snapshot()
			old := w.doc.Text().Clone()
			p, got := w.doc.Merge(b)
			_, want := other.Merge(b)
			if got != want {
				t.Errorf("two replicas said %v and %v", got, want)
			}
			if got != nil && !slices.Equal(w.doc.Snapshot(), before) {
				t.Errorf("the document changed although %v", got)
			}
			if old.Apply(p); !old.Equal(w.doc.Text()) {
				t.Errorf("the patch gives %q, the text is %q", old, w.doc.Text())
			}
			w.doc.checkTracker(t)
			sameDoc(t, other, w.doc)
		}
	})
}

// hostile makes an encoding that is nearly right: known and unknown authors, parents, places and seqs.
func (w *world) hostile() []byte {
	pick := w.pick
	batch := wireBatch{}
	for i, a := range w.doc.log.names.agents {
		batch.agents = append(batch.agents, [2]uint64{uint64(a.id), uint64(a.next)})
		if pick.IntN(6) == 0 && a.next > 0 {
			batch.agents[i][1]--
		}
	}
	batch.agents = append(batch.agents, [2]uint64{uint64(1000 + w.doc.Events()), 0})
	for range 1 + pick.IntN(3) {
		k := wireBlock{author: uint32(pick.IntN(len(batch.agents)))}
		if pick.IntN(4) > 0 {
			k.parents = atRoot
			for range pick.IntN(3) {
				k.parents = append(k.parents, [2]uint32{uint32(pick.IntN(len(batch.agents))), uint32(pick.IntN(3))})
			}
		}
		for range 1 + pick.IntN(2) {
			o := wireOp{uint32(1 + pick.IntN(3)), kind(pick.IntN(3)), int32(pick.IntN(9) - 2)}
			if k.ops = append(k.ops, o); o.kind == insert {
				batch.text += randomText(pick, int(o.n))
			}
		}
		batch.blocks = append(batch.blocks, k)
	}
	return batch.bytes()
}

// TestTypingReachesLimits: also who types key after key, in one run, gets as far as each limit and no further.
func TestTypingReachesLimits(t *testing.T) {
	const most = 50
	for name, lower := range map[string]func(l *limits){
		"text":    func(l *limits) { l.text = most },
		"content": func(l *limits) { l.content = most },
		"events":  func(l *limits) { l.events = most },
	} {
		t.Run(name, func(t *testing.T) {
			d := New("")
			lower(&d.limits)
			for i := range most {
				mustEdit(t, d, 1, d.Head(), text.Patch{{Pos: i, Ins: "x"}})
			}
			before := d.Head()
			if _, _, err := d.Edit(1, before, text.Patch{{Pos: most, Ins: "x"}}); !errors.Is(err, ErrTooLarge) || !d.Head().Equal(before) {
				t.Errorf("got %v after %d keys, want %v", err, most, ErrTooLarge)
			}
			if got := d.Text().String(); got != strings.Repeat("x", most) {
				t.Errorf("got %q", got)
			}
		})
	}
}
