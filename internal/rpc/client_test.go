package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"testing"

	"earshot/protocol"
)

// TestCallCancelled: who gives up is not kept, and the daemon is told.
func TestCallCancelled(t *testing.T) {
	r := newRecorder()
	ctx, cancel := context.WithCancel(t.Context())
	var ids []protocol.RequestID
	r.call = func(c *Conn, id protocol.RequestID, p protocol.DaemonParams) {
		switch p := p.(type) {
		case *protocol.JoinParams:
			ids = append(ids, id)
			cancel()
		case *protocol.CancelParams:
			ids = append(ids, protocol.RequestID(p.ID))
		case *protocol.ListSessionsParams:
			c.ReplyError(ids[0], &protocol.Error{Code: protocol.CodeRequestCancelled, Message: "given up"})
			c.Reply(id, protocol.ListSessionsResult{})
		}
	}
	client := Connect(t.Context(), dial(t, serve(t, r)), nil)
	if err := client.Call(ctx, "session/join", nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
	if client.take(1) != nil {
		t.Error("the call is kept, though nobody waits for it")
	}
	if err := client.Call(t.Context(), "session/list", nil, nil); err != nil {
		t.Error(err) // the late answer was nobody's
	}
	r.want(t, "opened 1", "call session/join 1", "call $/cancelRequest", "call session/list 2")
	if ids[0] != ids[1] {
		t.Errorf("%s was cancelled, want %s", ids[1], ids[0])
	}
}

// TestCallClosed: no call waits for ever.
func TestCallClosed(t *testing.T) {
	r := newRecorder()
	r.call = func(c *Conn, _ protocol.RequestID, _ protocol.DaemonParams) { c.Close("") }
	client := Connect(t.Context(), dial(t, serve(t, r)), nil)
	if err := client.Call(t.Context(), "session/list", nil, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	<-client.Done()
	if err := client.Call(t.Context(), "session/list", nil, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("afterwards: got %v, want ErrClosed", err)
	}
	if err := client.Notify("initialized", nil); !errors.Is(err, ErrClosed) {
		t.Errorf("afterwards: got %v, want ErrClosed", err)
	}
	r.want(t, "opened 1", "call session/list 1", "closed <nil>")
}

// TestCloseFlushes: what was sent before Close arrives.
func TestCloseFlushes(t *testing.T) {
	r := newRecorder()
	path := serve(t, r)
	for i := range 50 {
		client := Connect(t.Context(), dial(t, path), nil)
		if err := client.Notify("exit", nil); err != nil {
			t.Fatal(err)
		}
		client.Close()
		select {
		case <-client.link.out.done:
		default:
			t.Error("Close returned before all was written")
		}
		r.want(t, fmt.Sprint("opened ", i+1), "call exit", "closed <nil>")
	}
}

// TestRefusals: a client without a handler, and one that is asked what it does not know.
func TestRefusals(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	Connect(t.Context(), ours, nil)
	c := &raw{t: t, nc: theirs, in: newFrameReader(theirs)}
	c.send(`{"jsonrpc":"2.0","id":1,"method":"workspace/applyEdit"}`)
	c.want(`{"id":1,"error":{"code":-32601}}`)
	c.send(`{"jsonrpc":"2.0","id":2,"method":"workspace/configuration"}`)
	c.want(`{"id":2,"error":{"code":-32601}}`)
	c.send(`{"jsonrpc":"2.0","id":3,"method":"workspace/applyEdit","params":{"edit":4}}`)
	c.want(`{"id":3,"error":{"code":-32602}}`)
	c.send(`{"jsonrpc":"2.0","method":"telemetry/event"}`)
	c.send(`{"jsonrpc":"2.0","method":"window/showMessage","params":4}`)
	c.send(`{"jsonrpc":"2.0","id":4,"method":"window/showDocument"}`)
	c.want(`{"id":4,"error":{"code":-32601}}`)
}

// TestUnmarshalable: what can't be JSON is the caller's error, and the connection goes on.
func TestUnmarshalable(t *testing.T) {
	r := newRecorder()
	r.call = func(c *Conn, id protocol.RequestID, _ protocol.DaemonParams) { c.Reply(id, nil) }
	client := Connect(t.Context(), dial(t, serve(t, r)), nil)
	if err := client.Notify("initialized", func() {}); !errors.Is(err, errMarshal) {
		t.Errorf("got %v, want errMarshal", err)
	}
	if err := client.Call(t.Context(), "session/list", make(chan int), nil); !errors.Is(err, errMarshal) {
		t.Errorf("got %v, want errMarshal", err)
	}
	if err := client.Call(t.Context(), "session/list", json.RawMessage(`{"a":`), nil); !errors.Is(err, errMarshal) {
		t.Errorf("got %v, want errMarshal", err)
	}
	var result json.RawMessage
	if err := client.Call(t.Context(), "shutdown", nil, &result); err != nil || string(result) != "null" {
		t.Errorf("got %s, %v, want null", result, err)
	}
	var number int
	if err := client.Call(t.Context(), "shutdown", json.RawMessage(`{}`), &number); err != nil {
		t.Errorf("got %v: null leaves the result as it is", err)
	}
}
