package introduction

import (
	"encoding/binary"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A frameType is the first byte of every message.
type frameType byte

const (
	frameGreet    frameType = iota + 1 // host, clear: nonceH
	frameShare                         // guest, clear: kind ‖ nonceG ‖ Ya ‖ lv(hint) ‖ lv(versions)
	frameReply                         // host, clear: Yb ‖ lv(versions) ‖ lv(chosen)
	frameProve                         // guest, clear: Ta
	frameConfirm                       // host, clear: Tb
	frameHello                         // guest, sealed
	frameWelcome                       // host, sealed
	frameReveal                        // guest, sealed: nA
	frameAdmitted                      // host, sealed: payload
	frameRefused                       // host, sealed: payload
	frameAbort                         // both, clear: cause

	// framePayload and above: what Seal and Open carry, the low seven bits are the caller's kind.
	framePayload frameType = 0x80
)

// Limits of messages, in bytes, and of time, which the caller keeps.
const (
	// MaxMessage bounds every message before admission. The largest is a hello with maxExtra.
	MaxMessage = 16 << 10
	// MaxSealed bounds every message after it: what one relay envelope of the matchmaker carries, 45 KiB.
	MaxSealed = 45 << 10
	// MaxPayload is what Seal takes: MaxSealed without the type and the tag.
	MaxPayload = MaxSealed - 1 - sealOverhead
	// MaxDecision is what Admit and Refuse take.
	MaxDecision = 8 << 10

	// MaxKind is the largest kind that Seal takes.
	MaxKind = 0x7f

	nonceSize    = 16
	commitSize   = 32
	revealSize   = 32
	maxHint      = 64
	maxVersions  = 16
	maxShort     = 32      // a client's kind, a role
	maxNameBytes = 256     // 64 runes of four bytes
	maxNameRunes = 64      // what a list of members can show
	maxExtra     = 8 << 10 // half of MaxMessage
)

// fields reads a message from its front. After the first field that is not there, broken stays true and everything
// else comes out empty: the caller looks once, at the end.
type fields struct {
	rest   []byte
	broken bool
}

// take reads n bytes.
func (f *fields) take(n int) []byte {
	if f.broken || len(f.rest) < n {
		f.broken = true
		return nil
	}
	field := f.rest[:n:n]
	f.rest = f.rest[n:]
	return field
}

// lv reads a field that prependLen wrote, of at most limit bytes. Two bytes of length are enough for every limit here,
// and a length that could be written shorter is refused: one message has one spelling.
func (f *fields) lv(limit int) []byte {
	n := f.byte()
	length := int(n & 0x7f)
	if n >= 0x80 {
		high := f.byte()
		f.broken = f.broken || high == 0 || high >= 0x80
		length |= int(high) << 7
	}
	if length > limit {
		f.broken = true
	}
	return f.take(length)
}

func (f *fields) byte() byte {
	if b := f.take(1); b != nil {
		return b[0]
	}
	return 0
}

// whole tells whether every field was there and nothing is left over.
func (f *fields) whole() bool { return !f.broken && len(f.rest) == 0 }

// versionBytes writes versions as two bytes each, ascending.
func versionBytes(versions []uint16) []byte {
	sorted := slices.Sorted(slices.Values(versions))
	out := make([]byte, 0, 2*len(sorted))
	for _, v := range slices.Compact(sorted) {
		out = binary.BigEndian.AppendUint16(out, v)
	}
	return out
}

// readVersions reads what versionBytes wrote.
func readVersions(b []byte) (versions []uint16, ok bool) {
	if len(b) == 0 || len(b)%2 != 0 || len(b) > 2*maxVersions {
		return nil, false
	}
	for ; len(b) > 0; b = b[2:] {
		v := binary.BigEndian.Uint16(b)
		if len(versions) > 0 && v <= versions[len(versions)-1] {
			return nil, false
		}
		versions = append(versions, v)
	}
	return versions, true
}

// newestCommon is the version that both sides speak; 0 is none.
func newestCommon(a, b []uint16) uint16 {
	var newest uint16
	for _, v := range a {
		if v > newest && slices.Contains(b, v) {
			newest = v
		}
	}
	return newest
}

// A Hello is what a guest tells the host about itself, once the host has proved that it knows the secret. Nothing of it
// is verified: whoever knows the secret may call himself anything.
type Hello struct {
	Name   string // shown to people: at most 64 runes, without control and bidirectional characters
	Client string // the kind of client, at most 32 bytes
	Role   string // the role it asks for, at most 32 bytes
	Extra  []byte // the caller's, at most 8 KiB
}

func (h Hello) encode(commit [commitSize]byte) ([]byte, error) {
	h.Name = displayName(h.Name)
	if len(h.Client) > maxShort || len(h.Role) > maxShort || len(h.Extra) > maxExtra {
		return nil, ErrTooLarge
	}
	return append(lvCat([]byte(h.Name), []byte(h.Client), []byte(h.Role), h.Extra), commit[:]...), nil
}

func decodeHello(b []byte) (h Hello, commit []byte, ok bool) {
	f := fields{rest: b}
	name, client, role := f.lv(maxNameBytes), f.lv(maxShort), f.lv(maxShort)
	h.Extra = slices.Clone(f.lv(maxExtra))
	commit = f.take(commitSize)
	if !f.whole() || !utf8.Valid(client) || !utf8.Valid(role) {
		return Hello{}, nil, false
	}
	h.Name, h.Client, h.Role = displayName(string(name)), printable(string(client)), printable(string(role))
	return h, commit, true
}

// displayName makes of what a stranger calls himself something that can be shown in one line: it may hold what moves
// the cursor, turns the writing round or hides.
func displayName(name string) string {
	name = strings.TrimSpace(printable(name))
	if runes := []rune(name); len(runes) > maxNameRunes {
		name = string(runes[:maxNameRunes])
	}
	return name
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsGraphic(r) {
			return -1
		}
		return r
	}, s)
}
