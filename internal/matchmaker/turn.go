package matchmaker

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pion/logging"
	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"
	"go.uber.org/zap"

	"earshot/protocol/wire"
)

// A Relay is an embedded STUN and TURN server (RFC 8656) over UDP and TCP, for two daemons that can't reach each other.
// What passes is sealed by them. Who may use it is told by credentials that the matchmaker hands to hosts and to guests
// that knocked at a room that exists.
type Relay struct {
	server  *turn.Server
	port    int
	secret  []byte
	public  netip.Addr
	listens []netip.Addr
	log     *zap.Logger

	mu    sync.Mutex
	users map[string]int // allocations of each credential
	total int
	conns map[net.Conn]struct{}
	ended bool
}

// Limits of a relay.
const (
	// CredentialTTL is how long a credential can begin an allocation. One that exists is refreshed with it for as long as
	// it is used, up to allocationLife. A host gets fresh ones with each knock, a guest with each of its own.
	CredentialTTL = 10 * time.Minute
	// allocationLife: a day's session; pion drops an allocation by itself when nobody refreshes it for 10 minutes.
	allocationLife = 24 * time.Hour
	// allocationsPerUser: a live and a bulk connection, each over UDP and TCP and over IPv4 and IPv6.
	allocationsPerUser = 8
	// MaxAllocations: each has a socket and about 20 KB.
	MaxAllocations = 2000
	// maxRelayConns bounds TCP clients, silent strangers included, who are cut after connSilence. A client refreshes its
	// permissions every five minutes at the latest.
	maxRelayConns = 2 * MaxAllocations
	connSilence   = 6 * time.Minute

	relayRealm = "earshot"

	// portTries: of 28 000 ports a busy machine has a few hundred in use, so that all of these fail once in 10³⁰.
	portTries = 16
)

// RelayOptions say where a Relay is.
type RelayOptions struct {
	// Address is HOST:PORT to listen on with UDP and TCP, HOST an IP address. An unspecified HOST means every address that
	// this machine has now, loopback only if there is no other; each client is told the one at which it reached the
	// matchmaker. Relayed packets come from the same address. Port 0 takes a free one.
	Address string
	// Public is told to clients instead, for a machine whose public address is elsewhere (one-to-one NAT of a cloud).
	Public netip.Addr
	Log    *zap.Logger // nil: none
}

var (
	errRelayQuota  = errors.New("relay quota reached")
	errNoTCPRelays = errors.New("no TCP relays here")
)

// ListenRelay starts a relay; Close ends it.
func ListenRelay(opts RelayOptions) (*Relay, error) {
	at, err := netip.ParseAddrPort(opts.Address)
	if err != nil {
		return nil, fmt.Errorf("relay address %q is not IP:PORT: give for example 0.0.0.0:3478", opts.Address)
	}
	r := &Relay{
		port: int(at.Port()), public: opts.Public, log: opts.Log,
		secret: make([]byte, 32), users: map[string]int{}, conns: map[net.Conn]struct{}{},
	}
	_, _ = rand.Read(r.secret) // never fails (crypto/rand)
	if r.log == nil {
		r.log = zap.NewNop()
	}
	r.listens = []netip.Addr{at.Addr().Unmap()}
	if at.Addr().IsUnspecified() {
		if r.listens, err = unicastAddresses(at.Addr()); err != nil {
			return nil, err
		}
	}
	config := turn.ServerConfig{
		Realm:       relayRealm,
		AuthHandler: r.authenticate,
		// pion's own log names addresses and users.
		LoggerFactory: &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled},
	}
	if err := r.listenAll(&config); err != nil {
		return nil, err
	}
	if r.server, err = turn.NewServer(config); err != nil {
		closeRelayListeners(config)
		return nil, fmt.Errorf("start the relay: %w", err)
	}
	r.log.Info("relay serves", zap.Int("addresses", len(r.listens)), zap.Int("port", r.port))
	return r, nil
}

// listenAll opens UDP and TCP on all addresses. A port that 0 drew for UDP may be in use with TCP: then another is drawn.
func (r *Relay) listenAll(config *turn.ServerConfig) error {
	given, tries := r.port, 1
	if given == 0 {
		tries = portTries
	}
	var err error
	for range tries {
		r.port = given
		if err = r.listen(config); err == nil {
			return nil
		}
		closeRelayListeners(*config)
		config.PacketConnConfigs, config.ListenerConfigs = nil, nil
	}
	return err
}

