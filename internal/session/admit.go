package session

import (
	"fmt"
	"slices"

	"earshot/internal/screen"
	"earshot/protocol"
	"earshot/protocol/wire"
)

// MaxKnocks is how many guests may wait for an answer at once; more are refused, so that the host's people are not flooded.
const MaxKnocks = 5

// The answers that a stock client's window/showMessageRequest offers.
const (
	answerEditor = "Allow editing"
	answerViewer = "Allow viewing"
	answerRefuse = "Refuse"
)

func (e *Engine) knocked(s *session, ev Knocked) {
	k := &knock{intro: ev.Intro, s: s, check: ev.Check, since: e.now, wished: ev.Role}
	k.member = &protocol.Member{ID: e.id(), Name: screen.Line(ev.Name, MaxName), Color: s.freeColor(),
		Role: s.grant(ev.Role), State: protocol.MemberWaiting, Client: screen.Line(ev.Client, MaxName), Check: ev.Check}
	if k.member.Name == "" {
		k.member.Name = "somebody"
	}
	k.member.Name = s.calledApart(k.member.Name)
	if s.state == protocol.SessionEnded {
		e.emit(Decide{Session: s.id, Intro: ev.Intro, Kind: protocol.Ended, Why: "the session has ended"})
		return
	}
	if s.guests() >= s.mostGuests() {
		e.emit(Decide{Session: s.id, Intro: ev.Intro, Kind: protocol.RoomFull, Why: isFull})
		e.tellHappening(protocol.Happening{Event: "refused", Session: s.id, Member: k.member, Reason: isFull})
		return
	}
	if len(s.knocks) >= MaxKnocks {
		e.emit(Decide{Session: s.id, Intro: ev.Intro, Kind: protocol.RateLimited, Why: "too many people are waiting; try again in a minute"})
		return
	}
	s.knocks = append(s.knocks, k)
	s.members = append(s.members, k.member)
	if s.admitsAll() {
		e.decide(k, protocol.AdmitAnswer{Admit: true}, "")
		return
	}
	e.tellHappening(protocol.Happening{Event: "waiting", Session: s.id, Member: s.memberInfo(k.member.ID), Check: k.check})
	e.changed(s)
	for _, c := range e.clients {
		if s.has(c) {
			e.askAdmission(c, k)
		}
	}
}

// admitsAll tells whether guests come in unasked.
func (s *session) admitsAll() bool { return s.params.Admit == protocol.AdmitAuto && !s.asks }

// grant is the role that a guest gets if the host's people just say yes.
func (s *session) grant(wished protocol.Role) protocol.Role {
	if s.params.Role == protocol.RoleViewer || wished == protocol.RoleViewer {
		return protocol.RoleViewer
	}
	return protocol.RoleEditor
}

const isFull = "the session is full"

// guests counts those who are let in. Who waits keeps nobody out.
func (s *session) guests() int {
	n := len(s.members) - 1
	for _, k := range s.knocks {
		if !k.done {
			n--
		}
	}
	return n
}

func (s *session) mostGuests() int {
	switch {
	case s.params.Guests > 0:
		return s.params.Guests
	case s.params.Admit == protocol.AdmitAuto:
		return 1
	}
	return MaxGuests
}

func (e *Engine) askAdmission(c *client, k *knock) {
	if c.admits {
		n := e.ask(c, &protocol.AdmitQuestion{Session: k.s.id, Member: *k.member, Check: k.check}, call{knock: k})
		k.asked = append(k.asked, question{n, c.id})
		return
	}
	with := ""
	if k.member.Client != "" {
		with = " with " + k.member.Client
	}
	n := e.ask(c, &protocol.ShowMessageRequestParams{
		Type: protocol.MessageInfo,
		Message: fmt.Sprintf("%s (name not verified)%s wants to join as %s. Check number %s: compare it with theirs.",
			k.member.Name, with, k.member.Role, k.check),
		Actions: []protocol.MessageActionItem{{Title: answerEditor}, {Title: answerViewer}, {Title: answerRefuse}},
	}, call{knock: k})
	k.asked = append(k.asked, question{n, c.id})
}

// knockAnswered takes one editor's answer: the first real one wins; an error or no choice is none.
func (e *Engine) knockAnswered(k *knock, ev ClientAnswered) {
	k.asked = slices.DeleteFunc(k.asked, func(q question) bool { return q.call == ev.Call })
	if k.done {
		return
	}
	e.unanswered(k, ev)
	if ev.Err != nil {
		return
	}
	switch got := ev.Result.(type) {
	case *protocol.AdmitAnswer:
		if got != nil {
			e.decide(k, *got, "the host said no")
		}
	case *protocol.MessageActionItem:
		if got != nil && got.Title != "" {
			e.decide(k, stockAnswer(got.Title), "the host said no")
		}
	}
}

