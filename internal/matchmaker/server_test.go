package matchmaker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"earshot/protocol/wire"
)

// A pipeNet is a listener whose connections are pipes, so that it can live in a synctest bubble; there, a goroutine that
// does not end fails the test. Without a bubble use serveLoopback.
type pipeNet struct {
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipeNet() *pipeNet {
	return &pipeNet{accept: make(chan net.Conn), closed: make(chan struct{})}
}

func (p *pipeNet) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipeNet) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipeNet) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

func (p *pipeNet) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.accept <- far:
		return near, nil
	case <-p.closed:
		return nil, errors.New("connection refused")
	}
}

// inBubble runs a test against a server on pipes under virtual time.
func inBubble(t *testing.T, opts Options, test func(t *testing.T, s *Server, n *pipeNet)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n, s := newPipeNet(), New(opts)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Serve(ctx, n) }()
		test(t, s, n)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
}

// A client is a raw WebSocket. Its reader runs all the time, so that pings are answered.
type client struct {
	t  *testing.T
	ws *websocket.Conn
	in chan []byte // closed with the connection
}

func connect(t *testing.T, n *pipeNet) *client {
	t.Helper()
	ws, _, err := (&websocket.Dialer{NetDialContext: n.dial}).Dial("ws://m/ws", nil)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	return clientOf(t, ws)
}

func clientOf(t *testing.T, ws *websocket.Conn) *client {
	c := &client{t: t, ws: ws, in: make(chan []byte, 1<<12)}
	go func() { // ends with the connection, which the server closes at the latest
		defer close(c.in)
		for {
			_, m, err := ws.ReadMessage()
			if err != nil {
				_ = ws.Close()
				return
			}
			c.in <- m
		}
	}()
	return c
}

func (c *client) say(e wire.Envelope) {
	c.t.Helper()
	m, err := json.Marshal(e)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.ws.WriteMessage(websocket.TextMessage, m); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

// hear waits for an envelope of a type.
func (c *client) hear(want wire.EnvelopeType) wire.Envelope {
	c.t.Helper()
	m, ok := <-c.in
	if !ok {
		c.t.Fatalf("closed, want %s", want)
	}
	e, err := wire.DecodeFromMatchmaker(m)
	if err != nil || e.Type != want {
		c.t.Fatalf("heard %s, %v, want %s", m, err, want)
	}
	return e
}

func (c *client) refused(want wire.RefusalKind) {
	c.t.Helper()
	if e := c.hear(wire.EnvelopeError); e.Kind != want {
		c.t.Fatalf("refused with %s, want %s", e.Kind, want)
	}
}

// ended waits for the end of the connection, past whatever comes before.
func (c *client) ended() {
	for range c.in {
	}
}

func (c *client) close() { _ = c.ws.Close() }

const testOwner = "00112233445566778899aabbccddeeff"

func openRoom(t *testing.T, n *pipeNet, room string) *client {
	t.Helper()
	c := connect(t, n)
	c.say(wire.Envelope{Type: wire.EnvelopeOpen, Room: room, Owner: testOwner})
	c.hear(wire.EnvelopeOpened)
	return c
}

// knock brings a guest before a room and gives it with the host's name for it.
func knock(t *testing.T, n *pipeNet, host *client, room string) (*client, string) {
	t.Helper()
	c := connect(t, n)
	c.say(wire.Envelope{Type: wire.EnvelopeKnock, Room: room})
	c.hear(wire.EnvelopeKnocked)
	return c, host.hear(wire.EnvelopeKnock).Peer
}

func TestMeeting(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, _ *Server, n *pipeNet) {
		host := openRoom(t, n, "A4X9")
		a, peerA := knock(t, n, host, "A4X9")
		b, peerB := knock(t, n, host, "A4X9")
		if peerA == peerB || !wire.IsPeer(peerA) {
			t.Errorf("peers: %s and %s", peerA, peerB)
		}
		host.say(wire.Envelope{Type: wire.EnvelopeRelay, Peer: peerA, Data: []byte("to a")})
		host.say(wire.Envelope{Type: wire.EnvelopeRelay, Peer: peerB, Data: []byte("to b")})
		host.say(wire.Envelope{Type: wire.EnvelopeRelay, Peer: "0000000000", Data: []byte("to nobody")})
		if got := a.hear(wire.EnvelopeRelay); string(got.Data) != "to a" || got.Peer != "" {
			t.Errorf("a heard %+v", got)
		}
		if got := b.hear(wire.EnvelopeRelay); string(got.Data) != "to b" {
			t.Errorf("b heard %+v", got)
		}
		b.say(wire.Envelope{Type: wire.EnvelopeRelay, Peer: peerA, Data: []byte("from b")}) // the peer is not b's to choose
		if got := host.hear(wire.EnvelopeRelay); string(got.Data) != "from b" || got.Peer != peerB {
			t.Errorf("host heard %+v, want from b by %s", got, peerB)
		}
		a.close()
		if got := host.hear(wire.EnvelopeGone); got.Peer != peerA {
			t.Errorf("gone: %s, want %s", got.Peer, peerA)
		}
		host.say(wire.Envelope{Type: wire.EnvelopeClose, Peer: peerB})
		b.hear(wire.EnvelopeGone)
		b.ended()
		if got := host.hear(wire.EnvelopeGone); got.Peer != peerB {
			t.Errorf("gone: %s, want %s", got.Peer, peerB)
		}
		c, _ := knock(t, n, host, "A4X9")
		host.say(wire.Envelope{Type: wire.EnvelopeClose})
		c.hear(wire.EnvelopeGone)
		c.ended()
		host.ended()
	})
}

