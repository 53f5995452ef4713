package session

import (
	"errors"
	"slices"
	"time"

	"earshot/internal/crdt"
	"earshot/internal/screen"
	"earshot/internal/text"
	"earshot/protocol"
	"earshot/protocol/wire"
)

// A document's events go over a link in two streams, one for each direction, whose ends remember what went before (crdt's
// live encoding). Both begin when a guest has a copy, and again whenever its link comes back or one of them is out of step:
//
//	guest ──Resync(turn, what it has)──▶ host     from now on the guest sends no events
//	guest ◀──Resync(turn, what it has)── host     both streams begin here, and so does what the guest takes
//	guest ◀──Events… ──▶ host                     at first what the other lacks; each frame with a sum of its number and its data
//
// The channel keeps the order, so whatever the guest gets before the answer to its last Resync is about an older copy, and is passed
// over; and what the host gets behind a Resync, the guest sent after it.

const (
	// maxPartial is the most that the pieces of one message may add up to: a text of the largest size, and as much again for
	// what describes it.
	maxPartial = 2 * crdt.MaxText
	// maxMends is how often in mendEvery what comes over a link may not fit or not be readable: each time the host makes a
	// snapshot of a document, and its guest loads one. Two programs that are right never need it; where one has a defect that
	// shows once in a while, people go on; five times a minute is a defect that shows always, or no program of ours.
	maxMends  = 5
	mendEvery = time.Minute
)

// resyncFor brings a guest's copy and ours together: it gets what it lacks, and hears what we have.
func (e *Engine) resyncFor(r *remote, f *wire.Resync) {
	d := r.session.doc(f.Doc)
	if d == nil || !d.ready {
		e.frame(r, Live, &wire.Reset{Doc: f.Doc, Turn: f.Turn, Reason: "the host does not have it open any more"})
		return
	}
	if d.outdated[r.member] {
		e.reset(r, d, f.Turn, demoted)
		return
	}
	lacking, err := d.text.SinceSummary(f.Summary)
	if errors.Is(err, crdt.ErrForgotten) {
		e.reset(r, d, f.Turn, "the host no longer knows what it is about")
		return
	}
	if err != nil {
		e.misbehaved(r, "sent a summary that can't be read")
		return
	}
	if !r.has(d) && len(r.docs) >= MaxOpen {
		e.misbehaved(r, "opened too many documents")
		return
	}
	if !r.paysFor(e.now, min(d.text.History().Runs, len(lacking)), len(lacking)) {
		e.tooMuch(r)
		return
	}
	rd := r.about(d.num)
	d.builds(r.member, nil) // if it was not said what it has
	r.begin(rd)
	rd.synced, rd.turn, rd.taken = true, f.Turn, 0
	e.frame(r, Live, &wire.Resync{Doc: d.num, Turn: f.Turn, Summary: d.text.Summary()})
	if len(lacking) > 0 {
		e.catchUp(r, d, lacking)
	}
	st := d.state()
	e.frame(r, Live, &st)
}

// eventsFrom takes what a guest did to a document.
func (e *Engine) eventsFrom(r *remote, f *wire.Events) {
	d := r.session.doc(f.Doc)
	rd := r.docs[f.Doc]
	if d == nil || rd == nil || !rd.synced {
		return // sent before it heard of Reset or Close
	}
	got, err := e.read(r, rd, f)
	if err != nil {
		e.unfit(r, d, err)
		return
	}
	if got == nil {
		return
	}
	m := r.session.member(r.member)
	if why := e.mayNot(d, m, got); why != "" {
		e.reset(r, d, rd.turn, why)
		return
	}
	e.shareEvents(d)
	before, was, holds := d.text.Head(), d.text.History(), d.heldBackBy(m.ID)
	patch, err := got.merge(d)
	switch {
	case errors.Is(err, crdt.ErrTooLarge):
		e.emit(Warn{What: "a guest's edit was refused: " + err.Error()})
		e.reset(r, d, rd.turn, "an edit could not be taken")
		return
	case err != nil:
		e.unfit(r, d, err)
		return
	}
	for _, a := range got.authors {
		if d.owners[a] == "" {
			d.owners[a] = m.ID
			d.names[m.ID]++
		}
	}
	rd.taken++
	e.frame(r, Live, &wire.Ack{Doc: d.num, Count: rd.taken})
	d.moved(patch)
	d.dirty = true
	d.sentHead = slices.Clone(d.text.Head())
	e.relay(d, before, r)
	e.happened(d, m.ID)
	e.touch(d)
	if holds && !r.spent.fills(e.now, was, d.text.History()) {
		e.tooMuch(r)
	}
}

