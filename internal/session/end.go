package session

import (
	"slices"

	"earshot/internal/docpath"
	"earshot/protocol"
	"earshot/protocol/wire"
)

// What a session's end on purpose is called: by the host's own people, and by guests.
const (
	youEnded  = "you ended it"
	hostEnded = "the host ended it"
)

func (sv *server) Leave(r protocol.Request[protocol.Empty], p *protocol.LeaveParams) {
	e := sv.engine()
	s, err := e.sessionOf(p.Session)
	if err != nil {
		refuse(e, r, err)
		return
	}
	if p.Unsaved != "" && p.Unsaved != protocol.UnsavedSave && p.Unsaved != protocol.UnsavedDiscard {
		refuse(e, r, &protocol.Error{Code: protocol.CodeInvalidParams, Message: "What becomes of unsaved texts is save or discard."})
		return
	}
	if uris := s.unsaved(); s.host && p.Unsaved == "" && len(uris) > 0 {
		err := protocol.Errorf(protocol.UnsavedTexts, "%d text(s) were changed and nobody has saved them; leave with unsaved \"save\" or \"discard\".", len(uris))
		err.Data.URIs = uris
		refuse(e, r, err)
		return
	}
	reason := youEnded
	if !s.host {
		reason = "you left"
	}
	e.end(s, reason, p.Unsaved, func(err *protocol.Error) {
		if err != nil {
			refuse(e, r, err)
			return
		}
		reply(e, r, protocol.Empty{})
	})
}

// unsaved lists the texts that were changed, by guests or by a script here, that no editor here has open and that nobody
// saved.
func (s *session) unsaved() []protocol.DocumentURI {
	uris := []protocol.DocumentURI{}
	for _, d := range s.docs {
		if d.ready && d.lacksSave() && d.untitled == "" && len(d.mirrors) == 0 {
			uris = append(uris, d.uri())
		}
	}
	return uris
}

// end ends a session on purpose; a host first saves what is to be saved. If that fails the session goes on.
func (e *Engine) end(s *session, reason string, unsaved protocol.Unsaved, then func(*protocol.Error)) {
	if !s.host || unsaved != protocol.UnsavedSave {
		e.over(s, reason)
		then(nil)
		return
	}
	s.endings++
	e.saveUnsaved(s, saveTries, func(failed []protocol.DocumentURI) {
		s.endings--
		if len(failed) > 0 && !e.stopping {
			err := protocol.Errorf(protocol.SaveFailed, "%d text(s) could not be saved, so the session goes on; save them elsewhere, or leave with unsaved \"discard\".", len(failed))
			err.Data.URIs = failed
			then(err)
			return
		}
		e.over(s, reason)
		then(nil)
	})
}

// saveUnsaved saves what guests changed and nobody saved, and again what they changed meanwhile, at most so many rounds.
func (e *Engine) saveUnsaved(s *session, rounds int, then func(failed []protocol.DocumentURI)) {
	uris := s.unsaved()
	if len(uris) == 0 || rounds == 0 {
		then(uris)
		return
	}
	var failed []protocol.DocumentURI
	left := len(uris)
	for _, d := range slices.Clone(s.docs) {
		if !slices.Contains(uris, d.uri()) {
			continue
		}
		e.saveHere(d, saveTries, func(err *protocol.Error) {
			if err != nil {
				failed = append(failed, d.uri())
			}
			if left--; left > 0 {
				return
			}
			if len(failed) > 0 {
				then(failed)
				return
			}
			e.saveUnsaved(s, rounds-1, then)
		})
	}
}

// over makes a session ended: for the host's side everywhere, for a guest's here.
func (e *Engine) over(s *session, reason string) {
	if s.state == protocol.SessionEnded {
		return
	}
	s.state, s.reason = protocol.SessionEnded, reason
	s.code, s.link = "", ""
	for _, k := range slices.Clone(s.knocks) {
		if !k.done {
			e.decide(k, protocol.AdmitAnswer{}, "the session has ended")
		}
	}
	for _, r := range slices.Clone(s.remotes) {
		word := wire.Bye{Kind: "ended", Reason: reason}
		switch {
		case !s.host:
			word = wire.Bye{Kind: "left", Reason: "left"}
		case reason == youEnded:
			word.Reason = hostEnded
		}
		e.frame(r, Live, &word)
		e.dropRemote(r)
		e.emit(CloseLink{Link: r.id, Reason: reason})
	}
	if s.host {
		e.emit(CloseRoom{Session: s.id})
		e.emit(CloseFolder{Session: s.id})
	} else {
		if s.rejoin != 0 {
			e.emit(CancelJoin{Join: s.rejoin})
			s.rejoin = 0
		}
		e.emit(Forget{Session: s.id, Member: s.me})
	}
	for _, asked := range s.inviting {
		refuse(e, asked, protocol.Errorf(protocol.Ended, "The session has ended: %s.", reason))
	}
	s.inviting = nil
	if s.opening != nil {
		refuse(e, *s.opening, protocol.Errorf(protocol.Ended, "The session has ended before it was open: %s.", reason))
		s.opening = nil
	}
	e.leadsEnd(s, "")
	e.closeDocuments(s)
	s.members = slices.DeleteFunc(s.members, func(m *protocol.Member) bool { return m.ID != s.me })
	e.tellHappening(protocol.Happening{Event: "ended", Session: s.id, Reason: reason})
	e.changed(s)
	for _, then := range s.takeOps() {
		then(nil)
	}
	for _, c := range e.clients {
		e.tellPresence(c, s)
	}
	e.dropEnded(s)
}

