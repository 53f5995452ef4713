package rpc

import "golang.org/x/sys/unix"

// socketUID asks with SO_PEERCRED: the user at connect or listen time.
func socketUID(fd int) (int, error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return -1, err
	}
	return int(cred.Uid), nil
}
