package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"earshot/daemon/settings"
	"earshot/internal/rpc"
)

// A daemon starts by itself: whoever finds none starts one and dials until one answers. Two commands at once may start
// two; rpc.Listen lets one of them have the socket, the other ends at once and quietly, and both commands reach the one.

const (
	// startPatience is how long a daemon may take until it answers; it needs some 50 ms on an idle machine.
	startPatience = 10 * time.Second
	// dialPause lies between two attempts to reach it.
	dialPause = 20 * time.Millisecond
	// startTries bounds how often a daemon that goes (the last client had just left) is followed by a new one.
	startTries = 3
)

// inherited says which settings of a command its daemon gets as well.
type inherited int

const (
	// ownPlace is where the daemon is: what concerns a session travels with the command's request.
	ownPlace inherited = iota
	// everything is for commands that pass on requests of others, which carry no settings of this call.
	everything
)

// connectOrStart gives a connection to the daemon and starts one if none runs.
func (p *program) connectOrStart(ctx context.Context, k kind, in inherited) (*client, error) {
	var c *client
	err := rpc.ErrClosed
	for try := 0; try < startTries && errors.Is(err, rpc.ErrClosed); try++ {
		var conn net.Conn
		if conn, err = p.dialOrStart(ctx, in); err != nil {
			return nil, err
		}
		c, err = p.hello(ctx, conn, k)
	}
	return c, err
}

func (p *program) dialOrStart(ctx context.Context, in inherited) (net.Conn, error) {
	path, err := p.socket()
	if err != nil {
		return nil, err
	}
	conn, err := rpc.Dial(ctx, path)
	if !errors.Is(err, rpc.ErrNotRunning) {
		return conn, err
	}
	child, err := p.spawn(path, in)
	if err != nil {
		return nil, fmt.Errorf("start a daemon (%w); run `earshot daemon` in another terminal to see why", err)
	}
	return await(ctx, path, child)
}

// await dials until the daemon answers, or has failed, or startPatience is over.
func await(ctx context.Context, path string, child <-chan string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	failure := ""
	for {
		conn, err := rpc.Dial(ctx, path)
		switch {
		case err == nil:
			return conn, nil
		case !errors.Is(err, rpc.ErrNotRunning) && ctx.Err() == nil:
			return nil, err
		case failure != "":
			return nil, fmt.Errorf("the daemon could not start: %s", failure)
		}
		select {
		case failure = <-child:
			child = nil // one more look at the socket: another command's daemon may have it
		case <-time.After(dialPause):
		case <-ctx.Done():
			return nil, fmt.Errorf("the daemon did not answer within %v; run `earshot daemon` in another terminal to see why", startPatience)
		}
	}
}

// spawn starts a daemon that outlives this command, and reports what it says if it fails. The goroutine ends with the
// daemon, or with this program.
func (p *program) spawn(socket string, in inherited) (<-chan string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	report, say, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer say.Close() // the daemon has its own
	flags, env := p.inheritedSettings(socket, in)
	cmd := exec.Command(self, append([]string{"daemon", "--auto"}, flags...)...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Dir = filepath.VolumeName(self) + string(filepath.Separator) // it must not keep a folder from being unmounted
	detach(cmd, say)
	if err := cmd.Start(); err != nil {
		report.Close()
		return nil, err
	}
	failed := make(chan string, 1)
	go func() {
		defer report.Close()
		said, _ := io.ReadAll(io.LimitReader(report, maxReport)) // what came is what there is
		err := cmd.Wait()
		if said := strings.TrimSpace(string(said)); said != "" {
			failed <- said
		} else if err != nil {
			failed <- fmt.Sprintf("it ended at once (%v); run `earshot daemon` to see why", err)
		}
	}()
	return failed, nil
}

// maxReport bounds the one sentence that a daemon says when it can't start.
const maxReport = 4096

// inheritedSettings says with which flags and variables a daemon starts. Its place stands in flags, so that a list of
// processes tells daemons apart; the rest, a relay's account among it, in variables, which other users can't see. An empty
// value, which takes a weaker setting back, can only be a flag.
func (p *program) inheritedSettings(socket string, in inherited) (flags, env []string) {
	place := map[string]string{}
	if p.settings.Profile != "" {
		place["profile"] = p.settings.Profile
	}
	if p.settings.Socket != "" {
		place["socket"] = socket
	}
	for _, s := range settings.All() {
		value, given := place[s.Key]
		if given {
			flags = append(flags, "--"+s.Key+"="+value)
			continue
		}
		value, given = p.given[s.Key]
		switch {
		case in != everything || !given:
		case value == "":
			flags = append(flags, "--"+s.Key+"=")
		default:
			env = append(env, s.Env+"="+value)
		}
	}
	return flags, env
}
