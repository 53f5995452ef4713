package session

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"earshot/internal/crdt"
	"earshot/internal/text"
	"earshot/internal/threat"
	"earshot/protocol"
	"earshot/protocol/wire"
)

// frameTypes reads from wire's source which frames there are, so that one that is new and in no table is found.
func frameTypes(t *testing.T) []string {
	t.Helper()
	const dir = "../../protocol/wire"
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") {
			continue
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), dir+"/"+f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range syntax.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv == nil || fn.Name.Name != "kind" {
				continue
			}
			if star, ok := fn.Recv.List[0].Type.(*ast.StarExpr); ok {
				names = append(names, star.X.(*ast.Ident).Name)
			}
		}
	}
	if len(names) < 20 {
		t.Fatalf("found the frames %v", names)
	}
	return names
}

func typeName(v any) string { return reflect.TypeOf(v).Elem().Name() }

// wantAll checks that every frame there is has a row.
func wantAll(t *testing.T, rows map[string]bool) {
	t.Helper()
	for _, name := range frameTypes(t) {
		if !rows[name] {
			t.Errorf("the frame %s is in no row: say here who may send it, and what comes of it", name)
		}
	}
}

// caller is a raw client: it speaks frames to a host, and no engine of ours is behind it.
type caller struct {
	*stranger
	w         *world
	host      *node
	ed, other *editor // the host's and an honest guest's, with the text open
	doc       *crdt.Doc
	num       uint32
}

// standings of a caller with the host.
const (
	notLinked = "not admitted" // it has no link that the host knows
	unheard   = "waiting"      // nobody has answered its knock, and a link of its is up all the same
	viewer    = "viewer"
	editing   = "editor"
	underWay  = "demoted" // what it sends was under way when it was made a viewer
	backAgain = "back"    // and it is an editor again when that arrives
	sentAway  = "removed"
)

var standings = []string{notLinked, unheard, viewer, editing, underWay, backAgain, sentAway}

// callText is what the text is when a caller comes.
const callText = "abc\nd\n"

// callerAs makes a world with a host, an honest guest, and a caller that stands so.
func callerAs(t testing.TB, standing string) *caller {
	t.Helper()
	w, host, guest := pair(t, "abc\n")
	w.disk["b.txt"], w.disk["c.txt"] = "b", "c"
	c := &caller{w: w, host: host, ed: host.connect(), other: guest.connect()}
	c.ed.open(fileURI, "abc\n")
	c.other.fetch(w.uri("a.txt"))
	c.ed.adds("d\n") // so that there is something to save
	switch standing {
	case notLinked:
		c.stranger = &stranger{n: host, link: 4999, id: "eeeeeeeeee"}
		c.doc, c.num = crdt.New(callText), host.doc().num
	case unheard:
		host.e.sessions[0].params.Admit = protocol.AdmitAsk
		host.fx = nil
		host.knock(77, "eve")
		m := host.e.sessions[0].knocks[0].member
		host.step(GuestLinked{Session: host.shared(), Member: m.ID, Link: 5000})
		if closed := effects[CloseLink](host); len(closed) != 1 || closed[0].Link != 5000 || closed[0].Reason == "" {
			t.Fatalf("the link of one who waits: %+v, want it closed with a word", closed)
		}
		c.stranger = &stranger{n: host, link: 5000, id: m.ID}
		c.doc, c.num = crdt.New(callText), host.doc().num
	default:
		c.stranger = host.admit(5000, "eve")
		if standing == viewer {
			c.role(protocol.RoleViewer)
		}
		c.doc, c.num = c.opens()
	}
	switch standing {
	case underWay:
		c.role(protocol.RoleViewer)
	case backAgain:
		c.role(protocol.RoleViewer)
		c.role(protocol.RoleEditor)
	case sentAway:
		host.fx = nil
		host.connect().call(&protocol.RemoveMemberParams{Session: host.shared(), Member: c.id})
		if bye := got[*wire.Bye](c.stranger); len(bye) != 1 || !strings.Contains(bye[0].Reason, "removed") {
			t.Fatalf("one who was removed was told %+v", bye)
		}
	}
	host.fx = nil
	return c
}

func (c *caller) role(r protocol.Role) {
	c.host.connect().call(&protocol.SetRoleParams{Session: c.host.shared(), Member: c.id, Role: r})
}

// events are an edit of the caller's copy.
func (c *caller) events(a crdt.Agent) []byte {
	before := c.doc.Head()
	if _, _, err := c.doc.Edit(a, before, text.Patch{{Pos: 0, Ins: "EVIL"}}); err != nil {
		c.w.t.Fatal(err)
	}
	return c.doc.Since(before)
}

// hostState is all of a host that a guest could change: byte for byte.
func (c *caller) hostState() map[string]string {
	s := c.host.e.sessions[0]
	var members []string
	for _, m := range s.members {
		members = append(members, fmt.Sprint(*m))
	}
	return map[string]string{
		"text":    c.host.head() + fmt.Sprint(c.host.doc().dirty),
		"members": strings.Join(members, "\n"),
		"disk":    fmt.Sprint(c.w.disk),
		"session": fmt.Sprint(s.state, s.code, s.link, s.role, s.root, s.params.Admit, len(s.knocks), len(s.owners)),
		"editor":  c.ed.text(),
	}
}

func changed(before, after map[string]string) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if before[name] != after[name] {
			names = append(names, name)
		}
	}
	return names
}

