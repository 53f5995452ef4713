package matchmaker

import (
	"crypto/rand"
	"crypto/subtle"
	"time"

	"github.com/gorilla/websocket"

	"earshot/protocol/wire"
)

// A room is a name with a host behind it, or one that is kept for its owner. Guarded by Server.mu.
type room struct {
	name   string
	owner  string  // wire.IsOwner
	host   *socket // nil: the owner may come back
	left   time.Time
	guests map[string]*socket
	knocks bucket
}

// handle does what a client asks.
func (s *Server) handle(k *socket, e wire.Envelope) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k.closed {
		return
	}
	switch {
	case e.Type == wire.EnvelopeOpen && k.room == nil:
		s.open(k, e)
	case e.Type == wire.EnvelopeKnock && k.room == nil:
		s.knock(k, e)
	case e.Type == wire.EnvelopeAsk && k.room == nil:
		s.ask(k, e)
	case e.Type == wire.EnvelopeRelay && k.room != nil:
		s.relay(k, e)
	case e.Type == wire.EnvelopeClose && e.Peer != "" && k.room != nil && k.peer == "":
		if guest := k.room.guests[e.Peer]; guest != nil {
			s.sendAway(guest)
		}
	case e.Type == wire.EnvelopeClose && e.Peer == "":
		k.part(websocket.CloseNormalClosure)
		s.depart(k)
	default:
		s.refuseForGood(k, wire.RefusedBadRequest)
	}
}

// badRequest answers what is no envelope.
func (s *Server) badRequest(k *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuseForGood(k, wire.RefusedBadRequest)
}

// refuseForGood answers one who breaks the rules, and closes.
func (s *Server) refuseForGood(k *socket, kind wire.RefusalKind) {
	k.refuse(kind)
	k.part(websocket.ClosePolicyViolation)
	s.depart(k)
}

// open gives a room to its host. Its owner takes it over from a connection that has not yet been seen to be dead.
func (s *Server) open(k *socket, e wire.Envelope) {
	if !s.request(k) {
		k.refuse(wire.RefusedRateLimited)
		return
	}
	r := s.rooms[e.Room]
	switch {
	case r == nil && !s.makeSpace():
		k.refuse(wire.RefusedServerFull)
		return
	case r == nil:
		r = &room{name: e.Room, owner: e.Owner, guests: map[string]*socket{}}
		s.rooms[e.Room] = r
	case subtle.ConstantTimeCompare([]byte(r.owner), []byte(e.Owner)) == 0:
		k.refuse(wire.RefusedRoomTaken)
		return
	case r.host != nil:
		old := r.host
		old.part(websocket.CloseGoingAway)
		s.depart(old)
	}
	r.host, k.room = k, r
	k.send(wire.Envelope{Type: wire.EnvelopeOpened, ICEServers: s.iceServers(k)})
}

// makeSpace keeps the rooms within MaxRooms: whoever has been away the longest loses its name first.
func (s *Server) makeSpace() bool {
	if len(s.rooms) < MaxRooms {
		return true
	}
	var oldest *room
	for _, r := range s.rooms {
		if r.host == nil && (oldest == nil || r.left.Before(oldest.left)) {
			oldest = r
		}
	}
	if oldest == nil {
		return false
	}
	delete(s.rooms, oldest.name)
	return true
}

// knock brings a guest before a room. Whether a room never was, is gone or waits for its owner can't be told from outside.
func (s *Server) knock(k *socket, e wire.Envelope) {
	if !s.request(k) {
		k.refuse(wire.RefusedRateLimited)
		return
	}
	r := s.rooms[e.Room]
	now := time.Now()
	switch {
	case r == nil || r.host == nil:
		k.refuse(wire.RefusedNoSuchRoom)
		return
	case len(r.guests) >= MaxGuestsPerRoom:
		k.refuse(wire.RefusedRoomFull)
		return
	case !r.knocks.take(now, 1, KnocksPerMinute, KnocksPerMinute/60.0):
		k.refuse(wire.RefusedRateLimited)
		return
	}
	k.room, k.peer, k.relayed = r, newPeer(), now
	r.guests[k.peer] = k
	k.send(wire.Envelope{Type: wire.EnvelopeKnocked, ICEServers: s.iceServers(k)})
	r.host.send(wire.Envelope{Type: wire.EnvelopeKnock, Peer: k.peer, ICEServers: s.iceServers(r.host)})
}

// ask says whether a knock would be heard, without knocking.
func (s *Server) ask(k *socket, e wire.Envelope) {
	r := s.rooms[e.Room]
	switch {
	case !s.request(k):
		k.refuse(wire.RefusedRateLimited)
	case r == nil || r.host == nil:
		k.refuse(wire.RefusedNoSuchRoom)
	default:
		k.send(wire.Envelope{Type: wire.EnvelopeKnown})
	}
}

// relay passes a message on. To a guest that has just left it goes nowhere; the host is being told.
func (s *Server) relay(k *socket, e wire.Envelope) {
	now := time.Now()
	units := float64(1 + len(e.Data)/relayUnit)
	if k.peer == "" {
		guest := k.room.guests[e.Peer]
		switch {
		case !k.relays.take(now, units, hostBurst, hostRate):
			s.refuseForGood(k, wire.RefusedRateLimited)
		case guest != nil:
			guest.relayed = now
			guest.send(wire.Envelope{Type: wire.EnvelopeRelay, Data: e.Data})
		}
		return
	}
	host := k.room.host
	// Half of the host's queue is for the server's own words: a guest must not be able to have the host cut.
	full := host.queued+len(e.Data)*4/3 > maxQueue/2
	if full || !k.relays.take(now, units, guestBurst, guestRate) {
		s.refuseForGood(k, wire.RefusedRateLimited)
		return
	}
	k.relayed = now
	host.send(wire.Envelope{Type: wire.EnvelopeRelay, Peer: k.peer, Data: e.Data})
}

// depart takes a socket out of its room; a host's room is kept for it, its guests are sent away.
func (s *Server) depart(k *socket) {
	r, peer := k.room, k.peer
	k.room, k.peer = nil, ""
	switch {
	case r == nil:
	case peer == "" && r.host == k:
		r.host, r.left = nil, time.Now()
		for _, guest := range r.guests {
			s.sendAway(guest)
		}
	case peer != "" && r.guests[peer] == k:
		delete(r.guests, peer)
		if r.host != nil {
			r.host.send(wire.Envelope{Type: wire.EnvelopeGone, Peer: peer})
		}
	}
}

// sendAway tells a guest that it is over.
func (s *Server) sendAway(guest *socket) {
	guest.send(wire.Envelope{Type: wire.EnvelopeGone})
	guest.part(websocket.CloseNormalClosure)
	s.depart(guest)
}

// request counts an opening, a knock or a question against its address.
func (s *Server) request(k *socket) bool {
	b := s.buckets[k.near]
	if b == nil {
		if len(s.buckets) >= maxBuckets {
			return false
		}
		b = &bucket{}
		s.buckets[k.near] = b
	}
	return b.take(time.Now(), 1, RequestsPerMinute, RequestsPerMinute/60.0)
}

func (s *Server) iceServers(k *socket) []wire.ICEServer {
	if s.opts.ICEServers == nil {
		return nil
	}
	return s.opts.ICEServers(k.client)
}

// newPeer draws a guest's name, which means nothing outside this room.
func newPeer() string {
	const symbols = "0123456789abcdefghijklmnopqrstuv" // 32 of them, so that five bits of a byte draw one evenly
	b := make([]byte, wire.PeerSymbols)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	for i := range b {
		b[i] = symbols[b[i]&31]
	}
	return string(b)
}
