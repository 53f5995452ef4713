//go:build unix && !linux

package main

import "golang.org/x/sys/unix"

// noCore keeps the system from writing this process's memory to a file. macOS's crash reports hold stacks and no memory;
// its PT_DENY_ATTACH would end the program under a debugger and adds little to what System Integrity Protection denies.
func noCore() {
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) // less than there is
}

func duplicate(from, to int) error { return unix.Dup2(from, to) }
