package tidy

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// target is a line of the Makefile that starts a recipe and says what it is for.
var target = regexp.MustCompile(`(?m)^([a-z][a-z0-9-]*):[^=\n]*?(?:## (.+))?$`)

// command finds `make NAME` in a page's code: between backquotes, or indented.
var command = regexp.MustCompile("(?m)(?:^    |`)make ([a-z][a-z0-9-]*)")

func targets(makefile string) map[string]string {
	found := map[string]string{}
	for _, m := range target.FindAllStringSubmatch(makefile, -1) {
		found[m[1]] = m[2]
	}
	return found
}

// missing names the commands of a page that the Makefile has not.
func missing(page string, targets map[string]string) []string {
	var found []string
	for _, m := range command.FindAllStringSubmatch(page, -1) {
		if _, ok := targets[m[1]]; !ok {
			found = append(found, m[1])
		}
	}
	return found
}

func TestPagesNameRealTargets(t *testing.T) {
	if got := missing("    make tea\n`make share` make sense", map[string]string{"share": "x"}); !slices.Equal(got, []string{"tea"}) {
		t.Errorf("the rule finds %q, want tea alone", got)
	}
	all := targets(read(t, "Makefile"))
	for _, name := range names(t) {
		if path.Ext(name) != ".md" {
			continue
		}
		for _, absent := range missing(read(t, name), all) {
			t.Errorf("%s: names make %s, which the Makefile has not", name, absent)
		}
	}
	page := read(t, "README.md")
	for _, name := range []string{"share", "test"} {
		if !slices.Contains(command.FindAllString(page, -1), "    make "+name) {
			t.Errorf("README.md: does not show make %s", name)
		}
	}
}

func TestTargetsSayWhatTheyDo(t *testing.T) {
	for name, what := range targets(read(t, "Makefile")) {
		if len(strings.Fields(what)) < 2 {
			t.Errorf("Makefile: target %s has no line of help", name)
		}
	}
}

// TestPagesLinkToFiles: a link to a file of this project leads somewhere.
func TestPagesLinkToFiles(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	all := names(t)
	for _, name := range all {
		if path.Ext(name) != ".md" {
			continue
		}
		for _, m := range link.FindAllStringSubmatch(read(t, name), -1) {
			where := path.Join(path.Dir(name), m[1])
			isFolder := func(file string) bool { return strings.HasPrefix(file, where+"/") }
			if !slices.Contains(all, where) && !slices.ContainsFunc(all, isFolder) {
				t.Errorf("%s: links to %s, which is not there", name, m[1])
			}
		}
	}
}

// maxRecord is what a decision may fill: context, options, outcome, what would change our mind.
const maxRecord = 60

func TestDecisions(t *testing.T) {
	var records []string
	for _, name := range names(t) {
		if strings.HasPrefix(name, "docs/decisions/") {
			records = append(records, name)
		}
	}
	slices.Sort(records)
	for i, name := range records {
		if want := fmt.Sprintf("docs/decisions/%02d-", i+1); !strings.HasPrefix(name, want) {
			t.Errorf("%s: want its name to begin with %s: numbers follow each other", name, want)
		}
		text := read(t, name)
		if n := lines(text); n > maxRecord {
			t.Errorf("%s: has %d lines, at most %d", name, n, maxRecord)
		}
		for _, part := range []string{"## Context", "## Options", "## Outcome", "## What would change our mind"} {
			if !strings.Contains(text, part+"\n") {
				t.Errorf("%s: has no part %q", name, part)
			}
		}
	}
	if len(records) == 0 {
		t.Error("docs/decisions: has no record")
	}
}

// securityTest finds the tests that docs/security.md names.
var securityTest = regexp.MustCompile("`((?:Test|Fuzz)[A-Z][0-9]+[A-Za-z0-9]+)`")

// TestSecurityPageNamesRealTests: what the page says shows a defence is there, and each test of a row is on the page.
func TestSecurityPageNamesRealTests(t *testing.T) {
	declared := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[MRNGAHLS][0-9]+[A-Z][A-Za-z0-9]*)\(`)
	for _, name := range names(t) {
		if !strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, m := range function.FindAllStringSubmatch(read(t, name), -1) {
			declared[m[1]] = false
		}
	}
	for _, m := range securityTest.FindAllStringSubmatch(read(t, "docs/security.md"), -1) {
		if _, ok := declared[m[1]]; !ok {
			t.Errorf("docs/security.md names %s, which is no test", m[1])
		}
		declared[m[1]] = true
	}
	for name, named := range declared {
		if !named {
			t.Errorf("%s is named by a row of the threat table and not in docs/security.md", name)
		}
	}
}
