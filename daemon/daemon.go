// Package daemon is assembly and lifetime: it turns the engine's Effects into I/O, and I/O into its Events.
//
// It promises: the engine is stepped by one goroutine and its effects are carried out in their order; what waits for a
// disk, a network or a person waits elsewhere; no frame of a remote reaches the engine before the link was tied to its
// introduction; nothing of a text, a code, a name, a path or a key is logged; and when Run returns every goroutine,
// link, room and socket of the daemon is gone. The program calls Run, tests call New.
//
//	editors ─ rpc ─▶ ┌───────┐ ─ Reply, Notify, Ask ──▶ rpc ─ editors
//	links ── peer ─▶ │ inbox │ ─ SendFrame ──────────▶ peer ─ links          one goroutine: engine.Step
//	disk, rooms, ──▶ └───────┘ ─ LoadFile, OpenRoom, StartJoin … ─▶ a goroutine each, whose result comes back
//	joins                                                           through the inbox
//
// How two daemons come together (introduction says what is in the messages, peer how the link comes up):
//
//	guest: joining                    matchmaker                      host: room, one knock for each guest
//	   KnockAt ───────────────────────────────────────────────────────────▶ introduction.Host
//	   introduction.Guest ◀───────────── eight messages ───────────────────▶ Knocked → engine → Decide
//	   peer.Link(Offerer) ◀──── sealed descriptions and candidates ────────▶ peer.Link(Answerer)
//	   ═══════════════════ Live: binding of both certificates, both ways ═══════════════════
//	   HostLinked → engine                                                   GuestLinked → engine
package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/transport/v4"
	"go.uber.org/zap"

	"earshot/daemon/settings"
	"earshot/internal/rpc"
	"earshot/internal/session"
)

// Options say what a daemon is. What concerns one session travels with its request; Server, ICE, RelayOnly and Listen are
// what holds where the request says nothing.
type Options struct {
	Socket    string       // path of the editors' socket
	Name      string       // what other members call this person
	Version   string       // of the program
	Server    string       // ws:// or wss:// URL of a matchmaker; "" for none
	ICE       settings.ICE // STUN and TURN servers
	RelayOnly bool         // never connect directly; a request can ask for it too, but not take it back
	Listen    string       // the own matchmaker: "" for this network's usual ports, HOST:PORT, or "off"
	Auto      bool         // the daemon ends when its last client and session have been gone for a while
	Log       *zap.Logger  // nil: none
	Network   Network      // zero: this machine's
}

// Network replaces this machine's, for tests. Each field may be nil alone.
type Network struct {
	Editors net.Listener                                                         // instead of Socket
	Dial    func(ctx context.Context, network, address string) (net.Conn, error) // to matchmakers
	// Listen opens what the own matchmaker listens on, and says at which URL this daemon and others reach it.
	Listen func(listen string) (listeners []net.Listener, here, there string, err error)
	Peer   transport.Net // under the links
}

// Times of the end.
const (
	// endTime is how long a daemon that was asked to end may take to save texts before it ends regardless, and then for
	// what it has to close; a link takes 5 s at most.
	endTime = 10 * time.Second
	// gcPercent trades memory for time: the heap of an idle daemon is some 5 MB, so that four times as much garbage is
	// little, and pion makes most of it; measured, it saves 10 to 25 % of the processor.
	gcPercent = 400
)

// Daemon is one running daemon. Fields without a comment are set once, before Run.
type Daemon struct {
	opts   Options
	log    *zap.Logger
	engine *session.Engine // owned by loop
	inbox  chan message

	lastLink  atomic.Uint64
	lastIntro atomic.Uint64
	local     *ownMatchmakers
	disk      chan struct{} // a token for each operation on the disk

	ctx    context.Context // ends when the engine has said its last word
	cancel context.CancelFunc
	work   sync.WaitGroup // every goroutine that may post, and those that close links
	over   chan struct{}  // closed when nobody reads the inbox any more

	// Owned by the loop's goroutine.
	clients map[clientID]*rpc.Conn
	folders map[string]*folder
	rooms   map[string]*room
	joins   map[session.JoinID]*joining
	bonds   map[string]*bond
	links   map[session.LinkID]*link
	stopped bool
}

