package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"earshot/internal/docpath"
	"earshot/protocol"
)

// longLine is a width that no line of a measurement reaches.
const longLine = 1 << 20

// startNeovims sets up two daemons and a real, headless Neovim with the plugin at each. The figure is from before
// nvim_buf_set_text at the host's to on_bytes at the guest's.
func startNeovims(width int) func(context.Context, *workshop, *scene) error {
	return func(ctx context.Context, w *workshop, s *scene) error {
		hostSocket, guestSocket, folder, err := startBoth(w, s, smallText)
		if err != nil {
			return err
		}
		at, err := meet(ctx, hostSocket, guestSocket, folder)
		if err != nil {
			return err
		}
		file, err := docpath.FileURI(filepath.Join(folder, motorFile), "linux")
		if err != nil {
			return err
		}
		if s.sender, err = startNeovim(w, s, "host", hostSocket, file, width); err != nil {
			return err
		}
		guest, err := startNeovim(w, s, "guest", guestSocket, "earshot://"+at+"/"+motorFile, width)
		if err != nil {
			return err
		}
		s.receivers = []*child{guest}
		_, err = guest.await(ctx, ready, patience)
		return err
	}
}

// meet opens a session over a folder and joins it, as scripts do, and gives its id. It stays when the scripts go.
func meet(ctx context.Context, hostSocket, guestSocket, folder string) (session string, err error) {
	uri, err := docpath.FileURI(folder, "linux")
	if err != nil {
		return "", err
	}
	host, err := sit(ctx, hostSocket)
	if err != nil {
		return "", err
	}
	defer host.conn.Close()
	var shared protocol.SessionResult
	share := &protocol.ShareParams{Folder: uri, Admit: protocol.AdmitAuto, Linger: true}
	if err := host.Client.Call(ctx, share.Method(), share, &shared); err != nil {
		return "", fmt.Errorf("share: %w", err)
	}
	guest, err := sit(ctx, guestSocket)
	if err != nil {
		return "", err
	}
	defer guest.conn.Close()
	join := &protocol.JoinParams{Code: shared.Session.Code, Linger: true}
	if err := guest.Client.Call(ctx, join.Method(), join, nil); err != nil {
		return "", fmt.Errorf("join: %w", err)
	}
	return shared.Session.ID, nil
}

// startNeovim runs one beside a daemon, without its person's settings.
func startNeovim(w *workshop, s *scene, side, socket, uri string, width int) (*child, error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	home := filepath.Dir(socket)
	script := filepath.Join(root, "internal", "bench", "neovim.lua")
	cmd := exec.Command(w.neovim, "--headless", "-u", "NONE", "-i", "NONE", "-n", "-c", "luafile "+script, filepath.Join(home, "none"))
	cmd.Env = []string{
		"HOME=" + home, "XDG_RUNTIME_DIR=" + home, "XDG_CONFIG_HOME=" + home, "XDG_STATE_HOME=" + home, "XDG_DATA_HOME=" + home,
		"PATH=" + os.Getenv("PATH"), "EARSHOT_SOCKET=" + socket,
		"BENCH_PLUGIN=" + filepath.Join(root, "plugins", "nvim"), "BENCH_PROGRAM=" + w.binary, "BENCH_SIDE=" + side,
		"BENCH_URI=" + uri, "BENCH_EDITS=" + strconv.Itoa(w.edits()), "BENCH_WIDTH=" + strconv.Itoa(width),
	}
	return s.start(side+" Neovim", cmd)
}

// moduleRoot is the folder of go.mod: the plugin and its installer are measured as they stand there.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("run this in the project's folder: the plugins are measured from there")
		}
		dir = up
	}
}

// findNeovim gives the path of the Neovim that the plugin's tests use.
func findNeovim(ctx context.Context) (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(root, "scripts", "install-nvim.sh"))
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("install Neovim: %w: %s", err, bytes.TrimSpace(said.Bytes()))
	}
	return strings.TrimSpace(out.String()), nil
}