func stockAnswer(title string) protocol.AdmitAnswer {
	switch title {
	case answerEditor:
		return protocol.AdmitAnswer{Admit: true, Role: protocol.RoleEditor}
	case answerViewer:
		return protocol.AdmitAnswer{Admit: true, Role: protocol.RoleViewer}
	}
	return protocol.AdmitAnswer{}
}

func (sv *server) AdmitMember(r protocol.Request[protocol.Empty], p *protocol.AdmitMemberParams) {
	e := sv.engine()
	s, err := e.hosted(p.Session)
	if err != nil {
		refuse(e, r, err)
		return
	}
	if p.Role != "" && p.Role != protocol.RoleEditor && p.Role != protocol.RoleViewer {
		refuse(e, r, &protocol.Error{Code: protocol.CodeInvalidParams, Message: "A guest's role is editor or viewer."})
		return
	}
	for _, k := range s.knocks {
		if k.member.ID == p.Member && !k.done {
			if p.Admit && s.guests() >= s.mostGuests() {
				refuse(e, r, protocol.Errorf(protocol.RoomFull, "%d guest(s) are in, as many as you allowed; have one leave first, or share with more.", s.mostGuests()))
				return
			}
			e.decide(k, protocol.AdmitAnswer{Admit: p.Admit, Role: p.Role}, "the host said no")
			reply(e, r, protocol.Empty{})
			return
		}
	}
	refuse(e, r, protocol.Errorf(protocol.NoSuchMember, "Nobody of that id is waiting; `earshot status` lists who is."))
}

// decide ends the waiting of a guest.
func (e *Engine) decide(k *knock, answer protocol.AdmitAnswer, why string) {
	s := k.s
	full := answer.Admit && s.guests() >= s.mostGuests()
	k.done = true
	e.withdraw(k)
	if full {
		e.tellSession(s, protocol.MessageWarning, fmt.Sprintf("%s could not come in: %d guest(s) are in, as many as you allowed.", k.member.Name, s.mostGuests()))
		e.emit(Decide{Session: s.id, Intro: k.intro, Kind: protocol.RoomFull, Why: isFull})
		e.tellHappening(protocol.Happening{Event: "refused", Session: s.id, Member: s.memberInfo(k.member.ID), Reason: isFull})
		e.dropKnock(k)
		return
	}
	if answer.Admit && (answer.Role == protocol.RoleEditor || answer.Role == protocol.RoleViewer) {
		k.member.Role = answer.Role
	}
	e.emit(Decide{Session: s.id, Intro: k.intro, Admit: answer.Admit, Member: k.member.ID, Role: k.member.Role, Why: why})
	if answer.Admit {
		return
	}
	e.tellHappening(protocol.Happening{Event: "refused", Session: s.id, Member: s.memberInfo(k.member.ID), Reason: why})
	e.dropKnock(k)
}

// withdraw takes back the questions about a knock.
func (e *Engine) withdraw(k *knock) {
	for _, q := range k.asked {
		delete(e.calls, q.call)
		e.emit(Withdraw{Conn: q.conn, Call: q.call})
	}
	k.asked = nil
}

func (e *Engine) dropKnock(k *knock) {
	s := k.s
	s.knocks = slices.DeleteFunc(s.knocks, func(o *knock) bool { return o == k })
	s.members = slices.DeleteFunc(s.members, func(m *protocol.Member) bool { return m == k.member })
	e.changed(s)
}

func (e *Engine) knockGone(s *session, intro IntroID) {
	for _, k := range s.knocks {
		if k.intro != intro {
			continue
		}
		e.withdraw(k)
		e.tellHappening(protocol.Happening{Event: "gone", Session: s.id, Member: s.memberInfo(k.member.ID)})
		e.dropKnock(k)
		return
	}
}

// guestLinked takes an admitted guest's link, the first or a new one.
func (e *Engine) guestLinked(s *session, ev GuestLinked) {
	m := s.member(ev.Member)
	undecided := slices.ContainsFunc(s.knocks, func(k *knock) bool { return k.member == m && !k.done })
	if m == nil || m.ID == s.me || undecided || s.state == protocol.SessionEnded {
		e.emit(CloseLink{Link: ev.Link, Reason: "not a member of this session"})
		return
	}
	for _, old := range slices.Clone(s.remotes) {
		if old.member == m.ID {
			e.dropRemote(old)
			e.emit(CloseLink{Link: old.id, Reason: "replaced by a newer link"})
		}
	}
	again := m.State == protocol.MemberReconnecting
	s.knocks = slices.DeleteFunc(s.knocks, func(k *knock) bool { return k.member == m })
	delete(s.away, m.ID)
	m.State = protocol.MemberHere
	r := &remote{id: ev.Link, session: s, member: m.ID, spent: s.spentBy(m.ID), docs: map[uint32]*remoteDoc{}, cursors: map[string]*presence{}}
	s.remotes = append(s.remotes, r)
	e.links[ev.Link] = r
	e.frame(r, Live, &wire.Welcome{Version: wire.FrameVersion, Session: s.id, Member: m.ID, Host: s.me,
		Role: string(m.Role), Folder: s.folderName(), Members: s.wireMembers()})
	word := "joined"
	if again {
		word = "returned"
	}
	joined := protocol.Happening{Event: word, Session: s.id}
	if s.admitsAll() && !again { // who was asked has seen it
		joined.Check = m.Check
	}
	m.Check = ""
	joined.Member = s.memberInfo(m.ID)
	e.tellHappening(joined)
	e.changed(s)
	e.sendAllPresence(r)
}

