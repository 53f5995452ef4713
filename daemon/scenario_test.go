package daemon

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/tools/txtar"

	"earshot/internal/introduction"
	"earshot/protocol"
)

// scenario is a script in testdata/*.txtar: several whole daemons in one bubble, on a virtual network. The files of the
// archive lie in the host's folder. Each line is a command; a text may be quoted as in Go.
//
//	host share [viewer]                  host is the desk that shares; the code and link are the guests'
//	WHO join [viewer]                    a desk joins by link; WHO is its name
//	WHO open PATH                        attaches a buffer
//	WHO type PATH LINE:COL TEXT          as a person does; one-based
//	WHO delete PATH LINE:COL N
//	WHO typing PATH N PAUSE              types N marks at the ends of random words, beside the script
//	typed                                waits for all who type
//	WHO shows PATH TEXT                  waits until the buffer holds it
//	WHO save PATH                        document/save
//	disk PATH TEXT                       compares the host's file
//	write PATH TEXT, sparse PATH SIZE, bytes PATH HEX, remove PATH     change the host's folder
//	WHO sees EVENT                       waits for a word of `earshot events`; forget begins anew
//	WHO state open|reconnecting|ended    waits for the session's
//	WHO fails KIND read|open PATH, … list PATH, … share, … join code|wrong|unknown|mistyped
//	WHO misplaces PATH LINE:COL TEXT     reports a change at a position that is none, and shows afterwards what it shall
//	WHO told WORD                        waits for a message to the person that holds the word
//	loss N%, reorder on|off              of the network
//	partition WHO DURATION               nothing reaches or leaves WHO's machine for so long
//	vanish WHO                           the same for good
//	WHO leaves [save|discard]
//	pause DURATION
//	converge PATH                        all buffers of PATH become equal, and every mark that was typed is there once
type scenario struct {
	t      *testing.T
	net    *virtualNetwork
	dir    string
	desks  map[string]*desk
	places map[string]string // a desk's machine
	host   *desk
	shared protocol.Session
	typing sync.WaitGroup
	mu     sync.Mutex
	marks  map[string][]string // by path
}

func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) < 5 {
		t.Fatalf("found %d scenarios, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var tree []string
			for _, f := range a.Files {
				tree = append(tree, f.Name, string(f.Data))
			}
			dir := folderOf(t, tree...)
			synctest.Test(t, func(t *testing.T) { play(t, dir, string(a.Comment)) })
		})
	}
}

// play runs a script in a bubble.
func play(t *testing.T, dir, script string) {
	s := &scenario{t: t, net: newVirtualNetwork(t), dir: dir, desks: map[string]*desk{}, places: map[string]string{},
		marks: map[string][]string{}}
	t.Cleanup(func() { s.net.stop(t) }) // after the desks'
	began := time.Now()
	for i, line := range strings.Split(script, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		t.Logf("%v line %d: %s", time.Since(began), i+1, line)
		s.do(fields(t, line))
		if t.Failed() {
			break
		}
	}
	s.typing.Wait()
}

// fields cuts a line at spaces, quoted texts whole.
func fields(t *testing.T, line string) []string {
	var out []string
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		if line[0] != '"' {
			word, rest, _ := strings.Cut(line, " ")
			out, line = append(out, word), rest
			continue
		}
		quoted, err := strconv.QuotedPrefix(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		plain, _ := strconv.Unquote(quoted) // QuotedPrefix found it whole
		out, line = append(out, plain), line[len(quoted):]
	}
	return out
}

func (s *scenario) do(w []string) {
	switch w[0] {
	case "disk":
		checkFile(s.t, filepath.Join(s.dir, w[1]), w[2])
	case "write":
		s.write(w[1], []byte(w[2]))
	case "bytes":
		b, err := hex.DecodeString(w[2])
		s.check(err)
		s.write(w[1], b)
	case "sparse":
		s.write(w[1], nil)
		s.check(os.Truncate(filepath.Join(s.dir, w[1]), int64(s.number(w[2]))))
	case "remove":
		s.check(os.Remove(filepath.Join(s.dir, w[1])))
	case "loss":
		s.net.lost.Store(int32(s.number(strings.TrimSuffix(w[1], "%"))))
	case "reorder":
		s.net.reordered.Store(w[1] == "on")
	case "partition":
		s.net.setAway(s.places[w[1]], true)
		time.Sleep(s.duration(w[2])) // virtual: in a bubble
		s.net.setAway(s.places[w[1]], false)
	case "vanish":
		s.net.setAway(s.places[w[1]], true)
	case "pause":
		time.Sleep(s.duration(w[1])) // virtual: in a bubble
	case "typed":
		s.typing.Wait()
	case "forget":
		for _, k := range s.desks {
			k.forget()
		}
	case "converge":
		s.converge(w[1])
	default:
		s.at(s.desk(w[0]), w[1], w[2:])
	}
}

