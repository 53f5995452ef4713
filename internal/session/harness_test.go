package session

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"earshot/internal/docpath"
	"earshot/internal/text"
	"earshot/protocol"
	"earshot/protocol/wire"
)

// world is a few engines in one test: time moves when the test says so, frames are carried at once and in order, and the
// disk answers at once, unless the test holds them back.
type world struct {
	t     testing.TB
	now   time.Time
	nodes []*node
	links map[LinkID]*end
	last  uint64
	queue []item
	busy  bool
	rng   *rand.Rand        // not nil: what is under way arrives in any order that lanes allow
	disk  map[string]string // the shared folder /w of node 0
	// locked files can be read, not written.
	locked map[string]bool
}

// item is something under way; what goes in one lane keeps its order.
type item struct {
	lane  string
	do    func()
	frame []byte // of a link
}

func (w *world) put(lane string, do func()) { w.queue = append(w.queue, item{lane: lane, do: do}) }

// node is one daemon.
type node struct {
	w       *world
	name    string
	e       *Engine
	eds     []*editor
	fx      []Effect // everything it wanted since the test last looked
	trail   []traced
	holding bool // the disk does not answer
	bare    bool // has no clipboard
	later   []Event
	member  string
	rejoin  JoinID
	joined  JoinID
}

type traced struct {
	at time.Time
	ev Event
	fx []Effect
}

// end is one daemon's end of a link.
type end struct {
	n     *node
	other LinkID
	down  bool
}

// editor is a connection with at most one buffer.
type editor struct {
	n       *node
	conn    protocol.ConnID
	exact   bool
	replica string
	enc     text.Encoding
	end     text.LineEnd
	uri     string
	buf     *text.Rope
	version int
	stamp   string
	manual  bool  // the test answers applyEdit itself
	asks    []Ask // not answered
	told    []string
	notes   []protocol.EditorParams
	closed  string
	id      int
	results map[protocol.RequestID]any
	beat    time.Duration         // what passes before it types
	part    *protocol.CommandPart // what it says of what it reports
}

func newWorld(t testing.TB) *world {
	return &world{t: t, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), links: map[LinkID]*end{},
		disk: map[string]string{}, locked: map[string]bool{}}
}

func (w *world) node(name string) *node {
	n := &node{w: w, name: name}
	var seed [32]byte
	copy(seed[:], name)
	n.e = New(Config{Seed: seed, GOOS: "linux", Name: name, Version: "test"})
	w.nodes = append(w.nodes, n)
	return n
}

// step gives one event to an engine and carries out what follows until nothing is under way.
func (n *node) step(ev Event) {
	n.soon(ev)
	n.w.run()
}

func (n *node) take(ev Event) {
	fx := n.e.Step(n.w.now, ev)
	n.trail = append(n.trail, traced{n.w.now, ev, fx})
	n.fx = append(n.fx, fx...)
	for _, f := range fx {
		n.carryOut(f)
	}
}

func (w *world) run() {
	if w.busy {
		return
	}
	w.busy = true
	defer func() { w.busy = false }()
	for steps := 0; len(w.queue) > 0; steps++ {
		if steps > 20000 {
			w.t.Fatal("no rest: 20,000 steps at one moment")
		}
		i := 0
		if w.rng != nil {
			if steps == 3 {
				return // the rest is still under way
			}
			lane := w.queue[w.rng.IntN(len(w.queue))].lane
			i = slices.IndexFunc(w.queue, func(x item) bool { return x.lane == lane })
		}
		do := w.queue[i].do
		w.queue = slices.Delete(w.queue, i, i+1)
		do()
	}
}

// pass lets time go by, with every Tick that is asked for.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	until := w.now.Add(d)
	for ticks := 0; ; ticks++ {
		var next *node
		var at time.Time
		for _, n := range w.nodes {
			if due := n.e.Deadline(); !due.IsZero() && (next == nil || due.Before(at)) {
				next, at = n, due
			}
		}
		if next == nil || at.After(until) {
			break
		}
		if ticks > 5000 {
			w.t.Fatalf("%s asks for a tick again and again", next.name)
		}
		if at.After(w.now) {
			w.now = at
		}
		next.step(Tick{})
	}
	w.now = until
	for _, n := range w.nodes {
		n.step(Tick{})
	}
}

