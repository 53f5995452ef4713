package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"earshot/protocol"
)

func eventsCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "events",
		Short: "Follow what happens, one line per event",
		Long: "Prints one line for each event of the daemon's sessions until Ctrl-C: a guest waits, comes or goes, a text was " +
			"changed or saved, a session opened or ended. The line of a guest who waits has their id for `earshot admit`, and the check " +
			"number, which nothing shows later. With --json each line is an object {time, event, session, …}.",
		Example: examples(
			"earshot events", "for people",
			"earshot events --json | jq -r .event", "for programs"),
		Args: arguments(0, 0, ""),
		RunE: func(c *cobra.Command, _ []string) error { return p.events(c.Context()) },
	}
	p.addJSON(c)
	p.addSession(c)
	return c
}

func (p *program) events(ctx context.Context) error {
	c, err := p.connectOrStart(ctx, kind{follows: true}, ownPlace)
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, stop := untilInterrupted(ctx)
	defer stop()
	if err := c.Call(ctx, "events/subscribe", &protocol.SubscribeParams{}, nil); err != nil {
		return err
	}
	fmt.Fprintln(p.err, "Following what happens; Ctrl-C ends it.") // and a script may begin
	for {
		select {
		case m := <-c.inbox:
			if err := p.showEvent(c, m); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		case <-c.Done():
			return fmt.Errorf("the daemon has ended; run `earshot events` again to follow the next")
		}
	}
}

func (p *program) showEvent(c *client, m any) error {
	switch m := m.(type) {
	case question:
		c.decline(m.id)
	case *protocol.Happening:
		if p.session != "" && p.session != m.Session {
			return nil
		}
		if p.json {
			return p.printJSON(m)
		}
		line := happeningLine(m, "") + letIn(m)
		if m.Session != "" {
			line += "  " + p.style(p.out, dim, "session "+plain(m.Session))
		}
		return p.line(p.out, line)
	}
	return nil
}
