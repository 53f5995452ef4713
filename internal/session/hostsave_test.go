package session

import (
	"strings"
	"testing"
	"time"

	"earshot/internal/text"
	"earshot/protocol"
)

// saving makes an editor that saves for a guest; the test answers for it.
func saving(_ *editor, p *protocol.InitializeParams) {
	p.Capabilities.Experimental.Earshot.Saves = true
}

// writes is the editor's writing its buffer to the disk and saying so.
func (ed *editor) writes() {
	ed.n.w.disk["a.txt"] = ed.text()
	ed.notify(&protocol.DidSaveTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: ed.uri}})
}

func (ed *editor) savesBuffer(t *testing.T, saved bool) {
	t.Helper()
	call, p := takeAsk[*protocol.SaveBufferParams](ed)
	if p == nil {
		t.Fatal("it was not asked to save")
	}
	if saved {
		ed.writes()
	}
	ed.n.step(ClientAnswered{Conn: ed.conn, Call: call, Result: &protocol.SaveBufferResult{Saved: saved}})
}

func (ed *editor) saves() protocol.RequestID {
	return ed.ask(&protocol.SaveParams{TextDocument: protocol.TextDocumentIdentifier{URI: ed.uri}})
}

func wantSaved(t *testing.T, ed *editor, id protocol.RequestID, disk string) {
	t.Helper()
	if got, ok := ed.results[id].(protocol.Empty); !ok {
		t.Errorf("the save was answered %v (%+v)", ed.results[id], got)
	}
	if ed.n.w.disk["a.txt"] != disk {
		t.Errorf("the disk holds %q, want %q", ed.n.w.disk["a.txt"], disk)
	}
}

// TestSaveByHostsEditor: a guest's save is the host's editor's, which writes its buffer itself.
func TestSaveByHostsEditor(t *testing.T) {
	w, host, guest := pair(t, "abc")
	a, b := host.connect(saving), guest.connect()
	a.open(fileURI, "abc")
	b.fetch(w.uri("a.txt"))
	b.adds("d")
	host.fx = nil
	id := b.saves()
	if b.results[id] != nil {
		t.Fatal("answered before the editor saved")
	}
	second := b.saves()
	a.savesBuffer(t, true)
	wantSaved(t, b, id, "abcd")
	wantSaved(t, b, second, "abcd")
	if got := effects[SaveFile](host); len(got) != 0 {
		t.Errorf("the daemon wrote too: %+v", got)
	}
	if d := host.doc(); d.dirty || d.saving != nil {
		t.Errorf("dirty %v, saving %v", d.dirty, d.saving)
	}
}

// TestSaveByHostsEditorTooEarly: an editor whose person types, so that it refuses edits, is asked once it has the guest's last keys.
func TestSaveByHostsEditorTooEarly(t *testing.T) {
	w, host, guest := pair(t, "abc")
	a, b := host.connect(saving, manual), guest.connect()
	a.open(fileURI, "abc")
	b.fetch(w.uri("a.txt"))
	b.adds("d")
	id := b.saves()
	wantNotAsked := func(when string) {
		t.Helper()
		if _, p := takeAsk[*protocol.SaveBufferParams](a); p != nil || b.results[id] != nil {
			t.Fatal("asked, or answered, " + when)
		}
	}
	wantNotAsked("before the edit under way was")
	for range 3 {
		a.answers(false) // the person was faster
		wantNotAsked("while the editor has not what the guest saves")
		w.pass(time.Second)
	}
	a.applies()
	a.savesBuffer(t, true)
	wantSaved(t, b, id, "abcd")
}

// TestSaveNotByHostsEditor: an editor that says no, is silent, leaves or always writes too early is not waited for.
func TestSaveNotByHostsEditor(t *testing.T) {
	for name, fails := range map[string]func(t *testing.T, w *world, a *editor){
		"no":     func(t *testing.T, _ *world, a *editor) { a.savesBuffer(t, false) },
		"silent": func(_ *testing.T, w *world, _ *editor) { w.pass(BufferSaveWait) },
		"leaves": func(_ *testing.T, _ *world, a *editor) { a.drop() },
		"closes": func(_ *testing.T, _ *world, a *editor) {
			a.notify(&protocol.DidCloseTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: fileURI}})
		},
		"early": func(t *testing.T, w *world, a *editor) {
			for range bufferSaveTries {
				call, p := takeAsk[*protocol.SaveBufferParams](a)
				if p == nil {
					t.Fatal("not asked again")
				}
				a.n.step(ClientAnswered{Conn: a.conn, Call: call, Result: &protocol.SaveBufferResult{Saved: true}})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, host, guest := pair(t, "abc")
			a, b := host.connect(saving), guest.connect()
			a.open(fileURI, "abc")
			b.fetch(w.uri("a.txt"))
			b.adds("d")
			id := b.saves()
			fails(t, w, a)
			wantSaved(t, b, id, "abcd")
			if host.doc() != nil && host.doc().saving != nil {
				t.Error("it still waits")
			}
		})
	}
}

