--- The daemon's undo: one's own last edit, the others' untouched. Mapped only where and while the person asks for it.
local buffers = require('earshot.buffer')
local config = require('earshot.config')
local ui = require('earshot.ui')

local M = {}

---@param method string textDocument/undo or textDocument/redo
---@param nothing string said when there was nothing to do
---@param times? integer
local function run(method, nothing, times)
  local session = require('earshot.session')
  local attached = buffers.attached[vim.api.nvim_get_current_buf()]
  if not attached then
    return ui.say('This buffer is not shared.', vim.log.levels.WARN)
  end
  if not attached.guest and not vim.bo[attached.buf].modifiable then -- a guest's is the host's affair, who says why
    return ui.say("This buffer can't be changed: 'modifiable' is off.", vim.log.levels.ERROR)
  end
  local over = false
  for _ = 1, times or 1 do
    session.request(method, { textDocument = { uri = attached.uri } }, function(err, result)
      if over then
        return
      end
      if err then
        over = true
        return ui.fail(err)
      end
      if result.applied then
        attached.look_there = true -- the edit is on its way, behind this answer
        return
      end
      over = true
      ui.say(nothing)
    end)
  end
end

---@param times? integer
function M.undo(times)
  run('textDocument/undo', 'Already at oldest change of your own.', times)
end

---@param times? integer
function M.redo(times)
  run('textDocument/redo', 'Already at newest change of your own.', times)
end

---@param own fun(times: integer)
---@param native string the key
---@return fun() act the daemon's while the buffer is shared, Neovim's after that
local function while_shared(own, native)
  return function()
    local times = vim.v.count1
    if buffers.attached[vim.api.nvim_get_current_buf()] then
      return own(times)
    end
    vim.api.nvim_feedkeys(times .. vim.keycode(native), 'n', false)
  end
end

local keys = {
  ['u'] = { act = while_shared(M.undo, 'u'), desc = "Undo one's own last edit" },
  ['<C-r>'] = { act = while_shared(M.redo, '<C-r>'), desc = "Redo one's own last edit" },
}

---@param buf integer
---@param key string
---@return boolean ours the buffer has the key mapped, and nobody has mapped it anew
local function is_mapped(buf, key)
  return vim.api.nvim_buf_call(buf, function()
    local found = vim.fn.maparg(key, 'n', false, true)
    return found.buffer == 1 and found.desc == keys[key].desc
  end)
end

---@param buf integer
function M.map(buf)
  for key, mapping in pairs(keys) do
    vim.keymap.set('n', key, mapping.act, { buffer = buf, desc = mapping.desc })
  end
end

---@param buf integer
local function unmap(buf)
  for key in pairs(keys) do
    if is_mapped(buf, key) then
      vim.keymap.del('n', key, { buffer = buf })
    end
  end
end

--- Maps the keys in all shared buffers, or gives them back, as the person wishes now.
function M.follow_wish()
  local wished = config.own_undo()
  for buf, attached in pairs(buffers.attached) do
    if attached.own_keys ~= wished and vim.api.nvim_buf_is_valid(buf) then
      attached.own_keys = wished;
      (wished and M.map or unmap)(buf)
    end
  end
end

--- Called when the variable is set or removed, in which case it is still there.
function M.wish_changes()
  vim.schedule(M.follow_wish)
end

--- Call once: watches the variable, by whatever means it is set.
function M.setup()
  vim.cmd([[call dictwatcheradd(g:, 'earshot_own_undo', {-> v:lua.require'earshot.undo'.wish_changes()})]])
end

return M
