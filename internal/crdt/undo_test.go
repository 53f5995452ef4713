package crdt

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"earshot/internal/text"
)

// person is an author who undoes: a stack of states, as the caller of TakeBack keeps it.
type person struct {
	undo   *Undo
	bounds []LV
	state  int
}

func newPerson(by Agent, own ...Agent) *person {
	p := &person{undo: NewUndo(by), bounds: []LV{0}}
	for _, a := range own {
		p.undo.Own(a)
	}
	return p
}

// did notes that events of the person's were made: from first up to now.
func (p *person) did(first, now LV) {
	p.bounds = append(p.bounds[:p.state], first, now)
	p.state++
}

// TestUndoOfOnePerson: where only one person writes, the text of every state comes back exactly.
func TestUndoOfOnePerson(t *testing.T) {
	for seed := range uint64(400) {
		pick := seeded(seed)
		base := randomText(pick, pick.IntN(12))
		d := New(base)
		d.limits.markEvery, d.limits.patience = pick.IntN(4), 5+pick.IntN(30)
		p := newPerson(2, 1)
		texts := []string{base}
		for range 30 {
			switch k := pick.IntN(10); {
			case k < 5:
				first := LV(d.Events())
				for range 1 + pick.IntN(3) {
					n := d.Text().Len()
					e := text.Edit{Pos: pick.IntN(n + 1), Ins: randomText(pick, pick.IntN(4))}
					e.Del = pick.IntN(min(4, n-e.Pos) + 1)
					mustEdit(t, d, 1, d.Head(), text.Patch{e})
				}
				p.did(first, LV(d.Events()))
				texts = append(texts[:p.state], d.Text().String())
				continue
			case k < 8:
				p.state = max(0, p.state-1-pick.IntN(2))
			default:
				p.state = min(len(texts)-1, p.state+1)
			}
			if pick.IntN(4) == 0 {
				d.tracker = nil
			}
			was := d.Text().Clone()
			head, err := d.TakeBack(p.undo, p.bounds[p.state])
			if err != nil {
				t.Fatal(err)
			}
			if got, want := d.Text().String(), texts[p.state]; got != want {
				t.Fatalf("seed %d: state %d: got %q, want %q", seed, p.state, got, want)
			}
			if was.Apply(head); !was.Equal(d.Text()) {
				t.Errorf("seed %d: the patch gives %q, the text is %q", seed, was, d.Text())
			}
			d.checkTracker(t)
		}
	}
}

// TestUndoAgainstOracle: among others who write at the same time, what is taken back is what the oracle says.
func TestUndoAgainstOracle(t *testing.T) {
	eachWorld(t, 600, 10, func(t *testing.T, w *world) {
		w.undoing(40)
		d := New(w.doc.Base())
		w.deliver(d, w.messages())
		sameDoc(t, d, w.doc)
	})
}

// FuzzUndo: the same, as the fuzzer wishes.
func FuzzUndo(f *testing.F) {
	f.Add([]byte("type, delete, undo, redo"))
	f.Add([]byte("\x05abc\x03\x03\x03\x02\x00\x01\x04\x04\x00\x00\x05\x06\x07\x02\x02"))
	f.Fuzz(func(t *testing.T, b []byte) {
		newWorld(t, &byteChooser{b}, 3).undoing(min(len(b), 60))
	})
}

// undoing lets the first author write, undo and redo, and the others write.
func (w *world) undoing(steps int) {
	p, u := newPerson(100, w.authors[0].agent), &undoOracle{twins: map[*oracleItem]oracleTwin{}}
	for range steps {
		switch w.pick.IntN(8) {
		case 0, 1:
			p.state = max(0, p.state-1)
			w.takeBack(p, u)
		case 2:
			p.state = min(len(p.bounds)-1, p.state+1)
			w.takeBack(p, u)
		case 3, 4:
			first := w.doc.Events()
			if w.edit(w.authors[0]); w.doc.Events() > first {
				p.did(LV(first), LV(w.doc.Events()))
			}
		default:
			w.edit(w.authors[1+w.pick.IntN(len(w.authors)-1)])
			if w.pick.IntN(3) == 0 {
				w.authors[w.pick.IntN(len(w.authors))].at = w.doc.Head()
			}
		}
		if w.t.Failed() {
			return
		}
	}
}

