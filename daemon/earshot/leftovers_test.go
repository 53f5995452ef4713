//go:build unix

package main

import (
	"errors"
	"fmt"
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
	"earshot/protocol"
)

// evening is a host and a guest, each at a Neovim of their own with a daemon of their own, and what is looked for on both
// their machines afterwards.
type evening struct {
	base    string
	program string
	nvim    string
	host    home
	guest   home

	texts   threat.Canaries // of the session: may stand in the host's own files alone
	secrets threat.Canaries // codes and names: may stand nowhere
	word    map[string]string
	own     string // a text of the guest's own, which may be kept
	ownName string

	daemons        []*exec.Cmd
	hosts, guests  *neovim
	session        protocol.Session
	folder, shared string // the host's folder, and the path of the shared file in it
}

// kinds of canaries, by how they come into a Neovim.
var kinds = []string{"text", "typed", "undone", "searched", "replaced", "recorded", "expression", "asked", "hosts"}

func newEvening(t *testing.T) *evening {
	e := &evening{nvim: needNeovim(t), program: needProgram(t), word: map[string]string{}}
	base, homes := newHomes(t, e.secrets.Word("the host's name"), e.secrets.Word("the guest's name"))
	e.base, e.host, e.guest = base, homes[0], homes[1]
	for _, kind := range kinds {
		e.word[kind] = e.texts.New(kind)
	}
	e.folder = filepath.Join(e.host.work(), e.texts.Word("folder name"))
	e.shared = e.texts.Word("file name") + ".txt"
	write(t, filepath.Join(e.folder, e.shared), "one "+e.word["text"]+" two\nsecond line\nlast of "+e.word["text"]+"\n")
	e.own, e.ownName = "of my own", "mine.txt"
	write(t, filepath.Join(e.guest.work(), e.ownName), e.own+"\n")
	t.Cleanup(e.end)
	return e
}

// end leaves no process behind.
func (e *evening) end() {
	for _, n := range []*neovim{e.hosts, e.guests} {
		if n != nil {
			n.kill()
		}
	}
	for _, d := range e.daemons {
		end(d)
	}
	e.hosts, e.guests, e.daemons = nil, nil, nil
	e.host.stopOther()
	e.guest.stopOther()
}

func (e *evening) begin(t *testing.T, env ...string) {
	t.Helper()
	for _, h := range []home{e.host, e.guest} {
		d, err := h.daemon(e.program)
		must(t, err)
		e.daemons = append(e.daemons, d)
	}
	var err error
	e.hosts, err = startNeovim(e.nvim, e.program, e.host, env...)
	must(t, err)
	e.guests, err = startNeovim(e.nvim, e.program, e.guest, env...)
	must(t, err)
}

// meet has the host share and the guest join, as people do it.
func (e *evening) meet(t *testing.T) {
	t.Helper()
	must(t, e.hosts.types(":Earshot share "+e.folder+"<CR>"))
	must(t, e.hosts.await("require('earshot.session').list()[1]"))
	code, err := e.hosts.lua("return require('earshot.session').list()[1].code")
	must(t, err)
	link, err := e.hosts.lua("return require('earshot.session').list()[1].link")
	must(t, err)
	_, secret, _ := strings.Cut(link, "-")
	secret, _, _ = strings.Cut(secret, ".")
	e.secrets.Add("code", code)
	e.secrets.Add("link", secret)
	must(t, e.guests.types(":Earshot join "+code+"<CR>"))
	must(t, e.hosts.await("#require('earshot.ui').waiting() > 0"))
	must(t, e.hosts.types(":Earshot admit<CR>"))
	must(t, e.guests.await("require('earshot.session').list()[1]"))
	must(t, e.hosts.types(":edit "+filepath.Join(e.folder, e.shared)+"<CR>"))
	must(t, e.hosts.await(attachedHere))
	must(t, e.guests.types(":Earshot open "+e.shared+"<CR>"))
	must(t, e.guests.await(attachedHere))
}

const attachedHere = "require('earshot.buffer').attached[vim.api.nvim_get_current_buf()]"

