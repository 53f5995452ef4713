package signal_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"earshot/internal/introduction"
	"earshot/internal/matchmaker"
	"earshot/internal/signal"
	"earshot/protocol/wire"
)

// TestM8Bombs: what a matchmaker may answer, to knocking, opening and asking: each ends in an error, at once or when the
// answer is overdue, and no more than an envelope is ever read.
func TestM8Bombs(t *testing.T) {
	text := func(s string) func(*websocket.Conn) {
		return func(ws *websocket.Conn) { _ = ws.WriteMessage(websocket.TextMessage, []byte(s)) }
	}
	raw := func(b ...byte) func(*websocket.Conn) {
		return func(ws *websocket.Conn) { _, _ = ws.NetConn().Write(b) }
	}
	deep := strings.Repeat(`[`, 30_000) + strings.Repeat(`]`, 30_000)
	for name, answer := range map[string]func(*websocket.Conn){
		"nothing":                   func(*websocket.Conn) {},
		"an empty message":          text(""),
		"no JSON":                   text("\x00\x01\x02"),
		"null":                      text("null"),
		"an array":                  text(`[{"type":"knocked"}]`),
		"deep JSON":                 text(`{"type":"knocked","message":` + deep + `}`),
		"deep JSON elsewhere":       text(`{"type":"knocked","unknown":` + deep + `}`),
		"a huge number":             text(`{"type":"knocked","data":1e999999999}`),
		"no base64":                 text(`{"type":"relay","data":"***"}`),
		"another type's shape":      text(`{"type":7}`),
		"many keys":                 text(`{"type":"gone"` + strings.Repeat(`,"peer":"aaaaaaaaaa"`, 2000) + `}`),
		"too many ICE servers":      text(`{"type":"knocked","iceServers":[` + strings.Repeat(`{"urls":["stun:h"]},`, 4) + `{"urls":["stun:h"]}]}`),
		"a long ICE URL":            text(`{"type":"knocked","iceServers":[{"urls":["stun:` + strings.Repeat("h", 300) + `"]}]}`),
		"another scheme":            text(`{"type":"knocked","iceServers":[{"urls":["http://h"]}]}`),
		"an envelope too large":     text(`{"type":"knocked","message":"` + strings.Repeat("x", wire.MaxEnvelope) + `"}`),
		"binary":                    func(ws *websocket.Conn) { _ = ws.WriteMessage(websocket.BinaryMessage, []byte(`{"type":"knocked"}`)) },
		"a frame of 2⁶³ bytes":      raw(0x81, 127, 0x80, 0, 0, 0, 0, 0, 0, 0), // RFC 6455 section 5.2
		"a gigabyte":                raw(0x81, 127, 0, 0, 0, 0, 0x40, 0, 0, 0),
		"a control frame of 64 KiB": raw(0x89, 126, 0xff, 0xff),
		"a reserved opcode":         raw(0x83, 0),
		"compressed":                raw(0xc1, 2, 1, 2),
		"masked":                    raw(0x81, 0x82, 1, 2, 3, 4, 5, 6),
		"a continuation of nothing": raw(0x80, 0),
		"a frame that stops":        raw(0x81, 100, '{'),
		"fragments without end": func(ws *websocket.Conn) {
			part := append([]byte{0x01, 126, 0x10, 0}, make([]byte, 0x1000)...)
			for i := 0; ; i++ {
				if _, err := ws.NetConn().Write(part); err != nil {
					return
				}
				part[0] = 0
			}
		},
		"a byte a second": func(ws *websocket.Conn) {
			for _, b := range append([]byte{0x81, 100}, make([]byte, 100)...) {
				if _, err := ws.NetConn().Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(time.Second) // virtual, in a bubble
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &network{}
				var busy sync.WaitGroup
				defer busy.Wait() // after the server has closed all connections
				defer serveRaw(t, n, func(ws *websocket.Conn) {
					busy.Add(2)
					go func() { // ends with the connection
						defer busy.Done()
						for {
							if _, _, err := ws.ReadMessage(); err != nil {
								return
							}
						}
					}()
					answer(ws)
					busy.Done()
				})()
				began := time.Now()
				if g, err := knock(n, "A4X9"); err == nil {
					g.Close()
					t.Error("a knock was taken for answered")
				}
				if h, err := signal.Open(t.Context(), signal.HostConfig{Server: "ws://m", Draw: names("A4X9"), Options: n.options()}); err == nil {
					h.Close()
					t.Error("a room was taken for opened")
				}
				if took := time.Since(began); took > 3*signal.DialTime {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// TestM8Late: what a matchmaker sends a guest that is before a room, and a host that has one: their connection ends, and
// the host comes back.
func TestM8Late(t *testing.T) {
	for name, bomb := range map[string]string{
		"no envelope": "{", "too large": strings.Repeat("x", wire.MaxEnvelope+1), "an answer to nothing": `{"type":"relay","data":""}`,
		"a bad peer": `{"type":"relay","peer":"x","data":"aGk="}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &network{}
				defer serveRaw(t, n, func(ws *websocket.Conn) {
					_, m, err := ws.ReadMessage()
					if err != nil {
						return
					}
					answer := `{"type":"knocked"}`
					if bytes.Contains(m, []byte("open")) {
						answer = `{"type":"opened"}`
					}
					_ = ws.WriteMessage(websocket.TextMessage, []byte(answer))
					_ = ws.WriteMessage(websocket.TextMessage, []byte(bomb))
				})()
				g, err := knock(n, "A4X9")
				if err != nil {
					t.Fatal(err)
				}
				if m, err := g.Recv(t.Context()); err == nil {
					t.Errorf("the guest received %q", m)
				}
				g.Close()
				h := open(t, n, "A4X9")
				next[signal.Lost](t, h)
				next[signal.Back](t, h)
				h.Close()
			})
		})
	}
}

// inspector is what stands in the way of TLS where a machine trusts another authority: it ends TLS, reads and may change
// what passes, and makes a connection of its own to the matchmaker.
type inspector struct {
	to   string // the matchmaker, HOST:PORT
	mu   sync.Mutex
	read bytes.Buffer
	edit func(toHost bool, data []byte) []byte
}

func (i *inspector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	near, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer near.Close()
	far, _, err := websocket.DefaultDialer.Dial("ws://"+i.to+r.URL.Path, nil)
	if err != nil {
		return
	}
	done := make(chan struct{})
	go func() { // ends with far
		defer close(done)
		defer near.Close()
		i.pass(far, near, func(b []byte) []byte { return b })
	}()
	guest := false
	i.pass(near, far, func(b []byte) []byte {
		e, err := wire.DecodeToMatchmaker(b)
		guest = guest || e.Type == wire.EnvelopeKnock
		i.mu.Lock()
		edit := i.edit
		i.mu.Unlock()
		if err != nil || e.Type != wire.EnvelopeRelay || edit == nil {
			return b
		}
		e.Data = edit(guest, e.Data)
		out, err := e.Encode()
		if err != nil {
			return b
		}
		return out
	})
	_ = far.Close()
	<-done
}

func (i *inspector) pass(from, to *websocket.Conn, edit func([]byte) []byte) {
	for {
		kind, m, err := from.ReadMessage()
		if err != nil {
			return
		}
		var e wire.Envelope
		_ = json.Unmarshal(m, &e) // a close says nothing
		i.mu.Lock()
		i.read.Write(m)
		i.read.Write(e.Data)
		i.mu.Unlock()
		if to.WriteMessage(kind, edit(m)) != nil {
			return
		}
	}
}

// authority makes a certificate for 127.0.0.1 and those who trust its maker.
func authority(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "an office"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(made)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// TestN2TLSInspected: who breaks TLS to the matchmaker, with an authority that both machines trust, is one more hostile
// matchmaker: it reads nothing that has a meaning, and what it changes ends the introduction.
func TestN2TLSInspected(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 2)
	go func() { served <- matchmaker.New(matchmaker.Options{}).Serve(ctx, l) }() // both end with the test
	certificate, trusting := authority(t)
	front, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		t.Fatal(err)
	}
	i := &inspector{to: l.Addr().String()}
	proxy := &http.Server{Handler: i, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { served <- proxy.Serve(front) }()
	defer func() {
		_ = proxy.Close()
		cancel()
		<-served
		<-served
	}()
	server := "wss://" + front.Addr().String()
	if _, err := signal.KnockAt(t.Context(), signal.GuestConfig{Server: server, Room: "A4X9"}); !errors.Is(err, signal.ErrUnreachable) {
		t.Errorf("who does not trust that authority: got %v, want ErrUnreachable", err)
	}
	meet := func(edit func(toHost bool, data []byte) []byte) (hostErr, guestErr error) {
		t.Helper()
		i.mu.Lock()
		i.edit = edit
		i.mu.Unlock()
		opts := signal.Options{TLS: &tls.Config{RootCAs: trusting}}
		h, err := signal.Open(t.Context(), signal.HostConfig{Server: server, Options: opts,
			Draw: func() (string, error) { return introduction.NewRoom(rand.Reader) }})
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		code, err := introduction.NewCode(h.Room(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		guest, host := make(chan error, 1), make(chan error, 1)
		go func() { guest <- joinAt(t, server, opts, code) }() // ends with the introduction
		go func() { host <- hostOne(h, code) }()               // ends when the guest is gone, or before
		select {
		case hostErr = <-host:
			h.Close()
			return hostErr, <-guest
		case guestErr = <-guest:
			return <-host, guestErr
		}
	}
	if hostErr, guestErr := meet(nil); hostErr != nil || guestErr != nil {
		t.Fatalf("through the inspection: host %v, guest %v", hostErr, guestErr)
	}
	i.mu.Lock()
	if bytes.Contains(i.read.Bytes(), []byte("canary")) || i.read.Len() < 1000 {
		t.Errorf("%d bytes were read, with a name among them or too few", i.read.Len())
	}
	i.mu.Unlock()
	for _, toHost := range []bool{true, false} {
		for n := range 4 {
			var seen atomic.Int64
			hostErr, guestErr := meet(func(to bool, data []byte) []byte {
				if to == toHost && int(seen.Add(1))-1 == n {
					data = bytes.Clone(data)
					data[len(data)-1] ^= 1
				}
				return data
			})
			if guestErr == nil {
				t.Errorf("to the host %v, message %d changed: the guest was admitted; the host: %v", toHost, n, hostErr)
			}
		}
	}
}

// TestM7Address: a daemon knows where the matchmaker is, by which it judges what that offers; what a proxy's address says
// is nothing.
func TestM7Address(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		defer serve(t, n, matchmaker.Options{})()
		check := func(server string, proxy, want string) {
			t.Helper()
			opts := signal.Options{NetDialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				c, err := n.dial(ctx, network, address)
				return &from{c, address}, err
			}}
			if proxy != "" {
				opts.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse(proxy) }
				opts.NetDialContext = throughProxy(n)
			}
			h, err := signal.Open(t.Context(), signal.HostConfig{Server: server, Draw: names("A4X9", "B4X9", "C4X9", "D4X9"), Options: opts})
			if err != nil {
				t.Fatal(err)
			}
			defer h.Close()
			g, err := signal.KnockAt(t.Context(), signal.GuestConfig{Server: server, Room: h.Room(), Options: opts})
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			if h.Address() != g.Address() || fmt.Sprint(h.Address()) != want {
				t.Errorf("%s by proxy %q: got %v and %v, want %s", server, proxy, h.Address(), g.Address(), want)
			}
		}
		check("ws://203.0.113.7", "", "203.0.113.7")
		check("ws://m", "", "invalid IP")
		check("ws://203.0.113.7", "http://10.0.0.1:3128", "203.0.113.7")
		check("ws://m", "http://10.0.0.1:3128", "invalid IP")
	})
}

// from is a connection that knows where it leads.
type from struct {
	net.Conn
	to string
}

func (f *from) RemoteAddr() net.Addr {
	if a, err := net.ResolveTCPAddr("tcp", f.to); err == nil { // a literal
		return a
	}
	return f.Conn.RemoteAddr()
}

// throughProxy is a proxy that answers CONNECT and then is the way to the matchmaker.
func throughProxy(n *network) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		near, far := net.Pipe()
		go func() { // ends with the connection
			r := bufio.NewReader(far)
			if _, err := http.ReadRequest(r); err != nil {
				return
			}
			if _, err := io.WriteString(far, "HTTP/1.1 200 OK\r\n\r\n"); err != nil {
				return
			}
			to, err := n.dial(ctx, network, address)
			if err != nil {
				return
			}
			go func() { // ends with the connection
				_, _ = io.Copy(far, to)
				_ = far.Close()
			}()
			_, _ = io.Copy(to, r)
			_ = to.Close()
		}()
		return &from{near, address}, nil
	}
}
