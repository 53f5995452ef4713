// Package matchmaker is the server at which two daemons meet: a host opens a room under a name, guests knock at it, and
// opaque messages pass between them until they have a connection of their own. It keeps everything in memory, knows room
// names and addresses and nothing else, and is trusted by nobody: it can refuse service, and that is all it can do.
// `earshot signal` runs it, and a host that has no server set runs one itself while it shares. Only the daemon calls it.
//
// What is served, whatever comes before in the path, so that it can live under any prefix of a web server:
//
//	…/ws       the WebSocket of wire.Envelope; see there for who says what
//	…/healthz  "ok"
//	…/j        a page that says how to use a link; what follows '#' never comes here
//
// An idle socket costs one goroutine and about 11 KB, 8 of them its stack (BenchmarkIdleSocket): the read loop runs
// outside the HTTP handler so that net/http's buffers are freed, a writer runs only while there is something to write, and
// one wheel pings everybody.
//
// It writes neither room names nor payloads nor addresses to its log. An address is kept as long as its sockets are open
// and its rate bucket is not full again, a minute at most.
package matchmaker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/zap"

	"earshot/protocol/wire"
)

// Limits. Reaching one closes or refuses the one who does, with a reason, and nobody else.
const (
	// MaxSockets: 11 KB each make 220 MB.
	MaxSockets = 20_000
	// MaxSocketsPerAddress, for an IPv4 address or an IPv6 /64: a class behind one router has about 30 people, each with
	// one room and one introduction under way.
	MaxSocketsPerAddress = 64
	// MaxRooms, those included that are kept for their owner. 10 000 of the 2²⁰ names: one in a hundred draws is taken.
	MaxRooms = 10_000
	// MaxGuestsPerRoom that are being introduced at once; a session has 16 members by default, each here for seconds.
	MaxGuestsPerRoom = 64
	// RequestsPerMinute of one address: opening, knocking and asking. Trying all 2²⁰ names takes three weeks.
	RequestsPerMinute = 30
	// KnocksPerMinute at one room, from wherever.
	KnocksPerMinute = 60
	// maxQueue bounds what waits for one slow socket, in bytes: six full relays. Guests may fill half of a host's.
	maxQueue = 6 * wire.MaxEnvelope
	// guestBurst and guestRate (per second) bound a guest's relays, a unit for each 4 KiB begun: an introduction has five,
	// a connection about twenty small ones.
	guestBurst, guestRate = 128, 8
	// hostBurst and hostRate bound a host's: sixteen guests that come at once.
	hostBurst, hostRate = 2048, 128
	relayUnit           = 4 << 10
	// maxBuckets: 100 bytes each make 13 MB; a stranger with that many addresses gets rateLimited.
	maxBuckets = 1 << 17
)

// Times.
const (
	// firstWait: a socket that neither opens nor knocks is closed.
	firstWait = 10 * time.Second
	// headerWait and requestWait: so long may a request take that is to become a socket, or asks for a page.
	headerWait, requestWait = 5 * time.Second, 10 * time.Second
	// pingEvery keeps NAT bindings (30 s at worst) open; two pings unanswered and the socket is closed.
	pingEvery = 25 * time.Second
	silence   = 2*pingEvery + writeWait
	writeWait = 10 * time.Second
	// guestIdle without a relay in either direction; the host's human has two minutes for a decision.
	guestIdle = 15 * time.Minute
	// roomKept for its owner after it left, and for nobody else: a guest with an old code must not reach a new host, where
	// it would count as a wrong guess.
	roomKept = 30 * time.Minute
	// farewell is what sockets have to take the closing frame when the server ends.
	farewell = time.Second
)

// A Reach says which names a server may be addressed by.
type Reach uint8

const (
	// ReachAny is for a public server, by whatever name its operator gave it.
	ReachAny Reach = iota
	// ReachLocal is for a host's own matchmaker: IP addresses and "localhost" only. A web page could otherwise point a
	// name of its own at this machine and then be "of the same origin" (DNS rebinding).
	ReachLocal
)

// A Client is one end of a socket as the server sees it. Local is the server's own address that the client reached.
type Client struct {
	Remote, Local netip.Addr
}

