package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"earshot/internal/docpath"
	"earshot/internal/fakeeditor"
	"earshot/internal/peer"
	"earshot/internal/session"
	"earshot/protocol"
)

// startLibrary sets up two engines over two links, without sockets, disk, matchmaker or introduction.
func startLibrary(size int) func(context.Context, *workshop, *scene) error {
	return func(ctx context.Context, w *workshop, s *scene) error {
		edits, bytes := strconv.Itoa(w.edits()), strconv.Itoa(size)
		host, err := s.part("host", "library-host", edits, bytes)
		if err != nil {
			return err
		}
		guest, err := s.part("guest", "library-guest", edits, bytes)
		if err != nil {
			return err
		}
		if err := introduce(host, guest); err != nil {
			return err
		}
		session, err := host.await(ctx, ready, patience)
		if err != nil {
			return err
		}
		if err := guest.tell(note{Kind: open, Text: session.Text}); err != nil {
			return err
		}
		if _, err := guest.await(ctx, ready, patience); err != nil {
			return err
		}
		s.sender, s.receivers = host, []*child{guest}
		return nil
	}
}

// motor is the smallest loop around an engine: whoever has an event steps it, and carries the effects out.
type motor struct {
	link   *wired
	linked chan struct{} // closed when the engine knows the link: frames wait for it
	edit   func(session.Ask) []fakeeditor.Message
	text   string // of the one file there is

	mu      sync.Mutex
	engine  *session.Engine
	tick    *time.Timer
	replies map[protocol.RequestID]chan any
	last    int
	member  string // the guest whom the host admitted
	join    session.JoinID
}

// Names in the motor's small world: one connection, one link, one folder with one file.
const (
	motorConn   = protocol.ConnID(1)
	motorLink   = session.LinkID(1)
	motorFolder = "file:///w"
	motorFile   = "notes.md"
)

func newMotor(name, text string) *motor {
	asDaemon()
	m := &motor{linked: make(chan struct{}), text: text, replies: map[protocol.RequestID]chan any{}}
	m.engine = session.New(session.Config{Seed: [32]byte{byte(len(name))}, GOOS: "linux", Name: name})
	m.tick = time.AfterFunc(time.Hour, func() { m.step(session.Tick{}) })
	return m
}

// step takes an event and what follows from it at once.
func (m *motor) step(ev session.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for queue := []session.Event{ev}; len(queue) > 0; queue = queue[1:] {
		for _, f := range m.engine.Step(time.Now(), queue[0]) {
			queue = append(queue, m.carryOut(f)...)
		}
	}
	if at := m.engine.Deadline(); !at.IsZero() {
		m.tick.Reset(max(time.Until(at), time.Millisecond))
	}
}

// carryOut does what the engine asks for and gives what happened by that.
func (m *motor) carryOut(f session.Effect) []session.Event {
	switch f := f.(type) {
	case session.Reply:
		m.replied(f.ID, f.Result)
	case session.ReplyError:
		m.replied(f.ID, f.Err)
	case session.Ask:
		return m.asked(f)
	case session.OpenFolder:
		return []session.Event{session.FolderOpened{Op: f.Op, Root: "/w", Name: "w"}}
	case session.Locate:
		path, err := docpath.Parse(motorFile)
		return []session.Event{session.Located{Op: f.Op, Path: path, Inside: err == nil}}
	case session.LoadFile:
		form := protocol.Form{EOL: "lf", Encoding: "utf-8", FinalNewline: true}
		return []session.Event{session.Loaded{Op: f.Op, Text: m.text, Form: form, Stamp: "1", Identity: "1"}}
	case session.OpenRoom:
		return []session.Event{session.RoomOpened{Session: f.Session, Code: "CODE"}}
	case session.Decide:
		m.member = f.Member
	case session.StartJoin:
		m.join = f.Join
	case session.SendFrame:
		m.send(f)
	}
	return nil
}

func (m *motor) send(f session.SendFrame) {
	switch f.Channel {
	case session.Live:
		_ = m.link.Send(peer.Live, f.Data) // a link that ends shows as silence
	case session.Bulk:
		for errors.Is(m.link.Send(peer.Bulk, f.Data), peer.ErrFull) {
			time.Sleep(time.Millisecond) // before the measurement: the text goes over
		}
	}
}

// asked has the editor make an edit, and gives what it reports.
func (m *motor) asked(f session.Ask) []session.Event {
	if m.edit == nil {
		return nil
	}
	var events []session.Event
	for _, said := range m.edit(f) {
		if said.Change != nil {
			events = append(events, session.ClientCalled{Conn: motorConn, Params: said.Change})
			continue
		}
		events = append(events, session.ClientAnswered{Conn: motorConn, Call: f.Call, Result: said.Answer})
	}
	return events
}

func (m *motor) replied(id protocol.RequestID, result any) {
	if answer := m.replies[id]; answer != nil {
		delete(m.replies, id)
		answer <- result
	}
}

