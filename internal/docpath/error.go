package docpath

import (
	"strconv"
	"unicode/utf8"
)

// Kind is the contract's word for why something was refused ("Errors" in PROTOCOL.md).
type Kind string

const (
	// OutsideFolder: the path would lead out of the shared folder.
	OutsideFolder Kind = "outsideFolder"
	// Excluded: the name is one that is never shared.
	Excluded Kind = "excluded"
	// NoSuchDocument: the text is not the URI of any document.
	NoSuchDocument Kind = "noSuchDocument"
)

// maxShown is how many bytes of a refused text an error repeats: enough to recognise it, too few to fill a screen.
const maxShown = 120

// Error says why a text names no shared document. Its message is one sentence for a person, with whatever came
// from outside quoted, so that it holds no control character.
type Error struct {
	Kind Kind
	Text string // what was refused, as it came: not to be shown as it is
	Why  string // the rest of the sentence, beginning with its verb
}

func (e *Error) Error() string { return Quote(e.Text) + " " + e.Why }

func fail(kind Kind, text, why string) error { return &Error{kind, text, why} }

// Quote makes a text from outside fit for a message: in quotes, controls and invisible characters escaped, cut
// after 120 bytes.
func Quote(s string) string {
	if len(s) <= maxShown {
		return strconv.QuoteToGraphic(s)
	}
	cut := maxShown
	for cut > maxShown-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return strconv.QuoteToGraphic(s[:cut]) + "…"
}
