package session

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"earshot/protocol"
	"earshot/protocol/wire"
)

// door is a host that is asked before anybody comes in, and its editors.
func door(t *testing.T, change func(*protocol.ShareParams)) (w *world, host *node, ed *editor) {
	t.Helper()
	w = newWorld(t)
	w.disk["a.txt"] = "abc"
	host = w.node("host")
	ed = host.connect()
	p := &protocol.ShareParams{Folder: "file:///w"}
	if change != nil {
		change(p)
	}
	ed.call(p)
	return w, host, ed
}

// knock lets somebody who is no node of the world come to the door.
func (n *node) knock(intro IntroID, name string) {
	n.step(Knocked{Session: n.shared(), Intro: intro, Name: name, Check: "123456"})
}

// question is the newest question to an editor about a guest.
func (ed *editor) question() (Ask, string) {
	ed.n.w.t.Helper()
	for i := len(ed.asks) - 1; i >= 0; i-- {
		switch p := ed.asks[i].Params.(type) {
		case *protocol.AdmitQuestion:
			return ed.asks[i], p.Member.Name + " " + p.Check
		case *protocol.ShowMessageRequestParams:
			return ed.asks[i], p.Message
		}
	}
	ed.n.w.t.Fatal("the editor was not asked")
	return Ask{}, ""
}

func (ed *editor) decides(res any, err *protocol.Error) {
	q, _ := ed.question()
	ed.n.step(ClientAnswered{Conn: ed.conn, Call: q.Call, Result: res, Err: err})
}

func lastDecision(t *testing.T, host *node) Decide {
	t.Helper()
	all := effects[Decide](host)
	if len(all) != 1 {
		t.Fatalf("%d decisions, want 1", len(all))
	}
	return all[0]
}

// TestAdmitFirstRealAnswerWins: an error is no answer; the others' questions are withdrawn.
func TestAdmitFirstRealAnswerWins(t *testing.T) {
	_, host, one := door(t, nil)
	two, three := host.connect(), host.connect(stock("plain"))
	for _, ed := range []*editor{two, three} {
		ed.fetch("earshot://" + host.shared() + "/a.txt") // attaching makes it one of the session's
	}
	host.knock(7, "Ann")
	for _, ed := range []*editor{one, two, three} {
		if _, says := ed.question(); !strings.Contains(says, "Ann") || !strings.Contains(says, "123456") {
			t.Errorf("asked %q, want the name and the check number", says)
		}
	}
	one.decides(nil, &protocol.Error{Code: protocol.CodeInternalError})
	three.decides((*protocol.MessageActionItem)(nil), nil)
	if got := effects[Decide](host); len(got) != 0 {
		t.Fatalf("an error decided: %+v", got)
	}
	two.decides(&protocol.AdmitAnswer{Admit: true, Role: protocol.RoleViewer}, nil)
	var withdrawn []protocol.ConnID
	for _, f := range host.fx {
		if w, ok := f.(Withdraw); ok {
			withdrawn = append(withdrawn, w.Conn)
		}
	}
	if len(withdrawn) != 0 {
		t.Errorf("withdrew %v, though all had answered", withdrawn)
	}
	if d := lastDecision(t, host); !d.Admit || d.Role != protocol.RoleViewer || d.Intro != 7 {
		t.Errorf("decided %+v", d)
	}
}

func TestAdmitWithdrawsFromTheOthers(t *testing.T) {
	_, host, one := door(t, nil)
	two := host.connect(stock("plain"))
	two.fetch("earshot://" + host.shared() + "/a.txt")
	host.knock(7, "Ann")
	q, _ := two.question()
	one.decides(&protocol.AdmitAnswer{}, nil)
	var gone bool
	for _, f := range host.fx {
		if w, ok := f.(Withdraw); ok && w.Conn == two.conn && w.Call == q.Call {
			gone = true
		}
	}
	if !gone {
		t.Error("the other editor is still asked")
	}
	if d := lastDecision(t, host); d.Admit {
		t.Errorf("decided %+v", d)
	}
	two.decides(&protocol.MessageActionItem{Title: answerEditor}, nil) // too late
	if got := effects[Decide](host); len(got) != 0 {
		t.Errorf("a late answer decided: %+v", got)
	}
}

