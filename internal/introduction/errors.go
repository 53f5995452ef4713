package introduction

import "errors"

// What can end an introduction. Each sentence is fit for a person. Only ErrWrongCode, at the host, is a guess.
var (
	// ErrBadCode: what was typed is no code; nothing was sent, so it is no guess.
	ErrBadCode = errors.New("this is not a code, or it has a typing error: check it, a code has the form XXXX-YYYYYY")
	// ErrBadLink: what was pasted is no link.
	ErrBadLink = errors.New("this is not a link: copy it whole, from http to its last letter")
	// ErrBadServer: a matchmaker's address can't be understood.
	ErrBadServer = errors.New("this is not a matchmaker's address: it has the form wss://HOST/PATH")
	// ErrWrongCode: the secrets of the two sides differ. At the guest it can also mean that someone interferes.
	ErrWrongCode = errors.New("wrong code, or someone is interfering: ask for the code again")
	// ErrVoid: the host knows no such secret, since it was used up, burnt or replaced.
	ErrVoid = errors.New("this code is no longer valid: ask for a new one")
	// ErrVersion: no protocol version is common.
	ErrVersion = errors.New("the other side speaks another version of Earshot: update the older one")
	// ErrWrongHost: the one who answers has not the key that the link names.
	ErrWrongHost = errors.New("this is not the host that the link names: ask for a new link")
	// ErrRefused: the host's human said no. Guest only; Result.Payload holds what the host gave to Refuse.
	ErrRefused = errors.New("the host did not let you in")
	// ErrAborted: the other side, or whoever relays, ended the introduction. Result.Cause says with which cause.
	ErrAborted = errors.New("the introduction was broken off: try again")
	// ErrProtocol: a message that this state does not allow or that is malformed, changed, repeated or too large.
	ErrProtocol = errors.New("the introduction was disturbed: try again")
	// ErrEnded: the introduction is over; nothing more is accepted or sealed.
	ErrEnded = errors.New("the introduction is over")
	// ErrTooEarly: the caller asked for what this state does not have yet.
	ErrTooEarly = errors.New("the introduction has not come this far")
	// ErrSpent: the caller asked again for what is given once.
	ErrSpent = errors.New("the keys of this introduction are in use")
	// ErrTooLarge: the caller's payload exceeds a limit.
	ErrTooLarge = errors.New("too large for an introduction")
)

// A Cause is what an abort message says. It is not authenticated and holds nothing secret.
type Cause uint8

// The causes. An unknown one is shown as CauseProtocol.
const (
	CauseProtocol Cause = iota + 1 // malformed, out of order, changed
	CauseWrong                     // the guest's tag does not fit
	CauseVoid                      // no such secret
	CauseVersion                   // no common version
	CauseBusy                      // too many introductions at once
	CauseTimeout                   // the other side took too long
	CauseLeft                      // a person ended it
)

var causes = [...]string{"unknown", "protocol", "wrong", "void", "version", "busy", "timeout", "left"}

func (c Cause) String() string {
	if int(c) >= len(causes) {
		return causes[0]
	}
	return causes[c]
}

// causeOf is what the other side is told about our own error.
func causeOf(err error) Cause {
	switch {
	case errors.Is(err, ErrWrongCode):
		return CauseWrong
	case errors.Is(err, ErrVoid):
		return CauseVoid
	case errors.Is(err, ErrVersion):
		return CauseVersion
	}
	return CauseProtocol
}
