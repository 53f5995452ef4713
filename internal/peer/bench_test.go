package peer

import (
	"slices"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"
)

// keystroke is the size of the frames measured: an edit and its envelope.
const keystroke = 64

// BenchmarkOneWay measures Send to Events over loopback, both links in this process.
func BenchmarkOneWay(b *testing.B) {
	guest, host := newSide(b, "guest"), newSide(b, "host")
	arrived := make(chan time.Time, 1)
	host.start(Answerer, guest, func(_ Role, c *Config) {
		tell := c.Events
		c.Events = func(e Event) {
			if f, ok := e.(Frame); ok && f.Channel == Live {
				arrived <- time.Now()
				return
			}
			tell(e)
		}
	})
	guest.start(Offerer, host, nil)
	await[Up](guest)
	await[Up](host)
	measure(b, arrived, func(frame []byte) error { return guest.link.Send(Live, frame) })
	closeBoth(guest, host)
}

// BenchmarkBarePionOneWay is the floor: one ordered channel of pion's with callbacks, nothing of ours.
func BenchmarkBarePionOneWay(b *testing.B) {
	var pcs [2]*webrtc.PeerConnection
	var channels [2]*webrtc.DataChannel
	open := make(chan struct{}, 2)
	for i := range pcs {
		pcs[i], channels[i] = barePion(b)
		channels[i].OnOpen(func() { open <- struct{}{} })
	}
	arrived := make(chan time.Time, 1)
	channels[1].OnMessage(func(webrtc.DataChannelMessage) { arrived <- time.Now() })
	introduce(b, pcs[0], pcs[1])
	<-open
	<-open
	measure(b, arrived, channels[0].Send)
	for _, pc := range pcs {
		if err := pc.GracefulClose(); err != nil {
			b.Error(err)
		}
	}
}

// measure sends one frame after the other, each when the one before has arrived, and reports the times in between.
func measure(b *testing.B, arrived <-chan time.Time, send func([]byte) error) {
	b.Helper()
	frame := make([]byte, keystroke)
	var times []time.Duration
	for b.Loop() {
		sent := time.Now()
		if err := send(frame); err != nil {
			b.Fatal(err)
		}
		times = append(times, (<-arrived).Sub(sent))
	}
	slices.Sort(times)
	b.ReportMetric(micros(times[len(times)/2]), "p50-µs")
	b.ReportMetric(micros(times[len(times)*99/100]), "p99-µs")
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func barePion(b *testing.B) (*webrtc.PeerConnection, *webrtc.DataChannel) {
	b.Helper()
	var e webrtc.SettingEngine
	e.SetICEMulticastDNSMode(1) // disabled
	e.SetIncludeLoopbackCandidate(true)
	api := webrtc.NewAPI(webrtc.WithSettingEngine(e), webrtc.WithMediaEngine(&webrtc.MediaEngine{}),
		webrtc.WithInterceptorRegistry(&interceptor.Registry{}))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		b.Fatal(err)
	}
	agreed, id := true, uint16(0)
	dc, err := pc.CreateDataChannel("live", &webrtc.DataChannelInit{Negotiated: &agreed, ID: &id})
	if err != nil {
		b.Fatal(err)
	}
	return pc, dc
}

// introduce exchanges complete descriptions.
func introduce(b *testing.B, from, to *webrtc.PeerConnection) {
	b.Helper()
	offer, err := from.CreateOffer(nil)
	if err != nil {
		b.Fatal(err)
	}
	settle(b, from, offer)
	if err := to.SetRemoteDescription(*from.LocalDescription()); err != nil {
		b.Fatal(err)
	}
	answer, err := to.CreateAnswer(nil)
	if err != nil {
		b.Fatal(err)
	}
	settle(b, to, answer)
	if err := from.SetRemoteDescription(*to.LocalDescription()); err != nil {
		b.Fatal(err)
	}
}

func settle(b *testing.B, pc *webrtc.PeerConnection, sd webrtc.SessionDescription) {
	b.Helper()
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(sd); err != nil {
		b.Fatal(err)
	}
	<-gathered
}
