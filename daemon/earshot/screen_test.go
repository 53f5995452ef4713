package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"earshot/protocol"
)

// hostileTexts are what members, files and reasons may be called by a daemon that is older than this program, or that does not clean
// what it passes on.
var hostileTexts = []string{
	"\x1b[2J\x1b]0;title\x07\x1b]52;c;ZXZpbA==\x07", "\u009b31m\u009d8;;http://x\u009c", "\x90q\x9c", "a\r\nb\x00c\x08\x7f",
	"\u202egnp.exe\u202c\u2066\u200e\u061c", "\u200b\u200d\ufeff\u2060\u00ad", "\u2028\u2029\u0085", "\U000e0001\U000e0041",
	"\ufe0f\u034f\u3164", "bad\xff\xc0\xaf", strings.Repeat("long ", 1000), "%s%n%!d(MISSING)", "x",
}

// filled gives a value every string of which is s.
func filled[T any](s string) *T {
	v := new(T)
	fill(reflect.ValueOf(v).Elem(), s)
	return v
}

func fill(v reflect.Value, s string) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), s)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), s)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), s)
	case reflect.String:
		v.SetString(s)
	}
}

// events are the words of a happening that have a line of their own, and one that has none.
var events = []string{"opened", "code", "waiting", "joined", "returned", "refused", "gone", "left", "changed", "saved", "called", "ended",
	"reconnecting", "differed", "role", "tea"}

// printed collects what all that shows something from outside prints for one text.
func printed(t *testing.T, s string, asJSON bool) string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	p := &program{out: file, err: file, getenv: func(string) string { return "" }, json: asJSON}
	c := &client{inbox: make(chan any, 1)}
	f := &following{p: p, c: c, out: file, lines: make(chan entry), console: newConsole(file)}
	f.session = *filled[protocol.Session](s)
	f.session.ID = "aaaaaaaaaa"
	for _, event := range append(events, s) {
		h := filled[protocol.Happening](s)
		h.Event, h.Session = event, f.session.ID
		f.take(h)
		h.Time = "2026-01-01T00:00:00Z"
		h.Member.ID = f.session.Me + "x"
		f.take(h)
		h.Session = s
		if err := p.showEvent(c, h); err != nil {
			t.Fatal(err)
		}
	}
	f.take(filled[protocol.ShowMessageParams](s))
	if !asJSON {
		f.take(filled[protocol.ProgressParams](s))
		f.take(question{id: "1", admit: filled[protocol.AdmitQuestion](s)})
		f.prompts = nil
		fmt.Fprintln(file)
		f.opened(&shareRequest{ShareParams: *filled[protocol.ShareParams](s)})
		f.opened(&shareRequest{ShareParams: protocol.ShareParams{Server: s, Documents: []string{s, s}}})
		f.askUnsaved([]protocol.DocumentURI{s, "file:///" + s, "earshot://aaaaaaaaaa/" + s, "untitled:" + s})
		f.prompts = nil
		fmt.Fprintln(file)
		if err := p.showStatus(&statusLine{Running: true, Version: s, Sessions: []protocol.Session{*filled[protocol.Session](s)}}); err != nil {
			t.Fatal(err)
		}
	}
	f.printJSON(filled[protocol.Session](s))
	f.printJSON(filled[protocol.ListFilesResult](s))
	f.answeredLeave(protocol.Errorf(protocol.SaveFailed, "%s", s))
	p.complain(errors.New(s))
	p.complain(protocol.Errorf(protocol.NotAdmitted, "The host did not let you in: %s.", s))
	out, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestA14Lines: whatever the daemon passes on, in every string of everything that a command prints, no control, escape or invisible
// character reaches the terminal, and no text makes a line of its own.
func TestA14Lines(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		lines := strings.Count(printed(t, "x", asJSON), "\n")
		for _, s := range hostileTexts {
			out := printed(t, s, asJSON)
			for _, r := range out {
				if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Bidi_Control, r) ||
					!asJSON && unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, unicode.Zl, unicode.Zp)) {
					t.Errorf("json %v, %q: %U reaches the terminal", asJSON, s, r)
				}
			}
			if got := strings.Count(out, "\n"); got != lines {
				t.Errorf("json %v, %q: %d lines are printed, want %d", asJSON, s, got, lines)
			}
			for _, line := range strings.Split(out, "\n") {
				if !asJSON && !strings.HasPrefix(line, "{") && len(line) > 10*maxPlain {
					t.Errorf("%q: a line of %d bytes", s, len(line))
				}
			}
		}
	}
}

// TestA15NamesAreAsked: one who took another's name is meant by it too, so that nobody is let in for another.
func TestA15NamesAreAsked(t *testing.T) {
	for _, one := range []struct {
		name, who string
		want      bool
	}{
		{"Ben", "Ben", true}, {"Ben (2)", "Ben", true}, {"Ben (2)", "Ben (2)", true}, {"Ben", "Ben (2)", false}, {"Ben (x)", "Ben", false}, {"Ana", "Ben", false},
	} {
		if got := isCalled(one.name, one.who); got != one.want {
			t.Errorf("%q for %q: got %v, want %v", one.who, one.name, got, one.want)
		}
	}
	p := &program{}
	both := []protocol.Session{{ID: "aaaaaaaaaa", Role: protocol.RoleHost, Members: []protocol.Member{
		{ID: "bbbbbbbbbb", Name: "Ben", State: protocol.MemberWaiting}, {ID: "cccccccccc", Name: "Ben (2)", State: protocol.MemberWaiting}}}}
	if found := p.guests(both, "Ben", isWaiting); len(found) != 2 {
		t.Errorf("Ben is %+v, want both", found)
	}
	if found := p.guests(both, "Ben (2)", isWaiting); len(found) != 1 || found[0].member != "cccccccccc" {
		t.Errorf("Ben (2) is %+v", found)
	}
}
