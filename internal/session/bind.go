package session

import (
	"slices"
	"strings"
	"time"

	"earshot/internal/crdt"
	"earshot/internal/text"
	"earshot/protocol"
)

// attach makes a mirror of a buffer that an editor opened: it finds out what of the document the buffer already holds.
// Nothing is ever deleted by a guess.
func (e *Engine) attach(c *client, d *document, p *private) {
	m := &mirror{client: c, doc: d, uri: p.item.URI, key: p.uri, version: p.item.Version}
	e.name(m)
	m.end, m.endSet = text.DetectLineEnd(p.item.Text), hasLineEnd(p.item.Text)
	switch {
	case !m.endSet && !c.exact || d.eol == text.CRLF && strings.Contains(p.item.Text, "\r\n"):
		m.end = d.eol
	case m.endSet && shownEnd(p.item.Text) == text.CRLF && !strings.Contains(d.text.Text().String(), "\r\n"):
		m.end = text.CRLF // a lone '\r' in it is a character that another program put there
	}
	if old := c.mirror(p.uri); old != nil {
		e.detach(old)
	}
	opened, _ := c.shown(text.New(m.end.ToLF(p.item.Text)))
	for _, o := range slices.Clone(d.mirrors) {
		if c.replica != "" && o.client.replica == c.replica && o.key == m.key {
			e.lose(o) // its editor is back before its old connection was seen to break
		}
	}
	begins := m.undo
	e.bind(m, opened, p.stamp)
	if m.undo == begins {
		m.undo.clear() // what the buffer held when it was opened was not done here
	}
	d.shown = true
	if c.had == nil {
		c.had = map[string]bool{}
	}
	c.had[m.key] = true
	d.mirrors = append(d.mirrors, m)
	c.mirrors = append(c.mirrors, m)
	e.stillOwed(m)
	e.owns(c, d.session)
	e.presenceSoon(c) // the others' places in it
	e.touch(d)
	p.answer(0, m)
	for i := range p.queue {
		e.didChange(m, p.queue[i])
		p.answer(i+1, m)
	}
	if early := c.early; early != nil && canonical(e, early.TextDocument.URI) == m.key {
		(*server)(e).UpdatePresence(c.id, early)
	}
}

// stillOwed has a stock client, which has opened a document again, answer what it was asked before, first: no two edits of a document
// are under way at once.
func (e *Engine) stillOwed(m *mirror) {
	for _, asked := range e.calls {
		if asked.owed != nil && asked.conn == m.client.id && asked.of == m.key { // one at most
			again := *asked.owed
			again.sent = e.now
			m.owed = &again
			asked.mirror, asked.owed = m, nil
		}
	}
}

// shownEnd is how an editor whose report this is ends lines.
func shownEnd(s string) text.LineEnd {
	if strings.Count(s, "\r\n") == strings.Count(s, "\n") {
		return text.CRLF
	}
	return text.LF
}

// hasLineEnd tells whether a text shows how its editor ends lines. A lone '\r' does not: it is a character like any other.
func hasLineEnd(s string) bool { return strings.Contains(s, "\n") }

// bind finds the version of the document that a buffer's text goes on from.
func (e *Engine) bind(m *mirror, opened *text.Rope, stamp string) {
	d := m.doc
	if at, ok := d.returning(m, stamp); ok {
		e.bindReturning(m, at, opened)
		return
	}
	if at, skew, ok := d.holding(m.client, opened); ok {
		m.at, m.skew, m.buffer = at, skew, opened
		d.forget(m)
		return
	}
	switch back := d.lostOf(m, stamp); {
	case back != nil:
		d.forget(m)
		e.goOn(m, base{back.at, back.skew, back.buffer}, opened)
	case !d.shown && d.session.host:
		// Nobody has seen the text but this editor and the disk: what it holds is its own unsaved work.
		e.bindReturning(m, d.text.Head(), opened)
	case isSessionURI(m.key) && (m.client.blank(opened) || stamp == "" && !d.misses(m) && !m.client.had[m.key]):
		// A buffer that was never given the text says nothing about it. One with a stamp was, so long ago that it is forgotten.
		m.at, m.buffer = slices.Clone(d.text.Head()), opened
		m.skew, _ = text.NewPatch(text.Edit{Del: d.text.Text().Len(), Ins: opened.String()})
	default:
		e.bindNearest(m, opened)
	}
}

