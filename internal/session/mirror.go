package session

import (
	"slices"
	"time"
	"unicode/utf8"

	"earshot/internal/crdt"
	"earshot/internal/text"
	"earshot/protocol"
)

// mirror is what the engine believes of one editor's buffer: a replica of its document that lags. What its person types
// is an event whose parents are what the buffer had seen (at); what the editor must be told is the difference from
// there to the head. One function, crdt's, serves both.
//
//	engine ──applyEdit(version v)──▶ editor      flight: at most one
//	engine ◀──didChange(v+1 …)────── editor      exact: held until the answer; stock: decides
//	engine ◀──answer──────────────── editor
//
// Between the graph's text at `at` and what the buffer really holds there may be a skew: a change that was not allowed
// to become events (a viewer typed) or must not (a text seemed to be deleted while nobody watched). A skew is undone by
// the next edit that is sent; until then positions go through it.
type mirror struct {
	client *client
	doc    *document
	uri    string // as the editor wrote it
	key    string // the same, canonical
	agent  crdt.Agent
	end    text.LineEnd // how the editor's text ends its lines,
	endSet bool         // which is known: it has shown a line end

	at      crdt.Frontier
	skew    text.Patch // from the text at `at` to the buffer
	buffer  *text.Rope
	version int

	flight     *flight
	held       []report // exact: changes since the flight's version, until its answer
	savedFirst func()   // what waits for the flight's answer alone: didSave came before any of held
	saves      int      // didSave of this buffer, counted,
	comparing  int      // and how many of them the disk is yet to be compared with
	past       []past   // the newest last
	probed     bool     // stock: its version is known to be above 0, or can't be got there
	astray     bool     // its buffer is not known any more: the next edit replaces everything
	early      bool     // places of others were told that count in a text which it did not have yet
	retry      time.Time
	backoff    time.Duration
	strange    int        // edits in a row that the editor did not apply as asked
	owed       *flight    // stock: its report decided it before its answer came
	differs    bool       // document/verify has shown that the buffer holds something else
	closing    *closing   // the editor closed the document with an edit under way
	before     *text.Rope // the buffer before what was typed while a void document is fetched anew; nil if nothing was
	told       *protocol.DocumentChanged
	undo       *undoStack
	wishes     []*wish   // to undo or redo, not yet granted
	wishedAt   time.Time // when the first of them was looked at last
}

// flight is an edit that the editor was asked to make.
type flight struct {
	call     uint64
	version  int // of the buffer it was made for
	target   crdt.Frontier
	patch    text.Patch // against the buffer
	edits    []protocol.TextEdit
	after    *text.Rope // the buffer if it is applied as asked
	skew     text.Patch // from the text at target to it; the bare end, or what a document replaced meanwhile makes
	stamp    string     // exact: as it was sent
	sent     time.Time
	probe    bool // an insertion of nothing, to get a version above 0
	answered bool // stock: the answer came, what it reports has not
	refused  bool // stock: the answer was no
}

// probeWait: a stock client at version 0 that does not report an insertion of nothing for this long will not; but for
// Neovim's own, which reports nothing at all as long as its person goes on typing, and must not be sent an edit before.
const probeWait = time.Second

func (c *client) alwaysReports() bool { return c.program == "Neovim" }

func (m *mirror) settled(head crdt.Frontier) bool {
	return !m.astray && !m.skewed() && slices.Equal(m.at, head)
}

// didChange takes a report of the editor.
func (e *Engine) didChange(m *mirror, r report) {
	m.backoff, m.retry = 0, time.Time{}
	e.touch(m.doc)
	switch {
	case m.flight == nil:
		m.version = r.change.TextDocument.Version
		e.typed(m, r.change.ContentChanges, r)
	case m.client.exact:
		m.held = append(m.held, r)
	default:
		e.decideStock(m, r)
	}
}

