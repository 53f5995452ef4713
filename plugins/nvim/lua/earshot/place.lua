--- Goes to places in shared documents: in a window that is fit for it, so that no list, help page or terminal of the
--- person's is put aside.
local buffers = require('earshot.buffer')
local guest = require('earshot.guest')
local presence = require('earshot.presence')
local ui = require('earshot.ui')

local M = {}

local session ---@type table module earshot.session

---@param win integer
---@return boolean
local function fits(win)
  local kind = vim.bo[vim.api.nvim_win_get_buf(win)].buftype
  return (kind == '' or kind == 'acwrite') and vim.fn.win_gettype(win) == '' and not vim.wo[win].winfixbuf
end

--- The window where a document is to be shown: this one, the one before, or another of this page; else a new one.
---@return integer
local function window()
  local wins = { vim.api.nvim_get_current_win(), vim.fn.win_getid(vim.fn.winnr('#')) }
  vim.list_extend(wins, vim.api.nvim_tabpage_list_wins(0))
  for _, win in ipairs(wins) do
    if win ~= 0 and fits(win) then
      return win
    end
  end
  return vim.api.nvim_open_win(vim.api.nvim_create_buf(true, false), true, { split = 'above', win = -1 })
end

--- A host's document is the file that it is.
---@param uri string
---@return string? path
local function own_file(uri)
  if uri:match('^file:') then
    return vim.uri_to_fname(uri)
  end
  local id, path = guest.split(uri)
  local one = id and session.sessions[id]
  local own = one and one.role == 'host' and one.folder and path
  return own and vim.uri_to_fname(one.folder) .. '/' .. path or nil
end

--- Tells of what happened to the names of texts that are open here.
---@param params earshot.FileChanged
function M.file_changed(params)
  for _, change in ipairs(params.changes) do
    local was = change.from or change.uri
    local path = own_file(was)
    if buffers.of_uri(was) or path and buffers.of_uri(vim.uri_from_fname(path)) then
      local name = ui.clean(select(2, guest.split(was)) or was)
      if change.kind == 'deleted' then
        ui.say(('%s was deleted; what you see of it stays, and :w makes it anew.'):format(name), vim.log.levels.WARN)
      elseif change.kind == 'renamed' then
        local now = ui.clean(select(2, guest.split(change.uri)) or change.uri)
        ui.say(('%s is called %s now; this buffer goes on in it.'):format(name, now))
      end
    end
  end
end

---@param command string
---@param name string
local function run(command, name)
  vim.cmd({ cmd = command, args = { name }, magic = { file = false, bar = false }, mods = { hide = true } })
end

--- Shows a document; what is shown is left alone if it is the same.
---@param uri string
---@return boolean shown
function M.show(uri)
  local attached = buffers.of_uri(uri)
  local path = own_file(uri)
  if vim.fn.getcmdwintype() ~= '' or not (attached or path or uri:match('^earshot://')) then
    return false
  end
  vim.api.nvim_set_current_win(window())
  local buf = attached and attached.buf or path and vim.fn.bufadd(path)
  if not buf or not vim.api.nvim_buf_is_loaded(buf) then
    run('edit', path or uri)
    return path ~= nil or buffers.of_uri(uri) ~= nil
  end
  if vim.api.nvim_get_current_buf() ~= buf then
    run('buffer', tostring(buf))
  end
  return true
end

--- The first line to show so that what someone else sees is seen here: the same one, or, where this window is too low
--- to hold their cursor too, one that has it as far down as they have.
---@param line integer one-based, of the cursor
---@param first integer one-based, what they see
---@param last integer
---@param height integer of this window
---@return integer
function M.top_line(line, first, last, height)
  if line < first or line - first < height then
    return math.max(1, math.min(first, line))
  end
  local part = (line - first) / math.max(last - first + 1, line - first + 1)
  return math.max(1, line - math.floor(part * height))
end

--- Goes to a place of the document that the current window shows.
---@param at {line: integer, character: integer}
---@param visible? {start: {line: integer}, end: {line: integer}} what someone else sees of it
function M.go(at, visible)
  presence.go(at)
  if visible then
    local line, height = vim.fn.line('.'), vim.api.nvim_win_get_height(0)
    local top = M.top_line(line, visible.start.line + 1, math.max(visible['end'].line, visible.start.line + 1), height)
    vim.fn.winrestview({ topline = math.min(top, vim.fn.line('$')) })
  end
end

---@param the_session table module earshot.session
function M.setup(the_session)
  session = the_session
end

return M
