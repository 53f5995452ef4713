package daemon

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/logging"
	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/vnet"
)

// virtualNetwork is machines behind one router, for the packets of links, and the connections between them to
// matchmakers. It lives in a bubble.
type virtualNetwork struct {
	router *vnet.Router

	lost      atomic.Int32 // of 100 packets
	reordered atomic.Bool
	mu        sync.Mutex
	draws     *rand.Rand
	away      map[string]bool // machines that nothing reaches or leaves
	servers   map[string]*memory
	conns     map[net.Conn]string // what a machine has to other machines' matchmakers
	machines  int
}

func newVirtualNetwork(t testing.TB) *virtualNetwork {
	t.Helper()
	router, err := vnet.NewRouter(&vnet.RouterConfig{
		CIDR: "10.0.0.0/24", MinDelay: 10 * time.Millisecond, LoggerFactory: logging.NewDefaultLoggerFactory(),
	})
	if err != nil {
		t.Fatal(err)
	}
	n := &virtualNetwork{router: router, draws: rand.New(rand.NewPCG(1, 2)), away: map[string]bool{},
		servers: map[string]*memory{}, conns: map[net.Conn]string{}}
	router.AddChunkFilter(n.passes)
	if err := router.Start(); err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *virtualNetwork) draw(below int) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.draws.IntN(below)
}

func (n *virtualNetwork) passes(c vnet.Chunk) bool {
	from, _, _ := strings.Cut(c.SourceAddr().String(), ":")
	to, _, _ := strings.Cut(c.DestinationAddr().String(), ":")
	return !n.isAway(from) && !n.isAway(to) && n.draw(100) >= int(n.lost.Load())
}

func (n *virtualNetwork) isAway(machine string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.away[machine]
}

// setAway takes a machine off the network or brings it back. What it has open to matchmakers breaks.
func (n *virtualNetwork) setAway(machine string, away bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.away[machine] = away
	for c, of := range n.conns {
		if of == machine || strings.HasPrefix(c.RemoteAddr().String(), machine+":") {
			_ = c.Close()
			delete(n.conns, c)
		}
	}
}

// join adds a machine and gives its address and what its daemon takes for the world.
func (n *virtualNetwork) join(t testing.TB) (address string, world Network) {
	t.Helper()
	n.machines++
	address = fmt.Sprintf("10.0.0.%d", n.machines)
	inner, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{address}})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.router.AddNet(inner); err != nil {
		t.Fatal(err)
	}
	here := func(port string) string { return address + ":" + port }
	return address, Network{
		Editors: newMemory(&net.UnixAddr{Name: address, Net: "unix"}),
		Peer:    &shuffledNet{inner, n},
		Dial: func(ctx context.Context, _, to string) (net.Conn, error) {
			host, port, err := net.SplitHostPort(to)
			if err != nil {
				return nil, err
			}
			if host == "127.0.0.1" {
				to = here(port)
			}
			return n.dial(ctx, address, to)
		},
		Listen: func(string) ([]net.Listener, string, string, error) {
			l := newMemory(&net.TCPAddr{IP: net.ParseIP(address), Port: 47300})
			n.mu.Lock()
			n.servers[here("47300")] = l
			n.mu.Unlock()
			return []net.Listener{l}, "ws://127.0.0.1:47300", "ws://" + here("47300"), nil
		},
	}
}

func (n *virtualNetwork) dial(ctx context.Context, from, to string) (net.Conn, error) {
	host, _, _ := strings.Cut(to, ":")
	n.mu.Lock()
	l := n.servers[to]
	n.mu.Unlock()
	if l == nil || host != from && (n.isAway(from) || n.isAway(host)) {
		return nil, errors.New("no route to host")
	}
	c, err := l.dial(ctx)
	if err != nil || host == from {
		return c, err
	}
	c = &farConn{c, to}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conns[c] = from
	return c, nil
}

func (n *virtualNetwork) stop(t testing.TB) {
	t.Helper()
	if err := n.router.Stop(); err != nil {
		t.Error(err)
	}
}

// farConn knows where it leads.
type farConn struct {
	net.Conn
	to string
}

func (c *farConn) RemoteAddr() net.Addr {
	a, _ := net.ResolveTCPAddr("tcp", c.to) // a literal
	return a
}

// shuffledNet sends packets late by chance, so that they overtake each other: vnet's own jitter sleeps with a lock held,
// which stops a bubble's clock.
type shuffledNet struct {
	*vnet.Net
	n *virtualNetwork
}

func (s *shuffledNet) ListenUDP(network string, at *net.UDPAddr) (transport.UDPConn, error) {
	c, err := s.Net.ListenUDP(network, at)
	if err != nil {
		return nil, err
	}
	return &shuffledConn{c, s.n}, nil
}

type shuffledConn struct {
	transport.UDPConn
	n *virtualNetwork
}

// mostLate is how late a packet may be while packets are reordered: several follow each other in that time.
const mostLate = 40 * time.Millisecond

func (c *shuffledConn) WriteTo(b []byte, to net.Addr) (int, error) {
	if !c.n.reordered.Load() {
		return c.UDPConn.WriteTo(b, to)
	}
	late := time.Duration(c.n.draw(int(mostLate)))
	b = append([]byte(nil), b...)
	time.AfterFunc(late, func() { _, _ = c.UDPConn.WriteTo(b, to) }) // as lost as any other packet if it is closed
	return len(b), nil
}