// typed takes changes that the person made, of a report. One that can't be taken leaves the buffer unknown: it is told,
// and the next edit restores it.
func (e *Engine) typed(m *mirror, changes []protocol.TextDocumentContentChangeEvent, of report) {
	m.undo.reports(of.joined())
	defer func() { m.undo.reporting = false }()
	for i := range changes {
		p, err := m.patchOf(m.buffer, &changes[i])
		if err != nil {
			m.astray = true
			e.tellOnce(m.client, protocol.MessageError, "A change was reported at a place outside the text and could not be taken; the buffer is being restored.")
			return
		}
		if m.astray { // of a place in an unknown text only this is sure: something was put in
			p, _ = split(p)
		}
		e.ownAt(m, p, of.at)
	}
}

// patchOf reads a reported change of a text; what stays the same at its ends is left out.
func (m *mirror) patchOf(buffer *text.Rope, c *protocol.TextDocumentContentChangeEvent) (text.Patch, error) {
	if !m.endSet && hasLineEnd(c.Text) {
		m.end, m.endSet = shownEnd(c.Text), true
	}
	ins := m.end.ToLF(c.Text)
	if c.Range == nil {
		now, _ := m.client.shown(text.New(ins))
		return m.client.diff(buffer, now), nil
	}
	from, err := buffer.Offset(text.Position(c.Range.Start), m.client.enc, text.Before)
	if err != nil {
		return nil, err
	}
	to, err := buffer.Offset(text.Position(c.Range.End), m.client.enc, text.After)
	if err != nil {
		return nil, err
	}
	if to < from {
		from, to = to, from
	}
	p, _ := text.NewPatch(m.client.reported(buffer, text.Edit{Pos: from, Del: to - from, Ins: ins}))
	return p.Trim(buffer), nil
}

// own makes a change of the buffer into events of its agent, or into skew if the person may not change the text.
func (e *Engine) own(m *mirror, p text.Patch) { e.ownAt(m, p, e.now) }

// ownAt is own for what was done earlier.
func (e *Engine) ownAt(m *mirror, p text.Patch, at time.Time) {
	if len(p) == 0 {
		return
	}
	m.client.leading = nil // its person goes its own way
	if m.doc.void {        // what the host refused can't be built upon
		if m.before == nil {
			m.before = m.buffer.Clone()
		}
		m.buffer.Apply(p)
		return
	}
	if why := e.refuses(m, p); why != "" {
		m.skew = text.Compose(m.skew, p)
		m.buffer.Apply(p)
		e.tellOnce(m.client, protocol.MessageError, why)
		return
	}
	mine, skew := p, text.Patch(nil)
	if len(m.skew) > 0 {
		mine, skew = through(m.skew, p, m.buffer.Len())
	}
	m.buffer.Apply(p)
	m.skew = skew
	if len(mine) == 0 {
		return
	}
	e.unwish(m)
	m.leaves(e.now)
	first := m.doc.text.Events()
	after, head, err := m.doc.text.Edit(m.agent, m.at, mine)
	if err != nil {
		m.skew = text.Compose(mine, m.skew)
		e.tellOnce(m.client, protocol.MessageError, "The history of this text can't grow any more, so the change was taken back; save it, and share it in a new session.")
		e.emit(Warn{What: "an edit was refused by the graph: " + err.Error()})
		return
	}
	m.at = after
	m.undo.did(m.agent, p, crdt.LV(first), crdt.LV(m.doc.text.Events()), at)
	m.doc.moved(head)
	m.doc.dirty = true
	e.happened(m.doc, m.doc.session.me)
	e.adopt(m)
}

