package daemon

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"earshot/internal/peer"
)

// TestBacklog: what a full channel does not take waits in its order, and nothing overtakes it.
func TestBacklog(t *testing.T) {
	var b backlog
	room := 2
	var sent []string
	send := func(frame []byte) error {
		if room == 0 {
			return fmt.Errorf("bulk: %w", peer.ErrFull)
		}
		room--
		sent = append(sent, string(frame))
		return nil
	}
	put := func(s string) (first, ok bool) { return b.put([]byte(s), func() error { return send([]byte(s)) }) }
	for i, want := range []bool{false, false, true, false} {
		if first, ok := put(fmt.Sprint(i)); first != want || !ok {
			t.Errorf("frame %d: got first %v, ok %v, want %v, true", i, first, ok, want)
		}
	}
	room = 1
	put("4") // there is room, but not for one who came later
	if b.drain(send) {
		t.Error("drained with frames left")
	}
	room = 10
	if !b.drain(send) || !slices.Equal(sent, []string{"0", "1", "2", "3", "4"}) || b.bytes != 0 {
		t.Errorf("got %q with %d bytes left", sent, b.bytes)
	}
	if first, ok := put("5"); first || !ok || sent[5] != "5" {
		t.Errorf("after it was drained: got %v, %v, %q", first, ok, sent)
	}
}

// TestA6BacklogBound: a remote that does not read costs so much and no more.
func TestA6BacklogBound(t *testing.T) {
	var b backlog
	full := func() error { return peer.ErrFull }
	frame := make([]byte, 1<<20)
	n := 0
	for {
		if _, ok := b.put(frame, full); !ok {
			break
		}
		n++
	}
	if n != maxBacklog>>20 {
		t.Errorf("%d frames of 1 MiB were kept, want %d", n, maxBacklog>>20)
	}
	if _, ok := (&backlog{}).put(frame, func() error { return peer.ErrTooLarge }); ok {
		t.Error("a frame that no channel takes was kept")
	}
}

// TestAwaitEmpty: a link that ends waits for what is kept, but not for ever.
func TestAwaitEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		check := func(name string, act func(*backlog, chan struct{}), want time.Duration) {
			t.Helper()
			var b backlog
			b.put([]byte("x"), func() error { return peer.ErrFull })
			gone := make(chan struct{})
			time.AfterFunc(time.Second, func() { act(&b, gone) })
			began := time.Now()
			b.awaitEmpty(gone)
			if took := time.Since(began); took != want {
				t.Errorf("%s: waited %v, want %v", name, took, want)
			}
		}
		check("drained", func(b *backlog, _ chan struct{}) { b.drain(func([]byte) error { return nil }) }, time.Second)
		check("dropped", func(b *backlog, _ chan struct{}) { b.drop() }, time.Second)
		check("gone", func(_ *backlog, gone chan struct{}) { close(gone) }, time.Second)
		check("stuck", func(*backlog, chan struct{}) {}, drainTime)
		(&backlog{}).awaitEmpty(nil) // at once, or the test hangs
	})
}
