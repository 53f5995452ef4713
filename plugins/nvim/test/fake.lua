-- A scripted daemon. In a spec it sits in the same Neovim, behind the bytes; fake_attach.lua runs it as a process.
-- It keeps what it was told as a model, and fails loudly at whatever the contract forbids.
local model = require('model')

local Fake = {}
Fake.__index = Fake

function Fake.new(options)
  return setmetatable(vim.tbl_extend('force', {
    encoding = 'utf-8',
    documents = {}, ---@type table<string, {text: string, version: integer}> what is open, by uri
    texts = {}, -- what textDocumentContent gives
    sessions = {},
    files = {},
    log = {}, -- every message received, and {answer=…} for answers
    problems = {},
    answers = {},
    next_id = 1000,
    replies = {}, -- method → function(params) → result, error
    held = nil, -- methods whose answers are held back: method → list of {id}
    connections = 0,
    stamp = 0,
  }, options or {}), Fake)
end

--- Takes the place of the program: every connection of the plugin ends here.
function Fake:install()
  require('earshot.rpc').spawn = function(_, on_data, on_exit)
    if self.down then
      self.refused = self.refused + 1
      return nil, 'no daemon'
    end
    self.connections = self.connections + 1
    self.on_data, self.on_exit, self.buffer = on_data, on_exit, ''
    self.documents = {}
    return {
      write = function(bytes)
        self:take(bytes)
      end,
      close = function() end,
    }
  end
  vim.g.earshot_cmd = vim.v.progpath
  vim.g.earshot_auto = false
  return self
end

function Fake:drop()
  local on_exit = self.on_exit
  self.on_data = nil
  on_exit('dropped')
end

function Fake:send(message)
  message.jsonrpc = '2.0'
  local body = vim.json.encode(message)
  if self.on_data then
    self.on_data(('Content-Length: %d\r\n\r\n%s'):format(#body, body))
  end
end

function Fake:take(bytes)
  self.buffer = self.buffer .. bytes
  while true do
    local _, head_end, length = self.buffer:find('^Content%-Length: (%d+)\r\n\r\n')
    if not head_end or #self.buffer < head_end + tonumber(length) then
      return
    end
    local body = self.buffer:sub(head_end + 1, head_end + length)
    self.buffer = self.buffer:sub(head_end + length + 1)
    local message = vim.json.decode(body, { luanil = { object = true, array = true } })
    self.log[#self.log + 1] = message
    local ok, err = pcall(self.handle, self, message)
    if not ok then
      self.problems[#self.problems + 1] = tostring(err) .. ' in ' .. body:sub(1, 300)
    end
  end
end

function Fake:handle(message)
  if message.method and message.id then
    local result, err = self:answer(message.method, message.params)
    if result ~= 'held' then
      self:send({ id = message.id, result = result, error = err })
    else
      self.held = self.held or {}
      self.held[message.method] = message.id
    end
  elseif message.method then
    local notified = self['on_' .. message.method:gsub('[^%w]', '_')]
    if notified then
      notified(self, message.params)
    end
  else
    self.answers[message.id] = message
  end
end

function Fake:answer(method, params)
  if self.replies[method] then
    return self.replies[method](params)
  end
  if method == 'initialize' then
    self.initialized_with = params
    return {
      capabilities = {
        positionEncoding = self.encoding,
        textDocumentSync = { openClose = true, change = 2, save = true },
        experimental = { earshot = { protocolVersion = 1, limits = vim.empty_dict() } },
      },
      serverInfo = { name = 'fake', version = '0' },
    }
  elseif method == 'session/list' then
    return { sessions = self.sessions }
  elseif method == 'session/share' then
    local session = self:session({ role = 'host', code = 'A4X9-K7Q2M1', folder = params.folder })
    return { session = session }
  elseif method == 'session/join' then
    return { session = self:session({ role = 'editor' }) }
  elseif method == 'session/leave' then
    self.sessions = {}
    return vim.empty_dict()
  elseif method == 'file/list' then
    return { entries = self.files }
  elseif method == 'workspace/textDocumentContent' then
    local text = self.texts[params.uri]
    if text then
      return { text = text }
    end
    return nil, { code = -32050, message = 'There is no such document.', data = { kind = 'noSuchDocument' } }
  elseif method == 'document/verify' then
    local document = assert(self.documents[params.textDocument.uri], 'verify of what is not open')
    local right = document.version == params.textDocument.version
    return { equal = not right or vim.fn.sha256(document.text) == params.sha256 }
  elseif method == 'document/save' then
    assert(self.documents[params.textDocument.uri], 'save of what is not open')
    return vim.empty_dict()
  elseif method == 'test/model' then
    local document = self.documents[params.uri]
    return { text = document and document.text, problems = self.problems }
  end
  return vim.empty_dict()
end

function Fake:session(fields)
  local session = vim.tbl_extend('force', {
    id = 'abcdefghij',
    state = 'open',
    me = 'mmmmmmmmmm',
    members = {
      { id = 'mmmmmmmmmm', name = 'Me', color = '#e69f00', role = fields.role, state = 'here' },
      { id = 'aaaaaaaaaa', name = 'Ada', color = '#56b4e9', role = 'editor', state = 'here', rttMs = 12 },
    },
    resume = 'resume-token',
  }, fields)
  self.sessions = { session }
  return session
end

function Fake:on_textDocument_didOpen(params)
  local document = params.textDocument
  assert(not self.documents[document.uri], 'opened twice: ' .. document.uri)
  assert(document.version > (self.highest or 0), 'a version was used again')
  self.highest = document.version
  self.documents[document.uri] = { text = document.text, version = document.version, opened_with = params.earshot }
end

function Fake:on_textDocument_didChange(params)
  local document = assert(self.documents[params.textDocument.uri], 'change of what is not open')
  assert(params.textDocument.version > self.highest, 'a version that does not grow')
  assert(#params.contentChanges > 0, 'an event without content')
  self.highest = params.textDocument.version
  document.version = params.textDocument.version
  document.text = model.apply(document.text, params.contentChanges)
  document.changes = (document.changes or 0) + 1
end

function Fake:on_textDocument_didClose(params)
  assert(self.documents[params.textDocument.uri], 'closed what is not open')
  self.documents[params.textDocument.uri] = nil
end

--- Asks for an edit; answered in self.answers[id].
function Fake:edit(uri, edits, version)
  local id = self.next_id
  self.next_id = id + 1
  self.stamp = self.stamp + 1
  self:send({
    id = id,
    method = 'workspace/applyEdit',
    params = {
      edit = {
        documentChanges = {
          {
            textDocument = { uri = uri, version = version or self.documents[uri].version },
            edits = edits,
          },
        },
      },
      earshot = { stamp = 's' .. self.stamp },
    },
  })
  return id
end

--- Asks and waits for the answer.
function Fake:edit_now(uri, edits, version)
  local id = self:edit(uri, edits, version)
  assert(vim.wait(5000, function()
    return self.answers[id] ~= nil
  end, 1), 'no answer to an edit')
  return self.answers[id].result
end

function Fake:notify(method, params)
  self:send({ method = method, params = params })
end

--- Waits until everything sent either way has been handled.
function Fake.settle()
  local over = false
  require('earshot.session').request('test/ping', vim.empty_dict(), function()
    over = true
  end)
  assert(vim.wait(5000, function()
    return over
  end, 1), 'the fake does not answer')
end

function Fake:sent(method)
  return vim.tbl_filter(function(message)
    return message.method == method
  end, self.log)
end

return Fake
