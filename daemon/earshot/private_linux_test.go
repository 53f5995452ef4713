package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"earshot/internal/docpath"
	"earshot/internal/threat"
	"earshot/protocol"
)

// sitting is a host and a guest without a Neovim, whose daemons are to die while a text of canaries is being typed.
type sitting struct {
	t       *testing.T
	program string
	base    string
	homes   [2]home
	texts   threat.Canaries
	word    string // in the text
	folder  string
	daemons [2]*exec.Cmd
	sharing *sharing
	guest   *exec.Cmd
}

func sit(t *testing.T, program string, env ...string) *sitting {
	t.Helper()
	s := &sitting{t: t, program: program}
	base, homes := newHomes(t, s.texts.Word("the host's name"), s.texts.Word("the guest's name"))
	s.base, s.homes = base, [2]home(homes)
	t.Cleanup(s.end)
	s.word = s.texts.Word("text")
	s.folder = filepath.Join(s.homes[0].work(), "folder")
	write(t, s.file(), s.word+"\n")
	var err error
	for i, h := range s.homes {
		s.daemons[i], err = h.daemon(program, env...)
		must(t, err)
	}
	s.sharing, err = s.homes[0].share(program, s.folder)
	must(t, err)
	s.texts.Add("code", s.sharing.session.Code)
	s.texts.Add("link", s.sharing.session.Link)
	s.guest = s.homes[1].command(program, "join", "--json", "-")
	s.guest.Stdin = strings.NewReader(s.sharing.session.Link + "\n")
	out := newOutput()
	s.guest.Stdout, s.guest.Stderr = out, out
	must(t, s.guest.Start())
	must(t, out.await(`"event":"joined"`))
	return s
}

func (s *sitting) file() string { return filepath.Join(s.folder, "text.txt") }

func (s *sitting) end() {
	s.sharing.kill()
	end(s.guest)
	for _, d := range s.daemons {
		end(d)
	}
}

// typing types into the host's text until the connection breaks; it returns once the daemon has taken the first letters.
func (s *sitting) typing() {
	s.t.Helper()
	c, err := s.homes[0].dial(s.t.Context())
	must(s.t, err)
	uri, err := docpath.FileURI(s.file(), goos)
	must(s.t, err)
	open := &protocol.DidOpenTextDocumentParams{TextDocument: protocol.TextDocumentItem{URI: uri, Version: 1, Text: s.word + "\n"}}
	must(s.t, c.Notify("textDocument/didOpen", open))
	version := 1
	key := func() error {
		version++
		return c.Notify("textDocument/didChange", &protocol.DidChangeTextDocumentParams{
			TextDocument:   protocol.VersionedTextDocumentIdentifier{URI: uri, Version: version},
			ContentChanges: []protocol.TextDocumentContentChangeEvent{{Range: &protocol.Range{}, Text: s.word}},
		})
	}
	must(s.t, key())
	must(s.t, c.Call(s.t.Context(), "session/list", struct{}{}, nil)) // behind it in order
	// Ends with the daemon, which the test kills.
	go func() {
		defer c.Close()
		for key() == nil && c.Call(context.Background(), "session/list", struct{}{}, nil) == nil {
		}
	}()
}

// nothing looks at all that the two daemons said, and at every file but the host's own.
func (s *sitting) nothing(what string) {
	s.t.Helper()
	found, _, err := s.texts.Search([]string{s.folder}, s.base)
	must(s.t, err)
	for _, where := range found {
		s.t.Errorf("%s: left behind: %s", what, where)
	}
	for _, h := range s.homes {
		if cores, _ := filepath.Glob(filepath.Join(h.work(), "*core*")); len(cores) > 0 { // the pattern is right
			s.t.Errorf("%s: %q", what, cores)
		}
	}
}

// letCores lets this process's children write images of their memory, as far as this user may, and tells whether the
// machine then does.
func letCores(t *testing.T) bool {
	t.Helper()
	var was unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_CORE, &was))
	must(t, unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: was.Max, Max: was.Max}))
	t.Cleanup(func() { _ = unix.Setrlimit(unix.RLIMIT_CORE, &was) }) // it was allowed before
	other := exec.Command("sleep", "60")
	other.Dir = t.TempDir()
	must(t, other.Start())
	must(t, other.Process.Signal(syscall.SIGABRT))
	how, core := diedOf(other)
	t.Logf("another program: %s", how)
	return core
}

// TestL7Signals: a daemon that a signal ends under load leaves no image of its memory and says nothing of what was in it,
// even where whoever started it asked the Go runtime for as much as it gives.
func TestL7Signals(t *testing.T) {
	program := needProgram(t)
	if !letCores(t) {
		t.Log("this machine writes no images of memory; that the daemon would not is shown by its limit alone")
	}
	signals := []syscall.Signal{syscall.SIGABRT, syscall.SIGSEGV, syscall.SIGQUIT, syscall.SIGBUS, syscall.SIGILL, syscall.SIGTRAP}
	for _, signal := range signals[:threat.Times(2, len(signals))] {
		s := sit(t, program, "GOTRACEBACK=crash")
		s.typing()
		for i, d := range s.daemons {
			limits := read(t, fmt.Sprintf("/proc/%d/limits", d.Process.Pid))
			if _, after, _ := strings.Cut(limits, "Max core file size"); !strings.HasPrefix(strings.Join(strings.Fields(after), " "), "0 0 ") {
				t.Errorf("%v: the daemon may write an image of its memory: %s", signal, limits)
			}
			must(t, d.Process.Signal(signal))
			if how, core := diedOf(d); core {
				t.Errorf("%v: daemon %d wrote an image of its memory (%s)", signal, i, how)
			}
			s.daemons[i] = nil
		}
		s.nothing(signal.String())
		for _, h := range s.homes {
			if said := read(t, h.said()); strings.Contains(said, "goroutine") || strings.Contains(said, "rip ") {
				t.Errorf("%v: the runtime spoke:\n%s", signal, said)
			}
		}
		s.end()
	}
}

