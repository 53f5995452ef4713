package workspace

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"earshot/internal/text"

	"pgregory.net/rapid"
)

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir)
	check := func(t *testing.T, bytes, want string, form Form) {
		t.Helper()
		form.Encoding = "utf-8"
		write(t, filepath.Join(dir, "f"), bytes)
		got, err := f.Load(pathOf(t, "f"))
		if err != nil || got.Text != want || got.Form != form {
			t.Errorf("%q loads as %q, %+v, %v; want %q, %+v", bytes, got.Text, got.Form, err, want, form)
		}
		// Written back with another byte and then as it was, it is the same file again.
		stamp, err := f.Save(pathOf(t, "f"), got.Text+"x", got.Form, got.Stamp)
		if err == nil {
			stamp, err = f.Save(pathOf(t, "f"), got.Text, got.Form, stamp)
		}
		if back := read(t, filepath.Join(dir, "f")); err != nil || back != bytes || stamp != got.Stamp {
			t.Errorf("%q comes back as %q, %v", bytes, back, err)
		}
	}
	check(t, "", "", Form{})
	check(t, "a", "a", Form{})
	check(t, "a\n", "a\n", Form{FinalNewline: true})
	check(t, "\n", "\n", Form{FinalNewline: true})
	check(t, "a\r\nb\r\n", "a\nb\n", Form{EOL: text.CRLF, FinalNewline: true})
	check(t, "a\r\nb", "a\nb", Form{EOL: text.CRLF})
	check(t, "a\r\nb\n", "a\r\nb\n", Form{FinalNewline: true})
	check(t, "a\rb", "a\rb", Form{})
	check(t, "a\rb\r\n", "a\rb\r\n", Form{FinalNewline: true})
	check(t, "\ufeff", "", Form{BOM: true})
	check(t, "\ufeffa\r\n", "a\n", Form{BOM: true, EOL: text.CRLF, FinalNewline: true})
	check(t, "\ufeff\ufeffa", "\ufeffa", Form{BOM: true})
	check(t, "日本\n😀 e\u0301", "日本\n😀 e\u0301", Form{})
	check(t, strings.Repeat("a", sniffed)+"\x00", strings.Repeat("a", sniffed)+"\x00", Form{})
	check(t, strings.Repeat("x", 1_000_000), strings.Repeat("x", 1_000_000), Form{})
}

func TestLoadRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.SampledFrom([]string{"\r\n", "\n", "\r", "a", "é", "\ufeff", "😀"})).Draw(t, "parts")
		in := strings.Join(parts, "")
		p := goodPath("f")
		got, err := decode(p, []byte(in), fakeInfo{})
		if err != nil || !utf8.ValidString(got.Text) || got.Form.EOL == text.CRLF && strings.Contains(got.Text, "\r") {
			t.Fatalf("decode(%q) = %q, %v", in, got.Text, err)
		}
		if out, err := encode(p, got.Text, got.Form); err != nil || string(out) != in {
			t.Fatalf("%q comes back as %q, %v", in, out, err)
		}
	})
}

func TestH4WhatIsNoText(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir)
	for name, bytes := range map[string]string{
		"zero": "a\x00b", "later": strings.Repeat("a", sniffed-1) + "\x00", "utf16": "\xff\xfea\x00", "latin": "caf\xe9", "half": "a\xe2\x82",
		"surrogate": "\xed\xa0\x80", "overlong": "\xc0\xaf",
	} {
		write(t, filepath.Join(dir, name), bytes)
		_, err := f.Load(pathOf(t, name))
		wantKind(t, name, err, NotText)
	}
}

func TestH4LoadLimit(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir)
	size := func(name string, n int64) {
		write(t, filepath.Join(dir, name), "")
		if err := os.Truncate(filepath.Join(dir, name), n); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "full"), strings.Repeat("a", MaxSize))
	if got, err := f.Load(pathOf(t, "full")); err != nil || len(got.Text) != MaxSize {
		t.Errorf("32 MiB: %d bytes, %v", len(got.Text), err)
	}
	size("over", MaxSize+1)
	size("huge", 1<<30)
	// A file that grows while it is read, or whose size is no size.
	if file, err := os.Open(filepath.Join(dir, "huge")); err != nil {
		t.Error(err)
	} else {
		if data, _, err := readAll(file); err != nil || len(data) != MaxSize+1 {
			t.Errorf("%d bytes were read of a gibibyte, %v", len(data), err)
		}
		file.Close()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, name := range []string{"over", "huge"} {
		_, err := f.Load(pathOf(t, name))
		wantKind(t, name, err, TooLarge)
	}
	runtime.ReadMemStats(&after)
	if read := after.TotalAlloc - before.TotalAlloc; read > 1<<20 {
		t.Errorf("%d bytes were allocated for what is too large", read)
	}
}
