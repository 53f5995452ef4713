package tidy

import (
	"fmt"
	"go/ast"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// pure packages are functions of their arguments: the same calls give the same bytes, so that the simulator can replay a
// history from its seed and the browser runs the same code.
var pure = []string{"internal/session", "internal/crdt", "internal/text", "internal/docpath", "internal/introduction", "internal/screen"}

// impure is what no pure package may import. crypto/rand is there too: introduction is handed its randomness.
var impure = []string{
	"os", "os/exec", "os/signal", "net", "net/http", "io/fs", "io/ioutil", "log", "log/slog", "syscall", "runtime", "sync",
	"sync/atomic", "math/rand", "crypto/rand", "path/filepath", "context", "embed", "plugin", "unsafe",
}

// clock is what of package time looks at the world; the types are welcome.
var clock = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// seeded is what of math/rand/v2 gives the same numbers for the same seed; everything else there draws from the machine.
var seeded = []string{"New", "NewChaCha8", "NewPCG", "ChaCha8", "PCG", "Rand", "Source"}

func purity(s source) []string {
	var found []string
	for _, spec := range s.syntax.Imports {
		if name, err := strconv.Unquote(spec.Path.Value); err == nil && slices.Contains(impure, name) {
			found = append(found, fmt.Sprintf("%s: a pure package must not import %s", s.at(spec.Pos()), name))
		}
	}
	return append(found, find(s, func(n ast.Node) string {
		switch n := n.(type) {
		case *ast.GoStmt:
			return "a pure package must start no goroutine"
		case *ast.SelectorExpr:
			if selects(n, "time", clock...) {
				return "a pure package must not read the clock: take the time as an argument"
			}
			if from, ok := n.X.(*ast.Ident); ok && from.Name == "rand" && !slices.Contains(seeded, n.Sel.Name) {
				return "a pure package must draw from a seed that it was handed"
			}
		}
		return ""
	})...)
}

// isPure leaves out the programs that stand beneath a pure package and drive it.
func isPure(s source) bool {
	return program(s) && s.syntax.Name.Name != "main" && slices.ContainsFunc(pure, func(p string) bool {
		return s.folder() == p || strings.HasPrefix(s.folder(), p+"/")
	})
}

func TestPurePackages(t *testing.T) {
	shows(t, purity, "internal/text/x.go", `import "crypto/rand"`, `import "io"`)
	shows(t, purity, "internal/text/x.go", "func f() { go g() }", "func f() { g() }")
	shows(t, purity, "internal/text/x.go", "import \"time\"\nvar x = time.Now()", "import \"time\"\nvar x = time.Second")
	shows(t, purity, "internal/text/x.go", "import \"math/rand/v2\"\nvar x = rand.N(3)",
		"import \"math/rand/v2\"\nvar x = rand.NewPCG(1, 2)")
	everywhere(t, purity, isPure)
}
