package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// Work is what a cell does. All libraries do the same:
type Work string

const (
	// Prepare makes, untimed, what the others read: of a concurrent trace the messages, each by a replica of its author
	// that has merged exactly what the author had seen, one for each recorded transaction; and a file of the whole.
	Prepare Work = "prepare"
	// Local makes, in a new replica, one transaction of each recorded patch, and its message for others.
	Local Work = "local"
	// Live decodes and merges those messages, one by one and in the order they were recorded, in a replica that only
	// receives.
	Live Work = "live"
	// Told does the same and has the library say, after each message, what changed in the text, which is what an editor
	// needs; ours always does. Untimed, a text that is only told of the changes has to end like the replica's.
	Told Work = "told"
	// File loads the file to where its text is in hand, makes one edit, and makes a file again.
	File Work = "file"
)

// Order is what one process is to measure. node/cell.mjs reads the same.
type Order struct {
	Library  string  `json:"library"`
	Work     Work    `json:"work"`
	Trace    string  `json:"trace"` // a path
	Kept     string  `json:"kept"`  // the path, without its ending, of what Prepare writes
	Edits    int     `json:"edits"` // take so many of the trace
	BudgetMs float64 `json:"budgetMs"`
	Repeats  int     `json:"repeats"`
	Replicas int     `json:"replicas"`
}

// Cell is what one process found; node/cell.mjs writes the same. Local, Live and Told go through the trace several times,
// each time in a new replica: as a new process does (FirstMs); warm, up to 5 times within 3 seconds, of which the quickest
// counts (WallMs and CPUMs, of all threads); and, warm, with the time of each edit (P50Us, P99Us and MaxUs, in which one
// reading of the clock, ClockNs, is included). A first pass that reaches the budget is stopped after Done edits, and is the
// total then. File's medians are of a warm process.
type Cell struct {
	Done       int     `json:"done"`  // edits or messages
	Total      int     `json:"total"` // of the trace
	TextSHA256 string  `json:"textSha256"`
	Bytes      int     `json:"bytes"` // of all messages, or of the file
	WallMs     float64 `json:"wallMs,omitempty"`
	CPUMs      float64 `json:"cpuMs,omitempty"`
	FirstMs    float64 `json:"firstMs,omitempty"`
	P50Us      float64 `json:"p50Us,omitempty"`
	P99Us      float64 `json:"p99Us,omitempty"`
	MaxUs      float64 `json:"maxUs,omitempty"`
	TextMs     float64 `json:"textMs,omitempty"` // to have the text as a string after the last edit; not in WallMs

	LoadMs      float64 `json:"loadMs,omitempty"`
	SaveMs      float64 `json:"saveMs,omitempty"`
	FirstLoadMs float64 `json:"firstLoadMs,omitempty"`
	FirstSaveMs float64 `json:"firstSaveMs,omitempty"`
	HeapBytes   float64 `json:"heapBytes,omitempty"` // of a loaded replica after an edit and a save

	ClockNs float64 `json:"clockNs"`
}

// whole extrapolates totals, linearly, to the whole trace, if the budget stopped the cell: what was left is not less work.
func (c Cell) whole() Cell {
	if c.Done == c.Total || c.Done == 0 {
		return c
	}
	factor := float64(c.Total) / float64(c.Done)
	for _, field := range []*float64{&c.WallMs, &c.CPUMs, &c.FirstMs} {
		*field *= factor
	}
	c.Bytes = int(float64(c.Bytes) * factor)
	return c
}

// runCell is the process of a cell of ours.
func runCell(order string, stdout, stderr io.Writer) int {
	var o Order
	c, err := Cell{}, json.Unmarshal([]byte(order), &o)
	if err == nil {
		c, err = measureOurs(o)
	}
	if err == nil {
		err = json.NewEncoder(stdout).Encode(c)
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

// percentiles of durations in nanoseconds, by nearest rank, in microseconds.
func percentiles(times []int64) (p50, p99, most float64) {
	if len(times) == 0 {
		return 0, 0, 0
	}
	sorted := slices.Sorted(slices.Values(times))
	rank := func(percent int) float64 { return float64(sorted[(len(sorted)*percent+99)/100-1]) / 1000 }
	return rank(50), rank(99), rank(100)
}

// median is the upper one of an even number.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(values))[len(values)/2]
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
