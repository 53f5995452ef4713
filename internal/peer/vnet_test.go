package peer

import (
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/logging"
	"github.com/pion/transport/v4/vnet"
)

// network is two machines behind one router, with loss and partitions. It lives in a synctest bubble, which also
// proves that no goroutine of a link outlives it.
type network struct {
	router     *vnet.Router
	nets       map[Role]*vnet.Net
	partition  atomic.Bool
	lossOf100  atomic.Int32
	delivered  atomic.Int64
	randomness chan *rand.Rand // holds the one source
}

func newNetwork(t *testing.T, delay time.Duration) *network {
	t.Helper()
	router, err := vnet.NewRouter(&vnet.RouterConfig{
		CIDR: "10.0.0.0/24", MinDelay: delay, LoggerFactory: logging.NewDefaultLoggerFactory(),
	})
	if err != nil {
		t.Fatal(err)
	}
	n := &network{router: router, nets: map[Role]*vnet.Net{}, randomness: make(chan *rand.Rand, 1)}
	n.randomness <- rand.New(rand.NewPCG(1, 2))
	for role, ip := range map[Role]string{Offerer: "10.0.0.1", Answerer: "10.0.0.2"} {
		if n.nets[role], err = vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{ip}}); err != nil {
			t.Fatal(err)
		}
		if err := router.AddNet(n.nets[role]); err != nil {
			t.Fatal(err)
		}
	}
	router.AddChunkFilter(n.passes)
	if err := router.Start(); err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *network) passes(c vnet.Chunk) bool {
	if n.partition.Load() {
		return false
	}
	source := <-n.randomness
	draw := source.Int32N(100)
	n.randomness <- source
	if draw < n.lossOf100.Load() {
		return false
	}
	n.delivered.Add(1)
	return true
}

func (n *network) stop(t *testing.T) {
	t.Helper()
	if err := n.router.Stop(); err != nil {
		t.Error(err)
	}
}

// pair starts two links on the network.
func (n *network) pair(t *testing.T) (guest, host *side) {
	t.Helper()
	return pair(t, func(role Role, c *Config) { c.Net, c.Loopback = n.nets[role], LoopbackOff })
}

func TestVirtualNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, 10*time.Millisecond)
		guest, host := n.pair(t)
		await[Up](guest)
		await[Up](host)
		p, _ := awaitWhere(host, func(p Path) bool { return p.RTT > 0 })
		if p.Path != Direct || p.RTT < 20*time.Millisecond || p.RTT > 80*time.Millisecond {
			t.Errorf("path %v with %v, want direct with the 20 ms of the router", p.Path, p.RTT)
		}
		checkTrip(t, guest, host, Live, 8)
		checkTrip(t, host, guest, Bulk, MaxFrame)
		closeBoth(guest, host)
		n.stop(t)
	})
}

// TestLoss: with one packet in five lost each way, every Live frame of both sides arrives once and in order, while
// presence and bulk go on beside them.
func TestLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const frames = 300
		n := newNetwork(t, 10*time.Millisecond)
		n.lossOf100.Store(20)
		guest, host := n.pair(t)
		await[Up](guest)
		await[Up](host)
		for _, s := range []*side{guest, host} {
			go typing(s, frames, 20*time.Millisecond)
		}
		if err := host.link.Send(Bulk, make([]byte, MaxFrame/4)); err != nil {
			t.Error(err)
		}
		checkTyped(t, host, frames)
		checkTyped(t, guest, frames)
		closeBoth(guest, host)
		n.stop(t)
	})
}

// typing sends numbered Live frames, one for each pause, and presence beside them.
func typing(s *side, frames int, pause time.Duration) {
	for i := range frames {
		if err := s.link.Send(Live, numbered(i, 8+i%50)); err != nil {
			s.t.Errorf("%s: frame %d: %v", s.name, i, err)
			return
		}
		if err := s.link.SendPresence(uint64(i%3), numbered(i, 8)); err != nil {
			s.t.Errorf("%s: presence %d: %v", s.name, i, err)
			return
		}
		time.Sleep(pause) // virtual: the tests that type are in a bubble
	}
}

// checkTyped waits for the numbered frames, each once and in order, and looks at the presence between them.
func checkTyped(t *testing.T, s *side, frames int) {
	t.Helper()
	newest, presence := map[uint64]int{}, 0
	for next := 0; next < frames; {
		f := await[Frame](s)
		switch f.Channel {
		case Live:
			if got := number(f.Data); got != next {
				t.Fatalf("%s: Live frame %d, want %d", s.name, got, next)
			}
			next++
		case Presence:
			presence++
			if got := number(f.Data); got <= newest[f.Key] && got != 0 {
				t.Errorf("%s: presence %d of key %d after %d", s.name, got, f.Key, newest[f.Key])
			}
			newest[f.Key] = number(f.Data)
		}
	}
	if presence == 0 {
		t.Errorf("%s: no presence arrived", s.name)
	}
}

