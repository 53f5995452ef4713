package signal

import (
	"errors"
	"fmt"

	"earshot/protocol/wire"
)

// What a person is told. Most come inside an Error, which names the server.
var (
	ErrUnreachable = errors.New("can't be reached: check the network, or set another server")
	ErrTimeout     = errors.New("does not answer: check the network, or set another server")
	ErrNoSuchRoom  = errors.New("knows no share under this code: check the code, and that the host still shares")
	ErrRoomFull    = errors.New("has too many guests before this share: try again in a minute")
	ErrRateLimited = errors.New("was asked too often from here: try again in a minute")
	ErrServerFull  = errors.New("is full: try again later, or set another server")
	ErrRefused     = errors.New("refused: the versions may not fit, update Earshot and the server")
	ErrRoomLost    = errors.New("gave the share's name to someone else: make a new code")

	// ErrNoLocalRoom: no daemon on this machine has the room.
	ErrNoLocalRoom = errors.New("no one on this machine shares under this code: use the link, or set a server")
	// ErrGone: the host sent this guest away, or its share ended.
	ErrGone = errors.New("the host is gone")
	// ErrClosed: this side closed it.
	ErrClosed = errors.New("the connection to the matchmaker is closed")
	// ErrFull: the queue to the matchmaker is full; nothing was sent.
	ErrFull = errors.New("the matchmaker does not keep up")
	// ErrAway: a host's connection to the matchmaker is down at the moment and is being made anew; nothing was sent.
	ErrAway = errors.New("the matchmaker is away")
)

// An Error names the matchmaker that something is wrong with. errors.Is finds its Kind, and what the network said.
type Error struct {
	Server string
	Kind   error // one of this package's
	Cause  error // of the network, for a log; nil if the matchmaker itself said so
}

func (e *Error) Error() string { return fmt.Sprintf("the matchmaker %s %v", e.Server, e.Kind) }

// Unwrap gives Kind, and Cause if there is one.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

// refusal is what an error envelope means.
func refusal(kind wire.RefusalKind) error {
	switch kind {
	case wire.RefusedNoSuchRoom:
		return ErrNoSuchRoom
	case wire.RefusedRoomFull:
		return ErrRoomFull
	case wire.RefusedRateLimited:
		return ErrRateLimited
	case wire.RefusedServerFull:
		return ErrServerFull
	case wire.RefusedRoomTaken:
		return ErrRoomLost
	}
	return ErrRefused
}
