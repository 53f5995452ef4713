package introduction

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// messagesUntilDecision is how many messages an honest introduction has before the host's human decides.
const messagesUntilDecision = 8

// record runs an honest introduction and gives its messages.
func record(t testing.TB, seed string, options ...pairOption) [][]byte {
	t.Helper()
	var messages [][]byte
	p := newPair(t, seed, options...)
	if err := p.run(func(_ int, m []byte) []byte {
		messages = append(messages, bytes.Clone(m))
		return m
	}); err != nil {
		t.Fatal(err)
	}
	if len(messages) != messagesUntilDecision {
		t.Fatalf("an introduction has %d messages, want %d", len(messages), messagesUntilDecision)
	}
	return messages
}

// What goes over the wire, and the digits, are fixed for this version: two daemons of different age must understand each
// other. Who changes this on purpose takes another protocolName.
func TestTranscriptIsFixed(t *testing.T) {
	messages := bytes.Join(record(t, "fixed"), nil)
	p := newPair(t, "fixed")
	p.meet(t)
	_, hint, err := p.host.ResumeSecret()
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%x %s %s", sha256.Sum256(messages), p.host.Check(), hint)
	const want = "3d58396f91fd0548d3d11133d3ff192406223fd8e27de02f44b80c931efdda64 189747 6BVQXNH5X50D5WR2324JXABZ98"
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestM2WrongSecret(t *testing.T) {
	p := newPair(t, "", func(g *GuestConfig, _ *HostConfig) { g.Secret = []byte{0, 0, 0, 1} })
	var last []byte
	err := p.run(func(_ int, m []byte) []byte { last = m; return m })
	if !errors.Is(err, ErrWrongCode) || p.host.State() != Ended || frameType(last[0]) != frameProve {
		t.Fatalf("host: got %v in %v after message %d, want ErrWrongCode after the proof", err, p.host.State(), last[0])
	}
	p = newPair(t, "", func(g *GuestConfig, _ *HostConfig) { g.Secret = []byte{0, 0, 0, 1} })
	share := step(t, p.guest.Step, p.greet)
	proof := step(t, p.guest.Step, step(t, p.host.Step, share))
	r, err := p.host.Step(proof)
	if !errors.Is(err, ErrWrongCode) || !bytes.Equal(r.Send, []byte{byte(frameAbort), byte(CauseWrong)}) {
		t.Fatalf("host: got %v, sends %x; want an abort that says no more than wrong", err, r.Send)
	}
	if r, err := p.guest.Step(r.Send); !errors.Is(err, ErrWrongCode) || r.Send != nil || p.guest.State() != Ended {
		t.Errorf("guest: got %v, sends %x", err, r.Send)
	}
	if _, err := p.guest.Step(p.greet); !errors.Is(err, ErrEnded) {
		t.Errorf("guest after the end: got %v, want ErrEnded", err)
	}
}

func step(t testing.TB, do func([]byte) (Result, error), message []byte) []byte {
	t.Helper()
	r, err := do(message)
	if err != nil {
		t.Fatal(err)
	}
	return r.Send
}

// Any of the things that the two must agree on, if they differ, is like a wrong secret: room and kind are in CI.
func TestM6Disagreement(t *testing.T) {
	for what, option := range map[string]pairOption{
		"room":   func(g *GuestConfig, _ *HostConfig) { g.Room = "0000" },
		"kind":   func(g *GuestConfig, _ *HostConfig) { g.Kind = KindLink },
		"secret": func(g *GuestConfig, _ *HostConfig) { g.Secret = nil },
	} {
		p := newPair(t, what, option)
		err := p.run(func(n int, m []byte) []byte {
			if what == "kind" && n == 1 {
				m[1] = byte(KindCode) // the relay changes what the host is told
			}
			return m
		})
		if !errors.Is(err, ErrWrongCode) {
			t.Errorf("another %s: got %v, want ErrWrongCode", what, err)
		}
	}
}

// What breaks off, or claims to be wrong, is not counted.
func TestM2NoGuess(t *testing.T) {
	check := func(what string, err error, want error) {
		t.Helper()
		if !errors.Is(err, want) || errors.Is(err, ErrWrongCode) {
			t.Errorf("%s: got %v, want %v", what, err, want)
		}
	}
	for cause := range Cause(20) {
		for n := 1; n < messagesUntilDecision; n += 2 {
			err := newPair(t, "abort").run(func(i int, m []byte) []byte {
				if i == n {
					return []byte{byte(frameAbort), byte(cause)}
				}
				return m
			})
			check(fmt.Sprintf("abort %v at message %d", cause, n), err, ErrAborted)
		}
	}
	err := newPair(t, "void", func(_ *GuestConfig, h *HostConfig) {
		h.Lookup = func(Kind, string) ([]byte, bool) { return nil, false }
	}).run(nil)
	check("no such secret", err, ErrVoid)
	err = newPair(t, "version", func(g *GuestConfig, _ *HostConfig) { g.Versions = []uint16{7} }).run(nil)
	check("no common version", err, ErrVersion)
}

// A host tells its guest why; a guest believes "wrong" of the relay too, which is what its sentence says.
func TestAbortAtTheGuest(t *testing.T) {
	for cause, want := range map[Cause]error{
		CauseWrong: ErrWrongCode, CauseVoid: ErrVoid, CauseVersion: ErrVersion, CauseBusy: ErrAborted, 99: ErrAborted,
	} {
		p := newPair(t, "")
		r, err := p.guest.Step([]byte{byte(frameAbort), byte(cause)})
		if !errors.Is(err, want) || r.Cause != cause || r.Send != nil || p.guest.State() != Ended {
			t.Errorf("abort %v: got %v, %+v, want %v", cause, err, r, want)
		}
	}
}

// Introductions that begin together have no more guesses than one after the other: however many reach the proof, the
// counter is asked again there.
func TestM2ParallelGuesses(t *testing.T) {
	var guesses Guesses
	right := testSecret
	lookup := func(Kind, string) ([]byte, bool) { return right, !guesses.Burnt() }
	const strangers = 10
	hosts, proofs := make([]*Host, strangers+1), make([][]byte, strangers+1)
	for i := range hosts {
		p := newPair(t, fmt.Sprint(i), func(g *GuestConfig, h *HostConfig) {
			h.Lookup = lookup
			if i < strangers {
				g.Secret = []byte{0, 0, 0, byte(i)}
			}
		})
		hosts[i] = p.host
		proofs[i] = step(t, p.guest.Step, step(t, p.host.Step, step(t, p.guest.Step, p.greet)))
	}
	for i, h := range hosts {
		_, err := h.Step(proofs[i])
		want := ErrWrongCode
		if i >= GuessesPerCode {
			want = ErrVoid
		}
		if !errors.Is(err, want) {
			t.Errorf("proof %d: got %v, want %v", i, err, want)
		}
		if errors.Is(err, ErrWrongCode) {
			guesses.Wrong(h.Kind())
		}
	}
	if guesses.Count() != GuessesPerCode {
		t.Errorf("counted %d guesses, want %d", guesses.Count(), GuessesPerCode)
	}
}

// A code that was replaced while an introduction was under way is void, and not a wrong one.
func TestM2ReplacedSecret(t *testing.T) {
	secret := testSecret
	p := newPair(t, "", func(_ *GuestConfig, h *HostConfig) {
		h.Lookup = func(Kind, string) ([]byte, bool) { return secret, true }
	})
	proof := step(t, p.guest.Step, step(t, p.host.Step, step(t, p.guest.Step, p.greet)))
	secret = []byte{9, 9, 9, 9}
	if _, err := p.host.Step(proof); !errors.Is(err, ErrVoid) {
		t.Errorf("got %v, want ErrVoid", err)
	}
}

// Someone in the middle who knows the code has two introductions, and the humans see different digits.
func TestM3DigitsDiffer(t *testing.T) {
	same := 0
	for i := range 50 {
		toHost := newPair(t, fmt.Sprintf("to the host %d", i))
		toGuest := newPair(t, fmt.Sprintf("to the guest %d", i), func(_ *GuestConfig, h *HostConfig) {
			h.Key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(i)}, 32))
		})
		if err := errors.Join(toHost.run(nil), toGuest.run(nil)); err != nil {
			t.Fatal(err)
		}
		if toHost.host.Check() == toGuest.guest.Check() {
			same++
		}
	}
	if same > 0 {
		t.Errorf("%d of 50 had the same digits on both sides", same)
	}
}

