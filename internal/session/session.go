package session

import (
	"maps"
	"slices"
	"time"

	"earshot/internal/crdt"
	"earshot/internal/docpath"
	"earshot/protocol"
	"earshot/protocol/wire"
)

// session is one sharing, of which this daemon is the host or a guest.
type session struct {
	id     string
	host   bool
	state  protocol.SessionState
	reason string
	role   protocol.Role
	me     string
	name   string // what this daemon's person is called in it
	folder protocol.DocumentURI
	root   string // host: the folder's path on this machine, "" without one
	onDisk bool   // host: it shares something of this machine's disk

	members []*protocol.Member
	docs    []*document
	remotes []*remote
	lastNum uint32

	owners  []protocol.ConnID
	toldEnd protocol.ConnID // is told of the end by the command that it has given
	linger  bool
	empty   time.Time // since when no connection owns it

	// Host.
	code, link, reach string
	params            *protocol.ShareParams
	knocks            []*knock
	opening           *protocol.Request[protocol.SessionResult]
	away              map[string]time.Time // members whose link broke, since when
	endings           int                  // under way: texts are being saved first
	inviting          []protocol.Request[protocol.InviteResult]
	aliases           map[docpath.Path]*document // second names of files that are open under another
	widening          bool                       // the disk has been asked to share more,
	toWiden           []func()                   // and those wait for its answer who ask for more still
	move              *move                      // of a name, under way; nil if none is
	asks              bool                       // though admission is auto: someone was removed
	spent             map[string]*spent          // by member
	leftOver          spent                      // of those who left

	calls time.Time // by when the calls of this daemon's people are paid for

	// Guest.
	up       *remote // the link to the host, nil while it is broken
	hostKey  string  // names the key by which that was introduced
	rejoin   JoinID  // the attempt to come back, 0 if none
	rejoinAt time.Time
	tries    int
	brokenAt time.Time
	wireOps  map[uint32]func(wire.Frame)
	lastWire uint32
	lastTurn uint32 // of a Resync, whichever document's
}

// remote is one link to another daemon of a session.
type remote struct {
	id      LinkID
	session *session
	member  string // whose daemon is at the other end; "" until it is known
	docs    map[uint32]*remoteDoc
	pending int                  // bytes of unfinished messages of all docs
	spent   *spent               // of what may come of it
	cursors map[string]*presence // by client

	amiss      int       // how often what came of it could not be read or did not fit,
	amissSince time.Time // within mendEvery

	asked, saves int                 // host: the guest's requests and saves under way,
	waiting      []func(done func()) // and the requests that wait for those
	rebuildAt    time.Time           // host: sooner no text is made anew because the guest says that its own is another
}

// remoteDoc is what is known of the copy of a document at the other end of a link.
type remoteDoc struct {
	synced  bool   // host
	turn    uint32 // host: of the guest's last Resync
	taken   uint64 // host: whole Events messages since that
	partial []byte
	in      crdt.Receiver
	out     crdt.Sender
	ins     uint64      // frames of events that came since the streams began
	outs    uint64      // and that were sent
	check   remoteCheck // host
}

// knock is a guest that proved the code and waits for the host's people.
type knock struct {
	intro  IntroID
	s      *session
	member *protocol.Member
	check  string
	wished protocol.Role
	since  time.Time
	asked  []question // under way
	done   bool       // decided; its link is being made
}

// question is one editor's being asked about a knock.
type question struct {
	call uint64
	conn protocol.ConnID
}

// about is what is known of the other end's copy of a document, from now on if there was nothing.
func (r *remote) about(num uint32) *remoteDoc {
	rd := r.docs[num]
	if rd == nil {
		rd = &remoteDoc{}
		r.docs[num] = rd
	}
	return rd
}

func (r *remote) has(d *document) bool { return r.docs[d.num] != nil }

func (r *remote) synced(d *document) bool {
	rd := r.docs[d.num]
	return rd != nil && rd.synced
}

