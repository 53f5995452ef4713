package session

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
	"time"

	"earshot/internal/crdt"
	"earshot/internal/docpath"
	"earshot/internal/text"
	"earshot/protocol"
	"earshot/protocol/wire"
)

// document is one shared text: at the host beside its file, at a guest as a replica of the host's.
type document struct {
	session  *session
	path     docpath.Path
	untitled string // host: the editor's URI of a buffer without a file
	num      uint32 // the host's number for it, the same on all sides
	instance string // one for each load: stamps and replicas of another load do not fit
	identity string
	alias    *document      // another name of a file that was open already: go there
	was      []docpath.Path // names that it had; the last maxWas
	gone     bool           // host: its file was deleted here; saving makes it anew

	ready   bool
	waiting []func(*protocol.Error)
	text    *crdt.Doc
	form    protocol.Form
	eol     text.LineEnd

	readonly bool
	dirty    bool

	// Host, with a file: what the disk held when it was last read or written.
	stamp  string
	diskAt base // without its text

	saving *bufferSave  // host: an editor's, because a guest saves
	torn   []*text.Rope // host: what editors were perhaps writing when they failed or were gone

	mirrors  []*mirror
	lost     []*lostMirror
	pins     []pin
	shown    bool                      // an editor or a guest has had it: its text is no longer one editor's affair
	owners   map[crdt.Agent]string     // host: whose events an agent's are
	names    map[string]int            // host: by member, how many agents it owns
	heirs    map[crdt.Agent]crdt.Agent // of the agents of buffers here: who goes on for each; most for themselves
	skewed   map[crdt.Agent]bool       // whose heirs made events on what their buffers did not show yet
	outdated map[string]bool           // host: members whose copies are from before they were made viewers
	marked   map[string]time.Time      // member → when its last change was told to subscribers of events
	idle     time.Time                 // since when nobody has it; zero while somebody has

	floors   map[string]crdt.Frontier // host: by member, what all that the guest may yet do builds on
	floor    crdt.Frontier            // guest: what the host was told of that
	askedAt  time.Time                // host: when the guests were last asked
	pressure pressure                 // host

	inTouched bool
	stepFrom  crdt.Frontier // head when its editors were last brought up to date,
	stepPatch text.Patch    // and what the head went through since
	sentHead  crdt.Frontier // what links have been sent
	toldState *wire.State

	// Guest: the replica's dealings with the host.
	turn   uint32        // of the last Resync, 0 if this copy sent none yet
	synced bool          // the host has answered that: both sides send events as they happen
	sent   uint64        // whole Events messages since the last Resync
	acked  uint64        // and how many of them the host has taken
	behind crdt.Frontier // what the host surely had when sent was last zero
	asked  uint32        // the request for a snapshot that is under way, 0 if none
	answer *wire.Opened  // to it
	loaded []byte        // the chunks that came
	whole  bool          // all of them
	void   bool          // the host said Reset; a new snapshot is on its way
	mended time.Time     // when the host last could not take what was sent of it

	saves []func(*protocol.Error) // guest: those who asked for a save before the host could have what was typed

	check check
}

// pin is a text that a buffer may turn out to hold: loaded, saved or handed out.
type pin struct {
	at   crdt.Frontier
	text *text.Rope
}

// lostMirror is what was known of a buffer whose editor is gone.
type lostMirror struct {
	replica, key string
	at           crdt.Frontier
	skew         text.Patch
	buffer       *text.Rope
	since        time.Time
	undo         *undoStack // nil if its person did nothing under this name
	flown        bool       // what it holds if its editor made the edit that was under way, which had this stamp
	stamp        string
}

// MaxPins of a document. Each costs a clone of the rope (its edited leaves alone) and holds back history: enough for a
// handful of scripts and editors that were handed the text within DocumentGrace.
const MaxPins = 32

// MaxLost mirrors of a document: editors that vanished and may come back.
const MaxLost = 16

func (d *document) uri() string {
	if d.untitled != "" {
		return d.untitled
	}
	return docpath.SessionURI(d.session.id, d.path)
}

func (d *document) start(base string) {
	d.text = crdt.New(base)
	d.begin()
}

func (d *document) begin() {
	d.ready = true
	d.setForm(d.form)
	d.stepFrom, d.stepPatch = d.text.Head(), nil
	d.sentHead = d.text.Head()
	d.pin()
}