func TestStockClientIsAskedByMessage(t *testing.T) {
	for title, want := range map[string]Decide{
		answerEditor: {Admit: true, Role: protocol.RoleEditor},
		answerViewer: {Admit: true, Role: protocol.RoleViewer},
		answerRefuse: {Role: protocol.RoleEditor},
		"nonsense":   {Role: protocol.RoleEditor},
	} {
		w := newWorld(t)
		w.disk["a.txt"] = "abc"
		host := w.node("host")
		ed := host.connect(stock("plain"))
		ed.call(&protocol.ShareParams{Folder: "file:///w"})
		host.knock(7, "Ann\x1b[31m\u202e")
		if _, says := ed.question(); strings.ContainsAny(says, "\x1b\u202e") {
			t.Errorf("asked %q", says)
		}
		ed.decides(&protocol.MessageActionItem{Title: title}, nil)
		if d := lastDecision(t, host); d.Admit != want.Admit || d.Role != want.Role {
			t.Errorf("%s: decided %+v", title, d)
		}
	}
}

// TestAdmitSilence: a host who says nothing for two minutes has said no.
func TestAdmitSilence(t *testing.T) {
	w, host, _ := door(t, nil)
	host.knock(7, "Ann")
	w.pass(AdmissionWait - time.Second)
	if got := effects[Decide](host); len(got) != 0 {
		t.Fatal("decided too early")
	}
	w.pass(time.Second)
	if d := lastDecision(t, host); d.Admit || !strings.Contains(d.Why, "two minutes") {
		t.Errorf("decided %+v", d)
	}
	if n := len(host.e.sessions[0].members); n != 1 {
		t.Errorf("%d members, want the host alone", n)
	}
}

// TestAskedAnewAfterReconnecting: an editor that comes while somebody waits is asked too.
func TestAskedAnewAfterReconnecting(t *testing.T) {
	_, host, ed := door(t, nil)
	host.knock(7, "Ann")
	ed.drop()
	again := host.connect()
	again.fetch("earshot://" + host.shared() + "/a.txt")
	again.decides(&protocol.AdmitAnswer{Admit: true}, nil)
	if d := lastDecision(t, host); !d.Admit {
		t.Errorf("decided %+v", d)
	}
}

func TestAdmitByCommand(t *testing.T) {
	_, host, ed := door(t, nil)
	ed.call(&protocol.SubscribeParams{})
	host.knock(7, "Ann")
	h := saw[*protocol.Happening](ed)
	if h.Event != "waiting" || h.Check != "123456" || h.Member.Name != "Ann" {
		t.Fatalf("got the event %+v", h)
	}
	admit := &protocol.AdmitMemberParams{Session: host.shared(), Member: h.Member.ID, Admit: true, Role: protocol.RoleViewer}
	ed.call(admit)
	if d := lastDecision(t, host); !d.Admit || d.Role != protocol.RoleViewer {
		t.Errorf("decided %+v", d)
	}
	wantKind(t, ed.fails(admit), protocol.NoSuchMember) // nobody waits any more
	host.knock(8, "Bob")
	bob := saw[*protocol.Happening](ed).Member.ID
	ed.call(&protocol.RemoveMemberParams{Session: host.shared(), Member: bob})
	if d := lastDecision(t, host); d.Admit {
		t.Error("a waiting guest who was removed came in")
	}
	host.knock(9, "Cy")
	host.step(KnockGone{Session: host.shared(), Intro: 9})
	if h := saw[*protocol.Happening](ed); h.Event != "gone" {
		t.Errorf("the newest event is %+v, want gone", h)
	}
}

// TestAutoAdmitsOne unless told otherwise.
func TestAutoAdmitsOne(t *testing.T) {
	for guests, want := range map[int]int{0: 1, 3: 3} {
		_, host, _ := door(t, func(p *protocol.ShareParams) { p.Admit, p.Guests = protocol.AdmitAuto, guests })
		in := 0
		for i := range IntroID(5) {
			host.knock(i+1, "Ann")
			if lastDecision(t, host).Admit {
				in++
			}
		}
		if in != want {
			t.Errorf("guests %d: %d came in, want %d", guests, in, want)
		}
	}
}

