package crdt

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"earshot/internal/text"
)

// wire is a link between two replicas: what each sends arrives whole and in order, some time later.
type wire struct {
	t    tb
	ends [2]*linkEnd
}

type linkEnd struct {
	doc  *Doc
	out  Sender
	in   Receiver
	sent Frontier // what the other end was sent, or had before
	way  [][]byte // to here
}

func newWire(t tb, a, b *Doc) *wire {
	return &wire{t, [2]*linkEnd{{doc: a, sent: a.Head()}, {doc: b, sent: b.Head()}}}
}

// send lets one end send what is new to it.
func (w *wire) send(k int) []byte {
	from, to := w.ends[k], w.ends[1-k]
	m := from.doc.Send(&from.out, nil, from.sent)
	from.sent = from.doc.Head()
	if len(m) > 0 {
		to.way = append(to.way, m)
	}
	return m
}

// take lets one end take what has arrived.
func (w *wire) take(k int) {
	w.t.Helper()
	e := w.ends[k]
	for _, b := range e.way {
		m, err := e.in.Read(b)
		if err != nil {
			w.t.Fatalf("read %x: %v", b, err)
		}
		before := e.doc.Text().Clone()
		p, err := e.doc.Receive(m)
		if err != nil {
			w.t.Fatalf("receive %x: %v", b, err)
		}
		if before.Apply(p); !before.Equal(e.doc.Text()) {
			w.t.Fatalf("receive %x: the patch does not lead to the text", b)
		}
	}
	e.way = nil
}

