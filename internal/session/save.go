package session

import (
	"slices"
	"strings"
	"time"

	"earshot/internal/crdt"
	"earshot/internal/docpath"
	"earshot/internal/screen"
	"earshot/internal/text"
	"earshot/protocol"
	"earshot/protocol/wire"
)

// saveTries: how often a save is tried again because the disk changed under it.
const saveTries = 3

// save writes the host's file, or asks the host to.
func (e *Engine) save(d *document, then func(*protocol.Error)) {
	s := d.session
	switch {
	case s.state == protocol.SessionEnded:
		then(protocol.Errorf(protocol.Ended, "The session has ended, so the host's file can't be written any more."))
	case s.role == protocol.RoleViewer:
		then(protocol.Errorf(protocol.ReadOnly, "You are a viewer in this session; ask the host to save."))
	case !s.host:
		e.saveAtHost(d, then)
	case d.untitled != "":
		then(protocol.Errorf(protocol.SaveFailed, "This buffer has no file; its owner has to save it in their editor."))
	case !e.saveByEditor(d, then):
		e.saveHere(d, saveTries, then)
	}
}

func (e *Engine) saveHere(d *document, tries int, then func(*protocol.Error)) {
	at := slices.Clone(d.text.Head())
	content := d.text.Text().String()
	d.form.FinalNewline = strings.HasSuffix(content, "\n")
	op := e.op(func(ev Event) {
		got := ev.(Saved)
		switch {
		case got.Err != nil:
			then(got.Err)
		case got.Changed && got.Stamp == d.stamp: // another save of ours came first
			e.saveHere(d, tries, then)
		case got.Changed && d.isTorn(got.Text):
			d.torn, d.stamp = nil, got.Stamp
			e.tellSession(d.session, protocol.MessageWarning, "An editor left "+docpath.Quote(d.path.String())+" half written; it was written whole.")
			e.saveHere(d, tries, then)
		case got.Changed && tries > 1:
			e.mergeDisk(d, d.diskAt, got.Text, got.Form, got.Stamp)
			e.tellSession(d.session, protocol.MessageInfo, "The file had changed on the disk; that change was merged before saving.")
			e.saveHere(d, tries-1, then)
		case got.Changed:
			then(protocol.Errorf(protocol.DiskChanged, "The file keeps changing on the disk; nothing was written. Save again when it rests."))
		default:
			e.saved(d, at, got.Stamp)
			then(nil)
		}
	})
	e.emit(SaveFile{Op: op, Session: d.session.id, Path: d.path, Text: content, Form: d.form, Base: d.stamp})
}

// saved notes that the disk holds a version.
func (e *Engine) saved(d *document, at crdt.Frontier, stamp string) {
	d.stamp, d.diskAt, d.torn = stamp, base{at: at}, nil
	d.dirty = !slices.Equal(at, d.text.Head())
	d.pin()
	e.touch(d)
	e.tellHappening(protocol.Happening{Event: "saved", Session: d.session.id, URI: d.uri()})
}

// mergeDisk takes a text that someone else wrote to the disk as the disk's edit of the version it had before.
func (e *Engine) mergeDisk(d *document, was base, now string, form protocol.Form, stamp string) {
	now, form = d.withOwnEnds(now, form)
	if shown, ok := d.shows(now, e.now); ok { // a host's editor wrote it and has not said so yet
		was = base{at: shown}
	}
	held := d.text.TextAt(was.at)
	held.Apply(was.skew)
	p, skew := text.Diff(held.String(), now), was.skew
	if len(skew) > 0 {
		p, skew = through(skew, p, held.Len())
	}
	after := slices.Clone(was.at)
	if len(p) > 0 {
		at, head, err := d.text.Edit(e.agent(), was.at, p)
		if err != nil {
			e.emit(Warn{What: "the disk's change was refused by the graph: " + err.Error()})
			return
		}
		after = slices.Clone(at)
		d.moved(head)
	}
	d.stamp, d.diskAt, d.torn = stamp, base{at: after, skew: skew}, nil
	d.setForm(protocol.Form{EOL: form.EOL, BOM: form.BOM, Encoding: d.form.Encoding, FinalNewline: d.form.FinalNewline})
	d.dirty = len(skew) > 0 || !slices.Equal(after, d.text.Head())
	e.touch(d)
}

// withOwnEnds is what the disk holds, as this document takes it. Where line ends are mixed now, the document's own stay what they
// were; the next save makes them one again.
func (d *document) withOwnEnds(disk string, form protocol.Form) (string, protocol.Form) {
	if d.form.EOL == text.CRLF.String() && strings.Contains(disk, "\r\n") {
		disk, form.EOL = text.CRLF.ToLF(disk), d.form.EOL
	}
	return disk, form
}

// shows is the version that an editor shows now, or showed a moment ago, with exactly this text.
func (d *document) shows(s string, now time.Time) (crdt.Frontier, bool) {
	for _, m := range d.mirrors {
		if len(m.skew) == 0 && m.before == nil && m.buffer.Size() == len(s) && m.buffer.String() == s {
			return m.at, true
		}
	}
	for _, m := range d.mirrors {
		if at, ok := m.wrote(s, now); ok {
			return at, true
		}
	}
	return nil, false
}