// at is a command of one desk.
func (s *scenario) at(k *desk, verb string, w []string) {
	switch verb {
	case "share":
		s.host = k
		s.shared = k.share(s.dir, func(p *protocol.ShareParams) { p.Role = protocol.Role(strings.Join(w, "")) })
	case "join":
		k.join(s.shared.Link, func(p *protocol.JoinParams) { p.Role = protocol.Role(strings.Join(w, "")) })
	case "open":
		k.open(s.uri(k, w[0]))
	case "type":
		s.edit(k, w[0], w[1], 0, w[2])
	case "delete":
		s.edit(k, w[0], w[1], s.number(w[2]), "")
	case "typing":
		n, pause := s.number(w[1]), s.duration(w[2])
		s.typing.Go(func() { s.types(k, w[0], n, pause) })
	case "shows":
		k.shows(s.uri(k, w[0]), w[1])
	case "save":
		k.must("document/save", &protocol.SaveParams{TextDocument: protocol.TextDocumentIdentifier{URI: s.uri(k, w[0])}}, nil)
	case "sees":
		k.awaitEvent(w[0])
	case "state":
		k.await("state "+w[0], func() bool { return string(k.session.State) == w[0] })
	case "told":
		s.told(k, w[0])
	case "fails":
		s.fails(k, protocol.Kind(w[0]), w[1], w[2:])
	case "misplaces":
		s.misplaces(k, s.uri(k, w[0]), w[1], w[2])
	case "leaves":
		k.must("session/leave", &protocol.LeaveParams{Session: s.shared.ID, Unsaved: protocol.Unsaved(strings.Join(w, ""))}, nil)
	default:
		s.t.Fatalf("no such command: %s", verb)
	}
}

// desk gives the one of a name, on a machine of its own.
func (s *scenario) desk(name string) *desk {
	if k := s.desks[name]; k != nil {
		return k
	}
	address, world := s.net.join(s.t)
	k := sitDown(s.t, name, func(o *Options) { o.Network = world })
	s.desks[name], s.places[name] = k, address
	return k
}

func (s *scenario) uri(k *desk, path string) protocol.DocumentURI {
	if k == s.host {
		return fileURI(s.t, filepath.Join(s.dir, path))
	}
	return "earshot://" + s.shared.ID + "/" + path
}

func (s *scenario) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scenario) number(w string) int {
	n, err := strconv.Atoi(w)
	s.check(err)
	return n
}

func (s *scenario) duration(w string) time.Duration {
	d, err := time.ParseDuration(w)
	s.check(err)
	return d
}

func (s *scenario) write(path string, b []byte) {
	s.check(os.WriteFile(filepath.Join(s.dir, path), b, 0o644))
}

// position reads LINE:COL, one-based, as a zero-based pair.
func (s *scenario) position(w string) (line, column int) {
	l, c, _ := strings.Cut(w, ":")
	return s.number(l) - 1, s.number(c) - 1
}

func (s *scenario) edit(k *desk, path, at string, del int, ins string) {
	line, column := s.position(at)
	pos := column
	for i, l := range strings.SplitAfter(k.text(s.uri(k, path)), "\n") {
		if i == line {
			break
		}
		pos += len([]rune(l))
	}
	k.typed(s.uri(k, path), pos, del, ins)
}

// types writes marks, each somewhere by chance but in no other mark.
func (s *scenario) types(k *desk, path string, n int, pause time.Duration) {
	uri := s.uri(k, path)
	for range n {
		mark := s.mark(k, path)
		k.mu.Lock()
		b := k.buffers[uri]
		at := s.net.draw(b.Len() + 1)
		for at > 0 && at < b.Len() && inMark(b.Slice(0, at)) {
			at--
		}
		k.report("", b.Type(time.Now(), at, 0, mark))
		k.mu.Unlock()
		time.Sleep(pause) // virtual: in a bubble
	}
}

// mark is a new one, to be found once in every buffer.
func (s *scenario) mark(k *desk, path string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	mark := fmt.Sprintf("<%s%d>", k.daemon.opts.Name, len(s.marks[path]))
	s.marks[path] = append(s.marks[path], mark)
	return mark
}

