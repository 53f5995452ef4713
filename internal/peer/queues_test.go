package peer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"testing"
	"testing/synctest"

	"github.com/pion/transport/v4"
)

func TestMailboxOrder(t *testing.T) {
	m := newMailbox()
	m.frame(Frame{Channel: Bulk, Data: []byte("b")})
	m.frame(Frame{Channel: Presence, Data: []byte("p")})
	m.post(Up{})
	m.frame(Frame{Channel: Live, Data: []byte("l")})
	m.finish(Down{})
	var got []byte
	for {
		switch e := m.next().(type) {
		case Up:
			got = append(got, 'u')
		case Frame:
			got = append(got, e.Data...)
		case Down:
			if want := "ulpb"; string(got) != want {
				t.Errorf("delivered %q, want %q", got, want)
			}
			return
		}
	}
}

// TestA6MailboxBounds: a full lane holds its reader until the consumer takes or the link closes, other lanes go on, and
// presence drops its oldest.
func TestA6MailboxBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMailbox()
		posted := 0
		go func() {
			for ; posted < 4; posted++ {
				m.frame(Frame{Channel: Bulk, Data: make([]byte, MaxFrame)})
			}
		}()
		synctest.Wait()
		if posted != 2 {
			t.Errorf("%d frames of the largest size in a lane, want 2", posted)
		}
		m.frame(Frame{Channel: Live, Data: []byte("x")})
		if f, ok := m.next().(Frame); !ok || f.Channel != Live {
			t.Errorf("got %v, want the Live frame first", f)
		}
		m.next()
		synctest.Wait()
		if posted != 3 {
			t.Errorf("%d frames after one was taken, want 3", posted)
		}
		m.refuse()
		synctest.Wait()
		if posted != 4 {
			t.Error("the reader is held after refuse")
		}
		for i := range presenceLane + 5 {
			m.frame(Frame{Channel: Presence, Key: uint64(i)})
		}
		if f, ok := m.next().(Frame); !ok || f.Key != 5 {
			t.Errorf("oldest presence is %v, want key 5", f)
		}
	})
}

// TestA6MailboxEmptyFrames: frames without data are bounded too.
func TestA6MailboxEmptyFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMailbox()
		posted := 0
		go func() {
			for ; posted < laneLimit; posted++ {
				m.frame(Frame{Channel: Live})
			}
		}()
		synctest.Wait()
		if want := laneLimit / eventCost; posted != want {
			t.Errorf("%d empty frames in a lane, want %d", posted, want)
		}
		m.refuse()
	})
}

