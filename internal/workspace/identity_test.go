package workspace

import (
	"os"
	"path/filepath"
	"testing"
)

func TestIdentity(t *testing.T) {
	dir := tempTree(t)
	f := open(t, filepath.Join(dir, "in"))
	of := func(name string) string {
		t.Helper()
		id, err := f.Identity(pathOf(t, name))
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	same := [][]string{{"main.go", "link.go", "twice.go", "sub/up.go"}, {"hard.txt", "sub/harder.txt"}, {"sub/deep/x.txt"}, {"new.txt"}}
	seen := map[string]int{}
	for i, names := range same {
		for _, name := range names {
			id := of(name)
			if j, ok := seen[id]; ok && j != i {
				t.Errorf("%s is one with a file of %q", name, same[j])
			}
			if id != of(names[0]) {
				t.Errorf("%s and %s: %s, %s", name, names[0], id, of(names[0]))
			}
			outside, err := FileIdentity(filepath.Join(dir, "in", name))
			if err != nil || outside != id {
				t.Errorf("%s: FileIdentity gives %s, %v; Identity %s", name, outside, err, id)
			}
			seen[id] = i
		}
	}
	before := of("main.go")
	loaded, err := f.Load(pathOf(t, "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Save(pathOf(t, "main.go"), "new", loaded.Form, loaded.Stamp); err != nil {
		t.Fatal(err)
	}
	if after := of("main.go"); after != before {
		t.Errorf("a save made %s of %s", after, before)
	}
}

func TestRel(t *testing.T) {
	dir := tempTree(t)
	in := filepath.Join(dir, "in")
	os.Symlink("in", filepath.Join(dir, "alias"))
	os.Symlink("../in/sub", filepath.Join(in, "roundabout"))
	f := open(t, filepath.Join(dir, "alias"))
	check := func(t *testing.T, abs, want string) {
		t.Helper()
		got, ok := f.Rel(abs)
		if ok != (want != "-") || ok && got.String() != want {
			t.Errorf("Rel(%s) = %q, %v; want %q", abs, got, ok, want)
		}
	}
	check(t, filepath.Join(in, "main.go"), "main.go")
	check(t, filepath.Join(dir, "alias", "main.go"), "main.go")
	check(t, filepath.Join(dir, "alias", "link.go"), "main.go")
	check(t, in+"/sub/../main.go", "main.go")
	check(t, filepath.Join(in, "linked/deep/x.txt"), "sub/deep/x.txt")
	check(t, filepath.Join(in, "roundabout/deep/x.txt"), "sub/deep/x.txt")
	check(t, filepath.Join(in, "new/file.txt"), "new/file.txt")
	check(t, in, "")
	check(t, in+"/", "")
	check(t, dir, "-")
	check(t, in+"2/main.go", "-")
	check(t, filepath.Join(in, "../outside.txt"), "-")
	check(t, filepath.Join(in, "out.txt"), "-")
	check(t, filepath.Join(in, "dangling"), "-")
	check(t, filepath.Join(in, "loop"), "-")
	check(t, "main.go", "-")
	check(t, "", "-")
	check(t, filepath.Join(in, "a:b"), "-")
	if got := f.Abs(pathOf(t, "sub/x")); got != filepath.Join(mustReal(t, in), "sub", "x") {
		t.Errorf("Abs = %q", got)
	}
}
