package session

import (
	"strings"
	"testing"
	"time"

	"earshot/internal/text"
	"earshot/protocol"
)

func TestInitialize(t *testing.T) {
	w := newWorld(t)
	n := w.node("host")
	n.step(ClientOpened{Conn: 7})
	n.step(ClientCalled{Conn: 7, ID: "1", Params: &protocol.StatusParams{}})
	errs := effects[ReplyError](n)
	if len(errs) != 1 || errs[0].Err.Code != protocol.CodeServerNotInitialized {
		t.Errorf("before initialize: got %+v", errs)
	}
	n.step(ClientCalled{Conn: 7, Params: &protocol.DidOpenTextDocumentParams{TextDocument: protocol.TextDocumentItem{URI: fileURI}}})
	if len(n.fx) != 0 || len(n.e.clients[0].private) != 0 {
		t.Error("a notification before initialize did something")
	}
	n.step(ClientCalled{Conn: 7, ID: "2", Params: &protocol.InitializeParams{}})
	got := effects[Reply](n)
	if len(got) != 1 {
		t.Fatalf("got %+v", got)
	}
	c := got[0].Result.(protocol.InitializeResult).Capabilities
	if c.PositionEncoding != "utf-16" || c.TextDocumentSync != (protocol.TextDocumentSyncOptions{OpenClose: true, Change: 2, Save: true}) ||
		c.Workspace.TextDocumentContent.Schemes[0] != "earshot" || c.Experimental.Earshot.ProtocolVersion != protocol.Version {
		t.Errorf("got the capabilities %+v", c)
	}
	n.step(ClientCalled{Conn: 7, ID: "3", Params: &protocol.InitializeParams{}})
	if errs := effects[ReplyError](n); len(errs) != 1 || errs[0].Err.Code != protocol.CodeInvalidRequest {
		t.Errorf("twice: got %+v", errs)
	}
	n.step(ClientCalled{Conn: 7, ID: "4", Params: &protocol.ShutdownParams{}})
	n.step(ClientCalled{Conn: 7, Params: &protocol.ExitParams{}})
	if closed := effects[CloseClient](n); len(closed) != 1 || len(n.e.clients) != 0 {
		t.Error("exit did not end the connection")
	}
	n.step(ClientCalled{Conn: 7, ID: "5", Params: &protocol.StatusParams{}})
	if len(n.fx) != 0 {
		t.Error("a connection that is gone was answered")
	}
}

// TestEncodingIsTheFirstKnown of those that the client offers.
func TestEncodingIsTheFirstKnown(t *testing.T) {
	for _, enc := range []text.Encoding{text.UTF8, text.UTF16, text.UTF32} {
		w := newWorld(t)
		ed := w.node("host").connect(encoding(enc))
		if got := ed.n.e.client(ed.conn).enc; got != enc {
			t.Errorf("got %v, want %v", got, enc)
		}
	}
}

// TestTwoMinutes: a session whose last connection is gone goes on for two minutes and then ends.
func TestTwoMinutes(t *testing.T) {
	w := newWorld(t)
	host := w.node("host")
	script := host.share(nil)
	script.drop()
	w.pass(SessionGrace - time.Second)
	if len(host.e.sessions) != 1 {
		t.Fatal("ended early")
	}
	again := host.connect() // somebody who attaches to a document keeps it
	w.disk["a.txt"] = "abc"
	again.fetch(w.uri("a.txt"))
	w.pass(time.Hour)
	if len(host.e.sessions) != 1 {
		t.Fatal("ended though somebody is there")
	}
	again.drop()
	w.pass(SessionGrace)
	if len(host.e.sessions) != 0 {
		t.Error("it goes on")
	}
	if got := effects[CloseRoom](host); len(got) != 1 {
		t.Error("the room stays open")
	}
}

func TestLinger(t *testing.T) {
	w := newWorld(t)
	host := w.node("host")
	host.share(func(p *protocol.ShareParams) { p.Linger = true }).drop()
	w.pass(24 * time.Hour)
	if len(host.e.sessions) != 1 {
		t.Error("it ended")
	}
}

