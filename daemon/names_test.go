package daemon

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"earshot/internal/session"
	"earshot/protocol"
)

// TestA17Names: a guest makes folders and files in the host's folder, renames what both have open, and deletes: the disk and
// everybody's texts follow, and nothing that stands there is ever replaced.
func TestA17Names(t *testing.T) {
	dir := folderOf(t, "main.go", "one\n", "sub/x.txt", "x\n", "other.txt", "other\n", ".env", "SECRET\n", ".gitignore", "build/\n")
	at := func(name string) string { return filepath.Join(dir, name) }
	inBubble(t, func(t *testing.T, b *bubble) {
		host, guest, third := b.desk("Ana"), b.desk("Ben"), b.desk("Eve")
		s := host.share(dir)
		guest.join(s.Link)
		third.join(s.Link)
		far := func(name string) protocol.DocumentURI { return "earshot://" + s.ID + "/" + name }
		made := func(name string, kind protocol.EntryKind) *protocol.CreateFileParams {
			return &protocol.CreateFileParams{Session: s.ID, URI: far(name), Kind: kind}
		}
		named := func(from, to string) *protocol.RenameFileParams {
			return &protocol.RenameFileParams{Session: s.ID, From: far(from), To: far(to)}
		}
		gone := func(name string) *protocol.DeleteFileParams {
			return &protocol.DeleteFileParams{Session: s.ID, URI: far(name)}
		}
		guest.must("file/create", made("lib", protocol.KindFolder), nil)
		guest.must("file/create", made("lib/new.go", protocol.KindFile), nil)
		host.hears(protocol.FileChange{URI: far("lib/new.go"), Kind: "created"})
		third.hears(protocol.FileChange{URI: far("lib"), Kind: "created"})
		if h := host.awaitEvent("created"); h.Member == nil || h.Member.Name != "Ben" {
			t.Errorf("the host's people are told %+v", h)
		}
		guest.fails(protocol.Exists, "file/create", made("lib", protocol.KindFolder))
		guest.fails(protocol.Excluded, "file/create", made("build", protocol.KindFolder))

		guest.open(far("main.go"))
		third.open(far("main.go"))
		third.typed(far("main.go"), 0, 0, "Eve ")
		guest.shows(far("main.go"), "Eve one\n")
		guest.must("file/rename", named("main.go", "lib/prog.go"), nil)
		third.hears(protocol.FileChange{URI: far("lib/prog.go"), Kind: "renamed", From: far("main.go")})
		third.typed(far("main.go"), -1, 0, "two\n")
		third.must("document/save", &protocol.SaveParams{TextDocument: protocol.TextDocumentIdentifier{URI: far("main.go")}}, nil)
		checkFile(t, at("lib/prog.go"), "Eve one\ntwo\n")
		if _, err := os.Stat(at("main.go")); err == nil {
			t.Error("the old file is there")
		}
		host.open(fileURI(t, at("lib/prog.go")))
		host.typed(fileURI(t, at("lib/prog.go")), 0, 0, "Ana ")
		guest.shows(far("main.go"), "Ana Eve one\ntwo\n")
		guest.fails(protocol.Conflict, "file/rename", named("lib", "lib2"))
		guest.fails(protocol.Exists, "file/rename", named("other.txt", "lib/new.go"))
		guest.fails(protocol.Excluded, "file/rename", named("other.txt", ".env"))
		guest.fails(protocol.Excluded, "file/rename", named(".env", "seen.txt"))
		guest.fails(protocol.Conflict, "file/delete", gone("lib"))

		guest.must("file/rename", named("sub", "sub2"), nil)
		guest.must("file/delete", gone("sub2/x.txt"), nil)
		guest.must("file/delete", gone("sub2"), nil)
		host.hears(protocol.FileChange{URI: far("sub2"), Kind: "deleted"})

		guest.must("file/delete", gone("lib/prog.go"), nil)
		third.must("document/save", &protocol.SaveParams{TextDocument: protocol.TextDocumentIdentifier{URI: far("main.go")}}, nil)
		checkFile(t, at("lib/prog.go"), "Ana Eve one\ntwo\n")
		third.hears(protocol.FileChange{URI: far("lib/prog.go"), Kind: "created"})
		host.must("member/setRole", &protocol.SetRoleParams{Session: s.ID, Member: guest.session.Me, Role: protocol.RoleViewer}, nil)
		guest.awaitEvent("role")
		guest.fails(protocol.ReadOnly, "file/rename", named("other.txt", "z"))
		guest.fails(protocol.ReadOnly, "file/delete", gone("other.txt"))
		guest.fails(protocol.ReadOnly, "file/create", made("z", protocol.KindFolder))
		host.must("file/rename", named("other.txt", "z"), nil)
		checkFile(t, at("z"), "other\n")
		checkFile(t, at(".env"), "SECRET\n")
	})
}

// answerOf takes the next answer for the engine, as the loop does.
func answerOf(d *Daemon) session.Event {
	m := <-d.inbox
	if m.first != nil {
		m.first()
	}
	return m.event
}

// TestNamesInOrder: what the disk is asked for under a name, before a renaming and behind it, is done in that order.
func TestNamesInOrder(t *testing.T) {
	dir := folderOf(t, "sub/a.txt", "one\n")
	synctest.Test(t, func(t *testing.T) {
		d, err := New(Options{})
		if err != nil {
			t.Fatal(err)
		}
		answer := func() session.Event { return answerOf(d) }
		d.useDisk(session.OpenFolder{Op: 1, Session: "s", Folder: dir})
		answer()
		for range maxDisk { // nothing is done yet
			d.disk <- struct{}{}
		}
		a, moved := pathOf(t, "sub/a.txt"), pathOf(t, "sub2/a.txt")
		d.useDisk(session.LoadFile{Op: 2, Session: "s", Path: a})
		d.useDisk(session.RenameEntry{Op: 3, Session: "s", From: pathOf(t, "sub"), To: pathOf(t, "sub2"), Texts: []docPath{moved}})
		d.useDisk(session.LoadFile{Op: 4, Session: "s", Path: a})
		d.useDisk(session.DeleteEntry{Op: 5, Session: "s", Path: pathOf(t, "sub2")})
		synctest.Wait()
		for range maxDisk {
			<-d.disk
		}
		if got, ok := answer().(session.Loaded); !ok || got.Op != 2 || got.Text != "one\n" {
			t.Errorf("first: %+v", got)
		}
		if got, ok := answer().(session.Renamed); !ok || got.Err != nil || len(got.Identities) != 1 || got.Identities[0] == "" {
			t.Errorf("second: %+v", got)
		}
		left := map[string]*protocol.Error{}
		for range 2 {
			switch got := answer().(type) {
			case session.Loaded:
				left["load"] = got.Err
			case session.Deleted:
				left["delete"] = got.Err
			}
		}
		if protocol.KindOf(left["load"]) != protocol.NoSuchDocument || protocol.KindOf(left["delete"]) != protocol.Conflict {
			t.Errorf("behind it: %v", left)
		}
		close(d.over)
		d.closeFolders()
	})
	checkFile(t, filepath.Join(dir, "sub2/a.txt"), "one\n")
}