// A room belongs to whoever has its token, also while the old connection only seems to live, and after it is gone.
func TestOwner(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, _ *Server, n *pipeNet) {
		host := openRoom(t, n, "A4X9")
		guest, _ := knock(t, n, host, "A4X9")
		stranger := connect(t, n)
		takes := wire.Envelope{Type: wire.EnvelopeOpen, Room: "A4X9", Owner: strings.Repeat("f", wire.OwnerSymbols)}
		stranger.say(takes)
		stranger.refused(wire.RefusedRoomTaken)

		again := openRoom(t, n, "A4X9")
		guest.hear(wire.EnvelopeGone)
		guest.ended()
		host.ended()
		again.close()
		synctest.Wait()
		stranger.say(takes)
		stranger.refused(wire.RefusedRoomTaken)
		third := openRoom(t, n, "A4X9")
		third.close()
		stranger.close()

		time.Sleep(roomKept + time.Minute)
		stranger = connect(t, n)
		stranger.say(takes)
		stranger.hear(wire.EnvelopeOpened)
		stranger.close()
	})
}

// Nobody can tell a room that never was from one that is closed or waits for its owner.
func TestG1SameAnswer(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, _ *Server, n *pipeNet) {
		openRoom(t, n, "A4X9").close()
		closed := openRoom(t, n, "B4X9")
		closed.say(wire.Envelope{Type: wire.EnvelopeClose})
		closed.ended()
		synctest.Wait()
		var answers []string
		for _, kind := range []wire.EnvelopeType{wire.EnvelopeKnock, wire.EnvelopeAsk} {
			for _, room := range []string{"A4X9", "B4X9", "C4X9"} {
				c := connect(t, n)
				c.say(wire.Envelope{Type: kind, Room: room})
				answers = append(answers, string(<-c.in))
				c.close()
			}
		}
		for _, a := range answers {
			if a != answers[0] || !strings.Contains(a, string(wire.RefusedNoSuchRoom)) {
				t.Errorf("answers: %q", answers)
			}
		}
	})
}

func TestAsk(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, _ *Server, n *pipeNet) {
		host := openRoom(t, n, "A4X9")
		c := connect(t, n)
		c.say(wire.Envelope{Type: wire.EnvelopeAsk, Room: "A4X9"})
		c.hear(wire.EnvelopeKnown)
		c.close()
		synctest.Wait()
		select {
		case m := <-host.in:
			t.Errorf("a question reached the host: %s", m)
		default:
		}
		host.close()
	})
}

