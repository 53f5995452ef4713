package rpc

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"earshot/protocol"
)

// Limits of LSP's base protocol as we read it.
const (
	// MaxMessage is the size of a body: 64 MiB, the contract's.
	MaxMessage = protocol.MaxMessage
	// MaxHeader is the size of all header lines of one message: 8 KiB, some hundred times what
	// "Content-Length" and "Content-Type" need.
	MaxHeader = 8 << 10

	// readBuffer holds a keystroke's message hundreds of times over, so that a burst is one system call.
	readBuffer = 32 << 10
	// firstChunk is allocated on the word of a header alone; beyond it memory follows the bytes that have
	// come.
	firstChunk = 64 << 10
	// keepBody is the capacity that is kept for the next message; larger bodies are left to the collector.
	keepBody = 1 << 20
)

// frameError says what is wrong with a frame, in one sentence for the one at the other end. After it the
// boundaries of messages are lost, so the connection has to end.
type frameError struct{ sentence string }

func (e *frameError) Error() string { return e.sentence }

func badFrame(format string, args ...any) error {
	return &frameError{fmt.Sprintf(format, args...)}
}

// frameReader cuts a byte stream into the bodies of LSP's base protocol. It belongs to one goroutine.
type frameReader struct {
	r    *bufio.Reader
	body []byte
}

func newFrameReader(r io.Reader) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, readBuffer)}
}

// next gives the next body, which is valid until the following call. Errors: io.EOF where a message might
// have begun, io.ErrUnexpectedEOF inside of one, *frameError, and those of the stream.
func (f *frameReader) next() ([]byte, error) {
	n, err := f.header()
	if err != nil {
		return nil, err
	}
	if cap(f.body) > keepBody {
		f.body = nil
	}
	f.body = f.body[:0]
	for len(f.body) < n {
		if err := f.fill(n); err != nil {
			return nil, err
		}
	}
	return f.body, nil
}

// fill reads more of a body of n bytes; it at most doubles the memory that the bytes so far have filled.
func (f *frameReader) fill(n int) error {
	have := len(f.body)
	want := min(n, max(firstChunk, cap(f.body), 2*have))
	if want > cap(f.body) {
		f.body = append(make([]byte, 0, want), f.body...)
	}
	f.body = f.body[:want]
	got, err := io.ReadFull(f.r, f.body[have:])
	f.body = f.body[:have+got]
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// header reads the lines up to the empty one and gives the length of the body. Only Content-Length matters;
// lines may end in \n alone, as scripts write them.
func (f *frameReader) header() (int, error) {
	length, size := -1, 0
	for {
		line, err := f.line()
		if err != nil {
			if err == io.EOF && size > 0 {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		if size += len(line); size > MaxHeader {
			return 0, badFrame("the header of a message is longer than %d bytes; send Content-Length alone", MaxHeader)
		}
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		if len(line) == 0 {
			break
		}
		n, err := contentLength(line)
		if err != nil {
			return 0, err
		}
		if n < 0 {
			continue
		}
		if length >= 0 && length != n {
			return 0, badFrame("a message has two different Content-Length headers; send one")
		}
		length = n
	}
	if length < 0 {
		return 0, badFrame("a message has no Content-Length header; send one before each body")
	}
	return length, nil
}

func (f *frameReader) line() ([]byte, error) {
	line, err := f.r.ReadSlice('\n')
	switch {
	case err == nil:
		return line, nil
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, badFrame("a header line is longer than %d bytes; send Content-Length alone", MaxHeader)
	case err == io.EOF && len(line) > 0:
		return nil, io.ErrUnexpectedEOF
	}
	return nil, err
}

// contentLength gives the value of a Content-Length line, -1 for any other header.
func contentLength(line []byte) (int, error) {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || len(bytes.TrimSpace(name)) == 0 {
		return 0, badFrame("a header line has no colon; send \"Content-Length: N\", an empty line and N bytes")
	}
	if !bytes.EqualFold(bytes.TrimSpace(name), []byte("Content-Length")) {
		return -1, nil
	}
	n, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 10, 63)
	if err != nil {
		return 0, badFrame("a Content-Length is not a number of bytes; send decimal digits")
	}
	if n > MaxMessage {
		return 0, badFrame("a message of %d bytes is over the limit of %d; send less at once", n, MaxMessage)
	}
	return int(n), nil
}

// appendHeader writes the header for a body of n bytes.
func appendHeader(b []byte, n int) []byte {
	b = append(b, "Content-Length: "...)
	b = strconv.AppendInt(b, int64(n), 10)
	return append(b, "\r\n\r\n"...)
}
