package workspace

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"earshot/internal/docpath"
)

// maxLinks is how many links in a row a name may lead along: os.Root follows 8 and no more.
const maxLinks = 8

// tempPrefix begins the names of files that are being written. They are never shown.
const tempPrefix = ".earshot-"

// errMoved says that something was put in a file's place between two looks at it.
var errMoved = errors.New("it was replaced at that moment")

// errMounted says that a folder is the top of another disk.
var errMounted = errors.New("it is another disk")

// room is a folder that is held open, with what decides about the names in it.
type room struct {
	path     docpath.Path
	dir      *os.Root
	borrowed bool // dir is the Folder's own and stays open
	scope    *scope
	work     *work // what the request may still spend on ignore rules
	ruledOut bool  // shown only for the sake of an allowed name in it
}

func (r room) close() {
	if !r.borrowed {
		r.dir.Close()
	}
}

// place is a name in an open folder, with no link on the way to it.
type place struct {
	room
	path docpath.Path
	name string      // in room.dir
	info fs.FileInfo // of the name itself; nil if there is nothing
}

// top is the room of the shared folder itself, for a request that may still do so much work.
func (f *Folder) top(w *work) room {
	own := f.scope
	top := room{dir: f.root, borrowed: true, scope: &own, work: w}
	own.rules = f.rulesOf(top)
	return top
}

// enter opens the folder called name in r, for which info stands.
func (f *Folder) enter(r room, p docpath.Path, info fs.FileInfo) (room, error) {
	// The dot has the name opened as a folder or not at all: OpenRoot would wait for the other end of a FIFO that was put
	// there since, and does follow a link.
	dir, err := r.dir.OpenRoot(p.Base() + "/.")
	if err != nil {
		return room{}, err
	}
	opened, err := dir.Stat(".")
	if err != nil || !os.SameFile(info, opened) {
		dir.Close()
		return room{}, errMoved
	}
	if f.mounted(opened) {
		dir.Close()
		return room{}, errMounted
	}
	in := room{path: p, dir: dir, work: r.work, ruledOut: f.ruledOut(r, p, fs.ModeDir)}
	in.scope = &scope{up: r.scope, name: p.Base()}
	if !in.ruledOut {
		in.scope.rules = f.rulesOf(in)
	}
	return in, nil
}

// mounted tells whether a folder belongs to a disk that was mounted into the shared one: /proc, a network, another
// volume. Of files nothing can be told: some file systems give each a device of its own.
func (f *Folder) mounted(info fs.FileInfo) bool { return info.IsDir() && deviceOf(info) != f.disk }

// ruledOut tells whether p in r is ignored or likely to hold secrets, whatever is allowed.
func (f *Folder) ruledOut(r room, p docpath.Path, kind fs.FileMode) bool {
	if r.ruledOut || docpath.Secret(p) || r.path.IsFolder() && docpath.SecretPlace(filepath.Base(f.real), p.Base()) {
		return true
	}
	return r.scope.ignores(p.Base(), kind.IsDir(), r.work)
}

// leftOut tells whether p in r, of the given kind, is neither listed nor opened.
func (f *Folder) leftOut(r room, p docpath.Path, kind fs.FileMode) bool {
	if docpath.VCSName(p.Base()) || strings.HasPrefix(p.Base(), tempPrefix) {
		return true
	}
	return f.ruledOut(r, p, kind) && !f.allows(p, kind)
}

// find leads to p, along links whose ends may be shown themselves. The errors are *Error of kind outsideFolder,
// excluded and noSuchDocument; if only the last name is missing there is none, and place.info is nil.
func (f *Folder) find(p docpath.Path) (*place, error) { return f.findBy(f.newWork(), p) }

func (f *Folder) findBy(w *work, p docpath.Path) (*place, error) {
	if f.root == nil || f.files[p] != nil {
		return f.findFile(p)
	}
	if f.covers(p) {
		return nil, missing(p, nil)
	}
	at, err := f.findName(w, p)
	if err != nil || at.info == nil || at.info.Mode().Type() != fs.ModeSymlink {
		return at, err
	}
	defer at.close()
	end, err := f.followLinks(at)
	if err != nil {
		return nil, err
	}
	// The way was followed by its letters; the system must come to the same end.
	if info, err := f.root.Stat(filepath.FromSlash(p.String())); err != nil || !os.SameFile(info, end.info) {
		end.close()
		return nil, outside(p)
	}
	return end, nil
}

// followLinks leads from a link to what it stands for.
func (f *Folder) followLinks(link *place) (*place, error) {
	from := link.path
	for range maxLinks {
		target, err := link.dir.Readlink(link.name)
		if err != nil {
			return nil, missing(from, cause(err))
		}
		p, err := docpath.Parse(path.Join(link.path.Dir().String(), filepath.ToSlash(target)))
		if err != nil || path.IsAbs(filepath.ToSlash(target)) {
			return nil, outside(from)
		}
		next, err := f.findName(link.work, p)
		if err != nil {
			return nil, fail(KindOf(err), from.String(), "is a link to something that is not shared; share the file itself", nil)
		}
		if next.info == nil {
			next.close()
			return nil, missing(from, nil)
		}
		if next.info.Mode().Type() != fs.ModeSymlink {
			return next, nil
		}
		defer next.close() // at most maxLinks times
		link = next
	}
	return nil, outside(from)
}

func outside(p docpath.Path) error {
	return fail(OutsideFolder, p.String(), "is a link that leads out of the shared folder; share the file itself", nil)
}

func missing(p docpath.Path, err error) error {
	return fail(NoSuchDocument, p.String(), "is not in the shared folder; list the files to see what is", err)
}

