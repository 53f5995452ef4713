-- What a person sees of messages, questions and the log, on real screens: whole, and without a key being asked for.
local t = _G.t
local Terminal = require('terminal')
local WRONG_CODE = 'this is not a code, or it has a typing error: check it, a code has the form XXXX-YYYYYY'
local VOID = 'Three wrong codes were tried, so the code is void; make a new one with :Earshot invite.'

for _, columns in ipairs({ 80, 100 }) do
  local name = (' at %d columns'):format(columns)
  local there = Terminal.new(columns, 24)
  there:lua([[
    local session = require('earshot.session')
    require('earshot').share(vim.fn.getcwd())
    vim.wait(5000, function() return next(session.sessions) ~= nil end, 2)
    note = require('earshot.note')
  ]])

  t.test('what is too long for the command line goes by itself' .. name, function()
    local windows = there:lua([[
      note.BASE_MS, note.CHARACTER_MS = 0, 0
      require('earshot.ui').say(...)
      note.BASE_MS = 3600 * 1000 -- from here on none does
      return #vim.api.nvim_list_wins()
    ]], VOID)
    t.equal(windows, 2)
    t.wait(function()
      return there:lua('return #vim.api.nvim_list_wins()') == 1
    end, 'its end')
  end)

  t.test('the digits are whole, and the guest is told what to do with them' .. name, function()
    there:lua([[fake:notify('$/progress', { token = 'x', value = {
      kind = 'report', stage = 'admission', check = '342962',
      message = 'Waiting for the host to let you in; the check number is 342962',
    } })]])
    there:shows('Check 342962: read it to the host')
    t.truthy(not there:words():find('…', 1, true), 'nothing is cut off')
  end)

  t.test('a long sentence is shown whole, and takes no key' .. name, function()
    there:type('ggi')
    there:lua("fake:notify('window/showMessage', { type = 1, message = ... })", WRONG_CODE)
    there:lua("fake:notify('window/showMessage', { type = 2, message = ... })", VOID)
    there:shows(WRONG_CODE)
    there:shows(VOID)
    there:type('typed')
    there:wait("vim.api.nvim_get_current_line() == 'typed'", 'all keys')
    t.equal(there:lua('return vim.api.nvim_get_mode()'), { mode = 'i', blocking = false })
    t.equal(there:lua('return #vim.api.nvim_list_wins()'), 2)
    there:type('<Esc>u')
  end)

  t.test('what the person has closed stays closed, and the next one is shown' .. name, function()
    there:type(':only<CR>')
    there:wait('#vim.api.nvim_list_wins() == 1')
    there:lua('note.hide(...)', VOID)
    t.equal(there:lua('return #vim.api.nvim_list_wins()'), 1)
    there:type(':tabnew<CR>')
    there:wait('vim.fn.tabpagenr() == 2')
    there:lua("fake:notify('window/showMessage', { type = 1, message = ... })", WRONG_CODE)
    there:shows(WRONG_CODE)
    there:type(':tabnext<CR>')
    there:wait('vim.fn.tabpagenr() == 1')
    there:lua("fake:notify('window/showMessage', { type = 1, message = ... })", VOID)
    there:shows(VOID) -- though the window is on the other page
    there:type(':tabonly<CR>')
    there:wait("vim.fn.tabpagenr('$') == 1")
  end)

  t.test('it keeps away from the cursor' .. name, function()
    there:lua('vim.api.nvim_buf_set_lines(0, 0, -1, true, vim.split(("line\\n"):rep(99), "\\n"))')
    local function overlap()
      there:lua([[vim.schedule(function() vim.schedule(function() turned = true end) end)]])
      there:wait('turned', 'two turns of the main loop')
      return there:lua([[
        turned = nil
        local wins = vim.api.nvim_list_wins()
        local place = vim.api.nvim_win_get_config(wins[#wins])
        local row = vim.fn.screenrow() - 1
        return #wins == 2 and row >= place.row and row < place.row + place.height + 2
      ]])
    end
    there:type('22G')
    there:wait("vim.fn.line('.') == 22")
    there:lua("fake:notify('window/showMessage', { type = 1, message = ... })", VOID)
    there:shows(VOID)
    t.equal(overlap(), false, 'at the bottom')
    there:type('gg')
    there:wait("vim.fn.line('.') == 1")
    t.equal(overlap(), false, 'at the top')
    there:type('22G')
    there:wait("vim.fn.line('.') == 22")
    t.equal(overlap(), false, 'at the bottom again')
  end)

  t.test(':Earshot alone names everything there is' .. name, function()
    there:type(':Earshot<CR>')
    local every = there:lua("return require('earshot').complete('', 'Earshot ')")
    there:shows(table.concat(every, ', ') .. '.')
  end)

  t.test("the host's question says what to compare, and no guest who has gone was admitted" .. name, function()
    there:type('<Esc>')
    there:lua([[
      function knock(id)
        local member = { id = id, name = 'Ben', role = 'editor', color = '#ffffff', state = 'waiting' }
        fake:send({
          id = id,
          method = 'session/admit',
          params = { session = 'abcdefghij', member = member, check = '804343' },
        })
      end
      knock('bbbbbbbbbb')
    ]])
    there:shows('Check 804343: Ben')
    there:shows('Is check 804343 what Ben (name not verified) reads to you?')
    there:shows('2: Refuse Ben: if it differs, then :Earshot invite')
    there:type('3<CR>')
    there:shows('Ben was admitted.')
    t.equal(vim.fn.rpcrequest(there.channel, 'nvim_get_mode').blocking, false)
    t.wait(function()
      return not there:words():find('804343', 1, true)
    end, 'an old check to go')
    -- Neovim stands still at the prompt; only what needs no main loop runs.
    there:lua([[
      local timer = vim.uv.new_timer()
      timer:start(0, 1, function()
        local mode = vim.api.nvim_get_mode()
        if mode.blocking or mode.mode ~= 'n' then
          timer:close()
          fake:notify('$/cancelRequest', { id = 'cccccccccc' })
          vim.api.nvim_input('3<CR>')
        end
      end)
      knock('cccccccccc')
    ]])
    there:shows('Ben is no longer waiting.')
    t.equal(there:lua("return #fake:sent('member/admit')"), 1)
  end)

  t.test('the log opens at the newest sentence, whole' .. name, function()
    for _, times in ipairs({ 1, 30 }) do
      there:lua([[
        local last, times = ...
        for i = 1, times do
          require('earshot.ui').say(('%d: '):format(i) .. ('word '):rep(40))
        end
        require('earshot.ui').say(last)
      ]], WRONG_CODE, times)
      there:type('<Esc>:Earshot log<CR>')
      there:wait("vim.bo.filetype == 'earshot'", 'the log')
      there:lua('vim.cmd.redraw()')
      there:shows(WRONG_CODE)
      t.equal(there:lua("return vim.fn.line('w$') == vim.fn.line('$')"), true, 'the newest line')
      t.equal(there:lua("return vim.fn.line('w0') < vim.fn.line('w$')"), true, 'what goes before it')
      t.equal(there:lua("return vim.fn.line('.') == vim.fn.line('$')"), true)
      t.truthy(not table.concat(there:screen(), '\n'):find('@@@', 1, true), 'no line is cut')
      there:type('q')
      there:wait("vim.bo.filetype ~= 'earshot'", 'its end')
    end
  end)

  there:stop()
end
