-- The others: who is where, going to them, along with them, and where they call; in a Neovim with a screen.
local t = _G.t
local Terminal = require('terminal')

local there = Terminal.new(80, 24)
there:lua(
  [[
  local folder, guests = ...
  base = 'earshot://abcdefghij/'
  said = {}
  vim.notify = function(text) said[#said + 1] = text end
  fake.texts = { [base .. 'main.go'] = ('line\n'):rep(300), [base .. 'dir/other.go'] = 'one\ntwo\nthree\n' }
  function heard(part)
    return table.concat(said, '\n'):find(part, 1, true) ~= nil
  end
  function name() return vim.api.nvim_buf_get_name(0) end
  function followed() return #fake:sent('presence/follow') end
  function lead(uri, fields)
    shows = (shows or 0) + 1
    fake:send({ id = 'show' .. shows, method = 'window/showDocument', params = vim.tbl_extend('force', {
      uri = uri, takeFocus = true, earshot = { session = 'abcdefghij', member = 'aaaaaaaaaa', follow = true },
    }, fields or {}) })
    vim.wait(5000, function() return fake.answers['show' .. shows] end, 2)
    return fake.answers['show' .. shows].result.success
  end
  function at(line, character) return { line = line, character = character or 0 } end
  function led_to(line, first, last, follow)
    return lead(base .. 'main.go', {
      selection = { start = at(line), ['end'] = at(line) },
      earshot = {
        session = 'abcdefghij', member = 'aaaaaaaaaa', follow = follow ~= false or nil,
        visibleRange = first and { start = at(first), ['end'] = at(last) },
      },
    })
  end
  function is_at(member, uri, line, anchor)
    fake:notify('presence/changed', { session = 'abcdefghij', cursors = uri and { {
      member = member, client = 'c', textDocument = { uri = uri },
      selections = { { anchor = at(anchor or line), active = at(line, 2) } },
    } } or {} })
    fake.settle()
  end
  function call(id)
    fake:send({ id = id, method = 'window/showMessageRequest', params = {
      type = 3, message = 'Ada asks you to look at main.go, line 12.', actions = { { title = 'Look' } },
      earshot = { session = 'abcdefghij', member = 'aaaaaaaaaa' },
    } })
    fake.settle()
  end
]],
  t.folder
)

local function join(link)
  there:type('<Esc>:Earshot join ' .. link .. '<CR>')
  there:wait("next(require('earshot.session').sessions)", 'the session')
end

--- The status line, as it is drawn.
local function status()
  return there:lua("return require('earshot').statusline()")
end

t.test('[join-uri] [join-link] [join-code] a code, a link, a link that opens VS Code', function()
  local link = 'http://192.168.1.5:47300/j#A4X9-S.H'
  for given, code in pairs({
    ['a4x9-k7q2m1'] = 'a4x9-k7q2m1',
    [link] = link,
    ['vscode://earshot.earshot/join#A4X9-K7Q2M1'] = 'A4X9-K7Q2M1',
    ['vscodium://earshot.earshot/join#' .. link] = link,
    ['code-oss://earshot.earshot/join#' .. vim.uri_encode(link)] = link,
  }) do
    there:lua('fake.log = {}')
    join(given)
    t.equal(there:lua("return fake:sent('session/join')[1].params.code"), code, given)
    t.equal(there:lua("return vim.fn.histget(':')"):find('join', 1, true), nil, 'it is not kept in the history')
    there:type(':Earshot leave<CR>')
    there:wait("not next(require('earshot.session').sessions)", 'the end')
  end
end)

t.test('[follow] led along with the view, until a key', function()
  join('a4x9-k7q2m1')
  there:lua('fake.log, said = {}, {}')
  there:type(':enew<CR>ihere<Esc>:Earshot follow ada<CR>')
  there:wait("heard('Following Ada until you press a key.')", 'the beginning')
  t.equal(there:lua("return fake:sent('presence/follow')[1].params"), { session = 'abcdefghij', member = 'aaaaaaaaaa' })
  t.equal(status(), 'earshot 2 →Ada')
  t.equal(there:lua("return lead(base .. 'main.go')"), true, 'the document, which is not open yet')
  t.equal(there:lua('return name()'), 'earshot://abcdefghij/main.go')
  t.equal(there:lua('return led_to(109, 99, 119)'), true)
  t.equal(there:lua("return { vim.fn.line('.'), vim.fn.line('w0') }"), { 110, 100 }, 'the same lines')
  -- A window of half that height has the cursor as far down as they have.
  there:lua("vim.cmd('belowright 11split')")
  there:lua('led_to(239, 199, 249)')
  local seen = there:lua("return { vim.fn.line('.'), vim.fn.line('.') - vim.fn.line('w0'), vim.fn.winheight(0) }")
  t.equal(seen, { 240, math.floor(40 / 51 * seen[3]), seen[3] })
  t.equal(there:lua('return followed()'), 1, 'nothing ended it')
  there:type('j')
  there:wait("heard('No longer following Ada.')", 'the end')
  t.equal(there:lua("return vim.fn.line('.')"), 241, 'the key does what it does')
  t.equal(there:lua('return fake:sent("presence/follow")[2].params.member == nil'), true)
  t.equal(status(), 'earshot 2')
  t.equal(there:lua('return led_to(5)'), false, 'what was under way when the key came')
  t.equal(there:lua("return vim.fn.line('.')"), 241)
  there:type(':only<CR><C-o>')
  there:wait("vim.fn.getline(1) == 'here'", 'CTRL-O leads back')
end)

t.test('[follow] any action of one\'s own ends it, and nothing else', function()
  local ways = {
    ['a key in Insert mode'] = { 'i', '<Esc>' },
    ['a click'] = { '<LeftMouse><1,1>', '' },
    ['the wheel'] = { '<ScrollWheelDown><1,1>', '' },
    ['a command'] = { ':', '<Esc>' },
  }
  for way, keys in vim.spairs(ways) do
    there:lua('fake.log, said = {}, {}')
    there:type('<Esc>:set mouse=a mousemev | Earshot follow<CR>') -- the only other one
    there:wait('followed() == 1', 'the request')
    there:wait("heard('Following Ada until')", 'the beginning')
    there:type('<MiddleRelease><1,1><MouseMove><1,2><MouseMove><2,2>')
    there:lua("vim.cmd('normal! gg') vim.api.nvim_feedkeys('j', 'x', false)")
    t.equal(there:lua("return { led_to(9), vim.fn.line('.'), followed(), vim.fn.mode() }"), { true, 10, 1, 'n' }, way)
    there:type(keys[1])
    there:wait('followed() == 2', way)
    there:type(keys[2])
    t.equal(there:lua("return require('earshot.lead').followed()"), vim.NIL)
  end
  there:lua('fake.log, said = {}, {}')
  there:type('<Esc>:Earshot follow<CR>')
  there:wait("heard('Following Ada until')", 'the beginning')
  there:lua("vim.api.nvim_paste('pasted', true, -1)") -- as terminals paste: no key is typed
  there:wait('followed() == 2', 'a paste')
  there:type('<Esc>u')
  t.equal(there:lua('return fake.problems'), {})
end)

t.test('[follow] who can not be followed, who leaves, and a daemon that goes', function()
  there:lua('fake.log, said = {}, {}')
  there:lua([[fake.replies['presence/follow'] = function()
    return nil, { code = -32050, message = 'This version can not.', data = { kind = 'notInThisVersion' } }
  end]])
  there:type('<Esc>:Earshot follow<CR>')
  there:wait("heard('This version can not.')", 'why')
  t.equal(status(), 'earshot 2')
  there:lua('fake.replies = {}')
  there:type(':Earshot follow Bob<CR>')
  there:wait("heard('No Bob is here')", 'that there is no such member')
  there:type(':Earshot follow<CR>')
  there:wait("heard('Following Ada until')", 'the beginning')
  there:lua([[
    local one = vim.deepcopy(fake.sessions[1])
    one.members[2] = nil
    fake:notify('session/changed', { session = one })
  ]])
  there:wait("heard('No longer following Ada, who has left.')", 'the end')
  there:type(':Earshot follow<CR>')
  there:wait("heard('Nobody else is here.')", 'that nobody is left')
  there:lua("fake:notify('session/changed', { session = fake.sessions[1] }) fake.settle()")
  there:type(':Earshot follow<CR>')
  there:wait("require('earshot').statusline() == 'earshot 2 →Ada'", 'the beginning')
  there:lua("fake:drop()")
  there:wait("require('earshot.session').up()", 'the new connection')
  t.equal(status(), 'earshot 2')
  t.equal(there:lua('return led_to(5)'), false)
end)

t.test('[follow] no list, help page or terminal is put aside, and nothing is led in Insert mode', function()
  there:type('<Esc>:only | help help<CR>:Earshot follow<CR>')
  there:wait("require('earshot').statusline() == 'earshot 2 →Ada'", 'the beginning')
  there:lua("lead(base .. 'dir/other.go')")
  t.equal(there:lua('return name()'), 'earshot://abcdefghij/dir/other.go')
  t.equal(there:lua("return vim.tbl_map(function(win) return vim.bo[vim.api.nvim_win_get_buf(win)].buftype end, "
    .. 'vim.api.nvim_list_wins())'), { 'help', 'acwrite' })
  there:type(':only | copen | wincmd p | quit<CR>:Earshot follow<CR>')
  there:wait("require('earshot').statusline() == 'earshot 2 →Ada'", 'the beginning')
  there:lua("lead(base .. 'main.go')")
  t.equal(there:lua('return name()'), 'earshot://abcdefghij/main.go')
  t.equal(there:lua('return #vim.api.nvim_list_wins()'), 2, 'a new window')
  there:type(':only<CR>:Earshot follow<CR>')
  there:wait("require('earshot').statusline() == 'earshot 2 →Ada'", 'the beginning')
  there:lua("vim.cmd.startinsert()")
  there:wait("vim.api.nvim_get_mode().mode == 'i'", 'Insert mode, by a program')
  t.equal(there:lua('return led_to(9)'), false)
  there:type('<Esc>')
end)

t.test('[summon] one calls the others, where one is now', function()
  there:lua('fake.log, said = {}, {}')
  there:type('<Esc>:only<CR>7gg:Earshot summon<CR>')
  there:wait("heard('The others are asked to look here.')", 'that it is done')
  t.equal(
    there:lua([[
      local methods, line = {}, nil
      for _, message in ipairs(fake.log) do
        if message.method == 'presence/update' then line = message.params.selections[1].active.line end
        if message.method == 'presence/summon' then return { message.params.session, line } end
      end
    ]]),
    { 'abcdefghij', 6 },
    'the place is told before'
  )
  there:lua([[fake.replies['presence/summon'] = function()
    return nil, { code = -32050, message = 'You are in no shared text.', data = { kind = 'noSuchDocument' } }
  end]])
  there:type(':Earshot summon<CR>')
  there:wait("heard('You are in no shared text.')", 'why not')
  there:lua('fake.replies = {}')
end)

t.test('[summon] a call is shown without taking a key; one word is the yes', function()
  there:lua('said = {}')
  there:type('<Esc>:enew<CR>i')
  there:wait("vim.api.nvim_get_mode().mode == 'i'", 'Insert mode')
  there:lua("call('c1')")
  there:type('typed')
  there:wait("vim.api.nvim_get_current_line() == 'typed'", 'all keys')
  there:wait("heard('Ada asks you to look at main.go, line 12. :Earshot look goes there.')", 'the call')
  t.equal(status(), 'earshot 2 Ada calls')
  there:lua("call('c2')")
  t.equal(there:lua('return fake.answers.c1.result == vim.NIL or fake.answers.c1.result == nil'), true, 'the older one')
  there:type('<Esc>:Earshot look<CR>')
  there:wait('fake.answers.c2', 'the answer')
  t.equal(there:lua('return fake.answers.c2.result'), { title = 'Look' })
  t.equal(status(), 'earshot 2')
  t.equal(there:lua('return led_to(11, nil, nil, false)'), true, 'led there without following')
  t.equal(there:lua("return { name(), vim.fn.line('.') }"), { 'earshot://abcdefghij/main.go', 12 })
  there:type('<C-o>')
  there:wait("name() == ''", 'CTRL-O leads back')
  there:type(':Earshot look<CR>')
  there:wait("heard('Nobody calls you')", 'that nobody calls')
end)

t.test('[summon] a call ends with its time, its caller and its daemon', function()
  there:lua("require('earshot.lead').CALL_MS = 0 call('c3')")
  there:wait('fake.answers.c3', 'the answer')
  there:lua([[
    local lead = require('earshot.lead')
    lead.CALL_MS = 1
    call('again')
    fake:notify('$/cancelRequest', { id = 'again' })
    lead.CALL_MS = 3600 * 1000
    call('again')
    vim.defer_fn(function() vim.schedule(function() late = true end) end, 1) -- behind the first one's
  ]])
  there:wait('late', "the first one's time")
  t.equal(status(), 'earshot 2 Ada calls')
  there:lua("fake:notify('$/cancelRequest', { id = 'again' })")
  there:lua("require('earshot.lead').CALL_MS = 3600 * 1000 call('c4') fake:notify('$/cancelRequest', { id = 'c4' })")
  there:wait("require('earshot').statusline() == 'earshot 2'", 'that it is taken back')
  t.equal(there:lua('return fake.answers.c4'), vim.NIL)
  there:lua("call('c5') fake:drop()")
  there:wait("require('earshot.session').up()", 'the new connection')
  t.equal(status(), 'earshot 2')
end)

t.test('[members] [jump] the list tells who is where, stays true, and leads there', function()
  there:lua('said = {}')
  there:lua("is_at('aaaaaaaaaa', base .. 'dir/other.go', 1)")
  there:type('<Esc>:Earshot members<CR>')
  there:shows('Ada editor 12 ms dir/other.go:2')
  there:shows('Me (you) editor')
  there:lua("is_at('aaaaaaaaaa', base .. 'dir/other.go', 2)")
  there:shows('dir/other.go:3')
  there:shows('<Enter> goes there, f follows')
  there:type('/Ada<CR><CR>')
  there:wait("name() == base .. 'dir/other.go'", 'the jump')
  t.equal(there:lua("return vim.api.nvim_win_get_cursor(0)"), { 3, 2 })
  t.equal(there:lua('return #vim.api.nvim_list_wins()'), 1, 'the list has gone')
  there:lua("is_at('aaaaaaaaaa', base .. 'main.go', 199)")
  there:type(':Earshot jump<CR>')
  there:wait("name() == base .. 'main.go' and vim.fn.line('.') == 200", 'the jump')
  there:type('<C-o>')
  there:wait("name() == base .. 'dir/other.go'", 'CTRL-O leads back')
  there:type(':Earshot members<CR>/Ada<CR>f')
  there:wait("require('earshot').statusline() == 'earshot 2 →Ada'", 'f follows')
  there:lua("is_at()")
  there:type('<Esc>:Earshot jump ada<CR>')
  there:wait("heard('Ada is in no shared text now.')", 'why not')
end)

t.test('[members] columns stand below one another, and all fits 80 columns', function()
  there:lua([[
    local one = vim.deepcopy(fake.sessions[1])
    one.members[2] = {
      id = 'aaaaaaaaaa', name = 'Zoë 日本', color = 'x', role = 'viewer', state = 'here', path = 'direct', rttMs = 12.4,
    }
    one.members[3] = {
      id = 'nnnnnnnnnn', name = 'Nick', color = 'x', role = 'editor', state = 'away', path = 'relay', rttMs = 120,
    }
    one.code, one.link = 'A4X9-K7Q2M1', 'http://192.168.1.5:47300/j#A4X9-' .. ('S'):rep(30)
    fake:notify('session/changed', { session = one })
    fake.settle()
    is_at('nnnnnnnnnn', base .. ('deep/'):rep(20) .. 'file.go', 1233)
  ]])
  there:type('<Esc>:Earshot members<CR>')
  there:shows('Nick (away)')
  local columns = {}
  for _, line in ipairs(there:screen()) do
    local role = line:find('viewer', 1, true) or line:find('editor', 1, true)
    if role then
      columns[#columns + 1] = vim.fn.strdisplaywidth(line:sub(1, role - 1))
    end
  end
  t.equal(columns, { columns[1], columns[1], columns[1] }, table.concat(there:screen(), '\n'))
  there:shows('direct 12 ms')
  there:shows('deep/file.go:1234')
  t.equal(there:lua("return vim.api.nvim_win_get_height(0) == vim.fn.line('$')"), true, 'no line is folded')
  there:type('q')
end)

t.test('[status] state, path and delay', function()
  t.equal(status(), 'earshot 3 relay 120 ms', 'the slowest link')
  there:lua([[
    local one = vim.deepcopy(require('earshot.session').sessions.abcdefghij)
    one.role, one.state, one.members[3] = 'viewer', 'reconnecting', nil
    fake:notify('session/changed', { session = one })
    fake.settle()
    vim.o.statusline = "%f %{v:lua.require'earshot'.statusline()}"
  ]])
  there:shows('earshot 2… viewer direct 12 ms')
end)

t.test('[status] a guest sees its own way to the host', function()
  there:lua([[
    local one = vim.deepcopy(fake.sessions[1])
    one.members[1].path, one.members[1].rttMs = nil, nil
    for _, member in ipairs(one.members) do
      if member.id == one.me then member.path, member.rttMs = 'direct', 12.4 end
    end
    fake:notify('session/changed', { session = one })
    fake.settle()
  ]])
  there:wait("require('earshot').statusline():find('direct 12 ms', 1, true)", 'the way')
end)

t.test('what happens to the names of open texts is told', function()
  there:lua([[
    vim.cmd.edit(base .. 'main.go')
    said = {}
    fake:notify('file/changed', { session = 'abcdefghij', changes = {
      { uri = base .. 'other.go', kind = 'deleted' },
      { uri = base .. 'new.go', kind = 'renamed', from = base .. 'main.go' },
    } })
    fake:notify('file/changed', { session = 'abcdefghij', changes = { { uri = base .. 'main.go', kind = 'deleted' } } })
    fake.settle()
  ]])
  there:wait("#said >= 2", 'two sentences')
  t.equal(there:lua('return said'), {
    'Earshot: main.go is called new.go now; this buffer goes on in it.',
    'Earshot: main.go was deleted; what you see of it stays, and :w makes it anew.',
  })
end)

t.test('[end] who is typing when the session ends types into no other text', function()
  there:lua([[vim.cmd('edit! ' .. base .. 'main.go')]])
  there:wait("require('earshot.buffer').attached[vim.api.nvim_get_current_buf()]", 'the text')
  there:type('Gonot yet over ')
  there:wait("vim.api.nvim_get_current_line() == 'not yet over '", 'what is typed')
  there:lua([[
    local ended = vim.deepcopy(fake.sessions[1])
    ended.state, ended.reason = 'ended', 'the host went home.'
    fake.sessions = {}
    fake:notify('session/changed', { session = ended })
    fake.settle()
  ]])
  there:wait("next(require('earshot.session').sessions) == nil", 'the end')
  there:type('zzz<Esc>ddd')
  there:wait("vim.api.nvim_get_mode().mode ~= 'i'", 'the end of Insert mode')
  there:wait("vim.fn.bufname():find('main.go', 1, true) == nil", 'that the text is gone')
  for _, text in ipairs(there:lua([[return vim.tbl_map(function(buf)
    return table.concat(vim.api.nvim_buf_get_lines(buf, 0, -1, false), ' ')
  end, vim.api.nvim_list_bufs())]])) do
    t.truthy(not text:find('zzz', 1, true), text)
  end
end)

there:stop()
