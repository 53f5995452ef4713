package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"earshot/internal/crdt"
	"earshot/internal/text"
)

func gzipped(t testing.TB, s string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, s); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Small recordings of each format.
const (
	plainFile = `{"startContent": "a\r\n", "endContent": "😀b\r\n", "txns": [
		{"time": "2021-04-19T06:06:58.219Z", "patches": [[1, 0, "b"], [0, 1, "😀"]], "mood": {"Good": [1]}},
		{"patches": []}, {"patches": [[2, 0, ""]]}], "using_byte_positions": false}`
	// Agent 7 works on two branches, which two transactions without edits merge; agent 10 comes after agent 7, by value.
	branchFile = `{"kind": "concurrent", "endContent": "x77aa!y", "numAgents": 2, "txns": [
		{"parents": [], "numChildren": 3, "agent": 10, "patches": [[0, 0, "xy"]]},
		{"parents": [0], "numChildren": 1, "agent": 7, "patches": [[1, 0, "7"]]},
		{"parents": [0], "numChildren": 1, "agent": 10, "patches": [[1, 0, "a"], [2, 0, "a"]]},
		{"parents": [0], "numChildren": 1, "agent": 7, "patches": [[1, 0, "7"]]},
		{"parents": [1, 2], "numChildren": 1, "agent": 8},
		{"parents": [3, 4], "numChildren": 1, "agent": 8, "patches": []},
		{"parents": [5], "numChildren": 0, "agent": 8, "patches": [[5, 0, "!"]]}]}`
	history = `{"n": 1, "txns": [{"span": [0, 1], "parents": [], "agent": "b", "seqStart": 0, "ops": [[0, 0, "1"]]},
		{"span": [1, 2], "parents": [], "agent": "a", "seqStart": 0, "ops": [[0, 0, "2"]]}], "endContent": "21"}`
	history2 = `{"txns": [{"span": [0, 0], "parents": [], "agent": "c", "ops": []}], "endContent": ""}`
)

func TestRead(t *testing.T) {
	check := func(input, format string, authors, sessions int) {
		t.Helper()
		for _, in := range []string{input, gzipped(t, input), "\n " + input + "\n"} {
			rec, err := read(strings.NewReader(in), maxFile)
			if err != nil {
				t.Errorf("%.40q: got error %v", in, err)
				continue
			}
			if rec.format != format || rec.authors != authors || len(rec.sessions) != sessions {
				t.Errorf("%.40q: got %s with %d authors and %d sessions, want %s, %d, %d",
					in, rec.format, rec.authors, len(rec.sessions), format, authors, sessions)
			}
		}
	}
	check(plainFile, sequential, 1, 1)
	check(`{"endContent": "", "txns": []}`, sequential, 1, 1)
	check(`{"kind": "sequential", "endContent": "", "txns": []}`, sequential, 1, 1)
	check(branchFile, concurrent, 3, 1)
	check(strings.Replace(branchFile, `"kind": "concurrent", `, "", 1), concurrent, 3, 1)
	check(`{"kind": "concurrent", "endContent": "", "txns": []}`, concurrent, 0, 1)
	check(history, histories, 2, 1)
	check("["+history+"]", histories, 2, 1)
	check("["+history+",\n"+history2+"]", histories, 3, 2)
	check(history+"\n"+history2, histories, 3, 2)
	check(history+history2+history, histories, 3, 3)
}

// TestReadTransactions: what a transaction was made on is known by its events, also through one without any.
func TestReadTransactions(t *testing.T) {
	rec, err := read(strings.NewReader(branchFile), maxFile)
	if err != nil {
		t.Fatal(err)
	}
	txns := rec.sessions[0].txns
	for i, want := range []txn{
		{author: 2, seq: 0, events: 2, edits: []text.Edit{{Ins: "xy"}}},
		{author: 0, seq: 0, events: 1, parents: []uint32{1}, edits: []text.Edit{{Pos: 1, Ins: "7"}}},
		{author: 2, seq: 2, events: 2, parents: []uint32{1}, edits: []text.Edit{{Pos: 1, Ins: "a"}, {Pos: 2, Ins: "a"}}},
		{author: 0, seq: 1, events: 1, parents: []uint32{1}, edits: []text.Edit{{Pos: 1, Ins: "7"}}},
		{author: 1, seq: 0, parents: []uint32{2, 4}},
		{author: 1, seq: 0, parents: []uint32{2, 4, 5}},
		{author: 1, seq: 0, events: 1, parents: []uint32{2, 4, 5}, edits: []text.Edit{{Pos: 5, Ins: "!"}}},
	} {
		got := txns[i]
		if got.author != want.author || got.seq != want.seq || got.events != want.events ||
			!slices.Equal(got.parents, want.parents) || !slices.Equal(got.edits, want.edits) {
			t.Errorf("transaction %d: got %+v, want %+v", i+1, got, want)
		}
	}
}

