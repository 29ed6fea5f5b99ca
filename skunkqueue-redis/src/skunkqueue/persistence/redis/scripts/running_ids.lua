--@ msgpack places lease_ids
-- rows: finds all that runs. Takes queue (quoted) or false, and route (quoted) or false. Answers with [token, ids one
-- after the other] for each lease.
local reply, n, seen = {}, 0, {}
for _, place in ipairs(call('SMEMBERS', P .. 'routes')) do
  if (not R[4] or queue_of(place) == R[4]) and (not R[5] or place:match(':(.*)$') == R[5]) then
    for _, name in ipairs(call('ZRANGE', P .. 'e:' .. place, 0, -1)) do
      local token = name:match('^%d+')
      if not seen[token] then
        seen[token] = true
        n = n + 1
        reply[n] = '\146' .. str(token) .. str(call('HGET', P .. 'l:' .. token, '*') or table.concat(ids_in(token)))
      end
    end
  end
end
return array(n) .. table.concat(reply)
