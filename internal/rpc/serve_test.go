package rpc

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"runtime"
	"strings"
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

func serveOn(t testing.TB, l net.Listener, h Handler) {
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error)
	go func() { served <- Serve(ctx, l, h, zap.NewNop()) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		checkLeaks(t)
	})
}

// checkLeaks waits until no goroutine of a connection is left, which jsonrpc2's own take a moment for, and
// names them if one stays.
func checkLeaks(t testing.TB) {
	stacks := make([]byte, 1<<20)
	var left string
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); runtime.Gosched() {
		left = ""
		for _, g := range strings.Split(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
			if strings.Contains(g, "rpc.(*outbox).run") || strings.Contains(g, "jsonrpc2.(*Conn)") ||
				strings.Contains(g, "jsonrpc2.NewConn") {
				left += g + "\n\n"
			}
		}
		if left == "" {
			return
		}
	}
	t.Errorf("goroutines are left:\n%s", left)
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

// TestOrder: changes and answers that the editor sends alternately arrive so, whatever their kind.
func TestOrder(t *testing.T) {
	const edits = 2000
	r := newRecorder()
	r.call = func(c *Conn, _ protocol.RequestID, p protocol.DaemonParams) {
		if _, ok := p.(*protocol.InitializedParams); !ok {
			return
		}
		for call := range uint64(edits) {
			c.Call(call, &protocol.ApplyWorkspaceEditParams{})
		}
	}
	client := Connect(t.Context(), dial(t, serve(t, r)), &reporting{})
	if err := client.Notify("initialized", nil); err != nil {
		t.Fatal(err)
	}
	r.want(t, "opened 1", "call initialized")
	for i := range edits {
		r.want(t, fmt.Sprintf("call textDocument/didChange v%d", i), fmt.Sprintf(`answer %d {"applied":true}`, i))
	}
}

// reporting is an editor that reports each edit before it answers.
type reporting struct{ version int }

func (e *reporting) Call(c *Client, id protocol.RequestID, _ protocol.EditorParams) {
	change := &protocol.DidChangeTextDocumentParams{}
	change.TextDocument.Version = e.version
	e.version++
	_ = c.Notify("textDocument/didChange", change)
	_ = c.Reply(id, protocol.ApplyWorkspaceEditResult{Applied: true})
}

func (*reporting) Closed(*Client, error) {}

// TestManySenders: messages of many goroutines don't mix, and each one's stay in order.
func TestManySenders(t *testing.T) {
	const senders, messages = 8, 500
	r := newRecorder()
	r.call = func(c *Conn, _ protocol.RequestID, _ protocol.DaemonParams) {
		for s := range senders {
			go func() { // ends with its messages, which never wait
				for i := range messages {
					c.Notify(&protocol.ShowMessageParams{Type: protocol.MessageType(s + 1), Message: fmt.Sprint(i)})
				}
			}()
		}
	}
	got := make(chan *protocol.ShowMessageParams, senders*messages)
	client := Connect(t.Context(), dial(t, serve(t, r)), heard(got))
	if err := client.Notify("initialized", nil); err != nil {
		t.Fatal(err)
	}
	next := map[protocol.MessageType]int{}
	for range senders * messages {
		m := <-got
		if want := fmt.Sprint(next[m.Type]); m.Message != want {
			t.Fatalf("sender %d: got %s, want %s", m.Type, m.Message, want)
		}
		next[m.Type]++
	}
}

type heard chan *protocol.ShowMessageParams

func (h heard) Call(_ *Client, _ protocol.RequestID, p protocol.EditorParams) {
	h <- p.(*protocol.ShowMessageParams)
}

func (heard) Closed(*Client, error) {}

// TestSlowReader: an editor that stops reading is disconnected when the backlog is full, and the sender never
// waited.
func TestSlowReader(t *testing.T) {
	r := newRecorder()
	r.call = func(c *Conn, _ protocol.RequestID, _ protocol.DaemonParams) {
		if err := c.link.out.put(make([]byte, MaxBacklog)); err != nil {
			t.Error(err)
		}
		for range 3 {
			c.Notify(&protocol.ShowMessageParams{Message: "one more"})
		}
	}
	nc := dial(t, serve(t, r))
	if _, err := nc.Write(frame(`{"jsonrpc":"2.0","method":"initialized"}`)); err != nil {
		t.Fatal(err)
	}
	r.want(t, "opened 1", "call initialized", "closed "+ErrSlow.Error())
}

// TestBacklogHoldsItsBound: what fits is kept, whatever the other end does.
func TestBacklogHoldsItsBound(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	o := newOutbox(ours)
	body := make([]byte, MaxBacklog)
	for i, want := range []error{nil, ErrSlow, errOutboxClosed} {
		if err := o.put(body); err != want {
			t.Errorf("message %d: got %v, want %v", i, err, want)
		}
	}
	go o.run()
	<-o.done
}