// The guest's part of the digits is fixed before it knows the host's: another reveal than the one committed to is refused.
func TestM3Commitment(t *testing.T) {
	p := newPair(t, "")
	err := p.run(func(n int, m []byte) []byte {
		if n != 7 {
			return m
		}
		// A guest that knows all keys, like someone in the middle, and chose another value after the welcome.
		p.guest.out.counter--
		other, err := p.guest.out.seal(frameReveal, bytes.Repeat([]byte{7}, revealSize))
		if err != nil {
			t.Fatal(err)
		}
		return other
	})
	if !errors.Is(err, ErrProtocol) || p.host.Check() != "" {
		t.Errorf("another reveal: got %v, digits %q; want ErrProtocol and none", err, p.host.Check())
	}
}

// Everyone who has a link knows its secret, but not the host's key.
func TestM6WrongHost(t *testing.T) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	link := func(g *GuestConfig, h *HostConfig) {
		g.Kind, g.HostHash = KindLink, HostHash(key.Public().(ed25519.PublicKey))
	}
	if err := newPair(t, "", link).run(nil); !errors.Is(err, ErrWrongHost) {
		t.Errorf("another host: got %v, want ErrWrongHost", err)
	}
	err := newPair(t, "", link, func(_ *GuestConfig, h *HostConfig) { h.Key = key }).run(nil)
	if err != nil {
		t.Errorf("the right host: got %v", err)
	}
	// Its public key without the private one: the signature is of this introduction.
	stolen := ed25519.PrivateKey(slices.Concat(bytes.Repeat([]byte{2}, 32), key[32:]))
	err = newPair(t, "", link, func(_ *GuestConfig, h *HostConfig) { h.Key = stolen }).run(nil)
	if !errors.Is(err, ErrProtocol) {
		t.Errorf("stolen public key: got %v, want ErrProtocol", err)
	}
}

