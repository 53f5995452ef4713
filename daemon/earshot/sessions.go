package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"earshot/internal/docpath"
	"earshot/protocol"
)

// sessions lists those of the daemon that are not over.
func (c *client) sessions(ctx context.Context) ([]protocol.Session, error) {
	var list protocol.ListSessionsResult
	if err := c.Call(ctx, "session/list", &protocol.ListSessionsParams{}, &list); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list.Sessions, func(s protocol.Session) bool { return s.State == protocol.SessionEnded }), nil
}

// chooseSession gives the one that --session names, or the only one. Where several fit, it shows them.
func (p *program) chooseSession(ctx context.Context, c *client) (protocol.Session, error) {
	list, err := c.sessions(ctx)
	if err != nil {
		return protocol.Session{}, err
	}
	if p.session != "" {
		at := slices.IndexFunc(list, func(s protocol.Session) bool { return s.ID == p.session })
		if at < 0 {
			return protocol.Session{}, protocol.Errorf(protocol.NoSuchSession,
				"there is no session %q; run `earshot status` for those that are open", plain(p.session))
		}
		return list[at], nil
	}
	switch len(list) {
	case 0:
		return protocol.Session{}, protocol.Errorf(protocol.NoSuchSession,
			"nothing is shared; begin with `earshot share` or `earshot join`")
	case 1:
		return list[0], nil
	}
	for _, s := range list {
		describeSession(p.err, s)
	}
	return protocol.Session{}, usagef("%d sessions are open; choose one with --session ID", len(list))
}

// describeSession writes what a person wants to know of a session.
func describeSession(w io.Writer, s protocol.Session) {
	what := "joined as " + plain(string(s.Role))
	if s.Role == protocol.RoleHost {
		what = "shared by you"
	}
	if folder := shownURI(s.Folder); folder != "" {
		what += ", " + folder
	}
	if s.State != protocol.SessionOpen {
		what += ", " + plain(string(s.State))
	}
	fmt.Fprintf(w, "%s  %s\n", plain(s.ID), what)
	if s.Code != "" {
		fmt.Fprintf(w, "    code %s\n", plain(s.Code))
	}
	if s.Link != "" {
		fmt.Fprintf(w, "    link %s\n", plain(s.Link))
	}
	for _, m := range s.Members {
		fmt.Fprintf(w, "    %s\n", describeMember(m, s.Me))
	}
}

func describeMember(m protocol.Member, me string) string {
	notes := []string{string(m.Role)}
	if m.ID == me {
		notes = append(notes, "you")
	}
	if m.State != protocol.MemberHere && m.State != "" {
		notes = append(notes, string(m.State))
	}
	if m.Path != "" {
		path := m.Path
		if m.RTTMs != nil {
			path += fmt.Sprintf(" %.0f ms", *m.RTTMs)
		}
		notes = append(notes, path)
	}
	return plain(fmt.Sprintf("%s  %s (%s)", m.ID, m.Name, strings.Join(notes, ", ")))
}

// shownURI is a URI as a person knows it: a path of this machine, the path in the shared folder, or as it is.
func shownURI(uri string) string {
	if path, err := docpath.ParseFileURI(uri, goos); err == nil {
		return plain(path)
	}
	if _, path, err := docpath.ParseSessionURI(uri); err == nil && path.String() != "" {
		return plain(path.String())
	}
	if isScratch(uri) {
		return "the scratch text"
	}
	return plain(uri)
}