func TestReadErrors(t *testing.T) {
	check := func(input, want string) {
		t.Helper()
		_, err := read(strings.NewReader(input), 2000)
		switch {
		case err == nil:
			t.Errorf("%.60q: got no error, want one about %q", input, want)
		case !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n"):
			t.Errorf("%.60q: got %q, want one sentence with %q", input, err, want)
		}
	}
	txns := func(list string) string { return `{"endContent": "", "txns": [` + list + `]}` }
	check("", "holds no session")
	check(" \n", "holds no session")
	check("[]", "holds no session")
	check("# Notes", "is not JSON")
	check("\xff\xfe{", "is not JSON")
	check("\x1f\x8bnothing", "no whole gzip file")
	check("\x1f", "is not JSON")
	check(gzipped(t, plainFile)[:60], "ends early")
	check(plainFile[:60], "ends early")
	check("["+history, "ends early")
	check("["+history+"]]", "is not JSON")
	check("["+history+"]"+history, "goes on after its end")
	check("]", "is not JSON")
	check(strings.Repeat(" ", 2001), "longer than 2000 bytes")
	check(gzipped(t, plainFile+strings.Repeat(" ", 2000)), "longer than 2000 bytes")
	check(`7`, "no known format: it holds a JSON number")
	check(`[[1, 2]]`, "no known format: it holds a JSON array")
	check(strings.Repeat("[", 1500), "ends early")
	check(`{}`, "no known format")
	check(`{"txns": []}`, "no known format")
	check(`{"endContent": ""}`, "no known format")
	check(`{"endContent": 4, "txns": []}`, `no known format: "endContent" is a JSON number`)
	check(`{"kind": "video", "endContent": "", "txns": []}`, "no known format")
	check(txns(`{"edits": []}`), "no known format")
	check(txns(`{"patches": [], "parents": []}, {"patches": []}`), "no known format")
	check(plainFile+plainFile, "number 1 is no history")
	check(history+branchFile, "number 2 is no history")
	check(txns(`{"patches": [[0, 0]]}`), "a patch is")
	check(txns(`{"patches": [[0, 0, 1]]}`), "a patch is")
	check(txns(`{"patches": [[-1, 0, "a"]]}`), "a patch is")
	check(txns(`{"patches": [[0, 1.5, "a"]]}`), "a patch is")
	check(txns(`{"patches": [[0, 33554433, "a"]]}`), "a patch is")
	check(txns(`{"patches": [[1e400, 0, "a"]]}`), "a patch is")
	check(txns(`{"patches": [{"pos": 0}]}`), "a patch is")
	check(txns(`{"parents": [], "agent": -1, "patches": []}`), "an agent is")
	check(txns(`{"parents": [], "agent": {}, "patches": []}`), "an agent is")
	check(txns(`{"parents": [0], "patches": []}`), "txns[0] was made on 0")
	check(txns(`{"parents": [-1], "patches": []}`), "txns[0] was made on -1")
	altered := func(from, to string) string { return strings.Replace(history, from, to, 1) }
	check(altered("[1, 2]", "[1, 3]"), "txns[1] says that its events are 1 to 3, they are 1 to 2")
	check(altered(`[], "agent": "a"`, `[1], "agent": "a"`), "txns[1] was made on 1")
	check(history2+altered("[0, 1]", "[0, 2]"), "history 2 of 2: txns[0] says")
	all := `[0, 33554432, ""]`
	check(txns(`{"patches": [`+all+`, `+all+`, `+all+`, `+all+`, [0, 1, ""]]}`), fmt.Sprintf("txns[0] passes the %d events", crdt.MaxEvents))
}

// TestReadLimits: a text to begin with may be as large as a document's, and no larger.
func TestReadLimits(t *testing.T) {
	file := func(n int) string {
		return `{"startContent": "` + strings.Repeat("a", n) + `", "endContent": "", "txns": []}`
	}
	if _, err := read(strings.NewReader(file(32<<20)), maxFile); err != nil {
		t.Errorf("a text of 32 MiB: got error %v", err)
	}
	_, err := read(strings.NewReader(file(32<<20+1)), maxFile)
	if err == nil || !strings.Contains(err.Error(), "begins with more") {
		t.Errorf("a text of 32 MiB and a byte: got error %v", err)
	}
}

// FuzzRead: whatever a file holds, nothing breaks, and what can be played ends with the same text by every route.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{plainFile, branchFile, history, "[" + history + "," + history2 + "]", history + history2} {
		f.Add([]byte(seed))
	}
	f.Add([]byte(gzipped(f, plainFile)))
	f.Fuzz(func(t *testing.T, b []byte) {
		rec, err := read(bytes.NewReader(b), 1<<20)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("got more than a sentence: %q", err)
			}
			return
		}
		scripts, err := rec.scripts()
		if err != nil {
			return
		}
		for _, s := range scripts {
			want, err := bare(s)
			if err != nil {
				t.Fatal(err)
			}
			for i, r := range []route{local, merged, loaded, live(new([]time.Duration))} {
				if got, err := r(s); err != nil || !got.Equal(want) {
					t.Errorf("route %d: got %v, %v, want %v", i, got, err, want)
				}
			}
		}
	})
}