// outcome says in words what came of what was sent: what was answered, and what changed at the host.
func (c *caller) outcome(send func()) string {
	before := c.hostState()
	c.host.fx = nil
	send()
	var words []string
	for _, f := range c.host.fx {
		switch f := f.(type) {
		case SendFrame:
			if f.Link == c.link {
				words = append(words, answerWord(f.Data)...)
			}
		case CloseLink:
			words = append(words, "door")
		case Ask: // nobody is asked anything, and no editor is asked for anything but an edit
			if _, edit := f.Params.(*protocol.ApplyWorkspaceEditParams); !edit {
				words = append(words, "ASKS "+f.Params.Method())
			}
		case Decide, StartJoin, Rejoin, NewCode, OpenRoom, OpenFolder, StopDaemon:
			words = append(words, fmt.Sprintf("%T", f))
		}
	}
	if is := changed(before, c.hostState()); len(is) > 0 {
		words = append(words, "+"+strings.Join(is, "+"))
	}
	return strings.Join(words, ", ")
}

// answerWord is what a frame says to the one who gets it; what only tells how things are says nothing.
func answerWord(b []byte) []string {
	f, err := wire.Decode(b)
	if err != nil {
		return []string{err.Error()}
	}
	var failure *wire.Failure
	switch f := f.(type) {
	case *wire.Members, *wire.State, *wire.Chunk, *wire.Presence, *wire.Floor:
		return nil
	case *wire.Reset:
		return []string{"Reset: " + f.Reason}
	case *wire.Bye:
		return []string{"Bye: " + f.Reason}
	case *wire.Opened:
		failure = f.Failure
	case *wire.Listed:
		failure = f.Failure
	case *wire.Saved:
		failure = f.Failure
	}
	if failure != nil {
		return []string{typeName(f) + " " + failure.Kind}
	}
	return []string{typeName(f)}
}

// guestRow is what comes of one thing that a caller sends: for a viewer, for an editor, and for one whose message was under
// way when it was demoted. Nothing at all comes of it where the host knows no link.
type guestRow struct {
	name   string
	frame  func(c *caller) wire.Frame
	viewer string
	editor string
	late   string // demoted, and demoted and back
}

const (
	notAHost   = "Bye: your Earshot sent what only a host may send; use the same version on both sides, door, +members"
	isViewer   = "Reset: you are a viewer"
	noDocument = "Saved noSuchDocument"
)

