package peer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/pion/datachannel"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"
	"go.uber.org/zap"
)

const (
	// disconnectedTimeout, failedTimeout and keepalive: Interrupted after 3 s of silence, ErrLost 15 s later, a check
	// each second. pion's defaults (5, 25 and 2 s) let a person wait half a minute for the next attempt.
	disconnectedTimeout = 3 * time.Second
	failedTimeout       = 15 * time.Second
	keepalive           = time.Second
	// acceptanceWait is how long a better pair is waited for. pion's defaults cost 0.5 to 2 s of every opening over
	// NAT; 0 was measured to settle on a relay where a direct path was possible.
	acceptanceWait = 200 * time.Millisecond
	// rtoMax bounds SCTP's retransmission interval: after an outage of 8 s the default had delivered a fifth of what
	// waited when, with 1 s, all of it was there.
	rtoMax = time.Second
	// receiveBuffer is SCTP's window: 4 MB is 640 Mbit/s at 50 ms, and all that a remote can make us hold
	// unassembled or unread.
	receiveBuffer = 4 << 20
)

// newLink assembles a link without starting its goroutines.
func newLink(cfg Config) (*Link, error) {
	out, err := newSealers(cfg.Keys.Out)
	if err != nil {
		return nil, err
	}
	in, err := newSealers(cfg.Keys.In)
	if err != nil {
		return nil, err
	}
	cfg.Keys = Keys{}
	l := &Link{
		cfg: cfg, log: cfg.Log, in: in, box: newMailbox(), live: &livePipe{sealer: out[Live]},
		fleeting: newPresencePipe(out[Presence]), bulk: &bulkPipe{sealer: out[Bulk]},
		wake: make(chan struct{}, 1), open: map[Channel]*datachannel.DataChannel{},
		dying: make(chan struct{}), parted: make(chan struct{}), torn: make(chan struct{}),
		done: make(chan struct{}), delivered: make(chan struct{}),
	}
	if l.log == nil {
		l.log = zap.NewNop()
	}
	l.bulk.wake = l.wakeSender
	l.signals, l.monitor = &signaler{l: l}, newMonitor(l)
	if err := l.connect(); err != nil {
		return nil, fmt.Errorf("make a connection: %w", err)
	}
	return l, nil
}

// connect makes pion's connection and its channels.
func (l *Link) connect() error {
	engine, shield, err := settings(l.cfg, l.log)
	if err != nil {
		return err
	}
	l.shield = shield
	config, err := l.configuration()
	if err != nil {
		return err
	}
	api := webrtc.NewAPI( // an empty media engine and registry: pion's defaults are for sound and pictures
		webrtc.WithSettingEngine(engine),
		webrtc.WithMediaEngine(&webrtc.MediaEngine{}),
		webrtc.WithInterceptorRegistry(&interceptor.Registry{}),
	)
	if l.pc, err = api.NewPeerConnection(config); err != nil {
		return err
	}
	l.follow()
	if err := l.createChannels(); err != nil {
		_ = l.pc.Close()
		return err
	}
	return nil
}

func settings(cfg Config, log *zap.Logger) (e webrtc.SettingEngine, guard *shield, err error) {
	e.LoggerFactory = loggers{log}
	mdns := ice.MulticastDNSModeQueryOnly // a browser's candidates are mDNS names; gathering ours would take 1 s
	network := cfg.Net
	if network == nil {
		fresh, err := newFreshNet(log)
		if err != nil {
			return e, nil, err
		}
		network = fresh
	} else {
		mdns = ice.MulticastDNSModeDisabled
	}
	guard = &shield{Net: network}
	e.SetNet(guard)
	e.SetICEMulticastDNSMode(mdns)
	e.SetIncludeLoopbackCandidate(cfg.Loopback == LoopbackOn)
	e.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	e.SetSrflxAcceptanceMinWait(acceptanceWait)
	e.SetPrflxAcceptanceMinWait(acceptanceWait)
	e.SetRelayAcceptanceMinWait(acceptanceWait)
	e.SetICETimeouts(disconnectedTimeout, failedTimeout, keepalive)
	e.SetSCTPRTOMax(rtoMax)
	e.SetSCTPMaxReceiveBufferSize(receiveBuffer)
	e.SetSCTPMaxMessageSize(messageSize)
	e.DisableCloseByDTLS(true) // the closer has its own order, see part
	e.DetachDataChannels()     // we read ourselves: no buffer that grows, and the last frames are read after a close
	return e, guard, nil
}

