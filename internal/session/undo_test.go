package session

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"earshot/internal/crdt"
	"earshot/internal/text"
	"earshot/protocol"
	"earshot/protocol/wire"
)

func docID(uri string) protocol.TextDocumentIdentifier {
	return protocol.TextDocumentIdentifier{URI: uri}
}

// undo takes the editor's last edit back and tells whether there was one; redo brings it back.
func (ed *editor) undo() bool {
	ed.n.w.t.Helper()
	return ed.call(&protocol.UndoParams{TextDocument: docID(ed.uri)}).(protocol.UndoResult).Applied
}

func (ed *editor) redo() bool {
	ed.n.w.t.Helper()
	return ed.call(&protocol.RedoParams{TextDocument: docID(ed.uri)}).(protocol.UndoResult).Applied
}

// undoScene is a host's editor and a guest's in one text.
type undoScene struct {
	w        *world
	guest    *node
	ann, bob *editor
}

func newUndoScene(t testing.TB, start string, choices ...choice) *undoScene {
	w, host, guest := pair(t, start)
	s := &undoScene{w: w, guest: guest, ann: host.connect(), bob: guest.connect(choices...)}
	s.ann.open(fileURI, start)
	s.bob.fetch(w.uri("a.txt"))
	s.ann.beat, s.bob.beat = keyPause, keyPause
	return s
}

// keyPause is what passes between two keys of a person, who is quick.
const keyPause = 2 * UndoBurst

// command lets an editor do something whose changes come in a burst.
func (s *undoScene) command(ed *editor, do func()) {
	s.w.pass(keyPause)
	ed.beat = 0
	do()
	ed.beat = keyPause
}

// joined lets an editor do something whose changes it says to be parts of one command, though time passes between them.
func (s *undoScene) joined(ed *editor, changes ...func()) {
	for _, do := range changes {
		s.pause()
		do()
		ed.part = &protocol.CommandPart{Joined: true}
	}
	ed.part = nil
}

// pause ends the groups that could go on.
func (s *undoScene) pause() { s.w.pass(UndoPause + time.Millisecond) }

// apart lets both do something without knowing of the other.
func (s *undoScene) apart(do func()) {
	s.w.breakLink(s.guest)
	do()
	s.w.mend(s.guest)
}

