package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Windows is L3 into a window of the real VS Code, from another one and from a Neovim, each with a daemon of its own: from the
// key to the character in the page, as plugins/vscode/e2e/latency.js measures it. Floor is raw TCP in the same seconds.
type Windows struct {
	Lines []WindowLine `json:"lines"`
	Floor Spread       `json:"floor"`
}

// WindowLine is one pace of typing; times in milliseconds.
type WindowLine struct {
	Name string  `json:"name"`
	Keys int     `json:"keys"`
	P50  float64 `json:"p50"`
	P95  float64 `json:"p95"`
	Max  float64 `json:"max"`
}

// floorRate and floorBatch are the floor's beside the windows: few, for the two cores are the browser's.
const (
	floorRate  = 10
	floorBatch = 30
)

// measureWindows runs the windows, and the floor again and again until they are done.
func (w *workshop) measureWindows(ctx context.Context, progress io.Writer) (*Windows, error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	file := w.place("windows.json")
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	cmd := exec.CommandContext(ctx, filepath.Join(root, "plugins", "vscode", "e2e", "run.sh"))
	cmd.Env = append(os.Environ(), "LATENCY="+file)
	cmd.Stdout, cmd.Stderr = progress, progress
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("measure VS Code: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // ends with the process, which ends with ctx
	var floor []int64
	for {
		select {
		case err := <-ended:
			if err != nil {
				return nil, fmt.Errorf("measure VS Code: %w", err)
			}
			out := &Windows{Floor: spreadOf(floor)}
			data, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			return out, json.Unmarshal(data, &out.Lines)
		default:
		}
		times, err := w.floorOnce(ctx)
		if err != nil {
			stop()
			<-ended
			return nil, err
		}
		floor = append(floor, times...)
	}
}

func (w *workshop) floorOnce(ctx context.Context) ([]int64, error) {
	keep := w.opts
	defer func() { w.opts = keep }()
	w.opts.edits, w.opts.warmUp, w.opts.rate = floorBatch, 0, floorRate
	r, _ := rowCalled(rowFloor) // it is there
	s := &scene{}
	defer s.stop()
	if err := w.setUp(ctx, r, s); err != nil {
		return nil, err
	}
	sum := newResult(r)
	if err := w.play(ctx, []*scene{s}, sum); err != nil {
		return nil, err
	}
	return sum.lines[0], nil
}

// table is the report for people.
func (v *Windows) table() string {
	var b strings.Builder
	b.WriteString("\nL3 into a window of VS Code, from the key in another one, or in Neovim, to the character on the screen:\n")
	for _, l := range v.Lines {
		fmt.Fprintf(&b, "  %-46s p50 %3.0f  p95 %3.0f  max %3.0f  (%d keys)\n", l.Name, l.P50, l.P95, l.Max, l.Keys)
	}
	fmt.Fprintf(&b, "  floor in the same seconds: p50 %.3f, p99 %.3f (%d)\n", v.Floor.P50, v.Floor.P99, v.Floor.Count)
	return b.String()
}
