package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is what one invocation found: the JSON that it writes.
type Report struct {
	Begun    time.Time `json:"begun"`
	Command  string    `json:"command"`
	Machine  Machine   `json:"machine"`
	Rounds   int       `json:"rounds"`
	BudgetMs float64   `json:"budgetMs"` // of each pass
	Edits    int       `json:"edits"`    // of each trace; 0 for all
	Peers    []Peer    `json:"peers"`
	Rows     []Row     `json:"rows"`
	Aim      *Aim      `json:"aim,omitempty"`
}

// Row is one library's at one work on one trace. Figures are medians of the rounds, field by field; if Extrapolated, the
// totals in it are stretched to the whole trace (Rounds hold what was measured). Note says what went wrong.
type Row struct {
	Trace        string `json:"trace"`
	Work         Work   `json:"work"`
	Library      string `json:"library"`
	Right        bool   `json:"textRight"` // in every round, after as many edits as were made
	Extrapolated bool   `json:"extrapolated"`
	Note         string `json:"note,omitempty"`
	Figures      Cell   `json:"figures"`
	Rounds       []Cell `json:"rounds"`
}

// Aim is the project's: on friendsforever, live, at least Least times faster in total than Yjs, a message at most so
// many microseconds. Rounds are the ratio in each, First that of new processes.
type Aim struct {
	Ratio  float64   `json:"ratioToYjs"`
	Told   float64   `json:"ratioWhenTold"` // what both are told of, too
	Rounds []float64 `json:"rounds"`
	First  float64   `json:"ratioOfFirstPass"`
	P50Us  float64   `json:"p50Us"`
	P99Us  float64   `json:"p99Us"`
	Least  float64   `json:"leastRatio"`
	MaxP50 float64   `json:"mostP50Us"`
	MaxP99 float64   `json:"mostP99Us"`
}

// The aims.
const (
	leastRatio = 30
	mostP50Us  = 1
	mostP99Us  = 5
)

// sum makes the figures of a row's rounds.
func (r *Row) sum() {
	r.Right = r.Note == "" && len(r.Rounds) > 0
	if len(r.Rounds) == 0 {
		return
	}
	whole := make([]Cell, len(r.Rounds))
	for i, c := range r.Rounds {
		whole[i] = c.whole()
		r.Extrapolated = r.Extrapolated || c.Done < c.Total
	}
	of := func(field func(c Cell) float64) float64 {
		var values []float64
		for _, c := range whole {
			values = append(values, field(c))
		}
		return median(values)
	}
	r.Figures = Cell{
		Done:  slices.MinFunc(whole, func(a, b Cell) int { return a.Done - b.Done }).Done,
		Total: whole[0].Total, TextSHA256: whole[0].TextSHA256,
		Bytes:  int(of(func(c Cell) float64 { return float64(c.Bytes) })),
		WallMs: of(func(c Cell) float64 { return c.WallMs }), CPUMs: of(func(c Cell) float64 { return c.CPUMs }),
		FirstMs: of(func(c Cell) float64 { return c.FirstMs }),
		P50Us:   of(func(c Cell) float64 { return c.P50Us }), P99Us: of(func(c Cell) float64 { return c.P99Us }),
		MaxUs: of(func(c Cell) float64 { return c.MaxUs }), TextMs: of(func(c Cell) float64 { return c.TextMs }),
		LoadMs: of(func(c Cell) float64 { return c.LoadMs }), SaveMs: of(func(c Cell) float64 { return c.SaveMs }),
		FirstLoadMs: of(func(c Cell) float64 { return c.FirstLoadMs }),
		FirstSaveMs: of(func(c Cell) float64 { return c.FirstSaveMs }),
		HeapBytes:   of(func(c Cell) float64 { return c.HeapBytes }), ClockNs: of(func(c Cell) float64 { return c.ClockNs }),
	}
}

func (r Report) row(trace string, work Work, library string) *Row {
	i := slices.IndexFunc(r.Rows, func(row Row) bool {
		return row.Trace == trace && row.Work == work && row.Library == library && len(row.Rounds) > 0
	})
	if i < 0 {
		return nil
	}
	return &r.Rows[i]
}

// aim is nil if ours and Yjs were not both measured.
func (r Report) aim() *Aim {
	us, them := r.row(friendsforever, Live, ours), r.row(friendsforever, Live, yjs)
	if us == nil || them == nil {
		return nil
	}
	a := &Aim{
		Ratio: them.Figures.WallMs / us.Figures.WallMs, First: them.Figures.FirstMs / us.Figures.FirstMs,
		P50Us: us.Figures.P50Us, P99Us: us.Figures.P99Us, Least: leastRatio, MaxP50: mostP50Us, MaxP99: mostP99Us,
	}
	if us, them := r.row(friendsforever, Told, ours), r.row(friendsforever, Told, yjs); us != nil && them != nil {
		a.Told = them.Figures.WallMs / us.Figures.WallMs
	}
	for i := range min(len(us.Rounds), len(them.Rounds)) {
		a.Rounds = append(a.Rounds, them.Rounds[i].whole().WallMs/us.Rounds[i].whole().WallMs)
	}
	return a
}

