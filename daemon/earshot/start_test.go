package main

import (
	"slices"
	"testing"

	"earshot/daemon/settings"
)

// TestL3InheritedSettings: the daemon that a command starts has the command's settings, but a list of processes shows only
// which daemon it is.
func TestL3InheritedSettings(t *testing.T) {
	check := func(p *program, in inherited, wantFlags, wantEnv []string) {
		t.Helper()
		flags, env := p.inheritedSettings("/run/s.sock", in)
		if !slices.Equal(flags, wantFlags) || !slices.Equal(env, wantEnv) {
			t.Errorf("got flags %q and variables %q, want %q and %q", flags, env, wantFlags, wantEnv)
		}
	}
	given := map[string]string{"ice-servers": "turn:user:password@relay", "server": "ws://m", "log-level": "", "profile": "two"}
	placed := settings.Settings{Profile: "two", Socket: "s.sock"}
	check(&program{given: given, settings: placed}, everything,
		[]string{"--socket=/run/s.sock", "--profile=two", "--log-level="},
		[]string{"EARSHOT_SERVER=ws://m", "EARSHOT_ICE_SERVERS=turn:user:password@relay"})
	check(&program{given: given, settings: placed}, ownPlace, []string{"--socket=/run/s.sock", "--profile=two"}, nil)
	check(&program{}, everything, nil, nil)
}
