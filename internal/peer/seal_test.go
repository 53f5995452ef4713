package peer

import (
	"bytes"
	"errors"
	"testing"
)

func sealersOf(t testing.TB, key [32]byte) sealers {
	t.Helper()
	s, err := newSealers(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSealed: what one end seals the other opens, on the same channel and in its order; nothing else is opened.
func TestSealed(t *testing.T) {
	out, in := sealersOf(t, [32]byte{1}), sealersOf(t, [32]byte{1})
	words := []string{"", "a", "the text", string(make([]byte, partSize+1))}
	for _, word := range words {
		msg, err := out[Live].seal([]byte(word))
		if err != nil || len(msg) != len(word)+sealOverhead || len(word) > 4 && bytes.Contains(msg, []byte(word)) {
			t.Fatalf("%.9q: sealed as %.40x, %v", word, msg, err)
		}
		if got, err := in[Live].open(msg); err != nil || string(got) != word {
			t.Errorf("%.9q: opened as %.9q, %v", word, got, err)
		}
	}
	for name, forge := range map[string]func(msg []byte) (sealers, []byte){
		"another channel": func(msg []byte) (sealers, []byte) { s := sealersOf(t, [32]byte{1}); s[Live] = s[Bulk]; return s, msg },
		"another key":     func(msg []byte) (sealers, []byte) { return sealersOf(t, [32]byte{2}), msg },
		"a changed byte":  func(msg []byte) (sealers, []byte) { msg[0] ^= 1; return sealersOf(t, [32]byte{1}), msg },
		"a changed tag":   func(msg []byte) (sealers, []byte) { msg[len(msg)-1] ^= 1; return sealersOf(t, [32]byte{1}), msg },
		"a part":          func(msg []byte) (sealers, []byte) { return sealersOf(t, [32]byte{1}), msg[:len(msg)-1] },
		"less than a tag": func(msg []byte) (sealers, []byte) { return sealersOf(t, [32]byte{1}), msg[:3] },
		"nothing":         func([]byte) (sealers, []byte) { return sealersOf(t, [32]byte{1}), nil },
		"the second one": func(msg []byte) (sealers, []byte) {
			s := sealersOf(t, [32]byte{1})
			s[Live].number = 1
			return s, msg
		},
	} {
		msg, err := sealersOf(t, [32]byte{1})[Live].seal([]byte("a key"))
		if err != nil {
			t.Fatal(err)
		}
		s, msg := forge(msg)
		if got, err := s[Live].open(msg); !errors.Is(err, errSealed) {
			t.Errorf("%s: opened as %q, %v", name, got, err)
		}
	}
}

// TestSealedPresence: each message opens by itself, in any order, under the number that it was sealed with alone.
func TestSealedPresence(t *testing.T) {
	out, in := sealersOf(t, [32]byte{1})[Presence], sealersOf(t, [32]byte{1})[Presence]
	var msgs [][]byte
	for _, word := range []string{"here", "there"} {
		msg, err := out.sealNumbered(nil, []byte(word))
		if err != nil {
			t.Fatal(err)
		}
		msgs = append(msgs, msg)
	}
	for i, want := range map[int]string{1: "there", 0: "here"} {
		number, got, err := in.openNumbered(bytes.Clone(msgs[i]))
		if err != nil || number != uint64(i+1) || string(got) != want {
			t.Errorf("got %d, %q, %v, want %d, %q", number, got, err, i+1, want)
		}
	}
	msgs[0][0] = 2
	for _, msg := range [][]byte{msgs[0], {1}, {0x80}, nil} {
		if _, got, err := in.openNumbered(msg); !errors.Is(err, errSealed) {
			t.Errorf("%x: opened as %q, %v", msg, got, err)
		}
	}
}

// TestKeysEnd: no nonce comes twice, and a link has keys.
func TestKeysEnd(t *testing.T) {
	s := sealersOf(t, [32]byte{1})[Live]
	s.number = maxSealed - 1
	if _, err := s.seal(nil); err != nil {
		t.Errorf("the last message: %v", err)
	}
	if _, err := s.seal(nil); !errors.Is(err, errSpent) {
		t.Errorf("one more: got %v, want %v", err, errSpent)
	}
	if _, err := s.open(nil); !errors.Is(err, errSpent) {
		t.Errorf("one more: got %v, want %v", err, errSpent)
	}
	if _, err := s.sealNumbered(nil, nil); !errors.Is(err, errSpent) {
		t.Errorf("one more: got %v, want %v", err, errSpent)
	}
	if _, err := New(Config{Events: func(Event) {}}); !errors.Is(err, errKeys) {
		t.Errorf("a link without keys: got %v, want %v", err, errKeys)
	}
}

func BenchmarkSeal(b *testing.B) {
	for name, size := range map[string]int{"keystroke": 8, "cursor": 40, "part": partSize} {
		b.Run(name, func(b *testing.B) {
			out, in := sealersOf(b, [32]byte{1})[Live], sealersOf(b, [32]byte{1})[Live]
			msg := make([]byte, size, size+sealOverhead)
			b.SetBytes(int64(size))
			for b.Loop() {
				sealed, err := out.seal(msg)
				if err != nil {
					b.Fatal(err)
				}
				if msg, err = in.open(sealed); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
