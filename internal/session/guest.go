package session

import (
	"maps"
	"slices"
	"time"

	"earshot/internal/crdt"
	"earshot/internal/docpath"
	"earshot/internal/screen"
	"earshot/internal/text"
	"earshot/protocol"
	"earshot/protocol/wire"
)

// join is an attempt to enter a session.
type join struct {
	id      JoinID
	conn    protocol.ConnID
	request protocol.Request[protocol.SessionResult]
	params  *protocol.JoinParams
	name    string
	begun   bool
	told    *client // by sentences, nil unless a command of it began this
	link    *remote // up, the host's Welcome not yet here
}

func (sv *server) Join(r protocol.Request[protocol.SessionResult], p *protocol.JoinParams) {
	e := sv.engine()
	c := e.client(r.Conn)
	if p.Role != "" && p.Role != protocol.RoleEditor && p.Role != protocol.RoleViewer {
		refuse(e, r, &protocol.Error{Code: protocol.CodeInvalidParams, Message: "The role to ask for is editor or viewer."})
		return
	}
	e.lastJoin++
	asked := *p
	asked.Name = e.nameFor(c, p.Name)
	if asked.Role == "" {
		asked.Role = protocol.RoleEditor
	}
	j := &join{id: e.lastJoin, conn: r.Conn, request: r, params: &asked, name: asked.Name}
	e.joins = append(e.joins, j)
	e.emit(StartJoin{Join: j.id, Params: &asked, Client: c.program})
}

func (e *Engine) joining(id JoinID) *join {
	for _, j := range e.joins {
		if j.id == id {
			return j
		}
	}
	return nil
}

func (e *Engine) rejoining(id JoinID) *session {
	for _, s := range e.sessions {
		if s.rejoin == id && id != 0 {
			return s
		}
	}
	return nil
}

func (e *Engine) dropJoin(j *join) {
	e.joins = slices.DeleteFunc(e.joins, func(o *join) bool { return o == j })
	if j.begun {
		e.progress(j, protocol.WorkDoneProgress{Kind: "end"})
	}
}

func (e *Engine) cancelJoin(j *join) {
	e.emit(CancelJoin{Join: j.id})
	if j.link != nil {
		delete(e.links, j.link.id)
		e.emit(CloseLink{Link: j.link.id, Reason: "cancelled"})
	}
	e.dropJoin(j)
	refuse(e, j.request, &protocol.Error{Code: protocol.CodeRequestCancelled, Message: "Joining was cancelled."})
}

func (e *Engine) progress(j *join, v protocol.WorkDoneProgress) {
	if len(j.params.WorkDoneToken) == 0 || e.client(j.conn) == nil {
		return
	}
	e.emit(Notify{Conn: j.conn, Params: &protocol.ProgressParams{Token: j.params.WorkDoneToken, Value: v}})
}

// takeJoin takes what the world tells of attempts to enter a session or to come back.
func (e *Engine) takeJoin(ev Event) {
	switch ev := ev.(type) {
	case JoinProgressed:
		if j := e.joining(ev.Join); j != nil {
			j.tellJoining(e, ev)
			kind := "report"
			if !j.begun {
				j.begun, kind = true, "begin"
			}
			e.progress(j, protocol.WorkDoneProgress{Kind: kind, Title: "Joining", Message: ev.Message, Cancellable: true, Stage: ev.Stage, Check: ev.Check})
			return
		}
	case JoinFailed:
		if j := e.joining(ev.Join); j != nil {
			e.dropJoin(j)
			refuse(e, j.request, ev.Err)
		} else if s := e.rejoining(ev.Join); s != nil {
			e.rejoinFailed(s, ev.Err)
		}
	case JoinIsOwn:
		if j := e.joining(ev.Join); j != nil {
			e.joinedOwn(j, ev.Session)
		}
	case HostLinked:
		e.hostLinked(ev)
	}
}

