--@ minutes job_counts standing room
-- sample. Takes whether to do nothing where samples were taken in this minute. Answers on how many routes samples were
-- taken. Packs some of the minutes that are over as well.
local this, n, budget = math.floor(now / 60), 0, 8
if R[4] then
  local before, rest = (call('GET', P .. 'sampled') or ''):match('^(%d+)(.*)$')
  if tonumber(before) == this and rest == '' then
    return u64(0)
  end
end
local targets = targets_by_place()
for _, place in ipairs(call('SMEMBERS', P .. 'routes')) do
  if budget > 0 then
    budget = budget - fold(place, budget)
  end
  if call('HEXISTS', stats_of(place), '@pending') == 0 then
    local pending, running, oldest = standing(place, call('HGET', P .. 'q:' .. place, 'ranks'), targets)
    local since = oldest and math.max(now - oldest, 0) or 0
    call('HSET', stats_of(place), '@pending', pending, '@running', running, '@oldest', string.format('%.6f', since))
    note_minute(place)
    if pending == 0 and running < 1000 and call('EXISTS', P .. 'adopted') == 1 then
      -- Workers of the version before do not count by job what they remove. What they finished is counted by now
      -- (adopt.lua).
      none_waits(place)
    end
    n = n + 1
  end
end
-- Where minutes may be left to pack, the next sweep goes on.
call('SET', P .. 'sampled', this .. (budget > 0 and '' or '+'), 'EX', 3600)
return u64(n)
