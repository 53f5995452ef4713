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
	turn           uint64 // grows with each place that this daemon hears of
	doc            uint32
	path           docpath.Path // of doc, which may not be open here
	version        []wire.Head
	selections     [][2]int
	visible        *[2]int
	brought        bool // from the version that it came with
}

func (sv *server) UpdatePresence(from protocol.ConnID, p *protocol.PresenceUpdate) {
	e := sv.engine()
	c := e.client(from)
	var m *mirror
	if p.TextDocument != nil {
		m = c.mirror(canonical(e, p.TextDocument.URI))
	}
	c.early = nil
	if m == nil {
		if c.presence != nil {
			e.leavePlace(c)
		}
		if p.TextDocument != nil && c.privateDoc(canonical(e, p.TextDocument.URI)) != nil {
			c.early = p
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
	here := &presence{member: s.me, client: clientName(c), seq: c.presenceSeq, turn: e.nextTurn(), doc: m.doc.num, path: m.doc.path, version: heads}
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
	f := r.session.wirePlace(p)
	e.emit(SendFrame{Link: r.id, Channel: ch, Key: keyOf(p.member, p.client), Data: wire.Encode(&f)})
}

// wirePlace is a place as it is sent. A host names the document itself: no guest says what the others open.
func (s *session) wirePlace(p *presence) wire.Presence {
	f := wire.Presence{Member: p.member, Client: p.client, Seq: p.seq, Doc: p.doc, Version: p.version, Selections: p.selections, Visible: p.visible}
	if d := s.doc(p.doc); d != nil {
		f.Path = d.path.String()
	}
	return f
}

func fromWirePlace(f *wire.Presence) *presence {
	p := &presence{member: f.Member, client: screen.Line(f.Client, MaxName), seq: f.Seq, doc: f.Doc, version: f.Version, selections: f.Selections, visible: f.Visible}
	if path, err := docpath.Parse(f.Path); err == nil {
		p.path = path
	}
	return p
}

func (e *Engine) nextTurn() uint64 {
	e.lastPlace++
	return e.lastPlace
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

// MaxCursors of one link: sixteen guests with a few editors each. No member has more than its part of them.
const (
	MaxCursors  = 128
	cursorsEach = MaxCursors / MaxGuests
)

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
	if old == nil && !r.placeFor(f.Member) {
		return
	}
	p := fromWirePlace(f)
	p.turn = e.nextTurn()
	r.cursors[key] = p
	if s.host {
		e.spreadPresence(s, p, r)
		return
	}
	e.presenceChanged(s)
}

// placeFor tells whether there is a place for one more cursor of a member.
func (r *remote) placeFor(member string) bool {
	n := 0
	for _, p := range r.cursors {
		if p.member == member {
			n++
		}
	}
	if n >= cursorsEach {
		return r.evict(member)
	}
	return len(r.cursors) < MaxCursors || r.evict("")
}

// evict forgets one cursor, of a member or of anybody, that is in no document any more; it was kept to know late news of it
// from new ones.
func (r *remote) evict(member string) bool {
	for _, p := range r.sortedCursors() {
		if p.doc == 0 && (member == "" || p.member == member) {
			delete(r.cursors, p.member+"/"+p.client)
			return true
		}
	}
	return false
}

// presenceChanged has the editors of a session told, soon.
func (e *Engine) presenceChanged(s *session) {
	for _, c := range e.clients {
		if s.has(c) {
			e.presenceSoon(c)
		}
	}
}

// presenceSoon has one editor told.
func (e *Engine) presenceSoon(c *client) {
	if !c.presenceDue.IsZero() {
		return
	}
	c.presenceDue = e.now
	if next := c.presenceOld.Add(max(c.presenceGap, presenceGap)); e.now.Before(next) {
		c.presenceDue = next
	}
}

func (e *Engine) sendPresence(c *client) {
	c.presenceDue, c.presenceOld, c.presenceGap = time.Time{}, e.now, 0
	for _, s := range e.sessions {
		if s.has(c) && s.state != protocol.SessionEnded {
			e.tellPresence(c, s)
		}
	}
}

// tellPresence tells one editor where all the others are, in its own coordinates. The longer the list, the longer it is until the
// next: nobody can keep an editor busy with many cursors.
func (e *Engine) tellPresence(c *client, s *session) {
	if !s.has(c) {
		return
	}
	c.hints.changed(e.now)
	t := e.whereOthersAre(c, s)
	e.emit(Notify{Conn: c.id, Params: &protocol.PresenceChanged{Session: s.id, Cursors: t.cursors}})
	c.presenceGap = max(c.presenceGap, time.Duration(1+t.selections/selectionsAtOnce)*presenceGap)
	e.lead(c, t)
}

// whereOthersAre makes the list of all cursors but this editor's own.
func (e *Engine) whereOthersAre(c *client, s *session) *telling {
	t := &telling{e: e, c: c, s: s, cursors: []protocol.Cursor{}}
	if s.state == protocol.SessionEnded {
		return t
	}
	for _, o := range e.clients {
		if o != c && o.placeSession == s && o.presence != nil {
			t.add(o.presence, nil)
		}
	}
	for _, r := range s.remotes {
		for _, p := range r.sortedCursors() {
			if p.doc != 0 && s.member(p.member) != nil {
				t.add(p, r.spent)
			}
		}
	}
	return t
}

func (t *telling) add(p *presence, owes *spent) {
	t.cursors = append(t.cursors, t.cursor(p, owes))
	t.turns = append(t.turns, p.turn)
}

// selectionsAtOnce are told each presenceGap: 16 people with 16 each.
const selectionsAtOnce = 256

// telling is one list of cursors being made for an editor.
type telling struct {
	e          *Engine
	c          *client
	s          *session
	cursors    []protocol.Cursor
	turns      []uint64 // of their presences
	selections int
	ways       []way // that were worked out for it: most cursors are at the same few versions
}

// way is the difference between two versions of a document.
type way struct {
	d        *document
	from, to crdt.Frontier
	patch    text.Patch
}

// cursor maps a place to what the editor holds; without an open buffer of the document only the document is told.
func (t *telling) cursor(p *presence, owes *spent) protocol.Cursor {
	out := protocol.Cursor{Member: p.member, Client: p.client, Selections: []protocol.Selection{}}
	d := t.s.doc(p.doc)
	if d == nil {
		if !t.s.host && !p.path.IsFolder() {
			out.TextDocument = &protocol.TextDocumentIdentifier{URI: docpath.SessionURI(t.s.id, p.path)}
		}
		return out
	}
	out.TextDocument = &protocol.TextDocumentIdentifier{URI: d.uri()}
	m := d.mirrorOf(t.c)
	if m != nil {
		out.TextDocument.URI = m.uri
	}
	if !d.ready || !t.bring(d, p, owes) || m == nil {
		return out
	}
	var patch text.Patch // of a version that is not here yet, what is known of it counts as the mirror's own
	from, err := d.text.Frontier(versionOf(p.version))
	if err == nil {
		patch = t.way(d, from, m.at)
	}
	m.early = m.early || err != nil || !slices.Equal(m.at, d.text.Head())
	limit := m.buffer.Len()
	at := func(pos int) protocol.Position {
		pos = patch.MapPos(max(pos, 0), text.Before)
		pos = m.skew.MapPos(pos, text.Before)
		return protocol.Position(m.buffer.Position(min(max(pos, 0), limit), t.c.enc))
	}
	for _, sel := range p.selections {
		out.Selections = append(out.Selections, protocol.Selection{Anchor: at(sel[0]), Active: at(sel[1])})
	}
	t.selections += len(p.selections)
	if p.visible != nil {
		out.VisibleRange = &protocol.Range{Start: at(p.visible[0]), End: at(p.visible[1])}
	}
	return out
}

// caughtUp is called when what others did has come to an editor. Places that it was told before that count in the text that it had
// then, where a cursor behind a letter that was still to come stands before it; so it is told again.
func (e *Engine) caughtUp(m *mirror) {
	if m.early {
		m.early = false
		e.presenceSoon(m.client)
	}
}

// bring maps a place to the newest text, so that what came between is gone through once and not at each telling. What it takes
// from the version that it came with its member owes, as time: who names old versions again and again is not shown in the
// text until that is over. From then on all the places in a text go on together.
func (t *telling) bring(d *document, p *presence, owes *spent) bool {
	from, err := d.text.Frontier(versionOf(p.version))
	head := d.text.Head()
	if err != nil || slices.Equal(from, head) {
		p.brought = p.brought || err == nil
		return true
	}
	if owes != nil && !p.brought && t.known(d, from, head) == nil {
		if owes.places.After(t.e.now) {
			if t.c.presenceDue.IsZero() {
				t.c.presenceDue = owes.places
			}
			return false
		}
		share := time.Duration(1)
		if !t.s.host {
			share = MaxGuests
		}
		owes.places = t.e.now.Add(time.Duration(d.text.Apart(from, head)) * apartEach / share)
	}
	heads := headsOf(d, head)
	if len(heads) > wire.MaxHeads {
		return true // a newcomer could not be told
	}
	patch := t.way(d, from, head)
	place := func(pos int) int { return patch.MapPos(max(pos, 0), text.Before) }
	moved := make([][2]int, len(p.selections))
	for i, sel := range p.selections {
		moved[i] = [2]int{place(sel[0]), place(sel[1])}
	}
	p.version, p.selections, p.brought = heads, moved, true
	if p.visible != nil {
		p.visible = &[2]int{place(p.visible[0]), place(p.visible[1])}
	}
	return true
}

// apartEach is what a member owes for each run of events between the version of its cursor and the newest: fifty times what
// they take, so that all the cursors of a member take a fiftieth of the engine's time. One who types is behind by a few.
const apartEach = 50 * time.Microsecond

func (t *telling) known(d *document, from, to crdt.Frontier) *way {
	for i := range t.ways {
		if w := &t.ways[i]; w.d == d && slices.Equal(w.from, from) && slices.Equal(w.to, to) {
			return w
		}
	}
	return nil
}

func (t *telling) way(d *document, from, to crdt.Frontier) text.Patch {
	if slices.Equal(from, to) {
		return nil
	}
	w := t.known(d, from, to)
	if w == nil {
		t.ways = append(t.ways, way{d, slices.Clone(from), slices.Clone(to), d.text.Diff(from, to)})
		w = &t.ways[len(t.ways)-1]
	}
	return w.patch
}

func (d *document) mirrorOf(c *client) *mirror {
	for _, m := range d.mirrors {
		if m.client == c {
			return m
		}
	}
	return nil
}
