package text

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// script reads decisions from a fuzzer's bytes; when they are used up, all of them are 0.
type script []byte

func (s *script) next(n int) int {
	if len(*s) == 0 || n <= 0 {
		return 0
	}
	c := int((*s)[0])
	*s = (*s)[1:]
	return c % n
}

// wide reads a number below n from two bytes.
func (s *script) wide(n int) int {
	if n <= 0 {
		return 0
	}
	return (s.next(256)<<8 | s.next(256)) % n
}

func (s *script) text() string {
	pieces := []string{"", "a", "\n", "é", "\u0301", "€", "😀", "\r\n", "word ", strings.Repeat("ab😀\n", 90), strings.Repeat("x", 1100)}
	return strings.Repeat(pieces[s.next(len(pieces))], s.next(4))
}

func (s *script) patch(n int) Patch {
	var edits []Edit
	for pos := s.next(6); pos <= n && len(edits) < 5; {
		e := Edit{pos, min(s.next(5), n-pos), s.text()}
		edits = append(edits, e)
		pos = e.end() + s.next(6)
		if len(*s) == 0 {
			break
		}
	}
	p, ok := NewPatch(edits...)
	if !ok {
		panic("edits overlap")
	}
	return p
}

// FuzzRope makes edits, clones and conversions as the bytes say, and compares with the model.
func FuzzRope(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte("\x00\x00\x00\x0a\x03\x01\x00\x10\x02\x03\x00\x00\x05"))
	f.Add([]byte("\x00\x00\x00\x09\x03\x02\x00\x00\x03\x00\x80\x01\x01\x00\x20\x06\x02\x01\x00\x00\x01\xff"))
	f.Fuzz(func(t *testing.T, input []byte) {
		s := script(input)
		r, m := New(""), model(nil)
		old, oldModel := r.Clone(), m
		for len(s) > 0 && len(m) < 50_000 {
			pos := s.wide(len(m) + 1)
			switch s.next(5) {
			case 0, 1:
				ins := s.text()
				r.Insert(pos, ins)
				m = m.replace(pos, 0, ins)
			case 2:
				del, ins := min(s.wide(3000), len(m)-pos), s.text()
				r.Replace(pos, del, ins)
				m = m.replace(pos, del, ins)
			case 3:
				old, oldModel = r.Clone(), m
			case 4:
				enc := Encoding(s.next(3))
				want := m.position(pos, enc)
				if got := r.Position(pos, enc); got != want {
					t.Fatalf("Position(%d, %v) = %v, want %v", pos, enc, got, want)
				}
				want.Character += s.next(4)
				wantPos, _ := m.offset(want, enc, After)
				if got, err := r.Offset(want, enc, After); got != wantPos || err != nil {
					t.Fatalf("Offset(%v, %v) = %d, %v, want %d", want, enc, got, err, wantPos)
				}
			}
		}
		checkRope(t, r, m)
		checkRope(t, old, oldModel)
	})
}

// FuzzPatch checks the laws of three patches made as the bytes say.
func FuzzPatch(f *testing.F) {
	f.Add([]byte("\x05\x02\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c"))
	f.Add([]byte("\x08\x03\x01\x02\x06\x01\x00\x00\x03\x06\x02\x01\x04\x05\x00\x00\x01\x01\x00\x02\x02"))
	f.Fuzz(func(t *testing.T, input []byte) {
		s := script(input)
		a := model(s.text() + s.text())
		p := s.patch(len(a))
		b := a.apply(p)
		q := s.patch(len(b))
		c := b.apply(q)
		r := s.patch(len(c))
		checkAlgebra(t, []model{a, b, c, c.apply(r)}, p, q, r)
	})
}

// FuzzNewPatch gives edits of any kind: what is taken is in order and has the effect of all of them.
func FuzzNewPatch(f *testing.F) {
	f.Add([]byte("\x08\x03\x01\x02\x06\x01\x00\x00\x03\x06\x02\x01"))
	f.Fuzz(func(t *testing.T, input []byte) {
		s := script(input)
		var edits []Edit
		delta := 0
		for len(s) > 0 && len(edits) < 20 {
			edits = append(edits, Edit{s.next(30) - 1, s.next(4), s.text()})
			delta += edits[len(edits)-1].delta()
		}
		given := slices.Clone(edits)
		if p, ok := NewPatch(edits...); ok {
			checkNormal(t, p, 40)
			if p.LenDelta() != delta {
				t.Errorf("NewPatch(%v) = %v", edits, p)
			}
		}
		if !slices.Equal(given, edits) {
			t.Errorf("NewPatch changed its arguments")
		}
	})
}

// FuzzDiff checks that the patch leads from one text to the other and cuts nothing.
func FuzzDiff(f *testing.F) {
	f.Add("", "")
	f.Add("one\ntwo\nthree\n", "one\n2\nthree")
	f.Add("a😀b\r\n", "a😁é\n")
	f.Fuzz(func(t *testing.T, a, b string) {
		if !utf8.ValidString(a) || !utf8.ValidString(b) {
			t.Skip()
		}
		for _, e := range checkDiff(t, a, b) {
			if !utf8.ValidString(e.Ins) {
				t.Errorf("Diff(%q, %q) inserts %q", a, b, e.Ins)
			}
		}
		if p := Diff(a, b); !slices.Equal(p, Diff(a, b)) {
			t.Errorf("Diff(%q, %q) is not always the same", a, b)
		}
	})
}
