// json-joy: a model whose root is one string; flush makes a message of each transaction.
import { createRequire } from 'node:module'
import { between } from './patches.mjs'

const require = createRequire(import.meta.url) // its ES modules lack the endings of their files' names
const { Model } = require('json-joy/lib/json-crdt')
const { Patch } = require('json-joy/lib/json-crdt-patch')

// Session numbers below 65536 are reserved.
const sid = agent => 65536 + agent

// All replicas begin with the same empty string, made by an author of its own.
const base = (() => {
  const model = Model.create(undefined, 1000000)
  model.api.root('')
  model.api.flush()
  return model.toBinary()
})()

export const start = agent => load(base, agent)
export const receiver = start

export function edit (r, pos, del, ins) {
  if (del > 0) r.text.del(pos, del)
  if (ins !== '') r.text.ins(pos, ins)
  return r.model.api.flush().toBinary()
}

export const receive = (r, message) => r.model.applyPatch(Patch.fromBinary(message))
export const text = r => r.text.view()
export const save = r => r.model.toBinary()

export function load (bytes, agent) {
  const model = Model.load(bytes, sid(agent))
  return { model, text: model.api.str([]) }
}

// It tells of no positions: what changed is found by comparing the texts before and after, from both ends.
export function listener (agent) {
  const r = start(agent)
  r.before = r.text.view()
  return r
}

export function receiveTold (r, message) {
  r.model.applyPatch(Patch.fromBinary(message))
  const before = r.before
  const after = r.before = r.text.view()
  return between(before, after)
}

export const patches = told => told
