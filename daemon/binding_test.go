package daemon

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"testing"
	"testing/synctest"
	"time"

	"earshot/internal/introduction"
	"earshot/internal/peer"
	"earshot/internal/session"
	"earshot/internal/signal"
	"earshot/protocol"
	"earshot/protocol/wire"
)

// stranger keeps to the introduction, as guest or host, but not to what comes after it.
type stranger struct {
	t      *testing.T
	world  Network
	role   peer.Role
	guest  *signal.Guest       // nil for a host
	intro  *introduction.Guest // likewise
	side   introduced
	send   func([]byte) error
	inbox  chan []byte
	link   *peer.Link
	events chan peer.Event
}

// meet goes as far as an admitted guest goes.
func meet(t *testing.T, n *virtualNetwork, link string) *stranger {
	t.Helper()
	_, world := n.join(t)
	in, bad := readInvitation(link)
	if bad != nil {
		t.Fatal(bad)
	}
	s := &stranger{t: t, world: world, role: peer.Offerer, events: make(chan peer.Event, 64), inbox: make(chan []byte)}
	var err error
	s.guest, err = signal.KnockAt(t.Context(), signal.GuestConfig{Server: in.server, Room: in.room,
		Options: signal.Options{NetDialContext: world.Dial}})
	if err != nil {
		t.Fatal(err)
	}
	s.intro, err = introduction.NewGuest(introduction.GuestConfig{Kind: in.kind, Room: in.room, Secret: in.secret,
		HostHash: in.hostHash, Hello: introduction.Hello{Name: "Mallory", Role: "editor"}, Random: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	s.side, s.send = s.intro, s.guest.Send
	return s
}

func (s *stranger) isAdmitted() {
	s.t.Helper()
	for s.intro.State() != introduction.Admitted {
		m, err := s.guest.Recv(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		r, err := s.intro.Step(m)
		if err != nil {
			s.t.Fatal(err)
		}
		if r.Send != nil {
			if err := s.guest.Send(r.Send); err != nil {
				s.t.Fatal(err)
			}
		}
	}
}

// connects brings the link up without a word on it.
func (s *stranger) connects() {
	s.t.Helper()
	var err error
	var keys peer.Keys
	if keys.Out, keys.In, err = s.side.LinkKeys(); err != nil {
		s.t.Fatal(err)
	}
	s.link, err = peer.New(peer.Config{Role: s.role, Keys: keys, Net: s.world.Peer, Events: func(e peer.Event) { s.events <- e }})
	if err != nil {
		s.t.Fatal(err)
	}
	if s.guest != nil {
		ctx, cancel := context.WithCancel(s.t.Context())
		defer cancel()
		go pump(ctx, s.guest, s.inbox) // ends with ctx
	}
	for {
		select {
		case m, ok := <-s.inbox:
			if !ok {
				s.t.Fatal("the other side went away")
			}
			_, payload, err := s.side.Open(m)
			if err != nil {
				s.t.Fatal(err)
			}
			_ = s.link.Signal(payload) // as a real one: a candidate may be refused
		case e := <-s.events:
			switch e := e.(type) {
			case peer.Signal:
				sealed, err := s.side.Seal(signalKind, e.Data)
				if err != nil {
					s.t.Fatal(err)
				}
				_ = s.send(sealed) // a late candidate may find that the other side needs no more and has hung up
			case peer.Up:
				return
			}
		}
	}
}

// says sends what the other side may answer by hanging up, also in the middle of it: that it does is what isDown looks at.
func (s *stranger) says(b []byte) { _ = s.link.Send(peer.Live, b) }

// binding is what one of the two would send, with certificates that change has been at.
func (s *stranger) binding(by introduction.Role, change func(guest *[32]byte)) []byte {
	s.t.Helper()
	guest, host, ok := s.link.Fingerprints()
	if !ok {
		s.t.Fatal("the link has no certificates yet")
	}
	if s.role == peer.Answerer {
		guest, host = host, guest
	}
	change(&guest)
	b, err := s.side.Binding(by, guest, host)
	if err != nil {
		s.t.Fatal(err)
	}
	return b[:]
}

func asTheyAre(*[32]byte) {}

// binds sends the right binding.
func (s *stranger) binds() {
	s.t.Helper()
	role := introduction.RoleGuest
	if s.role == peer.Answerer {
		role = introduction.RoleHost
	}
	s.says(s.binding(role, asTheyAre))
}

// isDown waits for the end and wants no more than so many frames before it; the first is the other side's binding.
func (s *stranger) isDown(most int) (after time.Duration) {
	s.t.Helper()
	began := time.Now()
	frames := 0
	for e := range s.events {
		switch e := e.(type) {
		case peer.Frame:
			if frames++; frames > most {
				s.t.Errorf("frame %d came, on %v", frames, e.Channel)
			}
		case peer.Down:
			if s.guest != nil {
				s.guest.Close()
			}
			<-s.link.Done()
			return time.Since(began)
		}
	}
	return 0
}

// TestM1ChannelBinding: whoever does not prove that the link is that of the introduction gets no word to the engine, and none from
// it.
func TestM1ChannelBinding(t *testing.T) {
	cases := map[string]func(*stranger){
		"nothing":         func(*stranger) {},
		"a frame instead": func(s *stranger) { s.says([]byte{1, 2, 3}) },
		"another binding": func(s *stranger) { s.says(make([]byte, 32)) },
		"the host's own, reflected": func(s *stranger) {
			s.says(s.binding(introduction.RoleHost, asTheyAre))
		},
		"with other certificates": func(s *stranger) {
			s.says(s.binding(introduction.RoleGuest, func(guest *[32]byte) { guest[0]++ }))
		},
		"bulk first":          func(s *stranger) { _ = s.link.Send(peer.Bulk, []byte("x")) },
		"presence, then none": func(s *stranger) { _ = s.link.SendPresence(1, []byte("x")) },
	}
	for name, act := range cases {
		t.Run(name, func(t *testing.T) {
			dir := folderOf(t, "a.txt", "one\n")
			synctest.Test(t, func(t *testing.T) {
				n := newVirtualNetwork(t)
				t.Cleanup(func() { n.stop(t) })
				_, world := n.join(t)
				host := sitDown(t, "Ana", func(o *Options) { o.Network = world })
				s := meet(t, n, host.share(dir).Link)
				s.isAdmitted()
				s.connects()
				act(s)
				limit := time.Second // at the first wrong word
				if name == "nothing" || name == "presence, then none" {
					limit = bindTime + time.Second
				}
				if after := s.isDown(1); after > limit {
					t.Errorf("closed after %v, want at most %v", after, limit)
				}
				host.here(1)
				host.awaitEvent("gone")
				host.mu.Lock()
				defer host.mu.Unlock()
				for _, p := range host.seen {
					if h, ok := p.(*protocol.Happening); ok && h.Event == "joined" {
						t.Error("the engine was told of a guest")
					}
				}
			})
		})
	}
}

// falseHost shares a room, admits whoever comes, and brings a link up; what it says on that is act's.
func falseHost(t *testing.T, b *bubble, most int, act func(*stranger)) (link string, over <-chan time.Duration) {
	t.Helper()
	const at = "10.0.0.99:80"
	t.Cleanup(b.serve(at))
	_, world := b.net.join(t)
	_, key, _ := ed25519.GenerateKey(nil) // from crypto/rand, which does not fail
	h, err := signal.Open(t.Context(), signal.HostConfig{Server: "ws://" + at, Options: signal.Options{NetDialContext: world.Dial},
		Draw: func() (string, error) { return introduction.NewRoom(rand.Reader) }})
	if err != nil {
		t.Fatal(err)
	}
	l, err := introduction.NewLink(h.Server(), h.Room(), key.Public().(ed25519.PublicKey), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan time.Duration, 1)
	go func() { // ends with the link
		defer h.Close()
		s := &stranger{t: t, world: world, role: peer.Answerer, events: make(chan peer.Event, 64), inbox: make(chan []byte, 64)}
		s.admits(h, introduction.HostConfig{Room: h.Room(), Key: key, Name: "Mallory", Random: rand.Reader,
			Lookup: func(introduction.Kind, string) ([]byte, bool) { return l.Secret(), true }})
		s.connects()
		act(s)
		ended <- s.isDown(most)
	}()
	return l.Reveal(), ended
}

// admits runs the introduction of the first guest; what comes after it goes to the inbox, until h ends.
func (s *stranger) admits(h *signal.Host, cfg introduction.HostConfig) {
	intro, greeting, err := introduction.NewHost(cfg)
	if err != nil {
		s.t.Error(err)
		return
	}
	name := (<-h.Events()).(signal.Knock).Peer
	s.side, s.send = intro, func(m []byte) error { return h.Send(name, m) }
	if err := s.send(greeting); err != nil {
		s.t.Error(err)
	}
	for intro.State() != introduction.AwaitDecision {
		m, ok := (<-h.Events()).(signal.Message)
		if !ok {
			s.t.Error("the guest went away")
			return
		}
		r, err := intro.Step(m.Data)
		if err == nil && r.Send != nil {
			err = s.send(r.Send)
		}
		if err != nil {
			s.t.Error(err)
			return
		}
	}
	admitted, err := intro.Admit(nil)
	if err != nil {
		s.t.Error(err)
	}
	if err := s.send(admitted); err != nil {
		s.t.Error(err)
	}
	go func() { // ends with h
		for e := range h.Events() {
			if m, ok := e.(signal.Message); ok {
				s.inbox <- m.Data
			}
		}
	}()
}

// TestM1FalseHost: a guest takes no word from a link that is not that of its introduction, and waits for a welcome only so
// long.
func TestM1FalseHost(t *testing.T) {
	cases := map[string]struct {
		act   func(*stranger)
		limit time.Duration
		most  int // frames of the guest's: its binding, and its hello to one who is bound
	}{
		"no binding":    {func(*stranger) {}, bindTime, 1},
		"wrong binding": {func(s *stranger) { s.says(make([]byte, 32)) }, 0, 1},
		"no welcome":    {(*stranger).binds, welcomeTime, 2},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bubble) {
				link, over := falseHost(t, b, c.most, c.act)
				guest := b.desk("Ben")
				guest.fails(protocol.Unreachable, "session/join", &protocol.JoinParams{Code: link})
				if after := <-over; after > c.limit+time.Second {
					t.Errorf("closed after %v, want %v", after, c.limit)
				}
				guest.inLoop(func() {
					if len(guest.daemon.joins)+len(guest.daemon.bonds) != 0 {
						t.Errorf("%d joins and %d bonds are left", len(guest.daemon.joins), len(guest.daemon.bonds))
					}
				})
			})
		})
	}
}

