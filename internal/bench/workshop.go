package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// workshop is what all rows of an invocation share.
type workshop struct {
	opts   options
	dir    string // everything temporary lies here
	binary string // the daemon that is measured
	neovim string // the editor of L3
	places int
}

// row is one thing that is measured. start sets its scene up to where the sender says that it is ready.
type row struct {
	name   string
	what   string
	start  func(ctx context.Context, w *workshop, s *scene) error
	beside []string // rows that are measured in the same seconds, besides the floor
}

// Names that the report looks for.
const (
	rowFloor   = "floor"
	rowHop     = "hop"
	rowTwoHops = "two hops"
	rowPion    = "pion"
	rowL2      = "L2"
	rowL2Large = "L2, 1 MB"
	rowL3      = "L3"
	rowL3Long  = "L3, long line"
)

// whatTwoHops describes the one row that comes of another's scene.
const whatTwoHops = "editor → socket → socket → editor: didChange in, applyEdit out"

// allRows in the order in which each round goes through them.
func allRows() []row {
	made := []string{rowPion, rowHop} // what L2 is made of: compared only within the same seconds
	return []row{
		{rowFloor, "64 bytes through a TCP relay, one way", startFloor, nil},
		{rowHop, "a didChange over the editor's socket, written → decoded", startHop, nil},
		{rowPion, "64 bytes on a bare data channel of pion's, settings like ours", startPion(likeOurs), nil},
		{"pion, defaults", "the same with pion's defaults and callbacks", startPion(defaults), nil},
		{"link", "64 bytes on Live of internal/peer", startLink, nil},
		{"L1", "engine → link → engine, 4 KB file: before Step(didChange) → applyEdit is an effect",
			startLibrary(smallText), nil},
		{"L1, 1 MB", "the same in a file of 1 MB", startLibrary(largeText), nil},
		{rowL2, "editor → daemon → daemon → editor, 4 KB file: before didChange is written → applyEdit is read",
			startDaemons(smallText), made},
		{rowL2Large, "the same in a file of 1 MB", startDaemons(largeText), made},
		{rowL3, "Neovim → daemon → daemon → Neovim, 4 KB file: before nvim_buf_set_text → on_bytes", startNeovims(lineWidth), nil},
		{rowL3Long, "the same in one long line", startNeovims(longLine), nil},
	}
}

func rowCalled(name string) (row, bool) {
	all := allRows()
	i := slices.IndexFunc(all, func(r row) bool { return r.name == name })
	if i < 0 {
		return row{}, false
	}
	return all[i], true
}

func rowNames() []string {
	var names []string
	for _, r := range allRows() {
		names = append(names, r.name)
	}
	return names
}

