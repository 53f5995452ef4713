package main

import (
	"os"
	"sync"
)

// console is a terminal where a person is asked. Questions come and go by what others do, so that a line may be typed while one
// gives way to the next: it answers the question that it was begun and ended at, or none.
type console struct {
	file  *os.File
	lines chan entry // closed when nobody sits there any more

	reading sync.Mutex // whoever takes what was typed, or throws it away
	asked   int        // how many questions were put; owned by reading
	typed   []byte     // of a line that has not ended; owned by reading
	wanted  chan struct{}
}

// entry is a line that was typed, and the number of the question that it was typed at.
type entry struct {
	text     string
	question int
}

func newConsole(terminal *os.File) *console {
	return &console{file: terminal, lines: make(chan entry), wanted: make(chan struct{}, 1)}
}

// open begins to read. The goroutine ends with the input, or with the program.
func (c *console) open() {
	go func() {
		defer close(c.lines)
		for {
			line, err := c.next()
			if err != nil {
				return
			}
			c.lines <- line
		}
	}()
}

// put makes way for a question, before it is on the screen, and gives its number: what was typed until now answers nothing.
func (c *console) put() int {
	c.reading.Lock()
	defer c.reading.Unlock()
	c.asked++
	c.typed = nil
	flushInput(c.file)
	c.want()
	return c.asked
}

// want has a line read if none is. A second word changes nothing.
func (c *console) want() {
	select {
	case c.wanted <- struct{}{}:
	default:
	}
}
