package session

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"earshot/internal/crdt"
	"earshot/internal/docpath"
	"earshot/internal/text"
	"earshot/protocol"
)

const scheme = "earshot"

func isSessionURI(key string) bool { return strings.HasPrefix(key, scheme+":") }

func (sv *server) Share(r protocol.Request[protocol.SessionResult], p *protocol.ShareParams) {
	e := sv.engine()
	c := e.client(r.Conn)
	plan, err := e.planShare(c, p)
	if err != nil {
		refuse(e, r, err)
		return
	}
	s := &session{
		id: e.id(), host: true, state: protocol.SessionOpen, role: protocol.RoleHost, me: e.id(),
		name: e.nameFor(c, p.Name), params: p, opening: &r, linger: p.Linger, away: map[string]time.Time{},
	}
	s.members = []*protocol.Member{{ID: s.me, Name: s.name, Color: colors[0], Role: protocol.RoleHost,
		State: protocol.MemberHere, Client: c.program}}
	e.sessions = append(e.sessions, s)
	e.owns(c, s)
	for _, own := range plan.buffers {
		e.addBuffer(s, own, s.bufferPath(own.uri))
	}
	if plan.folder == "" && len(plan.files) == 0 {
		e.emit(OpenRoom{Session: s.id, Params: p, Name: s.name})
		return
	}
	op := e.op(func(ev Event) { e.folderOpened(s, ev.(FolderOpened)) })
	e.emit(OpenFolder{Op: op, Session: s.id, Folder: plan.folder, Files: plan.files, Allow: p.Allow, Taken: s.bufferPaths()})
}

// plan is what a share request names, sorted out.
type plan struct {
	folder  string
	files   []string
	buffers []*private
}

func (e *Engine) planShare(c *client, p *protocol.ShareParams) (plan, *protocol.Error) {
	var pl plan
	if p.Folder == "" && len(p.Documents) == 0 {
		return pl, &protocol.Error{Code: protocol.CodeInvalidParams, Message: "Name a folder or documents to share."}
	}
	if p.Folder != "" && len(p.Documents) > 0 {
		return pl, &protocol.Error{Code: protocol.CodeInvalidParams, Message: "Share a folder or single documents, not both in one session."}
	}
	if p.Role != "" && p.Role != protocol.RoleEditor && p.Role != protocol.RoleViewer {
		return pl, &protocol.Error{Code: protocol.CodeInvalidParams, Message: "The role of guests is editor or viewer."}
	}
	if p.Admit != "" && p.Admit != protocol.AdmitAsk && p.Admit != protocol.AdmitAuto {
		return pl, &protocol.Error{Code: protocol.CodeInvalidParams, Message: "Admission is ask or auto."}
	}
	if p.Guests < 0 || p.Guests > MaxGuests {
		return pl, &protocol.Error{Code: protocol.CodeInvalidParams, Message: "The number of guests is from 1 to 16."}
	}
	var err error
	if p.Folder != "" {
		pl.folder, err = docpath.ParseFileURI(p.Folder, e.cfg.GOOS)
		if err != nil {
			return pl, protocol.Errorf(protocol.NoSuchDocument, "%v", err)
		}
		return pl, nil
	}
	return e.planDocuments(c, p.Documents)
}

// planDocuments sorts files from buffers without one, which must be open in the editor that names them.
func (e *Engine) planDocuments(c *client, uris []protocol.DocumentURI) (pl plan, _ *protocol.Error) {
	for _, uri := range uris {
		key := docpath.CanonicalURI(uri, e.cfg.GOOS)
		if strings.HasPrefix(key, "file:") {
			file, err := docpath.ParseFileURI(key, e.cfg.GOOS)
			if err != nil {
				return pl, protocol.Errorf(protocol.NoSuchDocument, "%v", err)
			}
			pl.files = append(pl.files, file)
			continue
		}
		own := c.privateDoc(key)
		if own == nil || isSessionURI(key) {
			return pl, protocol.Errorf(protocol.NoSuchDocument, "%s is not open in this editor; open it first, then share it.", docpath.Quote(uri))
		}
		if !slices.Contains(pl.buffers, own) {
			pl.buffers = append(pl.buffers, own)
		}
	}
	return pl, nil
}

// addBuffer makes a shared document of an editor's buffer that has no file.
func (e *Engine) addBuffer(s *session, own *private, p docpath.Path) {
	d := e.newDocument(s, p)
	d.untitled = own.uri
	end := text.DetectLineEnd(own.item.Text)
	d.form = protocol.Form{EOL: end.String(), Encoding: "utf-8", FinalNewline: strings.HasSuffix(own.item.Text, "\n")}
	d.start(end.ToLF(own.item.Text))
	e.remembers(d)
}

