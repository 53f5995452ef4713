package docpath

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSessionURI(t *testing.T) {
	check := func(t *testing.T, in, session, path string, kind Kind) {
		t.Helper()
		s, p, err := ParseSessionURI(in)
		if kindOf(err) != kind || err == nil && (s != session || p.String() != path) {
			t.Errorf("ParseSessionURI(%q) = %q, %q, %v; want %q, %q, kind %q", in, s, p, err, session, path, kind)
		}
	}
	check(t, "earshot://abcdefghij/a/b.txt", "abcdefghij", "a/b.txt", "")
	check(t, "EARSHOT://ABCDEFGHIJ/A", "abcdefghij", "A", "")
	check(t, "earshot://abcdefghij", "abcdefghij", "", "")
	check(t, "earshot://abcdefghij/", "abcdefghij", "", "")
	check(t, "earshot://0123456789/%61%2fb", "0123456789", "a/b", "")
	check(t, "earshot://abcdefghij/%E2%82%AC", "abcdefghij", "€", "")
	check(t, "earshot://abcdefghij/€ x", "abcdefghij", "€ x", "")
	check(t, "earshot://abcdefghij/%252e%252e/x", "abcdefghij", "%2e%2e/x", "")
	check(t, "earshot://abcdefghij/%3F%23", "abcdefghij", "?#", "")
	for _, out := range []string{"..", "%2e%2e/x", "a/%2E%2e/%2e./x", "/etc", "%2Fetc", "a%5cb", "C%3a/x", "a/../../x"} {
		check(t, "earshot://abcdefghij/"+out, "", "", OutsideFolder)
	}
	for _, bad := range []string{"a%00", "%ff", "a//b", "NUL", "%E2%80%AE"} {
		check(t, "earshot://abcdefghij/"+bad, "", "", Excluded)
	}
	for _, no := range []string{
		"", ":", "a", "file:///a", "earshot:", "earshot:/abcdefghij/a", "earshot://a/b", "earshot://abcdefghi_/x", "earshot://user@abcdefghij/a",
		"earshot://abcdefghij:80/a", "earshot://abcdefghij/a?b", "earshot://abcdefghij/a#b", "earshot://abcdefghij/a%", "earshot://abcdefghij/%zz",
		"earshot://abcdefghij/%4", "earshot2://abcdefghij/a",
	} {
		check(t, no, "", "", NoSuchDocument)
	}
	if got, want := SessionURI("abcdefghij", must(t, "a b/ü#?%.txt")), "earshot://abcdefghij/a%20b/%C3%BC%23%3F%25.txt"; got != want {
		t.Errorf("SessionURI = %q, want %q", got, want)
	}
}

