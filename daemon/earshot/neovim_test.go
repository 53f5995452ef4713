//go:build unix

package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// neovim is a real Neovim with the plugin, driven through its standard input and output (msgpack-rpc). Its methods are for
// one goroutine at a time, but for kill.
type neovim struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	last  uint32
	rests int
}

// findNeovim gives a Neovim of 0.10 or newer, as scripts/install-nvim.sh finds or fetches it.
var findNeovim = sync.OnceValues(func() (string, error) {
	cmd := exec.Command("../../scripts/install-nvim.sh")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
})

func needNeovim(t *testing.T) string {
	t.Helper()
	path, err := findNeovim()
	if err != nil {
		t.Skipf("there is no Neovim here and none could be fetched: %v", err)
	}
	return path
}

// everyFile is a person's configuration that leaves as much as Neovim can: each kind of file, as often as possible, but for
// names.
const everyFile = `
vim.opt.runtimepath:prepend(vim.env.PLUGIN)
vim.g.earshot_cmd, vim.g.earshot_name = vim.env.PROGRAM, vim.env.EARSHOT_NAME
vim.o.swapfile, vim.o.undofile, vim.o.backup, vim.o.writebackup = true, true, true, true
vim.o.updatecount, vim.o.updatetime, vim.o.hidden = 1, 50, true
vim.o.backupdir = vim.fn.stdpath('state') .. '/backup'
vim.fn.mkdir(vim.o.backupdir, 'p')
vim.o.shada = "!,%,'100,/100,:100,@100,<500,s100,h"
vim.o.sessionoptions = vim.o.sessionoptions .. ',localoptions,globals'
local function keep(events, command)
  vim.api.nvim_create_autocmd(events, { command = 'silent! ' .. command })
end
keep({ 'CursorHold', 'InsertLeave', 'TextChanged' }, 'wshada!')
if vim.env.NAMES then
  keep({ 'BufWinLeave', 'InsertLeave' }, 'mkview')
  keep({ 'InsertLeave', 'VimLeavePre' }, 'mksession! Session.vim')
end
said = {}
vim.notify = function(text) said[#said + 1] = text end
vim.ui.select = function(_, _, done) done(nil) end
`

// startNeovim starts one with the plugin in a person's home.
func startNeovim(path, program string, h home, env ...string) (*neovim, error) {
	return startNeovimWith(everyFile, path, program, h, env...)
}

// startNeovimWith starts one with a configuration.
func startNeovimWith(config, path, program string, h home, env ...string) (*neovim, error) {
	plugin, err := filepath.Abs("../../plugins/nvim")
	if err != nil {
		return nil, err
	}
	init := filepath.Join(h.dir, "config", "init.lua")
	if err := os.WriteFile(init, []byte(config), 0o600); err != nil {
		return nil, err
	}
	n := &neovim{cmd: exec.Command(path, "--embed", "--headless", "-u", init)}
	n.cmd.Env = append(h.env(), "PLUGIN="+plugin, "PROGRAM="+program, "NVIM_LOG_FILE="+filepath.Join(h.dir, "nvim.log"))
	n.cmd.Env = append(n.cmd.Env, env...)
	n.cmd.Dir = h.work()
	if n.in, err = n.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	n.out = bufio.NewReader(out)
	if err := n.cmd.Start(); err != nil {
		return nil, err
	}
	return n, nil
}

// kill ends it at once, wherever it is.
func (n *neovim) kill() {
	_ = n.cmd.Process.Kill() // it may have ended
	_ = n.cmd.Wait()         // by the signal
}

// types sends keys in Neovim's notation as a person types them.
func (n *neovim) types(keys string) error {
	for keys != "" {
		taken, err := n.call("nvim_input", keys)
		if err != nil {
			return err
		}
		keys = keys[min(len(keys), int(taken.(int64))):]
	}
	return nil
}

// lua runs code, whose arguments and result are strings.
func (n *neovim) lua(code string, args ...string) (string, error) {
	result, err := n.call("nvim_exec_lua", code, args)
	if err != nil || result == nil {
		return "", err
	}
	text, ok := result.(string)
	if !ok {
		return "", fmt.Errorf("got %T from %s, want a string", result, code)
	}
	return text, nil
}

// lua0 runs code for what it does.
func (n *neovim) lua0(code string, args ...string) error {
	_, err := n.lua(code+"\nreturn ''", args...)
	return err
}

// await waits until a Lua expression holds. Neovim itself waits, a little each time, so that keys get their turn.
func (n *neovim) await(expression string, args ...string) error {
	_, err := n.until(nil, expression, args...)
	return err
}

