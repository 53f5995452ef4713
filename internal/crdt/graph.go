package crdt

import "slices"

// graph holds which event was made on which version, as runs: the first event of a run has the run's parents,
// every other one has the event before it. A run's number grows along every path, so that walking from the
// greatest number down meets an event only after all that build on it.
type graph struct {
	runs    []graphRun
	parents []LV
	heap    []entry // scratch of the walks below
}

type graphRun struct {
	from, to LV     // half-open
	off, n   uint32 // parents[off : off+n], sorted, none an ancestor of another
}

// entry is an event on the way down and the sides it was reached from; kept as one number so that the heap
// orders by event.
type entry uint64

const (
	sideA  entry = 1
	sideB  entry = 2
	shared       = sideA | sideB
)

func (e entry) lv() LV      { return LV(e >> 2) }
func (e entry) side() entry { return e & shared }

func (g *graph) size() LV {
	if len(g.runs) == 0 {
		return 0
	}
	return g.runs[len(g.runs)-1].to
}

// find returns the index of the run that holds lv.
func (g *graph) find(lv LV) int {
	lo, hi := 0, len(g.runs)
	if hi > 0 && g.runs[hi-1].from <= lv {
		return hi - 1
	}
	for hi-lo > 1 {
		if mid := int(uint(lo+hi) >> 1); g.runs[mid].from <= lv {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

func (g *graph) runParents(r graphRun) []LV { return g.parents[r.off : r.off+r.n : r.off+r.n] }

// parentsOf returns the parents of one event.
func (g *graph) parentsOf(lv LV) Frontier {
	r := g.runs[g.find(lv)]
	if lv > r.from {
		return Frontier{lv - 1}
	}
	return g.runParents(r)
}

// push adds n events, the first with the given parents, and reports whether it began a run.
func (g *graph) push(parents []LV, n LV) bool {
	from := g.size()
	if from > 0 && len(parents) == 1 && parents[0] == from-1 {
		g.runs[len(g.runs)-1].to += n
		return false
	}
	g.runs = append(g.runs, graphRun{from, from + n, uint32(len(g.parents)), uint32(len(parents))})
	g.parents = append(g.parents, parents...)
	return true
}

// truncate forgets the events from size on.
func (g *graph) truncate(size LV) {
	for k := len(g.runs) - 1; k >= 0 && g.runs[k].from >= size; k-- {
		g.parents = g.parents[:g.runs[k].off]
		g.runs = g.runs[:k]
	}
	if k := len(g.runs) - 1; k >= 0 {
		g.runs[k].to = min(g.runs[k].to, size)
	}
}

// diff returns what is in the history of a alone and of b alone, newest first.
func (g *graph) diff(a, b []LV) (onlyA, onlyB []stretch) { return g.diffInto(a, b, nil, nil) }

// diffInto is diff that appends to what it is given.
func (g *graph) diffInto(a, b []LV, intoA, intoB []stretch) (onlyA, onlyB []stretch) {
	onlyA, onlyB = intoA, intoB
	if slices.Equal(a, b) {
		return onlyA, onlyB
	}
	if len(a) == 1 && len(b) == 1 {
		lo, hi := min(a[0], b[0]), max(a[0], b[0])
		if g.runs[g.find(hi)].from <= lo {
			if lo == a[0] {
				return onlyA, append(onlyB, stretch{lo + 1, hi + 1})
			}
			return append(onlyA, stretch{lo + 1, hi + 1}), onlyB
		}
	}
	g.heap = g.heap[:0]
	g.pushAll(a, sideA)
	g.pushAll(b, sideB)
	for unshared := len(a) + len(b); unshared > 0; {
		e := g.heapPop()
		lv, side := e.lv(), e.side()
		if side != shared {
			unshared--
		}
		run := &g.runs[g.find(lv)]
		for len(g.heap) > 0 && g.heap[0].lv() >= run.from {
			other := g.heapPop()
			if other.side() != shared {
				unshared--
			}
			if other.side()|side != side {
				onlyA, onlyB = side.add(onlyA, onlyB, stretch{other.lv() + 1, lv + 1})
				lv, side = other.lv(), side|other.side()
			}
		}
		onlyA, onlyB = side.add(onlyA, onlyB, stretch{run.from, lv + 1})
		g.pushAll(g.parents[run.off:run.off+run.n], side)
		if side != shared {
			unshared += int(run.n)
		}
	}
	return onlyA, onlyB
}

func (g *graph) pushAll(lvs []LV, side entry) {
	for _, lv := range lvs {
		g.heapPush(entry(lv)<<2 | side)
	}
}

// add adds s to the side's list.
func (e entry) add(onlyA, onlyB []stretch, s stretch) (a, b []stretch) {
	switch e {
	case sideA:
		onlyA = appendDown(onlyA, s)
	case sideB:
		onlyB = appendDown(onlyB, s)
	}
	return onlyA, onlyB
}

// appendDown adds a stretch below the ones that are there.
func appendDown(list []stretch, s stretch) []stretch {
	if s.from >= s.to {
		return list
	}
	if n := len(list); n > 0 && list[n-1].from == s.to {
		list[n-1].from = s.from
		return list
	}
	return append(list, s)
}

// contains reports whether lv is in the history of f.
func (g *graph) contains(f []LV, lv LV) bool {
	g.heap = g.heap[:0]
	push := func(heads []LV) {
		for _, head := range heads {
			if head >= lv {
				g.heapPush(entry(head) << 2)
			}
		}
	}
	push(f)
	for len(g.heap) > 0 {
		run := g.runs[g.find(g.heap[0].lv())]
		if run.from <= lv {
			return true
		}
		g.dropFrom(run.from)
		push(g.runParents(run))
	}
	return false
}

// dropFrom takes everything from lv on off the heap.
func (g *graph) dropFrom(lv LV) {
	for len(g.heap) > 0 && g.heap[0].lv() >= lv {
		g.heapPop()
	}
}

// dominators returns those of the given events that are in no other's history, sorted.
func (g *graph) dominators(events []LV) Frontier {
	if len(events) == 0 {
		return nil
	}
	if len(events) == 1 {
		return slices.Clone(events)
	}
	const asked, reached = sideA, sideB
	lowest := slices.Min(events)
	g.heap = g.heap[:0]
	for _, lv := range events {
		g.heapPush(entry(lv)<<2 | asked)
	}
	var heads Frontier
	for len(g.heap) > 0 {
		top := g.heap[0]
		side := entry(0)
		for len(g.heap) > 0 && g.heap[0].lv() == top.lv() {
			side |= g.heapPop().side()
		}
		if side == asked {
			heads = append(heads, top.lv())
		}
		run := g.runs[g.find(top.lv())]
		g.dropFrom(run.from)
		for _, parent := range g.runParents(run) {
			if parent >= lowest {
				g.heapPush(entry(parent)<<2 | reached)
			}
		}
	}
	slices.Reverse(heads)
	return heads
}

func (g *graph) heapPush(e entry) {
	h := append(g.heap, e)
	i := len(h) - 1
	for i > 0 && h[(i-1)/2] < e {
		h[i] = h[(i-1)/2]
		i = (i - 1) / 2
	}
	h[i] = e
	g.heap = h
}

func (g *graph) heapPop() entry {
	h := g.heap
	top, last := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	g.heap = h
	for i := 0; len(h) > 0; {
		kid := 2*i + 1
		if kid+1 < len(h) && h[kid+1] > h[kid] {
			kid++
		}
		if kid >= len(h) || h[kid] <= last {
			h[i] = last
			break
		}
		h[i] = h[kid]
		i = kid
	}
	return top
}
