package tidy

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// onDisk is what of the standard library and golang.org/x/sys takes a path of this machine and looks at what is there, or
// changes it. What is reached through an *os.Root is not among them: it can't leave that folder.
var onDisk = map[string][]string{
	"os": {
		"Open", "OpenFile", "OpenRoot", "OpenInRoot", "Create", "CreateTemp", "ReadFile", "WriteFile", "ReadDir", "Mkdir", "MkdirAll",
		"MkdirTemp", "Remove", "RemoveAll", "Rename", "Link", "Symlink", "Readlink", "Stat", "Lstat", "Truncate", "Chmod", "Chown",
		"Lchown", "Chtimes", "CopyFS", "DirFS", "Chdir",
	},
	"filepath": {"Walk", "WalkDir", "Glob", "EvalSymlinks"},
	"ioutil":   {"ReadFile", "WriteFile", "ReadDir", "TempFile", "TempDir"},
	"syscall": {
		"Open", "Openat", "Creat", "Unlink", "Unlinkat", "Rename", "Renameat", "Link", "Symlink", "Mkdir", "Mkdirat", "Rmdir", "Stat", "Lstat",
		"Chmod", "Fchmodat", "Chown", "Lchown", "Truncate", "Mknod", "Mkfifo", "CreateFile", "DeleteFile", "MoveFile", "Mmap",
	},
}

// throughRoot says for each file of the program which of those it uses, and why that opens no way for a guest.
var throughRoot = map[string]struct {
	uses []string
	why  string
}{
	"internal/workspace/folder.go":      {[]string{"os.OpenRoot"}, "the folder that the host named: everything below is reached through it"},
	"internal/workspace/identity.go":    {[]string{"os.Lstat", "filepath.EvalSymlinks"}, "which file a path of the host's own editor names; no content is read"},
	"internal/workspace/ignore.go":      {[]string{"os.Stat", "os.OpenFile"}, "rules of the repository around the folder: they hide names and are never sent"},
	"internal/workspace/names_unix.go":  {[]string{"unix.Unlinkat", "unix.Renameat", "unix.Mkdirat"}, "single names in folders that were opened through the root: os.Root has no renaming that replaces nothing"},
	"internal/rpc/socket_unix.go":       {[]string{"os.Stat", "os.Lstat", "os.MkdirAll", "os.Chmod", "os.OpenFile", "os.Remove"}, "the daemon's socket, its lock and their folder"},
	"daemon/settings/file.go":           {[]string{"os.Open"}, "the person's own settings"},
	"daemon/earshot/share.go":           {[]string{"os.Stat", "os.Open"}, "what the host typed, and the terminal"},
	"daemon/earshot/tap.go":             {[]string{"os.OpenFile"}, "the file that the person named, for messages of their own editor"},
	"daemon/earshot/private_unix.go":    {[]string{"os.OpenFile"}, "where the runtime's last words go: nowhere"},
	"daemon/earshot/private_windows.go": {[]string{"os.OpenFile"}, "as on unix"},
	"daemon/earshot/try.go":             {[]string{"os.RemoveAll"}, "the trial's own temporary folder"},
	"daemon/earshot/try_robin.go":       {[]string{"os.MkdirTemp", "os.RemoveAll"}, "the same"},
	"daemon/earshot/try_stage.go":       {[]string{"os.WriteFile"}, "the scratch text in it"},
	"daemon/earshot/document.go":        {[]string{"os.Stat"}, "what the person typed: a file of their own or one of the session"},
}

// besides are programs and packages that no daemon contains.
var besides = []string{"protocol/gen", "plugins/table", "internal/bench", "internal/sim", "internal/threat", "internal/crdt/replay"}

func diskUse(s source) (uses []string, places map[string]string) {
	places = map[string]string{}
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		from, ok := sel.X.(*ast.Ident)
		if !ok {
			return true
		}
		pkg := from.Name
		if pkg == "unix" || pkg == "windows" {
			pkg = "syscall"
		}
		if slices.Contains(onDisk[pkg], sel.Sel.Name) {
			use := from.Name + "." + sel.Sel.Name
			if !slices.Contains(uses, use) {
				uses = append(uses, use)
			}
			places[use] = s.at(n.Pos())
		}
		return true
	})
	return uses, places
}

// aroundRoot finds ways to the disk that the table doesn't hold.
func aroundRoot(s source) []string {
	uses, places := diskUse(s)
	var found []string
	for _, use := range uses {
		if !slices.Contains(throughRoot[s.path].uses, use) {
			found = append(found, fmt.Sprintf("%s: %s goes to the disk around os.Root: go through workspace, or add it to the table with its reason", places[use], use))
		}
	}
	return found
}

// TestA9DiskThroughRootAlone: what a guest can name reaches the disk through os.Root and by no other way.
func TestA9DiskThroughRootAlone(t *testing.T) {
	shows(t, aroundRoot, "internal/workspace/x.go", `func f() { os.ReadFile("x") }`, `func f() { root.ReadFile("x") }`)
	shows(t, aroundRoot, "daemon/x.go", `func f() { unix.Openat(0, "x", 0, 0) }`, `func f() { unix.Flistxattr(0, nil) }`)
	shows(t, aroundRoot, "internal/workspace/folder.go", `var f = os.Open`, `var f = os.OpenRoot`)
	inDaemon := func(s source) bool {
		return program(s) && !slices.ContainsFunc(besides, func(folder string) bool { return s.folder() == folder || strings.HasPrefix(s.folder(), folder+"/") })
	}
	everywhere(t, aroundRoot, inDaemon)
	for _, s := range tree(t) {
		uses, _ := diskUse(s)
		for _, use := range throughRoot[s.path].uses {
			if !slices.Contains(uses, use) {
				t.Errorf("%s: %s is in the table and not in the file", s.path, use)
			}
		}
	}
}

// TestA9Toolchain: os.Root of an older toolchain can be left by a link with a slash behind it (CVE-2026-39822).
func TestA9Toolchain(t *testing.T) {
	for line := range strings.Lines(read(t, "go.mod")) {
		var minor, patch int
		if n, err := fmt.Sscanf(line, "go 1.%d.%d", &minor, &patch); n == 2 && err == nil {
			if minor < 26 || minor == 26 && patch < 5 {
				t.Errorf("go.mod asks for go 1.%d.%d, want at least 1.26.5", minor, patch)
			}
			return
		}
	}
	t.Error("go.mod names no version of Go with its patch")
}
