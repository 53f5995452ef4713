package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"

	"github.com/sourcegraph/jsonrpc2"
	"go.uber.org/zap"

	"earshot/protocol"
)

// link is one end of a JSON-RPC connection, the same for the daemon and for a client.
//
// It is jsonrpc2's ObjectStream and keeps the payloads to itself: what it hands to jsonrpc2 is a stand-in,
// the message with its params or result left out, and the real one waits in the field incoming until the
// handler, called by the same goroutine, takes it. Going out, a complete body waits in the field outgoing
// until WriteObject is called. Why: jsonrpc2 v0.2.3 decodes params into a map and marshals them again, knows
// no negative ids, and can't answer with id null; a text of some megabytes would be passed eight times.
type link struct {
	end   end
	conn  net.Conn
	rpc   *jsonrpc2.Conn
	log   *zap.Logger
	in    *frameReader
	out   *outbox
	ctx   context.Context
	ready chan struct{} // closed when rpc is set
	done  chan struct{} // closed when the reading goroutine has said closed

	// Owned by the reading goroutine.
	opened   bool
	incoming envelope

	bodies sync.Pool // of *bytes.Buffer

	sending  sync.Mutex // held while a body goes through jsonrpc2 to the outbox
	outgoing []byte
	limit    int // of a body: MaxMessage, less in a test

	mu    sync.Mutex
	cause error // why it ended; the first one counts
}

// end is what a link delivers to, all from its reading goroutine and in the order of the wire.
type end interface {
	opened()
	// message is a request or a notification.
	message(m envelope)
	// answer is the response to what was sent as call(number, method, …); m.error is nil or JSON.
	answer(number uint64, method string, m envelope)
	// closed is the last word; nil after an orderly end.
	closed(err error)
}

// openLink starts the two goroutines of a link (and one of jsonrpc2's that waits for ctx). They end when the
// other end closes, when close was called, or with ctx; wait waits for them.
func openLink(ctx context.Context, conn net.Conn, e end, log *zap.Logger) *link {
	l := &link{
		end: e, conn: conn, log: log, ctx: ctx,
		in: newFrameReader(conn), out: newOutbox(conn),
		ready: make(chan struct{}), done: make(chan struct{}), limit: MaxMessage,
	}
	go l.out.run()
	l.rpc = jsonrpc2.NewConn(ctx, l, l, jsonrpc2.OnRecv(l.received), jsonrpc2.SetLogger(quiet{log}))
	return l
}

// start lets the link read; its owner is complete now.
func (l *link) start() { close(l.ready) }

// wait returns when both goroutines have done their work.
func (l *link) wait() {
	<-l.done
	<-l.out.done
}

// close ends the link after what is queued has gone out; it does not wait.
func (l *link) close(cause error) {
	l.note(cause)
	l.out.close()
}

func (l *link) note(cause error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cause == nil {
		l.cause = cause
	}
}

// ReadObject gives jsonrpc2 the next stand-in. What is not a JSON-RPC message is answered here and skipped; a
// broken frame is answered and ends the link.
func (l *link) ReadObject(v any) error {
	if !l.opened {
		<-l.ready
		l.opened = true
		l.end.opened()
	}
	for {
		body, err := l.in.next()
		if err != nil {
			l.ended(err)
			return err
		}
		m, fault := parseEnvelope(body)
		if fault != nil {
			l.refuse(m.id, fault)
			continue
		}
		l.incoming = m
		return v.(json.Unmarshaler).UnmarshalJSON(m.standIn())
	}
}

// standIn is a message for jsonrpc2 of the same kind. Its id matters for responses alone; ids as strings let
// the call 0 be one, which jsonrpc2 would take for "none given".
func (m envelope) standIn() []byte {
	switch m.kind {
	case notification:
		return []byte(`{"method":"m"}`)
	case request:
		return []byte(`{"method":"m","id":1}`)
	}
	number, err := strconv.ParseUint(string(m.id), 10, 64)
	if err != nil {
		return []byte(`{"id":"","result":null}`) // nobody's: calls have numbers
	}
	return []byte(`{"id":"` + strconv.FormatUint(number, 10) + `","result":null}`)
}

// ended says closed, once, as the reading goroutine's last act.
func (l *link) ended(err error) {
	var frame *frameError
	switch {
	case errors.As(err, &frame):
		l.refuse(nil, invalid(frame.sentence))
		l.note(frame)
	case errors.Is(err, io.EOF):
	case l.ctx.Err() != nil:
		l.note(l.ctx.Err())
	default:
		l.note(err)
	}
	l.mu.Lock()
	cause := l.cause
	l.mu.Unlock()
	if errors.Is(cause, errOrderly) {
		cause = nil
	}
	l.end.closed(cause)
	close(l.done)
}

// errOrderly is the cause of an end that was asked for without a reason.
var errOrderly = errors.New("closed")

