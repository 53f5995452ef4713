package workspace

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"earshot/internal/docpath"
	"earshot/internal/threat"
)

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), "")
	for _, sub := range []string{"proj", "proj/.git/hooks", "home/.ssh", "CVS/proj", "home/.config/gh", "home/.docker"} {
		os.MkdirAll(filepath.Join(dir, sub), 0o755)
	}
	check := func(t *testing.T, sub string, want Kind) {
		t.Helper()
		f, err := Open(filepath.Join(dir, sub), Options{})
		wantKind(t, sub, err, want)
		if err == nil {
			f.Close()
		}
	}
	check(t, "proj", "")
	check(t, "CVS/proj", "")
	check(t, "none", NoSuchDocument)
	check(t, "file", NoSuchDocument)
	check(t, "proj/.git", Excluded)
	check(t, "proj/.git/hooks", Excluded)
	check(t, "home/.ssh", Excluded)
	check(t, "home/.config/gh", Excluded)
	check(t, "home/.docker", "")
	os.Symlink(filepath.Join(dir, "home/.ssh"), filepath.Join(dir, "nice"))
	check(t, "nice", Excluded)
}

func TestOpenFiles(t *testing.T) {
	dir := t.TempDir()
	at := func(s string) string { return filepath.Join(dir, filepath.FromSlash(s)) }
	for _, name := range []string{"a/main.go", "b/main.go", "b/other.go", "b/neighbour.go", "b/.env", ".git/config", "c/.gitignore"} {
		write(t, at(name), name)
	}
	write(t, at("c/.gitignore"), "*\n")
	write(t, at("c/ignored"), "named, so shared")
	f, err := OpenFiles([]string{at("a/main.go"), at("b/main.go"), at("b/other.go"), at("b/other.go"), at("c/ignored")}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := paths(listAll(t, f, "")); !slices.Equal(got, []string{"a", "a/main.go", "b", "b/main.go", "ignored", "other.go"}) {
		t.Errorf("listed: %q", got)
	}
	if got := paths(listAll(t, f, "a")); !slices.Equal(got, []string{"a/main.go"}) {
		t.Errorf("listed in a: %q", got)
	}
	page, err := f.List(docpath.Path{}, Query{})
	if got := paths(page.Entries); err != nil || !slices.Equal(got, []string{"a", "b", "ignored", "other.go"}) {
		t.Errorf("listed at the top: %q, %v", got, err)
	}
	_, err = f.List(pathOf(t, "c"), Query{})
	wantKind(t, "a folder that is none", err, NoSuchDocument)
	wantKind(t, "a shared file", f.Check(pathOf(t, "b/main.go")), "")
	for _, name := range []string{"main.go", "neighbour.go", "b/neighbour.go", "b/other.go", "a", "b"} {
		wantKind(t, name, f.Check(pathOf(t, name)), NoSuchDocument)
	}
	_, err = f.Create(pathOf(t, "new"))
	wantKind(t, "a new file", err, Excluded)
	loaded, err := f.Load(pathOf(t, "b/main.go"))
	if err != nil || loaded.Text != "b/main.go" {
		t.Errorf("Load: %+v, %v", loaded, err)
	}
	if _, err := f.Save(pathOf(t, "b/main.go"), "saved", loaded.Form, loaded.Stamp); err != nil || read(t, at("b/main.go")) != "saved" {
		t.Errorf("Save: %v", err)
	}
	if got, ok := f.Rel(at("b/main.go")); !ok || got != pathOf(t, "b/main.go") || f.Abs(got) != mustReal(t, at("b/main.go")) {
		t.Errorf("Rel: %q, %v", got, ok)
	}
	if _, ok := f.Rel(at("b/neighbour.go")); ok {
		t.Error("a neighbour is in the share")
	}
	for name, want := range map[string]Kind{"b/.env": Excluded, ".git/config": Excluded, "none": NoSuchDocument, "b": NoSuchDocument} {
		_, err := OpenFiles([]string{at(name)}, Options{})
		wantKind(t, name, err, want)
	}
	if f, err := OpenFiles([]string{at("b/.env")}, Options{Allow: []string{".env"}}); err != nil {
		t.Errorf("allowed: %v", err)
	} else {
		f.Close()
	}
	os.Symlink(at("b/.env"), at("notes.txt"))
	_, err = OpenFiles([]string{at("notes.txt")}, Options{})
	wantKind(t, "a link to a secret", err, Excluded)
}

func mustReal(t *testing.T, path string) string {
	t.Helper()
	real, err := realPath(path)
	if err != nil {
		t.Fatal(err)
	}
	return real
}

func TestShortNames(t *testing.T) {
	check := func(t *testing.T, in, want string) {
		t.Helper()
		if got := strings.Join(shortNames(strings.Fields(in), func(name string) bool { return name == "taken" }), " "); got != want {
			t.Errorf("shortNames(%s) = %s, want %s", in, got, want)
		}
	}
	check(t, "/a/x /a/y", "x y")
	check(t, "/a/x /b/x", "a/x b/x")
	check(t, "/a/c/x /b/c/x /d/x", "a/c/x b/c/x d/x")
	check(t, "/x /a/x", "x a/x")
	check(t, "/a/X /b/x", "a/X b/x")
	check(t, "/b/a /c/a/x /d/x", "b/a c/a/x d/x")
	check(t, "/a/taken /a/x", "a/taken x")
}

// tempTree has something of every kind; the folder to be shared is its "in".
func tempTree(t *testing.T) string {
	dir := t.TempDir()
	for _, name := range []string{
		"outside.txt", "in/main.go", "in/sub/deep/x.txt", "in/.git/config", "in/sub/.hg/store", "in/.env", "in/sub/id_rsa", "in/.aws/config",
		"in/.gitignore", "in/build/out.txt", "in/sub/debug.log", "in/.earshot-ABC", "in/hard.txt",
	} {
		write(t, filepath.Join(dir, filepath.FromSlash(name)), "text of "+name+"\n")
	}
	write(t, filepath.Join(dir, "in/.gitignore"), "build/\n*.log\n")
	link := func(target, name string) {
		if err := os.Symlink(target, filepath.Join(dir, "in", name)); err != nil {
			t.Fatal(err)
		}
	}
	link("main.go", "link.go")
	link("../main.go", "sub/up.go")
	link("link.go", "twice.go")
	link("../outside.txt", "out.txt")
	link(filepath.Join(dir, "outside.txt"), "absolute.txt")
	link(filepath.Join(dir, "in/main.go"), "absolutein.txt")
	link(".env", "notes.txt")
	link("build/out.txt", "built.txt")
	link("sub", "linked")
	link("linked/deep/x.txt", "through.txt")
	link("none", "dangling")
	link("loop", "loop")
	link(".git", "git")
	os.Link(filepath.Join(dir, "in/hard.txt"), filepath.Join(dir, "in/sub/harder.txt"))
	return dir
}

var shownInTree = []string{".gitignore", "hard.txt", "link.go", "main.go", "sub", "sub/deep", "sub/deep/x.txt", "sub/harder.txt", "sub/up.go", "twice.go"}

func TestListShowsWhatIsToBeShown(t *testing.T) {
	f := open(t, filepath.Join(tempTree(t), "in"))
	if got := paths(listAll(t, f, "")); !slices.Equal(got, shownInTree) {
		t.Errorf("listed: %q\nwant    %q", got, shownInTree)
	}
	if got := paths(listAll(t, f, "sub/deep")); !slices.Equal(got, []string{"sub/deep/x.txt"}) {
		t.Errorf("listed in sub/deep: %q", got)
	}
	for dir, want := range map[string]Kind{
		".git": Excluded, "build": Excluded, ".aws": Excluded, "linked": NoSuchDocument, "main.go": NoSuchDocument, "none": NoSuchDocument, "git": NoSuchDocument,
	} {
		_, err := f.List(pathOf(t, dir), Query{})
		wantKind(t, dir, err, want)
	}
	for _, e := range listAll(t, f, "") {
		if want := e.Path.Base() == "hard.txt" || e.Path.Base() == "harder.txt"; e.ReadOnly != want {
			t.Errorf("%q is read-only: %v", e.Path, e.ReadOnly)
		}
		if e.Path.Base() == "link.go" && e.Size != int64(len("text of in/main.go\n")) {
			t.Errorf("size of a link: %d", e.Size)
		}
	}
}

// What is not listed can't be opened, saved or made, and the error is of the right kind.
func TestA11WhatIsNotListedIsClosed(t *testing.T) {
	dir := tempTree(t)
	f := open(t, filepath.Join(dir, "in"))
	check := func(t *testing.T, name string, want Kind) {
		t.Helper()
		p := pathOf(t, name)
		wantKind(t, "Check "+name, f.Check(p), want)
		loaded, err := f.Load(p)
		wantKind(t, "Load "+name, err, want)
		if want == "" {
			return
		}
		if loaded.Text != "" {
			t.Errorf("Load %s gave %q", name, loaded.Text)
		}
		if _, err := f.Identity(p); want != NoSuchDocument {
			wantKind(t, "Identity "+name, err, want)
		}
		if _, err := f.Save(p, "overwritten", Form{}, Stamp{}); err == nil {
			t.Errorf("Save %s succeeded", name)
		}
		if err := f.Check(p); err != nil && strings.Contains(err.Error(), dir) {
			t.Errorf("%s: the message tells a path of the host: %v", name, err)
		}
	}
	for _, e := range listAll(t, f, "") {
		if e.Kind == File {
			check(t, e.Path.String(), "")
		}
	}
	for _, name := range []string{
		".git/config", ".git", ".GIT/config", "sub/.hg/store", ".env", ".ENV", "sub/id_rsa", ".aws/config", "build/out.txt", "build", "sub/debug.log",
		"none.log", "sub/.env", ".earshot-ABC", "git~1/config", "notes.txt", "built.txt", "git",
	} {
		if name == "build" {
			continue // a folder, below
		}
		check(t, name, Excluded)
	}
	for _, name := range []string{"out.txt", "absolute.txt", "absolutein.txt", "loop"} {
		check(t, name, OutsideFolder)
	}
	wantKind(t, "a folder", f.Check(pathOf(t, "sub")), NoSuchDocument)
	wantKind(t, "an ignored folder", f.Check(pathOf(t, "build")), Excluded)
	for _, name := range []string{"linked/deep/x.txt", "main.go/x", "sub/none/x", "dangling"} {
		check(t, name, NoSuchDocument)
	}
	wantKind(t, "none.txt", f.Check(pathOf(t, "none.txt")), NoSuchDocument)
	wantKind(t, "MAIN.GO", f.Check(pathOf(t, "MAIN.GO")), NoSuchDocument)
	wantKind(t, "through a link", f.Check(pathOf(t, "through.txt")), NoSuchDocument)
	for _, name := range []string{".env.new", "x.log", "build/new", ".git/hooks/post-commit", "sub/.HG/x", ".earshot-X"} {
		_, err := f.Create(pathOf(t, name))
		wantKind(t, "Create "+name, err, Excluded)
	}
	if got := read(t, filepath.Join(dir, "outside.txt")); got != "text of outside.txt\n" {
		t.Errorf("outside.txt holds %q", got)
	}
}

func TestA11Allow(t *testing.T) {
	dir := tempTree(t)
	f := open(t, filepath.Join(dir, "in"), ".env", "sub/debug.log", "build/out.txt", ".aws/config", ".git/config")
	want := slices.Concat(shownInTree, []string{".env", "sub/debug.log", "build", "build/out.txt", ".aws", ".aws/config", "notes.txt", "built.txt"})
	slices.SortFunc(want, func(a, b string) int { return pathOf(t, a).Compare(pathOf(t, b)) })
	write(t, filepath.Join(dir, "in/build/other.txt"), "")
	write(t, filepath.Join(dir, "in/.aws/credentials"), "")
	if got := paths(listAll(t, f, "")); !slices.Equal(got, want) {
		t.Errorf("listed: %q\nwant    %q", got, want)
	}
	for _, name := range []string{"build/other.txt", ".aws/credentials", ".git/config", "sub/id_rsa"} {
		wantKind(t, name, f.Check(pathOf(t, name)), Excluded)
	}
}

// A guest who may edit .gitignore, or a host who saves what a guest typed there, uncovers nothing.
func TestA11IgnoreRulesAreFrozen(t *testing.T) {
	dir := tempTree(t)
	f := open(t, filepath.Join(dir, "in"))
	loaded, err := f.Load(pathOf(t, ".gitignore"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Save(pathOf(t, ".gitignore"), "", loaded.Form, loaded.Stamp); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "in/.gitignore"), "!*.log\n")
	wantKind(t, "an ignored file", f.Check(pathOf(t, "sub/debug.log")), Excluded)
	if _, err := f.Save(pathOf(t, "sub/deep/.gitignore"), "!*\n", Form{}, Stamp{}); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "in/sub/deep/y.log"), "")
	wantKind(t, "below a new .gitignore", f.Check(pathOf(t, "sub/deep/y.log")), Excluded)
}

