package daemon

import (
	"bytes"
	"context"
	"crypto/rand"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"earshot/internal/introduction"
	"earshot/internal/matchmaker"
	"earshot/internal/rpc"
	"earshot/protocol"
)

// serverOf is the matchmaker that a link names.
func serverOf(t *testing.T, link string) string {
	t.Helper()
	l, err := introduction.ParseLink(link)
	if err != nil {
		t.Fatal(err)
	}
	return l.Server()
}

// TestShareAndJoin is the whole way of two people on one machine, without a setting: the code, the question to the host,
// the folder, both ways of typing, the disk.
func TestShareAndJoin(t *testing.T) {
	dir := folderOf(t, "a.txt", "one\ntwo\n", "sub/b.txt", "b", ".env", "SECRET=1")
	host, guest := sitDown(t, "Ana"), sitDown(t, "Ben")
	asked := make(chan *protocol.AdmitQuestion, 1)
	host.decide = func(q *protocol.AdmitQuestion) protocol.AdmitAnswer {
		asked <- q
		return protocol.AdmitAnswer{Admit: true}
	}
	s := host.share(dir, func(p *protocol.ShareParams) { p.Admit, p.Listen = protocol.AdmitAsk, "" })
	if got := host.awaitEvent("opened").Message; !strings.Contains(got, "people on this network") {
		t.Errorf("reach: got %q", got)
	}
	in := guest.join(s.Code, func(p *protocol.JoinParams) { p.WorkDoneToken = []byte(`"t"`) })
	if in.ID != s.ID || in.Role != protocol.RoleEditor || in.Code != "" || in.Link != "" {
		t.Errorf("the guest's session: got %+v, want %s as editor, without the code", in, s.ID)
	}
	q := <-asked
	if q.Member.Name != "Ben" || q.Member.State != protocol.MemberWaiting {
		t.Errorf("the host was asked about %+v, want Ben, waiting", q.Member)
	}
	checkStages(t, guest, q.Check)
	host.here(2)
	guest.here(2)

	var listed protocol.ListFilesResult
	guest.must("file/list", &protocol.ListFilesParams{Session: s.ID, Recursive: true}, &listed)
	var names []string
	for _, e := range listed.Entries {
		names = append(names, strings.TrimPrefix(e.URI, "earshot://"+s.ID+"/"))
	}
	if got := strings.Join(names, " "); got != "a.txt sub sub/b.txt" {
		t.Errorf("listed %q, want a.txt sub sub/b.txt", got)
	}

	far, near := "earshot://"+s.ID+"/a.txt", fileURI(t, filepath.Join(dir, "a.txt"))
	guest.open(far)
	host.open(near)
	guest.typed(far, 0, 0, "from Ben 😀 ")
	host.typed(near, -1, 0, "from Ana\n")
	const want = "from Ben 😀 one\ntwo\nfrom Ana\n"
	guest.shows(far, want)
	host.shows(near, want)

	guest.must("document/save", &protocol.SaveParams{TextDocument: protocol.TextDocumentIdentifier{URI: far}}, nil)
	checkFile(t, filepath.Join(dir, "a.txt"), want)
	guest.fails(protocol.Excluded, "workspace/textDocumentContent", &protocol.TextDocumentContentParams{URI: "earshot://" + s.ID + "/.env"})
	guest.fails(protocol.NoSuchDocument, "workspace/textDocumentContent", &protocol.TextDocumentContentParams{URI: "earshot://" + s.ID + "/none"})
}

func checkFile(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("on the disk: got %q, %v, want %q", got, err, want)
	}
}

// checkStages: a join tells how far it has come, and shows the same digits as the host.
func checkStages(t *testing.T, guest *desk, check string) {
	t.Helper()
	guest.mu.Lock()
	defer guest.mu.Unlock()
	var stages []string
	for _, p := range guest.seen {
		progress, ok := p.(*protocol.ProgressParams)
		if !ok || progress.Value.Stage == "" {
			continue
		}
		stages = append(stages, string(progress.Value.Stage))
		if c := progress.Value.Check; c != "" && c != check {
			t.Errorf("check digits: the guest sees %q, the host %q", c, check)
		}
	}
	if got := strings.Join(stages, " "); got != "matchmaker introduction admission direct" {
		t.Errorf("stages: got %q", got)
	}
}

