package protocol

// ConnID names one connection of an editor or script to the daemon; never used twice.
type ConnID uint64

// RequestID is a JSON-RPC id as it stands in the message (a number or a quoted string).
type RequestID string

// Request is one call that has to be answered once, with an R or an Error.
type Request[R any] struct {
	Conn ConnID
	ID   RequestID
}

// Daemon is what an editor may ask of the daemon. A method whose first parameter is a Request is a JSON-RPC request
// with that result; the others are notifications. The directive names the method on the wire.
type Daemon interface {
	// Initialize must come first.
	//rpc:method initialize
	Initialize(r Request[InitializeResult], p *InitializeParams)
	// Initialized ends the handshake.
	//rpc:method initialized
	Initialized(from ConnID, p *InitializedParams)
	// Shutdown is answered when everything sent before has been taken; exit follows.
	//rpc:method shutdown
	Shutdown(r Request[*Empty], p *ShutdownParams)
	// Exit ends the connection, never the daemon.
	//rpc:method exit
	Exit(from ConnID, p *ExitParams)
	// Cancel gives up a request, for instance a join.
	//rpc:method $/cancelRequest
	Cancel(from ConnID, p *CancelParams)

	// DidOpen attaches a buffer to a document.
	//rpc:method textDocument/didOpen
	DidOpen(from ConnID, p *DidOpenTextDocumentParams)
	// DidChange reports every change of a buffer, the ones the daemon asked for included.
	//rpc:method textDocument/didChange
	DidChange(from ConnID, p *DidChangeTextDocumentParams)
	// DidSave reports that the editor wrote the file; a stock guest asks by it for the host's file to be written.
	//rpc:method textDocument/didSave
	DidSave(from ConnID, p *DidSaveTextDocumentParams)
	// DidClose ends an attachment and never changes the text.
	//rpc:method textDocument/didClose
	DidClose(from ConnID, p *DidCloseTextDocumentParams)
	// Undo takes back this connection's own last edit, whatever others did meanwhile; theirs stay untouched.
	//rpc:method textDocument/undo
	Undo(r Request[UndoResult], p *UndoParams)
	// Redo brings it back.
	//rpc:method textDocument/redo
	Redo(r Request[UndoResult], p *RedoParams)
	// Verify compares an idle buffer with what the daemon believes it holds.
	//rpc:method document/verify
	Verify(r Request[VerifyResult], p *VerifyParams)
	// Save writes the host's file.
	//rpc:method document/save
	Save(r Request[Empty], p *SaveParams)
	// TextDocumentContent gives the text of a shared document that the editor has not open.
	//rpc:method workspace/textDocumentContent
	TextDocumentContent(r Request[TextDocumentContentResult], p *TextDocumentContentParams)

	// ExecuteCommand does what a person asks for whose editor knows LSP alone. What waits for other people, such as
	// earshot.join, is answered at once and told by window/showMessage: clients give up waiting after 10 or 20 s.
	//rpc:method workspace/executeCommand
	ExecuteCommand(r Request[ExecuteCommandResult], p *ExecuteCommandParams)
	// CodeAction offers those of the commands that have a use at a place.
	//rpc:method textDocument/codeAction
	CodeAction(r Request[[]Command], p *CodeActionParams)

	// Share opens a session as its host.
	//rpc:method session/share
	Share(r Request[SessionResult], p *ShareParams)
	// Widen shares more while a session runs.
	//rpc:method session/widen
	Widen(r Request[SessionResult], p *WidenParams)
	// Join enters a session by code or link; answered once admitted.
	//rpc:method session/join
	Join(r Request[SessionResult], p *JoinParams)
	// Leave leaves a session; a host's ends it for all.
	//rpc:method session/leave
	Leave(r Request[Empty], p *LeaveParams)
	// Invite makes a fresh code.
	//rpc:method session/invite
	Invite(r Request[InviteResult], p *InviteParams)
	// ListSessions lists this daemon's sessions.
	//rpc:method session/list
	ListSessions(r Request[ListSessionsResult], p *ListSessionsParams)
	// AdmitMember decides on a waiting guest.
	//rpc:method member/admit
	AdmitMember(r Request[Empty], p *AdmitMemberParams)
	// SetRole changes what a member may do.
	//rpc:method member/setRole
	SetRole(r Request[Empty], p *SetRoleParams)
	// RemoveMember sends a member away for good. Where guests came in unasked, whoever comes from then on is asked about.
	//rpc:method member/remove
	RemoveMember(r Request[Empty], p *RemoveMemberParams)

	// UpdatePresence tells where this editor's person is.
	//rpc:method presence/update
	UpdatePresence(from ConnID, p *PresenceUpdate)
	// Follow leads this editor along with a member, by window/showDocument, until it is told to stop, its person types, or one of
	// the two leaves.
	//rpc:method presence/follow
	Follow(r Request[Empty], p *FollowParams)
	// Summon asks everyone to look where this editor's person is. Errors: noSuchDocument if that is in no shared text, rateLimited.
	//rpc:method presence/summon
	Summon(r Request[Empty], p *SummonParams)

	// ListFiles lists the shared folder.
	//rpc:method file/list
	ListFiles(r Request[ListFilesResult], p *ListFilesParams)
	// CreateFile makes a file or folder in the shared folder.
	//rpc:method file/create
	CreateFile(r Request[Empty], p *CreateFileParams)
	// RenameFile gives one another name.
	//rpc:method file/rename
	RenameFile(r Request[Empty], p *RenameFileParams)
	// DeleteFile removes a file or an empty folder.
	//rpc:method file/delete
	DeleteFile(r Request[Empty], p *DeleteFileParams)

	// Subscribe asks for events/event from now on.
	//rpc:method events/subscribe
	Subscribe(r Request[Empty], p *SubscribeParams)
	// Status tells the daemon's state.
	//rpc:method daemon/status
	Status(r Request[StatusResult], p *StatusParams)
	// Stop ends the daemon.
	//rpc:method daemon/stop
	Stop(r Request[Empty], p *StopParams)
}

