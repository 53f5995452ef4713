// Program peers measures Earshot's text core beside other libraries for shared text, on recorded sessions, in one
// invocation: Yjs, json-joy, Loro, Automerge and diamond-types, as npm has them.
//
// It promises that every library does the same work, said at Work; that each cell of the table is measured in a process
// of its own, and the libraries right after one another, in rounds, so that they share the machine's mood; that every
// figure stands beside whether the text was right (SHA-256); and that a library which would take too long is stopped at a
// budget and its total extrapolated, marked so, never left out. It judges nothing but texts: no time makes it fail, a
// wrong text of ours does. People run it by `make bench-peers`; docs/performance.md
// explains the table.
//
//	peers ──order──▶ cell (node node/cell.mjs, or this program for ours) ──one line of JSON──▶ peers
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// cellWord as the first argument makes this program a cell of ours.
const cellWord = "cell"

func main() {
	if len(os.Args) == 3 && os.Args[1] == cellWord {
		os.Exit(runCell(os.Args[2], os.Stdout, os.Stderr))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		stop()
		os.Exit(1)
	}
}

// options of one invocation.
type options struct {
	root                             string // of the repository
	libraries, traces                string // comma lists; "" for all
	rounds, edits, repeats, replicas int
	budget, preparation              time.Duration
	asJSON                           bool
	file                             string // where the JSON goes as well; "" for nowhere
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("peers", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.root, "root", ".", "the repository")
	f.StringVar(&o.libraries, "libraries", "", "comma list of libraries (default all): "+strings.Join(names(allLibraries), ", "))
	f.StringVar(&o.traces, "traces", "", "comma list of traces (default all): "+strings.Join(traceNames, ", "))
	f.IntVar(&o.rounds, "rounds", 3, "rounds; each measures every cell once")
	f.IntVar(&o.edits, "edits", 0, "take only so many edits of each trace; 0 for all")
	f.IntVar(&o.repeats, "repeats", 20, "how often a file is loaded and saved for the medians")
	f.IntVar(&o.replicas, "replicas", 8, "loaded replicas whose memory is averaged")
	f.DurationVar(&o.budget, "budget", 20*time.Second, "how long one pass over a trace may take before it is stopped and extrapolated")
	f.DurationVar(&o.preparation, "preparation", 5*time.Minute, "how long the making of one library's messages or file may take")
	f.BoolVar(&o.asJSON, "json", false, "print JSON instead of tables")
	f.StringVar(&o.file, "file", filepath.Join(".cache", "bench", "peers.json"), "also write JSON here; empty for nowhere")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if o.rounds < 1 || o.repeats < 1 || o.replicas < 1 || o.edits < 0 || o.budget <= 0 || o.preparation <= 0 {
		return o, fmt.Errorf("--rounds, --repeats and --replicas are at least 1, --edits at least 0, --budget and --preparation more than 0")
	}
	return o, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	libraries, err := choose(o.libraries, names(allLibraries))
	if err != nil {
		return err
	}
	traces, err := choose(o.traces, traceNames)
	if err != nil {
		return err
	}
	w, err := newWorkshop(ctx, o, pick(allLibraries, libraries), traces, stderr)
	if err != nil {
		return err
	}
	defer w.close()
	report, err := w.measure(ctx)
	if err != nil {
		return err
	}
	if err := report.write(o, stdout); err != nil {
		return err
	}
	return report.ours()
}

// choose takes a comma list of known names; "" is all of them.
func choose(list string, known []string) ([]string, error) {
	if list == "" {
		return known, nil
	}
	var chosen []string
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("%q is none of %s", name, strings.Join(known, ", "))
		}
		chosen = append(chosen, name)
	}
	return chosen, nil
}

func (r Report) write(o options, stdout io.Writer) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	data = append(data, '\n')
	if o.file != "" {
		if err := os.MkdirAll(filepath.Dir(o.file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(o.file, data, 0o644); err != nil {
			return err
		}
	}
	if o.asJSON {
		_, err = stdout.Write(data)
		return err
	}
	_, err = io.WriteString(stdout, r.tables())
	return err
}
