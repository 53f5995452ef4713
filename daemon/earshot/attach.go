package main

import (
	"context"
	"io"
	"net"
	"time"

	"github.com/spf13/cobra"
)

func attachCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "attach",
		Short: "Join standard input and output to the daemon: a language server for any editor",
		Long: "Joins standard input and output to the daemon's socket and starts a daemon if none runs. This is what an editor\n" +
			"runs as a language server. Settings given here become the defaults of the daemon that it starts.",
		Example: examples(
			"earshot attach", "in an editor's configuration, as the server's command",
			"earshot attach --server wss://meet.example", "with a matchmaker"),
		Args: arguments(0, 0, ""),
		RunE: func(c *cobra.Command, _ []string) error { return p.attach(c.Context()) },
	}
}

// farewell is how long the daemon may take to send what it still has for an editor that has said its last.
const farewell = 5 * time.Second

// attach copies bytes both ways until one side ends. It does not look into them.
func (p *program) attach(ctx context.Context) error {
	conn, err := p.dialOrStart(ctx, everything)
	if err != nil {
		return err
	}
	defer conn.Close()
	fromDaemon, fromEditor := make(chan error, 1), make(chan error, 1)
	// Ends with the daemon's side, which conn.Close ends at the latest.
	go func() {
		_, err := io.Copy(p.out, conn)
		fromDaemon <- err
	}()
	// Ends with the editor's side, or with the program: nobody can interrupt the reading of standard input.
	go func() {
		_, err := io.Copy(conn, p.in)
		fromEditor <- err
	}()
	select {
	case err := <-fromDaemon:
		return err
	case <-fromEditor: // an editor that is gone needs no error
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // or it is closed already
	}
	select {
	case <-fromDaemon:
	case <-time.After(farewell):
	}
	return nil
}

var _ interface{ CloseWrite() error } = (*net.UnixConn)(nil)
