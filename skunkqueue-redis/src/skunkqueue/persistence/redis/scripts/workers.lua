--@ request msgpack
-- workers. Takes nothing. Answers with [beat, record] for each live worker.
local ids = call('ZRANGEBYSCORE', P .. 'wz', '(' .. string.format('%.17g', now), '+inf')
local reply = { array(#ids) }
for i, id in ipairs(ids) do
  reply[i + 1] = '\146' .. call('HGET', P .. 'w', id)
end
return table.concat(reply)
