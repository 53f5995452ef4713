package signal_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"earshot/internal/introduction"
	"earshot/internal/matchmaker"
	"earshot/internal/signal"
	"earshot/protocol/wire"
)

func knock(n *network, room string) (*signal.Guest, error) {
	return signal.KnockAt(context.Background(), signal.GuestConfig{Server: "ws://m", Room: room, Options: n.options()})
}

// A name that is taken is drawn again; with none free the server is full.
func TestDraw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		defer serve(t, n, matchmaker.Options{})()
		first := open(t, n, "A4X9")
		defer first.Close()
		second := open(t, n, "A4X9", "A4X9", "B4X9")
		defer second.Close()
		if second.Room() != "B4X9" || second.Server() != "ws://m" {
			t.Errorf("room: got %s at %s, want B4X9", second.Room(), second.Server())
		}
		_, err := signal.Open(t.Context(), signal.HostConfig{Server: "ws://m", Draw: names("A4X9"), Options: n.options()})
		if !errors.Is(err, signal.ErrServerFull) {
			t.Errorf("always taken: got %v, want ErrServerFull", err)
		}
		broken := errors.New("no entropy")
		_, err = signal.Open(t.Context(), signal.HostConfig{
			Server: "ws://m", Draw: func() (string, error) { return "", broken }, Options: n.options(),
		})
		if !errors.Is(err, broken) {
			t.Errorf("draw fails: got %v", err)
		}
	})
}

// The host comes back under its name after its connection broke, and after the matchmaker was away.
func TestM11ComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		stop := serve(t, n, matchmaker.Options{})
		h := open(t, n, "A4X9")
		defer h.Close()
		g, err := knock(n, "A4X9")
		if err != nil {
			t.Fatal(err)
		}
		peer := next[signal.Knock](t, h).Peer
		n.cut()
		if gone := next[signal.Gone](t, h); gone.Peer != peer {
			t.Errorf("gone: %s, want %s", gone.Peer, peer)
		}
		if lost := next[signal.Lost](t, h); !errors.Is(lost.Err, signal.ErrUnreachable) {
			t.Errorf("lost: %v", lost.Err)
		}
		if err := h.Send(peer, []byte("x")); !errors.Is(err, signal.ErrAway) {
			t.Errorf("send while away: got %v, want ErrAway", err)
		}
		if _, err := g.Recv(t.Context()); err == nil {
			t.Error("the guest received something")
		}
		g.Close()
		next[signal.Back](t, h)

		stop()
		next[signal.Lost](t, h)
		time.Sleep(time.Hour)
		before := n.dialled()
		time.Sleep(time.Minute)
		if tries := n.dialled() - before; tries < 60/15 || tries > 60/10 {
			t.Errorf("%d tries in a minute, want one every 10 to 15 seconds", tries)
		}
		defer serve(t, n, matchmaker.Options{})()
		next[signal.Back](t, h)
		g, err = knock(n, h.Room())
		if err != nil {
			t.Fatalf("knock after the matchmaker's restart: %v", err)
		}
		defer g.Close()
		next[signal.Knock](t, h)
	})
}

// Someone else got the name while the matchmaker was away: the host ends, and says so.
func TestRoomLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		stop := serve(t, n, matchmaker.Options{})
		var cutOff atomic.Bool
		h, err := signal.Open(t.Context(), signal.HostConfig{Server: "ws://m", Draw: names("A4X9"), Options: signal.Options{
			NetDialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				if cutOff.Load() {
					return nil, errors.New("network is unreachable")
				}
				return n.dial(ctx, network, address)
			},
		}})
		if err != nil {
			t.Fatal(err)
		}
		cutOff.Store(true)
		stop()
		next[signal.Lost](t, h)
		defer serve(t, n, matchmaker.Options{})()
		other := open(t, n, "A4X9")
		defer other.Close()
		cutOff.Store(false)
		if ended := next[signal.Ended](t, h); !errors.Is(ended.Err, signal.ErrRoomLost) {
			t.Errorf("ended: %v", ended.Err)
		}
		if e, ok := <-h.Events(); ok {
			t.Errorf("an event after the last: %T", e)
		}
		h.Close()
		h.Close()
	})
}

func TestGuestErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		defer serve(t, n, matchmaker.Options{})()
		check := func(err error, want error) {
			t.Helper()
			if !errors.Is(err, want) || !strings.Contains(err.Error(), "ws://m") {
				t.Errorf("got %v, want %v with the server's name", err, want)
			}
		}
		_, err := knock(n, "A4X9")
		check(err, signal.ErrNoSuchRoom)
		_, err = knock(n, "not a room")
		check(err, signal.ErrRefused)
		for range matchmaker.RequestsPerMinute {
			_, err = knock(n, "A4X9")
		}
		check(err, signal.ErrRateLimited)
		_, err = signal.KnockAt(t.Context(), signal.GuestConfig{Server: "nonsense", Room: "A4X9"})
		if !errors.Is(err, introduction.ErrBadServer) {
			t.Errorf("nonsense: got %v, want ErrBadServer", err)
		}
	})
}

