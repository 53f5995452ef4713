package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// workshop is what all cells of an invocation share.
type workshop struct {
	opts      options
	dir       string // what Prepare writes lies here
	libraries []library
	peers     []Peer
	sessions  []*session
	progress  io.Writer
}

// session is a trace and what is measured on it.
type session struct {
	name  string
	trace *trace
	right map[int]string // the hash of the text, by how many edits were made
	rows  []*Row
}

func newWorkshop(ctx context.Context, o options, libraries []library, traces []string, progress io.Writer) (*workshop, error) {
	w := &workshop{opts: o, libraries: libraries, progress: progress}
	for _, name := range traces {
		t, err := readTrace(tracePath(o.root, name), o.edits)
		if err != nil {
			return nil, fmt.Errorf("read the trace %s: %w", name, err)
		}
		w.sessions = append(w.sessions, &session{name: name, trace: t, right: make(map[int]string)})
	}
	if slices.ContainsFunc(libraries, func(l library) bool { return l.pkg != "" && l.program == nil }) {
		if err := install(ctx, o.root, progress); err != nil {
			return nil, err
		}
	}
	var err error
	if w.peers, err = peersOf(o.root, libraries); err != nil {
		return nil, err
	}
	w.dir, err = os.MkdirTemp("", "earshot-peers")
	return w, err
}

func (w *workshop) close() { _ = os.RemoveAll(w.dir) }

func (w *workshop) measure(ctx context.Context) (Report, error) {
	report := Report{
		Begun: time.Now().UTC().Truncate(time.Second), Command: "make bench-peers", Machine: thisMachine(ctx),
		Rounds: w.opts.rounds, BudgetMs: ms(w.opts.budget), Edits: w.opts.edits, Peers: w.peers,
	}
	for _, s := range w.sessions {
		for _, work := range s.works() {
			for _, l := range w.libraries {
				s.rows = append(s.rows, &Row{Trace: s.name, Work: work, Library: l.name})
			}
		}
		for _, l := range w.libraries {
			if err := w.prepare(ctx, s, l); err != nil {
				return report, err
			}
		}
	}
	for round := range w.opts.rounds {
		for _, s := range w.sessions {
			for _, row := range s.rows {
				if err := w.fill(ctx, s, row, round); err != nil {
					return report, err
				}
			}
		}
	}
	for _, s := range w.sessions {
		for _, row := range s.rows {
			row.sum()
			report.Rows = append(report.Rows, *row)
		}
	}
	report.Aim = report.aim()
	report.Machine.LoadAfter = loadAverage()
	return report, nil
}

func (s *session) works() []Work {
	if s.trace.concurrent() {
		return []Work{Live, Told, File}
	}
	return []Work{Local, File}
}

// prepare has a library make its messages and its file. If it can't, its rows say why.
func (w *workshop) prepare(ctx context.Context, s *session, l library) error {
	fmt.Fprintf(w.progress, "prepare %s, %s\n", s.name, l.name)
	c, err := w.cell(ctx, s, l, Prepare)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for _, row := range s.rows {
		switch {
		case row.Library != l.name || row.Work == Local:
		case err != nil:
			row.Note = fmt.Sprintf("could not be prepared: %v", err)
		case row.Work == File && c.Done < c.Total:
			row.Note = fmt.Sprintf("no file: after %v, %d of %d edits were made", w.opts.preparation, c.Done, c.Total)
		}
	}
	return nil
}

// fill measures a cell for one round, unless it is known why it can't be.
func (w *workshop) fill(ctx context.Context, s *session, row *Row, round int) error {
	if row.Note != "" {
		return nil
	}
	fmt.Fprintf(w.progress, "round %d of %d: %s, %s, %s\n", round+1, w.opts.rounds, row.Work, s.name, row.Library)
	l := w.libraries[slices.IndexFunc(w.libraries, func(l library) bool { return l.name == row.Library })]
	c, err := w.cell(ctx, s, l, row.Work)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		row.Note = fmt.Sprintf("failed: %v", err)
		return nil
	}
	edits := c.Done
	if row.Work == File {
		edits = len(s.trace.Txns)
	}
	want, err := s.hashAfter(edits)
	if err != nil {
		return fmt.Errorf("replay %s: %w", s.name, err)
	}
	if c.TextSHA256 != want {
		row.Note = fmt.Sprintf("WRONG TEXT after %d edits: hash %.8s, want %.8s", edits, c.TextSHA256, want)
	}
	row.Rounds = append(row.Rounds, c)
	return nil
}

func (s *session) hashAfter(edits int) (string, error) {
	if h, ok := s.right[edits]; ok {
		return h, nil
	}
	text, err := s.trace.textAfter(edits)
	s.right[edits] = hash(text)
	return s.right[edits], err
}

// slack is how long a cell may take besides its passes, to begin and to read its trace.
const slack = time.Minute

// cell runs one process.
func (w *workshop) cell(ctx context.Context, s *session, l library, work Work) (Cell, error) {
	budget, limit := w.opts.budget, 4*w.opts.budget+slack // first, warm, each edit's, and what Told is told
	if work == Prepare {
		budget, limit = w.opts.preparation, w.opts.preparation+slack
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	order := Order{
		Library: l.name, Work: work, Trace: tracePath(w.opts.root, s.name), Kept: filepath.Join(w.dir, l.name+"-"+s.name),
		Edits: len(s.trace.Txns), BudgetMs: ms(budget), Repeats: w.opts.repeats, Replicas: w.opts.replicas,
	}
	cmd, err := l.command(ctx, w.opts.root, order)
	if err != nil {
		return Cell{}, err
	}
	return result(cmd)
}

func result(cmd *exec.Cmd) (c Cell, err error) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return c, fmt.Errorf("%w: %s", err, lastLines(stderr.String()))
	}
	if err := json.Unmarshal(out, &c); err != nil {
		return c, fmt.Errorf("read what the cell says: %w", err)
	}
	if c.Done < 1 || c.Done > c.Total || len(c.TextSHA256) == 0 && c.Done == c.Total {
		return c, fmt.Errorf("the cell says that it made %d of %d edits, text %q", c.Done, c.Total, c.TextSHA256)
	}
	return c, nil
}

// lastLines is enough of what a process said to know why it ended.
func lastLines(said string) string {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	return strings.Join(lines[max(0, len(lines)-8):], " | ")
}
