package crdt

import (
	"testing"

	"earshot/internal/text"
)

// BenchmarkTyping: one keystroke of a local editor that has seen everything, beside the rope alone.
func BenchmarkTyping(b *testing.B) {
	tr := readTrace(b, "automerge-paper")
	var patches []text.Patch
	for _, txn := range tr.Txns {
		for _, p := range txn.Patches {
			patches = append(patches, text.Patch{{Pos: p.pos, Del: p.del, Ins: p.ins}})
		}
	}
	perEdit := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(patches)), "ns/edit")
		b.ReportAllocs()
	}
	b.Run("Doc", func(b *testing.B) {
		for b.Loop() {
			d := New("")
			for _, p := range patches {
				if _, _, err := d.Edit(1, d.Head(), p); err != nil {
					b.Fatal(err)
				}
			}
		}
		perEdit(b)
	})
	b.Run("rope alone", func(b *testing.B) {
		for b.Loop() {
			r := text.New("")
			for _, p := range patches {
				r.Replace(p[0].Pos, p[0].Del, p[0].Ins)
			}
		}
		perEdit(b)
	})
}

// BenchmarkLoad: a newcomer reads a Snapshot.
func BenchmarkLoad(b *testing.B) {
	for _, name := range []string{"automerge-paper", "sveltecomponent", "friendsforever"} {
		b.Run(name, func(b *testing.B) {
			tr := readTrace(b, name)
			d := New("")
			tr.play(b, d, nil)
			snapshot := d.Snapshot()
			b.ReportMetric(float64(len(snapshot)), "bytes")
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Load(snapshot); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkLive: a real session of two, one message for each keystroke; "record" is the author's side, "send" with
// the message, "receive" another replica's.
func BenchmarkLive(b *testing.B) {
	tr := readTrace(b, "friendsforever")
	var messages [][]byte
	var out Sender
	d, size := New(""), 0
	tr.play(b, d, func(before Frontier) {
		m := d.Send(&out, nil, before)
		messages = append(messages, m)
		size += len(m)
	})
	perMessage := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(messages)), "ns/message")
		b.ReportAllocs()
	}
	b.Run("record", func(b *testing.B) {
		for b.Loop() {
			tr.play(b, New(""), nil)
		}
		perMessage(b)
	})
	b.Run("send", func(b *testing.B) {
		var buffer []byte
		for b.Loop() {
			var out Sender
			d := New("")
			tr.play(b, d, func(before Frontier) { buffer = d.Send(&out, buffer[:0], before) })
		}
		perMessage(b)
	})
	b.Run("receive", func(b *testing.B) {
		for b.Loop() {
			var in Receiver
			d := New("")
			for _, m := range messages {
				read, err := in.Read(m)
				if err == nil {
					_, err = d.Receive(read)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		}
		perMessage(b)
		b.ReportMetric(float64(size)/float64(len(messages)), "bytes/message")
	})
}

// BenchmarkBranches: two people type 3000 characters each without seeing one another; then one message.
func BenchmarkBranches(b *testing.B) {
	mine, theirs := New("a text"), New("a text")
	for i := range 3000 {
		for agent, d := range []*Doc{mine, theirs} {
			pos := i * 7919 % (d.Text().Len() + 1)
			if _, _, err := d.Edit(Agent(agent), d.Head(), text.Patch{{Pos: pos, Ins: "x"}}); err != nil {
				b.Fatal(err)
			}
		}
	}
	snapshot, branch := mine.Snapshot(), theirs.Since(nil)
	b.Run("one message", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			d, err := Load(snapshot)
			if err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			merge(b, d, branch)
		}
	})
	merge(b, mine, branch)
	both := mine.Snapshot()
	b.Run("load both", func(b *testing.B) {
		for b.Loop() {
			if _, err := Load(both); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkLaggingEditor: what an editor must be told that is behind by some events of another's.
func BenchmarkLaggingEditor(b *testing.B) {
	d, err := Load(func() []byte { d := New(""); readTrace(b, "friendsforever").play(b, d, nil); return d.Snapshot() }())
	if err != nil {
		b.Fatal(err)
	}
	seen := d.Head()
	editor := seen
	for i := range 100 {
		_, _, _ = d.Edit(100, d.Head(), text.Patch{{Pos: i * 31 % d.Text().Len(), Ins: "y"}})
		editor, _, _ = d.Edit(200, editor, text.Patch{{Pos: i, Ins: "z"}})
	}
	b.Run("Diff", func(b *testing.B) {
		for b.Loop() {
			d.Diff(editor, d.Head())
		}
	})
	b.Run("FirstStep", func(b *testing.B) {
		for b.Loop() {
			d.FirstStep(editor, d.Head())
		}
	})
	b.Run("TextAt", func(b *testing.B) {
		for b.Loop() {
			d.TextAt(editor)
		}
	})
}
