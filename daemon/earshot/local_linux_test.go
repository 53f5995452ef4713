package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"earshot/internal/matchmaker"
	"earshot/internal/threat"
	"earshot/protocol/wire"
)

// commandLines gives what a list of processes shows, and what their environments hold, of every process of this machine
// that this user may look at.
func commandLines(t *testing.T) (shown, environments map[int]string) {
	t.Helper()
	shown, environments = map[int]string{}, map[int]string{}
	entries, err := os.ReadDir("/proc")
	must(t, err)
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil {
			continue // it has ended
		}
		shown[pid] = string(line)
		environment, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)) // another user's, or it has ended
		environments[pid] = string(environment)
	}
	return shown, environments
}

// showing gives the processes in whose command line or environment a canary stands.
func showing(t *testing.T, c *threat.Canaries) (lines, environments []int) {
	t.Helper()
	shown, kept := commandLines(t)
	for pid := range shown {
		if len(c.In([]byte(shown[pid]))) > 0 {
			lines = append(lines, pid)
		}
		if len(c.In([]byte(kept[pid]))) > 0 {
			environments = append(environments, pid)
		}
	}
	return lines, environments
}

// TestL3ProcessList: whoever gives the code by the prompt or by standard input shows it to no list of processes, neither
// the command's nor the daemon's; `join CODE` shows it in its own line and in no other.
func TestL3ProcessList(t *testing.T) {
	program := needProgram(t)
	_, homes := newHomes(t, "Ana", "Ben", "Cem", "Dan")
	folder := filepath.Join(homes[0].work(), "folder")
	write(t, filepath.Join(folder, "text.txt"), "text\n")
	for _, h := range homes {
		d, err := h.daemon(program)
		must(t, err)
		t.Cleanup(func() { end(d) })
	}
	sharing, err := homes[0].share(program, folder)
	must(t, err)
	t.Cleanup(sharing.kill)
	var codes threat.Canaries
	codes.Add("code", sharing.session.Code)
	_, secret, _ := strings.Cut(sharing.session.Link, "-")
	codes.Add("link", secret)
	join := func(h home, args ...string) (*exec.Cmd, *output) {
		cmd := h.command(program, append([]string{"join"}, args...)...)
		out := newOutput()
		cmd.Stdout, cmd.Stderr = out, out
		t.Cleanup(func() { end(cmd) })
		return cmd, out
	}
	unseen := func(how string) {
		t.Helper()
		if lines, environments := showing(t, &codes); len(lines)+len(environments) > 0 {
			t.Errorf("%s: the code or link stands in the command lines of %v and in the environments of %v", how, lines, environments)
		}
	}
	unseen("shared")

	input, out := join(homes[1], "--json", "-")
	input.Stdin = strings.NewReader(sharing.session.Link + "\n")
	must(t, input.Start())
	must(t, out.await(`"event":"joined"`))
	unseen("joined by standard input")

	person, slave, err := openTerminal()
	must(t, err)
	t.Cleanup(func() { person.Close() })
	prompt, out := join(homes[2])
	prompt.Stdin, prompt.Stdout, prompt.Stderr = slave, slave, slave
	must(t, prompt.Start())
	slave.Close()
	// Ends when no program has the terminal any more.
	go func() { _, _ = bufio.NewReader(person).WriteTo(out) }()
	must(t, out.await("Code or link: "))
	_, err = fmt.Fprintln(person, sharing.session.Link)
	must(t, err)
	must(t, out.await("Joined as editor"))
	unseen("joined at the prompt")

	argument, out := join(homes[3], "--json", sharing.session.Link)
	must(t, argument.Start())
	must(t, out.await(`"event":"joined"`))
	if lines, environments := showing(t, &codes); !slices.Equal(lines, []int{argument.Process.Pid}) || len(environments) > 0 {
		t.Errorf("joined by argument: got the command lines of %v and the environments of %v, want its own line %d alone",
			lines, environments, argument.Process.Pid)
	}
}

// listening gives the TCP addresses at which a process listens.
func listening(t *testing.T, pid int) []netip.AddrPort {
	t.Helper()
	sockets := map[string]bool{}
	folder := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(folder)
	must(t, err)
	for _, entry := range entries {
		target, err := os.Readlink(filepath.Join(folder, entry.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		must(t, err)
		if inode, ok := strings.CutPrefix(target, "socket:["); ok {
			sockets[strings.TrimSuffix(inode, "]")] = true
		}
	}
	var found []netip.AddrPort
	for _, table := range []string{"tcp", "tcp6"} {
		for _, line := range strings.Split(read(t, fmt.Sprintf("/proc/%d/net/%s", pid, table)), "\n")[1:] {
			// sl local_address rem_address st … inode at the tenth place; 0A is LISTEN.
			if fields := strings.Fields(line); len(fields) > 9 && fields[3] == "0A" && sockets[fields[9]] {
				found = append(found, kernelAddress(t, fields[1]))
			}
		}
	}
	return found
}

// kernelAddress reads "0100007F:B8C4": words of four bytes, each in this machine's order, which is little-endian.
func kernelAddress(t *testing.T, text string) netip.AddrPort {
	t.Helper()
	digits, port, _ := strings.Cut(text, ":")
	var address []byte
	for ; digits != ""; digits = digits[8:] {
		word, err := strconv.ParseUint(digits[:8], 16, 32)
		must(t, err)
		address = append(address, byte(word), byte(word>>8), byte(word>>16), byte(word>>24))
	}
	a, ok := netip.AddrFromSlice(address)
	n, err := strconv.ParseUint(port, 16, 16)
	must(t, err)
	if !ok {
		t.Fatalf("%q is no address", text)
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(n))
}

// TestL5NoListener: a daemon listens on no TCP port for editors, ever, and for guests on this machine's own, private and
// VPN addresses alone, only while it shares.
func TestL5NoListener(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: a daemon lets nobody else see what it has open (L7)")
	}
	program := needProgram(t)
	_, homes := newHomes(t, "Ana")
	folder := filepath.Join(homes[0].work(), "folder")
	write(t, filepath.Join(folder, "text.txt"), "text\n")
	daemon, err := homes[0].daemon(program)
	must(t, err)
	t.Cleanup(func() { end(daemon) })
	none := func(when string) {
		t.Helper()
		if at := listening(t, daemon.Process.Pid); len(at) > 0 {
			t.Errorf("%s: the daemon listens on %v", when, at)
		}
	}
	none("at its start")
	share := homes[0].command(program, "share", "--json", "--admit", "auto", folder)
	out := newOutput()
	share.Stdout, share.Stderr = out, out
	must(t, share.Start())
	must(t, out.await(`"event":"opened"`))
	at := listening(t, daemon.Process.Pid)
	if len(at) == 0 {
		t.Error("sharing: the daemon listens nowhere: this test would see nothing at all")
	}
	for _, a := range at {
		if !matchmaker.IsLocal(a.Addr()) || a.Port() < wire.FirstLocalPort || a.Port() > wire.LastLocalPort {
			t.Errorf("sharing: the daemon listens on %v", a)
		}
	}
	must(t, share.Process.Signal(os.Interrupt))
	must(t, share.Wait())
	none("after the share")
}
