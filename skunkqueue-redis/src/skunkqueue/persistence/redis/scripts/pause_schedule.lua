--@ once msgpack schedules
-- pause_schedule. Takes name. Answers whether the schedule exists.
local schedule = schedule_of(R[4])
if not schedule then
  return done(NO)
end
local key = P .. 'z:' .. R[4]
if disarm(schedule) then
  call('HSET', key, 'firing', '')
end
call('HSET', key, 'paused', 1)
call('HDEL', key, 'next_run')
return done(YES)
