package workspace

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode"

	"earshot/internal/docpath"
	"earshot/internal/threat"
)

// spellings are forms of a name that some file system, now or with a change of mind, takes for the name itself.
func spellings(name string) []string {
	out := []string{name, strings.ToUpper(name), strings.ToLower(name), strings.ToUpper(name[:2]) + name[2:]}
	out = append(out, name+".", name+" ", name+". .", name+"::$INDEX_ALLOCATION", name+":$I30:$INDEX_ALLOCATION", name+"\x00")
	for _, unseen := range []string{"\u200c", "\u200d", "\u200e", "\u202a", "\u206f", "\ufeff", "\u00ad", "\ufe0f"} {
		out = append(out, name[:2]+unseen+name[2:])
	}
	for _, alike := range [][2]string{{"s", "ſ"}, {"k", "\u212a"}, {"S", "ſ"}} {
		out = append(out, strings.ReplaceAll(name, alike[0], alike[1]))
	}
	return out
}

// TestA10VersionControlIsClosed: internals of version control are neither listed, read, written, made nor shared, however
// their name is spelled, wherever they lie, and whatever the host allows.
func TestA10VersionControlIsClosed(t *testing.T) {
	names := []string{".git", ".hg", ".svn", "_svn", ".jj", ".bzr", "CVS", "_darcs", ".pijul", ".sl", "_MTN", ".repo", ".fslckout", "_FOSSIL_"}
	dir := t.TempDir()
	var allow []string
	for _, name := range names {
		for _, place := range []string{"", "a/b/"} {
			write(t, filepath.Join(dir, place+name, "hooks/pre-commit"), "canary\n")
			write(t, filepath.Join(dir, place+name, "config"), "canary\n")
			allow = append(allow, place+name, place+name+"/config", "config")
		}
	}
	write(t, filepath.Join(dir, "plain.txt"), "")
	if err := os.Mkdir(filepath.Join(dir, "c"), 0o755); err != nil {
		t.Fatal(err)
	}
	f := open(t, dir, allow...)
	if got := paths(listAll(t, f, "")); !slices.Equal(got, []string{"a", "a/b", "c", "plain.txt"}) {
		t.Errorf("listed: %q", got)
	}
	tried := 0
	for _, name := range names {
		for _, form := range spellings(name) {
			for _, s := range []string{form, form + "/config", form + "/hooks/pre-commit", form + "/hooks/post-checkout", "a/b/" + form + "/config", "a/" + form} {
				tried++
				p, ok := parsed(s)
				if !ok {
					continue
				}
				wantKind(t, "Check "+s, f.Check(p), Excluded)
				if loaded, err := f.Load(p); err == nil || loaded.Text != "" {
					t.Errorf("Load %q: %q", s, loaded.Text)
				}
				_, err := f.Create(p)
				wantKind(t, "Create "+s, err, Excluded)
				_, err = f.Save(p, "#!/bin/sh\n", Form{}, Stamp{})
				wantKind(t, "Save "+s, err, Excluded)
				_, err = f.List(p, Query{Recursive: true})
				wantKind(t, "List "+s, err, Excluded)
				wantKind(t, "CreateDir "+s, f.CreateDir(p), Excluded)
				wantKind(t, "Remove "+s, f.Remove(p, nil), Excluded)
				wantKind(t, "Rename "+s, f.Rename(p, pathOf(t, "seen"), nil), Excluded)
				wantKind(t, "Rename to "+s, f.Rename(pathOf(t, "plain.txt"), p, nil), Excluded)
				wantKind(t, "Rename a folder to "+s, f.Rename(pathOf(t, "c"), p, nil), Excluded)
			}
		}
		if strings.HasPrefix(name, ".") {
			_, err := Open(filepath.Join(dir, name), Options{Allow: allow})
			wantKind(t, "Open "+name, err, Excluded)
			_, err = OpenFiles([]string{filepath.Join(dir, name, "config")}, Options{Allow: allow})
			wantKind(t, "OpenFiles "+name+"/config", err, Excluded)
		}
	}
	if tried < 1000 {
		t.Errorf("only %d forms were tried", tried)
	}
	// Where git's folder is a file, it is closed as well.
	worktree := t.TempDir()
	write(t, filepath.Join(worktree, ".git"), "gitdir: ../x\n")
	wantKind(t, "a worktree's .git", open(t, worktree).Check(pathOf(t, ".git")), Excluded)
}