var guestRows = []guestRow{
	{name: "hello again", frame: func(*caller) wire.Frame { return &wire.Hello{Version: wire.FrameVersion, Name: "x", Client: "y"} }},
	{name: "hello of another version", frame: func(*caller) wire.Frame { return &wire.Hello{Version: 99} },
		viewer: "Bye: your Earshot speaks another version; use the same version on both sides, door, +members"},
	{name: "goodbye", frame: func(*caller) wire.Frame { return &wire.Bye{Kind: "left", Reason: "left"} }, viewer: "door, +members"},
	{name: "a listing", frame: func(*caller) wire.Frame { return &wire.List{Op: 9, Recursive: true} }, viewer: "Listed"},
	{name: "a listing outside", frame: func(*caller) wire.Frame { return &wire.List{Op: 9, Path: "../.."} }, viewer: "Listed outsideFolder"},
	{name: "open", frame: func(*caller) wire.Frame { return &wire.Open{Op: 9, Path: "b.txt"} }, viewer: "Opened"},
	{name: "open outside", frame: func(*caller) wire.Frame { return &wire.Open{Op: 9, Path: "/etc/passwd"} }, viewer: "Opened outsideFolder"},
	{name: "open what is not there", frame: func(*caller) wire.Frame { return &wire.Open{Op: 9, Path: "x"} }, viewer: "Opened noSuchDocument"},
	{name: "close", frame: func(c *caller) wire.Frame { return &wire.Close{Doc: c.num} }},
	{name: "close another's", frame: func(*caller) wire.Frame { return &wire.Close{Doc: 99} }},
	{name: "save", frame: func(c *caller) wire.Frame { return &wire.Save{Op: 9, Doc: c.num} },
		viewer: "Saved readOnly", editor: "Saved, +disk+text", late: noDocument},
	{name: "save what it has not", frame: func(*caller) wire.Frame { return &wire.Save{Op: 9, Doc: 99} }, viewer: noDocument},
	{name: "create", frame: func(*caller) wire.Frame { return &wire.Create{Op: 9, Path: "new.txt"} },
		viewer: "Saved readOnly", editor: "Changed, Saved, +disk"},
	{name: "create outside", frame: func(*caller) wire.Frame { return &wire.Create{Op: 9, Path: "../new.txt"} },
		viewer: "Saved readOnly", editor: "Saved outsideFolder"},
	{name: "create a folder", frame: func(*caller) wire.Frame { return &wire.Create{Op: 9, Path: "new", Folder: true} },
		viewer: "Saved readOnly", editor: "Changed, Saved, +disk"},
	{name: "rename", frame: func(*caller) wire.Frame { return &wire.Rename{Op: 9, From: "b.txt", To: "z.txt"} },
		viewer: "Saved readOnly", editor: "Changed, Saved, +disk"},
	{name: "rename what the host has open", frame: func(*caller) wire.Frame { return &wire.Rename{Op: 9, From: "a.txt", To: "z.txt"} },
		viewer: "Saved readOnly", editor: "Saved conflict"},
	{name: "rename over another", frame: func(*caller) wire.Frame { return &wire.Rename{Op: 9, From: "b.txt", To: "c.txt"} },
		viewer: "Saved readOnly", editor: "Saved exists"},
	{name: "rename over what is open", frame: func(*caller) wire.Frame { return &wire.Rename{Op: 9, From: "b.txt", To: "a.txt"} },
		viewer: "Saved readOnly", editor: "Saved exists"},
	{name: "rename to the outside", frame: func(*caller) wire.Frame { return &wire.Rename{Op: 9, From: "b.txt", To: "../b.txt"} },
		viewer: "Saved readOnly", editor: "Saved outsideFolder"},
	{name: "rename from the outside", frame: func(*caller) wire.Frame { return &wire.Rename{Op: 9, From: "/etc/passwd", To: "z.txt"} },
		viewer: "Saved readOnly", editor: "Saved outsideFolder"},
	{name: "rename the folder", frame: func(*caller) wire.Frame { return &wire.Rename{Op: 9, To: "z"} },
		viewer: "Saved readOnly", editor: "Saved outsideFolder"},
	{name: "delete", frame: func(*caller) wire.Frame { return &wire.Delete{Op: 9, Path: "b.txt"} },
		viewer: "Saved readOnly", editor: "Changed, Saved, +disk"},
	{name: "delete what others have open", frame: func(*caller) wire.Frame { return &wire.Delete{Op: 9, Path: "a.txt"} },
		viewer: "Saved readOnly", editor: "Changed, Saved, +disk"},
	{name: "delete outside", frame: func(*caller) wire.Frame { return &wire.Delete{Op: 9, Path: "../b.txt"} },
		viewer: "Saved readOnly", editor: "Saved outsideFolder"},
	{name: "delete the folder", frame: func(*caller) wire.Frame { return &wire.Delete{Op: 9} },
		viewer: "Saved readOnly", editor: "Saved outsideFolder"},
	{name: "create over another", frame: func(*caller) wire.Frame { return &wire.Create{Op: 9, Path: "b.txt"} },
		viewer: "Saved readOnly", editor: "Saved exists"},
	{name: "resync", frame: func(c *caller) wire.Frame { return &wire.Resync{Doc: c.num, Turn: 2, Summary: c.doc.Summary()} },
		viewer: "Resync", late: "Reset: " + demoted},
	{name: "resync of nonsense", frame: func(c *caller) wire.Frame { return &wire.Resync{Doc: c.num, Turn: 2, Summary: []byte{255}} },
		viewer: "Bye: your Earshot sent a summary that can't be read; use the same version on both sides, door, +members", late: "Reset: " + demoted},
	{name: "resync of what is not open", frame: func(*caller) wire.Frame { return &wire.Resync{Doc: 99} },
		viewer: "Reset: the host does not have it open any more"},
	{name: "an edit", frame: func(c *caller) wire.Frame { return &wire.Events{Doc: c.num, CatchUp: true, Data: c.events(66)} },
		viewer: isViewer, editor: "Ack, +editor+text", late: "-"},
	{name: "an edit as it happens", frame: func(c *caller) wire.Frame {
		before := c.doc.Head()
		c.events(66)
		return &wire.Events{Doc: c.num, Data: c.doc.Send(new(crdt.Sender), nil, before)}
	}, viewer: isViewer, editor: "Ack, +editor+text", late: "-"},
	{name: "an edit in the host's name", frame: func(c *caller) wire.Frame {
		return &wire.Events{Doc: c.num, CatchUp: true, Data: c.events(c.host.doc().mirrors[0].agent)}
	}, viewer: isViewer, editor: "Reset: an edit was made in another's name", late: "-"},
	{name: "an edit of what it has not", frame: func(c *caller) wire.Frame {
		return &wire.Events{Doc: 99, CatchUp: true, Data: c.events(66)}
	}},
	{name: "half an edit", frame: func(c *caller) wire.Frame { return &wire.Events{Doc: c.num, More: true, Data: []byte("x")} }},
	{name: "nonsense for an edit", frame: func(c *caller) wire.Frame { return &wire.Events{Doc: c.num, Data: []byte{255}} },
		viewer: "Reset: an edit did not fit", late: "-"},
	{name: "a check", frame: func(c *caller) wire.Frame { return &wire.Check{Doc: c.num, Turn: 1} }, viewer: "Checked", late: "-"},
	{name: "a cursor", frame: func(c *caller) wire.Frame {
		return &wire.Presence{Member: "hhhhhhhhhh", Client: "c", Seq: 1, Doc: c.num, Selections: [][2]int{{0, 3}}}
	}},
	{name: "a call", frame: func(c *caller) wire.Frame {
		return &wire.Summon{Place: wire.Presence{Member: "hhhhhhhhhh", Client: "c", Seq: 1, Doc: c.num, Selections: [][2]int{{0, 3}}}}
	}},
	{name: "a floor", frame: func(c *caller) wire.Frame { return &wire.Floor{Doc: c.num, Head: &wire.Head{Agent: 1, Seq: 1}} }},
	{name: "a question for floors", frame: func(c *caller) wire.Frame { return &wire.Floor{Doc: c.num, Ask: true} }},

	{name: "a welcome", frame: func(*caller) wire.Frame {
		return &wire.Welcome{Version: wire.FrameVersion, Session: "aaaaaaaaaa", Member: "mmmmmmmmmm", Role: "host"}
	}, viewer: notAHost},
	{name: "members", frame: func(c *caller) wire.Frame { return &wire.Members{Members: []wire.Member{{ID: c.id, Role: "host"}}} }, viewer: notAHost},
	{name: "a listing's answer", frame: func(*caller) wire.Frame { return &wire.Listed{Op: 1, Entries: []wire.Entry{{Path: "x"}}} }, viewer: notAHost},
	{name: "a text", frame: func(c *caller) wire.Frame { return &wire.Opened{Op: 1, Doc: c.num, Path: "a.txt"} }, viewer: notAHost},
	{name: "a text's piece", frame: func(c *caller) wire.Frame { return &wire.Chunk{Op: 1, Last: true, Data: c.doc.Snapshot()} }, viewer: notAHost},
	{name: "a save's answer", frame: func(*caller) wire.Frame { return &wire.Saved{Op: 1} }, viewer: notAHost},
	{name: "a file's state", frame: func(c *caller) wire.Frame { return &wire.State{Doc: c.num, Readonly: true} }, viewer: notAHost},
	{name: "a change of names", frame: func(*caller) wire.Frame { return &wire.Changed{Changes: []wire.Change{{Path: "x", Kind: "created"}}} }, viewer: notAHost},
	{name: "a reset", frame: func(c *caller) wire.Frame { return &wire.Reset{Doc: c.num, Turn: 1} }, viewer: notAHost},
	{name: "an ack", frame: func(c *caller) wire.Frame { return &wire.Ack{Doc: c.num, Count: 1} }, viewer: notAHost},
	{name: "a verdict", frame: func(c *caller) wire.Frame { return &wire.Checked{Doc: c.num, Verdict: wire.Differs} }, viewer: notAHost},
}

