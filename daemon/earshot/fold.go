package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"earshot/internal/introduction"
)

// folding writes messages so that a person can read them: on one line, with what is long cut and what is secret left out.
type folding struct {
	full    bool // nothing is cut
	secrets bool // nothing is left out
}

// head tells how to read what follows, and what is missing from it.
func (f folding) head() string {
	what := "long bodies folded"
	if f.full {
		what = "texts of documents included"
	}
	if !f.secrets {
		return "earshot tap: → from the editor, ← from the daemon; " + what + "; codes, links and passwords left out"
	}
	return "earshot tap: → from the editor, ← from the daemon; " + what + "; codes and links INCLUDED: who reads them can join"
}

// tapped is a message in its parts.
type tapped struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

func parseTapped(body []byte) (m tapped, ok bool) {
	if json.Unmarshal(body, &m) != nil {
		return m, false
	}
	return m, m.Method != "" || m.Result != nil || m.Error != nil
}

// Limits of what is shown folded: a line fits a few rows of a terminal.
const (
	foldText  = 24  // code points of a document's text
	foldWords = 120 // of any other string
	foldItems = 4   // of an array
	foldDepth = 12
	foldLine  = 700
)

// part gives a part of a message behind words, "" if it is not there.
func (f folding) part(words string, raw json.RawMessage) string {
	if raw == nil {
		return ""
	}
	s := f.fold(raw)
	if !f.full && utf8.RuneCountInString(s) > foldLine {
		s = string([]rune(s)[:foldLine]) + fmt.Sprintf("…(%d bytes)", len(raw))
	}
	return words + s
}

func (f folding) fold(raw json.RawMessage) string {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var b strings.Builder
	if err := f.value(&b, d, "", 0); err != nil {
		return fmt.Sprintf("(%d bytes that are no JSON)", len(raw))
	}
	return b.String()
}

// value writes the next value of d, which stands under a key.
func (f folding) value(b *strings.Builder, d *json.Decoder, key string, depth int) error {
	if depth > foldDepth {
		var skipped json.RawMessage
		if err := d.Decode(&skipped); err != nil {
			return err
		}
		b.WriteString("…")
		return nil
	}
	t, err := d.Token()
	if err != nil {
		return err
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '[' {
			return f.array(b, d, key, depth)
		}
		return f.object(b, d, depth)
	case string:
		b.WriteString(f.words(key, t))
	case json.Number:
		b.WriteString(t.String())
	default:
		fmt.Fprintf(b, "%v", orNull(t))
	}
	return nil
}

func orNull(v any) any {
	if v == nil {
		return "null"
	}
	return v
}

func (f folding) array(b *strings.Builder, d *json.Decoder, key string, depth int) error {
	b.WriteByte('[')
	n := 0
	for ; d.More(); n++ {
		if !f.full && n >= foldItems {
			var skipped json.RawMessage
			if err := d.Decode(&skipped); err != nil {
				return err
			}
			continue
		}
		if n > 0 {
			b.WriteByte(',')
		}
		if err := f.value(b, d, key, depth+1); err != nil {
			return err
		}
	}
	if !f.full && n > foldItems {
		fmt.Fprintf(b, ",…%d more", n-foldItems)
	}
	b.WriteByte(']')
	_, err := d.Token()
	return err
}

func (f folding) object(b *strings.Builder, d *json.Decoder, depth int) error {
	var raw strings.Builder
	raw.WriteByte('{')
	for first := true; d.More(); first = false {
		name, err := d.Token()
		if err != nil {
			return err
		}
		if !first {
			raw.WriteByte(',')
		}
		key, _ := name.(string)
		raw.Write(quoted(key))
		raw.WriteByte(':')
		if err := f.value(&raw, d, key, depth+1); err != nil {
			return err
		}
	}
	raw.WriteByte('}')
	if _, err := d.Token(); err != nil {
		return err
	}
	s := raw.String()
	if !f.full {
		s = shortPlace(s)
	}
	b.WriteString(s)
	return nil
}

// Positions and ranges, as the messages are full of them.
var (
	position = regexp.MustCompile(`^\{"line":(\d+),"character":(\d+)\}$`)
	span     = regexp.MustCompile(`^\{"(?:start|anchor)":(\d+:\d+),"(?:end|active)":(\d+:\d+)\}$`)
)

// shortPlace writes a position as LINE:CHARACTER and a range as two of them, counted from zero as the protocol does.
func shortPlace(object string) string {
	if m := position.FindStringSubmatch(object); m != nil {
		return m[1] + ":" + m[2]
	}
	if m := span.FindStringSubmatch(object); m != nil {
		return m[1] + "-" + m[2]
	}
	return object
}

// hiddenKeys are the members whose strings are secret whatever they look like.
var hiddenKeys = map[string]bool{"code": true, "link": true, "resume": true, "credential": true}

// Codes and links within other strings: in a sentence for the person, in a command's arguments, in a text that is typed.
var (
	codeWithin = regexp.MustCompile(`\b[0-9A-Za-z]{4}-[0-9A-Za-z]{6}\b`)
	linkWithin = regexp.MustCompile(`(/j#)[^\s"'<>]+`)
)

// words writes a string.
func (f folding) words(key, s string) string {
	if !f.secrets {
		s = withoutSecrets(key, s)
	}
	most := foldWords
	if key == "text" || key == "newText" {
		most = foldText
	}
	if runes := []rune(s[:min(len(s), 4*most+4)]); !f.full && len(runes) > most {
		return strings.TrimSuffix(string(quoted(string(runes[:most]))), `"`) + fmt.Sprintf(`…"(%d bytes)`, len(s))
	}
	return string(quoted(s))
}

const leftOut = "(left out)"

func withoutSecrets(key, s string) string {
	if hiddenKeys[key] && s != "" {
		return leftOut
	}
	if key == "arguments" || strings.ContainsAny(s, "-# ") { // without one it may be the id of a session or member
		if _, err := introduction.ParseCode(s); err == nil {
			return leftOut
		}
	}
	s = linkWithin.ReplaceAllString(s, "${1}"+leftOut)
	return codeWithin.ReplaceAllStringFunc(s, func(found string) string {
		if _, err := introduction.ParseCode(found); err != nil && (found == "XXXX-YYYYYC" || found != strings.ToUpper(found)) {
			return found // the pattern that people are shown, or two words
		}
		return leftOut
	})
}

// word writes a method's name, which comes from outside as well.
func (f folding) word(s string) string { return plain(s) }

// quoted is a string as JSON, without the escapes that HTML needs.
func quoted(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always can be
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
