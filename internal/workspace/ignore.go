package workspace

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
)

// maxIgnoreFile is the size up to which a .gitignore file is read. The largest collections of templates have
// 20 KiB; every path is matched against every rule, so that a longer file would also be a slow one.
const maxIgnoreFile = 256 << 10

// maxIgnoreAll is how many bytes of ignore files one Folder keeps: fifty of the largest collections. Compiled they take
// forty times as much at worst, lines of one letter.
const maxIgnoreAll = 1 << 20

// maxWork is how many steps of patterns one request may take: a second of one core, in which 20,000 names are matched
// against a thousand rules. A hostile repository can hold names and rules that need a thousand times as much.
const maxWork = 1 << 28

// work is what is left of maxWork. Once it is over, a folder is read no further, and whatever a rule would still have to
// decide counts as ignored: what it says is not known, and it may be about secrets. A nil one is without end.
type work struct{ left int }

func (f *Folder) newWork() *work { return &work{f.most} }

func (w *work) spend(steps int) bool {
	if w == nil {
		return true
	}
	w.left -= steps
	return w.left >= 0
}

func (w *work) over() bool { return w != nil && w.left < 0 }

// foldNames tells whether git compares names without case here (core.ignoreCase as git sets it by itself).
const foldNames = runtime.GOOS == "windows" || runtime.GOOS == "darwin"

// ignoreRules are the rules of one .gitignore file, gitignore(5). They are kept from the first look into a folder
// to the end: a guest who edits a .gitignore file can't bring to light what was hidden.
type ignoreRules struct {
	rules []rule
	all   bool // the file could not be read, so everything in its folder counts as ignored
}

// rule is one line.
type rule struct {
	shows    bool // begins with "!"
	dirsOnly bool
	nameOnly bool // matched against the last name, else against the path from the file's folder
	glob     pattern
}

// scope is a folder on the way down to a name, with its rules. Rules further down are stronger.
type scope struct {
	up    *scope
	name  string // in up's folder; "" if both are the same folder
	rules *ignoreRules
}

// ignores tells whether a name in the folder is ignored, provided that the folder is not.
func (s *scope) ignores(name string, isDir bool, w *work) bool {
	path := name
	for at := s; at != nil; at = at.up {
		if decided, ignored := at.rules.decide(path, name, isDir, w); decided {
			return ignored
		}
		if at.name != "" {
			path = at.name + "/" + path
		}
	}
	return false
}

// decide finds the last rule that path, from the rules' folder, fits. name is its last part.
func (r *ignoreRules) decide(path, name string, isDir bool, w *work) (decided, ignored bool) {
	if r == nil {
		return false, false
	}
	if r.all {
		return true, true
	}
	for i := len(r.rules) - 1; i >= 0; i-- {
		rule := &r.rules[i]
		text := path
		if rule.nameOnly {
			text = name
		}
		fits := (isDir || !rule.dirsOnly) && rule.glob.match(text, w)
		if w.over() {
			return true, true
		}
		if fits {
			return true, !rule.shows
		}
	}
	return false, false
}

// parseRules reads a .gitignore file. It never fails: what is malformed fits nothing, as in git.
func parseRules(data string, fold bool) *ignoreRules {
	var out ignoreRules
	data = strings.TrimPrefix(data, "\ufeff")
	for line := range strings.SplitSeq(data, "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		line = strings.TrimSuffix(line, "\r")
		line, _, _ = strings.Cut(line, "\x00")
		if rule, ok := parseRule(trimSpaces(line), fold); ok {
			out.rules = append(out.rules, rule)
		}
	}
	if len(out.rules) == 0 {
		return nil
	}
	return &out
}

