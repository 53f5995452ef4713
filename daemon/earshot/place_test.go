package main

import (
	"testing"

	"earshot/internal/text"
)

func TestParsePlace(t *testing.T) {
	check := func(input string, want place, ok bool) {
		t.Helper()
		got, err := parsePlace(input)
		if got != want || (err == nil) != ok {
			t.Errorf("%q: got %v, %v, want %v", input, got, err, want)
		}
	}
	check("1:1", place{1, 1}, true)
	check("12:345", place{12, 345}, true)
	for _, bad := range []string{"", "1", "1:", ":1", "0:1", "1:0", "-1:1", "1:1:1", "a:b", "99999999999999999999:1"} {
		check(bad, place{}, false)
	}
}

func TestPlaceEdit(t *testing.T) {
	check := func(body string, p place, del int, want text.Edit, ok bool) {
		t.Helper()
		got, err := p.edit(text.New(body), del, "x")
		if (err == nil) != ok || ok && got != want {
			t.Errorf("%q at %v: got %v, %v, want %v", body, p, got, err, want)
		}
	}
	check("", place{1, 1}, 0, text.Edit{Pos: 0, Ins: "x"}, true)
	check("ab\ncd", place{2, 2}, 1, text.Edit{Pos: 4, Del: 1, Ins: "x"}, true)
	check("a🦊b", place{1, 3}, 1, text.Edit{Pos: 2, Del: 1, Ins: "x"}, true)
	check("ab\ncd", place{1, 3}, 1, text.Edit{Pos: 2, Del: 1, Ins: "x"}, true) // the line end is one
	check("ab\ncd", place{1, 99}, 0, text.Edit{Pos: 2, Ins: "x"}, true)
	check("ab\n", place{2, 1}, 0, text.Edit{Pos: 3, Ins: "x"}, true)
	check("ab\n", place{3, 1}, 0, text.Edit{}, false)
	check("ab", place{1, 2}, 2, text.Edit{}, false)
	check("ab", place{1, 1}, 2, text.Edit{Pos: 0, Del: 2, Ins: "x"}, true)
}
