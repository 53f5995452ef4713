--- What Neovim would keep of others' texts on this disk: the shada file (registers, histories, patterns, marks),
--- session and view files, the temporary files of filters. Swap, undo and backup files are the buffer's options
--- (guest.lua).
---
--- From the first session as a guest on nothing is written to the shada file until Neovim ends; then it is, without
--- all that is not known to come from elsewhere. Elsewhere is what was there before, what was yanked in other buffers,
--- and what was typed in them; of a macro, or of what a plugin puts into a register, nobody can tell.
local M = {}

--- What a shada file has: registers, and histories.
local REGISTERS = '0123456789-abcdefghijklmnopqrstuvwxyz'
local HISTORIES = { ':', '/', '=', '@', '>' }
--- A shada file takes no item of more than 10 KiB as Neovim comes, so that a text beyond this need not be known again.
local MOST_BYTES = 64 * 1024
--- 'shada' with this keeps marks, jumps, changes and buffers of such names out of the file.
local SHADA_OFF = 'rearshot:'
--- The name of a view file is the buffer's, with "=+" for a slash and, on Windows, "=-" for a colon.
local VIEWS = '/earshot*=+=+*'
--- When configurations and plugins write views and sessions, or a person does.
local WRITERS =
  { 'SessionWritePost', 'BufWinLeave', 'BufLeave', 'InsertLeave', 'CursorHold', 'FocusLost', 'CmdlineLeave' }

local group ---@type integer
local watching = false
local shadafile = ''
---@type table<string, true> by digest
local known_texts = {}
---@type table<string, table<string, true>> by history
local known_lines = {}

---@param buf integer
---@return boolean others' text, or what the plugin shows
local function is_foreign(buf)
  return vim.startswith(vim.api.nvim_buf_get_name(buf), 'earshot:') or vim.bo[buf].filetype == 'earshot'
end

---@param lines string[]
---@return string? digest nil if it is too large to be looked at
local function digest(lines)
  local text = table.concat(lines, '\n')
  return #text <= MOST_BYTES and vim.fn.sha256(text) or nil
end

---@param register string
---@return string? digest nil where there is nothing, or too much
local function digest_of(register)
  local lines = vim.fn.getreg(register, 1, true)
  return #lines > 0 and digest(lines) or nil
end

--- :Earshot names files and codes, however it is shortened.
---@param line string
---@return boolean
local function tells(line)
  local word = line:match('^[%s:]*(E%a*)')
  return line:lower():find('earshot', 1, true) ~= nil or (word ~= nil and vim.startswith('Earshot', word))
end

---@param history string
---@param line string
local function know(history, line)
  if not tells(line) then
    known_lines[history][line] = true
  end
end

local function know_what_is_there()
  for register in REGISTERS:gmatch('.') do
    local there = digest_of(register)
    if there then
      known_texts[there] = true
    end
  end
  for _, history in ipairs(HISTORIES) do
    known_lines[history] = {}
    for i = 1, vim.fn.histnr(history) do
      know(history, vim.fn.histget(history, i))
    end
  end
  know('/', vim.fn.getreg('/'))
end

local function yanked()
  local event = vim.v.event
  -- What is appended has what was there before it, and that may be another's.
  if not is_foreign(vim.api.nvim_get_current_buf()) and not event.regname:match('%u') then
    local text = digest(event.regcontents)
    if text then
      known_texts[text] = true
    end
  end
end

local function typed()
  local history = vim.fn.getcmdtype():gsub('?', '/')
  if known_lines[history] and not is_foreign(vim.api.nvim_get_current_buf()) then
    know(history, vim.fn.getcmdline())
  end
end

local function forget_registers()
  for register in REGISTERS:gmatch('.') do
    local there = digest_of(register)
    if not there or not known_texts[there] then
      vim.fn.setreg(register, {})
    end
  end
end

