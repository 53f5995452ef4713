package settings

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"earshot/protocol"
)

// ICE says which STUN and TURN servers may be used: those of the person's own, and those that a matchmaker offers. Neither
// means that only addresses of this machine's own networks are tried.
type ICE struct {
	Matchmaker bool
	Servers    []protocol.ICEServer
}

// MatchmakerURL stands in a list of protocol.ICEServer for those that the matchmaker offers.
const MatchmakerURL = "matchmaker"

// ParseICE reads a comma list of stun:, stuns:, turn: and turns: URLs, a relay's with its account before an @
// (`turn:USER:PASSWORD@HOST:PORT?transport=tcp`; a comma, colon or @ in an account percent-encoded), and of the word
// matchmaker; or the word none, or nothing, which means matchmaker. Its errors show no account.
func ParseICE(list string) (ICE, error) {
	switch strings.TrimSpace(list) {
	case "":
		return Default().ICE, nil
	case "none":
		return ICE{}, nil
	}
	var ice ICE
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		if item == MatchmakerURL {
			ice.Matchmaker = true
			continue
		}
		server, err := parseICEServer(item)
		if err != nil {
			return ICE{}, err
		}
		ice.Servers = append(ice.Servers, server)
	}
	return ice, nil
}

// Request gives what travels as `iceServers` with a session's request: never nil, so that an empty list means none and
// an absent one the daemon's setting; the matchmaker's servers are written as the URL [MatchmakerURL].
func (i ICE) Request() []protocol.ICEServer {
	servers := append([]protocol.ICEServer{}, i.Servers...)
	if i.Matchmaker {
		servers = append(servers, protocol.ICEServer{URLs: []string{MatchmakerURL}})
	}
	return servers
}

// ICEFromRequest is the reverse of [ICE.Request]; a request without the field (nil) gives the daemon's own setting.
func ICEFromRequest(servers []protocol.ICEServer, own ICE) ICE {
	if servers == nil {
		return own
	}
	var ice ICE
	for _, server := range servers {
		if len(server.URLs) == 1 && server.URLs[0] == MatchmakerURL {
			ice.Matchmaker = true
			continue
		}
		ice.Servers = append(ice.Servers, server)
	}
	return ice
}

func parseICEServer(item string) (protocol.ICEServer, error) {
	scheme, rest, _ := strings.Cut(item, ":")
	rest = strings.TrimPrefix(rest, "//") // what people write, though RFC 7064 and 7065 have no slashes
	switch scheme {
	case "stun", "stuns":
		if strings.Contains(rest, "@") {
			return protocol.ICEServer{}, fmt.Errorf("gives a STUN server an account: write it as stun:HOST:PORT")
		}
		return protocol.ICEServer{URLs: []string{scheme + ":" + rest}}, checkICEHost(scheme, rest)
	case "turn", "turns":
		return parseRelay(scheme, rest)
	}
	return protocol.ICEServer{}, fmt.Errorf("holds something that is no server: write a comma list of stun:HOST and " +
		"turn:USER:PASSWORD@HOST, or matchmaker, or none")
}

func parseRelay(scheme, rest string) (protocol.ICEServer, error) {
	at := strings.LastIndex(rest, "@")
	user, password, ok := strings.Cut(rest[:max(at, 0)], ":")
	if at < 0 || !ok || user == "" || password == "" {
		return protocol.ICEServer{}, fmt.Errorf("gives a relay no account: write it as %s:USER:PASSWORD@HOST", scheme)
	}
	user, errUser := url.PathUnescape(user)
	password, errPassword := url.PathUnescape(password)
	if errUser != nil || errPassword != nil {
		return protocol.ICEServer{}, fmt.Errorf("has a relay's account with a %% that starts no code: write %%25 for it")
	}
	address := rest[at+1:]
	return protocol.ICEServer{URLs: []string{scheme + ":" + address}, Username: user, Credential: password},
		checkICEHost(scheme, address)
}

// checkICEHost refuses what RFC 7064 and 7065 have not: HOST, HOST:PORT, and ?transport= for a relay.
func checkICEHost(scheme, address string) error {
	hostPort, query, hasQuery := strings.Cut(address, "?")
	if hasQuery && (strings.HasPrefix(scheme, "stun") || query != "transport=udp" && query != "transport=tcp") {
		return fmt.Errorf("has a server with ?%s: only a relay takes ?transport=udp or ?transport=tcp", query)
	}
	u, err := url.Parse("//" + hostPort)
	unambiguous := strings.Contains(hostPort, "[") || strings.Count(hostPort, ":") <= 1 // url.Parse takes ::1 for ":" and port 1
	if err != nil || !unambiguous || u.Hostname() == "" || u.Path != "" || u.Host != hostPort {
		return fmt.Errorf("has a %s server without a plain HOST or HOST:PORT: write it as %s:HOST:PORT", scheme, scheme)
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return fmt.Errorf("has a %s server with port %s: ports go from 1 to 65535", scheme, port)
		}
	}
	return nil
}
