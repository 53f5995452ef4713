-- The fake daemon as a process: nvim -l fake_attach.lua, spoken to over standard input and output.
package.path = vim.fn.fnamemodify(debug.getinfo(1, 'S').source:sub(2), ':p:h') .. '/?.lua;' .. package.path
local fake = require('fake').new()
fake.buffer = ''
fake.on_data = function(bytes)
  io.stdout:write(bytes)
  io.stdout:flush()
end
function fake:on_test_die()
  io.stderr:write(self and 'noise\nthe fake was told to die\n')
  os.exit(3)
end
while true do
  local line = io.read('*l')
  if not line then
    return
  end
  local length = tonumber(line:match('^Content%-Length: (%d+)'))
  io.read('*l')
  fake:take(('Content-Length: %d\r\n\r\n%s'):format(length, io.read(length)))
end
