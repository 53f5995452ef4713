-- Runs one spec file in this Neovim and quits; SPEC names it. To be called from the main loop (vim.schedule under -c):
-- during startup Neovim fires no OptionSet.
-- A spec calls t.test(name, body); the exit code is 0 if all bodies returned.
local here = vim.fn.fnamemodify(debug.getinfo(1, 'S').source:sub(2), ':p:h')
package.path = here .. '/?.lua;' .. package.path
vim.opt.runtimepath:prepend(vim.fn.fnamemodify(here, ':h'))

local t = { failed = 0, passed = 0, folder = vim.fn.tempname() }
vim.fn.mkdir(t.folder, 'p')
vim.o.shortmess = vim.o.shortmess .. 'FWAIc'
vim.o.more = false
vim.o.columns = 200

local only = vim.env.ONLY

local function out(text)
  io.stdout:write(text, '\n')
  io.stdout:flush()
end

--- Notes for the table of plugins/README.md that a test proved, or did not, the rows which its title names in brackets.
local function proves(name, ok)
  local file = vim.env.CELLS and assert(io.open(vim.env.CELLS, 'a'))
  for row in name:gmatch('%[([a-z-]+)%]') do
    if file then
      file:write(('nvim %s %s %s\n'):format(row, ok and 'ok' or 'failed', vim.env.SPEC:match('plugins/.*')))
    end
  end
  if file then
    file:close()
  end
end

function t.test(name, body)
  if only and not name:find(only, 1, true) then
    return
  end
  local ok, err = xpcall(body, function(e)
    return debug.traceback(tostring(e), 2)
  end)
  if ok then
    t.passed = t.passed + 1
    if vim.env.VERBOSE then
      out('ok   ' .. name)
    end
  else
    t.failed = t.failed + 1
    out('FAIL ' .. name .. '\n' .. err)
  end
  proves(name, ok)
end

local function show(value)
  return (vim.inspect(value):gsub('\n%s*', ' '))
end

function t.equal(got, want, what)
  if not vim.deep_equal(got, want) then
    error(('%sgot %s, want %s'):format(what and what .. ': ' or '', show(got), show(want)), 2)
  end
end

function t.truthy(got, what)
  if not got then
    error(what or 'got false', 2)
  end
end

--- Waits for an event; the time is a limit, not a pause.
function t.wait(condition, what, limit_ms)
  if not vim.wait(limit_ms or 5000, condition, 2) then
    error('waited in vain for ' .. (what or 'a condition'), 2)
  end
end

--- Types keys as a person would, to the end.
function t.keys(keys)
  vim.api.nvim_feedkeys(vim.api.nvim_replace_termcodes(keys, true, true, true), 'xt', false)
end

function t.write(name, bytes)
  local path = t.folder .. '/' .. name
  vim.fn.mkdir(vim.fn.fnamemodify(path, ':h'), 'p')
  local file = assert(io.open(path, 'wb'))
  file:write(bytes)
  file:close()
  return path
end

function t.read(path)
  local file = assert(io.open(path, 'rb'))
  local bytes = file:read('*a')
  file:close()
  return bytes
end

--- What was said through vim.notify, newest last.
t.said = {}
vim.notify = function(text)
  t.said[#t.said + 1] = text
end

function t.heard(part)
  for _, text in ipairs(t.said) do
    if text:find(part, 1, true) then
      return true
    end
  end
  return false
end

_G.t = t
vim.cmd('runtime plugin/earshot.lua')

local ok, err = xpcall(dofile, debug.traceback, vim.env.SPEC)
if not ok then
  t.failed = t.failed + 1
  out('FAIL ' .. vim.env.SPEC .. '\n' .. tostring(err))
end
out(('%s: %d passed, %d failed'):format(vim.fn.fnamemodify(vim.env.SPEC, ':t'), t.passed, t.failed))
vim.fn.delete(t.folder, 'rf')
vim.cmd(t.failed == 0 and 'qa!' or 'cquit 1')
