--- Applies the daemon's edits: compare and set, in one turn of the main loop, with the person's eye kept where it was.
local buffers = require('earshot.buffer')
local units = require('earshot.units')
local uv = vim.uv or vim.loop

local M = {}

local marks = vim.api.nvim_create_namespace('earshot.eye')

--- A request that the main loop has not come to within this time is refused from the timer: Neovim waits at a prompt
--- or runs something long, and the daemon would take 10 s of silence for a dead editor.
local PATIENCE_MS = 300

--- Whether a visual block insertion is going on: Neovim repeats it on the other lines, by number, when it ends.
local block_insert = false

--- Whether the person is in the middle of something that an edit from outside would spoil.
---@return boolean
function M.busy()
  local mode = vim.api.nvim_get_mode()
  return mode.blocking
    or block_insert
    or mode.mode:match('^no') ~= nil -- an operator waits for its motion
    or mode.mode:match('^[iR]v?[cx]') ~= nil -- completion: its state is held in columns
    or vim.fn.pumvisible() == 1
    or vim.fn.reg_recording() ~= ''
    or vim.fn.reg_executing() ~= ''
    or vim.fn.getcmdwintype() ~= ''
end

--- Call once: watches for block insertions.
---@param group integer
function M.setup(group)
  vim.api.nvim_create_autocmd('ModeChanged', {
    group = group,
    callback = function()
      local event = vim.v.event
      local inserting = event.new_mode:match('^[iR]') ~= nil
      block_insert = inserting and (block_insert or event.old_mode:sub(1, 1) == '\22')
    end,
  })
end

---@param line integer
---@return string
local function line_at(buf, line)
  return vim.api.nvim_buf_get_lines(buf, line, line + 1, true)[1]
end

---@class earshot.Edit in buffer terms: rows and bytes, both zero-based; row = number of lines is behind the last "\n"
---@field from {[1]: integer, [2]: integer}
---@field to {[1]: integer, [2]: integer}
---@field text string

