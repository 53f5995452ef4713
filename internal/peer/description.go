package peer

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

const (
	// maxSignal bounds a signal: a description of a data-only connection is about 500 bytes; with sixteen
	// candidates of at most 256 it is under 5 KiB.
	maxSignal = 8 << 10
	// maxCandidate bounds one candidate line: the longest we make is about 150 bytes.
	maxCandidate = 256
	// maxCandidates bounds those taken from a remote, and those sent: six addresses of our own (see maxHosts), and
	// as many more from STUN and TURN as a person may reasonably have set.
	maxCandidates = 16
	// ICE credentials, RFC 8839 section 5.4.
	minUfrag, minPassword, maxCredential = 4, 22, 256
)

// description is all that we need to know of an SDP. It is parsed from a remote's SDP and written anew before pion
// sees it, so that pion's parser never reads what a stranger wrote, and our own SDPs tell nothing more than this.
type description struct {
	setup       string // a=setup: actpass, active or passive
	mid         string
	ufrag       string
	password    string
	fingerprint [32]byte // SHA-256 of the DTLS certificate
	maxMessage  uint64   // a=max-message-size; 0 means no limit
	candidates  []candidate
}

var (
	errSDPLine        = errors.New("a line that is no SDP")
	errSections       = errors.New("not exactly one m=application section")
	errFingerprints   = errors.New("not exactly one fingerprint")
	errFingerprint    = errors.New("a fingerprint that is not sha-256")
	errSetup          = errors.New("not exactly one valid a=setup")
	errMid            = errors.New("not exactly one valid a=mid")
	errCredentials    = errors.New("not exactly one valid pair of ICE credentials")
	errMaxMessage     = errors.New("a max-message-size too small for us")
	errManyCandidates = errors.New("too many candidates")
	errLite           = errors.New("ICE lite")
	errSCTPPort       = errors.New("an SCTP port that is not 5000")
	errCandidate      = errors.New("a candidate that is malformed")
)

// defaultMaxMessage holds where a=max-message-size is absent (RFC 8841 section 6.1).
const defaultMaxMessage = 64 << 10

// parseDescription reads the SDP of a connection with data channels alone (RFC 8866, RFC 8839, RFC 8841, RFC 8842).
// Each attribute that matters must be there exactly once, at either level: two of them could be read differently by
// two parsers.
func parseDescription(sdp string) (description, error) {
	d := description{maxMessage: defaultMaxMessage}
	seen := map[string]int{}
	for line := range strings.Lines(sdp) {
		line = strings.TrimRight(line, "\r\n")
		kind, value, ok := strings.Cut(line, "=")
		if !ok || len(kind) != 1 || !printable(value) {
			return d, errSDPLine
		}
		var err error
		switch kind {
		case "m":
			seen["m"]++
			err = checkSection(value)
		case "a":
			name, rest, _ := strings.Cut(value, ":")
			seen[name]++
			err = d.attribute(name, rest)
		}
		if err != nil {
			return d, err
		}
	}
	return d, checkCounts(seen)
}

func checkSection(value string) error {
	fields := strings.Fields(value)
	if len(fields) != 4 || fields[0] != "application" || fields[3] != "webrtc-datachannel" || fields[1] == "0" {
		return errSections
	}
	return nil
}

// checkCounts finds what is missing or there twice.
func checkCounts(seen map[string]int) error {
	once := []struct {
		name string
		err  error
	}{
		{"m", errSections}, {"fingerprint", errFingerprints}, {"setup", errSetup}, {"mid", errMid},
		{"ice-ufrag", errCredentials}, {"ice-pwd", errCredentials},
	}
	for _, o := range once {
		if seen[o.name] != 1 {
			return o.err
		}
	}
	if seen["max-message-size"] > 1 {
		return errMaxMessage
	}
	return nil
}

func (d *description) attribute(name, value string) (err error) {
	switch name {
	case "fingerprint":
		d.fingerprint, err = parseFingerprint(value)
	case "setup":
		d.setup = value
		if !slices.Contains([]string{"actpass", "active", "passive"}, value) {
			err = errSetup
		}
	case "mid":
		d.mid = value
		if !token(value, 1, 16) {
			err = errMid
		}
	case "ice-ufrag":
		d.ufrag = value
		if !token(value, minUfrag, maxCredential) {
			err = errCredentials
		}
	case "ice-pwd":
		d.password = value
		if !token(value, minPassword, maxCredential) {
			err = errCredentials
		}
	case "max-message-size":
		d.maxMessage, err = parseMaxMessage(value)
	case "sctp-port":
		if value != "5000" {
			err = errSCTPPort
		}
	case "ice-lite":
		err = errLite
	case "candidate":
		err = d.addCandidate(value)
	}
	return err
}

func (d *description) addCandidate(value string) error {
	if len(d.candidates) >= maxCandidates {
		return errManyCandidates
	}
	c, err := parseCandidate(value)
	if err != nil {
		return err
	}
	d.candidates = append(d.candidates, c)
	return nil
}

func parseMaxMessage(value string) (uint64, error) {
	n, err := strconv.ParseUint(value, 10, 32)
	if err != nil || n != 0 && n < messageSize {
		return 0, errMaxMessage
	}
	return n, nil
}

