--@ minutes job_counts standing room
-- sample. Takes places. Answers on how many of them samples were taken, and whether minutes that are over may be left to
-- pack there: it packs some of them as well.
local n, budget, is_more = 0, 500, false
local targets = targets_by_place()
for _, place in ipairs(R[4]) do
  if budget > 0 then
    local work, all = fold(place, budget, budget)
    budget = budget - work
    is_more = is_more or not all
  else
    is_more = true
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
return array(2) .. u64(n) .. (is_more and YES or NO)