// TestTwoMinutesSaves: what guests changed is saved when nobody is there; if that fails it is kept and tried again.
func TestTwoMinutesSaves(t *testing.T) {
	w := newWorld(t)
	w.disk["a.txt"] = "abc"
	host := w.node("host")
	script := host.share(nil)
	guest, _ := w.join("guest")
	ed := guest.connect()
	ed.fetch(w.uri("a.txt"))
	ed.adds("X")
	w.locked["a.txt"] = true
	script.drop()
	w.pass(10 * SessionGrace)
	if len(host.e.sessions) != 1 || host.head() != "abcX" {
		t.Fatal("a text that could not be saved is gone")
	}
	w.locked["a.txt"] = false
	w.pass(SessionGrace)
	if len(host.e.sessions) != 0 || w.disk["a.txt"] != "abcX" {
		t.Errorf("%d sessions, the disk holds %q", len(host.e.sessions), w.disk["a.txt"])
	}
}

func leave(n *node, unsaved protocol.Unsaved) *protocol.LeaveParams {
	return &protocol.LeaveParams{Session: n.shared(), Unsaved: unsaved}
}

// TestLeaveUnsaved: texts that guests changed, that no host editor has open and that nobody saved.
func TestLeaveUnsaved(t *testing.T) {
	for _, test := range []struct {
		unsaved protocol.Unsaved
		disk    string
	}{{protocol.UnsavedSave, "abcX"}, {protocol.UnsavedDiscard, "abc"}} {
		w, host, guest := pair(t, "abc")
		w.disk["b.txt"] = "b"
		script := host.connect()
		ed, second := guest.connect(), guest.connect()
		ed.fetch(w.uri("a.txt"))
		second.fetch(w.uri("b.txt"))
		h := host.connect()
		h.open("file:///w/b.txt", "b")
		second.adds("!") // the host's editor has it open: it is asked there
		ed.adds("X")
		err := script.fails(leave(host, ""))
		wantKind(t, err, protocol.UnsavedTexts)
		if len(err.Data.URIs) != 1 || err.Data.URIs[0] != w.uri("a.txt") {
			t.Errorf("listed %v", err.Data.URIs)
		}
		w.want("abcX", host) // nothing ended
		script.call(leave(host, test.unsaved))
		if w.disk["a.txt"] != test.disk || w.disk["b.txt"] != "b" {
			t.Errorf("%s: the disk holds %q and %q", test.unsaved, w.disk["a.txt"], w.disk["b.txt"])
		}
		if len(host.e.sessions)+len(guest.e.sessions) != 0 {
			t.Error("the session goes on")
		}
		h.adds("?") // the host's buffer stays as it was
		if h.text() != "b!?" || h.wasTold("not opened") {
			t.Errorf("the host's editor shows %q", h.text())
		}
	}
}

// TestLeaveSaveFails: the session goes on, and nothing is lost.
func TestLeaveSaveFails(t *testing.T) {
	w, host, guest := pair(t, "abc")
	ed := guest.connect()
	ed.fetch(w.uri("a.txt"))
	ed.adds("X")
	w.locked["a.txt"] = true
	wantKind(t, host.connect().fails(leave(host, protocol.UnsavedSave)), protocol.SaveFailed)
	ed.adds("Y")
	w.want("abcXY", ed, host)
}

// TestTypedWhileLeaving: what a guest types while the texts are being saved is saved too.
func TestTypedWhileLeaving(t *testing.T) {
	w, host, guest := pair(t, "abc")
	ed := guest.connect()
	ed.fetch(w.uri("a.txt"))
	ed.adds("X")
	host.holding = true
	host.connect().ask(leave(host, protocol.UnsavedSave))
	ed.adds("Y")
	host.release()
	if got := w.disk["a.txt"]; got != "abcXY" {
		t.Errorf("the disk holds %q", got)
	}
	if len(host.e.sessions) != 0 {
		t.Error("the session goes on")
	}
}

