package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"

	"earshot/internal/rpc"
	"earshot/protocol"
)

// client is a command's connection to the daemon: an exact editor of at most one buffer.
type client struct {
	*rpc.Client
	hello protocol.InitializeResult

	// inbox holds what the daemon tells, in its order. The command reads it all the time, also while it waits for an
	// answer (see following.during); one that does not follow gets nothing put in.
	inbox chan any

	over <-chan struct{} // closed when the command is over and the inbox is read no more

	buffer  atomic.Pointer[buffer] // nil until open
	warning string                 // the last complaint of window/showMessage; owned by the reading goroutine until a call has returned
}

// question is a request of the daemon that a person answers, later than the reading goroutine can wait.
type question struct {
	id    protocol.RequestID
	admit *protocol.AdmitQuestion
}

// inboxSize is what may wait while the terminal is written; past it the reading goroutine waits too, and the daemon
// disconnects a client whose terminal stands still for long.
const inboxSize = 256

// kind says what a client is to the daemon.
type kind struct {
	follows bool // reads its inbox
	admits  bool // a person sits there and can be asked
}

// connect dials the daemon that runs. The error is rpc.ErrNotRunning if none does.
func (p *program) connect(ctx context.Context, k kind) (*client, error) {
	path, err := p.socket()
	if err != nil {
		return nil, err
	}
	conn, err := rpc.Dial(ctx, path)
	if err != nil {
		return nil, err
	}
	return p.hello(ctx, conn, k)
}

// connectToShared is for commands that need a session: without a daemon there is none.
func (p *program) connectToShared(ctx context.Context, k kind) (*client, error) {
	c, err := p.connect(ctx, k)
	if errors.Is(err, rpc.ErrNotRunning) {
		return nil, fmt.Errorf("nothing is shared, no daemon is running; begin with `earshot share` or `earshot join`")
	}
	return c, err
}

// hello opens the conversation on a connection.
func (p *program) hello(ctx context.Context, conn net.Conn, k kind) (*client, error) {
	c := &client{over: ctx.Done()}
	if k.follows {
		c.inbox = make(chan any, inboxSize)
	}
	c.Client = rpc.Connect(ctx, conn, (*handler)(c))
	if err := c.Call(ctx, "initialize", p.initializeParams(ctx, k), &c.hello); err != nil {
		c.Close()
		return nil, err
	}
	if got := c.hello.Capabilities.Experimental.Earshot.ProtocolVersion; got != protocol.Version {
		c.Close()
		return nil, fmt.Errorf("the daemon that runs is of another release (protocol %d, this one speaks %d); "+
			"end it with `earshot daemon --replace`", got, protocol.Version)
	}
	return c, c.Notify("initialized", nil)
}

func (p *program) initializeParams(ctx context.Context, k kind) *protocol.InitializeParams {
	return &protocol.InitializeParams{
		ClientInfo: &protocol.ClientInfo{Name: "earshot", Version: version},
		Capabilities: protocol.ClientCapabilities{
			General:   &protocol.GeneralCapabilities{PositionEncodings: []string{"utf-32"}},
			Workspace: &protocol.WorkspaceCapabilities{ApplyEdit: true},
			Experimental: &protocol.ExperimentalCapabilities{
				Earshot: &protocol.EarshotClientCapabilities{ExactVersions: true, Admit: k.admits}},
		},
		InitializationOptions: &protocol.InitializationOptions{Name: p.settings.Person(ctx)},
	}
}

// handler is a client as the connection's reading goroutine calls it.
type handler client

// Call takes what the daemon sends. Edits are answered at once, questions for a person go to the inbox.
func (h *handler) Call(c *rpc.Client, id protocol.RequestID, p protocol.EditorParams) {
	switch p := p.(type) {
	case *protocol.ApplyWorkspaceEditParams:
		h.reply(c, id, h.applyEdit(p))
	case *protocol.AdmitQuestion:
		h.question(question{id, p})
	case *protocol.ShowMessageRequestParams:
		h.reply(c, id, (*protocol.MessageActionItem)(nil))
	case *protocol.ShowDocumentParams:
		h.reply(c, id, protocol.ShowDocumentResult{})
	case *protocol.ShowMessageParams:
		if p.Type == protocol.MessageError || p.Type == protocol.MessageWarning {
			h.warning = p.Message
		}
		h.put(p)
	default:
		h.put(p)
	}
}

// Closed has nothing to add: whoever waits looks at Done.
func (h *handler) Closed(*rpc.Client, error) {}

func (h *handler) applyEdit(p *protocol.ApplyWorkspaceEditParams) protocol.ApplyWorkspaceEditResult {
	b := h.buffer.Load()
	if b == nil {
		return protocol.ApplyWorkspaceEditResult{FailureReason: "no document is open here"}
	}
	return b.applyEdit(p)
}

// question goes to a person, if the command has one; an error is no answer, so that others are waited for.
func (h *handler) question(q question) {
	if h.inbox == nil {
		(*client)(h).decline(q.id)
		return
	}
	h.put(q)
}

func (h *handler) put(m any) {
	if h.inbox == nil {
		return
	}
	select {
	case h.inbox <- m:
	case <-h.over:
	}
}

// reply may fail only because the connection has ended, which the command learns from Done.
func (h *handler) reply(c *rpc.Client, id protocol.RequestID, result any) { _ = c.Reply(id, result) }

// open attaches a buffer with the given text to a document.
func (c *client) open(uri, body string) (*buffer, error) {
	b := newBuffer(uri, body, func(method string, params any) error { return c.Notify(method, params) })
	c.buffer.Store(b)
	return b, b.open()
}

// decline leaves a question to others.
func (c *client) decline(id protocol.RequestID) {
	err := &protocol.Error{Code: protocol.CodeMethodNotFound, Message: "nobody can be asked here"}
	_ = c.ReplyError(id, err) // or the connection has ended, which the command learns from Done
}
