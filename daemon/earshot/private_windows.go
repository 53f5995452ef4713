package main

import (
	"os"

	"golang.org/x/sys/windows"
)

// noCore has nothing to do: Windows Error Reporting gets no Go program unless GOTRACEBACK is wer.
func noCore() {}

// divert has the standard handle lead nowhere, which the Go runtime asks for each time it writes; the file keeps the handle
// that it was made of. Where that can't be, all stays as it was.
func divert(stderr *os.File) *os.File {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return stderr
	}
	if err := windows.SetStdHandle(windows.STD_ERROR_HANDLE, windows.Handle(null.Fd())); err != nil {
		_ = null.Close() // nothing was written to it
		return stderr
	}
	keptOpen = null
	return stderr
}

// keptOpen is what the standard handle is; without a reference the file would be closed.
var keptOpen *os.File