// takeBack goes to the person's state, in the Doc and in the oracle.
func (w *world) takeBack(p *person, u *undoOracle) {
	w.t.Helper()
	from := int(p.bounds[p.state])
	if w.pick.IntN(4) == 0 {
		w.doc.tracker = nil
	}
	heads := w.ints(w.doc.Head())
	want := u.without(w.oracle, heads, p.undo.own, from)
	before, events := w.doc.Text().Clone(), w.doc.Events()
	head, err := w.doc.TakeBack(p.undo, LV(from))
	if err != nil {
		w.t.Fatalf("take back from %d: %v", from, err)
	}
	if !slices.Equal(head, want.patch) {
		w.t.Fatalf("take back from %d in %q: got %+v, want %+v", from, before, head, want.patch)
	}
	if w.doc.Events() > events {
		w.oracle.edit(p.undo.by, heads, head)
		u.remember(w.oracle, events, want.back)
		w.seen = append(w.seen, w.doc.Head())
	}
	if got, want := w.doc.Text().String(), string(w.oracle.text); got != want {
		w.t.Fatalf("take back from %d: got text %q, want %q", from, got, want)
	}
	w.doc.checkTracker(w.t)
	if again, err := w.doc.TakeBack(p.undo, LV(from)); err != nil || again != nil {
		w.t.Fatalf("take back from %d twice: got %+v, %v", from, again, err)
	}
	u.checkOthers(w)
}

// TestUndoBesideOthers: what comes back may stand, by its number too, right behind what another typed.
func TestUndoBesideOthers(t *testing.T) {
	d := New("b")
	p := newPerson(9, 1)
	edit := func(a Agent, e text.Edit, want string) {
		t.Helper()
		first := LV(d.Events())
		mustEdit(t, d, a, d.Head(), text.Patch{e})
		if a == 1 {
			p.did(first, LV(d.Events()))
		}
		if got := d.Text().String(); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	to := func(state int, want string) {
		t.Helper()
		p.state = state
		if _, err := d.TakeBack(p.undo, p.bounds[state]); err != nil {
			t.Fatal(err)
		}
		if got := d.Text().String(); got != want {
			t.Errorf("state %d: got %q, want %q", state, got, want)
		}
	}
	edit(1, text.Edit{Pos: 1, Ins: "q"}, "bq")
	edit(1, text.Edit{Del: 1}, "q")
	edit(2, text.Edit{Ins: "x"}, "xq")
	to(1, "xbq")
	edit(1, text.Edit{Del: 2}, "q")
	to(1, "xbq")
	to(0, "xb")
	to(2, "q")
	to(0, "xb")
}

// TestUndoForgets: what is forgotten is not known as a repetition any more.
func TestUndoForgets(t *testing.T) {
	d := New("abc")
	u := NewUndo(9)
	u.Own(1)
	mustEdit(t, d, 1, nil, text.Patch{{Pos: 0, Del: 3}})
	for _, want := range []string{"abc", "", "abc"} {
		from := LV(0)
		if want == "" {
			from = 3
		}
		if _, err := d.TakeBack(u, from); err != nil || d.Text().String() != want {
			t.Fatalf("got %q, %v, want %q", d.Text(), err, want)
		}
	}
	u.Forget(9)
	if got, want := u.twins, []twin{{lv: 9, of: 0, n: 3}}; !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if p, err := d.TakeBack(u, 12); p != nil || err != nil {
		t.Errorf("nothing to take back: got %v, %v", p, err)
	}
}

// TestUndoTooLarge: what does not fit any more changes nothing.
func TestUndoTooLarge(t *testing.T) {
	d := New("0123456789")
	d.limits.text = 12
	u := NewUndo(9)
	u.Own(1)
	at := mustEdit(t, d, 1, nil, text.Patch{{Pos: 0, Del: 10}})
	mustEdit(t, d, 2, at, text.Patch{{Pos: 0, Ins: "abc"}})
	if p, err := d.TakeBack(u, 0); p != nil || !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v, %v, want ErrTooLarge", p, err)
	}
	if got := d.Text().String(); got != "abc" || len(u.twins) > 0 {
		t.Errorf("got %q and %v", got, u.twins)
	}
}

