package wire

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
)

// Frame is one message between two daemons of a session. On the wire it is a kind byte and a body: binary for what
// flows with every keystroke, JSON for the rest.
type Frame interface{ kind() frameKind }

type frameKind byte

const (
	kindHello    frameKind = 0x01
	kindWelcome  frameKind = 0x02
	kindMembers  frameKind = 0x03
	kindBye      frameKind = 0x04
	kindList     frameKind = 0x10
	kindListed   frameKind = 0x11
	kindOpen     frameKind = 0x12
	kindOpened   frameKind = 0x13
	kindClose    frameKind = 0x14
	kindSave     frameKind = 0x15
	kindSaved    frameKind = 0x16
	kindState    frameKind = 0x17
	kindReset    frameKind = 0x18
	kindResync   frameKind = 0x19
	kindPresence frameKind = 0x1a
	kindCreate   frameKind = 0x1b
	kindFloor    frameKind = 0x1c
	kindSummon   frameKind = 0x1d
	kindChanged  frameKind = 0x20
	kindRename   frameKind = 0x21
	kindDelete   frameKind = 0x22
	kindEvents   frameKind = 0x40
	kindAck      frameKind = 0x41
	kindChunk    frameKind = 0x42
	kindCheck    frameKind = 0x43
	kindChecked  frameKind = 0x44
)

// Limits of a frame. MaxFrame is what one frame may weigh: a listing page of 256 entries whose paths have the longest
// length (256 × 4 KiB = 1 MiB) does not occur in practice, so pages are cut by bytes as well (see MaxPage).
const (
	MaxFrame = 1 << 20
	// MaxPiece is how much of a long message (a snapshot, a large paste) travels in one frame: with it a keystroke waits
	// for at most 32 KiB, 26 ms at 10 Mbit/s.
	MaxPiece = 32 << 10
	// MaxPage is how many bytes of paths one page of a listing holds.
	MaxPage = 256 << 10
	// MaxChanges of names in one frame, whose paths hold MaxPage bytes at most.
	MaxChanges = 256
	// MaxMembers in a session: the host and its guests.
	MaxMembers = 64
	// MaxHeads of a version that a presence frame names.
	MaxHeads = 256
	// MaxSelections of one cursor.
	MaxSelections = 256
)

// FrameVersion is raised when frames change so that two daemons would misunderstand each other; a kind that the other
// does not know ends the link, so a new one is such a change. 2 brought Check, 3 the turns of Resync and the sums of
// Events, 4 the numbers in those, 5 Summon, the paths of places, Changed, Rename and Delete.
const FrameVersion = 5

var errFrame = errors.New("malformed frame")

// Hello is a guest's first frame.
type Hello struct {
	Version int    `json:"version"`
	Name    string `json:"name"`
	Client  string `json:"client"`
}

// Welcome is the host's answer: who the guest is here, and who else is.
type Welcome struct {
	Version int      `json:"version"`
	Session string   `json:"session"`
	Member  string   `json:"member"`
	Host    string   `json:"host"`
	Role    string   `json:"role"`
	Folder  string   `json:"folder"`
	Members []Member `json:"members"`
}

// Member as the host tells it.
type Member struct {
	ID     string   `json:"id"`
	Name   string   `json:"name"`
	Color  string   `json:"color"`
	Role   string   `json:"role"`
	State  string   `json:"state"`
	Client string   `json:"client,omitempty"`
	Path   string   `json:"path,omitempty"`
	RTTMs  *float64 `json:"rttMs,omitempty"`
}

// Members tells everyone who is here now.
type Members struct {
	Members []Member `json:"members"`
}

// Bye ends the link on purpose.
type Bye struct {
	Kind   string `json:"kind"`
	Reason string `json:"reason"`
}

// Failure is an error that crosses the link: one of the protocol's kinds and its sentence.
type Failure struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
}

// List asks for a page of a folder.
type List struct {
	Op        uint32 `json:"op"`
	Path      string `json:"path"`
	Recursive bool   `json:"recursive,omitempty"`
	Cursor    string `json:"cursor,omitempty"`
}

