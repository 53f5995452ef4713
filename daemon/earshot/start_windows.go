package main

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// detach gives a daemon a process group and no console of its own. Windows hands no pipe on beside the standard streams, so
// a daemon that can't start says nothing here and the command tells how to see why.
func detach(cmd *exec.Cmd, _ *os.File) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.DETACHED_PROCESS | windows.CREATE_NEW_PROCESS_GROUP}
}

func report(error) {}

func keepReport() {}

// terminalDevice is the terminal of this process, wherever its standard input leads.
const terminalDevice = "CONIN$"
