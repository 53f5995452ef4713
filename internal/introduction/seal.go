package introduction

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"math"
)

const (
	keySize      = 32
	sealOverhead = 16 // GCM's tag
	protocolName = "earshot/1"
)

// keys are everything that comes from one ISK. resume replaces the secret that the two had before.
type keys struct {
	guestToHost, hostToGuest, binding, check, resume, linkToHost, linkToGuest [keySize]byte
}

// deriveKeys is HKDF-SHA-512 (RFC 5869) with the session's id as salt and a label for each key.
func deriveKeys(isk, sid []byte) (k keys, err error) {
	prk, err := hkdf.Extract(sha512.New, isk, sid)
	if err != nil {
		return keys{}, fmt.Errorf("derive keys: %w", err)
	}
	defer clear(prk)
	for _, want := range []struct {
		label string
		key   *[keySize]byte
	}{
		{"g2h", &k.guestToHost}, {"h2g", &k.hostToGuest}, {"bind", &k.binding}, {"check", &k.check}, {"resume", &k.resume},
		{"link g2h", &k.linkToHost}, {"link h2g", &k.linkToGuest},
	} {
		out, err := hkdf.Expand(sha512.New, prk, protocolName+" "+want.label, keySize)
		if err != nil {
			return keys{}, fmt.Errorf("derive keys: %w", err)
		}
		copy(want.key[:], out)
		clear(out)
	}
	return k, nil
}

// A box seals or opens one direction. Its counter is the nonce and is never sent, and a key serves one box in one
// direction only, so no nonce comes twice.
type box struct {
	aead      cipher.AEAD
	direction string
	sid       []byte
	counter   uint64
}

func newBox(key [keySize]byte, direction string, sid []byte) (*box, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return &box{aead: aead, direction: direction, sid: sid}, nil
}

// next gives the nonce of the next message. An introduction has a few dozen; that 2³² are the end (GCM's bound for a
// key) is a guard against a caller's loop.
func (b *box) next() (nonce []byte, ok bool) {
	if b.counter > math.MaxUint32 {
		return nil, false
	}
	nonce = make([]byte, b.aead.NonceSize())
	binary.BigEndian.PutUint64(nonce[len(nonce)-8:], b.counter)
	b.counter++
	return nonce, true
}

func (b *box) aad(t frameType) []byte {
	return lvCat([]byte(b.direction), b.sid, []byte{byte(t)})
}

// seal gives type ‖ ciphertext.
func (b *box) seal(t frameType, plain []byte) ([]byte, error) {
	nonce, ok := b.next()
	if !ok {
		return nil, ErrEnded
	}
	return b.aead.Seal([]byte{byte(t)}, nonce, plain, b.aad(t)), nil
}

// open reads what seal made, once and in order; anything else is not ok, and the introduction is over.
func (b *box) open(message []byte) (plain []byte, ok bool) {
	nonce, ok := b.next()
	if !ok || len(message) == 0 {
		return nil, false
	}
	plain, err := b.aead.Open(nil, nonce, message[1:], b.aad(frameType(message[0])))
	return plain, err == nil
}
