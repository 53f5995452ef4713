-- A person: a home folder with a daemon of its own, and a Neovim in a terminal, typed into as a terminal sends keys.
local root = vim.fn.fnamemodify(debug.getinfo(1, 'S').source:sub(2), ':p:h:h:h')
local Editor = dofile(root .. '/test/editor.lua')
local program = vim.env.EARSHOT_BIN or vim.env.EARSHOT_ROOT .. '/bin/earshot'

local COLUMNS, LINES = 80, 24

---@class Person: Editor
---@field buf integer the terminal
---@field keys integer how many were typed
local Person = setmetatable({}, { __index = Editor })
Person.__index = Person

--- Escape as terminals send it that tell it from the beginning of another key, so that a slow machine does not matter.
local SPECIAL = { ['<Esc>'] = '\27[27u', ['<CR>'] = '\r', ['<BS>'] = '\127' }

---@param name string
---@return Person
function Person.new(name)
  local home = vim.fn.tempname() -- sockets have short names
  vim.fn.mkdir(home .. '/run', 'p', '0700')
  local self = setmetatable({ name = name, home = home, keys = 0 }, Person)
  self.env = { HOME = home, XDG_RUNTIME_DIR = home .. '/run', XDG_CONFIG_HOME = home .. '/config' }
  self.buf = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_open_win(self.buf, true, { relative = 'editor', row = 0, col = 0, width = COLUMNS, height = LINES })
  local socket = home .. '/nvim'
  local setup = ([[lua
    vim.opt.runtimepath:prepend(%q)
    vim.g.earshot_cmd, vim.g.earshot_name, vim.g.earshot_own_undo = %q, %q, true
    vim.o.statusline = "%%f %%{v:lua.require'earshot'.statusline()}"
    vim.o.shortmess, vim.o.ruler, vim.o.wrap = vim.o.shortmess .. 'FWAIcs', false, false
    said = {}
    local ui = require('earshot.ui')
    local say = ui.say
    ui.say = function(text, level) said[#said + 1] = text say(text, level) end
  ]]):format(root, program, name):gsub('\n', ' ')
  self.job = vim.fn.termopen({
    vim.v.progpath, '-u', 'NONE', '-i', 'NONE', '-n', '--listen', socket, '--cmd', setup,
    '-c', 'runtime plugin/earshot.lua',
  }, { env = self.env })
  assert(vim.wait(20000, function()
    local ok, got = pcall(vim.fn.sockconnect, 'pipe', socket, { rpc = true })
    self.channel = ok and got ~= 0 and got or nil
    return self.channel ~= nil
  end, 10), 'no Neovim in the terminal')
  return self
end

--- The keys of "dd<Esc>", one by one.
---@param keys string
---@return string[]
function Person.split(keys)
  local found = {}
  while keys ~= '' do
    local key = keys:match('^<%u[%w-]*>') or vim.fn.strcharpart(keys, 0, 1, true)
    found[#found + 1] = key
    keys = keys:sub(#key + 1)
  end
  return found
end

--- Sends one key.
---@param key string
function Person:press(key)
  self.keys = self.keys + 1
  local control = key:match('^<C%-(%l)>$')
  local bytes = control and string.char(control:byte() - 96) or SPECIAL[key] or key
  vim.api.nvim_chan_send(self.job, bytes)
end

--- Keys as fast as they are taken.
---@param keys string
function Person:type(keys)
  for _, key in ipairs(Person.split(keys)) do
    self:press(key)
  end
end

---@return string[]
function Person:screen()
  return vim.api.nvim_buf_get_lines(self.buf, 0, -1, true)
end

--- A Lua value of the editor; an error with its screen if it waits for a key, and could not answer.
function Person:lua(code, ...)
  local free = vim.wait(5000, function()
    return not vim.fn.rpcrequest(self.channel, 'nvim_get_mode').blocking
  end, 10)
  if not free then
    error(('%s waits for a key:\n%s'):format(self.name, table.concat(self:screen(), '\n')), 2)
  end
  return Editor.lua(self, code, ...)
end

---@return string
function Person:text()
  return self:lua("return require('earshot.buffer').text(0)")
end

function Person:stop()
  vim.fn.rpcnotify(self.channel, 'nvim_command', 'qa!')
  vim.fn.jobwait({ self.job }, 5000)
  vim.fn.jobstop(self.job)
  vim.system({ program, 'rpc', 'daemon/stop', '{"force":true}' }, { env = self.env, timeout = 20000 }):wait()
end

return Person
