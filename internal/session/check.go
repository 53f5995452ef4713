package session

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"earshot/internal/crdt"
	"earshot/internal/docpath"
	"earshot/internal/text"
	"earshot/protocol"
	"earshot/protocol/wire"
)

// check is what a document knows of comparing its copies. All replicas with the same events have the same text; that this
// is so is looked at when nothing moves, and where it is not, the copies are put right.
//
//	guest ──Check(version, text)──▶ host     nothing was typed for checkAfter, and the host has everything
//	guest ◀──Moving────────────────          the host is at another version: nothing can be said, again later
//	guest ◀──Differs───────────────          both count it, say so, and make their text anew of their events
//	guest ──Check──▶ ◀──Differs────          then the events differ: the guest takes the host's, and adds its own
//	guest ──Check──▶ ◀──Differs────          then its people are told what to do
//
// The host takes no guest's word: it looks at its own events, and what a guest can make it do is bounded.
type check struct {
	// Host. The hash is kept because many may ask about one version.
	sum     [sha256.Size]byte
	sumAt   crdt.Frontier
	summed  bool          // sum is of the text at sumAt
	rebuilt crdt.Frontier // the head that was last made anew

	// Guest.
	due   time.Time // of the next check, zero if nothing has changed since the last one
	first time.Time // of the changes that were not looked at yet
	rest  time.Time // no check is due before
	pause time.Duration
	turn  uint32
	asked bool // turn was not answered yet
	stage stage
}

// stage is what has been done about a copy that differs.
type stage uint8

const (
	untouched stage = iota
	rebuilt         // its text was made anew of its events
	renewed         // the host's events were taken, or are on their way
)

// remoteCheck is what a host knows of comparing a guest's copy.
type remoteCheck struct {
	rest  time.Time // sooner nothing is compared
	apart time.Time // when it was first found to differ, zero if it does not
}

const (
	// checkAfter is how long nothing may have changed before a copy is compared: longer than people pause between words, so
	// that a check seldom meets a keystroke.
	checkAfter = 2 * time.Second
	// checkEvery: a copy that goes on changing is compared this often, as is one whose host says that it is changing. At 120
	// bytes to and fro that is 4 bytes a second.
	checkEvery = 30 * time.Second
	// checkCost is how long a document of the largest size is left alone after it was hashed: that takes 20 ms for 32 MiB
	// (200 ms in a browser), so 20 s keep it under 0.1 % (1 %) of the time. Smaller texts wait in proportion.
	checkCost = 20 * time.Second
	// checkBusy is the largest text that is compared though it goes on changing. Hashing it takes 0.6 ms, which a keystroke
	// may have to wait for; a larger one waits for checkAfter without a change.
	checkBusy = 1 << 20
	// rebuildEvery bounds what a guest that makes up differences can cost the host, and what a host can cost a guest: making
	// a text of a million events anew takes less than a second.
	rebuildEvery = time.Minute
)

// afterHash is how long a text is left alone once it was hashed.
func afterHash(r *text.Rope) time.Duration {
	return checkCost * time.Duration(r.Size()) / crdt.MaxText
}

// hashOf returns the SHA-256 of a text's UTF-8.
func hashOf(r *text.Rope) (sum [sha256.Size]byte) {
	h := sha256.New()
	_, _ = r.WriteTo(h) // a hash takes everything
	h.Sum(sum[:0])
	return sum
}

// textSum hashes the text at the head.
func (d *document) textSum() [sha256.Size]byte {
	c := &d.check
	if head := d.text.Head(); !c.summed || !slices.Equal(c.sumAt, head) {
		c.sum, c.sumAt, c.summed = hashOf(d.text.Text()), slices.Clone(head), true
	}
	return c.sum
}

// versionSum hashes the head: for each event of it, in Version's order, the agent with 8 bytes and the number with 4, both
// little endian.
func (d *document) versionSum() [sha256.Size]byte {
	var b []byte
	for _, id := range d.text.Version(d.text.Head()) {
		b = binary.LittleEndian.AppendUint64(b, uint64(id.Agent))
		b = binary.LittleEndian.AppendUint32(b, id.Seq)
	}
	return sha256.Sum256(b)
}

// checkLater has a guest's copy compared once it has been left alone for a moment.
func (d *document) checkLater(now time.Time) {
	c := &d.check
	if c.due.IsZero() {
		c.first = now
	}
	c.checkAt(now.Add(checkAfter))
	if most := c.first.Add(checkEvery); c.due.After(most) && d.text.Text().Size() <= checkBusy {
		c.checkAt(most)
	}
}

func (c *check) checkAt(t time.Time) {
	c.due = t
	if c.due.Before(c.rest) {
		c.due = c.rest
	}
}

// checkable tells whether a copy can be compared now or soon, without anything else having to happen first.
func (d *document) checkable() bool {
	s := d.session
	return !s.host && s.up != nil && s.state == protocol.SessionOpen && d.ready && d.synced && !d.void && d.asked == 0 && !d.check.asked
}

