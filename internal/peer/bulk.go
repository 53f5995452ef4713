package peer

import (
	"fmt"
	"sync"
	"time"

	"github.com/pion/datachannel"
)

const (
	// bulkLimit is what waits here to be sent: two of the largest frames, so that one can be made while one goes.
	bulkLimit = 2 * MaxFrame
	// bulkReadyAt is where BulkReady is sent after ErrFull: room for another largest frame.
	bulkReadyAt = bulkLimit - MaxFrame
	// bulkHighWater is what SCTP may hold of bulk: measured, it keeps a keystroke on a lossy path of 50 ms within
	// 25 ms of an idle one, at 10 Mbit/s; more only lengthens the queue before the keystroke.
	bulkHighWater = 64 << 10
	// bulkCheck is how long a wake-up of pion's that never came can hold bulk back.
	bulkCheck = time.Second
)

// bulkPipe queues bulk frames and hands them to SCTP part by part while it holds less than bulkHighWater of them.
type bulkPipe struct {
	mu      sync.Mutex
	raw     *datachannel.DataChannel
	sealer  *sealer
	queue   [][]byte // the first may be partly sent
	bytes   int
	full    bool // ErrFull was returned and BulkReady is owed
	scratch []byte
	written uint64
	wake    func()
}

// open is called with the channel; wake is called, from a goroutine of pion's, when there is room again.
func (p *bulkPipe) open(raw *datachannel.DataChannel, wake func()) {
	raw.SetBufferedAmountLowThreshold(bulkHighWater / 2)
	raw.OnBufferedAmountLow(wake)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.raw = raw
}

func (p *bulkPipe) send(frame []byte) error {
	if len(frame) > MaxFrame {
		return fmt.Errorf("%w: %d bytes of %d", ErrTooLarge, len(frame), MaxFrame)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.raw == nil {
		return ErrNotUp
	}
	if p.bytes+len(frame)+eventCost > bulkLimit {
		p.full = true
		return ErrFull
	}
	p.queue = append(p.queue, append([]byte(nil), frame...))
	p.bytes += len(frame) + eventCost
	p.wake()
	return nil
}

// pump hands over what there is room for and reports whether BulkReady is due.
func (p *bulkPipe) pump() (ready bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.queue) > 0 && p.raw.BufferedAmount() < bulkHighWater {
		part, rest, more := cut(p.queue[0])
		n, err := writePart(p.raw, p.sealer, &p.scratch, part, more)
		p.written += uint64(n)
		if err != nil {
			return false // the association has ended, its reader will say so
		}
		p.bytes -= len(part)
		p.queue[0] = rest
		if !more {
			p.queue[0] = nil
			p.queue = p.queue[1:]
			p.bytes -= eventCost
		}
	}
	if !p.full || p.bytes > bulkReadyAt {
		return false
	}
	p.full = false
	return true
}

// progress is what was handed to SCTP and what of it is not acknowledged.
func (p *bulkPipe) progress() (written, buffered uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.raw == nil {
		return 0, 0
	}
	return p.written, p.raw.BufferedAmount()
}

// sender moves bulk, and presence that had to wait, whenever it is woken; it is a goroutine of the link.
func (l *Link) sender() {
	check := time.NewTicker(bulkCheck)
	defer check.Stop()
	for {
		select {
		case <-l.dying:
			return
		case <-l.wake:
		case <-check.C:
		}
		l.fleeting.flush()
		if l.bulk.pump() {
			l.box.post(BulkReady{})
		}
	}
}

// wakeSender never blocks: pion calls it while it holds the lock of the association.
func (l *Link) wakeSender() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}
