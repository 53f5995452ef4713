package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"earshot/internal/rpc"
	"earshot/protocol"
)

func statusCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "status",
		Short: "Show what is shared, and with whom",
		Long:  "Shows each session with its code, its link and its members, those too who wait to be let in, with their check numbers.",
		Example: examples(
			"earshot status", "for people",
			"earshot status --json | jq .sessions", "for programs"),
		Args: arguments(0, 0, ""),
		RunE: func(c *cobra.Command, _ []string) error { return p.status(c.Context()) },
	}
	p.addJSON(c)
	return c
}

// statusLine is what `earshot status --json` prints: daemon/status and whether a daemon runs at all.
type statusLine struct {
	Running         bool               `json:"running"`
	Version         string             `json:"version,omitempty"`
	ProtocolVersion int                `json:"protocolVersion,omitempty"`
	PID             int                `json:"pid,omitempty"`
	Clients         int                `json:"clients"` // without this command's own connection
	Documents       int                `json:"documents"`
	Healed          int                `json:"healed"`
	Sessions        []protocol.Session `json:"sessions"`

	files map[string][]protocol.DocumentURI // by session; see sharedFiles
}

func (p *program) status(ctx context.Context) error {
	line, err := p.statusLine(ctx)
	if err != nil {
		return err
	}
	if p.json {
		return p.printJSON(line)
	}
	return p.showStatus(line)
}

func (p *program) statusLine(ctx context.Context) (*statusLine, error) {
	c, err := p.connect(ctx, kind{})
	if errors.Is(err, rpc.ErrNotRunning) {
		return &statusLine{Sessions: []protocol.Session{}}, nil
	}
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var s protocol.StatusResult
	if err := c.Call(ctx, "daemon/status", &protocol.StatusParams{}, &s); err != nil {
		return nil, err
	}
	files := map[string][]protocol.DocumentURI{}
	for _, session := range s.Sessions {
		files[session.ID] = c.sharedFiles(ctx, session)
	}
	return &statusLine{files: files, Running: true, Version: s.Version, ProtocolVersion: s.ProtocolVersion, PID: s.PID,
		Clients: s.Clients - 1, Documents: s.Documents, Healed: s.Healed, Sessions: s.Sessions}, nil
}

func (p *program) showStatus(s *statusLine) error {
	if !s.Running {
		return p.line(p.out, "No daemon is running, so nothing is shared. Begin with `earshot share` or `earshot join`.")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Daemon %s (protocol %d), process %d; clients: %d, documents: %d.\n",
		plain(s.Version), s.ProtocolVersion, s.PID, s.Clients, s.Documents)
	if s.Healed > 0 {
		fmt.Fprintf(&b, "Differences between the shared text and a buffer or a copy, found and mended: %d.\n", s.Healed)
	}
	if len(s.Sessions) == 0 {
		fmt.Fprintln(&b, "Nothing is shared.")
	}
	for _, session := range s.Sessions {
		describeSession(&b, session, s.files[session.ID])
	}
	return p.line(p.out, strings.TrimSuffix(b.String(), "\n"))
}
