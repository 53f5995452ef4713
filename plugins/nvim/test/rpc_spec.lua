-- The connection: framing in pieces, a daemon that breaks the rules, and a real process at the other end.
local t = _G.t
local rpc = require('earshot.rpc')
local units = require('earshot.units')
local spawn = rpc.spawn
local here = vim.fn.fnamemodify(debug.getinfo(1, 'S').source:sub(2), ':p:h')

local function frame(body)
  return ('Content-Length: %d\r\n\r\n%s'):format(#body, body)
end

--- A connection whose other end is this test.
local function pair()
  local far = { written = '', seen = {} }
  rpc.spawn = function(_, on_data, on_exit)
    far.say, far.exit = on_data, on_exit
    return {
      write = function(bytes)
        far.written = far.written .. bytes
      end,
      close = function()
        far.closed = true
      end,
    }
  end
  local near = rpc.connect({ 'x' }, {
    request = function(id, method, params)
      far.seen[#far.seen + 1] = { id, method, params }
    end,
    notify = function(method, params)
      far.seen[#far.seen + 1] = { method, params }
    end,
    closed = function(reason)
      far.reason = reason
    end,
  })
  rpc.spawn = spawn
  return near, far
end

t.test('messages arrive whole and in order, however they are cut', function()
  local stream = frame('{"jsonrpc":"2.0","method":"a","params":{"n":1}}')
    .. 'Content-Type: x\r\ncontent-length:50\r\n\r\n'
    .. '{"jsonrpc":"2.0","method":"b","params":{"s":"é🎉"}}'
    .. frame('{"jsonrpc":"2.0","id":"q","method":"c","params":null}')
  stream = stream:gsub('content%-length:50', 'content-length:' .. #'{"jsonrpc":"2.0","method":"b","params":{"s":"é🎉"}}')
  for size = 1, 60 do
    local _, far = pair()
    for at = 1, #stream, size do
      far.say(stream:sub(at, at + size - 1))
    end
    t.wait(function()
      return #far.seen == 3
    end, 'three messages')
    t.equal(far.seen, { { 'a', { n = 1 } }, { 'b', { s = 'é🎉' } }, { 'q', 'c', {} } })
  end
end)

t.test('what is no message ends the connection', function()
  for _, bytes in ipairs({
    frame('{"jsonrpc":'),
    frame('7'),
    'Content-Length: x\r\n\r\n',
    'Content-Length: 99999999999\r\n\r\n',
    'Foo: 1\r\n\r\n',
    ('x'):rep(5000),
  }) do
    local near, far = pair()
    local failed
    near:request('m', nil, function(err)
      failed = err
    end)
    far.say(bytes)
    t.wait(function()
      return far.reason ~= nil
    end, 'the end after ' .. bytes:sub(1, 30))
    t.truthy(far.closed and failed and not near.open, bytes:sub(1, 30))
  end
end)

t.test('a handler that fails answers with an error', function()
  local near, far = pair()
  near.handlers.request = function()
    error('oops')
  end
  far.say(frame('{"jsonrpc":"2.0","id":5,"method":"c"}'))
  t.wait(function()
    return far.written:find('"id":5', 1, true)
  end, 'the error')
  t.truthy(far.written:find('-32603', 1, true))
end)

t.test('waiting for an answer lets other messages through, and ends in time', function()
  local near, far = pair()
  vim.defer_fn(function()
    far.say(frame('{"jsonrpc":"2.0","method":"between"}'))
    far.say(frame('{"jsonrpc":"2.0","id":1,"result":{"x":1}}'))
  end, 5)
  local err, result = near:request_sync('m', nil, 2000)
  t.equal({ err, result }, { nil, { x = 1 } })
  t.equal(far.seen[1][1], 'between')
  err = near:request_sync('m', nil, 20)
  t.truthy(err and err.message:find('did not answer', 1, true))
  t.truthy(far.written:find('$/cancelRequest', 1, true) or far.written:find('$\\/cancelRequest', 1, true))
end)

t.test('a process: start, talk, end, and one that can not be started', function()
  local closed
  local near = rpc.connect({ vim.v.progpath, '--clean', '-l', here .. '/fake_attach.lua' }, {
    request = function() end,
    notify = function() end,
    closed = function(reason)
      closed = reason or ''
    end,
  })
  local err, result = near:request_sync('initialize', vim.empty_dict(), 10000)
  t.equal(err, nil)
  t.equal(result.serverInfo.name, 'fake')
  local big = ('é'):rep(1000000)
  near:notify('textDocument/didOpen', { textDocument = { uri = 'file:///x', version = 1, text = big } })
  err, result = near:request_sync('test/model', { uri = 'file:///x' }, 20000)
  t.equal(err, nil)
  t.truthy(result.text == big)
  near:notify('test/die')
  t.wait(function()
    return closed
  end, 'the end')
  t.equal(closed, 'the fake was told to die')
  local none, problem = rpc.connect({ '/no/such/program' }, { closed = function() end })
  t.equal(none, nil)
  t.truthy(problem:find('ENOENT', 1, true))
end)

t.test('units', function()
  local function check(line, units16, byte)
    t.equal(units.byte_of_utf16(line, units16), byte, line .. units16)
  end
  check('', 3, 0)
  check('abc', 2, 2)
  check('é🎉x', 0, 0)
  check('é🎉x', 1, 2)
  check('é🎉x', 2, 2)
  check('é🎉x', 3, 6)
  check('é🎉x', 9, 7)
  t.equal(units.utf16_of_byte('é🎉x', 6), 3)
  t.equal(units.utf16_of_byte('é🎉x', 7), 4)
  t.equal(units.after_char('é🎉x', 2), 6)
  t.equal(units.after_char('é🎉x', 7), 7)
  local fffd = '\239\191\189'
  for bytes, want in pairs({
    ['é🎉'] = 'é🎉',
    ['a\255b'] = 'a' .. fffd .. 'b',
    ['\192\128'] = fffd .. fffd,
    ['\237\160\128'] = fffd .. fffd .. fffd,
    ['\244\144\128\128'] = fffd .. fffd .. fffd .. fffd,
    ['\226\130'] = fffd .. fffd,
    ['\224\160\128'] = '\224\160\128',
  }) do
    t.equal(units.scrub(bytes), want)
  end
end)
