package crdt

import (
	"math/bits"

	"earshot/internal/text"
)

// mark is a version that a tracker can begin at: every event is either in its history or builds on it. Its text
// is kept (a copy on write), for a Diff that shows deleted characters again, where that is likely to be asked for; else it is
// made again from an older mark's.
type mark struct {
	upto   LV         // the mark's history is all events before
	text   *text.Rope // nil: not known yet, or not kept
	made   bool       // the change that makes the mark is applied
	length uint32     // of the text
	runs   int        // ops in the log when the mark was made
	bytes  int        // and content
	serial uint
}

const (
	// markEvery is how many runs go by until the next mark. A concurrent event costs, once, the replay of the
	// runs since some mark: 256 of them take some 50 µs. A mark costs the copies of the 10 to 20 leaves of text
	// that change until the next one.
	markEvery = 256
	// markEvents and markBytes likewise: few runs may hold much. A log that is full has 128 marks for each, of which keepTexts
	// and one in sparseTexts have a text: five.
	markEvents = 1 << 20
	markBytes  = 1 << 20
	// markDensity is how many marks are kept for each doubling of their age: 8·log2(n) in all, 70 for a
	// history of 100,000 runs, so that going back costs at most about 1.25 times what it must.
	markDensity = 8
	// patience is how many runs a tracker may hold before it begins anew at a later mark, if one serves.
	patience = 4096
	// keepTexts newest marks have their texts, and older ones whose number a multiple of sparseTexts is: each holds what
	// was changed until the next one, so that all would take more than the log. To make one again takes as much as to
	// replay the runs since one that is there: 16,384 at most, which take some 5 ms.
	keepTexts   = 3
	sparseTexts = 64
)

// MarkEvery sets after how many runs, at the latest, a version is noted that may become the oldest one; markEvery if that is
// less.
func (d *Doc) MarkEvery(runs int) { d.limits.markEvery = min(markEvery, max(1, runs)) }

// pendingMarks returns the marks whose text is not known yet, which are the last ones.
func (d *Doc) pendingMarks() []*mark {
	n := len(d.marks)
	for n > 0 && !d.marks[n-1].made {
		n--
	}
	return d.marks[n:]
}

// apply notes the text of a mark.
func (m *mark) apply(at *text.Rope) { m.text, m.made = at.Clone(), true }

// textOf returns the text of a mark.
func (d *Doc) textOf(m *mark) *text.Rope {
	if m.text != nil {
		return m.text
	}
	k := len(d.marks) - 1
	for d.marks[k].text == nil || d.marks[k].upto > m.upto {
		k--
	}
	t := newTracker(&d.log, d.marks[k])
	r := d.marks[k].text.Clone()
	var effects []effect
	t.runTo(m.upto, &effects)
	for _, e := range effects {
		r.Replace(int(e.pos), int(e.del), string(d.log.content[e.off:e.off+e.size]))
	}
	m.text = r
	return r
}

// mark makes the head, whose text has the given length, a mark, without its text, if it can be one and the last one is some
// way back, by whatever is counted.
func (d *Doc) mark(length uint32) {
	last := d.marks[len(d.marks)-1]
	l := &d.log
	due := len(l.ops)-last.runs >= d.limits.markEvery || d.untilMark() <= 0
	if due && len(d.Head()) == 1 {
		d.marks = append(d.marks, &mark{upto: d.Head().last(), length: length, runs: len(l.ops), bytes: len(l.content), serial: last.serial + 1})
	}
}

// untilMark returns how many more events or bytes may come, however few runs they are, until a mark is due.
func (d *Doc) untilMark() int {
	last := d.marks[len(d.marks)-1]
	return min(markEvents-int(d.log.graph.size()-last.upto), markBytes-(len(d.log.content)-last.bytes))
}

// dropMarks forgets the marks that an event whose newest parent is before upto has made concurrent to itself.
func (d *Doc) dropMarks(upto LV) {
	n := len(d.marks)
	for d.marks[n-1].upto > upto {
		n--
	}
	if n < len(d.marks) {
		d.marks = d.marks[:n:n] // what follows stays as it is for change.undo
	}
}

// thinMarks keeps old marks the sparser the older they are.
func (d *Doc) thinMarks() {
	newest := d.marks[len(d.marks)-1].serial
	kept := d.marks[:1:1]
	for _, m := range d.marks[1:] {
		if newest-m.serial < markDensity<<bits.TrailingZeros(m.serial) {
			kept = append(kept, m)
		}
		if newest-m.serial >= keepTexts && m.serial%sparseTexts > 0 {
			m.text = nil
		}
	}
	d.marks = kept
}

// markBefore returns the newest mark that is in the history of all versions that end at upto or later.
func (d *Doc) markBefore(upto LV) *mark {
	n := len(d.marks) - 1
	for d.marks[n].upto > upto {
		n--
	}
	return d.marks[n]
}

// trackerFrom returns the tracker, up to date, with a base that is in the history of every version that has
// an event from upto-1 on; upto is 0 for the root.
func (d *Doc) trackerFrom(upto LV) *tracker {
	m, t := d.markBefore(upto), d.tracker
	if t == nil || t.mark.upto > upto || d.outgrown(t, m) {
		d.tracker = newTracker(&d.log, m)
		d.tracker.begun = len(d.log.ops) - m.runs
	}
	d.tracker.catchUp()
	return d.tracker
}

// outgrown reports whether a tracker holds much that one begun at m would not. What was asked for last is
// likely to be asked for again, so a tracker that had to go back far is left there until it has doubled.
func (d *Doc) outgrown(t *tracker, m *mark) bool {
	window, needed := len(d.log.ops)-t.mark.runs, len(d.log.ops)-m.runs
	return window > max(d.limits.patience, 2*t.begun) && needed < window/4
}
