package workspace

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"

	"earshot/internal/docpath"
)

// newFileMode is what a file gets that a guest made, less what the user's umask takes: never executable.
const newFileMode = 0o644

// Save writes a text to the file p, if the file still holds what base says; the Stamp of what it holds then is the
// next base. Nothing is written if it holds the text already. A file that isn't there is made if base is the
// zero Stamp.
//
// The text goes to a new file in the same folder, with the old one's mode, owner and attributes as far as the system
// lets us, and to the disk; then it takes the old one's name. So after a crash at any moment the name stands
// for all of the old text or all of the new. Behind a symbolic link the file it stands for is replaced and the link
// stays. A file with a second name (a hard link) is refused: it could be kept whole only by writing into it,
// where a crash leaves half a text, and the other name may lie outside the shared folder.
//
// Errors: *DiskChanged if the file holds something else, and *Error: those of find, notText, tooLarge,
// saveFailed. After any of them the file is as it was. Between the last look at the file and the change of names
// lie some microseconds in which another program's write would be lost; no system offers less to all.
func (f *Folder) Save(p docpath.Path, content string, form Form, base Stamp) (Stamp, error) {
	data, err := encode(p, content, form)
	if err != nil {
		return Stamp{}, err
	}
	f.saving.Lock()
	defer f.saving.Unlock()
	for range tries {
		stamp, err := f.saveOnce(p, data, base)
		if !errors.Is(err, errMoved) {
			return stamp, err
		}
	}
	return Stamp{}, fail(SaveFailed, p.String(), "is being written by another program without a pause; save again when that is over", nil)
}

func (f *Folder) saveOnce(p docpath.Path, data []byte, base Stamp) (Stamp, error) {
	at, err := f.find(p)
	if err != nil {
		return Stamp{}, err
	}
	defer at.close()
	if at.info == nil {
		if base != (Stamp{}) {
			return Stamp{}, &DiskChanged{Path: p, Gone: true}
		}
		return at.create(data)
	}
	if !at.info.Mode().IsRegular() {
		return Stamp{}, fail(SaveFailed, p.String(), "is no regular file any more; save under another name", nil)
	}
	info, stamp, err := at.compare(p, data, base)
	if err != nil || info == nil {
		return stamp, err
	}
	return at.replace(data, info)
}

// compare looks at what stands on the disk. Without an error and without info it is the data already.
func (at *place) compare(p docpath.Path, data []byte, base Stamp) (fs.FileInfo, Stamp, error) {
	disk, info, err := at.read()
	switch {
	case KindOf(err) == TooLarge:
		return nil, Stamp{}, &DiskChanged{Path: p, Bad: err}
	case errors.Is(err, errMoved):
		return nil, Stamp{}, err
	case err != nil:
		return nil, Stamp{}, at.failed(cause(err))
	}
	stamp := Stamp{sha256.Sum256(disk), info.Mode().Perm()}
	if stamp.Sum == sha256.Sum256(data) {
		return nil, stamp, nil
	}
	if stamp.Sum == base.Sum {
		return info, stamp, nil
	}
	t, err := decode(p, disk, info)
	t.ReadOnly = readOnly(at.dir, at.name, info)
	return nil, Stamp{}, &DiskChanged{Path: p, Disk: t, Bad: err}
}

// replace puts data in the place of the file that info stands for.
func (at *place) replace(data []byte, info fs.FileInfo) (Stamp, error) {
	if err := at.refuse(info); err != nil {
		return Stamp{}, err
	}
	temp, err := at.writeTemp(data, info)
	if err != nil {
		return Stamp{}, err
	}
	if now, err := at.dir.Lstat(at.name); err != nil || !unchanged(info, now) {
		at.dir.Remove(temp)
		return Stamp{}, errMoved
	}
	if err := at.dir.Rename(temp, at.name); err != nil {
		at.dir.Remove(temp)
		return Stamp{}, at.failed(err)
	}
	at.syncDir()
	return Stamp{sha256.Sum256(data), info.Mode().Perm()}, nil
}

// refuse says no before anything is written to what only seems to be replaceable.
func (at *place) refuse(info fs.FileInfo) error {
	switch {
	case !mayWrite(at.dir, at.name, info):
		return fail(SaveFailed, at.path.String(), "is read-only on the host's disk; the host can make it writable", nil)
	case !mayFill(at.dir):
		return fail(SaveFailed, at.path.String(), "lies in a folder that is read-only; the host can make it writable", nil)
	case links(at.dir, at.name, info) > 1:
		return fail(SaveFailed, at.path.String(), "has a second name (a hard link) on the host's disk; the host can replace it by a copy of its own", nil)
	}
	return nil
}

