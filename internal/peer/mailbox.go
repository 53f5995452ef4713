package peer

import "sync"

const (
	// laneLimit is what one lane holds before its reader waits, and with it the remote: two frames of MaxFrame, the
	// one being handled and the next. Two lanes have it, so a link holds at most 4 MiB here.
	laneLimit = 2 * MaxFrame
	// eventCost is added to the size of each event, so that empty frames are bounded too: an interface, a Frame and
	// the slice's share of the allocator, rounded up.
	eventCost = 128
	// presenceLane is how many presence frames wait; beyond it the oldest goes. 64 keys are more than a session has
	// cursors.
	presenceLane = 64
)

// mailbox orders what the event goroutine delivers: the main lane (control and Live, in one order) first, then
// presence, then bulk, and Down when all are empty. So a keystroke that has arrived never waits behind bulk here
// either.
type mailbox struct {
	mu       sync.Mutex
	ready    sync.Cond // the consumer waits on it
	room     sync.Cond // readers wait on it
	main     lane
	presence lane
	bulk     lane
	refusing bool  // our own Close: readers no longer wait, frames are dropped
	last     *Down // set by finish
}

func newMailbox() *mailbox {
	m := &mailbox{}
	m.ready.L, m.room.L = &m.mu, &m.mu
	return m
}

// post adds a control event and never blocks: there are few of them, and none repeats at the remote's will without
// a timer of ours.
func (m *mailbox) post(e Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.main.push(e, 0)
	m.ready.Signal()
}

// frame adds a frame; a Live or Bulk reader waits while its lane is full.
func (m *mailbox) frame(f Frame) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f.Channel == Presence {
		if len(m.presence.events) >= presenceLane {
			m.presence.pop()
		}
		m.presence.push(f, 0)
		m.ready.Signal()
		return
	}
	ln := &m.main
	if f.Channel == Bulk {
		ln = &m.bulk
	}
	for ln.bytes >= laneLimit && !m.refusing {
		m.room.Wait()
	}
	if m.refusing {
		return
	}
	ln.push(f, len(f.Data)+eventCost)
	m.ready.Signal()
}

// refuse lets readers go that wait for room, for our own Close, which may be called by the consumer itself.
func (m *mailbox) refuse() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refusing = true
	m.room.Broadcast()
}

// finish posts Down as the last event.
func (m *mailbox) finish(d Down) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = &d
	m.ready.Signal()
}

// next waits for the next event; Down is the last, and nothing may be asked for after it.
func (m *mailbox) next() Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	for {
		for _, ln := range []*lane{&m.main, &m.presence, &m.bulk} {
			if len(ln.events) > 0 {
				e := ln.pop()
				m.room.Broadcast()
				return e
			}
		}
		if m.last != nil {
			return *m.last
		}
		m.ready.Wait()
	}
}

// lane is one queue of the mailbox.
type lane struct {
	events []laneEvent
	bytes  int // sum of the costs
}

type laneEvent struct {
	event Event
	cost  int
}

func (ln *lane) push(e Event, cost int) {
	ln.events = append(ln.events, laneEvent{e, cost})
	ln.bytes += cost
}

func (ln *lane) pop() Event {
	head := ln.events[0]
	ln.events[0] = laneEvent{} // else the array would keep the frame alive
	ln.events = ln.events[1:]
	ln.bytes -= head.cost
	return head.event
}
