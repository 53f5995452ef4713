package crdt

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"earshot/internal/text"
)

// tb is what a test and a property of rapid have in common.
type tb interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Fatal(args ...any)
	Failed() bool
}

// chooser makes the choices of a random history: from a seed, or from the bytes of a fuzzer.
type chooser interface{ IntN(n int) int }

// byteChooser chooses what a fuzzer wants, then always 0.
type byteChooser struct{ b []byte }

func (c *byteChooser) IntN(n int) int {
	if len(c.b) == 0 {
		return 0
	}
	k := int(c.b[0])
	c.b = c.b[1:]
	if n > 256 && len(c.b) > 0 {
		k = k<<8 | int(c.b[0])
		c.b = c.b[1:]
	}
	return k % n
}

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 2026)) }

// world is several authors of one document, each with what it has seen, in one Doc and in the oracle.
type world struct {
	t       tb
	pick    chooser
	doc     *Doc
	oracle  *oracle
	authors []*author
	seen    []Frontier // versions somebody had
}

type author struct {
	agent Agent
	at    Frontier
	pos   int // where the cursor is
}

var alphabet = []rune("abcdefgh \n\r\x00äß€漢🦄👩\u200d\u0301\ufeff")

func newWorld(t tb, pick chooser, authors int) *world {
	base := randomText(pick, pick.IntN(12))
	w := &world{t: t, pick: pick, doc: New(base), oracle: newOracle(base), seen: []Frontier{nil}}
	w.crowd(w.doc)
	for i := range authors {
		// Agents whose order is not that of arrival.
		w.authors = append(w.authors, &author{agent: Agent((i*7 + 3) % 11)})
	}
	return w
}

// crowd makes a Doc set marks, and give trackers up, far more often than it would.
func (w *world) crowd(d *Doc) {
	d.limits.markEvery = w.pick.IntN(4)
	d.limits.patience = 5 + w.pick.IntN(30)
}

func randomText(pick chooser, n int) string {
	r := make([]rune, n)
	for i := range r {
		r[i] = alphabet[pick.IntN(len(alphabet))]
	}
	return string(r)
}

// step lets one author do something.
func (w *world) step() {
	a := w.authors[w.pick.IntN(len(w.authors))]
	switch w.pick.IntN(10) {
	case 0:
		a.at = w.doc.Head()
	case 1:
		a.at = w.doc.Union(a.at, w.authors[w.pick.IntN(len(w.authors))].at)
	case 2:
		if old := w.seen[w.pick.IntN(len(w.seen))]; w.doc.Contains(old, w.doc.LastOf(a.agent)) {
			a.at = old // an editor may come back with an older text
		}
	default:
		w.edit(a)
	}
}

// edit lets an author type, delete, backspace or replace a few places at once.
func (w *world) edit(a *author) {
	n := w.oracle.length(w.ints(a.at))
	if a.pos > n || w.pick.IntN(3) == 0 {
		a.pos = w.pick.IntN(n + 1)
	}
	var p text.Patch
	switch k := 1 + w.pick.IntN(3); w.pick.IntN(8) {
	case 0, 1, 2:
		p = text.Patch{{Pos: a.pos, Ins: randomText(w.pick, k)}}
		a.pos += k
	case 3:
		if k = min(k, n-a.pos); k > 0 {
			p = text.Patch{{Pos: a.pos, Del: k}}
		}
	case 4, 5:
		if k = min(k, a.pos); k > 0 {
			for range k {
				a.pos--
				w.record(a, text.Patch{{Pos: a.pos, Del: 1}})
			}
			return
		}
	default:
		p = w.replaceAll(n)
	}
	if len(p) > 0 {
		w.record(a, p)
	}
}

func (w *world) replaceAll(n int) (p text.Patch) {
	for pos := w.pick.IntN(n + 1); pos <= n && len(p) < 4; pos += 1 + w.pick.IntN(5) {
		e := text.Edit{Pos: pos, Del: min(w.pick.IntN(3), n-pos), Ins: randomText(w.pick, w.pick.IntN(3))}
		if e.Del > 0 || e.Ins != "" {
			p = append(p, e)
		}
		pos += e.Del
	}
	return p
}

