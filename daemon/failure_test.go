package daemon

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"earshot/internal/introduction"
	"earshot/internal/peer"
	"earshot/internal/signal"
	"earshot/protocol"
)

// TestJoinErrors: everything that can go wrong has its kind and is told in one sentence.
func TestJoinErrors(t *testing.T) {
	at := func(kind error) error { return &signal.Error{Server: "ws://m", Kind: kind} }
	for _, c := range []struct {
		err  error
		want protocol.Kind
	}{
		{introduction.ErrWrongCode, protocol.WrongCode},
		{introduction.ErrWrongHost, protocol.WrongCode},
		{introduction.ErrVoid, protocol.CodeBurnt},
		{introduction.ErrVersion, protocol.VersionMismatch},
		{introduction.ErrAborted, protocol.Unreachable},
		{introduction.ErrProtocol, protocol.Unreachable},
		{introduction.ErrBadServer, protocol.NoServer},
		{signal.ErrGone, protocol.Unreachable},
		{signal.ErrNoLocalRoom, protocol.NoSuchRoom},
		{at(signal.ErrNoSuchRoom), protocol.NoSuchRoom},
		{at(signal.ErrUnreachable), protocol.Unreachable},
		{at(signal.ErrTimeout), protocol.Timeout},
		{at(signal.ErrRoomFull), protocol.RateLimited},
		{at(signal.ErrRateLimited), protocol.RateLimited},
		{at(signal.ErrServerFull), protocol.Unreachable},
		{at(signal.ErrRefused), protocol.VersionMismatch},
		{errConduit, protocol.Unreachable},
		{errUnbound, protocol.Unreachable},
		{errSlow, protocol.Timeout},
		{errServers, protocol.Unreachable},
		{errNoRelay(), protocol.Unreachable},
		{context.DeadlineExceeded, protocol.Timeout},
		{peer.ErrUnreachable, protocol.Unreachable},
		{peer.ErrClosed, protocol.Unreachable},
		{errors.New("anything else"), protocol.Unreachable},
		{context.Canceled, ""},
	} {
		got := joinError(fmt.Errorf("step: %w", c.err))
		if protocol.KindOf(got) != c.want {
			t.Errorf("%v: got %q (%v), want %q", c.err, protocol.KindOf(got), got, c.want)
		}
		checkSentence(t, got.Message)
		checkSentence(t, matchmakerError(c.err).Message)
	}
	back := &joining{back: true}
	for _, void := range []error{introduction.ErrVoid, introduction.ErrWrongHost} {
		if got := back.failure(void); protocol.KindOf(got) != protocol.NotAdmitted {
			t.Errorf("coming back, %v: got %v, want notAdmitted", void, got)
		}
	}
}

// TestA14Refusals: a host's reason is cleaned before it stands in a sentence.
func TestA14Refusals(t *testing.T) {
	for _, c := range []struct {
		sent refusal
		want protocol.Kind
		word string
	}{
		{refusal{why: "the host said no"}, protocol.NotAdmitted, "the host said no"},
		{refusal{protocol.RoomFull, "x"}, protocol.RoomFull, "make room"},
		{refusal{protocol.RateLimited, "x"}, protocol.RateLimited, "minute"},
		{refusal{protocol.Ended, "x"}, protocol.Ended, "ended"},
		{refusal{"wrongCode", "what only a guest may find"}, protocol.NotAdmitted, "what only"},
		{refusal{"", "a\x1b[31mb\u202ec\nd"}, protocol.NotAdmitted, "a[31mbc d"},
		{refusal{"", "a\u009b2Jb\u200b\u061c\u200f\ufeffc\U000e0041"}, protocol.NotAdmitted, "in: a2Jbc;"},
		{refusal{"", strings.Repeat("x", 2*maxWhy)}, protocol.NotAdmitted, "xxx"},
		{refusal{"", ""}, protocol.NotAdmitted, "no reason"},
	} {
		got := decodeRefusal(c.sent.encode())
		if protocol.KindOf(got) != c.want || !strings.Contains(got.Message, c.word) || len(got.Message) > 2*maxWhy {
			t.Errorf("%+v: got %q (%q), want %q with %q", c.sent, got.Message, protocol.KindOf(got), c.want, c.word)
		}
		checkSentence(t, got.Message)
	}
}

// FuzzRefusal: whatever a host says, a person reads one sentence.
func FuzzRefusal(f *testing.F) {
	f.Add([]byte("notAdmitted\nno"))
	f.Add([]byte("roomFull"))
	f.Add([]byte{0xff, '\n', 0xe2, 0x80})
	f.Fuzz(func(t *testing.T, b []byte) {
		got := decodeRefusal(b)
		checkSentence(t, got.Message)
		if !utf8.ValidString(got.Message) || protocol.KindOf(got) == "" {
			t.Errorf("%q: got %q (%q)", b, got.Message, protocol.KindOf(got))
		}
	})
}

// FuzzInvitation: whatever a person pastes is read, or refused in one sentence.
func FuzzInvitation(f *testing.F) {
	f.Add("6XMY-M8Y3FF")
	f.Add("http://127.0.0.1:47300/j#6XMY-VDD9QTV0CMEBG47J8YFT1EGFG4.68XY1AYDDEMJD4047Z7VW1Y9VZ")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		in, bad := readInvitation(s)
		if bad != nil {
			checkSentence(t, bad.Message)
			return
		}
		if in.room == "" || len(in.secret) == 0 || (in.kind == introduction.KindLink) != (in.server != "") {
			t.Errorf("%q: got %+v", s, in)
		}
	})
}