// TestUndoOfManyEvents: a large paste and its deletion cost what their runs cost.
func TestUndoOfManyEvents(t *testing.T) {
	const n = 1 << 20
	d := New("")
	u := NewUndo(9)
	u.Own(1)
	at := mustEdit(t, d, 1, nil, text.Patch{{Ins: strings.Repeat("x", n)}})
	mustEdit(t, d, 1, at, text.Patch{{Del: n}})
	for _, step := range []struct{ from, want int }{{n, n}, {0, 0}, {n, n}, {2 * n, 0}, {0, 0}} {
		if _, err := d.TakeBack(u, LV(step.from)); err != nil || d.Text().Len() != step.want {
			t.Errorf("from %d: got %d characters, %v, want %d", step.from, d.Text().Len(), err, step.want)
		}
	}
	if len(u.twins) != 2 {
		t.Errorf("got %d runs of repetitions, want 2", len(u.twins))
	}
}

// undoOracle says what TakeBack does, one item at a time.
type undoOracle struct {
	twins  map[*oracleItem]oracleTwin
	others []*oracleItem // visible before, and neither inserted nor repeated by the person
	roots  []*oracleItem // of what shall be seen of the person's own events, in the order of the items
}

type oracleTwin struct {
	root *oracleItem
	of   int
}

type oracleWithout struct {
	patch text.Patch
	back  []oracleTwin
}

// class is what undoOracle knows of a root.
type oracleClass struct {
	made, spared bool
	of           int
	shown        *oracleItem
	newest       *oracleItem
}

func (u *undoOracle) without(o *oracle, heads []int, own []Agent, from int) oracleWithout {
	o.moveTo(heads)
	classes := map[*oracleItem]*oracleClass{}
	var gone []*oracleItem
	touched := map[*oracleItem]bool{}
	deletions := map[*oracleItem][]int{}
	for n, e := range o.events {
		mine := n >= from && slices.Contains(own, e.id.Agent)
		if mine {
			touched[e.target] = true
		}
		if !e.insert && mine {
			deletions[e.target] = append(deletions[e.target], n)
		}
	}
	for _, it := range o.items {
		if !touched[it] {
			continue
		}
		root, void := u.root(it, from)
		if void {
			if it.state == 1 {
				gone = append(gone, it)
			}
			continue
		}
		c := classes[root]
		if c == nil {
			c = &oracleClass{spared: true, newest: root, of: -1}
			classes[root] = c
		}
		c.made = c.made || it == root && it.event >= from && slices.Contains(own, o.events[it.event].id.Agent)
		c.spared = c.spared && it.state-1 <= len(deletions[it])
		if it == root && len(deletions[it]) > 0 {
			c.of = deletions[it][0]
		}
		if it != root && (c.newest == root || it.event > c.newest.event) {
			c.newest = it
		}
		if it.state == 1 && (c.shown == nil || it != root && it.event > c.shown.event) {
			if c.shown != nil {
				gone = append(gone, c.shown)
			}
			c.shown = it
		}
	}
	return u.lay(o, classes, gone, touched)
}

// root follows repetitions that were made from `from` on.
func (u *undoOracle) root(it *oracleItem, from int) (root *oracleItem, void bool) {
	for {
		t, ok := u.twins[it]
		if !ok || it.event < from {
			return it, false
		}
		if t.of < from {
			return it, true
		}
		it = t.root
	}
}