func TestLeaveErrors(t *testing.T) {
	_, host, guest := pair(t, "abc")
	ed := host.connect()
	wantKind(t, ed.fails(&protocol.LeaveParams{Session: "nonesuch00"}), protocol.NoSuchSession)
	wantInvalid(t, ed.fails(&protocol.LeaveParams{Session: host.shared(), Unsaved: "perhaps"}))
	g := guest.connect()
	g.call(leave(host, "")) // a guest just leaves
	if len(guest.e.sessions) != 0 || len(host.e.sessions[0].members) != 1 {
		t.Error("the guest is still there")
	}
}

// TestHostLeaves: the guests' documents close; one with edits that never reached the host stays, read-only, and says so.
func TestHostLeaves(t *testing.T) {
	w, host, guest := pair(t, "abc")
	w.disk["b.txt"] = "b"
	ed, clean := guest.connect(), guest.connect()
	ed.fetch(w.uri("a.txt"))
	clean.fetch(w.uri("b.txt"))
	w.busy = true
	host.connect0(leave(host, protocol.UnsavedDiscard))
	ed.adds("X") // on its way when the host's goodbye is
	w.busy = false
	w.run()
	if !ed.wasTold("read-only") || clean.wasTold("read-only") {
		t.Error("not told, or the wrong one")
	}
	if s := saw[*protocol.SessionChanged](ed); s.Session.State != protocol.SessionEnded || s.Session.Reason == "" {
		t.Errorf("got %+v", s.Session)
	}
	if p := saw[*protocol.DocumentChanged](ed); !p.Readonly {
		t.Error("the text that stays is not read-only")
	}
	ed.adds("Y")
	if ed.text() != "abcX" || !ed.wasTold("ended") {
		t.Errorf("it shows %q, want what never reached the host, unchanged", ed.text())
	}
	w.pass(time.Hour) // and nothing spins
	if len(guest.e.sessions) != 1 {
		t.Error("the text is gone")
	}
	wantKind(t, ed.fails(save(ed.uri)), protocol.Ended)
	ed.notify(&protocol.DidCloseTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: ed.uri}})
	w.pass(time.Second)
	if len(guest.e.sessions) != 0 {
		t.Error("the session that ended is never forgotten")
	}
}

// connect0 has a fresh script send a request while the world is held.
func (n *node) connect0(p protocol.DaemonParams) {
	n.soon(ClientOpened{Conn: 9999})
	n.soon(ClientCalled{Conn: 9999, ID: "1", Params: &protocol.InitializeParams{}})
	n.soon(ClientCalled{Conn: 9999, ID: "2", Params: p})
}

// TestReconnect: both sides keep typing while the link is broken; on return all is merged, exactly once.
func TestReconnect(t *testing.T) {
	for _, away := range []time.Duration{0, DocumentGrace + 10*time.Second, MemberGrace - 5*time.Second} {
		t.Run(away.String(), func(t *testing.T) {
			w, host, guest := pair(t, "abc")
			ed := guest.connect()
			ed.fetch(w.uri("a.txt"))
			w.breakLink(guest)
			if s := saw[*protocol.SessionChanged](ed); s.Session.State != protocol.SessionReconnecting {
				t.Errorf("the guest was told %+v", s.Session)
			}
			ed.types(0, 0, "G")
			w.pass(away)
			h := host.connect()
			h.open(fileURI, "abc")
			h.adds("H")
			w.mend(guest)
			w.want("GabcH", ed, h, host, guest)
			if s := saw[*protocol.SessionChanged](ed); s.Session.State != protocol.SessionOpen {
				t.Errorf("the guest was told %+v", s.Session)
			}
			ed.adds("!")
			w.want("GabcH!", ed, h, host, guest)
		})
	}
}

// TestReconnectAfterTheHostForgotTheText: nobody at the host has it, and the guest typed meanwhile.
func TestReconnectAfterTheHostForgotTheText(t *testing.T) {
	w, host, guest := pair(t, "abc")
	ed := guest.connect()
	ed.fetch(w.uri("a.txt"))
	w.breakLink(guest)
	ed.types(0, 0, "G")
	w.pass(MemberGrace - 5*time.Second)
	w.mend(guest)
	w.want("Gabc", ed, host, guest)
}

