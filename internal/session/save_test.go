package session

import (
	"strings"
	"testing"
	"time"

	"earshot/protocol"
	"earshot/protocol/wire"
)

func save(uri string) *protocol.SaveParams {
	return &protocol.SaveParams{TextDocument: protocol.TextDocumentIdentifier{URI: uri}}
}

func didSave(uri string) *protocol.DidSaveTextDocumentParams {
	return &protocol.DidSaveTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: uri}}
}

func TestGuestSaves(t *testing.T) {
	w, host, guest := pair(t, "abc\n")
	ed := guest.connect()
	ed.fetch(w.uri("a.txt"))
	watcher := host.connect()
	watcher.call(&protocol.SubscribeParams{})
	ed.adds("X")
	if p := saw[*protocol.DocumentChanged](ed); p == nil || !p.Dirty {
		t.Errorf("got %+v, want it told that the file lacks something", p)
	}
	ed.call(save(ed.uri))
	if got := w.disk["a.txt"]; got != "abc\nX" {
		t.Errorf("the disk holds %q", got)
	}
	if p := saw[*protocol.DocumentChanged](ed); p.Dirty || p.Form.FinalNewline {
		t.Errorf("got %+v, want it clean and without a final newline", p)
	}
	if got := saw[*protocol.Happening](watcher); got.Event != "saved" {
		t.Errorf("the newest event is %+v, want saved", got)
	}
}

// TestSaveWaitsForTheHost: what is saved before the host can have what was typed waits for that, or for the end of the hope of
// it.
func TestSaveWaitsForTheHost(t *testing.T) {
	begin := func() (w *world, host, guest *node, ed *editor, id protocol.RequestID) {
		w, host, guest = pair(t, "abc")
		ed = guest.connect()
		ed.fetch(w.uri("a.txt"))
		w.breakLink(guest)
		wantKind(t, ed.fails(save(ed.uri)), protocol.SaveFailed)
		w.pass(time.Second)
		w.busy = true
		w.connect(host, guest, guest.rejoin)
		w.deliver(host.name, all)
		w.deliver(host.lane(Live), all) // the guest is welcome and has said Resync
		ed.adds("X")
		id = ed.ask(save(ed.uri))
		w.deliver(laneFrom(ed.conn), all)
		if d := guest.doc(); d.synced || len(d.saves) != 1 || ed.results[id] != nil {
			t.Fatalf("synced %t, %d saves wait, answered %v", d.synced, len(d.saves), ed.results[id])
		}
		return w, host, guest, ed, id
	}

	w, host, guest, ed, id := begin()
	w.busy = false
	w.run()
	if _, ok := ed.results[id].(protocol.Empty); !ok || w.disk["a.txt"] != "abcX" {
		t.Errorf("answered %v, the disk holds %q", ed.results[id], w.disk["a.txt"])
	}
	w.want("abcX", ed, host, guest)

	w, _, guest, ed, id = begin()
	w.busy = false
	w.breakLink(guest)
	err, _ := ed.results[id].(*protocol.Error)
	wantKind(t, err, protocol.SaveFailed)

	w, host, _, ed, id = begin()
	host.connect0(leave(host, protocol.UnsavedDiscard))
	w.busy = false
	w.run()
	err, _ = ed.results[id].(*protocol.Error)
	wantKind(t, err, protocol.Ended)

	w, _, guest, ed, id = begin()
	d := guest.doc()
	guest.soon(FrameArrived{Link: d.session.up.id, Data: wire.Encode(&wire.Reset{Doc: d.num, Turn: d.turn, Reason: "no"})})
	w.deliver(guest.name, all)
	w.busy = false
	w.run()
	err, _ = ed.results[id].(*protocol.Error)
	wantKind(t, err, protocol.SaveFailed)
}

// TestSaveMergesTheDisk: before a save the disk is compared with what was last read or written; a difference is merged.
func TestSaveMergesTheDisk(t *testing.T) {
	w, host, guest := pair(t, "one\ntwo\n")
	ed := guest.connect()
	ed.fetch(w.uri("a.txt"))
	ed.types(0, 0, "X")
	w.disk["a.txt"] = "one\ntwo\nthree\n"
	ed.call(save(ed.uri))
	w.want("Xone\ntwo\nthree\n", ed, host, guest)
	if got := w.disk["a.txt"]; got != "Xone\ntwo\nthree\n" {
		t.Errorf("the disk holds %q", got)
	}
}

