package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"earshot/internal/introduction"
	"earshot/protocol"
)

// joinOptions are the flags of `earshot join`.
type joinOptions struct {
	role *choice
	into string
}

func joinCommand(p *program) *cobra.Command {
	o := &joinOptions{role: newChoice("editor", "viewer")}
	c := &cobra.Command{
		Use:   "join [CODE|LINK|-]",
		Short: "Join a session by its code or link",
		Long: "Joins a session by the code or link that its host reads to you; asks for it if none is given, and reads it from " +
			"standard input where - is given, so that it stands in no list of processes and no shell's history. Prints the " +
			"members and the files, then one line per event, until Ctrl-C.",
		Example: examples(
			"earshot join", "asks for the code",
			"earshot join K7QM-3F9TXQ", "on the host's machine, or with --server",
			"earshot join http://192.168.1.5:47300/j#…", "by link, from another machine",
			"earshot join --role viewer K7QM-3F9TXQ", "only read",
			"pass show meeting | earshot join -", "the code from standard input",
		),
		Args: arguments(0, 1, ""),
		RunE: func(c *cobra.Command, args []string) error { return p.join(c.Context(), args, o) },
	}
	c.Flags().Var(o.role, "role", "ask for less than the host gives")
	c.Flags().StringVar(&o.into, "into", "", "keep a live copy in `DIR` (not in this version)")
	p.addJSON(c)
	return c
}

// joinRequest is session/join with a list of servers that is sent where it is empty.
type joinRequest struct {
	protocol.JoinParams
	IceServers []protocol.ICEServer `json:"iceServers"`
}

func (p *program) join(ctx context.Context, args []string, o *joinOptions) error {
	if o.into != "" {
		return notInThisVersion("join --into", "open the files in your editor, or copy them with `earshot cat`")
	}
	code, err := p.code(args)
	if err != nil {
		return err
	}
	request := &joinRequest{IceServers: p.settings.ICE.Request(), JoinParams: protocol.JoinParams{
		Code: code, Role: protocol.Role(o.role.value), Server: p.settings.Server, RelayOnly: p.settings.RelayOnly,
		Name: p.settings.Person(ctx), WorkDoneToken: json.RawMessage(`"join"`)}}
	if introduction.IsLink(code) {
		if request.Server, err = p.confirmedServer(ctx, code); err != nil {
			return err
		}
	}
	c, err := p.connectOrStart(ctx, kind{follows: true}, ownPlace)
	if err != nil {
		return err
	}
	defer c.Close()
	f := p.follow(c, p.out)
	if err := f.join(request); err != nil {
		return err
	}
	return f.run()
}

// code takes the code or link from where it is given and checks that it can be one: a typing error is told at once.
func (p *program) code(args []string) (string, error) {
	switch {
	case len(args) == 1 && args[0] != "-":
		return args[0], checkCode(args[0])
	case len(args) == 1:
		line, err := bufio.NewReader(io.LimitReader(p.in, maxCodeLine)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the code from standard input: %w", err)
		}
		return strings.TrimSpace(line), checkCode(line)
	case !p.asks():
		return "", usagef("the code is missing: run `earshot join CODE`, or `earshot join -` to read it from standard input")
	}
	return p.askCode()
}

const (
	// maxCodeLine is far above a link's 60 symbols and its server's name.
	maxCodeLine = 4096
	// codeTries is how often a person is asked again.
	codeTries = 3
)

// askCode asks at the terminal, again after a typing error.
func (p *program) askCode() (code string, err error) {
	for range codeTries {
		if code = p.ask("Code or link: "); code == "" {
			return "", usagef("the code is missing: run `earshot join CODE`")
		}
		if err = checkCode(code); err == nil {
			return code, nil
		}
		p.line(p.err, plain(err.Error()))
	}
	return "", err
}

func checkCode(typed string) error {
	if introduction.IsLink(typed) {
		_, err := introduction.ParseLink(typed)
		return err
	}
	_, err := introduction.ParseCode(typed)
	return err
}

