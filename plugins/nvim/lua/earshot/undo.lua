--- The daemon's undo: one's own last edit, the others' untouched. Mapped only where the person asked for it.
local buffers = require('earshot.buffer')
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
  local over = false
  for nth = 1, times or 1 do
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
      if nth == 1 then
        ui.say(nothing)
      end
    end)
  end
end

---@param times? integer
function M.undo(times)
  run('textDocument/undo', 'Nothing of yours is left to undo.', times)
end

---@param times? integer
function M.redo(times)
  run('textDocument/redo', 'Nothing of yours is left to redo.', times)
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

---@param buf integer
function M.map(buf)
  vim.keymap.set('n', 'u', while_shared(M.undo, 'u'), { buffer = buf, desc = "Undo one's own last edit" })
  vim.keymap.set('n', '<C-r>', while_shared(M.redo, '<C-r>'), { buffer = buf, desc = "Redo one's own last edit" })
end

return M
