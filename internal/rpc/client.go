package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"

	"go.uber.org/zap"

	"earshot/protocol"
)

// ErrClosed is what calls end with when the connection is gone before their answer.
var ErrClosed = errors.New("the connection to the daemon is closed; is the daemon still running?")

// EditorHandler is told what the daemon sends to a Client. All calls come from one goroutine in the order of
// the wire, and so do the functions given to Client.Send.
type EditorHandler interface {
	// Call is a request or, with id "", a notification. A request may be answered later, with Client.Reply or
	// Client.ReplyError; what was sent with Notify before arrives before.
	Call(c *Client, id protocol.RequestID, p protocol.EditorParams)
	// Closed gives nil after an orderly end.
	Closed(c *Client, err error)
}

// Client is the editor's end of the socket, for the command line, scripts and fake editors. Its methods may
// be called by any goroutine; only Call waits.
type Client struct {
	handler EditorHandler
	link    *link

	mu      sync.Mutex
	last    uint64
	pending map[uint64]func(json.RawMessage, error) // nil after the end
}

// Connect takes over nc. The connection ends with ctx. With a nil handler every request of the daemon is
// refused.
func Connect(ctx context.Context, nc net.Conn, h EditorHandler) *Client {
	if h == nil {
		h = nobody{}
	}
	c := &Client{handler: h, pending: map[uint64]func(json.RawMessage, error){}}
	c.link = openLink(ctx, nc, c, zap.NewNop())
	c.link.start()
	return c
}

// Answering makes an EditorHandler of an Editor that answers at once.
func Answering(e protocol.Editor) EditorHandler { return answering{e} }

// Call sends a request and waits for its result, decoded into result (a pointer, or nil). Errors:
// *protocol.Error as the daemon sent it, ErrClosed, or that of ctx, after which the daemon has been sent
// $/cancelRequest. It must not be called from an EditorHandler or a function given to Send, which the answer
// would have to pass; use Send there.
func (c *Client) Call(ctx context.Context, method string, params, result any) error {
	type outcome struct {
		raw json.RawMessage
		err error
	}
	answered := make(chan outcome, 1)
	id, err := c.Send(method, params, func(raw json.RawMessage, err error) { answered <- outcome{raw, err} })
	if err != nil {
		return err
	}
	select {
	case o := <-answered:
		if o.err != nil || result == nil {
			return o.err
		}
		if err := json.Unmarshal(o.raw, result); err != nil {
			return fmt.Errorf("read the answer to %s: %w", method, err)
		}
		return nil
	case <-ctx.Done():
		c.cancel(id)
		return ctx.Err()
	}
}

// Send sends a request and calls done with its result, or with an error as Call gives it, exactly once and in
// the order of the wire. It returns the request's id. When it returns an error done is not called.
func (c *Client) Send(method string, params any, done func(json.RawMessage, error)) (uint64, error) {
	c.mu.Lock()
	if c.pending == nil {
		c.mu.Unlock()
		return 0, ErrClosed
	}
	c.last++
	id := c.last
	c.pending[id] = done
	c.mu.Unlock()

	err := c.link.call(id, method, orEmpty(params))
	if err == nil {
		return id, nil
	}
	if c.take(id) == nil {
		return id, nil // the end came in between and has called done
	}
	return 0, sendError(err)
}

// Notify sends a notification.
func (c *Client) Notify(method string, params any) error {
	return sendError(c.link.notify(method, orEmpty(params)))
}

// Reply answers a request of the daemon. For notifications (id "") it does nothing.
func (c *Client) Reply(id protocol.RequestID, result any) error {
	if id == "" {
		return nil
	}
	return sendError(c.link.reply([]byte(id), result))
}

// ReplyError answers a request of the daemon with an error. For notifications (id "") it does nothing.
func (c *Client) ReplyError(id protocol.RequestID, err *protocol.Error) error {
	if id == "" {
		return nil
	}
	return sendError(c.link.refuse([]byte(id), err))
}

// Close ends the connection and returns when what was sent before has gone out, or can't.
func (c *Client) Close() {
	c.link.close(errOrderly)
	<-c.link.out.done
}

// Done is closed when the connection has ended and the handler has been told.
func (c *Client) Done() <-chan struct{} { return c.link.done }

func (c *Client) cancel(id uint64) {
	c.take(id)
	_ = c.Notify("$/cancelRequest", &protocol.CancelParams{ID: strconv.AppendUint(nil, id, 10)}) // or it is over anyway
}

func (c *Client) take(id uint64) func(json.RawMessage, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	done := c.pending[id]
	delete(c.pending, id)
	return done
}

func (c *Client) opened() {}

func (c *Client) message(m envelope) {
	p, err := protocol.DecodeEditor(m.method, m.params)
	if err == nil {
		c.handler.Call(c, protocol.RequestID(m.id), p)
		return
	}
	if m.kind == notification {
		return
	}
	var fault *protocol.Error
	if !errors.As(err, &fault) {
		fault = &protocol.Error{Code: protocol.CodeMethodNotFound, Message: "this client does not know the method"}
	}
	_ = c.link.refuse(m.id, fault) // or the link has ended
}

func (c *Client) answer(number uint64, _ string, m envelope) {
	done := c.take(number)
	switch {
	case done == nil: // given up
	case m.error != nil:
		done(nil, decodeError(m.error))
	default:
		done(append(json.RawMessage(nil), m.result...), nil)
	}
}

func (c *Client) closed(err error) {
	c.mu.Lock()
	left := c.pending
	c.pending = nil
	c.mu.Unlock()
	for _, done := range left {
		done(nil, ErrClosed)
	}
	c.handler.Closed(c, err)
}

// orEmpty gives {} for nil: a request without params would do, but some programs want an object.
func orEmpty(params any) any {
	if params == nil {
		return struct{}{}
	}
	return params
}

func sendError(err error) error {
	if err == nil || errors.Is(err, ErrSlow) || errors.Is(err, errTooLarge) || errors.Is(err, errMarshal) {
		return err
	}
	return ErrClosed
}

// nobody is the handler of a client that only asks.
type nobody struct{}

func (nobody) Call(c *Client, id protocol.RequestID, p protocol.EditorParams) {
	if protocol.IsEditorRequest(p.Method()) {
		_ = c.ReplyError(id, &protocol.Error{Code: protocol.CodeMethodNotFound, Message: "this client is not an editor"})
	}
}

func (nobody) Closed(*Client, error) {}

type answering struct{ editor protocol.Editor }

func (a answering) Call(c *Client, id protocol.RequestID, p protocol.EditorParams) {
	_ = c.Reply(id, p.ServeEditor(a.editor)) // or the link has ended
}

func (answering) Closed(*Client, error) {}
