//go:build unix

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// firstOwn is the least number that divert takes: below it stands what a parent hands on.
const firstOwn = 10

// divert gives standard error a new number, and its old one leads nowhere. Where that can't be, all stays as it was.
func divert(stderr *os.File) *os.File {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return stderr
	}
	defer null.Close()
	own, err := unix.FcntlInt(stderr.Fd(), unix.F_DUPFD_CLOEXEC, firstOwn)
	if err != nil {
		return stderr
	}
	if err := duplicate(int(null.Fd()), int(stderr.Fd())); err != nil {
		_ = unix.Close(own) // it was just opened
		return stderr
	}
	return os.NewFile(uintptr(own), stderr.Name())
}
