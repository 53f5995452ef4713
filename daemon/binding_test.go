package daemon

import (
	"context"
	"crypto/rand"
	"testing"
	"testing/synctest"
	"time"

	"earshot/internal/introduction"
	"earshot/internal/peer"
	"earshot/internal/signal"
	"earshot/protocol"
)

// stranger is a guest that knows the invitation and keeps to the introduction, but not to what comes after it.
type stranger struct {
	t      *testing.T
	world  Network
	guest  *signal.Guest
	intro  *introduction.Guest
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
	s := &stranger{t: t, world: world, events: make(chan peer.Event, 64)}
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
			_ = s.guest.Send(r.Send)
		}
	}
}

// connects brings the link up without a word on it.
func (s *stranger) connects() {
	s.t.Helper()
	var err error
	s.link, err = peer.New(peer.Config{Role: peer.Offerer, Net: s.world.Peer, Events: func(e peer.Event) { s.events <- e }})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	answers := make(chan []byte)
	go pump(ctx, s.guest, answers) // ends with ctx
	for {
		select {
		case m, ok := <-answers:
			if !ok {
				s.t.Fatal("the host went away")
			}
			_, payload, err := s.intro.Open(m)
			if err != nil {
				s.t.Fatal(err)
			}
			_ = s.link.Signal(payload) // as a real guest: a candidate may be refused
		case e := <-s.events:
			switch e := e.(type) {
			case peer.Signal:
				sealed, err := s.intro.Seal(signalKind, e.Data)
				if err != nil {
					s.t.Fatal(err)
				}
				_ = s.guest.Send(sealed)
			case peer.Up:
				return
			}
		}
	}
}

// isDown waits for the end and wants nothing but the host's own binding before it.
func (s *stranger) isDown() (after time.Duration) {
	s.t.Helper()
	began := time.Now()
	frames := 0
	for e := range s.events {
		switch e := e.(type) {
		case peer.Frame:
			if frames++; frames > 1 {
				s.t.Errorf("the host sent frame %d, on %v", frames, e.Channel)
			}
		case peer.Down:
			s.guest.Close()
			<-s.link.Done()
			return time.Since(began)
		}
	}
	return 0
}

// TestBinding: whoever does not prove that the link is that of the introduction gets no word to the engine, and none from
// it.
func TestBinding(t *testing.T) {
	cases := map[string]func(*stranger){
		"nothing": func(*stranger) {},
		"a frame instead": func(s *stranger) {
			_ = s.link.Send(peer.Live, []byte{1, 2, 3})
		},
		"another binding": func(s *stranger) {
			_ = s.link.Send(peer.Live, make([]byte, 32))
		},
		"the host's own, reflected": func(s *stranger) {
			guest, host, _ := s.link.Fingerprints()
			b, _ := s.intro.Binding(introduction.RoleHost, guest, host)
			_ = s.link.Send(peer.Live, b[:])
		},
		"with other certificates": func(s *stranger) {
			guest, host, _ := s.link.Fingerprints()
			guest[0]++
			b, _ := s.intro.Binding(introduction.RoleGuest, guest, host)
			_ = s.link.Send(peer.Live, b[:])
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
				if after := s.isDown(); after > bindTime+time.Second {
					t.Errorf("closed after %v, want at most %v", after, bindTime)
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

// TestIdleGuests: who says nothing, or too much, is sent away; the room goes on, and so does one who is admitted and
// never makes a link.
func TestIdleGuests(t *testing.T) {
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

// TestCrowd: of those who knock at once only so many are heard; the others are sent away at once.
func TestCrowd(t *testing.T) {
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
