package daemon

import (
	"net/netip"
	"net/url"

	"earshot/internal/introduction"
	"earshot/protocol"
)

// invitation is a code or a link, read.
type invitation struct {
	kind     introduction.Kind
	room     string
	secret   []byte
	server   string // a link's
	hostHash string // a link's
}

// readInvitation reads what a person typed or pasted.
func readInvitation(typed string) (invitation, *protocol.Error) {
	if introduction.IsLink(typed) {
		l, err := introduction.ParseLink(typed)
		if err != nil {
			return invitation{}, protocol.Errorf(protocol.BadCode, "%s", sentence(err.Error()))
		}
		return invitation{kind: introduction.KindLink, room: l.Room(), secret: l.Secret(), server: l.Server(), hostHash: l.HostHash()}, nil
	}
	c, err := introduction.ParseCode(typed)
	if err != nil {
		return invitation{}, protocol.Errorf(protocol.BadCode, "%s", sentence(err.Error()))
	}
	return invitation{kind: introduction.KindCode, room: c.Room(), secret: c.Secret()}, nil
}

// isLoopback tells whether a matchmaker's URL is of this machine itself.
func isLoopback(server string) bool {
	u, err := url.Parse(server)
	if err != nil {
		return false
	}
	a, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && a.IsLoopback()
}