// closeDocuments ends a session's documents here. A host's editors keep their buffers, with all that guests did; a guest's
// close, but one that holds edits which never reached the host stays, read-only, and says so.
func (e *Engine) closeDocuments(s *session) {
	for _, d := range slices.Clone(s.docs) {
		d.finish(protocol.Errorf(protocol.Ended, "The session has ended: %s.", s.reason))
		switch {
		case !d.ready:
			s.drop(d)
		case s.host:
			if d.saving != nil {
				e.writeInstead(d.saving)
			}
			e.touch(d) // part lets it go
		case d.unacked():
			e.keep(d)
		default:
			for _, m := range slices.Clone(d.mirrors) {
				e.tellEnd(m)
				e.unlink(m)
			}
			s.drop(d)
		}
	}
}

// tellEnd tells a stock client, which knows nothing of sessions, that its buffer is no longer shared.
func (e *Engine) tellEnd(m *mirror) {
	if !m.client.exact {
		e.tell(m.client, protocol.MessageWarning, "The session has ended: "+m.doc.session.reason+
			". What you see of "+docpath.Quote(m.doc.path.String())+" is no longer shared; save a copy under another name if you need it.")
	}
}

// keep leaves a guest's buffers open, to be read.
func (e *Engine) keep(d *document) {
	for _, m := range d.mirrors {
		e.tell(m.client, protocol.MessageWarning, "The session ended before your last edits to this text reached the host; it stays open, read-only, so that you can copy them.")
		m.told = &protocol.DocumentChanged{URI: m.uri, Dirty: true, Readonly: true, Form: d.form, Reason: "the last edits did not reach the host"}
		sent := *m.told
		e.emit(Notify{Conn: m.client.id, Params: &sent})
	}
}

// part lets go of a host's document whose session has ended: each editor as soon as it holds everything that guests did,
// which may take a moment while its person types.
func (e *Engine) part(d *document) {
	for _, m := range slices.Clone(d.mirrors) {
		if m.flight == nil && m.settled(d.text.Head()) {
			e.release(m)
		}
	}
	if len(d.mirrors) > 0 {
		return
	}
	d.session.drop(d)
	e.dropEnded(d.session)
	e.stopIfDone()
}

func (s *session) drop(d *document) {
	s.docs = slices.DeleteFunc(s.docs, func(o *document) bool { return o == d })
}

// release gives a host's buffer back to its editor alone, or to another session that shares it.
func (e *Engine) release(m *mirror) {
	e.guess(m)
	e.unlink(m)
	if m.closing != nil {
		return // it is closed there, or opened again, which is with the private ones already
	}
	own := &private{uri: m.key, item: protocol.TextDocumentItem{
		URI: m.uri, Version: m.version, Text: m.end.FromLF(m.buffer.String())}}
	m.client.private = append(m.client.private, own)
	e.offer(m.client, own)
}

// shutDown ends everything; texts that guests changed and nobody saved are saved.
func (e *Engine) shutDown() {
	if e.stopping {
		return
	}
	e.stopping, e.stopBy = true, e.now.Add(AnswerWait)
	for _, j := range slices.Clone(e.joins) {
		e.cancelJoin(j)
	}
	left := 1
	finish := func(*protocol.Error) {
		left--
		e.ended = left == 0
		e.stopIfDone()
	}
	for _, s := range slices.Clone(e.sessions) {
		if s.state != protocol.SessionEnded {
			left++
			reason := "the host's Earshot was stopped"
			if !s.host {
				reason = "Earshot was stopped"
			}
			e.end(s, reason, protocol.UnsavedSave, finish)
		}
	}
	finish(nil)
}

// stopIfDone stops the daemon when it was asked to, every session has ended and every editor here holds what guests
// did, or had AnswerWait to take it.
func (e *Engine) stopIfDone() {
	parting := slices.ContainsFunc(e.sessions, func(s *session) bool { return s.host && len(s.docs) > 0 })
	if e.ended && (!parting || due(e.stopBy, e.now)) {
		e.ended = false
		e.emit(StopDaemon{})
	}
}
