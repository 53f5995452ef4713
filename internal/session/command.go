package session

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"earshot/internal/docpath"
	"earshot/internal/screen"
	"earshot/protocol"
)

// The commands of workspace/executeCommand: what a person does whose editor has no plugin for Earshot. Each works without
// arguments as well, because some editors send none, and none needs window/showMessageRequest, which some do not know.
const (
	commandShareFile   = "earshot.shareFile"
	commandShareFolder = "earshot.shareFolder"
	commandCopyCode    = "earshot.copyCode"
	commandCopyLink    = "earshot.copyLink"
	commandJoin        = "earshot.join"
	commandLeave       = "earshot.leave"
	commandLeaveSave   = "earshot.leaveSaving"
	commandLeaveDrop   = "earshot.leaveDiscarding"
	commandMembers     = "earshot.members"
	commandFollow      = "earshot.follow"
	commandUnfollow    = "earshot.unfollow"
	commandLookHere    = "earshot.lookHere"
	commandAdmit       = "earshot.admit"
	commandAdmitViewer = "earshot.admitViewer"
	commandRefuse      = "earshot.refuse"
)

func commandNames() []string {
	return []string{commandShareFile, commandShareFolder, commandCopyCode, commandCopyLink, commandJoin, commandLeave, commandLeaveSave,
		commandLeaveDrop, commandMembers, commandFollow, commandUnfollow, commandLookHere, commandAdmit, commandAdmitViewer, commandRefuse}
}

// commanding is one command under way: its end is told to the person, and to the editor unless that has an answer already.
type commanding struct {
	e        *Engine
	c        *client
	request  protocol.Request[protocol.ExecuteCommandResult]
	args     protocol.CommandArguments
	answered bool
}

func (sv *server) ExecuteCommand(r protocol.Request[protocol.ExecuteCommandResult], p *protocol.ExecuteCommandParams) {
	e := sv.engine()
	x := &commanding{e: e, c: e.client(r.Conn), request: r}
	if !x.read(p) {
		refuse(e, r, &protocol.Error{Code: protocol.CodeInvalidParams, Message: "The first argument of " + docpath.Quote(p.Command) + " is a string or an object; see CommandArguments in PROTOCOL.md."})
		return
	}
	switch p.Command {
	case commandShareFile:
		x.shareFile()
	case commandShareFolder:
		x.shareFolder()
	case commandCopyCode:
		x.inSession(func(s *session) { x.copyCode(s, "code", s.code) })
	case commandCopyLink:
		x.inSession(func(s *session) { x.copyCode(s, "link", s.link) })
	case commandJoin:
		x.join()
	case commandLeave:
		x.leave("")
	case commandLeaveSave:
		x.leave(protocol.UnsavedSave)
	case commandLeaveDrop:
		x.leave(protocol.UnsavedDiscard)
	case commandMembers:
		x.inSession(func(s *session) { x.done(s, e.whoIsWhere(s)) })
	case commandFollow:
		x.inSession(x.follow)
	case commandUnfollow:
		x.inSession(x.unfollow)
	case commandLookHere:
		x.inSession(x.lookHere)
	case commandAdmit:
		x.admit(protocol.AdmitAnswer{Admit: true})
	case commandAdmitViewer:
		x.admit(protocol.AdmitAnswer{Admit: true, Role: protocol.RoleViewer})
	case commandRefuse:
		x.admit(protocol.AdmitAnswer{})
	default:
		refuse(e, r, &protocol.Error{Code: protocol.CodeInvalidParams, Message: "There is no command " + docpath.Quote(p.Command) + "; executeCommandProvider lists those that there are."})
	}
}

// read takes the arguments. A bare string is the code of a join, else a member.
func (x *commanding) read(p *protocol.ExecuteCommandParams) bool {
	if len(p.Arguments) == 0 || string(p.Arguments[0]) == "null" {
		return true
	}
	var word string
	if json.Unmarshal(p.Arguments[0], &word) != nil {
		return json.Unmarshal(p.Arguments[0], &x.args) == nil
	}
	if p.Command == commandJoin {
		x.args.Code = word
	} else {
		x.args.Member = word
	}
	return true
}

