--- A host's buffers: its own files. Neovim writes them; the daemon may write them too, when a guest saves.
local buffers = require('earshot.buffer')
local ui = require('earshot.ui')
local uv = vim.uv or vim.loop

local M = {}

--- Documents shared one by one, by session id: the contract's Session names only a folder.
---@type table<string, table<string, true>>
M.documents = {}

--- Names of files shared one by one from elsewhere, by session id: all that a listing tells of them.
---@type table<string, table<string, true>>
M.names = {}

---@param attached? earshot.Buffer
---@return boolean
local function is_scratch(attached)
  return attached ~= nil and vim.startswith(attached.uri, 'untitled:')
end

---@param buf integer
---@return string? uri of a buffer that could be shared
function M.uri(buf)
  if not vim.api.nvim_buf_is_loaded(buf) or vim.bo[buf].buftype ~= '' then
    return nil
  end
  if is_scratch(buffers.attached[buf]) then
    return buffers.attached[buf].uri -- written to a file meanwhile, it is still the text that the others have
  end
  local name = vim.api.nvim_buf_get_name(buf)
  if name == '' then
    return ('untitled:nvim-%d-%d/scratch'):format(vim.fn.getpid(), buf)
  end
  if name:match('^%a[%w+.-]+://') then
    return nil
  end
  return vim.uri_from_fname(vim.fn.fnamemodify(name, ':p'))
end

--- A path with its links resolved as far as it exists; a new file's folder does.
---@param path string
---@return string
function M.real(path)
  local real = uv.fs_realpath(path)
  if real then
    return real
  end
  local parent = vim.fs.dirname(path)
  if parent == path then
    return path
  end
  return (M.real(parent):gsub('/$', '')) .. '/' .. vim.fs.basename(path)
end

---@param uri string of a file
---@param folder string uri
---@return boolean
function M.is_inside(uri, folder)
  if not uri:match('^file:') or not folder:match('^file:') then
    return false
  end
  local root = M.real(vim.uri_to_fname(folder)):gsub('/$', '') .. '/'
  return vim.startswith(M.real(vim.uri_to_fname(uri)), root)
end

--- Whether one of the sessions shares this document, as far as that can be told here; the daemon knows for sure, and
--- never sends on what is not shared.
---@param uri string
---@param sessions table<string, table>
---@return boolean
function M.is_shared(uri, sessions)
  for id, session in pairs(sessions) do
    if session.role == 'host' and session.state ~= 'ended' then
      local documents, names = M.documents[id] or {}, M.names[id] or {}
      local named = uri:match('^file:') and names[vim.fs.basename(vim.uri_decode(uri))]
      if documents[uri] or named or (session.folder and M.is_inside(uri, session.folder)) then
        return true
      end
    end
  end
  return false
end

--- Attaches what is shared and lets go of what no longer is.
---@param session table module earshot.session
function M.refresh(session)
  for _, buf in ipairs(vim.api.nvim_list_bufs()) do
    local uri = M.uri(buf)
    local attached = buffers.attached[buf]
    local shared = uri ~= nil and M.is_shared(uri, session.sessions)
    if attached and not attached.guest and not attached.held and (not shared or attached.uri ~= uri) then
      attached:detach()
      attached = nil
    end
    if shared and not attached then
      M.attach(buf, session)
    end
  end
end

--- What tells one writing of a file from another.
---@param buf integer
---@return {sec: integer, nsec: integer, size: integer}?
function M.disk(buf)
  local stat = uv.fs_stat(vim.api.nvim_buf_get_name(buf))
  return stat and { sec = stat.mtime.sec, nsec = stat.mtime.nsec, size = stat.size }
end

---@param attached earshot.Buffer
---@return boolean the file is as the daemon, or this Neovim, left it
local function disk_is_ours(attached)
  return attached.disk ~= nil and vim.deep_equal(attached.disk, M.disk(attached.buf))
end

