package introduction

import (
	"crypto/hmac"
	"crypto/sha512"
	"fmt"
	"io"

	"github.com/gtank/ristretto255"
)

// This file is CPACE-RISTR255-SHA512 of draft-irtf-cfrg-cpace-21, section numbers from there: initiator/responder mode,
// nothing of Earshot. testdata/cpace-ristretto255.json holds the draft's vectors.

const (
	cpaceDSI   = "CPaceRistretto255"
	hashBlock  = 128 // s_in_bytes of SHA-512
	pointSize  = 32
	tagSize    = sha512.Size
	scalarWide = 64 // uniform bytes that are reduced modulo the group's order
)

// prependLen appends LEB128(len(x)) ‖ x to dst.
func prependLen(dst, x []byte) []byte {
	n := len(x)
	for ; n >= 0x80; n >>= 7 {
		dst = append(dst, byte(n)|0x80)
	}
	dst = append(dst, byte(n))
	return append(dst, x...)
}

// lvCat is the draft's lv_cat: each field with its length before it, so that no two lists give the same bytes.
func lvCat(fields ...[]byte) []byte {
	var out []byte
	for _, f := range fields {
		out = prependLen(out, f)
	}
	return out
}

// generatorString is the draft's generator_string: the padding fills the hash's first block with DSI and PRS.
func generatorString(prs, ci, sid []byte) []byte {
	dsi := []byte(cpaceDSI)
	pad := max(0, hashBlock-1-len(prependLen(nil, prs))-len(prependLen(nil, dsi)))
	return lvCat(dsi, prs, make([]byte, pad), ci, sid)
}

// cpaceGenerator is the draft's calculate_generator: a point whose discrete logarithm nobody knows.
func cpaceGenerator(prs, ci, sid []byte) (*ristretto255.Element, error) {
	wide := sha512.Sum512(generatorString(prs, ci, sid))
	return ristretto255.NewIdentityElement().SetUniformBytes(wide[:])
}

// cpaceShare draws a scalar, used once, and gives it with its public point.
func cpaceShare(prs, ci, sid []byte, random io.Reader) (*ristretto255.Scalar, []byte, error) {
	g, err := cpaceGenerator(prs, ci, sid)
	if err != nil {
		return nil, nil, fmt.Errorf("generator: %w", err)
	}
	var wide [scalarWide]byte
	if _, err := io.ReadFull(random, wide[:]); err != nil {
		return nil, nil, fmt.Errorf("draw a scalar: %w", err)
	}
	y, err := ristretto255.NewScalar().SetUniformBytes(wide[:])
	clear(wide[:])
	if err != nil {
		return nil, nil, fmt.Errorf("draw a scalar: %w", err)
	}
	return y, ristretto255.NewIdentityElement().ScalarMult(y, g).Bytes(), nil
}

// scalarMultVerify is the draft's scalar_mult_vfy: ok is false, and the protocol must stop, if the point is no canonical
// encoding or the product is the identity, which would be a key that everybody knows.
func scalarMultVerify(y *ristretto255.Scalar, point []byte) (k []byte, ok bool) {
	x, err := ristretto255.NewIdentityElement().SetCanonicalBytes(point)
	if err != nil {
		return nil, false
	}
	product := ristretto255.NewIdentityElement().ScalarMult(y, x)
	if product.Equal(ristretto255.NewIdentityElement()) == 1 {
		return nil, false
	}
	return product.Bytes(), true
}

// cpaceISK is the draft's intermediate session key of the initiator/responder mode, 64 bytes.
func cpaceISK(sid, k, ya, ada, yb, adb []byte) []byte {
	h := sha512.New()
	h.Write(lvCat([]byte(cpaceDSI+"_ISK"), sid, k))
	h.Write(lvCat(ya, ada))
	h.Write(lvCat(yb, adb))
	return h.Sum(nil)
}

// cpaceTag is the draft's key confirmation of the side that sent share and ad.
func cpaceTag(sid, isk, share, ad []byte) []byte {
	h := sha512.New()
	h.Write([]byte("CPaceMac"))
	h.Write(sid)
	h.Write(isk)
	mac := hmac.New(sha512.New, h.Sum(nil))
	mac.Write(lvCat(share, ad))
	return mac.Sum(nil)
}