// Listed is that page.
type Listed struct {
	Op      uint32   `json:"op"`
	Entries []Entry  `json:"entries,omitempty"`
	Cursor  string   `json:"cursor,omitempty"`
	Failure *Failure `json:"failure,omitempty"`
}

// Entry of a listing.
type Entry struct {
	Path     string `json:"path"`
	Folder   bool   `json:"folder,omitempty"`
	Size     int64  `json:"size,omitempty"`
	Readonly bool   `json:"readonly,omitempty"`
}

// Open asks for a document. Its snapshot follows Opened as Chunks on the bulk channel.
type Open struct {
	Op   uint32 `json:"op"`
	Path string `json:"path"`
}

// Opened answers Open. Instance tells two loads of the same file apart.
type Opened struct {
	Op       uint32   `json:"op"`
	Doc      uint32   `json:"doc,omitempty"`
	Instance string   `json:"instance,omitempty"`
	Path     string   `json:"path,omitempty"`
	Size     int      `json:"size,omitempty"`
	State    *State   `json:"state,omitempty"`
	Failure  *Failure `json:"failure,omitempty"`
}

// Form of a text file, as in the editor protocol.
type Form struct {
	EOL          string `json:"eol"`
	BOM          bool   `json:"bom"`
	Encoding     string `json:"encoding"`
	FinalNewline bool   `json:"finalNewline"`
}

// State of a document at the host. Path is there once it has been renamed: what it is called now.
type State struct {
	Doc      uint32 `json:"doc"`
	Dirty    bool   `json:"dirty"`
	Readonly bool   `json:"readonly"`
	Form     Form   `json:"form"`
	Path     string `json:"path,omitempty"`
}

// Close says that the guest no longer has the document.
type Close struct {
	Doc uint32 `json:"doc"`
}

// Save asks the host to write its file.
type Save struct {
	Op  uint32 `json:"op"`
	Doc uint32 `json:"doc"`
}

// Create asks the host for a new, empty file, or a folder. Saved answers it.
type Create struct {
	Op     uint32 `json:"op"`
	Path   string `json:"path"`
	Folder bool   `json:"folder,omitempty"`
}

// Rename asks the host to give a file or folder another name, Delete to remove a file or an empty folder. Saved answers them.
type Rename struct {
	Op   uint32 `json:"op"`
	From string `json:"from"`
	To   string `json:"to"`
}

// Delete: see Rename.
type Delete struct {
	Op   uint32 `json:"op"`
	Path string `json:"path"`
}

// Saved answers Save, Create, Rename and Delete.
type Saved struct {
	Op      uint32   `json:"op"`
	Failure *Failure `json:"failure,omitempty"`
}

// Changed tells guests what happened to names in what is shared.
type Changed struct {
	Changes []Change `json:"changes"`
}

// Change of one name; Kind as in the editor protocol, From with "renamed".
type Change struct {
	Path string `json:"path"`
	Kind string `json:"kind"`
	From string `json:"from,omitempty"`
}

// Reset says that the guest's copy of a document is void (for example because the host refused an edit): open it anew. Turn is
// that of the last Resync which the host had of it; a copy that has asked again since then is not meant. With Mend the copy is
// not void: what came of the guest's events could not be read or did not fit, so the streams begin anew.
type Reset struct {
	Doc    uint32 `json:"doc"`
	Turn   uint32 `json:"turn"`
	Mend   bool   `json:"mend,omitempty"`
	Reason string `json:"reason"`
}

// Resync tells what the sender has of a document; the receiver sends what that lacks. The guest asks first, the host
// answers with its own; from then on both send every event as it happens. Turn tells the guest's Resyncs apart, the first is 1,
// and the host's repeats it. What the host sends of the document before it has answered the guest's last Resync belongs to an
// older copy, and the guest passes over it; having asked, the guest sends no events until that answer.
type Resync struct {
	Doc     uint32 `json:"doc"`
	Turn    uint32 `json:"turn"`
	Summary []byte `json:"summary"`
}

