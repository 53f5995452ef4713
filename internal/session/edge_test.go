package session

import (
	"strings"
	"testing"

	"earshot/internal/text"
	"earshot/protocol"
)

// TestLineEndsAndForms: texts are \n inside; each editor and the disk keep what they had.
func TestLineEndsAndForms(t *testing.T) {
	for _, test := range []struct{ name, disk, typed, want string }{
		{"crlf", "one\r\ntwo\r\n", "X\nY", "X\r\nYone\r\ntwo\r\n"},
		{"byte order mark", bom + "one\n", "X", bom + "Xone\n"},
		{"empty", "", "X", "X"},
		{"no final newline", "one\ntwo", "X\n", "X\none\ntwo"},
		{"mixed line ends stay", "one\r\ntwo\n", "X", "Xone\r\ntwo\n"},
		{"astral", "🙂🎉\n", "👍", "👍🙂🎉\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, host, guest := pair(t, test.disk)
			ed := host.connect()
			ed.open(fileURI, strings.TrimPrefix(test.disk, bom))
			other := guest.connect()
			other.fetch(w.uri("a.txt"))
			if strings.Contains(test.disk, "\r\n") && other.end != ed.end {
				t.Errorf("the guest's editor got %v line ends, the host's %v", other.end, ed.end)
			}
			other.types(0, 0, test.typed)
			w.want(other.text(), ed, host, guest)
			other.call(&protocol.SaveParams{TextDocument: protocol.TextDocumentIdentifier{URI: other.uri}})
			if got := w.disk["a.txt"]; got != test.want {
				t.Errorf("the disk holds %q, want %q", got, test.want)
			}
		})
	}
}

// TestEditorWithOtherLineEnds: an editor that made \n of a CRLF file, or the other way round, keeps its own.
func TestEditorWithOtherLineEnds(t *testing.T) {
	w, host, guest := pair(t, "one\r\ntwo\r\n")
	ed := host.connect()
	ed.open(fileURI, "one\r\ntwo\r\n")
	other := guest.connect()
	other.open(w.uri("a.txt"), "one\ntwo\n")
	ed.types(0, 0, "X\n")
	other.types(0, 0, "Y\n")
	w.want("Y\nX\none\ntwo\n", ed, other, host, guest)
}

// TestLineEndsShowLate: an editor that was given no line end shows its own with the first one that it has, whatever lone
// '\r' there are in the text.
func TestLineEndsShowLate(t *testing.T) {
	w, host, guest := pair(t, "")
	ed := host.connect()
	ed.open(fileURI, "")
	ed.end = text.CRLF
	other := guest.connect()
	other.fetch(w.uri("a.txt"))
	ed.version++
	ed.buf = text.New("\ra\nb\r")
	ed.reports(protocol.TextDocumentContentChangeEvent{Text: "\ra\r\nb\r", Range: &protocol.Range{}})
	other.types(0, 0, "x\n")
	w.want("x\n\ra\nb\r", ed, other, host, guest)
}

// TestEncodings: positions count what the client said it counts; one inside a character widens to the whole of it.
func TestEncodings(t *testing.T) {
	for _, enc := range []text.Encoding{text.UTF8, text.UTF16, text.UTF32} {
		t.Run(enc.String(), func(t *testing.T) {
			w, host, guest := pair(t, "é🙂z\n")
			ed := host.connect(encoding(enc))
			ed.open(fileURI, "é🙂z\n")
			other := guest.connect(encoding(text.UTF16))
			other.fetch(w.uri("a.txt"))
			ed.types(2, 0, "🎉")
			other.types(4, 0, "𝄞")
			ed.types(1, 1, "")
			w.want("é🎉z𝄞\n", ed, other, host, guest)
		})
	}
}

// change sends a report with a range of any kind.
func (ed *editor) change(fromLine, from, toLine, to int, ins string) {
	ed.version++
	ed.reports(protocol.TextDocumentContentChangeEvent{Text: ins, Range: &protocol.Range{
		Start: protocol.Position{Line: fromLine, Character: from}, End: protocol.Position{Line: toLine, Character: to}}})
}

