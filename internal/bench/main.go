// Program bench measures what a keystroke costs on its way, beside what it could cost at the least: raw TCP, hops over
// the editor's socket, and a bare data channel of pion's, all in one invocation, in rounds, on one machine.
//
// It promises that every figure comes from separate processes with one clock (CLOCK_MONOTONIC); that edits begin on an
// absolute schedule, so that a slow one delays no other's clock; that beside every row the floor (a TCP relay) is
// measured in the same seconds; and that a row whose texts did not end equal is an error and no figure. It judges
// nothing: no time makes it fail. People run it by `make bench`; docs/performance.md explains the rows.
//
//	bench ──▶ part (host)   ──▶ what is measured ──▶ part (guest)     one line of JSON for each word between
//	      ──▶ floor, sender ──▶ floor, relay     ──▶ floor, receiver  bench and its parts, see note
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
	"strings"
	"time"
)

// partWord as the first argument makes this program one of its own parts.
const partWord = "part"

func main() {
	if len(os.Args) > 2 && os.Args[1] == partWord {
		os.Exit(runPart(os.Args[2:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

// options of one invocation.
type options struct {
	edits, warmUp, rounds, rate int
	rows                        string // comma list; "" for all
	daemon                      string // a binary to measure instead of the one built here
	asJSON                      bool
	file                        string // where the JSON goes as well; "" for nowhere
	vscode                      bool   // windows of VS Code as well
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.IntVar(&o.edits, "edits", 1000, "measured keystrokes for each row and round")
	f.IntVar(&o.warmUp, "warm-up", 100, "keystrokes before them that don't count")
	f.IntVar(&o.rounds, "rounds", 3, "rounds; each measures every row once")
	f.IntVar(&o.rate, "rate", 100, "keystrokes a second")
	f.StringVar(&o.rows, "rows", "", "comma list of rows (default all): "+strings.Join(rowNames(), ", "))
	f.StringVar(&o.daemon, "daemon", "", "an earshot binary to measure (default: built from this tree)")
	f.BoolVar(&o.asJSON, "json", false, "print JSON instead of a table")
	f.StringVar(&o.file, "file", filepath.Join(".cache", "bench", "latency.json"), "also write JSON here; empty for nowhere")
	f.BoolVar(&o.vscode, "vscode", false, "measure windows of VS Code as well; needs Chromium, and installs code-server")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if o.edits < 1 || o.warmUp < 0 || o.rounds < 1 || o.rate < 1 {
		return o, fmt.Errorf("--edits, --rounds and --rate are at least 1, --warm-up at least 0")
	}
	return o, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	chosen, err := chooseRows(o.rows)
	if err != nil {
		return err
	}
	w, err := newWorkshop(ctx, o, chosen)
	if err != nil {
		return err
	}
	defer w.close()
	report := Report{Begun: time.Now().UTC().Truncate(time.Second), Machine: thisMachine(), Rate: o.rate, WarmUp: o.warmUp}
	results := make([]*result, len(chosen))
	for round := range o.rounds {
		for i, r := range chosen {
			fmt.Fprintf(stderr, "round %d of %d: %s\n", round+1, o.rounds, r.name)
			if results[i], err = w.measure(ctx, r, results[i]); err != nil {
				return fmt.Errorf("measure %s: %w", r.name, err)
			}
		}
	}
	for _, r := range results {
		report.Rows = append(report.Rows, r.rows()...)
	}
	if o.vscode {
		fmt.Fprintln(stderr, "windows of VS Code")
		if report.VSCode, err = w.measureWindows(ctx, stderr); err != nil {
			return err
		}
	}
	report.Machine.LoadAfter = loadAverage()
	return report.write(o, stdout)
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
	_, err = io.WriteString(stdout, r.table())
	return err
}