// want is what a row says of a standing.
func (r *guestRow) want(standing string) string {
	editor, late := r.editor, r.late
	if editor == "" {
		editor = r.viewer
	}
	switch {
	case standing == notLinked || standing == unheard || standing == sentAway || late == "-" && (standing == underWay || standing == backAgain):
		return ""
	case standing == viewer, standing == underWay && late == "":
		return r.viewer
	case standing == editing, late == "":
		return editor
	}
	return late
}

// TestA1Matrix: every frame that there is, sent to a host by a raw client in every standing. What is allowed happens; of what is
// not, the host's text, members, files and session stay as they are to the byte, and the sender is told why.
func TestA1Matrix(t *testing.T) {
	rows := map[string]bool{}
	for _, r := range guestRows {
		for _, standing := range standings {
			c := callerAs(t, standing)
			f := r.frame(c)
			rows[typeName(f)] = true
			if got, want := c.outcome(func() { c.sends(f) }), r.want(standing); got != want {
				t.Errorf("%s, %s (%s): got %q, want %q", standing, r.name, typeName(f), got, want)
			}
			c.ed.adds("!") // and the others go on
			c.w.want(c.ed.text(), c.host, c.w.nodes[1], c.other)
		}
	}
	wantAll(t, rows)
}

// TestA1Garbage: bytes that are no frame show the sender the door, and change nothing.
func TestA1Garbage(t *testing.T) {
	for _, b := range [][]byte{{}, {0}, {0xff}, []byte("\x15{"), []byte("\x40"), []byte("\x1a{\"seq\":-1}"),
		wire.Encode(&wire.Hello{Version: wire.FrameVersion, Name: strings.Repeat("x", wire.MaxFrame)}),
		append([]byte{0x40, 4, 0}, make([]byte, wire.MaxPiece+1)...), []byte("\x1a" + strings.Repeat("[", 20_000))} {
		for _, standing := range standings {
			c := callerAs(t, standing)
			want := "Bye: your Earshot sent a message that can't be read; use the same version on both sides, door, +members"
			if standing == notLinked || standing == unheard || standing == sentAway {
				want = ""
			}
			if got := c.outcome(func() { c.sendsBytes(b) }); got != want {
				t.Errorf("%s, %d bytes: got %q, want %q", standing, len(b), got, want)
			}
		}
	}
}

// TestA1ViewersWriteNothing: whatever a viewer sends, well-formed or not and in whatever order, the host's text, its files and
// its other members stay as they are to the byte, and so does the text that others see.
func TestA1ViewersWriteNothing(t *testing.T) {
	frames := 0
	for seed := range threat.Times(60, 20_000) {
		d := randomDice(uint64(seed), 600)
		c := callerAs(t, viewer)
		forge := &forger{doc: c.doc, num: c.num, mine: 42}
		before := c.hostState()
		members := func() string { return fmt.Sprint(*c.host.e.sessions[0].members[0], *c.host.e.sessions[0].members[1]) }
		others := members()
		for len(d) > 0 {
			if c.host.e.links[c.link] == nil { // thrown out; it comes again
				c.stranger = c.host.admit(c.link+1, "eve")
				c.role(protocol.RoleViewer)
				forge.doc, forge.num = c.opens()
				forge.last = nil
			}
			if d.n(6) == 0 {
				forge.doc, forge.num = c.opens()
				forge.last = nil
			}
			c.host.step(FrameArrived{Link: c.link, Channel: d.channel(), Data: wire.Encode(c.summed(guestFrame(&d, forge)))})
			c.host.trail, c.host.fx = nil, nil
			frames++
		}
		for _, name := range changed(before, c.hostState()) {
			if name != "members" || members() != others {
				t.Fatalf("seed %d: a viewer changed the %s", seed, name)
			}
		}
		c.w.want(callText, c.host, c.ed)
	}
	t.Logf("%d frames", frames)
}

// randomDice are the same for the same seed.
func randomDice(seed uint64, n int) dice {
	b := make([]byte, n)
	x := seed*0x9e3779b97f4a7c15 + 1
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x >> 32)
	}
	return b
}

// methodRow is a call of a guest's own editor: what the daemon says to a viewer's and to an editor's.
type methodRow struct {
	params func(c *called) protocol.DaemonParams
	viewer string
	editor string // "" as the viewer's
}

// called is a guest's editor with a.txt open.
type called struct {
	w           *world
	host, guest *node
	ed          *editor
}

func (c *called) doc() protocol.TextDocumentIdentifier {
	return protocol.TextDocumentIdentifier{URI: c.w.uri("a.txt")}
}

const hostAlone = "notHost"

