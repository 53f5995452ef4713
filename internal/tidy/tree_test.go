// Package tidy holds tests alone: the rules of this project that a program can check. Each rule is a function from the
// source to the places that break it, and is shown first on a small source that does; then it looks at the whole tree.
package tidy

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root of the module, seen from this folder.
const root = "../.."

// source is one parsed Go file.
type source struct {
	path   string // from the module's root, with slashes
	syntax *ast.File
	files  *token.FileSet
	text   string
}

func (s source) folder() string  { return path.Dir(s.path) }
func (s source) isTest() bool    { return strings.HasSuffix(s.path, "_test.go") }
func (s source) generated() bool { return ast.IsGenerated(s.syntax) }

// at tells a place as editors and terminals link it.
func (s source) at(pos token.Pos) string {
	return fmt.Sprintf("%s:%d", s.path, s.files.Position(pos).Line)
}

func parse(t *testing.T, path, text string) source {
	t.Helper()
	files := token.NewFileSet()
	syntax, err := parser.ParseFile(files, path, text, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return source{path: path, syntax: syntax, files: files, text: text}
}

// tree parses every Go file of the module.
func tree(t *testing.T) []source {
	t.Helper()
	var all []source
	for _, name := range names(t) {
		if path.Ext(name) != ".go" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, parse(t, name, string(text)))
	}
	if len(all) < 20 {
		t.Fatalf("got %d Go files: this is not the module's root", len(all))
	}
	return all
}

// names lists the files of the module as paths from its root, without what is built, fetched or test data.
func names(t *testing.T) []string {
	t.Helper()
	var all []string
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		skipped := base == "testdata" || base == "node_modules" || base == "bin" || strings.HasPrefix(base, ".")
		if entry.IsDir() && skipped && name != "." {
			return fs.SkipDir
		}
		if entry.Type().IsRegular() {
			all = append(all, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// rule finds the places in one source that break it, each as a sentence.
type rule func(source) []string

// everywhere applies a rule to all sources that keep says.
func everywhere(t *testing.T, r rule, keep func(source) bool) {
	t.Helper()
	for _, s := range tree(t) {
		if !keep(s) {
			continue
		}
		for _, complaint := range r(s) {
			t.Error(complaint)
		}
	}
}

// shows proves that a rule finds something in bad and nothing in good, both the rest of a file after `package p`.
func shows(t *testing.T, r rule, path, bad, good string) {
	t.Helper()
	if got := r(parse(t, path, "package p\n"+bad)); len(got) == 0 {
		t.Errorf("the rule finds nothing in:\n%s", bad)
	}
	if got := r(parse(t, path, "package p\n"+good)); len(got) != 0 {
		t.Errorf("the rule finds %q in:\n%s", got, good)
	}
}

// find walks the syntax and collects what look says about each node.
func find(s source, look func(ast.Node) string) []string {
	var found []string
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		if n == nil {
			return true
		}
		if complaint := look(n); complaint != "" {
			found = append(found, s.at(n.Pos())+": "+complaint)
		}
		return true
	})
	return found
}

// selects tells whether a node is pkg.name for one of the names, as written.
func selects(n ast.Node, pkg string, names ...string) bool {
	sel, ok := n.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	from, ok := sel.X.(*ast.Ident)
	return ok && from.Name == pkg && slices.Contains(names, sel.Sel.Name)
}

func anything(source) bool   { return true }
func program(s source) bool  { return !s.isTest() }
func test(s source) bool     { return s.isTest() }
func handmade(s source) bool { return !s.generated() }
func lines(text string) int  { return strings.Count(text, "\n") }