// TestA5GreedyGuest: a guest that asks for more at once than it may is sent away, and the others' session goes on.
func TestA5GreedyGuest(t *testing.T) {
	dir := folderOf(t, "a.txt", "one\n")
	inBubble(t, func(t *testing.T, b *bubble) {
		host := b.desk("Ana")
		link := host.share(dir).Link
		s := meet(t, b.net, link)
		s.isAdmitted()
		s.connects()
		s.binds()
		host.here(2)
		for range maxDisk {
			host.daemon.disk <- struct{}{} // the disk is slow just now
		}
		for i := range session.MaxOps + 1 {
			s.says(wire.Encode(&wire.List{Op: uint32(i + 1)}))
		}
		for e := range s.events {
			if _, down := e.(peer.Down); down {
				break
			}
		}
		s.guest.Close()
		<-s.link.Done()
		host.here(1)
		for range maxDisk {
			<-host.daemon.disk
		}
		b.desk("Ben").join(link)
	})
}

// TestM2IdleGuests: who says nothing, or too much, is sent away; the room goes on, and so does one who is admitted and
// never makes a link.
func TestM2IdleGuests(t *testing.T) {
	dir := folderOf(t, "a.txt", "one\n")
	synctest.Test(t, func(t *testing.T) {
		n := newVirtualNetwork(t)
		t.Cleanup(func() { n.stop(t) })
		_, world := n.join(t)
		host := sitDown(t, "Ana", func(o *Options) { o.Network = world })
		link := host.share(dir).Link

		silent := meet(t, n, link)
		began := time.Now()
		awaitEnd(t, silent)
		if took := time.Since(began); took != introduction.IntroductionTime {
			t.Errorf("a silent guest was sent away after %v, want %v", took, introduction.IntroductionTime)
		}

		chatty := meet(t, n, link)
		for range 2 * maxUnread {
			_ = chatty.guest.Send([]byte("hello"))
		}
		awaitEnd(t, chatty)

		idle := meet(t, n, link)
		idle.isAdmitted()
		began = time.Now()
		awaitEnd(t, idle)
		if took := time.Since(began); took != linkTime {
			t.Errorf("a guest without a link was sent away after %v, want %v", took, linkTime)
		}
		host.awaitEvent("gone")
		host.here(1)
		host.daemon.inRoom(func(r *room) {
			if len(r.members)+len(r.waiting) != 0 {
				t.Errorf("%d secrets and %d decisions are left", len(r.members), len(r.waiting))
			}
		})
		_, world = n.join(t)
		sitDown(t, "Ben", func(o *Options) { o.Network = world }).join(link)
	})
}

