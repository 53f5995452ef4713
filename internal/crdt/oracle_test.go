package crdt

import (
	"slices"

	"earshot/internal/text"
)

// oracle is the merge written to be believed, not to be fast: one item for each character, one event at a time, no
// runs, no tree, no shortcut. It replays events in the order given and keeps the text at the head.
type oracle struct {
	events []oracleEvent
	items  []*oracleItem // base characters first, then in the order that the merge decides
	at     map[int]bool  // the events in the prepare version
	text   []rune
}

type oracleEvent struct {
	id      ID
	parents []int
	insert  bool
	pos     int
	char    rune
	target  *oracleItem // of a deletion; of an insertion, the item it made
	history map[int]bool
}

type oracleItem struct {
	event       int // that inserted it; -1 for the base
	char        rune
	left, right *oracleItem
	state       int // in the prepare version, as in span
	dead        bool
}

// oracleEffect is what one event did to the head text: at pos, a character came or (char 0) went; pos -1: nothing.
type oracleEffect struct {
	pos  int
	char rune
	ins  bool
}

func newOracle(base string) *oracle {
	o := &oracle{at: map[int]bool{}, text: []rune(base)}
	for _, c := range base {
		o.items = append(o.items, &oracleItem{event: -1, char: c, state: 1})
	}
	return o
}

func (o *oracle) moveTo(parents []int) {
	want := o.historyOf(parents)
	for e := range o.at {
		if !want[e] {
			o.events[e].target.state--
		}
	}
	for e := range want {
		if !o.at[e] {
			o.events[e].target.state++
		}
	}
	o.at = want
}

func (o *oracle) historyOf(heads []int) map[int]bool {
	h := map[int]bool{}
	for _, p := range heads {
		h[p] = true
		for e := range o.events[p].history {
			h[e] = true
		}
	}
	return h
}

// textAt returns the text at a version.
func (o *oracle) textAt(heads []int) string {
	o.moveTo(heads)
	var t []rune
	for _, it := range o.items {
		if it.state == 1 {
			t = append(t, it.char)
		}
	}
	return string(t)
}

// length returns how long the text is at a version.
func (o *oracle) length(heads []int) int { return len([]rune(o.textAt(heads))) }

// add applies an event that lies inside the text at its parents.
func (o *oracle) add(e oracleEvent) oracleEffect {
	o.moveTo(e.parents)
	e.history = o.historyOf(e.parents)
	n := len(o.events)
	o.events = append(o.events, e)
	var effect oracleEffect
	if e.insert {
		effect = o.insert(n)
	} else {
		effect = o.remove(n)
	}
	o.at[n] = true
	return effect
}

// behindVisible returns the index behind the pos-th visible item.
func (o *oracle) behindVisible(pos int) int {
	i := 0
	for ; pos > 0; i++ {
		if o.items[i].state == 1 {
			pos--
		}
	}
	return i
}

func (o *oracle) remove(n int) oracleEffect {
	e := &o.events[n]
	i := o.behindVisible(e.pos + 1)
	it := o.items[i-1]
	e.target = it
	it.state++
	if it.dead {
		return oracleEffect{pos: -1}
	}
	pos := o.effectPos(i - 1)
	it.dead = true
	o.text = slices.Delete(o.text, pos, pos+1)
	return oracleEffect{pos: pos}
}

func (o *oracle) insert(n int) oracleEffect {
	e := &o.events[n]
	at := o.behindVisible(e.pos)
	it := &oracleItem{event: n, char: e.char, state: 1}
	if at > 0 {
		it.left = o.items[at-1]
	}
	for _, next := range o.items[at:] {
		if next.state > 0 {
			it.right = next
			break
		}
	}
	at = o.integrate(it, at)
	o.items = slices.Insert(o.items, at, it)
	e.target = it
	pos := o.effectPos(at)
	o.text = slices.Insert(o.text, pos, e.char)
	return oracleEffect{pos, e.char, true}
}

func (o *oracle) integrate(it *oracleItem, at int) int {
	left, right := o.index(it.left, -1), o.index(it.right, len(o.items))
	scanning := false
	for i := at; i < len(o.items) && o.items[i].state == 0; i++ {
		other := o.items[i]
		otherLeft, otherRight := o.index(other.left, -1), o.index(other.right, len(o.items))
		if otherLeft < left {
			break
		}
		if otherLeft == left {
			if otherRight == right && o.events[it.event].id.compare(o.events[other.event].id) < 0 {
				break
			}
			scanning = otherRight < right
		}
		if !scanning {
			at = i + 1
		}
	}
	return at
}

func (o *oracle) index(it *oracleItem, ofNone int) int {
	if it == nil {
		return ofNone
	}
	return slices.Index(o.items, it)
}

func (o *oracle) effectPos(i int) (pos int) {
	for _, it := range o.items[:i] {
		if !it.dead {
			pos++
		}
	}
	return pos
}

// patchOf returns the effect as a patch.
func (e oracleEffect) patch() text.Patch {
	switch {
	case e.pos < 0:
		return nil
	case e.ins:
		return text.Patch{{Pos: e.pos, Ins: string(e.char)}}
	}
	return text.Patch{{Pos: e.pos, Del: 1}}
}
