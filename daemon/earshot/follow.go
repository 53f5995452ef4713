package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"earshot/internal/rpc"
	"earshot/protocol"
)

// following is a command that stays in a session: it prints a line per event, asks the person at the terminal what the
// daemon wants to know, and leaves when it is told to. One goroutine runs it; nothing in it waits for anything but the
// select of step, so that a question on the screen holds up neither events nor Ctrl-C.
//
//	daemon ──inbox──▶ ┐
//	terminal ─lines─▶ ├─ step ──▶ lines of events, prompts, answers
//	Ctrl-C ──────────▶┘
type following struct {
	p       *program
	c       *client
	out     *os.File // where events go
	session protocol.Session
	unsaved protocol.Unsaved // what becomes of unsaved texts at the end; "" asks

	console   *console
	lines     <-chan entry // the console's; nil without a terminal
	interrupt chan os.Signal
	prompts   []*prompt
	shown     *prompt // the one that was put last
	number    int     // by which the console knows it

	interrupts int
	leaving    bool
	watching   bool                   // the session is another command's: to stop is not to leave it
	left       chan error             // the answer to session/leave
	unsavedIn  []protocol.DocumentURI // what leave would lose, once it was told
	over       bool
	result     error
}

// prompt is a question on the terminal; the first of the queue is on the screen.
type prompt struct {
	id     protocol.RequestID       // of the daemon's request, "" if the command asks
	above  string                   // what has to be known for the answer; written once, in lines of its own
	text   func(columns int) string // what is drawn anew below each line that comes in between; fits one of so many columns
	answer func(line string) bool   // false asks again
}

// follow makes a command stay. Signals are its own from now on.
func (p *program) follow(c *client, out *os.File) *following {
	f := &following{p: p, c: c, out: out, interrupt: make(chan os.Signal, 2), left: make(chan error, 2)}
	signal.Notify(f.interrupt, os.Interrupt, syscall.SIGTERM)
	return f
}

// reads makes a terminal the one where the person is asked.
func (f *following) reads(terminal *os.File) {
	f.console = newConsole(terminal)
	f.lines = f.console.lines
	f.console.open()
}

// run carries on until the session is over or left, and gives the command's error.
func (f *following) run() error {
	for !f.over {
		f.step(nil)
	}
	return f.result
}

// during waits for a call of the daemon while events go on being shown.
func (f *following) during(method string, params, result any) error {
	answered := make(chan error, 1)
	_, err := f.c.Send(method, params, func(raw json.RawMessage, err error) {
		if err == nil && result != nil {
			err = json.Unmarshal(raw, result)
		}
		answered <- err
	})
	if err != nil {
		return err
	}
	for !f.over {
		if err, ok := f.step(answered); ok {
			return err
		}
	}
	return f.result
}

// step takes one thing that happens. ok tells that it was the answer.
func (f *following) step(answered <-chan error) (err error, ok bool) {
	select {
	case err := <-answered:
		return err, true
	case m := <-f.c.inbox:
		f.take(m)
	case line, open := <-f.lines:
		f.typed(line, open)
	case <-f.interrupt:
		f.interrupted()
	case err := <-f.left:
		f.answeredLeave(err)
	case <-f.c.Done():
		f.drain()
		f.finish(rpc.ErrClosed)
		return rpc.ErrClosed, true
	}
	return nil, false
}

// drain takes what came before the connection ended.
func (f *following) drain() {
	for {
		select {
		case m := <-f.c.inbox:
			f.take(m)
		default:
			return
		}
	}
}

func (f *following) finish(err error) {
	if !f.over {
		f.over, f.result = true, err
	}
}

// take shows one thing that the daemon tells.
func (f *following) take(m any) {
	switch m := m.(type) {
	case *protocol.Happening:
		f.happened(m)
	case *protocol.SessionChanged:
		f.changed(m.Session)
	case *protocol.ShowMessageParams:
		f.say(plain(m.Message))
	case *protocol.ProgressParams:
		f.say(progressText(&m.Value))
	case *protocol.CancelParams:
		f.withdraw(protocol.RequestID(m.ID))
	case question:
		f.askAdmission(m)
	}
}

