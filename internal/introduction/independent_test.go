package introduction

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gtank/ristretto255"

	"earshot/internal/threat"
)

// independent is CPace written from the draft's text, in another language over another library's group: the Node program
// testdata/node/cpace.mjs. One process serves a whole test, a line for each half of a run.
type independent struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Scanner
}

func needIndependent(t *testing.T) *independent {
	t.Helper()
	if _, err := os.Stat("testdata/node/node_modules/@noble/curves"); err != nil {
		t.Skip("@noble/curves is not installed: `make tools` does it, and `make test` before the tests")
	}
	cmd := exec.Command("node", "testdata/node/cpace.mjs")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // its end, which Wait tells
		if err := cmd.Wait(); err != nil {
			t.Errorf("the independent implementation: %v\n%s", err, said.Bytes())
		}
	})
	return &independent{t, in, bufio.NewScanner(out)}
}

// independentRequest is a line to it: the first four fields begin a run, the others end it. All bytes are hexadecimal.
type independentRequest struct {
	PRS        string `json:"prs"`
	CI         any    `json:"ci,omitempty"` // a string, or a list of which it makes lv_cat
	Sid        string `json:"sid"`
	Y          string `json:"y,omitempty"` // a scalar instead of one that it draws
	Role       string `json:"role,omitempty"`
	AD         any    `json:"ad,omitempty"` // as CI
	TheirShare string `json:"theirShare"`
	TheirAD    string `json:"theirAD"`
}

type independentAnswer struct {
	Share, ISK, Tag, TheirTag string
	Abort                     bool
}

func (i *independent) ask(r independentRequest) independentAnswer {
	i.t.Helper()
	line, err := json.Marshal(r)
	if err == nil {
		_, err = i.in.Write(append(line, '\n'))
	}
	var a independentAnswer
	if err == nil && i.out.Scan() {
		err = json.Unmarshal(i.out.Bytes(), &a)
	}
	if err != nil || a == (independentAnswer{}) {
		i.t.Fatalf("%s: got %v, %v, %q", line, err, i.out.Err(), i.out.Bytes())
	}
	return a
}

// lengths are those at which an encoding of lengths and the generator's padding change.
var lengths = []int{0, 1, 2, 4, 16, 31, 32, 33, 64, 105, 106, 107, 108, 109, 127, 128, 129, 255, 256, 1000, 16383, 16384}

// drawer draws what a run is about.
type drawer struct{ *rand.Rand }

func (d drawer) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(d.Uint32())
	}
	return len(p), nil
}

func (d drawer) bytes(n int) []byte {
	b := make([]byte, n)
	_, _ = d.Read(b) // it never fails
	return b
}

// some are bytes of one of the lengths, now and then of any other.
func (d drawer) some() []byte {
	if d.IntN(4) == 0 {
		return d.bytes(d.IntN(300))
	}
	return d.bytes(lengths[d.IntN(len(lengths))])
}

func newDrawer(t *testing.T) drawer {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return drawer{rand.New(rand.NewPCG(seed, 0))}
}

