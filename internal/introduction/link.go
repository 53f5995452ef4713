package introduction

import (
	"crypto/ed25519"
	"crypto/sha256"
	"io"
	"net/url"
	"strings"
)

// A Link is a code for the clipboard: http(s)://SERVER/j#XXXX-S.H. S is a secret of 128 bits, H the hash of the host's
// session key, so that not even someone else who has the link can pose as the host. Like Code it never prints itself.
type Link struct {
	hidden
	server   string
	room     string
	secret   [linkSecretSize]byte
	hostHash string
}

const (
	linkSecretSize    = 16
	linkSecretSymbols = 26 // 130 bits, the last two zero
	hostHashSymbols   = 26 // the first 130 bits of a SHA-256
	linkPath          = "/j"

	// maxLink bounds what is looked at as a link: 60 symbols after '#', and more host and path than DNS and people use.
	maxLink = 1024
)

// NewLink draws a link's secret. server is what ServerURL gave; hostKey is the session's public key.
func NewLink(server, room string, hostKey ed25519.PublicKey, random io.Reader) (Link, error) {
	l := Link{room: room, hostHash: HostHash(hostKey)}
	var err error
	if l.server, err = ServerURL(server); err != nil {
		return Link{}, err
	}
	if !isRoom(room) {
		return Link{}, ErrBadLink
	}
	if err := draw(random, l.secret[:]); err != nil {
		return Link{}, err
	}
	return l, nil
}

// ParseLink reads a link. The error is ErrBadLink.
func ParseLink(pasted string) (Link, error) {
	pasted = strings.TrimSpace(pasted)
	place, fragment, found := strings.Cut(pasted, "#")
	path, isLink := strings.CutSuffix(place, linkPath)
	if !found || !isLink || len(pasted) > maxLink {
		return Link{}, ErrBadLink
	}
	server, err := ServerURL(path)
	if err != nil {
		return Link{}, ErrBadLink
	}
	l := Link{server: server}
	rest, hash, dotted := strings.Cut(fragment, ".")
	room, secret, dashed := strings.Cut(rest, "-")
	if !dotted || !dashed || len(room) != roomSymbols || len(secret) != linkSecretSymbols || len(hash) != hostHashSymbols {
		return Link{}, ErrBadLink
	}
	data, secretOK := fromBase32(secret, linkSecretSize)
	l.room, dashed = canonical(room)
	l.hostHash, dotted = canonical(hash)
	if !secretOK || !dashed || !dotted {
		return Link{}, ErrBadLink
	}
	copy(l.secret[:], data)
	return l, nil
}

// IsLink tells a link from a code by its look, so that both can be typed in one place.
func IsLink(s string) bool { return strings.Contains(s, "://") }

// Server is the matchmaker's address, ws:// or wss://, as ServerURL gives it.
func (l Link) Server() string { return l.server }

// Room is XXXX, all that the matchmaker learns.
func (l Link) Room() string { return l.room }

// Secret is S as CPace's PRS: 16 bytes.
func (l Link) Secret() []byte { return append([]byte(nil), l.secret[:]...) }

// HostHash is H, what HostHash gives for the host's session key.
func (l Link) HostHash() string { return l.hostHash }

// IsZero tells whether this is no link at all.
func (l Link) IsZero() bool { return l.room == "" }

// Reveal writes the link for the person who is to pass it on. It must reach no log.
func (l Link) Reveal() string {
	if l.IsZero() {
		return ""
	}
	return "http" + strings.TrimPrefix(l.server, "ws") + linkPath + "#" +
		l.room + "-" + base32Of(l.secret[:], linkSecretSymbols) + "." + l.hostHash
}

// HostHash is the first 26 symbols of the SHA-256 of a session's public key, as a link carries it.
func HostHash(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return base32Of(sum[:], hostHashSymbols)
}

// ServerURL reads a matchmaker's address and gives its one spelling: ws:// or wss:// (http:// and https:// are read as
// these), the host in lower case, no default port, no slash at the end. It takes no user, query or fragment: none has
// a meaning there, and a password would reach logs. The error is ErrBadServer.
func ServerURL(address string) (string, error) {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || len(address) > maxLink || u.Hostname() == "" || u.Opaque != "" {
		return "", ErrBadServer
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(address, "#") {
		return "", ErrBadServer
	}
	scheme, defaultPort := "ws", ":80"
	switch u.Scheme {
	case "ws", "http":
	case "wss", "https":
		scheme, defaultPort = "wss", ":443"
	default:
		return "", ErrBadServer
	}
	host := strings.TrimSuffix(strings.ToLower(u.Host), defaultPort)
	if strings.HasSuffix(host, ":") {
		return "", ErrBadServer
	}
	return scheme + "://" + host + strings.TrimRight(u.EscapedPath(), "/"), nil
}