func TestA5MaxKnocksAndGuests(t *testing.T) {
	_, host, _ := door(t, func(p *protocol.ShareParams) { p.Guests = MaxKnocks + 1 })
	for i := range IntroID(MaxKnocks) {
		host.knock(i+1, "Ann")
	}
	if got := effects[Decide](host); len(got) != 0 {
		t.Fatalf("decided %+v", got)
	}
	host.knock(99, "Bob")
	if d := lastDecision(t, host); d.Admit || !strings.Contains(d.Why, "waiting") {
		t.Errorf("decided %+v", d)
	}
	_, host, ed := door(t, nil)
	wantInvalid(t, host.connect().fails(&protocol.ShareParams{Folder: "file:///w", Guests: MaxGuests + 1}))
	for i := range IntroID(MaxGuests) {
		host.knock(i+1, "Ann")
		ed.decides(&protocol.AdmitAnswer{Admit: true}, nil)
		d := lastDecision(t, host)
		host.step(GuestLinked{Session: host.shared(), Member: d.Member, Link: LinkID(1000 + i)})
	}
	host.knock(99, "Bob")
	if d := lastDecision(t, host); d.Admit || !strings.Contains(d.Why, "full") {
		t.Errorf("decided %+v", d)
	}
	if n := len(host.e.sessions[0].members); n > wire.MaxMembers {
		t.Errorf("%d members do not fit a frame", n)
	}
}

// TestWhoWaits: who waits at the door keeps nobody out, is shown to the host alone, with the check, and can't come in once there
// is no place.
func TestWhoWaits(t *testing.T) {
	w, host, ed := door(t, func(p *protocol.ShareParams) { p.Guests = 1 })
	watcher := host.connect()
	watcher.call(&protocol.SubscribeParams{})
	host.knock(1, "Ann")
	waits := host.e.sessions[0].members[1]
	if saw[*protocol.Happening](watcher).Member.Check != "123456" || waits.Check != "123456" {
		t.Errorf("the host sees %+v, want it with the check", waits)
	}
	host.knock(2, "Bob")
	ed.decides(&protocol.AdmitAnswer{Admit: true}, nil)
	s := &stranger{n: host, link: 1000}
	d := lastDecision(t, host)
	host.step(GuestLinked{Session: host.shared(), Member: d.Member, Link: s.link})
	if welcome := got[*wire.Welcome](s); len(welcome) != 1 || len(welcome[0].Members) != 2 {
		t.Errorf("welcomed by %+v, want it to show nobody who waits", welcome)
	}
	if m := host.e.sessions[0].member(d.Member); m.Check != "" {
		t.Errorf("%+v has still a check", m)
	}
	script := host.connect()
	wantKind(t, script.fails(&protocol.AdmitMemberParams{Session: host.shared(), Member: waits.ID, Admit: true}), protocol.RoomFull)
	host.fx = nil
	q, _ := ed.question()
	for _, ask := range ed.asks {
		if p, ok := ask.Params.(*protocol.AdmitQuestion); ok && p.Member.ID == waits.ID {
			q = ask
		}
	}
	host.step(ClientAnswered{Conn: ed.conn, Call: q.Call, Result: &protocol.AdmitAnswer{Admit: true}})
	if d := lastDecision(t, host); d.Admit || d.Kind != protocol.RoomFull || !ed.wasTold("Ann could not come in") {
		t.Errorf("decided %+v, told %q", d, ed.told)
	}
	host.knock(3, "Eve")
	if h := saw[*protocol.Happening](watcher); h.Event != "refused" || h.Member.Name != "Eve" {
		t.Errorf("the newest event is %+v, want that one was refused", h)
	}
	w.pass(time.Minute)
}

func wantInvalid(t *testing.T, err *protocol.Error) {
	t.Helper()
	if err == nil || err.Code != protocol.CodeInvalidParams {
		t.Errorf("got %v, want invalid params", err)
	}
}

// TestViewer: what a viewer types is taken back, told, and reaches nobody.
func TestViewer(t *testing.T) {
	w, host, guest := pair(t, "abc")
	ed := guest.connect()
	ed.fetch(w.uri("a.txt"))
	script := host.connect()
	script.call(&protocol.SetRoleParams{Session: host.shared(), Member: guest.member, Role: protocol.RoleViewer})
	if p := saw[*protocol.DocumentChanged](ed); !p.Readonly {
		t.Error("the editor was not told that it may not change the text")
	}
	ed.types(1, 1, "XYZ")
	if !ed.wasTold("so the change was taken back") {
		t.Error("not told")
	}
	w.want("abc", ed, host, guest)
	script.call(&protocol.SetRoleParams{Session: host.shared(), Member: guest.member, Role: protocol.RoleEditor})
	ed.types(1, 1, "XYZ")
	w.want("aXYZc", ed, host, guest)
}

