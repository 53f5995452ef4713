package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"earshot/daemon/settings"
	"earshot/protocol"
)

func TestHappeningText(t *testing.T) {
	ben := &protocol.Member{ID: "aaaaaaaaaa", Name: "Ben\x1b[2J", Role: protocol.RoleEditor}
	check := func(h protocol.Happening, want string) {
		t.Helper()
		if got := happeningText(&h, "mememememe"); got != want {
			t.Errorf("%+v: got %q, want %q", h, got, want)
		}
	}
	check(protocol.Happening{Event: "waiting", Member: ben, Check: "123456"},
		"Ben\ufffd[2J (name not verified) asks to come in as editor, check 123456")
	with := *ben
	with.Client = "Neo\avim"
	check(protocol.Happening{Event: "waiting", Member: &with, Check: "123456"},
		"Ben\ufffd[2J (name not verified) with Neo\ufffdvim asks to come in as editor, check 123456")
	check(protocol.Happening{Event: "joined", Member: ben}, "Ben\ufffd[2J came in as editor")
	check(protocol.Happening{Event: "joined", Member: ben, Check: "123456"}, "Ben\ufffd[2J came in as editor, check 123456")
	check(protocol.Happening{Event: "role", Member: ben}, "Ben\ufffd[2J is now an editor")
	check(protocol.Happening{Event: "role", Member: &protocol.Member{ID: "bbbbbbbbbb", Name: "Cem", Role: protocol.RoleViewer}}, "Cem is now a viewer")
	check(protocol.Happening{Event: "role", Member: &protocol.Member{ID: "mememememe", Name: "Me", Role: protocol.RoleViewer}}, "you are now a viewer")
	check(protocol.Happening{Event: "left", Member: ben, Reason: "was removed"}, "Ben\ufffd[2J left: was removed")
	check(protocol.Happening{Event: "left", Member: ben, Reason: "left"}, "Ben\ufffd[2J left")
	check(protocol.Happening{Event: "changed", Member: ben, URI: "earshot://k2j8d0s9aa/a%20b.md"}, "Ben\ufffd[2J changed a b.md")
	check(protocol.Happening{Event: "changed", URI: "file:///tmp/x"}, "/tmp/x changed")
	check(protocol.Happening{Event: "saved", URI: "earshot://k2j8d0s9aa/a%1b%5b2J"}, "earshot://k2j8d0s9aa/a%1b%5b2J was saved")
	check(protocol.Happening{Event: "widened", URI: "file:///tmp/x"}, "/tmp/x is shared too")
	check(protocol.Happening{Event: "created", Member: ben, URI: "earshot://k2j8d0s9aa/a"}, "a was made by Ben\ufffd[2J")
	check(protocol.Happening{Event: "created", URI: "earshot://k2j8d0s9aa/a"}, "a is there now")
	check(protocol.Happening{Event: "deleted", Member: ben, URI: "earshot://k2j8d0s9aa/a"}, "a was deleted by Ben\ufffd[2J")
	check(protocol.Happening{Event: "renamed", URI: "earshot://k2j8d0s9aa/b", From: "earshot://k2j8d0s9aa/a%1b"}, "earshot://k2j8d0s9aa/a%1b was renamed to b")
	check(protocol.Happening{Event: "code"}, "the code is void")
	check(protocol.Happening{Event: "code", Message: "Three wrong guesses."}, "Three wrong guesses.")
	check(protocol.Happening{Event: "ended", Reason: "the host ended it"}, "the session has ended: the host ended it")
	check(protocol.Happening{Event: "ended", Reason: removedReason}, "you were removed: the host sent you out of the session")
	check(protocol.Happening{Event: "tea", Member: ben, Message: "is\nready"}, "tea Ben\ufffd[2J: is ready")
}

