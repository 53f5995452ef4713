--- Sentences too long for the command line: shown whole in a small window at the right edge that takes neither the
--- focus nor a key, keeps away from the cursor, and goes by itself.
---
--- The command line would stop everything until a key is pressed, and swallow that key.
local M = {}

--- How long a sentence stays: people read about 20 characters a second, and first have to look there.
M.BASE_MS, M.CHARACTER_MS = 5000, 50
local WIDEST = 60
local MOST_NOTES = 4

---@class earshot.Note
---@field text string
---@field level integer of vim.log.levels

local notes = {} ---@type earshot.Note[] oldest first
local win ---@type integer?
local buf ---@type integer?
local group = vim.api.nvim_create_augroup('earshot.note', { clear = true })
local namespace = vim.api.nvim_create_namespace('earshot.note')

local HIGHLIGHTS = { [vim.log.levels.WARN] = 'DiagnosticWarn', [vim.log.levels.ERROR] = 'DiagnosticError' }

--- A text in lines that end at blanks where it has some. 'linebreak' would part ":Earshot" and codes, too.
---@param text string
---@param width integer
---@return string[]
function M.wrap(text, width)
  local lines, from, last = {}, 1, nil
  for at in (text .. ' '):gmatch('() ') do
    if last and vim.fn.strdisplaywidth(text:sub(from, at - 1)) > width then
      lines[#lines + 1] = text:sub(from, last - 1)
      from = last + 1
    end
    last = at
  end
  lines[#lines + 1] = text:sub(from)
  return lines
end

---@return integer
local function width()
  return math.max(1, math.min(WIDEST, vim.o.columns - 4))
end

---@return boolean
local function is_open()
  return win ~= nil and vim.api.nvim_win_is_valid(win)
end

local function close()
  vim.api.nvim_clear_autocmds({ group = group })
  if is_open() then
    pcall(vim.api.nvim_win_close, win, true)
  end
  win, buf = nil, nil
end

--- At the bottom, or at the top while the cursor is where the window would be.
---@param height integer
---@return integer row
local function row_for(height)
  local bottom = math.max(0, vim.o.lines - math.max(vim.o.cmdheight, 1) - height - 3)
  local covers_cursor = vim.fn.screenrow() > bottom and vim.fn.screenrow() <= bottom + height + 2
  return covers_cursor and 1 or bottom
end

---@param height integer
---@return vim.api.keyset.win_config
local function place(height)
  return {
    relative = 'editor',
    row = row_for(height),
    col = math.max(0, vim.o.columns - width() - 2),
    width = width(),
    height = height,
  }
end

local function move()
  if is_open() then
    vim.api.nvim_win_set_config(win, place(vim.api.nvim_win_get_height(win)))
  end
end

local function open()
  buf = vim.api.nvim_create_buf(false, true)
  vim.bo[buf].bufhidden = 'wipe'
  local config = vim.tbl_extend('force', place(1), {
    style = 'minimal',
    border = 'rounded',
    title = ' Earshot ',
    focusable = false,
    zindex = 60, -- above other windows, below completion menus
    noautocmd = true,
  })
  win = vim.api.nvim_open_win(buf, false, config)
  for option, value in pairs({ wrap = true, showbreak = 'NONE', scrolloff = 0 }) do
    vim.api.nvim_set_option_value(option, value, { scope = 'local', win = win })
  end
  vim.api.nvim_create_autocmd({ 'CursorMoved', 'CursorMovedI', 'VimResized' }, {
    group = group,
    callback = vim.schedule_wrap(move), -- once the screen shows where the cursor is now
  })
end

local function draw()
  if #notes == 0 then
    return close()
  end
  if not is_open() or vim.api.nvim_win_get_tabpage(win) ~= vim.api.nvim_get_current_tabpage() then
    close()
    open()
  end
  vim.bo[buf].modifiable = true -- 'nomodifiable' may be the person's default
  local lines, highlights = {}, {}
  for _, note in ipairs(notes) do
    for _, line in ipairs(M.wrap(note.text, width())) do
      lines[#lines + 1] = line
      highlights[#lines] = HIGHLIGHTS[note.level]
    end
  end
  vim.api.nvim_buf_clear_namespace(buf, namespace, 0, -1)
  vim.api.nvim_buf_set_lines(buf, 0, -1, true, lines)
  for i, highlight in pairs(highlights) do
    vim.api.nvim_buf_set_extmark(buf, namespace, i - 1, 0, { end_col = #lines[i], hl_group = highlight })
  end
  local height = vim.api.nvim_win_text_height(win, {}).all
  vim.api.nvim_win_set_config(win, place(math.max(1, math.min(height, vim.o.lines - 6))))
  if vim.api.nvim_get_mode().mode:match('^c') then
    vim.cmd.redraw() -- nothing else does while a command is being typed
  end
end

---@param note earshot.Note
local function take_away(note)
  for i, each in ipairs(notes) do
    if each == note then
      table.remove(notes, i)
      if is_open() then -- else the person has closed it, by :only for instance
        pcall(draw) -- or the next one does
      end
      return
    end
  end
end

--- Shows a sentence for as long as it takes to be read.
---@param text string
---@param level integer
---@return boolean shown not where Neovim allows no new window just now
function M.show(text, level)
  local note = { text = text, level = level }
  notes = is_open() and notes or {}
  notes[#notes + 1] = note
  if #notes > MOST_NOTES then
    table.remove(notes, 1)
  end
  if not pcall(draw) then
    M.clear()
    return false
  end
  vim.defer_fn(function()
    take_away(note)
  end, M.BASE_MS + M.CHARACTER_MS * vim.fn.strchars(text))
  return true
end

--- Takes a sentence away that is true no longer.
---@param text string
function M.hide(text)
  for _, note in ipairs(notes) do
    if note.text == text then
      return take_away(note)
    end
  end
end

--- Takes away all that is shown.
function M.clear()
  notes = {}
  pcall(close) -- or they go with their time
end

return M
