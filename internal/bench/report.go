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
	VSCode  *Windows  `json:"vscode,omitempty"`
}

// Row is one figure over all rounds, and what was measured beside it in the same seconds, the floor first. Ratio is the
// row's median divided by the floor's. Aim is set for those that have one.
type Row struct {
	Name string `json:"name"`
	What string `json:"what"`
	Figure
	Ratio  float64  `json:"ratioToFloor"`
	Beside []Figure `json:"beside"`
	CPU    []CPU    `json:"cpu,omitempty"`
	Aim    *Aim     `json:"aim,omitempty"`
}

// Figure is the spread of one line, Rounds the median of each round. Of is the name of the line.
type Figure struct {
	Of     string    `json:"of"`
	Spread Spread    `json:"spread"`
	Rounds []float64 `json:"rounds"`
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

// Aim is a row's median divided by those of bare pion and two hops together, all of the same seconds; at most Most is aimed
// at. Nothing fails where it is more.
type Aim struct {
	Value  float64   `json:"value"`
	Rounds []float64 `json:"rounds"`
	Most   float64   `json:"most"`
}

// mostL2 is the aim of the project for L2.
const mostL2 = 1.2

// result gathers the rounds of one row: the lines of its own scene, then those beside it.
type result struct {
	row   row
	own   int // how many lines are its own
	lines [][]int64
	p50s  [][]float64
	cpu   []CPU // sums until rows divides them
	edits int
}

func newResult(r row) *result { return &result{row: r} }

// add takes one round's latencies; the first warmUp don't count.
func (r *result) add(lines [][]int64, warmUp int) {
	for i, times := range lines {
		if i == len(r.lines) {
			r.lines, r.p50s = append(r.lines, nil), append(r.p50s, nil)
		}
		r.lines[i] = append(r.lines[i], times[warmUp:]...)
		r.p50s[i] = append(r.p50s[i], spreadOf(times[warmUp:]).P50)
	}
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
	figures := r.figures()
	own, beside := figures[:r.own], figures[r.own:]
	var out []Row
	for _, f := range own {
		row := Row{Name: f.Of, What: r.row.what, Figure: f, Ratio: f.Spread.P50 / beside[0].Spread.P50, Beside: beside}
		if f.Of == rowTwoHops {
			row.What = whatTwoHops
		}
		for _, c := range r.cpu {
			row.CPU = append(row.CPU, CPU{c.Process, c.Ms / float64(r.edits)})
		}
		row.Aim = aimOf(f, beside)
		out = append(out, row)
	}
	return out
}

// figures names the lines: a hop's scene has two.
func (r *result) figures() []Figure {
	names := linesOf(r.row.name)
	for _, other := range append([]string{rowFloor}, r.row.beside...) {
		names = append(names, linesOf(other)...)
	}
	out := make([]Figure, len(r.lines))
	for i, times := range r.lines {
		out[i] = Figure{Of: names[i], Spread: spreadOf(times), Rounds: r.p50s[i]}
	}
	return out
}

func linesOf(row string) []string {
	if row == rowHop {
		return []string{rowHop, rowTwoHops}
	}
	return []string{row}
}

// aimOf compares a figure with what it is made of; nil if that was not measured beside it.
func aimOf(f Figure, beside []Figure) *Aim {
	pion := slices.IndexFunc(beside, func(f Figure) bool { return f.Of == rowPion })
	hops := slices.IndexFunc(beside, func(f Figure) bool { return f.Of == rowTwoHops })
	if pion < 0 || hops < 0 {
		return nil
	}
	least := func(f func(Figure) float64) float64 { return f(beside[pion]) + f(beside[hops]) }
	a := &Aim{Value: f.Spread.P50 / least(func(f Figure) float64 { return f.Spread.P50 }), Most: mostL2}
	for i, p50 := range f.Rounds {
		a.Rounds = append(a.Rounds, p50/least(func(f Figure) float64 { return f.Rounds[i] }))
	}
	return a
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

// table is the report for people.
func (r Report) table() string {
	var b strings.Builder
	m := r.Machine
	fmt.Fprintf(&b, "%s, %d cores, %s, %s, %s\n", r.Begun.Format(time.RFC3339), m.Cores, m.Processor, m.OS, m.Go)
	fmt.Fprintf(&b, "load average before %v, after %v; %d keystrokes a second, %d for warming up; ",
		m.LoadBefore, m.LoadAfter, r.Rate, r.WarmUp)
	b.WriteString("milliseconds; beside each row, in the same seconds, the floor\n\n")
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "row\tp50\tp90\tp99\tmax\tcount\tp50 of each round\tfloor p50\tfloor p99\tratio\t")
	for _, row := range r.Rows {
		s, floor := row.Spread, row.Beside[0].Spread
		fmt.Fprintf(t, "%s\t%.3f\t%.3f\t%.3f\t%.3f\t%d\t%s\t%.3f\t%.3f\t%.2f\t\n", row.Name, s.P50, s.P90, s.P99, s.Max, s.Count,
			figures(row.Rounds), floor.P50, floor.P99, row.Ratio)
	}
	_ = t.Flush() // into memory
	b.WriteString("\nCPU, ms of one core for each keystroke:\n")
	t = tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range r.Rows {
		if row.Name != rowTwoHops { // the same processes as the hop's
			fmt.Fprintf(t, "  %s\t%s\n", row.Name, processes(row.CPU))
		}
	}
	_ = t.Flush()
	b.WriteString("\n")
	for _, row := range r.Rows {
		if row.Aim != nil {
			b.WriteString(row.aimLine())
		}
	}
	if r.VSCode != nil {
		b.WriteString(r.VSCode.table())
	}
	return b.String()
}

// aimLine says how a row stands to its aim, with what it was divided by.
func (r Row) aimLine() string {
	var parts []string
	for _, f := range r.Beside {
		if f.Of == rowPion || f.Of == rowTwoHops {
			parts = append(parts, fmt.Sprintf("%s %.3f", f.Of, f.Spread.P50))
		}
	}
	return fmt.Sprintf("%s %.3f / (%s) = %.2f (rounds: %s); aim: at most %.1f\n", r.Name, r.Spread.P50, strings.Join(parts, " + "),
		r.Aim.Value, figures(r.Aim.Rounds), r.Aim.Most)
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