// until is await that gives up when stop is closed; it tells whether the expression held.
func (n *neovim) until(stop <-chan struct{}, expression string, args ...string) (bool, error) {
	code := "local args = {...}; return vim.wait(20, function() return (" + expression + ") and true or false end, 2) and 'yes' or ''"
	for end := time.Now().Add(patience); time.Now().Before(end); {
		yes, err := n.lua(code, args...)
		if yes != "" || err != nil {
			return err == nil, err
		}
		select {
		case <-stop:
			return false, nil
		default:
		}
	}
	said, _ := n.lua("return table.concat(said, '\\n')") // for the report alone
	return false, fmt.Errorf("waited in vain for %s; it was told:\n%s", expression, said)
}

// rest waits until the keys typed so far are done.
func (n *neovim) rest() error {
	_, err := n.restUntil(nil)
	return err
}

// restUntil is rest that gives up when stop is closed; it tells whether the keys were done.
func (n *neovim) restUntil(stop <-chan struct{}) (bool, error) {
	n.rests++
	if err := n.types(fmt.Sprintf("<Esc><Cmd>let g:rested = %d<CR>", n.rests)); err != nil {
		return false, err
	}
	return n.until(stop, fmt.Sprintf("vim.g.rested == %d", n.rests))
}

// quit ends it as a person would, and waits for it.
func (n *neovim) quit() error {
	if err := n.types("<Esc>:qa!<CR>"); err != nil {
		return err
	}
	return n.cmd.Wait()
}

// The part of msgpack that is needed: requests out (type 0), and anything in.

func (n *neovim) call(method string, args ...any) (any, error) {
	n.last++
	b := packUint([]byte{0x94, 0}, n.last)
	b = packString(b, method)
	b = append(b, 0x90|byte(len(args)))
	for _, arg := range args {
		switch arg := arg.(type) {
		case string:
			b = packString(b, arg)
		case []string:
			b = append(b, 0xdc, 0, byte(len(arg)))
			for _, s := range arg {
				b = packString(b, s)
			}
		default:
			return nil, fmt.Errorf("%T can't be sent", arg)
		}
	}
	if _, err := n.in.Write(b); err != nil {
		return nil, err
	}
	for {
		message, err := unpack(n.out)
		if err != nil {
			return nil, err
		}
		parts, ok := message.([]any)
		if !ok || len(parts) != 4 || parts[0] != int64(1) || parts[1] != int64(n.last) {
			continue // a notification
		}
		if parts[2] != nil {
			return nil, fmt.Errorf("%s: %v", method, parts[2])
		}
		return parts[3], nil
	}
}

func packUint(b []byte, n uint32) []byte { return binary.BigEndian.AppendUint32(append(b, 0xce), n) }

func packString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(append(b, 0xdb), uint32(len(s))), s...)
}

var errMsgpack = errors.New("a msgpack type came that is not known here")

func unpack(r *bufio.Reader) (any, error) {
	tag, err := r.ReadByte()
	if err != nil {
		return nil, err
	}
	switch {
	case tag < 0x80:
		return int64(tag), nil
	case tag < 0x90:
		return unpackList(r, 2*int(tag&0x0f))
	case tag < 0xa0:
		return unpackList(r, int(tag&0x0f))
	case tag < 0xc0:
		return unpackString(r, int(tag&0x1f))
	case tag >= 0xe0:
		return int64(int8(tag)), nil
	}
	switch tag {
	case 0xc0:
		return nil, nil
	case 0xc2, 0xc3:
		return tag == 0xc3, nil
	case 0xcc, 0xcd, 0xce, 0xcf, 0xd0, 0xd1, 0xd2, 0xd3:
		n, err := unpackUint(r, 1<<(tag&3))
		return int64(n), err
	case 0xc4, 0xc5, 0xc6:
		return unpackLong(r, 1<<(tag-0xc4), unpackString)
	case 0xd9, 0xda, 0xdb:
		return unpackLong(r, 1<<(tag-0xd9), unpackString)
	case 0xdc, 0xdd:
		return unpackLong(r, 2<<(tag-0xdc), unpackList)
	}
	return nil, fmt.Errorf("%w: %x", errMsgpack, tag)
}

func unpackUint(r *bufio.Reader, size int) (n uint64, err error) {
	for range size {
		b, err := r.ReadByte()
		if err != nil {
			return 0, err
		}
		n = n<<8 | uint64(b)
	}
	return n, nil
}

func unpackLong(r *bufio.Reader, size int, then func(*bufio.Reader, int) (any, error)) (any, error) {
	n, err := unpackUint(r, size)
	if err != nil {
		return nil, err
	}
	return then(r, int(n))
}

func unpackString(r *bufio.Reader, length int) (any, error) {
	b := make([]byte, length)
	_, err := io.ReadFull(r, b)
	return string(b), err
}

func unpackList(r *bufio.Reader, length int) (any, error) {
	list := make([]any, length)
	for i := range list {
		var err error
		if list[i], err = unpack(r); err != nil {
			return nil, err
		}
	}
	return list, nil
}
