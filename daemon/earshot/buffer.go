package main

import (
	"sync"

	"earshot/internal/text"
	"earshot/protocol"
)

// buffer is the smallest editor that keeps the contract exactly: it applies an edit only at its version, reports it by one
// didChange before the answer, and answers with the version of that. It holds the text with \n ends and remembers what
// they were; positions are code points (utf-32), which the client asks for first.
//
//	daemon ──applyEdit(version v)──▶ buffer    v is its version: applied, else refused
//	daemon ◀──didChange(v+1)──────── buffer
//	daemon ◀──{applied, v+1}──────── buffer
type buffer struct {
	uri  string
	end  text.LineEnd
	send func(method string, params any) error

	mu      sync.Mutex // the connection's goroutine applies edits, a command makes some
	body    *text.Rope
	version int
	closed  bool
}

// newBuffer holds a text for a document; send writes one notification. It must be where applyEdit is called from before
// it is opened.
func newBuffer(uri, body string, send func(method string, params any) error) *buffer {
	end := text.DetectLineEnd(body)
	return &buffer{uri: uri, end: end, send: send, body: text.New(end.ToLF(body)), version: 1}
}

// open attaches the buffer to its document.
func (b *buffer) open() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	item := protocol.TextDocumentItem{URI: b.uri, LanguageID: "plaintext", Version: b.version, Text: b.end.FromLF(b.body.String())}
	return b.send("textDocument/didOpen", &protocol.DidOpenTextDocumentParams{TextDocument: item})
}

// text gives the whole text with the line ends that it came with.
func (b *buffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.end.FromLF(b.body.String())
}

// at gives the buffer's version.
func (b *buffer) at() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.version
}

// edit changes the text as a person would; where says what, in the text as it is at that moment.
func (b *buffer) edit(where func(*text.Rope) (text.Edit, error)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	edit, err := where(b.body)
	if err != nil {
		return err
	}
	edit.Ins = b.end.ToLF(edit.Ins)
	patch, _ := text.NewPatch(edit) // one edit can't overlap
	_, err = b.apply(patch)
	return err
}

// close detaches the buffer, which changes no text; an edit that was on its way is refused.
func (b *buffer) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return b.send("textDocument/didClose", &protocol.DidCloseTextDocumentParams{
		TextDocument: protocol.TextDocumentIdentifier{URI: b.uri}})
}

// applyEdit takes the daemon's edit or refuses it.
func (b *buffer) applyEdit(p *protocol.ApplyWorkspaceEditParams) protocol.ApplyWorkspaceEditResult {
	b.mu.Lock()
	defer b.mu.Unlock()
	refuse := func(why string) protocol.ApplyWorkspaceEditResult {
		now := b.version
		return protocol.ApplyWorkspaceEditResult{FailureReason: why, Version: &now}
	}
	changes := p.Edit.DocumentChanges
	if b.closed || len(changes) != 1 || changes[0].TextDocument.URI != b.uri {
		return refuse("this document is not open here")
	}
	if changes[0].TextDocument.Version != b.version {
		return refuse("the text has changed since")
	}
	patch, ok := b.patch(changes[0].Edits)
	if !ok {
		return refuse("the edits don't fit the text")
	}
	version, err := b.apply(patch)
	if err != nil {
		return refuse("the connection is closed")
	}
	return protocol.ApplyWorkspaceEditResult{Applied: true, Version: &version}
}

// patch reads edits that are all against the text as it is.
func (b *buffer) patch(edits []protocol.TextEdit) (text.Patch, bool) {
	var all []text.Edit
	for _, e := range edits {
		from, errFrom := b.body.Offset(text.Position(e.Range.Start), text.UTF32, text.Before)
		to, errTo := b.body.Offset(text.Position(e.Range.End), text.UTF32, text.After)
		if e.Range.End.Line >= b.body.Lines() { // a whole text is replaced up to a line that no text has
			to, errTo = b.body.Len(), nil
		}
		if errFrom != nil || errTo != nil || to < from {
			return nil, false
		}
		all = append(all, text.Edit{Pos: from, Del: to - from, Ins: b.end.ToLF(e.NewText)})
	}
	return text.NewPatch(all...)
}

// apply changes the text and reports it as one didChange, whose entries go from the end of the text to its beginning, so
// that each is right for the text that those before it made. An edit without effect is neither.
func (b *buffer) apply(p text.Patch) (version int, err error) {
	if len(p) == 0 {
		return b.version, nil
	}
	changes := make([]protocol.TextDocumentContentChangeEvent, 0, len(p))
	for i := len(p) - 1; i >= 0; i-- {
		changes = append(changes, protocol.TextDocumentContentChangeEvent{
			Range: &protocol.Range{Start: b.position(p[i].Pos), End: b.position(p[i].Pos + p[i].Del)},
			Text:  b.end.FromLF(p[i].Ins),
		})
	}
	b.body.Apply(p)
	b.version++
	return b.version, b.send("textDocument/didChange", &protocol.DidChangeTextDocumentParams{
		TextDocument:   protocol.VersionedTextDocumentIdentifier{URI: b.uri, Version: b.version},
		ContentChanges: changes,
	})
}

func (b *buffer) position(pos int) protocol.Position {
	return protocol.Position(b.body.Position(pos, text.UTF32))
}
