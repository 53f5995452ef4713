-- Where editors and shared text do not fit: forms of files, large ones, other names, other programs. With real daemons.
local t = _G.t
local root = vim.fn.fnamemodify(debug.getinfo(1, 'S').source:sub(2), ':p:h:h')
local Real = dofile(root .. '/test/real.lua')
if not Real then
  return
end

local project = t.folder .. '/project'
vim.fn.mkdir(project, 'p')
local host, guest = Real.new('Grace'), Real.new('Ada')
local both = { host, guest }

--- A session that both are in.
---@param what string that the host shares
local function come_together(what)
  guest:lua("require('earshot').join(...)", host:share(what))
  host:wait("#require('earshot.ui').waiting() > 0", 'the knock')
  host:lua("require('earshot').admit()")
  guest:wait("require('earshot.session').list()[1]", 'the session')
end

come_together(project)

---@param name string
---@param bytes string
local function open(name, bytes)
  t.write('project/' .. name, bytes)
  for _, editor in ipairs(both) do
    editor:open(project, name)
  end
  return Real.settle(both, name .. ' opened')
end

---@param name string
local function disk(name)
  return t.read(project .. '/' .. name)
end

--- Types, and waits until both have it.
local function type_and_see(editor, keys, want, what)
  editor:type(keys)
  for _, each in ipairs(both) do
    each:wait(("require('earshot.buffer').text(0) == %q"):format(want), what or keys)
  end
end

local function save(editor)
  editor:type('<Esc>:silent w<CR>')
  for _, each in ipairs(both) do
    each:wait('not vim.bo.modified', 'that it is saved')
  end
end

--- What stays as it is on the disk beside what is typed, whoever saves.
local forms = {
  ['crlf.txt'] = { '<one\r\ntwo\r\n', 'one\ntwo\n' },
  ['mixed.txt'] = { '<one\r\ntwo\nthree\r\n' },
  ['lone.txt'] = { '<one\rtwo\nthree\n' },
  ['bom.txt'] = { '\239\187\191<one\ntwo\n', 'one\ntwo\n' },
  ['bomcrlf.txt'] = { '\239\187\191<one\r\ntwo\r\n', 'one\ntwo\n' },
  ['noeol.txt'] = { '<one\ntwo', 'one\ntwo' },
  ['crlfnoeol.txt'] = { '<one\r\ntwo', 'one\ntwo' },
  ['onlyeol.txt'] = { '<\n', '\n' },
  ['blank.txt'] = { '<\r\n\r\n', '\n\n' },
}
for name, form in vim.spairs(forms) do
  t.test(('%s keeps its form, whoever saves'):format(name), function()
    local text = open(name, (form[1]:gsub('<', '')))
    t.equal(text, form[2] or text, 'as it is shared')
    host:type('gg0iH')
    host:rest()
    Real.settle(both, 'the host typed')
    guest:type('gg0iG')
    guest:rest()
    t.equal(Real.settle(both, 'both typed'), 'GH' .. text)
    save(guest)
    t.equal(disk(name), (form[1]:gsub('<', 'GH')), 'saved by the guest')
    host:type('gg0x')
    host:rest()
    t.equal(Real.settle(both, 'the host typed'), 'H' .. text)
    save(host)
    t.equal(disk(name), (form[1]:gsub('<', 'H')), 'saved by the host')
    t.equal(guest:text(), 'H' .. text)
  end)
end

t.test('an empty file, filled and emptied by both', function()
  t.equal(open('empty.txt', ''), '')
  save(guest)
  t.equal(disk('empty.txt'), '')
  type_and_see(guest, 'ione<Esc>', 'one\n')
  save(guest)
  t.equal(disk('empty.txt'), 'one\n')
  type_and_see(host, 'dd', '')
  save(host)
  t.equal(disk('empty.txt'), '')
  type_and_see(host, 'itwo<Esc>', 'two\n')
  type_and_see(guest, ':%d<CR>', '')
  save(guest)
  t.equal(disk('empty.txt'), '')
end)

