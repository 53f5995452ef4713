package session

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"earshot/internal/docpath"
	"earshot/internal/text"
	"earshot/protocol"
	"earshot/protocol/wire"
)

// leading is a person's being led to another member's place: along with it, or once to where it called from.
type leading struct {
	session *session
	member  string
	place   *presence // that it called from; nil to go along
	call    uint64    // window/showDocument under way, 0 if none
	told    led       // what the last one said
}

// led is a place as an editor was told it.
type led struct {
	uri     string
	cursor  *protocol.Position
	visible *protocol.Range
}

func (l led) equal(o led) bool {
	return l.uri == o.uri && samePlace(l.cursor, o.cursor) && samePlace(l.visible, o.visible)
}

func samePlace[P comparable](a, b *P) bool { return a == b || a != nil && b != nil && *a == *b }

func (sv *server) Follow(r protocol.Request[protocol.Empty], p *protocol.FollowParams) {
	e := sv.engine()
	c := e.client(r.Conn)
	s, err := e.sessionOf(p.Session)
	if err != nil {
		refuse(e, r, err)
		return
	}
	if p.Member == nil {
		if c.leading != nil && c.leading.session == s {
			c.leading = nil
		}
		reply(e, r, protocol.Empty{})
		return
	}
	switch {
	case s.member(*p.Member) == nil:
		refuse(e, r, protocol.Errorf(protocol.NoSuchMember, "Nobody of that id is in this session; `earshot status` lists its members."))
		return
	case !c.shows:
		refuse(e, r, &protocol.Error{Code: protocol.CodeInvalidRequest,
			Message: "This editor can't be led: its initialize did not declare window.showDocument."})
		return
	}
	e.owns(c, s)
	c.leading = &leading{session: s, member: *p.Member}
	reply(e, r, protocol.Empty{})
	e.presenceSoon(c)
}

// lead takes an editor to where the one that its person follows is now, one step at a time: while it is on its way nothing more is
// asked of it, and then the newest place is.
func (e *Engine) lead(c *client, t *telling) {
	l := c.leading
	if l == nil || l.session != t.s || l.call != 0 {
		return
	}
	if t.s.member(l.member) == nil {
		c.leading = nil
		return
	}
	place, owes := l.place, (*spent)(nil) // a call is counted when it comes
	if place == nil {
		place, owes = e.placeOf(c, t.s, l.member)
	}
	if place == nil || place.doc == 0 {
		return
	}
	at := t.cursor(place, owes)
	if at.TextDocument == nil {
		return
	}
	if d := t.s.doc(place.doc); d != nil && d.mirrorOf(c) != nil && len(at.Selections) < len(place.selections) {
		return // it is not in the text yet, or its member has to wait; then the others are told again
	}
	to := led{uri: at.TextDocument.URI, visible: at.VisibleRange}
	if len(at.Selections) > 0 {
		to.cursor = &at.Selections[0].Active
	}
	if l.told.equal(to) {
		return
	}
	l.told = to
	p := &protocol.ShowDocumentParams{URI: to.uri, TakeFocus: true,
		Earshot: &protocol.Lead{Session: t.s.id, Member: l.member, Follow: l.place == nil, VisibleRange: to.visible}}
	if to.cursor != nil { // without extent: what is selected in an editor goes with the next key
		p.Selection = &protocol.Range{Start: *to.cursor, End: *to.cursor}
	}
	l.call = e.ask(c, p, call{leading: l})
	if l.place != nil && to.cursor != nil {
		c.leading = nil // it was led to where it was called
	}
}

// ledThere goes on from where an editor was led.
func (e *Engine) ledThere(l *leading, conn protocol.ConnID) {
	l.call = 0
	if c := e.client(conn); c != nil && c.leading == l {
		e.presenceSoon(c)
	}
}

// placeOf is where a member was last: the newest of its editors' places but for c itself, and who owes for mapping it.
func (e *Engine) placeOf(c *client, s *session, member string) (newest *presence, owes *spent) {
	consider := func(p *presence, sp *spent) {
		if p != nil && p.member == member && p.doc != 0 && (newest == nil || p.turn > newest.turn) {
			newest, owes = p, sp
		}
	}
	for _, o := range e.clients {
		if o != c && o.placeSession == s {
			consider(o.presence, nil)
		}
	}
	for _, r := range s.remotes {
		for _, p := range r.cursors {
			consider(p, r.spent)
		}
	}
	return newest, owes
}

// Calls that one member may make: callBurst at once, then one each callEach. They open a question in everybody's editor.
const (
	callEach  = 5 * time.Second
	callBurst = 3
)

