package peer

import (
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/pion/turn/v5"
)

// startRelay runs a TURN server on loopback, over UDP and TCP, and returns its URLs; edit may put something before the
// sockets that it relays from.
func startRelay(t *testing.T, edit ...func(turn.RelayAddressGenerator) turn.RelayAddressGenerator) (udp, tcp ICEServer) {
	t.Helper()
	const realm, user, password = "test", "guest", "secret"
	packets, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var addresses turn.RelayAddressGenerator = &turn.RelayAddressGeneratorStatic{RelayAddress: net.IPv4(127, 0, 0, 1), Address: "127.0.0.1"}
	for _, change := range edit {
		addresses = change(addresses)
	}
	server, err := turn.NewServer(turn.ServerConfig{
		Realm: realm,
		AuthHandler: func(ra *turn.RequestAttributes) (string, []byte, bool) {
			return ra.Username, turn.GenerateAuthKey(ra.Username, realm, password), ra.Username == user
		},
		PacketConnConfigs: []turn.PacketConnConfig{{PacketConn: packets, RelayAddressGenerator: addresses}},
		ListenerConfigs:   []turn.ListenerConfig{{Listener: listener, RelayAddressGenerator: addresses}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("close the relay: %v", err)
		}
	})
	udp = ICEServer{[]string{"turn:" + packets.LocalAddr().String()}, user, password}
	tcp = ICEServer{[]string{"turn:" + listener.Addr().String() + "?transport=tcp"}, user, password}
	return udp, tcp
}

func TestRelayOnly(t *testing.T) {
	checkLeaks(t)
	udp, tcp := startRelay(t)
	for name, server := range map[string]ICEServer{"udp": udp, "tcp": tcp} {
		t.Run(name, func(t *testing.T) { checkRelayed(t, server) })
	}
}

// checkRelayed: the path is relayed, frames pass, and no signal tells an address that is not a relay's.
func checkRelayed(t *testing.T, server ICEServer) {
	var mu sync.Mutex
	var lines []string
	watch := func(b []byte) []byte {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, string(b))
		return b
	}
	guest, host := newSide(t, "guest"), newSide(t, "host")
	guest.forge, host.forge = watch, watch
	edit := func(_ Role, c *Config) { c.ICEServers, c.RelayOnly = []ICEServer{server}, true }
	host.start(Answerer, guest, edit)
	guest.start(Offerer, host, edit)
	await[Up](guest)
	await[Up](host)
	if p := await[Path](guest); p.Path != Relay {
		t.Errorf("path %v, want %v", p.Path, Relay)
	}
	checkTrip(t, guest, host, Live, 64)
	checkTrip(t, host, guest, Bulk, 5*partSize)
	closeBoth(guest, host)
	mu.Lock()
	defer mu.Unlock()
	relays := 0
	for _, line := range lines {
		if line[0] != signalCandidate {
			continue
		}
		relays++
		if !strings.HasSuffix(line, "typ relay raddr 0.0.0.0 rport 0") {
			t.Errorf("a candidate tells more than a relay: %q", line)
		}
	}
	if relays < 2 {
		t.Errorf("%d relayed candidates, want one of each side", relays)
	}
}

// TestRelayRefusesDirect: a relay-only side takes no other address of the remote, so two sides of which one has no
// relay do not connect, rather than connect directly.
func TestRelayRefusesDirect(t *testing.T) {
	checkLeaks(t)
	link, err := New(Config{Role: Answerer, Keys: keysOf(Answerer), RelayOnly: true, Loopback: LoopbackOn, Events: func(Event) {}})
	if err != nil {
		t.Fatal(err)
	}
	if err := link.Signal([]byte("c1 1 udp 1 192.168.1.2 5 typ host")); err != nil {
		t.Errorf("a direct candidate: %v, want it ignored", err)
	}
	if err := link.Signal([]byte("c1 1 udp 1 192.168.1.2 5 typ relay raddr 0.0.0.0 rport 0")); err != nil {
		t.Errorf("a relayed candidate: %v", err)
	}
	if got := len(link.signals.early); got != 1 {
		t.Errorf("%d candidates kept, want the relayed one", got)
	}
	_ = link.Close()
	<-link.Done()
}
