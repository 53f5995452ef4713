package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"earshot/internal/introduction"
	"earshot/internal/matchmaker"
	"earshot/protocol"
)

// bubble is a virtual network with desks; it ends with the test.
type bubble struct {
	t   *testing.T
	net *virtualNetwork
}

func inBubble(t *testing.T, f func(*testing.T, *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{t: t, net: newVirtualNetwork(t)}
		t.Cleanup(func() { b.net.stop(t) })
		f(t, b)
	})
}

func (b *bubble) desk(name string, change ...func(*Options)) *desk {
	_, world := b.net.join(b.t)
	return sitDown(b.t, name, append([]func(*Options){func(o *Options) { o.Network = world }}, change...)...)
}

// TestM2Guessing: each code stands three wrong ones and a share ten; then codes are off, links are not, and a person who
// was told can go on.
func TestM2Guessing(t *testing.T) {
	dir := folderOf(t, "a.txt", "one\n")
	inBubble(t, func(t *testing.T, b *bubble) {
		host, guest := b.desk("Ana"), b.desk("Ben")
		s := host.share(dir)
		server := serverOf(t, s.Link)
		invitation := protocol.InviteResult{Code: s.Code, Link: s.Link}
		for i := range introduction.GuessesPerShare {
			if i > 0 && i%introduction.GuessesPerCode == 0 {
				host.must("session/invite", &protocol.InviteParams{Session: s.ID}, &invitation)
			}
			guest.fails(protocol.WrongCode, "session/join", &protocol.JoinParams{Code: anotherCode(t, invitation.Code), Server: server})
			time.Sleep(10 * time.Second) // virtual, in a bubble: the matchmaker bounds how often it is asked
		}
		host.await("codes to be off", func() bool {
			last := host.seen[len(host.seen)-1]
			for _, p := range host.seen {
				if h, ok := p.(*protocol.Happening); ok && h.Event == "code" {
					last = h
				}
			}
			h, ok := last.(*protocol.Happening)
			return ok && h.Code == "" && strings.HasPrefix(h.Message, "Ten wrong codes")
		})
		guest.fails(protocol.CodeBurnt, "session/join", &protocol.JoinParams{Code: invitation.Code, Server: server})
		guest.join(invitation.Link)
		host.must("session/invite", &protocol.InviteParams{Session: s.ID}, &invitation)
		b.desk("Eve").join(invitation.Code, func(p *protocol.JoinParams) { p.Server = server })
		host.here(3)
	})
}

// TestNobodyAnswers: a guest at whose knock nobody says anything is told so after two minutes.
func TestNobodyAnswers(t *testing.T) {
	dir := folderOf(t, "a.txt", "one\n")
	inBubble(t, func(t *testing.T, b *bubble) {
		host, guest := b.desk("Ana"), b.desk("Ben")
		s := host.share(dir, func(p *protocol.ShareParams) { p.Admit = protocol.AdmitAsk })
		began := time.Now()
		guest.fails(protocol.NotAdmitted, "session/join", &protocol.JoinParams{Code: s.Link})
		if took := time.Since(began).Round(time.Second); took != 2*time.Minute {
			t.Errorf("told after %v, want 2 minutes", took)
		}
		host.here(1)
	})
}

// TestEndWhileWaiting: a session that ends says so to who waits at its door, and to who knocks next.
func TestEndWhileWaiting(t *testing.T) {
	dir := folderOf(t, "a.txt", "one\n")
	inBubble(t, func(t *testing.T, b *bubble) {
		host, guest := b.desk("Ana"), b.desk("Ben")
		s := host.share(dir, func(p *protocol.ShareParams) { p.Admit = protocol.AdmitAsk })
		over := make(chan error, 1)
		go func() { over <- guest.call("session/join", &protocol.JoinParams{Code: s.Link}, nil) }() // ends with the session
		host.awaitEvent("waiting")
		host.must("session/leave", &protocol.LeaveParams{Session: s.ID}, nil)
		if err := <-over; protocol.KindOf(err) != protocol.NotAdmitted || !strings.Contains(err.Error(), "ended") {
			t.Errorf("who waited: got %v, want notAdmitted since the session has ended", err)
		}
	})
}