func TestG1RequestsPerMinute(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, _ *Server, n *pipeNet) {
		c := connect(t, n)
		ask := wire.Envelope{Type: wire.EnvelopeAsk, Room: "A4X9"}
		for range RequestsPerMinute {
			c.say(ask)
			c.refused(wire.RefusedNoSuchRoom)
		}
		for _, kind := range []wire.EnvelopeType{wire.EnvelopeAsk, wire.EnvelopeKnock, wire.EnvelopeOpen} {
			c.say(wire.Envelope{Type: kind, Room: "A4X9", Owner: testOwner})
			c.refused(wire.RefusedRateLimited)
		}
		time.Sleep(time.Minute / RequestsPerMinute)
		c.say(ask)
		c.refused(wire.RefusedNoSuchRoom)
		c.say(ask)
		c.refused(wire.RefusedRateLimited)
		c.close()
	})
}

// The limits of a room, filled from within: what fills them from outside is stopped by RequestsPerMinute first.
func TestG4RoomLimits(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *Server, n *pipeNet) {
		host := openRoom(t, n, "A4X9")
		s.mu.Lock()
		for i := range MaxGuestsPerRoom {
			s.rooms["A4X9"].guests[fmt.Sprint(i)] = &socket{server: s}
		}
		s.mu.Unlock()
		c := connect(t, n)
		c.say(wire.Envelope{Type: wire.EnvelopeKnock, Room: "A4X9"})
		c.refused(wire.RefusedRoomFull)
		s.mu.Lock()
		clear(s.rooms["A4X9"].guests)
		s.rooms["A4X9"].knocks = bucket{used: KnocksPerMinute, at: time.Now()}
		s.mu.Unlock()
		c.say(wire.Envelope{Type: wire.EnvelopeKnock, Room: "A4X9"})
		c.refused(wire.RefusedRateLimited)
		time.Sleep(time.Second)
		c.say(wire.Envelope{Type: wire.EnvelopeKnock, Room: "A4X9"})
		c.hear(wire.EnvelopeKnocked)
		c.close()
		host.close()
	})
}

// With all rooms taken, the name that was left the longest ago is given away; with all in use, nobody gets one.
func TestG4MaxRooms(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *Server, n *pipeNet) {
		s.mu.Lock()
		busy := &socket{server: s}
		for i := range MaxRooms {
			s.rooms[fmt.Sprint(i)] = &room{name: fmt.Sprint(i), host: busy}
		}
		s.mu.Unlock()
		c := connect(t, n)
		c.say(wire.Envelope{Type: wire.EnvelopeOpen, Room: "A4X9", Owner: testOwner})
		c.refused(wire.RefusedServerFull)
		s.mu.Lock()
		for i, ago := range []time.Duration{time.Minute, time.Hour, time.Second} {
			s.rooms[fmt.Sprint(i)].host, s.rooms[fmt.Sprint(i)].left = nil, time.Now().Add(-ago)
		}
		s.mu.Unlock()
		c.say(wire.Envelope{Type: wire.EnvelopeOpen, Room: "A4X9", Owner: testOwner})
		c.hear(wire.EnvelopeOpened)
		s.mu.Lock()
		if s.rooms["1"] != nil || s.rooms["0"] == nil || s.rooms["2"] == nil {
			t.Error("another room than the oldest was given away")
		}
		s.mu.Unlock()
		c.close()
	})
}

func TestG4SocketsPerAddress(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *Server, n *pipeNet) {
		var all []*client
		for range MaxSocketsPerAddress {
			all = append(all, connect(t, n))
		}
		_, response, err := (&websocket.Dialer{NetDialContext: n.dial}).Dial("ws://m/ws", nil)
		if err == nil || response == nil || response.StatusCode != http.StatusTooManyRequests {
			t.Errorf("one socket too many: got %v", err)
		}
		all[0].close()
		synctest.Wait()
		all[0] = connect(t, n)
		for _, c := range all {
			c.close()
		}
		synctest.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.sockets)+len(s.nearby) != 0 {
			t.Errorf("left over: %d sockets, %d addresses", len(s.sockets), len(s.nearby))
		}
	})
}

