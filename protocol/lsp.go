package protocol

import "encoding/json"

// DocumentURI is a URI as the editor wrote it: `file:`, `untitled:` or `earshot:`. URIs are compared after
// percent-decoding.
type DocumentURI = string

// Position in a text: zero-based line, and the zero-based offset on that line in the units of the connection's
// positionEncoding (UTF-8 bytes, UTF-16 units or code points). A Character past the end of the line means its end.
type Position struct {
	Line      int `json:"line"`
	Character int `json:"character"`
}

// Range from Start up to but not including End.
type Range struct {
	Start Position `json:"start"`
	End   Position `json:"end"`
}

// TextEdit replaces Range by NewText.
type TextEdit struct {
	Range   Range  `json:"range"`
	NewText string `json:"newText"`
}

// TextDocumentIdentifier names a document.
type TextDocumentIdentifier struct {
	URI DocumentURI `json:"uri"`
}

// VersionedTextDocumentIdentifier names a document at a version that its editor counts (Neovim's changedtick,
// VS Code's version): it only grows.
type VersionedTextDocumentIdentifier struct {
	URI     DocumentURI `json:"uri"`
	Version int         `json:"version"`
}

// TextDocumentItem is a whole document as an editor opens it.
type TextDocumentItem struct {
	URI        DocumentURI `json:"uri"`
	LanguageID string      `json:"languageId"`
	Version    int         `json:"version"`
	Text       string      `json:"text"`
}

// InitializeParams opens the conversation; everything LSP puts there and Earshot does not use is ignored.
type InitializeParams struct {
	ProcessID             *int                   `json:"processId,omitempty"`
	ClientInfo            *ClientInfo            `json:"clientInfo,omitempty"`
	RootURI               DocumentURI            `json:"rootUri,omitempty"`
	WorkspaceFolders      []WorkspaceFolder      `json:"workspaceFolders,omitempty"`
	Capabilities          ClientCapabilities     `json:"capabilities"`
	InitializationOptions *InitializationOptions `json:"initializationOptions,omitempty"`
}

// WorkspaceFolder is a folder that is open in the editor.
type WorkspaceFolder struct {
	URI  DocumentURI `json:"uri"`
	Name string      `json:"name"`
}

// ClientInfo names the program at the other end.
type ClientInfo struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

// ClientCapabilities is the part of LSP's that Earshot reads.
type ClientCapabilities struct {
	General      *GeneralCapabilities      `json:"general,omitempty"`
	Window       *WindowCapabilities       `json:"window,omitempty"`
	Workspace    *WorkspaceCapabilities    `json:"workspace,omitempty"`
	TextDocument *TextDocumentCapabilities `json:"textDocument,omitempty"`
	Experimental *ExperimentalCapabilities `json:"experimental,omitempty"`
}

// UnmarshalJSON ignores what is no object: to LSP the field is any value, and what a stock client keeps there must not
// make its initialize fail.
func (c *ExperimentalCapabilities) UnmarshalJSON(data []byte) error {
	type plain ExperimentalCapabilities
	if !isObject(data) {
		return nil
	}
	return json.Unmarshal(data, (*plain)(c))
}

// GeneralCapabilities lists the position encodings that the editor knows, best first; utf-16 if absent.
type GeneralCapabilities struct {
	PositionEncodings []string `json:"positionEncodings,omitempty"`
}

// WindowCapabilities says what the editor can show.
type WindowCapabilities struct {
	WorkDoneProgress bool                      `json:"workDoneProgress,omitempty"`
	ShowMessage      json.RawMessage           `json:"showMessage,omitempty"`
	ShowDocument     *ShowDocumentCapabilities `json:"showDocument,omitempty"`
}

// ShowDocumentCapabilities says that the editor follows window/showDocument.
type ShowDocumentCapabilities struct {
	Support bool `json:"support"`
}

// WorkspaceCapabilities says whether the editor applies edits at all.
type WorkspaceCapabilities struct {
	ApplyEdit bool `json:"applyEdit,omitempty"`
}

// TextDocumentCapabilities says whether the editor shows diagnostics: whether PublishDiagnostics is there.
type TextDocumentCapabilities struct {
	PublishDiagnostics json.RawMessage `json:"publishDiagnostics,omitempty"`
}

// ExperimentalCapabilities carries what the editor knows of Earshot.
type ExperimentalCapabilities struct {
	Earshot *EarshotClientCapabilities `json:"earshot,omitempty"`
}

// EarshotClientCapabilities of a plugin. ExactVersions is the promise of the contract: an edit is applied only at its
// version, is reported by one didChange before the answer, and the answer is true. Admit says that session/admit is
// understood; others are asked by window/showMessageRequest. Saves says that textDocument/saveBuffer is: a host's editor
// that would take a file written under its unsaved buffer for a conflict.
type EarshotClientCapabilities struct {
	ExactVersions bool `json:"exactVersions,omitempty"`
	Admit         bool `json:"admit,omitempty"`
	Saves         bool `json:"saves,omitempty"`
}

