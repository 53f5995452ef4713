// Yjs: the update event makes a message of each transaction; updates and files in its first encoding, the default.
import * as Y from 'yjs'

export const start = agent => replica(new Y.Doc(), agent)

function replica (doc, agent) {
  doc.clientID = agent + 1
  const r = { doc, text: doc.getText('text'), message: null }
  doc.on('update', update => { r.message = update })
  return r
}

export function edit (r, pos, del, ins) {
  r.message = null
  r.doc.transact(() => {
    if (del > 0) r.text.delete(pos, del)
    if (ins !== '') r.text.insert(pos, ins)
  })
  return r.message
}

// A replica that only receives needs no message of its own: without a listener Yjs does not encode one.
export function receiver (agent) {
  const r = { doc: new Y.Doc() }
  r.doc.clientID = agent + 1
  r.text = r.doc.getText('text')
  return r
}

export const receive = (r, message) => Y.applyUpdate(r.doc, message)
export const text = r => r.text.toString()
export const save = r => Y.encodeStateAsUpdate(r.doc)

export function load (bytes, agent) {
  const r = replica(new Y.Doc(), agent)
  Y.applyUpdate(r.doc, bytes)
  return r
}

// An observer is given the event while the update is applied; reading its delta is what computes it.
export function listener (agent) {
  const r = receiver(agent)
  r.text.observe(event => { r.delta = event.delta })
  return r
}

export function receiveTold (r, message) {
  r.delta = []
  Y.applyUpdate(r.doc, message)
  return r.delta
}

export { fromDelta as patches } from './patches.mjs'
