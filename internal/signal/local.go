package signal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"earshot/protocol/wire"
)

// localTime is what this machine has to answer in.
const localTime = 2 * time.Second

// FindLocal asks the matchmakers that daemons of this machine run while they share, all at once, for a room, and gives
// the server that has it. Nobody is knocked at. The error is ErrNoLocalRoom, ErrRateLimited in an *Error, or ctx's.
func FindLocal(ctx context.Context, room string, opts Options) (server string, err error) {
	asking, cancel := context.WithTimeout(ctx, localTime)
	defer cancel()
	type answer struct {
		server string
		err    error
	}
	answers := make(chan answer, wire.LastLocalPort-wire.FirstLocalPort+1)
	for port := wire.FirstLocalPort; port <= wire.LastLocalPort; port++ {
		server := fmt.Sprintf("ws://127.0.0.1:%d", port)
		go func() { answers <- answer{server, ask(asking, server, room, opts)} }() // ends with asking; all are received below
	}
	err = ErrNoLocalRoom
	for range cap(answers) {
		a := <-answers
		switch {
		case a.err == nil && server == "":
			server = a.server
			cancel() // the others need not go on, but are waited for
		case errors.Is(a.err, ErrRateLimited):
			err = a.err
		}
	}
	if server != "" {
		return server, nil
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	return "", err
}

// ask asks one server whether a knock would be heard.
func ask(ctx context.Context, server, room string, opts Options) error {
	c, err := dial(ctx, server, opts)
	if err != nil {
		return err
	}
	defer c.close()
	answer, err := c.request(ctx, wire.Envelope{Type: wire.EnvelopeAsk, Room: room})
	if err == nil && answer.Type != wire.EnvelopeKnown {
		err = &Error{Server: server, Kind: ErrRefused}
	}
	return err
}
