package daemon

import (
	"strconv"

	"earshot/internal/rpc"
	"earshot/internal/session"
	"earshot/protocol"
)

type clientID = protocol.ConnID

// editors is the daemon as rpc sees it: it only posts. While the inbox is full the connection's reading goroutine
// waits, and with it the editor.
type editors Daemon

func (e *editors) Opened(c *rpc.Conn) {
	d := (*Daemon)(e)
	d.postAfter(func() { d.clients[c.ID()] = c }, session.ClientOpened{Conn: c.ID()})
}

func (e *editors) Call(c *rpc.Conn, id protocol.RequestID, p protocol.DaemonParams) {
	(*Daemon)(e).post(session.ClientCalled{Conn: c.ID(), ID: id, Params: p})
}

func (e *editors) Answer(c *rpc.Conn, call uint64, result any, err *protocol.Error) {
	(*Daemon)(e).post(session.ClientAnswered{Conn: c.ID(), Call: call, Result: result, Err: err})
}

func (e *editors) Closed(c *rpc.Conn, _ error) {
	d := (*Daemon)(e)
	d.postAfter(func() { delete(d.clients, c.ID()) }, session.ClientClosed{Conn: c.ID()})
}

// tellEditor carries out what concerns an editor's connection; one that is gone hears nothing.
func (d *Daemon) tellEditor(f session.Effect) {
	switch f := f.(type) {
	case session.Reply:
		if c := d.clients[f.Conn]; c != nil {
			c.Reply(f.ID, f.Result)
		}
	case session.ReplyError:
		if c := d.clients[f.Conn]; c != nil {
			c.ReplyError(f.ID, f.Err)
		}
	case session.Notify:
		if c := d.clients[f.Conn]; c != nil {
			c.Notify(f.Params)
		}
	case session.Ask:
		if c := d.clients[f.Conn]; c != nil {
			c.Call(f.Call, f.Params)
		}
	case session.Withdraw:
		if c := d.clients[f.Conn]; c != nil {
			c.Notify(&protocol.CancelParams{ID: strconv.AppendUint(nil, f.Call, 10)})
		}
	case session.CloseClient:
		if c := d.clients[f.Conn]; c != nil {
			c.Close(reasonShown(f.Reason))
		}
	}
}

// reasonShown is what a person is told of the end of a connection: nothing if their own editor asked for it.
func reasonShown(reason string) string {
	if reason == "exit" {
		return ""
	}
	return sentence(reason)
}