func (sv *server) SetRole(r protocol.Request[protocol.Empty], p *protocol.SetRoleParams) {
	e := sv.engine()
	s, err := e.hosted(p.Session)
	if err != nil {
		refuse(e, r, err)
		return
	}
	m := s.member(p.Member)
	if m == nil || m.ID == s.me {
		refuse(e, r, protocol.Errorf(protocol.NoSuchMember, "There is no such guest in the session; `earshot status` lists them."))
		return
	}
	if p.Role != protocol.RoleEditor && p.Role != protocol.RoleViewer {
		refuse(e, r, &protocol.Error{Code: protocol.CodeInvalidParams, Message: "A guest's role is editor or viewer."})
		return
	}
	if m.Role == protocol.RoleEditor && p.Role == protocol.RoleViewer {
		e.outdate(s, m)
	}
	if m.Role != p.Role {
		m.Role = p.Role
		e.roleChanged(s, m)
	}
	e.changed(s)
	reply(e, r, protocol.Empty{})
}

// roleChanged tells of a member's new role.
func (e *Engine) roleChanged(s *session, m *protocol.Member) {
	e.tellHappening(protocol.Happening{Event: "role", Session: s.id, Member: s.memberInfo(m.ID)})
}

// outdate begins a new epoch for one who is made a viewer: its copies are void, so that what it did and is under way is dropped,
// whatever role it has by the time that comes here. It goes by what a guest had sent before it heard of this, which is told
// by the stream, and not by the clock. One who is away hears of it when it comes back.
func (e *Engine) outdate(s *session, m *protocol.Member) {
	for _, d := range s.docs {
		if !d.ready {
			continue
		}
		if d.outdated == nil {
			d.outdated = map[string]bool{}
		}
		d.outdated[m.ID] = true
		for _, r := range s.remotes {
			if r.member == m.ID && r.synced(d) {
				e.reset(r, d, r.docs[d.num].turn, demoted)
			}
		}
	}
}

const demoted = "you were made a viewer before it got there"

func (sv *server) RemoveMember(r protocol.Request[protocol.Empty], p *protocol.RemoveMemberParams) {
	e := sv.engine()
	s, err := e.hosted(p.Session)
	if err != nil {
		refuse(e, r, err)
		return
	}
	m := s.member(p.Member)
	if m == nil || m.ID == s.me {
		refuse(e, r, protocol.Errorf(protocol.NoSuchMember, "There is no such guest in the session; `earshot status` lists them."))
		return
	}
	for _, k := range s.knocks {
		if k.member == m && !k.done {
			e.decide(k, protocol.AdmitAnswer{}, "the host said no")
			reply(e, r, protocol.Empty{})
			return
		}
	}
	for _, rm := range slices.Clone(s.remotes) {
		if rm.member == m.ID {
			e.frame(rm, Live, &wire.Bye{Kind: "removed", Reason: "the host removed you from the session"})
			e.dropRemote(rm)
			e.emit(CloseLink{Link: rm.id, Reason: "removed by the host"})
		}
	}
	e.memberLeft(s, m, "was removed")
	if s.admitsAll() {
		s.asks = true
		e.tellSession(s, protocol.MessageInfo, "Who was removed still has the code, so from now on you are asked who may come in; `earshot invite` makes a new code.")
	}
	reply(e, r, protocol.Empty{})
}

// memberLeft takes a guest off the list for good.
func (e *Engine) memberLeft(s *session, m *protocol.Member, how string) {
	info := s.memberInfo(m.ID)
	s.members = slices.DeleteFunc(s.members, func(o *protocol.Member) bool { return o == m })
	s.knocks = slices.DeleteFunc(s.knocks, func(k *knock) bool { return k.member == m })
	delete(s.away, m.ID)
	s.settle(m.ID)
	for _, d := range s.docs {
		d.closedBy(m.ID)
		delete(d.outdated, m.ID)
		delete(d.names, m.ID)
	}
	e.leadsEnd(s, m.ID)
	e.emit(Forget{Session: s.id, Member: m.ID})
	e.tellHappening(protocol.Happening{Event: "left", Session: s.id, Member: info, Reason: how})
	e.changed(s)
	e.presenceChanged(s)
}

func (s *session) folderName() string {
	if s.root == "" {
		return ""
	}
	name := s.root
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '/' || name[i] == '\\' {
			return name[i+1:]
		}
	}
	return name
}