func (n *node) editor(conn protocol.ConnID) *editor {
	for _, ed := range n.eds {
		if ed.conn == conn && ed.closed == "" {
			return ed
		}
	}
	return nil
}

func (n *node) carryOut(f Effect) {
	switch f := f.(type) {
	case Reply:
		n.answered(f.Conn, f.ID, f.Result)
	case ReplyError:
		n.answered(f.Conn, f.ID, f.Err)
	case Notify:
		if ed := n.editor(f.Conn); ed != nil {
			ed.notified(f.Params)
		}
	case Ask:
		if ed := n.editor(f.Conn); ed != nil {
			ed.asked(f)
		}
	case CloseClient:
		if ed := n.editor(f.Conn); ed != nil {
			ed.closed = f.Reason
		}
	case SendFrame:
		n.send(f)
	case CloseLink:
		n.w.closeLink(f.Link)
	case StartJoin:
		n.joined = f.Join
		host := n.w.nodes[0]
		n.w.put(host.name, func() {
			host.take(Knocked{Session: host.shared(), Intro: IntroID(f.Join) + 1000*n.index(), Name: n.name, Check: "123456",
				Role: f.Params.Role, Client: "earshot test"})
		})
	case Decide:
		n.decided(f)
	case Rejoin:
		n.rejoin = f.Join
	case OpenRoom:
		n.soon(RoomOpened{Session: f.Session, Code: "CODE", Link: "http://here/j#CODE"})
	default:
		n.onDisk(f)
	}
}

func (n *node) index() IntroID { return IntroID(slices.Index(n.w.nodes, n)) }

// shared is the id of the session that a host has open.
func (n *node) shared() string {
	for _, s := range n.e.sessions {
		if s.host && s.state != protocol.SessionEnded {
			return s.id
		}
	}
	return ""
}

func (n *node) soon(ev Event) {
	lane := n.name
	switch ev := ev.(type) {
	case ClientOpened:
		lane = laneFrom(ev.Conn)
	case ClientCalled:
		lane = laneFrom(ev.Conn)
	case ClientAnswered:
		lane = laneFrom(ev.Conn)
	case ClientClosed:
		lane = laneFrom(ev.Conn)
	}
	n.w.put(lane, func() { n.take(ev) })
}

func laneFrom(c protocol.ConnID) string { return fmt.Sprint("from ", c) }

func (n *node) decided(f Decide) {
	guest := n.w.nodes[int(f.Intro)/1000%len(n.w.nodes)]
	if guest == n {
		return // a knock that the test made itself
	}
	if !f.Admit {
		guest.soon(JoinFailed{Join: guest.joined, Err: protocol.Errorf(protocol.NotAdmitted, "%s", f.Why)})
		return
	}
	guest.member = f.Member
	n.w.put(n.name, func() { n.w.connect(n, guest, guest.joined) })
}

// connect makes a link between a host and a guest.
func (w *world) connect(host, guest *node, join JoinID) LinkID {
	w.last += 2
	a, b := LinkID(w.last), LinkID(w.last+1)
	w.links[a], w.links[b] = &end{n: host, other: b}, &end{n: guest, other: a}
	w.put(host.name, func() {
		host.take(GuestLinked{Session: host.shared(), Member: guest.member, Link: a})
		guest.take(HostLinked{Join: join, Link: b})
	})
	return b
}

func (n *node) send(f SendFrame) {
	w := n.w
	here := w.links[f.Link]
	if here == nil || here.down {
		return
	}
	there := w.links[here.other]
	if there.n == nil {
		return // the test reads this end itself
	}
	data := slices.Clone(f.Data)
	if len(data) > wire.MaxFrame {
		w.t.Errorf("a frame of %d bytes", len(data))
	}
	w.queue = append(w.queue, item{fmt.Sprint("link ", f.Link, f.Channel), func() {
		if !there.down {
			there.n.take(FrameArrived{Link: here.other, Channel: f.Channel, Data: data})
		}
	}, data})
}

func (w *world) closeLink(id LinkID) {
	here := w.links[id]
	if here == nil || here.down {
		return
	}
	w.put(fmt.Sprint("link ", id, Live), func() { w.cut(id) })
}

