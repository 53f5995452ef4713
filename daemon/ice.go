package daemon

import (
	"errors"
	"strings"

	"earshot/daemon/settings"
	"earshot/internal/peer"
	"earshot/protocol"
	"earshot/protocol/wire"
)

// iceServers are the STUN and TURN servers for a link: a person's own and, if they are wanted, the matchmaker's.
func iceServers(ice settings.ICE, offered []wire.ICEServer) []peer.ICEServer {
	var out []peer.ICEServer
	for _, s := range ice.Servers {
		out = append(out, peer.ICEServer{URLs: s.URLs, Username: s.Username, Credential: s.Credential})
	}
	if !ice.Matchmaker {
		return out
	}
	for _, s := range offered {
		out = append(out, peer.ICEServer{URLs: s.URLs, Username: s.Username, Credential: s.Credential})
	}
	return out
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
