package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"go.uber.org/zap"

	"earshot/internal/rpc"
	"earshot/protocol"
)

// startHop sets up an editor and what is no more than a daemon's socket: each didChange comes back as an applyEdit at once.
// The first hop is one way, both are the two that a keystroke takes between two editors.
func startHop(ctx context.Context, w *workshop, s *scene) error {
	socket := w.place("hop.sock")
	edits := strconv.Itoa(w.edits())
	daemon, err := s.part("daemon", "hop-daemon", socket, edits)
	if err != nil {
		return err
	}
	if _, err := daemon.await(ctx, ready, patience); err != nil {
		return err
	}
	if s.sender, err = s.part("editor", "hop-editor", socket, edits); err != nil {
		return err
	}
	s.receivers = []*child{daemon, s.sender}
	return nil
}

func hopDaemon(p *program, args []string) error {
	asDaemon()
	edits, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	l, err := rpc.Listen(args[0])
	if err != nil {
		return err
	}
	p.say(note{Kind: ready})
	return rpc.Serve(context.Background(), l, &hopHandler{program: p, edits: edits}, zap.NewNop())
}

// hopHandler stamps changes and returns them as edits. One connection is all it ever has.
type hopHandler struct {
	program *program
	edits   int
	stamps  []int64
}

func (h *hopHandler) Opened(*rpc.Conn)                               {}
func (h *hopHandler) Closed(*rpc.Conn, error)                        {}
func (h *hopHandler) Answer(*rpc.Conn, uint64, any, *protocol.Error) {}

func (h *hopHandler) Call(c *rpc.Conn, _ protocol.RequestID, p protocol.DaemonParams) {
	at := now()
	change, ok := p.(*protocol.DidChangeTextDocumentParams)
	if !ok {
		return
	}
	h.stamps = append(h.stamps, at)
	c.Call(uint64(len(h.stamps)), &protocol.ApplyWorkspaceEditParams{
		Edit: protocol.WorkspaceEdit{DocumentChanges: []protocol.TextDocumentEdit{{
			TextDocument: change.TextDocument,
			Edits:        []protocol.TextEdit{{Range: *change.ContentChanges[0].Range, NewText: change.ContentChanges[0].Text}},
		}}},
		Earshot: &protocol.Stamp{Stamp: hopStamp},
	})
	if len(h.stamps) == h.edits {
		h.program.say(note{Kind: got, Stamps: h.stamps})
	}
}

// hopStamp is as long as a document's stamp with one head.
const hopStamp = "AQphYmNkZWZnaGlqAAAAAAAAAAEAAAAAAAAAAeAH"

func hopEditor(p *program, args []string) error {
	edits, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	conn, err := rpc.Dial(context.Background(), args[0])
	if err != nil {
		return err
	}
	back := &echoes{want: edits, full: make(chan struct{})}
	rpc.Connect(context.Background(), conn, back)
	person := newTypist("file:///home/ada/earshot/internal/session/notes.md", manuscript(smallText))
	err = p.begin(func(k int) (int64, error) {
		frame, err := frameOf(person.press(k))
		if err != nil {
			return 0, err
		}
		at := now()
		_, err = conn.Write(frame) // past the client, whose queue an editor of another make does not have
		return at, err
	})
	if err != nil {
		return err
	}
	<-back.full
	if back.err != nil {
		return back.err
	}
	p.say(note{Kind: got, Stamps: back.stamps})
	return nil
}

// echoes stamps the edits that come back, and answers them.
type echoes struct {
	stamps []int64
	want   int
	err    error
	full   chan struct{} // closed when all have come, or err is set
}

func (e *echoes) Call(c *rpc.Client, id protocol.RequestID, p protocol.EditorParams) {
	at := now()
	edit, ok := p.(*protocol.ApplyWorkspaceEditParams)
	if !ok {
		e.end(fmt.Errorf("got %s, want an edit", p.Method()))
		return
	}
	e.stamps = append(e.stamps, at)
	version := edit.Edit.DocumentChanges[0].TextDocument.Version
	if err := c.Reply(id, &protocol.ApplyWorkspaceEditResult{Applied: true, Version: &version}); err != nil {
		e.end(err)
		return
	}
	if len(e.stamps) == e.want {
		e.end(nil)
	}
}

func (e *echoes) Closed(_ *rpc.Client, err error) {
	e.end(errors.Join(errors.New("the connection ended too early"), err))
}

// end is called in the connection's goroutine; the first time counts.
func (e *echoes) end(err error) {
	select {
	case <-e.full:
	default:
		e.err = err
		close(e.full)
	}
}