// TestUndoTable: what a person would expect, whatever the other does in between or at the same time.
func TestUndoTable(t *testing.T) {
	for _, c := range []struct {
		name, start string
		do          func(s *undoScene)
		want        string
	}{
		{"typing", "ae", func(s *undoScene) { s.ann.types(1, 0, "bcd"); s.ann.undo() }, "ae"},
		{"typing, again", "ae", func(s *undoScene) { s.ann.types(1, 0, "bcd"); s.ann.undo(); s.ann.redo() }, "abcde"},
		{"a guest's typing", "ae", func(s *undoScene) { s.bob.types(1, 0, "bcd"); s.bob.undo() }, "ae"},
		{"the other's typing is not one's own", "ae", func(s *undoScene) { s.ann.types(1, 0, "bcd"); s.bob.undo(); s.bob.redo() }, "abcde"},
		{"typing, the other types inside", "ae", func(s *undoScene) {
			s.ann.types(1, 0, "bcd")
			s.bob.types(2, 0, "X")
			s.ann.undo()
		}, "aXe"},
		{"typing, the other types inside, again", "ae", func(s *undoScene) {
			s.ann.types(1, 0, "bcd")
			s.bob.types(2, 0, "X")
			s.ann.undo()
			s.ann.redo()
		}, "abXcde"},
		{"typing, the other types inside what came back", "ae", func(s *undoScene) {
			s.ann.types(1, 0, "bcd")
			s.ann.undo()
			s.ann.redo()
			s.bob.types(2, 0, "X")
			s.ann.undo()
			s.ann.redo()
		}, "abXcde"},
		{"typing, the other types at the edges", "ae", func(s *undoScene) {
			s.ann.types(1, 0, "bcd")
			s.bob.types(1, 0, "<")
			s.bob.types(5, 0, ">")
			s.ann.undo()
		}, "a<>e"},
		{"typing, the other types at the edges, again", "ae", func(s *undoScene) {
			s.ann.types(1, 0, "bcd")
			s.bob.types(1, 0, "<")
			s.bob.types(5, 0, ">")
			s.ann.undo()
			s.ann.redo()
		}, "a<bcd>e"},
		{"typing, undone while the other types inside", "ae", func(s *undoScene) {
			s.ann.types(1, 0, "bcd")
			s.apart(func() { s.ann.undo(); s.bob.types(2, 0, "X") })
		}, "aXe"},
		{"typing, the other deletes a part of it", "ae", func(s *undoScene) {
			s.ann.types(1, 0, "bcd")
			s.bob.types(2, 1, "")
			s.ann.undo()
		}, "ae"},
		{"typing, the other deletes a part of it, again: that stays deleted", "ae", func(s *undoScene) {
			s.ann.types(1, 0, "bcd")
			s.bob.types(2, 1, "")
			s.ann.undo()
			s.ann.redo()
		}, "abde"},
		{"typing, the other deletes all around it", "ae", func(s *undoScene) {
			s.ann.types(1, 0, "bcd")
			s.bob.types(0, 5, "")
			s.ann.undo()
		}, ""},
		{"deleting", "abcde", func(s *undoScene) { s.ann.types(1, 3, ""); s.ann.undo() }, "abcde"},
		{"deleting, again", "abcde", func(s *undoScene) { s.ann.types(1, 3, ""); s.ann.undo(); s.ann.redo() }, "ae"},
		{"deleting, the other types where it was", "abcde", func(s *undoScene) {
			s.ann.types(1, 3, "")
			s.bob.types(1, 0, "X")
			s.ann.undo()
		}, "aXbcde"},
		{"deleting while the other types inside", "abcde", func(s *undoScene) {
			s.apart(func() { s.ann.types(1, 3, ""); s.bob.types(2, 0, "X") })
			s.ann.undo()
		}, "abXcde"},
		{"deleting, undone while the other types where it was", "abcde", func(s *undoScene) {
			s.ann.types(1, 3, "")
			s.apart(func() { s.ann.undo(); s.bob.types(0, 0, "X") })
		}, "Xabcde"},
		{"deleting while the other deletes the same: it stays deleted", "abcde", func(s *undoScene) {
			s.apart(func() { s.ann.types(1, 3, ""); s.bob.types(2, 1, "") })
			s.ann.undo()
		}, "abde"},
		{"deleting while the other deletes all around", "abcde", func(s *undoScene) {
			s.apart(func() { s.ann.types(2, 1, ""); s.bob.types(0, 5, "") })
			s.ann.undo()
		}, ""},
		{"deleting, then the other deletes what is left around", "abcde", func(s *undoScene) {
			s.ann.types(2, 1, "")
			s.bob.types(0, 4, "")
			s.ann.undo()
		}, "c"},
		{"deleting, the other deletes what came back: no redo and undo brings it again", "abcde", func(s *undoScene) {
			s.ann.types(1, 3, "")
			s.ann.undo()
			s.bob.types(2, 1, "")
			s.ann.redo()
			s.ann.undo()
		}, "abde"},
		{"deleting the other's text", "", func(s *undoScene) {
			s.bob.adds("hers")
			s.ann.types(1, 2, "")
			s.ann.undo()
		}, "hers"},
		{"deleting the other's text, who takes it back", "", func(s *undoScene) {
			s.bob.adds("hers")
			s.ann.types(1, 2, "")
			s.bob.undo()
			s.ann.undo()
		}, "er"},
		{"replacing", "abcde", func(s *undoScene) { s.ann.types(1, 3, "XY"); s.ann.undo() }, "abcde"},
		{"replacing, again", "abcde", func(s *undoScene) { s.ann.types(1, 3, "XY"); s.ann.undo(); s.ann.redo() }, "aXYe"},
		{"replacing, the other types inside", "abcde", func(s *undoScene) {
			s.ann.types(1, 3, "XY")
			s.bob.types(2, 0, "Z")
			s.ann.undo()
		}, "aZbcde"},
		{"replacing, the other types inside, again", "abcde", func(s *undoScene) {
			s.ann.types(1, 3, "XY")
			s.bob.types(2, 0, "Z")
			s.ann.undo()
			s.ann.redo()
		}, "aXZYe"},
		{"replacing while the other types inside the old text", "abcde", func(s *undoScene) {
			s.apart(func() { s.ann.types(1, 3, "XY"); s.bob.types(3, 0, "Z") })
			s.ann.undo()
		}, "abcZde"},
		{"replacing while the other replaces the same", "abcde", func(s *undoScene) {
			s.apart(func() { s.ann.types(1, 3, "XY"); s.bob.types(1, 3, "Z") })
			s.ann.undo()
		}, "aZe"},
		{"both undo at the same time", "ae", func(s *undoScene) {
			s.ann.types(1, 0, "bcd")
			s.bob.types(4, 0, "BCD")
			s.apart(func() { s.ann.undo(); s.bob.undo() })
		}, "ae"},
		{"both undo and redo at the same time", "ae", func(s *undoScene) {
			s.ann.types(1, 0, "bcd")
			s.bob.types(2, 0, "X")
			s.apart(func() { s.ann.undo(); s.bob.undo() })
			s.ann.redo()
			s.bob.redo() // what came back is new, and X was not put into that
		}, "abcdXe"},
		{"both delete the same and undo: neither has what the other deleted", "abcde", func(s *undoScene) {
			s.apart(func() { s.ann.types(1, 3, ""); s.bob.types(1, 3, "") })
			s.ann.undo()
			s.bob.undo()
		}, "ae"},
		{"apart, both delete the same and undo: each brings it back", "abcde", func(s *undoScene) {
			s.apart(func() { s.ann.types(1, 3, ""); s.ann.undo(); s.bob.types(1, 3, ""); s.bob.undo() })
		}, "abcdbcde"},
		{"what the other deletes while it is undone is there once", "abcde", func(s *undoScene) {
			s.ann.types(1, 3, "")
			s.ann.undo()
			s.apart(func() { s.ann.redo(); s.ann.undo(); s.bob.types(2, 1, "") })
			s.ann.redo()
			s.ann.undo()
		}, "abde"},
		{"undo, undo, redo, redo", "a", func(s *undoScene) {
			s.ann.adds("b")
			s.pause()
			s.ann.adds("c")
			s.pause()
			s.ann.types(0, 1, "")
			s.ann.undo()
			s.ann.undo()
			s.w.want("ab", s.ann)
			s.ann.redo()
			s.w.want("abc", s.ann)
			s.ann.redo()
		}, "bc"},
		{"deletions from inside to outside come back in their order", "foo bar baz", func(s *undoScene) {
			s.ann.types(4, 4, "")
			s.pause()
			s.ann.types(0, 7, "")
			s.ann.undo()
			s.w.want("foo baz", s.ann, s.bob)
			s.ann.undo()
		}, "foo bar baz"},
		{"what the other typed between two undos keeps its place", "abcdef", func(s *undoScene) {
			s.ann.types(4, 2, "")
			s.pause()
			s.ann.types(1, 3, "")
			s.ann.undo()
			s.bob.types(2, 0, "X")
			s.ann.undo()
		}, "abXcdef"},
		{"typing after an undo: what was undone can't be redone", "a", func(s *undoScene) {
			s.ann.adds("b")
			s.ann.undo()
			s.ann.adds("c")
			s.ann.redo()
		}, "ac"},
		{"typing after an undo, undone", "abc", func(s *undoScene) {
			s.ann.types(1, 1, "")
			s.ann.undo()
			s.bob.types(2, 0, "X")
			s.ann.types(0, 0, "<")
			s.ann.undo()
			s.w.want("abXc", s.ann, s.bob)
			s.ann.undo()
			s.w.want("abXc", s.ann, s.bob)
			s.ann.redo()
		}, "<abXc"},
		{"what others deleted is passed over", "a", func(s *undoScene) {
			s.ann.adds("b")
			s.pause()
			s.ann.adds("c")
			s.bob.types(2, 1, "")
			s.ann.undo()
		}, "a"},
		{"one pause, one undo", "", func(s *undoScene) {
			s.ann.adds("a")
			s.ann.adds("b")
			s.pause()
			s.ann.adds("c")
			s.ann.adds("d")
			s.ann.undo()
		}, "ab"},
		{"the other's keys in between make no new group", "", func(s *undoScene) {
			s.ann.adds("a")
			s.bob.types(0, 0, "XX")
			s.ann.adds("b")
			s.ann.undo()
		}, "XX"},
		{"backspaces are one group", "abcd", func(s *undoScene) {
			s.ann.types(3, 1, "")
			s.ann.types(2, 1, "")
			s.ann.types(1, 1, "")
			s.ann.undo()
		}, "abcd"},
		{"deletions to the right are one group", "abcd", func(s *undoScene) {
			s.ann.types(1, 1, "")
			s.ann.types(1, 1, "")
			s.ann.undo()
		}, "abcd"},
		{"what is typed where text was deleted goes with that", "one two", func(s *undoScene) {
			s.ann.types(0, 3, "")
			s.ann.types(0, 0, "1")
			s.ann.types(1, 0, "!")
			s.ann.undo()
		}, "one two"},
		{"what is typed where text was deleted, after a pause", "one two", func(s *undoScene) {
			s.ann.types(0, 3, "")
			s.pause()
			s.ann.types(0, 0, "1")
			s.ann.undo()
		}, " two"},
		{"what is typed beside deleted text", "one two", func(s *undoScene) {
			s.ann.types(0, 3, "")
			s.ann.types(1, 0, "1")
			s.ann.undo()
		}, " two"},
		{"backspace and typing on", "", func(s *undoScene) {
			s.ann.adds("h")
			s.ann.adds("w")
			s.ann.types(1, 1, "")
			s.ann.adds("i")
			s.ann.undo()
			s.w.want("hw", s.ann)
			s.ann.undo()
		}, ""},
		{"typing over is one group", "abcd", func(s *undoScene) {
			s.ann.types(0, 1, "x")
			s.ann.types(1, 1, "y")
			s.ann.types(2, 1, "z")
			s.ann.undo()
		}, "abcd"},
		{"a selection is typed over", "abcd", func(s *undoScene) {
			s.ann.types(1, 2, "x")
			s.ann.types(2, 0, "y")
			s.ann.undo()
		}, "abcd"},
		{"a burst is one group: two lines are joined", "one\ntwo\n", func(s *undoScene) {
			s.command(s.ann, func() { s.ann.types(3, 0, " two"); s.ann.types(8, 4, "") })
			s.ann.undo()
		}, "one\ntwo\n"},
		{"a burst is one group, again", "one\ntwo\n", func(s *undoScene) {
			s.command(s.ann, func() { s.ann.types(3, 0, " two"); s.ann.types(8, 4, "") })
			s.ann.undo()
			s.ann.redo()
		}, "one two\n"},
		{"a burst is one group: of pastes", "", func(s *undoScene) {
			paste := strings.Repeat("paste", maxKeystroke/4)
			s.command(s.ann, func() { s.ann.adds(paste); s.ann.types(0, 0, paste) })
			s.ann.undo()
		}, ""},
		{"two bursts are two groups", "__", func(s *undoScene) {
			s.command(s.ann, func() { s.ann.types(2, 0, "b"); s.ann.types(0, 0, "a") })
			s.command(s.ann, func() { s.ann.types(4, 0, "b"); s.ann.types(0, 0, "a") })
			s.ann.undo()
		}, "a__b"},
		{"a burst right behind an undo", "__", func(s *undoScene) {
			s.ann.types(2, 0, "b")
			s.command(s.ann, func() { s.ann.types(0, 0, "a"); s.ann.undo(); s.ann.types(0, 0, "c"); s.ann.types(3, 0, "d") })
			s.ann.undo()
		}, "__b"},
		{"the other's change within a burst", "__", func(s *undoScene) {
			s.command(s.ann, func() {
				s.ann.types(2, 0, "b")
				s.bob.beat = 0
				s.bob.types(0, 0, "X")
				s.ann.types(1, 0, "a")
			})
			s.ann.undo()
		}, "X__"},
		{"parts of one command are one group", "one\ntwo\n", func(s *undoScene) {
			s.joined(s.ann, func() { s.ann.types(3, 0, " two") }, func() { s.ann.types(8, 4, "") })
			s.ann.undo()
		}, "one\ntwo\n"},
		{"a command whose lines are deleted one by one, and then typed at the first", "abcd", func(s *undoScene) {
			s.joined(s.ann, func() { s.ann.types(0, 1, "") }, func() { s.ann.types(2, 1, "") })
			s.ann.types(0, 0, "x")
			s.ann.undo()
		}, "abcd"},
		{"two commands are two groups", "____", func(s *undoScene) {
			s.joined(s.ann, func() { s.ann.types(4, 0, "b") }, func() { s.ann.types(0, 0, "a") })
			s.joined(s.ann, func() { s.ann.types(6, 0, "b") }, func() { s.ann.types(0, 0, "a") })
			s.ann.undo()
		}, "a____b"},
		{"what is joined to nothing begins", "_", func(s *undoScene) {
			s.ann.part = &protocol.CommandPart{Joined: true}
			s.ann.types(0, 0, "a")
			s.ann.undo()
		}, "_"},
		{"what is joined to what was undone begins anew", "_", func(s *undoScene) {
			s.ann.types(0, 0, "a")
			s.pause()
			s.ann.types(0, 0, "b")
			s.ann.undo()
			s.ann.part = &protocol.CommandPart{Joined: true}
			s.ann.types(2, 0, "c")
			s.ann.undo()
		}, "a_"},
		{"all is joined: one group", "_", func(s *undoScene) {
			s.ann.part = &protocol.CommandPart{Joined: true}
			for range 3 {
				s.pause()
				s.ann.types(0, 0, "a")
			}
			s.ann.undo()
		}, "_"},
		{"typing goes on after a command that ended there", "_", func(s *undoScene) {
			s.joined(s.ann, func() { s.ann.types(0, 0, "a") }, func() { s.ann.types(2, 0, "b") })
			s.ann.types(3, 0, "c")
			s.ann.undo()
		}, "_"},
		{"another kind of edit is another group", "", func(s *undoScene) {
			s.ann.adds("ab")
			s.ann.types(1, 1, "")
			s.ann.undo()
		}, "ab"},
		{"another place is another group", "__", func(s *undoScene) {
			s.ann.types(2, 0, "b")
			s.ann.types(0, 0, "a")
			s.ann.undo()
		}, "__b"},
		{"what is typed into what was just typed goes on with it", "one\ntwo", func(s *undoScene) {
			s.ann.types(4, 0, "\n")
			s.ann.types(4, 0, "()")
			s.ann.types(5, 0, "x")
			s.ann.undo()
		}, "one\ntwo"},
		{"a paste is a group", "", func(s *undoScene) {
			s.ann.adds("a")
			s.ann.adds(strings.Repeat("paste", maxKeystroke/4))
			s.ann.adds("b")
			s.ann.undo()
			s.ann.undo()
		}, "a"},
		{"one report of several changes is one group", "a a a", func(s *undoScene) {
			s.ann.version++
			s.ann.reports(s.ann.entry(4, 1, "bb"), s.ann.entry(2, 1, "bb"), s.ann.entry(0, 1, "bb"))
			s.ann.undo()
		}, "a a a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newUndoScene(t, c.start)
			c.do(s)
			s.w.want(c.want, s.ann, s.bob, s.ann.n, s.bob.n)
		})
	}
}

