package daemon

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"earshot/internal/docpath"
	"earshot/internal/session"
	"earshot/internal/text"
	"earshot/internal/workspace"
	"earshot/protocol"
)

// folder is what one session shares of this machine's disk. The loop owns it; ops alone is used by others.
type folder struct {
	*workspace.Folder                                // nil until it is open
	closed            bool                           // CloseFolder came
	tails             map[docpath.Path]chan struct{} // for each file the end of the last operation that was begun
	ops               sync.WaitGroup                 // under way
}

// maxDisk is how many operations on the disk run at once: each may hold a text of 32 MiB twice.
const maxDisk = 8

// useDisk carries out what concerns the disk, each in a goroutine of its own; what concerns one file happens in the order
// in which the engine asked, and is answered in it.
func (d *Daemon) useDisk(f session.Effect) {
	switch f := f.(type) {
	case session.OpenFolder:
		d.openFolder(f)
	case session.WidenFolder:
		d.widenFolder(f)
	case session.CloseFolder:
		d.closeFolder(f.Session)
	case session.Locate:
		d.onDisk(f.Session, session.Located{Op: f.Op}, func(w *workspace.Folder) session.Event {
			p, inside := w.Rel(f.File)
			return session.Located{Op: f.Op, Path: p, Inside: inside}
		})
	case session.LoadFile:
		gone := session.Loaded{Op: f.Op, Err: errNoFolder()}
		d.onFile(f.Session, f.Path, gone, func(w *workspace.Folder) session.Event { return load(w, f) })
	case session.SaveFile:
		gone := session.Saved{Op: f.Op, Err: errNoFolder()}
		d.onFile(f.Session, f.Path, gone, func(w *workspace.Folder) session.Event { return save(w, f) })
	case session.ListFolder:
		gone := session.Listed{Op: f.Op, Err: errNoFolder()}
		d.onDisk(f.Session, gone, func(w *workspace.Folder) session.Event { return list(w, f) })
	case session.CreateEntry:
		gone := session.Created{Op: f.Op, Err: errNoFolder()}
		d.onFile(f.Session, f.Path, gone, func(w *workspace.Folder) session.Event { return create(w, f) })
	case session.RenameEntry:
		gone := session.Renamed{Op: f.Op, Err: errNoFolder()}
		d.onFiles(f.Session, d.begun(f.Session, f.From, f.To), gone, func(w *workspace.Folder) session.Event { return rename(w, f) })
	case session.DeleteEntry:
		gone := session.Deleted{Op: f.Op, Err: errNoFolder()}
		d.onFiles(f.Session, d.begun(f.Session, f.Path), gone, func(w *workspace.Folder) session.Event {
			if err := w.Remove(f.Path, f.Open); err != nil {
				return session.Deleted{Op: f.Op, Err: asProtocol(err)}
			}
			return session.Deleted{Op: f.Op}
		})
	}
}

func (d *Daemon) openFolder(f session.OpenFolder) {
	made := &folder{tails: map[docpath.Path]chan struct{}{}}
	d.folders[f.Session] = made
	d.begin(func() {
		if !d.takeToken() {
			return
		}
		defer func() { <-d.disk }()
		w, err := openWorkspace(f)
		if err != nil {
			d.post(session.FolderOpened{Op: f.Op, Err: asProtocol(err)})
			return
		}
		d.postAfter(func() { d.folderReady(made, w) }, session.FolderOpened{Op: f.Op, Root: w.Real(), Name: nameOf(w)})
	})
}

func openWorkspace(f session.OpenFolder) (*workspace.Folder, error) {
	options := workspace.Options{Allow: f.Allow}
	if f.Folder != "" {
		return workspace.Open(f.Folder, options)
	}
	none, err := workspace.OpenFiles(nil, options)
	if err != nil {
		return nil, err
	}
	w, _, err := none.Widen(workspace.Wish{Files: f.Files, Taken: f.Taken})
	return w, err
}