// Options of a Server; zero is ready to use.
type Options struct {
	Log *zap.Logger // nil: none
	// ICEServers offers STUN and TURN servers to a client, with credentials made for it. It is called with a lock held
	// and must not block. nil: none.
	ICEServers func(Client) []wire.ICEServer
	Reach      Reach
	// Proxies in front whose X-Forwarded-For is believed; without it everyone behind a proxy shares its limits.
	Proxies []netip.Prefix
}

// A Server is one matchmaker. As an http.Handler it works too, but only Serve pings and sweeps.
type Server struct {
	opts     Options
	log      *zap.Logger
	upgrader websocket.Upgrader
	wait     sync.WaitGroup // read loops and writers

	mu      sync.Mutex // guards all below and every field of sockets and rooms that says so
	closing bool
	sockets map[*socket]struct{}
	nearby  map[netip.Prefix]int // sockets of an address
	buckets map[netip.Prefix]*bucket
	rooms   map[string]*room
	wheel   [pingEvery / time.Second]map[*socket]struct{}
	slot    int
}

// New makes a server.
func New(opts Options) *Server {
	s := &Server{
		opts:    opts,
		log:     opts.Log,
		sockets: map[*socket]struct{}{},
		nearby:  map[netip.Prefix]int{},
		buckets: map[netip.Prefix]*bucket{},
		rooms:   map[string]*room{},
	}
	if s.log == nil {
		s.log = zap.NewNop()
	}
	for i := range s.wheel {
		s.wheel[i] = map[*socket]struct{}{}
	}
	s.upgrader = websocket.Upgrader{
		HandshakeTimeout: writeWait,
		ReadBufferSize:   512,
		WriteBufferSize:  1024,
		WriteBufferPool:  &sync.Pool{},
		CheckOrigin:      sameOrigin,
	}
	return s
}

// Serve answers on all listeners until ctx ends or one of them fails; then it closes them and every socket, waits for
// its goroutines and returns nil or the failure. It is called once.
func (s *Server) Serve(ctx context.Context, listeners ...net.Listener) error {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerWait,
		ReadTimeout:       requestWait, // with the body, which nobody asked for
		WriteTimeout:      writeWait,
		MaxHeaderBytes:    8 << 10,
		ErrorLog:          log.New(io.Discard, "", 0), // it names addresses
	}
	server.SetKeepAlivesEnabled(false) // what is no socket yet is counted nowhere, so it is gone in seconds
	failed := make(chan error, len(listeners))
	wheel, stopWheel := context.WithCancel(ctx)
	var loops sync.WaitGroup
	for _, l := range listeners {
		loops.Go(func() { // ends when server closes
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("matchmaker listens: %w", err)
			}
		})
	}
	loops.Go(func() { s.turn(wheel) })
	s.log.Info("matchmaker serves", zap.Int("listeners", len(listeners)))
	var failure error
	select {
	case <-ctx.Done():
	case failure = <-failed:
	}
	stopWheel()
	_ = server.Close()
	s.shutdown()
	loops.Wait()
	s.log.Info("matchmaker ended")
	return failure
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.opts.Reach == ReachLocal && !isLocalName(r.Host) {
		http.Error(w, "this matchmaker answers to its address only", http.StatusForbidden)
		return
	}
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, "/ws"):
		s.welcome(w, r)
	case strings.HasSuffix(path, "/healthz"):
		serveText(w, r, "text/plain; charset=utf-8", "ok\n")
	case strings.HasSuffix(path, "/j"):
		serveText(w, r, "text/html; charset=utf-8", linkPage)
	default:
		http.NotFound(w, r)
	}
}

// welcome makes a socket of a request.
func (s *Server) welcome(w http.ResponseWriter, r *http.Request) {
	k := &socket{server: s, client: s.clientOf(r)}
	k.near = prefixOf(k.client.Remote)
	if status := s.enter(k); status != 0 {
		http.Error(w, http.StatusText(status), status)
		return
	}
	conn, err := s.upgrader.Upgrade(w, r, nil)
	if err != nil {
		s.leave(k)
		s.wait.Done()
		return
	}
	s.mu.Lock()
	k.conn = conn
	if k.closed {
		_ = conn.Close() // the server ended meanwhile
	}
	s.mu.Unlock()
	go k.read() // ends with the socket; Serve waits for it
}

