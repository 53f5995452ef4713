package signal_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"earshot/internal/signal"
)

// A server whose answer to the handshake never ends must not fill the memory for as long as the dialling may take.
func TestM8EndlessGreeting(t *testing.T) {
	const most = 1 << 20
	brought := make(chan int, 1)
	opts := signal.Options{NetDialContext: func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		go func() { // ends when the client hangs up, or with most
			defer far.Close()
			go func() { _, _ = far.Read(make([]byte, 4<<10)) }() // the request; ends with far
			n, err := far.Write([]byte("HTTP/1.1 101 Switching Protocols\r\n"))
			line := []byte("X-A: " + strings.Repeat("b", 1000) + "\r\n")
			for sum := n; ; sum += n {
				if err != nil || sum > most {
					brought <- sum
					return
				}
				n, err = far.Write(line)
			}
		}()
		return near, nil
	}}
	_, err := signal.KnockAt(t.Context(), signal.GuestConfig{Server: "ws://127.0.0.1:80", Room: "G77Y", Options: opts})
	if !errors.Is(err, signal.ErrRefused) {
		t.Errorf("got %v, want %v", err, signal.ErrRefused)
	}
	if got := <-brought; got > most/2 {
		t.Errorf("%d bytes of a greeting were taken", got)
	}
}