// answer gives the editor its answer, so that it waits no longer.
func (x *commanding) answer(s *session, sentence string) {
	if x.answered {
		return
	}
	x.answered = true
	result := protocol.ExecuteCommandResult{Message: sentence}
	if s != nil {
		result.Session = s.id
	}
	reply(x.e, x.request, result)
}

func (x *commanding) done(s *session, sentence string) {
	x.e.tell(x.c, protocol.MessageInfo, sentence)
	x.answer(s, sentence)
}

func (x *commanding) failed(err *protocol.Error) {
	x.e.tell(x.c, protocol.MessageError, err.Message)
	if !x.answered {
		x.answered = true
		refuse(x.e, x.request, err)
	}
}

// aside is a request that a command makes of the engine, as any editor could; then takes what would be the answer.
func aside[R any](x *commanding, then func(R, *protocol.Error)) protocol.Request[R] {
	e := x.e
	e.lastAside++
	id := protocol.RequestID("aside " + strconv.FormatUint(e.lastAside, 10)) // no JSON: no editor's id
	e.asides[id] = func(result any, err *protocol.Error) {
		r, _ := result.(R)
		then(r, err)
	}
	return protocol.Request[R]{Conn: x.c.id, ID: id}
}

// takeAside gives who waits for the answer to a request, nil if that is an editor.
func (e *Engine) takeAside(id protocol.RequestID) func(any, *protocol.Error) {
	then := e.asides[id]
	delete(e.asides, id)
	return then
}

// orFail passes on a result that is no error.
func orFail[R any](x *commanding, then func(R)) func(R, *protocol.Error) {
	return func(r R, err *protocol.Error) {
		if err != nil {
			x.failed(err)
			return
		}
		then(r)
	}
}

// inSession does something in the session that is meant.
func (x *commanding) inSession(do func(*session)) {
	s, err := x.session()
	if err != nil {
		x.failed(err)
		return
	}
	do(s)
}

// session finds the one that is meant: that of the arguments, that of the document, or the only one.
func (x *commanding) session() (*session, *protocol.Error) {
	if x.args.Session != "" {
		return x.e.sessionOf(x.args.Session)
	}
	if m := x.c.mirror(canonical(x.e, x.uri())); m != nil && m.doc.session.state != protocol.SessionEnded {
		return m.doc.session, nil
	}
	switch open := x.e.sessionsOf(x.c); len(open) {
	case 0:
		return nil, protocol.Errorf(protocol.NoSuchSession, "Nothing is shared here and you are in nobody's session; share something, or join by a code, first.")
	case 1:
		return open[0], nil
	default:
		return nil, protocol.Errorf(protocol.NoSuchSession, "%d sessions are open; go to a text of the one that you mean and try again.", len(open))
	}
}

// sessionsOf are the open sessions of a client, or of all clients if it has none.
func (e *Engine) sessionsOf(c *client) []*session {
	var own, all []*session
	for _, s := range e.sessions {
		if s.state == protocol.SessionEnded || s.opening != nil {
			continue
		}
		all = append(all, s)
		if s.has(c) {
			own = append(own, s)
		}
	}
	if len(own) > 0 {
		return own
	}
	return all
}

// uri is the document that is meant: that of the arguments, or that of which the editor spoke last.
func (x *commanding) uri() protocol.DocumentURI {
	if x.args.URI != "" {
		return x.args.URI
	}
	return x.c.lastURI
}

func (x *commanding) shareFile() {
	uri := x.uri()
	if uri == "" {
		x.failed(protocol.Errorf(protocol.NoSuchDocument, "No document is open in this editor; open the one that you want to share."))
		return
	}
	if m := x.c.mirror(canonical(x.e, uri)); m != nil && m.doc.session.state != protocol.SessionEnded {
		x.done(m.doc.session, x.e.shownName(uri)+" is shared already"+toGetIn(m.doc.session)+".")
		return
	}
	x.share(protocol.ShareParams{Documents: []protocol.DocumentURI{uri}}, x.e.shownName(uri))
}

