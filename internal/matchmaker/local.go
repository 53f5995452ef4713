package matchmaker

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"syscall"

	"earshot/protocol/wire"
)

// ErrNoLocalPort: all ports from 47300 to 47309 are taken.
var ErrNoLocalPort = errors.New("all ports from 47300 to 47309 are in use: end another share, or set a server")

// carrierNAT is RFC 6598's shared space, which VPNs like Tailscale number their members from.
var carrierNAT = netip.MustParsePrefix("100.64.0.0/10")

// IsLocal tells whether an address is loopback, private (RFC 1918, RFC 4193) or of a VPN (RFC 6598): where a host's own
// matchmaker listens, and where a server can be without being asked about.
func IsLocal(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsLoopback() || a.IsPrivate() || carrierNAT.Contains(a)
}

// LocalAddresses lists this machine's addresses that IsLocal accepts: loopback first, then IPv4, then IPv6.
func LocalAddresses() ([]netip.Addr, error) {
	found, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list this machine's addresses: %w", err)
	}
	var out []netip.Addr
	for _, f := range found {
		p, err := netip.ParsePrefix(f.String())
		if a := p.Addr().Unmap(); err == nil && IsLocal(a) && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	slices.SortStableFunc(out, func(a, b netip.Addr) int { return rank(a) - rank(b) })
	return out, nil
}

func rank(a netip.Addr) int {
	switch {
	case a.IsLoopback() && a.Is4():
		return 0
	case a.IsLoopback():
		return 1
	case a.Is4():
		return 2
	}
	return 3
}

// LinkAddress picks the address that others on the network reach this machine by: the one that packets to the world
// leave from (no packet is sent), if it is among the given, else the first that is not loopback, else the first.
func LinkAddress(addresses []netip.Addr) netip.Addr {
	if conn, err := net.Dial("udp4", "192.0.2.1:9"); err == nil { // TEST-NET-1, RFC 5737: routed by the default route
		a, err := netip.ParseAddrPort(conn.LocalAddr().String())
		_ = conn.Close()
		if err == nil && slices.Contains(addresses, a.Addr().Unmap()) {
			return a.Addr().Unmap()
		}
	}
	for _, a := range addresses {
		if !a.IsLoopback() {
			return a
		}
	}
	if len(addresses) == 0 {
		return netip.Addr{}
	}
	return addresses[0]
}

// ListenLocal listens on every one of LocalAddresses, on the first port from 47300 to 47309 that is free on all of them.
// The error is ErrNoLocalPort if there is none.
func ListenLocal() (listeners []net.Listener, port int, err error) {
	addresses, err := LocalAddresses()
	if err != nil {
		return nil, 0, err
	}
	return listenFirst(addresses, wire.FirstLocalPort, wire.LastLocalPort)
}

func listenFirst(addresses []netip.Addr, first, last int) (listeners []net.Listener, port int, err error) {
	for port := first; port <= last; port++ {
		listeners, free := listenAll(addresses, port)
		if free && len(listeners) > 0 {
			return listeners, port, nil
		}
	}
	return nil, 0, ErrNoLocalPort
}

// listenAll listens on a port of all addresses. An address that can't be listened on at all (an interface that is going
// down, an IPv6 address still being checked) is left out; one where the port is in use makes the port not free.
func listenAll(addresses []netip.Addr, port int) (listeners []net.Listener, free bool) {
	for _, a := range addresses {
		l, err := net.Listen("tcp", net.JoinHostPort(a.String(), strconv.Itoa(port)))
		switch {
		case err == nil:
			listeners = append(listeners, l)
		case isInUse(err) || a.IsLoopback() && a.Is4():
			for _, l := range listeners {
				_ = l.Close()
			}
			return nil, false
		}
	}
	return listeners, true
}

// isInUse knows Windows' number too, which its syscall package does not name.
func isInUse(err error) bool {
	const windowsInUse = syscall.Errno(10048) // WSAEADDRINUSE
	return errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, windowsInUse)
}
