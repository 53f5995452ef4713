package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const crdtTestdata = "../testdata/"

// recordings are the repository's own, and what no machine changes about them.
var recordings = []report{
	known(crdtTestdata+"automerge-paper.json.gz", "a489e902", sequential, 1, 259778, 104852),
	known(crdtTestdata+"friendsforever.json.gz", "4720ec33", concurrent, 2, 26078, 21362),
	known("../../text/testdata/traces/friendsforever_flat.json.gz", "4720ec33", sequential, 1, 26078, 21362),
	known(crdtTestdata+"histories.json.gz", "65c4f4cc", histories, 3, 55088, 5461),
	known(crdtTestdata+"json-crdt-patch.json.gz", "9540c169", sequential, 1, 121366, 49352),
	known(crdtTestdata+"sveltecomponent.json.gz", "d8bb93b7", sequential, 1, 169517, 18451),
}

func known(file, hash, format string, agents, events, bytes int) report {
	return report{File: file, TextSHA256: hash, Format: format, Agents: agents, Events: events, TextBytes: bytes, OK: true}
}

func recordingPaths() (paths []string) {
	for _, r := range recordings {
		paths = append(paths, r.File)
	}
	return paths
}

// replay runs the program once over each file and returns its lines, what it complained of and its exit status.
func replay(t *testing.T, files ...string) (lines []report, complaints []string, status int) {
	t.Helper()
	var out, errs strings.Builder
	status = run(files, 1, &out, &errs)
	return linesOf(t, out.String()), strings.Split(strings.TrimSpace(errs.String()), "\n"), status
}

func linesOf(t *testing.T, out string) (lines []report) {
	t.Helper()
	for line := range strings.Lines(out) {
		var r report
		dec := json.NewDecoder(strings.NewReader(line))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&r); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		lines = append(lines, r)
	}
	return lines
}

// checkRecordings holds lines against what is known of the recordings.
func checkRecordings(t *testing.T, lines []report) {
	t.Helper()
	if len(lines) != len(recordings) {
		t.Fatalf("got %d lines, want %d", len(lines), len(recordings))
	}
	for i, want := range recordings {
		r := lines[i]
		got := known(r.File, r.TextSHA256[:len(want.TextSHA256)], r.Format, r.Agents, r.Events, r.TextBytes)
		if got != want || !r.OK {
			t.Errorf("got %+v, want %+v", r, want)
		}
		shortest := min(r.LocalMs, r.ReplayMs, r.LoadMs, r.RopeOnlyMs, r.LiveP99Us)
		if shortest <= 0 || r.EncodedBytes == 0 || r.HeapBytes == 0 {
			t.Errorf("a figure is missing: %+v", r)
		}
	}
}

func TestReplay(t *testing.T) {
	t.Parallel() // beside TestWasm
	lines, complaints, status := replay(t, recordingPaths()...)
	if status != 0 || complaints[0] != "" {
		t.Errorf("got status %d and %q, want 0 and nothing", status, complaints)
	}
	checkRecordings(t, lines)
}

func write(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "session.json")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestReplaySmall: what the recordings of real sessions don't have: characters beyond U+FFFF, Windows line ends, a text to
// begin with, an author on two branches, ties, no edits at all.
func TestReplaySmall(t *testing.T) {
	check := func(content string) {
		t.Helper()
		lines, complaints, status := replay(t, write(t, content))
		if status != 0 || len(lines) != 1 || !lines[0].OK {
			t.Errorf("%.60q: got status %d, %+v, %q, want a line that is ok", content, status, lines, complaints)
		}
	}
	check(plainFile)
	check(branchFile)
	check(history)
	check(history + history2)
	check(`{"endContent": "", "txns": []}`)
	check(`{"startContent": "a\r\n", "endContent": "a\r\n", "txns": []}`)
	check(`{"endContent": "\r\n\ud83d\ude00\u0000\ud800", "txns": [
		{"patches": [[0, 0, "\r\u0000"], [1, 0, "\n\ud83d\ude00"], [4, 0, "\ud800"]]}]}`)
	// What is deleted around another's letter is in two places then.
	check(`{"startContent": "abc", "endContent": "X", "txns": [{"parents": [], "agent": 0, "patches": [[1, 0, "X"]]},
		{"parents": [], "agent": 1, "patches": [[0, 3, ""]]}]}`)
	// The agents' names tell who is first: 9 before 10, 10 before "1", "10" before "9".
	tie := func(end, a, b string) {
		t.Helper()
		check(`{"kind": "concurrent", "endContent": "` + end + `", "txns": [
			{"parents": [], "agent": ` + a + `, "patches": [[0, 0, "a"]]},
			{"parents": [], "agent": ` + b + `, "patches": [[0, 0, "b"]]}]}`)
	}
	tie("ba", `10`, `9`)
	tie("ab", `9`, `10`)
	tie("ab", `10`, `"1"`)
	tie("ba", `"1"`, `10`)
	tie("ba", `"9"`, `"10"`)
	tie("ab", `5`, `5`)
}

