//go:build unix

package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestSocketPath(t *testing.T) {
	runtime, home := t.TempDir(), t.TempDir()
	check := func(xdg, profile, want string) {
		t.Helper()
		t.Setenv("XDG_RUNTIME_DIR", xdg)
		t.Setenv("HOME", home)
		got, err := SocketPath(profile)
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%q, %q: got %q, want %q", xdg, profile, got, want)
		}
	}
	check(runtime, "", runtime+"/earshot/daemon.sock")
	check(runtime, "two", runtime+"/earshot/daemon-two.sock")
	check(runtime+"/not/there/yet", "", runtime+"/not/there/yet/earshot/daemon.sock")
	check(runtime, "a/b", `the profile "a/b" is not a name; use`)
	check("/"+strings.Repeat("x", maxPath), "", "the socket's path /xxx")

	fallback := filepath.Join(home, ".local/state/earshot/run/daemon.sock")
	if dir := "/run/user/" + strconv.Itoa(os.Getuid()); !missing(dir) {
		fallback = filepath.Join(dir, "earshot/daemon.sock")
	}
	check("", "", fallback)
	check("relative", "", fallback)
	if os.Getuid() == 0 {
		foreign := t.TempDir()
		if err := os.Chown(foreign, nobodyUID, nobodyUID); err != nil {
			t.Fatal(err)
		}
		check(foreign, "", fallback)
	}
}

const nobodyUID = 65534

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, os.ErrNotExist)
}

func TestL1Folder(t *testing.T) {
	base := t.TempDir()
	make := func(name string, mode os.FileMode) string {
		dir := filepath.Join(base, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	check := func(dir, want string, mode os.FileMode) {
		t.Helper()
		l, err := Listen(filepath.Join(dir, "d.sock"))
		if err == nil {
			l.Close()
			info, _ := os.Stat(dir)
			if info.Mode().Perm() != mode {
				t.Errorf("%s: got mode %v, want %v", dir, info.Mode().Perm(), mode)
			}
		}
		if got := fmt.Sprint(err); !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", dir, got, want)
		}
	}
	check(filepath.Join(base, "new/below"), "<nil>", 0o700)
	check(make("readable", 0o755), "<nil>", 0o755)
	check(make("group", 0o770), "others can write", 0)
	check(make("all", 0o1777), "others can write", 0)

	link := filepath.Join(base, "link")
	if err := os.Symlink(make("target", 0o700), link); err != nil {
		t.Fatal(err)
	}
	check(link, "is a link", 0)
	if err := os.WriteFile(filepath.Join(base, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	check(filepath.Join(base, "file"), "make the socket's folder", 0)

	t.Setenv("XDG_RUNTIME_DIR", base)
	check(make("earshot", 0o755), "<nil>", 0o700)

	if os.Getuid() == 0 {
		foreign := make("foreign", 0o700)
		if err := os.Chown(foreign, nobodyUID, nobodyUID); err != nil {
			t.Fatal(err)
		}
		check(foreign, "belongs to another user", 0)
	}
}

func TestPathTooLong(t *testing.T) {
	path := filepath.Join(t.TempDir(), strings.Repeat("x", maxPath))
	_, err := Listen(path)
	if err == nil || !strings.Contains(err.Error(), "set a shorter one with --socket") {
		t.Errorf("Listen: got %v", err)
	}
	if _, err := Dial(t.Context(), path); err == nil || !strings.Contains(err.Error(), "--socket") {
		t.Errorf("Dial: got %v", err)
	}
}

func TestL2StaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d.sock")
	if _, err := Dial(t.Context(), path); !errors.Is(err, ErrNotRunning) {
		t.Errorf("no socket: got %v, want ErrNotRunning", err)
	}
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()
	if _, err := Dial(t.Context(), path); !errors.Is(err, ErrNotRunning) {
		t.Errorf("left behind: got %v, want ErrNotRunning", err)
	}
	l, err := Listen(path)
	if err != nil {
		t.Fatalf("left behind: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want 0600", info.Mode(), err)
	}
	l.Close()
	if !missing(path) {
		t.Error("the socket is still there after Close")
	}
	again, err := Listen(path)
	if err != nil {
		t.Fatalf("after Close: %v", err)
	}
	again.Close()
}

func TestL2SquattedByAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d.sock")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path); err == nil || !strings.Contains(err.Error(), "is no socket") {
		t.Errorf("got %v", err)
	}
	if text, _ := os.ReadFile(path); string(text) != "precious" {
		t.Errorf("the file was touched: %q", text)
	}
}