// TestSentIntoTheBreak: a frame that was lost with its link is sent again.
func TestSentIntoTheBreak(t *testing.T) {
	w, host, guest := pair(t, "abc")
	ed := guest.connect()
	ed.fetch(w.uri("a.txt"))
	w.busy = true
	ed.adds("X")
	w.put("loss", func() { w.queue = w.queue[:0] }) // all that is sent now gets lost
	w.busy = false
	w.run()
	if !guest.doc().unacked() {
		t.Fatal("the guest takes it for arrived")
	}
	w.breakLink(guest)
	w.mend(guest)
	w.want("abcX", ed, host, guest)
	if guest.doc().unacked() {
		t.Error("the host took it and the guest does not know")
	}
}

// TestMemberGrace: a guest that does not come back for two minutes has left; it gives up too, and keeps what it typed.
func TestMemberGrace(t *testing.T) {
	w, host, guest := pair(t, "abc")
	ed := guest.connect()
	ed.fetch(w.uri("a.txt"))
	watcher := host.connect()
	watcher.call(&protocol.SubscribeParams{})
	w.breakLink(guest)
	if h := saw[*protocol.Happening](watcher); h.Event != "reconnecting" {
		t.Errorf("the newest event is %+v", h)
	}
	ed.adds("X")
	w.pass(MemberGrace + time.Second)
	if n := len(host.e.sessions[0].members); n != 1 {
		t.Errorf("%d members, want the host alone", n)
	}
	if s := saw[*protocol.SessionChanged](ed); s.Session.State != protocol.SessionEnded {
		t.Errorf("the guest was told %+v", s.Session)
	}
	if !ed.wasTold("read-only") || ed.text() != "abcX" {
		t.Errorf("it shows %q", ed.text())
	}
	w.pass(time.Hour)
}

// TestRejoinRefused: the host does not let it back in.
func TestRejoinRefused(t *testing.T) {
	w, _, guest := pair(t, "abc")
	ed := guest.connect()
	ed.fetch(w.uri("a.txt"))
	w.breakLink(guest)
	w.pass(time.Second)
	guest.step(JoinFailed{Join: guest.rejoin, Err: protocol.Errorf(protocol.Unreachable, "no")})
	if len(guest.e.sessions) != 1 {
		t.Fatal("gave up at once")
	}
	was := guest.rejoin
	w.pass(time.Second)
	if guest.rejoin == was {
		t.Fatal("no second try")
	}
	guest.step(JoinFailed{Join: guest.rejoin, Err: protocol.Errorf(protocol.NotAdmitted, "no")})
	if len(guest.e.sessions) != 0 {
		t.Error("it goes on trying")
	}
}

// TestOwnCode gives the session that is there.
func TestOwnCode(t *testing.T) {
	w := newWorld(t)
	host := w.node("host")
	host.share(nil)
	ed := host.connect()
	id := ed.ask(&protocol.JoinParams{Code: "CODE"})
	w.queue = nil
	host.step(JoinIsOwn{Join: host.joined, Session: host.shared()})
	res, ok := ed.results[id].(protocol.SessionResult)
	if !ok || res.Session.ID != host.shared() {
		t.Errorf("got %+v", ed.results[id])
	}
}

// Two joins at once are both let in; the second gives the session that is there, and leaves no one behind at the host.
func TestJoinTwice(t *testing.T) {
	_, host, guest := pair(t, "a\n")
	second := guest.connect()
	res := second.call(&protocol.JoinParams{Code: "CODE"}).(protocol.SessionResult)
	if res.Session.ID != host.shared() || len(guest.e.sessions) != 1 || len(guest.e.links) != 1 {
		t.Errorf("got session %s of %d, %d links", res.Session.ID, len(guest.e.sessions), len(guest.e.links))
	}
	if got := host.e.sessions[0].members; len(got) != 2 || got[1].State != protocol.MemberHere {
		t.Errorf("members at the host: %+v", got)
	}
	got := second.call(&protocol.TextDocumentContentParams{URI: host.w.uri("a.txt")}).(protocol.TextDocumentContentResult)
	if got.Text != "a\n" {
		t.Errorf("the session gives %q", got.Text)
	}
}