// methodRows has every method that an editor may call; "told" is a message to the person and an edit that restores the buffer.
var methodRows = map[string]methodRow{
	"Initialize":  {params: func(*called) protocol.DaemonParams { return &protocol.InitializeParams{} }, viewer: "InvalidRequest"},
	"Initialized": {params: func(*called) protocol.DaemonParams { return &protocol.InitializedParams{} }},
	"Shutdown":    {params: func(*called) protocol.DaemonParams { return &protocol.ShutdownParams{} }},
	"Exit":        {params: func(*called) protocol.DaemonParams { return &protocol.ExitParams{} }},
	"Cancel":      {params: func(*called) protocol.DaemonParams { return &protocol.CancelParams{ID: []byte("7")} }},
	"DidOpen": {params: func(c *called) protocol.DaemonParams {
		c.ed.buf.Replace(0, 0, "X")
		c.ed.version++
		return &protocol.DidOpenTextDocumentParams{TextDocument: protocol.TextDocumentItem{URI: c.ed.uri, Version: c.ed.version, Text: c.ed.text()}}
	}, viewer: "told", editor: "+editor+text"},
	"DidChange": {params: func(c *called) protocol.DaemonParams {
		change := c.ed.entry(0, 0, "X")
		c.ed.version++
		return &protocol.DidChangeTextDocumentParams{ContentChanges: []protocol.TextDocumentContentChangeEvent{change},
			TextDocument: protocol.VersionedTextDocumentIdentifier{URI: c.ed.uri, Version: c.ed.version}}
	}, viewer: "told", editor: "+editor+text"},
	"DidSave": {params: func(c *called) protocol.DaemonParams {
		return &protocol.DidSaveTextDocumentParams{TextDocument: c.doc()}
	}, viewer: "told", editor: "+disk+text"},
	"DidClose": {params: func(c *called) protocol.DaemonParams {
		return &protocol.DidCloseTextDocumentParams{TextDocument: c.doc()}
	}},
	"Undo": {params: func(c *called) protocol.DaemonParams { return &protocol.UndoParams{TextDocument: c.doc()} }, viewer: "readOnly", editor: "-"},
	"Redo": {params: func(c *called) protocol.DaemonParams { return &protocol.RedoParams{TextDocument: c.doc()} }, viewer: "readOnly", editor: "-"},
	"Verify": {params: func(c *called) protocol.DaemonParams {
		return &protocol.VerifyParams{TextDocument: protocol.VersionedTextDocumentIdentifier{URI: c.ed.uri, Version: c.ed.version}, SHA256: sumOf(c.ed.text())}
	}},
	"Save": {params: func(c *called) protocol.DaemonParams { return &protocol.SaveParams{TextDocument: c.doc()} }, viewer: "readOnly", editor: "+disk+text"},
	"TextDocumentContent": {params: func(c *called) protocol.DaemonParams {
		return &protocol.TextDocumentContentParams{URI: c.w.uri("b.txt")}
	}},
	"ExecuteCommand": {params: func(*called) protocol.DaemonParams {
		return &protocol.ExecuteCommandParams{Command: commandCopyCode}
	}, viewer: "notHost, told"},
	"CodeAction": {params: func(c *called) protocol.DaemonParams { return &protocol.CodeActionParams{TextDocument: c.doc()} }},
	"Share":      {params: func(*called) protocol.DaemonParams { return &protocol.ShareParams{Folder: "file:///own", Linger: true} }},
	"Widen": {params: func(c *called) protocol.DaemonParams {
		return &protocol.WidenParams{Session: c.host.shared(), Folder: "file:///etc"}
	}, viewer: hostAlone},
	"Join":         {params: func(*called) protocol.DaemonParams { return &protocol.JoinParams{Code: "X", Role: protocol.RoleHost} }, viewer: "InvalidParams"},
	"Leave":        {params: func(c *called) protocol.DaemonParams { return &protocol.LeaveParams{Session: c.host.shared()} }, viewer: "+members"},
	"Invite":       {params: func(c *called) protocol.DaemonParams { return &protocol.InviteParams{Session: c.host.shared()} }, viewer: hostAlone},
	"ListSessions": {params: func(*called) protocol.DaemonParams { return &protocol.ListSessionsParams{} }},
	"AdmitMember": {params: func(c *called) protocol.DaemonParams {
		return &protocol.AdmitMemberParams{Session: c.host.shared(), Member: c.guest.member, Admit: true}
	}, viewer: hostAlone},
	"SetRole": {params: func(c *called) protocol.DaemonParams {
		return &protocol.SetRoleParams{Session: c.host.shared(), Member: c.guest.member, Role: protocol.RoleEditor}
	}, viewer: hostAlone},
	"RemoveMember": {params: func(c *called) protocol.DaemonParams {
		return &protocol.RemoveMemberParams{Session: c.host.shared(), Member: c.host.e.sessions[0].me}
	}, viewer: hostAlone},
	"UpdatePresence": {params: func(c *called) protocol.DaemonParams {
		doc := c.doc()
		return &protocol.PresenceUpdate{TextDocument: &doc, Selections: []protocol.Selection{{}}}
	}},
	"Follow":    {params: func(c *called) protocol.DaemonParams { return &protocol.FollowParams{Session: c.host.shared()} }},
	"Summon":    {params: func(c *called) protocol.DaemonParams { return &protocol.SummonParams{Session: c.host.shared()} }, viewer: "noSuchDocument"},
	"ListFiles": {params: func(c *called) protocol.DaemonParams { return &protocol.ListFilesParams{Session: c.host.shared()} }},
	"CreateFile": {params: func(c *called) protocol.DaemonParams {
		return &protocol.CreateFileParams{Session: c.host.shared(), URI: c.w.uri("new.txt"), Kind: protocol.KindFile}
	}, viewer: "readOnly", editor: "+disk"},
	"RenameFile": {params: func(c *called) protocol.DaemonParams {
		return &protocol.RenameFileParams{Session: c.host.shared(), From: c.w.uri("b.txt"), To: c.w.uri("z.txt")}
	}, viewer: "readOnly", editor: "+disk"},
	"DeleteFile": {params: func(c *called) protocol.DaemonParams {
		return &protocol.DeleteFileParams{Session: c.host.shared(), URI: c.w.uri("b.txt")}
	}, viewer: "readOnly", editor: "+disk"},
	"Subscribe": {params: func(*called) protocol.DaemonParams { return &protocol.SubscribeParams{} }},
	"Status":    {params: func(*called) protocol.DaemonParams { return &protocol.StatusParams{} }},
	"Stop":      {params: func(*called) protocol.DaemonParams { return &protocol.StopParams{} }, viewer: "conflict"},
}