func (e *Engine) joinedOwn(j *join, id string) {
	e.dropJoin(j)
	s, err := e.sessionOf(id)
	if err != nil {
		refuse(e, j.request, err)
		return
	}
	if c := e.client(j.conn); c != nil {
		e.owns(c, s)
	}
	reply(e, j.request, protocol.SessionResult{Session: s.info()})
}

func (e *Engine) hostLinked(ev HostLinked) {
	r := &remote{id: ev.Link, spent: &spent{}, docs: map[uint32]*remoteDoc{}, cursors: map[string]*presence{}}
	if j := e.joining(ev.Join); j != nil {
		r.session = &session{state: protocol.SessionOpen, name: j.name, hostKey: ev.Host, wireOps: map[uint32]func(wire.Frame){}}
		j.link = r
	} else if s := e.rejoining(ev.Join); s != nil {
		r.session = s
	} else {
		e.emit(CloseLink{Link: ev.Link, Reason: "no longer wanted"})
		return
	}
	e.links[ev.Link] = r
	e.frame(r, Live, &wire.Hello{Version: wire.FrameVersion, Name: r.session.name})
}

// fromHost takes a frame of the host at a guest.
func (e *Engine) fromHost(r *remote, f wire.Frame) {
	s := r.session
	if w, ok := f.(*wire.Welcome); ok {
		e.welcomed(r, w)
		return
	}
	if bye, ok := f.(*wire.Bye); ok {
		e.dismissed(r, bye)
		return
	}
	if p, ok := f.(*wire.Presence); ok { // it may overtake the welcome
		e.presenceArrived(r, p)
		return
	}
	if s.up != r {
		e.misbehaved(r, "spoke before it had said welcome")
		return
	}
	switch f := f.(type) {
	case *wire.Summon:
		e.summoned(r, f)
	case *wire.Members:
		e.takeMembers(s, f.Members)
		e.withdrawCalls(func(a *call) bool {
			return a.summons != nil && a.summons.session == s && s.member(a.summons.member) == nil
		})
		maps.DeleteFunc(r.cursors, func(_ string, p *presence) bool { return s.member(p.member) == nil })
		e.changed(s)
		e.presenceChanged(s)
	case *wire.Listed:
		e.answered(s, f.Op, f)
	case *wire.Opened:
		e.answered(s, f.Op, f)
	case *wire.Saved:
		e.answered(s, f.Op, f)
	case *wire.State:
		e.takeState(s, f)
	case *wire.Changed:
		e.takeChanged(s, f)
	case *wire.Chunk:
		e.takeChunk(r, f)
	case *wire.Reset:
		e.takeReset(s, f)
	case *wire.Floor:
		e.takeFloor(r, f)
	case *wire.Resync:
		e.takeResync(r, f)
	case *wire.Events:
		e.takeEvents(r, f)
	case *wire.Ack:
		if d := s.doc(f.Doc); d != nil && d.synced && f.Count <= d.sent {
			d.acked = f.Count
		}
	case *wire.Checked:
		e.takeChecked(s, f)
	default:
		e.misbehaved(r, "sent what only a guest may send")
	}
}

func (e *Engine) welcomed(r *remote, w *wire.Welcome) {
	s := r.session
	role := protocol.Role(w.Role)
	if w.Version != wire.FrameVersion || !isID(w.Session) || !isID(w.Member) || s.up == r ||
		role != protocol.RoleEditor && role != protocol.RoleViewer {
		e.refusedWelcome(r)
		return
	}
	back := s.id != ""
	if back && (s.id != w.Session || s.me != w.Member) {
		e.refusedWelcome(r)
		return
	}
	if other := e.session(w.Session); !back && other != nil && other.state != protocol.SessionEnded {
		e.joinedTwice(r, other)
		return
	}
	s.id, s.me, s.up = w.Session, w.Member, r
	s.remotes = append(s.remotes, r)
	r.member = screen.Line(w.Host, 10)
	s.role = role
	s.state, s.reason = protocol.SessionOpen, ""
	s.rejoin, s.rejoinAt, s.tries, s.brokenAt = 0, time.Time{}, 0, time.Time{}
	e.takeMembers(s, w.Members)
	if back {
		e.backAgain(s)
	} else {
		s.folder = docpath.SessionURI(s.id, docpath.Path{})
		e.entered(r)
	}
	e.changed(s)
	e.presenceChanged(s)
	e.sendAllPresence(r)
}

