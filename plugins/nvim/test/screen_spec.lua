-- A14: what people are called never steers this screen. The daemon cleans it; here one is played that does not.
local t = _G.t
local Fake = require('fake')
local fake = Fake.new():install()
local earshot = require('earshot')
local session = require('earshot.session')
local ui = require('earshot.ui')

local CORPUS = {
  '\27[2J\27]0;title\7\27]52;c;ZXZpbA==\7', -- clear, title, clipboard
  '\194\15531m\194\1578;;http://x\194\156', -- the same of C1
  'a\r\nb\0c\8\127',
  '\226\128\174gnp.exe\226\128\172', -- right to left
  '\226\129\166\226\129\169\226\128\142\216\156', -- isolates, marks
  '\226\128\139\239\187\191\226\129\160\194\173', -- of no width
  '\226\128\168\226\128\169', -- line and paragraph separators
  '\243\160\128\129\243\160\129\129', -- tags
  '\227\133\164\239\184\143\226\160\128', -- blank letters
  'Vim:set modeline:" | qa! <CR><Esc>:qa!', -- keys and commands are letters here
  ('long '):rep(1000),
}

--- The bytes of the first thing in a text that must not reach a screen.
local function unfit(text)
  for _, pattern in ipairs({
    '[%z\1-\31\127]',
    '\194[\128-\159\173]',
    '\216\156',
    '\226\128[\139-\143\168-\174]',
    '\226\129[\160-\175]',
    '\239\187\191',
    '\243\160[\128-\135]',
    '\227\133\164',
    '\239\184[\128-\143]',
    '\226\160\128',
  }) do
    local found = text:match(pattern)
    if found then
      return ('%q'):format(found)
    end
  end
end

local function fit(text, what)
  local found = unfit(text)
  t.truthy(not found, ('%s shows %s in %q'):format(what, found or '', text:sub(1, 100)))
end

local shown
local function watch_select(choice)
  shown = nil
  vim.ui.select = function(items, options, done)
    shown = { options.prompt }
    for _, item in ipairs(items) do
      shown[#shown + 1] = options.format_item(item)
    end
    done(choice and items[choice] or nil)
  end
end

vim.cmd('Earshot share ' .. t.folder)
t.wait(function()
  return next(session.sessions) ~= nil
end, 'the session')
local path = t.write('f.txt', 'one\n')
local uri = vim.uri_from_fname(path)
vim.cmd('silent edit ' .. path)
t.wait(function()
  return fake.documents[uri]
end, 'didOpen')

for i, text in ipairs(CORPUS) do
  t.test(('A14, text %d of the corpus, on every sink'):format(i), function()
    t.said = {}
    local one = vim.deepcopy(fake.sessions[1])
    one.reason = text
    one.members[3] = {
      id = 'nnnnnnnnnn',
      name = text,
      color = text,
      role = text,
      state = text,
      client = text,
      path = text,
      rttMs = 1e308,
    }
    fake:notify('session/changed', { session = one })
    fake:notify('window/showMessage', { type = 1, message = text })
    fake:notify('$/progress', { token = 'x', value = { kind = 'report', message = text, check = text } })
    fake:notify('presence/changed', {
      session = one.id,
      cursors = {
        {
          member = 'nnnnnnnnnn',
          client = text,
          textDocument = { uri = uri },
          selections = { { anchor = { line = 0, character = 0 }, active = { line = 0, character = 3 } } },
        },
      },
    })
    -- The door.
    watch_select(nil)
    fake:send({
      id = 'door' .. i,
      method = 'session/admit',
      params = { session = one.id, member = one.members[3], check = text },
    })
    t.wait(function()
      return shown
    end, 'the question')
    local door = shown
    fake:notify('$/cancelRequest', { id = 'door' .. i })
    -- The list of files, and what a refusal says.
    fake.files = { -- two, for the only one would be opened
      { uri = 'earshot://abcdefghij/' .. vim.uri_encode(text), kind = 'file', size = 1 },
      { uri = 'earshot://abcdefghij/other', kind = 'file', size = 1 },
    }
    watch_select(nil)
    vim.cmd('Earshot open')
    t.wait(function()
      return shown
    end, 'the list')
    local files = shown
    fake.replies['session/invite'] = function()
      return nil, { code = -32050, message = text, data = { kind = text } }
    end
    vim.cmd('Earshot invite')
    fake.settle()
    fake:send({
      id = 'call' .. i,
      method = 'window/showMessageRequest',
      params = {
        type = 3,
        message = text .. ' asks you to look',
        actions = { { title = text } },
        earshot = { session = one.id, member = one.members[3].id },
      },
    })
    fake.settle()
    local calling = earshot.statusline()
    t.truthy(calling:find(' calls', 1, true), calling)
    fit(calling, 'the status line')
    vim.cmd('Earshot members')
    local lines = vim.api.nvim_buf_get_lines(0, 0, -1, true)
    vim.cmd('close')
    ui.show_log()
    local log = vim.api.nvim_buf_get_lines(0, 0, -1, true)
    vim.cmd('close')

    t.truthy(#t.said > 4, 'messages were shown')
    for what, texts in pairs({ messages = t.said, door = door, files = files, members = lines, log = log }) do
      for _, each in ipairs(texts) do
        fit(each, what)
      end
    end
    fit(earshot.statusline(), 'the status line')
    fit(table.concat(earshot.complete('', 'Earshot follow '), ''), 'completion')
    local namespace = vim.api.nvim_get_namespaces()['earshot.presence']
    local names = 0
    for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(0, namespace, 0, -1, { details = true })) do
      for _, chunk in ipairs(mark[4].virt_text or {}) do
        names = names + 1
        fit(chunk[1], 'a cursor')
        t.truthy(vim.fn.strchars(chunk[1]) < 30, 'a cursor with a long name')
      end
    end
    t.truthy(names > 0, 'a cursor is shown')
    one.members[3] = nil
    fake:notify('session/changed', { session = one })
    fake.settle()
  end)
end

t.test('A15, one who took a name is meant by it too, so that the person says which', function()
  for _, name in ipairs({ 'Ben', 'Ben (2)' }) do
    local member = { id = 'b', name = name, role = 'editor', client = 'Emacs' }
    fake:send({
      id = 'two-' .. name,
      method = 'session/admit',
      params = { session = 'abcdefghij', member = member, check = '12' },
    })
  end
  t.wait(function()
    return #ui.waiting() == 2
  end, 'both')
  watch_select(nil)
  vim.cmd('Earshot admit Ben')
  t.equal(#shown, 3, 'both are offered')
  t.truthy(shown[2]:find('name not verified', 1, true) and shown[2]:find('Emacs', 1, true), shown[2])
  t.equal(#ui.waiting(), 2, 'nobody was let in')
end)