t.test('the final newline, taken away and put back by both', function()
  open('final.txt', 'one\n')
  type_and_see(guest, ':setlocal noeol<CR>', 'one')
  host:wait('not vim.bo.endofline', "the host's")
  save(guest)
  t.equal(disk('final.txt'), 'one')
  type_and_see(host, ':setlocal eol<CR>', 'one\n')
  guest:wait('vim.bo.endofline', "the guest's")
  save(host)
  t.equal(disk('final.txt'), 'one\n')
end)

t.test('emoji and combining characters at every place of the line', function()
  local line = 'e\204\129x👩‍👩‍👧🎉日é\226\128\141🇩🇪z'
  open('emoji.txt', line .. '\n')
  local characters = host:lua("return vim.fn.strchars(vim.fn.getline(1), true)")
  for at = 0, characters do
    local move = '0' .. (at > 0 and at .. 'l' or '')
    for _, editor in ipairs(both) do
      local other = editor == host and guest or host
      other:type(move .. (at == characters and 'a' or 'i')) -- with its cursor there, in Insert mode
      for _, keys in ipairs({ 'i|', 'a\204\129', 'x', 'r🎉', '~', 'i👩‍👧', 'xp' }) do
        editor:type(move .. keys .. '<Esc>')
      end
      other:type('.<Esc>')
      local seen = Real.settle(both, ('at %d'):format(at))
      editor:lua('vim.api.nvim_buf_set_lines(0, 0, -1, true, { ... })', line)
      other:wait(('vim.api.nvim_get_current_line() == %q'):format(line), 'the line again, after ' .. seen)
    end
  end
end)

t.test('lines of 100,000 characters', function()
  local long = ('x'):rep(50000) .. '🎉' .. ('é'):rep(50000)
  local text = open('long.txt', long .. '\n' .. long)
  t.equal(text, long .. '\n' .. long)
  for _, editor in ipairs(both) do
    local other = editor == host and guest or host
    other:type('ggA')
    editor:type('gg0ib<Esc>A' .. editor.name .. '<Esc>G50001|i!<Esc>')
    other:type(other.name .. '<Esc>')
  end
  text = Real.settle(both, 'both typed')
  for _, name in ipairs({ 'Grace', 'Ada' }) do
    t.equal(select(2, text:gsub(name, '')), 2, name)
  end
  t.equal(select(2, text:gsub('!', '')), 2)
  save(guest)
  t.equal(disk('long.txt'), text)
end)

