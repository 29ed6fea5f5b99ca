--@ msgpack places
-- Lists names. Takes the set to read and a queue (quoted) or false. Answers with the names of the routes (`routes`) or
-- of the schedules (`zs`).
local found = {}
for _, name in ipairs(R[4] == 'zs' and call('ZRANGE', P .. 'zs', 0, -1) or call('SMEMBERS', P .. R[4])) do
  if not R[5] or queue_of(name) == R[5] then
    found[#found + 1] = str(name)
  end
end
return array(#found) .. table.concat(found)
