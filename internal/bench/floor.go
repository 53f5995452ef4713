package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
)

// frameSize is what floor, pion and link carry for each keystroke: an edit's event and its envelope take about as much.
const frameSize = 64

// startFloor sets up what everything is compared with: sender → relay → receiver, three processes, raw TCP on loopback.
func startFloor(ctx context.Context, w *workshop, s *scene) error {
	relay, err := s.part("relay", "floor-relay")
	if err != nil {
		return err
	}
	at, err := relay.await(ctx, ready, patience)
	if err != nil {
		return err
	}
	receiver, err := s.part("receiver", "floor-receiver", at.Text, strconv.Itoa(w.edits()))
	if err != nil {
		return err
	}
	if _, err := receiver.await(ctx, ready, patience); err != nil {
		return err
	}
	if s.sender, err = s.part("sender", "floor-sender", at.Text); err != nil {
		return err
	}
	s.receivers = []*child{receiver}
	return nil
}

// floorRelay takes two connections and copies what comes on the second to the first.
func floorRelay(p *program, _ []string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	p.say(note{Kind: ready, Text: l.Addr().String()})
	to, err := l.Accept()
	if err != nil {
		return err
	}
	from, err := l.Accept()
	if err != nil {
		return err
	}
	// Not io.Copy, which would splice in the kernel: a relay reads and writes.
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return err
		}
	}
}

func floorReceiver(p *program, args []string) error {
	conn, err := net.Dial("tcp", args[0])
	if err != nil {
		return err
	}
	edits, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	p.say(note{Kind: ready})
	in := newCounter(edits)
	frame := make([]byte, frameSize)
	for !in.full() {
		_, err := io.ReadFull(conn, frame)
		at := now()
		if err != nil {
			return err
		}
		if err := in.take(frame, at); err != nil {
			return err
		}
	}
	p.say(note{Kind: got, Stamps: in.stamps})
	return nil
}

func floorSender(p *program, args []string) error {
	conn, err := net.Dial("tcp", args[0]) // without Nagle's delay: Go's default
	if err != nil {
		return err
	}
	return p.begin(func(k int) (int64, error) {
		frame := numbered(k)
		at := now()
		_, err := conn.Write(frame)
		return at, err
	})
}

// numbered is the frame of the k-th keystroke.
func numbered(k int) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 0, frameSize), uint64(k))[:frameSize]
}

// counter stamps frames and sees that they come in order.
type counter struct {
	stamps []int64
	want   int
}

func newCounter(edits int) *counter { return &counter{stamps: make([]int64, 0, edits), want: edits} }

func (c *counter) full() bool { return len(c.stamps) == c.want }

func (c *counter) take(frame []byte, at int64) error {
	if len(frame) != frameSize || binary.BigEndian.Uint64(frame) != uint64(len(c.stamps)) || c.full() {
		return fmt.Errorf("frame %d is not the one that was sent", len(c.stamps))
	}
	c.stamps = append(c.stamps, at)
	return nil
}
