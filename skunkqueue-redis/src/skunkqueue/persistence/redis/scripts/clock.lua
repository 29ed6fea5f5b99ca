-- What follows when the server's clock was set back, or a failover ended at a machine whose clock is behind: what was due
-- at once stays due, and leases end no later than they would have. A clock set forward needs nothing.
local function shift_all(key, back)
  for _, member in ipairs(call('ZRANGE', key, 0, -1)) do
    call('ZINCRBY', key, -back, member)
  end
end
local function pull_back_running(place, back)
  for _, name in ipairs(call('ZRANGE', P .. 'e:' .. place, 0, -1)) do
    for _, id in ipairs(ids_in(name:match('^%d+'))) do
      local firing = load(id)
      if firing and firing.due > now and firing.due <= firing.enqueued then
        note(firing, { due = precise(firing.due - back) })
      end
    end
  end
end
local function pull_back(line, last, back)
  local late = call('ZRANGEBYSCORE', line, '(' .. precise(now), last)
  for _, member in ipairs(late) do
    local firing = load(member:sub(1, 24))
    if firing.due <= firing.enqueued then
      call('ZREM', line, member)
      note(firing, { due = precise(firing.due - back) })
      call('ZADD', line, firing.due, member_of(firing))
    end
  end
  return #late
end
local function mind_the_clock()
  local last = tonumber(call('GET', P .. 'clock') or 0)
  call('SET', P .. 'clock', precise(now))
  local back = last - now
  if back <= 1 then
    return 0
  end
  local moved = 0
  for _, place in ipairs(call('SMEMBERS', P .. 'routes')) do
    shift_all(P .. 'e:' .. place, back)
    pull_back_running(place, back)
    for rank in (call('HGET', P .. 'q:' .. place, 'ranks') or ''):gmatch('.') do
      moved = moved + pull_back(line_of(place, rank), last, back)
      for _, name in ipairs(call('SMEMBERS', P .. 't')) do
        local where, target = name:match('^(.-)\n(.*)$')
        if where == place then
          moved = moved + pull_back(line_of(place, rank, target), last, back)
        end
      end
    end
    ring(place)
  end
  shift_all(P .. 'wz', back)
  return moved
end
