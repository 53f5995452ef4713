-- :help earshot, :checkhealth earshot, and finding the program.
local t = _G.t
local root = vim.fn.fnamemodify(debug.getinfo(1, 'S').source:sub(2), ':p:h:h')

t.test('the tags are those of the help file, and every tag it names is there', function()
  local copy = t.folder .. '/doc'
  vim.fn.mkdir(copy)
  vim.uv.fs_copyfile(root .. '/doc/earshot.txt', copy .. '/earshot.txt')
  vim.cmd('helptags ' .. copy)
  t.equal(t.read(root .. '/doc/tags'), t.read(copy .. '/tags'), 'run :helptags doc')
  vim.cmd('help earshot')
  t.equal(vim.bo.buftype, 'help')
  for tag in t.read(root .. '/doc/earshot.txt'):gmatch('|([^|%s]+)|') do
    t.truthy(#vim.fn.getcompletion(tag:gsub('%(%)$', ''), 'help') > 0, tag)
  end
  for _, name in ipairs(require('earshot').complete('', 'Earshot ', 0)) do
    t.truthy(pcall(vim.cmd.help, ':Earshot-' .. name), name .. ' is not in the help')
  end
end)

local function health()
  vim.cmd('checkhealth earshot')
  local text = table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, true), '\n')
  vim.cmd('bwipeout!')
  return text
end

t.test('health without the program', function()
  vim.g.earshot_cmd = '/no/such/earshot'
  local text = health()
  t.truthy(text:find('g:earshot_cmd names /no/such/earshot, which is no program', 1, true), text)
  t.truthy(text:find('OK Neovim', 1, true), text)
end)

t.test('[errors] commands say why they can not run', function()
  vim.cmd('Earshot share')
  t.wait(function()
    return t.heard('which is no program')
  end, 'the message')
end)

t.test('a program that ends at once is told with its last words', function()
  vim.g.earshot_cmd = { 'sh', '-c', 'echo "no daemon today" >&2; exit 1' }
  vim.cmd('Earshot members')
  t.wait(function()
    return t.heard('no daemon today')
  end, 'the message')
end)

t.test('health with a daemon', function()
  vim.g.earshot_cmd = { vim.v.progpath, '--clean', '-l', root .. '/test/fake_attach.lua' }
  local text = health()
  t.truthy(text:find('daemon 0 answers, positions in utf-8', 1, true), text)
  t.truthy(text:find('protocol version 1', 1, true), text)
end)

t.test('a daemon that runs is told by its socket', function()
  local config = require('earshot.config')
  t.equal(config.daemon_runs(), false)
  local folder = vim.env.XDG_RUNTIME_DIR .. '/earshot'
  vim.fn.mkdir(folder)
  t.equal(config.daemon_runs(), false)
  local socket = assert(vim.uv.new_pipe())
  assert(socket:bind(folder .. '/daemon.sock'))
  t.equal(config.daemon_runs(), true)
  socket:close()
  vim.fn.delete(folder, 'rf')
  vim.env.EARSHOT_SOCKET = '/no/such/socket'
  t.equal(config.daemon_runs(), false)
  vim.env.EARSHOT_SOCKET = nil
end)
