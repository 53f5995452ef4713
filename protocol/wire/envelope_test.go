package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

const (
	testRoom  = "A4X9"
	testOwner = "00112233445566778899aabbccddeeff"
	testPeer  = "abcdef0123"
)

func TestDecodeToMatchmaker(t *testing.T) {
	check := func(message string, want *Envelope) {
		t.Helper()
		got, err := DecodeToMatchmaker([]byte(message))
		checkDecoded(t, message, got, err, want)
	}
	check(`{"type":"open","room":"A4X9","owner":"`+testOwner+`"}`,
		&Envelope{Type: EnvelopeOpen, Room: testRoom, Owner: testOwner})
	check(`{"type":"knock","room":"A4X9"}`, &Envelope{Type: EnvelopeKnock, Room: testRoom})
	check(`{"type":"ask","room":"A4X9","later":[1]}`, &Envelope{Type: EnvelopeAsk, Room: testRoom})
	check(`{"type":"relay","data":"aGk="}`, &Envelope{Type: EnvelopeRelay, Data: []byte("hi")})
	check(`{"type":"relay","peer":"abcdef0123","data":"aGk="}`,
		&Envelope{Type: EnvelopeRelay, Peer: testPeer, Data: []byte("hi")})
	check(`{"type":"close"}`, &Envelope{Type: EnvelopeClose})

	check(``, nil)
	check(`null`, nil)
	check(`[]`, nil)
	check(`{}`, nil)
	check(`{"type":"close"} {}`, nil)
	check(`{"type":"opened"}`, nil)
	check(`{"type":"gone"}`, nil)
	check(`{"type":"open","room":"A4X9"}`, nil)
	check(`{"type":"open","room":"A4X9","owner":"`+strings.ToUpper(testOwner)+`"}`, nil)
	check(`{"type":"knock","room":"a4x9"}`, nil)
	check(`{"type":"knock","room":"A4XI"}`, nil)
	check(`{"type":"knock","room":"A4X90"}`, nil)
	check(`{"type":"knock","room":4}`, nil)
	check(`{"type":"relay"}`, nil)
	check(`{"type":"relay","data":""}`, nil)
	check(`{"type":"relay","data":"%"}`, nil)
	check(`{"type":"relay","peer":"../../etc","data":"aGk="}`, nil)
	check(strings.Repeat(`{"a":`, 5000), nil)
	check(`{"type":"close","later":"`+strings.Repeat("x", MaxEnvelope)+`"}`, nil)
}

func TestDecodeFromMatchmaker(t *testing.T) {
	check := func(message string, want *Envelope) {
		t.Helper()
		got, err := DecodeFromMatchmaker([]byte(message))
		checkDecoded(t, message, got, err, want)
	}
	ice := []ICEServer{{URLs: []string{"turn:10.0.0.1:3478?transport=udp"}, Username: "u", Credential: "c"}}
	check(`{"type":"opened"}`, &Envelope{Type: EnvelopeOpened})
	check(`{"type":"knocked","iceServers":[{"urls":["turn:10.0.0.1:3478?transport=udp"],"username":"u","credential":"c"}]}`,
		&Envelope{Type: EnvelopeKnocked, ICEServers: ice})
	check(`{"type":"knock","peer":"abcdef0123"}`, &Envelope{Type: EnvelopeKnock, Peer: testPeer})
	check(`{"type":"known"}`, &Envelope{Type: EnvelopeKnown})
	check(`{"type":"gone"}`, &Envelope{Type: EnvelopeGone})
	check(`{"type":"error","kind":"noSuchRoom"}`, &Envelope{Type: EnvelopeError, Kind: RefusedNoSuchRoom})

	check(`{"type":"knock"}`, nil)
	check(`{"type":"open","room":"A4X9","owner":"`+testOwner+`"}`, nil)
	check(`{"type":"error"}`, nil)
	check(`{"type":"error","kind":"`+strings.Repeat("k", maxRefusalKind+1)+`"}`, nil)
	check(`{"type":"error","kind":"x","message":"`+strings.Repeat("m", maxRefusal+1)+`"}`, nil)
	check(`{"type":"opened","iceServers":[{"urls":[]}]}`, nil)
	check(`{"type":"opened","iceServers":[{"urls":["http://10.0.0.1"]}]}`, nil)
	check(`{"type":"opened","iceServers":[{"urls":["stun:"]}]}`, nil)
	check(`{"type":"opened","iceServers":[{"urls":["stun:`+strings.Repeat("h", maxICEText)+`"]}]}`, nil)
	check(`{"type":"opened","iceServers":[`+strings.Repeat(`{"urls":["stun:h"]},`, MaxICEServers)+`{"urls":["stun:h"]}]}`, nil)
	check(`{"type":"opened","iceServers":[{"urls":[`+strings.Repeat(`"stun:h",`, maxICEURLs)+`"stun:h"]}]}`, nil)
}

