--@ base once wire places bells stats put records schedules
-- declare: name, [field, number of its value, ...], group. Answers whether anything changed.
local name, group = R[4], R[6]
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
  disarm(old)
end
call('HDEL', key, 'next_run', 'interval')
call('HSET', key, unpack(flat))
-- Counted for the whole store, so that no generation comes back after a schedule was removed.
call('HSET', key, 'generation', call('INCR', P .. 'generation'), 'declared', precise(now), 'firing', '')
call('HSETNX', key, 'runs', 0)
call('ZADD', P .. 'zs', 0, name)
if not (old and old.paused) then
  arm(name, group)
end
return done(YES)
