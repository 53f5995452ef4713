package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"earshot/internal/docpath"
	"earshot/protocol"
)

// The second process of a trial. It holds all that could be left over (a folder, a daemon, sessions) and ends when its
// standard input does, which is when the first process is gone, however that ended. What happens it writes as JSON to its
// standard output.
//
//	robin, earshot try ──standard input, empty──▶ second process: a daemon, and Robin at it
//	                   ◀── lines of JSON ────────

// colleagueName is the scripted colleague's.
const colleagueName = "Robin"

// Acts of the second process.
const (
	actHost  = "host"  // shares a scratch text and waits for a guest
	actGuest = "guest" // shares a file at this person's own daemon and comes in as its guest
	actCheck = "check" // shares a scratch text and answers a self-test
)

const (
	// trialTime is how long Robin waits for somebody, and for what they type.
	trialTime = 15 * time.Minute
	// openPatience is how long one who came in may take to open the text, if their editor can't tell.
	openPatience = 20 * time.Second
	// restoreTime is for taking back what Robin typed and for leaving.
	restoreTime = 5 * time.Second
	// maxTrialText keeps what Robin looks through with each key small; in characters.
	maxTrialText = 1 << 20
)

// robin is the second process as a whole.
func (p *program) robin(o *tryOptions) error {
	// The terminal's are for the first process too, whose end is this one's; and after that end nobody reads what is written here.
	signal.Ignore(os.Interrupt, syscall.SIGHUP, syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	go func() { // ends with the input, or with the program
		defer cancel()
		_, _ = io.Copy(io.Discard, p.in) // an error is an end
	}()
	err := p.perform(ctx, o)
	if err != nil && ctx.Err() == nil {
		return p.printJSON(tryLine{Event: "failed", Message: sentence(err)})
	}
	return nil
}

func (p *program) perform(ctx context.Context, o *tryOptions) error {
	folder, err := os.MkdirTemp("", "earshot-try-")
	if err != nil {
		return fmt.Errorf("make a folder for the trial (%w); set TMPDIR to a folder that you may write to", err)
	}
	defer func() { _ = os.RemoveAll(folder) }() // the first process does it again
	if err := p.printJSON(tryLine{Event: "folder", Folder: folder}); err != nil {
		return err
	}
	socket, err := stageSocket(folder, "robin")
	if err != nil {
		return err
	}
	s, err := p.openStage(socket, colleagueName)
	if err != nil {
		return err
	}
	defer s.stop()
	a := &actor{stage: s, key: o.key, tells: func(line tryLine) {
		_ = p.printJSON(line) // who does not read it is gone, and the input ends too
	}}
	if o.act == actGuest {
		err = a.visit(ctx, p, o.file)
	} else {
		err = a.receive(ctx, folder, o.act)
	}
	if err == nil {
		a.tells(tryLine{Event: "ended", Message: whatNext})
	}
	return err
}

const whatNext = "That is how a colleague feels. Now with a real one: run `earshot share` in a folder and read them the code."

// receive shares a scratch text and plays with who comes.
func (a *actor) receive(ctx context.Context, folder, act string) error {
	own, err := writeScratch(folder)
	if err != nil {
		return err
	}
	a.session, err = shareHere(ctx, a.c, &shareRequest{IceServers: a.p.settings.ICE.Request(),
		ShareParams: protocol.ShareParams{Documents: []protocol.DocumentURI{own}, Name: colleagueName}})
	if err != nil {
		return err
	}
	a.uri = own
	if err := a.sit(ctx); err != nil {
		return err
	}
	path, err := docpath.Parse(scratchFile)
	if err != nil {
		return err
	}
	a.tells(tryLine{Event: "opened", Session: &a.session, URI: docpath.SessionURI(a.session.ID, path), Colleague: colleagueName, PID: os.Getpid()})
	if act == actCheck {
		err = a.echo(ctx)
		a.tells(tryLine{Event: "text", Sum: sumOfText(string(a.seen))})
	} else {
		err = a.play(ctx, &a.guest)
	}
	a.leave(a.c)
	return err
}

// visit shares a file at the person's own daemon and plays in it. What Robin typed is taken back at the end.
func (a *actor) visit(ctx context.Context, p *program, file string) error {
	request := &shareRequest{IceServers: a.p.settings.ICE.Request(), ShareParams: protocol.ShareParams{Name: p.settings.Person(ctx)}}
	if err := request.add(file, 1); err != nil {
		return err
	}
	if request.Folder != "" {
		return fmt.Errorf("%s is a folder; name a file in it", plain(file))
	}
	host, err := p.connectOrStart(context.WithoutCancel(ctx), kind{}, ownPlace)
	if err != nil {
		return err
	}
	defer host.Close()
	shared, err := shareHere(ctx, host, request)
	if err != nil {
		return request.explain(err)
	}
	a.session = shared
	defer a.leave(host)
	if err := a.enter(ctx, shared.Link); err != nil {
		return err
	}
	if len(a.seen) > maxTrialText {
		return fmt.Errorf("%s is too large for a trial; name a smaller text", plain(file))
	}
	a.tells(tryLine{Event: "opened", Session: &shared, URI: request.Documents[0], Colleague: colleagueName, PID: os.Getpid()})
	err = a.play(ctx, &a.host)
	return errors.Join(err, a.restore())
}

// enter joins by a code or link and opens the one file there is.
func (a *actor) enter(ctx context.Context, code string) error {
	var joined protocol.SessionResult
	err := a.c.Call(ctx, "session/join", &joinRequest{IceServers: a.p.settings.ICE.Request(),
		JoinParams: protocol.JoinParams{Code: code, Name: a.p.settings.Name, WorkDoneToken: []byte(`"join"`)}}, &joined)
	if err != nil {
		return err
	}
	a.session = joined.Session
	a.members()
	var page protocol.ListFilesResult
	if err := a.c.Call(ctx, "file/list", &protocol.ListFilesParams{Session: a.session.ID, Recursive: true}, &page); err != nil {
		return err
	}
	at := slices.IndexFunc(page.Entries, func(e protocol.Entry) bool { return e.Kind == protocol.KindFile })
	if at < 0 {
		return errors.New("the host shares no file")
	}
	a.uri = page.Entries[at].URI
	return a.sit(ctx)
}

// leave ends the session. It is the trial's end: an error would change nothing.
func (a *actor) leave(c *client) {
	ctx, cancel := context.WithTimeout(context.Background(), restoreTime)
	defer cancel()
	_ = c.Call(ctx, "session/leave", &protocol.LeaveParams{Session: a.session.ID, Unsaved: protocol.UnsavedDiscard}, nil)
}

// restore takes back all that this actor typed.
func (a *actor) restore() error {
	ctx, cancel := context.WithTimeout(context.Background(), restoreTime)
	defer cancel()
	for {
		more, err := a.undo(ctx)
		if kind := protocol.KindOf(err); kind == protocol.Ended || kind == protocol.NoSuchDocument {
			return nil
		}
		if err != nil {
			return fmt.Errorf("take back what %s typed (%w); undo it in your editor", colleagueName, err)
		}
		if !more {
			return a.flush(ctx)
		}
	}
}

// flush waits until this daemon and the host's have what was typed here: an answer of theirs comes after.
func (a *actor) flush(ctx context.Context) error {
	return a.c.Call(ctx, "file/list", &protocol.ListFilesParams{Session: a.session.ID}, nil)
}

// play is the script. person is the name of the one that it is played for, "" while they are not here.
func (a *actor) play(ctx context.Context, person *string) error {
	for _, scene := range []func(ctx context.Context, person *string) error{
		a.meet, a.greet, a.selects, a.invites, a.answers, a.takesBack, a.parts,
	} {
		err := scene(ctx, person)
		if errors.Is(err, errAlone) {
			a.step("left", "You have left, so it ends here.")
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *actor) step(name, message string) {
	a.tells(tryLine{Event: "step", Step: name, Message: message})
}

// patient waits for a person.
func (a *actor) patient(ctx context.Context, what string, so func() bool) error {
	ok, err := a.until(ctx, trialTime, so)
	if err == nil && !ok {
		err = fmt.Errorf("%s within %v; run `earshot try` again", what, trialTime)
	}
	return err
}

func (a *actor) meet(ctx context.Context, person *string) error {
	err := a.patient(ctx, "nobody came in", func() bool { return *person != "" })
	if err != nil {
		return err
	}
	a.step("joined", fmt.Sprintf("%s is in; %s begins when your cursor is in the text, or in %v.", *person, colleagueName, openPatience))
	_, err = a.until(ctx, openPatience, func() bool { return a.inText || a.others != nil })
	if err != nil {
		return err
	}
	return a.rest(ctx, 15)
}

const invitation = "Your turn: type something on the next line, then pause."

func (a *actor) greet(ctx context.Context, person *string) error {
	a.at, a.others = len(a.seen), nil
	a.step("greeting", colleagueName+" types.")
	start := ""
	if a.at > 0 && a.seen[a.at-1] != '\n' {
		start = "\n"
	}
	return a.types(ctx, fmt.Sprintf("%sHi %s! I am %s, and you see me type.", start, *person, colleagueName))
}

// selects drags over the first line that holds something.
func (a *actor) selects(ctx context.Context, _ *string) error {
	if err := a.rest(ctx, 15); err != nil {
		return err
	}
	a.step("selecting", colleagueName+" selects a line.")
	from := slices.IndexFunc(a.seen, func(r rune) bool { return r != '\n' })
	to := a.lineEnd(from)
	for at := from; at < to; at += 3 {
		if err := a.point(from, at); err != nil {
			return err
		}
		if err := a.rest(ctx, 1); err != nil {
			return err
		}
		to = min(to, a.lineEnd(from)) // others may have deleted it
	}
	if err := a.rest(ctx, 25); err != nil {
		return err
	}
	return a.point(a.at, a.at)
}

func (a *actor) invites(ctx context.Context, _ *string) error {
	return a.types(ctx, "\n"+invitation+"\n\n")
}

// answers waits for a line and types it in capitals below.
func (a *actor) answers(ctx context.Context, _ *string) error {
	a.others = nil
	a.step("asking", fmt.Sprintf("Your turn: type something below %s's last line, then pause.", colleagueName))
	line := ""
	done := func() bool {
		if a.others == nil {
			return false
		}
		line = strings.TrimSpace(a.lineAt(a.others.pos))
		return line != "" && line != invitation
	}
	for {
		if err := a.patient(ctx, "nothing was typed", done); err != nil {
			return err
		}
		if err := a.rest(ctx, 25); err != nil {
			return err
		}
		if done() && time.Since(a.quiet) >= 20*a.key {
			break
		}
	}
	a.step("answering", fmt.Sprintf("You typed %q; %s answers.", cut(plain(line), 40), colleagueName))
	a.at = a.lineEnd(a.others.pos)
	start := "\n"
	if below := a.at + 1; below < len(a.seen) && a.seen[below] == '\n' { // an empty line
		a.at, start = below, ""
	} else if below == len(a.seen) {
		a.at, start = below, ""
	}
	return a.types(ctx, start+"> "+strings.ToUpper(cut(line, 60))+fmt.Sprintf(" (%d characters)", utf8.RuneCountInString(line)))
}

const takenBack = " (And this I take back.)"

// takesBack types something behind the invitation and undoes it.
func (a *actor) takesBack(ctx context.Context, _ *string) error {
	// What is undone must be a step of its own, which the daemon tells by the time that lies between what it takes.
	if err := a.flush(ctx); err != nil {
		return err
	}
	if err := a.rest(ctx, 25); err != nil {
		return err
	}
	answered := a.at
	before := string(a.seen)
	a.at = len(a.seen)
	if i := strings.LastIndex(before, invitation); i >= 0 {
		a.at = utf8.RuneCountInString(before[:i+len(invitation)])
	}
	above := a.at <= answered
	if err := a.types(ctx, takenBack); err != nil {
		return err
	}
	if err := a.rest(ctx, 20); err != nil {
		return err
	}
	more, err := a.undo(ctx)
	if err != nil {
		return err
	}
	if more { // the edit of it may come after the answer
		_, err = a.until(ctx, restoreTime, func() bool { return !strings.Contains(string(a.seen), takenBack) })
	}
	if err != nil {
		return err
	}
	a.step("undone", colleagueName+" took back an edit of their own; yours stayed.")
	if err := a.rest(ctx, 20); err != nil {
		return err
	}
	a.at = len(a.seen)
	if above {
		a.at = a.lineEnd(min(answered, len(a.seen)))
	}
	return nil
}

func (a *actor) parts(ctx context.Context, person *string) error {
	if err := a.types(ctx, fmt.Sprintf("\nMine went, yours stayed. That was it: bye, %s!", *person)); err != nil {
		return err
	}
	a.step("parting", colleagueName+" says goodbye.")
	return a.rest(ctx, 60)
}

// lineEnd is the end of the line with a place.
func (a *actor) lineEnd(pos int) int {
	for pos = max(pos, 0); pos < len(a.seen) && a.seen[pos] != '\n'; pos++ {
	}
	return pos
}

// lineAt is the line with a place.
func (a *actor) lineAt(pos int) string {
	from := min(pos, len(a.seen))
	for from > 0 && a.seen[from-1] != '\n' {
		from--
	}
	return string(a.seen[from:a.lineEnd(from)])
}

// echo answers each "ping" line of a self-test, which is the first then, with a "pong" at the end of the text, at once, until it
// is stopped.
func (a *actor) echo(ctx context.Context) error {
	for answered := ""; ; {
		first := ""
		_, err := a.until(ctx, trialTime, func() bool {
			first = a.lineAt(0)
			return first != answered && strings.HasPrefix(first, ping)
		})
		if errors.Is(err, errStopped) {
			return nil
		}
		if err != nil {
			return err
		}
		answered = first
		a.at = len(a.seen)
		if err := a.insert(pong + strings.TrimPrefix(first, ping) + "\n"); err != nil {
			return err
		}
	}
}

const ping, pong = "ping ", "pong "

func sumOfText(s string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }
