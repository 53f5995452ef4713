package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"
)

// tapOptions are the flags of `earshot tap`.
type tapOptions struct {
	to      string
	full    bool
	secrets bool
}

func tapCommand(p *program) *cobra.Command {
	o := &tapOptions{}
	c := &cobra.Command{
		Use:   "tap",
		Short: "Be `earshot attach`, and show the messages as they flow",
		Long: "Does what `earshot attach` does and shows each message of the connection as a line: → from the editor, ← from the daemon. " +
			"For authors of plugins: have the editor run `earshot tap --to FILE` instead of `earshot attach`, and look with " +
			"`tail -f FILE`. Long bodies are folded. Codes, links and passwords are left out, and of the texts of documents only " +
			"their beginnings are shown; a file is made so that nobody else can read it. The bytes themselves pass unchanged.",
		Example: examples(
			"earshot tap --to /tmp/tap.log", "in the editor's configuration, as the server's command",
			"tail -f /tmp/tap.log", "in a terminal beside it",
			"earshot tap", "the same on standard error, which many editors keep",
			"earshot tap --full --to /tmp/tap.log", "bodies as they are, but for what is secret"),
		Args: arguments(0, 0, ""),
		RunE: func(c *cobra.Command, _ []string) error { return p.tap(c.Context(), o) },
	}
	c.Flags().StringVar(&o.to, "to", "", "write to `FILE`, behind what is there, and not to standard error")
	c.Flags().BoolVar(&o.full, "full", false, "show bodies whole: texts of documents too")
	c.Flags().BoolVar(&o.secrets, "secrets", false, "leave nothing out, not even codes and links: whoever reads them can join")
	return c
}

func (p *program) tap(ctx context.Context, o *tapOptions) error {
	if isTerminal(p.in) {
		return usagef("tap stands between an editor and the daemon: have the editor run `earshot tap --to FILE` instead of `earshot attach`, and look with `tail -f FILE`")
	}
	to := io.Writer(p.err)
	if o.to != "" {
		file, err := openTap(o.to)
		if err != nil {
			return err
		}
		defer file.Close()
		to = file
	}
	t := newTap(to, folding{full: o.full, secrets: o.secrets})
	defer t.close()
	return p.attach(ctx, t)
}

// openTap opens what a tap is written to: a file that only its owner can read, or a terminal.
func openTap(name string) (*os.File, error) {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open what --to names: %w", err)
	}
	info, err := file.Stat()
	if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		file.Close()
		return nil, fmt.Errorf("others can read %s, and messages hold what is written in the editor; run `chmod 600` on it, or name another file", plain(name))
	}
	return file, err
}

// tap shows what passes on a connection, in its order. It holds up what passes for as long as it takes to read it and no longer: what
// its output is too slow for is counted and left out.
type tap struct {
	folding folding
	lines   chan string   // nil after close
	over    chan struct{} // closed when everything is written

	mu      sync.Mutex
	calls   [2]map[string]tapCall // by id, that each side has made
	dropped int
}

// tapCall is a request that has no answer yet.
type tapCall struct {
	method string
	at     time.Time
}

// Directions of messages.
const (
	fromEditor = 0
	fromDaemon = 1
)

// Bounds of what a tap keeps: requests without an answer, lines that are not written yet, and how long its end may take.
const (
	maxTapCalls = 1000
	maxTapLines = 1000
	maxTapID    = 256
	tapEnd      = time.Second
)

func newTap(to io.Writer, f folding) *tap {
	lines := make(chan string, maxTapLines)
	t := &tap{folding: f, lines: lines, over: make(chan struct{}), calls: [2]map[string]tapCall{{}, {}}}
	// It ends with close, or, if the output hangs, with the program.
	go func() {
		defer close(t.over)
		for line := range lines {
			_, _ = io.WriteString(to, line) // there is nobody to tell
		}
	}()
	t.line(t.folding.head())
	return t
}

// close waits for the last lines; nothing may pass any more.
func (t *tap) close() {
	t.mu.Lock()
	lines := t.lines
	t.lines = nil
	t.mu.Unlock()
	close(lines)
	select {
	case <-t.over:
	case <-time.After(tapEnd):
	}
}

