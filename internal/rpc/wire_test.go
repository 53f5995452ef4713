package rpc

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"earshot/protocol"
)

// raw is a client that writes what it likes.
type raw struct {
	t  *testing.T
	nc net.Conn
	in *frameReader
}

func rawClient(t *testing.T, path string) *raw {
	nc := dial(t, path)
	_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
	return &raw{t: t, nc: nc, in: newFrameReader(nc)}
}

func (r *raw) write(text string) {
	r.t.Helper()
	if _, err := io.WriteString(r.nc, text); err != nil {
		r.t.Fatal(err)
	}
}

func (r *raw) send(body string) { r.write(string(frame(body))) }

// want reads one message and compares its members.
func (r *raw) want(want string) {
	r.t.Helper()
	body, err := r.in.next()
	if err != nil {
		r.t.Fatalf("got %v, want %s", err, want)
	}
	var got, wanted any
	if err := json.Unmarshal(body, &got); err != nil {
		r.t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		r.t.Fatal(err)
	}
	if !contains(got, wanted) {
		r.t.Fatalf("got %s, want %s", body, want)
	}
}

// contains: objects may have more members, strings may go on.
func contains(got, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		for key, value := range want {
			ok = ok && contains(g[key], value)
		}
		return ok
	case string:
		g, ok := got.(string)
		return ok && strings.HasPrefix(g, want)
	}
	return got == want
}

func (r *raw) wantEnd() {
	r.t.Helper()
	if body, err := r.in.next(); err == nil {
		r.t.Fatalf("got %s, want the end", body)
	} else if err != io.EOF {
		r.t.Fatalf("got %v, want the end", err)
	}
}

// TestBadBodies: each is answered, and the connection goes on.
func TestBadBodies(t *testing.T) {
	c := rawClient(t, serve(t, newRecorder()))
	check := func(body, want string) {
		t.Helper()
		c.send(body)
		c.want(want)
		c.send(`{"jsonrpc":"2.0","id":"next","method":"no/such"}`)
		c.want(`{"id":"next","error":{"code":-32601}}`)
	}
	check("", `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"a message is not valid JSON"}}`)
	check("{", `{"id":null,"error":{"code":-32700}}`)
	check("[]", `{"id":null,"error":{"code":-32600,"message":"batches"}}`)
	check("17", `{"id":null,"error":{"code":-32600}}`)
	check(`{"id":5}`, `{"id":null,"error":{"code":-32600}}`)
	check(`{"jsonrpc":"2.0","id":null,"method":"session/list"}`, `{"id":null,"error":{"code":-32600}}`)
	check(`{"id":-7,"method":"session/list"}`, `{"id":-7,"error":{"code":-32600,"message":"a message must say"}}`)
	check(`{"jsonrpc":"2.0","id":8,"method":"session/join","params":{"code":1}}`,
		`{"id":8,"error":{"code":-32602,"message":"session/join: the field \"code\" must not be a number"}}`)
	check(`{"jsonrpc":"2.0","id":"\u00e4","method":"no/such"}`, `{"id":"ä","error":{"code":-32601}}`)
}

// TestBadFrames: one error, then the end.
func TestBadFrames(t *testing.T) {
	check := func(text, sentence, cause string) {
		t.Helper()
		r := newRecorder()
		c := rawClient(t, serve(t, r))
		c.write(text)
		if sentence != "" {
			c.want(`{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"` + sentence + `"}}`)
		} else {
			_ = c.nc.(*net.UnixConn).CloseWrite()
		}
		c.wantEnd()
		r.want(t, "opened 1")
		if got := <-r.lines; !strings.HasPrefix(got, "closed "+cause) {
			t.Errorf("%q: got %q, want %q", text, got, cause)
		}
	}
	check("hello\r\n\r\n", "a header line has no colon", "a header line")
	check("X: y\r\n\r\n{}", "a message has no Content-Length", "a message has no")
	check("Content-Length: 67108865\r\n\r\n", "a message of 67108865 bytes is over", "a message of")
	check(strings.Repeat("x", readBuffer), "a header line is longer", "a header line")
	check("Content-Length: 100\r\n\r\n{", "", "unexpected EOF")
	check("", "", "<nil>")
}

// TestMismatchedKinds: requests without an id, notifications with one, and what nobody knows.
func TestMismatchedKinds(t *testing.T) {
	r := newRecorder()
	c := rawClient(t, serve(t, r))
	c.send(`{"jsonrpc":"2.0","method":"no/such"}`)
	c.send(`{"jsonrpc":"2.0","id":99,"result":{}}`)
	c.send(`{"jsonrpc":"2.0","id":"x","error":{"code":1,"message":"m"}}`)
	c.send(`{"jsonrpc":"2.0","id":7,"method":"textDocument/didChange","params":{"textDocument":{"uri":"u","version":3}}}`)
	c.want(`{"id":7,"result":null}`)
	c.send(`{"jsonrpc":"2.0","method":"session/leave"}`)
	c.want(`{"method":"window/showMessage","params":{"type":1,"message":"session/leave is a request; send it with an id"}}`)
	r.want(t, "opened 1", "call textDocument/didChange v3")
	c.nc.Close()
	if got := <-r.lines; !strings.HasPrefix(got, "closed ") {
		t.Errorf("got %q, want closed", got)
	}
}

