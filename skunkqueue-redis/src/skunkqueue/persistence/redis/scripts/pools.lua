--@ request msgpack
-- pools. Takes nothing. Answers with [beat, record] for each live pool.
local ids = call('ZRANGEBYSCORE', P .. 'pz', '(' .. string.format('%.17g', now), '+inf')
local reply = { array(#ids) }
for i, id in ipairs(ids) do
  reply[i + 1] = '\146' .. call('HGET', P .. 'p', id)
end
return table.concat(reply)
