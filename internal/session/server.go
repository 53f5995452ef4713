package session

import (
	"encoding/hex"
	"slices"

	"earshot/internal/crdt"
	"earshot/internal/docpath"
	"earshot/internal/screen"
	"earshot/internal/text"
	"earshot/protocol"
)

// server is the engine as editors call it.
type server Engine

var _ protocol.Daemon = (*server)(nil)

func (sv *server) engine() *Engine { return (*Engine)(sv) }

// MaxGuests a host may admit at once.
const MaxGuests = 16

// MaxMessage is the most that one message on the socket weighs: a document of 32 MiB whose every byte is escaped twice.
const MaxMessage = 64 << 20

// MaxEntries is how many files a listing shows.
const MaxEntries = 20000

func reply[R any](e *Engine, r protocol.Request[R], result R) {
	if then := e.takeAside(r.ID); then != nil {
		then(result, nil)
		return
	}
	e.emit(Reply{Conn: r.Conn, ID: r.ID, Result: result})
}

func refuse[R any](e *Engine, r protocol.Request[R], err *protocol.Error) {
	if then := e.takeAside(r.ID); then != nil {
		then(nil, err)
		return
	}
	e.emit(ReplyError{Conn: r.Conn, ID: r.ID, Err: err})
}

func (sv *server) Initialize(r protocol.Request[protocol.InitializeResult], p *protocol.InitializeParams) {
	e := sv.engine()
	c := e.client(r.Conn)
	if c.initialized {
		refuse(e, r, &protocol.Error{Code: protocol.CodeInvalidRequest, Message: "initialize was sent before; open another connection to begin anew"})
		return
	}
	c.initialize(p)
	reply(e, r, protocol.InitializeResult{
		ServerInfo: protocol.ServerInfo{Name: "earshot", Version: e.cfg.Version},
		Capabilities: protocol.ServerCapabilities{
			PositionEncoding:       c.enc.String(),
			TextDocumentSync:       protocol.TextDocumentSyncOptions{OpenClose: true, Change: 2, Save: true},
			CodeActionProvider:     true,
			ExecuteCommandProvider: protocol.ExecuteCommandOptions{Commands: commandNames()},
			Workspace: protocol.WorkspaceServerCapabilities{
				TextDocumentContent: protocol.TextDocumentContentOptions{Schemes: []string{scheme}}},
			Experimental: protocol.ExperimentalServer{Earshot: protocol.EarshotServerCapabilities{
				ProtocolVersion: protocol.Version,
				Limits:          protocol.Limits{Document: crdt.MaxText, Message: MaxMessage, Guests: MaxGuests, Entries: MaxEntries},
			}},
		},
	})
}

func (c *client) initialize(p *protocol.InitializeParams) {
	c.initialized = true
	if p.ClientInfo != nil {
		c.program = screen.Line(p.ClientInfo.Name, MaxName)
	}
	if g := p.Capabilities.General; g != nil {
		for _, name := range g.PositionEncodings {
			if enc, ok := text.ParseEncoding(name); ok {
				c.enc = enc
				break
			}
		}
	}
	if x := p.Capabilities.Experimental; x != nil && x.Earshot != nil {
		c.exact = x.Earshot.ExactVersions
		c.admits = x.Earshot.Admit || x.Earshot.ExactVersions
		c.saves = x.Earshot.Saves && c.exact
	}
	if w := p.Capabilities.Window; w != nil && w.ShowDocument != nil {
		c.shows = w.ShowDocument.Support
	}
	c.setStock(p)
	if o := p.InitializationOptions; o != nil {
		c.name = screen.Line(o.Name, MaxName)
		if c.exact {
			c.replica = o.Replica
		}
	}
}

func (sv *server) Initialized(protocol.ConnID, *protocol.InitializedParams) {}

func (sv *server) Shutdown(r protocol.Request[*protocol.Empty], _ *protocol.ShutdownParams) {
	reply(sv.engine(), r, nil)
}

func (sv *server) Exit(from protocol.ConnID, _ *protocol.ExitParams) {
	e := sv.engine()
	e.emit(CloseClient{Conn: from, Reason: "exit"})
	e.clientClosed(from)
}

func (sv *server) Cancel(from protocol.ConnID, p *protocol.CancelParams) {
	e := sv.engine()
	for _, j := range slices.Clone(e.joins) {
		if j.conn == from && string(j.request.ID) == string(p.ID) {
			e.cancelJoin(j)
		}
	}
}

