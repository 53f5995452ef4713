-- A host that means harm: what it shares is looked at in a Neovim whose person has everything switched on that runs
-- code from files. None of it runs, nothing lands on this disk, and names are only names.
local t = _G.t
local Fake = require('fake')
local fake = Fake.new():install()
local buffers = require('earshot.buffer')
local session = require('earshot.session')

local base = 'earshot://abcdefghij/'
local here = t.folder .. '/empty'
local PWNED = t.folder .. '/pwned'
vim.fn.mkdir(here, 'p')
vim.cmd.cd(here)

-- What a careless person has on.
vim.o.modeline = true
vim.o.modelines = 50
vim.o.modelineexpr = true
vim.o.exrc = true
vim.g.editorconfig = true
vim.cmd('filetype plugin indent on | syntax on')
for _, plugin in ipairs({ 'editorconfig.lua', 'zipPlugin.vim', 'tarPlugin.vim', 'gzip.vim', 'netrwPlugin.vim' }) do
  vim.cmd('runtime! plugin/' .. plugin)
end

local harm = ("writefile(['x'], '%s')"):format(PWNED)
local modelines = table.concat({
  '/* vim: set shiftwidth=7 tabstop=7 textwidth=77 foldmethod=expr foldexpr=' .. harm:gsub('[ :]', '\\%0') .. ' : */',
  '# vim: ts=7 sw=7 tw=77 ft=vim',
  '// ex: set statusline=%{' .. harm:gsub('[ :]', '\\%0') .. '}:',
  '-- vi:noai:sw=7 ts=7',
  '/* vim' .. '700: set sw=7: */',
  '-*- mode: vim; tab-width: 7 -*-',
}, '\n')

local lua = ("vim.fn.%s\nos.execute('touch %s')\n"):format(harm, PWNED)
local vimscript = ('call %s\nautocmd CursorMoved * call %s\n'):format(harm, harm)

-- Names that mean something to a shell, an Ex command line, a pattern or an option; as the daemon hands them on.
local names = {
  '.nvim.lua',
  '.nvimrc',
  '.exrc',
  '.editorconfig',
  '.vscode/settings.json',
  'ftplugin/text.lua',
  'after/plugin/x.vim',
  'plugin/x.lua',
  '`touch ' .. 'pwned`.txt',
  '$(touch pwned).txt',
  '+call writefile([], "pwned")',
  '++bin x.c',
  '| call writefile([], "pwned") | x.c',
  '%{writefile([],"pwned")}.txt',
  '#<cfile>%.txt',
  '*.txt',
  '[a-z]{x,y}?.lua',
  '~/x.txt',
  "'; touch pwned; '.sh",
  '<afile>.md',
  '=writefile([],"pwned").py',
  'a b c.txt',
  'vim: set ft=vim:.txt',
  'x.vim',
  'x.c',
  'x.py',
  'x.sh',
  'x.html',
  'x.tex',
  'x.pl',
  'Makefile',
  'COMMIT_EDITMSG',
  'main.go',
  'help.txt',
  'x.zip',
  'x.jar',
  'x.tar',
  'x.tgz',
  'x.gz',
}

local function uri_of(name)
  return base .. (vim.uri_encode(name):gsub('[:*\'()!~]', function(char)
    return char:match('[:~]') and char or ('%%%02X'):format(char:byte())
  end))
end

local function text_of(name)
  local code = name:match('lua$') and lua or name:match('vim$') and vimscript or name:match('rc$') and vimscript or ''
  return modelines .. '\n' .. code .. ('line\n'):rep(20) .. modelines .. '\n'
end

