package daemon

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"time"

	"earshot/internal/introduction"
	"earshot/internal/session"
)

// copyTime is what a clipboard's program may take; most begin to serve the text in the background and end at once.
const copyTime = 3 * time.Second

// clipboards are the programs that put standard input into the clipboard, by the first that is there. Each needs the variable,
// if one is named, which tells that its kind of screen is.
var clipboards = []struct {
	needs   string
	command []string
}{
	{"", []string{"pbcopy"}},
	{"WAYLAND_DISPLAY", []string{"wl-copy"}},
	{"DISPLAY", []string{"xclip", "-selection", "clipboard"}},
	{"DISPLAY", []string{"xsel", "--clipboard", "--input"}},
	{"", []string{"clip.exe"}}, // Windows, and Linux within it
	{"", []string{"termux-clipboard-set"}},
}

// copy puts a code or link into the clipboard of the screen that this daemon was started at, as a rule by the very editor that
// asks: `earshot attach` passes bytes on and looks into none. The text goes by standard input, because other users can read arguments.
func (d *Daemon) copy(f session.Copy) {
	d.begin(func() {
		ctx, cancel := context.WithTimeout(d.ctx, copyTime)
		defer cancel()
		d.post(session.Copied{Op: f.Op, Done: toClipboard(ctx, f.Text)})
	})
}

func toClipboard(ctx context.Context, text string) bool {
	for _, c := range clipboards {
		if c.needs != "" && os.Getenv(c.needs) == "" {
			continue
		}
		path, err := exec.LookPath(c.command[0])
		if err != nil {
			continue
		}
		cmd := exec.CommandContext(ctx, path, c.command[1:]...) // its output goes nowhere: one that stays would keep a pipe open
		cmd.Stdin = strings.NewReader(text)
		cmd.WaitDelay = time.Second
		if cmd.Run() == nil {
			return true
		}
	}
	return false
}

// isInvitation tells a code or link from other text, and which server a link leads to.
func isInvitation(text string) (server string, ok bool) {
	if introduction.IsLink(text) {
		l, err := introduction.ParseLink(text)
		return l.Server(), err == nil
	}
	_, err := introduction.ParseCode(text)
	return "", err == nil
}
