// Package protocol is the language of the editor socket: what an editor may ask of the daemon ([Daemon]) and what the
// daemon may ask of an editor ([Editor]), with the shape of every message. It is the single source: the dispatch code,
// openrpc.json, PROTOCOL.md and the TypeScript and Lua types are written from it by gen and a test fails when they are
// stale.
//
// The protocol is a superset of the Language Server Protocol 3.17/3.18: methods that LSP has keep LSP's exact shapes,
// so a stock LSP client that knows nothing of Earshot can attach, edit and receive edits. JSON-RPC 2.0 in LSP's base
// protocol (Content-Length headers), UTF-8, over a socket that only its owner can open.
//
// Unknown fields are ignored, unknown requests answered MethodNotFound, unknown notifications ignored. The package uses the standard library
// alone, so that anything may import it.
package protocol

//go:generate go run ./gen

// Version of the protocol; a daemon and a plugin of different versions say so to the person.
const Version = 1