// TestM11MatchmakerReturns: a matchmaker that was away has the room again, under the same code; who is linked has noticed
// nothing.
func TestM11MatchmakerReturns(t *testing.T) {
	dir := folderOf(t, "a.txt", "one\n")
	inBubble(t, func(t *testing.T, b *bubble) {
		const at, url = "10.0.0.99:80", "ws://10.0.0.99:80"
		stop := b.serve(at)
		host, guest, third := b.desk("Ana"), b.desk("Ben"), b.desk("Eve")
		at3 := func(p *protocol.JoinParams) { p.Server = url }
		s := host.share(dir, func(p *protocol.ShareParams) { p.Server = url })
		guest.join(s.Code, at3)
		stop()
		third.fails(protocol.Unreachable, "session/join", &protocol.JoinParams{Code: s.Code, Server: url})
		far := "earshot://" + s.ID + "/a.txt"
		guest.open(far)
		stop = b.serve(at)
		t.Cleanup(stop)
		time.Sleep(20 * time.Second) // virtual, in a bubble: the host tries every ten seconds
		third.join(s.Code, at3)
		third.open(far)
		guest.typed(far, 0, 0, "both ")
		third.shows(far, "both one\n")
	})
}

// serve runs a matchmaker of its own on the virtual network.
func (b *bubble) serve(at string) (stop func()) {
	a, err := net.ResolveTCPAddr("tcp", at) // a literal
	if err != nil {
		b.t.Fatal(err)
	}
	l := newMemory(a)
	b.net.mu.Lock()
	b.net.servers[at] = l
	b.net.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- matchmaker.New(matchmaker.Options{}).Serve(ctx, l) }() // ends with stop
	return func() {
		cancel()
		if err := <-done; err != nil {
			b.t.Error(err)
		}
	}
}

