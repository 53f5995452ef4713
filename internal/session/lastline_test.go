package session

import (
	"strings"
	"testing"

	"earshot/internal/text"
	"earshot/protocol"
)

// neovim opens a.txt at the host as Neovim's own client does: s is what its didOpen shows, lines what it counts.
func neovim(t *testing.T, content, s, lines string) (w *world, nv, other *editor) {
	t.Helper()
	w, host, guest := pair(t, content)
	nv = host.connect(stock("Neovim"))
	nv.open(fileURI, s)
	nv.buf = text.New(lines)
	other = guest.connect()
	other.fetch(w.uri("a.txt"))
	w.want(content, host, other)
	if got := nv.text(); got != lines {
		t.Errorf("opening made it %q, want %q", got, lines)
	}
	return w, nv, other
}

// TestNeovimIsAskedForLines: whatever another does at the end of the text, Neovim's own client is asked for nothing behind
// its last line, and takes nothing twice. The last line's end is shown whether it is there or not.
func TestNeovimIsAskedForLines(t *testing.T) {
	check := func(content, s string, pos, del int, ins, want, lines string) {
		t.Helper()
		shown, _ := (&client{program: "Neovim"}).shown(text.New(s))
		w, nv, other := neovim(t, content, s, shown.String())
		other.types(pos, del, ins)
		w.want(want, nv.n, other)
		if got := nv.text(); got != lines {
			t.Errorf("%q: got lines %q, want %q", want, got, lines)
		}
		nv.types(0, 0, "!")
		w.want("!"+want, nv.n, other)
	}
	check("a\nb\n", "a\nb\n", 4, 0, "x", "a\nb\nx", "a\nb\nx\n")
	check("a\nb\n", "a\nb\n", 4, 0, "x\n", "a\nb\nx\n", "a\nb\nx\n")
	check("a\nb\n", "a\nb\n", 4, 0, "\n", "a\nb\n\n", "a\nb\n\n")
	check("a\nb\n", "a\nb\n", 3, 1, "", "a\nb", "a\nb\n")
	check("a\nb\n", "a\nb\n", 2, 2, "", "a\n", "a\n")
	check("a\nb\n", "a\nb\n", 2, 2, "c", "a\nc", "a\nc\n")
	check("a\nb\n", "a\nb\n", 0, 4, "", "", "\n")
	check("a\nb\n", "a\nb\n", 0, 4, "z\n", "z\n", "z\n")
	check("a\nb", "a\nb", 3, 0, "\n", "a\nb\n", "a\nb\n")
	check("a\nb", "a\nb", 3, 0, "c", "a\nbc", "a\nbc\n")
	check("a\nb", "a\nb", 2, 1, "", "a\n", "a\n")
	check("a\nb", "a\nb", 0, 3, "", "", "\n")
	check("", "\n", 0, 0, "x", "x", "x\n")
	check("", "\n", 0, 0, "x\n", "x\n", "x\n")
	check("", "", 0, 0, "\n\n", "\n\n", "\n\n")
}

