package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
	"unicode/utf8"

	"earshot/daemon"
	"earshot/daemon/settings"
	"earshot/internal/docpath"
	"earshot/internal/rpc"
	"earshot/internal/text"
	"earshot/protocol"
	"earshot/protocol/wire"
)

// stage is what a scripted person of a trial has: a daemon in this process and a connection to it. Nobody else reaches that
// daemon, and it uses no server but this machine's.
type stage struct {
	p    *program // as that person would run it
	c    *client
	stop func() // ends the daemon, and its sessions with it
}

// openStage begins one; socket is its place, in a folder that whoever calls removes.
func (p *program) openStage(socket, name string) (*stage, error) {
	own := *p
	own.settings = settings.Default()
	own.settings.Name, own.settings.ICE = name, settings.ICE{}
	ctx, cancel := context.WithCancel(context.Background())
	failed, gone := make(chan string, 1), make(chan struct{})
	go func() { // ends with ctx, which stop cancels
		defer close(gone)
		err := daemon.Run(ctx, daemon.Options{Socket: socket, Name: name, Version: version, ICE: own.settings.ICE})
		if err != nil {
			failed <- sentence(err)
		}
	}()
	stop := func() {
		cancel()
		<-gone
	}
	conn, err := await(ctx, socket, failed)
	if err != nil {
		stop()
		return nil, err
	}
	c, err := own.hello(ctx, conn, kind{follows: true})
	if err == nil {
		err = c.Call(ctx, "events/subscribe", &protocol.SubscribeParams{}, nil)
	}
	if err != nil {
		stop()
		return nil, err
	}
	return &stage{p: &own, c: c, stop: stop}, nil
}

// stageSocket is where a daemon of a trial listens: in the trial's folder, so that its lock goes too. On Windows it is no file.
func stageSocket(folder, who string) (string, error) {
	if goos == "windows" {
		return rpc.SocketPath(filepath.Base(folder) + "-" + who)
	}
	path := filepath.Join(folder, who)
	if len(path) > longestSocket {
		return "", fmt.Errorf("the folder for temporary files, %s, has too long a name for a socket; set TMPDIR to a shorter one, for instance /tmp",
			plain(os.TempDir()))
	}
	return path, nil
}

// longestSocket is what every system takes: macOS has 104 bytes with the last zero.
const longestSocket = 103

// shareHere shares documents by a matchmaker that only this machine reaches, on the first of the ports where a code is looked for.
func shareHere(ctx context.Context, c *client, request *shareRequest) (protocol.Session, error) {
	request.Admit, request.Guests = protocol.AdmitAuto, 1
	for port := wire.FirstLocalPort; port <= wire.LastLocalPort; port++ {
		request.Listen = fmt.Sprintf("127.0.0.1:%d", port)
		var opened protocol.SessionResult
		err := c.Call(ctx, "session/share", request, &opened)
		if protocol.KindOf(err) != protocol.NoServer {
			return opened.Session, err
		}
	}
	return protocol.Session{}, fmt.Errorf("all ports from %d to %d of this machine are in use; end another share (`earshot status` shows yours), then try again",
		wire.FirstLocalPort, wire.LastLocalPort)
}

// actor is a scripted person at an exact editor of one buffer. One goroutine uses it.
type actor struct {
	*stage
	session protocol.Session
	uri     protocol.DocumentURI
	key     time.Duration // from one key to the next; everything else goes by it
	tells   func(tryLine)

	b    *buffer
	woke chan struct{} // the buffer has changed

	seen   []rune // the text when it was last looked at
	at     int    // the cursor, in seen
	others *typed // what others typed last; nil once it was taken note of
	quiet  time.Time

	host, guest string // names of the members that are here, "" while they are not
	inText      bool   // another's cursor is in the text
	left        bool   // the guest was here and is not any more
}

// typed is one place where a text differs from how it was.
type typed struct {
	pos int
	ins string
}

// How a trial ends early; both are no failures.
var (
	errStopped = errors.New("the trial was stopped")
	errAlone   = errors.New("the other side has left")
)

// sit opens the document, whose text the daemon has.
func (a *actor) sit(ctx context.Context) error {
	body, err := a.c.content(ctx, a.uri)
	if err != nil {
		return err
	}
	a.woke = make(chan struct{}, 1)
	b := newBuffer(a.uri, body, func(method string, params any) error {
		select {
		case a.woke <- struct{}{}:
		default: // one word is enough
		}
		return a.c.Notify(method, params)
	})
	a.b = b
	a.c.buffer.Store(b)
	if err := b.open(); err != nil {
		return err
	}
	a.look()
	a.at, a.others = len(a.seen), nil
	return nil
}