local function forget_histories()
  for _, history in ipairs(HISTORIES) do
    for i = vim.fn.histnr(history), 1, -1 do
      local line = vim.fn.histget(history, i)
      if line ~= '' and not known_lines[history][line] then
        vim.fn.histdel(history, i)
      end
    end
  end
end

--- Nothing tells what :s searched for last and what it put there, so both are replaced; in an autocommand, for its
--- time.
local function forget_patterns()
  local pattern = vim.fn.getreg('/')
  local scratch = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_call(scratch, function()
    vim.cmd('silent! keepjumps s/^//e')
  end)
  vim.fn.setreg('/', known_lines['/'][pattern] and pattern or '')
end

--- Views of others' texts tell their names.
local function sweep_views()
  for _, path in ipairs(vim.fn.glob(vim.o.viewdir .. VIEWS, true, true)) do
    vim.fn.delete(path)
  end
end

--- Takes the lines that name others' texts out of the last session file; each is a command by itself.
local function clean_session()
  local path = vim.v.this_session
  if path == '' or vim.fn.filereadable(path) == 0 then
    return
  end
  local lines = vim.fn.readfile(path)
  local clean = vim.tbl_filter(function(line)
    return not line:find('earshot://', 1, true)
  end, lines)
  if #clean < #lines then
    vim.fn.writefile(clean, path)
  end
end

local sweeping = false

--- A plugin or an autocommand may write such files whenever it likes, and no event tells of it: they are looked for
--- right after the events that people hang that on.
local function sweep_soon()
  if sweeping then
    return
  end
  sweeping = true
  vim.schedule(function()
    sweeping = false
    M.sweep()
  end)
end

--- Sweeps up files that tell the names of others' texts.
function M.sweep()
  sweep_views()
  clean_session()
end

local function exclude_marks()
  if vim.o.shada ~= '' and not vim.list_contains(vim.opt.shada:get(), SHADA_OFF) then
    vim.opt.shada:append(SHADA_OFF)
  end
end

--- Called as Neovim ends. It writes the shada file itself: patterns are given back to what they were once an
--- autocommand is over, so what Neovim writes after it would have them.
function M.forget()
  if not watching then
    return
  end
  exclude_marks() -- again: the option may have been set since
  forget_registers()
  forget_histories()
  forget_patterns()
  if shadafile ~= 'NONE' and vim.o.shada ~= '' then
    vim.o.shadafile = shadafile
    vim.cmd('silent! wshada')
    vim.o.shadafile = 'NONE'
  end
end

--- Begins to tell one's own from others'; called before any name or text of a guest's session is shown.
function M.watch()
  if watching then
    return
  end
  watching = true
  know_what_is_there()
  shadafile = vim.o.shadafile
  vim.o.shadafile = 'NONE' -- many have :wshada in an autocommand; and if Neovim is killed, nothing is there
  vim.o.shelltemp = false -- a filter gets the text through a pipe, not through a file
  sweep_views() -- of a Neovim that was killed
  vim.api.nvim_create_autocmd('TextYankPost', { group = group, callback = yanked })
  vim.api.nvim_create_autocmd('CmdlineLeave', { group = group, callback = typed })
  vim.api.nvim_create_autocmd(WRITERS, { group = group, callback = sweep_soon })
  vim.api.nvim_create_autocmd('VimLeavePre', { group = group, callback = M.forget })
  vim.api.nvim_create_autocmd('VimLeave', { group = group, callback = M.sweep }) -- behind all that hangs on VimLeavePre
end

--- Takes a code out of the histories, at once: it opens the door to whoever finds it there.
---@param code string
function M.forget_code(code)
  local pattern = [[\V]] .. vim.fn.escape(code, [[\]])
  vim.fn.histdel(':', pattern)
  vim.fn.histdel('@', pattern)
end

---@param of integer the plugin's group of autocommands
function M.setup(of)
  group = of
  exclude_marks()
end

return M
