package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"earshot/protocol/wire"

	"github.com/pion/datachannel"
)

const (
	// MaxFrame is the largest frame on Live and Bulk, 1 MiB. What is larger is the caller's to cut, and belongs on Bulk.
	MaxFrame = wire.MaxFrame
	// partSize is the payload of one SCTP message: 16 KiB is what every WebRTC stack takes, and without interleaving
	// (Chromium) it is how long another channel waits at most.
	partSize = 16 << 10
	// messageSize is the largest message we read: a part and its tag, sealed.
	messageSize = 1 + partSize + sealOverhead
	// MaxPresence is the largest presence frame: one message, less two varints of ten bytes. A frame that fits in
	// one packet (about 1,100 bytes) has the best chance to arrive.
	MaxPresence = partSize - 2*binary.MaxVarintLen64
	// liveLimit is what Live holds unacknowledged: four of the largest frames, or half a minute of the busiest
	// typing of sixteen people at 8 KiB a second each.
	liveLimit = 4 * MaxFrame
)

// The tag before each part: whether more of the same frame follow.
const (
	tagLast byte = iota
	tagMore
)

// Channel is one of the three channels of a link.
type Channel uint8

const (
	// Live is reliable and ordered: control and edits, in one order.
	Live Channel = iota
	// Presence is unordered and never repeated; the newest frame of a key wins on both sides.
	Presence
	// Bulk is reliable and ordered, sent only in the gaps of the others.
	Bulk
)

// String is the label of the data channel.
func (c Channel) String() string {
	switch c {
	case Live:
		return "live"
	case Presence:
		return "presence"
	case Bulk:
		return "bulk"
	}
	return fmt.Sprintf("Channel(%d)", uint8(c))
}

// id is the SCTP stream, the same on both sides.
func (c Channel) id() uint16 { return uint16(c) }

// livePipe sends Live frames from the caller's goroutine: pion's write only appends to a queue and wakes its writer,
// so a goroutine of ours in between would be one more hand-off for each keystroke.
type livePipe struct {
	mu      sync.Mutex // keeps the parts of a frame together
	raw     *datachannel.DataChannel
	sealer  *sealer
	scratch []byte // tag and part; pion copies
	written uint64 // bytes handed to SCTP
}

func (p *livePipe) open(raw *datachannel.DataChannel) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.raw = raw
}

func (p *livePipe) send(frame []byte) error {
	if len(frame) > MaxFrame {
		return fmt.Errorf("%w: %d bytes of %d", ErrTooLarge, len(frame), MaxFrame)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.raw == nil {
		return ErrNotUp
	}
	if p.raw.BufferedAmount()+uint64(len(frame)) > liveLimit {
		return ErrFull
	}
	for more := true; more; {
		var part []byte
		part, frame, more = cut(frame)
		n, err := writePart(p.raw, p.sealer, &p.scratch, part, more)
		p.written += uint64(n)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrClosed, err)
		}
	}
	return nil
}

// progress is what was handed to SCTP and what of it is not acknowledged.
func (p *livePipe) progress() (written, buffered uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.raw == nil {
		return 0, 0
	}
	return p.written, p.raw.BufferedAmount()
}

// cut takes the first part off a frame; an empty frame is one empty part.
func cut(frame []byte) (part, rest []byte, more bool) {
	n := min(len(frame), partSize)
	return frame[:n], frame[n:], len(frame) > n
}

// writePart hands one sealed part to SCTP.
func writePart(raw *datachannel.DataChannel, s *sealer, scratch *[]byte, part []byte, more bool) (n int, err error) {
	*scratch = appendPart((*scratch)[:0], part, more)
	if *scratch, err = s.seal(*scratch); err != nil {
		return 0, err
	}
	return raw.WriteDataChannel(*scratch, false)
}

func appendPart(b, part []byte, more bool) []byte {
	tag := tagLast
	if more {
		tag = tagMore
	}
	return append(append(b, tag), part...)
}

// assembler puts the parts of frames together again.
type assembler struct{ partial []byte }

var (
	errTag    = errors.New("a part with an unknown tag")
	errEmpty  = errors.New("a message without a tag")
	errLength = errors.New("a frame over the limit")
	errShort  = errors.New("a part that is short but not the last")
)

// add takes one message and returns a frame if it was the last part of one. The result does not alias the message.
// That all parts but the last are full keeps a frame to MaxFrame/partSize messages.
func (a *assembler) add(msg []byte) (frame []byte, complete bool, err error) {
	if len(msg) == 0 {
		return nil, false, errEmpty
	}
	tag, part := msg[0], msg[1:]
	if len(a.partial)+len(part) > MaxFrame {
		return nil, false, errLength
	}
	switch {
	case tag == tagLast:
		frame = append(a.partial, part...)
		a.partial = nil
		return frame, true, nil
	case tag != tagMore:
		return nil, false, errTag
	case len(part) != partSize:
		return nil, false, errShort
	}
	a.partial = append(a.partial, part...)
	return nil, false, nil
}

// read delivers the frames of a reliable channel until it ends; it is the body of one goroutine of the link.
func (l *Link) read(ch Channel, raw *datachannel.DataChannel) {
	buf := make([]byte, messageSize)
	var frames assembler
	for {
		n, _, err := raw.ReadDataChannel(buf)
		if err != nil {
			l.end(readCause(err))
			return
		}
		msg, err := l.in[ch].open(buf[:n])
		var frame []byte
		complete := false
		if err == nil {
			frame, complete, err = frames.add(msg)
		}
		if err != nil {
			l.end(fmt.Errorf("%w: %w on %s", ErrProtocol, err, ch))
			return
		}
		if complete {
			l.box.frame(Frame{Channel: ch, Data: frame})
		}
	}
}

// readCause tells a message over messageSize from the end of the association.
func readCause(err error) error {
	if errors.Is(err, io.ErrShortBuffer) {
		return fmt.Errorf("%w: a message over %d bytes", ErrProtocol, messageSize)
	}
	return ErrRemoteClosed
}
