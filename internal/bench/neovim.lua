-- One end of the row L3: a real Neovim with the plugin, as a part of the benchmark. It speaks notes (see part.go), one line of JSON
-- each, on its standard input and output. The environment says what it is:
--   BENCH_PLUGIN the plugin's folder   BENCH_PROGRAM earshot   BENCH_URI the text   BENCH_EDITS how many keystrokes
--   BENCH_SIDE   host (types into the middle of its file) or guest (stamps what arrives)
local uv = vim.uv
local edits, uri = tonumber(vim.env.BENCH_EDITS), vim.env.BENCH_URI
local host = vim.env.BENCH_SIDE == 'host'

local function say(kind, fields)
  io.stdout:write(('{"kind":"%s"%s}\n'):format(kind, fields or ''))
  io.stdout:flush()
end

local function fail(why)
  say('failed', (',"text":%s'):format(vim.json.encode(tostring(why))))
end

-- The encoder of Neovim keeps fourteen digits.
local function stamps_of(list)
  local digits = {}
  for i, at in ipairs(list) do
    digits[i] = ('%d'):format(at)
  end
  return (',"stamps":[%s]'):format(table.concat(digits, ','))
end

local function sum()
  return vim.fn.sha256(table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n') .. '\n')
end

vim.opt.runtimepath:prepend(vim.env.BENCH_PLUGIN)
vim.g.earshot_cmd = vim.env.BENCH_PROGRAM
vim.cmd('runtime plugin/earshot.lua')
local session = require('earshot.session')

local function attached()
  local buffer = require('earshot.buffer').of_uri(uri)
  if not buffer or not buffer.opened then
    return false
  end
  local params = { textDocument = { uri = uri, version = buffer.version }, sha256 = sum() }
  local err = session.ask('document/verify', params, 1000)
  return err == nil
end

--- Types at the schedule's times. A timer is good to a millisecond, and each keystroke is stamped when it is made.
local function play(plan)
  local lines = vim.api.nvim_buf_get_lines(0, 0, -1, false)
  local row, column, stamps = 0, 0, {}
  for i, line in ipairs(lines) do
    if line == '' then
      row = i - 1
      break
    end
  end
  local width = tonumber(vim.env.BENCH_WIDTH)
  local timer = uv.new_timer()
  local function press()
    local k = #stamps
    local key = string.char(('a'):byte() + k % 26)
    local newline = k % width == width - 1
    local text = newline and { '', '' } or { key }
    stamps[k + 1] = uv.hrtime()
    vim.api.nvim_buf_set_text(0, row, column, row, column, text)
    if newline then
      row, column = row + 1, 0
    else
      column = column + 1
    end
    if #stamps == plan.edits then
      timer:close()
      return say('sent', stamps_of(stamps) .. (',"text":"%s"'):format(sum()))
    end
    local due = plan.at + #stamps * plan.every
    timer:start(math.max(0, math.floor((due - uv.hrtime()) / 1e6)), 0, vim.schedule_wrap(press))
  end
  timer:start(math.max(0, math.floor((plan.at - uv.hrtime()) / 1e6)), 0, vim.schedule_wrap(press))
end

local function listen()
  local stamps = {}
  vim.api.nvim_buf_attach(0, false, {
    on_bytes = function(_, _, _, _, _, _, _, _, old, _, _, new)
      local at = uv.hrtime()
      for _ = 1, new - old do
        stamps[#stamps + 1] = at
      end
      if #stamps == edits then
        vim.schedule(function()
          say('got', stamps_of(stamps) .. (',"text":"%s"'):format(sum()))
        end)
      end
    end,
  })
end

local function main()
  vim.cmd.edit({ args = { host and vim.uri_to_fname(uri) or uri }, magic = { file = false, bar = false } })
  if not vim.wait(20000, attached, 20) then
    return fail('the text was not attached')
  end
  if not host then
    listen()
  end
  local input, text = uv.new_pipe(false), ''
  input:open(0)
  input:read_start(vim.schedule_wrap(function(_, data)
    if not data then
      return vim.cmd('qa!')
    end
    text = text .. data
    for line in text:gmatch('(.-)\n') do
      local note = vim.json.decode(line)
      if note.kind == 'begin' then
        play(note.schedule)
      end
    end
    text = text:match('[^\n]*$')
  end))
  say('ready')
end

vim.schedule(function()
  local ok, err = xpcall(main, debug.traceback)
  if not ok then
    fail(err)
  end
end)
