package crdt

import "sort"

// Settle forgets what came before the Floor of the given versions and reports whether there was something to forget. From
// then on that is the oldest version that is here, and its text the base. No version but those that have it in their history
// may be used any more, and no event may arrive that was made on one.
//
//	base ──────────▶ floor ───┬──▶ keep₁
//	    ╰─ forgotten ─╯       └──────▶ keep₂
//
// It costs as much as copying what remains.
func (d *Doc) Settle(keep ...Frontier) bool {
	k := d.floor(keep)
	if k == 0 {
		return false
	}
	d.textOf(d.marks[k])
	d.marks = append([]*mark(nil), d.marks[k:]...)
	d.log.settle(d.marks[0].upto)
	for _, m := range d.marks[1:] {
		m.runs -= d.marks[0].runs
		m.bytes -= d.marks[0].bytes
	}
	d.marks[0].runs, d.marks[0].bytes = 0, 0
	d.tracker, d.room = nil, 0
	return true
}

// Floor returns the newest version that is in the history of all those in keep and to which no event is concurrent: one of
// those that the Doc has noted, about every 256 runs.
func (d *Doc) Floor(keep ...Frontier) Frontier {
	if k := d.floor(keep); k > 0 {
		return Frontier{d.marks[k].upto - 1}
	}
	return d.Oldest()
}

// floor returns the index of that mark.
func (d *Doc) floor(keep []Frontier) int {
	upto := d.log.graph.size()
	for _, f := range keep {
		upto = min(upto, f.last())
	}
	k := len(d.marks) - 1
	for k > 0 && d.marks[k].upto > upto {
		k--
	}
	return k
}

// Amount is how much history there is.
type Amount struct {
	Runs   int // of events
	Events int // code points inserted and deleted
	Bytes  int // of what was inserted
}

// Times returns n times as much.
func (a Amount) Times(n int) Amount { return Amount{n * a.Runs, n * a.Events, n * a.Bytes} }

// Over reports whether it is more than another by any measure.
func (a Amount) Over(b Amount) bool {
	return a.Runs > b.Runs || a.Events > b.Events || a.Bytes > b.Bytes
}

// Ago returns the oldest version since which no more than the given amount has come, by any measure; by its bytes it may be a
// run newer.
func (d *Doc) Ago(a Amount) Frontier {
	l := &d.log
	k := max(0, len(l.ops)-a.Runs)
	if least := len(l.content) - a.Bytes; least > 0 {
		k = max(k, sort.Search(len(l.ops), func(i int) bool { return int(l.ops[i].off) >= least }))
	}
	from := l.graph.size()
	if k < len(l.ops) {
		from = max(from-LV(min(a.Events, l.events())), LV(l.ops[k].lv))
	}
	if from > l.first {
		return Frontier{from - 1}
	}
	return d.Oldest()
}

// First returns the number of the first event that is remembered.
func (d *Doc) First() LV { return d.log.first }

// Oldest returns the oldest version that is here, whose text is the base: the root until something is forgotten.
func (d *Doc) Oldest() Frontier { return d.log.oldest() }

// History returns how much is remembered.
func (d *Doc) History() Amount { return Amount{len(d.log.ops), d.log.events(), len(d.log.content)} }

// HalfFull reports whether what is remembered fills half of what it may, by any measure.
func (d *Doc) HalfFull() bool {
	most := &d.limits
	return d.History().Over(Amount{most.runs / 2, most.events / 2, most.content / 2})
}

// since returns the version that f stands for: the root stands for the oldest one.
func (d *Doc) since(f Frontier) Frontier {
	if len(f) == 0 {
		return d.Oldest()
	}
	return f
}

// events returns how many events are remembered.
func (l *oplog) events() int { return int(l.graph.size() - l.first) }

// oldest is the version with what is forgotten, which ends with one event: the log begins with that, without its op.
func (l *oplog) oldest() Frontier {
	if l.first == 0 {
		return nil
	}
	return Frontier{l.first - 1}
}

// settle forgets the events before first, which are all in the history of every later one.
func (l *oplog) settle(first LV) {
	k := l.findOp(first - 1)
	if o := l.op(k); o.end() > first {
		rest := o.cut(l.content, uint32(first), uint32(o.end()))
		if rest.kind != insert {
			rest.off = o.off
		}
		l.ops[k] = rest.run()
	} else {
		k++
	}
	l.first = first
	l.ops = append([]opRun(nil), l.ops[k:]...)
	from := uint32(len(l.content))
	if len(l.ops) > 0 {
		from = l.ops[0].off
	}
	for i := range l.ops {
		l.ops[i].off -= from
	}
	l.content = append([]byte(nil), l.content[from:]...)
	l.graph.settle(first)
	l.names.settle(first)
}

// settle makes the event before first the first one, without parents.
func (g *graph) settle(first LV) {
	k := g.find(first - 1)
	runs := append([]graphRun(nil), g.runs[k:]...)
	runs[0].from, runs[0].n = first-1, 0
	var parents []LV
	for i := range runs {
		was := g.runParents(runs[i])
		runs[i].off = uint32(len(parents))
		parents = append(parents, was...)
	}
	g.runs, g.parents = runs, parents
}

// settle forgets whose the events before first were, but for the last one; of each agent it remembers how many.
func (r *roster) settle(first LV) {
	k := r.find(first - 1)
	r.runs = append([]nameRun(nil), r.runs[k:]...)
	head := &r.runs[0]
	head.seq += uint32(first - 1 - head.lv)
	head.lv = first - 1
	for i := range r.agents {
		r.agents[i].settle(first, uint32(i) == head.agent)
	}
}

func (a *agent) settle(first LV, last bool) {
	k := 0
	for k < len(a.runs) && a.runs[k].lv < first {
		k++
	}
	if k == 0 {
		return
	}
	end := a.next
	if k < len(a.runs) {
		end = a.runs[k].seq
	}
	run := a.runs[k-1]
	a.base = min(end, run.seq+uint32(first-run.lv))
	rest := append([]seqRun(nil), a.runs[k:]...)
	switch {
	case last: // its last event remains as the oldest version's
		rest = append([]seqRun{{a.base - 1, first - 1}}, rest...)
	case a.base < end:
		rest = append([]seqRun{{a.base, first}}, rest...)
	}
	a.runs = rest
}