// TestNeovimReportsLines: its reports count a line end behind the last line that the text may not have.
func TestNeovimReportsLines(t *testing.T) {
	check := func(content, s string, from, to protocol.Position, ins, lines, want string) {
		t.Helper()
		shown, _ := (&client{program: "Neovim"}).shown(text.New(s))
		w, nv, other := neovim(t, content, s, shown.String())
		nv.buf = text.New(lines)
		nv.version++
		nv.reports(protocol.TextDocumentContentChangeEvent{Range: &protocol.Range{Start: from, End: to}, Text: ins})
		w.want(want, nv.n, other)
		if got := nv.text(); got != lines {
			t.Errorf("the report came back: %q, want %q", got, lines)
		}
		if len(nv.told) > 0 {
			t.Errorf("%q: told something", want)
		}
		other.types(0, 0, "!")
		w.want("!"+want, nv.n, other)
		if got := nv.text(); got != "!"+lines {
			t.Errorf("got lines %q, want %q", got, "!"+lines)
		}
	}
	at := func(line, character int) protocol.Position {
		return protocol.Position{Line: line, Character: character}
	}
	check("a\nb", "a\nb", at(1, 1), at(2, 0), "\nx\n", "a\nb\nx\n", "a\nb\nx")       // o
	check("a\nb", "a\nb", at(1, 0), at(2, 0), "", "a\n", "a")                        // dd
	check("a\nb", "a\nb", at(0, 0), at(2, 0), "", "\n", "")                          // :%d of 0.10
	check("a\nb", "a\nb", at(0, 0), at(1, 1), "", "\n", "")                          // and of 0.12
	check("a\nb", "a\nb", at(1, 0), at(1, 1), "", "a\n\n", "a\n\n")                  // x: the empty line is real
	check("a\nb\n", "a\nb\n", at(1, 1), at(2, 0), "\nx\n", "a\nb\nx\n", "a\nb\nx\n") // o
	check("a\nb\n", "a\nb\n", at(0, 0), at(2, 0), "", "\n", "\n")                    // :%d of 0.10
	check("a\nb\n", "a\nb\n", at(1, 0), at(2, 0), "", "a\n", "a\n")                  // dd
	check("", "\n", at(0, 0), at(0, 0), "x", "x\n", "x")
	check("", "\n", at(0, 0), at(1, 0), "x\n", "x\n", "x")
}

// TestNeovimSavesALineEnd: Neovim ends the last line in writing; then it is text.
func TestNeovimSavesALineEnd(t *testing.T) {
	w, nv, other := neovim(t, "a\nb", "a\nb", "a\nb\n")
	w.disk["a.txt"] = "a\nb\n"
	nv.notify(&protocol.DidSaveTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: fileURI}})
	w.want("a\nb\n", nv, nv.n, other)
	if nv.n.doc().dirty {
		t.Error("the document is not saved")
	}
}

// TestNeovimComesBack: a guest's Neovim that opens the document again, empty, is given it and told nothing.
func TestNeovimComesBack(t *testing.T) {
	w, _, guest := pair(t, "a\nb\n")
	nv := guest.connect(stock("Neovim"))
	nv.open(w.uri("a.txt"), "\n")
	if got := nv.text(); got != "a\nb\n" {
		t.Fatalf("got %q", got)
	}
	nv.drop()
	again := guest.connect(stock("Neovim"))
	again.open(w.uri("a.txt"), "\n")
	w.want("a\nb\n", again, guest)
	if len(again.told) > 0 {
		t.Error("told of text put back that it never had")
	}
}

// TestStockIsToldOfTheEnd: it knows nothing of sessions, so it is told when its buffer is no longer shared.
func TestStockIsToldOfTheEnd(t *testing.T) {
	w, host, guest := pair(t, "a\n")
	nv, exact := guest.connect(stock("Neovim")), guest.connect()
	nv.open(w.uri("a.txt"), "\n")
	exact.fetch(w.uri("a.txt"))
	host.connect().call(&protocol.LeaveParams{Session: host.shared()})
	if !nv.wasTold("The session has ended: the host ended it.") {
		t.Error("the stock client was not told")
	}
	if exact.wasTold("The session has ended") {
		t.Error("a plugin, which is told by session/changed, was told twice")
	}
}

// TestStockFarBehind: a stock client is sent edits one by one until it lacks more than maxBehind; then all of them as one.
func TestStockFarBehind(t *testing.T) {
	check := func(edits, want int) {
		t.Helper()
		w, ed, other := hostAndGuest(t, strings.Repeat("ab\n", edits), stock("plain"))
		ed.manual = true
		for i := range edits {
			other.types(i*4+1, 0, "x") // the first is under way while the others come
		}
		asked := 0
		for ; ed.edit() != nil && asked < 100; asked++ {
			if n := len(ed.edit().Edit.DocumentChanges[0].Edits); n != 1 {
				t.Errorf("asked for %d edits at once, want 1", n)
			}
			ed.applies()
		}
		if asked != want {
			t.Errorf("%d edits behind: asked %d times, want %d", edits-1, asked, want)
		}
		w.want(strings.Repeat("axb\n", edits), ed, other, ed.n)
	}
	check(1+maxBehind, 1+maxBehind)
	check(2+maxBehind, 2)
}
