package workspace

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"earshot/internal/docpath"
)

// widened is Widen that must succeed; what was there before is closed with it.
func widened(t testing.TB, f *Folder, wish Wish) (*Folder, []string) {
	t.Helper()
	wide, added, err := f.Widen(wish)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { wide.Close() })
	var names []string
	for _, p := range slices.Concat(added.Files, added.Names) {
		names = append(names, p.String())
	}
	return wide, names
}

func filesOf(t testing.TB, files ...string) *Folder {
	t.Helper()
	f, err := OpenFiles(files, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestWidenFiles: more files are shared beside others, each under a name of its own; what is shared keeps its name.
func TestWidenFiles(t *testing.T) {
	dir := t.TempDir()
	at := func(s string) string { return filepath.Join(dir, filepath.FromSlash(s)) }
	for _, name := range []string{"a/main.go", "b/main.go", "c/MAIN.go", "note", "x/note", "note-1/note", ".env"} {
		write(t, at(name), name)
	}
	f := filesOf(t, at("a/main.go"))
	wide, names := widened(t, f, Wish{Files: []string{at("b/main.go"), at("a/main.go"), at("c/MAIN.go"), at("note"), at("b/main.go")},
		Names: []string{"main.go", "note", "draft", "draft"}, Taken: []docpath.Path{pathOf(t, "draft")}})
	if want := []string{"b/main.go", "c/MAIN.go", "note", "main.go-2", "note-2", "draft-2", "draft-3"}; !slices.Equal(names, want) {
		t.Errorf("added %q, want %q", names, want)
	}
	if got := paths(listAll(t, wide, "")); !slices.Equal(got, []string{"b", "b/main.go", "c", "c/MAIN.go", "main.go", "note"}) {
		t.Errorf("listed: %q", got)
	}
	if got := paths(listAll(t, f, "")); !slices.Equal(got, []string{"main.go"}) {
		t.Errorf("the old one lists %q", got)
	}
	for path, want := range map[string]string{"main.go": "a/main.go", "b/main.go": "b/main.go"} {
		if got, err := wide.Load(pathOf(t, path)); err != nil || got.Text != want {
			t.Errorf("%s: %q, %v", path, got.Text, err)
		}
	}
	if again, names := widened(t, wide, Wish{Files: []string{at("note"), at("a/main.go")}}); len(names) != 0 || len(again.files) != 4 {
		t.Errorf("added again: %q", names)
	}
	for name, want := range map[string]Kind{".env": Excluded, "none": NoSuchDocument, "a": NoSuchDocument} {
		_, _, err := wide.Widen(Wish{Files: []string{at("x/note"), at(name)}})
		wantKind(t, name, err, want)
	}
	if got, err := wide.Load(pathOf(t, "b/main.go")); err != nil || got.Text == "" {
		t.Errorf("after what failed: %v", err)
	}
}

// TestWidenFolderByFiles: what the folder shows needs no naming, what it leaves out can't be shown by it, and a file from
// elsewhere gets a name that nothing in the folder has.
func TestWidenFolderByFiles(t *testing.T) {
	top := t.TempDir()
	at := func(s string) string { return filepath.Join(top, filepath.FromSlash(s)) }
	for _, name := range []string{"in/main.go", "in/sub/x.go", "in/.gitignore", "in/ignored.txt", "in/.env", "in/.git/config", "in/taken/y",
		"out/main.go", "out/Sub", "out/free.go", "out/taken/main.go", "in/sub/id_rsa"} {
		write(t, at(name), name)
	}
	write(t, at("in/.gitignore"), "ignored.txt\n")
	f := open(t, at("in"))
	wide, names := widened(t, f, Wish{Files: []string{at("in/sub/x.go"), at("out/main.go"), at("out/Sub"), at("out/free.go"), at("out/taken/main.go")},
		Names: []string{"main.go"}})
	if want := []string{"out/Sub", "free.go", "out/main.go", "out/taken/main.go", "main.go-2"}; !slices.Equal(names, want) {
		t.Errorf("added %q, want %q", names, want)
	}
	want := []string{".gitignore", "free.go", "main.go", "out", "out/Sub", "out/main.go", "out/taken", "out/taken/main.go", "sub", "sub/x.go", "taken", "taken/y"}
	if got := paths(listAll(t, wide, "")); !slices.Equal(got, want) {
		t.Errorf("listed: %q, want %q", got, want)
	}
	if got := paths(listAll(t, wide, "out")); !slices.Equal(got, []string{"out/Sub", "out/main.go", "out/taken", "out/taken/main.go"}) {
		t.Errorf("listed in out: %q", got)
	}
	if got, err := wide.Load(pathOf(t, "out/main.go")); err != nil || got.Text != "out/main.go" {
		t.Errorf("loaded %q, %v", got.Text, err)
	}
	if got, ok := wide.Rel(at("out/main.go")); !ok || got != pathOf(t, "out/main.go") {
		t.Errorf("Rel: %q, %v", got, ok)
	}
	for name, kind := range map[string]Kind{"in/ignored.txt": Excluded, "in/.env": Excluded, "in/.git/config": Excluded, "in/none": NoSuchDocument, "in/sub/id_rsa": Excluded} {
		_, _, err := wide.Widen(Wish{Files: []string{at(name)}})
		wantKind(t, name, err, kind)
	}
	_, err := wide.Create(pathOf(t, "out"))
	wantKind(t, "a file in place of a name", err, Exists)
	_, err = wide.Create(pathOf(t, "out/new"))
	wantKind(t, "a file beside one that is shared by itself", err, Exists)
	wantKind(t, "its neighbour", wide.Check(pathOf(t, "out/taken/other")), NoSuchDocument)
	write(t, at("in/out/later.go"), "came later, under a name that is another's\n")
	wantKind(t, "what came later", wide.Check(pathOf(t, "out/later.go")), NoSuchDocument)
	if got := paths(listAll(t, wide, "")); !slices.Equal(got, want) {
		t.Errorf("listed later: %q", got)
	}
	_, _, err = wide.Widen(Wish{Folder: at("out")})
	wantKind(t, "a second folder", err, Conflict)
}

// TestWidenFilesByFolder: a folder comes to single files. Each stays one file under one name; the folder's own rules hold for
// what nobody named.
func TestWidenFilesByFolder(t *testing.T) {
	top := t.TempDir()
	at := func(s string) string { return filepath.Join(top, filepath.FromSlash(s)) }
	for _, name := range []string{"in/a.go", "in/sub/b.go", "in/ignored.txt", "in/deep/ignored.txt", "in/other.go", "out/c.go", "in/.env"} {
		write(t, at(name), name)
	}
	write(t, at("in/.gitignore"), "ignored.txt\n")
	f := filesOf(t, at("in/a.go"), at("in/sub/b.go"), at("in/ignored.txt"), at("out/c.go"))
	before, err := f.Identity(pathOf(t, "b.go"))
	if err != nil {
		t.Fatal(err)
	}
	wide, _ := widened(t, f, Wish{Folder: at("in")})
	want := []string{".gitignore", "a.go", "b.go", "c.go", "deep", "ignored.txt", "other.go", "sub"}
	if got := paths(listAll(t, wide, "")); !slices.Equal(got, want) {
		t.Errorf("listed: %q, want %q", got, want)
	}
	for path, text := range map[string]string{"b.go": "in/sub/b.go", "sub/b.go": "in/sub/b.go"} {
		got, err := wide.Load(pathOf(t, path))
		id, bad := wide.Identity(pathOf(t, path))
		if err != nil || bad != nil || got.Text != text || id != before {
			t.Errorf("%s: %q, identity %q, %v, %v", path, got.Text, id, err, bad)
		}
	}
	if got, ok := wide.Rel(at("in/sub/b.go")); !ok || got != pathOf(t, "b.go") {
		t.Errorf("Rel: %q, %v", got, ok)
	}
	for name, kind := range map[string]Kind{"deep/ignored.txt": Excluded, ".env": Excluded, "ignored.txt": "", "a.go": "", "c.go": ""} {
		wantKind(t, name, wide.Check(pathOf(t, name)), kind)
	}
	if _, err := wide.Create(pathOf(t, "sub/new.go")); err != nil {
		t.Errorf("a new file: %v", err)
	}
	if wide.Real() != mustReal(t, at("in")) {
		t.Errorf("Real: %q", wide.Real())
	}
}

// TestWidenClash: a name that is shown is not another's all at once, and nothing changes.
func TestWidenClash(t *testing.T) {
	top := t.TempDir()
	at := func(s string) string { return filepath.Join(top, filepath.FromSlash(s)) }
	for _, name := range []string{"in/Main.go", "in/x/y", "out/main.go", "one/x/a", "two/x/b", "two/a", "in/.ssh/config"} {
		write(t, at(name), name)
	}
	for what, f := range map[string]*Folder{"a file": filesOf(t, at("out/main.go")), "a folder of names": filesOf(t, at("one/x/a"), at("two/a"))} {
		_, _, err := f.Widen(Wish{Folder: at("in")})
		wantKind(t, what, err, Conflict)
		if f.Real() != "" || len(listAll(t, f, "")) == 0 {
			t.Errorf("%s: the folder is shared all the same", what)
		}
	}
	_, _, err := filesOf(t).Widen(Wish{Folder: at("in"), Taken: []docpath.Path{pathOf(t, "main.go")}})
	wantKind(t, "a text without a file", err, Conflict)
	_, _, err = filesOf(t).Widen(Wish{Folder: at("in/.ssh")})
	wantKind(t, "a folder of secrets", err, Excluded)
	_, _, err = filesOf(t).Widen(Wish{Folder: at("none")})
	wantKind(t, "no folder", err, NoSuchDocument)
}

// TestWidenFilesThatAreNone: a folder can't be shared as a file, and least of all the whole disk, which has no name.
func TestWidenFilesThatAreNone(t *testing.T) {
	dir := t.TempDir()
	for _, folder := range []string{dir, filepath.VolumeName(dir) + string(filepath.Separator)} {
		_, _, err := filesOf(t).Widen(Wish{Files: []string{folder}})
		wantKind(t, folder, err, NoSuchDocument)
	}
}

// TestA9WidenedLinks: links to or from what was added lead no further than links of the folder do.
func TestA9WidenedLinks(t *testing.T) {
	top := t.TempDir()
	at := func(s string) string { return filepath.Join(top, filepath.FromSlash(s)) }
	for _, name := range []string{"in/a.go", "in/.env", "out/c.go", "out/secret.txt", "out/.env"} {
		write(t, at(name), "text of "+name)
	}
	for name, target := range map[string]string{"in/link.go": "../out/c.go", "in/env.txt": ".env", "out/inlink": "../in/.env", "out/ok": "../in/a.go", "in/outlink": "../out"} {
		if err := os.Symlink(target, at(name)); err != nil {
			t.Fatal(err)
		}
	}
	f := open(t, at("in"))
	wide, names := widened(t, f, Wish{Files: []string{at("out/c.go"), at("out/ok"), at("in/link.go")}})
	if !slices.Equal(names, []string{"c.go"}) {
		t.Errorf("added %q", names)
	}
	wantKind(t, "a link to what is shared by itself", wide.Check(pathOf(t, "link.go")), OutsideFolder)
	wantKind(t, "through a link to its folder", wide.Check(pathOf(t, "outlink/secret.txt")), NoSuchDocument)
	for _, name := range []string{"out/inlink", "in/env.txt", "out/.env"} {
		_, _, err := wide.Widen(Wish{Files: []string{at(name)}})
		wantKind(t, name, err, Excluded)
	}
	// A link that takes the place of a file which is shared by itself is no way out.
	if err := os.Remove(at("out/c.go")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("secret.txt", at("out/c.go")); err != nil {
		t.Fatal(err)
	}
	if got, err := wide.Load(pathOf(t, "c.go")); err == nil {
		t.Errorf("loaded %q", got.Text)
	}
}

// TestWidenKeepsRules: ignore rules stay those of the first look, and a page of a listing is as long as it was asked for.
func TestWidenKeepsRules(t *testing.T) {
	top := t.TempDir()
	write(t, filepath.Join(top, "in/.gitignore"), "hidden\n")
	write(t, filepath.Join(top, "in/hidden"), "")
	write(t, filepath.Join(top, "out/b"), "")
	for _, name := range strings.Fields("a c d e f") {
		write(t, filepath.Join(top, "in", name), "")
	}
	f := open(t, filepath.Join(top, "in"))
	listAll(t, f, "")
	write(t, filepath.Join(top, "in/.gitignore"), "")
	wide, _ := widened(t, f, Wish{Files: []string{filepath.Join(top, "out/b")}})
	wantKind(t, "hidden", wide.Check(pathOf(t, "hidden")), Excluded)
	var got []string
	for q := (Query{Limit: 2}); ; {
		page, err := wide.List(docpath.Path{}, q)
		if err != nil || len(page.Entries) > 2 {
			t.Fatalf("a page of %d, %v", len(page.Entries), err)
		}
		got = append(got, paths(page.Entries)...)
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	if !slices.Equal(got, []string{".gitignore", "a", "b", "c", "d", "e", "f"}) {
		t.Errorf("listed %q", got)
	}
	if runtime.GOOS == "linux" {
		if _, ok := wide.Rel(filepath.Join(top, "out/none")); ok {
			t.Error("a neighbour is in the share")
		}
	}
}