func TestListPagesAndCap(t *testing.T) {
	dir := t.TempDir()
	for i := range 30 {
		write(t, filepath.Join(dir, "d"+string(rune('a'+i%3)), strings.Repeat("f", i+1)), "")
		write(t, filepath.Join(dir, "d"+string(rune('a'+i%3))+"-x", strings.Repeat("f", i+1)), "")
	}
	f := open(t, dir)
	whole, err := f.List(docpath.Path{}, Query{Recursive: true})
	if err != nil || len(whole.Entries) != 66 || whole.Next != "" || whole.Capped {
		t.Fatalf("%d entries, next %q, %v", len(whole.Entries), whole.Next, err)
	}
	if !slices.IsSortedFunc(whole.Entries, func(a, b Entry) int { return a.Path.Compare(b.Path) }) {
		t.Errorf("not in order: %q", paths(whole.Entries))
	}
	for limit := 1; limit < 9; limit++ {
		var got []string
		for q := (Query{Recursive: true, Limit: limit}); ; {
			page, err := f.List(docpath.Path{}, q)
			if err != nil || len(page.Entries) > limit {
				t.Fatalf("limit %d: %d entries, %v", limit, len(page.Entries), err)
			}
			got = append(got, paths(page.Entries)...)
			if q.Cursor = page.Next; q.Cursor == "" {
				break
			}
		}
		if !slices.Equal(got, paths(whole.Entries)) {
			t.Errorf("limit %d: %q", limit, got)
		}
	}
	for _, cursor := range []string{"x", "5", "5:", "-1:da", "5:../da", "99999999999999999999:da", ":da"} {
		_, err := f.List(docpath.Path{}, Query{Cursor: cursor})
		wantKind(t, "cursor "+cursor, err, NoSuchDocument)
	}
	_, err = f.List(pathOf(t, "da"), Query{Cursor: "1:db/f"})
	wantKind(t, "another folder's cursor", err, NoSuchDocument)
}

