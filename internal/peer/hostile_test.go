package peer

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/vnet"
	"github.com/pion/turn/v5"

	"earshot/internal/threat"
)

// TestM1OneFingerprint: a description has one fingerprint, of one kind: pion itself takes any of several that fits.
func TestM1OneFingerprint(t *testing.T) {
	other := fingerprintText([32]byte{1, 2, 3})
	for name, edit := range map[string]func(string) string{
		"none":               func(s string) string { return strings.ReplaceAll(s, "a=fingerprint", "a=x") },
		"a second":           func(s string) string { return s + "a=fingerprint:sha-256 " + other + "\r\n" },
		"the same twice":     func(s string) string { return s + "a=fingerprint:sha-256 " + sampleFingerprint + "\r\n" },
		"a second, of sha-1": func(s string) string { return s + "a=fingerprint:sha-1 " + other[:59] + "\r\n" },
		"a second before it": func(s string) string { return strings.Replace(s, "s=-", "s=-\r\na=fingerprint:sha-256 "+other, 1) },
		"sha-1 alone":        func(s string) string { return strings.ReplaceAll(s, "sha-256", "sha-1") },
		"sha-512 alone":      func(s string) string { return strings.ReplaceAll(s, "sha-256", "sha-512") },
		"no digits":          func(s string) string { return strings.ReplaceAll(s, " "+sampleFingerprint, "") },
		"one byte less":      func(s string) string { return strings.ReplaceAll(s, sampleFingerprint, sampleFingerprint[3:]) },
		"one byte more":      func(s string) string { return strings.ReplaceAll(s, sampleFingerprint, sampleFingerprint+":00") },
		"a second section with it": func(s string) string {
			return s + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=fingerprint:sha-256 " + other
		},
	} {
		for _, kind := range []string{"o", "a"} {
			if m, err := parseSignal([]byte(kind + edit(fullSDP))); err == nil {
				t.Errorf("%s: taken as %x", name, m.description.fingerprint)
			}
		}
	}
	if m, err := parseSignal([]byte("o" + fullSDP)); err != nil || fingerprintText(m.description.fingerprint) != sampleFingerprint {
		t.Errorf("exactly one: %v", err)
	}
}

// TestM7Candidates: whatever addresses a remote names, no packet goes to one that is not allowed, and to no more than so
// many; and of ours none is told that should not be.
func TestM7Candidates(t *testing.T) {
	for _, mode := range []LoopbackMode{LoopbackOff, LoopbackOn} {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t, time.Millisecond)
			var mu sync.Mutex
			reached := map[string]bool{}
			n.router.AddChunkFilter(func(c vnet.Chunk) bool {
				mu.Lock()
				defer mu.Unlock()
				reached[c.DestinationAddr().String()] = true
				return true
			})
			guest, host := newSide(t, "guest"), newSide(t, "host")
			edit := func(role Role, c *Config) { c.Net, c.Loopback = n.nets[role], mode }
			host.start(Answerer, guest, edit)
			forbidden := []string{"0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.1.1", "224.0.0.251", "239.1.1.1", "240.0.0.1",
				"255.255.255.255", "::", "fe80::1", "ff02::fb", "::ffff:169.254.169.254", "::ffff:224.0.0.1"}
			if mode == LoopbackOff {
				forbidden = append(forbidden, "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1")
			}
			for _, a := range forbidden {
				for _, kind := range []string{"host", "srflx", "prflx", "relay"} {
					if err := host.link.Signal(fmt.Appendf(nil, "c1 1 udp 1 %s 53 typ %s", a, kind)); !errors.Is(err, ErrSignal) {
						t.Errorf("%s %s: %v, want a refusal", a, kind, err)
					}
				}
			}
			for _, bad := range []string{"example.com", "localhost", "metadata.google.internal", "a.b.local", "1 2"} {
				if err := host.link.Signal(fmt.Appendf(nil, "c1 1 udp 1 %s 53 typ host", bad)); !errors.Is(err, ErrSignal) {
					t.Errorf("%s: %v, want a refusal", bad, err)
				}
			}
			const named = 100
			for i := range named {
				_ = host.link.Signal(fmt.Appendf(nil, "c1 1 udp 1 10.0.0.%d 9 typ host", 100+i))
			}
			guest.start(Offerer, host, edit)
			await[Up](guest) // the guest knows a good address of the host, and the host learns the guest's from its checks
			await[Up](host)
			if err := host.link.Signal([]byte("c1 1 udp 1 10.0.0.250 9 typ host")); !errors.Is(err, ErrSignal) {
				t.Errorf("one more, later: %v, want a refusal", err)
			}
			time.Sleep(time.Minute) // virtual, in a bubble
			closeBoth(guest, host)
			n.stop(t)
			mu.Lock()
			defer mu.Unlock()
			many := 0
			for to := range reached {
				address, _, _ := net.SplitHostPort(to)
				if !strings.HasPrefix(address, "10.0.0.") {
					t.Errorf("a packet went to %s", to)
				}
				if strings.HasPrefix(address, "10.0.0.1") && len(address) == len("10.0.0.100") {
					many++
				}
			}
			if many != maxCandidates {
				t.Errorf("packets went to %d of %d addresses named, want %d", many, named, maxCandidates)
			}
		})
	}
}

