--- Counting in a line: bytes (Neovim's own), UTF-16 units (where the daemon offers nothing better), and what is
--- UTF-8 at all. Pure functions.
local M = {}

--- The length of the well-formed character at byte i (1-based), or nil (RFC 3629, table 3-7 of Unicode).
---@param s string
---@param i integer
---@return integer? bytes
local function char_length(s, i)
  local a, b, c, d = s:byte(i, i + 3)
  if a < 0x80 then
    return 1
  end
  local function tail(x)
    return x and x >= 0x80 and x < 0xC0
  end
  if a >= 0xC2 and a < 0xE0 then
    return tail(b) and 2 or nil
  end
  if a >= 0xE0 and a < 0xF0 then
    local low, high = a == 0xE0 and 0xA0 or 0x80, a == 0xED and 0x9F or 0xBF
    return b and b >= low and b <= high and tail(c) and 3 or nil
  end
  if a >= 0xF0 and a < 0xF5 then
    local low, high = a == 0xF0 and 0x90 or 0x80, a == 0xF4 and 0x8F or 0xBF
    return b and b >= low and b <= high and tail(c) and tail(d) and 4 or nil
  end
end

--- The text with each byte that is no UTF-8 replaced by U+FFFD, as a JSON decoder would; the very same if it is sound.
---@param s string
---@return string
function M.scrub(s)
  local out, from, i = nil, 1, s:find('[\128-\255]')
  while i do
    local n = char_length(s, i)
    if not n then
      out = out or {}
      out[#out + 1] = s:sub(from, i - 1) .. '\239\191\189'
      from = i + 1
    end
    i = s:find('[\128-\255]', i + (n or 1))
  end
  if not out then
    return s
  end
  out[#out + 1] = s:sub(from)
  return table.concat(out)
end

--- The byte at which the given UTF-16 unit of a line stands, clamped to the line; inside a pair it is the pair's start.
---@param line string
---@param units integer
---@return integer byte zero-based
function M.byte_of_utf16(line, units)
  local i, seen = 1, 0
  while i <= #line and seen < units do
    local n = char_length(line, i) or 1
    seen = seen + (n == 4 and 2 or 1)
    if seen > units then
      break
    end
    i = i + n
  end
  return i - 1
end

--- The UTF-16 unit at which the given byte of a line stands.
---@param line string
---@param byte integer zero-based
---@return integer units
function M.utf16_of_byte(line, byte)
  local i, seen = 1, 0
  while i <= #line and i <= byte do
    local n = char_length(line, i) or 1
    seen = seen + (n == 4 and 2 or 1)
    i = i + n
  end
  return seen
end

--- The byte just behind the character that begins at a byte, for selections that include it.
---@param line string
---@param byte integer zero-based
---@return integer byte
function M.after_char(line, byte)
  if byte >= #line then
    return #line
  end
  return byte + (char_length(line, byte + 1) or 1)
end

return M
