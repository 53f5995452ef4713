-- A host's files: written by Neovim, and from outside when a guest saves. No question is ever asked for that.
local t = _G.t
vim.g.earshot_own_undo = false -- Neovim's own undo is looked at here
local Fake = require('fake')
local fake = Fake.new():install()
local buffers = require('earshot.buffer')
local session = require('earshot.session')

require('earshot').share(t.folder)
t.wait(function()
  return next(session.sessions) ~= nil
end, 'the session')

local count = 0
local function open(bytes)
  count = count + 1
  local path = t.write(('f%d.txt'):format(count), bytes)
  vim.cmd('silent edit! ' .. path)
  vim.wait(0)
  return vim.uri_from_fname(path), path, vim.api.nvim_get_current_buf()
end

--- Writes a file so that its time of change differs for certain from what it was.
local function write_later(path, bytes)
  local before = vim.uv.fs_stat(path)
  t.write(vim.fs.basename(path), bytes)
  vim.uv.fs_utime(path, before.mtime.sec + 10, before.mtime.sec + 10)
end

--- A guest saved: the daemon writes the file and tells.
local function guest_saves(uri, path, bytes)
  write_later(path, bytes)
  fake:notify('document/changed', {
    uri = uri,
    dirty = false,
    readonly = false,
    form = { eol = 'lf', bom = false, encoding = 'utf-8', finalNewline = true },
  })
  fake.settle()
end

local function forget_messages()
  vim.cmd('messages clear')
  vim.v.warningmsg = ''
end

-- Where Neovim asks, as before writing over a file changed outside, this spec would stand still and fail by time.
local function messages()
  return vim.v.warningmsg .. vim.fn.execute('messages')
end

t.test('[save] a guest saves what the host typed: no W11, no W12, nothing left modified', function()
  local uri, path, buf = open('a\n')
  t.keys('Ax<Esc>')
  t.equal(vim.bo[buf].modified, true)
  guest_saves(uri, path, 'ax\n')
  t.equal(vim.bo[buf].modified, false)
  forget_messages()
  local tick = vim.b[buf].changedtick
  vim.cmd('checktime')
  t.equal(vim.b[buf].changedtick, tick, 'read anew')
  t.keys('u')
  t.equal(buffers.text(buf), 'a\n', 'undo still knows the step')
  t.keys('<C-r>Ay<Esc>')
  vim.cmd('write')
  t.equal(t.read(path), 'axy\n')
  t.truthy(not messages():find('W1[12]') and not messages():find('changed since'), messages())
  t.equal(fake.documents[uri].text, 'axy\n')
  t.equal(fake.problems, {})
end)

t.test('a guest saves while the host has typed on: the host writes without a question', function()
  local uri, path, buf = open('a\n')
  t.keys('Ax<Esc>')
  guest_saves(uri, path, 'ax\n')
  t.keys('Amore<Esc>')
  forget_messages()
  vim.cmd('checktime')
  vim.cmd('write')
  t.equal(t.read(path), 'axmore\n')
  t.truthy(not messages():find('W1[12]') and not messages():find('changed since'), messages())
  t.equal(vim.bo[buf].modified, false)
end)

t.test('the host writes: didSave, once, and not for a copy', function()
  local uri, path = open('a\n')
  fake.log = {}
  t.keys('Ax<Esc>')
  vim.cmd('silent write')
  vim.cmd('silent write! ' .. t.folder .. '/copy')
  fake.settle()
  local saves = fake:sent('textDocument/didSave')
  t.equal(#saves, 1)
  t.equal(saves[1].params.textDocument.uri, uri)
  t.equal(t.read(path), 'ax\n')
end)

t.test('a file without a final newline stays so', function()
  local uri, path = open('a\nb')
  t.keys('Ax<Esc>')
  vim.cmd('silent write')
  t.equal(t.read(path), 'ax\nb')
  t.equal(fake.documents[uri].text, 'ax\nb')
end)

t.test('another program changes the file: read anew as the person has set it, and told', function()
  local uri, path = open('a\n')
  write_later(path, 'from outside\n')
  vim.cmd('silent checktime')
  t.wait(function()
    return fake.documents[uri] and fake.documents[uri].text == 'from outside\n'
  end, 'the text read anew')
  t.keys('Ax<Esc>')
  t.equal(fake.documents[uri].text, 'from outsidex\n')
  t.equal(fake.problems, {})
end)

t.test('another program changes it while the host has unsaved text: nothing is read, Neovim warns', function()
  local uri, path, buf = open('a\n')
  t.keys('Amine<Esc>')
  write_later(path, 'from outside\n')
  forget_messages()
  vim.cmd('silent checktime')
  t.equal(buffers.text(buf), 'amine\n')
  t.equal(fake.documents[uri].text, 'amine\n')
  t.truthy(messages():find('W12'), messages())
end)

t.test('after the end Neovim asks as ever', function()
  local _, path, buf = open('a\n')
  vim.cmd('Earshot leave')
  t.wait(function()
    return next(session.sessions) == nil
  end, 'the end')
  t.keys('Amine<Esc>')
  write_later(path, 'from outside\n')
  forget_messages()
  vim.cmd('silent checktime')
  t.truthy(messages():find('W12'), messages())
  t.equal(buffers.text(buf), 'amine\n')
end)
