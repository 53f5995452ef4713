package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// flushInput throws away what was typed and not read, a line that has not ended too. What is no terminal has none.
func flushInput(terminal *os.File) {
	_ = unix.IoctlSetInt(int(terminal.Fd()), unix.TCFLSH, unix.TCIFLUSH) // no terminal, nothing to throw away
}