func TestG4ServerFull(t *testing.T) {
	s := New(Options{})
	for range MaxSockets {
		s.sockets[&socket{}] = struct{}{}
	}
	r := httptest.NewRecorder()
	s.ServeHTTP(r, httptest.NewRequest("GET", "/ws", nil))
	if r.Code != http.StatusServiceUnavailable {
		t.Errorf("got status %d, want 503", r.Code)
	}
}

// Rules that are broken end the socket, after the reason.
func TestM8Rules(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, _ *Server, n *pipeNet) {
		host := openRoom(t, n, "A4X9")
		for _, message := range []string{
			`{`, `{"type":"nothing"}`, `{"type":"relay","data":"aGk="}`, `{"type":"close","peer":"0123456789"}`,
			`{"type":"gone"}`, `{"type":"knock","room":"a4x9"}`,
		} {
			c := connect(t, n)
			if err := c.ws.WriteMessage(websocket.TextMessage, []byte(message)); err != nil {
				t.Fatal(err)
			}
			c.refused(wire.RefusedBadRequest)
			c.ended()
		}
		c := connect(t, n)
		_ = c.ws.WriteMessage(websocket.BinaryMessage, []byte(`{"type":"close"}`))
		c.refused(wire.RefusedBadRequest)
		c.ended()
		c = connect(t, n)
		_ = c.ws.WriteMessage(websocket.TextMessage, bytes.Repeat([]byte("x"), wire.MaxEnvelope+1))
		c.ended()
		host.say(wire.Envelope{Type: wire.EnvelopeOpen, Room: "B4X9", Owner: testOwner})
		host.refused(wire.RefusedBadRequest) // one room for a socket
		host.ended()
	})
}

func TestG4IdleTimes(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *Server, n *pipeNet) {
		began := time.Now()
		connect(t, n).ended()
		if waited := time.Since(began); waited != firstWait {
			t.Errorf("a socket that says nothing was closed after %v, want %v", waited, firstWait)
		}
		host := openRoom(t, n, "A4X9")
		guest, _ := knock(t, n, host, "A4X9")
		began = time.Now()
		guest.hear(wire.EnvelopeGone)
		if waited := time.Since(began); waited < guestIdle || waited > guestIdle+pingEvery+time.Second {
			t.Errorf("an idle guest was sent away after %v, want %v", waited, guestIdle)
		}
		host.hear(wire.EnvelopeGone)
		time.Sleep(24 * time.Hour)
		host.say(wire.Envelope{Type: wire.EnvelopeRelay, Peer: "0123456789", Data: []byte{1}}) // still there
		synctest.Wait()
		s.mu.Lock()
		if s.rooms["A4X9"].host == nil {
			t.Error("a host that answers pings was closed")
		}
		s.mu.Unlock()
		host.close()
	})
}

// TestG4UnfinishedRequests: what never becomes a socket does not stay, whether it never ends what it says, or comes again and again.
func TestG4UnfinishedRequests(t *testing.T) {
	for name, said := range map[string]string{
		"nothing":             "",
		"half a header":       "GET /ws HTTP/1.1\r\nHost: m\r\nX: ",
		"a body without end":  "POST /healthz HTTP/1.1\r\nHost: m\r\nContent-Length: 1000\r\n\r\nx",
		"a chunk without end": "POST /nowhere HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
		"no upgrade":          "GET /ws HTTP/1.1\r\nHost: m\r\nContent-Length: 100\r\n\r\n",
		"one that stays":      "GET /healthz HTTP/1.1\r\nHost: m\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Options{}, func(t *testing.T, _ *Server, n *pipeNet) {
				c, err := n.dial(t.Context(), "", "")
				if err != nil {
					t.Fatal(err)
				}
				if _, err := io.WriteString(c, said); err != nil {
					t.Fatal(err)
				}
				if err := c.SetReadDeadline(time.Now().Add(requestWait + time.Second)); err != nil {
					t.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, c); err != nil {
					t.Errorf("it is still there after %v: %v", requestWait, err)
				}
			})
		})
	}
}