func (d *document) setForm(f protocol.Form) {
	d.form, d.eol = f, text.LF
	if f.EOL == text.CRLF.String() {
		d.eol = text.CRLF
	}
}

// pin remembers the head as a text that a buffer may hold.
func (d *document) pin() { d.pinAt(d.text.Head(), d.text.Text()) }

func (d *document) pinAt(at crdt.Frontier, s *text.Rope) {
	for _, p := range d.pins {
		if slices.Equal(p.at, at) {
			return
		}
	}
	if len(d.pins) == MaxPins { // the first is the text as loaded and stays
		d.pins = slices.Delete(d.pins, 1, 2)
	}
	d.pins = append(d.pins, pin{at: slices.Clone(at), text: s.Clone()})
}

// moved notes what the head went through.
func (d *document) moved(head text.Patch) { d.stepPatch = text.Compose(d.stepPatch, head) }

// used tells whether the document must stay: somebody has it, or it holds what is nowhere else. A guest whose link broke
// may have typed meanwhile, and what it brings back builds on this copy.
func (d *document) used() bool {
	if d.isOpen() {
		return true
	}
	if !d.session.host {
		return d.unacked()
	}
	return d.lacksSave() || d.shown && len(d.session.away) > 0
}

// lacksSave tells whether the host's file lacks something of the text. One that was deleted lacks nothing that anybody wants, if
// nobody changed the text since.
func (d *document) lacksSave() bool {
	return d.dirty && !(d.gone && len(d.diskAt.skew) == 0 && slices.Equal(d.diskAt.at, d.text.Head()))
}

// isOpen tells whether anybody has the document.
func (d *document) isOpen() bool {
	if len(d.mirrors) > 0 || len(d.waiting) > 0 || len(d.lost) > 0 {
		return true
	}
	if !d.session.host {
		return false
	}
	for _, r := range d.session.remotes {
		if r.has(d) {
			return true
		}
	}
	return d.untitled != ""
}

// unacked tells whether the host may lack something that was typed here.
func (d *document) unacked() bool {
	if !d.ready || d.session.host {
		return false
	}
	if slices.ContainsFunc(d.mirrors, func(m *mirror) bool { return m.before != nil }) {
		return true
	}
	return d.sent != d.acked || (!d.synced && !slices.Equal(d.text.Head(), d.behind))
}

// finish calls those who waited for the document; an error is the end of it, for those too who wait for a save.
func (d *document) finish(err *protocol.Error) {
	if err != nil {
		d.notSaved(err)
	}
	waiting := d.waiting
	d.waiting = nil
	for _, then := range waiting {
		then(err)
	}
}

