//go:build unix

package workspace

import (
	"bufio"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"earshot/internal/threat"
)

// Nothing that would make the reader wait, or is no file, is opened or listed.
func TestH4OnlyRegularFiles(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o644); err != nil {
		t.Skip(err)
	}
	os.Symlink("fifo", filepath.Join(dir, "link"))
	os.Symlink("/dev/zero", filepath.Join(dir, "zero"))
	if os.Getuid() == 0 {
		syscall.Mknod(filepath.Join(dir, "null"), syscall.S_IFCHR|0o666, 1<<8|3)
	}
	f := open(t, dir)
	for _, name := range []string{"fifo", "link", "null"} {
		_, err := f.Load(pathOf(t, name))
		wantKind(t, name, err, NoSuchDocument)
		if _, err := f.Save(pathOf(t, name), "x", Form{}, Stamp{}); err == nil && name != "null" {
			t.Errorf("%s was written", name)
		}
	}
	_, err := f.Load(pathOf(t, "zero"))
	wantKind(t, "zero", err, OutsideFolder)
	if got := listAll(t, f, ""); len(got) > 1 || len(got) == 1 && got[0].Path.Base() != "null" {
		t.Errorf("listed: %q", paths(got))
	}
	// Also not if it takes a file's place after the look at it.
	write(t, filepath.Join(dir, "plain"), "")
	info, _ := os.Lstat(filepath.Join(dir, "plain"))
	if _, err := openRegular(f.root, "fifo", info); !errors.Is(err, errMoved) {
		t.Errorf("a FIFO in a file's place: %v", err)
	}
}

func TestOwnerAndModeStay(t *testing.T) {
	f, p, path, loaded := file(t, "old\n")
	if os.Getuid() != 0 {
		t.Skip("only root gives files away")
	}
	if err := os.Chown(path, 1234, 5678); err != nil {
		t.Skip(err)
	}
	os.Chmod(path, 0o755|fs.ModeSetuid)
	if _, err := f.Save(p, "new\n", loaded.Form, loaded.Stamp); err != nil {
		t.Fatal(err)
	}
	info, _ := os.Stat(path)
	stat := info.Sys().(*syscall.Stat_t)
	if stat.Uid != 1234 || stat.Gid != 5678 || info.Mode() != 0o755 {
		t.Errorf("owner %d, group %d, mode %v", stat.Uid, stat.Gid, info.Mode())
	}
}

// One goroutine swaps files and folders for links to what is outside or hidden, another reads and writes: nothing
// outside is ever read or written, whatever the timing.
func TestA9SwappedLinksLeadNowhere(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in")
	const canary = "canary: must not be seen\n"
	write(t, filepath.Join(dir, "out/f.txt"), canary)
	write(t, filepath.Join(in, ".env"), canary)
	write(t, filepath.Join(in, ".git/f.txt"), canary)
	write(t, filepath.Join(in, "real/f.txt"), "fine\n")
	write(t, filepath.Join(in, "plain.txt"), "fine\n")
	f := open(t, in)
	stop := make(chan struct{})
	var swapping sync.WaitGroup
	swapping.Go(func() { swap(in, stop) })
	seen, rounds := 0, 0
	for ; rounds < threat.Times(3000, 50_000) || seen < 20 && rounds < 100_000; rounds++ {
		for _, name := range []string{"d/f.txt", "f.txt"} {
			p := pathOf(t, name)
			loaded, err := f.Load(p)
			if strings.Contains(loaded.Text, "canary") {
				t.Fatalf("%s gave the canary", name)
			}
			if err == nil {
				seen++
				f.Save(p, "fine\n"+strconv.Itoa(seen)+"\n", Form{}, loaded.Stamp)
			}
		}
	}
	close(stop)
	swapping.Wait()
	for _, path := range []string{filepath.Join(dir, "out/f.txt"), filepath.Join(in, ".env"), filepath.Join(in, ".git/f.txt")} {
		if got := read(t, path); got != canary {
			t.Errorf("%s was written: %q", path, got)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "out")); err != nil || len(entries) != 1 {
		t.Errorf("files were made outside: %v, %v", entries, err)
	}
	if seen == 0 {
		t.Error("nothing was ever read: the race was none")
	}
	t.Logf("read %d times in %d rounds", seen, rounds)
}

