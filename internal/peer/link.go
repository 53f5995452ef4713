// Package peer is one WebRTC link to one remote daemon: three data channels over ICE, DTLS and SCTP, nothing else.
//
// It promises: what Send accepts on Live arrives once and in order, or the link goes Down; a Live frame never waits
// for a timer or behind Bulk; Presence never queues more than the newest frame of each key; nothing the remote sends
// can make it panic, hang or hold more than the bounds stated beside the constants; every goroutine ends with the
// link. It does not promise who the remote is: the owner carries the Signals sealed and compares Fingerprints.
//
// Only the daemon may call it, one Link for each remote. The order of things, guest left, host right:
//
//	New(Offerer)                              New(Answerer)
//	Signal{offer}      ──── sealed, carried ────▶ Signal()
//	Signal()           ◀─── by the daemons ────── Signal{answer}
//	Signal{candidate}  ◀───── both ways ────────▶ Signal{candidate}
//	        ICE checks · DTLS · SCTP · channels open
//	Up, Path                                  Up, Path
//	Frame …            ◀──────────────────▶   Frame …
//	Interrupted, Resumed                      (either side, any number of times)
//	Close()                                   Down{ErrRemoteClosed}
//	Down{nil}
package peer

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pion/datachannel"
	"github.com/pion/transport/v4"
	"github.com/pion/webrtc/v4"
	"go.uber.org/zap"
)

const (
	// setupTimeout bounds the time from the remote description to Up. ICE alone gives up after 3 + 15 s; a DTLS
	// handshake that loses a flight in five repeats it after 1, 2, 4 and 8 s.
	setupTimeout = 40 * time.Second
	// closeTimeout bounds Close as a whole, drainTimeout the part in which accepted Live frames are still
	// acknowledged; SCTP holds an acknowledgement back for at most 200 ms, the rest is for retransmissions.
	closeTimeout = 5 * time.Second
	drainTimeout = 2 * time.Second
)

var (
	// ErrFull says that the bound of a channel is reached: on Bulk wait for BulkReady, on Live the remote has not
	// acknowledged liveLimit bytes and should be given up or waited for.
	ErrFull = errors.New("the channel is full")
	// ErrNotUp says that Send came before Up.
	ErrNotUp = errors.New("the link is not up yet")
	// ErrClosed says that the link has ended.
	ErrClosed = errors.New("the link is closed")
	// ErrTooLarge says that a frame is over MaxFrame or MaxPresence.
	ErrTooLarge = errors.New("the frame is too large")
	// ErrSignal wraps every refusal of Link.Signal. The link is unharmed by the refused signal.
	ErrSignal = errors.New("unusable signal")
	// ErrRemoteClosed is the Down of a remote that ended the link on purpose.
	ErrRemoteClosed = errors.New("the other side closed the link")
	// ErrUnreachable is the Down of a link that never came up.
	ErrUnreachable = errors.New("no path to the other side was found")
	// ErrLost is the Down of a link whose path was gone for too long.
	ErrLost = errors.New("the path to the other side was lost")
	// ErrStuck is the Down of a link on which nothing was acknowledged for stuckTimeout though the path was there.
	ErrStuck = errors.New("the other side stopped acknowledging")
	// ErrProtocol is the Down of a remote that broke the rules of this package.
	ErrProtocol = errors.New("the other side broke the link protocol")
)

// Role says which side makes the offer.
type Role uint8

// The guest offers, the host answers.
const (
	Offerer Role = iota
	Answerer
)

// LoopbackMode says whether addresses of the loopback interface are candidates.
type LoopbackMode uint8

// LoopbackOn is for an introduction that came over loopback: both daemons are then on one machine, which may have
// no other interface. Anywhere else loopback candidates are noise, and a remote's would aim our checks at ourselves.
const (
	LoopbackOff LoopbackMode = iota
	LoopbackOn
)

