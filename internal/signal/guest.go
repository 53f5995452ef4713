package signal

import (
	"context"
	"net/netip"
	"sync"

	"earshot/protocol/wire"
)

// A GuestConfig says where to knock.
type GuestConfig struct {
	Server string
	Room   string // introduction.Code.Room or introduction.Link.Room
	Options
}

// A Guest is a connection to one host through the matchmaker. Its methods may be called by any goroutine.
type Guest struct {
	conn *conn
	ice  []wire.ICEServer
	in   chan []byte // closed by listen, after err is set
	err  error
	wait sync.WaitGroup
}

// KnockAt knocks at a room. The error is an *Error (ErrNoSuchRoom, ErrUnreachable, ErrTimeout, …) or
// introduction.ErrBadServer.
func KnockAt(ctx context.Context, cfg GuestConfig) (*Guest, error) {
	c, err := dial(ctx, cfg.Server, cfg.Options)
	if err != nil {
		return nil, err
	}
	answer, err := c.request(ctx, wire.Envelope{Type: wire.EnvelopeKnock, Room: cfg.Room})
	if err == nil && answer.Type != wire.EnvelopeKnocked {
		err = &Error{Server: c.server, Kind: ErrRefused}
	}
	if err != nil {
		c.close()
		return nil, err
	}
	g := &Guest{conn: c, ice: answer.ICEServers, in: make(chan []byte, maxIncoming)}
	g.wait.Go(g.listen) // ends with Close or with the connection
	return g, nil
}

// ICEServers are those that the matchmaker offers, with credentials made for this guest.
func (g *Guest) ICEServers() []wire.ICEServer { return g.ice }

// Address is where the matchmaker is; zero if it is behind a proxy and has a name.
func (g *Guest) Address() netip.Addr { return g.conn.far }

// Send sends a message to the host and never blocks. The errors are ErrFull, ErrClosed, and wire.ErrBadEnvelope for more
// than wire.MaxRelayData bytes or none.
func (g *Guest) Send(data []byte) error {
	return g.conn.send(wire.Envelope{Type: wire.EnvelopeRelay, Data: data})
}

// Recv waits for the host's next message. What came before the end is delivered first; then the error is ErrGone if the
// host ended it, ErrClosed after Close, an *Error if the matchmaker is lost, or ctx's.
func (g *Guest) Recv(ctx context.Context) ([]byte, error) {
	select {
	case data, ok := <-g.in:
		if !ok {
			return nil, g.err
		}
		return data, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Close leaves and waits for everything here to end. It may be called twice.
func (g *Guest) Close() {
	g.conn.close()
	g.wait.Wait()
}

// listen hands messages to Recv until the connection ends.
func (g *Guest) listen() {
	defer close(g.in)
	for {
		e, err := g.conn.read()
		switch {
		case err != nil:
			g.err = err
			return
		case e.Type == wire.EnvelopeGone:
			g.err = ErrGone
			return
		case e.Type == wire.EnvelopeError:
			g.err = &Error{Server: g.conn.server, Kind: refusal(e.Kind)}
			return
		case e.Type == wire.EnvelopeRelay:
			select {
			case g.in <- e.Data:
			case <-g.conn.done:
				g.err = ErrClosed
				return
			}
		}
	}
}