t.test('20 MB', function()
  local line = ('%s\n'):format(('0123456789'):rep(8))
  local bytes = line:rep(20 * 1024 * 1024 / #line)
  t.equal(#open('big.txt', bytes), #bytes)
  host:type('ggihost <Esc>')
  guest:type('Goguest<Esc>')
  t.equal(#Real.settle(both, 'both typed'), #bytes + 11)
  host:type('ggdd')
  guest:type('125000Gi|<Esc>Gdd')
  t.equal(#Real.settle(both, 'both typed on'), #bytes - #line + 1)
  save(guest)
  t.equal(disk('big.txt'), host:text())
  for _, editor in ipairs(both) do
    editor:lua("vim.cmd('silent bwipeout!')")
  end
end)

t.test('what the host only looks at is edited by others; a file that can not be written by nobody', function()
  open('looked-at.txt', 'one\n')
  host:type(':set readonly<CR>')
  type_and_see(guest, 'ggiguest <Esc>', 'guest one\n')
  t.equal(host:lua("return vim.fn.execute('messages'):find('W10', 1, true) == nil"), true, 'Neovim does not warn')
  type_and_see(host, 'ggihost <Esc>', 'host guest one\n')
  t.write('project/fixed.txt', 'one\n')
  vim.uv.fs_chmod(project .. '/fixed.txt', tonumber('444', 8))
  for _, editor in ipairs(both) do
    editor:open(project, 'fixed.txt')
  end
  t.equal(host:lua('return vim.bo.readonly'), true)
  guest:wait('not vim.bo.modifiable', 'that it can not be typed into')
end)

t.test('a file that the host makes is shared once it is written', function()
  host:lua('vim.cmd.edit(...)', project .. '/fresh.txt')
  host:waits_for_didOpen()
  host:type('ihost<Esc>')
  host:rest()
  host:lua("require('earshot.session').request('file/list', { session = "
    .. "require('earshot.session').list()[1].id }, function() listed = true end)")
  host:wait('listed', 'that the daemon has looked for the file')
  host:type(':w<CR>')
  host:wait('not vim.bo.modified', 'that it is written')
  guest:open(project, 'fresh.txt')
  type_and_see(guest, 'Aguest<Esc>', 'hostguest\n')
  type_and_see(host, 'A!<Esc>', 'hostguest!\n')
  save(guest)
  t.equal(disk('fresh.txt'), 'hostguest!\n')
end)

t.test('a buffer that gets another name, and its old one back', function()
  open('name.txt', 'one\n')
  host:lua("vim.cmd('silent saveas ' .. vim.fn.fnameescape(...))", project .. '/other.txt')
  host:waits_for_didOpen()
  host:lua("vim.cmd('silent! file ' .. vim.fn.fnameescape(...))", project .. '/new.txt')
  host:waits_for_didOpen()
  host:type('ggihost <Esc>:w!<CR>')
  host:wait('not vim.bo.modified', 'that it is saved')
  t.equal(guest:text(), 'one\n', 'what it was called before is as it was')
  guest:type('A!<Esc>')
  guest:rest()
  t.equal(host:text(), 'host one\n', 'and is another document')
  guest:open(project, 'new.txt')
  type_and_see(guest, 'Aguest<Esc>', 'host oneguest\n')
  host:open(project, 'name.txt')
  t.equal(Real.settle({ host }, 'name.txt'), 'one!\n')
end)

t.test('a buffer that is unloaded meanwhile has the text when it comes back', function()
  for _, editor in ipairs(both) do
    local other = editor == host and guest or host
    local name = editor.name .. '.txt'
    open(name, 'one\n')
    editor:type(':enew<CR>:bunload! #<CR>')
    editor:wait("vim.fn.bufloaded('#') == 0", 'that it is unloaded')
    other:type('Atyped<Esc>')
    other:rest()
    editor:open(project, name)
    t.equal(Real.settle(both, name), 'onetyped\n')
  end
end)

t.test(':e! by a guest loses nothing, by a host what nobody saved, for all', function()
  open('again.txt', 'one\n')
  type_and_see(host, 'Ahost<Esc>', 'onehost\n')
  type_and_see(guest, 'Aguest<Esc>', 'onehostguest\n')
  type_and_see(guest, ':e!<CR>', 'onehostguest\n')
  guest:waits_for_didOpen()
  type_and_see(guest, 'A.<Esc>', 'onehostguest.\n')
  type_and_see(host, ':e!<CR>', 'one\n')
  type_and_see(guest, 'A?<Esc>', 'one?\n')
  type_and_see(host, 'A!<Esc>', 'one?!\n')
  save(guest)
  t.equal(disk('again.txt'), 'one?!\n')
end)

t.test('another program writes the file: all get it, and what was typed meanwhile stays', function()
  open('outside.txt', 'one\ntwo\n')
  host:lua('vim.go.autoread = true')
  t.write('project/outside.txt', 'one\nother\ntwo\n')
  type_and_see(host, ':checktime<CR>', 'one\nother\ntwo\n')
  type_and_see(guest, 'Gotyped<Esc>', 'one\nother\ntwo\ntyped\n')
  save(guest)
  t.equal(disk('outside.txt'), 'one\nother\ntwo\ntyped\n')
  -- Where no editor of the host's has it open, the daemon finds it before it saves.
  host:type(':bwipeout!<CR>')
  host:wait("vim.fn.bufexists('outside.txt') == 0", 'the end of the buffer')
  t.write('project/outside.txt', 'one\nother\ntwo\ntyped\nmore\n')
  guest:type('ggO!<Esc>:silent w<CR>')
  guest:wait("require('earshot.buffer').text(0):find('more', 1, true)", "the other program's line")
  guest:wait('not vim.bo.modified', 'that it is saved')
  t.equal(disk('outside.txt'), '!\none\nother\ntwo\ntyped\nmore\n')
end)

t.test('two editors of one person on one document, and one of somebody else', function()
  local second = Real.new('Grace', host.home)
  local three = { host, guest, second }
  second:lua('vim.cmd.edit(...)', t.write('project/two.txt', 'one\n'))
  second:wait("next(require('earshot.session').sessions)", 'the session') -- as the daemon runs already
  for _, editor in ipairs(three) do
    editor:open(project, 'two.txt')
  end
  for i = 1, 10 do
    for _, editor in ipairs(three) do
      editor:type(('%s%s%d<Esc>'):format(i % 2 == 0 and 'GA' or 'ggO', editor == second and 'second' or editor.name, i))
    end
  end
  local text = Real.settle(three, 'all typed')
  for i = 1, 10 do
    for _, name in ipairs({ 'Grace', 'Ada', 'second' }) do
      t.equal(select(2, text:gsub(('%s%d%%f[%%D]'):format(name, i), '')), 1, name .. i)
    end
  end
  for _, editor in ipairs(three) do
    editor:type('<Esc>ggiX<Esc>:silent w<CR>')
    editor:wait('not vim.bo.modified', 'that it is saved, without a question')
    text = Real.settle(three, 'saved')
    t.equal(disk('two.txt'), text)
    editor:lua("vim.cmd('checktime')")
  end
  for _, editor in ipairs(three) do
    editor:wait('not vim.bo.modified', 'that all know it')
  end
  second:stop()
end)

t.test('what a host changes on its own save reaches all, and what they type meanwhile stays', function()
  open('format.txt', 'one  \ntwo \n')
  host:lua([[
    vim.api.nvim_create_autocmd('BufWritePre', { pattern = 'format.txt', callback = function()
      vim.cmd('silent keeppatterns %s/\\s\\+$//e')
    end })
  ]])
  guest:type('Gothree  ')
  host:type(':silent w<CR>')
  guest:type('four')
  guest:rest()
  host:wait("vim.fn.getline(3):find('four', 1, true)", 'what the guest typed')
  local text = Real.settle(both, 'saved')
  t.equal(text:gsub(' +four', 'four'), 'one\ntwo\nthreefour\n')
  save(host)
  t.equal(disk('format.txt'), host:text())
  t.equal(Real.settle(both, 'saved again'), disk('format.txt'))
  type_and_see(guest, 'ggA  <Esc>', (text:gsub('one', 'one  ')))
  save(guest) -- the daemon writes what all see
  t.equal(disk('format.txt'), (text:gsub('one', 'one  ')))
end)

t.test('nothing had to be mended', function()
  t.equal({ host:healed(), guest:healed() }, { 0, 0 })
end)

local function leave()
  guest:lua("require('earshot').leave()")
  guest:wait("#require('earshot.session').list() == 0", 'the end')
  host:lua("require('earshot').leave()")
  host:wait("#require('earshot.session').list() == 0", 'the end')
end

t.test('[share-file] one file alone', function()
  leave()
  t.write('project/private.txt', 'mine\n')
  local path = t.write('project/alone.txt', 'one\n')
  host:lua('vim.cmd.edit(...)', path)
  come_together(path)
  guest:open(project, 'alone.txt')
  type_and_see(guest, 'Aguest<Esc>', 'oneguest\n')
  type_and_see(host, 'A!<Esc>', 'oneguest!\n')
  save(guest)
  t.equal(disk('alone.txt'), 'oneguest!\n')
  guest:lua("require('earshot').open('private.txt')")
  guest:wait("table.concat(said, '\\n'):find('private.txt is not shared', 1, true)", 'the refusal')
  host:lua('vim.cmd.edit(...)', project .. '/private.txt')
  host:type('Amine<Esc>')
  host:rest()
  t.equal(host:lua("return require('earshot.buffer').attached[vim.api.nvim_get_current_buf()] == nil"), true)
end)

t.test('[share-scratch] a scratch text that is written to a file stays the one that all have', function()
  leave()
  host:type(':enew<CR>ihost<Esc>')
  host:rest()
  come_together('-')
  guest:lua("vim.ui.select = function(items, _, done) done(items[1]) end require('earshot').open()")
  guest:wait("require('earshot.buffer').text(0) == 'host\\n'", 'the text')
  host:lua("vim.cmd('silent write ' .. vim.fn.fnameescape(...))", t.folder .. '/written.txt')
  host:lua("vim.cmd('split ' .. vim.fn.fnameescape(...)) vim.cmd.quit()", t.write('another.txt', 'x\n'))
  type_and_see(guest, 'Aguest<Esc>', 'hostguest\n')
  type_and_see(host, 'A!<Esc>', 'hostguest!\n')
  host:type(':silent w<CR>')
  host:wait('not vim.bo.modified', 'that it is written')
  t.equal(t.read(t.folder .. '/written.txt'), 'hostguest!\n')
end)

t.test('[widen] a folder is added under the same code, and a text that nobody saved', function()
  host:type((':Earshot widen %s<CR>'):format(project))
  host:wait("table.concat(said, '\\n'):find('Added, under the same code', 1, true)", 'that it is added')
  t.equal(open('added.txt', 'one\n'), 'one\n')
  type_and_see(guest, 'A!<Esc>', 'one!\n')
  host:lua('said = {}')
  host:type(':enew<CR>inotes<Esc>:Earshot widen -<CR>')
  host:wait("table.concat(said, '\\n'):find('Added, under the same code', 1, true)", 'that it is added, too')
  guest:lua([[
    listed = nil
    vim.ui.select = function(items) listed = vim.tbl_map(function(item) return item.uri end, items) end
    require('earshot').open()
  ]])
  guest:wait('listed', 'the list')
  t.equal(#vim.tbl_filter(function(uri)
    return uri:match('/added%.txt$') ~= nil
  end, guest:lua('return listed')), 1)
  t.equal(#vim.tbl_filter(function(uri)
    return uri:match('scratch') ~= nil
  end, guest:lua('return listed')), 2, vim.inspect(guest:lua('return listed')))
end)

t.test('[daemon-lost] a daemon that is killed: what was typed stays to be read, and one joins anew', function()
  open('lost.txt', 'one\n')
  guest:type('Aunsent<Esc>')
  guest:rest()
  local text = guest:text()
  local status = guest:lua("return { require('earshot.session').ask('daemon/status', vim.empty_dict(), 5000) }")
  vim.uv.kill(status[2].pid, 'sigkill')
  guest:wait("#require('earshot.session').list() == 0", 'the end')
  guest:wait("require('earshot.session').up()", 'the new daemon')
  local told = table.concat(guest:lua('return said'), '\n')
  t.truthy(told:find('the daemon was restarted and no longer knows it', 1, true), told)
  t.truthy(not told:find('There is no session', 1, true), told)
  t.equal(guest:text(), text)
  t.equal(guest:lua('return vim.bo.modifiable'), false)
  host:type('A?<Esc>')
  host:rest()
  guest:lua("require('earshot').join(...)", host:lua("return require('earshot.session').list()[1].code"))
  host:wait("#require('earshot.ui').waiting() > 0", 'the knock')
  host:lua("require('earshot').admit()")
  guest:wait("require('earshot.session').list()[1]", 'the session')
  guest:open(project, 'lost.txt')
  type_and_see(guest, 'A again<Esc>', (Real.settle(both, 'lost.txt'):gsub('\n$', ' again\n')))
end)

t.test("[daemon-lost] the host's daemon is killed: its files stay its own, and can be shared anew", function()
  local status = host:lua("return { require('earshot.session').ask('daemon/status', vim.empty_dict(), 5000) }")
  local text = host:text()
  vim.uv.kill(status[2].pid, 'sigkill')
  host:wait("#require('earshot.session').list() == 0", 'the end')
  host:wait("require('earshot.session').up()", 'the new daemon')
  host:type('Aalone<Esc>')
  host:rest()
  t.equal(host:text(), (text:gsub('\n$', 'alone\n')))
  guest:lua("require('earshot').leave()")
  guest:wait("#require('earshot.session').list() == 0", 'the end')
  come_together(project)
  t.equal(open('after.txt', 'one\n'), 'one\n')
  type_and_see(guest, 'A!<Esc>', 'one!\n')
end)

leave()
host:stop()
guest:stop()