// noisyNet is a network on which, while it is on, someone sends along with each packet what looks like it, from the same
// address: packets changed, cut, repeated and made up.
type noisyNet struct {
	*vnet.Net
	*noise
}

// noise is what the two sides' networks share.
type noise struct {
	on   atomic.Bool
	sent atomic.Int64
	mu   sync.Mutex
	draw *rand.Rand
}

func (n *noisyNet) ListenUDP(network string, at *net.UDPAddr) (transport.UDPConn, error) {
	c, err := n.Net.ListenUDP(network, at)
	if err != nil {
		return nil, err
	}
	return &noisyConn{UDPConn: c, noise: n.noise}, nil
}

type noisyConn struct {
	transport.UDPConn
	*noise
	lied sync.Once
}

// lies are records of which pion believes each, though anybody may have written them: a fatal alert, a goodbye, data, and a
// change of the cipher.
var lies = [][]byte{
	{21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40}, {21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 1, 0},
	{23, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 3, 1, 2, 3}, {20, 254, 253, 0, 1, 0, 0, 0, 0, 0, 9, 0, 1, 1},
}

func (c *noisyConn) WriteTo(b []byte, to net.Addr) (int, error) {
	if c.on.Load() {
		all := c.noises(b)
		c.lied.Do(func() { all = append(all, lies...) })
		for _, noise := range all {
			_, _ = c.UDPConn.WriteTo(noise, to)
			c.sent.Add(1)
		}
	}
	return c.UDPConn.WriteTo(b, to)
}

func (n *noise) noises(b []byte) [][]byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	return noisesOf(n.draw, b)
}

// noisesOf makes noises of a real packet: a STUN message, a DTLS record.
func noisesOf(r *rand.Rand, b []byte) (all [][]byte) {
	for range r.IntN(4) {
		m := bytes.Clone(b)
		switch r.IntN(7) {
		case 0: // again, as it is
		case 1:
			m[r.IntN(len(m))] ^= byte(1 + r.IntN(255))
		case 2:
			m = m[:1+r.IntN(len(m))]
		case 3:
			m = append(m, make([]byte, 1+r.IntN(100))...)
		case 4: // a record of garbage with the head of a real one
			for i := min(13, len(m)); i < len(m); i++ {
				m[i] = byte(r.Uint32())
			}
		case 5: // what a DTLS record of some type is
			m = append([]byte{byte(20 + r.IntN(7)), 254, 253, 0, byte(r.IntN(3)), 0, 0, 0, 0, 0, byte(r.IntN(256)), 0, byte(r.IntN(60))},
				m[:min(len(m), r.IntN(60))]...)
		case 6:
			m = make([]byte, 1+r.IntN(1400))
			for i := range m {
				m[i] = byte(r.Uint32())
			}
		}
		all = append(all, m)
	}
	return all
}

