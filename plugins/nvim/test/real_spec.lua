-- The real thing: two Neovims, each with a daemon of its own, edit the same files at the same time.
-- Runs where the program is built (bin/earshot, or EARSHOT_BIN); EDIT_SECONDS says how long each file is edited.
local t = _G.t
local root = vim.fn.fnamemodify(debug.getinfo(1, 'S').source:sub(2), ':p:h:h')
local Real = dofile(root .. '/test/real.lua')
if not Real then
  return
end

local SECONDS = tonumber(vim.env.EDIT_SECONDS) or 5
local seed = tonumber(vim.env.SEED) or os.time()
math.randomseed(seed)

local files = {
  ['plain.txt'] = 'one\ntwo\nthree\n',
  ['crlf.txt'] = 'one\r\ntwo\r\nthree\r\n',
  ['empty.txt'] = '',
  ['noeol.txt'] = 'one\ntwo 🎉',
}
local project = t.folder .. '/project'
for name, bytes in pairs(files) do
  t.write('project/' .. name, bytes)
end

local host, guest = Real.new('Grace'), Real.new('Ada')

local function knock(code)
  guest:lua("require('earshot').join(...)", code)
  host:wait("#require('earshot.ui').waiting() > 0", 'the knock')
end

local function is_told(editor, text)
  editor:wait(("vim.tbl_contains(said, 'Earshot: %s')"):format(text), text)
end

t.test('[start] [share-folder] [join-code] [admit] share, join, admit', function()
  local code = host:share(project)
  knock(code)
  guest:lua("require('earshot').leave()")
  is_told(host, 'Ada is no longer waiting.')
  knock(code)
  host:lua("require('earshot').admit()")
  guest:wait("require('earshot.session').list()[1]", 'the session')
  is_told(host, 'Ada was admitted.')
  for _, editor in ipairs({ host, guest }) do
    local told = table.concat(editor:lua('return said'), '\n')
    t.truthy(told:find('Check %d%d%d%d%d%d: '), told)
  end
end)

local function settle(what)
  Real.settle({ host, guest }, what)
end

local function open(name)
  local shown = host:lua('return vim.api.nvim_buf_get_name(0)')
  if not vim.endswith(shown, '/' .. name) then
    host:open(project, name)
    guest:open(project, name)
  end
  settle(name .. ' opened')
end

