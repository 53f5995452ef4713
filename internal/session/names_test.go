package session

import (
	"slices"
	"strings"
	"testing"
	"time"

	"earshot/protocol"
	"earshot/protocol/wire"
)

func (w *world) renaming(from, to string) *protocol.RenameFileParams {
	return &protocol.RenameFileParams{Session: w.nodes[0].shared(), From: w.uri(from), To: w.uri(to)}
}

func (w *world) deleting(path string) *protocol.DeleteFileParams {
	return &protocol.DeleteFileParams{Session: w.nodes[0].shared(), URI: w.uri(path)}
}

// docs gives the one document of a node that is called so, and checks that it has no other.
func (n *node) called(name string) *document {
	n.w.t.Helper()
	docs := n.e.sessions[0].docs
	if len(docs) != 1 || docs[0].path.String() != name {
		var names []string
		for _, d := range docs {
			names = append(names, d.path.String())
		}
		n.w.t.Fatalf("%s has the documents %q, want %q alone", n.name, names, name)
	}
	return docs[0]
}

// TestRenameOpen: a text that is open gets another name and stays what it is, with its history, its editors and its saves, at
// all daemons.
func TestRenameOpen(t *testing.T) {
	w, host, guest := pair(t, "abc")
	third, _ := w.join("third")
	script, far, other := host.connect(), guest.connect(), third.connect()
	script.fetch(w.uri("a.txt"))
	far.fetch(w.uri("a.txt"))
	other.fetch(w.uri("a.txt"))
	far.adds("1")
	other.notes = nil
	script.notes = nil
	far.call(w.renaming("a.txt", "sub/b.txt"))
	for _, n := range []*node{host, guest, third} {
		n.called("sub/b.txt")
	}
	for _, ed := range []*editor{script, other} {
		if got := toldOfFiles(ed); !slices.Equal(got, []string{"renamed sub/b.txt from a.txt"}) {
			t.Errorf("an editor at %s was told %q", ed.n.name, got)
		}
	}
	// By the old name the editors go on, and it is saved under the new one.
	other.adds("2")
	far.call(&protocol.SaveParams{TextDocument: protocol.TextDocumentIdentifier{URI: w.uri("a.txt")}})
	if w.disk["sub/b.txt"] != "abc12" || len(w.disk) != 1 {
		t.Errorf("the disk holds %q", w.disk)
	}
	// An editor that follows the name closes the old one and opens the new: the same text, and what was done can be undone.
	far.notify(&protocol.DidCloseTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: far.uri}})
	far.uri = w.uri("sub/b.txt")
	far.reopen()
	far.adds("3")
	w.want("abc123", far, other, script)
	if n := len(host.called("sub/b.txt").mirrors); n != 1 {
		t.Errorf("%d mirrors at the host", n)
	}
	// The old name leads there as long as no file has it; then that is another text.
	late := third.connect()
	late.fetch(w.uri("a.txt"))
	w.want("abc123", late)
	late.notify(&protocol.DidCloseTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: late.uri}})
	script.call(&protocol.CreateFileParams{Session: host.shared(), URI: w.uri("a.txt"), Kind: protocol.KindFile})
	late = third.connect()
	late.fetch(w.uri("a.txt"))
	late.adds("new")
	w.want("new", late)
	w.want("abc123", far, other, script)
}

// TestRenamedWhileAway: who comes back under the name that a text had finds it, with all that was typed meanwhile, be it the
// editor or the whole daemon that was away.
func TestRenamedWhileAway(t *testing.T) {
	w, host, guest := pair(t, "abc")
	script, far := host.connect(), guest.connect()
	far.fetch(w.uri("a.txt"))
	far.drop()
	far.buf.Replace(0, 0, "X")
	far.version++
	script.call(w.renaming("a.txt", "b.txt"))
	back := far.back()
	back.reopen()
	w.want("Xabc", back)
	w.breakLink(guest)
	script.call(w.renaming("b.txt", "c.txt"))
	script.call(w.renaming("c.txt", "d.txt"))
	back.adds("Y")
	w.mend(guest)
	w.want("XabcY", back)
	if host.called("d.txt").text.Text().String() != "XabcY" {
		t.Error("the host lacks what was typed")
	}
	guest.called("d.txt")
	late := guest.connect()
	late.fetch(w.uri("b.txt"))
	w.want("XabcY", late)
	guest.called("d.txt")
}

