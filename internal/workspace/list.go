package workspace

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"earshot/internal/docpath"
)

const (
	// MaxListed is how many entries one listing shows, all pages together: more than the files under version
	// control in nearly every repository; at about 100 bytes an entry 2 MB on the wire.
	MaxListed = 20_000
	// PageSize is how many entries a page has if the query asks for none: 100 KB, a fraction of a second on a
	// slow link. No page is longer than MaxListed.
	PageSize = 1000
	// namesAtOnce is how many names of a folder are read at once: 1024 of 255 bytes are 256 KiB at most.
	namesAtOnce = 1024
	// nameWork is what a name in a folder takes of maxWork, so that four million end a request: a folder is read once for each
	// page that its names fill, and a million links that lead nowhere fill a thousand which nobody is shown.
	nameWork = 64
)

// EntryKind is what a listed name stands for.
type EntryKind uint8

const (
	File EntryKind = iota
	Dir
)

// String gives the contract's word.
func (k EntryKind) String() string {
	if k == Dir {
		return "folder"
	}
	return "file"
}

// Entry is one name of a listing.
type Entry struct {
	Path     docpath.Path
	Kind     EntryKind
	Size     int64 // bytes on the disk; 0 for a folder
	ReadOnly bool  // Save would be refused; for a folder: nothing can be made in it
}

// Query says which part of a listing is wanted.
type Query struct {
	Recursive bool   // with what is in the folders
	Cursor    string // Page.Next of the page before, "" for the first
	Limit     int    // entries at most; 0 stands for PageSize
}

// Page is a part of a listing, in the order of docpath.Path.Compare.
type Page struct {
	Entries []Entry
	Next    string // the cursor of the next page, "" if this is the last
	Capped  bool   // the last page, but the folder has more than MaxListed entries, or rules that take too long
}

// List shows the files and folders of the folder dir, without what is ignored, internals of version control,
// what is likely to hold secrets, and what is neither a regular file nor a folder. The zero Path is the shared
// folder. It is the same again as long as the disk is. Errors are *Error of kind excluded or noSuchDocument, the
// latter also for a cursor that no page gave.
func (f *Folder) List(dir docpath.Path, q Query) (Page, error) {
	before, after, err := readCursor(q.Cursor, dir)
	if err != nil {
		return Page{}, err
	}
	limit := q.Limit
	if limit <= 0 {
		limit = PageSize
	}
	limit = min(limit, max(0, MaxListed-before))
	w := &walk{f: f, work: f.newWork(), after: after, want: limit + 1, recursive: q.Recursive}
	if err := w.all(dir); err != nil {
		return Page{}, err
	}
	page := Page{Entries: w.entries, Capped: w.work.over()}
	if len(page.Entries) <= limit {
		return page, nil
	}
	page.Entries = page.Entries[:limit]
	if before+limit >= MaxListed {
		page.Capped = true
		return page, nil
	}
	page.Capped = false // the next page goes on
	page.Next = strconv.Itoa(before+limit) + ":" + page.Entries[limit-1].Path.String()
	return page, nil
}

// readCursor reads "COUNT:PATH": how many entries the pages before had, and the last of them.
func readCursor(cursor string, dir docpath.Path) (before int, after docpath.Path, err error) {
	if cursor == "" {
		return 0, dir, nil
	}
	count, text, _ := strings.Cut(cursor, ":")
	before, err = strconv.Atoi(count)
	if err == nil {
		after, err = docpath.Parse(text)
	}
	if err != nil || before < 0 || !after.Under(dir) {
		return 0, after, fail(NoSuchDocument, cursor, "is no cursor of this listing; begin anew without one", nil)
	}
	return before, after, nil
}

// walk collects the entries after one of them.
type walk struct {
	f         *Folder
	work      *work
	after     docpath.Path
	want      int
	recursive bool
	entries   []Entry
}

// all walks what is shared in dir: of the folder, and of the files that are shared each by itself.
func (w *walk) all(dir docpath.Path) error {
	switch {
	case w.f.root == nil, w.f.covers(dir):
		return w.files(dir)
	case !dir.IsFolder() || len(w.f.files) == 0:
		return w.from(dir)
	}
	alone := *w
	if err := alone.files(dir); err != nil {
		return err
	}
	if err := w.from(dir); err != nil {
		return err
	}
	w.entries = append(w.entries, alone.entries...)
	slices.SortFunc(w.entries, func(a, b Entry) int { return a.Path.Compare(b.Path) })
	w.entries = w.entries[:min(len(w.entries), w.want)]
	return nil
}

func (w *walk) full() bool { return len(w.entries) >= w.want }

// from walks the folder dir, which must itself be shown.
func (w *walk) from(dir docpath.Path) error {
	if dir.IsFolder() {
		return w.top(w.f.top(w.work), dir)
	}
	at, err := w.f.findName(w.work, dir)
	if err != nil {
		return err
	}
	defer at.close()
	r, err := w.f.enterPlace(at)
	if err != nil {
		return missing(dir, nil)
	}
	defer r.close()
	return w.top(r, dir)
}

// top walks the folder that was asked for: only there an error of the disk is the asker's.
func (w *walk) top(r room, dir docpath.Path) error {
	if err := w.room(r); err != nil {
		return fail(NoSuchDocument, dir.String(), "can't be listed; check its permissions", cause(err))
	}
	return nil
}

