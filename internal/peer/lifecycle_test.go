package peer

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/webrtc/v4"
)

// TestCloseDuringSetup: at every stage of the setup a close ends all goroutines; the virtual network delays packets
// by 10 ms, so these moments are in ICE, DTLS and SCTP.
func TestCloseDuringSetup(t *testing.T) {
	for _, after := range []time.Duration{0, 15, 35, 55, 75, 95, 115, 135, 250, 300, 350} {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t, 10*time.Millisecond)
			guest, host := n.pair(t)
			time.Sleep(after * time.Millisecond) // virtual
			if err := guest.link.Close(); err != nil {
				t.Errorf("close after %d ms: %v", after, err)
			}
			closeBoth(host)
			<-guest.link.Done()
			n.stop(t)
		})
	}
}

// TestFarewell: both sides close at the first one's last frame, so that its acknowledgement never comes; nobody waits for
// it.
func TestFarewell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, time.Millisecond)
		guest, host := n.pair(t)
		await[Up](guest)
		await[Up](host)
		time.Sleep(time.Second) // virtual: what belongs to the setup has been acknowledged
		if err := guest.link.Send(Live, []byte("bye")); err != nil {
			t.Fatal(err)
		}
		go func() { // ends with the link
			host.frameOn(Live)
			_ = host.link.Close()
		}()
		began := time.Now()
		if err := guest.link.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > drainTimeout/2 {
			t.Errorf("close took %v", took)
		}
		closeBoth(guest, host)
		n.stop(t)
	})
}

// TestCloseFromEvents: Close may be called by the event goroutine, and Send after it says so.
func TestCloseFromEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, time.Millisecond)
		guest, host := newSide(t, "guest"), newSide(t, "host")
		edit := func(role Role, c *Config) {
			c.Net, c.Loopback = n.nets[role], LoopbackOff
			if role == Answerer {
				return
			}
			tell := c.Events
			c.Events = func(e Event) {
				tell(e)
				if _, up := e.(Up); up {
					if err := guest.link.Send(Live, []byte("last words")); err != nil {
						t.Errorf("send from Events: %v", err)
					}
					if err := guest.link.Close(); err != nil {
						t.Errorf("close from Events: %v", err)
					}
				}
			}
		}
		host.start(Answerer, guest, edit)
		guest.start(Offerer, host, edit)
		if got := string(host.frameOn(Live)); got != "last words" {
			t.Errorf("got %q", got)
		}
		checkDown(host, ErrRemoteClosed)
		checkDown(guest, nil)
		for _, ch := range []Channel{Live, Presence, Bulk} {
			if err := guest.link.Send(ch, nil); !errors.Is(err, ErrClosed) {
				t.Errorf("send on %s after close: %v, want %v", ch, err, ErrClosed)
			}
		}
		n.stop(t)
	})
}

// TestSendBounds: what can be refused before anything is sent.
func TestSendBounds(t *testing.T) {
	checkLeaks(t)
	link, err := New(Config{Role: Answerer, Keys: keysOf(Answerer), Events: func(Event) {}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		ch   Channel
		size int
		want error
	}{
		{Live, 1, ErrNotUp}, {Bulk, 1, ErrNotUp}, {Presence, 1, nil},
		{Live, MaxFrame + 1, ErrTooLarge}, {Bulk, MaxFrame + 1, ErrTooLarge}, {Presence, MaxPresence + 1, ErrTooLarge},
	} {
		if got := link.Send(c.ch, make([]byte, c.size)); !errors.Is(got, c.want) {
			t.Errorf("%d bytes on %s: %v, want %v", c.size, c.ch, got, c.want)
		}
	}
	if _, _, ok := link.Fingerprints(); ok {
		t.Error("fingerprints before DTLS")
	}
	_ = link.Close()
	<-link.Done()
}

// TestKeystrokesBesideBulk: while 16 MiB go the same way, Live frames pass in little more than their idle time.
func TestKeystrokesBesideBulk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, 25*time.Millisecond)
		guest, host := n.pair(t)
		await[Up](guest)
		await[Up](host)
		const frames, size = 32, MaxFrame / 2
		go func() {
			for i := 0; i < frames; {
				switch err := guest.link.Send(Bulk, numbered(i, size)); {
				case err == nil:
					i++
				case errors.Is(err, ErrFull):
					await[BulkReady](guest)
				default:
					t.Error(err)
					return
				}
			}
		}()
		var worst time.Duration
		for bulk, key := 0, 0; bulk < frames; key++ {
			if _, held := guest.link.bulk.progress(); held > bulkHighWater+messageSize {
				t.Fatalf("SCTP holds %d bytes of bulk, want at most %d", held, bulkHighWater+messageSize)
			}
			sent := time.Now()
			if err := guest.link.Send(Live, numbered(key, 8)); err != nil {
				t.Fatal(err)
			}
			for typed := false; !typed; {
				f := await[Frame](host)
				if f.Channel == Live {
					typed = true
					worst = max(worst, time.Since(sent))
					continue
				}
				if got := number(f.Data); got != bulk || len(f.Data) != size {
					t.Fatalf("bulk frame %d of %d bytes, want %d", got, len(f.Data), bulk)
				}
				bulk++
			}
		}
		if worst > 100*time.Millisecond {
			t.Errorf("a keystroke took %v beside bulk, want the 25 ms of the router and a little", worst)
		}
		t.Logf("slowest keystroke beside bulk %v, idle 25 ms", worst)
		closeBoth(guest, host)
		n.stop(t)
	})
}

type misdeed func(pc *webrtc.PeerConnection, live *webrtc.DataChannel)

