package main

import (
	"strings"
	"testing"
)

var two = []row{{"follow", "follow a member"}, {"undo", "own undo"}}

func TestTable(t *testing.T) {
	got := cells{}
	if err := got.read(two, "nvim follow ok plugins/nvim/test/lead_spec.lua\nnvim undo ok plugins/nvim/test/a_spec.lua\n"+
		"nvim undo failed plugins/nvim/test/b_spec.lua\nvscode follow ok plugins/vscode/e2e/host.e2e.js\n"); err != nil {
		t.Fatal(err)
	}
	want := `| | Neovim | VS Code |
| --- | --- | --- |
| follow a member | yes: [lead](nvim/test/lead_spec.lua) | yes: [host](vscode/e2e/host.e2e.js) |
| own undo | fails: [a](nvim/test/a_spec.lua), [b](nvim/test/b_spec.lua) | not tested |
`
	if is := got.table(two); is != want {
		t.Errorf("got\n%s\nwant\n%s", is, want)
	}
	if err := got.missing(two, "nvim"); err == nil || !strings.Contains(err.Error(), "undo") || strings.Contains(err.Error(), "follow") {
		t.Errorf("missing in Neovim: %v", err)
	}
	if err := got.missing(two[:1], "vscode"); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"nvim follow", "nvim follow perhaps f", "nvim fallow ok f"} {
		if err := got.read(two, bad); err == nil {
			t.Errorf("the line %q was taken", bad)
		}
	}
}

func TestReplace(t *testing.T) {
	page, err := replace([]byte("a\n"+begin+"old\n"+end+"b\n"), "new\n")
	if want := "a\n" + begin + "\nnew\n\n" + end + "b\n"; err != nil || string(page) != want {
		t.Errorf("got %q, %v", page, err)
	}
	if _, err := replace([]byte("a\n"+end+begin), "new\n"); err == nil {
		t.Error("a page without a place was taken")
	}
}
