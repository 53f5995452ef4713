package session

import (
	"time"

	"earshot/internal/crdt"
	"earshot/protocol/wire"
)

// spent is what came of one member so far, measured by when it would have come at the pace that a member may keep for ever. It
// stays with the member when a link is made anew: nobody starts afresh by coming back.
type spent struct {
	frames, bytes time.Time
	places        time.Time // by when its cursors' places are paid for; see bring
	calls         time.Time // and its calls to look
	saves         time.Time // and its saves that an editor of the host's does
	names         time.Time // and the names that it changed
}

// The paces, and how far ahead of them a member may be. They are far above what people and their editors do, for who is faster
// is shown the door; what one member can do to the others within them is bounded.
const (
	// frameEach is 500 frames a second: 20 people's typing, twice over. A frame costs the host some 10 µs and each guest
	// that it is passed on to as much; 16 guests who use all of it take a tenth of one core.
	frameEach = 2 * time.Millisecond
	// frameBurst frames may come at once: a macro over 100,000 lines, which an editor reports line by line, and another.
	frameBurst = 1 << 18
	// byteEach is 1 MB a second, a thousand times what a person types and pastes.
	byteEach = time.Microsecond
	// byteBurst bytes may come at once: a text of the largest size replaced by another, with what describes that, twice
	// (see maxPartial), and both again after the link broke.
	byteBurst = 4 * maxPartial
	// A request has the host read its disk or make a snapshot: it counts as so many frames. A script that opens
	// each of 20,000 files and lists them page by page stays below frameBurst.
	openCost = 4
	listCost = 16
	// What is made of a history for a guest counts as a frame for so many runs, and for so many bytes: a run takes about
	// a microsecond.
	runsAFrame, bytesAFrame = 16, 16 << 10
)

func (s *session) spentBy(member string) *spent {
	if s.spent == nil {
		s.spent = map[string]*spent{}
	}
	if s.spent[member] == nil {
		s.spent[member] = &spent{}
		if s.admitsAll() {
			*s.spent[member] = s.leftOver
		}
	}
	return s.spent[member]
}

// settle ends a member's account. Where guests come in unasked who leaves may come again at once as another member, so that
// what is open on it is the next one's: a person who types does not notice.
func (s *session) settle(member string) {
	if sp := s.spent[member]; sp != nil {
		s.leftOver = spent{frames: laterOf(s.leftOver.frames, sp.frames), bytes: laterOf(s.leftOver.bytes, sp.bytes), places: laterOf(s.leftOver.places, sp.places),
			calls: laterOf(s.leftOver.calls, sp.calls), saves: laterOf(s.leftOver.saves, sp.saves), names: laterOf(s.leftOver.names, sp.names)}
		delete(s.spent, member)
	}
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// affords counts a frame; false is one too many. A host passes on what all its guests do.
func (r *remote) affords(now time.Time, f wire.Frame, size int) bool {
	share := time.Duration(1)
	if !r.session.host {
		share = MaxGuests
	}
	frames := 1
	switch f := f.(type) {
	case *wire.List, *wire.Rename: // a folder that is renamed is looked through
		frames = listCost
	case *wire.Open, *wire.Resync, *wire.Save, *wire.Create, *wire.Delete:
		frames = openCost
	case *wire.Chunk:
		if r.asksFor(f.Op) { // it was asked for, and has a bound of its own
			return true
		}
	}
	took := take(&r.spent.frames, now, time.Duration(frames)*frameEach/share, frameBurst*frameEach)
	return take(&r.spent.bytes, now, time.Duration(size)*byteEach/share, byteBurst*byteEach) && took
}

// paysFor counts what a host made of a history for a guest, who may ask for it without end; false is too much.
func (r *remote) paysFor(now time.Time, runs, bytes int) bool {
	return take(&r.spent.frames, now, time.Duration(runs/runsAFrame+bytes/bytesAFrame)*frameEach, frameBurst*frameEach)
}

// take lets something that is due every cost pass, if it is not too far ahead of its time.
func take(until *time.Time, now time.Time, cost, ahead time.Duration) bool {
	if until.Before(now) {
		*until = now
	}
	*until = until.Add(cost)
	return until.Sub(now) <= ahead
}

// fills counts what a member that holds back a history which is half full adds to it; false is too much. From half to full
// takes two bursts, so that it is shown the door on the way.
func (sp *spent) fills(now time.Time, was, is crdt.Amount) bool {
	const half = frameBurst / 2
	frames := 4 * max((is.Events-was.Events)/(crdt.MaxEvents/2/half), (is.Runs-was.Runs)/(crdt.MaxRuns/2/half),
		(is.Bytes-was.Bytes)/(crdt.MaxContent/2/half))
	return take(&sp.frames, now, time.Duration(frames)*frameEach, frameBurst*frameEach)
}

// asksFor tells whether a snapshot is on its way that was asked for by this number.
func (r *remote) asksFor(op uint32) bool {
	for _, d := range r.session.docs {
		if d.asked == op && op != 0 {
			return true
		}
	}
	return false
}
