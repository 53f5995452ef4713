package daemon

import (
	"context"
	"errors"
	"strings"

	"earshot/internal/introduction"
	"earshot/internal/peer"
	"earshot/internal/screen"
	"earshot/internal/signal"
	"earshot/protocol"
)

// refusal is what a host gives to introduction.Host.Refuse: the kind, a line feed, and why.
type refusal struct {
	kind protocol.Kind
	why  string
}

func (r refusal) encode() []byte {
	if r.kind == "" {
		r.kind = protocol.NotAdmitted
	}
	return []byte(string(r.kind) + "\n" + r.why)
}

// maxWhy bounds a host's words, in code points.
const maxWhy = 200

// decodeRefusal makes a sentence of it. The host is authenticated but may be another version, so its words are cleaned.
func decodeRefusal(b []byte) *protocol.Error {
	kind, why, _ := strings.Cut(string(b), "\n")
	if why = screen.Line(why, maxWhy); why == "" {
		why = "no reason was given"
	}
	switch protocol.Kind(kind) {
	case protocol.RoomFull:
		return protocol.Errorf(protocol.RoomFull, "As many guests are in as the host allowed; ask the host to make room.")
	case protocol.RateLimited:
		return protocol.Errorf(protocol.RateLimited, "Too many people are waiting for the host; try again in a minute.")
	case protocol.Ended:
		return protocol.Errorf(protocol.Ended, "The session has ended; ask the host for a new code.")
	}
	return protocol.Errorf(protocol.NotAdmitted, "The host did not let you in: %s; ask them, then join again.", why)
}

// failure makes of any error of a join what its editor is told.
func (j *joining) failure(err error) *protocol.Error {
	if j.back && (errors.Is(err, introduction.ErrVoid) || errors.Is(err, introduction.ErrWrongHost)) {
		return protocol.Errorf(protocol.NotAdmitted, "The host does not let this daemon back in; ask for a code and join again.")
	}
	return joinError(err)
}

// joinError says what went wrong and what to do.
func joinError(err error) *protocol.Error {
	switch {
	case errors.Is(err, context.Canceled):
		return &protocol.Error{Code: protocol.CodeRequestCancelled, Message: "Joining was cancelled."}
	case errors.Is(err, introduction.ErrWrongCode):
		return protocol.Errorf(protocol.WrongCode, "This is the wrong code, or one that was replaced, or someone is interfering; ask for the code again.")
	case errors.Is(err, introduction.ErrVoid):
		return protocol.Errorf(protocol.CodeBurnt, "This code is no longer valid; ask the host for a new one.")
	case errors.Is(err, introduction.ErrVersion):
		return protocol.Errorf(protocol.VersionMismatch, "The other side speaks another version of Earshot; update the older one.")
	case errors.Is(err, introduction.ErrWrongHost):
		return protocol.Errorf(protocol.WrongCode, "This is not the host that the link names; ask for a new link.")
	case errors.Is(err, introduction.ErrAborted), errors.Is(err, introduction.ErrProtocol), errors.Is(err, signal.ErrGone),
		errors.Is(err, errConduit):
		return protocol.Errorf(protocol.Unreachable, "The introduction to the host was broken off; try again.")
	case errors.Is(err, errUnbound):
		return protocol.Errorf(protocol.Unreachable, "The link is not with the one who was introduced, so it was closed; try again.")
	case errors.Is(err, errServers):
		return protocol.Errorf(protocol.Unreachable, "The STUN and TURN servers that are set can't be used; check the ICE servers.")
	case isLinkError(err):
		return protocol.Errorf(protocol.Unreachable, "No path to the host was found; try another network, or a server with a relay (earshot signal --turn).")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, errSlow):
		return protocol.Errorf(protocol.Timeout, "The host did not answer in time; ask them, then join again.")
	}
	return matchmakerError(err)
}

func isLinkError(err error) bool {
	for _, known := range []error{peer.ErrUnreachable, peer.ErrLost, peer.ErrStuck, peer.ErrRemoteClosed, peer.ErrClosed, peer.ErrProtocol} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// matchmakerError says what a matchmaker's refusal means, for a join or a share.
func matchmakerError(err error) *protocol.Error {
	var known *protocol.Error
	if errors.As(err, &known) {
		return known
	}
	var at *signal.Error
	server := "The matchmaker"
	if errors.As(err, &at) {
		server = "The matchmaker " + screen.Line(at.Server, maxWhy)
	}
	switch {
	case errors.Is(err, signal.ErrNoLocalRoom):
		return protocol.Errorf(protocol.NoSuchRoom, "No one on this machine is sharing under this code; check it, or use the link or set a server if the host is elsewhere.")
	case errors.Is(err, signal.ErrNoSuchRoom):
		return protocol.Errorf(protocol.NoSuchRoom, "No one is sharing under this code; check it, and ask the host whether they still share.")
	case errors.Is(err, signal.ErrTimeout):
		return protocol.Errorf(protocol.Timeout, "%s does not answer; check the network, or set another server.", server)
	case errors.Is(err, signal.ErrRoomFull), errors.Is(err, signal.ErrRateLimited):
		return protocol.Errorf(protocol.RateLimited, "%s was asked too often; try again in a minute.", server)
	case errors.Is(err, signal.ErrServerFull):
		return protocol.Errorf(protocol.Unreachable, "%s is full; try again later, or set another server.", server)
	case errors.Is(err, signal.ErrRefused):
		return protocol.Errorf(protocol.VersionMismatch, "%s refused; update Earshot and the server.", server)
	case errors.Is(err, introduction.ErrBadServer):
		return protocol.Errorf(protocol.NoServer, "%s", sentence(err.Error()))
	case errors.Is(err, context.Canceled):
		return &protocol.Error{Code: protocol.CodeRequestCancelled, Message: "It was cancelled."}
	}
	return protocol.Errorf(protocol.Unreachable, "%s can't be reached; check the network, or set another server.", server)
}