// ICEServer is a STUN or TURN server, its URLs as in RFC 7064 and RFC 7065.
type ICEServer struct {
	URLs                 []string
	Username, Credential string
}

// Config is what a Link is made from.
type Config struct {
	Role       Role
	Keys       Keys // of this link alone
	ICEServers []ICEServer
	// RelayOnly gathers nothing but relayed addresses and takes none but relayed ones from the remote, so the
	// remote needs a TURN server too.
	RelayOnly bool
	Loopback  LoopbackMode
	// Net is the network; nil means this machine's, listed afresh each time. With a Net given there is no mDNS.
	Net transport.Net
	// Log may be nil. It gets no frame, no key and no signal.
	Log *zap.Logger
	// Events is called from the link's one event goroutine, in order. While it blocks, frames wait, and at the
	// bounds of the mailbox the remote does. It may call any method of the Link.
	Events func(Event)
}

// Link is one connection to one remote daemon. Its methods may be called from any goroutine.
type Link struct {
	cfg      Config
	log      *zap.Logger
	pc       *webrtc.PeerConnection
	local    [32]byte // SHA-256 of our certificate
	in       sealers  // each its channel's reader's
	box      *mailbox
	live     *livePipe
	fleeting *presencePipe
	bulk     *bulkPipe
	signals  *signaler
	monitor  *monitor
	shield   *shield

	wake      chan struct{} // capacity 1: the sender has something to look at
	dying     chan struct{} // closed by end: the goroutines of the link leave
	parted    chan struct{} // closed when pion's association has ended and its goroutine is gone
	torn      chan struct{} // closed when the workers are gone, or given up on, and Down is posted
	delivered chan struct{} // closed when Events has returned from Down
	done      chan struct{} // closed when nothing is left
	workers   sync.WaitGroup

	mu       sync.Mutex
	ended    bool
	cause    error                                // what Down will say; nil means our own Close
	up       bool                                 // Up was posted
	open     map[Channel]*datachannel.DataChannel // reliable channels that opened before Up
	presence bool                                 // the remote has opened presence
	hung     error                                // set before torn is closed
}

// New starts a link. An Offerer makes its offer at once: the first event is Signal. If New fails, Events may have been
// given a Down.
func New(cfg Config) (*Link, error) {
	l, err := newLink(cfg)
	if err != nil {
		return nil, err
	}
	l.workers.Go(l.monitor.run) // until dying
	l.workers.Go(l.sender)      // until dying
	go l.deliver()              // until Down is delivered; the closer waits for it
	go l.closer()               // the last to go: closes done
	if cfg.Role == Answerer {
		return l, nil
	}
	if err := l.signals.offer(); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("make an offer: %w", err)
	}
	return l, nil
}

// Signal takes a description or candidate that the other Link emitted. The error wraps ErrSignal if the bytes were
// refused, and the link goes on.
func (l *Link) Signal(b []byte) error {
	select {
	case <-l.dying:
		return ErrClosed
	default:
		return l.signals.take(b)
	}
}

// Fingerprints are the SHA-256 hashes of both certificates, the remote's as DTLS saw it; ok is false before the
// DTLS handshake and true from Up on.
func (l *Link) Fingerprints() (local, remote [32]byte, ok bool) {
	remote, ok = remoteFingerprint(l.pc)
	return l.local, remote, ok
}

// Send hands a frame over and never blocks; the frame may be reused after it returns. Live and Bulk take up to
// MaxFrame bytes, in order each; Presence is SendPresence with key 0. Errors: ErrNotUp, ErrClosed, ErrFull,
// ErrTooLarge. Bulk still queued at Close is dropped; what Live accepted is flushed first.
func (l *Link) Send(ch Channel, frame []byte) error {
	select {
	case <-l.dying:
		return ErrClosed
	default:
	}
	switch ch {
	case Live:
		return l.live.send(frame)
	case Bulk:
		return l.bulk.send(frame)
	case Presence:
		return l.fleeting.send(0, frame)
	}
	return fmt.Errorf("unknown channel %d", ch)
}

