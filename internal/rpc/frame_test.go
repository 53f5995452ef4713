package rpc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestFrames(t *testing.T) {
	check := func(input string, want ...string) {
		t.Helper()
		for _, r := range []io.Reader{strings.NewReader(input), iotest.OneByteReader(strings.NewReader(input))} {
			if got := readAll(newFrameReader(r)); strings.Join(got, "|") != strings.Join(want, "|") {
				t.Errorf("%q: got %q, want %q", input, got, want)
			}
		}
	}
	check("", "EOF")
	check("Content-Length: 2\r\n\r\n{}", "{}", "EOF")
	check("Content-Length: 2\r\n\r\n{}Content-Length: 3\r\n\r\n[1]", "{}", "[1]", "EOF")
	check("content-length:2\r\nContent-Type: application/vscode-jsonrpc; charset=latin1\r\n\r\n{}", "{}", "EOF")
	check("Content-Length: 2\n\n{}", "{}", "EOF")
	check("Content-Length: 0\r\n\r\nContent-Length: 1\r\n\r\n1", "", "1", "EOF")
	check("Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", "{}", "EOF")
	check("Content-Length: 4\r\n\r\n{}", "unexpected EOF")
	check("Content-Length: 4\r\n\r\n", "unexpected EOF")
	check("Content-Length: 4\r\n", "unexpected EOF")
	check("Content-Len", "unexpected EOF")

	check("\r\n", "frame: a message has no Content-Length")
	check("Content-Type: x\r\n\r\n{}", "frame: a message has no Content-Length")
	check("hello\r\n\r\n", "frame: a header line has no colon")
	check(": 2\r\n\r\n{}", "frame: a header line has no colon")
	check("Content-Length: x\r\n\r\n", "frame: a Content-Length is not a number")
	check("Content-Length: -1\r\n\r\n", "frame: a Content-Length is not a number")
	check("Content-Length: +1\r\n\r\n", "frame: a Content-Length is not a number")
	check("Content-Length: 1.5\r\n\r\n", "frame: a Content-Length is not a number")
	check("Content-Length:\r\n\r\n", "frame: a Content-Length is not a number")
	check("Content-Length: 99999999999999999999\r\n\r\n", "frame: a Content-Length is not a number")
	check("Content-Length: 67108865\r\n\r\n", "frame: a message of 67108865 bytes")
	check("Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "frame: a message has two different")
	check("X: "+strings.Repeat("y", MaxHeader)+"\r\n\r\n", "frame: the header of a message is longer")
	check(strings.Repeat("X: y\r\n", MaxHeader/5)+"\r\n", "frame: the header of a message is longer")
	check(strings.Repeat("y", 2*readBuffer), "frame: a header line is longer")
}

// readAll gives the bodies and then the error, cut to what the table tells apart.
func readAll(f *frameReader) []string {
	var got []string
	for {
		body, err := f.next()
		var frame *frameError
		switch {
		case err == nil:
			got = append(got, string(body))
		case errors.As(err, &frame):
			for _, start := range frameStarts {
				if strings.HasPrefix(frame.sentence, start) {
					return append(got, "frame: "+start)
				}
			}
			return append(got, "frame: "+frame.sentence)
		default:
			return append(got, err.Error())
		}
	}
}

var frameStarts = []string{
	"a message has no Content-Length", "a header line has no colon", "a Content-Length is not a number",
	"a message of 67108865 bytes", "a message has two different", "the header of a message is longer",
	"a header line is longer",
}

// TestBodyMemory: a header alone costs little, whatever it says.
func TestBodyMemory(t *testing.T) {
	check := func(sent, want int) {
		t.Helper()
		input := io.MultiReader(strings.NewReader(fmt.Sprintf("Content-Length: %d\r\n\r\n", MaxMessage)),
			bytes.NewReader(make([]byte, sent)))
		f := newFrameReader(input)
		if _, err := f.next(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("got %v, want an unexpected end", err)
		}
		if got := cap(f.body); got > want {
			t.Errorf("%d bytes sent: got %d allocated, want at most %d", sent, got, want)
		}
	}
	check(0, firstChunk)
	check(100, firstChunk)
	check(firstChunk+1, 2*firstChunk)
	check(10*firstChunk, 16*firstChunk)
}

// TestBodyReuse: a large body is not kept for ever.
func TestBodyReuse(t *testing.T) {
	large := strings.Repeat("x", 2*keepBody)
	f := newFrameReader(strings.NewReader(string(frame(large)) + string(frame("{}"))))
	for _, want := range []string{large, "{}"} {
		if got, err := f.next(); err != nil || string(got) != want {
			t.Fatalf("got %d bytes, %v, want %d", len(got), err, len(want))
		}
	}
	if cap(f.body) > keepBody {
		t.Errorf("%d bytes are kept", cap(f.body))
	}
}

// FuzzFrames: no input panics, hangs or makes memory of nothing; what was read can be written and read again.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("Content-Length: 2\r\n\r\n{}"))
	f.Add([]byte("Content-Length: 0\n\nContent-Length: 1\r\nX: y\r\n\r\n1"))
	f.Add([]byte("Content-Length: 67108864\r\n\r\n{"))
	f.Add([]byte("content-length:-1\r\n\r\n"))
	f.Add([]byte("\r\n\r\n"))
	f.Fuzz(func(t *testing.T, input []byte) {
		r := newFrameReader(bytes.NewReader(input))
		var bodies []string
		var again []byte
		for {
			body, err := r.next()
			if err != nil {
				break
			}
			bodies = append(bodies, string(body))
			again = append(appendHeader(again, len(body)), body...)
		}
		if cap(r.body) > firstChunk+2*len(input) {
			t.Errorf("%d bytes made %d", len(input), cap(r.body))
		}
		got := readAll(newFrameReader(bytes.NewReader(again)))
		if want := append(bodies, "EOF"); strings.Join(got, "\x00") != strings.Join(want, "\x00") {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
