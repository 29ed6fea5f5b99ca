--@ places lines register wakeups counters
-- Puts firings in, by groups. The firings of a group share all but id, body, key and job; a group is a list of place,
-- rank, due (or the due times of each), delay, expires, expires_in, target, ids, keys, the number of the argument
-- before the first fragment, the names of their jobs, and (where these are several) the number of each firing's job.
local function store(bucket, ids, fields, first, last)
  local key = P .. 'f:' .. bucket
  local n = last - first + 1
  call('HSET', key, unpack(fields))
  if call('HLEN', key) == n then
    call('ZADD', P .. 'b', 0, bucket)
  end
end
-- Calls other(i, id) where a firing of the group is not put in because its key is in use by `id`.
local function put(group, other)
  local place, rank, due, delay, expires, expires_in, target, ids, keys, before, jobs, of = unpack(group, 1, 12)
  expires = expires or (expires_in and now + expires_in)
  local enqueued = '\203' .. struct.pack('>d', now) .. '\203'
  local ends = expires and '\203' .. struct.pack('>d', expires) or '\192'
  local dues, head, score = type(due) == 'table' and due, nil, nil
  local function set_due(one)
    head, score = enqueued .. struct.pack('>d', one) .. ends, string.format('%.17g', one)
  end
  if not dues then
    set_due(due or now + delay)
  end
  local line = line_of(place, rank, target)
  local added, all = {}, 0
  if keys then
    local held = P .. 'k:' .. queue_of(place)
    for i, id in ipairs(ids) do
      local bucket = id:sub(1, 9)
      local key = keys[i]
      if call('HEXISTS', P .. 'f:' .. bucket, id) == 0 then
        local holder = key and call('HGET', held, key)
        if holder then
          other(i, holder)
        else
          if key then
            call('HSET', held, key, id)
          end
          store(bucket, ids, { id, head .. ARGV[before + i] }, i, i)
          call('ZADD', line, score, key and id .. 'k' or id)
          local job = of and of[i] or 1
          added[job], all = (added[job] or 0) + 1, all + 1
        end
      end
    end
  else
    buckets(ids, function(bucket, first, last)
      local known = call('HMGET', P .. 'f:' .. bucket, unpack(ids, first, last))
      local fields, members, n = {}, {}, 0
      for i = first, last do
        if not known[i - first + 1] then
          local id = ids[i]
          if dues then
            set_due(dues[i])
          end
          n = n + 2
          fields[n - 1] = id
          fields[n] = head .. ARGV[before + i]
          members[n - 1] = score
          members[n] = id
          if of then
            added[of[i]] = (added[of[i]] or 0) + 1
          end
        end
      end
      if n > 0 then
        store(bucket, ids, fields, 1, n / 2)
        call('ZADD', line, unpack(members))
        all = all + n / 2
        if not of then
          added[1] = all
        end
      end
    end)
  end
  for job, n in pairs(added) do
    if add_up(jobs_of(place), place, tostring(rank), n, jobs[job]) then
      register(place, rank)
    end
    count(place, 'enqueued', n, jobs[job])
  end
  if all == 0 then
    return
  end
  if target then
    call('HINCRBY', P .. 'q:' .. place, 'aimed', all)
    call('SADD', P .. 't', place .. '\n' .. target)
    wake_worker(place, target)
  else
    wake(place)
  end
end
