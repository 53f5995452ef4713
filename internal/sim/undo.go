package sim

import (
	"strings"
	"time"

	"earshot/internal/session"
	"earshot/protocol"
)

// undone is what is known of who took what back.
type undone struct {
	typer    map[rune]*seat
	deleters map[rune]map[*seat]bool
	by       map[*seat]bool // who ever undid or redid
}

func newUndone() undone {
	return undone{typer: map[rune]*seat{}, deleters: map[rune]map[*seat]bool{}, by: map[*seat]bool{}}
}

func (u *undone) typed(s *seat, ins string) {
	for _, c := range ins {
		u.typer[c] = s
	}
}

func (u *undone) deleted(s *seat, gone string) {
	for _, c := range gone {
		if u.deleters[c] == nil {
			u.deleters[c] = map[*seat]bool{}
		}
		u.deleters[c][s] = true
	}
}

// mayBeGone tells whether a marker may be gone though nobody deleted it: its own typer took it back.
func (u *undone) mayBeGone(c rune) bool { return u.by[u.typer[c]] }

// most is how often a marker that was deleted may be there again: once for each of those who can have brought it back,
// which are the ones who deleted it and, by undo and redo, who typed it. Two who delete the same at the same time, and take
// it back before they know of one another, each bring it back.
func (u *undone) most(c rune) int {
	n := 0
	if u.by[u.typer[c]] {
		n++
	}
	for s := range u.deleters[c] {
		if u.by[s] && s != u.typer[c] {
			n++
		}
	}
	return n
}

// undo sends textDocument/undo, redo the other; then is called with whether there was anything, unless the connection breaks.
func (r *run) undo(s *seat, then func(applied bool)) {
	r.takeBack(s, &protocol.UndoParams{TextDocument: protocol.TextDocumentIdentifier{URI: s.uri}}, then)
}

func (r *run) redo(s *seat, then func(applied bool)) {
	r.takeBack(s, &protocol.RedoParams{TextDocument: protocol.TextDocumentIdentifier{URI: s.uri}}, then)
}

func (r *run) takeBack(s *seat, p protocol.DaemonParams, then func(applied bool)) {
	if s.ed == nil || !s.up || !s.opened {
		return
	}
	r.w.note("%s/%v asks %T", s.n.name, s.kind, p)
	r.undone.by[s] = true
	closings := s.closings
	s.request(p, func(res any, err *protocol.Error) {
		if err != nil {
			typedOn := protocol.KindOf(err) == protocol.Conflict // while that was looked for
			closed := s.closings > closings && protocol.KindOf(err) == protocol.NoSuchDocument
			if !typedOn && !closed {
				r.w.failf("%s/%v: %T: %v", s.n.name, s.kind, p, err)
			}
			return
		}
		then(res.(protocol.UndoResult).Applied)
	})
}

func nothing(bool) {}

// settled is longer than any report is on its way, and than people pause within a group.
const settled = session.UndoPause + 3*time.Second

// undoAtRest lets each person do something once all is quiet, another do something inside, and the person undo and redo: what
// then is there is known exactly.
func (r *run) undoAtRest() {
	for i, s := range r.seats {
		if r.w.err != nil || r.damaged || r.plan.Repeats || r.w.keepRuns > 0 {
			return
		}
		if other := r.seats[(i+1)%len(r.seats)]; s.up && s.opened && other.up && other.opened {
			r.undoTyping(s, other, i)
			r.undoDeleting(s, other, i)
			r.undoAll(s)
		}
	}
}

// undoTyping: s types, other types into it, s undoes and redoes; and once more into what came back.
func (r *run) undoTyping(s, other *seat, i int) {
	mine := r.next(4)
	r.typeAt(s, float64(i)/8, mine)
	r.quiet()
	for _, behind := range []rune(mine)[1:3] {
		r.typeBehind(other, behind)
		full := r.shared()
		r.step(r.undo, s, "undo of typing", without(full, mine))
		r.step(r.redo, s, "redo of typing", full)
	}
}

// typeBehind lets s type something behind a marker.
func (r *run) typeBehind(s *seat, marker rune) {
	before, _, found := strings.Cut(s.ed.Text(), string(marker))
	if !found {
		r.w.failf("at rest: %s/%v does not see %U", s.n.name, s.kind, marker)
		return
	}
	ins := r.next(1)
	r.undone.typed(s, ins)
	s.send(s.ed.Type(r.w.now, len([]rune(before))+1, 0, ins))
	r.quiet()
}

// undoDeleting: s deletes what it typed, other deletes a part of that at the same time, s undoes and redoes; other deletes a
// part of what came back, s redoes and undoes.
func (r *run) undoDeleting(s, other *seat, i int) {
	mine := []rune(r.next(5))
	r.typeAt(s, float64(i)/8, string(mine))
	r.quiet()
	was := r.shared()
	r.remove(s, string(mine))
	r.remove(other, string(mine[1]))
	r.quiet()
	r.step(r.undo, s, "undo of deleting", without(was, string(mine[1])))
	r.step(r.redo, s, "redo of deleting", without(was, string(mine)))
	r.step(r.undo, s, "undo of deleting once more", without(was, string(mine[1])))
	r.remove(other, string(mine[3]))
	r.quiet()
	r.step(r.redo, s, "redo of deleting what another deleted too", without(was, string(mine)))
	r.step(r.undo, s, "undo of deleting what another deleted too", without(was, string([]rune{mine[1], mine[3]})))
}

// remove lets s delete a part of the text that it sees.
func (r *run) remove(s *seat, part string) {
	before, _, found := strings.Cut(s.ed.Text(), part)
	if !found {
		r.w.failf("at rest: %s/%v does not see %q", s.n.name, s.kind, part)
		return
	}
	r.delete(s, len([]rune(before)), len([]rune(part)))
}

func without(s, gone string) string {
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune(gone, c) {
			return -1
		}
		return c
	}, s)
}

func (r *run) quiet() { r.w.run(r.w.now.Add(settled)) }

// shared is the host's text.
func (r *run) shared() string { return r.text(r.w.nodes[0]) }

// step lets s undo or redo and compares what is there then.
func (r *run) step(do func(*seat, func(bool)), s *seat, what, want string) {
	before, applied := r.shared(), false
	do(s, func(yes bool) { applied = yes })
	r.quiet()
	if got := r.shared(); got != want || applied != (before != want) {
		r.w.failf("at rest: %s/%v: %s: applied %v\n from %q\n got  %q\n want %q", s.n.name, s.kind, what, applied, before, got, want)
	}
	r.same(what)
}

// maxAtRest is how many groups are undone at rest: plans have fewer edits of one person.
const maxAtRest = 200

// undoAll undoes everything and redoes it.
func (r *run) undoAll(s *seat) {
	for _, do := range []func(*seat, func(bool)){r.undo, r.redo} {
		more := true
		for i := 0; more && i < maxAtRest; i++ {
			more = false
			do(s, func(applied bool) { more = applied })
			r.w.run(r.w.now.Add(20 * time.Millisecond))
		}
		r.quiet()
		r.same("all was undone or redone")
		r.checkMarkers(r.shared())
	}
}

// same checks that everyone holds the host's text.
func (r *run) same(when string) {
	want := r.shared()
	for _, s := range r.seats {
		if !s.ed.Holds(want) {
			r.w.failf("%s: buffers differ at rest:\n shared %q\n %s/%v %q", when, want, s.n.name, s.kind, s.ed.Text())
		}
	}
}