// Run is a daemon from its socket to its end: until ctx is done, until it is told to stop, or, with Auto, until nobody is
// left. Texts that guests changed and nobody saved are saved first. The error says why it could not begin.
func Run(ctx context.Context, opts Options) error {
	debug.SetGCPercent(gcPercent)
	d, err := New(opts)
	if err != nil {
		return err
	}
	return d.Run(ctx)
}

// New makes a daemon that is not running yet.
func New(opts Options) (*Daemon, error) {
	if opts.Log == nil {
		opts.Log = zap.NewNop()
	}
	cfg := session.Config{GOOS: runtime.GOOS, Name: opts.Name, Version: opts.Version, PID: os.Getpid(), Auto: opts.Auto, Invitation: isInvitation}
	if _, err := rand.Read(cfg.Seed[:]); err != nil {
		return nil, fmt.Errorf("draw randomness: %w", err)
	}
	d := &Daemon{
		opts: opts, log: opts.Log, engine: session.New(cfg), inbox: make(chan message, inboxSize),
		disk: make(chan struct{}, maxDisk), over: make(chan struct{}),
		clients: map[clientID]*rpc.Conn{}, folders: map[string]*folder{}, rooms: map[string]*room{},
		joins: map[session.JoinID]*joining{}, bonds: map[string]*bond{}, links: map[session.LinkID]*link{},
	}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	d.local = newOwnMatchmakers(opts.Network.Listen, opts.Log)
	return d, nil
}

// Run serves editors until the end. It is called once.
func (d *Daemon) Run(ctx context.Context) error {
	defer d.cancel()
	listener, err := d.listen()
	if err != nil {
		return err
	}
	serving, stopServing := context.WithCancel(context.Background())
	defer stopServing()
	served := make(chan error, 1)
	go func() { served <- rpc.Serve(serving, listener, (*editors)(d), d.log) }() // ends with serving; waited for below

	failed := d.loop(ctx, served)
	d.cancel()
	// First the socket, then the connections: one who waits for the end of theirs to start a new daemon finds it free.
	_ = listener.Close()
	stopServing()
	close(d.over)
	for _, l := range d.links {
		l.close() // what the engine has sent goes out first
	}
	if failed == nil {
		<-served // nil, or the error of the listener that was closed
	}
	d.finish()
	return failed
}

// finish waits for everything that was begun, but no longer than a disk that hangs may hold up the process's end.
func (d *Daemon) finish() {
	ended := make(chan struct{})
	go func() { // ends with the last operation on the disk
		defer close(ended)
		d.work.Wait()
		d.closeFolders()
	}()
	limit := time.NewTimer(endTime)
	defer limit.Stop()
	select {
	case <-ended:
	case <-limit.C:
		d.log.Warn("the daemon ends before all its work is done")
	}
}

func (d *Daemon) listen() (net.Listener, error) {
	if d.opts.Network.Editors != nil {
		return d.opts.Network.Editors, nil
	}
	if d.opts.Socket == "" {
		return nil, errors.New("no socket was named; set one with --socket")
	}
	return rpc.Listen(d.opts.Socket)
}

// closeFolders lets go of the disk at the end, also of what was being opened; the loop and all others have ended.
func (d *Daemon) closeFolders() {
	for len(d.inbox) > 0 {
		if m := <-d.inbox; m.first != nil {
			m.first()
		}
	}
	for name := range d.folders {
		d.closeFolder(name)
	}
	d.work.Wait()
}

// begin runs f in a goroutine that the daemon's end waits for; f has to end soon after d.ctx has.
func (d *Daemon) begin(f func()) { d.work.Go(f) }