func (x *commanding) shareFolder() {
	folder := x.c.folderOf(x.e, x.uri())
	if folder == "" {
		x.failed(protocol.Errorf(protocol.NoSuchDocument, "This editor has named no folder; open one in it, or run `earshot share` there."))
		return
	}
	x.share(protocol.ShareParams{Folder: folder}, x.e.shownName(folder))
}

// folderOf gives the editor's folder that a document lies in, or its first.
func (c *client) folderOf(e *Engine, uri protocol.DocumentURI) protocol.DocumentURI {
	for _, folder := range c.folders {
		if strings.HasPrefix(canonical(e, uri), strings.TrimSuffix(canonical(e, folder), "/")+"/") {
			return folder
		}
	}
	if len(c.folders) > 0 {
		return c.folders[0]
	}
	return ""
}

// share opens a session, or widens the one that this editor shares.
func (x *commanding) share(p protocol.ShareParams, name string) {
	sv := (*server)(x.e)
	if s := x.e.sharedBy(x.c); s != nil {
		sv.Widen(aside(x, orFail(x, func(protocol.SessionResult) {
			x.done(s, name+" is shared too"+toGetIn(s)+".")
		})), &protocol.WidenParams{Session: s.id, Folder: p.Folder, Documents: p.Documents})
		return
	}
	sv.Share(aside(x, orFail(x, func(r protocol.SessionResult) {
		s := x.e.session(r.Session.ID)
		x.e.copy(invitation(s), func(copied bool) { x.done(s, name+" is shared"+toGetIn(s)+inClipboard(copied)+".") })
	})), &p)
}

// sharedBy is the session that a client shares, nil if there is none.
func (e *Engine) sharedBy(c *client) *session {
	for _, s := range e.sessionsOf(c) {
		if s.host && s.has(c) {
			return s
		}
	}
	return nil
}

// invitation is what lets others in from the furthest.
func invitation(s *session) string {
	if s.link != "" {
		return s.link
	}
	return s.code
}

// toGetIn says how others come in, as the end of a sentence.
func toGetIn(s *session) string {
	switch {
	case s.code == "":
		return ""
	case s.link == "":
		return ": code " + s.code
	}
	return ": code " + s.code + ", link " + s.link
}

func inClipboard(copied bool) string {
	if copied {
		return " (copied)"
	}
	return ""
}

func (x *commanding) copyCode(s *session, what, value string) {
	switch {
	case !s.host:
		x.failed(protocol.Errorf(protocol.NotHost, "Only the host of the session has its %s; ask them.", what))
	case value == "":
		x.failed(protocol.Errorf(protocol.CodeBurnt, "The session has no %s now; `earshot invite` makes a new one.", what))
	default:
		x.e.copy(value, func(copied bool) {
			if copied {
				x.done(s, fmt.Sprintf("The %s is %s, and in the clipboard.", what, value))
				return
			}
			x.done(s, fmt.Sprintf("The %s is %s; no program for the clipboard was found.", what, value))
		})
	}
}

// copy puts a text into the clipboard, if there is one, and goes on.
func (e *Engine) copy(value string, then func(copied bool)) {
	if value == "" {
		then(false)
		return
	}
	op := e.op(func(ev Event) { then(ev.(Copied).Done) })
	e.emit(Copy{Op: op, Text: value})
}

// join enters a session. Its host's people may take minutes, for which no editor waits: it is answered at once.
func (x *commanding) join() {
	if x.args.Code == "" {
		x.failed(protocol.Errorf(protocol.BadCode, "No code was given; put the cursor on a code or link and choose the code action, or give it as the argument."))
		return
	}
	asked := aside(x, orFail(x, func(r protocol.SessionResult) {
		s := x.e.session(r.Session.ID)
		if s.host {
			x.done(s, "This is your own session; it goes on.")
			return
		}
		x.done(s, fmt.Sprintf("You are in %s session as %s; its texts are %s…", possessive(s.hostName()), s.role, docpath.SessionURI(s.id, docpath.Path{})))
	}))
	(*server)(x.e).Join(asked, &protocol.JoinParams{Code: x.args.Code})
	for _, j := range x.e.joins {
		if j.request.ID == asked.ID {
			j.told = x.c
		}
	}
	x.answer(nil, "Looking for the session; what comes of it is told.")
}

