package rpc

import (
	"errors"
	"io"
	"sync"
	"time"
)

const (
	// MaxBacklog is how many bytes may wait for the other end to read when one message more is queued: 64
	// MiB, two of the largest documents. So a connection never holds more than MaxBacklog + MaxMessage; an
	// editor that lets it come to that has stopped reading and is disconnected, and resyncs when it comes
	// back.
	MaxBacklog = 64 << 20
	// drainTime is how long the last words of a connection that ends may take.
	drainTime = time.Second
	// keepQueue is the capacity of a queue that is kept for the next messages.
	keepQueue = 256 << 10
)

// ErrSlow ends a connection whose other end stopped reading.
var ErrSlow = errors.New("the other end stopped reading; it was disconnected and has to connect again")

var errOutboxClosed = errors.New("the connection is closed")

// deadlineWriter is the part of a net.Conn that an outbox uses.
type deadlineWriter interface {
	io.WriteCloser
	SetWriteDeadline(time.Time) error
}

// outbox lets any goroutine send without ever waiting for the other end. One goroutine writes, and takes
// whatever is queued at once: messages that come while a write is under way become one write by themselves,
// without a timer. It ends, and closes w, when it was shut and is empty, or when writing failed.
type outbox struct {
	w    deadlineWriter
	done chan struct{} // closed when the writing goroutine has ended

	mu      sync.Mutex
	wake    sync.Cond
	queue   []byte
	writing int // bytes of the write under way
	shut    bool
	dead    bool
}

func newOutbox(w deadlineWriter) *outbox {
	o := &outbox{w: w, done: make(chan struct{})}
	o.wake.L = &o.mu
	return o
}

// put queues one message with this body; body is the caller's again when it returns. Errors: ErrSlow, once,
// and then the outbox is dead; errOutboxClosed.
func (o *outbox) put(body []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.shut || o.dead {
		return errOutboxClosed
	}
	if len(o.queue)+o.writing > MaxBacklog {
		o.kill()
		return ErrSlow
	}
	o.queue = appendHeader(o.queue, len(body))
	o.queue = append(o.queue, body...)
	o.wake.Signal()
	return nil
}

// close lets what is queued go out, for at most drainTime, and takes nothing more. It does not wait.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.shut || o.dead {
		return
	}
	o.shut = true
	_ = o.w.SetWriteDeadline(time.Now().Add(drainTime)) // a failure shows in the write
	o.wake.Signal()
}

// kill drops what is queued; o.mu is held.
func (o *outbox) kill() {
	o.dead, o.queue = true, nil
	_ = o.w.Close() // ends a write under way; nobody could do anything about an error
	o.wake.Signal()
}

// run writes until the end; the one that made the outbox starts it in a goroutine of its own.
func (o *outbox) run() {
	defer close(o.done)
	defer o.w.Close()
	var spare []byte
	for {
		batch, ok := o.take(spare)
		if !ok {
			return
		}
		if _, err := o.w.Write(batch); err != nil {
			o.mu.Lock()
			o.kill()
			o.mu.Unlock()
			return
		}
		spare = batch
	}
}

// take waits for something to write and leaves spare, which has been written, as the next queue.
func (o *outbox) take(spare []byte) ([]byte, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.writing = 0
	for len(o.queue) == 0 && !o.shut && !o.dead {
		o.wake.Wait()
	}
	if o.dead || len(o.queue) == 0 {
		return nil, false
	}
	if cap(spare) > keepQueue {
		spare = nil
	}
	batch := o.queue
	o.queue, o.writing = spare[:0], len(batch)
	return batch, true
}
