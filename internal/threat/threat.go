// Package threat sizes the tests that docs/security.md names, row by row: they run short in `make test`, and at full
// size, with the build tag security, in `make test-security`. Only tests import it.
package threat

// Times returns how often a test does something: short, or whole under the build tag.
func Times(short, whole int) int {
	if Whole {
		return whole
	}
	return short
}
