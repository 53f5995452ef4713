//go:build unix && !linux

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// flushInput throws away what was typed and not read, a line that has not ended too. What is no terminal has none.
func flushInput(terminal *os.File) {
	const input = 1                                                        // FREAD of sys/fcntl.h
	_ = unix.IoctlSetPointerInt(int(terminal.Fd()), unix.TIOCFLUSH, input) // no terminal, nothing to throw away
}
