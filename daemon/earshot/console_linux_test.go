package main

import (
	"testing"

	"earshot/protocol"
)

// TestA15AnswersBelongToTheirQuestion: a line that was read, and not yet taken, while its question gave way to another, answers
// neither. (What was typed and not sent is in testdata/script/answers.txt.)
func TestA15AnswersBelongToTheirQuestion(t *testing.T) {
	person, terminal, err := openTerminal()
	if err != nil {
		t.Fatal(err)
	}
	defer person.Close()
	defer terminal.Close()
	p := &program{out: terminal, err: terminal, getenv: func(string) string { return "" }}
	c := newConsole(terminal)
	f := &following{p: p, out: terminal, lines: c.lines, console: c}
	heard := ""
	ask := func(id protocol.RequestID, name string) {
		f.ask(&prompt{id: id, text: func(int) string { return name }, answer: func(line string) bool {
			heard = name + ":" + line
			return true
		}})
	}
	typed := func(text string) entry {
		t.Helper()
		if _, err := person.WriteString(text); err != nil {
			t.Fatal(err)
		}
		line, err := c.next()
		if err != nil {
			t.Fatal(err)
		}
		return line
	}
	ask("1", "Ben")
	early := typed("y\n")
	f.withdraw("1")
	ask("2", "Mallory")
	f.typed(early, true)
	if heard != "" {
		t.Errorf("got %q of a line that was typed at another question", heard)
	}
	f.typed(typed("n\n"), true)
	if heard != "Mallory:n" {
		t.Errorf("got %q, want the answer to the question on the screen", heard)
	}
}
