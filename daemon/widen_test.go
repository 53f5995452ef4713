package daemon

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"

	"earshot/internal/docpath"
	"earshot/internal/session"
	"earshot/internal/workspace"
	"earshot/protocol"
)

// hears waits until an editor was told of a change of a name.
func (k *desk) hears(want protocol.FileChange) {
	k.t.Helper()
	k.await("to hear of "+want.Kind+" "+want.URI, func() bool {
		for _, p := range k.seen {
			if c, ok := p.(*protocol.FileChanged); ok && slices.Contains(c.Changes, want) {
				return true
			}
		}
		return false
	})
}

// TestWiden: one file is shared, then another, then the folder of the first. Both go on to be edited by both sides under the
// names that they had, each one text, and the guest hears of what is new.
func TestWiden(t *testing.T) {
	dir := folderOf(t, "in/sub/main.go", "in\n", "in/other.go", "other\n", "out/main.go", "out\n", "taken/sub", "", "clash/main.go", "")
	at := func(name string) protocol.DocumentURI { return fileURI(t, filepath.Join(dir, name)) }
	inBubble(t, func(t *testing.T, b *bubble) {
		host, guest := b.desk("Ana"), b.desk("Ben")
		s := host.share(dir, func(p *protocol.ShareParams) { p.Folder, p.Documents = "", []string{at("in/sub/main.go")} })
		guest.join(s.Link)
		far := func(name string) protocol.DocumentURI { return "earshot://" + s.ID + "/" + name }
		widen := &protocol.WidenParams{Session: s.ID, Documents: []string{at("out/main.go")}}
		host.notify("textDocument/didOpen", &protocol.DidOpenTextDocumentParams{
			TextDocument: protocol.TextDocumentItem{URI: at("in/other.go"), Version: 1, Text: "other\n"}})
		host.must("session/widen", widen, nil)
		guest.hears(protocol.FileChange{URI: far("out/main.go"), Kind: "created"})
		host.open(at("in/sub/main.go"))
		guest.open(far("main.go"))
		guest.open(far("out/main.go"))
		guest.typed(far("out/main.go"), 0, 0, "Ben ")

		host.fails(protocol.Conflict, "session/widen", &protocol.WidenParams{Session: s.ID, Folder: at("clash")})
		host.fails(protocol.NoSuchDocument, "session/widen", &protocol.WidenParams{Session: s.ID, Folder: at("none")})
		var got protocol.SessionResult
		host.must("session/widen", &protocol.WidenParams{Session: s.ID, Folder: at("in")}, &got)
		if got.Session.Folder != at("in") {
			t.Errorf("the folder is %q", got.Session.Folder)
		}
		guest.hears(protocol.FileChange{URI: far("sub"), Kind: "created"})
		host.hears(protocol.FileChange{URI: far("other.go"), Kind: "created"})
		host.await("other.go to be attached", func() bool {
			return slices.ContainsFunc(host.seen, func(p protocol.EditorParams) bool {
				c, ok := p.(*protocol.DocumentChanged)
				return ok && c.URI == at("in/other.go")
			})
		})
		guest.open(far("sub/main.go")) // the same text by its place in the folder
		guest.typed(far("sub/main.go"), 0, 0, "more ")
		guest.shows(far("main.go"), "more in\n")
		host.shows(at("in/sub/main.go"), "more in\n")
		host.open(at("out/main.go"))
		host.shows(at("out/main.go"), "Ben out\n")
		guest.must("document/save", &protocol.SaveParams{TextDocument: protocol.TextDocumentIdentifier{URI: far("main.go")}}, nil)
		checkFile(t, filepath.Join(dir, "in/sub/main.go"), "more in\n")
		var list protocol.ListFilesResult
		guest.must("file/list", &protocol.ListFilesParams{Session: s.ID, Recursive: true}, &list)
		var names []string
		for _, e := range list.Entries {
			names = append(names, e.URI)
		}
		if want := []string{far("main.go"), far("other.go"), far("out"), far("out/main.go"), far("sub")}; !slices.Equal(names, want) {
			t.Errorf("listed %q, want %q", names, want)
		}
		var status protocol.StatusResult
		host.must("daemon/status", nil, &status)
		if status.Documents != 3 {
			t.Errorf("%d documents, want 3: one for each file", status.Documents)
		}
		host.fails(protocol.AlreadyShared, "session/share", &protocol.ShareParams{Folder: at("in"), Listen: "127.0.0.1:0"})
		host.fails(protocol.Conflict, "session/widen", &protocol.WidenParams{Session: s.ID, Folder: at("taken")})
		guest.fails(protocol.NotHost, "session/widen", widen)
	})
}

