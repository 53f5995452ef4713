package session

import (
	"slices"
	"strings"
	"testing"

	"earshot/internal/docpath"
	"earshot/protocol"
	"earshot/protocol/wire"
)

// toldOfFiles are the names that an editor was told of, with what happened to them, and forgets them.
func toldOfFiles(ed *editor) []string {
	var all []string
	for _, p := range ed.notes {
		if m, ok := p.(*protocol.FileChanged); ok {
			for _, c := range m.Changes {
				line := c.Kind + " " + strings.TrimPrefix(c.URI, "earshot://"+m.Session+"/")
				if c.From != "" {
					line += " from " + strings.TrimPrefix(c.From, "earshot://"+m.Session+"/")
				}
				all = append(all, line)
			}
		}
	}
	ed.notes = nil
	return all
}

func (n *node) widens(ed *editor, folder string, documents ...string) protocol.Session {
	n.w.t.Helper()
	return ed.call(&protocol.WidenParams{Session: n.shared(), Folder: folder, Documents: documents}).(protocol.SessionResult).Session
}

// TestWidenBuffers: a scratch text is joined by another buffer, then by files, then by a folder. All hear of it, what was open
// goes on, and what an editor has open of it is attached.
func TestWidenBuffers(t *testing.T) {
	w := newWorld(t)
	w.disk["a.txt"], w.disk["b.txt"] = "file a", "file b"
	host := w.node("host")
	ed, other, near := host.connect(), host.connect(), host.connect()
	ed.open("untitled:note", "first")
	other.open("untitled:x/note", "second")
	near.open(fileURI, "file a")
	ed.call(&protocol.ShareParams{Documents: []string{"untitled:note"}, Admit: protocol.AdmitAuto, Guests: 2})
	guest, far := w.join("guest")
	far.fetch(w.uri("note"))
	host.widens(other, "", "untitled:x/note", "untitled:x/note")
	if got := toldOfFiles(far); !slices.Equal(got, []string{"created note-2"}) {
		t.Errorf("the guest's editor was told %q", got)
	}
	second := guest.connect()
	second.fetch(w.uri("note-2"))
	second.adds("!")
	w.want("second!", other, second)

	host.widens(ed, "", "untitled:note", "file:///w/a.txt")
	if got := toldOfFiles(far); !slices.Equal(got, []string{"created a.txt"}) {
		t.Errorf("the guest's editor was told %q", got)
	}
	third := guest.connect()
	third.fetch(w.uri("a.txt"))
	third.adds("!")
	w.want("file a!", near, third)
	ed.notes = nil
	s := host.widens(ed, "file:///w")
	if s.Folder != "file:///w" || saw[*protocol.SessionChanged](ed) == nil || saw[*protocol.SessionChanged](ed).Session.Folder != "file:///w" {
		t.Errorf("the folder is %q", s.Folder)
	}
	ed.adds("!")
	w.want("first!", ed, far)
	w.want("file a!", near, third)
	if n := len(host.e.sessions[0].docs); n != 3 {
		t.Errorf("%d documents", n)
	}
	if again := host.widens(ed, "file:///w"); again.Folder != "file:///w" {
		t.Errorf("the same folder once more: it is %q", again.Folder)
	}
	wantKind(t, ed.fails(&protocol.WidenParams{Session: s.ID, Folder: "file:///v"}), protocol.Conflict)
}

// TestWidenRefused: who may not, and what can't be.
func TestWidenRefused(t *testing.T) {
	w, host, guest := pair(t, "abc")
	ed := host.connect()
	widen := func(p protocol.WidenParams) *protocol.WidenParams {
		p.Session = host.shared()
		return &p
	}
	wantKind(t, guest.connect().fails(widen(protocol.WidenParams{Documents: []string{fileURI}})), protocol.NotHost)
	wantInvalid(t, ed.fails(widen(protocol.WidenParams{})))
	wantKind(t, ed.fails(&protocol.WidenParams{Session: "zzzzzzzzzz", Folder: "file:///w"}), protocol.NoSuchSession)
	wantKind(t, ed.fails(widen(protocol.WidenParams{Folder: "file:///other"})), protocol.Conflict)
	wantKind(t, ed.fails(widen(protocol.WidenParams{Documents: []string{"untitled:closed"}})), protocol.NoSuchDocument)
	wantKind(t, ed.fails(widen(protocol.WidenParams{Documents: []string{"file:///w/none"}})), protocol.NoSuchDocument)
	wantKind(t, ed.fails(widen(protocol.WidenParams{Documents: []string{w.uri("a.txt")}})), protocol.NoSuchDocument)

	// A folder that another session shares is shared once.
	ed.open("untitled:note", "x")
	one := ed.call(&protocol.ShareParams{Documents: []string{"untitled:note"}}).(protocol.SessionResult).Session
	err := ed.fails(&protocol.WidenParams{Session: one.ID, Folder: "file:///w"})
	wantKind(t, err, protocol.AlreadyShared)
	wantKind(t, ed.fails(widen(protocol.WidenParams{Documents: []string{"untitled:note"}})), protocol.AlreadyShared)
}

// TestWidenOneByOne: two who share more at once get two names; one whose session ends meanwhile is told.
func TestWidenOneByOne(t *testing.T) {
	_, host, _ := pair(t, "abc")
	a, b, c := host.connect(), host.connect(), host.connect()
	a.open("untitled:a/note", "a")
	b.open("untitled:b/note", "b")
	c.open("untitled:c/note", "c")
	host.holding = true
	ask := func(ed *editor) protocol.RequestID {
		return ed.ask(&protocol.WidenParams{Session: host.shared(), Documents: []string{ed.uri}})
	}
	first, second, third := ask(a), ask(b), ask(c)
	c.notify(&protocol.DidCloseTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: c.uri}})
	for range 3 {
		host.release()
	}
	for ed, id := range map[*editor]protocol.RequestID{a: first, b: second, c: third} {
		if _, ok := ed.results[id].(protocol.SessionResult); !ok {
			t.Errorf("%s: %+v", ed.uri, ed.results[id])
		}
	}
	var names []string
	for _, p := range host.e.sessions[0].bufferPaths() {
		names = append(names, p.String())
	}
	if !slices.Equal(names, []string{"note", "note-2"}) {
		t.Errorf("the buffers are called %q", names)
	}
	host.holding = true
	a.open("untitled:d/more", "d")
	last := ask(a)
	b.call(&protocol.LeaveParams{Session: host.shared(), Unsaved: protocol.UnsavedDiscard})
	host.release()
	err, _ := a.results[last].(*protocol.Error)
	wantKind(t, err, protocol.Ended)
}

// TestFilesChangedInPages: what guests are told of names fits in frames, whatever it is.
func TestFilesChangedInPages(t *testing.T) {
	w, host, guest := pair(t, "abc")
	far := guest.connect()
	far.fetch(w.uri("a.txt"))
	far.notes = nil
	var changes []change
	for i := range 3*wire.MaxChanges + 1 {
		changes = append(changes, change{kind: created, path: pathAt(t, strings.Repeat("x/", 1+i%1500)+"y")})
	}
	host.e.filesChanged(host.e.sessions[0], changes)
	for _, f := range host.e.out {
		host.carryOut(f)
	}
	w.run()
	if got := toldOfFiles(far); len(got) != len(changes) {
		t.Errorf("told of %d names of %d", len(got), len(changes))
	}
}

func pathAt(t *testing.T, s string) docpath.Path {
	t.Helper()
	p, err := docpath.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
