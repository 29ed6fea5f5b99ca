--@ base once wire places bells stats put records schedules
-- resume_schedule: name, group. Answers whether there was a pause.
local schedule = schedule_of(R[4])
if not schedule or not schedule.paused then
  return done(NO)
end
call('HDEL', P .. 'z:' .. R[4], 'paused')
if not is_live(schedule.firing) then
  arm(R[4], R[5])
end
return done(YES)