// works has the guest do all that Neovim could keep, and the host type into it.
func (e *evening) works(t *testing.T) {
	t.Helper()
	w := func(kind string) string { return e.word[kind] }
	for _, keys := range []string{
		"yy", `"ayy`, `"Ayy`, "yiw", "v$y", "ggdd", "u", "x", "u", "p", "mA", "ma", // registers and marks
		"Go" + w("typed") + "<Esc>", "o" + w("undone") + "<Esc>u",
		"gg/" + w("searched") + "<CR>", "gg*", "g*", "?" + strings.Fields(w("text"))[0] + "<CR>",
		":s/" + strings.Fields(w("text"))[1] + "/" + w("replaced") + "/<CR>",
		"qqo" + w("recorded") + "<Esc>qu",
		"o<C-r>='" + w("expression") + "'<CR><Esc>",
		":call input('? ')<CR>" + w("asked") + "<CR>",
		":%!find $TMPDIR -type f -exec cat {} + >$HOME/seen; cat<CR>", ":w !cat >/dev/null<CR>", "G", "gg", ":w<CR>",
		":split<CR>", ":mkview<CR>", ":mksession! Mine.vim<CR>", ":wshada!<CR>", ":preserve<CR>", ":close<CR>",
	} {
		must(t, e.guests.types(keys))
		must(t, e.guests.rest())
	}
	must(t, e.hosts.types("Go"+w("hosts")+"<Esc>"))
	must(t, e.guests.await("table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, true)):find(args[1], 1, true)", w("hosts")))
}

// keepsOwn has the guest work in a file of their own, of which Neovim keeps what it always does.
func (e *evening) keepsOwn(t *testing.T) {
	t.Helper()
	must(t, e.guests.types(":edit "+e.ownName+"<CR>"))
	must(t, e.guests.types(`"eyy/my<CR>:s/my/my/<CR>mB`))
	must(t, e.guests.rest())
}

// found looks everywhere: into both homes, but for the host's own files, and beside them.
func (e *evening) found(t *testing.T) []string {
	t.Helper()
	editors := filepath.Join(e.host.dir, "state", "nvim") // what the host's own Neovim keeps of the host's own files
	found, files, err := e.texts.Search([]string{e.folder, editors, filepath.Join(e.host.work(), "Session.vim")}, e.base)
	must(t, err)
	if files < 5 {
		t.Errorf("looked into %d files: that is not all there is", files)
	}
	secrets, _, err := e.secrets.Search([]string{e.folder}, e.base)
	must(t, err)
	return append(found, secrets...)
}

func (e *evening) nothing(t *testing.T) {
	t.Helper()
	for _, where := range e.found(t) {
		t.Errorf("left behind: %s", where)
	}
}

// TestL9Leftovers: after a whole session of two Neovims nothing of it is on the guest's machine, and on the host's only in
// the host's own files; once with the session's end before Neovim's, once without.
func TestL9Leftovers(t *testing.T) {
	for _, first := range []string{"the session ends first", "the guest quits first"} {
		t.Run(first, func(t *testing.T) {
			e := newEvening(t)
			e.begin(t, "NAMES=yes")
			e.meet(t)
			if first == "the guest quits first" { // and what was searched for last is not their own
				e.keepsOwn(t)
				must(t, e.guests.types("<C-^>"))
			}
			e.works(t)
			e.nothing(t)
			if first == "the session ends first" {
				e.keepsOwn(t)
				e.hostLeaves(t)
				e.nothing(t)
			}
			must(t, e.guests.quit())
			e.guests = nil
			e.keptOwn(t)
			must(t, e.hosts.quit())
			e.hosts = nil
			for _, d := range e.daemons {
				must(t, d.Process.Signal(os.Interrupt))
				if how, core := diedOf(d); core {
					t.Errorf("a daemon: %s", how)
				}
			}
			e.daemons = nil
			e.nothing(t)
		})
	}
}

