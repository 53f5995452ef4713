package daemon

import (
	"errors"
	"net/netip"
	"slices"
	"strings"

	"earshot/daemon/settings"
	"earshot/internal/matchmaker"
	"earshot/internal/peer"
	"earshot/protocol"
	"earshot/protocol/wire"
)

// iceServers are the STUN and TURN servers for a link: a person's own and, if they are wanted, those that the matchmaker at
// an address may offer.
func iceServers(ice settings.ICE, offered []wire.ICEServer, from netip.Addr) []peer.ICEServer {
	var out []peer.ICEServer
	for _, s := range ice.Servers {
		out = append(out, peer.ICEServer{URLs: s.URLs, Username: s.Username, Credential: s.Credential})
	}
	if !ice.Matchmaker {
		return out
	}
	for _, s := range offered {
		urls := slices.DeleteFunc(slices.Clone(s.URLs), func(u string) bool { return !mayOffer(from, u) })
		if len(urls) > 0 {
			out = append(out, peer.ICEServer{URLs: urls, Username: s.Username, Credential: s.Credential})
		}
	}
	return out
}

// mayOffer tells whether a matchmaker may have this daemon send packets to a server. It is not trusted, so it must be no
// way to reach what it can't reach itself: not this machine's own ports or its network's from outside, nor what is
// everybody's address or a cloud's metadata service. It names addresses and no names, which could stand for any of these,
// and would be questions to a DNS of its choice. What a person has set in the ICE servers is not asked about.
func mayOffer(from netip.Addr, url string) bool {
	a, ok := iceAddress(url)
	switch {
	case !ok, a.IsUnspecified(), a.IsMulticast(), a.IsLinkLocalUnicast():
		return false
	case a.Is4() && (a.As4()[0] == 0 || a.As4()[0] >= 240): // this network, reserved, everybody
		return false
	case a.IsLoopback():
		return from.IsLoopback()
	case matchmaker.IsLocal(a):
		return from.IsValid() && matchmaker.IsLocal(from)
	}
	return true
}

// iceAddress is the address in a URL of RFC 7064 or RFC 7065; not ok if there is a name instead.
func iceAddress(url string) (a netip.Addr, ok bool) {
	_, at, _ := strings.Cut(url, ":")
	at, _, _ = strings.Cut(at, "?")
	if both, err := netip.ParseAddrPort(at); err == nil {
		return both.Addr().Unmap(), both.Addr().Zone() == ""
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(at, "["), "]"))
	return a.Unmap(), err == nil && a.Zone() == ""
}

// hasRelay tells whether a link that may not be direct has any way at all.
func hasRelay(servers []peer.ICEServer) bool {
	for _, s := range servers {
		for _, u := range s.URLs {
			if strings.HasPrefix(u, "turn:") || strings.HasPrefix(u, "turns:") {
				return true
			}
		}
	}
	return false
}

func errNoRelay() *protocol.Error {
	return protocol.Errorf(protocol.Unreachable, "Only relayed links are allowed and no relay is known; name one in the ICE servers, or use a matchmaker that runs one (earshot signal --turn).")
}

// errServers is a link that could not even be begun.
var errServers = errors.New("the ICE servers can't be used")
