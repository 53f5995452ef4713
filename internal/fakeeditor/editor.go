// Package fakeeditor is an editor that keeps the contract of the editor socket, in its several kinds, as a pure state
// machine: for the simulator, for scenarios and for authors of plugins who want to see what a daemon expects.
//
// It promises to do what the real editors were seen to do, their bad habits included: an exact editor reports one change
// for each edit that it was asked for and answers the truth; VS Code applies late, refuses while its person types
// and reports edits in another shape; Neovim's own LSP client answers true for what it dropped, and checks no version
// while it is 0. Time is passed in; whoever runs it calls Wake when Next says so.
//
//	person ──Type──▶ editor ──didChange──▶ daemon
//	daemon ──Apply(call, edit)──▶ editor ──didChange, Answer──▶ daemon
package fakeeditor

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"earshot/internal/text"
	"earshot/protocol"
)

// Kind of editor.
type Kind uint8

// The kinds.
const (
	Exact   Kind = iota // a plugin that keeps exactVersions, at once
	Split               // the same in two processes, like VS Code's: a hop lies between the person's text and the plugin
	Stock               // Neovim's built-in client, debounce 0
	Delayed             // the same with its debounce of 150 ms
	Plain               // a simple stock client that tells the truth, like vscode-jsonrpc with a text
)

func (k Kind) String() string {
	return [...]string{"exact", "split", "stock", "delayed", "plain"}[k]
}

// debounce of Neovim's client, flags.debounce_text_changes.
const debounce = 150 * time.Millisecond

// Message goes from the editor to the daemon. Exactly one field is set, but for Answer.
type Message struct {
	Open   *protocol.DidOpenTextDocumentParams
	Change *protocol.DidChangeTextDocumentParams
	Call   uint64 // of the Apply that Answer answers
	Answer *protocol.ApplyWorkspaceEditResult
}

// Editor is one editor with one buffer open.
type Editor struct {
	Kind Kind
	URI  string
	Enc  text.Encoding
	End  text.LineEnd

	rng     *rand.Rand
	buffer  *text.Rope // what the person sees, with \n ends
	tick    int        // version of the buffer
	plugin  int        // Split: the version that the plugin knows
	stamp   string
	hop     time.Duration
	later   []pending                                 // Split: what is between the two processes
	entries []protocol.TextDocumentContentChangeEvent // Delayed: not reported yet
	flushAt time.Time
	known   bool // Stock: a didChange was sent, so versions are checked
	eol     bool // Neovim's 'endofline'
	newer   bool // Neovim 0.12 rather than 0.10
}

// pending is something on its way between VS Code's two processes.
type pending struct {
	at     time.Time
	toPage bool
	call   uint64
	params *protocol.ApplyWorkspaceEditParams
	change *protocol.DidChangeTextDocumentParams
	answer *protocol.ApplyWorkspaceEditResult
}

// New makes an editor that shows s. hop matters to Split.
func New(kind Kind, uri, s string, enc text.Encoding, hop time.Duration, rng *rand.Rand) *Editor {
	e := &Editor{Kind: kind, URI: uri, Enc: enc, End: text.DetectLineEnd(s), rng: rng, hop: hop}
	s = e.End.ToLF(s)
	if e.neovim() {
		s, e.eol = lines(s)
		e.newer = rng.IntN(2) == 0
	}
	e.buffer = text.New(s)
	if kind == Exact || kind == Split || kind == Plain {
		e.tick = 1
	}
	e.plugin = e.tick
	return e
}

// ExactVersions tells whether the editor declares the capability.
func (e *Editor) ExactVersions() bool { return e.Kind == Exact || e.Kind == Split }

// Text is what the person sees, with \n ends.
func (e *Editor) Text() string { return e.buffer.String() }

// Holds tells whether the person sees the given text: in Neovim a last line looks the same with and without its end.
func (e *Editor) Holds(s string) bool {
	if e.neovim() {
		s, _ = lines(s)
	}
	return e.Text() == s
}

// Len is the length in code points of what the person can change: not the last line end of Neovim's.
func (e *Editor) Len() int {
	if e.neovim() {
		return e.buffer.Len() - 1
	}
	return e.buffer.Len()
}