// bufferName is what a buffer without a file is called, if that can be a name.
func bufferName(uri string) string {
	_, name, _ := strings.Cut(uri, ":")
	name = path.Base(strings.TrimSuffix(name, "/"))
	if p, err := docpath.Parse(name); err != nil || p == (docpath.Path{}) || len(name) > docpath.MaxPart-10 {
		return "buffer"
	}
	return name
}

// bufferPath finds a name for a buffer without a file where no files are shared.
func (s *session) bufferPath(uri string) docpath.Path {
	name := bufferName(uri)
	for n := 1; ; n++ { // ends: there are fewer documents than numbers
		try := name
		if n > 1 {
			try += "-" + strconv.Itoa(n)
		}
		if p, err := docpath.Parse(try); err == nil && s.docAt(p) == nil {
			return p
		}
	}
}

// bufferPaths are the names of the buffers without a file.
func (s *session) bufferPaths() []docpath.Path {
	var all []docpath.Path
	for _, d := range s.docs {
		if d.untitled != "" {
			all = append(all, d.path)
		}
	}
	return all
}

func (e *Engine) newDocument(s *session, p docpath.Path) *document {
	if !s.host && len(s.docs) >= keepIdle {
		e.dropIdle(s)
	}
	d := &document{session: s, path: p, instance: e.id(), owners: map[crdt.Agent]string{}, names: map[string]int{}, heirs: map[crdt.Agent]crdt.Agent{}}
	if s.host {
		s.lastNum++
		d.num = s.lastNum
	}
	s.docs = append(s.docs, d)
	return d
}

// keepIdle is from how many documents on a guest lets go at once of those that nobody has: half of what the host allows,
// so that a script may read a whole folder.
const keepIdle = MaxOpen / 2

func (e *Engine) dropIdle(s *session) {
	for _, d := range slices.Clone(s.docs) {
		if d.ready && !d.used() {
			e.drop(d)
		}
	}
}

func (e *Engine) folderOpened(s *session, ev FolderOpened) {
	if ev.Err == nil {
		ev.Err = e.alreadyShared(s, ev.Root)
	}
	if ev.Err != nil {
		e.openFailed(s, ev.Err)
		return
	}
	e.isOnDisk(s, ev.Root)
	e.emit(OpenRoom{Session: s.id, Params: s.params, Name: s.name})
}

// isOnDisk notes that the session shares something of the disk; root is its folder, "" if that is as it was.
func (e *Engine) isOnDisk(s *session, root string) {
	s.onDisk = true
	if root != "" {
		s.root = root
		s.folder, _ = docpath.FileURI(root, e.cfg.GOOS)
	}
}

func (e *Engine) alreadyShared(s *session, root string) *protocol.Error {
	for _, o := range e.sessions {
		if o != s && o.host && o.root == root && root != "" && o.state != protocol.SessionEnded {
			err := protocol.Errorf(protocol.AlreadyShared, "This folder is shared already in session %s; `earshot status` shows its code.", o.id)
			err.Data.Session = o.id
			return err
		}
	}
	return nil
}

func (e *Engine) openFailed(s *session, err *protocol.Error) {
	refuse(e, *s.opening, err)
	e.sessions = slices.DeleteFunc(e.sessions, func(o *session) bool { return o == s })
	e.emit(CloseFolder{Session: s.id})
}

// takeRoom takes what the world tells a host of its room.
func (e *Engine) takeRoom(ev Event) {
	switch ev := ev.(type) {
	case RoomOpened:
		if s := e.session(ev.Session); s != nil {
			e.roomOpened(s, ev)
		}
	case RoomFailed:
		if s := e.session(ev.Session); s != nil && s.opening != nil {
			e.openFailed(s, ev.Err)
		}
	case CodeChanged:
		if s := e.session(ev.Session); s != nil {
			e.codeChanged(s, ev)
		}
	case Knocked:
		if s := e.session(ev.Session); s != nil {
			e.knocked(s, ev)
			return
		}
		e.emit(Decide{Session: ev.Session, Intro: ev.Intro, Kind: protocol.Ended, Why: "the session has ended"})
	case KnockGone:
		if s := e.session(ev.Session); s != nil {
			e.knockGone(s, ev.Intro)
		}
	case GuestLinked:
		if s := e.session(ev.Session); s != nil {
			e.guestLinked(s, ev)
			return
		}
		e.emit(CloseLink{Link: ev.Link, Reason: "the session has ended"})
	}
}