// A server that is not there, one that says nothing, and one that is no matchmaker.
func TestUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		_ = n.listen().Close()
		if _, err := knock(n, "A4X9"); !errors.Is(err, signal.ErrUnreachable) || !strings.Contains(err.Error(), "ws://m") {
			t.Errorf("nobody there: got %v, want ErrUnreachable", err)
		}
		l := n.listen()
		defer l.Close()
		go func() { // ends with l
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() { _, _ = io.Copy(io.Discard, c) }() // ends with the client's connection
			}
		}()
		began := time.Now()
		if _, err := knock(n, "A4X9"); !errors.Is(err, signal.ErrTimeout) || time.Since(began) > signal.DialTime {
			t.Errorf("silence: got %v after %v, want ErrTimeout", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		_, err := signal.KnockAt(ctx, signal.GuestConfig{Server: "ws://m", Room: "A4X9", Options: n.options()})
		if err == nil || time.Since(began) > time.Second {
			t.Errorf("cancelled: got %v after %v", err, time.Since(began))
		}
	})
	for status, want := range map[int]error{
		429: signal.ErrRateLimited, 503: signal.ErrServerFull, 403: signal.ErrRefused, 404: signal.ErrUnreachable,
	} {
		url := answering(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		if _, err := signal.KnockAt(t.Context(), signal.GuestConfig{Server: url, Room: "A4X9"}); !errors.Is(err, want) {
			t.Errorf("status %d: got %v, want %v", status, err, want)
		}
	}
}

// answering is a real HTTP server on loopback.
func answering(t testing.TB, handle http.HandlerFunc) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: handle}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }() // ends with Close
	t.Cleanup(func() { _ = s.Close(); <-done })
	return "ws://" + l.Addr().String()
}

// What the host said before it ended is still delivered, and then the guest is told.
func TestGoneAfterTheLastWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		defer serve(t, n, matchmaker.Options{})()
		h := open(t, n, "A4X9")
		g, err := knock(n, "A4X9")
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		peer := next[signal.Knock](t, h).Peer
		for _, word := range []string{"one", "two"} {
			if err := h.Send(peer, []byte(word)); err != nil {
				t.Fatal(err)
			}
		}
		h.Close()
		synctest.Wait()
		for _, want := range []string{"one", "two"} {
			if got, err := g.Recv(t.Context()); string(got) != want || err != nil {
				t.Errorf("got %q, %v, want %q", got, err, want)
			}
		}
		if _, err := g.Recv(t.Context()); !errors.Is(err, signal.ErrGone) {
			t.Errorf("after the end: got %v, want ErrGone", err)
		}
		if err := h.Send(peer, []byte("x")); !errors.Is(err, signal.ErrClosed) {
			t.Errorf("send after Close: got %v, want ErrClosed", err)
		}
		g.Close()
		if err := g.Send([]byte("x")); !errors.Is(err, signal.ErrClosed) {
			t.Errorf("guest's send after Close: got %v, want ErrClosed", err)
		}
		if _, err := knock(n, "A4X9"); !errors.Is(err, signal.ErrNoSuchRoom) {
			t.Errorf("knock after Close: got %v, want ErrNoSuchRoom", err)
		}
	})
}

func TestDrop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		defer serve(t, n, matchmaker.Options{})()
		h := open(t, n, "A4X9")
		defer h.Close()
		g, err := knock(n, "A4X9")
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		peer := next[signal.Knock](t, h).Peer
		if err := h.Drop(peer); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Recv(t.Context()); !errors.Is(err, signal.ErrGone) {
			t.Errorf("the guest: got %v, want ErrGone", err)
		}
		if gone := next[signal.Gone](t, h); gone.Peer != peer {
			t.Errorf("gone: %s, want %s", gone.Peer, peer)
		}
	})
}

func TestSizes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		defer serve(t, n, matchmaker.Options{})()
		h := open(t, n, "A4X9")
		defer h.Close()
		g, err := knock(n, "A4X9")
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		next[signal.Knock](t, h)
		if err := g.Send(make([]byte, wire.MaxRelayData+1)); !errors.Is(err, wire.ErrBadEnvelope) {
			t.Errorf("one byte too many: got %v, want ErrBadEnvelope", err)
		}
		if err := g.Send(make([]byte, introduction.MaxSealed)); err != nil {
			t.Fatal(err)
		}
		if m := next[signal.Message](t, h); len(m.Data) != introduction.MaxSealed {
			t.Errorf("received %d bytes", len(m.Data))
		}
	})
}

