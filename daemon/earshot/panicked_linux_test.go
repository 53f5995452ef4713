package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"earshot/internal/threat"
)

// spot is where TestL9Panicked has daemons fail.
type spot struct {
	where  string
	early  bool // is reached while people join, and not afterwards
	guests bool // a guest's daemon gets there too
}

var spots = []spot{
	{failEngine, false, true}, {failPacket, false, true}, {failRequest, false, true}, {failDisk, false, false},
	{failLink, false, true}, {failOpened, true, true}, {failIntroduction, true, true}, {failMatchmaker, true, false},
	{failAlone, false, true},
}

var waysToFail = []string{failWithText, failWithError, failTwice, failFatally}

// mortal is a daemon that may have to fail.
type mortal struct {
	whose string
	home  home
	cmd   *exec.Cmd
	order string        // the file of failNext
	said  int           // how much its log held before
	died  chan struct{} // closed when it is gone; what follows is set by then
	how   string
	core  bool
}

// deathSentence is of what a daemon says whose own goroutine failed.
const deathSentence = "by a defect of its own ("

// reachTime is how long a daemon may take to come to a place: longer than it takes to join, to type and to save.
const reachTime = 3 * time.Second

// TestL9Panicked: the daemon of the host, of the guest, or of both fails at some moment of a session of two Neovims, each
// time at another place, with all that it holds in the value of its panic; the people go on, keep what Neovim keeps, and
// end. Nothing of the session is left but the host's own files. At full size it is shown that the same program, built to
// speak (-tags loud), leaves it all.
func TestL9Panicked(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	letCores(t)
	begun := time.Now()
	e := newEvening(t)
	e.program = failingProgram(t)
	reached := map[string]int{}
	first := random.IntN(len(spots))
	for i := range threat.Times(2, 63) {
		at := spots[(first+i)%len(spots)]
		whose := []string{"host"}
		if at.guests {
			whose = [][]string{{"host"}, {"guest"}, {"host", "guest"}}[(first+i/len(spots))%3]
		}
		how := waysToFail[random.IntN(len(waysToFail))]
		fell, found := e.failedAt(t, random, at, how, whose)
		for _, who := range fell {
			reached[who+" "+at.where]++
		}
		if len(found) > 0 || t.Failed() {
			t.Fatalf("seed %d, failure %d: %v, at %s with %s; left behind: %q", seed, i, whose, at.where, how, found)
		}
	}
	t.Logf("failed: %v", reached)
	if !threat.Whole {
		return
	}
	for _, at := range spots {
		if reached["host "+at.where] == 0 || at.guests && reached["guest "+at.where] == 0 {
			t.Errorf("not every daemon came to fail at %s", at.where)
		}
	}
	e.nothingElsewhere(t, begun)
	e.program = failingProgram(t, "-tags", "loud")
	for _, whose := range []string{"host", "guest"} {
		_, found := e.failedAt(t, random, spot{where: failRequest, guests: true}, failWithText, []string{whose})
		if !slices.ContainsFunc(found, func(where string) bool { return strings.HasSuffix(where, "daemon.log") }) {
			t.Errorf("built to speak, the %s's daemon says nothing; found is %q", whose, found)
		}
		must(t, os.Remove(e.host.said()))
		must(t, os.Remove(e.guest.said()))
	}
}

