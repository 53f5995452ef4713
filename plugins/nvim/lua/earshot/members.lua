--- Who is here and where: the list, going to a member, and what a host can do with one.
local guest = require('earshot.guest')
local note = require('earshot.note')
local place = require('earshot.place')
local presence = require('earshot.presence')
local session = require('earshot.session')
local target = require('earshot.target')
local ui = require('earshot.ui')
local uv = vim.uv or vim.loop

local M = {}

--- A path is shown to this length, by its end: with the columns before it that is what 80 columns hold.
local LONGEST_PATH = 30

---@class earshot.List the open window
---@field buf integer
---@field id string of the session
---@field members table<integer, string> ids by line

local list ---@type earshot.List?

--- A member that is on another way by now is not gone after.
local ARRIVE_MS = 3000

---@class earshot.Bound where a jump leads whose document was not open
---@field id string of the session
---@field member string
---@field here table where the person was when it was shown
---@field ends integer

local bound ---@type earshot.Bound?

---@param text string
---@return string
local function from_the_end(text)
  local length = vim.fn.strchars(text)
  return length <= LONGEST_PATH and text or '…' .. vim.fn.strcharpart(text, length - LONGEST_PATH + 1)
end

---@param one earshot.Session
---@param member earshot.Member
---@return string
local function where(one, member)
  local cursor = presence.of(one.id, member.id)
  if not cursor then
    return ''
  end
  local uri = cursor.textDocument.uri
  local _, path = guest.split(uri)
  path = path or vim.fn.fnamemodify(vim.uri_decode(uri), ':t')
  local selection = (cursor.selections or {})[1]
  return from_the_end(ui.clean(path)) .. (selection and ':' .. selection.active.line + 1 or '')
end

--- By which way a member is connected, and how far away: "direct 12 ms".
---@param member earshot.Member
---@return string
function M.link(member)
  local parts = { member.path }
  if member.rttMs then
    parts[#parts + 1] = ('%d ms'):format(math.floor(member.rttMs + 0.5))
  end
  return ui.clean(table.concat(parts, ' '))
end

---@param one earshot.Session
---@param member earshot.Member
---@return string[]
local function cells(one, member)
  local state = member.state == 'here' and '' or (' (%s)'):format(ui.clean(member.state))
  local you = member.id == one.me and ' (you)' or ''
  return { ui.name(member.name) .. you .. state, ui.clean(member.role), M.link(member), where(one, member) }
end

---@param rows string[][]
---@return string[] lines with the cells of each column below one another
local function columns(rows)
  local widths = {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do
      widths[i] = math.max(widths[i] or 0, vim.fn.strdisplaywidth(cell))
    end
  end
  return vim.tbl_map(function(row)
    local line = ''
    for i, cell in ipairs(row) do
      line = line .. cell .. (' '):rep(widths[i] - vim.fn.strdisplaywidth(cell) + (widths[i] > 0 and 2 or 0))
    end
    return vim.trim(line)
  end, rows)
end

---@param one earshot.Session
---@return string[] lines
---@return table<integer, string> members their ids by line
local function contents(one)
  local lines = { one.code and ('Code %s'):format(one.code) or target.describe(one) }
  if one.link and one.link ~= '' then
    vim.list_extend(lines, note.wrap(('Link %s'):format(one.link), vim.o.columns - 4))
  end
  lines[#lines + 1] = ''
  local members, rows = {}, {}
  for i, member in ipairs(one.members or {}) do
    rows[i] = cells(one, member)
    members[#lines + i] = member.id
  end
  return vim.list_extend(lines, columns(rows)), members
end

---@param one earshot.Session
---@param member earshot.Member
local function jump(one, member)
  local cursor = presence.of(one.id, member.id)
  if not cursor then
    return ui.say(('%s is in no shared text now.'):format(ui.name(member.name)), vim.log.levels.WARN)
  end
  vim.cmd("normal! m'")
  if not place.show(cursor.textDocument.uri) then
    return
  end
  local selection = (cursor.selections or {})[1]
  if selection then
    return place.go(selection.active)
  end
  local here = { buf = vim.api.nvim_get_current_buf(), cursor = vim.api.nvim_win_get_cursor(0) }
  bound = { id = one.id, member = member.id, here = here, ends = uv.now() + ARRIVE_MS }
end

--- Goes on to the place in the document, now that the daemon can tell it; not if the person went on meanwhile.
local function arrive()
  local cursor = bound and presence.of(bound.id, bound.member)
  local selection = cursor and (cursor.selections or {})[1]
  if not selection then
    return
  end
  local here = { buf = vim.api.nvim_get_current_buf(), cursor = vim.api.nvim_win_get_cursor(0) }
  if uv.now() < bound.ends and vim.deep_equal(here, bound.here) and vim.api.nvim_get_mode().mode == 'n' then
    place.go(selection.active)
  end
  bound = nil
end

--- Goes to a member, once.
---@param name? string
function M.jump(name)
  target.with_session(function(one)
    target.with_member(one, name, { prompt = 'Go to whom?', only = true }, function(member)
      jump(one, member)
    end)
  end)
end

--- Does something with the member under the cursor of the list; the list goes.
---@param act fun(one: earshot.Session, member: earshot.Member)
local function with_line(act)
  local one = list and session.sessions[list.id]
  local member = one and session.member(one.id, list.members[vim.fn.line('.')] or '')
  if not one or not member or member.id == one.me then
    return
  end
  vim.cmd.close()
  act(one, member)
end

--- Shows who is here and where. It stays true as long as it is open.
function M.show()
  target.with_session(function(one)
    local lines, members = contents(one)
    local footer = #target.others(one) > 0 and ' <Enter> goes there, f follows ' or nil
    local buf = ui.float(lines, 'Earshot', { whole = true, footer = footer })
    list = { buf = buf, id = one.id, members = members }
    vim.keymap.set('n', '<CR>', function()
      with_line(jump)
    end, { buffer = buf })
    vim.keymap.set('n', 'f', function()
      with_line(require('earshot.lead').follow)
    end, { buffer = buf })
  end)
end

--- What is known of a session has changed: the open list shows it.
---@param id string of the session
function M.refresh(id)
  arrive()
  if not list or list.id ~= id or not session.sessions[id] or not vim.api.nvim_buf_is_valid(list.buf) then
    return
  end
  local lines
  lines, list.members = contents(session.sessions[id])
  ui.refill(list.buf, lines, { whole = true })
end

--- Changes what a guest may do; the host's alone to say.
---@param name string
---@param role string
function M.role(name, role)
  target.with_session(function(one)
    target.with_member(one, name, { prompt = 'Whose role?' }, function(member)
      session.request('member/setRole', { session = one.id, member = member.id, role = role }, function(err)
        if err then
          return ui.fail(err)
        end
        ui.say(('%s is %s now.'):format(ui.name(member.name), role == 'editor' and 'an editor' or 'a viewer'))
      end)
    end)
  end)
end

--- Sends a guest away; the host's alone to do.
---@param name? string chosen from a list without
function M.remove(name)
  target.with_session(function(one)
    target.with_member(one, name, { prompt = 'Remove whom?' }, function(member)
      session.request('member/remove', { session = one.id, member = member.id }, function(err)
        if err then
          return ui.fail(err)
        end
        ui.say(('%s was removed; :Earshot invite voids the code.'):format(ui.name(member.name)))
      end)
    end)
  end)
end

return M