func (t *tap) line(s string) {
	if t.lines == nil {
		return
	}
	if t.dropped > 0 {
		select {
		case t.lines <- fmt.Sprintf("… %d messages are not shown: the output is too slow\n", t.dropped):
			t.dropped = 0
		default:
		}
	}
	select {
	case t.lines <- string(escapeInvisible([]byte(s))) + "\n":
	default:
		t.dropped++
	}
}

// side gives what the bytes of one direction are to be written to.
func (t *tap) side(from int) io.Writer { return &tapSide{tap: t, from: from} }

// tapSide parts the bytes of one direction into messages.
type tapSide struct {
	tap    *tap
	from   int
	buf    []byte
	need   int  // bytes of the body that is being read, 0 while it is the header
	skip   int  // bytes of a body that is too large to be kept
	broken bool // no header can be found any more
}

const (
	// maxTapHeader is more than the header of any editor.
	maxTapHeader = 4096
	// maxTapBody is what is kept of a message to be shown: more than any text that people look at.
	maxTapBody = 8 << 20
)

func (s *tapSide) Write(data []byte) (int, error) {
	n := len(data)
	for len(data) > 0 && !s.broken {
		data = s.take(data)
	}
	return n, nil
}

// take takes some of the bytes and gives the rest.
func (s *tapSide) take(data []byte) []byte {
	if s.skip > 0 {
		n := min(s.skip, len(data))
		s.skip -= n
		return data[n:]
	}
	if s.need > 0 {
		n := min(s.need-len(s.buf), len(data))
		s.buf = append(s.buf, data[:n]...)
		if len(s.buf) == s.need {
			s.tap.message(s.from, s.buf)
			s.buf, s.need = nil, 0
		}
		return data[n:]
	}
	s.buf = append(s.buf, data[0])
	if bytes.HasSuffix(s.buf, []byte("\r\n\r\n")) {
		s.header()
	} else if len(s.buf) > maxTapHeader {
		s.lost()
	}
	return data[1:]
}

func (s *tapSide) header() {
	length := -1
	for line := range bytes.SplitSeq(s.buf, []byte("\r\n")) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if n, err := strconv.Atoi(string(bytes.TrimSpace(value))); err == nil && bytes.EqualFold(bytes.TrimSpace(name), []byte("content-length")) {
			length = n
		}
	}
	s.buf = nil
	switch {
	case length < 0:
		s.lost()
	case length > maxTapBody:
		s.tap.say(s.from, fmt.Sprintf("a message of %d bytes, too large to be shown", length))
		s.skip = length
	case length > 0:
		s.need = length
	}
}

// lost is the end of what can be told of one direction.
func (s *tapSide) lost() {
	s.broken, s.buf = true, nil
	s.tap.say(s.from, "no Content-Length where one is due: nothing more of this direction can be shown")
}

func (t *tap) say(from int, words string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.line(tapHead(time.Now(), from) + words)
}

func (t *tap) message(from int, body []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	m, ok := parseTapped(body)
	if !ok {
		t.line(tapHead(now, from) + fmt.Sprintf("%d bytes that are no JSON-RPC message", len(body)))
		return
	}
	id := ""
	if m.ID != nil {
		id = " #" + t.folding.fold(m.ID)
	}
	switch {
	case m.Method != "":
		if m.ID != nil && len(m.ID) <= maxTapID && len(t.calls[from]) < maxTapCalls {
			t.calls[from][string(m.ID)] = tapCall{m.Method, now}
		}
		t.line(tapHead(now, from) + t.folding.word(m.Method) + id + t.folding.part(" ", m.Params))
	default:
		asked, known := t.calls[1-from][string(m.ID)]
		delete(t.calls[1-from], string(m.ID))
		method, took := "an answer", ""
		if known {
			method, took = t.folding.word(asked.method), fmt.Sprintf(" (%d ms)", now.Sub(asked.at).Milliseconds())
		}
		t.line(tapHead(now, from) + method + id + took + t.folding.part(" = ", m.Result) + t.folding.part(" failed: ", m.Error))
	}
}

func tapHead(at time.Time, from int) string {
	return at.Format("15:04:05.000") + [...]string{" → ", " ← "}[from]
}
