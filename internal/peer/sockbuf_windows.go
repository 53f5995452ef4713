package peer

import (
	"net"

	"golang.org/x/sys/windows"
)

// grantedBuffers reads the sizes back, in bytes.
func grantedBuffers(c *net.UDPConn) (read, write int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, 0, err
	}
	var readErr, writeErr error
	err = raw.Control(func(fd uintptr) {
		read, readErr = windows.GetsockoptInt(windows.Handle(fd), windows.SOL_SOCKET, windows.SO_RCVBUF)
		write, writeErr = windows.GetsockoptInt(windows.Handle(fd), windows.SOL_SOCKET, windows.SO_SNDBUF)
	})
	for _, e := range []error{err, readErr, writeErr} {
		if e != nil {
			return read, write, e
		}
	}
	return read, write, nil
}