func TestA6Assembler(t *testing.T) {
	part := func(tag byte, n int) []byte { return append([]byte{tag}, make([]byte, n)...) }
	for name, c := range map[string]struct {
		messages [][]byte
		want     error
	}{
		"empty":       {[][]byte{{}}, errEmpty},
		"unknown tag": {[][]byte{{7}}, errTag},
		"short part":  {[][]byte{part(tagMore, partSize-1)}, errShort},
		"largest":     {parts(make([]byte, MaxFrame)), nil},
		"over":        {append(parts(make([]byte, MaxFrame+1-partSize)), part(tagMore, partSize)), nil},
	} {
		var a assembler
		var got error
		for _, m := range c.messages {
			if _, _, err := a.add(m); err != nil {
				got = err
			}
		}
		if !errors.Is(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	var a assembler
	for range MaxFrame / partSize {
		if _, _, err := a.add(part(tagMore, partSize)); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := a.add(part(tagLast, 1)); !errors.Is(err, errLength) {
		t.Errorf("a byte over the limit: %v, want %v", err, errLength)
	}
}

// parts is the messages of one frame.
func parts(frame []byte) (all [][]byte) {
	for more := true; more; {
		var part []byte
		part, frame, more = cut(frame)
		all = append(all, appendPart(nil, part, more))
	}
	return all
}

func FuzzAssembler(f *testing.F) {
	f.Add([]byte{tagLast, 1, 2}, 0)
	f.Add([]byte{tagMore}, partSize)
	f.Fuzz(func(t *testing.T, msg []byte, pad int) {
		msg = append(msg, make([]byte, min(max(pad, 0), messageSize))...)
		var a assembler
		for range 3 {
			frame, complete, err := a.add(msg)
			if err != nil {
				return
			}
			if complete && !bytes.HasSuffix(frame, msg[1:]) {
				t.Errorf("%d bytes became %d", len(msg), len(frame))
			}
		}
	})
}

func TestPresenceKeepsTheNewest(t *testing.T) {
	p := newPresencePipe(nil)
	for i := range presenceKeys + 3 {
		checkSent(t, p.send(uint64(i), []byte{1}))
	}
	checkSent(t, p.send(10, []byte{2, 2}))
	if len(p.waiting) != presenceKeys || len(p.order) != presenceKeys || p.order[0] != 3 {
		t.Errorf("%d frames of %d keys wait, the first %d; want %d, and 3 first",
			len(p.waiting), len(p.order), p.order[0], presenceKeys)
	}
	if got := p.waiting[10]; !bytes.Equal(got, []byte{2, 2}) {
		t.Errorf("key 10 waits with %v, want the newest", got)
	}
}

func checkSent(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

func TestNewest(t *testing.T) {
	var s newest
	for _, c := range []struct {
		number, key uint64
		want        bool
	}{{1, 7, true}, {3, 7, true}, {2, 7, false}, {3, 7, false}, {2, 8, true}, {4, 7, true}} {
		f, fresh, err := s.add(c.number, append(binary.AppendUvarint(nil, c.key), 'x'))
		if err != nil || fresh != c.want || fresh && (f.Key != c.key || string(f.Data) != "x") {
			t.Errorf("number %d of key %d: %v %v %v, want fresh %v", c.number, c.key, f, fresh, err, c.want)
		}
	}
	for i := range uint64(3 * presenceSeen) {
		if _, _, err := s.add(9, binary.AppendUvarint(nil, i)); err != nil {
			t.Fatal(err)
		}
		if len(s.seen) > presenceSeen {
			t.Fatalf("%d keys remembered, want at most %d", len(s.seen), presenceSeen)
		}
	}
}

func FuzzNewest(f *testing.F) {
	f.Add(uint64(1), []byte{7, 'x'})
	f.Add(uint64(1), []byte{0x80})
	f.Fuzz(func(t *testing.T, number uint64, msg []byte) {
		var s newest
		if frame, fresh, err := s.add(number, msg); err == nil && fresh && !bytes.HasSuffix(msg, frame.Data) {
			t.Errorf("%v became %v", msg, frame.Data)
		}
		if _, again, err := s.add(number, msg); err == nil && again {
			t.Errorf("%v was fresh twice", msg)
		}
	})
}

func TestUsableInterfaces(t *testing.T) {
	up := net.FlagUp
	for name, c := range map[string]struct {
		given []*transport.Interface
		want  string
	}{
		"containers are left out": {[]*transport.Interface{
			nic("lo", up|net.FlagLoopback, "127.0.0.1/8"), nic("eth0", up, "10.0.0.2/8", "fe80::1/64"),
			nic("docker0", up, "172.17.0.1/16"), nic("veth12", up, "172.18.0.1/16"), nic("wg0", up, "10.9.0.1/24"),
		}, "lo:1 eth0:1 wg0:1 "},
		"a veth is kept where it is the way out": {[]*transport.Interface{
			nic("lo", up|net.FlagLoopback, "127.0.0.1/8"), nic("veth12", up, "172.18.0.1/16"),
		}, "lo:1 veth12:1 "},
		"down": {[]*transport.Interface{nic("eth0", 0, "10.0.0.2/8")}, ""},
		"many addresses": {[]*transport.Interface{
			nic("eth0", up, "10.0.0.1/8", "10.0.0.2/8", "10.0.0.3/8", "10.0.0.4/8"),
			nic("eth1", up, "10.1.0.1/8", "10.1.0.2/8", "10.1.0.3/8", "10.1.0.4/8"),
			nic("lo", up|net.FlagLoopback, "127.0.0.1/8"),
		}, "eth0:4 eth1:2 lo:1 "},
	} {
		got := ""
		for _, ifc := range usable(c.given) {
			addrs, err := ifc.Addrs()
			if err != nil {
				t.Error(err)
			}
			got += ifc.Name + ":" + string(rune('0'+len(addrs))) + " "
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func nic(name string, flags net.Flags, cidrs ...string) *transport.Interface {
	ifc := transport.NewInterface(net.Interface{Name: name, Flags: flags})
	for _, cidr := range cidrs {
		ip, ipnet, err := net.ParseCIDR(cidr)
		if err != nil {
			panic(err)
		}
		ifc.AddAddress(&net.IPNet{IP: ip, Mask: ipnet.Mask})
	}
	return ifc
}
