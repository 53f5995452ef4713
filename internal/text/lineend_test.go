package text

import (
	"math/rand/v2"
	"testing"
)

func TestLineEnds(t *testing.T) {
	check := func(t *testing.T, s string, want LineEnd, wantLF string) {
		t.Helper()
		e := DetectLineEnd(s)
		if e != want || e.ToLF(s) != wantLF {
			t.Errorf("%q: %v, %q, want %v, %q", s, e, e.ToLF(s), want, wantLF)
		}
		if got := e.FromLF(e.ToLF(s)); got != s {
			t.Errorf("%q comes back as %q", s, got)
		}
	}
	check(t, "", LF, "")
	check(t, "a", LF, "a")
	check(t, "a\nb\n", LF, "a\nb\n")
	check(t, "\r\n", CRLF, "\n")
	check(t, "a\r\nb", CRLF, "a\nb")
	check(t, "a\r\n\r\n", CRLF, "a\n\n")
	check(t, "a\r\nb\n", LF, "a\r\nb\n")
	check(t, "a\rb\r\n", LF, "a\rb\r\n")
	check(t, "a\r\r\n", LF, "a\r\r\n")
	check(t, "a\r", LF, "a\r")
	check(t, "\n\r", LF, "\n\r")
}

func TestLineEndsComeBack(t *testing.T) {
	rnd := rand.New(rand.NewPCG(4, 4))
	for range 5000 {
		s := ""
		for range rnd.IntN(6) {
			s += []string{"\r\n", "\r\n", "\r\n", "\n", "\r", "x"}[rnd.IntN(6)]
		}
		e := DetectLineEnd(s)
		if got := e.FromLF(e.ToLF(s)); got != s {
			t.Fatalf("%q (%v) comes back as %q", s, e, got)
		}
	}
}

func TestLineEndNames(t *testing.T) {
	if LF.String() != "lf" || CRLF.String() != "crlf" {
		t.Errorf("names are %v, %v", LF, CRLF)
	}
}
