package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// child is a process of a scene: a part of this program, or a daemon, which speaks no notes.
type child struct {
	name   string
	cmd    *exec.Cmd
	stderr tail
	notes  chan note     // closed when it says nothing more
	ended  chan struct{} // closed when it has been waited for

	partner *child // gets its signals; set before it is told to open

	mu sync.Mutex
	in io.WriteCloser
}

const (
	// patience is how long a part may be silent beyond its schedule.
	patience = 30 * time.Second
	// stopPatience is how long a process may take to end once it was asked.
	stopPatience = 10 * time.Second
)

// scene is the processes that one row needs, started anew for each round.
type scene struct {
	children  []*child
	sender    *child
	receivers []*child // for each of the scene's lines who stamps its k-th keystroke
}

// part starts a part of this program in the scene.
func (s *scene) part(name, part string, args ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return s.start(name, exec.Command(self, append([]string{partWord, part}, args...)...))
}

func (s *scene) start(name string, cmd *exec.Cmd) (*child, error) {
	c := &child{name: name, cmd: cmd, notes: make(chan note, 8), ended: make(chan struct{})}
	cmd.Stderr = &c.stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c.in = in
	s.children = append(s.children, c)
	go c.read(out) // until the process ends
	return c, nil
}

// read hands on what the process says until it ends, and then waits for it.
func (c *child) read(out io.Reader) {
	defer close(c.ended)
	defer close(c.notes)
	lines := json.NewDecoder(out)
	for {
		var n note
		if lines.Decode(&n) != nil {
			break
		}
		if n.Kind == signalled {
			_ = c.partner.tell(n) // one that is gone is noticed by whoever waits for it
			continue
		}
		c.notes <- n
	}
	_, _ = io.Copy(io.Discard, out) // of a daemon, which writes no notes
	_ = c.cmd.Wait()
}

func (c *child) tell(n note) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return json.NewEncoder(c.in).Encode(n)
}

// await gives the next note, which has to be of this kind.
func (c *child) await(ctx context.Context, kind string, limit time.Duration) (note, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case n, ok := <-c.notes:
		switch {
		case !ok:
			return n, fmt.Errorf("%s ended; it said: %s", c.name, c.stderr.String())
		case n.Kind == failed:
			return n, fmt.Errorf("%s: %s", c.name, n.Text)
		case n.Kind != kind:
			return n, fmt.Errorf("%s: got the note %q, want %q", c.name, n.Kind, kind)
		}
		return n, nil
	case <-timer.C:
		return note{}, fmt.Errorf("%s said nothing for %v", c.name, limit)
	case <-ctx.Done():
		return note{}, context.Cause(ctx)
	}
}

// introduce has two parts, which wait to be told, open a connection with each other.
func introduce(a, b *child) error {
	a.partner, b.partner = b, a
	return errors.Join(a.tell(note{Kind: open}), b.tell(note{Kind: open}))
}

// stop ends all processes: parts end with their input, daemons are interrupted.
func (s *scene) stop() {
	for _, c := range s.children {
		_ = c.in.Close()
		_ = c.cmd.Process.Signal(os.Interrupt) // a part may have ended by itself
	}
	for _, c := range s.children {
		select {
		case <-c.ended:
		case <-time.After(stopPatience):
			_ = c.cmd.Process.Kill()
			<-c.ended
		}
	}
}

// tail keeps the end of what a process says on standard error.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

const tailSize = 4096

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf.Write(b)
	if over := t.buf.Len() - tailSize; over > 0 {
		t.buf.Next(over)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(t.buf.String())
}
