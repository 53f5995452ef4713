package session

import (
	"strings"
	"testing"
	"time"

	"earshot/internal/text"
	"earshot/protocol"
)

// hostAndGuest is a pair, the host's editor (which the test answers for) and the guest's, both with a.txt open.
func hostAndGuest(t testing.TB, content string, choices ...choice) (w *world, ed, other *editor) {
	t.Helper()
	w, host, guest := pair(t, content)
	ed = host.connect(append([]choice{manual}, choices...)...)
	ed.open(fileURI, content)
	other = guest.connect()
	other.fetch(w.uri("a.txt"))
	return w, ed, other
}

func TestExactAppliesAndReports(t *testing.T) {
	w, ed, other := hostAndGuest(t, "abc")
	other.types(1, 0, "X")
	p := ed.edit()
	if p == nil {
		t.Fatal("no edit came")
	}
	if got := p.Edit.DocumentChanges[0].TextDocument.Version; got != 1 {
		t.Errorf("the edit is for version %d, want 1", got)
	}
	if p.Earshot == nil || p.Earshot.Stamp == "" {
		t.Error("the edit has no stamp")
	}
	ed.applies()
	w.want("aXbc", ed, other, ed.n, other.n)
	if ed.edit() != nil {
		t.Error("another edit came though nothing is lacking")
	}
}

func TestExactRefusesAndIsAskedAnewAfterItsChange(t *testing.T) {
	w, ed, other := hostAndGuest(t, "abc")
	other.types(3, 0, "X")
	ed.types(0, 0, "h") // version 2: the edit for version 1 comes too late
	ed.answers(false)
	p := ed.edit()
	if p == nil || p.Edit.DocumentChanges[0].TextDocument.Version != 2 {
		t.Fatalf("got %+v, want the edit again, for version 2", p)
	}
	ed.applies()
	w.want("habcX", ed, other, ed.n)
}

// TestExactTypesTheVeryTextInFlight: after true the first report is the echo, after false it is the person's.
func TestExactTypesTheVeryTextInFlight(t *testing.T) {
	w, ed, other := hostAndGuest(t, "abc")
	other.types(3, 0, "X")
	ed.types(3, 0, "X")
	ed.answers(false)
	ed.applies()
	w.want("abcXX", ed, other, ed.n)
}

func TestExactTypesBehindTheEcho(t *testing.T) {
	w, ed, other := hostAndGuest(t, "abc")
	other.types(3, 0, "X")
	echo := ed.make()
	ed.version++
	ed.reports(echo...)
	at := ed.version
	ed.types(0, 0, "h")
	ed.replies(&protocol.ApplyWorkspaceEditResult{Applied: true, Version: &at}, nil)
	w.want("habcX", ed, other, ed.n)
}

// TestExactRefusedWithoutChange: a popup is open. The daemon asks again after 50 ms, doubling to 0.8 s.
func TestExactRefusedWithoutChange(t *testing.T) {
	w, ed, other := hostAndGuest(t, "abc")
	other.types(3, 0, "X")
	wait := 50 * time.Millisecond
	for range 7 {
		ed.answers(false)
		w.pass(wait - time.Millisecond)
		if ed.edit() != nil {
			t.Fatalf("asked again before %v", wait)
		}
		w.pass(time.Millisecond)
		if ed.edit() == nil {
			t.Fatalf("not asked again after %v", wait)
		}
		wait = min(2*wait, 800*time.Millisecond)
	}
	ed.answers(false)
	ed.types(0, 0, "h") // the best moment to try again
	if ed.edit() == nil {
		t.Fatal("not asked right after a didChange")
	}
	ed.applies()
	w.want("habcX", ed, other)
}

func TestExactAnsweredWithAnError(t *testing.T) {
	w, ed, other := hostAndGuest(t, "abc")
	other.types(3, 0, "X")
	ed.replies(nil, &protocol.Error{Code: protocol.CodeInternalError, Message: "boom"})
	w.pass(50 * time.Millisecond)
	ed.applies()
	w.want("abcX", ed, other)
}

