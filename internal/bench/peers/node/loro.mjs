// Loro: a commit and the local-update event make a message of each transaction; files are snapshots.
import { createRequire } from 'node:module'
import { fromDelta } from './patches.mjs'

const { LoroDoc } = createRequire(import.meta.url)('loro-crdt')

export const start = agent => replica(new LoroDoc(), agent)

function replica (doc, agent) {
  const r = receiverOf(doc, agent)
  doc.subscribeLocalUpdates(update => { r.message = update })
  return r
}

function receiverOf (doc, agent) {
  doc.setPeerId(BigInt(agent + 1))
  return { doc, text: doc.getText('text'), message: null }
}

export const receiver = agent => receiverOf(new LoroDoc(), agent)

export function edit (r, pos, del, ins) {
  r.message = null
  if (del > 0) r.text.delete(pos, del)
  if (ins !== '') r.text.insert(pos, ins)
  r.doc.commit()
  return r.message
}

export const receive = (r, message) => r.doc.import(message)
export const text = r => r.text.toString()
export const save = r => r.doc.export({ mode: 'snapshot' })

export function load (bytes, agent) {
  const doc = new LoroDoc()
  doc.import(bytes)
  return replica(doc, agent)
}

export function free (r) {
  r.text.free()
  r.doc.free()
}

// A subscriber is given the events before import returns.
export function listener (agent) {
  const r = receiver(agent)
  r.doc.subscribe(batch => { r.events.push(...batch.events) })
  return r
}

export function receiveTold (r, message) {
  r.events = []
  r.doc.import(message)
  return r.events
}

export const patches = events => events.flatMap(event => fromDelta(event.diff.diff))
