package session

import (
	"slices"
	"strings"
	"time"

	"earshot/internal/docpath"
	"earshot/protocol"
	"earshot/protocol/wire"
)

func (sv *server) CreateFile(r protocol.Request[protocol.Empty], p *protocol.CreateFileParams) {
	if p.Kind != protocol.KindFile && p.Kind != protocol.KindFolder {
		refuse(sv.engine(), r, &protocol.Error{Code: protocol.CodeInvalidParams, Message: "What is made is a file or a folder."})
		return
	}
	sv.engine().changeNames(r, p.Session, func(op uint32, at []docpath.Path) wire.Frame {
		return &wire.Create{Op: op, Path: at[0].String(), Folder: p.Kind == protocol.KindFolder}
	}, p.URI)
}

func (sv *server) RenameFile(r protocol.Request[protocol.Empty], p *protocol.RenameFileParams) {
	sv.engine().changeNames(r, p.Session, func(op uint32, at []docpath.Path) wire.Frame {
		return &wire.Rename{Op: op, From: at[0].String(), To: at[1].String()}
	}, p.From, p.To)
}

func (sv *server) DeleteFile(r protocol.Request[protocol.Empty], p *protocol.DeleteFileParams) {
	sv.engine().changeNames(r, p.Session, func(op uint32, at []docpath.Path) wire.Frame {
		return &wire.Delete{Op: op, Path: at[0].String()}
	}, p.URI)
}

// changeNames has an editor's request done at the host, here or there.
func (e *Engine) changeNames(r protocol.Request[protocol.Empty], id string, ask func(uint32, []docpath.Path) wire.Frame, uris ...string) {
	s, err := e.sessionOf(id)
	var at []docpath.Path
	for _, uri := range uris {
		if err != nil {
			break
		}
		var p docpath.Path
		p, err = e.folderPath(s, uri)
		at = append(at, p)
	}
	answer := func(err *protocol.Error) {
		if err != nil {
			refuse(e, r, err)
			return
		}
		reply(e, r, protocol.Empty{})
	}
	switch {
	case err != nil:
		answer(err)
	case s.host:
		e.namesHere(s, s.me, ask(0, at), answer)
	case s.role == protocol.RoleViewer:
		answer(errViewersNames())
	default:
		e.request(s, func(op uint32) wire.Frame { return ask(op, at) }, func(f wire.Frame) {
			got, ok := f.(*wire.Saved)
			switch {
			case !ok:
				answer(s.noAnswer())
			case got.Failure != nil:
				answer(fromWire(got.Failure))
			default:
				answer(nil)
			}
		})
	}
}

func errViewersNames() *protocol.Error {
	return protocol.Errorf(protocol.ReadOnly, "You are a viewer in this session; ask the host to do it.")
}

// Names that one guest may change: nameBurst at once, then one each nameEach. Everybody's editor is told of each, and looks at the folder.
const (
	nameEach  = 100 * time.Millisecond
	nameBurst = 512
)

// namesFor does what a guest asks for, if it may.
func (e *Engine) namesFor(r *remote, op uint32, f wire.Frame) {
	answer := func(err *protocol.Error) {
		if e.links[r.id] == r {
			e.frame(r, Live, &wire.Saved{Op: op, Failure: toWire(err)})
		}
	}
	switch m := r.session.member(r.member); {
	case m == nil || m.Role != protocol.RoleEditor:
		answer(errViewersNames())
	case r.saves >= maxSaves:
		answer(protocol.Errorf(protocol.RateLimited, "%d files are being written already; try again in a moment.", maxSaves))
	case !take(&r.spent.names, e.now, nameEach, nameBurst*nameEach):
		r.spent.names = r.spent.names.Add(-nameEach) // it changes nothing
		answer(protocol.Errorf(protocol.RateLimited, "You have changed many names just now; go on in a moment."))
	default:
		r.saves++
		e.namesHere(r.session, m.ID, f, func(err *protocol.Error) {
			r.saves--
			if err != nil {
				r.spent.names = r.spent.names.Add(-nameEach) // it changed nothing, and was counted as a request
			}
			answer(err)
		})
	}
}

// namesHere does at the host what somebody asks for.
func (e *Engine) namesHere(s *session, by string, f wire.Frame, then func(*protocol.Error)) {
	var texts []string
	switch f := f.(type) {
	case *wire.Create:
		texts = []string{f.Path}
	case *wire.Rename:
		texts = []string{f.From, f.To}
	case *wire.Delete:
		texts = []string{f.Path}
	}
	at := make([]docpath.Path, len(texts))
	for i, text := range texts {
		p, err := docpath.Parse(text)
		switch {
		case text == "":
			kind := protocol.OutsideFolder
			if _, making := f.(*wire.Create); making {
				kind = protocol.Exists
			}
			then(protocol.Errorf(kind, "The shared folder is there, and stays as it is; name something in it."))
			return
		case err != nil:
			then(asError(err))
			return
		}
		at[i] = p
	}
	if s.root == "" {
		then(protocol.Errorf(protocol.OutsideFolder, "No folder is shared in this session, so no names can be made or changed in it."))
		return
	}
	switch f := f.(type) {
	case *wire.Create:
		e.createHere(s, by, at[0], f.Folder, then)
	case *wire.Rename:
		e.whenStill(s, then, func(then func(*protocol.Error)) { e.renameHere(s, by, at[0], at[1], then) })
	case *wire.Delete:
		e.whenStill(s, then, func(then func(*protocol.Error)) { e.deleteHere(s, by, at[0], then) })
	}
}