// TestStream: two replicas that send each other what happens, sooner or later, end with the same events; whatever an author
// saw, whoever is behind. Events that came from the other end are sent back now and then, and known.
func TestStream(t *testing.T) {
	for seed := range uint64(400) {
		dice := seeded(seed)
		base := randomText(dice, dice.IntN(10))
		a, b := New(base), New(base)
		w := newWire(t, a, b)
		agents := [2][]Agent{{1, 5}, {3, 2}}
		at := map[Agent]Frontier{}
		for range 1 + dice.IntN(120) {
			k := dice.IntN(2)
			switch end := w.ends[k]; dice.IntN(8) {
			case 0:
				w.send(k)
			case 1:
				w.take(k)
			case 2:
				agent := agents[k][dice.IntN(2)]
				at[agent] = end.doc.Union(at[agent], end.doc.Head())
			default:
				agent := agents[k][dice.IntN(2)]
				at[agent] = randomEdit(t, dice, end.doc, agent, at[agent])
			}
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
		for range 2 {
			for k := range 2 {
				w.send(k)
				w.take(1 - k)
			}
		}
		sameDoc(t, a, b)
		a.checkTracker(t)
		b.checkTracker(t)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func randomEdit(t *testing.T, dice *rand.Rand, d *Doc, agent Agent, at Frontier) Frontier {
	t.Helper()
	n := d.TextAt(at).Len()
	e := text.Edit{Pos: dice.IntN(n + 1)}
	if e.Del = min(dice.IntN(4), n-e.Pos); e.Del == 0 || dice.IntN(3) == 0 {
		e.Ins = randomText(dice, 1+dice.IntN(4))
	}
	after, _, err := d.Edit(agent, at, text.Patch{e})
	if err != nil {
		t.Fatal(err)
	}
	return after
}

// TestStreamOfThree: a host hands on what each of two guests did to the other, as it comes.
func TestStreamOfThree(t *testing.T) {
	tr := readTrace(t, "friendsforever")
	host, guest := New(""), New("")
	relay := newWire(t, host, guest)
	source := New("")
	feed := newWire(t, source, host)
	bytes, messages := 0, 0
	tr.play(t, source, func(Frontier) {
		bytes += len(feed.send(0))
		feed.take(1)
		relay.send(0)
		relay.take(1)
		messages++
	})
	for _, d := range []*Doc{source, host, guest} {
		tr.check(t, d)
	}
	t.Logf("%.2f bytes for each of %d transactions", float64(bytes)/float64(messages), messages)
	if got, most := float64(bytes)/float64(messages), 3.0; got > most {
		t.Errorf("a transaction takes %.2f bytes, want at most %.1f", got, most)
	}
}

// TestKeystrokeTakesTwoBytes, and one more where the cursor was moved or the other one's last key was seen.
func TestKeystrokeTakesTwoBytes(t *testing.T) {
	a, b := New("text"), New("text")
	w := newWire(t, a, b)
	check := func(k int, agent Agent, e text.Edit, want int) {
		t.Helper()
		d := w.ends[k].doc
		if _, _, err := d.Edit(agent, d.Head(), text.Patch{e}); err != nil {
			t.Fatal(err)
		}
		m := w.send(k)
		if len(m) != want {
			t.Errorf("%+v: got %d bytes %x, want %d", e, len(m), m, want)
		}
		w.take(1 - k)
		w.ends[1-k].sent = w.ends[1-k].doc.Head()
	}
	check(0, 1, text.Edit{Pos: 0, Ins: "a"}, 1+10+1+1) // the agent's name, no parents
	check(0, 1, text.Edit{Pos: 1, Ins: "b"}, 2)
	check(0, 1, text.Edit{Pos: 2, Ins: "🎉"}, 1+4)
	check(0, 1, text.Edit{Pos: 6, Ins: "c"}, 3)
	check(0, 1, text.Edit{Pos: 6, Del: 1}, 2)
	check(1, 2, text.Edit{Pos: 0, Ins: "z"}, 1+10+10+1) // both agents' names
	check(1, 2, text.Edit{Pos: 1, Ins: "z"}, 2)
	check(0, 1, text.Edit{Pos: 0, Ins: "y"}, 1+10+1+1)
	check(0, 1, text.Edit{Pos: 1, Ins: "y"}, 2)
	check(1, 2, text.Edit{Pos: 3, Ins: "x"}, 1+2+1+1)
	check(0, 1, text.Edit{Pos: 3, Ins: "x"}, 1+2+1+1)
	sameDoc(t, a, b)
}

// TestStreamRefuses: what no sender writes is refused, and changes nothing.
func TestStreamRefuses(t *testing.T) {
	agent := []byte{7, 0, 0, 0, 0, 0, 0, 0}
	first := append(append([]byte{otherAuthor | someParents<<parentsShift, 0}, agent...), 0, 0, 'a')
	check := func(name string, b []byte, want error) {
		t.Helper()
		whole, pieces := New("text"), New("text")
		var in Receiver
		if _, err := receiveOne(whole, &in, b); !errors.Is(err, want) {
			t.Errorf("%s: got error %v, want %v", name, err, want)
		}
		if want != nil && (whole.Events() > 0 || whole.Text().String() != "text") {
			t.Errorf("%s: the document changed", name)
		}
		rest, begun := bytes.CutPrefix(b, first)
		if !begun || len(rest) == 0 {
			return
		}
		in = Receiver{}
		if _, err := receiveOne(pieces, &in, first); err != nil {
			t.Fatal(err)
		}
		if _, err := receiveOne(pieces, &in, rest); !errors.Is(err, want) {
			t.Errorf("%s, in two messages: got error %v, want %v", name, err, want)
		}
		if want != nil && pieces.Events() > 1 {
			t.Errorf("%s, in two messages: the document changed", name)
		}
	}
	more := func(b ...byte) []byte { return append(append([]byte{}, first...), b...) }
	check("the first event", first, nil)
	check("nothing", nil, ErrCorrupt)
	check("half a message", first[:8], ErrCorrupt)
	check("no author", []byte{0, 'a'}, ErrCorrupt)
	check("an unknown slot", []byte{otherAuthor, 1, 0, 'a'}, ErrCorrupt)
	check("a reserved flag", more(0x80, 'a'), ErrCorrupt)
	check("a fourth kind", more(3), ErrCorrupt)
	check("no events", more(severalEvents, 0), ErrCorrupt)
	check("more events than there are bytes", more(severalEvents, 0xff, 0xff, 0xff, 0xff, 0x0f, 'a'), ErrCorrupt)
	check("a place before the text", more(otherPlace, 0x7f, 'a'), ErrCorrupt)
	check("a place behind the text", more(otherPlace, 0x7e, 'a'), ErrPosition)
	check("half a character", more(0, 0xc3), ErrCorrupt)
	check("a surrogate", more(0, 0xed, 0xa0, 0x80), ErrCorrupt)
	check("a parent of an unknown agent", more(append([]byte{oneParent << parentsShift, 1}, append([]byte{9, 0, 0, 0, 0, 0, 0, 0}, 0, 'a')...)...), ErrMissing)
	check("a parent that is not there", more(oneParent<<parentsShift, 0, 3, 'a'), ErrMissing)
	check("one parent twice", more(someParents<<parentsShift, 2, 0, 0, 0, 0, 'a'), ErrCorrupt)
	check("events left out", more(otherAuthor, 0, 4, 'a'), ErrMissing)
	check("not on its own last event", more(someParents<<parentsShift, 0, 'a'), ErrAgent)
	check("the same name again", more(otherAuthor|someParents<<parentsShift, 0, 1, 0, 'b'), ErrForged)
	check("the same event again", more(otherAuthor|otherPlace|someParents<<parentsShift, 0, 1, 0, 1, 'a'), nil)
}

// FuzzReceive: whatever arrives, nothing breaks: it is taken whole, and handed on, or changes nothing.
func FuzzReceive(f *testing.F) {
	w := newWorld(f, seeded(5), 4)
	var out Sender
	at := w.doc.Head()
	for range 60 {
		w.step()
		if m := w.doc.Send(&out, nil, at); len(m) > 0 {
			f.Add(m)
		}
		at = w.doc.Head()
	}
	f.Add(w.doc.Send(&Sender{}, nil, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := New("some text")
		var in Receiver
		m, err := in.Read(b)
		if err != nil {
			return
		}
		if _, err := d.Receive(m); err != nil {
			if d.Events() > 0 || d.Text().String() != "some text" {
				t.Error("refused, and yet changed")
			}
			return
		}
		d.checkTracker(t)
		sameDoc(t, blockByBlock(t, New("some text"), b), d)
		other := New("some text")
		var out Sender
		again, err := (&Receiver{}).Read(d.Send(&out, nil, nil))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.Receive(again); err != nil {
			t.Fatal(err)
		}
		sameDoc(t, other, d)
	})
}

// blockByBlock lets d receive each block of a message, which is known to be good, as a message of its own.
func blockByBlock(t *testing.T, d *Doc, b []byte) *Doc {
	var in Receiver
	for from, to := 0, 1; from < len(b); to++ {
		if to > len(b) {
			t.Fatalf("the message is good, and its block at %d is not", from)
		}
		try := Receiver{stream: in.stream}
		try.agents = slices.Clone(in.agents)
		m, err := try.Read(b[from:to])
		if err != nil {
			continue // not its end yet
		}
		if _, err := d.Receive(m); err != nil {
			t.Fatal(err)
		}
		in, from = try, to
	}
	return d
}

// TestReceivedKeyByKey: two people type, each on what they know, and every key is received by itself, now by one, now by
// the other, as it comes most. A replica that has to look each of them up from the beginning ends like one that goes on
// from the last, takes and refuses the same, and says the same of it; and so does one whose two buffers they are typed in.
func TestReceivedKeyByKey(t *testing.T) {
	for seed := range uint64(300) {
		dice := seeded(seed)
		base := randomText(dice, dice.IntN(10))
		wide := dice.IntN(2) == 0
		people := [2]*Doc{New(base), New(base)}
		fast, slow, both := New(base), New(base), New(base)
		shown, edited := text.New(base), text.New(base) // no clones: a text that was cloned is not typed on
		if dice.IntN(3) == 0 {
			most, which := 60+dice.IntN(100), dice.IntN(3)
			for _, d := range []*Doc{fast, slow, both} {
				*[]*int{&d.limits.text, &d.limits.events, &d.limits.content}[which] = most
			}
		}
		var out [2]Sender
		var in [2][2]Receiver
		var sent [2]Frontier
		var at [2]Frontier // of two buffers of one replica, both
		last, k, broken := [2]int{}, 0, false
		for step := range 200 {
			if dice.IntN(5) == 0 {
				k = dice.IntN(2)
			}
			if dice.IntN(20) == 0 {
				lacking, err := people[1-k].SinceSummary(people[k].Summary())
				if err == nil {
					_, err = people[k].Merge(lacking)
				}
				if err != nil {
					t.Fatal(err)
				}
				at[k] = both.Head()
			}
			for range 1 + dice.IntN(5)/4 {
				p, agent := nextKey(dice, wide, people[k].Text().Len(), &last[k]), Agent(k+1)
				if dice.IntN(20) == 0 {
					agent += 2 // another of their buffers, which stood there too
				}
				mustEdit(t, people[k], agent, people[k].Head(), p)
				if !broken {
					after, head, err := both.Edit(agent, at[k], p)
					if edited.Apply(head); !edited.Equal(both.Text()) {
						t.Fatalf("seed %d, step %d: edited to %q, says %q", seed, step, both.Text(), edited)
					}
					at[k], broken = after, err != nil
				}
			}
			b := people[k].Send(&out[k], nil, sent[k])
			sent[k] = people[k].Head()
			hostile := dice.IntN(100) == 0
			if hostile {
				b[dice.IntN(len(b))] ^= 1 << dice.IntN(8)
			}

			if dice.IntN(6) == 0 && fast.Events() > 0 { // an editor asks what it lacks
				old := Frontier{LV(dice.IntN(fast.Events()))}
				fast.Diff(old, fast.Head())
				fast.Diff(fast.Head(), old)
				if dice.IntN(2) == 0 {
					fast.Diff(old, Frontier{LV(fast.Events() - 1)})
				}
			}
			slow.tracker = nil
			slow.log.names.newest = 0 // nobody: no one goes on
			got, err := receiveOne(fast, &in[0][k], b)
			_, want := receiveOne(slow, &in[1][k], b)
			if !errors.Is(err, want) || !errors.Is(want, err) {
				t.Fatalf("seed %d, step %d: got %v, want %v", seed, step, err, want)
			}
			if shown.Apply(got); !shown.Equal(fast.Text()) || !shown.Equal(slow.Text()) {
				t.Fatalf("seed %d, step %d: got %q, says %q, want %q", seed, step, fast.Text(), shown, slow.Text())
			}
			if err != nil || hostile {
				broken = true
				break
			}
		}
		if !broken && !bytes.Equal(both.Snapshot(), fast.Snapshot()) {
			t.Fatalf("seed %d: edited to %q, received %q", seed, both.Text(), fast.Text())
		}
		if !bytes.Equal(fast.Snapshot(), slow.Snapshot()) {
			t.Fatalf("seed %d: the histories differ", seed)
		}
		for k := range fast.log.ops {
			if o := fast.log.op(k); o.size != o.n && o.size > longWide {
				t.Fatalf("seed %d: an op of %d bytes beyond ASCII", seed, o.size)
			}
		}
		if fast.tracker != nil {
			fast.checkTracker(t)
		}
	}
}

// TestFullTextBeside: what an author who does not know of a deletion may still type is a matter of the text as they see it.
func TestFullTextBeside(t *testing.T) {
	const base = "fifteen letters"
	typist, d := New(base), New(base)
	d.limits.text = len(base) + 5
	mustEdit(t, d, 9, nil, text.Patch{{Del: len(base) - 1}})
	var out Sender
	var in Receiver
	for i := range 6 {
		before := typist.Head()
		mustEdit(t, typist, 1, before, text.Patch{{Pos: i, Ins: "a"}})
		var want error
		if i == 5 {
			want = ErrTooLarge
		}
		if _, err := receiveOne(d, &in, typist.Send(&out, nil, before)); !errors.Is(err, want) {
			t.Errorf("key %d: got error %v, want %v", i, err, want)
		}
	}
	if got := d.Text().String(); got != "aaaaas" {
		t.Errorf("got %q", got)
	}
}

func receiveOne(d *Doc, in *Receiver, b []byte) (text.Patch, error) {
	m, err := in.Read(b)
	if err != nil {
		return nil, err
	}
	return d.Receive(m)
}

// nextKey is what a person does next in a text of n code points: mostly to go on where they were; wide if
// they also write much that is not ASCII.
func nextKey(dice *rand.Rand, wide bool, n int, last *int) text.Patch {
	*last = min(*last, n)
	switch what := dice.IntN(20); {
	case wide && what == 0:
		s := strings.Repeat("wide: é€🦄\n", 1+dice.IntN(300))
		at := dice.IntN(n + 1)
		*last = at
		return text.Patch{{Pos: at, Ins: s}}
	case what < 3:
		*last = dice.IntN(n + 1)
	case what < 7 && *last > 0:
		*last--
		return text.Patch{{Pos: *last, Del: 1}}
	case what < 9 && *last < n:
		return text.Patch{{Pos: *last, Del: min(n-*last, 1+dice.IntN(2))}}
	}
	*last++
	keys := []string{"a", "b", "\n", "é"}
	if !wide {
		keys = keys[:3]
	}
	return text.Patch{{Pos: *last - 1, Ins: keys[dice.IntN(len(keys))]}}
}