// InitializationOptions of an Earshot plugin. Replica is a random string, one for each editor process; Resume hands
// back Session.Resume values to a daemon that lost everything, which this version takes no notice of. Hints false keeps a stock
// client, which knows none of the others, from being shown members as diagnostics.
type InitializationOptions struct {
	Name    string   `json:"name,omitempty"`
	Color   string   `json:"color,omitempty"`
	Replica string   `json:"replica,omitempty"`
	Resume  []string `json:"resume,omitempty"`
	Hints   *bool    `json:"hints,omitempty"`
}

// UnmarshalJSON ignores what is no object: to LSP the field is any value.
func (o *InitializationOptions) UnmarshalJSON(data []byte) error {
	type plain InitializationOptions
	if !isObject(data) {
		return nil
	}
	return json.Unmarshal(data, (*plain)(o))
}

// InitializeResult says what the daemon does.
type InitializeResult struct {
	Capabilities ServerCapabilities `json:"capabilities"`
	ServerInfo   ServerInfo         `json:"serverInfo"`
}

// ServerInfo names the daemon and its release.
type ServerInfo struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// ServerCapabilities in LSP's shape.
type ServerCapabilities struct {
	PositionEncoding       string                      `json:"positionEncoding"`
	TextDocumentSync       TextDocumentSyncOptions     `json:"textDocumentSync"`
	CodeActionProvider     bool                        `json:"codeActionProvider"`
	ExecuteCommandProvider ExecuteCommandOptions       `json:"executeCommandProvider"`
	Workspace              WorkspaceServerCapabilities `json:"workspace"`
	Experimental           ExperimentalServer          `json:"experimental"`
}

// TextDocumentSyncOptions: incremental changes, with open, close and save.
type TextDocumentSyncOptions struct {
	OpenClose bool `json:"openClose"`
	Change    int  `json:"change"`
	Save      bool `json:"save"`
}

// WorkspaceServerCapabilities: the daemon serves the texts of `earshot:` URIs.
type WorkspaceServerCapabilities struct {
	TextDocumentContent TextDocumentContentOptions `json:"textDocumentContent"`
}

// TextDocumentContentOptions lists the URI schemes that workspace/textDocumentContent answers.
type TextDocumentContentOptions struct {
	Schemes []string `json:"schemes"`
}

// ExperimentalServer carries Earshot's own capabilities.
type ExperimentalServer struct {
	Earshot EarshotServerCapabilities `json:"earshot"`
}

// EarshotServerCapabilities: the protocol's version and the limits that a plugin may meet.
type EarshotServerCapabilities struct {
	ProtocolVersion int    `json:"protocolVersion"`
	Limits          Limits `json:"limits"`
}

// Limits that the daemon keeps; sizes in bytes of UTF-8.
type Limits struct {
	Document int `json:"document"`
	Message  int `json:"message"`
	Guests   int `json:"guests"`
	Entries  int `json:"entries"`
}

// InitializedParams is empty.
type InitializedParams struct{}

// ShutdownParams is empty.
type ShutdownParams struct{}

// ExitParams is empty.
type ExitParams struct{}

// CancelParams names a request that the caller no longer wants: its id, a number or a string.
type CancelParams struct {
	ID json.RawMessage `json:"id"`
}

// DidOpenTextDocumentParams: Earshot.Stamp is the stamp of the last edit that this editor process applied to the
// buffer, if any.
type DidOpenTextDocumentParams struct {
	TextDocument TextDocumentItem `json:"textDocument"`
	Earshot      *Stamp           `json:"earshot,omitempty"`
}

// Stamp is opaque to editors: a version of the document that every daemon of the session understands.
type Stamp struct {
	Stamp string `json:"stamp"`
}

// DidChangeTextDocumentParams: the changes apply one after the other; Version is that after all of them.
type DidChangeTextDocumentParams struct {
	TextDocument   VersionedTextDocumentIdentifier  `json:"textDocument"`
	ContentChanges []TextDocumentContentChangeEvent `json:"contentChanges"`
	Earshot        *CommandPart                     `json:"earshot,omitempty"`
}

// CommandPart may come with a didChange. Joined says that the same command of the editor made the change as the one of this
// document that was reported before it, so that textDocument/undo takes both back at once. Without it the daemon goes by
// time, kind and place.
type CommandPart struct {
	Joined bool `json:"joined"`
}

// TextDocumentContentChangeEvent replaces Range by Text, or the whole text if there is no Range.
type TextDocumentContentChangeEvent struct {
	Range *Range `json:"range,omitempty"`
	Text  string `json:"text"`
}

