--@ msgpack schedules
-- schedules. Takes queue (quoted) or false, names or false, and the place whose idle schedules are wanted (false: all
-- schedules). Answers with [name, [field, value, ...]] for each.
local names = R[5] or call('ZRANGE', P .. 'zs', 0, -1)
local reply, n = {}, 0
for _, name in ipairs(names) do
  local flat = (R[5] or not R[4] or queue_of(name) == R[4]) and call('HGETALL', P .. 'z:' .. name) or {}
  if #flat > 0 then
    local wanted = true
    if R[6] then
      local schedule = fields_of(flat)
      local place = queue_of(name) .. ':' .. quote(schedule.route)
      wanted = place == R[6] and not schedule.paused and not is_live(schedule.firing)
    end
    if wanted then
      n = n + 1
      local parts = { '\146' .. str(name) .. array(#flat) }
      for i, value in ipairs(flat) do
        parts[i + 1] = bin(value)
      end
      reply[n] = table.concat(parts)
    end
  end
end
return array(n) .. table.concat(reply)
