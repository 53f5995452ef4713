package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"earshot/daemon"
	"earshot/internal/rpc"
	"earshot/protocol"
)

// daemonOptions are the flags of `earshot daemon`.
type daemonOptions struct {
	replace bool
	auto    bool // started by a command: goes with its last client and session
	report  bool // there is a pipe to say on why it could not start
}

func daemonCommand(p *program) *cobra.Command {
	o := &daemonOptions{}
	c := &cobra.Command{
		Use:   "daemon",
		Short: "Run the daemon in the foreground",
		Long: "Runs the daemon that editors, scripts and commands speak with. You need not: whoever needs one starts it, and it " +
			"goes with its last client and session. One that you start yourself stays and logs to standard error.",
		Example: examples(
			"earshot daemon --log-level debug", "watch what it does",
			"earshot daemon --replace", "after an update: end the old one, which ends its sessions",
			"earshot daemon --profile two", "a second one beside the first"),
		Args: arguments(0, 0, ""),
		RunE: func(c *cobra.Command, _ []string) error { return p.daemon(c.Context(), o) },
	}
	flags := c.Flags()
	flags.BoolVar(&o.replace, "replace", false, "end a daemon that runs, saving the changes that nobody saved, and take its place")
	flags.BoolVar(&o.auto, "auto", false, "")
	flags.BoolVar(&o.report, "report", false, "")
	_ = flags.MarkHidden("auto") // they exist
	_ = flags.MarkHidden("report")
	return c
}

func (p *program) daemon(ctx context.Context, o *daemonOptions) error {
	if o.report {
		keepReport()
	}
	err := p.runDaemon(ctx, o)
	if o.auto && errors.Is(err, rpc.ErrRunning) {
		return nil // another command was quicker, and has what this one wanted
	}
	if err != nil && o.report {
		report(err)
	}
	return err
}

func (p *program) runDaemon(ctx context.Context, o *daemonOptions) error {
	if o.replace {
		if err := p.endOther(ctx); err != nil {
			return err
		}
	}
	ctx, stop := untilInterrupted(ctx)
	defer stop()
	path, err := p.socket()
	if err != nil {
		return err
	}
	log := p.log()
	log.Info("daemon begins", zap.String("version", version), zap.Int("process", os.Getpid()))
	options := daemon.Options{
		Socket: path, Name: p.settings.Person(ctx), Version: version, Auto: o.auto, Log: log,
		Server: p.settings.Server, ICE: p.settings.ICE, RelayOnly: p.settings.RelayOnly,
	}
	err = daemon.Run(ctx, options)
	for until := time.Now().Add(endPatience); o.replace && errors.Is(err, rpc.ErrRunning) && time.Now().Before(until); {
		// The other has closed its connections, and lets go of the socket when its process ends.
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(replaceEvery):
		}
		err = daemon.Run(ctx, options)
	}
	return err
}

// replaceEvery is how often a daemon that takes another's place looks whether that is gone.
const replaceEvery = 20 * time.Millisecond

// endPatience is how long a daemon may take to save texts and end.
const endPatience = 30 * time.Second

// endOther ends the daemon that runs, if one does, and waits until it has let go of the socket.
func (p *program) endOther(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, endPatience)
	defer cancel()
	path, err := p.socket()
	if err != nil {
		return err
	}
	conn, err := rpc.Dial(ctx, path)
	if errors.Is(err, rpc.ErrNotRunning) {
		return nil
	}
	if err != nil {
		return err
	}
	// Not by connect: the other may speak an older protocol, and that is why it is replaced.
	c := rpc.Connect(ctx, conn, nil)
	defer c.Close()
	if err := c.Call(ctx, "initialize", p.initializeParams(ctx, kind{}), nil); err != nil {
		return err
	}
	err = c.Call(ctx, "daemon/stop", &protocol.StopParams{Force: true}, nil)
	if err != nil && !errors.Is(err, rpc.ErrClosed) {
		return err
	}
	select {
	case <-c.Done():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the daemon that runs did not end within %v; end its process, then try again", endPatience)
	}
}
