package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestFold(t *testing.T) {
	check := func(f folding, raw, want string) {
		t.Helper()
		if got := f.fold([]byte(raw)); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", raw, got, want)
		}
	}
	folded, full, all := folding{}, folding{full: true}, folding{full: true, secrets: true}
	check(folded, `{"b":1.50, "a":null ,"c":[true,"x"]}`, `{"b":1.50,"a":null,"c":[true,"x"]}`)
	check(folded, `{"range":{"start":{"line":1,"character":2},"end":{"line":3,"character":4}}}`, `{"range":1:2-3:4}`)
	check(full, `{"start":{"line":1,"character":2}}`, `{"start":{"line":1,"character":2}}`)
	check(folded, `[1,2,3,4,5,6]`, `[1,2,3,4,…2 more]`)
	check(full, `[1,2,3,4,5,6]`, `[1,2,3,4,5,6]`)
	check(folded, `{"text":"the whole of a text that was opened"}`, `{"text":"the whole of a text that…"(35 bytes)}`)
	check(folded, `{"newText":"éééééééééééééééééééééééééé"}`, `{"newText":"éééééééééééééééééééééééé…"(52 bytes)}`)
	check(full, `{"text":"the whole of a text that was opened"}`, `{"text":"the whole of a text that was opened"}`)
	check(folded, `{"uri":"`+strings.Repeat("u", 200)+`"}`, `{"uri":"`+strings.Repeat("u", 120)+`…"(200 bytes)}`)
	check(folded, strings.Repeat("[", 20)+strings.Repeat("]", 20), strings.Repeat("[", 13)+"…"+strings.Repeat("]", 13))
	check(folded, `{"a":`, `(5 bytes that are no JSON)`)

	// What is secret, wherever it stands, folded or whole.
	const link = "http://192.168.1.5:47300/j#4F3A-CM6BBKXM00Z4H2MAAWPA31QF6C.XDKGXNG17AF10408DQVX8SD792"
	for _, f := range []folding{folded, full} {
		check(f, `{"code":"4F3A-12345K","link":"`+link+`","resume":"abc","credential":"pw"}`,
			`{"code":"(left out)","link":"(left out)","resume":"(left out)","credential":"(left out)"}`)
		check(f, `{"code":-32050,"message":"a","empty":{"code":""}}`, `{"code":-32050,"message":"a","empty":{"code":""}}`)
		check(f, `{"message":"x is shared: code 4F3A-12345K, link `+link+`."}`,
			`{"message":"x is shared: code (left out), link http://192.168.1.5:47300/j#(left out)"}`)
		check(f, `{"text":"`+valid+`"}`, `{"text":"(left out)"}`)
		check(f, `{"arguments":["`+strings.ToLower(strings.ReplaceAll(valid, "-", ""))+`"]}`, `{"arguments":["(left out)"]}`)
		check(f, `{"arguments":["#`+strings.ReplaceAll(valid, "-", " ")+`"]}`, `{"arguments":["(left out)"]}`)
		check(f, `{"arguments":[{"code":"anything"}]}`, `{"arguments":[{"code":"(left out)"}]}`)
		check(f, `{"a":"some-things left-padded 2026-112233"}`, `{"a":"some-things left-padded (left out)"}`)
		check(f, `{"session":"k2j8d0s9aa","uri":"earshot://k2j8d0s9aa/a"}`, `{"session":"k2j8d0s9aa","uri":"earshot://k2j8d0s9aa/a"}`)
	}
	check(all, `{"code":"4F3A-12345K","link":"`+link+`"}`, `{"code":"4F3A-12345K","link":"`+link+`"}`)
}

// valid is a code whose check symbol is right.
const valid = "K7QM-3F9TXQ"

// tapOf gives the lines of a conversation, written in pieces.
func tapOf(t *testing.T, f folding, pieces func(s string) []string, parts ...part) []string {
	t.Helper()
	var b bytes.Buffer
	p := newTap(&b, f)
	sides := [2]io.Writer{p.side(fromEditor), p.side(fromDaemon)}
	for _, x := range parts {
		for _, piece := range pieces(x.bytes) {
			if n, err := sides[x.from].Write([]byte(piece)); n != len(piece) || err != nil {
				t.Fatalf("%d, %v", n, err)
			}
		}
	}
	p.close()
	var lines []string
	for line := range strings.Lines(b.String()) {
		line = strings.TrimSuffix(line, "\n")
		if len(line) > 12 && strings.HasPrefix(line[12:], " ") {
			if _, err := time.Parse("15:04:05.000", line[:12]); err == nil {
				line = line[13:]
			}
		}
		lines = append(lines, line)
	}
	return lines[1:]
}

// part is what one side sends.
type part struct {
	from  int
	bytes string
}

func framed(from int, body string) part {
	return part{from, fmt.Sprintf("Content-Length: %d\r\nContent-Type: x\r\n\r\n%s", len(body), body)}
}