func (s *session) hostName() string {
	for _, m := range s.members {
		if m.Role == protocol.RoleHost {
			return m.Name
		}
	}
	return "the host"
}

func possessive(name string) string {
	if name == "the host" {
		return "the host's"
	}
	return name + "'s"
}

// tellJoining tells one who joined by a command how far that is: an editor without a plugin shows no progress.
func (j *join) tellJoining(e *Engine, ev JoinProgressed) {
	if j.told != nil && ev.Check != "" {
		e.tell(j.told, protocol.MessageInfo, "The host is asked to let you in; your check number is "+ev.Check+".")
	}
}

// leave leaves a session, or gives up a join that waits. What becomes of texts that nobody saved is asked, and the editor
// is answered at once then, as with join.
func (x *commanding) leave(unsaved protocol.Unsaved) {
	for _, j := range slices.Clone(x.e.joins) {
		if j.conn == x.c.id && j.told != nil {
			x.e.cancelJoin(j) // which is told
			x.answer(nil, "Joining was cancelled.")
			return
		}
	}
	x.inSession(func(s *session) { x.leaveSession(s, unsaved) })
}

// The answers to what becomes of unsaved texts.
const (
	answerSave    = "Save and leave"
	answerDiscard = "Discard and leave"
	answerStay    = "Stay"
)

func (x *commanding) leaveSession(s *session, unsaved protocol.Unsaved) {
	host := s.hostName()
	s.toldEnd = x.c.id
	(*server)(x.e).Leave(aside(x, func(_ protocol.Empty, err *protocol.Error) {
		if err != nil {
			s.toldEnd = 0 // it goes on, and may end otherwise
		}
		switch {
		case err == nil && s.host:
			x.done(nil, "The session has ended for all.")
		case err == nil:
			x.done(nil, "You have left "+possessive(host)+" session.")
		case protocol.KindOf(err) == protocol.UnsavedTexts:
			x.askUnsaved(s, err.Data.URIs)
		default:
			x.failed(err)
		}
	}), &protocol.LeaveParams{Session: s.id, Unsaved: unsaved})
}

// maxListed names are shown in a sentence; it says how many more there are.
const maxListed = 5

func (e *Engine) listed(uris []protocol.DocumentURI) string {
	var names []string
	for _, uri := range uris[:min(len(uris), maxListed)] {
		names = append(names, e.shownName(uri))
	}
	all := strings.Join(names, ", ")
	if more := len(uris) - maxListed; more > 0 {
		all += fmt.Sprintf(" and %d more", more)
	}
	return all
}

func (x *commanding) askUnsaved(s *session, uris []protocol.DocumentURI) {
	sentence := fmt.Sprintf("Nobody has saved the changes in %s.", x.e.listed(uris))
	x.e.ask(x.c, &protocol.ShowMessageRequestParams{Type: protocol.MessageWarning, Message: sentence + " End the session for all?",
		Actions: []protocol.MessageActionItem{{Title: answerSave}, {Title: answerDiscard}, {Title: answerStay}},
	}, call{command: func(ev ClientAnswered) {
		switch chosen(ev) {
		case answerSave:
			x.leaveSession(s, protocol.UnsavedSave)
		case answerDiscard:
			x.leaveSession(s, protocol.UnsavedDiscard)
		case answerStay:
		default:
			x.e.tell(x.c, protocol.MessageWarning, sentence+" End the session with "+commandLeaveSave+" or "+commandLeaveDrop+".")
		}
	}})
	x.answer(s, sentence+" You are asked what becomes of them.")
}

