package introduction

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"io"
	"slices"
)

// A HostConfig is what a host needs to be introduced to one guest.
type HostConfig struct {
	Room string
	// Lookup gives the secret of a kind; hint is what the guest sent, not verified, and names a resume secret. It is
	// asked when the guest begins and again when it proves, and must answer false as soon as a code is burnt or
	// replaced: guests that began together thus can't have more guesses than Guesses allows.
	Lookup   func(kind Kind, hint string) (secret []byte, ok bool)
	Key      ed25519.PrivateKey // of the session; a link names its public half
	Name     string             // as in Hello
	Extra    []byte             // for the guest, sent before the human decides; at most 8 KiB
	Versions []uint16           // nil: Version1
	Random   io.Reader
}

// A Host is the host's side of one introduction. It is not safe for two goroutines.
type Host struct {
	side
	cfg       HostConfig
	hint      string
	secret    []byte
	wantTag   []byte // Ta
	ownTag    []byte // Tb
	isk       []byte // between reply and proof
	hello     Hello
	commit    []byte
	hostNonce [nonceSize]byte // nB
}

// NewHost prepares a host for one guest and gives the greeting to be sent to it.
func NewHost(cfg HostConfig) (h *Host, greeting []byte, err error) {
	if cfg.Versions == nil {
		cfg.Versions = []uint16{Version1}
	}
	if len(cfg.Versions) > maxVersions || len(cfg.Versions) == 0 || len(cfg.Extra) > maxExtra {
		return nil, nil, ErrTooLarge
	}
	var nonce [nonceSize]byte
	if err := draw(cfg.Random, nonce[:]); err != nil {
		return nil, nil, err
	}
	h = &Host{cfg: cfg}
	h.side = side{role: RoleHost, state: AwaitShare, sid: nonce[:], transcript: sha256.New(), erase: h.erase}
	greeting = append([]byte{byte(frameGreet)}, nonce[:]...)
	h.record(greeting)
	return h, greeting, nil
}

// erase forgets the copy of the secret and what was made of it.
func (h *Host) erase() {
	for _, b := range [][]byte{h.secret, h.isk, h.wantTag, h.ownTag} {
		clear(b)
	}
	h.isk = nil
}

// Hello is what the guest said about itself, from AwaitDecision on. Nothing of it is verified.
func (h *Host) Hello() Hello { return h.hello }

// Hint is what the guest sent to name its secret; it is true once the state is past AwaitProof.
func (h *Host) Hint() string { return h.hint }

// Step takes the guest's next message, up to AwaitDecision; then Admit or Refuse decide. With an error Result.Send may
// hold an abort to be sent, and the introduction is over. ErrWrongCode is a guess and nothing else is: what the guest or
// the relay only claims (an abort that says "wrong") is ErrAborted.
func (h *Host) Step(message []byte) (Result, error) {
	if r, err := h.guard(message); err != nil {
		return r, err
	}
	var r Result
	var err error
	switch h.state {
	case AwaitShare:
		r.Send, err = h.shared(message)
	case AwaitProof:
		r.Send, err = h.proved(message)
	case AwaitHello:
		r.Send, err = h.greeted(message)
	case AwaitReveal:
		err = h.revealed(message)
	default:
		err = ErrProtocol
	}
	if err != nil {
		return h.fail(err)
	}
	r.State = h.state
	return r, nil
}

// Admit lets the guest in: the message to be sent carries payload (at most MaxDecision) to it.
func (h *Host) Admit(payload []byte) ([]byte, error) {
	out, err := h.answer(frameAdmitted, payload)
	if err == nil {
		h.state = Admitted
	}
	return out, err
}

// Refuse sends the guest away: the message to be sent carries payload (at most MaxDecision) to it.
func (h *Host) Refuse(payload []byte) ([]byte, error) {
	out, err := h.answer(frameRefused, payload)
	if err == nil {
		h.end()
	}
	return out, err
}

func (h *Host) answer(t frameType, payload []byte) ([]byte, error) {
	switch {
	case h.state == Ended:
		return nil, ErrEnded
	case h.state != AwaitDecision:
		return nil, ErrTooEarly
	case len(payload) > MaxDecision:
		return nil, ErrTooLarge
	}
	return h.out.seal(t, payload)
}

func (h *Host) shared(message []byte) ([]byte, error) {
	f := fields{rest: message}
	t, kind := f.byte(), Kind(f.byte())
	nonce, share := f.take(nonceSize), f.take(pointSize)
	hint, theirs := f.lv(maxHint), f.lv(2*maxVersions)
	versions, listed := readVersions(theirs)
	if !f.whole() || frameType(t) != frameShare || !listed || kind < KindCode || kind > KindResume {
		return nil, ErrProtocol
	}
	h.version = newestCommon(h.cfg.Versions, versions)
	if h.version == 0 {
		return nil, ErrVersion
	}
	secret, ok := h.cfg.Lookup(kind, string(hint))
	if !ok {
		return nil, ErrVoid
	}
	h.kind, h.hint, h.secret = kind, string(hint), slices.Clone(secret)
	h.sid = slices.Concat(h.sid, nonce)
	out, err := h.reply(share, lvCat(theirs, hint))
	if err != nil {
		return nil, err
	}
	h.record(message)
	h.record(out)
	h.state = AwaitProof
	return out, nil
}

