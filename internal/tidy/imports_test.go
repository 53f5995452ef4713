package tidy

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// row says what one package may import besides the standard library, and why it is so.
type row struct {
	ours   []string // packages of this module; "*" is any but those in never
	others []string // prefixes of other modules' packages
	never  []string // also of the standard library
	why    string
}

// heavy are packages that the browser's engine must not carry: it is compiled to wasm and loaded over the network.
var heavy = []string{"fmt", "encoding/json", "reflect"}

// table is the import table of ARCHITECTURE.md. A package without a row fails: decide first where it stands.
var table = map[string]row{
	"protocol":      {why: "plugins' authors, the generator and both ends of the socket read it: it drags nothing along"},
	"protocol/wire": {why: "all bytes between daemons are defined here, for native and browser alike"},
	"protocol/gen":  {why: "reads protocol's source; must run where nothing else compiles"},

	"internal/text": {never: heavy, why: "pure and small: compiled to wasm"},
	"internal/crdt": {ours: []string{"internal/text"}, never: heavy, why: "pure and small: compiled to wasm"},
	"internal/crdt/page": {
		ours: []string{"internal/crdt", "internal/text"}, never: heavy,
		why: "a page fetches all of it, so it is the core and little else"},
	"internal/crdt/replay": {
		ours: []string{"internal/crdt", "internal/text"},
		why:  "measures the core alone; compiled to wasm too, to see that it ends with the same texts"},
	"internal/docpath": {
		why: "the one parser for shared paths is read line by line; it stands alone"},
	"internal/screen": {
		why: "every daemon, command and page cleans what it shows by it: it drags nothing along"},
	"internal/introduction": {
		others: []string{"github.com/gtank/ristretto255"},
		why:    "reviewed line by line: nothing but the group beneath it"},
	"internal/session": {
		ours: []string{"internal/crdt", "internal/text", "internal/docpath", "internal/screen", "protocol", "protocol/wire"},
		why:  "the engine knows no socket, disk or network"},

	"internal/rpc": {
		ours:   []string{"protocol"},
		others: []string{"github.com/sourcegraph/jsonrpc2", "github.com/Microsoft/go-winio", "go.uber.org/zap", "golang.org/x/sys"},
		why:    "the editor's socket knows messages, not what they mean"},
	"internal/peer": {
		ours:   []string{"protocol/wire", "internal/introduction"},
		others: []string{"github.com/pion/", "go.uber.org/zap", "golang.org/x/sys"},
		why:    "a link carries frames and never looks into them"},
	"internal/signal": {
		ours:   []string{"protocol/wire", "internal/introduction"},
		others: []string{"github.com/gorilla/websocket", "go.uber.org/zap"},
		why:    "envelopes are opaque to the way they travel"},
	"internal/matchmaker": {
		ours:   []string{"protocol/wire", "internal/introduction"},
		others: []string{"github.com/gorilla/websocket", "github.com/pion/", "go.uber.org/zap", "golang.org/x/"},
		why:    "the server is not trusted: it has nothing of a session to give away"},
	"internal/workspace": {
		ours:   []string{"internal/docpath", "internal/text"},
		others: []string{"github.com/fsnotify/fsnotify", "golang.org/x/sys"},
		why:    "the disk's side of a document knows nothing of members and networks"},

	"daemon": {
		ours: []string{"*"}, others: []string{"go.uber.org/zap", "github.com/pion/", "golang.org/x/"},
		never: []string{"internal/sim", "internal/bench", "internal/fakeeditor"},
		why:   "puts everything together; what only tests use stays out of the program"},
	"daemon/settings": {
		ours: []string{"protocol"}, others: []string{"github.com/pelletier/go-toml/v2"},
		why: "read by the daemon and by every command"},
	"daemon/earshot": {
		ours:   []string{"*"},
		others: []string{"github.com/spf13/", "go.uber.org/zap", "golang.org/x/"},
		never:  []string{"internal/sim", "internal/bench", "internal/fakeeditor", "internal/session", "internal/crdt", "internal/peer"},
		why:    "a command is one more client of the socket: it must not reach around it"},
	"daemon/guest": {ours: []string{"*"}, never: []string{"internal/sim", "internal/bench"}, why: "the browser's loop around the engine"},

	"internal/fakeeditor": {
		ours: []string{"protocol", "internal/rpc", "internal/text"},
		why:  "for plugin authors too: needs no daemon's inside"},
	"internal/threat": {why: "a number for tests; the program has no use for it"},

	"internal/sim":   {ours: []string{"*"}, others: []string{"pgregory.net/rapid"}, why: "drives the pure packages"},
	"internal/bench": {ours: []string{"*"}, others: []string{"github.com/", "go.uber.org/", "golang.org/x/"}, why: "measures everything"},
	"plugins/table":  {why: "writes a page; knows nothing of the program"},
	"internal/tidy":  {others: []string{"golang.org/x/"}, why: "reads source, not packages"},
}

const module = "earshot/"

// imports is the rule; tests may import what they like, except that nothing imports tests' packages by accident.
func imports(s source) []string {
	r, ok := rowOf(s.folder())
	if !ok {
		return []string{s.path + ": its package has no row in the import table of internal/tidy: add one, with its reason"}
	}
	var found []string
	for _, spec := range s.syntax.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil || r.allows(name) {
			continue
		}
		found = append(found, fmt.Sprintf("%s: %s must not import %s: %s", s.at(spec.Pos()), s.folder(), name, r.why))
	}
	return found
}

// rowOf takes the nearest folder above for a package's own subpackages, such as a fake beside it.
func rowOf(folder string) (row, bool) {
	for ; folder != "."; folder = path.Dir(folder) {
		if r, ok := table[folder]; ok {
			return r, true
		}
	}
	return row{}, false
}

func (r row) allows(name string) bool {
	own, ours := strings.CutPrefix(name, module)
	if slices.Contains(r.never, name) || ours && slices.Contains(r.never, own) {
		return false
	}
	first, _, _ := strings.Cut(name, "/")
	switch {
	case ours:
		return slices.Contains(r.ours, "*") || slices.Contains(r.ours, own)
	case !strings.Contains(first, "."): // the standard library
		return true
	}
	return slices.ContainsFunc(r.others, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

func TestImports(t *testing.T) {
	shows(t, imports, "internal/crdt/x.go", `import "earshot/protocol"`, `import "earshot/internal/text"`)
	shows(t, imports, "internal/text/x.go", `import "fmt"`, `import "strings"`)
	shows(t, imports, "internal/rpc/x.go", `import "github.com/pion/ice/v4"`, `import "go.uber.org/zap"`)
	shows(t, imports, "daemon/earshot/x.go", `import "earshot/internal/session"`, `import "earshot/daemon"`)
	shows(t, imports, "protocol/x.go", `import "earshot/internal/text"`, `import "encoding/json"`)
	if got := imports(parse(t, "internal/new/x.go", "package p")); len(got) != 1 {
		t.Errorf("a package without a row: got %q", got)
	}
	everywhere(t, imports, program)
}
