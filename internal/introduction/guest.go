package introduction

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"io"
	"slices"

	"github.com/gtank/ristretto255"
)

// A GuestConfig is what a guest knows before it knocks.
type GuestConfig struct {
	Kind     Kind
	Room     string
	Secret   []byte // Code.Secret, Link.Secret or a resume secret
	Hint     string // ResumeHint of a resume secret, else empty; the matchmaker can read it
	HostHash string // Link.HostHash, or HostHash of the key known from before: the host must have it. Empty: any host
	Hello    Hello
	Versions []uint16 // nil: Version1
	Random   io.Reader
}

// A Guest is the guest's side of one introduction. It is not safe for two goroutines.
type Guest struct {
	side
	cfg          GuestConfig
	scalar       *ristretto255.Scalar
	share, ad    []byte // Ya, ADa
	wantTag      []byte // Tb
	nonce        [revealSize]byte
	welcome      Welcome
	sentVersions []byte
}

// NewGuest prepares a guest; its first step takes the host's greeting.
func NewGuest(cfg GuestConfig) (*Guest, error) {
	if cfg.Versions == nil {
		cfg.Versions = []uint16{Version1}
	}
	if len(cfg.Hint) > maxHint || len(cfg.Versions) > maxVersions || len(cfg.Versions) == 0 {
		return nil, ErrTooLarge
	}
	if _, err := cfg.Hello.encode([commitSize]byte{}); err != nil {
		return nil, err
	}
	g := &Guest{cfg: cfg, sentVersions: versionBytes(cfg.Versions)}
	g.side = side{role: RoleGuest, state: AwaitGreeting, kind: cfg.Kind, transcript: sha256.New(), erase: g.erase}
	return g, nil
}

// erase forgets the secret, which is the caller's own to clear, and what was made of it.
func (g *Guest) erase() {
	g.cfg.Secret = nil
	if g.scalar != nil {
		g.scalar.Zero()
		g.scalar = nil
	}
	clear(g.wantTag)
	clear(g.nonce[:])
}

// Host is what the host said about itself, from AwaitDecision on.
func (g *Guest) Host() Welcome { return g.welcome }

// Step takes the host's next message, up to the decision; after that Open reads what comes. With an error Result.Send
// may hold an abort to be sent, and the introduction is over.
func (g *Guest) Step(message []byte) (Result, error) {
	if r, err := g.guard(message); err != nil {
		if r.Cause != 0 {
			err = guestAbort(r.Cause)
		}
		return r, err
	}
	var r Result
	var err error
	switch g.state {
	case AwaitGreeting:
		r.Send, err = g.greeted(message)
	case AwaitReply:
		r.Send, err = g.replied(message)
	case AwaitConfirm:
		r.Send, err = g.confirmed(message)
	case AwaitWelcome:
		r.Send, err = g.welcomed(message)
	case AwaitDecision:
		return g.decided(message)
	default:
		err = ErrProtocol
	}
	if err != nil {
		return g.fail(err)
	}
	r.State = g.state
	return r, nil
}

// guestAbort is what the host's word means at the guest. It is not authenticated: whoever relays can say it as well.
func guestAbort(cause Cause) error {
	switch cause {
	case CauseWrong:
		return ErrWrongCode
	case CauseVoid:
		return ErrVoid
	case CauseVersion:
		return ErrVersion
	}
	return ErrAborted
}

func (g *Guest) greeted(message []byte) ([]byte, error) {
	f := fields{rest: message}
	t, nonce := f.byte(), f.take(nonceSize)
	if !f.whole() || frameType(t) != frameGreet {
		return nil, ErrProtocol
	}
	var own [nonceSize]byte
	if err := draw(g.cfg.Random, own[:]); err != nil {
		return nil, err
	}
	g.sid = slices.Concat(nonce, own[:])
	ci := contextInfo(g.kind, g.cfg.Room)
	var err error
	if g.scalar, g.share, err = cpaceShare(g.cfg.Secret, ci, g.sid, g.cfg.Random); err != nil {
		return nil, err
	}
	g.ad = lvCat(g.sentVersions, []byte(g.cfg.Hint))
	out := slices.Concat([]byte{byte(frameShare), byte(g.kind)}, own[:], g.share)
	out = append(out, lvCat([]byte(g.cfg.Hint), g.sentVersions)...)
	g.record(message)
	g.record(out)
	g.state = AwaitReply
	return out, nil
}

func (g *Guest) replied(message []byte) ([]byte, error) {
	f := fields{rest: message}
	t, share := f.byte(), f.take(pointSize)
	theirs, chosen := f.lv(2*maxVersions), f.lv(2)
	if !f.whole() || frameType(t) != frameReply {
		return nil, ErrProtocol
	}
	versions, listed := readVersions(theirs)
	choice, one := readVersions(chosen)
	if !listed || !one || choice[0] == 0 || choice[0] != newestCommon(g.cfg.Versions, versions) {
		return nil, ErrProtocol
	}
	g.version = choice[0]
	k, ok := scalarMultVerify(g.scalar, share)
	if !ok {
		return nil, ErrProtocol
	}
	g.scalar.Zero()
	g.scalar = nil
	ad := lvCat(theirs, chosen)
	isk := cpaceISK(g.sid, k, g.share, g.ad, share, ad)
	clear(k)
	g.wantTag = cpaceTag(g.sid, isk, share, ad)
	out := append([]byte{byte(frameProve)}, cpaceTag(g.sid, isk, g.share, g.ad)...)
	if err := g.unlock(isk); err != nil {
		return nil, err
	}
	g.record(message)
	g.record(out)
	g.state = AwaitConfirm
	return out, nil
}

func (g *Guest) confirmed(message []byte) ([]byte, error) {
	if frameType(message[0]) != frameConfirm || len(message) != 1+tagSize {
		return nil, ErrProtocol
	}
	if !hmac.Equal(message[1:], g.wantTag) {
		return nil, ErrWrongCode
	}
	if err := draw(g.cfg.Random, g.nonce[:]); err != nil {
		return nil, err
	}
	plain, err := g.cfg.Hello.encode(sha256.Sum256(g.nonce[:]))
	if err != nil {
		return nil, err
	}
	out, err := g.out.seal(frameHello, plain)
	if err != nil {
		return nil, err
	}
	g.record(message)
	g.record(out)
	g.state = AwaitWelcome
	return out, nil
}

func (g *Guest) welcomed(message []byte) ([]byte, error) {
	plain, err := g.openFrame(frameWelcome, message)
	if err != nil {
		return nil, err
	}
	w, body, signature, ok := decodeWelcome(plain)
	if !ok || !ed25519.Verify(w.Key, welcomeStatement(g.sum(), body), signature) {
		return nil, ErrProtocol
	}
	if g.cfg.HostHash != "" && HostHash(w.Key) != g.cfg.HostHash {
		return nil, ErrWrongHost
	}
	out, err := g.out.seal(frameReveal, g.nonce[:])
	if err != nil {
		return nil, err
	}
	g.welcome = w
	g.record(message)
	g.record(out)
	g.decide(g.nonce[:], w.nonce)
	return out, nil
}

func (g *Guest) decided(message []byte) (Result, error) {
	t := frameType(message[0])
	if t != frameAdmitted && t != frameRefused {
		return g.fail(ErrProtocol)
	}
	payload, err := g.openFrame(t, message)
	if err != nil || len(payload) > MaxDecision {
		return g.fail(ErrProtocol)
	}
	if t == frameRefused {
		g.end()
		return Result{State: Ended, Payload: payload}, ErrRefused
	}
	g.state = Admitted
	return Result{State: Admitted, Payload: payload}, nil
}