// cut breaks a link at both ends; what is under way is lost.
func (w *world) cut(id LinkID) {
	here := w.links[id]
	there := w.links[here.other]
	if here.down {
		return
	}
	here.down, there.down = true, true
	other := here.other
	host := w.nodes[0].name // behind the news that it is up
	if here.n != nil {
		w.put(host, func() { here.n.take(LinkDown{Link: id, Why: "cut"}) })
	}
	if there.n != nil {
		w.put(host, func() { there.n.take(LinkDown{Link: other, Why: "cut"}) })
	}
}

// breakLink breaks the link of a guest.
func (w *world) breakLink(guest *node) {
	for id := LinkID(1); id <= LinkID(w.last+1); id++ {
		if l := w.links[id]; l != nil && l.n == guest && !l.down {
			w.cut(id)
		}
	}
	w.run()
}

// mend lets a guest that lost its link come back.
func (w *world) mend(guest *node) {
	w.t.Helper()
	w.pass(time.Second)
	if guest.rejoin == 0 {
		w.t.Fatalf("%s does not try to come back", guest.name)
	}
	w.connect(w.nodes[0], guest, guest.rejoin)
	guest.rejoin = 0
	w.run()
}

func stampOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:8])
}

// onDisk answers for the disk: the folder /w.
func (n *node) onDisk(f Effect) {
	var ev Event
	switch f := f.(type) {
	case OpenFolder:
		ev = FolderOpened{Op: f.Op, Root: f.Folder, Name: "w"}
	case WidenFolder:
		ev = n.w.widen(f)
	case Locate:
		p, err := docpath.Parse(strings.TrimPrefix(f.File, "/w/"))
		ev = Located{Op: f.Op, Path: p, Inside: err == nil && strings.HasPrefix(f.File, "/w/")}
	case LoadFile:
		n.hand(func() Event { return n.w.load(f) })
		return
	case SaveFile:
		n.hand(func() Event { return n.w.save(f) })
		return
	case ListFolder:
		ev = n.w.list(f)
	case CreateEntry:
		ev = n.w.create(f)
	case Copy:
		ev = Copied{Op: f.Op, Done: !n.bare}
	case RenameEntry:
		n.hand(func() Event { return n.w.rename(f) })
		return
	case DeleteEntry:
		n.hand(func() Event { return n.w.remove(f) })
		return
	default:
		return
	}
	n.hand(func() Event { return ev })
}

// widen shows what is named in /w under its path there.
func (w *world) widen(f WidenFolder) Widened {
	out := Widened{Op: f.Op, Root: f.Folder}
	if other := f.Others[f.Folder]; other != "" {
		return Widened{Op: f.Op, Err: protocol.Errorf(protocol.AlreadyShared, "It is shared in %s.", other)}
	}
	for _, file := range f.Files {
		p, err := docpath.Parse(strings.TrimPrefix(file, "/w/"))
		if _, there := w.disk[p.String()]; err != nil || !there {
			return Widened{Op: f.Op, Err: protocol.Errorf(protocol.NoSuchDocument, "There is no %s.", file)}
		}
		out.Shown = append(out.Shown, p)
	}
	for _, name := range f.Names {
		p, err := docpath.Parse(name)
		for n := 2; err == nil && (slices.Contains(f.Taken, p) || slices.Contains(out.Names, p)); n++ {
			p, err = docpath.Parse(name + "-" + strconv.Itoa(n))
		}
		if err != nil {
			return Widened{Op: f.Op, Err: protocol.Errorf(protocol.Conflict, "%s can't be a name.", name)}
		}
		out.Names = append(out.Names, p)
	}
	return out
}

func (w *world) create(f CreateEntry) Created {
	if _, there := w.disk[f.Path.String()]; there {
		return Created{Op: f.Op, Err: protocol.Errorf(protocol.Exists, "It is there already.")}
	}
	w.disk[f.Path.String()] = ""
	return Created{Op: f.Op}
}

