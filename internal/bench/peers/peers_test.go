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
	"testing"
)

const root = "../../.."

// fakeWord as the first argument makes the test's binary a peer that does what its second argument says.
const fakeWord = "fake"

// TestMain lets the test's binary be the cells of what it measures.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) == 3 && os.Args[1] == cellWord:
		os.Exit(runCell(os.Args[2], os.Stdout, os.Stderr))
	case len(os.Args) == 4 && os.Args[1] == fakeWord:
		os.Exit(fake(os.Args[2], os.Args[3]))
	}
	os.Exit(m.Run())
}

// fake is a peer that does as ours does, but for one fault.
func fake(fault, order string) int {
	var o Order
	if err := json.Unmarshal([]byte(order), &o); err != nil {
		return 1
	}
	c, err := measureOurs(o)
	switch {
	case err != nil:
		return 1
	case o.Work == Prepare: // none of the faults
	case fault == "crashes":
		fmt.Fprintln(os.Stderr, "out of ink")
		return 2
	case fault == "errs":
		c.TextSHA256 = hash("another text")
	case fault == "slow":
		c = stopped(o, c)
	}
	return map[bool]int{true: 0, false: 1}[json.NewEncoder(os.Stdout).Encode(c) == nil]
}

// stopped is a cell whose budget ended after 10 edits.
func stopped(o Order, c Cell) Cell {
	if o.Work == File {
		return c
	}
	t, err := readTrace(o.Trace, o.Edits)
	if err != nil {
		return Cell{}
	}
	text, err := t.textAfter(10)
	if err != nil {
		return Cell{}
	}
	return Cell{Done: 10, Total: c.Total, Bytes: 100, WallMs: 7, TextSHA256: hash(text)}
}

func fakes(t *testing.T) []library {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	all := []library{{name: ours}}
	for _, fault := range []string{"crashes", "errs", "slow"} {
		all = append(all, library{name: fault, pkg: yjs, program: func(ctx context.Context, order string) *exec.Cmd {
			return exec.CommandContext(ctx, self, fakeWord, fault, order)
		}})
	}
	return all
}

// TestOurs: the command gives well-formed JSON and tables, here of ours alone and of a few edits.
func TestOurs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "peers.json")
	var out, progress bytes.Buffer
	args := []string{"-root", root, "-libraries", ours, "-traces", "sveltecomponent,friendsforever",
		"-edits", "300", "-rounds", "1", "-repeats", "2", "-replicas", "2", "-file", path}
	if err := run(t.Context(), args, &out, &progress); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var r Report
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil {
		t.Fatal(err)
	}
	if got, want := len(r.Rows), 2+3; got != want {
		t.Errorf("got %d rows, want %d: local and file of one trace, live, told and file of the other", got, want)
	}
	for _, row := range r.Rows {
		f := row.Figures
		if !row.Right || row.Extrapolated || len(row.Rounds) != 1 || f.Bytes <= 0 {
			t.Errorf("%s, %s: got %+v", row.Trace, row.Work, row)
		}
		if row.Work == File && (f.LoadMs <= 0 || f.SaveMs <= 0) || row.Work != File && (f.Done != 300 || f.WallMs <= 0 || f.P50Us <= 0) {
			t.Errorf("%s, %s: got the figures %+v", row.Trace, row.Work, f)
		}
		if !strings.Contains(out.String(), row.Trace) {
			t.Errorf("the tables lack %s", row.Trace)
		}
	}
	if r.Aim != nil {
		t.Errorf("got the aim %+v without Yjs", r.Aim)
	}
}

