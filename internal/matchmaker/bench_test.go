package matchmaker

import (
	"context"
	"net"
	"runtime"
	"testing"

	"earshot/protocol/wire"
)

// BenchmarkIdleSocket reports what the server keeps for an idle host, in bytes of heap and stack. The clients are bare
// TCP connections after the handshake, so that little of the figure is theirs.
func BenchmarkIdleSocket(b *testing.B) {
	const sockets = 1000
	for b.Loop() {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		s := New(Options{})
		ctx, cancel := context.WithCancel(b.Context())
		done := make(chan error, 1)
		go func() { done <- s.Serve(ctx, l) }()
		before := inUse()
		conns := make([]net.Conn, sockets)
		for i := range conns {
			conns[i] = rawHost(b, s, l.Addr().String())
		}
		b.ReportMetric(float64(inUse()-before)/sockets, "B/socket")
		b.ReportMetric(float64(runtime.NumGoroutine())/sockets, "goroutines/socket")
		for _, c := range conns {
			_ = c.Close()
		}
		cancel()
		<-done
	}
}

func rawHost(b *testing.B, s *Server, address string) net.Conn {
	s.mu.Lock()
	clear(s.nearby) // all come from one address
	clear(s.buckets)
	s.mu.Unlock()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	room := upper(newPeer()[:wire.RoomSymbols])
	m := `{"type":"open","room":"` + room + `","owner":"` + testOwner + `"}`
	frame := append([]byte{0x81, 0x80 | byte(len(m)), 0, 0, 0, 0}, m...) // RFC 6455 section 5.2, masked with zeros
	buf := make([]byte, 1024)
	for _, out := range []string{"GET /ws HTTP/1.1\r\nHost: m\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", string(frame)} {
		if _, err := conn.Write([]byte(out)); err != nil {
			b.Fatal(err)
		}
		n, err := conn.Read(buf)
		if err != nil || n == 0 {
			b.Fatal(err)
		}
	}
	return conn
}

// upper turns a peer's symbols into a room's.
func upper(s string) string {
	out := []byte(s)
	for i, c := range out {
		if c >= 'a' {
			out[i] = "ABCDEFGHJKMNPQRSTVWXYZ"[c-'a']
		}
	}
	return string(out)
}

// inUse collects several times: each collection halves a stack that has become too large, as those of readers have after
// a message; the runtime does it every two minutes in an idle process.
func inUse() uint64 {
	for range 5 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