// rename and remove know no folders but those that names begin with.
func (w *world) rename(f RenameEntry) Renamed {
	from, to := f.From.String(), f.To.String()
	out := Renamed{Op: f.Op}
	found := false
	for name := range w.disk {
		if name == to || strings.HasPrefix(name, to+"/") {
			return Renamed{Op: f.Op, Err: protocol.Errorf(protocol.Exists, "%s is there already.", to)}
		}
		found = found || name == from || strings.HasPrefix(name, from+"/")
	}
	if !found {
		return Renamed{Op: f.Op, Err: protocol.Errorf(protocol.NoSuchDocument, "There is no %s.", from)}
	}
	for name, text := range maps.Clone(w.disk) {
		if name == from || strings.HasPrefix(name, from+"/") {
			delete(w.disk, name)
			w.disk[to+strings.TrimPrefix(name, from)] = text
		}
	}
	for _, p := range f.Texts {
		out.Identities = append(out.Identities, strings.ToLower(p.String()))
	}
	return out
}

func (w *world) remove(f DeleteEntry) Deleted {
	if _, there := w.disk[f.Path.String()]; !there {
		return Deleted{Op: f.Op, Err: protocol.Errorf(protocol.NoSuchDocument, "There is no %s.", f.Path)}
	}
	delete(w.disk, f.Path.String())
	return Deleted{Op: f.Op}
}

// hand gives the disk's answer soon, or when the test releases it.
func (n *node) hand(answer func() Event) {
	if n.holding {
		n.later = append(n.later, answer())
		return
	}
	n.w.put("disk", func() { n.take(answer()) })
}

func (n *node) release() {
	n.holding = false
	later := n.later
	n.later = nil
	for _, ev := range later {
		n.soon(ev)
	}
	n.w.run()
}

const bom = "\ufeff"

func formOf(s string) (string, protocol.Form) {
	rest, has := strings.CutPrefix(s, bom)
	end := text.DetectLineEnd(rest)
	lf := end.ToLF(rest)
	return lf, protocol.Form{EOL: end.String(), BOM: has, Encoding: "utf-8", FinalNewline: strings.HasSuffix(lf, "\n")}
}

func (w *world) load(f LoadFile) Loaded {
	name := f.Path.String()
	raw, ok := w.disk[name]
	if !ok {
		return Loaded{Op: f.Op, Err: protocol.Errorf(protocol.NoSuchDocument, "There is no file %s.", name)}
	}
	s, form := formOf(raw)
	return Loaded{Op: f.Op, Text: s, Form: form, Stamp: stampOf(raw), Identity: strings.ToLower(name), Readonly: w.locked[name]}
}

func (w *world) save(f SaveFile) Saved {
	name := f.Path.String()
	if w.locked[name] {
		return Saved{Op: f.Op, Err: protocol.Errorf(protocol.SaveFailed, "%s can't be written.", name)}
	}
	if now, there := w.disk[name]; there && stampOf(now) != f.Base {
		s, form := formOf(now)
		return Saved{Op: f.Op, Changed: true, Text: s, Form: form, Stamp: stampOf(now)}
	}
	s := f.Text
	if f.Form.EOL == text.CRLF.String() {
		s = text.CRLF.FromLF(s)
	}
	if f.Form.BOM {
		s = bom + s
	}
	w.disk[name] = s
	return Saved{Op: f.Op, Stamp: stampOf(s)}
}

func (w *world) list(f ListFolder) Listed {
	var names []string
	for name := range w.disk {
		names = append(names, name)
	}
	slices.Sort(names)
	out := Listed{Op: f.Op}
	for _, name := range names {
		p, err := docpath.Parse(name)
		if err == nil {
			out.Entries = append(out.Entries, Entry{Path: p, Size: int64(len(w.disk[name]))})
		}
	}
	return out
}

// Editors.

type choice func(*editor, *protocol.InitializeParams)

// stock is a client that declares nothing; its program is what it calls itself.
func stock(program string) choice {
	return func(ed *editor, p *protocol.InitializeParams) {
		ed.exact, ed.replica = false, ""
		p.Capabilities.Experimental = nil
		p.ClientInfo = &protocol.ClientInfo{Name: program}
	}
}

func encoding(enc text.Encoding) choice {
	return func(ed *editor, p *protocol.InitializeParams) {
		ed.enc = enc
		p.Capabilities.General = &protocol.GeneralCapabilities{PositionEncodings: []string{"unknown", enc.String()}}
	}
}

// replica makes it the editor process of that name.
func replica(name string) choice {
	return func(ed *editor, p *protocol.InitializeParams) {
		ed.replica = name
		p.InitializationOptions.Replica = name
	}
}

// manual leaves the answers to the test.
func manual(ed *editor, _ *protocol.InitializeParams) { ed.manual = true }