// TestUndoApplied: the answer says whether there was anything.
func TestUndoApplied(t *testing.T) {
	s := newUndoScene(t, "a")
	check := func(what string, got, want bool) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	check("undo of nothing", s.ann.undo(), false)
	check("redo of nothing", s.ann.redo(), false)
	s.ann.adds("b")
	check("redo of what was not undone", s.ann.redo(), false)
	s.ann.call(&protocol.SaveParams{TextDocument: docID(s.ann.uri)})
	check("undo", s.ann.undo(), true)
	if !s.ann.n.doc().dirty {
		t.Error("the document counts as saved")
	}
	check("undo once more", s.ann.undo(), false)
	check("redo", s.ann.redo(), true)
	check("redo once more", s.ann.redo(), false)
	s.bob.types(0, 2, "")
	check("undo of what the other deleted", s.ann.undo(), false)
	s.w.want("", s.ann, s.bob)
}

// TestUndoBeginsWithTheBuffer: what the buffer held when it was opened was not done here.
func TestUndoBeginsWithTheBuffer(t *testing.T) {
	w, host, _ := pair(t, "abc")
	ann := host.connect()
	ann.open(fileURI, "abc, not saved")
	if ann.undo() {
		t.Error("unsaved text was undone")
	}
	w.want("abc, not saved", ann, host)
}