// widenFolder has a session share more. The engine asks for one such thing at a time; what is under way goes on with what was
// shared when it began.
func (d *Daemon) widenFolder(f session.WidenFolder) {
	made := d.folders[f.Session]
	if made == nil { // it shared nothing of the disk
		made = &folder{tails: map[docpath.Path]chan struct{}{}}
		d.folders[f.Session] = made
	}
	was := made.Folder
	made.ops.Add(1)
	d.begin(func() {
		defer made.ops.Done()
		if !d.takeToken() {
			return
		}
		defer func() { <-d.disk }()
		w, answer := widen(was, f)
		if w == nil {
			d.post(answer)
			return
		}
		d.postAfter(func() { d.folderReady(made, w) }, answer)
	})
}

// maxTop is how much of a new folder's top guests are told unasked; they list the rest.
const maxTop = 256

func widen(was *workspace.Folder, f session.WidenFolder) (*workspace.Folder, session.Widened) {
	failed := func(err *protocol.Error) (*workspace.Folder, session.Widened) {
		return nil, session.Widened{Op: f.Op, Err: err}
	}
	if was == nil {
		var err error
		if was, err = workspace.OpenFiles(nil, workspace.Options{Allow: f.Allow}); err != nil {
			return failed(asProtocol(err))
		}
	}
	w, added, err := was.Widen(workspace.Wish{Folder: f.Folder, Files: f.Files, Names: f.Names, Taken: f.Taken})
	if err != nil {
		return failed(asProtocol(err))
	}
	answer := session.Widened{Op: f.Op, Shown: added.Files, Names: added.Names}
	if f.Folder == "" {
		return w, answer
	}
	if other := f.Others[w.Real()]; other != "" {
		w.CloseBut(was)
		err := protocol.Errorf(protocol.AlreadyShared, "This folder is shared already in session %s; `earshot status` shows its code.", other)
		err.Data.Session = other
		return failed(err)
	}
	answer.Root = w.Real()
	page, err := w.List(docpath.Path{}, workspace.Query{Limit: maxTop})
	if err != nil {
		w.CloseBut(was)
		return failed(asProtocol(err))
	}
	for _, e := range page.Entries {
		if was.Check(e.Path) != nil && !slices.Contains(answer.Shown, e.Path) {
			answer.Shown = append(answer.Shown, e.Path)
		}
	}
	return w, answer
}

