package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"earshot/daemon/settings"
	"earshot/internal/introduction"
	"earshot/internal/peer"
	"earshot/internal/session"
	"earshot/internal/signal"
	"earshot/protocol"
)

// joining is one attempt to enter a session, or to come back into one. Its goroutine ends with JoinFailed, JoinIsOwn or
// HostLinked.
type joining struct {
	d      *Daemon
	id     session.JoinID
	in     invitation
	server string // "" until it is found
	hello  introduction.Hello
	hint   string // of a resumption
	back   bool   // it is one
	ice    settings.ICE
	relay  bool
	known  map[string]string // by the hash of the host's key the sessions that this daemon is a guest of

	ctx    context.Context
	cancel context.CancelFunc
	made   *bond // once linked; the loop's
}

// bond is what a guest keeps of a session, in memory alone, to come back after its link broke.
type bond struct {
	joining // as it was
	secret  []byte
	hint    string
	host    string // hash of the host's key
	came    invitation
}

// welcomeTime is how long a host may take from the link to its welcome.
const welcomeTime = 20 * time.Second

// startJoin begins a join; what it can say at once, it says without asking anybody.
func (d *Daemon) startJoin(f session.StartJoin) {
	in, bad := readInvitation(f.Params.Code)
	if bad != nil {
		d.answer(session.JoinFailed{Join: f.Join, Err: bad})
		return
	}
	if own := d.sessionOf(in); own != "" {
		d.answer(session.JoinIsOwn{Join: f.Join, Session: own})
		return
	}
	j := &joining{
		d: d, id: f.Join, in: in, server: firstOf(in.server, f.Params.Server, d.opts.Server),
		hello: introduction.Hello{Name: f.Params.Name, Client: clip(f.Client), Role: string(f.Params.Role)},
		ice:   settings.ICEFromRequest(f.Params.IceServers, d.opts.ICE), relay: f.Params.RelayOnly || d.opts.RelayOnly,
		known: map[string]string{},
	}
	for id, b := range d.bonds {
		j.known[b.host] = id
	}
	d.start(j)
}

// answer posts from the loop's own goroutine, which must not wait for itself.
func (d *Daemon) answer(ev session.Event) { d.begin(func() { d.post(ev) }) }

func (d *Daemon) start(j *joining) {
	j.ctx, j.cancel = context.WithCancel(d.ctx)
	d.joins[j.id] = j
	d.begin(j.run)
}

// sessionOf finds the session of this daemon, as host or guest, that an invitation leads to.
func (d *Daemon) sessionOf(in invitation) string {
	for id, r := range d.rooms {
		if r.holds(in) {
			return id
		}
	}
	for id, b := range d.bonds {
		if b.came.kind == in.kind && b.came.room == in.room && string(b.came.secret) == string(in.secret) {
			return id
		}
	}
	return ""
}

// rejoin begins an attempt to come back.
func (d *Daemon) rejoin(f session.Rejoin) {
	b := d.bonds[f.Session]
	if b == nil {
		d.answer(session.JoinFailed{Join: f.Join, Err: protocol.Errorf(protocol.Ended, "This daemon does not know the way back into the session; join again.")})
		return
	}
	j := b.joining
	j.id, j.hint, j.back, j.known = f.Join, b.hint, true, nil
	j.in = invitation{kind: introduction.KindResume, room: b.came.room, secret: b.secret, hostHash: b.host}
	d.start(&j)
}

// bindJoin notes which session a join became.
func (d *Daemon) bindJoin(f session.BindJoin) {
	if j := d.joins[f.Join]; j != nil && j.made != nil {
		d.bonds[f.Session] = j.made
		d.drop(j)
	}
}

// cancelJoin gives up. One that is linked already has no goroutine any more that would say so.
func (d *Daemon) cancelJoin(id session.JoinID) {
	j := d.joins[id]
	if j == nil {
		return
	}
	j.cancel()
	if j.made != nil {
		d.drop(j)
	}
}

func (d *Daemon) drop(j *joining) {
	j.cancel()
	delete(d.joins, j.id)
}

func (j *joining) run() {
	err := j.join()
	if err == nil {
		return
	}
	var own *ownSession
	if errors.As(err, &own) {
		j.d.postAfter(func() { j.d.drop(j) }, session.JoinIsOwn{Join: j.id, Session: own.id})
		return
	}
	j.d.postAfter(func() { j.d.drop(j) }, session.JoinFailed{Join: j.id, Err: j.failure(err)})
}

// ownSession says that the host turned out to be one whose guest this daemon is already.
type ownSession struct{ id string }

func (o *ownSession) Error() string { return "this daemon is in that session already" }

func (j *joining) join() error {
	j.tell(protocol.StageMatchmaker, "Looking for the host", "")
	if j.server == "" {
		server, err := signal.FindLocal(j.ctx, j.in.room, j.d.signalOptions())
		if err != nil {
			return err
		}
		j.server = server
	}
	if isLoopback(j.server) {
		j.hello.Extra = []byte{overLoopback}
	}
	g, err := signal.KnockAt(j.ctx, signal.GuestConfig{Server: j.server, Room: j.in.room, Options: j.d.signalOptions()})
	if err != nil {
		return err
	}
	defer g.Close()
	if j.relay && !hasRelay(iceServers(j.ice, g.ICEServers(), g.Address())) {
		return errNoRelay()
	}
	j.tell(protocol.StageIntroduction, "Proving the code", "")
	intro, err := j.introduce(g)
	if err != nil {
		return err
	}
	return j.connect(g, intro)
}

