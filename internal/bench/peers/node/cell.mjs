// One cell of the table, in a process of its own: one library, one kind of work, one trace. The command in the folder
// above starts it as `node --expose-gc cell.mjs ORDER`, with an Order of cell.go as JSON, and reads one line of JSON, a
// Cell. A library is a module here with the functions start, receiver, listener, edit, receive, receiveTold, patches,
// text, save and load, and free if it holds memory that no collector knows of.
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { apply } from './patches.mjs'

const order = JSON.parse(process.argv[2])
const library = await import('./' + order.library + '.mjs')
// Items between two looks at the clock, in a pass that does not take the time of each.
const stretch = 64
// How many warm passes there are at most; none begins once warmMs of them are over.
const passes = 5
const warmMs = 3000
const works = { prepare, local, live, told, file }

const trace = order.work === 'file' ? null : readTrace(order.trace)

// The first `edits` of a trace: patches of one that is sequential, transactions of one that is concurrent.
function readTrace (path) {
  const { startContent = '', kind, txns } = JSON.parse(gunzipSync(readFileSync(path)).toString())
  if (startContent !== '') throw new Error('traces that begin with a text are not measured')
  const patches = txns.flatMap(t => t.patches).slice(0, order.edits)
  return { concurrent: kind === 'concurrent', txns: txns.slice(0, order.edits), patches }
}

// prepare makes what is not timed: the messages of a concurrent trace, each by its author's replica, which has seen what
// the author had seen, and the file of the whole text.
function prepare () {
  return trace.concurrent ? prepareMessages() : prepareFile()
}

function prepareMessages () {
  const authors = new Map()
  const messages = []
  const until = performance.now() + order.budgetMs
  for (const [i, txn] of trace.txns.entries()) {
    if (performance.now() > until) break
    const author = authors.get(txn.agent) ?? { replica: library.start(txn.agent), seen: new Set() }
    authors.set(txn.agent, author)
    for (const j of unseen(author.seen, txn.parents)) library.receive(author.replica, messages[j])
    if (txn.patches.length !== 1) throw new Error('a concurrent transaction has to be one patch')
    messages.push(Uint8Array.from(library.edit(author.replica, ...txn.patches[0])))
    author.seen.add(i)
  }
  writeMessages(order.kept + '.messages', messages)
  const done = messages.length
  const total = trace.txns.length
  if (done < total) return { done, total }
  const [author] = authors.values()
  for (const j of unseen(author.seen, messages.keys())) library.receive(author.replica, messages[j])
  writeFileSync(order.kept + '.file', library.save(author.replica))
  return { done, total, textSha256: sha256(library.text(author.replica)) }
}

// unseen marks and returns, in their order, the transactions that a replica has to be given before it is at `parents`.
function unseen (seen, parents) {
  const found = []
  const stack = [...parents]
  while (stack.length > 0) {
    const i = stack.pop()
    if (seen.has(i)) continue
    seen.add(i)
    found.push(i)
    stack.push(...trace.txns[i].parents)
  }
  return found.sort((a, b) => a - b)
}

function prepareFile () {
  const r = library.start(0)
  const until = performance.now() + order.budgetMs
  const total = trace.patches.length
  let done = 0
  while (done < total && performance.now() < until) library.edit(r, ...trace.patches[done++])
  if (done === total) writeFileSync(order.kept + '.file', library.save(r))
  return { done, total, textSha256: sha256(library.text(r)) }
}

// local makes one transaction of each patch and its message.
function local () {
  const all = trace.patches
  return timed(all, library.start, (r, patch) => library.edit(r, ...patch).length)
}

// live merges each message into a replica that only receives.
function live () {
  const messages = readMessages(order.kept + '.messages')
  return timed(messages, library.receiver, (r, message) => {
    library.receive(r, message)
    return message.length
  }, trace.txns.length)
}

// told does the same and has the library say each time what changed. A text that is only told of the changes has to end
// like the replica's.
function told () {
  const messages = readMessages(order.kept + '.messages')
  mirror(messages)
  return timed(messages, library.listener, (r, message) => {
    r.last = library.receiveTold(r, message)
    return message.length
  }, trace.txns.length)
}

function mirror (messages) {
  const r = library.listener(104)
  const until = performance.now() + order.budgetMs
  let text = ''
  for (const message of messages) {
    text = apply(text, library.patches(library.receiveTold(r, message)))
    if (performance.now() > until) break
  }
  if (text !== library.text(r)) throw new Error('the changes that were told do not make the text')
  library.free?.(r)
}

// timed does something for each item, several times, each on a new replica: the first pass is that of a new process and
// warms it up, the quickest of some more is the total, the last takes the time of each item and so reads the clock as
// often. A first pass that reaches the budget is the total.
function timed (items, start, each, total = items.length) {
  const first = pass(items, start(101), each)
  const whole = warm(items, start, each, first)
  const spread = spreadOf(items.slice(0, first.done), start(103), each)
  return {
    done: whole.done, total, bytes: whole.bytes, wallMs: whole.wallMs, cpuMs: whole.cpuMs, firstMs: first.wallMs, ...spread,
    textMs: whole.textMs, textSha256: whole.textSha256
  }
}

