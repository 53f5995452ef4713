package matchmaker

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"testing"

	"earshot/protocol/wire"
)

func TestL5LocalAddress(t *testing.T) {
	check := func(address string, want bool) {
		t.Helper()
		if got := IsLocal(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: got %v, want %v", address, got, want)
		}
	}
	for _, yes := range []string{"127.0.0.1", "::1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "100.64.0.1", "100.127.255.255", "fd7a::1",
		"::ffff:10.0.0.1"} {
		check(yes, true)
	}
	for _, no := range []string{"8.8.8.8", "172.32.0.1", "100.128.0.1", "169.254.1.1", "2001:db8::1", "fe80::1", "0.0.0.0", "::", "224.0.0.1"} {
		check(no, false)
	}
}

func TestL5LocalAddresses(t *testing.T) {
	all, err := LocalAddresses()
	if err != nil || len(all) == 0 || !all[0].IsLoopback() {
		t.Fatalf("got %v, %v, want loopback first", all, err)
	}
	for _, a := range all {
		if !IsLocal(a) {
			t.Errorf("%s is not local", a)
		}
	}
	if a := LinkAddress(all); !slices.Contains(all, a) || len(all) > 2 && a.IsLoopback() {
		t.Errorf("address for links: got %s of %v", a, all)
	}
	if LinkAddress(nil).IsValid() {
		t.Error("an address out of nothing")
	}
}

// Two hosts on one machine take different ports of the range, on local addresses only.
func TestL5ListensLocally(t *testing.T) {
	var ports []int
	for range 2 {
		listeners, port, err := ListenLocal()
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range listeners {
			defer l.Close()
			at := netip.MustParseAddrPort(l.Addr().String())
			if !IsLocal(at.Addr()) || int(at.Port()) != port {
				t.Errorf("listens at %s, want a local address and port %d", at, port)
			}
		}
		ports = append(ports, port)
	}
	if ports[0] >= ports[1] || ports[0] < wire.FirstLocalPort || ports[1] > wire.LastLocalPort {
		t.Errorf("ports: %v", ports)
	}
}

func TestNoLocalPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	if _, _, err := listenFirst([]netip.Addr{netip.MustParseAddr("127.0.0.1")}, port, port); !errors.Is(err, ErrNoLocalPort) {
		t.Errorf("got %v, want ErrNoLocalPort", err)
	}
}

// A port that is in use on one address only is not free.
func TestPortInUseOnOneAddress(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	all, err := LocalAddresses()
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(all) // the one that is in use comes last
	if got, free := listenAll(all, port); free || got != nil {
		t.Errorf("port %s: got %d listeners, want it not free", strconv.Itoa(port), len(got))
	}
}
