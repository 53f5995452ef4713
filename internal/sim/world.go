// Package sim is a world of several engines, their editors and the network between them, in virtual time and from one
// seed: tests only. One seed is one history; a failure prints its seed and its plan, and the plan can be replayed and
// cut down.
//
// It promises that what happens in it could happen outside: connections and links keep the order of what they carry, but
// delay it, break, and lose what is under way when they do; presence is lost at random; editors are fakeeditor's.
package sim

import (
	"container/heap"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"earshot/internal/docpath"
	"earshot/internal/fakeeditor"
	"earshot/internal/session"
	"earshot/internal/text"
	"earshot/protocol"
)

// World is everything there is.
type World struct {
	now   time.Time
	rng   *rand.Rand
	queue deliveries
	seq   uint64
	Steps int

	nodes   []*node
	links   map[session.LinkID]*link
	lastID  uint64
	disk    map[string]string
	wrote   string // what a daemon or an editor wrote to a.txt last
	session string
	name    string // that the file has, or had last
	inOrder bool   // the disk does one thing after the other
	diskAt  time.Time
	renamed int // and deleted: so often
	err     error
	log     []string
	cut     int  // links broken so far
	warned  bool // a warning is what the plan asks for

	keepRuns int // of a document's history; 0 stands for what people have
}

// node is one daemon.
type node struct {
	w       *World
	name    string
	engine  *session.Engine
	seats   []*seat
	member  string
	wakeAt  time.Time
	pending map[session.JoinID]bool
}

// seat is one editor at a daemon, with its connection.
type seat struct {
	n        *node
	ed       *fakeeditor.Editor
	conn     protocol.ConnID
	up       bool
	opened   bool
	closings int       // of its document, by itself
	toAt     time.Time // when the last message towards the daemon arrives: order is kept
	fromAt   time.Time
	wakeAt   time.Time
	id       int // JSON-RPC ids
	reply    map[protocol.RequestID]func(any, *protocol.Error)
	kind     fakeeditor.Kind
	hop      time.Duration // between the two processes of a Split
	uri      string
	told     []string

	deletedAt time.Time
}

// link is one link between two daemons.
type link struct {
	ends [2]struct {
		n  *node
		id session.LinkID
	}
	at   [2][3]time.Time
	down bool
}

type delivery struct {
	at  time.Time
	seq uint64
	do  func()
}

type deliveries []delivery

func (d deliveries) Len() int { return len(d) }
func (d deliveries) Less(i, j int) bool {
	return d[i].at.Before(d[j].at) || d[i].at.Equal(d[j].at) && d[i].seq < d[j].seq
}
func (d deliveries) Swap(i, j int) { d[i], d[j] = d[j], d[i] }
func (d *deliveries) Push(x any)   { *d = append(*d, x.(delivery)) }
func (d *deliveries) Pop() any {
	old := *d
	x := old[len(old)-1]
	*d = old[:len(old)-1]
	return x
}

func (w *World) at(t time.Time, do func()) {
	w.seq++
	heap.Push(&w.queue, delivery{t, w.seq, do})
}

func (w *World) after(d time.Duration, do func()) { w.at(w.now.Add(d), do) }

// maxSteps of one world: some hundred actions make a few thousand; more is a loop.
const maxSteps = 20_000

// run delivers everything up to a time.
func (w *World) run(until time.Time) {
	for w.err == nil && len(w.queue) > 0 && !w.queue[0].at.After(until) {
		d := heap.Pop(&w.queue).(delivery)
		w.now = d.at
		d.do()
		if w.Steps > maxSteps {
			w.failf("no rest: %d steps and still something to do", w.Steps)
		}
	}
	if w.err == nil {
		w.now = until
	}
}

