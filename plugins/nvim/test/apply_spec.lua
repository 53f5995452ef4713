-- Applying: exact versions, one report before the answer, the right text in every corner, and the eye left in peace.
local t = _G.t
vim.g.earshot_own_undo = false -- Neovim's own undo is looked at here
local Fake = require('fake')
local model = require('model')
local fake = Fake.new():install()
local buffers = require('earshot.buffer')
local session = require('earshot.session')

local count = 0
local function open(bytes)
  count = count + 1
  local path = t.write(('f%d.txt'):format(count), bytes)
  vim.cmd('silent edit! ' .. path)
  vim.wait(0)
  return vim.uri_from_fname(path), vim.api.nvim_get_current_buf()
end

local function told(uri)
  return fake.documents[uri].text
end

local function written()
  local path = t.folder .. '/written'
  vim.cmd('silent noautocmd keepalt write! ' .. path)
  return t.read(path)
end

--- Applies and holds the contract: accepted, one didChange, sent before the answer, with the answer's version.
local function apply(uri, edits, want, what)
  local log_before = #fake.log
  local result = fake:edit_now(uri, edits)
  t.equal(result.applied, true, what)
  local methods = {}
  for i = log_before + 1, #fake.log do
    local method = fake.log[i].method or 'answer'
    if not method:match('^presence/') and method ~= 'document/verify' then
      methods[#methods + 1] = method
    end
  end
  t.equal(methods, { 'textDocument/didChange', 'answer' }, what)
  t.equal(result.version, fake.documents[uri].version, what)
  t.equal(told(uri), want, what)
  t.equal(buffers.text(vim.fn.bufnr(vim.uri_to_fname(uri))), want, what)
  t.equal(fake.problems, {}, what)
end

require('earshot').share(t.folder)
t.wait(function()
  return next(session.sessions) ~= nil
end, 'the session')

t.test('each end of a text', function()
  local function check(text, from, to, new)
    local uri = open(text)
    local want = text:sub(1, from) .. new .. text:sub(to + 1)
    local what = vim.inspect({ text, from, to, new })
    apply(uri, { model.edit(text, from, to, new) }, want, what)
    t.equal(written(), want, what)
  end
  for _, text in ipairs({ '', '\n', 'a', 'a\n', 'a\nb', 'a\nb\n', '\n\n', 'a\n\n', 'é\n🎉' }) do
    for from = 0, #text do
      for to = from, #text do
        for _, new in ipairs({ '', 'x', '\n', 'x\n', 'x\ny', '\nx', '\n\n' }) do
          local ends = text:sub(from + 1, from + 1) .. text:sub(to + 1, to + 1)
          local splits = ends:match('[\128-\191]')
          if new ~= text:sub(from + 1, to) and not splits then
            check(text, from, to, new)
          end
        end
      end
    end
  end
end)

t.test('several edits are one change against the text before', function()
  local text = 'one\ntwo\nthree\n'
  local uri = open(text)
  local edits = {
    model.edit(text, 0, 3, 'ONE'),
    model.edit(text, 4, 4, 'a'),
    model.edit(text, 4, 4, 'b'),
    model.edit(text, 14, 14, 'four'),
    model.edit(text, 8, 13, ''),
  }
  apply(uri, edits, 'ONE\nabtwo\n\nfour')
end)

t.test('utf-16 positions', function()
  session.encoding = 'utf-16'
  local uri = open('a🎉é b\n')
  local range = { start = { line = 0, character = 3 }, ['end'] = { line = 0, character = 4 } }
  apply(uri, { { range = range, newText = 'E' } }, 'a🎉E b\n')
  session.encoding = 'utf-8'
end)

t.test('a stale version is refused at once, with the version of now', function()
  local uri, buf = open('a\n')
  local old = fake.documents[uri].version
  t.keys('ix<Esc>')
  local result = fake:edit_now(uri, { model.edit('a\n', 0, 0, 'q') }, old)
  t.equal(result, { applied = false, version = fake.documents[uri].version, failureReason = 'the buffer has changed' })
  t.equal(buffers.text(buf), 'xa\n')
end)

t.test('a change typed after the request but before it is handled makes it stale', function()
  local uri, buf = open('a\n')
  local id = fake:edit(uri, { model.edit('a\n', 0, 0, 'q') })
  vim.api.nvim_buf_set_text(buf, 0, 0, 0, 0, { 'x' }) -- in the same turn: the request stands in the queue
  t.wait(function()
    return fake.answers[id]
  end, 'the answer')
  t.equal(fake.answers[id].result.applied, false)
  t.equal(fake.answers[id].result.version, fake.documents[uri].version)
  t.equal(buffers.text(buf), 'xa\n')
end)

t.test("'endofline' switched makes it stale as well", function()
  local uri, buf = open('a\n')
  local old = fake.documents[uri].version
  vim.cmd('noautocmd setlocal noendofline')
  local result = fake:edit_now(uri, { model.edit('a\n', 2, 2, 'q') }, old)
  t.equal(result.applied, false)
  t.equal(buffers.text(buf), 'a')
  t.equal(told(uri), 'a')
end)

t.test('a document that is not open, a line that is not there', function()
  t.equal(fake:edit_now('file:///nowhere', { model.edit('a', 0, 0, 'q') }, 1).applied, false)
  local uri = open('a\n')
  local far = { line = 9, character = 0 }
  t.equal(fake:edit_now(uri, { { range = { start = far, ['end'] = far }, newText = 'q' } }).applied, false)
  t.equal(told(uri), 'a\n')
end)

t.test('textlock refuses', function()
  local uri = open('a\n')
  local id
  vim.cmd([[
    function! Locked() abort
      call luaeval('_G.locked()')
      return 'z'
    endfunction
  ]])
  _G.locked = function()
    local attached = buffers.of_uri(uri)
    id = require('earshot.apply').apply({
      edit = {
        documentChanges = {
          { textDocument = { uri = uri, version = attached.version }, edits = { model.edit('a\n', 0, 0, 'q') } },
        },
      },
    }, 'utf-8')
  end
  vim.cmd('inoremap <buffer> <expr> @ Locked()')
  t.keys('i@<Esc>')
  t.equal(id.applied, false)
  t.equal(told(uri), 'za\n')
end)

t.test('the stamp is kept', function()
  local uri, buf = open('a\n')
  apply(uri, { model.edit('a\n', 0, 0, 'q') }, 'qa\n')
  t.equal(buffers.attached[buf].stamp, 's' .. fake.stamp)
end)

local function cursor()
  return vim.api.nvim_win_get_cursor(0)
end

t.test('the cursor stays with its text', function()
  local uri = open('one\ntwo\nthree\n')
  vim.api.nvim_win_set_cursor(0, { 2, 1 })
  apply(uri, { model.edit('one\ntwo\nthree\n', 0, 0, 'zero\n') }, 'zero\none\ntwo\nthree\n')
  t.equal(cursor(), { 3, 1 })
  apply(uri, { model.edit(told(uri), 9, 9, 'xx') }, 'zero\none\nxxtwo\nthree\n')
  t.equal(cursor(), { 3, 3 })
  apply(uri, { model.edit(told(uri), 12, 12, 'yy') }, 'zero\none\nxxtyywo\nthree\n')
  t.equal(cursor(), { 3, 3 }, 'what is inserted at the cursor stands behind it')
  apply(uri, { model.edit(told(uri), 0, 9, '') }, 'xxtyywo\nthree\n')
  t.equal(cursor(), { 1, 3 })
  apply(uri, { model.edit(told(uri), 2, 5, '') }, 'xxwo\nthree\n')
  t.equal(cursor(), { 1, 2 })
end)

t.test('the wanted column survives', function()
  local text = 'a long line\nb\nanother long line\n'
  local uri = open(text)
  t.keys('gg$j')
  apply(uri, { model.edit(text, 0, 0, 'zero\n') }, 'zero\n' .. text)
  t.keys('j')
  t.equal(cursor(), { 4, 16 })
end)

t.test('in Insert mode', function()
  local uri = open('one\ntwo\n')
  _G.remote = function()
    _G.mode = vim.api.nvim_get_mode().mode
    apply(uri, { model.edit(told(uri), 0, 0, 'zero\nA') }, 'zero\nAone!\ntwo\n')
  end
  t.keys('A!<Cmd>lua remote()<CR>?<Esc>')
  t.equal(_G.mode, 'i')
  t.equal(told(uri), 'zero\nAone!?\ntwo\n')
  _G.remote = function()
    local text = told(uri)
    local at = #'zero\nAone!?'
    apply(uri, { model.edit(text, at, at, 'REMOTE') }, 'zero\nAone!?REMOTE\ntwo\n')
  end
  t.keys('2GA<Cmd>lua remote()<CR>.<Esc>')
  t.equal(told(uri), 'zero\nAone!?.REMOTE\ntwo\n', 'typing goes on before what came in at the cursor')
end)

t.test('a selection stays with its text', function()
  for keys, selected in pairs({ ['2Gwve'] = 'b c', ['2GwveO'] = 'b c', ['2GwVj'] = '>>a b c d\ny\n' }) do
    local uri = open('x\na b c d\ny\n')
    local got
    _G.remote = function()
      apply(uri, { model.edit(told(uri), 0, 0, 'new\n'), model.edit(told(uri), 2, 2, '>>') }, 'new\nx\n>>a b c d\ny\n')
      got = vim.api.nvim_get_mode().mode
    end
    t.keys(keys .. '<Cmd>lua remote()<CR>"zy')
    t.equal(got:lower(), 'v')
    t.equal(vim.fn.getreg('z'), selected, keys)
  end
end)

t.test('the view stays where the eye is, in every window', function()
  local lines = {}
  for i = 1, 200 do
    lines[i] = 'line ' .. i
  end
  local text = table.concat(lines, '\n') .. '\n'
  local uri = open(text)
  vim.cmd('split')
  local other = vim.fn.win_getid(vim.fn.winnr('#'))
  vim.api.nvim_win_set_cursor(other, { 150, 0 })
  t.keys('100Gzt5j')
  vim.cmd('redraw')
  local function top(win)
    local line = vim.fn.getwininfo(win)[1].topline
    return vim.api.nvim_buf_get_lines(0, line - 1, line, true)[1]
  end
  local mine, theirs = top(vim.api.nvim_get_current_win()), top(other)
  t.equal(mine, 'line 100')
  apply(uri, { model.edit(text, 0, 0, 'a\nb\nc\n') }, 'a\nb\nc\n' .. text)
  local at = #'a\nb\nc\n' + text:find('line 100\n', 1, true) - 1
  local before = told(uri)
  apply(uri, { model.edit(before, at, at, 'above\n') }, before:sub(1, at) .. 'above\n' .. before:sub(at + 1))
  vim.cmd('redraw')
  t.equal(top(vim.api.nvim_get_current_win()), mine)
  t.equal(top(other), theirs)
  t.equal(vim.api.nvim_get_current_line(), 'line 105')
  t.equal(vim.api.nvim_win_get_cursor(other), { 154, 0 })
  vim.cmd('only')
end)

t.test('a closed fold stays closed', function()
  local uri = open('a\nb\nc\nd\ne\n')
  vim.cmd('setlocal foldmethod=manual | 2,3fold')
  t.equal(vim.fn.foldclosed(2), 2)
  apply(uri, { model.edit(told(uri), 0, 0, 'zero\n') }, 'zero\na\nb\nc\nd\ne\n')
  t.equal({ vim.fn.foldclosed(3), vim.fn.foldclosedend(3), vim.fn.foldclosed(2) }, { 3, 4, -1 })
  apply(uri, { model.edit(told(uri), 7, 7, 'x') }, 'zero\na\nxb\nc\nd\ne\n')
  t.equal({ vim.fn.foldclosed(3), vim.fn.foldclosedend(3) }, { 3, 4 })
  vim.cmd('setlocal foldmethod&')
end)

t.test("a run of the others' edits is one undo step, apart from one's own", function()
  local uri = open('a\n')
  t.keys('Amine<Esc>')
  apply(uri, { model.edit(told(uri), 0, 0, '1') }, '1amine\n')
  apply(uri, { model.edit(told(uri), 1, 1, '2') }, '12amine\n')
  t.keys('Amore<Esc>')
  apply(uri, { model.edit(told(uri), 0, 0, '3') }, '312aminemore\n')
  t.keys('u')
  t.equal(told(uri), '12aminemore\n')
  t.keys('u')
  t.equal(told(uri), '12amine\n')
  t.keys('u')
  t.equal(told(uri), 'amine\n')
  t.keys('u')
  t.equal(told(uri), 'a\n')
  apply(uri, { model.edit(told(uri), 0, 0, 'x') }, 'xa\n')
  t.keys('u')
  t.equal(told(uri), 'a\n')
end)

t.test('a host that edits nomodifiable text still receives', function()
  local uri = open('a\n')
  vim.bo.modifiable = false
  apply(uri, { model.edit('a\n', 0, 0, 'q') }, 'qa\n')
  t.equal(vim.bo.modifiable, false)
end)

t.test("a read-only buffer: Neovim warns of one's own change, not of the others'", function()
  local uri = open('a\n')
  vim.bo.readonly = true
  vim.bo.modified = false
  local warned = 0
  vim.api.nvim_create_autocmd('FileChangedRO', { buffer = 0, callback = function()
    warned = warned + 1
  end })
  apply(uri, { model.edit('a\n', 0, 0, 'q') }, 'qa\n')
  t.equal({ warned, vim.bo.readonly }, { 0, true })
  vim.bo.modified = false -- as after a save
  t.keys('ix<Esc>')
  t.equal(warned, 1)
end)

t.test('a hidden buffer receives', function()
  local uri = open('a\n')
  open('b\n')
  apply(uri, { model.edit('a\n', 2, 2, 'q') }, 'a\nq')
  apply(uri, { model.edit('a\nq', 0, 3, '') }, '')
  apply(uri, { model.edit('', 0, 0, 'x\n') }, 'x\n')
end)

-- Random edits of others between random keys, also in Insert and Visual mode.
local pieces = { '', 'r', '\n', 'rr\n', '\nr', 'é', '🎉', 'r\nr\nr', '\n\n', ' ' }

local function random_edits(text)
  local edits, at = {}, 0
  for _ = 1, math.random(3) do
    local from = math.min(#text, at + math.random(0, 6))
    local to = math.min(#text, from + math.random(0, 5))
    while from > 0 and text:sub(from + 1, from + 1):match('[\128-\191]') do
      from = from - 1
    end
    while to < #text and text:sub(to + 1, to + 1):match('[\128-\191]') do
      to = to + 1
    end
    local new = pieces[math.random(#pieces)]
    if from >= at and new ~= text:sub(from + 1, to) then
      edits[#edits + 1] = model.edit(text, from, to, new)
      at = to + (to == from and 0 or 1)
    end
  end
  return edits
end

t.test('random edits between random keys', function()
  local seed = tonumber(vim.env.SEED) or os.time()
  math.randomseed(seed)
  local remote = '<Cmd>lua remote()<CR>'
  local typed = { 'ix@y<Esc>', 'ox@<CR>y@<Esc>', 'vj@d', 'V@d', '<C-v>j@lx', '@x@u@', 'dd@p@', 'A@<BS>@z<Esc>' }
  typed[#typed + 1] = 'u@<C-r>@'
  typed[#typed + 1] = 'Rab@cd<Esc>'
  typed[#typed + 1] = 'cwfoo@bar@<Esc>.'
  typed[#typed + 1] = 'O@<Esc>@J@'
  local uri, refused, accepted = nil, 0, 0
  local what, failure
  local function interfere()
    local text = told(uri)
    local edits = random_edits(text)
    if #edits == 0 then
      return
    end
    local result = fake:edit_now(uri, edits)
    if result.applied then
      accepted = accepted + 1
      t.equal(told(uri), model.apply_edits(text, edits), what)
    else
      refused = refused + 1
    end
    t.equal(result.version, fake.documents[uri].version, what)
  end
  _G.remote = function()
    local ok, err = pcall(interfere) -- an error under <Cmd> would only be shown
    failure = failure or not ok and what .. ': ' .. tostring(err) or nil
  end
  for step = 1, tonumber(vim.env.OPS) or 1500 do
    if step % 100 == 1 then
      uri = open(({ '', 'one\ntwo\nthree\n', 'no newline', '🎉é\n日本\n' })[math.random(4)])
    end
    local moves = { 'gg', 'G', '$', '0', 'w', 'j' }
    local keys = moves[math.random(#moves)] .. typed[math.random(#typed)]
    what = ('seed %d step %d keys %s'):format(seed, step, keys)
    t.keys(keys:gsub('@', remote))
    t.keys('<Esc>')
    t.equal(failure, nil)
    t.equal(fake.problems, {}, what)
    t.equal(told(uri), buffers.text(0), what)
    t.equal(told(uri), written(), what)
    if #told(uri) > 2000 then
      t.keys(':%d<CR>')
    end
  end
  t.truthy(accepted > 1000 or vim.env.OPS, ('%d accepted, %d refused'):format(accepted, refused))
end)