func TestSaveFails(t *testing.T) {
	w, host, guest := pair(t, "abc")
	ed := guest.connect()
	ed.fetch(w.uri("a.txt"))
	ed.adds("X")
	w.locked["a.txt"] = true
	wantKind(t, ed.fails(save(ed.uri)), protocol.SaveFailed)
	stock := guest.connect(stock("plain"))
	stock.fetch(w.uri("a.txt"))
	stock.notify(didSave(stock.uri))
	if !stock.wasTold("can't be written") {
		t.Error("a stock client was not told that its save failed")
	}
	w.want("abcX", ed, stock, host)
	wantKind(t, ed.fails(save("file:///nowhere")), protocol.NoSuchDocument)
}

// TestSaveWhenTheDiskNeverRests ends with an error and nothing written.
func TestSaveWhenTheDiskNeverRests(t *testing.T) {
	w, host, guest := pair(t, "abc")
	ed := guest.connect()
	ed.fetch(w.uri("a.txt"))
	ed.adds("X")
	host.holding = true
	id := ed.ask(save(ed.uri))
	for range saveTries {
		op := effects[SaveFile](host)
		if len(op) == 0 {
			t.Fatal("it gave up early")
		}
		f := op[len(op)-1]
		now := f.Text + "!"
		host.step(Saved{Op: f.Op, Changed: true, Text: now, Form: f.Form, Stamp: stampOf(now)})
	}
	err, _ := ed.results[id].(*protocol.Error)
	wantKind(t, err, protocol.DiskChanged)
	w.want(host.head(), ed, guest)
}

// TestTwoSavesAtOnce: the second finds what the first wrote, which is no one's edit.
func TestTwoSavesAtOnce(t *testing.T) {
	w, host, guest := pair(t, "abc")
	ed := guest.connect()
	ed.fetch(w.uri("a.txt"))
	other := host.connect()
	other.fetch(w.uri("a.txt"))
	ed.adds("X")
	host.holding = true
	a := ed.ask(save(ed.uri))
	ed.adds("Y")
	b := other.ask(save(w.uri("a.txt")))
	host.release()
	w.want("abcXY", ed, other, host)
	if ed.results[a] == nil || other.results[b] == nil || other.wasTold("changed on the disk") {
		t.Errorf("answers %v, %v; told %q", ed.results[a], other.results[b], other.told)
	}
	if got := w.disk["a.txt"]; got != "abcXY" {
		t.Errorf("the disk holds %q", got)
	}
}

func TestViewerAndUntitledCannotSave(t *testing.T) {
	w := newWorld(t)
	host := w.node("host")
	ed := host.connect()
	ed.open("untitled:Untitled-1", "scratch")
	ed.call(&protocol.ShareParams{Documents: []string{"untitled:Untitled-1"}, Admit: protocol.AdmitAuto, Guests: 2})
	guest, _ := w.join("guest")
	other := guest.connect()
	other.fetch(w.uri("Untitled-1"))
	other.adds("!")
	w.want("scratch!", ed, other)
	wantKind(t, other.fails(save(other.uri)), protocol.SaveFailed)
	host.connect().call(&protocol.SetRoleParams{Session: host.shared(), Member: guest.member, Role: protocol.RoleViewer})
	wantKind(t, other.fails(save(other.uri)), protocol.ReadOnly)
	if got := other.call(&protocol.ListFilesParams{Session: host.shared()}).(protocol.ListFilesResult).Entries; len(got) != 1 || got[0].Size != 8 {
		t.Errorf("listed %+v, want the buffer of 8 bytes", got)
	}
}

// TestHostsEditorSaves: the disk holds the head, or the buffer, or what a formatter made of it.
func TestHostsEditorSaves(t *testing.T) {
	for _, test := range []struct{ name, wrote, want string }{
		{"the head", "abcX", "abcXY"},
		{"more than the buffer", "abcX\n", "abcX\nY"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, host, guest := pair(t, "abc")
			ed := host.connect()
			ed.open(fileURI, "abc")
			other := guest.connect()
			other.fetch(w.uri("a.txt"))
			ed.adds("X")
			w.disk["a.txt"] = test.wrote
			ed.notify(didSave(fileURI))
			if d := host.doc(); d.dirty {
				t.Error("it is dirty though it was saved")
			}
			ed.adds("Y")
			w.want(test.want, ed, other, host)
			other.call(save(other.uri))
			w.want(test.want, ed, other, host)
			if got := w.disk["a.txt"]; got != test.want {
				t.Errorf("the disk holds %q, want %q", got, test.want)
			}
		})
	}
}