// TestUndoWaitsForTheDocument: what is asked while it is being looked for is answered in its place, or once nobody shares it.
func TestUndoWaitsForTheDocument(t *testing.T) {
	opening := func(t *testing.T) (*world, *node, *editor) {
		w, host, _ := pair(t, "abc")
		w.disk["b.txt"] = "b"
		ann := host.connect()
		host.holding = true
		ann.open("file:///w/b.txt", "b")
		return w, host, ann
	}
	undoOf := func(ed *editor) *protocol.UndoParams { return &protocol.UndoParams{TextDocument: docID(ed.uri)} }
	check := func(t *testing.T, ed *editor, id protocol.RequestID, want any) {
		t.Helper()
		if got := ed.results[id]; got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	t.Run("nothing was done", func(t *testing.T) {
		_, host, ann := opening(t)
		id := ann.ask(undoOf(ann))
		check(t, ann, id, nil)
		host.release()
		check(t, ann, id, protocol.UndoResult{})
	})
	t.Run("in its place", func(t *testing.T) {
		w, host, ann := opening(t)
		first := ann.ask(undoOf(ann))
		ann.adds("c")
		second := ann.ask(undoOf(ann))
		ann.adds("d")
		host.release()
		w.pass(time.Second)
		check(t, ann, first, protocol.UndoResult{})
		check(t, ann, second, protocol.UndoResult{Applied: true})
		w.want("bd", ann)
	})
	t.Run("more was done than is kept apart", func(t *testing.T) {
		w, host, ann := opening(t)
		for range maxQueued {
			ann.adds("c")
		}
		id := ann.ask(undoOf(ann))
		ann.adds("d")
		host.release()
		w.pass(time.Second)
		check(t, ann, id, protocol.UndoResult{})
		w.want("b"+strings.Repeat("c", maxQueued)+"d", ann)
	})
	t.Run("closed", func(t *testing.T) {
		_, host, ann := opening(t)
		id := ann.ask(undoOf(ann))
		ann.notify(&protocol.DidCloseTextDocumentParams{TextDocument: docID(ann.uri)})
		wantKind(t, ann.results[id].(*protocol.Error), protocol.NoSuchDocument)
		host.release()
	})
	t.Run("not shared", func(t *testing.T) {
		w, host, _ := pair(t, "abc")
		ann := host.connect()
		host.holding = true
		ann.open("file:///elsewhere", "b")
		id := ann.ask(undoOf(ann))
		check(t, ann, id, nil)
		host.release()
		w.run()
		wantKind(t, ann.results[id].(*protocol.Error), protocol.NoSuchDocument)
		wantKind(t, ann.fails(undoOf(ann)), protocol.NoSuchDocument)
	})
	t.Run("opened again before an edit was answered", func(t *testing.T) {
		s := newUndoScene(t, "a", manual)
		s.bob.adds("b")
		s.ann.types(0, 0, "X")
		s.bob.notify(&protocol.DidCloseTextDocumentParams{TextDocument: docID(s.bob.uri)})
		s.bob.reopen()
		id := s.bob.ask(undoOf(s.bob))
		check(t, s.bob, id, nil)
		s.bob.manual = false
		s.bob.answers(false)
		s.w.pass(time.Second)
		if s.bob.results[id] == nil {
			t.Error("not answered")
		}
	})
}

// TestUndoOfTwoEditors: two editors of one daemon in one document undo their own.
func TestUndoOfTwoEditors(t *testing.T) {
	s := newUndoScene(t, "")
	cat := s.bob.n.connect()
	cat.fetch(s.w.uri("a.txt"))
	s.bob.adds("bob")
	cat.adds("cat")
	s.bob.undo()
	s.w.want("cat", s.ann, s.bob, cat)
	cat.undo()
	s.w.want("", s.ann, s.bob, cat)
	s.bob.redo()
	s.w.want("bob", s.ann, s.bob, cat)
}

// TestUndoAfterReconnect: an editor that vanished and comes back goes on with what it did, by the name of its process; what it
// typed meanwhile is a group.
func TestUndoAfterReconnect(t *testing.T) {
	for _, stamped := range []string{"with a stamp", "without"} {
		t.Run(stamped, func(t *testing.T) {
			s := newUndoScene(t, "a")
			if stamped == "with a stamp" {
				s.ann.adds("!")
			}
			s.bob.types(1, 0, "b")
			s.pause()
			s.bob.types(2, 0, "c")
			s.bob.undo()
			s.bob.drop()
			s.bob.buf.Replace(0, 0, "meanwhile ")
			s.bob.version++
			bob := s.bob.back()
			bob.reopen()
			end := strings.TrimPrefix(s.ann.text(), "meanwhile ab")
			s.w.want("meanwhile ab"+end, s.ann, bob)
			bob.undo()
			s.w.want("ab"+end, s.ann, bob)
			bob.undo()
			s.w.want("a"+end, s.ann, bob)
			bob.redo()
			bob.redo()
			s.w.want("meanwhile ab"+end, s.ann, bob)
		})
	}
}

// TestUndoAfterLinkLoss: a guest undoes while its link is broken, and the host takes it.
func TestUndoAfterLinkLoss(t *testing.T) {
	s := newUndoScene(t, "a")
	s.bob.adds("b")
	s.apart(func() {
		s.bob.undo()
		s.bob.adds("c")
		s.bob.undo()
		s.bob.redo()
	})
	s.w.want("ac", s.ann, s.bob)
	s.bob.undo()
	s.w.want("a", s.ann, s.bob)
}

// TestUndoAfterReset: a copy that the host refused goes, and what could be undone in it.
func TestUndoAfterReset(t *testing.T) {
	s := newUndoScene(t, "a")
	s.bob.adds("b")
	reset := wire.Encode(&wire.Reset{Doc: s.ann.n.doc().num, Turn: s.guest.doc().turn, Reason: "test"})
	s.guest.step(FrameArrived{Link: s.guest.e.sessions[0].up.id, Data: reset})
	if s.bob.undo() {
		t.Error("something was undone in another copy")
	}
	s.bob.adds("c")
	s.bob.undo()
	s.w.want("ab", s.ann, s.bob)
}

// TestUndoOfLargePaste: a paste of 1 MiB goes and comes back.
func TestUndoOfLargePaste(t *testing.T) {
	s := newUndoScene(t, "ab")
	paste := strings.Repeat("0123456789abcde\n", 1<<16)
	s.ann.types(1, 0, paste)
	s.bob.types(1+len(paste)/2, 0, "X")
	s.ann.undo()
	s.w.want("aXb", s.ann, s.bob)
	s.ann.redo()
	s.w.want("a"+paste[:len(paste)/2]+"X"+paste[len(paste)/2:]+"b", s.ann, s.bob)
}

// TestUndoOfLargestPaste: it goes and comes back twice; what does not is told.
func TestUndoOfLargestPaste(t *testing.T) {
	s := newUndoScene(t, "ab")
	paste := strings.Repeat("0123456789abcde\n", MaxUndoEvents/16)
	whole := "a" + paste + "b"
	s.ann.types(1, 0, paste)
	for range 2 {
		if !s.ann.undo() || s.bob.text() != "ab" {
			t.Fatalf("not undone: got %d bytes", s.bob.buf.Size())
		}
		if !s.ann.redo() || s.bob.text() != whole {
			t.Fatalf("not redone: got %d bytes", s.bob.buf.Size())
		}
	}
	if s.ann.wasTold("too large") {
		t.Error("told that it can't")
	}
	s.ann.undo()
	s.ann.told = nil
	if s.ann.redo() || !s.ann.wasTold("to be brought back") {
		t.Error("redone, or not told that it can't be")
	}
	s.ann.types(1, 0, paste+"x")
	if s.ann.undo() || !s.ann.wasTold("to be taken back") {
		t.Error("undone, or not told that it can't be")
	}
}

// TestUndoInFlight: the editor is asked for an edit and has not answered when its person undoes.
func TestUndoInFlight(t *testing.T) {
	for _, applies := range []bool{true, false} {
		t.Run(fmt.Sprint("exact, applied: ", applies), func(t *testing.T) {
			s := newUndoScene(t, "a", manual)
			s.bob.adds("b")
			s.ann.types(0, 0, "X")
			if s.bob.inFlight() != 1 {
				t.Fatal("nothing is in flight")
			}
			if applies {
				changes := s.bob.make()
				s.bob.version++
				s.bob.reports(changes...)
			}
			version := s.bob.version
			s.bob.adds("c")
			id := s.bob.ask(&protocol.UndoParams{TextDocument: docID(s.bob.uri)})
			if s.bob.results[id] != nil {
				t.Error("answered before it is known what was typed")
			}
			s.bob.manual = false
			s.bob.replies(&protocol.ApplyWorkspaceEditResult{Applied: applies, Version: &version}, nil)
			s.w.pass(time.Second)
			if got := s.bob.results[id]; got != (protocol.UndoResult{Applied: true}) {
				t.Errorf("got %+v", got)
			}
			s.w.want("Xa", s.ann, s.bob)
			s.bob.redo()
			s.w.want("Xabc", s.ann, s.bob)
		})
	}
	t.Run("exact, nothing typed", func(t *testing.T) {
		s := newUndoScene(t, "a", manual)
		s.bob.adds("b")
		s.ann.types(0, 0, "X")
		s.bob.undo()
		s.w.want("Xa", s.ann)
		s.bob.manual = false
		s.bob.applies()
		s.w.want("Xa", s.bob)
	})
	t.Run("stock", func(t *testing.T) {
		s := newUndoScene(t, "a", stock("x"), manual)
		s.bob.adds("b")
		s.ann.types(0, 0, "X")
		if s.bob.inFlight() != 1 {
			t.Fatal("nothing is in flight")
		}
		s.bob.undo()
		s.bob.manual = false
		s.bob.applies()
		s.w.want("Xa", s.ann, s.bob)
		s.bob.redo()
		s.w.want("Xab", s.ann, s.bob)
	})
}

// TestUndoHeldKeepsTime: what was typed with pauses while an edit was in flight is taken back apart.
func TestUndoHeldKeepsTime(t *testing.T) {
	s := newUndoScene(t, "a", manual)
	s.ann.types(0, 0, "X")
	if s.bob.inFlight() != 1 {
		t.Fatal("nothing is in flight")
	}
	version := s.bob.version
	s.bob.adds("b")
	s.pause()
	s.bob.adds("c")
	s.pause()
	s.bob.manual = false
	s.bob.replies(&protocol.ApplyWorkspaceEditResult{Applied: false, Version: &version}, nil)
	s.w.pass(time.Second)
	s.w.want("Xabc", s.ann, s.bob)
	s.bob.undo()
	s.w.want("Xab", s.ann, s.bob)
}

// TestUndoOfMisplaced: an edit that a stock client made in the wrong place is nobody's to take back.
func TestUndoOfMisplaced(t *testing.T) {
	s := newUndoScene(t, "abc", stock("x"), manual)
	s.bob.adds("d")
	s.ann.types(0, 1, "")
	key := s.bob.entry(0, 0, "e")
	s.bob.version++
	s.bob.reports(append([]protocol.TextDocumentContentChangeEvent{key}, s.bob.make()...)...) // deletes the e, not the a
	s.bob.manual = false
	s.bob.answers(true)
	s.w.pass(time.Second)
	s.w.want("ebcd", s.ann, s.bob)
	s.bob.undo()
	s.w.want("ebcd", s.ann, s.bob)
	s.bob.adds("f")
	s.bob.undo()
	s.w.want("ebcd", s.ann, s.bob)
}

// TestUndoRefused: who may not type may not undo.
func TestUndoRefused(t *testing.T) {
	s := newUndoScene(t, "a")
	s.bob.adds("b")
	for _, p := range []protocol.DaemonParams{
		&protocol.UndoParams{TextDocument: docID("file:///elsewhere")}, &protocol.RedoParams{TextDocument: docID(s.w.uri("b.txt"))}} {
		wantKind(t, s.bob.fails(p), protocol.NoSuchDocument)
	}
	for _, p := range []protocol.DaemonParams{&protocol.UndoParams{}, &protocol.RedoParams{}} {
		if err := s.bob.fails(p); err == nil || err.Code != protocol.CodeInvalidParams || !strings.Contains(err.Message, "textDocument.uri") {
			t.Errorf("%T without a document: got %v", p, err)
		}
	}
	undo := &protocol.UndoParams{TextDocument: docID(s.bob.uri)}
	d := s.guest.doc()
	d.readonly = true
	wantKind(t, s.bob.fails(undo), protocol.ReadOnly)
	d.readonly = false
	d.session.role = protocol.RoleViewer
	wantKind(t, s.bob.fails(undo), protocol.ReadOnly)
	d.session.role = protocol.RoleEditor
	d.session.state = protocol.SessionEnded
	wantKind(t, s.bob.fails(undo), protocol.Ended)
	d.session.state = protocol.SessionOpen
	d.mirrors[0].astray = true
	if s.bob.undo() {
		t.Error("undone in a buffer that is not known")
	}
	s.w.want("ab", s.ann)
}

// TestUndoPassesOver: a thousand groups of which another has left nothing are passed over, a few in each Step, and what the
// other does comes in between.
func TestUndoPassesOver(t *testing.T) {
	const groups = MaxUndo - 1
	emptied := func(t *testing.T) *undoScene {
		s := newUndoScene(t, "-")
		s.ann.types(0, 0, "a")
		for range groups {
			s.pause()
			s.ann.adds("x")
		}
		s.bob.beat = 0
		s.bob.types(2, groups, "")
		s.w.want("a-", s.ann, s.bob)
		return s
	}
	ask := func(s *undoScene) protocol.RequestID {
		return s.ann.ask(&protocol.UndoParams{TextDocument: docID(s.ann.uri)})
	}
	granted := protocol.UndoResult{Applied: true}
	t.Run("to what is left", func(t *testing.T) {
		s := emptied(t)
		u := s.ann.n.doc().mirrors[0].undo
		first, second := ask(s), ask(s)
		for u.state > 0 {
			was := u.state
			if s.ann.results[first] != nil {
				t.Fatalf("answered %v with %d groups to go", s.ann.results[first], was)
			}
			if at := s.ann.n.e.Deadline(); at.After(s.w.now) {
				t.Fatalf("it goes on only after %v", at.Sub(s.w.now))
			}
			if was == groups/2+1 {
				s.bob.types(0, 0, "b")
			}
			s.ann.n.step(Tick{})
			if was-u.state > passedAtOnce {
				t.Fatalf("%d groups in one Step", was-u.state)
			}
		}
		if got := s.ann.results[first]; got != granted {
			t.Errorf("got %+v", got)
		}
		if got := s.ann.results[second]; got != (protocol.UndoResult{}) {
			t.Errorf("once more: got %+v", got)
		}
		s.w.want("b-", s.ann, s.bob)
		if !s.ann.redo() {
			t.Error("not redone")
		}
		s.w.want("ba-", s.ann, s.bob)
	})
	t.Run("its person types", func(t *testing.T) {
		s := emptied(t)
		id := ask(s)
		s.ann.beat = 0
		s.ann.adds("y")
		err, _ := s.ann.results[id].(*protocol.Error)
		wantKind(t, err, protocol.Conflict)
		s.ann.undo()
		s.w.want("a-", s.ann, s.bob)
	})
	t.Run("it is closed", func(t *testing.T) {
		s := emptied(t)
		id := ask(s)
		s.ann.notify(&protocol.DidCloseTextDocumentParams{TextDocument: docID(s.ann.uri)})
		if got := s.ann.results[id]; got != (protocol.UndoResult{}) {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("it may not be any more", func(t *testing.T) {
		s := emptied(t)
		id := ask(s)
		s.ann.n.doc().readonly = true
		s.w.pass(time.Second)
		wantKind(t, s.ann.results[id].(*protocol.Error), protocol.ReadOnly)
	})
}

// TestUndoTooLarge: what does not fit any more is refused, and nothing changes.
func TestUndoTooLarge(t *testing.T) {
	start := strings.Repeat("x", crdt.MaxText)
	s := newUndoScene(t, start)
	s.ann.types(0, 9, "")
	s.bob.types(0, 0, "y")
	wantKind(t, s.ann.fails(&protocol.UndoParams{TextDocument: docID(s.ann.uri)}), protocol.TooLarge)
	s.bob.undo()
	s.ann.undo()
	if s.ann.text() != start || s.bob.text() != start {
		t.Errorf("got %d and %d bytes, want %d", s.ann.buf.Size(), s.bob.buf.Size(), len(start))
	}
}

// TestUndoBounds: of what can be taken back the oldest is forgotten, by groups and by the age of history.
func TestUndoBounds(t *testing.T) {
	var u undoStack
	now := time.Unix(0, 0)
	type mark struct {
		groups, state int
		first         crdt.LV
	}
	check := func(what string, want mark) {
		t.Helper()
		got := mark{groups: max(0, len(u.bounds)-1), state: u.state}
		if len(u.bounds) > 0 {
			got.first = u.bounds[0]
		}
		if got != want {
			t.Errorf("%s: got %+v, want %+v", what, got, want)
		}
	}
	do := func(n, first int) {
		for i := range n {
			now = now.Add(2 * UndoPause)
			u.did(1, text.Patch{{Ins: "x"}}, crdt.LV(first+i), crdt.LV(first+i+1), now)
		}
	}
	do(MaxUndo, 0)
	check("as many as there may be", mark{MaxUndo, MaxUndo, 0})
	do(1, MaxUndo)
	check("one more", mark{MaxUndo, MaxUndo, 1})
	u.forget(MaxUndoEvents + 1)
	check("old, but not too old", mark{MaxUndo, MaxUndo, 1})
	u.forget(MaxUndoEvents + 3)
	check("too old", mark{MaxUndo - 2, MaxUndo - 2, 3})
	u.state = 1
	u.forget(MaxUndoEvents + 4)
	check("too old, most of it undone", mark{MaxUndo - 3, 0, 4})
	u.forget(MaxUndoEvents + 5)
	check("too old where nothing is left to undo", mark{})
	do(1, 10)
	u.forget(MaxUndoEvents + 11)
	check("the only one is too old", mark{})
	u.did(1, text.Patch{{Ins: "large"}}, 20, 20+MaxUndoEvents+1, now)
	check("larger than all that is kept", mark{})
	if u.agents[0] != 1 || len(u.agents) != 1 {
		t.Errorf("got agents %v", u.agents)
	}
}

// TestUndoNeeds: history is held back from where something can still be taken back.
func TestUndoNeeds(t *testing.T) {
	s := newUndoScene(t, "abc")
	check := func(what string, want int) {
		t.Helper()
		if got := s.ann.n.doc().undoNeeds(); got != crdt.LV(want) {
			t.Errorf("%s: got %d, want %d", what, got, want)
		}
	}
	check("nothing was done", 0)
	s.bob.adds("12345")
	check("another daemon's stack", 5)
	s.ann.adds("6")
	s.ann.adds("7")
	check("one's own", 5)
	cat := s.ann.n.connect()
	cat.open(fileURI, s.ann.text())
	s.ann.drop()
	cat.adds("8")
	check("of an editor that may come back", 5)
	s.w.pass(LostGrace + time.Second)
	check("of one that did not", 7)
}
