package session

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"

	"earshot/internal/crdt"
	"earshot/internal/text"
	"earshot/protocol"
	"earshot/protocol/wire"
)

// dice makes choices of a fuzzer's bytes; when those are used up, all are zero.
type dice []byte

func (d *dice) n(most int) int {
	if len(*d) == 0 || most == 0 {
		return 0
	}
	b := (*d)[0]
	*d = (*d)[1:]
	return int(b) % most
}

func (d *dice) bytes() []byte {
	n := min(d.n(64), len(*d))
	b := (*d)[:n]
	*d = (*d)[n:]
	return b
}

func pick[T any](d *dice, all ...T) T { return all[d.n(len(all))] }

func (d *dice) number() int {
	return pick(d, 0, 1, 2, 3, -1, 7, 255, math.MaxInt32, math.MinInt32, math.MaxInt, math.MinInt, 1<<40)
}

func (d *dice) doc() uint32 { return pick(d, 1, 2, 0, 3, math.MaxUint32, uint32(d.n(256))) }

func (d *dice) word() string {
	return pick(d, "", "a.txt", "b.txt", "../x", "/etc/passwd", "a\x00b", "\x1b[31m", "aaaaaaaaaa", "editor", "viewer", "host", string(d.bytes()))
}

// hostile edits that a guest may make of its copy, well-formed and not.
type forger struct {
	doc  *crdt.Doc
	num  uint32
	last crdt.Frontier
	mine crdt.Agent
	out  crdt.Sender
}

func (f *forger) edit(d *dice) *wire.Events {
	e := &wire.Events{Doc: pick(d, f.num, d.doc()), More: d.n(6) == 0, CatchUp: d.n(2) == 0, Sum: pick(d, 0, 0, 0, byte(d.n(256)))}
	e.Data = f.events(d, e.CatchUp)
	return e
}

func (f *forger) events(d *dice, catchUp bool) []byte {
	if f.doc == nil {
		return d.bytes()
	}
	before := f.doc.Head()
	n := f.doc.Text().Len()
	at := 0
	if n > 0 {
		at = d.n(256) % n
	}
	agent := pick(d, f.mine, crdt.Agent(d.n(256)), f.mine+1)
	for _, id := range f.doc.Version(before) {
		if d.n(8) == 7 {
			agent = id.Agent // somebody's
		}
	}
	p := pick(d, text.Patch{{Pos: at, Ins: "evil"}}, text.Patch{{Pos: 0, Del: min(1, n)}}, text.Patch{{Pos: 0, Del: n, Ins: "\n"}})
	parents := pick(d, before, f.last, nil)
	if _, _, err := f.doc.Edit(agent, parents, p); err != nil {
		return d.bytes()
	}
	f.last = before
	b := f.doc.Since(pick(d, before, nil))
	if !catchUp {
		b = f.doc.Send(&f.out, nil, pick(d, before, nil))
	}
	switch d.n(4) {
	case 0:
		b = append(slices.Clone(b), d.bytes()...)
	case 1:
		b = b[:len(b)/2]
	}
	return b
}

// guestFrame is one that a guest may send, and sometimes one that it may not.
func guestFrame(d *dice, f *forger) wire.Frame {
	switch d.n(18) {
	case 15:
		return &wire.Create{Op: d.doc(), Path: d.word(), Folder: d.n(2) == 0}
	case 16:
		return &wire.Rename{Op: d.doc(), From: d.word(), To: d.word()}
	case 17:
		return &wire.Delete{Op: d.doc(), Path: d.word()}
	case 0:
		return &wire.Hello{Version: d.number(), Name: d.word()}
	case 1:
		return &wire.List{Op: d.doc(), Path: d.word(), Recursive: true, Cursor: d.word()}
	case 2:
		return &wire.Open{Op: d.doc(), Path: d.word()}
	case 3:
		return &wire.Close{Doc: d.doc()}
	case 4:
		return &wire.Save{Op: d.doc(), Doc: d.doc()}
	case 5:
		s := d.bytes()
		if f.doc != nil && d.n(4) > 0 {
			s = f.doc.Summary()
		}
		return &wire.Resync{Doc: d.doc(), Summary: s}
	case 6:
		place := wire.Presence{Member: d.word(), Client: d.word(), Seq: uint64(d.number()), Doc: d.doc(), Path: d.word(), Version: d.heads(f),
			Selections: [][2]int{{d.number(), d.number()}}, Visible: &[2]int{d.number(), d.number()}}
		if d.n(4) == 0 {
			return &wire.Summon{Place: place}
		}
		return &place
	case 7:
		return &wire.Ack{Doc: d.doc(), Count: uint64(d.number())}
	case 8:
		return hostFrame(d, f)
	case 9, 10:
		check := &wire.Check{Doc: pick(d, f.num, d.doc()), Turn: d.doc()}
		if copied := (&document{text: f.doc}); f.doc != nil && d.n(4) > 0 { // a true version, and sometimes the text
			check.Version = copied.versionSum()
			check.Text = pick(d, check.Text, copied.textSum())
		}
		return check
	default:
		return f.edit(d)
	}
}

