package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"earshot/internal/docpath"
	"earshot/internal/fakeeditor"
	"earshot/internal/rpc"
	"earshot/protocol"
)

// buildDaemon makes the program that is measured, as `make build` does.
func buildDaemon(ctx context.Context, path string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", path, "earshot/daemon/earshot")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the program: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// startDaemons sets up two whole daemons and, in one process, an editor at each: the host's and, joined by code, the
// guest's. No server, no settings.
func startDaemons(size int) func(context.Context, *workshop, *scene) error {
	return func(ctx context.Context, w *workshop, s *scene) error {
		host, guest, folder, err := startBoth(w, s, size)
		if err != nil {
			return err
		}
		editors, err := s.part("editors", "editors", host, guest, folder, strconv.Itoa(w.edits()))
		if err != nil {
			return err
		}
		s.sender, s.receivers = editors, []*child{editors}
		return nil
	}
}

// startBoth runs the host's daemon and the guest's, and makes the folder that is shared, with a text of about size bytes.
func startBoth(w *workshop, s *scene, size int) (host, guest, folder string, err error) {
	if host, err = startDaemon(w, s, "host"); err != nil {
		return "", "", "", err
	}
	if guest, err = startDaemon(w, s, "guest"); err != nil {
		return "", "", "", err
	}
	folder = filepath.Join(filepath.Dir(host), "shared")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return "", "", "", err
	}
	return host, guest, folder, os.WriteFile(filepath.Join(folder, motorFile), []byte(manuscript(size)), 0o600)
}

// startDaemon runs one with a home, settings and runtime folder of its own.
func startDaemon(w *workshop, s *scene, name string) (socket string, err error) {
	socket = w.place("d.sock")
	home := filepath.Dir(socket)
	cmd := exec.Command(w.binary, "daemon", "--socket", socket)
	cmd.Env = []string{
		"HOME=" + home, "XDG_RUNTIME_DIR=" + home, "XDG_CONFIG_HOME=" + home, "XDG_STATE_HOME=" + home,
		"PATH=" + os.Getenv("PATH"), "EARSHOT_NAME=" + name,
	}
	for _, passed := range []string{"GOMAXPROCS", "GODEBUG"} {
		if value, ok := os.LookupEnv(passed); ok {
			cmd.Env = append(cmd.Env, passed+"="+value)
		}
	}
	_, err = s.start(name+" daemon", cmd)
	return socket, err
}

// dialPause lies between attempts to reach a daemon that has just been started.
const dialPause = 20 * time.Millisecond

