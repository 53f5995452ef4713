package session

import (
	"slices"
	"time"

	"earshot/internal/crdt"
)

// past is a version that a host's buffer has left. An editor writes its file while its person types on, and says so afterwards: what
// the disk holds then is what the buffer held a moment before. Taken for a change of the buffer as it is now, it would delete
// what was typed since.
type past struct {
	at   crdt.Frontier
	left time.Time
}

const (
	// pastFor is how long an editor may take to write a file.
	pastFor = 10 * time.Second
	// maxPast versions are remembered: a key held down for that long makes 400.
	maxPast = 512
)

// leaves notes the version that the buffer is about to leave.
func (m *mirror) leaves(now time.Time) {
	if !m.doc.session.host || m.doc.untitled != "" || isSessionURI(m.key) || m.skewed() || m.astray {
		return
	}
	if len(m.past) >= 2*maxPast {
		m.past = slices.Delete(m.past, 0, len(m.past)-maxPast)
	}
	m.past = append(m.past, past{slices.Clone(m.at), now})
}

// wrote finds the version with exactly this text which the buffer held a moment ago, and which came after the one that the disk held
// before.
func (m *mirror) wrote(s string, now time.Time) (crdt.Frontier, bool) {
	d := m.doc
	for _, p := range slices.Backward(m.past[max(0, len(m.past)-maxPast):]) {
		if now.Sub(p.left) > pastFor || !d.text.Contains(p.at, d.diskAt.at) {
			break
		}
		if r := d.text.TextAt(p.at); r.Size() == len(s) && r.String() == s {
			return p.at, true
		}
	}
	return nil, false
}

// forgetPast lets go of versions that the history no longer has.
func (m *mirror) forgetPast(first crdt.LV) {
	m.past = slices.DeleteFunc(m.past, func(p past) bool {
		return first > 0 && (len(p.at) == 0 || slices.Min(p.at) < first)
	})
}