// TestReplayBranches: an author's own concurrent insertions at one place stand in the order of their numbers, also where
// the file has them the other way round, and where a branch is gone on with after another was begun.
func TestReplayBranches(t *testing.T) {
	txn := func(from, to, parents, seq, ops string) string {
		return `{"agent": "a", "span": [` + from + `, ` + to + `], "parents": [` + parents + `], "seqStart": ` + seq +
			`, "ops": [` + ops + `]}`
	}
	lines, complaints, status := replay(t, write(t, `{"endContent": "abcd", "txns": [`+strings.Join([]string{
		txn("0", "1", "", "0", `[0, 0, "d"]`), txn("1", "2", "0", "3", `[0, 0, "c"]`),
		txn("2", "3", "0", "1", `[0, 0, "a"]`), txn("3", "4", "0", "2", `[0, 0, "b"]`)}, ",")+`]}`))
	if status != 0 {
		t.Errorf("numbers against the file's order: got %+v, %q", lines, complaints)
	}
	// a and A are one branch, b and B the other; the ties A, B are between what builds on different characters.
	lines, complaints, status = replay(t, write(t, `{"kind": "concurrent", "endContent": "aAbB", "txns": [
		{"parents": [], "agent": 0, "patches": [[0, 0, "a"]]}, {"parents": [], "agent": 0, "patches": [[0, 0, "b"]]},
		{"parents": [0], "agent": 0, "patches": [[1, 0, "A"]]}, {"parents": [1], "agent": 0, "patches": [[1, 0, "B"]]}]}`))
	if status != 0 || lines[0].Agents != 1 {
		t.Errorf("two branches by turns: got %+v, %q", lines, complaints)
	}
}

// TestReplayWrong: a file that is wrong is said to be, and the others are replayed nevertheless.
func TestReplayWrong(t *testing.T) {
	good := write(t, plainFile)
	check := func(file string, wantLines int, want string) {
		t.Helper()
		lines, complaints, status := replay(t, file, good)
		if status != 1 || len(lines) != wantLines || !lines[wantLines-1].OK || wantLines == 2 && lines[0].OK {
			t.Errorf("%s: got status %d and %+v, want 1 and %d lines, the last one ok", file, status, lines, wantLines)
		}
		said, ok := strings.CutPrefix(complaints[0], "replay: "+file+": ")
		if len(complaints) != 1 || !ok || !strings.Contains(said, want) {
			t.Errorf("%s: got %q, want one sentence with %q", file, complaints, want)
		}
	}
	check(write(t, strings.Replace(plainFile, "😀b", "😀c", 1)), 2, "ends with another text")
	check(write(t, strings.Replace(plainFile, `😀b\r\n"`, `😀b\n"`, 1)), 2, "ends with another text")
	check(write(t, history+strings.Replace(history, "21", "12", 1)), 2, "history 2 of 2: ends with another text")
	outside := "txns[0] holds an edit that can't be made, at position "
	check(write(t, strings.Replace(plainFile, "[1, 0", "[4, 0", 1)), 1, outside+"4")
	check(write(t, strings.Replace(plainFile, "[0, 1,", "[0, 9,", 1)), 1, outside+"0")
	check(write(t, "nothing"), 1, "is not JSON")
	check(filepath.Join(t.TempDir(), "absent"), 1, "can't be opened")
	check(t.TempDir(), 1, "can't be read")
	check("../testdata/diff.json", 1, "no history")
}

// TestRunUsage: without files, or with an option that is not there, it says what to do.
func TestRunUsage(t *testing.T) {
	check := func(wantStatus int, want string, args ...string) {
		t.Helper()
		var out, errs strings.Builder
		status := run(args, 1, &out, &errs)
		if got := out.String() + errs.String(); status != wantStatus || !strings.Contains(got, want) {
			t.Errorf("%q: got status %d, %q, want %d, %q", args, status, got, wantStatus, want)
		}
	}
	check(2, "no file was named")
	check(2, "there is no option -v", "-v", "x.json")
	check(0, "go run ./internal/crdt/replay FILE…", "-h")
	check(0, "best of 3 passes, or that of the\nfirst", "--help")
}