// A client whose network is gone without a word is noticed by the pings that it does not answer.
func TestG4DeadSocket(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *Server, n *pipeNet) {
		ws, _, err := (&websocket.Dialer{NetDialContext: n.dial}).Dial("ws://m/ws", nil)
		if err != nil {
			t.Fatal(err)
		}
		ws.SetPingHandler(func(string) error { return nil })
		c := clientOf(t, ws)
		c.say(wire.Envelope{Type: wire.EnvelopeOpen, Room: "A4X9", Owner: testOwner})
		c.hear(wire.EnvelopeOpened)
		began := time.Now()
		c.ended()
		if waited := time.Since(began); waited != silence {
			t.Errorf("a dead socket was closed after %v, want %v", waited, silence)
		}
	})
}

// A guest can fill half of a host's queue, and is then closed itself; the host is not.
func TestG4GuestFloodsHost(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *Server, n *pipeNet) {
		ws, _, err := (&websocket.Dialer{NetDialContext: n.dial}).Dial("ws://m/ws", nil)
		if err != nil {
			t.Fatal(err)
		}
		open, _ := wire.Envelope{Type: wire.EnvelopeOpen, Room: "A4X9", Owner: testOwner}.Encode()
		if err := ws.WriteMessage(websocket.TextMessage, open); err != nil {
			t.Fatal(err)
		}
		if _, _, err := ws.ReadMessage(); err != nil { // opened; from here on the host does not read
			t.Fatal(err)
		}
		guest := connect(t, n)
		guest.say(wire.Envelope{Type: wire.EnvelopeKnock, Room: "A4X9"})
		guest.hear(wire.EnvelopeKnocked)
		big := wire.Envelope{Type: wire.EnvelopeRelay, Data: make([]byte, wire.MaxRelayData)}
		for range 5 {
			m, _ := big.Encode()
			if guest.ws.WriteMessage(websocket.TextMessage, m) != nil {
				break
			}
		}
		guest.refused(wire.RefusedRateLimited)
		guest.ended()
		host := clientOf(t, ws)
		host.hear(wire.EnvelopeKnock)
		for range 3 {
			host.hear(wire.EnvelopeRelay)
		}
		host.hear(wire.EnvelopeGone)
		host.close()
	})
}

// Small relays are bounded too, by their number.
func TestG4RelayRate(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *Server, n *pipeNet) {
		host := openRoom(t, n, "A4X9")
		guest, _ := knock(t, n, host, "A4X9")
		for range guestBurst {
			guest.say(wire.Envelope{Type: wire.EnvelopeRelay, Data: []byte{1}})
			host.hear(wire.EnvelopeRelay)
		}
		guest.say(wire.Envelope{Type: wire.EnvelopeRelay, Data: []byte{1}})
		guest.refused(wire.RefusedRateLimited)
		guest.ended()
		host.hear(wire.EnvelopeGone)
		guest, peer := knock(t, n, host, "A4X9")
		for range hostBurst {
			host.say(wire.Envelope{Type: wire.EnvelopeRelay, Peer: peer, Data: []byte{1}})
			guest.hear(wire.EnvelopeRelay)
		}
		host.say(wire.Envelope{Type: wire.EnvelopeRelay, Peer: peer, Data: []byte{1}})
		host.refused(wire.RefusedRateLimited)
		host.ended()
		guest.ended()
	})
}