// refuses says why the person may not make this change, or "".
func (e *Engine) refuses(m *mirror, p text.Patch) string {
	d := m.doc
	switch {
	case d.session.state == protocol.SessionEnded && !d.session.host:
		return "The session has ended; this text can no longer be changed here. Save a copy if you need it."
	case d.session.role == protocol.RoleViewer:
		return "You are a viewer in this session, so the change was taken back. Ask the host to make you an editor."
	case d.readonly:
		return "The host's file can't be written (it is read-only, or has a second name on the disk), so the change was taken back."
	}
	size := d.text.Text().Size()
	for _, edit := range p {
		size += len(edit.Ins) // what is deleted is not counted off: the bound is a guard, not a ruler
	}
	if size > crdt.MaxText {
		return "The text would grow over 32 MiB, the most that can be shared, so the change was taken back."
	}
	return ""
}

// applyAnswered takes the editor's answer to an edit.
func (e *Engine) applyAnswered(m *mirror, number uint64, res *protocol.ApplyWorkspaceEditResult, err *protocol.Error) {
	if m.owed != nil && m.owed.call == number {
		m.owed = nil
		e.touch(m.doc)
		return
	}
	f := m.flight
	if f == nil || f.call != number {
		return
	}
	if m.closing != nil {
		e.closed(m, err == nil && res != nil && res.Applied, res)
		return
	}
	e.touch(m.doc)
	applied := err == nil && res != nil && res.Applied
	if !m.client.exact {
		f.answered, f.refused = true, !applied
		if !applied {
			m.pause(e.now)
		}
		return
	}
	m.flight = nil
	if applied {
		e.landed(m, f, res.Version)
		return
	}
	held := m.takeHeld()
	if res != nil && res.Version != nil {
		m.version = *res.Version
	}
	if len(held) == 0 {
		m.pause(e.now)
	}
	e.typedAll(m, held)
}

// report is what an editor says about its buffer. It is held while it is not known whether the editor applied an edit.
type report struct {
	change *protocol.DidChangeTextDocumentParams
	at     time.Time // it came
	saved  func()    // didSave, undo or redo came behind it
}

func (r report) joined() bool { return r.change.Earshot != nil && r.change.Earshot.Joined }

// then has something done once the edit under way is answered, behind all that was reported: the buffer is known then.
func (m *mirror) then(do func()) {
	if n := len(m.held); n > 0 {
		m.held[n-1].then(do)
		return
	}
	if was := m.savedFirst; was != nil {
		m.savedFirst = func() { was(); do() }
		return
	}
	m.savedFirst = do
}

// takeHeld gives what was held; what was saved before any of it is dealt with.
func (m *mirror) takeHeld() []report {
	held, saved := m.held, m.savedFirst
	m.held, m.savedFirst = nil, nil
	if saved != nil {
		saved()
	}
	return held
}

func (e *Engine) typedAll(m *mirror, held []report) {
	for _, r := range held {
		m.version = max(m.version, r.change.TextDocument.Version)
		e.typed(m, r.change.ContentChanges, r)
		r.settled()
	}
}

func (r report) settled() {
	if r.saved != nil {
		r.saved()
	}
}

// landed settles an edit that an exact client says it applied: the first change after its version is the echo,
// whatever its form; what differs from the text asked for is the person's, and so is everything later.
func (e *Engine) landed(m *mirror, f *flight, version *int) {
	held := m.takeHeld()
	m.backoff, m.retry = 0, time.Time{}
	unchanged := version != nil && *version == f.version
	if unchanged || len(held) == 0 {
		if version != nil {
			m.version = *version
		}
		e.echoed(m, f, nil)
		e.typedAll(m, held)
		return
	}
	m.version = held[0].change.TextDocument.Version
	e.echoed(m, f, held[0].change.ContentChanges)
	held[0].settled()
	e.typedAll(m, held[1:])
}

// echoed moves the mirror over an edit that is in the buffer, as the given report of it shows.
func (e *Engine) echoed(m *mirror, f *flight, changes []protocol.TextDocumentContentChangeEvent) {
	actual, same, err := m.replay(f, changes)
	m.leaves(e.now)
	m.at, m.skew, m.buffer = f.target, f.skew, f.after.Clone()
	m.undo.moved(f.patch)
	e.caughtUp(m)
	if err != nil {
		m.astray = true
		return
	}
	m.astray = false
	if same {
		m.strange = 0
		return
	}
	if m.strange++; m.strange > maxStrange {
		// It may never: two that put each other right must not spin.
		m.backoff = min(retryFirst<<min(m.strange-maxStrange, 8), retryMost)
		m.retry = e.now.Add(m.backoff)
	}
	e.own(m, m.client.diff(m.buffer, actual))
}

