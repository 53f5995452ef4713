--- Earshot for Neovim: one text in several editors. This plugin reports and applies; the daemon does all the rest.
---
---   :Earshot share|join|leave|members|invite|open|follow|admit|refuse|role|remove|undo|redo|log
local config = require('earshot.config')
local guest = require('earshot.guest')
local host = require('earshot.host')
local leftovers = require('earshot.leftovers')
local presence = require('earshot.presence')
local session = require('earshot.session')
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

--- Runs `act` on a connection, or says why there is none.
---@param act fun()
local function with_daemon(act)
  session.connect(function(problem)
    if problem then
      return ui.say(problem, vim.log.levels.ERROR)
    end
    act()
  end)
end

---@param one earshot.Session
---@return string
local function describe(one)
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

--- Runs `act` on the session there is, or on the one chosen.
---@param act fun(one: earshot.Session)
local function with_session(act)
  with_daemon(function()
    local all = session.list()
    if #all == 0 then
      return ui.say('There is no session: begin one by :Earshot share, or :Earshot join CODE.', vim.log.levels.WARN)
    end
    if #all == 1 then
      return act(all[1])
    end
    vim.ui.select(all, { prompt = 'Which session?', format_item = describe }, function(one)
      if one then
        act(one)
      end
    end)
  end)
end

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

---@param path? string a folder, a file, or "-" for the current buffer; the current folder without
function M.share(path)
  local wanted, problem = wish(path)
  if not wanted then
    return ui.say(problem, vim.log.levels.ERROR)
  end
  with_daemon(function()
    local held = attach_before(wanted)
    local params = vim.tbl_extend('force', { name = config.name() }, wanted)
    session.request('session/share', params, function(err, result)
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
      show_code(result.session)
    end)
  end)
end