func (w *World) failf(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

func (w *World) note(format string, args ...any) {
	if len(w.log) < 20000 {
		w.log = append(w.log, w.now.Format("05.000 ")+fmt.Sprintf(format, args...))
	}
}

// ms draws a duration.
func (w *World) ms(least, most int) time.Duration {
	return time.Duration(least+w.rng.IntN(most-least+1)) * time.Millisecond
}

func newWorld(seed uint64) *World {
	return &World{
		now:   time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		rng:   rand.New(rand.NewPCG(seed, 0x5eed)),
		links: map[session.LinkID]*link{},
		disk:  map[string]string{},
	}
}

func (w *World) addNode(name string) *node {
	n := &node{w: w, name: name, pending: map[session.JoinID]bool{}}
	var seed [32]byte
	for i := range seed {
		seed[i] = byte(w.rng.Uint32())
	}
	n.engine = session.New(session.Config{Seed: seed, GOOS: "linux", Name: name, KeepRuns: w.keepRuns})
	w.nodes = append(w.nodes, n)
	return n
}

// step gives an engine an event and carries out what it wants.
func (n *node) step(ev session.Event) {
	n.w.Steps++
	for _, f := range n.engine.Step(n.w.now, ev) {
		if n.w.Steps > maxSteps-20 {
			n.w.note("%s: %T makes %T", n.name, ev, f)
		}
		n.carryOut(f)
	}
	if n.w.Steps > maxSteps-20 {
		n.w.note("%s: took %T, due %v", n.name, ev, n.engine.Deadline().Sub(n.w.now))
	}
	n.arm()
}

func (n *node) arm() {
	next := n.engine.Deadline()
	if next.IsZero() || next.Equal(n.wakeAt) {
		return
	}
	if next.Before(n.w.now) {
		next = n.w.now
	}
	n.wakeAt = next
	n.w.at(next, func() {
		if n.wakeAt.Equal(next) {
			n.wakeAt = time.Time{}
			n.step(session.Tick{})
		}
	})
}

func (n *node) seat(conn protocol.ConnID) *seat {
	for _, s := range n.seats {
		if s.conn == conn && s.up {
			return s
		}
	}
	return nil
}

func (n *node) carryOut(f session.Effect) {
	w := n.w
	switch f := f.(type) {
	case session.Reply:
		n.toSeat(f.Conn, func(s *seat) { s.answered(f.ID, f.Result, nil) })
	case session.ReplyError:
		n.toSeat(f.Conn, func(s *seat) { s.answered(f.ID, nil, f.Err) })
	case session.Notify:
		n.toSeat(f.Conn, func(s *seat) { s.notified(f.Params) })
	case session.Ask:
		n.toSeat(f.Conn, func(s *seat) { s.asked(f.Call, f.Params) })
	case session.CloseClient:
		w.failf("%s closed a client: %s", n.name, f.Reason)
	case session.OpenFolder:
		w.after(0, func() { n.step(session.FolderOpened{Op: f.Op, Root: "/w", Name: "w"}) })
	case session.Locate:
		p, err := docpath.Parse(strings.TrimPrefix(f.File, "/w/"))
		w.after(0, func() { n.step(session.Located{Op: f.Op, Path: p, Inside: err == nil}) })
	case session.LoadFile:
		w.disks(func() { n.step(w.load(f)) })
	case session.SaveFile:
		w.disks(func() { n.step(w.save(f)) })
	case session.RenameEntry:
		w.disks(func() { n.step(w.moved(f)) })
	case session.DeleteEntry:
		w.disks(func() { n.step(w.removed(f)) })
	case session.OpenRoom:
		w.after(0, func() { n.step(session.RoomOpened{Session: f.Session, Code: "CODE"}) })
	case session.StartJoin:
		w.after(w.ms(1, 20), func() { n.knock(f) })
	case session.Decide:
		w.decided(n, f)
	case session.Rejoin:
		w.after(w.ms(50, 400), func() { n.comeBack(f.Join) })
	case session.SendFrame:
		w.send(n, f)
	case session.CloseLink:
		w.closeLink(f.Link)
	case session.Warn:
		if w.warned {
			w.note("%s warns: %s", n.name, f.What)
			return
		}
		w.failf("%s warns: %s", n.name, f.What)
	}
}

func stampOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:8])
}

func (w *World) load(f session.LoadFile) session.Loaded {
	s, ok := w.disk[f.Path.String()]
	if !ok {
		return session.Loaded{Op: f.Op, Err: protocol.Errorf(protocol.NoSuchDocument, "no such file")}
	}
	form := protocol.Form{EOL: text.DetectLineEnd(s).String(), Encoding: "utf-8"}
	return session.Loaded{Op: f.Op, Text: text.DetectLineEnd(s).ToLF(s), Form: form, Stamp: stampOf(s), Identity: f.Path.String()}
}

