package signal_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"earshot/internal/matchmaker"
	"earshot/internal/signal"
)

// A network is a listener whose connections are pipes, and the dialer to it: no file descriptors, so that it can live in
// a synctest bubble.
type network struct {
	mu       sync.Mutex
	listener *pipeListener
	conns    []net.Conn
	dials    int
}

type pipeListener struct {
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

func (n *network) listen() net.Listener {
	l := &pipeListener{accept: make(chan net.Conn), closed: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listener = l
	return l
}

func (n *network) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	n.mu.Lock()
	l := n.listener
	n.dials++
	n.mu.Unlock()
	near, far := net.Pipe()
	select {
	case l.accept <- far:
	case <-l.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	n.mu.Lock()
	n.conns = append(n.conns, near)
	n.mu.Unlock()
	return near, nil
}

// cut breaks every connection that was made so far.
func (n *network) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.conns {
		_ = c.Close()
	}
	n.conns = nil
}

// dialled is how often someone tried to connect.
func (n *network) dialled() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dials
}

func (n *network) options() signal.Options { return signal.Options{NetDialContext: n.dial} }

// serve runs a matchmaker on the network until the test ends or stop is called.
func serve(t *testing.T, n *network, opts matchmaker.Options) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	l := n.listen()
	go func() { done <- matchmaker.New(opts).Serve(ctx, l) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
}

func names(list ...string) func() (string, error) {
	return func() (string, error) {
		name := list[0]
		if len(list) > 1 {
			list = list[1:]
		}
		return name, nil
	}
}

func open(t *testing.T, n *network, rooms ...string) *signal.Host {
	t.Helper()
	h, err := signal.Open(t.Context(), signal.HostConfig{Server: "ws://m", Draw: names(rooms...), Options: n.options()})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return h
}

func next[E signal.Event](t *testing.T, h *signal.Host) E {
	t.Helper()
	e, ok := <-h.Events()
	got, isE := e.(E)
	if !ok || !isE {
		t.Fatalf("event: got %T %+v, want %T", e, e, got)
	}
	return got
}

func TestConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		defer serve(t, n, matchmaker.Options{})()
		h := open(t, n, "A4X9")
		defer h.Close()
		g, err := signal.KnockAt(t.Context(), signal.GuestConfig{Server: "http://m/", Room: "A4X9", Options: n.options()})
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		peer := next[signal.Knock](t, h).Peer
		if err := h.Send(peer, []byte("greet")); err != nil {
			t.Fatal(err)
		}
		if got, err := g.Recv(t.Context()); string(got) != "greet" || err != nil {
			t.Errorf("guest received %q, %v, want greet", got, err)
		}
		if err := g.Send([]byte("share")); err != nil {
			t.Fatal(err)
		}
		if m := next[signal.Message](t, h); string(m.Data) != "share" || m.Peer != peer {
			t.Errorf("host received %+v, want share from %s", m, peer)
		}
		g.Close()
		if gone := next[signal.Gone](t, h); gone.Peer != peer {
			t.Errorf("gone: got %s, want %s", gone.Peer, peer)
		}
	})
}

// A distant connection takes what is written at once and delivers it later, as TCP does, the end included.
type distant struct {
	net.Conn
	out  chan []byte
	once sync.Once
}

func newDistant(c net.Conn) *distant {
	d := &distant{Conn: c, out: make(chan []byte, 100)}
	go func() { // ends with Close
		defer c.Close()
		for b := range d.out {
			time.Sleep(10 * time.Millisecond) // virtual: in a bubble
			if _, err := c.Write(b); err != nil {
				return
			}
		}
	}()
	return d
}

func (d *distant) Write(b []byte) (int, error) {
	d.out <- slices.Clone(b)
	return len(b), nil
}

func (d *distant) Close() error {
	d.once.Do(func() { close(d.out) })
	return d.Conn.SetReadDeadline(time.Unix(1, 0))
}

// What a host says last reaches the guest, though the host ends its own matchmaker right after.
func TestLastWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		stop := serve(t, n, matchmaker.Options{})
		slow := signal.Options{NetDialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := n.dial(ctx, network, address)
			return newDistant(c), err
		}}
		h, err := signal.Open(t.Context(), signal.HostConfig{Server: "ws://m", Draw: names("A4X9"), Options: slow})
		if err != nil {
			t.Fatal(err)
		}
		g, err := knock(n, "A4X9")
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		peer := next[signal.Knock](t, h).Peer
		const words = 20
		for i := range words {
			if err := h.Send(peer, []byte{byte(i)}); err != nil {
				t.Fatal(err)
			}
		}
		h.Close()
		stop()
		for i := range words {
			if got, err := g.Recv(t.Context()); len(got) != 1 || got[0] != byte(i) || err != nil {
				t.Fatalf("word %d: got %v, %v", i, got, err)
			}
		}
		if _, err := g.Recv(t.Context()); !errors.Is(err, signal.ErrGone) {
			t.Errorf("after the last: got %v, want ErrGone", err)
		}
	})
}
