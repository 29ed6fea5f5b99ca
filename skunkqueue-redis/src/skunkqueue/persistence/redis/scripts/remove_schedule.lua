--@ once msgpack schedules
-- remove_schedule. Takes name, and generation or false. Answers whether the schedule existed.
local schedule = schedule_of(R[4])
if not schedule or (R[5] and tonumber(schedule.generation) ~= R[5]) then
  return done(NO)
end
disarm(schedule)
remove_schedule(R[4])
return done(YES)