// taken says why nothing can get the name p: a text has it, though there may be no file.
func (s *session) taken(p docpath.Path) *protocol.Error {
	for _, d := range s.docs {
		if d.path.Under(p) && d.used() {
			return protocol.Errorf(protocol.Exists, "%s is open here as a text, whether there is a file or not; choose another name, or close it first.", docpath.Quote(d.path.String()))
		}
	}
	return nil
}

// createHere makes a new entry on the host's disk.
func (e *Engine) createHere(s *session, by string, p docpath.Path, folder bool, then func(*protocol.Error)) {
	if d := s.docAt(p); d != nil && d.ready && d.used() {
		then(s.taken(p))
		return
	}
	kind := protocol.KindFile
	if folder {
		kind = protocol.KindFolder
	}
	op := e.op(func(ev Event) {
		err := ev.(Created).Err
		if err == nil {
			delete(s.aliases, p)
			e.namesChanged(s, by, change{kind: created, path: p})
		}
		then(err)
	})
	e.emit(CreateEntry{Op: op, Session: s.id, Path: p, Kind: kind})
}

// namesChanged tells everybody what somebody did.
func (e *Engine) namesChanged(s *session, by string, c change) {
	e.filesChanged(s, []change{c})
	told := protocol.Happening{Event: c.kind, Session: s.id, URI: docpath.SessionURI(s.id, c.path), Member: s.memberInfo(by)}
	if c.kind == renamed {
		told.From = docpath.SessionURI(s.id, c.from)
	}
	e.tellHappening(told)
}

// move is a renaming or a deletion that the disk has been asked for. What is read or written under either name meanwhile waits, for
// it would find the file gone and make another.
type move struct {
	from, to docpath.Path // the same for a deletion
	held     []Effect
	next     []func()
}

// whenStill does something with names once nothing else is done with any.
func (e *Engine) whenStill(s *session, then func(*protocol.Error), do func(then func(*protocol.Error))) {
	if s.move == nil {
		do(then)
		return
	}
	if len(s.move.next) >= MaxOps {
		then(errBusy())
		return
	}
	s.move.next = append(s.move.next, func() { e.whenStill(s, then, do) })
}

// holdsBack keeps an effect that concerns a name which is being moved.
func (e *Engine) holdsBack(f Effect) bool {
	var s *session
	var p docpath.Path
	switch f := f.(type) {
	case LoadFile:
		s, p = e.session(f.Session), f.Path
	case SaveFile:
		s, p = e.session(f.Session), f.Path
	}
	if s == nil || s.move == nil || !p.Under(s.move.from) && !p.Under(s.move.to) {
		return false
	}
	s.move.held = append(s.move.held, f)
	return true
}

// moveOver ends a move: what waited goes on, under the new name if there is one, and then the next.
func (e *Engine) moveOver(s *session, renamed bool) {
	m := s.move
	s.move = nil
	for _, f := range m.held {
		switch f := f.(type) {
		case LoadFile:
			f.Path = m.path(f.Path, renamed)
			e.emit(f)
		case SaveFile:
			f.Path = m.path(f.Path, renamed)
			e.emit(f)
		}
	}
	for _, do := range m.next {
		do()
	}
}

// path is what p is called after a move.
func (m *move) path(p docpath.Path, renamed bool) docpath.Path {
	if q, err := docpath.Parse(m.to.String() + strings.TrimPrefix(p.String(), m.from.String())); renamed && p.Under(m.from) && err == nil {
		return q
	}
	return p
}

// identities are those of texts which are open by names outside of p.
func (s *session) identities(p docpath.Path) (all []string) {
	for _, d := range s.docs {
		if d.identity != "" && !d.path.Under(p) {
			all = append(all, d.identity)
		}
	}
	return all
}

// hostHas tells whether an editor here has a text open as the host's own file, or had, and may come back to it.
func (d *document) hostHas() bool {
	return slices.ContainsFunc(d.mirrors, func(m *mirror) bool { return !isSessionURI(m.key) }) ||
		slices.ContainsFunc(d.lost, func(l *lostMirror) bool { return !isSessionURI(l.key) })
}