// A guest that does not read is cut when its queue is full; the host goes on.
func TestG4SlowGuest(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *Server, n *pipeNet) {
		host := openRoom(t, n, "A4X9")
		ws, _, err := (&websocket.Dialer{NetDialContext: n.dial}).Dial("ws://m/ws", nil)
		if err != nil {
			t.Fatal(err)
		}
		m, _ := wire.Envelope{Type: wire.EnvelopeKnock, Room: "A4X9"}.Encode()
		if err := ws.WriteMessage(websocket.TextMessage, m); err != nil {
			t.Fatal(err)
		}
		peer := host.hear(wire.EnvelopeKnock).Peer
		began := time.Now()
		for range maxQueue/wire.MaxEnvelope + 3 {
			host.say(wire.Envelope{Type: wire.EnvelopeRelay, Peer: peer, Data: make([]byte, wire.MaxRelayData)})
		}
		if got := host.hear(wire.EnvelopeGone); got.Peer != peer {
			t.Errorf("gone: %s, want %s", got.Peer, peer)
		}
		if waited := time.Since(began); waited > 0 {
			t.Errorf("a slow guest was cut after %v, want at once: its queue is full", waited)
		}
		_ = ws.Close()
		host.close()
	})
}

func TestICEServers(t *testing.T) {
	var asked []Client
	offer := func(c Client) []wire.ICEServer {
		asked = append(asked, c)
		return []wire.ICEServer{{URLs: []string{fmt.Sprintf("stun:h:%d", len(asked))}}}
	}
	inBubble(t, Options{ICEServers: offer}, func(t *testing.T, _ *Server, n *pipeNet) {
		host := openRoom(t, n, "A4X9")
		c := connect(t, n)
		c.say(wire.Envelope{Type: wire.EnvelopeKnock, Room: "A4X9"})
		got := []wire.Envelope{c.hear(wire.EnvelopeKnocked), host.hear(wire.EnvelopeKnock)}
		for i, e := range got {
			if want := fmt.Sprintf("stun:h:%d", i+2); len(e.ICEServers) != 1 || e.ICEServers[0].URLs[0] != want {
				t.Errorf("%s: got %+v, want %s", e.Type, e.ICEServers, want)
			}
		}
		c.close()
		host.close()
	})
	if len(asked) != 3 {
		t.Errorf("asked for %+v, want three clients", asked)
	}
}

