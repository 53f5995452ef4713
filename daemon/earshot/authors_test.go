//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// pageForAuthors has a transcript between these lines.
const (
	pageForAuthors = "../../docs/plugin-authors.md"
	beginOfTap     = "<!-- transcript: daemon/earshot/authors_test.go compares it with what happens -->"
)

// speaker is a plugin by hand: it writes messages to `earshot tap` and waits for others.
type speaker struct {
	t   *testing.T
	in  *os.File
	out *output
	pos int // of what was waited for, in out
}

// says sends messages.
func (s *speaker) says(format string, args ...any) {
	s.t.Helper()
	body := fmt.Sprintf(format, args...)
	_, err := fmt.Fprintf(s.in, "Content-Length: %d\r\n\r\n%s", len(body), body)
	must(s.t, err)
}

// hears waits for a message that has these words and gives what stands in for the first group.
func (s *speaker) hears(pattern string) string {
	s.t.Helper()
	words := regexp.MustCompile(pattern)
	must(s.t, s.out.until(func(all string) bool {
		return words.MatchString(all[s.pos:])
	}, pattern))
	all, _ := s.out.now()
	m := words.FindStringSubmatchIndex(all[s.pos:])
	found := ""
	if len(m) > 2 {
		found = all[s.pos+m[2] : s.pos+m[3]]
	}
	s.pos += m[1]
	return found
}

// TestPluginAuthorsTranscript has the conversation of docs/plugin-authors.md, by hand, and compares what `earshot tap` shows with the
// page: each of its lines is said, in that order. `go test -run TestPluginAuthorsTranscript -v` prints it, to be put there.
func TestPluginAuthorsTranscript(t *testing.T) {
	program := needProgram(t)
	_, homes := newHomes(t, "Ana", "Ben")
	ana, ben := homes[0], homes[1]
	t.Cleanup(ana.stopOther)
	t.Cleanup(ben.stopOther)
	write(t, filepath.Join(ana.work(), "notes.md"), "one\ntwo\n")
	uri := "file://" + filepath.Join(ana.work(), "notes.md")

	cmd := ana.command(program, "tap", "--to", filepath.Join(ana.work(), "tap.log"))
	read, write, err := os.Pipe()
	must(t, err)
	s := &speaker{t: t, in: write, out: newOutput()}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = read, s.out, s.out
	must(t, cmd.Start())
	must(t, read.Close())

	s.says(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"processId":null,"clientInfo":{"name":"My plugin"},"capabilities":{"general":{"positionEncodings":["utf-8"]},"experimental":{"earshot":{"exactVersions":true}}},"initializationOptions":{"replica":"7f3c0d1e"}}}`)
	s.hears(`"id":1,"result"`)
	s.says(`{"jsonrpc":"2.0","method":"initialized","params":{}}`)
	s.says(`{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":{"uri":%q,"languageId":"markdown","version":1,"text":"one\ntwo\n"}}}`, uri)
	s.says(`{"jsonrpc":"2.0","id":2,"method":"session/share","params":{"documents":[%q]}}`, uri)
	link := s.hears(`"link":"([^"]*)"`)
	session := s.hears(`"session":"([a-z0-9]{10})"`)

	guest := ben.command(program, "join", "-")
	guest.Stdin = strings.NewReader(link)
	heard := newOutput()
	guest.Stdout, guest.Stderr = heard, heard
	must(t, guest.Start())
	admission := s.hears(`"id":(\d+),"method":"session/admit"`)
	s.says(`{"jsonrpc":"2.0","id":%s,"result":{"admit":true,"role":"editor"}}`, admission)
	must(t, heard.await("Joined as editor"))
	s.says(`{"jsonrpc":"2.0","method":"presence/update","params":{"textDocument":{"uri":%q},"selections":[{"anchor":{"line":1,"character":3},"active":{"line":1,"character":3}}]}}`, uri)

	out, err := ben.command(program, "edit", "notes.md", "--at", "1:1", "Ben: ").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	edit := s.hears(`"id":(\d+),"method":"workspace/applyEdit"`)
	s.says(`{"jsonrpc":"2.0","method":"textDocument/didChange","params":{"textDocument":{"uri":%q,"version":2},"contentChanges":[{"range":{"start":{"line":0,"character":0},"end":{"line":0,"character":0}},"text":"Ben: "}]}}`, uri)
	s.says(`{"jsonrpc":"2.0","id":%s,"result":{"applied":true,"version":2}}`, edit)
	s.says(`{"jsonrpc":"2.0","method":"textDocument/didChange","params":{"textDocument":{"uri":%q,"version":3},"contentChanges":[{"range":{"start":{"line":1,"character":3},"end":{"line":1,"character":3}},"text":"!"}]}}`, uri)
	s.says(`{"jsonrpc":"2.0","id":3,"method":"textDocument/undo","params":{"textDocument":{"uri":%q}}}`, uri)
	edit = s.hears(`"id":(\d+),"method":"workspace/applyEdit"`)
	s.says(`{"jsonrpc":"2.0","method":"textDocument/didChange","params":{"textDocument":{"uri":%q,"version":4},"contentChanges":[{"range":{"start":{"line":1,"character":3},"end":{"line":1,"character":4}},"text":""}]}}`, uri)
	s.says(`{"jsonrpc":"2.0","id":%s,"result":{"applied":true,"version":4}}`, edit)
	s.says(`{"jsonrpc":"2.0","id":4,"method":"session/leave","params":{"session":%q}}`, session)
	s.hears(`"id":4,"result"`)
	s.says(`{"jsonrpc":"2.0","id":5,"method":"shutdown"}`)
	s.hears(`"id":5,"result"`)
	s.says(`{"jsonrpc":"2.0","method":"exit"}`)
	must(t, cmd.Wait())
	must(t, write.Close())
	send(guest, syscall.SIGINT)
	_ = guest.Wait() // it may have ended with the session

	log, err := os.ReadFile(filepath.Join(ana.work(), "tap.log"))
	must(t, err)
	said := strings.ReplaceAll(string(log), ana.work(), "/ana/project")
	t.Logf("\n%s", said)
	if strings.Contains(string(log), link[strings.LastIndexByte(link, '#')+1:]) {
		t.Error("the link is in the tap")
	}
	page, err := os.ReadFile(pageForAuthors)
	must(t, err)
	rest := strings.Split(timeless(said), "\n")
	for _, line := range transcriptOf(t, string(page)) {
		i := 0
		for i < len(rest) && !saidAs(rest[i], line) {
			i++
		}
		if i == len(rest) {
			t.Fatalf("the page says, and nothing more is said like it:\n%s", line)
		}
		rest = rest[i+1:]
	}
}