// chooseRows takes a comma list of rows, in which a name's own comma is left out: "L2 1 MB".
func chooseRows(list string) ([]row, error) {
	if list == "" {
		return allRows(), nil
	}
	var chosen []row
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		all := allRows()
		i := slices.IndexFunc(all, func(r row) bool { return strings.ReplaceAll(r.name, ",", "") == name })
		if i < 0 {
			return nil, fmt.Errorf("no row is called %q: write names of --help without their commas", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

func newWorkshop(ctx context.Context, o options, rows []row) (*workshop, error) {
	if err := canMeasure(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "earshot-bench")
	if err != nil {
		return nil, err
	}
	w := &workshop{opts: o, dir: dir, binary: o.daemon}
	if err := w.provide(ctx, rows); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// provide gets the programs that the rows need.
func (w *workshop) provide(ctx context.Context, rows []row) (err error) {
	l3 := slices.ContainsFunc(rows, func(r row) bool { return strings.HasPrefix(r.name, rowL3) })
	l2 := slices.ContainsFunc(rows, func(r row) bool { return strings.HasPrefix(r.name, rowL2) })
	if l3 {
		if w.neovim, err = findNeovim(ctx); err != nil {
			return err
		}
	}
	if w.binary != "" || !l2 && !l3 {
		return nil
	}
	w.binary = filepath.Join(w.dir, "earshot")
	return buildDaemon(ctx, w.binary)
}

func (w *workshop) close() { _ = os.RemoveAll(w.dir) }

// edits is how many keystrokes each part handles.
func (w *workshop) edits() int { return w.opts.warmUp + w.opts.edits }

// place is a path in a new folder that is only this user's; short, for sockets have little room.
func (w *workshop) place(name string) string {
	w.places++
	dir := filepath.Join(w.dir, fmt.Sprint(w.places))
	_ = os.Mkdir(dir, 0o700) // who uses it tells what is wrong
	return filepath.Join(dir, name)
}

// lead is how long before the first keystroke the parts are told of the schedule.
const lead = 300 * time.Millisecond

// measure runs a row once, with the floor and what else belongs beside it, and adds what came out to the row's result.
func (w *workshop) measure(ctx context.Context, r row, sum *result) (*result, error) {
	if sum == nil {
		sum = newResult(r)
	}
	rows := []row{r}
	for _, name := range append([]string{rowFloor}, r.beside...) {
		other, _ := rowCalled(name) // they are all there
		rows = append(rows, other)
	}
	scenes := make([]*scene, len(rows))
	for i, r := range rows {
		scenes[i] = &scene{}
		defer scenes[i].stop()
		if err := w.setUp(ctx, r, scenes[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return sum, w.play(ctx, scenes, sum)
}

func (w *workshop) setUp(ctx context.Context, r row, s *scene) error {
	if err := r.start(ctx, w, s); err != nil {
		return err
	}
	_, err := s.sender.await(ctx, ready, patience)
	return err
}

// play measures all scenes in the same seconds.
func (w *workshop) play(ctx context.Context, scenes []*scene, sum *result) error {
	before := scenes[0].cpuTimes()
	plans := spreadOut(now()+lead.Nanoseconds(), w.opts.rate, w.edits(), len(scenes))
	for i, s := range scenes {
		if err := s.sender.tell(note{Kind: begin, Schedule: &plans[i]}); err != nil {
			return err
		}
	}
	var all [][]int64
	for i, s := range scenes {
		lines, err := s.collect(ctx, plans[i])
		if err != nil {
			return err
		}
		if i == 0 {
			sum.own = len(lines)
		}
		all = append(all, lines...)
	}
	sum.add(all, w.opts.warmUp)
	sum.addCPU(scenes[0], before, scenes[0].cpuTimes(), w.edits())
	return nil
}

// spreadOut makes n schedules whose keystrokes take turns: not in the same moment, or they would wait for each other.
func spreadOut(begin int64, rate, edits, n int) []schedule {
	every := time.Second.Nanoseconds() / int64(rate)
	plans := make([]schedule, n)
	for i := range plans {
		plans[i] = schedule{At: begin + int64(i)*every/int64(n), Every: every, Edits: edits}
	}
	return plans
}

// collect gives the latencies of each line, in nanoseconds and in the order of the keystrokes.
func (s *scene) collect(ctx context.Context, plan schedule) ([][]int64, error) {
	limit := plan.length() + lead + patience
	from, err := s.sender.await(ctx, sent, limit)
	if err != nil {
		return nil, err
	}
	var all [][]int64
	for _, c := range s.receivers {
		to, err := c.await(ctx, got, limit)
		if err != nil {
			return nil, err
		}
		if from.Text != to.Text {
			return nil, fmt.Errorf("%s: the two texts differ at the end", c.name)
		}
		times, err := between(from.Stamps, to.Stamps, plan.Edits)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		all = append(all, times)
	}
	return all, nil
}

// between pairs the k-th that was sent with the k-th that was received.
func between(sent, got []int64, edits int) ([]int64, error) {
	if len(sent) != edits || len(got) != edits {
		return nil, fmt.Errorf("%d keystrokes were sent and %d received, want %d", len(sent), len(got), edits)
	}
	times := make([]int64, edits)
	for k := range times {
		if times[k] = got[k] - sent[k]; times[k] < 0 {
			return nil, fmt.Errorf("keystroke %d was received before it was sent", k)
		}
	}
	return times, nil
}

// cpuTimes of all processes; zero for one whose time can't be read.
func (s *scene) cpuTimes() []time.Duration {
	times := make([]time.Duration, len(s.children))
	for i, c := range s.children {
		times[i], _ = cpuTime(c.cmd.Process.Pid)
	}
	return times
}