// TestN3Noise: with packets of all kinds sent under the name of each side, a link that is up stays up, every frame of both
// arrives once, in order and as it was, and nothing is kept of the noise.
func TestN3Noise(t *testing.T) {
	for seed := range threat.Times(1, 10) {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t, 10*time.Millisecond)
			loud := &noise{draw: rand.New(rand.NewPCG(uint64(seed), 3))}
			guest, host := pair(t, func(role Role, c *Config) { c.Net, c.Loopback = &noisyNet{n.nets[role], loud}, LoopbackOff })
			await[Up](guest)
			await[Up](host)
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			loud.on.Store(true)
			frames := threat.Times(300, 3000) // six seconds, or a minute
			for _, s := range []*side{guest, host} {
				go typing(s, frames, 20*time.Millisecond) // ends with its frames
			}
			checkTyped(t, host, frames)
			checkTyped(t, guest, frames)
			checkTrip(t, guest, host, Bulk, MaxFrame/4)
			runtime.GC()
			runtime.ReadMemStats(&after)
			if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 16<<20 {
				t.Errorf("the heap grew by %d bytes", grown)
			}
			closeBoth(guest, host)
			n.stop(t)
			t.Logf("%d packets of noise", loud.sent.Load())
		})
	}
}

// TestN3NoisyStart: noise from the first packet on can keep a link from coming up, since a handshake is in clear; it comes
// up or is given up, within its time.
func TestN3NoisyStart(t *testing.T) {
	up := 0
	runs := threat.Times(5, 200)
	for seed := range runs {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t, 10*time.Millisecond)
			loud := &noise{draw: rand.New(rand.NewPCG(uint64(seed), 4))}
			loud.on.Store(true)
			guest, host := pair(t, func(role Role, c *Config) { c.Net, c.Loopback = &noisyNet{n.nets[role], loud}, LoopbackOff })
			for e := range guest.events {
				if _, ok := e.(Up); ok {
					up++
					break
				}
				if d, ok := e.(Down); ok {
					guest.events <- d // for closeBoth
					break
				}
			}
			closeBoth(guest, host)
			n.stop(t)
		})
	}
	t.Logf("%d of %d links came up", up, runs)
}

// TestN3InClear: what is in clear, or pretends to be DTLS, and what is not.
func TestN3InClear(t *testing.T) {
	record := func(kind byte, epoch byte, size int) []byte {
		return append([]byte{kind, 254, 253, 0, epoch, 0, 0, 0, 0, 0, 1, byte(size >> 8), byte(size)}, make([]byte, size)...)
	}
	channel := func(b []byte) []byte {
		return append([]byte{0x40, 1, byte(len(b) >> 8), byte(len(b))}, append(b[:len(b):len(b)], 0, 0, 0)[:(len(b)+3)&^3]...)
	}
	indication := func(b []byte) []byte {
		m := append([]byte{0, 0x17, 0, 0, 0x21, 0x12, 0xa4, 0x42}, make([]byte, 12)...)
		m = append(m, 0, 0x12, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0) // XOR-PEER-ADDRESS, with its padding
		return append(append(m, 0, 0x13, byte(len(b)>>8), byte(len(b))), b...)
	}
	for name, c := range map[string]struct {
		packet []byte
		want   bool
	}{
		"nothing": {nil, false}, "STUN": {make([]byte, 40), false}, "garbage": {[]byte{200, 1, 2}, false},
		"data": {record(23, 1, 40), false}, "two records": {append(record(23, 1, 40), record(21, 1, 2)...), false},
		"an alert in clear": {record(21, 0, 2), true}, "data in clear": {record(23, 0, 20), true}, "a handshake": {record(22, 0, 50), true},
		"a change of cipher": {record(20, 1, 40), true}, "an unknown type": {record(24, 1, 40), true}, "a connection id": {record(25, 1, 40), true},
		"a later epoch": {record(23, 2, 40), true}, "a far epoch": {append([]byte{23, 254, 253, 255, 1}, make([]byte, 20)...), true},
		"an alert in clear behind data": {append(record(23, 1, 40), record(21, 0, 2)...), true},
		"short":                         {[]byte{23, 254}, true}, "longer than it is": {record(23, 1, 40)[:30], true},
		"nothing in it": {record(23, 1, 0), true}, "nothing in the second": {append(record(23, 1, 40), record(23, 1, 0)...), true},
		"rest": {append(record(23, 1, 40), 1, 2, 3), true},
	} {
		if got := inClear(c.packet); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		if len(c.packet) == 0 {
			continue
		}
		if got := inClear(channel(c.packet)); got != c.want {
			t.Errorf("%s, in a channel of a relay: %v, want %v", name, got, c.want)
		}
		if got := inClear(indication(c.packet)); got != c.want {
			t.Errorf("%s, in an indication of a relay: %v, want %v", name, got, c.want)
		}
	}
	inClear([]byte{0x40, 0, 0}) // cut: no panic
	for i := range 40 {
		inClear(indication(record(21, 0, 2))[:i])
	}
}