// TestWidenedWhileItEnds: a session that ends while the disk is asked for more leaves nothing open, and the engine is answered.
func TestWidenedWhileItEnds(t *testing.T) {
	dir := folderOf(t, "a.txt", "one\n", "b.txt", "two\n", "in/c.txt", "three\n")
	synctest.Test(t, func(t *testing.T) {
		d, err := New(Options{})
		if err != nil {
			t.Fatal(err)
		}
		answer := func() session.Event { return answerOf(d) }
		d.useDisk(session.OpenFolder{Op: 1, Session: "s", Files: []string{filepath.Join(dir, "a.txt")}})
		answer()
		was := d.folders["s"].Folder
		f := d.folders["s"]
		d.useDisk(session.WidenFolder{Op: 2, Session: "s", Folder: filepath.Join(dir, "in"), Files: []string{filepath.Join(dir, "b.txt")}})
		d.useDisk(session.CloseFolder{Session: "s"})
		got, ok := answer().(session.Widened)
		if !ok || got.Err != nil || len(got.Shown) != 2 {
			t.Errorf("answered %+v", got)
		}
		d.work.Wait()
		for _, w := range []*workspace.Folder{was, f.Folder} {
			if _, err := w.Load(pathOf(t, "a.txt")); err == nil {
				t.Error("a file is still open")
			}
		}
		// Nothing of the disk was shared before; a folder that another session has is let go again.
		d.useDisk(session.WidenFolder{Op: 3, Session: "t", Folder: filepath.Join(dir, "in"), Others: map[string]string{filepath.Join(dir, "in"): "s"}})
		if got := answer().(session.Widened); protocol.KindOf(got.Err) != protocol.AlreadyShared || got.Err.Data.Session != "s" {
			t.Errorf("answered %+v", got)
		}
		d.useDisk(session.LoadFile{Op: 4, Session: "t", Path: pathOf(t, "c.txt")})
		if got := answer().(session.Loaded); protocol.KindOf(got.Err) != protocol.Ended {
			t.Errorf("loaded %+v", got)
		}
		d.useDisk(session.WidenFolder{Op: 5, Session: "t", Folder: filepath.Join(dir, "in")})
		if got := answer().(session.Widened); got.Err != nil || got.Root != filepath.Join(dir, "in") {
			t.Errorf("answered %+v", got)
		}
		close(d.over)
		d.closeFolders()
		d.work.Wait()
	})
	if err := os.RemoveAll(dir); err != nil {
		t.Error(err)
	}
}

func pathOf(t *testing.T, s string) docPath {
	t.Helper()
	p, err := docpath.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestBufferAndFileOfOneName are two texts, shared at once or one after the other.
func TestBufferAndFileOfOneName(t *testing.T) {
	dir := folderOf(t, "note", "the file\n")
	at := fileURI(t, filepath.Join(dir, "note"))
	inBubble(t, func(t *testing.T, b *bubble) {
		for _, later := range []bool{false, true} {
			host := b.desk("Ana")
			host.notify("textDocument/didOpen", &protocol.DidOpenTextDocumentParams{
				TextDocument: protocol.TextDocumentItem{URI: "untitled:note", Version: 1, Text: "the buffer\n"}})
			s := host.share(dir, func(p *protocol.ShareParams) {
				p.Folder, p.Documents = "", []string{"untitled:note", "untitled:note", at}
				if later {
					p.Documents = p.Documents[:1]
				}
			})
			if later {
				host.must("session/widen", &protocol.WidenParams{Session: s.ID, Documents: []string{at}}, nil)
			}
			for name, want := range map[string]string{"note": "the buffer\n", filepath.Base(dir) + "/note": "the file\n"} {
				var got protocol.TextDocumentContentResult
				host.must("workspace/textDocumentContent", &protocol.TextDocumentContentParams{URI: "earshot://" + s.ID + "/" + name}, &got)
				if got.Text != want {
					t.Errorf("%s is %q, want %q", name, got.Text, want)
				}
			}
		}
	})
}
