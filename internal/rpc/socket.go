package rpc

import (
	"errors"
	"fmt"
	"regexp"
)

// ErrRunning is what Listen gives when a daemon has the socket already.
var ErrRunning = errors.New("a daemon is already running on this socket; use it, or choose another with --profile")

// ErrNotRunning is what Dial gives when no daemon listens on the socket.
var ErrNotRunning = errors.New("no daemon is running on this socket; start one with `earshot daemon`")

// ErrOtherUser is what Dial gives when the socket's daemon belongs to another user.
var ErrOtherUser = errors.New("the daemon on this socket belongs to another user; choose a socket of your own with --socket")

// profiles are short, so that the socket's path stays within the system's limit, and safe in a file's name.
var profiles = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$`)

// socketName gives the name of a profile's socket; the empty profile is the usual one.
func socketName(profile string) (string, error) {
	if profile == "" {
		return "daemon", nil
	}
	if !profiles.MatchString(profile) {
		return "", fmt.Errorf("the profile %q is not a name; use up to 32 letters, digits, - and _", profile)
	}
	return "daemon-" + profile, nil
}
