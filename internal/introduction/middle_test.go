package introduction

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"earshot/internal/threat"
)

// A talk is a whole introduction and what follows it: eight messages, the host's yes, and three payloads each way as
// descriptions and candidates are. Whoever carries the messages may do anything to them.
type talk struct {
	*pair
	toGuest, toHost [][]byte // on their way, oldest first
	guestGot        []string // payloads that were opened, and the one that came with the yes
	hostGot         []string
	carried         int // messages so far
	err             error
}

// The messages of a talk, in their order.
const (
	decisionMessage = messagesUntilDecision // the host's yes
	payloadsEach    = 3
	talkMessages    = decisionMessage + 1 + 2*payloadsEach
)

var guestSays, hostSays = []string{"offer", "guest's candidate", "guest's last"}, []string{"answer", "host's candidate", "host's last"}

// parcel is a message on its way to one of the two.
type parcel struct {
	toHost bool
	data   []byte
}

// carry takes messages to and fro until nothing is under way or someone has ended. meddle sees each message, numbered from
// 0, and gives what is delivered instead; nil delivers all as they are.
func (k *talk) carry(meddle func(n int, p parcel) []parcel) *talk {
	k.toGuest = [][]byte{k.greet}
	for k.err == nil && len(k.toGuest)+len(k.toHost) > 0 {
		p := parcel{}
		if len(k.toGuest) > 0 {
			p.data, k.toGuest = k.toGuest[0], k.toGuest[1:]
		} else {
			p.toHost, p.data, k.toHost = true, k.toHost[0], k.toHost[1:]
		}
		all := []parcel{p}
		if meddle != nil {
			all = meddle(k.carried, p)
		}
		k.carried++
		for _, p := range all {
			if k.err == nil {
				k.err = k.deliver(p)
			}
		}
	}
	return k
}

func (k *talk) deliver(p parcel) error {
	s, do := &k.guest.side, k.guest.Step
	if p.toHost {
		s, do = &k.host.side, k.host.Step
	}
	if s.State() == Admitted {
		_, payload, err := s.Open(p.data)
		if err != nil {
			return err
		}
		if p.toHost {
			k.hostGot = append(k.hostGot, string(payload))
		} else {
			k.guestGot = append(k.guestGot, string(payload))
		}
		return nil
	}
	r, err := do(p.data)
	if r.Send != nil && err == nil {
		k.post(!p.toHost, r.Send)
	}
	if err != nil {
		return err
	}
	switch {
	case p.toHost && r.State == AwaitDecision:
		return k.admit()
	case !p.toHost && r.State == Admitted:
		k.guestGot = append(k.guestGot, string(r.Payload))
		return k.says(s, true, guestSays)
	}
	return nil
}

func (k *talk) post(toHost bool, m []byte) {
	if toHost {
		k.toHost = append(k.toHost, m)
	} else {
		k.toGuest = append(k.toGuest, m)
	}
}

func (k *talk) admit() error {
	m, err := k.host.Admit([]byte("yes"))
	if err != nil {
		return err
	}
	k.post(false, m)
	return k.says(&k.host.side, false, hostSays)
}

func (k *talk) says(s *side, toHost bool, all []string) error {
	for _, one := range all {
		m, err := s.Seal(1, []byte(one))
		if err != nil {
			return err
		}
		k.post(toHost, m)
	}
	return nil
}

// met tells whether a session came about: both have read all that the other said.
func (k *talk) met() bool {
	return slices.Equal(k.guestGot, append([]string{"yes"}, hostSays...)) && slices.Equal(k.hostGot, guestSays)
}

// check fails the test if anything that was meddled with had an effect but the end.
func (k *talk) check(t *testing.T, what string) {
	t.Helper()
	switch {
	case k.met():
		t.Errorf("%s: a session came about", what)
	case !isPrefix(k.guestGot, append([]string{"yes"}, hostSays...)) || !isPrefix(k.hostGot, guestSays):
		t.Errorf("%s: the guest read %q, the host %q", what, k.guestGot, k.hostGot)
	case k.err != nil && k.guest.State() != Ended && k.host.State() != Ended:
		t.Errorf("%s: %v, and nobody ended", what, k.err)
	}
}

func isPrefix(got, want []string) bool {
	return len(got) <= len(want) && slices.Equal(got, want[:len(got)])
}

func newTalk(t testing.TB, seed string, options ...pairOption) *talk {
	t.Helper()
	return &talk{pair: newPair(t, seed, options...)}
}

