-- Neovims without a screen, each with a real daemon; nil where the program is not built (bin/earshot, or EARSHOT_BIN).
local root = vim.fn.fnamemodify(debug.getinfo(1, 'S').source:sub(2), ':p:h:h')
local program = vim.env.EARSHOT_BIN or (vim.env.EARSHOT_ROOT or '') .. '/bin/earshot'
if vim.fn.executable(program) == 0 then
  io.stdout:write(('%s: left out, there is no %s (make build)\n'):format(vim.fs.basename(vim.env.SPEC), program))
  return nil
end

---@class Real: Editor
---@field home string of the person, who has one daemon
local Real = dofile(root .. '/test/editor.lua')

---@param name string
---@param home? string of a person who has an editor already
---@return Real
function Real.new(name, home)
  if not home then
    home = vim.fn.tempname() -- sockets have short names
    vim.fn.mkdir(home .. '/run', 'p', '0700')
  end
  local channel = vim.fn.jobstart({ vim.v.progpath, '--embed', '--headless', '-u', 'NONE', '-i', 'NONE', '-n' }, {
    rpc = true,
    env = { HOME = home, XDG_RUNTIME_DIR = home .. '/run', XDG_CONFIG_HOME = home .. '/config' },
  })
  local self = setmetatable({ name = name, channel = channel, home = home }, Real)
  self:lua(
    [[
    local root, program, name = ...
    vim.opt.runtimepath:prepend(root)
    vim.g.earshot_cmd, vim.g.earshot_name = program, name
    said = {}
    vim.notify = function(text) said[#said + 1] = text end
    vim.ui.select = function(_, _, done) done(nil) end
    vim.cmd('runtime plugin/earshot.lua')
  ]],
    root,
    program,
    name
  )
  return self
end

---@return string
function Real:text()
  return self:lua("return require('earshot.buffer').text(0)")
end

--- Waits until the buffer on its screen is shared.
function Real:waits_for_didOpen()
  self:wait("require('earshot.buffer').attached[vim.api.nvim_get_current_buf()]", 'didOpen')
end

---@param project string
---@return string code
function Real:share(project)
  self:lua("require('earshot').share(...)", project)
  self:wait("require('earshot.session').list()[1]", 'the session')
  return self:lua("return require('earshot.session').list()[1].code")
end

--- Shows a shared file: a host's own, or a guest's by the list.
---@param project string
---@param name string
function Real:open(project, name)
  local hosts = self:lua("return require('earshot.session').list()[1].role == 'host'")
  if hosts then
    self:lua('vim.cmd.edit(...)', vim.fn.fnameescape(project .. '/' .. name))
  else
    self:lua("require('earshot').open(...)", name)
  end
  self:wait(("vim.api.nvim_buf_get_name(0):match('/%s$')"):format(vim.pesc(name)), name)
  self:waits_for_didOpen()
end

--- Waits until all hold the same text and nothing moves any more.
---@param editors Real[]
---@param what string
---@return string text
function Real.settle(editors, what)
  for _, editor in ipairs(editors) do
    editor:rest()
  end
  local last, same, texts = nil, 0, nil
  local equal = vim.wait(30000, function()
    texts = vim.tbl_map(Real.text, editors)
    local all_same = texts[1] == last
    for _, text in ipairs(texts) do
      all_same = all_same and text == texts[1]
    end
    same, last = all_same and same + 1 or 0, texts[1]
    return same >= 10
  end, 50)
  if not equal then
    for _, text in ipairs(texts) do
      _G.t.equal(text, texts[1], what)
    end
  end
  return last
end

return Real
