package introduction

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"testing"
)

var updateVectors = flag.Bool("introduction.update", false, "write testdata/introduction.json anew")

const vectorFile = "testdata/introduction.json"

// introductionVectors are for any implementation: one run from the bytes that the two draw to the last message, and what
// must be refused in the place of one of its messages. All bytes are hexadecimal.
type introductionVectors struct {
	Protocol string
	Kind     string
	Room     string
	Secret   string
	HostSeed string // of the session's Ed25519 key
	Guest    struct{ Name, Client, Role, Extra string }
	Host     struct{ Name, Extra string }
	// What each draws, in order: the guest its nonce, 64 bytes of scalar and nA; the host its nonce, 64 bytes of scalar, nB.
	GuestRandom, HostRandom string
	Messages                []string // greet, share, reply, prove, confirm, hello, welcome, reveal, admitted
	Check                   string
	ResumeHint              string
	GuestBinding            string // with certificates of thirty-two 01 and thirty-two 02
	HostBinding             string
	Refused                 []refusedVector
}

// refusedVector: after the messages before At, its receiver is given Is and answers with the error Want.
type refusedVector struct {
	What string
	At   int
	Is   string
	Want string
}

var vectorErrors = map[string]error{"wrong": ErrWrongCode, "protocol": ErrProtocol, "version": ErrVersion, "aborted": ErrAborted}

// vectorRun is the run of the vectors; guest and host draw from what they are given.
func vectorRun(t *testing.T, guest, host io.Reader) *pair {
	t.Helper()
	return newPair(t, "", func(g *GuestConfig, h *HostConfig) { g.Random, h.Random = guest, host })
}

// refusals are the negative vectors of a run.
func refusals(t *testing.T, messages [][]byte) []refusedVector {
	var all []refusedVector
	add := func(what string, at int, is []byte, want string) {
		all = append(all, refusedVector{what, at, hex.EncodeToString(is), want})
	}
	changed := func(at int, change func(m []byte) []byte) []byte { return change(bytes.Clone(messages[at])) }
	flip := func(i int) func([]byte) []byte { return func(m []byte) []byte { m[i] ^= 1; return m } }
	put := func(i int, b ...byte) func([]byte) []byte { return func(m []byte) []byte { copy(m[i:], b); return m } }
	v := readVectors(t).Multiply
	points := map[string][]byte{"the identity": make([]byte, pointSize), "no point": unhex(t, v.Invalid1), "no point either": unhex(t, v.Invalid2),
		"not canonical": append(bytes.Repeat([]byte{0xff}, pointSize-1), 0x7f)}
	for _, name := range slices.Sorted(maps.Keys(points)) {
		add("the guest's share is "+name, 1, changed(1, put(2+nonceSize, points[name]...)), "protocol")
		add("the host's share is "+name, 2, changed(2, put(1, points[name]...)), "protocol")
	}
	for i, m := range messages {
		add(fmt.Sprintf("nothing in the place of message %d", i), i, nil, "protocol")
		add(fmt.Sprintf("message %d with a byte more", i), i, append(bytes.Clone(m), 0), "protocol")
		add(fmt.Sprintf("message %d without its last byte", i), i, m[:len(m)-1], "protocol")
		add(fmt.Sprintf("message %d of an unknown type", i), i, changed(i, put(0, 0x7f)), "protocol")
		if i >= 2 {
			add(fmt.Sprintf("message %d in the place of message %d", i-2, i), i, messages[i-2], "protocol")
			add(fmt.Sprintf("message %d reflected", i-1), i, messages[i-1], "protocol")
		}
		if i >= 5 {
			add(fmt.Sprintf("message %d with its last byte changed", i), i, changed(i, flip(len(m)-1)), "protocol")
		}
		add(fmt.Sprintf("an abort in the place of message %d", i), i, []byte{byte(frameAbort), byte(CauseLeft)}, "aborted")
	}
	tail := len(messages[1]) - 4 // lv(hint) is 00, lv(versions) is 02 00 01
	add("an unknown kind", 1, changed(1, put(1, 9)), "protocol")
	add("no versions", 1, append(bytes.Clone(messages[1][:tail+1]), 0), "protocol")
	add("versions that descend", 1, append(bytes.Clone(messages[1][:tail+1]), 4, 0, 2, 0, 1), "protocol")
	add("a version twice", 1, append(bytes.Clone(messages[1][:tail+1]), 4, 0, 1, 0, 1), "protocol")
	add("a length written longer than need be", 1, append(bytes.Clone(messages[1][:tail+1]), 0x82, 0, 0, 1), "protocol")
	add("a version that the host has not", 1, append(bytes.Clone(messages[1][:tail+1]), 2, 0, 7), "version")
	add("a chosen version that was not offered", 2, changed(2, put(len(messages[2])-1, 2)), "protocol")
	add("the guest's tag with its first byte changed", 3, changed(3, flip(1)), "wrong")
	add("the guest's tag with its last byte changed", 3, changed(3, flip(tagSize)), "wrong")
	add("the guest's own tag as the host's", 4, changed(4, put(1, messages[3][1:]...)), "wrong")
	add("the host's tag with its last byte changed", 4, changed(4, flip(tagSize)), "wrong")
	return all
}