func TestJoinCancelled(t *testing.T) {
	w := newWorld(t)
	host := w.node("host")
	host.share(func(p *protocol.ShareParams) { p.Admit = protocol.AdmitAsk })
	g := w.node("guest")
	ed := g.connect()
	ed.id = 41
	ed.ask(&protocol.JoinParams{Code: "CODE", WorkDoneToken: []byte(`"t"`)})
	g.step(JoinProgressed{Join: g.joined, Stage: protocol.StageAdmission, Check: "123456"})
	if p := saw[*protocol.ProgressParams](ed); p == nil || p.Value.Kind != "begin" || p.Value.Check != "123456" {
		t.Errorf("progress %+v", p)
	}
	ed.notify(&protocol.CancelParams{ID: []byte("42")})
	if err, _ := ed.results["42"].(*protocol.Error); err == nil || err.Code != protocol.CodeRequestCancelled {
		t.Errorf("got %+v", ed.results["42"])
	}
	if p := saw[*protocol.ProgressParams](ed); p.Value.Kind != "end" {
		t.Errorf("progress %+v", p)
	}
	if got := effects[CancelJoin](g); len(got) != 1 {
		t.Errorf("cancelled %+v", got)
	}
	g.step(HostLinked{Join: g.joined, Link: 77})
	if got := effects[CloseLink](g); len(got) != 1 || got[0].Link != 77 {
		t.Error("a link that comes too late stays open")
	}
}

func TestSecondShareOfAFolder(t *testing.T) {
	w := newWorld(t)
	host := w.node("host")
	host.share(nil)
	ed := host.connect()
	err := ed.fails(&protocol.ShareParams{Folder: "file:///w"})
	wantKind(t, err, protocol.AlreadyShared)
	if err.Data.Session != host.shared() {
		t.Errorf("it names session %q", err.Data.Session)
	}
	if len(host.e.sessions) != 1 {
		t.Error("a session that was refused stays")
	}
	// Two at once: none has a room yet when the other comes.
	w = newWorld(t)
	host = w.node("host")
	one, two := host.connect(), host.connect()
	w.busy = true
	a := one.ask(&protocol.ShareParams{Folder: "file:///w"})
	b := two.ask(&protocol.ShareParams{Folder: "file:///w"})
	w.busy = false
	w.run()
	if _, ok := one.results[a].(protocol.SessionResult); !ok {
		t.Errorf("got %+v", one.results[a])
	}
	if err, _ := two.results[b].(*protocol.Error); err == nil {
		t.Error("one folder has two sessions")
	}
}

func TestShareErrors(t *testing.T) {
	w := newWorld(t)
	ed := w.node("host").connect()
	for _, p := range []*protocol.ShareParams{
		{}, {Folder: "file:///w", Documents: []string{fileURI}}, {Folder: "file:///w", Role: "owner"},
		{Folder: "file:///w", Admit: "perhaps"}, {Folder: "file:///w", Guests: -1},
	} {
		wantInvalid(t, ed.fails(p))
	}
	wantKind(t, ed.fails(&protocol.ShareParams{Folder: "http://w"}), protocol.NoSuchDocument)
	wantKind(t, ed.fails(&protocol.ShareParams{Documents: []string{"untitled:x"}}), protocol.NoSuchDocument)
	if len(ed.n.e.sessions) != 0 {
		t.Error("a session that was refused stays")
	}
}

