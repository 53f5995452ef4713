package workspace

import (
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"earshot/internal/docpath"
)

// Wish says what is to be shared beside what is.
type Wish struct {
	Folder string         // its path on this machine; "" for none
	Files  []string       // theirs
	Names  []string       // of editors' texts without a file: for each a free one is found
	Taken  []docpath.Path // the names that such texts have already
}

// Added are the names under which what was wished for is shown.
type Added struct {
	Files []docpath.Path // those that are new
	Names []docpath.Path // for each of Wish.Names one
}

// Widen makes a Folder that shares more. What was shared keeps its name: a file that was shared by itself is not shown a second
// time where the folder holds it. The old Folder may be in use as long as anybody likes; it is the new one that must be closed
// in the end. Errors are those of Open, of Check for a file of the folder, which needs no naming if it is shown and can't be
// shown by it if it is not, and conflict for a name that is another's already; then nothing has changed.
func (f *Folder) Widen(wish Wish) (*Folder, Added, error) {
	wide := *f
	wide.files, wide.dirs, wide.named = maps.Clone(f.files), maps.Clone(f.dirs), maps.Clone(f.named)
	added, err := wide.widen(wish)
	if err != nil {
		wide.CloseBut(f)
		return nil, Added{}, err
	}
	return &wide, added, nil
}

func (f *Folder) widen(wish Wish) (added Added, err error) {
	files := make([]string, len(wish.Files))
	for i, file := range wish.Files {
		if files[i], err = f.resolveFile(file); err != nil {
			return added, err
		}
	}
	if wish.Folder != "" {
		if err := f.addFolder(wish.Folder, wish.Taken); err != nil {
			return added, err
		}
	}
	names, err := f.namesTaken(wish.Taken)
	if err != nil {
		return added, err
	}
	if added.Files, err = f.addFiles(files, names); err != nil {
		return added, err
	}
	for _, name := range wish.Names {
		p, err := names.free(name)
		if err != nil {
			return added, err
		}
		added.Names = append(added.Names, p)
	}
	return added, nil
}

// addFolder shares a folder beside single files. Those of them that it shows under the very same name become part of it.
func (f *Folder) addFolder(folder string, taken []docpath.Path) error {
	if f.root != nil {
		return fail(Conflict, folder, "can't be shared beside another folder; share it in a session of its own", nil)
	}
	if err := f.openTop(folder); err != nil {
		return err
	}
	f.named = map[docpath.Path]bool{}
	alone := slices.Clone(taken)
	for p, file := range f.files {
		place, ok := f.inside(file.real)
		if ok && place == p {
			delete(f.files, p)
			f.named[p] = true
			if err := f.Check(p); err != nil && KindOf(err) != NoSuchDocument { // it may have been removed, and be saved again
				return err
			}
			continue
		}
		moved := *file
		moved.place = place
		f.files[p] = &moved
		alone = append(alone, p)
	}
	names, err := topNames(f.root)
	if err != nil {
		return fail(NoSuchDocument, folder, "can't be listed; check its permissions", cause(err))
	}
	for _, p := range alone {
		if name := p.Parts()[0]; names[foldName(name)] {
			return fail(Conflict, name, "is shared already, and the folder holds another of that name; share the folder in a session of its own", nil)
		}
	}
	return nil
}

// addFiles shares files by their real paths, each alone.
func (f *Folder) addFiles(real []string, names *takenNames) ([]docpath.Path, error) {
	have := map[string]bool{}
	for _, file := range f.files {
		have[file.real] = true
	}
	var fresh []string
	for _, file := range real {
		if p, ok := f.inside(file); ok && !have[file] {
			if err := f.Check(p); err != nil {
				return nil, err
			}
			continue
		}
		if !have[file] {
			have[file] = true
			fresh = append(fresh, file)
		}
	}
	slices.Sort(fresh)
	var added []docpath.Path
	for i, shown := range shortNames(fresh, names.has) {
		if names.has(shown) {
			return nil, fail(Conflict, shown, "is the name of something else that is shared, and so is every longer one; share the file in a session of its own", nil)
		}
		p, err := docpath.Parse(shown)
		if err != nil {
			return nil, err
		}
		if err := f.share(fresh[i], p); err != nil {
			return nil, err
		}
		names.add(p)
		added = append(added, p)
	}
	return added, nil
}

// covers tells whether a name belongs to the files that are shared each by itself, so that what the folder may hold under it
// is not shown: all below the first part of such a file's name.
func (f *Folder) covers(p docpath.Path) bool {
	if len(f.files) == 0 || p.IsFolder() {
		return false
	}
	first := p.Parts()[0]
	for file := range f.files {
		if file.Parts()[0] == first {
			return true
		}
	}
	return false
}