func whole(s string) []string { return []string{s} }

func wantLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		g, w := "", ""
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Errorf("line %d:\ngot  %s\nwant %s", i+1, g, w)
		}
	}
}

func TestTap(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	inPieces := func(s string) (pieces []string) {
		for s != "" {
			n := 1 + random.IntN(len(s))
			pieces = append(pieces, s[:n])
			s = s[n:]
		}
		return pieces
	}
	bytewise := func(s string) []string { return strings.Split(s, "") }
	for _, pieces := range []func(string) []string{whole, inPieces, bytewise} {
		wantLines(t, tapOf(t, folding{}, pieces,
			framed(fromEditor, `{"jsonrpc":"2.0","id":"a\u001b","method":"initialize","params":{"x":1}}`),
			framed(fromEditor, `{"jsonrpc":"2.0","method":"initialized"}`),
			framed(fromDaemon, `{"jsonrpc":"2.0","id":"b","method":"workspace/applyEdit","params":null}`),
			framed(fromEditor, `{"jsonrpc":"2.0","id":"b","error":{"code":1,"message":"no\u202e"}}`),
			framed(fromDaemon, `{"jsonrpc":"2.0","id":7,"result":null}`),
			framed(fromDaemon, `[1]`),
			framed(fromDaemon, ``),
			part{fromEditor, "Nothing: here\r\n\r\nmore\r\n\r\n"},
			framed(fromDaemon, `{"method":"m\u001b[2J"}`),
		),
			`→ initialize #"a\u001b" {"x":1}`,
			`→ initialized`,
			`← workspace/applyEdit #"b" null`,
			`→ workspace/applyEdit #"b" (0 ms) failed: {"code":1,"message":"no\u202e"}`,
			`← an answer #7 = null`,
			`← 3 bytes that are no JSON-RPC message`,
			`→ no Content-Length where one is due: nothing more of this direction can be shown`,
			"← m\ufffd[2J",
		)
	}
	wantLines(t, tapOf(t, folding{}, whole,
		part{fromEditor, fmt.Sprintf("Content-Length: %d\r\n\r\n", maxTapBody+1)}, part{fromEditor, strings.Repeat("x", maxTapBody+1)},
		framed(fromEditor, `{"method":"exit"}`), part{fromDaemon, strings.Repeat("x", maxTapHeader+1)}),
		fmt.Sprintf("→ a message of %d bytes, too large to be shown", maxTapBody+1), "→ exit",
		"← no Content-Length where one is due: nothing more of this direction can be shown")
}

// stuck is an output that takes nothing until it is let.
type stuck struct {
	let  chan struct{}
	took bytes.Buffer
}

func (s *stuck) Write(b []byte) (int, error) {
	<-s.let
	return s.took.Write(b)
}

// TestTapHoldsNothingUp: what its output is too slow for is counted, and the messages pass.
func TestTapHoldsNothingUp(t *testing.T) {
	out := &stuck{let: make(chan struct{})}
	p := newTap(out, folding{})
	side := p.side(fromEditor)
	for range 2 * maxTapLines {
		if _, err := io.WriteString(side, framed(fromEditor, `{"method":"m"}`).bytes); err != nil {
			t.Fatal(err)
		}
	}
	close(out.let)
	for p.mu.Lock(); len(p.lines) > 0; p.mu.Lock() { // until there is room for the word about it
		p.mu.Unlock()
	}
	p.mu.Unlock()
	if _, err := io.WriteString(side, framed(fromEditor, `{"method":"last"}`).bytes); err != nil {
		t.Fatal(err)
	}
	p.close()
	if got := out.took.String(); !strings.Contains(got, " messages are not shown: the output is too slow\n") || !strings.HasSuffix(got, "→ last\n") {
		t.Errorf("it ends with %q", got[max(0, len(got)-200):])
	}
}

// TestTapFileIsPrivate: it is made so that nobody else can read it, and one that others can read is refused.
func TestTapFileIsPrivate(t *testing.T) {
	name := filepath.Join(t.TempDir(), "tap.log")
	f, err := openTap(name)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if os.PathSeparator != '/' {
		return
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("made as %v, %v", info.Mode(), err)
	}
	if err := os.Chmod(name, 0o644); err != nil {
		t.Fatal(err)
	}
	if f, err = openTap(name); err == nil || !strings.Contains(err.Error(), "others can read") {
		t.Errorf("a file that others can read: %v, %v", f, err)
	}
}

func FuzzTap(f *testing.F) {
	f.Add([]byte(framed(fromEditor, `{"id":1,"method":"m","params":{"text":"K7QM-3F9TXQ"}}`).bytes), 3)
	f.Fuzz(func(_ *testing.T, data []byte, at int) {
		p := newTap(io.Discard, folding{})
		side := p.side(fromEditor)
		at = max(0, min(at, len(data)))
		_, _ = side.Write(data[:at]) // it never fails
		_, _ = side.Write(data[at:])
		p.close()
	})
}