func TestH4ListIsCapped(t *testing.T) {
	dir := t.TempDir()
	origin := filepath.Join(t.TempDir(), "origin")
	write(t, origin, "")
	for i := range threat.Times(MaxListed+2, 1_000_000) {
		name := filepath.Join(dir, "f"+strconv.Itoa(i))
		if os.Link(origin, name) != nil { // a file system has so many names for one file, or one
			write(t, name, "")
			origin = name
		}
	}
	f := open(t, dir)
	page, err := f.List(docpath.Path{}, Query{Limit: 1 << 30})
	if err != nil || len(page.Entries) != MaxListed || !page.Capped || page.Next != "" {
		t.Errorf("%d entries, capped %v, next %q, %v", len(page.Entries), page.Capped, page.Next, err)
	}
	if page, err = f.List(docpath.Path{}, Query{}); err != nil || len(page.Entries) != PageSize || page.Next == "" || page.Capped {
		t.Errorf("with no limit: %d entries, next %q, %v", len(page.Entries), page.Next, err)
	}
	total, q := 0, Query{Limit: 9000}
	for {
		page, err = f.List(docpath.Path{}, q)
		if err != nil {
			t.Fatal(err)
		}
		total += len(page.Entries)
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	if total != MaxListed || !page.Capped {
		t.Errorf("%d entries on all pages, capped %v", total, page.Capped)
	}
}

func TestUnreadableFolderIsShownEmpty(t *testing.T) {
	if os.Getuid() == 0 || runtime.GOOS == "windows" {
		t.Skip("nothing is closed to this user")
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "closed/a"), "")
	write(t, filepath.Join(dir, "open/a"), "")
	os.Chmod(filepath.Join(dir, "closed"), 0)
	t.Cleanup(func() { os.Chmod(filepath.Join(dir, "closed"), 0o755) })
	f := open(t, dir)
	if got := paths(listAll(t, f, "")); !slices.Equal(got, []string{"closed", "open", "open/a"}) {
		t.Errorf("listed: %q", got)
	}
	_, err := f.List(pathOf(t, "closed"), Query{})
	wantKind(t, "a closed folder", err, NoSuchDocument)
}

