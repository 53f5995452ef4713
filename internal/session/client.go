package session

import (
	"slices"
	"time"

	"earshot/internal/text"
	"earshot/protocol"
)

// client is one connection of an editor or script.
type client struct {
	id          protocol.ConnID
	initialized bool
	name        string // what the person wants to be called; "" for the daemon's setting
	program     string // clientInfo.name, cleaned
	replica     string // one random string for each editor process; "" for a stock client
	enc         text.Encoding
	exact       bool
	admits      bool // understands session/admit
	shows       bool // follows window/showDocument
	saves       bool // and textDocument/saveBuffer
	subscribed  bool

	had     map[string]bool // the documents that were attached once: opened anew, their text says something
	mirrors []*mirror
	private []*private

	folders []protocol.DocumentURI // that are open in the editor
	lastURI protocol.DocumentURI   // of the document that it spoke of last
	hints   *hints                 // nil if its person is not shown the others by diagnostics
	leading *leading               // its person follows a member, or was called

	early        *protocol.PresenceUpdate // where it is in a document that is being looked for
	presence     *presence                // where its person is, nil if in no shared document
	placeSession *session                 // of presence
	presenceSeq  uint64
	presenceDue  time.Time // when changed cursors of others are to be told
	presenceOld  time.Time // when they were told last
	presenceGap  time.Duration
	warned       string // the last sentence shown, to not repeat it at every keystroke
}

// private is a document that a client opened and that is in no session, or not yet: what is in none stays here, for the
// moment when it is shared, and goes with the connection.
type private struct {
	uri       string // canonical
	item      protocol.TextDocumentItem
	stamp     string
	resolving bool
	again     bool     // a session opened while it was resolving
	queue     []report // changes since item
	asked     []asked  // in their order
}

// asked is a request about a document that is being looked for: it is answered once that is attached, or is known not to be.
type asked struct {
	behind int // as many of the queue
	answer func(*mirror)
}

// waits tells whether the document may yet be attached.
func (p *private) waits(c *client) bool {
	return p.resolving || slices.ContainsFunc(c.mirrors, func(m *mirror) bool { return m.closing != nil && m.closing.again == p })
}

// then has a request answered behind all that was reported.
func (p *private) then(answer func(*mirror)) { p.asked = append(p.asked, asked{len(p.queue), answer}) }

// answer answers what was asked before any more than so many of the queue.
func (p *private) answer(behind int, m *mirror) {
	for len(p.asked) > 0 && p.asked[0].behind <= behind {
		do := p.asked[0].answer
		p.asked = p.asked[1:]
		do(m)
	}
}

func newClient(id protocol.ConnID) *client { return &client{id: id, enc: text.UTF16} }

func (c *client) mirror(uri string) *mirror {
	for _, m := range c.mirrors {
		if m.key == uri {
			return m
		}
	}
	return nil
}

func (c *client) privateDoc(uri string) *private {
	for _, p := range c.private {
		if p.uri == uri {
			return p
		}
	}
	return nil
}

// dropPrivate forgets a document that will not be attached.
func (c *client) dropPrivate(p *private) {
	c.takePrivate(p)
	p.answer(len(p.queue), nil)
}

func (c *client) takePrivate(p *private) {
	c.private = slices.DeleteFunc(c.private, func(q *private) bool { return q == p })
}

// tell shows the person at c a sentence.
func (e *Engine) tell(c *client, kind protocol.MessageType, sentence string) {
	e.emit(Notify{Conn: c.id, Params: &protocol.ShowMessageParams{Type: kind, Message: sentence}})
}

// tellOnce shows a sentence unless it was the last one shown: a held key shall not flood the screen.
func (e *Engine) tellOnce(c *client, kind protocol.MessageType, sentence string) {
	if c.warned == sentence {
		return
	}
	c.warned = sentence
	e.tell(c, kind, sentence)
}

// tellSession shows everyone of this daemon in s a sentence.
func (e *Engine) tellSession(s *session, kind protocol.MessageType, sentence string) {
	for _, c := range e.clients {
		if s.has(c) {
			e.tell(c, kind, sentence)
		}
	}
}

func (e *Engine) clientCalled(ev ClientCalled) {
	c := e.client(ev.Conn)
	if c == nil {
		return
	}
	if !c.initialized && !beforeInitialize(ev.Params) {
		if ev.ID != "" {
			e.emit(ReplyError{ev.Conn, ev.ID, &protocol.Error{Code: protocol.CodeServerNotInitialized,
				Message: "send initialize first"}})
		}
		return
	}
	ev.Params.ServeDaemon((*server)(e), ev.Conn, ev.ID)
}

func beforeInitialize(p protocol.DaemonParams) bool {
	switch p.(type) {
	case *protocol.InitializeParams, *protocol.ExitParams:
		return true
	}
	return false
}

func (e *Engine) clientAnswered(ev ClientAnswered) {
	asked := e.calls[ev.Call]
	if asked == nil || asked.conn != ev.Conn {
		return
	}
	delete(e.calls, ev.Call)
	if asked.said != "" && ev.Err != nil && ev.Err.Code == protocol.CodeMethodNotFound { // it can't be asked: it is told
		e.tell(e.client(ev.Conn), protocol.MessageInfo, asked.said)
	}
	switch {
	case asked.mirror != nil:
		res, _ := ev.Result.(*protocol.ApplyWorkspaceEditResult)
		e.applyAnswered(asked.mirror, ev.Call, res, ev.Err)
	case asked.knock != nil:
		e.knockAnswered(asked.knock, ev)
	case asked.leading != nil:
		e.ledThere(asked.leading, ev.Conn)
	case asked.summons != nil:
		e.lookAnswered(asked.summons, ev)
	case asked.saving != nil:
		got, _ := ev.Result.(*protocol.SaveBufferResult)
		e.bufferSaved(asked.saving, ev.Err == nil && got != nil && got.Saved)
	case asked.command != nil:
		asked.command(ev)
	}
}

func (e *Engine) clientClosed(id protocol.ConnID) {
	c := e.client(id)
	if c == nil {
		return
	}
	for _, m := range slices.Clone(c.mirrors) {
		e.lose(m)
	}
	e.clients = slices.DeleteFunc(e.clients, func(o *client) bool { return o == c })
	for n, asked := range e.calls {
		if asked.conn == id {
			delete(e.calls, n)
		}
	}
	for _, j := range slices.Clone(e.joins) {
		if j.conn == id {
			e.cancelJoin(j)
		}
	}
	for _, s := range e.sessions {
		s.owners = slices.DeleteFunc(s.owners, func(o protocol.ConnID) bool { return o == id })
		if len(s.owners) == 0 && s.empty.IsZero() {
			s.empty = e.now
		}
		e.presenceGone(s, c)
	}
}