// saidAs tells whether a line of the page is what was said; "…" at its end leaves the rest out.
func saidAs(said, line string) bool {
	if start, cut := strings.CutSuffix(line, "…"); cut {
		return strings.HasPrefix(said, start)
	}
	return said == line
}

// transcriptOf gives the lines of messages of the page's transcript.
func transcriptOf(t *testing.T, page string) []string {
	t.Helper()
	_, rest, found := strings.Cut(page, beginOfTap)
	var lines []string
	for line := range strings.Lines(timeless(rest)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "TIME ") {
			lines = append(lines, line)
		}
	}
	if !found || len(lines) < 10 {
		t.Fatalf("%s has no transcript", pageForAuthors)
	}
	return lines
}

// timeless makes what is another each time the same.
func timeless(s string) string {
	for _, x := range []struct{ pattern, instead string }{
		{`\d\d:\d\d:\d\d\.\d\d\d ([→←])`, "TIME $1"},
		{`\(\d+ ms\)`, "(N ms)"},
		{`"[a-z0-9]{10}"`, `"ID"`},
		{`"check":"\d{6}"`, `"check":"DIGITS"`},
		{`"stamp":"[^"]*"`, `"stamp":"STAMP"`},
		{`"rttMs":[0-9.]+`, `"rttMs":N`},
	} {
		s = regexp.MustCompile(x.pattern).ReplaceAllString(s, x.instead)
	}
	return s
}
