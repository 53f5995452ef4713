package session

import (
	"earshot/internal/docpath"
	"earshot/protocol"
)

// Event is everything that can happen to the engine, in one closed set. Events carry what the engine may not get for
// itself: bytes from editors and links, the disk's answers, randomness.
type Event interface{ event() }

// LinkID names a link to one remote daemon; never used twice.
type LinkID uint64

// IntroID names an introduction at a host: one guest that knocked. Never used twice.
type IntroID uint64

// JoinID names an attempt of this daemon to join.
type JoinID uint64

// OpID names a request of the engine to the disk.
type OpID uint64

// Channel of a link.
type Channel uint8

// Channels: Live is reliable and ordered and carries control and edits; Presence loses, newest wins; Bulk is reliable and
// goes in the gaps.
const (
	Live Channel = iota
	Presence
	Bulk
)

// ClientOpened: an editor or script connected.
type ClientOpened struct{ Conn protocol.ConnID }

// ClientCalled: it sent a request (ID not empty) or a notification.
type ClientCalled struct {
	Conn   protocol.ConnID
	ID     protocol.RequestID
	Params protocol.DaemonParams
}

// ClientAnswered: it answered an Ask. Result is a pointer to the method's result type.
type ClientAnswered struct {
	Conn   protocol.ConnID
	Call   uint64
	Result any
	Err    *protocol.Error
}

// ClientClosed: the connection is gone.
type ClientClosed struct{ Conn protocol.ConnID }

// FolderOpened answers OpenFolder: Root is the folder's real path on this machine ("" for a share of buffers alone), Name what guests
// see. Files maps the paths of editors' documents that were named to their places in the share.
type FolderOpened struct {
	Op   OpID
	Root string
	Name string
	Err  *protocol.Error
}

// Widened answers WidenFolder: Root is the folder's real path, "" if none was named, Shown what is shown now and was not before, of
// a folder what is at its top, the first of it if that is much. Names are the free ones.
type Widened struct {
	Op    OpID
	Root  string
	Shown []docpath.Path
	Names []docpath.Path
	Err   *protocol.Error
}

// Located answers Locate: whether the file lies in the session's folder, and where.
type Located struct {
	Op     OpID
	Path   docpath.Path
	Inside bool
}

// Loaded answers LoadFile. Stamp identifies the bytes on the disk; Identity is the same for two names of one file.
type Loaded struct {
	Op       OpID
	Text     string
	Form     protocol.Form
	Stamp    string
	Identity string
	Readonly bool
	Err      *protocol.Error
}

// Saved answers SaveFile. When another text stood on the disk, Changed is true, nothing was written and Text, Form and
// Stamp are the disk's.
type Saved struct {
	Op      OpID
	Stamp   string
	Changed bool
	Text    string
	Form    protocol.Form
	Err     *protocol.Error
}

// Listed answers ListFolder.
type Listed struct {
	Op      OpID
	Entries []Entry
	Cursor  string
	Err     *protocol.Error
}

// Created answers CreateEntry.
type Created struct {
	Op  OpID
	Err *protocol.Error
}

// Copied answers Copy: Done is false where there is no program for the clipboard, or it failed.
type Copied struct {
	Op   OpID
	Done bool
}

// Renamed answers RenameEntry; Identities are those of its Texts, "" of one that is not on the disk.
type Renamed struct {
	Op         OpID
	Identities []string
	Err        *protocol.Error
}

// Deleted answers DeleteEntry.
type Deleted struct {
	Op  OpID
	Err *protocol.Error
}

// Entry of a folder.
type Entry struct {
	Path     docpath.Path
	Folder   bool
	Size     int64
	Readonly bool
}

// RoomOpened answers OpenRoom: people can come in by Code or Link. Reach says in words who can.
type RoomOpened struct {
	Session string
	Code    string
	Link    string
	Reach   string
}

// RoomFailed answers OpenRoom when no room could be had.
type RoomFailed struct {
	Session string
	Err     *protocol.Error
}

// CodeChanged: a new code was made on request, or (Code empty) the old one is void, and Why.
type CodeChanged struct {
	Session string
	Code    string
	Link    string
	Why     string
}

// Knocked: a guest has proved that it knows the code; the host's people decide.
type Knocked struct {
	Session string
	Intro   IntroID
	Name    string
	Client  string
	Role    protocol.Role
	Check   string
}

// KnockGone: that guest went away before it was linked.
type KnockGone struct {
	Session string
	Intro   IntroID
}

// GuestLinked: an admitted guest's link is up, or (same Member as before) up again.
type GuestLinked struct {
	Session string
	Member  string
	Link    LinkID
}

// JoinProgressed tells how far a join has come.
type JoinProgressed struct {
	Join    JoinID
	Stage   protocol.JoinStage
	Message string
	Check   string
}

// JoinFailed ends a join, or an attempt to come back into a session.
type JoinFailed struct {
	Join JoinID
	Err  *protocol.Error
}

// JoinIsOwn ends a join whose code turned out to be this daemon's own session.
type JoinIsOwn struct {
	Join    JoinID
	Session string
}

// HostLinked: the link to the host is up.
type HostLinked struct {
	Join JoinID
	Link LinkID
	Host string // names the host's key: two sessions of one host have the same
}

// FrameArrived brings a frame's bytes; the engine owns them.
type FrameArrived struct {
	Link    LinkID
	Channel Channel
	Data    []byte
}

// LinkChanged tells a link's path ("direct" or "relay") and round trip in milliseconds.
type LinkChanged struct {
	Link  LinkID
	Path  string
	RTTMs float64
}

// LinkDown: the link is gone for good.
type LinkDown struct {
	Link LinkID
	Why  string
}

// Tick: the time that Deadline named has come. Any Event does the same work.
type Tick struct{}

// ShuttingDown: the daemon is asked to end; texts that nobody saved are saved.
type ShuttingDown struct{}

func (ClientOpened) event()   {}
func (ClientCalled) event()   {}
func (ClientAnswered) event() {}
func (ClientClosed) event()   {}
func (FolderOpened) event()   {}
func (Widened) event()        {}
func (Located) event()        {}
func (Loaded) event()         {}
func (Saved) event()          {}
func (Listed) event()         {}
func (Created) event()        {}
func (Copied) event()         {}
func (Renamed) event()        {}
func (Deleted) event()        {}
func (RoomOpened) event()     {}
func (RoomFailed) event()     {}
func (CodeChanged) event()    {}
func (Knocked) event()        {}
func (KnockGone) event()      {}
func (GuestLinked) event()    {}
func (JoinProgressed) event() {}
func (JoinFailed) event()     {}
func (JoinIsOwn) event()      {}
func (HostLinked) event()     {}
func (FrameArrived) event()   {}
func (LinkChanged) event()    {}
func (LinkDown) event()       {}
func (Tick) event()           {}
func (ShuttingDown) event()   {}
