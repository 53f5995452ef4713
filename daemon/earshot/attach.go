package main

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"
)

func attachCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "attach",
		Short: "Join standard input and output to the daemon: a language server for any editor",
		Long: "Joins standard input and output to the daemon's socket and starts a daemon if none runs. This is what an editor " +
			"runs as a language server. Settings given here become the defaults of the daemon that it starts.",
		Example: examples(
			"earshot attach", "in an editor's configuration, as the server's command",
			"earshot attach --server wss://meet.example", "with a matchmaker"),
		Args: arguments(0, 0, ""),
		RunE: func(c *cobra.Command, _ []string) error { return p.attach(c.Context(), nil) },
	}
}

// An editor that has said its last (a script's pipe has ended, say) is still sent what it has asked for: the daemon ends a
// connection as soon as the other side has, so attach ends when nothing has come for quiet, or at the latest after farewell.
const (
	quiet    = 200 * time.Millisecond
	farewell = 5 * time.Second
)

// attach copies bytes both ways until one side ends. It does not look into them; a tap, if there is one, gets them too.
func (p *program) attach(ctx context.Context, t *tap) error {
	conn, err := p.dialOrStart(ctx, everything)
	if err != nil {
		return err
	}
	defer conn.Close()
	toEditor, toDaemon := io.Writer(p.out), io.Writer(conn)
	if t != nil {
		// The tap is first, so that no answer stands before its question.
		toEditor, toDaemon = io.MultiWriter(t.side(fromDaemon), p.out), io.MultiWriter(t.side(fromEditor), conn)
	}
	out := &busy{to: toEditor, wrote: make(chan struct{}, 1)}
	daemonEnded, editorEnded := make(chan error, 1), make(chan error, 1)
	// Ends with the daemon's side, which conn.Close ends at the latest.
	go func() {
		_, err := io.Copy(out, conn)
		daemonEnded <- err
	}()
	// Ends with the editor's side, or with the program: nobody can interrupt the reading of standard input.
	go func() {
		_, err := io.Copy(toDaemon, p.in)
		editorEnded <- err
	}()
	select {
	case err := <-daemonEnded:
		return err
	case <-editorEnded: // an editor that is gone needs no error
	}
	last := time.After(farewell)
	for {
		select {
		case <-out.wrote:
		case <-daemonEnded:
			return nil
		case <-time.After(quiet):
			return nil
		case <-last:
			return nil
		}
	}
}

// busy passes on what is written and tells that something was.
type busy struct {
	to    io.Writer
	wrote chan struct{}
}

func (b *busy) Write(data []byte) (int, error) {
	n, err := b.to.Write(data)
	select {
	case b.wrote <- struct{}{}:
	default: // one word is enough
	}
	return n, err
}
