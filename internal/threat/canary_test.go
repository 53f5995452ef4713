package threat

import (
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
)

// TestCanaries: a word is found however it is written, in files and in their names, and not where it is not.
func TestCanaries(t *testing.T) {
	var c Canaries
	word := c.Word("word")
	little, big := "", ""
	for _, r := range word {
		little, big = little+string(r)+"\x00", big+"\x00"+string(r)
	}
	writings := []string{word, "x" + word + "x", little, big, hex.EncodeToString([]byte(word))}
	for before := range 3 {
		for after := range 3 {
			whole := "abc"[:before] + word + "xyz"[:after]
			writings = append(writings, base64.StdEncoding.EncodeToString([]byte(whole)))
		}
	}
	for _, writing := range writings {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "file"), []byte("some "+writing+" more"), 0o600); err != nil {
			t.Fatal(err)
		}
		if found, files, err := c.Search(nil, dir); err != nil || len(found) == 0 || files != 1 {
			t.Errorf("%q: got %q in %d files, %v", writing, found, files, err)
		}
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "of-"+word), 0o700); err != nil {
		t.Fatal(err)
	}
	if found, _, err := c.Search(nil, dir); err != nil || len(found) != 1 {
		t.Errorf("a name: got %q, %v", found, err)
	}
	if found, _, err := c.Search([]string{dir}, dir); err != nil || len(found) != 0 {
		t.Errorf("left out: got %q, %v", found, err)
	}
	other := filepath.Join(t.TempDir(), "file")
	for _, text := range []string{"nothing", word[:7], "still nothing"} {
		if err := os.WriteFile(other, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if found, _, err := c.Search(nil, filepath.Dir(other)); err != nil || len(found) != 0 {
			t.Errorf("%q: got %q, %v", text, found, err)
		}
	}
}
