package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"earshot/protocol"
)

// tryOptions are the flags of `earshot try`.
type tryOptions struct {
	file  string
	check bool
	key   time.Duration // between two keys of the colleague
	act   string        // of the second process; "" in the first
}

// usualKey is how fast Robin types: a second has 25 keys.
const usualKey = 40 * time.Millisecond

func tryCommand(p *program) *cobra.Command {
	o := &tryOptions{}
	c := &cobra.Command{
		Use:   "try",
		Short: "See Earshot work, alone: a scripted colleague edits with you",
		Long: "Brings a colleague to try Earshot with, who is a script in a second process: Robin shares a small text, you open it in " +
			"your editor with the code that is printed, and Robin types, selects, answers what you type, takes an edit back and " +
			"says goodbye. It needs no network but this machine, ends by itself or with Ctrl-C, and leaves nothing.\n\n" +
			"With --file it is the other way around: your file is shared, for the length of the trial and with Robin alone, and Robin " +
			"comes into it. Robin never saves, and takes back all that Robin typed.\n\n" +
			"--check plays both sides and measures: it tells whether Earshot works on this machine.",
		Example: examples(
			"earshot try", "and follow what it says, in your editor",
			"earshot try --file notes.md", "Robin comes into a text of yours",
			"earshot try --check", "a self-test of this machine; exits 0 or 1",
			"earshot try --check --json", "the same for programs",
			"earshot try --json", "for plugins: the first line has the link to join by"),
		Args: arguments(0, 0, ""),
		RunE: func(c *cobra.Command, _ []string) error {
			switch {
			case o.act != "":
				return p.robin(o)
			case o.check && c.Flags().Changed("file"):
				return usagef("--check plays both sides and takes no --file; leave one of them out")
			case c.Flags().Changed("file") && o.file == "":
				return usagef("--file is empty; name a text of yours")
			case o.check:
				return p.selfTest(c.Context())
			}
			return p.try(c.Context(), o)
		},
	}
	flags := c.Flags()
	flags.StringVar(&o.file, "file", "", "share this `FILE` of yours for the trial, instead of joining what Robin shares")
	flags.BoolVar(&o.check, "check", false, "play both sides: a self-test")
	flags.DurationVar(&o.key, "key", usualKey, "")
	flags.StringVar(&o.act, "as", "", "")
	_ = flags.MarkHidden("key") // they exist
	_ = flags.MarkHidden("as")
	p.addJSON(c)
	return c
}

// tryLine is a line of `earshot try --json`, and of what the second process tells the first. The first is opened: Session has the
// code and the link, and URI is the text as this person's editor names it once it has joined. Then one step after another, and
// ended at the end.
type tryLine struct {
	Event     string               `json:"event"` // opened, step, ended; between the processes folder, text and failed too
	Session   *protocol.Session    `json:"session,omitempty"`
	URI       protocol.DocumentURI `json:"uri,omitempty"`
	Colleague string               `json:"colleague,omitempty"`
	PID       int                  `json:"pid,omitempty"` // of the second process
	Step      string               `json:"step,omitempty"`
	Message   string               `json:"message,omitempty"`

	Folder string `json:"folder,omitempty"` // what the second process has on the disk
	Sum    string `json:"sum,omitempty"`    // hash of Robin's text
}

// colleague is the second process as the first sees it.
type colleague struct {
	cmd    *exec.Cmd
	in     io.Closer
	lines  chan tryLine // closed at its end
	folder string       // owned by whoever reads lines
}

// callColleague starts the second process. It ends when the first closes its input or is gone.
func (p *program) callColleague(act string, o *tryOptions) (*colleague, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program's own file (%w); install it again", err)
	}
	flags, env := p.inheritedSettings(p.settings.Socket, everything)
	args := append([]string{"try", "--as", act, "--key", o.key.String(), "--file", o.file}, flags...)
	cmd := exec.Command(self, args...)
	cmd.Env, cmd.Stderr = append(os.Environ(), env...), p.err
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a second process (%w); end some programs, then try again", err)
	}
	c := &colleague{cmd: cmd, in: in, lines: make(chan tryLine)}
	// Ends with the process's output.
	go func() {
		defer close(c.lines)
		scanner := bufio.NewScanner(out)
		for scanner.Scan() {
			var line tryLine
			if json.Unmarshal(scanner.Bytes(), &line) == nil { // what is no such line is not for us
				c.lines <- line
			}
		}
	}()
	return c, nil
}

// endPatienceOfColleague is for taking an edit back and closing what is open; see restoreTime.
const endPatienceOfColleague = 3 * restoreTime

// end lets the second process end and removes what it leaves if it can't.
func (c *colleague) end() {
	_ = c.in.Close() // it may have ended
	force := time.AfterFunc(endPatienceOfColleague, func() { _ = c.cmd.Process.Kill() })
	defer force.Stop()
	for line := range c.lines {
		c.note(line)
	}
	_ = c.cmd.Wait() // how it ended changes nothing any more
	if c.folder != "" {
		_ = os.RemoveAll(c.folder)
	}
}