// TestOwnMatchmaker: the sessions of a daemon share one for each address; it goes with the last of them.
func TestOwnMatchmaker(t *testing.T) {
	host, guest := sitDown(t, "Ana"), sitDown(t, "Ben")
	first := host.share(folderOf(t, "a.txt", "one\n"))
	second := host.share(folderOf(t, "b.txt", "two\n"))
	server := serverOf(t, first.Link)
	if got := serverOf(t, second.Link); got != server {
		t.Errorf("two sessions have the matchmakers %s and %s, want one", server, got)
	}
	host.must("session/leave", &protocol.LeaveParams{Session: first.ID}, nil)
	gone := &protocol.JoinParams{Code: first.Link}
	for protocol.KindOf(guest.call("session/join", gone, nil)) == protocol.Unreachable {
		// The room closes behind the answer to leave: who knocked before that is told that it was broken off.
	}
	guest.fails(protocol.NoSuchRoom, "session/join", gone)
	guest.join(second.Link)
	host.must("session/leave", &protocol.LeaveParams{Session: second.ID}, nil)
	limit := time.NewTimer(patience)
	defer limit.Stop()
	address := strings.TrimPrefix(server, "ws://")
	for {
		l, err := net.Listen("tcp", address)
		if err == nil {
			_ = l.Close()
			return
		}
		select {
		case <-limit.C:
			t.Fatalf("the port is not free again: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// TestListenAt: an address for all is reached here by loopback; one that can't be had is told.
func TestListenAt(t *testing.T) {
	for _, listen := range []string{"127.0.0.1:0", "0.0.0.0:0", ":0"} {
		listeners, here, there, err := listenFor(listen)
		if err != nil {
			t.Fatal(err)
		}
		if !isLoopback(here) || !strings.HasPrefix(there, "ws://") || strings.Contains(there, "0.0.0.0") || strings.Contains(there, "[::]") {
			t.Errorf("%s: got here %s, there %s", listen, here, there)
		}
		for _, l := range listeners {
			_ = l.Close()
		}
	}
	for _, listen := range []string{"192.0.2.1:1", "nonsense", "127.0.0.1:99999"} {
		if _, _, _, err := listenFor(listen); protocol.KindOf(err) != protocol.NoServer {
			t.Errorf("%s: got %v, want noServer", listen, err)
		}
	}
	sitDown(t, "Ana").fails(protocol.NoServer, "session/share", &protocol.ShareParams{Folder: fileURI(t, folderOf(t)), Listen: "nonsense"})
}

// TestA3Remember: a member comes back by its newest secret, or by the one before while it is not known whether the newest
// has reached it; by none that is older, and by none that was forgotten.
func TestA3Remember(t *testing.T) {
	r := &room{members: map[string][]resumption{}}
	known := func(hint string) bool { _, ok := r.lookup(introduction.KindResume, hint); return ok }
	came := ""
	for i, hint := range []string{"first", "second", "third", "fourth"} {
		if err := r.remember("ana", came, secretOf(hint)); err != nil {
			t.Fatal(err)
		}
		if i > 0 && (!known(came) || !known(hint)) {
			t.Errorf("after coming with %q: that is known %v, %q is known %v", came, known(came), hint, known(hint))
		}
		if i > 1 && known("first") {
			t.Errorf("%q is known after %q was used", "first", came)
		}
		came = hint
	}
	if known("") || known("fifth") {
		t.Error("a hint that was never given is known")
	}
	r.forget("ana")
	if known("fourth") {
		t.Error("a forgotten member can come back")
	}
	// One who is removed while it is coming back: the introduction that is under way gives it no new secret.
	if err := r.remember("ana", "fourth", secretOf("fifth")); !errors.Is(err, errRefused) || known("fifth") {
		t.Errorf("got %v for one who was forgotten, want %v; its secret is known: %v", err, errRefused, known("fifth"))
	}
}

// secretOf is the end of an introduction whose secret has this hint.
type secretOf string

func (s secretOf) ResumeSecret() ([]byte, string, error) {
	return []byte("secret of " + s), string(s), nil
}
func (s secretOf) Seal(byte, []byte) ([]byte, error) { return nil, introduction.ErrEnded }
func (s secretOf) Open([]byte) (byte, []byte, error) { return 0, nil, introduction.ErrEnded }
func (s secretOf) LinkKeys() (out, in [32]byte, err error) {
	return out, in, introduction.ErrEnded
}
func (s secretOf) Abort(introduction.Cause) []byte { return nil }
func (s secretOf) End()                            {}
func (s secretOf) Binding(introduction.Role, [32]byte, [32]byte) ([32]byte, error) {
	return [32]byte{}, introduction.ErrEnded
}

// TestLongNames: a listing whose names are too long for one frame comes in more pages.
func TestLongNames(t *testing.T) {
	part := strings.Repeat("n", 200)
	dir := folderOf(t)
	deep := filepath.Join(dir, part, part, part, part)
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	const files = 900
	for i := range files {
		if err := os.WriteFile(filepath.Join(deep, fmt.Sprintf("%s%d", part, i)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	host, guest := sitDown(t, "Ana"), sitDown(t, "Ben")
	s := host.share(dir)
	guest.join(s.Link)
	count, pages := 0, 0
	for p := (protocol.ListFilesParams{Session: s.ID, Recursive: true}); ; pages++ {
		var got protocol.ListFilesResult
		guest.must("file/list", &p, &got)
		count += len(got.Entries)
		if p.Cursor = got.Cursor; p.Cursor == "" {
			break
		}
	}
	if count != files+4 || pages == 0 {
		t.Errorf("%d entries on %d pages, want %d on several", count, pages+1, files+4)
	}
}
