package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"earshot/internal/fakeeditor"
	"earshot/internal/session"
	"earshot/internal/text"
	"earshot/protocol"
)

func (n *node) addSeat(kind fakeeditor.Kind, uri string) *seat {
	s := &seat{n: n, kind: kind, uri: uri, reply: map[protocol.RequestID]func(any, *protocol.Error){}}
	n.seats = append(n.seats, s)
	return s
}

var encodings = []text.Encoding{text.UTF8, text.UTF16, text.UTF32}

// connect opens a connection and introduces the editor.
func (s *seat) connect() {
	w := s.n.w
	w.lastID++
	s.conn, s.up, s.opened = protocol.ConnID(w.lastID), true, false
	s.toAt, s.fromAt = w.now, w.now
	clear(s.reply)
	s.n.step(session.ClientOpened{Conn: s.conn})
	replica := fmt.Sprintf("%s/%d/%v", s.n.name, slices.Index(s.n.seats, s), s.kind)
	p := &protocol.InitializeParams{InitializationOptions: &protocol.InitializationOptions{Name: s.n.name, Replica: replica}}
	if s.kind == fakeeditor.Stock || s.kind == fakeeditor.Delayed {
		p.ClientInfo = &protocol.ClientInfo{Name: "Neovim"}
	}
	if s.exact() {
		p.Capabilities.Experimental = &protocol.ExperimentalCapabilities{
			Earshot: &protocol.EarshotClientCapabilities{ExactVersions: true, Saves: s.savesFile()}}
	}
	p.Capabilities.General = &protocol.GeneralCapabilities{PositionEncodings: []string{s.encoding().String()}}
	s.request(p, func(any, *protocol.Error) {})
}

// savesFile tells whether the editor writes the host's file itself when a guest saves.
func (s *seat) savesFile() bool { return s.exact() && s.n == s.n.w.nodes[0] }

func (s *seat) exact() bool { return s.kind == fakeeditor.Exact || s.kind == fakeeditor.Split }

func (s *seat) encoding() text.Encoding {
	if s.ed != nil {
		return s.ed.Enc
	}
	return encodings[int(s.kind)%len(encodings)]
}

// request sends a request to the daemon.
func (s *seat) request(p protocol.DaemonParams, then func(any, *protocol.Error)) {
	s.id++
	id := protocol.RequestID(strconv.Itoa(s.id))
	s.reply[id] = then
	s.toDaemon(func() session.Event { return session.ClientCalled{Conn: s.conn, ID: id, Params: p} })
}

func (s *seat) notify(p protocol.DaemonParams) {
	s.toDaemon(func() session.Event { return session.ClientCalled{Conn: s.conn, Params: p} })
}

// toDaemon carries something to the daemon, in order.
func (s *seat) toDaemon(ev func() session.Event) {
	w := s.n.w
	conn := s.conn
	at := w.now.Add(time.Duration(w.rng.IntN(3000)) * time.Microsecond)
	if at.Before(s.toAt) {
		at = s.toAt
	}
	s.toAt = at
	e := ev()
	w.at(at, func() {
		if s.up && s.conn == conn {
			s.n.step(e)
		}
	})
}

func (s *seat) answered(id protocol.RequestID, result any, err *protocol.Error) {
	then := s.reply[id]
	delete(s.reply, id)
	if then == nil {
		s.n.w.failf("%s: an answer to no request: %s", s.n.name, id)
		return
	}
	then(result, err)
}

func (s *seat) notified(p protocol.EditorParams) {
	switch p := p.(type) {
	case *protocol.ShowMessageParams:
		s.n.w.note("%s/%v is told: %s", s.n.name, s.kind, p.Message)
		s.told = append(s.told, p.Message)
	}
}

func (s *seat) asked(call uint64, p protocol.EditorParams) {
	if _, ok := p.(*protocol.SaveBufferParams); ok && s.ed != nil {
		s.saveBuffer(call)
		return
	}
	edit, ok := p.(*protocol.ApplyWorkspaceEditParams)
	if !ok || s.ed == nil {
		return
	}
	s.n.w.note("%s/%v asked %d: %+v", s.n.name, s.kind, call, edit.Edit.DocumentChanges[0])
	s.send(s.ed.Apply(s.n.w.now, call, edit))
}