---@return {[1]: integer, [2]: integer}? place nil if there is no such line
local function place(buf, position, encoding)
  local count = vim.api.nvim_buf_line_count(buf)
  if position.line >= count then
    local at_end = position.line == count and vim.bo[buf].endofline
    return at_end and { count, 0 } or nil
  end
  local line = line_at(buf, position.line)
  if encoding == 'utf-16' then
    return { position.line, units.byte_of_utf16(line, position.character) }
  end
  return { position.line, math.min(position.character, #line) }
end

--- Reads the edits, last one first, so that each leaves the places of those still to come alone. Of several at one
--- place the last stands last in the text, so it too is applied first.
---@return earshot.Edit[]?
local function prepare(buf, edits, encoding)
  local prepared = {}
  for i, edit in ipairs(edits) do
    local from, to = place(buf, edit.range.start, encoding), place(buf, edit.range['end'], encoding)
    if not from or not to then
      return nil
    end
    prepared[i] = { from = from, to = to, text = edit.newText, order = i }
  end
  table.sort(prepared, function(a, b)
    if a.from[1] ~= b.from[1] then
      return a.from[1] > b.from[1]
    end
    if a.from[2] ~= b.from[2] then
      return a.from[2] > b.from[2]
    end
    return a.order > b.order
  end)
  return prepared
end

local function set_eol(buf, eol)
  if vim.bo[buf].endofline ~= eol then
    vim.api.nvim_set_option_value('endofline', eol, { buf = buf })
  end
end

--- Cuts the text off at a place; its end is then the end of the text.
local function cut(buf, row, column)
  local count = vim.api.nvim_buf_line_count(buf)
  if row >= count then
    return
  end
  if column == 0 then
    -- Whole lines go, and the "\n" before them becomes the final one; without any line left the text is "".
    vim.api.nvim_buf_set_lines(buf, row, count, true, {})
    if row > 0 then
      set_eol(buf, true)
    end
    return
  end
  vim.api.nvim_buf_set_text(buf, row, column, count - 1, #line_at(buf, count - 1), { '' })
  set_eol(buf, false)
end

--- Replaces everything from a place to the end of the text by a text that is not "".
local function put_at_end(buf, row, column, text, was_empty)
  local eol = text:sub(-1) == '\n'
  local lines = vim.split(eol and text:sub(1, -2) or text, '\n', { plain = true })
  local count = vim.api.nvim_buf_line_count(buf)
  if was_empty then
    vim.api.nvim_buf_set_lines(buf, 0, count, true, lines)
  elseif row >= count then
    vim.api.nvim_buf_set_lines(buf, count, count, true, lines)
  else
    vim.api.nvim_buf_set_text(buf, row, column, count - 1, #line_at(buf, count - 1), lines)
  end
  set_eol(buf, eol)
end

---@param buf integer
---@param edit earshot.Edit
local function apply_one(buf, edit)
  local count = vim.api.nvim_buf_line_count(buf)
  local was_empty = count == 1 and buffers.text(buf) == ''
  local last = count - 1
  local to_end = edit.to[1] > last
    or (not vim.bo[buf].endofline and edit.to[1] == last and edit.to[2] == #line_at(buf, last))
  if not was_empty and not to_end then
    local lines = vim.split(edit.text, '\n', { plain = true })
    vim.api.nvim_buf_set_text(buf, edit.from[1], edit.from[2], edit.to[1], edit.to[2], lines)
  elseif edit.text == '' then
    cut(buf, edit.from[1], edit.from[2])
  else
    put_at_end(buf, edit.from[1], edit.from[2], edit.text, was_empty)
  end
end

---@class earshot.Eye where one window looks, held by marks that move with the text
---@field win integer
---@field view? table of the current window: it has the curswant and the scrolling that others need not keep
---@field row integer
---@field column integer
---@field cursor integer
---@field top integer
---@field anchor? integer the fixed end of a visual selection

local function mark(buf, row, column, gravity)
  local count = vim.api.nvim_buf_line_count(buf)
  row = math.min(row, count - 1)
  return vim.api.nvim_buf_set_extmark(buf, marks, row, math.min(column, #line_at(buf, row)), {
    right_gravity = gravity == 'right',
  })
end

--- Remembers every window that shows the buffer. The cursor stays before what is inserted at it; the window's first
--- line goes down with its text when lines are inserted above it.
---@return earshot.Eye[]
local function remember(buf)
  local eyes = {}
  for _, win in ipairs(vim.fn.win_findbuf(buf)) do
    local cursor = vim.api.nvim_win_get_cursor(win)
    local row = cursor[1] - 1
    local column = math.min(cursor[2], #line_at(buf, row))
    local eye = { win = win, row = row, column = column }
    eye.cursor = mark(buf, row, column, 'left')
    eye.top = mark(buf, vim.fn.getwininfo(win)[1].topline - 1, 0, 'right')
    if win == vim.api.nvim_get_current_win() then
      eye.view = vim.fn.winsaveview()
      if vim.api.nvim_get_mode().mode:match('^[vVsS\22\19]') then
        local anchor = vim.fn.getpos('v')
        eye.anchor = mark(buf, anchor[2] - 1, anchor[3] - 1, 'left')
      end
    end
    eyes[#eyes + 1] = eye
  end
  return eyes
end

--- Moves the fixed end of the selection: Visual mode has no other way than to change ends, move, and change back.
local function move_anchor(row, column)
  local select = vim.api.nvim_get_mode().mode:match('^[sS\19]') ~= nil
  if select then
    vim.cmd('normal! \7')
  end
  vim.cmd('normal! o')
  vim.api.nvim_win_set_cursor(0, { row + 1, column })
  vim.cmd('normal! o')
  if select then
    vim.cmd('normal! \7')
  end
end

---@param eye earshot.Eye
local function look_again(buf, eye)
  local at = vim.api.nvim_buf_get_extmark_by_id(buf, marks, eye.cursor, {})
  local top = vim.api.nvim_buf_get_extmark_by_id(buf, marks, eye.top, {})
  local topline = math.min(top[1], at[1]) + 1
  if eye.anchor then
    local anchor = vim.api.nvim_buf_get_extmark_by_id(buf, marks, eye.anchor, {})
    local seen = vim.fn.getpos('v')
    if anchor[1] ~= seen[2] - 1 or anchor[2] ~= seen[3] - 1 then
      move_anchor(anchor[1], anchor[2])
    end
  end
  if not eye.view then
    vim.api.nvim_win_set_cursor(eye.win, { at[1] + 1, at[2] })
    if vim.fn.getwininfo(eye.win)[1].topline ~= topline then
      vim.api.nvim_win_call(eye.win, function()
        vim.fn.winrestview({ topline = topline })
      end)
    end
    return
  end
  local view = eye.view
  view.topline, view.topfill = topline, nil
  if at[2] == eye.column then
    view.lnum = at[1] + 1
  else
    vim.api.nvim_win_set_cursor(eye.win, { at[1] + 1, at[2] })
    view.lnum, view.col, view.coladd, view.curswant = nil, nil, nil, nil
  end
  vim.fn.winrestview(view)
end

---@param buf integer
---@return integer
local function undo_step(buf)
  return vim.api.nvim_buf_call(buf, vim.fn.changenr)
end

local function inserting(buf)
  return buf == vim.api.nvim_get_current_buf() and vim.api.nvim_get_mode().mode:match('^[iR]') ~= nil
end

--- Ends the undo step that is open: setting 'undolevels', even to what it is, does that (:help undo-break).
local function break_undo()
  vim.cmd('let &l:undolevels = &l:undolevels')
end

--- A run of the others' edits is one undo step, apart from the person's own; only a change made here ends the run.
--- While the person inserts, Neovim has but one step open, and the others' edits fall into it.
---@param attached earshot.Buffer
local function join_undo(attached)
  if inserting(attached.buf) then
    return
  end
  local goes_on = attached.remote_undo == undo_step(attached.buf)
  vim.api.nvim_buf_call(attached.buf, function()
    -- E790 after an undo: then it is a step of its own.
    if not goes_on or not pcall(vim.cmd.undojoin) then
      break_undo()
    end
  end)
end

---@param attached earshot.Buffer
local function close_undo(attached)
  if inserting(attached.buf) then
    attached.remote_undo = nil
    return
  end
  attached.remote_undo = undo_step(attached.buf)
  vim.api.nvim_buf_call(attached.buf, break_undo)
end

--- Goes to where the person's own undo changes the text, as Neovim's does.
---@param attached earshot.Buffer
---@param edits earshot.Edit[] the last one first
local function look_there(attached, edits)
  attached.look_there = nil
  local buf = attached.buf
  if buf ~= vim.api.nvim_get_current_buf() or vim.api.nvim_get_mode().mode ~= 'n' then
    return
  end
  local at = edits[#edits].from
  local row = math.min(at[1], vim.api.nvim_buf_line_count(buf) - 1)
  vim.api.nvim_win_set_cursor(0, { row + 1, math.min(at[2], #line_at(buf, row)) })
end

--- Applies prepared edits, with all that is the person's put back in order. Reports are collected by the caller.
---@param attached earshot.Buffer
---@param edits earshot.Edit[]
local function edit_buffer(attached, edits)
  local buf = attached.buf
  local eyes = remember(buf)
  local modifiable, modified = vim.bo[buf].modifiable, vim.bo[buf].modified
  vim.bo[buf].modifiable = true
  -- Before the first change of a read-only buffer Neovim warns its person, and waits a second.
  local warns = vim.bo[buf].readonly and not modified
  if warns then
    vim.bo[buf].readonly = false
  end
  local ok, err = pcall(function()
    join_undo(attached)
    for _, edit in ipairs(edits) do
      apply_one(buf, edit)
    end
  end)
  vim.bo[buf].modifiable = modifiable
  if warns then
    vim.bo[buf].readonly = true
  end
  if ok then
    close_undo(attached)
    for _, eye in ipairs(eyes) do
      -- The text is in already: a window that can't be put back must not turn the answer into a refusal.
      pcall(look_again, buf, eye)
    end
    if attached.look_there then
      pcall(look_there, attached, edits)
    end
    if attached.guest then
      vim.bo[buf].modified = modified -- a guest's follows document/changed
    end
  end
  vim.api.nvim_buf_clear_namespace(buf, marks, 0, -1)
  if not ok then
    error(err, 0)
  end
end

---@class earshot.ApplyResult
---@field applied boolean
---@field version integer
---@field failureReason? string

--- Answers one workspace/applyEdit.
---@param params table
---@param encoding string
---@return earshot.ApplyResult
function M.apply(params, encoding)
  local document = params.edit and params.edit.documentChanges and params.edit.documentChanges[1]
  local attached = document and buffers.of_uri(document.textDocument.uri)
  if not attached then
    return { applied = false, version = 0, failureReason = 'the document is not open here' }
  end
  local function refuse(reason)
    return { applied = false, version = attached.version, failureReason = reason }
  end
  if not attached.attached or not vim.api.nvim_buf_is_loaded(attached.buf) then
    return refuse('the buffer is being read anew')
  end
  if buffers.unsettled() then
    return refuse('a command is not over')
  end
  attached:sync_shape()
  if document.textDocument.version ~= attached.version then
    return refuse('the buffer has changed')
  end
  if attached.damaged or M.busy() then
    return refuse('the editor is busy')
  end
  local edits = prepare(attached.buf, document.edits, encoding)
  if not edits then
    attached:rebind() -- the daemon believes in lines that are not there
    return refuse('there is no such line')
  end
  local before = attached.version
  local ok, err = attached:as_one_change(function()
    edit_buffer(attached, edits)
  end)
  -- Places were checked before, so only the first edit can fail (textlock), and then nothing was changed.
  if not ok and attached.version == before then
    return refuse(tostring(err))
  end
  attached.stamp = params.earshot and params.earshot.stamp or attached.stamp
  return { applied = true, version = attached.version }
end

--- The guard of the fast context: refuses an edit at once when Neovim waits for a key, and later when the main loop
--- does not come to it. A refused request is marked, so the main loop passes it by.
---@param message table
---@param respond fun(id: any, result: table)
---@return boolean dealt_with
function M.guard(message, respond)
  if message.method ~= 'workspace/applyEdit' or message.id == nil then
    return false
  end
  local document = vim.tbl_get(message, 'params', 'edit', 'documentChanges', 1, 'textDocument')
  local function refuse()
    local attached = document and buffers.of_uri(document.uri)
    message.answered = true
    respond(message.id, { applied = false, version = attached and attached.version or 0 })
  end
  local mode = vim.api.nvim_get_mode()
  if mode.blocking or mode.mode:match('^r') then
    refuse()
    return true
  end
  local timer = assert(uv.new_timer())
  timer:start(PATIENCE_MS, 0, function()
    timer:close()
    if not message.answered then
      refuse()
    end
  end)
  return false
end

return M