func (w *World) save(f session.SaveFile) session.Saved {
	name := f.Path.String()
	now, there := w.disk[name]
	if there && stampOf(now) != f.Base {
		end := text.DetectLineEnd(now)
		return session.Saved{Op: f.Op, Changed: true, Text: end.ToLF(now), Form: protocol.Form{EOL: end.String(), Encoding: "utf-8"}, Stamp: stampOf(now)}
	}
	s := f.Text
	if f.Form.EOL == "crlf" {
		s = text.CRLF.FromLF(s)
	}
	w.disk[name], w.wrote = s, s
	return session.Saved{Op: f.Op, Stamp: stampOf(s)}
}

// knock stands for the introduction: the guest is at the host's door at once.
func (n *node) knock(f session.StartJoin) {
	host := n.w.nodes[0]
	n.pending[f.Join] = true
	intro := session.IntroID(len(n.w.nodes))<<32 | session.IntroID(f.Join)<<8 | session.IntroID(slices.Index(n.w.nodes, n))
	host.step(session.Knocked{Session: n.w.session, Intro: intro, Name: n.name, Role: f.Params.Role, Check: "123456"})
}

func (w *World) decided(host *node, f session.Decide) {
	guest := w.nodes[int(f.Intro&0xff)]
	join := session.JoinID(f.Intro >> 8 & 0xffffff)
	if !f.Admit {
		w.after(1, func() {
			guest.step(session.JoinFailed{Join: join, Err: protocol.Errorf(protocol.NotAdmitted, "%s", f.Why)})
		})
		return
	}
	guest.member = f.Member
	w.after(w.ms(5, 50), func() { w.connect(host, guest, f.Member, join) })
}

func (w *World) connect(host, guest *node, member string, join session.JoinID) {
	l := &link{}
	for i, n := range []*node{host, guest} {
		w.lastID++
		l.ends[i].n, l.ends[i].id = n, session.LinkID(w.lastID)
		w.links[l.ends[i].id] = l
	}
	host.step(session.GuestLinked{Session: w.session, Member: member, Link: l.ends[0].id})
	guest.step(session.HostLinked{Join: join, Link: l.ends[1].id})
}

func (n *node) comeBack(join session.JoinID) {
	if n.w.rng.IntN(4) == 0 {
		n.step(session.JoinFailed{Join: join, Err: protocol.Errorf(protocol.Unreachable, "no")})
		return
	}
	n.w.connect(n.w.nodes[0], n, n.member, join)
}

// send carries a frame; each channel keeps its order, presence loses a third.
func (w *World) send(n *node, f session.SendFrame) {
	l := w.links[f.Link]
	if l == nil || l.down {
		return
	}
	side := 0
	if l.ends[1].id == f.Link {
		side = 1
	}
	if f.Channel == session.Presence && w.rng.IntN(3) == 0 {
		return
	}
	at := w.now.Add(w.ms(1, 30))
	if f.Channel != session.Presence {
		if last := l.at[side][f.Channel]; at.Before(last) {
			at = last
		}
		l.at[side][f.Channel] = at
	}
	to := l.ends[1-side]
	data := slices.Clone(f.Data)
	w.at(at, func() {
		if !l.down {
			to.n.step(session.FrameArrived{Link: to.id, Channel: f.Channel, Data: data})
		}
	})
}

// closeLink ends a link once what is under way has arrived.
func (w *World) closeLink(id session.LinkID) {
	l := w.links[id]
	if l == nil || l.down {
		return
	}
	at := w.now
	for _, side := range l.at {
		for _, t := range side {
			if t.After(at) {
				at = t
			}
		}
	}
	w.at(at.Add(time.Millisecond), func() { w.breakLink(l) })
}

// breakLink loses what is under way; both sides notice, each in its own time.
func (w *World) breakLink(l *link) {
	if l.down {
		return
	}
	l.down = true
	w.cut++
	for _, end := range l.ends {
		w.after(w.ms(0, 300), func() { end.n.step(session.LinkDown{Link: end.id, Why: "broken"}) })
	}
}

// toSeat carries something to an editor, in order.
func (n *node) toSeat(conn protocol.ConnID, do func(*seat)) {
	s := n.seat(conn)
	if s == nil {
		return
	}
	at := n.w.now.Add(time.Duration(n.w.rng.IntN(3000)) * time.Microsecond)
	if at.Before(s.fromAt) {
		at = s.fromAt
	}
	s.fromAt = at
	n.w.at(at, func() {
		if s.up && s.conn == conn {
			do(s)
		}
	})
}