---@param code string
local function join(code)
  leftovers.forget_code(code)
  with_daemon(function()
    ui.say('Joining; the host is asked to let you in.')
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
        ui.say(('Joined %s: :Earshot open picks a file.'):format(describe(result.session)))
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

--- Leaves a session, or gives up a join that waits.
function M.leave()
  if joining then
    session.cancel(joining.id)
    joining = nil
    return ui.say('No longer joining.')
  end
  with_session(leave)
end

---@param one earshot.Session
---@param member earshot.Member
---@return string
local function where(one, member)
  for _, cursor in ipairs(presence.cursors[one.id] or {}) do
    local selection = cursor.selections and cursor.selections[#cursor.selections]
    if cursor.member == member.id and cursor.textDocument and selection then
      local _, path = guest.split(cursor.textDocument.uri)
      path = path or vim.fn.fnamemodify(vim.uri_decode(cursor.textDocument.uri), ':t')
      return ('%s:%d'):format(ui.clean(path), selection.active.line + 1)
    end
  end
  return ''
end

---@param one earshot.Session
---@return string[]
local function member_lines(one)
  local lines = { one.code and ('Code %s'):format(one.code) or describe(one) }
  if one.link and one.link ~= '' then
    lines[#lines + 1] = ('Link %s'):format(one.link)
  end
  lines[#lines + 1] = ''
  for _, member in ipairs(one.members or {}) do
    local link = member.path or ''
    if member.rttMs then
      link = ('%s %d ms'):format(link, math.floor(member.rttMs + 0.5))
    end
    local state = member.state == 'here' and '' or ' (' .. member.state .. ')'
    local you = member.id == one.me and ' (you)' or ''
    lines[#lines + 1] = vim.trim(
      ('%-24s  %-6s  %-14s  %s'):format(ui.name(member.name) .. you .. state, member.role, link, where(one, member))
    )
  end
  return lines
end

function M.members()
  with_session(function(one)
    ui.float(member_lines(one), 'Earshot')
  end)
end

--- Makes a new code and link; the old ones are void.
function M.invite()
  with_session(function(one)
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

--- Opens a document; a host's own as the file it is.
---@param one earshot.Session
---@param uri string
local function open(one, uri)
  local _, path = guest.split(uri)
  if one.role == 'host' and one.folder and path then
    local file = vim.uri_to_fname(one.folder) .. '/' .. path
    return vim.cmd({ cmd = 'edit', args = { file }, magic = { file = false, bar = false } })
  end
  if uri:match('^file:') then
    return vim.cmd({ cmd = 'edit', args = { vim.uri_to_fname(uri) }, magic = { file = false, bar = false } })
  end
  guest.edit(uri)
end

---@param path? string as it is listed; chosen from a list without
function M.open(path)
  with_session(function(one)
    list_files(one, function(entries)
      for _, entry in ipairs(entries) do
        if path and shown_path(entry.uri) == path then
          return open(one, entry.uri)
        end
      end
      if path then
        return ui.say(('%s is not shared; :Earshot open lists what is.'):format(path), vim.log.levels.ERROR)
      end
      if #entries == 0 then
        return ui.say('Nothing to open is shared yet.', vim.log.levels.WARN)
      end
      vim.ui.select(entries, {
        prompt = 'Shared files:',
        format_item = function(entry)
          return shown_path(entry.uri) .. (entry.readonly and ' (read-only)' or '')
        end,
      }, function(entry)
        if entry then
          open(one, entry.uri)
        end
      end)
    end)
  end)
end

---@param one earshot.Session
---@return earshot.Member[]
local function others(one)
  return vim.tbl_filter(function(member)
    return member.id ~= one.me
  end, one.members or {})
end

---@param one earshot.Session
---@param name string
---@return earshot.Member? member none, and the person is told, if nobody here is called that
local function member_called(one, name)
  for _, member in ipairs(others(one)) do
    if ui.name(member.name):lower() == name:lower() then
      return member
    end
  end
  ui.say(('No %s is here; :Earshot members tells who is.'):format(ui.clean(name)), vim.log.levels.ERROR)
end

---@param name? string a member's name; nobody without
function M.follow(name)
  with_session(function(one)
    local member = name and member_called(one, name)
    if name and not member then
      return
    end
    session.request('presence/follow', { session = one.id, member = member and member.id or vim.NIL }, function(err)
      if err then
        return ui.fail(err)
      end
      ui.say(member and ('Following %s; :Earshot follow ends it.'):format(ui.name(member.name)) or 'Following nobody.')
    end)
  end)
end

--- Changes what a guest may do; the host's alone to say.
---@param name string
---@param role string
function M.role(name, role)
  with_session(function(one)
    local member = member_called(one, name)
    if not member then
      return
    end
    session.request('member/setRole', { session = one.id, member = member.id, role = role }, function(err)
      if err then
        return ui.fail(err)
      end
      ui.say(('%s is %s now.'):format(ui.name(member.name), role == 'editor' and 'an editor' or 'a viewer'))
    end)
  end)
end

---@param one earshot.Session
---@param member earshot.Member
local function remove(one, member)
  session.request('member/remove', { session = one.id, member = member.id }, function(err)
    if err then
      return ui.fail(err)
    end
    ui.say(('%s was removed; :Earshot invite voids the code.'):format(ui.name(member.name)))
  end)
end

--- Sends a guest away; the host's alone to do.
---@param name? string chosen from a list without
function M.remove(name)
  with_session(function(one)
    if name then
      local member = member_called(one, name)
      return member and remove(one, member)
    end
    if #others(one) == 0 then
      return ui.say('Nobody else is here.', vim.log.levels.WARN)
    end
    vim.ui.select(others(one), {
      prompt = 'Remove whom?',
      format_item = function(member)
        return ('%s (%s)'):format(ui.name(member.name), ui.clean(member.role))
      end,
    }, function(member)
      if member then
        remove(one, member)
      end
    end)
  end)
end

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

--- For 'statusline': "" without a session. "earshot 3" counts those who are here, "…" means that the link is being
--- mended, "?1" that one waits at the door.
---@return string
function M.statusline()
  local all = session.list()
  if #all == 0 then
    return ''
  end
  local here, mending = 0, not session.up()
  for _, one in ipairs(all) do
    mending = mending or one.state == 'reconnecting'
    for _, member in ipairs(one.members or {}) do
      here = here + (member.state ~= 'waiting' and 1 or 0)
    end
  end
  local waiting = #ui.waiting()
  return ('earshot %d%s%s'):format(here, mending and '…' or '', waiting > 0 and ' ?' .. waiting or '')
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
    for _, member in ipairs(others(one)) do
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
  join = { run = M.join },
  leave = { run = M.leave },
  members = { run = M.members },
  invite = { run = M.invite },
  open = { run = M.open },
  follow = { run = M.follow, complete = member_names },
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
  vim.api.nvim_create_autocmd({ 'BufReadPost', 'BufNewFile', 'FocusGained', 'InsertEnter', 'CursorHold' }, {
    group = group,
    callback = function()
      vim.schedule(connect_if_running)
    end,
  })
end

return M