func makeVectors(t *testing.T) introductionVectors {
	t.Helper()
	var guestDrew, hostDrew bytes.Buffer
	p := vectorRun(t, io.TeeReader(newStream("guest of the vectors"), &guestDrew), io.TeeReader(newStream("host of the vectors"), &hostDrew))
	var messages [][]byte
	if err := p.run(func(_ int, m []byte) []byte {
		messages = append(messages, bytes.Clone(m))
		return m
	}); err != nil {
		t.Fatal(err)
	}
	admitted, err := p.host.Admit([]byte("welcome"))
	if err != nil {
		t.Fatal(err)
	}
	messages = append(messages, admitted)
	step(t, p.guest.Step, admitted)
	v := introductionVectors{Protocol: protocolName, Kind: KindCode.String(), Room: testRoom, Secret: hex.EncodeToString(testSecret),
		HostSeed: hex.EncodeToString(p.key.Seed()), GuestRandom: hex.EncodeToString(guestDrew.Bytes()),
		HostRandom: hex.EncodeToString(hostDrew.Bytes()), Check: p.guest.Check()}
	v.Guest.Name, v.Guest.Client, v.Guest.Role, v.Guest.Extra = "Ana", "nvim", "editor", hex.EncodeToString([]byte("from the guest"))
	v.Host.Name, v.Host.Extra = "Ben", hex.EncodeToString([]byte("from the host"))
	for _, m := range messages {
		v.Messages = append(v.Messages, hex.EncodeToString(m))
	}
	v.ResumeHint, v.GuestBinding, v.HostBinding = ends(t, p)
	v.Refused = refusals(t, messages)
	return v
}

// ends gives what both sides hold at the end of a run.
func ends(t *testing.T, p *pair) (hint, guest, host string) {
	t.Helper()
	_, hint, err := p.guest.ResumeSecret()
	one, two := [32]byte(bytes.Repeat([]byte{1}, 32)), [32]byte(bytes.Repeat([]byte{2}, 32))
	g, errG := p.host.Binding(RoleGuest, one, two)
	h, errH := p.guest.Binding(RoleHost, one, two)
	if err := errors.Join(err, errG, errH); err != nil {
		t.Fatal(err)
	}
	return hint, hex.EncodeToString(g[:]), hex.EncodeToString(h[:])
}

// TestM4Vectors: the run of the vectors is this one, byte for byte, and what they refuse is refused, with the same error.
func TestM4Vectors(t *testing.T) {
	if *updateVectors {
		data, err := json.MarshalIndent(makeVectors(t), "", " ")
		if err == nil {
			err = os.WriteFile(vectorFile, append(data, '\n'), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var v introductionVectors
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	run := func() *pair {
		return vectorRun(t, bytes.NewReader(unhex(t, v.GuestRandom)), bytes.NewReader(unhex(t, v.HostRandom)))
	}
	if seed := unhex(t, v.HostSeed); !run().key.Equal(ed25519.NewKeyFromSeed(seed)) || v.Protocol != protocolName {
		t.Fatal("the vectors are of another protocol or key")
	}
	p, n := run(), 0
	same := func(m []byte) {
		t.Helper()
		if got := hex.EncodeToString(m); got != v.Messages[n] {
			t.Errorf("message %d: got %s, want %s", n, got, v.Messages[n])
		}
		n++
	}
	if err := p.run(func(_ int, m []byte) []byte { same(m); return m }); err != nil {
		t.Fatal(err)
	}
	admitted, err := p.host.Admit([]byte("welcome"))
	if err != nil {
		t.Fatal(err)
	}
	same(admitted)
	step(t, p.guest.Step, admitted)
	if hint, guest, host := ends(t, p); p.host.Check() != v.Check || hint != v.ResumeHint || guest != v.GuestBinding || host != v.HostBinding {
		t.Errorf("got check %s, hint %s, bindings %s and %s", p.host.Check(), hint, guest, host)
	}
	if len(v.Refused) < 50 {
		t.Errorf("%d negative vectors", len(v.Refused))
	}
	for _, r := range v.Refused {
		k := &talk{pair: run()}
		k.carry(func(i int, p parcel) []parcel {
			if i != r.At {
				return []parcel{p}
			}
			is, err := hex.DecodeString(r.Is)
			if err != nil {
				t.Fatal(err)
			}
			return []parcel{{p.toHost, is}}
		})
		if want := vectorErrors[r.Want]; want == nil || !errors.Is(k.err, want) {
			t.Errorf("%s: got %v, want %s", r.What, k.err, r.Want)
		}
	}
}
