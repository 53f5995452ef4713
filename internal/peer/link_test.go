package peer

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"
)

// side is one end of a test link: the Link and what it told.
type side struct {
	t      testing.TB
	name   string
	link   *Link
	events chan Event
	forge  func(signal []byte) []byte // nil: carried as they are; what it returns nil for is not carried
}

// pair starts two links and carries their signals; edit may change each configuration.
func pair(t testing.TB, edit func(role Role, c *Config)) (guest, host *side) {
	t.Helper()
	guest, host = newSide(t, "guest"), newSide(t, "host")
	host.start(Answerer, guest, edit)
	guest.start(Offerer, host, edit)
	return guest, host
}

// keysOf is what an introduction would give.
func keysOf(role Role) Keys {
	guest, host := [32]byte{1}, [32]byte{2}
	if role == Offerer {
		return Keys{Out: guest, In: host}
	}
	return Keys{Out: host, In: guest}
}

func newSide(t testing.TB, name string) *side {
	return &side{t: t, name: name, events: make(chan Event, 1<<17)}
}

// start makes the link; its signals go to the other side at once, from the event goroutine.
func (s *side) start(role Role, other *side, edit func(Role, *Config)) {
	s.t.Helper()
	signals := make(chan []byte, 64)
	c := Config{Role: role, Keys: keysOf(role), Loopback: LoopbackOn, Events: func(e Event) {
		switch e := e.(type) {
		case Signal:
			signals <- e.Data
		case Down:
			close(signals)
			s.events <- e
		default:
			s.events <- e
		}
	}}
	if testing.Verbose() {
		c.Log = zaptest.NewLogger(s.t).Named(s.name)
	}
	if edit != nil {
		edit(role, &c)
	}
	link, err := New(c)
	if err != nil {
		s.t.Fatalf("%s: New: %v", s.name, err)
	}
	s.link = link
	go func() { // the matchmaker; ends at Down
		for b := range signals {
			if s.forge != nil {
				b = s.forge(b)
			}
			if b != nil {
				_ = other.link.Signal(b)
			}
		}
	}()
}

// await returns the next event of type E and skips the others.
func await[E Event](s *side) E {
	s.t.Helper()
	e, _ := awaitWhere(s, func(E) bool { return true })
	return e
}

// awaitWhere returns the next event of type E that fits, and how many of that type it skipped.
func awaitWhere[E Event](s *side, fits func(E) bool) (found E, skipped int) {
	s.t.Helper()
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	for {
		select {
		case e := <-s.events:
			if d, down := e.(Down); down {
				if _, wanted := Event(found).(Down); !wanted {
					s.t.Fatalf("%s: down while waiting for %T: %v", s.name, found, d.Err)
				}
			}
			if e, ok := e.(E); ok {
				if fits(e) {
					return e, skipped
				}
				skipped++
			}
		case <-limit.C:
			s.t.Fatalf("%s: no %T within a minute", s.name, found)
		}
	}
}

// frameOn waits for the next frame of a channel.
func (s *side) frameOn(ch Channel) []byte {
	s.t.Helper()
	f, _ := awaitWhere(s, func(f Frame) bool { return f.Channel == ch })
	return f.Data
}

// closeBoth ends both and checks that Down is last, once, and that all goroutines of the links have left.
func closeBoth(sides ...*side) {
	for _, s := range sides {
		s.t.Helper()
		if err := s.link.Close(); err != nil {
			s.t.Errorf("%s: close: %v", s.name, err)
		}
	}
	for _, s := range sides {
		<-s.link.Done()
		if err := s.link.Close(); err != nil {
			s.t.Errorf("%s: second close: %v", s.name, err)
		}
		downs := 0
		for len(s.events) > 0 {
			e := <-s.events
			if _, ok := e.(Down); ok {
				downs++
			} else if downs > 0 {
				s.t.Errorf("%s: %T after Down", s.name, e)
			}
		}
		if downs != 1 {
			s.t.Errorf("%s: %d Downs, want 1", s.name, downs)
		}
	}
}

// numbered is a frame that carries n, of at least 8 bytes.
func numbered(n, size int) []byte {
	b := make([]byte, max(size, 8))
	binary.BigEndian.PutUint64(b, uint64(n))
	return b
}

func number(b []byte) int { return int(binary.BigEndian.Uint64(b)) }

func TestLoopback(t *testing.T) {
	checkLeaks(t)
	guest, host := pair(t, nil)
	await[Up](guest)
	await[Up](host)
	if p := await[Path](guest); p.Path != Direct || p.RTT <= 0 || p.RTT > time.Second {
		t.Errorf("path %v, want direct with a round trip", p)
	}
	sizes := []int{0, 1, 64, partSize - 1, partSize, partSize + 1, 3*partSize + 7, MaxFrame}
	for _, ch := range []Channel{Live, Bulk} {
		for _, size := range sizes {
			checkTrip(t, guest, host, ch, size)
			checkTrip(t, host, guest, ch, size)
		}
	}
	glocal, gremote, ok1 := guest.link.Fingerprints()
	hlocal, hremote, ok2 := host.link.Fingerprints()
	if !ok1 || !ok2 || glocal != hremote || gremote != hlocal || glocal == hlocal {
		t.Errorf("fingerprints do not cross: %x %x %x %x", glocal[:4], hremote[:4], gremote[:4], hlocal[:4])
	}
	closeBoth(guest, host)
}

func checkTrip(t *testing.T, from, to *side, ch Channel, size int) {
	t.Helper()
	want := make([]byte, size)
	for i := range want {
		want[i] = byte(i * 7)
	}
	if err := from.link.Send(ch, want); err != nil {
		t.Fatalf("send %d bytes on %s: %v", size, ch, err)
	}
	if got := to.frameOn(ch); !bytes.Equal(got, want) {
		t.Errorf("%d bytes on %s arrived as %d bytes", size, ch, len(got))
	}
}