// SendPresence sends a frame that may be lost and that replaces the one of the same key still waiting here. Errors
// as Send, but never ErrFull.
func (l *Link) SendPresence(key uint64, frame []byte) error {
	select {
	case <-l.dying:
		return ErrClosed
	default:
		return l.fleeting.send(key, frame)
	}
}

// Close ends the link: Live frames already accepted are flushed for at most drainTimeout, then the remote is told and
// everything stops. It returns when nothing more is sent or read, or with an error after closeTimeout; Down follows
// from the event goroutine, and Done when the sockets are closed too. It may be called again, and from Events.
func (l *Link) Close() error {
	l.end(nil)
	<-l.torn
	return l.hung
}

// Done is closed after Events has returned from Down and no socket or goroutine of the link is left, about half a
// second after Close.
func (l *Link) Done() <-chan struct{} { return l.done }

// end begins the teardown; the first cause wins.
func (l *Link) end(cause error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	l.ended, l.cause = true, cause
	close(l.dying)
}

// isUp says whether Up was posted.
func (l *Link) isUp() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.up
}

// deliver is the link's one event goroutine.
func (l *Link) deliver() {
	defer close(l.delivered)
	for {
		e := l.box.next()
		l.cfg.Events(e)
		if _, last := e.(Down); last {
			return
		}
	}
}

// closer tears the link down once it is dying: first what the remote and our owner notice, then Down, then the rest
// of pion. What hangs longer than closeTimeout is left to itself.
func (l *Link) closer() {
	defer close(l.done)
	<-l.dying
	if !within(closeTimeout, l.part) {
		l.hung = errors.New("the link did not close in time")
		l.log.Warn("link did not close in time", zap.Duration("limit", closeTimeout))
	}
	l.box.finish(Down{l.cause})
	close(l.torn)
	if !within(closeTimeout, l.dispose) {
		l.log.Warn("link left goroutines behind")
	}
	<-l.delivered
}

// part flushes Live if the end is ours, ends the association by closing DTLS, and waits for the workers.
//
// pion's own Close would send an SCTP ABORT while it holds a lock that the end of the association needs, and, where
// the association has ended already, wait 400 ms with it. DTLS first is told to the remote just as well, and leaves
// nothing for that lock to be held against: in virtual time, where a clock stands still while a goroutine waits for
// a lock, the other order hangs.
func (l *Link) part() {
	if l.cause == nil {
		l.drain()
		l.box.refuse()
	}
	sctp := l.pc.SCTP()
	if err := sctp.Transport().Stop(); err != nil {
		l.log.Debug("close DTLS", zap.Error(err))
	}
	if sctp.State() == webrtc.SCTPTransportStateConnected {
		<-l.parted
	}
	l.workers.Wait()
}

// dispose closes the sockets and waits for pion's goroutines.
func (l *Link) dispose() {
	if err := l.pc.GracefulClose(); err != nil {
		l.log.Debug("close", zap.Error(err))
	}
}

// within runs f in a goroutine, which only a bug in pion can hold longer, and says whether it ended in time.
func within(limit time.Duration, f func()) bool {
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		f()
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-finished:
		return true
	case <-timer.C:
		return false
	}
}

// drain waits until the remote has acknowledged what Live accepted, or has ended the link itself: after a goodbye both
// sides close, and the acknowledgement that SCTP holds back for 200 ms never comes. It polls, for pion tells of one
// threshold only; nothing else waits for it.
func (l *Link) drain() {
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for limit := time.Now().Add(drainTimeout); time.Now().Before(limit); {
		_, buffered := l.live.progress()
		if buffered == 0 || l.pc.SCTP().State() != webrtc.SCTPTransportStateConnected {
			return
		}
		select {
		case <-poll.C:
		case <-l.parted:
			return
		}
	}
}