// connect opens a connection; without choices an exact client that does what it is asked.
func (n *node) connect(choices ...choice) *editor {
	n.w.last++
	ed := &editor{n: n, conn: protocol.ConnID(n.w.last), exact: true, enc: text.UTF16, results: map[protocol.RequestID]any{}}
	ed.replica = "r" + strconv.FormatUint(n.w.last, 10)
	p := &protocol.InitializeParams{InitializationOptions: &protocol.InitializationOptions{Replica: ed.replica}}
	p.Capabilities.Experimental = &protocol.ExperimentalCapabilities{Earshot: &protocol.EarshotClientCapabilities{ExactVersions: true}}
	for _, choose := range choices {
		choose(ed, p)
	}
	n.eds = append(n.eds, ed)
	n.step(ClientOpened{Conn: ed.conn})
	ed.ask(p)
	if n.w.rng == nil && ed.results["1"] == nil {
		n.w.t.Fatal("initialize was not answered")
	}
	return ed
}

func (ed *editor) notify(p protocol.DaemonParams) {
	ed.n.step(ClientCalled{Conn: ed.conn, Params: p})
}

// ask sends a request and gives its number.
func (ed *editor) ask(p protocol.DaemonParams) protocol.RequestID {
	ed.id++
	id := protocol.RequestID(strconv.Itoa(ed.id))
	ed.n.step(ClientCalled{Conn: ed.conn, ID: id, Params: p})
	return id
}

// call sends a request that must be answered now and succeed.
func (ed *editor) call(p protocol.DaemonParams) any {
	ed.n.w.t.Helper()
	id := ed.ask(p)
	got, ok := ed.results[id]
	if !ok {
		ed.n.w.t.Fatalf("%T was not answered", p)
	}
	if err, bad := got.(*protocol.Error); bad && err != nil {
		ed.n.w.t.Fatalf("%T: %v", p, err)
	}
	return got
}

// fails sends a request that must be answered now and gives its error.
func (ed *editor) fails(p protocol.DaemonParams) *protocol.Error {
	ed.n.w.t.Helper()
	id := ed.ask(p)
	got, ok := ed.results[id]
	if !ok {
		ed.n.w.t.Fatalf("%T was not answered", p)
	}
	err, _ := got.(*protocol.Error)
	return err
}

func (n *node) answered(conn protocol.ConnID, id protocol.RequestID, result any) {
	ed := n.editor(conn)
	if ed == nil {
		return
	}
	if _, twice := ed.results[id]; twice {
		n.w.t.Errorf("request %s was answered twice", id)
	}
	ed.results[id] = result
}

func (ed *editor) notified(p protocol.EditorParams) {
	ed.notes = append(ed.notes, p)
	if m, ok := p.(*protocol.ShowMessageParams); ok {
		ed.told = append(ed.told, m.Message)
	}
}

// saw gives the newest notification of a kind.
func saw[P protocol.EditorParams](ed *editor) P {
	var found P
	for _, p := range ed.notes {
		if got, ok := p.(P); ok {
			found = got
		}
	}
	return found
}

// wasTold tells whether a sentence with these words was shown, and forgets what was.
func (ed *editor) wasTold(words string) bool {
	told := strings.Join(ed.told, "\n")
	ed.told = nil
	return strings.Contains(told, words)
}

// open shows a text and reports it.
func (ed *editor) open(uri, s string) {
	ed.end = text.DetectLineEnd(s)
	ed.uri, ed.buf = uri, text.New(ed.end.ToLF(s))
	if ed.version == 0 {
		ed.version = 1
	}
	ed.reopen()
}

// reopen reports the buffer as it is.
func (ed *editor) reopen() {
	p := &protocol.DidOpenTextDocumentParams{TextDocument: protocol.TextDocumentItem{
		URI: ed.uri, Version: ed.version, Text: ed.end.FromLF(ed.buf.String())}}
	if ed.exact && ed.stamp != "" {
		p.Earshot = &protocol.Stamp{Stamp: ed.stamp}
	}
	ed.notify(p)
}

// fetch opens a guest's document with the text that the daemon hands out.
func (ed *editor) fetch(uri string) {
	ed.n.w.t.Helper()
	got := ed.call(&protocol.TextDocumentContentParams{URI: uri}).(protocol.TextDocumentContentResult)
	ed.open(uri, got.Text)
}

