package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/pion/datachannel"
)

const (
	// presenceHighWater is what SCTP may hold of presence before newer frames wait here and replace each other: a
	// handful of cursors.
	presenceHighWater = 8 << 10
	// presenceKeys bounds the keys that wait to be sent; at the bound the frame that waited longest is dropped, as
	// the network might have done.
	presenceKeys = 64
	// presenceSeen bounds the keys whose newest number is remembered. A remote that uses more makes us forget all,
	// and may then be shown one of its own frames out of order.
	presenceSeen = 1024
)

// presencePipe sends the newest frame of each key. Every message begins with a number that grows by one from frame to frame
// of the link, by which the receiver drops what was overtaken; what follows is sealed under it: the key and the frame.
// Both numbers are varints.
type presencePipe struct {
	mu      sync.Mutex
	raw     *datachannel.DataChannel
	sealer  *sealer
	order   []uint64          // keys that wait, the longest waiting first
	waiting map[uint64][]byte // the newest frame of each
	plain   []byte
	scratch []byte
}

func newPresencePipe(s *sealer) *presencePipe {
	return &presencePipe{sealer: s, waiting: map[uint64][]byte{}}
}

// open is called with the channel; wake is called, from a goroutine of pion's, when there is room again.
func (p *presencePipe) open(raw *datachannel.DataChannel, wake func()) {
	raw.SetBufferedAmountLowThreshold(presenceHighWater / 2)
	raw.OnBufferedAmountLow(wake)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.raw = raw
	p.flushLocked()
}

func (p *presencePipe) send(key uint64, frame []byte) error {
	if len(frame) > MaxPresence {
		return fmt.Errorf("%w: %d bytes of %d on presence", ErrTooLarge, len(frame), MaxPresence)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keep(key, frame)
	p.flushLocked()
	return nil
}

// keep replaces the frame of the key; a key keeps its place in the order, so a busy one can't starve the others.
func (p *presencePipe) keep(key uint64, frame []byte) {
	old, known := p.waiting[key]
	p.waiting[key] = append(old[:0], frame...)
	if known {
		return
	}
	p.order = append(p.order, key)
	if len(p.order) > presenceKeys {
		delete(p.waiting, p.order[0])
		p.order = p.order[1:]
	}
}

func (p *presencePipe) flush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flushLocked()
}

func (p *presencePipe) flushLocked() {
	for p.raw != nil && len(p.order) > 0 && p.raw.BufferedAmount() < presenceHighWater {
		key := p.order[0]
		p.order = p.order[1:]
		p.plain = append(binary.AppendUvarint(p.plain[:0], key), p.waiting[key]...)
		delete(p.waiting, key)
		var err error
		if p.scratch, err = p.sealer.sealNumbered(p.scratch[:0], p.plain); err != nil {
			return // presence is the first thing to do without
		}
		if _, err := p.raw.WriteDataChannel(p.scratch, false); err != nil {
			return // the association has ended, its reader will say so
		}
	}
}

var errPresence = errors.New("a presence message without a key")

// newest drops what was overtaken.
type newest struct{ seen map[uint64]uint64 }

// add takes one message; fresh is false for one that is older than what was delivered. The frame does not alias the
// message.
func (s *newest) add(number uint64, msg []byte) (f Frame, fresh bool, err error) {
	key, n := binary.Uvarint(msg)
	if n <= 0 {
		return Frame{}, false, errPresence
	}
	if number <= s.seen[key] {
		return Frame{}, false, nil
	}
	if len(s.seen) >= presenceSeen || s.seen == nil {
		s.seen = map[uint64]uint64{}
	}
	s.seen[key] = number
	return Frame{Channel: Presence, Key: key, Data: append([]byte(nil), msg[n:]...)}, true, nil
}

// readPresence delivers presence frames until the channel ends; it is the body of one goroutine of the link.
func (l *Link) readPresence(raw *datachannel.DataChannel) {
	buf := make([]byte, messageSize)
	var frames newest
	for {
		n, _, err := raw.ReadDataChannel(buf)
		if err != nil {
			l.end(readCause(err))
			return
		}
		number, msg, err := l.in[Presence].openNumbered(buf[:n])
		if err != nil {
			l.end(fmt.Errorf("%w: %w on %s", ErrProtocol, err, Presence))
			return
		}
		frame, fresh, err := frames.add(number, msg)
		if err != nil {
			l.end(fmt.Errorf("%w: %w", ErrProtocol, err))
			return
		}
		if fresh {
			l.box.frame(frame)
		}
	}
}
