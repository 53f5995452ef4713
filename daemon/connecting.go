package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"earshot/internal/introduction"
	"earshot/internal/peer"
)

// introduced is what an introduction offers after admission; introduction.Host and Guest are it.
type introduced interface {
	Seal(kind byte, payload []byte) ([]byte, error)
	Open(message []byte) (kind byte, payload []byte, err error)
	Binding(sender introduction.Role, guestCert, hostCert [32]byte) ([32]byte, error)
	LinkKeys() (out, in [32]byte, err error)
	ResumeSecret() (secret []byte, hint string, err error)
	Abort(cause introduction.Cause) []byte
	End()
}

// connecting brings the link of an admitted guest up, on either side. Its goroutine alone uses the introduction.
type connecting struct {
	role   introduction.Role
	side   introduced
	link   *link
	send   func([]byte) error // through the matchmaker; never waits
	inbox  <-chan []byte      // from there; closed when that way has ended
	log    *zap.Logger
	agreed bool // a description of the remote has come, so that the matchmaker is no longer needed
}

// signalKind marks a sealed description or candidate of the link; other kinds are for later versions, and ignored.
const signalKind = 1

// How long the steps may take.
const (
	// linkTime from admission to the binding: peer gives itself 40 s from the descriptions on.
	linkTime = 60 * time.Second
	// bindTime from the link's being up to the remote's binding.
	bindTime = 5 * time.Second
)

var (
	errConduit = errors.New("the matchmaker was lost before the link was up")
	errUnbound = errors.New("the other side did not prove that the link is its own")
	errSlow    = errors.New("the link did not come up in time")
)

// run returns nil when the link is bound, and then belongs to the loop. With any error the link is closed.
func (c *connecting) run(ctx context.Context) error {
	err := c.connect(ctx)
	close(c.link.left)
	select {
	case <-c.link.bound:
		c.side.End()
		return nil // perhaps at the last moment
	default:
	}
	if err != nil {
		c.link.close()
		if abort := c.side.Abort(introduction.CauseLeft); abort != nil {
			_ = c.send(abort) // that way may have ended too
		}
	}
	return err
}

func (c *connecting) connect(ctx context.Context) error {
	limit := time.NewTimer(linkTime)
	defer limit.Stop()
	late := errSlow
	for {
		select {
		case <-c.link.bound:
			return nil
		case err := <-c.link.down:
			return err
		case <-limit.C:
			return late
		case <-ctx.Done():
			return ctx.Err()
		case m, ok := <-c.inbox:
			if err := c.take(m, ok); err != nil {
				return err
			}
		case s := <-c.link.signals:
			if err := c.carry(s); err != nil {
				return err
			}
		case answer := <-c.link.ups:
			b, err := c.bindings()
			answer <- b
			if err != nil {
				return err
			}
			limit.Reset(bindTime)
			late = errUnbound
		}
	}
}

// take reads what the other side sent. A way that ended matters only as long as there is no description.
func (c *connecting) take(m []byte, ok bool) error {
	if !ok {
		c.inbox = nil
		if !c.agreed {
			return errConduit
		}
		return nil
	}
	kind, payload, err := c.side.Open(m)
	if err != nil {
		return err
	}
	if kind != signalKind {
		return nil
	}
	err = c.link.peer.Signal(payload)
	if errors.Is(err, peer.ErrSignal) {
		c.log.Debug("a signal was refused", zap.Error(err)) // the link goes on without it
		return nil
	}
	c.agreed = true
	return err
}

// carry seals a signal and sends it.
func (c *connecting) carry(signal []byte) error {
	sealed, err := c.side.Seal(signalKind, signal)
	if err != nil {
		return fmt.Errorf("seal a signal: %w", err)
	}
	if err := c.send(sealed); err != nil && !c.agreed {
		return fmt.Errorf("%w: %w", errConduit, err)
	}
	return nil
}

// bindings are over the certificates that DTLS saw.
func (c *connecting) bindings() (bindings, error) {
	guest, host, ok := c.link.peer.Fingerprints()
	other := introduction.RoleHost
	if c.role == introduction.RoleHost {
		guest, host, other = host, guest, introduction.RoleGuest
	}
	if !ok {
		return bindings{}, errUnbound
	}
	mine, err := c.side.Binding(c.role, guest, host)
	if err != nil {
		return bindings{}, err
	}
	theirs, err := c.side.Binding(other, guest, host)
	return bindings{mine, theirs}, err
}
