package main

import (
	"context"

	"github.com/spf13/cobra"

	"earshot/protocol"
)

func admitCommand(p *program) *cobra.Command {
	role := newChoice("editor", "viewer")
	role.value = "" // as shared
	c := &cobra.Command{
		Use:   "admit MEMBER",
		Short: "Let a waiting guest in",
		Long: "Lets a waiting guest in. MEMBER is the guest's id, or the name if only one of that name waits. Have them read you their " +
			"check number first, best by voice: if it is not the one that `earshot share` and `earshot status` show, " +
			"refuse them and make a new code with `earshot invite`.",
		Example: examples(
			"earshot admit 7k2m9d0s1a", "by id, which `earshot status` shows",
			"earshot admit --role viewer Ben", "by name, to read only"),
		Args: arguments(1, 1, "the member"),
		RunE: func(c *cobra.Command, args []string) error {
			return p.decide(c.Context(), args[0], protocol.AdmitMemberParams{Admit: true, Role: protocol.Role(role.value)})
		},
	}
	c.Flags().Var(role, "role", "what the guest may do (default: as shared)")
	p.addSession(c)
	return c
}

func refuseCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "refuse MEMBER",
		Short: "Send a waiting guest away",
		Long:  "Sends a waiting guest away. MEMBER is the guest's id, or the name if only one of that name waits.",
		Example: examples(
			"earshot refuse 7k2m9d0s1a", "by id, which `earshot status` shows",
			"earshot refuse Ben", "by name"),
		Args: arguments(1, 1, "the member"),
		RunE: func(c *cobra.Command, args []string) error {
			return p.decide(c.Context(), args[0], protocol.AdmitMemberParams{})
		},
	}
	p.addSession(c)
	return c
}

// decide says what the host wants of a guest who waits.
func (p *program) decide(ctx context.Context, who string, params protocol.AdmitMemberParams) error {
	return p.ofGuest(ctx, who, waits, "member/admit", func(g guest) any {
		params.Session, params.Member = g.session, g.member
		return &params
	})
}
