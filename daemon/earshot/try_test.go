//go:build unix

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"earshot/internal/rpc"
	"earshot/protocol"
)

// trial is a run of `earshot try --json` as a plugin has it.
type trial struct {
	t     *testing.T
	home  home
	cmd   *exec.Cmd
	lines *bufio.Scanner
	gone  chan struct{} // closed when no process of it is left: all of them hold its standard error
}

func newTrial(t *testing.T, program string, h home, args ...string) *trial {
	t.Helper()
	tr := &trial{t: t, home: h, cmd: h.command(program, append([]string{"try", "--json", "--key", "1ms"}, args...)...), gone: make(chan struct{})}
	out, err := tr.cmd.StdoutPipe()
	must(t, err)
	held, err := tr.cmd.StderrPipe()
	must(t, err)
	must(t, tr.cmd.Start())
	tr.lines = bufio.NewScanner(out)
	// Ends with the last process.
	go func() {
		defer close(tr.gone)
		for said := bufio.NewScanner(held); said.Scan(); {
			t.Log(said.Text())
		}
	}()
	t.Cleanup(func() {
		_ = tr.cmd.Process.Kill() // it may have ended
		<-tr.gone
		_ = tr.cmd.Wait() // by the signal
	})
	return tr
}

// until reads lines up to the one that fits.
func (tr *trial) until(event, step string) tryLine {
	tr.t.Helper()
	for tr.lines.Scan() {
		var line tryLine
		must(tr.t, json.Unmarshal(tr.lines.Bytes(), &line))
		if line.Event == event && line.Step == step {
			return line
		}
	}
	tr.t.Fatalf("it ended without %s %s", event, step)
	return tryLine{}
}

// leavesNothing waits for the end of all processes and looks at what they had on the disk.
func (tr *trial) leavesNothing() {
	tr.t.Helper()
	select {
	case <-tr.gone:
	case <-time.After(patience):
		tr.t.Fatal("a process of it is left")
	}
	entries, err := os.ReadDir(filepath.Join(tr.home.dir, "tmp"))
	must(tr.t, err)
	for _, e := range entries {
		tr.t.Errorf("%s is left", e.Name())
	}
}

// person is somebody at an exact editor, whose daemon is their own.
func person(t *testing.T, h home) *actor {
	t.Helper()
	p := &program{err: os.Stderr, getenv: func(string) string { return "" }}
	s, err := p.openStage(filepath.Join(h.dir, "person.sock"), h.name)
	must(t, err)
	t.Cleanup(s.stop)
	return &actor{stage: s, key: time.Millisecond, tells: func(tryLine) {}}
}

// replies types a line at the end of the text, once Robin's invitation to it is there.
func (a *actor) replies(t *testing.T, line string) {
	t.Helper()
	ok, err := a.until(t.Context(), patience, func() bool { return strings.HasSuffix(string(a.seen), invitation+"\n\n") })
	if must(t, err); !ok {
		t.Fatalf("got %q, want Robin's invitation at its end", string(a.seen))
	}
	a.at = len(a.seen)
	must(t, a.insert(line))
}

