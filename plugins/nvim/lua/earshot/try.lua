--- :Earshot try: `earshot try --json` brings a scripted colleague who shares a small text, and this editor joins it.
---
---   {event = "opened", session, uri} → join, show the text
---   {event = "step", message} …      → say it
---   {event = "ended", message}       → say it; the colleague has left already
local config = require('earshot.config')
local place = require('earshot.place')
local session = require('earshot.session')
local target = require('earshot.target')
local ui = require('earshot.ui')

local M = {}

---@class earshot.Trial
---@field child vim.SystemObj
---@field join? integer the request
---@field session? string its id, once joined

local trial ---@type earshot.Trial?

--- Ends the colleague. What they have still to say is for nobody then.
local function stop()
  local this = trial
  trial = nil
  if this and not this.child:is_closing() then
    session.cancel(this.join)
    this.child:kill('sigterm')
  end
end

---@param this earshot.Trial
---@param why string
local function fail(this, why)
  if trial == this then
    stop()
    ui.say(why, vim.log.levels.ERROR)
  end
end

---@param this earshot.Trial
---@param opened {session: earshot.Session, uri: string}
local function enter(this, opened)
  local params = { code = opened.session.link, name = config.name() }
  this.join = session.request('session/join', params, function(err, result)
    this.join = nil
    if err then
      return fail(this, err.message)
    end
    this.session = result.session.id
    session.update(result.session)
    if trial == this and not place.show(opened.uri) then
      ui.say('The text could not be shown: :Earshot open shows it.', vim.log.levels.WARN)
    end
  end)
end

---@param this earshot.Trial
---@param line string of JSON
local function take(this, line)
  local ok, told = pcall(vim.json.decode, line, { luanil = { object = true, array = true } })
  if trial ~= this or not ok or type(told) ~= 'table' then
    return
  end
  if told.event == 'opened' then
    enter(this, told)
  elseif told.event == 'step' then
    ui.say(told.message)
  elseif told.event == 'ended' then
    trial = nil -- the next may begin while this one's process ends
    ui.say(told.message)
  end
end

--- Hands lines on, in the main loop.
---@param this earshot.Trial
---@return fun(err?: string, data?: string) reader in a fast context
local function by_lines(this)
  local rest = ''
  return function(_, data)
    rest = rest .. (data or '')
    for line in rest:gmatch('([^\n]*)\n') do
      vim.schedule(function()
        take(this, line)
      end)
    end
    rest = rest:match('[^\n]*$')
  end
end

---@param this earshot.Trial
---@param stderr? string
local function gone(this, stderr)
  if trial ~= this then
    return -- it was to end
  end
  session.cancel(this.join)
  trial = nil
  local words = vim.trim(stderr or ''):match('[^\n]*$'):gsub('^earshot: ', '')
  ui.say(words ~= '' and words or 'The trial ended unexpectedly: :Earshot try begins another.', vim.log.levels.ERROR)
end

local function start()
  local command, problem = config.command()
  if not command then
    return ui.say(problem, vim.log.levels.ERROR)
  end
  vim.list_extend(command, { 'try', '--json' })
  local this = {}
  local ok, child = pcall(vim.system, command, { text = true, stdout = by_lines(this) }, function(done)
    vim.schedule(function()
      gone(this, done.stderr)
    end)
  end)
  if not ok then
    return ui.say(('%s could not be started (%s).'):format(command[1], child), vim.log.levels.ERROR)
  end
  this.child, trial = child, this
  ui.say('A scripted colleague comes; :Earshot leave ends it.')
end

--- Begins a trial.
function M.run()
  target.with_daemon(function()
    if trial then
      return ui.say('A trial runs already: :Earshot leave ends it.', vim.log.levels.WARN)
    end
    start()
  end)
end

--- Gives up a trial that has not brought a session yet.
---@return boolean given_up
function M.give_up()
  if not trial or trial.session then
    return false
  end
  stop()
  return true
end

--- The person has left a session.
---@param id string
function M.left(id)
  if trial and trial.session == id then
    stop()
  end
end

vim.api.nvim_create_autocmd('VimLeavePre', {
  group = vim.api.nvim_create_augroup('earshot_try', { clear = true }),
  callback = stop,
})

return M
