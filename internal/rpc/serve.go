package rpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"earshot/protocol"
)

// MaxConns is how many editors and scripts may be connected at once: far more than one person opens by hand,
// and few enough that all of them at their largest (MaxBacklog + 2·MaxMessage each) are the user's own doing.
const MaxConns = 128

// acceptPause is how long Serve waits after it could not accept, for instance because no file descriptors are
// left.
const acceptPause = 100 * time.Millisecond

// Serve hands the connections of l to h until ctx ends, then closes l and every connection, and returns nil
// when all their goroutines have done their work. It returns an error if l fails by itself.
func Serve(ctx context.Context, l net.Listener, h Handler, log *zap.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	s := &server{ctx: ctx, handler: h, log: log}
	defer s.all.Wait()
	defer cancel()
	s.all.Go(func() { // ends with ctx, and Serve waits for it: the socket is free when Serve has returned
		<-ctx.Done()
		_ = l.Close() // Accept tells
	})
	for {
		nc, err := l.Accept()
		switch {
		case err == nil:
			s.take(nc)
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept editors: %w", err)
		default:
			log.Warn("could not accept a connection", zap.Error(err))
			s.pause()
		}
	}
}

type server struct {
	ctx     context.Context
	handler Handler
	log     *zap.Logger
	last    protocol.ConnID // owned by Serve's goroutine
	open    atomic.Int32
	all     sync.WaitGroup
}

func (s *server) take(nc net.Conn) {
	if s.open.Load() >= MaxConns {
		s.log.Warn("too many connections; one was refused", zap.Int("limit", MaxConns))
		s.turnAway(nc)
		return
	}
	s.open.Add(1)
	s.last++
	c := openConn(s.ctx, nc, s.last, s.handler, s.log)
	s.all.Go(func() {
		c.link.wait()
		s.open.Add(-1)
	})
}

// turnAway says why and closes. The outbox ends within drainTime.
func (s *server) turnAway(nc net.Conn) {
	o := newOutbox(nc)
	sentence := fmt.Sprintf("the daemon has %d connections already; close an editor or a script", MaxConns)
	_ = o.put([]byte(`{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"` + sentence + `"}}`))
	o.close()
	s.all.Go(o.run)
}

func (s *server) pause() {
	t := time.NewTimer(acceptPause)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.ctx.Done():
	}
}
