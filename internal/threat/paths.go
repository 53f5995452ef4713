package threat

import (
	"math/rand/v2"
	"strings"
)

// atoms are what hostile paths are made of: what leads out on some system, what some system drops, folds or takes for
// something else, and plain names between them.
var atoms = []string{
	"a", "b", "main.go", "é", "e\u0301", "日本", "👍", "❤\ufe0f", " a", "-rf", "$HOME", "~", "*", "|", "[x]",
	".", "..", "...", "....", " ", ". .", ".. ", "..\t", "‥", "…", "．．", "%2e%2e", "%2E", "%252e", "\xc0\xae\xc0\xae",
	"/", "//", `\`, `\\`, "／", "∕", "⧵", "%2f", "%5c", "\xc0\xaf", "\xe0\x80\xaf",
	"C:", "c:", "Z:", ":", "::$DATA", ":x", `\\?\`, `\\.\`, `\??\`, "//?/", "//server/share", `\\server\share`, "file:", "/etc/passwd",
	"\x00", "%00", "\n", "\r", "\t", "\x1b[2J", "\x7f", "\u0085", "\u202e", "\u2066", "\u200b", "\u200c", "\u2060", "\ufeff", "\u00ad",
	"\u3164", "\ufe0f", "\U000e0100", "\U000e0041", "\u2028", "\ufffd", "\xff", "\xc3", "\xed\xa0\x80",
	"CON", "con", "nul", "NUL.txt", "aux .c", "COM1", "com9.log", "LPT¹", "CONIN$", "clocK$", "prn",
	".git", ".GIT", ".gIt", ".g\u200cit", "GIT~1", "git~2", ".hg", ".ſvn", ".jj", "CVS", "hooks", "config", ".env", "id_rsa",
	strings.Repeat("x", 255), strings.Repeat("y", 256), strings.Repeat("z/", 300),
}

// Path draws a text as an attacker would send it where a path is meant: most are none that may be taken.
func Path(r *rand.Rand) string {
	var b []byte
	for range 1 + r.IntN(7) {
		b = append(b, atoms[r.IntN(len(atoms))]...)
		if r.IntN(2) == 0 {
			b = append(b, '/')
		}
	}
	if len(b) > 0 && b[len(b)-1] == '/' && r.IntN(8) > 0 {
		b = b[:len(b)-1]
	}
	if len(b) > 0 && r.IntN(16) == 0 {
		b[r.IntN(len(b))] = byte(r.Uint32())
	}
	return string(b)
}