// TestDescribedSession: a share of files names them, and where the code is void that is told with what to do.
func TestDescribedSession(t *testing.T) {
	check := func(s protocol.Session, files []protocol.DocumentURI, want string) {
		t.Helper()
		var got strings.Builder
		if describeSession(&got, s, files); got.String() != want {
			t.Errorf("got %q, want %q", got.String(), want)
		}
	}
	s := protocol.Session{ID: "k2j8d0s9aa", Role: protocol.RoleHost, State: protocol.SessionOpen, Code: "K7QM-3F9TXQ"}
	check(s, []string{"earshot://k2j8d0s9aa/a.md", "earshot://k2j8d0s9aa/b%1b.md"}, "k2j8d0s9aa  shared by you, a.md, earshot://k2j8d0s9aa/b%1b.md\n    code K7QM-3F9TXQ\n")
	s.Code, s.Link, s.Folder = "", "http://h/j#x", "file:///x"
	check(s, nil, "k2j8d0s9aa  shared by you, /x\n    the code is void; `earshot invite` makes a new one\n    link http://h/j#x\n")
	s.State, s.Link = protocol.SessionEnded, ""
	check(s, nil, "k2j8d0s9aa  shared by you, /x, ended\n")
	check(protocol.Session{ID: "k2j8d0s9aa", Role: protocol.RoleEditor, State: protocol.SessionOpen}, nil, "k2j8d0s9aa  joined as editor\n")
}

func TestClock(t *testing.T) {
	if got := clock("nonsense"); got != "--:--:--" {
		t.Errorf("got %q", got)
	}
	if got := clock("2026-11-22T13:05:09.123Z"); len(got) != 8 || !strings.HasSuffix(got, ":09") {
		t.Errorf("got %q", got)
	}
}

func TestAdmission(t *testing.T) {
	check := func(line string, want protocol.AdmitAnswer, ok bool) {
		t.Helper()
		got, gotOK := admission(line)
		if got != want || gotOK != ok {
			t.Errorf("%q: got %+v, %v, want %+v, %v", line, got, gotOK, want, ok)
		}
	}
	check("y", protocol.AdmitAnswer{Admit: true}, true)
	check("Yes", protocol.AdmitAnswer{Admit: true}, true)
	check("v", protocol.AdmitAnswer{Admit: true, Role: protocol.RoleViewer}, true)
	check("viewer", protocol.AdmitAnswer{Admit: true, Role: protocol.RoleViewer}, true)
	check("e", protocol.AdmitAnswer{Admit: true, Role: protocol.RoleEditor}, true)
	check("", protocol.AdmitAnswer{}, true)
	check("n", protocol.AdmitAnswer{}, true)
	check("yy", protocol.AdmitAnswer{}, false)
	check("sure", protocol.AdmitAnswer{}, false)
}

// TestAdmissionPrompt: it fits one line of the terminal, with room for an answer, and the check number is whole.
func TestAdmissionPrompt(t *testing.T) {
	p := &program{err: os.Stderr, getenv: func(string) string { return "1" }} // no colours
	for _, role := range []protocol.Role{protocol.RoleEditor, protocol.RoleViewer} {
		for _, name := range []string{"B", "Ben", "Ben Mallory of the House by the Long and Winding Road", strings.Repeat("名前", 40), "🦊🦊🦊🦊🦊🦊🦊🦊"} {
			text := p.admissionPrompt(&protocol.AdmitQuestion{Check: "846360", Member: protocol.Member{Name: name, Role: role}})
			for columns := 35; columns <= 200; columns++ {
				got := text(columns)
				if n := width(got) + answerRoom; n > columns || !strings.Contains(got, "846360") || !strings.HasPrefix(strings.TrimPrefix(got, "Let "), name[:1]) {
					t.Errorf("%d columns: got %q, which needs %d", columns, got, n)
				}
			}
		}
	}
	q := &protocol.AdmitQuestion{Check: "846360", Member: protocol.Member{Name: "Ben", Role: protocol.RoleEditor}}
	check := func(columns int, want string) {
		t.Helper()
		if got := p.admissionPrompt(q)(columns); got != want {
			t.Errorf("%d columns: got %q, want %q", columns, got, want)
		}
	}
	check(80, "Let Ben in as editor (check 846360)? [y]es, as [v]iewer, [N]o: ")
	check(40, "Ben (846360)? [y/v/N] ")
	q.Member.Role = protocol.RoleViewer
	check(80, "Let Ben in as viewer (check 846360)? [y]es, as [e]ditor, [N]o: ")
}

func TestShownURIs(t *testing.T) {
	check := func(want string, uris ...string) {
		t.Helper()
		if got := shownURIs(uris); got != want {
			t.Errorf("%v: got %q, want %q", uris, got, want)
		}
	}
	check("a", "earshot://k2j8d0s9aa/a")
	check("/x/a, untitled:b", "file:///x/a", "untitled:b")
	check("the scratch text", newScratchURI())
	check("a, b, c, d, e, and 2 more", "a", "b", "c", "d", "e", "f", "g")
}