// returning is the version of a buffer whose editor process hands back a stamp.
func (d *document) returning(m *mirror, stamp string) (crdt.Frontier, bool) {
	if m.client.replica == "" || stamp == "" {
		return nil, false
	}
	at, stamped, ok := d.atStamp(stamp)
	if !ok || !d.text.Contains(at, d.floor) || d.disowned(stamped) {
		return nil, false
	}
	agent, known := d.heirOf(stamped)
	if !known { // of an earlier stay: its events are another member's, to whom nobody may add
		d.heirs[agent] = m.agent
	} else if !d.writes(agent) {
		m.agent = agent // the stamp stays the editor's until it applies another edit: its agent has to be found then
	}
	d.forget(m)
	return d.text.Union(at, d.text.LastOf(agent)), true
}

// disown notes that an agent's stamps no longer tell what its buffer holds: it was put on a new copy of the document with a
// skew, and what its person does now builds on text that it does not show. Taken for a version, such a stamp would make
// that text seem deleted.
func (d *document) disown(a crdt.Agent) {
	if d.skewed == nil {
		d.skewed = map[crdt.Agent]bool{}
	}
	d.skewed[a] = true
}

// disowned tells whether that holds of an agent, or of one that went on for it.
func (d *document) disowned(a crdt.Agent) bool {
	for {
		next, known := d.heirs[a]
		switch {
		case d.skewed[a]:
			return true
		case !known || next == a:
			return false
		}
		a = next
	}
}

// heirOf is the agent that goes on for a buffer which began as another, if that is known here.
func (d *document) heirOf(a crdt.Agent) (crdt.Agent, bool) {
	next, known := d.heirs[a]
	for known && next != a {
		a = next
		next, known = d.heirs[a]
	}
	return a, known
}

// name gives a buffer an agent of its own, which goes on for the one that it had.
func (e *Engine) name(m *mirror) {
	was, is := m.agent, e.agent()
	m.agent, m.undo = is, m.undo.renewed()
	m.doc.heirs[is] = is
	if was != 0 {
		m.doc.heirs[was] = is
	}
}

// lostOf is what is known of a buffer whose editor vanished and that this is, by the name of its process; nil if it has none.
// Whether the edit that was under way then was made, the stamp tells: who made it has that edit's.
func (d *document) lostOf(m *mirror, stamp string) *lostMirror {
	var back *lostMirror
	for _, l := range d.lost {
		switch {
		case !l.isOf(m):
		case !l.flown:
			back = l
		case stamp != "" && l.stamp == stamp:
			return l
		}
	}
	return back
}

// isOf tells whether this was a buffer of the same editor process, if that has a name.
func (l *lostMirror) isOf(m *mirror) bool {
	return l.replica == m.client.replica && l.key == m.key && l.replica != ""
}

// misses tells whether a buffer may be one whose editor vanished. One without a name of its process can only be one that
// had none either.
func (d *document) misses(m *mirror) bool {
	return slices.ContainsFunc(d.lost, func(l *lostMirror) bool {
		return l.key == m.key && (l.replica == "" || m.client.replica != "")
	})
}

// writes tells whether a buffer that is attached now makes its events under an agent's name.
func (d *document) writes(a crdt.Agent) bool {
	return slices.ContainsFunc(d.mirrors, func(m *mirror) bool { return m.agent == a })
}

// forget drops what was kept for a buffer that is back, but what its person did, which can still be taken back.
func (d *document) forget(m *mirror) {
	d.lost = slices.DeleteFunc(d.lost, func(l *lostMirror) bool {
		if l.isOf(m) && l.undo != nil {
			m.undo = l.undo
		}
		return l.isOf(m)
	})
}

// bindReturning goes on where the editor was; what differs is what it had not reported.
func (e *Engine) bindReturning(m *mirror, at crdt.Frontier, opened *text.Rope) {
	e.goOn(m, base{at: at, text: m.doc.text.TextAt(at)}, opened)
}

// goOn is bindReturning for a buffer of which it is known what it held, be it a version's text or not.
func (e *Engine) goOn(m *mirror, b base, opened *text.Rope) {
	m.at = slices.Clone(b.at)
	m.buffer, m.skew = b.asText().shownTo(m.client)
	e.own(m, m.client.diff(m.buffer, opened))
}

// base is a text that a buffer may hold, as a version and a skew.
type base struct {
	at   crdt.Frontier
	skew text.Patch
	text *text.Rope
}

