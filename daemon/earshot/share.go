package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"earshot/internal/docpath"
	"earshot/internal/introduction"
	"earshot/protocol"
)

const goos = runtime.GOOS

// scratchName is how guests see the document of `earshot share -`.
const scratchName = "earshot-scratch"

// newScratchURI names that document to the daemon. It is drawn anew each time: under one name for all, a second
// `earshot share -` would attach its text to the first one's document, before the eyes of its guests.
func newScratchURI() protocol.DocumentURI { return "untitled:" + rand.Text() + "/" + scratchName }

func isScratch(uri protocol.DocumentURI) bool {
	return strings.HasPrefix(uri, "untitled:") && strings.HasSuffix(uri, "/"+scratchName)
}

// mostGuests is what the daemon takes; above it the request is refused there too.
const mostGuests = 16

// shareOptions are the flags of `earshot share`.
type shareOptions struct {
	role    *choice
	admit   *choice
	unsaved *choice
	guests  int
	allow   []string
	listen  string
	yes     bool
}

func shareCommand(p *program) *cobra.Command {
	o := &shareOptions{
		role: newChoice("editor", "viewer"), admit: newChoice("ask", "auto"), unsaved: newChoice("ask", "save", "discard")}
	c := &cobra.Command{
		Use:   "share [PATH…]",
		Short: "Share a folder, files, or one scratch text",
		Long: "Shares a folder (this one, unless you name another), single files, or with - one scratch text from standard " +
			"input, whose final text goes to standard output. Prints the code and the link, then one line per event, until " +
			"Ctrl-C or `earshot leave` ends the session for all.\n\n" +
			"What the version control ignores and names that look like secrets are not shared, unless --allow names them; the " +
			"version control's own files never are. Before the home folder is shared, or one above it, you are asked.",
		Example: examples(
			"earshot share", "this folder",
			"earshot share notes.md plan.md", "only these files",
			"earshot share --role viewer", "guests may only read",
			"earshot share --admit auto", "let in whoever knows the code, one at a time, without asking",
			"earshot share --server wss://meet.example", "for people outside this network",
			"date | earshot share - > result.txt", "one scratch text",
		),
		RunE: func(c *cobra.Command, args []string) error {
			if c.Flags().Changed("guests") && (o.guests < 1 || o.guests > mostGuests) {
				return usagef("--guests %d can't be: give 1 to %d, or leave it out", o.guests, mostGuests)
			}
			return p.share(c.Context(), args, o)
		},
	}
	flags := c.Flags()
	flags.Var(o.role, "role", "what guests may do")
	flags.Var(o.admit, "admit", "ask you before a guest comes in; or auto: nobody is asked, and guests come in one at a time, or --guests at a time")
	flags.IntVar(&o.guests, "guests", 0, "how many guests at once, 1 to 16 (default 16; 1 with --admit auto)")
	flags.StringArrayVar(&o.allow, "allow", nil, "share this `NAME` or path, though it is ignored or looks like a secret (repeat for more)")
	flags.Var(o.unsaved, "unsaved", "at the end, what becomes of changes that nobody saved")
	flags.StringVar(&o.listen, "listen", "", "`ADDR` (HOST:PORT) of this share's own matchmaker, or off; without it, loopback, private and VPN addresses alone")
	flags.BoolVarP(&o.yes, "yes", "y", false, "share even the home folder or the whole disk, without asking")
	p.addJSON(c)
	return c
}

// shareRequest is session/share with a list of servers that is sent where it is empty: none at all is
// something else than the daemon's own.
type shareRequest struct {
	protocol.ShareParams
	IceServers []protocol.ICEServer `json:"iceServers"`
}

func (p *program) share(ctx context.Context, args []string, o *shareOptions) error {
	request, err := p.shareRequest(ctx, args, o)
	if err != nil {
		return err
	}
	body, out := "", p.out
	scratch := len(request.Documents) == 1 && isScratch(request.Documents[0])
	if scratch {
		out = p.err
		if body, err = p.readText(); err != nil {
			return err
		}
	}
	terminal := p.terminal(scratch)
	c, err := p.connectOrStart(ctx, kind{follows: true, admits: terminal != nil}, ownPlace)
	if err != nil {
		return err
	}
	defer c.Close()
	f := p.follow(c, out)
	if terminal != nil {
		f.reads(terminal)
	}
	if o.unsaved.value != "ask" {
		f.unsaved = protocol.Unsaved(o.unsaved.value)
	}
	if scratch {
		if err := f.shareScratch(request, body); err != nil {
			return err
		}
	} else if err := f.share(request); err != nil {
		return err
	}
	return f.run()
}

