--@ base once wire places bells stats put records schedules
-- pause_schedule: name. Answers whether there is one.
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
