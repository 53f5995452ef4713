//go:build !race && !loud

package main

// loud tells that the runtime may speak when it dies.
const loud = false
