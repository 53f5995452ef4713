package text

import (
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// trace is a recorded session of one person's edits; see testdata/traces/README.md.
type trace struct {
	start, end string
	edits      []Edit // each against the text that the ones before it left
}

func readTrace(t testing.TB, name string) trace {
	t.Helper()
	f, err := os.Open("testdata/traces/" + name + ".json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		StartContent, EndContent string
		Txns                     []struct{ Patches []tracePatch }
	}
	if err := json.NewDecoder(unpacked).Decode(&file); err != nil {
		t.Fatal(err)
	}
	tr := trace{start: file.StartContent, end: file.EndContent}
	for _, txn := range file.Txns {
		for _, p := range txn.Patches {
			tr.edits = append(tr.edits, Edit(p))
		}
	}
	return tr
}

type tracePatch Edit

func (p *tracePatch) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&p.Pos, &p.Del, &p.Ins})
}

func TestTraces(t *testing.T) {
	check := func(t *testing.T, name string, wantSHA string) {
		t.Helper()
		tr := readTrace(t, name)
		r := New(tr.start)
		patches := make([]Patch, len(tr.edits))
		for i, e := range tr.edits {
			r.Replace(e.Pos, e.Del, e.Ins)
			patches[i], _ = NewPatch(e)
		}
		checkTree(t, r)
		if r.String() != tr.end {
			t.Errorf("%s: edit by edit the text ends otherwise", name)
		}
		sum := hashOf(r)
		if got := hex.EncodeToString(sum[:]); wantSHA != "" && !strings.HasPrefix(got, wantSHA) {
			t.Errorf("%s: SHA256 = %s, want %s…", name, got, wantSHA)
		}
		whole := New(tr.start)
		whole.Apply(ComposeAll(patches...))
		if !whole.Equal(r) {
			t.Errorf("%s: as one patch the text ends otherwise", name)
		}
	}
	check(t, "sveltecomponent", "d8bb93b7")
	check(t, "friendsforever_flat", "")
}

// TestTracesUndone takes every edit of a session back, from the last to the first.
func TestTracesUndone(t *testing.T) {
	tr := readTrace(t, "sveltecomponent")
	r := New(tr.start)
	var back []Patch
	for _, e := range tr.edits {
		if p, _ := NewPatch(e); len(p) > 0 {
			back = append(back, p.Invert(r))
			r.Apply(p)
		}
	}
	for _, p := range slices.Backward(back) {
		r.Apply(p)
	}
	checkTree(t, r)
	if r.String() != tr.start {
		t.Errorf("undone, the text is %d bytes, want %d", r.Size(), len(tr.start))
	}
}
