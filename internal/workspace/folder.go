// Package workspace reads and writes the files that a host shares.
//
// It promises that nothing outside the shared folder is read or written, whatever a guest asks for and whatever
// links or races stand on the disk; that what a listing leaves out can't be opened; that a file on the disk is
// always an old text or a new one, never half of one; and that a text which somebody else wrote meanwhile is
// never overwritten. Its errors are fit to be sent to a guest: they name no path outside the shared folder.
//
//	docpath.Path ─ find ─▶ place (folder held open by os.Root, name, what stands there)
//	                         │ on the way each part is checked: spelled as on the disk, no link, not left out
//	List ─▶ entries          ├─▶ Load ─▶ Text, Form, Stamp
//	                         └─▶ Save(base Stamp) ─▶ Stamp, or *DiskChanged with what stands there instead
//
// The daemon alone calls it, outside of the engine's loop. A Folder may be used by several goroutines at once.
package workspace

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"earshot/internal/docpath"
)

// Folder is what a host shares: a whole folder, or some files, each alone.
type Folder struct {
	root  *os.Root                 // nil if files are shared
	real  string                   // the folder's path as the disk spells it, without links; "" if files are shared
	disk  device                   // that the folder lies on; what is mounted into it is not shared
	files map[docpath.Path]*shared // nil if a folder is shared
	dirs  map[string]*os.Root      // of the files' folders, by path

	allow []string
	scope scope    // the folder's, without its own rules
	rules sync.Map // docpath.Path of a folder → *ignoreRules, kept from the first look on

	ignoring atomic.Int64 // bytes of ignore files that were read
	most     int          // work that one request may take: maxWork, less in tests

	saving sync.Mutex // held while a file is compared and replaced, so that two saves don't overwrite each other
}

// shared is one file that was named to be shared.
type shared struct {
	dir  *os.Root
	name string
	real string
}

// Options says how a Folder differs from the default.
type Options struct {
	// Allow names files that would be left out as ignored or as likely to hold secrets: a bare name stands for
	// every file of that name in a folder that is shown, one with slashes for the path in the shared folder.
	Allow []string
}

// Open shares a folder of this machine. Errors are *Error: noSuchDocument if it isn't there or is no folder,
// excluded if it belongs to a version control system or usually holds secrets.
func Open(folder string, o Options) (*Folder, error) {
	real, err := realPath(folder)
	if err != nil {
		return nil, fail(NoSuchDocument, folder, "is not there; check the path", err)
	}
	if privatePlace(real) {
		return nil, fail(Excluded, folder, "holds secrets or the internals of a version control system; share another folder", nil)
	}
	root, err := openRoot(real)
	if err != nil {
		return nil, fail(NoSuchDocument, folder, "is not a folder that can be opened; check the path and its permissions", cause(err))
	}
	info, err := root.Stat(".")
	if err != nil {
		root.Close()
		return nil, fail(NoSuchDocument, folder, "can't be looked at; check its permissions", cause(err))
	}
	f := &Folder{root: root, real: real, disk: deviceOf(info), allow: o.Allow, most: maxWork}
	f.scope = scopeOf(real, &f.ignoring)
	return f, nil
}

// openRoot opens a folder by its path; it does not wait for the other end of a FIFO that bears its name.
func openRoot(folder string) (*os.Root, error) {
	return os.OpenRoot(strings.TrimSuffix(folder, string(filepath.Separator)) + string(filepath.Separator) + ".")
}

// OpenFiles shares exactly the named files. Each is shown under its own name, or where two names are equal with
// as much of the path before it as tells them apart. Errors are those of Open.
func OpenFiles(files []string, o Options) (*Folder, error) {
	f := &Folder{files: map[docpath.Path]*shared{}, dirs: map[string]*os.Root{}, allow: o.Allow, most: maxWork}
	real := make([]string, len(files))
	for i, file := range files {
		var err error
		if real[i], err = f.resolveFile(file); err != nil {
			f.Close()
			return nil, err
		}
	}
	slices.Sort(real)
	real = slices.Compact(real)
	for i, shown := range shortNames(real) {
		if err := f.share(real[i], shown); err != nil {
			f.Close()
			return nil, err
		}
	}
	return f, nil
}

