package crdt

// places remembers which leaf of a tree holds which item: a number for each page of items that lie in one leaf
// together, which is what most do, and a list for each other page. Looking up takes two steps; a leaf that
// gives away a long run of items rewrites one number for 256 of them.
type places struct {
	pages []int32 // the leaf, or ^index into lists
	lists [][pageSize]int32
	free  []int32 // lists not in use
}

const pageSize = 256

func (p *places) reset(items int) {
	n := (items + pageSize - 1) / pageSize
	p.pages = append(p.pages[:0], make([]int32, n)...)
	p.lists, p.free = p.lists[:0], p.free[:0]
}

func (p *places) leaf(item uint32) int32 {
	at := p.pages[item/pageSize]
	if at < 0 {
		return p.lists[^at][item%pageSize]
	}
	return at
}

// set puts the items [from, from+n) into a leaf.
func (p *places) set(from, n uint32, leaf int32) {
	for to := from + n; from < to; {
		page := from / pageSize
		end := min(to, (page+1)*pageSize)
		p.setIn(int(page), from%pageSize, from%pageSize+end-from, leaf)
		from = end
	}
}

func (p *places) setIn(page int, from, to uint32, leaf int32) {
	for len(p.pages) <= page {
		p.pages = append(p.pages, leaf)
	}
	at := p.pages[page]
	if at == leaf {
		return
	}
	if from == 0 && to == pageSize {
		if at < 0 {
			p.free = append(p.free, ^at)
		}
		p.pages[page] = leaf
		return
	}
	if at >= 0 {
		at = p.spread(page, at)
	}
	list := &p.lists[^at]
	for i := from; i < to; i++ {
		list[i] = leaf
	}
}

// spread gives a page a list of its own.
func (p *places) spread(page int, leaf int32) int32 {
	var k int32
	if n := len(p.free); n > 0 {
		k, p.free = p.free[n-1], p.free[:n-1]
	} else {
		k = int32(len(p.lists))
		p.lists = append(p.lists, [pageSize]int32{})
	}
	for i := range p.lists[k] {
		p.lists[k][i] = leaf
	}
	p.pages[page] = ^k
	return ^k
}
