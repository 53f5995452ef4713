package session

import (
	"earshot/internal/docpath"
	"earshot/protocol"
)

// Effect is everything the engine can ask the world to do, in one closed set. Effects of one Step are carried out in
// their order.
type Effect interface{ effect() }

// Reply answers a request of an editor.
type Reply struct {
	Conn   protocol.ConnID
	ID     protocol.RequestID
	Result any
}

// ReplyError refuses it.
type ReplyError struct {
	Conn protocol.ConnID
	ID   protocol.RequestID
	Err  *protocol.Error
}

// Notify sends an editor a notification.
type Notify struct {
	Conn   protocol.ConnID
	Params protocol.EditorParams
}

// Ask sends an editor a request; the answer comes as ClientAnswered with Call.
type Ask struct {
	Conn   protocol.ConnID
	Call   uint64
	Params protocol.EditorParams
}

// Withdraw takes an Ask back: someone else answered.
type Withdraw struct {
	Conn protocol.ConnID
	Call uint64
}

// CloseClient ends a connection.
type CloseClient struct {
	Conn   protocol.ConnID
	Reason string
}

// OpenFolder readies what a session shares: a folder (a path on this machine), or single files.
type OpenFolder struct {
	Op      OpID
	Session string
	Folder  string
	Files   []string
	Allow   []string
	Taken   []docpath.Path // by texts without a file: no file is shown under these
}

// WidenFolder has a session share more of this machine's disk. Names are those of editors' texts without a file, for which free ones
// are looked; Taken is as in OpenFolder. Others are the folders of other sessions, whose ids they give.
type WidenFolder struct {
	Op      OpID
	Session string
	Folder  string
	Files   []string
	Names   []string
	Allow   []string
	Taken   []docpath.Path
	Others  map[string]string
}

// CloseFolder lets it go.
type CloseFolder struct{ Session string }

// Locate asks whether a file of this machine, by any name, lies in what a session shares.
type Locate struct {
	Op      OpID
	Session string
	File    string
}

// LoadFile reads a text of the shared folder.
type LoadFile struct {
	Op      OpID
	Session string
	Path    docpath.Path
}

// SaveFile writes one, if the disk still holds what Base says.
type SaveFile struct {
	Op      OpID
	Session string
	Path    docpath.Path
	Text    string
	Form    protocol.Form
	Base    string
}

// ListFolder lists a folder of the share; the empty Path is the whole of it.
type ListFolder struct {
	Op        OpID
	Session   string
	Path      docpath.Path
	Recursive bool
	Cursor    string
}

// CreateEntry makes a file or folder.
type CreateEntry struct {
	Op      OpID
	Session string
	Path    docpath.Path
	Kind    protocol.EntryKind
}

// Copy puts a text, which is a secret, into this machine's clipboard; Copied answers.
type Copy struct {
	Op   OpID
	Text string
}

// RenameEntry gives a file or folder another name. Texts are those that are open under From, by the names that they are to have: of
// each the identity is told. Open are the identities of others.
type RenameEntry struct {
	Op       OpID
	Session  string
	From, To docpath.Path
	Texts    []docpath.Path
	Open     []string
}

// DeleteEntry removes a file or an empty folder. Open are the identities of texts that are open by other names.
type DeleteEntry struct {
	Op      OpID
	Session string
	Path    docpath.Path
	Open    []string
}

// OpenRoom lets guests find the session.
type OpenRoom struct {
	Session string
	Params  *protocol.ShareParams
	Name    string
}

// NewCode asks for a fresh code; the old one is void.
type NewCode struct{ Session string }

// CloseRoom lets nobody in any more.
type CloseRoom struct{ Session string }

// Decide tells an introduction what the host's people said. Kind says why not, where it is not that they refused.
type Decide struct {
	Session string
	Intro   IntroID
	Admit   bool
	Member  string
	Role    protocol.Role
	Kind    protocol.Kind
	Why     string
}

// Forget makes a member's way back into the session void: at a host a guest's, at a guest its own.
type Forget struct {
	Session string
	Member  string
}

// StartJoin looks for the host of a code or link.
type StartJoin struct {
	Join   JoinID
	Params *protocol.JoinParams
	Client string
}

// Rejoin looks for the host of a session that this daemon was in; HostLinked or JoinFailed follow.
type Rejoin struct {
	Join    JoinID
	Session string
}

// BindJoin tells which session a join became, so that Rejoin can find it.
type BindJoin struct {
	Join    JoinID
	Session string
}

// CancelJoin gives up.
type CancelJoin struct{ Join JoinID }

// SendFrame sends a frame on a link. Key names what a presence frame supersedes.
type SendFrame struct {
	Link    LinkID
	Channel Channel
	Key     uint64
	Data    []byte
}

// CloseLink ends a link once what was sent on it has gone out.
type CloseLink struct {
	Link   LinkID
	Reason string
}

// Warn says something for the log: an internal oddity, never a document's text, a name or a code.
type Warn struct{ What string }

// StopDaemon ends the daemon.
type StopDaemon struct{}

func (Reply) effect()       {}
func (ReplyError) effect()  {}
func (Notify) effect()      {}
func (Ask) effect()         {}
func (Withdraw) effect()    {}
func (CloseClient) effect() {}
func (OpenFolder) effect()  {}
func (WidenFolder) effect() {}
func (CloseFolder) effect() {}
func (Locate) effect()      {}
func (LoadFile) effect()    {}
func (SaveFile) effect()    {}
func (ListFolder) effect()  {}
func (CreateEntry) effect() {}
func (Copy) effect()        {}
func (RenameEntry) effect() {}
func (DeleteEntry) effect() {}
func (OpenRoom) effect()    {}
func (NewCode) effect()     {}
func (CloseRoom) effect()   {}
func (Decide) effect()      {}
func (Forget) effect()      {}
func (StartJoin) effect()   {}
func (Rejoin) effect()      {}
func (BindJoin) effect()    {}
func (CancelJoin) effect()  {}
func (SendFrame) effect()   {}
func (CloseLink) effect()   {}
func (Warn) effect()        {}
func (StopDaemon) effect()  {}
