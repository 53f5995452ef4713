package daemon

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"earshot/daemon/settings"
	"earshot/internal/introduction"
	"earshot/internal/peer"
	"earshot/internal/session"
	"earshot/internal/signal"
	"earshot/internal/threat"
	"earshot/protocol"
	"earshot/protocol/wire"
)

const middleAt = "10.0.0.240:80"

// plain stands where an introduction should be: descriptions in clear, as WebRTC alone has them, and a binding whose key
// everybody knows. No program has it.
type plain struct{}

func (plain) Seal(kind byte, payload []byte) ([]byte, error) {
	return append([]byte{kind}, payload...), nil
}

func (plain) Open(m []byte) (byte, []byte, error) {
	if len(m) == 0 {
		return 0, nil, introduction.ErrProtocol
	}
	return m[0], m[1:], nil
}

func (plain) Binding(sender introduction.Role, guest, host [32]byte) ([32]byte, error) {
	return sha256.Sum256(slices.Concat([]byte(sender.String()), guest[:], host[:])), nil
}

// LinkKeys everybody knows too.
func (plain) LinkKeys() (out, in [32]byte, err error) { return [32]byte{1}, [32]byte{1}, nil }

func (plain) ResumeSecret() ([]byte, string, error) { return nil, "", introduction.ErrTooEarly }
func (plain) Abort(introduction.Cause) []byte       { return nil }
func (plain) End()                                  {}

