package session

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"earshot/internal/crdt"
	"earshot/internal/docpath"
	"earshot/internal/screen"
	"earshot/internal/text"
	"earshot/protocol"
	"earshot/protocol/wire"
)

// presence is where one editor of one member is: places in code points of the document's text at a version. It is
// mapped to each reader's own version when it is told.
type presence struct {
	member, client string
	seq            uint64
	doc            uint32
	version        []wire.Head
	selections     [][2]int
	visible        *[2]int
}

func (sv *server) UpdatePresence(from protocol.ConnID, p *protocol.PresenceUpdate) {
	e := sv.engine()
	c := e.client(from)
	var m *mirror
	if p.TextDocument != nil {
		m = c.mirror(canonical(e, p.TextDocument.URI))
	}
	if m == nil {
		if c.presence != nil {
			e.leavePlace(c)
		}
		return
	}
	s := m.doc.session
	if !s.has(c) || s.state == protocol.SessionEnded {
		return
	}
	heads := headsOf(m.doc, m.at)
	if len(heads) > wire.MaxHeads {
		return // it can't be sent
	}
	c.presenceSeq++
	here := &presence{member: s.me, client: clientName(c), seq: c.presenceSeq, doc: m.doc.num, version: heads}
	for _, sel := range p.Selections[:min(len(p.Selections), wire.MaxSelections)] {
		anchor, ok := m.place(sel.Anchor)
		active, ok2 := m.place(sel.Active)
		if ok && ok2 {
			here.selections = append(here.selections, [2]int{anchor, active})
		}
	}
	if v := p.VisibleRange; v != nil {
		from, ok := m.place(v.Start)
		to, ok2 := m.place(v.End)
		if ok && ok2 {
			here.visible = &[2]int{from, to}
		}
	}
	if c.presence != nil && c.placeSession != s {
		e.leavePlace(c)
	}
	c.presence, c.placeSession = here, s
	e.spreadPresence(s, here, nil)
}

func canonical(e *Engine, uri string) string { return docpath.CanonicalURI(uri, e.cfg.GOOS) }

func clientName(c *client) string { return "c" + strconv.FormatUint(uint64(c.id), 10) }

// place is a position of the buffer in the text of the mirror's version.
func (m *mirror) place(p protocol.Position) (int, bool) {
	pos, err := m.buffer.Offset(text.Position(p), m.client.enc, text.Before)
	if err != nil {
		return 0, false
	}
	return m.skew.UnmapPos(pos, text.Before), true
}

func versionOf(heads []wire.Head) crdt.Version {
	v := make(crdt.Version, 0, len(heads))
	for _, h := range heads {
		v = append(v, crdt.ID{Agent: crdt.Agent(h.Agent), Seq: h.Seq})
	}
	return v
}

func headsOf(d *document, f crdt.Frontier) []wire.Head {
	v := d.text.Version(f)
	heads := make([]wire.Head, 0, len(v))
	for _, id := range v {
		heads = append(heads, wire.Head{Agent: uint64(id.Agent), Seq: id.Seq})
	}
	return heads
}

// leavePlace tells that a client is in no shared document any more.
func (e *Engine) leavePlace(c *client) {
	s := c.placeSession
	c.presenceSeq++
	gone := &presence{member: s.me, client: clientName(c), seq: c.presenceSeq}
	c.presence, c.placeSession = nil, nil
	if s.state != protocol.SessionEnded {
		e.spreadPresence(s, gone, nil)
	}
}

// presenceGone tells it when its connection is gone.
func (e *Engine) presenceGone(s *session, c *client) {
	if c.placeSession == s && c.presence != nil {
		e.leavePlace(c)
	}
}

// spreadPresence tells everyone but the one it came from.
func (e *Engine) spreadPresence(s *session, p *presence, from *remote) {
	for _, r := range s.remotes {
		if r != from {
			e.sendPlace(r, p)
		}
	}
	e.presenceChanged(s)
}

func (e *Engine) sendPlace(r *remote, p *presence) {
	ch := Presence
	if p.doc == 0 {
		ch = Live // that someone is gone must not get lost
	}
	f := &wire.Presence{Member: p.member, Client: p.client, Seq: p.seq, Doc: p.doc, Version: p.version, Selections: p.selections, Visible: p.visible}
	e.emit(SendFrame{Link: r.id, Channel: ch, Key: keyOf(p.member, p.client), Data: wire.Encode(f)})
}

// keyOf names a cursor in a link's queue (FNV-1a).
func keyOf(parts ...string) uint64 {
	h := uint64(14695981039346656037)
	for _, part := range parts {
		for i := 0; i <= len(part); i++ {
			var b byte
			if i < len(part) {
				b = part[i]
			}
			h = (h ^ uint64(b)) * 1099511628211
		}
	}
	return h
}

// sendAllPresence tells a newcomer where everybody is.
func (e *Engine) sendAllPresence(r *remote) {
	s := r.session
	for _, c := range e.clients {
		if c.placeSession == s && c.presence != nil {
			c.presenceSeq += 2 // newer than the goodbye that others may have been told when a link broke
			again := *c.presence
			again.seq = c.presenceSeq
			c.presence = &again
			e.sendPlace(r, &again)
		}
	}
	for _, o := range s.remotes {
		if o != r {
			for _, p := range o.sortedCursors() {
				e.sendPlace(r, p)
			}
		}
	}
}