// overhear gives the messages of an honest talk.
func overhear(t testing.TB, seed string) []parcel {
	t.Helper()
	var all []parcel
	k := newTalk(t, seed).carry(func(_ int, p parcel) []parcel {
		all = append(all, parcel{p.toHost, bytes.Clone(p.data)})
		return []parcel{p}
	})
	if k.err != nil || !k.met() || len(all) != talkMessages {
		t.Fatalf("an honest talk of %d messages: %v, the guest read %q, the host %q", len(all), k.err, k.guestGot, k.hostGot)
	}
	return all
}

// TestM4HostileRelay: one who carries the messages does one thing to one of them, in all ways and at all places: no
// session, no panic, and nothing is read that was not said. What is dropped leaves both waiting, which their callers
// bound (IntroductionTime, DecisionTime; daemon's TestM4Daemons).
func TestM4HostileRelay(t *testing.T) {
	honest, other := overhear(t, "attacked"), overhear(t, "another run")
	runs, stride := 0, threat.Times(4, 1) // of the bytes
	attack := func(what string, n int, act func(p parcel) []parcel) error {
		t.Helper()
		runs++
		k := newTalk(t, "attacked").carry(func(i int, p parcel) []parcel {
			if i == n {
				return act(p)
			}
			return []parcel{p}
		})
		k.check(t, fmt.Sprintf("message %d, %s", n, what))
		return k.err
	}
	for n, was := range honest {
		attack("dropped", n, func(parcel) []parcel { return nil })
		if n < talkMessages-1 { // after the last all has been said
			for k := range n + 1 {
				attack(fmt.Sprintf("and then %d again", k), n, func(p parcel) []parcel { return []parcel{p, {p.toHost, honest[k].data}} })
			}
		}
		attack("reflected", n, func(p parcel) []parcel { return []parcel{{!p.toHost, p.data}} })
		attack("reflected and passed on", n, func(p parcel) []parcel { return []parcel{{!p.toHost, p.data}, p} })
		for what, more := range map[string]int{"with a byte more": 1, "oversize": MaxSealed} {
			err := attack(what, n, func(p parcel) []parcel {
				return []parcel{{p.toHost, append(bytes.Clone(p.data), make([]byte, more)...)}}
			})
			if !errors.Is(err, ErrProtocol) {
				t.Errorf("message %d %s: got %v, want ErrProtocol", n, what, err)
			}
		}
		for length := 0; length < len(was.data); length += stride {
			attack(fmt.Sprintf("cut to %d", length), n, func(p parcel) []parcel { return []parcel{{p.toHost, p.data[:length]}} })
		}
		for k := range honest {
			if k != n {
				attack(fmt.Sprintf("%d in its place", k), n, func(p parcel) []parcel { return []parcel{{p.toHost, honest[k].data}} })
			}
			attack(fmt.Sprintf("%d of another run in its place", k), n, func(p parcel) []parcel { return []parcel{{p.toHost, other[k].data}} })
			attack(fmt.Sprintf("%d of another run before it", k), n, func(p parcel) []parcel { return []parcel{{p.toHost, other[k].data}, p} })
		}
		for at := n % stride; at < len(was.data); at += stride {
			for bit := range threat.Times(1, 8) {
				err := attack(fmt.Sprintf("byte %d flipped", at), n, func(p parcel) []parcel {
					m := bytes.Clone(p.data)
					m[at] ^= 1 << ((bit + at) % 8)
					return []parcel{{p.toHost, m}}
				})
				// Only a clear field that goes into the PAKE can turn into a wrong tag; all else is no guess.
				if errors.Is(err, ErrWrongCode) && n > 4 {
					t.Errorf("flip at %d of message %d: got %v, want no guess", at, n, err)
				}
				if n == 4 && at > 0 && !errors.Is(err, ErrWrongCode) {
					t.Errorf("flip at %d of the host's tag: got %v, want ErrWrongCode at once", at, err)
				}
			}
		}
	}
	t.Logf("%d attacks", runs)
}

// TestM4Reordered: two messages of one direction change places, wherever two follow each other.
func TestM4Reordered(t *testing.T) {
	for n := range overhear(t, "attacked") {
		var held []parcel
		swapped := false
		k := newTalk(t, "attacked").carry(func(i int, p parcel) []parcel {
			if i == n {
				held = []parcel{p}
				return nil
			}
			if len(held) == 0 || p.toHost != held[0].toHost {
				return []parcel{p}
			}
			both := []parcel{p, held[0]}
			held, swapped = nil, true
			return both
		})
		if swapped {
			k.check(t, fmt.Sprintf("message %d after its next", n))
		} else if k.met() {
			t.Errorf("message %d held back: a session came about", n)
		}
	}
}

