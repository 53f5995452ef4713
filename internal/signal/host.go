package signal

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"math/big"
	"net/netip"
	"sync"
	"time"

	"go.uber.org/zap"

	"earshot/internal/introduction"
	"earshot/protocol/wire"
)

// A HostConfig says where to open a room and how it may be called.
type HostConfig struct {
	Server string
	// Draw proposes a name for the room (introduction.NewRoom); it is asked again while one is taken.
	Draw func() (string, error)
	Options
}

// A Host holds one room open at the matchmaker. Its methods may be called by any goroutine.
type Host struct {
	server string
	room   string
	owner  string
	opts   Options
	log    *zap.Logger
	events chan Event
	ctx    context.Context
	cancel context.CancelFunc
	wait   sync.WaitGroup

	mu      sync.Mutex
	conn    *conn // nil while away
	ice     []wire.ICEServer
	address netip.Addr

	guests map[string]bool // those that knocked; run's own
}

// Times of coming back.
const (
	firstRetry = 200 * time.Millisecond
	lastRetry  = 10 * time.Second

	// maxDraws: with the matchmaker full, one name in a hundred is taken.
	maxDraws = 16
	// maxGuests bounds what a matchmaker can make us remember.
	maxGuests = 1024
)

// Open opens a room and keeps it until Close. The error is an *Error, introduction.ErrBadServer or Draw's.
func Open(ctx context.Context, cfg HostConfig) (*Host, error) {
	server, err := introduction.ServerURL(cfg.Server)
	if err != nil {
		return nil, err
	}
	token := make([]byte, wire.OwnerSymbols/2)
	_, _ = rand.Read(token) // never fails (crypto/rand)
	h := &Host{
		server: server, owner: hex.EncodeToString(token), opts: cfg.Options, log: cfg.log(),
		events: make(chan Event, maxIncoming), guests: map[string]bool{},
	}
	c, err := dial(ctx, server, cfg.Options)
	if err != nil {
		return nil, err
	}
	if err := h.openFirst(ctx, c, cfg.Draw); err != nil {
		c.close()
		return nil, err
	}
	h.conn = c
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.wait.Go(func() { h.run(c) }) // ends with Close, or with Ended
	return h, nil
}

// openFirst draws names until one is free.
func (h *Host) openFirst(ctx context.Context, c *conn, draw func() (string, error)) error {
	var err error
	for range maxDraws {
		if h.room, err = draw(); err != nil {
			return err
		}
		if err = h.openOn(ctx, c); !errors.Is(err, ErrRoomLost) {
			return err
		}
	}
	return &Error{Server: h.server, Kind: ErrServerFull, Cause: err}
}

// openOn asks for the room on a new connection.
func (h *Host) openOn(ctx context.Context, c *conn) error {
	answer, err := c.request(ctx, wire.Envelope{Type: wire.EnvelopeOpen, Room: h.room, Owner: h.owner})
	if err != nil {
		return err
	}
	if answer.Type != wire.EnvelopeOpened {
		return &Error{Server: h.server, Kind: ErrRefused}
	}
	h.mu.Lock()
	h.ice, h.address = answer.ICEServers, c.far
	h.mu.Unlock()
	return nil
}

// Room is the name under which guests knock.
func (h *Host) Room() string { return h.room }

// Server is the matchmaker's address in its one spelling.
func (h *Host) Server() string { return h.server }

// ICEServers are those offered with the opening; each Knock brings fresh ones.
func (h *Host) ICEServers() []wire.ICEServer {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ice
}

// Address is where the matchmaker is, by the newest connection; zero if it is behind a proxy and has a name.
func (h *Host) Address() netip.Addr {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.address
}

// Events brings what happens, in order. It is closed after Close or Ended. While nobody reads it, the matchmaker waits,
// and in the end closes the connection.
func (h *Host) Events() <-chan Event { return h.events }

// Send sends a message to a guest and never blocks; to one that is gone it goes nowhere. The errors are ErrFull, ErrAway,
// ErrClosed, and wire.ErrBadEnvelope for more than wire.MaxRelayData bytes or none.
func (h *Host) Send(peer string, data []byte) error {
	return h.post(wire.Envelope{Type: wire.EnvelopeRelay, Peer: peer, Data: data})
}

// Drop sends a guest away; its Gone follows. The errors are Send's.
func (h *Host) Drop(peer string) error {
	return h.post(wire.Envelope{Type: wire.EnvelopeClose, Peer: peer})
}