// failedAt lives through a session in which some daemons fail and the people go on. It tells whose failed at the spot (one
// that did not come to it fails by itself) and what is left behind.
func (e *evening) failedAt(
	t *testing.T, random *rand.Rand, at spot, how string, whose []string,
) (reached, found []string) {
	t.Helper()
	defer e.end()
	daemons := e.rise(t, random)
	defer daemons["host"].end()
	defer daemons["guest"].end()
	sharing, err := e.host.share(e.program, e.folder)
	must(t, err)
	defer sharing.kill()
	e.session = sharing.session
	_, secret, _ := strings.Cut(sharing.session.Link, "-")
	secret, _, _ = strings.Cut(secret, ".")
	e.secrets.Add("link", secret)
	e.secrets.Add("code", sharing.session.Code)
	all := slices.Collect(maps.Values(e.word))
	value := strings.Join(append(all, e.host.name, e.guest.name, e.folder, e.shared, e.session.Code, e.session.Link), " ")
	fail := func(where string, of ...string) {
		t.Helper()
		for _, who := range of {
			must(t, failNext(daemons[who].cmd, daemons[who].order, where, how, value))
		}
	}
	if at.early {
		fail(at.where, whose...)
	}
	over := make(chan struct{})
	lives := e.live(over)
	moment := time.NewTimer(time.Duration(random.Int64N(int64(momentMost)))) // not a wait for anything, as in TestL9Killed
	defer moment.Stop()
	<-moment.C
	if !at.early {
		fail(at.where, whose...)
	}
	for _, who := range whose {
		d := daemons[who]
		late := d.within(reachTime)
		if hasFailed(d.order) {
			reached = append(reached, who)
			d.check(t, at.where, how)
		}
		if late && (!hasFailed(d.order) || at.where == failMatchmaker) { // which goes on
			fail(failAlone, who)
		}
		<-d.died
		if !hasFailed(d.order) {
			t.Errorf("the %s's daemon ended by something else: %s", who, d.how)
		}
		if d.core {
			t.Errorf("the %s's daemon wrote an image of its memory (%s)", who, d.how)
		}
	}
	close(over)
	must(t, errors.Join(<-lives, <-lives))
	found = e.outlive(t, slices.Contains(whose, "guest"))
	return reached, append(found, e.found(t)...)
}

// rise starts daemons that can fail, one of two asked to leave an image of their memory then, and two Neovims.
func (e *evening) rise(t *testing.T, random *rand.Rand) map[string]*mortal {
	t.Helper()
	daemons := map[string]*mortal{}
	orders := t.TempDir()
	for who, h := range map[string]home{"host": e.host, "guest": e.guest} {
		d := &mortal{whose: who, home: h, order: filepath.Join(orders, who), died: make(chan struct{})}
		if said, err := os.Stat(h.said()); err == nil {
			d.said = int(said.Size())
		}
		env := []string{panicEnv + "=" + d.order}
		if random.IntN(2) == 0 {
			env = append(env, "GOTRACEBACK=crash")
		}
		var err error
		d.cmd, err = h.daemon(e.program, env...)
		must(t, err)
		// Ends with the daemon, which the test ends.
		go func() {
			defer close(d.died)
			d.how, d.core = diedOf(d.cmd)
		}()
		t.Cleanup(d.end)
		daemons[who] = d
	}
	var err error
	e.hosts, err = startNeovim(e.nvim, e.program, e.host)
	must(t, err)
	e.guests, err = startNeovim(e.nvim, e.program, e.guest)
	must(t, err)
	return daemons
}

// end leaves no process behind.
func (d *mortal) end() {
	send(d.cmd, syscall.SIGKILL)
	<-d.died
}

// within waits for the daemon's end, and tells whether it took longer.
func (d *mortal) within(limit time.Duration) (late bool) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-d.died:
		return false
	case <-timer.C:
		return true
	}
}

// check looks at how a daemon that failed at a place ended: the engine's failure is told, a request to the matchmaker ends
// nothing, and all others end it without a word.
func (d *mortal) check(t *testing.T, where, how string) {
	t.Helper()
	if how == failFatally {
		where = ""
	}
	switch where {
	case failMatchmaker:
		if !d.within(0) {
			t.Errorf("the %s's daemon ended by a failure in the matchmaker: %s", d.whose, d.how)
		}
		return
	case failEngine:
		<-d.died
		if got := d.cmd.ProcessState.ExitCode(); got != exitFailure {
			t.Errorf("the %s's daemon ended with %s, want %d", d.whose, d.how, exitFailure)
		}
	default:
		<-d.died
	}
	said := read(t, d.home.said())
	if told := strings.Contains(said[min(d.said, len(said)):], deathSentence); told != (where == failEngine) {
		t.Errorf("the %s's daemon ended by a failure (%q, %s) and told of it: %v", d.whose, where, how, told)
	}
}

