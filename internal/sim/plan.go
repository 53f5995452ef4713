package sim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"earshot/internal/fakeeditor"
	"earshot/internal/session"
	"earshot/protocol"
)

// Plan is one history: what people do, and when. The rest of the world follows from the seed.
type Plan struct {
	Seed    uint64
	Start   string
	Seats   []SeatPlan
	Actions []Action
	// Repeats: people type the very text that is in flight among them, so that markers are not unique.
	Repeats bool
}

// SeatPlan is one editor: Node 0 is the host.
type SeatPlan struct {
	Node int
	Kind fakeeditor.Kind
}

// Action is what one person does, AtMs after the beginning.
type Action struct {
	AtMs int
	Seat int
	Do   Deed
	At   float64 // where in the text, 0 to 1
	N    int
	Text string
}

// Deed is what can be done.
type Deed string

// The deeds.
const (
	Type   Deed = "type"
	Delete Deed = "delete"
	Echo   Deed = "echo"  // types what was last asked of this editor
	Crash  Deed = "crash" // the editor's connection is lost for N ms
	Break  Deed = "break" // the link of the seat's daemon is lost
	Save   Deed = "save"
	Disk   Deed = "disk"   // someone else writes the host's file
	Damage Deed = "damage" // a character of the daemon's own copy becomes another
	Undo   Deed = "undo"   // takes back what this editor's person did last
	Redo   Deed = "redo"   // brings that back
	Reopen Deed = "reopen" // closes and opens the document, as a plugin does whose buffer was found to differ
)

// firstMarker begins the code points that are typed once each; they lie outside the BMP, so that UTF-16 counts two.
const firstMarker = 0x20000

// Result of a plan.
type Result struct {
	Steps   int
	Healed  int // differences between copies that daemons have counted
	Renamed int // and deleted: how often the file was
	Err     error
	Log     []string
}

// fewRuns of history are kept in every other world. There it is not known what can still be undone, and what was damaged
// before it was forgotten can't be mended.
const fewRuns = 6

// Run lives through a plan and checks what must hold when everything has come to rest.
func Run(p Plan) Result {
	w := newWorld(p.Seed)
	if p.Seed%2 == 1 && !slices.ContainsFunc(p.Actions, func(a Action) bool { return a.Do == Damage }) {
		w.keepRuns = fewRuns
	}
	r := &run{w: w, plan: p, typed: map[rune]bool{}, deleted: map[rune]bool{}, marker: firstMarker, undone: newUndone()}
	r.setUp()
	begin := w.now
	for _, a := range p.Actions {
		w.run(begin.Add(time.Duration(a.AtMs) * time.Millisecond))
		if w.err != nil {
			break
		}
		r.act(a)
	}
	r.rest()
	return Result{Steps: w.Steps, Healed: r.healed, Renamed: w.renamed, Err: w.err, Log: w.log}
}

type run struct {
	w       *World
	plan    Plan
	seats   []*seat
	marker  rune
	typed   map[rune]bool
	deleted map[rune]bool
	undone  undone
	// loose: an editor was lost and its person deleted text that the daemon did not hear of. A stock one deletes nothing by a
	// guess, so that text comes back, and where characters are alike it cannot be told which one is new.
	loose   bool
	damaged bool // some copy was
	healed  int
}

// underWay is how long a report may be on its way from an editor.
const underWay = 400 * time.Millisecond

func (r *run) setUp() {
	w := r.w
	w.name, w.inOrder = "a.txt", r.plan.named()
	w.disk[w.name], w.wrote = r.plan.Start, r.plan.Start
	host := w.addNode("host")
	share := host.addSeat(fakeeditor.Exact, "script")
	share.connect()
	share.request(&protocol.ShareParams{Folder: "file:///w", Admit: protocol.AdmitAuto, Guests: 16, Linger: true}, func(res any, err *protocol.Error) {
		if err != nil {
			w.failf("share: %v", err)
			return
		}
		w.session = res.(protocol.SessionResult).Session.ID
	})
	w.run(w.now.Add(100 * time.Millisecond))
	for _, sp := range r.plan.Seats {
		for len(w.nodes) <= sp.Node {
			r.addGuest()
		}
	}
	for _, sp := range r.plan.Seats {
		uri := "file:///w/a.txt"
		if sp.Node > 0 {
			uri = "earshot://" + w.session + "/a.txt"
		}
		s := w.nodes[sp.Node].addSeat(sp.Kind, uri)
		r.seats = append(r.seats, s)
		s.connect()
		s.show()
	}
	w.run(w.now.Add(time.Second))
}

