-- Names of jobs in counters: a field is `NAME\nJOB`, or `NAME` alone where the job is not known, as versions before
-- wrote them all.
local MAX_JOBS, OTHER_JOBS = 200, '(other jobs)'
-- The name under which a job is counted on a place: its own for the first MAX_JOBS jobs of the place.
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
