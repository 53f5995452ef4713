package session

import (
	"slices"
	"time"

	"earshot/internal/crdt"
	"earshot/internal/docpath"
	"earshot/internal/text"
	"earshot/protocol"
)

const (
	// UndoPause: who goes on after a longer pause has begun something new, which is taken back apart. People pause for 0.1 to
	// 0.3 s between keys and for 1 s and more between thoughts.
	UndoPause = 700 * time.Millisecond
	// UndoBurst: what comes no later than this after the change before it was done by the same command, whatever it is. A
	// program makes its changes within a millisecond of one another, and they get here together; people's keys are 50 ms and
	// more apart, and a key that repeats itself 30.
	UndoBurst = 25 * time.Millisecond
	// MaxUndo groups of a buffer can be taken back, the newest ones: an hour of writing at one every four seconds.
	MaxUndo = 1000
	// MaxUndoEvents bounds how much of a document's history an undo stack holds back: what happened longer ago, by whomever,
	// can't be taken back any more. 2^22 are 58 hours of four people who type 5 characters a second, or four pastes of 1 MiB.
	MaxUndoEvents = 1 << 22
	// MaxUndoMade events that undo and redo make are not counted with these: the largest paste can go and come back twice.
	MaxUndoMade = 4 * MaxUndoEvents
	// passedAtOnce groups of which others have left nothing are passed over in one Step; the search goes on in the next. One
	// takes a millisecond where a thousand were done since, so nobody else waits for longer than 25.
	passedAtOnce = 25
	// maxKeystroke is the most, in code points, that may be one of many edits that make a group: a line end and its indent, or
	// a word that an editor completes. What is longer is a group of its own.
	maxKeystroke = 32
)

// undoStack is what the person at one buffer did, in groups that can be taken back one after the other, and brought back.
// It holds no text: a group is where it begins among the document's events, and a state is the text as if none of the
// person's events from some number on had been.
//
//	events   ──ab──────cd──────ef──
//	bounds     b₀      b₁      b₂   b₃
//	state      0       1       2    3     the state k is the text without the person's events from bounds[k] on
//
// To undo is to go from state k to k-1, to redo from k to k+1. What undo and redo do are the person's events as well, newer
// than all bounds, so that they drop out of every state. Who types in a state makes it the last one; the bound moves behind
// what was done to get there, which stays.
type undoStack struct {
	agents []crdt.Agent // under whose names the person made events
	undo   *crdt.Undo   // nil until something was taken back
	bounds []crdt.LV    // none or at least two
	state  int
	made   crdt.LV // events of undo and redo, since bounds[0] or before
	early  bool    // what came before bounds[0] was forgotten
	late   bool    // what could be brought back was forgotten

	// The last group, while it may go on.
	kind   editKind
	lo, hi int // where in the buffer an edit goes on with it: in what was typed last (a bracket's pair, a new line), or behind
	at     time.Time

	reporting bool // what comes is part of a report of the editor, all of which is one group
	begun     bool // the command that is being reported, or was last, is part of the last group already
}

// editKind is what a group's edits have in common.
type editKind uint8

const (
	over     editKind = iota // nothing goes on with it
	alone                    // nothing but what the same command did
	typing                   // one piece of text after the other, or over another
	deleting                 // in either direction; what is typed there then replaces it
)

func kindOf(p text.Patch) editKind {
	if len(p) != 1 || p[0].Del > maxKeystroke || len(p[0].Ins) > maxKeystroke*4 || runes(p[0].Ins) > maxKeystroke {
		return alone
	}
	if p[0].Ins == "" {
		return deleting
	}
	return typing
}

// reports notes that a report of the editor begins, of the same command as the one before it if it is joined.
func (u *undoStack) reports(joined bool) { u.reporting, u.begun = true, u.begun && joined }

// did notes that a change of the buffer became the agent's events from first up to, not including, end.
func (u *undoStack) did(a crdt.Agent, p text.Patch, first, end crdt.LV, now time.Time) {
	if !slices.Contains(u.agents, a) {
		u.agents = append(u.agents, a)
	}
	u.late = false
	goesOn := u.goesOn(p, now)
	if goesOn {
		u.bounds[u.state] = end
	} else {
		u.bounds = append(u.bounds[:u.state], first, end)
		u.state++
	}
	k, n := kindOf(p), len(p)
	hi := p.MapPos(p[n-1].Pos+p[n-1].Del, text.After)
	lo := hi - runes(p[n-1].Ins)
	if goesOn && k == deleting && u.kind == deleting { // a block, whose lines go one by one
		u.moved(p)
		lo, hi = min(u.lo, lo), max(u.hi, hi)
	}
	u.kind, u.at, u.lo, u.hi = k, now, lo, hi
	u.begun = u.begun || u.reporting
	u.forget(end)
}