// maxStrange edits in a row may come out in another way than asked for (an editor that indents) before it is sent them
// more slowly.
const maxStrange = 8

// replay applies a report to the buffer as it was and tells whether that is the edit asked for. Comparing patches first
// keeps an ordinary echo from costing a comparison of whole texts.
func (m *mirror) replay(f *flight, changes []protocol.TextDocumentContentChangeEvent) (*text.Rope, bool, error) {
	if m.astray {
		return f.after, true, nil
	}
	actual := m.buffer.Clone()
	var all text.Patch
	for i := range changes {
		p, err := m.patchOf(actual, &changes[i])
		if err != nil {
			return nil, false, err
		}
		actual.Apply(p)
		all = text.Compose(all, p)
	}
	if slices.Equal(all, f.patch) || actual.Equal(f.after) {
		return actual, true, nil
	}
	return actual, false, nil
}

// decideStock takes the first report of a stock client after an edit was sent: its answers prove nothing, this does. An
// entry with the effect of the edit is the echo; if it comes behind the person's own entries, the edit was made in the
// wrong place.
func (e *Engine) decideStock(m *mirror, of report) {
	f, p := m.flight, of.change
	m.version = p.TextDocument.Version
	m.flight = nil
	if !f.answered {
		m.owed = f
	}
	m.probed = m.probed || f.probe
	if f.probe {
		e.typed(m, p.ContentChanges, of)
		return
	}
	switch i := m.echoAmong(f, p.ContentChanges); {
	case i < 0:
		e.typed(m, p.ContentChanges, of)
	case i == 0:
		e.echoed(m, f, p.ContentChanges[:1])
		e.typed(m, p.ContentChanges[1:], of)
	default:
		e.typed(m, p.ContentChanges[:i], of)
		e.misplaced(m, &p.ContentChanges[i])
		e.typed(m, p.ContentChanges[i+1:], of)
	}
}

// echoAmong finds the entry whose effect is that of the edit asked for: the first one in the text it was asked for, a
// later one in the text that the entries before it make. -1 if there is none.
func (m *mirror) echoAmong(f *flight, changes []protocol.TextDocumentContentChangeEvent) int {
	current := m.buffer.Clone()
	asked := &protocol.TextDocumentContentChangeEvent{Range: &f.edits[0].Range, Text: f.edits[0].NewText}
	for i := range changes {
		if m.astray && changes[i].Text == f.edits[0].NewText {
			return i
		}
		p, err := m.patchOf(current, &changes[i])
		if err != nil {
			return -1
		}
		want, err := m.patchOf(current, asked)
		if err == nil && len(p) > 0 && sameEffect(current, p, want) {
			return i
		}
		current.Apply(p)
	}
	return -1
}

// sameEffect tells whether two patches make the same text of r, whatever they look like: editors shift an insertion
// along equal characters.
func sameEffect(r *text.Rope, p, q text.Patch) bool {
	if slices.Equal(p, q) {
		return true
	}
	if p.LenDelta() != q.LenDelta() || len(p) == 0 || len(q) == 0 {
		return false
	}
	one, other := r.Clone(), r.Clone()
	one.Apply(p)
	other.Apply(q)
	return one.Equal(other)
}

