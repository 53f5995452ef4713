package workspace

import (
	"io/fs"
	"regexp"
	"time"
)

// tempName is the name of a file that is being written: rand.Text gives 26 letters and digits of base32.
var tempName = regexp.MustCompile(`^` + regexp.QuoteMeta(tempPrefix) + `[A-Z2-7]{26}$`)

// tempAge is how old such a file is when whoever wrote it is gone: a save takes a second, and on the slowest disk not
// minutes.
const tempAge = 10 * time.Minute

// sweep removes what a daemon that was killed in the middle of a save has left: a text under a name that nobody looks for.
// A listing comes past each of them, so none outlasts the next one. It tells whether the name is one that a save gives.
func (r room) sweep(e fs.DirEntry) bool {
	if !tempName.MatchString(e.Name()) || !e.Type().IsRegular() {
		return false
	}
	if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > tempAge {
		_ = r.dir.Remove(e.Name()) // or another daemon was quicker; else the next listing tries again
	}
	return true
}
