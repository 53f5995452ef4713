package daemon

import (
	"bytes"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"earshot/protocol"
)

// TestL8Logs: at its most talkative the log of both daemons holds no text, name, code, key or path.
func TestL8Logs(t *testing.T) {
	var out logged
	log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), &out, zapcore.DebugLevel))
	dir := folderOf(t, "geheim.txt", "a text that nobody else may read\n")
	loud := func(o *Options) { o.Log = log }
	host, guest := sitDown(t, "Anastasia", loud), sitDown(t, "Benjamin", loud)
	s := host.share(dir)
	guest.fails(protocol.WrongCode, "session/join", &protocol.JoinParams{Code: anotherCode(t, s.Code), Server: serverOf(t, s.Link)})
	guest.join(s.Code, func(p *protocol.JoinParams) { p.Server = serverOf(t, s.Link) })
	far, near := "earshot://"+s.ID+"/geheim.txt", fileURI(t, filepath.Join(dir, "geheim.txt"))
	guest.open(far)
	host.open(near)
	guest.typed(far, 0, 0, "typed words ")
	host.shows(near, "typed words a text that nobody else may read\n")
	guest.must("document/save", &protocol.SaveParams{TextDocument: protocol.TextDocumentIdentifier{URI: far}}, nil)
	host.forget()
	guest.forget()
	host.cutLinks()
	host.awaitEvent("returned")
	guest.awaitEvent("returned")
	guest.fails(protocol.NoSuchDocument, "workspace/textDocumentContent", &protocol.TextDocumentContentParams{URI: "earshot://" + s.ID + "/none.txt"})
	host.must("session/leave", &protocol.LeaveParams{Session: s.ID}, nil)
	host.stop()
	guest.stop()
	_, secret, _ := strings.Cut(s.Link, "-")
	secret, hash, _ := strings.Cut(secret, ".")
	_, code, _ := strings.Cut(s.Code, "-")
	got := out.String()
	private := []string{"Anastasia", "Benjamin", "geheim", "none.txt", "nobody else", "typed words", dir, code, secret, hash}
	if room := s.Code[:4]; strings.ContainsAny(room, "GHJKMPQRSTVWXYZ") { // else it may be part of some number
		private = append(private, room)
	}
	for _, private := range private {
		if at := strings.Index(got, private); at >= 0 {
			t.Errorf("the log holds %q: …%s…", private, got[max(0, at-200):min(len(got), at+100)])
		}
	}
	if !strings.Contains(got, "a wrong secret was tried") {
		t.Error("the log holds not even what it should")
	}
}

// logged collects what several goroutines log.
type logged struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

func (l *logged) Sync() error { return nil }

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}