func TestPositions(t *testing.T) {
	for _, test := range []struct {
		name                       string
		enc                        text.Encoding
		fromLine, from, toLine, to int
		want                       string
	}{
		{"past the end of a line clamps", text.UTF16, 0, 99, 0, 100, "a🙂bX\nc"},
		{"below zero clamps", text.UTF16, 0, -5, 0, 1, "X🙂b\nc"},
		{"within a surrogate pair widens", text.UTF16, 0, 2, 0, 3, "aXb\nc"},
		{"ends within a surrogate pair", text.UTF16, 0, 0, 0, 2, "Xb\nc"},
		{"within a UTF-8 sequence widens", text.UTF8, 0, 2, 0, 4, "aXb\nc"},
		{"backwards", text.UTF16, 1, 1, 1, 0, "a🙂b\nX"},
		{"across lines", text.UTF16, 0, 4, 1, 0, "a🙂bXc"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, host, guest := pair(t, "a🙂b\nc")
			ed := host.connect(encoding(test.enc))
			ed.open(fileURI, "a🙂b\nc")
			ed.change(test.fromLine, test.from, test.toLine, test.to, "X")
			w.want(test.want, host)
			other := guest.connect()
			other.fetch(w.uri("a.txt"))
			w.want(test.want, other)
		})
	}
}

// TestLinePastTheEnd: the change is refused, the person is told, and the buffer is restored.
func TestLinePastTheEnd(t *testing.T) {
	for _, line := range []int{2, 1 << 40, -1} {
		w, ed, other := hostAndGuest(t, "abc\n")
		ed.change(line, 0, line, 0, "X")
		ed.buf.Replace(0, 0, "who knows")
		if !ed.wasTold("outside the text") {
			t.Errorf("line %d: not told", line)
		}
		if ed.edit() == nil {
			t.Fatalf("line %d: no edit restores the buffer", line)
		}
		ed.applies()
		w.want("abc\n", ed, other, ed.n)
	}
}

// TestTypedBeforeTheBufferWasRestored: where it went is not known, but it is not lost, and nothing is deleted.
func TestTypedBeforeTheBufferWasRestored(t *testing.T) {
	w, ed, other := hostAndGuest(t, "abc\n")
	ed.change(9, 0, 9, 0, "X")
	ed.change(0, 0, 0, 3, "Z")
	ed.answers(false)
	ed.applies()
	w.want(ed.text(), other, ed.n)
	if got := ed.text(); !strings.Contains(got, "Z") || !strings.Contains(got, "abc") {
		t.Errorf("got %q, want all of abc and Z", got)
	}
}

// TestChangeOfUnopened: it is told, once for a row of them.
func TestChangeOfUnopened(t *testing.T) {
	w, host, _ := pair(t, "abc")
	ed := host.connect()
	ed.uri, ed.buf = fileURI, text.New("abc")
	ed.adds("X")
	ed.adds("Y")
	if len(ed.told) != 1 || !ed.wasTold("not opened") {
		t.Errorf("told %q, want one sentence", ed.told)
	}
	if got := w.disk["a.txt"]; got != "abc" || host.doc() != nil {
		t.Error("something was changed")
	}
}

// TestReadonlyFile: a change of a file that the host can't write is taken back, at every daemon.
func TestReadonlyFile(t *testing.T) {
	w, host, guest := pair(t, "abc")
	w.locked["a.txt"] = true
	ed := guest.connect()
	ed.fetch(w.uri("a.txt"))
	if p := saw[*protocol.DocumentChanged](ed); p == nil || !p.Readonly {
		t.Errorf("got %+v, want it told that the file is read-only", p)
	}
	ed.adds("X")
	if !ed.wasTold("read-only") {
		t.Error("not told")
	}
	w.want("abc", ed, host, guest)
}

