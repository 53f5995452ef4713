package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// helpColumns is how wide help is at most, and where it goes to no terminal.
const helpColumns = 100

// line prints lines. On a terminal they are broken between words so that they fit; elsewhere they stay as they are.
func (p *program) line(w *os.File, s string) error {
	if isTerminal(w) {
		s = wrap(s, columns(w))
	}
	_, err := fmt.Fprintln(w, s)
	return err
}

// help prints a command's help so that it fits.
func (p *program) help(show func(*cobra.Command, []string)) func(*cobra.Command, []string) {
	return func(c *cobra.Command, args []string) {
		var b strings.Builder
		c.SetOut(&b)
		show(c, args)
		c.SetOut(p.out)
		most := helpColumns
		if isTerminal(p.out) {
			most = min(most, columns(p.out))
		}
		c.Print(wrap(b.String(), most))
	}
}

// wrap breaks lines between words. What goes on in the next line stands below the last column of the first one's, which two spaces
// part from what is before. A word that is longer than a line is not broken: it may be a link.
func wrap(s string, most int) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		if shownWidth(line) > most {
			lines[i] = wrapLine(line, most)
		}
	}
	return strings.Join(lines, "\n")
}

func wrapLine(line string, most int) string {
	indent := lastColumn(line, most)
	var b strings.Builder
	at, words := 0, 0 // columns and words of the line that is being made
	for _, word := range strings.SplitAfter(line, " ") {
		n := shownWidth(strings.TrimRight(word, " "))
		if words > 0 && n > 0 && at+n > most {
			b.WriteString("\n" + strings.Repeat(" ", indent))
			at, words = indent, 0
		}
		b.WriteString(word)
		at += shownWidth(word)
		if n > 0 {
			words++
		}
	}
	fitting := strings.Split(b.String(), "\n")
	for i := range fitting {
		fitting[i] = strings.TrimRight(fitting[i], " ")
	}
	return strings.Join(fitting, "\n")
}

// leastColumn is the room that a column needs: one that begins further right is none.
const leastColumn = 32

// lastColumn is where the last column of a line begins, which is in the first half of the terminal, or leaves enough room.
func lastColumn(line string, most int) int {
	column, spaces, at := 0, 0, 0
	for _, r := range plainStyle(line) {
		if r == ' ' {
			spaces++
		} else {
			if (spaces > 1 || spaces == at) && at <= max(most/2, most-leastColumn) {
				column = at
			}
			spaces = 0
		}
		at += columnsOf(r)
	}
	return column
}

func shownWidth(s string) int { return width(plainStyle(s)) }

// plainStyle takes off what [program.style] adds.
func plainStyle(s string) string {
	for {
		from := strings.Index(s, "\x1b[")
		if from < 0 {
			return s
		}
		to := strings.IndexByte(s[from:], 'm')
		if to < 0 {
			return s
		}
		s = s[:from] + s[from+to+1:]
	}
}