// note keeps what is not for the person; true tells that it was that.
func (c *colleague) note(line tryLine) bool {
	if line.Event == "folder" {
		c.folder = line.Folder
	}
	return line.Event == "folder"
}

var errColleagueGone = errors.New("the scripted colleague's process ended unexpectedly; run `earshot try` again")

// next gives the next line, or an error: it failed, it is gone, ctx is done.
func (c *colleague) next(ctx context.Context) (tryLine, error) {
	for {
		select {
		case line, open := <-c.lines:
			switch {
			case !open:
				return line, errColleagueGone
			case line.Event == "failed":
				return line, errors.New(line.Message)
			case !c.note(line):
				return line, nil
			}
		case <-ctx.Done():
			return tryLine{}, ctx.Err()
		}
	}
}

// untilHungUp ends with the terminal's end too, which must leave nothing either.
func untilHungUp(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
}

// try plays with a person.
func (p *program) try(ctx context.Context, o *tryOptions) error {
	if p.settings.RelayOnly {
		return errors.New("your settings allow relayed connections alone, and a trial on one machine has no relay; run `earshot try --relay-only=false`, " +
			"and start your editor without that setting")
	}
	act := actHost
	if o.file != "" {
		act = actGuest
	}
	ctx, stop := untilHungUp(ctx)
	defer stop()
	c, err := p.callColleague(act, o)
	if err != nil {
		return err
	}
	defer c.end()
	shared := "" // of this person's file
	for {
		line, err := c.next(ctx)
		switch {
		case ctx.Err() != nil:
			return p.tell(tryLine{Event: "ended", Message: "You ended the trial."}, o)
		case errors.Is(err, errColleagueGone) && shared != "":
			return errors.Join(err, p.endTrial(ctx, shared))
		case err != nil:
			return err
		case line.Event == "opened" && o.file != "":
			shared = line.Session.ID
		}
		if err := p.tell(line, o); err != nil {
			return err
		}
		if line.Event == "ended" {
			return nil
		}
	}
}

// endTrial ends the share of a file for a colleague that was killed: a session that nobody uses any more saves what guests typed.
func (p *program) endTrial(ctx context.Context, session string) error {
	ctx, cancel := context.WithTimeout(ctx, restoreTime)
	defer cancel()
	c, err := p.connect(ctx, kind{})
	if err == nil {
		defer c.Close()
		err = c.Call(ctx, "session/leave", &protocol.LeaveParams{Session: session, Unsaved: protocol.UnsavedDiscard}, nil)
	}
	if err == nil || protocol.KindOf(err) == protocol.NoSuchSession || protocol.KindOf(err) == protocol.Ended {
		return nil
	}
	return fmt.Errorf("end the share of your file (%w); run `earshot leave --unsaved discard`", err)
}

func (p *program) tell(line tryLine, o *tryOptions) error {
	if p.json {
		return p.printJSON(line)
	}
	said := ""
	switch line.Event {
	case "opened":
		said = p.howToOpen(line, o)
	case "step":
		said = time.Now().Format(time.TimeOnly) + "  " + plain(line.Message)
	case "ended":
		said = "\n" + plain(line.Message)
	}
	return p.line(p.out, said)
}

// howToOpen says what a person does now.
func (p *program) howToOpen(line tryLine, o *tryOptions) string {
	strong := func(s string) string { return p.style(p.out, bold, s) }
	var b strings.Builder
	if o.file != "" {
		fmt.Fprintf(&b, "%s, a scripted colleague in a second process, comes into %s.\n", colleagueName, plain(o.file))
		fmt.Fprintf(&b, "Open it in your editor, with Earshot's plugin or with `earshot attach` as a language server:\n\n")
		fmt.Fprintf(&b, "    %s\n", strong(shownURI(line.URI)))
		fmt.Fprintf(&b, "\n%s never saves, and takes back what %s typed. Ctrl-C ends it.\n", colleagueName, colleagueName)
		return b.String()
	}
	code := line.Session.Code
	if p.settings.Server != "" { // where a code would be looked for
		code = line.Session.Link
	}
	code = plain(code)
	fmt.Fprintf(&b, "%s, a scripted colleague in a second process, shares a small text with you.\nOpen it in your own editor:\n\n", colleagueName)
	fmt.Fprintf(&b, "    Neovim           %s   then %s\n", strong(":Earshot join "+code), strong(":Earshot open"))
	fmt.Fprintf(&b, "    VS Code          F1, %s, %s\n", strong("Earshot: Join by Code or Link"), strong(code))
	fmt.Fprintf(&b, "    another program  %s   in a second terminal, then %s\n", strong("earshot join "+code), strong("earshot cat "+scratchFile))
	fmt.Fprintf(&b, "\nThe code works on this machine alone. Ctrl-C ends it, and nothing is left.\n")
	return b.String()
}