func (at *place) failed(err error) error {
	return fail(SaveFailed, at.path.String(), "could not be written; the text is still here, so save again when the host's disk takes it", cause(err))
}

// writeTemp writes data to a new file beside the old one, complete and on the disk when it returns. info is the old
// one's, nil if there is none.
func (at *place) writeTemp(data []byte, info fs.FileInfo) (string, error) {
	temp := tempPrefix + rand.Text()
	perm := fs.FileMode(newFileMode)
	if info != nil {
		perm = 0o600 // until it is the owner's: the text may be secret
	}
	file, err := at.dir.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return "", at.failed(err)
	}
	_, err = file.Write(data)
	if err == nil && info != nil {
		err = at.likeOld(file, info)
	}
	if err == nil {
		err = file.Sync()
	}
	if e := file.Close(); err == nil {
		err = e
	}
	if err != nil {
		at.dir.Remove(temp)
		return "", at.failed(err)
	}
	return temp, nil
}

// likeOld gives the new file the old one's owner, attributes and mode, all through the open file. Only the mode
// must succeed; it leaves out setuid and setgid, as every write to a file does.
func (at *place) likeOld(file *os.File, info fs.FileInfo) error {
	mode := info.Mode().Perm()
	if !giveOwner(file, info) {
		// The group's rights were meant for another group: it now gets those of everybody.
		mode = mode&^0o070 | mode&0o007<<3
	}
	if old, err := openRegular(at.dir, at.name, info); err == nil {
		copyAttributes(file, old)
		old.Close()
	}
	return chmod(file, mode)
}

// create makes a file that wasn't there, all at once; what came there meanwhile stays.
func (at *place) create(data []byte) (Stamp, error) {
	temp, err := at.writeTemp(data, nil)
	if err != nil {
		return Stamp{}, err
	}
	defer at.dir.Remove(temp)
	err = at.dir.Link(temp, at.name)
	if errors.Is(err, fs.ErrExist) {
		return Stamp{}, errMoved
	}
	if err != nil {
		// A file system without links. Here a file that comes between these two calls would be lost.
		if _, err := at.dir.Lstat(at.name); !errors.Is(err, fs.ErrNotExist) {
			return Stamp{}, errMoved
		}
		if err := at.dir.Rename(temp, at.name); err != nil {
			return Stamp{}, at.failed(err)
		}
	}
	at.syncDir()
	return at.stampNew(data), nil
}

func (at *place) stampNew(data []byte) Stamp {
	stamp := Stamp{Sum: sha256.Sum256(data)}
	if info, err := at.dir.Lstat(at.name); err == nil {
		stamp.Mode = info.Mode().Perm()
	}
	return stamp
}

// syncDir brings the change of names to the disk. A system that can't is no reason to say that the save failed.
func (at *place) syncDir() {
	if dir, err := at.dir.Open("."); err == nil {
		dir.Sync()
		dir.Close()
	}
}

// Create makes the file p, empty, in a folder that is there. Errors are *Error: exists, and those of Save.
func (f *Folder) Create(p docpath.Path) (Stamp, error) {
	if err := f.mayMake(p); err != nil {
		return Stamp{}, err
	}
	f.saving.Lock()
	defer f.saving.Unlock()
	at, err := f.find(p)
	if err != nil {
		return Stamp{}, err
	}
	defer at.close()
	if at.info != nil {
		return Stamp{}, exists(p)
	}
	file, err := at.dir.OpenFile(at.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, newFileMode)
	if errors.Is(err, fs.ErrExist) {
		return Stamp{}, exists(p)
	}
	if err != nil {
		return Stamp{}, at.failed(err)
	}
	file.Close()
	at.syncDir()
	return at.stampNew(nil), nil
}

// mayMake says why no new name can be made at p, whatever stands on the disk.
func (f *Folder) mayMake(p docpath.Path) error {
	switch {
	case f.files[p] != nil:
		return nil // a shared file that was removed is made anew
	case f.root == nil:
		return fail(Excluded, p.String(), "is none of the shared files; share a folder to make new ones", nil)
	case f.covers(p):
		return exists(p)
	}
	return nil
}

func exists(p docpath.Path) error {
	return fail(Exists, p.String(), "is there already; choose another name", nil)
}