// Over a real socket both addresses are known, so that each client can be told a relay that it can reach.
func TestClientAddresses(t *testing.T) {
	asked := make(chan Client, 1)
	url := serveLoopback(t, Options{ICEServers: func(c Client) []wire.ICEServer { asked <- c; return nil }})
	ws, _, err := websocket.DefaultDialer.Dial(url+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	if err := ws.WriteMessage(websocket.TextMessage, []byte(`{"type":"open","room":"A4X9","owner":"`+testOwner+`"}`)); err != nil {
		t.Fatal(err)
	}
	loopback := netip.MustParseAddr("127.0.0.1")
	if got, want := <-asked, (Client{Remote: loopback, Local: loopback}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestG3Page(t *testing.T) {
	s := New(Options{})
	check := func(method, path string, status int, body string) {
		t.Helper()
		r := httptest.NewRecorder()
		s.ServeHTTP(r, httptest.NewRequest(method, path, nil))
		if r.Code != status || !strings.Contains(r.Body.String(), body) {
			t.Errorf("%s %s: got %d %q, want %d %q", method, path, r.Code, r.Body.String(), status, body)
		}
		if policy := r.Header().Get("Content-Security-Policy"); r.Code == 200 && !strings.Contains(policy, "default-src 'none'") {
			t.Errorf("%s: policy %q", path, policy)
		}
		if got := r.Header().Get("Referrer-Policy"); r.Code == 200 && got != "no-referrer" {
			t.Errorf("%s: a page that follows would be told where its reader came from: %q", path, got)
		}
	}
	check("GET", "/healthz", 200, "ok")
	check("GET", "/under/a/path/healthz", 200, "ok")
	check("GET", "/j", 200, "earshot join")
	check("GET", "/p/j", 200, "earshot join")
	check("POST", "/j", 405, "")
	check("GET", "/", 404, "")
	check("GET", "/ws", 400, "")
}

// TestM9PageIsInert: the page has nothing that runs, loads or leads elsewhere, so that what follows '#' stays where it is.
// It is one constant: whoever serves another page can do anything, which docs/security.md says.
func TestM9PageIsInert(t *testing.T) {
	for _, part := range []string{"<script", "<style", "<link", "<img", "<iframe", "<form", "<base", "src=", "href=", "url(", "http:", "https:", "//", "refresh", "javascript"} {
		if strings.Contains(strings.ToLower(linkPage), part) {
			t.Errorf("the page has %q", part)
		}
	}
	if handler := regexp.MustCompile(`(?i)<[^>]*\son\w+\s*=`).FindString(linkPage); handler != "" {
		t.Errorf("the page has %q", handler)
	}
	var first string
	for _, path := range []string{"/j", "/p/j", "/j?x=y"} {
		r := httptest.NewRecorder()
		New(Options{}).ServeHTTP(r, httptest.NewRequest("GET", path, nil))
		if first == "" {
			first = r.Body.String()
		}
		if r.Body.String() != first || first != linkPage {
			t.Errorf("%s is another page", path)
		}
	}
}

func TestL5Origins(t *testing.T) {
	check := func(reach Reach, host, origin string, want bool) {
		t.Helper()
		r := httptest.NewRequest("GET", "/ws", nil)
		r.Host = host
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		w := httptest.NewRecorder()
		New(Options{Reach: reach}).ServeHTTP(w, r)
		// Past the two checks a request that is no WebSocket fails by itself, with another status.
		got := w.Code != http.StatusForbidden && (origin == "" || sameOrigin(r))
		if got != want {
			t.Errorf("reach %d, host %s, origin %q: got %v, want %v", reach, host, origin, got, want)
		}
	}
	check(ReachAny, "example.org", "", true)
	check(ReachAny, "example.org", "https://example.org", true)
	check(ReachAny, "example.org", "https://EXAMPLE.org", true)
	check(ReachAny, "example.org", "https://evil.example", false)
	check(ReachAny, "example.org", "https://example.org.evil.example", false)
	check(ReachAny, "example.org", "null", false)
	check(ReachLocal, "127.0.0.1:47300", "", true)
	check(ReachLocal, "[::1]:47300", "", true)
	check(ReachLocal, "localhost:47300", "", true)
	check(ReachLocal, "192.168.1.5", "", true)
	check(ReachLocal, "evil.example:47300", "http://evil.example:47300", false)
	check(ReachLocal, "evil.example:47300", "", false)
	check(ReachLocal, "", "", false)
}

// A real page of another origin, over a real socket, gets no WebSocket.
func TestL5ForeignPage(t *testing.T) {
	url := serveLoopback(t, Options{Reach: ReachLocal})
	_, response, err := websocket.DefaultDialer.Dial(url+"/ws", http.Header{"Origin": {"http://evil.example"}})
	if err == nil || response == nil || response.StatusCode != http.StatusForbidden {
		t.Errorf("a foreign page: got %v", err)
	}
	ws, _, err := websocket.DefaultDialer.Dial(url+"/p/ws", http.Header{"Origin": {"http" + strings.TrimPrefix(url, "ws")}})
	if err != nil {
		t.Fatalf("its own page: %v", err)
	}
	_ = ws.Close()
}

// TestA7NoCompression: who offers to compress is not taken up on it, so that no message is larger than what came.
func TestA7NoCompression(t *testing.T) {
	url := serveLoopback(t, Options{})
	dialer := websocket.Dialer{EnableCompression: true}
	ws, response, err := dialer.Dial(url+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	if got := response.Header.Values("Sec-WebSocket-Extensions"); len(got) != 0 {
		t.Errorf("the server agrees to %q, want nothing", got)
	}
}

// serveLoopback runs a server on a real socket until the test ends.
func serveLoopback(t *testing.T, opts Options) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- New(opts).Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return "ws://" + l.Addr().String()
}

// Ending the server says goodbye to everyone and leaves nothing behind, even of clients that do not listen.
func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newPipeNet()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- New(Options{}).Serve(ctx, n) }()
		host := openRoom(t, n, "A4X9")
		deaf, _, err := (&websocket.Dialer{NetDialContext: n.dial}).Dial("ws://m/ws", nil)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		cancel()
		if err := <-done; err != nil || time.Since(began) > farewell {
			t.Errorf("serve: got %v after %v, want nothing within %v", err, time.Since(began), farewell)
		}
		host.ended()
		_ = deaf.Close()
	})
}