// share opens the session and shows how others come in.
func (f *following) share(request *shareRequest) error {
	if err := f.subscribe(); err != nil {
		return err
	}
	var opened protocol.SessionResult
	if err := f.during("session/share", request, &opened); err != nil {
		return request.explain(err)
	}
	f.session = opened.Session
	f.opened(request)
	return nil
}

// explain says with which flag a file can be shared that was held back for its name.
func (r *shareRequest) explain(err error) error {
	if protocol.KindOf(err) != protocol.Excluded {
		return err
	}
	var flags []string
	for _, uri := range r.Documents {
		path, bad := docpath.ParseFileURI(uri, goos)
		if bad != nil {
			continue
		}
		name := filepath.Base(path)
		secret := docpath.SecretName(name) || docpath.SecretPlace(filepath.Base(filepath.Dir(path)), name)
		if flag := "--allow " + plain(name); secret && !slices.Contains(r.Allow, name) && !slices.Contains(flags, flag) {
			flags = append(flags, flag)
		}
	}
	if len(flags) == 0 {
		return err
	}
	return fmt.Errorf("%s: %s", strings.TrimSuffix(err.Error(), "."), strings.Join(flags, " "))
}

// shareScratch shares a text of this command's own and writes how it ended to standard output, whatever else happens.
func (f *following) shareScratch(request *shareRequest, body string) error {
	b, err := f.c.open(request.Documents[0], body)
	if err != nil {
		return err
	}
	if err := f.share(request); err != nil {
		return err
	}
	err = f.run()
	f.over = false // the session is; the connection may have an edit on its way
	f.settle()
	f.over = true
	_, writing := fmt.Fprint(f.p.out, b.text())
	return errors.Join(err, writing)
}

// opened prints the code and the link.
func (f *following) opened(request *shareRequest) {
	s := f.session
	if f.p.json {
		f.printJSON(opening{Event: "opened", Session: s})
		return
	}
	what := shownURI(s.Folder)
	if what == "" {
		what = shownURIs(request.Documents)
	}
	strong := func(text string) string { return f.p.style(f.out, bold, plain(text)) }
	f.print(fmt.Sprintf("Sharing %s. Others join with this code:\n\n    %s\n", what, strong("earshot join "+s.Code)))
	if s.Link != "" {
		f.print(fmt.Sprintf("or, from another machine, with this link:\n\n    %s\n", strong(s.Link)))
	}
	f.print(reach(request, s.Link) + "\n" + admits(request) + "Ctrl-C ends the session for all.\n")
}

// opening is the first line of `share --json` and `join --json`.
type opening struct {
	Event   string           `json:"event"`
	Session protocol.Session `json:"session"`
}

// reach says who can come in. Where a matchmaker of one's own was told to listen at any port, the link says which it is.
func reach(request *shareRequest, link string) string {
	switch {
	case request.Server != "":
		return fmt.Sprintf("Whoever reaches %s can join with the code.", plain(request.Server))
	case request.Listen == "":
		return "People on this network can join; for others set a server (see `earshot share --help`)."
	}
	host, port, err := net.SplitHostPort(request.Listen)
	if parsed, bad := introduction.ParseLink(link); err == nil && bad == nil {
		if u, bad := url.Parse(parsed.Server()); bad == nil && u.Port() != "" {
			port = u.Port()
		}
	}
	if address, bad := netip.ParseAddr(host); err == nil && (host == "" || bad == nil && address.Unmap().IsUnspecified()) {
		return fmt.Sprintf("Whoever reaches port %s of this machine can join, at any of its addresses: not this network alone.", plain(port))
	}
	return fmt.Sprintf("Whoever reaches %s can join.", plain(net.JoinHostPort(host, port)))
}

// admits says that nobody is asked, where that is so.
func admits(request *shareRequest) string {
	if request.Admit != protocol.AdmitAuto {
		return ""
	}
	most := "one at a time"
	if request.Guests > 1 {
		most = fmt.Sprintf("up to %d at a time", request.Guests)
	}
	return fmt.Sprintf("Nobody is asked (--admit auto): whoever knows the code or the link comes in, %s.\n", most)
}