// answered is an answer's error in a word.
func errorWord(err *protocol.Error) string {
	switch err.Code {
	case protocol.CodeInvalidParams:
		return "InvalidParams"
	case protocol.CodeInvalidRequest:
		return "InvalidRequest"
	}
	return string(protocol.KindOf(err))
}

// TestA1Methods: every method of the editors' protocol, called by a guest's own editor. What is the host's alone is refused, a
// viewer changes nothing at the host, and what it may not do it is told.
func TestA1Methods(t *testing.T) {
	methods := reflect.TypeFor[protocol.Daemon]()
	for i := range methods.NumMethod() {
		name := methods.Method(i).Name
		row, ok := methodRows[name]
		if !ok {
			t.Errorf("the method %s is in no row: say here what comes of it when a guest's editor calls it", name)
			continue
		}
		for _, role := range []protocol.Role{protocol.RoleViewer, protocol.RoleEditor} {
			w, host, guest := pair(t, "abc\n")
			w.disk["b.txt"] = "b"
			hosts := &caller{w: w, host: host, ed: host.connect()}
			hosts.ed.open(fileURI, "abc\n")
			hosts.ed.adds("d") // so that there is something to save
			c := &called{w: w, host: host, guest: guest, ed: guest.connect()}
			c.ed.fetch(w.uri("a.txt"))
			host.connect().call(&protocol.SetRoleParams{Session: host.shared(), Member: guest.member, Role: role})
			before := hosts.hostState()
			c.ed.told = nil
			p := row.params(c)
			var words []string
			if protocol.IsRequest(p.Method()) {
				id := c.ed.ask(p)
				if err, bad := c.ed.results[id].(*protocol.Error); bad && err != nil {
					words = append(words, errorWord(err))
				}
			} else {
				c.ed.notify(p)
			}
			if len(c.ed.told) > 0 {
				words = append(words, "told")
			}
			if is := changed(before, hosts.hostState()); len(is) > 0 {
				words = append(words, "+"+strings.Join(is, "+"))
			}
			want := row.viewer
			if role == protocol.RoleEditor && row.editor != "" {
				want = strings.Trim(row.editor, "-")
			}
			if got := strings.Join(words, ", "); got != want {
				t.Errorf("%s by a guest's editor, as %s: got %q, want %q", name, role, got, want)
			}
		}
	}
	if len(methodRows) != methods.NumMethod() {
		t.Errorf("%d rows of %d methods", len(methodRows), methods.NumMethod())
	}
}

// hosted is a guest with a share of its own, in two sessions whose hosts are the test.
type hosted struct {
	w        *world
	g        *node
	ed       *editor // the first host's text
	own      *editor // a text of its own share
	one, two *stranger
	doc      *crdt.Doc
}

func newHosted(t testing.TB) *hosted {
	t.Helper()
	w := newWorld(t)
	w.disk["a.txt"] = "own"
	h := &hosted{w: w, g: w.node("guest"), doc: crdt.New("theirs\n")}
	h.own = h.g.connect()
	h.own.call(&protocol.ShareParams{Folder: "file:///w", Linger: true})
	h.own.open(fileURI, "own")
	h.one = h.joins(6000, "aaaaaaaaaa", true)
	h.two = h.joins(7000, "bbbbbbbbbb", true)
	h.ed = h.g.connect(stock("plain"))
	h.ed.open("earshot://aaaaaaaaaa/a.txt", "")
	for _, open := range got[*wire.Open](h.one) {
		h.one.sendsCopy(open.Op, h.doc.Snapshot())
	}
	h.one.sends(&wire.Resync{Doc: 1, Turn: h.session("aaaaaaaaaa").doc(1).turn, Summary: h.doc.Summary()})
	if h.ed.text() != "theirs\n" {
		t.Fatalf("the guest shows %q", h.ed.text())
	}
	h.g.fx = nil
	return h
}

func (h *hosted) session(id string) *session { return h.g.e.session(id) }

// joins lets the guest enter a session over a link.
func (h *hosted) joins(link LinkID, id string, welcome bool) *stranger {
	ed := h.g.connect()
	h.w.busy = true
	ed.ask(&protocol.JoinParams{Code: "CODE" + id, Linger: true})
	h.w.queue[0].do()
	h.w.queue, h.w.busy = nil, false
	h.g.step(HostLinked{Join: h.g.joined, Link: link})
	host := &stranger{n: h.g, link: link, id: "hhhhhhhhhh"}
	if welcome {
		host.sends(&wire.Welcome{Version: wire.FrameVersion, Session: id, Member: "mmmmmmmmmm", Host: host.id, Role: "editor",
			Members: []wire.Member{{ID: host.id, Name: "host", Role: "host"}, {ID: "mmmmmmmmmm", Name: "guest", Role: "editor"}}})
	}
	return host
}

// state is all of a guest that is not the first host's.
func (h *hosted) state() map[string]string {
	own, two := h.g.e.sessions[0], h.session("bbbbbbbbbb")
	sessions := map[string]string{"disk": fmt.Sprint(h.w.disk), "own editor": h.own.text(), "the other session": "gone"}
	info, _ := json.Marshal(own.info())
	sessions["own share"] = string(info) + own.docs[0].text.Text().String() + fmt.Sprint(own.docs[0].dirty)
	if two != nil {
		info, _ = json.Marshal(two.info())
		sessions["the other session"] = string(info)
	}
	return sessions
}

