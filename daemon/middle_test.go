package daemon

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"
	"testing"

	"github.com/gorilla/websocket"

	"earshot/internal/matchmaker"
	"earshot/protocol/wire"
)

// middle is a matchmaker that is not what it should be: a real one, and before it someone who sees all that the daemons
// send and does with it what a test wants.
type middle struct {
	t        *testing.T
	url      string
	upstream *memory

	mu     sync.Mutex
	said   bytes.Buffer      // all that was received, requests and messages, unmasked
	heard  []wire.Envelope   // the messages among it
	kept   map[bool][][]byte // what was in the relays, by their direction
	counts map[string]int    // relays to a guest, by the room's name for it
	meddle func(parcel) []parcel
	host   *line // the newest that opened a room
}

// parcel is one relay: the n-th of its direction in its introduction.
type parcel struct {
	toHost bool
	n      int
	data   []byte
}

// line is one daemon's connection to the middle, and the middle's own to the real matchmaker.
type line struct {
	near, far     *websocket.Conn
	toNear, toFar chan frame // to their writers: a lock held while one writes to a pipe would stop a bubble's clock
	guest         bool
	count         int // a guest's relays
}

type frame struct {
	kind int
	data []byte
}

// middle starts one on the virtual network; it ends with the test.
func (b *bubble) middle(at string) *middle {
	b.t.Helper()
	m := &middle{t: b.t, url: "ws://" + at, upstream: newMemory(&net.TCPAddr{IP: net.IPv4(10, 0, 0, 250), Port: 80}),
		kept: map[bool][][]byte{}, counts: map[string]int{}}
	address, err := net.ResolveTCPAddr("tcp", at) // a literal
	if err != nil {
		b.t.Fatal(err)
	}
	l := newMemory(address)
	b.net.mu.Lock()
	b.net.servers[at] = l
	b.net.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	front := &http.Server{Handler: m}
	var work sync.WaitGroup
	work.Go(func() { _ = matchmaker.New(matchmaker.Options{}).Serve(ctx, m.upstream) }) // both end with the test
	work.Go(func() { _ = front.Serve(l) })
	b.t.Cleanup(func() {
		_ = front.Close()
		cancel()
		work.Wait()
	})
	return m
}

func (m *middle) does(meddle func(parcel) []parcel) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.meddle = meddle
}

// ServeHTTP takes a daemon's connection and makes its own to the real matchmaker.
func (m *middle) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	request, err := httputil.DumpRequest(r, false)
	if err != nil {
		m.t.Error(err)
	}
	m.mu.Lock()
	m.said.Write(request)
	m.mu.Unlock()
	near, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer near.Close()
	dialer := websocket.Dialer{NetDialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return m.upstream.dial(ctx) }}
	far, _, err := dialer.DialContext(r.Context(), "ws://real/ws", nil)
	if err != nil {
		return
	}
	k := &line{near: near, far: far, toNear: make(chan frame, 4096), toFar: make(chan frame, 4096)}
	over := make(chan struct{})
	var work sync.WaitGroup
	for to, from := range map[*websocket.Conn]chan frame{near: k.toNear, far: k.toFar} {
		work.Go(func() { // ends with over
			for {
				select {
				case f := <-from:
					_ = to.WriteMessage(f.kind, f.data) // or it has hung up
				case <-over:
					return
				}
			}
		})
	}
	ping := far.PingHandler()
	far.SetPingHandler(func(data string) error {
		k.toNear <- frame{websocket.PingMessage, []byte(data)}
		return ping(data)
	})
	work.Go(func() { // ends with far, which is closed after up
		for {
			kind, message, err := far.ReadMessage()
			if err != nil {
				_ = near.Close()
				return
			}
			k.toNear <- frame{kind, message}
		}
	})
	m.up(k)
	close(over)
	_ = near.Close()
	_ = far.Close()
	work.Wait()
}

func say(to chan frame, e wire.Envelope) {
	if message, err := e.Encode(); err == nil {
		to <- frame{websocket.TextMessage, message}
	}
}

// up carries what a daemon says until it hangs up.
func (m *middle) up(k *line) {
	for {
		kind, message, err := k.near.ReadMessage()
		if err != nil {
			return
		}
		e, err := wire.DecodeToMatchmaker(message)
		if err != nil {
			m.t.Errorf("a daemon sent %q: %v", message, err)
			return
		}
		acts := m.hear(k, message, e)
		if e.Type != wire.EnvelopeRelay {
			k.toFar <- frame{kind, message}
			continue
		}
		for _, p := range acts {
			e.Data = p.data
			if p.toHost == k.guest {
				say(k.toFar, e)
			} else {
				say(k.toNear, e)
			}
		}
	}
}

// hear notes a message and says what becomes of it.
func (m *middle) hear(k *line, message []byte, e wire.Envelope) []parcel {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.said.Write(message)
	m.said.WriteByte('\n')
	m.heard = append(m.heard, e)
	switch e.Type {
	case wire.EnvelopeOpen:
		m.host = k
	case wire.EnvelopeKnock:
		k.guest = true
	case wire.EnvelopeRelay:
		p := parcel{k.guest, k.count, e.Data}
		if k.guest {
			k.count++
		} else {
			p.n = m.counts[e.Peer]
			m.counts[e.Peer]++
		}
		m.kept[k.guest] = append(m.kept[k.guest], e.Data)
		if m.meddle != nil {
			return m.meddle(p)
		}
		return []parcel{p}
	}
	return nil
}

// tellsHost sends the host what no matchmaker would.
func (m *middle) tellsHost(e wire.Envelope) {
	m.mu.Lock()
	k := m.host
	m.mu.Unlock()
	say(k.toNear, e)
}

// number counts the envelopes that fit among those received.
func (m *middle) number(fits func(wire.Envelope) bool) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.heard {
		if fits(e) {
			n++
		}
	}
	return n
}