func (ed *editor) entry(pos, del int, ins string) protocol.TextDocumentContentChangeEvent {
	r := protocol.Range{Start: protocol.Position(ed.buf.Position(pos, ed.enc)), End: protocol.Position(ed.buf.Position(pos+del, ed.enc))}
	ed.buf.Replace(pos, del, ins)
	return protocol.TextDocumentContentChangeEvent{Range: &r, Text: ed.end.FromLF(ins)}
}

// types replaces del code points at pos, as the person does.
func (ed *editor) types(pos, del int, ins string) {
	if ed.beat > 0 {
		ed.n.w.pass(ed.beat)
	}
	change := ed.entry(pos, del, ins)
	ed.version++
	ed.reports(change)
}

// adds types at the end.
func (ed *editor) adds(ins string) { ed.types(ed.buf.Len(), 0, ins) }

// reports sends one didChange.
func (ed *editor) reports(changes ...protocol.TextDocumentContentChangeEvent) {
	ed.notify(&protocol.DidChangeTextDocumentParams{
		TextDocument:   protocol.VersionedTextDocumentIdentifier{URI: ed.uri, Version: ed.version},
		ContentChanges: changes,
		Earshot:        ed.part,
	})
}

func (ed *editor) asked(a Ask) {
	p, ok := a.Params.(*protocol.ApplyWorkspaceEditParams)
	ed.asks = append(ed.asks, a)
	if ok && ed.inFlightOf(p.Edit.DocumentChanges[0].TextDocument.URI) > 1 {
		ed.n.w.t.Error("two edits in flight for one document and connection")
	}
	if !ok || ed.manual || ed.buf == nil {
		return
	}
	ed.n.w.put(fmt.Sprint("to ", ed.conn), func() {
		if ed.closed != "" || ed.edit() == nil {
			return
		}
		if p.Edit.DocumentChanges[0].TextDocument.Version != ed.version {
			ed.answers(false)
			return
		}
		ed.applies()
	})
}

// inFlight counts the edits that wait for an answer.
func (ed *editor) inFlight() int {
	n := 0
	for _, a := range ed.asks {
		if _, ok := a.Params.(*protocol.ApplyWorkspaceEditParams); ok {
			n++
		}
	}
	return n
}

// inFlightOf counts those of one document.
func (ed *editor) inFlightOf(uri string) int {
	n := 0
	for _, a := range ed.asks {
		if p, ok := a.Params.(*protocol.ApplyWorkspaceEditParams); ok && p.Edit.DocumentChanges[0].TextDocument.URI == uri {
			n++
		}
	}
	return n
}

// edit is the edit that waits for an answer, nil if none does.
func (ed *editor) edit() *protocol.ApplyWorkspaceEditParams {
	for _, a := range ed.asks {
		if p, ok := a.Params.(*protocol.ApplyWorkspaceEditParams); ok {
			return p
		}
	}
	return nil
}

// make changes the buffer as the waiting edit asks and returns what is to be reported.
func (ed *editor) make() []protocol.TextDocumentContentChangeEvent {
	p := ed.edit()
	var changes []protocol.TextDocumentContentChangeEvent
	for _, e := range slices.Backward(p.Edit.DocumentChanges[0].Edits) {
		from, to := ed.place(e.Range.Start), ed.place(e.Range.End)
		if from == to && e.NewText == "" {
			continue
		}
		changes = append(changes, ed.entry(from, to-from, text.CRLF.ToLF(e.NewText)))
	}
	if p.Earshot != nil {
		ed.stamp = p.Earshot.Stamp
	}
	return changes
}

func (ed *editor) place(p protocol.Position) int {
	pos, err := ed.buf.Offset(text.Position(p), ed.enc, text.Before)
	if err != nil {
		return ed.buf.Len()
	}
	return pos
}

// applies does what the waiting edit asks, as an exact client does.
func (ed *editor) applies() {
	changes := ed.make()
	if len(changes) > 0 || !ed.exact {
		ed.version++
		ed.reports(changes...)
	}
	ed.answers(true)
}

// answers the waiting edit, with the version that the buffer has now.
func (ed *editor) answers(applied bool) {
	version := ed.version
	res := &protocol.ApplyWorkspaceEditResult{Applied: applied}
	if ed.exact {
		res.Version = &version
	}
	ed.replies(res, nil)
}

