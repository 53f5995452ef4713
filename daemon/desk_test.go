package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"earshot/daemon/settings"
	"earshot/internal/docpath"
	"earshot/internal/fakeeditor"
	"earshot/internal/rpc"
	"earshot/internal/session"
	"earshot/internal/text"
	"earshot/protocol"
)

// desk is a whole daemon and one person's editor at it, which keeps the contract. It works with real sockets and in a
// bubble alike.
type desk struct {
	t      testing.TB
	daemon *Daemon
	client *rpc.Client
	end    context.CancelFunc
	ended  chan error

	mu      sync.Mutex
	news    chan struct{} // closed and made anew whenever something has happened
	buffers map[protocol.DocumentURI]*fakeeditor.Editor
	seen    []protocol.EditorParams
	session protocol.Session
	decide  func(*protocol.AdmitQuestion) protocol.AdmitAnswer // nil: nobody answers
}

// patience is how long a test waits for what has to happen. In a bubble it costs nothing.
const patience = 30 * time.Second

func quiet(t testing.TB) *zap.Logger {
	if os.Getenv("DAEMON_TEST_LOG") == "" {
		return zap.NewNop()
	}
	return zaptest.NewLogger(t)
}

// sitDown starts a daemon on a socket of its own; the test's end ends it.
func sitDown(t testing.TB, name string, change ...func(*Options)) *desk {
	t.Helper()
	opts := Options{Name: name, Version: "test", ICE: settings.Default().ICE, Log: quiet(t).Named(name)}
	if opts.Network.Editors == nil {
		opts.Socket = filepath.Join(t.TempDir(), "s", "d.sock")
	}
	for _, c := range change {
		c(&opts)
	}
	d, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	k := &desk{t: t, daemon: d, ended: make(chan error, 1), news: make(chan struct{}),
		buffers: map[protocol.DocumentURI]*fakeeditor.Editor{}}
	ctx, cancel := context.WithCancel(context.Background())
	k.end = cancel
	go func() { k.ended <- d.Run(ctx) }() // ends with stop
	k.client = rpc.Connect(ctx, k.dial(opts), k)
	t.Cleanup(k.stop)
	k.must("initialize", &protocol.InitializeParams{
		ClientInfo: &protocol.ClientInfo{Name: "desk"},
		Capabilities: protocol.ClientCapabilities{
			General: &protocol.GeneralCapabilities{PositionEncodings: []string{"utf-16"}},
			Experimental: &protocol.ExperimentalCapabilities{Earshot: &protocol.EarshotClientCapabilities{
				ExactVersions: true, Admit: true}}},
		InitializationOptions: &protocol.InitializationOptions{Name: name, Replica: "desk of " + name},
	}, nil)
	k.must("events/subscribe", nil, nil)
	return k
}

