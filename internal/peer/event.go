package peer

import (
	"fmt"
	"time"
)

// Event is what a Link tells its owner: one of Signal, Up, Frame, Path, Interrupted, Resumed, BulkReady and Down.
type Event interface{ event() }

// Signal holds opaque bytes to be sealed, carried, and given to the other side's Link.Signal, in order.
type Signal struct{ Data []byte }

// Up says that the channels are open. It comes at most once, before any Frame.
type Up struct{}

// Frame is one frame of the remote. Data is the receiver's to keep. Key is what SendPresence was given, else 0.
type Frame struct {
	Channel Channel
	Key     uint64
	Data    []byte
}

// Path tells which way the packets go and how long they take there and back; RTT is 0 while it is unknown. It comes
// after Up and every pathPeriod from then on.
type Path struct {
	Path PathKind
	RTT  time.Duration
}

// Interrupted says that nothing has been heard for disconnectedTimeout. Sending goes on into the queues.
type Interrupted struct{}

// Resumed ends an Interrupted: the same link works again and nothing was lost.
type Resumed struct{}

// BulkReady says, once after ErrFull on Bulk, that there is room again.
type BulkReady struct{}

// Down is the last event, exactly once. Err is nil after our own Close, else it wraps one of ErrRemoteClosed,
// ErrUnreachable, ErrLost, ErrStuck and ErrProtocol.
type Down struct{ Err error }

func (Signal) event()      {}
func (Up) event()          {}
func (Frame) event()       {}
func (Path) event()        {}
func (Interrupted) event() {}
func (Resumed) event()     {}
func (BulkReady) event()   {}
func (Down) event()        {}

// PathKind is direct or through a relay.
type PathKind uint8

// Relay means that either end of the selected pair is a TURN server's address.
const (
	Direct PathKind = iota
	Relay
)

// String is the word that the protocol and people use.
func (k PathKind) String() string {
	switch k {
	case Direct:
		return "direct"
	case Relay:
		return "relay"
	}
	return fmt.Sprintf("PathKind(%d)", uint8(k))
}
