package crdt

import (
	"strings"

	"earshot/internal/text"
)

// arena makes the small slices that every keystroke returns, many of them in one allocation. None is ever used again,
// so whoever was given one may keep it.
type arena struct {
	versions row
	heads    []LV
	edits    []text.Edit
	texts    strings.Builder
}

// arenaSize slices come from one allocation: the collector sees a keystroke in 128, and one that is kept holds 4 KiB.
const arenaSize = 128

// patch returns the patch of one edit.
func (a *arena) patch(e text.Edit) text.Patch {
	if len(a.edits) == 0 {
		a.edits = make([]text.Edit, arenaSize)
	}
	p := text.Patch(a.edits[:1:1])
	a.edits = a.edits[1:]
	p[0] = e
	return p
}

// version returns room for a version with few heads.
func (a *arena) version(heads int) Frontier {
	if heads > len(a.heads) {
		a.heads = make([]LV, max(arenaSize, heads))
	}
	f := Frontier(a.heads[:heads:heads])
	a.heads = a.heads[heads:]
	return f
}

// ascii is all of it, in order: whatever takes one byte is a part of it.
const ascii = "\x00\x01\x02\x03\x04\x05\x06\a\b\t\n\v\f\r\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f" +
	" !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~\x7f"

// text returns b, which is UTF-8, as a string.
func (a *arena) text(b []byte) string {
	const short = 32
	switch {
	case len(b) == 1:
		return ascii[b[0] : b[0]+1]
	case len(b) > short:
		return string(b)
	}
	if a.texts.Len()+len(b) > a.texts.Cap() {
		a.texts = strings.Builder{}
		a.texts.Grow(arenaSize * short / 4)
	}
	from := a.texts.Len()
	a.texts.Write(b)
	return a.texts.String()[from:]
}

// row is a row of versions with one head each.
type row struct {
	lvs  []LV
	used int
}

func (r *row) add(lv LV) {
	if r.used == len(r.lvs) {
		r.lvs, r.used = make([]LV, arenaSize), 0
	}
	r.lvs[r.used] = lv
	r.used++
}

// newest returns the version added last.
func (r *row) newest() Frontier { return r.lvs[r.used-1 : r.used : r.used] }

// heads is the version with all events. That there is one head is what counts: for a keystroke it stores a number, and no
// pointer, of which the collector would have to be told.
type heads struct {
	many Frontier // if there are several
	one  row      // else, its newest, if it is used
}

func (h *heads) version() Frontier {
	if h.single() {
		return h.one.newest()
	}
	return h.many
}

func (h *heads) single() bool { return h.many == nil && h.one.used > 0 }

// is reports whether f is the version and has one head.
func (h *heads) is(f Frontier) bool {
	return len(f) == 1 && h.single() && h.one.lvs[h.one.used-1] == f[0]
}

func (h *heads) set(f Frontier) {
	switch len(f) {
	case 0:
		*h = heads{}
	case 1:
		h.many = nil
		h.one.add(f[0])
	default:
		h.many = f
	}
}

// advance adds an event, which is the newest, with its parents, which are here.
func (d *Doc) advance(parents Frontier, lv LV) {
	h := &d.heads
	old := h.version()
	if old.Equal(parents) {
		h.many = nil
		h.one.add(lv)
		return
	}
	h.set(old.advance(d.arena.version(len(old) + 1)[:0], parents, lv))
}