// TestM4Spliced: from some message on, one side is answered out of another run with the same secret, whole.
func TestM4Spliced(t *testing.T) {
	other := overhear(t, "another run")
	for n := range other {
		for _, toHost := range []bool{false, true} {
			changed := false
			k := newTalk(t, "attacked").carry(func(i int, p parcel) []parcel {
				if i >= n && i < len(other) && p.toHost == toHost && other[i].toHost == toHost {
					changed = true
					return []parcel{other[i]}
				}
				return []parcel{p}
			})
			if changed {
				k.check(t, fmt.Sprintf("to the host %v, spliced from message %d", toHost, n))
			}
		}
	}
}

// TestM4ByChance: many things at once, drawn.
func TestM4ByChance(t *testing.T) {
	other := overhear(t, "another run")
	met := 0
	runs := threat.Times(300, 30_000)
	for seed := range runs {
		r := rand.New(rand.NewPCG(uint64(seed), 4))
		touched := false
		k := newTalk(t, "attacked").carry(func(i int, p parcel) []parcel {
			if i == talkMessages-1 || r.IntN(6) > 0 { // after the last all has been said
				return []parcel{p}
			}
			touched = true
			m := bytes.Clone(p.data)
			switch r.IntN(6) {
			case 0:
				return nil
			case 1:
				return []parcel{p, {p.toHost, m}}
			case 2:
				m[r.IntN(len(m))] ^= byte(1 + r.IntN(255))
			case 3:
				m = m[:r.IntN(len(m))]
			case 4:
				m = other[r.IntN(len(other))].data
			case 5:
				return []parcel{{!p.toHost, m}, p}
			}
			return []parcel{{p.toHost, m}}
		})
		switch {
		case touched:
			k.check(t, fmt.Sprintf("seed %d", seed))
		case k.met():
			met++
		}
	}
	if met == 0 {
		t.Errorf("none of %d runs was left alone, so nothing shows that one would have come about", runs)
	}
}

// TestM1SealedDescriptions: of all that a relay puts in the place of a description, nothing is ever read.
func TestM1SealedDescriptions(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	theirs := newTalk(t, "theirs").carry(nil)
	for seed := range threat.Times(200, 10_000) {
		atHost := seed%2 == 0
		k := newTalk(t, fmt.Sprint("attacked ", seed)).carry(func(n int, p parcel) []parcel {
			if n <= decisionMessage || p.toHost != atHost {
				return []parcel{p}
			}
			switch r.IntN(3) {
			case 0: // in clear, as plain WebRTC carries it
				return []parcel{{p.toHost, append([]byte{byte(framePayload) | 1}, "offer"...)}}
			case 1: // sealed with keys of an introduction of its own
				theirs.guest.out.counter = 0
				m, err := theirs.guest.Seal(1, []byte("offer"))
				if err != nil {
					t.Fatal(err)
				}
				return []parcel{{p.toHost, m}}
			}
			m := make([]byte, 1+r.IntN(200))
			for i := range m {
				m[i] = byte(r.Uint32())
			}
			m[0] |= byte(framePayload)
			return []parcel{{p.toHost, m}}
		})
		if atHost && len(k.hostGot) > 0 || !atHost && len(k.guestGot) > 1 || !errors.Is(k.err, ErrProtocol) {
			t.Fatalf("seed %d: the guest read %q, the host %q, %v", seed, k.guestGot, k.hostGot, k.err)
		}
	}
}

