package threat

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
)

// Canaries are random words that stand for what must be found nowhere: a text, a name, a code. A word is looked for as it
// is, as UTF-16, in hexadecimal and in base64 wherever it begins there.
type Canaries struct {
	needles []needle
	looked  map[string]seen
}

type needle struct {
	what  string // which canary, and how it was written
	bytes []byte
}

// seen is what tells a file from what it was when it was last looked at.
type seen struct {
	size int64
	time time.Time
}

// Words of a canary: 8 letters are 38 bits, which no other file has by chance.
const (
	canaryWords   = 4
	canaryLetters = 8
)

// New makes a canary: four words of eight letters, each of which is looked for alone. what names it in a report.
func (c *Canaries) New(what string) string {
	words := make([]string, canaryWords)
	for i := range words {
		words[i] = randomWord()
		c.Add(what, words[i])
	}
	return strings.Join(words, " ")
}

// Word makes a canary of one word, for what takes no more.
func (c *Canaries) Word(what string) string {
	word := randomWord()
	c.Add(what, word)
	return word
}

func randomWord() string {
	word := make([]byte, canaryLetters)
	_, _ = rand.Read(word) // it never fails
	for i, b := range word {
		word[i] = 'a' + b%26
	}
	return string(word)
}

// Add has something else looked for, such as a code that the program made.
func (c *Canaries) Add(what, value string) {
	for how, b := range Forms(value) {
		c.needles = append(c.needles, needle{what + how, b})
	}
}

// Forms are the ways in which a value may be written, by their names: as it is, in small and in capital letters, as UTF-16, in
// hexadecimal, and in base64 wherever it begins there. Four bytes are too few to look for in all: chance writes them too.
func Forms(value string) map[string][]byte {
	hexadecimal := hex.EncodeToString([]byte(value))
	forms := map[string][]byte{"": []byte(value), " (hex)": []byte(hexadecimal)}
	if len(value) < minForms {
		return forms
	}
	var little, big []byte
	for _, unit := range utf16.Encode([]rune(value)) {
		little = append(little, byte(unit), byte(unit>>8))
		big = append(big, byte(unit>>8), byte(unit))
	}
	for how, other := range map[string]string{" (small)": strings.ToLower(value), " (CAPITALS)": strings.ToUpper(value)} {
		if other != value {
			forms[how] = []byte(other)
		}
	}
	forms[" (UTF-16LE)"], forms[" (UTF-16BE)"] = little, big
	forms[" (HEX)"] = []byte(strings.ToUpper(hexadecimal))
	for before := range 3 {
		forms[fmt.Sprintf(" (base64 after %d)", before)] = base64Core(value, before)
	}
	return forms
}

// minForms is how long a value must be to be looked for in all its forms.
const minForms = 5

// base64Core is what of a value's base64 does not depend on its neighbours, when `before` bytes precede it in its group.
func base64Core(value string, before int) []byte {
	all := base64.StdEncoding.EncodeToString(append(make([]byte, before), value...))
	first := (before*8 + 5) / 6
	last := (before + len(value)) * 8 / 6
	return []byte(all[first:last])
}

// In names what stands in some bytes.
func (c *Canaries) In(data []byte) []string {
	var found []string
	for _, n := range c.needles {
		if bytes.Contains(data, n.bytes) && !slices.Contains(found, n.what) {
			found = append(found, n.what)
		}
	}
	return found
}

// Search looks into every regular file below the given folders, and at every name, but not below those to be left out. A
// file that has not changed since the last Search is not read again. Files may come and go meanwhile.
func (c *Canaries) Search(leftOut []string, roots ...string) (found []string, files int, err error) {
	if c.looked == nil {
		c.looked = map[string]seen{}
	}
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil:
				return err
			case slices.Contains(leftOut, path):
				if entry.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			for _, what := range c.In([]byte(entry.Name())) {
				found = append(found, fmt.Sprintf("%s in the name %s", what, path))
			}
			if !entry.Type().IsRegular() {
				return nil
			}
			files++
			hits, err := c.file(path, entry)
			found = append(found, hits...)
			return err
		})
		if err != nil {
			return nil, 0, fmt.Errorf("search %s: %w", root, err)
		}
	}
	return found, files, nil
}

func (c *Canaries) file(path string, entry fs.DirEntry) ([]string, error) {
	info, err := entry.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	now := seen{info.Size(), info.ModTime()}
	if c.looked[path] == now {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c.looked[path] = now
	var found []string
	for _, what := range c.In(data) {
		found = append(found, fmt.Sprintf("%s in %s", what, path))
	}
	return found, nil
}
