--- What the person may set, all of it optional, and where the program is.
local M = {}

--- The oldest Neovim that has what the plugin relies on (vim.uv, exact extmarks under nvim_buf_set_text).
M.OLDEST_NVIM = '0.10'

---@class earshot.Options
---@field cmd? string|string[] the earshot program, without "attach"
---@field name? string the name that others see
---@field auto? boolean attach by itself when a daemon is running (default true)
---@field own_undo? boolean map u and CTRL-R in shared buffers to the daemon's undo of one's own edits (default true)
---@field plain_cursors? boolean mark the others' cursors so that no colour is needed (default: where there is none)

--- What setup() was given; `vim.g.earshot_<key>` is stronger, so that it works without calling setup at all.
---@type earshot.Options
local given = {}

---@param options? earshot.Options
function M.set(options)
  given = vim.tbl_extend('force', given, options or {})
end

---@param key string
local function get(key)
  local global = vim.g['earshot_' .. key]
  if global ~= nil then
    return global
  end
  return given[key]
end

---@return string? name
function M.name()
  local name = get('name')
  return type(name) == 'string' and name ~= '' and name or nil
end

---@return boolean
function M.auto()
  local auto = get('auto')
  return not (auto == false or auto == 0)
end

---@return boolean
function M.own_undo()
  local own = get('own_undo')
  return not (own == false or own == 0)
end

--- How many colours the screen has that has most; 256 where there is no screen.
---@return integer
function M.colours()
  local screens, most = vim.api.nvim_list_uis(), 0
  for _, screen in ipairs(screens) do
    most = math.max(most, screen.rgb and 256 or screen.term_colors or 256)
  end
  return #screens > 0 and most or 256
end

---@return boolean
function M.plain_cursors()
  local plain = get('plain_cursors')
  if plain == nil then
    return M.colours() < 8
  end
  return plain == true or plain == 1
end

--- The plugin's own folder: this file is <folder>/lua/earshot/config.lua.
local function plugin_folder()
  local here = debug.getinfo(1, 'S').source:sub(2)
  return vim.fn.fnamemodify(here, ':p:h:h:h')
end

--- The program, as a command without "attach"; nil and a sentence where there is none.
---@return string[]? command
---@return string? problem
function M.command()
  local set = get('cmd')
  if set ~= nil then
    local command = type(set) == 'table' and vim.deepcopy(set) or { set }
    command[1] = vim.fn.expand(command[1])
    if vim.fn.executable(command[1]) == 1 then
      return command
    end
    return nil, ('g:earshot_cmd names %s, which is no program: correct it, or unset it.'):format(command[1])
  end
  local found = vim.fn.exepath('earshot')
  if found ~= '' then
    return { found }
  end
  local built = vim.fn.fnamemodify(plugin_folder() .. '/../../bin/earshot', ':p')
  if vim.fn.executable(built) == 1 then
    return { built }
  end
  return nil, 'The earshot program was not found: put it on your PATH, or set g:earshot_cmd to it.'
end

--- Whether a daemon seems to be running, told by its socket's file alone: asking costs nothing and starts nothing.
---@return boolean
function M.daemon_runs()
  local uv = vim.uv or vim.loop
  local set = vim.env.EARSHOT_SOCKET
  if set and set ~= '' then
    return uv.fs_stat(set) ~= nil
  end
  local runtime = vim.env.XDG_RUNTIME_DIR
  local folders = {
    runtime and runtime ~= '' and runtime .. '/earshot' or nil,
    uv.getuid and ('/run/user/%d/earshot'):format(uv.getuid()) or nil,
    vim.fn.expand('~/.local/state/earshot/run'),
  }
  for _, folder in pairs(folders) do
    for name in vim.fs.dir(folder) do
      if name:match('%.sock$') then
        return true
      end
    end
  end
  return false
end

return M
