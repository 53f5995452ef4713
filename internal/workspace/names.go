package workspace

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"earshot/internal/docpath"
)

// newDirMode is what a folder gets that a guest made, less what the user's umask takes.
const newDirMode = 0o755

// CreateDir makes the folder p in one that is there. Errors are those of Create.
func (f *Folder) CreateDir(p docpath.Path) error {
	if err := f.mayMake(p); err != nil {
		return err
	}
	if f.files[p] != nil {
		return exists(p)
	}
	f.saving.Lock()
	defer f.saving.Unlock()
	at, err := f.findFree(f.newWork(), p, fs.ModeDir)
	if err != nil {
		return err
	}
	defer at.close()
	if err := at.dir.Mkdir(at.name, newDirMode); err != nil {
		return at.unchanged(err)
	}
	at.syncDir()
	return nil
}

// Rename gives a file or folder another name in the shared folder. What stands under that name stays: exists. Open are the
// identities of texts that are open, but for those which are open by names that go along: none of them is renamed under
// its reader's hands.
//
// Only what is shown is renamed, no links, and no folder in which something would be shown then that is not shown now, or
// the other way round: rules go by names, and must not be undone by other names. The rules of the folder's own go along.
// Errors are *Error of kind exists, conflict, excluded, outsideFolder, noSuchDocument, tooLarge for a folder that holds too much to
// look through, and saveFailed if the disk says no.
func (f *Folder) Rename(from, to docpath.Path, open []string) error {
	if err := cmp.Or(f.mayMove(from), f.mayMake(to)); err != nil {
		return err
	}
	switch {
	case to == from || f.files[to] != nil:
		return exists(to)
	case to.Under(from):
		return fail(Conflict, to.String(), "lies in the folder that is to be renamed; choose a name outside of it", nil)
	}
	f.saving.Lock()
	defer f.saving.Unlock()
	w := f.newWork()
	at, err := f.findShown(w, from)
	if err != nil {
		return err
	}
	defer at.close()
	goal, err := f.findFree(w, to, at.info.Mode())
	if err != nil {
		return err
	}
	defer goal.close()
	if err := cmp.Or(at.mayGo(), f.notOpen(at, open)); err != nil {
		return err
	}
	if at.info.IsDir() {
		undo, err := f.takeRules(at, goal)
		if err != nil {
			return err
		}
		defer func() { undo() }()
		if err := at.renameTo(goal); err != nil {
			return err
		}
		undo = func() {}
		f.dropRules(from)
		return nil
	}
	return at.renameTo(goal)
}

// Remove deletes a file, or a folder with nothing in it. Open is as with Rename. Errors are *Error of kind conflict for a
// folder that is not empty, and those of Rename.
func (f *Folder) Remove(p docpath.Path, open []string) error {
	if err := f.mayMove(p); err != nil {
		return err
	}
	f.saving.Lock()
	defer f.saving.Unlock()
	at, err := f.findShown(f.newWork(), p)
	if err != nil {
		return err
	}
	defer at.close()
	if err := cmp.Or(at.mayGo(), f.notOpen(at, open)); err != nil {
		return err
	}
	if !at.info.IsDir() {
		err = removeFile(at.dir, at.name)
	} else if err = removeDir(at.dir, at.name); notEmpty(err) {
		return fail(Conflict, p.String(), "is not empty, perhaps of files that are not shared; delete what is in it first", nil)
	}
	if err != nil {
		return at.unchanged(err)
	}
	at.syncDir()
	return nil
}

// mayMove says why nothing can be done with the name p, whatever stands on the disk.
func (f *Folder) mayMove(p docpath.Path) error {
	switch {
	case p.IsFolder():
		return fail(OutsideFolder, "the shared folder", "can't be renamed or deleted; name something in it", nil)
	case f.files[p] != nil:
		return fail(Excluded, p.String(), "is shared by itself, not as part of a folder; only the host can rename or delete it", nil)
	case f.root == nil || f.covers(p):
		return missing(p, nil)
	}
	for shown, file := range f.files {
		if !file.place.IsFolder() && file.place.Under(p) {
			return fail(Conflict, p.String(), "is or holds "+docpath.Quote(shown.String())+", which is shared by itself; only the host can rename or delete it", nil)
		}
	}
	return nil
}

// findShown leads to a file or folder that is listed under p.
func (f *Folder) findShown(w *work, p docpath.Path) (*place, error) {
	at, err := f.findName(w, p)
	if err != nil {
		return nil, err
	}
	switch {
	case at.info == nil:
		err = missing(p, nil)
	case at.info.Mode().Type() == fs.ModeSymlink:
		err = fail(Excluded, p.String(), "is a link on the host's disk; only the host can rename or delete it", nil)
	case !at.info.IsDir() && !at.info.Mode().IsRegular():
		err = missing(p, nil)
	}
	if err != nil {
		at.close()
		return nil, err
	}
	return at, nil
}

// findFree leads to a name under which something of a kind can be made and is shown.
func (f *Folder) findFree(w *work, p docpath.Path, kind fs.FileMode) (*place, error) {
	at, err := f.findName(w, p)
	if err != nil {
		return nil, err
	}
	switch {
	case at.info != nil:
		err = exists(p)
	case f.leftOut(at.room, p, kind):
		err = excluded(p)
	case !mayFill(at.dir):
		err = fail(SaveFailed, p.String(), "lies in a folder that is read-only; the host can make it writable", nil)
	}
	if err != nil {
		at.close()
		return nil, err
	}
	return at, nil
}