// ours is an error if a text of ours was wrong, or a cell of ours failed.
func (r Report) ours() error {
	for _, row := range r.Rows {
		if row.Library == ours && !row.Right {
			return fmt.Errorf("%s, %s, %s: %s", row.Library, row.Work, row.Trace, row.Note)
		}
	}
	return nil
}

// tables are the report for people.
func (r Report) tables() string {
	var b strings.Builder
	m := r.Machine
	fmt.Fprintf(&b, "%s, %d cores, %s, %s, %s, Node %s\n", r.Begun.Format(time.RFC3339), m.Cores, m.Processor, m.OS, m.Go, m.Node)
	fmt.Fprintf(&b, "load average before %s, after %s; medians of %d rounds\n", m.LoadBefore, m.LoadAfter, r.Rounds)
	for _, p := range r.Peers {
		fmt.Fprintf(&b, "  %s: %s %s, %s\n", p.Library, p.Package, p.Version, p.Licence)
	}
	r.table(&b, Live, "live: each message decoded from bytes and merged, one by one; ours also says what changed")
	r.table(&b, Told, "told: the same, and each time what changed in the text, as an editor needs it")
	r.table(&b, Local, "local: a transaction and its message for each edit")
	r.table(&b, File, "file: loaded to where its text is in hand; saved after one edit more")
	if r.Aim != nil {
		b.WriteString("\n" + r.Aim.line())
	}
	return b.String()
}

const (
	timedHead = "trace\tlibrary\tms\tof ours\tCPU ms\tfirst ms\tp50 µs\tp99 µs\tbytes each\ttext\t\n"
	fileHead  = "trace\tlibrary\tbytes\tsave ms\tload ms\tof ours\tfirst load ms\tmemory KiB\ttext\t\n"
)

func (r Report) table(b *strings.Builder, work Work, title string) {
	rows := slices.DeleteFunc(slices.Clone(r.Rows), func(row Row) bool { return row.Work != work })
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n\n", title)
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	head, write := timedHead, Row.timed
	if work == File {
		head, write = fileHead, Row.file
	}
	_, _ = io.WriteString(t, head) // into memory, like the rest
	for _, row := range rows {
		fmt.Fprintf(t, "%s\t%s\t%s\t\n", row.Trace, row.Library, write(row, r.row(row.Trace, work, ours)))
	}
	_ = t.Flush()
	for _, row := range rows {
		switch f := row.Figures; {
		case row.Note != "":
			fmt.Fprintf(b, "%s, %s: %s\n", row.Trace, row.Library, row.Note)
		case row.Extrapolated:
			fmt.Fprintf(b, "~ %s, %s: extrapolated from %d of %d edits; p50 and p99 are of edits made in the same time\n",
				row.Trace, row.Library, f.Done, f.Total)
		}
	}
}

func (r Row) timed(us *Row) string {
	if len(r.Rounds) == 0 {
		return strings.Repeat("–\t", 7) + r.verdict()
	}
	f, mark := r.Figures, ""
	if r.Extrapolated {
		mark = "~"
	}
	return fmt.Sprintf("%s%.1f\t%s\t%s%.1f\t%s%.1f\t%.2f\t%.2f\t%.1f\t%s", mark, f.WallMs,
		ratio(f, us, func(c Cell) float64 { return c.WallMs }), mark, f.CPUMs, mark, f.FirstMs, f.P50Us, f.P99Us,
		float64(f.Bytes)/float64(f.Total), r.verdict())
}

func (r Row) file(us *Row) string {
	if len(r.Rounds) == 0 {
		return strings.Repeat("–\t", 6) + r.verdict()
	}
	f := r.Figures
	return fmt.Sprintf("%d\t%.2f\t%.2f\t%s\t%.2f\t%.0f\t%s", f.Bytes, f.SaveMs, f.LoadMs,
		ratio(f, us, func(c Cell) float64 { return c.LoadMs }), f.FirstLoadMs, f.HeapBytes/1024, r.verdict())
}

// ratio says how many times ours a figure is.
func ratio(f Cell, us *Row, field func(Cell) float64) string {
	if us == nil {
		return "–"
	}
	return fmt.Sprintf("×%.1f", field(f)/field(us.Figures))
}

func (r Row) verdict() string {
	switch {
	case r.Right && r.Extrapolated:
		return "right so far"
	case r.Right:
		return "right"
	}
	return "see below"
}

func (a Aim) line() string {
	var rounds []string
	for _, v := range a.Rounds {
		rounds = append(rounds, fmt.Sprintf("%.1f", v))
	}
	return fmt.Sprintf("%s, live: %.1f × faster than Yjs (rounds: %s; first passes %.1f; told %.1f), aim at least %d; "+
		"p50 %.2f µs, aim at most %d; p99 %.2f µs, aim at most %d\n", friendsforever, a.Ratio, strings.Join(rounds, " "), a.First, a.Told,
		leastRatio, a.P50Us, mostP50Us, a.P99Us, mostP99Us)
}
