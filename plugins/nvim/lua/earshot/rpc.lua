--- JSON-RPC 2.0 with LSP's framing over a byte transport. Knows nothing of sessions or texts.
---
--- Bytes arrive in a fast context (no editor functions there); messages are decoded at once, offered to `fast`, and
--- the rest is handed to the main loop in order. `fast` exists for one thing: a request that must be answered even
--- while Neovim waits at a prompt and its main loop stands still.
local uv = vim.uv or vim.loop

local M = {}

--- So that a broken peer can't fill the memory.
local MAX_MESSAGE = require('earshot.protocol').MAX_MESSAGE
--- Headers are two short lines; 4 KiB is fifty times that.
local MAX_HEADER = 4096

M.METHOD_NOT_FOUND = -32601
M.INTERNAL_ERROR = -32603

---@class earshot.Transport
---@field write fun(data: string)
---@field close fun()

---@class earshot.RpcError
---@field code integer
---@field message string
---@field data? {kind?: string, uris?: string[]}

---@class earshot.RpcHandlers
---@field request fun(id: any, method: string, params: table) answers with rpc:respond, now or later
---@field notify fun(method: string, params: table)
---@field closed fun(reason?: string) once, in the main loop
---@field fast? fun(message: table): boolean? true if it was dealt with

---@class earshot.Rpc
---@field private transport earshot.Transport
---@field private handlers earshot.RpcHandlers
---@field private waiting table<integer, fun(err: earshot.RpcError?, result: any)>
---@field private queue table[]
---@field private parts string[]
---@field private size integer
---@field private need? integer the body's length once its header is read
---@field private next_id integer
---@field private scheduled boolean
---@field open boolean
local Rpc = {}
Rpc.__index = Rpc

--- Starts a program and joins its standard input and output; the last line of its standard error is the reason told
--- when it ends.
---@param command string[]
---@param on_data fun(data: string) in a fast context
---@param on_exit fun(reason: string) in a fast context
---@return earshot.Transport?
---@return string? problem
function M.spawn(command, on_data, on_exit)
  local stdin, stdout, stderr = assert(uv.new_pipe()), assert(uv.new_pipe()), assert(uv.new_pipe())
  local last_words = ''
  local handle
  local function close_all()
    for _, pipe in ipairs({ stdin, stdout, stderr, handle }) do
      if pipe and not pipe:is_closing() then
        pipe:close()
      end
    end
  end
  local pid
  handle, pid = uv.spawn(command[1], {
    args = vim.list_slice(command, 2),
    stdio = { stdin, stdout, stderr },
    hide = true,
  }, function(code)
    close_all()
    on_exit(last_words ~= '' and last_words or ('it ended with code %d'):format(code))
  end)
  if not handle then
    close_all()
    return nil, tostring(pid)
  end
  stdout:read_start(function(_, data)
    if data then
      on_data(data)
    end
  end)
  stderr:read_start(function(_, data)
    if data then
      last_words = vim.trim(data):match('[^\n]*$'):sub(1, 400)
    end
  end)
  return {
    write = function(data)
      if not stdin:is_closing() then
        stdin:write(data)
      end
    end,
    close = function()
      -- Ending its input ends `earshot attach` by itself, after what was written has gone out.
      if not stdin:is_closing() then
        stdin:shutdown(function()
          if not stdin:is_closing() then
            stdin:close()
          end
        end)
      end
    end,
  }
end

--- Opens a connection over a command's standard input and output.
---@param command string[]
---@param handlers earshot.RpcHandlers
---@return earshot.Rpc?
---@return string? problem
function M.connect(command, handlers)
  local self = setmetatable({
    handlers = handlers,
    waiting = {},
    queue = {},
    parts = {},
    size = 0,
    next_id = 1,
    scheduled = false,
    open = true,
  }, Rpc)
  local transport, problem = M.spawn(command, function(data)
    self:feed(data)
  end, function(reason)
    vim.schedule(function()
      self:drain()
      self:finish(reason)
    end)
  end)
  if not transport then
    return nil, problem
  end
  self.transport = transport
  return self
end

---@param n integer
---@return string bytes the first n, which are there
function Rpc:take(n)
  local all = table.concat(self.parts)
  self.parts = { all:sub(n + 1) }
  self.size = #all - n
  return all:sub(1, n)
end

--- Reads one header if it is there whole.
---@return boolean progressed
function Rpc:read_header()
  local all = table.concat(self.parts)
  self.parts = { all }
  local head_end = select(2, all:find('\r\n\r\n', 1, true))
  if not head_end then
    if #all > MAX_HEADER then
      self:fail('the daemon sent no header')
    end
    return false
  end
  local header = self:take(head_end)
  local length = tonumber(('\r\n' .. header):match('\r\n[Cc]ontent%-[Ll]ength:%s*(%d+)\r\n'))
  if not length or length > MAX_MESSAGE then
    self:fail('the daemon sent a message of a bad length')
    return false
  end
  self.need = length
  return true
