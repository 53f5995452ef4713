package workspace

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"earshot/internal/threat"
)

// swapped is a set of names in one folder that trade places at random. One of what stands under them may be seen.
type swapped struct {
	names []string
	make  []func(path string) error // what stands under each name at the beginning
}

func link(target string) func(string) error {
	return func(path string) error { return os.Symlink(target, path) }
}

func fifo(path string) error { return syscall.Mkfifo(path, 0o644) }

func folderWith(name string) func(string) error {
	return func(path string) error {
		if err := os.MkdirAll(filepath.Join(path, filepath.Dir(name)), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(path, name), []byte("fine\n"), 0o644)
	}
}

func fine(path string) error { return os.WriteFile(path, []byte("fine\n"), 0o644) }

// build makes everything anew: a save may have put a file in a link's place. What is made may be renamed at that moment.
func (s swapped) build(t *testing.T, in string) {
	for i, name := range s.names {
		path := filepath.Join(in, name)
		if err := errors.Join(os.RemoveAll(path), s.make[i](path)); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	}
}

// trade lets two names change places in one step, so that neither is missing for a moment.
func (s swapped) trade(in string, r *rand.Rand) error {
	a, b := r.IntN(len(s.names)), r.IntN(len(s.names)-1)
	if b >= a {
		b++
	}
	return unix.Renameat2(unix.AT_FDCWD, filepath.Join(in, s.names[a]), unix.AT_FDCWD, filepath.Join(in, s.names[b]), unix.RENAME_EXCHANGE)
}

// treeOf reads everything below a folder.
func treeOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			out[path] = read(t, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestA9MillionSwaps: while one goroutine lets files and folders trade places with links to what is outside or hidden, with
// FIFOs, devices and other names of files outside, two others list, read, save and create through the same names. Nothing
// outside is read by them or written, nothing hidden either, and nobody waits for a FIFO.
func TestA9MillionSwaps(t *testing.T) {
	top := t.TempDir()
	in := filepath.Join(top, "in")
	const canary = "canary: must not be seen\n"
	for _, name := range []string{"out/f.txt", "out/onlyoutside.txt", "out/deep/f.txt", "in/.env", "in/.git/f.txt", "in/.git/deep/f.txt", "in/.aws/deep/f.txt"} {
		write(t, filepath.Join(top, name), canary)
	}
	write(t, filepath.Join(top, "out/hard.txt"), "readable, never writable\n")
	hard := func(path string) error { return os.Link(filepath.Join(top, "out/hard.txt"), path) }
	sets := []swapped{
		{[]string{"f.txt", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8"},
			[]func(string) error{fine, fine, link("../out/f.txt"), link(".env"), link(".git/f.txt"), hard, fifo, link("/dev/zero"), folderWith("f.txt")}},
		{[]string{"d", "d1", "d2", "d3", "d4", "d5"},
			[]func(string) error{folderWith("f.txt"), link("../out"), link(".git"), link(filepath.Join(top, "out")), fine, fifo}},
		{[]string{"sub", "s1", "s2", "s3"},
			[]func(string) error{folderWith("deep/f.txt"), link("../out"), link(".aws"), link("/proc/self/root/" + top + "/out")}},
	}
	for _, s := range sets {
		s.build(t, in)
	}
	if err := sets[0].trade(in, rand.New(rand.NewPCG(1, 1))); err != nil {
		t.Skipf("names can't trade places on this file system: %v", err)
	}
	before := treeOf(t, filepath.Join(top, "out"))
	f := open(t, in)
	total := threat.Times(20_000, 1_000_000)
	done := make(chan struct{})
	var working sync.WaitGroup
	working.Go(func() {
		defer close(done)
		r := rand.New(rand.NewPCG(2, 2))
		for i := range total {
			s := sets[i%len(sets)]
			if i%9000 < len(sets) {
				s.build(t, in)
			}
			if err := s.trade(in, r); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Error(err)
				return
			}
		}
	})
	var seen, saved, made, moved int
	working.Go(func() { seen = readAmid(t, f, done) })
	working.Go(func() { moved = moveAmid(t, f, done) })
	working.Go(func() { saved, made = writeAmid(t, f, done) })
	working.Wait()
	if after := treeOf(t, filepath.Join(top, "out")); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("outside there is now %q", after)
	}
	for _, name := range []string{".env", ".git/f.txt", ".git/deep/f.txt", ".aws/deep/f.txt"} {
		if got := read(t, filepath.Join(in, name)); got != canary {
			t.Errorf("%s was written: %q", name, got)
		}
	}
	for _, name := range []string{".git", ".git/deep", ".aws"} {
		if entries, err := os.ReadDir(filepath.Join(in, name)); err != nil || len(entries) > 2 {
			t.Errorf("files were made in %s: %v, %v", name, entries, err)
		}
	}
	if seen == 0 || saved == 0 || made == 0 || moved == 0 {
		t.Errorf("read %d times, saved %d, made %d, moved %d: the race was none", seen, saved, made, moved)
	}
	t.Logf("%d swaps; read %d times, saved %d, made %d, moved %d", total, seen, saved, made, moved)
}

// amid are the names that are asked for.
var amid = []string{"f.txt", "d/f.txt", "sub/deep/f.txt", "f3", "d2/f.txt", "s1/deep/f.txt"}

