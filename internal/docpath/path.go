// Package docpath is the one parser for the paths and URIs that name shared documents.
//
// It promises that a Path, however hostile the text it came from, names something below the shared folder on
// every operating system: joined to a folder's path it cannot climb out, cannot name a device, another stream
// of a file or a drive, and looks to a person like what it is. It cannot promise anything about links: that is
// workspace's work, which hands a Path only to os.Root.
//
//	text from outside ─ Parse ─▶ Path ─ VCS, Secret ─▶ what no guest may see
//	earshot:// URI ─ ParseSessionURI ─▶ session id, Path
//	file: URI ─ ParseFileURI ─▶ path of this machine (workspace.Folder.Rel makes a Path of it)
//
// The package is pure: no I/O, no goroutine, no clock, the standard library alone. Anyone may call it.
package docpath

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxLen is the longest path in bytes: PATH_MAX of Linux, the smallest of the usual limits that a real
	// tree comes near.
	MaxLen = 4096
	// MaxPart is the longest name in bytes: NAME_MAX of ext4, APFS and NTFS (there 255 UTF-16 units, which
	// is never fewer bytes).
	MaxPart = 255
)

// Path names a file or folder below the shared folder, its parts joined by slashes. The zero Path is the shared
// folder itself. Only Parse and the methods here make one; two Paths are the same name if they are ==.
type Path struct{ s string }

// Parse reads a path as it travels between daemons. The error is an *Error: of kind OutsideFolder for what
// would climb out or is absolute on any system, Excluded for a name that no shared file may have.
func Parse(s string) (Path, error) {
	if len(s) > MaxLen {
		return Path{}, fail(Excluded, s, "is longer than 4096 bytes; use a shorter path")
	}
	if s == "" {
		return Path{}, fail(Excluded, s, "is empty; name a file in the shared folder")
	}
	if absolute(s) {
		return Path{}, fail(OutsideFolder, s, "is not a path inside the shared folder; give it relative to that folder")
	}
	for part := range strings.SplitSeq(s, "/") {
		if err := checkPart(s, part); err != nil {
			return Path{}, err
		}
	}
	return Path{s}, nil
}

// absolute tells whether some system would read s as something else than a path relative to where it stands.
// A backslash is refused anywhere: it separates parts on Windows and is a letter elsewhere.
func absolute(s string) bool {
	return s[0] == '/' || strings.Contains(s, `\`) || len(s) > 1 && s[1] == ':'
}

// checkPart refuses one part of the path s, with nil for a good one.
func checkPart(s, part string) error {
	switch {
	case part == "..":
		return fail(OutsideFolder, s, "leads out of the shared folder; leave out \"..\"")
	case part == "" || part == ".":
		return fail(Excluded, s, "has an empty part; write one slash between names and none at the ends")
	case len(part) > MaxPart:
		return fail(Excluded, s, "has a name longer than 255 bytes; rename it to share it")
	case !utf8.ValidString(part):
		return fail(Excluded, s, "is not valid UTF-8; rename the file to share it")
	case strings.IndexFunc(part, unseen) >= 0 || masked(part):
		return fail(Excluded, s, "has a control or invisible character in its name; rename the file to share it")
	case strings.Contains(part, ":"):
		return fail(Excluded, s, "has a colon in its name, which Windows reads as another stream; rename the file to share it")
	case strings.HasSuffix(part, ".") || strings.HasSuffix(part, " "):
		return fail(Excluded, s, "has a name that ends with a dot or a space, which Windows drops; rename the file to share it")
	case device(part):
		return fail(Excluded, s, "has a name that Windows keeps for a device; rename the file to share it")
	}
	return nil
}

// unseen tells whether r is a control, a line or paragraph separator, a bidirectional control, or a letter that
// leaves no trace on the screen, with which one name could pass for another.
func unseen(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point)
}

// masked tells whether part has a variation selector that varies nothing: it is as unseen behind a plain letter as it is
// needed behind a symbol, an ideograph or the digit of a keycap.
func masked(part string) bool {
	before := rune(0)
	for _, r := range part {
		if before < 0x80 && !strings.ContainsRune("0123456789#*", before) && unicode.Is(unicode.Variation_Selector, r) {
			return true
		}
		before = r
	}
	return false
}

// device tells whether Windows opens a device where part is meant as a file: whatever follows the first dot
// counts for nothing there, nor do spaces before it.
// https://learn.microsoft.com/windows/win32/fileio/naming-a-file
func device(part string) bool {
	stem, _, _ := strings.Cut(part, ".")
	stem = fold(strings.TrimRight(stem, " "))
	switch stem {
	case "con", "prn", "aux", "nul", "conin$", "conout$", "clock$":
		return true
	}
	port, ok := strings.CutPrefix(stem, "com")
	if !ok {
		port, ok = strings.CutPrefix(stem, "lpt")
	}
	return ok && utf8.RuneCountInString(port) == 1 && strings.Contains("0123456789¹²³", port)
}

// String gives the path as Parse takes it, "" for the shared folder itself.
func (p Path) String() string { return p.s }

// IsFolder tells whether p is the shared folder itself.
func (p Path) IsFolder() bool { return p.s == "" }

// Base is the last part of p, "" for the shared folder.
func (p Path) Base() string { return p.s[strings.LastIndexByte(p.s, '/')+1:] }

// Dir is the folder that p stands in; the shared folder's is itself.
func (p Path) Dir() Path { return Path{p.s[:max(0, strings.LastIndexByte(p.s, '/'))]} }

// Join is what is called name in the folder p. The errors are those of Parse; a slash in name is one too.
func (p Path) Join(name string) (Path, error) {
	if strings.Contains(name, "/") {
		return Path{}, fail(Excluded, name, "is not one name; leave out the slash")
	}
	if p.s == "" {
		return Parse(name)
	}
	return Parse(p.s + "/" + name)
}

// Parts gives the names on the way to p, none for the shared folder.
func (p Path) Parts() []string {
	if p.s == "" {
		return nil
	}
	return strings.Split(p.s, "/")
}

// Under tells whether p is dir or stands somewhere below it.
func (p Path) Under(dir Path) bool {
	return dir.s == "" || p.s == dir.s || strings.HasPrefix(p.s, dir.s+"/")
}

// Compare orders paths as a listing shows them: names in byte order, each folder before what is in it and that
// before the next name. It is negative, zero or positive as p comes before, is, or comes after q.
func (p Path) Compare(q Path) int {
	for i := range min(len(p.s), len(q.s)) {
		a, b := p.s[i], q.s[i]
		if a == b {
			continue
		}
		if a == '/' {
			return -1
		}
		if b == '/' {
			return 1
		}
		return int(a) - int(b)
	}
	return len(p.s) - len(q.s)
}
