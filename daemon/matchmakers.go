package daemon

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"

	"go.uber.org/zap"

	"earshot/internal/matchmaker"
	"earshot/protocol"
)

// ownMatchmakers are those that this daemon runs while it shares without a server: one for each address that was asked
// for, shared by the sessions, gone with the last of them.
type ownMatchmakers struct {
	open func(listen string) (listeners []net.Listener, here, there string, err error)
	log  *zap.Logger

	mu  sync.Mutex
	all map[string]*ownMatchmaker
}

// ownMatchmaker is one of them.
type ownMatchmaker struct {
	here, there string // URLs, for this daemon and for others
	users       int
	cancel      context.CancelFunc
	done        chan struct{} // closed when its goroutine has ended
}

// listenOff is the address that asks for none.
const listenOff = "off"

func newOwnMatchmakers(open func(string) ([]net.Listener, string, string, error), log *zap.Logger) *ownMatchmakers {
	if open == nil {
		open = listenFor
	}
	return &ownMatchmakers{open: open, log: log, all: map[string]*ownMatchmaker{}}
}

// use starts the matchmaker for an address, or joins its users; release undoes it once. It takes as long as it takes to
// listen.
func (o *ownMatchmakers) use(listen string) (m *ownMatchmaker, release func(), err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	m = o.all[listen]
	if m == nil {
		if m, err = o.start(listen); err != nil {
			return nil, nil, err
		}
		o.all[listen] = m
	}
	m.users++
	return m, sync.OnceFunc(func() { o.release(listen, m) }), nil
}

func (o *ownMatchmakers) start(listen string) (*ownMatchmaker, error) {
	listeners, here, there, err := o.open(listen)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	m := &ownMatchmaker{here: here, there: there, cancel: cancel, done: make(chan struct{})}
	server := matchmaker.New(matchmaker.Options{Log: o.log, Reach: matchmaker.ReachLocal})
	go func() { // ends with the last user, who waits for it
		defer close(m.done)
		if err := server.Serve(ctx, listeners...); err != nil {
			o.log.Warn("the own matchmaker failed", zap.Error(err))
		}
	}()
	return m, nil
}

func (o *ownMatchmakers) release(listen string, m *ownMatchmaker) {
	o.mu.Lock()
	m.users--
	last := m.users == 0
	if last {
		delete(o.all, listen)
	}
	o.mu.Unlock()
	if last {
		m.cancel()
		<-m.done
	}
}

// listenFor opens the usual ports of this network for "", else the address.
func listenFor(listen string) (listeners []net.Listener, here, there string, err error) {
	if listen != "" {
		return listenAt(listen)
	}
	listeners, port, err := matchmaker.ListenLocal()
	if err != nil {
		return nil, "", "", protocol.Errorf(protocol.NoServer, "%s", sentence(err.Error()))
	}
	var addresses []netip.Addr
	for _, l := range listeners {
		if a, err := netip.ParseAddrPort(l.Addr().String()); err == nil {
			addresses = append(addresses, a.Addr().Unmap())
		}
	}
	return listeners, urlOf("127.0.0.1", port), urlOf(matchmaker.LinkAddress(addresses).String(), port), nil
}

// listenAt opens one address. A host that stands for all addresses is reached here by loopback and by others under the
// address of this machine that they are likely to reach.
func listenAt(listen string) (listeners []net.Listener, here, there string, err error) {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, "", "", protocol.Errorf(protocol.NoServer, "The matchmaker of this share can't listen where it was told to; choose another address or port.")
	}
	address, err := netip.ParseAddrPort(l.Addr().String())
	if err != nil {
		_ = l.Close()
		return nil, "", "", fmt.Errorf("read the matchmaker's own address: %w", err)
	}
	host, port := address.Addr().Unmap(), int(address.Port())
	if !host.IsUnspecified() {
		u := urlOf(host.String(), port)
		return []net.Listener{l}, u, u, nil
	}
	all, err := matchmaker.LocalAddresses()
	if err != nil {
		_ = l.Close()
		return nil, "", "", err
	}
	return []net.Listener{l}, urlOf("127.0.0.1", port), urlOf(matchmaker.LinkAddress(all).String(), port), nil
}

func urlOf(host string, port int) string { return "ws://" + net.JoinHostPort(host, strconv.Itoa(port)) }