// happened shows an event of this session; its opening was shown with more.
func (f *following) happened(h *protocol.Happening) {
	own := h.Event == "joined" && h.Member != nil && h.Member.ID == f.session.Me // was told with the members
	if h.Session != f.session.ID || h.Event == "opened" || own {
		return
	}
	if f.p.json {
		f.printJSON(h)
		return
	}
	if h.Event == "code" && h.Code == "" {
		return // the daemon has told its owners in a message
	}
	line := happeningLine(h, f.session.Me)
	if f.lines == nil { // nobody is asked here
		line += letIn(h)
	}
	f.print(line)
}

func (f *following) changed(s protocol.Session) {
	if s.ID != f.session.ID {
		return
	}
	was := f.session.State
	f.session = s
	switch {
	case s.State == was:
	case s.State == protocol.SessionEnded:
		f.ended(s)
	case s.State == protocol.SessionReconnecting:
		f.say("the connection broke; going on with it as soon as it is back, and you can go on typing")
	case was == protocol.SessionReconnecting:
		f.say("the connection is back")
	}
}

// ended is the session's end by whoever ended it.
func (f *following) ended(s protocol.Session) {
	switch {
	case f.leaving: // the answer to session/leave ends this
	case s.Role != protocol.RoleHost && s.Reason == removedReason:
		f.finish(errors.New("you were removed from the session; ask the host whether you may come back"))
	default:
		f.finish(nil)
	}
}

// say tells the person something that is no event: never on the standard output of a command that prints JSON.
func (f *following) say(line string) {
	f.erasePrompt()
	f.p.line(f.p.err, line)
	f.showPrompt()
}

func (f *following) print(line string) {
	f.erasePrompt()
	if err := f.p.line(f.out, line); err != nil {
		f.finish(fmt.Errorf("write an event: %w", err))
	}
	f.showPrompt()
}

func (f *following) printJSON(v any) {
	if err := writeJSON(f.out, v); err != nil {
		f.finish(err)
	}
}

// erasePrompt and showPrompt keep the question below the lines that come in between.
func (f *following) erasePrompt() {
	if len(f.prompts) > 0 && isTerminal(f.p.err) {
		fmt.Fprint(f.p.err, "\r\x1b[K")
	}
}

func (f *following) showPrompt() {
	if len(f.prompts) == 0 {
		return
	}
	q := f.prompts[0]
	if q != f.shown {
		f.shown, f.number = q, f.console.put()
		f.p.line(f.p.err, q.above)
	}
	fmt.Fprint(f.p.err, q.text(columns(f.p.err)))
}

// ask queues a question.
func (f *following) ask(q *prompt) {
	f.prompts = append(f.prompts, q)
	if len(f.prompts) == 1 {
		f.showPrompt()
	}
}

// typed takes a line from the terminal. One without a question, or typed at another, is no answer to this one.
func (f *following) typed(line entry, open bool) {
	if !open {
		f.lines, f.prompts = nil, nil // nobody sits there any more
		return
	}
	if len(f.prompts) == 0 {
		return
	}
	q := f.prompts[0]
	if line.question == f.number {
		f.prompts = f.prompts[1:]
		if !q.answer(line.text) {
			f.prompts = slices.Insert(f.prompts, 0, q)
		}
	}
	f.erasePrompt()
	f.showPrompt()
	if len(f.prompts) > 0 {
		f.console.want()
	}
}

// withdraw takes a question back that someone else answered.
func (f *following) withdraw(id protocol.RequestID) {
	at := slices.IndexFunc(f.prompts, func(q *prompt) bool { return q.id == id && id != "" })
	if at < 0 {
		return
	}
	f.erasePrompt()
	f.prompts = slices.Delete(f.prompts, at, at+1)
	f.showPrompt()
}

// askAdmission asks whether a guest may come in; without a terminal it is for someone else to say.
func (f *following) askAdmission(q question) {
	if f.lines == nil {
		f.c.decline(q.id)
		return
	}
	f.ask(&prompt{id: q.id, above: admissionDetails(q.admit), text: f.p.admissionPrompt(q.admit), answer: func(line string) bool {
		answer, ok := admission(line)
		if ok {
			_ = f.c.Reply(q.id, answer) // or the connection has ended, and step will say so
		}
		return ok
	}})
}

