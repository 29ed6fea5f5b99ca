--@ msgpack counters
-- Packs minutes that are over: each into the sum of all jobs (`sm`, one hash an hour) and into sums by job (`sj`), and
-- adds it to the hours (`hs` and `hj`, one hash a day) and to the totals (`to`). So a day is read from few hashes.
local MINUTE_KEPT, HOUR_KEPT = 93600, 2764800
local SAMPLES = { pending = true, running = true, oldest = true }
-- A field is a MessagePack number, so that all fields and values of a hash, one after the other, are a MessagePack map.
local function numbered(n)
  return u64(n)
end
local function merge(into, more)
  for name, value in pairs(more) do
    if SAMPLES[name] then
      into[name] = math.max(into[name] or 0, value)
    else
      into[name] = (into[name] or 0) + value
    end
  end
  return into
end
local function merge_jobs(into, more)
  for job, values in pairs(more) do
    into[job] = merge(into[job] or {}, values)
  end
  return into
end
local function add_packed(key, field, more, add, kept)
  local packed = call('HGET', key, field)
  if packed then
    more = add(cmsgpack.unpack(packed), more)
  end
  call('HSET', key, field, cmsgpack.pack(more))
  if kept then
    call('EXPIRE', key, kept)
  end
end
-- The counters of a minute that is not packed: by job, and of all jobs with the samples.
local function open_minute(place, minute)
  local flat = call('HGETALL', P .. 's:' .. place .. ':' .. minute)
  local jobs, sums = {}, {}
  for i = 1, #flat, 2 do
    local field, value = flat[i], tonumber(flat[i + 1])
    if field:byte(1) == 64 then
      sums[field:sub(2)] = value
    else
      local at = field:find('\n', 1, true)
      local name, job = at and field:sub(1, at - 1) or field, at and field:sub(at + 1) or ''
      local values = jobs[job] or {}
      jobs[job], values[name] = values, value
      sums[name] = (sums[name] or 0) + value
    end
  end
  for name, values in pairs(logged_sums(place, logged(place, minute))) do
    for as, value in pairs(values) do
      jobs[as] = jobs[as] or {}
      jobs[as][name] = (jobs[as][name] or 0) + value
      sums[name] = (sums[name] or 0) + value
    end
  end
  return jobs, sums
end
local function fold_minute(place, minute)
  local key = P .. 's:' .. place .. ':' .. minute
  local jobs, sums = open_minute(place, minute)
  if next(sums) then
    local hour = math.floor(minute / 60)
    local day = math.floor(hour / 24)
    if minute * 60 > now - MINUTE_KEPT then
      add_packed(P .. 'sm:' .. place .. ':' .. hour, numbered(minute), sums, merge, MINUTE_KEPT)
    end
    add_packed(P .. 'hs:' .. place .. ':' .. day, numbered(hour), sums, merge, HOUR_KEPT)
    if next(jobs) then
      if minute * 60 > now - MINUTE_KEPT then
        add_packed(P .. 'sj:' .. place .. ':' .. hour, numbered(minute), jobs, merge_jobs, MINUTE_KEPT)
      end
      add_packed(P .. 'hj:' .. place .. ':' .. day, numbered(hour), jobs, merge_jobs, HOUR_KEPT)
      for job, values in pairs(jobs) do
        add_packed(P .. 'to:' .. place, str(job), values, merge)
      end
    end
  end
  call('DEL', key, logged(place, minute))
  local work = 1
  for _ in pairs(jobs) do
    work = work + 1
  end
  return work
end
-- Packs up to `most` minutes of a place that are over, and no more after so much work (nil: however much); returns how much
-- that was, one for each minute and each job in it, and whether no minute is left.
local function fold(place, most, enough)
  local this = math.floor(now / 60)
  local line, about = P .. 'sz:' .. place, P .. 'q:' .. place
  local seen = tonumber(call('HGET', about, 'folded') or 0)
  local work = 0
  if seen < this - 1 then
    -- Minutes of versions before, which list no minute in `sz`.
    local first = math.max(seen + 1, this - 2880)
    -- To look for fifty takes about as long as to pack one.
    work = math.floor((this - first) / 50)
    for minute = first, this - 1 do
      if call('EXISTS', P .. 's:' .. place .. ':' .. minute) == 1 then
        call('ZADD', line, minute, minute)
      end
    end
    call('HSET', about, 'folded', this - 1)
  end
  local over = call('ZRANGEBYSCORE', line, '-inf', this - 1, 'LIMIT', 0, most)
  for _, minute in ipairs(over) do
    if enough and work >= enough then
      return work, false
    end
    work = work + fold_minute(place, tonumber(minute))
    call('ZREM', line, minute)
  end
  return work, #over < most
end
-- The minutes that are not packed, as a map like those that are.
local function unfolded(place, by_job)
  local this = tostring(math.floor(now / 60))
  local minutes = call('ZRANGE', P .. 'sz:' .. place, 0, -1)
  local known = false
  for _, minute in ipairs(minutes) do
    known = known or minute == this
  end
  if not known then
    minutes[#minutes + 1] = this
  end
  local parts, n = {}, 0
  for _, minute in ipairs(minutes) do
    local jobs, sums = open_minute(place, minute)
    local found = by_job and jobs or sums
    if next(found) then
      n = n + 1
      parts[n] = numbered(tonumber(minute)) .. cmsgpack.pack(found)
    end
  end
  return '\223' .. pack('>I4', n) .. table.concat(parts)
end
local function packed_in(keys)
  local parts, n = { '' }, 0
  for _, key in ipairs(keys) do
    local flat = call('HGETALL', key)
    if #flat > 0 then
      n = n + #flat / 2
      parts[#parts + 1] = table.concat(flat)
    end
  end
  parts[1] = '\223' .. pack('>I4', n)
  return table.concat(parts)
end
