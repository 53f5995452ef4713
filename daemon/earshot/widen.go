package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"earshot/internal/docpath"
	"earshot/protocol"
)

func widenCommand(p *program) *cobra.Command {
	yes := false
	c := &cobra.Command{
		Use:   "widen [PATH…]",
		Short: "Share more in a session that runs",
		Long: "Adds files, or a folder (this one, unless you name another), to what you share. What is shared already stays as it is, under " +
			"the name that it has, and so do its texts. A session has one folder at most; share another in a session of its own. What " +
			"the folder leaves out, as ignored or as a secret, can't be added by its name: `earshot share --allow` decides on that.",
		Example: examples(
			"earshot widen plan.md", "one more file in the only session there is",
			"earshot widen . --session 7k2m9d0s1a", "this folder, beside the files that are shared"),
		RunE: func(c *cobra.Command, args []string) error { return p.widen(c.Context(), args, yes) },
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "share even the home folder or the whole disk, without asking")
	p.addJSON(c)
	p.addSession(c)
	return c
}

func (p *program) widen(ctx context.Context, args []string, yes bool) error {
	if slices.Contains(args, "-") {
		return usagef("- is no file; a scratch text is shared by an `earshot share -` of its own")
	}
	named, err := p.shareRequest(ctx, args, &shareOptions{role: newChoice("editor"), admit: newChoice("ask"), yes: yes})
	if err != nil {
		return err
	}
	c, err := p.connectToShared(ctx, kind{})
	if err != nil {
		return err
	}
	defer c.Close()
	s, err := p.chooseSession(ctx, c)
	if err != nil {
		return err
	}
	var now protocol.SessionResult
	err = c.Call(ctx, "session/widen", &protocol.WidenParams{Session: s.ID, Folder: named.Folder, Documents: named.Documents}, &now)
	if protocol.KindOf(err) == protocol.Excluded {
		return fmt.Errorf("%s: that is decided when a session begins, by `earshot share --allow NAME`", strings.TrimSuffix(err.Error(), "."))
	}
	if err != nil {
		return err
	}
	if p.json {
		return p.printJSON(now)
	}
	what := shownURIs(named.Documents)
	if folder, err := docpath.ParseFileURI(named.Folder, goos); err == nil {
		what = plain(folder)
	}
	return p.line(p.out, "shared too: "+what)
}
