package signal

import "earshot/protocol/wire"

// An Event is what happens to a Host, one of the types below.
type Event interface{ event() }

type (
	// Knock: a guest is there, under a name that means nothing outside this room. ICEServers are fresh.
	Knock struct {
		Peer       string
		ICEServers []wire.ICEServer
	}
	// Message: a guest sent something, at most wire.MaxRelayData bytes.
	Message struct {
		Peer string
		Data []byte
	}
	// Gone: a guest's connection to the matchmaker ended, by whomever. Each Knock is followed by one Gone.
	Gone struct{ Peer string }
	// Lost: the matchmaker is away, and every guest that was being introduced got its Gone. Connections that stand need
	// no matchmaker. The Host tries to come back.
	Lost struct{ Err error }
	// Back: the room is open again.
	Back struct{}
	// Ended: the Host gave up, since the room's name was given to someone else. It is the last event; after Close there
	// is none.
	Ended struct{ Err error }
)

func (Knock) event()   {}
func (Message) event() {}
func (Gone) event()    {}
func (Lost) event()    {}
func (Back) event()    {}
func (Ended) event()   {}
