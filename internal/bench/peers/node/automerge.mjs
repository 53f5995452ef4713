// Automerge: one change for each transaction, its last local change is the message.
import * as A from '@automerge/automerge'

const actor = agent => (agent + 1).toString(16).padStart(32, '0')

// All replicas begin with the same empty text, made by an author of its own. A change's time is part of its hash.
const base = A.save(A.change(A.init({ actor: actor(1000000) }), { time: 0 }, d => { d.text = '' }))

export const start = agent => load(base, agent)
export const receiver = start

export function edit (r, pos, del, ins) {
  r.doc = A.change(r.doc, { time: 0 }, d => A.splice(d, ['text'], pos, del, ins))
  return A.getLastLocalChange(r.doc)
}

export function receive (r, message) {
  [r.doc] = A.applyChanges(r.doc, [message])
}

export const text = r => r.doc.text
export const save = r => A.save(r.doc)
export const load = (bytes, agent) => ({ doc: A.load(bytes, { actor: actor(agent) }) })
export const free = r => A.free(r.doc)

export const listener = receiver

export function receiveTold (r, message) {
  let told = []
  const patchCallback = patches => { told = patches };
  [r.doc] = A.applyChanges(r.doc, [message], { patchCallback })
  return told
}

export const patches = told => told.map(({ action, path, length, value }) => {
  if (action === 'splice') return [path[1], 0, value]
  if (action === 'del') return [path[1], length ?? 1, '']
  throw new Error(`a patch of another kind: ${action}`)
})