// TestM4IndependentCPace: an independent implementation in either role ends with the draft's ISK and, whatever password,
// context, session id and associated data there are, with our ISK and our tags, byte for byte.
func TestM4IndependentCPace(t *testing.T) {
	i := needIndependent(t)
	d := newDrawer(t)
	h := hex.EncodeToString
	v := readVectors(t)
	p := v.Protocol
	for _, run := range []struct{ role, y, share, ad, their, theirAD string }{
		{"initiator", "ya", "Ya", "ADa", "Yb", "ADb"}, {"responder", "yb", "Yb", "ADb", "Ya", "ADa"},
	} {
		begin := i.ask(independentRequest{PRS: p["PRS"], CI: p["CI"], Sid: v.Generator["sid"].(string), Y: p[run.y]})
		end := i.ask(independentRequest{Role: run.role, AD: p[run.ad], TheirShare: p[run.their], TheirAD: p[run.theirAD]})
		if !strings.EqualFold(begin.Share, p[run.share]) || !strings.EqualFold(end.ISK, p["ISK_IR"]) {
			t.Errorf("the draft's %s: got %s and %s, want %s and %s", run.role, begin.Share, end.ISK, p[run.share], p["ISK_IR"])
		}
	}
	for range threat.Times(50, 10_000) {
		prs, ci, sid, ours, theirs := d.some(), d.some(), d.some(), d.some(), d.some()
		y, share, err := cpaceShare(prs, ci, sid, d)
		if err != nil {
			t.Fatal(err)
		}
		begin := independentRequest{PRS: h(prs), CI: h(ci), Sid: h(sid)}
		point := unhex(t, i.ask(begin).Share)
		k, ok := scalarMultVerify(y, point)
		if !ok {
			t.Fatalf("%+v: its share %x was refused", begin, point)
		}
		end := independentRequest{Role: "initiator", AD: h(theirs), TheirShare: h(share), TheirAD: h(ours)}
		isk := cpaceISK(sid, k, point, theirs, share, ours)
		if d.IntN(2) == 0 {
			end.Role = "responder"
			isk = cpaceISK(sid, k, share, ours, point, theirs)
		}
		want := independentAnswer{ISK: h(isk), Tag: h(cpaceTag(sid, isk, point, theirs)), TheirTag: h(cpaceTag(sid, isk, share, ours))}
		if got := i.ask(end); got != want {
			t.Fatalf("%+v, %+v: it has %+v, we have %+v", begin, end, got, want)
		}
	}
}

// TestM4IndependentRefusals: what is no share, and would be a way to force a key, it refuses as we do, and it takes what we take.
func TestM4IndependentRefusals(t *testing.T) {
	i := needIndependent(t)
	d := newDrawer(t)
	h := hex.EncodeToString
	refused, taken := 0, 0
	both := func(point []byte) {
		t.Helper()
		prs, ci, sid, ad := d.bytes(4), d.bytes(20), d.bytes(32), d.bytes(3)
		y, share, err := cpaceShare(prs, ci, sid, d)
		if err != nil {
			t.Fatal(err)
		}
		if got := i.ask(independentRequest{PRS: h(prs), CI: h(ci), Sid: h(sid), Y: h(y.Bytes())}); got.Share != h(share) {
			t.Fatalf("with our scalar %x: its share is %s, ours %x", y.Bytes(), got.Share, share)
		}
		role := []string{"initiator", "responder"}[d.IntN(2)]
		got := i.ask(independentRequest{Role: role, AD: h(ad), TheirShare: h(point), TheirAD: h(ad)})
		k, ok := scalarMultVerify(y, point)
		if ok {
			taken++
		} else {
			refused++
		}
		if got.Abort == ok {
			t.Fatalf("point %x: it aborts: %v, we take it: %v", point, got.Abort, ok)
		}
		isk := cpaceISK(sid, k, share, ad, point, ad)
		if role == "responder" {
			isk = cpaceISK(sid, k, point, ad, share, ad)
		}
		if ok && got.ISK != h(isk) {
			t.Fatalf("point %x: it has %s, we have %x", point, got.ISK, isk)
		}
	}
	for _, point := range badPoints(t) {
		before := refused
		if both(point); refused == before {
			t.Errorf("both take %x", point)
		}
	}
	for range threat.Times(10, 1000) {
		both(d.bytes(pointSize)) // one of sixteen is a share
		share := ristretto255.NewGeneratorElement()
		if _, err := share.SetUniformBytes(d.bytes(64)); err != nil {
			t.Fatal(err)
		}
		point := share.Bytes()
		both(point)
		both(append(point[:31:31], point[31]|0x80))
		point[d.IntN(pointSize)] ^= 1 << d.IntN(8)
		both(point)
	}
	if taken == 0 {
		t.Error("no share was taken")
	}
	t.Logf("%d refused, %d taken", refused, taken)
}

