package workspace

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"earshot/internal/docpath"
	"earshot/internal/text"

	"pgregory.net/rapid"
)

// file makes in/f.txt and loads it.
func file(t *testing.T, content string) (f *Folder, p docpath.Path, path string, loaded Text) {
	t.Helper()
	dir := t.TempDir()
	path = filepath.Join(dir, "f.txt")
	write(t, path, content)
	f, p = open(t, dir), pathOf(t, "f.txt")
	loaded, err := f.Load(p)
	if err != nil {
		t.Fatal(err)
	}
	return f, p, path, loaded
}

// nothingLeft fails if a temporary file stayed.
func nothingLeft(t *testing.T, dir string) {
	t.Helper()
	left, _ := filepath.Glob(filepath.Join(dir, tempPrefix+"*"))
	if len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestSave(t *testing.T) {
	f, p, path, loaded := file(t, "one\r\n")
	os.Chmod(path, 0o640)
	stamp, err := f.Save(p, "one\ntwo\n", loaded.Form, loaded.Stamp)
	if got := read(t, path); err != nil || got != "one\r\ntwo\r\n" {
		t.Fatalf("the file holds %q, %v", got, err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o640 || stamp.Mode != 0o640 {
		t.Errorf("mode %v, in the stamp %v", info.Mode(), stamp.Mode)
	}
	again, err := f.Load(p)
	if err != nil || again.Stamp != stamp || again.Text != "one\ntwo\n" {
		t.Errorf("loads as %+v, %v", again, err)
	}
	nothingLeft(t, filepath.Dir(path))
}

func TestSaveOfWhatIsThereWritesNothing(t *testing.T) {
	f, p, path, _ := file(t, "same\n")
	before, _ := os.Stat(path)
	for _, base := range []Stamp{{}, {Sum: [32]byte{1}}} {
		if _, err := f.Save(p, "same\n", Form{}, base); err != nil {
			t.Error(err)
		}
	}
	if after, _ := os.Stat(path); !os.SameFile(before, after) || !after.ModTime().Equal(before.ModTime()) {
		t.Error("the file was written")
	}
}

func TestSaveOverWhatAnotherWrote(t *testing.T) {
	f, p, path, loaded := file(t, "base\n")
	write(t, path, "theirs\r\n")
	_, err := f.Save(p, "ours\n", loaded.Form, loaded.Stamp)
	var changed *DiskChanged
	if !errors.As(err, &changed) || changed.Disk.Text != "theirs\n" || changed.Disk.Form.EOL != text.CRLF || changed.Gone || changed.Bad != nil {
		t.Fatalf("%+v", err)
	}
	wantKind(t, "Save", err, DiskDiffers)
	if got := read(t, path); got != "theirs\r\n" {
		t.Errorf("the file holds %q", got)
	}
	if _, err := f.Save(p, "theirs\nours\n", loaded.Form, changed.Disk.Stamp); err != nil || read(t, path) != "theirs\nours\n" {
		t.Errorf("after the merge: %v", err)
	}
	for name, bytes := range map[string]string{"data": "\x00", "too large": strings.Repeat("a", MaxSize+1)} {
		write(t, path, bytes)
		_, err := f.Save(p, "ours\n", loaded.Form, loaded.Stamp)
		if !errors.As(err, &changed) || changed.Bad == nil || read(t, path) != bytes {
			t.Errorf("%s: %v", name, err)
		}
	}
	nothingLeft(t, filepath.Dir(path))
}

func TestSaveOfARemovedFile(t *testing.T) {
	f, p, path, loaded := file(t, "base\n")
	os.Remove(path)
	_, err := f.Save(p, "ours\n", loaded.Form, loaded.Stamp)
	var changed *DiskChanged
	if !errors.As(err, &changed) || !changed.Gone {
		t.Fatalf("%v", err)
	}
	stamp, err := f.Save(p, "ours\n", loaded.Form, changed.Disk.Stamp)
	if err != nil || read(t, path) != "ours\n" || stamp.Mode == 0 {
		t.Errorf("%v, mode %v", err, stamp.Mode)
	}
	if _, err := f.Save(p, "more\n", loaded.Form, Stamp{}); !errors.As(err, &changed) || changed.Gone {
		t.Errorf("with the zero stamp over a file: %v", err)
	}
	os.Remove(path)
	os.Mkdir(path, 0o755)
	_, err = f.Save(p, "more\n", loaded.Form, stamp)
	wantKind(t, "over a folder", err, SaveFailed)
	nothingLeft(t, filepath.Dir(path))
}

func TestSaveRefuses(t *testing.T) {
	f, p, path, loaded := file(t, "old\n")
	check := func(t *testing.T, what, content string, form Form, want Kind) {
		t.Helper()
		_, err := f.Save(p, content, form, loaded.Stamp)
		wantKind(t, what, err, want)
		if got := read(t, path); got != "old\n" {
			t.Errorf("%s: the file holds %q", what, got)
		}
		nothingLeft(t, filepath.Dir(path))
	}
	check(t, "invalid UTF-8", "a\xff", Form{}, NotText)
	check(t, "too large", strings.Repeat("a", MaxSize+1), Form{}, TooLarge)
	check(t, "too large in CRLF", strings.Repeat("\n", MaxSize/2+1), Form{EOL: text.CRLF}, TooLarge)
	check(t, "another encoding", "new", Form{Encoding: "latin-1"}, SaveFailed)
	os.Chmod(path, 0o444)
	check(t, "a read-only file", "new", Form{}, SaveFailed)
	if got, err := f.Load(p); err != nil || !got.ReadOnly {
		t.Errorf("a read-only file loads with ReadOnly %v, %v", got.ReadOnly, err)
	}
	os.Chmod(path, 0o644)
	os.Chmod(filepath.Dir(path), 0o555)
	check(t, "a read-only folder", "new", Form{}, SaveFailed)
	os.Chmod(filepath.Dir(path), 0o755)
	if err := os.Link(path, path+"2"); err != nil {
		t.Skip(err)
	}
	check(t, "two names", "new", Form{}, SaveFailed)
}

func TestSaveBehindALink(t *testing.T) {
	f, _, path, loaded := file(t, "old\n")
	os.Mkdir(filepath.Join(filepath.Dir(path), "sub"), 0o755)
	if err := os.Symlink("../f.txt", filepath.Join(filepath.Dir(path), "sub/link.txt")); err != nil {
		t.Skip(err)
	}
	link := pathOf(t, "sub/link.txt")
	if _, err := f.Save(link, "new\n", loaded.Form, loaded.Stamp); err != nil || read(t, path) != "new\n" {
		t.Errorf("%v, the file holds %q", err, read(t, path))
	}
	if target, err := os.Readlink(filepath.Join(filepath.Dir(path), "sub/link.txt")); err != nil || target != "../f.txt" {
		t.Errorf("the link is now %q, %v", target, err)
	}
}

func TestCreate(t *testing.T) {
	f, p, path, _ := file(t, "")
	stamp, err := f.Create(pathOf(t, "new.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(filepath.Dir(path), "new.txt")); err != nil || info.Mode()&0o111 != 0 || stamp.Mode != info.Mode() {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, err := f.Save(pathOf(t, "new.txt"), "x", Form{}, stamp); err != nil {
		t.Error(err)
	}
	_, err = f.Create(p)
	wantKind(t, "a file that is there", err, Exists)
	_, err = f.Create(pathOf(t, "none/new.txt"))
	wantKind(t, "in no folder", err, NoSuchDocument)
	_, err = f.Create(pathOf(t, "f.txt/new.txt"))
	wantKind(t, "in a file", err, NoSuchDocument)
	if os.Symlink("nowhere", filepath.Join(filepath.Dir(path), "dangling")) == nil {
		_, err = f.Create(pathOf(t, "dangling"))
		wantKind(t, "over a link to nothing", err, NoSuchDocument)
	}
}

// Whatever two programs write by turns, nothing is overwritten that the other had not seen.
func TestSaveNeverOverwritesUnseenText(t *testing.T) {
	dir := t.TempDir()
	f, p := open(t, dir), pathOf(t, "f.txt")
	path := filepath.Join(dir, "f.txt")
	rapid.Check(t, func(t *rapid.T) {
		os.Remove(path)
		disk, there, base := "", false, Stamp{}
		texts := rapid.SampledFrom([]string{"", "a", "b\n", "c\r\n"})
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "who") {
			case 0:
				disk, there = texts.Draw(t, "theirs"), true
				if err := os.WriteFile(path, []byte(disk), 0o644); err != nil {
					t.Fatal(err)
				}
			case 1:
				os.Remove(path)
				there = false
			default:
				ours := texts.Draw(t, "ours")
				stamp, err := f.Save(p, ours, Form{}, base)
				var changed *DiskChanged
				switch {
				case err == nil:
					disk, there, base = ours, true, stamp
				case !errors.As(err, &changed):
					t.Fatal(err)
				case changed.Gone == there:
					t.Fatalf("gone %v, there %v", changed.Gone, there)
				default:
					base = changed.Disk.Stamp
				}
			}
			got, err := os.ReadFile(path)
			if there != (err == nil) || string(got) != disk && there {
				t.Fatalf("the disk holds %q, %v; want %q, %v", got, err, disk, there)
			}
		}
	})
	nothingLeft(t, dir)
}

// What another program writes between the comparison and the change of names is seen.
func TestSaveLooksOnceMore(t *testing.T) {
	f, p, path, loaded := file(t, "base\n")
	at, err := f.find(p)
	if err != nil {
		t.Fatal(err)
	}
	defer at.close()
	info, _, err := at.compare(p, []byte("ours\n"), loaded.Stamp)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, "theirs, longer\n")
	if _, err := at.replace([]byte("ours\n"), info); !errors.Is(err, errMoved) {
		t.Errorf("replace: %v", err)
	}
	if _, err := at.create([]byte("ours\n")); !errors.Is(err, errMoved) {
		t.Errorf("create: %v", err)
	}
	if got := read(t, path); got != "theirs, longer\n" {
		t.Errorf("the file holds %q", got)
	}
	nothingLeft(t, filepath.Dir(path))
}

// Of many who save over the same base at once, one succeeds, and the others are told.
func TestSavesAtOnce(t *testing.T) {
	f, p, path, loaded := file(t, "base\n")
	for range 25 {
		write(t, path, "base\n")
		if saved := saveAtOnce(t, f, p, loaded); saved != 1 {
			t.Fatalf("%d saves succeeded; the file holds %q", saved, read(t, path))
		}
	}
}

// saveAtOnce counts how many of eight succeed.
func saveAtOnce(t *testing.T, f *Folder, p docpath.Path, loaded Text) int {
	t.Helper()
	const savers = 8
	errs := make(chan error)
	for i := range savers {
		go func() {
			_, err := f.Save(p, strings.Repeat("x", i+1), loaded.Form, loaded.Stamp)
			errs <- err
		}()
	}
	saved := 0
	for range savers {
		if err := <-errs; err == nil {
			saved++
		} else {
			wantKind(t, "a save that came late", err, DiskDiffers)
		}
	}
	return saved
}
