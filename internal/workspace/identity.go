package workspace

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"earshot/internal/docpath"
)

// Identity gives a key that is equal for two names of one file on this machine: along links, in another case where
// the file system folds it, through FileIdentity. It stays the same when the file is saved, by us or by an editor
// that replaces it. It holds the host's own path and is for its daemon alone. p need not exist. Errors are
// those of Check.
func (f *Folder) Identity(p docpath.Path) (string, error) {
	at, err := f.find(p)
	if err != nil {
		return "", err
	}
	defer at.close()
	real := f.Abs(at.path)
	return identity(at.dir, at.name, real, at.info), nil
}

// FileIdentity is Folder.Identity for any file of this machine, shared or not. The file need not exist; the
// error says that not even its folder can be looked at.
func FileIdentity(abs string) (string, error) {
	real, err := realPathOfNew(abs)
	if err != nil {
		return "", fail(NoSuchDocument, filepath.Base(abs), "lies in no folder that can be opened", err)
	}
	info, err := os.Lstat(real)
	if err != nil {
		return "path:" + real, nil
	}
	dir, err := openRoot(filepath.Dir(real))
	if err != nil {
		return "path:" + real, nil
	}
	defer dir.Close()
	return identity(dir, filepath.Base(real), real, info), nil
}

// identity takes the path where it is the only one, since that survives a save that replaces the file; a file
// with more names is never replaced by us, so there the system's number for it holds.
func identity(dir *os.Root, name, real string, info fs.FileInfo) string {
	if info != nil && links(dir, name, info) > 1 {
		if number := fileNumber(dir, name, info); number != "" {
			return "file:" + number
		}
	}
	return "path:" + real
}

// Rel gives the name in the shared folder of a file that an editor knows by an absolute path, along every link on
// the way. The file need not exist yet. False if it isn't in the folder or is none of the shared files. Whether it
// is shown, Check says.
func (f *Folder) Rel(abs string) (docpath.Path, bool) {
	real, err := realPathOfNew(abs)
	if err != nil {
		return docpath.Path{}, false
	}
	for p, file := range f.files {
		if file.real == real {
			return p, true
		}
	}
	return f.inside(real)
}

// inside gives the place in the shared folder of a real path.
func (f *Folder) inside(real string) (docpath.Path, bool) {
	if f.root == nil {
		return docpath.Path{}, false
	}
	if real == f.real {
		return docpath.Path{}, true
	}
	rest, ok := strings.CutPrefix(real, strings.TrimSuffix(f.real, string(filepath.Separator))+string(filepath.Separator))
	if !ok {
		return docpath.Path{}, false
	}
	p, err := docpath.Parse(filepath.ToSlash(rest))
	return p, err == nil
}

// realPathOfNew is realPath for what need not exist: the last parts may be missing.
func realPathOfNew(abs string) (string, error) {
	if !filepath.IsAbs(abs) {
		return "", errors.New("the path is not absolute")
	}
	abs = filepath.Clean(abs)
	tail := ""
	for {
		real, err := realPath(abs)
		if err == nil {
			return filepath.Join(real, tail), nil
		}
		up := filepath.Dir(abs)
		// A name that is there but leads nowhere is a link that must not be taken for a new file.
		if _, there := os.Lstat(abs); there == nil || up == abs || !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		abs, tail = up, filepath.Join(filepath.Base(abs), tail)
	}
}

// realPath gives the one path that a file or folder has without links and as its folders list it. Errors hold no
// path.
func realPath(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		return "", cause(err)
	}
	return spelledPath(path), nil
}

// spelledPath spells each part as its folder lists it. A folder that can't be read leaves the part as it is.
func spelledPath(path string) string {
	up := filepath.Dir(path)
	if up == path {
		return path
	}
	name := filepath.Base(path)
	real := spelledPath(up)
	dir, err := openRoot(up)
	if err != nil {
		return filepath.Join(real, name)
	}
	defer dir.Close()
	if info, err := dir.Lstat(name); err == nil {
		if listed, err := spelled(dir, name, info); err == nil {
			name = listed
		}
	}
	return filepath.Join(real, name)
}