// badPoints are the identity and what is no canonical encoding: field elements from p = 2²⁵⁵ - 19 on, negative ones, those
// of no point, and other lengths.
func badPoints(t *testing.T) [][]byte {
	t.Helper()
	v := readVectors(t).Multiply
	ff := func(first, last byte) []byte {
		b := bytes.Repeat([]byte{0xff}, pointSize)
		b[0], b[pointSize-1] = first, last
		return b
	}
	bad := [][]byte{unhex(t, v.Invalid1), unhex(t, v.Invalid2), nil, make([]byte, 31), make([]byte, 33), {0}, unhex(t, v.Valid["X"])[:31],
		append(unhex(t, v.Valid["X"]), 0)}
	for low := 0xed; low <= 0xff; low++ { // p to 2²⁵⁵ - 1, and the same with the highest bit
		bad = append(bad, ff(byte(low), 0x7f), ff(byte(low), 0xff))
	}
	bad = append(bad, ff(0xec, 0x7f)) // p - 1: of order two on the curve beneath
	for _, first := range []byte{1, 3, 5} {
		bad = append(bad, append([]byte{first}, make([]byte, 31)...)) // odd, which is negative
	}
	return append(bad, append(make([]byte, 31), 0x80)) // zero, with the highest bit
}

// TestM4IndependentSides: it plays the guest to our host and the host to our guest as the package's comment says, and each
// takes the other's proof.
func TestM4IndependentSides(t *testing.T) {
	i := needIndependent(t)
	d := newDrawer(t)
	h := hex.EncodeToString
	for n := range threat.Times(20, 2000) {
		kind := []Kind{KindCode, KindLink, KindResume}[d.IntN(3)]
		room, secret, hint := h(d.bytes(2)), d.bytes(1+d.IntN(40)), h(d.bytes(d.IntN(maxHint/2)))
		p := newPair(t, "", func(g *GuestConfig, c *HostConfig) {
			g.Kind, g.Room, g.Secret, g.Hint, g.Random = kind, room, secret, hint, d
			c.Room, c.Random = room, d
			c.Lookup = func(Kind, string) ([]byte, bool) { return secret, true }
		})
		context := []string{h([]byte("earshot/1")), h([]byte("guest")), h([]byte("host")), h([]byte(kind.String())), h([]byte(room))}
		versions := []byte{0, 1}
		if n%2 == 0 {
			nonce := d.bytes(nonceSize)
			its := unhex(t, i.ask(independentRequest{PRS: h(secret), CI: context, Sid: h(slices.Concat(p.greet[1:], nonce))}).Share)
			share := slices.Concat([]byte{byte(frameShare), byte(kind)}, nonce, its, lvCat([]byte(hint), versions))
			reply := step(t, p.host.Step, share)
			got := i.ask(independentRequest{Role: "initiator", AD: []string{h(versions), h([]byte(hint))},
				TheirShare: h(reply[1 : 1+pointSize]), TheirAD: h(reply[1+pointSize:])})
			confirm := step(t, p.host.Step, append([]byte{byte(frameProve)}, unhex(t, got.Tag)...))
			if h(confirm[1:]) != got.TheirTag {
				t.Fatalf("as guest of a %v: our host proves %x, it wants %s", kind, confirm[1:], got.TheirTag)
			}
			continue
		}
		nonce := d.bytes(nonceSize)
		share := step(t, p.guest.Step, append([]byte{byte(frameGreet)}, nonce...))
		nonceG, y := share[2:2+nonceSize], share[2+nonceSize:2+nonceSize+pointSize]
		its := unhex(t, i.ask(independentRequest{PRS: h(secret), CI: context, Sid: h(slices.Concat(nonce, nonceG))}).Share)
		got := i.ask(independentRequest{Role: "responder", AD: []string{h(versions), h(versions)}, TheirShare: h(y),
			TheirAD: h(lvCat(versions, []byte(hint)))})
		prove := step(t, p.guest.Step, slices.Concat([]byte{byte(frameReply)}, its, lvCat(versions, versions)))
		if h(prove[1:]) != got.TheirTag {
			t.Fatalf("as host of a %v: our guest proves %x, it wants %s", kind, prove[1:], got.TheirTag)
		}
		if step(t, p.guest.Step, append([]byte{byte(frameConfirm)}, unhex(t, got.Tag)...)); p.guest.State() != AwaitWelcome {
			t.Fatalf("as host of a %v: after its proof our guest is at %v", kind, p.guest.State())
		}
	}
}
