package text

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

var encodings = []Encoding{UTF8, UTF16, UTF32}

func TestEncodingNames(t *testing.T) {
	for _, enc := range encodings {
		if got, ok := ParseEncoding(enc.String()); got != enc || !ok {
			t.Errorf("ParseEncoding(%q) = %v, %v", enc, got, ok)
		}
	}
	for _, name := range []string{"", "utf8", "UTF-8", "utf-7", Encoding(9).String()} {
		if got, ok := ParseEncoding(name); ok {
			t.Errorf("ParseEncoding(%q) = %v, want it unknown", name, got)
		}
	}
}

func TestOffset(t *testing.T) {
	check := func(t *testing.T, text string, enc Encoding, p Position, wantBefore, wantAfter int) {
		t.Helper()
		r := New(text)
		for b, want := range []int{wantBefore, wantAfter} {
			if got, err := r.Offset(p, enc, Bias(b)); got != want || err != nil {
				t.Errorf("%q: Offset(%v, %v, %d) = %d, %v, want %d", text, p, enc, b, got, err, want)
			}
		}
	}
	for _, enc := range encodings {
		check(t, "", enc, Position{0, 0}, 0, 0)
		check(t, "", enc, Position{0, 5}, 0, 0)
		check(t, "ab\ncd", enc, Position{0, 1}, 1, 1)
		check(t, "ab\ncd", enc, Position{0, 2}, 2, 2)
		check(t, "ab\ncd", enc, Position{0, 3}, 2, 2)
		check(t, "ab\ncd", enc, Position{0, 1 << 62}, 2, 2)
		check(t, "ab\ncd", enc, Position{0, -1}, 0, 0)
		check(t, "ab\ncd", enc, Position{1, 0}, 3, 3)
		check(t, "ab\ncd", enc, Position{1, 2}, 5, 5)
		check(t, "ab\ncd", enc, Position{1, 9}, 5, 5)
		check(t, "ab\n", enc, Position{1, 0}, 3, 3) // the line behind a final newline
		check(t, "ab\n", enc, Position{1, 1}, 3, 3)
		check(t, "\n\n", enc, Position{1, 7}, 1, 1)
		check(t, "a\r\nb", enc, Position{0, 9}, 2, 2)
	}
	check(t, "a😀b\n", UTF16, Position{0, 1}, 1, 1)
	check(t, "a😀b\n", UTF16, Position{0, 2}, 1, 2) // between the surrogates
	check(t, "a😀b\n", UTF16, Position{0, 3}, 2, 2)
	check(t, "a😀b\n", UTF16, Position{0, 4}, 3, 3)
	check(t, "a😀b\n", UTF16, Position{0, 5}, 3, 3)
	check(t, "a😀b\n", UTF32, Position{0, 2}, 2, 2)
	check(t, "a😀b\n", UTF8, Position{0, 1}, 1, 1)
	for c := 2; c <= 4; c++ {
		check(t, "a😀b\n", UTF8, Position{0, c}, 1, 2) // within its four bytes
	}
	check(t, "a😀b\n", UTF8, Position{0, 5}, 2, 2)
	check(t, "😀", UTF16, Position{0, 1}, 0, 1)
	check(t, "x\n😀", UTF16, Position{1, 1}, 2, 3)
	check(t, "é\u0301x", UTF8, Position{0, 3}, 1, 2) // a combining mark is a code point of its own
	check(t, "é\u0301x", UTF16, Position{0, 1}, 1, 1)
}

func TestOffsetOfNoLine(t *testing.T) {
	for _, text := range []string{"", "a", "a\nb", strings.Repeat("a\n", 3000)} {
		r := New(text)
		for _, line := range []int{-1, r.Lines(), 1 << 40} {
			if got, err := r.Offset(Position{line, 0}, UTF16, Before); !errors.Is(err, ErrLine) {
				t.Errorf("line %d of %d: Offset = %d, %v, want ErrLine", line, r.Lines(), got, err)
			}
		}
	}
}

func TestPosition(t *testing.T) {
	check := func(t *testing.T, text string, pos int, enc Encoding, want Position) {
		t.Helper()
		if got := New(text).Position(pos, enc); got != want {
			t.Errorf("%q: Position(%d, %v) = %v, want %v", text, pos, enc, got, want)
		}
	}
	check(t, "", 0, UTF16, Position{0, 0})
	check(t, "a\n", 2, UTF16, Position{1, 0})
	check(t, "a\r\nb", 2, UTF16, Position{0, 2})
	check(t, "x\na😀b", 4, UTF8, Position{1, 5})
	check(t, "x\na😀b", 4, UTF16, Position{1, 3})
	check(t, "x\na😀b", 4, UTF32, Position{1, 2})
}

func TestPositionsAgainstModel(t *testing.T) {
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		m := model(randomText(rnd, rnd.IntN(9000)))
		r := New(string(m))
		for range 40 {
			checkPositions(t, rnd, r, m)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// checkPositions compares the conversions at one random place.
func checkPositions(t *testing.T, rnd *rand.Rand, r *Rope, m model) {
	t.Helper()
	pos := rnd.IntN(len(m) + 1)
	for _, enc := range encodings {
		p := m.position(pos, enc)
		if got := r.Position(pos, enc); got != p {
			t.Errorf("Position(%d, %v) = %v, want %v", pos, enc, got, p)
		}
		for _, b := range []Bias{Before, After} {
			if got, err := r.Offset(p, enc, b); got != pos || err != nil {
				t.Errorf("Offset(%v, %v, %d) = %d, %v, want %d", p, enc, b, got, err, pos)
			}
			q := Position{p.Line + rnd.IntN(5) - 2, p.Character + rnd.IntN(9)}
			want, wantErr := m.offset(q, enc, b)
			if got, err := r.Offset(q, enc, b); got != want || err != wantErr {
				t.Errorf("Offset(%v, %v, %d) = %d, %v, want %d, %v", q, enc, b, got, err, want, wantErr)
			}
		}
	}
	byteOffset := len(string(m[:pos]))
	if got := r.ByteOffset(pos); got != byteOffset {
		t.Errorf("ByteOffset(%d) = %d, want %d", pos, got, byteOffset)
	}
	if got := r.RuneOffset(byteOffset, After); got != pos {
		t.Errorf("RuneOffset(%d) = %d, want %d", byteOffset, got, pos)
	}
	if pos < len(m) {
		if got := r.RuneAt(pos); got != m[pos] {
			t.Errorf("RuneAt(%d) = %q, want %q", pos, got, m[pos])
		}
	}
	to := pos + rnd.IntN(len(m)-pos+1)
	if got, want := r.Slice(pos, to), string(m[pos:to]); got != want {
		t.Errorf("Slice(%d, %d) is %d bytes that are not the model's %d", pos, to, len(got), len(want))
	}
}

func TestRuneOffsetInsideACharacter(t *testing.T) {
	r := New("a😀b")
	for i := 2; i <= 4; i++ {
		if got := r.RuneOffset(i, Before); got != 1 {
			t.Errorf("RuneOffset(%d, Before) = %d, want 1", i, got)
		}
		if got := r.RuneOffset(i, After); got != 2 {
			t.Errorf("RuneOffset(%d, After) = %d, want 2", i, got)
		}
	}
}
