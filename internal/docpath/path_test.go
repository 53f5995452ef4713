package docpath

import (
	"errors"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// TestA8RefusedPaths lists the forms that are taken and those that are refused, among them what magic-wormhole 0.21 to 0.24
// took for the name of a received file.
func TestA8RefusedPaths(t *testing.T) {
	check := func(t *testing.T, in string, want Kind) {
		t.Helper()
		p, err := Parse(in)
		if got := kindOf(err); got != want {
			t.Errorf("Parse(%q): kind %q, want %q", in, got, want)
		}
		if err == nil && p.String() != in {
			t.Errorf("Parse(%q) = %q", in, p)
		}
		if err != nil && strings.ContainsFunc(err.Error(), unicode.IsControl) {
			t.Errorf("Parse(%q): message %q holds a control character", in, err)
		}
	}
	for _, good := range []string{
		"a", "main.go", "a/b/c", ".gitignore", "..a", "a/..b", "...a", "Ünïcode/日本語/😀.txt", "e\u0301", "\u2764\ufe0f",
		"a b", " a", "-rf", "$HOME", "%2e%2e", "CONSOLE", "COM", "COM10", "LPTX", "aCON", "auxiliary.c", "com/x", "[id].ts", "a~1",
		"~/x", "a|b", "\u0031\ufe0f\u20e3", "葛\U000e0100", "．．", "a／b", "…", "$(x)", "`x`", "%2e%2e%2fx", "%00", "+x", "nullable", "com10.txt",
		strings.Repeat("x", 255), strings.Repeat("x/", 2047) + "xx",
	} {
		check(t, good, "")
	}
	for _, out := range []string{
		"..", "../a", "a/../b", "a/..", "/", "/etc/passwd", "//server/share", `\\server\share`, `..\a`, `a\b`, `\\?\C:\a`, `\\.\pipe\x`,
		"C:", "C:a", "C:/a", `c:\a`, "a:b", "../../../../etc/shadow", `a/..\b`,
		"../../.ssh/authorized_keys", "/home/x/.bashrc", "a/../../x", `..\..\x`, `C:\Windows\x`, `C:..\x`, "Z:/", `\??\C:\x`,
		"//?/C:/x", "//./pipe/x", `\\localhost\C$\x`, `a\..\..\x`, "../" + strings.Repeat("../", 50) + "x", "x/..", "..//x", "1:x", "é/../../x",
	} {
		check(t, out, OutsideFolder)
	}
	for _, bad := range []string{
		"", ".", "./a", "./../a", "a/.", "a//b", "a/", "a/./b", "a\x00b", "a\nb", "\x1b[2J", "a\x7f", "a\u0085", "a\u202eb", "a\u200bb", ".g\u200cit",
		"\u2066a", "a\ufeff", "a\u2028b", "\u3164", "a\u00adb", ".gi\ufe0ft", "\ufe0fa", "a\ufe0f", "x/\ufe0f", "a\U000e0100", "a\u180bb", "\U000e0041", "a\tb", "a\rb", ". .", ".. ", "...", ". ./x",
		"\xc0\xae\xc0\xae/x", "\xc0\xafx", "file:///x", "http://x/y", ".git::$INDEX_ALLOCATION/x", "AUX .c", "con.", "NUL ", "COM²", "lpt9.x.y", "clocK$", "\xff", "a/\xc3", "\xed\xa0\x80", "ab:c", "ab::$DATA", "a.", "a ", "a/b. ", "a..", "x. /y",
		"CON", "con", "nul", "NUL.txt", "nul.tar.gz", "a/AUX/b", "prn .c", "COM1", "com9.log", "LPT¹", "lpt0", "CONIN$", "conout$.x", "clock$",
		strings.Repeat("x", 256), strings.Repeat("x/", 2048) + "x",
	} {
		check(t, bad, Excluded)
	}
}

func kindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	if err != nil {
		return "not an *Error"
	}
	return ""
}

