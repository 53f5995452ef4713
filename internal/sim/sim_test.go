package sim

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"earshot/internal/fakeeditor"
)

var (
	seedFlag  = flag.Uint64("sim.seed", 0, "run this seed alone")
	planFlag  = flag.String("sim.plan", "", "run this plan (JSON) alone")
	stepsFlag = flag.Int("sim.steps", 120_000, "engine steps of a run")
)

var starts = []string{
	"", "one line without an end", "first\nsecond\nthird\n", "win\r\ndows\r\n", "🙂 emoji 🎉\né́ combining\n",
	strings.Repeat("a longer line of text to edit in\n", 40),
}

// draw makes a plan from a seed.
func draw(seed uint64) Plan {
	rng := rand.New(rand.NewPCG(seed, 0x91a2))
	p := Plan{Seed: seed, Start: starts[rng.IntN(len(starts))], Repeats: rng.IntN(5) == 0}
	kinds := 5
	for i := range 2 + rng.IntN(3) {
		node := i
		if i > 1 {
			node = rng.IntN(4)
		}
		p.Seats = append(p.Seats, SeatPlan{Node: min(node, 2), Kind: fakeeditor.Kind(rng.IntN(kinds))})
	}
	at := 0
	for range 40 + rng.IntN(120) {
		at += rng.IntN(60)
		p.Actions = append(p.Actions, drawAction(rng, at, p.Repeats))
	}
	return p
}

func drawAction(rng *rand.Rand, at int, repeats bool) Action {
	a := Action{AtMs: at, Seat: rng.IntN(8), At: rng.Float64(), N: 1 + rng.IntN(4), Do: Type}
	switch n := rng.IntN(100); {
	case n < 5:
		a.Do = Undo
	case n < 8:
		a.Do = Redo
	case n < 60:
		a.Text = []string{"", "", "", "\n", "x", "🙂", "ab\ncd"}[rng.IntN(7)]
		if repeats {
			a.Text = []string{"a", "a", "aa", "ab", "\n"}[rng.IntN(5)]
			a.At = float64(rng.IntN(3)) / 2
		}
	case n < 85:
		a.Do, a.N = Delete, 1+rng.IntN(6)
	case n < 88:
		a.Do, a.N = Crash, rng.IntN(2000)
	case n < 91:
		a.Do = Break
	case n < 94:
		a.Do = Reopen
	case n < 96:
		a.Do = Save
	case n < 97:
		a.Do = Disk
	default:
		a.At = []float64{0, 1}[rng.IntN(2)]
		if repeats {
			a.Text = "a"
		}
	}
	return a
}

// TestWorlds lives through histories until enough steps are done.
func TestWorlds(t *testing.T) {
	if *seedFlag != 0 {
		runPlan(t, draw(*seedFlag), true)
		return
	}
	if *planFlag != "" {
		var p Plan
		if err := json.Unmarshal([]byte(*planFlag), &p); err != nil {
			t.Fatal(err)
		}
		runPlan(t, p, true)
		return
	}
	first := uint64(1)
	steps, worlds := 0, 0
	for seed := first; steps < *stepsFlag; seed++ {
		before := time.Now()
		steps += runPlan(t, draw(seed), false)
		if d := time.Since(before); d > 2*time.Second {
			t.Logf("seed %d took %v", seed, d)
		}
		worlds++
		if t.Failed() {
			return
		}
	}
	t.Logf("%d worlds from seed %d, %d steps", worlds, first, steps)
}

// TestDamagedCopies lives through histories in which one copy of the text becomes another, at any moment: at rest all are
// equal, and where the character was still there each side has counted one difference.
func TestDamagedCopies(t *testing.T) {
	steps, healed, worlds := 0, 0, 0
	for seed := uint64(1); steps < *stepsFlag/4; seed++ {
		p := draw(seed)
		rng := rand.New(rand.NewPCG(seed, 0xda3a))
		p.Actions = slices.DeleteFunc(p.Actions, func(a Action) bool { // what is saved meanwhile comes back as the disk's own change
			return a.Do == Save || a.Do == Disk
		})
		i := rng.IntN(len(p.Actions))
		d := Action{AtMs: p.Actions[i].AtMs, Seat: rng.IntN(8), Do: Damage, At: rng.Float64()}
		p.Actions = slices.Insert(p.Actions, i, d)
		n := runPlan(t, p, false)
		if t.Failed() {
			return
		}
		if got := Run(p).Healed; got != 0 && got != 2 {
			t.Errorf("seed %d: %d differences were counted, want one at each side or none", seed, got)
		} else if got == 2 {
			healed++
		}
		steps += n
		worlds++
	}
	if healed < worlds/3 {
		t.Errorf("in %d of %d worlds a difference was counted: the damage is not felt", healed, worlds)
	}
	t.Logf("%d worlds, %d of them healed, %d steps", worlds, healed, steps)
}

func runPlan(t *testing.T, p Plan, verbose bool) int {
	t.Helper()
	r := Run(p)
	if r.Err == nil {
		return r.Steps
	}
	small := Shrink(p, 200)
	again := Run(small)
	t.Errorf("seed %d: %v\ncut down to %d actions: %v\n%s", p.Seed, r.Err, len(small.Actions), again.Err, small)
	if verbose {
		fmt.Println(strings.Join(again.Log, "\n"))
	}
	return r.Steps
}

func TestSameSeedSameHistory(t *testing.T) {
	for seed := uint64(1); seed < 4; seed++ {
		one, other := Run(draw(seed)), Run(draw(seed))
		if got, want := strings.Join(one.Log, "\n"), strings.Join(other.Log, "\n"); got != want || one.Steps != other.Steps {
			t.Errorf("seed %d gave two histories", seed)
		}
	}
}

// TestNames lives through histories in which the file gets other names, and is deleted, while people type, save, break off and come
// back: nothing that was typed is lost, and what was saved is under the name that there is.
func TestNames(t *testing.T) {
	steps, worlds, renamed := 0, 0, 0
	for seed := uint64(1); steps < *stepsFlag/2; seed++ {
		p := draw(seed)
		rng := rand.New(rand.NewPCG(seed, 0x7a3e))
		for i := range p.Seats { // a host's editor has it open as a file, which then is not renamed
			p.Seats[i].Node = 1 + p.Seats[i].Node%2
		}
		for range 2 + rng.IntN(8) {
			i := rng.IntN(len(p.Actions))
			a := Action{AtMs: p.Actions[i].AtMs, Seat: rng.IntN(8), Do: Rename, N: rng.IntN(len(names))}
			if rng.IntN(5) == 0 {
				a.Do = Remove
			}
			p.Actions = slices.Insert(p.Actions, i, a)
			if rng.IntN(2) == 0 { // at the same moment
				p.Actions = slices.Insert(p.Actions, i+1, Action{AtMs: a.AtMs, Seat: rng.IntN(8), Do: Save})
			}
		}
		n := runPlan(t, p, false)
		if t.Failed() {
			return
		}
		renamed += Run(p).Renamed
		steps += n
		worlds++
	}
	if renamed < worlds {
		t.Errorf("%d renamings and deletions in %d worlds", renamed, worlds)
	}
	t.Logf("%d worlds, %d renamings and deletions, %d steps", worlds, renamed, steps)
}