// listen opens UDP and TCP on each address; the first that port 0 draws is the port of all.
func (r *Relay) listen(config *turn.ServerConfig) error {
	for _, a := range r.listens {
		packets, err := net.ListenPacket("udp", net.JoinHostPort(a.String(), strconv.Itoa(r.port)))
		if err != nil {
			return fmt.Errorf("relay listens: %w", err)
		}
		r.port = packets.LocalAddr().(*net.UDPAddr).Port
		from := &relayFrom{relay: r, address: a}
		config.PacketConnConfigs = append(config.PacketConnConfigs, turn.PacketConnConfig{
			PacketConn: packets, RelayAddressGenerator: from, PermissionHandler: from.permits,
		})
		stream, err := net.Listen("tcp", net.JoinHostPort(a.String(), strconv.Itoa(r.port)))
		if err != nil {
			return fmt.Errorf("relay listens: %w", err)
		}
		config.ListenerConfigs = append(config.ListenerConfigs, turn.ListenerConfig{
			Listener: &relayListener{Listener: stream, relay: r}, RelayAddressGenerator: from, PermissionHandler: from.permits,
		})
	}
	return nil
}

func closeRelayListeners(config turn.ServerConfig) {
	for _, c := range config.PacketConnConfigs {
		_ = c.PacketConn.Close()
	}
	for _, c := range config.ListenerConfigs {
		_ = c.Listener.Close()
	}
}

// Close ends all allocations and connections.
func (r *Relay) Close() error {
	err := r.server.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	for c := range r.conns {
		_ = c.Close() // pion leaves accepted connections open
	}
	return err
}

// Port is where it listens, UDP and TCP.
func (r *Relay) Port() int { return r.port }

// ICEServers offers this relay to a client, with credentials of its own: for Options.ICEServers.
func (r *Relay) ICEServers(c Client) []wire.ICEServer {
	host := r.addressFor(c)
	if !host.IsValid() {
		return nil
	}
	at := net.JoinHostPort(host.String(), strconv.Itoa(r.port))
	user, credential := r.mint(time.Now())
	return []wire.ICEServer{
		{URLs: []string{"stun:" + at}},
		{
			URLs:     []string{"turn:" + at + "?transport=udp", "turn:" + at + "?transport=tcp"},
			Username: user, Credential: credential,
		},
	}
}

// addressFor is where the client finds the relay.
func (r *Relay) addressFor(c Client) netip.Addr {
	switch {
	case r.public.IsValid():
		return r.public
	case len(r.listens) == 1:
		return r.listens[0]
	}
	if local := c.Local.Unmap().WithZone(""); slices.Contains(r.listens, local) {
		return local
	}
	return LinkAddress(r.listens)
}

// mint makes a credential in the manner of draft-uberti-behave-turn-rest-00: expiry:random and its HMAC.
func (r *Relay) mint(now time.Time) (user, credential string) {
	var random [12]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	user = strconv.FormatInt(now.Add(CredentialTTL).Unix(), 10) + ":" + hex.EncodeToString(random[:])
	return user, r.credential(user)
}