func TestManyUntitled(t *testing.T) {
	w := newWorld(t)
	host := w.node("host")
	ed := host.connect()
	var uris []string
	for i := range 300 {
		uri := "untitled:" + strings.Repeat("x/", i) + "con" // one name for all, and one that is never shared
		uris = append(uris, uri)
		ed.open(uri, "text")
	}
	ed.call(&protocol.ShareParams{Documents: uris})
	names := map[string]bool{}
	for _, d := range host.e.sessions[0].docs {
		names[d.path.String()] = true
	}
	if len(names) != 300 || names[""] {
		t.Errorf("%d names for 300 buffers", len(names))
	}
}

func TestInvite(t *testing.T) {
	_, host, _ := pair(t, "abc")
	ed := host.connect()
	ed.call(&protocol.SubscribeParams{})
	id := ed.ask(&protocol.InviteParams{Session: host.shared()})
	host.step(CodeChanged{Session: host.shared(), Why: "three wrong guesses"})
	host.step(CodeChanged{Session: host.shared(), Code: "NEW", Link: "l"})
	if got, ok := ed.results[id].(protocol.InviteResult); !ok || got.Code != "NEW" {
		t.Errorf("got %+v", ed.results[id])
	}
	if h := saw[*protocol.Happening](ed); h.Event != "code" || h.Code != "NEW" || !strings.HasSuffix(h.Time, "Z") {
		t.Errorf("the newest event is %+v", h)
	}
}

func TestStop(t *testing.T) {
	w, host, guest := pair(t, "abc")
	ed := guest.connect()
	ed.fetch(w.uri("a.txt"))
	ed.adds("X")
	script := host.connect()
	wantKind(t, script.fails(&protocol.StopParams{}), protocol.Conflict)
	script.call(&protocol.StopParams{Force: true})
	if got := effects[StopDaemon](host); len(got) != 1 {
		t.Errorf("%d times stopped, want once", len(got))
	}
	if got := w.disk["a.txt"]; got != "abcX" {
		t.Errorf("the disk holds %q", got)
	}
	host.step(ShuttingDown{})
	if got := effects[StopDaemon](host); len(got) != 0 {
		t.Error("stopped twice")
	}
}

// TestShutDownWhileOpening answers whoever waits.
func TestShutDownWhileOpening(t *testing.T) {
	w := newWorld(t)
	host := w.node("host")
	ed := host.connect()
	w.busy = true
	id := ed.ask(&protocol.ShareParams{Folder: "file:///w"})
	host.soon(ShuttingDown{})
	w.busy = false
	w.run()
	if err, _ := ed.results[id].(*protocol.Error); err == nil {
		t.Errorf("got %+v, want an error", ed.results[id])
	}
	if got := effects[StopDaemon](host); len(got) != 1 {
		t.Error("it did not stop")
	}
}

// TestIdleDaemon goes by itself a moment after its last client and session.
func TestIdleDaemon(t *testing.T) {
	w := newWorld(t)
	n := w.node("host")
	n.e.cfg.Auto = true
	ed := n.connect()
	w.pass(time.Minute)
	if len(effects[StopDaemon](n)) != 0 {
		t.Fatal("it stopped while somebody is there")
	}
	ed.drop()
	w.pass(IdleGrace)
	if len(effects[StopDaemon](n)) != 1 {
		t.Error("it did not stop")
	}
}

// TestEventLines: who watches hears of changes at most once a second for each member.
func TestEventLines(t *testing.T) {
	w, host, guest := pair(t, "abc")
	ed := guest.connect()
	ed.fetch(w.uri("a.txt"))
	watcher := host.connect()
	watcher.call(&protocol.SubscribeParams{})
	watcher.notes = nil
	for range 20 {
		ed.adds("x")
		w.pass(100 * time.Millisecond)
	}
	n := 0
	for _, p := range watcher.notes {
		if h, ok := p.(*protocol.Happening); ok && h.Event == "changed" {
			if n++; h.URI != w.uri("a.txt") || h.Member == nil || h.Member.ID != guest.member || h.Session != host.shared() {
				t.Errorf("got %+v", h)
			}
		}
	}
	if n < 2 || n > 3 {
		t.Errorf("%d lines in two seconds, want 2 or 3", n)
	}
}