// TestExactReshapesTheEcho: an editor may cut the report in two; it is the echo as a whole.
func TestExactReshapesTheEcho(t *testing.T) {
	w, ed, other := hostAndGuest(t, "abc")
	other.types(3, 0, "XYZ")
	one := ed.entry(3, 0, "X")
	two := ed.entry(4, 0, "YZ")
	ed.version++
	ed.reports(one, two)
	ed.answers(true)
	w.want("abcXYZ", ed, other, ed.n)
	if ed.edit() != nil {
		t.Error("a reshaped echo led to another edit")
	}
}

// TestExactEchoDiffers: what differs from the text asked for is the person's.
func TestExactEchoDiffers(t *testing.T) {
	w, ed, other := hostAndGuest(t, "abc")
	other.types(3, 0, "\nX")
	ed.version++
	ed.reports(ed.entry(3, 0, "\n\tX")) // it indents
	ed.answers(true)
	w.want("abc\n\tX", ed, other, ed.n)
}

// TestExactThatAlwaysDiffers: an editor and a rule of its own that put each other right must not spin.
func TestExactThatAlwaysDiffers(t *testing.T) {
	w, ed, other := hostAndGuest(t, "abc")
	w.nodes[0].e.sessions[0].docs[0].readonly = true // what the editor adds never becomes part of the text
	w.nodes[0].doc().readonly = false
	other.types(3, 0, "X")
	ed.n.doc().readonly = true
	edits := 0
	for until := w.now.Add(20 * time.Second); w.now.Before(until); {
		for ed.edit() != nil {
			ed.make()
			ed.buf = nil
			ed.buf = text.New("?")
			ed.version++
			ed.reports(protocol.TextDocumentContentChangeEvent{Text: "?"})
			ed.answers(true)
			if edits++; edits > 100 {
				t.Fatal("the two never rest")
			}
		}
		w.pass(100 * time.Millisecond)
	}
	if edits < maxStrange {
		t.Errorf("%d edits, want at least %d", edits, maxStrange)
	}
	w.want("abcX", ed.n, other)
}

// TestExactUnchanged: true with the given version says that the text did not change; the edit is not sent twice.
func TestExactUnchanged(t *testing.T) {
	w, ed, other := hostAndGuest(t, "abc")
	other.types(3, 0, "X")
	ed.answers(true) // nothing was done, nothing reported
	w.want("abc", ed, other, ed.n)
	if ed.edit() != nil {
		t.Error("an edit was sent again")
	}
}

func TestExactSilence(t *testing.T) {
	w, ed, other := hostAndGuest(t, "abc")
	other.types(3, 0, "X")
	first := ed.asks[0].Call
	w.pass(AnswerWait - time.Millisecond)
	if ed.closed != "" {
		t.Fatal("closed too early")
	}
	other.types(4, 0, "Y")
	if len(ed.asks) != 1 || ed.asks[0].Call != first {
		t.Error("an edit was sent while another waits for its answer")
	}
	w.pass(time.Millisecond)
	if ed.closed == "" || !ed.wasTold("ten seconds") {
		t.Errorf("closed %q, told %q: want it told and closed after 10 s", ed.closed, ed.told)
	}
	w.want("abcXY", ed.n, other)
	again := ed.back()
	again.reopen()
	w.want("abcXY", again)
}

// TestLostWithEchoHeld: a connection dies with the echo reported and no answer given; the text must not double.
func TestLostWithEchoHeld(t *testing.T) {
	for _, stamped := range []string{"with its stamp", "without"} {
		t.Run(stamped, func(t *testing.T) {
			w, ed, other := hostAndGuest(t, "abc")
			other.types(3, 0, "X")
			echo := ed.make()
			ed.version++
			ed.reports(echo...)
			ed.types(0, 0, "h")
			ed.drop()
			if stamped == "without" {
				ed.stamp = ""
			}
			w.want("habcX", ed.n, other)
			again := ed.back()
			again.reopen()
			again.types(0, 0, "i")
			w.want("ihabcX", again, other, ed.n)
		})
	}
}

