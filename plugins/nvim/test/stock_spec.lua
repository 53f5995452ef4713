-- A stock client for real: Neovim's built-in vim.lsp on `earshot attach`, without the plugin, as the host's editor and
-- as a guest's, while a third person works with the plugin. All three type at once; then all hold one text.
-- Runs where the program is built (bin/earshot, or EARSHOT_BIN); EDIT_SECONDS says how long each file is edited.
local t = _G.t
local root = vim.fn.fnamemodify(debug.getinfo(1, 'S').source:sub(2), ':p:h:h')
local program = vim.env.EARSHOT_BIN or (vim.env.EARSHOT_ROOT or '') .. '/bin/earshot'
if vim.fn.executable(program) == 0 then
  io.stdout:write('stock_spec.lua: left out, there is no ' .. program .. ' (make build)\n')
  return
end

local SECONDS = tonumber(vim.env.EDIT_SECONDS) or 0.3
local seed = tonumber(vim.env.SEED) or os.time()
math.randomseed(seed)

-- A person is a home folder with a daemon of its own.
local Person = {}
Person.__index = Person

function Person.new(name)
  local home = vim.fn.tempname() -- sockets have short names
  vim.fn.mkdir(home .. '/run', 'p', '0700')
  local env = { HOME = home, XDG_RUNTIME_DIR = home .. '/run', XDG_CONFIG_HOME = home .. '/config' }
  env.EARSHOT_NAME, env.PATH = name, vim.fn.fnamemodify(program, ':p:h') .. ':' .. vim.env.PATH
  return setmetatable({ name = name, env = env, jobs = {} }, Person)
end