// Slice is a part of it.
func (e *Editor) Slice(from, to int) string { return e.buffer.Slice(from, to) }

// Open reports the buffer to a daemon, for the first time or again after the connection was lost.
func (e *Editor) Open() []Message {
	e.later, e.entries, e.flushAt = nil, nil, time.Time{}
	e.plugin, e.known = e.tick, false
	version := e.tick
	shown := e.buffer.String()
	if e.neovim() {
		version = 0
		// An empty last line without its end can't be told from none with it, by nobody: this one is given it.
		e.eol = e.eol || strings.HasSuffix(shown, "\n\n")
		if !e.eol {
			shown = strings.TrimSuffix(shown, "\n")
		}
	}
	p := &protocol.DidOpenTextDocumentParams{TextDocument: protocol.TextDocumentItem{URI: e.URI, Version: version, Text: e.End.FromLF(shown)}}
	if e.ExactVersions() && e.stamp != "" {
		p.Earshot = &protocol.Stamp{Stamp: e.stamp}
	}
	return []Message{{Open: p}}
}

// Type replaces del code points at pos by ins, as the person.
func (e *Editor) Type(now time.Time, pos, del int, ins string) []Message {
	var change protocol.TextDocumentContentChangeEvent
	if e.neovim() {
		change = e.editLines(pos, del, ins, wholeLines)
	} else {
		change = e.edit(pos, del, ins)
	}
	e.tick++
	switch e.Kind {
	case Split:
		e.push(pending{at: now.Add(e.hop), change: e.report(change)})
		return nil
	case Delayed:
		e.entries = append(e.entries, change)
		e.arm(now)
		return nil
	}
	e.known = true
	return []Message{{Change: e.report(change)}}
}

func (e *Editor) edit(pos, del int, ins string) protocol.TextDocumentContentChangeEvent {
	r := protocol.Range{
		Start: protocol.Position(e.buffer.Position(pos, e.Enc)),
		End:   protocol.Position(e.buffer.Position(pos+del, e.Enc)),
	}
	e.buffer.Replace(pos, del, ins)
	return protocol.TextDocumentContentChangeEvent{Range: &r, Text: e.End.FromLF(ins)}
}

func (e *Editor) report(changes ...protocol.TextDocumentContentChangeEvent) *protocol.DidChangeTextDocumentParams {
	return &protocol.DidChangeTextDocumentParams{
		TextDocument:   protocol.VersionedTextDocumentIdentifier{URI: e.URI, Version: e.tick},
		ContentChanges: changes,
	}
}

func (e *Editor) arm(now time.Time) {
	if e.flushAt.IsZero() || !e.known {
		e.flushAt = now.Add(debounce)
	}
}

// Apply takes workspace/applyEdit.
func (e *Editor) Apply(now time.Time, call uint64, p *protocol.ApplyWorkspaceEditParams) []Message {
	version := p.Edit.DocumentChanges[0].TextDocument.Version
	switch e.Kind {
	case Split:
		if version != e.plugin {
			return []Message{{Call: call, Answer: answer(false, e.plugin)}}
		}
		e.push(pending{at: now.Add(e.hop), toPage: true, call: call, params: p})
		return nil
	case Stock, Delayed:
		return e.applyLikeNeovim(now, call, version, p)
	}
	if version != e.tick {
		return []Message{{Call: call, Answer: e.truth(false)}}
	}
	changes := e.apply(p)
	if len(changes) == 0 {
		return []Message{{Call: call, Answer: e.truth(true)}}
	}
	e.tick++
	if p.Earshot != nil {
		e.stamp = p.Earshot.Stamp
	}
	return []Message{{Change: e.report(changes...)}, {Call: call, Answer: e.truth(true)}}
}

func answer(applied bool, version int) *protocol.ApplyWorkspaceEditResult {
	return &protocol.ApplyWorkspaceEditResult{Applied: applied, Version: &version}
}

