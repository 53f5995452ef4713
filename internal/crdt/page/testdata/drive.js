// Drives the core as a page would: node drive.js wasm_exec.js page.wasm
'use strict'
const assert = require('node:assert/strict')
const fs = require('node:fs')
const { inspect } = require('node:util')

require(process.argv[2])

async function start () {
  const go = new globalThis.Go()
  const { instance } = await WebAssembly.instantiate(fs.readFileSync(process.argv[3]), go.importObject)
  go.run(instance) // until this program ends
  return globalThis.earshotCore
}

// taken fails where an answer is an Error.
function taken (answer) {
  if (answer instanceof Error) throw answer
  return answer
}

// patched returns a text after edits, which count code points.
function patched (text, edits) {
  const points = [...text]
  for (const [pos, del, ins] of edits.slice().reverse()) points.splice(pos, del, ...ins)
  return points.join('')
}

const core = {}
const agent = n => n.toString(16).padStart(16, '0')

function twoReplicasEndEqual () {
  const a = core.open('one 😀 two\n')
  const b = core.open('one 😀 two\n')
  const typed = core.edit(a, agent(1), [], [[0, 3, 'ONE'], [5, 0, '😃']])
  assert.deepEqual(typed.head, [[0, 3, 'ONE'], [5, 0, '😃']])
  core.edit(b, agent(2), core.head(b), [[4, 1, ''], [10, 0, 'three\n']])
  assert.deepEqual(core.merge(a, core.since(b, [])), [[4, 1, ''], [11, 0, 'three\n']])
  core.merge(b, core.since(a, []))
  assert.equal(core.text(a), 'ONE 😃 two\nthree\n')
  assert.equal(core.text(b), core.text(a))

  assert.equal(patched(core.text(a), core.diff(a, core.head(a), typed.after)), 'ONE 😀😃 two\n')
  assert.deepEqual(core.diff(a, core.head(a), core.head(a)), [])
  assert.equal(core.since(a, core.head(a)).length, 0)
  assert.deepEqual(core.merge(a, new Uint8Array()), [])
  const loaded = core.load(core.snapshot(a))
  assert.equal(core.text(loaded), core.text(a))
  for (const doc of [a, b, loaded]) core.close(doc)
}

// An editor that lags, on each of three replicas that exchange what they have now and then.
function manyEditsEndEqual () {
  let seed = 7
  const dice = n => (seed = (seed * 48271) % 2147483647) % n
  const base = 'start\r\n'
  const people = [1, 2, 3].map(n => ({ doc: core.open(base), agent: agent(n), at: [], buffer: base, text: base }))
  const told = (p, edits) => {
    p.text = patched(p.text, edits)
    assert.equal(p.text, core.text(p.doc))
  }
  for (let i = 0; i < 600; i++) {
    const p = people[dice(3)]
    const length = [...p.buffer].length
    const pos = dice(length + 1)
    const edits = [[pos, Math.min(dice(3), length - pos), ['x', '😀', 'ß\n', 'ab'][dice(4)]]]
    const { after, head } = taken(core.edit(p.doc, p.agent, p.at, edits))
    told(p, head)
    p.buffer = patched(p.buffer, edits)
    p.at = after
    if (dice(4) === 0) {
      const from = people[dice(3)]
      told(p, taken(core.merge(p.doc, core.since(from.doc, []))))
    }
    if (dice(3) === 0) {
      p.buffer = patched(p.buffer, taken(core.diff(p.doc, p.at, core.head(p.doc))))
      p.at = core.head(p.doc)
      assert.equal(p.buffer, p.text)
    }
  }
  for (const p of people) for (const q of people) told(p, taken(core.merge(p.doc, core.since(q.doc, []))))
  assert.equal(people[0].text, people[1].text)
  assert.equal(people[0].text, people[2].text)
}

function mistakesAreAnswered () {
  const doc = core.open('text')
  const bytes = core.since(doc, [])
  const check = (name, ...args) => {
    const answer = core[name](...args)
    assert(answer instanceof Error, `${name}(${inspect(args)}) gave ${inspect(answer)}, want an Error`)
    assert.match(answer.message, /^(page|crdt): /)
  }
  const strange = [
    undefined, null, true, -1, 0.5, NaN, Infinity, 1e300, 10n, 'no', '', Symbol('no'), {}, { length: 3 }, [[]], ['a'],
    [-1], [1.5], [0], [null], () => 1, new Date(0)
  ]
  for (const value of strange) {
    for (const name of ['close', 'text', 'head', 'snapshot']) check(name, value)
    check('load', value)
    if (typeof value !== 'string') check('open', value)
    check('merge', value, bytes)
    check('merge', doc, value)
    check('since', doc, value)
    check('diff', doc, [], value)
    check('diff', doc, value, [])
    check('edit', doc, value, [], [])
    check('edit', doc, agent(1), value, [])
    check('edit', doc, agent(1), [], value)
    check('edit', doc, agent(1), [], [[value, 0, 'a']])
    check('edit', doc, agent(1), [], [[0, value, 'a']])
    if (typeof value !== 'string') check('edit', doc, agent(1), [], [[0, 0, value]])
  }
  for (const name of Object.keys(core)) check(name)
  check('edit', doc, agent(1), [], [[5, 0, 'a']])
  check('edit', doc, agent(1), [], [[0, 5, '']])
  check('edit', doc, agent(1), [], [[0, 2, ''], [1, 1, '']])
  check('edit', doc, '123', [], [[0, 0, 'a']])
  check('edit', doc, 'g'.repeat(16), [], [[0, 0, 'a']])
  check('edit', doc, 'A'.repeat(16), [], [[0, 0, 'a']])
  check('merge', doc, new Uint8Array([1, 2, 3]))
  check('load', new Uint8Array([1, 2, 3]))
  const { after } = core.edit(doc, agent(1), [], [[0, 0, 'a']])
  check('edit', doc, agent(1), [], [[0, 0, 'b']]) // not after the agent's last
  check('since', doc, [after[0] + 1])
  assert.equal(core.text(doc), 'atext')
  core.close(doc)
  check('text', doc)
}

start().then(found => {
  Object.assign(core, found)
  twoReplicasEndEqual()
  manyEditsEndEqual()
  mistakesAreAnswered()
  console.log('the replicas end equal')
  process.exit(0)
}).catch(err => {
  console.error(err)
  process.exit(1)
})