// goesOn tells whether a change is one with the last group.
func (u *undoStack) goesOn(p text.Patch, now time.Time) bool {
	since := now.Sub(u.at)
	switch k := kindOf(p); {
	case u.kind == over:
		return false
	case u.reporting && u.begun || since <= UndoBurst:
		return true
	case since > UndoPause || k == alone || k != u.kind && (k != typing || u.kind != deleting):
		return false
	}
	e := p[0]
	return u.here(e.Pos) || e.Del > 0 && u.here(e.Pos+e.Del)
}

func (u *undoStack) here(pos int) bool { return u.lo <= pos && pos <= u.hi }

// moved notes that the buffer was changed by what others did.
func (u *undoStack) moved(p text.Patch) {
	u.lo, u.hi = p.MapPos(u.lo, text.Before), p.MapPos(u.hi, text.After)
}

// clear forgets everything that could be taken back.
func (u *undoStack) clear() { *u = undoStack{agents: u.agents, reporting: u.reporting} }

// forget drops what is too old or too much, where a document has so many events.
func (u *undoStack) forget(events crdt.LV) {
	most := MaxUndoEvents + min(u.made, MaxUndoMade)
	for len(u.bounds) > MaxUndo+1 || len(u.bounds) > 0 && events-u.bounds[0] > most {
		u.forgetFirst()
	}
	if u.undo != nil && len(u.bounds) > 0 {
		u.undo.Forget(u.bounds[0])
	}
}

// forgetBefore drops what builds on events of which nothing is known any more.
func (u *undoStack) forgetBefore(first crdt.LV) {
	for len(u.bounds) > 0 && u.bounds[0] < first {
		u.forgetFirst()
	}
}

// renewed returns the stack of a person whose earlier events have other numbers now, or none: nothing of them can be taken
// back, and who asks for it is told.
func (u *undoStack) renewed() *undoStack {
	if u == nil {
		return &undoStack{}
	}
	return &undoStack{early: u.early || u.state > 0, late: u.late || u.state+1 < len(u.bounds)}
}

// forgetFirst drops the oldest group. If it is not done at the moment, all that could be brought back builds on it.
func (u *undoStack) forgetFirst() {
	if u.state == 0 || len(u.bounds) == 2 {
		early, late := u.early || u.state > 0, u.state == 0
		u.clear()
		u.early, u.late = early, late
		return
	}
	u.bounds = slices.Delete(u.bounds, 0, 1)
	u.state--
	u.early = true
}

// undoNeeds is the first event of the document that an undo may yet ask about: from there on history must be kept, and what
// was deleted since. It is the number of events if nothing can be taken back, and never more than MaxUndoEvents and
// MaxUndoMade before.
func (d *document) undoNeeds() crdt.LV {
	events := crdt.LV(d.text.Events())
	least := events
	look := func(u *undoStack) {
		if u == nil {
			return
		}
		if u.forget(events); len(u.bounds) > 0 {
			least = min(least, u.bounds[0])
		}
	}
	for _, m := range d.mirrors {
		look(m.undo)
	}
	for _, l := range d.lost {
		look(l.undo)
	}
	return least
}

// undoWay is the direction in which the states are gone through.
type undoWay int

const (
	undoing undoWay = -1
	redoing undoWay = +1
)

// wish is an undo or redo that a buffer's person has asked for.
type wish struct {
	way    undoWay
	waits  bool // for what was reported before it
	answer func(applied bool, refusal *protocol.Error)
}

// undoes grants one wish after the other, until too much was passed over for one Step: a Tick goes on.
func (e *Engine) undoes(m *mirror) {
	for left := passedAtOnce; len(m.wishes) > 0 && !m.wishes[0].waits; {
		w := m.wishes[0]
		applied, refusal := e.takeBack(m, w.way, &left)
		if left == 0 {
			m.wishedAt = e.now
			return
		}
		m.wishes = m.wishes[1:]
		w.answer(applied, refusal)
	}
}

// undoesOn goes on with what was too much for one Step.
func (e *Engine) undoesOn() {
	for _, c := range e.clients {
		for _, m := range c.mirrors {
			e.undoes(m)
		}
	}
}

// unwish ends what has not been granted when the person does something else: what is to be taken back next would be that.
func (e *Engine) unwish(m *mirror) {
	n := 0
	for n < len(m.wishes) && !m.wishes[n].waits {
		n++
	}
	over := m.wishes[:n:n]
	m.wishes = m.wishes[n:]
	for _, w := range over {
		w.answer(false, protocol.Errorf(protocol.Conflict, "You went on before it was found what to take back, so nothing was taken back; ask again."))
	}
}

