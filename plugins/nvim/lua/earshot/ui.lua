--- Talking to the person. A message never asks for a key; a question never catches keys meant for the text.
local note = require('earshot.note')

local M = {}

--- Names and reasons come from other people. The daemon cleans them; what is shown is cleaned again here, for a
--- daemon may be older than this plugin. A name is no longer than a label may be.
local LONGEST_NAME = 24
local LOG_LINES = 200
--- A question waits until no key has come for this long.
local QUIET_MS = 1000

---@type string[]
local log = {}

--- What must not reach the screen beside ASCII's controls, as UTF-8: those of C1, what turns the writing round or has
--- no width, line separators, tags.
local HIDDEN = {
  '\194[\128-\159\173]', -- U+0080 to U+009F, U+00AD
  '\216\156', -- U+061C
  '\205\143', -- U+034F
  '\225\133[\159\160]', -- U+115F, U+1160
  '\225\160[\139-\143]', -- U+180B to U+180F
  '\226\128[\139-\143\168-\174]', -- U+200B to U+200F, U+2028 to U+202E
  '\226\129[\160-\175]', -- U+2060 to U+206F
  '\226\160\128', -- U+2800
  '\227\133\164', -- U+3164
  '\239\184[\128-\143]', -- U+FE00 to U+FE0F
  '\239\187\191', -- U+FEFF
  '\239\190\160', -- U+FFA0
  '\239\191[\176-\187]', -- U+FFF0 to U+FFFB
  '\243\160[\128-\135][\128-\191]', -- U+E0000 to U+E01FF
}

---@param text any
---@return string
function M.clean(text)
  local clean = tostring(text or ''):gsub('[%c\127]+', ' ')
  if clean:find('[\128-\255]') then
    for _, hidden in ipairs(HIDDEN) do
      clean = clean:gsub(hidden, '')
    end
  end
  return clean
end

---@param name any
---@return string
function M.name(name)
  local clean = vim.trim(M.clean(name))
  if clean == '' then
    return 'someone'
  end
  if vim.fn.strchars(clean) <= LONGEST_NAME then
    return clean
  end
  return vim.fn.strcharpart(clean, 0, LONGEST_NAME - 1) .. '…'
end

--- Whether a message can be given to vim.notify as it is. Neovim's own writes to the command line, where a line too
--- long stops everything until a key is pressed, and swallows that key; others have room.
---@param text string
---@return boolean fits
local function fits_command_line(text)
  local source = debug.getinfo(vim.notify, 'S').source
  local plain = source == '?' or source:find('vim/_', 1, true) or source:find('vim._', 1, true) -- "?" since 0.12
  local room = vim.v.echospace + vim.o.columns * math.max(vim.o.cmdheight - 1, 0)
  return not plain or vim.fn.strdisplaywidth(text) <= room
end

