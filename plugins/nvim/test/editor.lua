--- A Neovim that a spec drives: what both kinds of specs with real editors have in common.
---@class Editor
---@field name string
---@field channel integer
local Editor = {}
Editor.__index = Editor

function Editor:lua(code, ...)
  return vim.fn.rpcrequest(self.channel, 'nvim_exec_lua', code, { ... })
end

function Editor:wait(expression, what)
  if not vim.wait(20000, function()
    return self:lua('return (' .. expression .. ') and true or false')
  end, 20) then
    error(
      ('%s waited in vain for %s; it was told: %s'):format(
        self.name,
        what or expression,
        vim.inspect(self:lua('return said'))
      ),
      2
    )
  end
end

--- Keys as typed. Neovim takes only what its buffer has room for.
function Editor:type(keys)
  while keys ~= '' do
    keys = keys:sub(vim.fn.rpcrequest(self.channel, 'nvim_input', keys) + 1)
  end
end

--- Waits until all typed keys are done: what is typed behind them has been seen.
function Editor:rest()
  self.rests = (self.rests or 0) + 1
  self:type(('<Esc>:let g:rested = %d<CR>'):format(self.rests))
  self:wait(('vim.g.rested == %d'):format(self.rests), 'its own keys')
end

--- How many texts the daemon had to mend.
---@return integer
function Editor:healed()
  return self:lua([[
    local err, status = require('earshot.session').ask('daemon/status', vim.empty_dict(), 5000)
    return err and err.message or status.healed
  ]])
end

function Editor:stop()
  vim.fn.rpcnotify(self.channel, 'nvim_command', 'qa!')
  vim.fn.jobwait({ self.channel }, 5000)
end

return Editor
