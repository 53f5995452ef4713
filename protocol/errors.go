package protocol

import "fmt"

// JSON-RPC's and LSP's error codes that the daemon uses, and the one of its own.
const (
	CodeParseError           = -32700
	CodeInvalidRequest       = -32600
	CodeMethodNotFound       = -32601
	CodeInvalidParams        = -32602
	CodeInternalError        = -32603
	CodeServerNotInitialized = -32002
	CodeRequestCancelled     = -32800
	CodeEarshot              = -32050
)

// Kind says what kind of error an Error is, for programs.
type Kind string

// Kinds of errors under CodeEarshot.
const (
	NoSuchSession   Kind = "noSuchSession"   // no session of this daemon has the id
	NoSuchDocument  Kind = "noSuchDocument"  // the document is not shared, or not open
	NoSuchMember    Kind = "noSuchMember"    // no member of the session has the id
	NoSuchRoom      Kind = "noSuchRoom"      // nobody shares under the code (any more)
	WrongCode       Kind = "wrongCode"       // the code was not the room's
	BadCode         Kind = "badCode"         // what was given is no code and no link: mistyped
	CodeBurnt       Kind = "codeBurnt"       // too many wrong guesses; the host has to make a new code
	NotAdmitted     Kind = "notAdmitted"     // the host's people refused the guest
	RoomFull        Kind = "roomFull"        // as many guests are in as the host allowed
	NotHost         Kind = "notHost"         // only the session's host may do this
	ReadOnly        Kind = "readOnly"        // the member is a viewer, or the document can't be written
	OutsideFolder   Kind = "outsideFolder"   // the path leads out of the shared folder
	Excluded        Kind = "excluded"        // the file is ignored by version control, looks secret, or is not listed
	Exists          Kind = "exists"          // something has the name already
	Conflict        Kind = "conflict"        // it changed meanwhile
	TooLarge        Kind = "tooLarge"        // over a limit
	NotText         Kind = "notText"         // the file is not UTF-8 text
	BadPosition     Kind = "badPosition"     // a position outside of the text
	SaveFailed      Kind = "saveFailed"      // the host's file could not be written
	DiskChanged     Kind = "diskChanged"     // the file changed on the disk and could not be merged
	UnsavedTexts    Kind = "unsaved"         // the session would end with texts that nobody saved: data.uris
	NoServer        Kind = "noServer"        // no matchmaker is set, and none was found
	Unreachable     Kind = "unreachable"     // the matchmaker, or the other side, could not be reached
	Timeout         Kind = "timeout"         // no answer in time
	RateLimited     Kind = "rateLimited"     // too many tries; wait
	VersionMismatch Kind = "versionMismatch" // the two sides speak different versions of the protocol
	AlreadyShared   Kind = "alreadyShared"   // the folder or document is in a session already: data.session
	Ended           Kind = "ended"           // the session has ended

	NotInThisVersion Kind = "notInThisVersion" // the contract names it and this release does not do it yet
)

// Error is what a request is answered with when it fails: Message is one sentence that says what is wrong and what to
// do. Data is absent for JSON-RPC's own errors.
type Error struct {
	Code    int        `json:"code"`
	Message string     `json:"message"`
	Data    *ErrorData `json:"data,omitempty"`
}

// ErrorData tells programs the kind; URIs lists the documents concerned (for unsaved: those nobody saved).
type ErrorData struct {
	Kind    Kind          `json:"kind"`
	URIs    []DocumentURI `json:"uris,omitempty"`
	Session string        `json:"session,omitempty"`
}

// Error gives the sentence.
func (e *Error) Error() string { return e.Message }

// Errorf makes an Error of a kind.
func Errorf(kind Kind, format string, args ...any) *Error {
	return &Error{Code: CodeEarshot, Message: fmt.Sprintf(format, args...), Data: &ErrorData{Kind: kind}}
}

// KindOf gives the kind of an Error, or "" for any other error.
func KindOf(err error) Kind {
	e, ok := err.(*Error)
	if !ok || e == nil || e.Data == nil {
		return ""
	}
	return e.Data.Kind
}
