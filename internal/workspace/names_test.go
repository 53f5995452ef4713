package workspace

import (
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// there lists everything below a folder, shown or not.
func there(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if rel, bad := filepath.Rel(dir, path); bad == nil && rel != "." {
			names = append(names, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestCreateDir(t *testing.T) {
	f := open(t, filepath.Join(tempTree(t), "in"))
	for name, want := range map[string]Kind{
		"new": "", "sub/new": "", "main.go": Exists, "sub": Exists, "none/new": NoSuchDocument, "build": Excluded, "sub/build": Excluded, "build/x": Excluded, ".git/x": Excluded,
		".aws": Excluded, ".GIT": Excluded, "linked/x": NoSuchDocument, "link.go": Exists, "dangling": Exists, ".env": Excluded, ".ssh": Excluded, ".earshot-x": Excluded,
	} {
		wantKind(t, name, f.CreateDir(pathOf(t, name)), want)
	}
	if err := f.CreateDir(pathOf(t, "new")); KindOf(err) != Exists {
		t.Errorf("made twice: %v", err)
	}
	if _, err := f.Create(pathOf(t, "new/file")); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(filepath.Join(f.Real(), "new")); err != nil || !info.IsDir() || info.Mode().Perm()&0o022 != 0 {
		t.Errorf("%v, %v", info, err)
	}
	wantKind(t, "a share of files", filesOf(t, filepath.Join(f.Real(), "main.go")).CreateDir(pathOf(t, "x")), Excluded)
}

// TestA17Rename: files and folders get new names; nothing is ever replaced, and what is refused stays as it is.
func TestA17Rename(t *testing.T) {
	dir := tempTree(t)
	f := open(t, filepath.Join(dir, "in"))
	before := there(t, dir)
	for _, r := range []struct {
		from, to string
		want     Kind
	}{
		{"main.go", "hard.txt", Exists}, {"main.go", "sub", Exists}, {"main.go", "main.go", Exists}, {"sub", "sub/deep/in", Conflict}, {"main.go", "main.go/x", Conflict},
		{"none", "x", NoSuchDocument}, {"main.go", "none/x", NoSuchDocument}, {"sub", "main.go/x", NoSuchDocument}, {"", "x", OutsideFolder}, {"sub", "", NoSuchDocument},
		{"main.go", "link.go", Exists}, {"main.go", "dangling", Exists}, {"main.go", "linked/x", NoSuchDocument},
		// What is left out is not brought to light, and what is shown not hidden.
		{".env", "seen.txt", Excluded}, {"build/out.txt", "out.txt2", Excluded}, {".git/config", "config", Excluded}, {".aws/config", "config", Excluded}, {"build", "built", Excluded},
		{".git", "git2", Excluded}, {"sub/debug.log", "sub/debug.txt", Excluded}, {".earshot-ABC", "temp", Excluded}, {".aws", "aws", Excluded}, {".gitignore", ".env", Excluded},
		{"main.go", ".git/hooks/pre-commit", Excluded}, {"main.go", ".GIT", Excluded}, {"main.go", "build/x", Excluded}, {"main.go", "x.log", Excluded}, {"sub/deep", "build2/x", NoSuchDocument},
		{"sub/deep", "build", Excluded}, {"sub/deep", "sub/build", Excluded}, {"sub/deep", ".ssh", Excluded}, {"sub/deep", "x.log", Excluded}, {"main.go", ".earshot-x", Excluded}, {"main.go", "sub/.hg/x", Excluded},
		// Links stay what they are.
		{"link.go", "x", Excluded}, {"out.txt", "x", Excluded}, {"linked", "x", Excluded}, {"dangling", "x", Excluded}, {"linked/deep/x.txt", "x", NoSuchDocument},
	} {
		err := f.Rename(pathOf(t, r.from), pathOf(t, r.to), nil)
		wantKind(t, r.from+" to "+r.to, err, r.want)
	}
	if now := there(t, dir); !slices.Equal(now, before) {
		t.Errorf("something was renamed: %q, before %q", now, before)
	}
	for _, r := range [][2]string{{"main.go", "sub/deep/main2.go"}, {"sub/deep", "deeper"}, {"deeper/main2.go", "main.go"}, {"hard.txt", "harder.txt"}, {"sub", "sub2"}} {
		if err := f.Rename(pathOf(t, r[0]), pathOf(t, r[1]), nil); err != nil {
			t.Errorf("%s to %s: %v", r[0], r[1], err)
		}
	}
	for name, text := range map[string]string{"main.go": "in/main.go", "deeper/x.txt": "in/sub/deep/x.txt", "sub2/harder.txt": "in/hard.txt", "harder.txt": "in/hard.txt"} {
		if got, err := f.Load(pathOf(t, name)); err != nil || got.Text != "text of "+text+"\n" {
			t.Errorf("%s: %q, %v", name, got.Text, err)
		}
	}
	wantKind(t, "a share of files", filesOf(t, filepath.Join(f.Real(), "main.go")).Rename(pathOf(t, "main.go"), pathOf(t, "x"), nil), Excluded)
}

// TestA11RenamedFolders: a folder under another name shows neither more nor less: rules that go by its name, its place among
// the secret ones and its own ignore file hold, or it is not renamed.
func TestA11RenamedFolders(t *testing.T) {
	dir := t.TempDir()
	at := func(s string) string { return filepath.Join(dir, filepath.FromSlash(s)) }
	for _, name := range []string{"conf/local.yml", "conf/x", ".docker/config.json", ".docker/x", "a/.gitignore", "a/hidden", "a/deep/hidden", "a/shown", "lib/y.o", "lib/y",
		"top/in/.docker/config.json", "plain/y.o", "__pycache__/x", "py/__pycache__/x", "py/x.py", "big/x"} {
		write(t, at(name), name)
	}
	write(t, at(".gitignore"), "/conf/local.yml\n__pycache__/\nnew/y.o\n!lib/\nlib/*.o\n")
	write(t, at("a/.gitignore"), "hidden\n")
	f := open(t, dir)
	listAll(t, f, "")
	for _, r := range []struct {
		from, to string
		want     Kind
	}{
		{"conf", "conf2", Conflict}, {".docker", "docker", Conflict}, {"top/in/.docker", "top/in/docker", Conflict}, {"lib", "lib2", Conflict}, {"plain", "lib/plain", ""},
		{"lib/plain", "new", Conflict}, {"top", "top2", ""}, {"py", "python", ""},
	} {
		wantKind(t, r.from+" to "+r.to, f.Rename(pathOf(t, r.from), pathOf(t, r.to), nil), r.want)
	}
	// Its own rules are those of the first look, under the new name too, also where the ignore file has been changed or has gone.
	write(t, at("a/.gitignore"), "")
	if err := f.Rename(pathOf(t, "a/.gitignore"), pathOf(t, "a/rules"), nil); err != nil {
		t.Error(err)
	}
	if err := f.Rename(pathOf(t, "a"), pathOf(t, "b"), nil); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]Kind{"b/hidden": Excluded, "b/deep/hidden": Excluded, "b/shown": "", "a/shown": NoSuchDocument} {
		wantKind(t, name, f.Check(pathOf(t, name)), want)
	}
	// Another folder under the old name has rules of its own.
	write(t, at("a/hidden"), "not any more")
	wantKind(t, "the next folder of that name", f.Check(pathOf(t, "a/hidden")), "")
	// What failed leaves no rules behind.
	wantKind(t, "b to a", f.Rename(pathOf(t, "b"), pathOf(t, "a"), nil), Exists)
	wantKind(t, "after that", f.Check(pathOf(t, "a/hidden")), "")
	f.most = 64 * nameWork
	for i := range 100 {
		write(t, at("big/"+string(rune('a'+i%26))+string(rune('a'+i/26))), "")
	}
	wantKind(t, "a large folder", f.Rename(pathOf(t, "big"), pathOf(t, "bigger"), nil), TooLarge)
}

// TestA17Remove: a file, or a folder with nothing in it, and never anything else.
func TestA17Remove(t *testing.T) {
	dir := tempTree(t)
	f := open(t, filepath.Join(dir, "in"))
	write(t, filepath.Join(dir, "in/locked.txt"), "")
	if err := os.Chmod(filepath.Join(dir, "in/locked.txt"), 0o444); err != nil {
		t.Fatal(err)
	}
	os.Mkdir(filepath.Join(dir, "in/empty"), 0o755)
	write(t, filepath.Join(dir, "in/seemsempty/x.log"), "hidden")
	before := there(t, dir)
	for name, want := range map[string]Kind{
		"": OutsideFolder, "none": NoSuchDocument, "sub": Conflict, "sub/deep": Conflict, "seemsempty": Conflict, ".git": Excluded, ".git/config": Excluded, ".env": Excluded,
		"build": Excluded, "build/out.txt": Excluded, "link.go": Excluded, "linked": Excluded, "dangling": Excluded, "out.txt": Excluded, "linked/deep/x.txt": NoSuchDocument,
		"locked.txt": SaveFailed, ".earshot-ABC": Excluded, "sub/debug.log": Excluded,
	} {
		wantKind(t, name, f.Remove(pathOf(t, name), nil), want)
	}
	if now := there(t, dir); !slices.Equal(now, before) {
		t.Errorf("something was removed: %q, before %q", now, before)
	}
	for _, name := range []string{"main.go", "empty", "sub/deep/x.txt", "sub/deep", "hard.txt"} {
		if err := f.Remove(pathOf(t, name), nil); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(filepath.Join(dir, "in", name)); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
	if read(t, filepath.Join(dir, "in/sub/harder.txt")) == "" {
		t.Error("the other name's text is gone")
	}
	wantKind(t, "a share of files", filesOf(t, filepath.Join(f.Real(), "sub/harder.txt")).Remove(pathOf(t, "harder.txt"), nil), Excluded)
}

// TestOpenByAnotherName: what is open through a link is not taken away under it.
func TestOpenByAnotherName(t *testing.T) {
	dir := tempTree(t)
	f := open(t, filepath.Join(dir, "in"))
	idOf := func(name string) string {
		id, err := f.Identity(pathOf(t, name))
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	byLink, deep, hard := []string{idOf("link.go")}, []string{idOf("sub/deep/x.txt")}, []string{idOf("sub/harder.txt")}
	wantKind(t, "main.go", f.Rename(pathOf(t, "main.go"), pathOf(t, "x"), byLink), Conflict)
	wantKind(t, "main.go", f.Remove(pathOf(t, "main.go"), byLink), Conflict)
	wantKind(t, "sub", f.Rename(pathOf(t, "sub"), pathOf(t, "x"), deep), Conflict)
	wantKind(t, "hard.txt", f.Remove(pathOf(t, "hard.txt"), hard), Conflict)
	wantKind(t, "main.go", f.Rename(pathOf(t, "main.go"), pathOf(t, "x"), slices.Concat(deep, hard)), "")
}

// TestRenameBesideSharedFiles: in a folder that came to single files, those keep their place.
func TestRenameBesideSharedFiles(t *testing.T) {
	top := t.TempDir()
	at := func(s string) string { return filepath.Join(top, filepath.FromSlash(s)) }
	for _, name := range []string{"in/sub/b.go", "in/a.go", "out/c.go", "in/free/x"} {
		write(t, at(name), name)
	}
	f, _ := widened(t, filesOf(t, at("in/sub/b.go"), at("in/a.go"), at("out/c.go")), Wish{Folder: at("in")})
	for _, r := range []struct {
		from, to string
		want     Kind
	}{
		{"b.go", "x", Excluded}, {"c.go", "x", Excluded}, {"sub/b.go", "x", Conflict}, {"sub", "x", Conflict}, {"free/x", "c.go", Exists}, {"free/x", "b.go", Exists},
		{"free/x", "c.go/x", Exists}, {"a.go", "a2.go", ""}, {"free", "free2", ""},
	} {
		wantKind(t, r.from+" to "+r.to, f.Rename(pathOf(t, r.from), pathOf(t, r.to), nil), r.want)
	}
	wantKind(t, "remove b.go", f.Remove(pathOf(t, "b.go"), nil), Excluded)
	wantKind(t, "remove sub/b.go", f.Remove(pathOf(t, "sub/b.go"), nil), Conflict)
	wantKind(t, "remove c.go", f.Remove(pathOf(t, "c.go"), nil), Excluded)
}

// TestA17RenameRace: of many who rename to one name at once, and create it, one gets it, and nobody's text is lost.
func TestA17RenameRace(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir)
	g := open(t, dir) // another daemon's: the disk alone decides between them
	const n = 8
	for round := range 50 {
		name := func(i int) string { return "f" + string(rune('a'+i)) }
		for i := range n {
			write(t, filepath.Join(dir, name(i)), name(i))
		}
		os.Remove(filepath.Join(dir, "one"))
		var won atomic.Int32
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				if []*Folder{f, g}[i%2].Rename(pathOf(t, name(i)), pathOf(t, "one"), nil) == nil {
					won.Add(1)
				}
			})
		}
		all.Go(func() {
			if _, err := g.Create(pathOf(t, "one")); err == nil {
				won.Add(1)
			}
		})
		all.Wait()
		left := 0
		for i := range n {
			if _, err := os.Stat(filepath.Join(dir, name(i))); err == nil {
				left++
			}
		}
		got := read(t, filepath.Join(dir, "one"))
		if won.Load() != 1 || left != n-1 && got != "" || left != n && got == "" {
			t.Fatalf("round %d: %d won, %d are left, the one is %q", round, won.Load(), left, got)
		}
	}
}
