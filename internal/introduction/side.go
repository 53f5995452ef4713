package introduction

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"time"
)

// How long a caller should wait. The package reads no clock.
const (
	// IntroductionTime from the greeting to AwaitDecision, on the slowest network: eight messages.
	IntroductionTime = 60 * time.Second
	// DecisionTime for the host's human; then Refuse.
	DecisionTime = 120 * time.Second
)

// A State says what a side waits for. Each state accepts exactly one message, and an abort.
type State uint8

// The states, in order; not every side passes through each.
const (
	AwaitGreeting State = iota + 1 // guest
	AwaitShare                     // host
	AwaitReply                     // guest
	AwaitProof                     // host
	AwaitConfirm                   // guest
	AwaitHello                     // host
	AwaitWelcome                   // guest
	AwaitReveal                    // host
	AwaitDecision                  // both: Check and the other's name are there; the host's human decides
	Admitted                       // both: Seal, Open, Binding and ResumeSecret work
	Ended                          // an error, a refusal or an abort
)

var states = [...]string{"?", "greeting", "share", "reply", "proof", "confirm", "hello", "welcome", "reveal", "decision",
	"admitted", "ended"}

func (s State) String() string {
	if int(s) >= len(states) {
		return states[0]
	}
	return states[s]
}

// A Kind says which secret an introduction rests on.
type Kind uint8

// The kinds of secret: 25, 128 and 256 bits. One state machine serves all three.
const (
	KindCode Kind = iota + 1
	KindLink
	KindResume
)

func (k Kind) String() string {
	switch k {
	case KindCode:
		return "code"
	case KindLink:
		return "link"
	case KindResume:
		return "resume"
	}
	return "unknown"
}

// A Role is the side of an introduction.
type Role uint8

// The two roles of an introduction. They have nothing to do with what a member may do in the session.
const (
	RoleGuest Role = iota + 1
	RoleHost
)

func (r Role) String() string {
	switch r {
	case RoleGuest:
		return "guest"
	case RoleHost:
		return "host"
	}
	return "unknown"
}

// Version1 is the first protocol between daemons, the default of both configurations.
const Version1 uint16 = 1

// A Result is what a step gives: at most one message to send, with an error too (an abort), and what was learnt.
type Result struct {
	Send    []byte
	State   State  // after the step
	Payload []byte // what the host gave to Admit or Refuse; guest only
	Cause   Cause  // beside ErrAborted
}

// side is what guest and host have in common. It belongs to whoever holds it; nothing here is safe for two goroutines.
type side struct {
	role       Role
	state      State
	kind       Kind
	sid        []byte
	version    uint16
	transcript hash.Hash // over lv(message) of all messages up to the reveal
	keys       keys
	out, in    *box
	check      string
	digest     [sha256.Size]byte // of the transcript, once it is whole
	erase      func()            // forgets what is secret in the fields of a Guest or Host; end calls it
}

// State tells where the introduction is.
func (s *side) State() State { return s.state }

// Kind tells which secret it rests on; zero at a host before the guest's share.
func (s *side) Kind() Kind { return s.kind }

// Version is the protocol that both speak, from AwaitDecision on.
func (s *side) Version() uint16 { return s.version }

// Check is six digits that both humans see from AwaitDecision on; "" before. If they differ, someone is in between.
func (s *side) Check() string { return s.check }

// Seal makes a message of a payload after admission. kind is the caller's, at most MaxKind.
func (s *side) Seal(kind byte, payload []byte) ([]byte, error) {
	switch {
	case s.state == Ended:
		return nil, ErrEnded
	case s.state != Admitted:
		return nil, ErrTooEarly
	case len(payload) > MaxPayload || kind > MaxKind:
		return nil, ErrTooLarge
	}
	return s.out.seal(framePayload|frameType(kind), payload)
}

// Open reads what the other side's Seal made, in its order. Any error ends the introduction: ErrAborted if the other
// side said so, else ErrProtocol.
func (s *side) Open(message []byte) (kind byte, payload []byte, err error) {
	switch {
	case s.state == Ended:
		return 0, nil, ErrEnded
	case s.state != Admitted:
		return 0, nil, ErrTooEarly
	}
	if _, aborted := abortCause(message); aborted {
		s.end()
		return 0, nil, ErrAborted
	}
	if len(message) > MaxSealed || len(message) == 0 || frameType(message[0]) < framePayload {
		s.end()
		return 0, nil, ErrProtocol
	}
	payload, ok := s.in.open(message)
	if !ok {
		s.end()
		return 0, nil, ErrProtocol
	}
	return message[0] &^ byte(framePayload), payload, nil
}

// Abort ends the introduction from this side and gives the message that tells the other; nil if it was over already.
func (s *side) Abort(cause Cause) []byte {
	if s.state == Ended {
		return nil
	}
	s.end()
	return []byte{byte(frameAbort), byte(cause)}
}

// End ends the introduction from this side without a word and forgets its keys: who has bound the direct channel needs
// them no more, and what was recorded can't be read with what is left.
func (s *side) End() {
	if s.state != Ended {
		s.end()
	}
}

// Binding is what the given side sends first on the direct channel: it ties the certificates that DTLS saw on both ends
// (SHA-256 of their DER) to this introduction. The receiver compares with VerifyBinding.
func (s *side) Binding(sender Role, guestCert, hostCert [32]byte) ([32]byte, error) {
	if s.state != Admitted {
		return [32]byte{}, ErrTooEarly
	}
	mac := hmac.New(sha256.New, s.keys.binding[:])
	mac.Write(lvCat([]byte(protocolName+" binding"), []byte(sender.String()), guestCert[:], hostCert[:], s.digest[:]))
	return [32]byte(mac.Sum(nil)), nil
}

