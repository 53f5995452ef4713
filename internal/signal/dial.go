// Package signal is the client of the matchmaker: a Host keeps a room open for as long as it shares, a Guest knocks at
// one. Both carry opaque messages; what is in them is introduction's. Only the daemon calls it.
//
//	Open(…) → Host ── Events: Knock{peer} ─ Message{peer, …} ─ Gone{peer} ─ Lost ─ Back ─ Ended
//	Knock(…) → Guest ── Send, Recv
//
// It promises: whatever the matchmaker sends, nothing panics, waits for ever or grows without bound; a Host that loses
// its connection comes back by itself under the same name; no goroutine outlives Close. Its clock and its network are
// those of the process, or what Options bring, so that all of it runs in a testing/synctest bubble.
package signal

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/zap"

	"earshot/internal/introduction"
	"earshot/protocol/wire"
)

// Options say how to reach a matchmaker. Zero is ready to use.
type Options struct {
	// NetDialContext replaces the network. nil: net.Dialer.
	NetDialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// Proxy replaces the environment's HTTP_PROXY and friends, which are never asked for private addresses.
	Proxy func(*http.Request) (*url.URL, error)
	TLS   *tls.Config // nil: the system's roots
	Log   *zap.Logger // nil: none
}

// Limits and times.
const (
	// DialTime for TCP, TLS and the WebSocket's handshake together.
	DialTime = 10 * time.Second
	// answerTime for opening or knocking.
	answerTime = 10 * time.Second
	// silence: the matchmaker pings every 25 s; after two pings missed it is taken for dead.
	silence   = 60 * time.Second
	writeTime = 10 * time.Second
	closeTime = 2 * time.Second
	// maxOutgoing messages wait for a slow network; the whole introductions of a dozen guests are less.
	maxOutgoing = 256
	// maxIncoming messages wait for the daemon; then the matchmaker waits.
	maxIncoming = 64
)

// A conn is one WebSocket: a reader, which is whoever calls read, and a writer goroutine.
type conn struct {
	server string
	ws     *websocket.Conn
	far    netip.Addr // see address
	out    chan []byte
	done   chan struct{} // closed by close
	once   sync.Once
	wait   sync.WaitGroup
}

// dial reaches the matchmaker. The error is an *Error, or introduction.ErrBadServer.
func dial(ctx context.Context, server string, opts Options) (*conn, error) {
	server, err := introduction.ServerURL(server)
	if err != nil {
		return nil, err
	}
	var first *greeting
	proxied := false
	dialer := websocket.Dialer{
		NetDialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			raw, err := opts.dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			first = &greeting{Conn: raw}
			return first, nil
		},
		Proxy: func(r *http.Request) (*url.URL, error) {
			by, err := opts.proxy(r)
			proxied = by != nil
			return by, err
		},
		TLSClientConfig:  opts.TLS,
		HandshakeTimeout: DialTime,
		ReadBufferSize:   4 << 10,
		WriteBufferSize:  4 << 10,
	}
	ws, response, err := dialer.DialContext(ctx, server+"/ws", nil)
	if err != nil {
		return nil, dialError(server, response, err)
	}
	first.open.Store(true)
	c := &conn{server: server, ws: ws, far: address(server, ws, proxied), out: make(chan []byte, maxOutgoing), done: make(chan struct{})}
	ws.SetReadLimit(wire.MaxEnvelope)
	c.heard()
	ping := ws.PingHandler()
	ws.SetPingHandler(func(data string) error {
		c.heard()
		return ping(data)
	})
	c.wait.Go(c.write) // ends with close; close waits for it
	return c, nil
}

// address is where the matchmaker is as far as this side can see: the far end of the connection, or, if a proxy is there or
// no address, the one in the URL; zero if that has a name.
func address(server string, ws *websocket.Conn, proxied bool) netip.Addr {
	if at, err := netip.ParseAddrPort(ws.RemoteAddr().String()); err == nil && !proxied {
		return at.Addr().Unmap()
	}
	u, err := url.Parse(server)
	if err != nil {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap()
}

// dialError tells a server that says no from one that is not there. A context's own end stays visible.
func dialError(server string, response *http.Response, err error) error {
	kind := ErrUnreachable
	var timeout net.Error
	switch {
	case response != nil && response.StatusCode == http.StatusTooManyRequests:
		kind = ErrRateLimited
	case response != nil && response.StatusCode == http.StatusServiceUnavailable:
		kind = ErrServerFull
	case response != nil && response.StatusCode == http.StatusForbidden, errors.Is(err, errGreeting):
		kind = ErrRefused
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, os.ErrDeadlineExceeded):
		kind = ErrTimeout
	}
	return &Error{Server: server, Kind: kind, Cause: err}
}

