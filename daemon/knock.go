package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"go.uber.org/zap"

	"earshot/internal/introduction"
	"earshot/internal/peer"
	"earshot/internal/session"
	"earshot/internal/signal"
	"earshot/protocol"
	"earshot/protocol/wire"
)

// knock is one guest that is being introduced to a room. Its goroutine ends when the guest's link is bound, or when it
// does not come to that.
type knock struct {
	room    *room
	host    *signal.Host
	peer    string      // the guest's name at the matchmaker
	inbox   chan []byte // the room's goroutine alone sends and closes
	offered []wire.ICEServer

	intro *introduction.Host
	era   int             // of the code or link that it proved
	id    session.IntroID // 0 for one who comes back: the engine isn't asked
}

// maxUnread messages of a guest wait; a whole introduction is 4, a description and 16 candidates.
const maxUnread = 32

// flags of introduction.Hello.Extra, its one byte.
const overLoopback = 1

// deliver hands a message to the knock's goroutine; false says that it was too much, and that the knock ends.
func (k *knock) deliver(m []byte) bool {
	select {
	case k.inbox <- m:
		return true
	default:
		close(k.inbox)
		return false
	}
}

func (k *knock) run() {
	defer func() { _ = k.host.Drop(k.peer) }() // or it has gone by itself
	if err := k.introduce(); err != nil {
		k.room.d.log.Info("an introduction ended", zap.Error(err))
		return
	}
	member, err := k.admit()
	if err != nil {
		k.room.d.log.Info("a guest was not admitted", zap.Error(err))
		return
	}
	err = k.connect(member)
	if err == nil {
		return
	}
	k.room.d.log.Info("a guest's link did not come up", zap.Error(err))
	if k.id != 0 {
		k.room.forget(member)
		k.room.d.post(session.KnockGone{Session: k.room.session, Intro: k.id})
	}
}

var (
	errGone    = errors.New("the guest went away")
	errRefused = errors.New("the host said no")

	errReplaced = errors.New("the code that it proved was replaced meanwhile")
)

// introduce goes as far as the decision.
func (k *knock) introduce() error {
	intro, greeting, err := introduction.NewHost(introduction.HostConfig{
		Room: k.host.Room(), Lookup: k.room.lookup, Key: k.room.key, Name: k.room.name, Random: rand.Reader,
	})
	if err != nil {
		return err
	}
	k.intro = intro
	if err := k.host.Send(k.peer, greeting); err != nil {
		return err
	}
	limit := time.NewTimer(introduction.IntroductionTime)
	defer limit.Stop()
	for k.intro.State() != introduction.AwaitDecision {
		select {
		case m, ok := <-k.inbox:
			if !ok {
				return errGone
			}
			if err := k.step(m); err != nil {
				return err
			}
		case <-limit.C:
			return k.abort(introduction.CauseTimeout, errSlow)
		case <-k.room.ctx.Done():
			return k.abort(introduction.CauseLeft, context.Canceled)
		}
	}
	return nil
}

// judge takes a message of the guest and counts what is a guess. Proofs are judged one after the other: of those that came
// at one moment each is told right from wrong only once the one before is counted.
func (k *knock) judge(m []byte) (introduction.Result, error) {
	if k.intro.State() == introduction.AwaitProof {
		k.room.proving.Lock()
		defer k.room.proving.Unlock()
		k.era = k.room.era
	}
	result, err := k.intro.Step(m)
	if errors.Is(err, introduction.ErrWrongCode) {
		k.room.guessed(k.intro.Kind())
	}
	return result, err
}

func (k *knock) step(m []byte) error {
	result, err := k.judge(m)
	if result.Send != nil {
		if sending := k.host.Send(k.peer, result.Send); err == nil {
			err = sending
		}
	}
	return err
}

// abort tells the guest that it is over.
func (k *knock) abort(cause introduction.Cause, err error) error {
	if m := k.intro.Abort(cause); m != nil {
		_ = k.host.Send(k.peer, m) // or the matchmaker is away
	}
	return err
}