func (d *dice) heads(f *forger) []wire.Head {
	var all []wire.Head
	for range d.n(4) {
		all = append(all, wire.Head{Agent: uint64(d.number()), Seq: uint32(d.number())})
	}
	if f.doc != nil {
		for _, id := range f.doc.Version(f.doc.Head()) {
			all = append(all, wire.Head{Agent: uint64(id.Agent), Seq: id.Seq + uint32(d.n(2))})
		}
	}
	return all
}

// hostFrame is one that a host may send.
func hostFrame(d *dice, f *forger) wire.Frame {
	member := wire.Member{ID: d.word(), Name: d.word(), Color: d.word(), Role: d.word(), State: d.word()}
	if d.n(2) == 0 {
		member.ID = "mmmmmmmmmm"
	}
	switch d.n(17) {
	case 16:
		return &wire.Changed{Changes: slices.Repeat([]wire.Change{{Path: d.word(), Kind: pick(d, "created", "renamed", d.word()), From: d.word()}}, d.n(wire.MaxChanges))}
	case 0:
		return &wire.Welcome{Version: pick(d, wire.FrameVersion, 0, d.number()), Session: pick(d, "aaaaaaaaaa", d.word()), Member: pick(d, "mmmmmmmmmm", d.word()),
			Role: d.word(), Members: []wire.Member{member}}
	case 1:
		return &wire.Members{Members: slices.Repeat([]wire.Member{member}, d.n(wire.MaxMembers))}
	case 2:
		return &wire.Listed{Op: d.doc(), Entries: []wire.Entry{{Path: d.word(), Size: int64(d.number())}}, Cursor: d.word(), Failure: d.failure()}
	case 3:
		return &wire.Opened{Op: d.doc(), Doc: d.doc(), Instance: d.word(), Path: d.word(), Size: d.number(), Failure: d.failure(),
			State: pick(d, &wire.State{Doc: d.doc(), Form: wire.Form{EOL: d.word()}}, nil)}
	case 4:
		return &wire.Saved{Op: d.doc(), Failure: d.failure()}
	case 5:
		return &wire.State{Doc: d.doc(), Dirty: true, Readonly: d.n(2) == 0, Form: wire.Form{EOL: pick(d, "crlf", "lf", d.word())}, Path: pick(d, "", d.word())}
	case 6:
		return &wire.Reset{Doc: d.doc(), Turn: d.doc(), Mend: d.n(2) == 0, Reason: d.word()}
	case 7:
		return &wire.Resync{Doc: d.doc(), Turn: d.doc(), Summary: pick(d, f.summary(), d.bytes())}
	case 8:
		place := wire.Presence{Member: d.word(), Client: d.word(), Seq: uint64(d.number()), Doc: d.doc(), Path: d.word(), Version: d.heads(f),
			Selections: [][2]int{{d.number(), d.number()}}}
		if d.n(4) == 0 {
			return &wire.Summon{Place: place}
		}
		return &place
	case 9:
		return &wire.Ack{Doc: d.doc(), Count: uint64(d.number())}
	case 10:
		return &wire.Chunk{Op: d.doc(), Last: d.n(2) == 0, Data: pick(d, f.snapshot(), d.bytes())}
	case 11:
		if d.n(8) > 0 {
			return &wire.Ack{}
		}
		return &wire.Bye{Kind: d.word(), Reason: d.word()}
	case 12, 13:
		return &wire.Checked{Doc: pick(d, f.num, d.doc()), Turn: d.doc(), Verdict: pick(d, wire.Differs, wire.Moving, wire.Equal)}
	default:
		return f.edit(d)
	}
}

