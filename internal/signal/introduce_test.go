package signal_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"testing"

	"earshot/internal/introduction"
	"earshot/internal/signal"
)

// introduceOver runs everything that a host and a guest with nothing but a code do, up to the admission.
func introduceOver(t *testing.T, port int) {
	t.Helper()
	h, err := signal.Open(t.Context(), signal.HostConfig{
		Server: fmt.Sprintf("ws://127.0.0.1:%d", port),
		Draw:   func() (string, error) { return introduction.NewRoom(rand.Reader) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	code, err := introduction.NewCode(h.Room(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	guest := make(chan error, 1)
	go func() { guest <- joinBy(t, code.Reveal()) }() // ends with the introduction
	if err := hostOne(h, code); err != nil {
		t.Fatal(err)
	}
	if err := <-guest; err != nil {
		t.Fatal(err)
	}
}

func joinBy(t *testing.T, typed string) error {
	code, err := introduction.ParseCode(typed)
	if err != nil {
		return err
	}
	server, err := signal.FindLocal(t.Context(), code.Room(), signal.Options{})
	if err != nil {
		return err
	}
	return joinAt(t, server, signal.Options{}, code)
}

func joinAt(t *testing.T, server string, opts signal.Options, code introduction.Code) error {
	conn, err := signal.KnockAt(t.Context(), signal.GuestConfig{Server: server, Room: code.Room(), Options: opts})
	if err != nil {
		return err
	}
	defer conn.Close()
	g, err := introduction.NewGuest(introduction.GuestConfig{
		Kind: introduction.KindCode, Room: code.Room(), Secret: code.Secret(), Random: rand.Reader,
		Hello: introduction.Hello{Name: "canary-guest"},
	})
	if err != nil {
		return err
	}
	for g.State() != introduction.Admitted {
		message, err := conn.Recv(t.Context())
		if err != nil {
			return err
		}
		r, err := g.Step(message)
		if err != nil {
			return err
		}
		if r.Send == nil {
			continue
		}
		if err := conn.Send(r.Send); err != nil {
			return err
		}
	}
	return nil
}

func hostOne(h *signal.Host, code introduction.Code) error {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	side, greeting, err := introduction.NewHost(introduction.HostConfig{
		Room: code.Room(), Key: key, Random: rand.Reader, Name: "canary-host",
		Lookup: func(introduction.Kind, string) ([]byte, bool) { return code.Secret(), true },
	})
	if err != nil {
		return err
	}
	for e := range h.Events() {
		var peer string
		out := greeting
		switch e := e.(type) {
		case signal.Knock:
			peer = e.Peer
		case signal.Message:
			r, err := side.Step(e.Data)
			if err != nil {
				return err
			}
			peer, out = e.Peer, r.Send
			if r.State == introduction.AwaitDecision {
				if out, err = side.Admit(nil); err != nil {
					return err
				}
			}
		case signal.Gone:
			return nil
		default:
			return fmt.Errorf("event %T", e)
		}
		if err := h.Send(peer, out); err != nil {
			return err
		}
	}
	return nil
}
