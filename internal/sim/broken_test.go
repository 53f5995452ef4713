package sim

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// breakages are wrong programs, each one line away from the right one. The simulator has to find every one of them and
// to cut its history down: a simulator that finds nothing proves nothing.
var breakages = map[string]struct{ file, right, wrong string }{
	"ties are broken by local numbers": {"crdt/tracker.go",
		"t.log.names.id(LV(id)).compare(t.log.names.id(LV(other.id))) < 0", "id < other.id"},
	"keys pressed behind an echo are dropped": {"session/mirror.go",
		"held[0].settled()\n	e.typedAll(m, held[1:])", "held[0].settled()"},
	"a buffer that comes back by its stamp loses its name": {"session/bind.go",
		"m.agent = agent //", "//"},
	"what was typed while the link was broken is not sent": {"session/stream.go",
		"	if len(lacking) > 0 {\n		d.sent++", "	if false {\n		d.sent++"},
	"copies are not compared": {"session/engine.go",
		"e.checkCopies()", ""},
	"a text that differs is not made anew": {"session/check.go",
		"changed, err := d.text.Rebuild()", "changed, err := false, error(nil)"},
	"an undo brings back what another deleted too": {"crdt/undo.go",
		"m.spared = s.state <= 1", "m.spared = true"},
	"a stock editor is believed": {"session/mirror.go",
		"f.answered, f.refused = true, !applied", "f.answered, f.refused = true, !applied\n		if applied && !f.probe {\n			m.flight = nil\n			e.echoed(m, f, nil)\n		}"},
}

// shortPlan is how many actions a plan that was cut down may have left.
const shortPlan = 15

func TestBreakagesAreCaught(t *testing.T) {
	for name, b := range breakages {
		t.Run(name, func(t *testing.T) { checkCaught(t, b.file, b.right, b.wrong) })
	}
}

func checkCaught(t *testing.T, file, right, wrong string) {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", file))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(source), right) != 1 {
		t.Fatalf("%s does not hold the line to break; bring the test up to date", file)
	}
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.go")
	overlay := filepath.Join(dir, "overlay.json")
	write(t, broken, []byte(strings.Replace(string(source), right, wrong, 1)))
	paths, _ := json.Marshal(map[string]any{"Replace": map[string]string{path: broken}})
	write(t, overlay, paths)
	out, err := exec.Command("go", "test", "-vet=off", "-count=1", "-timeout=60s", "-overlay", overlay, "-run", "^(TestWorlds|TestDamagedCopies)$", ".").CombinedOutput()
	if err == nil {
		t.Fatalf("the simulator found nothing wrong:\n%s", out)
	}
	m := regexp.MustCompile(`cut down to (\d+) actions`).FindSubmatch(out)
	if m == nil {
		t.Fatalf("no plan was printed:\n%s", out)
	}
	if n, _ := strconv.Atoi(string(m[1])); n > shortPlan {
		t.Errorf("the plan still has %d actions, want at most %d", n, shortPlan)
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