func (f *forger) summary() []byte {
	if f.doc == nil {
		return nil
	}
	return f.doc.Summary()
}

func (f *forger) snapshot() []byte {
	if f.doc == nil {
		return nil
	}
	return f.doc.Snapshot()
}

func (d *dice) failure() *wire.Failure {
	return pick(d, nil, &wire.Failure{Kind: d.word(), Message: d.word()})
}

func (d *dice) channel() Channel { return pick(d, Live, Live, Presence, Bulk) }

// seedDice gives a fuzz target some long and some short beginnings.
func seedDice(f *testing.F) {
	for seed := range uint64(40) {
		b := make([]byte, 40+seed*10)
		x := seed*0x9e3779b97f4a7c15 + 1
		for i := range b {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
			b[i] = byte(x >> 32)
		}
		f.Add(b)
	}
}

// FuzzGuestFrames: whatever an admitted guest sends, the host lives, what it keeps is bounded, and the others go on.
func FuzzGuestFrames(f *testing.F) {
	seedDice(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		d := dice(b)
		w, host, guest := pair(t, "one\ntwo\n")
		w.disk["b.txt"] = "b"
		h, g := host.connect(), guest.connect()
		h.open(fileURI, "one\ntwo\n")
		g.fetch(w.uri("a.txt"))
		s := host.admit(5000, "eve")
		forge := &forger{mine: 42}
		for len(d) > 0 {
			if host.e.links[s.link] == nil { // thrown out; it comes again
				s = host.admit(s.link+1, "eve")
			}
			if d.n(8) == 0 {
				forge.doc, forge.num = s.opens()
				forge.last = nil
				w.pass(time.Duration(d.n(3)) * checkAfter)
			}
			if d.n(10) == 0 {
				s.n.step(FrameArrived{Link: s.link, Channel: d.channel(), Data: slices.Clone(d.bytes())})
				continue
			}
			s.n.step(FrameArrived{Link: s.link, Channel: d.channel(), Data: wire.Encode(s.summed(guestFrame(&d, forge)))})
			h.looks(0, 0)
		}
		checkBounds(t, host)
		h.adds("H")
		g.adds("G")
		w.pass(time.Second)
		if h.text() != g.text() || h.text() != host.head() || guest.head() != host.head() {
			t.Errorf("texts differ: %q, %q, %q, %q", h.text(), g.text(), host.head(), guest.head())
		}
		if guest.e.sessions[0].state != protocol.SessionOpen || len(guest.e.sessions[0].docs) == 0 {
			t.Error("an honest guest was thrown out")
		}
	})
}

// checkBounds checks what is kept of others.
func checkBounds(t *testing.T, n *node) {
	t.Helper()
	for _, s := range n.e.sessions {
		if len(s.members) > wire.MaxMembers || len(s.wireOps) > MaxOps || len(s.knocks) > MaxKnocks || len(s.remotes) > MaxGuests {
			t.Errorf("%d members, %d requests, %d knocks, %d links", len(s.members), len(s.wireOps), len(s.knocks), len(s.remotes))
		}
		for _, r := range s.remotes {
			sum := 0
			for _, rd := range r.docs {
				sum += len(rd.partial)
			}
			if len(r.cursors) > MaxCursors || len(r.docs) > MaxOpen || r.pending != sum || sum > maxPartial {
				t.Errorf("%d cursors, %d documents, %d bytes pending of %d", len(r.cursors), len(r.docs), r.pending, sum)
			}
		}
		for _, d := range s.docs {
			if len(d.pins) > MaxPins || len(d.lost) > MaxLost {
				t.Errorf("%d pins, %d lost mirrors", len(d.pins), len(d.lost))
			}
		}
	}
}

