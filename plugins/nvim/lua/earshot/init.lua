--- Earshot for Neovim: one text in several editors. This plugin reports and applies; the daemon does all the rest.
---
---   :Earshot share|widen|join|leave|members|invite|open|jump|follow|summon|look|admit|refuse|role|remove|undo|redo|try
---            |log
local config = require('earshot.config')
local guest = require('earshot.guest')
local host = require('earshot.host')
local lead = require('earshot.lead')
local leftovers = require('earshot.leftovers')
local members = require('earshot.members')
local place = require('earshot.place')
local presence = require('earshot.presence')
local session = require('earshot.session')
local target = require('earshot.target')
local trial = require('earshot.try')
local ui = require('earshot.ui')

local M = {}

--- A join waits for the host to admit; this marks its progress messages.
local JOIN_TOKEN = 'earshot-join'
--- A listing comes in pages; this many are more than a person picks from.
local MOST_PAGES = 50
--- A question names this many texts.
local MOST_NAMED = 5

---@class earshot.Joining
---@field id? integer the request, to cancel it

local joining ---@type earshot.Joining?

---@param one earshot.Session
local function show_code(one)
  if not one.code then
    return
  end
  local link = one.link and one.link ~= '' and one.link or nil
  local copied = ui.copy(link or one.code)
  if not link then
    return ui.say(('Code %s%s; others run :Earshot join CODE.'):format(one.code, copied and ' (copied)' or ''))
  end
  -- Short enough for the command line of 80 columns: the link itself is in the members' window.
  local where = copied and 'link for other machines copied' or 'for other machines see :Earshot members'
  ui.say(('Code %s; %s'):format(one.code, where))
end

---@class earshot.Wish what to share
---@field folder? string uri
---@field documents? string[] uris

---@param path? string
---@return earshot.Wish?
---@return string? problem
local function wish(path)
  if path == '-' then
    local uri = host.uri(vim.api.nvim_get_current_buf())
    if not uri then
      return nil, 'This buffer is no file and no scratch text: go to the one to share.'
    end
    return { documents = { uri } }
  end
  local full = vim.fn.fnamemodify(vim.fn.expand(path or vim.fn.getcwd()), ':p')
  if vim.fn.isdirectory(full) == 1 then
    return { folder = vim.uri_from_fname((full:gsub('(.)/$', '%1'))) }
  end
  if vim.fn.filereadable(full) == 0 and vim.fn.bufloaded(full) == 0 then
    return nil, ('There is no file or folder %s.'):format(ui.clean(path))
  end
  return { documents = { vim.uri_from_fname(full) } }
end

