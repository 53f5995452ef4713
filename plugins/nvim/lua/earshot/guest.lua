--- A guest's buffers, earshot://SESSION/path: they live with the host. Nothing of them is written to this disk.
local buffers = require('earshot.buffer')
local leftovers = require('earshot.leftovers')
local ui = require('earshot.ui')

local M = {}

--- Neovim waits this long for a text or a save, no longer; a folder's file comes in milliseconds, 32 MiB in seconds.
local READ_MS = 15000
local SAVE_MS = 20000

---@param uri string
---@return string? session
---@return string? path percent-decoded
function M.split(uri)
  local session, path = uri:match('^earshot://([^/]+)/(.*)$')
  return session, path and vim.uri_decode(path)
end

--- Whether every line of a text ends with "\r\n", as the texts of such files are handed out.
---@param text string
---@return boolean
local function is_crlf(text)
  local _, crlf = text:gsub('\r\n', '')
  local _, lf = text:gsub('\n', '')
  local _, cr = text:gsub('\r', '')
  return crlf > 0 and crlf == lf and crlf == cr
end

--- A text as lines, by the definition in buffer.lua.
---@param text string
---@return string[] lines
---@return boolean eol
local function lines_of(text)
  if text == '' then
    return {}, true
  end
  local eol = text:sub(-1) == '\n'
  return vim.split(eol and text:sub(1, -2) or text, '\n', { plain = true }), eol
end

--- Fills a buffer so that no undo takes its first text away.
---@param buf integer
---@param text string
local function fill(buf, text)
  local crlf = is_crlf(text)
  if crlf then
    text = text:gsub('\r\n', '\n')
  end
  local lines, eol = lines_of(text)
  local bo = vim.bo[buf]
  local levels = vim.api.nvim_get_option_value('undolevels', { buf = buf })
  bo.modifiable = true
  bo.undolevels = -1
  vim.api.nvim_buf_set_lines(buf, 0, -1, true, lines)
  bo.undolevels = levels
  bo.fileformat = crlf and 'dos' or 'unix'
  bo.endofline = eol
  bo.modified = false
end

local function set_options(buf)
  local bo = vim.bo[buf]
  bo.buftype = 'acwrite'
  bo.swapfile = false
  bo.undofile = false
  bo.modeline = false
  bo.fixendofline = false
end

---@param buf integer
---@param why string
local function close_off(buf, why)
  vim.bo[buf].modifiable = false
  ui.say(why, vim.log.levels.ERROR)
end

--- Reads a guest's buffer from the daemon.
---@param buf integer
---@param session table module earshot.session
function M.read(buf, session)
  local uri = vim.api.nvim_buf_get_name(buf)
  local old = buffers.attached[buf]
  if old then
    old:detach() -- and its stamp with it: what the daemon hands out now is newer
  end
  leftovers.watch() -- of a session that is not known yet
  set_options(buf)
  local err, result = session.ask('workspace/textDocumentContent', { uri = uri }, READ_MS)
  if err or not result then
    return close_off(buf, err and err.message or 'the daemon sent no text')
  end
  fill(buf, result.text)
  local _, path = M.split(uri)
  local filetype = vim.filetype.match({ buf = buf, filename = path })
  if filetype and vim.bo[buf].filetype ~= filetype then
    vim.bo[buf].filetype = filetype
    set_options(buf) -- again: people set them by file type, too
  end
  session.attach(buf, uri, { guest = true })
end

--- Saves the host's file. Waits, so that :wq knows whether it may quit.
---@param buf integer
---@param session table
function M.write(buf, session)
  local attached = buffers.attached[buf]
  if not attached then
    return ui.say('This text is not shared any more: :w FILE keeps a copy.', vim.log.levels.ERROR)
  end
  if vim.fn.line("'[") ~= 1 or vim.fn.line("']") ~= vim.fn.line('$') then
    return ui.say('A shared document is only saved whole: use :w without a range.', vim.log.levels.ERROR)
  end
  local err = session.ask('document/save', { textDocument = { uri = attached.uri } }, SAVE_MS)
  if err then
    return ui.say(('Not saved: %s'):format(err.message), vim.log.levels.ERROR)
  end
  vim.bo[buf].modified = false
end