local function join()
  fake.texts, fake.files = {}, {}
  for _, name in ipairs(names) do
    fake.texts[uri_of(name)] = text_of(name)
    fake.files[#fake.files + 1] = { uri = uri_of(name), kind = 'file', size = 1, readonly = false }
  end
  vim.cmd('Earshot join A4X9K7Q2M1')
  t.wait(function()
    return next(session.sessions) ~= nil
  end, 'the session')
end

local function nothing_happened(what)
  t.equal(vim.uv.fs_stat(PWNED), nil, what)
  t.equal(vim.fn.readdir(here), {}, what)
end

--- What a person does with a file: looks around, folds, searches, indents, asks for the status line.
local function look_around(buf)
  t.keys('Ggg<C-f>zMzRgg=G/line<CR>n')
  vim.api.nvim_eval_statusline(vim.o.statusline ~= '' and vim.o.statusline or '%f %m', {})
  vim.cmd('redraw! | redrawstatus!')
  vim.api.nvim_exec_autocmds('CursorHold', { buffer = buf })
  vim.api.nvim_exec_autocmds('FocusGained', {})
  vim.cmd('silent! checktime')
end

t.test('the trap is one: a file of this disk with these lines does set options', function()
  vim.cmd.edit(t.write('own.txt', modelines .. '\n'))
  t.equal(vim.bo.shiftwidth, 7)
  t.equal(vim.wo.foldmethod, 'expr')
  vim.cmd('bwipeout!')
  vim.fn.delete(PWNED)
end)

t.test('no line of a text sets an option or runs, whatever its file is called', function()
  join()
  for _, name in ipairs(names) do
    local uri = uri_of(name)
    require('earshot.guest').edit(uri)
    local buf = vim.api.nvim_get_current_buf()
    t.equal(vim.api.nvim_buf_get_name(buf), uri)
    t.equal(buffers.text(buf), fake.texts[uri], name)
    local bo = vim.bo[buf]
    t.truthy(bo.shiftwidth ~= 7 and bo.tabstop ~= 7 and bo.textwidth ~= 77, name .. ': an option')
    t.equal(vim.bo[buf].modeline, false, name)
    t.truthy(vim.wo.foldmethod ~= 'expr' or not vim.wo.foldexpr:find('writefile'), name .. ': a fold')
    look_around(buf)
    t.equal({ vim.bo[buf].swapfile, vim.bo[buf].undofile, vim.bo[buf].buftype }, { false, false, 'acwrite' }, name)
    nothing_happened(name)
  end
  t.equal(vim.fn.getcwd(), vim.uv.fs_realpath(here))
end)

t.test('opened once more, by the command and by being led there, it is the same', function()
  for _, name in ipairs(names) do
    local uri = uri_of(name)
    vim.cmd('enew!')
    fake:send({ id = 'show ' .. name, method = 'window/showDocument', params = { uri = uri } })
    t.wait(function()
      return fake.answers['show ' .. name]
    end, name)
    t.equal(vim.api.nvim_buf_get_name(0), uri)
    vim.cmd('edit!')
    vim.cmd('enew!')
    vim.cmd('Earshot open ' .. name)
    t.wait(function()
      return vim.api.nvim_buf_get_name(0) == uri
    end, name .. ' by :Earshot open')
    t.truthy(vim.bo.shiftwidth ~= 7 and vim.bo.textwidth ~= 77, name .. ': an option')
    nothing_happened(name)
  end
end)

t.test('an edit of the host that brings such lines runs none of them', function()
  local uri = uri_of('main.go')
  require('earshot.guest').edit(uri)
  vim.wait(0)
  local start = { line = 0, character = 0 }
  local edit = { range = { start = start, ['end'] = start }, newText = modelines .. '\n' }
  t.equal(fake:edit_now(uri, { edit }).applied, true)
  vim.cmd('doautocmd BufReadPost')
  vim.cmd('silent doautocmd BufWritePost')
  t.truthy(vim.bo.shiftwidth ~= 7 and vim.bo.textwidth ~= 77, 'an option')
  look_around(0)
  nothing_happened('an edit')
end)

t.test('a listing that is no listing opens nothing', function()
  local shown = {}
  vim.ui.select = function(items, options, done)
    shown = vim.tbl_map(options.format_item, items)
    done(nil)
  end
  fake.files = {
    { uri = base .. 'a%0Ab%1B%5B2J.txt', kind = 'file', size = 1, readonly = false },
    { uri = base .. '%2E%2E/%2E%2E/etc/passwd', kind = 'file', size = 1, readonly = false },
  }
  vim.cmd('Earshot open')
  t.wait(function()
    return #shown == 2
  end, 'the list')
  for _, label in ipairs(shown) do
    t.truthy(not label:find('%c'), 'a control character is shown')
  end
  nothing_happened('a listing')
end)

t.test('a line of a million characters is read and typed into', function()
  local uri = base .. 'long.txt'
  fake.texts[uri] = ('x'):rep(1000000)
  require('earshot.guest').edit(uri)
  vim.wait(0)
  t.keys('500000|iy<Esc>')
  t.equal(#fake.documents[uri].text, 1000001)
  local far = { line = 0, character = 1000001 }
  t.equal(fake:edit_now(uri, { { range = { start = far, ['end'] = far }, newText = 'z' } }).applied, true)
  t.equal(buffers.text(0):sub(-2), 'xz')
  vim.cmd('redraw!')
end)

t.test('nothing of it was written here', function()
  nothing_happened('at the end')
  t.equal(fake.problems, {})
  local left = vim.fn.glob(vim.fn.stdpath('state') .. '/{swap,undo,backup}/*', true, true)
  t.equal(left, {})
end)
