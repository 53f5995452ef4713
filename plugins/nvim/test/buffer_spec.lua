-- Reports: after whatever was typed, the text as the daemon was told equals the buffer.
local t = _G.t
vim.g.earshot_own_undo = false -- Neovim's own undo is looked at here
local Fake = require('fake')
local model = require('model')
local fake = Fake.new():install()
local buffers = require('earshot.buffer')
local session = require('earshot.session')

local count = 0
--- A shared file with these bytes, in the current window.
local function open(bytes)
  count = count + 1
  local path = t.write(('f%d.txt'):format(count), bytes)
  vim.cmd('silent edit! ' .. path)
  vim.wait(0)
  return vim.uri_from_fname(path), vim.api.nvim_get_current_buf(), path
end

local function told(uri)
  return fake.documents[uri] and fake.documents[uri].text
end

local function check_same(uri, buf, what)
  -- Neovim itself may cut a character (gi into the middle of one); that is mended a moment later.
  t.wait(function()
    return not buffers.attached[buf].damaged
  end, 'mending')
  t.equal(fake.problems, {}, what)
  t.equal(told(uri), buffers.text(buf), what)
end

--- The bytes that Neovim itself would write: an oracle that shares nothing with the plugin.
local function written(buf)
  local path = t.folder .. '/written'
  vim.cmd('silent noautocmd keepalt write! ' .. path)
  local bytes = t.read(path)
  if vim.bo[buf].fileformat == 'dos' then
    bytes = bytes:gsub('\r\n', '\n')
  end
  return bytes
end

require('earshot').share(t.folder)
t.wait(function()
  return next(session.sessions) ~= nil
end, 'the session')

t.test('the text of files is told as it is', function()
  for _, bytes in ipairs({ '', '\n', 'a', 'a\n', 'a\nb', 'a\nb\n', '\n\n', 'é\n🎉\n', 'a\n\n' }) do
    local uri, buf = open(bytes)
    t.equal(told(uri), bytes)
    t.equal(written(buf), bytes)
  end
  local uri = open('a\r\nb\r\n')
  t.equal(vim.bo.fileformat, 'dos')
  t.equal(told(uri), 'a\nb\n')
end)

local function check_keys(bytes, keys, want)
  local uri, buf = open(bytes)
  t.keys(keys)
  vim.wait(0)
  check_same(uri, buf, keys)
  t.equal(told(uri), written(buf), keys)
  if want then
    t.equal(told(uri), want, keys)
  end
end

t.test('each kind of change', function()
  check_keys('', 'iabc<Esc>', 'abc\n')
  check_keys('', 'ix<BS><Esc>', '\n')
  check_keys('', 'ix<Esc>u', '')
  check_keys('', 'ix<Esc>uu<C-r>', 'x\n')
  check_keys('', 'o<Esc>', '\n\n')
  check_keys('', 'Ox<Esc>', 'x\n\n')
  check_keys('a\n', 'dd', '')
  check_keys('a\n', 'ddix<Esc>', 'x\n')
  check_keys('a\n', 'dduuu', 'a\n')
  check_keys('a\n', 'ddp', '\na\n')
  check_keys('a\nb\nc\n', ':%d<CR>', '')
  check_keys('a\nb\nc\n', ':%d<CR>u', 'a\nb\nc\n')
  check_keys('a\nb\nc\n', ':%d<CR>u<C-r>', '')
  check_keys('a\nb\nc\n', 'Gdd', 'a\nb\n')
  check_keys('a\nb\nc', 'Gdd', 'a\nb')
  check_keys('a\nb\nc', 'ggdd', 'b\nc')
  check_keys('a\nb\nc', 'dG', '')
  check_keys('a', 'ox<Esc>', 'a\nx')
  check_keys('a', 'x', '')
  check_keys('a', 'xix<Esc>', 'x')
  check_keys('a', 'yyp', 'a\na')
  check_keys('a\nb', 'GO<Esc>', 'a\n\nb')
  check_keys('a\nb\n', 'ggJ', 'a b\n')
  check_keys('a b\nb b\n', ':%s/b/x\\r/g<CR>')
  check_keys('a\nb\na\n', ':g/a/d<CR>', 'b\n')
  check_keys('a\nb\na\n', ':g/./d<CR>', '')
  check_keys('aaa\naaa\n', '<C-v>jA!<Esc>', 'a!aa\na!aa\n')
  check_keys('aaa\naaa\n', '<C-v>jd', 'aa\naa\n')
  check_keys('c\na\nb\n', ':sort<CR>', 'a\nb\nc\n')
  check_keys('a\nb\nc\n', ':1m$<CR>', 'b\nc\na\n')
  check_keys('é🎉\n', 'x~.ruuuu<C-r>')
  check_keys('aB\n', '~~g~~gUU')
end)

