package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"earshot/protocol"
)

func inviteCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "invite",
		Short: "Make a new code and link for what you share",
		Long: "Makes a new code and link for what you share and prints them. The old ones are void; who is in stays in. This is what " +
			"to do when wrong guesses have burnt the code, or when it has come to somebody who should not have it.",
		Example: examples(
			"earshot invite", "the only session there is",
			"earshot invite --json | jq -r .code", "for programs"),
		Args: arguments(0, 0, ""),
		RunE: func(c *cobra.Command, _ []string) error { return p.invite(c.Context()) },
	}
	p.addJSON(c)
	p.addSession(c)
	return c
}

func (p *program) invite(ctx context.Context) error {
	c, err := p.connectToShared(ctx, kind{})
	if err != nil {
		return err
	}
	defer c.Close()
	s, err := p.chooseSession(ctx, c)
	if err != nil {
		return err
	}
	var made protocol.InviteResult
	if err := c.Call(ctx, "session/invite", &protocol.InviteParams{Session: s.ID}, &made); err != nil {
		return err
	}
	if p.json {
		return p.printJSON(made)
	}
	fmt.Fprintf(p.out, "code %s\n", plain(made.Code))
	if made.Link != "" {
		fmt.Fprintf(p.out, "link %s\n", plain(made.Link))
	}
	return nil
}
