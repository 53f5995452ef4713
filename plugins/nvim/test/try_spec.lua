-- A trial alone: a Neovim with a real daemon, and the program's real scripted colleague, who is made to type fast.
local t = _G.t
local root = vim.fn.fnamemodify(debug.getinfo(1, 'S').source:sub(2), ':p:h:h')
local Real = dofile(root .. '/test/real.lua')
if not Real then
  return
end

local real_program = vim.env.EARSHOT_BIN or vim.env.EARSHOT_ROOT .. '/bin/earshot'
--- Where the colleague has all that is theirs: it is empty again once they are gone.
local left_behind = t.folder .. '/tmp'
vim.fn.mkdir(left_behind)

--- A program that is the real one, but for this behind `try`.
---@param name string
---@param tries string of shell; $earshot is the real one
---@return string
local function program(name, tries)
  local head = ("#!/bin/sh\nearshot='%s'\n[ \"$1\" = try ] || exec \"$earshot\" \"$@\"\n"):format(real_program)
  local file = t.write(name, ('%sexport TMPDIR=%s\n%s\n'):format(head, left_behind, tries))
  vim.uv.fs_chmod(file, 448)
  return file
end

local fast = program('fast', 'exec "$earshot" "$@" --key 4ms')
--- Says nothing after the first seconds, so that no broken pipe ends it.
local silent = program('silent', 'exec "$earshot" "$@" --key 1m')
--- Never says that it is over, and stays until it is told to go.
local staying = program(
  'staying',
  [["$earshot" "$@" --key 4ms | while read -r line; do
  case $line in *ended*) ;; *) printf '%s\n' "$line" ;; esac
done
while :; do sleep 0.05; done]]
)
local failing = program('failing', 'echo "earshot: no Robin today; try tomorrow" >&2\nexit 1')

local function colleague_is_there()
  return #vim.fn.readdir(left_behind) > 0
end

local function waits_until_gone()
  t.wait(function()
    return not colleague_is_there()
  end, 'the end of the colleague: ' .. vim.inspect(vim.fn.readdir(left_behind)), 20000)
end

local person = Real.new('Ada')

local function is_told(part)
  person:wait(("table.concat(said, '\\n'):find(%q, 1, true)"):format(part), part)
end

---@param with string program
local function tries(with)
  person:lua("vim.g.earshot_cmd, said = ..., {}; vim.cmd('Earshot try')", with)
end

local function shows_text()
  person:wait("vim.api.nvim_buf_get_name(0):match('^earshot://.*/hello.txt$')", 'the text')
  person:waits_for_didOpen()
end

t.test('the colleague shares a text, which opens, types, answers, and goes', function()
  tries(fast)
  shows_text()
  is_told('Your turn')
  t.truthy(person:text():find('Hi Ada! I am Robin', 1, true), person:text())
  person:type('Gohello<Esc>')
  is_told('You typed "hello"; Robin answers.')
  person:wait("require('earshot.buffer').text(0):find('> HELLO (5 characters)', 1, true)", 'the answer')
  is_told('That is how a colleague feels.')
  person:wait("#require('earshot.session').list() == 0", 'the end of the session')
  waits_until_gone()
  local told = table.concat(person:lua('return said'), '\n')
  t.truthy(not told:find('unexpected', 1, true), told)
end)

t.test('leaving ends the colleague, and another may come at once', function()
  tries(staying)
  shows_text()
  t.truthy(colleague_is_there())
  person:lua("vim.cmd('Earshot try')")
  is_told('A trial runs already')
  -- In one go: the second one is not there yet when the person gives up.
  local told = person:lua([[
    require('earshot').leave()
    vim.wait(20000, function() return #require('earshot.session').list() == 0 end, 1)
    vim.g.earshot_cmd, said = ..., {}
    vim.cmd('Earshot try')
    require('earshot').leave()
    return said
  ]], fast)
  t.equal(told, { 'Earshot: A scripted colleague comes; :Earshot leave ends it.', 'Earshot: No longer trying.' })
  waits_until_gone()
  t.equal(person:lua("return #require('earshot.session').list()"), 0)
end)

t.test('[errors] why there is no colleague is said in one sentence', function()
  tries(failing)
  is_told('Earshot: no Robin today; try tomorrow')
end)

t.test('quitting Neovim ends the colleague', function()
  tries(silent)
  shows_text()
  t.truthy(colleague_is_there())
  person:stop()
  waits_until_gone()
end)
