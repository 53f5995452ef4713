-- Sessions: the commands, the door, members, a lost connection.
local t = _G.t
local Fake = require('fake')
local model = require('model')
local fake = Fake.new():install()
local buffers = require('earshot.buffer')
local earshot = require('earshot')
local presence = require('earshot.presence')
local session = require('earshot.session')
local ui = require('earshot.ui')

local function session_is_there()
  return next(session.sessions) ~= nil
end

--- Answers vim.ui.select by what the label has in it.
local asked
local function will_choose(part)
  asked = nil
  vim.ui.select = function(items, options, done)
    asked = options.prompt
    for _, item in ipairs(items) do
      if part and options.format_item(item):find(part, 1, true) then
        return done(item)
      end
    end
    done(nil)
  end
end

local function leave()
  t.said = {}
  if session_is_there() then
    vim.cmd('Earshot leave')
    t.wait(function()
      return not session_is_there()
    end, 'the end')
  end
  vim.cmd('silent! %bwipeout!')
  fake.log, fake.files, fake.replies, fake.problems = {}, {}, {}, {}
  t.said = {}
end

t.test('[start] what was given to initialize', function()
  vim.g.earshot_name = 'Grace'
  vim.cmd('Earshot share ' .. t.folder)
  t.wait(session_is_there, 'the session')
  local params = fake.initialized_with
  t.equal(params.capabilities.general.positionEncodings, { 'utf-8', 'utf-16' })
  t.equal(params.capabilities.experimental.earshot.exactVersions, true)
  t.equal(params.initializationOptions.name, 'Grace')
  t.truthy(params.initializationOptions.replica:match('^%x+$') and #params.initializationOptions.replica == 32)
  t.truthy(t.heard('A4X9-K7Q2M1'), 'the code is shown')
  t.equal(fake:sent('session/share')[1].params, { folder = vim.uri_from_fname(t.folder), name = 'Grace' })
  t.equal(#fake:sent('events/subscribe'), 1, "a terminal's sessions are told of")
end)

t.test('a new code, and a link that goes where a code does not', function()
  leave()
  local link = 'http://192.168.1.5:47300/j#A4X9-S.H'
  fake.replies['session/invite'] = function()
    return { code = 'B4X9-K7Q2M1', link = link }
  end
  fake:notify('session/changed', { session = fake:session({ role = 'host', code = 'A4X9-K7Q2M1', link = link }) })
  t.wait(session_is_there, 'the session')
  vim.cmd('Earshot members')
  t.equal(vim.api.nvim_buf_get_lines(0, 0, 3, true), { 'Code A4X9-K7Q2M1', 'Link ' .. link, '' })
  vim.cmd('close')
  vim.cmd('Earshot invite')
  t.wait(function()
    return t.heard('B4X9-K7Q2M1')
  end, 'the new code')
  t.equal(fake:sent('session/invite')[1].params, { session = 'abcdefghij' })
end)

t.test('[share-folder] texts nobody saved are given before they are shared', function()
  leave()
  local path = t.write('unsaved.txt', 'disk\n')
  local outside = t.write('../outside.txt', 'no\n')
  vim.cmd('edit ' .. outside)
  vim.cmd('edit ' .. path)
  t.keys('ix<Esc>')
  vim.cmd('Earshot share ' .. t.folder)
  t.wait(session_is_there, 'the session')
  local methods = {}
  for _, message in ipairs(fake.log) do
    if message.method == 'textDocument/didOpen' or message.method == 'session/share' then
      methods[#methods + 1] = message.method
    end
  end
  t.equal(methods, { 'textDocument/didOpen', 'session/share' })
  t.equal(vim.tbl_keys(fake.documents), { vim.uri_from_fname(path) })
  t.equal(fake.documents[vim.uri_from_fname(path)].text, 'xdisk\n')
  t.equal({ vim.bo.fixendofline, vim.bo.autoread }, { false, false })
  vim.fn.delete(outside)
  leave()
  t.equal(vim.tbl_count(fake.documents), 0)
end)

t.test('options are given back at the end', function()
  leave()
  vim.cmd('edit ' .. t.write('options.txt', 'a\n'))
  vim.cmd('Earshot share %')
  t.wait(session_is_there, 'the session')
  t.equal(vim.bo.fixendofline, false)
  vim.cmd('Earshot leave')
  t.wait(function()
    return not session_is_there()
  end, 'the end')
  t.equal(vim.bo.fixendofline, true)
  t.truthy(vim.bo.autoread ~= false)
end)

t.test('[share-scratch] a text without a file is shared by -', function()
  leave()
  vim.cmd('enew')
  t.keys('ihello<Esc>')
  vim.cmd('Earshot share -')
  t.wait(session_is_there, 'the session')
  local uri = fake:sent('session/share')[1].params.documents[1]
  t.truthy(uri:match('^untitled:'))
  t.equal(fake.documents[uri].text, 'hello\n')
  t.keys('A!<Esc>')
  t.equal(fake.documents[uri].text, 'hello!\n')
end)

t.test('[widen] more is shared under the same code, with what nobody saved', function()
  leave()
  vim.cmd('Earshot widen')
  t.wait(function()
    return t.heard('There is no session: begin by :Earshot share.')
  end, 'that there is nothing to widen')
  local path, more = t.write('first.txt', 'a\n'), t.write('more.txt', 'b\n')
  vim.cmd('edit ' .. path)
  vim.cmd('Earshot share %')
  t.wait(session_is_there, 'the session')
  fake.replies['session/widen'] = function()
    return nil, { code = -32050, message = 'This version can not.', data = { kind = 'notInThisVersion' } }
  end
  vim.cmd('edit ' .. more)
  t.keys('ix<Esc>')
  vim.cmd('Earshot widen -')
  t.wait(function()
    return t.heard('This version can not.')
  end, 'the refusal')
  t.equal(vim.tbl_keys(fake.documents), { vim.uri_from_fname(path) }, 'nothing more is told')
  local told
  fake.replies['session/widen'] = function(params)
    told = vim.deepcopy(fake.documents)
    local one = vim.deepcopy(fake.sessions[1])
    one.folder = params.folder
    return { session = one }
  end
  vim.cmd('Earshot widen ' .. more)
  t.wait(function()
    return t.heard('Added, under the same code A4X9-K7Q2M1.')
  end, 'that it is done')
  t.equal(fake:sent('session/widen')[1].params, { session = 'abcdefghij', documents = { vim.uri_from_fname(more) } })
  t.equal(told[vim.uri_from_fname(more)].text, 'xb\n', 'the text is told before it is shared')
  vim.cmd('enew')
  t.keys('ihello<Esc>')
  vim.cmd('Earshot widen -')
  t.wait(function()
    return vim.tbl_count(fake.documents) == 3
  end, 'the text without a file')
  local third = t.write('third.txt', 'c\n')
  vim.cmd('edit ' .. third)
  vim.cmd('Earshot widen ' .. t.folder)
  t.wait(function()
    return fake.documents[vim.uri_from_fname(third)]
  end, 'a file of the folder')
  t.equal(fake:sent('session/widen')[4].params, { session = 'abcdefghij', folder = vim.uri_from_fname(t.folder) })
  t.equal(vim.tbl_count(fake.documents), 4)
end)

t.test('[widen] sharing again asks whether it is for those who are here', function()
  leave()
  vim.cmd('Earshot share ' .. t.write('first.txt', 'a\n'))
  t.wait(session_is_there, 'the session')
  local folder = t.folder
  will_choose(nil)
  vim.cmd('Earshot share ' .. folder)
  t.equal(asked, 'Something is shared already:')
  will_choose('Add it to the session that is yours')
  vim.cmd('Earshot share ' .. folder)
  will_choose('Begin another session')
  vim.cmd('Earshot share ' .. folder)
  fake.settle()
  local wishes = {}
  for _, message in ipairs(fake.log) do
    if message.method == 'session/share' or message.method == 'session/widen' then
      wishes[#wishes + 1] = message.method .. (message.params.folder and ' folder' or '')
    end
  end
  t.equal(wishes, { 'session/share', 'session/widen folder', 'session/share folder' })
end)

t.test('[start] the code, or the link where there is one, is on the clipboard at once', function()
  leave()
  local copied
  vim.g.clipboard = {
    name = 'test',
    copy = { ['+'] = function(lines) copied = lines[1] end, ['*'] = function() end },
    paste = { ['+'] = function() return { copied } end, ['*'] = function() return {} end },
  }
  vim.g.loaded_clipboard_provider = nil
  vim.cmd('runtime autoload/provider/clipboard.vim')
  vim.cmd('Earshot share ' .. t.folder)
  t.wait(function()
    return t.heard('Code A4X9-K7Q2M1 (copied); others run :Earshot join CODE.')
  end, 'the code')
  t.equal(copied, 'A4X9-K7Q2M1')
  local link = 'http://192.168.1.5:47300/j#A4X9-S.H'
  fake.replies['session/invite'] = function()
    return { code = 'B4X9-K7Q2M1', link = link }
  end
  vim.cmd('Earshot invite')
  t.wait(function()
    return t.heard('Code B4X9-K7Q2M1; link for other machines copied')
  end, 'the new code')
  t.equal(copied, link)
end)

t.test('links lead to the same folder', function()
  leave()
  vim.fn.mkdir(t.folder .. '/real')
  vim.uv.fs_symlink(t.folder .. '/real', t.folder .. '/link')
  local path = t.write('real/f.txt', 'a\n')
  vim.cmd('Earshot share ' .. t.folder .. '/link')
  t.wait(session_is_there, 'the session')
  vim.cmd('edit ' .. path)
  t.wait(function()
    return vim.tbl_count(fake.documents) == 1
  end, 'didOpen')
end)

t.test('what is not UTF-8 is not shared, and said', function()
  leave()
  vim.cmd('Earshot share ' .. t.folder)
  t.wait(session_is_there, 'the session')
  local path = t.write('bad.txt', 'a\255\254\200b\n')
  vim.cmd('edit ++enc=utf-8 ++bad=keep ' .. path)
  t.wait(function()
    return t.heard('not UTF-8')
  end, 'the message')
  t.equal(vim.tbl_count(fake.documents), 0)
end)

t.test('what would be written in another encoding is not shared, and said', function()
  leave()
  vim.cmd('Earshot share ' .. t.folder)
  t.wait(session_is_there, 'the session')
  vim.cmd('edit ++enc=latin1 ' .. t.write('latin.txt', 'a\233b\n'))
  t.wait(function()
    return t.heard('latin.txt is not UTF-8')
  end, 'the message')
  t.equal(vim.tbl_count(fake.documents), 0)
end)

t.test('files shared from a terminal are found by name', function()
  leave()
  local path = t.write('named file.txt', 'a\n')
  vim.cmd('edit ' .. vim.fn.fnameescape(path))
  fake.files = { { uri = 'earshot://abcdefghij/named%20file.txt', kind = 'file', size = 2, readonly = false } }
  fake:notify('session/changed', { session = fake:session({ role = 'host', code = 'X' }) })
  t.wait(function()
    return fake.documents[vim.uri_from_fname(path)] ~= nil
  end, 'didOpen')
  vim.cmd('bwipeout')
  t.wait(function()
    return vim.tbl_count(fake.documents) == 0
  end, 'didClose')
  vim.cmd('edit ' .. vim.fn.fnameescape(path))
  t.wait(function()
    return fake.documents[vim.uri_from_fname(path)] ~= nil
  end, 'didOpen of what is opened later')
end)

t.test('a daemon that refuses to talk is told', function()
  leave()
  fake.replies.initialize = function()
    return nil, { code = -32050, message = 'This daemon is too old.', data = { kind = 'versionMismatch' } }
  end
  fake.sessions = {}
  fake:drop()
  vim.wait(0)
  vim.cmd('Earshot members')
  t.wait(function()
    return t.heard('This daemon is too old.')
  end, 'the message')
  fake.replies = {}
  vim.cmd('Earshot members')
  t.wait(function()
    return t.heard('There is no session')
  end, 'a new connection')
end)

t.test('[errors] errors are told', function()
  leave()
  fake.replies['session/share'] = function()
    return nil, { code = -32050, message = 'This folder is shared already.', data = { kind = 'alreadyShared' } }
  end
  vim.cmd('Earshot share ' .. t.folder)
  t.wait(function()
    return t.heard('This folder is shared already.')
  end, 'the message')
  vim.cmd('Earshot share /no/such/folder')
  t.truthy(t.heard('There is no file or folder'))
  vim.cmd('Earshot dance')
  t.truthy(t.heard('There is no :Earshot dance'))
  vim.cmd('Earshot members')
  t.truthy(t.heard('There is no session'))
end)

t.test('[progress] [join-code] join waits, shows progress, and can be given up', function()
  leave()
  fake.replies['session/join'] = function()
    return 'held'
  end
  vim.cmd('Earshot join a4x9-k7q2m1')
  t.wait(function()
    return fake.held and fake.held['session/join']
  end, 'the request')
  fake:notify('$/progress', {
    token = fake:sent('session/join')[1].params.workDoneToken,
    value = { kind = 'report', message = 'Waiting for the host.', stage = 'admission', check = '12 34' },
  })
  t.wait(function()
    return t.heard('Check 12 34: read it to the host')
  end, 'progress')
  fake:notify('$/progress', {
    token = fake:sent('session/join')[1].params.workDoneToken,
    value = { kind = 'report', message = 'Connected directly.', stage = 'direct', check = '' },
  })
  t.wait(function()
    return t.heard('Connected directly.')
  end, 'progress')
  vim.cmd('Earshot leave')
  t.equal(fake:sent('$/cancelRequest')[1].params.id, fake.held['session/join'])
  fake.replies = {}
  vim.ui.input = function(_, done)
    done(' A4X9 ')
  end
  vim.cmd('Earshot join')
  t.wait(session_is_there, 'the session')
  t.equal(fake:sent('session/join')[2].params.code, 'A4X9')
  t.equal(earshot.statusline(), 'earshot 2')
end)

t.test('[end] leaving with unsaved texts names them and asks', function()
  leave()
  vim.cmd('Earshot share ' .. t.folder)
  t.wait(session_is_there, 'the session')
  local uris = {}
  fake.replies['session/leave'] = function(params)
    if not params.unsaved then
      return nil, { code = -32050, message = 'unsaved', data = { kind = 'unsaved', uris = uris } }
    end
    return vim.empty_dict()
  end
  for name, want in vim.spairs({
    ['a%20b.go'] = '1 text has changes that nobody saved: a b.go',
    ['b.go c.go'] = '2 texts have changes that nobody saved: b.go, c.go',
    ['1 2 3 4 5 6 7'] = '7 texts have changes that nobody saved: 1, 2, 3, 4, 5 and 2 more',
  }) do
    uris = vim.tbl_map(function(path)
      return 'earshot://abcdefghij/' .. path
    end, vim.split(name, ' '))
    will_choose('Stay')
    vim.cmd('Earshot leave')
    t.wait(function()
      return asked
    end, 'the question')
    t.equal(asked, want)
    t.truthy(session_is_there())
  end
  will_choose('Save ')
  vim.cmd('Earshot leave')
  t.wait(function()
    return not session_is_there()
  end, 'the end')
  local sent = fake:sent('session/leave')
  t.equal(sent[#sent].params.unsaved, 'save')
end)

---@param name string
---@param role? string what the guest asks for
local function knock(name, role)
  fake:send({
    id = 'door-' .. name,
    method = 'session/admit',
    params = {
      session = 'abcdefghij',
      member = { id = 'gggggggggg', name = name, role = role or 'editor', color = '#ffffff', state = 'waiting' },
      check = '12 34',
    },
  })
  t.wait(function()
    return t.heard('Check 12 34: ') and t.heard('(name not verified) wants to join as')
  end, 'the knock')
end

local function answer(name)
  t.wait(function()
    return fake.answers['door-' .. name]
  end, 'the answer')
  return fake.answers['door-' .. name].result
end

t.test('[admit] a guest is asked about when it is quiet, and let in', function()
  leave()
  vim.cmd('Earshot share ' .. t.folder)
  t.wait(session_is_there, 'the session')
  will_choose('to look only')
  knock('Eve\n\27[31m' .. ('x'):rep(50))
  t.truthy(not t.heard('\27') and not t.heard(('x'):rep(40)), 'a name is cleaned')
  t.equal(answer('Eve\n\27[31m' .. ('x'):rep(50)), { admit = true, role = 'viewer' })
end)

t.test('a dismissed question stays open for :Earshot admit and refuse', function()
  t.said = {}
  will_choose(nil)
  knock('Bob')
  t.wait(function()
    return asked
  end, 'the question')
  t.equal(fake.answers['door-Bob'], nil)
  t.equal(earshot.statusline(), 'earshot 2 ?1')
  vim.cmd('Earshot refuse Bob')
  t.equal(answer('Bob'), { admit = false })
  vim.cmd('Earshot admit')
  t.truthy(t.heard('Nobody waits'))
end)

t.test('while questions wait for quiet, keys tell commands apart as before', function()
  vim.cmd('silent edit ' .. t.write('keys.txt', 'abcdef\n'))
  t.wait(function()
    return require('earshot.buffer').attached[vim.api.nvim_get_current_buf()]
  end, 'the file')
  t.keys('x')
  local listeners = vim.on_key()
  for _, name in ipairs({ 'Dora', 'Emil' }) do
    t.said = {}
    knock(name)
  end
  t.equal(vim.on_key(), listeners + 2)
  t.keys('x')
  t.equal(vim.on_key(), listeners + 2)
  for _, name in ipairs({ 'Dora', 'Emil' }) do
    fake:notify('$/cancelRequest', { id = 'door-' .. name })
  end
  t.wait(function()
    return vim.on_key() == listeners
  end, 'the end of both questions')
end)

t.test('a question answered elsewhere is taken back', function()
  t.said = {}
  knock('Carol')
  fake:notify('$/cancelRequest', { id = 'door-Carol' })
  t.wait(function()
    return #ui.waiting() == 0
  end, 'the withdrawal')
  vim.cmd('Earshot admit Carol')
  t.truthy(t.heard('Nobody waits'))
  t.equal(fake.answers['door-Carol'], nil)
end)

--- Chooses by a part of the label while Neovim stands still, as it does at its own prompt, and what comes meanwhile is
--- only seen afterwards.
local function will_choose_after(part, meanwhile)
  will_choose(part)
  local choose = vim.ui.select
  vim.ui.select = function(...)
    meanwhile()
    choose(...)
  end
end

local function nobody_was_admitted()
  t.truthy(not t.heard('was admitted'), vim.inspect(t.said))
  t.equal(#fake:sent('member/admit'), 0)
end

t.test('nobody is said to be admitted who left while the prompt stood', function()
  t.said, fake.log = {}, {}
  will_choose_after('to edit', function()
    fake:notify('$/cancelRequest', { id = 'door-Dan' })
  end)
  knock('Dan')
  t.wait(function()
    return t.heard('Dan is no longer waiting.')
  end, 'the truth')
  nobody_was_admitted()
end)

t.test('who left and knocked again while the prompt stood is asked about anew', function()
  t.said, fake.log = {}, {}
  local again = false
  will_choose_after('to edit', function()
    if not again then
      again = true
      fake:notify('$/cancelRequest', { id = 'door-Fay' })
      fake:send({
        id = 'door-Fay again',
        method = 'session/admit',
        params = {
          session = 'abcdefghij',
          member = { id = 'hhhhhhhhhh', name = 'Fay', role = 'editor' },
          check = '56',
        },
      })
      vim.ui.select = function() end
    end
  end)
  knock('Fay')
  t.wait(function()
    return t.heard('Check 56: Fay')
  end, 'the second knock')
  nobody_was_admitted()
  t.truthy(t.said[#t.said]:find('Check 56', 1, true), 'last is said that somebody waits')
  fake.replies['member/admit'] = function(params)
    t.equal(params, { session = 'abcdefghij', member = 'hhhhhhhhhh', admit = true })
    return vim.empty_dict()
  end
  vim.cmd('Earshot admit Fay')
  t.wait(function()
    return t.heard('Fay was admitted.')
  end, 'the admission')
  t.equal(fake.answers['door-Fay again'].result, { admit = true })
end)

t.test(':Earshot admit says what the daemon answers', function()
  t.said = {}
  will_choose(nil)
  knock('Gus')
  fake.replies['member/admit'] = function()
    return nil, { code = -32050, message = 'Nobody of that id is waiting.', data = { kind = 'noSuchMember' } }
  end
  vim.cmd('Earshot admit Gus')
  t.wait(function()
    return t.heard('Gus is no longer waiting.')
  end, 'the truth')
  t.truthy(not t.heard('was admitted'), 'and nothing else')
  t.equal(fake.answers['door-Gus'], nil)
  fake.replies['member/admit'] = nil
end)

t.test('[admit] the question tells what to compare, in 80 columns, and offers both roles, the wish first', function()
  for role, want in pairs({ editor = { 'to edit', 'to look only' }, viewer = { 'to look only', 'to edit' } }) do
    t.said = {}
    local name, lines = role:sub(1, 1):rep(60), nil
    vim.ui.select = function(items, options)
      lines = { options.prompt }
      for i, item in ipairs(items) do
        lines[#lines + 1] = ('%d: %s'):format(i, options.format_item(item))
      end
    end
    fake:send({
      id = 'roles-' .. role,
      method = 'session/admit',
      params = {
        session = 'abcdefghij',
        member = { id = 'gggggggggg', name = name, role = role, client = name },
        check = '804343',
      },
    })
    t.wait(function()
      return lines
    end, 'the question')
    for _, line in ipairs(lines) do
      t.truthy(vim.fn.strdisplaywidth(line) < 80, line)
    end
    t.truthy(lines[1]:find('804343', 1, true) and lines[1]:find('reads to you', 1, true), lines[1])
    t.truthy(lines[3]:find('Refuse', 1, true) and lines[3]:find(':Earshot invite', 1, true), lines[3])
    t.truthy(lines[4]:find(want[1], 1, true) and lines[5]:find(want[2], 1, true), vim.inspect(lines))
    fake:notify('$/cancelRequest', { id = 'roles-' .. role })
  end
end)

t.test('[members] members: a window, arrivals and departures', function()
  t.said = {}
  local one = vim.deepcopy(fake.sessions[1])
  one.members[3] = { id = 'nnnnnnnnnn', name = 'Nick', color = 'bad', role = 'viewer', state = 'here' }
  fake:notify('session/changed', { session = one })
  t.wait(function()
    return t.heard('Nick is here.')
  end, 'the arrival')
  local uri = 'earshot://abcdefghij/dir/x.go'
  fake:notify('presence/changed', {
    session = one.id,
    cursors = {
      {
        member = 'aaaaaaaaaa',
        client = 'c',
        textDocument = { uri = uri },
        selections = { { anchor = { line = 6, character = 0 }, active = { line = 6, character = 0 } } },
      },
    },
  })
  t.wait(function()
    return presence.cursors[one.id]
  end, 'presence')
  vim.cmd('Earshot members')
  local lines = table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, true), '\n')
  for _, part in ipairs({ 'A4X9-K7Q2M1', 'Ada', 'dir/x.go:7', '12 ms', 'Me (you)' }) do
    t.truthy(lines:find(part, 1, true), part .. ' in ' .. lines)
  end
  t.keys('q')
  one = vim.deepcopy(one)
  one.members[3] = nil
  fake:notify('session/changed', { session = one })
  t.wait(function()
    return t.heard('Nick has left.')
  end, 'the departure')
end)

t.test('[daemon-lost] a lost connection: typing goes on, and is told with stamp and resume', function()
  leave()
  local path = t.write('lost.txt', 'a\n')
  vim.cmd('edit ' .. path)
  vim.cmd('Earshot share ' .. path)
  t.wait(session_is_there, 'the session')
  local uri = vim.uri_from_fname(path)
  t.equal(fake:edit_now(uri, { model.edit('a\n', 0, 0, 'r') }).applied, true)
  local stamp, replica = 's' .. fake.stamp, fake.initialized_with.initializationOptions.replica
  local connections = fake.connections
  fake.down, fake.refused = true, 0
  fake:drop()
  t.wait(function()
    return t.heard('connection to the daemon was lost')
  end, 'the loss')
  t.keys('Atyped<Esc>')
  t.equal(earshot.statusline(), 'earshot 2…')
  t.wait(function()
    return fake.refused >= 2
  end, 'several attempts')
  fake.down = false
  t.wait(function()
    return fake.connections > connections and fake.documents[uri]
  end, 'the new connection', 10000)
  t.equal(fake.connections, connections + 1)
  t.equal(fake.documents[uri].text, 'ratyped\n')
  t.equal(fake.documents[uri].opened_with, { stamp = stamp })
  t.equal(fake.initialized_with.initializationOptions.replica, replica)
  t.equal(fake.initialized_with.initializationOptions.resume, { 'resume-token' })
  t.keys('Amore<Esc>')
  t.equal(fake.documents[uri].text, 'ratypedmore\n')
  t.equal(fake.problems, {})
end)

t.test('[daemon-lost] [end] a daemon that knows the session no more ends it', function()
  t.said = {}
  fake.sessions = {}
  fake:drop()
  t.wait(function()
    return t.heard('The session is over')
  end, 'the end', 10000)
  t.equal(vim.tbl_count(buffers.attached), 0)
end)

t.test('what stays too long in a queue is refused from a timer', function()
  leave()
  local path = t.write('slow.txt', 'a\n')
  vim.cmd('edit ' .. path)
  vim.cmd('Earshot share ' .. path)
  t.wait(session_is_there, 'the session')
  local uri = vim.uri_from_fname(path)
  local id = fake:edit(uri, { model.edit('a\n', 0, 0, 'r') })
  -- Only the fast callbacks run in this wait.
  vim.wait(5000, function()
    return fake.answers[id] ~= nil
  end, 5, true)
  t.equal(fake.answers[id].result.applied, false)
  vim.wait(0)
  t.equal(buffers.text(0), 'a\n', 'and is not applied later')
end)

t.test('completion', function()
  t.equal(earshot.complete('', 'Earshot sh', 0), { 'share' })
  t.truthy(vim.list_contains(earshot.complete('', 'Earshot ', 0), 'members'))
  t.equal(earshot.complete('', 'Earshot follow A', 0), { 'Ada' })
  t.equal(earshot.complete('', 'Earshot remove A', 0), { 'Ada' })
  t.equal(earshot.complete('', 'Earshot role A', 0), { 'Ada' })
  t.equal(earshot.complete('', 'Earshot role Ada ', 0), { 'editor', 'viewer' })
  local one = vim.deepcopy(fake.sessions[1])
  one.members[2].name = 'Ada Lovelace'
  fake:notify('session/changed', { session = one })
  fake.settle()
  t.equal(earshot.complete('', 'Earshot role Ada L', 0), { 'Lovelace' })
  t.equal(earshot.complete('', 'Earshot role Ada Lovelace v', 0), { 'viewer' })
end)

t.test('[role] a role is changed, and a member sent away', function()
  t.said, fake.log = {}, {}
  vim.cmd('Earshot role ada lovelace viewer')
  t.wait(function()
    return t.heard('Ada Lovelace is a viewer now.')
  end, 'the change')
  t.equal(
    fake:sent('member/setRole')[1].params,
    { session = 'abcdefghij', member = 'aaaaaaaaaa', role = 'viewer' }
  )
  for _, wrong in ipairs({ 'role', 'role Ada', 'role Ada Lovelace host', 'role viewer' }) do
    t.said = {}
    vim.cmd('Earshot ' .. wrong)
    t.truthy(t.heard('Say who, and editor or viewer'), wrong)
  end
  vim.cmd('Earshot role Bob viewer')
  t.truthy(t.heard('No Bob is here'))
  vim.cmd('Earshot remove Me')
  t.truthy(t.heard('No Me is here'))
  will_choose(nil)
  vim.cmd('Earshot remove')
  t.equal(asked, 'Remove whom?')
  t.equal(#fake:sent('member/remove'), 0, 'nobody is removed without a choice')
  will_choose('Ada')
  vim.cmd('Earshot remove')
  t.wait(function()
    return t.heard('Ada Lovelace was removed')
  end, 'the removal')
  t.equal(fake:sent('member/remove')[1].params, { session = 'abcdefghij', member = 'aaaaaaaaaa' })
  fake.replies['member/remove'] = function()
    return nil, { code = -32050, message = 'Only the host can do that.', data = { kind = 'notHost' } }
  end
  vim.cmd('Earshot remove Ada Lovelace')
  t.wait(function()
    return t.heard('Only the host can do that.')
  end, "the daemon's sentence")
end)

t.test('a difference found at rest is mended', function()
  local uri = vim.tbl_keys(fake.documents)[1]
  t.said = {}
  t.keys('Ax<Esc>')
  fake.documents[uri].text = 'something else\n'
  t.wait(function()
    return fake.documents[uri] and fake.documents[uri].text == 'ax\n'
  end, 'mending')
  t.equal(buffers.text(0), 'ax\n')
end)

t.test("the log opens though 'nomodifiable' is the default", function()
  vim.o.modifiable = false
  local ok, err = pcall(vim.cmd, 'Earshot log')
  vim.o.modifiable = true
  t.truthy(ok, err)
  vim.cmd('close')
end)

t.test("[undo] one's own undo on the usual keys, in shared buffers only", function()
  leave()
  local path = t.write('undo.txt', 'a\n')
  vim.cmd('edit ' .. path)
  vim.cmd('Earshot share ' .. path)
  t.wait(session_is_there, 'the session')
  fake.replies['textDocument/undo'] = function()
    return { applied = false }
  end
  t.keys('Ax<Esc>')
  vim.api.nvim_feedkeys('u', 'mxt', false)
  t.wait(function()
    return t.heard('Already at oldest change of your own.')
  end, 'the answer')
  t.equal(fake:sent('textDocument/undo')[1].params.textDocument.uri, vim.uri_from_fname(path))
  t.equal(buffers.text(0), 'ax\n')
  local left = 1
  fake.replies['textDocument/redo'] = function()
    left = left - 1
    return { applied = left >= 0 }
  end
  local nothing = 'Already at newest change of your own.'
  local function times()
    return #vim.tbl_filter(function(said)
      return said:find(nothing, 1, true)
    end, t.said)
  end
  vim.api.nvim_feedkeys(vim.keycode('3<C-r>'), 'mxt', false)
  t.wait(function()
    return #fake:sent('textDocument/redo') == 3 and times() > 0
  end, 'the answers')
  fake.settle()
  t.equal(times(), 1, 'it is said once that there are fewer')
  vim.cmd('Earshot undo 2')
  t.wait(function()
    return #fake:sent('textDocument/undo') == 3
  end, 'two more')
  vim.cmd('Earshot undo twice')
  t.truthy(t.heard('How often, as a number'))
  t.equal(#fake:sent('textDocument/undo'), 3)
  vim.cmd('Earshot leave')
  t.wait(function()
    return not session_is_there()
  end, 'the end')
  vim.api.nvim_feedkeys('u', 'mxt', false)
  t.equal(buffers.text(0), 'a\n')
end)

t.test("[undo] Neovim's own keys can be wished for, and no longer, at any time", function()
  leave()
  local path = t.write('wish.txt', 'a\n')
  vim.cmd('edit ' .. path)
  vim.cmd('Earshot share ' .. path)
  t.wait(session_is_there, 'the session')
  local function is_own(key)
    return vim.fn.maparg(key, 'n', false, true).buffer == 1
  end
  local function check(want, what)
    t.wait(function()
      return is_own('u') == want and is_own('<C-r>') == want
    end, what)
  end
  check(true, 'nothing is wished for')
  vim.g.earshot_own_undo = false
  check(false, 'by Lua')
  vim.g.earshot_own_undo = nil
  check(true, 'no longer')
  vim.cmd('let g:earshot_own_undo = 0')
  check(false, 'by :let')
  vim.cmd('unlet g:earshot_own_undo')
  check(true, 'no longer, by :unlet')
  earshot.setup({ own_undo = false })
  check(false, 'by setup')
  vim.g.earshot_own_undo = true
  check(true, 'the variable is stronger')
  vim.keymap.set('n', 'u', 'x', { buffer = true })
  vim.g.earshot_own_undo = false
  t.wait(function()
    return not is_own('<C-r>')
  end, 'its end')
  t.truthy(is_own('u'), "a mapping of the person's own stays")
  vim.keymap.del('n', 'u', { buffer = true })
  earshot.setup({ own_undo = true })
  vim.g.earshot_own_undo = nil
end)
