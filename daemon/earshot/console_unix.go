//go:build unix

package main

import (
	"bytes"
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// maxTyped is what Linux' terminals keep of a line, and far more than an answer has.
const maxTyped = 4096

// next waits for a line. It waits without taking anything, so that put finds in the terminal whatever has no number yet.
func (c *console) next() (entry, error) {
	for {
		if _, err := readable(c.file, nil); err != nil {
			return entry{}, err
		}
		line, whole, err := c.take()
		if whole || err != nil {
			return line, err
		}
	}
}

// take reads what is there, and tells whether it ended a line.
func (c *console) take() (line entry, whole bool, err error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	if still, err := readable(c.file, &unix.Timeval{}); !still || err != nil {
		return entry{}, false, err // put has thrown it away
	}
	var more [maxTyped]byte
	n, err := c.file.Read(more[:])
	if err != nil {
		return entry{}, false, err
	}
	text, _, whole := bytes.Cut(append(c.typed, more[:n]...), []byte{'\n'}) // a terminal gives one line at a time
	if !whole {
		c.typed = text[:min(len(text), maxTyped)]
		return entry{}, false, nil
	}
	c.typed = nil
	return entry{strings.TrimSpace(string(text)), c.asked}, true, nil
}

// readable waits for at most so long, nil for ever, until a terminal has something to read.
func readable(terminal *os.File, most *unix.Timeval) (bool, error) {
	fd := int(terminal.Fd())
	for {
		var set unix.FdSet
		set.Set(fd)
		n, err := unix.Select(fd+1, &set, nil, nil, most)
		if !errors.Is(err, unix.EINTR) {
			return n > 0, err
		}
	}
}