// TestTooLarge: a text grows to 32 MiB and not further.
func TestTooLarge(t *testing.T) {
	w, host, _ := pair(t, "")
	ed := host.connect()
	ed.open(fileURI, "")
	big := strings.Repeat("0123456789abcdef", 2<<20)
	ed.types(0, 0, big)
	w.want(big, host)
	ed.types(0, 0, "X")
	if !ed.wasTold("32 MiB") {
		t.Error("not told")
	}
	if ed.buf.Len() != len(big) || host.doc().text.Text().Len() != len(big) {
		t.Error("the text grew over the limit")
	}
	second := host.connect()
	second.open("file:///w/b.txt", big+"X")
	if !second.wasTold("larger than 32 MiB") {
		t.Error("a larger text was taken")
	}
}

// TestSecondNameOfAFile: two names of one file are one document, for a host's editors and for a guest.
func TestSecondNameOfAFile(t *testing.T) {
	w, host, guest := pair(t, "abc")
	w.disk["A.txt"] = "abc" // the test's disk takes names that differ in case for one file
	ed := host.connect()
	ed.open(fileURI, "abc")
	again := host.connect()
	again.open("file:///w/A.txt", "abc")
	one := guest.connect()
	one.fetch(w.uri("a.txt"))
	two := guest.connect()
	two.fetch(w.uri("A.txt"))
	one.adds("1") // the host must still take and send its events
	ed.adds("2")
	again.adds("3")
	two.adds("4")
	w.want("abc1234", ed, again, one, two, host, guest)
	if n := len(host.e.sessions[0].docs); n != 1 {
		t.Errorf("%d documents, want 1", n)
	}
	if guest.e.sessions[0].docs[0].unacked() {
		t.Error("the host did not take all that the guest typed")
	}
}

// TestSecondNameIsForgotten with the document that it led to, and leads to the next.
func TestSecondNameIsForgotten(t *testing.T) {
	w, host, guest := pair(t, "abc")
	w.disk["A.txt"] = "abc"
	for range 2 {
		one, two := guest.connect(), guest.connect()
		one.fetch(w.uri("a.txt"))
		two.fetch(w.uri("A.txt"))
		two.adds("x")
		two.call(save(two.uri))
		w.want(one.text(), two, host, guest)
		for _, ed := range []*editor{one, two} {
			ed.notify(&protocol.DidCloseTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: ed.uri}})
		}
		w.pass(3 * DocumentGrace)
		for _, n := range []*node{host, guest} {
			if s := n.e.sessions[0]; len(s.docs)+len(s.aliases) != 0 {
				t.Errorf("%s keeps %d documents and %d names", n.name, len(s.docs), len(s.aliases))
			}
		}
	}
}

// TestCRLFBufferWithALoneCR: an editor that ends lines by \r\n and shows a lone \r goes on as it was when its connection is back.
func TestCRLFBufferWithALoneCR(t *testing.T) {
	w, host, guest := pair(t, "one\r\n")
	ed, other := host.connect(), guest.connect()
	ed.open(fileURI, "one\r\n")
	other.fetch(w.uri("a.txt"))
	w.disk["a.txt"] = "one\r<disk>\n" // another program, between the two characters of an end
	other.call(save(other.uri))
	before := ed.text()
	ed.drop()
	ed = ed.back()
	ed.reopen()
	other.adds("!")
	w.want(before+"!", ed, other, host)
}

// TestMixedEndsBehindASave: another program changed the file, in the middle of a line end, just after the host's editor wrote it.
func TestMixedEndsBehindASave(t *testing.T) {
	w, host, guest := pair(t, "one\r\ntwo\r\n")
	ed, other := host.connect(), guest.connect()
	ed.open(fileURI, "one\r\ntwo\r\n")
	other.fetch(w.uri("a.txt"))
	ed.adds("X")
	w.disk["a.txt"] = "one\r<disk>\ntwo\r\nX"
	ed.notify(didSave(fileURI))
	w.want("one\r<disk>\ntwo\nX", ed, other, host)
}