for name in vim.spairs(files) do
  t.test(('%s: what both type is there once, everywhere (seed %d)'):format(name, seed), function()
    open(name)
    local typed, count = {}, 0
    local ends = vim.uv.now() + SECONDS * 1000
    while vim.uv.now() < ends do
      for _, editor in ipairs({ host, guest }) do
        count = count + 1
        -- One character: a longer marker may rightly be parted by what the other types into it meanwhile.
        local marker = vim.fn.nr2char(0x20000 + count)
        typed[#typed + 1] = marker
        local moves = { 'gg', 'G', 'j', 'k' }
        local ways = { 'o', 'O', 'A' }
        editor:type(moves[math.random(#moves)] .. ways[math.random(#ways)] .. 'é' .. marker .. '🎉<Esc>')
      end
      vim.wait(math.random(0, 60))
      vim.uv.update_time()
    end
    settle(name)
    local text = host:text()
    for _, marker in ipairs(typed) do
      local _, times = text:gsub(marker, '')
      t.equal(times, 1, marker)
    end
    t.truthy(count > 10)
  end)

  t.test(('%s: deleting, pasting and undoing end equal (seed %d)'):format(name, seed), function()
    open(name)
    local keys = { 'ix y<Esc>', 'dd', 'p', 'P', 'u', 'u', '<C-r>', 'x', 'J', 'yyp', 'o🎉<CR>é<Esc>', 'ggO<Esc>', 'Gdd' }
    keys[#keys + 1] = 'dw'
    keys[#keys + 1] = ':silent! %s/o/0/<CR>'
    keys[#keys + 1] = 'A<BS><BS>z<Esc>'
    local ends = vim.uv.now() + SECONDS * 1000
    while vim.uv.now() < ends do
      for _, editor in ipairs({ host, guest }) do
        local moves = { 'gg', 'G', 'j', 'k', 'w', '' }
        editor:type(moves[math.random(#moves)] .. keys[math.random(#keys)])
      end
      vim.wait(math.random(0, 60))
      vim.uv.update_time()
    end
    settle(name)
  end)

  t.test(('[save] %s: a guest saves, and the host is not asked'):format(name), function()
    open(name)
    guest:lua("vim.cmd('silent write')")
    host:wait("not vim.bo.modified", "the host's nomodified")
    guest:wait("not vim.bo.modified", "the guest's nomodified")
    local bytes = t.read(project .. '/' .. name)
    local want = host:text()
    if name == 'crlf.txt' then
      want = want:gsub('\n', '\r\n')
    end
    t.equal(bytes, want)
    host:lua("vim.cmd('checktime')")
    host:type('Ax<Esc>')
    host:wait('vim.bo.modified', 'a change')
    host:lua("vim.cmd('silent write')")
    settle(name)
  end)
end

t.test("[undo] u takes back only one's own text", function()
  t.write('project/undo.txt', 'one\ntwo\n')
  for _, editor in ipairs({ host, guest }) do
    editor:lua('vim.g.earshot_own_undo = true')
  end
  open('undo.txt')
  local function becomes(want, what)
    for _, editor in ipairs({ host, guest }) do
      editor:wait(("require('earshot.buffer').text(0) == %q"):format(want), what)
    end
    settle(what)
  end
  host:type('ggA host types<Esc>')
  becomes('one host types\ntwo\n', 'the host types')
  guest:type('Goguest types<Esc>')
  becomes('one host types\ntwo\nguest types\n', 'the guest types')
  guest:type('gg0/types<CR>iguest too, <Esc>')
  becomes('one host guest too, types\ntwo\nguest types\n', 'the guest types elsewhere')
  host:type('Gu')
  becomes('oneguest too, \ntwo\nguest types\n', 'the host undoes')
  t.equal(host:lua('return vim.fn.line(".")'), 1, "the host's cursor")
  host:type('<C-r>')
  becomes('one host guest too, types\ntwo\nguest types\n', 'the host redoes')
  host:type(':setl noma<CR>u')
  host:wait([[vim.tbl_contains(said, "Earshot: This buffer can't be changed: 'modifiable' is off.")]], 'the refusal')
  host:type(':setl ma<CR>')
  host:type('2Gdd')
  becomes('one host guest too, types\nguest types\n', 'the host deletes')
  guest:type('2u')
  becomes('one host types\n', 'the guest undoes twice')
  guest:type('u')
  guest:wait("vim.tbl_contains(said, 'Earshot: Already at oldest change of your own.')", 'that it can undo no more')
  host:type('u')
  becomes('one host types\ntwo\n', 'the host undoes the deletion')
  host:type('u')
  becomes('one\ntwo\n', 'the host undoes everything')
  guest:type('2<C-r>')
  becomes('oneguest too, \ntwo\nguest types\n', 'the guest redoes')
end)

-- What one command changes in several places or steps; Neovim comes to rest between the pieces.
t.write('project/commands.txt', '')
local START = 'foo two\nboo one\nroo six\nnothing\n'
for name, keys in vim.spairs({
  ['joining lines'] = { 'J' },
  [':m'] = { ':2m$<CR>' },
  [':g with :s'] = { ':g/o/s//0/<CR>' },
  [':s over many lines'] = { ':%s/o/0/g<CR>' },
  [':normal in many lines'] = { ':%norm! Ix<CR>' },
  ['a filter'] = { ':%!sort<CR>' },
  ['a macro'] = { '@a' },
  ['a dot'] = { '2.' },
  ['a block insertion'] = { '<C-v>jjI', 'xy', '<Esc>' },
  ['a block that is changed'] = { '<C-v>jjcx<Esc>' },
  ['an insertion with a count'] = { '3ix', '<Esc>' },
  ['Replace mode'] = { 'R', 'fx', 'y', '<Esc>' },
  ['cw'] = { 'cwbar', '<Esc>' },
  ['what is typed in one go'] = { 'i', 'abc', '<Esc>' },
}) do
  t.test(('u takes %s back as one, and CTRL-R brings it back'):format(name), function()
    open('commands.txt')
    for _, editor in ipairs({ host, guest }) do
      editor:lua('vim.g.earshot_own_undo = true')
    end
    -- The dot's change, in a buffer of its own.
    host:lua([[
      vim.fn.setreg('a', 'A!\27j0x')
      local scratch = vim.api.nvim_create_buf(false, true)
      vim.api.nvim_buf_call(scratch, function() vim.cmd('normal! Iz\27') end)
      vim.api.nvim_buf_delete(scratch, { force = true })
    ]])
    -- By the guest: it is no step of the host's.
    guest:lua('vim.api.nvim_buf_set_lines(0, 0, -1, true, ...)', vim.split(START, '\n', { trimempty = true }))
    settle('the text')
    t.equal(host:text(), START)
    host:type('<Esc>gg0')
    for _, piece in ipairs(keys) do
      host:type(piece)
      host:lua('return 0')
    end
    host:wait(("require('earshot.buffer').text(0) ~= %q"):format(START), 'the command')
    settle('the command')
    local made = host:text()
    host:type('u')
    for _, editor in ipairs({ host, guest }) do
      editor:wait(("require('earshot.buffer').text(0) ~= %q"):format(made), 'a change by u')
    end
    settle('u')
    t.equal(host:text(), START)
    host:type('<C-r>')
    for _, editor in ipairs({ host, guest }) do
      editor:wait(("require('earshot.buffer').text(0) ~= %q"):format(START), 'a change by CTRL-R')
    end
    settle('CTRL-R')
    t.equal(host:text(), made)
  end)
end

t.test('[role] the host alone makes a guest a viewer, and an editor again', function()
  open('plain.txt')
  host:lua("vim.cmd('Earshot role Ada viewer')")
  is_told(host, 'Ada is a viewer now.')
  guest:wait('not vim.bo.modifiable', 'nomodifiable')
  guest:lua("vim.cmd('Earshot role Grace viewer')")
  is_told(guest, 'Only the host of the session can do this; ask them.')
  guest:lua("vim.cmd('Earshot remove Grace')")
  host:lua("vim.cmd('Earshot role Ada editor')")
  is_told(host, 'Ada is an editor now.')
  guest:wait('vim.bo.modifiable', 'modifiable')
  guest:type('ggOagain<Esc>')
  host:wait("vim.trim(vim.fn.getline(1)) == 'again'", 'what the guest types') -- with the indent of the line below
  t.equal(host:lua("return #require('earshot.session').list()"), 1, 'the host is there still')
end)

local function goes(editor, name, line)
  local there = "vim.api.nvim_buf_get_name(0):match('/%s$') and vim.fn.line('.') == %d"
  editor:wait(there:format(name:gsub('%.', '%%.'), line), ('%s:%d'):format(name, line))
end

t.test('[follow] along with the view from document to document, until a key', function()
  t.write('project/long.txt', ('line\n'):rep(300))
  open('plain.txt')
  host:type(':Earshot follow Ada<CR>')
  is_told(host, 'Following Ada until you press a key.')
  guest:lua("require('earshot').open('long.txt')")
  goes(host, 'long.txt', 1)
  guest:type('200Gzt')
  goes(host, 'long.txt', 200)
  host:wait("vim.fn.line('w0') == 200", 'the same view')
  guest:type('zb')
  guest:wait("vim.fn.line('w$') == 200", 'another view')
  local first = guest:lua("return vim.fn.line('w0')")
  host:wait(("vim.fn.line('w0') == %d"):format(first), 'the same view')
  guest:lua("require('earshot').open('plain.txt')")
  goes(host, 'plain.txt', 1)
  host:type('<Esc>')
  is_told(host, 'No longer following Ada.')
  guest:type(':e #<CR>')
  guest:wait("vim.api.nvim_buf_get_name(0):match('/long%.txt$')", 'the other document')
  guest:type('100G')
  host:wait(
    "require('earshot.presence').cursors[require('earshot.session').list()[1].id][1].selections[1].active.line == 99",
    'where the guest is now'
  )
  t.truthy(host:lua("return vim.api.nvim_buf_get_name(0)"):match('/plain%.txt$'), 'the host is not led any more')
end)

t.test('[jump] [members] a guest goes where the host is', function()
  host:lua('vim.cmd.edit(...)', project .. '/long.txt')
  host:type('250G')
  guest:wait("require('earshot.presence').of(require('earshot.session').list()[1].id, "
    .. "require('earshot.session').list()[1].members[1].id).selections[1].active.line == 249", 'where the host is')
  guest:type(':Earshot jump<CR>')
  goes(guest, 'long.txt', 250)
end)

t.test('[jump] [members] a document that is not open is in the list, and the jump goes to the line', function()
  t.write('project/elsewhere.txt', ('line\n'):rep(50))
  host:lua('vim.cmd.edit(...)', project .. '/elsewhere.txt')
  host:waits_for_didOpen()
  host:type('40G')
  guest:wait("(require('earshot.presence').of(require('earshot.session').list()[1].id, require('earshot.session')"
    .. ".list()[1].members[1].id) or { textDocument = { uri = '' } }).textDocument.uri:match('/elsewhere%.txt$')",
    'where the host is')
  guest:type(':Earshot members<CR>')
  guest:wait("vim.fn.search('elsewhere.txt') > 0", 'the list')
  guest:type('q:Earshot jump<CR>')
  goes(guest, 'elsewhere.txt', 40)
end)

t.test('[members] one who opens a document and does not move is seen there', function()
  for i = 1, 5 do
    local name = ('still%d.txt'):format(i)
    t.write('project/' .. name, 'line\n')
    host:lua('vim.cmd.edit(...)', project .. '/' .. name)
    guest:wait(("vim.json.encode(require('earshot.presence').cursors):find(%q, 1, true)"):format(name), name)
  end
end)

t.test('[summon] the other goes where one calls, in a document that was not open', function()
  t.write('project/called.txt', ('line\n'):rep(50))
  host:lua('vim.cmd.edit(...)', project .. '/called.txt')
  host:wait("require('earshot.buffer').attached[vim.api.nvim_get_current_buf()]", 'didOpen')
  host:type('30G')
  guest:wait("vim.json.encode(require('earshot.presence').cursors):find('called.txt', 1, true)", 'where the host is')
  host:type(':Earshot summon<CR>')
  is_told(host, 'The others are asked to look here.')
  guest:wait("table.concat(said, '\\n'):find('Grace asks you to look at', 1, true)", 'the call')
  guest:type(':Earshot look<CR>')
  goes(guest, 'called.txt', 30)
end)

t.test('[end] nothing had to be mended, and the end is told', function()
  t.equal({ host:healed(), guest:healed() }, { 0, 0 })
  host:lua("require('earshot').leave()")
  guest:wait("#require('earshot.session').list() == 0", 'the end')
end)

t.test('a guest is sent away', function()
  knock(host:share(project))
  host:lua("require('earshot').admit()")
  guest:wait("require('earshot.session').list()[1]", 'the session')
  host:wait("(require('earshot.session').list()[1].members[2] or {}).state == 'here'", 'that the guest is in')
  host:lua("vim.cmd('Earshot remove Ada')")
  guest:wait("#require('earshot.session').list() == 0", 'the end')
  guest:wait("table.concat(said, '\\n'):find('removed you', 1, true)", 'why')
  host:wait("#require('earshot.session').list()[1].members == 1", 'the list')
  host:wait("table.concat(said, '\\n'):find('Ada was removed', 1, true)", 'that it is done')
  host:lua("require('earshot').leave()")
  host:wait("#require('earshot.session').list() == 0", 'the end')
end)

host:stop()
guest:stop()
