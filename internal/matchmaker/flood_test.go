package matchmaker

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"earshot/internal/threat"
	"earshot/protocol/wire"
)

// floodedServer in the environment makes the test binary the server that TestG4Flood floods: a process of its own, whose
// memory is all the server's.
const floodedServer = "EARSHOT_TEST_FLOODED_SERVER"

// TestFloodedServer is that process: it writes its address, and for each line that it reads its memory.
func TestFloodedServer(t *testing.T) {
	if os.Getenv(floodedServer) == "" {
		t.Skip("it is run by TestG4Flood, as a process of its own")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- New(Options{}).Serve(ctx, l) }() // ends with the input
	fmt.Printf("address %s\n", l.Addr())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Printf("memory %d\n", m.Sys-m.HeapReleased)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// flooded is the server's process as the test sees it.
type flooded struct {
	address string
	ask     func() (memory int)
}

func startFlooded(t *testing.T) flooded {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^TestFloodedServer$")
	c.Env = append(os.Environ(), floodedServer+"=1")
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	next := func(word string) string {
		t.Helper()
		for lines.Scan() {
			if value, ok := strings.CutPrefix(lines.Text(), word+" "); ok {
				return value
			}
		}
		t.Fatalf("the server said no %s", word)
		return ""
	}
	t.Cleanup(func() {
		_ = in.Close()
		for lines.Scan() {
		}
		if err := c.Wait(); err != nil {
			t.Errorf("the flooded server: %v", err)
		}
	})
	return flooded{next("address"), func() int {
		if _, err := fmt.Fprintln(in); err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(next("memory"))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}}
}

// from dials from one of the addresses of this machine's loopback, which are many.
func (f flooded) from(stranger int) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, byte(1+stranger>>16), byte(stranger>>8), byte(stranger))}}
	return d.Dial("tcp", f.address)
}

// socket is a WebSocket from one of them.
func (f flooded) socket(stranger int) (*websocket.Conn, error) {
	d := websocket.Dialer{NetDialContext: func(context.Context, string, string) (net.Conn, error) { return f.from(stranger) }}
	ws, _, err := d.Dial("ws://"+f.address+"/ws", nil)
	return ws, err
}

// asks says one thing and wants one answer.
func asks(ws *websocket.Conn, e wire.Envelope, want wire.EnvelopeType) error {
	m, err := e.Encode()
	if err != nil {
		return err
	}
	if err := ws.WriteMessage(websocket.TextMessage, m); err != nil {
		return err
	}
	_, m, err = ws.ReadMessage()
	if err != nil {
		return err
	}
	if got, err := wire.DecodeFromMatchmaker(m); err != nil || got.Type != want {
		return fmt.Errorf("heard %s, %v, want %s", m, err, want)
	}
	return nil
}

// TestG4Flood: with thousands of idle hosts, thousands who send their request a byte at a time, and some who send garbage
// as fast as they can, every honest guest is heard, and the server's memory stays within what its limits add up to.
func TestG4Flood(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("strangers of many addresses on one machine need Linux, where all of 127.0.0.0/8 is loopback")
	}
	f := startFlooded(t)
	idle, slow, joins := threat.Times(200, 9000), threat.Times(100, 5000), threat.Times(200, 10_000)
	const perAddress = 25 // sockets; each opens a room, and 30 requests a minute are one address's
	rooms := make([]string, idle)
	all := make([]*websocket.Conn, idle)
	each(t, idle, func(i int) error {
		ws, err := f.socket(1000 + i/perAddress)
		if err != nil {
			return err
		}
		all[i], rooms[i] = ws, roomName(i)
		return asks(ws, wire.Envelope{Type: wire.EnvelopeOpen, Room: rooms[i], Owner: testOwner}, wire.EnvelopeOpened)
	})
	afterIdle := f.ask()

	stop := make(chan struct{})
	var strangers sync.WaitGroup
	var cut, garbage atomic.Int64
	strangers.Go(func() { // those who are slow: each is cut after five seconds, and comes again
		conns := make([]net.Conn, slow)
		for i := 0; ; i = (i + 1) % slow {
			select {
			case <-stop:
				for _, c := range conns {
					if c != nil {
						_ = c.Close()
					}
				}
				return
			default:
			}
			if conns[i] != nil {
				if _, err := conns[i].Write([]byte("G")); err == nil {
					continue
				}
				_ = conns[i].Close()
				cut.Add(1)
			}
			conns[i], _ = f.from(20_000 + i/50) // or it is refused: nil is tried again
			if conns[i] != nil {
				_, _ = conns[i].Write([]byte("GET /ws HT"))
			}
		}
	})
	strangers.Go(func() { // those who send garbage: each is sent away, and comes again
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			ws, err := f.socket(40_000 + i%2000)
			if err != nil {
				continue // refused
			}
			_ = ws.WriteMessage(websocket.TextMessage, []byte(`{"type":"`))
			garbage.Add(1)
			_ = ws.Close()
		}
	})
	took := make([]time.Duration, joins)
	each(t, joins, func(i int) error {
		began := time.Now()
		ws, err := f.socket(60_000 + i/20)
		if err != nil {
			return fmt.Errorf("join %d: %w", i, err)
		}
		defer ws.Close()
		err = asks(ws, wire.Envelope{Type: wire.EnvelopeKnock, Room: rooms[i%idle]}, wire.EnvelopeKnocked)
		took[i] = time.Since(began)
		return err
	})
	memory := f.ask()
	close(stop)
	strangers.Wait()
	if memory > 512<<20 {
		t.Errorf("the server has %d MB", memory>>20)
	}
	ws, err := f.socket(99_000)
	if err != nil {
		t.Fatalf("after the flood: %v", err)
	}
	if err := asks(ws, wire.Envelope{Type: wire.EnvelopeAsk, Room: rooms[0]}, wire.EnvelopeKnown); err != nil {
		t.Errorf("after the flood: %v", err)
	}
	_ = ws.Close()
	for _, ws := range all {
		_ = ws.Close()
	}
	slices.Sort(took)
	t.Logf("%d idle, %d slow (%d cut), %d of garbage; %d joins: median %v, 99 of 100 within %v; memory %d MB idle, %d MB flooded",
		idle, slow, cut.Load(), garbage.Load(), joins, took[joins/2], took[joins*99/100], afterIdle>>20, memory>>20)
}

// each does something so many times, sixteen beside each other, and stops at the first error.
func each(t *testing.T, n int, do func(i int) error) {
	t.Helper()
	var next atomic.Int64
	var failed sync.Once
	var failure error
	var work sync.WaitGroup
	for range 16 {
		work.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := do(i); err != nil {
					failed.Do(func() { failure = err })
					return
				}
			}
		})
	}
	work.Wait()
	if failure != nil {
		t.Fatal(failure)
	}
}

// roomName is the n-th name of a room.
func roomName(n int) string {
	const symbols = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	return string([]byte{symbols[n>>15&31], symbols[n>>10&31], symbols[n>>5&31], symbols[n&31]})
}