// stampOf writes a version as an opaque string: the load, the buffer's agent and the heads. What the agent did beyond
// the heads belongs to the buffer too.
func (d *document) stampOf(a crdt.Agent, f crdt.Frontier) string {
	b := append([]byte{stampVersion, byte(len(d.instance))}, d.instance...)
	b = binary.BigEndian.AppendUint64(b, uint64(a))
	for _, id := range d.text.Version(f) {
		b = binary.BigEndian.AppendUint64(b, uint64(id.Agent))
		b = binary.AppendUvarint(b, uint64(id.Seq))
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

const stampVersion = 1

// atStamp is the version of the buffer that hands back a stamp, all that it was told and all that it reported, and the
// agent under whose name it did.
func (d *document) atStamp(stamp string) (crdt.Frontier, crdt.Agent, bool) {
	b, err := base64.RawURLEncoding.DecodeString(stamp)
	head := 2 + len(d.instance)
	if err != nil || len(b) < head+8 || b[0] != stampVersion || string(b[2:head]) != d.instance {
		return nil, 0, false
	}
	agent := crdt.Agent(binary.BigEndian.Uint64(b[head:]))
	b = b[head+8:]
	var v crdt.Version
	for len(b) > 0 {
		if len(b) < 9 {
			return nil, 0, false
		}
		seq, n := binary.Uvarint(b[8:])
		if n <= 0 || seq > 1<<32-1 {
			return nil, 0, false
		}
		v = append(v, crdt.ID{Agent: crdt.Agent(binary.BigEndian.Uint64(b)), Seq: uint32(seq)})
		b = b[8+n:]
	}
	at, err := d.text.Frontier(v)
	if err != nil {
		return nil, 0, false
	}
	return d.text.Union(at, d.text.LastOf(agent)), agent, true
}

// bringUpToDate tells links and editors what they lack of the document.
func (e *Engine) bringUpToDate(d *document) {
	if !d.ready {
		return
	}
	e.isThereAgain(d)
	e.shareEvents(d)
	if !d.session.host && !slices.Equal(d.stepFrom, d.text.Head()) {
		d.checkLater(e.now)
	}
	for _, m := range slices.Clone(d.mirrors) {
		e.advance(m)
	}
	d.stepFrom, d.stepPatch = slices.Clone(d.text.Head()), nil
	e.shorten(d)
	if d.session.host && d.session.state == protocol.SessionEnded {
		e.part(d)
		return
	}
	e.shareState(d)
}

// shareEvents sends the other daemons what happened here since they were sent anything.
func (e *Engine) shareEvents(d *document) {
	if head := d.text.Head(); !slices.Equal(d.sentHead, head) {
		since := d.sentHead
		d.sentHead = slices.Clone(head)
		e.relay(d, since, nil)
	}
}

// relay sends what happened since a version to every link that has the document, but the one that it came from.
func (e *Engine) relay(d *document, since crdt.Frontier, from *remote) {
	s := d.session
	if slices.Equal(since, d.text.Head()) {
		return // a message may hold nothing that is new; an empty one can't be read
	}
	if !s.host {
		if d.synced && from == nil && s.up != nil {
			d.sent++
			e.sendLive(s.up, d, since)
		}
		return
	}
	for _, r := range s.remotes {
		if r != from && r.synced(d) {
			e.sendLive(r, d, since)
		}
	}
}

// sendLive sends what happened since a version, in pieces if it is long.
func (e *Engine) sendLive(r *remote, d *document, since crdt.Frontier) {
	e.sendEvents(r, wire.Events{Doc: d.num, Data: d.text.Send(&r.about(d.num).out, nil, since)})
}

// catchUp sends what the other end lacked before it is sent what happens.
func (e *Engine) catchUp(r *remote, d *document, lacking []byte) {
	e.sendEvents(r, wire.Events{Doc: d.num, CatchUp: true, Data: lacking})
}

// sendEvents sends one message, in pieces if it is long.
func (e *Engine) sendEvents(r *remote, f wire.Events) {
	rd := r.about(f.Doc)
	for rest := f.Data; ; rest = rest[wire.MaxPiece:] {
		piece := f
		piece.More = len(rest) > wire.MaxPiece
		piece.Data = rest[:min(len(rest), wire.MaxPiece)]
		rd.outs++
		piece.Sum = wire.SumOf(rd.outs, piece.Data)
		e.frame(r, Live, &piece)
		if !piece.More {
			return
		}
	}
}

func (d *document) state() wire.State {
	st := wire.State{Doc: d.num, Dirty: d.dirty, Readonly: d.readonly, Form: wire.Form(d.form)}
	if len(d.was) > 0 {
		st.Path = d.path.String()
	}
	return st
}

// shareState tells editors, and at the host guests, whether the file lacks something.
func (e *Engine) shareState(d *document) {
	st := d.state()
	if d.session.host && (d.toldState == nil || *d.toldState != st) {
		d.toldState = &st
		for _, r := range d.session.remotes {
			if r.has(d) {
				e.frame(r, Live, &st)
			}
		}
	}
	if d.session.state == protocol.SessionEnded {
		return // it has been said with the end
	}
	for _, m := range d.mirrors {
		now := protocol.DocumentChanged{URI: m.uri, Dirty: d.dirty, Readonly: d.locked(), Form: d.form}
		if m.told == nil || *m.told != now {
			m.told = &now
			sent := now
			e.emit(Notify{Conn: m.client.id, Params: &sent})
		}
	}
}

// locked tells whether this daemon's people may not change the text.
func (d *document) locked() bool {
	s := d.session
	return d.readonly || s.role == protocol.RoleViewer || s.state == protocol.SessionEnded
}

// happened tells subscribers that a member changed the text, at most once a second.
func (e *Engine) happened(d *document, member string) {
	if last, ok := d.marked[member]; ok && e.now.Sub(last) < time.Second {
		return
	}
	if d.marked == nil {
		d.marked = map[string]time.Time{}
	}
	d.marked[member] = e.now
	e.tellHappening(protocol.Happening{Event: "changed", Session: d.session.id, URI: d.uri(), Member: d.session.memberInfo(member)})
}