// lay makes the patch.
func (u *undoOracle) lay(o *oracle, classes map[*oracleItem]*oracleClass, gone []*oracleItem, touched map[*oracleItem]bool) (w oracleWithout) {
	pos := map[*oracleItem]int{}
	n := 0
	u.others, u.roots = nil, nil
	for _, it := range o.items {
		pos[it] = n
		if it.state == 1 {
			n++
			if !touched[it] {
				u.others = append(u.others, it)
			}
		}
	}
	type piece struct {
		root  *oracleItem
		class *oracleClass
		pos   int
	}
	var stay []piece
	for _, it := range o.items {
		switch c := classes[it]; {
		case c == nil:
		case c.made && c.shown != nil:
			gone = append(gone, c.shown)
		case c.made:
		case c.shown != nil:
			stay = append(stay, piece{it, c, pos[c.shown]})
		case c.spared:
			stay = append(stay, piece{it, c, pos[c.newest]})
		}
	}
	for i := range stay {
		u.roots = append(u.roots, stay[i].root)
	}
	for i := len(stay) - 1; i >= 0; i-- {
		for _, right := range stay[i+1:] {
			if stay[i].class.shown == nil {
				stay[i].pos = min(stay[i].pos, right.pos)
			}
		}
	}
	var edits []text.Edit
	slices.SortStableFunc(stay, func(a, b piece) int { return a.pos - b.pos })
	for _, s := range stay {
		if s.class.shown == nil {
			edits = append(edits, text.Edit{Pos: s.pos, Ins: string(s.root.char)})
			w.back = append(w.back, oracleTwin{s.root, s.class.of})
		}
	}
	for _, it := range gone {
		edits = append(edits, text.Edit{Pos: pos[it], Del: 1})
	}
	w.patch, _ = text.NewPatch(edits...)
	return w
}

// remember notes what the insertions of a TakeBack repeat.
func (u *undoOracle) remember(o *oracle, first int, back []oracleTwin) {
	for _, e := range o.events[first:] {
		if e.insert {
			u.twins[e.target] = back[0]
			back = back[1:]
		}
	}
}

// checkOthers checks what holds whatever the places are: nothing that the person's own events did not touch has come, gone or
// changed its place; and what came back is in its old order.
func (u *undoOracle) checkOthers(w *world) {
	w.t.Helper()
	var others, roots []*oracleItem
	known := map[*oracleItem]bool{}
	for _, it := range u.others {
		known[it] = true
	}
	rank := map[*oracleItem]int{}
	for i, it := range u.roots {
		rank[it] = i
	}
	w.oracle.moveTo(w.ints(w.doc.Head()))
	for _, it := range w.oracle.items {
		if it.state != 1 {
			continue
		}
		if known[it] {
			others = append(others, it)
			continue
		}
		root := it
		for u.twins[root].root != nil {
			if _, ok := rank[root]; ok {
				break
			}
			root = u.twins[root].root
		}
		if _, ok := rank[root]; !ok {
			w.t.Errorf("%q came from nowhere", it.char)
		}
		roots = append(roots, root)
	}
	if !slices.Equal(others, u.others) {
		w.t.Errorf("others' text: got %d characters, want %d", len(others), len(u.others))
	}
	if !slices.Equal(roots, u.roots) {
		w.t.Errorf("own text: got %s, want %s", chars(roots), chars(u.roots))
	}
}

func chars(items []*oracleItem) string {
	var b strings.Builder
	for _, it := range items {
		b.WriteRune(it.char)
	}
	return b.String()
}

// TestTwoOwnDeletions: what the author deleted under two names stays deleted when the later one is taken back.
func TestTwoOwnDeletions(t *testing.T) {
	for n := 2; n < 40; n++ {
		var base strings.Builder
		var p text.Patch
		for i := range n {
			base.WriteString(string(rune('a'+i%26)) + "-")
			p = append(p, text.Edit{Pos: 2 * i, Del: 1})
		}
		d, u := New(base.String()), NewUndo(9)
		u.Own(1)
		u.Own(3)
		mustEdit(t, d, 1, nil, p)
		want, between := d.Text().String(), LV(d.Events())
		mustEdit(t, d, 3, nil, p)
		for _, from := range []LV{0, between} {
			if _, err := d.TakeBack(u, from); err != nil {
				t.Fatal(err)
			}
		}
		if got := d.Text().String(); got != want {
			t.Fatalf("%d deletions: got %q, want %q", n, got, want)
		}
	}
}
