--- The connection to the daemon, and the sessions it tells of. One of each Neovim process.
---
---   :Earshot … → connect → earshot attach → initialize → session/list → attach buffers
---   connection lost → typing goes on, unreported → connect again → didOpen with stamps: what was typed is told then
local apply = require('earshot.apply')
local buffers = require('earshot.buffer')
local config = require('earshot.config')
local guest = require('earshot.guest')
local host = require('earshot.host')
local lead = require('earshot.lead')
local leftovers = require('earshot.leftovers')
local presence = require('earshot.presence')
local rpc = require('earshot.rpc')
local ui = require('earshot.ui')
local uv = vim.uv or vim.loop

local M = {}

--- Starting a daemon takes well under a second; a machine that is busy may need more.
local CONNECT_MS = 10000
local FIRST_RETRY_MS, LAST_RETRY_MS = 200, 10000

---@class earshot.Member
---@field id string
---@field name string
---@field color string
---@field role string
---@field state string
---@field client? string
---@field path? string
---@field rttMs? number

---@class earshot.Session
---@field id string
---@field state string
---@field reason? string
---@field me string
---@field role string
---@field code? string
---@field link? string
---@field folder? string
---@field members earshot.Member[]
---@field resume? string

---@type table<string, earshot.Session>
M.sessions = {}
M.encoding = 'utf-8'
---@type {protocolVersion?: integer, serverVersion?: string}
M.daemon = {}

local connection ---@type earshot.Rpc?
local ready = false
local connecting = {} ---@type (fun(problem?: string))[]
local retry_ms = FIRST_RETRY_MS
local retry_timer ---@type uv.uv_timer_t?
local lost = false
local leaving_editor = false

--- Random once for each process: by it the daemon knows this editor again after a lost connection.
local replica = (uv.random(16):gsub('.', function(char)
  return ('%02x'):format(char:byte())
end))

---@return boolean
function M.up()
  return ready
end

---@param method string
---@param params table
function M.notify(method, params)
  if ready and connection then
    connection:notify(method, params)
  end
end

---@param method string
---@param params table
---@param done fun(err: earshot.RpcError?, result: any)
---@return integer? id
function M.request(method, params, done)
  if not ready or not connection then
    vim.schedule(function()
      done({ code = 0, message = 'There is no connection to the Earshot daemon.' })
    end)
    return nil
  end
  return connection:request(method, params, done)
end

---@param id? integer
function M.cancel(id)
  if connection and id then
    connection:cancel(id)
  end
end

---@type earshot.Wire
local wire = { up = M.up, notify = M.notify, request = M.request }

--- Attaches a buffer to a document.
---@param buf integer
---@param uri string
---@param options {guest: boolean}
---@return earshot.Buffer
function M.attach(buf, uri, options)
  local attached = buffers.attach(buf, uri, wire, options)
  require('earshot.undo').follow_wish()
  presence.moved()
  return attached
end

--- Asks and waits, connecting first if need be.
---@param method string
---@param params table
---@param timeout_ms integer
---@return earshot.RpcError? err
---@return any result
function M.ask(method, params, timeout_ms)
  if not ready then
    local done, problem = false, nil
    M.connect(function(p)
      done, problem = true, p
    end)
    vim.wait(CONNECT_MS, function()
      return done
    end, 5)
    if not ready then
      return { code = 0, message = problem or 'The Earshot daemon does not answer; see :checkhealth earshot.' }
    end
  end
  return connection:request_sync(method, params, timeout_ms)
end

---@param id string
---@param member_id string
---@return earshot.Member?
function M.member(id, member_id)
  for _, member in ipairs(M.sessions[id] and M.sessions[id].members or {}) do
    if member.id == member_id then
      return member
    end
  end
end

---@return earshot.Session[] open ones, in a stable order
function M.list()
  local open = vim.tbl_values(M.sessions)
  table.sort(open, function(a, b)
    return a.id < b.id
  end)
  return open
end

---@param old? earshot.Session
---@param new earshot.Session
local function tell_of_members(old, new)
  local before = {}
  for _, member in ipairs(old and old.members or {}) do
    before[member.id] = member
  end
  for _, member in ipairs(new.members or {}) do
    local was = before[member.id]
    before[member.id] = nil
    if old and member.id ~= new.me and member.state ~= 'waiting' and (not was or was.state == 'waiting') then
      ui.say(('%s is here.'):format(ui.name(member.name)))
    end
  end
  for id, member in pairs(before) do
    if id ~= new.me and member.state ~= 'waiting' then
      ui.say(('%s has left.'):format(ui.name(member.name)))
    end
  end
end

---@param ended earshot.Session
local function end_session(ended)
  local known = M.sessions[ended.id]
  M.sessions[ended.id] = nil
  host.documents[ended.id], host.names[ended.id] = nil, nil
  presence.forget(ended.id)
  lead.update(ended)
  if not known then
    return
  end
  local reason = ended.reason and ended.reason ~= '' and (': ' .. ended.reason) or ''
  local why = ('The session is over%s.'):format((reason:gsub('%.$', '')))
  guest.ended(ended.id, why, ended.lost == true)
  host.refresh(M)