// record makes the edit in the Doc and in the oracle and compares what it did to the head.
func (w *world) record(a *author, p text.Patch) {
	w.t.Helper()
	first := len(w.oracle.events)
	before := string(w.oracle.text)
	after, head, err := w.doc.Edit(a.agent, a.at, p)
	if err != nil {
		w.t.Fatalf("edit %v at %v: %v", p, a.at, err)
	}
	want := w.oracle.edit(a.agent, w.ints(a.at), p)
	if !slices.Equal(head, want) {
		w.t.Fatalf("edit %v at %v: got effect %+v, want %+v on %q", p, a.at, head, want, before)
	}
	if got, want := w.doc.Text().String(), string(w.oracle.text); got != want {
		w.t.Fatalf("edit %v at %v: got text %q, want %q", p, a.at, got, want)
	}
	if got, want := w.doc.Events(), len(w.oracle.events); got != want || first == want {
		w.t.Fatalf("edit %v: got %d events, want %d", p, got, want)
	}
	a.at = after
	w.seen = append(w.seen, after, w.doc.Union(after, w.authors[w.pick.IntN(len(w.authors))].at))
}

func (w *world) ints(f Frontier) []int {
	list := make([]int, len(f))
	for i, lv := range f {
		list[i] = int(lv)
	}
	return list
}

// version returns some version, often one that nobody had.
func (w *world) version() Frontier {
	f := w.seen[w.pick.IntN(len(w.seen))]
	if n := w.doc.Events(); n > 0 && w.pick.IntN(2) == 0 {
		low := max(1, int(w.doc.log.first)) - 1
		f = w.doc.Union(f, Frontier{LV(low + w.pick.IntN(n-low))})
	}
	return f
}

// edit records a patch as events and returns what it did to the head.
func (o *oracle) edit(agent Agent, parents []int, p text.Patch) text.Patch {
	var effects []text.Patch
	add := func(e oracleEvent) {
		e.parents, e.id = parents, ID{agent, o.nextSeq(agent)}
		effects = append(effects, o.add(e).patch())
		parents = []int{len(o.events) - 1}
	}
	shift := 0
	for _, e := range p {
		for range e.Del {
			add(oracleEvent{pos: e.Pos + shift})
		}
		shift -= e.Del
		for _, c := range e.Ins {
			add(oracleEvent{insert: true, pos: e.Pos + e.Del + shift, char: c})
			shift++
		}
	}
	return text.ComposeAll(effects...)
}

// diff is the definition of Doc.Diff.
func (o *oracle) diff(from, to []int) text.Patch {
	o.moveTo(from)
	shown := map[*oracleItem]bool{}
	for _, it := range o.items {
		shown[it] = it.state == 1
	}
	o.moveTo(to)
	var edits []text.Edit
	pos := 0
	for _, it := range o.items {
		switch before, after := shown[it], it.state == 1; {
		case before && after:
			pos++
		case before:
			edits = append(edits, text.Edit{Pos: pos, Del: 1})
			pos++
		case after:
			edits = append(edits, text.Edit{Pos: pos, Ins: string(it.char)})
		}
	}
	var p text.Patch
	for _, e := range edits {
		if k := len(p) - 1; k >= 0 && p[k].Pos+p[k].Del == e.Pos {
			p[k].Del += e.Del
			p[k].Ins += e.Ins
		} else {
			p = append(p, e)
		}
	}
	return p
}

