// Package rpc is the editor socket: where it is, who may open it, LSP's base protocol and JSON-RPC 2.0 in
// both directions. The daemon uses [Listen] and [Serve]; the command line, scripts and fake editors use
// [Dial] and [Connect].
//
// It promises
//   - that nobody but the socket's owner gets through, on either end;
//   - order: what arrives on a connection, answers included, is handed on by one goroutine in the order of the wire, and
//     what is sent goes out in the order of the calls;
//   - that sending never waits: messages are queued up to a bound, and an editor that stops reading is disconnected;
//   - that nothing of a message is ever logged.
//
// A keystroke on its way in, and what the others typed on its way out:
//
//	socket → frameReader → parseEnvelope → jsonrpc2 → DecodeDaemon → Handler.Call      one goroutine, reads
//	Conn.Call → JSON → jsonrpc2 → outbox ┄→ socket                                     caller's; ┄ one goroutine, writes
//
// jsonrpc2 runs the reading loop, matches answers with calls and ends both when the connection does. The
// payloads don't pass through it (see link).
package rpc