// TestLostWithAReportHeld: a connection dies with something reported and no answer given. What makes the text of the edit under
// way is its echo; what only resembles it is the person's, and what others wrote stays.
func TestLostWithAReportHeld(t *testing.T) {
	echo := func(ed *editor) { ed.stamp = ed.edit().Earshot.Stamp }
	for name, then := range map[string]struct {
		reports func(ed *editor)
		want    string
	}{
		"a part of it":                     {func(ed *editor) { ed.types(1, 2, "") }, "aXYdef"},
		"the beginning of what it inserts": {func(ed *editor) { ed.types(1, 2, "X") }, "aXXYdef"},
		"more than it deletes":             {func(ed *editor) { ed.types(1, 3, "") }, "aXYef"},
		"the echo in two reports": {func(ed *editor) {
			echo(ed)
			ed.types(1, 2, "")
			ed.types(1, 0, "XY")
			ed.adds("!")
		}, "aXYdef!"},
		"the echo with an indentation": {func(ed *editor) {
			echo(ed)
			ed.types(1, 2, "  XY")
		}, "a  XYdef"},
	} {
		t.Run(name, func(t *testing.T) {
			w, ed, other := hostAndGuest(t, "abcdef")
			other.types(1, 2, "XY")
			then.reports(ed)
			ed.drop()
			w.want(then.want, ed.n, other)
			again := ed.back()
			again.reopen()
			w.want(then.want, again, other, ed.n)
		})
	}
}

// TestLostWithAnEchoThatLacks: an echo that lacks something of the edit is not known for one, and its text is there twice until
// its editor is back.
func TestLostWithAnEchoThatLacks(t *testing.T) {
	w, ed, other := hostAndGuest(t, "abc")
	other.types(1, 0, "XY ")
	ed.stamp = ed.edit().Earshot.Stamp
	ed.types(1, 0, "XY") // it trims
	ed.drop()
	again := ed.back()
	again.reopen()
	w.want("aXYbc", again, other, ed.n)
}

// TestLostWithoutReport: the editor may or may not have the edit; its text says which.
func TestLostWithoutReport(t *testing.T) {
	for _, applied := range []string{"applied", "not applied"} {
		t.Run(applied, func(t *testing.T) {
			w, ed, other := hostAndGuest(t, "abc")
			other.types(3, 0, "X")
			if applied == "applied" {
				ed.make()
				ed.version++
			}
			ed.drop()
			ed.types(0, 0, "h") // nobody hears it
			again := ed.back()
			again.reopen()
			w.want("habcX", again, other, ed.n)
		})
	}
}

// TestBursts: whatever arrives while an edit is in flight is composed into the next.
func TestBursts(t *testing.T) {
	w, ed, other := hostAndGuest(t, "")
	for range 50 {
		other.adds("x")
	}
	if len(ed.asks) != 1 {
		t.Fatalf("%d edits in flight, want 1", len(ed.asks))
	}
	ed.applies()
	if got := ed.edit().Edit.DocumentChanges[0].Edits; len(got) != 1 || got[0].NewText != strings.Repeat("x", 49) {
		t.Errorf("the next edit is %+v, want one of 49 characters", got)
	}
	ed.applies()
	w.want(strings.Repeat("x", 50), ed, other, ed.n)
}

// TestNeverAnEditWithoutEffect: what came and went before the editor could be told is not told.
func TestNeverAnEditWithoutEffect(t *testing.T) {
	w, ed, other := hostAndGuest(t, "abc")
	other.types(3, 0, "X")
	ed.answers(false)
	other.types(3, 1, "") // taken back before it was ever shown
	w.pass(time.Second)
	if ed.edit() != nil {
		t.Errorf("an edit without effect was sent: %+v", ed.edit())
	}
	w.want("abc", ed, other)
}
