--@ firings lease_ids counters matching
-- How many firings of a place each job has. `running_by_job` looks at up to `limit` running firings, and returns how
-- many it left out.
local function running_by_job(place, limit)
  local found, left, seen = {}, 0, {}
  for _, name in ipairs(call('ZRANGE', P .. 'e:' .. place, 0, -1)) do
    local token = name:match('^%d+')
    if not seen[token] then
      seen[token] = true
      local ids = ids_in(token)
      while #ids > limit do
        left = left + 1
        ids[#ids] = nil
      end
      limit = limit - #ids
      -- A hundred at a time: each comes with its body.
      for first = 1, #ids, 100 do
        local some = { unpack(ids, first, math.min(first + 99, #ids)) }
        local stored = read_all('f:', some)
        for i = 1, #some do
          local one = stored[i]
          local known = one and one ~= ''
          local job = known and job_of({ stored = one, offset = (cmsgpack.unpack_limit(one, 9)) }) or ''
          found[job] = (found[job] or 0) + 1
        end
      end
    end
  end
  return found, left
end
-- Adds a count to those of a job: how many are live, and how many are in each final state.
local function add_count(one, what, n)
  local sign, state = what:match('^([+-])(.*)$')
  if not sign then
    one.live = one.live + n
  elseif state == '' then
    one.live = one.live - n
  else
    one[state] = (one[state] or 0) + (sign == '+' and n or -n)
    if sign == '+' then
      one.live = one.live - n
    end
  end
end
local function known_jobs(place)
  local found = {}
  local flat = call('HGETALL', jobs_of(place))
  for i = 1, #flat, 2 do
    local what, job = flat[i]:match('^([^\n]*)\n(.*)$')
    if what then
      found[job] = found[job] or { live = 0 }
      add_count(found[job], what, tonumber(flat[i + 1]))
    end
  end
  return found
end
-- The same of one job, of which all fields are known.
local function known_job(place, job)
  local names = { '-' }
  for rank = 0, 9 do
    names[#names + 1] = tostring(rank)
  end
  for _, state in ipairs({ 'complete', 'error', 'killed', 'expired' }) do
    names[#names + 1] = '+' .. state
    names[#names + 1] = '-' .. state
  end
  local fields, one = {}, { live = 0 }
  for i, name in ipairs(names) do
    fields[i] = name .. '\n' .. job
  end
  for i, n in ipairs(call('HMGET', jobs_of(place), unpack(fields))) do
    if n then
      add_count(one, names[i], tonumber(n))
    end
  end
  return one
end
-- Notes that all pending firings of a place were removed, without looking at each.
local function none_waits(place)
  local running = running_by_job(place, 100000)
  local named = {}
  for job, n in pairs(running) do
    local as = name_of(place, job)
    named[as] = (named[as] or 0) + n
  end
  for job, one in pairs(known_jobs(place)) do
    local gone = one.live - (named[job] or 0)
    if gone ~= 0 then
      call('HINCRBY', jobs_of(place), field_of('-', job), gone)
    end
  end
end
