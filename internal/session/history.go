package session

import (
	"slices"
	"time"

	"earshot/internal/crdt"
	"earshot/internal/text"
	"earshot/protocol"
	"earshot/protocol/wire"
)

const (
	// KeepRuns of a document's history are kept whatever happens, for a buffer that comes back with an old text. People make a
	// run in 3 to 5 seconds, so these are 50 hours of one person, or 6 of eight. A run takes some 60 bytes and its text.
	KeepRuns = 1 << 16
	// KeepEvents and KeepBytes likewise, for few runs may hold much. At ten events a run KeepRuns are 2^19 events; only pastes make
	// more of them, and old buffers have a use for the last few of these. 2^22 are a 32nd of the events that a document may
	// have, 2^23 a 16th of the bytes.
	KeepEvents = 1 << 22
	KeepBytes  = 1 << 23
	// undoDepth is how many times KeepRuns undo holds a document's history back, whoever made it. Of events it is what undo itself
	// keeps to, 20 million; their bytes are bounded where a history is half full.
	undoDepth = 2
	// floorEvery: the guests are asked no more often how far back they need a history that is too long.
	floorEvery = 2 * time.Second
	// floorPressed is the same where the history is half full: a frame of 20 bytes to each guest, and one back.
	floorPressed = floorEvery / 20
	// holdFor is how long a guest may hold back a history that is half full: what an editor may take to answer.
	holdFor = AnswerWait
)

// pressure is what is asked of guests while a history is half full.
type pressure struct {
	since time.Time // zero: it is not
	at    crdt.Version
}

// keep is how much of a document's history is kept whatever happens.
func (c *Config) keep() crdt.Amount {
	a := crdt.Amount{Runs: KeepRuns, Events: KeepEvents, Bytes: KeepBytes}
	if c.KeepRuns > 0 {
		a.Runs = c.KeepRuns
	}
	return a
}

// remembers sets up a document's history.
func (e *Engine) remembers(d *document) { d.text.MarkEvery(e.cfg.keep().Runs / 4) }

// kept returns the version that so much comes after; the head where the history is half full, because to refuse what people type
// is worse than to forget what they could take back and what old buffers held.
func (d *document) kept(a crdt.Amount) crdt.Frontier {
	if d.text.HalfFull() {
		return d.text.Head()
	}
	return d.text.Ago(a)
}

// What came before a version that every editor of every member has gone beyond is forgotten, once there is more than twice
// of what is kept. The host asks its guests, who answer at once; those that are away keep what they had last needed. Then it
// forgets, and says how far the guests may.
//
//	host ──Floor{Ask}──▶ guest      guest: the newest version that its buffers, and all that they may be bound to, build on
//	host ◀──Floor{v₁}─── guest      host: the newest version that v₁, v₂ … and its own buffers build on
//	host ──Floor{v}────▶ guest      both forget what came before v

// shorten has the history end where it may, if it has grown too long.
func (e *Engine) shorten(d *document) {
	s := d.session
	if s.host {
		e.press(d)
	}
	wait := floorEvery
	if d.text.HalfFull() {
		wait = floorPressed
	}
	if !s.host || !d.text.History().Over(e.cfg.keep().Times(2)) || s.state != protocol.SessionOpen || !due(d.askedAt.Add(wait), e.now) {
		return
	}
	d.askedAt = e.now
	for _, r := range s.remotes {
		if r.synced(d) {
			e.frame(r, Live, &wire.Floor{Doc: d.num, Ask: true})
		}
	}
	e.forget(d)
}

// press voids the copy of each guest that holds back a history which is half full, be it that it does not answer, that it
// answers with what it needed long ago, or that its editor stands still: else one guest could have it fill up, and nobody could
// type any more. A guest that is away is waited for no longer. Until then they are asked again and again, though nothing happens.
func (e *Engine) press(d *document) {
	p := &d.pressure
	if !d.text.HalfFull() || d.session.state != protocol.SessionOpen {
		*p = pressure{}
		return
	}
	if !p.since.IsZero() && !due(p.since.Add(holdFor), e.now) {
		return
	}
	// If it is forgotten, all have gone beyond it.
	if at, err := d.text.Frontier(p.at); err == nil && !p.since.IsZero() {
		for _, r := range d.session.remotes {
			if r.synced(d) && !d.text.Contains(d.floors[r.member], at) {
				e.reset(r, d, r.docs[d.num].turn, "its history had to end, and an editor of yours stood still")
			}
		}
		for member, floor := range d.floors {
			if _, away := d.session.away[member]; away && !d.text.Contains(floor, at) {
				d.closedBy(member)
			}
		}
		e.forget(d)
	}
	*p = pressure{e.now, d.text.Version(d.text.Head())}
}

// heldBackBy tells whether a history that is half full can't end because of a guest.
func (d *document) heldBackBy(member string) bool {
	if d.pressure.since.IsZero() || !d.text.HalfFull() {
		return false
	}
	at, err := d.text.Frontier(d.pressure.at)
	return err == nil && !d.text.Contains(d.floors[member], at)
}

