package crdt

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"earshot/internal/text"
)

func readGzip(t testing.TB, name string, into any) {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(z).Decode(into); err != nil {
		t.Fatal(err)
	}
}

// vectorPatch is [position, deleted, "inserted"].
type vectorPatch struct {
	pos, del int
	ins      string
}

func (p *vectorPatch) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&p.pos, &p.del, &p.ins})
}

type history struct {
	N    int
	Txns []struct {
		Span     [2]int
		Parents  []int
		Agent    string
		SeqStart uint32
		Ops      []vectorPatch
	}
	EndContent string
}

// replay builds the history in a Doc and in the oracle. In these histories an agent may work on two branches, which
// Earshot's never do, so each transaction gets an agent of its own, such that ties are broken alike.
func (h *history) replay(t *testing.T) (*Doc, *oracle) {
	t.Helper()
	d, o := New(""), newOracle("")
	for _, txn := range h.Txns {
		agent := Agent(txn.Agent[0])<<32 | Agent(txn.SeqStart)
		at := make(Frontier, len(txn.Parents))
		for i, p := range txn.Parents {
			at[i] = LV(p)
		}
		for _, op := range txn.Ops {
			after, _, err := d.Edit(agent, at, text.Patch{{Pos: op.pos, Del: op.del, Ins: op.ins}})
			if err != nil {
				t.Fatalf("history %d: %v", h.N, err)
			}
			o.addOp(agent, at, op)
			at = after
		}
		if got := d.Events(); got != txn.Span[1] {
			t.Fatalf("history %d: got %d events, want %d", h.N, got, txn.Span[1])
		}
	}
	return d, o
}

func (o *oracle) addOp(agent Agent, at Frontier, op vectorPatch) {
	parents := make([]int, len(at))
	for i, lv := range at {
		parents[i] = int(lv)
	}
	add := func(e oracleEvent) {
		e.parents, e.id = parents, ID{agent, o.nextSeq(agent)}
		o.add(e)
		parents = []int{len(o.events) - 1}
	}
	for range op.del {
		add(oracleEvent{pos: op.pos})
	}
	for i, c := range []rune(op.ins) {
		add(oracleEvent{insert: true, pos: op.pos + i, char: c})
	}
}

func (o *oracle) nextSeq(a Agent) uint32 {
	for i := len(o.events) - 1; i >= 0; i-- {
		if o.events[i].id.Agent == a {
			return o.events[i].id.Seq + 1
		}
	}
	return 0
}

// TestHistories: the FugueMax order, as 601 histories of three authors have it (one of them tells it from Fugue).
func TestHistories(t *testing.T) {
	var all []history
	readGzip(t, "histories.json.gz", &all)
	if len(all) != 601 {
		t.Fatalf("got %d histories, want 601", len(all))
	}
	for _, h := range all {
		d, o := h.replay(t)
		if got := d.Text().String(); got != h.EndContent {
			t.Errorf("history %d: got %q, want %q", h.N, got, h.EndContent)
		}
		if got := string(o.text); got != h.EndContent {
			t.Errorf("history %d: the oracle got %q, want %q", h.N, got, h.EndContent)
		}
		loaded, err := Load(d.Snapshot())
		if err != nil {
			t.Fatalf("history %d: %v", h.N, err)
		}
		if got := loaded.Text().String(); got != h.EndContent {
			t.Errorf("history %d loaded: got %q, want %q", h.N, got, h.EndContent)
		}
	}
}

type graphVector struct {
	Hist []struct {
		Span    [2]LV
		Parents []LV
	}
	A, B             Frontier
	ExpectA, ExpectB [][2]LV
	Frontier         Frontier
	Target           int
	Expected         bool
	ExpectSpans      []vectorSpan
	ExpectCommon     Frontier
}

type vectorSpan struct {
	span struct{ Start, End LV }
	side string
}

func (s *vectorSpan) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&s.span, &s.side})
}

// eachVector calls f for each line of a file of vectors, with its graph.
func eachVector(t *testing.T, name string, f func(g *graph, v graphVector)) {
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	// encoding/json matches names without their case, not without their underscores.
	lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(string(b), "expect_", "expect")), "\n")
	for _, line := range lines {
		var v graphVector
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		g := &graph{}
		for _, run := range v.Hist {
			g.push(run.Parents, run.Span[1]-run.Span[0])
		}
		f(g, v)
	}
}

func stretches(pairs [][2]LV) (list []stretch) {
	for _, p := range pairs {
		list = appendDown(list, stretch{p[0], p[1]})
	}
	return list
}

// TestGraphDiff: which events are in one history only.
func TestGraphDiff(t *testing.T) {
	eachVector(t, "diff.json", func(g *graph, v graphVector) {
		a, b := g.diff(v.A, v.B)
		if want := stretches(v.ExpectA); !slices.Equal(a, want) {
			t.Errorf("%v, %v: got %v in the first alone, want %v", v.A, v.B, a, want)
		}
		if want := stretches(v.ExpectB); !slices.Equal(b, want) {
			t.Errorf("%v, %v: got %v in the second alone, want %v", v.A, v.B, b, want)
		}
	})
}

// TestGraphContains: -1 is the root, which is in every history.
func TestGraphContains(t *testing.T) {
	eachVector(t, "version_contains.json", func(g *graph, v graphVector) {
		d := &Doc{log: oplog{graph: *g}}
		var target Frontier
		if v.Target >= 0 {
			target = Frontier{LV(v.Target)}
		}
		if got := d.Contains(v.Frontier, target); got != v.Expected {
			t.Errorf("%v contains %d: got %t, want %t", v.Frontier, v.Target, got, v.Expected)
		}
	})
}

// TestGraphConflicting: the vectors name, for two versions, a common one and what lies between. We need no such
// function; what they say must follow from diff.
func TestGraphConflicting(t *testing.T) {
	eachVector(t, "conflicting.json", func(g *graph, v graphVector) {
		sides := map[string][]stretch{}
		for _, s := range slices.Backward(v.ExpectSpans) {
			sides[s.side] = appendDown(sides[s.side], stretch{s.span.Start, s.span.End})
		}
		a, b := g.diff(v.A, v.B)
		if !slices.Equal(a, sides["OnlyA"]) || !slices.Equal(b, sides["OnlyB"]) {
			t.Errorf("%v, %v: got %v and %v, want %v", v.A, v.B, a, b, sides)
		}
		for _, version := range []Frontier{v.A, v.B} {
			zone, missing := g.diff(version, v.ExpectCommon)
			if len(missing) > 0 {
				t.Errorf("%v lacks %v of %v", version, missing, v.ExpectCommon)
			}
			for _, s := range sides["Shared"] {
				if !slices.ContainsFunc(zone, func(z stretch) bool { return z.from <= s.from && s.to <= z.to }) {
					t.Errorf("%v: %v is not between it and %v, which is %v", version, s, v.ExpectCommon, zone)
				}
			}
		}
	})
}
