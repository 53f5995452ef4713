package session

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"earshot/internal/text"
	"earshot/protocol"
	"earshot/protocol/wire"
)

// history is a world in which people do what a seed says; frames, answers and reports cross in any order. Beside what
// package sim has, it has roles that change, documents that are voided, saves by hosts' editors, and presence.
type history struct {
	w       *world
	eds     []*editor
	marker  rune
	deleted map[rune]bool
	roles   bool // roles change: what was typed in vain is lost
}

var seeds = flag.Uint64("session.seeds", 150, "histories to live through")

func newHistory(t testing.TB, seed uint64, roles bool) *history {
	w := newWorld(t)
	w.disk["a.txt"] = []string{"", "one\r\ntwo\r\n", "one\ntwo\nthree", "🙂 smile\n"}[seed%4]
	host := w.node("host")
	host.share(func(p *protocol.ShareParams) { p.Linger = true })
	h := &history{w: w, marker: 0x20000, deleted: map[rune]bool{}, roles: roles}
	ed := host.connect()
	ed.open(fileURI, w.disk["a.txt"])
	other := host.connect(stock("plain"), encoding(text.UTF8))
	other.open(fileURI, w.disk["a.txt"])
	h.eds = append(h.eds, ed, other)
	for _, name := range []string{"guest", "third"} {
		g, _ := w.join(name)
		ed := g.connect(encoding(text.UTF32))
		ed.fetch(w.uri("a.txt"))
		h.eds = append(h.eds, ed)
	}
	last := w.nodes[2].connect(stock("plain"))
	last.fetch(w.uri("a.txt"))
	h.eds = append(h.eds, last)
	w.rng = rand.New(rand.NewPCG(seed, 7))
	return h
}

func (h *history) act() {
	w := h.w
	i := w.rng.IntN(len(h.eds))
	ed := h.eds[i]
	switch n := w.rng.IntN(100); {
	case n < 55 && ed.closed == "":
		ed.types(w.rng.IntN(ed.buf.Len()+1), 0, h.next(1+w.rng.IntN(3)))
	case n < 70 && ed.buf.Len() > 0 && ed.closed == "":
		from := w.rng.IntN(ed.buf.Len())
		n := 1 + w.rng.IntN(min(3, ed.buf.Len()-from))
		for _, c := range ed.buf.Slice(from, from+n) {
			h.deleted[c] = true
		}
		ed.types(from, n, "")
	case n < 75 && ed.closed == "":
		ed.looks(w.rng.IntN(ed.buf.Len()+1), w.rng.IntN(ed.buf.Len()+1))
	case n < 78 && ed.exact && ed.closed == "": // what a stock client had not reported is not known to it
		ed.drop()
	case n < 84 && ed.closed != "":
		h.eds[i] = ed.back(encoding(ed.enc))
		h.eds[i].reopen()
	case n < 86:
		w.breakLink(w.nodes[1+w.rng.IntN(2)])
	case n < 90:
		h.mend()
	case n < 92 && ed.closed == "":
		ed.ask(save(ed.uri))
	case n < 94 && h.roles:
		g := w.nodes[1+w.rng.IntN(2)]
		role := []protocol.Role{protocol.RoleEditor, protocol.RoleViewer}[w.rng.IntN(2)]
		w.nodes[0].eds[0].ask(&protocol.SetRoleParams{Session: w.nodes[0].shared(), Member: g.member, Role: role})
	default:
		h.sleep(time.Duration(w.rng.IntN(300)) * time.Millisecond)
	}
}

// sleep lets time pass without all that is under way arriving.
func (h *history) sleep(d time.Duration) {
	h.w.now = h.w.now.Add(d)
	for _, n := range h.w.nodes {
		n.step(Tick{})
	}
}

func (h *history) mend() {
	for _, g := range h.w.nodes[1:] {
		if g.rejoin != 0 {
			h.w.connect(h.w.nodes[0], g, g.rejoin)
			g.rejoin = 0
		}
	}
}

func (h *history) next(n int) string {
	var b strings.Builder
	for range n {
		b.WriteRune(h.marker)
		h.marker++
	}
	return b.String()
}

// gather lets all arrive and brings everyone back.
func (h *history) gather() {
	w := h.w
	w.rng = nil
	w.run()
	for range 3 {
		w.pass(time.Second)
		h.mend()
		w.run()
	}
	for i, ed := range h.eds {
		if ed.closed != "" {
			h.eds[i] = ed.back(encoding(ed.enc))
			h.eds[i].reopen()
		}
	}
}

// rest lets all arrive, brings everyone back and compares.
func (h *history) rest(seed uint64) {
	w := h.w
	h.gather()
	w.pass(30 * time.Second)
	for _, n := range w.nodes {
		if n.e.healed != 0 {
			w.t.Fatalf("seed %d: %s says that copies differed", seed, n.name)
		}
	}
	want := w.nodes[0].head()
	for _, ed := range h.eds {
		if got := ed.text(); got != want || ed.n.head() != want {
			w.t.Fatalf("seed %d: an editor at %s shows %q, its daemon has %q, the host %q", seed, ed.n.name, got, ed.n.head(), want)
		}
		if ed.closed != "" {
			w.t.Fatalf("seed %d: an editor at %s was closed: %s", seed, ed.n.name, ed.closed)
		}
	}
	if h.roles {
		return
	}
	count := map[rune]int{}
	for _, c := range want {
		count[c]++
	}
	for c := rune(0x20000); c < h.marker; c++ {
		if n := count[c]; n > 1 || n == 0 && !h.deleted[c] {
			w.t.Fatalf("seed %d: marker %U is there %d times", seed, c, n)
		}
	}
}

func live(t testing.TB, seed uint64) *history {
	t.Helper()
	h := newHistory(t, seed, seed%3 == 0)
	for range 120 {
		h.act()
	}
	h.rest(seed)
	return h
}

// TestHistories: at rest all texts are equal, and nothing typed is missing or there twice.
func TestHistories(t *testing.T) {
	for seed := range uint64(*seeds) {
		live(t, seed)
	}
}

// TestSameEventsSameEffects replays what each engine of a history was given into a fresh one.
func TestSameEventsSameEffects(t *testing.T) {
	for seed := range uint64(9) {
		h := live(t, seed)
		for _, n := range h.w.nodes {
			again := New(n.e.cfg)
			for i, step := range n.trail {
				fx := again.Step(step.at, step.ev)
				if !reflect.DeepEqual(fx, step.fx) {
					t.Fatalf("seed %d, %s, step %d (%T):\n got %s\nwant %s", seed, n.name, i, step.ev, show(fx), show(step.fx))
				}
			}
		}
	}
}

// show prints effects, the frames among them decoded.
func show(fx []Effect) string {
	var b strings.Builder
	for _, f := range fx {
		if frame, ok := f.(SendFrame); ok {
			got, _ := wire.Decode(frame.Data)
			fmt.Fprintf(&b, "%T %d %+v; ", got, frame.Link, got)
			continue
		}
		s, _ := json.Marshal(f)
		fmt.Fprintf(&b, "%T %s; ", f, s)
	}
	return b.String()
}