func (e *Engine) roomOpened(s *session, ev RoomOpened) {
	if s.opening == nil {
		return
	}
	s.code, s.link, s.reach = ev.Code, ev.Link, ev.Reach
	asked := *s.opening
	s.opening = nil
	reply(e, asked, protocol.SessionResult{Session: s.info()})
	e.tellHappening(protocol.Happening{Event: "opened", Session: s.id, Code: s.code, Link: s.link, Message: s.reach})
	e.offerAll()
	e.changed(s)
}

// offerAll has everything looked for anew that editors have open and that is not shared: more is shared now.
func (e *Engine) offerAll() {
	for _, c := range e.clients {
		for _, own := range slices.Clone(c.private) {
			e.offer(c, own)
		}
	}
}

func (e *Engine) codeChanged(s *session, ev CodeChanged) {
	s.code, s.link = ev.Code, ev.Link
	if ev.Code == "" {
		e.tellSession(s, protocol.MessageWarning, ev.Why)
	}
	e.tellHappening(protocol.Happening{Event: "code", Session: s.id, Code: ev.Code, Link: ev.Link, Message: ev.Why})
	e.changed(s)
	if ev.Code == "" {
		return // whoever asked for a code gets the next
	}
	for _, asked := range s.inviting {
		reply(e, asked, protocol.InviteResult{Code: ev.Code, Link: ev.Link})
	}
	s.inviting = nil
}

func (sv *server) Invite(r protocol.Request[protocol.InviteResult], p *protocol.InviteParams) {
	e := sv.engine()
	s, err := e.hosted(p.Session)
	if err != nil {
		refuse(e, r, err)
		return
	}
	s.inviting = append(s.inviting, r)
	e.emit(NewCode{Session: s.id})
}

// offer finds out whether a document that an editor opened is shared, and attaches it then.
func (e *Engine) offer(c *client, own *private) {
	if own.resolving {
		own.again = true
		return
	}
	own.resolving, own.again = true, false
	e.resolve(own.uri, func(d *document, err *protocol.Error) {
		own.resolving = false
		if e.client(c.id) != c || !slices.Contains(c.private, own) {
			return // closed meanwhile
		}
		switch {
		case d != nil:
			c.takePrivate(own)
			e.attach(c, d, own)
		case err != nil && isSessionURI(own.uri):
			c.dropPrivate(own)
			e.tell(c, protocol.MessageError, err.Message)
		case own.again:
			e.offer(c, own)
		default:
			own.answer(len(own.queue), nil)
		}
	})
}

// resolve finds the shared document of a canonical URI and loads it; neither a document nor an error means that the URI is
// nobody's business.
func (e *Engine) resolve(key string, then func(*document, *protocol.Error)) {
	if isSessionURI(key) {
		id, p, err := docpath.ParseSessionURI(key)
		if err != nil {
			then(nil, asError(err))
			return
		}
		s, bad := e.sessionOf(id)
		if bad != nil {
			then(nil, bad)
			return
		}
		if p == (docpath.Path{}) {
			then(nil, protocol.Errorf(protocol.NoSuchDocument, "%s is the shared folder itself; name a file in it.", docpath.Quote(key)))
			return
		}
		e.open(s, p, then)
		return
	}
	for _, s := range e.sessions {
		for _, d := range s.docs {
			if d.untitled != "" && d.untitled == key && s.state != protocol.SessionEnded {
				then(d, nil)
				return
			}
		}
	}
	e.locate(e.sessions, key, then)
}

// locate asks one session after the other whether a file is in what it shares.
func (e *Engine) locate(in []*session, key string, then func(*document, *protocol.Error)) {
	file, err := docpath.ParseFileURI(key, e.cfg.GOOS)
	if err != nil {
		then(nil, nil)
		return
	}
	for i, s := range in {
		if !s.host || s.opening != nil || s.state == protocol.SessionEnded || !s.onDisk {
			continue
		}
		rest := slices.Clone(in[i+1:])
		op := e.op(func(ev Event) {
			found := ev.(Located)
			if !found.Inside || s.state == protocol.SessionEnded {
				e.locate(rest, key, then)
				return
			}
			e.openFile(s, found.Path, func() { e.locate(slices.Concat([]*session{s}, rest), key, then) }, then)
		})
		e.emit(Locate{Op: op, Session: s.id, File: file})
		return
	}
	then(nil, nil)
}