// enter counts a socket in, or gives the HTTP status to refuse it with.
func (s *Server) enter(k *socket) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closing || len(s.sockets) >= MaxSockets:
		return http.StatusServiceUnavailable
	case s.nearby[k.near] >= MaxSocketsPerAddress:
		return http.StatusTooManyRequests
	}
	s.nearby[k.near]++
	s.sockets[k] = struct{}{}
	k.slot = len(s.sockets) % len(s.wheel)
	s.wheel[k.slot][k] = struct{}{}
	s.wait.Add(1)
	s.log.Debug("socket opened", zap.Int("sockets", len(s.sockets)))
	return 0
}

// leave counts a socket out and ends what it was part of.
func (s *Server) leave(k *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k.closed = true
	s.depart(k)
	delete(s.sockets, k)
	delete(s.wheel[k.slot], k)
	if s.nearby[k.near]--; s.nearby[k.near] == 0 {
		delete(s.nearby, k.near)
	}
	s.log.Debug("socket closed", zap.Int("sockets", len(s.sockets)))
}

// turn is the wheel: each second it pings one part of the sockets, so that everyone gets one ping each pingEvery.
func (s *Server) turn(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			s.pingSlot(now)
		}
	}
}

func (s *Server) pingSlot(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slot = (s.slot + 1) % len(s.wheel)
	if s.slot == 0 {
		s.sweep(now)
	}
	for k := range s.wheel[s.slot] {
		if k.room != nil && k.peer != "" && now.Sub(k.relayed) > guestIdle {
			s.sendAway(k)
			continue
		}
		k.post(outgoing{kind: websocket.PingMessage})
	}
}

// sweep forgets rooms that nobody came back to and buckets that are full again.
func (s *Server) sweep(now time.Time) {
	for name, r := range s.rooms {
		if r.host == nil && now.Sub(r.left) > roomKept {
			delete(s.rooms, name)
		}
	}
	for address, b := range s.buckets {
		if b.full(now, RequestsPerMinute/60.0) {
			delete(s.buckets, address)
		}
	}
}

// shutdown says goodbye to every socket, gives them a moment to hear it and waits for all goroutines.
func (s *Server) shutdown() {
	s.mu.Lock()
	s.closing = true
	for k := range s.sockets {
		k.post(outgoing{kind: websocket.CloseMessage, data: websocket.FormatCloseMessage(websocket.CloseGoingAway, "")})
	}
	s.mu.Unlock()
	force := time.AfterFunc(farewell, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for k := range s.sockets {
			k.cut()
		}
	})
	s.wait.Wait()
	force.Stop()
}

// clientOf reads the two addresses of a request; an address that is none (a pipe in a test) stays zero.
func (s *Server) clientOf(r *http.Request) Client {
	var c Client
	if a, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		c.Remote = a.Addr().Unmap()
	}
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		if a, err := netip.ParseAddrPort(local.String()); err == nil {
			c.Local = a.Addr().Unmap()
		}
	}
	for _, p := range s.opts.Proxies {
		if !p.Contains(c.Remote) {
			continue
		}
		// The last entry is the one that the proxy itself wrote; those before it are whatever the client sent.
		chain := strings.Split(r.Header.Get("X-Forwarded-For"), ",")
		if a, err := netip.ParseAddr(strings.TrimSpace(chain[len(chain)-1])); err == nil {
			c.Remote = a.Unmap()
		}
		break
	}
	return c
}

// prefixOf is what limits count by: an IPv4 address, or the /64 that one IPv6 customer has at least.
func prefixOf(a netip.Addr) netip.Prefix {
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.WithZone("").Prefix(bits) // the zero prefix for what is no address
	return p
}

// sameOrigin accepts programs, which send no Origin, and pages that came from this very server.
func sameOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

func isLocalName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil || strings.EqualFold(host, "localhost")
}
