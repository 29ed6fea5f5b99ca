--@ msgpack job_counts standing
-- job_counts. Takes place. Answers whether the counts are exact, and with [job, pending, running, complete, error,
-- killed, expired] for each job.
local place = R[4]
local targets = targets_by_place()
local about = call('HMGET', P .. 'q:' .. place, 'ranks', 'complete', 'error', 'killed', 'expired')
local pending, running = standing(place, about[1], targets)
local left = {
  pending, running, tonumber(about[2] or 0), tonumber(about[3] or 0), tonumber(about[4] or 0), tonumber(about[5] or 0)
}
local by_name, unseen = {}, 0
local found, out = running_by_job(place, 2000)
unseen = out
for job, n in pairs(found) do
  local as = (job == '' or call('SISMEMBER', P .. 'js:' .. place, job) == 1) and job or OTHER_JOBS
  by_name[as] = (by_name[as] or 0) + n
end
local exact, parts = unseen == 0, {}
local function tell(job, counts)
  local any = false
  for i = 1, 6 do
    if counts[i] < 0 then
      counts[i], exact = 0, false
    end
    any = any or counts[i] > 0
  end
  if any then
    parts[#parts + 1] = '\151' .. str(job)
    for i = 1, 6 do
      parts[#parts] = parts[#parts] .. u64(counts[i])
    end
  end
end
for job, one in pairs(known_jobs(place)) do
  local runs = by_name[job] or 0
  local counts = {
    one.live - runs - (unseen > 0 and math.min(unseen, one.live - runs) or 0),
    runs,
    one.complete or 0,
    one.error or 0,
    one.killed or 0,
    one.expired or 0,
  }
  for i = 1, 6 do
    left[i] = left[i] - counts[i]
  end
  tell(job, counts)
end
if unseen > 0 then
  left[1], left[2] = 0, by_name[''] or 0
end
tell('', left)
return '\146' .. (exact and YES or NO) .. array(#parts) .. table.concat(parts)