// savedByEditor takes that a host's editor wrote the file itself: what the disk holds now is that buffer's text, or, if
// the editor added something in writing (a final newline), an edit of it. While an edit is under way it is not known what
// the buffer holds: an exact editor's answer tells, a stock one may have written it with or without.
func (e *Engine) savedByEditor(m *mirror, then func(*protocol.Error)) {
	if m.doc.untitled != "" {
		return
	}
	m.comparing++
	if m.flight != nil && m.client.exact {
		m.then(func() { e.compareSaved(m, then) })
		return
	}
	e.compareSaved(m, then)
}

// compareSaved reads what an editor wrote.
func (e *Engine) compareSaved(m *mirror, then func(*protocol.Error)) {
	d := m.doc
	wrote := m.holds()
	perhaps := wrote
	if f := m.flight; f != nil && f.after != nil && len(f.skew) == 0 {
		perhaps = base{slices.Clone(f.target), nil, f.after.Clone()}
	}
	m.saves++
	n := m.saves
	op := e.op(func(ev Event) {
		got := ev.(Loaded)
		got.Text, got.Form = d.withOwnEnds(got.Text, got.Form)
		switch {
		case got.Err != nil:
			then(got.Err)
		case n != m.saves: // it saved again, and the disk may hold either: the next answer tells
		case got.Text == d.text.Text().String():
			d.setForm(got.Form)
			e.saved(d, slices.Clone(d.text.Head()), got.Stamp)
		case len(perhaps.skew) == 0 && got.Text == perhaps.text.String():
			e.saved(d, perhaps.at, got.Stamp)
		default:
			if at, ok := m.wrote(got.Text, e.now); ok {
				d.setForm(got.Form)
				e.saved(d, at, got.Stamp)
			} else {
				e.diskHolds(d, wrote, got)
			}
		}
		m.comparing--
		if b := d.saving; b != nil && b.call == 0 && m.comparing == 0 && b.mirror() == m {
			e.checkSaved(b)
		}
	})
	e.emit(LoadFile{Op: op, Session: d.session.id, Path: d.path})
}

// diskHolds takes what the disk holds beside the buffer that was written there as an edit of that buffer.
func (e *Engine) diskHolds(d *document, wrote base, got Loaded) {
	p := text.Diff(wrote.text.String(), got.Text)
	if len(wrote.skew) > 0 {
		p, _ = through(wrote.skew, p, wrote.text.Len())
	}
	at, head, err := d.text.Edit(e.agent(), wrote.at, p)
	if err != nil {
		e.emit(Warn{What: "the disk's change was refused by the graph: " + err.Error()})
		return
	}
	d.moved(head)
	d.setForm(got.Form)
	e.saved(d, slices.Clone(at), got.Stamp)
	d.dirty = d.dirty || len(wrote.skew) > 0 // the skew is on the disk and goes
}

// saveAtHost asks the host as soon as it surely has all that was typed here by the time that it hears of it.
func (e *Engine) saveAtHost(d *document, then func(*protocol.Error)) {
	switch {
	case d.session.up == nil:
		then(errAway())
	case d.num != 0 && (d.synced || slices.Equal(d.text.Head(), d.behind)):
		e.askToSave(d, then)
	case len(d.saves) >= MaxOps:
		then(errBusy())
	default: // the host's answer to a Resync is under way, and what was typed goes when it comes
		d.saves = append(d.saves, then)
	}
}

// saveSent asks for what waited until the host is sent what was typed.
func (e *Engine) saveSent(d *document) {
	saves := d.saves
	d.saves = nil
	for _, then := range saves {
		e.askToSave(d, then)
	}
}

// notSaved refuses what waited for that.
func (d *document) notSaved(err *protocol.Error) {
	saves := d.saves
	d.saves = nil
	for _, then := range saves {
		then(err)
	}
}

func errAway() *protocol.Error {
	return protocol.Errorf(protocol.SaveFailed, "The host can't be reached just now; your changes are kept, save again when the session is back.")
}

func (e *Engine) askToSave(d *document, then func(*protocol.Error)) {
	e.request(d.session, func(op uint32) wire.Frame { return &wire.Save{Op: op, Doc: d.num} }, func(f wire.Frame) {
		got, ok := f.(*wire.Saved)
		switch {
		case !ok:
			then(d.session.noAnswer())
		case got.Failure != nil:
			then(fromWire(got.Failure))
		default:
			then(nil)
		}
	})
}

func lostLink() *protocol.Error {
	return protocol.Errorf(protocol.Unreachable, "The link to the host broke before it answered; try again when the session is back.")
}

func fromWire(f *wire.Failure) *protocol.Error {
	return protocol.Errorf(protocol.Kind(screen.Line(f.Kind, MaxName)), "%s", screen.Line(f.Message, MaxSentence))
}

func toWire(err *protocol.Error) *wire.Failure {
	if err == nil {
		return nil
	}
	kind := protocol.KindOf(err)
	return &wire.Failure{Kind: string(kind), Message: err.Message}
}