// renameHere gives a file or folder of the host's another name. Its open texts go along, with their history and everybody who has
// them open; but not one that an editor here has open as a file: it would go on to write that under the old name.
func (e *Engine) renameHere(s *session, by string, from, to docpath.Path, then func(*protocol.Error)) {
	m := &move{from: from, to: to}
	var texts []docpath.Path
	if err := s.taken(to); err != nil && !from.Under(to) && !to.Under(from) { // else the disk says what is wrong
		then(err)
		return
	}
	for _, d := range s.docs {
		switch {
		case !d.path.Under(from):
			continue
		case d.untitled != "":
			then(protocol.Errorf(protocol.Conflict, "%s is a text without a file; it gets another name when its owner saves it.", docpath.Quote(d.path.String())))
			return
		case d.hostHas():
			then(protocol.Errorf(protocol.Conflict, "%s is open in an editor of the host's, which would go on to write it under the old name; the host can close it there, or rename it.", docpath.Quote(d.path.String())))
			return
		case m.path(d.path, true) == d.path:
			then(protocol.Errorf(protocol.Conflict, "The new name of %s would be too long; choose a shorter one.", docpath.Quote(d.path.String())))
			return
		}
		texts = append(texts, m.path(d.path, true))
	}
	for _, d := range slices.Clone(s.docs) {
		if d.path.Under(to) && d.ready && !d.path.Under(from) { // nobody has it: its file has gone
			e.drop(d)
		}
	}
	s.move = m
	op := e.op(func(ev Event) {
		got := ev.(Renamed)
		if got.Err == nil {
			s.named(m)
			for _, d := range s.docs {
				if i := slices.Index(texts, d.path); i >= 0 && i < len(got.Identities) && d.ready {
					d.identity = got.Identities[i]
				}
				if d.ready && d.path.Under(to) {
					e.shareState(d) // before anybody hears of the name and opens it
				}
			}
			e.namesChanged(s, by, change{kind: renamed, path: to, from: from})
		}
		e.moveOver(s, got.Err == nil)
		then(got.Err)
	})
	e.emit(RenameEntry{Op: op, Session: s.id, From: from, To: to, Texts: texts, Open: s.identities(from)})
}

// maxWas is how many former names of a document are known: for editors that have it open by one of them and come back.
const maxWas = 8

// named gives the texts under a name that has changed their new ones.
func (s *session) named(m *move) {
	for p := range s.aliases {
		if p.Under(m.from) || p.Under(m.to) {
			delete(s.aliases, p)
		}
	}
	for _, d := range s.docs {
		if d.path.Under(m.from) {
			d.called(m.path(d.path, true))
		}
	}
}

// wasAt is the document that had a name last.
func (s *session) wasAt(p docpath.Path) *document {
	for _, d := range slices.Backward(s.docs) {
		if d.ready && slices.Contains(d.was, p) {
			return d
		}
	}
	return nil
}

// isCalled takes over a guest's document's new name.
func (d *document) isCalled(name string) {
	if p, err := docpath.Parse(name); err == nil && p != d.path && !p.IsFolder() && d.session.docAt(p) == nil {
		d.called(p)
	}
}

// called gives the document another name.
func (d *document) called(p docpath.Path) {
	d.was = append(d.was, d.path)
	d.was = d.was[max(0, len(d.was)-maxWas):]
	d.path = p
}

// deleteHere removes a file of the host's, or an empty folder. The text of one that somebody has open stays: saving it makes the file anew.
func (e *Engine) deleteHere(s *session, by string, p docpath.Path, then func(*protocol.Error)) {
	for _, d := range s.docs {
		switch {
		case d.path == p && d.untitled != "":
			then(protocol.Errorf(protocol.Conflict, "%s is a text without a file; it goes when its owner closes it.", docpath.Quote(p.String())))
			return
		case d.path != p && d.path.Under(p) && d.ready && d.used():
			then(protocol.Errorf(protocol.Conflict, "%s is open and could not be saved without its folder; close it first.", docpath.Quote(d.path.String())))
			return
		}
	}
	s.move = &move{from: p, to: p}
	op := e.op(func(ev Event) {
		err := ev.(Deleted).Err
		if err == nil {
			delete(s.aliases, p)
			if d := s.docAt(p); d != nil && d.ready {
				e.fileGone(d)
			}
			e.namesChanged(s, by, change{kind: deleted, path: p})
		}
		e.moveOver(s, false)
		then(err)
	})
	e.emit(DeleteEntry{Op: op, Session: s.id, Path: p, Open: s.identities(p)})
}

// fileGone: there is nothing on the disk any more of a document.
func (e *Engine) fileGone(d *document) {
	if !d.used() {
		e.drop(d)
		return
	}
	d.gone, d.dirty = true, true
	e.touch(d)
}

// isThereAgain tells that somebody has saved what was deleted.
func (e *Engine) isThereAgain(d *document) {
	if d.gone && !d.dirty {
		d.gone = false
		e.filesChanged(d.session, []change{{kind: created, path: d.path}})
	}
}

func (e *Engine) createFor(r *remote, f *wire.Create) { e.namesFor(r, f.Op, f) }
func (e *Engine) renameFor(r *remote, f *wire.Rename) { e.namesFor(r, f.Op, f) }
func (e *Engine) deleteFor(r *remote, f *wire.Delete) { e.namesFor(r, f.Op, f) }