func TestLinksInARow(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "0"), "end\n")
	for i := range maxLinks + 1 {
		if err := os.Symlink(strconv.Itoa(i), filepath.Join(dir, strconv.Itoa(i+1))); err != nil {
			t.Skip(err)
		}
	}
	f := open(t, dir)
	if got, err := f.Load(pathOf(t, strconv.Itoa(maxLinks))); err != nil || got.Text != "end\n" {
		t.Errorf("%d links: %q, %v", maxLinks, got.Text, err)
	}
	wantKind(t, "one link more", f.Check(pathOf(t, strconv.Itoa(maxLinks+1))), OutsideFolder)
}

// A link may mean one thing by its letters and another to the system, where it leads back out of a linked folder.
func TestA9LinkThroughALinkedFolder(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a/b/x"), "")
	write(t, filepath.Join(dir, "y"), "by its letters\n")
	write(t, filepath.Join(dir, "a/y"), "in truth\n")
	if err := os.Symlink("a/b", filepath.Join(dir, "short")); err != nil {
		t.Skip(err)
	}
	os.Symlink("short/../y", filepath.Join(dir, "link"))
	f := open(t, dir)
	wantKind(t, "the link", f.Check(pathOf(t, "link")), OutsideFolder)
}

// A link that takes a folder's place after the look at it is not followed, even to where os.Root would let it.
func TestA9SwappedFolderIsNotEntered(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "d/f.txt"), "")
	write(t, filepath.Join(dir, ".git/f.txt"), "")
	f := open(t, dir)
	at, err := f.findName(nil, pathOf(t, "d"))
	if err != nil {
		t.Fatal(err)
	}
	os.RemoveAll(filepath.Join(dir, "d"))
	if err := os.Symlink(".git", filepath.Join(dir, "d")); err != nil {
		t.Skip(err)
	}
	if _, err := f.enterPlace(at); !errors.Is(err, errMoved) {
		t.Errorf("enter: %v", err)
	}
}