// live has both Neovims share a text and type in it until over, each in a goroutine of its own whose end is sent.
func (e *evening) live(over <-chan struct{}) <-chan error {
	ends := make(chan error, 2)
	go func() {
		ends <- repeat(e.guests, over, []string{":Earshot join " + e.session.Link + "<CR>", ":Earshot open " + e.shared + "<CR>"},
			[]string{"require('earshot.session').list()[1]", attachedHere},
			"o"+e.word["typed"]+"<Esc>", "yy", `"ayy`, "u", "ma", "gg*", ":%!cat<CR>", ":w<CR>", ":wshada!<CR>", ":split<CR>:close<CR>")
	}()
	go func() {
		ends <- repeat(e.hosts, over, []string{":edit " + filepath.Join(e.folder, e.shared) + "<CR>"}, []string{attachedHere},
			"Go"+e.word["hosts"]+"<Esc>", "u", ":w!<CR>") // without !, one whose daemon died in a save is asked
	}()
	return ends
}

// repeat types what leads somewhere, each time until an expression holds, and then the same keys again and again. When it is
// over, what Neovim waits for is interrupted, for instance a save whose answer will never come.
func repeat(n *neovim, over <-chan struct{}, first, until []string, keys ...string) error {
	for i, keys := range first {
		if err := n.types(keys); err != nil {
			return err
		}
		if held, err := n.until(over, until[i]); !held {
			return err
		}
	}
	for {
		for _, k := range keys {
			select {
			case <-over:
				return nil
			default:
			}
			if err := n.types(k); err != nil {
				return err
			}
			if rested, err := n.restUntil(over); err != nil {
				return err
			} else if !rested {
				return n.interrupt()
			}
		}
	}
}

// interrupt ends what Neovim waits for. Keys that it has not read by then are lost, so those by which this is seen are typed
// again until they are done.
func (n *neovim) interrupt() error {
	if err := n.types("<C-c>"); err != nil {
		return err
	}
	for end := time.Now().Add(patience); time.Now().Before(end); {
		soon := make(chan struct{})
		timer := time.AfterFunc(retypeTime, func() { close(soon) })
		rested, err := n.restUntil(soon)
		timer.Stop()
		if rested || err != nil {
			return err
		}
	}
	return errors.New("Neovim can't be interrupted")
}

const retypeTime = 300 * time.Millisecond

// outlive is what people do whose daemon is gone: their Neovims have another one, which knows of no session; they look at
// what is still there, keep it as Neovim does, and quit. What is left behind before that is returned.
func (e *evening) outlive(t *testing.T, lost bool) (found []string) {
	t.Helper()
	must(t, e.guests.rest())
	if lost {
		must(t, e.guests.await("#require('earshot.session').list() == 0"))
		must(t, e.guests.types(":wall<CR>")) // while the host alone is away, a save waits for it
	}
	for _, keys := range []string{"yy", `"byy`, "gg*", "mb", "x", "u", ":wshada!<CR>", ":split<CR>:close<CR>", ":preserve<CR>"} {
		must(t, errors.Join(e.guests.types(keys), e.guests.rest()))
	}
	found = e.found(t)
	must(t, e.guests.quit())
	e.guests = nil
	must(t, errors.Join(e.hosts.rest(), e.hosts.quit()))
	e.hosts = nil
	return found
}

// nothingElsewhere looks beside the homes: at what this user has written since, wherever programs write unasked and where
// this machine puts images of memory.
func (e *evening) nothingElsewhere(t *testing.T, since time.Time) {
	t.Helper()
	roots := []string{"/tmp", "/var/tmp", "/dev/shm", os.TempDir(), fmt.Sprintf("/run/user/%d", os.Getuid())}
	if own, err := os.UserHomeDir(); err == nil { // the user's real one, which the programs were not told of
		roots = append(roots, filepath.Join(own, ".cache", "nvim"), filepath.Join(own, ".local"), filepath.Join(own, ".config"))
	}
	if pattern := read(t, "/proc/sys/kernel/core_pattern"); filepath.IsAbs(pattern) {
		roots = append(roots, filepath.Dir(pattern))
	}
	slices.Sort(roots)
	files := 0
	for _, root := range slices.Compact(roots) {
		must(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || path == e.base { // others' folders, and what is gone
				if entry != nil && entry.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			info, err := entry.Info()
			if err != nil || !info.Mode().IsRegular() || info.ModTime().Before(since) {
				return nil
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return nil // another's, or gone
			}
			files++
			for _, what := range append(e.texts.In(text), e.secrets.In(text)...) {
				t.Errorf("left behind: %s in %s", what, path)
			}
			return nil
		}))
	}
	t.Logf("looked into %d files elsewhere", files)
}
