package daemon

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	mrand "math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"earshot/internal/introduction"
	"earshot/internal/session"
	"earshot/internal/threat"
	"earshot/protocol"
)

// attempt is what a stranger does with a secret, and a room with a stranger: as in knock, without the way between them. It
// breaks off after so many of the guest's messages; two are all before the proof is judged.
func (r *room) attempt(t *testing.T, secret []byte, messages int) error {
	t.Helper()
	k, greeting, err := r.stranger(r.lookup)
	if err != nil {
		t.Fatal(err)
	}
	g, err := introduction.NewGuest(introduction.GuestConfig{Kind: introduction.KindCode, Room: r.host.Room(), Secret: secret, Random: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	for m := greeting; messages > 0; messages-- {
		said, err := g.Step(m)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := k.judge(said.Send)
		if err != nil {
			return err
		}
		m = answer.Send
	}
	return nil
}

// stranger is a knock at the room, and what it is greeted with.
func (r *room) stranger(lookup func(introduction.Kind, string) ([]byte, bool)) (*knock, []byte, error) {
	h, greeting, err := introduction.NewHost(introduction.HostConfig{Room: r.host.Room(), Lookup: lookup, Key: r.key, Random: rand.Reader})
	return &knock{room: r, host: r.host, peer: "0123456789", intro: h}, greeting, err
}

// room is an open room of a daemon that nobody runs.
func (b *bubble) room(t *testing.T) *room {
	t.Helper()
	const at = "10.0.0.99:80"
	t.Cleanup(b.serve(at))
	_, world := b.net.join(t)
	d, err := New(Options{Network: world})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.cancel)
	r := d.newRoom(session.OpenRoom{Session: "s", Params: &protocol.ShareParams{}})
	t.Cleanup(r.cancel)
	if err := r.open("ws://"+at, "ws://"+at); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.host.Close)
	return r
}

// TestM2GuessesAtOnce: as many strangers as may be introduced at once prove at one moment, and have three guesses together.
func TestM2GuessesAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		r := b.room(t)
		var together, all sync.WaitGroup
		together.Add(1)
		said := make([]error, maxKnocks)
		for i := range said {
			k, proof := r.guess(t, byte(i+1))
			all.Go(func() {
				together.Wait()
				_, said[i] = k.judge(proof)
			})
		}
		together.Done()
		all.Wait()
		wrong := 0
		for i, err := range said {
			switch {
			case errors.Is(err, introduction.ErrWrongCode):
				wrong++
			case !errors.Is(err, introduction.ErrVoid):
				t.Errorf("stranger %d: got %v, want ErrVoid", i, err)
			}
		}
		if wrong != introduction.GuessesPerCode || r.guesses.Count() != wrong {
			t.Errorf("%d strangers were told that they are wrong, and %d were counted; want %d", wrong, r.guesses.Count(), introduction.GuessesPerCode)
		}
	})
}

// guess is a knock that waits for the proof of a wrong code, and that proof.
func (r *room) guess(t *testing.T, off byte) (k *knock, proof []byte) {
	t.Helper()
	secret := bytes.Clone(r.code.Secret())
	secret[len(secret)-1] ^= off
	k, _, proof = r.proves(t, secret)
	return k, proof
}

// proves is a knock that waits for the proof of a code, who it is, and that proof.
func (r *room) proves(t *testing.T, secret []byte) (k *knock, g *introduction.Guest, proof []byte) {
	t.Helper()
	k, greeting, err := r.stranger(func(kind introduction.Kind, hint string) ([]byte, bool) {
		defer runtime.Gosched() // so that others look as well before this one is counted
		return r.lookup(kind, hint)
	})
	if err != nil {
		t.Fatal(err)
	}
	g, err = introduction.NewGuest(introduction.GuestConfig{Kind: introduction.KindCode, Room: r.host.Room(), Secret: secret,
		Hello: introduction.Hello{Name: "eve"}, Random: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	said := k.hears(t, g, greeting)
	result, err := g.Step(said)
	if err != nil {
		t.Fatal(err)
	}
	return k, g, result.Send
}

// hears gives a guest what the host said, the host what the guest says to that, and what the host says then.
func (k *knock) hears(t *testing.T, g *introduction.Guest, said []byte) []byte {
	t.Helper()
	result, err := g.Step(said)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := k.judge(result.Send)
	if err != nil {
		t.Fatal(err)
	}
	return answer.Send
}

// TestM2ReplacedCode: who has proved a code, and says who it is only when there is another one, is not let in by the old one.
func TestM2ReplacedCode(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		r := b.room(t)
		for _, replaced := range []bool{false, true} {
			k, g, proof := r.proves(t, r.code.Secret())
			confirmed, err := k.judge(proof)
			if err != nil {
				t.Fatal(err)
			}
			welcome := k.hears(t, g, confirmed.Send)
			if replaced {
				if err := r.makeCode("ws://10.0.0.99:80"); err != nil {
					t.Fatal(err)
				}
			}
			k.hears(t, g, welcome)
			if err := k.announce(); errors.Is(err, errReplaced) != replaced || k.intro.State() == introduction.AwaitDecision && replaced {
				t.Errorf("replaced %v: got %v", replaced, err)
			}
		}
		asked := 0
		for len(r.d.inbox) > 0 {
			if _, ok := (<-r.d.inbox).event.(session.Knocked); ok {
				asked++
			}
		}
		if asked != 1 {
			t.Errorf("the host was asked %d times, want once", asked)
		}
	})
}

