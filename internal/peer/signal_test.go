package peer

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// fullSDP is what a browser or pion might offer, with more in it than we need.
var fullSDP = strings.Join([]string{
	"v=0",
	"o=- 8211397 1700000000 IN IP4 0.0.0.0",
	"s=-",
	"t=0 0",
	"a=msid-semantic:WMS*",
	"a=fingerprint:sha-256 " + sampleFingerprint,
	"a=extmap-allow-mixed",
	"a=group:BUNDLE 0",
	"m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
	"c=IN IP4 0.0.0.0",
	"a=setup:actpass",
	"a=mid:0",
	"a=sendrecv",
	"a=sctp-port:5000",
	"a=max-message-size:262144",
	"a=ice-ufrag:abcdEFGH",
	"a=ice-pwd:0123456789abcdefghijklmn",
	"a=ice-options:trickle",
	"a=candidate:1 1 udp 2130706431 192.168.1.2 50000 typ host generation 0",
	"",
}, "\r\n")

var sampleFingerprint = fingerprintText([32]byte{0xAB, 31: 0x01})

func TestParseDescription(t *testing.T) {
	replaced := func(old, new string) string { return strings.ReplaceAll(fullSDP, old, new) }
	added := func(line string) string { return fullSDP + line + "\r\n" }
	hundred := fullSDP + strings.Repeat("a=candidate:1 1 udp 1 192.168.1.2 50000 typ host\r\n", 100)
	for _, c := range []struct {
		name, sdp string
		want      error
	}{
		{"as browsers write it", fullSDP, nil},
		{"line feeds alone", strings.ReplaceAll(fullSDP, "\r\n", "\n"), nil},
		{"empty", "", errSections},
		{"garbage", "\x00\x01garbage", errSDPLine},
		{"control characters", added("a=x:\x07"), errSDPLine},
		{"no section", replaced("m=application", "i=application"), errSections},
		{"two sections", added("m=application 9 UDP/DTLS/SCTP webrtc-datachannel"), errSections},
		{"a sound section", added("m=audio 9 UDP/TLS/RTP/SAVPF 111"), errSections},
		{"a refused section", replaced("m=application 9", "m=application 0"), errSections},
		{"no fingerprint", replaced("a=fingerprint", "a=x"), errFingerprints},
		{"two fingerprints", added("a=fingerprint:sha-256 " + sampleFingerprint), errFingerprints},
		{"sha-1", replaced("sha-256", "sha-1"), errFingerprint},
		{"a short fingerprint", replaced("AB:", ""), errFingerprint},
		{"a fingerprint that is no hex", replaced("AB:", "XY:"), errFingerprint},
		{"no setup", replaced("a=setup", "a=x"), errSetup},
		{"an unknown setup", replaced("actpass", "holdconn"), errSetup},
		{"two setups", added("a=setup:active"), errSetup},
		{"a long mid", replaced("a=mid:0", "a=mid:"+strings.Repeat("0", 17)), errMid},
		{"no user", replaced("a=ice-ufrag", "a=x"), errCredentials},
		{"two users", added("a=ice-ufrag:abcdEFGH"), errCredentials},
		{"a user with a space", replaced("abcdEFGH", "abcd EFGH"), errCredentials},
		{"a short password", replaced("0123456789abcdefghijklmn", "0123"), errCredentials},
		{"no limit of messages", replaced("262144", "0"), nil},
		{"tiny messages", replaced("262144", "1000"), errMaxMessage},
		{"messages of no size", replaced("262144", "many"), errMaxMessage},
		{"two sizes", added("a=max-message-size:262144"), errMaxMessage},
		{"another port", replaced("5000\r\n", "5001\r\n"), errSCTPPort},
		{"lite", added("a=ice-lite"), errLite},
		{"sixteen candidates", fullSDP + strings.Repeat("a=candidate:1 1 udp 1 192.168.1.2 5 typ host\r\n", 15), nil},
		{"a hundred candidates", hundred, errManyCandidates},
		{"a bad candidate", added("a=candidate:1 1 udp 1 example.com 5 typ host"), errCandidate},
	} {
		checkDescription(t, c.name, c.sdp, c.want)
	}
}