end

--- Files shared one by one, by whomever: the listing's names lead to buffers of the same name, and the daemon, which
--- alone can tell one file from another, sends on only what is shared.
---@param session earshot.Session
local function find_documents(session)
  if session.role ~= 'host' or session.folder then
    return
  end
  M.request('file/list', { session = session.id, recursive = true }, function(err, result)
    if err or not M.sessions[session.id] then
      return
    end
    local names = {}
    for _, entry in ipairs(result.entries or {}) do
      names[vim.fs.basename(vim.uri_decode(entry.uri))] = true
    end
    host.names[session.id] = names
    host.refresh(M)
  end)
end

--- Takes a session as it is now.
---@param session earshot.Session
function M.update(session)
  if session.state == 'ended' then
    return end_session(session)
  end
  local old = M.sessions[session.id]
  M.sessions[session.id] = session
  if session.role ~= 'host' then
    leftovers.watch()
  end
  tell_of_members(old, session)
  lead.update(session)
  if old and old.state ~= session.state then
    ui.say(
      session.state == 'reconnecting' and 'The link to the others broke; typing goes on and is sent once it is back.'
        or 'The link to the others is back.',
      vim.log.levels.WARN
    )
  end
  if not old then
    find_documents(session)
  end
  host.refresh(M)
  presence.redraw()
  require('earshot.members').refresh(session.id)
  vim.cmd.redrawstatus()
end

---@param params table window/showMessage
local function show_message(params)
  local levels = { vim.log.levels.ERROR, vim.log.levels.WARN, vim.log.levels.INFO, vim.log.levels.DEBUG }
  ui.say(params.message, levels[params.type] or vim.log.levels.INFO)
end

---@param change table document/changed
local function document_changed(change)
  local attached = buffers.of_uri(change.uri)
  if not attached or not vim.api.nvim_buf_is_loaded(attached.buf) then
    return
  end
  attached.dirty, attached.readonly = change.dirty == true, change.readonly == true
  presence.moved() -- the first one says that the document is attached: of a place told before nobody knows
  if attached.guest then
    guest.changed(attached, change)
  else
    host.changed(attached, change)
  end
end

local notifications = {
  ['session/changed'] = function(params)
    M.update(params.session)
  end,
  ['document/changed'] = document_changed,
  ['file/changed'] = function(params)
    require('earshot.place').file_changed(params)
  end,
  ['presence/changed'] = function(params)
    presence.changed(params)
    require('earshot.members').refresh(params.session)
  end,
  ['window/showMessage'] = show_message,
  ['$/progress'] = function(params)
    local value = params.value or {}
    if value.check and value.check ~= '' then
      -- Both must compare it, so that it comes first, in a line that is whole at 80 columns.
      ui.say(('Check %s: read it to the host, who must see the same.'):format(value.check))
    elseif value.message then
      ui.say(value.message)
    end
  end,
  ['$/cancelRequest'] = function(params)
    ui.withdraw(params.id)
    lead.withdraw(params.id)
  end,
}

--- Decides on a guest by a request, since an answer has no reply: only that tells whether the guest still waited. The
--- daemon takes its question back then; if it has not, the question is answered, too.
---@param id any of the daemon's question
---@param question table session/admit
---@param answer {admit: boolean, role?: string}
---@param done fun(err: earshot.RpcError?)
local function answer_knock(id, question, answer, done)
  local asked = connection
  local params = vim.tbl_extend('force', { session = question.session, member = question.member.id }, answer)
  M.request('member/admit', params, function(err)
    if not err and asked and ui.questions[id] then
      ui.questions[id] = nil
      asked:respond(id, answer)
    end
    done(err)
  end)
end

local requests = {
  ['workspace/applyEdit'] = function(id, params)
    connection:respond(id, apply.apply(params, M.encoding))
  end,
  ['session/admit'] = function(id, params)
    ui.knock(id, {
      session = params.session,
      member = params.member,
      check = params.check,
      open = true,
      answer = function(admit, role, done)
        answer_knock(id, params, { admit = admit, role = role }, done)
      end,
    })
  end,
  ['window/showDocument'] = function(id, params)
    connection:respond(id, { success = lead.show_document(params) })
  end,
  ['window/showMessageRequest'] = function(id, params)
    local asked = connection
    lead.called(id, params, function(result)
      asked:respond(id, result)
    end)
  end,
}

--- Sessions and buffers as the daemon has them now. After a lost connection each buffer is opened again with its stamp.
---@param sessions earshot.Session[]
local function take_over(sessions)
  local there = {}
  for _, session in ipairs(sessions) do
    there[session.id] = true
  end
  for _, attached in pairs(buffers.attached) do
    attached.opened = false -- on this connection nothing is
  end
  -- First, so that nothing of them is opened any more.
  for _, session in pairs(vim.deepcopy(M.sessions)) do
    if not there[session.id] then
      session.state, session.reason = 'ended', 'the daemon was restarted and no longer knows it'
      session.lost = true
      M.update(session)
    end
  end
  for _, attached in pairs(buffers.attached) do
    if vim.api.nvim_buf_is_loaded(attached.buf) then
      attached:reopen()
    end
  end
  for _, session in ipairs(sessions) do
    M.update(session)
  end