// Head is one event of a version.
type Head struct {
	Agent uint64 `json:"a,string"`
	Seq   uint32 `json:"s"`
}

// Presence says where one editor of one member is: positions in code points of the document's text at Version. Doc 0
// means in no shared document. Seq grows with each update of that editor. Path is the document's, for who has it not open.
type Presence struct {
	Member     string   `json:"member"`
	Client     string   `json:"client"`
	Seq        uint64   `json:"seq"`
	Doc        uint32   `json:"doc,omitempty"`
	Path       string   `json:"path,omitempty"`
	Version    []Head   `json:"version,omitempty"`
	Selections [][2]int `json:"selections,omitempty"`
	Visible    *[2]int  `json:"visible,omitempty"`
}

// Summon asks everyone to look where a member is. The host passes it on.
type Summon struct {
	Place Presence `json:"place"`
}

// Events carries events of the document's graph, encoded by crdt: as they happen, in the live encoding, whose two ends
// begin with the Resync from the host; or, with CatchUp, what the other side lacked before, by itself. More says that the
// message goes on in the next Events frame of the document. Sum is what SumOf gives for how many of these frames there were since
// the Resync from the host, in this direction and this one included: who missed one, or has one too many, sees it at the next,
// whatever they held.
type Events struct {
	Doc           uint32
	More, CatchUp bool
	Sum           byte
	Data          []byte
}

// SumOf is the lowest byte of a frame's number plus the CRC-32 (IEEE) of its data. The numbers of two frames that follow one
// another differ, so a frame in the place of the one before never fits; one that nobody sent, or that is damaged, fits
// once in 256 times. A checksum of all frames so far lets each kind pass that often, and what is read then is merged as
// something that it is not.
func SumOf(number uint64, data []byte) byte { return byte(number + uint64(crc32.ChecksumIEEE(data))) }

// Floor is about how far back a document's history is needed. From the host, with Ask, it asks a guest for the newest version
// that all which the guest may yet do builds on, and without it says that nothing builds on anything older than Head any
// more. From a guest it is the answer. Without a Head it is the version that the document began with.
type Floor struct {
	Doc  uint32 `json:"doc"`
	Ask  bool   `json:"ask,omitempty"`
	Head *Head  `json:"head,omitempty"`
}

// Ack tells a guest how many of its whole Events messages for the document the host has taken since the last Resync.
type Ack struct {
	Doc   uint32
	Count uint64
}

// Chunk is a piece of the snapshot that Open with this Op asked for, on the bulk channel: it may overtake Opened.
type Chunk struct {
	Op   uint32
	Last bool
	Data []byte
}

// Check tells what a guest's copy of a document is while nothing moves there: its version and its text, each as a SHA-256,
// of which the version's needs no bound however many heads it has. Session defines what is hashed. Turn tells the guest's
// checks apart; Checked repeats it.
type Check struct {
	Doc, Turn     uint32
	Version, Text [sha256.Size]byte
}

// Checked is the host's answer.
type Checked struct {
	Doc, Turn uint32
	Verdict   Verdict
}

// Verdict on a guest's copy of a document.
type Verdict byte

// The verdicts.
const (
	// Moving: nothing can be said. The host is at another version, or was asked too soon; ask again later.
	Moving Verdict = iota
	// Equal: the version and the text are the host's.
	Equal
	// Differs: the version is the host's, the text is not.
	Differs
)

