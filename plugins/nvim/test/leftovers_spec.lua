-- What a guest's session leaves on the disk is shown with real Neovims by daemon/earshot (TestL9…); here is what is
-- left alone.
local t = _G.t
local root = vim.fn.fnamemodify(debug.getinfo(1, 'S').source:sub(2), ':p:h:h')

local function neovim(before, after)
  local command = { vim.v.progpath, '--headless', '-u', 'NONE', '--cmd', before, '--cmd', 'set rtp^=' .. root }
  vim.list_extend(command, { '-c', 'runtime plugin/earshot.lua', '-c', after, '-c', 'qa!' })
  local ended = vim.system(command):wait(20000)
  return ended.stdout .. ended.stderr
end

t.test('who wants no shada file gets none', function()
  local said = neovim('set shada=', [[lua require('earshot.leftovers').watch() io.stderr:write('"', vim.o.shada, '"')]])
  t.equal(said, '""')
end)

t.test('a host keeps what every Neovim keeps', function()
  local shada = t.folder .. '/host.shada'
  local file = t.write('own.txt', 'my own\n')
  -- What Neovim 0.12 keeps leaves out files in /tmp, where this one is.
  neovim("set shada=!,'100,<50,s10,h shadafile=" .. shada, 'edit ' .. file .. ' | normal! yy')
  local kept = t.read(shada)
  t.truthy(kept:find('my own', 1, true) and kept:find('own.txt', 1, true))
end)
