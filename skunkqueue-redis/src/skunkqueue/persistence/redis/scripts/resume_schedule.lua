--@ once msgpack schedules
-- resume_schedule. Takes name, group, generation or false, and the number of the argument with the new state or false.
-- Answers whether the schedule was paused.
local schedule = schedule_of(R[4])
if not schedule or not schedule.paused or (R[6] and tonumber(schedule.generation) ~= R[6]) then
  return done(NO)
end
call('HDEL', P .. 'z:' .. R[4], 'paused')
if not is_live(schedule.firing) then
  remember(R[4], R[7])
  arm(R[4], R[5])
end
return done(YES)
