-- Which changes the daemon is told to be the work of one command. A real Neovim, as keys have to be typed: with waits.
local t = _G.t
local root = vim.fn.fnamemodify(debug.getinfo(1, 'S').source:sub(2), ':p:h:h')
local command = { vim.v.progpath, '--embed', '--headless', '-u', 'NONE', '-i', 'NONE', '-n' }
local child = vim.fn.jobstart(command, { rpc = true })

local function lua(code, ...)
  return vim.fn.rpcrequest(child, 'nvim_exec_lua', code, { ... })
end

lua(
  [[
  local root, file = ...
  package.path = root .. '/test/?.lua;' .. package.path
  vim.opt.runtimepath:prepend(root)
  vim.notify = function() end
  vim.cmd('runtime plugin/earshot.lua')
  model = require('model')
  fake = require('fake').new():install()
  require('earshot').share(vim.fs.dirname(file))
  vim.wait(5000, function() return next(require('earshot.session').sessions) ~= nil end, 2)
  vim.cmd('edit ' .. file)
  uri = vim.uri_from_fname(file)
  vim.wait(5000, function() return fake.documents[uri] ~= nil end, 2)
  typed = ''
  vim.on_key(function(_, keys) typed = typed .. keys:gsub('\128\253.', '') end) -- without <Ignore> and the like
]],
  root,
  t.write('f.txt', 'one\n')
)

--- Types keys and waits until Neovim has nothing left of them to do.
local function type(keys)
  lua('typed = ""')
  vim.fn.rpcrequest(child, 'nvim_input', keys)
  t.wait(function()
    return lua('return typed == vim.keycode(...)', keys)
  end, 'the keys ' .. keys, 20000)
end

local START = 'foo two\nboo one\nroo six\nnothing\n'

--- What is told of keys typed in turn, each after Neovim has come to rest: for each change whether it is joined.
---@param pieces string[]
local function joins(pieces)
  lua('vim.api.nvim_buf_set_lines(0, 0, -1, true, ...)', vim.split(START, '\n', { trimempty = true }))
  lua([[vim.fn.setreg('a', 'A!\27j0x')]])
  type('gg0')
  lua('fake.log = {}')
  for _, keys in ipairs(pieces) do
    type(keys)
  end
  t.equal(lua('return fake.problems'), {}, table.concat(pieces))
  t.equal(lua('return fake.documents[uri].text'), lua("return require('earshot.buffer').text(0)"), table.concat(pieces))
  return lua([[return vim.tbl_map(function(message)
    return message.params.earshot ~= nil and message.params.earshot.joined
  end, fake:sent('textDocument/didChange'))]])
end

for name, pieces in vim.spairs({
  ['joining lines'] = { 'J' },
  [':m'] = { ':2m$<CR>' },
  [':t'] = { ':1,2t$|3d<CR>' },
  [':g'] = { ':g/o/s//0/<CR>' },
  [':s over many lines'] = { ':g/oo/s//0/|norm! x<CR>' },
  [':normal in many lines'] = { ':%norm! Ix<CR>' },
  ['a filter'] = { ':%!sort<CR>' },
  ['a filter for each of several lines'] = { ':g/oo/.!tr o 0<CR>' },
  ['a macro'] = { '@a' },
  ['a macro that is repeated'] = { '3@a' },
  ['a mapping'] = { ':nnoremap Q dwjP<CR>', 'Q' },
  ['a dot that repeats an insertion'] = { ':norm! Ix<CR>ggj', '2.' },
  ['a block insertion'] = { '<C-v>jjI', 'x', '<Esc>' },
  ['a block insertion of several keys'] = { '<C-v>jjIx<Esc>' },
  ['an insertion with a count'] = { '3ix', '<Esc>' },
  ['Replace mode'] = { 'R', 'x', 'y', '<BS>', 'z', '<Esc>' },
}) do
  t.test(name .. ' is one command', function()
    local got = joins(pieces)
    -- What stands before the command, or is the first of it, is joined to nothing.
    local first = name == 'a dot that repeats an insertion' and 2 or 1
    t.truthy(#got > first, 'it is told by one change: ' .. vim.inspect(got))
    for i, joined in ipairs(got) do
      t.equal(joined, i > first, ('change %d of %s'):format(i, vim.inspect(got)))
    end
  end)
end

for name, pieces in vim.spairs({
  ['keys of an insertion'] = { 'i', 'x', 'y', 'z', '<Esc>' },
  ['commands that are typed at one go'] = { 'xjxjx' },
  ['an insertion, and what is deleted after it'] = { 'ixy', '<Esc>', 'x' },
  ['an insertion, and the next one'] = { 'ixy', '<Esc>', 'A', '!', '<Esc>' },
  ['a dot after an insertion'] = { 'Ix', '<Esc>', 'j.' },
  ['Replace mode, and what is deleted after it'] = { 'Rx', '<Esc>', 'x' },
}) do
  t.test(name .. ': more than one command', function()
    local got = joins(pieces)
    t.truthy(#got > 1, 'it is told by one change')
    for _, joined in ipairs(got) do
      t.equal(joined, false, vim.inspect(got))
    end
  end)
end

t.test('of a block that is changed, the lines typed at the end go with the first', function()
  t.equal(joins({ '<C-v>jjlcx', '<Esc>' }), { false, false, true })
end)

t.test('what a program changes by itself is joined within one turn of the main loop', function()
  joins({ 'x' })
  lua([[
    fake.log = {}
    vim.schedule(function()
      vim.api.nvim_buf_set_lines(0, 0, 1, true, { 'formatted' })
      vim.api.nvim_buf_set_lines(0, 2, 3, true, { 'formatted' })
    end)
  ]])
  t.wait(function()
    return lua("return #fake:sent('textDocument/didChange')") == 2
  end, 'both changes')
  local flags = lua([[return vim.tbl_map(function(message)
    return message.params.earshot and message.params.earshot.joined or false
  end, fake:sent('textDocument/didChange'))]])
  t.equal(flags, { false, true })
end)

t.test("the others' edits are no part of a command", function()
  joins({ 'ix', '<Esc>' })
  lua('fake.log = {}')
  lua("fake:edit_now(uri, { model.edit(fake.documents[uri].text, 0, 0, 'R') })")
  t.equal(lua("return fake:sent('textDocument/didChange')[1].params.earshot == nil"), true)
end)

t.test('keys are watched only while something is shared', function()
  lua("require('earshot.buffer').attached[vim.api.nvim_get_current_buf()]:detach()")
  t.equal(lua('return next(require("earshot.buffer").attached) == nil'), true)
  t.equal(lua('return vim.on_key()'), 1)
end)

vim.fn.rpcnotify(child, 'nvim_command', 'qa!')
vim.fn.jobwait({ child }, 5000)
