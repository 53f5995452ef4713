-- A guest's buffers: filled, saved, kept off the disk, and gone with the session.
local t = _G.t
vim.g.earshot_own_undo = false -- Neovim's own undo is looked at here
local Fake = require('fake')
local model = require('model')
local fake = Fake.new():install()
local buffers = require('earshot.buffer')
local session = require('earshot.session')

local base = 'earshot://abcdefghij/'

local function join()
  vim.cmd('silent! %bwipeout!')
  t.said = {}
  fake.log, fake.replies, fake.problems = {}, {}, {}
  fake.texts = {
    [base .. 'main.go'] = 'package main\n',
    [base .. 'my%20file%23.txt'] = 'no newline',
    [base .. 'empty'] = '',
    [base .. 'dos'] = 'a\r\nb\r\n',
    [base .. 'mixed'] = 'a\r\nb\n',
  }
  fake.files = {
    { uri = base .. 'dir', kind = 'folder', size = 0, readonly = false },
    { uri = base .. 'main.go', kind = 'file', size = 13, readonly = false },
    { uri = base .. 'my%20file%23.txt', kind = 'file', size = 10, readonly = true },
  }
  vim.cmd('Earshot join A4X9K7Q2M1')
  t.wait(function()
    return next(session.sessions) ~= nil
  end, 'the session')
end

local function open(uri)
  require('earshot.guest').edit(uri)
  vim.wait(0)
  return vim.api.nvim_get_current_buf()
end

local function changed(uri, fields)
  fake:notify('document/changed', vim.tbl_extend('force', {
    uri = uri,
    dirty = false,
    readonly = false,
    form = { eol = 'lf', bom = false, encoding = 'utf-8', finalNewline = true },
  }, fields))
  fake.settle()
end

t.test('a file is picked from the list, without folders', function()
  join()
  local labels = {}
  vim.ui.select = function(items, options, done)
    labels = vim.tbl_map(options.format_item, items)
    done(items[2])
  end
  vim.cmd('Earshot open')
  t.wait(function()
    return vim.api.nvim_buf_get_name(0):match('my%%20file%%23')
  end, 'the buffer')
  t.equal(labels, { 'main.go', 'my file#.txt (read-only)' })
  t.equal(vim.api.nvim_buf_get_lines(0, 0, -1, true), { 'no newline' })
  t.equal(vim.bo.endofline, false)
  t.equal(fake.documents[base .. 'my%20file%23.txt'].text, 'no newline')
  vim.cmd('Earshot open main.go')
  t.wait(function()
    return vim.bo.filetype == 'go'
  end, 'main.go')
  vim.cmd('Earshot open nowhere')
  t.wait(function()
    return t.heard('nowhere is not shared')
  end, 'the message')
end)

t.test('the only file that is shared is opened without a question', function()
  join()
  fake.files = { fake.files[1], fake.files[2] }
  vim.ui.select = function()
    error('it asks')
  end
  vim.cmd('Earshot open')
  t.wait(function()
    return vim.api.nvim_buf_get_name(0) == base .. 'main.go'
  end, 'the buffer')
end)

t.test('nothing of it goes to the disk, and no undo takes the first text away', function()
  join()
  local buf = open(base .. 'main.go')
  local bo = vim.bo[buf]
  t.equal({ bo.buftype, bo.swapfile, bo.undofile, bo.modeline, bo.modified }, { 'acwrite', false, false, false, false })
  t.truthy(vim.o.shada:find('rearshot:', 1, true))
  t.keys('u')
  t.equal(buffers.text(buf), 'package main\n')
  t.keys('ix<Esc>u')
  t.equal(buffers.text(buf), 'package main\n')
  vim.opt.shada:append('%')
  vim.opt.shada:remove('r/tmp/') -- newer ones keep nothing of /tmp, where this spec's files are
  t.keys('mA')
  vim.cmd('silent edit ' .. t.write('plain.txt', 'a\n'))
  t.keys('mB')
  local shada = t.folder .. '/shada'
  vim.o.shadafile = shada
  vim.cmd('wshada!')
  vim.o.shadafile = 'NONE'
  t.truthy(t.read(shada):find('plain.txt', 1, true), 'the shada file remembers what is not shared')
  t.truthy(not t.read(shada):find('main.go', 1, true), 'the shada file tells its name')
end)

t.test('line ends', function()
  join()
  local buf = open(base .. 'dos')
  t.equal({ buffers.text(buf), vim.bo[buf].fileformat, vim.bo[buf].modified }, { 'a\nb\n', 'dos', false })
  t.equal(fake.documents[base .. 'dos'].text, 'a\nb\n')
  buf = open(base .. 'mixed')
  t.equal({ buffers.text(buf), vim.bo[buf].fileformat }, { 'a\r\nb\n', 'unix' })
end)

