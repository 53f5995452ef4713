package session

import (
	"fmt"
	"strings"

	"earshot/internal/text"
	"earshot/protocol"
)

// MaxActions bounds the code actions that are offered at once: who waits, who can be followed, and the few others.
const MaxActions = 40

// offering is a list of code actions being made.
type offering struct {
	e    *Engine
	c    *client
	uri  protocol.DocumentURI
	at   protocol.Range
	list []protocol.Command
}

func (sv *server) CodeAction(r protocol.Request[[]protocol.Command], p *protocol.CodeActionParams) {
	e := sv.engine()
	o := &offering{e: e, c: e.client(r.Conn), uri: p.TextDocument.URI, at: p.Range, list: []protocol.Command{}}
	o.c.lastURI = o.uri
	m := o.c.mirror(canonical(e, o.uri))
	if m != nil {
		e.placeStock(m, p.Range)
	}
	if len(p.Context.Only) > 0 {
		reply(e, r, o.list) // an editor that puts imports in order when it saves, say
		return
	}
	o.waiting()
	o.joining()
	if p.Context.TriggerKind != triggeredByItself { // else every line of every text would have a light bulb
		o.sharing(m)
		for _, s := range e.sessionsOf(o.c) {
			o.session(s, m)
		}
	}
	reply(e, r, o.list[:min(len(o.list), MaxActions)])
}

// triggeredByItself is LSP's CodeActionTriggerKind.Automatic.
const triggeredByItself = 2

func (o *offering) add(command, title string, args protocol.CommandArguments) {
	o.list = append(o.list, protocol.Command{Title: "Earshot: " + title, Command: command, Arguments: []protocol.CommandArguments{args}})
}

// waiting offers to let in who waits.
func (o *offering) waiting() {
	for _, s := range o.e.sessionsOf(o.c) {
		for _, k := range s.knocks {
			if k.done {
				continue
			}
			args := protocol.CommandArguments{Session: s.id, Member: k.member.ID}
			who := fmt.Sprintf("%s (check number %s)", k.member.Name, k.check)
			if k.member.Role == protocol.RoleEditor {
				o.add(commandAdmit, "Let "+who+" edit", args)
			}
			o.add(commandAdmitViewer, "Let "+who+" view", args)
			o.add(commandRefuse, "Turn away "+who, args)
		}
	}
}

// joining offers to join by the code or link under the cursor, or to stop joining.
func (o *offering) joining() {
	for _, j := range o.e.joins {
		if j.told == o.c {
			o.add(commandLeave, "Stop joining", protocol.CommandArguments{})
			return
		}
	}
	code, server := o.invitation()
	switch {
	case code == "":
	case server == "":
		o.add(commandJoin, "Join by this code", protocol.CommandArguments{Code: code})
	default:
		o.add(commandJoin, "Join by this link, at "+server, protocol.CommandArguments{Code: code})
	}
}

func (o *offering) sharing(m *mirror) {
	if m != nil && m.doc.session.state != protocol.SessionEnded {
		return
	}
	if isSessionURI(canonical(o.e, o.uri)) {
		return
	}
	s, too := o.e.sharedBy(o.c), ""
	if s != nil {
		too = " too"
	}
	o.add(commandShareFile, "Share "+o.e.shownName(o.uri)+too, protocol.CommandArguments{URI: o.uri})
	if folder := o.c.folderOf(o.e, o.uri); folder != "" && (s == nil || s.root == "") {
		o.add(commandShareFolder, "Share the folder "+o.e.shownName(folder)+too, protocol.CommandArguments{URI: o.uri})
	}
}

// session offers what has a use in a session; m is the mirror of the document, if that is in one.
func (o *offering) session(s *session, m *mirror) {
	args := protocol.CommandArguments{Session: s.id}
	if s.code != "" {
		o.add(commandCopyCode, "Copy the code", args)
	}
	if s.link != "" {
		o.add(commandCopyLink, "Copy the link", args)
	}
	others := 0
	for _, other := range s.members {
		if other.ID == s.me || !isHere(other) {
			continue
		}
		others++
		if o.c.shows {
			o.add(commandFollow, "Follow "+other.Name, protocol.CommandArguments{Session: s.id, Member: other.ID})
		}
	}
	if others > 0 && o.c.shows {
		o.add(commandUnfollow, "Follow nobody", args)
	}
	if others > 0 && m != nil && m.doc.session == s {
		o.add(commandLookHere, "Ask the others to look here", protocol.CommandArguments{Session: s.id, URI: o.uri, Range: &o.at})
	}
	o.add(commandMembers, "Tell who is where", args)
	if s.host {
		o.add(commandLeave, "End the session for all", args)
		return
	}
	o.add(commandLeave, "Leave "+possessive(s.hostName())+" session", args)
}

