package rpc

import (
	"errors"
	"strings"
	"testing"
)

func TestProfiles(t *testing.T) {
	check := func(profile, want string) {
		t.Helper()
		got, err := socketName(profile)
		if err != nil {
			got = "refused"
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", profile, got, want)
		}
	}
	check("", "daemon")
	check("work", "daemon-work")
	check("A-1_b", "daemon-A-1_b")
	check(strings.Repeat("x", 32), "daemon-"+strings.Repeat("x", 32))
	check(strings.Repeat("x", 33), "refused")
	check("a/b", "refused")
	check("..", "refused")
	check("-x", "refused")
	check("a b", "refused")
	check("ä", "refused")
}

// TestSentences: what people see says what to do, and the sentinels stay apart.
func TestSentences(t *testing.T) {
	for _, err := range []error{ErrRunning, ErrNotRunning, ErrOtherUser, ErrSlow, ErrClosed} {
		for _, other := range []error{ErrRunning, ErrNotRunning, ErrOtherUser, ErrSlow, ErrClosed} {
			if errors.Is(err, other) != (err == other) {
				t.Errorf("%q is %q", err, other)
			}
		}
		if !strings.ContainsAny(err.Error(), ";,") {
			t.Errorf("%q does not say what to do", err)
		}
	}
}