// FuzzHostFrames: whatever a host sends, its guest lives, and so does a session of the guest's own.
func FuzzHostFrames(f *testing.F) {
	seedDice(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		d := dice(b)
		w := newWorld(t)
		w.disk["a.txt"] = "own"
		g, host, script := visitor(t, w)
		own := g.connect()
		own.call(&protocol.ShareParams{Folder: "file:///w", Linger: true})
		own.open(fileURI, "own")
		ed := g.connect(stock("plain"))
		forge := &forger{doc: crdt.New("theirs\n"), mine: 42, num: 1}
		ed.open("earshot://aaaaaaaaaa/a.txt", "")
		for _, open := range got[*wire.Open](host) {
			host.sends(&wire.Opened{Op: open.Op, Doc: 1, Instance: "i", State: &wire.State{Doc: 1}})
			host.sends(&wire.Chunk{Op: open.Op, Last: true, Data: forge.doc.Snapshot()})
			host.syncs(forge.doc)
		}
		if ed.text() != "theirs\n" {
			t.Fatalf("the guest shows %q", ed.text())
		}
		for len(d) > 0 {
			switch d.n(8) {
			case 0:
				host.n.step(FrameArrived{Link: host.link, Channel: d.channel(), Data: slices.Clone(d.bytes())})
			case 1:
				ed.adds("x")
				if d.n(3) == 0 {
					w.pass(checkAfter)
				}
			case 2:
				script.ask(&protocol.TextDocumentContentParams{URI: "earshot://aaaaaaaaaa/" + pick(&d, "a.txt", "b.txt", "c.txt")})
			default:
				host.n.step(FrameArrived{Link: host.link, Channel: d.channel(), Data: wire.Encode(host.summed(hostFrame(&d, forge)))})
			}
			if g.rejoin != 0 {
				host.link++
				g.step(HostLinked{Join: g.rejoin, Link: host.link})
				g.rejoin = 0
			}
		}
		checkBounds(t, g)
		w.pass(time.Minute)
		own.adds("!")
		if own.text() != "own!" || own.n.e.sessions[0].host && own.n.e.sessions[0].docs[0].text.Text().String() != "own!" {
			t.Errorf("a session of its own is disturbed: %q", own.text())
		}
	})
}