// TestM2AMillionWrongCodes: of a million wrong codes none opens, each is counted and nothing else is, every third burns a
// code, every tenth ends them until the host asks for a new one, the host is told each time, and a burnt code never answers
// again, not even to one who knows it.
func TestM2AMillionWrongCodes(t *testing.T) {
	const rooms = 2 // beside each other
	guesses := threat.Times(1500, 1_000_000) / rooms
	inBubble(t, func(t *testing.T, b *bubble) {
		const at = "10.0.0.99:80"
		t.Cleanup(b.serve(at))
		var all sync.WaitGroup
		for i := range rooms {
			_, world := b.net.join(t)
			d, err := New(Options{Network: world})
			if err != nil {
				t.Fatal(err)
			}
			r := d.newRoom(session.OpenRoom{Session: "s", Params: &protocol.ShareParams{}})
			if err := r.open("ws://"+at, "ws://"+at); err != nil {
				t.Fatal(err)
			}
			all.Go(func() {
				told := make(chan int)
				go func() { // ends when the inbox is closed
					n := 0
					for m := range d.inbox {
						if e, ok := m.event.(session.CodeChanged); ok && e.Code == "" && e.Why != "" {
							n++
						}
					}
					told <- n
				}()
				burnt := r.guessing(t, "ws://"+at, guesses, uint64(i))
				close(d.inbox)
				if n := <-told; n != burnt {
					t.Errorf("the host was told %d times, want %d", n, burnt)
				}
				r.host.Close()
				r.cancel()
				d.cancel()
			})
		}
		all.Wait()
	})
}

// guessing lets strangers guess so often, over as many codes as that takes, and gives how many were burnt.
func (r *room) guessing(t *testing.T, there string, guesses int, seed uint64) (burnt int) {
	random := mrand.New(mrand.NewPCG(seed, 2))
	share := 0 // since the host last asked for a code after being told that they are off
	for guess := 0; guess < guesses; burnt++ {
		if burnt > 0 {
			if err := r.makeCode(there); err != nil {
				t.Error(err)
				return burnt
			}
		}
		right, wrong := r.code.Secret(), make([]byte, 4)
		want := min(introduction.GuessesPerCode, introduction.GuessesPerShare-share)
		for n := 1; n <= want; n++ {
			if random.IntN(8) == 0 { // what breaks off is no guess
				if err := r.attempt(t, right, 1); err != nil {
					t.Errorf("guess %d: one who breaks off got %v", guess, err)
				}
			}
			binary.BigEndian.PutUint32(wrong, binary.BigEndian.Uint32(right)^uint32(1+random.IntN(1<<25-1)))
			if err := r.attempt(t, wrong, 2); !errors.Is(err, introduction.ErrWrongCode) {
				t.Errorf("guess %d of code %d: got %v, want ErrWrongCode", n, burnt, err)
				return burnt
			}
			guess++
			share++
			if got := r.guesses.Count(); got != n {
				t.Errorf("code %d: counted %d guesses, want %d", burnt, got, n)
				return burnt
			}
		}
		for _, secret := range [][]byte{right, bytes.Clone(wrong)} {
			if err := r.attempt(t, secret, 2); !errors.Is(err, introduction.ErrVoid) {
				t.Errorf("code %d after %d guesses: got %v, want ErrVoid", burnt, want, err)
				return burnt
			}
		}
		if r.guesses.Stopped() != (share == introduction.GuessesPerShare) {
			t.Errorf("after %d guesses of the share: stopped %v", share, r.guesses.Stopped())
		}
		share %= introduction.GuessesPerShare
	}
	return burnt
}