// DidSaveTextDocumentParams says that the editor saved, or that a stock client wishes the host's file saved.
type DidSaveTextDocumentParams struct {
	TextDocument TextDocumentIdentifier `json:"textDocument"`
	Text         *string                `json:"text,omitempty"`
}

// DidCloseTextDocumentParams names the buffer that was closed.
type DidCloseTextDocumentParams struct {
	TextDocument TextDocumentIdentifier `json:"textDocument"`
}

// ApplyWorkspaceEditParams asks the editor for one change of one document: all ranges are against the text before it.
type ApplyWorkspaceEditParams struct {
	Label   string        `json:"label,omitempty"`
	Edit    WorkspaceEdit `json:"edit"`
	Earshot *Stamp        `json:"earshot,omitempty"`
}

// WorkspaceEdit holds exactly one document's edits.
type WorkspaceEdit struct {
	DocumentChanges []TextDocumentEdit `json:"documentChanges"`
}

// TextDocumentEdit changes the document only if it is at its version.
type TextDocumentEdit struct {
	TextDocument VersionedTextDocumentIdentifier `json:"textDocument"`
	Edits        []TextEdit                      `json:"edits"`
}

// ApplyWorkspaceEditResult: after true, Version is that of the didChange which reported the edit (the given one if the
// text did not change); after false, the document's version now.
type ApplyWorkspaceEditResult struct {
	Applied       bool   `json:"applied"`
	FailureReason string `json:"failureReason,omitempty"`
	Version       *int   `json:"version,omitempty"`
}

// MessageType of window/showMessage, LSP's numbers.
type MessageType int

// LSP's message types.
const (
	MessageError   MessageType = 1
	MessageWarning MessageType = 2
	MessageInfo    MessageType = 3
	MessageLog     MessageType = 4
)

// ShowMessageParams is one sentence for the person.
type ShowMessageParams struct {
	Type    MessageType `json:"type"`
	Message string      `json:"message"`
}

// ShowMessageRequestParams is a question with its possible answers. Earshot is there if a member calls the others to look: the
// first action then means yes.
type ShowMessageRequestParams struct {
	Type    MessageType         `json:"type"`
	Message string              `json:"message"`
	Actions []MessageActionItem `json:"actions,omitempty"`
	Earshot *Call               `json:"earshot,omitempty"`
}

// Call names the member that calls the others to look at its place.
type Call struct {
	Session string `json:"session"`
	Member  string `json:"member"`
}

// MessageActionItem is one answer; null means that the person gave none.
type MessageActionItem struct {
	Title string `json:"title"`
}

// ShowDocumentParams leads the editor to a place. Selection is missing as long as the editor has the document not open: once it
// has, it is led to the place in it.
type ShowDocumentParams struct {
	URI       DocumentURI `json:"uri"`
	External  bool        `json:"external,omitempty"`
	TakeFocus bool        `json:"takeFocus,omitempty"`
	Selection *Range      `json:"selection,omitempty"`
	Earshot   *Lead       `json:"earshot,omitempty"`
}

// Lead says whom the editor is led to, and what that one sees of the document. Follow is false if it was called once.
type Lead struct {
	Session      string `json:"session"`
	Member       string `json:"member"`
	Follow       bool   `json:"follow,omitempty"`
	VisibleRange *Range `json:"visibleRange,omitempty"`
}

// SaveBufferParams asks a host's editor to save its buffer, because a guest saves.
type SaveBufferParams struct {
	TextDocument TextDocumentIdentifier `json:"textDocument"`
}

// SaveBufferResult: Saved is true once the buffer was written and textDocument/didSave was sent. Otherwise the daemon writes the file.
type SaveBufferResult struct {
	Saved bool `json:"saved"`
}

// ShowDocumentResult says whether the editor went there.
type ShowDocumentResult struct {
	Success bool `json:"success"`
}

// ProgressParams of $/progress, in answer to a request's workDoneToken.
type ProgressParams struct {
	Token json.RawMessage  `json:"token"`
	Value WorkDoneProgress `json:"value"`
}

// WorkDoneProgress is LSP's begin, report or end, with the stage of a join.
type WorkDoneProgress struct {
	Kind        string    `json:"kind"`
	Title       string    `json:"title,omitempty"`
	Message     string    `json:"message,omitempty"`
	Cancellable bool      `json:"cancellable,omitempty"`
	Stage       JoinStage `json:"stage,omitempty"`
	Check       string    `json:"check,omitempty"`
}

// TextDocumentContentParams asks for the text of a shared document that the editor has not open.
type TextDocumentContentParams struct {
	URI DocumentURI `json:"uri"`
}

// TextDocumentContentResult is the text, with the document's own line ends.
type TextDocumentContentResult struct {
	Text string `json:"text"`
}

// Empty is the result of requests that answer {}.
type Empty struct{}
