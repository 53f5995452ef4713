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
		describeSession(p.err, s, c.sharedFiles(ctx, s))
	}
	return protocol.Session{}, usagef("%d sessions are open; choose one with --session ID", len(list))
}

// sharedFiles names what is shared where that is no folder, which the session does not tell; nothing where it can't be listed: what
// else there is to know is shown all the same. A guest's are not asked for, because that waits for the host.
func (c *client) sharedFiles(ctx context.Context, s protocol.Session) []protocol.DocumentURI {
	if s.Role != protocol.RoleHost || s.Folder != "" {
		return nil
	}
	var page protocol.ListFilesResult
	if err := c.Call(ctx, "file/list", &protocol.ListFilesParams{Session: s.ID, Recursive: true}, &page); err != nil {
		return nil
	}
	var files []protocol.DocumentURI
	for _, e := range page.Entries {
		if e.Kind == protocol.KindFile {
			files = append(files, e.URI)
		}
	}
	return files
}

// describeSession writes what a person wants to know of a session; files are those of one without a folder, as far as they are known.
func describeSession(w io.Writer, s protocol.Session, files []protocol.DocumentURI) {
	what := "joined as " + plain(string(s.Role))
	if s.Role == protocol.RoleHost {
		what = "shared by you"
	}
	if folder := shownURI(s.Folder); folder != "" {
		what += ", " + folder
	}
	if len(files) > 0 {
		what += ", " + shownURIs(files)
	}
	if s.State != protocol.SessionOpen {
		what += ", " + plain(string(s.State))
	}
	fmt.Fprintf(w, "%s  %s\n", plain(s.ID), what)
	switch {
	case s.Code != "":
		fmt.Fprintf(w, "    code %s\n", plain(s.Code))
	case s.Link != "": // it goes on after wrong guesses
		fmt.Fprintln(w, "    the code is void; `earshot invite` makes a new one")
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
	if m.Check != "" {
		notes = append(notes, "check "+m.Check)
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
