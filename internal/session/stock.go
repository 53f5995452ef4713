package session

import (
	"fmt"
	"slices"
	"strings"

	"earshot/protocol"
)

// What a plugin would show by means of its editor, a stock client's person is told in sentences.

// setStock takes what initialize says about a client's folders and about what it can show.
func (c *client) setStock(p *protocol.InitializeParams) {
	if p.RootURI != "" {
		c.folders = append(c.folders, p.RootURI)
	}
	for _, folder := range p.WorkspaceFolders[:min(len(p.WorkspaceFolders), maxFolders)] {
		if folder.URI != "" && folder.URI != p.RootURI {
			c.folders = append(c.folders, folder.URI)
		}
	}
	wanted := p.InitializationOptions == nil || p.InitializationOptions.Hints == nil || *p.InitializationOptions.Hints
	able := p.Capabilities.TextDocument != nil && len(p.Capabilities.TextDocument.PublishDiagnostics) > 0
	if !c.exact && able && wanted {
		c.hints = &hints{}
	}
}

// maxFolders of an editor are looked at.
const maxFolders = 64

// tellStock tells what happened to those whose editors show it in no other way.
func (e *Engine) tellStock(h *protocol.Happening) {
	s := e.session(h.Session)
	if s == nil {
		return
	}
	sentence := s.sentenceOf(h)
	if sentence == "" {
		return
	}
	for _, c := range e.clients {
		if !s.has(c) || c.exact || c.subscribed || h.Event == "ended" && (c.id == s.toldEnd || !s.host && len(c.had) > 0) {
			continue
		}
		e.tell(c, protocol.MessageInfo, sentence)
	}
}

// sentenceOf is what happened as a sentence, "" if it is told otherwise or to nobody.
func (s *session) sentenceOf(h *protocol.Happening) string {
	if h.Event == "ended" {
		return "The session has ended: " + h.Reason + "."
	}
	if h.Member == nil {
		return map[string]string{
			"reconnecting": "The connection to the host broke; what you type is kept until it is back.",
			"returned":     "The connection to the host is back.",
		}[h.Event]
	}
	if h.Member.ID == s.me {
		return ""
	}
	who := h.Member.Name
	switch h.Event {
	case "joined":
		if h.Check != "" { // nobody was asked
			return fmt.Sprintf("%s came in as %s, check number %s.", who, h.Member.Role, h.Check)
		}
		return fmt.Sprintf("%s came in as %s.", who, h.Member.Role)
	case "returned":
		return who + " is back."
	case "reconnecting":
		return "The connection to " + who + " broke; they may come back."
	case "gone":
		return who + " gave up waiting."
	case "left":
		if h.Reason != "left" {
			return who + " left: " + h.Reason + "."
		}
		return who + " left."
	}
	return ""
}

// tellStockMembers does so at a guest, which hears of the others by lists of them.
func (e *Engine) tellStockMembers(s *session, before []*protocol.Member) {
	if len(before) == 0 {
		return // it has just come in
	}
	for _, m := range s.members {
		if !slices.ContainsFunc(before, func(was *protocol.Member) bool { return was.ID == m.ID }) {
			e.tellStock(&protocol.Happening{Event: "joined", Session: s.id, Member: m})
		}
	}
	for _, was := range before {
		if s.member(was.ID) == nil {
			e.tellStock(&protocol.Happening{Event: "left", Session: s.id, Member: was, Reason: "left"})
		}
	}
}

// unanswered tells a person whose editor could not ask about a guest, or did not, how to answer all the same.
func (e *Engine) unanswered(k *knock, ev ClientAnswered) {
	c := e.client(ev.Conn)
	cancelled := ev.Err != nil && ev.Err.Code == protocol.CodeRequestCancelled
	if c == nil || c.admits || cancelled || chosen(ev) != "" {
		return
	}
	e.tell(c, protocol.MessageInfo, fmt.Sprintf("%s (name not verified) waits to join as %s, check number %s: decide with the code actions, or with %s, %s or %s.",
		k.member.Name, k.member.Role, k.check, commandAdmit, commandAdmitViewer, commandRefuse))
}

// whoIsWhere is one sentence about all members.
func (e *Engine) whoIsWhere(s *session) string {
	var all []string
	for _, m := range s.members {
		role := string(m.Role)
		switch {
		case m.ID == s.me:
			role = "you, " + role
		case m.State != protocol.MemberHere:
			role += ", " + string(m.State)
		}
		all = append(all, e.whereIs(s, m)+" ("+role+")")
	}
	return strings.Join(all, "; ") + "."
}

// whereIs is a member's name and, if it is known, place.
func (e *Engine) whereIs(s *session, m *protocol.Member) string {
	place, _ := e.placeOf(nil, s, m.ID)
	if place == nil {
		return m.Name
	}
	t := telling{e: e, s: s}
	_, where := t.named(place)
	if where == "" {
		return m.Name
	}
	return m.Name + " in " + where
}