// saveBuffer writes what the person sees. One like VS Code does so when the word has reached its page, takes its time while its person
// types on, and says so behind what was typed. A file that another program changed is left to the daemon, as an editor would
// ask its person.
func (s *seat) saveBuffer(call uint64) {
	w, conn := s.n.w, s.conn
	hop, takes := time.Duration(0), time.Duration(0)
	if s.kind == fakeeditor.Split {
		hop, takes = s.hop, w.ms(0, 60)
	}
	answer := func(saved bool) {
		s.toDaemon(func() session.Event {
			return session.ClientAnswered{Conn: conn, Call: call, Result: &protocol.SaveBufferResult{Saved: saved}}
		})
	}
	w.after(hop, func() {
		if w.disk["a.txt"] != w.wrote || strings.Contains(s.ed.Text(), "\r") { // real editors make mixed line ends one in writing
			answer(false)
			return
		}
		text := s.ed.End.FromLF(s.ed.Text())
		w.after(takes/2, func() {
			w.disk["a.txt"], w.wrote = text, text
			w.note("%s/%v writes %q", s.n.name, s.kind, text)
		})
		w.after(takes+hop+time.Microsecond, func() {
			if s.up && s.conn == conn && s.opened {
				s.notify(&protocol.DidSaveTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: s.uri}})
				answer(true)
			}
		})
	})
}

// send passes on what the editor says.
func (s *seat) send(messages []fakeeditor.Message) {
	for _, m := range messages {
		if !s.up || !s.opened && m.Open == nil {
			continue
		}
		switch {
		case m.Open != nil:
			s.opened = true
			s.n.w.note("%s/%v opens v%d", s.n.name, s.kind, m.Open.TextDocument.Version)
			s.notify(m.Open)
		case m.Change != nil:
			s.n.w.note("%s/%v reports v%d %s", s.n.name, s.kind, m.Change.TextDocument.Version, brief(m.Change))
			s.notify(m.Change)
		default:
			res := *m.Answer
			s.n.w.note("%s/%v answers %d: %v", s.n.name, s.kind, m.Call, res.Applied)
			call, conn := m.Call, s.conn
			s.toDaemon(func() session.Event {
				return session.ClientAnswered{Conn: conn, Call: call, Result: &res}
			})
		}
	}
	s.arm()
}

func brief(p *protocol.DidChangeTextDocumentParams) string {
	out := ""
	for _, c := range p.ContentChanges {
		out += fmt.Sprintf("%v→%q ", c.Range, c.Text)
	}
	return out
}

func (s *seat) arm() {
	next := s.ed.Next()
	if next.IsZero() || next.Equal(s.wakeAt) {
		return
	}
	s.wakeAt = next
	s.n.w.at(next, func() {
		if s.wakeAt.Equal(next) {
			s.wakeAt = time.Time{}
			s.send(s.ed.Wake(s.n.w.now))
		}
	})
}

// show opens the document: a host's editor reads the file itself; a guest's plugin asks for the text; a stock guest
// begins with an empty buffer.
func (s *seat) show() {
	w := s.n.w
	hop := w.ms(2, 20)
	begin := func(content string) {
		s.hop = hop
		s.ed = fakeeditor.New(s.kind, s.uri, content, s.encoding(), s.hop, rand.New(rand.NewPCG(w.rng.Uint64(), 1)))
		s.send(s.ed.Open())
	}
	switch {
	case s.ed != nil:
		s.send(s.ed.Open())
	case s.n == w.nodes[0]:
		begin(w.disk["a.txt"])
	case s.exact() || s.kind == fakeeditor.Plain:
		s.request(&protocol.TextDocumentContentParams{URI: s.uri}, func(res any, err *protocol.Error) {
			if err != nil {
				w.after(100*time.Millisecond, func() { s.show() })
				return
			}
			begin(res.(protocol.TextDocumentContentResult).Text)
		})
	default:
		begin("")
	}
}

// crash loses the connection; the editor, and what is in its buffer, lives on.
func (s *seat) crash() {
	if !s.up {
		return
	}
	s.up, s.opened = false, false
	s.n.w.note("%s/%v loses its connection", s.n.name, s.kind)
	s.n.step(session.ClientClosed{Conn: s.conn})
}
