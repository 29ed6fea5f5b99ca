--@ base wire
-- pools: nothing. Answers with [beat, record] for each that lives.
local ids = call('ZRANGEBYSCORE', P .. 'pz', '(' .. string.format('%.17g', now), '+inf')
local reply = { array(#ids) }
for i, id in ipairs(ids) do
  reply[i + 1] = '\146' .. call('HGET', P .. 'p', id)
end
return table.concat(reply)
