package sim

import "slices"

// Shrink cuts a failing plan down: it leaves out actions, in halves, quarters and so on, as long as what is left still
// fails, within a budget of runs (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002).
func Shrink(p Plan, budget int) Plan {
	fails := func(q Plan) bool {
		budget--
		return Run(q).Err != nil
	}
	for size := len(p.Actions) / 2; size >= 1 && budget > 0; {
		cut := false
		for from := 0; from < len(p.Actions) && budget > 0; {
			q := p
			q.Actions = slices.Delete(slices.Clone(p.Actions), from, min(from+size, len(p.Actions)))
			if fails(q) {
				p, cut = q, true
				continue
			}
			from += size
		}
		if !cut || size > 1 {
			size /= 2
		}
	}
	return p
}