// TestTry: Robin greets, answers what was typed, takes back an edit of its own and no other, says goodbye, and nothing is left.
func TestTry(t *testing.T) {
	_, homes := newHomes(t, "Ana")
	tr := newTrial(t, needProgram(t), homes[0])
	ana := person(t, homes[0])
	ctx := t.Context()
	opened := tr.until("opened", "")
	must(t, ana.enter(ctx, opened.Session.Link))
	if ana.uri != opened.URI {
		t.Errorf("got %s as the text's URI, want %s", opened.URI, ana.uri)
	}
	must(t, ana.point(0, 0))
	tr.until("step", "asking")
	ana.replies(t, "what I say")
	tr.until("ended", "")
	_, err := ana.until(ctx, patience, func() bool { return false })
	if !errors.Is(err, errAlone) {
		t.Errorf("got %v, want the session's end", err)
	}
	want := scratchText + "Hi Ana! I am Robin, and you see me type.\n" + invitation +
		"\n\nwhat I say\n> WHAT I SAY (10 characters)\nMine went, yours stayed. That was it: bye, Ana!"
	if got := ana.b.text(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	must(t, tr.cmd.Wait())
	tr.leavesNothing()
}

// atHome is somebody at an exact editor of their own daemon, with one file.
type atHome struct {
	*actor
	program, file string
	home          home
}

func newAtHome(t *testing.T, text string) *atHome {
	t.Helper()
	_, homes := newHomes(t, "Ana")
	e := &atHome{home: homes[0], program: needProgram(t), file: filepath.Join(homes[0].work(), "notes.md")}
	write(t, e.file, text)
	daemon, err := e.home.daemon(e.program)
	must(t, err)
	t.Cleanup(func() { end(daemon) })
	return e
}

// opens begins a trial in the file, which is open at the editor.
func (e *atHome) opens(t *testing.T) *trial {
	t.Helper()
	tr := newTrial(t, e.program, e.home, "--file", "notes.md")
	opened := tr.until("opened", "")
	conn, err := rpc.Dial(t.Context(), e.home.socket())
	must(t, err)
	p := &program{err: os.Stderr, getenv: func(string) string { return "" }}
	c, err := p.hello(t.Context(), conn, kind{follows: true})
	must(t, err)
	t.Cleanup(c.Close)
	e.actor = &actor{stage: &stage{p: p, c: c}, uri: opened.URI, key: time.Millisecond}
	must(t, e.sit(t.Context()))
	must(t, c.attached(t.Context(), e.uri))
	must(t, e.point(0, 0))
	tr.until("step", "asking")
	e.look()
	if !strings.Contains(string(e.seen), "I am Robin") {
		t.Fatalf("got %q, want it to hold Robin's greeting", string(e.seen))
	}
	return tr
}

// holds waits until the editor's text is this.
func (e *atHome) holds(t *testing.T, want string) {
	t.Helper()
	ok, err := e.until(t.Context(), patience, func() bool { return string(e.seen) == want })
	if errors.Is(err, errAlone) { // the session's end came in between
		e.look()
		ok, err = string(e.seen) == want, nil
	}
	if must(t, err); !ok {
		t.Errorf("got %q, want %q", string(e.seen), want)
	}
}

// TestTryFile: Robin comes into a file of the person's, and what stays of it is what the person typed; the disk is never written.
func TestTryFile(t *testing.T) {
	const before = "first line\nlast, without an end"
	e := newAtHome(t, before)
	tr := e.opens(t)
	e.replies(t, "mine")
	tr.until("ended", "")
	must(t, tr.cmd.Wait())
	tr.leavesNothing()
	e.holds(t, before+"mine")
	list, err := e.c.sessions(t.Context())
	if must(t, err); len(list) != 0 {
		t.Errorf("%d sessions are left", len(list))
	}
	if got := read(t, e.file); got != before {
		t.Errorf("the file was written: %q", got)
	}
}

// TestTryStoppedInFile: an end in the middle takes back what Robin typed, too, and ends the share.
func TestTryStoppedInFile(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL} {
		e := newAtHome(t, "mine\n")
		tr := e.opens(t)
		send(tr.cmd, sig)
		tr.leavesNothing()
		e.holds(t, "mine\n")
		list, err := e.c.sessions(t.Context())
		if must(t, err); len(list) != 0 {
			t.Errorf("%v: %d sessions are left", sig, len(list))
		}
	}
}

// TestTryColleagueKilledInFile: what a colleague that was killed has typed into a file of the person's is not saved there later, for the
// share ends with it.
func TestTryColleagueKilledInFile(t *testing.T) {
	e := newAtHome(t, "mine\n")
	tr := newTrial(t, e.program, e.home, "--file", "notes.md")
	opened := tr.until("opened", "")
	must(t, syscall.Kill(opened.PID, syscall.SIGKILL))
	tr.leavesNothing()
	if err := tr.cmd.Wait(); err == nil {
		t.Error("the end of the second process was no failure")
	}
	c, err := e.home.dial(t.Context())
	must(t, err)
	defer c.Close()
	var list protocol.ListSessionsResult
	must(t, c.Call(t.Context(), "session/list", &protocol.ListSessionsParams{}, &list))
	if len(list.Sessions) != 0 {
		t.Errorf("%d sessions are left", len(list.Sessions))
	}
}

// TestTryLeavesNothing: whichever process is killed, nothing of either is left.
func TestTryLeavesNothing(t *testing.T) {
	program := needProgram(t)
	_, homes := newHomes(t, "Ana")
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGKILL} {
		tr := newTrial(t, program, homes[0])
		tr.until("opened", "")
		send(tr.cmd, sig)
		if sig == syscall.SIGINT || sig == syscall.SIGTERM {
			tr.until("ended", "") // as plugins are promised
		}
		tr.leavesNothing()
	}
	tr := newTrial(t, program, homes[0])
	second := tr.until("opened", "").PID
	must(t, syscall.Kill(second, syscall.SIGKILL))
	tr.leavesNothing()
	if err := tr.cmd.Wait(); err == nil {
		t.Error("the end of the second process was no failure")
	}

	check := newTrial(t, program, homes[0], "--check")
	check.lines.Scan()
	send(check.cmd, syscall.SIGKILL)
	check.leavesNothing()
}
