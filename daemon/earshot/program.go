package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"earshot/daemon/settings"
	"earshot/internal/rpc"
	"earshot/protocol"
)

// program is one run of earshot: what it was called with, and where it reads and writes.
type program struct {
	args   []string
	in     *os.File
	out    *os.File
	err    *os.File
	getenv func(string) string

	settings settings.Settings
	given    map[string]string // the settings' flags of this call
	json     bool              // --json of the command that runs
	session  string            // its --session
}

func newProgram(args []string) *program {
	return &program{args: args, in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv}
}

// Exit codes, as the contract has them.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// usageError is wrong use of a command: exit code 2.
type usageError struct{ sentence string }

func (e *usageError) Error() string { return e.sentence }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// run carries the command out and gives the exit code.
func run(ctx context.Context, p *program) int {
	err := p.execute(ctx)
	if err == nil {
		return exitOK
	}
	p.complain(err)
	var usage *usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailure
}

// execute gives a panic as an error like any other: nothing goes on after it.
func (p *program) execute(ctx context.Context) (err error) {
	ctx, over := context.WithCancel(ctx)
	defer over()
	if !loud {
		defer func() {
			if recover() != nil {
				err = died()
			}
		}()
	}
	return newRoot(p).ExecuteContext(ctx)
}

// complain prints an error as one line.
func (p *program) complain(err error) {
	p.line(p.err, p.style(p.err, bold, "earshot:")+" "+plain(sentence(err)))
}

// sentence is what a person reads of an error.
func sentence(err error) string {
	if errors.Is(err, rpc.ErrClosed) {
		return "the daemon went away in the middle of it; run `earshot status` to see what is left"
	}
	return err.Error()
}

// notInThisVersion is what the contract names and this release does not do.
func notInThisVersion(what, instead string) error {
	return protocol.Errorf(protocol.NotInThisVersion, "%s is not in this version; %s", what, instead)
}

// style is how something is written on a terminal: the parameter of ECMA-48's SGR.
type style string

const (
	bold style = "1"
	dim  style = "2"
)

// style writes s so if w is a terminal that shows colours.
func (p *program) style(w *os.File, how style, s string) string {
	if p.getenv("NO_COLOR") != "" || p.getenv("TERM") == "dumb" || !isTerminal(w) {
		return s
	}
	return "\x1b[" + string(how) + "m" + s + "\x1b[0m"
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// asks tells whether a person can be asked: whoever redirects standard input is a script.
func (p *program) asks() bool { return isTerminal(p.in) && isTerminal(p.err) }

// ask puts a question on the terminal and waits for a line; "" where the input ends.
func (p *program) ask(question string) string {
	fmt.Fprint(p.err, question)
	line, err := bufio.NewReader(p.in).ReadString('\n')
	if err != nil {
		fmt.Fprintln(p.err)
	}
	return strings.TrimSpace(line)
}

// printJSON writes a value as one line to standard output.
func (p *program) printJSON(v any) error { return writeJSON(p.out, v) }

func writeJSON(w io.Writer, v any) error {
	line, err := jsonLine(v)
	if err != nil {
		return fmt.Errorf("write the answer as JSON: %w", err)
	}
	_, err = w.Write(line)
	return err
}

// socket is where the daemon of these settings listens.
func (p *program) socket() (string, error) {
	if p.settings.Socket == "" {
		return rpc.SocketPath(p.settings.Profile)
	}
	path, err := filepath.Abs(p.settings.Socket)
	if err != nil {
		return "", fmt.Errorf("find the socket %s: %w", p.settings.Socket, err)
	}
	return path, nil
}

// loadSettings reads them with the flags that were given.
func (p *program) loadSettings(flags map[string]string) error {
	p.given = flags
	s, err := settings.Load(flags, p.getenv, settings.Path(p.getenv))
	if err != nil {
		return usagef("%s", err)
	}
	p.settings = s
	return nil
}

// maxDocument is the most that can be shared, in bytes of UTF-8: the contract's limit of a document.
const maxDocument = 32 << 20

// readText reads standard input as a document.
func (p *program) readText() (string, error) {
	body, err := io.ReadAll(io.LimitReader(p.in, maxDocument+1))
	if err != nil {
		return "", fmt.Errorf("read standard input: %w", err)
	}
	if len(body) > maxDocument {
		return "", fmt.Errorf("standard input is over 32 MiB, the most that can be shared; share a smaller text")
	}
	if !utf8.Valid(body) {
		return "", fmt.Errorf("standard input is not UTF-8 text; convert it first, for instance with iconv -t utf-8")
	}
	return string(body), nil
}