func (sv *server) DidOpen(from protocol.ConnID, p *protocol.DidOpenTextDocumentParams) {
	e := sv.engine()
	c := e.client(from)
	c.lastURI = p.TextDocument.URI
	c.hints.forget(p.TextDocument.URI)
	key := docpath.CanonicalURI(p.TextDocument.URI, e.cfg.GOOS)
	old := c.mirror(key)
	if old != nil && old.closing == nil {
		e.close(old)
		old = c.mirror(key)
	}
	if was := c.privateDoc(key); was != nil {
		c.dropPrivate(was)
	}
	if len(p.TextDocument.Text) > crdt.MaxText {
		e.tell(c, protocol.MessageError, "This text is larger than 32 MiB, the most that can be shared, so it stays out of the session.")
		return
	}
	own := &private{uri: key, item: p.TextDocument}
	if p.Earshot != nil {
		own.stamp = p.Earshot.Stamp
	}
	c.private = append(c.private, own)
	if old != nil {
		old.closing.again = own
		return
	}
	e.offer(c, own)
}

func (sv *server) DidChange(from protocol.ConnID, p *protocol.DidChangeTextDocumentParams) {
	e := sv.engine()
	c := e.client(from)
	c.lastURI = p.TextDocument.URI
	key := docpath.CanonicalURI(p.TextDocument.URI, e.cfg.GOOS)
	if m := c.mirror(key); m != nil && m.closing == nil {
		before := m.doc.text.Events()
		e.didChange(m, report{change: p, at: e.now})
		e.editedStock(m, p, before)
		return
	}
	if own := c.privateDoc(key); own != nil {
		own.change(c, report{change: p, at: e.now})
		return
	}
	e.tellOnce(c, protocol.MessageError, "A change came for a document that was not opened; send textDocument/didOpen first.")
}

func (sv *server) DidClose(from protocol.ConnID, p *protocol.DidCloseTextDocumentParams) {
	e := sv.engine()
	c := e.client(from)
	key := docpath.CanonicalURI(p.TextDocument.URI, e.cfg.GOOS)
	if m := c.mirror(key); m != nil && m.closing == nil {
		e.close(m)
	}
	if own := c.privateDoc(key); own != nil {
		c.dropPrivate(own)
	}
}

func (sv *server) DidSave(from protocol.ConnID, p *protocol.DidSaveTextDocumentParams) {
	e := sv.engine()
	c := e.client(from)
	key := docpath.CanonicalURI(p.TextDocument.URI, e.cfg.GOOS)
	m := c.mirror(key)
	if m == nil {
		if own := c.privateDoc(key); own != nil {
			e.offer(c, own) // it had no file before, and now it may lie in what is shared
		}
		return
	}
	failed := func(err *protocol.Error) {
		if err != nil {
			e.tell(c, protocol.MessageError, err.Message)
		}
	}
	if m.doc.session.host && !isSessionURI(m.key) {
		e.savedByEditor(m, failed)
		return
	}
	e.save(m.doc, failed)
}

func (sv *server) Undo(r protocol.Request[protocol.UndoResult], p *protocol.UndoParams) {
	sv.engine().undoFor(r, p.TextDocument.URI, undoing)
}

func (sv *server) Redo(r protocol.Request[protocol.UndoResult], p *protocol.RedoParams) {
	sv.engine().undoFor(r, p.TextDocument.URI, redoing)
}

func (sv *server) Verify(r protocol.Request[protocol.VerifyResult], p *protocol.VerifyParams) {
	e := sv.engine()
	c := e.client(r.Conn)
	m := c.mirror(docpath.CanonicalURI(p.TextDocument.URI, e.cfg.GOOS))
	if m == nil {
		refuse(e, r, protocol.Errorf(protocol.NoSuchDocument, "This document is not open here; send textDocument/didOpen first."))
		return
	}
	sum := hashOf(m.buffer)
	idle := m.flight == nil && m.version == p.TextDocument.Version
	if !idle || hex.EncodeToString(sum[:]) == p.SHA256 {
		reply(e, r, protocol.VerifyResult{Equal: true}) // not idle: nothing can be said, ask again later
		return
	}
	e.healed++
	m.differs = true
	e.tell(c, protocol.MessageWarning, "This buffer was found to differ from the shared text; what differs is being taken as your edit.")
	reply(e, r, protocol.VerifyResult{Equal: false})
}

func (sv *server) Save(r protocol.Request[protocol.Empty], p *protocol.SaveParams) {
	e := sv.engine()
	c := e.client(r.Conn)
	e.find(c, p.TextDocument.URI, func(d *document, err *protocol.Error) {
		if err != nil {
			refuse(e, r, err)
			return
		}
		e.save(d, func(err *protocol.Error) {
			if err != nil {
				refuse(e, r, err)
				return
			}
			reply(e, r, protocol.Empty{})
		})
	})
}

func (sv *server) TextDocumentContent(r protocol.Request[protocol.TextDocumentContentResult], p *protocol.TextDocumentContentParams) {
	e := sv.engine()
	c := e.client(r.Conn)
	e.find(c, p.URI, func(d *document, err *protocol.Error) {
		if err != nil {
			refuse(e, r, err)
			return
		}
		d.pin()
		d.idle = e.now
		reply(e, r, protocol.TextDocumentContentResult{Text: d.eol.FromLF(d.text.Text().String())})
	})
}

