package introduction

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestCodeRoundTrip(t *testing.T) {
	random := newStream("codes")
	seen := map[string]bool{}
	for range 1000 {
		room, err := NewRoom(random)
		if err != nil {
			t.Fatal(err)
		}
		c, err := NewCode(room, random)
		if err != nil {
			t.Fatal(err)
		}
		text := c.Reveal()
		got, err := ParseCode(text)
		if err != nil || got != c || got.Room() != room || !bytes.Equal(got.Secret(), c.Secret()) {
			t.Fatalf("parse %s: got %s, %v", text, got.Reveal(), err)
		}
		if len(text) != 11 || text[4] != '-' || !strings.HasPrefix(text, room) {
			t.Fatalf("code %q has not the form XXXX-YYYYYC with the room %s", text, room)
		}
		if bytes.Compare(c.Secret(), []byte{1, 255, 255, 255}) > 0 || len(c.Secret()) != 4 {
			t.Fatalf("secret %x is not of 25 bits", c.Secret())
		}
		seen[text] = true
	}
	if len(seen) < 999 {
		t.Errorf("%d different codes of 1000", len(seen))
	}
}

// The check symbol is fixed for ever: codes of one version must be read by the next.
func TestParseCode(t *testing.T) {
	const code = "A4X9-K2M7D1"
	if got := codeOf(values(t, "A4X9K2M7D0")).Reveal(); got != code {
		t.Fatalf("check symbol of A4X9-K2M7D: got %s, want %s", got, code)
	}
	check := func(typed string, want string) {
		t.Helper()
		c, err := ParseCode(typed)
		if c.Reveal() != want || errors.Is(err, ErrBadCode) == (want != "") {
			t.Errorf("parse %q: got %q, %v, want %q", typed, c.Reveal(), err, want)
		}
	}
	check(code, code)
	check("#A4X9-K2M7D1", code)
	check(" a4x9 k2m7d1\n", code)
	check("# a4x9k2m7d1", code)
	check("A4-X9-K2-M7-D1", code)
	check("A4X9–K2M7D1", code)
	check("A4X9\u00a0K2M7D1", code)
	check("a4x9-k2m7dl", code)
	check("A4X9-K2M7DI", code)
	check("O000-00o000", "0000-000000")
	check("", "")
	check("A4X9", "")
	check("A4X9-K2M7D", "")
	check("A4X9-K2M7D11", "")
	check("A4X9-K2M7D2", "")
	check("A4X9-K2M7U1", "")
	check("##A4X9-K2M7D1", "")
	check("A4X9_K2M7D1", "")
	check("Á4X9-K2M7D1", "")
	check("A4X9-K2M7D\xff", "")
	check(strings.Repeat(" ", maxTyped)+code, "")
}

func values(t *testing.T, symbols string) []byte {
	t.Helper()
	out := make([]byte, len(symbols))
	for i := range len(symbols) {
		v, ok := value(symbols[i])
		if !ok {
			t.Fatalf("no symbol: %q", symbols[i])
		}
		out[i] = v
	}
	return out
}

// fits tells whether ten values have the right check symbol.
func fits(v []byte) bool { return checkSymbol(v[:codeSymbols-1]) == v[codeSymbols-1] }

// Every wrong symbol and every exchange of two symbols is caught. The sum is linear, so whether an error is caught
// depends on nothing but where it is and on the symbols that are wrong: over all of those, this is complete.
func TestCheckSymbolIsComplete(t *testing.T) {
	right := values(t, "A4X9K2M7D1")
	if !fits(right) {
		t.Fatal("the right code does not fit")
	}
	for at := range right {
		for wrong := range byte(32) {
			v := bytes.Clone(right)
			v[at] = wrong
			if wrong != right[at] && fits(v) {
				t.Errorf("symbol %d as %d is not noticed", at, wrong)
			}
		}
	}
	for i := range codeSymbols {
		for j := range i {
			for a := range byte(32) {
				for b := range a {
					v := completed(i, j, a, b)
					if !fits(v) {
						t.Fatalf("no code with %d at %d and %d at %d", a, i, b, j)
					}
					v[i], v[j] = v[j], v[i]
					if fits(v) {
						t.Errorf("exchange of %d at %d and %d at %d is not noticed", a, i, b, j)
					}
				}
			}
		}
	}
}