// dial tries until the daemon listens.
func (k *desk) dial(opts Options) net.Conn {
	k.t.Helper()
	if m, ok := opts.Network.Editors.(*memory); ok {
		c, err := m.dial(context.Background())
		if err != nil {
			k.t.Fatal(err)
		}
		return c
	}
	for range 1000 {
		if c, err := rpc.Dial(context.Background(), opts.Socket); err == nil {
			return c
		}
		select {
		case err := <-k.ended:
			k.t.Fatalf("the daemon ended: %v", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	k.t.Fatal("the daemon does not listen")
	return nil
}

// stop ends the daemon and waits for it; it may be called twice.
func (k *desk) stop() {
	k.end()
	if k.ended == nil {
		return
	}
	select {
	case err := <-k.ended:
		if err != nil {
			k.t.Errorf("the daemon's end: %v", err)
		}
	case <-time.After(2 * patience):
		k.t.Error("the daemon does not end")
	}
	k.ended = nil
	<-k.client.Done()
}

// Call is the editor's end of the socket.
func (k *desk) Call(c *rpc.Client, id protocol.RequestID, p protocol.EditorParams) {
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.tell()
	switch p := p.(type) {
	case *protocol.ApplyWorkspaceEditParams:
		b := k.buffers[p.Edit.DocumentChanges[0].TextDocument.URI]
		if b == nil {
			_ = c.Reply(id, protocol.ApplyWorkspaceEditResult{})
			return
		}
		k.report(id, b.Apply(time.Now(), 1, p))
		return
	case *protocol.AdmitQuestion:
		if k.decide != nil {
			_ = c.Reply(id, k.decide(p))
		}
	case *protocol.SessionChanged:
		if k.session.ID == "" || p.Session.ID == k.session.ID {
			k.session = p.Session
		}
	}
	k.seen = append(k.seen, p)
}

func (k *desk) Closed(*rpc.Client, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tell()
}

func (k *desk) tell() {
	close(k.news)
	k.news = make(chan struct{})
}

// report sends what the editor says; k.mu is held, so that it goes out in the order of the buffer's changes.
func (k *desk) report(id protocol.RequestID, messages []fakeeditor.Message) {
	for _, m := range messages {
		switch {
		case m.Open != nil:
			_ = k.client.Notify("textDocument/didOpen", m.Open)
		case m.Change != nil:
			_ = k.client.Notify("textDocument/didChange", m.Change)
		case m.Answer != nil:
			_ = k.client.Reply(id, m.Answer)
		}
	}
}

// await waits until ok, which is asked with k.mu held whenever something has happened here.
func (k *desk) await(what string, ok func() bool) {
	k.t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		k.mu.Lock()
		if ok() {
			k.mu.Unlock()
			return
		}
		news := k.news
		k.mu.Unlock()
		select {
		case <-news:
		case <-limit.C:
			k.t.Fatalf("%s: waited %v for %s; session %+v; the last seen:\n%s", k.daemon.opts.Name, patience, what, k.session, k.lately())
		}
	}
}

// lately is the end of what was seen.
func (k *desk) lately() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var b strings.Builder
	for _, p := range k.seen[max(0, len(k.seen)-12):] {
		body, _ := json.Marshal(p)
		fmt.Fprintf(&b, "  %s %.300s\n", p.Method(), body)
	}
	return b.String()
}

// awaitEvent waits for a word of `earshot events` and gives it.
func (k *desk) awaitEvent(word string) (got protocol.Happening) {
	k.t.Helper()
	k.await("the event "+word, func() bool {
		for _, p := range k.seen {
			if h, ok := p.(*protocol.Happening); ok && h.Event == word {
				got = *h
				return true
			}
		}
		return false
	})
	return got
}

// forget what was seen, so that awaitEvent waits for the next.
func (k *desk) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.seen = nil
}

// call is a request with its error.
func (k *desk) call(method string, params, result any) error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	return k.client.Call(ctx, method, params, result)
}

func (k *desk) must(method string, params, result any) {
	k.t.Helper()
	if err := k.call(method, params, result); err != nil {
		k.t.Fatalf("%s: %v", method, err)
	}
}

// fails wants an error of a kind, in one sentence.
func (k *desk) fails(want protocol.Kind, method string, params any) {
	k.t.Helper()
	err := k.call(method, params, nil)
	if got := protocol.KindOf(err); got != want {
		k.t.Errorf("%s: got %q (%v), want %q", method, got, err, want)
		return
	}
	checkSentence(k.t, err.Error())
}

// checkSentence: what a person reads is one sentence with something to do.
func checkSentence(t testing.TB, s string) {
	t.Helper()
	if s == "" || !strings.HasSuffix(s, ".") || strings.ToUpper(s[:1]) != s[:1] || strings.Contains(s, "\n") {
		t.Errorf("a person reads %q, want one sentence", s)
	}
}

