package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// This file builds the program with a way to fail that it does not have: source that is laid over ours for one build.

// Places where it can fail, by the goroutine that reaches them.
const (
	failEngine       = "engine"       // the command's own, which tells in a sentence where it was
	failAlone        = "alone"        // one that nobody looks after
	failRequest      = "request"      // reads an editor's connection
	failLink         = "link"         // tells of what a link brings: frames
	failPacket       = "packet"       // pion's, for each datagram
	failOpened       = "opened"       // pion's, when a channel opens
	failIntroduction = "introduction" // a guest's, with the code, or a host's for one knock
	failDisk         = "disk"         // saves a text
	failMatchmaker   = "matchmaker"   // net/http's, which goes on after a panic
)

// Ways to fail there.
const (
	failWithText  = "text"
	failWithError = "error"
	failTwice     = "twice" // a panic while another one is under way: the runtime tells of both
	failFatally   = "fatal" // what can't be recovered from
)

// panicEnv names the file that tells a daemon where and how to fail, and with which text beside what it holds there.
const panicEnv = "PANIC"

// failNext has a daemon fail when it next comes to a place; it takes the file away right before.
func failNext(d *exec.Cmd, file, where, how, text string) error {
	if err := os.WriteFile(file, []byte(where+"\n"+how+"\n"+text), 0o600); err != nil {
		return err
	}
	if err := d.Process.Signal(syscall.SIGUSR1); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil // it has failed before
}

// hasFailed tells whether the place of failNext was reached.
func hasFailed(file string) bool {
	_, err := os.Stat(file)
	return errors.Is(err, fs.ErrNotExist)
}

// failing is the package that does it; SIGUSR1 has it read the file.
const failing = `package failing

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

type order struct{ where, how, text string }

var next atomic.Pointer[order]

// At fails if this is the place, and says all that is held there.
func At(where string, held any) {
	o := next.Load()
	if o == nil || o.where != where || !next.CompareAndSwap(o, nil) {
		return
	}
	if err := os.Remove(os.Getenv("` + panicEnv + `")); err != nil {
		return // it has failed elsewhere
	}
	deep, _ := json.Marshal(held) // what has no JSON is in the other forms
	value := fmt.Sprintf("%s, %+v, %q, %s", o.text, held, held, deep) // the text first: long lines are cut
	switch o.how {
	case "` + failWithError + `":
		panic(errors.New(value))
	case "` + failTwice + `":
		defer func() { panic("again: " + value) }()
	case "` + failFatally + `":
		new(sync.Mutex).Unlock()
	}
	panic(value)
}

func init() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	go func() {
		for range signals {
			file, err := os.ReadFile(os.Getenv("` + panicEnv + `"))
			parts := strings.SplitN(string(file), "\n", 3)
			if err != nil || len(parts) != 3 {
				continue
			}
			next.Store(&order{parts[0], parts[1], parts[2]})
			At("` + failAlone + `", nil)
		}
	}()
}
`

// failure is one place in our source: before the line that follows, held is what is at hand.
type failure struct{ where, file, after, held string }

var failures = []failure{
	{failEngine, "daemon/loop.go", "func (d *Daemon) step(ev session.Event) {\n", "ev"},
	{failRequest, "daemon/editors.go", "func (e *editors) Call(c *rpc.Conn, id protocol.RequestID, p protocol.DaemonParams) {\n", "p"},
	{failLink, "daemon/link.go", "func (l *link) happened(ev peer.Event) {\n", "ev"},
	{failPacket, "internal/peer/shield.go", "n, at, err := from.ReadFrom(b)\n", "b"},
	{failOpened, "internal/peer/connection.go", "func (l *Link) opened(ch Channel, dc *webrtc.DataChannel) {\n", "l.cfg.Keys"},
	{failIntroduction, "daemon/joining.go", "func (j *joining) introduce(g *signal.Guest) (*introduction.Guest, error) {\n", "j.in"},
	{failIntroduction, "daemon/knock.go", "func (k *knock) step(m []byte) error {\n", "m"},
	{failDisk, "daemon/disk.go", "func save(w *workspace.Folder, f session.SaveFile) session.Event {\n", "f"},
	{failMatchmaker, "internal/matchmaker/server.go", "func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {\n", "r"},
}

// failingProgram builds it.
func failingProgram(t *testing.T, flags ...string) string {
	t.Helper()
	dir := t.TempDir()
	root, err := filepath.Abs("../..")
	must(t, err)
	replace := map[string]string{}
	put := func(file, text string) {
		t.Helper()
		to := filepath.Join(dir, fmt.Sprint(len(replace))+".go")
		write(t, to, text)
		replace[filepath.Join(root, file)] = to
	}
	put("internal/failing/failing.go", failing)
	for _, f := range failures {
		source := read(t, filepath.Join(root, f.file))
		if strings.Count(source, f.after) != 1 {
			t.Fatalf("%s has no longer what this test changes: %s", f.file, f.after)
		}
		source = strings.Replace(source, f.after, fmt.Sprintf("%s\tfailing.At(%q, %s)\n", f.after, f.where, f.held), 1)
		put(f.file, strings.Replace(source, "import (\n", "import (\n\t\"earshot/internal/failing\"\n", 1))
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	must(t, err)
	write(t, filepath.Join(dir, "overlay.json"), string(overlay))
	program := filepath.Join(dir, "earshot")
	must(t, build(program, append(flags, "-overlay", filepath.Join(dir, "overlay.json"))...))
	return program
}