// VerifyBinding compares in constant time what the sender sent with what it should have sent.
func (s *side) VerifyBinding(sender Role, guestCert, hostCert [32]byte, got []byte) error {
	want, err := s.Binding(sender, guestCert, hostCert)
	if err != nil {
		return err
	}
	if !hmac.Equal(want[:], got) {
		return ErrProtocol
	}
	return nil
}

// LinkKeys exports the keys of the direct connection: for what this side sends, and for what it takes. They are given once:
// two connections under the same keys would use a nonce twice.
func (s *side) LinkKeys() (out, in [32]byte, err error) {
	switch {
	case s.state == Ended:
		return out, in, ErrEnded
	case s.state != Admitted:
		return out, in, ErrTooEarly
	case s.keys.linkToHost == [keySize]byte{}:
		return out, in, ErrSpent
	}
	out, in = s.keys.linkToHost, s.keys.linkToGuest
	if s.role == RoleHost {
		out, in = in, out
	}
	s.keys.linkToHost, s.keys.linkToGuest = [keySize]byte{}, [keySize]byte{}
	return out, in, nil
}

// ResumeSecret exports the secret of the next introduction between the two, KindResume, and the public hint by which the
// host finds it. A new introduction replaces it. It is kept in memory only.
func (s *side) ResumeSecret() (secret []byte, hint string, err error) {
	if s.state != Admitted {
		return nil, "", ErrTooEarly
	}
	secret = append([]byte(nil), s.keys.resume[:]...)
	return secret, ResumeHint(secret), nil
}

// ResumeHint names a resume secret without telling anything about it: 26 symbols, 128 bits.
func ResumeHint(secret []byte) string {
	mac := hmac.New(sha512.New, secret)
	mac.Write([]byte(protocolName + " hint"))
	return base32Of(mac.Sum(nil)[:16], 26)
}

// contextInfo is CI: who talks to whom about what. The roles in it keep a message from being reflected.
func contextInfo(kind Kind, room string) []byte {
	return lvCat([]byte(protocolName), []byte("guest"), []byte("host"), []byte(kind.String()), []byte(room))
}

// record takes a message into the transcript.
func (s *side) record(message []byte) { s.transcript.Write(prependLen(nil, message)) }

// sum is the transcript so far.
func (s *side) sum() []byte { return s.transcript.Sum(nil) }

// unlock derives the keys and the boxes from the ISK, which is gone after that.
func (s *side) unlock(isk []byte) error {
	defer clear(isk)
	var err error
	if s.keys, err = deriveKeys(isk, s.sid); err != nil {
		return err
	}
	guest, err := newBox(s.keys.guestToHost, "g2h", s.sid)
	if err != nil {
		return err
	}
	host, err := newBox(s.keys.hostToGuest, "h2g", s.sid)
	if err != nil {
		return err
	}
	s.out, s.in = guest, host
	if s.role == RoleHost {
		s.out, s.in = host, guest
	}
	return nil
}

// openFrame opens a sealed message of exactly this type.
func (s *side) openFrame(t frameType, message []byte) (plain []byte, err error) {
	if frameType(message[0]) != t {
		return nil, ErrProtocol
	}
	plain, ok := s.in.open(message)
	if !ok {
		return nil, ErrProtocol
	}
	return plain, nil
}

// decide closes the transcript and computes the digits. 2⁶⁴ modulo 10⁶ favours some digits by 10⁻¹³.
func (s *side) decide(guestNonce, hostNonce []byte) {
	copy(s.digest[:], s.sum())
	mac := hmac.New(sha512.New, s.keys.check[:])
	mac.Write(lvCat(guestNonce, hostNonce))
	s.check = fmt.Sprintf("%06d", binary.BigEndian.Uint64(mac.Sum(nil))%1_000_000)
	s.state = AwaitDecision
}

// guard is what every step begins with: size, end, and an abort from the other side.
func (s *side) guard(message []byte) (Result, error) {
	if s.state == Ended {
		return Result{State: Ended}, ErrEnded
	}
	if cause, aborted := abortCause(message); aborted {
		s.end()
		return Result{State: Ended, Cause: cause}, ErrAborted
	}
	if len(message) == 0 || len(message) > MaxMessage {
		return s.fail(ErrProtocol)
	}
	return Result{}, nil
}

// fail ends this side and gives the abort that tells the other.
func (s *side) fail(err error) (Result, error) {
	return Result{Send: s.Abort(causeOf(err)), State: Ended}, err
}

// end forgets what can be forgotten. Of what AES made of the keys the collector takes care: Go has no way to clear it.
func (s *side) end() {
	s.state = Ended
	s.keys = keys{}
	s.out, s.in = nil, nil
	s.erase()
}

// draw fills b with randomness.
func draw(random io.Reader, b []byte) error {
	if _, err := io.ReadFull(random, b); err != nil {
		return fmt.Errorf("draw randomness: %w", err)
	}
	return nil
}

func abortCause(message []byte) (cause Cause, aborted bool) {
	if len(message) != 2 || frameType(message[0]) != frameAbort {
		return 0, false
	}
	return Cause(message[1]), true
}
