package session

import (
	"math"
	"slices"

	"earshot/internal/crdt"
	"earshot/internal/docpath"
	"earshot/protocol"
	"earshot/protocol/wire"
)

// maxSnapshot likewise for a document's snapshot: its text and its history.
const maxSnapshot = 4 * crdt.MaxText

func (e *Engine) frameArrived(ev FrameArrived) {
	r := e.links[ev.Link]
	if r == nil {
		return
	}
	f, err := wire.Decode(ev.Data)
	if err != nil {
		e.misbehaved(r, "sent a message that can't be read")
		return
	}
	if !r.affords(e.now, f, len(ev.Data)) {
		e.tooMuch(r)
		return
	}
	if r.session.host {
		e.fromGuest(r, f)
		return
	}
	e.fromHost(r, f)
}

// misbehaved closes the link to a daemon that breaks the rules: the session goes on without it.
func (e *Engine) misbehaved(r *remote, how string) {
	e.expel(r, protocol.VersionMismatch, how, "use the same version on both sides")
}

func (e *Engine) tooMuch(r *remote) {
	e.expel(r, protocol.RateLimited, "sent far more than people type", "join again, and look what types so much")
}

// expel shows a remote the door for good, with a word of what it did and what its people can do.
func (e *Engine) expel(r *remote, kind protocol.Kind, how, advice string) {
	e.emit(Warn{What: "a remote daemon " + how})
	s := r.session
	e.frame(r, Live, &wire.Bye{Kind: string(kind), Reason: "your Earshot " + how + "; " + advice})
	e.dropRemote(r)
	e.emit(CloseLink{Link: r.id, Reason: how})
	switch {
	case s.id == "":
		e.notWelcome(r, protocol.Errorf(kind, "The host's Earshot %s; %s.", how, advice))
		return
	case !s.host:
		e.over(s, "the host's Earshot "+how)
		return
	}
	if m := s.member(r.member); m != nil {
		e.memberLeft(s, m, how)
	}
}

func (e *Engine) dropRemote(r *remote) {
	s := r.session
	delete(e.links, r.id)
	s.remotes = slices.DeleteFunc(s.remotes, func(o *remote) bool { return o == r })
	if s.up == r {
		s.up = nil
	}
	for _, d := range s.docs {
		e.touch(d)
	}
	e.presenceChanged(s)
}

func (e *Engine) linkChanged(ev LinkChanged) {
	r := e.links[ev.Link]
	if r == nil || !r.session.host {
		return
	}
	m := r.session.member(r.member)
	if m == nil {
		return
	}
	told := m.RTTMs
	if m.Path == ev.Path && told != nil && !otherwise(*told, ev.RTTMs) {
		return
	}
	rtt := ev.RTTMs
	m.Path, m.RTTMs = ev.Path, &rtt
	e.changed(r.session)
}

// otherwise tells whether a delay, in milliseconds, is so much another than the one that people see that it says something.
func otherwise(told, is float64) bool {
	return math.Abs(is-told) > max(5, told/2)
}

func (e *Engine) linkDown(ev LinkDown) {
	r := e.links[ev.Link]
	if r == nil {
		return
	}
	s := r.session
	e.dropRemote(r)
	if !s.host {
		e.hostLost(s)
		return
	}
	for _, p := range r.sortedCursors() {
		e.spreadPresence(s, &presence{member: p.member, client: p.client, seq: p.seq + 1}, r)
	}
	if m := s.member(r.member); m != nil {
		m.State, m.Path, m.RTTMs = protocol.MemberReconnecting, "", nil // those were the broken link's
		s.away[m.ID] = e.now
		e.tellHappening(protocol.Happening{Event: "reconnecting", Session: s.id, Member: s.memberInfo(m.ID)})
		e.changed(s)
	}
}