func (h *Host) post(e wire.Envelope) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.ctx.Err() != nil:
		return ErrClosed
	case h.conn == nil:
		return ErrAway
	}
	return h.conn.send(e)
}

// Close ends the room, at the matchmaker too, and waits for everything here to end. What was sent before has reached the
// matchmaker by then, unless it takes too long. It may be called twice.
func (h *Host) Close() {
	h.mu.Lock()
	c := h.conn
	if h.ctx.Err() == nil && c != nil {
		_ = c.send(wire.Envelope{Type: wire.EnvelopeClose})
	}
	h.cancel()
	h.mu.Unlock()
	if c != nil {
		// The matchmaker answers by closing; who hung up first could not know whether it had read all.
		defer time.AfterFunc(closeTime, c.close).Stop()
	}
	h.wait.Wait()
}

// run serves connections, one after the other, until Close or until the room is lost.
func (h *Host) run(c *conn) {
	defer close(h.events)
	wait := firstRetry
	for {
		began := time.Now()
		err := h.serve(c)
		c.close()
		h.away()
		h.emit(Lost{Err: err})
		if time.Since(began) > lastRetry {
			wait = firstRetry // else a matchmaker that accepts and closes would be asked without a pause
		}
		if c, wait, err = h.comeBack(wait); err != nil {
			h.log.Info("the room is lost", zap.Error(err))
			h.emit(Ended{Err: err})
			return
		}
		if c == nil {
			return
		}
		h.emit(Back{})
	}
}

// serve turns envelopes into events until the connection ends.
func (h *Host) serve(c *conn) error {
	for {
		e, err := c.read()
		if err != nil {
			return err
		}
		switch known := h.guests[e.Peer]; {
		case e.Type == wire.EnvelopeKnock && !known && len(h.guests) < maxGuests:
			h.guests[e.Peer] = true
			h.emit(Knock{Peer: e.Peer, ICEServers: e.ICEServers})
		case e.Type == wire.EnvelopeRelay && known:
			h.emit(Message{Peer: e.Peer, Data: e.Data})
		case e.Type == wire.EnvelopeGone && known:
			delete(h.guests, e.Peer)
			h.emit(Gone{Peer: e.Peer})
		case e.Type == wire.EnvelopeError:
			return &Error{Server: h.server, Kind: refusal(e.Kind)}
		}
	}
}

// away is what a lost connection means to everyone who was being introduced over it.
func (h *Host) away() {
	h.mu.Lock()
	h.conn = nil
	h.mu.Unlock()
	for peer := range h.guests {
		delete(h.guests, peer)
		h.emit(Gone{Peer: peer})
	}
}

// comeBack dials until the room is open again, with a pause before each try, and gives the pause that would be next. The
// connection is nil after Close; the error says that the room is someone else's.
func (h *Host) comeBack(wait time.Duration) (*conn, time.Duration, error) {
	for {
		select {
		case <-h.ctx.Done():
			return nil, 0, nil
		case <-time.After(wait + jitter(wait/2)):
		}
		wait = min(2*wait, lastRetry)
		c, err := h.redial()
		switch {
		case err == nil:
			return c, wait, nil
		case errors.Is(err, ErrRoomLost):
			return nil, 0, err
		}
		h.log.Debug("the matchmaker is away", zap.Duration("next", wait))
	}
}

func (h *Host) redial() (*conn, error) {
	c, err := dial(h.ctx, h.server, h.opts)
	if err != nil {
		return nil, err
	}
	if err = h.openOn(h.ctx, c); err == nil && h.install(c) {
		return c, nil
	}
	c.close()
	if err == nil {
		err = ErrClosed
	}
	return nil, err
}

// install makes a new connection the one that Close closes, unless it was closed meanwhile.
func (h *Host) install(c *conn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ctx.Err() != nil {
		return false
	}
	h.conn = c
	return true
}

// emit hands an event to the daemon, or drops it once it is closed.
func (h *Host) emit(e Event) {
	select {
	case h.events <- e:
	case <-h.ctx.Done():
	}
}

// jitter keeps the hosts of a matchmaker that restarted from coming back all at once.
func jitter(limit time.Duration) time.Duration {
	n, err := rand.Int(rand.Reader, big.NewInt(int64(limit)+1))
	if err != nil {
		return limit
	}
	return time.Duration(n.Int64())
}