// until takes what happens until something is so. It gives false where that takes longer than patience, and an error at the
// trial's end.
func (a *actor) until(ctx context.Context, patience time.Duration, so func() bool) (bool, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for !so() {
		select {
		case m := <-a.c.inbox:
			a.take(m)
		case <-a.woke:
			a.look()
		case <-timer.C:
			return false, nil
		case <-ctx.Done():
			return false, errStopped
		case <-a.c.Done():
			return false, rpc.ErrClosed
		}
		if a.left || a.session.State == protocol.SessionEnded {
			return false, errAlone
		}
	}
	return true, nil
}

// rest lets the time of some keys pass. It is never so short that two things would count as one command.
func (a *actor) rest(ctx context.Context, keys int) error {
	_, err := a.until(ctx, max(time.Duration(keys)*a.key, 2*undoBurst), func() bool { return false })
	return err
}

// undoBurst is within what time the daemon takes two changes for one command.
const undoBurst = 25 * time.Millisecond

func (a *actor) take(m any) {
	switch m := m.(type) {
	case question:
		a.c.decline(m.id)
	case *protocol.SessionChanged:
		a.session = m.Session
		a.members()
	case *protocol.PresenceChanged:
		for _, c := range m.Cursors {
			a.inText = a.inText || c.TextDocument != nil
		}
	}
}

// members takes note of who is here.
func (a *actor) members() {
	guest := ""
	for _, m := range a.session.Members {
		switch {
		case m.State == protocol.MemberWaiting:
		case m.Role == protocol.RoleHost:
			a.host = plain(m.Name)
		default:
			guest = plain(m.Name)
		}
	}
	a.left = a.guest != "" && guest == ""
	if guest != "" {
		a.guest = guest
	}
}

var errOnlyLooked = errors.New("nothing is to be changed")

// look takes note of what others have typed.
func (a *actor) look() {
	_ = a.b.edit(func(t *text.Rope) (text.Edit, error) { // errOnlyLooked
		a.note([]rune(t.String()))
		return text.Edit{}, errOnlyLooked
	})
}

func (a *actor) note(now []rune) {
	was := a.seen
	same := 0
	for same < min(len(was), len(now)) && was[same] == now[same] {
		same++
	}
	tail := 0
	for tail < min(len(was), len(now))-same && was[len(was)-1-tail] == now[len(now)-1-tail] {
		tail++
	}
	a.seen = now
	if same == len(was) && same == len(now) {
		return
	}
	switch {
	case a.at <= same:
	case a.at >= len(was)-tail:
		a.at += len(now) - len(was)
	default:
		a.at = same
	}
	a.others, a.quiet = &typed{same, string(now[same : len(now)-tail])}, time.Now()
}

// insert puts a text at the cursor.
func (a *actor) insert(s string) error {
	err := a.b.edit(func(t *text.Rope) (text.Edit, error) {
		a.note([]rune(t.String()))
		e := text.Edit{Pos: a.at, Ins: s}
		a.seen = append(append(append([]rune{}, a.seen[:a.at]...), []rune(s)...), a.seen[a.at:]...)
		a.at += utf8.RuneCountInString(s)
		return e, nil
	})
	if err != nil {
		return err
	}
	return a.point(a.at, a.at)
}

// types puts a text at the cursor, key by key.
func (a *actor) types(ctx context.Context, s string) error {
	for _, r := range s {
		if err := a.insert(string(r)); err != nil {
			return err
		}
		if _, err := a.until(ctx, a.key, func() bool { return false }); err != nil {
			return err
		}
	}
	return nil
}

// point shows a selection, or the cursor alone.
func (a *actor) point(anchor, active int) error {
	return a.c.Notify("presence/update", &protocol.PresenceUpdate{
		TextDocument: &protocol.TextDocumentIdentifier{URI: a.uri},
		Selections:   []protocol.Selection{{Anchor: a.position(anchor), Active: a.position(active)}}})
}

func (a *actor) position(pos int) protocol.Position {
	var at protocol.Position
	for _, r := range a.seen[:pos] {
		if at.Character++; r == '\n' {
			at = protocol.Position{Line: at.Line + 1}
		}
	}
	return at
}

// undo takes this actor's last edit back; false if there is none.
func (a *actor) undo(ctx context.Context) (bool, error) {
	var done protocol.UndoResult
	params := &protocol.UndoParams{TextDocument: protocol.TextDocumentIdentifier{URI: a.uri}}
	if err := a.c.Call(ctx, "textDocument/undo", params, &done); err != nil {
		return false, err
	}
	others, quiet := a.others, a.quiet
	a.look()
	a.others, a.quiet = others, quiet
	return done.Applied, nil
}

// scratchText is what a trial shares unless it is told a file.
const (
	scratchFile = "hello.txt"
	scratchText = "This text lives in a colleague's editor, and in yours.\n\n"
)

// writeScratch puts that into the trial's folder.
func writeScratch(folder string) (protocol.DocumentURI, error) {
	path := filepath.Join(folder, scratchFile)
	if err := os.WriteFile(path, []byte(scratchText), 0o600); err != nil {
		return "", fmt.Errorf("write the trial's text (%w); set TMPDIR to a folder that you may write to", err)
	}
	return docpath.FileURI(path, goos)
}
