// Package wire is what crosses the network: frames between the daemons of a session, and envelopes between a daemon and
// the matchmaker.
//
// It promises that decoding what a stranger sent is bounded, never panics, and gives either a message within the limits or an
// error. It uses the standard library alone. Events of a document's graph travel inside frames as opaque bytes of crdt's codec,
// and what two daemons say to each other before they are linked travels inside envelopes as opaque bytes of introduction's.
//
//	daemon ── Frame on Live, Presence, Bulk ──▶ daemon          (over a link, see peer)
//	daemon ── Envelope ──▶ matchmaker ── Envelope ──▶ daemon    (over WebSocket, see signal)
package wire
