package session

import (
	"slices"
	"strings"
	"time"

	"earshot/internal/crdt"
	"earshot/internal/text"
	"earshot/protocol"
)

// bufferSave is a host's editor's being asked to save its buffer, because a guest saves. Written under an unsaved buffer, the
// file would be a conflict in that editor; written by it, its formatters and its undo know of it.
type bufferSave struct {
	doc   *document
	conn  protocol.ConnID
	call  uint64
	since time.Time
	tries int
	waits bool // for the buffer to hold what is to be saved
	who   []bufferSaver
}

// bufferSaver waits for the disk to hold at least a version.
type bufferSaver struct {
	at   crdt.Frontier
	then func(*protocol.Error)
}

const (
	// BufferSaveWait: an editor that has not saved for this long, be it busy with a formatter, is not waited for: the daemon writes.
	BufferSaveWait = 5 * time.Second
	// bufferSaveTries: so often an editor that wrote what was there before the guest's last keys is asked again.
	bufferSaveTries = 4
)

// saveByEditor has a host's editor save, if one asked for that has the document open; false if none.
func (e *Engine) saveByEditor(d *document, then func(*protocol.Error)) bool {
	b := d.saving
	if b == nil && d.isOnDisk() {
		return false // there is nothing to write, and no editor is kept busy with it
	}
	if b == nil {
		m := d.savesItself()
		if m == nil {
			return false
		}
		b = &bufferSave{doc: d, conn: m.client.id, since: e.now}
		d.saving = b
	}
	b.who = append(b.who, bufferSaver{slices.Clone(d.text.Head()), then})
	if len(b.who) == 1 {
		e.askBuffer(b)
	}
	return true
}

// isOnDisk tells whether the disk holds the text, as far as is known.
func (d *document) isOnDisk() bool {
	return !d.dirty && len(d.diskAt.skew) == 0 && slices.Equal(d.diskAt.at, d.text.Head())
}

// Saves that one guest may have hosts' editors do: askBurst at once, then one each askEach. With each, formatters run, and whatever looks
// at the file.
const (
	askEach  = time.Second
	askBurst = 30
)

// mayAskEditor counts a guest's save, if it is an editor that will do it.
func (e *Engine) mayAskEditor(r *remote, d *document) bool {
	if d.isOnDisk() || d.savesItself() == nil || take(&r.spent.saves, e.now, askEach, askBurst*askEach) {
		return true
	}
	r.spent.saves = r.spent.saves.Add(-askEach) // it asks nobody
	return false
}

// savesItself is an editor that is asked to save. One whose file has been deleted may have nothing to save, as it sees it, and write
// nothing.
func (d *document) savesItself() *mirror {
	if d.gone {
		return nil
	}
	for _, m := range d.mirrors {
		if m.client.saves && m.closing == nil && !isSessionURI(m.key) {
			return m
		}
	}
	return nil
}

func (b *bufferSave) mirror() *mirror {
	for _, m := range b.doc.mirrors {
		if m.client.id == b.conn && m.client.saves && m.closing == nil {
			return m
		}
	}
	return nil
}

// askBuffer asks once the buffer holds what a guest saves: an editor refuses edits while its person types, and what it wrote then
// would be too old each time.
func (e *Engine) askBuffer(b *bufferSave) {
	m := b.mirror()
	if m == nil {
		e.bufferSaved(b, false)
		return
	}
	if m.flight != nil || !b.isIn(m) {
		b.waits = true
		return
	}
	b.waits = false
	b.tries++
	m.mayTear()
	b.call = e.ask(m.client, &protocol.SaveBufferParams{TextDocument: protocol.TextDocumentIdentifier{URI: m.uri}}, call{saving: b})
}

// isIn tells whether a buffer holds what one of those who wait saves.
func (b *bufferSave) isIn(m *mirror) bool {
	return slices.ContainsFunc(b.who, func(w bufferSaver) bool { return b.doc.text.Contains(m.at, w.at) })
}

// askWaiting asks if the buffer holds by now what is to be saved.
func (e *Engine) askWaiting(m *mirror) {
	if b := m.doc.saving; b != nil && b.waits && b.call == 0 && b.mirror() == m {
		e.askBuffer(b)
	}
}

// bufferSaved takes the editor's answer. What it wrote it has said by didSave, and the disk is being looked at.
func (e *Engine) bufferSaved(b *bufferSave, saved bool) {
	b.call = 0
	m := b.mirror()
	switch {
	case b.doc.saving != b:
	case !saved || m == nil || b.doc.gone:
		e.writeInstead(b)
	case m.comparing == 0:
		e.checkSaved(b)
	}
}

// checkSaved answers those who waited for what the disk holds now, and asks again for the others.
func (e *Engine) checkSaved(b *bufferSave) {
	d := b.doc
	if len(d.diskAt.skew) == 0 {
		b.who = slices.DeleteFunc(b.who, func(w bufferSaver) bool {
			done := d.text.Contains(d.diskAt.at, w.at)
			if done {
				w.then(nil)
			}
			return done
		})
	}
	switch {
	case len(b.who) == 0:
		d.saving = nil
	case b.tries >= bufferSaveTries:
		e.writeInstead(b)
	default:
		e.askBuffer(b)
	}
}

// writeInstead writes the file for all who wait.
func (e *Engine) writeInstead(b *bufferSave) {
	who := b.who
	b.who, b.doc.saving = nil, nil
	if m := b.mirror(); m != nil {
		m.mayTear() // with what its formatters made of it
	}
	if b.call != 0 {
		e.emit(Withdraw{Conn: b.conn, Call: b.call})
		delete(e.calls, b.call)
		b.call = 0
	}
	e.saveHere(b.doc, saveTries, func(err *protocol.Error) {
		for _, w := range who {
			w.then(err)
		}
	})
}

// maxTorn texts of a document are kept which the disk may hold a part of.
const maxTorn = 4

// mayTear notes what an editor is perhaps writing. Many write into the file itself: one that is killed or finds no room on the disk
// leaves the beginning of its text, or nothing. Taken for a change of the disk's, that would delete the rest in everybody's buffers.
func (m *mirror) mayTear() {
	d := m.doc
	if !d.session.host || isSessionURI(m.key) || !d.dirty {
		return
	}
	d.torn = append(d.torn, m.buffer.Clone())
	d.torn = d.torn[max(0, len(d.torn)-maxTorn):]
}

// isTorn tells whether what the disk holds is the beginning of such a text. It may end within a line end.
func (d *document) isTorn(disk string) bool {
	disk = strings.TrimSuffix(disk, "\r")
	return slices.ContainsFunc(d.torn, func(r *text.Rope) bool {
		return len(disk) < r.Size() && strings.HasPrefix(r.String(), disk)
	})
}