// anotherCode is a well-formed code of the same room with another secret.
func anotherCode(t *testing.T, code string) string {
	t.Helper()
	own, err := introduction.ParseCode(code)
	if err != nil {
		t.Fatal(err)
	}
	other, err := introduction.NewCode(own.Room(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return other.Reveal()
}

// TestWrongCodes: three burn the code, for the right one too; a link and a new code still work.
func TestWrongCodes(t *testing.T) {
	dir := folderOf(t, "a.txt", "one\n")
	host, guest := sitDown(t, "Ana"), sitDown(t, "Ben")
	s := host.share(dir)
	server := serverOf(t, s.Link)
	join := func(code string) *protocol.JoinParams { return &protocol.JoinParams{Code: code, Server: server} }
	for range introduction.GuessesPerCode {
		guest.fails(protocol.WrongCode, "session/join", join(anotherCode(t, s.Code)))
	}
	burnt := host.awaitCode()
	if burnt.Code != "" || burnt.Link != s.Link || !strings.Contains(burnt.Message, "Three wrong codes") {
		t.Errorf("after three wrong codes: got %+v", burnt)
	}
	guest.fails(protocol.CodeBurnt, "session/join", join(s.Code))

	host.forget()
	var fresh protocol.InviteResult
	host.must("session/invite", &protocol.InviteParams{Session: s.ID}, &fresh)
	if fresh.Code == s.Code || fresh.Code == "" || fresh.Link == s.Link {
		t.Errorf("a fresh invitation: got %+v after %s", fresh, s.Code)
	}
	guest.fails(protocol.WrongCode, "session/join", &protocol.JoinParams{Code: s.Link})
	if got := guest.join(fresh.Code, func(p *protocol.JoinParams) { p.Server = server }); got.ID != s.ID {
		t.Errorf("joined %s, want %s", got.ID, s.ID)
	}
	third := sitDown(t, "Eve")
	if got := third.join(fresh.Link); got.ID != s.ID {
		t.Errorf("joined %s by link, want %s", got.ID, s.ID)
	}
	host.here(3)
}

func (k *desk) awaitCode() protocol.Happening { k.t.Helper(); return k.awaitEvent("code") }

// TestNoSuch: what leads nowhere says so at once.
func TestNoSuch(t *testing.T) {
	dir := folderOf(t, "a.txt", "one\n")
	host, guest := sitDown(t, "Ana"), sitDown(t, "Ben")
	s := host.share(dir)
	server := serverOf(t, s.Link)
	code, err := introduction.NewCode("ZZZZ", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	guest.fails(protocol.NoSuchRoom, "session/join", &protocol.JoinParams{Code: code.Reveal(), Server: server})
	guest.fails(protocol.NoSuchRoom, "session/join", &protocol.JoinParams{Code: code.Reveal()})
	guest.fails(protocol.BadCode, "session/join", &protocol.JoinParams{Code: "hello"})
	mistyped := []byte(s.Code)
	mistyped[len(mistyped)-1] = "0123456789"[(strings.IndexByte("0123456789", mistyped[len(mistyped)-1])+1)%10]
	guest.fails(protocol.BadCode, "session/join", &protocol.JoinParams{Code: string(mistyped)})
	guest.fails(protocol.BadCode, "session/join", &protocol.JoinParams{Code: s.Link[:len(s.Link)-1]})
	guest.fails(protocol.Unreachable, "session/join", &protocol.JoinParams{Code: s.Code, Server: "ws://127.0.0.1:1"})
	guest.fails(protocol.NoServer, "session/join", &protocol.JoinParams{Code: s.Code, Server: "gopher://x"})
	host.fails(protocol.NoServer, "session/share", &protocol.ShareParams{Folder: fileURI(t, folderOf(t)), Listen: "off"})
	host.fails(protocol.Unreachable, "session/share", &protocol.ShareParams{Folder: fileURI(t, folderOf(t)), Server: "ws://127.0.0.1:1"})
	host.fails(protocol.AlreadyShared, "session/share", &protocol.ShareParams{Folder: fileURI(t, dir), Listen: "127.0.0.1:0"})
	host.fails(protocol.NoSuchDocument, "session/share", &protocol.ShareParams{Folder: fileURI(t, filepath.Join(dir, "none"))})
	for _, own := range []string{s.Code, s.Link, strings.ToLower(s.Code)} {
		if got := host.join(own); got.ID != s.ID || got.Role != protocol.RoleHost {
			t.Errorf("one's own invitation: got %+v, want session %s as host", got, s.ID)
		}
	}
}

// TestJoinTwice: the second editor of a guest gets the session that is there, by the same code or a fresh one.
func TestJoinTwice(t *testing.T) {
	host, guest := sitDown(t, "Ana"), sitDown(t, "Ben")
	s := host.share(folderOf(t, "a.txt", "one\n"))
	server := serverOf(t, s.Link)
	with := func(p *protocol.JoinParams) { p.Server = server }
	first := guest.join(s.Code, with)
	if again := guest.join(s.Code, with); again.ID != s.ID || again.Me != first.Me {
		t.Errorf("the same code again: got %s as %s, want %s as %s", again.ID, again.Me, s.ID, first.Me)
	}
	if again := guest.join(s.Link); again.ID != s.ID || again.Me != first.Me {
		t.Errorf("the link: got %s as %s, want %s as %s", again.ID, again.Me, s.ID, first.Me)
	}
	host.awaitEvent("gone") // the one who knocked with the link
	host.await("two members and no more", func() bool { return len(host.session.Members) == 2 })
}

// TestDecision: the host's people say no, or not so much; nobody but they let anyone in.
func TestDecision(t *testing.T) {
	host, guest := sitDown(t, "Ana"), sitDown(t, "Ben")
	answers := make(chan protocol.AdmitAnswer, 1)
	host.decide = func(*protocol.AdmitQuestion) protocol.AdmitAnswer { return <-answers }
	s := host.share(folderOf(t, "a.txt", "one\n"), func(p *protocol.ShareParams) { p.Admit, p.Guests = protocol.AdmitAsk, 1 })
	answers <- protocol.AdmitAnswer{}
	guest.fails(protocol.NotAdmitted, "session/join", &protocol.JoinParams{Code: s.Link})
	host.awaitEvent("refused")
	answers <- protocol.AdmitAnswer{Admit: true, Role: protocol.RoleViewer}
	if got := guest.join(s.Link); got.Role != protocol.RoleViewer {
		t.Errorf("role: got %q, want viewer", got.Role)
	}
	host.here(2)
	sitDown(t, "Eve").fails(protocol.RoomFull, "session/join", &protocol.JoinParams{Code: s.Link})
}

// TestCancelJoin: a guest who gives up while the host thinks is gone at the host too.
func TestCancelJoin(t *testing.T) {
	host, guest := sitDown(t, "Ana"), sitDown(t, "Ben")
	s := host.share(folderOf(t, "a.txt", "one\n"), func(p *protocol.ShareParams) { p.Admit = protocol.AdmitAsk })
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- guest.client.Call(ctx, "session/join", &protocol.JoinParams{Code: s.Link}, nil) }()
	host.awaitEvent("waiting")
	cancel()
	<-over
	host.awaitEvent("gone")
	guest.awaitLoop("no join to be left", func() bool { return len(guest.daemon.joins) == 0 })
}

// TestLeave: a guest that leaves is gone; a host that leaves ends it for all and lets go of port and folder.
func TestLeave(t *testing.T) {
	dir := folderOf(t, "a.txt", "one\n")
	host, guest := sitDown(t, "Ana"), sitDown(t, "Ben")
	s := host.share(dir)
	guest.join(s.Link)
	host.here(2)
	guest.must("session/leave", &protocol.LeaveParams{Session: s.ID}, nil)
	host.here(1)
	if got := host.awaitEvent("left"); got.Member == nil || got.Member.Name != "Ben" {
		t.Errorf("who left: got %+v, want Ben", got.Member)
	}
	guest.forget()
	guest.join(s.Link)
	host.must("session/leave", &protocol.LeaveParams{Session: s.ID}, nil)
	guest.await("the end", func() bool { return guest.session.State == protocol.SessionEnded })
	ended := &protocol.JoinParams{Code: s.Link}
	for protocol.KindOf(guest.call("session/join", ended, nil)) == protocol.NoSuchRoom {
		// The room is gone, and the matchmaker goes behind it.
	}
	guest.fails(protocol.Unreachable, "session/join", ended)
	host.inLoop(func() {
		if len(host.daemon.folders)+len(host.daemon.rooms) != 0 {
			t.Errorf("%d folders and %d rooms are left", len(host.daemon.folders), len(host.daemon.rooms))
		}
	})
	if again := host.share(dir); again.Code == s.Code {
		t.Error("a new session has the old code")
	}
}

// cutLinks ends a daemon's links without a word to its engine.
func (k *desk) cutLinks() {
	k.inLoop(func() {
		for _, l := range k.daemon.links {
			l.close()
		}
	})
}

// TestComeBack: the link is cut, several times; the guest comes back as the same member without being asked about, and
// what both typed meanwhile is there.
func TestComeBack(t *testing.T) {
	dir := folderOf(t, "a.txt", "-")
	host, guest := sitDown(t, "Ana"), sitDown(t, "Ben")
	host.decide = func(*protocol.AdmitQuestion) protocol.AdmitAnswer { return protocol.AdmitAnswer{Admit: true} }
	s := host.share(dir, func(p *protocol.ShareParams) { p.Admit = protocol.AdmitAsk })
	first := guest.join(s.Link)
	far, near := "earshot://"+s.ID+"/a.txt", fileURI(t, filepath.Join(dir, "a.txt"))
	guest.open(far)
	host.open(near)
	secrets := map[string]bool{}
	for _, cut := range []*desk{host, guest, host} {
		guest.inLoop(func() { secrets[guest.daemon.bonds[s.ID].hint] = true })
		host.forget()
		guest.forget()
		cut.cutLinks()
		guest.awaitEvent("reconnecting")
		guest.typed(far, 0, 0, "g")
		host.typed(near, -1, 0, "h")
		guest.awaitEvent("returned")
		host.awaitEvent("returned")
	}
	if len(secrets) != 3 {
		t.Errorf("the guest came back with %d different secrets, want a new one each time", len(secrets))
	}
	host.shows(near, "ggg-hhh")
	guest.shows(far, "ggg-hhh")
	host.here(2)
	guest.await("the same member", func() bool { return guest.session.Me == first.Me })
	host.mu.Lock()
	defer host.mu.Unlock()
	for _, p := range host.seen {
		if _, asked := p.(*protocol.AdmitQuestion); asked {
			t.Error("the host was asked about one who came back")
		}
	}
}

// TestA3RemovedStaysOut: who was removed can't come back by its old secret.
func TestA3RemovedStaysOut(t *testing.T) {
	host, guest := sitDown(t, "Ana"), sitDown(t, "Ben")
	s := host.share(folderOf(t, "a.txt", "one\n"))
	in := guest.join(s.Link)
	host.here(2)
	var kept *bond
	guest.inLoop(func() { kept = guest.daemon.bonds[s.ID] })
	host.must("member/remove", &protocol.RemoveMemberParams{Session: s.ID, Member: in.Me}, nil)
	guest.await("the end", func() bool { return guest.session.State == protocol.SessionEnded })
	j := kept.joining
	j.hint, j.back = kept.hint, true
	j.in = invitation{kind: introduction.KindResume, room: kept.came.room, secret: kept.secret, hostHash: kept.host}
	j.ctx, j.cancel = context.WithCancel(t.Context())
	defer j.cancel()
	if err := j.failure(j.join()); protocol.KindOf(err) != protocol.NotAdmitted {
		t.Errorf("coming back after having been removed: got %v, want notAdmitted", err)
	}
}

// matchmakerFor runs a matchmaker of its own, with a relay if relay is not empty, until stop.
func matchmakerFor(t *testing.T, options matchmaker.Options) (url string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- matchmaker.New(options).Serve(ctx, l) }() // ends with stop
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return "ws://" + l.Addr().String(), stop
}

// TestMatchmakerGone: who is linked needs no matchmaker.
func TestMatchmakerGone(t *testing.T) {
	dir := folderOf(t, "a.txt", "one\n")
	url, stop := matchmakerFor(t, matchmaker.Options{})
	host, guest := sitDown(t, "Ana"), sitDown(t, "Ben", func(o *Options) { o.Server = url })
	s := host.share(dir, func(p *protocol.ShareParams) { p.Server = url })
	if got := host.awaitEvent("opened").Message; got != "anyone who can reach "+url {
		t.Errorf("reach: got %q", got)
	}
	guest.join(s.Code)
	far, near := "earshot://"+s.ID+"/a.txt", fileURI(t, filepath.Join(dir, "a.txt"))
	guest.open(far)
	host.open(near)
	stop()
	guest.typed(far, 0, 0, "still ")
	host.shows(near, "still one\n")
	host.typed(near, 0, 0, "and ")
	guest.shows(far, "and still one\n")
}

// TestRelayOnly: with nothing but a relay the link goes through it, and where there is none both sides are told.
func TestRelayOnly(t *testing.T) {
	relay, err := matchmaker.ListenRelay(matchmaker.RelayOptions{Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = relay.Close() }) // after the desks
	url, _ := matchmakerFor(t, matchmaker.Options{ICEServers: relay.ICEServers})
	bare, _ := matchmakerFor(t, matchmaker.Options{})
	dir := folderOf(t, "a.txt", "one\n")
	host, guest := sitDown(t, "Ana", func(o *Options) { o.RelayOnly = true }), sitDown(t, "Ben")
	host.fails(protocol.Unreachable, "session/share", &protocol.ShareParams{Folder: fileURI(t, dir), Server: bare})
	s := host.share(dir, func(p *protocol.ShareParams) { p.Server = url })
	guest.fails(protocol.Unreachable, "session/join", &protocol.JoinParams{Code: s.Link, RelayOnly: true, IceServers: []protocol.ICEServer{}})
	guest.join(s.Link, func(p *protocol.JoinParams) { p.RelayOnly = true })
	host.await("a relayed path", func() bool {
		return len(host.session.Members) == 2 && host.session.Members[1].Path == "relay"
	})
	far := "earshot://" + s.ID + "/a.txt"
	guest.open(far)
	guest.typed(far, 0, 0, "relayed ")
	near := fileURI(t, filepath.Join(dir, "a.txt"))
	host.open(near)
	host.shows(near, "relayed one\n")
}

// TestLargeTexts: 8 MiB to a guest, and 6 MiB pasted by one, more than the channels of a link hold.
func TestLargeTexts(t *testing.T) {
	whole := strings.Repeat("0123456789abcde\n", 8<<16)
	dir := folderOf(t, "big.txt", whole, "paste.txt", "")
	host, guest := sitDown(t, "Ana"), sitDown(t, "Ben")
	s := host.share(dir)
	guest.join(s.Link)
	var got protocol.TextDocumentContentResult
	guest.must("workspace/textDocumentContent", &protocol.TextDocumentContentParams{URI: "earshot://" + s.ID + "/big.txt"}, &got)
	if got.Text != whole {
		t.Errorf("a text of %d bytes came as %d", len(whole), len(got.Text))
	}
	far, near := "earshot://"+s.ID+"/paste.txt", fileURI(t, filepath.Join(dir, "paste.txt"))
	guest.open(far)
	host.open(near)
	guest.typed(far, 0, 0, whole[:6<<20])
	host.await("what was pasted", func() bool { return host.buffers[near].Text() == whole[:6<<20] })
	guest.awaitEvent("changed")
}

// TestEnd: a daemon that is told to end saves what guests changed, says goodbye, and leaves neither socket nor link.
func TestEnd(t *testing.T) {
	dir := folderOf(t, "a.txt", "one\n")
	host, guest := sitDown(t, "Ana"), sitDown(t, "Ben")
	s := host.share(dir)
	guest.join(s.Link)
	far := "earshot://" + s.ID + "/a.txt"
	guest.open(far)
	guest.typed(far, 0, 0, "unsaved ")
	host.awaitEvent("changed")
	host.stop()
	checkFile(t, filepath.Join(dir, "a.txt"), "unsaved one\n")
	guest.await("the end", func() bool { return guest.session.State == protocol.SessionEnded })
	if _, err := rpc.Dial(t.Context(), host.daemon.opts.Socket); err == nil {
		t.Error("the socket still answers")
	}
	select {
	case guest.daemon.inbox <- message{}:
	case <-time.After(patience):
		t.Error("the guest's daemon hangs")
	}
}

// TestStop: daemon/stop is answered before the end; a daemon that was started by a command goes by itself.
func TestStop(t *testing.T) {
	k := sitDown(t, "Ana")
	k.must("daemon/stop", &protocol.StopParams{}, nil)
	k.finished()
	auto := sitDown(t, "Ben", func(o *Options) { o.Auto = true })
	auto.client.Close()
	auto.finished()
}

func (k *desk) finished() {
	k.t.Helper()
	select {
	case err := <-k.ended:
		if err != nil {
			k.t.Error(err)
		}
		k.ended = nil
	case <-time.After(patience):
		k.t.Fatal("the daemon does not end")
	}
}

// TestTakeOver: when a daemon that was told to end has closed a connection, its socket is free for the next.
func TestTakeOver(t *testing.T) {
	for range 20 {
		k := sitDown(t, "Ana")
		k.must("daemon/stop", &protocol.StopParams{}, nil)
		<-k.client.Done()
		l, err := rpc.Listen(k.daemon.opts.Socket)
		if err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
	}
}

// TestRunFails: a daemon that can't begin says why.
func TestRunFails(t *testing.T) {
	k := sitDown(t, "Ana")
	err := Run(t.Context(), Options{Socket: k.daemon.opts.Socket})
	if err == nil || !strings.Contains(err.Error(), "already running") {
		t.Errorf("a second daemon: got %v", err)
	}
	if err := Run(t.Context(), Options{}); err == nil {
		t.Error("a daemon without a socket began")
	}
}

// TestStamps: what the engine keeps of the disk comes back whole.
func TestStamps(t *testing.T) {
	dir := folderOf(t, "a.txt", "one\n")
	w, err := openWorkspace(sessionFolder(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	p, _ := w.Rel(filepath.Join(dir, "a.txt"))
	got, err := w.Load(p)
	if err != nil {
		t.Fatal(err)
	}
	back, err := toStamp(fromStamp(got.Stamp))
	if err != nil || back != got.Stamp {
		t.Errorf("got %v, %v, want %v", back, err, got.Stamp)
	}
	for _, bad := range []string{"x", "00-644", fromStamp(got.Stamp) + "9", strings.Repeat("0", 64)} {
		if _, err := toStamp(bad); err == nil {
			t.Errorf("the stamp %q was taken", bad)
		}
	}
	if zero, err := toStamp(""); err != nil || !bytes.Equal(zero.Sum[:], make([]byte, 32)) {
		t.Errorf("the zero stamp: got %v, %v", zero, err)
	}
}
