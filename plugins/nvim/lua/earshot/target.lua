--- Whom or what a command means: the connection, the session, the member; asks where several could be meant.
local session = require('earshot.session')
local ui = require('earshot.ui')

local M = {}

--- Runs `act` on a connection, or says why there is none.
---@param act fun()
function M.with_daemon(act)
  session.connect(function(problem)
    if problem then
      return ui.say(problem, vim.log.levels.ERROR)
    end
    act()
  end)
end

---@param one earshot.Session
---@return string
function M.describe(one)
  local others = #(one.members or {}) - 1
  local own = one.folder and one.folder:match('^file:')
  local what = own and vim.fn.fnamemodify(vim.uri_to_fname(one.folder), ':~') or nil
  return ('%s%s, %d other%s'):format(
    one.role == 'host' and 'yours' or 'as ' .. one.role,
    what and ' of ' .. what or '',
    others,
    others == 1 and '' or 's'
  )
end

---@param one earshot.Session
---@return boolean
function M.is_own(one)
  return one.role == 'host'
end

--- Runs `act` on the session there is, or on the one chosen.
---@param act fun(one: earshot.Session)
---@param fits? fun(one: earshot.Session): boolean
function M.with_session(act, fits)
  M.with_daemon(function()
    local all = vim.tbl_filter(fits or function()
      return true
    end, session.list())
    if #all == 0 then
      local none = #session.list() > 0 and 'You share nothing' or 'There is no session'
      local how = fits and 'begin by :Earshot share.' or 'begin one by :Earshot share, or :Earshot join CODE.'
      return ui.say(('%s: %s'):format(none, how), vim.log.levels.WARN)
    end
    if #all == 1 then
      return act(all[1])
    end
    vim.ui.select(all, { prompt = 'Which session?', format_item = M.describe }, function(one)
      if one then
        act(one)
      end
    end)
  end)
end

---@param one earshot.Session
---@return earshot.Member[]
function M.others(one)
  return vim.tbl_filter(function(member)
    return member.id ~= one.me and member.state ~= 'waiting'
  end, one.members or {})
end

---@class earshot.Asking
---@field prompt string
---@field only? boolean where there is one other alone, that one is meant

--- Runs `act` on the member that is called so; without a name on one who is chosen.
---@param one earshot.Session
---@param name? string
---@param asking earshot.Asking
---@param act fun(member: earshot.Member)
function M.with_member(one, name, asking, act)
  local all = M.others(one)
  for _, member in ipairs(all) do
    if name and ui.name(member.name):lower() == name:lower() then
      return act(member)
    end
  end
  if name then
    return ui.say(('No %s is here; :Earshot members tells who is.'):format(ui.clean(name)), vim.log.levels.ERROR)
  end
  if #all == 0 then
    return ui.say('Nobody else is here.', vim.log.levels.WARN)
  end
  if #all == 1 and asking.only then
    return act(all[1])
  end
  vim.ui.select(all, {
    prompt = asking.prompt,
    format_item = function(member)
      return ('%s (%s)'):format(ui.name(member.name), ui.clean(member.role))
    end,
  }, function(member)
    if member then
      act(member)
    end
  end)
end

return M