func excluded(p docpath.Path) error {
	if docpath.VCS(p) {
		return fail(Excluded, p.String(), "belongs to version control, which is never shared", nil)
	}
	return fail(Excluded, p.String(), "is left out of what is shared; the host can allow it by name", nil)
}

// findFile is find for a file that is shared by itself.
func (f *Folder) findFile(p docpath.Path) (*place, error) {
	file := f.files[p]
	if file == nil {
		return nil, missing(p, nil)
	}
	at := &place{room: room{path: p.Dir(), dir: file.dir, borrowed: true}, path: p, name: file.name}
	info, err := file.dir.Lstat(file.name)
	if errors.Is(err, fs.ErrNotExist) {
		return at, nil
	}
	if err != nil {
		return nil, missing(p, cause(err))
	}
	if info.Mode().Type() == fs.ModeSymlink {
		return nil, outside(p)
	}
	at.info = info
	return at, nil
}

// findName leads to p itself, be it a link, through folders only.
func (f *Folder) findName(w *work, p docpath.Path) (*place, error) {
	if p.IsFolder() {
		return nil, missing(p, nil)
	}
	here := f.top(w)
	way := p
	for rest := p.Parts(); ; rest = rest[1:] {
		way, _ = here.path.Join(rest[0])
		at, err := f.look(here, way)
		if err != nil {
			here.close()
			return nil, err
		}
		if len(rest) == 1 {
			return at, nil
		}
		next, err := f.enterPlace(at)
		here.close()
		if err != nil {
			return nil, missing(p, nil)
		}
		here = next
	}
}

func (f *Folder) enterPlace(at *place) (room, error) {
	if at.info == nil || !at.info.IsDir() {
		return room{}, fs.ErrNotExist
	}
	return f.enter(at.room, at.path, at.info)
}

// look sees what stands at p in r. What the name alone rules out is refused before the disk is asked, so that
// the answer doesn't tell what exists.
func (f *Folder) look(r room, p docpath.Path) (*place, error) {
	if f.leftOut(r, p, 0) && f.leftOut(r, p, fs.ModeDir) {
		return nil, excluded(p)
	}
	at := &place{room: r, path: p, name: p.Base()}
	info, err := r.dir.Lstat(at.name)
	if errors.Is(err, fs.ErrNotExist) {
		if f.leftOut(r, p, 0) {
			return nil, excluded(p)
		}
		return at, nil
	}
	if err != nil {
		return nil, missing(p, cause(err))
	}
	if f.leftOut(r, p, info.Mode()) {
		return nil, excluded(p)
	}
	if f.mounted(info) {
		return nil, fail(OutsideFolder, p.String(), "is another disk that is mounted into the shared folder; share that folder itself", nil)
	}
	if name, err := spelled(r.dir, at.name, info); err != nil || name != at.name {
		return nil, missing(p, nil)
	}
	at.info = info
	return at, nil
}

// spelled gives the name under which a folder lists what info stands for and what answers to name. They differ
// where the file system folds case, normalises Unicode or has short names; rules for names hold only for what is
// listed. Where a name has one spelling at most, the folder need not be read.
func spelled(dir *os.Root, name string, info fs.FileInfo) (string, error) {
	if runtime.GOOS != "windows" && oneSpelling(dir, name, info) {
		return name, nil
	}
	f, err := dir.Open(".")
	if err != nil {
		return "", err
	}
	defer f.Close()
	alike := ""
	for {
		names, err := f.Readdirnames(namesAtOnce)
		for _, listed := range names {
			if listed == name {
				return name, nil
			}
			if alike == "" && strings.EqualFold(listed, name) {
				alike = listed
			}
		}
		if err != nil || len(names) == 0 {
			break
		}
	}
	if alike == "" {
		return spelledByFile(dir, info)
	}
	return alike, nil
}

// spelledByFile finds the entry that is the file: a short name, or one in another normal form.
func spelledByFile(dir *os.Root, info fs.FileInfo) (string, error) {
	f, err := dir.Open(".")
	if err != nil {
		return "", err
	}
	defer f.Close()
	for {
		entries, err := f.ReadDir(namesAtOnce)
		for _, entry := range entries {
			if listed, err := entry.Info(); err == nil && os.SameFile(info, listed) {
				return entry.Name(), nil
			}
		}
		if err != nil || len(entries) == 0 {
			return "", fs.ErrNotExist
		}
	}
}

// oneSpelling tells whether the same name in the other case is something else, so that this file system's names
// in ASCII are what they seem.
func oneSpelling(dir *os.Root, name string, info fs.FileInfo) bool {
	if strings.ContainsFunc(name, func(r rune) bool { return r >= 0x80 }) {
		return false
	}
	other := strings.Map(func(r rune) rune {
		if 'a' <= r|0x20 && r|0x20 <= 'z' {
			return r ^ 0x20
		}
		return r
	}, name)
	if other == name {
		return true
	}
	twin, err := dir.Lstat(other)
	return errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(info, twin)
}

// Check tells whether p may be opened: it is there and would be listed. The errors are *Error of kind
// outsideFolder, excluded or noSuchDocument.
func (f *Folder) Check(p docpath.Path) error {
	at, err := f.findThere(f.newWork(), p)
	if err != nil {
		return err
	}
	at.close()
	return nil
}

// findThere is find for a regular file that must be there.
func (f *Folder) findThere(w *work, p docpath.Path) (*place, error) {
	at, err := f.findBy(w, p)
	if err != nil {
		return nil, err
	}
	if at.info == nil || !at.info.Mode().IsRegular() {
		at.close()
		return nil, missing(p, nil)
	}
	return at, nil
}