// TestRenameFolder: the texts in it go along.
func TestRenameFolder(t *testing.T) {
	w, host, guest := pair(t, "abc")
	w.disk["sub/x"], w.disk["sub/deep/y"], w.disk["sub2/z"] = "x", "y", "z"
	eds := map[string]*editor{}
	for _, name := range []string{"sub/x", "sub/deep/y", "sub2/z"} {
		eds[name] = guest.connect()
		eds[name].fetch(w.uri(name))
	}
	guest.connect().call(w.renaming("sub", "new/sub"))
	for name, ed := range eds {
		ed.adds("!")
		ed.call(&protocol.SaveParams{TextDocument: protocol.TextDocumentIdentifier{URI: w.uri(name)}})
	}
	want := map[string]string{"a.txt": "abc", "new/sub/x": "x!", "new/sub/deep/y": "y!", "sub2/z": "z!"}
	for name, text := range want {
		if w.disk[name] != text {
			t.Errorf("%s is %q, want %q", name, w.disk[name], text)
		}
	}
	if len(w.disk) != len(want) || len(host.e.sessions[0].docs) != 3 {
		t.Errorf("the disk holds %q", w.disk)
	}
}

// TestA17RenameRefused: what can't be done without losing something is not done.
func TestA17RenameRefused(t *testing.T) {
	w, host, guest := pair(t, "abc")
	w.disk["b.txt"], w.disk["sub/c.txt"] = "b", "c"
	near, far := host.connect(), guest.connect()
	near.open(fileURI, "abc")
	err := far.fails(w.renaming("a.txt", "z.txt"))
	wantKind(t, err, protocol.Conflict)
	if !strings.Contains(err.Message, `"a.txt" is open in an editor of the host's`) {
		t.Errorf("told %q", err.Message)
	}
	near.drop() // it may come back
	wantKind(t, far.fails(w.renaming("a.txt", "z.txt")), protocol.Conflict)
	w.pass(LostGrace + time.Second)
	far.call(w.renaming("a.txt", "z.txt"))

	far.fetch(w.uri("b.txt"))
	far.adds("!")
	wantKind(t, far.fails(w.renaming("z.txt", "b.txt")), protocol.Exists)
	wantKind(t, far.fails(w.renaming("none", "n")), protocol.NoSuchDocument)
	far.call(w.deleting("b.txt"))
	for name, p := range map[string]protocol.DaemonParams{
		"renamed to": w.renaming("z.txt", "b.txt"), "made as": &protocol.CreateFileParams{Session: host.shared(), URI: w.uri("b.txt"), Kind: protocol.KindFile},
		"made as a folder": &protocol.CreateFileParams{Session: host.shared(), URI: w.uri("b.txt"), Kind: protocol.KindFolder},
	} {
		if err := far.fails(p); protocol.KindOf(err) != protocol.Exists {
			t.Errorf("%s what is deleted and still open: %v", name, err)
		}
	}
	w.want("b!", far)
	own := host.connect()
	own.open("untitled:note", "n")
	own.call(&protocol.WidenParams{Session: host.shared(), Documents: []string{"untitled:note"}})
	wantKind(t, far.fails(w.renaming("note", "n2")), protocol.Conflict)
	wantKind(t, far.fails(w.renaming("z.txt", "note")), protocol.Exists)
	wantKind(t, far.fails(w.deleting("note")), protocol.Conflict)
	deep := guest.connect()
	deep.fetch(w.uri("sub/c.txt"))
	wantKind(t, far.fails(w.deleting("sub")), protocol.Conflict)
	wantKind(t, far.fails(&protocol.RenameFileParams{Session: host.shared(), From: w.uri("z.txt"), To: "earshot://zzzzzzzzzz/z"}), protocol.OutsideFolder)
	wantKind(t, far.fails(&protocol.DeleteFileParams{Session: "zzzzzzzzzz", URI: w.uri("z.txt")}), protocol.NoSuchSession)
	wantKind(t, far.fails(w.deleting("../x")), protocol.OutsideFolder)
}

