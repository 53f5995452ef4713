// Package session is the engine: everything that a daemon decides, as one pure function from its state, the time and
// one [Event] to [Effect]s. It does no I/O, starts no goroutine, reads no clock and no random source, and logs
// nothing; the daemon, the browser guest and the simulator are small loops around it.
//
// It promises that the same events in the same order give the same effects; that an edit which an editor has shown
// reaches every other editor of the document exactly once; and that what a remote member sends can neither make it
// panic, nor grow without bound, nor write what its role forbids.
//
// One engine serves one daemon: its clients (connections of editors and scripts), the documents, and its sessions, as
// host or as guest. Whoever runs it calls Step from one goroutine at a time and carries out the effects in order.
//
//	editor ─didChange─▶ Step: mirror → event of the graph ─▶ Effect SendFrame ─▶ network
//	network ─FrameArrived─▶ Step: merge → for each mirror what it lacks ─▶ Effect Ask workspace/applyEdit ─▶ editor
//
// A buffer of an editor is a [crdt] replica that lags: see mirror. Guests talk to the host alone, and the host relays.
package session