// readAmid reads and lists until done, and counts what it could read.
func readAmid(t *testing.T, f *Folder, done <-chan struct{}) (seen int) {
	for i := 0; ; i++ {
		select {
		case <-done:
			return seen
		default:
		}
		p := pathOf(t, amid[i%len(amid)])
		loaded, err := f.Load(p)
		if strings.Contains(loaded.Text, "canary") || err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("%s gave the canary", p)
			return seen
		}
		if err == nil && loaded.Text == "fine\n" {
			seen++
		}
		if i%50 > 0 {
			continue
		}
		page, err := f.List(pathOf(t, ""), Query{Recursive: true})
		if err != nil {
			t.Error(err)
			return seen
		}
		for _, e := range page.Entries {
			if base := e.Path.Base(); base == "onlyoutside.txt" || base == ".env" || base == ".aws" || e.Size > 100 {
				t.Errorf("listed %s, %d bytes", e.Path, e.Size)
				return seen
			}
		}
	}
}

// moveAmid renames, makes folders and removes until done, and counts what was done.
func moveAmid(t *testing.T, f *Folder, done <-chan struct{}) (moved int) {
	for i := 0; ; i++ {
		select {
		case <-done:
			return moved
		default:
		}
		from, to := pathOf(t, []string{"d/f.txt", "sub/deep", "sub/deep/f.txt", "d/moved"}[i%4]), pathOf(t, []string{"d/moved", "sub/moved", "d/other", "sub/deep/moved"}[i%4])
		for _, err := range []error{f.Rename(from, to, nil), f.Rename(to, from, nil), f.Remove(to, nil), f.CreateDir(to)} {
			if err == nil {
				moved++
			} else if KindOf(err) == "" {
				t.Error(err)
				return moved
			}
		}
	}
}

// writeAmid saves and creates until done, and counts what was taken.
func writeAmid(t *testing.T, f *Folder, done <-chan struct{}) (saved, made int) {
	for i := 0; ; i++ {
		select {
		case <-done:
			return saved, made
		default:
		}
		p := pathOf(t, amid[i%len(amid)])
		if loaded, err := f.Load(p); err == nil && loaded.Text == "fine\n" {
			// Back at once, so that the reader finds what it knows.
			if stamp, err := f.Save(p, "saved\n", loaded.Form, loaded.Stamp); err == nil {
				saved++
				_, err = f.Save(p, "fine\n", loaded.Form, stamp)
				if err != nil && !slices.Contains([]Kind{DiskDiffers, SaveFailed, OutsideFolder, Excluded, NoSuchDocument}, KindOf(err)) {
					t.Error(err)
				}
			}
		}
		if _, err := f.Create(pathOf(t, []string{"d/made.txt", "sub/deep/made.txt", "sub/made.txt"}[i%3])); err == nil {
			made++
		}
		if _, err := f.Save(pathOf(t, "d/saved.txt"), "x", Form{}, Stamp{}); err == nil {
			made++
		}
	}
}

// TestA9MountsAreNotCrossed: what is mounted into the shared folder is neither listed nor opened. Whoever shares / does not
// share /proc.
func TestA9MountsAreNotCrossed(t *testing.T) {
	f := open(t, "/")
	page, err := f.List(pathOf(t, ""), Query{})
	if err != nil {
		t.Fatal(err)
	}
	listed := paths(page.Entries)
	if slices.Contains(listed, "proc") || !slices.Contains(listed, "etc") {
		t.Errorf("listed: %q", listed)
	}
	for _, name := range []string{"proc/version", "proc/self/environ", "proc/1/environ"} {
		wantKind(t, name, f.Check(pathOf(t, name)), OutsideFolder)
		_, err := f.Load(pathOf(t, name))
		wantKind(t, name, err, OutsideFolder)
	}
	_, err = f.List(pathOf(t, "proc"), Query{})
	wantKind(t, "proc", err, OutsideFolder)
	// Mounted after the look at the name.
	info, err := os.Lstat("/proc")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.enter(f.top(nil), pathOf(t, "proc"), info); !errors.Is(err, errMounted) {
		t.Errorf("enter: %v", err)
	}
}

// TestA8PathsReallyStayBelow makes files by whatever Parse takes, with nothing between it and the kernel: they lie where the
// path says. Then once more through a Folder.
func TestA8PathsReallyStayBelow(t *testing.T) {
	top := t.TempDir()
	in := filepath.Join(top, "in")
	write(t, filepath.Join(top, "outside.txt"), "outside\n")
	if err := os.Mkdir(in, 0o755); err != nil {
		t.Fatal(err)
	}
	f := open(t, in)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 3))
	made := 0
	for range threat.Times(2000, 100_000) {
		s := threat.Path(r)
		p, ok := parsed(s)
		if !ok {
			continue
		}
		if where, err := reallyMade(in, s); err == nil {
			made++
			if where != in+"/"+s {
				t.Fatalf("%q was made as %q", s, where)
			}
			if _, err := f.Create(p); err == nil {
				t.Errorf("%q was made over what is there", s)
			}
		}
		if err := os.RemoveAll(filepath.Join(in, p.Parts()[0])); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Create(p); err == nil {
			if _, err := os.Lstat(in + "/" + s); err != nil {
				t.Fatalf("%q was made elsewhere: %v", s, err)
			}
			if err := os.Remove(in + "/" + s); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := treeOf(t, top); len(got) != 1 || got[filepath.Join(top, "outside.txt")] != "outside\n" {
		t.Errorf("there is now %q", got)
	}
	if made == 0 {
		t.Error("nothing was made")
	}
	t.Logf("%d files made", made)
}

// reallyMade makes a file as the shortest program would, and asks the kernel where it is.
func reallyMade(in, s string) (string, error) {
	full := in + "/" + s
	if err := os.MkdirAll(full[:strings.LastIndexByte(full, '/')], 0o755); err != nil {
		return "", err
	}
	file, err := os.OpenFile(full, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	defer file.Close()
	return os.Readlink(fmt.Sprintf("/proc/self/fd/%d", file.Fd()))
}
