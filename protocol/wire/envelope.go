package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// An Envelope is one WebSocket text message between a client and the matchmaker. What two clients say to each other is
// Data: opaque to the matchmaker, sealed before it comes here. Unknown fields are ignored, so that an older side
// understands a newer one; a field that is known and has the wrong shape makes the whole envelope bad.
//
//	host                      matchmaker                      guest
//	open{room, owner}    →
//	                     ←    opened{iceServers?}
//	                          knock{room}                 ←
//	knock{peer, ice…?}   ←    knocked{iceServers?}        →
//	relay{peer, data}    →    relay{data}                 →
//	relay{peer, data}    ←    relay{data}                 ←
//	close{peer}          →    gone{}                      →   a guest is sent away; the host gets gone{peer} as well
//	gone{peer}           ←    close{}                     ←   a guest leaves
//	close{}              →    gone{}                      →   the room ends
//
// ask{room} is answered with known{} or the error that a knock would get, and disturbs no host. Any request may be
// answered with error{kind, message}; after badRequest the matchmaker closes the socket.
type Envelope struct {
	Type       EnvelopeType `json:"type"`
	Room       string       `json:"room,omitempty"`       // IsRoom
	Owner      string       `json:"owner,omitempty"`      // IsOwner: who has it may take the room again
	Peer       string       `json:"peer,omitempty"`       // IsPeer: one guest, named by the matchmaker
	Data       []byte       `json:"data,omitempty"`       // base64 in JSON, at most MaxRelayData bytes
	ICEServers []ICEServer  `json:"iceServers,omitempty"` // offered by the matchmaker; the client need not use them
	Kind       RefusalKind  `json:"kind,omitempty"`
	Message    string       `json:"message,omitempty"` // one sentence for a log; people are told by Kind
}

// An EnvelopeType says what an Envelope is.
type EnvelopeType string

// The envelopes. What each carries stands at Envelope.
const (
	EnvelopeOpen    EnvelopeType = "open"
	EnvelopeOpened  EnvelopeType = "opened"
	EnvelopeKnock   EnvelopeType = "knock"
	EnvelopeKnocked EnvelopeType = "knocked"
	EnvelopeAsk     EnvelopeType = "ask"
	EnvelopeKnown   EnvelopeType = "known"
	EnvelopeRelay   EnvelopeType = "relay"
	EnvelopeGone    EnvelopeType = "gone"
	EnvelopeClose   EnvelopeType = "close"
	EnvelopeError   EnvelopeType = "error"
)

// A RefusalKind says why the matchmaker did not do what it was asked.
type RefusalKind string

// The refusals. A room that never was and one that is gone are told apart by nobody: both are RefusedNoSuchRoom.
const (
	RefusedRoomTaken   RefusalKind = "roomTaken"
	RefusedNoSuchRoom  RefusalKind = "noSuchRoom"
	RefusedRoomFull    RefusalKind = "roomFull"
	RefusedRateLimited RefusalKind = "rateLimited"
	RefusedServerFull  RefusalKind = "serverFull"
	RefusedBadRequest  RefusalKind = "badRequest"
)

// An ICEServer is a STUN or TURN server with short-lived credentials, in the shape of the W3C's RTCIceServer.
type ICEServer struct {
	URLs       []string `json:"urls"` // "stun:", "stuns:", "turn:" or "turns:" URLs, RFC 7064 and RFC 7065
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
}

// Limits of an envelope, checked on decoding and on encoding.
const (
	// MaxEnvelope bounds one WebSocket message, in bytes.
	MaxEnvelope = 64 << 10
	// MaxRelayData bounds Data: 45 KiB are 60 KiB of base64, which leaves 4 KiB for the rest of the envelope. A
	// description without media is about 1 KiB.
	MaxRelayData = 45 << 10
	// MaxICEServers, maxICEURLs and maxICEText: a client connects to what is named here, so a matchmaker must not be
	// able to name a crowd.
	MaxICEServers = 4
	maxICEURLs    = 4
	maxICEText    = 256

	maxRefusal     = 256 // bytes of an error's sentence
	maxRefusalKind = 32  // a kind that this version does not know is understood as "refused"

	// RoomSymbols, OwnerSymbols and PeerSymbols are the exact lengths of the three names: 20 bits, 128 bits, 51 bits.
	RoomSymbols  = 4
	OwnerSymbols = 32
	PeerSymbols  = 10
)

// FirstLocalPort to LastLocalPort are where a host's own matchmaker listens and where a guest on the same machine asks.
const (
	FirstLocalPort = 47300
	LastLocalPort  = 47309
)

// ErrBadEnvelope is what every failure of decoding or encoding wraps.
var ErrBadEnvelope = errors.New("bad matchmaker envelope")

// DecodeToMatchmaker reads what a client sent. It accepts exactly open, knock, ask, relay and close.
func DecodeToMatchmaker(message []byte) (Envelope, error) {
	return decodeEnvelope(message, Envelope.checkToMatchmaker)
}