func (*Hello) kind() frameKind    { return kindHello }
func (*Welcome) kind() frameKind  { return kindWelcome }
func (*Members) kind() frameKind  { return kindMembers }
func (*Bye) kind() frameKind      { return kindBye }
func (*List) kind() frameKind     { return kindList }
func (*Listed) kind() frameKind   { return kindListed }
func (*Open) kind() frameKind     { return kindOpen }
func (*Opened) kind() frameKind   { return kindOpened }
func (*Close) kind() frameKind    { return kindClose }
func (*Save) kind() frameKind     { return kindSave }
func (*Saved) kind() frameKind    { return kindSaved }
func (*Create) kind() frameKind   { return kindCreate }
func (*Changed) kind() frameKind  { return kindChanged }
func (*Rename) kind() frameKind   { return kindRename }
func (*Delete) kind() frameKind   { return kindDelete }
func (*State) kind() frameKind    { return kindState }
func (*Reset) kind() frameKind    { return kindReset }
func (*Resync) kind() frameKind   { return kindResync }
func (*Presence) kind() frameKind { return kindPresence }
func (*Summon) kind() frameKind   { return kindSummon }
func (*Events) kind() frameKind   { return kindEvents }
func (*Ack) kind() frameKind      { return kindAck }
func (*Floor) kind() frameKind    { return kindFloor }
func (*Chunk) kind() frameKind    { return kindChunk }
func (*Check) kind() frameKind    { return kindCheck }
func (*Checked) kind() frameKind  { return kindChecked }

// Encode gives the bytes of a frame.
func Encode(f Frame) []byte {
	switch f := f.(type) {
	case *Events:
		b := make([]byte, 0, 8+len(f.Data))
		b = binary.AppendUvarint(append(b, byte(kindEvents)), uint64(f.Doc)<<2|flagBit(f.CatchUp)<<1|flagBit(f.More))
		return append(append(b, f.Sum), f.Data...)
	case *Chunk:
		b := make([]byte, 0, 8+len(f.Data))
		b = binary.AppendUvarint(append(b, byte(kindChunk)), uint64(f.Op)<<1|flagBit(f.Last))
		return append(b, f.Data...)
	case *Ack:
		b := binary.AppendUvarint([]byte{byte(kindAck)}, uint64(f.Doc))
		return binary.AppendUvarint(b, f.Count)
	case *Check:
		b := appendTurn([]byte{byte(kindCheck)}, f.Doc, f.Turn)
		return append(append(b, f.Version[:]...), f.Text[:]...)
	case *Checked:
		return append(appendTurn([]byte{byte(kindChecked)}, f.Doc, f.Turn), byte(f.Verdict))
	}
	body, err := json.Marshal(f)
	if err != nil { // only strings, numbers and slices of them: it can't fail
		panic(err)
	}
	return append([]byte{byte(f.kind())}, body...)
}

func appendTurn(b []byte, doc, turn uint32) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, uint64(doc)), uint64(turn))
}

func flagBit(set bool) uint64 {
	if set {
		return 1
	}
	return 0
}

// Decode reads one frame; the Data of a piece shares b's memory. It refuses what is over the limits, of an unknown kind
// or malformed.
func Decode(b []byte) (Frame, error) {
	if len(b) == 0 || len(b) > MaxFrame {
		return nil, fmt.Errorf("frame of %d bytes: %w", len(b), errFrame)
	}
	k, body := frameKind(b[0]), b[1:]
	switch k {
	case kindEvents:
		return decodeEvents(body)
	case kindChunk:
		return decodeChunk(body)
	case kindAck:
		return decodeAck(body)
	case kindCheck:
		return decodeCheck(body)
	case kindChecked:
		return decodeChecked(body)
	}
	f := emptyFrame(k)
	if f == nil {
		return nil, fmt.Errorf("frame of unknown kind %#x: %w", byte(k), errFrame)
	}
	if err := json.Unmarshal(body, f); err != nil {
		return nil, fmt.Errorf("frame of kind %#x: %w", byte(k), errFrame)
	}
	return f, check(f)
}