// begin sends a request as the editor's connection would; the channel gives the answer.
func (m *motor) begin(p protocol.DaemonParams) <-chan any {
	answer := make(chan any, 1)
	m.mu.Lock()
	m.last++
	id := protocol.RequestID(strconv.Itoa(m.last))
	m.replies[id] = answer
	m.mu.Unlock()
	m.step(session.ClientCalled{Conn: motorConn, ID: id, Params: p})
	return answer
}

// call sends a request and waits for a result of type R.
func call[R any](m *motor, p protocol.DaemonParams) (R, error) { return outcome[R](m.begin(p), p) }

func outcome[R any](answer <-chan any, p protocol.DaemonParams) (R, error) {
	var none R
	select {
	case got := <-answer:
		if r, ok := got.(R); ok {
			return r, nil
		}
		return none, fmt.Errorf("%s: %v", p.Method(), got)
	case <-time.After(patience):
		return none, fmt.Errorf("%s: no answer", p.Method())
	}
}

func (m *motor) notify(p protocol.DaemonParams) {
	m.step(session.ClientCalled{Conn: motorConn, Params: p})
}

func (m *motor) say(messages []fakeeditor.Message) {
	for _, said := range messages {
		m.notify(said.Open)
	}
}

// connect brings the link up.
func (m *motor) connect(p *program, role peer.Role) error {
	var err error
	m.link, err = newWired(p, role, func(f peer.Frame) {
		<-m.linked
		m.step(session.FrameArrived{Link: motorLink, Channel: toChannel(f.Channel), Data: f.Data})
	})
	return err
}

func toChannel(c peer.Channel) session.Channel {
	if c == peer.Bulk {
		return session.Bulk
	}
	return session.Live
}

// initialize opens the editor's connection; it keeps exact versions.
func (m *motor) initialize() error {
	m.step(session.ClientOpened{Conn: motorConn})
	_, err := call[protocol.InitializeResult](m, exactEditor())
	return err
}

func exactEditor() *protocol.InitializeParams {
	return &protocol.InitializeParams{
		ClientInfo: &protocol.ClientInfo{Name: "bench"},
		Capabilities: protocol.ClientCapabilities{
			General:      &protocol.GeneralCapabilities{PositionEncodings: []string{"utf-16"}},
			Workspace:    &protocol.WorkspaceCapabilities{ApplyEdit: true},
			Experimental: &protocol.ExperimentalCapabilities{Earshot: &protocol.EarshotClientCapabilities{ExactVersions: true}},
		},
	}
}

// libraryHost is `library-host EDITS SIZE`.
func libraryHost(p *program, args []string) error {
	size, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	m := newMotor("host", manuscript(size))
	if err := m.initialize(); err != nil {
		return err
	}
	shared, err := call[protocol.SessionResult](m, &protocol.ShareParams{Folder: motorFolder, Admit: protocol.AdmitAuto})
	if err != nil {
		return err
	}
	id := shared.Session.ID
	m.step(session.Knocked{Session: id, Intro: 1, Name: "guest", Role: protocol.RoleEditor, Check: "123456"})
	if m.member == "" {
		return errors.New("the guest was not admitted")
	}
	if err := m.connect(p, peer.Answerer); err != nil {
		return err
	}
	m.step(session.GuestLinked{Session: id, Member: m.member, Link: motorLink})
	close(m.linked)
	person := newTypist(motorFolder+"/"+motorFile, m.text)
	m.say(person.editor.Open())
	p.say(note{Kind: ready, Text: id})
	return p.begin(func(k int) (int64, error) {
		change := session.ClientCalled{Conn: motorConn, Params: person.press(k)}
		at := now()
		m.step(change)
		return at, nil
	})
}

// libraryGuest is `library-guest EDITS SIZE`.
func libraryGuest(p *program, args []string) error {
	edits, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	m := newMotor("guest", "")
	if err := m.initialize(); err != nil {
		return err
	}
	join := &protocol.JoinParams{Code: "CODE"}
	joined := m.begin(join)
	if err := m.connect(p, peer.Offerer); err != nil {
		return err
	}
	m.step(session.HostLinked{Join: m.join, Link: motorLink})
	close(m.linked)
	if _, err := outcome[protocol.SessionResult](joined, join); err != nil {
		return err
	}
	told, err := p.hear(open) // the session's id
	if err != nil {
		return err
	}
	uri := "earshot://" + told.Text + "/" + motorFile
	content, err := call[protocol.TextDocumentContentResult](m, &protocol.TextDocumentContentParams{URI: uri})
	if err != nil {
		return err
	}
	in := &reader{editor: newEditor(uri, content.Text), want: edits}
	full := make(chan error, 1)
	m.edit = func(f session.Ask) []fakeeditor.Message {
		at := now()
		edit, ok := f.Params.(*protocol.ApplyWorkspaceEditParams)
		if !ok {
			return nil
		}
		out, err := in.take(edit, at)
		if err != nil || in.done() {
			full <- err
		}
		return out
	}
	m.say(in.editor.Open())
	p.say(note{Kind: ready})
	if err := <-full; err != nil {
		return err
	}
	p.say(note{Kind: got, Stamps: in.stamps})
	return nil
}
