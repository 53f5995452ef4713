package tidy

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// npmCall finds a call of npm, or of what runs packages, in a script or in a Go program's exec.
var npmCall = regexp.MustCompile(`(?:^|[\s;&|(])(?:npm (?:ci|i|install|update|exec|run)|npx|yarn|pnpm)\b|"npm",|"npx"`)

// openNpm gives the lines that have npm install what no lock file names, or run what a package brings along.
func openNpm(text string) []string {
	var found []string
	for _, line := range strings.Split(text, "\n") {
		words := strings.NewReplacer(`"`, "", ",", "").Replace(line)
		if npmCall.MatchString(line) && !(strings.Contains(words, "npm ci ") && strings.Contains(words, "--ignore-scripts")) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

// TestS1Npm: packages from npm come as the lock files name them, by their hashes, and none runs a script of its own.
func TestS1Npm(t *testing.T) {
	for _, bad := range []string{"  npm install x", "npm ci --silent", "x && npx thing", `exec.Command("npm", "install")`} {
		if len(openNpm(bad)) != 1 {
			t.Errorf("the rule finds nothing in %q", bad)
		}
	}
	for _, good := range []string{"npm ci --ignore-scripts --silent", `exec.Command("npm", "ci", "--ignore-scripts")`, "npm and Node"} {
		if got := openNpm(good); len(got) != 0 {
			t.Errorf("the rule finds %q", got)
		}
	}
	calls := 0
	prose := regexp.MustCompile(`"[^"]* npm [^"]*"`)
	for _, name := range append(names(t), ".ci/run") {
		switch path.Ext(name) {
		case ".go":
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
		case ".sh", "":
		default:
			continue
		}
		text := prose.ReplaceAllString(read(t, name), `""`)
		calls += len(npmCall.FindAllString(text, -1))
		for _, line := range openNpm(text) {
			t.Errorf("%s: %s: use npm ci with --ignore-scripts", name, line)
		}
	}
	if calls == 0 {
		t.Error("no call of npm was found: the rule looks at the wrong files")
	}
}

// TestS1LockFiles: each package of a lock file has a hash.
func TestS1LockFiles(t *testing.T) {
	found := 0
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || strings.HasPrefix(entry.Name(), ".") && name != "."):
			return fs.SkipDir
		case entry.Name() == "package.json":
			found++
			var lock struct {
				Packages map[string]struct{ Integrity string }
			}
			if err := json.Unmarshal([]byte(read(t, path.Join(path.Dir(name), "package-lock.json"))), &lock); err != nil {
				return err
			}
			for of, p := range lock.Packages {
				if of != "" && !strings.HasPrefix(p.Integrity, "sha512-") {
					t.Errorf("%s: %s has no hash", name, of)
				}
			}
		}
		return nil
	})
	if err != nil || found == 0 {
		t.Errorf("found %d package.json, %v", found, err)
	}
}

// TestS1Sums: a module that is not what go.sum says is not built.
func TestS1Sums(t *testing.T) {
	const module = "go.uber.org/zap"
	use := func(sums string) (string, error) {
		dir := t.TempDir()
		for name, text := range map[string]string{"go.mod": read(t, "go.mod"), "go.sum": sums,
			"main.go": fmt.Sprintf("package main\n\nimport _ %q\n\nfunc main() {}\n", module)} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command("go", "list", "-deps", ".")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOWORK=off")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	sums := read(t, "go.sum")
	if out, err := use(sums); err != nil {
		t.Fatalf("with go.sum as it is: %v\n%s", err, out)
	}
	sum := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(module) + ` \S+ h1:(.)`)
	at := sum.FindStringSubmatchIndex(sums)
	if at == nil {
		t.Fatalf("go.sum does not name %s", module)
	}
	other := "A"
	if sums[at[2]:at[3]] == other {
		other = "B"
	}
	if out, err := use(sums[:at[2]] + other + sums[at[3]:]); err == nil || !strings.Contains(out, "checksum mismatch") {
		t.Errorf("with another sum: got %v\n%s", err, out)
	}
	if out, err := use(sums[:at[0]] + sums[at[0]+strings.Index(sums[at[0]:], "\n")+1:]); err == nil || !strings.Contains(out, "missing go.sum entry") {
		t.Errorf("without the sum: got %v\n%s", err, out)
	}
}
