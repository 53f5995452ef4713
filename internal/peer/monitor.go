package peer

import (
	"fmt"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
)

const (
	// monitorTick is how often deadlines are looked at, pathPeriod how often Path is told.
	monitorTick = time.Second
	pathPeriod  = 2 * time.Second
	// stuckTimeout is how long nothing may be acknowledged on a path that works: ten retransmissions at the longest
	// interval (rtoMax). Some SCTP stacks stop sending for good; a new link helps, waiting does not.
	stuckTimeout = 10 * time.Second
)

// monitor is the clock of a link: the setup deadline, Path, and the watchdog.
type monitor struct {
	l    *Link
	upCh chan struct{} // closed at Up

	mu          sync.Mutex
	startedAt   time.Time // when the remote description was set; zero before
	interrupted bool
}

func newMonitor(l *Link) *monitor { return &monitor{l: l, upCh: make(chan struct{})} }

// started begins the setup deadline.
func (m *monitor) started() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.startedAt = time.Now()
}

func (m *monitor) startedSince() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.startedAt.IsZero() {
		return 0
	}
	return time.Since(m.startedAt)
}

// run is a goroutine of the link, until it is dying.
func (m *monitor) run() {
	tick := time.NewTicker(monitorTick)
	defer tick.Stop()
	for {
		select {
		case <-m.l.dying:
			return
		case <-m.upCh:
			m.watch(tick)
			return
		case <-tick.C:
			if m.startedSince() > setupTimeout {
				m.l.end(ErrUnreachable)
				return
			}
		}
	}
}

// watch is run's second half, from Up on, when the first Path was told.
func (m *monitor) watch(tick *time.Ticker) {
	path := time.NewTicker(pathPeriod)
	defer path.Stop()
	dog := watchdog{since: time.Now()}
	for {
		select {
		case <-m.l.dying:
			return
		case <-path.C:
			m.tellPath()
		case now := <-tick.C:
			if dog.stuck(now, m.sample()) {
				m.l.end(fmt.Errorf("%w for %v", ErrStuck, stuckTimeout))
				return
			}
		}
	}
}

// tellPath posts the selected pair. ICE's keepalive is a request every second, so its round trip is never old.
func (m *monitor) tellPath() {
	transport := m.l.pc.SCTP().Transport().ICETransport()
	pair, err := transport.GetSelectedCandidatePair()
	if err != nil || pair == nil {
		return
	}
	p := Path{Path: Direct}
	if pair.Local.Typ == webrtc.ICECandidateTypeRelay || pair.Remote.Typ == webrtc.ICECandidateTypeRelay {
		p.Path = Relay
	}
	if stats, ok := transport.GetSelectedCandidatePairStats(); ok {
		p.RTT = time.Duration(stats.CurrentRoundTripTime * float64(time.Second))
	}
	m.l.box.post(p)
}

// iceState follows ICE; pion calls it, in order.
func (m *monitor) iceState(s webrtc.ICEConnectionState) {
	switch s {
	case webrtc.ICEConnectionStateDisconnected:
		m.interrupt()
	case webrtc.ICEConnectionStateConnected, webrtc.ICEConnectionStateCompleted:
		m.resume()
	case webrtc.ICEConnectionStateFailed:
		if m.l.isUp() {
			m.l.end(ErrLost)
			return
		}
		m.l.end(ErrUnreachable)
	}
}

func (m *monitor) interrupt() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.interrupted || !m.l.isUp() {
		return
	}
	m.interrupted = true
	m.l.box.post(Interrupted{})
}

func (m *monitor) resume() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.interrupted {
		return
	}
	m.interrupted = false
	m.l.box.post(Resumed{})
}

// sample is what the watchdog looks at.
func (m *monitor) sample() sample {
	liveWritten, liveBuffered := m.l.live.progress()
	bulkWritten, bulkBuffered := m.l.bulk.progress()
	m.mu.Lock()
	defer m.mu.Unlock()
	return sample{
		acknowledged: liveWritten + bulkWritten - liveBuffered - bulkBuffered,
		buffered:     liveBuffered + bulkBuffered,
		interrupted:  m.interrupted,
	}
}

type sample struct {
	acknowledged, buffered uint64 // bytes on Live and Bulk together
	interrupted            bool
}

// watchdog notices that nothing moves.
type watchdog struct {
	acknowledged uint64
	since        time.Time // the last time that all was well
}

func (w *watchdog) stuck(now time.Time, s sample) bool {
	if s.buffered == 0 || s.interrupted || s.acknowledged != w.acknowledged {
		w.acknowledged, w.since = s.acknowledged, now
		return false
	}
	return now.Sub(w.since) >= stuckTimeout
}
