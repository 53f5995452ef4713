package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"earshot/protocol"
)

// version is set by `make build`.
var version = "dev"

// release is what `earshot version --json` prints.
type release struct {
	Version         string `json:"version"`
	ProtocolVersion int    `json:"protocolVersion"`
	Commit          string `json:"commit,omitempty"`
}

func versionCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "version",
		Short: "Print version, protocol version and commit",
		Example: examples(
			"earshot version", "for people",
			"earshot version --json", "for programs"),
		Args: arguments(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			r := release{Version: version, ProtocolVersion: protocol.Version, Commit: commit()}
			if p.json {
				return p.printJSON(r)
			}
			_, err := fmt.Fprintf(p.out, "earshot %s\nprotocol %d\ncommit %s\n", r.Version, r.ProtocolVersion, orNone(r.Commit))
			return err
		},
	}
	p.addJSON(c)
	return c
}

// commit is what the build was made from; "" where the build knows of none.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	var revision, dirty string
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+changes"
		}
	}
	if revision == "" {
		return ""
	}
	return revision + dirty
}

func orNone(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}
