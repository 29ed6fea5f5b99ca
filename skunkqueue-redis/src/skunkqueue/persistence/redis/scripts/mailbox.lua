--@ base wire
-- mailbox: worker. Answers with the commands, and leaves them there until they are taken.
local commands = call('LRANGE', P .. 'm:' .. R[4], 0, 999)
local reply = { array(#commands) }
for i, command in ipairs(commands) do
  reply[i + 1] = bin(command)
end
return table.concat(reply)