// find gives the shared document of a URI, loading it if need be.
func (e *Engine) find(c *client, uri string, then func(*document, *protocol.Error)) {
	key := docpath.CanonicalURI(uri, e.cfg.GOOS)
	if m := c.mirror(key); m != nil {
		then(m.doc, nil)
		return
	}
	e.resolve(key, func(d *document, err *protocol.Error) {
		if d == nil && err == nil {
			err = protocol.Errorf(protocol.NoSuchDocument, "%s is in no open session; see `earshot status` for what is shared.", docpath.Quote(uri))
		}
		then(d, err)
	})
}

func (sv *server) ListSessions(r protocol.Request[protocol.ListSessionsResult], _ *protocol.ListSessionsParams) {
	e := sv.engine()
	reply(e, r, protocol.ListSessionsResult{Sessions: e.sessionInfos()})
}

func (e *Engine) sessionInfos() []protocol.Session {
	all := []protocol.Session{}
	for _, s := range e.sessions {
		if s.state != protocol.SessionEnded && s.opening == nil {
			all = append(all, s.info())
		}
	}
	return all
}

func (sv *server) Subscribe(r protocol.Request[protocol.Empty], _ *protocol.SubscribeParams) {
	e := sv.engine()
	e.client(r.Conn).subscribed = true
	reply(e, r, protocol.Empty{})
}

func (sv *server) Status(r protocol.Request[protocol.StatusResult], _ *protocol.StatusParams) {
	e := sv.engine()
	docs := 0
	for _, s := range e.sessions {
		docs += len(s.docs)
	}
	reply(e, r, protocol.StatusResult{Version: e.cfg.Version, ProtocolVersion: protocol.Version, PID: e.cfg.PID,
		Clients: len(e.clients), Documents: docs, Healed: e.healed, Sessions: e.sessionInfos()})
}

func (sv *server) Stop(r protocol.Request[protocol.Empty], p *protocol.StopParams) {
	e := sv.engine()
	if open := e.sessionInfos(); len(open) > 0 && !p.Force {
		refuse(e, r, protocol.Errorf(protocol.Conflict, "The daemon has %d open session(s); leave them first with `earshot leave`.", len(open)))
		return
	}
	reply(e, r, protocol.Empty{})
	e.shutDown()
}

// sessionOf finds the session that a request names.
func (e *Engine) sessionOf(id string) (*session, *protocol.Error) {
	s := e.session(id)
	if id == "" {
		return nil, protocol.Errorf(protocol.NoSuchSession, "The request names no session; `earshot status` lists the open ones.")
	}
	if s == nil || s.opening != nil {
		return nil, protocol.Errorf(protocol.NoSuchSession, "There is no session %s here; `earshot status` lists the open ones.", docpath.Quote(id))
	}
	if s.state == protocol.SessionEnded {
		return nil, protocol.Errorf(protocol.Ended, "This session has ended: %s.", s.reason)
	}
	return s, nil
}

// hosted is sessionOf for what only the host may do.
func (e *Engine) hosted(id string) (*session, *protocol.Error) {
	s, err := e.sessionOf(id)
	if err == nil && !s.host {
		return nil, protocol.Errorf(protocol.NotHost, "Only the host of the session can do this; ask them.")
	}
	return s, err
}

// change takes a change of a document that is in no session, or not yet.
func (own *private) change(c *client, r report) {
	own.queue = append(own.queue, r)
	if len(own.queue) > maxQueued {
		own.fold(c)
	}
}

// maxQueued changes are kept apart, in case the document is being looked for; more are folded into its text.
const maxQueued = 256

// foldFirst makes the report of an edit part of the text as opened, if the edit changed it.
func (own *private) foldFirst(c *client, before int, after *int) {
	if len(own.queue) == 0 || after != nil && *after == before {
		return
	}
	rest := own.queue[1:]
	own.queue = own.queue[:1]
	own.fold(c)
	own.queue = rest
}

// now is the text as it is after what was reported.
func (own *private) now(c *client) *text.Rope {
	end := text.DetectLineEnd(own.item.Text)
	m := &mirror{client: c, end: end}
	r, _ := c.shown(text.New(end.ToLF(own.item.Text)))
	for _, was := range own.queue {
		for i := range was.change.ContentChanges {
			patch, err := m.patchOf(r, &was.change.ContentChanges[i])
			if err != nil {
				continue // a report outside the text: the editor opens it anew when it finds out
			}
			r.Apply(patch)
		}
	}
	return r
}

// fold applies what was reported to the text as opened, which then stands as if opened so.
func (own *private) fold(c *client) {
	if len(own.queue) == 0 {
		return
	}
	own.item.Version = own.queue[len(own.queue)-1].change.TextDocument.Version
	own.item.Text = text.DetectLineEnd(own.item.Text).FromLF(own.now(c).String())
	for i := range own.asked {
		own.asked[i].behind = max(0, own.asked[i].behind-len(own.queue))
	}
	own.queue, own.stamp = nil, ""
}
