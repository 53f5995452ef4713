package main

import (
	"context"
	"fmt"
	"regexp"

	"github.com/spf13/cobra"

	"earshot/protocol"
)

func roleCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "role MEMBER editor|viewer",
		Short: "Change what a guest may do",
		Long: "Makes a guest of what you share a viewer, who only reads, or an editor. MEMBER is the guest's id, or the name if only " +
			"one of that name is in. What a new viewer has typed and you have not received yet is dropped.",
		Example: examples(
			"earshot role Ben viewer", "Ben only reads from now on",
			"earshot role 7k2m9d0s1a editor", "by id, which `earshot status` shows"),
		Args: arguments(2, 2, "the member or the role"),
		RunE: func(c *cobra.Command, args []string) error {
			role := newChoice("editor", "viewer")
			if err := role.Set(args[1]); err != nil {
				return usagef("%q is no role of a guest: %s", plain(args[1]), err)
			}
			return p.ofGuest(c.Context(), args[0], in, "member/setRole", func(g guest) any {
				return &protocol.SetRoleParams{Session: g.session, Member: g.member, Role: protocol.Role(role.value)}
			})
		},
	}
	p.addSession(c)
	return c
}

func removeCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "remove MEMBER",
		Short: "Send a guest out",
		Long: "Sends a guest out of what you share. MEMBER is the guest's id, or the name if only one of that name is in. Who was " +
			"sent out still knows the code and may ask to come in again; `earshot invite` makes a new code.",
		Example: examples(
			"earshot remove Ben", "by name",
			"earshot remove 7k2m9d0s1a", "by id, which `earshot status` shows"),
		Args: arguments(1, 1, "the member"),
		RunE: func(c *cobra.Command, args []string) error {
			return p.ofGuest(c.Context(), args[0], in, "member/remove", func(g guest) any {
				return &protocol.RemoveMemberParams{Session: g.session, Member: g.member}
			})
		},
	}
	p.addSession(c)
	return c
}

// standing is how far guests have come that a command is about.
type standing struct {
	is     func(*protocol.Member) bool
	word   string
	nobody string
}

var (
	waits = standing{isWaiting, "waiting", "nobody called %q is waiting; run `earshot status` to see who is"}
	in    = standing{isIn, "in", "nobody called %q is a guest of yours; run `earshot status` to see who is"}
)

// ofGuest finds a guest and sends the daemon the request about them.
func (p *program) ofGuest(ctx context.Context, who string, want standing, method string, params func(guest) any) error {
	c, err := p.connectToShared(ctx, kind{})
	if err != nil {
		return err
	}
	defer c.Close()
	list, err := c.sessions(ctx)
	if err != nil {
		return err
	}
	found := p.guests(list, who, want.is)
	if len(found) == 0 {
		if len(p.guests(list, who, isWaiting)) > 0 {
			return protocol.Errorf(protocol.NoSuchMember, "%s is not in yet; decide with `earshot admit` or `earshot refuse`", plain(who))
		}
		return protocol.Errorf(protocol.NoSuchMember, want.nobody, plain(who))
	}
	g, err := p.only(found, who, want.word)
	if err != nil {
		return err
	}
	return c.Call(ctx, method, params(g), nil)
}

// guest is a member of a session that this person shares.
type guest struct{ session, member, name string }

func isWaiting(m *protocol.Member) bool { return m.State == protocol.MemberWaiting }
func isIn(m *protocol.Member) bool      { return m.State != protocol.MemberWaiting }

// guests finds them by id or name, in the session that --session names or in all: an id is in one alone.
func (p *program) guests(list []protocol.Session, who string, wanted func(*protocol.Member) bool) []guest {
	var found []guest
	for _, s := range list {
		if p.session != "" && p.session != s.ID || s.Role != protocol.RoleHost {
			continue
		}
		for _, m := range s.Members {
			if m.ID == s.Me || !wanted(&m) || m.ID != who && !isCalled(m.Name, who) {
				continue
			}
			found = append(found, guest{s.ID, m.ID, m.Name})
		}
	}
	return found
}

// only gives the one that there is; several are listed, so that the person can say which.
func (p *program) only(found []guest, who, how string) (guest, error) {
	if len(found) == 1 {
		return found[0], nil
	}
	for _, g := range found {
		fmt.Fprintf(p.err, "%s  %s, in session %s\n", plain(g.member), plain(g.name), plain(g.session))
	}
	return guest{}, usagef("%d guests called %q are %s; name one by id", len(found), plain(who), how)
}

// marked is how a name ends that the daemon has set apart from another member's.
var marked = regexp.MustCompile(` \(\d+\)$`)

// isCalled tells whether a member may be meant by a name: one who took a name that was here already is meant too, so that the
// person has to say which of them.
func isCalled(name, who string) bool {
	name = plain(name)
	return name == who || marked.ReplaceAllString(name, "") == who
}
