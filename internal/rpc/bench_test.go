package rpc

import (
	"fmt"
	"io"
	"net"
	"path/filepath"
	"testing"

	"earshot/protocol"
)

// BenchmarkHop is what this package costs a keystroke: an editor writes a didChange to a unix socket, the
// daemon takes it and sends the applyEdit that the other editor reads. Compare with the floor, the same bytes
// over the same sockets without any JSON.
func BenchmarkHop(b *testing.B) {
	b.Run("json", benchmarkHop)
	b.Run("floor", benchmarkFloor)
}

func benchmarkHop(b *testing.B) {
	path := filepath.Join(b.TempDir(), "d.sock")
	l, err := Listen(path)
	if err != nil {
		b.Fatal(err)
	}
	serveOn(b, l, &echo{})
	nc, err := Dial(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	defer nc.Close()
	message := frame(`{"jsonrpc":"2.0","method":"textDocument/didChange","params":` + keystroke + `}`)
	in := newFrameReader(nc)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := nc.Write(message); err != nil {
			b.Fatal(err)
		}
		if _, err := in.next(); err != nil {
			b.Fatal(err)
		}
	}
}

const keystroke = `{"textDocument":{"uri":"file:///home/ada/src/earshot/internal/session/mirror.go","version":4711},` +
	`"contentChanges":[{"range":{"start":{"line":123,"character":17},"end":{"line":123,"character":17}},"text":"x"}]}`

// echo sends each change back as an edit.
type echo struct{ calls uint64 }

func (e *echo) Opened(*Conn)                               {}
func (e *echo) Closed(*Conn, error)                        {}
func (e *echo) Answer(*Conn, uint64, any, *protocol.Error) {}
func (e *echo) Call(c *Conn, _ protocol.RequestID, p protocol.DaemonParams) {
	change := p.(*protocol.DidChangeTextDocumentParams)
	e.calls++
	c.Call(e.calls, &protocol.ApplyWorkspaceEditParams{
		Edit: protocol.WorkspaceEdit{DocumentChanges: []protocol.TextDocumentEdit{{
			TextDocument: change.TextDocument,
			Edits: []protocol.TextEdit{{
				Range: *change.ContentChanges[0].Range, NewText: change.ContentChanges[0].Text,
			}},
		}}},
		Earshot: &protocol.Stamp{Stamp: "bm90IGEgcmVhbCBzdGFtcA"},
	})
}

func benchmarkFloor(b *testing.B) {
	path := filepath.Join(b.TempDir(), "f.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		nc, err := l.Accept()
		if err == nil {
			_, _ = io.Copy(struct{ io.Writer }{nc}, struct{ io.Reader }{nc})
		}
	}()
	nc, err := net.Dial("unix", path)
	if err != nil {
		b.Fatal(err)
	}
	defer nc.Close()
	message := frame(keystroke + keystroke[:80])
	back := make([]byte, len(message))
	for b.Loop() {
		if _, err := nc.Write(message); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(nc, back); err != nil {
			b.Fatal(err)
		}
	}
}

func frame(body string) []byte {
	return fmt.Appendf(nil, "Content-Length: %d\r\n\r\n%s", len(body), body)
}
