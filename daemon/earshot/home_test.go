//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"earshot/internal/rpc"
	"earshot/protocol"
)

// realProgram is the program as `make build` makes it: under the race detector it would not be what people run.
var realProgram = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "earshot-program")
	if err != nil {
		return "", err
	}
	programFolder = dir
	path := filepath.Join(dir, "earshot")
	return path, build(path)
})

func build(path string, flags ...string) error {
	args := append([]string{"build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", path}, flags...)
	cmd := exec.Command("go", append(args, ".")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return nil
}

func needProgram(t *testing.T) string {
	t.Helper()
	path, err := realProgram()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// home is what one person has on a machine: every folder that a program may write to by itself.
type home struct {
	dir  string
	name string // the person's
}

// newHomes makes a folder with homes in it, which goes with the test.
func newHomes(t *testing.T, names ...string) (base string, homes []home) {
	t.Helper()
	base, err := os.MkdirTemp("/tmp", "es") // short: a socket's path has at most 104 bytes on some systems
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) }) // what a killed process still writes there may outlast it
	for i, name := range names {
		h := home{filepath.Join(base, string(rune('a'+i))), name}
		for _, dir := range []string{"config", "data", "state", "cache", "run", "tmp", "work"} {
			if err := os.MkdirAll(filepath.Join(h.dir, dir), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		homes = append(homes, h)
	}
	return base, homes
}

// work is the folder in which the person's programs run, and the only one that a shared folder is in.
func (h home) work() string { return filepath.Join(h.dir, "work") }

func (h home) socket() string { return filepath.Join(h.dir, "run", "earshot", "daemon.sock") }

func (h home) env() []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + h.dir, "LANG=C.UTF-8", "GIT_CONFIG_NOSYSTEM=1", "EARSHOT_NAME=" + h.name}
	for name, dir := range map[string]string{"XDG_CONFIG_HOME": "config", "XDG_DATA_HOME": "data", "XDG_STATE_HOME": "state",
		"XDG_CACHE_HOME": "cache", "XDG_RUNTIME_DIR": "run", "TMPDIR": "tmp"} {
		env = append(env, name+"="+filepath.Join(h.dir, dir))
	}
	return env
}

// command is the program as the person runs it.
func (h home) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Env, cmd.Dir = h.env(), h.work()
	return cmd
}

// daemon starts the person's daemon, at its most talkative. What it says goes to a file of theirs, as a service's would. One
// that runs already, started by a Neovim that was killed right then, is ended first.
func (h home) daemon(program string, env ...string) (*exec.Cmd, error) {
	said, err := os.OpenFile(h.said(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer said.Close() // the daemon has its own
	for range startTries {
		cmd := h.command(program, "daemon", "--log-level", "debug")
		cmd.Env = append(cmd.Env, env...)
		cmd.Stdout, cmd.Stderr = said, said
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		pid, err := h.daemonPID()
		if err == nil && pid == cmd.Process.Pid {
			return cmd, nil
		}
		end(cmd)
		h.stopOther()
	}
	return nil, fmt.Errorf("another daemon of %s will not go", h.dir)
}

// daemonPID waits for a daemon and asks which process it is.
func (h home) daemonPID() (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := await(ctx, h.socket(), make(chan string))
	if err != nil {
		return 0, err
	}
	_ = conn.Close() // it was only to wait
	c, err := h.dial(ctx)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	var status protocol.StatusResult
	err = c.Call(ctx, "daemon/status", struct{}{}, &status)
	return status.PID, err
}

// stopOther ends a daemon that this test did not start itself.
func (h home) stopOther() { stopDaemons(filepath.Join(h.dir, "run")) }

func (h home) said() string { return filepath.Join(h.dir, "daemon.log") }

// dial connects to the person's daemon as a script.
func (h home) dial(ctx context.Context) (*rpc.Client, error) {
	conn, err := rpc.Dial(ctx, h.socket())
	if err != nil {
		return nil, err
	}
	c := rpc.Connect(ctx, conn, nil)
	params := &protocol.InitializeParams{InitializationOptions: &protocol.InitializationOptions{Name: h.name}}
	if err := c.Call(ctx, "initialize", params, nil); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// sharing is `earshot share` of a folder as a test needs it: it lets everybody in, at this machine's own address.
type sharing struct {
	cmd     *exec.Cmd
	session protocol.Session
	ended   chan struct{} // closed when the command is gone
}

func (h home) share(program, folder string) (*sharing, error) {
	s := &sharing{ended: make(chan struct{}),
		cmd: h.command(program, "share", "--admit", "auto", "--guests", "16", "--json", "--listen", "127.0.0.1:0", folder)}
	out := newOutput()
	s.cmd.Stdout, s.cmd.Stderr = out, out
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	// Ends with the command, which the test ends or kills.
	go func() {
		_ = s.cmd.Wait() // what it said tells more
		close(s.ended)
	}()
	for limit := time.After(patience); ; {
		text, more := out.now()
		if line, _, whole := strings.Cut(text, "\n"); whole {
			opened := opening{}
			if err := json.Unmarshal([]byte(line), &opened); err != nil {
				s.kill()
				return nil, fmt.Errorf("earshot share said: %s", text)
			}
			s.session = opened.Session
			return s, nil
		}
		select {
		case <-more:
		case <-s.ended:
			return nil, fmt.Errorf("earshot share ended: %s", text)
		case <-limit:
			s.kill()
			return nil, fmt.Errorf("earshot share said nothing but: %s", text)
		}
	}
}

func (s *sharing) kill() {
	if s != nil {
		_ = s.cmd.Process.Kill() // it may have ended
		<-s.ended
	}
}

// await waits until a text has been written.
func (o *output) await(want string) error {
	return o.until(func(text string) bool { return strings.Contains(text, want) }, want)
}

// until waits until what has been written is right.
func (o *output) until(right func(string) bool, want string) error {
	for limit := time.After(patience); ; {
		text, more := o.now()
		if right(text) {
			return nil
		}
		select {
		case <-more:
		case <-limit:
			return fmt.Errorf("waited in vain for %q; there came:\n%s", want, text)
		}
	}
}

// send gives a signal to a process, which may have ended.
func send(cmd *exec.Cmd, s syscall.Signal) { _ = cmd.Process.Signal(s) }

// end kills a process that a test has started and waits for it.
func end(cmd *exec.Cmd) {
	if cmd != nil && cmd.Process != nil {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // by the signal
	}
}

// diedOf waits for a process and tells how it ended, and whether the system wrote an image of its memory.
func diedOf(cmd *exec.Cmd) (how string, core bool) {
	_ = cmd.Wait() // ProcessState tells more
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	return cmd.ProcessState.String(), status.CoreDump()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// write makes a file with its folders.
func write(t *testing.T, path, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(t, os.WriteFile(path, []byte(text), 0o600))
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	return string(bytes.TrimSpace(text))
}