// stranger is a bare pion connection that answers a link's offer and does what a Link would not.
func stranger(t *testing.T, n *network, guest *side, misbehave misdeed) *webrtc.PeerConnection {
	t.Helper()
	var e webrtc.SettingEngine
	e.SetNet(n.nets[Answerer])
	e.SetICEMulticastDNSMode(1)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(e)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	agreed, id := true, Live.id()
	live, err := pc.CreateDataChannel("live", &webrtc.DataChannelInit{Negotiated: &agreed, ID: &id})
	if err != nil {
		t.Fatal(err)
	}
	live.OnOpen(func() { misbehave(pc, live) })
	pc.OnDataChannel(func(*webrtc.DataChannel) {}) // without it pion would close presence
	pc.OnICECandidate(func(c *webrtc.ICECandidate) {
		if c != nil {
			_ = guest.link.Signal([]byte("c" + c.ToJSON().Candidate))
		}
	})
	guest.forge = func(b []byte) []byte {
		if b[0] == signalCandidate {
			_ = pc.AddICECandidate(webrtc.ICECandidateInit{Candidate: string(b[1:])})
			return nil
		}
		answerTo(t, pc, guest, string(b[1:]))
		return nil
	}
	return pc
}

// answerTo answers as if our limit of messages were not there.
func answerTo(t *testing.T, pc *webrtc.PeerConnection, guest *side, sdp string) {
	sdp = strings.Replace(sdp, "max-message-size:"+strconv.Itoa(messageSize), "max-message-size:262144", 1)
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: sdp}); err != nil {
		t.Error(err)
		return
	}
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		t.Error(err)
		return
	}
	if err := guest.link.Signal([]byte("a" + answer.SDP)); err != nil {
		t.Error(err)
	}
	if err := pc.SetLocalDescription(answer); err != nil {
		t.Error(err)
	}
}

// sealing seals as the host does on Live.
func sealing(t *testing.T) func(b []byte) []byte {
	s, err := newSealers(keysOf(Answerer).Out)
	if err != nil {
		t.Error(err)
	}
	return func(b []byte) []byte {
		msg, err := s[Live].seal(append([]byte(nil), b...))
		if err != nil {
			t.Error(err)
		}
		return msg
	}
}

// TestA6Strangers: a remote that has passed ICE and DTLS and then breaks the rules loses the link.
func TestA6Strangers(t *testing.T) {
	for name, c := range map[string]struct {
		want error
		do   misdeed
	}{
		"opens another channel": {ErrProtocol, func(pc *webrtc.PeerConnection, _ *webrtc.DataChannel) {
			id := uint16(8)
			_, _ = pc.CreateDataChannel("extra", &webrtc.DataChannelInit{ID: &id})
		}},
		"opens presence as the answerer": {ErrProtocol, func(pc *webrtc.PeerConnection, _ *webrtc.DataChannel) {
			id, ordered, retransmits := uint16(8), false, uint16(0)
			_, _ = pc.CreateDataChannel("presence", &webrtc.DataChannelInit{
				ID: &id, Ordered: &ordered, MaxRetransmits: &retransmits,
			})
		}},
		"sends a message over the limit": {ErrProtocol, func(_ *webrtc.PeerConnection, live *webrtc.DataChannel) {
			_ = live.Send(make([]byte, messageSize+1))
		}},
		"sends an unknown tag": {errTag, func(_ *webrtc.PeerConnection, live *webrtc.DataChannel) {
			_ = live.Send(sealing(t)([]byte{9, 9, 9}))
		}},
		"sends an empty message": {errEmpty, func(_ *webrtc.PeerConnection, live *webrtc.DataChannel) {
			_ = live.Send(sealing(t)(nil))
		}},
		"sends a frame without end": {errLength, func(_ *webrtc.PeerConnection, live *webrtc.DataChannel) {
			seal := sealing(t)
			for range MaxFrame/partSize + 1 {
				_ = live.Send(seal(append([]byte{tagMore}, make([]byte, partSize)...)))
			}
		}},
		"sends nothing": {errSealed, func(_ *webrtc.PeerConnection, live *webrtc.DataChannel) {
			_ = live.Send(nil)
		}},
		"sends what is not sealed": {errSealed, func(_ *webrtc.PeerConnection, live *webrtc.DataChannel) {
			_ = live.Send([]byte{tagLast, 'x'})
		}},
		"sends a message twice": {errSealed, func(_ *webrtc.PeerConnection, live *webrtc.DataChannel) {
			msg := sealing(t)([]byte{tagLast, 'x'})
			_ = live.Send(msg)
			_ = live.Send(msg)
		}},
		"leaves a message out": {errSealed, func(_ *webrtc.PeerConnection, live *webrtc.DataChannel) {
			seal := sealing(t)
			seal([]byte{tagLast, 'x'})
			_ = live.Send(seal([]byte{tagLast, 'y'}))
		}},
		"sends what we sent": {errSealed, func(_ *webrtc.PeerConnection, live *webrtc.DataChannel) {
			s, err := newSealers(keysOf(Offerer).Out)
			if err != nil {
				t.Error(err)
				return
			}
			msg, _ := s[Live].seal([]byte{tagLast, 'x'})
			_ = live.Send(msg)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			checkLeaks(t)
			n := newNetwork(t, 0)
			guest := newSide(t, "guest")
			pc := stranger(t, n, guest, c.do)
			guest.start(Offerer, nil, func(_ Role, c *Config) { c.Net, c.Loopback = n.nets[Offerer], LoopbackOff })
			checkDown(guest, c.want)
			if err := pc.GracefulClose(); err != nil {
				t.Error(err)
			}
			n.stop(t)
		})
	}
}