// completed gives a right code with a at i and b at j: some third symbol makes it right.
func completed(i, j int, a, b byte) []byte {
	v := make([]byte, codeSymbols)
	v[i], v[j] = a, b
	third := 0
	for third == i || third == j {
		third++
	}
	for v[third] = 0; v[third] < 31 && !fits(v); v[third]++ {
	}
	return v
}

func testLink(t testing.TB, server string) Link {
	t.Helper()
	key := ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey)
	l, err := NewLink(server, testRoom, key, newStream("link"))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLink(t *testing.T) {
	l := testLink(t, "wss://example.org/earshot")
	text := l.Reveal()
	if !strings.HasPrefix(text, "https://example.org/earshot/j#A4X9-") || len(text) != len("https://example.org/earshot/j#A4X9-")+26+1+26 {
		t.Errorf("link: got %s", text)
	}
	for _, pasted := range []string{text, " " + text + "\n", strings.Replace(text, "https", "wss", 1), lowerFragment(text)} {
		got, err := ParseLink(pasted)
		if err != nil || got != l {
			t.Errorf("parse %q: got %q, %v, want %q", pasted, got.Reveal(), err, text)
		}
	}
	if l.Server() != "wss://example.org/earshot" || l.Room() != testRoom || len(l.Secret()) != 16 {
		t.Errorf("parts: got %s, %s, %d bytes", l.Server(), l.Room(), len(l.Secret()))
	}
	if !IsLink(text) || IsLink("A4X9-K2M7D1") {
		t.Error("IsLink mistakes a link for a code")
	}
}

func lowerFragment(link string) string {
	place, fragment, _ := strings.Cut(link, "#")
	return place + "#" + strings.ToLower(fragment)
}

func TestBadLinks(t *testing.T) {
	good := testLink(t, "ws://10.0.0.1:47300").Reveal()
	place, fragment, _ := strings.Cut(good, "#")
	secret := fragment[5:31]
	for _, pasted := range []string{
		"", "#", place, fragment, place + "#", place + "#" + fragment + "0", place + "#" + fragment[1:],
		strings.Replace(good, "/j#", "/k#", 1), strings.Replace(good, "http", "ftp", 1), strings.Replace(good, ".", "-", 9),
		strings.Replace(good, "A4X9", "A4XU", 1), strings.Replace(good, "http://", "http://user:word@", 1),
		strings.Replace(good, "/j#", "?x=/j#", 1), strings.Replace(good, secret, secret[:25]+"Z", 1),
		"http://" + strings.Repeat("h", maxLink) + "/j#" + fragment,
	} {
		if l, err := ParseLink(pasted); !errors.Is(err, ErrBadLink) {
			t.Errorf("parse %q: got %q, %v, want ErrBadLink", pasted, l.Reveal(), err)
		}
	}
	if _, err := NewLink("ws://h", "a4x9", nil, newStream("")); !errors.Is(err, ErrBadLink) {
		t.Errorf("link to no room: got %v, want ErrBadLink", err)
	}
}

func TestServerURL(t *testing.T) {
	check := func(address, want string) {
		t.Helper()
		got, err := ServerURL(address)
		if got != want || errors.Is(err, ErrBadServer) == (want != "") {
			t.Errorf("server %q: got %q, %v, want %q", address, got, err, want)
		}
	}
	check("ws://h", "ws://h")
	check("http://H:80/", "ws://h")
	check("https://h:443/p/", "wss://h/p")
	check("wss://h:80", "wss://h:80")
	check("ws://h:443/p/q", "ws://h:443/p/q")
	check("ws://[FD00::1]:47300", "ws://[fd00::1]:47300")
	check(" wss://h ", "wss://h")
	for _, bad := range []string{"", "h", "h:47300", "//h", "ftp://h", "ws://", "ws://:80", "ws:h", "ws://h:", "ws://u@h", "ws://h?q",
		"ws://h?", "ws://h#f", "ws://h#", "ws://h:port", "ws://h/%zz", "ws://" + strings.Repeat("h", maxLink)} {
		check(bad, "")
	}
}