// TestN3Strangers: on real sockets, packets from somebody else's address, to every address that a side has told: the link
// lives.
func TestN3Strangers(t *testing.T) {
	checkLeaks(t)
	var mu sync.Mutex
	var targets []string
	watch := func(b []byte) []byte {
		if m, err := parseSignal(b); err == nil && m.kind == signalCandidate {
			mu.Lock()
			defer mu.Unlock()
			targets = append(targets, net.JoinHostPort(m.candidate.address, fmt.Sprint(m.candidate.port)))
		}
		return b
	}
	guest, host := newSide(t, "guest"), newSide(t, "host")
	guest.forge, host.forge = watch, watch
	host.start(Answerer, guest, nil)
	guest.start(Offerer, host, nil)
	await[Up](guest)
	await[Up](host)
	mu.Lock()
	defer mu.Unlock()
	r := rand.New(rand.NewPCG(3, 3))
	sample := append([]byte{23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 9, 0, 40}, make([]byte, 40)...)
	stun := append([]byte{0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42}, make([]byte, 20)...)
	sent := 0
	for _, to := range targets {
		c, err := net.Dial("udp", to)
		if err != nil {
			continue // an address family that this machine has not
		}
		for i := range threat.Times(300, 30_000) {
			for _, noise := range append(noisesOf(r, sample), noisesOf(r, stun)...) {
				_, _ = c.Write(noise) // refused where nobody listens any more
				sent++
			}
			if i%50 == 0 {
				checkTrip(t, guest, host, Live, 100)
				checkTrip(t, host, guest, Live, 100)
			}
		}
		_ = c.Close()
	}
	if sent < 300 {
		t.Errorf("%d packets to %d addresses: too few to show anything", sent, len(targets))
	}
	closeBoth(guest, host)
	t.Logf("%d packets to %d addresses", sent, len(targets))
}

// falseRelay changes what it relays.
type falseRelay struct {
	turn.RelayAddressGenerator
	on      *atomic.Bool
	changed *atomic.Int64
}

func (f *falseRelay) AllocatePacketConn(c turn.AllocateListenerConfig) (net.PacketConn, net.Addr, error) {
	conn, at, err := f.RelayAddressGenerator.AllocatePacketConn(c)
	if err != nil {
		return nil, nil, err
	}
	return &falseSocket{conn, f}, at, nil
}

type falseSocket struct {
	net.PacketConn
	relay *falseRelay
}

func (s *falseSocket) WriteTo(b []byte, to net.Addr) (int, error) {
	if s.relay.on.Load() && len(b) > 0 && s.relay.changed.Add(1)%3 == 0 {
		m := bytes.Clone(b)
		m[rand.IntN(len(m))] ^= byte(1 + rand.IntN(255))
		_, err := s.PacketConn.WriteTo(m, to)
		return len(b), err
	}
	return s.PacketConn.WriteTo(b, to)
}

// TestR1FalseRelay: a relay that changes a byte in every third packet delays frames, and never changes one.
func TestR1FalseRelay(t *testing.T) {
	checkLeaks(t)
	var on atomic.Bool
	var changed atomic.Int64
	udp, _ := startRelay(t, func(g turn.RelayAddressGenerator) turn.RelayAddressGenerator {
		return &falseRelay{g, &on, &changed}
	})
	guest, host := pair(t, func(_ Role, c *Config) { c.ICEServers, c.RelayOnly = []ICEServer{udp}, true })
	await[Up](guest)
	await[Up](host)
	on.Store(true)
	frames := threat.Times(50, 500)
	for _, s := range []*side{guest, host} {
		for i := range frames {
			if err := s.link.Send(Live, numbered(i, 100)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, s := range []*side{guest, host} {
		for i := range frames {
			if got := s.frameOn(Live); number(got) != i || len(got) != 100 || !bytes.Equal(got[8:], make([]byte, 92)) {
				t.Fatalf("%s: frame %d came as %x", s.name, i, got)
			}
		}
	}
	on.Store(false)
	if changed.Load() < 3 {
		t.Errorf("%d packets went through the relay", changed.Load())
	}
	closeBoth(guest, host)
	t.Logf("%d packets relayed, a third of them changed", changed.Load())
}
