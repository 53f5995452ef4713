package session

import (
	"slices"
	"strings"

	"earshot/internal/docpath"
	"earshot/protocol"
	"earshot/protocol/wire"
)

func (sv *server) ListFiles(r protocol.Request[protocol.ListFilesResult], p *protocol.ListFilesParams) {
	e := sv.engine()
	s, err := e.sessionOf(p.Session)
	if err != nil {
		refuse(e, r, err)
		return
	}
	path, err := e.folderPath(s, p.URI)
	if err != nil {
		refuse(e, r, err)
		return
	}
	answer := func(entries []Entry, cursor string, err *protocol.Error) {
		if err != nil {
			refuse(e, r, err)
			return
		}
		out := protocol.ListFilesResult{Entries: []protocol.Entry{}, Cursor: cursor}
		for _, entry := range entries {
			kind := protocol.KindFile
			if entry.Folder {
				kind = protocol.KindFolder
			}
			out.Entries = append(out.Entries, protocol.Entry{URI: docpath.SessionURI(s.id, entry.Path), Kind: kind, Size: entry.Size, Readonly: entry.Readonly})
		}
		reply(e, r, out)
	}
	if s.host {
		e.listHere(s, path.String(), p.Recursive, p.Cursor, answer)
		return
	}
	e.listThere(s, path, p, answer)
}

// folderPath reads the folder that a listing names.
func (e *Engine) folderPath(s *session, uri string) (docpath.Path, *protocol.Error) {
	if uri == "" || uri == s.folder {
		return docpath.Path{}, nil
	}
	key := canonical(e, uri)
	if !isSessionURI(key) {
		if rest, ok := strings.CutPrefix(key, canonical(e, s.folder)+"/"); ok && s.host && s.folder != "" {
			key = scheme + "://" + s.id + "/" + rest
		} else {
			return docpath.Path{}, protocol.Errorf(protocol.OutsideFolder, "%s is not in the shared folder.", docpath.Quote(uri))
		}
	}
	id, p, err := docpath.ParseSessionURI(key)
	if err != nil {
		return p, asError(err)
	}
	if id != s.id {
		return p, protocol.Errorf(protocol.OutsideFolder, "%s belongs to another session.", docpath.Quote(uri))
	}
	return p, nil
}

// listHere lists at the host: its buffers without files first, then the disk.
func (e *Engine) listHere(s *session, path string, recursive bool, cursor string, then func([]Entry, string, *protocol.Error)) {
	var p docpath.Path
	if path != "" {
		var err error
		if p, err = docpath.Parse(path); err != nil {
			then(nil, "", asError(err))
			return
		}
	}
	var buffers []Entry
	if p == (docpath.Path{}) && cursor == "" {
		for _, d := range s.docs {
			if d.untitled != "" {
				buffers = append(buffers, Entry{Path: d.path, Size: int64(d.text.Text().Size())})
			}
		}
	}
	if !s.onDisk {
		then(buffers, "", nil)
		return
	}
	op := e.op(func(ev Event) {
		got := ev.(Listed)
		own := s.bufferPaths() // a file that came later under a buffer's name is not shown: the name is taken
		entries := slices.DeleteFunc(got.Entries, func(entry Entry) bool { return slices.Contains(own, entry.Path) })
		then(slices.Concat(buffers, entries), got.Cursor, got.Err)
	})
	e.emit(ListFolder{Op: op, Session: s.id, Path: p, Recursive: recursive, Cursor: cursor})
}

func (e *Engine) listThere(s *session, p docpath.Path, asked *protocol.ListFilesParams, then func([]Entry, string, *protocol.Error)) {
	e.request(s, func(op uint32) wire.Frame {
		return &wire.List{Op: op, Path: p.String(), Recursive: asked.Recursive, Cursor: asked.Cursor}
	}, func(f wire.Frame) {
		got, ok := f.(*wire.Listed)
		switch {
		case !ok:
			then(nil, "", s.noAnswer())
		case got.Failure != nil:
			then(nil, "", fromWire(got.Failure))
		default:
			then(fromListing(got.Entries), got.Cursor, nil)
		}
	})
}

// fromListing takes the entries of a host, leaving out names that could not be opened here either.
func fromListing(in []wire.Entry) []Entry {
	out := make([]Entry, 0, len(in))
	for _, entry := range in {
		if p, err := docpath.Parse(entry.Path); err == nil && p != (docpath.Path{}) {
			out = append(out, Entry{Path: p, Folder: entry.Folder, Size: entry.Size, Readonly: entry.Readonly})
		}
	}
	return out
}