// TestL9Code: a code that was typed in Neovim is not there when it has ended, or is asked to keep what it has.
func TestL9Code(t *testing.T) {
	e := newEvening(t)
	e.begin(t)
	must(t, e.hosts.types(":Earshot share "+e.folder+"<CR>"))
	must(t, e.hosts.await("require('earshot.session').list()[1]"))
	code, err := e.hosts.lua("return require('earshot.session').list()[1].code")
	must(t, err)
	e.secrets.Add("code", code)
	must(t, e.guests.types(":Earshot join "+code+"<CR>"))
	must(t, e.hosts.await("#require('earshot.ui').waiting() > 0"))
	must(t, e.hosts.types(":Earshot refuse<CR>"))
	must(t, e.guests.await("table.concat(said):find('did not let you in')"))
	must(t, e.guests.types(":Ear join<CR>"))
	must(t, e.guests.types(code+"<CR>"))
	must(t, e.hosts.await("#require('earshot.ui').waiting() > 0"))
	must(t, e.guests.types(":wshada!<CR>"))
	must(t, e.guests.rest())
	e.nothing(t)
	must(t, e.guests.quit())
	e.guests = nil
	e.nothing(t)
	if shada := read(t, filepath.Join(e.guest.dir, "state", "nvim", "shada", "main.shada")); !strings.Contains(shada, "wshada") {
		t.Error("the guest's shada file has not even :wshada")
	}
}

// hostLeaves ends the session: the guest's texts are closed, and the guest is told why.
func (e *evening) hostLeaves(t *testing.T) {
	t.Helper()
	must(t, e.hosts.lua0("vim.ui.select = function(items, _, done) done(items[3]) end")) // throw away what is not saved
	must(t, e.hosts.types(":Earshot leave<CR>"))
	must(t, e.guests.await("#require('earshot.session').list() == 0"))
	open, err := e.guests.lua(`
		local names = {}
		for _, buf in ipairs(vim.api.nvim_list_bufs()) do
			local name = vim.api.nvim_buf_get_name(buf)
			if name:match('^earshot:') then names[#names + 1] = name end
		end
		return table.concat(names, ' ')`)
	must(t, err)
	if open != "" {
		t.Errorf("still open at the guest's: %s", open)
	}
	said, err := e.guests.lua("return table.concat(said, '\\n')")
	must(t, err)
	if !strings.Contains(said, "The session is over: ") {
		t.Errorf("the guest was not told why; it was told:\n%s", said)
	}
}

// keptOwn sees to it that the search can find something: the guest's Neovim has written its files, with what is its own.
func (e *evening) keptOwn(t *testing.T) {
	t.Helper()
	shada := read(t, filepath.Join(e.guest.dir, "state", "nvim", "shada", "main.shada"))
	for _, own := range []string{e.own, e.ownName, "s/my/my/"} {
		if !strings.Contains(shada, own) {
			t.Errorf("the guest's shada file has not even %q", own)
		}
	}
	session := read(t, filepath.Join(e.guest.work(), "Mine.vim"))
	if !strings.Contains(session, "SessionLoad") || strings.Contains(session, "earshot://") {
		t.Errorf("the guest's session file is not what was expected:\n%s", session)
	}
}

// TestL9SwapFileIsFound: the search finds a swap file that the guest has switched on.
func TestL9SwapFileIsFound(t *testing.T) {
	e := newEvening(t)
	e.begin(t)
	e.meet(t)
	e.nothing(t)
	must(t, e.guests.types(":setlocal swapfile<CR>Go"+e.word["typed"]+"<Esc>:preserve<CR>"))
	must(t, e.guests.rest())
	swap := func(where string) bool { return strings.Contains(where, "/swap/") }
	found := e.found(t)
	if !slices.ContainsFunc(found, swap) {
		t.Errorf("a swap file was switched on and not found; found is %q", found)
	}
	if other := slices.DeleteFunc(found, swap); len(other) > 0 {
		t.Errorf("left behind beside the swap file: %q", other)
	}
}