// Neither a code nor a link comes out of any verb or encoder.
func TestSecretsAreNotPrinted(t *testing.T) {
	c := codeOf(values(t, "A4X9K2M7D1"))
	l := testLink(t, "ws://h")
	for _, v := range []any{c, &c, l, &l, []any{c}, struct{ C Code }{c}, map[string]Link{"l": l}} {
		encoded, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
			out := fmt.Sprintf(verb, v) + string(encoded)
			for _, secret := range []string{"A4X9", "K2M7", fmt.Sprint(c.secret), fmt.Sprintf("%x", c.secret), l.Reveal()[20:40]} {
				if strings.Contains(out, secret) {
					t.Errorf("%s of %T prints a secret: %s", verb, v, out)
				}
			}
		}
	}
}

func TestNoRandomness(t *testing.T) {
	none := strings.NewReader("")
	if _, err := NewRoom(none); err == nil {
		t.Error("a room was drawn from nothing")
	}
	if _, err := NewCode(testRoom, none); err == nil {
		t.Error("a code was drawn from nothing")
	}
	if _, err := NewLink("ws://h", testRoom, nil, none); err == nil {
		t.Error("a link was drawn from nothing")
	}
	if _, err := NewCode("a4x9", newStream("")); !errors.Is(err, ErrBadCode) {
		t.Errorf("code for no room: got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("A4X9-K2M7D1")
	f.Add("#a4x9 k2m7dl")
	f.Add(testLink(f, "wss://example.org/p").Reveal())
	f.Fuzz(func(t *testing.T, typed string) {
		if c, err := ParseCode(typed); err == nil {
			if again, err := ParseCode(c.Reveal()); err != nil || again != c {
				t.Fatalf("code %q: its own text gives %v", typed, err)
			}
		} else if !errors.Is(err, ErrBadCode) {
			t.Fatalf("code %q: %v", typed, err)
		}
		if l, err := ParseLink(typed); err == nil {
			if again, err := ParseLink(l.Reveal()); err != nil || again != l {
				t.Fatalf("link %q: its own text %q gives %v", typed, l.Reveal(), err)
			}
		} else if !errors.Is(err, ErrBadLink) {
			t.Fatalf("link %q: %v", typed, err)
		}
		if s, err := ServerURL(typed); err == nil {
			if again, err := ServerURL(s); err != nil || again != s {
				t.Fatalf("server %q: its own spelling %q gives %q, %v", typed, s, again, err)
			}
		}
	})
}

func TestM2Guesses(t *testing.T) {
	var g Guesses
	for n := 1; n <= GuessesPerShare; n++ {
		if g.Burnt() {
			t.Fatalf("burnt before guess %d", n)
		}
		g.Wrong(KindLink)
		g.Wrong(KindResume)
		g.Wrong(KindCode)
		if burnt := n%GuessesPerCode == 0 || n == GuessesPerShare; g.Burnt() != burnt {
			t.Fatalf("after guess %d: burnt %v, want %v", n, g.Burnt(), burnt)
		}
		if g.Burnt() && n < GuessesPerShare {
			g.Renew()
		}
	}
	if g.Renew(); !g.Burnt() || !g.Stopped() {
		t.Error("a fresh code works although the share has used up its guesses")
	}
	if g.Rearm(); g.Burnt() || g.Stopped() || g.Count() != 0 {
		t.Error("rearmed and renewed, and still burnt")
	}
}
