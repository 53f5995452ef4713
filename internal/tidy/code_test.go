package tidy

import (
	"fmt"
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// forbidden are names that open a door; each is used nowhere but in a test.
var forbidden = map[string]string{
	"DisableCertificateFingerprintVerification": "without it anyone on the path can sit between two daemons",
	"InsecureSkipVerify":                        "a matchmaker behind TLS must be the one that was named",
	"SetDTLSKeyLogWriter":                       "nobody may be able to read a recorded session",
	"SetDTLSInsecureSkipHelloVerify":            "who has not shown that he gets answers at his address must not cost work",
	"InsecureSkipVerifyHello":                   "the same, below",
	"KeyLogWriter":                              "nobody may be able to read a recorded session",
}

func doors(s source) []string {
	return find(s, func(n ast.Node) string {
		name, ok := n.(*ast.Ident)
		if !ok || forbidden[name.Name] == "" {
			return ""
		}
		return fmt.Sprintf("%s is forbidden: %s", name.Name, forbidden[name.Name])
	})
}

func TestS2ForbiddenNames(t *testing.T) {
	shows(t, doors, "x.go", "var x = T{InsecureSkipVerify: true}", "var x = T{Verify: true}")
	shows(t, doors, "x.go", "func f() { s.DisableCertificateFingerprintVerification(true) }", "func f() { s.Set(true) }")
	everywhere(t, doors, program)
}

// squeezed finds compression: nothing that crosses the network or the socket is compressed, so that a few bytes never become
// many before they are looked at.
func squeezed(s source) []string {
	var found []string
	for _, spec := range s.syntax.Imports {
		if name := strings.Trim(spec.Path.Value, `"`); strings.HasPrefix(name, "compress/") || strings.HasPrefix(name, "archive/") ||
			strings.Contains(name, "zstd") || strings.Contains(name, "brotli") {
			found = append(found, fmt.Sprintf("%s: %s: nothing is compressed on its way", s.at(spec.Pos()), name))
		}
	}
	return append(found, find(s, func(n ast.Node) string {
		name, ok := n.(*ast.Ident)
		if !ok || name.Name != "EnableCompression" && name.Name != "EnableWriteCompression" {
			return ""
		}
		return name.Name + ": nothing is compressed on its way"
	})...)
}

func TestA7NothingIsCompressed(t *testing.T) {
	shows(t, squeezed, "x.go", `import "compress/flate"`, `import "bytes"`)
	shows(t, squeezed, "x.go", "var x = websocket.Upgrader{EnableCompression: true}", "var x = websocket.Upgrader{}")
	measures := []string{"internal/bench", "internal/crdt/replay"} // they read recordings from files of this repository
	everywhere(t, squeezed, func(s source) bool {
		return program(s) && !slices.ContainsFunc(measures, func(dir string) bool { return strings.HasPrefix(s.path, dir+"/") })
	})
}

// sleeps finds time.Sleep in a test unless it stands inside a synctest bubble, where time is virtual: in what is handed to
// synctest.Test or to a function called …Bubble, in a function whose comment says that it runs in a bubble, or on a line
// that does.
func sleeps(s source) []string {
	var bubbles []ast.Node
	said := map[int]bool{}
	for _, group := range s.syntax.Comments {
		said[s.files.Position(group.Pos()).Line] = strings.Contains(group.Text(), "bubble")
	}
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			name, ok := n.Fun.(*ast.Ident)
			if selects(n.Fun, "synctest", "Test") || ok && strings.HasSuffix(name.Name, "Bubble") {
				bubbles = append(bubbles, n)
			}
		case *ast.FuncDecl:
			if n.Doc != nil && strings.Contains(n.Doc.Text(), "bubble") {
				bubbles = append(bubbles, n)
			}
		}
		return true
	})
	return find(s, func(n ast.Node) string {
		inside := func(b ast.Node) bool { return b.Pos() <= n.Pos() && n.End() <= b.End() }
		if !selects(n, "time", "Sleep") || slices.ContainsFunc(bubbles, inside) || said[s.files.Position(n.Pos()).Line] {
			return ""
		}
		return "a test must not sleep outside a synctest bubble: wait for what it needs"
	})
}

func TestNoSleepInTests(t *testing.T) {
	shows(t, sleeps, "x_test.go", "func TestX(t *T) { time.Sleep(1) }",
		"func TestX(t *T) { synctest.Test(t, func(t *T) { time.Sleep(1) }) }\n"+
			"func TestY(t *T) { inBubble(t, func(t *T) { time.Sleep(1) }) }\n// in a bubble\nfunc f() { time.Sleep(1) }\n"+
			"func g() {\n\ttime.Sleep(1) // virtual: in a bubble\n}")
	everywhere(t, sleeps, test)
}

// ending is what a comment at a go statement must say.
var ending = regexp.MustCompile(`\b(end|ends|ended|until|returns|exits|stops|over|done)\b`)