--- Attaches what is about to be shared, so that the daemon has texts nobody saved before anyone else can ask for them.
---@param wanted earshot.Wish
---@return earshot.Buffer[]
local function attach_before(wanted)
  local held = {}
  for _, buf in ipairs(vim.api.nvim_list_bufs()) do
    local uri = host.uri(buf)
    local meant = uri
      and (vim.list_contains(wanted.documents or {}, uri) or (wanted.folder and host.is_inside(uri, wanted.folder)))
    if meant and not require('earshot.buffer').attached[buf] then
      local attached = host.attach(buf, session)
      if attached then
        attached.held = true
        held[#held + 1] = attached
      end
    end
  end
  return held
end

--- Shares what is wished for, with the texts that nobody saved; then takes the session as it is.
---@param wanted earshot.Wish
---@param method string session/share or session/widen
---@param params table
---@param done fun(one: earshot.Session)
local function send_wish(wanted, method, params, done)
  local held = attach_before(wanted)
  session.request(method, vim.tbl_extend('force', params, wanted), function(err, result)
    for _, attached in ipairs(held) do
      attached.held = nil
    end
    if err then
      host.refresh(session)
      return ui.fail(err)
    end
    local documents = host.documents[result.session.id] or {}
    host.documents[result.session.id] = documents
    for _, uri in ipairs(wanted.documents or {}) do
      documents[uri] = true
    end
    session.update(result.session)
    done(result.session)
  end)
end

---@param wanted earshot.Wish
local function share(wanted)
  send_wish(wanted, 'session/share', { name = config.name() }, show_code)
end

---@param wanted earshot.Wish
---@param one earshot.Session
local function widen(wanted, one)
  send_wish(wanted, 'session/widen', { session = one.id }, function(now)
    ui.say(('Added%s.'):format(now.code and ', under the same code ' .. now.code or ''))
  end)
end

--- Where something is shared already, both could be meant; who is in that session would see what the person may have
--- meant for somebody else.
---@param wanted earshot.Wish
---@param own earshot.Session[]
local function share_or_widen(wanted, own)
  local choices = vim.tbl_map(function(one)
    return { label = ('Add it to the session that is %s'):format(target.describe(one)), one = one }
  end, own)
  choices[#choices + 1] = { label = 'Begin another session, with a code of its own' }
  vim.ui.select(choices, {
    prompt = 'Something is shared already:',
    format_item = function(choice)
      return choice.label
    end,
  }, function(choice)
    if choice and choice.one then
      widen(wanted, choice.one)
    elseif choice then
      share(wanted)
    end
  end)
end

---@param path? string a folder, a file, or "-" for the current buffer; the current folder without
function M.share(path)
  local wanted, problem = wish(path)
  if not wanted then
    return ui.say(problem, vim.log.levels.ERROR)
  end
  target.with_daemon(function()
    local own = vim.tbl_filter(target.is_own, session.list())
    if #own > 0 then
      return share_or_widen(wanted, own)
    end
    share(wanted)
  end)
end

--- Shares more in a session that runs, under the code that it has.
---@param path? string as with share
function M.widen(path)
  local wanted, problem = wish(path)
  if not wanted then
    return ui.say(problem, vim.log.levels.ERROR)
  end
  target.with_session(function(one)
    widen(wanted, one)
  end, target.is_own)
end

--- What is behind a link that opens VS Code: those who send one need not know what it is pasted into.
---@param typed string
---@return string code or link
local function invitation(typed)
  local code = typed:match('^%a[%w+.-]*://earshot%.earshot/join#(.+)$')
  return code and vim.uri_decode(code) or typed
end

---@param typed string a code or a link
local function join(typed)
  leftovers.forget_code(typed)
  local code = invitation(typed)
  target.with_daemon(function()
    ui.say('Joining; :Earshot leave gives up.')
    local this = {}
    joining = this
    local params = { code = code, name = config.name(), workDoneToken = JOIN_TOKEN }
    this.id = session.request('session/join', params, function(err, result)
      if joining == this then
        joining = nil
      end
      if err then
        return ui.fail(err)
      end
      session.update(result.session)
      if result.session.role ~= 'host' then
        ui.say(('Joined %s: :Earshot open picks a file.'):format(target.describe(result.session)))
      end
    end)
  end)
end

---@param code? string a code or a link; asked for without
function M.join(code)
  if code then
    return join(code)
  end
  vim.ui.input({ prompt = 'Code or link: ' }, function(typed)
    typed = typed and vim.trim(typed) or ''
    if typed ~= '' then
      join(typed)
    end
  end)
end

---@param uri string
---@return string
local function shown_path(uri)
  local _, path = guest.split(uri)
  return ui.clean(path or vim.uri_decode(uri))
end

---@param uris string[]
---@return string
local function unsaved_question(uris)
  local names = vim.tbl_map(shown_path, vim.list_slice(uris, 1, MOST_NAMED))
  local more = #uris - #names
  return ('%d %s that nobody saved: %s%s'):format(
    #uris,
    #uris == 1 and 'text has changes' or 'texts have changes',
    table.concat(names, ', '),
    more > 0 and (' and %d more'):format(more) or ''
  )
end

---@param one earshot.Session
---@param unsaved? string
local function leave(one, unsaved)
  session.request('session/leave', { session = one.id, unsaved = unsaved }, function(err)
    if not err then
      one = vim.deepcopy(one)
      one.state, one.reason = 'ended', 'you left'
      trial.left(one.id)
      return session.update(one)
    end
    if not (err.data and err.data.kind == 'unsaved') then
      return ui.fail(err)
    end
    local uris = err.data.uris or {}
    local them = #uris == 1 and 'it' or 'them'
    local choices = { { label = 'Stay' }, { label = ('Save %s, then leave'):format(them), how = 'save' } }
    choices[3] = { label = ('Throw %s away, then leave'):format(them), how = 'discard' }
    vim.ui.select(choices, {
      prompt = unsaved_question(uris),
      format_item = function(choice)
        return choice.label
      end,
    }, function(choice)
      if choice and choice.how then
        leave(one, choice.how)
      end
    end)
  end)
end

--- Leaves a session, or gives up a join that waits, or a trial that begins.
function M.leave()
  if joining then
    session.cancel(joining.id)
    joining = nil
    return ui.say('No longer joining.')
  end
  if trial.give_up() then
    return ui.say('No longer trying.')
  end
  target.with_session(leave)
end

M.members = members.show

--- Makes a new code and link; the old ones are void.
function M.invite()
  target.with_session(function(one)
    session.request('session/invite', { session = one.id }, function(err, made)
      if err then
        return ui.fail(err)
      end
      show_code(made)
    end)
  end)
end

--- Asks for a whole listing, page by page.
---@param one earshot.Session
---@param done fun(entries: table[])
local function list_files(one, done)
  local entries, pages = {}, 0
  local function page(cursor)
    pages = pages + 1
    session.request('file/list', { session = one.id, recursive = true, cursor = cursor }, function(err, result)
      if err then
        return ui.fail(err)
      end
      for _, entry in ipairs(result.entries or {}) do
        if entry.kind == 'file' then
          entries[#entries + 1] = entry
        end
      end
      if result.cursor and result.cursor ~= '' and pages < MOST_PAGES then
        return page(result.cursor)
      end
      done(entries)
    end)
  end
  page()
end

---@param path? string as it is listed; without the only one, or one chosen from a list
function M.open(path)
  target.with_session(function(one)
    list_files(one, function(entries)
      for _, entry in ipairs(entries) do
        if path and shown_path(entry.uri) == path then
          return place.show(entry.uri)
        end
      end
      if path then
        return ui.say(('%s is not shared; :Earshot open lists what is.'):format(path), vim.log.levels.ERROR)
      end
      if #entries == 0 then
        return ui.say('Nothing to open is shared yet.', vim.log.levels.WARN)
      end
      if #entries == 1 then
        return place.show(entries[1].uri)
      end
      vim.ui.select(entries, {
        prompt = 'Shared files:',
        format_item = function(entry)
          return shown_path(entry.uri) .. (entry.readonly and ' (read-only)' or '')
        end,
      }, function(entry)
        if entry then
          place.show(entry.uri)
        end
      end)
    end)
  end)
end

M.jump, M.role, M.remove = members.jump, members.role, members.remove
M.try = trial.run

--- Follows a member, with the view, until the person presses a key.
---@param name? string the only other one, or chosen from a list, without
function M.follow(name)
  target.with_session(function(one)
    target.with_member(one, name, { prompt = 'Follow whom?', only = true }, function(member)
      lead.follow(one, member)
    end)
  end)
end

--- Asks the others to look where this person is.
function M.summon()
  target.with_session(function(one)
    if #target.others(one) == 0 then
      return ui.say('Nobody else is here.', vim.log.levels.WARN)
    end
    lead.summon(one)
  end)
end

M.look = lead.look

--- The guest at the door that is meant; asks where there are several.
---@param name? string
---@param act fun(question: earshot.Question)
local function with_question(name, act)
  -- One who took a name that was here already is marked by the daemon, "Ana (2)", and meant by it too.
  local open_questions = vim.tbl_filter(function(question)
    local called = ui.name(question.member.name):lower()
    return not name or called == name:lower() or called:gsub(' %(%d+%)$', '') == name:lower()
  end, ui.waiting())
  if #open_questions == 0 then
    return ui.say('Nobody waits at the door.', vim.log.levels.WARN)
  end
  if #open_questions == 1 then
    return act(open_questions[1])
  end
  vim.ui.select(open_questions, {
    prompt = 'Whom?',
    format_item = function(question)
      return ('%s (check %s)'):format(ui.introduced(question.member), ui.clean(question.check))
    end,
  }, function(question)
    if question then
      act(question)
    end
  end)
end

---@param name? string
function M.admit(name)
  with_question(name, function(question)
    ui.decide(question, true)
  end)
end

---@param name? string
function M.refuse(name)
  with_question(name, function(question)
    ui.decide(question, false)
  end)
end

--- How one is connected: the slowest link stands for all. A guest's own entry has its link to the host.
---@param all earshot.Session[]
---@return string
local function slowest_link(all)
  local slowest
  for _, one in ipairs(all) do
    for _, member in ipairs(one.members or {}) do
      if member.path and (not slowest or (member.rttMs or 0) > (slowest.rttMs or 0)) then
        slowest = member
      end
    end
  end
  return slowest and members.link(slowest) or ''
end

--- For 'statusline': "" without a session. "earshot 3" counts those who are here, then come what is not as usual and
--- the way to the others: "earshot 3… viewer direct 12 ms →Ada ?1 Ben calls".
---@return string
function M.statusline()
  local all = session.list()
  if #all == 0 then
    return ''
  end
  local here, mending, looks_only = 0, not session.up(), true
  for _, one in ipairs(all) do
    mending = mending or one.state == 'reconnecting'
    looks_only = looks_only and one.role == 'viewer'
    for _, member in ipairs(one.members or {}) do
      here = here + (member.state ~= 'waiting' and 1 or 0)
    end
  end
  local parts = { ('earshot %d%s'):format(here, mending and '…' or '') }
  local waiting, callers, followed = #ui.waiting(), lead.callers(), lead.followed()
  vim.list_extend(parts, {
    looks_only and 'viewer' or '',
    slowest_link(all),
    followed and '→' .. followed or '',
    waiting > 0 and '?' .. waiting or '',
    #callers > 0 and callers[#callers] .. ' calls' or '',
  })
  return (table.concat(parts, ' '):gsub(' +', ' '):gsub(' $', ''))
end

--- Optional: everything works without it.
---@param options? earshot.Options
function M.setup(options)
  config.set(options)
  require('earshot.undo').follow_wish()
end

local function waiting_names()
  return vim.tbl_map(function(question)
    return ui.name(question.member.name)
  end, ui.waiting())
end

local function member_names()
  local names = {}
  for _, one in ipairs(session.list()) do
    for _, member in ipairs(target.others(one)) do
      names[#names + 1] = ui.name(member.name)
    end
  end
  return names
end

local ROLES = { 'editor', 'viewer' }

--- Names, and behind a whole one the roles.
---@param start string
---@return string[]
local function names_and_roles(start)
  local candidates = {}
  for _, name in ipairs(member_names()) do
    if not vim.startswith(start, name .. ' ') then
      candidates[#candidates + 1] = name
    else
      for _, role in ipairs(ROLES) do
        candidates[#candidates + 1] = name .. ' ' .. role
      end
    end
  end
  return candidates
end

--- The number behind :Earshot undo or redo; nil, and the person is told, if it is none.
---@param argument? string
---@return integer?
local function how_often(argument)
  if not argument or argument:match('^[1-9]%d?%d?$') then
    return tonumber(argument or 1)
  end
  ui.say('How often, as a number from 1 to 999: :Earshot undo 3', vim.log.levels.ERROR)
end

---@class earshot.Subcommand
---@field run fun(argument?: string)
---@field complete? fun(start: string): string[]

---@type table<string, earshot.Subcommand>
local subcommands = {
  share = {
    run = M.share,
    complete = function(start)
      return vim.fn.getcompletion(start, 'file')
    end,
  },
  widen = {
    run = M.widen,
    complete = function(start)
      return vim.fn.getcompletion(start, 'file')
    end,
  },
  join = { run = M.join },
  leave = { run = M.leave },
  members = { run = M.members },
  invite = { run = M.invite },
  open = { run = M.open },
  jump = { run = M.jump, complete = member_names },
  follow = { run = M.follow, complete = member_names },
  summon = { run = M.summon },
  look = { run = M.look },
  admit = { run = M.admit, complete = waiting_names },
  refuse = { run = M.refuse, complete = waiting_names },
  role = {
    run = function(argument)
      local name, role = (argument or ''):match('^(.-)%s+(%S+)$')
      if not name or not vim.list_contains(ROLES, role) then
        return ui.say('Say who, and editor or viewer: :Earshot role Ada viewer', vim.log.levels.ERROR)
      end
      M.role(name, role)
    end,
    complete = names_and_roles,
  },
  remove = { run = M.remove, complete = member_names },
  undo = {
    run = function(argument)
      local times = how_often(argument)
      if times then
        require('earshot.undo').undo(times)
      end
    end,
  },
  redo = {
    run = function(argument)
      local times = how_often(argument)
      if times then
        require('earshot.undo').redo(times)
      end
    end,
  },
  try = { run = trial.run },
  log = { run = ui.show_log },
}

--- Runs :Earshot. Everything behind the subcommand is one argument: paths and names may hold blanks.
---@param line string
function M.command(line)
  local name, argument = vim.trim(line):match('^(%S*)%s*(.-)$')
  local subcommand = subcommands[name]
  if not subcommand then
    local names = vim.tbl_keys(subcommands)
    table.sort(names)
    local wrong = name == '' and 'Say what to do' or ('There is no :Earshot %s'):format(name)
    return ui.say(('%s; there is %s.'):format(wrong, table.concat(names, ', ')), vim.log.levels.ERROR)
  end
  subcommand.run(argument ~= '' and argument or nil)
end

---@param line string
---@return string[]
function M.complete(_, line)
  local rest = line:gsub('^.-Earshot!?%s+', '')
  local name, start = rest:match('^(%S+)%s+(.*)$')
  local candidates
  if name then
    local subcommand = subcommands[name]
    candidates = subcommand and subcommand.complete and subcommand.complete(start) or {}
  else
    candidates, start = vim.tbl_keys(subcommands), rest
  end
  local before = #(start:match('^.*%s') or '') -- Neovim replaces what is behind the last blank; names may hold some
  local fitting = {}
  for _, candidate in ipairs(candidates) do
    if vim.startswith(candidate, start) then
      fitting[#fitting + 1] = candidate:sub(before + 1)
    end
  end
  table.sort(fitting)
  return fitting
end

--- Connects when a daemon is running already, so that what is shared from a terminal is live here too.
local function connect_if_running()
  if config.auto() and not session.up() and config.daemon_runs() then
    session.connect(function() end)
  end
end

--- Called once by plugin/earshot.lua.
function M.start()
  local group = vim.api.nvim_create_augroup('earshot', { clear = true })
  require('earshot.apply').setup(group)
  require('earshot.undo').setup()
  session.setup(group)
  host.setup(group, session)
  guest.setup(group, session)
  presence.setup(group, session)
  if vim.v.vim_did_enter == 1 then -- a plugin manager loads it late
    vim.schedule(connect_if_running)
  end
  local events = { 'VimEnter', 'BufReadPost', 'BufNewFile', 'FocusGained', 'InsertEnter', 'CursorHold' }
  vim.api.nvim_create_autocmd(events, {
    group = group,
    callback = function()
      vim.schedule(connect_if_running)
    end,
  })
end

return M
