package daemon

import (
	"crypto/subtle"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"earshot/internal/peer"
	"earshot/internal/session"
	"earshot/protocol"
)

// link is one peer.Link, from the first description on. Until it is bound to its introduction it belongs to that one
// (see connecting); from then on to the loop.
//
//	peer's events ─▶ Signal, Up ─▶ connecting      before it is bound
//	              ─▶ first Live frame: the binding
//	              ─▶ inbox                         after
type link struct {
	id   session.LinkID
	d    *Daemon
	peer *peer.Link // set before the first signal of the remote is given to it
	log  *zap.Logger

	signals chan []byte        // what is to be sealed and carried
	ups     chan chan bindings // asks for what the two sides have to send first
	bound   chan struct{}      // closed once the remote has sent the right binding
	down    chan error         // takes why the link ended before that
	left    chan struct{}      // closed when connecting has ended: nobody takes signals any more

	// linked gives what the loop is to do and the engine to be told when the link is bound.
	linked func() message
	// onPath is told each path, in the event goroutine; nil for nobody.
	onPath func(protocol.JoinStage)

	// Owned by peer's event goroutine.
	want [32]byte // the binding that the remote has to send
	tied bool
	path session.LinkChanged // the last one

	closing sync.Once
	live    backlog
	bulk    backlog
}

// bindings are what guest and host send first on Live.
type bindings struct{ mine, theirs [32]byte }

const (
	// maxBacklog is what waits here for a channel that is full: the largest snapshot (see session), 128 MiB, and a
	// quarter more for what comes beside it. A link that needs more is given up, and the remote resyncs.
	maxBacklog = 160 << 20
	// retryLive is how soon a full Live channel is tried again: it holds 4 MiB, so that this is 400 MB/s.
	retryLive = 10 * time.Millisecond
	// drainTime is how long a link that ends may take to send what waits here.
	drainTime = 10 * time.Second
	// maxSignals waiting to be carried: a description and sixteen candidates (see peer).
	maxSignals = 17
)

func (d *Daemon) newLink(linked func() message) *link {
	l := &link{
		id: session.LinkID(d.lastLink.Add(1)), d: d, linked: linked,
		signals: make(chan []byte, maxSignals), ups: make(chan chan bindings), bound: make(chan struct{}),
		down: make(chan error, 1), left: make(chan struct{}),
	}
	l.log = d.log.With(zap.Uint64("link", uint64(l.id)))
	return l
}

// open starts the peer.Link under the keys of an introduction. Its last goroutine is waited for by the daemon's end.
func (l *link) open(role peer.Role, side introduced, ice []peer.ICEServer, relayOnly bool, loopback peer.LoopbackMode) error {
	out, in, err := side.LinkKeys()
	if err != nil {
		return err
	}
	p, err := peer.New(peer.Config{Role: role, Keys: peer.Keys{Out: out, In: in}, ICEServers: ice, RelayOnly: relayOnly, Loopback: loopback,
		Net: l.d.opts.Network.Peer, Log: l.log, Events: l.happened})
	if err != nil {
		return err
	}
	l.peer = p
	l.d.begin(func() { <-p.Done() })
	return nil
}

// happened is called by peer's event goroutine.
func (l *link) happened(ev peer.Event) {
	switch ev := ev.(type) {
	case peer.Signal:
		select {
		case l.signals <- ev.Data:
		case <-l.left:
		}
	case peer.Up:
		l.up()
	case peer.Frame:
		l.frame(ev)
	case peer.Path:
		l.pathChanged(ev)
	case peer.BulkReady:
		l.drain(&l.bulk, peer.Bulk)
	case peer.Interrupted:
		l.log.Info("link interrupted")
	case peer.Resumed:
		l.log.Info("link resumed")
	case peer.Down:
		l.ended(ev.Err)
	}
}

// up sends our binding as the first thing on Live and notes the remote's.
func (l *link) up() {
	answer := make(chan bindings, 1)
	select {
	case l.ups <- answer:
	case <-l.left:
		return // connecting closes the link
	}
	b := <-answer
	l.want = b.theirs
	if err := l.peer.Send(peer.Live, b.mine[:]); err != nil {
		l.log.Info("could not send the binding", zap.Error(err))
		l.close()
	}
}

// frame hands a frame to the engine, but the first on Live has to be the remote's binding. What presence brings before it
// is dropped, as the network may drop it; bulk is sent only in answer to what comes after it.
func (l *link) frame(f peer.Frame) {
	switch {
	case l.tied:
		l.d.post(session.FrameArrived{Link: l.id, Channel: toChannel(f.Channel), Data: f.Data})
	case f.Channel == peer.Presence:
	case f.Channel == peer.Live && l.want != [32]byte{} && subtle.ConstantTimeCompare(f.Data, l.want[:]) == 1:
		l.tie()
	default:
		l.log.Warn("a remote sent the wrong binding")
		l.close()
	}
}

// tie makes the link the loop's.
func (l *link) tie() {
	select {
	case <-l.left:
		return // too late
	default:
	}
	l.tied = true
	m := l.linked()
	l.d.postAfter(func() {
		l.d.links[l.id] = l
		if m.first != nil {
			m.first()
		}
	}, m.event)
	close(l.bound)
	if l.path.Path != "" {
		l.d.post(l.path)
	}
}

