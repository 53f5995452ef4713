package main

import (
	"bufio"
	"os"
	"strings"

	"golang.org/x/sys/windows"
)

// next waits for a line. What was typed of one that is being read can't be thrown away here, so it is read only when it is
// wanted, and has the number of the question at which its reading began.
func (c *console) next() (entry, error) {
	<-c.wanted
	c.reading.Lock()
	question := c.asked
	c.reading.Unlock()
	line, err := bufio.NewReader(c.file).ReadString('\n')
	if err != nil {
		return entry{}, err
	}
	select {
	case <-c.wanted: // by a question that came meanwhile: whoever gets this line, wants the next
	default:
	}
	return entry{strings.TrimSpace(line), question}, nil
}

// flushInput throws away what was typed and is not being read. What is no terminal has none.
func flushInput(terminal *os.File) {
	_ = windows.FlushConsoleInputBuffer(windows.Handle(terminal.Fd())) // no console, nothing to throw away
}