// admit gives the member that the guest is: the one that comes back, or what the host's people say.
func (k *knock) admit() (member string, err error) {
	if k.intro.Kind() == introduction.KindResume {
		k.room.mu.Lock()
		member, _ = k.room.resuming(k.intro.Hint())
		k.room.mu.Unlock()
		if member == "" {
			return "", k.abort(introduction.CauseVoid, errRefused)
		}
		return member, k.let(member)
	}
	decision, err := k.ask()
	if err != nil {
		return "", err
	}
	if !decision.Admit {
		return "", k.refuse(decision)
	}
	return decision.Member, k.let(decision.Member)
}

// ask has the engine ask the host's people and waits for what they say; the engine bounds the time.
func (k *knock) ask() (session.Decide, error) {
	k.id = session.IntroID(k.room.d.lastIntro.Add(1))
	answer := k.room.await(k.id)
	defer k.room.unawait(k.id)
	if err := k.announce(); err != nil {
		return session.Decide{}, err
	}
	var err error
	select {
	case decision := <-answer:
		return decision, nil
	case m, ok := <-k.inbox:
		err = errGone
		if ok {
			err = k.step(m) // an abort, or what doesn't belong here: an error in any case
		}
	case <-k.room.ctx.Done():
		select {
		case decision := <-answer: // made before the room was closed
			return decision, nil
		default:
		}
		err = k.abort(introduction.CauseLeft, context.Canceled)
	}
	k.room.d.post(session.KnockGone{Session: k.room.session, Intro: k.id})
	return session.Decide{}, err
}

// announce tells the engine of a guest, unless what it proved was replaced meanwhile: it may have waited for just that.
func (k *knock) announce() error {
	k.room.proving.Lock()
	defer k.room.proving.Unlock()
	if k.era != k.room.era {
		return k.abort(introduction.CauseVoid, errReplaced)
	}
	hello := k.intro.Hello()
	k.room.d.post(session.Knocked{Session: k.room.session, Intro: k.id, Name: hello.Name, Client: hello.Client,
		Role: protocol.Role(hello.Role), Check: k.intro.Check()})
	return nil
}

func (k *knock) let(member string) error {
	m, err := k.intro.Admit(nil)
	if err == nil {
		err = k.room.remember(member, k.intro.Hint(), k.intro)
	}
	if err == nil {
		err = k.host.Send(k.peer, m)
	}
	if err != nil && k.id != 0 {
		k.room.d.post(session.KnockGone{Session: k.room.session, Intro: k.id})
	}
	return err
}

// refuse sends the reason, one that joining understands.
func (k *knock) refuse(decision session.Decide) error {
	m, err := k.intro.Refuse(refusal{decision.Kind, decision.Why}.encode())
	if err == nil {
		err = k.host.Send(k.peer, m)
	}
	if err == nil {
		err = errRefused
	}
	return err
}

// connect brings the link up and gives it to the engine.
func (k *knock) connect(member string) error {
	r := k.room
	var l *link
	l = r.d.newLink(func() message {
		return message{event: session.GuestLinked{Session: r.session, Member: member, Link: l.id}}
	})
	if err := l.open(peer.Answerer, k.intro, iceServers(r.ice(), k.offered, k.host.Address()), r.relayOnly(), k.loopback()); err != nil {
		return k.abort(introduction.CauseLeft, err)
	}
	c := &connecting{role: introduction.RoleHost, side: k.intro, link: l, inbox: k.inbox, log: r.d.log,
		send: func(m []byte) error { return k.host.Send(k.peer, m) }}
	return c.run(r.ctx)
}

// loopback is on if both sides reached the matchmaker over loopback, so that they are on one machine.
func (k *knock) loopback() peer.LoopbackMode {
	extra := k.intro.Hello().Extra
	if isLoopback(k.host.Server()) && len(extra) > 0 && extra[0]&overLoopback != 0 {
		return peer.LoopbackOn
	}
	return peer.LoopbackOff
}
