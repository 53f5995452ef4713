// Package text holds texts: a rope with fast edits and positions, patches and their algebra, differences, line ends.
//
// It promises that every text is valid UTF-8 as long as what is put in is, that positions count code points (what the
// event graph counts) and are converted to an editor's units only here, and that nothing here does I/O, starts a
// goroutine, reads a clock or draws randomness. The engine's packages (crdt, session), workspace and the daemon call
// it; it calls nobody. It is compiled to wasm too, hence no fmt and no reflection.
//
// Three coordinates meet in it:
//
//	position   code points from the start of the text   Rope.Insert, Edit.Pos, Patch.MapPos
//	Position   line and character, as LSP counts them   Rope.Offset ⇄ Rope.Position, in an Encoding
//	byte       bytes of UTF-8 from the start            Rope.ByteOffset ⇄ Rope.RuneOffset
//
// A position outside the text is an error of the program and panics; only what comes from an editor, the line of a
// Position, is answered with an error. Nothing checks that inserted text is valid UTF-8: whoever lets bytes into the
// process does, once.
package text

import (
	"io"
	"iter"
	"strings"
	"unicode/utf8"
)

// Rope is a text of valid UTF-8: a B-tree of leaves, each node caching the bytes, code points, UTF-16 units and
// newlines below it. An edit or a conversion costs O(log n); an edit where the last one was costs only the leaf.
//
// The zero value is the empty text. A Rope must not be copied by value, and is not safe for concurrent use; a Clone is
// another Rope, which may live on another goroutine.
type Rope struct {
	root   tree
	owner  *owner // what may be written in place; nil: nothing, until the next edit
	cursor cursor
}

// New returns a rope that holds s, which must be valid UTF-8.
func New(s string) *Rope {
	r := &Rope{owner: newOwner()}
	r.root = r.owner.build(s)
	return r
}

// Len returns the length in code points.
func (r *Rope) Len() int { return r.root.runes }

// Size returns the length in bytes.
func (r *Rope) Size() int { return r.root.bytes }

// Lines returns the number of lines: one more than there are '\n'.
func (r *Rope) Lines() int { return r.root.lines + 1 }

// Insert puts s before the code point at pos, or at the end where pos is Len. s must be valid UTF-8.
func (r *Rope) Insert(pos int, s string) { r.Replace(pos, 0, s) }

// Delete removes the n code points that begin at pos.
func (r *Rope) Delete(pos, n int) { r.Replace(pos, n, "") }

// Replace puts ins, which must be valid UTF-8, in the place of the del code points that begin at pos.
func (r *Rope) Replace(pos, del int, ins string) {
	if pos < 0 || del < 0 || pos > r.root.runes || del > r.root.runes-pos {
		panic("text: edit outside the text")
	}
	if del == 0 && ins == "" {
		return
	}
	if r.owner == nil {
		r.owner = newOwner()
	}
	if r.replaceInLeaf(pos, del, ins) {
		return
	}
	r.cursor.leave()
	left, rest := r.owner.split(r.root, pos)
	_, right := r.owner.split(rest, del)
	r.root = r.owner.concat(r.owner.concat(left, r.owner.build(ins)), right)
}

// Apply applies p, which must fit the text.
func (r *Rope) Apply(p Patch) {
	if !p.fits(r.Len()) {
		panic("text: patch does not fit the text")
	}
	for i := len(p) - 1; i >= 0; i-- { // from the back, so that no edit moves those still to come
		r.Replace(p[i].Pos, p[i].Del, p[i].Ins)
	}
}

// Slice returns the code points from from up to, not including, to.
func (r *Rope) Slice(from, to int) string {
	if from < 0 || to < from || to > r.root.runes {
		panic("text: slice outside the text")
	}
	if from == to {
		return ""
	}
	var b strings.Builder
	b.Grow(r.ByteOffset(to) - r.ByteOffset(from))
	writeRange(&b, r.root, from, to)
	return b.String()
}

// String returns the whole text.
func (r *Rope) String() string { return r.Slice(0, r.root.runes) }

// RuneAt returns the code point at pos, which must be less than Len.
func (r *Rope) RuneAt(pos int) rune {
	if pos < 0 || pos >= r.root.runes {
		panic("text: position outside the text")
	}
	// The leaf is the one that holds the end of this code point: its start may be the end of the leaf before.
	leaf, before := r.root.find(inRunes, pos+1)
	c, _ := utf8.DecodeRune(leaf.node.text[leaf.offset(inRunes, pos-before.runes):])
	return c
}

// Clone returns a second rope with the same text in O(1): they share the tree, and each copies what it edits, when it
// edits it. Neither sees the other's edits.
func (r *Rope) Clone() *Rope {
	// Neither side owns a node from here on; each takes a fresh owner with its next edit.
	r.owner = nil
	r.cursor.leave()
	return &Rope{root: r.root}
}

// Equal tells whether both texts are the same. What two clones still share is not read.
func (r *Rope) Equal(o *Rope) bool {
	return r.root.measure == o.root.measure && sameText(r.root, o.root)
}

// WriteTo writes the text to w, for who hashes it or puts it on disk, in pieces of at most 1 KiB. There is no hash in this
// package: crypto/sha256 with the self-tests that it brings would be a seventh of what a page fetches.
func (r *Rope) WriteTo(w io.Writer) (n int64, err error) {
	r.root.eachLeaf(func(text []byte) bool {
		var wrote int
		wrote, err = w.Write(text)
		n += int64(wrote)
		return err == nil
	})
	return n, err
}

// Chunks yields the text in order, in pieces of at most 1 KiB that never split a code point. The rope must not be
// edited meanwhile.
func (r *Rope) Chunks() iter.Seq[string] {
	return func(yield func(string) bool) {
		r.root.eachLeaf(func(text []byte) bool { return yield(string(text)) })
	}
}