func checkDescription(t *testing.T, name, sdp string, want error) {
	t.Helper()
	d, got := parseDescription(sdp)
	if !errors.Is(got, want) {
		t.Errorf("%s: %v, want %v", name, got, want)
		return
	}
	if got == nil {
		checkRewritten(t, d)
	}
}

// checkRewritten: what we write reads back as the same, candidates apart.
func checkRewritten(t *testing.T, d description) {
	t.Helper()
	again, err := parseDescription(d.sdp())
	d.candidates = nil
	if err != nil || fmt.Sprint(again) != fmt.Sprint(d) {
		t.Errorf("rewritten: %v, %v, want %v", again, err, d)
	}
}

func TestParseCandidate(t *testing.T) {
	for line, want := range map[string]error{
		"candidate:1 1 udp 2130706431 192.168.1.2 50000 typ host":                          nil,
		"1 1 UDP 1694498815 203.0.113.5 50000 typ srflx raddr 10.0.0.1 rport 5 ufrag abcd": nil,
		"1 1 udp 1 2001:db8::1 50000 typ relay raddr :: rport 0":                           nil,
		"1 1 udp 1 0a1b2c3d-0000-4000-8000-0123456789ab.local 50000 typ host":              nil,
		"1 1 tcp 1 192.168.1.2 9 typ host tcptype active":                                  errOther,
		"1 2 udp 1 192.168.1.2 50000 typ host":                                             errCandidate,
		"1 1 udp 1 example.com 50000 typ host":                                             errCandidate,
		"1 1 udp 1 a.b.local 50000 typ host":                                               errCandidate,
		"1 1 udp 1 x.local 50000 typ relay":                                                errCandidate,
		"1 1 udp 1 fe80::1%eth0 50000 typ host":                                            errCandidate,
		"1 1 udp 1 192.168.1.2 0 typ host":                                                 errCandidate,
		"1 1 udp 1 192.168.1.2 70000 typ host":                                             errCandidate,
		"1 1 udp 5000000000 192.168.1.2 5 typ host":                                        errCandidate,
		"1 1 udp 1 192.168.1.2 50000 typ magic":                                            errCandidate,
		"1 1 udp 1 192.168.1.2 50000":                                                      errCandidate,
		"":                                                                                 errCandidate,
		"1 1 udp 1 192.168.1.2 50000 typ host " + strings.Repeat("x", maxCandidate):        errCandidate,
	} {
		c, got := parseCandidate(line)
		if !errors.Is(got, want) {
			t.Errorf("%q: %v, want %v", line, got, want)
		}
		if got != nil {
			continue
		}
		if again, err := parseCandidate(c.line()); err != nil || again != c {
			t.Errorf("%q: rewritten as %q: %v", line, c.line(), err)
		}
	}
}

func TestM7Reachable(t *testing.T) {
	for address, want := range map[string][2]bool{ // off loopback, on loopback
		"192.168.1.2": {true, true}, "2001:db8::1": {true, true}, "name.local": {true, true},
		"127.0.0.1": {false, true}, "::1": {false, true}, "::ffff:127.0.0.1": {false, true},
		"0.0.0.0": {false, false}, "::": {false, false}, "224.0.0.251": {false, false}, "ff02::fb": {false, false},
		"255.255.255.255": {false, false}, "::ffff:224.0.0.1": {false, false}, "0.1.2.3": {false, false}, "240.0.0.1": {false, false},
		"169.254.169.254": {false, false}, "::ffff:169.254.169.254": {false, false}, "169.254.1.1": {false, false}, "fe80::1": {false, false},
		"10.1.2.3": {true, true}, "100.64.0.1": {true, true}, "fd00::1": {true, true},
	} {
		c := candidate{address: address}
		if got := [2]bool{c.reachable(LoopbackOff), c.reachable(LoopbackOn)}; got != want {
			t.Errorf("%s: %v, want %v", address, got, want)
		}
	}
}