// Handle is jsonrpc2's handler, called in the reading goroutine.
func (l *link) Handle(context.Context, *jsonrpc2.Conn, *jsonrpc2.Request) { l.end.message(l.incoming) }

// received is called by jsonrpc2 in the reading goroutine for everything that arrives; answers are delivered
// from here and not through jsonrpc2's channels, because "didChange, then the answer" has to keep its order.
func (l *link) received(req *jsonrpc2.Request, resp *jsonrpc2.Response) {
	if resp == nil {
		return
	}
	if req == nil {
		l.log.Debug("an answer to no question was ignored")
		return
	}
	number, err := strconv.ParseUint(req.ID.Str, 10, 64)
	if err != nil {
		return
	}
	l.end.answer(number, req.Method, l.incoming)
}

// WriteObject queues the body that belongs to the stand-in; l.sending is held.
func (l *link) WriteObject(any) error { return l.out.put(l.outgoing) }

// Close is called by jsonrpc2 when the reading has ended or ctx has.
func (l *link) Close() error {
	l.out.close()
	return nil
}

// notify sends a notification. Errors: what can't be marshalled, too large a message, a link that has ended;
// the last two end the link.
func (l *link) notify(method string, params any) error {
	head := append([]byte(`{"jsonrpc":"2.0","method":`), quote(method)...)
	return l.send(head, `,"params":`, params, func() error {
		return l.rpc.Notify(l.ctx, "m", nil)
	})
}

// call sends a request whose answer comes to end.answer with this number, which must not be in use.
func (l *link) call(number uint64, method string, params any) error {
	id := strconv.FormatUint(number, 10)
	head := append([]byte(`{"jsonrpc":"2.0","id":`+id+`,"method":`), quote(method)...)
	return l.send(head, `,"params":`, params, func() error {
		_, err := l.rpc.DispatchCall(l.ctx, method, nil, jsonrpc2.PickID(jsonrpc2.ID{Str: id, IsString: true}))
		return err
	})
}

// reply answers a request; a result that is too large becomes an error.
func (l *link) reply(id []byte, result any) error {
	err := l.send(idHead(id), `,"result":`, result, l.respond)
	if errors.Is(err, errTooLarge) {
		return l.refuse(id, protocol.Errorf(protocol.TooLarge,
			"the answer is over the limit of %d bytes for a message; ask for less at once", MaxMessage))
	}
	return err
}

// refuse answers with an error; id nil stands for null.
func (l *link) refuse(id []byte, fault *protocol.Error) error {
	if id == nil {
		id = []byte("null")
	}
	return l.send(idHead(id), `,"error":`, fault, l.respond)
}

func (l *link) respond() error { return l.rpc.SendResponse(l.ctx, &jsonrpc2.Response{}) }

func idHead(id []byte) []byte { return append([]byte(`{"jsonrpc":"2.0","id":`), id...) }

func quote(s string) []byte {
	b, _ := json.Marshal(s) // a string always can be
	return b
}

// Why a message was not sent although the link is there.
var (
	errTooLarge = errors.New("a message is over the limit of the socket; nothing was sent")
	errMarshal  = errors.New("a message can't be written as JSON; nothing was sent")
)

// keepBuffer is the capacity of a buffer for outgoing bodies that is kept; what is larger is rare.
const keepBuffer = 64 << 10

// send marshals payload, once and in the caller's goroutine, behind head and name, and passes the body
// through jsonrpc2.
func (l *link) send(head []byte, name string, payload any, through func() error) error {
	b, _ := l.bodies.Get().(*bytes.Buffer)
	if b == nil {
		b = new(bytes.Buffer)
	}
	defer l.recycle(b)
	b.Write(head)
	b.WriteString(name)
	if err := marshalInto(b, payload); err != nil {
		return fmt.Errorf("%w: %w", errMarshal, err)
	}
	b.WriteByte('}')
	if b.Len() > l.limit {
		return errTooLarge
	}
	l.sending.Lock()
	defer l.sending.Unlock()
	l.outgoing = b.Bytes()
	err := through()
	l.outgoing = nil
	if errors.Is(err, ErrSlow) {
		l.note(ErrSlow)
	}
	return err
}

func (l *link) recycle(b *bytes.Buffer) {
	if b.Cap() <= keepBuffer {
		b.Reset()
		l.bodies.Put(b)
	}
}

// marshalInto is json.Marshal without the escapes for HTML, which make six bytes of each < in a text.
func marshalInto(b *bytes.Buffer, v any) error {
	if raw, ok := v.(json.RawMessage); ok {
		if len(raw) == 0 {
			raw = json.RawMessage("null")
		}
		if !json.Valid(raw) {
			return errors.New("not valid JSON")
		}
		b.Write(raw)
		return nil
	}
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1) // the encoder's newline
	return nil
}

// quiet keeps jsonrpc2's log lines without their arguments, which may quote a message.
type quiet struct{ log *zap.Logger }

func (q quiet) Printf(format string, _ ...any) { q.log.Debug("jsonrpc2", zap.String("line", format)) }