// hides tells whether a name of the folder is not listed in it, since it is shown elsewhere or is another's.
func (f *Folder) hides(p docpath.Path) bool {
	if f.root == nil || len(f.files) == 0 {
		return false
	}
	for _, file := range f.files {
		if file.place == p {
			return true
		}
	}
	return p.Dir().IsFolder() && f.covers(p)
}

// CloseBut lets go of what the Folder that this one was made of does not hold.
func (f *Folder) CloseBut(old *Folder) {
	for path, dir := range f.dirs {
		if old.dirs[path] != dir {
			dir.Close()
		}
	}
	if f.root != nil && old.root != f.root {
		f.root.Close()
	}
}

// takenNames are the names at the top of what is shared, without case: those who look at them may have a disk that tells
// no cases apart.
type takenNames struct {
	top   map[string]bool // what the folder holds, shown or not
	files map[string]bool // shared by itself, and texts without a file
	dirs  map[string]bool // that only tell such files apart
}

func (f *Folder) namesTaken(taken []docpath.Path) (*takenNames, error) {
	n := &takenNames{files: map[string]bool{}, dirs: map[string]bool{}}
	if f.root != nil {
		var err error
		if n.top, err = topNames(f.root); err != nil {
			return nil, fail(NoSuchDocument, filepath.Base(f.real), "can't be listed; check its permissions", cause(err))
		}
	}
	for p := range f.files {
		n.add(p)
	}
	for _, p := range taken {
		n.add(p)
	}
	return n, nil
}

func (n *takenNames) add(p docpath.Path) {
	n.files[foldName(p.String())] = true
	for p = p.Dir(); !p.IsFolder(); p = p.Dir() {
		n.dirs[foldName(p.String())] = true
	}
}

// has tells whether a file can't be shown under a name.
func (n *takenNames) has(name string) bool {
	name = foldName(name)
	first, _, _ := strings.Cut(name, "/")
	if n.files[name] || n.dirs[name] || n.top[first] {
		return true
	}
	for i := range name {
		if name[i] == '/' && n.files[name[:i]] {
			return true
		}
	}
	return false
}

// free finds a name for a text without a file: its own, or with a number behind it.
func (n *takenNames) free(name string) (docpath.Path, error) {
	for i := 1; ; i++ { // ends: there are fewer names than numbers
		try := name
		if i > 1 {
			try += "-" + strconv.Itoa(i)
		}
		if n.has(try) {
			continue
		}
		p, err := docpath.Parse(try)
		if err == nil {
			n.add(p)
		}
		return p, err
	}
}

func foldName(name string) string { return strings.ToLower(name) }

// topNames reads the names in a folder, without case.
func topNames(root *os.Root) (map[string]bool, error) {
	dir, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names := map[string]bool{}
	for {
		some, err := dir.Readdirnames(namesAtOnce)
		for _, name := range some {
			names[foldName(name)] = true
		}
		switch {
		case err == io.EOF:
			return names, nil
		case err != nil:
			return nil, err
		}
	}
}

// shortNames shortens absolute paths, all different, to their last parts, as few as keep each different from
// every other, none a folder of another, and none taken. Where that can't be had a name is as long as it gets.
func shortNames(paths []string, taken func(string) bool) []string {
	parts := make([][]string, len(paths))
	keep := make([]int, len(paths))
	for i, path := range paths {
		path = strings.TrimPrefix(path, filepath.VolumeName(path))
		parts[i] = strings.FieldsFunc(filepath.ToSlash(path), func(r rune) bool { return r == '/' })
		keep[i] = 1
	}
	tail := func(i int) string { return strings.Join(parts[i][len(parts[i])-keep[i]:], "/") }
	for clash := true; clash; {
		clash = false
		seen := map[string][]int{}
		longer := map[int]bool{}
		for i := range paths {
			seen[foldName(tail(i))] = append(seen[foldName(tail(i))], i)
		}
		for i := range paths {
			name := foldName(tail(i))
			if len(seen[name]) > 1 || taken(tail(i)) {
				longer[i] = true
			}
			for at := range name {
				if name[at] == '/' && len(seen[name[:at]]) > 0 {
					longer[i] = true
					for _, j := range seen[name[:at]] {
						longer[j] = true
					}
				}
			}
		}
		for i := range longer {
			if keep[i] < len(parts[i]) {
				keep[i]++
				clash = true
			}
		}
	}
	names := make([]string, len(paths))
	for i := range paths {
		names[i] = tail(i)
	}
	return names
}
