package docpath

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"earshot/internal/threat"
)

// asUnix walks along s from a folder, as the kernel does, and gives the names below the folder; false if it was ever
// left, or was not left at the end for something in it.
func asUnix(s string) (names []string, inside bool) {
	if strings.HasPrefix(s, "/") || strings.Contains(s, "\x00") {
		return nil, false
	}
	for name := range strings.SplitSeq(s, "/") {
		switch name {
		case "", ".":
		case "..":
			if len(names) == 0 {
				return nil, false
			}
			names = names[:len(names)-1]
		default:
			names = append(names, name)
		}
	}
	return names, len(names) > 0
}

var devices = []string{"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"}

// asWindows walks along s as Win32 does.
func asWindows(s string) (names []string, inside bool) {
	s = strings.ReplaceAll(s, "/", `\`)
	if strings.HasPrefix(s, `\`) || strings.ContainsAny(s, "\x00:") { // rooted, a server, a device; a drive, a stream
		return nil, false
	}
	for name := range strings.SplitSeq(s, `\`) {
		if name == ".." {
			if len(names) == 0 {
				return nil, false
			}
			names = names[:len(names)-1]
			continue
		}
		for strings.HasSuffix(name, ".") || strings.HasSuffix(name, " ") {
			name = name[:len(name)-1]
		}
		if name == "" {
			continue
		}
		stem := name
		if dot := strings.IndexByte(name, '.'); dot >= 0 {
			stem = name[:dot]
		}
		for strings.HasSuffix(stem, " ") {
			stem = stem[:len(stem)-1]
		}
		for _, device := range devices {
			if strings.EqualFold(stem, device) {
				return nil, false
			}
		}
		for _, port := range []string{"COM", "LPT"} {
			for _, digit := range []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "¹", "²", "³"} {
				if strings.EqualFold(stem, port+digit) {
					return nil, false
				}
			}
		}
		names = append(names, name)
	}
	return names, len(names) > 0
}

// hidden are the characters that leave no trace on a screen, or turn what stands beside them round: Cc, Cf, Zl, Zp and
// what Unicode 15 lists as ignorable by default, but for variation selectors.
var hidden = [][2]rune{
	{0, 0x1f}, {0x7f, 0x9f}, {0xad, 0xad}, {0x34f, 0x34f}, {0x600, 0x605}, {0x61c, 0x61c}, {0x6dd, 0x6dd}, {0x70f, 0x70f},
	{0x890, 0x891}, {0x8e2, 0x8e2}, {0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e},
	{0x2060, 0x206f}, {0x3164, 0x3164}, {0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xfff0, 0xfffb}, {0x110bd, 0x110bd},
	{0x110cd, 0x110cd}, {0x13430, 0x1343f}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe00ff}, {0xe01f0, 0xe0fff},
}

var selectors = [][2]rune{{0x180b, 0x180d}, {0x180f, 0x180f}, {0xfe00, 0xfe0f}, {0xe0100, 0xe01ef}}

func within(r rune, ranges [][2]rune) bool {
	return slices.ContainsFunc(ranges, func(between [2]rune) bool { return between[0] <= r && r <= between[1] })
}

// bySteps is what Parse promises, said once more without it: every system reads s as the same names, one below the other,
// and so does a person.
func bySteps(s string) bool {
	if len(s) > 4096 || !utf8.ValidString(s) {
		return false
	}
	seen := strings.Split(s, "/")
	unix, inside := asUnix(s)
	windows, insideToo := asWindows(s)
	if !inside || !insideToo || !slices.Equal(unix, seen) || !slices.Equal(windows, seen) {
		return false
	}
	before := '/'
	for _, r := range s {
		if within(r, hidden) || within(r, selectors) && before < 0x80 && !strings.ContainsRune("0123456789#*", before) {
			return false
		}
		before = r
	}
	return !slices.ContainsFunc(seen, func(name string) bool { return len(name) > 255 })
}

// seeded gives chance that a failing test names.
func seeded(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 8))
}

// TestA8HostilePaths draws paths as an attacker would send them: Parse takes those, and only those, that lead below the
// folder by one way of reading them on every system.
func TestA8HostilePaths(t *testing.T) {
	r := seeded(t)
	taken, total := 0, threat.Times(20_000, 10_000_000)
	for range total {
		s := threat.Path(r)
		p, err := Parse(s)
		if want := bySteps(s); (err == nil) != want {
			t.Fatalf("Parse(%q) = %v; step by step it is %v", s, err, want)
		}
		if err != nil {
			if kind := kindOf(err); kind != OutsideFolder && kind != Excluded {
				t.Fatalf("Parse(%q): kind %q", s, kind)
			}
			continue
		}
		taken++
		if p.String() != s || p.Dir().String() != strings.TrimSuffix(strings.TrimSuffix(s, p.Base()), "/") {
			t.Fatalf("Parse(%q) = %q, in %q, called %q", s, p, p.Dir(), p.Base())
		}
	}
	if taken < total/50 || taken > total*9/10 {
		t.Errorf("%d of %d were taken: the draw shows little", taken, total)
	}
	t.Logf("%d paths, %d taken", total, taken)
}

// TestA8EveryCharacter puts each character alone, first, within and last.
func TestA8EveryCharacter(t *testing.T) {
	most := rune(threat.Times(0x3200, utf8.MaxRune))
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if r > most && !within(r, [][2]rune{{0xe0000, 0xe0fff}}) {
			continue
		}
		for _, form := range []string{"%c", "%ca", "a%ca", "a/é%c"} {
			s := fmt.Sprintf(form, r)
			if _, err := Parse(s); (err == nil) != bySteps(s) {
				t.Errorf("U+%04X: Parse(%q) = %v; step by step it is %v", r, s, err, bySteps(s))
			}
		}
	}
}

// TestA8EncodedPaths writes hostile paths as URIs, each byte as itself or encoded, once or twice: the URI names what the
// path names that it holds once decoded, as the standard library decodes it, or is refused like it.
func TestA8EncodedPaths(t *testing.T) {
	r := seeded(t)
	for range threat.Times(5_000, 2_000_000) {
		path := encoded(r, threat.Path(r))
		if r.IntN(4) == 0 {
			path = encoded(r, path)
		}
		uri := "earshot://abcdefghij/" + path
		plain, err := url.PathUnescape(path)
		if err != nil {
			t.Fatal(err)
		}
		_, got, gotErr := ParseSessionURI(uri)
		want, wantErr := Parse(plain)
		if plain == "" {
			wantErr = nil // the folder itself
		}
		if got != want || kindOf(gotErr) != kindOf(wantErr) {
			t.Fatalf("%q: %q, %v; decoded it is %q: %q, %v", uri, got, gotErr, plain, want, wantErr)
		}
	}
}

// encoded writes some bytes of s as a percent sign and two digits, and all that must be.
func encoded(r *rand.Rand, s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c != '%' && c != '?' && c != '#' && r.IntN(3) > 0:
			b.WriteByte(c)
		case r.IntN(2) == 0:
			fmt.Fprintf(&b, "%%%02x", c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
