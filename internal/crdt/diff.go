package crdt

import (
	"slices"
	"strings"

	"earshot/internal/text"
)

// Diff returns the exact difference between the texts at two versions, by identity of characters: one that is
// visible in both is never deleted and inserted again. Applied to the text at from it gives the text at to.
func (d *Doc) Diff(from, to Frontier) text.Patch {
	from, to = d.since(from), d.since(to)
	back, forth := d.log.graph.diff(from, to)
	if len(back) == 0 && len(forth) == 0 {
		return nil
	}
	if p, ok := d.along(from, forth); ok {
		return p
	}
	t := d.trackerFrom(min(from.last(), to.last()))
	t.move(from)
	touched := t.touched(append(slices.Clone(back), forth...))
	t.move(to)
	return d.patch(t.turned(touched))
}

// Apart returns how many runs of events are in the history of one version and not in the other's: what Diff takes grows with it.
func (d *Doc) Apart(from, to Frontier) int {
	back, forth := d.log.graph.diff(d.since(from), d.since(to))
	n := 0
	for _, s := range append(back, forth...) {
		n += d.log.findOp(s.to-1) - d.log.findOp(s.from) + 1
	}
	return n
}

// along is Diff where all that is to be added is one run of the graph that was made on from: its positions mean
// what they say.
func (d *Doc) along(from Frontier, forth []stretch) (p text.Patch, ok bool) {
	if len(forth) != 1 {
		return nil, false
	}
	way, g := forth[0], &d.log.graph
	if g.runs[g.find(way.from)].to < way.to || !from.Equal(g.parentsOf(way.from)) {
		return nil, false
	}
	var steps []text.Patch
	d.log.each(way.from, way.to, func(o op) {
		e := text.Edit{Pos: int(o.pos), Ins: d.log.text(o)}
		if o.kind != insert {
			e.Pos, e.Del = int(o.kind.first(o.pos, o.n)), int(o.n)
		}
		steps = append(steps, text.Patch{e})
	})
	return text.ComposeAll(steps...), true
}

// items is a run of items with neighbouring ids and whether they were visible.
type items struct {
	id, n uint32
	shown bool
}

// touched returns all items that the events inserted or deleted, each once, as the prepare version shows them.
func (t *tracker) touched(events []stretch) []items {
	var found []items
	for _, s := range events {
		t.eachItem(s, func(id, n uint32) { found = append(found, items{id: id, n: n}) })
	}
	slices.SortFunc(found, func(a, b items) int { return int(int64(a.id) - int64(b.id)) })
	var now []items
	done := uint32(0) // all ids before are
	for _, r := range found {
		id, end := max(r.id, done), r.id+r.n
		t.eachSpan(id, end, func(_ spot, s span) {
			now = append(now, items{s.id, s.n, s.state == 1})
		})
		done = max(done, end)
	}
	return now
}

// eachSpan calls f for the spans that hold the items from id up to, not including, end, cut to that range.
func (t *tracker) eachSpan(id, end uint32, f func(p spot, part span)) {
	for id < end {
		p, off := t.find(id)
		s := t.at(p).skip(off)
		s.n = min(s.n, end-id)
		f(p, s)
		id += s.n
	}
}

// turn is a run of items that one version shows and the other does not.
type turn struct {
	order  uint32 // place in the sequence of all items
	pos    uint32 // in the text of the prepare version
	id, n  uint32
	appear bool
}

// turned returns what of the items the prepare version shows otherwise, in the order of the text. Moving there has
// cut the spans where the events' items begin, so that each part begins with its span.
func (t *tracker) turned(before []items) []turn {
	var turns []turn
	for _, r := range before {
		t.eachSpan(r.id, r.id+r.n, func(p spot, s span) {
			if shown := s.state == 1; shown != r.shown {
				w := t.before(p)
				turns = append(turns, turn{w.all, w.now, s.id, s.n, shown})
			}
		})
	}
	slices.SortFunc(turns, func(a, b turn) int { return int(int64(a.order) - int64(b.order)) })
	return turns
}

// patch turns positions in the text after, which the turns have, into ones in the text before.
func (d *Doc) patch(turns []turn) text.Patch {
	var p text.Patch
	var ins strings.Builder
	flush := func() {
		if ins.Len() > 0 {
			p[len(p)-1].Ins = ins.String()
			ins.Reset()
		}
	}
	shift := 0
	for _, u := range turns {
		pos := int(u.pos) + shift
		if k := len(p) - 1; k < 0 || p[k].Pos+p[k].Del != pos {
			flush()
			p = append(p, text.Edit{Pos: pos})
		}
		if u.appear {
			d.writeItems(&ins, u.id, u.n)
			shift -= int(u.n)
		} else {
			p[len(p)-1].Del += int(u.n)
			shift += int(u.n)
		}
	}
	flush()
	return p
}

// FirstStep divides the way between two versions: of the events of to that are not in from, it takes the
// longest beginning, in order of arrival and found by halving, whose Diff is at most one edit; at least one
// event. A beginning without effect is passed over. It returns the version with these events and the Diff; at
// the end of the way that is the union of both versions, and the patch may be empty.
func (d *Doc) FirstStep(from, to Frontier) (mid Frontier, p text.Patch) {
	_, way := d.log.graph.diff(from, to)
	slices.Reverse(way)
	for mid = from; len(way) > 0 && len(p) == 0; {
		var n LV
		n, mid, p = d.longestStep(mid, way)
		way = dropFirst(way, n)
	}
	return mid, p
}

// longestStep returns how many of the events on the way from a version make one edit, the version after them,
// and the edit.
func (d *Doc) longestStep(from Frontier, way []stretch) (n LV, mid Frontier, p text.Patch) {
	tooMany := LV(1)
	for _, s := range way {
		tooMany += s.to - s.from
	}
	for k := tooMany - 1; tooMany-n > 1; k = n + (tooMany-n)/2 {
		end := d.log.graph.walk(from, way, k)
		if q := d.Diff(from, end); len(q) <= 1 {
			n, mid, p = k, end, q
		} else {
			tooMany = k
		}
	}
	return n, mid, p
}

// walk returns the version after the first n events of the way from f.
func (g *graph) walk(f Frontier, way []stretch, n LV) Frontier {
	for _, s := range way {
		for lv, to := s.from, min(s.to, s.from+n); lv < to; {
			end := min(to, g.runs[g.find(lv)].to)
			f = f.advance(make(Frontier, 0, len(f)+1), g.parentsOf(lv), end-1)
			n -= end - lv
			lv = end
		}
	}
	return f
}

func dropFirst(way []stretch, n LV) []stretch {
	for len(way) > 0 && way[0].to-way[0].from <= n {
		n -= way[0].to - way[0].from
		way = way[1:]
	}
	if len(way) > 0 {
		way[0].from += n
	}
	return way
}
