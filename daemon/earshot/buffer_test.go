package main

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"earshot/internal/text"
	"earshot/protocol"
)

// daemonSide keeps the text that a daemon would believe in from what a buffer sends.
type daemonSide struct {
	t       *testing.T
	end     text.LineEnd
	body    *text.Rope
	version int
	sent    []string
	broken  bool
}

func (d *daemonSide) take(method string, params any) error {
	d.sent = append(d.sent, method)
	if d.broken {
		return errors.New("broken")
	}
	switch p := params.(type) {
	case *protocol.DidOpenTextDocumentParams:
		d.end = text.DetectLineEnd(p.TextDocument.Text)
		d.body, d.version = text.New(d.end.ToLF(p.TextDocument.Text)), p.TextDocument.Version
	case *protocol.DidChangeTextDocumentParams:
		if p.TextDocument.Version != d.version+1 {
			d.t.Errorf("got version %d after %d", p.TextDocument.Version, d.version)
		}
		d.version = p.TextDocument.Version
		for _, c := range p.ContentChanges {
			from, errFrom := d.body.Offset(text.Position(c.Range.Start), text.UTF32, text.Before)
			to, errTo := d.body.Offset(text.Position(c.Range.End), text.UTF32, text.After)
			if errFrom != nil || errTo != nil {
				d.t.Fatalf("a change outside the text: %+v", c)
			}
			d.body.Replace(from, to-from, d.end.ToLF(c.Text))
		}
	}
	return nil
}

func openTest(t *testing.T, body string) (*buffer, *daemonSide) {
	t.Helper()
	d := &daemonSide{t: t}
	b := newBuffer("untitled:x", body, d.take)
	if err := b.open(); err != nil {
		t.Fatal(err)
	}
	return b, d
}

// asked makes the daemon's question for a version; each edit is [from line, character, to line, character].
func asked(uri string, version int, edits ...protocol.TextEdit) *protocol.ApplyWorkspaceEditParams {
	p := &protocol.ApplyWorkspaceEditParams{}
	p.Edit.DocumentChanges = []protocol.TextDocumentEdit{{
		TextDocument: protocol.VersionedTextDocumentIdentifier{URI: uri, Version: version}, Edits: edits}}
	return p
}

func change(l1, c1, l2, c2 int, s string) protocol.TextEdit {
	return protocol.TextEdit{NewText: s, Range: protocol.Range{
		Start: protocol.Position{Line: l1, Character: c1}, End: protocol.Position{Line: l2, Character: c2}}}
}

func TestBufferApplies(t *testing.T) {
	check := func(body, want string, edits ...protocol.TextEdit) {
		t.Helper()
		b, d := openTest(t, body)
		got := b.applyEdit(asked("untitled:x", 1, edits...))
		if !got.Applied || *got.Version != d.version {
			t.Errorf("%q: got %+v, with version %d reported", body, got, d.version)
		}
		if b.text() != want || d.end.FromLF(d.body.String()) != want {
			t.Errorf("%q: got %q, and %q was reported, want %q", body, b.text(), d.body, want)
		}
	}
	check("", "x", change(0, 0, 0, 0, "x"))
	check("ab\ncd\n", "aXb\ncYd\n", change(0, 1, 0, 1, "X"), change(1, 1, 1, 1, "Y"))
	check("abcd", "aXbcYd", change(0, 1, 0, 1, "X"), change(0, 3, 0, 3, "Y"))
	check("ab\ncd\n", "a\nb\ncYd\n", change(0, 1, 0, 1, "\n"), change(1, 1, 1, 1, "Y"))
	check("ab\ncd\n", "ad\n", change(0, 1, 1, 1, ""))
	check("a🦊b", "ab", change(0, 1, 0, 2, ""))
	check("ab\r\ncd\r\n", "ab\r\nX\r\ncd\r\n", change(1, 0, 1, 0, "X\n"))
	check("ab\r\ncd\r\n", "ab\r\nX\r\ncd\r\n", change(1, 0, 1, 0, "X\r\n"))
	check("ab", "new", change(0, 0, 1<<30, 0, "new"))
	check("ab\ncd", "12\ncd", change(0, 0, 0, 1, "1"), change(0, 1, 0, 2, "2"))
}

