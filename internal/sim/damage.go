package sim

import (
	"reflect"

	"earshot/internal/crdt"
)

// damage changes one character of a daemon's copy of the text behind its engine's back, as a defect of the program or of a
// machine's memory may, and reports whether there was one. The engine offers no way to do so; reflection does.
func (n *node) damage(at float64) bool {
	sessions := reflect.ValueOf(n.engine).Elem().FieldByName("sessions")
	if sessions.Len() == 0 {
		return false
	}
	docs := sessions.Index(0).Elem().FieldByName("docs")
	if docs.Len() == 0 {
		return false
	}
	doc := (*crdt.Doc)(docs.Index(0).Elem().FieldByName("text").UnsafePointer())
	if doc == nil {
		return false
	}
	r := doc.Text()
	for pos := int(at * float64(r.Len())); pos < r.Len(); pos++ {
		if like := likeness(r.RuneAt(pos)); like != "" {
			r.Replace(pos, 1, like)
			return true
		}
	}
	return false
}

// likeness is another character as wide as c in every encoding and no line end, so that positions mean what they meant.
func likeness(c rune) string {
	switch {
	case c >= ' ' && c <= '~' && c != '?':
		return "?"
	case c >= firstMarker:
		return "💥"
	}
	return ""
}
