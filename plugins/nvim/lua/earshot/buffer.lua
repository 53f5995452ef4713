--- One attached buffer: how its text is defined, and how each change of it is reported. Keeps no text.
---
--- The text of a buffer is its lines joined by "\n", and one more "\n" if 'endofline' is on; a buffer without any line
--- (Neovim shows one empty line, and writes a file of 0 bytes) is "". What the daemon was told is described by three
--- values, the number of lines, 'endofline', and whether it was ""; from these and Neovim's on_lines event follows the
--- exact range of the change. on_lines, not on_bytes: the latter has known wrong arguments (undo, :s, one-line dd).
---
--- Versions are counted here, one for each didChange, and are never used twice in the life of the process: changedtick
--- also moves without any change of text (:w), or not at all with one ('endofline').
local units = require('earshot.units')
local uv = vim.uv or vim.loop

local M = {}

--- Where a position means "the end of the line", whatever its length: LSP clamps, and int32 is what all sides hold.
local END_OF_LINE = 2147483647
--- Idle time before the daemon is asked whether it holds the same text, from the contract (at least 500 ms).
local IDLE_MS = 600
--- Hashing costs about 10 ms a MiB and holds up the screen: a bigger text than this waits for a longer pause.
local BIG_BYTES = 2 * 1024 * 1024
local BIG_IDLE_MS = 5000

---@class earshot.Wire what a buffer needs of the connection
---@field up fun(): boolean
---@field notify fun(method: string, params: table)
---@field request fun(method: string, params: table, done: fun(err: earshot.RpcError?, result: any))

---@class earshot.Buffer
---@field buf integer
---@field uri string
---@field guest boolean the text lives with a host; else the buffer is one of this person's files
---@field version integer
---@field stamp? string of the last edit applied here; opaque
---@field attached boolean whether changes are being reported
---@field opened boolean whether this connection was told didOpen
---@field dirty boolean whether the host's file lacks something of the text
---@field readonly boolean
---@field stays? boolean the daemon has said that edits never reached the host: it outlives the session
---@field damaged boolean bytes that are no UTF-8 stand in the buffer and are about to be replaced
---@field disk? {mtime: table, size: integer} the file as the daemon or this editor last wrote it
---@field fixendofline? boolean what a host's option was
---@field look_there? boolean the next edit is, or holds, what this person undid or redid
---@field own_keys? boolean `u` and CTRL-R are mapped to the daemon's undo
---@field remote_undo? integer the undo step that the others' last edits are in
---@field key string the URI percent-decoded
---@field stale boolean the file was written from outside since Neovim last looked
---@field private wire earshot.Wire
---@field private lines integer
---@field private eol boolean
---@field private empty boolean
---@field private generation integer grows with each attachment: callbacks of an older one end themselves
---@field private collected? table[] changes held back while the daemon's own edit is being applied
---@field private idle? uv.uv_timer_t
---@field private command? integer which the last change that was reported belongs to
local Buffer = {}
Buffer.__index = Buffer

---@type table<integer, earshot.Buffer>
M.attached = {}

--- Called when a change was told that the daemon did not ask for.
M.on_own_change = nil ---@type fun()?

---@param uri string
local function decode(uri)
  return (uri:gsub('%%(%x%x)', function(hex)
    return string.char(tonumber(hex, 16))
  end))
end

local clock = 0
local function next_version()
  clock = clock + 1
  return clock
end

---@param buf integer
---@return boolean
local function has_no_line(buf)
  return vim.api.nvim_buf_call(buf, function()
    return vim.fn.wordcount().bytes == 0
  end)
end

--- The three values that describe a buffer's text.
---@param buf integer
---@return integer lines
---@return boolean eol
---@return boolean empty
local function shape(buf)
  local lines = vim.api.nvim_buf_line_count(buf)
  local eol = vim.bo[buf].endofline
  if lines > 1 or vim.api.nvim_buf_get_lines(buf, 0, 1, true)[1] ~= '' then
    return lines, eol, false
  end
  return lines, eol, not eol or has_no_line(buf)
end