// TestBadNotifications are told once, and a change that can't be read still reaches the session, as one that
// can't be taken.
func TestBadNotifications(t *testing.T) {
	r := newRecorder()
	var refused []protocol.Position
	r.call = func(_ *Conn, _ protocol.RequestID, p protocol.DaemonParams) {
		if p, ok := p.(*protocol.DidChangeTextDocumentParams); ok {
			refused = append(refused, p.ContentChanges[0].Range.Start)
		}
	}
	c := rawClient(t, serve(t, r))
	bad := `{"jsonrpc":"2.0","method":"textDocument/didChange","params":{"textDocument":{"uri":"u","version":5},` +
		`"contentChanges":[{"text":1}]}}`
	for range 3 {
		c.send(bad)
	}
	c.send(`{"jsonrpc":"2.0","method":"textDocument/didChange","params":{"textDocument":7}}`)
	for i := range 2 * maxTold {
		c.send(fmt.Sprintf(`{"jsonrpc":"2.0","method":"textDocument/didClose","params":{"textDocument":{"uri":%d}}}`, i))
	}
	c.send(`{"jsonrpc":"2.0","id":1,"method":"no/such"}`)
	c.want(`{"method":"window/showMessage","params":{"message":"textDocument/didChange: the field \"contentChanges.text\""}}`)
	c.want(`{"method":"window/showMessage","params":{"message":"textDocument/didChange: the field \"textDocument\""}}`)
	c.want(`{"method":"window/showMessage","params":{"message":"textDocument/didClose: the field \"textDocument.uri\""}}`)
	c.want(`{"id":1,"error":{"code":-32601}}`)
	change := "call textDocument/didChange v5"
	r.want(t, "opened 1", change, change, change)
	for _, p := range refused {
		if p.Line < 1<<30 {
			t.Errorf("got line %d, want one that no text has", p.Line)
		}
	}
}

// TestToldIsBounded: sixteen sentences are enough.
func TestToldIsBounded(t *testing.T) {
	r := newRecorder()
	r.call = func(c *Conn, id protocol.RequestID, _ protocol.DaemonParams) {
		for i := range 2 * maxTold {
			c.tell(fmt.Sprint("sentence ", i))
		}
		c.Reply(id, nil)
	}
	c := rawClient(t, serve(t, r))
	c.send(`{"jsonrpc":"2.0","id":1,"method":"shutdown"}`)
	for i := range maxTold {
		c.want(fmt.Sprintf(`{"params":{"message":"sentence %d"}}`, i))
	}
	c.want(`{"id":1,"result":null}`)
}

// TestAnswers: what editors answer, and how it reaches the handler.
func TestAnswers(t *testing.T) {
	r := newRecorder()
	r.call = func(c *Conn, _ protocol.RequestID, _ protocol.DaemonParams) {
		c.Call(3, &protocol.ShowMessageRequestParams{})
		for call := range uint64(3) {
			c.Call(call, &protocol.ApplyWorkspaceEditParams{})
		}
		c.Call(9, &protocol.AdmitQuestion{})
	}
	c := rawClient(t, serve(t, r))
	c.send(`{"jsonrpc":"2.0","method":"initialized"}`)
	c.want(`{"jsonrpc":"2.0","id":3,"method":"window/showMessageRequest","params":{"type":0,"message":""}}`)
	for call := range 3 {
		c.want(fmt.Sprintf(`{"id":%d,"method":"workspace/applyEdit","params":{"edit":{}}}`, call))
	}
	c.want(`{"id":9,"method":"session/admit"}`)
	c.send(`{"jsonrpc":"2.0","id":2,"result":{"applied":true,"version":8},"error":null}`)
	c.send(`{"jsonrpc":"2.0","id":0,"result":null}`)
	c.send(`{"jsonrpc":"2.0","id":0,"result":{"applied":true}}`)
	c.send(`{"jsonrpc":"2.0","id":1,"result":{"applied":"yes"}}`)
	c.send(`{"jsonrpc":"2.0","id":3,"result":null}`)
	c.send(`{"jsonrpc":"2.0","id":9,"error":{"code":-32601,"message":"what?","data":[1]}}`)
	r.want(t, "opened 1", "call initialized", `answer 2 {"applied":true,"version":8}`, `answer 0 {"applied":false}`,
		`answer 1 workspace/applyEdit: the field "applied" must not be a string; see PROTOCOL.md`, `answer 3 null`,
		`answer 9 what?`)
}