// checkDue is when a Tick is due for it.
func (d *document) checkDue() time.Time {
	if !d.checkable() {
		return time.Time{}
	}
	return d.check.due
}

// checkCopies compares what is due. It is called at a Tick alone: no keystroke waits for a hash.
func (e *Engine) checkCopies() {
	for _, s := range e.sessions {
		for _, d := range s.docs {
			if due(d.checkDue(), e.now) {
				e.checkCopy(d)
			}
		}
	}
}

func (e *Engine) checkCopy(d *document) {
	c := &d.check
	if d.unacked() {
		c.checkAt(e.now.Add(checkAfter))
		return
	}
	c.due, c.rest = time.Time{}, e.now.Add(afterHash(d.text.Text()))
	c.turn++
	c.asked = true
	e.frame(d.session.up, Live, &wire.Check{Doc: d.num, Turn: c.turn, Version: d.versionSum(), Text: hashOf(d.text.Text())})
}

// takeChecked takes the host's word on a copy.
func (e *Engine) takeChecked(s *session, f *wire.Checked) {
	d := s.doc(f.Doc)
	if d == nil || !d.check.asked || d.check.turn != f.Turn {
		return
	}
	c := &d.check
	c.asked = false
	switch f.Verdict {
	case wire.Equal:
		c.stage, c.pause = untouched, 0
	case wire.Differs:
		c.pause = 0
		e.mendCopy(d)
	case wire.Moving:
		c.pause = min(max(2*c.pause, checkAfter), checkEvery)
		if c.due.IsZero() { // else it has changed meanwhile
			c.first = e.now
			c.checkAt(e.now.Add(c.pause))
		}
	}
}

// mendCopy does the next thing about a guest's copy that differs from the host's.
func (e *Engine) mendCopy(d *document) {
	c := &d.check
	switch c.stage {
	case untouched:
		e.differs(d, "", differed, "Your copy of "+d.label()+" was found to differ from the host's and is being put right; you can go on, and nothing that you typed is lost.")
		e.rebuild(d)
		c.stage = rebuilt
		e.checkCopy(d)
	case rebuilt:
		c.stage = renewed
		e.fetchAgain(d)
	case renewed:
		c.stage, c.rest = untouched, e.now.Add(rebuildEvery)
		e.emit(Warn{What: "a guest's copy differs from the host's and could not be mended"})
		e.tellDiffers(d.session, "Your copy of "+d.label()+" still differs from the host's; copy what you need out of it, then leave the session and join it again.")
	}
}

func (d *document) label() string { return docpath.Quote(d.path.String()) }

// differed is what is logged of copies that differ.
const differed = "a guest's copy and the host's differed at the same version; both are being made anew"

// differs counts a difference and says so: it is a defect of the program or of a machine's memory.
func (e *Engine) differs(d *document, member, logged, sentence string) {
	s := d.session
	e.healed++
	e.emit(Warn{What: logged})
	e.tellHappening(protocol.Happening{Event: "differed", Session: s.id, URI: d.uri(), Member: s.memberInfo(member)})
	e.tellDiffers(s, sentence)
}

func (e *Engine) tellDiffers(s *session, sentence string) {
	for _, c := range e.clients {
		if s.has(c) {
			e.tellOnce(c, protocol.MessageWarning, sentence)
		}
	}
}

// rebuild makes a document's text anew of its events. Buffers that were given damaged text get an ordinary edit; what was
// typed into them is events, and stays.
func (e *Engine) rebuild(d *document) {
	changed, err := d.text.Rebuild()
	d.check.summed = false
	d.check.rebuilt = slices.Clone(d.text.Head())
	if err != nil {
		e.emit(Warn{What: "a document's history can't be read: " + err.Error()})
		return
	}
	if !changed {
		return
	}
	d.dirty = d.dirty || d.session.host && !d.readonly // the damaged text may have been saved
	d.stepFrom, d.stepPatch = slices.Clone(d.text.Head()), nil
	d.pins = slices.DeleteFunc(d.pins, func(p pin) bool { return !d.text.TextAt(p.at).Equal(p.text) })
	d.pin()
	for _, l := range d.lost {
		if was := d.text.TextAt(l.at); len(l.skew) > 0 || !was.Equal(l.buffer) {
			l.skew = text.DiffRunes(was.String(), l.buffer.String())
		}
	}
	for _, m := range d.mirrors {
		if was := d.text.TextAt(m.at); m.flight != nil || len(m.skew) > 0 || !was.Equal(m.buffer) {
			e.rebase(m, d.text)
		}
	}
	e.touch(d)
}

// fetchAgain asks the host for its copy. Until it is here people go on in the one that differs.
func (e *Engine) fetchAgain(d *document) {
	d.answer, d.loaded, d.whole = nil, nil, false
	mine := uint32(0)
	e.request(d.session, func(op uint32) wire.Frame {
		d.asked, mine = op, op
		return &wire.Open{Op: op, Path: d.path.String()}
	}, func(f wire.Frame) {
		if d.asked != mine || d.void || !slices.Contains(d.session.docs, d) {
			return // the host has said Reset meanwhile, the link broke, or nobody has the document any more
		}
		got, ok := f.(*wire.Opened)
		if ok && got.Failure == nil && got.Doc == d.num && got.State != nil && got.Size >= 0 && got.Size <= maxSnapshot {
			d.answer = got
			e.complete(d)
			return
		}
		e.notRenewed(d)
	})
}