func fileURI(t testing.TB, path string) protocol.DocumentURI {
	t.Helper()
	u, err := docpath.FileURI(path, "linux")
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// folderOf makes a folder of files and their texts.
func folderOf(t testing.TB, files ...string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(files); i += 2 {
		name := filepath.Join(dir, files[i])
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(files[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// share opens a session on a folder.
func (k *desk) share(dir string, change ...func(*protocol.ShareParams)) protocol.Session {
	k.t.Helper()
	p := &protocol.ShareParams{Folder: fileURI(k.t, dir), Admit: protocol.AdmitAuto, Guests: 8, Listen: "127.0.0.1:0"}
	for _, c := range change {
		c(p)
	}
	var got protocol.SessionResult
	k.must("session/share", p, &got)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.session = got.Session
	return got.Session
}

// join enters a session by code or link.
func (k *desk) join(code string, change ...func(*protocol.JoinParams)) protocol.Session {
	k.t.Helper()
	p := &protocol.JoinParams{Code: code}
	for _, c := range change {
		c(p)
	}
	var got protocol.SessionResult
	k.must("session/join", p, &got)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.session = got.Session
	return got.Session
}

// open attaches a buffer to a shared document, which may be a file of this machine.
func (k *desk) open(uri protocol.DocumentURI) {
	k.t.Helper()
	var got protocol.TextDocumentContentResult
	k.must("workspace/textDocumentContent", &protocol.TextDocumentContentParams{URI: uri}, &got)
	k.mu.Lock()
	b := fakeeditor.New(fakeeditor.Exact, uri, got.Text, text.UTF16, 0, rand.New(rand.NewPCG(1, 2)))
	k.buffers[uri] = b
	k.report("", b.Open())
	k.mu.Unlock()
	k.await("the document to be attached", func() bool {
		return slices.ContainsFunc(k.seen, func(p protocol.EditorParams) bool {
			c, ok := p.(*protocol.DocumentChanged)
			return ok && c.URI == uri
		})
	})
}

// typed replaces del code points at pos; a pos of -1 is the end.
func (k *desk) typed(uri protocol.DocumentURI, pos, del int, ins string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	b := k.buffers[uri]
	if pos < 0 {
		pos = b.Len()
	}
	k.report("", b.Type(time.Now(), pos, del, ins))
}

func (k *desk) text(uri protocol.DocumentURI) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.buffers[uri].Text()
}

// shows waits until a buffer holds a text.
func (k *desk) shows(uri protocol.DocumentURI, want string) {
	k.t.Helper()
	k.await(fmt.Sprintf("%s to show %.200q", uri, want), func() bool { return k.buffers[uri].Text() == want })
}

// here waits until a session has so many members that are here.
func (k *desk) here(n int) {
	k.t.Helper()
	k.await(fmt.Sprintf("%d members", n), func() bool {
		count := 0
		for _, m := range k.session.Members {
			if m.State == protocol.MemberHere {
				count++
			}
		}
		return count == n && k.session.State == protocol.SessionOpen
	})
}

// inLoop runs f in the daemon's own goroutine and waits for it.
func (k *desk) inLoop(f func()) {
	done := make(chan struct{})
	k.daemon.postAfter(func() { f(); close(done) }, nil)
	<-done
}

// awaitLoop waits until something holds of what the loop owns and nobody is told of.
func (k *desk) awaitLoop(what string, ok func() bool) {
	k.t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		var now bool
		k.inLoop(func() { now = ok() })
		if now {
			return
		}
		select {
		case <-again.C:
		case <-limit.C:
			k.t.Fatalf("%s: waited %v for %s", k.daemon.opts.Name, patience, what)
		}
	}
}

type docPath = docpath.Path

func sessionFolder(dir string) session.OpenFolder { return session.OpenFolder{Folder: dir} }

// memory is a listener without a socket, whose connections are pipes: what a bubble needs.
type memory struct {
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once
	at     net.Addr
}

func newMemory(at net.Addr) *memory {
	return &memory{accept: make(chan net.Conn), closed: make(chan struct{}), at: at}
}

func (m *memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.accept:
		return c, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

func (m *memory) Close() error {
	m.once.Do(func() { close(m.closed) })
	return nil
}

func (m *memory) Addr() net.Addr { return m.at }

func (m *memory) dial(ctx context.Context) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case m.accept <- far:
		return near, nil
	case <-m.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
