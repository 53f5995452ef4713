//go:build unix

package rpc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxPath is what a socket's address holds: the system's sun_path (108 bytes on Linux, 104 on macOS and BSD)
// less its final zero.
const maxPath = len(unix.RawSockaddrUnix{}.Path) - 1

// probeTime is how long Listen waits for a sign of life of whoever has the socket; on one machine it takes
// microseconds.
const probeTime = time.Second

// SocketPath gives the socket of a profile ("" for the usual one): in $XDG_RUNTIME_DIR/earshot, else in
// /run/user/UID/earshot, else in ~/.local/state/earshot/run. A runtime folder of another user, as sudo leaves
// it in the environment, is passed over. Nothing is created.
func SocketPath(profile string) (string, error) {
	name, err := socketName(profile)
	if err != nil {
		return "", err
	}
	dir, err := ownFolder()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name+".sock")
	return path, checkLength(path)
}

// ownFolder is the folder that is Earshot's alone.
func ownFolder() (string, error) {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) && !othersFolder(dir) {
		return filepath.Join(dir, "earshot"), nil
	}
	dir := "/run/user/" + strconv.Itoa(os.Getuid())
	if info, err := os.Stat(dir); err == nil && info.IsDir() && !othersFolder(dir) {
		return filepath.Join(dir, "earshot"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", errors.New("neither XDG_RUNTIME_DIR nor HOME is set; set one of them, or --socket")
	}
	return filepath.Join(home, ".local", "state", "earshot", "run"), nil
}

// othersFolder is false for a folder that does not exist yet.
func othersFolder(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && owner(info) != os.Getuid()
}

func owner(info fs.FileInfo) int {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return -1
	}
	return int(stat.Uid)
}

func checkLength(path string) error {
	if len(path) > maxPath {
		return fmt.Errorf("the socket's path %s is %d bytes long and this system allows %d; set a shorter one with --socket",
			path, len(path), maxPath)
	}
	return nil
}

// Listen takes the socket at path for this process until the listener is closed. The folder is made if it is
// missing, and has to be the user's own, no link, and not writable for others. A socket that was left behind
// is replaced. Of daemons that start at once one wins and the others get ErrRunning: a lock beside the
// socket, which the system releases when its process ends, decides. What connects as another user is closed
// at once.
func Listen(path string) (net.Listener, error) {
	if err := checkLength(path); err != nil {
		return nil, err
	}
	if err := prepareFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	lock, err := takeLock(path + ".lock")
	if err != nil {
		return nil, err
	}
	l, err := bind(path)
	if err != nil {
		lock.Close()
		return nil, err
	}
	return &ownListener{UnixListener: l, lock: lock, free: make(chan struct{})}, nil
}

// prepareFolder makes dir or checks it. Earshot's own folder is closed to others if it was not; one that the
// user has named keeps its mode, as long as nobody else can put a socket there.
func prepareFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the socket's folder: %w; set another with --socket", err)
	}
	info, err := os.Lstat(dir)
	switch {
	case err != nil:
		return fmt.Errorf("look at the socket's folder: %w", err)
	case info.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("the socket's folder %s is a link; put a folder of your own there, or set --socket", dir)
	case !info.IsDir():
		return fmt.Errorf("the socket's folder %s is a file; remove it, or set --socket", dir)
	case owner(info) != os.Getuid():
		return fmt.Errorf("the socket's folder %s belongs to another user; set a folder of your own with --socket", dir)
	}
	if own, err := ownFolder(); err == nil && filepath.Clean(dir) == own && info.Mode().Perm() != 0o700 {
		if err := os.Chmod(dir, 0o700); err != nil {
			return fmt.Errorf("close the socket's folder to others: %w", err)
		}
		return nil
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("others can write to the socket's folder %s; `chmod 700` it, or set --socket", dir)
	}
	return nil
}

// takeLock locks the file at path. Someone may have deleted it since it was opened, then the lock is on a
// file that nobody will look at; so look again.
func takeLock(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
		if err != nil {
			return nil, fmt.Errorf("open the socket's lock: %w", err)
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if errors.Is(err, unix.EINTR) {
			f.Close()
			continue
		}
		if err != nil {
			f.Close()
			if errors.Is(err, unix.EWOULDBLOCK) {
				return nil, ErrRunning
			}
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if sameFile(f, path) {
			return f, nil
		}
		f.Close()
	}
}

func sameFile(f *os.File, path string) bool {
	a, errA := f.Stat()
	b, errB := os.Lstat(path)
	return errA == nil && errB == nil && os.SameFile(a, b)
}

// bind makes the socket; the lock is held. A daemon whose lock file was deleted still answers.
func bind(path string) (*net.UnixListener, error) {
	if probe, err := net.DialTimeout("unix", path, probeTime); err == nil {
		probe.Close()
		return nil, ErrRunning
	}
	info, err := os.Lstat(path)
	if err == nil && info.Mode()&fs.ModeSocket == 0 {
		return nil, fmt.Errorf("%s is there and is no socket; remove it, or set --socket", path)
	}
	if err == nil {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("remove the socket that was left behind: %w", err)
		}
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen on the socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("close the socket to others: %w", err)
	}
	return l, nil
}

// ownListener accepts its own user alone.
type ownListener struct {
	*net.UnixListener
	lock    *os.File
	closing sync.Once
	free    chan struct{} // closed once the next daemon can listen
}

// Accept gives the next connection of this process's user; others are closed without a word.
func (l *ownListener) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			<-l.free // who hears that the listener is closed may begin another
		}
		if err != nil {
			return nil, err
		}
		if uid, err := peerUID(c); err == nil && uid == os.Getuid() {
			return c, nil
		}
		c.Close()
	}
}

// Close removes the socket, then gives the lock up. The lock's file stays: to remove it would let two others
// lock two different files.
func (l *ownListener) Close() (err error) {
	l.closing.Do(func() {
		err = l.UnixListener.Close()
		_ = l.lock.Close() // held no more either way
		close(l.free)
	})
	return err
}

// Dial connects to the daemon at path and makes sure that it runs as the same user. Errors: ErrNotRunning,
// ErrOtherUser.
func Dial(ctx context.Context, path string) (net.Conn, error) {
	if err := checkLength(path); err != nil {
		return nil, err
	}
	var d net.Dialer
	nc, err := d.DialContext(ctx, "unix", path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, ErrNotRunning
	case err != nil:
		return nil, fmt.Errorf("connect to the daemon: %w", err)
	}
	uid, err := peerUID(nc.(*net.UnixConn))
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("find out whose daemon this is: %w", err)
	}
	if uid != os.Getuid() {
		nc.Close()
		return nil, ErrOtherUser
	}
	return nc, nil
}

// peerUID gives the user of the process at the other end.
func peerUID(c *net.UnixConn) (int, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, err
	}
	uid, asked := -1, error(nil)
	if err := raw.Control(func(fd uintptr) { uid, asked = socketUID(int(fd)) }); err != nil {
		return -1, err
	}
	return uid, asked
}
