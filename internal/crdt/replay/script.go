package main

import (
	"errors"
	"fmt"
	"strings"

	"earshot/internal/crdt"
	"earshot/internal/text"
)

// script is a session made ready for being played as fast as it goes: agents and versions are worked out, and what was sent
// is in bytes.
type script struct {
	name       string // within the file; "" if it is the only one
	start, end string
	steps      []step
	edits      []text.Edit // one for each step
	effects    []text.Edit // what the edits did to the text at the head, one after the other
	messages   [][]byte    // one for each transaction that did anything, as they go over a link
	encoding   []byte      // everything at once
	snapshot   []byte
	events     int
}

// step is one edit. The version it was made on is the one that the step before left, or else at.
type step struct {
	agent  crdt.Agent
	goesOn bool
	at     crdt.Frontier
}

func (r *recording) scripts() ([]*script, error) {
	list := make([]*script, len(r.sessions))
	for i := range r.sessions {
		s := &r.sessions[i]
		var err error
		if list[i], err = newScript(s); err != nil {
			return nil, fmt.Errorf("%s%w", s.name, err)
		}
	}
	return list, nil
}

// newScript plays the session once, and keeps what it needed and what it saw.
func newScript(s *session) (*script, error) {
	p := player{
		out: &script{name: s.name, start: s.start, end: s.end}, doc: crdt.New(s.start), inserted: joined(s.txns),
		writers: make(map[uint32]writer),
	}
	for i := range s.txns {
		if err := p.play(&s.txns[i]); err != nil {
			return nil, fmt.Errorf("txns[%d] %w", i, err)
		}
	}
	p.out.encoding, p.out.snapshot, p.out.events = p.doc.Since(nil), p.doc.Snapshot(), p.doc.Events()
	return p.out, nil
}

// joined returns all insertions as one string. The scripts cut theirs from it, so that the collector has one object to
// mark, not one for each keystroke, while we measure.
func joined(txns []txn) string {
	var b strings.Builder
	for _, t := range txns {
		for _, e := range t.edits {
			b.WriteString(e.Ins)
		}
	}
	return b.String()
}

// player plays one session for the first time.
type player struct {
	out      *script
	doc      *crdt.Doc
	inserted string // not yet cut off
	writers  map[uint32]writer
	last     crdt.Frontier // what the last step left
	sender   crdt.Sender
}

// writer is the crdt.Agent that an author is at this point, with the number that the author's next event has, in the file and
// thus here, if it goes on being it.
type writer struct {
	agent crdt.Agent
	next  uint32
	last  crdt.Frontier
}

// errInvalid explains an edit that the core refuses.
var errInvalid = errors.New("holds an edit that can't be made")

func (p *player) play(t *txn) error {
	if t.events == 0 {
		return nil
	}
	at := p.version(t.parents)
	w := p.writer(t, at)
	before := p.doc.Head()
	for _, e := range t.edits {
		e.Ins, p.inserted = p.inserted[:len(e.Ins)], p.inserted[len(e.Ins):]
		if e.Del == 0 && e.Ins == "" {
			continue
		}
		after, head, err := p.doc.Edit(w.agent, at, text.Patch{e})
		if err != nil {
			return fmt.Errorf("%w, at position %d: %w", errInvalid, e.Pos, err)
		}
		p.out.edits = append(p.out.edits, e)
		p.out.add(step{agent: w.agent, goesOn: at.Equal(p.last), at: at})
		for i := len(head) - 1; i >= 0; i-- { // from the back, so that no edit moves those still to come
			p.out.effects = append(p.out.effects, head[i])
		}
		at, p.last = after, after
	}
	w.next, w.last = t.seq+uint32(t.events), at
	p.writers[t.author] = w
	p.out.messages = append(p.out.messages, p.doc.Send(&p.sender, nil, before))
	return nil
}

func (s *script) add(next step) {
	if next.goesOn {
		next.at = nil
	}
	s.steps = append(s.steps, next)
}

// version returns the version that the events lead to, some of which may build on others.
func (p *player) version(events []uint32) crdt.Frontier {
	f := make(crdt.Frontier, len(events))
	for i, e := range events {
		f[i] = crdt.LV(e)
	}
	return p.doc.Union(f, nil)
}

// writer returns who writes t. A crdt.Agent never works on two branches, so an author who does becomes another one with
// each change of branch. Agents are named such that ties are broken as the author and the author's own count of events would
// have it: a file's final text depends on that.
func (p *player) writer(t *txn, at crdt.Frontier) writer {
	w, ok := p.writers[t.author]
	if ok && w.next == t.seq && p.doc.Contains(at, w.last) {
		return w
	}
	return writer{agent: crdt.Agent(t.author+1)<<32 | crdt.Agent(t.seq)}
}