// TestA10RandomSpellings: of any path that has such a part in any case, nothing is made.
func TestA10RandomSpellings(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 4))
	for range threat.Times(2000, 1_000_000) {
		name := []rune([]string{".git", ".hg", ".svn", ".jj"}[r.IntN(4)])
		for i := range name {
			switch {
			case r.IntN(2) == 0:
				name[i] = unicode.ToUpper(name[i])
			case name[i] == 's' && r.IntN(3) == 0:
				name[i] = 'ſ'
			}
		}
		s := string(name)
		if r.IntN(2) == 0 {
			s = threat.Path(r) + "/" + s
		}
		if r.IntN(2) == 0 {
			s += "/" + threat.Path(r)
		}
		p, ok := parsed(s)
		if !ok {
			continue
		}
		if !docpath.VCS(p) {
			t.Fatalf("%q is none of version control", s)
		}
		if _, err := f.Create(p); KindOf(err) != Excluded && KindOf(err) != NoSuchDocument {
			t.Fatalf("Create(%q): %v", s, err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("there is now %v, %v", left, err)
	}
}

// TestA10NothingMadeCanBeRun: no file that comes from a guest may be executed, whatever the umask, and whatever was there
// before it was removed; what the host had made executable stays so, but never gets more.
func TestA10NothingMadeCanBeRun(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there files have no such mode")
	}
	open := withoutUmask(t)
	dir := t.TempDir()
	f := open(dir)
	mode := func(name string) os.FileMode {
		t.Helper()
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode()
	}
	if _, err := f.Create(pathOf(t, "made.sh")); err != nil || mode("made.sh") != 0o644 {
		t.Errorf("made: %v, %v", mode("made.sh"), err)
	}
	if _, err := f.Save(pathOf(t, "saved.sh"), "#!/bin/sh\n", Form{}, Stamp{}); err != nil || mode("saved.sh") != 0o644 {
		t.Errorf("saved: %v, %v", mode("saved.sh"), err)
	}
	write(t, filepath.Join(dir, "own.sh"), "#!/bin/sh\n")
	if err := os.Chmod(filepath.Join(dir, "own.sh"), 0o750|os.ModeSetuid|os.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	loaded, err := f.Load(pathOf(t, "own.sh"))
	if err != nil {
		t.Fatal(err)
	}
	stamp, err := f.Save(pathOf(t, "own.sh"), "#!/bin/sh\nls\n", loaded.Form, loaded.Stamp)
	if err != nil || mode("own.sh") != 0o750 {
		t.Errorf("the host's own: %v, %v", mode("own.sh"), err)
	}
	if err := os.Remove(filepath.Join(dir, "own.sh")); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Save(pathOf(t, "own.sh"), "#!/bin/sh\nrm\n", loaded.Form, Stamp{}); err != nil || mode("own.sh") != 0o644 {
		t.Errorf("once it was removed: %v, %v, base %v", mode("own.sh"), err, stamp.Mode)
	}
}

// TestA11PlacesOfSecrets: what holds secrets in one folder alone is held back too if that folder is what is shared, or the
// file itself, or a folder above.
func TestA11PlacesOfSecrets(t *testing.T) {
	home := t.TempDir()
	for _, name := range []string{".docker/config.json", ".docker/daemon.json", ".config/gh/hosts.yml", ".config/app/x.json", ".m2/settings.xml", "config.json"} {
		write(t, filepath.Join(home, name), name+"\n")
	}
	check := func(t *testing.T, folder, name string, want Kind) {
		t.Helper()
		wantKind(t, folder+" → "+name, open(t, filepath.Join(home, folder)).Check(pathOf(t, name)), want)
	}
	check(t, ".docker", "config.json", Excluded)
	check(t, ".docker", "daemon.json", "")
	check(t, ".config", "gh/hosts.yml", Excluded)
	check(t, ".config", "app/x.json", "")
	check(t, ".m2", "settings.xml", Excluded)
	check(t, "", "config.json", "")
	check(t, "", ".docker/config.json", Excluded)
	_, err := OpenFiles([]string{filepath.Join(home, ".docker/config.json")}, Options{})
	wantKind(t, "the file alone", err, Excluded)
	f, err := OpenFiles([]string{filepath.Join(home, ".docker/config.json")}, Options{Allow: []string{"config.json"}})
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	wantKind(t, "allowed", open(t, filepath.Join(home, ".docker"), "config.json").Check(pathOf(t, "config.json")), "")
}

// TestA11RenamedSecrets: a secret that the host's own programs rename as editors do, or link to, stays held back.
func TestA11RenamedSecrets(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir)
	for _, name := range []string{".env~", ".env.bak", ".env.swp", ".env.orig", ".env.1", "#.env#", ".#.env", ".~.env", "~$.env", ".env.local.old", ".env.tmp", ".env.save"} {
		write(t, filepath.Join(dir, ".env"), "canary\n")
		if err := os.Rename(filepath.Join(dir, ".env"), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		wantKind(t, name, f.Check(pathOf(t, name)), Excluded)
		if got := listAll(t, f, ""); len(got) > 0 {
			t.Errorf("listed: %q", paths(got))
		}
		os.Remove(filepath.Join(dir, name))
	}
	write(t, filepath.Join(dir, ".env"), "canary\n")
	write(t, filepath.Join(dir, "sub/x"), "")
	for i, target := range []string{".env", "./.env", "sub/../.env", "sub/../sub/../.env", filepath.Join(dir, ".env")} {
		name := fmt.Sprintf("sub%d.txt", i)
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Skipf("this file system makes no links: %v", err)
		}
		if err := f.Check(pathOf(t, name)); err == nil {
			t.Errorf("%s, a link to %s, can be opened", name, target)
		}
	}
	if got := paths(listAll(t, f, "")); !slices.Equal(got, []string{"sub", "sub/x"}) {
		t.Errorf("listed: %q", got)
	}
}