func (s *session) has(c *client) bool { return slices.Contains(s.owners, c.id) }

func (s *session) member(id string) *protocol.Member {
	for _, m := range s.members {
		if m.ID == id {
			return m
		}
	}
	return nil
}

func (s *session) memberInfo(id string) *protocol.Member {
	m := s.member(id)
	if m == nil {
		return nil
	}
	info := *m
	return &info
}

func (s *session) doc(num uint32) *document {
	for _, d := range s.docs {
		if d.num == num && num != 0 {
			return d
		}
	}
	return nil
}

func (s *session) docAt(p docpath.Path) *document {
	for _, d := range s.docs {
		if d.path == p {
			return d
		}
	}
	return nil
}

// info is the session as its own clients see it.
func (s *session) info() protocol.Session {
	out := protocol.Session{
		ID: s.id, State: s.state, Reason: s.reason, Me: s.me, Role: s.role,
		Code: s.code, Link: s.link, Folder: s.folder, Members: []protocol.Member{},
	}
	for _, m := range s.members {
		out.Members = append(out.Members, *m)
	}
	return out
}

// owns makes a connection one of those that a session lives for.
func (e *Engine) owns(c *client, s *session) {
	if !s.has(c) {
		s.owners = append(s.owners, c.id)
		for _, k := range s.knocks {
			if !k.done {
				e.askAdmission(c, k)
			}
		}
	}
	s.empty = time.Time{}
}

// changed tells every connection that concerns itself with the session, and at the host every guest, how it is now.
func (e *Engine) changed(s *session) {
	for _, c := range e.clients {
		if s.has(c) || c.subscribed {
			e.emit(Notify{Conn: c.id, Params: &protocol.SessionChanged{Session: s.info()}})
		}
	}
	if !s.host || s.state == protocol.SessionEnded {
		return
	}
	for _, r := range s.remotes {
		e.frame(r, Live, &wire.Members{Members: s.wireMembers()})
	}
}

func (s *session) wireMembers() []wire.Member {
	out := make([]wire.Member, 0, len(s.members))
	for _, m := range s.members {
		if m.State == protocol.MemberWaiting { // who is at the door is the host's affair
			continue
		}
		out = append(out, wire.Member{ID: m.ID, Name: m.Name, Color: m.Color, Role: string(m.Role),
			State: string(m.State), Client: m.Client, Path: m.Path, RTTMs: m.RTTMs})
	}
	return out
}

func (e *Engine) tellHappening(h protocol.Happening) {
	h.Time = e.now.UTC().Format("2006-01-02T15:04:05.000Z07:00")
	for _, c := range e.clients {
		if c.subscribed {
			sent := h
			e.emit(Notify{Conn: c.id, Params: &sent})
		}
	}
	e.tellStock(&h)
}

func (e *Engine) frame(r *remote, ch Channel, f wire.Frame) {
	e.emit(SendFrame{Link: r.id, Channel: ch, Data: wire.Encode(f)})
}

// deadlines names every time at which something of the session is due.
func (s *session) deadlines(at func(time.Time)) {
	for _, d := range s.docs {
		d.deadlines(at)
	}
	if s.state == protocol.SessionEnded {
		return
	}
	if !s.empty.IsZero() && !s.linger {
		at(s.empty.Add(SessionGrace))
	}
	for _, k := range s.knocks {
		if !k.done {
			at(k.since.Add(AdmissionWait))
		}
	}
	for _, since := range s.away {
		at(since.Add(MemberGrace))
	}
	at(s.rejoinAt)
	if !s.brokenAt.IsZero() {
		at(s.brokenAt.Add(MemberGrace))
	}
}

func (d *document) deadlines(at func(time.Time)) {
	for _, m := range d.mirrors {
		at(m.deadline())
		if len(m.wishes) > 0 && !m.wishes[0].waits {
			at(m.wishedAt)
		}
	}
	for _, l := range d.lost {
		at(l.since.Add(LostGrace))
	}
	if !d.idle.IsZero() {
		at(d.idle.Add(DocumentGrace))
	}
	at(d.checkDue())
	if d.saving != nil {
		at(d.saving.since.Add(BufferSaveWait))
	}
	if !d.pressure.since.IsZero() {
		at(d.askedAt.Add(floorEvery))
	}
}