// nameOf is what guests see of the folder's place: its last name.
func nameOf(w *workspace.Folder) string {
	real := strings.TrimRight(w.Real(), `/\`)
	return real[strings.LastIndexAny(real, `/\`)+1:]
}

func (d *Daemon) folderReady(f *folder, w *workspace.Folder) {
	f.Folder = w
	if f.closed {
		d.closeWhenIdle(f)
	}
}

func (d *Daemon) closeFolder(session string) {
	f := d.folders[session]
	if f == nil {
		return
	}
	delete(d.folders, session)
	f.closed = true
	if f.Folder != nil {
		d.closeWhenIdle(f)
	}
}

// closeWhenIdle closes a folder that is in no map any more once nothing uses it.
func (d *Daemon) closeWhenIdle(f *folder) {
	w := f.Folder
	d.begin(func() {
		f.ops.Wait()
		_ = w.Close() // every save has been answered by now
	})
}

// onDisk posts what op gives, or gone if the session's folder is.
func (d *Daemon) onDisk(session string, gone session.Event, op func(*workspace.Folder) session.Event) {
	d.operate(d.folders[session], nil, nil, gone, op)
}

// onFile is onDisk for one file: op begins when what was asked for before has been answered.
func (d *Daemon) onFile(session string, p docpath.Path, gone session.Event, op func(*workspace.Folder) session.Event) {
	d.onFiles(session, []docpath.Path{p}, gone, op)
}

// onFiles is onFile for several.
func (d *Daemon) onFiles(session string, paths []docpath.Path, gone session.Event, op func(*workspace.Folder) session.Event) {
	f := d.folders[session]
	if f == nil {
		d.operate(nil, nil, nil, gone, op)
		return
	}
	var before []<-chan struct{}
	done := make(chan struct{})
	for _, p := range paths {
		if tail := f.tails[p]; tail != nil {
			before = append(before, tail)
		}
	}
	for _, p := range paths {
		f.tails[p] = done
	}
	d.operate(f, before, func() {
		for _, p := range paths {
			if f.tails[p] == done {
				delete(f.tails, p)
			}
		}
		close(done)
	}, gone, op)
}

// begun are names, and those below them that something has been begun with.
func (d *Daemon) begun(session string, names ...docpath.Path) []docpath.Path {
	f := d.folders[session]
	if f == nil {
		return names
	}
	all := slices.Clone(names)
	for p := range f.tails {
		if slices.ContainsFunc(names, p.Under) && !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}

// operate runs op once all of before is closed and there is a token, and posts its answer; after, in the loop, comes first.
func (d *Daemon) operate(f *folder, before []<-chan struct{}, after func(), gone session.Event, op func(*workspace.Folder) session.Event) {
	if f == nil || f.Folder == nil {
		d.begin(func() { d.postAfter(after, gone) })
		return
	}
	w := f.Folder
	f.ops.Add(1)
	d.begin(func() {
		defer f.ops.Done()
		for _, tail := range before {
			select {
			case <-tail:
			case <-d.over: // nobody will close it
				return
			}
		}
		if !d.takeToken() {
			return
		}
		answer := op(w)
		<-d.disk
		d.postAfter(after, answer)
	})
}

// takeToken waits for one of maxDisk tokens; false says that the daemon ends and nobody waits for the answer any more.
func (d *Daemon) takeToken() bool {
	select {
	case d.disk <- struct{}{}:
		return true
	case <-d.over:
		return false
	}
}

func errNoFolder() *protocol.Error {
	return protocol.Errorf(protocol.Ended, "The session has ended, so its files are closed.")
}

func load(w *workspace.Folder, f session.LoadFile) session.Event {
	got, err := w.Load(f.Path)
	if err != nil {
		return session.Loaded{Op: f.Op, Err: asProtocol(err)}
	}
	identity, err := w.Identity(f.Path)
	if err != nil {
		return session.Loaded{Op: f.Op, Err: asProtocol(err)}
	}
	return session.Loaded{Op: f.Op, Text: got.Text, Form: fromForm(got.Form), Stamp: fromStamp(got.Stamp), Identity: identity,
		Readonly: got.ReadOnly}
}

// save writes a file. One that was removed meanwhile is made anew: the text that people see is then all there is of it.
func save(w *workspace.Folder, f session.SaveFile) session.Event {
	base, err := toStamp(f.Base)
	if err != nil {
		return session.Saved{Op: f.Op, Err: protocol.Errorf(protocol.SaveFailed, "The file can't be compared with the disk; open it again.")}
	}
	stamp, err := w.Save(f.Path, f.Text, toForm(f.Form), base)
	var changed *workspace.DiskChanged
	if errors.As(err, &changed) && changed.Gone {
		stamp, err = w.Save(f.Path, f.Text, toForm(f.Form), workspace.Stamp{})
	}
	if errors.As(err, &changed) && !changed.Gone && changed.Bad == nil {
		return session.Saved{Op: f.Op, Changed: true, Text: changed.Disk.Text, Form: fromForm(changed.Disk.Form),
			Stamp: fromStamp(changed.Disk.Stamp)}
	}
	if err != nil {
		return session.Saved{Op: f.Op, Err: asProtocol(err)}
	}
	return session.Saved{Op: f.Op, Stamp: fromStamp(stamp)}
}

// maxPage is what the paths of one page may add up to, in bytes: a page goes to a guest in one frame of at most 1 MiB, in
// which each entry has some 20 bytes more.
const maxPage = 512 << 10

func list(w *workspace.Folder, f session.ListFolder) session.Event {
	page, err := fittingPage(w, f)
	if err != nil {
		return session.Listed{Op: f.Op, Err: asProtocol(err)}
	}
	out := session.Listed{Op: f.Op, Cursor: page.Next, Entries: make([]session.Entry, 0, len(page.Entries))}
	for _, e := range page.Entries {
		out.Entries = append(out.Entries, session.Entry{Path: e.Path, Folder: e.Kind == workspace.Dir, Size: e.Size, Readonly: e.ReadOnly})
	}
	return out
}

// fittingPage asks for fewer entries as long as their paths are too long for one frame.
func fittingPage(w *workspace.Folder, f session.ListFolder) (workspace.Page, error) {
	for limit := workspace.PageSize; ; limit /= 2 {
		page, err := w.List(f.Path, workspace.Query{Recursive: f.Recursive, Cursor: f.Cursor, Limit: limit})
		size := 0
		for _, e := range page.Entries {
			size += len(e.Path.String())
		}
		if err != nil || size <= maxPage || limit == 1 {
			return page, err
		}
	}
}

func create(w *workspace.Folder, f session.CreateEntry) session.Event {
	var err error
	if f.Kind == protocol.KindFolder {
		err = w.CreateDir(f.Path)
	} else {
		_, err = w.Create(f.Path)
	}
	if err != nil {
		return session.Created{Op: f.Op, Err: asProtocol(err)}
	}
	return session.Created{Op: f.Op}
}

func rename(w *workspace.Folder, f session.RenameEntry) session.Event {
	if err := w.Rename(f.From, f.To, f.Open); err != nil {
		return session.Renamed{Op: f.Op, Err: asProtocol(err)}
	}
	out := session.Renamed{Op: f.Op}
	for _, p := range f.Texts {
		identity, err := w.Identity(p)
		if err != nil {
			identity = "" // it has been renamed all the same
		}
		out.Identities = append(out.Identities, identity)
	}
	return out
}

func fromForm(f workspace.Form) protocol.Form {
	return protocol.Form{EOL: f.EOL.String(), BOM: f.BOM, Encoding: "utf-8", FinalNewline: f.FinalNewline}
}

func toForm(f protocol.Form) workspace.Form {
	out := workspace.Form{BOM: f.BOM, Encoding: f.Encoding, FinalNewline: f.FinalNewline}
	if f.EOL == text.CRLF.String() {
		out.EOL = text.CRLF
	}
	return out
}

// fromStamp writes a stamp as the engine keeps it: the hash in hexadecimal, a hyphen, the mode in octal; "" for the zero
// Stamp.
func fromStamp(s workspace.Stamp) string {
	if s == (workspace.Stamp{}) {
		return ""
	}
	return hex.EncodeToString(s.Sum[:]) + "-" + strconv.FormatUint(uint64(s.Mode), 8)
}

func toStamp(s string) (workspace.Stamp, error) {
	var out workspace.Stamp
	if s == "" {
		return out, nil
	}
	sum, mode, _ := strings.Cut(s, "-")
	b, err := hex.DecodeString(sum)
	if err != nil || len(b) != len(out.Sum) {
		return out, fmt.Errorf("read a stamp of %d bytes", len(s))
	}
	bits, err := strconv.ParseUint(mode, 8, 32)
	if err != nil {
		return out, fmt.Errorf("read a stamp's mode: %w", err)
	}
	copy(out.Sum[:], b)
	out.Mode = fs.FileMode(bits)
	return out, nil
}

// asProtocol makes what an editor is told of an error of workspace.
func asProtocol(err error) *protocol.Error {
	kind := protocol.Kind(workspace.KindOf(err))
	if kind == "" {
		kind = protocol.SaveFailed
	}
	return protocol.Errorf(kind, "%s", sentence(err.Error()))
}

// sentence begins with a capital and ends with a stop, as everything that a person reads.
func sentence(s string) string {
	first, n := utf8.DecodeRuneInString(s)
	s = string(unicode.ToUpper(first)) + s[n:]
	if strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}
