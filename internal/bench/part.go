package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"time"
)

// note is one word between the program and a part of it, a line of JSON on the part's standard input or output.
//
//	part ──ready (its address, or what it found)──▶ program
//	part ◀──signal──▶ signal of the other part       carried by the program: a description, a candidate
//	part ◀──open───── program                        both parts of a pair are there
//	part ◀──begin (the schedule)───── program
//	part ──sent, got (stamps)──▶ program
//	part ──failed (why)──▶ program
type note struct {
	Kind     string    `json:"kind"`
	Text     string    `json:"text,omitempty"`
	Data     []byte    `json:"data,omitempty"`
	Schedule *schedule `json:"schedule,omitempty"`
	Stamps   []int64   `json:"stamps,omitempty"`
}

// Kinds of note.
const (
	ready     = "ready"
	signalled = "signal"
	open      = "open"
	begin     = "begin"
	sent      = "sent"
	got       = "got"
	failed    = "failed"
)

// schedule says when the keystrokes begin: the k-th at At + k·Every, in nanoseconds of the monotonic clock.
type schedule struct {
	At    int64 `json:"at"`
	Every int64 `json:"every"`
	Edits int   `json:"edits"`
}

// play calls press for each keystroke at its time, whatever became of those before.
func (s schedule) play(press func(k int) error) error {
	for k := range s.Edits {
		if wait := s.At + int64(k)*s.Every - now(); wait > 0 {
			time.Sleep(time.Duration(wait))
		}
		if err := press(k); err != nil {
			return fmt.Errorf("keystroke %d: %w", k, err)
		}
	}
	return nil
}

// length is how long the schedule takes.
func (s schedule) length() time.Duration { return time.Duration(int64(s.Edits) * s.Every) }

// program is the other end of a part's standard input and output.
type program struct {
	notes   chan note // all but signals
	signals chan []byte

	mu  sync.Mutex
	out *json.Encoder
}

// daemonGC is the daemon's own setting, for parts that stand for it.
const daemonGC = 400

// parts are what this program can become; each returns when it has said what it had to say.
var parts = map[string]func(p *program, args []string) error{
	"floor-relay":    floorRelay,
	"floor-receiver": floorReceiver,
	"floor-sender":   floorSender,
	"hop-daemon":     hopDaemon,
	"hop-editor":     hopEditor,
	"pion":           pionPart,
	"link":           linkPart,
	"library-host":   libraryHost,
	"library-guest":  libraryGuest,
	"editors":        editorsPart,
}

// runPart is main of a part. It stays until its input ends, so that its CPU time can be read to the last.
func runPart(args []string) int {
	p := &program{notes: make(chan note, 4), signals: make(chan []byte, 64), out: json.NewEncoder(os.Stdout)}
	part := parts[args[0]]
	if part == nil {
		fmt.Fprintln(os.Stderr, "bench: no such part:", args[0])
		return 2
	}
	go p.read() // until the input ends, and with it this process
	if err := part(p, args[1:]); err != nil {
		p.say(note{Kind: failed, Text: err.Error()})
	}
	select {}
}

// read ends the process with the program's: a part is nothing by itself.
func (p *program) read() {
	in := json.NewDecoder(os.Stdin)
	for {
		var n note
		if err := in.Decode(&n); err != nil {
			os.Exit(0)
		}
		if n.Kind == signalled {
			p.signals <- n.Data
			continue
		}
		p.notes <- n
	}
}

func (p *program) say(n note) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.out.Encode(n) // if the program is gone, reading ends this process
}

// hear waits for the next note, which has to be of this kind.
func (p *program) hear(kind string) (note, error) {
	n := <-p.notes
	if n.Kind != kind {
		return n, fmt.Errorf("got the note %q, want %q", n.Kind, kind)
	}
	return n, nil
}

// begin tells that all is ready, waits for the schedule, plays it and reports the stamps that press gives, each taken
// immediately before the keystroke.
func (p *program) begin(press func(k int) (int64, error)) error {
	p.say(note{Kind: ready})
	n, err := p.hear(begin)
	if err != nil {
		return err
	}
	if n.Schedule == nil {
		return errors.New("a beginning without a schedule")
	}
	stamps := make([]int64, 0, n.Schedule.Edits)
	err = n.Schedule.play(func(k int) error {
		at, err := press(k)
		stamps = append(stamps, at)
		return err
	})
	if err != nil {
		return err
	}
	p.say(note{Kind: sent, Stamps: stamps})
	return nil
}

// asDaemon gives a part the daemon's settings of the runtime.
func asDaemon() { debug.SetGCPercent(daemonGC) }