// admitted gives the two ends of an introduction whose host said yes.
func admitted(t *testing.T) (guest, host introduced) {
	t.Helper()
	secret := []byte{1, 2, 3, 4}
	g, err := introduction.NewGuest(introduction.GuestConfig{Kind: introduction.KindCode, Room: "A4X9", Secret: secret, Random: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	_, key, _ := ed25519.GenerateKey(nil) // from crypto/rand, which does not fail
	h, m, err := introduction.NewHost(introduction.HostConfig{Room: "A4X9", Key: key, Random: rand.Reader,
		Lookup: func(introduction.Kind, string) ([]byte, bool) { return secret, true }})
	if err != nil {
		t.Fatal(err)
	}
	for toGuest := true; m != nil; toGuest = !toGuest {
		step := h.Step
		if toGuest {
			step = g.Step
		}
		r, err := step(m)
		if err != nil {
			t.Fatal(err)
		}
		m = r.Send
	}
	yes, err := h.Admit(nil)
	if err == nil {
		_, err = g.Step(yes)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g, h
}

// victim is a daemon's own way from an admission to a bound link.
type victim struct {
	link  *link
	inbox chan []byte
	over  chan error // what connecting said
}

// connectsBy runs the real connecting over whatever carry does with its messages.
func (k *desk) connectsBy(role introduction.Role, side introduced, carry func([]byte)) *victim {
	k.t.Helper()
	v := &victim{link: k.daemon.newLink(func() message { return message{} }), inbox: make(chan []byte, 64), over: make(chan error, 1)}
	end := peer.Answerer
	if role == introduction.RoleGuest {
		end = peer.Offerer
	}
	if err := v.link.open(end, side, nil, false, peer.LoopbackOff); err != nil {
		k.t.Fatal(err)
	}
	c := &connecting{role: role, side: side, link: v.link, inbox: v.inbox, log: k.daemon.log,
		send: func(m []byte) error { carry(m); return nil }}
	go func() { v.over <- c.run(context.Background()) }() // ends with the link's being bound or its failure
	return v
}

// thief is a matchmaker between two victims: it answers the guest as the host and the host as a guest, with links of its
// own, and passes on what it reads.
type thief struct {
	t               *testing.T
	toGuest, toHost *peer.Link
	guest, host     *victim
	mu              sync.Mutex
	read            []string
}

// sits makes the link towards one of the two, and tells it of the thief's descriptions.
func (th *thief) sits(world Network, as introduction.Role, at func() *victim, other func() *peer.Link) *peer.Link {
	th.t.Helper()
	events := make(chan peer.Event, 64)
	role := peer.Offerer
	if as == introduction.RoleHost {
		role = peer.Answerer
	}
	out, in, _ := plain{}.LinkKeys()
	l, err := peer.New(peer.Config{Role: role, Keys: peer.Keys{Out: out, In: in}, Net: world.Peer, Events: func(e peer.Event) { events <- e }})
	if err != nil {
		th.t.Fatal(err)
	}
	go func() { // ends with the link
		bound := false
		for e := range events {
			switch e := e.(type) {
			case peer.Signal:
				m, _ := plain{}.Seal(signalKind, e.Data)
				at().inbox <- m
			case peer.Up:
				mine, theirs, _ := l.Fingerprints() // at Up there are both
				guest, host := mine, theirs
				if as == introduction.RoleHost {
					guest, host = theirs, mine
				}
				b, _ := plain{}.Binding(as, guest, host)
				_ = l.Send(peer.Live, b[:]) // a link that has ended hears nothing
			case peer.Frame:
				if !bound {
					bound = true // the victim's own binding
					continue
				}
				th.mu.Lock()
				th.read = append(th.read, string(e.Data))
				th.mu.Unlock()
				_ = other().Send(e.Channel, e.Data)
			case peer.Down:
				return
			}
		}
	}()
	return l
}

// steals stands between a guest and a host that connect, and gives what connecting said to both.
func steals(t *testing.T, b *bubble, guestSide, hostSide introduced) (th *thief, guestErr, hostErr error) {
	t.Helper()
	ben, ana := b.desk("Ben"), b.desk("Ana")
	_, world := b.net.join(t)
	_, world2 := b.net.join(t)
	th = &thief{t: t}
	fromHost, fromGuest := make(chan []byte, 64), make(chan []byte, 64)
	th.host = ana.connectsBy(introduction.RoleHost, hostSide, func(m []byte) { fromHost <- m })
	th.guest = ben.connectsBy(introduction.RoleGuest, guestSide, func(m []byte) { fromGuest <- m })
	th.toGuest = th.sits(world, introduction.RoleHost, func() *victim { return th.guest }, func() *peer.Link { return th.toHost })
	th.toHost = th.sits(world2, introduction.RoleGuest, func() *victim { return th.host }, func() *peer.Link { return th.toGuest })
	// Whatever it can't read, it answers by a description of its own: nothing better is left to it.
	take := func(l *peer.Link, to *victim, m []byte) {
		_, payload, err := plain{}.Open(m)
		if err == nil && l.Signal(payload) == nil {
			return
		}
		forged, _ := plain{}.Seal(signalKind, []byte("av=0\r\n"))
		to.inbox <- forged
	}
	for done := 0; done < 2; {
		select {
		case m := <-fromGuest:
			take(th.toGuest, th.guest, m)
		case m := <-fromHost:
			take(th.toHost, th.host, m)
		case guestErr = <-th.guest.over:
			done++
		case hostErr = <-th.host.over:
			done++
		}
	}
	return th, guestErr, hostErr
}

func (th *thief) leaves() {
	th.t.Helper()
	for _, l := range []*peer.Link{th.toGuest, th.toHost} {
		if err := l.Close(); err != nil {
			th.t.Error(err)
		}
		<-l.Done()
	}
}

// TestM1SwappedDescriptions: a matchmaker that puts its own descriptions in the place of the daemons' gets nothing. The
// same attack with the introduction switched off reads all, and nobody notices: so the test can fail.
func TestM1SwappedDescriptions(t *testing.T) {
	for range threat.Times(2, 100) {
		inBubble(t, func(t *testing.T, b *bubble) {
			guest, host := admitted(t)
			th, guestErr, hostErr := steals(t, b, guest, host)
			defer th.leaves()
			if !errors.Is(guestErr, introduction.ErrProtocol) || !errors.Is(hostErr, introduction.ErrProtocol) {
				t.Errorf("the guest: %v; the host: %v; want both to end it", guestErr, hostErr)
			}
			if len(th.read) > 0 {
				t.Errorf("the matchmaker read %q", th.read)
			}
		})
	}
	t.Run("the introduction switched off", func(t *testing.T) {
		inBubble(t, func(t *testing.T, b *bubble) {
			th, guestErr, hostErr := steals(t, b, plain{}, plain{})
			defer th.leaves()
			if guestErr != nil || hostErr != nil {
				t.Fatalf("the attack fails where nothing is in its way: the guest %v, the host %v", guestErr, hostErr)
			}
			th.guest.link.send(session.Live, 0, []byte("TOKEN=1234"))
			th.guest.link.close()
			<-th.guest.link.peer.Done()
			th.mu.Lock()
			defer th.mu.Unlock()
			if !slices.Equal(th.read, []string{"TOKEN=1234"}) {
				t.Errorf("the matchmaker read %q", th.read)
			}
		})
	})
}

// faults are what a matchmaker can do to one message; old is the same message of an earlier introduction.
var faults = []struct {
	name string
	act  func(p parcel, old []byte) []parcel
}{
	{"dropped", func(parcel, []byte) []parcel { return nil }},
	{"twice", func(p parcel, _ []byte) []parcel { return []parcel{p, p} }},
	{"reflected", func(p parcel, _ []byte) []parcel { return []parcel{{toHost: !p.toHost, data: p.data}} }},
	{"reflected and passed on", func(p parcel, _ []byte) []parcel { return []parcel{{toHost: !p.toHost, data: p.data}, p} }},
	{"cut", func(p parcel, _ []byte) []parcel { return []parcel{{toHost: p.toHost, data: p.data[:len(p.data)/2]}} }},
	{"longer", func(p parcel, _ []byte) []parcel {
		return []parcel{{toHost: p.toHost, data: append(bytes.Clone(p.data), 0)}}
	}},
	{"its first byte changed", func(p parcel, _ []byte) []parcel { return flipped(p, 0) }},
	{"its middle changed", func(p parcel, _ []byte) []parcel { return flipped(p, len(p.data)/2) }},
	{"its last byte changed", func(p parcel, _ []byte) []parcel { return flipped(p, len(p.data)-1) }},
	{"of an earlier run", func(p parcel, old []byte) []parcel { return []parcel{{toHost: p.toHost, data: old}} }},
	{"after one of an earlier run", func(p parcel, old []byte) []parcel { return []parcel{{toHost: p.toHost, data: old}, p} }},
}

func flipped(p parcel, at int) []parcel {
	m := bytes.Clone(p.data)
	m[at] ^= 1
	return []parcel{{toHost: p.toHost, data: m}}
}

// How many messages each side sends until its description is with the other: four and the offer, five and the answer.
const guestMessages, hostMessages = 5, 6

// TestM4Daemons: each fault in each message between two whole daemons: the guest is told in one sentence, within a minute,
// nobody is in, and the host goes on.
func TestM4Daemons(t *testing.T) {
	dir := folderOf(t, "a.txt", "one\n")
	inBubble(t, func(t *testing.T, b *bubble) {
		m := b.middle(middleAt)
		host, guest := b.desk("Ana"), b.desk("Ben")
		s := host.share(dir, func(p *protocol.ShareParams) { p.Server = m.url })
		link := &protocol.JoinParams{Code: s.Link}
		guest.join(s.Link)
		host.here(2)
		m.mu.Lock()
		old := maps.Clone(m.kept)
		m.mu.Unlock()
		guest.must("session/leave", &protocol.LeaveParams{Session: s.ID}, nil)
		host.here(1)
		number, every := 0, threat.Times(3, 1)
		attack := func(what string, meddle func(parcel) []parcel) {
			t.Helper()
			if number++; number%every != 0 {
				return
			}
			m.does(meddle)
			time.Sleep(10 * time.Second) // virtual, in a bubble: the matchmaker bounds how often it is asked
			began := time.Now()
			err := guest.call("session/join", link, nil)
			if err == nil {
				t.Fatalf("%s: a session came about", what)
			}
			checkSentence(t, err.Error())
			if took := time.Since(began); took > introduction.IntroductionTime+time.Second {
				t.Errorf("%s: the guest was told after %v: %v", what, took, err)
			}
			host.await("nobody to be left", func() bool { return len(host.session.Members) == 1 })
		}
		for _, d := range []struct {
			toHost bool
			most   int
		}{{true, guestMessages}, {false, hostMessages}} {
			for n := range d.most {
				for _, f := range faults {
					what := fmt.Sprintf("to the host %v, message %d %s", d.toHost, n, f.name)
					attack(what, func(p parcel) []parcel {
						if p.toHost == d.toHost && p.n == n {
							return f.act(p, old[p.toHost][n])
						}
						return []parcel{p}
					})
				}
				silent := false
				attack(fmt.Sprintf("to the host %v, silent from message %d on", d.toHost, n), func(p parcel) []parcel {
					if silent = silent || p.toHost == d.toHost && p.n == n; silent {
						return nil
					}
					return []parcel{p}
				})
			}
		}
		m.does(nil)
		time.Sleep(10 * time.Second) // virtual
		guest.join(s.Link)
		host.here(2)
		guest.inLoop(func() {
			if len(guest.daemon.joins) != 0 || len(guest.daemon.bonds) != 1 {
				t.Errorf("%d joins and %d bonds are left", len(guest.daemon.joins), len(guest.daemon.bonds))
			}
		})
		t.Logf("%d attacks", number/every)
	})
}

// TestM5Daemons: a matchmaker that takes versions out of what two daemons offer each other ends the introduction.
func TestM5Daemons(t *testing.T) {
	dir := folderOf(t, "a.txt", "one\n")
	inBubble(t, func(t *testing.T, b *bubble) {
		m := b.middle(middleAt)
		host, guest := b.desk("Ana"), b.desk("Ben")
		s := host.share(dir, func(p *protocol.ShareParams) { p.Server = m.url })
		for _, toHost := range []bool{true, false} {
			m.does(func(p parcel) []parcel {
				if p.toHost != toHost || toHost && p.n != 0 || !toHost && p.n != 1 {
					return []parcel{p}
				}
				// In both, lv(versions) is 02 00 01; here it becomes 04 00 01 00 02.
				data := bytes.Replace(p.data, []byte{2, 0, 1}, []byte{4, 0, 1, 0, 2}, 1)
				return []parcel{{toHost: p.toHost, data: data}}
			})
			if err := guest.call("session/join", &protocol.JoinParams{Code: s.Link}, nil); err == nil {
				t.Errorf("to the host %v: the versions were changed and a session came about", toHost)
			}
			time.Sleep(10 * time.Second) // virtual, in a bubble
		}
		host.here(1)
	})
}

// TestM2MatchmakerGuesses: a matchmaker that poses as the host has one guess for each time that a person joins: the guest
// knocks once, and says that someone may be interfering.
func TestM2MatchmakerGuesses(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		m := b.middle(middleAt)
		_, world := b.net.join(t)
		h, err := signal.Open(t.Context(), signal.HostConfig{Server: m.url, Options: signal.Options{NetDialContext: world.Dial},
			Draw: func() (string, error) { return introduction.NewRoom(rand.Reader) }})
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		code, err := introduction.NewCode(h.Room(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		_, key, _ := ed25519.GenerateKey(nil) // from crypto/rand, which does not fail
		go func() {                           // ends with h
			for e := range h.Events() {
				k, ok := e.(signal.Knock)
				if !ok {
					continue
				}
				intro, m, err := introduction.NewHost(introduction.HostConfig{Room: h.Room(), Key: key, Random: rand.Reader,
					Lookup: func(introduction.Kind, string) ([]byte, bool) { return []byte{0, 0, 0, 1}, true }})
				for err == nil {
					if err = h.Send(k.Peer, m); err != nil {
						return
					}
					got, ok := (<-h.Events()).(signal.Message)
					if !ok {
						break // the guest is gone
					}
					var r introduction.Result
					if r, err = intro.Step(got.Data); errors.Is(err, introduction.ErrWrongCode) {
						// It does not tell the guest, and goes on as if it had guessed right.
						_ = h.Send(k.Peer, append([]byte{5}, make([]byte, sha256.Size*2)...))
					}
					m = r.Send
				}
			}
		}()
		b.desk("Ben").fails(protocol.WrongCode, "session/join", &protocol.JoinParams{Code: code.Reveal(), Server: m.url})
		time.Sleep(10 * time.Minute) // virtual, in a bubble
		if n := m.number(func(e wire.Envelope) bool { return e.Type == wire.EnvelopeKnock }); n != 1 {
			t.Errorf("the guest knocked %d times, want once", n)
		}
	})
}

// byCode is a stranger who knows the code.
func byCode(t *testing.T, b *bubble, code, server string) *stranger {
	t.Helper()
	_, world := b.net.join(t)
	in, bad := readInvitation(code)
	if bad != nil {
		t.Fatal(bad)
	}
	s := &stranger{t: t, world: world, role: peer.Offerer, events: make(chan peer.Event, 1024), inbox: make(chan []byte)}
	var err error
	s.guest, err = signal.KnockAt(t.Context(), signal.GuestConfig{Server: server, Room: in.room,
		Options: signal.Options{NetDialContext: world.Dial}})
	if err != nil {
		t.Fatal(err)
	}
	s.intro, err = introduction.NewGuest(introduction.GuestConfig{Kind: in.kind, Room: in.room, Secret: in.secret,
		Hello: introduction.Hello{Name: "Ben", Role: "editor"}, Random: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	s.side, s.send = s.intro, s.guest.Send
	return s
}

// passes gives what one link brings to the other, and notes it, until it ends.
func (s *stranger) passes(to *peer.Link, note func([]byte)) {
	bound := false
	for e := range s.events {
		switch e := e.(type) {
		case peer.Frame:
			switch {
			case e.Channel == peer.Presence:
				_ = to.SendPresence(e.Key, e.Data)
			case !bound:
				bound = true // its own binding
			default:
				note(e.Data)
				_ = to.Send(e.Channel, e.Data)
			}
		case peer.Down:
			_ = to.Close()
			return
		}
	}
}

// TestM3KnowsTheCode: who overheard the code and runs the matchmaker can stand between two daemons, and all that tells is
// the check number: the two people see different ones. (A link can't be used that way: TestM6 of introduction.)
func TestM3KnowsTheCode(t *testing.T) {
	dir := folderOf(t, "a.txt", "TOKEN=1234\n")
	inBubble(t, func(t *testing.T, b *bubble) {
		host, guest := b.desk("Ana"), b.desk("Ben")
		hostCheck := ""
		host.decide = func(q *protocol.AdmitQuestion) protocol.AdmitAnswer {
			hostCheck = q.Check
			return protocol.AdmitAnswer{Admit: true}
		}
		s := host.share(dir, func(p *protocol.ShareParams) { p.Admit = protocol.AdmitAsk })
		code, err := introduction.ParseCode(s.Code)
		if err != nil {
			t.Fatal(err)
		}
		const at = "10.0.0.99:80"
		t.Cleanup(b.serve(at))
		_, world := b.net.join(t)
		h, err := signal.Open(t.Context(), signal.HostConfig{Server: "ws://" + at, Options: signal.Options{NetDialContext: world.Dial},
			Draw: func() (string, error) { return code.Room(), nil }})
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		joined := make(chan error, 1)
		go func() { // ends with the join
			joined <- guest.call("session/join", &protocol.JoinParams{Code: s.Code, Server: "ws://" + at, WorkDoneToken: json.RawMessage(`"j"`)}, nil)
		}()
		_, key, _ := ed25519.GenerateKey(nil) // from crypto/rand, which does not fail
		toGuest := &stranger{t: t, world: world, role: peer.Answerer, events: make(chan peer.Event, 1024), inbox: make(chan []byte, 64)}
		toGuest.admits(h, introduction.HostConfig{Room: h.Room(), Key: key, Name: "Ana", Random: rand.Reader,
			Lookup: func(introduction.Kind, string) ([]byte, bool) { return code.Secret(), true }})
		toHost := byCode(t, b, s.Code, serverOf(t, s.Link))
		defer toHost.guest.Close()
		toHost.isAdmitted()
		toHost.connects()
		toHost.binds()
		toGuest.connects()
		toGuest.binds()
		var mu sync.Mutex
		var read bytes.Buffer
		note := func(b []byte) {
			mu.Lock()
			defer mu.Unlock()
			read.Write(b)
		}
		var work sync.WaitGroup
		work.Go(func() { toGuest.passes(toHost.link, note) })
		work.Go(func() { toHost.passes(toGuest.link, note) })
		if err := <-joined; err != nil {
			t.Fatalf("the attack fails, so that this test shows nothing: %v", err)
		}
		guest.open("earshot://" + s.ID + "/a.txt")
		mu.Lock()
		if !bytes.Contains(read.Bytes(), []byte("TOKEN=1234")) {
			t.Error("the one in the middle has not read the text, so that this test shows nothing")
		}
		mu.Unlock()
		guestCheck := ""
		guest.mu.Lock()
		for _, p := range guest.seen {
			if p, ok := p.(*protocol.ProgressParams); ok && p.Value.Check != "" {
				guestCheck = p.Value.Check
			}
		}
		guest.mu.Unlock()
		if len(guestCheck) != 6 || len(hostCheck) != 6 || guestCheck == hostCheck {
			t.Errorf("the guest sees %q, the host %q, want two different numbers", guestCheck, hostCheck)
		}
		_ = toHost.link.Close()
		work.Wait()
		<-toHost.link.Done()
		<-toGuest.link.Done()
	})
}

// finds gives the forms of a secret that are somewhere in a text.
func finds(in []byte, secret string) (found []string) {
	for form, b := range threat.Forms(secret) {
		if bytes.Contains(in, b) {
			found = append(found, secret+form)
		}
	}
	return found
}

// TestM10OnlyTheRoom: of a whole session with guests by code and by link, before they are admitted and after, with edits,
// listings, cursors, a way back and a guest who is sent away, the matchmaker receives the room's name and nothing that has
// a meaning.
func TestM10OnlyTheRoom(t *testing.T) {
	dir := filepath.Join(folderOf(t, "canary-root/canary-folder/canary-file.txt", "canary-text one\n", "canary-root/canary-other.md", "canary-second\n"),
		"canary-root")
	inBubble(t, func(t *testing.T, b *bubble) {
		m := b.middle(middleAt)
		hostAt, hostWorld := b.net.join(t)
		guestAt, guestWorld := b.net.join(t)
		host := sitDown(t, "canary-Ana", func(o *Options) { o.Network = hostWorld })
		guest := sitDown(t, "canary-Ben", func(o *Options) { o.Network = guestWorld })
		second := b.desk("canary-Eve")
		var checks []string
		host.decide = func(q *protocol.AdmitQuestion) protocol.AdmitAnswer {
			checks = append(checks, q.Check)
			return protocol.AdmitAnswer{Admit: true}
		}
		s := host.share(dir, func(p *protocol.ShareParams) {
			p.Server, p.Admit, p.Name = m.url, protocol.AdmitAsk, "canary-Ana"
		})
		guest.join(s.Code, func(p *protocol.JoinParams) { p.Server, p.Name = m.url, "canary-Ben" })
		second.join(s.Link)
		far := "earshot://" + s.ID + "/canary-folder/canary-file.txt"
		guest.open(far)
		second.open(far)
		guest.typed(far, 0, 0, "canary-typed ")
		second.shows(far, "canary-typed canary-text one\n")
		guest.must("file/list", &protocol.ListFilesParams{Session: s.ID, Recursive: true}, nil)
		b.net.setAway(guestAt, true)
		time.Sleep(40 * time.Second) // virtual, in a bubble: the guest comes back through the matchmaker
		b.net.setAway(guestAt, false)
		guest.await("the way back", func() bool { return guest.session.State == protocol.SessionOpen })
		guest.typed(far, 0, 0, "canary-again ")
		second.shows(far, "canary-again canary-typed canary-text one\n")
		host.here(3)
		for _, member := range host.session.Members {
			if strings.HasSuffix(member.Name, "Eve") {
				host.must("member/remove", &protocol.RemoveMemberParams{Session: s.ID, Member: member.ID}, nil)
			}
		}
		host.here(2)
		host.must("session/leave", &protocol.LeaveParams{Session: s.ID, Unsaved: protocol.UnsavedDiscard}, nil)

		code, err := introduction.ParseCode(s.Code)
		if err != nil {
			t.Fatal(err)
		}
		link, err := introduction.ParseLink(s.Link)
		if err != nil {
			t.Fatal(err)
		}
		secrets := []string{s.Code, strings.ReplaceAll(s.Code, "-", ""), s.Code[5:10], string(code.Secret()),
			string(link.Secret()), link.HostHash(), s.ID, s.Me, "canary", hostAt, guestAt,
			string(netip.MustParseAddr(hostAt).AsSlice()), string(netip.MustParseAddr(guestAt).AsSlice()), "fingerprint", "candidate", "ice-ufrag"}
		_, fragment, _ := strings.Cut(s.Link, "-")
		secrets = append(secrets, fragment[:26])
		secrets = append(secrets, checks...)
		m.mu.Lock()
		all, messages := slices.Clone(m.said.Bytes()), len(m.heard)
		resumed := false
		for _, e := range m.heard {
			all = append(append(all, '\n'), e.Data...)
			if e.Room != "" && e.Room != code.Room() {
				t.Errorf("a room %q was named", e.Room)
			}
			// What the words of an envelope may be; all else is opaque.
			for word, fits := range map[string]bool{e.Owner: e.Owner == "" || wire.IsOwner(e.Owner), e.Peer: e.Peer == "" || wire.IsPeer(e.Peer),
				string(e.Kind): e.Kind == "", e.Message: e.Message == ""} {
				if !fits {
					t.Errorf("the matchmaker was told %q", word)
				}
			}
			resumed = resumed || len(e.Data) > 2 && e.Data[0] == 2 && e.Data[1] == byte(introduction.KindResume)
		}
		m.mu.Unlock()
		all = bytes.ReplaceAll(all, []byte(strings.TrimSuffix(middleAt, ":80")), nil) // its own address, in the requests
		if len(checks) < 2 || !resumed || len(all) < 8000 {
			t.Errorf("%d admissions, resumed %v, %d bytes: not a whole session", len(checks), resumed, len(all))
		}
		for _, secret := range secrets {
			for _, found := range finds(all, secret) {
				t.Errorf("the matchmaker received %q", found)
			}
			// The search can find: each form, with something around it.
			for form, b := range threat.Forms("x" + secret + "y") {
				if len(finds(b, secret)) == 0 && (len(threat.Forms(secret)) > 2 || form == "" || form == " (hex)") {
					t.Errorf("%q%s is not found where it is", secret, form)
				}
			}
		}
		t.Logf("%d bytes in %d messages, searched for %d secrets", len(all), messages, len(secrets))
	})
}

// TestM10NothingBeforeTheYes: until the host's people have said yes, no more than the eight messages of the introduction
// has gone either way: no address of either side.
func TestM10NothingBeforeTheYes(t *testing.T) {
	dir := folderOf(t, "a.txt", "one\n")
	inBubble(t, func(t *testing.T, b *bubble) {
		m := b.middle(middleAt)
		host, guest := b.desk("Ana"), b.desk("Ben")
		s := host.share(dir, func(p *protocol.ShareParams) { p.Server, p.Admit = m.url, protocol.AdmitAsk })
		joined := make(chan error, 1)
		go func() { joined <- guest.call("session/join", &protocol.JoinParams{Code: s.Link}, nil) }() // ends with the admission
		waiting := host.awaitEvent("waiting")
		time.Sleep(time.Minute) // virtual, in a bubble
		isRelay := func(e wire.Envelope) bool { return e.Type == wire.EnvelopeRelay }
		if n := m.number(isRelay); n != 8 {
			t.Errorf("%d messages went before the yes, want 8", n)
		}
		host.must("member/admit", &protocol.AdmitMemberParams{Session: s.ID, Member: waiting.Member.ID, Admit: true}, nil)
		if err := <-joined; err != nil {
			t.Fatal(err)
		}
		if n := m.number(isRelay); n < 11 {
			t.Errorf("%d messages went in all, want the yes, an offer and an answer too", n)
		}
	})
}

// TestG1Knocks: a crowd that knocks and goes, or says what is no introduction, costs the host so much and no more; none of
// it is a guess, none comes before the host's people, and a guest with the code gets in.
func TestG1Knocks(t *testing.T) {
	dir := folderOf(t, "a.txt", "one\n")
	inBubble(t, func(t *testing.T, b *bubble) {
		m := b.middle(middleAt)
		host := b.desk("Ana")
		asked := 0
		host.decide = func(*protocol.AdmitQuestion) protocol.AdmitAnswer {
			asked++
			return protocol.AdmitAnswer{Admit: true}
		}
		s := host.share(dir, func(p *protocol.ShareParams) { p.Server, p.Admit = m.url, protocol.AdmitAsk })
		const crowd = 1000 // in a minute
		for i := range crowd {
			name := fmt.Sprintf("%010d", i)
			m.tellsHost(wire.Envelope{Type: wire.EnvelopeKnock, Peer: name})
			if i%2 == 0 {
				m.tellsHost(wire.Envelope{Type: wire.EnvelopeRelay, Peer: name, Data: []byte("no introduction")})
			}
			time.Sleep(30 * time.Millisecond) // virtual, in a bubble
			m.tellsHost(wire.Envelope{Type: wire.EnvelopeGone, Peer: name})
			time.Sleep(30 * time.Millisecond) // virtual
		}
		greeted := m.number(func(e wire.Envelope) bool { return e.Type == wire.EnvelopeRelay && e.Data[0] == 1 })
		if most := knocksAtOnce + 60*knocksPerSecond + 1; greeted < knocksAtOnce || greeted > most {
			t.Errorf("%d of %d were heard, want %d to %d", greeted, crowd, knocksAtOnce, most)
		}
		host.daemon.inRoom(func(r *room) {
			if n := r.guesses.Count(); n != 0 {
				t.Errorf("%d guesses were counted, want none", n)
			}
			if len(r.waiting) != 0 {
				t.Errorf("%d decisions are waited for", len(r.waiting))
			}
		})
		if asked != 0 {
			t.Errorf("the host was asked %d times", asked)
		}
		time.Sleep(time.Minute) // virtual
		b.desk("Ben").join(s.Code, func(p *protocol.JoinParams) { p.Server = m.url })
		if asked != 1 {
			t.Errorf("the host was asked %d times, want once", asked)
		}
	})
}

// TestG2WrongCodesRaiseNoPrompt: who has not proved the code is never brought before the host's people.
func TestG2WrongCodesRaiseNoPrompt(t *testing.T) {
	dir := folderOf(t, "a.txt", "one\n")
	inBubble(t, func(t *testing.T, b *bubble) {
		host, guest := b.desk("Ana"), b.desk("Ben")
		s := host.share(dir, func(p *protocol.ShareParams) { p.Admit = protocol.AdmitAsk })
		for range introduction.GuessesPerCode {
			guest.fails(protocol.WrongCode, "session/join", &protocol.JoinParams{Code: anotherCode(t, s.Code), Server: serverOf(t, s.Link)})
		}
		guest.fails(protocol.CodeBurnt, "session/join", &protocol.JoinParams{Code: s.Code, Server: serverOf(t, s.Link)})
		host.mu.Lock()
		defer host.mu.Unlock()
		for _, p := range host.seen {
			h, happened := p.(*protocol.Happening)
			if _, asked := p.(*protocol.AdmitQuestion); asked || happened && (h.Event == "waiting" || h.Event == "refused") {
				t.Errorf("the host's people saw %+v", p)
			}
		}
	})
}

// says is what this desk's person answers from now on.
func (k *desk) says(answer protocol.AdmitAnswer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.decide = func(*protocol.AdmitQuestion) protocol.AdmitAnswer { return answer }
}

// TestG3LinkIsRevocable: a link that has leaked brings nobody in by itself, and is void as soon as the host makes another.
func TestG3LinkIsRevocable(t *testing.T) {
	dir := folderOf(t, "a.txt", "one\n")
	inBubble(t, func(t *testing.T, b *bubble) {
		host, guest := b.desk("Ana"), b.desk("Ben")
		host.says(protocol.AdmitAnswer{})
		s := host.share(dir, func(p *protocol.ShareParams) { p.Admit = protocol.AdmitAsk })
		guest.fails(protocol.NotAdmitted, "session/join", &protocol.JoinParams{Code: s.Link})
		var fresh protocol.InviteResult
		host.must("session/invite", &protocol.InviteParams{Session: s.ID}, &fresh)
		guest.fails(protocol.WrongCode, "session/join", &protocol.JoinParams{Code: s.Link})
		guest.fails(protocol.WrongCode, "session/join", &protocol.JoinParams{Code: s.Code, Server: serverOf(t, s.Link)})
		host.says(protocol.AdmitAnswer{Admit: true})
		guest.join(fresh.Link)
	})
}

// TestM7OfferedServers: a matchmaker can't have a daemon knock at doors that it can't reach itself.
func TestM7OfferedServers(t *testing.T) {
	const public, office, here = "203.0.113.7", "192.168.1.5", "127.0.0.1"
	check := func(from, url string, want bool) {
		t.Helper()
		var at netip.Addr
		if from != "" {
			at = netip.MustParseAddr(from)
		}
		offered := []wire.ICEServer{{URLs: []string{url}, Username: "u", Credential: "c"}}
		ice := settings.ICE{Matchmaker: true, Servers: []protocol.ICEServer{{URLs: []string{"stun:10.9.9.9"}}}}
		got := iceServers(ice, offered, at)
		if len(got) == 0 || got[0].URLs[0] != "stun:10.9.9.9" || len(got) > 2 || (len(got) == 2) != want {
			t.Errorf("from %q %s: got %+v, want taken %v", from, url, got, want)
		}
	}
	for _, from := range []string{"", public, office, here} {
		for _, a := range []string{"0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.1.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
			"[::]:3478", "[fe80::1]:3478", "[fe80::1%25eth0]:3478", "[ff02::1]:3478", "[::ffff:169.254.169.254]:3478", "localhost", "relay.example.org:3478",
			"", "@", "user@203.0.113.7"} {
			for _, scheme := range []string{"stun:", "stuns:", "turn:", "turns:"} {
				check(from, scheme+a, false)
			}
		}
		check(from, "turn:198.51.100.1:3478?transport=tcp", true)
		check(from, "stun:198.51.100.1", true)
		check(from, "turn:[2001:db8::1]:3478?transport=udp", true)
		check(from, "stun:2001:db8::1", true)
		near, loopback := from == office || from == here, from == here
		for _, a := range []string{"10.0.0.1:22", "192.168.1.5:3478", "172.16.0.1", "100.64.0.1", "[fd00::1]:3478", "[::ffff:10.0.0.1]:3478"} {
			check(from, "turn:"+a, near)
		}
		for _, a := range []string{"127.0.0.1:3478", "127.8.8.8", "[::1]:3478", "[::ffff:127.0.0.1]:3478"} {
			check(from, "stun:"+a, loopback)
		}
	}
	if got := iceServers(settings.ICE{}, []wire.ICEServer{{URLs: []string{"stun:198.51.100.1"}}}, netip.MustParseAddr(public)); len(got) != 0 {
		t.Errorf("who wants none of the matchmaker's got %+v", got)
	}
}