func TestPathMethods(t *testing.T) {
	p := must(t, "a/b/c.txt")
	if got := []string{p.Base(), p.Dir().String(), p.Dir().Dir().Dir().String(), (Path{}).Base()}; !slices.Equal(got, []string{"c.txt", "a/b", "", ""}) {
		t.Errorf("bases and folders: %q", got)
	}
	if got := p.Parts(); !slices.Equal(got, []string{"a", "b", "c.txt"}) || len((Path{}).Parts()) != 0 {
		t.Errorf("parts: %q", got)
	}
	for _, dir := range []string{"a", "a/b", "a/b/c.txt"} {
		if !p.Under(must(t, dir)) {
			t.Errorf("%s is not under %s", p, dir)
		}
	}
	if !p.Under(Path{}) || p.Under(must(t, "a/b/c")) || must(t, "ab").Under(must(t, "a")) {
		t.Error("Under counts bytes, not parts")
	}
	if got, err := p.Dir().Join("d"); err != nil || got != must(t, "a/b/d") {
		t.Errorf("Join: %v, %v", got, err)
	}
	for _, name := range []string{"", "..", "x/y", "x/../../..", "NUL"} {
		if got, err := p.Join(name); err == nil {
			t.Errorf("Join(%q) = %v", name, got)
		}
	}
}

// The order of Compare is that of a walk which sorts each folder's names.
func TestCompareIsTheOrderOfAWalk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := rapid.StringMatching(`[a\-0]{1,2}(/[a\-0]{1,2}){0,2}`).Filter(func(s string) bool {
			_, err := Parse(s)
			return err == nil
		})
		a, _ := Parse(draw.Draw(t, "a"))
		b, _ := Parse(draw.Draw(t, "b"))
		want := slices.Compare(a.Parts(), b.Parts())
		if got := sign(a.Compare(b)); got != want {
			t.Fatalf("Compare(%q, %q) = %d, want %d", a, b, got, want)
		}
	})
}

func sign(n int) int { return min(1, max(-1, n)) }

func must(t testing.TB, s string) Path {
	t.Helper()
	p, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var forbidden = regexp.MustCompile(`[:\\\p{Cc}\p{Cf}\p{Zl}\p{Zp}]`)

// mask is a variation selector behind nothing, or behind what has no variants.
var mask = regexp.MustCompile(`(^|[^0-9#*\x{80}-\x{10FFFF}])[\x{FE00}-\x{FE0F}\x{180B}-\x{180D}\x{180F}\x{E0100}-\x{E01EF}]`)

var windowsName = regexp.MustCompile(`(?i)^((con|prn|aux|nul|clock\$|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(\..*)?|.*[. ])$`)

// oracle says the same as Parse in other words: the standard library's idea of a path, patterns for the rest.
func oracle(s string) bool {
	if s == "." || forbidden.MatchString(s) || !fs.ValidPath(s) || !utf8.ValidString(s) || len(s) > 4096 {
		return false
	}
	for _, r := range s {
		if unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) {
			return false
		}
	}
	for _, part := range regexp.MustCompile("/").Split(s, -1) {
		if len(part) > 255 || mask.MatchString(part) || windowsName.MatchString(part) {
			return false
		}
	}
	return true
}

// escapes tells whether s, joined to a folder as Unix or as Windows would, leaves it.
func escapes(s string) bool {
	if !strings.HasPrefix(path.Join("/root/shared", s), "/root/shared/") {
		return true
	}
	depth := 0
	for part := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == '/' || r == '\\' }) {
		switch strings.TrimRight(part, ". ") {
		case "":
			depth--
		default:
			depth++
		}
		if depth < 0 || strings.Contains(part, ":") {
			return true
		}
	}
	return s[0] == '\\'
}

// FuzzA8Paths holds Parse against two that say the same in other words (see also hostile_test.go), and what it took
// against how each system would read it.
func FuzzA8Paths(f *testing.F) {
	for _, s := range []string{"a/b", "../a", "a/../..", `a\..\..`, "C:/x", "CON.txt", "a\u202e", "a. /b", "%2e%2e/x", ".git", ".ſsh", "COM¹", strings.Repeat("a/", 40)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := Parse(s)
		if got, want := err == nil, oracle(s); got != want {
			t.Fatalf("Parse(%q) = %v, the oracle says %v", s, err, want)
		}
		if got, want := err == nil, bySteps(s); got != want {
			t.Fatalf("Parse(%q) = %v, step by step it is %v", s, err, want)
		}
		if err != nil {
			if m := err.Error(); !utf8.ValidString(m) || strings.ContainsFunc(m, unicode.IsControl) || len(m) > 2000 {
				t.Fatalf("message for %q: %q", s, m)
			}
			return
		}
		if escapes(s) {
			t.Fatalf("Parse(%q) leaves the folder", s)
		}
		if id, back, err := ParseSessionURI(SessionURI("abcdefghij", p)); id != "abcdefghij" || back != p || err != nil {
			t.Fatalf("%q comes back from its URI as %q, %v", p, back, err)
		}
		VCS(p)
		Secret(p)
	})
}
