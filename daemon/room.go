package daemon

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"earshot/daemon/settings"
	"earshot/internal/introduction"
	"earshot/internal/session"
	"earshot/internal/signal"
	"earshot/protocol"
)

// room is where guests find one session of this host: its name at a matchmaker, the code and link, and the guests that
// are being introduced. One goroutine (run) has it; what stands under mu the knocks' goroutines use too.
type room struct {
	d        *Daemon
	session  string
	params   *protocol.ShareParams
	name     string // the host's, as guests see it
	key      ed25519.PrivateKey
	ctx      context.Context
	cancel   context.CancelFunc
	renewals chan struct{} // asks for a fresh code
	guests   map[string]*knock
	pace     pace
	knocks   sync.WaitGroup

	// proving is held from the look at the code to the count of a wrong one, and while the code is replaced; it comes
	// before mu.
	proving sync.Mutex
	era     int // grows with each code

	mu      sync.Mutex
	host    *signal.Host
	link    introduction.Link
	code    introduction.Code // zero while there is none
	guesses introduction.Guesses
	members map[string][]resumption // by member: at most two
	gone    map[string]bool         // members who left for good, or were removed: no id is given twice
	waiting map[session.IntroID]chan session.Decide
}

// resumption is one secret with which a member can come back.
type resumption struct {
	hint   string
	secret []byte
}

// maxKnocks is how many guests may be in introductions at once; each costs a millisecond for its PAKE and some KB. The
// matchmaker lets no more wait at one room.
const maxKnocks = 64

// useRoom carries out what concerns a session's room.
func (d *Daemon) useRoom(f session.Effect) {
	switch f := f.(type) {
	case session.OpenRoom:
		r := d.newRoom(f)
		d.rooms[f.Session] = r
		d.begin(r.run)
	case session.NewCode:
		if r := d.rooms[f.Session]; r != nil {
			select {
			case r.renewals <- struct{}{}:
			default: // one is asked for already
			}
		}
	case session.CloseRoom:
		if r := d.rooms[f.Session]; r != nil {
			delete(d.rooms, f.Session)
			r.cancel()
		}
	case session.Decide:
		if r := d.rooms[f.Session]; r != nil {
			r.decide(f)
		}
	}
}

// forget makes a member's way back void: at a host the guest's secrets, at a guest its own.
func (d *Daemon) forget(f session.Forget) {
	delete(d.bonds, f.Session)
	if r := d.rooms[f.Session]; r != nil {
		r.forget(f.Member)
	}
}

func (d *Daemon) newRoom(f session.OpenRoom) *room {
	r := &room{
		d: d, session: f.Session, params: f.Params, name: f.Name, renewals: make(chan struct{}, 1),
		guests: map[string]*knock{}, members: map[string][]resumption{}, waiting: map[session.IntroID]chan session.Decide{},
	}
	r.ctx, r.cancel = context.WithCancel(d.ctx)
	return r
}

// run opens the room and serves it until it is closed.
func (r *room) run() {
	defer r.cancel()
	server, there, release, err := r.server()
	if err == nil {
		defer release()
		err = r.open(server, there)
	}
	if err != nil {
		if r.host != nil {
			r.host.Close()
		}
		r.d.postAfter(func() { delete(r.d.rooms, r.session) }, session.RoomFailed{Session: r.session, Err: matchmakerError(err)})
		return
	}
	code, link := r.shown()
	r.d.post(session.RoomOpened{Session: r.session, Code: code, Link: link, Reach: r.reach(server)})
	r.serve(server, there)
	r.knocks.Wait() // each has said its last word
	r.host.Close()
}

// server finds the matchmaker: its URL for us and for the link.
func (r *room) server() (here, there string, release func(), err error) {
	server := r.params.Server
	if server == "" {
		server = r.d.opts.Server
	}
	if server != "" {
		return server, server, func() {}, nil
	}
	listen := r.params.Listen
	if listen == "" {
		listen = r.d.opts.Listen
	}
	if listen == listenOff {
		return "", "", nil, protocol.Errorf(protocol.NoServer, "No matchmaker is set and the one of this share is off; set a server, or leave out --listen off.")
	}
	own, release, err := r.d.local.use(listen)
	if err != nil {
		return "", "", nil, err
	}
	return own.here, own.there, release, nil
}

