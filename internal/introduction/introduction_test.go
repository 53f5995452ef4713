package introduction

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"testing"
)

// stream is reproducible randomness: SHA-256 of a seed and a counter.
type stream struct {
	seed string
	n    uint64
	rest []byte
}

func newStream(seed string) io.Reader { return &stream{seed: seed} }

func (s *stream) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		block := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(s.seed), s.n))
		s.rest = block[:]
		s.n++
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// A pair is a guest and a host that are about to meet, and all that they say to each other.
type pair struct {
	guest *Guest
	host  *Host
	greet []byte
	key   ed25519.PrivateKey
}

const testRoom = "A4X9"

var testSecret = []byte{0x01, 0x23, 0x45, 0x67}

// pairOption changes the two configurations before the pair is made.
type pairOption func(*GuestConfig, *HostConfig)

func newPair(t testing.TB, seed string, options ...pairOption) *pair {
	t.Helper()
	key := ed25519.NewKeyFromSeed([]byte("a session key seed of 32 bytes.."))
	g := GuestConfig{
		Kind: KindCode, Room: testRoom, Secret: testSecret, Random: newStream("guest " + seed),
		Hello: Hello{Name: "Ana", Client: "nvim", Role: "editor", Extra: []byte("from the guest")},
	}
	h := HostConfig{
		Room: testRoom, Key: key, Name: "Ben", Extra: []byte("from the host"), Random: newStream("host " + seed),
		Lookup: func(Kind, string) ([]byte, bool) { return testSecret, true },
	}
	for _, option := range options {
		option(&g, &h)
	}
	p := &pair{key: key}
	var err error
	if p.guest, err = NewGuest(g); err != nil {
		t.Fatal(err)
	}
	if p.host, p.greet, err = NewHost(h); err != nil {
		t.Fatal(err)
	}
	return p
}

// run carries messages until both wait for the decision. meddle sees each message, numbered from 0, and gives what
// arrives instead.
func (p *pair) run(meddle func(n int, message []byte) []byte) error {
	message := p.greet
	for n := 0; message != nil; n++ {
		if meddle != nil {
			message = meddle(n, message)
		}
		step := p.guest.Step
		if n%2 == 1 {
			step = p.host.Step
		}
		r, err := step(message)
		if err != nil {
			return err
		}
		message = r.Send
	}
	return nil
}

// meet runs the whole introduction, admission included.
func (p *pair) meet(t testing.TB) {
	t.Helper()
	if err := p.run(nil); err != nil {
		t.Fatalf("introduce: %v", err)
	}
	admitted, err := p.host.Admit([]byte("welcome"))
	if err != nil {
		t.Fatalf("admit: %v", err)
	}
	r, err := p.guest.Step(admitted)
	if err != nil || string(r.Payload) != "welcome" || r.State != Admitted {
		t.Fatalf("guest after admission: got %v, %q, %v", r.State, r.Payload, err)
	}
}

func TestIntroduction(t *testing.T) {
	p := newPair(t, "")
	if err := p.run(nil); err != nil {
		t.Fatal(err)
	}
	if p.guest.State() != AwaitDecision || p.host.State() != AwaitDecision {
		t.Fatalf("states: got %v and %v, want decision", p.guest.State(), p.host.State())
	}
	if p.guest.Check() != p.host.Check() || len(p.host.Check()) != 6 {
		t.Errorf("check digits: got %q and %q, want six equal ones", p.guest.Check(), p.host.Check())
	}
	hello := p.host.Hello()
	if hello.Name != "Ana" || hello.Client != "nvim" || hello.Role != "editor" || string(hello.Extra) != "from the guest" {
		t.Errorf("hello: got %+v", hello)
	}
	w := p.guest.Host()
	if w.Name != "Ben" || !w.Key.Equal(p.key.Public()) || string(w.Extra) != "from the host" {
		t.Errorf("welcome: got %+v", w)
	}
	if _, err := p.guest.Seal(0, nil); !errors.Is(err, ErrTooEarly) {
		t.Errorf("seal before admission: got %v, want ErrTooEarly", err)
	}
}