// inMark tells whether a text ends inside of a mark, where nobody types.
func inMark(before string) bool {
	return strings.LastIndex(before, "<") > strings.LastIndex(before, ">")
}

// converge waits until all buffers of a path are equal and hold all marks.
func (s *scenario) converge(path string) {
	s.t.Helper()
	for _, k := range s.desks {
		if k.buffers[s.uri(k, path)] == nil {
			continue
		}
		k.await("all marks in "+path, func() bool {
			got := k.buffers[s.uri(k, path)].Text()
			return !slices.ContainsFunc(s.marks[path], func(m string) bool { return !strings.Contains(got, m) })
		})
	}
	time.Sleep(5 * time.Second) // virtual, in a bubble: what is still on its way would come now
	texts := map[string]string{}
	for name, k := range s.desks {
		if k.buffers[s.uri(k, path)] != nil {
			texts[name] = k.text(s.uri(k, path))
		}
	}
	for name, got := range texts {
		for other, want := range texts {
			if got != want {
				s.t.Errorf("%s: %s has %.300q, %s has %.300q", path, name, got, other, want)
			}
		}
		for _, m := range s.marks[path] {
			if n := strings.Count(got, m); n != 1 {
				s.t.Errorf("%s: %s has %s %d times", path, name, m, n)
			}
		}
	}
	if len(texts) < 2 {
		s.t.Errorf("%s: only %d buffers to compare", path, len(texts))
	}
}

func (s *scenario) told(k *desk, word string) {
	k.await("to be told of "+word, func() bool {
		return slices.ContainsFunc(k.seen, func(p protocol.EditorParams) bool {
			m, ok := p.(*protocol.ShowMessageParams)
			return ok && strings.Contains(m.Message, word)
		})
	})
}

func (s *scenario) fails(k *desk, want protocol.Kind, verb string, w []string) {
	switch verb {
	case "read":
		k.fails(want, "workspace/textDocumentContent", &protocol.TextDocumentContentParams{URI: s.uri(k, w[0])})
	case "list":
		k.fails(want, "file/list", &protocol.ListFilesParams{Session: s.shared.ID, URI: "earshot://" + s.shared.ID + "/" + w[0]})
	case "save":
		k.fails(want, "document/save", &protocol.SaveParams{TextDocument: protocol.TextDocumentIdentifier{URI: s.uri(k, w[0])}})
	case "share":
		k.fails(want, "session/share", &protocol.ShareParams{Folder: fileURI(s.t, s.dir)})
	case "leave":
		k.fails(want, "session/leave", &protocol.LeaveParams{Session: s.shared.ID})
	case "join":
		k.fails(want, "session/join", s.invitation(w[0]))
	default:
		s.t.Fatalf("no such command: fails %s", verb)
	}
}

// invitation is a code that is right, or wrong in some way.
func (s *scenario) invitation(how string) *protocol.JoinParams {
	p := &protocol.JoinParams{Code: s.shared.Code, Server: serverOf(s.t, s.shared.Link)}
	switch how {
	case "wrong":
		p.Code = anotherCode(s.t, p.Code)
	case "unknown":
		own, err := introduction.ParseCode(p.Code)
		s.check(err)
		room := "ZZZZ"
		if own.Room() == room {
			room = "YYYY"
		}
		other, err := introduction.NewCode(room, strings.NewReader("some bytes that stand for chance"))
		s.check(err)
		p.Code = other.Reveal()
	case "mistyped":
		p.Code = p.Code[:5] + strings.Map(func(c rune) rune {
			return rune("ABCDEFGHJKMNPQRSTVWXYZ0123456789A"[strings.IndexRune("ABCDEFGHJKMNPQRSTVWXYZ0123456789", c)+1])
		}, p.Code[5:6]) + p.Code[6:]
	}
	return p
}

// misplaces reports a change that no text has room for; the buffer has it in mind, and the daemon puts it right.
func (s *scenario) misplaces(k *desk, uri protocol.DocumentURI, at, ins string) {
	line, column := s.position(at)
	p := protocol.Position{Line: line, Character: column}
	k.mu.Lock()
	defer k.mu.Unlock()
	report := k.buffers[uri].Type(time.Now(), 0, 0, ins)
	report[0].Change.ContentChanges[0].Range = &protocol.Range{Start: p, End: p}
	k.report("", report)
}