// hostRow is what comes of one thing that a host sends to a guest: before it has said welcome, and after.
type hostRow struct {
	name   string
	frame  func(h *hosted) wire.Frame
	before string
	after  string
}

const (
	tooSoon   = "left: spoke before it had said welcome"
	notAGuest = "left: sent what only a guest may send"
)

var hostRows = []hostRow{
	{"welcome", func(*hosted) wire.Frame {
		return &wire.Welcome{Version: wire.FrameVersion, Session: "cccccccccc", Member: "mmmmmmmmmm", Host: "hhhhhhhhhh", Role: "viewer"}
	}, "welcome", "reconnecting"},
	{"welcome as host", func(*hosted) wire.Frame {
		return &wire.Welcome{Version: wire.FrameVersion, Session: "cccccccccc", Member: "mmmmmmmmmm", Role: "host"}
	}, "left: speaks another version", "reconnecting"},
	{"welcome to the guest's own share", func(h *hosted) wire.Frame {
		return &wire.Welcome{Version: wire.FrameVersion, Session: h.g.e.sessions[0].id, Member: "mmmmmmmmmm", Role: "editor"}
	}, "left", "reconnecting"},
	{"members", func(*hosted) wire.Frame {
		return &wire.Members{Members: []wire.Member{{ID: "mmmmmmmmmm", Role: "host"}, {ID: "xxxxxxxxxx", Role: "host"}}}
	}, tooSoon, ""},
	{"goodbye", func(*hosted) wire.Frame { return &wire.Bye{Reason: "go"} }, "left", "left: go"},
	{"a listing's answer", func(*hosted) wire.Frame { return &wire.Listed{Op: 77, Entries: []wire.Entry{{Path: "../x"}}} }, tooSoon, ""},
	{"a text nobody asked for", func(*hosted) wire.Frame { return &wire.Opened{Op: 77, Doc: 5, Path: "a.txt"} }, tooSoon, ""},
	{"its piece", func(h *hosted) wire.Frame { return &wire.Chunk{Op: 77, Last: true, Data: h.doc.Snapshot()} }, tooSoon, ""},
	{"a save's answer", func(*hosted) wire.Frame { return &wire.Saved{Op: 77} }, tooSoon, ""},
	{"a file's state", func(*hosted) wire.Frame { return &wire.State{Doc: 1, Readonly: true} }, tooSoon, ""},
	{"a change of names", func(*hosted) wire.Frame {
		return &wire.Changed{Changes: []wire.Change{{Path: "../x", Kind: "created"}, {Path: "a.txt", Kind: "deleted"}, {Path: "a.txt", Kind: "renamed", From: "/etc"}}}
	}, tooSoon, ""},
	{"a reset", func(h *hosted) wire.Frame {
		return &wire.Reset{Doc: 1, Turn: h.session("aaaaaaaaaa").doc(1).turn, Reason: "x"}
	}, tooSoon, "Open"},
	{"a reset of what is not there", func(*hosted) wire.Frame { return &wire.Reset{Doc: 9, Turn: 1} }, tooSoon, ""},
	{"a resync", func(h *hosted) wire.Frame { return &wire.Resync{Doc: 1, Turn: 9, Summary: h.doc.Summary()} }, tooSoon, ""},
	{"an edit", func(h *hosted) wire.Frame {
		before := h.doc.Head()
		if _, _, err := h.doc.Edit(5, before, text.Patch{{Pos: 0, Ins: "more "}}); err != nil {
			h.w.t.Fatal(err)
		}
		return &wire.Events{Doc: 1, CatchUp: true, Data: h.doc.Since(before)}
	}, tooSoon, "its text"},
	{"an edit of what is not there", func(*hosted) wire.Frame { return &wire.Events{Doc: 9, Data: []byte{0, 'x'}} }, tooSoon, ""},
	{"an ack", func(*hosted) wire.Frame { return &wire.Ack{Doc: 1, Count: 99} }, tooSoon, ""},
	{"a verdict", func(*hosted) wire.Frame { return &wire.Checked{Doc: 1, Turn: 9, Verdict: wire.Differs} }, tooSoon, ""},
	{"a floor", func(*hosted) wire.Frame { return &wire.Floor{Doc: 1, Head: &wire.Head{Agent: 9, Seq: 9}} }, tooSoon, ""},
	{"a question for a floor", func(*hosted) wire.Frame { return &wire.Floor{Doc: 1, Ask: true} }, tooSoon, "Floor"},
	{"a cursor", func(*hosted) wire.Frame { return &wire.Presence{Member: "xxxxxxxxxx", Client: "c", Seq: 1, Doc: 1} }, "", ""},
	{"a call", func(*hosted) wire.Frame {
		return &wire.Summon{Place: wire.Presence{Member: "hhhhhhhhhh", Client: "c", Seq: 1, Doc: 1, Path: "../x"}}
	}, tooSoon, ""},

	{"hello", func(*hosted) wire.Frame { return &wire.Hello{Version: wire.FrameVersion} }, tooSoon, notAGuest},
	{"list", func(*hosted) wire.Frame { return &wire.List{Op: 1, Recursive: true} }, tooSoon, notAGuest},
	{"open", func(*hosted) wire.Frame { return &wire.Open{Op: 1, Path: "a.txt"} }, tooSoon, notAGuest},
	{"close", func(*hosted) wire.Frame { return &wire.Close{Doc: 1} }, tooSoon, notAGuest},
	{"save", func(*hosted) wire.Frame { return &wire.Save{Op: 1, Doc: 1} }, tooSoon, notAGuest},
	{"create", func(*hosted) wire.Frame { return &wire.Create{Op: 1, Path: "x"} }, tooSoon, notAGuest},
	{"rename", func(*hosted) wire.Frame { return &wire.Rename{Op: 1, From: "a.txt", To: "x"} }, tooSoon, notAGuest},
	{"delete", func(*hosted) wire.Frame { return &wire.Delete{Op: 1, Path: "a.txt"} }, tooSoon, notAGuest},
	{"a file's name", func(*hosted) wire.Frame { return &wire.State{Doc: 1, Path: "../../x"} }, tooSoon, ""},
	{"check", func(*hosted) wire.Frame { return &wire.Check{Doc: 1} }, tooSoon, notAGuest},
}

