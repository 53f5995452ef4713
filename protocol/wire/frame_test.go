package wire

import (
	"bytes"
	"crypto/sha256"
	"reflect"
	"strings"
	"testing"
)

func samples() []Frame {
	rtt := 1.5
	visible := [2]int{3, 9}
	return []Frame{
		&Hello{Version: 1, Name: "Ana", Client: "nvim"},
		&Welcome{Version: 1, Session: "abcdefghij", Member: "0123456789", Host: "x", Role: "editor", Members: []Member{{ID: "x", RTTMs: &rtt}}},
		&Members{Members: []Member{{ID: "y", Name: "Ben", State: "here"}}},
		&Bye{Kind: "ended", Reason: "the host left"},
		&List{Op: 1, Path: "a/b", Recursive: true, Cursor: "c"},
		&Listed{Op: 1, Entries: []Entry{{Path: "a/b/c.go", Size: 7}}, Failure: &Failure{Kind: "excluded", Message: "no"}},
		&Open{Op: 2, Path: "a"},
		&Opened{Op: 2, Doc: 3, Instance: "i", Size: 10, State: &State{Doc: 3, Form: Form{EOL: "lf", Encoding: "utf-8"}}},
		&Close{Doc: 3}, &Save{Op: 4, Doc: 3}, &Saved{Op: 4}, &Create{Op: 5, Path: "a/new.go", Folder: true},
		&Rename{Op: 6, From: "a", To: "b"}, &Delete{Op: 7, Path: "b"}, &State{Doc: 3, Path: "b"},
		&Changed{Changes: []Change{{Path: "a/new.go", Kind: "created"}, {Path: "b", Kind: "renamed", From: "a"}}},
		&State{Doc: 3, Dirty: true}, &Reset{Doc: 3, Turn: 7, Reason: "viewer"}, &Reset{Doc: 3, Mend: true}, &Resync{Doc: 3, Turn: 8, Summary: []byte{1, 2}},
		&Presence{Member: "m", Client: "c", Seq: 9, Doc: 3, Version: []Head{{Agent: 1<<64 - 1, Seq: 4}}, Selections: [][2]int{{1, 2}}, Visible: &visible},
		&Events{Doc: 1<<32 - 1, More: true, Sum: 255, Data: []byte("abc")}, &Events{Doc: 1, CatchUp: true, Data: []byte{}},
		&Ack{Doc: 1, Count: 1 << 40}, &Chunk{Op: 2, Last: true, Data: []byte("x")},
		&Check{Doc: 1<<32 - 1, Turn: 300, Version: sha256.Sum256([]byte("v")), Text: sha256.Sum256([]byte("t"))},
		&Checked{Doc: 3, Turn: 1<<32 - 1, Verdict: Differs}, &Checked{Doc: 3, Verdict: Moving},
	}
}

func TestFramesSurviveTheWire(t *testing.T) {
	for _, f := range samples() {
		got, err := Decode(Encode(f))
		if err != nil || !reflect.DeepEqual(got, f) {
			t.Errorf("Decode(Encode(%+v)) = %+v, %v", f, got, err)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	many := `{"member":"m","selections":[` + strings.Repeat("[1,1],", MaxSelections) + `[1,1]]}`
	for name, b := range map[string][]byte{
		"nothing":             {},
		"unknown kind":        {0xff},
		"bad JSON":            []byte("\x01{"),
		"over the limit":      append([]byte{byte(kindHello)}, bytes.Repeat([]byte(" "), MaxFrame)...),
		"events over limit":   append([]byte{byte(kindEvents), 2, 0}, make([]byte, MaxPiece+1)...),
		"events without sum":  {byte(kindEvents), 2},
		"chunk over limit":    append([]byte{byte(kindChunk), 2}, make([]byte, MaxPiece+1)...),
		"piece without doc":   {byte(kindChunk)},
		"document over 2^32":  {byte(kindEvents), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1},
		"ack with a tail":     {byte(kindAck), 1, 1, 1},
		"check without doc":   {byte(kindCheck)},
		"check cut short":     append([]byte{byte(kindCheck), 1, 1}, make([]byte, 63)...),
		"check with a tail":   append([]byte{byte(kindCheck), 1, 1}, make([]byte, 65)...),
		"turn over 2^32":      append([]byte{byte(kindCheck), 1, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, make([]byte, 64)...),
		"no verdict":          {byte(kindChecked), 1, 1},
		"unknown verdict":     {byte(kindChecked), 1, 1, byte(Differs) + 1},
		"verdict with a tail": {byte(kindChecked), 1, 1, 1, 1},
		"too many changes":    []byte("\x20{\"changes\":[" + strings.Repeat("{},", MaxChanges) + "{}]}"),
		"too many selections": append([]byte{byte(kindPresence)}, many...),
	} {
		if f, err := Decode(b); err == nil {
			t.Errorf("%s: Decode = %+v, want an error", name, f)
		}
	}
}

func FuzzFrame(f *testing.F) {
	for _, s := range samples() {
		f.Add(Encode(s))
	}
	f.Add([]byte("\x11{\"entries\":[]}")) // no entries is the same as none said
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, err := Decode(b)
		if err != nil {
			return
		}
		again, err := Decode(Encode(frame))
		if err != nil || !bytes.Equal(Encode(again), Encode(frame)) {
			t.Errorf("%+v became %+v, %v", frame, again, err)
		}
	})
}
