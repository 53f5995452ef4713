package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"earshot/internal/rpc"
	"earshot/protocol"
)

// The scripts in testdata/script run the real program, each with a home and a runtime folder of its own. Besides
// testscript's commands they have:
//
//	code N ARG…                 runs a program and compares its exit code
//	start NAME ARG…             runs earshot ARG… beside the script; its output is collected
//	program NAME PROGRAM ARG…   the same with another program; $EARSHOT is ours
//	terminal NAME ARG…          the same as start at a terminal of its own (Linux)
//	expect NAME REGEXP [VAR…]   waits until the output of NAME matches, and keeps what its groups matched
//	type NAME LINE              writes a line to its standard input
//	keys NAME TEXT              writes what is no line
//	send NAME FILE              writes what a file holds
//	columns NAME N              makes its terminal so wide
//	close NAME                  closes its standard input
//	interrupt NAME              sends it SIGINT
//	converge FILE PROGRAM ARG…  runs a program again and again until its output is FILE's text
//	until REGEXP PROGRAM ARG…   the same until its output matches
//	frames FILE JSON…           writes messages as they stand on the socket
//	finish NAME CODE            closes its input, waits for its end, compares the exit code; leaves NAME.out and NAME.err
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", Setup: setUp, Cmds: commands()})
}

func commands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"code": code, "start": start, "program": begin, "terminal": terminal, "expect": expect, "type": typeLine, "keys": typeKeys, "send": sendFile, "columns": setColumns,
		"interrupt": interrupt, "finish": finish, "close": closeInput, "converge": converge, "until": until, "frames": frames,
	}
}

func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){"earshot": main})
}

// tests are all of them, and what they leave to be removed behind the last.
type tests struct{ *testing.M }

// programFolder is where a test has built the program; "" if none has.
var programFolder string

func (t tests) Run() int {
	code := t.M.Run()
	if programFolder != "" {
		_ = os.RemoveAll(programFolder) // in the folder for temporary files
	}
	return code
}

// patience is what a script waits for anything: far more than a slow machine under the race detector needs.
const patience = 60 * time.Second

type programsKey struct{}

func setUp(env *testscript.Env) error {
	dir, err := os.MkdirTemp("/tmp", "es") // short: a socket's path has at most 104 bytes on some systems
	if err != nil {
		return err
	}
	for _, name := range []string{"run", "config"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			return err
		}
	}
	env.Setenv("HOME", dir)
	env.Setenv("XDG_RUNTIME_DIR", filepath.Join(dir, "run"))
	env.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, "config"))
	env.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	env.Setenv("EARSHOT_NAME", "Ana")
	env.Setenv("ESC", "\x1b")
	self, err := exec.LookPath("earshot")
	if err != nil {
		return err
	}
	env.Setenv("EARSHOT", self)
	programs := map[string]*running{}
	env.Values[programsKey{}] = programs
	env.Defer(func() {
		for _, p := range programs {
			p.kill()
		}
		stopDaemons(filepath.Join(dir, "run"))
		_ = os.RemoveAll(dir) // in /tmp
	})
	return nil
}

// stopDaemons ends what a script's commands started, and waits for it.
func stopDaemons(dir string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	sockets, _ := filepath.Glob(filepath.Join(dir, "earshot", "*.sock")) // the pattern is right
	for _, socket := range sockets {
		conn, err := rpc.Dial(ctx, socket)
		if err != nil {
			continue
		}
		c := rpc.Connect(ctx, conn, nil)
		if err := c.Call(ctx, "initialize", &protocol.InitializeParams{}, nil); err == nil {
			_ = c.Call(ctx, "daemon/stop", &protocol.StopParams{Force: true}, nil) // it may be quicker to end
			<-c.Done()
		}
		c.Close()
	}
}

// running is one program beside the script.
type running struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *output
	err   *output
	ended chan struct{}
	code  int
}

// output collects what a program writes and tells who waits.
type output struct {
	mu    sync.Mutex
	bytes bytes.Buffer
	more  chan struct{} // closed and renewed with each write
}

func newOutput() *output { return &output{more: make(chan struct{})} }

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.bytes.Write(b)
	close(o.more)
	o.more = make(chan struct{})
	return len(b), nil
}

func (o *output) now() (string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.bytes.String(), o.more
}

func (r *running) kill() {
	_ = r.cmd.Process.Kill() // it may have ended
	<-r.ended
}

func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N PROGRAM ARG…")
	}
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("got exit code %d, want %s", got, args[0])
	}
}

func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME ARG…")
	}
	begin(ts, neg, append([]string{args[0], "earshot"}, args[1:]...))
}

func begin(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: program NAME PROGRAM ARG…")
	}
	r := prepare(ts, args[1:])
	r.cmd.Stdout, r.cmd.Stderr = r.out, r.err
	var err error
	r.in, err = r.cmd.StdinPipe()
	ts.Check(err)
	r.begin(ts, args[0], func() {})
}

func terminal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: terminal NAME ARG…")
	}
	r := prepare(ts, append([]string{"earshot"}, args[1:]...))
	person, slave, err := openTerminal()
	ts.Check(err)
	r.cmd.Stdin, r.cmd.Stdout, r.cmd.Stderr = slave, slave, slave
	r.in = keyboard{person}
	copied := make(chan struct{})
	// Ends when no program has the terminal any more, which is an error to the person's end.
	go func() {
		_, _ = io.Copy(r.out, person)
		close(copied)
	}()
	r.begin(ts, args[0], func() {
		_ = slave.Close() // only the program may hold it now
		<-copied
		_ = person.Close()
	})
}

