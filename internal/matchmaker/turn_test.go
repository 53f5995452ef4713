package matchmaker

import (
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/logging"
	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"

	"earshot/protocol/wire"
)

func listenRelay(t *testing.T) *Relay {
	t.Helper()
	r, err := ListenRelay(RelayOptions{Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// minted gives the TURN part of what a client is offered.
func minted(r *Relay) wire.ICEServer { return r.ICEServers(Client{})[1] }

// turnClient connects with the credentials, over "udp" or "tcp".
func turnClient(t *testing.T, r *Relay, s wire.ICEServer, network string) *turn.Client {
	t.Helper()
	at := net.JoinHostPort("127.0.0.1", portOf(s))
	var conn net.PacketConn
	var err error
	if network == "tcp" {
		stream, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		conn = turn.NewSTUNConn(stream)
	} else if conn, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	c, err := turn.NewClient(&turn.ClientConfig{
		STUNServerAddr: at, TURNServerAddr: at, Conn: conn, Username: s.Username, Password: s.Credential, Realm: relayRealm,
		LoggerFactory: &logging.DefaultLoggerFactory{DefaultLogLevel: logging.LogLevelDisabled},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); _ = conn.Close() })
	return c
}

func portOf(s wire.ICEServer) string {
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(strings.Split(s.URLs[0], "?")[0], "turn:"))
	return port
}

// Two clients that can only reach the relay reach each other, over UDP and over TCP.
func TestRelay(t *testing.T) {
	r := listenRelay(t)
	for _, network := range []string{"udp", "tcp"} {
		a, err := turnClient(t, r, minted(r), network).Allocate()
		if err != nil {
			t.Fatalf("%s: allocate: %v", network, err)
		}
		b, err := turnClient(t, r, minted(r), network).Allocate()
		if err != nil {
			t.Fatalf("%s: allocate: %v", network, err)
		}
		// Each has to send once, so that its permission lets the other in.
		_, _ = a.WriteTo([]byte("opens"), b.LocalAddr())
		if _, err := b.WriteTo([]byte("hello"), a.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		_ = a.SetReadDeadline(time.Now().Add(5 * time.Second))
		buf := make([]byte, 100)
		n, from, err := a.ReadFrom(buf)
		if err != nil || string(buf[:n]) != "hello" || from.String() != b.LocalAddr().String() {
			t.Errorf("%s: got %q from %v, %v, want hello from %v", network, buf[:n], from, err, b.LocalAddr())
		}
		_, _ = a.Close(), b.Close()
	}
}

func TestRelaySTUN(t *testing.T) {
	r := listenRelay(t)
	if mapped, err := turnClient(t, r, minted(r), "udp").SendBindingRequest(); err != nil || !strings.HasPrefix(mapped.String(), "127.0.0.1:") {
		t.Errorf("got %v, %v", mapped, err)
	}
}

func TestR2RefusesStrangers(t *testing.T) {
	r := listenRelay(t)
	good := minted(r)
	expiredUser, expired := r.mint(time.Now().Add(-CredentialTTL - time.Second))
	for what, s := range map[string]wire.ICEServer{
		"nothing":          {URLs: good.URLs, Username: "", Credential: ""},
		"another password": {URLs: good.URLs, Username: good.Username, Credential: expired},
		"another user":     {URLs: good.URLs, Username: "9" + good.Username, Credential: good.Credential},
		"expired":          {URLs: good.URLs, Username: expiredUser, Credential: expired},
	} {
		if conn, err := turnClient(t, r, s, "udp").Allocate(); err == nil {
			t.Errorf("%s: got an allocation at %v", what, conn.LocalAddr())
		}
	}
}

// An allocation outlives the credential that began it: refreshing it is authenticated with the same one.
func TestR2CredentialTimes(t *testing.T) {
	r := listenRelay(t)
	check := func(age time.Duration, method stun.Method, want bool) {
		t.Helper()
		user, _ := r.mint(time.Now().Add(-age))
		id, key, got := r.authenticate(&turn.RequestAttributes{Username: user, Realm: relayRealm, Method: method})
		if got != want || got && (id != user || len(key) == 0) {
			t.Errorf("%v with a credential %v old: got %v, want %v", method, age, got, want)
		}
	}
	check(0, stun.MethodAllocate, true)
	check(CredentialTTL-time.Minute, stun.MethodAllocate, true)
	check(CredentialTTL+time.Minute, stun.MethodAllocate, false)
	check(CredentialTTL+time.Minute, stun.MethodRefresh, true)
	check(12*time.Hour, stun.MethodCreatePermission, true)
	check(12*time.Hour, stun.MethodChannelBind, true)
	check(CredentialTTL+allocationLife+time.Minute, stun.MethodRefresh, false)
	for _, user := range []string{"", ":", "soon:x", "99999999999"} {
		if _, _, ok := r.authenticate(&turn.RequestAttributes{Username: user, Realm: relayRealm}); ok {
			t.Errorf("user %q was let in", user)
		}
	}
}

func TestR2Quota(t *testing.T) {
	r := listenRelay(t)
	s := minted(r)
	var conns []net.PacketConn
	for i := range allocationsPerUser {
		conn, err := turnClient(t, r, s, "udp").Allocate()
		if err != nil {
			t.Fatalf("allocation %d: %v", i, err)
		}
		conns = append(conns, conn)
	}
	if _, err := turnClient(t, r, s, "udp").Allocate(); err == nil {
		t.Error("one allocation too many for a credential")
	}
	if other, err := turnClient(t, r, minted(r), "udp").Allocate(); err != nil {
		t.Errorf("another credential: %v", err)
	} else {
		_ = other.Close()
	}
	_ = conns[0].Close() // a refresh with lifetime zero, which the relay reads before what follows
	if _, err := turnClient(t, r, s, "udp").Allocate(); err != nil {
		t.Errorf("after one was given back: %v", err)
	}
	r.mu.Lock()
	r.total = MaxAllocations
	r.mu.Unlock()
	if _, err := turnClient(t, r, minted(r), "udp").Allocate(); err == nil {
		t.Error("one allocation too many for the relay")
	}
}

func TestR2ConnLimit(t *testing.T) {
	r := &Relay{conns: map[net.Conn]struct{}{}}
	for range maxRelayConns {
		r.conns[&net.TCPConn{}] = struct{}{}
	}
	if r.keep(&net.TCPConn{}) {
		t.Error("one connection too many was kept")
	}
}

func TestR2RelayedPeers(t *testing.T) {
	check := func(relay, public, peer string, want bool) {
		t.Helper()
		r := &Relay{listens: []netip.Addr{netip.MustParseAddr(relay)}}
		if public != "" {
			r.public = netip.MustParseAddr(public)
		}
		f := &relayFrom{relay: r, address: r.listens[0]}
		if got := f.permits(nil, net.ParseIP(peer)); got != want {
			t.Errorf("relay %s (%s) to %s: got %v, want %v", relay, public, peer, got, want)
		}
	}
	for _, relay := range []string{"127.0.0.1", "192.168.1.5", "203.0.113.7"} {
		for _, peer := range []string{"0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1",
			"255.255.255.255", "::", "fe80::1", "ff02::1", "::ffff:169.254.169.254", ""} {
			check(relay, "", peer, false)
		}
		check(relay, "", "198.51.100.1", true)
		check(relay, "", relay, true)
	}
	check("127.0.0.1", "", "127.0.0.2", true)
	check("127.0.0.1", "", "::1", true)
	check("192.168.1.5", "", "127.0.0.1", false)
	check("192.168.1.5", "", "::ffff:127.0.0.1", false)
	check("192.168.1.5", "", "10.0.0.1", true)
	check("203.0.113.7", "", "127.0.0.1", false)
	check("203.0.113.7", "", "10.0.0.1", false)
	check("203.0.113.7", "", "100.64.0.1", false)
	check("203.0.113.7", "", "fd00::1", false)
	check("10.0.0.5", "203.0.113.7", "10.0.0.6", false)
	check("10.0.0.5", "203.0.113.7", "10.0.0.5", true)
	check("10.0.0.5", "203.0.113.7", "203.0.113.7", true)
}

// TCP towards peers is never opened.
func TestR2NoTCPRelays(t *testing.T) {
	f := &relayFrom{}
	if _, _, err := f.AllocateListener(turn.AllocateListenerConfig{}); err == nil {
		t.Error("a TCP listener was opened")
	}
	if _, err := f.AllocateConn(turn.AllocateConnConfig{}); err == nil {
		t.Error("a TCP connection was opened")
	}
}

func TestRelayAddresses(t *testing.T) {
	at := func(s string) netip.Addr { return netip.MustParseAddr(s) }
	r := &Relay{port: 3478, listens: []netip.Addr{at("192.168.1.5"), at("10.0.0.5")}}
	check := func(local netip.Addr, want string) {
		t.Helper()
		if got := r.ICEServers(Client{Local: local}); got[0].URLs[0] != "stun:"+want || got[1].URLs[1] != "turn:"+want+"?transport=tcp" {
			t.Errorf("reached at %s: got %+v, want %s", local, got, want)
		}
	}
	check(at("10.0.0.5"), "10.0.0.5:3478")
	check(at("192.168.1.5"), "192.168.1.5:3478")
	check(at("127.0.0.1"), "192.168.1.5:3478")
	r.public = at("2001:db8::7")
	check(at("10.0.0.5"), "[2001:db8::7]:3478")
	r = &Relay{}
	if got := r.ICEServers(Client{}); got != nil {
		t.Errorf("a relay without an address offers %+v", got)
	}
	if _, err := ListenRelay(RelayOptions{Address: "nonsense"}); err == nil {
		t.Error("nonsense is no address")
	}
}

func TestRelayEverywhere(t *testing.T) {
	r, err := ListenRelay(RelayOptions{Address: "0.0.0.0:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if slices.ContainsFunc(r.listens, netip.Addr.Is6) || len(r.listens) == 0 || r.Port() == 0 {
		t.Errorf("listens on %v, port %d", r.listens, r.Port())
	}
	if len(r.listens) > 1 && slices.ContainsFunc(r.listens, netip.Addr.IsLoopback) {
		t.Errorf("listens on loopback beside others: %v", r.listens)
	}
}

// Closing ends pion's goroutines too, also for TCP clients that still hold their connection.
func TestRelayEnds(t *testing.T) {
	r, err := ListenRelay(RelayOptions{Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	s := minted(r)
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", portOf(s)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := turnClient(t, r, s, "udp").Allocate(); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := conn.Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("a client's connection after the end: %v", err)
	}
	gone := func() bool {
		buf := make([]byte, 1<<20)
		stacks := string(buf[:runtime.Stack(buf, true)])
		return !strings.Contains(stacks, "turn/v5.(*Server)") && !strings.Contains(stacks, "packetConnHandler")
	}
	for end := time.Now().Add(10 * time.Second); !gone(); runtime.Gosched() {
		if time.Now().After(end) {
			buf := make([]byte, 1<<20)
			t.Fatalf("goroutines are left:\n%s", buf[:runtime.Stack(buf, true)])
		}
	}
}

// A relay that can't have its TCP port gives the UDP port back and says why.
func TestRelayPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if _, err := ListenRelay(RelayOptions{Address: address}); !isInUse(err) {
		t.Errorf("got %v, want that the port is in use", err)
	}
	_ = l.Close()
	packets, err := net.ListenPacket("udp", address)
	if err != nil {
		t.Errorf("the UDP port is still held: %v", err)
		return
	}
	_ = packets.Close()
}
