-- Loaded by Neovim at its start; everything else is loaded when it is needed.
if vim.g.loaded_earshot then
  return
end
vim.g.loaded_earshot = true

if vim.fn.has('nvim-0.10') == 0 then
  -- In words that Neovim 0.5 knows as well.
  vim.cmd([[
    command! -nargs=* Earshot echohl ErrorMsg |
      \ echo 'Earshot needs Neovim 0.10 or newer: update Neovim, then run :Earshot again.' | echohl None
  ]])
  return
end

require('earshot').start()

vim.api.nvim_create_user_command('Earshot', function(command)
  require('earshot').command(command.args)
end, {
  nargs = '*',
  desc = 'Share buffers and folders live, or join those who do',
  complete = function(...)
    return require('earshot').complete(...)
  end,
})