---@param buf integer
---@return string
function M.text(buf)
  local _, eol, empty = shape(buf)
  if empty then
    return ''
  end
  local lines = vim.api.nvim_buf_get_lines(buf, 0, -1, true)
  if eol then
    lines[#lines + 1] = ''
  end
  return table.concat(lines, '\n')
end

--- Whether what stands in the buffer may differ from what Neovim has told of it. Two commands do that: the preview of
--- one being typed ('inccommand') is shown in the buffer itself and taken back at the next key, together with whatever
--- was changed meanwhile; and :s///c tells what it changed when it is over (mode "r?").
---@return boolean
function M.unsettled()
  local mode = vim.api.nvim_get_mode().mode
  return mode:sub(1, 1) == 'r' or (mode:sub(1, 1) == 'c' and vim.o.inccommand ~= '' and vim.fn.getcmdtype() == ':')
end

--- Grows with every key that the person types, and with every turn of the main loop after a change: what is changed
--- without either in between is the work of one command. A macro is one, as its keys are not typed.
local command = 0
local turning = false
local keys = vim.api.nvim_create_namespace('earshot.keys')

--- The buffer that was changed last in the Insert or Replace mode that is going on.
---@type earshot.Buffer?
local inserted

--- What <Esc> adds (the other lines of a block, the repetitions of a count) goes with what was typed, and so does all
--- that is typed in Replace mode. The daemon tells apart what is typed in Insert mode, by its pauses.
local function on_key(key, typed)
  if typed == '' then
    return
  end
  command = command + 1
  local mode = vim.api.nvim_get_mode().mode:sub(1, 1)
  if mode ~= 'i' and mode ~= 'R' then
    inserted = nil
  elseif inserted and (mode == 'R' or key == '\27') then
    inserted.command = command
  end
end

--- Ends the command once the main loop comes by. While it waits for a program (a filter) it does not.
local function end_command()
  if turning then
    return
  end
  turning = true
  vim.schedule(function()
    turning = false
    command = command + 1
  end)
end

local function position(line, character)
  return { line = line, character = character }
end

local function change(from, to, text)
  return { range = { start = from, ['end'] = to }, text = text }
end

--- The last position of a text of this shape.
local function text_end(lines, eol, empty)
  if empty then
    return position(0, 0)
  end
  if eol then
    return position(lines, 0)
  end
  return position(lines - 1, END_OF_LINE)
end

--- One change of whole lines, [first, last) of a text of `count` lines becoming `new`; neither text is "".
---@param new string[]
local function line_change(first, last, count, eol, new)
  if last < count or eol then
    new[#new + 1] = ''
    return change(position(first, 0), position(last, 0), table.concat(new, '\n'))
  end
  -- The text ends without "\n": what is cut or added at its end takes the "\n" before it along.
  local to = position(count - 1, END_OF_LINE)
  if first > 0 and (#new == 0 or first == count) then
    local text = #new == 0 and '' or '\n' .. table.concat(new, '\n')
    return change(position(first - 1, END_OF_LINE), to, text)
  end
  return change(position(first, 0), to, table.concat(new, '\n'))
end

--- Replaces bytes that are no UTF-8 as soon as Neovim allows; until then nothing is applied here.
function Buffer:mend(first, last)
  self.damaged = true
  local generation = self.generation
  vim.schedule(function()
    if self.generation ~= generation or not vim.api.nvim_buf_is_loaded(self.buf) then
      return
    end
    for row = first, math.min(last, vim.api.nvim_buf_line_count(self.buf)) - 1 do
      local line = vim.api.nvim_buf_get_lines(self.buf, row, row + 1, true)[1]
      local sound = units.scrub(line)
      if sound ~= line then
        vim.api.nvim_buf_set_lines(self.buf, row, row + 1, true, { sound })
      end
    end
    self.damaged = false
  end)
end

--- The lines as they are told to the daemon.
---@return string[]
function Buffer:read(first, last)
  local lines = vim.api.nvim_buf_get_lines(self.buf, first, last, true)
  local sound = true
  for i, line in ipairs(lines) do
    local clean = units.scrub(line)
    sound = sound and clean == line
    lines[i] = clean
  end
  if not sound then
    self:mend(first, last)
  end
  return lines
end

--- What has to be told after lines [first, last) became [first, new_last), and remembers it as told.
---@param first integer
---@param last integer
---@param new_last integer
---@return table[] changes LSP content changes, to be applied one after the other
function Buffer:changes_after(first, last, new_last)
  local old_lines, old_eol, old_empty = self.lines, self.eol, self.empty
  local lines, eol, empty = shape(self.buf)
  self.lines, self.eol, self.empty = lines, eol, empty
  if empty and old_empty then
    return {}
  end
  local counts_agree = lines - old_lines == new_last - last
  if empty or old_empty or not counts_agree then
    local new = empty and {} or self:read(0, -1)
    if not empty and eol then
      new[#new + 1] = ''
    end
    return { change(position(0, 0), text_end(old_lines, old_eol, old_empty), table.concat(new, '\n')) }
  end
  local changes = {}
  if first < last or first < new_last then
    changes[1] = line_change(first, last, old_lines, old_eol, self:read(first, new_last))
  end
  if eol ~= old_eol then
    local from = position(lines - 1, END_OF_LINE)
    changes[#changes + 1] = eol and change(from, from, '\n') or change(from, position(lines, 0), '')
  end
  return changes
end

---@param changes table[]
---@param joined? boolean they are the work of the same command as those before
function Buffer:tell(changes, joined)
  self.version = next_version()
  self.wire.notify('textDocument/didChange', {
    textDocument = { uri = self.uri, version = self.version },
    contentChanges = changes,
    earshot = joined and { joined = true } or nil,
  })
  self:rest()
end

---@param changes table[]
function Buffer:report(changes)
  if #changes == 0 then
    return
  end
  if self.collected then
    vim.list_extend(self.collected, changes)
    return
  end
  self:tell(changes, self.command == command)
  self.command = command
  if M.on_own_change then
    M.on_own_change()
  end
  inserted = vim.api.nvim_get_mode().mode:match('^[iR]') and self or nil
  end_command()
end

--- Reports what changed without an event: 'endofline', or an undo that leaves no line at all.
function Buffer:sync_shape()
  if self.attached and not M.unsettled() then
    self:report(self:changes_after(0, 0, 0))
  end
end

--- Runs `act` and reports all that it changes in this buffer by exactly one didChange, or none if it changed nothing.
---@param act fun()
---@return boolean ok
---@return string? err
function Buffer:as_one_change(act)
  self.collected = {}
  local ok, err = pcall(act)
  if self.attached then
    self:report(self:changes_after(0, 0, 0))
  end
  local changes = self.collected
  self.collected = nil
  if changes and #changes > 0 then
    self:tell(changes)
  end
  return ok, err
end

--- Begins to report. Every attachment has its own generation, as Neovim ends one silently (:edit, unloading).
function Buffer:listen()
  self.generation = self.generation + 1
  local generation = self.generation
  local function stale()
    return self.generation ~= generation
  end
  self.attached = vim.api.nvim_buf_attach(self.buf, false, {
    on_lines = function(_, _, _, first, last, new_last)
      if stale() then
        return true
      end
      self:report(self:changes_after(first, last, new_last))
    end,
    on_changedtick = function()
      if not stale() then
        self:sync_shape()
      end
    end,
    on_reload = function()
      if not stale() then
        self:interrupted()
      end
    end,
    on_detach = function()
      if not stale() then
        self:interrupted()
      end
    end,
  })
end

--- Neovim stopped reporting: the text was read anew, or is being unloaded. Which one shows once it is over.
function Buffer:interrupted()
  self.generation = self.generation + 1
  self.attached = false
  local generation = self.generation
  vim.schedule(function()
    if self.generation ~= generation or M.attached[self.buf] ~= self then
      return
    end
    if vim.api.nvim_buf_is_loaded(self.buf) then
      self:rebind()
    else
      self:detach()
    end
  end)
end

--- Puts the opening off until the command is over.
function Buffer:open_later()
  self.attached = false
  local generation = self.generation
  vim.api.nvim_create_autocmd({ 'CmdlineLeave', 'ModeChanged' }, {
    once = true,
    callback = vim.schedule_wrap(function()
      if self.generation == generation and vim.api.nvim_buf_is_loaded(self.buf) then
        self:open()
      end
    end),
  })
end

--- Tells the daemon the whole text and begins to report from there.
function Buffer:open()
  if M.unsettled() then
    return self:open_later()
  end
  self.lines, self.eol, self.empty = shape(self.buf)
  self.version = next_version()
  self.command = nil
  self.damaged = false
  local text = M.text(self.buf)
  local sound = units.scrub(text)
  self.wire.notify('textDocument/didOpen', {
    textDocument = {
      uri = self.uri,
      languageId = vim.bo[self.buf].filetype ~= '' and vim.bo[self.buf].filetype or 'plaintext',
      version = self.version,
      text = sound,
    },
    earshot = self.stamp and { stamp = self.stamp } or nil,
  })
  self.opened = true
  self:listen()
  if sound ~= text then
    self:mend(0, self.lines)
  end
  self:rest()
end

function Buffer:close()
  if self.opened then
    self.opened = false
    self.wire.notify('textDocument/didClose', { textDocument = { uri = self.uri } })
  end
end

--- Opens the document again, on a new connection or after it was closed.
function Buffer:reopen()
  self.generation = self.generation + 1
  self.opened = false
  self:open()
end

--- Closes and opens the document again: the daemon goes on from the stamp and takes what differs as an edit made here.
function Buffer:rebind()
  self:close()
  self:reopen()
end

--- Asks, once the buffer has been left alone for a while, whether the daemon holds the same text.
function Buffer:rest()
  if not self.wire.up() then
    return
  end
  self.idle = self.idle or assert(uv.new_timer())
  local bytes = vim.api.nvim_buf_get_offset(self.buf, self.lines)
  self.idle:start(
    bytes > BIG_BYTES and BIG_IDLE_MS or IDLE_MS,
    0,
    vim.schedule_wrap(function()
      self:verify()
    end)
  )
end

function Buffer:verify()
  if not self.attached or self.damaged or not self.wire.up() or not vim.api.nvim_buf_is_loaded(self.buf) then
    return
  end
  if M.unsettled() then
    return self:rest()
  end
  local text = M.text(self.buf)
  if text:find('\0', 1, true) then
    return -- sha256() takes no NUL
  end
  local asked = self.version
  self.wire.request('document/verify', {
    textDocument = { uri = self.uri, version = asked },
    sha256 = vim.fn.sha256(text),
  }, function(err, result)
    if err or not result or result.equal or self.version ~= asked or not self.attached then
      return
    end
    self:rebind() -- the daemon has told the person
  end)
end

--- Stops reporting, tells the daemon, and gives the options back.
function Buffer:detach()
  self.generation = self.generation + 1
  if self.idle then
    self.idle:stop()
    self.idle:close()
    self.idle = nil
  end
  if M.attached[self.buf] == self then
    M.attached[self.buf] = nil
  end
  if inserted == self then
    inserted = nil
  end
  if not next(M.attached) then
    vim.on_key(nil, keys)
  end
  self.attached = false
  self:close()
  if not self.guest and vim.api.nvim_buf_is_valid(self.buf) then
    vim.bo[self.buf].fixendofline = self.fixendofline
    vim.api.nvim_buf_call(self.buf, function()
      vim.cmd('setlocal autoread<')
    end)
  end
end

--- Options that keep the file exactly the text while it is shared; what they were is given back at the end.
---@param self earshot.Buffer
local function set_host_options(self)
  -- The final "\n" is part of the text: writing must not add one.
  self.fixendofline = vim.bo[self.buf].fixendofline
  vim.bo[self.buf].fixendofline = false
  -- A guest's save writes the file from outside; reading it anew would throw away what was typed since (session.lua).
  vim.bo[self.buf].autoread = false
end

--- Whether the buffer holds nothing but UTF-8, which is all that can be shared.
---@param buf integer
---@return boolean
function M.is_text(buf)
  local text = M.text(buf)
  return units.scrub(text) == text
end

--- Attaches a loaded buffer to a document.
---@param buf integer
---@param uri string
---@param wire earshot.Wire
---@param options {guest: boolean}
---@return earshot.Buffer
function M.attach(buf, uri, wire, options)
  local self = setmetatable({
    buf = buf,
    uri = uri,
    key = decode(uri),
    stale = false,
    wire = wire,
    guest = options.guest,
    generation = 0,
    attached = false,
    opened = false,
    dirty = false,
    readonly = false,
    damaged = false,
  }, Buffer)
  if not self.guest then
    set_host_options(self)
  end
  M.attached[buf] = self
  vim.on_key(on_key, keys)
  self:open()
  return self
end

--- The attached buffer of a URI, compared after percent-decoding. May be called in a fast context.
---@param uri string
---@return earshot.Buffer?
function M.of_uri(uri)
  local wanted = decode(uri)
  for _, attached in pairs(M.attached) do
    if attached.key == wanted then
      return attached
    end
  end
end

return M