// TestRoleIsTold: whom the host gives another role is told so, and all who follow the events.
func TestRoleIsTold(t *testing.T) {
	w, host, guest := pair(t, "abc")
	_, other := w.join("other")
	ed := guest.connect()
	ed.fetch(w.uri("a.txt"))
	watchers := []*editor{host.connect(), guest.connect(), other.n.connect()}
	for _, watcher := range watchers {
		watcher.call(&protocol.SubscribeParams{})
	}
	script := host.connect()
	for _, role := range []protocol.Role{protocol.RoleViewer, protocol.RoleEditor, protocol.RoleEditor} {
		script.call(roleOf(host, guest, role))
	}
	for i, watcher := range watchers {
		var roles []protocol.Role
		for _, f := range effects[Notify](watcher.n) {
			if h, ok := f.Params.(*protocol.Happening); ok && f.Conn == watcher.conn && h.Event == "role" && h.Member.ID == guest.member {
				roles = append(roles, h.Member.Role)
			}
		}
		if !slices.Equal(roles, []protocol.Role{protocol.RoleViewer, protocol.RoleEditor}) {
			t.Errorf("watcher %d was told %v", i, roles)
		}
	}
	if told := strings.Join(ed.told, "\n"); !strings.Contains(told, "made you a viewer") || !strings.Contains(told, "made you an editor") {
		t.Errorf("the guest was told %q", told)
	}
}

// TestA3SetRoleWithEditsUnderWay: they come too late, the copy is void, and the buffers follow the host.
func TestA3SetRoleWithEditsUnderWay(t *testing.T) {
	w, host, guest := pair(t, "abc")
	ed := guest.connect()
	ed.fetch(w.uri("a.txt"))
	script := host.connect()
	// The edit is under way when the host decides.
	w.busy = true
	script.notify(roleOf(host, guest, protocol.RoleViewer))
	ed.adds("X")
	w.busy = false
	w.run()
	w.want("abc", ed, host, guest)
	if !ed.wasTold("before it got there") {
		t.Error("not told")
	}
	script.call(&protocol.SetRoleParams{Session: host.shared(), Member: guest.member, Role: protocol.RoleEditor})
	ed.adds("Y")
	other := host.connect()
	other.fetch(w.uri("a.txt"))
	w.want("abcY", ed, other, host, guest)
}

func roleOf(host, guest *node, role protocol.Role) *protocol.SetRoleParams {
	return &protocol.SetRoleParams{Session: host.shared(), Member: guest.member, Role: role}
}

// TestTypedWhileVoid: what is typed after the host refused something, until the text is fetched anew, is not lost.
func TestTypedWhileVoid(t *testing.T) {
	for _, kind := range []choice{manual, stock("plain")} {
		w, host, guest := pair(t, "abc")
		ed := guest.connect(kind)
		ed.fetch(w.uri("a.txt"))
		ed.manual = false
		r := host.e.sessions[0].remotes[0]
		delete(r.docs, host.doc().num) // as if a Reset was on its way
		w.busy = true
		guest.step(FrameArrived{Link: guest.e.sessions[0].up.id, Data: wire.Encode(&wire.Reset{Doc: host.doc().num, Turn: guest.doc().turn, Reason: "test"})})
		ed.types(0, 0, "X")
		ed.adds("Y")
		w.busy = false
		w.run()
		w.want("XabcY", ed, host, guest)
	}
}

// TestVoidWithAnEditUnderWay: a document is replaced while an edit for it is in flight; the text does not double.
func TestVoidWithAnEditUnderWay(t *testing.T) {
	for _, kind := range []choice{manual, stock("Neovim")} {
		for _, applied := range []string{"applied", "refused", "typed first"} {
			w, host, guest := pair(t, "abc")
			ed := guest.connect(kind)
			ed.fetch(w.uri("a.txt"))
			ed.manual = true
			h := host.connect()
			h.open(fileURI, "abc")
			refused := guest.connect()
			refused.fetch(w.uri("a.txt"))
			m := host.e.sessions[0].member(guest.member)
			m.Role = protocol.RoleViewer // and the guest does not know it yet
			refused.types(0, 0, "REFUSED")
			m.Role = protocol.RoleEditor
			h.types(0, 0, "H")
			if ed.edit() == nil {
				t.Fatal("no edit is under way")
			}
			switch applied {
			case "applied":
				ed.applies()
			case "typed first":
				ed.adds("T")
				ed.answers(false)
			default:
				ed.answers(false)
				w.pass(time.Second)
			}
			for ed.edit() != nil {
				ed.applies()
			}
			want := "Habc"
			if applied == "typed first" {
				want += "T"
			}
			w.want(want, ed, refused, h, host, guest)
		}
	}
}