// TestA17DeleteOpen: the text of a file that is deleted stays with those who have it, lacks a save, and a save makes the file anew.
func TestA17DeleteOpen(t *testing.T) {
	w, host, guest := pair(t, "abc")
	near, far := host.connect(), guest.connect()
	near.open(fileURI, "abc")
	far.fetch(w.uri("a.txt"))
	far.call(w.deleting("a.txt"))
	if _, there := w.disk["a.txt"]; there {
		t.Error("the file is there")
	}
	if got := toldOfFiles(near); !slices.Equal(got, []string{"deleted a.txt"}) {
		t.Errorf("the host's editor was told %q", got)
	}
	if c := saw[*protocol.DocumentChanged](far); c == nil || !c.Dirty {
		t.Errorf("the guest's editor was told %+v", c)
	}
	far.adds("!")
	w.want("abc!", near, far)
	near.notes = nil
	far.call(&protocol.SaveParams{TextDocument: protocol.TextDocumentIdentifier{URI: w.uri("a.txt")}})
	if w.disk["a.txt"] != "abc!" || host.doc().dirty {
		t.Errorf("the disk holds %q", w.disk)
	}
	if got := toldOfFiles(near); !slices.Equal(got, []string{"created a.txt"}) {
		t.Errorf("the host's editor was told %q", got)
	}
}

// TestSavedWhereDeleted: a host's editor that has nothing to save, as it sees it, says so when a guest saves; the file is made anew all
// the same, be it deleted before the editor was asked or after.
func TestSavedWhereDeleted(t *testing.T) {
	for _, before := range []bool{true, false} {
		w, host, guest := pair(t, "abc")
		near, far := host.connect(saving), guest.connect()
		near.open(fileURI, "abc")
		far.fetch(w.uri("a.txt"))
		far.adds("d")
		if before {
			far.call(w.deleting("a.txt"))
		}
		id := far.saves()
		if !before {
			far.call(w.deleting("a.txt"))
			call, p := takeAsk[*protocol.SaveBufferParams](near)
			if p == nil {
				t.Fatal("the editor was not asked")
			}
			host.step(ClientAnswered{Conn: near.conn, Call: call, Result: &protocol.SaveBufferResult{Saved: true}})
		}
		wantSaved(t, far, id, "abcd")
		if _, there := w.disk["a.txt"]; !there || host.doc().gone {
			t.Errorf("deleted before %v: the file is not there", before)
		}
	}
}

// TestDeletedAndClosed: what was deleted as it was on the disk and is closed by all is gone, and asks for no save at the end;
// what somebody had changed still does.
func TestDeletedAndClosed(t *testing.T) {
	w, host, guest := pair(t, "abc")
	w.disk["b.txt"] = "b"
	script, far, other := host.connect(), guest.connect(), guest.connect()
	far.fetch(w.uri("a.txt"))
	other.fetch(w.uri("b.txt"))
	other.adds("!")
	for _, ed := range []*editor{far, other} {
		script.call(&protocol.DeleteFileParams{Session: host.shared(), URI: ed.uri})
		ed.notify(&protocol.DidCloseTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: ed.uri}})
	}
	w.pass(DocumentGrace + time.Second)
	wantKind(t, script.fails(&protocol.TextDocumentContentParams{URI: w.uri("a.txt")}), protocol.NoSuchDocument)
	err := script.fails(&protocol.LeaveParams{Session: host.shared()})
	wantKind(t, err, protocol.UnsavedTexts)
	if !slices.Equal(err.Data.URIs, []string{w.uri("b.txt")}) {
		t.Errorf("not saved: %q", err.Data.URIs)
	}
	script.call(&protocol.LeaveParams{Session: host.shared(), Unsaved: protocol.UnsavedSave})
	if len(w.disk) != 1 || w.disk["b.txt"] != "b!" {
		t.Errorf("the disk holds %q", w.disk)
	}
}

