// diamond-types: a message is the patch since the version before; its npm package is the state of 2022.
import { createRequire } from 'node:module'

const { Doc } = createRequire(import.meta.url)('diamond-types-node')

const name = agent => 'agent' + agent

export const start = agent => ({ doc: new Doc(name(agent)) })
export const receiver = start

export function edit (r, pos, del, ins) {
  const before = r.doc.getLocalVersion()
  if (del > 0) r.doc.del(pos, del)
  if (ins !== '') r.doc.ins(pos, ins)
  return r.doc.getPatchSince(before)
}

export const receive = (r, message) => r.doc.mergeBytes(message)
export const text = r => r.doc.get()
export const save = r => r.doc.toBytes()
export const load = (bytes, agent) => ({ doc: Doc.fromBytes(bytes, name(agent)) })
export const free = r => r.doc.free()

export const listener = receiver

export function receiveTold (r, message) {
  const before = r.doc.getLocalVersion()
  r.doc.mergeBytes(message)
  return r.doc.xfSince(before)
}

export const patches = told => told.map(({ kind, start, end, content }) => {
  return kind === 'Ins' ? [start, 0, content] : [start, end - start, '']
})
