package session

import (
	"slices"
	"strings"

	"earshot/internal/text"
)

// lineEnder tells whether the client's text always ends with a line end. Neovim's own client knows lines: whatever the
// buffer's 'endofline' says, what it reports and what it is asked for have a line end behind the last line, and an edit
// that reaches past that comes out as two. So the mirror of such a buffer ends with one, too; where the document does
// not, it is a skew, the bare end, that stays for as long as the document does not.
func (c *client) lineEnder() bool { return !c.exact && c.program == "Neovim" }

// shown is a text as the client's buffer has it, and the skew that this makes.
func (c *client) shown(r *text.Rope) (*text.Rope, text.Patch) {
	if !c.lineEnder() || endsLine(r) {
		return r, nil
	}
	bare, _ := text.NewPatch(text.Edit{Pos: r.Len(), Ins: "\n"})
	r = r.Clone()
	r.Apply(bare)
	return r, bare
}

func endsLine(r *text.Rope) bool { return r.Len() > 0 && r.RuneAt(r.Len()-1) == '\n' }

// bare tells whether the buffer's last line end is all that it has and its text has not.
func (m *mirror) bare() bool {
	return m.client.lineEnder() && len(m.skew) == 1 && m.skew[0] == (text.Edit{Pos: m.buffer.Len() - 1, Ins: "\n"})
}

// skewed tells whether there is a skew that has to be undone.
func (m *mirror) skewed() bool { return len(m.skew) > 0 && !m.bare() }

// beforeEnd makes an edit of a text r one of that text as lines: with one line end, which the edit leaves alone, behind
// the last line, be it there before and after or not. ended tells whether r has it.
func beforeEnd(r *text.Rope, edit text.Edit, ended bool) (out text.Edit, endsAfter bool) {
	last := r.Len()
	if ended {
		last--
	}
	if edit.Pos+edit.Del < r.Len() {
		return edit, ended || endsLine(r)
	}
	from, ins := edit.Pos, edit.Ins
	endsAfter = strings.HasSuffix(ins, "\n") || ins == "" && from > 0 && r.RuneAt(from-1) == '\n'
	if from > last { // behind the line end: a new line after the last
		if ins == "" {
			return text.Edit{Pos: last}, endsAfter
		}
		from, ins = last, "\n"+ins
	}
	switch {
	case !endsAfter:
	case ins == "":
		from--
	default:
		ins = ins[:len(ins)-1]
	}
	return text.Edit{Pos: from, Del: last - from, Ins: ins}, endsAfter
}

// reported is beforeEnd for an edit that the editor says it made.
func (c *client) reported(buffer *text.Rope, edit text.Edit) text.Edit {
	if !c.lineEnder() || !endsLine(buffer) {
		return edit
	}
	edit, _ = beforeEnd(buffer, edit, true)
	return edit
}

// diff is what makes the text b of the buffer a; the last line end of an editor that always has one is left alone.
func (c *client) diff(a, b *text.Rope) text.Patch {
	one, other := a.String(), b.String()
	if c.lineEnder() {
		one, other = strings.TrimSuffix(one, "\n"), strings.TrimSuffix(other, "\n")
	}
	return text.DiffRunes(one, other)
}

// asLines makes a patch from the document's text, or from a skewed buffer, one that such an editor can make, and gives the
// skew that remains. An editor that has no such habit gets what it was to get.
func (m *mirror) asLines(p text.Patch) (text.Patch, text.Patch) {
	if !m.client.lineEnder() {
		return p, nil
	}
	if len(p) > 1 {
		p = m.cover(p)
	}
	bare := m.bare()
	r := m.buffer
	if bare {
		r = r.Clone()
		r.Delete(r.Len()-1, 1)
	}
	ends := !bare && endsLine(r)
	if len(p) == 1 {
		var edit text.Edit
		edit, ends = beforeEnd(r, p[0], !bare)
		p, _ = text.NewPatch(edit)
	}
	if ends {
		return p, nil
	}
	after := m.buffer.Clone()
	after.Apply(p)
	skew, _ := text.NewPatch(text.Edit{Pos: after.Len() - 1, Ins: "\n"})
	return p, skew
}

// adopt makes the line end behind the last line part of the document when its text came to end with one by what the
// person did: they see an empty last line, and so shall the others.
func (e *Engine) adopt(m *mirror) {
	if !m.bare() || m.buffer.Len() < 2 || m.buffer.RuneAt(m.buffer.Len()-2) != '\n' {
		return
	}
	p := m.skew
	m.skew = nil
	m.buffer.Delete(m.buffer.Len()-1, 1)
	e.own(m, p)
}

// shownTo is the base as the client's buffer would have it: a copy, and its skew.
func (b base) shownTo(c *client) (*text.Rope, text.Patch) {
	if len(b.skew) > 0 {
		return b.text.Clone(), b.skew
	}
	return c.shown(b.text.Clone())
}

// asText is the base without the bare end.
func (b base) asText() base {
	if len(b.skew) != 1 || b.skew[0] != (text.Edit{Pos: b.text.Len() - 1, Ins: "\n"}) {
		return b
	}
	r := b.text.Clone()
	r.Delete(r.Len()-1, 1)
	return base{at: b.at, text: r}
}

// holds is what the buffer holds, without the bare end: when the editor writes that to the disk, it has become text.
func (m *mirror) holds() base { return base{slices.Clone(m.at), m.skew, m.buffer.Clone()}.asText() }

// makes is what the buffer holds if the edit is applied as asked.
func (f *flight) makes() base { return base{f.target, f.skew, f.after}.asText() }

// blank tells whether the client shows nothing.
func (c *client) blank(opened *text.Rope) bool {
	return opened.Len() == 0 || c.lineEnder() && opened.Len() == 1 && endsLine(opened)
}