end

---@param problem? string
local function connected(problem)
  local callbacks = connecting
  connecting = {}
  for _, done in ipairs(callbacks) do
    done(problem)
  end
end

local function initialize_params()
  local version = vim.version()
  local resume = {}
  for _, session in pairs(M.sessions) do
    resume[#resume + 1] = session.resume
  end
  return {
    processId = uv.os_getpid(),
    clientInfo = { name = 'Neovim', version = ('%d.%d.%d'):format(version.major, version.minor, version.patch) },
    rootUri = vim.NIL,
    capabilities = {
      general = { positionEncodings = { 'utf-8', 'utf-16' } },
      workspace = { applyEdit = true, workspaceEdit = { documentChanges = true } },
      window = { workDoneProgress = true, showDocument = { support = true } },
      experimental = { earshot = { exactVersions = true, admit = true } },
    },
    initializationOptions = {
      name = config.name(),
      replica = replica,
      resume = #resume > 0 and resume or nil,
    },
  }
end

---@param result table
local function initialized(result)
  local capabilities = result.capabilities or {}
  M.encoding = capabilities.positionEncoding == 'utf-8' and 'utf-8' or 'utf-16'
  local earshot = vim.tbl_get(capabilities, 'experimental', 'earshot') or {}
  M.daemon = {
    protocolVersion = earshot.protocolVersion,
    serverVersion = vim.tbl_get(result, 'serverInfo', 'version'),
  }
  connection:notify('initialized')
  -- Else the daemon tells of one's own sessions alone, not of one that a terminal begins later, or ends.
  connection:request('events/subscribe', vim.empty_dict(), function() end)
  connection:request('session/list', nil, function(err, list)
    if err then
      return -- the connection ended; closed() has said so
    end
    ready = true
    retry_ms = FIRST_RETRY_MS
    if lost then
      lost = false
      ui.say('Connected to the daemon again.')
    end
    take_over(list.sessions or {})
    connected()
  end)
end

--- Whether anything here waits for the daemon.
local function needed()
  return next(M.sessions) ~= nil or next(buffers.attached) ~= nil
end

local function try_again()
  retry_timer = retry_timer or assert(uv.new_timer())
  retry_timer:start(
    retry_ms,
    0,
    vim.schedule_wrap(function()
      M.connect(function() end)
    end)
  )
  retry_ms = math.min(retry_ms * 2, LAST_RETRY_MS)
end

---@param reason? string
local function closed(reason)
  local was_ready = ready
  connection, ready = nil, false
  if leaving_editor then
    return
  end
  ui.forget_questions()
  lead.lost()
  presence.cursors = {}
  presence.redraw()
  connected(('The Earshot daemon does not answer (%s); see :checkhealth earshot.'):format(reason or 'no reason given'))
  if was_ready and needed() then
    lost = true
    ui.say('The connection to the daemon was lost; typing goes on, and is sent once it is back.', vim.log.levels.WARN)
  end
  if needed() then
    try_again()
  end
end

--- Connects, if that was not done, and says how it went.
---@param done fun(problem?: string)
function M.connect(done)
  if ready then
    return done()
  end
  connecting[#connecting + 1] = done
  if connection then
    return
  end
  local command, problem = config.command()
  if not command then
    return connected(problem)
  end
  command[#command + 1] = 'attach'
  local this
  this, problem = rpc.connect(command, {
    fast = function(message)
      return apply.guard(message, function(id, result)
        this:respond(id, result)
      end)
    end,
    request = function(id, method, params)
      local answer = requests[method]
      if not answer then
        return this:respond(id, nil, { code = rpc.METHOD_NOT_FOUND, message = 'no such method: ' .. method })
      end
      answer(id, params)
    end,
    notify = function(method, params)
      local act = notifications[method]
      if act then
        act(params)
      end
    end,
    closed = closed,
  })
  if not this then
    connected(('%s could not be started (%s); see :checkhealth earshot.'):format(command[1], problem))
    if needed() then
      try_again()
    end
    return
  end
  connection = this
  local function give_up(reason)
    if connection == this and not ready then
      this:close()
      closed(reason)
    end
  end
  vim.defer_fn(function()
    give_up('it said nothing for 10 s')
  end, CONNECT_MS)
  this:request('initialize', initialize_params(), function(err, result)
    if not err then
      initialized(result)
    elseif err.code ~= 0 then
      give_up(err.message)
    end
  end)
end

--- Says goodbye; what was written goes out before the pipe closes.
function M.disconnect()
  leaving_editor = true
  if connection then
    connection:close()
    connection, ready = nil, false
  end
end

---@param group integer
function M.setup(group)
  lead.setup(M)
  vim.api.nvim_create_autocmd('OptionSet', {
    group = group,
    pattern = 'endofline',
    callback = function()
      for _, attached in pairs(buffers.attached) do
        attached:sync_shape()
      end
    end,
  })
  vim.api.nvim_create_autocmd('VimLeavePre', { group = group, callback = M.disconnect })
end

return M