// TestHostsEditorSavesBehind: it wrote its buffer, which lacked what was under way; the file stays dirty.
func TestHostsEditorSavesBehind(t *testing.T) {
	w, ed, other := hostAndGuest(t, "abc")
	other.types(0, 0, "G")
	ed.adds("X") // the edit will be refused
	w.disk["a.txt"] = "abcX"
	ed.notify(didSave(fileURI))
	ed.answers(false)
	ed.applies()
	w.want("GabcX", ed, other, ed.n)
	if !ed.n.doc().dirty {
		t.Error("it is clean though the disk lacks the guest's text")
	}
	other.call(save(other.uri))
	w.want("GabcX", ed, other, ed.n)
}

// TestHostsEditorSavesTheEcho: it applied the edit, wrote the file, and the daemon hears of all that in one go.
func TestHostsEditorSavesTheEcho(t *testing.T) {
	for _, kind := range []choice{manual, stock("Neovim")} {
		w, ed, other := hostAndGuest(t, "abc", kind)
		other.types(0, 0, "G")
		ed.manual = true
		echo := ed.make()
		ed.version++
		w.disk["a.txt"] = ed.text()
		if ed.exact {
			ed.reports(echo...)
			ed.notify(didSave(fileURI))
			ed.answers(true)
		} else {
			ed.answers(true)
			ed.notify(didSave(fileURI)) // the report waits for its debounce
			ed.reports(echo...)
		}
		w.want("Gabc", ed, other, ed.n)
		if ed.n.doc().dirty {
			t.Error("it is dirty though the disk holds the head")
		}
	}
}

// TestGuestSavesAfterHostsEditorWrote: the daemon has not heard of that save yet; what the editor typed is not the disk's.
func TestGuestSavesAfterHostsEditorWrote(t *testing.T) {
	w, host, guest := pair(t, "abc")
	ed := host.connect()
	ed.open(fileURI, "abc")
	other := guest.connect()
	other.fetch(w.uri("a.txt"))
	ed.adds("X")
	w.disk["a.txt"] = "abcX"
	other.call(save(other.uri))
	ed.notify(didSave(fileURI))
	w.want("abcX", ed, other, host)
	if got := w.disk["a.txt"]; got != "abcX" {
		t.Errorf("the disk holds %q", got)
	}
}

// TestSavedAgainMeanwhile: only what the last save left on the disk counts.
func TestSavedAgainMeanwhile(t *testing.T) {
	w, host, guest := pair(t, "abc")
	ed := host.connect()
	ed.open(fileURI, "abc")
	other := guest.connect()
	other.fetch(w.uri("a.txt"))
	host.holding = true
	ed.adds("X")
	ed.notify(didSave(fileURI))
	first := effects[LoadFile](host)
	host.later = nil
	ed.adds("Y")
	other.types(0, 0, "G")
	w.disk["a.txt"] = "GabcXY"
	ed.notify(didSave(fileURI))
	other.types(0, 0, "H")
	host.step(w.load(first[len(first)-1])) // the first read finds what the second save wrote
	host.release()
	w.want("HGabcXY", ed, other, host)
}

// TestClosedFileIsReadAgain: the disk is a document's truth while nobody has it open and it is clean.
func TestClosedFileIsReadAgain(t *testing.T) {
	w, host, guest := pair(t, "abc")
	ed := host.connect()
	ed.open(fileURI, "abc")
	ed.notify(&protocol.DidCloseTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: fileURI}})
	w.disk["a.txt"] = "abcd"
	if got := ed.call(&protocol.TextDocumentContentParams{URI: fileURI}).(protocol.TextDocumentContentResult).Text; got != "abcd" {
		t.Errorf("got %q, want what the disk holds", got)
	}
	other := guest.connect()
	other.fetch(w.uri("a.txt"))
	w.want("abcd", other, host)
}

func TestTextDocumentContent(t *testing.T) {
	w, _, guest := pair(t, "one\r\ntwo\r\n")
	script := guest.connect()
	content := func(uri string) *protocol.TextDocumentContentParams {
		return &protocol.TextDocumentContentParams{URI: uri}
	}
	if got := script.call(content(w.uri("a.txt"))).(protocol.TextDocumentContentResult).Text; got != "one\r\ntwo\r\n" {
		t.Errorf("got %q, want the document's own line ends", got)
	}
	for uri, want := range map[string]protocol.Kind{
		w.uri("b.txt"):                          protocol.NoSuchDocument,
		w.uri("../a.txt"):                       protocol.OutsideFolder,
		w.uri("%2e%2e/a.txt"):                   protocol.OutsideFolder,
		w.uri(""):                               protocol.NoSuchDocument,
		"earshot://aaaaaaaaaa/a.txt":            protocol.NoSuchSession,
		"file:///etc/passwd":                    protocol.NoSuchDocument,
		"":                                      protocol.NoSuchDocument,
		"earshot:":                              protocol.NoSuchDocument,
		w.uri(strings.Repeat("x/", 3000) + "y"): protocol.Excluded,
	} {
		if err := script.fails(content(uri)); protocol.KindOf(err) != want {
			t.Errorf("%.60q: got %v (%s), want %s", uri, err, protocol.KindOf(err), want)
		}
	}
}