--- Neovim found the file changed. A guest's save is known; anything else is dealt with as the person has set it.
---@param attached earshot.Buffer
local function changed_outside(attached)
  if vim.v.fcs_reason ~= 'deleted' and disk_is_ours(attached) then
    vim.v.fcs_choice = ''
  elseif vim.go.autoread and vim.v.fcs_reason ~= 'deleted' and not vim.bo[attached.buf].modified then
    vim.v.fcs_choice = 'reload'
  else
    vim.v.fcs_choice = 'ask'
  end
end

--- Any FileChangedShell autocommand keeps Neovim from asking, so only attached buffers get one.
---@param buf integer
local function watch_file(buf)
  vim.api.nvim_clear_autocmds({ group = M.group, event = 'FileChangedShell', buffer = buf })
  vim.api.nvim_create_autocmd('FileChangedShell', {
    group = M.group,
    buffer = buf,
    callback = function()
      local attached = buffers.attached[buf]
      if attached then
        changed_outside(attached)
        return nil
      end
      vim.v.fcs_choice = 'ask'
      return true
    end,
  })
end

--- Whether a buffer would be written as UTF-8: in another encoding what guests write might have no characters.
---@param buf integer
---@return boolean
local function is_utf8(buf)
  local encoding = vim.bo[buf].fileencoding
  return encoding == '' or encoding == 'utf-8'
end

---@param buf integer
---@param session table
---@return earshot.Buffer?
function M.attach(buf, session)
  if not is_utf8(buf) or not buffers.is_text(buf) then
    ui.say(
      ('%s is not UTF-8 text and is not shared; :set fileencoding=utf-8 and :w change that.'):format(
        vim.fn.fnamemodify(vim.api.nvim_buf_get_name(buf), ':t')
      ),
      vim.log.levels.WARN
    )
    return nil
  end
  local attached = session.attach(buf, M.uri(buf), { guest = false })
  attached.disk = M.disk(buf)
  watch_file(buf)
  return attached
end

--- The document was saved, or is no longer. If a guest saved it, the file is newer than Neovim believes.
---@param attached earshot.Buffer
---@param change table document/changed
function M.changed(attached, change)
  if not change.dirty then
    local now = M.disk(attached.buf)
    attached.stale = attached.stale or not vim.deep_equal(attached.disk, now)
    attached.disk = now
  end
  if not is_scratch(attached) then
    vim.bo[attached.buf].modified = change.dirty == true
  end
end

--- Before Neovim writes a file that a guest's save wrote meanwhile, it would ask whether to overwrite what it has not
--- read. It is the text both hold: a forced write settles that without a question, and without reading the file anew,
--- which would put a whole-text step into the undo history and lose folds.
---@param attached earshot.Buffer
local function settle(attached)
  if attached.stale and disk_is_ours(attached) then
    vim.cmd('silent noautocmd keepalt write!')
  end
  attached.stale = false
end

---@param group integer
---@param session table
function M.setup(group, session)
  M.group = group
  local function on(events, act)
    vim.api.nvim_create_autocmd(events, {
      group = group,
      callback = function(event)
        local attached = buffers.attached[event.buf]
        if attached and not attached.guest then
          act(attached, event)
        end
      end,
    })
  end
  local function own_file(attached, event)
    return vim.fn.fnamemodify(event.match, ':p') == vim.api.nvim_buf_get_name(attached.buf)
  end
  on('BufWritePre', function(attached, event)
    if own_file(attached, event) then
      settle(attached)
    end
  end)
  on('BufWritePost', function(attached, event)
    if own_file(attached, event) and not is_scratch(attached) then
      local was_new = attached.disk == nil
      attached.disk = M.disk(attached.buf)
      if was_new then
        attached:rebind() -- only now is there a file that the daemon can share
      end
      session.notify('textDocument/didSave', { textDocument = { uri = attached.uri } })
    end
  end)
  vim.api.nvim_create_autocmd({ 'BufReadPost', 'BufNewFile', 'BufFilePost' }, {
    group = group,
    callback = function()
      -- After the others' autocommands, when the text and its options are final.
      vim.schedule(function()
        M.refresh(session)
      end)
    end,
  })
end

return M
