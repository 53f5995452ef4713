package text

const (
	// maxCost bounds the edits that one search for a meeting point looks ahead from either end; one that finds none goes
	// on from the best place it has reached. 1024²/2 steps on either side are about 3 ms.
	maxCost = 1024
	// trySteps is the price of going on along one diagonal, in steps; to compare one element costs one. Without it, texts
	// that have nothing in common would cost most: there each try ends at once.
	trySteps = 16
	// unreached is less than any index, also with any index added.
	unreached = -1 << 30
)

// differ finds what two sequences have in common: E. Myers, "An O(ND) Difference Algorithm and Its Variations", 1986,
// section 4b, which needs no memory beyond the sequences; here with a bound on its work.
type differ[T comparable] struct {
	a, b     []T
	steps    int      // that may still be taken; below 1, what is left becomes one difference
	hunks    []box    // the differences found, first ones first; they never touch
	fwd, rev frontier // of the search under way, from the start and from the end
}

// box is a part of a and the part of b against which it stands.
type box struct{ aLo, aHi, bLo, bHi int }

// walk finds the differences in q, which lies behind all that was walked before.
func (d *differ[T]) walk(q box) {
	n := d.forward(q, 0, 0)
	q.aLo, q.bLo = q.aLo+n, q.bLo+n
	n = d.backward(q, 0, 0)
	q.aHi, q.bHi = q.aHi-n, q.bHi-n
	if q.aLo < q.aHi && q.bLo < q.bHi {
		if x, y, ok := d.meet(q); ok {
			d.walk(box{q.aLo, x, q.bLo, y})
			d.walk(box{x, q.aHi, y, q.bHi})
			return
		}
	}
	d.add(q)
}

// add notes q as a difference, and joins it to one that it touches.
func (d *differ[T]) add(q box) {
	if q.aLo == q.aHi && q.bLo == q.bHi {
		return
	}
	if n := len(d.hunks); n > 0 && d.hunks[n-1].aHi == q.aLo && d.hunks[n-1].bHi == q.bLo {
		d.hunks[n-1].aHi, d.hunks[n-1].bHi = q.aHi, q.bHi
		return
	}
	d.hunks = append(d.hunks, q)
}

// meet returns a place in q, none of its corners, that a shortest way through q passes: where the furthest ways from
// its start and from its end meet. Past its bound it returns the furthest place that either has reached. It fails
// where it found no place inside, for want of steps.
func (d *differ[T]) meet(q box) (x, y int, ok bool) {
	n, m := q.aHi-q.aLo, q.bHi-q.bLo
	limit, delta := min((n+m+1)/2, maxCost), n-m
	d.fwd.reset(limit)
	d.rev.reset(limit)
	for cost := 0; cost <= limit && d.steps > 0; cost++ {
		for k := firstDiagonal(cost, m); k <= min(cost, n); k += 2 {
			x := d.fwd.next(k, n, m)
			if x >= 0 {
				x += d.forward(q, x, x-k)
			}
			d.fwd.set(k, x)
			if delta&1 != 0 && x+d.rev.at(delta-k) >= n {
				return q.aLo + x, q.bLo + x - k, true
			}
		}
		for k := firstDiagonal(cost, m); k <= min(cost, n); k += 2 {
			x := d.rev.next(k, n, m)
			if x >= 0 {
				x += d.backward(q, x, x-k)
			}
			d.rev.set(k, x)
			if delta&1 == 0 && x+d.fwd.at(delta-k) >= n {
				return q.aHi - x, q.bHi - (x - k), true
			}
		}
		d.steps -= trySteps * (2*cost + 2)
	}
	fx, fy := d.fwd.furthest()
	rx, ry := d.rev.furthest()
	if fx+fy >= rx+ry {
		return q.aLo + fx, q.bLo + fy, 0 < fx+fy && fx+fy < n+m
	}
	return q.aHi - rx, q.bHi - ry, rx+ry < n+m
}

// firstDiagonal is the lowest one that a way of that cost may end on within a box of m elements of b.
func firstDiagonal(cost, m int) int {
	if cost <= m {
		return -cost
	}
	return -m + (cost-m)&1
}

// forward returns how many elements are the same from x and y behind the start of q.
func (d *differ[T]) forward(q box, x, y int) int {
	a, b := d.a[q.aLo+x:q.aHi], d.b[q.bLo+y:q.bHi]
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	d.steps -= n
	return n
}

// backward returns how many elements are the same from x and y in front of the end of q.
func (d *differ[T]) backward(q box, x, y int) int {
	a, b := d.a[q.aLo:q.aHi-x], d.b[q.bLo:q.bHi-y]
	n := 0
	for n < len(a) && n < len(b) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	d.steps -= n
	return n
}

// frontier is the furthest x that the ways of one cost reach on each diagonal k = x - y.
type frontier struct {
	x   []int
	mid int // the index of diagonal 0
}

// reset makes room for ways of up to limit edits; none has begun.
func (f *frontier) reset(limit int) {
	f.mid = limit + 1
	if n := 2*f.mid + 1; cap(f.x) < n {
		f.x = make([]int, n)
	} else {
		f.x = f.x[:n]
	}
	for i := range f.x {
		f.x[i] = unreached
	}
}

func (f *frontier) set(k, x int) { f.x[f.mid+k] = x }

func (f *frontier) at(k int) int {
	if i := f.mid + k; i >= 0 && i < len(f.x) {
		return f.x[i]
	}
	return unreached
}

// next returns the furthest x on diagonal k that takes one edit more than what the diagonals beside it have, within a
// box of n by m, or unreached.
func (f *frontier) next(k, n, m int) int {
	below, above := f.x[f.mid+k-1], f.x[f.mid+k+1]
	if below < 0 && above < 0 {
		if k == 0 && f.x[f.mid] == unreached {
			return 0 // the start
		}
		return unreached
	}
	x := unreached
	if below >= 0 && below < n {
		x = below + 1
	}
	if above > x && above-k <= m {
		x = above
	}
	return x
}

// furthest returns the place reached that has the most behind it.
func (f *frontier) furthest() (x, y int) {
	for i, here := range f.x {
		if k := i - f.mid; here >= 0 && 2*here-k > x+y {
			x, y = here, here-k
		}
	}
	return x, y
}
