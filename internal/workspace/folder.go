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

// Folder is what a host shares: a whole folder, files each alone, or both. Widen makes another of it; a Folder itself does not
// change.
type Folder struct {
	root  *os.Root                 // nil if no folder is shared
	real  string                   // the folder's path as the disk spells it, without links; "" without one
	disk  device                   // that the folder lies on; what is mounted into it is not shared
	files map[docpath.Path]*shared // that are shared each by itself, by the name that each is shown under
	dirs  map[string]*os.Root      // of the files' folders, by path

	allow []string
	named map[docpath.Path]bool // files of the folder that are shown whatever its rules say: they were shared before it
	scope scope                 // the folder's, without its own rules
	rules *sync.Map             // docpath.Path of a folder → *ignoreRules, kept from the first look on

	ignoring *atomic.Int64 // bytes of ignore files that were read
	most     int           // work that one request may take: maxWork, less in tests

	saving *sync.Mutex // held while a file is compared and replaced, so that two saves don't overwrite each other
}

// shared is one file that was named to be shared.
type shared struct {
	dir   *os.Root
	name  string
	real  string
	place docpath.Path // in the folder, where that is not the name it is shown under; the zero Path if it is not in it
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
	f := newFolder(o)
	if err := f.openTop(folder); err != nil {
		return nil, err
	}
	return f, nil
}

func newFolder(o Options) *Folder {
	return &Folder{files: map[docpath.Path]*shared{}, dirs: map[string]*os.Root{}, allow: o.Allow, most: maxWork,
		rules: new(sync.Map), ignoring: new(atomic.Int64), saving: new(sync.Mutex)}
}

// openTop opens the folder that is shared.
func (f *Folder) openTop(folder string) error {
	real, err := realPath(folder)
	if err != nil {
		return fail(NoSuchDocument, folder, "is not there; check the path", err)
	}
	if privatePlace(real) {
		return fail(Excluded, folder, "holds secrets or the internals of a version control system; share another folder", nil)
	}
	root, err := openRoot(real)
	if err != nil {
		return fail(NoSuchDocument, folder, "is not a folder that can be opened; check the path and its permissions", cause(err))
	}
	info, err := root.Stat(".")
	if err != nil {
		root.Close()
		return fail(NoSuchDocument, folder, "can't be looked at; check its permissions", cause(err))
	}
	f.root, f.real, f.disk = root, real, deviceOf(info)
	f.scope = scopeOf(real, f.ignoring)
	return nil
}

// openRoot opens a folder by its path; it does not wait for the other end of a FIFO that bears its name.
func openRoot(folder string) (*os.Root, error) {
	return os.OpenRoot(strings.TrimSuffix(folder, string(filepath.Separator)) + string(filepath.Separator) + ".")
}

// OpenFiles shares exactly the named files. Each is shown under its own name, or where two names are equal with
// as much of the path before it as tells them apart. Errors are those of Open.
func OpenFiles(files []string, o Options) (*Folder, error) {
	f, _, err := newFolder(o).Widen(Wish{Files: files})
	return f, err
}

// resolveFile gives the path that a named file has without links, and refuses what may not be shared under
// either of its names.
func (f *Folder) resolveFile(file string) (string, error) {
	real, err := realPath(file)
	if err != nil {
		return "", fail(NoSuchDocument, file, "is not there; check the path", err)
	}
	if filepath.Dir(real) == real { // a whole disk, which has no name to show it by
		return "", fail(NoSuchDocument, file, "is not a regular file; share a text file or a folder", nil)
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
func (f *Folder) share(real string, p docpath.Path) error {
	dir := filepath.Dir(real)
	root := f.dirs[dir]
	if root == nil {
		var err error
		if root, err = openRoot(dir); err != nil {
			return fail(NoSuchDocument, p.String(), "lies in a folder that can't be opened; check its permissions", cause(err))
		}
		f.dirs[dir] = root
	}
	name := filepath.Base(real)
	info, err := root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() {
		return fail(NoSuchDocument, p.String(), "is not a regular file; share a text file or a folder", cause(err))
	}
	f.files[p] = &shared{dir: root, name: name, real: real}
	return nil
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
	if file := f.files[p]; file != nil {
		return file.real
	}
	if f.root == nil {
		return ""
	}
	return filepath.Join(f.real, filepath.FromSlash(p.String()))
}

// allows tells whether the host allowed p by name, or something in p.
func (f *Folder) allows(p docpath.Path, kind fs.FileMode) bool {
	if f.named[p] && !kind.IsDir() {
		return true
	}
	if kind.IsDir() {
		for named := range f.named {
			if named != p && named.Under(p) {
				return true
			}
		}
	}
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