// misplaced records an edit that a stock client made in a text for which it was not meant: as this buffer's event, and
// taken back in the head at once, so that no one else sees it.
func (e *Engine) misplaced(m *mirror, c *protocol.TextDocumentContentChangeEvent) {
	p, err := m.patchOf(m.buffer, c)
	if err != nil {
		m.astray = true
		return
	}
	was := m.at
	e.own(m, p)
	if slices.Equal(was, m.at) {
		return
	}
	_, head, err := m.doc.text.Edit(e.agent(), m.at, m.doc.text.Diff(m.at, was))
	if err != nil {
		e.emit(Warn{What: "a misplaced edit could not be taken back: " + err.Error()})
		return
	}
	m.doc.moved(head)
	m.undo.clear() // its event is not the person's
}

// pause leaves an editor that refused an edit, without having changed, alone for a while.
func (m *mirror) pause(now time.Time) {
	m.backoff = min(max(2*m.backoff, retryFirst), retryMost)
	m.retry = now.Add(m.backoff)
}

// advance sends the editor what it lacks, if it can be sent now.
func (e *Engine) advance(m *mirror) {
	if m.closing != nil || m.owed != nil || m.flight != nil && !e.giveUp(m) {
		return
	}
	d := m.doc
	if d.void {
		return
	}
	e.askWaiting(m)
	head := d.text.Head()
	if m.settled(head) {
		m.retry = time.Time{}
		return
	}
	if e.now.Before(m.retry) {
		return
	}
	m.retry = time.Time{}
	if !m.client.exact && m.version == 0 && !m.probed {
		e.probe(m)
		return
	}
	target, patch := e.lacks(m, head)
	patch, skew := m.asLines(patch)
	patch = patch.Trim(m.buffer) // by identity a character may be replaced by its like: nothing for the editor to do
	if len(patch) == 0 && !m.astray {
		m.at, m.skew = target, skew
		if slices.Equal(target, head) {
			return
		}
		e.advance(m)
		return
	}
	e.send(m, target, patch, skew)
}

// giveUp ends a flight that nothing more can be learned of by waiting.
func (e *Engine) giveUp(m *mirror) bool {
	f := m.flight
	switch {
	case f.probe && f.answered && !m.client.alwaysReports() && due(f.sent.Add(probeWait), e.now):
		m.probed = true
	case f.refused && due(m.retry, e.now):
	default:
		return false
	}
	m.flight = nil
	return true
}

// lacks is the change from the buffer to a version of the graph, and that version. An exact client is brought to the
// head at once; a stock one by one edit at a time.
func (e *Engine) lacks(m *mirror, head crdt.Frontier) (crdt.Frontier, text.Patch) {
	d := m.doc
	if m.skewed() || m.astray {
		restore := m.skew.Invert(d.text.TextAt(m.at))
		return head, text.Compose(restore, d.text.Diff(m.at, head))
	}
	if slices.Equal(m.at, d.stepFrom) && (m.client.exact || len(d.stepPatch) <= 1) {
		return head, d.stepPatch
	}
	if m.client.exact {
		return head, d.text.Diff(m.at, head)
	}
	if all := d.text.Diff(m.at, head); len(all) > maxBehind {
		return head, all // covered by one edit
	}
	return d.text.FirstStep(m.at, head)
}

// maxBehind edits that a stock client lacks are sent one by one, which leaves its marks and cursor in peace; more are made
// one edit from the first to the last. A client that reports no more than every 150 ms would be behind for 20 s after 2 s in
// which three people typed.
const maxBehind = 8

// send asks the editor for one change.
func (e *Engine) send(m *mirror, target crdt.Frontier, patch, skew text.Patch) {
	if !m.client.exact && len(patch) > 1 {
		patch = m.cover(patch)
	}
	var after *text.Rope
	if m.astray {
		after, _ = m.client.shown(m.doc.text.Text().Clone())
	} else { // not the document's text: were that damaged, the mirror would believe what no editor holds
		after = m.buffer.Clone()
		after.Apply(patch)
	}
	f := &flight{version: m.version, target: target, patch: patch, after: after, skew: skew, sent: e.now}
	f.edits = m.textEdits(patch)
	if m.astray {
		f.edits = []protocol.TextEdit{{Range: protocol.Range{End: protocol.Position{Line: everyLine}}, NewText: m.end.FromLF(after.String())}}
	}
	if m.client.exact {
		f.stamp = m.doc.stampOf(m.agent, target)
	}
	f.call = e.ask(m.client, m.applyParams(f), call{mirror: m})
	m.flight = f
}

