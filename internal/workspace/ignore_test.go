package workspace

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// ignored walks down to a path through the rules of files, given by folder: what Folder does on a disk.
func ignored(files map[string]string, name string) bool {
	isDir := strings.HasSuffix(name, "/")
	parts := strings.Split(strings.TrimSuffix(name, "/"), "/")
	here := &scope{rules: parseRules(files[""], false)}
	for i, part := range parts {
		if here.ignores(part, isDir || i < len(parts)-1, nil) {
			return true
		}
		dir := strings.Join(parts[:i+1], "/")
		here = &scope{up: here, name: part, rules: parseRules(files[dir], false)}
	}
	return false
}

func TestIgnoreRules(t *testing.T) {
	check := func(t *testing.T, rules, name string, want bool) {
		t.Helper()
		if got := ignored(map[string]string{"": rules}, name); got != want {
			t.Errorf("%q ignores %q: %v, want %v", rules, name, got, want)
		}
	}
	check(t, "a", "a", true)
	check(t, "a", "x/a", true)
	check(t, "a", "a/x", true)
	check(t, "a", "ab", false)
	check(t, "/a", "x/a", false)
	check(t, "/a", "a", true)
	check(t, "x/a", "y/x/a", false)
	check(t, "a/", "a", false)
	check(t, "a/", "a/", true)
	check(t, "a/", "x/a/y", true)
	check(t, "*.o", "x/y.o", true)
	check(t, "*.o\n!y.o", "y.o", false)
	check(t, "!y.o\n*.o", "y.o", true)
	check(t, "d/\n!d/keep", "d/keep", true)
	check(t, "d/*\n!d/keep", "d/keep", false)
	check(t, "**/a", "x/y/a", true)
	check(t, "**/a", "a", true)
	check(t, "x/**/a", "x/a", true)
	check(t, "x/**/a", "x/y/z/a", true)
	check(t, "x/**/a", "xa", false)
	check(t, "x/**", "x/", false)
	check(t, "x/**", "x/y/z", true)
	check(t, "x/*", "x/y/z", true)
	check(t, "x/*/z", "x/y/y/z", false)
	check(t, "a?c", "abc", true)
	check(t, "a?c/d", "a/c/d", false)
	check(t, "[a-c]x", "bx", true)
	check(t, "[!a-c]x", "bx", false)
	check(t, "[^a-c]x", "dx", true)
	check(t, "[]]", "]", true)
	check(t, "[a", "[a", false)
	check(t, "[[:digit:]]x", "7x", true)
	check(t, "[[:nonsense:]]", "n", false)
	check(t, `\#a`, "#a", true)
	check(t, "#a", "#a", false)
	check(t, `\!a`, "!a", true)
	check(t, "a ", "a", true)
	check(t, `a\ `, "a ", true)
	check(t, `a\`, "a", false)
	check(t, "a\r\nb", "a", true)
	check(t, "\ufeffa", "a", true)
	check(t, "", "a", false)
	check(t, "/", "a", false)
	check(t, "!", "a", false)
	check(t, "é", "é", true)
	check(t, "?", "é", false) // bytes, as in git
	check(t, "a\tb\t", "a\tb\t", true)
}

func TestIgnoreRulesFold(t *testing.T) {
	rules := parseRules("Build/\n*.LOG\n[a-c]X\n[[:upper:]]9", true)
	for _, name := range []string{"BUILD", "build", "x.log", "X.Log", "Bx", "q9", "Q9"} {
		if decided, ignored := rules.decide(name, name, true, nil); !decided || !ignored {
			t.Errorf("%q is not ignored", name)
		}
	}
}

// A pattern that sends a backtracking matcher on an endless search is matched in a blink.
func TestH4IgnoreHasNoSlowPattern(t *testing.T) {
	start := time.Now()
	rules := parseRules(strings.Repeat("**/*a", 40)+"b", false)
	rules.decide(strings.Repeat("a/", 1500)+strings.Repeat("a", 250), "", false, nil)
	rules = parseRules(strings.Repeat("*a", 2000)+"b", false)
	rules.decide("", strings.Repeat("a", 255), false, nil)
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("took %v", d)
	}
}

// git's own answer, for random trees and rules.
func TestIgnoreAsGitDoes(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is not on this machine")
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 25 {
		compareWithGit(t, git, randomTree(r), r)
	}
}

// tree is what a repository holds: rules by folder, and names, those of folders with a slash at the end.
type tree struct {
	rules   map[string]string
	exclude string
	names   []string
}

var (
	nameParts = []string{"a", "b", "ab", "abc", "a.b", "x", "foo", "foobar", "bar", ".a", "a-b", "A", "[a]", "a b", "é", "**", "b]"}
	globParts = []string{
		"a", "b", "ab", "foo", "bar", "x", "*", "**", "***", "?", "a*", "*b", "*.b", "a?", "[ab]", "[!a]", "[a-c]*", "[^b]?", `\a`, `a\*`, "[[:alpha:]]", "[[:lower:][:digit:]]",
		"[]]", "[]-a]", "[a", "[[:bad:]]", "foo**", "**bar", "a**b", ".a", "é", "[a-]", `[\]]`, "[[:x]", "[a-\\c]", "b]", "[b-a]", "[--a]", "f*o*r", "a b",
	}
)

func randomTree(r *rand.Rand) tree {
	out := tree{rules: map[string]string{}}
	pick := func(from []string) string { return from[r.IntN(len(from))] }
	seen := map[string]bool{}
	for range 60 {
		p := ""
		for depth := 1 + r.IntN(4); depth > 0 && !seen[p]; depth-- {
			if p != "" {
				seen[p+"/"] = true
			}
			p = path.Join(p, pick(nameParts))
		}
		if p != "" && !seen[p+"/"] {
			seen[p] = true
		}
	}
	dirs := []string{""}
	for p := range seen {
		if strings.HasSuffix(p, "/") {
			dirs = append(dirs, strings.TrimSuffix(p, "/"))
		}
		if !seen[p+"/"] {
			out.names = append(out.names, p)
		}
	}
	slices.Sort(out.names)
	slices.Sort(dirs)
	randomRules := func() string {
		var lines []string
		for range 1 + r.IntN(5) {
			parts := []string{pick(globParts)}
			for r.IntN(3) == 0 {
				parts = append(parts, pick(globParts))
			}
			line := strings.Join(parts, "/")
			line = pick([]string{"", "", "", "/", "!", "!", "!/", "#"}) + line + pick([]string{"", "", "", "/", " ", `\ `, "\t", "/**", "//"})
			lines = append(lines, line)
		}
		return strings.Join(lines, pick([]string{"\n", "\r\n"})) + pick([]string{"", "\n"})
	}
	out.rules[""] = randomRules()
	for range 3 {
		out.rules[pick(dirs)] = randomRules()
	}
	if r.IntN(2) == 0 {
		out.exclude = randomRules()
	}
	return out
}

// build makes the tree on the disk; names that can't be made next to others are dropped.
func (tr *tree) build(t *testing.T, dir string) {
	t.Helper()
	var made []string
	for _, name := range tr.names {
		full := filepath.Join(dir, name)
		if strings.HasSuffix(name, "/") {
			if os.MkdirAll(full, 0o755) != nil {
				continue
			}
		} else if os.MkdirAll(filepath.Dir(full), 0o755) != nil || os.WriteFile(full, nil, 0o644) != nil {
			continue
		}
		made = append(made, name)
	}
	tr.names = made
	for at, rules := range tr.rules {
		if os.MkdirAll(filepath.Join(dir, at), 0o755) != nil {
			delete(tr.rules, at)
			continue
		}
		write(t, filepath.Join(dir, at, ".gitignore"), rules)
	}
	write(t, filepath.Join(dir, ".git/info/exclude"), tr.exclude)
}

func compareWithGit(t *testing.T, git string, tr tree, r *rand.Rand) {
	t.Helper()
	dir := t.TempDir()
	run := func(in string, args ...string) string {
		cmd := exec.Command(git, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull, "XDG_CONFIG_HOME="+dir+"/none", "HOME="+dir)
		cmd.Stdin = strings.NewReader(in)
		out, err := cmd.Output()
		if e, ok := err.(*exec.ExitError); err != nil && !(ok && e.ExitCode() == 1) {
			t.Fatalf("git %v: %v", args, err)
		}
		return string(out)
	}
	run("", "init", "-q")
	tr.build(t, dir)
	// git answers for a name as given; one that ends with a slash is taken for a folder.
	asked := strings.ReplaceAll(strings.Join(tr.names, "\x00"), "/\x00", "\x00")
	hidden := map[string]bool{}
	for name := range strings.SplitSeq(run(strings.TrimSuffix(asked, "/"), "check-ignore", "--no-index", "--stdin", "-z"), "\x00") {
		hidden[name] = true
	}
	f := open(t, dir)
	shown := map[string]bool{}
	for _, e := range listAll(t, f, "") {
		shown[e.Path.String()] = true
	}
	for _, name := range tr.names {
		name = strings.TrimSuffix(name, "/")
		if shown[name] == hidden[name] {
			t.Errorf("%q: listed %v, ignored by git %v; rules %q, exclude %q", name, shown[name], hidden[name], tr.rules, tr.exclude)
			return
		}
	}
	// The same where only a part of the repository is shared.
	sub := ""
	for _, name := range tr.names {
		if strings.Contains(name, "/") && !hidden[path.Dir(name)] && r.IntN(4) == 0 {
			sub = path.Dir(strings.TrimSuffix(name, "/"))
		}
	}
	if sub == "" || sub == "." || hidden[sub] {
		return
	}
	shown = map[string]bool{}
	for _, e := range listAll(t, open(t, filepath.Join(dir, sub)), "") {
		shown[path.Join(sub, e.Path.String())] = true
	}
	for _, name := range tr.names {
		name = strings.TrimSuffix(name, "/")
		if strings.HasPrefix(name, sub+"/") && shown[name] == hidden[name] {
			t.Errorf("shared %q, %q: listed %v, ignored by git %v; rules %q", sub, name, shown[name], hidden[name], tr.rules)
			return
		}
	}
}

// asRegexp says what a glob means in another language; "" if it is too odd to say.
func asRegexp(glob string) string {
	out := "^"
	for i := 0; i < len(glob); i++ {
		c := glob[i]
		head := i == 0 || glob[i-1] == '/'
		switch {
		case c == '[' || c == '\\' || c >= 0x80 || c < 0x20:
			return ""
		case head && strings.HasPrefix(glob[i:], "**/"):
			out += "(?:(?s:.*)/)?"
			i += 2
		case head && glob[i:] == "**":
			out += "(?s:.*)"
			i++
		case c == '*':
			out += "[^/]*"
		case c == '?':
			out += "[^/]"
		default:
			out += regexp.QuoteMeta(string(c))
		}
	}
	return out + "$"
}

func FuzzIgnore(f *testing.F) {
	for _, s := range [][2]string{
		{"a*b?c", "aXbYc"}, {"**/a/**", "x/a/y"}, {"a/**/b", "a/b"}, {"[a-c]", "b"}, {"*/*", "a/b"}, {"!a/", "a"}, {"a**b/", "a"}, {"***/x", "x"}, {`\`, `\`},
		{"[[:alpha:]", "a"}, {"a\\ ", "a "}, {"?[!b]\n#\n!c", "ac"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, rules, name string) {
		if len(rules) > 500 || len(name) > 300 {
			return
		}
		for _, fold := range []bool{false, true} {
			parseRules(rules, fold).decide(name, path.Base(name), len(rules)%2 == 0, nil)
		}
		re := asRegexp(rules)
		if re == "" || strings.Contains(rules, "***") || strings.ContainsFunc(name, func(r rune) bool { return r >= 0x80 }) {
			return
		}
		p, ok := compile(rules, true, false)
		if got, want := ok && p.match(name, nil), regexp.MustCompile(re).MatchString(name); got != want {
			t.Fatalf("%q fits %q: %v, want %v", rules, name, got, want)
		}
	})
}

// An ignore file that is too long to be read hides its folder rather than nothing.
func TestH4IgnoreFileLimit(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.txt"), "")
	write(t, filepath.Join(dir, "d/secret.txt"), "")
	line := []byte("secret.txt\n")
	long := bytes.Repeat([]byte("#"), maxIgnoreFile-len(line)-1)
	write(t, filepath.Join(dir, "d/.gitignore"), string(long)+"\n"+string(line))
	if got := paths(listAll(t, open(t, dir), "")); !slices.Equal(got, []string{"a.txt", "d", "d/.gitignore"}) {
		t.Errorf("at the limit: %q", got)
	}
	write(t, filepath.Join(dir, "d/.gitignore"), string(long)+"#\n"+string(line))
	if got := paths(listAll(t, open(t, dir), "")); !slices.Equal(got, []string{"a.txt", "d"}) {
		t.Errorf("over the limit: %q", got)
	}
}

// A worktree keeps its list of excluded names with the repository that it belongs to.
func TestIgnoreInWorktree(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "repo/.git/info/exclude"), "hidden\n")
	write(t, filepath.Join(dir, "repo/.git/worktrees/w/commondir"), "../..\n")
	write(t, filepath.Join(dir, "w/.git"), "gitdir: "+filepath.Join(dir, "repo/.git/worktrees/w")+"\n")
	write(t, filepath.Join(dir, "w/hidden"), "")
	write(t, filepath.Join(dir, "w/shown"), "")
	if got := paths(listAll(t, open(t, filepath.Join(dir, "w")), "")); fmt.Sprint(got) != "[shown]" {
		t.Errorf("listed: %q", got)
	}
}