// fromGuest takes a guest's frame at the host, which alone decides what it may do.
func (e *Engine) fromGuest(r *remote, f wire.Frame) {
	s := r.session
	switch f := f.(type) {
	case *wire.Hello:
		if f.Version != wire.FrameVersion {
			e.misbehaved(r, "speaks another version")
		}
	case *wire.Bye:
		e.dropRemote(r)
		e.emit(CloseLink{Link: r.id, Reason: "the guest left"})
		if m := s.member(r.member); m != nil {
			e.memberLeft(s, m, "left")
		}
	case *wire.List:
		e.listFor(r, f)
	case *wire.Open:
		e.openFor(r, f)
	case *wire.Close:
		r.forget(f.Doc)
		if d := s.doc(f.Doc); d != nil {
			d.closedBy(r.member)
		}
	case *wire.Save:
		e.saveFor(r, f)
	case *wire.Create:
		e.createFor(r, f)
	case *wire.Rename:
		e.renameFor(r, f)
	case *wire.Delete:
		e.deleteFor(r, f)
	case *wire.Resync:
		e.resyncFor(r, f)
	case *wire.Events:
		e.eventsFrom(r, f)
	case *wire.Check:
		e.checkFrom(r, f)
	case *wire.Presence:
		e.presenceArrived(r, f)
	case *wire.Summon:
		e.summoned(r, f)
	case *wire.Floor:
		e.floorOf(r, f)
	default:
		e.misbehaved(r, "sent what only a host may send")
	}
}

// maxSaves is how many saves of one guest may be under way: each holds a copy of its text.
const maxSaves = 4

// atOnce is how many requests of one guest the disk is asked about at once: it does eight things at a time, in their order, and
// what the host's people save or open shall not wait behind a thousand listings.
const atOnce = 2

// begin does what a guest asks for, once fewer than atOnce of its requests are under way; do tells by done when it is answered. One
// who asks for more at once than any guest of ours (MaxOps) is shown the door.
func (e *Engine) begin(r *remote, do func(done func())) {
	if r.asked+len(r.waiting) >= MaxOps {
		e.misbehaved(r, "asked for too much at once")
		return
	}
	r.waiting = append(r.waiting, do)
	e.goOnFor(r)
}

func (e *Engine) goOnFor(r *remote) {
	for r.asked < atOnce && len(r.waiting) > 0 && e.links[r.id] == r {
		do := r.waiting[0]
		r.waiting = r.waiting[1:]
		r.asked++
		do(func() {
			r.asked--
			e.goOnFor(r)
		})
	}
}

func (e *Engine) listFor(r *remote, f *wire.List) {
	e.begin(r, func(done func()) {
		e.listHere(r.session, f.Path, f.Recursive, f.Cursor, func(entries []Entry, cursor string, err *protocol.Error) {
			defer done()
			if e.links[r.id] != r {
				return
			}
			out := &wire.Listed{Op: f.Op, Cursor: cursor, Failure: toWire(err)}
			for _, entry := range entries {
				out.Entries = append(out.Entries, wire.Entry{Path: entry.Path.String(), Folder: entry.Folder, Size: entry.Size, Readonly: entry.Readonly})
			}
			e.frame(r, Live, out)
		})
	})
}

func (e *Engine) openFor(r *remote, f *wire.Open) {
	fail := func(err *protocol.Error) {
		if e.links[r.id] == r {
			e.frame(r, Live, &wire.Opened{Op: f.Op, Failure: toWire(err)})
		}
	}
	p, err := docpath.Parse(f.Path)
	if err != nil {
		fail(asError(err))
		return
	}
	e.begin(r, func(done func()) {
		if len(r.docs) >= MaxOpen {
			fail(protocol.Errorf(protocol.RateLimited, "You have %d files open, the most allowed; close some first.", MaxOpen))
			done()
			return
		}
		e.open(r.session, p, func(d *document, err *protocol.Error) {
			defer done()
			if err != nil {
				fail(err)
				return
			}
			if e.links[r.id] == r {
				e.sendSnapshot(r, d, f.Op)
			}
		})
	})
}

