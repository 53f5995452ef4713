//go:build unix

package peer

import (
	"net"

	"golang.org/x/sys/unix"
)

// grantedBuffers reads the sizes back, in bytes; Linux reports twice what it grants.
func grantedBuffers(c *net.UDPConn) (read, write int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, 0, err
	}
	var readErr, writeErr error
	err = raw.Control(func(fd uintptr) {
		read, readErr = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
		write, writeErr = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF)
	})
	for _, e := range []error{err, readErr, writeErr} {
		if e != nil {
			return read, write, e
		}
	}
	return read, write, nil
}
