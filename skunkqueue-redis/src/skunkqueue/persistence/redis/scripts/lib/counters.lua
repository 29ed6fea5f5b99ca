--@ request job_names
-- Counters of a place, by the minute and by job, until minutes.lua packs them; names and values as counters.tally makes
-- them.
local KEPT = 2764800
local function stats_of(place)
  return P .. 's:' .. place .. ':' .. math.floor(now / 60)
end
-- Lists this minute, so that minutes.lua finds it.
local function note_minute(place)
  call('EXPIRE', stats_of(place), KEPT)
  call('ZADD', P .. 'sz:' .. place, math.floor(now / 60), math.floor(now / 60))
end
-- Adds to one counter; returns whether it is new, and the name under which the job is counted. Only a new counter looks
-- that name up.
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
local function add_value(key, name, value, as)
  if name == 'wait' or name == 'run' then
    call('HINCRBYFLOAT', key, field_of(name, as), value)
  else
    call('HINCRBY', key, field_of(name, as), value)
  end
end
local function tally(place, values, job)
  local key = stats_of(place)
  local new, as = add_up(key, place, values[1], values[2], job)
  if new then
    note_minute(place)
  end
  for i = 3, #values, 2 do
    add_value(key, values[i], values[i + 1], as)
  end
end
-- What a batch of many jobs counted is logged, as a list of fields and values one after the other, and added up for
-- several batches at once: each alone would take hundreds of calls.
local LOGGED = 25
local function logged(place, minute)
  return P .. 'sp:' .. place .. ':' .. minute
end
-- The sums of a log: by name, and by the name under which each job is counted.
local function logged_sums(place, log)
  local sums, found, named = {}, {}, {}
  for _, packed in ipairs(call('LRANGE', log, 0, -1)) do
    local fields = cmsgpack.unpack(packed)
    for i = 1, #fields, 2 do
      local field = fields[i]
      sums[field] = (sums[field] or 0) + fields[i + 1]
    end
  end
  for field, value in pairs(sums) do
    local at = field:find('\n', 1, true)
    local name, job = at and field:sub(1, at - 1) or field, at and field:sub(at + 1) or ''
    local as = named[job] or name_of(place, job)
    named[job] = as
    found[name] = found[name] or {}
    found[name][as] = (found[name][as] or 0) + value
  end
  return found
end
local function log_counts(place, counts)
  local log = logged(place, math.floor(now / 60))
  local n = call('RPUSH', log, counts)
  if n == 1 then
    call('EXPIRE', log, KEPT)
    note_minute(place)
  elseif n >= LOGGED then
    local key = stats_of(place)
    for name, values in pairs(logged_sums(place, log)) do
      for as, value in pairs(values) do
        add_value(key, name, value, as)
      end
    end
    call('DEL', log)
    note_minute(place)
  end
end
-- Firings by job: `RANK\nJOB` is how many ever came, `+STATE\nJOB` how many ended in that state, `-STATE\nJOB` how many
-- of these were removed, `-\nJOB` how many left without ending. Firings of no known job are the rest of the place's own
-- counts.
local function jobs_of(place)
  return P .. 'j:' .. place
end
local function note_job(place, what, n, job)
  if job ~= '' and n ~= 0 then
    add_up(jobs_of(place), place, what, n, job)
  end
end
