package protocol

import "encoding/json"

// SessionState of a Session.
type SessionState string

// States of a Session.
const (
	SessionOpen         SessionState = "open"
	SessionReconnecting SessionState = "reconnecting"
	SessionEnded        SessionState = "ended"
)

// Role of a member: what the host lets it do.
type Role string

// Roles, the strongest first.
const (
	RoleHost   Role = "host"
	RoleEditor Role = "editor"
	RoleViewer Role = "viewer"
)

// MemberState of a Member.
type MemberState string

// States of a Member.
const (
	MemberWaiting      MemberState = "waiting"
	MemberHere         MemberState = "here"
	MemberReconnecting MemberState = "reconnecting"
)

// Session is one sharing, as this daemon sees it. Ids match [a-z0-9]{10}, are the same on all sides and tell nothing
// about the code. Code and Link are the host's alone. Resume is opaque, for this client to hand back in
// initializationOptions to a daemon that has lost everything; daemons of this version give none.
type Session struct {
	ID      string       `json:"id"`
	State   SessionState `json:"state"`
	Reason  string       `json:"reason,omitempty"`
	Me      string       `json:"me"`
	Role    Role         `json:"role"`
	Code    string       `json:"code,omitempty"`
	Link    string       `json:"link,omitempty"`
	Folder  DocumentURI  `json:"folder,omitempty"`
	Members []Member     `json:"members"`
	Resume  string       `json:"resume,omitempty"`
}

// Member is one daemon of a session; two editors of one person are one member. Name and Client are what it says of itself, not
// verified, fit for a screen; who takes a name that is here already is marked by the host, "Ana (2)". RTT is in milliseconds.
type Member struct {
	ID     string      `json:"id"`
	Name   string      `json:"name"`
	Color  string      `json:"color"`
	Role   Role        `json:"role"`
	State  MemberState `json:"state"`
	Client string      `json:"client,omitempty"`
	Path   string      `json:"path,omitempty"`
	RTTMs  *float64    `json:"rttMs,omitempty"`
	Check  string      `json:"check,omitempty"` // the six digits of one who waits
}

// Admission says whether the host's people are asked before a guest comes in.
type Admission string

// Kinds of Admission.
const (
	AdmitAsk  Admission = "ask"
	AdmitAuto Admission = "auto"
)

// ICEServer is a STUN or TURN server.
type ICEServer struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
}

// ShareParams of session/share. Without Folder and Documents an error; Guests 0 means the default (16; 1 with auto).
// IceServers nil means the daemon's setting, empty means none.
type ShareParams struct {
	Folder     DocumentURI   `json:"folder,omitempty"`
	Documents  []DocumentURI `json:"documents,omitempty"`
	Role       Role          `json:"role,omitempty"`
	Admit      Admission     `json:"admit,omitempty"`
	Guests     int           `json:"guests,omitempty"`
	Allow      []string      `json:"allow,omitempty"`
	Server     string        `json:"server,omitempty"`
	Listen     string        `json:"listen,omitempty"`
	IceServers []ICEServer   `json:"iceServers,omitzero"`
	RelayOnly  bool          `json:"relayOnly,omitempty"`
	Name       string        `json:"name,omitempty"`
	Linger     bool          `json:"linger,omitempty"`
}

// WidenParams of session/widen: what is to be shared beside what is. Of the documents those need no naming that the folder shows, and
// those that are shared already; neither is an error. A file from elsewhere is shown under its own name, or one with as much of
// the path before it as no other has; a buffer without a file, which must be open in this editor, with a number behind it. A
// Folder can come to a session that has none. What was shared keeps its name and its text: a file that the folder holds too is
// listed where it was, and opened by its place in the folder it is the same document. Errors are notHost, noSuchDocument, excluded
// for what is left out of the folder, and for what looks secret: naming it is not enough; alreadyShared for a folder or a buffer
// that another session shares (data.session), conflict for a second folder, and for a folder at whose top there is a name that
// something else is shared under.
type WidenParams struct {
	Session   string        `json:"session"`
	Folder    DocumentURI   `json:"folder,omitempty"`
	Documents []DocumentURI `json:"documents,omitempty"`
}

// JoinParams of session/join: Code is a code or a link. IceServers as in ShareParams.
type JoinParams struct {
	Code          string          `json:"code"`
	Role          Role            `json:"role,omitempty"`
	Server        string          `json:"server,omitempty"`
	IceServers    []ICEServer     `json:"iceServers,omitzero"`
	RelayOnly     bool            `json:"relayOnly,omitempty"`
	Name          string          `json:"name,omitempty"`
	Linger        bool            `json:"linger,omitempty"`
	WorkDoneToken json.RawMessage `json:"workDoneToken,omitempty"`
}