func (o Options) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if o.NetDialContext != nil {
		return o.NetDialContext(ctx, network, address)
	}
	return new(net.Dialer).DialContext(ctx, network, address)
}

// proxy asks for a proxy, but not for what is next door: an office's proxy knows no one's laptop.
func (o Options) proxy(r *http.Request) (*url.URL, error) {
	if a, err := netip.ParseAddr(r.URL.Hostname()); err == nil && (a.IsPrivate() || a.IsLoopback()) {
		return nil, nil
	}
	if o.Proxy != nil {
		return o.Proxy(r)
	}
	return http.ProxyFromEnvironment(r)
}

func (o Options) log() *zap.Logger {
	if o.Log == nil {
		return zap.NewNop()
	}
	return o.Log
}

// heard moves the moment at which the matchmaker is taken for dead.
func (c *conn) heard() { _ = c.ws.SetReadDeadline(time.Now().Add(silence)) }

// read waits for the next envelope. Any error is the end of the connection.
func (c *conn) read() (wire.Envelope, error) {
	kind, message, err := c.ws.ReadMessage()
	if err != nil {
		return wire.Envelope{}, c.lost(err)
	}
	c.heard()
	e, err := wire.DecodeFromMatchmaker(message)
	if err == nil && kind != websocket.TextMessage {
		err = fmt.Errorf("%w: binary", wire.ErrBadEnvelope)
	}
	if err != nil {
		return wire.Envelope{}, &Error{Server: c.server, Kind: ErrRefused, Cause: err}
	}
	return e, nil
}

// lost is what a failed read means: we closed, or the server went.
func (c *conn) lost(err error) error {
	select {
	case <-c.done:
		return ErrClosed
	default:
		return &Error{Server: c.server, Kind: ErrUnreachable, Cause: err}
	}
}

// request sends an envelope and waits for the answer to it, or for the end of ctx.
func (c *conn) request(ctx context.Context, e wire.Envelope) (wire.Envelope, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = c.ws.NetConn().Close() }) // nothing else wakes a read
	answer, err := wire.Envelope{}, c.send(e)
	if err == nil {
		answer, err = c.read()
	}
	if !stop() {
		return wire.Envelope{}, &Error{Server: c.server, Kind: ErrTimeout, Cause: ctx.Err()}
	}
	if err == nil && answer.Type == wire.EnvelopeError {
		err = &Error{Server: c.server, Kind: refusal(answer.Kind)}
	}
	return answer, err
}

// send queues an envelope and never blocks. The errors are ErrFull, ErrClosed, and wire.ErrBadEnvelope for too much.
func (c *conn) send(e wire.Envelope) error {
	message, err := e.Encode()
	if err != nil {
		return err
	}
	select {
	case <-c.done:
		return ErrClosed
	default:
	}
	select {
	case c.out <- message:
		return nil
	default:
		return ErrFull
	}
}

// write sends what is queued; at the end what is left and a closing frame, for as long as that takes no time.
func (c *conn) write() {
	defer c.ws.Close()
	for {
		select {
		case message := <-c.out:
			if !c.put(message, writeTime) {
				return
			}
		case <-c.done:
			c.drain()
			return
		}
	}
}

func (c *conn) drain() {
	for {
		select {
		case message := <-c.out:
			if !c.put(message, time.Second) {
				return
			}
		default:
			normal := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
			_ = c.ws.WriteControl(websocket.CloseMessage, normal, time.Now().Add(time.Second))
			return
		}
	}
}

func (c *conn) put(message []byte, limit time.Duration) bool {
	_ = c.ws.SetWriteDeadline(time.Now().Add(limit))
	return c.ws.WriteMessage(websocket.TextMessage, message) == nil
}

// close sends what is queued, ends the connection and waits for the writer, two seconds at most. A read in progress ends
// too.
func (c *conn) close() {
	c.once.Do(func() { close(c.done) })
	force := time.AfterFunc(closeTime, func() { _ = c.ws.NetConn().Close() })
	defer force.Stop()
	c.wait.Wait()
}
