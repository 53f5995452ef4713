package main

import (
	"fmt"
	"os"
	"path"
	"runtime"
	"strings"
)

// A process of this program holds texts and codes. Should it die of a defect or a signal, they must not end up on a disk or
// a screen: the system writes no image of its memory (noCore), and what the Go runtime has to say then (the value of a
// panic, words of every stack, the registers) goes nowhere, because number 2 leads nowhere and what the program itself says
// on standard error has another number (divert). GOTRACEBACK would not do: its "none" still prints the value, and
// debug.SetTraceback can't ask for less than the environment does.
//
// Under the race detector, whose reports are written to number 2, and with the build tag loud, for whoever looks for a
// defect, the runtime speaks.

// keepPrivate is the first thing that every command does; it gives the file that is standard error from then on.
func keepPrivate(stderr *os.File) *os.File {
	noCore()
	if loud {
		return stderr
	}
	return divert(stderr)
}

// died makes one sentence of a panic of the command's own goroutine: where it was, which shows nobody's text, and not its
// value, which may. A panic of another goroutine ends the program without a word; whoever is connected to it says so.
func died() error {
	return fmt.Errorf("it ended by a defect of its own (%s), and nothing was written; start it again, and tell its makers", panicked())
}

// panickedDepth is how many lines stand in the sentence.
const panickedDepth = 3

// panicked names the lines that led to the panic which is being recovered from, the innermost first.
func panicked() string {
	var callers [64]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers[:])])
	var names []string
	within := false
	for {
		frame, more := frames.Next()
		switch {
		case strings.HasPrefix(frame.Function, "runtime."):
			within = true // of here are gopanic and, below it, what the runtime found wrong
		case within && len(names) < panickedDepth:
			names = append(names, fmt.Sprintf("%s:%d", path.Base(frame.File), frame.Line))
		}
		if !more {
			return strings.Join(names, ", ")
		}
	}
}