func (r *run) addGuest() {
	w := r.w
	n := w.addNode(fmt.Sprintf("guest%d", len(w.nodes)))
	s := n.addSeat(fakeeditor.Exact, "script")
	s.connect()
	s.request(&protocol.JoinParams{Code: "CODE", Linger: true}, func(res any, err *protocol.Error) {
		if err != nil {
			w.failf("join: %v", err)
		}
	})
	w.run(w.now.Add(300 * time.Millisecond))
}

// next gives n markers that were never typed before.
func (r *run) next(n int) string {
	var b strings.Builder
	for range n {
		b.WriteRune(r.marker)
		r.typed[r.marker] = true
		r.marker++
	}
	return b.String()
}

func (r *run) act(a Action) {
	w := r.w
	s := r.seats[a.Seat%len(r.seats)]
	if s.ed == nil && (a.Do == Type || a.Do == Delete || a.Do == Echo) {
		return
	}
	switch a.Do {
	case Type:
		ins := a.Text
		if !r.plan.Repeats {
			ins = r.next(a.N) + a.Text
		}
		if ins == "" {
			return
		}
		r.typeAt(s, a.At, ins)
	case Delete:
		n := min(a.N, s.ed.Len())
		pos := int(a.At * float64(s.ed.Len()-n+1))
		pos = min(pos, s.ed.Len()-n)
		if n == 0 {
			return
		}
		r.loose = r.loose || !s.up
		r.delete(s, pos, n)
	case Echo:
		r.typeAt(s, a.At, a.Text)
	case Crash:
		r.loose = r.loose || w.now.Sub(s.deletedAt) < underWay
		s.crash()
		w.after(time.Duration(a.N)*time.Millisecond, func() {
			if !s.up {
				s.connect()
				s.show()
			}
		})
	case Break:
		for _, l := range w.sortedLinks() {
			if l.ends[1].n == s.n && !l.down {
				w.note("the link of %s breaks", s.n.name)
				w.breakLink(l)
			}
		}
	case Damage: // what an editor was given of it is taken back as its own change, so an old character may become a new one
		if s.n.damage(a.At) {
			w.note("the copy of %s is damaged", s.n.name)
			r.damaged, r.loose, w.warned = true, true, true
		}
	case Undo:
		r.undo(s, nothing)
	case Redo:
		r.redo(s, nothing)
	case Reopen: // twice, with a key between, so that one stamp is handed back twice
		r.reopen(s)
		if s.kind == fakeeditor.Exact && s.ed != nil {
			r.typeAt(s, a.At, r.next(1))
			r.reopen(s)
		}
	case Save:
		if s.ed != nil && s.up && s.opened {
			r.save(s)
		}
	case Disk:
		text, there := w.disk[w.name]
		if !there {
			return
		}
		at := int(a.At * float64(len(text)))
		for at > 0 && at < len(text) && text[at]&0xc0 == 0x80 {
			at--
		}
		w.disk[w.name] = text[:at] + "<disk>" + text[at:]
	case Rename:
		r.rename(s, a)
	case Remove:
		r.removeFile(s)
	}
}

// save lets the person at s save. What an exact editor has said before is on the disk when the answer comes.
func (r *run) save(s *seat) {
	w := r.w
	saved, conn := s.ed.Text(), s.conn
	s.request(&protocol.SaveParams{TextDocument: protocol.TextDocumentIdentifier{URI: s.uri}}, func(_ any, err *protocol.Error) {
		if err != nil || s.kind != fakeeditor.Exact || r.loose || r.damaged || r.plan.Repeats {
			return
		}
		text, there := w.disk[w.name]
		for _, c := range saved {
			if there && r.typed[c] && !r.deleted[c] && !r.undone.mayBeGone(c) && !strings.ContainsRune(text, c) {
				w.failf("marker %U was saved by %s and is not on the disk", c, s.n.name)
			}
		}
	})
	id := protocol.RequestID(strconv.Itoa(s.id))
	w.after(saveLimit, func() { // the answers of a connection that was lost come to nobody
		if s.up && s.conn == conn && s.reply[id] != nil {
			w.failf("a save of %s/%v was not answered", s.n.name, s.kind)
		}
	})
}

// saveLimit is longer than a host's editor, or a link that broke, is waited for.
const saveLimit = 30 * time.Second

// delete lets the person at s delete n characters.
func (r *run) delete(s *seat, pos, n int) {
	gone := s.ed.Slice(pos, pos+n)
	for _, c := range gone {
		r.deleted[c] = true
	}
	r.undone.deleted(s, gone)
	s.deletedAt = r.w.now
	r.w.note("%s/%v deletes %d at %d", s.n.name, s.kind, n, pos)
	s.send(s.ed.Type(r.w.now, pos, n, ""))
}

