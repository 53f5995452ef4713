package rpc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"

	"github.com/Microsoft/go-winio"
	"golang.org/x/sys/windows"
)

// pipeBuffer is the size of a pipe's buffers in the system, for each direction.
const pipeBuffer = 64 << 10

// SocketPath gives the named pipe of a profile ("" for the usual one); the user's SID keeps the users of a
// machine apart.
func SocketPath(profile string) (string, error) {
	name, err := socketName(profile)
	if err != nil {
		return "", err
	}
	sid, err := currentSID()
	if err != nil {
		return "", err
	}
	return `\\.\pipe\earshot-` + sid.String() + `-` + name, nil
}

// Listen takes the pipe for this process. Only its user is let in (an access list of this one SID), and winio
// makes the first instance exclusively, so that of daemons that start at once one wins and the others get
// ErrRunning.
func Listen(path string) (net.Listener, error) {
	sid, err := currentSID()
	if err != nil {
		return nil, err
	}
	l, err := winio.ListenPipe(path, &winio.PipeConfig{
		SecurityDescriptor: "O:" + sid.String() + "D:P(A;;GA;;;" + sid.String() + ")",
		InputBufferSize:    pipeBuffer,
		OutputBufferSize:   pipeBuffer,
	})
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		return nil, ErrRunning
	}
	if err != nil {
		return nil, fmt.Errorf("listen on the pipe: %w", err)
	}
	return l, nil
}

// Dial connects to the daemon at path and makes sure that the pipe is the same user's. Errors: ErrNotRunning,
// ErrOtherUser.
func Dial(ctx context.Context, path string) (net.Conn, error) {
	nc, err := winio.DialPipeAccessImpLevel(ctx, path, windows.GENERIC_READ|windows.GENERIC_WRITE, winio.PipeImpLevelAnonymous)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, ErrNotRunning
	case errors.Is(err, windows.ERROR_ACCESS_DENIED):
		return nil, ErrOtherUser
	case err != nil:
		return nil, fmt.Errorf("connect to the daemon: %w", err)
	}
	if err := checkOwner(nc); err != nil {
		nc.Close()
		return nil, err
	}
	return nc, nil
}

// checkOwner reads the owner of the pipe, which Listen has set.
func checkOwner(nc net.Conn) error {
	handle, ok := nc.(interface{ Fd() uintptr })
	if !ok {
		return errors.New("find out whose daemon this is: the pipe has no handle")
	}
	sd, err := windows.GetSecurityInfo(windows.Handle(handle.Fd()), windows.SE_KERNEL_OBJECT,
		windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return fmt.Errorf("find out whose daemon this is: %w", err)
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return fmt.Errorf("find out whose daemon this is: %w", err)
	}
	sid, err := currentSID()
	if err != nil {
		return err
	}
	if !owner.Equals(sid) {
		return ErrOtherUser
	}
	return nil
}

func currentSID() (*windows.SID, error) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, fmt.Errorf("find the current user: %w", err)
	}
	return user.User.Sid, nil
}
