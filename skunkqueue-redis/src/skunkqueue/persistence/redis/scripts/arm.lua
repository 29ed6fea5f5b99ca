--@ base once wire places bells stats put records schedules
-- arm: name, generation, group. Answers whether it was.
local schedule = schedule_of(R[4])
if not schedule or tonumber(schedule.generation) ~= R[5] or schedule.paused then
  return done(NO)
end
if not disarm(schedule) and is_live(schedule.firing) then
  return done(NO)
end
arm(R[4], R[6])
return done(YES)
