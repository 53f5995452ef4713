package peer

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
)

// Keys encrypt what the channels carry, each in one direction, inside DTLS: so what is read and who may write rest on the
// introduction alone, and not on pion as well (decision 12). They must never serve two links: a nonce would come twice.
type Keys struct{ Out, In [32]byte }

// sealOverhead is GCM's tag.
const sealOverhead = 16

// sealer seals, or opens, the messages of one channel in one direction: AES-256-GCM (NIST SP 800-38D) whose nonce is the
// channel and the message's number, counted from 1. On the reliable channels both ends count, and nothing but the tag is
// added; presence says its numbers. 2³² messages are all that GCM allows a key; they are years of typing, and what 64 TB of
// bulk would take.
type sealer struct {
	aead   cipher.AEAD
	nonce  [12]byte
	number uint64
}

// maxSealed messages go under one key.
const maxSealed = 1 << 32

var (
	errKeys   = errors.New("a link needs keys")
	errSealed = errors.New("a message that was not sealed by the other side, or not the next one")
	errSpent  = errors.New("the keys of the link are used up")
)

// sealers are a link's, for one direction.
type sealers [Bulk + 1]*sealer

func newSealers(key [32]byte) (s sealers, err error) {
	if key == [32]byte{} {
		return s, errKeys
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return s, fmt.Errorf("the keys of a link: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return s, fmt.Errorf("the keys of a link: %w", err)
	}
	for ch := range s {
		s[ch] = &sealer{aead: aead}
		s[ch].nonce[0] = byte(ch)
	}
	return s, nil
}

// count gives the nonce of the next message.
func (s *sealer) count() ([]byte, error) {
	if s.number >= maxSealed {
		return nil, errSpent
	}
	s.number++
	return s.nonceOf(s.number), nil
}

func (s *sealer) nonceOf(number uint64) []byte {
	binary.BigEndian.PutUint64(s.nonce[4:], number)
	return s.nonce[:]
}

// seal encrypts the next message in place, but for its tag.
func (s *sealer) seal(b []byte) ([]byte, error) {
	nonce, err := s.count()
	if err != nil {
		return nil, err
	}
	return s.aead.Seal(b[:0], nonce, b, nil), nil
}

// open decrypts the next message in place.
func (s *sealer) open(b []byte) ([]byte, error) {
	nonce, err := s.count()
	if err != nil {
		return nil, err
	}
	return s.decrypt(nonce, b)
}

// sealNumbered appends the next message's number, a varint, and what it says to b.
func (s *sealer) sealNumbered(b, plain []byte) ([]byte, error) {
	nonce, err := s.count()
	if err != nil {
		return nil, err
	}
	return s.aead.Seal(binary.AppendUvarint(b, s.number), nonce, plain, nil), nil
}

// openNumbered decrypts, in place, a message that says its number.
func (s *sealer) openNumbered(b []byte) (number uint64, plain []byte, err error) {
	number, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, errSealed
	}
	plain, err = s.decrypt(s.nonceOf(number), b[n:])
	return number, plain, err
}

func (s *sealer) decrypt(nonce, b []byte) ([]byte, error) {
	plain, err := s.aead.Open(b[:0], nonce, b, nil)
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}