func (e *Editor) truth(applied bool) *protocol.ApplyWorkspaceEditResult {
	if e.Kind == Plain {
		return &protocol.ApplyWorkspaceEditResult{Applied: applied}
	}
	return answer(applied, e.tick)
}

// apply makes the edits, the last first, and returns what is reported: entries that apply one after the other. An edit without
// effect is not reported.
func (e *Editor) apply(p *protocol.ApplyWorkspaceEditParams) []protocol.TextDocumentContentChangeEvent {
	var changes []protocol.TextDocumentContentChangeEvent
	edits := slices.Clone(p.Edit.DocumentChanges[0].Edits)
	for _, edit := range slices.Backward(edits) {
		from, to := e.span(edit.Range)
		ins := text.CRLF.ToLF(edit.NewText)
		if from == to && ins == "" {
			continue
		}
		if e.Kind == Split {
			changes = append(changes, e.reshaped(from, to-from, ins)...)
			continue
		}
		changes = append(changes, e.edit(from, to-from, ins))
	}
	return changes
}

// reshaped makes an edit as VS Code may report it: cut in two.
func (e *Editor) reshaped(pos, del int, ins string) []protocol.TextDocumentContentChangeEvent {
	body := []rune(ins)
	if len(body) < 2 || e.rng.IntN(2) == 0 {
		return []protocol.TextDocumentContentChangeEvent{e.edit(pos, del, ins)}
	}
	cut := 1 + e.rng.IntN(len(body)-1)
	return []protocol.TextDocumentContentChangeEvent{
		e.edit(pos, del, string(body[:cut])), e.edit(pos+cut, 0, string(body[cut:]))}
}

func (e *Editor) span(r protocol.Range) (from, to int) {
	return e.offset(r.Start), e.offset(r.End)
}

func (e *Editor) offset(p protocol.Position) int {
	pos, err := e.buffer.Offset(text.Position(p), e.Enc, text.Before)
	if err != nil {
		return e.buffer.Len()
	}
	return pos
}

// Next is when Wake has something to do; zero means never.
func (e *Editor) Next() time.Time {
	next := e.flushAt
	for _, p := range e.later {
		if next.IsZero() || p.at.Before(next) {
			next = p.at
		}
	}
	return next
}

// Wake does what is due.
func (e *Editor) Wake(now time.Time) []Message {
	var out []Message
	if !e.flushAt.IsZero() && !now.Before(e.flushAt) {
		e.flushAt = time.Time{}
		e.known = true
		out = append(out, Message{Change: e.report(e.entries...)})
		e.entries = nil
	}
	for len(e.later) > 0 && !now.Before(e.later[0].at) {
		p := e.later[0]
		e.later = e.later[1:]
		out = append(out, e.arrived(now, p)...)
	}
	return out
}

// arrived: something came to the other of VS Code's two processes.
func (e *Editor) arrived(now time.Time, p pending) []Message {
	switch {
	case p.toPage:
		version := p.params.Edit.DocumentChanges[0].TextDocument.Version
		if version != e.tick {
			e.push(pending{at: now.Add(e.hop), call: p.call, answer: answer(false, 0)})
			return nil
		}
		if changes := e.apply(p.params); len(changes) > 0 {
			e.tick++
			e.push(pending{at: now.Add(e.hop), change: e.report(changes...)})
		}
		if p.params.Earshot != nil {
			e.stamp = p.params.Earshot.Stamp
		}
		late := time.Duration(e.rng.Int64N(int64(e.hop) + 1)) // a promise is kept when other things have been done
		e.push(pending{at: now.Add(e.hop + late), call: p.call, answer: answer(true, e.tick)})
		return nil
	case p.change != nil:
		e.plugin = p.change.TextDocument.Version
		return []Message{{Change: p.change}}
	}
	if !p.answer.Applied {
		p.answer = answer(false, e.plugin)
	}
	return []Message{{Call: p.call, Answer: p.answer}}
}

// push keeps what is between the processes in the order in which it arrives.
func (e *Editor) push(p pending) {
	at := len(e.later)
	for at > 0 && e.later[at-1].at.After(p.at) {
		at--
	}
	e.later = slices.Insert(e.later, at, p)
}