// bases are the texts that a buffer may hold, the likeliest first.
func (d *document) bases() []base {
	all := []base{{at: d.text.Head(), text: d.text.Text()}}
	for _, l := range slices.Backward(d.lost) {
		all = append(all, base{l.at, l.skew, l.buffer}.asText())
	}
	for _, m := range d.mirrors {
		all = append(all, base{m.at, m.skew, m.buffer}.asText())
		if m.flight != nil && m.flight.after != nil {
			all = append(all, m.flight.makes())
		}
	}
	for _, p := range slices.Backward(d.pins) {
		all = append(all, base{p.at, nil, p.text})
	}
	return all
}

// holding finds a base with exactly this text.
func (d *document) holding(c *client, opened *text.Rope) (crdt.Frontier, text.Patch, bool) {
	for _, b := range d.bases() {
		if shown, skew := b.shownTo(c); shown.Equal(opened) {
			return slices.Clone(b.at), skew, true
		}
	}
	return nil, nil, false
}

// bindNearest takes the base that explains most of the text and only what was inserted since: what seems deleted may as
// well never have been there, so it goes back to the buffer, and the person is told. What counts first is how little would
// be inserted, for that is what might double; then how little would come back.
func (e *Engine) bindNearest(m *mirror, opened *text.Rope) {
	best, change := base{}, text.Patch(nil)
	leastIns, leastDel := -1, 0
	for _, b := range m.doc.bases() {
		if len(b.skew) > 0 {
			continue
		}
		shown, _ := b.shownTo(m.client)
		p := m.client.diff(shown, opened)
		ins, del := costs(p)
		if leastIns < 0 || ins < leastIns || ins == leastIns && del < leastDel {
			best, change, leastIns, leastDel = b, p, ins, del
		}
	}
	m.at = slices.Clone(best.at)
	m.buffer, m.skew = best.shownTo(m.client)
	inserted, deleted := split(change)
	e.own(m, inserted)
	if len(deleted) == 0 {
		return
	}
	m.skew = text.Compose(m.skew, deleted)
	m.buffer.Apply(deleted)
	e.tell(m.client, protocol.MessageWarning, "Text that was missing from this buffer has been put back: it was not known whether you had deleted it. Delete it again if you meant to.")
}

// split makes two patches of one: its insertions, and its deletions against the text with those.
func split(p text.Patch) (inserted, deleted text.Patch) {
	var ins, del []text.Edit
	shift := 0
	for _, edit := range p {
		n := runes(edit.Ins)
		if n > 0 {
			ins = append(ins, text.Edit{Pos: edit.Pos, Ins: edit.Ins})
		}
		shift += n
		if edit.Del > 0 {
			del = append(del, text.Edit{Pos: edit.Pos + shift, Del: edit.Del})
		}
	}
	inserted, _ = text.NewPatch(ins...)
	deleted, _ = text.NewPatch(del...)
	return inserted, deleted
}

// closing is a document that an exact editor closed, and perhaps opened again, before it answered an edit: it may yet
// apply it, for its version of the buffer is still the same.
type closing struct {
	again *private // as which it was opened again, or nil
}

// close ends an attachment at the editor's wish, once it is known what became of an edit under way.
func (e *Engine) close(m *mirror) {
	if f := m.flight; f == nil || !m.client.exact {
		e.detach(m)
		return
	}
	m.closing = &closing{}
}

// closed ends the attachment of a buffer whose last answer has come. What was applied after the document was opened again
// is part of the text that it was opened with.
func (e *Engine) closed(m *mirror, applied bool, res *protocol.ApplyWorkspaceEditResult) {
	f, own := m.flight, m.closing.again
	reported := len(m.held) > 0 // then what was opened has it already, and the stamp with it
	switch {
	case applied && reported:
		e.landed(m, f, res.Version)
	case reported:
		e.typedAll(m, m.takeHeld())
	}
	m.flight, m.held = nil, nil
	if own == nil || !slices.Contains(m.client.private, own) {
		e.detach(m)
		return
	}
	if applied && !reported {
		own.foldFirst(m.client, f.version, res.Version)
		own.stamp = f.stamp
		m.at, m.skew, m.buffer = f.target, f.skew, f.after
	}
	if m.client.replica != "" { // if the copy was made anew meanwhile, the stamp tells nothing
		m.doc.keepLost(m.lost(e.now))
	}
	e.detach(m)
	e.offer(m.client, own)
}

