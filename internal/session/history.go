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
	// undoDepth is how many times KeepRuns undo holds a document's history back, whoever made it.
	undoDepth = 2
	// floorEvery: the guests are asked no more often how far back they need a history that is too long.
	floorEvery = 2 * time.Second
)

func (c *Config) keepRuns() int {
	if c.KeepRuns > 0 {
		return c.KeepRuns
	}
	return KeepRuns
}

// remembers sets up a document's history.
func (e *Engine) remembers(d *document) { d.text.MarkEvery(e.cfg.keepRuns() / 4) }

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
	if !s.host || d.text.History() < 2*e.cfg.keepRuns() || s.state != protocol.SessionOpen || !due(d.askedAt.Add(floorEvery), e.now) {
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

// forget lets go of what came before the floor of all members, and tells them.
func (e *Engine) forget(d *document) {
	if len(e.ops) > 0 { // one of them may go on from an older version
		return
	}
	keep := append(d.needed(e.cfg.keepRuns()), d.text.Ago(e.cfg.keepRuns()), d.undoable(e.cfg.keepRuns()))
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
	}
	for _, l := range d.lost {
		if l.undo != nil {
			l.undo.forgetBefore(d.text.First())
		}
	}
}

// undoable returns a version that what can be taken back here comes after. What is too old is given up.
func (d *document) undoable(keepRuns int) crdt.Frontier {
	from, least := d.undoNeeds(), d.text.Ago(undoDepth*keepRuns)
	if len(least) > 0 && from <= least[0] {
		return least
	}
	if from == 0 {
		return nil
	}
	return crdt.Frontier{from - 1}
}

// needed returns the versions that anything here may yet build on. Texts that were handed out so long ago that this many
// runs have come since are given up: a buffer that comes back with one is compared with what there is.
func (d *document) needed(keepRuns int) []crdt.Frontier {
	old := d.text.Ago(keepRuns)
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
		d.floor = d.text.Floor(d.needed(e.cfg.keepRuns())...)
		e.frame(r, Live, &wire.Floor{Doc: d.num, Head: headOf(d, d.floor)})
		return
	}
	if f.Head == nil {
		return
	}
	at, err := d.text.Frontier(versionOf([]wire.Head{*f.Head}))
	if err == nil && len(d.floor) > 0 && d.text.Contains(d.floor, at) {
		e.settleAt(d, at, d.undoable(e.cfg.keepRuns()))
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
