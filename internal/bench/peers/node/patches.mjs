// Patches are [position, deleted, "inserted"], each of the text that the one before has left.

// A delta of Yjs and Loro walks over a text: it retains, inserts and deletes.
export function fromDelta (delta) {
  const patches = []
  let pos = 0
  for (const { retain = 0, insert = '', delete: deleted = 0 } of delta) {
    pos += retain
    if (insert !== '' || deleted > 0) patches.push([pos, deleted, insert])
    pos += insert.length
  }
  return patches
}

// between is the least one patch that makes one text of another: none if they are equal.
export function between (before, after) {
  if (before === after) return []
  let begin = 0
  const shorter = Math.min(before.length, after.length)
  while (begin < shorter && before.charCodeAt(begin) === after.charCodeAt(begin)) begin++
  let end = 0
  while (end < shorter - begin && before.charCodeAt(before.length - 1 - end) === after.charCodeAt(after.length - 1 - end)) end++
  return [[begin, before.length - end - begin, after.slice(begin, after.length - end)]]
}

export const apply = (text, patches) => patches.reduce((t, [pos, del, ins]) => t.slice(0, pos) + ins + t.slice(pos + del), text)
