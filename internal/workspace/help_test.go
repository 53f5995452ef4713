package workspace

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"earshot/internal/docpath"
)

func open(t testing.TB, dir string, allow ...string) *Folder {
	t.Helper()
	f, err := Open(dir, Options{Allow: allow})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func pathOf(t testing.TB, s string) docpath.Path {
	t.Helper()
	if s == "" {
		return docpath.Path{}
	}
	p, err := docpath.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func parsed(s string) (docpath.Path, bool) {
	p, err := docpath.Parse(s)
	return p, err == nil
}

// goodPath is pathOf for where there is no test: the text is known to be good.
func goodPath(s string) docpath.Path {
	p, err := docpath.Parse(s)
	if err != nil {
		panic(err)
	}
	return p
}

// fakeInfo stands for a file where only its mode is looked at.
type fakeInfo struct{ fs.FileInfo }

func (fakeInfo) Mode() fs.FileMode { return 0o644 }

// write makes a file with the folders it needs.
func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// listAll lists a folder with all that is in it, in pages of an odd size.
func listAll(t testing.TB, f *Folder, dir string) []Entry {
	t.Helper()
	var all []Entry
	q := Query{Recursive: true, Limit: 7}
	for {
		page, err := f.List(pathOf(t, dir), q)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Entries...)
		if page.Next == "" {
			return all
		}
		q.Cursor = page.Next
	}
}

func paths(entries []Entry) []string {
	out := []string{}
	for _, e := range entries {
		out = append(out, e.Path.String())
	}
	return out
}

func wantKind(t testing.TB, what string, err error, want Kind) {
	t.Helper()
	if got := KindOf(err); got != want || (err == nil) != (want == "") {
		t.Errorf("%s: %v (kind %q), want kind %q", what, err, got, want)
	}
}
