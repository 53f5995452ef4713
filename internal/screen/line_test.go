package screen

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestLine(t *testing.T) {
	check := func(input string, most int, want string) {
		t.Helper()
		if got := Line(input, most); got != want {
			t.Errorf("%q: got %q, want %q", input, got, want)
		}
	}
	check("Ana María 🦊", 48, "Ana María 🦊")
	check("Nguyễn", 48, "Nguyễn")
	check("שָׁלוֹם", 48, "שָׁלוֹם")
	check("  a \t\n\u2028 b  ", 48, "a b")
	check("a\x1b[31mred\x9b2J", 48, "a[31mred2J")
	check("a\u009b2Jb", 48, "a2Jb")
	check("\u202egnp.exe\u2066\u061c\u200f", 48, "gnp.exe")
	check("a\u200bb\ufeffc\U000e0041d\u2060", 48, "abcd")
	check("\u3164\u115f\u2800\ufe0f\u034f", 48, "")
	check("\ue000\U000f0000\u0378", 48, "") // private, private, of no meaning
	check("bad\xff\xc3", 48, "bad")
	check("e"+strings.Repeat("\u0301", 40), 48, "e"+strings.Repeat("\u0301", maxMarks))
	check("\u0301\u0302 \u0303x", 48, "x")
	check("abcdef", 3, "abc")
	check("abc def", 4, "abc")
	check(strings.Repeat("é", 50), 48, strings.Repeat("é", 48))
}

func TestSame(t *testing.T) {
	for _, one := range []struct {
		a, b string
		want bool
	}{
		{"Ana", "Ana", true}, {"Ana", "aNA", true}, {"Ana M", "AnaM", true}, {"Ána", "áNA", true}, {"Ana", "Anna", false}, {"", "", true},
	} {
		if got := Same(one.a, one.b); got != one.want {
			t.Errorf("%q and %q: got %v, want %v", one.a, one.b, got, one.want)
		}
	}
}

// FuzzLine: whatever comes from outside, what is left is a line that shows itself.
func FuzzLine(f *testing.F) {
	for _, seed := range []string{"plain", "\x1b[2J", "\u202e", "\U000e0001", "\xff\x9b", "e\u0301\u0301\u0301\u0301\u0301", "a \u0301b"} {
		f.Add(seed, 20)
	}
	f.Fuzz(func(t *testing.T, input string, most int) {
		got := Line(input, most)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > max(most, 0) {
			t.Errorf("%q: got %q, over %d code points or no UTF-8", input, got, most)
		}
		if strings.ContainsFunc(got, Hidden) || strings.TrimSpace(got) != got || strings.Contains(got, "  ") {
			t.Errorf("%q: got %q", input, got)
		}
		for _, r := range got {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || unicode.Is(unicode.Cf, r) {
				t.Errorf("%q: %U is left in %q", input, r, got)
			}
		}
		if again := Line(got, most); again != got {
			t.Errorf("%q: got %q, and of that %q", input, got, again)
		}
	})
}
