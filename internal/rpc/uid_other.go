//go:build unix && !linux && !darwin

package rpc

import "errors"

// socketUID refuses everybody: no check, no socket.
func socketUID(int) (int, error) {
	return -1, errors.New("this system does not tell whose a connection is; Earshot runs on Linux, macOS and Windows")
}