// JoinStage is how far a join has come.
type JoinStage string

// Stages of a join, in order; the last two say by which path the link came up.
const (
	StageMatchmaker   JoinStage = "matchmaker"
	StageIntroduction JoinStage = "introduction"
	StageAdmission    JoinStage = "admission"
	StageDirect       JoinStage = "direct"
	StageRelay        JoinStage = "relay"
)

// SessionResult of share, widen and join.
type SessionResult struct {
	Session Session `json:"session"`
}

// Unsaved says what becomes of texts that were changed and that nobody saved when the host ends a session.
type Unsaved string

// Choices for Unsaved; empty asks.
const (
	UnsavedSave    Unsaved = "save"
	UnsavedDiscard Unsaved = "discard"
)

// LeaveParams of session/leave; a host that leaves ends the session for all.
type LeaveParams struct {
	Session string  `json:"session"`
	Unsaved Unsaved `json:"unsaved,omitempty"`
}

// InviteParams of session/invite.
type InviteParams struct {
	Session string `json:"session"`
}

// InviteResult is a fresh code and link; the old ones are void.
type InviteResult struct {
	Code string `json:"code"`
	Link string `json:"link,omitempty"`
}

// ListSessionsParams of session/list is empty.
type ListSessionsParams struct{}

// ListSessionsResult lists this daemon's sessions.
type ListSessionsResult struct {
	Sessions []Session `json:"sessions"`
}

// AdmitQuestion is session/admit, the daemon's question to the host's editors. Check is the short string that the
// guest sees too.
type AdmitQuestion struct {
	Session string `json:"session"`
	Member  Member `json:"member"`
	Check   string `json:"check"`
}

// AdmitAnswer to an AdmitQuestion; Role, if given, replaces the one wished.
type AdmitAnswer struct {
	Admit bool `json:"admit"`
	Role  Role `json:"role,omitempty"`
}

// SessionChanged tells every client of a session how it is now.
type SessionChanged struct {
	Session Session `json:"session"`
}

// AdmitMemberParams of member/admit decides on a waiting guest.
type AdmitMemberParams struct {
	Session string `json:"session"`
	Member  string `json:"member"`
	Admit   bool   `json:"admit"`
	Role    Role   `json:"role,omitempty"`
}

// SetRoleParams of member/setRole.
type SetRoleParams struct {
	Session string `json:"session"`
	Member  string `json:"member"`
	Role    Role   `json:"role"`
}

// RemoveMemberParams of member/remove.
type RemoveMemberParams struct {
	Session string `json:"session"`
	Member  string `json:"member"`
}

// SubscribeParams of events/subscribe is empty: from then on the client gets events/event.
type SubscribeParams struct{}

// Happening is one line of `earshot events`: Time in RFC 3339 with milliseconds, Event a word such as "opened",
// "joined", "role", "saved", "widened", "renamed"; the other fields as far as they apply.
type Happening struct {
	Time    string      `json:"time"`
	Event   string      `json:"event"`
	Session string      `json:"session,omitempty"`
	Member  *Member     `json:"member,omitempty"`
	URI     DocumentURI `json:"uri,omitempty"`
	From    DocumentURI `json:"from,omitempty"` // of what was renamed
	Code    string      `json:"code,omitempty"`
	Link    string      `json:"link,omitempty"`
	Check   string      `json:"check,omitempty"`
	Reason  string      `json:"reason,omitempty"`
	Message string      `json:"message,omitempty"`
}

// StatusParams of daemon/status is empty.
type StatusParams struct{}

// StatusResult is the daemon's state: counts since it started. Healed counts buffers, and copies of texts, that were found to
// differ and were mended; Clients are open connections.
type StatusResult struct {
	Version         string    `json:"version"`
	ProtocolVersion int       `json:"protocolVersion"`
	PID             int       `json:"pid"`
	Clients         int       `json:"clients"`
	Documents       int       `json:"documents"`
	Healed          int       `json:"healed"`
	Sessions        []Session `json:"sessions"`
}

// StopParams of daemon/stop: the daemon ends if it has no session; Force ends those too, as session/leave with
// unsaved "save" would.
type StopParams struct {
	Force bool `json:"force,omitempty"`
}
