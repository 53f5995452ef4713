package session

import (
	"fmt"
	"testing"

	"earshot/protocol"
)

// TestReopenWithMore: a document that this client had is opened anew with text that was never handed out: what was added is
// its person's.
func TestReopenWithMore(t *testing.T) {
	for _, kind := range []choice{stock("other"), nil} {
		w, host, guest := pair(t, "one\ntwo\n")
		choices := []choice{}
		if kind != nil {
			choices = append(choices, kind)
		}
		ed := guest.connect(choices...)
		ed.fetch(w.uri("a.txt"))
		ed.notify(&protocol.DidCloseTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: w.uri("a.txt")}})
		ed.stamp = ""
		ed.open(w.uri("a.txt"), "one\ntwo\nEXTRA\n")
		w.pass(retryMost)
		w.want("one\ntwo\nEXTRA\n", host, ed)
	}
}

// TestReadAWholeFolder: a guest's script may read more files than a guest may have open.
func TestReadAWholeFolder(t *testing.T) {
	w, _, guest := pair(t, "abc")
	script := guest.connect()
	for i := range MaxOpen + 10 {
		name := fmt.Sprintf("f%d.txt", i)
		w.disk[name] = name
		got := script.call(&protocol.TextDocumentContentParams{URI: w.uri(name)})
		if res, ok := got.(protocol.TextDocumentContentResult); !ok || res.Text != name {
			t.Fatalf("%s: %+v", name, got)
		}
	}
}
