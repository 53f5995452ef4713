-- A text as a language server holds it: didChange applied to the letter, everything doubtful an error.
local M = {}

local function line_starts(text)
  local starts, from = { 1 }, 1
  while true do
    local at = text:find('\n', from, true)
    if not at then
      return starts
    end
    from = at + 1
    starts[#starts + 1] = from
  end
end

--- The byte offset (one-based) of a position; the end of a line clamps, a line past the end is an error.
local function offset(text, starts, position)
  assert(position.line >= 0 and position.character >= 0, 'negative position')
  local start = starts[position.line + 1]
  assert(start, ('line %d of %d'):format(position.line, #starts))
  local line_end = starts[position.line + 2] and starts[position.line + 2] - 1 or #text + 1
  return math.min(start + position.character, line_end)
end

function M.apply(text, changes)
  for _, change in ipairs(changes) do
    assert(change.range, 'a full text was sent')
    local starts = line_starts(text)
    local from, to = offset(text, starts, change.range.start), offset(text, starts, change.range['end'])
    assert(from <= to, 'a range that runs backwards')
    text = text:sub(1, from - 1) .. change.text .. text:sub(to)
  end
  return text
end

--- One change made of edits whose ranges are all against the text before.
function M.apply_edits(text, edits)
  local starts, placed = line_starts(text), {}
  for i, edit in ipairs(edits) do
    placed[i] = {
      from = offset(text, starts, edit.range.start),
      to = offset(text, starts, edit.range['end']),
      text = edit.newText,
      order = i,
    }
  end
  table.sort(placed, function(a, b)
    if a.from ~= b.from then
      return a.from > b.from
    end
    return a.order > b.order
  end)
  for _, edit in ipairs(placed) do
    text = text:sub(1, edit.from - 1) .. edit.text .. text:sub(edit.to)
  end
  return text
end

--- The position of a byte offset (zero-based).
function M.position(text, at)
  local line, from = 0, 1
  while true do
    local newline = text:find('\n', from, true)
    if not newline or newline > at then
      return { line = line, character = at - from + 1 }
    end
    line, from = line + 1, newline + 1
  end
end

function M.edit(text, from, to, new)
  return { range = { start = M.position(text, from), ['end'] = M.position(text, to) }, newText = new }
end

return M