func (r *room) reach(server string) string {
	if r.params.Server == "" && r.d.opts.Server == "" {
		return "people on this network; for others set a server"
	}
	return "anyone who can reach " + server
}

// open takes a free name at the matchmaker and makes a code and a link for it.
func (r *room) open(server, there string) error {
	host, err := signal.Open(r.ctx, signal.HostConfig{
		Server: server, Options: r.d.signalOptions(),
		Draw: func() (string, error) { return introduction.NewRoom(rand.Reader) },
	})
	if err != nil {
		return err
	}
	if r.key == nil {
		if _, r.key, err = ed25519.GenerateKey(rand.Reader); err != nil {
			host.Close()
			return fmt.Errorf("make the session's key: %w", err)
		}
	}
	r.mu.Lock()
	r.host = host
	r.mu.Unlock()
	if r.relayOnly() && !hasRelay(iceServers(r.ice(), host.ICEServers(), host.Address())) {
		return errNoRelay()
	}
	return r.makeCode(there)
}

// makeCode draws new secrets; the old ones are void from here on.
func (r *room) makeCode(there string) error {
	r.proving.Lock()
	defer r.proving.Unlock()
	r.era++
	r.mu.Lock()
	defer r.mu.Unlock()
	server, err := introduction.ServerURL(there)
	if err != nil {
		return err
	}
	if r.code, err = introduction.NewCode(r.host.Room(), rand.Reader); err != nil {
		return err
	}
	r.link, err = introduction.NewLink(server, r.host.Room(), r.key.Public().(ed25519.PublicKey), rand.Reader)
	if r.guesses.Stopped() {
		r.guesses.Rearm() // the host was told, and asks for a code all the same
	}
	r.guesses.Renew()
	return err
}

func (r *room) shown() (code, link string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.code.IsZero() {
		code = r.code.Reveal()
	}
	if !r.link.IsZero() {
		link = r.link.Reveal()
	}
	return code, link
}

// serve goes on until the room is closed.
func (r *room) serve(server, there string) {
	events := r.host.Events()
	for {
		select {
		case <-r.ctx.Done():
			return
		case ev, ok := <-events:
			if !ok {
				events = nil
				continue
			}
			r.happened(ev)
		case <-r.renewals:
			if events == nil { // the name was lost
				r.host.Close()
				if err := r.open(server, there); err != nil {
					r.tell("No new code could be made: " + matchmakerError(err).Message)
					continue
				}
				events = r.host.Events()
			} else if err := r.makeCode(there); err != nil {
				r.tell("No new code could be made; try again.")
				continue
			}
			r.tell("")
		}
	}
}

// tell says which code is good now, and why it is another one.
func (r *room) tell(why string) {
	code, link := r.shown()
	r.d.post(session.CodeChanged{Session: r.session, Code: code, Link: link, Why: why})
}

func (r *room) happened(ev signal.Event) {
	switch ev := ev.(type) {
	case signal.Knock:
		r.knocked(ev)
	case signal.Message:
		if k := r.guests[ev.Peer]; k != nil && !k.deliver(ev.Data) {
			delete(r.guests, ev.Peer) // it sends more than an introduction has
		}
	case signal.Gone:
		if k := r.guests[ev.Peer]; k != nil {
			close(k.inbox)
			delete(r.guests, ev.Peer)
		}
	case signal.Lost:
		r.d.log.Info("the matchmaker is away; who is linked is not disturbed", zap.String("session", r.session))
	case signal.Back:
		r.d.log.Info("the matchmaker is back", zap.String("session", r.session))
	case signal.Ended:
		r.mu.Lock()
		r.code, r.link = introduction.Code{}, introduction.Link{}
		r.mu.Unlock()
		r.tell("The matchmaker gave this share's name to someone else, so the code is void; make a new one with `earshot invite`.")
	}
}

