// Program replay plays recorded editing sessions with the text core, checks that they end with their text, and says what
// that cost: one line of JSON on standard output for each file.
//
//	go run ./internal/crdt/replay FILE…
//
// A FILE is JSON, plain or gzipped; positions and lengths in it count code points, and fields not named here are ignored:
//
//	sequential   {startContent, endContent, txns: [{patches: [[pos, deleted, "inserted"], …]}]}: patches apply one after
//	             the other, each to what the ones before left
//	concurrent   {kind: "concurrent", startContent, endContent, txns: [{parents, agent, patches}]}: parents are earlier
//	             transactions, by index from 0; patches apply to what those lead to
//	histories    {endContent, txns: [{span, parents, agent, seqStart, ops}]}, as an array or one after the other: parents are
//	             events, by number; ops are patches
//
// startContent is empty and kind is guessed where they are absent; what a patch holds behind its three parts is ignored.
// Concurrent insertions at one place stand in the order of their agents (numbers by value, then strings by their bytes), an
// agent's own in the order in which it made them. An agent may have worked on several branches.
//
// What a line holds:
//
//	file, format    its name; sequential, concurrent or histories
//	agents          how many different authors there are; a sequential file has one
//	events          code points inserted and deleted
//	textSha256      of the final UTF-8 text; of all final texts, one after the other, for histories
//	textBytes       how long that is
//	ok              every route below ended with the file's own endContent
//	localMs         each patch through Doc.Edit by its author on the version it was made on, the rope included
//	replayMs        Merge of one encoding of everything into an empty Doc
//	liveP50Us, liveP99Us   Read and Receive of the bytes that go over a link for one transaction, in the file's order
//	encodedBytes    length of that one encoding
//	loadMs          Load of a Snapshot
//	heapBytes       what one Doc with the whole session holds, as localMs leaves it: live heap after less before
//	ropeOnlyMs      what the edits did to the text, on a bare rope
//
// Parsing is not counted. The garbage is collected before each pass, and each time is the best of 3 passes, or that of the
// first if it took over 2 s. For histories the times, bytes and heap are those of all together.
//
// A wrong text gives ok: false. A file that can't be read, is of no known format, or has an edit that can't be made gives no
// line. In both cases a sentence on standard error says so, the other files are still replayed, and the exit status is 1. It
// is 2 if no file is named or an option that there is not.
package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

//go:embed main.go
var source string

func main() { os.Exit(run(os.Args[1:], passes, os.Stdout, os.Stderr)) }

// run returns the exit status: 2 if it was not told what to replay.
func run(args []string, passes int, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprintln(stderr, "replay: no file was named: run it with the files to replay, or with -h")
		return 2
	}
	for _, arg := range args {
		switch {
		case arg == "-h" || arg == "-help" || arg == "--help":
			fmt.Fprint(stdout, usage())
			return 0
		case strings.HasPrefix(arg, "-"):
			fmt.Fprintf(stderr, "replay: there is no option %s: there is only -h; write ./%s for a file\n", arg, arg)
			return 2
		}
	}
	status := 0
	out := json.NewEncoder(stdout)
	out.SetEscapeHTML(false)
	for _, name := range args {
		line, err := replayFile(name, passes)
		if err != nil {
			fmt.Fprintf(stderr, "replay: %s: %v\n", name, err)
			status = 1
			continue
		}
		if !line.OK {
			fmt.Fprintf(stderr, "replay: %s: %sends with another text than its endContent\n", name, line.wrong)
			status = 1
		}
		if err := out.Encode(line); err != nil {
			fmt.Fprintf(stderr, "replay: the results can't be written: %v\n", err)
			return 1
		}
	}
	return status
}

// usage is the comment at the head of this file.
func usage() string {
	comment, _, _ := strings.Cut(source, "package main\n")
	var b strings.Builder
	for line := range strings.Lines(comment) {
		b.WriteString(strings.TrimPrefix(strings.TrimPrefix(line, "//"), " "))
	}
	return b.String()
}

func replayFile(name string, passes int) (report, error) {
	f, err := os.Open(name)
	if err != nil {
		return report{}, fmt.Errorf("can't be opened: %w", errWithoutPath(err))
	}
	defer f.Close()
	rec, err := read(f, maxFile)
	if err != nil {
		return report{}, err
	}
	scripts, err := rec.scripts()
	if err != nil {
		return report{}, err
	}
	line, err := measure(scripts, passes)
	line.File, line.Format, line.Agents = name, rec.format, rec.authors
	return line, err
}