func (r *Relay) credential(user string) string {
	mac := hmac.New(sha1.New, r.secret)
	mac.Write([]byte(user))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// authenticate gives pion the key of a user name. An expired one can no longer begin anything; what it has begun pion
// finds by user and five-tuple, so refreshing it is all that is left.
func (r *Relay) authenticate(request *turn.RequestAttributes) (user string, key []byte, ok bool) {
	expiry, _, found := strings.Cut(request.Username, ":")
	unix, err := strconv.ParseInt(expiry, 10, 64)
	if !found || err != nil || request.Realm != relayRealm {
		return "", nil, false
	}
	end := time.Unix(unix, 0)
	if request.Method != stun.MethodAllocate {
		end = end.Add(allocationLife)
	}
	if time.Now().After(end) {
		return "", nil, false
	}
	return request.Username, turn.GenerateAuthKey(request.Username, relayRealm, r.credential(request.Username)), true
}

// A relayFrom makes the sockets that relayed packets leave from, all on one address.
type relayFrom struct {
	relay   *Relay
	address netip.Addr
}

// Validate is pion's; there is nothing to validate.
func (f *relayFrom) Validate() error { return nil }

// AllocatePacketConn opens a relay socket within the quotas. Counting here and not in pion's quota callback makes it
// exact: that one is asked before, by many goroutines at once, and not told of failures.
func (f *relayFrom) AllocatePacketConn(c turn.AllocateListenerConfig) (net.PacketConn, net.Addr, error) {
	if err := f.relay.reserve(c.UserID); err != nil {
		return nil, nil, err
	}
	conn, err := net.ListenPacket("udp", net.JoinHostPort(f.address.String(), strconv.Itoa(c.RequestedPort)))
	if err != nil {
		f.relay.release(c.UserID)
		return nil, nil, fmt.Errorf("relay socket: %w", err)
	}
	at := *conn.LocalAddr().(*net.UDPAddr)
	if f.relay.public.IsValid() {
		at.IP = f.relay.public.AsSlice()
	}
	return &relaySocket{PacketConn: conn, release: sync.OnceFunc(func() { f.relay.release(c.UserID) })}, &at, nil
}

// AllocateListener and AllocateConn refuse RFC 6062: nobody needs it here, and it would open TCP connections for strangers.
func (f *relayFrom) AllocateListener(turn.AllocateListenerConfig) (net.Listener, net.Addr, error) {
	return nil, nil, errNoTCPRelays
}

// AllocateConn refuses; see AllocateListener.
func (f *relayFrom) AllocateConn(turn.AllocateConnConfig) (net.Conn, error) {
	return nil, errNoTCPRelays
}

// permits tells whether packets may be relayed to a peer: not to what is nobody's or everybody's address or a cloud's
// metadata service, to loopback only from a relay on loopback, and to private addresses only from a relay that is on a
// private network itself; a public relay must not be a way into the network behind it.
func (f *relayFrom) permits(_ net.Addr, peer net.IP) bool {
	a, ok := netip.AddrFromSlice(peer)
	a = a.Unmap()
	switch {
	case !ok, a.IsUnspecified(), a.IsMulticast(), a.IsLinkLocalUnicast(), a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return false
	case a.Is4() && (a.As4()[0] == 0 || a.As4()[0] >= 240):
		return false
	case slices.Contains(f.relay.listens, a), a == f.relay.public:
		return true // two relayed ends meet here
	case a.IsLoopback():
		return f.address.IsLoopback()
	case IsLocal(a):
		return IsLocal(f.address) && !f.relay.public.IsValid()
	}
	return true
}

func (r *Relay) reserve(user string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended || r.total >= MaxAllocations || r.users[user] >= allocationsPerUser {
		return errRelayQuota
	}
	r.users[user]++
	r.total++
	return nil
}

func (r *Relay) release(user string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.total--
	if r.users[user]--; r.users[user] == 0 {
		delete(r.users, user)
	}
}

// A relaySocket gives its place in the quota back when pion closes it.
type relaySocket struct {
	net.PacketConn
	release func()
}

func (s *relaySocket) Close() error {
	s.release()
	return s.PacketConn.Close()
}

// A relayListener bounds TCP clients and knows them, so that Close can end them.
type relayListener struct {
	net.Listener
	relay *Relay
}

func (l *relayListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.relay.keep(conn) {
			return &relayConn{Conn: conn, relay: l.relay}, nil
		}
		_ = conn.Close()
	}
}

func (r *Relay) keep(conn net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended || len(r.conns) >= maxRelayConns {
		return false
	}
	r.conns[conn] = struct{}{}
	return true
}

// A relayConn ends when it is silent.
type relayConn struct {
	net.Conn
	relay *Relay
}

func (c *relayConn) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(connSilence)); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

func (c *relayConn) Close() error {
	c.relay.mu.Lock()
	delete(c.relay.conns, c.Conn)
	c.relay.mu.Unlock()
	return c.Conn.Close()
}

// unicastAddresses lists this machine's addresses, of IPv4 only for 0.0.0.0. Loopback is among them only if there is
// nothing else: relaying from it would have to allow relaying to it.
func unicastAddresses(unspecified netip.Addr) ([]netip.Addr, error) {
	found, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list this machine's addresses: %w", err)
	}
	var out, loopback []netip.Addr
	for _, f := range found {
		p, err := netip.ParsePrefix(f.String())
		a := p.Addr().Unmap()
		switch {
		case err != nil, a.IsLinkLocalUnicast(), a.Is6() && unspecified.Is4():
		case a.IsLoopback():
			loopback = append(loopback, a)
		default:
			out = append(out, a)
		}
	}
	if len(out) == 0 {
		return loopback, nil
	}
	return out, nil
}
