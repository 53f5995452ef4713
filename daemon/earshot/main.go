// Command earshot shares texts live between editors: it is the daemon that every editor and script of a person speaks
// with, and the commands that speak with it. A command is one more client of the daemon's socket: it reaches nothing
// that a plugin could not.
//
// Rules for talking to people, kept by every command:
//   - an error is one sentence on standard error that says what is wrong and what to do; the exit code is 1, or 2 where the
//     command was used wrongly;
//   - standard output carries what was asked for, and nothing else; with --json it is lines of JSON;
//   - a question is asked only where a person sits at a terminal, and says what its answers do;
//   - colours only on a terminal, and none where NO_COLOR is set;
//   - names, paths and sentences from outside pass through plain before they are printed;
//   - a command that dies leaves nothing of what it held (see keepPrivate).
package main

import (
	"context"
	"os"
)

func main() {
	p := newProgram(os.Args[1:])
	p.err = keepPrivate(p.err)
	os.Exit(run(context.Background(), p))
}
