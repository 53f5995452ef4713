package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net"

	"go.uber.org/zap"

	"earshot/protocol"
)

// Handler is told what editors send. All calls for one connection come from its one reading goroutine, in the
// order of the wire: Opened first, Closed last. They should only post: while they run, nothing else is read.
type Handler interface {
	Opened(c *Conn)
	// Call is a request or, with id "", a notification.
	Call(c *Conn, id protocol.RequestID, p protocol.DaemonParams)
	// Answer is the editor's answer to Conn.Call: result as DecodeEditorResult gives it, or err.
	Answer(c *Conn, call uint64, result any, err *protocol.Error)
	// Closed gives nil if the editor closed or Close was called without a reason. Calls that were not
	// answered never will be.
	Closed(c *Conn, err error)
}

// Conn is an editor's connection as the daemon sees it. Its methods never wait for the editor and may be
// called by any goroutine; after the end they do nothing.
type Conn struct {
	id      protocol.ConnID
	handler Handler
	link    *link
	told    map[string]bool // sentences about bad notifications; owned by the reading goroutine
}

// maxTold bounds the different sentences about bad notifications: a plugin that gets 16 different things
// wrong has been told enough.
const maxTold = 16

func openConn(ctx context.Context, nc net.Conn, id protocol.ConnID, h Handler, log *zap.Logger) *Conn {
	c := &Conn{id: id, handler: h, told: map[string]bool{}}
	c.link = openLink(ctx, nc, c, log.With(zap.Uint64("conn", uint64(id))))
	c.link.start()
	return c
}

// ID is never used twice by one Serve.
func (c *Conn) ID() protocol.ConnID { return c.id }

// Reply answers a request with its result; nil is null. For notifications (id "") it does nothing.
func (c *Conn) Reply(id protocol.RequestID, result any) {
	if id != "" {
		c.check("answer", c.link.reply([]byte(id), result))
	}
}

// ReplyError answers a request with an error. For notifications (id "") it does nothing.
func (c *Conn) ReplyError(id protocol.RequestID, err *protocol.Error) {
	if id != "" {
		c.check("answer", c.link.refuse([]byte(id), err))
	}
}

// Notify sends a notification.
func (c *Conn) Notify(p protocol.EditorParams) { c.check(p.Method(), c.link.notify(p.Method(), p)) }

// Call sends a request. Its number, never used twice on a connection, is the id on the wire (for
// $/cancelRequest) and comes back with Handler.Answer.
func (c *Conn) Call(call uint64, p protocol.EditorParams) {
	c.check(p.Method(), c.link.call(call, p.Method(), p))
}

// Close ends the connection after what was sent has gone out. A reason is shown to the person at the editor
// and given to Handler.Closed.
func (c *Conn) Close(reason string) {
	if reason == "" {
		c.link.close(errOrderly)
		return
	}
	c.Notify(&protocol.ShowMessageParams{Type: protocol.MessageError, Message: reason})
	c.link.close(errors.New(reason))
}

// check ends the connection if a message could not be sent: the editor would miss it and never know.
func (c *Conn) check(what string, err error) {
	if errors.Is(err, errTooLarge) || errors.Is(err, errMarshal) {
		c.link.log.Error("a message could not be sent; closing", zap.String("method", what))
		c.Close("A message to this editor is too large to be sent, so the connection was closed; share a smaller document.")
	}
}

func (c *Conn) opened() { c.handler.Opened(c) }

func (c *Conn) closed(err error) { c.handler.Closed(c, err) }

// message decodes and hands on. A known notification that came with an id is taken, and answered with null so
// that the sender does not wait for ever: to refuse it could lose a keystroke.
func (c *Conn) message(m envelope) {
	p, err := protocol.DecodeDaemon(m.method, m.params)
	if err != nil {
		c.refuse(m, err)
		return
	}
	id := protocol.RequestID(m.id)
	switch isRequest := protocol.IsRequest(m.method); {
	case isRequest && m.kind == notification:
		c.tell(m.method + " is a request; send it with an id.")
	case !isRequest && m.kind == request:
		c.handler.Call(c, "", p)
		c.Reply(id, nil)
	default:
		c.handler.Call(c, id, p)
	}
}

func (c *Conn) refuse(m envelope, err error) {
	var fault *protocol.Error
	unknown := !errors.As(err, &fault)
	if unknown {
		fault = &protocol.Error{Code: protocol.CodeMethodNotFound,
			Message: "this daemon does not know the method; see PROTOCOL.md, or update Earshot"}
	}
	switch {
	case m.kind == request:
		c.link.refuse(m.id, fault)
	case !unknown:
		c.tell(fault.Message)
		c.refuseChange(m)
	}
}

// refuseChange hands a didChange that can't be decoded on as one that can't be taken: of a line that no text
// has. The session then restores the buffer; otherwise the editor and the daemon would go on with different
// texts.
func (c *Conn) refuseChange(m envelope) {
	if m.method != new(protocol.DidChangeTextDocumentParams).Method() {
		return
	}
	var which struct {
		TextDocument protocol.VersionedTextDocumentIdentifier `json:"textDocument"`
	}
	if json.Unmarshal(m.params, &which) != nil || which.TextDocument.URI == "" {
		return
	}
	nowhere := protocol.Position{Line: math.MaxInt32}
	c.handler.Call(c, "", &protocol.DidChangeTextDocumentParams{
		TextDocument: which.TextDocument,
		ContentChanges: []protocol.TextDocumentContentChangeEvent{
			{Range: &protocol.Range{Start: nowhere, End: nowhere}},
		},
	})
}

// tell shows a sentence about a bad notification, each only once: it may come with every key.
func (c *Conn) tell(sentence string) {
	if c.told[sentence] || len(c.told) >= maxTold {
		return
	}
	c.told[sentence] = true
	c.Notify(&protocol.ShowMessageParams{Type: protocol.MessageError, Message: sentence})
}

func (c *Conn) answer(number uint64, method string, m envelope) {
	if m.error != nil {
		c.handler.Answer(c, number, nil, decodeError(m.error))
		return
	}
	result, err := protocol.DecodeEditorResult(method, m.result)
	if err == nil {
		c.handler.Answer(c, number, result, nil)
		return
	}
	var fault *protocol.Error
	if !errors.As(err, &fault) {
		fault = &protocol.Error{Code: protocol.CodeInternalError, Message: err.Error()}
	}
	c.handler.Answer(c, number, nil, fault)
}

// decodeError reads an error object of any program: only its code and message have a shape.
func decodeError(raw []byte) *protocol.Error {
	var e struct {
		Code    int             `json:"code"`
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
	}
	if json.Unmarshal(raw, &e) != nil {
		return &protocol.Error{Code: protocol.CodeInternalError, Message: "the answer was an error without a shape"}
	}
	fault := &protocol.Error{Code: e.Code, Message: e.Message}
	var data protocol.ErrorData
	if json.Unmarshal(e.Data, &data) == nil && data.Kind != "" {
		fault.Data = &data
	}
	return fault
}