// knocked begins the introduction of one guest.
func (r *room) knocked(ev signal.Knock) {
	if len(r.guests) >= maxKnocks || !r.pace.take(time.Now()) {
		_ = r.host.Drop(ev.Peer) // the matchmaker is away, or drops it
		return
	}
	k := &knock{room: r, host: r.host, peer: ev.Peer, inbox: make(chan []byte, maxUnread), offered: ev.ICEServers}
	r.guests[ev.Peer] = k
	r.knocks.Go(k.run)
}

// lookup gives the secret of a kind; see introduction.HostConfig.
func (r *room) lookup(kind introduction.Kind, hint string) (secret []byte, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch kind {
	case introduction.KindCode:
		if r.code.IsZero() || r.guesses.Burnt() {
			return nil, false
		}
		return r.code.Secret(), true
	case introduction.KindLink:
		if r.link.IsZero() {
			return nil, false
		}
		return r.link.Secret(), true
	case introduction.KindResume:
		if _, secret := r.resuming(hint); secret != nil {
			return secret, true
		}
	}
	return nil, false
}

// resuming finds the member that a hint names; r.mu is held.
func (r *room) resuming(hint string) (member string, secret []byte) {
	for member, all := range r.members {
		for _, one := range all {
			if subtle.ConstantTimeCompare([]byte(one.hint), []byte(hint)) == 1 {
				return member, one.secret
			}
		}
	}
	return "", nil
}

// remember keeps how a member can come back: by the secret of this introduction, and by the one that it came with, in
// case this one's link does not come up on the other side.
func (r *room) remember(member, cameWith string, side introduced) error {
	secret, hint, err := side.ResumeSecret()
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone[member] { // while it was coming back
		return errRefused
	}
	keep := []resumption{{hint, secret}}
	for _, one := range r.members[member] {
		if one.hint == cameWith {
			keep = append(keep, one)
		}
	}
	r.members[member] = keep
	return nil
}

func (r *room) forget(member string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.members, member)
	if r.gone == nil {
		r.gone = map[string]bool{}
	}
	r.gone[member] = true
}

// guessed counts a wrong secret. The third of a code burns it, and the host is told.
func (r *room) guessed(kind introduction.Kind) {
	r.mu.Lock()
	was := r.guesses.Burnt()
	r.guesses.Wrong(kind)
	burnt, stopped := r.guesses.Burnt(), r.guesses.Stopped()
	if burnt {
		r.code = introduction.Code{}
	}
	r.mu.Unlock()
	r.d.log.Warn("a wrong secret was tried", zap.Stringer("kind", kind), zap.String("session", r.session))
	switch {
	case was || !burnt:
	case stopped:
		r.tell("Ten wrong codes were tried, so codes are off: someone may be guessing. Send the link instead, or make a new code with `earshot invite`.")
	default:
		r.tell("Three wrong codes were tried, so the code is void; make a new one with `earshot invite`.")
	}
}

// holds tells whether a code or link is this room's own.
func (r *room) holds(in invitation) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host == nil || r.host.Room() != in.room {
		return false
	}
	if in.kind == introduction.KindLink {
		return !r.link.IsZero() && subtle.ConstantTimeCompare(r.link.Secret(), in.secret) == 1
	}
	return !r.code.IsZero() && subtle.ConstantTimeCompare(r.code.Secret(), in.secret) == 1
}

// decide passes on what the host's people said.
func (r *room) decide(f session.Decide) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if answer := r.waiting[f.Intro]; answer != nil {
		delete(r.waiting, f.Intro)
		answer <- f // capacity 1, once
	}
}

// await gives where the decision on an introduction will come.
func (r *room) await(intro session.IntroID) <-chan session.Decide {
	answer := make(chan session.Decide, 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting[intro] = answer
	return answer
}

// unawait gives up waiting; a decision that has come already is still in the channel.
func (r *room) unawait(intro session.IntroID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.waiting, intro)
}

// ice is which STUN and TURN servers the session's links may use.
func (r *room) ice() settings.ICE { return settings.ICEFromRequest(r.params.IceServers, r.d.opts.ICE) }

func (r *room) relayOnly() bool { return r.params.RelayOnly || r.d.opts.RelayOnly }

func (d *Daemon) signalOptions() signal.Options {
	return signal.Options{NetDialContext: d.opts.Network.Dial, Log: d.log}
}