// chosen is the answer to a window/showMessageRequest, "" if there is none.
func chosen(ev ClientAnswered) string {
	if item, ok := ev.Result.(*protocol.MessageActionItem); ok && item != nil && ev.Err == nil {
		return item.Title
	}
	return ""
}

// other finds the member that is meant among those that ok takes: that of the arguments, or the only one.
func (x *commanding) other(s *session, ok func(*protocol.Member) bool, nobody string) (*protocol.Member, *protocol.Error) {
	var found []*protocol.Member
	for _, m := range s.members {
		if m.ID == s.me || !ok(m) {
			continue
		}
		if x.args.Member == "" || x.args.Member == m.ID || x.args.Member == m.Name {
			found = append(found, m)
		}
	}
	switch len(found) {
	case 0:
		return nil, protocol.Errorf(protocol.NoSuchMember, "%s", nobody)
	case 1:
		return found[0], nil
	}
	var names []string
	for _, m := range found {
		names = append(names, m.Name)
	}
	return nil, protocol.Errorf(protocol.NoSuchMember, "Say whom you mean: %s; choose the code action, or give the name as the argument.", strings.Join(names, ", "))
}

func isHere(m *protocol.Member) bool { return m.State == protocol.MemberHere }

func (x *commanding) follow(s *session) {
	m, err := x.other(s, isHere, "There is nobody else here to follow.")
	if err != nil {
		x.failed(err)
		return
	}
	(*server)(x.e).Follow(aside(x, orFail(x, func(protocol.Empty) {
		x.done(s, "You follow "+m.Name+" until you type.")
	})), &protocol.FollowParams{Session: s.id, Member: &m.ID})
}

func (x *commanding) unfollow(s *session) {
	(*server)(x.e).Follow(aside(x, orFail(x, func(protocol.Empty) {
		x.done(s, "You follow nobody.")
	})), &protocol.FollowParams{Session: s.id})
}

func (x *commanding) lookHere(s *session) {
	if m := x.c.mirror(canonical(x.e, x.uri())); m != nil && x.args.Range != nil {
		x.e.placeStock(m, *x.args.Range)
	}
	(*server)(x.e).Summon(aside(x, orFail(x, func(protocol.Empty) {
		x.done(s, "The others are asked to look here.")
	})), &protocol.SummonParams{Session: s.id})
}

func (x *commanding) admit(answer protocol.AdmitAnswer) {
	sessions := x.e.sessionsOf(x.c)
	if x.args.Session != "" {
		sessions = slices.DeleteFunc(sessions, func(s *session) bool { return s.id != x.args.Session })
	}
	waits := func(m *protocol.Member) bool { return m.State == protocol.MemberWaiting }
	for _, s := range sessions {
		if !s.host || !slices.ContainsFunc(s.members, waits) {
			continue
		}
		m, err := x.other(s, waits, "Nobody of that name is waiting.")
		if err != nil {
			x.failed(err)
			return
		}
		name := m.Name
		(*server)(x.e).AdmitMember(aside(x, orFail(x, func(protocol.Empty) {
			if answer.Admit {
				x.done(s, name+" is let in.")
				return
			}
			x.done(s, name+" is turned away.")
		})), &protocol.AdmitMemberParams{Session: s.id, Member: m.ID, Admit: answer.Admit, Role: answer.Role})
		return
	}
	x.failed(protocol.Errorf(protocol.NoSuchMember, "Nobody is waiting to come in."))
}

// shownName is the last part of a document's name, fit for a screen.
func (e *Engine) shownName(uri protocol.DocumentURI) string {
	name := uri
	if file, err := docpath.ParseFileURI(uri, e.cfg.GOOS); err == nil {
		name = file
	} else if _, p, err := docpath.ParseSessionURI(uri); err == nil {
		name = p.String()
	}
	name = strings.TrimRight(name, `/\`)
	name = name[strings.LastIndexAny(name, `/\:`)+1:]
	if name = screen.Line(name, MaxName); name == "" {
		return "the text"
	}
	return name
}
