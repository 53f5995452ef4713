package main

import "golang.org/x/sys/unix"

// now is CLOCK_MONOTONIC in nanoseconds, the same for all processes of the machine; Go's own monotonic times count from
// the start of each process.
func now() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // it exists since Linux 2.6
	return t.Nano()
}

// canMeasure says why this system can't be measured on.
func canMeasure() error { return nil }
