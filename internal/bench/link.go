package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"earshot/internal/peer"
)

// startLink sets up two links of internal/peer, nothing above them.
func startLink(ctx context.Context, w *workshop, s *scene) error { return startPair(ctx, w, s, "link") }

// wired is one end of a link to the other part.
type wired struct {
	*peer.Link
	up   chan struct{}
	down chan error
}

// benchKeys are what an introduction would give; those of a benchmark are no secret.
func benchKeys(role peer.Role) peer.Keys {
	guest, host := [32]byte{1}, [32]byte{2}
	if role == peer.Offerer {
		return peer.Keys{Out: guest, In: host}
	}
	return peer.Keys{Out: host, In: guest}
}

// newWired makes a link and carries its signals; frame is called in the link's event goroutine.
func newWired(p *program, role peer.Role, frame func(peer.Frame)) (*wired, error) {
	if _, err := p.hear(open); err != nil {
		return nil, err
	}
	l := &wired{up: make(chan struct{}), down: make(chan error, 1)}
	var err error
	l.Link, err = peer.New(peer.Config{Role: role, Keys: benchKeys(role), Loopback: peer.LoopbackOn, Events: func(ev peer.Event) {
		switch ev := ev.(type) {
		case peer.Signal:
			p.say(note{Kind: signalled, Data: ev.Data})
		case peer.Up:
			close(l.up)
		case peer.Frame:
			frame(ev)
		case peer.Down:
			l.down <- ev.Err
		}
	}})
	if err != nil {
		return nil, err
	}
	go func() { // until the process ends
		for b := range p.signals {
			_ = l.Signal(b) // one that is refused shows when the link does not come up
		}
	}()
	return l, l.await()
}

func (l *wired) await() error {
	select {
	case <-l.up:
		return nil
	case err := <-l.down:
		return fmt.Errorf("the link ended: %w", err)
	case <-time.After(patience):
		return errors.New("the link did not come up")
	}
}

// linkPart is one end: `link host|guest EDITS`.
func linkPart(p *program, args []string) error {
	asDaemon()
	edits, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	if args[0] == "host" {
		l, err := newWired(p, peer.Answerer, func(peer.Frame) {})
		if err != nil {
			return err
		}
		return p.begin(func(k int) (int64, error) {
			frame := numbered(k)
			at := now()
			return at, l.Send(peer.Live, frame)
		})
	}
	in, full := newCounter(edits), make(chan error, 1)
	l, err := newWired(p, peer.Offerer, func(f peer.Frame) {
		if err := in.take(f.Data, now()); err != nil || in.full() {
			full <- err
		}
	})
	if err != nil {
		return err
	}
	p.say(note{Kind: ready})
	select {
	case err = <-full:
	case err = <-l.down:
	}
	if err != nil {
		return err
	}
	p.say(note{Kind: got, Stamps: in.stamps})
	return nil
}