// outcome says in words what came of what a host sent.
func (h *hosted) outcome(host *stranger, id string) func(send func()) string {
	return func(send func()) string {
		before, was := h.state(), h.ed.text()
		h.g.fx = nil
		send()
		var words []string
		for _, f := range h.g.fx {
			switch f := f.(type) {
			case SendFrame:
				if name := frameName(f.Data); f.Link != host.link || name == "Open" || name == "Floor" {
					words = append(words, name)
				}
			case LoadFile, SaveFile, CreateEntry, RenameEntry, DeleteEntry, WidenFolder, ListFolder, OpenFolder, Locate, OpenRoom, NewCode, Decide, StartJoin, StopDaemon:
				words = append(words, fmt.Sprintf("%T", f))
			}
		}
		s := h.session(id)
		switch {
		case s != nil && s.state == protocol.SessionReconnecting:
			words = append(words, "reconnecting")
		case s != nil && id == "cccccccccc":
			words = append(words, "welcome")
		case h.g.e.links[host.link] == nil:
			word := "left"
			for _, end := range ends(h.g, id) {
				word += ": " + strings.TrimPrefix(end, "the host's Earshot ")
			}
			words = append(words, word)
		}
		if h.ed.text() != was && h.session("aaaaaaaaaa") != nil {
			words = append(words, "its text")
		}
		if is := changed(before, h.state()); len(is) > 0 {
			words = append(words, "+"+strings.Join(is, "+"))
		}
		return strings.Join(words, ", ")
	}
}

func frameName(b []byte) string {
	f, err := wire.Decode(b)
	if err != nil {
		return err.Error()
	}
	return typeName(f)
}

// ends are the reasons that the last step gave for a session's end, or a join's.
func ends(n *node, id string) []string {
	for _, f := range n.fx {
		switch f := f.(type) {
		case Notify:
			if p, ok := f.Params.(*protocol.SessionChanged); ok && p.Session.ID == id && p.Session.State == protocol.SessionEnded {
				return []string{p.Session.Reason}
			}
		case ReplyError:
			if rest, ok := strings.CutPrefix(f.Err.Message, "The host's Earshot "); ok && strings.Contains(rest, ";") {
				why, _, _ := strings.Cut(rest, ";")
				return []string{why}
			}
		}
	}
	return nil
}

// TestH3Matrix: every frame that there is, sent to a guest by its host. A guest takes what its host may say of that session, and
// its share, its disk and its other session stay as they are to the byte.
func TestH3Matrix(t *testing.T) {
	rows := map[string]bool{}
	for _, r := range hostRows {
		h := newHosted(t)
		f := r.frame(h)
		rows[typeName(f)] = true
		if got := h.outcome(h.one, "aaaaaaaaaa")(func() { h.one.sends(f) }); got != r.after {
			t.Errorf("%s (%s): got %q, want %q", r.name, typeName(f), got, r.after)
		}
		h = newHosted(t)
		f = r.frame(h)
		third := h.joins(8000, "cccccccccc", false)
		if got := h.outcome(third, "cccccccccc")(func() { third.sends(f) }); got != r.before {
			t.Errorf("%s (%s) before its welcome: got %q, want %q", r.name, typeName(f), got, r.before)
		}
		// And of a session that is another host's: nothing, whatever its numbers say.
		h = newHosted(t)
		f = r.frame(h)
		was := h.ed.text()
		h.two.sends(f)
		if h.ed.text() != was || h.session("aaaaaaaaaa").state != protocol.SessionOpen || h.session("aaaaaaaaaa").role != protocol.RoleEditor {
			t.Errorf("%s (%s) by another host: the session is touched", r.name, typeName(f))
		}
	}
	wantAll(t, rows)
}

// TestH3HostsWriteNothing: whatever a host sends, its guest's own share and disk, and its other session, stay as they are.
func TestH3HostsWriteNothing(t *testing.T) {
	for seed := range threat.Times(60, 20_000) {
		d := randomDice(uint64(seed)+1<<40, 400)
		h := newHosted(t)
		forge := &forger{doc: h.doc, mine: 42, num: 1}
		before := h.state()
		for len(d) > 0 {
			h.g.step(FrameArrived{Link: h.one.link, Channel: d.channel(), Data: wire.Encode(h.one.summed(hostFrame(&d, forge)))})
			for _, f := range h.g.fx {
				switch f.(type) {
				case LoadFile, SaveFile, CreateEntry, RenameEntry, DeleteEntry, WidenFolder, ListFolder, OpenFolder:
					t.Fatalf("seed %d: a host had its guest do %T", seed, f)
				}
			}
			h.g.fx, h.g.trail = nil, nil
			if h.g.rejoin != 0 {
				h.one.link++
				h.g.step(HostLinked{Join: h.g.rejoin, Link: h.one.link})
				h.g.rejoin = 0
			}
		}
		if is := changed(before, h.state()); len(is) > 0 {
			t.Fatalf("seed %d: a host changed %v", seed, is)
		}
	}
}
