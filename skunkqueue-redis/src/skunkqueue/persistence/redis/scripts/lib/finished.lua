--@ firings wakeups counters
-- Files finished firings away. Firings of one job that finish together form a chunk; where a batch has many jobs, it
-- forms one chunk.
-- `marks`, where there are any: [name, ids one after the other] of each index in which some of them are found: `t:TAG`,
-- `k:KEY`, `e:TYPE` of an error, or `p:ID` of the firing that fired them.
local function by_job(place, state, job)
  return P .. 'nj:' .. place .. ':' .. state .. ':' .. job
end
local function split(listed)
  local ids = {}
  for i = 1, #listed / 24 do
    ids[i] = listed:sub(24 * i - 23, 24 * i)
  end
  return ids
end
-- The mark of a firing whose earlier attempts failed, and whose end (`ended`) has no error.
local function past_error(firing, ended)
  local line = firing.extras and firing.extras.error
  if not line or line == '' then
    return nil
  end
  if ended then
    local offset = cmsgpack.unpack_limit(ended, 5, 1)
    local _, at = bin_at(ended, offset + 1)
    local _, behind = bin_at(ended, at)
    if behind <= #ended and select(3, cmsgpack.unpack_limit(ended, 2, behind - 1)) then
      return nil
    end
  end
  return { 'e:' .. line:match('^([^:]*)'):match('^%s*(.-)%s*$'), firing.id }
end
-- `at`: when the firings ended, where that was not now; then nobody waits for them. `jobs`, where there are many: their
-- names, how many firings each has, and (packed) [name, ids one after the other] of each.
local function file_away(place, state, ids, chunk, ttl, worker, listed, job, marks, at, jobs)
  local when = precise(at or now)
  call('ZADD', P .. 'n:' .. place .. ':' .. state, when, chunk)
  local about = { at or now, worker, place, state, listed or table.concat(ids), job, marks }
  if jobs then
    about[7], about[8] = marks or {}, jobs[3]
  end
  for i, name in ipairs(jobs and jobs[1] or { job }) do
    if name ~= '' then
      call('ZADD', by_job(place, state, name), when, chunk)
      note_job(place, '+' .. state, jobs and jobs[2][i] or #ids, name)
    end
  end
  call('ZADD', P .. 'gone', (at or now) + ttl, chunk)
  call('HSET', P .. 'c', chunk, cmsgpack.pack(about))
  call('HINCRBY', P .. 'q:' .. place, state, #ids)
  for _, mark in ipairs(marks or {}) do
    local flat = {}
    for i, id in ipairs(split(mark[2])) do
      flat[2 * i - 1], flat[2 * i] = when, id
    end
    call('ZADD', P .. 'i:' .. mark[1], unpack(flat))
  end
  if not at then
    announce(ids)
  end
end
-- The marks of a firing that ended without an outcome.
local function marks_of(firing, labels, ended)
  local marks = {}
  for _, tag in ipairs(labels[2]) do
    marks[#marks + 1] = { 't:' .. tag, firing.id }
  end
  if firing.key then
    marks[#marks + 1] = { 'k:' .. firing.key, firing.id }
  end
  -- Not null: missing labels at the end are left out, and it is the last.
  if labels[4] then
    marks[#marks + 1] = { 'p:' .. labels[4], firing.id }
  end
  marks[#marks + 1] = past_error(firing, ended)
  return marks
end
