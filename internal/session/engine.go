package session

import (
	"math/rand/v2"
	"slices"
	"time"

	"earshot/internal/crdt"
	"earshot/protocol"
)

// Config is what an engine is told once.
type Config struct {
	Seed    [32]byte // randomness for ids; from a cryptographic source
	GOOS    string   // runtime.GOOS of the machine whose paths arrive
	Name    string   // the person's name unless a request says otherwise
	Version string   // of the program
	PID     int
	// Auto: the daemon ends when its last client and session have been gone for IdleGrace.
	Auto bool
	// Invitation tells whether a text is a code or a link, and of a link whose server it leads to. nil: none ever is.
	Invitation func(text string) (server string, ok bool)
	// KeepRuns of a document's history are kept; 0 stands for the constant. Tests make it small.
	KeepRuns int
}

// Engine is the whole state of a daemon.
type Engine struct {
	cfg Config
	rng *rand.ChaCha8
	now time.Time

	out      []Effect
	clients  []*client
	sessions []*session
	joins    []*join
	touched  []*document // whose mirrors or presence have to be looked at before this Step ends

	lastOp    OpID
	lastCall  uint64
	lastJoin  JoinID
	lastPlace uint64
	lastAside uint64
	ops       map[OpID]func(Event)
	calls     map[uint64]*call
	asides    map[protocol.RequestID]func(any, *protocol.Error) // answers to what commands ask of the engine
	links     map[LinkID]*remote
	healed    int
	idle      time.Time // since when nobody is here; zero while somebody is
	stopping  bool
	ended     bool      // asked to stop, and every session has ended
	stopBy    time.Time // when it stops though an editor has not taken what guests did
}

// call is a question put to an editor.
type call struct {
	conn    protocol.ConnID
	mirror  *mirror // workspace/applyEdit
	owed    *flight // workspace/applyEdit of a stock client that has closed the document (of) since
	of      string
	knock   *knock               // session/admit or window/showMessageRequest
	leading *leading             // window/showDocument
	summons *leading             // window/showMessageRequest: whether to go there
	saving  *bufferSave          // textDocument/saveBuffer
	command func(ClientAnswered) // window/showMessageRequest of a command
	said    string               // the question, to be told where none can be asked; "" where the asker sees to that
}

// Times that the engine waits.
const (
	// SessionGrace: a session whose last connection is gone goes on for this long (contract, "Life").
	SessionGrace = 2 * time.Minute
	// AdmissionWait: a host who says nothing for this long has said no.
	AdmissionWait = 2 * time.Minute
	// AnswerWait: an editor that does not answer an edit for this long is closed (contract, "Documents").
	AnswerWait = 10 * time.Second
	// DocumentGrace: a document that nobody has open stays in memory for this long, so that what was handed out can be
	// bound when an editor opens it a moment later.
	DocumentGrace = 30 * time.Second
	// LostGrace: the mirror of an editor that vanished is kept for this long, to go on when it comes back.
	LostGrace = SessionGrace
	// MemberGrace: a guest whose link broke is expected back for this long.
	MemberGrace = SessionGrace
	// IdleGrace: a daemon that started by itself goes when nobody has been here for this long; long enough for one
	// command to follow another.
	IdleGrace = 5 * time.Second
	// retryFirst and retryMost: how long an editor that refused an edit without having changed is left alone.
	retryFirst = 50 * time.Millisecond
	retryMost  = 800 * time.Millisecond
	// presenceGap: cursors are told to an editor at most this often.
	presenceGap = 25 * time.Millisecond
)

// New makes an engine.
func New(cfg Config) *Engine {
	return &Engine{
		cfg:    cfg,
		rng:    rand.NewChaCha8(cfg.Seed),
		ops:    map[OpID]func(Event){},
		calls:  map[uint64]*call{},
		asides: map[protocol.RequestID]func(any, *protocol.Error){},
		links:  map[LinkID]*remote{},
	}
}

// Step takes one event in and returns what is to be done. The effects are the caller's; Step may be called again at
// once.
func (e *Engine) Step(now time.Time, ev Event) []Effect {
	e.now = now
	e.out = nil
	e.take(ev)
	e.settle()
	e.expire()
	e.settle()
	return e.out
}