func (l *link) pathChanged(p peer.Path) {
	stage := protocol.StageDirect
	if p.Path == peer.Relay {
		stage = protocol.StageRelay
	}
	if l.onPath != nil {
		l.onPath(stage)
	}
	l.path = session.LinkChanged{Link: l.id, Path: p.Path.String(), RTTMs: float64(p.RTT) / float64(time.Millisecond)}
	if l.tied {
		l.d.post(l.path)
	}
}

// ended is the last event.
func (l *link) ended(err error) {
	if !l.tied {
		if err == nil {
			err = peer.ErrClosed
		}
		l.down <- err
		return
	}
	why := ""
	if err != nil {
		why = err.Error()
		l.log.Info("link down", zap.Error(err))
	}
	l.d.postAfter(func() { delete(l.d.links, l.id) }, session.LinkDown{Link: l.id, Why: why})
}

// close ends the link in a goroutine of its own, after what was sent on Live has gone out.
func (l *link) close() {
	l.closing.Do(func() {
		l.d.begin(func() {
			l.live.awaitEmpty(l.peer.Done())
			if err := l.peer.Close(); err != nil {
				l.log.Warn("close a link", zap.Error(err))
			}
		})
	})
}

// send hands over a frame without waiting; the loop calls it.
func (l *link) send(ch session.Channel, key uint64, data []byte) {
	switch ch {
	case session.Presence:
		if err := l.peer.SendPresence(key, data); errors.Is(err, peer.ErrTooLarge) {
			l.log.Warn("a presence frame is too large and was dropped", zap.Int("bytes", len(data)))
		}
	case session.Bulk:
		l.queue(&l.bulk, peer.Bulk, data)
	default:
		if l.queue(&l.live, peer.Live, data) {
			l.d.begin(l.retryLive)
		}
	}
}

// queue sends a frame or, while the channel is full, keeps it for drain; it tells whether it is the first to be kept.
func (l *link) queue(b *backlog, ch peer.Channel, data []byte) (first bool) {
	first, ok := b.put(data, func() error { return l.peer.Send(ch, data) })
	if !ok {
		l.log.Warn("the remote does not keep up; the link is given up", zap.Stringer("channel", ch))
		l.close()
	}
	return first
}

// retryLive tries again until nothing waits or the link has ended: peer tells of room on Bulk alone, and Live is full only
// while megabytes were pasted at once.
func (l *link) retryLive() {
	pause := time.NewTicker(retryLive)
	defer pause.Stop()
	for {
		select {
		case <-pause.C:
		case <-l.peer.Done():
			l.live.drop()
			return
		}
		if l.drain(&l.live, peer.Live) {
			return
		}
	}
}

// drain sends what waits; it tells whether nothing does any more.
func (l *link) drain(b *backlog, ch peer.Channel) bool {
	return b.drain(func(frame []byte) error { return l.peer.Send(ch, frame) })
}

func toChannel(ch peer.Channel) session.Channel {
	switch ch {
	case peer.Presence:
		return session.Presence
	case peer.Bulk:
		return session.Bulk
	}
	return session.Live
}

// backlog keeps the frames of a channel that is full, in order.
type backlog struct {
	mu     sync.Mutex
	frames [][]byte
	bytes  int
	empty  chan struct{} // closed when nothing waits any more; nil while nothing does
}

// put sends a frame, or keeps it if others wait already or the channel is full. It is not ok when the frame can't be
// kept: the bound is reached, or it is larger than a frame may be.
func (b *backlog) put(frame []byte, send func() error) (first, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.frames) == 0 {
		if err := send(); !errors.Is(err, peer.ErrFull) {
			return false, !errors.Is(err, peer.ErrTooLarge) // a link that has ended says so by Down
		}
		b.empty, first = make(chan struct{}), true
	}
	if b.bytes+len(frame) > maxBacklog {
		return false, false
	}
	b.frames = append(b.frames, frame)
	b.bytes += len(frame)
	return first, true
}

// drain sends until the channel is full again or nothing waits; the latter it tells. What can't be sent any more goes.
func (b *backlog) drain(send func([]byte) error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.frames) > 0 {
		if err := send(b.frames[0]); errors.Is(err, peer.ErrFull) {
			return false
		}
		b.bytes -= len(b.frames[0])
		b.frames[0] = nil
		b.frames = b.frames[1:]
	}
	b.wakeEmpty()
	return true
}

// drop forgets what waits.
func (b *backlog) drop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.frames, b.bytes = nil, 0
	b.wakeEmpty()
}

func (b *backlog) wakeEmpty() {
	if b.empty != nil {
		close(b.empty)
		b.empty = nil
	}
}

// awaitEmpty waits until nothing waits any more, or done is closed, or drainTime is over.
func (b *backlog) awaitEmpty(done <-chan struct{}) {
	b.mu.Lock()
	empty := b.empty
	b.mu.Unlock()
	if empty == nil {
		return
	}
	limit := time.NewTimer(drainTime)
	defer limit.Stop()
	select {
	case <-empty:
	case <-done:
	case <-limit.C:
	}
}