// reply draws our share and computes what the guest has to prove.
func (h *Host) reply(theirShare, theirAD []byte) ([]byte, error) {
	y, share, err := cpaceShare(h.secret, contextInfo(h.kind, h.cfg.Room), h.sid, h.cfg.Random)
	if err != nil {
		return nil, err
	}
	k, ok := scalarMultVerify(y, theirShare)
	if !ok {
		return nil, ErrProtocol
	}
	ours, chosen := versionBytes(h.cfg.Versions), versionBytes([]uint16{h.version})
	ad := lvCat(ours, chosen)
	h.isk = cpaceISK(h.sid, k, theirShare, theirAD, share, ad)
	clear(k)
	h.wantTag = cpaceTag(h.sid, h.isk, theirShare, theirAD)
	h.ownTag = cpaceTag(h.sid, h.isk, share, ad)
	return slices.Concat([]byte{byte(frameReply)}, share, ad), nil
}

func (h *Host) proved(message []byte) ([]byte, error) {
	if frameType(message[0]) != frameProve || len(message) != 1+tagSize {
		return nil, ErrProtocol
	}
	// Asked again: another guest may have burnt the code since this one began.
	secret, ok := h.cfg.Lookup(h.kind, h.hint)
	if !ok || !hmac.Equal(secret, h.secret) {
		return nil, ErrVoid
	}
	if !hmac.Equal(message[1:], h.wantTag) {
		return nil, ErrWrongCode
	}
	isk := h.isk
	h.isk = nil
	clear(h.secret)
	if err := h.unlock(isk); err != nil {
		return nil, err
	}
	out := append([]byte{byte(frameConfirm)}, h.ownTag...)
	h.record(message)
	h.record(out)
	h.state = AwaitHello
	return out, nil
}

func (h *Host) greeted(message []byte) ([]byte, error) {
	plain, err := h.openFrame(frameHello, message)
	if err != nil {
		return nil, err
	}
	var ok bool
	if h.hello, h.commit, ok = decodeHello(plain); !ok {
		return nil, ErrProtocol
	}
	h.record(message)
	if err := draw(h.cfg.Random, h.hostNonce[:]); err != nil {
		return nil, err
	}
	body := welcomeBody(h.hostNonce[:], h.cfg)
	signature := ed25519.Sign(h.cfg.Key, welcomeStatement(h.sum(), body))
	out, err := h.out.seal(frameWelcome, append(body, signature...))
	if err != nil {
		return nil, err
	}
	h.record(out)
	h.state = AwaitReveal
	return out, nil
}

func (h *Host) revealed(message []byte) error {
	nonce, err := h.openFrame(frameReveal, message)
	if err != nil {
		return err
	}
	commit := sha256.Sum256(nonce)
	if len(nonce) != revealSize || !hmac.Equal(commit[:], h.commit) {
		return ErrProtocol
	}
	h.record(message)
	h.decide(nonce, h.hostNonce[:])
	return nil
}

// A Welcome is what the host tells a guest that has proved itself.
type Welcome struct {
	Name  string            // as in Hello, not verified
	Key   ed25519.PublicKey // of the session; its owner signed this very introduction
	Extra []byte            // the host's HostConfig.Extra
	nonce []byte            // nB
}

// welcomeBody is what is signed: nB ‖ key ‖ lv(name) ‖ lv(extra).
func welcomeBody(nonce []byte, cfg HostConfig) []byte {
	key := cfg.Key.Public().(ed25519.PublicKey)
	return slices.Concat(nonce, key, lvCat([]byte(displayName(cfg.Name)), cfg.Extra))
}

func decodeWelcome(plain []byte) (w Welcome, body, signature []byte, ok bool) {
	if len(plain) < ed25519.SignatureSize {
		return Welcome{}, nil, nil, false
	}
	body, signature = plain[:len(plain)-ed25519.SignatureSize], plain[len(plain)-ed25519.SignatureSize:]
	f := fields{rest: body}
	w.nonce, w.Key = f.take(nonceSize), ed25519.PublicKey(f.take(ed25519.PublicKeySize))
	w.Name = displayName(string(f.lv(maxNameBytes)))
	w.Extra = slices.Clone(f.lv(maxExtra))
	return w, body, signature, f.whole()
}

// welcomeStatement is what the session's key signs: everything that was said up to the hello, so that a signature is
// worth nothing in any other introduction.
func welcomeStatement(transcript, body []byte) []byte {
	return lvCat([]byte(protocolName+" welcome"), transcript, body)
}