// bears counts what came over a link and made no sense; false is too much of it.
func (r *remote) bears(now time.Time) bool {
	if !now.Before(r.amissSince.Add(mendEvery)) {
		r.amissSince, r.amiss = now, 0
	}
	r.amiss++
	return r.amiss <= maxMends
}

// unfit: a guest's events can't be read or merged. Its streams begin anew, with what it has that is not here; what its later
// events build on is kept until then.
func (e *Engine) unfit(r *remote, d *document, err error) {
	e.emit(Warn{What: "a guest's edit was refused: " + err.Error()})
	if !r.bears(e.now) {
		e.misbehaved(r, "sent edits that do not fit")
		return
	}
	e.healed++
	rd := r.docs[d.num]
	rd.synced = false
	e.frame(r, Live, &wire.Reset{Doc: d.num, Turn: rd.turn, Mend: true, Reason: "an edit did not fit"})
}

// arrived is one message of events.
type arrived struct {
	authors []crdt.Agent
	size    int
	live    *crdt.Message // nil: catchUp
	catchUp []byte
}

// errOutOfStep: frames of events are missing, or there are some that nobody sent.
var errOutOfStep = errors.New("events are missing, or there are some too many")

// read takes a frame of a message and reads that once it is whole; nil before.
func (e *Engine) read(r *remote, rd *remoteDoc, f *wire.Events) (*arrived, error) {
	if rd.ins++; f.Sum != wire.SumOf(rd.ins, f.Data) {
		return nil, errOutOfStep
	}
	b, whole := e.piece(r, rd, f)
	if !whole {
		return nil, nil
	}
	if f.CatchUp {
		authors, err := crdt.Agents(b)
		return &arrived{authors: authors, size: len(b), catchUp: b}, err
	}
	m, err := rd.in.Read(b)
	if err != nil {
		return nil, err
	}
	got := &arrived{size: len(b), live: m}
	for a := range m.Authors {
		if n := len(got.authors); n == 0 || got.authors[n-1] != a {
			got.authors = append(got.authors, a)
		}
	}
	return got, nil
}

func (got *arrived) merge(d *document) (text.Patch, error) {
	if got.live != nil {
		return d.text.Receive(got.live)
	}
	return d.text.Merge(got.catchUp)
}

// piece adds a frame to what came of its message, and gives that once it is whole. The pieces of a message follow one
// another, so all documents of a link share one bound.
func (e *Engine) piece(r *remote, rd *remoteDoc, f *wire.Events) (b []byte, whole bool) {
	if r.pending+len(f.Data) > maxPartial {
		e.misbehaved(r, "sent an edit that is too large")
		return nil, false
	}
	rd.partial = append(rd.partial, f.Data...)
	r.pending += len(f.Data)
	if f.More {
		return nil, false
	}
	b = rd.partial
	r.pending -= len(b)
	rd.partial = nil
	return b, true
}

// begin begins both streams of a document anew.
func (r *remote) begin(rd *remoteDoc) {
	r.pending -= len(rd.partial)
	rd.partial = nil
	rd.in, rd.out = crdt.Receiver{}, crdt.Sender{}
	rd.ins, rd.outs = 0, 0
}

// forget drops what is known of a document at the other end.
func (r *remote) forget(num uint32) {
	if rd := r.docs[num]; rd != nil {
		r.pending -= len(rd.partial)
		delete(r.docs, num)
	}
}

// reset tells a guest that its copy, the one that asked in that turn, is void.
func (e *Engine) reset(r *remote, d *document, turn uint32, why string) {
	r.forget(d.num)
	d.closedBy(r.member)
	e.frame(r, Live, &wire.Reset{Doc: d.num, Turn: turn, Reason: why})
}