// everyLine is past the last line of any text of MaxText bytes; an editor clamps it to its end.
const everyLine = 1 << 30

// probe sends a stock client at version 0 an insertion of nothing: Neovim's own client checks no version while it is 0.
func (e *Engine) probe(m *mirror) {
	f := &flight{version: m.version, probe: true, sent: e.now, edits: []protocol.TextEdit{{}}}
	f.call = e.ask(m.client, m.applyParams(f), call{mirror: m})
	m.flight = f
}

func (m *mirror) applyParams(f *flight) *protocol.ApplyWorkspaceEditParams {
	p := &protocol.ApplyWorkspaceEditParams{Label: "Earshot"}
	if m.client.lineEnder() {
		p.Label = "" // Neovim's own client prints it, for each edit
	}
	p.Edit.DocumentChanges = []protocol.TextDocumentEdit{{
		TextDocument: protocol.VersionedTextDocumentIdentifier{URI: m.uri, Version: f.version},
		Edits:        f.edits,
	}}
	if m.client.exact {
		p.Earshot = &protocol.Stamp{Stamp: f.stamp}
	}
	return p
}

// cover makes one edit of several, from the first to the last.
func (m *mirror) cover(p text.Patch) text.Patch {
	last := p[len(p)-1]
	from, to := p[0].Pos, last.Pos+last.Del
	piece := text.New(m.buffer.Slice(from, to))
	for i := len(p) - 1; i >= 0; i-- {
		piece.Replace(p[i].Pos-from, p[i].Del, p[i].Ins)
	}
	one, _ := text.NewPatch(text.Edit{Pos: from, Del: to - from, Ins: piece.String()})
	return one
}

func (m *mirror) textEdits(p text.Patch) []protocol.TextEdit {
	edits := make([]protocol.TextEdit, 0, len(p))
	for _, edit := range p {
		edits = append(edits, protocol.TextEdit{
			Range:   m.rangeOf(edit.Pos, edit.Pos+edit.Del),
			NewText: m.end.FromLF(edit.Ins),
		})
	}
	return edits
}

func (m *mirror) rangeOf(from, to int) protocol.Range {
	start := m.buffer.Position(from, m.client.enc)
	end := start
	if to != from {
		end = m.buffer.Position(to, m.client.enc)
	}
	return protocol.Range{Start: protocol.Position(start), End: protocol.Position(end)}
}

// overdue tells whether the editor has failed to answer.
func (m *mirror) overdue(now time.Time) bool {
	return m.unanswered() != nil && due(m.unanswered().sent.Add(AnswerWait), now)
}

// unanswered is the edit that the editor owes an answer to, nil if there is none.
func (m *mirror) unanswered() *flight {
	if m.flight != nil && !m.flight.answered {
		return m.flight
	}
	return m.owed
}

// deadline is when something has to be done for the mirror though nothing happens.
func (m *mirror) deadline() time.Time {
	if owes := m.unanswered(); owes != nil {
		return owes.sent.Add(AnswerWait)
	}
	switch f := m.flight; {
	case f == nil:
		return m.retry
	case f.probe && !m.client.alwaysReports():
		return f.sent.Add(probeWait)
	case f.refused:
		return m.retry
	}
	return time.Time{}
}

// cost is how many code points a patch touches.
func cost(p text.Patch) int {
	ins, del := costs(p)
	return ins + del
}

func costs(p text.Patch) (ins, del int) {
	for _, edit := range p {
		ins += utf8.RuneCountInString(edit.Ins)
		del += edit.Del
	}
	return ins, del
}
