-- Two people at two Neovims on real terminals, each with a daemon, type into one folder: make e2e.
-- SECONDS says how long they do, SEED which traps they come to.
local t = _G.t
local here = vim.fn.fnamemodify(debug.getinfo(1, 'S').source:sub(2), ':p:h')
local Person = dofile(here .. '/person.lua')

local SECONDS = tonumber(vim.env.SECONDS) or 120
--- Eight keys a second.
local KEY_MS = 125
local seed = tonumber(vim.env.SEED) or os.time()
math.randomseed(seed)

local function pick(all)
  return all[math.random(#all)]
end

--- A part of the text for each, where its owner alone deletes and copies: what both copy is there twice.
local function parts()
  local text = {}
  for _, name in ipairs({ 'Grace', 'Ada' }) do
    vim.list_extend(text, { 'mango maple market mantle', name .. ' #1: foo', name .. ' #2: boo 日本', name .. ' #3: é' })
  end
  return table.concat(text, '\n') .. '\n'
end

local files = {
  ['safe.txt'] = parts(),
  ['dos.txt'] = (parts():gsub('\n', '\r\n')),
  ['long.txt'] = 'first\n' .. ('x'):rep(100000) .. '\nlast',
  ['wild.txt'] = ('foo boo\nmango maple\n🎉 é 👩‍👩‍👧\n'):rep(5),
}
local project = t.folder .. '/project'
for name, bytes in pairs(files) do
  t.write('project/' .. name, bytes)
end

local grace, ada = Person.new('Grace'), Person.new('Ada')
local people = { grace, ada }
for _, person in ipairs(people) do
  person:lua('vim.cmd.cd(...)', t.folder) -- what gets another name and is saved is a file there
end

local function told(person, text)
  person:wait(("table.concat(said, '\\n'):find(%q, 1, true)"):format(text), text)
end

t.test('[start] [share-folder] [join-code] [admit] [progress] two people come together by typing', function()
  grace:type((':Earshot share %s<CR>'):format(project))
  grace:wait("require('earshot.session').list()[1]", 'the session')
  ada:type((':Earshot join %s<CR>'):format(grace:lua("return require('earshot.session').list()[1].code")))
  grace:wait("#require('earshot.ui').waiting() > 0", 'the knock')
  grace:type(':Earshot admit<CR>')
  ada:wait("require('earshot.session').list()[1]", 'the session')
  told(ada, 'read it to the host')
  told(grace, 'Ada is here.')
end)

local function open(person, name)
  person:type(('<Esc>:Earshot open %s<CR>'):format(name))
  person:wait(("vim.api.nvim_buf_get_name(0):match('/%s$')"):format(name:gsub('%.', '%%.')), name)
  person:wait("require('earshot.buffer').attached[vim.api.nvim_get_current_buf()]", 'didOpen')
end

--- Waits until both hold the same text and nothing moves any more.
---@return string
local function settle(name)
  for _, person in ipairs(people) do
    person:rest()
    open(person, name)
  end
  local last, same
  local equal = vim.wait(60000, function()
    local a, b = grace:text(), ada:text()
    same = a == b and a == last and same + 1 or 0
    last = a
    return same >= 10
  end, 50)
  if not equal then
    t.equal(ada:text(), grace:text(), name)
  end
  return last
end

local markers = vim.defaulttable(function()
  return {}
end)
local count = 0

--- One character that is nowhere else: a longer one may rightly be parted by what the other types into it.
local function marker(name)
  count = count + 1
  local made = vim.fn.nr2char(0x20000 + count)
  table.insert(markers[name], made)
  return made
end

--- Who types where: a way makes the keys of one go out of it, which begin and end in Normal mode.
---@class Typist
---@field person Person
---@field name string the file

--- The first of two words that one types in one's own part.
local function own(self)
  return ('/%s #%d:<CR>A foo boo<Esc>bb'):format(self.person.name, math.random(3))
end

local function insert(self)
  local way = pick({ 'o', 'O', 'A', 'ggO', 'Go', 'jA', 'kA' })
  return way .. pick({ 'é', 'é', '🎉', '👩‍👩‍👧', '' }) .. marker(self.name) .. pick({ '', '🎉', 'ab', '日' }) .. '<Esc>'
end

local safe = {
  insert,
  insert,
  insert,
  insert,
  function(self) -- the popup is open for some keys, and what comes in meanwhile waits
    return 'Goma<C-n><C-n><C-p><C-n><C-y> ' .. marker(self.name) .. '<Esc>'
  end,
  function(self)
    return 'Goma<C-n>' .. pick({ '<C-e>', 'r' }) .. marker(self.name) .. '<Esc>'
  end,
  function(self)
    return own(self) .. 'qaA.<Esc>q' .. own(self) .. '2@a'
  end,
  function(self)
    return own(self) .. pick({ 'v', 've', 'vl' }) .. '~'
  end,
  function(self)
    return ('/%s #1:<CR>f:<C-v>jjI.<Esc>'):format(self.person.name)
  end,
  function(self)
    return own(self) .. pick({ ':s/o/0/g<CR>', ':s/0/o/g<CR>', (':g/%s #1:/s/o/0/<CR>'):format(self.person.name) })
  end,
  function(self)
    return own(self) .. pick({ 'ddp', 'ddP', 'xp', 'dwP', 'wrX', '3ia<Esc>' })
  end,
  function(self)
    return ':split<CR>G' .. insert(self) .. '<C-w>w' .. insert(self) .. ':only<CR>'
  end,
  function(self) -- undone and brought back by its own person, in its own part
    return own(self) .. pick({ 'Aundone<Esc>u', 'x:Earshot undo<CR>', 'Aback<Esc>u<C-r>u' })
  end,
  function(self)
    return self.person == ada and ':w<CR>:e!<CR>' or ':w<CR>' -- a guest's reads the text that all see
  end,
  function(self)
    return pick({ '<C-d>', '<C-u>', 'gg', 'G', 'zt', 'wwb', '/o<CR>n' }) .. insert(self)
  end,
}

local wild = {
  insert,
  function()
    return pick({ 'dd', 'p', 'P', 'yyp', 'J', 'dw', 'x', 'D', 'ggdd', 'Gdd', 'dG', 'u', 'u', '<C-r>', '.', '>>' })
  end,
  function()
    return pick({ ':%s/o/0/g<CR>', ':%s/0/o/g<CR>', ':g/a/m0<CR>', ':g/foo/d<CR>', ':%norm! Ax<CR>', ':%!sort<CR>' })
  end,
  function()
    return pick({ ':undo<CR>', ':redo<CR>', ':undo 0<CR>', ':earlier 3<CR>', ':later 3<CR>', 'g-', 'g+' })
  end,
  function()
    return pick({ ':e!<CR>', ':w<CR>', ':w<CR>:e<CR>', ':split<CR>:e!<CR>:only<CR>' })
  end,
  function(self) -- the host's is shared no more while it is called otherwise
    if self.person == grace then
      return ':file other-name<CR>ix<Esc>:file wild.txt<CR>'
    end
    return 'ggVGy:Earshot members<CR>q'
  end,
  function()
    return 'gg<C-v>G$Ax<Esc>' .. pick({ '', 'u' })
  end,
  function()
    return 'qbyyp<C-v>jIé<Esc>q3@b'
  end,
}

local long = {
  insert,
  function(self)
    return '2G' .. pick({ 'A', 'I', '0wi', '50000|i' }) .. marker(self.name) .. pick({ '', '🎉', 'é' }) .. '<Esc>'
  end,
  function()
    return '2G' .. pick({ 'A.<BS><Esc>', 'I.<BS><Esc>', '50000|i.<BS><Esc>', ':s/xx/yx/<CR>', ':s/yx/xx/<CR>' })
  end,
}

local ways = { ['safe.txt'] = safe, ['dos.txt'] = safe, ['wild.txt'] = wild, ['long.txt'] = long }

--- Has both type, one key after the other, until the time is over and each has ended what it was doing.
---@param name string
---@param seconds number
local function type_together(name, seconds)
  local ends = vim.uv.now() + seconds * 1000
  local failure
  local waiting = {}
  for _, person in ipairs(people) do
    local self = { person = person, name = name }
    local timer = assert(vim.uv.new_timer())
    waiting[person] = timer
    local keys, at = {}, 0
    timer:start(math.random(KEY_MS), KEY_MS, vim.schedule_wrap(function()
      if timer:is_closing() then
        return
      end
      at = at + 1
      if at > #keys then
        if vim.uv.now() > ends then
          waiting[person] = nil
          return timer:close()
        end
        local ok, made = pcall(function()
          return Person.split(pick(ways[name])(self))
        end)
        if not ok then
          failure = made
          waiting[person] = nil
          return timer:close()
        end
        keys, at = made, 1
      end
      person:press(keys[at])
    end))
  end
  assert(vim.wait(seconds * 1000 + 60000, function()
    return next(waiting) == nil
  end, 5), 'they are not done')
  assert(not failure, failure)
end

local shares = { ['safe.txt'] = 0.4, ['dos.txt'] = 0.2, ['long.txt'] = 0.15, ['wild.txt'] = 0.25 }
for name, share in vim.spairs(shares) do
  t.test(('%s: both type, and meet the traps (seed %d)'):format(name, seed), function()
    for _, person in ipairs(people) do
      open(person, name)
    end
    type_together(name, SECONDS * share)
    local text = settle(name)
    for _, made in ipairs(name == 'wild.txt' and {} or markers[name]) do
      local _, times = text:gsub(made, '')
      t.equal(times, 1, ('%s (U+%X)'):format(made, vim.fn.char2nr(made)))
    end
  end)
end

--- The typed markers of both, by what the text has of each.
local function seen(text, made)
  return vim.tbl_map(function(each)
    return select(2, text:gsub(each, ''))
  end, made)
end

t.test("[undo] each one's undo takes back only one's own", function()
  t.write('project/undo.txt', 'one\ntwo\n')
  local made = { [grace] = {}, [ada] = {} }
  for _, person in ipairs(people) do
    open(person, 'undo.txt')
  end
  for i = 1, 12 do -- in turns, so that each one's is among the other's, on the same lines
    for _, person in ipairs(people) do
      local text = marker('undo.txt')
      table.insert(made[person], text)
      person:type((i % 2 == 0 and 'ggA' or 'G0i') .. text .. '<Esc>')
      person:wait(("require('earshot.buffer').text(0):find(%q, 1, true)"):format(text), 'its own key')
    end
  end
  local before = settle('undo.txt')
  for _, person in ipairs(people) do
    local other = person == grace and ada or grace
    local all = seen(before, made[person])
    person:type('99u')
    told(person, 'Already at oldest change of your own.')
    local after = settle('undo.txt')
    t.equal(seen(after, made[other]), seen(before, made[other]), person.name .. " takes nothing of the other's")
    t.equal(seen(after, made[person]), vim.tbl_map(function()
      return 0
    end, all), person.name .. ' takes back everything')
    person:type('99<C-r>')
    told(person, 'Already at newest change of your own.')
    t.equal(settle('undo.txt'), before, person.name .. ' brings it back')
    person:lua('said = {}')
  end
end)

t.test('nothing had to be mended', function()
  t.equal({ grace:healed(), ada:healed() }, { 0, 0 })
end)

--- Whether a text stands on a person's screen.
local function shows(person, text)
  for _, line in ipairs(person:screen()) do
    if line:find(text, 1, true) then
      return true
    end
  end
  return false
end

local function percentile(times, part)
  table.sort(times)
  return times[math.max(1, math.ceil(#times * part))] or -1
end

--- How long it takes from a key in one's terminal to the other's screen, while that one types a key every so many ms.
---@param from Person
---@param to Person
---@param every integer ms
---@return number p50
---@return number p95
local function measure(from, to, every)
  local times = {}
  to:type('Gcc')
  from:type('ggcc')
  to:wait("vim.fn.mode() == 'i'")
  from:wait("vim.fn.mode() == 'i'")
  local typed = 0
  local timer = assert(vim.uv.new_timer())
  timer:start(every, every, vim.schedule_wrap(function()
    typed = typed + 1
    to:press(typed % 60 == 0 and '<C-u>' or 'k')
  end))
  for i = 1, 80 do
    local made = marker('undo.txt')
    local begun = vim.uv.hrtime()
    from:press(made)
    assert(vim.wait(10000, function()
      return shows(to, made)
    end, 1), 'a marker is not on the screen')
    times[i] = (vim.uv.hrtime() - begun) / 1e6
    if i % 20 == 0 then
      from:press('<CR>')
    end
    vim.wait(KEY_MS - times[i] % KEY_MS) -- as a person types
  end
  timer:close()
  for _, person in ipairs(people) do
    person:type('<Esc>')
  end
  settle('undo.txt')
  return percentile(times, 0.5), percentile(times, 0.95)
end

t.test('what one types is on the screen of the other, who types fast', function()
  local lines = {}
  for _, every in ipairs({ 125, 25 }) do
    for _, from in ipairs(people) do
      local to = from == grace and ada or grace
      lines[#lines + 1] = ('%s to %s at %d ms a key %.0f/%.0f ms'):format(
        from.name, to.name, every, measure(from, to, every))
    end
  end
  local what = ('pair: %d keys, %d markers, seed %d'):format(grace.keys + ada.keys, count, seed)
  io.stdout:write(('%s; from key to screen, p50/p95: %s\n'):format(what, table.concat(lines, ', ')))
end)

for _, person in ipairs(people) do
  person:type('<Esc>:Earshot leave<CR>')
end
ada:stop()
grace:stop()
