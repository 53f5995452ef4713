package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/pion/datachannel"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"
)

// How a bare channel is set up.
const (
	likeOurs = "like-ours"
	defaults = "defaults"
)

// startPion sets up one ordered, reliable data channel of pion's between two processes, with nothing of ours.
func startPion(settings string) func(context.Context, *workshop, *scene) error {
	return func(ctx context.Context, w *workshop, s *scene) error {
		return startPair(ctx, w, s, "pion", settings)
	}
}

// startPair sets up a host, which types, and a guest, whose connection the program introduces.
func startPair(ctx context.Context, w *workshop, s *scene, part string, args ...string) error {
	edits := strconv.Itoa(w.edits())
	host, err := s.part("host", part, append([]string{"host", edits}, args...)...)
	if err != nil {
		return err
	}
	guest, err := s.part("guest", part, append([]string{"guest", edits}, args...)...)
	if err != nil {
		return err
	}
	if err := introduce(host, guest); err != nil {
		return err
	}
	if _, err := guest.await(ctx, ready, patience); err != nil {
		return err
	}
	s.sender, s.receivers = host, []*child{guest}
	return nil
}

// pionPart is one end: `pion host|guest EDITS SETTINGS`. As in a session the guest makes the offer.
func pionPart(p *program, args []string) error {
	edits, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	b, err := newBare(args[2])
	if err != nil {
		return err
	}
	if _, err := p.hear(open); err != nil {
		return err
	}
	if args[0] == "guest" {
		if err := b.offer(p); err != nil {
			return err
		}
		return b.receive(p, edits)
	}
	if err := b.answer(p); err != nil {
		return err
	}
	select {
	case <-b.opened:
	case <-time.After(patience):
		return errors.New("the channel did not open")
	}
	return p.begin(func(k int) (int64, error) {
		frame := numbered(k)
		at := now()
		return at, b.send(frame)
	})
}

// bare is one end of a bare channel.
type bare struct {
	pc     *webrtc.PeerConnection
	dc     *webrtc.DataChannel
	raw    *datachannel.DataChannel // like ours: read and written past pion's callbacks
	opened chan struct{}
	frames chan stamped // of the callbacks
}

type stamped struct {
	data []byte
	at   int64
}

func newBare(settings string) (*bare, error) {
	b := &bare{opened: make(chan struct{}), frames: make(chan stamped, 64)}
	var e webrtc.SettingEngine
	e.SetIncludeLoopbackCandidate(true)
	if settings == likeOurs {
		asDaemon()
		linkSettings(&e)
	}
	api := webrtc.NewAPI(webrtc.WithSettingEngine(e), webrtc.WithMediaEngine(&webrtc.MediaEngine{}),
		webrtc.WithInterceptorRegistry(&interceptor.Registry{}))
	var err error
	if b.pc, err = api.NewPeerConnection(webrtc.Configuration{}); err != nil {
		return nil, err
	}
	agreed, id := true, uint16(0)
	b.dc, err = b.pc.CreateDataChannel("live", &webrtc.DataChannelInit{Negotiated: &agreed, ID: &id})
	if err != nil {
		return nil, err
	}
	b.dc.OnOpen(func() {
		if settings == likeOurs {
			detached, _ := b.dc.Detach() // it is open and was said to be detachable
			b.raw, _ = detached.(*datachannel.DataChannel)
		}
		close(b.opened)
	})
	if settings == defaults {
		b.dc.OnMessage(func(m webrtc.DataChannelMessage) { b.frames <- stamped{m.Data, now()} })
	}
	return b, nil
}

// linkSettings are those of internal/peer that a keystroke could feel.
func linkSettings(e *webrtc.SettingEngine) {
	e.SetICEMulticastDNSMode(ice.MulticastDNSModeQueryOnly)
	e.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	e.SetICETimeouts(3*time.Second, 15*time.Second, time.Second)
	e.SetSCTPRTOMax(time.Second)
	e.SetSCTPMaxReceiveBufferSize(4 << 20)
	e.DetachDataChannels()
}

func (b *bare) send(frame []byte) error {
	if b.raw == nil {
		return b.dc.Send(frame)
	}
	_, err := b.raw.WriteDataChannel(frame, false)
	return err
}

func (b *bare) receive(p *program, edits int) error {
	select {
	case <-b.opened:
	case <-time.After(patience):
		return errors.New("the channel did not open")
	}
	p.say(note{Kind: ready})
	in := newCounter(edits)
	buf := make([]byte, 2*frameSize)
	for !in.full() {
		f, err := b.next(buf)
		if err != nil {
			return err
		}
		if err := in.take(f.data, f.at); err != nil {
			return err
		}
	}
	p.say(note{Kind: got, Stamps: in.stamps})
	return nil
}

func (b *bare) next(buf []byte) (stamped, error) {
	if b.raw == nil {
		return <-b.frames, nil
	}
	n, _, err := b.raw.ReadDataChannel(buf)
	return stamped{buf[:n], now()}, err
}

// offer and answer exchange complete descriptions, all candidates in them.
func (b *bare) offer(p *program) error {
	sd, err := b.pc.CreateOffer(nil)
	if err != nil {
		return err
	}
	if err := b.describe(p, sd); err != nil {
		return err
	}
	answer := webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(<-p.signals)}
	return b.pc.SetRemoteDescription(answer)
}

func (b *bare) answer(p *program) error {
	offer := webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: string(<-p.signals)}
	if err := b.pc.SetRemoteDescription(offer); err != nil {
		return err
	}
	sd, err := b.pc.CreateAnswer(nil)
	if err != nil {
		return err
	}
	return b.describe(p, sd)
}

func (b *bare) describe(p *program, sd webrtc.SessionDescription) error {
	gathered := webrtc.GatheringCompletePromise(b.pc)
	if err := b.pc.SetLocalDescription(sd); err != nil {
		return err
	}
	select {
	case <-gathered:
	case <-time.After(patience):
		return fmt.Errorf("gathering addresses took over %v", patience)
	}
	p.say(note{Kind: signalled, Data: []byte(b.pc.LocalDescription().SDP)})
	return nil
}
