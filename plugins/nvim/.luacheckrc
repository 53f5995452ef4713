globals = { 'vim' }
max_line_length = 120
files['test'] = { globals = { 'vim', 't' } }
-- Generated from the protocol's Go types.
files['lua/earshot/protocol.lua'] = { max_line_length = false }
