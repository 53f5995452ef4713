package introduction

import (
	"encoding/binary"
	"io"
	"strings"
)

// A Code is what one person tells another: XXXX-YYYYYC. XXXX names the room, YYYYY is the secret, C the check symbol.
// It never prints itself, in no format and no log; Reveal is the one way out.
type Code struct {
	hidden
	room   string
	secret uint32 // 25 bits
}

const (
	roomSymbols   = 4
	secretSymbols = 5
	codeSymbols   = roomSymbols + secretSymbols + 1
)

// maxTyped bounds what is looked at as a code: ten symbols, and more spaces than anyone types.
const maxTyped = 64

// NewRoom draws the name of a room: 20 bits, four symbols.
func NewRoom(random io.Reader) (string, error) {
	var b [3]byte
	if err := draw(random, b[:]); err != nil {
		return "", err
	}
	return base32Of(b[:], roomSymbols), nil
}

// NewCode draws a secret for a room that the matchmaker has opened. The secret is independent of the room's name.
func NewCode(room string, random io.Reader) (Code, error) {
	if !isRoom(room) {
		return Code{}, ErrBadCode
	}
	var b [4]byte
	if err := draw(random, b[:]); err != nil {
		return Code{}, err
	}
	return Code{room: room, secret: binary.BigEndian.Uint32(b[:]) >> (32 - 5*secretSymbols)}, nil
}

// ParseCode reads what a person typed: either case, with or without a leading '#', spaces and hyphens anywhere, O for 0
// and I or L for 1. The error is ErrBadCode, also for a check symbol that does not fit: no guess was spent.
func ParseCode(typed string) (Code, error) {
	if len(typed) > maxTyped {
		return Code{}, ErrBadCode
	}
	typed = strings.TrimPrefix(strings.TrimSpace(typed), "#")
	values := make([]byte, 0, codeSymbols)
	for _, r := range typed {
		if strings.ContainsRune(" \t-‐‑‒–—\u00a0", r) { // what word processors make of a hyphen, too
			continue
		}
		v, ok := value(byte(min(r, 0xff)))
		if !ok || len(values) == codeSymbols {
			return Code{}, ErrBadCode
		}
		values = append(values, v)
	}
	if len(values) != codeSymbols || checkSymbol(values[:codeSymbols-1]) != values[codeSymbols-1] {
		return Code{}, ErrBadCode
	}
	return codeOf(values), nil
}

func codeOf(values []byte) Code {
	var c Code
	for _, v := range values[:roomSymbols] {
		c.room += Alphabet[v : v+1]
	}
	for _, v := range values[roomSymbols : codeSymbols-1] {
		c.secret = c.secret<<5 | uint32(v)
	}
	return c
}

// Room is XXXX, all that a matchmaker learns.
func (c Code) Room() string { return c.room }

// Secret is YYYYY as CPace's PRS: four bytes, big endian. It stays between the two daemons' memories.
func (c Code) Secret() []byte { return binary.BigEndian.AppendUint32(nil, c.secret) }

// IsZero tells whether this is no code at all.
func (c Code) IsZero() bool { return c.room == "" }

// Reveal writes the code for the person who is to pass it on: XXXX-YYYYYC. It must reach no log.
func (c Code) Reveal() string {
	if c.IsZero() {
		return ""
	}
	values := make([]byte, 0, codeSymbols)
	for i := range len(c.room) {
		v, _ := value(c.room[i])
		values = append(values, v)
	}
	for shift := 5 * (secretSymbols - 1); shift >= 0; shift -= 5 {
		values = append(values, byte(c.secret>>shift)&31)
	}
	values = append(values, checkSymbol(values))
	var b strings.Builder
	for i, v := range values {
		if i == roomSymbols {
			b.WriteByte('-')
		}
		b.WriteByte(Alphabet[v])
	}
	return b.String()
}

func isRoom(s string) bool {
	c, ok := canonical(s)
	return ok && c == s && len(s) == roomSymbols
}