func checkDecoded(t *testing.T, message string, got Envelope, err error, want *Envelope) {
	t.Helper()
	if len(message) > 80 {
		message = message[:80] + "…"
	}
	if want == nil {
		if !errors.Is(err, ErrBadEnvelope) {
			t.Errorf("decode %s: got %+v, %v, want ErrBadEnvelope", message, got, err)
		}
		return
	}
	if err != nil || !reflect.DeepEqual(got, *want) {
		t.Errorf("decode %s: got %+v, %v, want %+v", message, got, err, *want)
	}
}

// The largest data fits into the largest message, with everything else beside it; one byte more is refused on both sides.
func TestRelayLimit(t *testing.T) {
	full := Envelope{Type: EnvelopeRelay, Peer: testPeer, Data: bytes.Repeat([]byte{0xff}, MaxRelayData)}
	message, err := full.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := DecodeToMatchmaker(message); err != nil || !bytes.Equal(got.Data, full.Data) {
		t.Errorf("decode of the largest relay: got %d bytes, %v", len(got.Data), err)
	}
	full.Data = append(full.Data, 0)
	if _, err := full.Encode(); !errors.Is(err, ErrBadEnvelope) {
		t.Errorf("encode of one byte too many: got %v, want ErrBadEnvelope", err)
	}
	message, err = json.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := DecodeToMatchmaker(message); !errors.Is(err, ErrBadEnvelope) {
		t.Errorf("decode of one byte too many: got %v, want ErrBadEnvelope", err)
	}
}

func TestEncodeRefusesTooMuch(t *testing.T) {
	e := Envelope{Type: EnvelopeError, Kind: RefusedBadRequest, Message: strings.Repeat("x", MaxEnvelope)}
	if _, err := e.Encode(); !errors.Is(err, ErrBadEnvelope) {
		t.Errorf("got %v, want ErrBadEnvelope", err)
	}
}

// What a decoder's error says is logged: it must not quote what came.
func TestEnvelopeErrorsQuoteNothing(t *testing.T) {
	for _, message := range []string{`{"type":"canary"}`, `{"room":canary}`, `{"type":"knock","room":"canary"}`} {
		_, err := DecodeToMatchmaker([]byte(message))
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("decode %s: got error %v, want one without the content", message, err)
		}
	}
}

func FuzzEnvelope(f *testing.F) {
	f.Add([]byte(`{"type":"open","room":"A4X9","owner":"` + testOwner + `"}`))
	f.Add([]byte(`{"type":"relay","peer":"abcdef0123","data":"aGk="}`))
	f.Add([]byte(`{"type":"knocked","iceServers":[{"urls":["stun:h"]}]}`))
	f.Add([]byte(`{"type":"error","kind":"noSuchRoom","message":"no"}`))
	f.Fuzz(func(t *testing.T, message []byte) {
		for _, decode := range []func([]byte) (Envelope, error){DecodeToMatchmaker, DecodeFromMatchmaker} {
			e, err := decode(message)
			if err != nil {
				if !errors.Is(err, ErrBadEnvelope) {
					t.Fatalf("error of another kind: %v", err)
				}
				continue
			}
			again, err := e.Encode()
			if err != nil {
				continue // unusual white space or escapes made it fit; written anew it need not
			}
			if back, err := decode(again); err != nil || back.Type != e.Type || !bytes.Equal(back.Data, e.Data) {
				t.Fatalf("written anew and read: got %+v, %v, want %+v", back, err, e)
			}
		}
	})
}
