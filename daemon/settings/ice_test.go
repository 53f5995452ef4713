package settings

import (
	"reflect"
	"strings"
	"testing"

	"earshot/protocol"
)

func TestParseICE(t *testing.T) {
	check := func(input string, matchmaker bool, servers ...protocol.ICEServer) {
		t.Helper()
		got, err := ParseICE(input)
		want := ICE{Matchmaker: matchmaker, Servers: servers}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, %v, want %+v", input, got, err, want)
		}
	}
	stun := func(url string) protocol.ICEServer { return protocol.ICEServer{URLs: []string{url}} }
	relay := func(url, user, password string) protocol.ICEServer {
		return protocol.ICEServer{URLs: []string{url}, Username: user, Credential: password}
	}
	check("", true)
	check("matchmaker", true)
	check(" none ", false)
	check("stun:a.example", false, stun("stun:a.example"))
	check("stun://a.example:3478, matchmaker", true, stun("stun:a.example:3478"))
	check("stuns:[2001:db8::1]:5349", false, stun("stuns:[2001:db8::1]:5349"))
	check("turn:u:p@a.example:80?transport=tcp", false, relay("turn:a.example:80?transport=tcp", "u", "p"))
	check("turns:u:p:q@w@a.example", false, relay("turns:a.example", "u", "p:q@w"))
	check("turn:a%2Cb:p%40%3A@1.2.3.4", false, relay("turn:1.2.3.4", "a,b", "p@:"))
	check("stun:a,turn:u:p@b,stun:c", false, stun("stun:a"), relay("turn:b", "u", "p"), stun("stun:c"))
}

func TestParseICERefuses(t *testing.T) {
	for _, input := range []string{
		"http://a", "a.example", "stun:", "stun:a/b", "stun:u:p@a", "stun:a?transport=udp", "stun:a:0", "stun:a:99999", "stun:a:x",
		"turn:a.example", "turn:u@a.example", "turn::p@a", "turn:u:@a", "turn:u:p@", "turn:u:p@a?transport=quic", "turn:u:%zz@a",
		"none,stun:a", "stun:a,,stun:b", ",", "stun:::1",
	} {
		if got, err := ParseICE(input); err == nil {
			t.Errorf("%q: got %+v, want an error", input, got)
		}
	}
}

// TestNoPasswordInErrors: the error goes to terminals and bug reports.
func TestNoPasswordInErrors(t *testing.T) {
	for _, input := range []string{
		"turn:ana:hunter2@", "turn:ana:hunter2@a:0", "turn:ana:hunter2@a?x", "turn:ana:hunter2%zz@a", "stun:ana:hunter2@a",
		"trun:ana:hunter2@a", "turn:ana:hunter2",
	} {
		if _, err := ParseICE(input); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: got %v, want an error without the password", input, err)
		}
	}
}

func TestICEThroughARequest(t *testing.T) {
	own := ICE{Matchmaker: true, Servers: []protocol.ICEServer{{URLs: []string{"stun:own"}}}}
	check := func(input string) {
		t.Helper()
		want, err := ParseICE(input)
		if err != nil {
			t.Fatal(err)
		}
		if got := ICEFromRequest(want.Request(), own); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, want %+v", input, got, want)
		}
	}
	check("none")
	check("matchmaker")
	check("stun:a")
	check("stun:a,matchmaker,turn:u:p@b")
	if got := ICEFromRequest(nil, own); !reflect.DeepEqual(got, own) {
		t.Errorf("an absent list: got %+v, want the daemon's own", got)
	}
}

func FuzzParseICE(f *testing.F) {
	for _, seed := range []string{"none", "stun:a", "turn:u:p@h:1?transport=udp,matchmaker", "turn:@%@"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input string) {
		ice, err := ParseICE(input)
		if err != nil {
			return
		}
		for _, server := range ice.Servers {
			relay := strings.HasPrefix(server.URLs[0], "turn")
			if relay != (server.Username != "") || relay != (server.Credential != "") {
				t.Errorf("%q: got %+v: a relay has an account and nothing else has one", input, server)
			}
		}
	})
}