func parseRule(line string, fold bool) (rule, bool) {
	var r rule
	line, r.shows = strings.CutPrefix(line, "!")
	line, r.dirsOnly = strings.CutSuffix(line, "/")
	r.nameOnly = !strings.Contains(line, "/")
	line = strings.TrimPrefix(line, "/")
	if line == "" {
		return r, false
	}
	var ok bool
	// git takes the letters before the first special character off the pattern and looks at the rest alone, so
	// that in a**/b the stars stand at a head.
	head := strings.IndexAny(line, `*?[\`)
	if head > 0 && strings.HasPrefix(line[head:], "**") && !r.nameOnly {
		r.glob, ok = compile(line[head:], true, fold)
		r.glob.steps = append(literal(line[:head], fold), r.glob.steps...)
		r.glob.simplify()
		return r, ok
	}
	r.glob, ok = compile(line, true, fold)
	return r, ok
}

func literal(s string, fold bool) []step {
	p, _ := compile(s, false, fold)
	return p.steps
}

// trimSpaces cuts spaces off the end, up to one that a backslash protects.
func trimSpaces(line string) string {
	end := 0
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case ' ':
			continue
		case '\\':
			if i++; i == len(line) {
				return line
			}
		}
		end = i + 1
	}
	return line[:end]
}

// rulesOf gives the rules that stand in the folder r, from the first time that anybody looked.
func (f *Folder) rulesOf(r room) *ignoreRules {
	if known, ok := f.rules.Load(r.path); ok {
		return known.(*ignoreRules)
	}
	kept, _ := f.rules.LoadOrStore(r.path, readRules(r.dir, ".gitignore", f.ignoring))
	return kept.(*ignoreRules)
}

// readRules reads an ignore file; like git it follows no link. One that is there but can't be read or is too long, by
// itself or with those that were read before, hides everything: what it says is not known, and it may be about secrets.
func readRules(dir *os.Root, name string, kept *atomic.Int64) *ignoreRules {
	info, err := dir.Lstat(name)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	file, err := openRegular(dir, name, info)
	if err != nil {
		return &ignoreRules{all: true}
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxIgnoreFile+1))
	if err != nil || len(data) > maxIgnoreFile || kept.Add(int64(len(data))) > maxIgnoreAll {
		return &ignoreRules{all: true}
	}
	return parseRules(string(data), foldNames)
}

// scopeOf gives the scope of a folder to be shared, still without its own rules. Above it stand those of the git
// repository that it lies in, and the repository's own list.
func scopeOf(real string, kept *atomic.Int64) scope {
	var names []string // of the folders from the repository's top down to real
	for top := real; ; {
		if list, ok := excludeList(top, kept); ok {
			return below(top, names, list, kept)
		}
		up := filepath.Dir(top)
		if up == top {
			return scope{}
		}
		names = append([]string{filepath.Base(top)}, names...)
		top = up
	}
}

// below goes down from a repository's top along names.
func below(top string, names []string, list *ignoreRules, kept *atomic.Int64) scope {
	here := scope{up: &scope{rules: list}}
	for _, name := range names {
		above := here
		above.rules = rulesIn(top, kept)
		here = scope{up: &above, name: name}
		top = filepath.Join(top, name)
	}
	return here
}

func rulesIn(dir string, kept *atomic.Int64) *ignoreRules {
	root, err := openRoot(dir)
	if err != nil {
		return nil
	}
	defer root.Close()
	return readRules(root, ".gitignore", kept)
}

// excludeList reads info/exclude of the repository whose top is dir; false if it isn't one.
func excludeList(dir string, kept *atomic.Int64) (*ignoreRules, bool) {
	git := filepath.Join(dir, ".git")
	info, err := os.Stat(git)
	if err != nil {
		return nil, false
	}
	if !info.IsDir() {
		git = gitDir(dir, git)
	}
	root, err := openRoot(git)
	if err != nil {
		return nil, true
	}
	defer root.Close()
	return readRules(root, filepath.Join("info", "exclude"), kept), true
}

// gitDir follows the file that stands for .git in a worktree or submodule to where info/exclude lies; see
// gitrepository-layout(5).
func gitDir(dir, file string) string {
	git := firstLine(file, "gitdir: ", dir)
	if common := firstLine(filepath.Join(git, "commondir"), "", git); common != "" {
		return common
	}
	return git
}

// firstLine reads a path that a small file holds behind a prefix, taken from base on if it is relative.
func firstLine(file, prefix, base string) string {
	f, err := os.OpenFile(file, os.O_RDONLY|openFlags, 0) // it may be a FIFO
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() > 1<<16 {
		return ""
	}
	data, err := io.ReadAll(io.LimitReader(f, 1<<16))
	line, _, _ := strings.Cut(string(data), "\n")
	path, ok := strings.CutPrefix(strings.TrimRight(line, "\r "), prefix)
	if err != nil || !ok || path == "" {
		return ""
	}
	if filepath.VolumeName(path) != "" && filepath.VolumeName(path) != filepath.VolumeName(base) {
		return "" // another drive, or a server that would be told who asks
	}
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(base, path)
}