// configuration makes a certificate for this link alone and remembers its hash.
func (l *Link) configuration() (webrtc.Configuration, error) {
	config := webrtc.Configuration{ICETransportPolicy: webrtc.ICETransportPolicyAll}
	if l.cfg.RelayOnly {
		config.ICETransportPolicy = webrtc.ICETransportPolicyRelay
	}
	for _, s := range l.cfg.ICEServers {
		config.ICEServers = append(config.ICEServers, webrtc.ICEServer{
			URLs: s.URLs, Username: s.Username, Credential: s.Credential,
		})
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return config, err
	}
	cert, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return config, err
	}
	prints, err := cert.GetFingerprints()
	if err != nil {
		return config, err
	}
	if len(prints) != 1 {
		return config, errFingerprints
	}
	l.local, err = parseFingerprint(prints[0].Algorithm + " " + prints[0].Value)
	config.Certificates = []webrtc.Certificate{*cert}
	return config, err
}

// follow registers for what pion tells. None of these may block or wait for pion.
func (l *Link) follow() {
	l.pc.OnICECandidate(l.signals.found)
	l.pc.OnICEConnectionStateChange(l.monitor.iceState)
	l.pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		switch s {
		case webrtc.PeerConnectionStateFailed:
			l.end(ErrUnreachable) // DTLS; a failure of ICE has ended the link already
		case webrtc.PeerConnectionStateClosed:
			l.end(ErrRemoteClosed) // during setup; later the association tells
		}
	})
	l.pc.SCTP().OnError(func(err error) { l.end(fmt.Errorf("%w: %w", ErrProtocol, err)) })
	l.pc.SCTP().OnClose(func(error) { // at most once: pion's accepting goroutine is at its end
		l.end(ErrRemoteClosed)
		close(l.parted)
	})
	l.pc.OnDataChannel(l.offered)
}

// createChannels makes the two reliable channels on both sides, agreed beforehand. Presence is opened by the offerer
// in band: pion ignores what an agreed channel says of order and retransmission.
func (l *Link) createChannels() error {
	agreed := true
	for _, ch := range []Channel{Live, Bulk} {
		id := ch.id()
		dc, err := l.pc.CreateDataChannel(ch.String(), &webrtc.DataChannelInit{Negotiated: &agreed, ID: &id})
		if err != nil {
			return err
		}
		dc.OnOpen(func() { l.opened(ch, dc) })
	}
	if l.cfg.Role == Answerer {
		return nil
	}
	id, ordered, retransmits := Presence.id(), false, uint16(0)
	dc, err := l.pc.CreateDataChannel(Presence.String(), &webrtc.DataChannelInit{
		ID: &id, Ordered: &ordered, MaxRetransmits: &retransmits,
	})
	if err != nil {
		return err
	}
	dc.OnOpen(func() { l.opened(Presence, dc) })
	return nil
}

// offered takes the one channel that an offerer opens in band, and ends the link at any other.
func (l *Link) offered(dc *webrtc.DataChannel) {
	l.mu.Lock()
	first := !l.presence
	l.presence = true
	l.mu.Unlock()
	fits := dc.Label() == Presence.String() && !dc.Ordered() && dc.MaxRetransmits() != nil && *dc.MaxRetransmits() == 0
	if !first || !fits || l.cfg.Role == Offerer {
		l.end(fmt.Errorf("%w: a channel that was not agreed on", ErrProtocol))
		return
	}
	dc.OnOpen(func() { l.opened(Presence, dc) })
}

// opened takes a channel over from pion. Up comes when both reliable ones are open, and before their first frame.
func (l *Link) opened(ch Channel, dc *webrtc.DataChannel) {
	detached, err := dc.Detach()
	if err != nil {
		l.end(fmt.Errorf("take the %s channel over: %w", ch, err))
		return
	}
	raw, ok := detached.(*datachannel.DataChannel)
	if !ok {
		l.end(fmt.Errorf("take the %s channel over: it is a %T", ch, detached))
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return // the teardown may be waiting for the workers: none may begin
	}
	if ch == Presence {
		l.fleeting.open(raw, l.wakeSender)
		l.workers.Go(func() { l.readPresence(raw) }) // until the association ends
		return
	}
	l.open[ch] = raw
	if l.open[Live] == nil || l.open[Bulk] == nil {
		return
	}
	l.becomeUp()
}

// becomeUp is called once, with the lock.
func (l *Link) becomeUp() {
	l.live.open(l.open[Live])
	l.bulk.open(l.open[Bulk], l.wakeSender)
	l.up = true
	l.shield.raise()
	l.box.post(Up{})
	l.monitor.tellPath() // before any frame: who waits for the link hears how it is connected, and then that it is
	close(l.monitor.upCh)
	for ch, raw := range l.open {
		l.workers.Go(func() { l.read(ch, raw) }) // until the association ends
	}
}

// remoteFingerprint hashes the certificate that DTLS was shown.
func remoteFingerprint(pc *webrtc.PeerConnection) (sum [32]byte, ok bool) {
	der := pc.SCTP().Transport().GetRemoteCertificate()
	if len(der) == 0 {
		return sum, false
	}
	return sha256.Sum256(der), true
}