// swap lets d and f.txt be by turns the real thing and links to where nothing may be seen.
func swap(in string, stop <-chan struct{}) {
	d, file, fresh := filepath.Join(in, "d"), filepath.Join(in, "f.txt"), filepath.Join(in, "fresh")
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		os.RemoveAll(d)
		if i%2 == 0 {
			os.Mkdir(d, 0o755)
			os.WriteFile(filepath.Join(d, "f.txt"), []byte("fine\n"), 0o644)
		} else {
			os.Symlink([]string{"../out", ".git", in + "/../out"}[i/2%3], d)
		}
		os.Remove(fresh)
		if i%3 == 0 {
			os.WriteFile(fresh, []byte("fine\n"), 0o644)
		} else {
			os.Symlink([]string{"../out/f.txt", ".env", ".git/f.txt"}[i/3%3], fresh)
		}
		os.Rename(fresh, file)
	}
}

// A process that is killed while it saves leaves the text from before or that from after, never another.
func TestKilledWhileSaving(t *testing.T) {
	if dir := os.Getenv("EARSHOT_TEST_SAVE_IN"); dir != "" {
		saveForever(dir)
		return
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "f.txt")
	write(t, path, version(0))
	interrupted := 0
	for range 12 {
		killWhileSaving(t, dir)
		left, _ := filepath.Glob(filepath.Join(dir, tempPrefix+"*"))
		interrupted += len(left)
		for _, temp := range left {
			os.Remove(temp)
		}
		got := read(t, path)
		number, _, _ := strings.Cut(got, "\n")
		n, err := strconv.Atoi(number)
		if err != nil || got != version(n) {
			t.Fatalf("%d bytes, beginning with %q", len(got), number)
		}
	}
	t.Logf("%d of 12 were killed between the first byte and the change of names", interrupted)
}

// Whoever reads while we save reads a whole text.
func TestReadersSeeWholeTexts(t *testing.T) {
	f, p, path, loaded := file(t, version(0))
	done := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			data, err := os.ReadFile(path)
			number, _, _ := strings.Cut(string(data), "\n")
			if n, e := strconv.Atoi(number); err != nil || e != nil || string(data) != version(n) {
				t.Errorf("%d bytes, beginning with %q, %v", len(data), number, err)
				return
			}
		}
	})
	stamp := loaded.Stamp
	for n := 1; n <= 60; n++ {
		var err error
		if stamp, err = f.Save(p, version(n), loaded.Form, stamp); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	reading.Wait()
}

// version is a text of 200 KB that tells its number in each line.
func version(n int) string { return strings.Repeat(strconv.Itoa(n)+"\n", 40_000) }

func saveForever(dir string) {
	f, err := Open(dir, Options{})
	if err != nil {
		os.Exit(1)
	}
	p := goodPath("f.txt")
	loaded, err := f.Load(p)
	for n := 1; err == nil; n++ {
		os.Stdout.WriteString("saving\n")
		loaded.Stamp, err = f.Save(p, version(n), loaded.Form, loaded.Stamp)
	}
	os.Stdout.WriteString(err.Error() + "\n")
	os.Exit(1)
}

func killWhileSaving(t *testing.T, dir string) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestKilledWhileSaving$")
	child.Env = append(os.Environ(), "EARSHOT_TEST_SAVE_IN="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for range 2 + rand.IntN(4) {
		if !lines.Scan() || lines.Text() != "saving" {
			t.Errorf("the saving process said %q", lines.Text())
			break
		}
	}
	// Somewhere in the next save: busy for a random part of the time that one takes.
	for until := time.Now().Add(time.Duration(rand.IntN(4000)) * time.Microsecond); time.Now().Before(until); {
	}
	child.Process.Kill()
	child.Wait()
}