// TestM6CrossWired: a guest is led to another host, a host to itself or to another host, a guest to itself.
func TestM6CrossWired(t *testing.T) {
	a := newPair(t, "a")
	b := newPair(t, "b", func(g *GuestConfig, h *HostConfig) {
		g.Secret = []byte{9, 9, 9, 9}
		h.Lookup = func(Kind, string) ([]byte, bool) { return []byte{9, 9, 9, 9}, true }
	})
	crossed := &pair{guest: a.guest, host: b.host, greet: b.greet}
	if err := crossed.run(nil); !errors.Is(err, ErrWrongCode) {
		t.Errorf("a guest at another host: got %v, want ErrWrongCode", err)
	}
	// Another room with the same secret, which chance may draw.
	a = newPair(t, "a")
	b = newPair(t, "b", func(g *GuestConfig, h *HostConfig) { g.Room, h.Room = "0000", "0000" })
	crossed = &pair{guest: a.guest, host: b.host, greet: b.greet}
	if err := crossed.run(nil); !errors.Is(err, ErrWrongCode) {
		t.Errorf("a guest at another room's host: got %v, want ErrWrongCode", err)
	}
	for what, other := range map[string]*pair{"itself": a, "another host": newPair(t, "c")} {
		if _, err := newPair(t, "a").host.Step(other.greet); !errors.Is(err, ErrProtocol) {
			t.Errorf("a host at %s: got %v, want ErrProtocol", what, err)
		}
	}
	// What a guest says comes back to it as if a host had said it, in the form that a host would give it.
	p := newPair(t, "a")
	share := step(t, p.guest.Step, p.greet)
	reply := slices.Concat([]byte{byte(frameReply)}, share[2+nonceSize:2+nonceSize+pointSize], lvCat([]byte{0, 1}, []byte{0, 1}))
	proof := step(t, p.guest.Step, reply)
	proof[0] = byte(frameConfirm)
	if _, err := p.guest.Step(proof); !errors.Is(err, ErrWrongCode) {
		t.Errorf("a guest at itself: got %v, want ErrWrongCode", err)
	}
}

// TestM6ContextIsBound: who talks to whom about what is in the generator. Each field counts, and none can pass for another.
func TestM6ContextIsBound(t *testing.T) {
	const want = "\x09earshot/1\x05guest\x04host\x04code\x04A4X9"
	if got := contextInfo(KindCode, "A4X9"); string(got) != want {
		t.Errorf("CI is %q, want %q", got, want)
	}
	sid := bytes.Repeat([]byte{1}, 2*nonceSize)
	seen := map[string]string{}
	for _, ci := range [][]byte{
		[]byte(want), contextInfo(KindLink, "A4X9"), contextInfo(KindResume, "A4X9"), contextInfo(KindCode, "A4X8"),
		lvCat([]byte(protocolName), []byte("host"), []byte("guest"), []byte("code"), []byte("A4X9")),
		lvCat([]byte(protocolName), []byte("guest"), []byte("host"), []byte("codeA4X9"), nil),
	} {
		g, err := cpaceGenerator(testSecret, ci, sid)
		if err != nil {
			t.Fatal(err)
		}
		if same, ok := seen[string(g.Bytes())]; ok {
			t.Errorf("%q and %q have one generator", ci, same)
		}
		seen[string(g.Bytes())] = string(ci)
	}
}

// nonceThen gives other bytes than a stream only at the start, where the nonces are drawn: the randomness of a machine that
// was set back to a snapshot.
type nonceThen struct {
	nonce []byte
	rest  io.Reader
}

func (n *nonceThen) Read(p []byte) (int, error) {
	if len(n.nonce) > 0 {
		k := copy(p, n.nonce)
		n.nonce = n.nonce[k:]
		return k, nil
	}
	return n.rest.Read(p)
}

// TestM4SessionIDIsFresh: even where both draw the same scalars again, one new nonce of either makes everything that was
// recorded worthless.
func TestM4SessionIDIsFresh(t *testing.T) {
	again := func(guestNonce, hostNonce byte) *talk {
		return newTalk(t, "", func(g *GuestConfig, h *HostConfig) {
			g.Random = &nonceThen{bytes.Repeat([]byte{guestNonce}, nonceSize), newStream("the same guest")}
			h.Random = &nonceThen{bytes.Repeat([]byte{hostNonce}, nonceSize), newStream("the same host")}
		})
	}
	var recorded []parcel
	if k := again(1, 2).carry(func(_ int, p parcel) []parcel {
		recorded = append(recorded, p)
		return []parcel{p}
	}); !k.met() {
		t.Fatal(k.err)
	}
	replay := again(1, 3).carry(func(n int, p parcel) []parcel { // the guest of before, to a host that begins anew
		if p.toHost {
			return []parcel{{true, recorded[n].data}}
		}
		return []parcel{p}
	})
	if replay.check(t, "a replay to the host"); !errors.Is(replay.err, ErrWrongCode) {
		t.Errorf("a replay to the host: got %v, want ErrWrongCode", replay.err)
	}
	for n := 3; n < talkMessages; n++ { // the host's tag or anything after it, in a run in which the guest's nonce is new
		k := again(4, 2).carry(func(i int, p parcel) []parcel {
			if i == n {
				return []parcel{{p.toHost, recorded[n].data}}
			}
			return []parcel{p}
		})
		k.check(t, fmt.Sprintf("message %d of before", n))
	}
	// The positive control: with nothing new, what was recorded is what is said.
	if k := again(1, 2).carry(func(n int, p parcel) []parcel { return []parcel{{p.toHost, recorded[n].data}} }); !k.met() {
		t.Errorf("the same run again: %v", k.err)
	}
}