// mayGo tells whether a name may be taken away.
func (at *place) mayGo() error {
	switch {
	case !mayFill(at.dir):
		return fail(SaveFailed, at.path.String(), "lies in a folder that is read-only; the host can make it writable", nil)
	case !mayWrite(at.dir, at.name, at.info):
		return fail(SaveFailed, at.path.String(), "is read-only on the host's disk; the host can make it writable", nil)
	}
	return nil
}

// notOpen tells whether a file, or one in a folder, is open by another name.
func (f *Folder) notOpen(at *place, open []string) error {
	real := f.Abs(at.path)
	own := identity(at.dir, at.name, real, at.info)
	below := "path:" + real + string(filepath.Separator)
	if slices.Contains(open, own) || slices.ContainsFunc(open, func(id string) bool { return strings.HasPrefix(id, below) }) {
		return fail(Conflict, at.path.String(), "is open by another name, a link; close that first", nil)
	}
	return nil
}

// renameTo takes the name away in one step, if nothing has come under the new one.
func (at *place) renameTo(goal *place) error {
	if err := renameNew(at.dir, at.name, goal.dir, goal.name, at.info.IsDir()); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return exists(goal.path)
		}
		return at.unchanged(err)
	}
	if now, err := goal.dir.Lstat(goal.name); err != nil || !os.SameFile(at.info, now) {
		// Another program put something in its place at that moment, which nobody has looked at: it goes back.
		_ = renameNew(goal.dir, goal.name, at.dir, at.name, at.info.IsDir())
		return fail(Conflict, at.path.String(), "was replaced at that moment by another program; look at what is there, and try again", nil)
	}
	at.syncDir()
	goal.syncDir()
	return nil
}

// unchanged says that the disk refused to change a name.
func (at *place) unchanged(err error) error {
	switch {
	case errors.Is(err, fs.ErrExist):
		return exists(at.path)
	case errors.Is(err, fs.ErrNotExist):
		return missing(at.path, nil)
	}
	return fail(SaveFailed, at.path.String(), "could not be changed on the host's disk; nothing was done", cause(err))
}

// takeRules looks whether a folder shows the same under another name, and lets its ignore rules hold there; undo
// ends that.
func (f *Folder) takeRules(at, goal *place) (undo func(), err error) {
	in, err := f.enterPlace(at)
	if err != nil {
		return nil, missing(at.path, nil)
	}
	defer in.close()
	there := room{path: goal.path, dir: in.dir, borrowed: true, work: at.work, ruledOut: f.ruledOut(goal.room, goal.path, fs.ModeDir)}
	there.scope = &scope{up: goal.scope, name: goal.path.Base(), rules: in.scope.rules}
	left := MaxListed
	if err := f.sameShown(in, there, &left); err != nil {
		return nil, err
	}
	var keys []docpath.Path
	f.rules.Range(func(k, v any) bool {
		p := k.(docpath.Path)
		if !p.Under(at.path) {
			return true
		}
		if moved, err := docpath.Parse(goal.path.String() + strings.TrimPrefix(p.String(), at.path.String())); err == nil {
			f.rules.Store(moved, v)
			keys = append(keys, moved)
		}
		return true
	})
	return func() {
		for _, k := range keys {
			f.rules.Delete(k)
		}
	}, nil
}

// dropRules forgets the rules of a folder that is there no more: another may come under its name.
func (f *Folder) dropRules(from docpath.Path) {
	f.rules.Range(func(k, _ any) bool {
		if k.(docpath.Path).Under(from) {
			f.rules.Delete(k)
		}
		return true
	})
}

// sameShown compares what is shown in a folder as it is called now and as it is to be called.
func (f *Folder) sameShown(now, then room, left *int) error {
	d, err := now.dir.Open(".")
	if err != nil {
		return missing(now.path, cause(err))
	}
	defer d.Close()
	for {
		entries, err := d.ReadDir(namesAtOnce)
		if *left -= len(entries); *left < 0 || !now.work.spend(nameWork*len(entries)) {
			return fail(TooLarge, now.path.String(), "holds too many files to be renamed in a session; the host can do it", nil)
		}
		for _, e := range entries {
			if err := f.sameEntry(now, then, e, left); err != nil {
				return err
			}
		}
		if err != nil || len(entries) == 0 {
			return nil
		}
	}
}

func (f *Folder) sameEntry(now, then room, e fs.DirEntry, left *int) error {
	p, err := now.path.Join(e.Name())
	if err != nil {
		return nil // it has no name that can be shown, here and there
	}
	shown := !f.leftOut(now, p, e.Type())
	q, err := then.path.Join(e.Name())
	shownThen := err == nil && !f.leftOut(then, q, e.Type())
	switch {
	case now.work.over():
		return fail(TooLarge, now.path.String(), "holds too many files to be renamed in a session; the host can do it", nil)
	case shown != shownThen && shown:
		return fail(Conflict, p.String(), "would be left out of what is shared under the folder's new name; choose another one", nil)
	case shown != shownThen:
		return fail(Conflict, now.path.String(), "holds files that are left out of what is shared, and would not be under the new name; only the host can rename it", nil)
	case !shown || !e.IsDir():
		return nil
	}
	info, err := e.Info()
	if err != nil {
		return nil // removed at this moment
	}
	in, err := f.enter(now, p, info)
	if err != nil {
		return fail(Conflict, p.String(), "can't be looked into, so the folder that it is in can't be renamed", cause(err))
	}
	defer in.close()
	there := room{path: q, dir: in.dir, borrowed: true, work: now.work, ruledOut: f.ruledOut(then, q, fs.ModeDir)}
	there.scope = &scope{up: then.scope, name: q.Base(), rules: in.scope.rules}
	return f.sameShown(in, there, left)
}
