package session

import (
	"slices"

	"earshot/internal/docpath"
	"earshot/protocol"
)

func (sv *server) Widen(r protocol.Request[protocol.SessionResult], p *protocol.WidenParams) {
	e := sv.engine()
	s, err := e.hosted(p.Session)
	if err != nil {
		refuse(e, r, err)
		return
	}
	if p.Folder == "" && len(p.Documents) == 0 {
		refuse(e, r, &protocol.Error{Code: protocol.CodeInvalidParams, Message: "Name a folder or documents to share as well."})
		return
	}
	c := e.client(r.Conn)
	plan, err := e.planWiden(c, s, p)
	if err != nil {
		refuse(e, r, err)
		return
	}
	s.toWiden = append(s.toWiden, func() { e.widen(s, c, plan, r) })
	e.widenNext(s)
}

// planWiden sorts out what is named. A buffer that is shared in the session already is none to be added.
func (e *Engine) planWiden(c *client, s *session, p *protocol.WidenParams) (plan, *protocol.Error) {
	var fresh []protocol.DocumentURI
	for _, uri := range p.Documents {
		if m := c.mirror(canonical(e, uri)); m != nil && m.doc.untitled != "" {
			if m.doc.session == s {
				continue
			}
			err := protocol.Errorf(protocol.AlreadyShared, "%s is shared already in session %s.", docpath.Quote(uri), m.doc.session.id)
			err.Data.Session = m.doc.session.id
			return plan{}, err
		}
		fresh = append(fresh, uri)
	}
	pl, bad := e.planDocuments(c, fresh)
	if bad != nil || p.Folder == "" {
		return pl, bad
	}
	var err error
	if pl.folder, err = docpath.ParseFileURI(p.Folder, e.cfg.GOOS); err != nil {
		return pl, protocol.Errorf(protocol.NoSuchDocument, "%v", err)
	}
	return pl, nil
}

// widenNext lets the next of those go on who want more to be shared: what is free to the one is taken for the other.
func (e *Engine) widenNext(s *session) {
	for !s.widening && len(s.toWiden) > 0 {
		do := s.toWiden[0]
		s.toWiden = s.toWiden[1:]
		do()
	}
}

func (e *Engine) widen(s *session, c *client, pl plan, r protocol.Request[protocol.SessionResult]) {
	switch {
	case s.state == protocol.SessionEnded:
		refuse(e, r, protocol.Errorf(protocol.Ended, "This session has ended: %s.", s.reason))
		return
	case pl.folder == s.root && s.root != "" && len(pl.files) == 0 && len(pl.buffers) == 0: // it is shared
		reply(e, r, protocol.SessionResult{Session: s.info()})
		return
	case pl.folder != "" && s.root != "":
		refuse(e, r, protocol.Errorf(protocol.Conflict, "This session shares a folder already; share the other one in a session of its own."))
		return
	case pl.folder == "" && len(pl.files) == 0 && !s.onDisk:
		var added []docpath.Path
		for _, own := range pl.buffers {
			p := s.bufferPath(own.uri)
			e.addBuffer(s, own, p)
			added = append(added, p)
		}
		e.widened(s, added, added, r)
		return
	}
	ask := WidenFolder{Session: s.id, Folder: pl.folder, Files: pl.files, Allow: s.params.Allow, Taken: s.bufferPaths(), Others: map[string]string{}}
	for _, own := range pl.buffers {
		ask.Names = append(ask.Names, bufferName(own.uri))
	}
	for _, o := range e.sessions {
		if o != s && o.host && o.root != "" && o.state != protocol.SessionEnded {
			ask.Others[o.root] = o.id
		}
	}
	s.widening = true
	ask.Op = e.op(func(ev Event) {
		s.widening = false
		defer e.widenNext(s)
		got := ev.(Widened)
		switch {
		case got.Err != nil:
			refuse(e, r, got.Err)
			return
		case s.state == protocol.SessionEnded:
			refuse(e, r, protocol.Errorf(protocol.Ended, "This session has ended: %s.", s.reason))
			return
		}
		e.isOnDisk(s, got.Root)
		shown, added := got.Shown, got.Shown
		if got.Root != "" {
			added = nil // of a folder the whole is told, not what is in it
		}
		for i, own := range pl.buffers {
			if i < len(got.Names) && e.client(c.id) == c && slices.Contains(c.private, own) { // else it was closed meanwhile
				e.addBuffer(s, own, got.Names[i])
				shown, added = append(shown, got.Names[i]), append(added, got.Names[i])
			}
		}
		if got.Root != "" {
			e.tellHappening(protocol.Happening{Event: "widened", Session: s.id, URI: s.folder})
		}
		e.widened(s, shown, added, r)
	})
	e.emit(ask)
}

// widened tells everybody what is shown now, subscribers of events what was added, and attaches to it what editors here have open of it.
func (e *Engine) widened(s *session, shown, added []docpath.Path, r protocol.Request[protocol.SessionResult]) {
	reply(e, r, protocol.SessionResult{Session: s.info()})
	e.offerAll()
	var changes []change
	for _, p := range shown {
		changes = append(changes, change{kind: created, path: p})
	}
	e.filesChanged(s, changes)
	for _, p := range added {
		e.tellHappening(protocol.Happening{Event: "widened", Session: s.id, URI: docpath.SessionURI(s.id, p)})
	}
	e.changed(s)
}