// A listener that fails ends Serve with the reason.
func TestListenerFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if err := New(Options{}).Serve(t.Context(), l); err == nil {
		t.Error("serve on a closed listener: got no error")
	}
}

// The log, at its most talkative, has neither rooms nor tokens nor content nor addresses.
func TestL8MatchmakersLog(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	url := serveLoopback(t, Options{Log: zap.New(core)})
	say := func(messages ...string) {
		ws, _, err := websocket.DefaultDialer.Dial(url+"/ws", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer ws.Close()
		for _, m := range messages {
			if err := ws.WriteMessage(websocket.TextMessage, []byte(m)); err != nil {
				t.Fatal(err)
			}
			_, _, _ = ws.ReadMessage()
		}
	}
	say(`{"type":"ask","room":"A4X9"}`, `{"type":"open","room":"A4X9","owner":"`+testOwner+`"}`, `{"type":"canary"}`)
	say(`{"type":"knock","room":"A4X9"}`, `{"type":"relay","data":"Y2FuYXJ5"}`)
	out, err := json.Marshal(logs.All())
	if err != nil || logs.Len() < 3 {
		t.Fatalf("%d entries, %v", logs.Len(), err)
	}
	for _, secret := range []string{"A4X9", testOwner, "canary", "Y2FuYXJ5", "127.0.0.1"} {
		if bytes.Contains(out, []byte(secret)) {
			t.Errorf("the log has %q: %s", secret, out)
		}
	}
}

func TestClientOf(t *testing.T) {
	s := New(Options{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	check := func(remote, forwarded, want string) {
		t.Helper()
		r := httptest.NewRequest("GET", "/ws", nil)
		r.RemoteAddr = remote
		if forwarded != "" {
			r.Header.Set("X-Forwarded-For", forwarded)
		}
		if got := prefixOf(s.clientOf(r).Remote).String(); got != want {
			t.Errorf("%s for %q: got %s, want %s", remote, forwarded, got, want)
		}
	}
	check("192.0.2.1:5", "", "192.0.2.1/32")
	check("192.0.2.1:5", "198.51.100.1", "192.0.2.1/32")
	check("10.1.1.1:5", "203.0.113.9, 198.51.100.1", "198.51.100.1/32")
	check("10.1.1.1:5", "garbage", "10.1.1.1/32")
	check("[::ffff:192.0.2.1]:5", "", "192.0.2.1/32")
	check("[2001:db8:1:2:3:4:5:6]:5", "", "2001:db8:1:2::/64")
	check("[fe80::1%eth0]:5", "", "fe80::/64")
}

func TestBuckets(t *testing.T) {
	now := time.Unix(0, 0)
	var b bucket
	for i := range 10 {
		if !b.take(now, 1, 10, 1) {
			t.Fatalf("unit %d of 10 was refused", i)
		}
	}
	if b.take(now, 1, 10, 1) || !b.take(now.Add(time.Second), 1, 10, 1) || b.take(now.Add(time.Second), 1, 10, 1) {
		t.Error("one unit a second is not what comes back")
	}
	if b.full(now.Add(10*time.Second), 1) || !b.full(now.Add(11*time.Second), 1) {
		t.Error("full at another time than after eleven seconds")
	}
}

func TestG4SweepForgets(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *Server, n *pipeNet) {
		c := connect(t, n)
		c.say(wire.Envelope{Type: wire.EnvelopeAsk, Room: "A4X9"})
		c.refused(wire.RefusedNoSuchRoom)
		c.close()
		time.Sleep(2 * time.Minute)
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.buckets) != 0 {
			t.Errorf("%d addresses are kept", len(s.buckets))
		}
	})
}
