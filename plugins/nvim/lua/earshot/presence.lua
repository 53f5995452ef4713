--- Where the others are, and telling them where this person is.
local buffers = require('earshot.buffer')
local config = require('earshot.config')
local ui = require('earshot.ui')
local units = require('earshot.units')
local uv = vim.uv or vim.loop

local M = {}

local namespace = vim.api.nvim_create_namespace('earshot.presence')

--- At most 20 updates a second: each is drawn on every screen of the session.
local INTERVAL_MS = 50
--- A block selection is sent line by line; more lines than fit a screen tell nobody anything.
local MOST_SELECTIONS = 200

--- Okabe and Ito's palette for every kind of colour vision, its black and pale yellow replaced so that all eight stand
--- out on dark and on light grounds; with the nearest of the terminal's 16 beside each.
M.PALETTE = {
  { '#e69f00', 3 },
  { '#56b4e9', 6 },
  { '#009e73', 2 },
  { '#d55e00', 1 },
  { '#cc79a7', 5 },
  { '#0072b2', 4 },
  { '#b8a000', 11 },
  { '#8a8a8a', 8 },
}

---@type table<string, table[]> cursors by session id
M.cursors = {}

local session ---@type table module earshot.session

---@param color string #rrggbb
---@return integer, integer, integer
local function rgb(color)
  local number = tonumber(color:sub(2), 16)
  return math.floor(number / 65536), math.floor(number / 256) % 256, number % 256
end

local function hex(r, g, b)
  return ('#%02x%02x%02x'):format(r, g, b)
end

--- Dark or light letters, whichever can be read on a ground (luma of ITU-R BT.601).
local function letters_on(color)
  local r, g, b = rgb(color)
  return (0.299 * r + 0.587 * g + 0.114 * b) > 140 and '#000000' or '#ffffff'
end

--- A colour laid thinly over the editor's ground, for selections.
local function tint(color)
  local normal = vim.api.nvim_get_hl(0, { name = 'Normal', link = false }).bg
  local ground = normal or (vim.o.background == 'dark' and 0x101014 or 0xffffff)
  local r, g, b = rgb(color)
  local gr, gg, gb = rgb(('#%06x'):format(ground))
  local function mix(a, base)
    return math.floor(0.35 * a + 0.65 * base + 0.5)
  end
  return hex(mix(r, gr), mix(g, gg), mix(b, gb))
end

--- The nearest of the 216 colours and 24 greys of terminals that have 256.
---@param color string
---@return integer
function M.index_of(color)
  local wanted = { rgb(color) }
  local best, distance
  local function try(index, r, g, b)
    local d = (r - wanted[1]) ^ 2 + (g - wanted[2]) ^ 2 + (b - wanted[3]) ^ 2
    if not distance or d < distance then
      best, distance = index, d
    end
  end
  local levels = { 0, 95, 135, 175, 215, 255 }
  for r = 1, 6 do
    for g = 1, 6 do
      for b = 1, 6 do
        try(16 + 36 * (r - 1) + 6 * (g - 1) + b - 1, levels[r], levels[g], levels[b])
      end
    end
  end
  for grey = 0, 23 do
    local level = 8 + 10 * grey
    try(232 + grey, level, level, level)
  end
  return best
end

---@type table<string, boolean> groups that are defined, and whether for screens without colours
local defined = {}

---@param color string
---@param cterm integer
---@return {cursor: string, selection: string}
local function groups(color, cterm)
  local suffix = color:sub(2)
  local names = { cursor = 'EarshotCursor_' .. suffix, selection = 'EarshotSelection_' .. suffix }
  local plain = config.plain_cursors()
  if defined[suffix] ~= plain then
    defined[suffix] = plain
    local many = config.colours() >= 256
    local dark = letters_on(color) == '#000000'
    -- In reverse, which is all that a screen without colours has.
    vim.api.nvim_set_hl(0, names.cursor, {
      fg = color,
      bg = letters_on(color),
      ctermfg = many and M.index_of(color) or cterm,
      ctermbg = many and (dark and 16 or 231) or (dark and 0 or 15),
      bold = true,
      reverse = true,
    })
    -- Of 16 colours none is thin enough to be read on.
    vim.api.nvim_set_hl(0, names.selection, {
      bg = tint(color),
      ctermbg = many and M.index_of(tint(color)) or nil,
      underline = plain or not many,
    })
  end
  return names