func TestFileURI(t *testing.T) {
	check := func(t *testing.T, goos, path, want string) {
		t.Helper()
		got, err := FileURI(path, goos)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("FileURI(%q, %s) = %q, %v; want %q", path, goos, got, err, want)
		}
	}
	check(t, "linux", "/a/b c", "file:///a/b%20c")
	check(t, "linux", "/", "file:///")
	check(t, "linux", "/ü\\\xff:%#?", "file:///%C3%BC%5C%FF:%25%23%3F")
	check(t, "linux", "a", "")
	check(t, "linux", "", "")
	check(t, "windows", `C:\a b\c`, "file:///c:/a%20b/c")
	check(t, "windows", "c:/a", "file:///c:/a")
	check(t, "windows", `\\?\C:\a`, "file:///c:/a")
	check(t, "windows", `\\Server\Share\x`, "file://server/Share/x")
	for _, no := range []string{`C:a`, `\a`, "a", `\\.\pipe\x`, `\\?\x`, `\\server`, `\\server\`, ""} {
		check(t, "windows", no, "")
	}
}

func TestParseFileURI(t *testing.T) {
	check := func(t *testing.T, goos, uri, want string) {
		t.Helper()
		got, err := ParseFileURI(uri, goos)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("ParseFileURI(%q, %s) = %q, %v; want %q", uri, goos, got, err, want)
		}
	}
	check(t, "linux", "file:///a/b%20c", "/a/b c")
	check(t, "linux", "FILE:/a", "/a")
	check(t, "linux", "file://LOCALHOST/a", "/a")
	check(t, "linux", "file:///%ff", "/\xff")
	check(t, "linux", "file:///a/../b", "/a/../b")
	check(t, "darwin", "file:///C:/x", "/C:/x")
	for _, no := range []string{"file://server/a", "file:a", "file:", "file:///a?b", "file:///a#b", "file:///a%", "file:///%00", "http:///a", "/a", "", "untitled:a"} {
		check(t, "linux", no, "")
	}
	check(t, "windows", "file:///c%3A/a%20b", `C:\a b`)
	check(t, "windows", "file:///C:/a", `C:\a`)
	check(t, "windows", "file://server/share/x", `\\server\share\x`)
	for _, no := range []string{"file:///a", "file:///C:", "file://./pipe/x", "file://%3F/C:/x", "file://a%5Cb/x", "file://server", "file:////server/x", "file:///C:a"} {
		check(t, "windows", no, "")
	}
}

func TestSameURI(t *testing.T) {
	check := func(t *testing.T, goos, a, b string, want bool) {
		t.Helper()
		if got := SameURI(a, b, goos); got != want {
			t.Errorf("SameURI(%q, %q, %s) = %v, want %v", a, b, goos, got, want)
		}
	}
	check(t, "linux", "file:///a%20b", "file:///a b", true)
	check(t, "linux", "file:///%61", "FILE:///a", true)
	check(t, "linux", "file:/a", "file://localhost/a", true)
	check(t, "linux", "file:///%C3%BC", "file:///ü", true)
	check(t, "linux", "file:///%c3%bc", "file:///%C3%BC", true)
	check(t, "linux", "file:///A", "file:///a", false)
	check(t, "linux", "file:///a%3Fb", "file:///a?b", false)
	check(t, "linux", "file:///a%252Fb", "file:///a%2Fb", false)
	check(t, "linux", "file:///C:/a", "file:///c:/a", false)
	check(t, "windows", "file:///C%3A/a", "file:///c:/a", true)
	check(t, "linux", "earshot://abcdefghij/%28x%29", "EARSHOT://ABCDEFGHIJ/(x)", true)
	check(t, "linux", "untitled:Untitled-1", "untitled:Untitled%2D1", true)
	check(t, "linux", "untitled:Untitled-1", "untitled:Untitled-2", false)
	check(t, "linux", "file:///a%zz", "file:///a%25zz", true)
	check(t, "linux", "no uri", "no%20uri", false)
}

// What a path is made into names that path again, and no other, on each system.
func TestFileURIRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		path := "/" + strings.ReplaceAll(string(rapid.SliceOf(rapid.Byte()).Draw(t, "path")), "\x00", "")
		uri, err := FileURI(path, "linux")
		if err != nil {
			t.Fatal(err)
		}
		if back, err := ParseFileURI(uri, "linux"); back != path || err != nil {
			t.Fatalf("%q became %q, then %q, %v", path, uri, back, err)
		}
		if got := CanonicalURI(uri, "linux"); got != uri {
			t.Fatalf("FileURI gives %q, CanonicalURI %q", uri, got)
		}
		drive := `C:\` + strings.NewReplacer("/", `\`).Replace(path[1:])
		uri, err = FileURI(drive, "windows")
		if err != nil {
			t.Fatal(err)
		}
		if back, err := ParseFileURI(uri, "windows"); back != drive || err != nil {
			t.Fatalf("%q became %q, then %q, %v", drive, uri, back, err)
		}
	})
}

func FuzzURI(f *testing.F) {
	for _, s := range []string{"file:///a%20b", "earshot://abcdefghij/a/b", "FILE:/C:/x", "untitled:x", "file://h?q#f", "a:%", "%41:b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, goos := range []string{"linux", "windows"} {
			once := CanonicalURI(s, goos)
			if twice := CanonicalURI(once, goos); twice != once {
				t.Fatalf("CanonicalURI(%q) = %q, then %q", s, once, twice)
			}
			path, err := ParseFileURI(s, goos)
			if err != nil {
				continue
			}
			uri, err := FileURI(path, goos)
			if err != nil {
				t.Fatalf("%q names %q, which has no URI: %v", s, path, err)
			}
			if !SameURI(uri, s, goos) && !strings.ContainsAny(s, `\`) {
				t.Fatalf("%q names %q, whose URI is %q", s, path, uri)
			}
		}
		if session, p, err := ParseSessionURI(s); err == nil && !p.IsFolder() && !SameURI(SessionURI(session, p), s, "linux") {
			t.Fatalf("%q names %q of %q", s, p, session)
		}
	})
}
