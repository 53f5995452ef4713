-- Where everyone is: what is sent, how often, and what is drawn.
local t = _G.t
local Fake = require('fake')
local fake = Fake.new():install()
local presence = require('earshot.presence')
local session = require('earshot.session')

require('earshot').share(t.folder)
t.wait(function()
  return next(session.sessions) ~= nil
end, 'the session')

local path = t.write('f.txt', 'one\ntwo é🎉 end\nthree\n\tfour\n')
local uri = vim.uri_from_fname(path)
vim.cmd('silent edit ' .. path)
t.wait(function()
  return fake.documents[uri]
end, 'didOpen')

local namespace = vim.api.nvim_get_namespaces()['earshot.presence']

local function marks()
  return vim.api.nvim_buf_get_extmarks(0, namespace, 0, -1, { details = true })
end

local function at(line, character)
  return { line = line, character = character }
end

local function selections_after(keys)
  local got
  _G.look = function()
    got = presence.selections()
  end
  t.keys(keys .. '<Cmd>lua look()<CR><Esc>')
  return got
end

t.test('what is selected', function()
  local function check(keys, ...)
    t.equal(selections_after(keys), { ... }, keys)
  end
  check('gg0l', { anchor = at(0, 1), active = at(0, 1) })
  check('ggA', { anchor = at(0, 3), active = at(0, 3) })
  check('2gg02wv', { anchor = at(1, 6), active = at(1, 10) })
  check('gg0vl', { anchor = at(0, 0), active = at(0, 2) })
  check('gg0lvjo', { anchor = at(1, 2), active = at(0, 1) })
  check('ggVj', { anchor = at(0, 0), active = at(1, 14) })
  check('2ggVk', { anchor = at(1, 14), active = at(0, 0) })
  check('gg0l<C-v>jl', { anchor = at(0, 1), active = at(0, 3) }, { anchor = at(1, 1), active = at(1, 3) })
  session.encoding = 'utf-16'
  check('2gg$', { anchor = at(1, 10), active = at(1, 10) })
  session.encoding = 'utf-8'
end)

t.test('updates are few, and the last one is always sent', function()
  fake.log = {}
  for _ = 1, 100 do
    t.keys('gg0')
    presence.moved()
    t.keys('3gg')
    presence.moved()
  end
  t.wait(function()
    local sent = fake:sent('presence/update')
    local last = sent[#sent]
    return last and last.params.selections[1].active.line == 2
  end, 'the last place')
  t.truthy(#fake:sent('presence/update') <= 3, #fake:sent('presence/update'))
  t.equal(fake:sent('presence/update')[1].params.textDocument, { uri = uri })
end)

t.test('leaving the document is told once', function()
  fake.log = {}
  vim.cmd('silent edit ' .. t.folder .. '/../elsewhere.txt')
  presence.moved()
  t.wait(function()
    return #fake:sent('presence/update') > 0
  end, 'the update')
  t.equal(fake:sent('presence/update')[1].params, { selections = {} })
  vim.cmd('silent edit ' .. path)
end)

local function cursor(member, anchor, active)
  return {
    member = member,
    client = 'c',
    textDocument = { uri = uri },
    selections = { { anchor = anchor, active = active } },
  }
end

local function show(cursors)
  fake:notify('presence/changed', { session = 'abcdefghij', cursors = cursors })
  fake.settle()
end

t.test('a cursor and a selection are drawn with the name, and go', function()
  show({ cursor('aaaaaaaaaa', at(0, 1), at(1, 4)) })
  local names, ranges = {}, {}
  for _, mark in ipairs(marks()) do
    for _, chunk in ipairs(mark[4].virt_text or {}) do
      names[#names + 1] = chunk[1]
    end
    if mark[4].end_col then
      ranges[#ranges + 1] = { mark[2], mark[3], mark[4].end_row, mark[4].end_col, (mark[4].hl_group:match('^%a+')) }
    end
  end
  table.sort(ranges, function(a, b)
    return a[5] < b[5]
  end)
  t.equal(names, { ' Ada ' })
  t.equal(ranges, { { 1, 4, 1, 6, 'EarshotCursor' }, { 0, 1, 1, 4, 'EarshotSelection' } })
  show({})
  t.equal(marks(), {})
end)

t.test('behind the end of a line the first letter stands for the cursor; places are clamped', function()
  for _, place in ipairs({ at(0, 3), at(0, 99), at(99, 0) }) do
    show({ cursor('aaaaaaaaaa', place, place) })
    local letters = {}
    for _, mark in ipairs(marks()) do
      for _, chunk in ipairs(mark[4].virt_text or {}) do
        letters[#letters + 1] = chunk[1]
      end
    end
    table.sort(letters)
    t.equal(letters, { ' Ada ', 'A' })
  end
end)

t.test('a member unknown, a document not open', function()
  local other = cursor('aaaaaaaaaa', at(0, 0), at(0, 0))
  other.textDocument.uri = 'file:///elsewhere'
  show({ cursor('zzzzzzzzzz', at(0, 0), at(0, 0)), other })
  t.truthy(#marks() > 0)
  show({})
end)

t.test('eight members have eight colours; the session gives them, the palette where it does not', function()
  local members, seen = { { id = 'me', color = '#e69f00' } }, {}
  for i = 1, 8 do
    members[#members + 1] = { id = 'm' .. i, color = i <= 4 and '#ABCDEF' or 'nonsense' }
  end
  local colors = presence.colors(members, 'me')
  t.equal(colors.m1[1], '#abcdef')
  for _, color in pairs(colors) do
    seen[color[1]] = true
  end
  t.equal(vim.tbl_count(seen), 8)
  t.equal(colors.me, nil)
end)

t.test('the palette can be told apart, and read, on dark and on light', function()
  local function channel(value)
    value = value / 255
    return value <= 0.03928 and value / 12.92 or ((value + 0.055) / 1.055) ^ 2.4
  end
  local function luminance(color)
    local n = tonumber(color:sub(2), 16)
    local r, g, b = math.floor(n / 65536), math.floor(n / 256) % 256, n % 256
    return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b)
  end
  local function contrast(a, b)
    a, b = luminance(a), luminance(b)
    return (math.max(a, b) + 0.05) / (math.min(a, b) + 0.05)
  end
  for _, entry in ipairs(presence.PALETTE) do
    t.truthy(contrast(entry[1], '#ffffff') > 1.9, entry[1] .. ' on white')
    t.truthy(contrast(entry[1], '#101014') > 2.5, entry[1] .. ' on black')
  end
end)