func TestA3RemoveMember(t *testing.T) {
	w, host, guest := pair(t, "abc")
	ed := guest.connect()
	ed.fetch(w.uri("a.txt"))
	script := host.connect()
	script.call(&protocol.SubscribeParams{})
	script.call(&protocol.RemoveMemberParams{Session: host.shared(), Member: guest.member})
	if s := saw[*protocol.SessionChanged](ed); s == nil || s.Session.State != protocol.SessionEnded || !strings.Contains(s.Session.Reason, "removed") {
		t.Errorf("the guest was told %+v", s)
	}
	if h := saw[*protocol.Happening](script); h.Event != "left" || h.Member.ID != guest.member {
		t.Errorf("the newest event is %+v, want left", h)
	}
	if got := effects[Forget](host); len(got) != 1 || got[0].Member != guest.member {
		t.Errorf("%+v: want its way back void", got)
	}
	if len(guest.e.sessions) != 0 || len(host.e.sessions[0].remotes) != 0 {
		t.Error("something of it stays")
	}
	w.connect(host, guest, guest.joined) // it tries all the same
	w.run()
	if len(host.e.sessions[0].remotes) != 0 {
		t.Error("a removed member came back")
	}
	for _, p := range []protocol.DaemonParams{
		&protocol.RemoveMemberParams{Session: host.shared(), Member: host.e.sessions[0].me},
		&protocol.SetRoleParams{Session: host.shared(), Member: "nobody", Role: protocol.RoleViewer},
		&protocol.AdmitMemberParams{Session: host.shared(), Member: "nobody"},
	} {
		wantKind(t, script.fails(p), protocol.NoSuchMember)
	}
}

// TestA1OnlyTheHost decides.
func TestA1OnlyTheHost(t *testing.T) {
	_, host, guest := pair(t, "abc")
	ed := guest.connect()
	for _, p := range []protocol.DaemonParams{
		&protocol.RemoveMemberParams{Session: host.shared(), Member: guest.member},
		&protocol.SetRoleParams{Session: host.shared(), Member: guest.member, Role: protocol.RoleEditor},
		&protocol.AdmitMemberParams{Session: host.shared(), Member: guest.member},
		&protocol.InviteParams{Session: host.shared()},
	} {
		wantKind(t, ed.fails(p), protocol.NotHost)
	}
	wantInvalid(t, host.connect().fails(&protocol.SetRoleParams{Session: host.shared(), Member: guest.member, Role: protocol.RoleHost}))
	wantInvalid(t, host.connect().fails(&protocol.AdmitMemberParams{Session: host.shared(), Member: guest.member, Role: protocol.RoleHost}))
	wantInvalid(t, ed.fails(&protocol.JoinParams{Code: "CODE", Role: protocol.RoleHost}))
}

// TestRoles: the role is the smaller of what the share gives and what the guest wishes.
func TestRoles(t *testing.T) {
	for _, test := range []struct{ share, wish, want protocol.Role }{
		{"", "", protocol.RoleEditor},
		{protocol.RoleViewer, protocol.RoleEditor, protocol.RoleViewer},
		{protocol.RoleEditor, protocol.RoleViewer, protocol.RoleViewer},
	} {
		w := newWorld(t)
		host := w.node("host")
		host.share(func(p *protocol.ShareParams) { p.Role = test.share })
		g := w.node("guest")
		res := g.connect().call(&protocol.JoinParams{Code: "CODE", Role: test.wish}).(protocol.SessionResult)
		if res.Session.Role != test.want {
			t.Errorf("%+v: got %s", test, res.Session.Role)
		}
	}
}

// TestMembers have names fit for a screen, ids, and colours of their own; code and link are the host's alone.
func TestMembers(t *testing.T) {
	w := newWorld(t)
	host := w.node("host")
	host.share(nil)
	var all []protocol.Member
	for i := range 5 {
		g, ed := w.join("guest\x07" + strconv.Itoa(i) + strings.Repeat("x", 100))
		s := ed.call(&protocol.ListSessionsParams{}).(protocol.ListSessionsResult).Sessions[0]
		if s.Code != "" || s.Link != "" || s.ID != host.shared() || s.Me != g.member {
			t.Errorf("a guest sees %+v", s)
		}
		all = s.Members
	}
	colors := map[string]bool{}
	for _, m := range all {
		colors[m.Color] = true
		if !isID(m.ID) || strings.Contains(m.Name, "\x07") || len(m.Name) > MaxName {
			t.Errorf("got %+v", m)
		}
	}
	if len(all) != 6 || len(colors) != 6 {
		t.Errorf("%d members in %d colours, want 6", len(all), len(colors))
	}
}