func (w *walk) room(r room) error {
	from := w.after
	for {
		names, more, err := w.names(r, from)
		if err != nil {
			return err
		}
		for _, n := range names {
			if w.full() {
				return nil
			}
			w.visit(r, n)
		}
		if !more || w.full() {
			return nil
		}
		from = names[len(names)-1].path
	}
}

// named is what a folder's listing gives for one name.
type named struct {
	path docpath.Path
	info fs.FileInfo
}

// names gives the first of r's names that come after an entry or hold it, in order, and whether there are more.
// It never keeps more than twice what is wanted: a folder may have millions.
func (w *walk) names(r room, from docpath.Path) (names []named, more bool, err error) {
	d, err := r.dir.Open(".")
	if err != nil {
		return nil, false, err
	}
	defer d.Close()
	inOrder := func(a, b named) int { return a.path.Compare(b.path) }
	for {
		entries, err := d.ReadDir(namesAtOnce)
		for _, e := range entries {
			if n, ok := w.candidate(r, e, from); ok {
				names = append(names, n)
			}
		}
		// A folder that is torn down while it is read gives what it gave; ErrNotExist comes for its files.
		end := !w.work.spend(nameWork*len(entries)) || err != nil || len(entries) == 0
		if len(names) > 2*w.want || end {
			slices.SortFunc(names, inOrder)
			if len(names) > w.want {
				names, more = names[:w.want], true
			}
		}
		if end {
			return names, more && !w.work.over(), nil
		}
	}
}

func (w *walk) candidate(r room, e fs.DirEntry, from docpath.Path) (named, bool) {
	if r.sweep(e) {
		return named{}, false
	}
	p, err := r.path.Join(e.Name())
	if err != nil || p == from && p != w.after || p.Compare(from) < 0 && !from.Under(p) {
		return named{}, false
	}
	if w.f.hides(p) {
		return named{}, false
	}
	kind := e.Type()
	if kind != 0 && kind != fs.ModeDir && kind != fs.ModeSymlink || w.f.leftOut(r, p, kind) {
		return named{}, false
	}
	info, err := e.Info()
	return named{p, info}, err == nil && !w.f.mounted(info)
}

// visit takes one name, and what is in it. What can't be looked into is shown as empty.
func (w *walk) visit(r room, n named) {
	if n.path.Compare(w.after) > 0 {
		entry, ok := w.f.entry(r, n)
		if !ok {
			return
		}
		w.entries = append(w.entries, entry)
	}
	if !w.recursive || !n.info.IsDir() {
		return
	}
	in, err := w.f.enter(r, n.path, n.info)
	if err != nil {
		return
	}
	defer in.close()
	w.room(in)
}

// entry describes a name; false for a link that leads to no regular file which is shown.
func (f *Folder) entry(r room, n named) (Entry, bool) {
	switch n.info.Mode().Type() {
	case 0:
		return Entry{n.path, File, n.info.Size(), readOnly(r.dir, n.path.Base(), n.info)}, true
	case fs.ModeDir:
		return Entry{n.path, Dir, 0, !mayWrite(r.dir, n.path.Base(), n.info)}, true
	}
	end, err := f.findThere(r.work, n.path)
	if err != nil {
		return Entry{}, false
	}
	defer end.close()
	return Entry{n.path, File, end.info.Size(), readOnly(end.dir, end.name, end.info)}, true
}

// readOnly tells whether Save would refuse to replace a file, as far as can be told without trying.
func readOnly(dir *os.Root, name string, info fs.FileInfo) bool {
	return !mayWrite(dir, name, info) || !mayFill(dir) || links(dir, name, info) > 1
}

// mayFill tells whether files may be made in dir.
func mayFill(dir *os.Root) bool {
	info, err := dir.Stat(".")
	return err == nil && mayWrite(dir, ".", info)
}

// mayWrite tells whether this user may write what is called name in dir. The bits count even for root, who is
// held back by none.
func mayWrite(dir *os.Root, name string, info fs.FileInfo) bool {
	return info.Mode()&0o222 != 0 && accessible(dir, name)
}

// files lists single shared files, and the folders that tell two of one name apart.
func (w *walk) files(dir docpath.Path) error {
	seen := map[docpath.Path]bool{}
	var paths []docpath.Path
	for p := range w.f.files {
		for ; p != dir && p.Under(dir) && !seen[p]; p = p.Dir() {
			seen[p] = true
			if w.recursive || p.Dir() == dir {
				paths = append(paths, p)
			}
		}
	}
	if len(seen) == 0 && !dir.IsFolder() {
		return missing(dir, nil)
	}
	slices.SortFunc(paths, docpath.Path.Compare)
	for _, p := range paths {
		if w.full() || p.Compare(w.after) <= 0 {
			continue
		}
		entry, err := w.f.fileEntry(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		w.entries = append(w.entries, entry)
	}
	return nil
}

func (f *Folder) fileEntry(p docpath.Path) (Entry, error) {
	if f.files[p] == nil {
		return Entry{p, Dir, 0, true}, nil
	}
	at, err := f.findFile(p)
	if err != nil || at.info == nil || !at.info.Mode().IsRegular() {
		return Entry{}, fs.ErrNotExist
	}
	return Entry{p, File, at.info.Size(), readOnly(at.dir, at.name, at.info)}, nil
}
