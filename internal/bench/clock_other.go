//go:build !linux

package main

import (
	"errors"
	"time"
)

// now is never used for a figure here, see canMeasure.
func now() int64 { return time.Now().UnixNano() }

// canMeasure says why this system can't be measured on: clocks and CPU times are read as Linux has them.
func canMeasure() error {
	return errors.New("the measurements need Linux's monotonic clock and /proc; run them on a Linux machine")
}