// openFile is open for a file of the host's own: its editor writes what stands under that name, not a text that had the name once.
// Where the name is being moved at this moment, again looks anew afterwards.
func (e *Engine) openFile(s *session, p docpath.Path, again func(), then func(*document, *protocol.Error)) {
	e.open(s, p, func(d *document, err *protocol.Error) {
		switch {
		case err != nil: // in the folder, but not shared: excluded, or no text
			then(nil, nil)
		case s.move != nil && (d.path.Under(s.move.from) || d.path.Under(s.move.to)):
			s.move.next = append(s.move.next, again)
		case slices.Contains(d.was, p) && d.path != p && s.aliases[p] != d:
			then(nil, nil)
		default:
			then(d, nil)
		}
	})
}

func asError(err error) *protocol.Error {
	if bad, ok := err.(*docpath.Error); ok {
		return protocol.Errorf(protocol.Kind(bad.Kind), "%s.", bad.Error())
	}
	return protocol.Errorf(protocol.NoSuchDocument, "%v", err)
}

// open gives the document at a path of a session once it is loaded.
func (e *Engine) open(s *session, p docpath.Path, then func(*document, *protocol.Error)) {
	d := s.docAt(p)
	if d != nil && d.gone && !d.used() { // nobody has what was deleted
		e.drop(d)
		d = nil
	}
	if alias := s.aliases[p]; d == nil && alias != nil && slices.Contains(s.docs, alias) {
		d = alias
	}
	if d == nil && !s.host && s.up == nil {
		d = s.wasAt(p) // the host can't be asked whether another has that name now
	}
	switch {
	case d == nil && s.host && !s.onDisk:
		then(nil, protocol.Errorf(protocol.NoSuchDocument, "%s is not in this session; list its files to see what is.", docpath.Quote(p.String())))
	case d == nil:
		d = e.newDocument(s, p)
		d.waiting = append(d.waiting, func(err *protocol.Error) { e.loadedFor(d, then, err) })
		if s.host {
			e.load(d)
		} else {
			e.fetch(d)
		}
	case !d.ready:
		d.waiting = append(d.waiting, func(err *protocol.Error) { e.loadedFor(d, then, err) })
	case d.stale():
		e.refresh(d, then)
	default:
		then(d, nil)
	}
}

func (e *Engine) loadedFor(d *document, then func(*document, *protocol.Error), err *protocol.Error) {
	if err != nil {
		then(nil, err)
		return
	}
	if d.alias != nil {
		d = d.alias
	}
	then(d, nil)
}

// stale tells whether a document should be compared with the disk before it is used: nobody has it and it is clean, so
// the disk is its truth.
func (d *document) stale() bool {
	return d.session.host && d.ready && !d.isOpen() && !d.dirty && d.untitled == ""
}

// refresh takes what the disk holds now as the disk's own edit.
func (e *Engine) refresh(d *document, then func(*document, *protocol.Error)) {
	op := e.op(func(ev Event) {
		got := ev.(Loaded)
		if got.Err != nil {
			then(nil, got.Err)
			return
		}
		if got.Stamp != d.stamp && d.stale() {
			e.mergeDisk(d, d.diskAt, got.Text, got.Form, got.Stamp)
		}
		then(d, nil)
	})
	e.emit(LoadFile{Op: op, Session: d.session.id, Path: d.path})
}

// load reads a host's document from the disk.
func (e *Engine) load(d *document) {
	s := d.session
	op := e.op(func(ev Event) {
		got := ev.(Loaded)
		if !slices.Contains(s.docs, d) {
			return
		}
		if got.Err != nil {
			s.docs = slices.DeleteFunc(s.docs, func(o *document) bool { return o == d })
			if o := s.wasAt(d.path); o != nil && protocol.KindOf(got.Err) == protocol.NoSuchDocument {
				d.alias, got.Err = o, nil // nothing else has come under the name that it had
			}
			d.finish(got.Err)
			return
		}
		for _, o := range s.docs {
			if o != d && o.ready && o.identity != "" && o.identity == got.Identity {
				e.makeAlias(d, o)
				return
			}
		}
		d.form, d.stamp, d.identity, d.readonly = got.Form, got.Stamp, got.Identity, got.Readonly
		d.start(got.Text)
		e.remembers(d)
		d.diskAt = base{at: slices.Clone(d.text.Head())}
		d.finish(nil)
		e.touch(d)
	})
	e.emit(LoadFile{Op: op, Session: s.id, Path: d.path})
}

// makeAlias lets a second name of one file lead to the document that is there.
func (e *Engine) makeAlias(d, is *document) {
	s := d.session
	s.docs = slices.DeleteFunc(s.docs, func(o *document) bool { return o == d })
	if s.aliases == nil {
		s.aliases = map[docpath.Path]*document{}
	}
	s.aliases[d.path] = is
	d.alias = is
	d.finish(nil)
}