// TestHostsEditorSavesWhatGoes: it wrote text that is about to be taken back, so the file lacks something still.
func TestHostsEditorSavesWhatGoes(t *testing.T) {
	w, ed, other := hostAndGuest(t, "one two three")
	second := ed.n.connect(stock("plain"), manual)
	second.open(fileURI, "one three") // "two " comes back with the next edit
	second.adds("!")
	second.answers(false) // its version is another now
	w.disk["a.txt"] = "one three!"
	second.notify(didSave(fileURI))
	if !ed.n.doc().dirty {
		t.Error("it is clean though the disk lacks a word")
	}
	for _, e := range []*editor{second, ed} {
		for e.edit() != nil {
			e.applies()
		}
	}
	w.want("one two three!", ed, second, other, ed.n)
	other.call(save(other.uri))
	w.want("one two three!", other, ed.n)
	if got := w.disk["a.txt"]; got != "one two three!" {
		t.Errorf("the disk holds %q", got)
	}
}

// A guest's script saves a document that nothing here has open: it is fetched, and the host, which lacks nothing, saves.
func TestGuestSavesUnopened(t *testing.T) {
	w, host, guest := pair(t, "a\n")
	he := host.connect()
	he.open(fileURI, "a\n")
	he.adds("b\n")
	if err := guest.connect().fails(&protocol.SaveParams{TextDocument: protocol.TextDocumentIdentifier{URI: w.uri("a.txt")}}); err != nil {
		t.Errorf("got %v", err)
	}
	if got := w.disk["a.txt"]; got != "a\nb\n" {
		t.Errorf("the disk holds %q", got)
	}
}

// TestHostsEditorTypesOnWhileItWrites: the disk holds what the buffer held when the editor began to write, and nothing typed since is
// taken back by it; nor does it double when a guest's save finds it there first.
func TestHostsEditorTypesOnWhileItWrites(t *testing.T) {
	for _, guestSaves := range []bool{false, true} {
		w, host, guest := pair(t, "abc")
		ed, other := host.connect(), guest.connect()
		ed.open(fileURI, "abc")
		other.fetch(w.uri("a.txt"))
		ed.adds("X")
		w.disk["a.txt"] = ed.text()
		other.types(0, 0, "G")
		ed.adds("Y")
		ed.adds("Z")
		if guestSaves {
			other.call(save(other.uri))
			if got := w.disk["a.txt"]; got != "GabcXYZ" {
				t.Errorf("the disk holds %q", got)
			}
		}
		ed.notify(didSave(fileURI))
		w.want("GabcXYZ", ed, other, host)
		if d := host.doc(); d.dirty == guestSaves {
			t.Errorf("dirty: %v, though a guest saved: %v", d.dirty, guestSaves)
		}
	}
}

// TestPastIsForgotten: a text that the buffer held long ago, or before the last save, is another program's change.
func TestPastIsForgotten(t *testing.T) {
	for name, meanwhile := range map[string]func(w *world, ed *editor){
		"long ago": func(w *world, _ *editor) { w.pass(pastFor + time.Second) },
		"before a save": func(w *world, ed *editor) {
			w.disk["a.txt"] = ed.text()
			ed.notify(didSave(fileURI))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, host, guest := pair(t, "abc")
			ed, other := host.connect(), guest.connect()
			ed.open(fileURI, "abc")
			other.fetch(w.uri("a.txt"))
			ed.adds("X")
			ed.adds("Y")
			meanwhile(w, ed)
			w.disk["a.txt"] = "abcX"
			ed.notify(didSave(fileURI))
			w.want("abcX", ed, other, host)
		})
	}
}

// TestPastIsBounded: however long somebody types without a save, so many versions are kept and no more.
func TestPastIsBounded(t *testing.T) {
	_, host, _ := pair(t, "abc")
	ed := host.connect()
	ed.open(fileURI, "abc")
	for range 3 * maxPast {
		ed.adds("x")
	}
	if n := len(host.doc().mirrors[0].past); n < maxPast || n > 2*maxPast {
		t.Errorf("%d versions are kept", n)
	}
}
