--- The daemon's undo: one's own last edit, the others' untouched. Mapped only where the person asked for it.
local buffers = require('earshot.buffer')
local ui = require('earshot.ui')

local M = {}

---@param method string textDocument/undo or textDocument/redo
---@param nothing string said when there was nothing to do
function M.run(method, nothing)
  local session = require('earshot.session')
  local attached = buffers.attached[vim.api.nvim_get_current_buf()]
  if not attached then
    return ui.say('This buffer is not shared.', vim.log.levels.WARN)
  end
  session.request(method, { textDocument = { uri = attached.uri } }, function(err, result)
    if err then
      return ui.fail(err)
    end
    if not result.applied then
      ui.say(nothing)
    end
  end)
end

function M.undo()
  M.run('textDocument/undo', 'Nothing of yours is left to undo.')
end

function M.redo()
  M.run('textDocument/redo', 'Nothing of yours is left to redo.')
end

---@param own fun()
---@param native string
---@return fun() act the daemon's while the buffer is shared, Neovim's after that
local function while_shared(own, native)
  return function()
    if buffers.attached[vim.api.nvim_get_current_buf()] then
      return own()
    end
    vim.cmd(native)
  end
end

---@param buf integer
function M.map(buf)
  vim.keymap.set('n', 'u', while_shared(M.undo, 'undo'), { buffer = buf, desc = "Undo one's own last edit" })
  vim.keymap.set('n', '<C-r>', while_shared(M.redo, 'redo'), { buffer = buf, desc = "Redo one's own last edit" })
end

return M