// takeBack takes the buffer's person one group back or forth. Groups of which nothing is left, for others have deleted it,
// are passed over, until no more may be. The document changes at once; the buffer is told like any other.
func (e *Engine) takeBack(m *mirror, way undoWay, left *int) (applied bool, refusal *protocol.Error) {
	d, u := m.doc, m.undo
	if err := d.mayUndo(); err != nil {
		return false, err
	}
	if m.astray || d.void {
		return false, nil // nobody knows what its person sees
	}
	u.forget(crdt.LV(d.text.Events()))
	for k := u.state + int(way); k >= 0 && k < len(u.bounds); k += int(way) {
		before := d.text.Events()
		head, err := d.text.TakeBack(e.undoOf(u), u.bounds[k])
		if err != nil {
			return false, protocol.Errorf(protocol.TooLarge, "The text or its history would grow too large, so nothing was changed; delete something first.")
		}
		u.state, u.kind, u.begun = k, over, false
		u.made += crdt.LV(d.text.Events() - before)
		if len(head) > 0 {
			d.moved(head)
			d.dirty = true
			e.happened(d, d.session.me)
			e.touch(d)
			return true, nil
		}
		if *left--; *left == 0 {
			return false, nil
		}
	}
	switch {
	case way == undoing && u.early:
		e.tellOnce(m.client, protocol.MessageWarning, "What you did earlier was too large or is too long ago to be taken back this way; your editor's own undo may still know it.")
	case way == redoing && u.late:
		e.tellOnce(m.client, protocol.MessageWarning, "What you took back was too large or is too long ago to be brought back this way; your editor's own undo may still know it.")
	}
	return false, nil
}

// undoOf is what the graph knows of the person's events. Those that undo makes have an agent of their own: they build on the
// head, and the buffer's next event may not.
func (e *Engine) undoOf(u *undoStack) *crdt.Undo {
	if u.undo == nil {
		u.undo = crdt.NewUndo(e.agent())
	}
	for _, a := range u.agents {
		u.undo.Own(a)
	}
	return u.undo
}

// mayUndo says why this daemon's people may not change the text.
func (d *document) mayUndo() *protocol.Error {
	switch s := d.session; {
	case s.state == protocol.SessionEnded && !s.host:
		return protocol.Errorf(protocol.Ended, "The session has ended, so nothing can be undone or redone; save a copy of the text if you need it.")
	case s.role == protocol.RoleViewer:
		return protocol.Errorf(protocol.ReadOnly, "You are a viewer in this session, so nothing can be undone or redone; ask the host to make you an editor.")
	case d.readonly:
		return protocol.Errorf(protocol.ReadOnly, "The host's file can't be written (it is read-only, or has a second name on the disk), so nothing can be undone or redone; ask the host to change that.")
	}
	return nil
}

// undoFor answers a request. What was typed before it may still wait for an answer of the editor, or for the document, and
// goes first.
func (e *Engine) undoFor(r protocol.Request[protocol.UndoResult], uri string, way undoWay) {
	if uri == "" {
		refuse(e, r, &protocol.Error{Code: protocol.CodeInvalidParams, Message: "Name the document in textDocument.uri."})
		return
	}
	c, key := e.client(r.Conn), docpath.CanonicalURI(uri, e.cfg.GOOS)
	if own := c.privateDoc(key); own != nil && own.waits(c) {
		own.then(func(m *mirror) { e.undoIn(m, r, uri, way) })
		return
	}
	e.undoIn(c.mirror(key), r, uri, way)
}

// undoIn answers a request for a buffer, if there is one.
func (e *Engine) undoIn(m *mirror, r protocol.Request[protocol.UndoResult], uri string, way undoWay) {
	if m == nil || m.closing != nil {
		refuse(e, r, protocol.Errorf(protocol.NoSuchDocument, "%s is not open here as a shared document, so nothing can be undone; see `earshot status` for what is shared.", docpath.Quote(uri)))
		return
	}
	w := &wish{way: way, answer: func(applied bool, err *protocol.Error) {
		if err != nil {
			refuse(e, r, err)
			return
		}
		reply(e, r, protocol.UndoResult{Applied: applied})
	}}
	m.wishes = append(m.wishes, w)
	if n := len(m.held); n > 0 {
		w.waits = true
		m.held[n-1].then(func() {
			w.waits = false
			e.undoes(m)
		})
		return
	}
	if len(m.wishes) == 1 {
		e.undoes(m)
	}
}

// then has something done behind what the report says, and behind what was to be done there already.
func (r *report) then(do func()) {
	if was := r.saved; was != nil {
		r.saved = func() { was(); do() }
		return
	}
	r.saved = do
}