func dial(ctx context.Context, socket string) (net.Conn, error) {
	for {
		conn, err := rpc.Dial(ctx, socket)
		if !errors.Is(err, rpc.ErrNotRunning) {
			return conn, err
		}
		select {
		case <-time.After(dialPause):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// seat is an exact editor at a daemon.
type seat struct {
	*rpc.Client
	conn     net.Conn
	attached chan struct{} // closed when the daemon has taken the buffer

	// Set before the buffer is opened.
	editor *fakeeditor.Editor
	reader *reader // nil at the host, to whom nobody's edits come
	full   chan error
}

func sit(ctx context.Context, socket string) (*seat, error) {
	conn, err := dial(ctx, socket)
	if err != nil {
		return nil, err
	}
	s := &seat{conn: conn, attached: make(chan struct{}), full: make(chan error, 1)}
	s.Client = rpc.Connect(context.Background(), conn, s)
	if err := s.Client.Call(ctx, "initialize", exactEditor(), nil); err != nil {
		return nil, err
	}
	return s, s.Notify("initialized", nil)
}

// Call takes what the daemon sends, in the connection's reading goroutine.
func (s *seat) Call(c *rpc.Client, id protocol.RequestID, p protocol.EditorParams) {
	at := now()
	switch p := p.(type) {
	case *protocol.ApplyWorkspaceEditParams:
		s.edited(id, p, at)
	case *protocol.DocumentChanged:
		select {
		case <-s.attached:
		default:
			close(s.attached)
		}
	case *protocol.ShowMessageParams:
		s.end(errors.New(p.Message))
	}
}

// Closed is an error as long as somebody waits for edits.
func (s *seat) Closed(_ *rpc.Client, err error) {
	s.end(errors.Join(errors.New("the daemon closed the connection"), err))
}

func (s *seat) end(err error) {
	select {
	case s.full <- err:
	default:
	}
}

// edited applies an edit and answers at once; the keystrokes in it are stamped with at.
func (s *seat) edited(id protocol.RequestID, p *protocol.ApplyWorkspaceEditParams, at int64) {
	if s.reader == nil {
		s.end(errors.New("an edit came to the one who types"))
		return
	}
	out, err := s.reader.take(p, at)
	for _, m := range out {
		if m.Change != nil {
			err = errors.Join(err, s.Notify(m.Change.Method(), m.Change))
			continue
		}
		err = errors.Join(err, s.Reply(id, m.Answer))
	}
	if err != nil || s.reader.done() {
		s.end(err)
	}
}

// open attaches the seat's buffer and waits until the daemon has it.
func (s *seat) open(ctx context.Context) error {
	item := s.editor.Open()[0].Open
	if err := s.Notify(item.Method(), item); err != nil {
		return err
	}
	select {
	case <-s.attached:
		return nil
	case err := <-s.full:
		return err
	case <-ctx.Done():
		return errors.New("the daemon did not take the buffer")
	}
}

// editorsPart is `editors HOST-SOCKET GUEST-SOCKET FOLDER EDITS`.
func editorsPart(p *program, args []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	edits, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	host, err := sit(ctx, args[0])
	if err != nil {
		return err
	}
	person, id, err := hostSession(ctx, host, args[2], args[1])
	if err != nil {
		return fmt.Errorf("share: %w", err)
	}
	guest, err := joinSession(ctx, id, edits)
	if err != nil {
		return fmt.Errorf("join: %w", err)
	}
	err = p.begin(func(k int) (int64, error) {
		frame, err := frameOf(person.press(k))
		if err != nil {
			return 0, err
		}
		at := now()
		_, err = host.conn.Write(frame) // whole frames, so that they mix with the client's own
		return at, err
	})
	if err != nil {
		return err
	}
	if err := <-guest.full; err != nil {
		return err
	}
	if guest.editor.Text() != person.editor.Text() {
		return errors.New("the two buffers differ at the end")
	}
	p.say(note{Kind: got, Stamps: guest.reader.stamps})
	return nil
}

// invitation is what the guest's editor needs.
type invitation struct{ socket, session, code string }

func hostSession(ctx context.Context, host *seat, folder, guestSocket string) (*typist, invitation, error) {
	var none invitation
	uri, err := docpath.FileURI(folder, "linux")
	if err != nil {
		return nil, none, err
	}
	var shared protocol.SessionResult
	share := &protocol.ShareParams{Folder: uri, Admit: protocol.AdmitAuto}
	if err := host.Client.Call(ctx, share.Method(), share, &shared); err != nil {
		return nil, none, err
	}
	body, err := os.ReadFile(filepath.Join(folder, motorFile))
	if err != nil {
		return nil, none, err
	}
	person := newTypist(uri+"/"+motorFile, string(body))
	host.editor = person.editor
	return person, invitation{guestSocket, shared.Session.ID, shared.Session.Code}, host.open(ctx)
}

func joinSession(ctx context.Context, at invitation, edits int) (*seat, error) {
	guest, err := sit(ctx, at.socket)
	if err != nil {
		return nil, err
	}
	join := &protocol.JoinParams{Code: at.code}
	if err := guest.Client.Call(ctx, join.Method(), join, nil); err != nil {
		return nil, err
	}
	uri := "earshot://" + at.session + "/" + motorFile
	var content protocol.TextDocumentContentResult
	ask := &protocol.TextDocumentContentParams{URI: uri}
	if err := guest.Client.Call(ctx, ask.Method(), ask, &content); err != nil {
		return nil, err
	}
	guest.editor = newEditor(uri, content.Text)
	guest.reader = &reader{editor: guest.editor, want: edits}
	return guest, guest.open(ctx)
}