// detach ends an attachment: didClose never changes the text.
func (e *Engine) detach(m *mirror) {
	e.guess(m)
	if m.differs {
		m.doc.keep(m, e.now)
	}
	m.doc.seen(m)
	e.unlink(m)
}

// lose ends an attachment whose editor vanished; it may come back.
func (e *Engine) lose(m *mirror) {
	d := m.doc
	if f := m.flight; f != nil && f.after != nil && len(m.held) == 0 { // else its text is known, whosever it is
		l := m.lost(e.now)
		l.at, l.skew, l.buffer, l.flown, l.stamp = slices.Clone(f.target), f.skew, f.after, true, f.stamp
		d.keepLost(l)
	}
	e.guess(m)
	m.mayTear()
	e.unlink(m)
	d.keep(m, e.now)
}

// guess settles a mirror whose connection died with an edit in flight and reports held: was the first of them the echo?
func (e *Engine) guess(m *mirror) {
	f, held := m.flight, m.takeHeld()
	m.flight = nil
	if f != nil && !f.answered && !m.client.exact {
		m.owed = f
	}
	if f == nil || f.probe || len(held) == 0 {
		return
	}
	if n := m.echoOf(f, held); n > 0 {
		var changes []protocol.TextDocumentContentChangeEvent
		for _, r := range held[:n] {
			changes = append(changes, r.change.ContentChanges...)
		}
		e.echoed(m, f, changes)
		for _, r := range held[:n] {
			r.settled()
		}
		held = held[n:]
	}
	e.typedAll(m, held)
}

// echoOf is how many of the reports are the echo of an edit whose answer will not come: those that make its text, or else the
// text would double. A first one that makes another is the echo if it has all of that text and this explains it with fewer
// changes. If it lacks any, the person may have typed something that only resembles the edit, and to take it for the echo
// would be to delete by a guess what somebody else wrote.
func (m *mirror) echoOf(f *flight, held []report) int {
	if m.astray {
		return 1
	}
	actual := m.buffer.Clone()
	var first *text.Rope
	for i, r := range held {
		for k := range r.change.ContentChanges {
			p, err := m.patchOf(actual, &r.change.ContentChanges[k])
			if err != nil {
				return 0
			}
			actual.Apply(p)
		}
		if actual.Equal(f.after) {
			return i + 1
		}
		if i == 0 {
			first = actual.Clone()
		}
	}
	asEcho := text.DiffRunes(f.after.String(), first.String())
	asTyped := text.DiffRunes(m.buffer.String(), first.String())
	if _, lacks := costs(asEcho); lacks == 0 && cost(asEcho) <= cost(asTyped) {
		return 1
	}
	return 0
}

// keep remembers a buffer whose editor may come back.
func (d *document) keep(m *mirror, now time.Time) {
	l := m.lost(now)
	l.undo = m.undo
	d.keepLost(l)
}

func (m *mirror) lost(now time.Time) *lostMirror {
	return &lostMirror{replica: m.client.replica, key: m.key, at: slices.Clone(m.at), skew: m.skew, buffer: m.buffer, since: now}
}

func (d *document) keepLost(l *lostMirror) {
	if len(d.lost) == MaxLost {
		d.lost = slices.Delete(d.lost, 0, 1)
	}
	d.lost = append(d.lost, l)
}

// seen remembers what a buffer that is closed may hold when it is opened again.
func (d *document) seen(m *mirror) {
	if f := m.flight; f != nil && f.after != nil && len(f.skew) == 0 {
		d.pinAt(f.target, f.after)
	}
	if len(m.skew) == 0 && m.before == nil {
		d.pinAt(m.at, m.buffer)
	}
	d.pin()
}

func (e *Engine) unlink(m *mirror) {
	wishes := m.wishes
	m.wishes = nil
	for _, w := range wishes {
		w.answer(false, nil)
	}
	m.doc.mirrors = slices.DeleteFunc(m.doc.mirrors, func(o *mirror) bool { return o == m })
	m.client.mirrors = slices.DeleteFunc(m.client.mirrors, func(o *mirror) bool { return o == m })
	owes := m.unanswered()
	for n, asked := range e.calls {
		switch {
		case asked.mirror != m:
		case owes != nil && owes.call == n && !m.client.exact:
			asked.mirror, asked.owed, asked.of = nil, owes, m.key
		default:
			delete(e.calls, n)
		}
	}
	if b := m.doc.saving; b != nil && b.conn == m.client.id {
		e.writeInstead(b)
	}
	e.touch(m.doc)
}