// TestSavedWhileRenamed: what is saved, opened, renamed or deleted while a renaming is under way comes behind it, by the name
// that there is then: no file is made under the old one, and a file is one text.
func TestSavedWhileRenamed(t *testing.T) {
	w, host, guest := pair(t, "abc")
	script, far := host.connect(), guest.connect()
	far.fetch(w.uri("a.txt"))
	far.adds("!")
	host.holding = true
	renamed := far.ask(w.renaming("a.txt", "b.txt"))
	saved := far.ask(&protocol.SaveParams{TextDocument: protocol.TextDocumentIdentifier{URI: w.uri("a.txt")}})
	old := script.ask(&protocol.TextDocumentContentParams{URI: w.uri("a.txt")})
	now := script.ask(&protocol.TextDocumentContentParams{URI: w.uri("b.txt")})
	again := script.ask(w.renaming("b.txt", "c.txt"))
	gone := script.ask(w.deleting("c.txt"))
	for range 8 {
		host.release()
	}
	for ed, ids := range map[*editor][]protocol.RequestID{far: {renamed, saved}, script: {old, now, again, gone}} {
		for _, id := range ids {
			if err, bad := ed.results[id].(*protocol.Error); bad || ed.results[id] == nil {
				t.Errorf("request %s at %s: %v", id, ed.n.name, err)
			}
		}
	}
	if len(w.disk) != 0 {
		t.Errorf("the disk holds %q", w.disk)
	}
	host.called("c.txt")
	w.want("abc!", far)
	far.call(&protocol.SaveParams{TextDocument: protocol.TextDocumentIdentifier{URI: w.uri("a.txt")}})
	if w.disk["c.txt"] != "abc!" || len(w.disk) != 1 {
		t.Errorf("the disk holds %q", w.disk)
	}
}

// TestHostOpensFormerName: a host's editor that opens a name which a text had once, or has until the renaming is done, is not in that text:
// it writes another file.
func TestHostOpensFormerName(t *testing.T) {
	for name, open := range map[string]func(host *node, rename func(), near *editor){
		"afterwards": func(_ *node, rename func(), near *editor) {
			rename()
			near.open(fileURI, "")
		},
		"meanwhile": func(host *node, rename func(), near *editor) {
			host.holding = true
			rename()
			near.open(fileURI, "abc")
			for range 4 {
				host.release()
			}
		},
		"just before": func(host *node, rename func(), near *editor) {
			host.holding = true
			near.open(fileURI, "abc")
			rename()
			for range 4 {
				host.release()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, host, guest := pair(t, "abc")
			near, far := host.connect(), guest.connect()
			far.fetch(w.uri("a.txt"))
			open(host, func() { far.ask(w.renaming("a.txt", "b.txt")) }, near)
			before := near.text()
			near.adds("typed")
			far.adds("!")
			w.pass(2 * pastFor)
			w.disk["a.txt"] = near.text()
			near.notify(&protocol.DidSaveTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: fileURI}})
			far.call(&protocol.SaveParams{TextDocument: protocol.TextDocumentIdentifier{URI: far.uri}})
			w.want(before+"typed", near)
			w.want("abc!", far)
			moved := host.e.sessions[0].docAt(pathAt(t, "b.txt"))
			if moved.text.Text().String() != "abc!" || w.disk["b.txt"] != "abc!" || w.disk["a.txt"] != before+"typed" {
				t.Errorf("the disk holds %q", w.disk)
			}
			if written := host.e.sessions[0].docAt(pathAt(t, "a.txt")); written == nil || written.text.Text().String() != before+"typed" {
				t.Errorf("what it wrote is not shared under its name: %+v", written)
			}
		})
	}
}

