package rpc

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"earshot/protocol"
)

// recorder is a daemon that writes down what it is told, one line each, and can do something about it.
type recorder struct {
	lines chan string
	call  func(c *Conn, id protocol.RequestID, p protocol.DaemonParams)
}

func newRecorder() *recorder { return &recorder{lines: make(chan string, 1<<16)} }

func (r *recorder) Opened(c *Conn) { r.lines <- fmt.Sprintf("opened %d", c.ID()) }

func (r *recorder) Call(c *Conn, id protocol.RequestID, p protocol.DaemonParams) {
	line := "call " + p.Method()
	if id != "" {
		line += " " + string(id)
	}
	if p, ok := p.(*protocol.DidChangeTextDocumentParams); ok {
		line += fmt.Sprintf(" v%d", p.TextDocument.Version)
	}
	r.lines <- line
	if r.call != nil {
		r.call(c, id, p)
	}
}

func (r *recorder) Answer(_ *Conn, call uint64, result any, err *protocol.Error) {
	text, _ := json.Marshal(result)
	if err != nil {
		text = []byte(err.Message)
	}
	r.lines <- fmt.Sprintf("answer %d %s", call, text)
}

func (r *recorder) Closed(_ *Conn, err error) { r.lines <- fmt.Sprintf("closed %v", err) }

// want takes the next lines and compares them.
func (r *recorder) want(t *testing.T, lines ...string) {
	t.Helper()
	for _, want := range lines {
		select {
		case got := <-r.lines:
			if got != want {
				t.Fatalf("got %q, want %q", got, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("nothing came, want %q", want)
		}
	}
}

// serve runs a daemon on a socket of its own; at the end of the test it has gone without leaving a goroutine.
func serve(t *testing.T, h Handler) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "d.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, l, h)
	return path
}

func serveOn(t *testing.T, l net.Listener, h Handler) {
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error)
	go func() { served <- Serve(ctx, l, h, zap.NewNop()) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

func dial(t *testing.T, path string) net.Conn {
	t.Helper()
	nc, err := Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return nc
}

// memoryListener gives connections that are put into it.
type memoryListener struct {
	conns chan net.Conn
	once  sync.Once
	end   chan struct{}
}

func newMemoryListener() *memoryListener {
	return &memoryListener{conns: make(chan net.Conn), end: make(chan struct{})}
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.end:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error {
	l.once.Do(func() { close(l.end) })
	return nil
}

func (l *memoryListener) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }

// session of both ends: what each promises to the other.
func conversation(t *testing.T, r *recorder, nc net.Conn) {
	r.call = func(c *Conn, id protocol.RequestID, p protocol.DaemonParams) {
		switch p.(type) {
		case *protocol.ListSessionsParams:
			c.Reply(id, protocol.ListSessionsResult{})
		case *protocol.InviteParams:
			c.ReplyError(id, protocol.Errorf(protocol.NotHost, "no host"))
		case *protocol.InitializedParams:
			c.Call(0, &protocol.ApplyWorkspaceEditParams{})
		}
	}
	client := Connect(t.Context(), nc, Answering(yes{}))
	var result json.RawMessage
	if err := client.Call(t.Context(), "session/list", nil, &result); err != nil || string(result) != `{"sessions":[]}` {
		t.Errorf("got %s, %v, want an empty list", result, err)
	}
	err := client.Call(t.Context(), "session/invite", &protocol.InviteParams{Session: "s"}, nil)
	if protocol.KindOf(err) != protocol.NotHost || err.Error() != "no host" {
		t.Errorf("got %v, want notHost", err)
	}
	if err := client.Notify("initialized", nil); err != nil {
		t.Error(err)
	}
	r.want(t, "opened 1", "call session/list 1", "call session/invite 2", "call initialized",
		`answer 0 {"applied":true}`)
	client.Close()
	r.want(t, "closed <nil>")
	<-client.Done()
}

func TestConversation(t *testing.T) {
	r := newRecorder()
	conversation(t, r, dial(t, serve(t, r)))
}

// TestVirtualTime runs the same over net.Pipe in a bubble, as the daemon's scenarios do.
func TestVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := newRecorder(), newMemoryListener()
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error)
		go func() { served <- Serve(ctx, l, r, zap.NewNop()) }()
		ours, theirs := net.Pipe()
		l.conns <- ours
		conversation(t, r, theirs)
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

// yes is an editor that applies everything.
type yes struct{ protocol.Editor }

func (yes) ApplyEdit(*protocol.ApplyWorkspaceEditParams) protocol.ApplyWorkspaceEditResult {
	return protocol.ApplyWorkspaceEditResult{Applied: true}
}