end

--- The colour of each member but oneself: the one the session gives, unless another one has it already.
---@param members table[]
---@param me string
---@return table<string, {[1]: string, [2]: integer}> by member id
function M.colors(members, me)
  local taken, colors, next_free = {}, {}, 1
  local function free()
    while next_free < #M.PALETTE and taken[M.PALETTE[next_free][1]] do
      next_free = next_free + 1
    end
    local color = M.PALETTE[next_free]
    next_free = next_free % #M.PALETTE + 1
    return color
  end
  for i, member in ipairs(members) do
    if member.id ~= me then
      local given = type(member.color) == 'string' and member.color:lower():match('^#%x%x%x%x%x%x$')
      local color = given and not taken[given] and { given, M.PALETTE[(i - 1) % #M.PALETTE + 1][2] } or free()
      taken[color[1]] = true
      colors[member.id] = color
    end
  end
  return colors
end

--- A letter for each member but oneself, of its name if it can be: where there is no colour to tell them apart.
---@param members table[]
---@param me string
---@return table<string, string> by member id
function M.letters(members, me)
  local taken, letters = {}, {}
  for _, member in ipairs(members) do
    if member.id ~= me then
      local candidates = vim.fn.split((ui.name(member.name):gsub('%s', '')) .. '123456789', [[\zs]])
      for _, letter in ipairs(candidates) do
        if not taken[letter] then
          taken[letter], letters[member.id] = true, letter
          break
        end
      end
    end
  end
  return letters
end

---@param buf integer
---@param position {line: integer, character: integer}
---@return integer row
---@return integer column
local function place(buf, position)
  local row = math.min(position.line, vim.api.nvim_buf_line_count(buf) - 1)
  local line = vim.api.nvim_buf_get_lines(buf, row, row + 1, true)[1]
  if position.line > row then
    return row, #line
  end
  if session.encoding == 'utf-16' then
    return row, units.byte_of_utf16(line, position.character)
  end
  return row, math.min(position.character, #line)
end

local function draw_selection(buf, group, selection)
  local row, column = place(buf, selection.anchor)
  local to_row, to_column = place(buf, selection.active)
  if row > to_row or (row == to_row and column > to_column) then
    row, column, to_row, to_column = to_row, to_column, row, column
  end
  if row ~= to_row or column ~= to_column then
    vim.api.nvim_buf_set_extmark(buf, namespace, row, column, {
      end_row = to_row,
      end_col = to_column,
      hl_group = group,
      priority = 150,
    })
  end
end

--- Draws a cursor on its character; behind the line's end a letter stands for it. Without colours the letter stands
--- before the character, too, and so tells the cursors of one line apart.
---@param buf integer
---@param group string
---@param at table position
---@param letter string
local function draw_cursor(buf, group, at, letter)
  local row, column = place(buf, at)
  local line = vim.api.nvim_buf_get_lines(buf, row, row + 1, true)[1]
  local plain = config.plain_cursors()
  if column < #line and not plain then
    vim.api.nvim_buf_set_extmark(buf, namespace, row, column, {
      end_col = units.after_char(line, column),
      hl_group = group,
      priority = 160,
    })
  else
    vim.api.nvim_buf_set_extmark(buf, namespace, row, column, {
      virt_text = { { letter, group } },
      virt_text_pos = plain and 'inline' or 'overlay',
      priority = 160,
    })
  end
end

--- Writes who it is behind the line.
local function draw_name(buf, group, at, who)
  local row, column = place(buf, at)
  local known = vim.startswith(who.name, who.letter) or not config.plain_cursors()
  vim.api.nvim_buf_set_extmark(buf, namespace, row, column, {
    virt_text = { { (' %s '):format(known and who.name or who.letter .. ' ' .. who.name), group } },
    virt_text_pos = 'eol',
    priority = 160,
  })
end

---@class earshot.Look
---@field color {[1]: string, [2]: integer}
---@field letter? string

---@param session_id string
---@param cursor table
---@param look earshot.Look
local function draw(session_id, cursor, look)
  local attached = cursor.textDocument and buffers.of_uri(cursor.textDocument.uri)
  if not attached or not vim.api.nvim_buf_is_loaded(attached.buf) then
    return
  end
  local member = session.member(session_id, cursor.member)
  local name = ui.name(member and member.name)
  local names = groups(look.color[1], look.color[2])
  local all = cursor.selections or {}
  local who = { name = name, letter = look.letter or vim.fn.strcharpart(name, 0, 1) }
  for i, selection in ipairs(all) do
    draw_selection(attached.buf, names.selection, selection)
    if i == 1 or vim.deep_equal(selection.anchor, selection.active) then
      draw_cursor(attached.buf, names.cursor, selection.active, who.letter)
    end
  end
  if #all > 0 then
    draw_name(attached.buf, names.cursor, all[1].active, who)
  end
end

--- Draws all that is known anew; extmarks are few, and this way nobody's can be left behind.
function M.redraw()
  for _, buf in ipairs(vim.api.nvim_list_bufs()) do
    vim.api.nvim_buf_clear_namespace(buf, namespace, 0, -1)
  end
  for id, cursors in pairs(M.cursors) do
    local known = session.sessions[id]
    local colors = known and M.colors(known.members or {}, known.me) or {}
    local letters = known and M.letters(known.members or {}, known.me) or {}
    for _, cursor in ipairs(cursors) do
      local color = colors[cursor.member] or M.PALETTE[#M.PALETTE]
      draw(id, cursor, { color = color, letter = letters[cursor.member] })
    end
  end
end

---@param params table presence/changed
function M.changed(params)
  M.cursors[params.session] = #params.cursors > 0 and params.cursors or nil
  M.redraw()
end

--- The place of a member in a document, if it is in one; the first one told of, where it has several editors.
---@param id string of the session
---@param member string
---@return table? cursor with textDocument; its selections are known once the document is open here
function M.of(id, member)
  for _, cursor in ipairs(M.cursors[id] or {}) do
    if cursor.member == member and cursor.textDocument then
      return cursor
    end
  end
end

---@param id string
function M.forget(id)
  if M.cursors[id] then
    M.cursors[id] = nil
    M.redraw()
  end
end

---@param line string
---@param row integer
---@param byte integer
local function position(line, row, byte)
  byte = math.min(byte, #line)
  return { line = row, character = session.encoding == 'utf-16' and units.utf16_of_byte(line, byte) or byte }
end

local function line_at(row)
  return vim.api.nvim_buf_get_lines(0, row, row + 1, false)[1] or ''
end

--- The block between two corners, as one range on each line. The first of several selections is where the person is.
local function block(anchor, active)
  local win = vim.api.nvim_get_current_win()
  local a = vim.fn.virtcol({ anchor[1] + 1, anchor[2] + 1 })
  local b = vim.fn.virtcol({ active[1] + 1, active[2] + 1 })
  local left, right = math.min(a, b), math.max(a, b)
  local first, last = math.min(anchor[1], active[1]), math.max(anchor[1], active[1])
  local selections = {}
  local step = active[1] == first and 1 or -1
  for row = active[1], active[1] + step * math.min(last - first, MOST_SELECTIONS - 1), step do
    local line = line_at(row)
    local from = math.max(vim.fn.virtcol2col(win, row + 1, left) - 1, 0)
    local to = units.after_char(line, math.max(vim.fn.virtcol2col(win, row + 1, right) - 1, 0))
    selections[#selections + 1] = { anchor = position(line, row, from), active = position(line, row, to) }
  end
  return selections
end

--- What is selected, or just the cursor. A selection in Visual mode includes the character at its end.
---@return table[]
function M.selections()
  local cursor = vim.api.nvim_win_get_cursor(0)
  local active = { cursor[1] - 1, cursor[2] }
  local mode = vim.api.nvim_get_mode().mode:sub(1, 1)
  local line = line_at(active[1])
  if not mode:match('[vVsS\22\19]') then
    local at = position(line, active[1], active[2])
    return { { anchor = at, active = at } }
  end
  local other = vim.fn.getpos('v')
  local anchor = { other[2] - 1, other[3] - 1 }
  if mode == '\22' or mode == '\19' then
    return block(anchor, active)
  end
  local forward = anchor[1] < active[1] or (anchor[1] == active[1] and anchor[2] <= active[2])
  local first, last = forward and anchor or active, forward and active or anchor
  local from, to
  if mode == 'V' or mode == 'S' then
    local end_line = line_at(last[1])
    from, to = { line = first[1], character = 0 }, position(end_line, last[1], #end_line)
  else
    local end_line = line_at(last[1])
    from = position(line_at(first[1]), first[1], first[2])
    to = position(end_line, last[1], units.after_char(end_line, last[2]))
  end
  return { forward and { anchor = from, active = to } or { anchor = to, active = from } }
end

--- Puts the cursor of the current window at a position.
---@param at {line: integer, character: integer}
function M.go(at)
  local row, column = place(0, at)
  vim.api.nvim_win_set_cursor(0, { row + 1, column })
  vim.cmd('normal! zv')
end

local said_nowhere = true

--- Sends where the person is now: in an attached buffer, or in none.
local function send()
  local attached = buffers.attached[vim.api.nvim_get_current_buf()]
  if not attached or not attached.attached then
    if not said_nowhere then
      said_nowhere = true
      session.notify('presence/update', { selections = {} })
    end
    return
  end
  said_nowhere = false
  session.notify('presence/update', {
    textDocument = { uri = attached.uri },
    selections = M.selections(),
    visibleRange = {
      start = { line = vim.fn.line('w0') - 1, character = 0 },
      ['end'] = { line = vim.fn.line('w$'), character = 0 },
    },
  })
end

local timer ---@type uv.uv_timer_t?
local pending, last_sent = false, -INTERVAL_MS

--- Sends soon: at once if there was none lately, else when the interval is over, so that the last one is always sent.
function M.moved()
  if pending or next(buffers.attached) == nil and said_nowhere then
    return
  end
  pending = true
  timer = timer or assert(uv.new_timer())
  timer:start(
    math.max(0, last_sent + INTERVAL_MS - uv.now()),
    0,
    vim.schedule_wrap(function()
      pending = false
      last_sent = uv.now()
      send()
    end)
  )
end

--- Sends what is not sent yet.
function M.flush()
  if pending then
    timer:stop()
    pending, last_sent = false, uv.now()
    send()
  end
end

---@param group integer
---@param the_session table module earshot.session
function M.setup(group, the_session)
  session = the_session
  vim.api.nvim_create_autocmd(
    { 'CursorMoved', 'CursorMovedI', 'ModeChanged', 'WinEnter', 'BufEnter', 'WinScrolled', 'TextChangedI' },
    { group = group, callback = M.moved }
  )
  vim.api.nvim_create_autocmd({ 'ColorScheme', 'OptionSet', 'UIEnter' }, {
    group = group,
    callback = function(event)
      if event.event ~= 'OptionSet' or event.match == 'background' then
        defined = {}
        M.redraw()
      end
    end,
  })
end

return M
