package sim

import (
	"strings"
	"time"

	"earshot/internal/session"
	"earshot/protocol"
)

// In some worlds the file does not keep its name, or is deleted. Their editors stay where they are: at the URI that they opened.

// The deeds with names.
const (
	Rename Deed = "rename" // to one of names
	Remove Deed = "remove"
)

var names = []string{"a.txt", "b.txt", "c.txt"}

// named tells whether a plan has such deeds.
func (p Plan) named() bool {
	for _, a := range p.Actions {
		if a.Do == Rename || a.Do == Remove {
			return true
		}
	}
	return false
}

// rename asks for another name, as a guest's editor does. That it is refused is no wonder: somebody else may have been quicker.
func (r *run) rename(s *seat, a Action) {
	w := r.w
	if s.n == w.nodes[0] || !s.up {
		return
	}
	to := names[a.N%len(names)]
	w.note("%s/%v renames %s to %s", s.n.name, s.kind, w.name, to)
	s.request(&protocol.RenameFileParams{Session: w.session, From: w.uri(w.name), To: w.uri(to)}, func(_ any, err *protocol.Error) {
		if err != nil {
			w.note("it is refused: %v", err)
		}
	})
}

func (r *run) removeFile(s *seat) {
	w := r.w
	if s.n == w.nodes[0] || !s.up {
		return
	}
	w.note("%s/%v deletes %s", s.n.name, s.kind, w.name)
	s.request(&protocol.DeleteFileParams{Session: w.session, URI: w.uri(w.name)}, func(_ any, err *protocol.Error) {
		if err != nil {
			w.note("it is refused: %v", err)
		}
	})
}

// uri is the URI of a name that all know.
func (w *World) uri(name string) protocol.DocumentURI { return "earshot://" + w.session + "/" + name }

// disks does something with the disk, which a daemon has done in the order that it asked for where names change.
func (w *World) disks(do func()) {
	d := w.ms(0, 3)
	if !w.inOrder {
		w.after(d, do)
		return
	}
	at := w.now.Add(d)
	if at.Before(w.diskAt) {
		at = w.diskAt
	}
	w.diskAt = at.Add(time.Microsecond)
	w.at(at, do)
}

// checkDisk saves once more: there is one file, under the name that was the last, and it holds the text.
func (r *run) checkDisk() {
	w := r.w
	saved := false
	w.nodes[0].seats[0].request(&protocol.SaveParams{TextDocument: protocol.TextDocumentIdentifier{URI: w.uri(w.name)}}, func(_ any, err *protocol.Error) {
		saved = err == nil
	})
	w.run(w.now.Add(saveLimit))
	want, got := r.text(w.nodes[0]), strings.ReplaceAll(w.disk[w.name], "\r\n", "\n")
	if !saved || len(w.disk) != 1 || got != want {
		w.failf("saved at rest: %v, and the disk holds %q, want %s with %q alone", saved, w.disk, w.name, want)
	}
}

// moved does a renaming.
func (w *World) moved(f session.RenameEntry) session.Renamed {
	from, to := f.From.String(), f.To.String()
	if _, there := w.disk[to]; there {
		return session.Renamed{Op: f.Op, Err: protocol.Errorf(protocol.Exists, "it is there")}
	}
	text, there := w.disk[from]
	if !there {
		return session.Renamed{Op: f.Op, Err: protocol.Errorf(protocol.NoSuchDocument, "no such file")}
	}
	delete(w.disk, from)
	w.disk[to], w.name, w.renamed = text, to, w.renamed+1
	out := session.Renamed{Op: f.Op}
	for _, p := range f.Texts {
		out.Identities = append(out.Identities, p.String())
	}
	return out
}

// removed does a deletion.
func (w *World) removed(f session.DeleteEntry) session.Deleted {
	if _, there := w.disk[f.Path.String()]; !there {
		return session.Deleted{Op: f.Op, Err: protocol.Errorf(protocol.NoSuchDocument, "no such file")}
	}
	delete(w.disk, f.Path.String())
	w.renamed++
	return session.Deleted{Op: f.Op}
}
