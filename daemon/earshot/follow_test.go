package main

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"go.uber.org/zap"

	"earshot/daemon/settings"
	"earshot/internal/rpc"
	"earshot/protocol"
)

// scratch stands for what newScratchURI draws.
const scratch = "untitled:X/" + scratchName

// lateDaemon has edits for its client's buffer, one of which comes with each answer to session/list.
type lateDaemon struct {
	edits  []string
	listed int
	at     int // the buffer's version
}

func (d *lateDaemon) Opened(*rpc.Conn)        {}
func (d *lateDaemon) Closed(*rpc.Conn, error) {}

func (d *lateDaemon) Answer(_ *rpc.Conn, _ uint64, result any, _ *protocol.Error) {
	if got, ok := result.(*protocol.ApplyWorkspaceEditResult); ok && got.Applied {
		d.at = *got.Version
	}
}

func (d *lateDaemon) Call(c *rpc.Conn, id protocol.RequestID, p protocol.DaemonParams) {
	switch p.(type) {
	case *protocol.InitializeParams:
		r := protocol.InitializeResult{}
		r.Capabilities.Experimental.Earshot.ProtocolVersion = protocol.Version
		c.Reply(id, r)
	case *protocol.DidOpenTextDocumentParams:
		d.at = 1
	case *protocol.ListSessionsParams:
		if d.listed < len(d.edits) {
			c.Call(uint64(d.listed), asked(scratch, d.at, change(0, 0, 0, 0, d.edits[d.listed])))
		}
		d.listed++
		c.Reply(id, protocol.ListSessionsResult{})
	}
}

// TestSettleTakesWhatIsOnItsWay: the text that a scratch share prints at its end holds every edit that the daemon had.
func TestSettleTakesWhatIsOnItsWay(t *testing.T) {
	d := &lateDaemon{edits: []string{"c", "b", "a"}}
	f := followTest(t, d)
	b, err := f.c.open(scratch, "d")
	if err != nil {
		t.Fatal(err)
	}
	f.settle()
	if got := b.text(); got != "abcd" {
		t.Errorf("got %q, want abcd", got)
	}
}

// TestSettleEnds: a person who types on without end does not keep the command from ending.
func TestSettleEnds(t *testing.T) {
	d := &lateDaemon{edits: make([]string, 2*settleRounds)}
	for i := range d.edits {
		d.edits[i] = "x"
	}
	f := followTest(t, d)
	b, err := f.c.open(scratch, "")
	if err != nil {
		t.Fatal(err)
	}
	f.settle()
	if got := len(b.text()); got != settleRounds {
		t.Errorf("got %d edits taken, want those of %d rounds", got, settleRounds)
	}
}

// endlessDaemon has another page of its listing, whatever cursor is asked for.
type endlessDaemon struct {
	lateDaemon
	pages int
}

func (d *endlessDaemon) Call(c *rpc.Conn, id protocol.RequestID, p protocol.DaemonParams) {
	if _, ok := p.(*protocol.ListFilesParams); !ok {
		d.lateDaemon.Call(c, id, p)
		return
	}
	d.pages++
	c.Reply(id, protocol.ListFilesResult{Entries: []protocol.Entry{}, Cursor: strconv.Itoa(d.pages)})
}

// TestH3EndlessListing: a host whose listing has no end does not keep its guest's command from going on.
func TestH3EndlessListing(t *testing.T) {
	d := &endlessDaemon{}
	f := followTest(t, d)
	if err := f.eachPage(func([]protocol.Entry) {}); err != nil {
		t.Fatal(err)
	}
	if d.pages != maxPages {
		t.Errorf("%d pages were asked for, want %d", d.pages, maxPages)
	}
}

// endedDaemon has a session that is over and forgotten by the time its files are asked for.
type endedDaemon struct{ lateDaemon }

func (d *endedDaemon) Call(c *rpc.Conn, id protocol.RequestID, p protocol.DaemonParams) {
	switch p.(type) {
	case *protocol.SubscribeParams:
		c.Reply(id, protocol.Empty{})
	case *protocol.JoinParams:
		c.Reply(id, protocol.SessionResult{Session: protocol.Session{ID: "aaaaaaaaaa", Role: protocol.RoleEditor}})
	case *protocol.ListFilesParams:
		c.ReplyError(id, protocol.Errorf(protocol.NoSuchSession, "There is no session \"aaaaaaaaaa\" here."))
	default:
		d.lateDaemon.Call(c, id, p)
	}
}

// TestJoinEndedMeanwhile: a host that ends the session while its files are listed is no failure of the guest's command.
func TestJoinEndedMeanwhile(t *testing.T) {
	f := followTest(t, &endedDaemon{})
	if err := f.join(&joinRequest{}); err != nil || !f.over {
		t.Errorf("got %v, over: %v", err, f.over)
	}
}

// followTest connects a command to a daemon of the test's own.
func followTest(t *testing.T, h rpc.Handler) *following {
	t.Helper()
	dir, err := os.MkdirTemp("", "es")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // in the system's folder for such
	socket := filepath.Join(dir, "x", "s")
	listener, err := rpc.Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- rpc.Serve(ctx, listener, h, zap.NewNop()) }() // ends with ctx
	p := newProgram(nil)
	p.settings = settings.Settings{Socket: socket, Name: "Ana"}
	c, err := p.connect(ctx, kind{follows: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return p.follow(c, os.Stdout)
}