func (e *Engine) expireSession(s *session) {
	for _, k := range slices.Clone(s.knocks) {
		if !k.done && due(k.since.Add(AdmissionWait), e.now) {
			e.decide(k, protocol.AdmitAnswer{}, "nobody answered for two minutes")
		}
	}
	for _, m := range slices.Clone(s.members) {
		if since, ok := s.away[m.ID]; ok && due(since.Add(MemberGrace), e.now) {
			e.memberLeft(s, m, "did not come back")
		}
	}
	for _, d := range slices.Clone(s.docs) {
		e.expireDocument(d)
	}
	e.expireLink(s)
	if s.linger || s.empty.IsZero() || !due(s.empty.Add(SessionGrace), e.now) || s.state == protocol.SessionEnded {
		e.dropEnded(s)
		return
	}
	s.empty = time.Time{}
	e.end(s, "nobody used it any more on this side", protocol.UnsavedSave, func(err *protocol.Error) {
		if err != nil && len(s.owners) == 0 {
			s.empty = e.now // what can't be saved is kept; another try follows
		}
	})
}

func (e *Engine) expireDocument(d *document) {
	for _, m := range slices.Clone(d.mirrors) {
		if m.overdue(e.now) {
			c := m.client
			e.tell(c, protocol.MessageError, "The editor did not answer an edit for ten seconds and was disconnected; reload its window to go on.")
			e.emit(CloseClient{Conn: c.id, Reason: "an edit was not answered"})
			e.clientClosed(c.id)
			return
		}
		if due(m.deadline(), e.now) {
			e.touch(d)
		}
	}
	if b := d.saving; b != nil && due(b.since.Add(BufferSaveWait), e.now) {
		e.writeInstead(b)
	}
	d.lost = slices.DeleteFunc(d.lost, func(l *lostMirror) bool { return due(l.since.Add(LostGrace), e.now) })
	if !d.pressure.since.IsZero() && due(d.askedAt.Add(floorEvery), e.now) {
		e.touch(d)
	}
	if d.used() {
		d.idle = time.Time{}
		return
	}
	if d.idle.IsZero() {
		d.idle = e.now
	}
	if due(d.idle.Add(DocumentGrace), e.now) {
		e.drop(d)
	}
}

// drop forgets a document that nobody has.
func (e *Engine) drop(d *document) {
	s := d.session
	s.docs = slices.DeleteFunc(s.docs, func(o *document) bool { return o == d })
	maps.DeleteFunc(s.aliases, func(_ docpath.Path, o *document) bool { return o == d })
	for _, r := range s.remotes {
		r.forget(d.num)
	}
	d.finish(protocol.Errorf(protocol.NoSuchDocument, "%s is no longer open; open it again.", d.uri()))
	if !s.host && s.up != nil && d.num != 0 {
		e.frame(s.up, Live, &wire.Close{Doc: d.num})
	}
}

// dropEnded forgets a session that is over once nobody looks at its texts any more.
func (e *Engine) dropEnded(s *session) {
	if s.state != protocol.SessionEnded || s.endings > 0 {
		return
	}
	for _, d := range s.docs {
		if len(d.mirrors) > 0 {
			return
		}
	}
	e.sessions = slices.DeleteFunc(e.sessions, func(o *session) bool { return o == s })
}

// colors of members, told apart on dark and light grounds and by people who see few colours (after Okabe and Ito 2008).
var colors = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8e6bbf", "#a08a00"}

func (s *session) freeColor() string {
	for _, color := range colors {
		if !slices.ContainsFunc(s.members, func(m *protocol.Member) bool { return m.Color == color }) {
			return color
		}
	}
	return colors[len(s.members)%len(colors)]
}