// A network that takes nothing: Send says so instead of waiting, and Close does not wait long.
func TestFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		stuck := serveRaw(t, n, func(ws *websocket.Conn) {
			_, _, _ = ws.ReadMessage()
			_ = ws.WriteMessage(websocket.TextMessage, []byte(`{"type":"knocked"}`))
		})
		defer stuck()
		g, err := knock(n, "A4X9")
		if err != nil {
			t.Fatal(err)
		}
		err = nil
		for i := 0; err == nil && i < 1000; i++ {
			err = g.Send([]byte("x"))
		}
		if !errors.Is(err, signal.ErrFull) {
			t.Errorf("got %v, want ErrFull", err)
		}
		began := time.Now()
		g.Close()
		if waited := time.Since(began); waited > 3*time.Second {
			t.Errorf("close took %v", waited)
		}
	})
}

// A matchmaker that is silent for a minute is taken for dead.
func TestM8Silence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		defer serveRaw(t, n, func(ws *websocket.Conn) {
			_, _, _ = ws.ReadMessage()
			_ = ws.WriteMessage(websocket.TextMessage, []byte(`{"type":"knocked"}`))
		})()
		g, err := knock(n, "A4X9")
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		began := time.Now()
		if _, err := g.Recv(t.Context()); !errors.Is(err, signal.ErrUnreachable) || time.Since(began) != time.Minute {
			t.Errorf("got %v after %v, want ErrUnreachable after a minute", err, time.Since(began))
		}
	})
}

// serveRaw accepts WebSockets and does with each what the test wants; they stay open until the end.
func serveRaw(t testing.TB, n *network, do func(*websocket.Conn)) (stop func()) {
	t.Helper()
	l := n.listen()
	end := make(chan struct{})
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer ws.Close()
		do(ws)
		<-end
	})}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }() // ends with stop
	return func() {
		close(end)
		_ = s.Close()
		<-done
	}
}

// A hostile matchmaker: whatever it sends, nothing panics and everything ends.
func FuzzMatchmaker(f *testing.F) {
	f.Add([]byte(`{"type":"opened"}`), []byte(`{"type":"knock","peer":"0123456789"}`), byte(1))
	f.Add([]byte(`{"type":"knocked"}`), []byte(`{"type":"relay","data":"aGk="}`), byte(1))
	f.Add([]byte(`{"type":"error","kind":"roomTaken"}`), []byte(`{"type":"gone"}`), byte(2))
	f.Add([]byte(`{"type":"opened","iceServers":[{"urls":["stun:h"]}]}`), []byte(`{`), byte(1))
	f.Fuzz(func(t *testing.T, first, second []byte, kind byte) {
		synctest.Test(t, func(t *testing.T) {
			n := &network{}
			defer serveRaw(t, n, func(ws *websocket.Conn) {
				_, _, _ = ws.ReadMessage()
				_ = ws.WriteMessage(websocket.TextMessage, first)
				_ = ws.WriteMessage(int(kind%2)+1, second)
				_, _ = ws.NetConn().Write(second) // and what is no frame at all
			})()
			if h, err := signal.Open(t.Context(), signal.HostConfig{Server: "ws://m", Draw: names("A4X9"), Options: n.options()}); err == nil {
				synctest.Wait()
				h.Close()
				for range h.Events() {
				}
			}
			if g, err := knock(n, "A4X9"); err == nil {
				synctest.Wait()
				g.Close()
				for err == nil {
					_, err = g.Recv(t.Context())
				}
			}
		})
	})
}

// A host is not made to remember a crowd, nor told of guests that never knocked.
func TestM8HostileKnocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		defer serveRaw(t, n, func(ws *websocket.Conn) {
			_, _, _ = ws.ReadMessage()
			for _, m := range []string{
				`{"type":"opened"}`, `{"type":"relay","peer":"aaaaaaaaaa","data":"aGk="}`, `{"type":"gone","peer":"aaaaaaaaaa"}`,
				`{"type":"relay","data":"aGk="}`, `{"type":"opened"}`, `{"type":"known"}`, `{"type":"knock","peer":"bbbbbbbbbb"}`,
				`{"type":"knock","peer":"bbbbbbbbbb"}`, `{"type":"gone","peer":"bbbbbbbbbb"}`, `{"type":"gone","peer":"bbbbbbbbbb"}`,
			} {
				_ = ws.WriteMessage(websocket.TextMessage, []byte(m))
			}
		})()
		h := open(t, n, "A4X9")
		next[signal.Knock](t, h)
		next[signal.Gone](t, h)
		synctest.Wait()
		select {
		case e := <-h.Events():
			t.Errorf("one event too many: %T %+v", e, e)
		default:
		}
		h.Close()
	})
}

