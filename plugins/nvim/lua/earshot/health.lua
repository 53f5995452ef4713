--- :checkhealth earshot
local config = require('earshot.config')
local protocol = require('earshot.protocol')

local M = {}

local REACH_MS = 10000

local function check_program()
  local command, problem = config.command()
  if not command then
    vim.health.error(problem)
    return false
  end
  vim.health.ok('program: ' .. table.concat(command, ' '))
  local version = vim.fn.system(vim.list_extend(command, { 'version' }))
  if vim.v.shell_error == 0 then
    vim.health.info(vim.trim(version):match('[^\n]*'))
  end
  return true
end

local function check_daemon()
  local session = require('earshot.session')
  local done, problem = false, nil
  session.connect(function(p)
    done, problem = true, p
  end)
  vim.wait(REACH_MS, function()
    return done
  end, 10)
  if not session.up() then
    return vim.health.error(problem or 'The daemon does not answer.', 'Run `earshot status` in a terminal to see why.')
  end
  vim.health.ok(('daemon %s answers, positions in %s'):format(session.daemon.serverVersion or '', session.encoding))
  local version = session.daemon.protocolVersion
  if version == protocol.version then
    vim.health.ok(('protocol version %d'):format(version))
  else
    vim.health.warn(
      ('the daemon speaks protocol version %s, this plugin %d'):format(tostring(version), protocol.version),
      'Update both to the same release.'
    )
  end
  vim.health.info(('%d session(s)'):format(#session.list()))
end

function M.check()
  vim.health.start('earshot')
  if vim.fn.has('nvim-' .. config.OLDEST_NVIM) == 0 then
    return vim.health.error(('Neovim %s or newer is needed'):format(config.OLDEST_NVIM), 'Update Neovim.')
  end
  local version = vim.version()
  vim.health.ok(('Neovim %d.%d.%d'):format(version.major, version.minor, version.patch))
  if vim.fn.has('clipboard') == 1 then
    vim.health.ok('codes are copied to the clipboard')
  else
    vim.health.info('no clipboard: codes are shown, not copied (see :help clipboard)')
  end
  if check_program() then
    check_daemon()
  end
end

return M
