--@ once msgpack schedules
-- arm. Takes name, generation, group, the number of the argument with the new state or false, and the firing that the
-- schedule must name or false. Answers whether it armed the schedule.
local schedule = schedule_of(R[4])
if not schedule or tonumber(schedule.generation) ~= R[5] or schedule.paused or (R[8] and schedule.firing ~= R[8]) then
  return done(NO)
end
if not disarm(schedule) and is_live(schedule.firing) then
  return done(NO)
end
remember(R[4], R[7])
arm(R[4], R[6])
return done(YES)
