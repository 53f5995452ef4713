--- Being led: following a member until one's own first key, and going where one is called.
---
---   :Earshot follow → presence/follow → window/showDocument, again and again → a key → presence/follow with null
---   somebody's :Earshot summon → window/showMessageRequest → :Earshot look → the answer → window/showDocument, once
local buffers = require('earshot.buffer')
local place = require('earshot.place')
local presence = require('earshot.presence')
local ui = require('earshot.ui')

local M = {}

--- A call is open this long; then those who did not look will not any more. Time enough to end a sentence.
M.CALL_MS = 120000

local session ---@type table module earshot.session

---@class earshot.Following
---@field session string
---@field member string
---@field name string
---@field moved? boolean whether this person was led anywhere yet

local following ---@type earshot.Following?
local keys = vim.api.nvim_create_namespace('earshot.lead.keys')

---@return string? name of the one who is followed
function M.followed()
  return following and following.name
end

local function forget()
  following = nil
  vim.on_key(nil, keys)
  vim.cmd.redrawstatus({ bang = true })
end

--- Goes alone from here on, and tells the daemon.
local function stop()
  if not following then
    return
  end
  local was = following
  forget()
  session.request('presence/follow', { session = was.session, member = vim.NIL }, function() end)
  vim.schedule(function()
    local mode = vim.api.nvim_get_mode()
    if not following and mode.mode == 'n' and not mode.blocking then -- a message would disturb anything else
      ui.say(('No longer following %s.'):format(was.name))
    end
  end)
end

--- A key or button of the person's own. Letting a button go is part of the click before; moving the mouse is nothing.
---@param key string
---@param typed string
local function on_key(key, typed)
  if typed ~= '' then
    local name = vim.fn.keytrans(key)
    if not name:find('MouseMove', 1, true) and not name:find('Release', 1, true) then
      stop()
    end
  end
end

--- Follows a member, with the view, until the person does something.
---@param one earshot.Session
---@param member earshot.Member
function M.follow(one, member)
  local this = { session = one.id, member = member.id, name = ui.name(member.name) }
  following = this
  vim.on_key(on_key, keys)
  session.request('presence/follow', { session = one.id, member = member.id }, function(err)
    if following ~= this then
      return
    end
    if err then
      forget()
      return ui.fail(err)
    end
    ui.say(('Following %s until you press a key.'):format(this.name))
    vim.cmd.redrawstatus({ bang = true })
  end)
end

--- Sessions changed: who is followed may have left.
---@param one earshot.Session
function M.update(one)
  if following and following.session == one.id then
    local member = one.state ~= 'ended' and session.member(one.id, following.member)
    if not member then
      local name = following.name
      forget()
      ui.say(('No longer following %s, who has left.'):format(name))
    end
  end
end

--- Goes where the daemon leads: along with the one who is followed, or once where one is called.
---@param params table window/showDocument
---@return boolean success
function M.show_document(params)
  local mode = vim.api.nvim_get_mode()
  if mode.mode ~= 'n' or mode.blocking then
    return false
  end
  local lead, this = params.earshot, following
  if lead and lead.follow then
    if not this or this.session ~= lead.session or this.member ~= lead.member then
      return false -- a key was faster
    end
  else
    this = nil
  end
  if not (this and this.moved) then
    vim.cmd("normal! m'") -- CTRL-O leads back to where the person was
  end
  local ok, shown = pcall(place.show, params.uri)
  if not ok or not shown then
    return false
  end
  if this then
    this.moved = true
  end
  if params.selection then
    place.go(params.selection.start, lead and lead.visibleRange)
  end
  return true
end

---@class earshot.Call
---@field message string
---@field session string
---@field member string
---@field name string
---@field answer fun(yes: boolean)

---@type table<any, earshot.Call> by request id
local calls = {}
local order = {} ---@type any[] their ids, the newest last

---@param id any
---@return earshot.Call?
local function take(id)
  local call = calls[id]
  calls[id] = nil
  order = vim.tbl_filter(function(each)
    return each ~= id
  end, order)
  if call then
    require('earshot.note').hide(call.message)
    vim.cmd.redrawstatus({ bang = true })
  end
  return call
end

--- Who calls, the newest last.
---@return string[] names
function M.callers()
  return vim.tbl_map(function(id)
    return calls[id].name
  end, order)
end

--- A member calls: it is told, and `:Earshot look` is the yes. No prompt: it would take the keys of who is typing.
---@param id any
---@param params table window/showMessageRequest
---@param respond fun(result: any)
function M.called(id, params, respond)
  local who, action = params.earshot, params.actions and params.actions[1]
  if not who or not action then
    ui.say(params.message)
    return respond(vim.NIL)
  end
  for _, each in ipairs(vim.list_slice(order)) do
    if calls[each].session == who.session and calls[each].member == who.member then
      take(each).answer(false) -- whoever calls again means the new place
    end
  end
  local member = session.member(who.session, who.member)
  calls[id] = {
    message = ('%s :Earshot look goes there.'):format(params.message),
    session = who.session,
    member = who.member,
    name = ui.name(member and member.name),
    answer = function(yes)
      respond(yes and { title = action.title } or vim.NIL)
    end,
  }
  order[#order + 1] = id
  ui.say(calls[id].message, vim.log.levels.WARN)
  vim.cmd.redrawstatus({ bang = true })
  local this = calls[id]
  vim.defer_fn(function()
    if calls[id] == this then -- another daemon begins anew with its ids
      take(id)
      this.answer(false)
    end
  end, M.CALL_MS)
end

--- The daemon takes a call back.
---@param id any
function M.withdraw(id)
  take(id)
end

--- Goes where one was called, last if several times.
function M.look()
  local call = #order > 0 and take(order[#order])
  if not call then
    return ui.say('Nobody calls you; :Earshot jump goes to a member.', vim.log.levels.WARN)
  end
  call.answer(true)
end

--- Calls the others to where this person is.
---@param one earshot.Session
function M.summon(one)
  presence.flush() -- the daemon says where, by what it knows
  session.request('presence/summon', { session = one.id }, function(err)
    if err then
      return ui.fail(err)
    end
    ui.say('The others are asked to look here.')
  end)
end

--- The daemon is gone, and with it whoever led or called.
function M.lost()
  for id in pairs(calls) do
    take(id)
  end
  if following then
    forget()
  end
end

---@param the_session table module earshot.session
function M.setup(the_session)
  session = the_session
  place.setup(the_session)
  buffers.on_own_change = stop -- what is pasted by the terminal comes without a key
end

return M