// TestL9Killed: the daemons and Neovims of host and guest are killed at some moment of a session, in any order, and nothing
// of it is left but the host's own files. Some are ended by other signals, which a program may act on: Neovim preserves
// what it edits, the Go runtime tells of its stacks.
func TestL9Killed(t *testing.T) {
	seed := time.Now().UnixNano()
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	e := newEvening(t)
	reached := map[string]int{}
	for i := range threat.Times(3, 240) {
		moment := time.Duration(random.Int64N(int64(momentMost)))
		editor, daemon := syscall.SIGKILL, syscall.SIGKILL
		if i%6 == 2 {
			editor = []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP}[random.IntN(2)]
			daemon = []syscall.Signal{syscall.SIGABRT, syscall.SIGSEGV, syscall.SIGQUIT, syscall.SIGHUP}[random.IntN(4)]
		}
		stage := e.killedAt(t, moment, random, editor, daemon)
		reached[stage]++
		if found := e.found(t); len(found) > 0 {
			t.Fatalf("seed %d, kill %d at %v while %s, by %v and %v; left behind: %q", seed, i, moment, stage, editor, daemon, found)
		}
	}
	t.Logf("killed while: %v", reached)
	if threat.Whole && len(reached) < 4 {
		t.Errorf("killed only while %v: the moments are not spread", reached)
	}
}

// momentMost is when a session that may still be killed has gone through all its stages.
const momentMost = 1500 * time.Millisecond

// killedAt lives through a session until the moment and tells how far it came. Errors are what a kill looks like.
func (e *evening) killedAt(
	t *testing.T, moment time.Duration, random *rand.Rand, editor, daemon syscall.Signal,
) (stage string) {
	t.Helper()
	defer e.end()
	e.begin(t)
	stages := make(chan string)
	sharing, err := e.host.share(e.program, e.folder)
	must(t, err)
	defer sharing.kill()
	e.session = sharing.session
	_, secret, _ := strings.Cut(sharing.session.Link, "-")
	secret, _, _ = strings.Cut(secret, ".")
	e.secrets.Add("link", secret)
	e.secrets.Add("code", sharing.session.Code)
	// Ends when the Neovims are gone, which end sees to.
	go func() {
		defer close(stages)
		e.goesOn(func(stage string) { stages <- stage })
	}()
	kill := time.NewTimer(moment) // not a wait for anything: the moment is what the test is about
	defer kill.Stop()
	for stage = "starting"; ; {
		select {
		case now, more := <-stages:
			if !more {
				t.Errorf("the session broke off by itself while %s", stage)
				return stage
			}
			stage = now
			continue
		case <-kill.C:
		}
		break
	}
	victims := []func(){
		func() { sharing.kill() }, func() { send(e.guests.cmd, editor) }, func() { send(e.hosts.cmd, editor) },
		func() { send(e.daemons[0], daemon) }, func() { send(e.daemons[1], daemon) },
	}
	random.Shuffle(len(victims), func(i, j int) { victims[i], victims[j] = victims[j], victims[i] })
	for _, kill := range victims {
		kill()
	}
	late := time.AfterFunc(endPatience/10, func() { send(e.guests.cmd, syscall.SIGKILL) }) // one that is asked to go may not
	defer late.Stop()
	for now := range stages {
		stage = now
	}
	return stage
}

// goesOn lives through a session without an end.
func (e *evening) goesOn(stage func(string)) {
	steps := func(n *neovim, keys ...string) error {
		for _, k := range keys {
			if err := errors.Join(n.types(k), n.rest()); err != nil {
				return err
			}
		}
		return nil
	}
	stage("joining")
	if err := errors.Join(
		e.guests.types(":Earshot join "+e.session.Link+"<CR>"), e.guests.await("require('earshot.session').list()[1]")); err != nil {
		return
	}
	stage("opening")
	if err := errors.Join(
		e.guests.types(":Earshot open "+e.shared+"<CR>"), e.guests.await(attachedHere)); err != nil {
		return
	}
	for i := 0; ; i++ {
		stage("working")
		typed := fmt.Sprintf("o%s %d<Esc>", e.word["typed"], i)
		if steps(e.guests, typed, "yy", `"ayy`, "dd", "u", "ma", "gg*", ":%!cat<CR>") != nil {
			return
		}
		stage("keeping")
		if steps(e.guests, ":w<CR>", ":wshada!<CR>", ":split<CR>:close<CR>") != nil {
			return
		}
	}
}