t.test('an empty document', function()
  join()
  local buf = open(base .. 'empty')
  t.equal(buffers.text(buf), '')
  t.equal(fake.documents[base .. 'empty'].text, '')
  t.keys('ihello<Esc>')
  t.equal(fake.documents[base .. 'empty'].text, 'hello\n')
end)

t.test("'modified', 'modifiable' and the file's form follow the daemon", function()
  join()
  local uri = base .. 'main.go'
  local buf = open(uri)
  t.equal(fake:edit_now(uri, { model.edit('package main\n', 0, 0, 'x') }).applied, true)
  t.equal(vim.bo[buf].modified, false, 'until the daemon says so')
  changed(uri, { dirty = true })
  t.equal(vim.bo[buf].modified, true)
  changed(uri, { form = { eol = 'crlf', bom = true, encoding = 'utf-8', finalNewline = true } })
  t.equal({ vim.bo[buf].modified, vim.bo[buf].fileformat, vim.bo[buf].bomb }, { false, 'dos', true })
  t.equal(fake.documents[uri].text, 'xpackage main\n')
  changed(uri, { readonly = true })
  t.equal(vim.bo[buf].modifiable, false)
  t.equal(fake:edit_now(uri, { model.edit('xpackage main\n', 0, 1, '') }).applied, true)
  t.equal({ vim.bo[buf].modifiable, buffers.text(buf) }, { false, 'package main\n' })
  changed(uri, {})
  t.equal(vim.bo[buf].modifiable, true)
end)

t.test('[save] :w saves the host file, or says why not', function()
  join()
  local uri = base .. 'main.go'
  local buf = open(uri)
  t.keys('ix<Esc>')
  vim.cmd('silent write')
  t.equal(fake:sent('document/save')[1].params, { textDocument = { uri = uri } })
  t.equal(vim.bo[buf].modified, false)
  t.keys('iy<Esc>')
  fake.replies['document/save'] = function()
    return nil, { code = -32050, message = 'The disk is full.', data = { kind = 'saveFailed' } }
  end
  vim.cmd('silent write')
  t.truthy(t.heard('Not saved: The disk is full.'))
  t.equal(vim.bo[buf].modified, true)
  local copy = t.folder .. '/copy'
  vim.cmd('silent write ' .. copy)
  t.equal(t.read(copy), 'yxpackage main\n')
end)

t.test(':edit reads anew, without the stamp', function()
  join()
  local uri = base .. 'main.go'
  local buf = open(uri)
  t.equal(fake:edit_now(uri, { model.edit('package main\n', 0, 0, 'x') }).applied, true)
  fake.texts[uri] = 'newer\n'
  vim.cmd('edit!')
  vim.wait(0)
  t.equal(buffers.text(buf), 'newer\n')
  t.equal(fake.documents[uri].opened_with, nil)
  t.equal(fake.documents[uri].text, 'newer\n')
  t.keys('Ax<Esc>')
  t.equal(fake.documents[uri].text, 'newerx\n')
  t.equal(fake.problems, {})
end)

t.test('what can not be read says so and can not be typed into', function()
  join()
  local buf = open(base .. 'secret')
  t.truthy(t.heard('There is no such document.'))
  t.equal(vim.bo[buf].modifiable, false)
  t.equal(vim.tbl_count(fake.documents), 0)
end)

t.test('[end] the end of the session: texts go, those that never reached the host stay to be read', function()
  join()
  local clean = open(base .. 'main.go')
  t.keys('ihere<Esc>')
  local unsaved = open(base .. 'empty')
  t.keys('imine<Esc>')
  fake:notify('document/changed', {
    uri = base .. 'empty',
    dirty = true,
    readonly = true,
    form = { eol = 'lf', bom = false, encoding = 'utf-8', finalNewline = true },
    reason = 'the last edits did not reach the host',
  })
  local ended = vim.deepcopy(fake.sessions[1])
  ended.state, ended.reason = 'ended', 'the host went home.'
  fake.sessions = {}
  fake:notify('session/changed', { session = ended })
  t.wait(function()
    return t.heard('The session is over: the host went home. 1 text stays here, read-only')
  end, 'the message')
  t.equal(vim.api.nvim_buf_is_valid(clean), false)
  t.equal({ buffers.text(unsaved), vim.bo[unsaved].modifiable }, { 'mine\n', false })
  t.said = {}
  vim.api.nvim_set_current_buf(unsaved)
  vim.cmd('silent write')
  t.truthy(t.heard('This text is not shared any more'))
  t.equal(fake.problems, {})
end)

t.test('[follow] being led along', function()
  join()
  local start = { line = 0, character = 3 }
  fake:send({
    id = 'show',
    method = 'window/showDocument',
    params = { uri = base .. 'main.go', selection = { start = start, ['end'] = start } },
  })
  t.wait(function()
    return fake.answers.show
  end, 'the answer')
  t.equal(fake.answers.show.result, { success = true })
  t.equal(vim.api.nvim_buf_get_name(0), base .. 'main.go')
  t.equal(vim.api.nvim_win_get_cursor(0), { 1, 3 })
end)

