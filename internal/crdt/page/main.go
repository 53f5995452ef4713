//go:build js && wasm

// Program page gives the text core to the JavaScript of a page: shared texts are opened, edited, merged and compared
// there as the daemon does it, by the same code. It is what a guest in a browser will stand on; it knows no network.
//
// A page starts it with the wasm_exec.js of the Go release it was built with, and then finds an object earshotCore:
//
//	open(text)                    → doc        a text without events; every replica of it begins with the same one
//	load(bytes)                   → doc        of a snapshot
//	close(doc)                                 forgets it
//	text(doc)                     → string     at the head
//	head(doc)                     → version
//	edit(doc, agent, at, edits)   → {after, head}   edits that agent made to the text at a version; after is the version
//	                                           that these lead to, head is what they did to the text at the head
//	since(doc, version)           → bytes      all events that came after, for a replica that has those before
//	merge(doc, bytes)             → edits      what the events of another replica did to the text at the head
//	diff(doc, from, to)           → edits      that lead from the text at one version to that at another
//	snapshot(doc)                 → bytes      for load
//
// bytes are a Uint8Array. A doc is a number. A version is an array of numbers that mean something to this doc alone; the
// empty one is the text it began with. edits are [position, deleted, inserted], in order, their positions in the text
// before all of them, in code points, which is not how JavaScript counts: [...text].length does. An agent is 16
// hexadecimal digits in lower case: a random number that is drawn for one editor and never used again, and whose next edit
// is made on a version that has its last one.
//
// What can't be done is answered by an Error and changes nothing. Nothing here throws, so that a page can't end the program.
package main

import (
	"syscall/js"

	"earshot/internal/crdt"
)

func main() {
	core := &core{docs: make(map[int]*crdt.Doc)}
	object := js.Global().Get("Object").New()
	for name, f := range core.functions() {
		object.Set(name, js.FuncOf(func(_ js.Value, args []js.Value) any { return answer(f(args)) }))
	}
	js.Global().Set("earshotCore", object)
	select {} // the functions are called from now on; the page ends the program by going away
}

func answer(result any, err error) any {
	if err != nil {
		return js.Global().Get("Error").New(err.Error())
	}
	return result
}
