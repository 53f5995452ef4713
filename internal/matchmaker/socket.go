package matchmaker

import (
	"net/netip"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/zap"

	"earshot/protocol/wire"
)

// A socket is one client. read runs for its whole life; write only while something waits.
type socket struct {
	server *Server
	client Client
	conn   *websocket.Conn // set once, before read begins
	near   netip.Prefix
	slot   int

	// Guarded by server.mu.
	room    *room  // the one it hosts or is guest of
	peer    string // its name as a guest; "" for a host
	relays  bucket
	relayed time.Time // the last relay in either direction; guests only
	queue   []outgoing
	queued  int // bytes in queue
	writing bool
	closed  bool
}

// outgoing is one message to be written.
type outgoing struct {
	kind int // of websocket: TextMessage, PingMessage, CloseMessage
	data []byte
}

// pingCost is what a message without content counts in the queue, so that pings can't pile up either.
const pingCost = 64

// read is the socket's loop. It ends when the client leaves, breaks a rule, is silent or is cut.
func (k *socket) read() {
	defer k.server.wait.Done()
	defer k.server.leave(k)
	defer k.conn.Close()
	k.conn.SetReadLimit(wire.MaxEnvelope)
	k.extend(firstWait)
	k.conn.SetPongHandler(func(string) error {
		if k.placed() {
			k.extend(silence)
		}
		return nil
	})
	for {
		kind, message, err := k.conn.ReadMessage()
		if err != nil {
			return
		}
		e, err := wire.DecodeToMatchmaker(message)
		if err != nil || kind != websocket.TextMessage {
			k.server.log.Debug("bad envelope", zap.Error(err))
			k.server.badRequest(k)
			continue // the closing frame is on its way; what comes until then is not looked at
		}
		k.server.handle(k, e)
		if k.placed() {
			k.extend(silence)
		}
	}
}

func (k *socket) extend(wait time.Duration) { _ = k.conn.SetReadDeadline(time.Now().Add(wait)) }

// placed tells whether the socket has opened or knocked.
func (k *socket) placed() bool {
	k.server.mu.Lock()
	defer k.server.mu.Unlock()
	return k.room != nil
}

// send posts an envelope. server.mu is held.
func (k *socket) send(e wire.Envelope) {
	message, err := e.Encode()
	if err != nil { // only ICEServers of the operator can be that large
		k.server.log.Error("envelope not sent", zap.Error(err))
		return
	}
	k.post(outgoing{kind: websocket.TextMessage, data: message})
}

// refuse answers a request with a reason. server.mu is held.
func (k *socket) refuse(kind wire.RefusalKind) {
	k.server.log.Debug("refused", zap.String("kind", string(kind)))
	k.send(wire.Envelope{Type: wire.EnvelopeError, Kind: kind})
}

// part posts a last closing frame. server.mu is held.
func (k *socket) part(code int) {
	k.post(outgoing{kind: websocket.CloseMessage, data: websocket.FormatCloseMessage(code, "")})
}

// post queues a message and never blocks. A socket whose queue is full is cut: it does not read. server.mu is held.
func (k *socket) post(m outgoing) {
	if k.closed || k.conn == nil {
		return
	}
	k.queued += len(m.data) + pingCost
	if k.queued > maxQueue {
		k.server.log.Debug("slow socket cut")
		k.cut()
		return
	}
	k.queue = append(k.queue, m)
	if !k.writing {
		k.writing = true
		k.server.wait.Add(1)
		go k.write() // ends when the queue is empty; Serve waits for it
	}
}

// cut closes the connection; read and write end by that. server.mu is held.
func (k *socket) cut() {
	k.closed = true
	k.queue = nil
	if k.conn != nil {
		_ = k.conn.NetConn().Close()
	}
}

// write sends what is queued until nothing is left.
func (k *socket) write() {
	defer k.server.wait.Done()
	for {
		m, ok := k.next()
		if !ok {
			return
		}
		_ = k.conn.SetWriteDeadline(time.Now().Add(writeWait))
		if k.conn.WriteMessage(m.kind, m.data) != nil || m.kind == websocket.CloseMessage {
			k.server.mu.Lock()
			k.cut()
			k.server.mu.Unlock()
		}
	}
}

// next takes the oldest message; without one the writer must end.
func (k *socket) next() (m outgoing, ok bool) {
	k.server.mu.Lock()
	defer k.server.mu.Unlock()
	if len(k.queue) == 0 {
		k.writing = false
		k.queue = nil
		return outgoing{}, false
	}
	m, k.queue = k.queue[0], k.queue[1:]
	k.queued -= len(m.data) + pingCost
	return m, true
}