// TestM8HostileSignals: a link refuses what it can't use, and then still connects.
func TestM8HostileSignals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, time.Millisecond)
		guest, host := newSide(t, "guest"), newSide(t, "host")
		edit := func(role Role, c *Config) { c.Net, c.Loopback = n.nets[role], LoopbackOff }
		host.start(Answerer, guest, edit)
		for _, b := range []string{
			"", "o", "x" + fullSDP, "oo", "a" + fullSDP, "o" + strings.Repeat("v=0\r\n", maxSignal),
			"o" + strings.Replace(fullSDP, "sha-256", "sha-1", 1), "c", "cgarbage",
			"c1 1 udp 1 127.0.0.1 22 typ host", "c1 1 udp 1 224.0.0.1 22 typ host",
		} {
			if err := host.link.Signal([]byte(b)); !errors.Is(err, ErrSignal) {
				t.Errorf("signal %.20q: %v, want a refusal", b, err)
			}
		}
		for i := range maxCandidates + 1 {
			err := host.link.Signal(fmt.Appendf(nil, "c1 1 udp 1 10.9.9.9 %d typ host", 1000+i))
			if refused := errors.Is(err, ErrSignal); refused != (i == maxCandidates) {
				t.Errorf("candidate %d: %v", i, err)
			}
		}
		if err := host.link.Signal([]byte("c1 1 tcp 1 10.9.9.9 9 typ host tcptype active")); err != nil {
			t.Errorf("a TCP candidate: %v, want it ignored", err)
		}
		guest.start(Offerer, host, edit)
		await[Up](guest)
		await[Up](host)
		if err := host.link.Signal([]byte("o" + fullSDP)); !errors.Is(err, ErrSignal) {
			t.Errorf("a second offer: %v, want a refusal", err)
		}
		checkTrip(t, guest, host, Live, 8)
		closeBoth(guest, host)
		if err := host.link.Signal([]byte("cgarbage")); !errors.Is(err, ErrClosed) {
			t.Errorf("signal after close: %v, want %v", err, ErrClosed)
		}
		n.stop(t)
	})
}

// TestM1ForgedFingerprint: DTLS ends the link if the certificate is not the one described.
func TestM1ForgedFingerprint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, time.Millisecond)
		guest, host := newSide(t, "guest"), newSide(t, "host")
		guest.forge = func(b []byte) []byte {
			if b[0] != signalOffer {
				return b
			}
			d, err := parseDescription(string(b[1:]))
			if err != nil {
				t.Error(err)
			}
			d.fingerprint[0] ^= 1
			return append([]byte{signalOffer}, d.sdp()...)
		}
		edit := func(role Role, c *Config) { c.Net, c.Loopback = n.nets[role], LoopbackOff }
		host.start(Answerer, guest, edit)
		guest.start(Offerer, host, edit)
		checkDown(host, ErrUnreachable)
		closeBoth(guest)
		n.stop(t)
	})
}

func FuzzSignal(f *testing.F) {
	f.Add([]byte("o" + fullSDP))
	f.Add([]byte("a" + fullSDP))
	f.Add([]byte("c1 1 udp 1 192.168.1.2 50000 typ host"))
	f.Add([]byte("c1 1 udp 1 192.168.1.2 50000 typ srflx raddr 0.0.0.0 rport 0"))
	f.Add([]byte("o\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseSignal(b)
		if err != nil {
			return
		}
		if len(m.description.candidates) > maxCandidates || len(b) > maxSignal {
			t.Errorf("%d candidates in %d bytes were taken", len(m.description.candidates), len(b))
		}
		if m.kind != signalCandidate {
			checkRewritten(t, m.description)
			return
		}
		if again, err := parseCandidate(m.candidate.line()); err != nil || again != m.candidate {
			t.Errorf("rewritten as %q: %v", m.candidate.line(), err)
		}
	})
}