// Deadline is when a Tick is due, or zero when none is.
func (e *Engine) Deadline() time.Time {
	var first time.Time
	at := func(t time.Time) {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	for _, s := range e.sessions {
		s.deadlines(at)
	}
	for _, c := range e.clients {
		at(c.presenceDue)
		at(c.hints.deadline())
	}
	if e.ended {
		at(e.stopBy)
	}
	if e.cfg.Auto && !e.idle.IsZero() && !e.stopping {
		at(e.idle.Add(IdleGrace))
	}
	return first
}

func (e *Engine) take(ev Event) {
	switch ev := ev.(type) {
	case ClientOpened:
		e.clients = append(e.clients, newClient(ev.Conn))
	case ClientCalled:
		e.clientCalled(ev)
	case ClientAnswered:
		e.clientAnswered(ev)
	case ClientClosed:
		e.clientClosed(ev.Conn)
	case FolderOpened:
		e.finish(ev.Op, ev)
	case Widened:
		e.finish(ev.Op, ev)
	case Located:
		e.finish(ev.Op, ev)
	case Loaded:
		e.finish(ev.Op, ev)
	case Saved:
		e.finish(ev.Op, ev)
	case Listed:
		e.finish(ev.Op, ev)
	case Created:
		e.finish(ev.Op, ev)
	case Copied:
		e.finish(ev.Op, ev)
	case Renamed:
		e.finish(ev.Op, ev)
	case Deleted:
		e.finish(ev.Op, ev)
	case RoomOpened, RoomFailed, CodeChanged, Knocked, KnockGone, GuestLinked:
		e.takeRoom(ev)
	case JoinProgressed, JoinFailed, JoinIsOwn, HostLinked:
		e.takeJoin(ev)
	case FrameArrived:
		e.frameArrived(ev)
	case LinkChanged:
		e.linkChanged(ev)
	case LinkDown:
		e.linkDown(ev)
	case ShuttingDown:
		e.shutDown()
	case Tick:
		e.checkCopies()
		e.undoesOn()
	}
}

// settle brings every touched document's editors and links up to date.
func (e *Engine) settle() {
	for len(e.touched) > 0 {
		docs := e.touched
		e.touched = nil
		for _, d := range docs {
			d.inTouched = false
		}
		for _, d := range docs {
			e.bringUpToDate(d)
		}
	}
}

func (e *Engine) touch(d *document) {
	if !d.inTouched {
		d.inTouched = true
		e.touched = append(e.touched, d)
	}
}

func (e *Engine) emit(f Effect) {
	if !e.holdsBack(f) {
		e.out = append(e.out, f)
	}
}

// op registers what happens when the world answers.
func (e *Engine) op(then func(Event)) OpID {
	e.lastOp++
	e.ops[e.lastOp] = then
	return e.lastOp
}

func (e *Engine) finish(op OpID, ev Event) {
	then := e.ops[op]
	if then == nil {
		return
	}
	delete(e.ops, op)
	then(ev)
}

func (e *Engine) ask(c *client, p protocol.EditorParams, what call) uint64 {
	e.lastCall++
	what.conn = c.id
	if q, ok := p.(*protocol.ShowMessageRequestParams); ok && what.knock == nil && what.command == nil {
		what.said = q.Message
	}
	e.calls[e.lastCall] = &what
	e.emit(Ask{Conn: c.id, Call: e.lastCall, Params: p})
	return e.lastCall
}

// id draws a session or member id: ten symbols of [a-z0-9], 51 bits.
func (e *Engine) id() string {
	const symbols = "abcdefghijklmnopqrstuvwxyz0123456789"
	b := make([]byte, 10)
	for i := range b {
		b[i] = symbols[e.below(len(symbols))]
	}
	return string(b)
}

// below draws from [0, n) without bias.
func (e *Engine) below(n int) int {
	most := ^uint64(0) - ^uint64(0)%uint64(n)
	for {
		if v := e.rng.Uint64(); v < most {
			return int(v % uint64(n))
		}
	}
}

func (e *Engine) agent() crdt.Agent { return crdt.Agent(e.rng.Uint64()) }

func (e *Engine) client(id protocol.ConnID) *client {
	for _, c := range e.clients {
		if c.id == id {
			return c
		}
	}
	return nil
}

// session gives the session of an id: the one that is open, if one that ended (and keeps unsent edits) had it too.
func (e *Engine) session(id string) *session {
	var found *session
	for _, s := range e.sessions {
		if s.id == id && (found == nil || s.state != protocol.SessionEnded) {
			found = s
		}
	}
	return found
}

// expire does what is due by the clock.
func (e *Engine) expire() {
	for _, s := range slices.Clone(e.sessions) {
		e.expireSession(s)
	}
	for _, c := range e.clients {
		if due(c.presenceDue, e.now) {
			e.sendPresence(c)
		}
		if due(c.hints.deadline(), e.now) {
			e.sendHints(c)
		}
	}
	if e.ended {
		e.stopIfDone()
	}
	e.noteIdle()
}

func due(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }

func (e *Engine) noteIdle() {
	if len(e.clients) > 0 || len(e.sessions) > 0 || len(e.joins) > 0 {
		e.idle = time.Time{}
	} else if e.idle.IsZero() {
		e.idle = e.now
	}
	over := e.cfg.Auto && due(e.idle.Add(IdleGrace), e.now) && !e.idle.IsZero()
	if !e.stopping && over {
		e.stopping = true
		e.emit(StopDaemon{})
	}
}