--- Runs the program beside; what it prints is in `printed`.
function Person:run(...)
  local job = { printed = {} }
  local partial = ''
  local function hear(_, data)
    partial = partial .. data[1]
    for i = 2, #data do
      job.printed[#job.printed + 1] = partial
      partial = data[i]
    end
  end
  job.id = vim.fn.jobstart({ program, ... }, { env = self.env, on_stdout = hear, on_stderr = hear })
  self.jobs[#self.jobs + 1] = job
  return job
end

--- Runs the program to its end and gives what it prints.
function Person:ask(...)
  local done = vim.system({ program, ... }, { env = self.env, timeout = 20000 }):wait()
  return done.stdout, done.stderr, done.code
end

function Person:stop()
  for _, job in ipairs(self.jobs) do
    vim.fn.jobstop(job.id)
  end
  vim.fn.jobwait(vim.tbl_map(function(job)
    return job.id
  end, self.jobs), 5000)
  self:ask('rpc', 'daemon/stop', '{"force":true}')
end

local Editor = dofile(root .. '/test/editor.lua')

function Editor.new(person)
  local channel = vim.fn.jobstart(
    { vim.v.progpath, '--embed', '--headless', '-u', 'NONE', '-i', 'NONE', '-n' },
    { rpc = true, env = person.env }
  )
  local self = setmetatable({ name = person.name, channel = channel }, Editor)
  self:lua([[
    said = {}
    vim.notify = function(text) said[#said + 1] = text end
    vim.ui.select = function(_, _, done) done(nil) end
    vim.o.shortmess = vim.o.shortmess .. 'FWAIc'
    vim.o.more = false
  ]])
  return self
end

--- The plugin, as :help earshot says.
function Editor:plugin()
  self:lua(
    [[
    local root, program = ...
    vim.opt.runtimepath:prepend(root)
    vim.g.earshot_cmd = program
    vim.cmd('runtime plugin/earshot.lua')
  ]],
    root,
    program
  )
  self.plugged = true
  return self
end

--- What :help earshot-stock tells a person without the plugin to put in their init.lua.
local recipe = t.read(root .. '/doc/earshot.txt'):match('%*earshot%-stock%*.->lua\n(.-)\n<')

function Editor:stock(debounce)
  local code, times = recipe:gsub('debounce_text_changes = 0', 'debounce_text_changes = ' .. debounce)
  t.equal(times, 1)
  self:lua([[
    vim.lsp.handlers['window/showMessage'] = function(_, result) said[#said + 1] = result.message end
    vim.cmd.cd(...)
  ]], t.folder)
  self:lua(code)
  return self
end

--- The text but for one line end at its end. To Neovim's own client every line has one, whatever 'endofline' says; with
--- the plugin 'endofline' tells whether the last line has.
function Editor:text()
  local lines = vim.fn.rpcrequest(self.channel, 'nvim_buf_get_lines', 0, 0, -1, true)
  local text = table.concat(lines, '\n')
  if self.plugged and not vim.fn.rpcrequest(self.channel, 'nvim_get_option_value', 'endofline', { buf = 0 }) then
    return (text:gsub('\n$', ''))
  end
  return text
end

local files = {
  ['plain.txt'] = 'one\ntwo\nthree\n',
  ['crlf.txt'] = 'one\r\ntwo\r\nthree\r\n',
  ['empty.txt'] = '',
  ['noeol.txt'] = 'one\ntwo 🎉',
}
local project = t.folder .. '/project'
for name, bytes in pairs(files) do
  t.write('project/a/' .. name, bytes)
  t.write('project/b/' .. name, bytes)
end
t.write('project/.env', 'PASSWORD=1\n')
local outside = t.write('elsewhere.txt', 'mine\n')

local grace, ada, bob = Person.new('Grace'), Person.new('Ada'), Person.new('Bob')
local session, share

t.test('share and join', function()
  share = grace:run('share', '--admit', 'auto', '--guests', '4', '--json', project)
  t.wait(function()
    return share.printed[1]
  end, 'the code', 20000)
  session = vim.json.decode(share.printed[1]).session
  local join = ada:run('join', session.code, '--json')
  t.wait(function()
    return table.concat(join.printed):find('"event":"joined"', 1, true)
  end, 'the join', 20000)
end)

local REST = 250 -- ms; no client keeps what was typed to itself for so long

--- Waits until all show the same text and nothing moves any more.
local function settle(editors, what)
  for _, editor in ipairs(editors) do
    editor:rest()
  end
  local last, since
  local equal = vim.wait(20000, function()
    local text = editors[1]:text()
    local same = text == last
    for _, editor in ipairs(editors) do
      same = same and editor:text() == text
    end
    last = text
    vim.uv.update_time()
    since = same and (since or vim.uv.now()) or nil
    return since and vim.uv.now() - since > REST
  end, 30)
  if not equal then
    local got = {}
    for _, editor in ipairs(editors) do
      local told = vim.inspect(editor:lua('return said'))
      got[#got + 1] = ('%s: %s\n  was told %s'):format(editor.name, editor:text(), told)
    end
    error(what .. ': not equal at rest\n' .. table.concat(got, '\n'), 2)
  end
end

local function uri(name)
  return ('earshot://%s/%s'):format(session.id, name)
end

--- The document at the host, as its file would have it.
local function shared(name)
  return (grace:ask('cat', uri(name)))
end

local ways = { 'o%s<Esc>', 'O%s<Esc>', 'A%s<Esc>', 'i%s<Esc>' }
local deeds = { 'ix y<Esc>', 'dd', 'p', 'P', 'u', 'u', '<C-r>', 'x', 'J', 'yyp', 'ggO<Esc>', 'Gdd', 'dw', '2yyGp' }
vim.list_extend(deeds, { 'o🎉<CR>é<Esc>', ':silent! %s/o/0/<CR>', 'A<BS><BS>z<Esc>', ':silent %d<CR>', 'ggyGGp' })

--- All type, each as fast as its Neovim takes it.
local function work(editors, keys)
  local ends = vim.uv.now() + SECONDS * 1000
  repeat
    for _, editor in ipairs(editors) do
      local moves = { 'gg', 'G', 'j', 'k', 'w', '' }
      editor:type(moves[math.random(#moves)] .. keys())
    end
    vim.wait(math.random(0, 60))
    vim.uv.update_time()
  until vim.uv.now() > ends
end

local rounds = {
  a = { debounce = { 0, 150 }, files = files },
  b = { debounce = { 150, 0 }, files = { ['noeol.txt'] = files['noeol.txt'] } },
}
for folder, round in vim.spairs(rounds) do
  local debounce = round.debounce
  local host, guest, third, all
  local variant = ('debounce %d and %d, seed %d: '):format(debounce[1], debounce[2], seed)

  t.test(variant .. 'editors', function()
    host, guest = Editor.new(grace):stock(debounce[1]), Editor.new(ada):stock(debounce[2])
    third = Editor.new(bob):plugin()
    all = { host, guest, third }
    third:lua("require('earshot').join(...)", session.code)
    third:wait("require('earshot.session').list()[1]", 'the session')
  end)

  for base, bytes in vim.spairs(round.files) do
    local name = folder .. '/' .. base

    t.test(variant .. name .. ': opening changes nothing', function()
      host:lua('vim.cmd.edit(...)', project .. '/' .. name)
      guest:lua('vim.cmd.edit(...)', uri(name))
      third:lua("require('earshot').open(...)", name)
      third:wait(("vim.api.nvim_buf_get_name(0):match('%s$')"):format(name:gsub('%.', '%%.')), name)
      third:wait("require('earshot.buffer').attached[vim.api.nvim_get_current_buf()]", 'didOpen')
      settle(all, name .. ' opened')
      t.equal(shared(name), bytes)
      t.equal(host:text(), (bytes:gsub('\r\n', '\n'):gsub('\n$', '')))
      for _, editor in ipairs(all) do
        t.truthy(not editor:lua('return vim.bo.modified'), editor.name)
      end
      guest:type('u')
      settle(all, name .. ', nothing to undo')
      t.equal(shared(name), bytes)
      t.equal(#host:lua('return vim.tbl_keys(vim.lsp.get_clients())'), 1)
    end)

    -- Who has typed nothing has no version yet. At the end of a file editors that know lines differ from others.
    t.test(variant .. name .. ': a script writes at both ends', function()
      local _, told, code = ada:ask('edit', uri(name), '--at', '1:1', 'first 🎉\n')
      t.equal(code, 0, told)
      settle(all, name .. ' at the beginning')
      local lines = select(2, shared(name):gsub('\n', '')) + 1
      local column = vim.fn.strchars(shared(name):match('[^\n]*$')) + 1
      _, told, code = ada:ask('edit', uri(name), '--at', ('%d:%d'):format(lines, column), 'last')
      t.equal(code, 0, told)
      vim.wait(5000, function()
        return vim.endswith(host:text(), 'last')
      end, 20)
      settle(all, name .. ' at the end')
      t.equal(shared(name), 'first 🎉' .. (base == 'crlf.txt' and '\r\n' or '\n') .. bytes .. 'last')
      t.truthy(not host:lua("return vim.fn.execute('messages')"):find('Workspace edit'), 'each edit is printed')
    end)

    t.test(variant .. name .. ': what all type is there once, everywhere', function()
      local typed, nr = {}, 0x20000
      work(all, function()
        nr = nr + 1
        -- One character: a longer marker may rightly be parted by what the other types into it meanwhile.
        typed[#typed + 1] = vim.fn.nr2char(nr)
        return ways[math.random(#ways)]:format('é' .. typed[#typed] .. '🎉')
      end)
      settle(all, name)
      local text = host:text()
      for _, marker in ipairs(typed) do
        local _, times = text:gsub(marker, '')
        t.equal(times, 1, marker)
      end
      t.truthy(#typed > 10)
    end)

    t.test(variant .. name .. ': deleting, pasting and undoing end equal', function()
      work(all, function()
        return deeds[math.random(#deeds)]
      end)
      settle(all, name)
    end)

    t.test(variant .. name .. ': both save', function()
      local path = project .. '/' .. name
      guest:type('ggOthe guest<Esc>:silent write<CR>')
      t.wait(function()
        return t.read(path):find('the guest', 1, true)
      end, "the guest's save")
      t.truthy(not guest:lua('return vim.bo.modified'))
      settle(all, name)
      t.equal(t.read(path), shared(name))
      host:type('ggOthe host<Esc>:silent write!<CR>') -- the file has changed since Neovim read it: it would ask
      host:rest()
      t.truthy(t.read(path):find('the host', 1, true))
      settle(all, name)
      t.equal(t.read(path), shared(name))
    end)
  end

  t.test(variant .. 'without autocommands, an empty buffer is given the text and told nothing', function()
    local name = folder .. '/noeol.txt'
    for _ = 1, 2 do -- the second time the text may be that of someone who vanished
      guest:stop()
      guest = Editor.new(ada):stock(debounce[2])
      all[2] = guest
      guest:lua("vim.api.nvim_clear_autocmds({ event = 'BufReadCmd' })")
      host:lua('vim.cmd.edit(...)', project .. '/' .. name)
      guest:lua('vim.cmd.file(...)', uri(name))
      guest:lua([[
        local program, debounce = ...
        vim.lsp.start({ name = 'earshot', cmd = { program, 'attach' }, flags = { debounce_text_changes = debounce } })
      ]], program, debounce[2])
      settle({ host, guest }, name)
      t.truthy(#shared(name) > 1)
      t.equal(guest:lua('return said'), {})
      t.equal(host:lua('return said'), {})
    end
  end)

  if folder == 'b' then
    t.test('what is not shared is told, and what ends', function()
      guest:stop()
      guest = Editor.new(ada):stock(0)
      all[2] = guest
      guest:lua('vim.cmd.edit(...)', uri('b/noeol.txt'))
      settle({ host, guest }, 'b/noeol.txt')
      guest:lua('vim.cmd.edit(...)', uri('.env'))
      guest:wait('#said == 1', 'why .env can not be opened')
      guest:lua("vim.api.nvim_clear_autocmds({ event = 'BufReadCmd' })")
      guest:lua('vim.cmd.edit(...)', uri('nothing.txt'))
      guest:lua('vim.lsp.buf_attach_client(0, vim.lsp.get_clients()[1].id)')
      guest:wait('#said == 2', 'why nothing.txt can not be opened')
      host:lua('vim.cmd.edit(...)', outside)
      host:type('ox<Esc>')
      host:rest()
      grace:ask('leave', '--session', session.id, '--unsaved', 'discard')
      guest:wait('#said == 3', 'the end')
      local said = guest:lua('return said')
      t.truthy(said[1]:find('left out of what is shared', 1, true), said[1])
      t.truthy(said[2]:find('not in the shared folder', 1, true), said[2])
      t.truthy(said[3]:find('The session has ended', 1, true), said[3])
      host:wait('#said > 0', 'the end')
      local ended = 'The session has ended: you ended it.'
      t.equal(host:lua('return said'), { ended }, "a file outside the share is nobody else's")
    end)
  end
  for _, editor in ipairs(all) do
    editor:stop()
  end
end

for _, person in ipairs({ bob, ada, grace }) do
  person:stop()
end