// forget lets go of what came before the floor of all members, and tells them.
func (e *Engine) forget(d *document) {
	if len(e.ops) > 0 { // one of them may go on from an older version
		return
	}
	keep := append(d.needed(e.cfg.keep()), d.kept(e.cfg.keep()), d.undoable(e.cfg.keep()))
	for _, f := range d.floors {
		keep = append(keep, f)
	}
	floor := d.text.Floor(keep...)
	if floor.Equal(d.text.Oldest()) {
		return
	}
	if !d.text.Contains(d.diskAt.at, floor) {
		d.diskAt = base{at: floor, skew: text.Compose(d.text.Diff(floor, d.diskAt.at), d.diskAt.skew)}
	}
	e.settleAt(d, floor)
	for _, r := range d.session.remotes {
		if r.synced(d) {
			e.frame(r, Live, &wire.Floor{Doc: d.num, Head: headOf(d, floor)})
		}
	}
}

func (e *Engine) settleAt(d *document, keep ...crdt.Frontier) {
	d.text.Settle(keep...)
	for _, m := range d.mirrors {
		m.undo.forgetBefore(d.text.First())
		m.forgetPast(d.text.First())
	}
	for _, l := range d.lost {
		if l.undo != nil {
			l.undo.forgetBefore(d.text.First())
		}
	}
}

// undoable returns a version that what can be taken back here comes after. What is too old is given up.
func (d *document) undoable(keep crdt.Amount) crdt.Frontier {
	from, least := d.undoNeeds(), d.kept(crdt.Amount{Runs: undoDepth * keep.Runs, Events: MaxUndoEvents + MaxUndoMade, Bytes: crdt.MaxContent})
	if len(least) > 0 && from <= slices.Min(least) {
		return least
	}
	if from == 0 {
		return nil
	}
	return crdt.Frontier{from - 1}
}

// needed returns the versions that anything here may yet build on. Texts that were handed out so long ago that this much has
// come since are given up: a buffer that comes back with one is compared with what there is. So are buffers whose editors are
// gone, where the history is half full.
func (d *document) needed(a crdt.Amount) []crdt.Frontier {
	old := d.kept(a)
	if d.text.HalfFull() {
		d.lost = slices.DeleteFunc(d.lost, func(l *lostMirror) bool { return !d.text.Contains(l.at, old) })
	}
	d.pins = slices.DeleteFunc(d.pins, func(p pin) bool { return !d.text.Contains(p.at, old) })
	keep := []crdt.Frontier{d.stepFrom, d.sentHead}
	for _, p := range d.pins {
		keep = append(keep, p.at)
	}
	for _, l := range d.lost {
		keep = append(keep, l.at)
	}
	for _, m := range d.mirrors {
		keep = append(keep, m.at)
		if m.flight != nil && !m.flight.probe {
			keep = append(keep, m.flight.target)
		}
	}
	return keep
}

// builds notes that all which a member will do builds on a version.
func (d *document) builds(member string, at crdt.Frontier) {
	if d.floors == nil {
		d.floors = map[string]crdt.Frontier{}
	}
	if _, known := d.floors[member]; !known {
		d.floors[member] = slices.Clone(at)
	}
}

// floorOf takes a guest's answer.
func (e *Engine) floorOf(r *remote, f *wire.Floor) {
	d := r.session.doc(f.Doc)
	if d == nil || !d.ready || !r.synced(d) || f.Head == nil {
		return
	}
	if at, err := d.text.Frontier(versionOf([]wire.Head{*f.Head})); err == nil {
		d.floors[r.member] = at
		e.forget(d)
	}
}

// takeFloor answers the host, or forgets what it has forgotten.
func (e *Engine) takeFloor(r *remote, f *wire.Floor) {
	d := r.session.doc(f.Doc)
	if d == nil || !d.ready || d.void || !d.synced {
		return
	}
	if f.Ask {
		e.shareEvents(d)
		d.floor = d.text.Floor(d.needed(e.cfg.keep())...)
		e.frame(r, Live, &wire.Floor{Doc: d.num, Head: headOf(d, d.floor)})
		return
	}
	if f.Head == nil {
		return
	}
	at, err := d.text.Frontier(versionOf([]wire.Head{*f.Head}))
	if err == nil && len(d.floor) > 0 && d.text.Contains(d.floor, at) {
		e.settleAt(d, at, d.undoable(e.cfg.keep()))
	}
}

// closedBy notes that a member has the document no more.
func (d *document) closedBy(member string) { delete(d.floors, member) }

// headOf is a version with one head; nil for the root.
func headOf(d *document, f crdt.Frontier) *wire.Head {
	if heads := headsOf(d, f); len(heads) == 1 {
		return &heads[0]
	}
	return nil
}