func TestProgressText(t *testing.T) {
	check := func(v protocol.WorkDoneProgress, want string) {
		t.Helper()
		if got := progressText(&v); got != want {
			t.Errorf("%+v: got %q, want %q", v, got, want)
		}
	}
	check(protocol.WorkDoneProgress{Stage: protocol.StageMatchmaker}, "looking for the host")
	check(protocol.WorkDoneProgress{Stage: protocol.StageAdmission, Check: "123456"},
		"Waiting for the host to let you in. Read them your check number, best by voice: 123456")
	check(protocol.WorkDoneProgress{Stage: protocol.StageAdmission}, "waiting for the host to let you in")
	check(protocol.WorkDoneProgress{Stage: protocol.StageRelay, Message: "by\trelay"}, "by relay")
}

// TestEmptyServersAreSent: with none, not even the daemon's own servers may be used, so the empty list has to travel.
func TestEmptyServersAreSent(t *testing.T) {
	none, err := settings.ParseICE("none")
	if err != nil {
		t.Fatal(err)
	}
	for _, request := range []any{&shareRequest{IceServers: none.Request()}, &joinRequest{IceServers: none.Request()}} {
		sent, err := json.Marshal(request)
		if err != nil || !strings.Contains(string(sent), `"iceServers":[]`) {
			t.Errorf("got %s, %v", sent, err)
		}
	}
	sent, err := json.Marshal(&shareRequest{IceServers: settings.Default().ICE.Request(), ShareParams: protocol.ShareParams{Server: "ws://h"}})
	if want := `"iceServers":[{"urls":["matchmaker"]}]`; err != nil || !strings.Contains(string(sent), want) || !strings.Contains(string(sent), `"server":"ws://h"`) {
		t.Errorf("got %s, %v, want it to hold %s", sent, err, want)
	}
}

func TestReach(t *testing.T) {
	check := func(server, listen, want string) {
		t.Helper()
		const link = "http://192.168.1.5:4711/j#4F3A-CM6BBKXM00Z4H2MAAWPA31QF6C.XDKGXNG17AF10408DQVX8SD792"
		got := reach(&shareRequest{ShareParams: protocol.ShareParams{Server: server, Listen: listen}}, link)
		if !strings.Contains(got, want) {
			t.Errorf("%q, %q: got %q, want it to hold %q", server, listen, got, want)
		}
	}
	check("", "", "People on this network can join; for others set a server")
	check("wss://meet.example", "", "wss://meet.example")
	check("", "127.0.0.1:0", "Whoever reaches 127.0.0.1:4711 can join.")
	check("", "[::1]:4711", "Whoever reaches [::1]:4711 can join.")
	for _, any := range []string{"0.0.0.0:4711", ":0", "[::]:0", "[::ffff:0.0.0.0]:0"} {
		check("", any, "Whoever reaches port 4711 of this machine can join, at any of its addresses")
	}
}

func TestOnThisNetwork(t *testing.T) {
	check := func(server string, want bool) {
		t.Helper()
		if got := onThisNetwork(t.Context(), server); got != want {
			t.Errorf("%s: got %v, want %v", server, got, want)
		}
	}
	check("ws://127.0.0.1:47300", true)
	check("ws://[::1]:47300", true)
	check("ws://192.168.1.5:47300", true)
	check("ws://100.64.3.4", true)
	check("ws://[fd00::1]", true)
	check("wss://203.0.113.7", false)
	check("wss://[2001:db8::1]", false)
	check("wss://8.8.8.8:443/p", false)
	check("wss://no-such-host.invalid", false)
	check("::", false)
}

func TestScheme(t *testing.T) {
	check := func(typed string, want bool) {
		t.Helper()
		if got := hasScheme.MatchString(typed); got != want {
			t.Errorf("%q: got %v, want %v", typed, got, want)
		}
	}
	check("earshot://k2j8d0s9aa/x", true)
	check("file:///x", true)
	check("untitled:Untitled-1", true)
	check(`C:\notes.md`, false)
	check("notes.md", false)
	check("a/b:c", false)
}