// MaxOpen documents of one guest: each is a replica in the guest's memory, and the host's engine looks at them all.
const MaxOpen = 512

// sendSnapshot gives a guest a document: the answer on the live channel, the text in the gaps. Events follow once the
// guest has asked for them by Resync.
func (e *Engine) sendSnapshot(r *remote, d *document, op uint32) {
	b := d.text.Snapshot()
	if !r.paysFor(e.now, d.text.History().Runs, len(b)) {
		e.tooMuch(r)
		return
	}
	if !r.has(d) { // by another name it may have it already, and is sent its events
		r.docs[d.num] = &remoteDoc{}
		d.builds(r.member, d.text.Head())
	}
	d.shown = true
	delete(d.outdated, r.member)
	st := d.state()
	e.frame(r, Live, &wire.Opened{Op: op, Doc: d.num, Instance: d.instance, Path: d.path.String(), Size: len(b), State: &st})
	for len(b) > wire.MaxPiece {
		e.frame(r, Bulk, &wire.Chunk{Op: op, Data: b[:wire.MaxPiece]})
		b = b[wire.MaxPiece:]
	}
	e.frame(r, Bulk, &wire.Chunk{Op: op, Last: true, Data: b})
}

func (e *Engine) saveFor(r *remote, f *wire.Save) {
	s := r.session
	answer := func(err *protocol.Error) {
		if e.links[r.id] == r {
			e.frame(r, Live, &wire.Saved{Op: f.Op, Failure: toWire(err)})
		}
	}
	d := s.doc(f.Doc)
	m := s.member(r.member)
	switch {
	case d == nil || !r.has(d):
		answer(protocol.Errorf(protocol.NoSuchDocument, "The host does not have this document open any more; open it again."))
	case m == nil || m.Role != protocol.RoleEditor:
		answer(protocol.Errorf(protocol.ReadOnly, "You are a viewer in this session; ask the host to save."))
	case r.saves >= maxSaves:
		answer(protocol.Errorf(protocol.RateLimited, "%d saves are under way already; save again in a moment.", maxSaves))
	case !e.mayAskEditor(r, d):
		answer(protocol.Errorf(protocol.RateLimited, "The host's editor saved this for you again and again just now; save again in a moment."))
	default:
		r.saves++
		e.save(d, func(err *protocol.Error) {
			r.saves--
			answer(err)
		})
	}
}

// mayNot says why a member's events can't be taken, or "".
func (e *Engine) mayNot(d *document, m *protocol.Member, got *arrived) string {
	if m == nil || m.Role != protocol.RoleEditor {
		return "you are a viewer"
	}
	if d.readonly {
		return "the file is read-only"
	}
	var fresh map[crdt.Agent]bool // nil as long as a person types on
	for _, a := range got.authors {
		if owner, ok := d.owners[a]; ok && owner != m.ID {
			return "an edit was made in another's name"
		}
		if _, ok := d.owners[a]; !ok && (d.text.NextSeq(a) > 0 || d.isOwn(a)) {
			return "an edit was made in another's name"
		}
		if d.owners[a] == "" {
			if fresh == nil {
				fresh = map[crdt.Agent]bool{}
			}
			fresh[a] = true
		}
	}
	if d.names[m.ID]+len(fresh) > MaxNames {
		return "you have changed it under too many names; join again"
	}
	if d.text.Text().Size()+got.size > crdt.MaxText+maxSlack {
		return "the text would grow over 32 MiB"
	}
	return ""
}

// MaxNames is under how many names, one for each attachment of a buffer, a guest may change a document: half of what it can have
// in all, for they are never forgotten, and one guest shall not use them up.
const MaxNames = crdt.MaxAgents / 2

// isOwn tells whether a name is that of a buffer here, though nothing was done under it yet.
func (d *document) isOwn(a crdt.Agent) bool {
	return slices.ContainsFunc(d.mirrors, func(m *mirror) bool { return m.agent == a })
}

// maxSlack is how far over the limit what describes an edit may reach.
const maxSlack = 64 << 10