t.test("'endofline' switched", function()
  local uri, buf = open('a\nb\n')
  vim.cmd('setlocal noendofline')
  t.equal(told(uri), 'a\nb')
  t.keys('Gdd')
  t.equal(told(uri), 'a')
  vim.cmd('setlocal endofline')
  t.equal(told(uri), 'a\n')
  t.keys(':%d<CR>')
  vim.cmd('setlocal noendofline')
  t.equal(told(uri), '')
  t.keys('ix<Esc>')
  t.equal(told(uri), 'x')
  check_same(uri, buf)
end)

t.test("'fileformat' is not text", function()
  local uri = open('a\nb\n')
  vim.cmd('set fileformat=dos')
  t.keys('ox<Esc>')
  t.equal(told(uri), 'a\nx\nb\n')
end)

t.test('a hidden buffer changed by a program', function()
  local uri, buf = open('a\n')
  open('other\n')
  vim.api.nvim_buf_set_lines(buf, 0, -1, true, {})
  t.equal(told(uri), '')
  vim.api.nvim_buf_set_lines(buf, 0, 1, true, { 'x', 'y' })
  t.equal(told(uri), 'x\ny\n')
  vim.api.nvim_buf_set_text(buf, 0, 1, 1, 0, { '' })
  t.equal(told(uri), 'xy\n')
end)

t.test('NUL and damaged bytes', function()
  local uri, buf = open('a\n')
  vim.api.nvim_buf_set_lines(buf, 0, 1, true, { 'a\0b' })
  t.equal(told(uri), 'a\0b\n')
  vim.api.nvim_buf_set_lines(buf, 0, 1, true, { 'a\255b' })
  vim.wait(0)
  t.equal(vim.api.nvim_buf_get_lines(buf, 0, -1, true), { 'a\239\191\189b' })
  check_same(uri, buf)
end)

t.test(':edit! binds anew, with the stamp', function()
  local uri, buf = open('a\n')
  t.equal(fake:edit_now(uri, { model.edit('a\n', 0, 0, 'z') }).applied, true)
  local stamp = 's' .. fake.stamp
  t.keys('ax<Esc>')
  vim.cmd('silent edit!')
  t.wait(function()
    return told(uri) == 'a\n'
  end, 'the text read anew')
  t.equal(fake.documents[uri].opened_with, { stamp = stamp })
  t.keys('Ay<Esc>')
  t.equal(told(uri), 'ay\n')
  check_same(uri, buf)
end)

t.test('unloading closes, loading again opens', function()
  local uri, buf, path = open('a\n')
  open('other\n')
  vim.cmd('bunload! ' .. buf)
  t.wait(function()
    return fake.documents[uri] == nil
  end, 'didClose')
  vim.cmd('silent edit ' .. path)
  t.wait(function()
    return told(uri) == 'a\n'
  end, 'didOpen')
end)

t.test('no event for what is no change of text', function()
  local uri = open('a\n')
  local before = fake.documents[uri].version
  vim.cmd('silent write')
  vim.cmd('set modified nomodified filetype=lua')
  t.keys('lhv<Esc>')
  t.equal(fake.documents[uri].version, before)
end)