// TestDocumentIsForgotten: what nobody has goes after half a minute, at both ends.
func TestDocumentIsForgotten(t *testing.T) {
	w, host, guest := pair(t, "abc")
	ed := guest.connect()
	ed.fetch(w.uri("a.txt"))
	ed.notify(&protocol.DidCloseTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: ed.uri}})
	w.pass(2*DocumentGrace + time.Second)
	if a, b := len(host.e.sessions[0].docs), len(guest.e.sessions[0].docs); a+b != 0 {
		t.Errorf("%d and %d documents stay", a, b)
	}
	ed.fetch(w.uri("a.txt")) // and may be opened again
	ed.adds("X")
	w.want("abcX", ed, host, guest)
}

// TestStopThoughAnEditorTakesNothing: an editor that swallowed an edit, or shows a popup for ever, can't keep the daemon.
func TestStopThoughAnEditorTakesNothing(t *testing.T) {
	for _, kind := range []choice{stock("Neovim"), manual} {
		w, ed, other := hostAndGuest(t, "abc", kind)
		ed.manual = true
		other.adds("X")
		if !ed.exact {
			ed.answers(true)
		}
		ed.n.step(ShuttingDown{})
		for range 30 {
			w.pass(AnswerWait / 20)
			if ed.exact && ed.edit() != nil {
				ed.answers(false)
			}
		}
		if got := effects[StopDaemon](ed.n); len(got) != 1 {
			t.Errorf("stopped %d times, want once", len(got))
		}
	}
}

// TestBrokenLinkHasNoPath: of a member that is coming back nobody is told how its last link was.
func TestBrokenLinkHasNoPath(t *testing.T) {
	w, host, guest := pair(t, "abc")
	_, third := w.join("third")
	look := func(ed *editor) *protocol.Member {
		for _, s := range ed.call(&protocol.StatusParams{}).(protocol.StatusResult).Sessions {
			for _, m := range s.Members {
				if m.ID == guest.member {
					return &m
				}
			}
		}
		t.Fatal("the member is gone")
		return nil
	}
	all := []*editor{host.eds[0], guest.eds[0], third}
	host.step(LinkChanged{Link: host.e.sessions[0].remotes[0].id, Path: "relay", RTTMs: 20})
	for _, ed := range all {
		if m := look(ed); m.Path != "relay" || m.RTTMs == nil {
			t.Fatalf("%s has %+v, want the path and the round trip", ed.n.name, m)
		}
	}
	w.breakLink(guest)
	for _, ed := range all {
		if m := look(ed); m.Path != "" || m.RTTMs != nil {
			t.Errorf("%s has the path %q and a round trip (%v) of a link that is broken", ed.n.name, m.Path, m.RTTMs != nil)
		}
	}
	w.mend(guest)
	host.step(LinkChanged{Link: host.e.sessions[0].remotes[1].id, Path: "direct", RTTMs: 2})
	for _, ed := range all {
		if m := look(ed); m.Path != "direct" || m.RTTMs == nil || *m.RTTMs != 2 {
			t.Errorf("%s has %+v, want the new link's", ed.n.name, m)
		}
	}
}

// TestUndoHeldAtTheEnd: an undo that waits for an edit in flight is answered though the session ends before.
func TestUndoHeldAtTheEnd(t *testing.T) {
	s := newUndoScene(t, "a", manual)
	s.bob.adds("b")
	s.ann.types(0, 0, "X")
	if s.bob.inFlight() != 1 {
		t.Fatal("nothing is in flight")
	}
	s.bob.adds("c")
	id := s.bob.ask(&protocol.UndoParams{TextDocument: docID(s.bob.uri)})
	if got := s.bob.results[id]; got != nil {
		t.Fatalf("answered at once: %+v", got)
	}
	s.ann.ask(leave(s.w.nodes[0], protocol.UnsavedDiscard))
	s.w.pass(time.Second)
	if got := s.bob.results[id]; got != (protocol.UndoResult{}) {
		t.Errorf("got %+v", got)
	}
}
