package text

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// source is n bytes that look like a program, now and then with letters beyond ASCII.
func source(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		b.WriteString("\tif value, ok := table[key]; ok { return value }\n")
		if i%40 == 0 {
			b.WriteString("// Größe in Zeichen, nicht in Bytes 😀\n")
		}
	}
	return b.String()
}

// BenchmarkTyping is one keystroke: people type on at one place, and now and then elsewhere.
func BenchmarkTyping(b *testing.B) {
	for _, c := range []struct{ name, text, key string }{
		{"empty", "", "x"},
		{"64KiB", source(64 << 10), "x"},
		{"1MiB", source(1 << 20), "x"},
		{"1MiB-é", strings.Repeat("é\n", 1<<18), "é"},
	} {
		b.Run(c.name, func(b *testing.B) {
			rnd := rand.New(rand.NewPCG(1, 1))
			r := New(c.text)
			pos := r.Len() / 2
			b.ReportAllocs()
			for i := range b.N {
				if i%100 == 0 {
					pos = rnd.IntN(r.Len() + 1)
				}
				r.Insert(pos, c.key)
				pos++
			}
		})
	}
}

// BenchmarkRandomInsert is a keystroke at a place that is never where the last one was.
func BenchmarkRandomInsert(b *testing.B) {
	rnd := rand.New(rand.NewPCG(1, 2))
	r := New(source(1 << 20))
	b.ReportAllocs()
	for range b.N {
		r.Insert(rnd.IntN(r.Len()+1), "x")
	}
}

// BenchmarkTrace is a whole recorded session; the time for one edit is reported beside it.
func BenchmarkTrace(b *testing.B) {
	for _, name := range []string{"sveltecomponent", "friendsforever_flat"} {
		b.Run(name, func(b *testing.B) {
			tr := readTrace(b, name)
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				r := New(tr.start)
				for _, e := range tr.edits {
					r.Replace(e.Pos, e.Del, e.Ins)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(tr.edits)), "ns/edit")
		})
	}
}

func BenchmarkLoad32MiB(b *testing.B) {
	s := source(32 << 20)
	b.SetBytes(int64(len(s)))
	b.ReportAllocs()
	for b.Loop() {
		New(s)
	}
}

// BenchmarkPosition is one conversion at a random place of 1 MiB.
func BenchmarkPosition(b *testing.B) {
	r := New(source(1 << 20))
	rnd := rand.New(rand.NewPCG(1, 3))
	places := make([]int, 1024)
	for i := range places {
		places[i] = rnd.IntN(r.Len())
	}
	for _, enc := range encodings {
		b.Run("from-offset/"+enc.String(), func(b *testing.B) {
			for i := range b.N {
				r.Position(places[i%len(places)], enc)
			}
		})
		b.Run("to-offset/"+enc.String(), func(b *testing.B) {
			positions := make([]Position, len(places))
			for i, pos := range places {
				positions[i] = r.Position(pos, enc)
			}
			b.ResetTimer()
			for i := range b.N {
				if _, err := r.Offset(positions[i%len(positions)], enc, Before); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkClone is what a lagging editor costs: a clone and the first keystroke in it.
func BenchmarkClone(b *testing.B) {
	r := New(source(1 << 20))
	b.ReportAllocs()
	for range b.N {
		r.Clone().Insert(500_000, "x")
	}
}

func BenchmarkEqualOfClones(b *testing.B) {
	r := New(source(32 << 20))
	c := r.Clone()
	c.Insert(1000, "x")
	r.Insert(1000, "x")
	for b.Loop() {
		if !r.Equal(c) {
			b.Fatal("not equal")
		}
	}
}

func BenchmarkSHA256of1MiB(b *testing.B) {
	r := New(source(1 << 20))
	b.SetBytes(int64(r.Size()))
	for b.Loop() {
		hashOf(r)
	}
}

func BenchmarkDiff32MiB(b *testing.B) {
	s := source(32 << 20)
	edited := func(s string, changes int) string {
		r := New(s)
		for i := range changes {
			r.Replace(i*(r.Len()/changes)+10, 3, "changed")
		}
		return r.String()
	}
	oneLine := strings.ReplaceAll(s, "\n", " ")
	for _, c := range []struct{ name, a, b string }{
		{"3-changes", s, edited(s, 3)},
		{"1000-changes", s, edited(s, 1000)},
		{"one-line-100-changes", oneLine, edited(oneLine, 100)},
		{"unrelated", s, strings.Repeat("nothing of it, in many lines, is in there\n", 32<<20/42)},
		{"unrelated-one-line", strings.Repeat("qwertzuiop", 1<<20), strings.Repeat("asdfghjklyxcvbnm", 1<<20)},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				Diff(c.a, c.b)
			}
		})
	}
}

// BenchmarkCompose adds a keystroke to a patch of 100 edits, as happens while an editor is asked.
func BenchmarkCompose(b *testing.B) {
	var p Patch
	for i := range 100 {
		p = append(p, Edit{i * 50, 2, "some words"})
	}
	key := Patch{{2500, 0, "x"}}
	b.ReportAllocs()
	for b.Loop() {
		Compose(p, key)
	}
}
