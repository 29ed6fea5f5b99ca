--@ msgpack job_counts standing
-- job_counts. Takes places, and a job or false: all jobs. Answers for each place whether the counts are exact, and with
-- [job, pending, running, complete, error, killed, expired] for each job. Where the one job is counted among others of
-- its place, nil stands for that place.
local targets = not R[5] and targets_by_place()
local parts, exact
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
local function counts_of(one, runs, unseen)
  return {
    one.live - runs - (unseen > 0 and math.min(unseen, one.live - runs) or 0),
    runs,
    one.complete or 0,
    one.error or 0,
    one.killed or 0,
    one.expired or 0,
  }
end
local function all_jobs(place)
  local about = call('HMGET', P .. 'q:' .. place, 'ranks', 'complete', 'error', 'killed', 'expired')
  local pending, running = standing(place, about[1], targets)
  local left = {
    pending, running, tonumber(about[2] or 0), tonumber(about[3] or 0), tonumber(about[4] or 0), tonumber(about[5] or 0)
  }
  local by_name, found, unseen = {}, running_by_job(place, 2000)
  exact = unseen == 0
  for job, n in pairs(found) do
    local as = (job == '' or call('SISMEMBER', P .. 'js:' .. place, job) == 1) and job or OTHER_JOBS
    by_name[as] = (by_name[as] or 0) + n
  end
  for job, one in pairs(known_jobs(place)) do
    local counts = counts_of(one, by_name[job] or 0, unseen)
    for i = 1, 6 do
      left[i] = left[i] - counts[i]
    end
    tell(job, counts)
  end
  if unseen > 0 then
    left[1], left[2] = 0, by_name[''] or 0
  end
  tell('', left)
end
-- Returns whether the job has a count of its own there, or no firings.
local function one_job(place, job)
  if call('SISMEMBER', P .. 'js:' .. place, job) == 0 then
    return call('SCARD', P .. 'js:' .. place) < MAX_JOBS
  end
  local found, unseen = running_by_job(place, 2000)
  exact = unseen == 0
  tell(job, counts_of(known_job(place, job), found[job] or 0, unseen))
  return true
end
local reply = { array(#R[4]) }
for i, place in ipairs(R[4]) do
  parts, exact = {}, true
  local known = true
  if R[5] then
    known = one_job(place, R[5])
  else
    all_jobs(place)
  end
  reply[i + 1] = known and '\146' .. (exact and YES or NO) .. array(#parts) .. table.concat(parts) or NIL
end
return table.concat(reply)