// takeReset: the host has refused what was done here; the document is fetched anew and the buffers follow it.
func (e *Engine) takeReset(s *session, f *wire.Reset) {
	d := s.doc(f.Doc)
	if d == nil || d.turn == 0 || f.Turn != d.turn {
		return
	}
	if f.Mend && !e.now.Before(d.mended.Add(mendEvery)) {
		d.mended = e.now
		e.outOfStep(d)
		return
	}
	if d.unacked() { // else nothing of these people's is lost, and there is nothing to tell
		reason := screen.Line(f.Reason, MaxSentence)
		for _, m := range d.mirrors {
			e.tell(m.client, protocol.MessageWarning, "The host did not take an edit to this text ("+reason+"); it is being brought back to the host's text.")
		}
	}
	e.refetch(d)
}

// refetch gives a copy up, with what the host has not taken of it, and asks for the host's.
func (e *Engine) refetch(d *document) {
	d.apart()
	d.notSaved(protocol.Errorf(protocol.SaveFailed, "The host did not take an edit to this text, so it was not saved; look at the text, and save again."))
	d.session.up.forget(d.num)
	d.void, d.num = true, 0
	e.fetch(d)
}

// outOfStep: what one side sends in a document makes no sense to the other. The host's copy is fetched, and what was typed here
// and is not in it goes on in that, in new streams.
func (e *Engine) outOfStep(d *document) {
	e.differs(d, "", "what a host and its guest send each other in a text did not fit; it is being fetched anew",
		"Your copy of "+d.label()+" got out of step with the host's and is being fetched anew; you can go on, and nothing that you typed is lost.")
	d.apart()
	e.fetchAgain(d)
}

// resync asks the host to bring its copy and this one together, and to send from then on what happens. What it still sends
// in answer to an older Resync is about another copy: it is told by its turn, and what comes behind it by its place.
func (e *Engine) resync(d *document) {
	s := d.session
	s.lastTurn++
	d.turn = s.lastTurn
	e.frame(s.up, Live, &wire.Resync{Doc: d.num, Turn: d.turn, Summary: d.text.Summary()})
}

// apart: from now on nothing that the host sends is about this copy, and nothing that is done here is sent, until the host has
// answered a new Resync.
func (d *document) apart() {
	if d.synced {
		d.behind = nil
		if d.sent == d.acked {
			d.behind = slices.Clone(d.text.Head())
		}
	}
	d.turn, d.synced, d.sent, d.acked, d.check.asked = 0, false, 0, 0, false
}

// takeResync: the host has what its summary says; it gets the rest, and from then on everything as it happens.
func (e *Engine) takeResync(r *remote, f *wire.Resync) {
	d := r.session.doc(f.Doc)
	if d == nil || !d.ready || d.synced || d.turn == 0 || f.Turn != d.turn {
		return
	}
	lacking, err := d.text.SinceSummary(f.Summary)
	if err != nil {
		e.misbehaved(r, "sent a summary that can't be read")
		return
	}
	d.synced = true
	d.sentHead = slices.Clone(d.text.Head())
	d.checkLater(e.now)
	r.begin(r.about(d.num))
	if len(lacking) > 0 {
		d.sent++
		e.catchUp(r, d, lacking)
	}
	e.saveSent(d)
}

// takeEvents merges what the host sends.
func (e *Engine) takeEvents(r *remote, f *wire.Events) {
	s := r.session
	d := s.doc(f.Doc)
	if d == nil || !d.synced {
		return // of a stream that is over
	}
	rd := r.about(f.Doc)
	got, err := e.read(r, rd, f)
	if got == nil && err == nil {
		return
	}
	e.shareEvents(d)
	var patch text.Patch
	if err == nil {
		patch, err = got.merge(d)
	}
	switch {
	case err != nil && !r.bears(e.now):
		e.misbehaved(r, "sent edits that do not fit")
		return
	case err != nil:
		e.emit(Warn{What: "a host's edit was not taken: " + err.Error()})
		e.outOfStep(d)
		return
	}
	d.moved(patch)
	d.sentHead = slices.Clone(d.text.Head())
	e.happened(d, "")
	e.touch(d)
}