// The newest common version is chosen, and no one in between can make it an older one.
func TestM5Downgrade(t *testing.T) {
	both := func(g *GuestConfig, h *HostConfig) { g.Versions, h.Versions = []uint16{3, 1, 2}, []uint16{2, 1, 9} }
	p := newPair(t, "", both)
	if err := p.run(nil); err != nil || p.guest.Version() != 2 || p.host.Version() != 2 {
		t.Errorf("got %d and %d, %v, want 2", p.guest.Version(), p.host.Version(), err)
	}
	err := newPair(t, "", both).run(func(n int, m []byte) []byte {
		if n == 1 { // lv(1, 2, 3) at the end becomes lv(1)
			m = append(m[:len(m)-7], 2, 0, 1)
		}
		return m
	})
	if err == nil {
		t.Error("the relay chose an older version for both")
	}
	p = newPair(t, "", both)
	reply := bytes.Clone(step(t, p.host.Step, step(t, p.guest.Step, p.greet)))
	reply[len(reply)-1] = 1 // a host, or who relays, that chooses an older one than both speak
	if r, err := p.guest.Step(reply); !errors.Is(err, ErrProtocol) || frameType(r.Send[0]) != frameAbort {
		t.Errorf("an older version chosen: got %v, sends %x, want ErrProtocol and an abort", err, r.Send)
	}
	for _, versions := range [][]uint16{{}, make([]uint16, maxVersions+1)} {
		if _, err := NewGuest(GuestConfig{Versions: versions}); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%d versions: got %v", len(versions), err)
		}
		if _, _, err := NewHost(HostConfig{Versions: versions}); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%d versions: got %v", len(versions), err)
		}
	}
}