// TestFaults: what a peer does wrong stands in its row, and stops nobody else's.
func TestFaults(t *testing.T) {
	o, err := parse([]string{"-root", root, "-edits", "100", "-rounds", "1", "-repeats", "1", "-replicas", "1", "-file", ""}, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	var out, progress bytes.Buffer
	w, err := newWorkshop(t.Context(), o, fakes(t), []string{"sveltecomponent"}, &progress)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	r, err := w.measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.ours(); err != nil {
		t.Error(err)
	}
	if err := r.write(o, &out); err != nil {
		t.Fatal(err)
	}
	check := func(library string, right, extrapolated bool, note string) {
		t.Helper()
		for _, row := range r.Rows {
			if row.Library != library || row.Work != Local {
				continue
			}
			if row.Right != right || row.Extrapolated != extrapolated || !strings.Contains(row.Note, note) || note == "" && row.Note != "" {
				t.Errorf("%s: got %+v", library, row)
			}
			if !strings.Contains(out.String(), row.Note) {
				t.Errorf("the tables lack the note %q", row.Note)
			}
		}
	}
	check(ours, true, false, "")
	check("crashes", false, false, "out of ink")
	check("errs", false, false, "WRONG TEXT after 100 edits")
	check("slow", true, true, "")
	if row := r.row("sveltecomponent", Local, "slow"); row.Figures.WallMs != 70 || row.Figures.Bytes != 1000 {
		t.Errorf("10 of 100 edits took 7 ms and 100 bytes; got %+v for all", row.Figures)
	}
	if !strings.Contains(out.String(), "~70.0") || !strings.Contains(out.String(), "extrapolated from 10 of 100 edits") {
		t.Errorf("the tables do not say what is extrapolated:\n%s", out.String())
	}
	r.Rows[0].Right = false
	if r.ours() == nil {
		t.Error("a wrong text of ours is no error")
	}
}

// TestTextAfter: the two ways to the text after some edits lead to the recorded one after all.
func TestTextAfter(t *testing.T) {
	for _, name := range []string{"sveltecomponent", friendsforever} {
		tr, err := readTrace(tracePath(root, name), 0)
		if err != nil {
			t.Fatal(err)
		}
		want := tr.EndContent
		tr.EndContent = ""
		if got, err := tr.textAfter(len(tr.Txns)); err != nil || got != want {
			t.Errorf("%s: got a text of %d bytes, %v; want the recorded one of %d", name, len(got), err, len(want))
		}
	}
}

// TestPeers: the lockfile names each peer, with its licence, and json-joy is of the versions under Apache's.
func TestPeers(t *testing.T) {
	peers, err := peersOf(root, allLibraries)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range peers {
		if p.Version == "" || p.Licence == "" {
			t.Errorf("got %+v", p)
		}
		if p.Library == "json-joy" && (p.Licence != "Apache-2.0" || !strings.HasPrefix(p.Version, "17.")) {
			t.Errorf("json-joy: got %+v", p)
		}
	}
}

func TestPercentiles(t *testing.T) {
	check := func(n int, p50, p99, most float64) {
		t.Helper()
		var times []int64
		for i := range n {
			times = append(times, int64(n-i)*1000)
		}
		if a, b, c := percentiles(times); a != p50 || b != p99 || c != most {
			t.Errorf("1 to %d µs: got %v %v %v, want %v %v %v", n, a, b, c, p50, p99, most)
		}
	}
	check(0, 0, 0, 0)
	check(1, 1, 1, 1)
	check(100, 50, 99, 100)
	check(1000, 500, 990, 1000)
}

func TestAim(t *testing.T) {
	row := func(library string, work Work, ms ...float64) Row {
		r := Row{Trace: friendsforever, Work: work, Library: library}
		for _, m := range ms {
			r.Rounds = append(r.Rounds, Cell{Done: 1, Total: 1, WallMs: m, FirstMs: 2 * m, P50Us: m, P99Us: m})
		}
		r.sum()
		return r
	}
	r := Report{Rows: []Row{row(ours, Live, 1, 2, 4), row(yjs, Live, 60, 50, 80), row(ours, Told, 2), row(yjs, Told, 90)}}
	a := r.aim()
	if a == nil || a.Ratio != 30 || a.First != 30 || a.Told != 45 || a.P50Us != 2 || fmt.Sprint(a.Rounds) != "[60 25 20]" {
		t.Errorf("got %+v", a)
	}
}

func TestOptions(t *testing.T) {
	check := func(want string, args ...string) {
		t.Helper()
		var out bytes.Buffer
		err := run(t.Context(), append([]string{"-root", root, "-file", ""}, args...), &out, &out)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error with %q", args, err, want)
		}
	}
	check("is none of", "-libraries", "paper")
	check("is none of", "-traces", "paper")
	check("at least 1", "-rounds", "0")
	check("read the trace", "-root", t.TempDir(), "-libraries", ours)
}