func (j *joining) tell(stage protocol.JoinStage, message, check string) {
	j.d.post(session.JoinProgressed{Join: j.id, Stage: stage, Message: message, Check: check})
}

// decisionTime is for the host's people; the host itself gives up a little before.
const decisionTime = introduction.DecisionTime + 15*time.Second

// introduce runs the introduction until the host's people have said yes.
func (j *joining) introduce(g *signal.Guest) (*introduction.Guest, error) {
	intro, err := introduction.NewGuest(introduction.GuestConfig{
		Kind: j.in.kind, Room: j.in.room, Secret: j.in.secret, Hint: j.hint, HostHash: j.in.hostHash, Hello: j.hello, Random: rand.Reader,
	})
	if err != nil {
		return nil, err
	}
	if err := j.until(g, intro, introduction.AwaitDecision, introduction.IntroductionTime); err != nil {
		return nil, err
	}
	if id := j.known[introduction.HostHash(intro.Host().Key)]; id != "" {
		_ = g.Send(intro.Abort(introduction.CauseLeft)) // or it is gone
		return nil, &ownSession{id}
	}
	j.tell(protocol.StageAdmission, "Waiting for the host to let you in; read them your check number, which must be the same as theirs: "+intro.Check(), intro.Check())
	return intro, j.until(g, intro, introduction.Admitted, decisionTime)
}

// until takes the host's messages until the introduction has come to a state.
func (j *joining) until(g *signal.Guest, intro *introduction.Guest, want introduction.State, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(j.ctx, limit)
	defer cancel()
	for intro.State() != want {
		m, err := g.Recv(ctx)
		if err != nil {
			if abort := intro.Abort(introduction.CauseLeft); abort != nil {
				_ = g.Send(abort) // or it is gone
			}
			return err
		}
		result, err := intro.Step(m)
		if result.Send != nil {
			if sending := g.Send(result.Send); err == nil {
				err = sending
			}
		}
		if errors.Is(err, introduction.ErrRefused) {
			return decodeRefusal(result.Payload)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// connect brings the link up and gives it to the engine.
func (j *joining) connect(g *signal.Guest, intro *introduction.Guest) error {
	made, err := j.bond(intro)
	if err != nil {
		return err
	}
	var l *link
	l = j.d.newLink(func() message {
		return message{func() { j.linked(l, made) }, session.HostLinked{Join: j.id, Link: l.id, Host: made.host}}
	})
	told := false
	l.onPath = func(stage protocol.JoinStage) {
		if !told && !j.back {
			told = true
			j.tell(stage, connected[stage], "")
		}
	}
	loopback := peer.LoopbackOff
	if len(j.hello.Extra) > 0 {
		loopback = peer.LoopbackOn
	}
	if err := l.open(peer.Offerer, intro, iceServers(j.ice, g.ICEServers(), g.Address()), j.relay, loopback); err != nil {
		return fmt.Errorf("%w: %w", errServers, err)
	}
	ctx, cancel := context.WithCancel(j.ctx)
	inbox := make(chan []byte)
	defer func() {
		cancel()
		for range inbox { // until pump has ended
		}
	}()
	go pump(ctx, g, inbox) // ends with ctx
	c := &connecting{role: introduction.RoleGuest, side: intro, link: l, inbox: inbox, log: j.d.log, send: g.Send}
	return c.run(ctx)
}

var connected = map[protocol.JoinStage]string{
	protocol.StageDirect: "Connected directly",
	protocol.StageRelay:  "Connected through a relay",
}

// pump hands on what the matchmaker brings until that way or ctx has ended, and closes to.
func pump(ctx context.Context, g *signal.Guest, to chan<- []byte) {
	defer close(to)
	for {
		m, err := g.Recv(ctx)
		if err != nil {
			return
		}
		select {
		case to <- m:
		case <-ctx.Done():
			return
		}
	}
}

// bond is what will be kept if the link comes up.
func (j *joining) bond(intro *introduction.Guest) (*bond, error) {
	secret, hint, err := intro.ResumeSecret()
	if err != nil {
		return nil, err
	}
	return &bond{joining: *j, secret: secret, hint: hint, host: introduction.HostHash(intro.Host().Key), came: j.in}, nil
}

// linked is called by the loop, before the engine hears of the link.
func (j *joining) linked(l *link, made *bond) {
	j.made = made
	if !j.back {
		stop := time.AfterFunc(welcomeTime, func() { // a host that never says welcome
			j.d.postAfter(func() {
				if j.d.joins[j.id] == j {
					l.close()
					j.d.drop(j)
				}
			}, nil)
		})
		context.AfterFunc(j.ctx, func() { stop.Stop() })
		return
	}
	for _, b := range j.d.bonds {
		if b.host == made.host {
			b.secret, b.hint, b.server = made.secret, made.hint, made.server
		}
	}
	j.d.drop(j)
}

func firstOf(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}

// clip cuts a client's name to what a hello takes (introduction.Hello), between two letters: half of one is refused.
func clip(s string) string {
	const most = 32
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut]
}