// shareRequest makes the request of what was typed.
func (p *program) shareRequest(ctx context.Context, args []string, o *shareOptions) (*shareRequest, error) {
	r := &shareRequest{IceServers: p.settings.ICE.Request(), ShareParams: protocol.ShareParams{
		Role: protocol.Role(o.role.value), Admit: protocol.Admission(o.admit.value), Guests: o.guests, Allow: o.allow,
		Server: p.settings.Server, Listen: o.listen, RelayOnly: p.settings.RelayOnly, Name: p.settings.Person(ctx),
	}}
	for _, name := range o.allow {
		if slices.ContainsFunc(strings.Split(name, "/"), docpath.VCSName) {
			return nil, usagef("--allow %s can't be: what a version control keeps for itself is never shared; leave it out", plain(name))
		}
	}
	if len(args) == 0 {
		args = []string{"."}
	}
	for _, arg := range args {
		if err := r.add(arg, len(args)); err != nil {
			return nil, err
		}
	}
	if folder, err := docpath.ParseFileURI(r.Folder, goos); err == nil && !o.yes {
		if err := p.confirmFolder(folder); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// add takes one PATH of several.
func (r *shareRequest) add(arg string, of int) error {
	if arg == "-" {
		if of > 1 {
			return usagef("- shares one scratch text and stands alone; share files in a second `earshot share`")
		}
		r.Documents = []protocol.DocumentURI{newScratchURI()}
		return nil
	}
	if arg == "" { // a script's unset variable; it would mean the folder that the script happens to run in
		return usagef("a path is empty; name a folder or files, or . for this folder")
	}
	path, err := filepath.Abs(arg)
	if err != nil {
		return fmt.Errorf("find %s: %w", arg, err)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no %s; name a folder or files that exist", plain(arg))
	case err != nil:
		return fmt.Errorf("look at %s (%w); name something you may read", plain(arg), err)
	case info.IsDir() && of > 1:
		return usagef("%s is a folder and stands alone; share one folder, or files", plain(arg))
	}
	uri, err := docpath.FileURI(path, goos)
	if err != nil {
		return err
	}
	if info.IsDir() {
		r.Folder = uri
		return nil
	}
	r.Documents = append(r.Documents, uri)
	return nil
}

// terminal is where a person can be asked: the one that standard input is or, where that is the text to share, the one
// behind it. Nil if there is none: whoever redirects standard error, or the input for nothing, is a script.
func (p *program) terminal(scratch bool) *os.File {
	switch {
	case !isTerminal(p.err):
		return nil
	case isTerminal(p.in):
		return p.in
	case !scratch:
		return nil
	}
	terminal, err := os.Open(terminalDevice)
	if err != nil {
		return nil
	}
	return terminal
}

// confirmFolder asks before a folder is shared that holds more than anybody means to show: the home folder, one above it, the whole
// disk. A script, which can't be asked, has said what it wants; it is told what that is.
func (p *program) confirmFolder(folder string) error {
	home, err := os.UserHomeDir()
	if err != nil {
		home = "" // nobody has one
	}
	what := wideFolder(folder, home)
	if what == "" {
		return nil
	}
	if !p.asks() {
		fmt.Fprintf(p.err, "%s is %s, and all that is in it is shared; --yes says that you mean it\n", plain(folder), what)
		return nil
	}
	switch strings.ToLower(p.ask(fmt.Sprintf("%s is %s. Share all that is in it? [y/N] ", plain(folder), what))) {
	case "y", "yes":
		return nil
	}
	return fmt.Errorf("not shared; name a folder in %s", plain(folder))
}

// wideFolder says what such a folder is, "" of any other. It goes up as the system does, not by the words of the path: a home
// folder that is a link lies where that leads. What can't be looked at is not such a folder: the daemon will say so.
func wideFolder(folder, home string) string {
	const up = string(filepath.Separator) + ".."
	same := func(a, b string) bool {
		one, errOne := os.Stat(a)
		other, errOther := os.Stat(b)
		return errOne == nil && errOther == nil && os.SameFile(one, other)
	}
	switch {
	case same(folder, folder+up):
		return "the whole disk"
	case !filepath.IsAbs(home):
		return ""
	case same(folder, home):
		return "your home folder"
	}
	for at := home + up; len(at) < longestPath && !same(at, at+up); at += up {
		if same(folder, at) {
			return "above your home folder"
		}
	}
	return ""
}

// longestPath is more than a system takes.
const longestPath = 4096