// TestL2Race: of many that start at once over a socket that was left behind one wins, and is still reachable.
func TestL2Race(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d.sock")
	for range 20 {
		left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		left.SetUnlinkOnClose(false)
		left.Close()

		const daemons = 8
		var all sync.WaitGroup
		won, start := make(chan net.Listener, daemons), make(chan struct{})
		for range daemons {
			all.Go(func() {
				<-start
				l, err := Listen(path)
				if err == nil {
					won <- l
				} else if !errors.Is(err, ErrRunning) {
					t.Errorf("got %v, want ErrRunning", err)
				}
			})
		}
		close(start)
		all.Wait()
		close(won)
		if len(won) != 1 {
			t.Fatalf("%d won, want 1", len(won))
		}
		l := <-won
		nc, err := Dial(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		nc.Close()
		l.Close()
	}
}

// TestL2LockHeld: a daemon that has won and does not answer yet has won all the same.
func TestL2LockHeld(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d.sock")
	lock, err := takeLock(path + ".lock")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path); !errors.Is(err, ErrRunning) {
		t.Errorf("got %v, want ErrRunning", err)
	}
	lock.Close()
	l, err := Listen(path)
	if err != nil {
		t.Fatalf("after its end: %v", err)
	}
	l.Close()
}

// TestL2LiveSocket: a daemon whose lock file is gone still has its socket.
func TestL2LiveSocket(t *testing.T) {
	path := serve(t, newRecorder())
	if err := os.Remove(path + ".lock"); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path); !errors.Is(err, ErrRunning) {
		t.Errorf("got %v, want ErrRunning", err)
	}
	dial(t, path)
}

// childEnv tells TestChild, run as another user, which socket to try.
const childEnv = "EARSHOT_TEST_CHILD_SOCKET"

// TestL1OtherUser: another user does not get a single answer, even if the modes of the files would let it in,
// and refuses on its side to speak to a daemon of ours.
func TestL1OtherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	dir, err := os.MkdirTemp("", "earshot")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "d.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	r := newRecorder()
	serveOn(t, l, r)
	for name, mode := range map[string]os.FileMode{dir: 0o755, path: 0o777} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	child := exec.Command(copyOfTest(t, dir), "-test.run=^TestChild$", "-test.v")
	child.Dir = dir
	child.Env = append(os.Environ(), childEnv+"="+path)
	child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobodyUID, Gid: nobodyUID}}
	if out, err := child.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS: TestChild") {
		t.Errorf("the other user: %v\n%s", err, out)
	}
	dial(t, path) // ours still works, and is the first that the daemon hears of
	r.want(t, "opened 1")
}

// copyOfTest puts this program where anybody can run it.
func copyOfTest(t *testing.T, dir string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "child")
	if err := os.WriteFile(path, program, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestChild(t *testing.T) {
	path := os.Getenv(childEnv)
	if path == "" {
		t.Skip("part of TestL1OtherUser")
	}
	if _, err := Dial(t.Context(), path); !errors.Is(err, ErrOtherUser) {
		t.Errorf("Dial: got %v, want ErrOtherUser", err)
	}
	nc, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = nc.Write(frame(`{"jsonrpc":"2.0","id":1,"method":"no/such"}`)) // may be too late
	_ = nc.SetReadDeadline(time.Now().Add(10 * time.Second))
	got, err := io.ReadAll(nc)
	if len(got) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %q, %v, want a closed connection", got, err)
	}
}

func TestDialCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Dial(ctx, serve(t, newRecorder())); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
}
