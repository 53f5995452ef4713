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
	NoSuchSession   Kind = "noSuchSession"
	NoSuchDocument  Kind = "noSuchDocument"
	NoSuchMember    Kind = "noSuchMember"
	NoSuchRoom      Kind = "noSuchRoom"
	WrongCode       Kind = "wrongCode"
	BadCode         Kind = "badCode"
	CodeBurnt       Kind = "codeBurnt"
	NotAdmitted     Kind = "notAdmitted"
	RoomFull        Kind = "roomFull"
	NotHost         Kind = "notHost"
	ReadOnly        Kind = "readOnly"
	OutsideFolder   Kind = "outsideFolder"
	Excluded        Kind = "excluded"
	Exists          Kind = "exists"
	Conflict        Kind = "conflict"
	TooLarge        Kind = "tooLarge"
	NotText         Kind = "notText"
	BadPosition     Kind = "badPosition"
	SaveFailed      Kind = "saveFailed"
	DiskChanged     Kind = "diskChanged"
	UnsavedTexts    Kind = "unsaved"
	NoServer        Kind = "noServer"
	Unreachable     Kind = "unreachable"
	Timeout         Kind = "timeout"
	RateLimited     Kind = "rateLimited"
	VersionMismatch Kind = "versionMismatch"
	AlreadyShared   Kind = "alreadyShared"
	Ended           Kind = "ended"
	// NotInThisVersion marks what the contract names and this release does not do yet.
	NotInThisVersion Kind = "notInThisVersion"
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