// TestSaveByHostsEditorAtTheEnd: a save under way when the session ends is answered.
func TestSaveByHostsEditorAtTheEnd(t *testing.T) {
	_, host, _ := pair(t, "abc")
	a := host.connect(saving)
	a.open(fileURI, "abc")
	script := host.connect()
	a.adds("d")
	id := script.ask(&protocol.SaveParams{TextDocument: protocol.TextDocumentIdentifier{URI: fileURI}})
	a.call(&protocol.LeaveParams{Session: host.shared()})
	if script.results[id] == nil {
		t.Error("the save was not answered")
	}
	if _, p := takeAsk[*protocol.SaveBufferParams](a); p != nil && len(effects[Withdraw](host)) == 0 {
		t.Error("the editor is still asked")
	}
}

// TestSaveTorn: an editor that is killed while it writes its file, or finds no room on the disk, leaves the beginning of its text there. No
// text is lost by that: the file is written whole.
func TestSaveTorn(t *testing.T) {
	const whole = "one\r\ntwo\r\nthree\r\n"
	fails := map[string]func(t *testing.T, w *world, a *editor){
		"no":                                  func(t *testing.T, _ *world, a *editor) { a.savesBuffer(t, false) },
		"silent":                              func(_ *testing.T, w *world, _ *editor) { w.pass(BufferSaveWait) },
		"killed":                              func(_ *testing.T, _ *world, a *editor) { a.drop() },
		"killed before, at a save of its own": nil,
		"changed by a formatter": func(t *testing.T, _ *world, a *editor) {
			a.types(0, 3, "ONE")
			a.n.w.disk["a.txt"] = "ONE\r\n"
			a.savesBuffer(t, false)
		},
	}
	for name, fail := range fails {
		for _, left := range []string{"", "one", "one\r", "one\r\ntw"} {
			t.Run(name+"/"+left, func(t *testing.T) {
				w, host, guest := pair(t, whole)
				a, b := host.connect(saving), guest.connect()
				a.open(fileURI, whole)
				b.fetch(w.uri("a.txt"))
				b.adds("four")
				w.disk["a.txt"] = left
				if fail == nil {
					a.drop()
				}
				id := b.saves()
				if fail != nil {
					fail(t, w, a)
				}
				want := strings.Replace(whole+"four", "one", a.text()[:3], 1)
				wantSaved(t, b, id, want)
				w.want(text.CRLF.ToLF(want), b, host)
			})
		}
	}
}

// TestCutByAnotherProgram: no editor was writing, so a file that is shorter now was made so on purpose.
func TestCutByAnotherProgram(t *testing.T) {
	w, host, guest := pair(t, "one\ntwo\n")
	a, b := host.connect(saving), guest.connect()
	a.open(fileURI, "one\ntwo\n")
	a.drop() // with nothing to write
	b.fetch(w.uri("a.txt"))
	b.adds("three\n")
	w.disk["a.txt"] = "one\n"
	wantSaved(t, b, b.saves(), "one\nthree\n")
	w.want("one\nthree\n", b, host)
}

// TestA5SaveFlood: a guest that saves without end keeps no editor of the host's busy: not with what is on the disk already, nor faster than
// people save.
func TestA5SaveFlood(t *testing.T) {
	w, host, guest := pair(t, "abc")
	a, b := host.connect(saving), guest.connect()
	a.open(fileURI, "abc")
	b.fetch(w.uri("a.txt"))
	for range 3 {
		wantSaved(t, b, b.saves(), "abc")
	}
	for i := range askBurst {
		b.adds("x")
		id := b.saves()
		a.savesBuffer(t, true)
		if _, ok := b.results[id].(protocol.Empty); !ok {
			t.Fatalf("save %d: %v", i, b.results[id])
		}
	}
	b.adds("x")
	err, _ := b.results[b.saves()].(*protocol.Error)
	wantKind(t, err, protocol.RateLimited)
	w.pass(askEach)
	id := b.saves()
	a.savesBuffer(t, true)
	wantSaved(t, b, id, b.text())
	if _, p := takeAsk[*protocol.SaveBufferParams](a); p != nil {
		t.Error("it was asked once more than it had to be")
	}
}