// The matchmaker must see neither names nor anything else that was said.
func TestM10NothingInClear(t *testing.T) {
	all := bytes.Join(record(t, "", func(g *GuestConfig, h *HostConfig) {
		g.Hello = Hello{Name: "canary-name", Client: "canary-client", Role: "canary-role", Extra: []byte("canary-extra")}
		h.Name, h.Extra = "canary-host", []byte("canary-more")
	}), nil)
	if i := bytes.Index(all, []byte("canary")); i >= 0 {
		t.Errorf("in clear: %q", all[i:i+12])
	}
	if bytes.Contains(all, testSecret) {
		t.Error("the secret is in clear")
	}
}

func TestRefusal(t *testing.T) {
	p := newPair(t, "")
	if _, err := p.host.Refuse(nil); !errors.Is(err, ErrTooEarly) {
		t.Errorf("refuse at once: got %v, want ErrTooEarly", err)
	}
	if err := p.run(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := p.host.Admit(make([]byte, MaxDecision+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("admit with too much: got %v, want ErrTooLarge", err)
	}
	refused, err := p.host.Refuse([]byte("not now"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.guest.Step(refused)
	if !errors.Is(err, ErrRefused) || string(r.Payload) != "not now" || r.Send != nil {
		t.Errorf("refused: got %v, %q", err, r.Payload)
	}
	if _, err := p.host.Admit(nil); !errors.Is(err, ErrEnded) {
		t.Errorf("admit after refusing: got %v, want ErrEnded", err)
	}
}

// The decision can be neither forged nor turned round.
func TestM4ForgedDecision(t *testing.T) {
	for _, change := range []func(*pair, []byte) []byte{
		func(_ *pair, m []byte) []byte { m[0] = byte(frameAdmitted); return m },
		func(_ *pair, m []byte) []byte { m[len(m)-1] ^= 1; return m },
		func(_ *pair, m []byte) []byte { return m[:1] },
		func(_ *pair, m []byte) []byte { m[0] = byte(framePayload); return m },
		func(p *pair, _ []byte) []byte { // from a host that keeps no limit
			far, err := newBox(p.guest.keys.hostToGuest, "h2g", p.guest.sid)
			if err != nil {
				t.Fatal(err)
			}
			far.counter = p.guest.in.counter
			m, err := far.seal(frameAdmitted, make([]byte, MaxDecision+1))
			if err != nil {
				t.Fatal(err)
			}
			return m
		},
	} {
		p := newPair(t, "")
		if err := p.run(nil); err != nil {
			t.Fatal(err)
		}
		refused, err := p.host.Refuse(nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.guest.Step(change(p, refused)); !errors.Is(err, ErrProtocol) || p.guest.State() != Ended {
			t.Errorf("forged decision: got %v in %v, want ErrProtocol", err, p.guest.State())
		}
	}
}

func TestSealAndOpen(t *testing.T) {
	p := newPair(t, "")
	p.meet(t)
	for i := range 3 {
		for _, way := range [][2]*side{{&p.guest.side, &p.host.side}, {&p.host.side, &p.guest.side}} {
			want := []byte(strings.Repeat("x", i))
			message, err := way[0].Seal(byte(i), want)
			if err != nil {
				t.Fatal(err)
			}
			kind, got, err := way[1].Open(message)
			if err != nil || kind != byte(i) || !bytes.Equal(got, want) {
				t.Fatalf("open: got %d %q %v, want %d %q", kind, got, err, i, want)
			}
		}
	}
	largest, err := p.guest.Seal(MaxKind, make([]byte, MaxPayload))
	if err != nil || len(largest) != MaxSealed {
		t.Fatalf("the largest: %d bytes, %v, want %d", len(largest), err, MaxSealed)
	}
	if _, _, err := p.host.Open(largest); err != nil {
		t.Fatal(err)
	}
	if _, err := p.guest.Seal(0, make([]byte, MaxPayload+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("one byte too many: got %v, want ErrTooLarge", err)
	}
	if _, err := p.guest.Seal(MaxKind+1, nil); !errors.Is(err, ErrTooLarge) {
		t.Errorf("kind %d: got %v, want ErrTooLarge", MaxKind+1, err)
	}
}

func TestM4AfterAdmission(t *testing.T) {
	check := func(what string, meddle func(p *pair, first, second []byte) []byte) {
		t.Helper()
		p := newPair(t, "")
		p.meet(t)
		first, err1 := p.guest.Seal(1, []byte("first"))
		second, err2 := p.guest.Seal(1, []byte("second"))
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		if _, _, err := p.host.Open(meddle(p, first, second)); !errors.Is(err, ErrProtocol) && !errors.Is(err, ErrAborted) {
			t.Errorf("%s: got %v, want the end", what, err)
		}
		if _, _, err := p.host.Open(first); !errors.Is(err, ErrEnded) {
			t.Errorf("%s, then the right one: got %v, want ErrEnded", what, err)
		}
		if _, err := p.host.Seal(1, nil); !errors.Is(err, ErrEnded) {
			t.Errorf("%s, then seal: got %v, want ErrEnded", what, err)
		}
	}
	check("gap", func(_ *pair, _, second []byte) []byte { return second })
	check("repeat", func(p *pair, first, _ []byte) []byte {
		if _, _, err := p.host.Open(first); err != nil {
			t.Fatal(err)
		}
		return first
	})
	check("reflection", func(p *pair, _, _ []byte) []byte {
		own, err := p.host.Seal(1, []byte("own"))
		if err != nil {
			t.Fatal(err)
		}
		return own
	})
	check("another kind", func(_ *pair, first, _ []byte) []byte { first[0]++; return first })
	check("nothing", func(*pair, []byte, []byte) []byte { return nil })
	check("too large", func(p *pair, _, _ []byte) []byte {
		p.guest.out.counter -= 2
		message, err := p.guest.out.seal(framePayload, make([]byte, MaxPayload+1))
		if err != nil {
			t.Fatal(err)
		}
		return message
	})
	check("abort", func(*pair, []byte, []byte) []byte { return []byte{byte(frameAbort), byte(CauseLeft)} })
	for at := range 1 + len("first") + sealOverhead {
		check(fmt.Sprintf("flip at %d", at), func(_ *pair, first, _ []byte) []byte { first[at] ^= 1; return first })
	}
}

func TestM1Binding(t *testing.T) {
	p := newPair(t, "")
	guestCert, hostCert := [32]byte{1}, [32]byte{2}
	if _, err := p.guest.Binding(RoleGuest, guestCert, hostCert); !errors.Is(err, ErrTooEarly) {
		t.Errorf("binding at once: got %v, want ErrTooEarly", err)
	}
	if err := p.host.VerifyBinding(RoleGuest, guestCert, hostCert, nil); !errors.Is(err, ErrTooEarly) {
		t.Errorf("verify at once: got %v, want ErrTooEarly", err)
	}
	if _, _, err := p.guest.LinkKeys(); !errors.Is(err, ErrTooEarly) {
		t.Errorf("link keys at once: got %v, want ErrTooEarly", err)
	}
	p.meet(t)
	guestTag, err := p.guest.Binding(RoleGuest, guestCert, hostCert)
	if err != nil {
		t.Fatal(err)
	}
	hostTag, err := p.guest.Binding(RoleHost, guestCert, hostCert)
	if err != nil || hostTag == guestTag {
		t.Errorf("both directions have the tag %x, %v", hostTag, err)
	}
	check := func(what string, got []byte, guestCert, hostCert [32]byte, want error) {
		t.Helper()
		if err := p.host.VerifyBinding(RoleGuest, guestCert, hostCert, got); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", what, err, want)
		}
	}
	check("the right one", guestTag[:], guestCert, hostCert, nil)
	check("reflected", hostTag[:], guestCert, hostCert, ErrProtocol)
	check("another guest certificate", guestTag[:], [32]byte{3}, hostCert, ErrProtocol)
	check("another host certificate", guestTag[:], guestCert, [32]byte{3}, ErrProtocol)
	check("exchanged certificates", guestTag[:], hostCert, guestCert, ErrProtocol)
	check("short", guestTag[:31], guestCert, hostCert, ErrProtocol)
	check("nothing", nil, guestCert, hostCert, ErrProtocol)
	out, in, err := p.guest.LinkKeys()
	hostOut, hostIn, hostErr := p.host.LinkKeys()
	if out != hostIn || in != hostOut || out == in || out == [32]byte{} || in == [32]byte{} || errors.Join(err, hostErr) != nil {
		t.Errorf("link keys: got %x, %x and %x, %x: %v", out, in, hostOut, hostIn, errors.Join(err, hostErr))
	}
	if _, _, err := p.host.LinkKeys(); !errors.Is(err, ErrSpent) {
		t.Errorf("link keys again: got %v, want ErrSpent", err)
	}
}

// A resume secret brings the two together again, once: the next introduction has another.
func TestN1Resume(t *testing.T) {
	p := newPair(t, "")
	if _, _, err := p.guest.ResumeSecret(); !errors.Is(err, ErrTooEarly) {
		t.Errorf("resume secret at once: got %v, want ErrTooEarly", err)
	}
	p.meet(t)
	secret, hint, err := p.guest.ResumeSecret()
	hostSecret, hostHint, hostErr := p.host.ResumeSecret()
	if errors.Join(err, hostErr) != nil || !bytes.Equal(secret, hostSecret) || hint != hostHint || len(secret) != 32 {
		t.Fatalf("resume: got %x %s and %x %s", secret, hint, hostSecret, hostHint)
	}
	known := map[string][]byte{hint: hostSecret}
	again := newPair(t, "again", func(g *GuestConfig, h *HostConfig) {
		g.Kind, g.Secret, g.Hint = KindResume, secret, hint
		g.HostHash = HostHash(p.guest.Host().Key)
		h.Lookup = func(kind Kind, hint string) ([]byte, bool) {
			secret, ok := known[hint]
			return secret, ok && kind == KindResume
		}
	})
	again.meet(t)
	if again.host.Kind() != KindResume || again.host.Hint() != hint {
		t.Errorf("the host sees %v %s", again.host.Kind(), again.host.Hint())
	}
	if next, _, err := again.guest.ResumeSecret(); err != nil || bytes.Equal(next, secret) {
		t.Errorf("the next resume secret is the same one, %v", err)
	}
}

// Names are shown to people in one line.
func TestNames(t *testing.T) {
	check := func(name, want string) {
		t.Helper()
		p := newPair(t, "", func(g *GuestConfig, h *HostConfig) { g.Hello.Name, h.Name = name, name })
		if err := p.run(nil); err != nil {
			t.Fatal(err)
		}
		if got := p.host.Hello().Name; got != want {
			t.Errorf("guest's name %q: got %q, want %q", name, got, want)
		}
		if got := p.guest.Host().Name; got != want {
			t.Errorf("host's name %q: got %q, want %q", name, got, want)
		}
	}
	check("Ana", "Ana")
	check(" Zoë 🦉 ", "Zoë 🦉")
	check("a\x1b[31mb\r\nc\u202ed\u200be\u0085f", "a[31mbcdef")
	check("\xff\xfeok", "ok")
	check(strings.Repeat("🦉", maxNameRunes+5), strings.Repeat("🦉", maxNameRunes))
}

func TestHelloLimits(t *testing.T) {
	for _, h := range []Hello{
		{Client: strings.Repeat("c", maxShort+1)}, {Role: strings.Repeat("r", maxShort+1)}, {Extra: make([]byte, maxExtra+1)},
	} {
		if _, err := NewGuest(GuestConfig{Hello: h}); !errors.Is(err, ErrTooLarge) {
			t.Errorf("got %v, want ErrTooLarge", err)
		}
	}
	if _, err := NewGuest(GuestConfig{Hint: strings.Repeat("h", maxHint+1)}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("long hint: got %v, want ErrTooLarge", err)
	}
	if _, _, err := NewHost(HostConfig{Extra: make([]byte, maxExtra+1)}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("long extra: got %v, want ErrTooLarge", err)
	}
	newPair(t, "", func(g *GuestConfig, h *HostConfig) {
		g.Hello = Hello{Name: strings.Repeat("🦉", maxNameRunes), Client: strings.Repeat("c", maxShort),
			Role: strings.Repeat("r", maxShort), Extra: make([]byte, maxExtra)}
		h.Name, h.Extra = g.Hello.Name, make([]byte, maxExtra)
	}).meet(t)
}

func TestFields(t *testing.T) {
	check := func(message []byte, limit int, want bool) {
		t.Helper()
		f := fields{rest: message}
		f.lv(limit)
		if f.whole() != want {
			t.Errorf("lv(%d) of %d bytes %x…: got %v, want %v", limit, len(message), message[:min(3, len(message))], f.whole(), want)
		}
	}
	check(nil, 5, false)
	check([]byte{0}, 0, true)
	check([]byte{0, 0}, 5, false) // something is left over
	check([]byte{1}, 5, false)
	check(prependLen(nil, make([]byte, 5)), 5, true)
	check(prependLen(nil, make([]byte, 6)), 5, false)
	check(prependLen(nil, make([]byte, 127)), 200, true)
	check(prependLen(nil, make([]byte, 128)), 200, true)
	check(prependLen(nil, make([]byte, 201)), 200, false)
	check([]byte{0x80, 0}, 200, false)              // zero, written longer than need be
	check([]byte{0x80, 0x80, 0x00}, 200, false)     // three bytes of length
	check(append([]byte{0x81, 0}, 'x'), 200, false) // one, written longer than need be
}

func TestRandomnessFails(t *testing.T) {
	for drawn := range 200 {
		p := &pair{}
		limited := func(seed string) *limitedReader { return &limitedReader{newStream(seed), drawn} }
		g, err := NewGuest(GuestConfig{Kind: KindCode, Room: testRoom, Secret: testSecret, Random: limited("g")})
		if err != nil {
			t.Fatal(err)
		}
		h, greet, err := NewHost(HostConfig{Room: testRoom, Random: limited("h"),
			Key:    ed25519.NewKeyFromSeed(make([]byte, 32)),
			Lookup: func(Kind, string) ([]byte, bool) { return testSecret, true }})
		if err != nil {
			continue
		}
		p.guest, p.host, p.greet = g, h, greet
		if err := p.run(nil); err != nil && p.guest.State() != Ended && p.host.State() != Ended {
			t.Errorf("after %d bytes: got %v and no end", drawn, err)
		}
	}
}

// A limitedReader has no more than so many bytes.
type limitedReader struct {
	from interface{ Read([]byte) (int, error) }
	left int
}

func (l *limitedReader) Read(p []byte) (int, error) {
	if l.left == 0 {
		return 0, errors.New("no entropy")
	}
	n, err := l.from.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

// FuzzStep replaces one message of an introduction, or one after it, by anything: no panic, and no session that was not
// there without it.
func FuzzStep(f *testing.F) {
	for n, m := range record(f, "attacked") {
		f.Add(byte(n), m)
	}
	f.Add(byte(8), []byte{byte(frameAdmitted), 1, 2, 3})
	f.Add(byte(9), []byte{byte(framePayload), 1, 2, 3})
	f.Fuzz(func(t *testing.T, at byte, message []byte) {
		p := newPair(t, "attacked")
		if n := int(at % (messagesUntilDecision + 2)); n >= messagesUntilDecision {
			p.meet(t)
			for _, s := range []*side{&p.guest.side, &p.host.side} {
				if _, _, err := s.Open(bytes.Clone(message)); err == nil {
					t.Fatal("a forged message was opened")
				}
			}
		} else if err := p.run(func(i int, m []byte) []byte {
			if i != n || bytes.Equal(m, message) {
				return m
			}
			return bytes.Clone(message)
		}); err == nil && (p.host.State() != AwaitDecision || p.guest.Check() != p.host.Check()) {
			t.Fatalf("no error, host %v, guest %v", p.host.State(), p.guest.State())
		}
	})
}
