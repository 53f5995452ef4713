package protocol

import "encoding/json"

// ExecuteCommandParams of workspace/executeCommand: Command is one of executeCommandProvider's. The first of Arguments, if there is
// one, is CommandArguments, or just a string: the code or link for earshot.join, a member's id or name for the commands about
// members. What is not given is what there is to choose: the document that this connection spoke of last, the one session.
type ExecuteCommandParams struct {
	Command   string            `json:"command"`
	Arguments []json.RawMessage `json:"arguments,omitempty"`
}

// CommandArguments say what a command is about. URI is of a document, Member an id or name, Code a code or link, Range where the
// person is in the document.
type CommandArguments struct {
	URI     DocumentURI `json:"uri,omitempty"`
	Session string      `json:"session,omitempty"`
	Member  string      `json:"member,omitempty"`
	Code    string      `json:"code,omitempty"`
	Range   *Range      `json:"range,omitempty"`
}

// ExecuteCommandResult: Message is the sentence that the person was shown too.
type ExecuteCommandResult struct {
	Message string `json:"message"`
	Session string `json:"session,omitempty"`
}

// CodeActionParams of textDocument/codeAction: Range is the cursor, or what is selected.
type CodeActionParams struct {
	TextDocument TextDocumentIdentifier `json:"textDocument"`
	Range        Range                  `json:"range"`
	Context      CodeActionContext      `json:"context"`
}

// CodeActionContext says why code actions are asked for. Ours have no kind: to one who wants certain kinds Only there are none.
// TriggerKind is 2 where the person did not ask.
type CodeActionContext struct {
	Only        []string `json:"only,omitempty"`
	TriggerKind int      `json:"triggerKind,omitempty"`
}

// Command is a code action in LSP's older form, which every client takes.
type Command struct {
	Title     string             `json:"title"`
	Command   string             `json:"command"`
	Arguments []CommandArguments `json:"arguments,omitempty"`
}

// ExecuteCommandOptions lists the commands.
type ExecuteCommandOptions struct {
	Commands []string `json:"commands"`
}

// PublishDiagnosticsParams say what an editor is to show in a document, instead of what it was told of it before.
type PublishDiagnosticsParams struct {
	URI         DocumentURI  `json:"uri"`
	Diagnostics []Diagnostic `json:"diagnostics"`
}

// Diagnostic is a remark at a place: that a member is there. Severity is 4, a hint; Source "earshot".
type Diagnostic struct {
	Range    Range  `json:"range"`
	Severity int    `json:"severity"`
	Source   string `json:"source"`
	Message  string `json:"message"`
}
