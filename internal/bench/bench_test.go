package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"earshot/internal/text"
	"earshot/protocol"
)

// TestMain lets the test's binary be the parts of what it measures.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == partWord {
		os.Exit(runPart(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// TestEveryRow measures each row, a few keystrokes long: that it gives a figure, not which.
func TestEveryRow(t *testing.T) {
	if err := canMeasure(); err != nil {
		t.Skip(err)
	}
	var names []string
	for _, r := range allRows() {
		if (strings.HasPrefix(r.name, rowL2) || strings.HasPrefix(r.name, rowL3)) && testing.Short() {
			continue // builds the whole program
		}
		names = append(names, strings.ReplaceAll(r.name, ",", ""))
	}
	file := filepath.Join(t.TempDir(), "deep", "latency.json")
	var out, progress bytes.Buffer
	args := []string{"-edits", "20", "-warm-up", "5", "-rounds", "2", "-rate", "200", "-rows", strings.Join(names, ","), "-file", file}
	if err := run(t.Context(), args, &out, &progress); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r Report
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	if got, want := len(r.Rows), len(names)+1; got != want {
		t.Errorf("got %d rows, want %d", got, want)
	}
	for _, row := range r.Rows {
		if row.Spread.Count != 40 || len(row.Rounds) != 2 || row.Spread.P50 <= 0 || row.Beside[0].Spread.Count != 40 || row.Ratio <= 0 {
			t.Errorf("%s: got %+v", row.Name, row)
		}
		if !strings.Contains(out.String(), row.Name) {
			t.Errorf("the table lacks %s", row.Name)
		}
		if want := strings.HasPrefix(row.Name, rowL2); (row.Aim != nil) != want {
			t.Errorf("%s: the aim is %+v", row.Name, row.Aim)
		}
		if len(row.CPU) < 2 {
			t.Errorf("%s: the processes are %+v", row.Name, row.CPU)
		}
	}
}

// TestFailures: what goes wrong in a part or a daemon is told, and nothing hangs.
func TestFailures(t *testing.T) {
	if err := canMeasure(); err != nil {
		t.Skip(err)
	}
	check := func(want string, args ...string) {
		t.Helper()
		var out bytes.Buffer
		err := run(t.Context(), append([]string{"-rounds", "1", "-edits", "1", "-file", ""}, args...), &out, &out)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", args, err, want)
		}
	}
	check("at least 1", "-edits", "0")
	check("at least 1", "-rate", "0")
	check("not defined", "-quick")
	check(`no row is called "fast"`, "-rows", "floor,fast")
	check("no such file", "-rows", "L2", "-daemon", filepath.Join(t.TempDir(), "absent"))
}

// TestPartFails: a part says why it failed.
func TestPartFails(t *testing.T) {
	s := &scene{}
	defer s.stop()
	c, err := s.part("receiver", "floor-receiver", "no address", "1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.await(t.Context(), ready, patience); err == nil || !strings.Contains(err.Error(), "receiver: dial") {
		t.Errorf("got %v, want the reason", err)
	}
	gone, err := s.start("nobody", exec.Command(os.Args[0], partWord, "unknown"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gone.await(t.Context(), ready, patience); err == nil || !strings.Contains(err.Error(), "no such part") {
		t.Errorf("got %v, want what it said", err)
	}
	relay, err := s.part("relay", "floor-relay")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := relay.await(t.Context(), got, patience); err == nil || !strings.Contains(err.Error(), `want "got"`) {
		t.Errorf("got %v, want a complaint about the wrong note", err)
	}
	if _, err := relay.await(t.Context(), ready, time.Millisecond); err == nil || !strings.Contains(err.Error(), "said nothing") {
		t.Errorf("got %v, want a complaint about silence", err)
	}
}

func TestSpread(t *testing.T) {
	check := func(times []int64, want Spread) {
		t.Helper()
		if got := spreadOf(times); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	const u = int64(time.Millisecond)
	check(nil, Spread{})
	check([]int64{3 * u}, Spread{3, 3, 3, 3, 1})
	check([]int64{4 * u, 1 * u, 3 * u, 2 * u}, Spread{2, 4, 4, 4, 4})
	var hundred []int64
	for i := range int64(100) {
		hundred = append(hundred, (100-i)*u)
	}
	check(hundred, Spread{50, 90, 99, 100, 100})
	if slices.IsSorted(hundred) {
		t.Error("the times were sorted in place; their order is the keystrokes'")
	}
}

func TestBetween(t *testing.T) {
	if got, err := between([]int64{1, 5}, []int64{4, 9}, 2); err != nil || !slices.Equal(got, []int64{3, 4}) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range [][2][]int64{{{1}, {2}}, {{1, 2}, {3}}, {{1, 2}, {3, 4, 5}}, {{1, 5}, {4, 4}}} {
		if got, err := between(bad[0], bad[1], 2); err == nil {
			t.Errorf("%v: got %v, want an error", bad, got)
		}
	}
}

func TestParseStat(t *testing.T) {
	check := func(stat string, want time.Duration) {
		t.Helper()
		if got, err := parseStat(stat); err != nil || got != want {
			t.Errorf("%q: got %v, %v, want %v", stat, got, err, want)
		}
	}
	check("7 (earshot) S 1 7 7 0 -1 4194560 1 0 0 0 12 30 0 0 20 0 9 0 5", 420*time.Millisecond)
	check("7 (a) b (c 1 2) R 1 7 7 0 -1 4194560 5 0 0 0 1 0 0 0 20 0 9 0 5", 10*time.Millisecond)
	for _, bad := range []string{"", "7 (earshot) S 1", "7 (earshot) S 1 7 7 0 -1 4194560 1 0 0 0 x 30 0 0"} {
		if got, err := parseStat(bad); err == nil {
			t.Errorf("%q: got %v, want an error", bad, got)
		}
	}
}

// TestSchedule: keystrokes keep their times whatever the others took.
func TestSchedule(t *testing.T) {
	plan := schedule{At: now() - 10*int64(time.Second), Every: int64(time.Second), Edits: 5}
	var pressed []int
	begun := now()
	err := plan.play(func(k int) error { pressed = append(pressed, k); return nil })
	if err != nil || !slices.Equal(pressed, []int{0, 1, 2, 3, 4}) {
		t.Errorf("got %v, %v", pressed, err)
	}
	if late := now() - begun; late > int64(time.Second) {
		t.Errorf("late keystrokes waited %v", time.Duration(late))
	}
	plan = schedule{At: now() + int64(20*time.Millisecond), Every: int64(time.Millisecond), Edits: 3}
	_ = plan.play(func(k int) error { // never fails
		if early := plan.At + int64(k)*plan.Every - now(); early > 0 {
			t.Errorf("keystroke %d came %v too early", k, time.Duration(early))
		}
		return nil
	})
}

// TestSpreadOut: what is measured together takes turns, each with the same pause before it.
func TestSpreadOut(t *testing.T) {
	const period = int64(10 * time.Millisecond)
	got := spreadOut(1000, 100, 7, 4)
	for i, s := range got {
		if want := (schedule{At: 1000 + int64(i)*period/4, Every: period, Edits: 7}); s != want {
			t.Errorf("schedule %d: got %+v, want %+v", i, s, want)
		}
	}
	if len(got) != 4 {
		t.Errorf("got %d schedules, want 4", len(got))
	}
}

// TestManuscript: no line is ever over 80 columns, and what is typed stands in the middle, in order.
func TestManuscript(t *testing.T) {
	for _, size := range []int{smallText, largeText} {
		body := manuscript(size)
		if got := len(body); got < size || got > size+2*lineWidth {
			t.Errorf("got %d bytes, want about %d", got, size)
		}
		person := newTypist("file:///w/a", body)
		if off := math.Abs(float64(person.at - len(body)/2)); off > 2*lineWidth {
			t.Errorf("the cursor is %.0f characters from the middle", off)
		}
		at := person.at
		copied := text.New(body)
		for k := range 500 {
			change := person.press(k).ContentChanges[0]
			pos, err := copied.Offset(text.Position(change.Range.Start), text.UTF16, text.Before)
			if err != nil || pos != at+k {
				t.Fatalf("keystroke %d is at %d, %v, want %d", k, pos, err, at+k)
			}
			copied.Replace(pos, 0, change.Text)
		}
		if copied.String() != person.editor.Text() {
			t.Error("the reports don't make the editor's text")
		}
		for line := range strings.Lines(person.editor.Text()) {
			if len(line) > 80 {
				t.Fatalf("a line has %d columns", len(line))
			}
		}
	}
}

func TestTypedIn(t *testing.T) {
	edit := func(edits ...protocol.TextEdit) *protocol.ApplyWorkspaceEditParams {
		return &protocol.ApplyWorkspaceEditParams{Edit: protocol.WorkspaceEdit{DocumentChanges: []protocol.TextDocumentEdit{{Edits: edits}}}}
	}
	if got, err := typedIn(edit(protocol.TextEdit{NewText: "ab\n"}, protocol.TextEdit{NewText: "é"})); got != 4 || err != nil {
		t.Errorf("got %d, %v, want 4", got, err)
	}
	if _, err := typedIn(edit(protocol.TextEdit{Range: protocol.Range{End: protocol.Position{Line: 1}}})); err == nil {
		t.Error("an edit that takes text away was counted")
	}
}

func TestCounter(t *testing.T) {
	c := newCounter(2)
	if err := c.take(numbered(1), 1); err == nil {
		t.Error("the second frame was taken for the first")
	}
	if err := c.take(numbered(0)[:60], 1); err == nil {
		t.Error("a short frame was taken")
	}
	for k := range 2 {
		if err := c.take(numbered(k), int64(k)); err != nil {
			t.Error(err)
		}
	}
	if err := c.take(numbered(2), 1); err == nil || !c.full() {
		t.Error("one frame too many was taken")
	}
}

func TestAim(t *testing.T) {
	figure := func(name string, p50 float64) Figure {
		return Figure{Of: name, Spread: Spread{P50: p50}, Rounds: []float64{p50, 2 * p50}}
	}
	floor, pion, hop, hops := figure(rowFloor, 9), figure(rowPion, 3), figure(rowHop, 9), figure(rowTwoHops, 1)
	if got := aimOf(figure(rowL2, 6), []Figure{floor, pion}); got != nil {
		t.Errorf("got %+v without the hops", got)
	}
	got := aimOf(figure(rowL2, 6), []Figure{floor, pion, hop, hops})
	if got == nil || got.Value != 1.5 || !slices.Equal(got.Rounds, []float64{1.5, 1.5}) {
		t.Errorf("got %+v, want 1.5", got)
	}
}

func TestTail(t *testing.T) {
	var end tail
	for range 3 {
		_, _ = end.Write(bytes.Repeat([]byte("x"), tailSize)) // never fails
	}
	_, _ = end.Write([]byte("the end\n"))
	if got := end.String(); len(got) > tailSize || !strings.HasSuffix(got, "xthe end") {
		t.Errorf("got %d bytes, ending %q", len(got), got[len(got)-10:])
	}
}
