package main

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestPlain(t *testing.T) {
	check := func(input, want string) {
		t.Helper()
		if got := plain(input); got != want {
			t.Errorf("%q: got %q, want %q", input, got, want)
		}
	}
	check("Ana María 🦊", "Ana María 🦊")
	check("a\x1b[31mred\x1b[0m", "a\ufffd[31mred\ufffd[0m")
	check("one\r\ntwo\tthree\u2028four", "one  two three four")
	check("\u202egnp.exe", "gnp.exe")
	check("a\u200bb\ufeffc\U000e0041", "abc")
	check("c1\u009b2J", "c1\ufffd2J")
	check("bad\xff", "bad\ufffd")
	check("  ", "")
	check(strings.Repeat("é", maxPlain), strings.Repeat("é", maxPlain))
	check(strings.Repeat("é", maxPlain+1), strings.Repeat("é", maxPlain)+"…")
}

func TestPlainText(t *testing.T) {
	got := plainText("a\tb\r\nc\x1b]0;title\x07\u202ed\n")
	if want := "a\tb\nc\ufffd]0;title\ufffd\ufffdd\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FuzzPlain: whatever comes from outside can't steer the terminal, and a program still reads it from the JSON as it was.
func FuzzPlain(f *testing.F) {
	for _, seed := range []string{"plain", "\x1b[2J", "\u202e", "\U000e0001", "\xff\x9b", "<&>\u2028"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input string) {
		line, err := jsonLine(input)
		if err != nil {
			t.Fatal(err)
		}
		for _, shown := range []string{plain(input), strings.TrimSuffix(string(line), "\n")} {
			for _, r := range shown {
				if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
					t.Errorf("%q: %U reaches the terminal in %q", input, r, shown)
				}
			}
		}
		var back string
		if err := json.Unmarshal(line, &back); err != nil {
			t.Fatalf("%q: %v in %s", input, err, line)
		}
		if utf8.ValidString(input) && back != input {
			t.Errorf("got %q back, want %q", back, input)
		}
	})
}