// checkCut: the link broke, and no answer comes any more.
func (e *Engine) checkCut(d *document) {
	d.check.asked = false
	if d.ready && !d.void && d.asked != 0 {
		e.notRenewed(d)
	}
}

// notRenewed: the host's copy could not be had or not be read, or what was typed here does not fit it. What is here stays, and
// is compared again later; unless its streams are over, for then it would stay behind.
func (e *Engine) notRenewed(d *document) {
	c := &d.check
	d.asked, d.answer, d.loaded, d.whole = 0, nil, nil, false
	if d.turn == 0 && d.session.up != nil {
		for _, m := range d.mirrors {
			e.tell(m.client, protocol.MessageError, "What you typed last into "+d.label()+" did not fit the host's text, which is being brought back; look whether something of yours is missing.")
		}
		e.refetch(d)
		return
	}
	c.stage, c.rest = rebuilt, e.now.Add(rebuildEvery)
	d.checkLater(e.now)
}

// renew puts the host's copy in the place of a guest's that could not be mended. What was typed here, and the host had not
// taken when it made its copy, goes with it.
func (e *Engine) renew(d *document, b []byte) {
	doc, err := crdt.Load(b)
	if err != nil {
		e.emit(Warn{What: "the host's copy of a document can't be read: " + err.Error()})
		e.notRenewed(d)
		return
	}
	had := slices.Clone(doc.Head())
	mine, err := d.text.SinceSummary(doc.Summary())
	if err == nil {
		_, err = doc.Merge(mine)
	}
	if err != nil { // it builds on what differs; once the host has taken it, the host's copy has it
		e.emit(Warn{What: "edits do not fit the host's copy of a document: " + err.Error()})
		e.notRenewed(d)
		return
	}
	pins, lost := d.carried(doc)
	e.replace(d, doc)
	d.pins, d.lost = append(d.pins, pins...), lost
	d.behind = had
	e.resync(d)
	e.touch(d)
}

// carried returns the texts that buffers may turn out to hold, as versions of a new copy which has all events of this one.
// What a version of damaged text can't be found for stands beside the copy's head.
func (d *document) carried(doc *crdt.Doc) (pins []pin, lost []*lostMirror) {
	for _, p := range d.pins {
		if at, err := doc.Frontier(d.text.Version(p.at)); err == nil && len(pins) < MaxPins-1 && doc.TextAt(at).Equal(p.text) {
			pins = append(pins, pin{at, p.text})
		}
	}
	for _, l := range d.lost {
		at, err := doc.Frontier(d.text.Version(l.at))
		if err != nil {
			at = slices.Clone(doc.Head())
		}
		l.at, l.skew = at, nil
		if was := doc.TextAt(at); !was.Equal(l.buffer) {
			l.skew = text.DiffRunes(was.String(), l.buffer.String())
		}
		if l.undo != nil {
			l.undo = l.undo.renewed()
		}
		lost = append(lost, l)
	}
	return pins, lost
}

// checkFrom compares a guest's copy with the host's own.
func (e *Engine) checkFrom(r *remote, f *wire.Check) {
	d, rd := r.session.doc(f.Doc), r.docs[f.Doc]
	if d == nil || rd == nil || !rd.synced {
		return // sent before it heard of Reset or Close
	}
	e.frame(r, Live, &wire.Checked{Doc: f.Doc, Turn: f.Turn, Verdict: e.verdict(r, d, f)})
}

func (e *Engine) verdict(r *remote, d *document, f *wire.Check) wire.Verdict {
	c := &r.docs[d.num].check
	if e.now.Before(c.rest) {
		return wire.Moving
	}
	c.rest = e.now.Add((checkAfter + afterHash(d.text.Text())) / 2) // an honest guest's may come closer than they were sent
	switch {
	case f.Version != d.versionSum():
		return wire.Moving
	case f.Text == d.textSum():
		c.apart = time.Time{}
		return wire.Equal
	case !c.apart.IsZero() && e.now.Before(c.apart.Add(rebuildEvery)):
		return wire.Differs
	case e.now.Before(r.rebuildAt):
		return wire.Moving
	}
	c.apart, c.rest = e.now, time.Time{} // it asks again as soon as it has made its text anew
	r.rebuildAt = e.now.Add(rebuildEvery)
	name := "A guest"
	if m := d.session.member(r.member); m != nil {
		name = m.Name
	}
	e.differs(d, r.member, differed, name+"'s copy of "+d.label()+" was found to differ from yours and is being put right; there is nothing that you have to do.")
	if head := d.text.Head(); !slices.Equal(d.check.rebuilt, head) || len(head) == 0 {
		e.rebuild(d)
	}
	return wire.Differs
}