func emptyFrame(k frameKind) Frame {
	switch k {
	case kindHello:
		return new(Hello)
	case kindWelcome:
		return new(Welcome)
	case kindMembers:
		return new(Members)
	case kindBye:
		return new(Bye)
	case kindList:
		return new(List)
	case kindListed:
		return new(Listed)
	case kindOpen:
		return new(Open)
	case kindOpened:
		return new(Opened)
	case kindClose:
		return new(Close)
	case kindSave:
		return new(Save)
	case kindSaved:
		return new(Saved)
	case kindCreate:
		return new(Create)
	case kindRename:
		return new(Rename)
	case kindDelete:
		return new(Delete)
	case kindChanged:
		return new(Changed)
	case kindState:
		return new(State)
	case kindReset:
		return new(Reset)
	case kindResync:
		return new(Resync)
	case kindPresence:
		return new(Presence)
	case kindFloor:
		return new(Floor)
	case kindSummon:
		return new(Summon)
	}
	return nil
}

func decodeEvents(body []byte) (Frame, error) {
	v, n := binary.Uvarint(body)
	if n <= 0 || v>>2 > 1<<32-1 || len(body) == n || len(body)-n-1 > MaxPiece {
		return nil, fmt.Errorf("events: %w", errFrame)
	}
	return &Events{Doc: uint32(v >> 2), More: v&1 == 1, CatchUp: v&2 == 2, Sum: body[n], Data: body[n+1:]}, nil
}

func decodeChunk(body []byte) (Frame, error) {
	v, n := binary.Uvarint(body)
	if n <= 0 || v>>1 > 1<<32-1 || len(body)-n > MaxPiece {
		return nil, fmt.Errorf("chunk: %w", errFrame)
	}
	return &Chunk{Op: uint32(v >> 1), Last: v&1 == 1, Data: body[n:]}, nil
}

func decodeAck(body []byte) (Frame, error) {
	doc, n := binary.Uvarint(body)
	if n <= 0 || doc > 1<<32-1 {
		return nil, fmt.Errorf("ack: %w", errFrame)
	}
	count, m := binary.Uvarint(body[n:])
	if m <= 0 || n+m != len(body) {
		return nil, fmt.Errorf("ack: %w", errFrame)
	}
	return &Ack{Doc: uint32(doc), Count: count}, nil
}

func decodeCheck(body []byte) (Frame, error) {
	doc, turn, sums, ok := readTurn(body)
	if !ok || len(sums) != 2*sha256.Size {
		return nil, fmt.Errorf("check: %w", errFrame)
	}
	f := &Check{Doc: doc, Turn: turn}
	copy(f.Text[:], sums[copy(f.Version[:], sums):])
	return f, nil
}

func decodeChecked(body []byte) (Frame, error) {
	doc, turn, rest, ok := readTurn(body)
	if !ok || len(rest) != 1 || Verdict(rest[0]) > Differs {
		return nil, fmt.Errorf("verdict: %w", errFrame)
	}
	return &Checked{Doc: doc, Turn: turn, Verdict: Verdict(rest[0])}, nil
}

// readTurn reads what appendTurn wrote, and gives what follows.
func readTurn(b []byte) (doc, turn uint32, rest []byte, ok bool) {
	d, n := binary.Uvarint(b)
	if n <= 0 || d > 1<<32-1 {
		return 0, 0, nil, false
	}
	t, m := binary.Uvarint(b[n:])
	if m <= 0 || t > 1<<32-1 {
		return 0, 0, nil, false
	}
	return uint32(d), uint32(t), b[n+m:], true
}

func check(f Frame) error {
	switch f := f.(type) {
	case *Welcome:
		return atMost(len(f.Members), MaxMembers, "members")
	case *Members:
		return atMost(len(f.Members), MaxMembers, "members")
	case *Changed:
		return atMost(len(f.Changes), MaxChanges, "changes")
	case *Presence:
		return checkPlace(f)
	case *Summon:
		return checkPlace(&f.Place)
	}
	return nil
}

func checkPlace(f *Presence) error {
	if err := atMost(len(f.Version), MaxHeads, "heads"); err != nil {
		return err
	}
	return atMost(len(f.Selections), MaxSelections, "selections")
}

func atMost(n, limit int, what string) error {
	if n > limit {
		return fmt.Errorf("%d %s, the limit is %d: %w", n, what, limit, errFrame)
	}
	return nil
}
