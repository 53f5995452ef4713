package session

import (
	"testing"

	"earshot/protocol"
	"earshot/protocol/wire"
)

// TestNoWelcome: a join is answered whatever the host says instead of welcome.
func TestNoWelcome(t *testing.T) {
	good := wire.Welcome{Version: wire.FrameVersion, Session: "aaaaaaaaaa", Member: "mmmmmmmmmm", Role: "editor"}
	other := func(change func(*wire.Welcome)) wire.Frame {
		w := good
		change(&w)
		return &w
	}
	for name, test := range map[string]struct {
		f    wire.Frame
		want protocol.Kind
	}{
		"another version":     {other(func(w *wire.Welcome) { w.Version++ }), protocol.VersionMismatch},
		"no session":          {other(func(w *wire.Welcome) { w.Session = "../../etc" }), protocol.VersionMismatch},
		"no member":           {other(func(w *wire.Welcome) { w.Member = "" }), protocol.VersionMismatch},
		"host's role":         {other(func(w *wire.Welcome) { w.Role = "host" }), protocol.VersionMismatch},
		"something else":      {&wire.Members{}, protocol.VersionMismatch},
		"what a guest says":   {&wire.Hello{}, protocol.VersionMismatch},
		"goodbye":             {&wire.Bye{Reason: "no room"}, protocol.NotAdmitted},
		"nothing, and is off": {nil, protocol.Unreachable},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			g := w.node("guest")
			ed := g.connect()
			w.busy = true
			id := ed.ask(&protocol.JoinParams{Code: "CODE"})
			w.queue[0].do()
			w.queue, w.busy = nil, false
			g.step(HostLinked{Join: g.joined, Link: 6000})
			host := &stranger{n: g, link: 6000}
			if test.f != nil {
				host.sends(test.f)
			} else {
				g.step(LinkDown{Link: 6000})
			}
			err, _ := ed.results[id].(*protocol.Error)
			wantKind(t, err, test.want)
			if len(g.e.joins)+len(g.e.sessions)+len(g.e.links) != 0 {
				t.Errorf("%d joins, %d sessions, %d links stay", len(g.e.joins), len(g.e.sessions), len(g.e.links))
			}
		})
	}
}

// TestH3AnothersSession: a host that gives out the id of another's session is not taken for that one, whichever came first;
// two joins that led to one host are one.
func TestH3AnothersSession(t *testing.T) {
	for name, test := range map[string]struct {
		host string
		want protocol.Kind
	}{
		"another host":  {"eve's key", protocol.Conflict},
		"the same host": {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			g, _, ed := visitor(t, w)
			w.busy = true
			id := ed.ask(&protocol.JoinParams{Code: "ANOTHER"})
			w.queue[0].do()
			w.queue, w.busy = nil, false
			g.step(HostLinked{Join: g.joined, Link: 7000, Host: test.host})
			second := &stranger{n: g, link: 7000}
			second.sends(&wire.Welcome{Version: wire.FrameVersion, Session: "aaaaaaaaaa", Member: "eeeeeeeeee", Role: "editor"})
			err, _ := ed.results[id].(*protocol.Error)
			if test.want != "" {
				wantKind(t, err, test.want)
			} else if _, ok := ed.results[id].(protocol.SessionResult); !ok {
				t.Errorf("got %+v, want the session", ed.results[id])
			}
			if len(g.e.joins) != 0 || len(g.e.sessions) != 1 || len(g.e.links) != 1 || g.e.sessions[0].me != "mmmmmmmmmm" {
				t.Errorf("%d joins, %d sessions, %d links", len(g.e.joins), len(g.e.sessions), len(g.e.links))
			}
		})
	}
}

// TestSecondWelcome on one link is none: the guest leaves the link and tries to come back.
func TestSecondWelcome(t *testing.T) {
	w := newWorld(t)
	g, host, _ := visitor(t, w)
	for range 3 {
		host.sends(&wire.Welcome{Version: wire.FrameVersion, Session: "aaaaaaaaaa", Member: "mmmmmmmmmm", Role: "editor"})
	}
	if s := g.e.sessions[0]; s.state != protocol.SessionReconnecting || len(s.remotes) != 0 || len(g.e.links) != 0 {
		t.Errorf("%s with %d remotes and %d links", s.state, len(s.remotes), len(g.e.links))
	}
}

// TestClosedWithTypedTextHeld: what was typed before a document was closed counts, whatever became of the edit under way.
func TestClosedWithTypedTextHeld(t *testing.T) {
	for _, again := range []string{"closed", "opened again"} {
		w, ed, other := hostAndGuest(t, "abc")
		other.types(0, 0, "G")
		ed.adds("T")
		ed.notify(&protocol.DidCloseTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: fileURI}})
		if again == "opened again" {
			ed.reopen()
		}
		ed.answers(false)
		w.want("GabcT", ed.n, other)
		for ed.edit() != nil {
			ed.applies()
		}
		if again == "opened again" {
			w.want("GabcT", ed)
		}
	}
}