// TestOutboxBatches: what was queued goes out as one write, and close waits for it, but not for ever.
func TestOutboxBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		o := newOutbox(ours)
		for range 3 {
			if err := o.put([]byte("{}")); err != nil {
				t.Fatal(err)
			}
		}
		go o.run()
		buffer := make([]byte, 1<<10)
		n, err := theirs.Read(buffer)
		if want := strings.Repeat("Content-Length: 2\r\n\r\n{}", 3); string(buffer[:n]) != want {
			t.Errorf("got %q, %v, want %q", buffer[:n], err, want)
		}
		if err := o.put([]byte("unread")); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		o.close()
		if err := o.put(nil); err != errOutboxClosed {
			t.Errorf("got %v, want closed", err)
		}
		<-o.done
		if got := time.Since(began); got != drainTime {
			t.Errorf("close took %v, want %v", got, drainTime)
		}
	})
}

// TestCloseTells: the reason reaches the person, and what was sent before it too.
func TestCloseTells(t *testing.T) {
	r := newRecorder()
	r.call = func(c *Conn, id protocol.RequestID, _ protocol.DaemonParams) {
		c.Reply(id, protocol.Empty{})
		c.Close("The daemon is going; start it again.")
		c.Reply(id, protocol.Empty{})
		c.Notify(&protocol.ShowMessageParams{Message: "too late"})
	}
	c := rawClient(t, serve(t, r))
	c.send(`{"jsonrpc":"2.0","id":1,"method":"shutdown"}`)
	c.want(`{"id":1,"result":{}}`)
	c.want(`{"method":"window/showMessage","params":{"type":1,"message":"The daemon is going; start it again."}}`)
	c.wantEnd()
	r.want(t, "opened 1", "call shutdown 1", "closed The daemon is going; start it again.")
}

// TestServeEnds: with its context, and all connections with it.
func TestServeEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error)
	r := newRecorder()
	go func() { served <- Serve(ctx, l, r, zap.NewNop()) }()
	c := rawClient(t, path)
	r.want(t, "opened 1")
	cancel()
	c.wantEnd()
	if err := <-served; err != nil {
		t.Error(err)
	}
	r.want(t, "closed context canceled")

	if l, err = Listen(path); err != nil {
		t.Fatalf("the socket was not given back: %v", err)
	}
	l.Close()
	if err := Serve(t.Context(), l, r, zap.NewNop()); err == nil {
		t.Error("got nil for a listener that is closed, want an error")
	}
}

// TestMaxConns: one more is told why.
func TestMaxConns(t *testing.T) {
	r := newRecorder()
	path := serve(t, r)
	var conns []net.Conn
	for i := range MaxConns {
		conns = append(conns, dial(t, path))
		r.want(t, fmt.Sprintf("opened %d", i+1))
	}
	c := rawClient(t, path)
	c.want(`{"id":null,"error":{"code":-32000,"message":"the daemon has 128 connections already; close"}}`)
	c.wantEnd()
	conns[0].Close()
	r.want(t, "closed <nil>")
	for { // the place is free a moment after closed
		again := rawClient(t, path)
		_, _ = again.nc.Write(frame(`{"jsonrpc":"2.0","id":1,"method":"no/such"}`)) // may be closed already
		if body, _ := again.in.next(); strings.Contains(string(body), "-32601") {
			return
		}
	}
}

// TestLargeText: megabytes pass whole, without escapes for HTML.
func TestLargeText(t *testing.T) {
	text := strings.Repeat("<&>äöü😀\n", 1<<16)
	r := newRecorder()
	r.call = func(c *Conn, id protocol.RequestID, p protocol.DaemonParams) {
		c.Reply(id, protocol.TextDocumentContentResult{Text: p.(*protocol.TextDocumentContentParams).URI})
	}
	client := Connect(t.Context(), dial(t, serve(t, r)), nil)
	var result json.RawMessage
	err := client.Call(t.Context(), "workspace/textDocumentContent", &protocol.TextDocumentContentParams{URI: text}, &result)
	if err != nil || len(result) > len(text)+len(text)/5 {
		t.Errorf("got %d bytes, %v, want about %d", len(result), err, len(text))
	}
	var content protocol.TextDocumentContentResult
	if err := json.Unmarshal(result, &content); err != nil || content.Text != text {
		t.Errorf("the text came back different: %v", err)
	}
}

// TestTooLarge: an answer over the limit is an error; a message that can't be left out ends the connection.
func TestTooLarge(t *testing.T) {
	const limit = 1 << 10
	large := strings.Repeat("x", limit)
	r := newRecorder()
	r.call = func(c *Conn, id protocol.RequestID, _ protocol.DaemonParams) {
		c.link.limit = limit
		if id == "" {
			c.Notify(&protocol.ShowMessageParams{Message: large})
			return
		}
		c.Reply(id, protocol.TextDocumentContentResult{Text: large})
	}
	c := rawClient(t, serve(t, r))
	c.send(`{"jsonrpc":"2.0","id":1,"method":"workspace/textDocumentContent"}`)
	c.want(`{"id":1,"error":{"code":-32050,"data":{"kind":"tooLarge"}}}`)
	c.send(`{"jsonrpc":"2.0","method":"initialized"}`)
	c.want(`{"method":"window/showMessage","params":{"message":"A message to this editor is too large"}}`)
	c.wantEnd()
}
