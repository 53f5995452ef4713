//go:build !security

package threat

// Whole tells that the tests run at full size.
const Whole = false