// memoryEnv tells TestMemoryChild, run as another user, whose memory to read.
const memoryEnv = "EARSHOT_TEST_MEMORY_OF"

// TestL7Memory: not even the same user's programs read a daemon's memory or attach to it.
func TestL7Memory(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, which alone can be two other users: root itself is kept out of nothing")
	}
	program := needProgram(t)
	_, homes := newHomes(t, "Ana")
	must(t, os.Chmod(filepath.Dir(homes[0].dir), 0o755))
	must(t, filepath.WalkDir(homes[0].dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(path, nobody, nobody)
	}))
	start := func(cmd *exec.Cmd) *exec.Cmd {
		cmd.Env, cmd.Dir = homes[0].env(), homes[0].dir
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		return cmd
	}
	program = copyFor(t, program, filepath.Join(homes[0].dir, "earshot"))
	daemon := start(exec.Command(program, "daemon", "--socket", filepath.Join(homes[0].dir, "run", "d.sock")))
	said := newOutput()
	daemon.Stderr = said
	must(t, daemon.Start())
	t.Cleanup(func() { end(daemon) })
	must(t, said.await("daemon begins"))
	self, err := os.Executable()
	must(t, err)
	self = copyFor(t, self, filepath.Join(homes[0].dir, "child"))
	for what, want := range map[string]string{fmt.Sprint(daemon.Process.Pid): "refused", "itself": "read"} {
		child := start(exec.Command(self, "-test.run=^TestMemoryChild$", "-test.v"))
		child.Env = append(child.Env, memoryEnv+"="+what)
		out, err := child.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "memory: "+want) {
			t.Errorf("the memory of %s: %v, want it %s\n%s", what, err, want, out)
		}
	}
}

func TestMemoryChild(t *testing.T) {
	pid := os.Getenv(memoryEnv)
	if pid == "" {
		t.Skip("part of TestL7Memory")
	}
	if pid == "itself" { // or rather a child of its own, which is as ordinary as a program can be
		other := exec.Command("sleep", "60")
		must(t, other.Start())
		t.Cleanup(func() { end(other) })
		pid = fmt.Sprint(other.Process.Pid)
	}
	memory, err := os.Open("/proc/" + pid + "/mem")
	if err == nil {
		memory.Close()
		fmt.Println("memory: read")
		return
	}
	fmt.Println("memory: refused:", err)
}

// nobody is a user without any rights of its own.
const nobody = 65534

// copyFor puts a program where another user can run it.
func copyFor(t *testing.T, from, to string) string {
	t.Helper()
	program, err := os.ReadFile(from)
	must(t, err)
	must(t, os.WriteFile(to, program, 0o755))
	must(t, os.Chown(to, nobody, nobody))
	return to
}

// TestL7Panic: a panic, whoever's goroutine it is and whatever its value, prints nothing that was in the daemon; the
// engine's is told in one sentence. Built to speak (-tags loud) the same program says it all, so the test can fail.
func TestL7Panic(t *testing.T) {
	if !threat.Whole {
		t.Skip("builds the program twice with a defect in it: part of make test-security")
	}
	check := func(program, where string, wantCode int, wantSaid string, wantSilent bool) {
		t.Helper()
		s := sit(t, program)
		s.end()
		value := filepath.Join(t.TempDir(), "value")
		var err error
		s.daemons[0], err = s.homes[0].daemon(program, panicEnv+"="+value)
		must(t, err)
		s.sharing, err = s.homes[0].share(program, s.folder)
		must(t, err)
		s.typing()
		d := s.daemons[0]
		must(t, failNext(d, value, where, failWithText, s.word))
		_, _ = diedOf(d)
		if got := d.ProcessState.ExitCode(); got != wantCode {
			t.Errorf("%s: got exit code %d, want %d", where, got, wantCode)
		}
		said := read(t, s.homes[0].said())
		if !strings.Contains(said, wantSaid) {
			t.Errorf("%s: the daemon did not say %q but:\n%s", where, wantSaid, said)
		}
		if wantSilent {
			s.nothing(where)
		} else if !strings.Contains(said, s.word) {
			t.Errorf("%s: built to speak, it does not:\n%s", where, said)
		}
		s.end()
	}
	quiet, loud := failingProgram(t), failingProgram(t, "-tags", "loud")
	check(quiet, failEngine, exitFailure, ", loop.go:", true)
	check(quiet, failAlone, exitUsage, "daemon begins", true)
	check(loud, failEngine, exitUsage, "panic: ", false)
	check(loud, failAlone, exitUsage, "panic: ", false)
}
