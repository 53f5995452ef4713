package workspace

import (
	"errors"
	"io/fs"
	"os"

	"earshot/internal/docpath"
)

// Kind is the contract's word for what went wrong ("Errors" in PROTOCOL.md).
type Kind = docpath.Kind

// The kinds of this package's errors.
const (
	OutsideFolder  = docpath.OutsideFolder
	Excluded       = docpath.Excluded
	NoSuchDocument = docpath.NoSuchDocument
	Exists         = Kind("exists")
	Conflict       = Kind("conflict")
	TooLarge       = Kind("tooLarge")
	NotText        = Kind("notText")
	SaveFailed     = Kind("saveFailed")
	DiskDiffers    = Kind("diskChanged")
)

// Error says what could not be done with a file, in one sentence for a person: host or guest.
type Error struct {
	Kind Kind
	Path string // in the shared folder; as it was given, if no folder could be opened
	Why  string // the rest of the sentence, beginning with its verb
	Err  error  // what the system said, without paths; nil if it was not asked
}

func (e *Error) Error() string {
	s := docpath.Quote(e.Path) + " " + e.Why
	if e.Err != nil {
		s += " (" + e.Err.Error() + ")"
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

func fail(kind Kind, path, why string, err error) error { return &Error{kind, path, why, err} }

// DiskChanged says that Save wrote nothing since the file is not what its base says. Merge Disk.Text as the disk's
// own edit, then save again with Disk.Stamp as the base.
type DiskChanged struct {
	Path docpath.Path
	Disk Text  // what stands there; the zero Text if Gone or Bad
	Gone bool  // the file was removed: a save with the zero Stamp makes it anew
	Bad  error // the *Error for which what stands there can't be a document; nil if it can
}

func (e *DiskChanged) Error() string {
	name := docpath.Quote(e.Path.String())
	switch {
	case e.Gone:
		return name + " was removed from the disk; save once more to write it anew"
	case e.Bad != nil:
		return name + " was replaced on the disk by something that is no shared text; save your text under another name"
	}
	return name + " was changed on the disk by another program; look at what it wrote, then save once more"
}

func (e *DiskChanged) Unwrap() error { return e.Bad }

// KindOf gives the kind of an error of this package or of docpath, "" for any other.
func KindOf(err error) Kind {
	var changed *DiskChanged
	if errors.As(err, &changed) {
		return DiskDiffers
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	var p *docpath.Error
	if errors.As(err, &p) {
		return p.Kind
	}
	return ""
}

// cause takes the paths off what the system said: they may lie outside of the shared folder.
func cause(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	var call *os.SyscallError
	var own *Error
	switch {
	case errors.As(err, &own):
		return own.Err
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	case errors.As(err, &call):
		return call.Err
	}
	return err
}