// eachWorld runs f on worlds of 2 to 8 authors; -short makes fewer.
func eachWorld(t *testing.T, n, steps int, f func(t *testing.T, w *world)) {
	t.Helper()
	if testing.Short() {
		n /= 10
	}
	for seed := range uint64(n) {
		w := newWorld(t, seeded(seed), 2+int(seed)%7)
		for range 1 + w.pick.IntN(steps) {
			w.step()
		}
		f(t, w)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// TestEditsAgainstOracle: every edit does to the head what the oracle says, wherever the tracker stands.
func TestEditsAgainstOracle(t *testing.T) {
	eachWorld(t, 2000, 60, func(t *testing.T, w *world) {
		w.doc.checkTracker(t)
		w.checkMarks(w.doc)
	})
}

// TestLongHistory: the same where the tree is some levels high and pages are many.
func TestLongHistory(t *testing.T) {
	for seed := range uint64(2) {
		w := newWorld(t, seeded(seed), 3+2*int(seed))
		for range 500 {
			w.step()
		}
		w.doc.checkTracker(t)
		for range 10 {
			from, to := w.version(), w.version()
			if got, want := w.doc.Diff(from, to), w.oracle.diff(w.ints(from), w.ints(to)); !slices.Equal(got, want) {
				t.Errorf("diff %v → %v: got %+v, want %+v", from, to, got, want)
			}
		}
		d := New(w.doc.Base())
		w.deliver(d, w.messages())
		sameDoc(t, d, w.doc)
	}
}

// TestDiff: for any two versions, Diff is the difference by identity, and leads from one text to the other.
func TestDiff(t *testing.T) {
	eachWorld(t, 600, 60, func(t *testing.T, w *world) {
		for range 12 {
			w.checkDiff(w.version(), w.version())
		}
	})
}

func (w *world) checkDiff(from, to Frontier) {
	w.t.Helper()
	if w.pick.IntN(4) == 0 {
		w.doc.tracker = nil
	}
	got, want := w.doc.Diff(from, to), w.oracle.diff(w.ints(from), w.ints(to))
	if !slices.Equal(got, want) {
		w.t.Errorf("diff %v → %v: got %+v, want %+v", from, to, got, want)
	}
	r := w.doc.TextAt(from)
	if got, want := r.String(), w.oracle.textAt(w.ints(from)); got != want {
		w.t.Errorf("text at %v: got %q, want %q", from, got, want)
	}
	r.Apply(got)
	if got, want := r.String(), w.oracle.textAt(w.ints(to)); got != want {
		w.t.Errorf("diff %v → %v: got text %q, want %q", from, to, got, want)
	}
	w.doc.checkTracker(w.t)
}

// TestFirstStep: the steps are at most one edit each, take something along each time and lead to the end.
func TestFirstStep(t *testing.T) {
	eachWorld(t, 300, 40, func(t *testing.T, w *world) { w.checkSteps(w.version(), w.version()) })
}

func (w *world) checkSteps(from, to Frontier) {
	w.t.Helper()
	end := w.doc.Union(from, to)
	r := w.doc.TextAt(from)
	for at := from; !at.Equal(end); {
		mid, p := w.doc.FirstStep(at, to)
		if len(p) > 1 || len(p) == 0 && !mid.Equal(end) {
			w.t.Fatalf("step %v → %v: got %+v up to %v", at, to, p, mid)
		}
		if !w.doc.Contains(mid, at) || mid.Equal(at) {
			w.t.Fatalf("step %v → %v leads to %v", at, to, mid)
		}
		r.Apply(p)
		if got, want := r.String(), w.oracle.textAt(w.ints(mid)); got != want {
			w.t.Fatalf("step %v → %v: got text %q, want %q", at, mid, got, want)
		}
		at = mid
	}
}

// TestFirstStepIsLongest: a run of typing is one step, not many.
func TestFirstStepIsLongest(t *testing.T) {
	d := New("0123456789")
	a := Frontier(nil)
	for i, c := range "hello" {
		a, _, _ = d.Edit(1, a, text.Patch{{Pos: i, Ins: string(c)}})
	}
	for i, c := range "there" {
		a, _, _ = d.Edit(1, a, text.Patch{{Pos: 10 + i, Ins: string(c)}})
	}
	mid, p := d.FirstStep(nil, a)
	if want := (text.Patch{{Pos: 0, Ins: "hello"}}); !slices.Equal(p, want) || !mid.Equal(Frontier{4}) {
		t.Errorf("got %v at %v, want %v at 4", p, mid, want)
	}
	mid, p = d.FirstStep(mid, a)
	if want := (text.Patch{{Pos: 10, Ins: "there"}}); !slices.Equal(p, want) || !mid.Equal(a) {
		t.Errorf("got %v at %v, want %v at %v", p, mid, want, a)
	}
}

// messages cuts the history into encodings of a few events.
func (w *world) messages() (all [][]byte) {
	n := LV(w.doc.Events())
	for lv := LV(0); lv < n; {
		end := min(n, lv+1+LV(w.pick.IntN(6)))
		all = append(all, w.doc.encode(nil, []stretch{{lv, end}}))
		lv = end
	}
	return all
}

// deliver merges the messages in some order, some of them twice or with more, until all are in.
func (w *world) deliver(d *Doc, all [][]byte) {
	w.t.Helper()
	waiting := slices.Clone(all)
	for len(waiting) > 0 {
		k := w.pick.IntN(len(waiting))
		if w.pick.IntN(5) == 0 { // the sender's events from some point on, known ones among them
			k = 0
			waiting[0] = w.doc.Since(w.version())
		}
		before := d.Text().Clone()
		p, err := d.Merge(waiting[k])
		switch {
		case errors.Is(err, ErrMissing):
			if waiting[k] = all[0]; k != 0 {
				waiting[k] = all[w.pick.IntN(len(all))]
			}
			continue
		case err != nil:
			w.t.Fatalf("merge: %v", err)
		}
		if before.Apply(p); !before.Equal(d.Text()) {
			w.t.Fatalf("merge: the patch gives %q, the text is %q", before, d.Text())
		}
		if w.pick.IntN(3) > 0 {
			waiting = slices.Delete(waiting, k, k+1)
		}
		if w.pick.IntN(4) == 0 {
			d.tracker = nil
		}
		d.checkTracker(w.t)
		w.checkMarks(d)
	}
	rest, err := w.doc.SinceSummary(d.Summary())
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := d.Merge(rest); err != nil {
		w.t.Fatal(err)
	}
}

// checkMarks checks that the marks are versions that everything is in or builds on, and have their text.
func (w *world) checkMarks(d *Doc) {
	w.t.Helper()
	for _, m := range d.marks[1:] {
		at := Frontier{m.upto - 1}
		for lv := max(1, d.log.first) - 1; lv < d.log.graph.size(); lv++ {
			older, newer := d.Contains(at, Frontier{lv}), d.Contains(Frontier{lv}, at)
			if older != (lv < m.upto) || !older && !newer {
				w.t.Errorf("the mark at %d is concurrent to %d", m.upto, lv)
			}
		}
		there, err := w.doc.Frontier(d.Version(at))
		if err != nil {
			w.t.Fatal(err)
		}
		if got, want := d.textOf(m).String(), w.oracle.textAt(w.ints(there)); got != want {
			w.t.Errorf("the mark at %d has the text %q, want %q", m.upto, got, want)
		}
	}
}

// TestAnyOrderConverges: whatever the pieces, the order and the repetitions, replicas end alike.
func TestAnyOrderConverges(t *testing.T) {
	eachWorld(t, 600, 60, func(t *testing.T, w *world) {
		all := w.messages()
		for range 3 {
			d := New(w.doc.Base())
			w.crowd(d)
			w.deliver(d, all)
			sameDoc(t, d, w.doc)
		}
	})
}

func TestSnapshot(t *testing.T) {
	eachWorld(t, 300, 60, func(t *testing.T, w *world) {
		d, err := Load(w.doc.Snapshot())
		if err != nil {
			t.Fatal(err)
		}
		sameDoc(t, d, w.doc)
		f := w.version()
		g, err := d.Frontier(w.doc.Version(f))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := d.TextAt(g).String(), w.oracle.textAt(w.ints(f)); got != want {
			t.Errorf("text at %v after loading: got %q, want %q", f, got, want)
		}
	})
}

// sameDoc checks that two replicas hold the same events and show the same text.
func sameDoc(t tb, got, want *Doc) {
	t.Helper()
	if got, want := got.Text().String(), want.Text().String(); got != want {
		t.Errorf("got text %q, want %q", got, want)
	}
	if got, want := got.Version(got.Head()), want.Version(want.Head()); !slices.Equal(got, want) {
		t.Errorf("got head %v, want %v", got, want)
	}
	if got, want := string(got.Summary()), string(want.Summary()); got != want {
		t.Errorf("got summary %q, want %q", got, want)
	}
	for _, pair := range [][2]*Doc{{got, want}, {want, got}} {
		rest, err := pair[0].SinceSummary(pair[1].Summary())
		if err != nil || rest != nil {
			t.Errorf("got %q, %v for a replica that has all", rest, err)
		}
		// What is known is compared: that everything is found equal shows that it is.
		if p, err := pair[0].Merge(pair[1].Since(nil)); err != nil || p != nil {
			t.Errorf("merging what is known: got %v, %v", p, err)
		}
	}
}

// checkTracker checks everything that the tracker and the marks promise about themselves.
func (d *Doc) checkTracker(t tb) {
	t.Helper()
	for i, m := range d.marks {
		if !m.made || i > 0 && m.upto <= d.marks[i-1].upto {
			t.Errorf("mark %d at %d is incomplete or out of order", i, m.upto)
		}
	}
	k := d.tracker
	if k == nil {
		return
	}
	var sum width
	seen := uint32(0)
	for l := int32(0); l != nowhere; l = k.leaves[l].next {
		for i := range k.leaves[l].n {
			p := spot{l, i}
			s := *k.at(p)
			for _, id := range []uint32{s.id, s.id + s.n - 1} {
				if q, _ := k.find(id); q != p {
					t.Errorf("item %d is in %v, found in %v", id, p, q)
				}
			}
			if got := k.before(p); got != sum {
				t.Errorf("before %v: got %v, want %v", p, got, sum)
			}
			sum = sum.plus(s.width())
			seen += s.n
		}
	}
	if got := k.total(); got != sum {
		t.Errorf("total: got %v, want %v", got, sum)
	}
	if k.upto == d.log.graph.size() && int(sum.end) != d.text.Len() {
		t.Errorf("the tracker ends with %d characters, the text has %d", sum.end, d.text.Len())
	}
	if k.prepare.Equal(d.Head()) && int(sum.now) != d.text.Len() {
		t.Errorf("at the head the tracker shows %d characters, the text has %d", sum.now, d.text.Len())
	}
}
