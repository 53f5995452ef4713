-- A real Neovim at the other end of a pipe, with keys that wait for more: what may be disturbed and what may not.
local t = _G.t
local root = vim.fn.fnamemodify(debug.getinfo(1, 'S').source:sub(2), ':p:h:h')
local command = { vim.v.progpath, '--embed', '--headless', '-u', 'NONE', '-i', 'NONE', '-n' }
local child = vim.fn.jobstart(command, { rpc = true })

local function lua(code, ...)
  return vim.fn.rpcrequest(child, 'nvim_exec_lua', code, { ... })
end

local function input(keys)
  vim.fn.rpcrequest(child, 'nvim_input', keys)
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
  -- All of this runs in timers: they go on while the main loop stands still.
  function when(condition, act)
    local timer = vim.uv.new_timer()
    timer:start(1, 2, function()
      if not timer:is_closing() and condition() then
        timer:close()
        act()
      end
    end)
  end
  function send_when(condition, text)
    when(condition, function()
      local id = fake:edit(uri, { model.edit(text, 0, 0, 'R') })
      when(function() return fake.answers[id] end, function()
        vim.rpcnotify(1, 'nvim_exec_lua', '_G.answer = ...', { fake.answers[id].result })
      end)
    end)
  end
]],
  root,
  t.write('f.txt', 'one two\ntwo three\n')
)

local function check_consistent(keys)
  t.equal(lua('return fake.problems'), {}, keys)
  t.equal(lua('return fake.documents[uri].text'), lua("return require('earshot.buffer').text(0)"), keys)
end

local function wait_for_answer(keys)
  t.wait(function()
    return _G.answer ~= nil
  end, 'the answer during ' .. keys, 20000)
end

--- Types keys, waits for the state they lead to, sends an edit, waits for its answer, and ends the keys.
---@param state string a Lua expression
---@param finish string
---@return boolean applied
local function try_during(keys, state, finish)
  _G.answer = nil
  local text = lua('return fake.documents[uri].text')
  input(keys)
  t.wait(function()
    return lua('return ' .. state)
  end, state .. ' after ' .. keys, 20000)
  lua('send_when(function() return true end, ...)', text)
  wait_for_answer(keys)
  input(finish)
  t.wait(function()
    return lua("return vim.api.nvim_get_mode().mode == 'n'")
  end, 'the end of ' .. keys, 20000)
  check_consistent(keys)
  return _G.answer.applied
end

--- The same where the keys stop the main loop, and anything asked over the pipe with it.
local function try_while_stopped(keys, finish)
  _G.answer = nil
  local text = lua('return fake.documents[uri].text')
  lua(
    [[send_when(function()
      local mode = vim.api.nvim_get_mode()
      return mode.blocking or mode.mode:match('^r')
    end, ...)]],
    text
  )
  input(keys)
  wait_for_answer(keys)
  input(finish)
  check_consistent(keys)
  return _G.answer.applied
end

local function mode(wanted)
  return ("vim.api.nvim_get_mode().mode == '%s'"):format(wanted)
end

t.test('while keys are awaited, an edit is refused without the main loop', function()
  for _, case in ipairs({
    { 'r', '<Esc>' },
    { ':%s/o/0/gc<CR>', 'q' },
  }) do
    t.equal(try_while_stopped(case[1], case[2] .. '<Esc>'), false, case[1])
  end
end)

t.test('refused in the middle of something', function()
  for _, case in ipairs({
    { 'd', mode('no'), '<Esc>' },
    { 'itw<C-n>', mode('ic'), '<C-e><Esc>u' },
    { 'i<C-x>', mode('ix'), '<Esc>' },
    { 'qa', "vim.fn.reg_recording() == 'a'", 'q' },
    { 'q:', "vim.fn.getcmdwintype() == ':'", ':q<CR>' },
    { 'gg<C-v>jIab', mode('i'), '<Esc>u' },
    { 'gg<C-v>jc', mode('i'), '<Esc>u' },
    { ':%s/t/T\\r', mode('c'), '<Esc>' },
  }) do
    t.equal(try_during(case[1], case[2], case[3]), false, case[1])
  end
end)

t.test('applied where it disturbs nothing', function()
  for _, case in ipairs({
    { '', mode('n'), '' },
    { 'iab', mode('i'), '<Esc>' },
    { 'Ronly', mode('R'), '<Esc>' },
    { 'v', mode('v'), '<Esc>' },
    { 'gh', mode('s'), '<Esc>' },
    { '/two', mode('c'), '<Esc>' },
    { ':set inccommand=<CR>:%s/t/T', mode('c'), '<Esc>:set inccommand&<CR>' },
    { 'gg<C-v>jIab<Esc>ix', mode('i'), '<Esc>' },
  }) do
    t.equal(try_during(case[1], case[2], case[3]), true, case[1])
  end
end)

--- Asks for everything that reads the whole text, while what stands in the buffer is not to be told.
local function check_nothing_told(keys, state, finish)
  local before = lua('return fake.documents[uri].text')
  input(keys)
  t.wait(function()
    return lua('return ' .. state)
  end, state)
  for _, method in ipairs({ 'sync_shape', 'verify', 'rebind' }) do
    lua('local m = ... local b = require("earshot.buffer").of_uri(uri) b[m](b)', method)
  end
  t.equal(lua('return fake.documents[uri]'), vim.NIL, keys)
  input(finish)
  t.wait(function()
    return lua('return fake.documents[uri] ~= nil')
  end, 'didOpen')
  t.equal(lua('return fake.documents[uri].text'), before, keys)
  input('gg0ix<Esc>')
  t.wait(function()
    return lua('return fake.documents[uri].text') == 'x' .. before
  end, 'a report')
  check_consistent(keys)
end

t.test('the preview of a command is nobody\'s text', function()
  check_nothing_told(':%s/t/preview', "vim.fn.getcmdline() == '%s/t/preview'", '<Esc>')
end)

t.test('a :s///c is told when it is over', function()
  -- Older ones stop the main loop meanwhile.
  if vim.fn.has('nvim-0.12') == 1 then
    check_nothing_told(':%s/t/confirm/gc<CR>', mode('r?'), 'q')
  end
end)

vim.fn.jobstop(child)