// Bounds of the search for a code: a line is looked at only around the cursor, and a text that is in no session, of which no rope is
// kept, only if it is not large.
const (
	maxAround  = 1100 // code points on either side: more than a link has
	maxUnknown = 1 << 20
)

// invitation gives the code or link at the range, and of a link the server.
func (o *offering) invitation() (code, server string) {
	if o.e.cfg.Invitation == nil {
		return "", ""
	}
	r := o.c.textOf(canonical(o.e, o.uri))
	if r == nil {
		return "", ""
	}
	from, err := r.Offset(text.Position(o.at.Start), o.c.enc, text.Before)
	to, err2 := r.Offset(text.Position(o.at.End), o.c.enc, text.Before)
	if err != nil || err2 != nil || to < from || to-from > maxAround {
		return "", ""
	}
	if from < to { // what the person selected is meant, however it is written
		typed := strings.TrimSpace(r.Slice(from, to))
		server, ok := o.e.cfg.Invitation(typed)
		return chosenIf(ok, typed), server
	}
	word := wordAt(r, from)
	if !strings.Contains(word, "://") && word != strings.ToUpper(word) {
		return "", "" // as it is shown; else one in 32 of all hyphenated words would be a code
	}
	server, ok := o.e.cfg.Invitation(word)
	return chosenIf(ok, word), server
}

func chosenIf(ok bool, s string) string {
	if !ok {
		return ""
	}
	return s
}

// wordAt is what stands around a place, up to white space and what encloses a code or link in prose.
func wordAt(r *text.Rope, at int) string {
	around := func(c rune) bool { return strings.ContainsRune(" \t\n\"'`<>()[]{},;", c) }
	before := r.Slice(max(0, at-maxAround), at)
	before = before[strings.LastIndexFunc(before, around)+1:] // all of those are one byte
	behind := r.Slice(at, min(r.Len(), at+maxAround))
	if i := strings.IndexFunc(behind, around); i >= 0 {
		behind = behind[:i]
	}
	return strings.TrimRight(before+behind, ".:!?")
}

// textOf is what a client's buffer holds, nil if that is not known.
func (c *client) textOf(key string) *text.Rope {
	if m := c.mirror(key); m != nil {
		return m.buffer
	}
	own := c.privateDoc(key)
	if own == nil || len(own.item.Text) > maxUnknown {
		return nil
	}
	return own.now(c)
}

// placeStock takes for the place of a person what a stock client tells of it by the way.
func (e *Engine) placeStock(m *mirror, at protocol.Range) {
	if m.client.exact {
		return // it tells by presence/update
	}
	(*server)(e).UpdatePresence(m.client.id, &protocol.PresenceUpdate{
		TextDocument: &protocol.TextDocumentIdentifier{URI: m.uri},
		Selections:   []protocol.Selection{{Anchor: at.Start, Active: at.End}},
	})
}

// editedStock does so with the end of what the person has just typed; what the client was asked for makes no events.
func (e *Engine) editedStock(m *mirror, p *protocol.DidChangeTextDocumentParams, events int) {
	if m.client.exact || m.doc.text.Events() <= events || m.astray || len(p.ContentChanges) == 0 {
		return
	}
	last := p.ContentChanges[len(p.ContentChanges)-1]
	if last.Range == nil {
		return
	}
	start, err := m.buffer.Offset(text.Position(last.Range.Start), m.client.enc, text.Before)
	if err != nil {
		return
	}
	end := min(start+len([]rune(m.end.ToLF(last.Text))), m.buffer.Len())
	at := protocol.Position(m.buffer.Position(end, m.client.enc))
	e.placeStock(m, protocol.Range{Start: at, End: at})
}
