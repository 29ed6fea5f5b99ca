--@ once msgpack schedules
-- declare. Takes name, [field, number of the argument with its value, ...], group, and [generation, firing, runs,
-- whether that firing runs] or false. Answers whether anything changed; nil where the schedule is not as the last of
-- these says.
local name, group, over = R[4], R[6], R[7]
local flat = R[5]
for i = 2, #flat, 2 do
  flat[i] = ARGV[flat[i]]
end
local fields = fields_of(flat)
local key = P .. 'z:' .. name
local old = schedule_of(name)
if old then
  local same = true
  for _, field in ipairs({ 'route', 'strategy', 'params', 'body', 'priority' }) do
    same = same and old[field] == fields[field]
  end
  if same then
    return done(NO)
  end
end
if over then
  local stands = old and tonumber(old.generation) == over[1] and old.firing == over[2] and tonumber(old.runs) == over[3]
  if not stands then
    return done(NIL)
  end
end
if old and not disarm(old) and over and not over[4] and is_live(old.firing) then
  -- The firing runs, so nothing was removed.
  return done(NIL)
end
call('HDEL', key, 'next_run', 'interval')
call('HSET', key, unpack(flat))
-- Generations are counted for the whole store, so that none comes back after its schedule was removed.
call('HSET', key, 'generation', call('INCR', P .. 'generation'), 'declared', precise(now), 'firing', '')
call('HSETNX', key, 'runs', 0)
call('ZADD', P .. 'zs', 0, name)
if not (old and old.paused) then
  arm(name, group)
end
return done(YES)