func (sv *server) Summon(r protocol.Request[protocol.Empty], p *protocol.SummonParams) {
	e := sv.engine()
	c := e.client(r.Conn)
	s, err := e.sessionOf(p.Session)
	switch {
	case err != nil:
	case c.presence == nil || c.placeSession != s:
		err = protocol.Errorf(protocol.NoSuchDocument, "Put your cursor into a shared text first, then call the others there.")
	case len(s.members) < 2:
		err = protocol.Errorf(protocol.NoSuchMember, "Nobody else is in this session yet.")
	case !take(&s.calls, e.now, callEach, callBurst*callEach):
		s.calls = s.calls.Add(-callEach) // it was not made
		err = protocol.Errorf(protocol.RateLimited, "You called the others a moment ago; wait a few seconds.")
	}
	if err != nil {
		refuse(e, r, err)
		return
	}
	place := *c.presence
	for _, o := range s.remotes {
		e.frame(o, Live, &wire.Summon{Place: s.wirePlace(&place)})
	}
	e.called(s, &place, c)
	reply(e, r, protocol.Empty{})
}

// summoned takes a remote's call. A host passes it on.
func (e *Engine) summoned(r *remote, f *wire.Summon) {
	s := r.session
	share := time.Duration(1)
	if s.host {
		f.Place.Member = r.member
		if s.doc(f.Place.Doc) == nil {
			return // its own words would be shown for the name of a text
		}
	} else {
		share = MaxGuests
	}
	if m := s.member(f.Place.Member); m == nil || m.State == protocol.MemberWaiting || f.Place.Doc == 0 {
		return
	}
	if !take(&r.spent.calls, e.now, callEach/share, callBurst*callEach) {
		r.spent.calls = r.spent.calls.Add(-callEach / share) // it calls nobody
		return
	}
	place := fromWirePlace(&f.Place)
	if s.host {
		for _, o := range s.remotes {
			if o != r {
				e.frame(o, Live, &wire.Summon{Place: s.wirePlace(place)})
			}
		}
	}
	e.called(s, place, nil)
}

// answerLook is the answer to a call that leads there.
const answerLook = "Look"

// called asks this daemon's people, but the one who called, to look.
func (e *Engine) called(s *session, place *presence, by *client) {
	m := s.member(place.member)
	t := telling{e: e, s: s}
	uri, where := t.named(place)
	if uri == "" {
		return
	}
	sentence := fmt.Sprintf("%s asks you to look at %s.", m.Name, where)
	e.tellHappening(protocol.Happening{Event: "called", Session: s.id, Member: s.memberInfo(m.ID), URI: uri, Message: sentence})
	for _, c := range e.clients {
		if c == by || !s.has(c) {
			continue
		}
		if !c.shows {
			e.tell(c, protocol.MessageInfo, sentence)
			continue
		}
		e.withdrawCalls(func(a *call) bool { return a.conn == c.id && a.summons != nil && a.summons.member == m.ID })
		was := *place
		e.ask(c, &protocol.ShowMessageRequestParams{Type: protocol.MessageInfo, Message: sentence,
			Actions: []protocol.MessageActionItem{{Title: answerLook}},
			Earshot: &protocol.Call{Session: s.id, Member: m.ID}}, call{summons: &leading{session: s, member: m.ID, place: &was}})
	}
}

// named is the document of a place and, for people, where in it that is: the line, if the text is here.
func (t *telling) named(p *presence) (uri, where string) {
	d := t.s.doc(p.doc)
	if d == nil {
		if p.path.IsFolder() {
			return "", ""
		}
		return docpath.SessionURI(t.s.id, p.path), docpath.Quote(p.path.String())
	}
	where = docpath.Quote(d.path.String())
	if !d.ready || len(p.selections) == 0 || !t.bring(d, p, nil) {
		return d.uri(), where
	}
	at := min(max(p.selections[0][1], 0), d.text.Text().Len())
	return d.uri(), fmt.Sprintf("%s, line %d", where, d.text.Text().Position(at, text.UTF16).Line+1)
}

// lookAnswered leads a person who said yes to where it was called.
func (e *Engine) lookAnswered(l *leading, ev ClientAnswered) {
	got, _ := ev.Result.(*protocol.MessageActionItem)
	c := e.client(ev.Conn)
	if ev.Err != nil || got == nil || got.Title != answerLook || c == nil || l.session.state == protocol.SessionEnded {
		return
	}
	c.leading = l
	e.presenceSoon(c)
}

// withdrawCalls takes questions back that have lost their sense.
func (e *Engine) withdrawCalls(which func(*call) bool) {
	var gone []uint64
	for n, asked := range e.calls {
		if which(asked) {
			gone = append(gone, n)
		}
	}
	slices.Sort(gone)
	for _, n := range gone {
		e.emit(Withdraw{Conn: e.calls[n].conn, Call: n})
		delete(e.calls, n)
	}
}

// leadsEnd lets go of all that a member, or with "" a session, has to do with leading.
func (e *Engine) leadsEnd(s *session, member string) {
	e.withdrawCalls(func(a *call) bool {
		return a.summons != nil && a.summons.session == s && cmp.Or(member, a.summons.member) == a.summons.member
	})
	for _, c := range e.clients {
		if l := c.leading; l != nil && l.session == s && cmp.Or(member, l.member) == l.member {
			c.leading = nil
		}
	}
}
