-- Counters of a place, by the minute and by job, until fold.lua takes them; names and values as counters.tally makes
-- them. A field is `NAME\nJOB`, or `NAME` alone where the job is not known, as versions before wrote them all.
local MAX_JOBS, OTHER_JOBS = 200, '(other jobs)'
local KEPT = 2764800
local function stats_of(place)
  return P .. 's:' .. place .. ':' .. math.floor(now / 60)
end
-- The name under which a job is counted on a place: its own for the first MAX_JOBS of them.
local function name_of(place, job)
  local known = P .. 'js:' .. place
  if job == '' or call('SISMEMBER', known, job) == 1 then
    return job
  end
  if call('SCARD', known) >= MAX_JOBS then
    return OTHER_JOBS
  end
  call('SADD', known, job)
  return job
end
local function field_of(name, job)
  return job == '' and name or name .. '\n' .. job
end
-- Has fold.lua find this minute.
local function note_minute(place)
  call('EXPIRE', stats_of(place), KEPT)
  call('ZADD', P .. 'sz:' .. place, math.floor(now / 60), math.floor(now / 60))
end
-- Adds to one counter; says whether it is new, and under which name the job is counted. Only a new one asks for that.
local function add_up(key, place, name, n, job)
  if call('HINCRBY', key, field_of(name, job), n) ~= n then
    return false, job
  end
  local as = name_of(place, job)
  if as == job then
    return true, job
  end
  call('HDEL', key, field_of(name, job))
  return call('HINCRBY', key, field_of(name, as), n) == n, as
end
local function count(place, name, n, job)
  local key = stats_of(place)
  if add_up(key, place, name, n, job) then
    note_minute(place)
  end
end
local function tally(place, values, job)
  local key = stats_of(place)
  local new, as = add_up(key, place, values[1], values[2], job)
  if new then
    note_minute(place)
  end
  for i = 3, #values, 2 do
    local name = values[i]
    if name == 'wait' or name == 'run' then
      call('HINCRBYFLOAT', key, field_of(name, as), values[i + 1])
    else
      call('HINCRBY', key, field_of(name, as), values[i + 1])
    end
  end
end
-- Firings by job: `RANK\nJOB` how many ever came, `+STATE\nJOB` and `-STATE\nJOB` how many ended so and are gone since,
-- `-\nJOB` how many left without ending. Those of no known job are what is left of the place's own counts.
local function jobs_of(place)
  return P .. 'j:' .. place
end
local function note_job(place, what, n, job)
  if job ~= '' and n ~= 0 then
    add_up(jobs_of(place), place, what, n, job)
  end
end
