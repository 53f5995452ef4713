package crdt

import "slices"

// Agent names one author of events: 64 random bits, drawn anew for each attachment of an editor buffer and
// never used again. Concurrent insertions at one place are ordered by Agent, then by sequence number, so that
// every replica orders them alike.
type Agent uint64

// ID names one event everywhere: one code point inserted or deleted. Seq counts from 0 for each agent.
type ID struct {
	Agent Agent
	Seq   uint32
}

func (a ID) compare(b ID) int {
	switch {
	case a.Agent < b.Agent:
		return -1
	case a.Agent > b.Agent:
		return 1
	case a.Seq < b.Seq:
		return -1
	case a.Seq > b.Seq:
		return 1
	}
	return 0
}

// Version is a set of heads that every replica understands, sorted by agent, then sequence number. Nil or
// empty is the root, whose text is the base.
type Version []ID

// LV is the local number of an event: its place in this replica's order of arrival, in which causes come
// before effects. It never leaves the process.
type LV uint32

// Frontier is a Version in local numbers, sorted. Nil or empty is the root. It stays valid as long as its Doc.
// Callers must not change one that a Doc gave them.
type Frontier []LV

// Equal reports whether two frontiers of one Doc are the same version.
func (f Frontier) Equal(g Frontier) bool { return slices.Equal(f, g) }

// last returns how many events must be here for f to be complete: the newest head and all before it. Of a
// version after which every later event comes, it is the number of events in its history.
func (f Frontier) last() LV {
	if len(f) == 0 {
		return 0
	}
	return f[len(f)-1] + 1
}

// advance appends to g, which is empty, the heads after the event lv, whose parents are all in the history of f, was added
// to it.
func (f Frontier) advance(g Frontier, parents []LV, lv LV) Frontier {
	for _, head := range f {
		if _, found := slices.BinarySearch(parents, head); !found {
			g = append(g, head)
		}
	}
	i, _ := slices.BinarySearch(g, lv)
	return slices.Insert(g, i, lv)
}

// stretch is a half-open range of local event numbers.
type stretch struct{ from, to LV }
