package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"earshot/internal/matchmaker"
)

// signalOptions are the flags of `earshot signal`.
type signalOptions struct {
	listen  string
	turn    string
	public  string
	proxies []string
}

func signalCommand(p *program) *cobra.Command {
	o := &signalOptions{}
	c := &cobra.Command{
		Use:   "signal --listen ADDR",
		Short: "Run a matchmaker, with a relay if you like",
		Long: "Runs the matchmaker at which daemons of different networks meet. It learns neither codes nor texts and keeps nothing " +
			"on disk. Serve it behind TLS (a web server that passes WebSockets on); `/healthz` answers ok. --turn adds a STUN and " +
			"TURN relay for networks without a direct path, over UDP and TCP.",
		Example: examples(
			"earshot signal --listen :8080", "a matchmaker",
			"earshot signal --listen :8080 --turn :3478", "with a relay",
			"earshot signal --listen 127.0.0.1:8080 --trusted-proxy 127.0.0.1/32", "behind a web server of this machine"),
		Args: arguments(0, 0, ""),
		RunE: func(c *cobra.Command, _ []string) error { return p.signal(c.Context(), o) },
	}
	flags := c.Flags()
	flags.StringVar(&o.listen, "listen", "", "`ADDR` to listen on, HOST:PORT or :PORT")
	flags.StringVar(&o.turn, "turn", "", "`ADDR` of a relay, IP:PORT or :PORT")
	flags.StringVar(&o.public, "turn-public-ip", "", "`IP` at which others reach the relay, where a router translates it")
	flags.StringSliceVar(&o.proxies, "trusted-proxy", nil, "`NETWORK` of web servers whose X-Forwarded-For is believed")
	return c
}

func (p *program) signal(ctx context.Context, o *signalOptions) error {
	if o.listen == "" {
		return usagef("--listen is missing: say where, for instance --listen :8080")
	}
	ctx, stop := untilInterrupted(ctx)
	defer stop()
	options := matchmaker.Options{Log: p.log()}
	for _, network := range o.proxies {
		prefix, err := netip.ParsePrefix(network)
		if err != nil {
			return usagef("--trusted-proxy %s is no network; write it as 10.0.0.0/8, or 127.0.0.1/32 for one machine", plain(network))
		}
		options.Proxies = append(options.Proxies, prefix)
	}
	relay, err := p.relay(o)
	if err != nil {
		return err
	}
	if relay != nil {
		defer relay.Close()
		options.ICEServers = relay.ICEServers
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("--listen %s does not work (%w); choose another address or port", plain(o.listen), err)
	}
	// On standard output, so that a script which gave port 0 can read the address.
	fmt.Fprintf(p.out, "matchmaker on ws://%s\n", listener.Addr())
	if relay != nil {
		fmt.Fprintf(p.out, "relay on port %d\n", relay.Port())
	}
	return matchmaker.New(options).Serve(ctx, listener)
}

// relay starts the one that --turn asks for; nil if it does not.
func (p *program) relay(o *signalOptions) (*matchmaker.Relay, error) {
	if o.turn == "" {
		if o.public != "" {
			return nil, usagef("--turn-public-ip needs --turn; add --turn :3478")
		}
		return nil, nil
	}
	options := matchmaker.RelayOptions{Address: o.turn, Log: p.log()}
	if strings.HasPrefix(o.turn, ":") {
		options.Address = "0.0.0.0" + o.turn
	}
	if o.public != "" {
		public, err := netip.ParseAddr(o.public)
		if err != nil {
			return nil, usagef("--turn-public-ip %s is no address; write it as 203.0.113.7", plain(o.public))
		}
		options.Public = public
	}
	return matchmaker.ListenRelay(options)
}

// log writes to standard error what is at least of the level that is set: never a text, a code or a key.
func (p *program) log() *zap.Logger {
	level, err := zapcore.ParseLevel(p.settings.LogLevel)
	if err != nil { // settings let only levels through
		level = zapcore.InfoLevel
	}
	encoder := zap.NewProductionEncoderConfig()
	encoder.EncodeTime = zapcore.RFC3339TimeEncoder
	return zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(encoder), zapcore.Lock(p.err), level))
}

// untilInterrupted gives a context that ends with Ctrl-C or SIGTERM.
func untilInterrupted(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}