// params are well-typed, with hostile values.
func params(d *dice, uris []string) protocol.DaemonParams {
	uri := pick(d, append(uris, d.word(), "file://", "earshot://", "untitled:"+d.word())...)
	at := func() protocol.Position { return protocol.Position{Line: d.number(), Character: d.number()} }
	doc := protocol.TextDocumentIdentifier{URI: uri}
	versioned := protocol.VersionedTextDocumentIdentifier{URI: uri, Version: d.number()}
	change := protocol.TextDocumentContentChangeEvent{Range: pick(d, &protocol.Range{Start: at(), End: at()}, nil), Text: d.word()}
	switch d.n(28) {
	case 24, 25:
		return &protocol.CodeActionParams{TextDocument: doc, Range: protocol.Range{Start: at(), End: at()},
			Context: protocol.CodeActionContext{TriggerKind: d.n(3)}}
	case 26, 27: // none that ends the session, which the others go on in
		run := &protocol.ExecuteCommandParams{Command: pick(d, commandShareFile, commandShareFolder, commandCopyCode, commandJoin, commandMembers,
			commandFollow, commandUnfollow, commandLookHere, commandAdmit, commandRefuse, d.word())}
		args, err := json.Marshal(protocol.CommandArguments{URI: uri, Member: pick(d, "", d.word()), Code: d.word(), Range: pick(d, nil, &protocol.Range{Start: at(), End: at()})})
		if err == nil {
			run.Arguments = pick(d, nil, []json.RawMessage{args}, []json.RawMessage{[]byte(`"x"`)}, []json.RawMessage{[]byte("[7]")})
		}
		return run
	case 0, 1:
		return &protocol.DidOpenTextDocumentParams{TextDocument: protocol.TextDocumentItem{URI: uri, Version: d.number(), Text: d.word()},
			Earshot: pick(d, nil, &protocol.Stamp{Stamp: d.word()})}
	case 2, 3, 4, 5:
		return &protocol.DidChangeTextDocumentParams{TextDocument: versioned, ContentChanges: slices.Repeat([]protocol.TextDocumentContentChangeEvent{change}, d.n(3))}
	case 6:
		return &protocol.DidSaveTextDocumentParams{TextDocument: doc}
	case 7:
		return &protocol.DidCloseTextDocumentParams{TextDocument: doc}
	case 8:
		return &protocol.VerifyParams{TextDocument: versioned, SHA256: d.word()}
	case 9:
		return &protocol.SaveParams{TextDocument: doc}
	case 10:
		return &protocol.TextDocumentContentParams{URI: uri}
	case 11:
		return &protocol.ShareParams{Folder: pick(d, "", "file:///x", d.word()), Documents: pick(d, nil, []string{uri}), Guests: d.number(), Role: protocol.Role(d.word())}
	case 12:
		return &protocol.JoinParams{Code: d.word(), Role: protocol.Role(d.word()), WorkDoneToken: d.bytes()}
	case 13:
		return &protocol.AdmitMemberParams{Session: d.word(), Member: d.word()}
	case 14:
		return &protocol.SetRoleParams{Session: d.word(), Member: d.word()}
	case 15, 16:
		return &protocol.PresenceUpdate{TextDocument: pick(d, &doc, nil), Selections: slices.Repeat([]protocol.Selection{{Anchor: at(), Active: at()}}, d.n(256)*2),
			VisibleRange: pick(d, nil, &protocol.Range{Start: at(), End: at()})}
	case 17:
		return &protocol.ListFilesParams{Session: d.word(), URI: uri, Cursor: d.word()}
	case 18:
		return &protocol.CancelParams{ID: d.bytes()}
	case 19:
		return &protocol.InitializeParams{}
	case 20:
		return &protocol.SubscribeParams{}
	case 21:
		return &protocol.StatusParams{}
	case 22:
		return &protocol.LeaveParams{Session: d.word(), Unsaved: protocol.Unsaved(d.word())}
	default:
		return &protocol.InviteParams{Session: d.word()}
	}
}

// FuzzEditorCalls: whatever an editor asks, reports and answers, the daemon lives, and another editor goes on.
func FuzzEditorCalls(f *testing.F) {
	seedDice(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		d := dice(b)
		w, host, guest := pair(t, "one\ntwo\n")
		h, g := host.connect(), guest.connect()
		h.open(fileURI, "one\ntwo\n")
		g.fetch(w.uri("a.txt"))
		uris := []string{fileURI, w.uri("a.txt")}
		mad := guest.connect(pick(&d, manual, stock("Neovim"), stock("plain")))
		if d.n(2) == 0 {
			mad = host.connect(pick(&d, manual, stock("Neovim")))
		}
		mad.manual = true
		for len(d) > 0 {
			switch d.n(8) {
			case 0:
				version := d.number()
				for _, a := range mad.asks {
					mad.n.step(ClientAnswered{Conn: mad.conn, Call: a.Call, Result: pick[any](&d, nil, &protocol.AdmitAnswer{}, &protocol.MessageActionItem{Title: answerStay},
						&protocol.ApplyWorkspaceEditResult{Applied: d.n(2) == 0, Version: pick(&d, nil, &version)})})
				}
				mad.asks = nil
			case 1:
				w.pass(time.Duration(d.n(256)) * 10 * time.Millisecond)
			case 2:
				if p := params(&d, uris); !protocol.IsRequest(p.Method()) { // the others rpc answers itself
					mad.notify(p)
				}
			default:
				if p := params(&d, uris); mad.closed == "" {
					mad.ask(p)
				}
			}
			if d.n(16) == 0 {
				mad.asks = nil // it never answers them
			}
		}
		checkBounds(t, host)
		checkBounds(t, guest)
		h.adds("H")
		g.adds("G")
		w.pass(time.Minute)
		if h.text() != g.text() || h.text() != host.head() || guest.head() != host.head() {
			t.Errorf("texts differ: %q, %q, %q, %q", h.text(), g.text(), host.head(), guest.head())
		}
	})
}
