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

t.test('[cursors] what is selected', function()
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
  check('gg0l<C-v>jl', { anchor = at(1, 1), active = at(1, 3) }, { anchor = at(0, 1), active = at(0, 3) })
  check('2gg0l<C-v>kl', { anchor = at(0, 1), active = at(0, 3) }, { anchor = at(1, 1), active = at(1, 3) })
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

t.test('where one is is told again once the document is attached, though one does not move', function()
  fake.settle()
  fake.log = {}
  fake:notify('document/changed', { uri = uri, dirty = false, readonly = false, form = { eol = 'lf' } })
  t.wait(function()
    return #fake:sent('presence/update') > 0
  end, 'the update')
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

t.test('[cursors] a cursor and a selection are drawn with the name, and go', function()
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

t.test('[cursors] several selections, forwards and backwards, several cursors, one name', function()
  local several = cursor('aaaaaaaaaa', at(2, 3), at(1, 4))
  several.selections[2] = { anchor = at(0, 2), active = at(0, 2) }
  several.selections[3] = { anchor = at(0, 0), active = at(0, 2) }
  show({ several })
  local ranges, cursors, names = {}, {}, {}
  for _, mark in ipairs(marks()) do
    names[#names + 1] = mark[4].virt_text and mark[2] .. mark[4].virt_text[1][1]
    local group = mark[4].hl_group or ''
    if group:match('^EarshotSelection') then
      ranges[#ranges + 1] = { mark[2], mark[3], mark[4].end_row, mark[4].end_col }
    elseif group:match('^EarshotCursor') then
      cursors[#cursors + 1] = { mark[2], mark[3] }
    end
  end
  t.equal(ranges, { { 0, 0, 0, 2 }, { 1, 4, 2, 3 } })
  t.equal(cursors, { { 0, 2 }, { 1, 4 } }, 'where several are, and where the first selection moves')
  t.equal(names, { '1 Ada ' })
  show({})
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

t.test('[colours] in terminals of 256 colours they are the same, as nearly as can be', function()
  for color, index in pairs({
    ['#000000'] = 16, ['#ffffff'] = 231, ['#ff0000'] = 196, ['#5f87af'] = 67, ['#808080'] = 244, ['#56b4e9'] = 74,
  }) do
    t.equal(presence.index_of(color), index, color)
  end
  local seen = {}
  for _, entry in ipairs(presence.PALETTE) do
    seen[presence.index_of(entry[1])] = true
  end
  t.equal(vim.tbl_count(seen), #presence.PALETTE)
end)

t.test('[colours] letters tell members apart, too', function()
  local members = { { id = 'me', name = 'Ada' } }
  for i, name in ipairs({ 'Ada', 'Ana', 'a', 'Aa', 'Émile', '日本', '' }) do
    members[i + 1] = { id = 'm' .. i, name = name }
  end
  local letters = presence.letters(members, 'me')
  t.equal(letters, { m1 = 'A', m2 = 'n', m3 = 'a', m4 = '1', m5 = 'É', m6 = '日', m7 = 's' })
end)

for how, setup in pairs({
  ['wished for'] = 'vim.g.earshot_plain_cursors = true',
  ['where the screen has no colours'] = [[
    vim.api.nvim_list_uis = function() return { { rgb = false, term_colors = 2 } } end
  ]],
}) do
  t.test(('[cursors] [colours] what needs no colour, on a real screen, %s'):format(how), function()
    local there = require('terminal').new(80, 24)
    there:lua(([[
      %s
      fake.texts['earshot://abcdefghij/a'] = 'one two\nthree\n'
      require('earshot').join('a4x9-k7q2m1')
      vim.wait(5000, function() return next(require('earshot.session').sessions) ~= nil end, 2)
      local one = vim.deepcopy(fake.sessions[1])
      one.members[3] = { id = 'nnnnnnnnnn', name = 'Ana', color = 'x', role = 'editor', state = 'here' }
      fake:notify('session/changed', { session = one })
      vim.cmd.edit('earshot://abcdefghij/a')
      local function cursor(member, from, to)
        return { member = member, client = 'c', textDocument = { uri = 'earshot://abcdefghij/a' }, selections = {
          { anchor = { line = 0, character = from }, active = { line = 0, character = to } },
        } }
      end
      fake:notify('presence/changed', { session = one.id, cursors = {
        cursor('aaaaaaaaaa', 1, 1), cursor('nnnnnnnnnn', 4, 7),
      } })
      fake.settle()
    ]]):format(setup))
    there:shows('oAne twon Ada n Ana')
    local look = there:lua([[
      local found = {}
      for name, look in pairs(vim.api.nvim_get_hl(0, {})) do
        if name:match('^Earshot') then
          found[name:match('^%a+')] = { look.reverse or false, look.underline or false, look.cterm.reverse or false }
        end
      end
      return found
    ]])
    t.equal(look.EarshotCursor, { true, false, true })
    t.equal(look.EarshotSelection[2], true)
    there:stop()
  end)
end

t.test('[colours] eight members have eight colours; the session gives them, the palette where it does not', function()
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

t.test('[colours] the palette can be told apart, and read, on dark and on light', function()
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
