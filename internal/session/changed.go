package session

import (
	"earshot/internal/docpath"
	"earshot/protocol"
	"earshot/protocol/wire"
)

// change is something that happened to the names in a share.
type change struct {
	kind string
	path docpath.Path
	from docpath.Path // of what was renamed
}

// Kinds of changes: the contract's words.
const (
	created = "created"
	altered = "changed"
	deleted = "deleted"
	renamed = "renamed"
)

// filesChanged tells a host's editors and its guests what happened to names.
func (e *Engine) filesChanged(s *session, changes []change) {
	if len(changes) == 0 || s.state == protocol.SessionEnded {
		return
	}
	e.tellFiles(s, changes)
	var page wire.Changed
	size := 0
	send := func() {
		if len(page.Changes) == 0 {
			return
		}
		for _, r := range s.remotes {
			e.frame(r, Live, &page)
		}
		page, size = wire.Changed{}, 0
	}
	for _, c := range changes {
		one := wire.Change{Path: c.path.String(), Kind: c.kind, From: c.from.String()}
		if size += len(one.Path) + len(one.From); size > wire.MaxPage || len(page.Changes) == wire.MaxChanges {
			send()
			size = len(one.Path) + len(one.From)
		}
		page.Changes = append(page.Changes, one)
	}
	send()
}

// tellFiles tells the editors here.
func (e *Engine) tellFiles(s *session, changes []change) {
	told := make([]protocol.FileChange, len(changes))
	for i, c := range changes {
		told[i] = protocol.FileChange{URI: docpath.SessionURI(s.id, c.path), Kind: c.kind}
		if c.kind == renamed {
			told[i].From = docpath.SessionURI(s.id, c.from)
		}
	}
	for _, c := range e.clients {
		if s.has(c) {
			e.emit(Notify{Conn: c.id, Params: &protocol.FileChanged{Session: s.id, Changes: told}})
		}
	}
}

// takeChanged passes on what the host says of its files, leaving out what can't be a name here.
func (e *Engine) takeChanged(s *session, f *wire.Changed) {
	var changes []change
	for _, one := range f.Changes {
		c := change{kind: one.Kind}
		var err error
		if c.path, err = docpath.Parse(one.Path); err != nil || c.path.IsFolder() {
			continue
		}
		switch c.kind {
		case created, altered, deleted:
		case renamed:
			if c.from, err = docpath.Parse(one.From); err != nil || c.from.IsFolder() {
				continue
			}
		default:
			continue
		}
		delete(s.aliases, c.path) // what was another's name is its own now, or nobody's
		delete(s.aliases, c.from)
		changes = append(changes, c)
	}
	if len(changes) == 0 {
		return
	}
	e.tellFiles(s, changes)
	if c := changes[0]; len(changes) == 1 { // else a folder was added, and nobody reads all of it
		told := protocol.Happening{Event: c.kind, Session: s.id, URI: docpath.SessionURI(s.id, c.path)}
		if c.kind == renamed {
			told.From = docpath.SessionURI(s.id, c.from)
		}
		e.tellHappening(told)
	}
}
