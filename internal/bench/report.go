package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is what one invocation found: the JSON that it writes. Times are in milliseconds.
type Report struct {
	Begun   time.Time `json:"begun"`
	Machine Machine   `json:"machine"`
	Rate    int       `json:"keystrokesPerSecond"`
	WarmUp  int       `json:"warmUp"`
	Rows    []Row     `json:"rows"`
	Aims    []Aim     `json:"aims"`
}

// Row is one figure over all rounds. Rounds holds the median of each. Floor is the relay measured in the same seconds, and
// Ratio the row's median divided by the floor's.
type Row struct {
	Name   string    `json:"name"`
	What   string    `json:"what"`
	Spread Spread    `json:"spread"`
	Rounds []float64 `json:"rounds"`
	Floor  Spread    `json:"floor"`
	Ratio  float64   `json:"ratio"`
	CPU    []CPU     `json:"cpu,omitempty"`
}

// Spread of latencies.
type Spread struct {
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
	Count int     `json:"count"`
}

// CPU is what one process used for each keystroke, in milliseconds of one core.
type CPU struct {
	Process string  `json:"process"`
	Ms      float64 `json:"msPerKeystroke"`
}

// Aim is a row's median divided by that of bare pion and two hops together; at most Most is aimed at.
type Aim struct {
	Row    string    `json:"row"`
	Value  float64   `json:"value"`
	Rounds []float64 `json:"rounds"`
	Most   float64   `json:"most"`
}

// mostL2 is the aim of the project for L2.
const mostL2 = 1.2

// result gathers the rounds of one row.
type result struct {
	row   row
	lines [][]int64 // for each line of the scene, all rounds
	p50s  [][]float64
	floor []int64
	cpu   []CPU // sums until rows divides them
	edits int
}

func newResult(r row) *result { return &result{row: r} }

// add takes one round's latencies; the first warmUp don't count.
func (r *result) add(lines [][]int64, floor []int64, warmUp int) {
	for i, times := range lines {
		if i == len(r.lines) {
			r.lines, r.p50s = append(r.lines, nil), append(r.p50s, nil)
		}
		r.lines[i] = append(r.lines[i], times[warmUp:]...)
		r.p50s[i] = append(r.p50s[i], spreadOf(times[warmUp:]).P50)
	}
	r.floor = append(r.floor, floor[warmUp:]...)
}

func (r *result) addCPU(s *scene, before, after []time.Duration, edits int) {
	for i, c := range s.children {
		if i == len(r.cpu) {
			r.cpu = append(r.cpu, CPU{Process: c.name})
		}
		r.cpu[i].Ms += ms(int64(after[i] - before[i]))
	}
	r.edits += edits
}

// rows makes the report's rows of a result: one for each line of its scene.
func (r *result) rows() []Row {
	var out []Row
	for i, times := range r.lines {
		row := Row{Name: r.row.name, What: r.row.what, Spread: spreadOf(times), Rounds: r.p50s[i], Floor: spreadOf(r.floor)}
		if i == 1 {
			row.Name, row.What = rowTwoHops, whatTwoHops
		}
		if row.Floor.P50 > 0 {
			row.Ratio = row.Spread.P50 / row.Floor.P50
		}
		for _, c := range r.cpu {
			row.CPU = append(row.CPU, CPU{c.Process, c.Ms / float64(r.edits)})
		}
		out = append(out, row)
	}
	return out
}

// spreadOf gives nearest-rank percentiles.
func spreadOf(times []int64) Spread {
	if len(times) == 0 {
		return Spread{}
	}
	sorted := slices.Sorted(slices.Values(times))
	rank := func(percent int) float64 { return ms(sorted[(len(sorted)*percent+99)/100-1]) }
	return Spread{P50: rank(50), P90: rank(90), P99: rank(99), Max: rank(100), Count: len(sorted)}
}

func ms(ns int64) float64 { return float64(ns) / float64(time.Millisecond) }

// aims compares the L2 rows with what they are made of; none if a part was not measured.
func aims(rows []Row) []Aim {
	find := func(name string) (Row, bool) {
		i := slices.IndexFunc(rows, func(r Row) bool { return r.Name == name })
		if i < 0 {
			return Row{}, false
		}
		return rows[i], true
	}
	pion, okPion := find(rowPion)
	hops, okHops := find(rowTwoHops)
	if !okPion || !okHops {
		return nil
	}
	var out []Aim
	for _, name := range []string{rowL2, rowL2Large} {
		r, ok := find(name)
		if !ok {
			continue
		}
		a := Aim{Row: name, Value: r.Spread.P50 / (pion.Spread.P50 + hops.Spread.P50), Most: mostL2}
		for i := range r.Rounds {
			a.Rounds = append(a.Rounds, r.Rounds[i]/(pion.Rounds[i]+hops.Rounds[i]))
		}
		out = append(out, a)
	}
	return out
}

// table is the report for people.
func (r Report) table() string {
	var b strings.Builder
	m := r.Machine
	fmt.Fprintf(&b, "%s, %d cores, %s, %s, %s\n", r.Begun.Format(time.RFC3339), m.Cores, m.Processor, m.OS, m.Go)
	fmt.Fprintf(&b, "load average before %v, after %v; %d keystrokes a second, %d for warming up\n\n",
		m.LoadBefore, m.LoadAfter, r.Rate, r.WarmUp)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "row\tp50\tp90\tp99\tmax\tcount\tp50 of each round\tfloor p50\tp99\tratio\t")
	for _, row := range r.Rows {
		s := row.Spread
		fmt.Fprintf(t, "%s\t%.3f\t%.3f\t%.3f\t%.3f\t%d\t%s\t%.3f\t%.3f\t%.2f\t\n", row.Name, s.P50, s.P90, s.P99, s.Max, s.Count,
			figures(row.Rounds), row.Floor.P50, row.Floor.P99, row.Ratio)
	}
	_ = t.Flush() // into memory
	b.WriteString("\nCPU, ms of one core for each keystroke:\n")
	t = tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range r.Rows {
		if row.Name == rowTwoHops {
			continue // the same processes as the hop's
		}
		fmt.Fprintf(t, "  %s\t%s\n", row.Name, processes(row.CPU))
	}
	_ = t.Flush()
	b.WriteString("\n")
	for _, a := range r.Aims {
		fmt.Fprintf(&b, "%s / (pion + two hops) = %.2f (rounds: %s); aim: at most %.1f\n", a.Row, a.Value, figures(a.Rounds), a.Most)
	}
	return b.String()
}

func figures(all []float64) string {
	var words []string
	for _, f := range all {
		words = append(words, fmt.Sprintf("%.3f", f))
	}
	return strings.Join(words, " ")
}

func processes(all []CPU) string {
	sum := 0.0
	var words []string
	for _, c := range all {
		sum += c.Ms
		words = append(words, fmt.Sprintf("%s %.2f", c.Process, c.Ms))
	}
	return fmt.Sprintf("%.2f = %s", sum, strings.Join(words, " + "))
}
