package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"

	"earshot/internal/fakeeditor"
	"earshot/internal/text"
	"earshot/protocol"
)

// typist is a person at an exact editor who types into the middle of a text, one ASCII character after the other.
type typist struct {
	editor *fakeeditor.Editor
	at     int // code points before the cursor
}

// lineWidth keeps lines, typed ones too, below 80 columns: an editor's costs may grow with a line.
const lineWidth = 72

// Sizes of texts, in bytes.
const (
	smallText = 4 << 10
	largeText = 1 << 20
)

// manuscript makes a text of about size bytes, in lines of lineWidth columns, whose middle is an empty line.
func manuscript(size int) string {
	const letters = "abcdefghijklmnopqrstuvwxyz      "
	rng := rand.New(rand.NewPCG(uint64(size), 1))
	var b strings.Builder
	middle := false
	for b.Len() < size {
		if !middle && b.Len() >= size/2 {
			middle = true
			b.WriteByte('\n')
			continue
		}
		for range lineWidth {
			b.WriteByte(letters[rng.IntN(len(letters))])
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// newEditor opens a text as the person sees it.
func newEditor(uri, body string) *fakeeditor.Editor {
	return fakeeditor.New(fakeeditor.Exact, uri, body, text.UTF16, 0, nil)
}

func newTypist(uri, body string) *typist {
	return &typist{editor: newEditor(uri, body), at: strings.Index(body, "\n\n") + 1}
}

// press is the k-th keystroke as the editor reports it.
func (t *typist) press(k int) *protocol.DidChangeTextDocumentParams {
	key := string(rune('a' + k%26))
	if k%lineWidth == lineWidth-1 {
		key = "\n"
	}
	out := t.editor.Type(time.Time{}, t.at, 0, key)
	t.at++
	return out[0].Change
}

// frameOf writes a keystroke as it goes over the socket.
func frameOf(p protocol.DaemonParams) ([]byte, error) {
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "method": p.Method(), "params": p})
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "Content-Length: %d\r\n\r\n%s", len(body), body), nil
}

// typedIn counts the characters that an edit brings: the daemon may bring several at once, and then all have the time of
// that edit. An edit that takes something away is not what was typed.
func typedIn(p *protocol.ApplyWorkspaceEditParams) (int, error) {
	typed := 0
	for _, change := range p.Edit.DocumentChanges {
		for _, edit := range change.Edits {
			if edit.Range.Start != edit.Range.End {
				return 0, fmt.Errorf("an edit replaces %v", edit.Range)
			}
			typed += utf8.RuneCountInString(edit.NewText)
		}
	}
	return typed, nil
}

// reader is the exact editor on the other side: it stamps what comes and applies it.
type reader struct {
	editor *fakeeditor.Editor
	stamps []int64
	want   int
}

// take stamps the edit's characters and gives the editor's report and answer.
func (r *reader) take(p *protocol.ApplyWorkspaceEditParams, at int64) ([]fakeeditor.Message, error) {
	typed, err := typedIn(p)
	if err != nil {
		return nil, err
	}
	for range typed {
		r.stamps = append(r.stamps, at)
	}
	return r.editor.Apply(time.Time{}, 0, p), nil
}

// done tells whether the last keystroke has come.
func (r *reader) done() bool { return len(r.stamps) >= r.want }
