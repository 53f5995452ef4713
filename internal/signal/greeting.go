package signal

import (
	"errors"
	"net"
	"sync/atomic"
)

// A greeting is a connection that brings no more than maxGreeting until it is open: net/http, which reads the answer to
// the WebSocket's handshake, keeps as many header lines as come.
type greeting struct {
	net.Conn
	got  int         // bytes so far; the handshake's goroutine's
	open atomic.Bool // the handshake is done: envelopes have their own bound
}

// maxGreeting: TLS brings some 5 KB, 64 KB with the longest chain of certificates; a handshake's answer is 200 bytes, and
// a proxy's in front of it some KB.
const maxGreeting = 256 << 10

var errGreeting = errors.New("the answer to the handshake is too long")

func (g *greeting) Read(b []byte) (int, error) {
	if g.open.Load() {
		return g.Conn.Read(b)
	}
	if g.got == maxGreeting {
		return 0, errGreeting
	}
	n, err := g.Conn.Read(b[:min(len(b), maxGreeting-g.got)])
	g.got += n
	return n, err
}