// interrupted is Ctrl-C: the first leaves, a later one goes without what it would have to ask.
func (f *following) interrupted() {
	f.interrupts++
	switch {
	case f.session.ID == "":
		f.finish(errors.New("given up before the session began"))
	case f.watching:
		f.finish(nil)
	case !f.leaving && len(f.unsavedIn) > 0:
		f.leave(protocol.UnsavedDiscard)
	case !f.leaving:
		f.leave(f.unsaved)
	case f.interrupts > 2:
		f.finish(errors.New("the daemon did not answer in time; the session goes on for two minutes and then ends"))
	}
}

// leave asks the daemon to end this side of the session; for a host that is everyone's. A buffer of this command is first
// brought up to date: with the session its changes end too.
func (f *following) leave(unsaved protocol.Unsaved) {
	f.leaving = true
	f.settle()
	params := &protocol.LeaveParams{Session: f.session.ID, Unsaved: unsaved}
	_, err := f.c.Send("session/leave", params, func(_ json.RawMessage, err error) { f.left <- err })
	if err != nil {
		f.finish(err)
	}
}

// settleRounds bounds how long settle follows a person who types on.
const settleRounds = 20

// settle waits until this command's buffer holds all that the daemon has for it: in a round without an edit, nothing was
// under way, and nothing came after. An error ends it; what the buffer holds then is all there is.
func (f *following) settle() {
	b := f.c.buffer.Load()
	if b == nil {
		return
	}
	for range settleRounds {
		before := b.at()
		var list protocol.ListSessionsResult
		if err := f.during("session/list", &protocol.ListSessionsParams{}, &list); err != nil || b.at() == before {
			return
		}
	}
}

func (f *following) answeredLeave(err error) {
	f.leaving = false
	var e *protocol.Error
	switch {
	case err == nil && len(f.unsavedIn) > 0 && f.interrupts > 1:
		f.finish(fmt.Errorf("the session ended without saving %s", shownURIs(f.unsavedIn)))
	case err == nil || protocol.KindOf(err) == protocol.Ended || protocol.KindOf(err) == protocol.NoSuchSession:
		f.finish(nil)
	case errors.As(err, &e) && protocol.KindOf(e) == protocol.UnsavedTexts:
		f.askUnsaved(e.Data.URIs)
	default:
		f.say(plain(sentence(err)))
	}
}

// askUnsaved asks what becomes of changes that nobody saved; without a terminal it tells how to say.
func (f *following) askUnsaved(uris []protocol.DocumentURI) {
	f.unsavedIn = uris
	if f.lines == nil {
		f.say(fmt.Sprintf("Nobody saved the changes in %s, so the session goes on; end it with "+
			"`earshot leave --unsaved save` or `--unsaved discard`. Interrupt again to lose these changes.", shownURIs(uris)))
		return
	}
	f.ask(&prompt{above: fmt.Sprintf("Nobody saved the changes in %s.", shownURIs(uris)),
		text: func(int) string { return "[s]ave them, [d]iscard them, or go [o]n? " }, answer: f.decideUnsaved})
}

func (f *following) decideUnsaved(line string) bool {
	switch strings.ToLower(line) {
	case "s", "save":
		f.unsavedIn, f.interrupts = nil, 1
		f.leave(protocol.UnsavedSave)
	case "d", "discard":
		f.unsavedIn, f.interrupts = nil, 1
		f.leave(protocol.UnsavedDiscard)
	case "", "o", "on", "stay":
		f.unsavedIn, f.interrupts = nil, 0
		f.say("The session goes on.")
	default:
		return false
	}
	return true
}

// shownNames is how many documents a sentence names.
const shownNames = 5

func shownURIs(uris []protocol.DocumentURI) string {
	var names []string
	for _, uri := range uris[:min(len(uris), shownNames)] {
		names = append(names, shownURI(uri))
	}
	if more := len(uris) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}

// subscribe asks for events; it comes before the session's request, so that none is missed.
func (f *following) subscribe() error {
	return f.during("events/subscribe", &protocol.SubscribeParams{}, nil)
}
