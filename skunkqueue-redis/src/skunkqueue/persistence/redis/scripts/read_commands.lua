--@ request msgpack
-- listen: reads a mailbox. Takes worker. Answers with the commands; they stay until take_commands.lua removes them.
local commands = call('LRANGE', P .. 'm:' .. R[4], 0, 999)
local reply = { array(#commands) }
for i, command in ipairs(commands) do
  reply[i + 1] = bin(command)
end
return table.concat(reply)