// goroutines finds go statements without a word about when they end: on the statement's line, in the three lines above
// it, or in the comment of the function around it.
func goroutines(s source) []string {
	said := map[int]bool{}
	for _, group := range s.syntax.Comments {
		if !ending.MatchString(group.Text()) {
			continue
		}
		for line := s.files.Position(group.Pos()).Line; line <= s.files.Position(group.End()).Line+3; line++ {
			said[line] = true
		}
	}
	documented := map[ast.Node]bool{}
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		if f, ok := n.(*ast.FuncDecl); ok && f.Doc != nil && ending.MatchString(f.Doc.Text()) {
			ast.Inspect(f, func(n ast.Node) bool { documented[n] = n != nil; return true })
		}
		return true
	})
	return find(s, func(n ast.Node) string {
		g, ok := n.(*ast.GoStmt)
		if !ok || documented[n] || said[s.files.Position(g.Pos()).Line] {
			return ""
		}
		return "a go statement needs a comment that says when the goroutine ends"
	})
}

func TestGoroutinesSayWhenTheyEnd(t *testing.T) {
	shows(t, goroutines, "x.go", "func f() {\n\t// reads lines\n\tgo read()\n}", "func f() {\n\t// ends with the input\n\tgo read()\n}")
	shows(t, goroutines, "x.go", "// f reads.\nfunc f() { go read() }", "// f reads until the end.\nfunc f() { go read() }")
	everywhere(t, goroutines, program)
}

// vague are names of packages in which everything ends up.
var vague = []string{"util", "utils", "common", "types", "models", "errors", "helpers", "helper", "misc", "shared", "base", "lib"}

func vagueName(s source) []string {
	if name := s.syntax.Name.Name; slices.Contains(vague, name) || slices.Contains(vague, path.Base(s.folder())) {
		return []string{fmt.Sprintf("%s: package %s: name it after what it holds", s.path, name)}
	}
	return nil
}

func TestNoVaguePackages(t *testing.T) {
	if got := vagueName(parse(t, "internal/util/x.go", "package util")); len(got) != 1 {
		t.Errorf("the rule finds %q in package util", got)
	}
	everywhere(t, vagueName, anything)
}

// maxLines is what one noun needs at most; past it there are two nouns in the file. A file of tests may hold more, because
// its tables are read one by one.
const (
	maxLines     = 700
	maxTestLines = 1000
)

func long(s source) []string {
	most := maxLines
	if s.isTest() {
		most = maxTestLines
	}
	if n := lines(s.text); n > most {
		return []string{fmt.Sprintf("%s has %d lines, at most %d: which two nouns are in it?", s.path, n, most)}
	}
	return nil
}

func TestFilesAreShort(t *testing.T) {
	shows(t, long, "x.go", strings.Repeat("\n", maxLines), strings.Repeat("\n", maxLines-2))
	shows(t, long, "x_test.go", strings.Repeat("\n", maxTestLines), strings.Repeat("\n", maxTestLines-2))
	everywhere(t, long, handmade)
}

// inits finds what runs before main or a test asks for it.
func inits(s source) []string {
	return find(s, func(n ast.Node) string {
		f, ok := n.(*ast.FuncDecl)
		if !ok || f.Recv != nil || f.Name.Name != "init" {
			return ""
		}
		return "no init(): build it where it is used"
	})
}

func TestNoInit(t *testing.T) {
	shows(t, inits, "x.go", "func init() {}", "func (x T) init() {}")
	everywhere(t, inits, anything)
}

// TestPackageComments: each package says once what it promises.
func TestPackageComments(t *testing.T) {
	comments := map[string][]string{}
	for _, s := range tree(t) {
		where := s.folder()
		if _, ok := comments[where]; !ok {
			comments[where] = nil
		}
		if s.syntax.Doc != nil && !s.generated() && len(strings.Fields(s.syntax.Doc.Text())) > 3 {
			comments[where] = append(comments[where], s.path)
		}
	}
	for where, files := range comments {
		if len(files) != 1 {
			t.Errorf("%s: got its package comment in %d files %v, want exactly one", where, len(files), files)
		}
	}
}

// unfinished finds marks of work that was put off: it is done, or it is an issue.
func unfinished(s source) []string {
	mark := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|X` + `XX|HA` + `CK)\b`)
	var found []string
	for _, group := range s.syntax.Comments {
		if m := mark.FindString(group.Text()); m != "" {
			found = append(found, fmt.Sprintf("%s: %s: finish it or open an issue", s.at(group.Pos()), m))
		}
	}
	return found
}

func TestNothingUnfinished(t *testing.T) {
	shows(t, unfinished, "x.go", "// TO"+"DO: later\nvar x token", "// to do it is fine\nvar x token")
	everywhere(t, unfinished, handmade)
}
