package introduction

import (
	"fmt"
	"strings"
)

// Alphabet is Crockford's base32: no I, L, O, U.
const Alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// value gives a symbol's five bits. Either case counts, and as Crockford proposes O is read as 0 and I and L as 1: they
// are no symbols, so the reading is never in doubt, and what people mistake by eye is no typing error. U is refused.
func value(symbol byte) (v byte, ok bool) {
	switch {
	case symbol >= 'a' && symbol <= 'z':
		symbol -= 'a' - 'A'
	case symbol > 'z':
		return 0, false
	}
	switch symbol {
	case 'O':
		return 0, true
	case 'I', 'L':
		return 1, true
	}
	i := strings.IndexByte(Alphabet, symbol)
	return byte(max(i, 0)), i >= 0
}

// base32Of writes the first symbols*5 bits of data, padded with zero bits.
func base32Of(data []byte, symbols int) string {
	out := make([]byte, symbols)
	for i := range out {
		var v byte
		for bit := i * 5; bit < i*5+5; bit++ {
			v <<= 1
			if bit/8 < len(data) {
				v |= data[bit/8] >> (7 - bit%8) & 1
			}
		}
		out[i] = Alphabet[v]
	}
	return string(out)
}

// fromBase32 reads size bytes; bits beyond them must be zero, so that there is one way only to write a value.
func fromBase32(s string, size int) (data []byte, ok bool) {
	data = make([]byte, size)
	for i := range len(s) {
		v, ok := value(s[i])
		if !ok {
			return nil, false
		}
		for k := range 5 {
			bit, set := i*5+k, v>>(4-k)&1 == 1
			switch {
			case bit/8 < size && set:
				data[bit/8] |= 1 << (7 - bit%8)
			case set:
				return nil, false
			}
		}
	}
	return data, len(s)*5 >= size*8
}

// canonical writes symbols in upper case with the aliases resolved.
func canonical(s string) (out string, ok bool) {
	b := make([]byte, len(s))
	for i := range len(s) {
		v, ok := value(s[i])
		if !ok {
			return "", false
		}
		b[i] = Alphabet[v]
	}
	return string(b), true
}

// checkSymbol is C of a code: the symbols are elements of GF(32) = GF(2)[x]/(x⁵+x²+1), and C makes the sum of
// weight·symbol over all ten vanish, with the weights x⁹ … x¹ and x⁰ for C itself. They are all different and none is
// zero, so a change of one symbol changes the sum, and so does the exchange of any two different symbols, neighbours or
// not (w₁≠w₂ makes (w₁+w₂)(a+b)≠0). A plain sum modulo 32 would miss exchanges; Crockford's own modulo 37 needs five
// symbols more. The field of 32 gives all of it within the alphabet.
func checkSymbol(values []byte) byte {
	var sum byte
	for _, v := range values { // Horner: each step multiplies what came before by x
		sum = double(sum ^ v)
	}
	return sum
}

// double multiplies by x in GF(32).
func double(v byte) byte {
	v <<= 1
	if v&0x20 != 0 {
		v ^= 0x25
	}
	return v
}

// hidden makes a type unprintable: whatever verb or logger meets it, nothing of its content appears.
type hidden struct{}

const redacted = "[redacted]"

func (hidden) String() string                 { return redacted }
func (hidden) GoString() string               { return redacted }
func (hidden) MarshalText() ([]byte, error)   { return []byte(redacted), nil }
func (hidden) Format(state fmt.State, _ rune) { _, _ = state.Write([]byte(redacted)) }