// A host remembers no more guests than it could ever have.
func TestM8Crowd(t *testing.T) {
	const crowd = 3000
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		defer serveRaw(t, n, func(ws *websocket.Conn) {
			_, _, _ = ws.ReadMessage()
			_ = ws.WriteMessage(websocket.TextMessage, []byte(`{"type":"opened"}`))
			for i := range crowd {
				_ = ws.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, `{"type":"knock","peer":"%010d"}`, i))
			}
			_ = ws.WriteMessage(websocket.TextMessage, []byte(`{"type":"error","kind":"serverFull"}`))
		})()
		h := open(t, n, "A4X9")
		defer h.Close()
		knocks := 0
		for e := range h.Events() {
			switch e := e.(type) {
			case signal.Knock:
				knocks++
				continue
			case signal.Gone:
				continue
			case signal.Lost:
				if !errors.Is(e.Err, signal.ErrServerFull) || knocks != 1024 {
					t.Errorf("lost: %v after %d knocks, want 1024", e.Err, knocks)
				}
			}
			break
		}
	})
}

// A message that announces a gigabyte ends the connection before any of it has come; the second is what gorilla takes to
// tell the other side, which does not read.
func TestM8HugeMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		defer serveRaw(t, n, func(ws *websocket.Conn) {
			_, _, _ = ws.ReadMessage()
			_ = ws.WriteMessage(websocket.TextMessage, []byte(`{"type":"knocked"}`))
			_, _ = ws.NetConn().Write([]byte{0x81, 127, 0, 0, 0, 0, 0x40, 0, 0, 0}) // RFC 6455 section 5.2
		})()
		g, err := knock(n, "A4X9")
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		began := time.Now()
		if _, err := g.Recv(t.Context()); !errors.Is(err, signal.ErrUnreachable) || time.Since(began) > time.Second {
			t.Errorf("got %v after %v, want the end at once", err, time.Since(began))
		}
	})
}

// Closing a guest that nobody listens to, with more in the way than it holds, ends it.
func TestM8CloseUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		defer serveRaw(t, n, func(ws *websocket.Conn) {
			_, _, _ = ws.ReadMessage()
			_ = ws.WriteMessage(websocket.TextMessage, []byte(`{"type":"knocked"}`))
			for range 1000 {
				if ws.WriteMessage(websocket.TextMessage, []byte(`{"type":"relay","data":"aGk="}`)) != nil {
					return
				}
			}
		})()
		g, err := knock(n, "A4X9")
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		g.Close()
		g.Close()
	})
}

func TestFindLocal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy, quiet := &network{}, &network{}
		defer serve(t, busy, matchmaker.Options{Reach: matchmaker.ReachLocal})()
		defer serve(t, quiet, matchmaker.Options{Reach: matchmaker.ReachLocal})()
		h, err := signal.Open(t.Context(), signal.HostConfig{Server: "ws://127.0.0.1:47303", Draw: names("A4X9"), Options: busy.options()})
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		opts := signal.Options{NetDialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			switch address {
			case "127.0.0.1:47301":
				return quiet.dial(ctx, network, address)
			case "127.0.0.1:47303":
				return busy.dial(ctx, network, address)
			case "127.0.0.1:47305": // a port that someone else has, and who never says anything
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return nil, errors.New("connection refused")
		}}
		began := time.Now()
		if server, err := signal.FindLocal(t.Context(), "A4X9", opts); server != "ws://127.0.0.1:47303" || err != nil || time.Since(began) > 0 {
			t.Errorf("got %q, %v after %v", server, err, time.Since(began))
		}
		if _, err := signal.FindLocal(t.Context(), "B4X9", opts); !errors.Is(err, signal.ErrNoLocalRoom) {
			t.Errorf("a room that nobody has: got %v, want ErrNoLocalRoom", err)
		}
		for range matchmaker.RequestsPerMinute { // of the one server alone: with the silent one each takes two seconds
			_, err = signal.FindLocal(t.Context(), "B4X9", signal.Options{NetDialContext: busy.dial})
		}
		if !errors.Is(err, signal.ErrRateLimited) {
			t.Errorf("asked too often: got %v, want ErrRateLimited", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := signal.FindLocal(ctx, "A4X9", opts); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: got %v", err)
		}
		select {
		case e := <-h.Events():
			t.Errorf("asking reached the host: %T", e)
		default:
		}
	})
}

// Over real sockets: a host's own matchmaker, found by its guest, and an introduction through it.
func TestRealSockets(t *testing.T) {
	listeners, port, err := matchmaker.ListenLocal()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- matchmaker.New(matchmaker.Options{Reach: matchmaker.ReachLocal}).Serve(ctx, listeners...)
	}()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	}()
	introduceOver(t, port)
}