// TestPartition: a link survives ten seconds of silence, and delivers what was sent meanwhile at once when they end.
func TestPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const frames = 400
		n := newNetwork(t, 10*time.Millisecond)
		guest, host := n.pair(t)
		await[Up](guest)
		await[Up](host)
		go typing(guest, frames, 20*time.Millisecond)
		awaitWhere(host, func(f Frame) bool { return f.Channel == Live && number(f.Data) == 50 })
		n.partition.Store(true)
		await[Interrupted](guest)
		time.Sleep(7 * time.Second) // virtual; 3 s of silence made the Interrupted
		n.partition.Store(false)
		healed := time.Now()
		await[Resumed](guest)
		for next := 51; next < frames; {
			if f := await[Frame](host); f.Channel == Live {
				if got := number(f.Data); got != next {
					t.Fatalf("Live frame %d, want %d", got, next)
				}
				if took := time.Since(healed); next == 51 && took > rtoMax+200*time.Millisecond {
					t.Errorf("first frame %v after the partition, want it within %v", took, rtoMax)
				}
				next++
			}
		}
		closeBoth(guest, host)
		n.stop(t)
	})
}

// TestLost: a path that does not come back ends the link on both sides, with the reason.
func TestLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, 10*time.Millisecond)
		guest, host := n.pair(t)
		await[Up](guest)
		await[Up](host)
		n.partition.Store(true)
		began := time.Now()
		for _, s := range []*side{guest, host} {
			checkDown(s, ErrLost)
			if took := time.Since(began); took > disconnectedTimeout+failedTimeout+5*time.Second {
				t.Errorf("%s: noticed after %v", s.name, took)
			}
		}
		n.stop(t)
	})
}

// TestUnreachable: without a path the link ends by itself.
func TestUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, 10*time.Millisecond)
		n.partition.Store(true)
		guest, host := n.pair(t)
		checkDown(guest, ErrUnreachable)
		checkDown(host, ErrUnreachable)
		n.stop(t)
	})
}

// TestA6BlackHole: the path works for ICE, but nothing of SCTP comes back: the watchdog ends the link.
func TestA6BlackHole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, 10*time.Millisecond)
		var hole atomic.Bool
		n.router.AddChunkFilter(func(c vnet.Chunk) bool {
			const firstOfSTUN = 4 // RFC 7983: STUN begins with 0 to 3, DTLS with 20 to 63
			return !hole.Load() || len(c.UserData()) > 0 && c.UserData()[0] < firstOfSTUN
		})
		guest, host := n.pair(t)
		await[Up](guest)
		await[Up](host)
		hole.Store(true)
		if err := guest.link.Send(Live, []byte("into the hole")); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		checkDown(guest, ErrStuck)
		if took := time.Since(began); took < stuckTimeout || took > stuckTimeout+closeTimeout {
			t.Errorf("noticed after %v, want %v", took, stuckTimeout)
		}
		closeBoth(host)
		n.stop(t)
	})
}

// TestA6SlowReader: Live refuses what the remote does not acknowledge, and goes on once it does.
func TestA6SlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, 10*time.Millisecond)
		guest, host := n.pair(t)
		await[Up](guest)
		await[Up](host)
		n.partition.Store(true)
		sent := 0
		for guest.link.Send(Live, numbered(sent, 100_000)) == nil {
			sent++
		}
		if sent != liveLimit/100_000 {
			t.Errorf("%d frames of 100 kB were taken, want %d", sent, liveLimit/100_000)
		}
		n.partition.Store(false)
		for i := range sent {
			if got := number(host.frameOn(Live)); got != i {
				t.Fatalf("frame %d, want %d", got, i)
			}
		}
		checkTrip(t, guest, host, Live, 8)
		closeBoth(guest, host)
		n.stop(t)
	})
}

// TestCloseDelivers: what Live accepted before Close arrives, though the network is away for half a second.
func TestCloseDelivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, 10*time.Millisecond)
		guest, host := n.pair(t)
		await[Up](guest)
		await[Up](host)
		n.partition.Store(true)
		for i := range 50 {
			if err := guest.link.Send(Live, numbered(i, 8)); err != nil {
				t.Fatal(err)
			}
		}
		heal := time.AfterFunc(500*time.Millisecond, func() { n.partition.Store(false) })
		defer heal.Stop()
		if err := guest.link.Close(); err != nil {
			t.Error(err)
		}
		for i := range 50 {
			if got := number(host.frameOn(Live)); got != i {
				t.Fatalf("frame %d, want %d", got, i)
			}
		}
		checkDown(guest, nil)
		checkDown(host, ErrRemoteClosed)
		n.stop(t)
	})
}

// checkDown waits for Down, looks at its reason, and waits until nothing is left of the link.
func checkDown(s *side, want error) {
	s.t.Helper()
	if got := await[Down](s).Err; !errors.Is(got, want) {
		s.t.Errorf("%s: down with %v, want %v", s.name, got, want)
	}
	<-s.link.Done()
}
