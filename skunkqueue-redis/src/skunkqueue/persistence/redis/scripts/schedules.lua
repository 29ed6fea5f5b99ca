--@ msgpack schedules
-- schedules. Takes queue (quoted) or false, names or false, and the place whose idle schedules are wanted (false: all
-- schedules). Answers with [name, [field, value, ...]] for each.
local function names_of(queue)
  -- All have the same score. After the colon comes the semicolon.
  return call('ZRANGEBYLEX', P .. 'zs', '[' .. queue .. ':', '(' .. queue .. ';')
end
-- Most are not idle, so only what tells is read of each.
local function is_idle(name, place)
  local known = call('HMGET', P .. 'z:' .. name, 'route', 'paused', 'firing')
  local route, paused, firing = known[1], known[2], known[3]
  return route and not paused and queue_of(name) .. ':' .. quote(route) == place and not is_live(firing or '')
end
local names = R[5] or (R[4] and names_of(R[4])) or call('ZRANGE', P .. 'zs', 0, -1)
local reply, n = {}, 0
for _, name in ipairs(names) do
  local flat = (not R[6] or is_idle(name, R[6])) and call('HGETALL', P .. 'z:' .. name) or {}
  if #flat > 0 then
    n = n + 1
    local parts = { '\146' .. str(name) .. array(#flat) }
    for i, value in ipairs(flat) do
      parts[i + 1] = bin(value)
    end
    reply[n] = table.concat(parts)
  end
end
return array(n) .. table.concat(reply)
