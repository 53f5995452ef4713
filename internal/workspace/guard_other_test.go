//go:build !unix

package workspace

import "testing"

func withoutUmask(t *testing.T) func(dir string) *Folder {
	return func(dir string) *Folder { return open(t, dir) }
}