// DecodeFromMatchmaker reads what the matchmaker sent. It accepts exactly opened, knock, knocked, known, relay, gone
// and error.
func DecodeFromMatchmaker(message []byte) (Envelope, error) {
	return decodeEnvelope(message, Envelope.checkFromMatchmaker)
}

// Encode gives the bytes of a WebSocket text message.
func (e Envelope) Encode() ([]byte, error) {
	if len(e.Data) > MaxRelayData {
		return nil, fmt.Errorf("%w: %d bytes to relay, at most %d", ErrBadEnvelope, len(e.Data), MaxRelayData)
	}
	message, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadEnvelope, err)
	}
	if len(message) > MaxEnvelope {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrBadEnvelope, len(message), MaxEnvelope)
	}
	return message, nil
}

// IsRoom tells whether s can name a room: four symbols of Crockford's base32, upper case.
func IsRoom(s string) bool { return consistsOf(s, RoomSymbols, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") }

// IsOwner tells whether s can be an owner's token: 128 bits in lower-case hexadecimal.
func IsOwner(s string) bool { return consistsOf(s, OwnerSymbols, "0123456789abcdef") }

// IsPeer tells whether s can name a guest at the matchmaker.
func IsPeer(s string) bool {
	return consistsOf(s, PeerSymbols, "0123456789abcdefghijklmnopqrstuvwxyz")
}

func decodeEnvelope(message []byte, check func(Envelope) string) (Envelope, error) {
	if len(message) > MaxEnvelope {
		return Envelope{}, fmt.Errorf("%w: %d bytes, at most %d", ErrBadEnvelope, len(message), MaxEnvelope)
	}
	var e Envelope
	// The decoder's own message is dropped: it may quote what was sent, and this error is logged.
	if json.Unmarshal(message, &e) != nil {
		return Envelope{}, fmt.Errorf("%w: not an envelope", ErrBadEnvelope)
	}
	if field := check(e); field != "" {
		return Envelope{}, fmt.Errorf("%w: %s", ErrBadEnvelope, field)
	}
	return e, nil
}

// checkToMatchmaker names the field that is wrong in a client's envelope; "" is none.
func (e Envelope) checkToMatchmaker() string {
	switch e.Type {
	case EnvelopeOpen:
		return firstBroken(e.roomRule(), envelopeRule{"owner", IsOwner(e.Owner)})
	case EnvelopeKnock, EnvelopeAsk:
		return firstBroken(e.roomRule())
	case EnvelopeRelay:
		return firstBroken(e.peerRule(), e.dataRule())
	case EnvelopeClose:
		return firstBroken(e.peerRule())
	}
	return "type"
}

// checkFromMatchmaker names the field that is wrong in the matchmaker's envelope; "" is none.
func (e Envelope) checkFromMatchmaker() string {
	switch e.Type {
	case EnvelopeOpened, EnvelopeKnocked:
		return firstBroken(e.iceRule())
	case EnvelopeKnock:
		return firstBroken(envelopeRule{"peer", IsPeer(e.Peer)}, e.iceRule())
	case EnvelopeKnown:
		return ""
	case EnvelopeRelay:
		return firstBroken(e.peerRule(), e.dataRule())
	case EnvelopeGone:
		return firstBroken(e.peerRule())
	case EnvelopeError:
		return firstBroken(envelopeRule{"kind", e.Kind != "" && len(e.Kind) <= maxRefusalKind},
			envelopeRule{"message", len(e.Message) <= maxRefusal})
	}
	return "type"
}

// An envelopeRule is one field and whether it has the shape it must have.
type envelopeRule struct {
	field string
	holds bool
}

func firstBroken(rules ...envelopeRule) string {
	for _, r := range rules {
		if !r.holds {
			return r.field
		}
	}
	return ""
}

func (e Envelope) roomRule() envelopeRule { return envelopeRule{"room", IsRoom(e.Room)} }
func (e Envelope) peerRule() envelopeRule {
	return envelopeRule{"peer", e.Peer == "" || IsPeer(e.Peer)}
}
func (e Envelope) dataRule() envelopeRule {
	return envelopeRule{"data", len(e.Data) > 0 && len(e.Data) <= MaxRelayData}
}

func (e Envelope) iceRule() envelopeRule {
	holds := len(e.ICEServers) <= MaxICEServers
	for _, s := range e.ICEServers {
		holds = holds && s.valid()
	}
	return envelopeRule{"iceServers", holds}
}

func (s ICEServer) valid() bool {
	if len(s.URLs) == 0 || len(s.URLs) > maxICEURLs || len(s.Username) > maxICEText || len(s.Credential) > maxICEText {
		return false
	}
	for _, url := range s.URLs {
		scheme, rest, found := strings.Cut(url, ":")
		if !found || rest == "" || len(url) > maxICEText || !utf8.ValidString(url) {
			return false
		}
		switch scheme {
		case "stun", "stuns", "turn", "turns":
		default:
			return false
		}
	}
	return true
}

func consistsOf(s string, length int, symbols string) bool {
	if len(s) != length {
		return false
	}
	for i := range len(s) {
		if strings.IndexByte(symbols, s[i]) < 0 {
			return false
		}
	}
	return true
}