end

--- Takes bytes as they come. Parts are joined only when a whole message is there, so a big one costs no more.
---@param data string
function Rpc:feed(data)
  self.parts[#self.parts + 1] = data
  self.size = self.size + #data
  while self.open do
    if self.need then
      if self.size < self.need then
        return
      end
      local body = self:take(self.need)
      self.need = nil
      self:decode(body)
    elseif self.size == 0 or not self:read_header() then
      return
    end
  end
end

---@param body string
function Rpc:decode(body)
  local ok, message = pcall(vim.json.decode, body, { luanil = { object = true, array = true } })
  if not ok or type(message) ~= 'table' then
    return self:fail('the daemon sent what is no JSON')
  end
  if self.handlers.fast and self.handlers.fast(message) then
    return
  end
  self.queue[#self.queue + 1] = message
  if not self.scheduled then
    self.scheduled = true
    vim.schedule(function()
      self:drain()
    end)
  end
end

--- Handles what has arrived, in order. A handler that waits (vim.wait) re-enters here and goes on with the rest.
function Rpc:drain()
  self.scheduled = false
  while #self.queue > 0 do
    local message = table.remove(self.queue, 1)
    local ok, err = xpcall(self.handle, debug.traceback, self, message)
    if not ok then
      if message.id ~= nil and message.method then
        self:respond(message.id, nil, { code = M.INTERNAL_ERROR, message = tostring(err) })
      end
      vim.notify('earshot: ' .. tostring(err), vim.log.levels.ERROR)
    end
  end
end

---@param message table
function Rpc:handle(message)
  if message.method and message.id ~= nil then
    if not message.answered then
      message.answered = true
      self.handlers.request(message.id, message.method, message.params or {})
    end
  elseif message.method then
    self.handlers.notify(message.method, message.params or {})
  elseif message.id ~= nil then
    local done = self.waiting[message.id]
    self.waiting[message.id] = nil
    if done then
      done(message.error, message.result)
    end
  end
end

---@param message table
function Rpc:send(message)
  if not self.open then
    return
  end
  message.jsonrpc = '2.0'
  local body = vim.json.encode(message)
  self.transport.write(('Content-Length: %d\r\n\r\n%s'):format(#body, body))
end

---@param method string
---@param params? table
function Rpc:notify(method, params)
  self:send({ method = method, params = params or vim.empty_dict() })
end

--- Answers a request; without an error a nil result is null. May be called in a fast context.
---@param id any
---@param result any
---@param err? earshot.RpcError
function Rpc:respond(id, result, err)
  if err then
    return self:send({ id = id, error = err })
  end
  self:send({ id = id, result = result == nil and vim.NIL or result })
end

--- Asks. `done` gets an error too when the connection ends first.
---@param method string
---@param params? table
---@param done fun(err: earshot.RpcError?, result: any)
---@return integer id
function Rpc:request(method, params, done)
  local id = self.next_id
  self.next_id = id + 1
  if not self.open then
    vim.schedule(function()
      done({ code = 0, message = 'The connection to the Earshot daemon is gone.' })
    end)
    return id
  end
  self.waiting[id] = done
  self:send({ id = id, method = method, params = params or vim.empty_dict() })
  return id
end

--- Asks and waits, for what Neovim itself waits for (reading and writing a buffer). Everything else goes on meanwhile.
---@param method string
---@param params? table
---@param timeout_ms integer
---@return earshot.RpcError? err
---@return any result
function Rpc:request_sync(method, params, timeout_ms)
  local answered, err, result = false, nil, nil
  local id = self:request(method, params, function(e, r)
    answered, err, result = true, e, r
  end)
  vim.wait(timeout_ms, function()
    return answered
  end, 5)
  if answered then
    return err, result
  end
  self:cancel(id)
  return { code = 0, message = ('The Earshot daemon did not answer within %d s.'):format(timeout_ms / 1000) }
end

--- Gives a request up: its answer is no longer waited for.
---@param id integer
function Rpc:cancel(id)
  if self.waiting[id] then
    self.waiting[id] = nil
    self:notify('$/cancelRequest', { id = id })
  end
end

--- The peer broke the protocol: nothing after that can be trusted.
---@param reason string
function Rpc:fail(reason)
  self.transport.close()
  vim.schedule(function()
    self:finish(reason)
  end)
end

---@param reason? string
function Rpc:finish(reason)
  if not self.open then
    return
  end
  self.open = false
  local waiting = self.waiting
  self.waiting = {}
  for _, done in pairs(waiting) do
    done({ code = 0, message = 'The connection to the Earshot daemon was lost.' })
  end
  self.handlers.closed(reason)
end

--- Ends the connection on purpose; `closed` is not called for it.
function Rpc:close()
  if self.open then
    self.open = false
    self.transport.close()
  end
end

return M