// Editor is what the daemon may ask of an editor. A method with a result is a request.
type Editor interface {
	// ApplyEdit asks for one change of one document.
	//rpc:method workspace/applyEdit
	ApplyEdit(p *ApplyWorkspaceEditParams) ApplyWorkspaceEditResult
	// Admit asks whether a guest may come in.
	//rpc:method session/admit
	Admit(p *AdmitQuestion) AdmitAnswer
	// AskMessage asks the same of a client that knows nothing of Earshot.
	//rpc:method window/showMessageRequest
	AskMessage(p *ShowMessageRequestParams) *MessageActionItem
	// ShowDocument leads the editor to a place.
	//rpc:method window/showDocument
	ShowDocument(p *ShowDocumentParams) ShowDocumentResult
	// SaveBuffer asks a host's editor that declares saves to save a buffer, because a guest saves.
	//rpc:method textDocument/saveBuffer
	SaveBuffer(p *SaveBufferParams) SaveBufferResult
	// CancelRequest takes a question back that someone else answered.
	//rpc:method $/cancelRequest
	CancelRequest(p *CancelParams)
	// Progress of a join.
	//rpc:method $/progress
	Progress(p *ProgressParams)
	// ShowMessage tells the person one sentence.
	//rpc:method window/showMessage
	ShowMessage(p *ShowMessageParams)
	// PublishDiagnostics shows a client that knows nothing of Earshot where the others are, a few times a second at most.
	//rpc:method textDocument/publishDiagnostics
	PublishDiagnostics(p *PublishDiagnosticsParams)
	// SessionChanged tells how a session is now.
	//rpc:method session/changed
	SessionChanged(p *SessionChanged)
	// DocumentChanged tells about a document's file.
	//rpc:method document/changed
	DocumentChanged(p *DocumentChanged)
	// PresenceChanged tells where the others are.
	//rpc:method presence/changed
	PresenceChanged(p *PresenceChanged)
	// FileChanged tells of changes in a shared folder.
	//rpc:method file/changed
	FileChanged(p *FileChanged)
	// Event is one line of `earshot events`.
	//rpc:method events/event
	Event(p *Happening)
}
