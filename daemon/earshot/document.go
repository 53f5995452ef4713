package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"

	"earshot/internal/docpath"
	"earshot/protocol"
)

// hasScheme tells a URI from a path; one letter before the colon is a drive of Windows.
var hasScheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]+:`)

// documentURI gives the URI of what was typed: a URI as it is, else the path of a file in the shared folder, as seen from
// this folder by the host, and from the shared one by everybody.
func (p *program) documentURI(ctx context.Context, c *client, typed string) (protocol.DocumentURI, error) {
	if hasScheme.MatchString(typed) {
		return typed, nil
	}
	s, err := p.chooseSession(ctx, c)
	if err != nil {
		return "", err
	}
	if s.Role == protocol.RoleHost {
		path, err := filepath.Abs(typed)
		if err != nil {
			return "", err
		}
		if _, err := os.Stat(path); err == nil {
			return docpath.FileURI(path, goos)
		}
	}
	path, err := docpath.Parse(filepath.ToSlash(typed))
	if err != nil {
		return "", err
	}
	return docpath.SessionURI(s.ID, path), nil
}

// content reads a shared document.
func (c *client) content(ctx context.Context, uri protocol.DocumentURI) (string, error) {
	var got protocol.TextDocumentContentResult
	err := c.Call(ctx, "workspace/textDocumentContent", &protocol.TextDocumentContentParams{URI: uri}, &got)
	return got.Text, err
}
