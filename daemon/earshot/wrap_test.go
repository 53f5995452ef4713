package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWrap(t *testing.T) {
	for _, c := range []struct{ name, line, want string }{
		{"one that fits", "a line that fits", "a line that fits"},
		{"between words", "one line that is longer than twenty", "one line that is\nlonger than twenty"},
		{"below the last column", "12:00  Ada came in as editor", "12:00  Ada came in\n       as editor"},
		{"below its own indent", "    what follows is indented", "    what follows is\n    indented"},
		{"a link", "see https://meet.example/a-long-link now", "see\nhttps://meet.example/a-long-link\nnow"},
		{"a link with an indent", "    https://meet.example/a-long-link", "    https://meet.example/a-long-link"},
		{"what is bold", "\x1b[1mone line\x1b[0m that fits so", "\x1b[1mone line\x1b[0m that fits\nso"},
		{"wide letters", "漢字漢字漢字 漢字漢字", "漢字漢字漢字\n漢字漢字"},
		{"each line by itself", "short\n\none line that is longer", "short\n\none line that is\nlonger"},
		{"a column in the far half is none", "one two three four  and five", "one two three four\nand five"},
	} {
		if got := wrap(c.line, 20); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// TestHelpFits: nothing but an example, which is to be copied as it is, is wider than help is meant to be.
func TestHelpFits(t *testing.T) {
	for _, c := range append(newRoot(newProgram(nil)).Commands(), newRoot(newProgram(nil))) {
		name := strings.TrimPrefix(strings.TrimPrefix(c.CommandPath(), "earshot"), " ")
		out, err := os.Create(filepath.Join(t.TempDir(), "out"))
		if err != nil {
			t.Fatal(err)
		}
		p := newProgram(append(strings.Fields(name), "--help"))
		p.out = out
		if code := run(t.Context(), p); code != exitOK {
			t.Fatalf("%s --help ended with %d", name, code)
		}
		shown, err := os.ReadFile(out.Name())
		if err != nil {
			t.Fatal(err)
		}
		if len(shown) == 0 {
			t.Errorf("%s --help shows nothing", name)
		}
		for line := range strings.Lines(string(shown)) {
			if line = strings.TrimSuffix(line, "\n"); width(line) > helpColumns {
				t.Errorf("%s --help: a line has %d columns: %s", name, width(line), line)
			}
		}
	}
}

// TestHelpIsFolded: whatever the terminal's width, a paragraph has no line end of its own, and what an example does never goes on
// at the beginning of a line, where it would look like one more command.
func TestHelpIsFolded(t *testing.T) {
	for _, c := range append(newRoot(newProgram(nil)).Commands(), newRoot(newProgram(nil))) {
		if strings.Contains(strings.ReplaceAll(c.Long, "\n\n", ""), "\n") {
			t.Errorf("%s --help: a paragraph has a line end of its own: %s", c.CommandPath(), c.Long)
		}
		for line := range strings.Lines(wrap(c.Example, 80)) {
			line = strings.TrimSuffix(line, "\n")
			if goesOn := strings.HasPrefix(line, strings.Repeat(" ", 10)); !goesOn && !strings.Contains("\n"+c.Example, "\n"+line) {
				t.Errorf("%s --help: %q looks like a command of its own", c.CommandPath(), line)
			}
		}
	}
}