func isID(s string) bool {
	if len(s) != 10 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if (s[i] < 'a' || s[i] > 'z') && (s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return true
}

func (e *Engine) refusedWelcome(r *remote) {
	e.dropRemote(r)
	e.emit(CloseLink{Link: r.id, Reason: "the host's greeting does not fit"})
	if r.session.id != "" {
		e.hostLost(r.session)
		return
	}
	e.notWelcome(r, protocol.Errorf(protocol.VersionMismatch, "The host's Earshot speaks another version; use the same version on both sides."))
}

// joinedTwice: of two joins that were under way at once this is the second that led into one session. Who asked for it
// gets the session that is there, and the host drops the member that it made for this one. But ids are known to all who were
// in a session: a host that gives out another's must not have people take the one for the other, whichever came first.
func (e *Engine) joinedTwice(r *remote, s *session) {
	if s.host || s.hostKey != r.session.hostKey {
		e.dropRemote(r)
		e.emit(CloseLink{Link: r.id, Reason: "the session's id is that of another host's"})
		e.notWelcome(r, protocol.Errorf(protocol.Conflict, "You are in a session of another host that has the same id, so that one of the two is false; leave that one first, or don't join this one."))
		return
	}
	e.frame(r, Live, &wire.Bye{Kind: string(protocol.AlreadyShared), Reason: "it is in the session already"})
	e.dropRemote(r)
	e.emit(CloseLink{Link: r.id, Reason: "joined twice"})
	for _, j := range slices.Clone(e.joins) {
		if j.link == r {
			e.emit(CancelJoin{Join: j.id})
			e.joinedOwn(j, s.id)
		}
	}
}

// notWelcome ends the join whose link this is.
func (e *Engine) notWelcome(r *remote, err *protocol.Error) {
	for _, j := range slices.Clone(e.joins) {
		if j.link == r {
			e.dropJoin(j)
			refuse(e, j.request, err)
		}
	}
}

// entered makes a session of a join that the host has welcomed.
func (e *Engine) entered(r *remote) {
	s := r.session
	e.sessions = append(e.sessions, s)
	for _, j := range slices.Clone(e.joins) {
		if j.link != r {
			continue
		}
		s.linger = j.params.Linger
		e.emit(BindJoin{Join: j.id, Session: s.id})
		e.dropJoin(j)
		if c := e.client(j.conn); c != nil {
			e.owns(c, s)
		} else {
			s.empty = e.now
		}
		reply(e, j.request, protocol.SessionResult{Session: s.info()})
	}
	e.tellHappening(protocol.Happening{Event: "joined", Session: s.id, Member: s.memberInfo(s.me)})
}

// backAgain has every open document brought together with the host's after the link was broken.
func (e *Engine) backAgain(s *session) {
	e.tellHappening(protocol.Happening{Event: "returned", Session: s.id})
	for _, d := range slices.Clone(s.docs) {
		switch {
		case d.ready && !d.void && d.num != 0:
			e.resync(d)
		default:
			e.fetch(d)
		}
	}
}

func (e *Engine) takeMembers(s *session, members []wire.Member) {
	old := s.members
	s.members = nil
	for _, m := range members {
		if !isID(m.ID) {
			continue
		}
		s.members = append(s.members, memberFromWire(m))
		if m.ID == s.me {
			e.setOwnRole(s, protocol.Role(m.Role))
		}
	}
	e.tellStockMembers(s, old)
	for _, was := range old {
		if m := s.member(was.ID); m != nil && m.Role != was.Role {
			e.roleChanged(s, m)
			if m.ID == s.me {
				e.tellSession(s, protocol.MessageInfo, "The host has made you "+withArticle(m.Role)+".")
			}
		}
	}
}

// withArticle gives a role as a sentence needs it.
func withArticle(role protocol.Role) string {
	if role == protocol.RoleViewer {
		return "a viewer: you can read, and what you type is taken back"
	}
	return "an editor: you can change the texts"
}

// memberFromWire takes over what a host may say of a member, and the least where it says anything else.
func memberFromWire(m wire.Member) *protocol.Member {
	out := &protocol.Member{ID: m.ID, Name: screen.Line(m.Name, MaxName), Color: color(m.Color), Client: screen.Line(m.Client, MaxName),
		Role:  oneOf(m.Role, protocol.RoleViewer, protocol.RoleEditor, protocol.RoleHost),
		State: oneOf(m.State, protocol.MemberHere, protocol.MemberWaiting, protocol.MemberReconnecting),
		Path:  oneOf(m.Path, "", "direct", "relay")}
	if out.Name == "" {
		out.Name = "somebody"
	}
	if m.RTTMs != nil && *m.RTTMs >= 0 && *m.RTTMs <= maxRTT {
		out.RTTMs = m.RTTMs
	}
	return out
}

// maxRTT, in milliseconds, is longer than any link lives without an answer.
const maxRTT = 60_000

// oneOf is the word that s is, or the first.
func oneOf[W ~string](s string, words ...W) W {
	for _, w := range words {
		if string(w) == s {
			return w
		}
	}
	return words[0]
}

func color(s string) string {
	if len(s) != 7 || s[0] != '#' {
		return colors[0]
	}
	for i := 1; i < 7; i++ {
		if !(s[i] >= '0' && s[i] <= '9' || s[i] >= 'a' && s[i] <= 'f') {
			return colors[0]
		}
	}
	return s
}

func (e *Engine) setOwnRole(s *session, role protocol.Role) {
	if role != protocol.RoleEditor && role != protocol.RoleViewer || s.role == role {
		return
	}
	s.role = role
	for _, d := range s.docs {
		e.touch(d)
	}
}

// dismissed: the host ended the session or sent this guest away.
func (e *Engine) dismissed(r *remote, bye *wire.Bye) {
	s := r.session
	reason := screen.Line(bye.Reason, MaxSentence)
	if s.id == "" {
		e.notWelcome(r, protocol.Errorf(protocol.NotAdmitted, "The host closed the door: %s.", reason))
		delete(e.links, r.id)
	} else {
		e.dropRemote(r)
		e.over(s, reason)
	}
	e.emit(CloseLink{Link: r.id, Reason: "the host said goodbye"})
}

// Waits between attempts to come back.
const (
	rejoinFirst = 200 * time.Millisecond
	rejoinMost  = 10 * time.Second
)

// hostLost: the link broke. What is typed meanwhile is kept and merged when it is back.
func (e *Engine) hostLost(s *session) {
	if s.id == "" { // a join that has not been welcomed
		for _, j := range slices.Clone(e.joins) {
			if j.link != nil && j.link.session == s {
				e.dropJoin(j)
				refuse(e, j.request, lostLink())
			}
		}
		return
	}
	if s.state == protocol.SessionEnded {
		return
	}
	s.up, s.state = nil, protocol.SessionReconnecting
	if m := s.member(s.me); m != nil {
		m.Path, m.RTTMs = "", nil // those were the broken link's
	}
	for _, then := range s.takeOps() {
		then(nil)
	}
	for _, d := range s.docs {
		e.checkCut(d)
		d.apart()
		d.notSaved(errAway())
	}
	if s.brokenAt.IsZero() {
		s.brokenAt = e.now
	}
	s.rejoin, s.rejoinAt = 0, e.now.Add(rejoinFirst)
	e.tellHappening(protocol.Happening{Event: "reconnecting", Session: s.id})
	e.changed(s)
}

// noAnswer is why the host did not answer a request.
func (s *session) noAnswer() *protocol.Error {
	switch {
	case s.state == protocol.SessionEnded:
		return protocol.Errorf(protocol.Ended, "The session has ended: %s.", s.reason)
	case s.up != nil:
		return errBusy()
	}
	return lostLink()
}

func errBusy() *protocol.Error {
	return protocol.Errorf(protocol.RateLimited, "%d requests to the host are under way; wait for their answers, and try again.", MaxOps)
}

// takeOps empties the list of requests to the host, in the order they were made.
func (s *session) takeOps() []func(wire.Frame) {
	var numbers []uint32
	for n := range s.wireOps {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	var all []func(wire.Frame)
	for _, n := range numbers {
		all = append(all, s.wireOps[n])
	}
	clear(s.wireOps)
	return all
}

func (e *Engine) rejoinFailed(s *session, err *protocol.Error) {
	s.rejoin = 0
	switch protocol.KindOf(err) {
	case protocol.WrongCode, protocol.NotAdmitted, protocol.Ended:
		e.over(s, "the host does not let you back in")
		return
	}
	s.tries++
	wait := rejoinFirst << min(s.tries, 6)
	s.rejoinAt = e.now.Add(min(wait, rejoinMost))
}

// expireLink tries to come back to a host that was lost, and gives up in the end.
func (e *Engine) expireLink(s *session) {
	if s.host || s.state != protocol.SessionReconnecting {
		return
	}
	if due(s.brokenAt.Add(MemberGrace), e.now) {
		e.over(s, "the host could not be reached for two minutes")
		return
	}
	if s.rejoin == 0 && due(s.rejoinAt, e.now) {
		e.lastJoin++
		s.rejoin, s.rejoinAt = e.lastJoin, time.Time{}
		e.emit(Rejoin{Join: s.rejoin, Session: s.id})
	}
}

// MaxOps is how many requests to the host may be under way.
const MaxOps = 1024

// request sends the host a frame that it will answer.
func (e *Engine) request(s *session, f func(op uint32) wire.Frame, then func(wire.Frame)) {
	if s.up == nil || len(s.wireOps) >= MaxOps {
		then(nil)
		return
	}
	s.lastWire++
	s.wireOps[s.lastWire] = then
	e.frame(s.up, Live, f(s.lastWire))
}

func (e *Engine) answered(s *session, op uint32, f wire.Frame) {
	then := s.wireOps[op]
	if then == nil {
		return
	}
	delete(s.wireOps, op)
	then(f)
}

// fetch asks the host for a document.
func (e *Engine) fetch(d *document) {
	s := d.session
	if s.up == nil {
		e.fetchFailed(d, lostLink())
		return
	}
	d.answer, d.loaded, d.whole = nil, nil, false
	e.request(s, func(op uint32) wire.Frame {
		d.asked = op
		return &wire.Open{Op: op, Path: d.path.String()}
	}, func(f wire.Frame) {
		got, ok := f.(*wire.Opened)
		switch {
		case !slices.Contains(s.docs, d):
			if ok && got.Doc != 0 && s.doc(got.Doc) == nil && s.docAt(d.path) == nil && s.up != nil {
				e.frame(s.up, Live, &wire.Close{Doc: got.Doc}) // nobody waits for it any more
			}
		case !ok:
			if s.state == protocol.SessionOpen {
				e.fetchFailed(d, s.noAnswer())
			} // else it is fetched anew when the link is back, or has its end
		case got.Failure != nil:
			e.fetchFailed(d, fromWire(got.Failure))
		case got.Size > maxSnapshot || got.Size < 0 || got.Doc == 0 || got.State == nil:
			e.misbehaved(s.up, "sent a document that is too large")
		default:
			e.opened(d, got)
		}
	})
}

func (e *Engine) fetchFailed(d *document, err *protocol.Error) {
	s := d.session
	if d.ready { // a copy that was void and can't be had anew
		for _, m := range slices.Clone(d.mirrors) {
			e.tell(m.client, protocol.MessageError, err.Message)
			e.unlink(m)
		}
	}
	s.docs = slices.DeleteFunc(s.docs, func(o *document) bool { return o == d })
	d.finish(err)
}

// opened takes the host's answer; the text follows in chunks.
func (e *Engine) opened(d *document, got *wire.Opened) {
	s := d.session
	if other := s.doc(got.Doc); other != nil && other != d { // another name of a document that is here
		e.makeAlias(d, other)
		return
	}
	d.answer = got
	e.complete(d)
}

// form takes over what a host says of a file, nothing else.
func form(f wire.Form) protocol.Form {
	out := protocol.Form{EOL: text.LF.String(), BOM: f.BOM, Encoding: "utf-8", FinalNewline: f.FinalNewline}
	if f.EOL == text.CRLF.String() {
		out.EOL = f.EOL
	}
	return out
}

func (e *Engine) takeChunk(r *remote, f *wire.Chunk) {
	i := slices.IndexFunc(r.session.docs, func(d *document) bool { return d.asked == f.Op && f.Op != 0 })
	if i < 0 {
		return
	}
	d := r.session.docs[i]
	if len(d.loaded)+len(f.Data) > maxSnapshot || d.whole {
		e.misbehaved(r, "sent a document that is too large")
		return
	}
	d.loaded = append(d.loaded, f.Data...)
	d.whole = f.Last
	e.complete(d)
}

// complete makes a document of the host's answer and all chunks, in whatever order they came.
func (e *Engine) complete(d *document) {
	if d.answer == nil || !d.whole {
		return
	}
	got, b := d.answer, d.loaded
	d.asked, d.answer, d.loaded, d.whole = 0, nil, nil, false
	if d.ready && !d.void {
		e.renew(d, b)
		return
	}
	doc, err := crdt.Load(b)
	if err != nil {
		e.misbehaved(d.session.up, "sent a document that can't be read")
		return
	}
	d.num, d.instance = got.Doc, screen.Line(got.Instance, 10)
	d.form, d.dirty, d.readonly = form(got.State.Form), got.State.Dirty, got.State.Readonly
	d.isCalled(got.State.Path)
	e.replace(d, doc)
	e.resync(d)
	d.finish(nil)
	e.touch(d)
	e.presenceChanged(d.session)
}

// replace puts a new copy in a document's place; buffers that are attached keep what they hold as a skew, which the next
// edit restores.
func (e *Engine) replace(d *document, doc *crdt.Doc) {
	d.text = doc
	d.pins, d.lost, d.void = nil, nil, false
	d.apart()
	d.begin()
	e.remembers(d)
	d.floor = nil
	d.behind = slices.Clone(doc.Head())
	for _, m := range d.mirrors {
		e.rebase(m, doc)
	}
}

// rebase puts a mirror on a new copy of its document, and what was typed since the old one was void into it. An edit in
// flight stays there: only its answer tells what the buffer holds, and by then that is a skew of the new copy too.
func (e *Engine) rebase(m *mirror, doc *crdt.Doc) {
	now := doc.Text().String()
	if was, is := m.before, m.buffer; was != nil {
		m.before, m.buffer = nil, was
		defer func() { e.own(m, text.DiffRunes(was.String(), is.String())) }()
	}
	was := m.agent
	e.name(m)
	m.at = slices.Clone(doc.Head())
	m.skew = text.DiffRunes(now, m.buffer.String())
	if len(m.skew) > 0 || m.flight != nil {
		m.doc.disown(was)
	}
	if f := m.flight; f != nil && !f.probe {
		f.target, f.skew = m.at, text.DiffRunes(now, f.after.String())
	}
}

func (e *Engine) takeState(s *session, f *wire.State) {
	if d := s.doc(f.Doc); d != nil {
		d.setForm(form(f.Form))
		d.dirty, d.readonly = f.Dirty, f.Readonly
		d.isCalled(f.Path)
		e.touch(d)
	}
}