// TestA5NamesFlood: a guest that changes names without end does so no faster than people's editors can follow, and stays a guest.
func TestA5NamesFlood(t *testing.T) {
	w, host, _ := pair(t, "abc")
	near := host.connect()
	near.fetch(w.uri("a.txt"))
	near.notes = nil
	eve := host.admit(5000, "eve")
	at, to := "a.txt", "b.txt"
	renames := func() (failure *wire.Failure) {
		host.fx = nil
		eve.sends(&wire.Rename{Op: 1, From: at, To: to})
		if failure = got[*wire.Saved](eve)[0].Failure; failure == nil {
			at, to = to, at
		}
		return failure
	}
	for range 2 * nameBurst { // what fails, nobody is told of
		eve.sends(&wire.Rename{Op: 1, From: "none", To: "n"})
	}
	for range 2 * nameBurst {
		renames()
	}
	if n := len(toldOfFiles(near)); n != nameBurst {
		t.Errorf("an editor was told of %d, want %d", n, nameBurst)
	}
	if f := renames(); f == nil || f.Kind != string(protocol.RateLimited) {
		t.Errorf("one too many was answered %+v", f)
	}
	w.now = w.now.Add(nameEach)
	if f := renames(); f != nil {
		t.Errorf("a moment later: %+v", f)
	}
}

// TestRenameFails: what waited for a renaming that the disk refuses goes on under the old name.
func TestRenameFails(t *testing.T) {
	w, host, guest := pair(t, "abc")
	far := guest.connect()
	far.fetch(w.uri("a.txt"))
	far.adds("!")
	w.disk["b.txt"] = "b"
	host.holding = true
	renamed := far.ask(w.renaming("a.txt", "b.txt"))
	far.ask(&protocol.SaveParams{TextDocument: protocol.TextDocumentIdentifier{URI: w.uri("a.txt")}})
	host.release()
	err, _ := far.results[renamed].(*protocol.Error)
	wantKind(t, err, protocol.Exists)
	if w.disk["a.txt"] != "abc!" || w.disk["b.txt"] != "b" || host.e.sessions[0].move != nil {
		t.Errorf("the disk holds %q", w.disk)
	}
	host.called("a.txt")
}

// TestH3NamesOfHosts: a name that a host gives a text leads nowhere else, and no two texts have one.
func TestH3NamesOfHosts(t *testing.T) {
	h := newHosted(t)
	d := h.session("aaaaaaaaaa").doc(1)
	for _, name := range []string{"../x", "/etc/passwd", "a\x00b", ".", ""} {
		h.one.sends(&wire.State{Doc: 1, Path: name})
		if d.path.String() != "a.txt" {
			t.Fatalf("%q: the text is called %q", name, d.path)
		}
	}
	h.one.sends(&wire.State{Doc: 1, Path: "b.txt"})
	if d.path.String() != "b.txt" || h.ed.text() != "theirs\n" {
		t.Errorf("it is called %q", d.path)
	}
	h.ed.notes = nil
	h.one.sends(&wire.Changed{Changes: []wire.Change{{Path: "c", Kind: "created"}, {Path: "../c", Kind: "created"}, {Path: "d", Kind: "exploded"},
		{Path: "e", Kind: "renamed", From: "/x"}, {Path: "", Kind: "deleted"}, {Path: "f", Kind: "renamed", From: "g"}, {Path: "h", Kind: "deleted", From: "../.."}}})
	if got := toldOfFiles(h.ed); !slices.Equal(got, []string{"created c", "renamed f from g", "deleted h"}) {
		t.Errorf("the editor was told %q", got)
	}
}