-- Random editing. Every 25th step is compared with the bytes that Neovim writes, every step with the buffer.
local words = { 'a', 'foo', ' ', 'é', '🎉', '日本', '\t', 'x y', '-', 'e\204\129' }
local function word()
  return words[math.random(#words)]
end

local function some_keys()
  local all = {
    'i' .. word() .. '<Esc>', 'a' .. word() .. '<CR>' .. word() .. '<Esc>', 'A' .. word() .. '<Esc>',
    'o' .. word() .. '<Esc>', 'O<Esc>', 'o<Esc>', 'x', 'X', 'dd', 'D', 'dw', 'db', 'dj', 'dk', 'dG', 'dgg',
    'J', 'gJ', 'p', 'P', 'yyp', 'yy', 'ddp', 'u', 'u', 'u', 'uu', '<C-r>', '<C-r>', '.', '~', 'gUU',
    'r' .. 'q', '>>', '<lt><lt>', 'cc' .. word() .. '<Esc>', 'C<CR><CR><Esc>', 'S<Esc>',
    's' .. word() .. '<Esc>', 'R' .. word() .. word() .. '<Esc>', 'i<BS><BS><Esc>', 'a<Del><Esc>',
    'i<C-u><Esc>', 'i<C-w><Esc>', 'A<CR><Esc>', 'I<BS><Esc>', 'vjd', 'vp', 'Vd', 'vjy', 'VGd', 'V<Esc>',
    '<C-v>jlx', '<C-v>jI' .. word() .. '<Esc>', '<C-v>jA' .. word() .. '<Esc>',
    '<C-v>jjc' .. word() .. '<Esc>', '<C-v>jlyp', '<C-v>$A' .. word() .. '<Esc>', 'gvd', ':%s/o/0/ge<CR>',
    ':%s/a/\\r/ge<CR>', ':%s/\\n//e<CR>', ':%s/$/,/e<CR>', ':s/\\S/&&/e<CR>', ':%s/x\\n/\\r\\r/e<CR>',
    ':g/a/d<CR>', ':g/^$/d<CR>', ':v/o/d<CR>', ':%d<CR>', ':1d<CR>', ':$d<CR>', ':2,3d<CR>', ':g/./t.<CR>',
    ':g/^/m0<CR>', ':sort<CR>', ':%j<CR>', ':1t$<CR>', ':$m0<CR>', ':put =\'z\'<CR>', ':0put =\'q\'<CR>',
    ':undo 0<CR>', ':earlier 3<CR>', ':later 5<CR>', ':%!sort<CR>', ':norm! Aend<CR>', ':%norm! Ix<CR>',
    ':retab!<CR>', 'gqG', 'ggVGd', 'ggVGp', 'qaixx<Esc>q', '@a', '5iab<Esc>', '3o' .. word() .. '<Esc>',
    '3.', '3dd', '2p', '10u', '10<C-r>', '<C-a>', 'g<C-a>', 'gi' .. word() .. '<Esc>', 'U',
    ':setlocal eol<CR>', ':setlocal noeol<CR>', ':setlocal eol<CR>', ':set ff=dos<CR>', ':set ff=unix<CR>',
  }
  return all[math.random(#all)]
end

local function some_move()
  local moves = { 'gg', 'G', '0', '$', 'w', 'b', 'j', 'k', 'l', 'h', '' }
  return moves[math.random(#moves)]
end

t.test('random editing, alone', function()
  local seed = tonumber(vim.env.SEED) or os.time()
  local ops = tonumber(vim.env.OPS) or 4000
  math.randomseed(seed)
  local starts = { '', '\n', 'one\ntwo\nthree\n', 'no newline', 'a\nb\nc', 'x\r\ny\r\nz\r\n', '🎉é\n日本\n' }
  local uri, buf
  for step = 1, ops do
    if step % 200 == 1 then
      uri, buf = open(starts[math.random(#starts)])
    end
    -- A message of an error would hold Neovim up for a second each time.
    local keys = some_move() .. some_keys():gsub('^:', ':silent! ')
    pcall(t.keys, keys)
    t.keys('<Esc>')
    local what = ('seed %d step %d keys %s'):format(seed, step, keys)
    check_same(uri, buf, what)
    if step % 25 == 0 then
      t.equal(told(uri), written(buf), what)
    end
    if #buffers.text(buf) > 3000 then
      t.keys(':%d<CR>')
    end
  end
end)

t.test("[undo] with own_undo, u in a buffer that is shared no more is Neovim's own", function()
  local buf = vim.api.nvim_create_buf(true, false)
  vim.api.nvim_set_current_buf(buf)
  require('earshot.undo').map(buf)
  vim.api.nvim_buf_set_lines(buf, 0, -1, true, { 'a', 'b' })
  vim.cmd('let &l:undolevels = &l:undolevels') -- a step of its own
  vim.api.nvim_feedkeys('ddu', 'mx', false)
  t.equal(vim.api.nvim_buf_get_lines(buf, 0, -1, true), { 'a', 'b' })
  vim.api.nvim_feedkeys(vim.keycode('<C-r>'), 'mx', false)
  t.equal(vim.api.nvim_buf_get_lines(buf, 0, -1, true), { 'b' })
  vim.bo[buf].modifiable = false
  vim.v.errmsg = ''
  vim.api.nvim_feedkeys('u', 'mx', false)
  t.truthy(vim.v.errmsg:find('^E21'), vim.v.errmsg)
  vim.api.nvim_buf_delete(buf, { force = true })
end)
