package tidy

import (
	"fmt"
	"go/ast"
	"go/token"
	"strconv"
	"strings"
	"testing"
)

// What may be logged. A log is read by others than the people of a session, so it holds no text, name, path, code, key or
// address of theirs. No type is trusted to hide itself: a value gets into the log only by way of a field that takes a
// number, or one of the keys below, each of which somebody has looked at.

// textFields are zap's fields for text, with the keys under which one may be logged.
var textFields = map[string]bool{"String": true, "Stringer": true, "Error": true}

var loggedKeys = map[string]string{
	"what":    "the engine's own words about a defect or a remote; see session.Warn",
	"pion":    "the part of pion that speaks",
	"version": "the program's",
	"channel": "one of three",
	"session": "ids tell nothing about the code and are made anew each time",
	"kind":    "of a secret, a candidate or an error: one of a few words",
	"method":  "of the protocol",
	"line":    "a format without its values",
}

// plainFields take numbers and times.
var plainFields = map[string]bool{"Int": true, "Int64": true, "Uint64": true, "Bool": true, "Duration": true}

// notFields are what else zap is asked for.
var notFields = map[string]bool{"New": true, "NewNop": true, "NewProductionEncoderConfig": true}

// spoken are the files whose messages are not written where they are logged, and why that is right.
var spoken = map[string]string{"internal/peer/logger.go": "pion's own words, which know no text of a session; at debug level alone"}

// levels are a logger's methods, whose first argument is the message.
var levels = map[string]bool{"Debug": true, "Info": true, "Warn": true, "Error": true, "DPanic": true, "Panic": true, "Fatal": true}

func logs(s source) []string {
	return find(s, func(n ast.Node) string {
		switch n := n.(type) {
		case *ast.ImportSpec:
			if path, _ := strconv.Unquote(n.Path.Value); path == "log/slog" || path == "log" && s.path != "internal/matchmaker/server.go" {
				return "the only logger is zap, because this rule looks at what it is given"
			}
		case *ast.SelectorExpr:
			if n.Sel.Name == "Sugar" || selects(n, "zap", "L", "S") {
				return "loggers are handed on, and take typed fields alone"
			}
		case *ast.CallExpr:
			return logged(s, n)
		}
		return ""
	})
}

func logged(s source, call *ast.CallExpr) string {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		if name, ok := call.Fun.(*ast.Ident); ok && (name.Name == "print" || name.Name == "println") {
			return "println writes past the log and past the screen's owner"
		}
		return ""
	}
	name := sel.Sel.Name
	switch {
	case selects(sel, "zap", name):
		return field(name, call.Args)
	case levels[name] && isLogger(sel.X) && len(call.Args) > 0 && !isLiteral(call.Args[0]) && spoken[s.path] == "":
		return "a log's message is written where it is logged: put what varies into a field"
	}
	return ""
}

func field(name string, args []ast.Expr) string {
	switch {
	case plainFields[name] || notFields[name] || name == "Error":
		return ""
	case !textFields[name]:
		return fmt.Sprintf("zap.%s may show a text, a name or a code: log a number, or a text under a key that internal/tidy lists", name)
	}
	key, ok := args[0].(*ast.BasicLit)
	if !ok {
		return "a key is written where it is logged"
	}
	if text, _ := strconv.Unquote(key.Value); loggedKeys[text] == "" {
		return fmt.Sprintf("%s is not among the keys that internal/tidy lists: may everybody read what stands under it?", key.Value)
	}
	return ""
}

// isLogger goes by the name, as readers do: …log or …Log.
func isLogger(x ast.Expr) bool {
	name := ""
	switch x := x.(type) {
	case *ast.Ident:
		name = x.Name
	case *ast.SelectorExpr:
		name = x.Sel.Name
	}
	return strings.HasSuffix(strings.ToLower(name), "log")
}

func isLiteral(x ast.Expr) bool {
	literal, ok := x.(*ast.BasicLit)
	return ok && literal.Kind == token.STRING
}

func TestL8OnlyWhatMayBeLogged(t *testing.T) {
	for _, bad := range []string{
		`func f() { log.Info("x", zap.Any("params", p)) }`, `func f() { log.Info("x", zap.Reflect("params", p)) }`,
		`func f() { log.Info("x", zap.String("text", s)) }`, `func f() { log.Info("x", zap.Stringer("path", s)) }`,
		`func f() { log.Info("x", zap.Strings("kind", s)) }`, `func f() { log.Info("x", zap.ByteString("kind", s)) }`,
		`func f() { log.Info("x", zap.String(key, s)) }`, `func f() { d.log.Warn("no " + text) }`,
		`func f() { d.opts.Log.Error(fmt.Sprint(p)) }`, `func f() { log.Sugar().Info(p) }`, `func f() { zap.L().Info("x") }`,
		`func f() { println(s) }`, `import "log/slog"`, `import "log"`,
	} {
		shows(t, logs, "x.go", bad, `func f() { d.log.Info("x", zap.Int("bytes", n), zap.Error(err), zap.String("kind", s)) }`)
	}
	everywhere(t, logs, func(s source) bool { return program(s) && !isTool(s) })
}

// isTool leaves out programs for those who work on this one; they have no people's texts.
func isTool(s source) bool {
	return strings.HasPrefix(s.path, "internal/bench/") || strings.HasPrefix(s.path, "protocol/gen/") ||
		strings.HasPrefix(s.path, "internal/crdt/replay/")
}