// confirmedServer gives the server that a link brings. One that is neither set nor on this network is shown first, where
// a person can look at it: it will learn this machine's address.
func (p *program) confirmedServer(ctx context.Context, code string) (string, error) {
	link, err := introduction.ParseLink(code)
	if err != nil {
		return "", err
	}
	server := link.Server()
	if server == p.settings.Server || !p.asks() || onThisNetwork(ctx, server) {
		return server, nil
	}
	answer := p.ask(fmt.Sprintf("The link leads to the server %s, which is not on this network. Go there? [y/N] ",
		p.style(p.err, bold, plain(server))))
	switch strings.ToLower(answer) {
	case "y", "yes":
		return server, nil
	}
	return "", errors.New("not joined: you did not want to go to the link's server; ask the host for a code if you know their server")
}

// join waits until the host has decided and shows what there is.
func (f *following) join(request *joinRequest) error {
	if err := f.subscribe(); err != nil {
		return err
	}
	var joined protocol.SessionResult
	if err := f.during("session/join", request, &joined); err != nil {
		return err
	}
	f.session = joined.Session
	f.watching = joined.Session.Role == protocol.RoleHost
	err := f.showJoined()
	kind := protocol.KindOf(err)
	if (kind == protocol.Ended || kind == protocol.NoSuchSession) && !f.leaving { // in the middle of that, of which the events have told
		f.drain()
		f.finish(nil)
	}
	if f.leaving || f.over {
		return f.result
	}
	return err
}

func (f *following) showJoined() error {
	s := f.session
	if f.p.json {
		f.printJSON(opening{Event: "joined", Session: s})
		return f.eachPage(func(entries []protocol.Entry) {
			f.printJSON(filesLine{Event: "files", Session: s.ID, Entries: entries})
		})
	}
	f.print(fmt.Sprintf("Joined as %s, session %s. Members:", plain(string(s.Role)), plain(s.ID)))
	for _, m := range s.Members {
		f.print("    " + describeMember(m, s.Me))
	}
	return f.showFiles()
}

// filesLine tells what can be opened.
type filesLine struct {
	Event   string           `json:"event"`
	Session string           `json:"session"`
	Entries []protocol.Entry `json:"entries"`
}

// maxFilesShown keeps a large folder from pushing the members off a screen of 24 lines.
const maxFilesShown = 15

func (f *following) showFiles() error {
	shown, more := 0, 0
	err := f.eachPage(func(entries []protocol.Entry) {
		for _, e := range entries {
			switch {
			case e.Kind != protocol.KindFile:
				continue
			case shown == 0:
				f.print("Files:")
			case shown == maxFilesShown:
				more++
				continue
			}
			shown++
			f.print("    " + shownURI(e.URI))
		}
	})
	if err != nil {
		return err
	}
	switch {
	case shown == 0:
		f.print("There are no files yet.")
	case more > 0:
		f.print(fmt.Sprintf("    and %d more", more))
	}
	if f.watching {
		f.print("This is your own session; Ctrl-C stops watching it, and it goes on.\n")
		return nil
	}
	f.print(fmt.Sprintf("Read one with `earshot cat`, or open earshot://%s/… in your editor. Ctrl-C leaves.\n", plain(f.session.ID)))
	return nil
}

// maxPages is more than a listing has: 20,000 entries, of which one page holds 60 whose paths are of the greatest length. A host
// that gives more has no end.
const maxPages = 1000

// eachPage lists everything that is shared, in the daemon's portions.
func (f *following) eachPage(show func([]protocol.Entry)) error {
	params := &protocol.ListFilesParams{Session: f.session.ID, Recursive: true}
	for range maxPages {
		var page protocol.ListFilesResult
		if err := f.during("file/list", params, &page); err != nil {
			return err
		}
		show(page.Entries)
		if page.Cursor == "" || page.Cursor == params.Cursor {
			return nil
		}
		params.Cursor = page.Cursor
	}
	return nil
}

// progressText is a stage of a join as a person reads it.
func progressText(v *protocol.WorkDoneProgress) string {
	if v.Stage == protocol.StageAdmission && v.Check != "" {
		return fmt.Sprintf("Waiting for the host to let you in. Read them your check number, best by voice: %s", plain(v.Check))
	}
	line := plain(v.Message)
	if line == "" {
		line = map[protocol.JoinStage]string{
			protocol.StageMatchmaker:   "looking for the host",
			protocol.StageIntroduction: "checking the code with the host",
			protocol.StageAdmission:    "waiting for the host to let you in",
			protocol.StageDirect:       "connected directly",
			protocol.StageRelay:        "connected through a relay",
		}[v.Stage]
	}
	return line
}