function warm (items, start, each, first) {
  let best = first; let spent = 0
  for (let i = 0; i < passes && spent < warmMs && first.done === items.length; i++) {
    const again = pass(items, start(102), each)
    if (again.textSha256 !== first.textSha256) throw new Error('two passes ended with two texts')
    if (i === 0 || again.wallMs < best.wallMs) best = again
    spent += again.wallMs
  }
  return best
}

function pass (items, r, each) {
  let done = 0; let bytes = 0; let wallMs = 0
  globalThis.gc()
  const cpu = process.cpuUsage()
  const begun = performance.now()
  while (done < items.length && wallMs < order.budgetMs) {
    for (const end = Math.min(done + stretch, items.length); done < end; done++) {
      const length = each(r, items[done])
      if (!(length > 0)) throw new Error(`edit ${done} has no message`)
      bytes += length
    }
    wallMs = performance.now() - begun
  }
  const { user, system } = process.cpuUsage(cpu)
  const read = performance.now()
  const text = library.text(r)
  const textMs = performance.now() - read
  library.free?.(r)
  return { done, bytes, wallMs, cpuMs: (user + system) / 1000, textMs, textSha256: sha256(text) }
}

function spreadOf (items, r, each) {
  const times = new Float64Array(items.length)
  let done = 0
  globalThis.gc()
  const until = performance.now() + order.budgetMs
  for (const item of items) {
    const before = performance.now()
    each(r, item)
    const after = performance.now()
    times[done++] = after - before
    if (after > until) break
  }
  library.free?.(r)
  return percentiles(times.subarray(0, done))
}

function percentiles (times) {
  const sorted = times.slice().sort()
  const rank = percent => sorted[Math.ceil(sorted.length * percent / 100) - 1] * 1000
  return { p50Us: rank(50), p99Us: rank(99), maxUs: rank(100) }
}

// file loads a text's file to where its text is in hand, makes one edit, and saves it again. Held by the first `replicas`
// of them is what memory is taken of; the very first is that of a new process.
async function file () {
  const bytes = new Uint8Array(readFileSync(order.kept + '.file'))
  const small = library.start(99)
  library.edit(small, 0, 0, 'x')
  library.save(small)
  const before = await memory()
  const held = []
  for (let i = 0; i < order.replicas; i++) held.push(loadAndSave(bytes))
  const heapBytes = Math.round((await memory() - before) / order.replicas)
  const loads = []; const saves = []
  const until = performance.now() + order.budgetMs
  for (let i = 0; i < order.repeats && (i < 1 || performance.now() < until); i++) {
    const { replica, loadMs, saveMs } = loadAndSave(bytes)
    loads.push(loadMs)
    saves.push(saveMs)
    library.free?.(replica)
  }
  const [first] = held
  return {
    done: 1, total: 1, bytes: bytes.length, heapBytes, textSha256: first.textSha256,
    firstLoadMs: first.loadMs, firstSaveMs: first.saveMs, loadMs: median(loads), saveMs: median(saves)
  }
}

function loadAndSave (bytes) {
  const begun = performance.now()
  const replica = library.load(bytes, 100)
  const text = library.text(replica)
  const loadMs = performance.now() - begun
  const textSha256 = sha256(text)
  library.edit(replica, text.length >> 1, 0, 'x')
  const edited = performance.now()
  library.save(replica)
  return { replica, loadMs, saveMs: performance.now() - edited, textSha256 }
}

// memory that is held: objects, buffers and WebAssembly memory, which never shrinks. Buffers go a turn after a collection.
async function memory () {
  for (let i = 0; i < 4; i++) {
    globalThis.gc()
    await new Promise(resolve => setImmediate(resolve))
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function median (values) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}

// clockNs is what one reading of the clock adds to each time.
function clockNs () {
  const n = 100000
  const begun = performance.now()
  for (let i = 1; i < n; i++) performance.now()
  return (performance.now() - begun) / n * 1e6
}

function sha256 (text) {
  return createHash('sha256').update(text).digest('hex')
}

// A file of messages: for each, its length (4 bytes, little endian) and its bytes.
function writeMessages (path, messages) {
  writeFileSync(path, Buffer.concat(messages.flatMap(m => {
    const head = Buffer.alloc(4)
    head.writeUInt32LE(m.length)
    return [head, m]
  })))
}

function readMessages (path) {
  const all = readFileSync(path)
  const messages = []
  for (let at = 0; at < all.length;) {
    const begin = at + 4
    at = begin + all.readUInt32LE(at)
    messages.push(Uint8Array.from(all.subarray(begin, at)))
  }
  return messages
}

const cell = await works[order.work]()
process.stdout.write(JSON.stringify({ ...cell, clockNs: clockNs() }) + '\n')
