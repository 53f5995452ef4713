-- A Neovim in a terminal of a size of its own, inside this one: what a person sees is what stands in the terminal.
local root = vim.fn.fnamemodify(debug.getinfo(1, 'S').source:sub(2), ':p:h:h')
local editor = dofile(root .. '/test/editor.lua')

---@class Terminal: Editor
---@field buf integer
---@field job integer
local Terminal = setmetatable({}, { __index = editor })
Terminal.__index = Terminal

---@param columns integer
---@param lines integer
---@return Terminal
function Terminal.new(columns, lines)
  local socket = vim.fn.tempname()
  local buf = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_open_win(buf, true, { relative = 'editor', row = 0, col = 0, width = columns, height = lines })
  local job = vim.fn.termopen({ vim.v.progpath, '-u', 'NONE', '-i', 'NONE', '-n', '--listen', socket })
  local channel
  assert(vim.wait(20000, function()
    local ok, got = pcall(vim.fn.sockconnect, 'pipe', socket, { rpc = true })
    channel = ok and got ~= 0 and got or nil
    return channel ~= nil
  end, 10), 'no Neovim in the terminal')
  local self = setmetatable({ name = 'Terminal', channel = channel, buf = buf, job = job }, Terminal)
  self:lua(
    [[
    local root = ...
    package.path = root .. '/test/?.lua;' .. package.path
    vim.opt.runtimepath:prepend(root)
    said = {}
    vim.cmd('runtime plugin/earshot.lua')
    fake = require('fake').new():install()
  ]],
    root
  )
  return self
end

--- All of the screen, without the blanks at the ends of lines, and the pauses for a slow vt100 that Neovim 0.12 prints.
---@return string[]
function Terminal:screen()
  return vim.tbl_map(function(line)
    return (line:gsub('%s+$', ''))
  end, vim.api.nvim_buf_get_lines(self.buf, 0, -1, true))
end

--- The words of the screen, wrapped or not; of a line that a window with a border covers, what that window shows.
---@return string
function Terminal:words()
  local lines = vim.tbl_map(function(line)
    return line:match('│(.-)│') or line
  end, self:screen())
  return (table.concat(lines, ' '):gsub('%s+', ' '))
end

--- Waits until a text stands on the screen, and shows the screen if it never does.
---@param text string
function Terminal:shows(text)
  if not vim.wait(10000, function()
    return self:words():find(text, 1, true) ~= nil
  end, 10) then
    error(('the screen does not show %q:\n%s'):format(text, table.concat(self:screen(), '\n')), 2)
  end
end

function Terminal:stop()
  vim.fn.rpcnotify(self.channel, 'nvim_command', 'qa!')
  vim.fn.jobwait({ self.job }, 5000)
  vim.fn.jobstop(self.job) -- one that stands still at a question
end

return Terminal