--- For when there can be no window either.
---@param text string
---@return string
local function cut(text)
  local hint = '… (:Earshot log)'
  return vim.fn.strcharpart(text, 0, math.max(vim.v.echospace - #hint, 10)) .. hint
end

--- Shows one sentence, whole.
---@param text string
---@param level? integer of vim.log.levels; INFO without
function M.say(text, level)
  text, level = M.clean(text), level or vim.log.levels.INFO
  log[#log + 1] = os.date('%H:%M:%S ') .. text
  if #log > LOG_LINES then
    table.remove(log, 1)
  end
  local message = 'Earshot: ' .. text
  if not fits_command_line(message) then
    if note.show(text, level) then
      return
    end
    message = cut(message)
  end
  vim.cmd.redraw() -- what a prompt left on the screen would make a short message, too, wait for a key
  vim.notify(message, level, { title = 'Earshot' })
end

---@param err earshot.RpcError
function M.fail(err)
  M.say(err.message or 'something went wrong', vim.log.levels.ERROR)
end

---@class earshot.FloatOptions
---@field at_end? boolean shows the last line
---@field whole? boolean each line stays one, and is cut off by nothing: the caller finds things by line
---@field footer? string

---@param lines string[]
---@param options earshot.FloatOptions
---@return string[]
local function fold(lines, options)
  local folded = {}
  for _, line in ipairs(lines) do
    local clean = M.clean(line)
    vim.list_extend(folded, options.whole and { clean } or note.wrap(clean, vim.o.columns - 4))
  end
  return folded
end

--- In the middle, and no larger than needed.
---@param lines string[]
---@param least integer width
---@param height integer
local function in_the_middle(lines, least, height)
  local width = least
  for _, line in ipairs(lines) do
    width = math.max(width, vim.fn.strdisplaywidth(line))
  end
  width = math.max(1, math.min(width, vim.o.columns - 4))
  height = math.max(1, math.min(height, vim.o.lines - 6))
  return {
    relative = 'editor',
    row = math.max(0, math.floor((vim.o.lines - height) / 2) - 1),
    col = math.max(0, math.floor((vim.o.columns - width) / 2)),
    width = width,
    height = height,
  }
end

---@param buf integer
---@param lines string[]
local function fill(buf, lines)
  vim.bo[buf].modifiable = true -- 'nomodifiable' may be the person's default
  vim.api.nvim_buf_set_lines(buf, 0, -1, true, lines)
  vim.bo[buf].modifiable = false
end

--- Shows lines in a window that q or Escape closes.
---@param lines string[]
---@param title string
---@param options? earshot.FloatOptions
---@return integer buf
function M.float(lines, title, options)
  options = options or {}
  lines = fold(lines, options)
  local buf = vim.api.nvim_create_buf(false, true)
  fill(buf, lines)
  vim.bo[buf].bufhidden = 'wipe'
  vim.bo[buf].filetype = 'earshot'
  local least = math.max(#title + 2, #(options.footer or ''))
  local look = { style = 'minimal', border = 'rounded', title = ' ' .. title .. ' ', footer = options.footer }
  look.footer_pos = options.footer and 'right' or nil
  local win = vim.api.nvim_open_win(buf, true, vim.tbl_extend('force', in_the_middle(lines, least, 1), look))
  vim.wo[win][0].wrap = true
  local height = vim.api.nvim_win_text_height(win, {}).all -- of wrapped lines
  vim.api.nvim_win_set_config(win, in_the_middle(lines, least, height))
  vim.api.nvim_win_set_cursor(win, { options.at_end and #lines or 1, 0 })
  vim.cmd('normal! ' .. (options.at_end and 'zb' or 'zt'))
  for _, key in ipairs({ 'q', '<Esc>' }) do
    vim.keymap.set('n', key, '<Cmd>close<CR>', { buffer = buf, nowait = true })
  end
  return buf
end

--- Shows other lines in such a window.
---@param buf integer
---@param lines string[]
---@param options earshot.FloatOptions
function M.refill(buf, lines, options)
  local win = vim.fn.bufwinid(buf)
  if win == -1 then
    return
  end
  lines = fold(lines, options)
  fill(buf, lines)
  local least = vim.api.nvim_win_get_width(win) -- it need not become narrower under the eye
  vim.api.nvim_win_set_config(win, in_the_middle(lines, least, 1))
  vim.api.nvim_win_set_config(win, in_the_middle(lines, least, vim.api.nvim_win_text_height(win, {}).all))
end

function M.show_log()
  note.clear() -- the log has it
  M.float(#log > 0 and log or { 'Nothing was said so far.' }, 'Earshot log', { at_end = true })
end

--- Copies to the system clipboard if there is one.
---@param text string
---@return boolean copied
function M.copy(text)
  if vim.fn.has('clipboard') == 0 then
    return false
  end
  return (pcall(vim.fn.setreg, '+', text))
end

--- Runs `act` when the person is in Normal mode and has not pressed a key for a second, so that what they type goes
--- where they look.
---@param act fun()
---@param still_wanted fun(): boolean
function M.when_quiet(act, still_wanted)
  local uv = vim.uv or vim.loop
  local last_key = uv.now()
  local timer = assert(uv.new_timer())
  local keys = vim.on_key(function() -- in a namespace of its own: several may wait, and buffer.lua listens too
    last_key = uv.now()
  end)
  local function finish()
    timer:stop()
    timer:close()
    vim.on_key(nil, keys)
  end
  timer:start(
    QUIET_MS,
    QUIET_MS / 4,
    vim.schedule_wrap(function()
      if timer:is_closing() then
        return
      end
      if not still_wanted() then
        return finish()
      end
      local mode = vim.api.nvim_get_mode()
      if mode.mode == 'n' and not mode.blocking and uv.now() - last_key >= QUIET_MS then
        finish()
        act()
      end
    end)
  )
end

---@class earshot.Question a guest at the door
---@field session string
---@field member table
---@field check string
---@field answer fun(admit: boolean, role: string?, done: fun(err: earshot.RpcError?)) tells the daemon
---@field notice? string what was said of it
---@field open boolean false once it is answered here or the daemon asks no more

---@type table<any, earshot.Question> by request id
M.questions = {}

---@param question earshot.Question
local function say_gone(question)
  M.say(('%s is no longer waiting.'):format(M.name(question.member.name)))
end

---@param question earshot.Question
local function close(question)
  question.open = false
  note.hide(question.notice) -- so that no old check stands beside a new one
end

--- Answers, and says what came of it: the guest may have left, or been answered elsewhere, while a prompt stood.
---@param question earshot.Question
---@param admit boolean
---@param role? string
function M.decide(question, admit, role)
  if not question.open then
    return say_gone(question)
  end
  vim.wait(0) -- what came while the prompt stood has not been looked at
  if not question.open then
    return -- withdraw() has said so
  end
  close(question)
  question.answer(admit, role, function(err)
    if not err then
      return M.say(('%s was %s.'):format(M.name(question.member.name), admit and 'admitted' or 'refused'))
    end
    if err.data and err.data.kind == 'noSuchMember' then
      return say_gone(question)
    end
    M.fail(err)
  end)
end

--- What is to be known of how a guest presents itself.
---@param member table
---@return string
local function unverified(member)
  local client = vim.trim(M.clean(member.client))
  return client == '' and '(name not verified)' or ('(name not verified, with %s)'):format(M.name(client))
end

---@param member table
---@return string
function M.introduced(member)
  return M.name(member.name) .. ' ' .. unverified(member)
end

--- Asks by a list. What comes first, and what a stray key would give, lets nobody in. Each line fits 80 columns,
--- whatever the guest is called.
---@param question earshot.Question
function M.ask(question)
  local who = M.name(question.member.name)
  local to_edit = { label = 'Admit ' .. who .. ' to edit', admit = true, role = 'editor' }
  local to_look = { label = 'Admit ' .. who .. ' to look only', admit = true, role = 'viewer' }
  local wish, other = to_edit, to_look
  if question.member.role == 'viewer' then
    wish, other = to_look, to_edit
  end
  wish.label = wish.label .. ', as asked for'
  local choices = {
    { label = 'Decide later' },
    { label = ('Refuse %s: if it differs, then :Earshot invite'):format(who), admit = false },
    wish,
    other,
  }
  vim.ui.select(choices, {
    prompt = ('Is check %s what %s (name not verified) reads to you?'):format(M.clean(question.check), who),
    format_item = function(choice)
      return choice.label
    end,
  }, function(choice)
    if choice and choice.admit ~= nil then
      M.decide(question, choice.admit, choice.role)
    end
  end)
end

--- Announces a guest and asks when it is quiet.
---@param id any
---@param question earshot.Question
function M.knock(id, question)
  M.questions[id] = question
  question.notice =
    ('Check %s: %s wants to join as %s. Ask what check they see, then :Earshot admit or :Earshot refuse.'):format(
      M.clean(question.check),
      M.introduced(question.member),
      M.clean(question.member.role or 'editor')
    )
  M.say(question.notice, vim.log.levels.WARN)
  M.when_quiet(function()
    M.ask(question)
  end, function()
    return question.open
  end)
end

--- The daemon takes a question back: it was answered, here or elsewhere, or the guest is gone.
---@param id any
function M.withdraw(id)
  local question = M.questions[id]
  M.questions[id] = nil
  if question and question.open then
    close(question)
    say_gone(question)
  end
end

--- The guests still at the door.
---@return earshot.Question[]
function M.waiting()
  return vim.tbl_filter(function(question)
    return question.open
  end, vim.tbl_values(M.questions))
end

--- The daemon is gone, and its questions with it.
function M.forget_questions()
  for _, question in pairs(M.questions) do
    close(question)
  end
  M.questions = {}
end

return M