--- Takes over what the host's file has beside its text, and whether it is saved.
---@param attached earshot.Buffer
---@param change table document/changed
function M.changed(attached, change)
  local bo = vim.bo[attached.buf]
  local form = change.form or {}
  local format = form.eol == 'crlf' and 'dos' or 'unix'
  bo.modifiable = true
  if form.eol and bo.fileformat ~= format then
    bo.fileformat = format
  end
  if form.bom ~= nil and bo.bomb ~= form.bom then
    bo.bomb = form.bom
  end
  bo.modifiable = not change.readonly
  bo.modified = change.dirty == true
  attached.stays = change.reason ~= nil and change.reason ~= ''
end

--- Gives a text that stays another name: under its own the document may be opened again, in a session that is joined
--- anew.
---@param buf integer
local function set_aside(buf)
  local name = vim.api.nvim_buf_get_name(buf)
  local id, path = name:match('^earshot://([^/]+)/(.*)$')
  local number, aside = 1, ('earshot://%s.over/%s'):format(id, path)
  while vim.fn.bufexists(aside) == 1 do
    number = number + 1
    aside = ('earshot://%s.over%d/%s'):format(id, number, path)
  end
  vim.api.nvim_buf_set_name(buf, aside)
  for _, other in ipairs(vim.api.nvim_list_bufs()) do
    if other ~= buf and vim.api.nvim_buf_get_name(other) == name then
      vim.api.nvim_buf_delete(other, { force = true }) -- Neovim keeps the old name in a buffer of its own
    end
  end
end

--- Lets a text go. In the window of a person who is typing another would take its place, and what they type would go
--- on there: it goes when they are done.
---@param buf integer
local function close(buf)
  if buf ~= vim.api.nvim_get_current_buf() or vim.api.nvim_get_mode().mode:match('^n') then
    pcall(vim.api.nvim_buf_delete, buf, { force = true })
    return
  end
  vim.bo[buf].modifiable = false
  set_aside(buf)
  vim.api.nvim_create_autocmd('ModeChanged', {
    buffer = buf,
    callback = function()
      local done = vim.api.nvim_get_mode().mode:match('^n')
      if done then
        vim.schedule(function()
          pcall(vim.api.nvim_buf_delete, buf, { force = true })
        end)
      end
      return done ~= nil
    end,
  })
end

--- The session is over and its texts go, but those of which the daemon has said that edits never reached the host:
--- they stay to be read and copied, and can't be edited. Of a session that is lost with the daemon nobody knows, so
--- that what is unsaved stays.
---@param id string
---@param why string
---@param lost boolean
function M.ended(id, why, lost)
  local kept = 0
  for _, buf in ipairs(vim.api.nvim_list_bufs()) do
    if M.split(vim.api.nvim_buf_get_name(buf)) == id then
      local attached = buffers.attached[buf]
      local stays = attached and attached.stays or lost and vim.bo[buf].modified
      if attached then
        attached:detach()
      end
      if stays then
        kept = kept + 1
        vim.bo[buf].modifiable = false
        set_aside(buf)
      else
        close(buf)
      end
    end
  end
  leftovers.sweep()
  local words = kept == 1 and 'text stays' or 'texts stay'
  local rest = kept == 0 and '' or (' %d %s here, read-only: :w FILE keeps a copy.'):format(kept, words)
  ui.say(why .. rest, vim.log.levels.WARN)
end

--- Shows a document in the current window.
---@param uri string
function M.edit(uri)
  vim.cmd({ cmd = 'edit', args = { uri }, magic = { file = false, bar = false } })
end

--- Has this plugin read a document last, whoever else does: the handlers of zip and tar files, for instance, go by the
--- end of a name and run for any scheme. What they leave in the buffer is replaced.
---@param session table
local function read_last(session)
  vim.api.nvim_create_autocmd('BufReadCmd', {
    group = vim.api.nvim_create_augroup('earshot.read', { clear = true }),
    pattern = 'earshot://*',
    nested = true,
    callback = function(event)
      M.read(event.buf, session)
    end,
  })
end

---@param group integer
---@param session table
function M.setup(group, session)
  leftovers.setup(group)
  read_last(session)
  vim.api.nvim_create_autocmd('BufAdd', {
    group = group,
    pattern = 'earshot://*',
    callback = function()
      read_last(session)
    end,
  })
  vim.api.nvim_create_autocmd('BufWriteCmd', {
    group = group,
    pattern = 'earshot://*',
    callback = function(event)
      M.write(event.buf, session)
    end,
  })
end

return M