func (r *remote) sortedCursors() []*presence {
	all := make([]*presence, 0, len(r.cursors))
	for _, p := range r.cursors {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *presence) int {
		return cmp.Or(cmp.Compare(a.member, b.member), cmp.Compare(a.client, b.client))
	})
	return all
}

// MaxCursors of one link: sixteen guests with a few editors each.
const MaxCursors = 128

// presenceArrived takes a remote cursor, if it is newer than what is known.
func (e *Engine) presenceArrived(r *remote, f *wire.Presence) {
	s := r.session
	if s.host {
		f.Member = r.member // the host says who it was
	} else if !isID(f.Member) {
		return
	}
	key := f.Member + "/" + screen.Line(f.Client, MaxName)
	old := r.cursors[key]
	if old != nil && old.seq >= f.Seq {
		return
	}
	if old == nil && len(r.cursors) >= MaxCursors && !r.evict() {
		return
	}
	p := &presence{member: f.Member, client: screen.Line(f.Client, MaxName), seq: f.Seq, doc: f.Doc, version: f.Version, selections: f.Selections, visible: f.Visible}
	r.cursors[key] = p
	if s.host {
		e.spreadPresence(s, p, r)
		return
	}
	e.presenceChanged(s)
}

// evict forgets one cursor that is in no document any more; it was kept to know late news of it from new ones.
func (r *remote) evict() bool {
	for _, p := range r.sortedCursors() {
		if p.doc == 0 {
			delete(r.cursors, p.member+"/"+p.client)
			return true
		}
	}
	return false
}

// presenceChanged has the editors of a session told, soon.
func (e *Engine) presenceChanged(s *session) {
	for _, c := range e.clients {
		if !s.has(c) || !c.presenceDue.IsZero() {
			continue
		}
		c.presenceDue = e.now
		if next := c.presenceOld.Add(presenceGap); e.now.Before(next) {
			c.presenceDue = next
		}
	}
}

func (e *Engine) sendPresence(c *client) {
	c.presenceDue, c.presenceOld = time.Time{}, e.now
	for _, s := range e.sessions {
		if s.has(c) && s.state != protocol.SessionEnded {
			e.tellPresence(c, s)
		}
	}
}

// tellPresence tells one editor where all the others are, in its own coordinates.
func (e *Engine) tellPresence(c *client, s *session) {
	if !s.has(c) {
		return
	}
	msg := &protocol.PresenceChanged{Session: s.id, Cursors: []protocol.Cursor{}}
	if s.state != protocol.SessionEnded {
		for _, o := range e.clients {
			if o != c && o.placeSession == s && o.presence != nil {
				msg.Cursors = append(msg.Cursors, e.cursorFor(c, s, o.presence))
			}
		}
		for _, r := range s.remotes {
			for _, p := range r.sortedCursors() {
				if p.doc != 0 && s.member(p.member) != nil {
					msg.Cursors = append(msg.Cursors, e.cursorFor(c, s, p))
				}
			}
		}
	}
	e.emit(Notify{Conn: c.id, Params: msg})
}

// cursorFor maps a place to what the editor holds; without an open buffer of the document only the document is told.
func (e *Engine) cursorFor(c *client, s *session, p *presence) protocol.Cursor {
	out := protocol.Cursor{Member: p.member, Client: p.client, Selections: []protocol.Selection{}}
	d := s.doc(p.doc)
	if d == nil {
		return out
	}
	out.TextDocument = &protocol.TextDocumentIdentifier{URI: d.uri()}
	m := d.mirrorOf(c)
	if m == nil || !d.ready {
		return out
	}
	out.TextDocument.URI = m.uri
	way := m.wayFrom(p.version)
	limit := m.buffer.Len()
	at := func(pos int) protocol.Position {
		pos = way.MapPos(max(pos, 0), text.Before)
		pos = m.skew.MapPos(pos, text.Before)
		return protocol.Position(m.buffer.Position(min(max(pos, 0), limit), c.enc))
	}
	for _, sel := range p.selections {
		out.Selections = append(out.Selections, protocol.Selection{Anchor: at(sel[0]), Active: at(sel[1])})
	}
	if p.visible != nil {
		out.VisibleRange = &protocol.Range{Start: at(p.visible[0]), End: at(p.visible[1])}
	}
	return out
}

// wayFrom is the change from a version to the mirror's; of a version that is not here yet, what is known of it counts
// as the mirror's own.
func (m *mirror) wayFrom(heads []wire.Head) text.Patch {
	from, err := m.doc.text.Frontier(versionOf(heads))
	if err != nil || slices.Equal(from, m.at) {
		return nil
	}
	return m.doc.text.Diff(from, m.at)
}

func (d *document) mirrorOf(c *client) *mirror {
	for _, m := range d.mirrors {
		if m.client == c {
			return m
		}
	}
	return nil
}