// keyboard is a terminal's input: to close it would be to hang up.
type keyboard struct{ *os.File }

func (keyboard) Close() error { return nil }

func prepare(ts *testscript.TestScript, args []string) *running {
	path, err := exec.LookPath(args[0]) // testscript.Main puts earshot in front of PATH
	ts.Check(err)
	r := &running{cmd: exec.Command(path, args[1:]...), out: newOutput(), err: newOutput(), ended: make(chan struct{})}
	r.cmd.Dir = ts.MkAbs(".")
	r.cmd.Env = environment(ts)
	return r
}

// begin starts the program; after waits for what it has written when it has ended.
func (r *running) begin(ts *testscript.TestScript, name string, after func()) {
	ts.Check(r.cmd.Start())
	// Ends with the program, which the script's end kills.
	go func() {
		defer close(r.ended)
		err := r.cmd.Wait()
		after()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			r.code = exit.ExitCode()
		}
	}()
	programs(ts)[name] = r
}

// environment is the script's: testscript hands it out by name alone.
func environment(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range []string{"HOME", "PATH", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "GIT_CONFIG_NOSYSTEM", "TMPDIR",
		"EARSHOT_NAME", "EARSHOT_SERVER", "EARSHOT_PROFILE", "EARSHOT_SOCKET", "EARSHOT_RELAY_ONLY", "EARSHOT_ICE_SERVERS", "NO_COLOR", "TERM", "WAYLAND_DISPLAY"} {
		if value := ts.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

func programs(ts *testscript.TestScript) map[string]*running {
	return ts.Value(programsKey{}).(map[string]*running)
}

func named(ts *testscript.TestScript, name string) *running {
	r := programs(ts)[name]
	if r == nil {
		ts.Fatalf("no program %s was started", name)
	}
	return r
}

func expect(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: expect NAME REGEXP [VAR…]")
	}
	r := named(ts, args[0])
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	deadline := time.After(patience)
	for {
		out, moreOut := r.out.now()
		errs, moreErr := r.err.now()
		for _, text := range []string{out, errs} {
			if m := pattern.FindStringSubmatch(text); m != nil {
				for i, name := range args[2:] {
					ts.Setenv(name, m[i+1])
				}
				return
			}
		}
		select {
		case <-moreOut:
		case <-moreErr:
		case <-r.ended:
			select {
			case <-moreOut: // what it wrote last
			case <-moreErr:
			default:
				ts.Fatalf("%s ended without %q; stdout:\n%sstderr:\n%s", args[0], args[1], out, errs)
			}
		case <-deadline:
			ts.Fatalf("%s did not write %q; stdout:\n%sstderr:\n%s", args[0], args[1], out, errs)
		}
	}
}

func typeLine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: type NAME LINE")
	}
	_, err := io.WriteString(named(ts, args[0]).in, args[1]+"\n")
	ts.Check(err)
}

func typeKeys(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: keys NAME TEXT")
	}
	_, err := io.WriteString(named(ts, args[0]).in, args[1])
	ts.Check(err)
}

func sendFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: send NAME FILE")
	}
	_, err := io.WriteString(named(ts, args[0]).in, ts.ReadFile(args[1]))
	ts.Check(err)
}

func setColumns(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: columns NAME N")
	}
	n, err := strconv.ParseUint(args[1], 10, 16)
	ts.Check(err)
	ts.Check(widen(named(ts, args[0]).in.(keyboard).File, uint16(n)))
}

func closeInput(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: close NAME")
	}
	ts.Check(named(ts, args[0]).in.Close())
}

func converge(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: converge FILE PROGRAM ARG…")
	}
	want := ts.ReadFile(args[0])
	again(ts, args[1:], want, func(got string) bool { return got == want })
}

func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until REGEXP PROGRAM ARG…")
	}
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	again(ts, args[1:], args[0], pattern.MatchString)
}

// again runs a program until its output is right; each run takes long enough to leave the others room.
func again(ts *testscript.TestScript, args []string, want string, right func(string) bool) {
	got := ""
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if err := ts.Exec(args[0], args[1:]...); err != nil {
			continue
		}
		if got = ts.ReadFile("stdout"); right(got) {
			return
		}
	}
	ts.Fatalf("%s: got %q, want %q", args, got, want)
}

func frames(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: frames FILE JSON…")
	}
	var b strings.Builder
	for _, message := range args[1:] {
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(message), message)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(b.String()), 0o600))
}

func interrupt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: interrupt NAME")
	}
	ts.Check(named(ts, args[0]).cmd.Process.Signal(syscall.SIGINT))
}

func finish(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: finish NAME CODE")
	}
	r := named(ts, args[0])
	_ = r.in.Close() // it may have ended
	select {
	case <-r.ended:
	case <-time.After(patience):
		out, _ := r.out.now()
		errs, _ := r.err.now()
		ts.Fatalf("%s does not end; stdout:\n%sstderr:\n%s", args[0], out, errs)
	}
	out, _ := r.out.now()
	errs, _ := r.err.now()
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".out"), []byte(out), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".err"), []byte(errs), 0o600))
	if got := strconv.Itoa(r.code); got != args[1] {
		ts.Fatalf("%s: got exit code %s, want %s; stdout:\n%sstderr:\n%s", args[0], got, args[1], out, errs)
	}
}
