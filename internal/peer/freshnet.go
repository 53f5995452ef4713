package peer

import (
	"net"
	"net/netip"
	"strings"

	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
	"go.uber.org/zap"
)

const (
	// socketBuffer is asked for in both directions: with the usual 208 KiB, overflow of the receiving socket is the
	// main loss on a LAN. A system may grant less (Linux: net.core.rmem_max).
	socketBuffer = 4 << 20
	// maxHosts bounds our own addresses, so that all fit among maxCandidates beside those from STUN and TURN.
	maxHosts = 6
)

// virtualPrefixes are interfaces that lead to containers and virtual machines on this computer, never to another
// person. Tunnels (tun, wg, tailscale) are kept: they do.
var virtualPrefixes = []string{
	"docker", "br-", "veth", "virbr", "vmnet", "vboxnet", "cni", "flannel", "cali", "lxc", "lxdbr", "awdl", "llw",
}

// freshNet lists the interfaces anew each time it is asked (pion's own lists them once, and is blind after a change
// of network), leaves out those that lead nowhere, and gives sockets large buffers. The filter is here and not in
// pion's settings: with one there, pion allocates on every TURN server once for each local address.
type freshNet struct {
	*stdnet.Net
	log *zap.Logger
}

func newFreshNet(log *zap.Logger) (*freshNet, error) {
	n, err := stdnet.NewNet()
	if err != nil {
		return nil, err
	}
	return &freshNet{n, log}, nil
}

// Interfaces lists what is there now and may lead to another machine, and loopback.
func (f *freshNet) Interfaces() ([]*transport.Interface, error) {
	now, err := stdnet.NewNet()
	if err != nil {
		return nil, err
	}
	all, err := now.Interfaces()
	if err != nil {
		return nil, err
	}
	return usable(all), nil
}

// InterfaceByIndex looks among what is there now.
func (f *freshNet) InterfaceByIndex(index int) (*transport.Interface, error) {
	now, err := stdnet.NewNet()
	if err != nil {
		return nil, err
	}
	return now.InterfaceByIndex(index)
}

// InterfaceByName looks among what is there now.
func (f *freshNet) InterfaceByName(name string) (*transport.Interface, error) {
	now, err := stdnet.NewNet()
	if err != nil {
		return nil, err
	}
	return now.InterfaceByName(name)
}

// ListenUDP is where pion's host and mDNS sockets come from.
func (f *freshNet) ListenUDP(network string, addr *net.UDPAddr) (transport.UDPConn, error) {
	c, err := net.ListenUDP(network, addr)
	if err != nil {
		return nil, err
	}
	f.enlarge(c)
	return c, nil
}

// ListenPacket is where pion's sockets towards STUN and TURN servers come from.
func (f *freshNet) ListenPacket(network, address string) (net.PacketConn, error) {
	c, err := net.ListenPacket(network, address)
	if err != nil {
		return nil, err
	}
	if u, ok := c.(*net.UDPConn); ok {
		f.enlarge(u)
	}
	return c, nil
}

// enlarge asks for large buffers and logs what was granted; a small one costs speed, not correctness.
func (f *freshNet) enlarge(c *net.UDPConn) {
	_ = c.SetReadBuffer(socketBuffer)
	_ = c.SetWriteBuffer(socketBuffer)
	read, write, err := grantedBuffers(c)
	f.log.Debug("socket buffers", zap.Int("read_bytes", read), zap.Int("write_bytes", write), zap.Error(err))
}

// usable leaves out virtual interfaces, unless nothing else is there (in a container or a network namespace a veth
// is the way out), keeps maxHosts addresses besides loopback, and no link-local ones, which need a zone.
func usable(all []*transport.Interface) []*transport.Interface {
	real := withAddresses(all, func(ifc *transport.Interface) bool { return !virtual(ifc.Name) })
	if !leadsOut(real) {
		return withAddresses(all, func(*transport.Interface) bool { return true })
	}
	return real
}

func withAddresses(all []*transport.Interface, keep func(*transport.Interface) bool) []*transport.Interface {
	var kept []*transport.Interface
	hosts := 0
	for _, ifc := range all {
		addrs, err := ifc.Addrs()
		if err != nil || ifc.Flags&net.FlagUp == 0 || !keep(ifc) {
			continue
		}
		out, given := transport.NewInterface(ifc.Interface), 0
		for _, addr := range addrs {
			ip, ok := addressOf(addr)
			if !ok || ip.IsLinkLocalUnicast() || ip.IsMulticast() || !ip.IsLoopback() && hosts >= maxHosts {
				continue
			}
			if !ip.IsLoopback() {
				hosts++
			}
			out.AddAddress(addr)
			given++
		}
		if given > 0 {
			kept = append(kept, out)
		}
	}
	return kept
}

func leadsOut(list []*transport.Interface) bool {
	for _, ifc := range list {
		if ifc.Flags&net.FlagLoopback == 0 {
			return true
		}
	}
	return false
}

func virtual(name string) bool {
	for _, prefix := range virtualPrefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func addressOf(a net.Addr) (netip.Addr, bool) {
	n, ok := a.(*net.IPNet)
	if !ok {
		return netip.Addr{}, false
	}
	ip, ok := netip.AddrFromSlice(n.IP)
	return ip.Unmap(), ok
}