// TestM3Digits: someone in the middle who knows the code has two introductions; their digits differ, but for the millionth
// that agrees by chance.
func TestM3Digits(t *testing.T) {
	runs := threat.Times(20_000, 1_000_000)
	random := rand.New(rand.NewPCG(3, 3))
	draw := func(b []byte) {
		for i := 0; i < len(b); i += 8 {
			binary.LittleEndian.PutUint64(b[i:], random.Uint64())
		}
	}
	same := 0
	var first [10]int
	for range runs {
		var guest, host [32]byte // passed on as they are, so that only the keys differ
		draw(guest[:])
		draw(host[:])
		var digits [2]string
		for i := range digits {
			s := &side{transcript: sha256.New()}
			draw(s.keys.check[:])
			s.decide(guest[:], host[:nonceSize])
			digits[i] = s.Check()
		}
		first[digits[0][0]-'0']++
		if digits[0] == digits[1] {
			same++
		}
	}
	// One in a million is expected; more than ten of a million happen once in 10⁸ times.
	if most := 10 * runs / 1_000_000; same > most {
		t.Errorf("%d of %d runs had the same digits, want at most %d", same, runs, most)
	}
	for digit, n := range first {
		if n < runs/10*9/10 || n > runs/10*11/10 {
			t.Errorf("%d of %d begin with %d, want a tenth", n, runs, digit)
		}
	}
	t.Logf("%d of %d runs had the same digits", same, runs)
}

// TestM3Grinding: who may choose its part after it has seen the other's finds one that makes the digits agree; the host
// refuses it, since another was committed to.
func TestM3Grinding(t *testing.T) {
	toHost, toGuest := newPair(t, "to the host"), newPair(t, "to the guest")
	if err := toGuest.run(nil); err != nil {
		t.Fatal(err)
	}
	want := toGuest.guest.Check() // what the real guest's human sees
	tail := threat.Times(3, 6)    // as many digits as are made to agree
	tries := 0
	err := toHost.run(func(n int, m []byte) []byte {
		if n != 7 { // the reveal
			return m
		}
		var nonce [revealSize]byte
		for trial := (&side{transcript: sha256.New()}); ; tries++ {
			binary.BigEndian.PutUint64(nonce[:], uint64(tries))
			trial.keys.check = toHost.guest.keys.check
			trial.decide(nonce[:], toHost.host.hostNonce[:])
			if trial.Check()[6-tail:] == want[6-tail:] {
				break
			}
		}
		toHost.guest.out.counter--
		ground, err := toHost.guest.out.seal(frameReveal, nonce[:])
		if err != nil {
			t.Fatal(err)
		}
		return ground
	})
	if !errors.Is(err, ErrProtocol) || toHost.host.Check() != "" {
		t.Errorf("found after %d tries: got %v, digits %q, want ErrProtocol and none", tries, err, toHost.host.Check())
	}
	t.Logf("%d digits found after %d tries", tail, tries)
}

// TestM2MatchmakerAsHost: one who poses as the host without the secret learns one bit from a guest, and then it is over.
func TestM2MatchmakerAsHost(t *testing.T) {
	for i := range threat.Times(100, 2000) {
		p := newPair(t, fmt.Sprint(i), func(_ *GuestConfig, h *HostConfig) {
			h.Lookup = func(Kind, string) ([]byte, bool) { return []byte{0, 0, byte(i >> 8), byte(i)}, true }
		})
		proof := step(t, p.guest.Step, step(t, p.host.Step, step(t, p.guest.Step, p.greet)))
		// It can't know whether its guess was right before it has to answer; it answers as if.
		if !bytes.Equal(proof[1:], p.host.wantTag) {
			r, err := p.guest.Step(append([]byte{byte(frameConfirm)}, p.host.ownTag...))
			if !errors.Is(err, ErrWrongCode) || p.guest.State() != Ended || len(r.Send) > 2 {
				t.Fatalf("guess %d: got %v in %v", i, err, p.guest.State())
			}
		}
		if _, err := p.guest.Step(p.greet); !errors.Is(err, ErrEnded) {
			t.Fatalf("guess %d: the guest goes on: %v", i, err)
		}
	}
}