// replies answers the waiting edit with anything.
func (ed *editor) replies(res any, err *protocol.Error) {
	i := slices.IndexFunc(ed.asks, func(a Ask) bool {
		_, ok := a.Params.(*protocol.ApplyWorkspaceEditParams)
		return ok
	})
	if i < 0 {
		ed.n.w.t.Fatal("no edit waits for an answer")
	}
	call := ed.asks[i].Call
	ed.asks = slices.Delete(ed.asks, i, i+1)
	ed.n.step(ClientAnswered{Conn: ed.conn, Call: call, Result: res, Err: err})
}

// drop loses the connection and what is under way on it; the buffer lives on.
func (ed *editor) drop() {
	ed.closed = "lost"
	lane := laneFrom(ed.conn)
	ed.n.w.queue = slices.DeleteFunc(ed.n.w.queue, func(x item) bool { return x.lane == lane })
	ed.n.step(ClientClosed{Conn: ed.conn})
}

// back connects the same editor process again, with its buffer.
func (ed *editor) back(choices ...choice) *editor {
	if ed.exact {
		choices = append([]choice{replica(ed.replica)}, choices...)
	}
	again := ed.n.connect(choices...)
	again.uri, again.buf, again.version, again.stamp, again.end = ed.uri, ed.buf, ed.version, ed.stamp, ed.end
	return again
}

func (ed *editor) text() string { return ed.buf.String() }

// Sessions.

// share opens a session on /w with a script that lets everyone in.
func (n *node) share(change func(*protocol.ShareParams)) *editor {
	n.w.t.Helper()
	script := n.connect()
	p := &protocol.ShareParams{Folder: "file:///w", Admit: protocol.AdmitAuto, Guests: 16}
	if change != nil {
		change(p)
	}
	script.call(p)
	return script
}

// join makes a guest's daemon.
func (w *world) join(name string) (*node, *editor) {
	w.t.Helper()
	g := w.node(name)
	script := g.connect()
	script.call(&protocol.JoinParams{Code: "CODE", Linger: true})
	return g, script
}

// pair is a host that shares the file a.txt and one guest.
func pair(t testing.TB, content string) (w *world, host, guest *node) {
	t.Helper()
	w = newWorld(t)
	w.disk["a.txt"] = content
	host = w.node("host")
	host.share(func(p *protocol.ShareParams) { p.Linger = true })
	guest, _ = w.join("guest")
	return w, host, guest
}

// uri names a shared file as everyone may.
func (w *world) uri(path string) string {
	return "earshot://" + w.nodes[0].shared() + "/" + path
}

const fileURI = "file:///w/a.txt"

// doc is a node's document of a.txt.
func (n *node) doc() *document {
	for _, s := range n.e.sessions {
		for _, d := range s.docs {
			if d.path.String() == "a.txt" || d.untitled != "" {
				return d
			}
		}
	}
	return nil
}

func (n *node) head() string {
	n.w.t.Helper()
	d := n.doc()
	if d == nil || !d.ready {
		n.w.t.Fatalf("%s does not have the document", n.name)
	}
	return d.text.Text().String()
}

// want checks that the texts of nodes and editors are all this one.
func (w *world) want(s string, all ...any) {
	w.t.Helper()
	for _, x := range all {
		switch x := x.(type) {
		case *node:
			if got := x.head(); got != s {
				w.t.Errorf("%s has %q, want %q", x.name, got, s)
			}
		case *editor:
			if got := x.text(); got != s {
				w.t.Errorf("an editor at %s shows %q, want %q", x.n.name, got, s)
			}
		default:
			panic(fmt.Sprintf("want of a %T", x))
		}
	}
}

// wantKind checks the kind of an error.
func wantKind(t testing.TB, err *protocol.Error, want protocol.Kind) {
	t.Helper()
	if got := protocol.KindOf(err); err == nil || got != want {
		t.Errorf("got the error %v of kind %q, want kind %q", err, got, want)
	}
}

// effects gives those of a kind since the test last asked, and forgets all.
func effects[F Effect](n *node) []F {
	var all []F
	for _, f := range n.fx {
		if got, ok := f.(F); ok {
			all = append(all, got)
		}
	}
	n.fx = nil
	return all
}

func sumOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
