package peer

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/pion/webrtc/v4"
	"go.uber.org/zap"
)

// The first byte of a signal; the rest is SDP, or one candidate line.
const (
	signalOffer     byte = 'o'
	signalAnswer    byte = 'a'
	signalCandidate byte = 'c'
)

var (
	errSignalSize  = errors.New("a size out of bounds")
	errSignalKind  = errors.New("an unknown kind")
	errUnexpected  = errors.New("a description that is not expected now")
	errUnreachable = errors.New("an address that is not allowed")
)

// message is a decoded signal: a description or one candidate.
type message struct {
	kind        byte
	description description
	candidate   candidate
}

// parseSignal is the only reader of what a remote signals. It has no state; see FuzzSignal.
func parseSignal(b []byte) (message, error) {
	if len(b) < 2 || len(b) > maxSignal {
		return message{}, errSignalSize
	}
	m := message{kind: b[0]}
	var err error
	switch m.kind {
	case signalOffer, signalAnswer:
		m.description, err = parseDescription(string(b[1:]))
	case signalCandidate:
		m.candidate, err = parseCandidate(string(b[1:]))
	default:
		err = errSignalKind
	}
	return m, err
}

// signaler makes and takes descriptions and candidates. There is one exchange in a link's life: a path that changes
// beyond what ICE finds is a new link.
type signaler struct {
	l *Link

	told atomic.Int32 // candidates of ours that were told or had to be kept back

	mu     sync.Mutex  // one signal at a time; guards what follows
	remote bool        // the remote description is set
	early  []candidate // of the remote, before its description
	taken  int         // candidates given to pion
}

// offer posts the offer before pion knows it as the local description, and with that before any candidate.
func (s *signaler) offer() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	sd, err := s.l.pc.CreateOffer(nil)
	if err != nil {
		return err
	}
	return s.describe(signalOffer, sd)
}

func (s *signaler) describe(kind byte, sd webrtc.SessionDescription) error {
	d, err := parseDescription(sd.SDP)
	if err != nil {
		return fmt.Errorf("read our own description: %w", err)
	}
	s.l.box.post(Signal{append([]byte{kind}, d.sdp()...)})
	return s.l.pc.SetLocalDescription(sd)
}

// take applies one signal of the remote.
func (s *signaler) take(b []byte) error {
	m, err := parseSignal(b)
	if errors.Is(err, errOther) {
		return nil
	}
	if err == nil {
		err = s.apply(m)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSignal, err)
	}
	return nil
}

func (s *signaler) apply(m message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.kind == signalCandidate {
		return s.add(m.candidate)
	}
	want := signalAnswer
	if s.l.cfg.Role == Answerer {
		want = signalOffer
	}
	if m.kind != want || s.remote {
		return errUnexpected
	}
	if err := s.setRemote(m); err != nil {
		return err
	}
	s.remote = true
	s.l.monitor.started()
	for _, c := range append(s.early, m.description.candidates...) {
		if err := s.add(c); err != nil {
			return err
		}
	}
	s.early = nil
	return nil
}

func (s *signaler) setRemote(m message) error {
	kind := webrtc.SDPTypeOffer
	if m.kind == signalAnswer {
		kind = webrtc.SDPTypeAnswer
	}
	sd := webrtc.SessionDescription{Type: kind, SDP: m.description.sdp()}
	if err := s.l.pc.SetRemoteDescription(sd); err != nil {
		return err
	}
	if kind == webrtc.SDPTypeAnswer {
		return nil
	}
	answer, err := s.l.pc.CreateAnswer(nil)
	if err != nil {
		return err
	}
	return s.describe(signalAnswer, answer)
}

// add gives a candidate to pion, or keeps it until there is a description.
func (s *signaler) add(c candidate) error {
	if !c.reachable(s.l.cfg.Loopback) {
		return errUnreachable
	}
	if s.l.cfg.RelayOnly && c.kind != "relay" {
		return nil
	}
	if !s.remote {
		if len(s.early) >= maxCandidates {
			return errManyCandidates
		}
		s.early = append(s.early, c)
		return nil
	}
	if s.taken >= maxCandidates {
		return errManyCandidates
	}
	s.taken++
	mid := ""
	return s.l.pc.AddICECandidate(webrtc.ICECandidateInit{Candidate: c.line(), SDPMid: &mid})
}

// found tells the remote of a candidate of ours; pion calls it, with nil at the end.
func (s *signaler) found(ice *webrtc.ICECandidate) {
	if ice == nil {
		return
	}
	c, err := parseCandidate(ice.ToJSON().Candidate)
	if err != nil || !c.reachable(s.l.cfg.Loopback) || s.l.cfg.RelayOnly && c.kind != "relay" {
		return
	}
	if s.told.Add(1) > maxCandidates {
		s.l.log.Debug("kept a candidate back", zap.String("kind", c.kind))
		return
	}
	s.l.box.post(Signal{append([]byte{signalCandidate}, c.line()...)})
}