// resolveFile gives the path that a named file has without links, and refuses what may not be shared under
// either of its names.
func (f *Folder) resolveFile(file string) (string, error) {
	real, err := realPath(file)
	if err != nil {
		return "", fail(NoSuchDocument, file, "is not there; check the path", err)
	}
	for _, path := range []string{file, real} {
		name := filepath.Base(path)
		secret := docpath.SecretName(name) || docpath.SecretPlace(filepath.Base(filepath.Dir(path)), name)
		if secret && !slices.Contains(f.allow, name) {
			return "", fail(Excluded, name, "looks as if it held secrets; to share it all the same, allow that name", nil)
		}
	}
	if privatePlace(filepath.Dir(real)) && !slices.Contains(f.allow, filepath.Base(real)) || inVCS(real) {
		return "", fail(Excluded, file, "lies in a folder that is never shared; copy it to another one", nil)
	}
	return real, nil
}

// share opens the folder of one file, once for all the files in it.
func (f *Folder) share(real, shown string) error {
	p, err := docpath.Parse(shown)
	if err != nil {
		return err
	}
	dir := filepath.Dir(real)
	root := f.dirs[dir]
	if root == nil {
		if root, err = openRoot(dir); err != nil {
			return fail(NoSuchDocument, shown, "lies in a folder that can't be opened; check its permissions", cause(err))
		}
		f.dirs[dir] = root
	}
	name := filepath.Base(real)
	info, err := root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() {
		return fail(NoSuchDocument, shown, "is not a regular file; share a text file or a folder", cause(err))
	}
	f.files[p] = &shared{dir: root, name: name, real: real}
	return nil
}

// shortNames shortens absolute paths, all different, to their last parts, as few as keep each different from
// every other and none a folder of another.
func shortNames(paths []string) []string {
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
		for i := range paths {
			name := tail(i)
			seen[strings.ToLower(name)] = append(seen[strings.ToLower(name)], i)
		}
		for _, same := range seen {
			if len(same) == 1 {
				continue
			}
			for _, i := range same {
				if keep[i] < len(parts[i]) {
					keep[i]++
					clash = true
				}
			}
		}
	}
	names := make([]string, len(paths))
	for i := range paths {
		names[i] = tail(i)
	}
	return names
}

// privatePlace tells whether a real path is, or lies in, a folder that nobody shares on purpose.
func privatePlace(real string) bool {
	above := ""
	for part := range strings.SplitSeq(filepath.ToSlash(real), "/") {
		switch strings.ToLower(part) {
		case ".ssh", ".gnupg", ".aws", ".kube", ".azure", ".password-store":
			return true
		}
		if docpath.SecretPlace(above, part) {
			return true
		}
		above = part
	}
	return inVCS(real)
}

// inVCS leaves out CVS and _darcs: people keep their checkouts in folders of such a name.
func inVCS(real string) bool {
	for part := range strings.SplitSeq(filepath.ToSlash(real), "/") {
		if strings.HasPrefix(part, ".") && docpath.VCSName(part) {
			return true
		}
	}
	return false
}

// Close lets go of the disk. Nothing else may be called after it.
func (f *Folder) Close() error {
	for _, dir := range f.dirs {
		dir.Close()
	}
	if f.root == nil {
		return nil
	}
	return f.root.Close()
}

// Real is the folder's absolute path without links, "" if single files are shared. It is the host's alone.
func (f *Folder) Real() string { return f.real }

// Abs is the absolute path of p on this machine, for the host's own editors; "" if p isn't one of the shared
// files. It looks at no disk: p may not exist.
func (f *Folder) Abs(p docpath.Path) string {
	if f.files == nil {
		return filepath.Join(f.real, filepath.FromSlash(p.String()))
	}
	if file := f.files[p]; file != nil {
		return file.real
	}
	return ""
}

// allows tells whether the host allowed p by name, or something in p.
func (f *Folder) allows(p docpath.Path, kind fs.FileMode) bool {
	for _, name := range f.allow {
		if name == p.String() || name == p.Base() && !kind.IsDir() {
			return true
		}
		if kind.IsDir() && strings.HasPrefix(name, p.String()+"/") {
			return true
		}
	}
	return false
}