func (r *run) reopen(s *seat) {
	if s.ed == nil || !s.up || !s.opened || !s.exact() || !s.ed.Next().IsZero() {
		return
	}
	s.closings++
	s.notify(&protocol.DidCloseTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: s.uri}})
	s.send(s.ed.Open())
}

func (r *run) typeAt(s *seat, at float64, ins string) {
	pos := int(at * float64(s.ed.Len()+1))
	pos = min(pos, s.ed.Len())
	r.undone.typed(s, ins)
	r.w.note("%s/%v types %q at %d of %d", s.n.name, s.kind, ins, pos, s.ed.Len())
	s.send(s.ed.Type(r.w.now, pos, 0, ins))
}

func (w *World) sortedLinks() []*link {
	var ids []int
	for id := range w.links {
		ids = append(ids, int(id))
	}
	slices.Sort(ids)
	var all []*link
	for _, id := range ids {
		l := w.links[session.LinkID(id)]
		if int(l.ends[0].id) == id {
			all = append(all, l)
		}
	}
	return all
}

// rest waits until nothing moves and checks what must hold then.
func (r *run) rest() {
	w := r.w
	if r.damaged { // a copy is looked at once something has happened to it
		w.run(w.now.Add(20 * time.Second))
		if s := r.seats[0]; s.ed != nil {
			r.typeAt(s, 0, r.next(1))
		}
	}
	w.run(w.now.Add(40 * time.Second))
	if w.err != nil {
		return
	}
	for _, s := range r.seats {
		if s.ed == nil {
			w.failf("%s/%v never got the document", s.n.name, s.kind)
			return
		}
	}
	want := r.text(w.nodes[0])
	for _, n := range w.nodes[1:] {
		if got := r.text(n); got != want {
			w.failf("copies differ at rest:\n shared %q\n %s %q", want, n.name, got)
		}
	}
	r.countHealed()
	for _, s := range r.seats {
		if !s.ed.Holds(want) {
			w.failf("buffers differ at rest:\n shared %q\n %s/%v %q", want, s.n.name, s.kind, s.ed.Text())
			return
		}
	}
	if r.plan.Repeats {
		return
	}
	r.checkMarkers(want)
	r.undoAtRest()
	if w.inOrder && w.err == nil {
		r.checkDisk()
	}
}

// checkMarkers checks that what was typed is there, once, unless somebody deleted it or its typer took it back, and that what
// was deleted is there only where who deleted it took that back.
func (r *run) checkMarkers(shared string) {
	w := r.w
	count := map[rune]int{}
	for _, c := range shared {
		count[c]++
	}
	for c := rune(firstMarker); c < r.marker; c++ {
		switch n := count[c]; {
		case n > max(1, r.undone.most(c)) && !r.loose:
			w.failf("marker %U is there %d times", c, n)
		case n == 0 && !r.deleted[c] && !r.undone.mayBeGone(c):
			w.failf("marker %U is lost", c)
		case n == 1 && r.deleted[c] && r.undone.most(c) == 0 && !r.loose:
			w.failf("marker %U is there though it was deleted", c)
		}
	}
}

// countHealed asks every daemon how often copies differed, which never happens by itself.
func (r *run) countHealed() {
	for _, n := range r.w.nodes {
		n.seats[0].request(&protocol.StatusParams{}, func(res any, _ *protocol.Error) { r.healed += res.(protocol.StatusResult).Healed })
	}
	r.w.run(r.w.now.Add(time.Second))
	if r.healed > 0 && !r.damaged {
		r.w.failf("%d differences between copies were counted, and nothing was damaged", r.healed)
	}
}

// text is what a daemon says the document holds.
func (r *run) text(n *node) string {
	var got string
	script := n.seats[0]
	uri := r.w.uri(r.w.name)
	if n == r.w.nodes[0] && !r.w.inOrder {
		uri = "file:///w/a.txt"
	}
	script.request(&protocol.TextDocumentContentParams{URI: uri}, func(res any, err *protocol.Error) {
		if err != nil {
			r.w.failf("the document can't be read at rest: %v", err)
			return
		}
		got = strings.ReplaceAll(res.(protocol.TextDocumentContentResult).Text, "\r\n", "\n")
	})
	r.w.run(r.w.now.Add(time.Second))
	return got
}

// String gives the plan as JSON, for a test case.
func (p Plan) String() string {
	b, err := json.Marshal(p)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
