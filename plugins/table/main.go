// Command table writes the table of plugins/README.md from what the tests of the two plugins proved: each run leaves lines
// "EDITOR ROW ok|failed FILE" in .cache/cells, of tests whose titles carry a row of table.json in brackets.
//
//	table           writes the table; an error if a cell is not green
//	table -check E  looks whether the cells of the editor E are green, and writes nothing
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	readme = "plugins/README.md"
	begin  = "<!-- The table is written by `make e2e`. -->\n"
	end    = "<!-- Here it ends. -->\n"
)

// editors in the order of the table's columns; "" in the results names them.
var editors = []struct{ id, name string }{{"nvim", "Neovim"}, {"vscode", "VS Code"}}

type row struct {
	ID   string `json:"id"`
	What string `json:"what"`
}

// cell is what the tests said of one row in one editor.
type cell struct {
	files  []string // whose tests proved it
	failed bool
}

type cells map[[2]string]cell // by editor and row

func main() {
	check := flag.String("check", "", "the editor whose cells are looked at")
	flag.Parse()
	if err := run(*check); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(check string) error {
	rows, err := readRows("plugins/table.json")
	if err != nil {
		return err
	}
	files, err := filepath.Glob(".cache/cells/*.txt")
	if err != nil {
		return err
	}
	got := cells{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := got.read(rows, string(b)); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	if check != "" {
		return got.missing(rows, check)
	}
	text, err := os.ReadFile(readme)
	if err != nil {
		return err
	}
	text, err = replace(text, got.table(rows))
	if err != nil {
		return err
	}
	if err := os.WriteFile(readme, text, 0o644); err != nil {
		return err
	}
	var all []error
	for _, e := range editors {
		all = append(all, got.missing(rows, e.id))
	}
	return errors.Join(all...)
}

func readRows(file string) ([]row, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var in struct {
		Rows []row `json:"rows"`
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return in.Rows, nil
}

func (c cells) read(rows []row, text string) error {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 4 || f[2] != "ok" && f[2] != "failed" {
			return fmt.Errorf("the line %q is not EDITOR ROW ok|failed FILE", strings.TrimSpace(line))
		}
		if !slices.ContainsFunc(rows, func(r row) bool { return r.ID == f[1] }) {
			return fmt.Errorf("a test of %s is titled [%s], which is no row of table.json", f[3], f[1])
		}
		key := [2]string{f[0], f[1]}
		is := c[key]
		is.failed = is.failed || f[2] == "failed"
		if !slices.Contains(is.files, f[3]) {
			is.files = append(is.files, f[3])
		}
		c[key] = is
	}
	return nil
}

// missing names the rows that an editor's tests did not prove.
func (c cells) missing(rows []row, editor string) error {
	var not []string
	for _, r := range rows {
		if is, ok := c[[2]string{editor, r.ID}]; !ok || is.failed {
			not = append(not, r.ID)
		}
	}
	if len(not) > 0 {
		return fmt.Errorf("%s: no test proved the rows %s of plugins/table.json", editor, strings.Join(not, ", "))
	}
	return nil
}

func (c cells) table(rows []row) string {
	var b strings.Builder
	b.WriteString("|")
	for _, e := range editors {
		b.WriteString(" | " + e.name)
	}
	b.WriteString(" |\n| --- " + strings.Repeat("| --- ", len(editors)) + "|\n")
	for _, r := range rows {
		b.WriteString("| " + r.What)
		for _, e := range editors {
			b.WriteString(" | " + c[[2]string{e.id, r.ID}].String())
		}
		b.WriteString(" |\n")
	}
	return b.String()
}

func (c cell) String() string {
	if len(c.files) == 0 {
		return "not tested"
	}
	var names []string
	for _, file := range c.files {
		name, _, _ := strings.Cut(filepath.Base(file), ".")
		names = append(names, "["+strings.TrimSuffix(name, "_spec")+"]("+strings.TrimPrefix(file, "plugins/")+")")
	}
	slices.Sort(names)
	word := "yes: "
	if c.failed {
		word = "fails: "
	}
	return word + strings.Join(names, ", ")
}

// replace puts the table in its place in the page.
func replace(page []byte, table string) ([]byte, error) {
	from := bytes.Index(page, []byte(begin))
	to := bytes.Index(page, []byte(end))
	if from < 0 || to < from {
		return nil, fmt.Errorf("%s has no place for the table: the lines %q and %q", readme, begin, end)
	}
	return slices.Concat(page[:from+len(begin)], []byte("\n"+table+"\n"), page[to:]), nil
}