// secretsIn finds which of the given bytes are anywhere in what a value leads to.
func secretsIn(v any, secrets map[string][]byte) (found []string) {
	seen := map[uintptr]bool{}
	var look func(reflect.Value)
	look = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer, reflect.Interface:
			if v.IsNil() || v.Kind() == reflect.Pointer && seen[v.Pointer()] {
				return
			}
			if v.Kind() == reflect.Pointer {
				seen[v.Pointer()] = true
			}
			look(v.Elem())
		case reflect.Struct:
			for i := range v.NumField() {
				look(v.Field(i))
			}
		case reflect.String:
			for name, s := range secrets {
				if len(s) > 0 && bytes.Contains([]byte(v.String()), s) {
					found = append(found, name)
				}
			}
		case reflect.Slice, reflect.Array:
			if v.Type().Elem().Kind() != reflect.Uint8 {
				for i := range v.Len() {
					look(v.Index(i))
				}
				return
			}
			b := make([]byte, v.Len())
			for i := range b {
				b[i] = byte(v.Index(i).Uint())
			}
			for name, s := range secrets {
				if len(s) > 0 && bytes.Contains(b, s) {
					found = append(found, name)
				}
			}
		}
	}
	look(reflect.ValueOf(v))
	return found
}

// TestN1KeysAreForgotten: when an introduction is over, however it ended, neither side holds anything with which what was
// recorded could be read.
func TestN1KeysAreForgotten(t *testing.T) {
	secretOf := func(p *pair) map[string][]byte {
		all := map[string][]byte{"the host's copy of the code": bytes.Clone(p.host.secret), "ISK": bytes.Clone(p.host.isk)}
		for name, k := range map[string][keySize]byte{"g2h": p.guest.keys.guestToHost, "h2g": p.guest.keys.hostToGuest,
			"bind": p.guest.keys.binding, "check": p.guest.keys.check, "resume": p.guest.keys.resume,
			"link g2h": p.guest.keys.linkToHost, "link h2g": p.guest.keys.linkToGuest} {
			all[name] = k[:]
		}
		maps.DeleteFunc(all, func(_ string, b []byte) bool { return bytes.Count(b, []byte{0}) == len(b) })
		return all
	}
	fixed := ed25519.NewKeyFromSeed([]byte("a session key seed of 32 bytes.."))
	check := func(what string, end func(p *pair)) {
		t.Helper()
		p := newPair(t, "", func(g *GuestConfig, h *HostConfig) {
			g.Secret, g.Random = bytes.Clone(testSecret), newStream("guest")
			h.Key, h.Lookup = fixed, func(Kind, string) ([]byte, bool) { return testSecret, true }
		})
		secrets := map[string][]byte{}
		err := p.run(func(n int, m []byte) []byte {
			maps.Copy(secrets, secretOf(p))
			if n == 3 && what == "a wrong code" { // the guest's proof
				m[1] ^= 1
			}
			return m
		})
		if what != "a wrong code" && err != nil || len(secrets) != 9 {
			t.Fatalf("after %s: %d secrets, %v", what, len(secrets), err)
		}
		end(p)
		if p.guest.scalar != nil {
			t.Errorf("after %s the guest still has its scalar", what)
		}
		p.host.cfg.Lookup = nil // the caller's, who goes on sharing
		for who, s := range map[string]any{"guest": p.guest, "host": p.host} {
			for _, name := range secretsIn(s, secrets) {
				t.Errorf("after %s the %s still has %s", what, who, name)
			}
		}
	}
	check("the link is bound", func(p *pair) {
		admitted, err := p.host.Admit(nil)
		if err != nil {
			t.Fatal(err)
		}
		step(t, p.guest.Step, admitted)
		if found := secretsIn(p.guest, secretOf(p)); len(found) < 7 { // the search finds what is there
			t.Errorf("before the end the guest has %q, want its keys", found)
		}
		p.guest.End()
		p.host.End()
	})
	check("a refusal", func(p *pair) {
		refused, err := p.host.Refuse(nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = p.guest.Step(refused)
	})
	check("a wrong code", func(p *pair) { p.guest.End() })
	check("breaking off", func(p *pair) {
		p.guest.Abort(CauseLeft)
		p.host.Abort(CauseLeft)
		p.guest.End()
	})
}
