package crdt

import "earshot/internal/text"

// Rebuild makes the text at the head anew, from the base and the events alone, and reports whether the text that was there
// was another one. What only saves time is thrown away: the tracker, and all marks but the root. Frontiers stay valid, and
// ropes that were taken from Text stay what they are. On an error, one of Load's, the events themselves are damaged and
// nothing is changed.
//
// It costs as much as opening the document: it is for a replica that was found to differ from another one.
func (d *Doc) Rebuild() (changed bool, err error) {
	fresh, err := Load(d.Snapshot())
	if err != nil {
		return false, err
	}
	changed = !fresh.text.Equal(d.text)
	d.text = fresh.text
	root := *d.marks[0]
	root.text = text.New(d.Base()) // shared with nothing that may be what was damaged
	d.marks = []*mark{&root}
	d.tracker = nil
	return changed, nil
}
