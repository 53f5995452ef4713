package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"earshot/protocol"
)

func leaveCommand(p *program) *cobra.Command {
	unsaved := newChoice("ask", "save", "discard")
	c := &cobra.Command{
		Use:   "leave",
		Short: "Leave a session, or end it if you share",
		Long: "Leaves a session; one that you share ends for all. Where there are changes that nobody saved, a terminal " +
			"is asked what becomes of them, and elsewhere --unsaved has to say.",
		Example: examples(
			"earshot leave", "the only session there is",
			"earshot leave --unsaved save", "write the changes that nobody saved",
			"earshot leave --session k2j8d0s9aa", "this one of several"),
		Args: arguments(0, 0, ""),
		RunE: func(c *cobra.Command, _ []string) error { return p.leave(c.Context(), unsaved.value) },
	}
	c.Flags().Var(unsaved, "unsaved", "what becomes of changes that nobody saved")
	p.addSession(c)
	return c
}

func (p *program) leave(ctx context.Context, unsaved string) error {
	c, err := p.connectToShared(ctx, kind{})
	if err != nil {
		return err
	}
	defer c.Close()
	s, err := p.chooseSession(ctx, c)
	if err != nil {
		return err
	}
	params := &protocol.LeaveParams{Session: s.ID}
	if unsaved != "ask" {
		params.Unsaved = protocol.Unsaved(unsaved)
	}
	err = c.Call(ctx, "session/leave", params, nil)
	var e *protocol.Error
	if protocol.KindOf(err) != protocol.UnsavedTexts || !errors.As(err, &e) {
		return err
	}
	if params.Unsaved = p.askUnsaved(e.Data.URIs); params.Unsaved == "" {
		return fmt.Errorf("nobody saved the changes in %s, so the session goes on; "+
			"leave with --unsaved save or --unsaved discard", shownURIs(e.Data.URIs))
	}
	return c.Call(ctx, "session/leave", params, nil)
}

// askUnsaved gives "" where nobody can be asked, or where the person wants to go on.
func (p *program) askUnsaved(uris []protocol.DocumentURI) protocol.Unsaved {
	if !p.asks() {
		return ""
	}
	answer := p.ask(fmt.Sprintf("Nobody saved the changes in %s. [s]ave, [d]iscard, or go [o]n? ", shownURIs(uris)))
	switch strings.ToLower(answer) {
	case "s", "save":
		return protocol.UnsavedSave
	case "d", "discard":
		return protocol.UnsavedDiscard
	}
	return ""
}
