package peer

import (
	"encoding/binary"
	"net"
	"sync/atomic"

	"github.com/pion/transport/v4"
)

// shield stands between a link's sockets and pion. Once the link is up it lets no DTLS record through that nobody has
// authenticated: pion ends a connection at the first alert or message in clear, and what is in clear anyone can have
// written who knows or guesses two addresses and ports. Before that a handshake is in clear, and can be broken; then the
// join fails, and says so.
type shield struct {
	transport.Net
	up atomic.Bool
}

// raise is called when the link is up: both sides have their keys then, since the other's channels have opened.
func (s *shield) raise() { s.up.Store(true) }

// ListenUDP is where pion's host sockets come from.
func (s *shield) ListenUDP(network string, at *net.UDPAddr) (transport.UDPConn, error) {
	c, err := s.Net.ListenUDP(network, at)
	if err != nil {
		return nil, err
	}
	return &shieldedUDP{c, s}, nil
}

// ListenPacket is where pion's sockets towards STUN and TURN servers come from.
func (s *shield) ListenPacket(network, address string) (net.PacketConn, error) {
	c, err := s.Net.ListenPacket(network, address)
	if err != nil {
		return nil, err
	}
	return &shieldedPackets{c, s}, nil
}

type shieldedUDP struct {
	transport.UDPConn
	shield *shield
}

func (c *shieldedUDP) ReadFrom(b []byte) (int, net.Addr, error) { return c.shield.read(c.UDPConn, b) }

type shieldedPackets struct {
	net.PacketConn
	shield *shield
}

func (c *shieldedPackets) ReadFrom(b []byte) (int, net.Addr, error) {
	return c.shield.read(c.PacketConn, b)
}

// read gives the next datagram that may pass.
func (s *shield) read(from net.PacketConn, b []byte) (int, net.Addr, error) {
	for {
		n, at, err := from.ReadFrom(b)
		if err != nil || !s.up.Load() || !inClear(b[:n]) {
			return n, at, err
		}
	}
}

const (
	// recordHeader and linkEpoch are of DTLS 1.2 (RFC 6347 section 4.1): a link's one handshake ends epoch 0, and nothing
	// begins epoch 2.
	recordHeader = 13
	linkEpoch    = 1
	// Alert, handshake and data are types 21 to 23. Type 20 changes the cipher, and pion believes it in any epoch.
	recordAlert, recordData = 21, 23
	// What a TURN server wraps around a packet, RFC 8656 sections 12.4 and 11.4.
	channelHeader  = 4
	stunHeader     = 20
	dataIndication = 0x0017
	dataAttribute  = 0x0013
)

// inClear tells whether a datagram is of DTLS (RFC 7983) and not all of it is protected by the link's keys, or pretends to
// be. What a relay brings is looked at from within.
func inClear(b []byte) bool {
	switch {
	case len(b) == 0:
		return false
	case b[0] >= 64 && b[0] <= 79:
		return inClear(channelled(b))
	case len(b) >= stunHeader && binary.BigEndian.Uint16(b) == dataIndication:
		return inClear(indicated(b[stunHeader:]))
	case b[0] < 20 || b[0] > 63:
		return false
	}
	for len(b) > 0 {
		if len(b) < recordHeader || b[0] < recordAlert || b[0] > recordData || binary.BigEndian.Uint16(b[3:]) != linkEpoch {
			return true
		}
		size := recordHeader + int(binary.BigEndian.Uint16(b[11:]))
		if size == recordHeader || size > len(b) {
			return true
		}
		b = b[size:]
	}
	return false
}

// channelled gives the packet in a TURN channel message, without its padding.
func channelled(b []byte) []byte {
	if len(b) < channelHeader {
		return nil
	}
	size := int(binary.BigEndian.Uint16(b[2:]))
	return b[channelHeader:min(channelHeader+size, len(b))]
}

// indicated finds the packet in the attributes of a TURN data indication.
func indicated(attributes []byte) []byte {
	for len(attributes) >= 4 {
		kind, size := binary.BigEndian.Uint16(attributes), int(binary.BigEndian.Uint16(attributes[2:]))
		attributes = attributes[4:]
		if size > len(attributes) {
			return nil
		}
		if kind == dataAttribute {
			return attributes[:size]
		}
		attributes = attributes[min((size+3)&^3, len(attributes)):]
	}
	return nil
}
