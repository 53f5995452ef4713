package daemon

import (
	"context"
	"time"

	"go.uber.org/zap"

	"earshot/internal/session"
)

// message is what the loop takes from its inbox: first, if there is one, is run by the loop's goroutine, which owns the
// daemon's maps; then the event, if there is one, is given to the engine.
type message struct {
	first func()
	event session.Event
}

const (
	// inboxSize is how many messages wait for the engine; then whoever posts waits, and with them the editor or the
	// remote whose message it is. A message is a keystroke as a rule and 1 MiB (a frame) or 64 MiB (a text that an editor
	// opens) at the most.
	inboxSize = 64
	// leastWait is how soon a Tick may follow another event: work that the engine has cut in pieces lets others through.
	leastWait = time.Millisecond
)

// post hands an event to the engine. It waits while the inbox is full, and does nothing after the end.
func (d *Daemon) post(ev session.Event) { d.postAfter(nil, ev) }

// postAfter has the loop run first before the event is handled.
func (d *Daemon) postAfter(first func(), ev session.Event) {
	select {
	case d.inbox <- message{first, ev}:
	case <-d.over:
	}
}

// loop is the engine's goroutine. It returns when the engine has said StopDaemon, or endTime after ctx is done, or with
// the error of a socket that failed.
func (d *Daemon) loop(ctx context.Context, served <-chan error) error {
	tick := time.NewTimer(time.Hour)
	defer tick.Stop()
	done := ctx.Done()
	var late <-chan time.Time
	var failed error
	for !d.stopped {
		d.setTimer(tick)
		select {
		case m := <-d.inbox:
			d.take(m)
			continue
		case <-tick.C:
			d.step(session.Tick{})
			continue
		case <-late:
			d.log.Warn("the daemon ends before all texts were saved")
			return failed
		case <-done:
			done = nil
		case failed = <-served:
			served = nil
		}
		late = time.After(endTime)
		d.step(session.ShuttingDown{})
	}
	return failed
}

func (d *Daemon) take(m message) {
	if m.first != nil {
		m.first()
	}
	if m.event != nil {
		d.step(m.event)
	}
}

func (d *Daemon) step(ev session.Event) {
	for _, f := range d.engine.Step(time.Now(), ev) {
		d.carryOut(f)
	}
}

func (d *Daemon) setTimer(t *time.Timer) {
	at := d.engine.Deadline()
	if at.IsZero() {
		t.Stop()
		return
	}
	t.Reset(max(time.Until(at), leastWait))
}

// carryOut does what the engine asks for. Nothing here waits.
func (d *Daemon) carryOut(f session.Effect) {
	switch f := f.(type) {
	case session.Reply, session.ReplyError, session.Notify, session.Ask, session.Withdraw, session.CloseClient:
		d.tellEditor(f)
	case session.SendFrame:
		if l := d.links[f.Link]; l != nil {
			l.send(f.Channel, f.Key, f.Data)
		}
	case session.CloseLink:
		if l := d.links[f.Link]; l != nil {
			l.close()
		}
	case session.OpenFolder, session.WidenFolder, session.CloseFolder, session.Locate, session.LoadFile, session.SaveFile, session.ListFolder,
		session.CreateEntry, session.RenameEntry, session.DeleteEntry:
		d.useDisk(f)
	case session.Copy:
		d.copy(f)
	case session.OpenRoom, session.NewCode, session.CloseRoom, session.Decide:
		d.useRoom(f)
	case session.Forget:
		d.forget(f)
	case session.StartJoin:
		d.startJoin(f)
	case session.Rejoin:
		d.rejoin(f)
	case session.BindJoin:
		d.bindJoin(f)
	case session.CancelJoin:
		d.cancelJoin(f.Join)
	case session.Warn:
		d.log.Warn("engine", zap.String("what", f.What))
	case session.StopDaemon:
		d.stopped = true
	}
}