// parseFingerprint reads "sha-256 AB:CD:…" (RFC 8122 section 5).
func parseFingerprint(value string) (sum [32]byte, err error) {
	name, digits, ok := strings.Cut(value, " ")
	if !ok || !strings.EqualFold(name, "sha-256") || len(digits) != 3*len(sum)-1 {
		return sum, errFingerprint
	}
	for i := range sum {
		if i > 0 && digits[3*i-1] != ':' {
			return sum, errFingerprint
		}
		if _, err := hex.Decode(sum[i:i+1], []byte(digits[3*i:3*i+2])); err != nil {
			return sum, errFingerprint
		}
	}
	return sum, nil
}

func fingerprintText(sum [32]byte) string {
	var b strings.Builder
	for i, x := range sum {
		if i > 0 {
			b.WriteByte(':')
		}
		fmt.Fprintf(&b, "%02X", x)
	}
	return b.String()
}

// sdp writes the description for pion or for the other side, without the candidates.
func (d description) sdp() string {
	lines := []string{
		"v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0",
		"a=group:BUNDLE " + d.mid,
		"m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
		"c=IN IP4 0.0.0.0",
		"a=mid:" + d.mid,
		"a=setup:" + d.setup,
		"a=ice-ufrag:" + d.ufrag,
		"a=ice-pwd:" + d.password,
		"a=ice-options:trickle",
		"a=fingerprint:sha-256 " + fingerprintText(d.fingerprint),
		"a=sctp-port:5000",
		"a=max-message-size:" + strconv.FormatUint(d.maxMessage, 10),
		"",
	}
	return strings.Join(lines, "\r\n")
}

// candidate is one address at which a side may be reached (RFC 8839 section 5.1), UDP only.
type candidate struct {
	foundation string
	priority   uint32
	address    string // an IP address, or a name under .local for mDNS
	port       uint16
	kind       string // host, srflx, prflx or relay
}

// errOther marks a candidate that is well formed and of no use to us, such as TCP.
var errOther = errors.New("a candidate of another transport")

// parseCandidate reads "foundation component transport priority address port typ kind …". What follows is ignored.
func parseCandidate(line string) (candidate, error) {
	fields := strings.Fields(strings.TrimPrefix(line, "candidate:"))
	if len(line) > maxCandidate || !printable(line) || len(fields) < 8 || fields[6] != "typ" {
		return candidate{}, errCandidate
	}
	priority, err := strconv.ParseUint(fields[3], 10, 32)
	if err != nil || !token(fields[0], 1, 32) || fields[1] != "1" {
		return candidate{}, errCandidate
	}
	port, err := strconv.ParseUint(fields[5], 10, 16)
	if err != nil {
		return candidate{}, errCandidate
	}
	c := candidate{fields[0], uint32(priority), fields[4], uint16(port), fields[7]}
	if !slices.Contains([]string{"host", "srflx", "prflx", "relay"}, c.kind) {
		return candidate{}, errCandidate
	}
	if !strings.EqualFold(fields[2], "udp") {
		return candidate{}, errOther
	}
	if c.port == 0 || !c.validAddress() {
		return candidate{}, errCandidate
	}
	return c, nil
}

// validAddress takes IP addresses and mDNS names alone: any other name would be a DNS query of the remote's choice.
func (c candidate) validAddress() bool {
	if name, ok := strings.CutSuffix(c.address, ".local"); ok {
		return c.kind == "host" && token(name, 1, 64)
	}
	ip, err := netip.ParseAddr(c.address)
	return err == nil && ip.Zone() == ""
}

// reachable says whether checks may be sent there: not to multicast or this-network addresses, not to link-local ones,
// among which a cloud's metadata service is and of which we gather none ourselves, and to loopback only where the mode
// says so, or else a remote could aim them at this machine's own ports. Private addresses are allowed: on a network of its
// own they are all that two daemons have, and the remote is one whom the host's people let in.
func (c candidate) reachable(mode LoopbackMode) bool {
	ip, err := netip.ParseAddr(c.address)
	if err != nil {
		return true // an mDNS name
	}
	ip = ip.Unmap()
	if ip.IsUnspecified() || ip.IsMulticast() || ip.IsLinkLocalUnicast() {
		return false
	}
	if ip.Is4() && (ip.As4()[0] == 0 || ip.As4()[0] >= 240) { // this network, reserved, everybody
		return false
	}
	return mode == LoopbackOn || !ip.IsLoopback()
}

// line writes the candidate. The related address is left out of what it says: it would tell the other side our own
// address behind a relay or NAT, and nobody needs it.
func (c candidate) line() string {
	s := fmt.Sprintf("candidate:%s 1 udp %d %s %d typ %s", c.foundation, c.priority, c.address, c.port, c.kind)
	if c.kind != "host" {
		s += " raddr 0.0.0.0 rport 0"
	}
	return s
}

// token says whether s has between low and high characters, all of them ICE characters or a hyphen.
func token(s string, low, high int) bool {
	if len(s) < low || len(s) > high {
		return false
	}
	for _, c := range []byte(s) {
		alnum := '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !alnum && c != '+' && c != '/' && c != '-' {
			return false
		}
	}
	return true
}

func printable(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}