// TestH4IgnoreFilesAtTheirWorst: rules and names that a hostile repository made to match as slowly as can be take a bounded
// time, after which names count as ignored.
func TestH4IgnoreFilesAtTheirWorst(t *testing.T) {
	dir := t.TempDir()
	slow := strings.Repeat("*a", 120) + "b\n"
	write(t, filepath.Join(dir, "slow/.gitignore"), strings.Repeat(slow, maxIgnoreFile/len(slow)))
	for i := range threat.Times(40, 20_000) {
		write(t, filepath.Join(dir, "slow", fmt.Sprintf("%s%06d", strings.Repeat("a", 240), i)), "")
	}
	write(t, filepath.Join(dir, "z.txt"), "")
	f, slowOnly := open(t, dir), open(t, filepath.Join(dir, "slow"))
	f.most, slowOnly.most = threat.Times(1<<21, maxWork), threat.Times(1<<21, maxWork)
	page, err := f.List(docpath.Path{}, Query{Recursive: true})
	if err != nil || !page.Capped || len(page.Entries) == 0 || len(page.Entries) > 30 {
		t.Errorf("%d entries, capped %v, %v", len(page.Entries), page.Capped, err)
	}
	if got := paths(listAll(t, slowOnly, "")); len(got) > 30 {
		t.Errorf("%d names in the slow folder", len(got))
	}
	wantKind(t, "what costs little", f.Check(pathOf(t, "z.txt")), "")
}

// TestH4IgnoreFilesAreKeptUpToABound: all ignore files together are; the folders of those that come after it are hidden.
func TestH4IgnoreFilesAreKeptUpToABound(t *testing.T) {
	many := t.TempDir()
	for i := range 12 {
		name := fmt.Sprintf("d%02d", i)
		write(t, filepath.Join(many, name, ".gitignore"), strings.Repeat("x\n", maxIgnoreFile/2-1))
		write(t, filepath.Join(many, name, "y"), "")
	}
	got := paths(listAll(t, open(t, many), ""))
	if !slices.Contains(got, "d03/y") || slices.Contains(got, "d04/y") || len(got) != 12+2*4 {
		t.Errorf("listed: %q", got)
	}
}

// TestA9HardLinks: a file with a second name, which may lie outside the folder, can be read but is never written, nor put
// in another's place.
func TestA9HardLinks(t *testing.T) {
	top := t.TempDir()
	write(t, filepath.Join(top, "out.txt"), "outside\n")
	write(t, filepath.Join(top, "in/own.txt"), "own\n")
	if err := os.Link(filepath.Join(top, "out.txt"), filepath.Join(top, "in/two.txt")); err != nil {
		t.Skipf("this file system makes no links: %v", err)
	}
	f := open(t, filepath.Join(top, "in"))
	loaded, err := f.Load(pathOf(t, "two.txt"))
	if err != nil || loaded.Text != "outside\n" || !loaded.ReadOnly {
		t.Errorf("Load: %+v, %v", loaded, err)
	}
	for _, base := range []Stamp{loaded.Stamp, {}} {
		if _, err := f.Save(pathOf(t, "two.txt"), "changed\n", loaded.Form, base); err == nil {
			t.Error("it was saved")
		}
	}
	before, err := os.Stat(filepath.Join(top, "out.txt"))
	if err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(filepath.Join(top, "in/two.txt"))
	if err != nil || !os.SameFile(before, after) || read(t, filepath.Join(top, "out.txt")) != "outside\n" {
		t.Errorf("the names part: %v", err)
	}
}

// TestH4LinksToNowhere: a listing that meets nothing but links which lead nowhere comes to its end.
func TestH4LinksToNowhere(t *testing.T) {
	dir := t.TempDir()
	links := threat.Times(1000, 100_000)
	for i := range links {
		if err := os.Symlink("nowhere", filepath.Join(dir, fmt.Sprintf("l%06d", i))); err != nil {
			t.Skipf("this file system makes no links: %v", err)
		}
	}
	write(t, filepath.Join(dir, "a.txt"), "")
	write(t, filepath.Join(dir, "z.txt"), "")
	f := open(t, dir)
	f.most = threat.Times(2000*nameWork, maxWork)
	page, err := f.List(docpath.Path{}, Query{Recursive: true, Limit: 100})
	if got := paths(page.Entries); err != nil || !slices.Equal(got, []string{"a.txt"}) || page.Next != "" || !page.Capped {
		t.Errorf("listed: %q, capped %v, %v", got, page.Capped, err)
	}
}