func awaitEnd(t *testing.T, s *stranger) {
	t.Helper()
	defer s.guest.Close()
	for {
		if _, err := s.guest.Recv(t.Context()); err != nil {
			return
		}
	}
}

func (d *Daemon) inRoom(f func(*room)) {
	done := make(chan struct{})
	d.postAfter(func() {
		defer close(done)
		for _, r := range d.rooms {
			r.mu.Lock()
			f(r)
			r.mu.Unlock()
		}
	}, nil)
	<-done
}

// TestA5Unread: what a guest sends faster than its introduction goes is kept up to a bound, and then it is over.
func TestA5Unread(t *testing.T) {
	k := &knock{inbox: make(chan []byte, maxUnread)}
	for i := range maxUnread {
		if !k.deliver([]byte{1}) {
			t.Fatalf("message %d was refused, want %d kept", i, maxUnread)
		}
	}
	if k.deliver([]byte{1}) {
		t.Error("more was kept than the bound")
	}
	n := 0
	for range k.inbox { // ends since it was closed, or the test hangs
		n++
	}
	if n != maxUnread {
		t.Errorf("%d messages are left, want %d", n, maxUnread)
	}
}

// TestG1Crowd: of those who knock at once only so many are heard; the others are sent away at once.
func TestG1Crowd(t *testing.T) {
	dir := folderOf(t, "a.txt", "one\n")
	synctest.Test(t, func(t *testing.T) {
		n := newVirtualNetwork(t)
		t.Cleanup(func() { n.stop(t) })
		_, world := n.join(t)
		host := sitDown(t, "Ana", func(o *Options) { o.Network = world })
		host.share(dir)
		var r *room
		host.inLoop(func() {
			for _, r = range host.daemon.rooms {
			}
		})
		guests := map[string]*knock{}
		for i := range maxKnocks {
			guests[string(rune('a'+i))] = nil
		}
		full := &room{d: host.daemon, host: r.host, guests: guests}
		full.knocked(signal.Knock{Peer: "one more"})
		if len(guests) != maxKnocks {
			t.Errorf("%d guests are introduced at once, want at most %d", len(guests), maxKnocks)
		}
	})
}
