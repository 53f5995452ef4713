package protocol

// UndoParams of textDocument/undo. What goes is the last group of what the person at this buffer did, which is a run of
// typing, a run of deleting with what is then typed in its place, or one other change; a pause of more than 0.7 s, another
// place or another kind begins a new group. Never parted are the changes of one didChange, those that come within 25 ms of
// one another, and those that the editor says to be parts of one command (CommandPart). What others typed stays where it
// is, and what others deleted too stays deleted; a group of which nothing is left is passed over. The answer comes when the
// document has changed; this buffer is told by workspace/applyEdit, like any other. The last 1000 groups can be taken back,
// as long as no more than 2^22 characters have been typed or deleted in the document since, not counting what undo and redo
// did; who asks for more gets false, and a message if there had been more. What the buffer held when it was opened is no
// group; an editor that comes back under the name of its replica goes on where it was. A connection that opened nothing,
// as that of `earshot rpc`, has nothing to take back. While the document that was opened
// is being looked for, the answer waits. Errors are noSuchDocument if the document is not open here or not shared,
// readOnly, ended, conflict if the person went on before it was found what to take back, and tooLarge if what would come
// back does not fit any more.
type UndoParams struct {
	TextDocument TextDocumentIdentifier `json:"textDocument"`
}

// RedoParams of textDocument/redo. What was taken back last can be brought back until this buffer's person changes the text
// otherwise. The rest is as with textDocument/undo.
type RedoParams struct {
	TextDocument TextDocumentIdentifier `json:"textDocument"`
}

// UndoResult says whether there was anything to take back, or to bring back.
type UndoResult struct {
	Applied bool `json:"applied"`
}

// VerifyParams of document/verify: SHA256 in hex over the buffer's text with \n ends.
type VerifyParams struct {
	TextDocument VersionedTextDocumentIdentifier `json:"textDocument"`
	SHA256       string                          `json:"sha256"`
}

// VerifyResult: after false the plugin closes the document and opens it again with its stamp; what differs is then
// taken as an edit of this buffer, counted and told.
type VerifyResult struct {
	Equal bool `json:"equal"`
}

// SaveParams of document/save writes the host's file.
type SaveParams struct {
	TextDocument TextDocumentIdentifier `json:"textDocument"`
}

// Form is what a text file has beside its text.
type Form struct {
	EOL          string `json:"eol"` // "lf" or "crlf"
	BOM          bool   `json:"bom"`
	Encoding     string `json:"encoding"` // "utf-8"
	FinalNewline bool   `json:"finalNewline"`
}

// DocumentChanged tells an editor about a document that it has open: Dirty says that the host's file lacks something
// of the text.
type DocumentChanged struct {
	URI      DocumentURI `json:"uri"`
	Dirty    bool        `json:"dirty"`
	Readonly bool        `json:"readonly"`
	Form     Form        `json:"form"`
	Reason   string      `json:"reason,omitempty"`
}

// Selection has its fixed end and the end that moves, which is where the cursor is.
type Selection struct {
	Anchor Position `json:"anchor"`
	Active Position `json:"active"`
}

// PresenceUpdate tells where this editor's person is: no TextDocument means in none that is shared. The first of several selections
// is the one that others follow.
type PresenceUpdate struct {
	TextDocument *TextDocumentIdentifier `json:"textDocument,omitempty"`
	Selections   []Selection             `json:"selections"`
	VisibleRange *Range                  `json:"visibleRange,omitempty"`
}

// PresenceChanged tells where the others are: all but this connection's own, mapped to the text the editor has now.
type PresenceChanged struct {
	Session string   `json:"session"`
	Cursors []Cursor `json:"cursors"`
}

// Cursor is one editor of one member.
type Cursor struct {
	Member       string                  `json:"member"`
	Client       string                  `json:"client"`
	TextDocument *TextDocumentIdentifier `json:"textDocument,omitempty"`
	Selections   []Selection             `json:"selections"`
	VisibleRange *Range                  `json:"visibleRange,omitempty"`
}

// FollowParams of presence/follow; a null Member ends it.
type FollowParams struct {
	Session string  `json:"session"`
	Member  *string `json:"member"`
}

// SummonParams of presence/summon.
type SummonParams struct {
	Session string `json:"session"`
}

// EntryKind of a file/list entry.
type EntryKind string

// Kinds of entries.
const (
	KindFile   EntryKind = "file"
	KindFolder EntryKind = "folder"
)

// ListFilesParams of file/list: URI a folder (absent: the shared one); Cursor continues a listing.
type ListFilesParams struct {
	Session   string      `json:"session"`
	URI       DocumentURI `json:"uri,omitempty"`
	Recursive bool        `json:"recursive,omitempty"`
	Cursor    string      `json:"cursor,omitempty"`
}

// ListFilesResult: Cursor is there when more follows.
type ListFilesResult struct {
	Entries []Entry `json:"entries"`
	Cursor  string  `json:"cursor,omitempty"`
}

// Entry of a listing; Size in bytes on the host's disk.
type Entry struct {
	URI      DocumentURI `json:"uri"`
	Kind     EntryKind   `json:"kind"`
	Size     int64       `json:"size"`
	Readonly bool        `json:"readonly"`
}

// CreateFileParams of file/create: an empty file, or a folder, in a folder that is there. Errors of this, file/rename and
// file/delete: readOnly for viewers, outsideFolder where no folder is shared or a path leads out of it, exists, excluded for what is
// left out of what is shown and for links, noSuchDocument, saveFailed if the host's disk says no, conflict.
type CreateFileParams struct {
	Session string      `json:"session"`
	URI     DocumentURI `json:"uri"`
	Kind    EntryKind   `json:"kind"`
}

// RenameFileParams of file/rename. Nothing is ever replaced: exists. A text that is open goes along, with its history and all
// who have it open: the editors may go on under the URI that they have, or close that and open the new one with their stamp, which
// file/changed tells them (renamed). Conflict is the error for one that an editor of the host's has open as a file: it would go on to write
// that under the old name; and for a folder in which something would be shown then that is not shown now, or not any more.
type RenameFileParams struct {
	Session string      `json:"session"`
	From    DocumentURI `json:"from"`
	To      DocumentURI `json:"to"`
}

// DeleteFileParams of file/delete: a file, or a folder with nothing in it (else conflict: empty it first; it may hold files that
// are not shown). The text of a file that somebody has open stays open, lacks a save (document/changed), and a save makes the file
// anew.
type DeleteFileParams struct {
	Session string      `json:"session"`
	URI     DocumentURI `json:"uri"`
}

// FileChanged tells of changes of names in what is shared, as far as this program made them: what other programs do to the host's
// disk shows at the next file/list, and so does what happened while the link to the host was broken. Of a folder that has come
// to a share the names at its top are told, the first 256 of them. The URIs are those that file/list gives.
type FileChanged struct {
	Session string       `json:"session"`
	Changes []FileChange `json:"changes"`
}

// FileChange: Kind is "created", "changed", "deleted" or "renamed" (then From).
type FileChange struct {
	URI  DocumentURI `json:"uri"`
	Kind string      `json:"kind"`
	From DocumentURI `json:"from,omitempty"`
}
