//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// detach gives a daemon a session of its own, so that neither Ctrl-C nor the closing of the terminal reaches it, and a
// pipe to say on why it could not start. Its standard streams are /dev/null: one of them as that pipe would kill it at
// the first write after this command is gone.
func detach(cmd *exec.Cmd, say *os.File) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.ExtraFiles = []*os.File{say}
	cmd.Args = append(cmd.Args, "--report")
}

// reportFD is the first of exec.Cmd's ExtraFiles.
const reportFD = 3

// report tells the command that started this daemon why it could not start. Whether it hears is its affair.
func report(err error) {
	pipe := os.NewFile(reportFD, "report")
	defer pipe.Close()
	fmt.Fprintln(pipe, sentence(err))
}

// keepReport keeps the pipe from programs that the daemon runs.
func keepReport() { unix.CloseOnExec(reportFD) }

// terminalDevice is the terminal of this process, wherever its standard input leads.
const terminalDevice = "/dev/tty"