func TestBufferWithoutEffect(t *testing.T) {
	b, d := openTest(t, "ab")
	got := b.applyEdit(asked("untitled:x", 1, change(0, 1, 0, 1, "")))
	if !got.Applied || *got.Version != 1 || len(d.sent) != 1 {
		t.Errorf("got %+v and %v, want version 1 and no report", got, d.sent)
	}
}

func TestBufferRefuses(t *testing.T) {
	check := func(what string, p *protocol.ApplyWorkspaceEditParams) {
		t.Helper()
		b, d := openTest(t, "ab\ncd")
		got := b.applyEdit(p)
		if got.Applied || got.FailureReason == "" || *got.Version != 1 || b.text() != "ab\ncd" || len(d.sent) != 1 {
			t.Errorf("%s: got %+v, text %q, sent %v", what, got, b.text(), d.sent)
		}
	}
	check("another version", asked("untitled:x", 2, change(0, 0, 0, 0, "x")))
	check("another document", asked("untitled:y", 1, change(0, 0, 0, 0, "x")))
	check("no document", &protocol.ApplyWorkspaceEditParams{})
	check("a line too far", asked("untitled:x", 1, change(2, 0, 2, 0, "x")))
	check("backwards", asked("untitled:x", 1, change(0, 2, 0, 1, "x")))
	check("overlapping", asked("untitled:x", 1, change(0, 0, 0, 2, "x"), change(0, 1, 1, 0, "y")))
	two := asked("untitled:x", 1, change(0, 0, 0, 0, "x"))
	two.Edit.DocumentChanges = append(two.Edit.DocumentChanges, two.Edit.DocumentChanges[0])
	check("two documents", two)
}

// An edit that crosses the closing is refused: a report of a closed document would be told as the fault of what was done.
func TestBufferClosed(t *testing.T) {
	b, d := openTest(t, "ab")
	if err := b.close(); err != nil {
		t.Fatal(err)
	}
	got := b.applyEdit(asked("untitled:x", 1, change(0, 0, 0, 0, "x")))
	if got.Applied || *got.Version != 1 || len(d.sent) != 2 {
		t.Errorf("got %+v, sent %v", got, d.sent)
	}
}

func TestBufferBroken(t *testing.T) {
	b, d := openTest(t, "ab")
	d.broken = true
	if got := b.applyEdit(asked("untitled:x", 1, change(0, 0, 0, 0, "x"))); got.Applied {
		t.Errorf("got %+v after the connection broke", got)
	}
}

// TestBufferHistory: after any mixture of own and asked edits the daemon's side believes in the same text, and each edit
// is reported before it is answered, exactly once.
func TestBufferHistory(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 0))
		b, d := openTest(t, []string{"", "a\nb\n", "a\r\nb\r\n", "🦊\r\nx\n"}[seed%4])
		for range 50 {
			before := len(d.sent)
			at := rng.IntN(d.body.Len() + 1)
			del := rng.IntN(min(3, d.body.Len()-at) + 1)
			ins := []string{"", "x", "\n", "é\n🦊", "yz"}[rng.IntN(5)]
			if rng.IntN(2) == 0 {
				err := b.edit(func(*text.Rope) (text.Edit, error) { return text.Edit{Pos: at, Del: del, Ins: ins}, nil })
				if err != nil {
					t.Fatal(err)
				}
			} else {
				from, to := d.body.Position(at, text.UTF32), d.body.Position(at+del, text.UTF32)
				version := d.version - rng.IntN(2)*rng.IntN(2)
				stale := version != d.version
				got := b.applyEdit(asked("untitled:x", version, change(from.Line, from.Character, to.Line, to.Character, ins)))
				if got.Applied == stale || *got.Version != d.version {
					t.Fatalf("seed %d: got %+v at version %d, stale: %v", seed, got, d.version, stale)
				}
			}
			if n := len(d.sent) - before; n > 1 {
				t.Fatalf("seed %d: got %d reports of one edit", seed, n)
			}
			if !b.body.Equal(d.body) {
				t.Fatalf("seed %d: got %q, the daemon believes %q", seed, b.body, d.body)
			}
		}
		if err := b.close(); err != nil || !slices.Contains(d.sent, "textDocument/didClose") {
			t.Errorf("got %v, sent %v", err, strings.Join(d.sent, " "))
		}
	}
}
